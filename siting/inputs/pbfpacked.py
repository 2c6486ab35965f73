"""Integers as protocol buffers pack them, decoded many at a time with numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from siting.inputs.pbfblocks import StrangeError

if TYPE_CHECKING:
    import numpy.typing as npt

    Bytes = npt.NDArray[np.uint8]
    Ints = npt.NDArray[np.int64]

MORE, LOW = 0x80, 0x7F
"""Of each byte of an integer: whether another one follows, and the bits that it brings."""
_MOST_BYTES = 10


def among(values: Ints, known: Ints) -> npt.NDArray[np.bool_]:
    """Tell which values are among known ones that ascend; numpy's `isin` would sort the values."""
    if not len(known):
        return np.zeros(len(values), dtype=np.bool_)
    at = np.minimum(np.searchsorted(known, values), len(known) - 1)
    found: npt.NDArray[np.bool_] = known[at] == values
    return found


def varints_at(data: Bytes, at: Ints) -> tuple[Ints, Ints]:
    """Return the integers that begin at some places, and where they end."""
    value = np.zeros(len(at), dtype=np.int64)
    after = at.copy()
    rows = np.arange(len(at))
    for place in range(_MOST_BYTES):
        byte = data[after[rows]].astype(np.int64)
        value[rows] |= (byte & LOW) << (7 * place)
        after[rows] += 1
        rows = rows[byte >= MORE]
        if not len(rows):
            return value, after
    raise StrangeError


def ragged(data: Bytes, first: Ints, size: Ints) -> tuple[Ints, Ints]:
    """Return the integers of many lists one after the other, and where each list begins."""
    edge = np.r_[0, np.cumsum(size)]
    place = np.repeat(first - edge[:-1], size) + np.arange(edge[-1])
    packed = data[place]
    last = np.r_[0, np.cumsum(packed < MORE)]
    return varints(packed).view(np.int64), last[edge]


def varints(packed: Bytes) -> npt.NDArray[np.uint64]:
    """Decode variable-length integers that stand one after the other."""
    ends = np.flatnonzero(packed < MORE)
    if not len(packed):
        return np.zeros(0, dtype=np.uint64)
    if not len(ends) or ends[-1] != len(packed) - 1:
        raise StrangeError
    start = np.r_[0, ends[:-1] + 1]
    length = ends - start + 1
    value = (packed[start] & LOW).astype(np.uint64)
    rows = np.arange(len(start))
    for place in range(1, int(length.max())):
        if place >= _MOST_BYTES:
            raise StrangeError
        rows = rows[length[rows] > place]
        byte = (packed[start[rows] + place] & LOW).astype(np.uint64)
        value[rows] |= byte << np.uint64(7 * place)
    return value


def signed(value: npt.NDArray[np.uint64]) -> Ints:
    """Undo the zigzag coding of signed integers."""
    half = (value >> np.uint64(1)).view(np.int64)
    return half ^ -(value & np.uint64(1)).view(np.int64)
