"""Tell which points of two lists are one place, by distance and by what they are called."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

ALIKE = 0.6
"""Likeness of two names from which on they mean the same. Planner's own."""

UNLIKE = 0.3
"""Likeness below which two names contradict each other. Planner's own."""

_COMMON = re.compile(
    r"电动汽车|新能源|充换电|充电|换电|加电|超级|公共|专用|集中式|站|桩|场"
    r"|charging|charger|charge|station|supercharger|electric|vehicle|\bev\b"
)
"""Words that every charging station may have in its name."""


@dataclass(frozen=True, slots=True)
class Matched:
    """
    Which places of the second list are places of the first.

    Attributes
    ----------
    of_second
        Place of the first list that each of the second is, -1 for none, int64, shape (m,).
    best
        Whether it is the one that fits that place best; the others only repeat it, shape (m,).
    distance_m
        Distance between the two, NaN where there is none, shape (m,).
    """

    of_second: npt.NDArray[np.int64]
    best: npt.NDArray[np.bool_]
    distance_m: npt.NDArray[np.float64]


def match_places(
    first_xy: Floats,
    first_name: Sequence[str],
    second_xy: Floats,
    second_name: Sequence[str],
    *,
    near_m: float,
    match_m: float,
) -> Matched:
    """
    Match two lists of places.

    Two places can be one up to `near_m` unless their names contradict each other, and up to
    `match_m` where their names are alike. Of what can be one, as many pairs as possible are
    matched, and of those the nearest and most alike. What then is left of the second list repeats
    the place of the first that it can be, if it has no name or a like one.

    Parameters
    ----------
    first_xy, second_xy
        Places in metres, shapes (n, 2) and (m, 2).
    first_name, second_name
        What they are called, "" where unknown.
    near_m, match_m
        The distances.

    Returns
    -------
    Matched
        No place of the first list is the best of two.
    """
    size = len(second_xy)
    of_second = np.full(size, -1, dtype=np.int64)
    best = np.zeros(size, dtype=np.bool_)
    distance = np.full(size, np.nan)
    one, other, metres = _near(first_xy, second_xy, max(near_m, match_m))
    if not len(one):
        return Matched(of_second, best, distance)
    a, b = _plain(first_name), _plain(second_name)
    pairs = zip(one.tolist(), other.tolist(), strict=True)
    alike = np.array([likeness(a[i], b[j]) for i, j in pairs])
    unknown = np.isnan(alike)
    same = (metres <= near_m) & (unknown | (alike >= UNLIKE))
    same |= (metres <= match_m) & (alike >= ALIKE)
    one, other, metres, alike = one[same], other[same], metres[same], alike[same]
    # What is unknown counts as neither alike nor unlike.
    price = metres / match_m + 1.0 - np.nan_to_num(alike, nan=(ALIKE + UNLIKE) / 2)
    chosen = _assigned(one, other, price)
    of_second[other[chosen]], distance[other[chosen]] = one[chosen], metres[chosen]
    best[other[chosen]] = True
    blank = np.array([not name for name in b], dtype=np.bool_)
    again = (of_second[other] < 0) & (blank[other] | (np.nan_to_num(alike, nan=0.0) >= ALIKE))
    # The cheapest last, so that it stays.
    rest = np.flatnonzero(again)[np.argsort(-price[again], kind="stable")]
    of_second[other[rest]], distance[other[rest]] = one[rest], metres[rest]
    return Matched(of_second, best, distance)


def likeness(one: str, other: str) -> float:
    """
    Say how alike two plain names are.

    Returns
    -------
    float
        0 to 1 (Ratcliff and Obershelp's ratio of common characters); NaN where either is empty.
    """
    if not one or not other:
        return float("nan")
    if min(len(one), len(other)) > 1 and (one in other or other in one):
        return 1.0
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _plain(names: Sequence[str]) -> list[str]:
    """Reduce names to what tells one from another."""
    folded = (unicodedata.normalize("NFKC", name).casefold() for name in names)
    return [re.sub(r"[\W_]+", "", _COMMON.sub("", name)) for name in folded]


def _near(first: Floats, second: Floats, most_m: float) -> tuple[Ints, Ints, Floats]:
    """List pairs up to a distance, with it."""
    if not len(first) or not len(second):
        none = np.zeros(0, dtype=np.int64)
        return none, none, np.zeros(0)
    found = cKDTree(first).sparse_distance_matrix(cKDTree(second), most_m, output_type="coo_matrix")
    order = np.lexsort((found.col, found.row))
    rows = found.row[order].astype(np.int64), found.col[order].astype(np.int64)
    return (*rows, np.asarray(found.data[order], dtype=np.float64))


def _assigned(one: Ints, other: Ints, price: Floats) -> npt.NDArray[np.int64]:
    """Return the pairs of an assignment with the most pairs, and of those the least price."""
    if not len(one):
        return np.zeros(0, dtype=np.int64)
    left, i = np.unique(one, return_inverse=True)
    right, j = np.unique(other, return_inverse=True)
    size = len(left) + len(right)
    joined = coo_array((np.ones(len(i)), (i, len(left) + j)), shape=(size, size))
    group = connected_components(joined, directed=False)[1][i]
    order = np.argsort(group, kind="stable")
    chosen: list[int] = []
    for some in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        if len(some) == 1:
            chosen.append(int(some[0]))
            continue
        row, r = np.unique(i[some], return_inverse=True)
        column, c = np.unique(j[some], return_inverse=True)
        # A missing pair is dearer than any way to do without it.
        dear = 2.0 * (len(row) + len(column)) * (float(price[some].max()) + 1.0)
        table = np.full((len(row), len(column)), dear)
        table[r, c] = price[some]
        rows, columns = linear_sum_assignment(table)
        picked = {(int(x), int(y)) for x, y in zip(rows, columns, strict=True)}
        places = zip(r.tolist(), c.tolist(), some.tolist(), strict=True)
        chosen += [int(n) for x, y, n in places if (x, y) in picked]
    return np.array(sorted(chosen), dtype=np.int64)
