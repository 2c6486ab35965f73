"""Many lines as flat arrays: cut, thinned, and matched with their opposite directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Bools = npt.NDArray[np.bool_]

_GRID = 10_000_000  # 1e-7 degrees, the resolution of OSM coordinates
_LAT_BITS = 31


@dataclass(frozen=True, slots=True)
class Lines:
    """
    Lines as ragged arrays.

    Attributes
    ----------
    lonlat
        Degrees, shape (vertices, 2); NaN where the source has no location.
    vertex_id
        One id a vertex, shape (vertices,).
    start
        Offset of each line's first vertex, shape (lines + 1,).
    """

    lonlat: Floats
    vertex_id: Ints
    start: Ints

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self.start) - 1

    @property
    def size(self) -> Ints:
        """Vertices of each line, shape (lines,)."""
        return np.diff(self.start)

    @property
    def owner(self) -> Ints:
        """Line of each vertex, shape (vertices,)."""
        return np.repeat(np.arange(len(self)), self.size)


def coordinate_ids(lonlat: Floats) -> Ints:
    """
    Return one id for each distinct place on a grid of 1e-7 degrees (about 1 cm), shape (n,).

    The id is the place itself, packed into an int64, so that it doesn't depend on what else is in
    the file.
    """
    cells: Ints = np.rint((lonlat + np.array((180.0, 90.0))) * _GRID).astype(np.int64)
    ids: Ints = (cells[:, 0] << _LAT_BITS) | cells[:, 1]
    return ids


def take(lines: Lines, rows: Ints | Bools) -> Lines:
    """Return some lines, by row number or mask, in that order."""
    index = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
    size = lines.size[index]
    start = np.r_[0, np.cumsum(size)]
    vertex = np.repeat(lines.start[index] - start[:-1], size) + np.arange(start[-1])
    return Lines(lines.lonlat[vertex], lines.vertex_id[vertex], start)


def located_parts(lines: Lines) -> tuple[Lines, Ints]:
    """
    Cut lines where vertices have no location, and drop repeated vertices.

    Parameters
    ----------
    lines
        Lines, some vertices NaN (ways that reach out of an extract).

    Returns
    -------
    parts
        Runs of at least two different located vertices.
    line
        The line each part comes from, shape (parts,), ascending.
    """
    owner = lines.owner
    here = np.isfinite(lines.lonlat).all(axis=1)
    again = np.zeros(len(owner), dtype=np.bool_)
    again[1:] = (owner[1:] == owner[:-1]) & (lines.vertex_id[1:] == lines.vertex_id[:-1])
    kept = np.flatnonzero(here & ~again)
    if not len(kept):
        return Lines(lines.lonlat[:0], lines.vertex_id[:0], np.zeros(1, np.int64)), kept
    # A run goes on as long as no unlocated vertex and no new line lies in between.
    gap = np.cumsum(~here)[kept]
    new = np.r_[True, (owner[kept][1:] != owner[kept][:-1]) | (gap[1:] != gap[:-1])]
    run = np.cumsum(new) - 1
    size = np.bincount(run)
    long = size >= 2  # noqa: PLR2004  (a line has two ends)
    vertex = kept[long[run]]
    parts = Lines(lines.lonlat[vertex], lines.vertex_id[vertex], np.r_[0, np.cumsum(size[long])])
    return parts, owner[kept[new]][long]


def two_way_pairs(lines: Lines) -> tuple[Bools, Bools, Bools]:
    """
    Find lines drawn once in each direction, and lines drawn twice.

    Parameters
    ----------
    lines
        Lines, any number of vertices from two.

    Returns
    -------
    kept
        False for a line that repeats an earlier one, in either direction, shape (lines,).
    paired
        True for a kept line that occurs in both directions, shape (lines,).
    twin
        True for every line whose reverse is in the data, shape (lines,).

    Notes
    -----
    Vertex sequences are compared by a 64-bit polynomial hash beside vertex count and ends, in one
    sort: chance collisions are far below one in 1e12 for a million lines.
    """
    forward, backward = _hashes(lines)
    size = lines.size
    # The same line either way round gets the same key; palindromes are neither direction.
    turned = backward < forward
    key = np.where(turned, backward, forward)
    side = np.where(turned, 1, 0)
    order = np.lexsort((np.arange(len(lines)), size, key))
    new = np.ones(len(lines), dtype=np.bool_)
    same = (key[order][1:] == key[order][:-1]) & (size[order][1:] == size[order][:-1])
    new[1:] = ~same
    group = np.empty(len(lines), dtype=np.int64)
    group[order] = np.cumsum(new) - 1
    count = int(new.sum())
    has = np.zeros((2, count), dtype=np.bool_)
    has[side, group] = True
    kept = np.zeros(len(lines), dtype=np.bool_)
    kept[order[new]] = True
    twin = (has[0] & has[1])[group]
    return kept, kept & twin, twin


def _hashes(lines: Lines) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Return a hash of each line's vertices in order, and one of them reversed."""
    mixed = _mix(lines.vertex_id.astype(np.uint64))
    place = np.arange(len(mixed)) - np.repeat(lines.start[:-1], lines.size)
    last = np.repeat(lines.size, lines.size) - 1 - place
    power = np.cumprod(np.full(int(lines.size.max(initial=1)), 0x9E3779B97F4A7C15, dtype=np.uint64))
    if not len(mixed):
        return mixed, mixed
    starts = lines.start[:-1]
    return (
        np.add.reduceat(mixed * power[place], starts),
        np.add.reduceat(mixed * power[last], starts),
    )


def _mix(value: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Scatter the bits of ids (the finaliser of SplitMix64, Steele and others 2014)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
