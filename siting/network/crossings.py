"""Which nodes are parts of one crossing, slip road or roundabout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from siting.frames import ROAD_CLASSES
from siting.network.approaches import faces, is_link
from siting.network.carriageways import WIDTH_M

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.frames import Roads
    from siting.network.approaches import Arms
    from siting.network.graph import Network

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

TOUCHING_M = 30.0
"""Roads that meet this near to each other meet in one junction: no block is that short."""
LIT_M = 40.0
"""Signals this near to each other along a road belong to one controller."""
CLOSE_EXTENT_M = 70.0
"""Widest junction that comes of nearness alone; wider chains are divided."""
OPPOSITE_COS = np.cos(np.radians(35.0))
ACROSS_COS = np.cos(np.radians(35.0))
"""A piece across a road leaves its carriageways at no less than this angle."""
FACING_M = 30.0
"""Side streets on both sides of a dual carriageway that lie this near along it face each other."""
TINY_PERIMETER_M = 100.0
"""A smaller island is no block, whatever runs round it."""
SLIP_PERIMETER_M, SLIP_AREA_M2 = 320.0, 4000.0
"""Largest island between a slip road and the crossing that it cuts off."""
ISLET_PERIMETER_M = 150.0
"""Largest island beside a link road that need not turn."""
LENS_PERIMETER_M, TRIANGLE_PERIMETER_M = 200.0, 280.0
"""Largest island between one-way lanes that aren't link roads; of three sides alone, where a road
splays to join another."""
SPLAY_ROUNDNESS = 0.3
"""Least 4 pi area / perimeter squared of such a triangle: lanes that run side by side are long and
thin (0.15 at a tenth of their length), an equal-sided one has 0.6."""
ISLAND_PERIMETER_M, ISLAND_ROUNDNESS = 360.0, 0.85
"""Largest central island round which one-way traffic circulates (115 m across), and its least
4 pi area / perimeter squared (a square block has 0.79), where the map doesn't say roundabout."""
SIDE_COS = np.cos(np.radians(30.0))
"""A side street leaves its road at no less than this angle; lanes of the road itself do."""
TURN_COS = np.cos(np.radians(40.0))
"""A slip road turns by more than this; a lane that opens beside the road doesn't."""


def crossing_groups(network: Network, roads: Roads, arms: Arms) -> Ints:
    """
    Give the nodes of one crossing the same number.

    Joined are the ends of a short piece of road between the two carriageways of another one, the
    nodes of a roundabout or of a round of one-way traffic, the nodes round the island that a slip
    road cuts off, and nodes that nearly touch.

    Parameters
    ----------
    network, roads
        The network and the roads that it was built from.
    arms
        Its arms.

    Returns
    -------
    group
        Shape (n,); nodes on their own have a group of their own. Nodes within an arm whose two
        ends were joined belong to that group.
    """
    size = arms.size
    one, two = arms.node[:size], arms.node[size:]
    round_ = roads.frame["roundabout"].to_numpy(dtype=bool)[network.road]
    across, facing = across_dual(network, roads, arms)
    joined = across | island_arms(network, arms)
    ring = np.flatnonzero(round_)
    pairs = [(one[joined], two[joined]), facing, (network.tail[ring], network.head[ring])]
    label = _components(len(network.node_id), pairs)
    label = _touching(network, arms, label)
    inside = arms.inner
    within = np.flatnonzero(inside >= 0)
    closed = label[one[inside[within]]] == label[two[inside[within]]]
    closed &= joined[inside[within]] | (arms.length_m[inside[within]] <= LIT_M)
    label[within[closed]] = label[one[inside[within[closed]]]]
    return label


def _components(count: int, pairs: list[tuple[Ints, Ints]]) -> Ints:
    one = np.concatenate([pair[0] for pair in pairs])
    two = np.concatenate([pair[1] for pair in pairs])
    size = int(max(count, two.max(initial=-1) + 1))
    links = coo_array((np.ones(len(one), dtype=np.int8), (one, two)), shape=(size, size))
    return connected_components(links, directed=False)[1].astype(np.int64)[:count]


