"""Which road ends go on into one another where roads meet, and the sections that this makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.network import Network

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

AHEAD_M = 30.0
"""How far into an edge its direction is measured: past the flare of a junction."""

STRAIGHT_COS = -0.5
"""
Ends go straight on into one another when they deviate by 60 degrees or less.

Natural roads of space syntax take 45 to 60 degrees (Jiang, Zhao and Yin 2008, "Self-organized
natural roads", Int. J. Geogr. Inf. Sci. 22(3)); the wider limit, as a junction has a width.
"""


@dataclass(frozen=True, slots=True)
class Ends:
    """
    Both ends of edges.

    Attributes
    ----------
    edge
        Edge of each end, shape (2 k,): first all starts, then all far ends.
    node, place
        Where it is, shape (2 k,).
    heading
        Unit vector away from there, shape (2 k, 2).
    """

    edge: npt.NDArray[np.int64]
    node: npt.NDArray[np.int64]
    place: npt.NDArray[np.int64]
    heading: npt.NDArray[np.float64]


def edge_ends(network: Network, place: Ints, edges: Ints) -> Ends:
    """
    List the ends of some edges.

    Parameters
    ----------
    network
        The network.
    place
        Place of each node, shape (n,).
    edges
        The edges, shape (k,).
    """
    lines = network.geometry[edges]
    reach = np.minimum(AHEAD_M, shapely.length(lines) / 2)
    start = shapely.get_coordinates(shapely.get_point(lines, 0))
    stop = shapely.get_coordinates(shapely.get_point(lines, -1))
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(lines, reach)) - start
    back = shapely.get_coordinates(shapely.line_interpolate_point(lines, -reach)) - stop
    heading = np.concatenate([ahead.reshape(-1, 2), back.reshape(-1, 2)])
    size = np.hypot(*heading.T)
    node = np.concatenate([network.tail[edges], network.head[edges]])
    return Ends(
        edge=np.concatenate([edges, edges]),
        node=node,
        place=place[node],
        heading=heading / np.where(size > 0, size, 1.0)[:, None],
    )


def going_on(ends: Ends, key: Ints, named: Bools) -> tuple[Ints, Ints]:
    """
    Pair the ends that go on into one another.

    At each place, ends of one road are paired: a named road of two ends always, else the two that
    go on most straightly for each other, within 60 degrees. Two ends that are alone at a place are
    paired however the road bends.

    Parameters
    ----------
    ends
        Ends of edges, shape (k,).
    key
        Road of each end (name and class; unnamed roads of a class are alike), shape (k,).
    named
        Whether that road has a name, shape (k,).

    Returns
    -------
    one, two
        Positions of paired ends in `ends`, shapes (p,).
    """
    order = np.lexsort((np.arange(len(key)), key, ends.place))
    fresh = (
        np.r_[True, (np.diff(ends.place[order]) != 0) | (np.diff(key[order]) != 0)]
        if len(order)
        else np.zeros(0, dtype=np.bool_)
    )
    group = np.cumsum(fresh) - 1
    size = np.bincount(group)[group] if len(order) else group
    alone = np.bincount(ends.place)[ends.place[order]] == size if len(order) else group
    sure = (size == 2) & (named[order] | alone)  # noqa: PLR2004  (a road through has two ends)
    first = np.flatnonzero(sure & fresh)
    one, two = [order[first]], [order[first + 1]]
    i, j = _within_groups(group, ~sure)
    cos = (ends.heading[order[i]] * ends.heading[order[j]]).sum(axis=1)
    # Equal directions are told apart by position, so that the result doesn't depend on rounding.
    rank = np.lexsort((j, i, np.round(cos, 6)))
    i, j = i[rank], j[rank]
    straight = cos[rank] <= STRAIGHT_COS
    i, j = i[straight], j[straight]
    while len(i):
        place = np.arange(len(i))
        best = np.full(len(order), len(i))
        np.minimum.at(best, i, place)
        np.minimum.at(best, j, place)
        mutual = (best[i] == place) & (best[j] == place)
        one.append(order[i[mutual]])
        two.append(order[j[mutual]])
        taken = np.zeros(len(order), dtype=np.bool_)
        taken[i[mutual]] = True
        taken[j[mutual]] = True
        rest = ~(taken[i] | taken[j])
        i, j = i[rest], j[rest]
    return np.concatenate(one), np.concatenate(two)


def _within_groups(group: Ints, wanted: Bools) -> tuple[Ints, Ints]:
    """All pairs of neighbours in a sorted list of groups, the lower position first."""
    at = np.flatnonzero(wanted)
    member = group[at]
    one, two = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for step in range(1, len(at)):
        same = np.flatnonzero(member[step:] == member[:-step])
        if len(same) == 0:
            break
        one.append(at[same])
        two.append(at[same + step])
    return np.concatenate(one), np.concatenate(two)


def sections(ends: Ends, one: Ints, two: Ints, places: int) -> tuple[Bools, Ints]:
    """
    Cut roads at every place where another one meets them.

    Parameters
    ----------
    ends
        Both ends of k edges, as `edge_ends` lists them.
    one, two
        Paired ends.
    places
        Number of places.

    Returns
    -------
    joined
        Which of the pairs are still joined: those that are alone at their place.
    label
        Section of each edge in the order of `ends.edge[:k]`, numbered from 0, shape (k,).
    """
    at = np.bincount(ends.place, minlength=places)
    roads = at - np.bincount(ends.place[one], minlength=places)
    joined = roads[ends.place[one]] == 1
    return joined, labels(ends, one[joined], two[joined])


def labels(ends: Ends, one: Ints, two: Ints) -> Ints:
    """Return the group of each edge, from 0; edges whose ends are paired are one, shape (k,)."""
    size = len(ends.edge) // 2
    links = coo_array((np.ones(len(one), dtype=np.int8), (one % size, two % size)), (size, size))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)
