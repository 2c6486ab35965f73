"""From chosen roadside sites to the plan: edge nodes, batches, coverage, fleet, area."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely
from scipy.sparse import coo_array, csr_array, eye_array
from scipy.spatial import cKDTree

from siting.core.building.area import built_cells
from siting.datum import equal_area_crs, geometry_to_lonlat, geometry_to_metric
from siting.own.locked import locked_items
from siting.reach.radio import discs
from siting.roadside.batches import Units, Works, needed_sites, plan_batches
from siting.roadside.edgenodes import plan_edge_nodes
from siting.roadside.fleetroutes import draw_trips, fleet_routes
from siting.roadside.frames import Decided

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    import numpy.typing as npt
    import pandas as pd

    from siting.candidates.roadside import RoadsideSites
    from siting.demand.charging import Demand
    from siting.model.locks import Lock
    from siting.model.model import Solve
    from siting.network import Network
    from siting.roadside.edgenodes import EdgePlan
    from siting.roadside.frames import Ground

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

SENSING = ("sensing", "full")
"""Levels that need computing near by."""


def decide(ground: Ground, equipped: Bools, limits: Solve, locks: Sequence[Lock] = ()) -> Decided:
    """
    Serve the equipped sites by edge nodes, order them in batches and find what is built.

    Parameters
    ----------
    ground
        What is planned on.
    equipped
        Sites that get a unit, shape (s,).
    limits
        How hard to try.
    locks
        Those on edge nodes hold where their site is equipped.

    Returns
    -------
    Decided

    Raises
    ------
    SolverError
        No plan of edge nodes was found in the time given.
    InfeasibleError
        The budgets of the batches don't pay for the whole.
    """
    sites = ground.sites
    needs = sites.frame["level"].isin(SENSING).to_numpy() | (sites.junction >= 0)
    served = np.flatnonzero(equipped & needs)
    locked = locked_items(sites.frame["site_id"].to_numpy()[served], locks, "edge_node")
    edges = plan_edge_nodes(
        ground.network,
        sites.node[served],
        ground.settings.edge_nodes,
        locked=locked,
        gap=limits.gap,
        seconds=limits.seconds,
        memory_mb=limits.memory_mb,
        seed=limits.seed,
    )
    built = built_cells(ground.cells, equipped)
    site_batch = _site_batches(ground, equipped, built, served, edges)
    cell_batch = np.zeros(len(built), dtype=np.int64)
    for number in range(len(ground.settings.batches), 0, -1):
        upto = (site_batch > 0) & (site_batch <= number)
        cell_batch[built_cells(ground.cells, upto)] = number
    return Decided(equipped, ground.heard, built, served, edges, site_batch, cell_batch)


def _site_batches(
    ground: Ground, equipped: Bools, built: Bools, served: Ints, edges: EdgePlan
) -> Ints:
    """Batch of each site, 0 for those that get no unit, shape (s,)."""
    rows = np.flatnonzero(equipped)
    found = np.zeros(len(equipped), dtype=np.int64)
    if not len(rows):
        return found
    settings = ground.settings.edge_nodes
    fibre = np.zeros(len(equipped))
    fibre[served] = np.round(edges.fibre_m * settings.fibre_cny_per_m.value)
    node = np.full(len(equipped), -1, dtype=np.int64)
    hosts, at = np.unique(edges.host, return_inverse=True)
    node[served] = at
    works = Works(
        site_cny=np.round(ground.sites.frame["cost_cny"].to_numpy(dtype=float))[rows] + fibre[rows],
        node_of=node[rows],
        node_cny=np.full(len(hosts), float(round(settings.node_cny.value))),
        first_cny=float(round(settings.platform_cny.value)),
        mandatory=ground.sites.frame["mandatory"].to_numpy(dtype=bool)[rows],
        units=_units(ground, rows, built),
    )
    found[rows] = plan_batches(works, ground.settings.batches)[0]
    return found


def _units(ground: Ground, rows: Ints, built: Bools) -> Units:
    """Units of the batches: built cells in the zone reading, else the sites themselves."""
    if ground.settings.reading == "zone" and built.any():
        return _cell_units(ground, rows, np.flatnonzero(built))
    return _site_units(ground, rows)


def _cell_units(ground: Ground, rows: Ints, cells: Ints) -> Units:
    zones, points, settings = ground.zones, ground.points, ground.settings
    inside = zones.point[cells].tocoo()
    key = zones.junction[cells][:, rows].astype(bool)
    spare = _backups(ground, rows, cells)
    need = needed_sites(
        csr_array((key + spare).astype(bool)),
        csr_array(ground.heard[inside.col][:, rows]),
        inside.row.astype(np.int64),
        points.length_m[inside.col],
        settings.covered_share.value * zones.length_m[cells],
    )
    traffic = zones.point[cells].astype(np.float64) @ points.traffic
    first = _first_districts(ground)[zones.district[cells]]
    return Units(
        need=need,
        beside=csr_array(zones.neighbour[cells][:, cells]),
        worth=traffic,
        ahead=zones.pilot[cells] | first,
        amount=zones.area_km2[cells],
        least_patch=settings.least_patch_cells,
    )


def _backups(ground: Ground, rows: Ints, cells: Ints) -> csr_array:
    """Equipped sites that hear a key junction of a cell beside its own, where that is asked."""
    building, column = ground.cells, np.full(len(ground.sites.node), -1)
    column[rows] = np.arange(len(rows))
    place = np.full(len(ground.zones.area_km2), -1)
    place[cells] = np.arange(len(cells))
    links = building.backup.tocoo()
    cell, site = place[building.backup_cell[links.row]], column[links.col]
    kept = (cell >= 0) & (site >= 0)
    shape = (len(cells), len(rows))
    return csr_array(
        coo_array((np.ones(int(kept.sum()), dtype=bool), (cell[kept], site[kept])), shape)
    )


def _site_units(ground: Ground, rows: Ints) -> Units:
    """Sites whose discs meet lie side by side."""
    sites, count = ground.sites, len(rows)
    radius = sites.frame["radius_m"].to_numpy(dtype=float)[rows]
    xy = sites.xy[rows]
    pairs = cKDTree(xy).query_pairs(2 * float(radius.max()), output_type="ndarray")
    gap = np.hypot(*(xy[pairs[:, 0]] - xy[pairs[:, 1]]).T)
    pairs = pairs[gap < radius[pairs].sum(axis=1)]
    both = np.concatenate([pairs, pairs[:, ::-1]])
    ids = ground.districts["district_id"].to_numpy()[_first_districts(ground)]
    touching = coo_array(
        (np.ones(len(both), dtype=bool), (both[:, 0], both[:, 1])), shape=(count, count)
    )
    return Units(
        need=csr_array(eye_array(count, dtype=bool)),
        beside=csr_array(touching),
        worth=np.maximum(sites.frame["benefit"].to_numpy(dtype=float)[rows], 1e-9),
        ahead=sites.frame["district_id"].isin(ids).to_numpy()[rows],
        amount=sites.frame["cost_cny"].to_numpy(dtype=float)[rows],
        least_patch=1,
    )


def _first_districts(ground: Ground) -> Bools:
    """Tell the districts that go first, shape (districts,)."""
    names = ground.settings.priority_districts
    frame = ground.districts
    first: Bools = (frame["name"].isin(names) | frame["district_id"].isin(names)).to_numpy()
    return first


def flat_discs(
    network: Network, sites: RoadsideSites, districts: gpd.GeoDataFrame
) -> tuple[npt.NDArray[np.object_], shapely.Geometry]:
    """
    Lay the sites' discs and the planned area on an equal-area plane.

    Returns
    -------
    discs, planned
        Polygons of shape (s,), and the union of the districts, metres.
    """
    plane = equal_area_crs(*districts.total_bounds)
    radius = sites.frame["radius_m"].to_numpy(dtype=float)
    lonlat = geometry_to_lonlat(discs(sites.xy, radius), network.crs)
    flat = geometry_to_metric(lonlat, plane)
    return flat, shapely.union_all(geometry_to_metric(districts.geometry.to_numpy(), plane))


def footprint_km2(ground: Ground, some: Bools) -> float:
    """
    Area of the union of some sites' discs within the planned districts, km2.

    Parameters
    ----------
    ground
        Discs and districts.
    some
        Shape (s,).
    """
    union = shapely.union_all(ground.discs[some])
    return float(shapely.area(shapely.intersection(union, ground.planned))) / 1e6


def footprints_km2(ground: Ground, decided: Decided) -> list[float]:
    """Footprint of all that is equipped by the end of each batch, km2."""
    batch = decided.site_batch
    return [
        footprint_km2(ground, (batch > 0) & (batch <= number))
        for number in range(1, len(ground.settings.batches) + 1)
    ]


def fleet_of(
    ground: Ground, demand: Demand | None, equipped: Bools, seed: int
) -> tuple[pd.DataFrame, float]:
    """
    Draw the routes of a fleet and see how far coverage carries it.

    Parameters
    ----------
    ground
        Roads and sites.
    demand
        Where trips begin and end; where the roads' traffic is, without it.
    equipped
        Shape (s,).
    seed
        Of the draw.

    Returns
    -------
    routes, drawn_share
        See `fleetroutes.fleet_routes`.
    """
    network, settings = ground.network, ground.settings
    trips = draw_trips(network, _trip_weight(ground, demand), settings.on_board, seed=seed)
    edges = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *trips.edges]))
    share = np.zeros(len(network.tail))
    if len(edges):
        share[edges] = covered_edges(ground, edges, equipped)
    return fleet_routes(network, trips, share, settings.on_board)


def _trip_weight(ground: Ground, demand: Demand | None) -> Floats:
    nodes = len(ground.network.node_id)
    if demand is not None:
        at = demand.node >= 0
        kwh = demand.frame["kwh_day"].to_numpy(dtype=float)[at]
        return np.bincount(demand.node[at], weights=kwh, minlength=nodes).astype(float)
    tail = ground.network.tail[ground.points.edge]
    return np.bincount(tail, weights=ground.points.traffic, minlength=nodes).astype(float)


def covered_edges(ground: Ground, edges: Ints, equipped: Bools) -> Floats:
    """
    Share of some edges that lies within the radius of an equipped site.

    A vehicle is on the air within the straight radius of a unit, on roads of any class and on
    either carriageway: the footprint reading of coverage, seen from the vehicle.

    Parameters
    ----------
    ground
        Roads and sites.
    edges
        Network edges of any class, shape (k,).
    equipped
        Shape (s,).

    Returns
    -------
    share
        Of even places along each edge, one for about `point_step_m`, shape (k,).
    """
    network, step = ground.network, ground.settings.point_step_m.value
    parts = np.maximum(1, np.round(network.length_m[edges] / step)).astype(np.int64)
    owner = np.repeat(np.arange(len(edges)), parts)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(parts) - parts, parts)
    on = shapely.line_interpolate_point(
        network.geometry[edges[owner]], (place + 0.5) / parts[owner], normalized=True
    )
    xy = shapely.get_coordinates(on)
    radius = ground.sites.frame["radius_m"].to_numpy(dtype=float)
    on_air = np.zeros(len(xy), dtype=bool)
    for reach in np.unique(radius[equipped]):
        tree = cKDTree(ground.sites.xy[equipped & (radius == reach)])
        on_air |= tree.query(xy, distance_upper_bound=reach)[0] <= reach
    covered: Floats = np.bincount(owner, weights=on_air, minlength=len(edges)) / parts
    return covered