def across_dual(network: Network, roads: Roads, arms: Arms) -> tuple[Bools, tuple[Ints, Ints]]:
    """
    Find the places on both carriageways of a road that are one crossing.

    Parameters
    ----------
    network, roads, arms
        The network, its roads and arms.

    Returns
    -------
    across, facing
        Arms that lead from one carriageway to the other, shape (size,): one-way roads of the same
        class (and name, where both have one) pass their ends in opposite directions, not farther
        apart than carriageways of that class lie, on the side where the other carriageway is in
        this country. And pairs of nodes that no arm joins but that lie so, not more than `FACING_M`
        along the road, each with a side street: one crossing with a closed median.
    """
    size = arms.size
    one, two = arms.node[:size], arms.node[size:]
    widest = max(WIDTH_M.values())
    short = np.flatnonzero((arms.length_m <= 1.5 * widest) & (one != two))
    side = _with_side_street(network, arms)
    able = np.unique(arms.node[side])
    near = cKDTree(network.node_xy[able]).query_pairs(widest, output_type="ndarray")
    pair_one = np.concatenate([one[short], able[near[:, 0]]])
    pair_two = np.concatenate([two[short], able[near[:, 1]]])
    arm = np.concatenate([short, np.full(len(near), -1)])
    order = np.argsort(arms.node, kind="stable")
    first = np.searchsorted(arms.node[order], np.arange(len(network.node_id) + 1))
    at_one, row_one = _one_way_ends(arms, order, first, pair_one)
    at_two, row_two = _one_way_ends(arms, order, first, pair_two)
    i, j = _join(row_one, row_two)
    e, f, row = at_one[i], at_two[j], row_one[i]
    # The joining arm itself is no road passing by, and a pair without one needs side streets.
    kept = np.where(
        arm[row] >= 0, (e % size != arm[row]) & (f % size != arm[row]), side[e] & side[f]
    )
    e, f, row = e[kept], f[kept], row[kept]
    opposite = _opposite(network, roads, arms, e, f)
    e, f, row = e[opposite], f[opposite], row[opposite]
    left, along, width = _offset(network, arms, e, f)
    span = np.hypot(left, along)
    fits = (np.abs(left) <= width) & (np.abs(left) > 1.0)
    piece = arm[row]
    fits &= np.where(piece >= 0, along <= ACROSS_COS * span, along <= FACING_M)
    fits &= (piece < 0) | (arms.length_m[piece] <= 1.5 * width)
    driving = np.sign(np.sign(left[fits]).sum()) or 1.0
    fits &= left * driving > 0
    across = np.zeros(size, dtype=bool)
    across[piece[fits & (piece >= 0)]] = True
    found = row[fits & (piece < 0)]
    return across, (pair_one[found], pair_two[found])


def _with_side_street(network: Network, arms: Arms) -> Bools:
    """One-way ends at whose node another road, no link, leaves at 30 degrees or more."""
    order = np.argsort(arms.node, kind="stable")
    first = np.searchsorted(arms.node[order], np.arange(len(network.node_id) + 1))
    ends = np.flatnonzero(arms.flow != 0)
    begin, count = first[arms.node[ends]], np.diff(first)[arms.node[ends]]
    owner = np.repeat(ends, count)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    other = order[np.repeat(begin, count) + place]
    cos = np.abs((arms.heading[owner] * arms.heading[other]).sum(axis=1))
    crossing = (cos <= SIDE_COS) & ~is_link(network)[arms.edge[other]]
    found = np.zeros(2 * arms.size, dtype=bool)
    found[owner[crossing]] = True
    return found


def _opposite(network: Network, roads: Roads, arms: Arms, e: Ints, f: Ints) -> Bools:
    """Pairs of ends of unlike arms of one class and name with opposite traffic."""
    name = np.unique(roads.frame["name"].astype(str).to_numpy(), return_inverse=True)[1]
    blank = (roads.frame["name"] == "").to_numpy()
    row_e, row_f = network.road[arms.edge[e]], network.road[arms.edge[f]]
    alike = network.highway[arms.edge[e]] == network.highway[arms.edge[f]]
    alike &= (name[row_e] == name[row_f]) | blank[row_e] | blank[row_f]
    alike &= e % arms.size != f % arms.size
    flow = (arms.heading[e] * arms.heading[f]).sum(axis=1) * arms.flow[e] * arms.flow[f]
    opposite: Bools = alike & (flow < -OPPOSITE_COS)
    return opposite


def _offset(network: Network, arms: Arms, e: Ints, f: Ints) -> tuple[Floats, Floats, Floats]:
    """Metres to the left and along from the node of `e` to that of `f`, and the width allowed."""
    axis = arms.heading[e] * arms.flow[e][:, None] - arms.heading[f] * arms.flow[f][:, None]
    axis /= np.maximum(np.hypot(*axis.T), 1e-9)[:, None]
    between = network.node_xy[arms.node[f]] - network.node_xy[arms.node[e]]
    left = axis[:, 0] * between[:, 1] - axis[:, 1] * between[:, 0]
    width = np.array([WIDTH_M.get(kind, 0.0) for kind in ROAD_CLASSES])
    return left, np.abs((axis * between).sum(axis=1)), width[network.highway[arms.edge[e]]]


