"""Recompute which road points and roads the equipped sites reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas
import numpy as np
import pandas as pd
import shapely
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from siting.verify.finding import Finding, none
from siting.verify.sight import flat, heard_pairs, plane, seen_pairs, sight_findings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import geopandas as gpd
    import numpy.typing as npt

    from siting.plan import Plan

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Begins = list[list[tuple[int, float]]]

ACROSS_M = 120.0
"""Ends of roads nearer than this are taken as joined: carriageways of one road, a wide junction.
So the checker's reach is never less than the plan's; a point far out of reach is found out."""
SLACK_M = 25.0
"""What the snapping of a site and of a point to their roads may add."""
AT_ONCE = 100


def heard_points(plan: Plan, some: gpd.GeoDataFrame) -> Bools:
    """
    Tell the road points that some of the equipped sites hear.

    Parameters
    ----------
    plan
        The plan.
    some
        Rows of `Plan.rsus`.

    Returns
    -------
    heard
        Shape (points,).
    """
    point, site = heard_pairs(plan)
    chosen = np.append(plan.rsus.site_id.isin(some.site_id).to_numpy(), False)
    heard = np.zeros(len(plan.road_points), dtype=bool)
    heard[point[chosen[site]]] = True
    return heard


def radio_findings(plan: Plan, settings: Mapping[str, Any]) -> Iterator[Finding]:
    """Hold that points are heard by equipped sites within their radius along the roads."""
    points, rsus = plan.road_points, plan.rsus
    point, site = heard_pairs(plan)
    yield none("points are heard by equipped sites", points.point_id.iloc[point[site < 0]])
    covered = np.isin(np.arange(len(points)), point)
    said = points.covered.to_numpy(dtype=bool)
    yield none("covered points are those that are heard", points.point_id[covered != said])
    usual = {settings[f"{name}_radius_m"] for name in ("urban", "open", "tunnel")}
    if not settings["ranges"]:
        odd = ~plan.roadside_candidates.radius_m.isin(usual)
        yield none("radii are the model's", plan.roadside_candidates.site_id[odd])
    yield from sight_findings(plan, settings)
    # What is seen past buildings need not be near along the roads.
    along = (site >= 0) & ~seen_pairs(plan, point, site)
    point, site = point[along], site[along]
    xy, at = flat(plan, points), flat(plan, rsus)
    radius = rsus.radius_m.to_numpy(dtype=float)
    straight = np.hypot(*(xy[point] - at[site]).T)
    far = straight > radius[site] + SLACK_M
    yield none("points are heard within the radius", points.point_id.iloc[np.unique(point[far])])
    beyond = _along_road_m(plan, at, xy, point, site) > radius[site] + ACROSS_M + SLACK_M
    lost = np.unique(point[beyond & ~far])
    yield none("points are heard along the roads", points.point_id.iloc[lost])
    near = _at_site(at, xy, points, rsus) & ~said
    yield none("points beside a site are covered", points.point_id[near])


def _at_site(at: Floats, xy: Floats, points: gpd.GeoDataFrame, rsus: gpd.GeoDataFrame) -> Bools:
    """Points so near to a site on their own road that nothing can keep them from being heard."""
    on_road = rsus.junction_id.to_numpy() == ""
    reach = rsus.radius_m.to_numpy(dtype=float).min(initial=np.inf) / 10
    if not on_road.any():
        return np.zeros(len(points), dtype=bool)
    gap, nearest = cKDTree(at[on_road]).query(xy, distance_upper_bound=max(reach, 1e-9))
    near = np.isfinite(gap)
    edge = np.append(rsus.edge_id.to_numpy()[on_road], -1)
    beside: Bools = near & (edge[nearest] == points.edge_id.to_numpy())
    return beside


def _along_road_m(plan: Plan, at: Floats, xy: Floats, point: Ints, site: Ints) -> Floats:
    """Metres along the roads layer of each pair, in either direction, shape (pairs,)."""
    roads = _joined_roads(plan)
    row, back, ahead = _along(plan, plan.road_points.edge_id, plan.road_points.geometry)
    limit = float(plan.rsus.radius_m.max()) + ACROSS_M + SLACK_M
    begins = _begins(plan, roads, at)
    metres = np.full(len(point), np.inf)
    order = np.argsort(site, kind="stable")
    for first in range(0, len(at), AT_ONCE):
        last = min(first + AT_ONCE, len(at))
        low, high = np.searchsorted(site[order], [first, last])
        pairs = order[low:high]
        trees = _trees(roads, at[first:last], begins[first:last], limit)
        mine, spots = site[pairs] - first, point[pairs]
        by_tail = trees[mine, roads.tail[row[spots]]] + back[spots]
        by_head = trees[mine, roads.head[row[spots]]] + ahead[spots]
        metres[pairs] = np.minimum(by_tail, by_head)
    # On its own stretch of road nothing but the straight line lies between them.
    straight = np.hypot(*(xy[point] - at[site]).T)
    own = plan.rsus.edge_id.to_numpy()[site] == plan.road_points.edge_id.to_numpy()[point]
    metres = np.where(own, np.minimum(metres, straight), metres)
    far = np.flatnonzero(metres > plan.rsus.radius_m.to_numpy(dtype=float)[site])
    if len(far):
        over = _over_the_road(plan, roads, at, begins, row[point[far]], xy[point[far]], site[far])
        metres[far] = np.minimum(metres[far], over)
    return metres


def _over_the_road(
    plan: Plan, roads: _Roads, at: Floats, begins: Begins, row: Ints, spot: Floats, site: Ints
) -> Floats:
    """
    Metres to points on a carriageway that passes a reached end of road without a joint there.

    The other carriageway of a road has no node where a street meets this one: radio goes over, at
    most `ACROSS_M`, and along it.
    """
    limit = float(plan.rsus.radius_m.max())
    lines = plan.roads.geometry.iloc[row].to_crs(plane(plan)).to_numpy()
    places, which = np.unique(site, return_inverse=True)
    trees = _trees(roads, at[places], [begins[k] for k in places.tolist()], limit)
    near = cKDTree(roads.ends)
    found = np.full(len(row), np.inf)
    spots = np.asarray(shapely.points(spot), dtype=object)
    for k, line in enumerate(lines):
        middle, half = line.interpolate(0.5, normalized=True), line.length / 2
        nodes = np.array(near.query_ball_point([middle.x, middle.y], half + ACROSS_M), dtype=int)
        ends = shapely.points(roads.ends[nodes])
        gap = shapely.distance(line, ends)
        along = np.abs(
            shapely.line_locate_point(line, ends) - shapely.line_locate_point(line, spots[k])
        )
        whole = np.where(gap <= ACROSS_M, trees[which[k], nodes] + gap + along, np.inf)
        here = shapely.points(at[site[k]])
        direct = line.distance(here)
        if direct <= ACROSS_M:
            whole = np.append(whole, direct + abs(line.project(here) - line.project(spots[k])))
        found[k] = whole.min(initial=np.inf)
    return found


def _along(plan: Plan, edge_id: pd.Series[Any], spot: gpd.GeoSeries) -> tuple[Ints, Floats, Floats]:
    """Row of the road of each place, and metres from there to its tail and its head."""
    row = pd.Index(plan.roads.edge_id).get_indexer(edge_id)
    # On the plane: along a bent line degrees of longitude and of latitude don't add up.
    lines = plan.roads.geometry.to_crs(plane(plan)).to_numpy()[row]
    places = spot.to_crs(plane(plan)).to_numpy()
    share = shapely.line_locate_point(lines, places, normalized=True)
    length = plan.roads.length_m.to_numpy(dtype=float)[row]
    return row.astype(np.int64), share * length, (1 - share) * length


def _begins(plan: Plan, roads: _Roads, at: Floats) -> Begins:
    """
    List the ends of roads from which each site reaches, with the metres to them.

    A site reaches from its place on its road, or from the nodes of its junction; from there along
    every road that passes within `ACROSS_M`.
    """
    site, place, away = _seeds(plan, roads, at)
    lines = plan.roads.geometry.to_crs(plane(plan)).to_numpy()
    spots = np.asarray(shapely.points(place), dtype=object)
    seed, road = shapely.STRtree(lines).query(spots, predicate="dwithin", distance=ACROSS_M)
    gap = away[seed] + shapely.distance(lines[road], spots[seed])
    share = shapely.line_locate_point(lines[road], spots[seed], normalized=True)
    length = plan.roads.length_m.to_numpy(dtype=float)[road]
    table = pd.DataFrame(
        {
            "site": np.tile(site[seed], 2),
            "node": np.concatenate([roads.tail[road], roads.head[road]]),
            "m": np.concatenate([gap + share * length, gap + (1 - share) * length]),
        }
    )
    least = table.groupby(["site", "node"], as_index=False).m.min()
    found: Begins = [[] for _ in range(len(at))]
    for row in least.itertuples(index=False):
        found[row.site].append((int(row.node), float(row.m)))
    return found


def _seeds(plan: Plan, roads: _Roads, at: Floats) -> tuple[Ints, Floats, Floats]:
    """Places from which each site reaches along the roads, and how far each is from it."""
    rsus = plan.rsus
    on = np.flatnonzero(rsus.edge_id.to_numpy() >= 0)
    words = rsus.node_ids.astype(str).str.split()
    owner = np.repeat(np.arange(len(rsus)), words.str.len().to_numpy(dtype=np.int64))
    ids = np.array([int(word) for some in words for word in some], dtype=np.int64)
    node = roads.ids.get_indexer(pd.Index(ids))
    owner, node = owner[node >= 0], node[node >= 0]
    away = np.hypot(*(roads.ends[node] - at[owner]).T)
    return (
        np.concatenate([on, owner]).astype(np.int64),
        np.concatenate([at[on], roads.ends[node]]),
        np.concatenate([np.zeros(len(on)), away]),
    )


@dataclass(frozen=True, slots=True)
class _Roads:
    """Ids and places of the ends of roads, links along and across roads, both ends of each."""

    ids: pd.Index[Any]
    ends: Floats
    graph: csr_array
    tail: Ints
    head: Ints


def _joined_roads(plan: Plan) -> _Roads:
    roads = plan.roads
    ids = pd.Index(np.unique(np.concatenate([roads.tail_id, roads.head_id])))
    tail, head = (
        ids.get_indexer(pd.Index(roads[c])).astype(np.int64) for c in ("tail_id", "head_id")
    )
    lines = roads.geometry.to_numpy()
    ends = np.empty((len(ids), 2))
    for side, node in ((0, tail), (-1, head)):
        ends[node] = shapely.get_coordinates(shapely.get_point(lines, side))
    frame = gpd_points(ends)
    ends = flat(plan, frame)
    across = cKDTree(ends).query_pairs(ACROSS_M, output_type="ndarray")
    gap = np.hypot(*(ends[across[:, 0]] - ends[across[:, 1]]).T)
    table = pd.DataFrame(
        {
            "a": np.concatenate([tail, head, across[:, 0], across[:, 1]]),
            "b": np.concatenate([head, tail, across[:, 1], across[:, 0]]),
            "m": np.concatenate([np.tile(roads.length_m.to_numpy(dtype=float), 2), gap, gap]),
        }
    )
    least = table[table.a != table.b].groupby(["a", "b"], as_index=False).m.min()
    metres = np.maximum(least.m.to_numpy(dtype=float), 1e-3)
    shape = (len(ids), len(ids))
    links = csr_array(coo_array((metres, (least.a, least.b)), shape=shape))
    return _Roads(ids, ends, links, tail, head)


def gpd_points(lonlat: Floats) -> gpd.GeoDataFrame:
    """Make a frame of points in degrees."""
    return geopandas.GeoDataFrame(geometry=shapely.points(lonlat), crs="EPSG:4326")


def _trees(roads: _Roads, at: Floats, begins: Begins, limit: float) -> Floats:
    """Metres from sites to all ends of roads near them, shape (sites, ends)."""
    ends = roads.ends
    box = (ends >= at.min(axis=0) - 2 * limit) & (ends <= at.max(axis=0) + 2 * limit)
    nodes = np.flatnonzero(box.all(axis=1))
    local = np.full(len(ends), -1)
    local[nodes] = np.arange(len(nodes))
    rows = np.array([len(nodes) + k for k, some in enumerate(begins) for _ in some], dtype=np.int64)
    columns = local[[node for some in begins for node, _ in some]]
    gap = np.maximum([metres for some in begins for _, metres in some], 1e-3)
    part = roads.graph[nodes][:, nodes].tocoo()
    size = len(nodes) + len(at)
    links = coo_array(
        (
            np.concatenate([part.data, gap[columns >= 0]]),
            (
                np.concatenate([part.row, rows[columns >= 0]]),
                np.concatenate([part.col, columns[columns >= 0]]),
            ),
        ),
        shape=(size, size),
    )
    found = dijkstra(csr_array(links), indices=len(nodes) + np.arange(len(at)), limit=limit)
    trees = np.full((len(at), len(ends)), np.inf)
    trees[:, nodes] = found[:, : len(nodes)]
    return trees


def covered_edges(plan: Plan, roads: gpd.GeoDataFrame) -> pd.Series[Any]:
    """
    Share of roads within the radius of an equipped site, by edge id.

    Parameters
    ----------
    plan
        Sites and settings.
    roads
        Rows of `Plan.roads`.

    Returns
    -------
    share
        Of even places along each, one for about `point_step_m`.
    """
    step = float(plan.run["settings"]["roadside"]["point_step_m"])
    length = roads.length_m.to_numpy(dtype=float)
    parts = np.maximum(1, np.round(length / step)).astype(np.int64)
    owner = np.repeat(np.arange(len(roads)), parts)
    place = np.concatenate([(np.arange(k) + 0.5) / k for k in parts])
    lines = roads.geometry.to_crs(plane(plan)).to_numpy()
    spots = shapely.line_interpolate_point(lines[owner], place, normalized=True)
    inside = in_discs(plan, geopandas.GeoDataFrame(geometry=spots, crs=plane(plan)))
    share = np.bincount(owner, weights=inside, minlength=len(roads)) / parts
    return pd.Series(share, index=roads.edge_id)


def in_discs(plan: Plan, points: gpd.GeoDataFrame) -> Bools:
    """Tell the points within the radius of an equipped site, straight, shape (points,)."""
    at, xy = flat(plan, plan.rsus), flat(plan, points)
    radius = plan.rsus.radius_m.to_numpy(dtype=float)
    pairs = cKDTree(xy).sparse_distance_matrix(
        cKDTree(at), float(radius.max(initial=0.0)), output_type="coo_matrix"
    )
    row, site = pairs.row, pairs.col
    inside = np.zeros(len(xy), dtype=bool)
    inside[row[pairs.data <= radius[site]]] = True
    return inside
