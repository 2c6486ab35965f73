"""Places of the corridor graph: all nodes of one crossing, roundabout or interchange are one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from siting.frames import ROAD_CLASSES
from siting.network.carriageways import WIDTH_M

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.network import Network

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

SPAN_M = 1500.0
"""
Ramps join places to one interchange up to this extent; wider groups are divided.

Planner's own: a full cloverleaf or turbine of two expressways measures 0.8 to 1.4 km between its
outermost ramp noses, while a chain of ramps along an elevated road goes on for kilometres.
"""

SLIP_SPAN_M = 400.0
"""
The same for slip roads of primary to tertiary roads: junctions, not interchanges. Planner's own.

Some maps call a kilometre of frontage road a link; its ends aren't one junction.
"""

ACROSS_M = 150.0
"""
A side road that meets one carriageway only joins the other one at a node up to this far.

Planner's own: openings of a median and bus-stop bays lie nearer than this to most side roads.
"""

LINK = np.array([name.endswith("_link") for name in ROAD_CLASSES])
"""Which of `ROAD_CLASSES` are ramps and slip roads."""

FAST_LINK = np.isin(ROAD_CLASSES, ["motorway_link", "trunk_link"])
"""Which of them are ramps of expressways."""


@dataclass(frozen=True, slots=True)
class Places:
    """
    Nodes put together.

    Attributes
    ----------
    of_node
        Place of every network node, numbered from 0, shape (n,).
    turn
        Edges to turn round on: they lead from one half of a dual carriageway to the other and have
        its name, shape (m,).
    """

    of_node: npt.NDArray[np.int64]
    turn: npt.NDArray[np.bool_]


def find_places(
    network: Network,
    junction: npt.NDArray[np.int64],
    *,
    eligible: npt.NDArray[np.bool_],
    roundabout: npt.NDArray[np.bool_],
    main: npt.NDArray[np.int64],
    name: npt.NDArray[np.int64],
) -> Places:
    """
    Put together the nodes at which corridors meet.

    One place are: the nodes of a junction; of a roundabout; both ends of a crossover; what ramps
    join within `SPAN_M`, slip roads within `SLIP_SPAN_M`; and where a side road meets only the
    lesser half of a dual carriageway, that node and the nearest node of the main half within
    `ACROSS_M`.

    Parameters
    ----------
    network
        The network.
    junction
        Junction of each node, -1 for none, shape (n,).
    eligible
        Edges that corridors are made of (no lesser halves), shape (m,).
    roundabout
        Edges of roundabouts, shape (m,).
    main
        Main half beside each lesser half, -1 elsewhere, shape (m,).
    name
        Code of each edge's name, -1 for none, shape (m,).
    """
    size = len(network.node_id)
    crossover, turn = _crossovers(network, main, name)
    crossover &= eligible
    order = np.argsort(junction, kind="stable")
    order = order[junction[order] >= 0]
    same = np.flatnonzero(np.diff(junction[order]) == 0)
    close = roundabout | crossover
    place = joined_places(
        np.arange(size),
        np.concatenate([order[same], network.tail[close]]),
        np.concatenate([order[same + 1], network.head[close]]),
    )
    slip = LINK[network.highway] & ~FAST_LINK[network.highway]
    place = _interchanges(network, place, slip, SLIP_SPAN_M)
    place = _interchanges(network, place, FAST_LINK[network.highway], SPAN_M)
    one, two = _across(network, place, eligible, main)
    return Places(of_node=joined_places(place, one, two), turn=turn & eligible)


def joined_places(place: Ints, one: Ints, two: Ints) -> Ints:
    """
    Put pairs of nodes into the same place.

    Parameters
    ----------
    place
        Place of each node, shape (n,).
    one, two
        Nodes that are one place, shapes (p,).

    Returns
    -------
    place
        Place of each node, numbered from 0 in the order of their first nodes, shape (n,).
    """
    size = int(place.max()) + 1
    links = coo_array(
        (np.ones(len(one), dtype=np.int8), (place[one], place[two])), shape=(size, size)
    )
    label = connected_components(links, directed=False)[1][place]
    _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    return rank[inverse]


def _crossovers(network: Network, main: Ints, name: Ints) -> tuple[Bools, Bools]:
    """
    Edges, not longer than such roads are wide, from a main half to the lesser half beside it.

    The second array tells which of them have the name of that road.
    """
    width = 1.5 * np.array([WIDTH_M.get(name, 0.0) for name in ROAD_CLASSES])
    lesser = np.flatnonzero(main >= 0)
    found = np.zeros(len(network.tail), dtype=np.bool_)
    turn = found.copy()
    if len(lesser) == 0:
        return found, turn
    count = len(network.tail)
    halves = np.unique(main[lesser])
    touch = np.unique(
        np.concatenate(
            [network.tail[halves] * count + halves, network.head[halves] * count + halves]
        )
    )
    node = np.concatenate([network.tail[lesser], network.head[lesser]])
    half = np.concatenate([main[lesser], main[lesser]])
    order = np.argsort(node, kind="stable")
    node, half = node[order], half[order]
    most = float(width.max())
    fit = (network.length_m <= most) & ~network.twin & (network.tail != network.head)
    fit[halves] = False
    short = np.flatnonzero(fit)
    for near, far in ((network.tail, network.head), (network.head, network.tail)):
        begin = np.searchsorted(node, near[short], "left")
        times = np.searchsorted(node, near[short], "right") - begin
        edge = np.repeat(short, times)
        at = np.arange(len(edge)) - np.repeat(np.cumsum(times) - times, times)
        beside = half[np.repeat(begin, times) + at]
        wanted = far[edge] * count + beside
        spot = np.minimum(np.searchsorted(touch, wanted), len(touch) - 1)
        good = touch[spot] == wanted
        good &= network.length_m[edge] <= width[network.highway[beside]]
        found[edge[good]] = True
        turn[edge[good & (name[edge] >= 0) & (name[edge] == name[beside])]] = True
    return found, turn


def _interchanges(network: Network, place: Ints, ramps: Bools, span_m: float) -> Ints:
    """Join places that ramps lead between, unless they lie too far apart."""
    ramp = np.flatnonzero(ramps)
    if len(ramp) == 0:
        return place
    group = joined_places(place, network.tail[ramp], network.head[ramp])
    nodes = np.flatnonzero(np.isin(group, group[network.tail[ramp]]))
    order = nodes[np.argsort(group[nodes], kind="stable")]
    start = np.flatnonzero(np.r_[True, np.diff(group[order]) != 0])
    low = np.minimum.reduceat(network.node_xy[order], start)
    high = np.maximum.reduceat(network.node_xy[order], start)
    wide = np.hypot(*(high - low).T) > span_m
    result = group.copy()
    top = int(group.max()) + 1
    bounds = np.r_[start, len(order)]
    for at in np.flatnonzero(wide):
        members = order[bounds[at] : bounds[at + 1]]
        own, inverse = np.unique(place[members], return_inverse=True)
        if len(own) == 1:
            continue
        times = np.bincount(inverse)
        middle = np.column_stack(
            [np.bincount(inverse, weights=network.node_xy[members, k]) / times for k in (0, 1)]
        )
        part = fcluster(linkage(middle, "complete"), span_m, criterion="distance")
        result[members] = top + part[inverse]
        top += len(own) + 1
    return joined_places(result, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


def _across(network: Network, place: Ints, eligible: Bools, main: Ints) -> tuple[Ints, Ints]:
    """Pairs of a node that only a lesser half has with a corridor, and the main half's node."""
    lesser = np.flatnonzero(main >= 0)
    node = np.concatenate([network.tail[lesser], network.head[lesser]])
    half = np.concatenate([main[lesser], main[lesser]])
    corridor = np.zeros(int(place.max()) + 1, dtype=np.bool_)
    corridor[place[network.tail[eligible]]] = True
    corridor[place[network.head[eligible]]] = True
    some = corridor[place[node]] & eligible[half]
    node, half = node[some], half[some]
    # Either end of the main half that lies across; it is there already where a place has both.
    near = np.concatenate([node, node])
    far = np.concatenate([network.tail[half], network.head[half]])
    there = np.isin(place[near], place[near[place[near] == place[far]]])
    near, far = near[~there], far[~there]
    gap = np.hypot(*(network.node_xy[near] - network.node_xy[far]).T)
    order = np.lexsort((far, gap, place[near]))
    first = order[np.r_[True, np.diff(place[near[order]]) != 0]] if len(order) else order
    first = first[gap[first] <= ACROSS_M]
    return near[first], far[first]