def _one_way_ends(arms: Arms, order: Ints, first: Ints, node: Ints) -> tuple[Ints, Ints]:
    """One-way arm ends at each of some nodes, and the row of the node."""
    begin, count = first[node], np.diff(first)[node]
    row = np.repeat(np.arange(len(node)), count)
    place = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    at = order[np.repeat(begin, count) + place]
    kept = arms.flow[at] != 0
    return at[kept], row[kept]


def _join(one: Ints, two: Ints) -> tuple[Ints, Ints]:
    """All pairs of places at which two sorted arrays hold the same value."""
    begin = np.searchsorted(two, one, side="left")
    count = np.searchsorted(two, one, side="right") - begin
    i = np.repeat(np.arange(len(one)), count)
    j = np.arange(len(i)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(begin, count)
    return i, j


def island_arms(network: Network, arms: Arms) -> Bools:
    """
    Tell the arms round a traffic island.

    Parameters
    ----------
    network, arms
        The network and its arms.

    Returns
    -------
    island
        Arms of small round faces that one-way traffic circulates, of faces that a turning slip road
        or one-way lane closes off a crossing, and of tiny ones, shape (size,).
    """
    size = arms.size
    face, perimeter, area = faces(network, arms)
    count = len(perimeter)
    # The flow along the walk: from the end where the walk leaves.
    way = arms.flow
    edges = np.bincount(face, minlength=count)
    along = np.bincount(face, weights=way == 1, minlength=count)
    against = np.bincount(face, weights=way == -1, minlength=count)
    level = network.highway[arms.edge]
    slow = ~np.isin(level, [ROAD_CLASSES.index("motorway"), ROAD_CLASSES.index("motorway_link")])
    usual = np.bincount(face, weights=slow, minlength=count) == edges
    roundness = 4 * np.pi * area / np.maximum(perimeter, 1e-9) ** 2
    circulating = ((along == edges) | (against == edges)) & (perimeter <= ISLAND_PERIMETER_M)
    circulating &= (roundness >= ISLAND_ROUNDNESS) & usual
    turns = np.tile((arms.heading[:size] * -arms.heading[size:]).sum(axis=1) < TURN_COS, 2)
    link = is_link(network)[arms.edge]
    link = is_link(network)[arms.edge] & (way != 0)
    slip = np.bincount(face, weights=turns & link, minlength=count) > 0
    islet = (np.bincount(face, weights=link, minlength=count) > 0) & (
        perimeter <= ISLET_PERIMETER_M
    )
    lens = (along + against == edges) & (along > 0) & (against > 0)
    turning = np.bincount(face, weights=turns, minlength=count) > 0
    splayed = (edges == 3) & (roundness >= SPLAY_ROUNDNESS)  # noqa: PLR2004  (a triangle)
    lens &= (turning & (perimeter <= LENS_PERIMETER_M)) | (
        splayed & (perimeter <= TRIANGLE_PERIMETER_M)
    )
    closed = (slip | islet | lens | (perimeter <= TINY_PERIMETER_M)) & (
        perimeter <= SLIP_PERIMETER_M
    )
    closed &= (area > 0) & (area <= SLIP_AREA_M2)
    chosen = circulating | (closed & usual)
    island: Bools = chosen[face[:size]] | chosen[face[size:]]
    return island


def _touching(network: Network, arms: Arms, label: Ints) -> Ints:
    """Join groups whose nodes nearly touch, unless a chain of them grows too wide."""
    size = arms.size
    one, two = arms.node[:size], arms.node[size:]
    lit = network.signal[one] & network.signal[two]
    near = arms.length_m <= np.where(lit, LIT_M, TOUCHING_M)
    near &= ~is_link(network)[arms.edge[:size]] & (label[one] != label[two])
    count = int(label.max()) + 1
    wide = _components(count, [(label[one[near]], label[two[near]])])
    parts = np.bincount(wide)[wide]
    nodes = np.bincount(label, minlength=count)
    middle = np.column_stack(
        [np.bincount(label, weights=axis, minlength=count) / nodes for axis in network.node_xy.T]
    )
    fresh = int(wide.max()) + 1
    for group in np.unique(wide[parts > 2]):  # noqa: PLR2004  (two are near by themselves)
        members = np.flatnonzero(wide == group)
        if np.ptp(middle[members], axis=0).max() <= CLOSE_EXTENT_M:
            continue
        tree = linkage(middle[members], "complete")
        wide[members] = fresh + fcluster(tree, CLOSE_EXTENT_M, criterion="distance")
        fresh = int(wide.max()) + 1
    return wide[label]
