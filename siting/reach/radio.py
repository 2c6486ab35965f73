"""Which road points a roadside unit covers along the roads, and its footprint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely
from scipy.sparse import coo_array, csr_array

from siting.candidates.halves import main_halves
from siting.frames import ROAD_CLASSES
from siting.network.carriageways import WIDTH_M

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.candidates.roadside import RoadPoints, RoadsideSites
    from siting.network import Network

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

SIDES = 64
"""Corners of the polygon that stands for a disc."""
SLACK_M = 1e-6
"""Rounding of sums of lengths."""


def discs(xy: Floats, radius_m: Floats) -> npt.NDArray[np.object_]:
    """
    Draw the footprints of sites.

    Parameters
    ----------
    xy
        Metres, shape (s, 2).
    radius_m
        Shape (s,).

    Returns
    -------
    polygons
        Regular polygons of `SIDES` corners with the area of the disc, pi r2: their corners lie
        outside it and the middles of their sides within, by less than 0.1 % of the radius; shape
        (s,).
    """
    turn = 2 * np.pi * np.arange(SIDES) / SIDES
    corner = radius_m * np.sqrt(2 * np.pi / (SIDES * np.sin(2 * np.pi / SIDES)))
    unit = np.column_stack([np.cos(turn), np.sin(turn)])
    return np.asarray(shapely.polygons(xy[:, None, :] + corner[:, None, None] * unit), dtype=object)


def heard(sites: RoadsideSites, points: RoadPoints, network: Network) -> csr_array:
    """
    Tell which site covers which road point along the roads.

    A site covers the points within its `radius_m` along the roads, from its place on its edge or
    from the nodes of its junction (as far from its middle as they lie). Roads are taken in both
    directions, carriageways as one: radio knows no one-way street. A straight line says nothing of
    what stands in it: what a site covers beside its roads is for `siting.reach.sight` to tell,
    where the map has buildings.

    Parameters
    ----------
    sites, points
        The candidate sites and the road points.
    network
        The network that both lie on.

    Returns
    -------
    covers
        Bool, shape (p, s).
    """
    radius = sites.frame["radius_m"].to_numpy(dtype=np.float64)
    graph, place = _graph(network, points)
    site, vertex, metres = _starts(sites, network, points, place)
    site, vertex = _within(graph, site, vertex, metres, radius)
    point = vertex - len(network.node_id)
    kept = point >= 0
    ones = np.ones(int(kept.sum()), dtype=bool)
    return csr_array((ones, (point[kept], site[kept])), shape=(len(points.xy), len(radius)))


def _graph(network: Network, points: RoadPoints) -> tuple[csr_array, Floats]:
    """
    Join nodes and points along the roads; vertex `n + i` is point i.

    Returns
    -------
    graph
        Metres, symmetric, shape (n + p, n + p).
    place_m
        Metres of each point from the tail of its edge, shape (p,).
    """
    nodes = len(network.node_id)
    shapes = np.asarray(shapely.points(points.xy), dtype=object)
    share = shapely.line_locate_point(network.geometry[points.edge], shapes, normalized=True)
    place = share * network.length_m[points.edge]
    links = np.array([name.endswith("_link") for name in ROAD_CLASSES])
    level = np.zeros(len(ROAD_CLASSES), dtype=bool)
    level[points.road_class] = True
    edges = np.flatnonzero((level | links)[network.highway] | _with(points.edge, len(network.tail)))
    owner = np.concatenate([edges, points.edge, edges])
    at = np.concatenate([np.zeros(len(edges)), place, network.length_m[edges]])
    step = np.repeat([0, 1, 2], [len(edges), len(place), len(edges)])
    vertex = np.concatenate(
        [network.tail[edges], nodes + np.arange(len(place)), network.head[edges]]
    )
    order = np.lexsort((step, at, owner))
    owner, at, vertex = owner[order], at[order], vertex[order]
    same = owner[1:] == owner[:-1]
    one, two, metres = vertex[:-1][same], vertex[1:][same], np.diff(at)[same]
    over = _carriageways(network, points)
    one = np.concatenate([one, over[0]])
    two = np.concatenate([two, over[1]])
    metres = np.concatenate([metres, over[2]])
    return _symmetric(one, two, np.maximum(metres, 0.0), nodes + len(place)), place


def _with(edge: Ints, count: int) -> Bools:
    found = np.zeros(count, dtype=bool)
    found[edge] = True
    return found


def _carriageways(network: Network, points: RoadPoints) -> tuple[Ints, Ints, Floats]:
    """
    Join the ends of lesser halves with the nearest point of the main half.

    Points stand on main halves alone; where the main half changes sides, the road goes on.
    """
    main = main_halves(network, np.full(len(network.tail), -1))
    twin = np.flatnonzero(main >= 0)
    order = np.argsort(points.edge, kind="stable")
    begin = np.searchsorted(points.edge[order], main[twin])
    count = np.searchsorted(points.edge[order], main[twin], side="right") - begin
    row = np.repeat(np.arange(len(twin)), count)
    at = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    point = order[np.repeat(begin, count) + at]
    width = np.array([WIDTH_M.get(name, 0.0) for name in ROAD_CLASSES])[network.highway[twin]]
    node = np.concatenate([network.tail[twin][row], network.head[twin][row]])
    point, key = np.tile(point, 2), np.concatenate([row, row + len(twin)])
    metres = np.hypot(*(network.node_xy[node] - points.xy[point]).T)
    order = np.lexsort((point, metres, key))
    lead = order[np.r_[True, np.diff(key[order]) != 0]] if len(order) else order
    lead = lead[metres[lead] <= 2 * np.tile(width, 2)[key[lead]]]
    return node[lead], point[lead] + len(network.node_id), metres[lead]


def _symmetric(one: Ints, two: Ints, metres: Floats, size: int) -> csr_array:
    """Join vertices both ways, by the shortest where several join them."""
    a, b = np.minimum(one, two), np.maximum(one, two)
    order = np.lexsort((metres, b, a))
    a, b, metres = a[order], b[order], metres[order]
    lead = np.r_[True, (np.diff(a) != 0) | (np.diff(b) != 0)] if len(a) else np.zeros(0, bool)
    lead &= a != b
    a, b, metres = a[lead], b[lead], metres[lead]
    both = (np.concatenate([a, b]), np.concatenate([b, a]))
    return csr_array(coo_array((np.tile(metres, 2), both), shape=(size, size)))


def _starts(
    sites: RoadsideSites, network: Network, points: RoadPoints, place: Floats
) -> tuple[Ints, Ints, Floats]:
    """Vertices from which each site reaches along the roads, and how far it is from them."""
    nodes = len(network.node_id)
    edge = sites.edge if len(sites.edge) else np.full(len(sites.xy), -1)
    on = np.flatnonzero(edge >= 0)
    shapes = np.asarray(shapely.points(sites.xy[on]), dtype=object)
    share = shapely.line_locate_point(network.geometry[edge[on]], shapes, normalized=True)
    metres = share * network.length_m[edge[on]]
    # The neighbours along the edge: the points before and after, else the edge's ends.
    order = np.lexsort((place, points.edge))
    longest = float(network.length_m.max()) + 1.0
    key = points.edge[order] * longest + place[order]
    after = np.searchsorted(key, edge[on] * longest + metres)
    found = [_beside(points, order, after - 1, edge[on]), _beside(points, order, after, edge[on])]
    site, vertex, away = [], [], []
    for point, end, at in zip(
        found,
        (network.tail[edge[on]], network.head[edge[on]]),
        (np.zeros(len(on)), network.length_m[edge[on]]),
        strict=True,
    ):
        known = point >= 0
        site.append(on)
        vertex.append(np.where(known, nodes + point, end))
        away.append(np.abs(metres - np.where(known, np.r_[place, 0.0][point], at)))
    member = sites.member.tocoo() if sites.member is not None else None
    row = np.asarray(member.row, dtype=np.int64) if member is not None else np.zeros(0, np.int64)
    node = np.asarray(member.col, dtype=np.int64) if member is not None else np.zeros(0, np.int64)
    lone = np.setdiff1d(np.flatnonzero((edge < 0) & (sites.node >= 0)), row)
    row, node = np.concatenate([row, lone]), np.concatenate([node, sites.node[lone]])
    site.append(row)
    vertex.append(node)
    away.append(np.hypot(*(network.node_xy[node] - sites.xy[row]).T))
    return np.concatenate(site), np.concatenate(vertex), np.concatenate(away)


def _beside(points: RoadPoints, order: Ints, at: Ints, edge: Ints) -> Ints:
    """Point at a place in the order where it is on the edge, -1 where it isn't."""
    if not len(order):
        return np.full(len(at), -1)
    point = order[np.clip(at, 0, len(order) - 1)]
    fits = (at >= 0) & (at < len(order)) & (points.edge[point] == edge)
    return np.where(fits, point, -1)


def _within(
    graph: csr_array, site: Ints, vertex: Ints, metres: Floats, limit_m: Floats
) -> tuple[Ints, Ints]:
    """
    Find all pairs of a site and a vertex within the site's limit along the graph.

    Bellman-Ford from all sites at once, on the pairs alone: no array of sites x vertices.
    """
    size = graph.shape[0]
    near = metres <= limit_m[site] + SLACK_M
    key, metres = _least(site[near] * size + vertex[near], metres[near])
    known, best = key, metres
    while len(key):
        site, vertex = np.divmod(key, size)
        begin = graph.indptr[vertex].astype(np.int64)
        count = graph.indptr[vertex + 1] - begin
        row = np.repeat(np.arange(len(key)), count)
        link = np.arange(len(row)) - np.repeat(np.cumsum(count) - count - begin, count)
        away = metres[row] + graph.data[link]
        kept = away <= limit_m[site[row]] + SLACK_M
        row, link, away = row[kept], link[kept], away[kept]
        key, metres = _least(site[row] * size + graph.indices[link], away)
        at = np.minimum(np.searchsorted(known, key), len(known) - 1)
        old = known[at] == key
        better = ~old | (metres < best[at] - SLACK_M)
        key, metres, at, old = key[better], metres[better], at[better], old[better]
        best[at[old]] = metres[old]
        merged = np.argsort(np.concatenate([known, key[~old]]), kind="stable")
        known = np.concatenate([known, key[~old]])[merged]
        best = np.concatenate([best, metres[~old]])[merged]
    site, vertex = np.divmod(known, size)
    return site, vertex


def _least(key: Ints, metres: Floats) -> tuple[Ints, Floats]:
    """Keep each key once, with its least metres, sorted."""
    order = np.lexsort((metres, key))
    key, metres = key[order], metres[order]
    lead = np.r_[True, np.diff(key) != 0] if len(key) else np.zeros(0, dtype=bool)
    return key[lead], metres[lead]
