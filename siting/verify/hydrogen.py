"""Recompute the claims of the hydrogen stations from the layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import Geod
from scipy.sparse.csgraph import dijkstra

from siting.verify.finding import Finding, none, same
from siting.verify.roads import road_graph

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    from siting.plan import Plan

    Floats = npt.NDArray[np.float64]

DISTANCE_TOLERANCE_M = 1.0
"""Largest difference between a stated and a recomputed distance along roads."""
PLANE_TOLERANCE = 2e-3
"""Largest relative difference of a straight distance: the plan measures on the plane."""
POINTS_TOLERANCE = 1e-6
"""Largest difference between stated and recomputed points of the objective."""


def hydrogen_findings(plan: Plan) -> Iterator[Finding]:
    """Recompute count, cost, exclusion distances, spacing, cover and objective."""
    totals = plan.run["totals"]
    cost = int(plan.hydrogen.cost_cny.sum()) if len(plan.hydrogen) else 0
    yield same("hydrogen stations", float(totals["hydrogen_stations"]), float(len(plan.hydrogen)))
    yield same("total cost of hydrogen", float(totals["hydrogen_cost_cny"]), float(cost))
    others = ("charging", "roadside", "test_road")
    every = cost + sum(float(totals.get(f"{name}_cost_cny", 0)) for name in others)
    yield same("total cost", float(totals["cost_cny"]), every)
    settings = plan.run["settings"].get("hydrogen")
    if settings is None:
        return
    yield from _check_target(plan, settings)
    twice = plan.hydrogen.site_id[plan.hydrogen.site_id.duplicated()] if len(plan.hydrogen) else ()
    yield none("hydrogen station ids occur once", np.array(twice, dtype=object))
    # What follows goes by id.
    if not len(plan.hydrogen) or len(twice):
        return
    for part in (
        _check_sites,
        _check_costs,
        _check_districts,
        _check_exclusion,
        _check_spacing,
        _check_cover,
        _check_objective,
    ):
        yield from part(plan, settings)


def _check_target(plan: Plan, settings: Mapping[str, Any]) -> Iterator[Finding]:
    counted = len(plan.hydrogen)
    if settings["existing_count"]:
        counted += int(settings["existing_stations"])
    rows = plan.clauses[plan.clauses.measure == "hydrogen_stations"]
    for row in rows[rows.status.isin(["met", "short"])].to_dict("records"):
        name = f"{row['clause'] or 'own target'} hydrogen_stations"
        yield same(name, float(row["planned"]), float(counted))
        status = "met" if counted >= float(row["target"]) * (1 - 1e-9) else "short"
        yield Finding(f"{name} status", row["status"] == status, str(row["status"]), status)


def _check_sites(plan: Plan, _: Mapping[str, Any]) -> Iterator[Finding]:
    stations, candidates = plan.hydrogen, plan.hydrogen_candidates
    open_to = candidates.site_id[candidates.reason == ""]
    yield none(
        "hydrogen stations stand where they may", stations.site_id[~stations.site_id.isin(open_to)]
    )
    chosen = candidates.site_id[candidates.chosen.astype(bool)]
    wrong = sorted(set(chosen) ^ set(stations.site_id))
    yield none("chosen hydrogen sites are the stations", np.array(wrong, dtype=object))


def _check_costs(plan: Plan, settings: Mapping[str, Any]) -> Iterator[Finding]:
    stations = plan.hydrogen
    combined = stations.kind.isin(["fuel", "service_area"])
    wrong = stations.site_id[combined != stations.combined.astype(bool)]
    yield none("combined hydrogen stations sell fuel", wrong)
    alone_cny = float(settings["standalone_cny"]) + float(settings["land_cny"])
    cost = np.where(combined, float(settings["combined_cny"]), alone_cny)
    if "cost_factor" in stations:
        cost = cost * stations.cost_factor.to_numpy(dtype=float)
    yield none("hydrogen station costs", stations.site_id[np.abs(cost - stations.cost_cny) > 1])
    budget = settings.get("budget_cny")
    if budget is not None:
        over = max(0.0, float(stations.cost_cny.sum()) - float(budget) - len(stations))
        yield same("hydrogen cost above budget", 0.0, over)


def _check_districts(plan: Plan, _: Mapping[str, Any]) -> Iterator[Finding]:
    stations, districts = plan.hydrogen, plan.districts.set_index("district_id").geometry
    named = districts.reindex(stations.district_id).to_numpy()
    inside = shapely.intersects(stations.geometry.to_numpy(), named)
    yield none("hydrogen stations lie in their district", stations.site_id[~inside])


def _straight_m(points: gpd.GeoSeries, others: gpd.GeoSeries) -> Floats:
    """Geodesic metres from each point to each other one, shape (points, others)."""
    a, b = shapely.get_coordinates(points), shapely.get_coordinates(others)
    row, column = (index.ravel() for index in np.indices((len(a), len(b))))
    geod = Geod(ellps="WGS84")
    _, _, metres = geod.inv(a[row, 0], a[row, 1], b[column, 0], b[column, 1])
    return np.asarray(metres, dtype=np.float64).reshape(len(a), len(b))


def _nearest(metres: Floats) -> Floats:
    """Least distance of each row, at least 0; -1 where there is nothing to be near to."""
    if not metres.shape[1]:
        return np.full(len(metres), -1.0)
    return np.asarray(np.maximum(metres.min(axis=1), 0.0), dtype=np.float64)


def _check_exclusion(plan: Plan, settings: Mapping[str, Any]) -> Iterator[Finding]:
    """Distances to public buildings and arterial junctions, which bind, and to supplies."""
    stations = plan.hydrogen
    role = plan.protected.role if len(plan.protected) else pd.Series(dtype=object)
    buildings, supplies = plan.protected[role == "protected"], plan.protected[role == "supply"]
    odd = buildings[~buildings.kind.isin(settings["protected_kinds"])] if len(buildings) else []
    yield Finding("protected places are of the kinds named", not len(odd), "0", str(len(odd)))
    extent = buildings.extent_m.to_numpy(dtype=float) if len(buildings) else np.zeros(0)
    junctions = _arterial_junctions(plan.roads, settings["arterials"])
    found = {
        "nearest_protected_m": _straight_m(stations.geometry, buildings.geometry) - extent,
        "nearest_junction_m": _straight_m(stations.geometry, junctions),
        "supply_m": _straight_m(stations.geometry, supplies.geometry),
    }
    for column, metres in found.items():
        nearest = _nearest(metres)
        slack = np.maximum(1.0, PLANE_TOLERANCE * (nearest + extent.max(initial=0.0)))
        off = np.abs(nearest - stations[column].to_numpy(dtype=float)) > slack
        yield none(f"hydrogen {column}", stations.site_id[off])
    for column, least in (
        ("nearest_protected_m", float(settings["public_building_m"])),
        ("nearest_junction_m", float(settings["junction_m"])),
    ):
        nearest = _nearest(found[column])
        low = (nearest >= 0) & (nearest < least * (1 - PLANE_TOLERANCE) - 0.1)
        yield none(f"hydrogen stations keep {column}", stations.site_id[low])
    first = float(settings["stored_kg"]) > float(settings["level_1_kg"])
    central = stations.site_id[stations.urban.astype(bool) & first]
    yield none("no level-1 hydrogen station in the centre", central)


def _arterial_junctions(roads: gpd.GeoDataFrame, classes: list[str]) -> gpd.GeoSeries:
    """Return the places where three or more ends of arterial roads meet."""
    some = roads[roads.highway.isin(classes)]
    lines = some.geometry.to_numpy()
    ends = np.concatenate([shapely.get_point(lines, 0), shapely.get_point(lines, -1)])
    ids = np.concatenate([some.tail_id.to_numpy(), some.head_id.to_numpy()])
    _, first, count = np.unique(ids, return_index=True, return_counts=True)
    meeting = ends[first[count > 2]]  # noqa: PLR2004  (a road through has two)
    return gpd.GeoSeries(meeting, crs=roads.crs)


def _check_spacing(plan: Plan, settings: Mapping[str, Any]) -> Iterator[Finding]:
    stations = plan.hydrogen
    metres = _straight_m(stations.geometry, stations.geometry)
    np.fill_diagonal(metres, np.inf)
    least = float(settings["spacing_m"]) * (1 - PLANE_TOLERANCE) - 0.1
    yield none("hydrogen stations keep their spacing", stations.site_id[metres.min(axis=1) < least])


def _check_cover(plan: Plan, settings: Mapping[str, Any]) -> Iterator[Finding]:
    """Nearest station of each point by road, and what each station covers."""
    points, stations = plan.hydrogen_demand, plan.hydrogen
    metres = _road_m(plan)
    best = metres.min(axis=0)
    within = best <= float(settings["radius_m"]) + 1e-3
    stated = points.distance_m.to_numpy(dtype=float)
    said = points.site_id.to_numpy() != ""
    # At the very edge of the radius a millimetre decides.
    edge = np.abs(best - float(settings["radius_m"])) < DISTANCE_TOLERANCE_M
    yield none("points within the radius are covered", points.point_id[(within != said) & ~edge])
    off = said & ~(np.abs(best - stated) <= DISTANCE_TOLERANCE_M)
    yield none("distances to the nearest hydrogen station", points.point_id[off])
    row = pd.Index(stations.site_id).get_indexer(points.site_id)
    own = metres[np.maximum(row, 0), np.arange(len(points))]
    wrong = said & ((row < 0) | ~(np.abs(own - stated) <= DISTANCE_TOLERANCE_M))
    yield none("points are given to a station at that distance", points.point_id[wrong])
    given = points[said].groupby("site_id")[["kwh_day", "corridor_km"]].sum()
    given = given.reindex(stations.site_id, fill_value=0.0)
    for column, name in (("kwh_day", "served_kwh_day"), ("corridor_km", "corridor_km")):
        gap = np.abs(given[column].to_numpy() - stations[name].to_numpy(dtype=float))
        yield none(f"hydrogen {name}", stations.site_id[gap > 1e-6 * (1 + given[column].max())])
    heavy = plan.demand[plan.demand.segment == "heavy"].kwh_day.sum()
    yield same("heavy-vehicle demand", float(points.kwh_day.sum()), float(heavy), 1e-6)
    roads = plan.roads[
        plan.roads.highway.isin(["motorway", "trunk"]) & ~plan.roads.twin.astype(bool)
    ]
    most = float(roads.length_m.sum()) / 1000
    beyond = max(0.0, float(points.corridor_km.sum()) - most)
    yield same("corridor kilometres beyond the map", 0.0, beyond, 1e-6)
    share = given.kwh_day.to_numpy() / max(float(heavy), 1e-9)
    off = np.abs(share - stations.served_share.to_numpy(dtype=float)) > POINTS_TOLERANCE
    yield none("hydrogen served_share", stations.site_id[off])


def _road_m(plan: Plan) -> Floats:
    """Metres by road from each point to each station, shape (stations, points)."""
    points, stations = plan.hydrogen_demand, plan.hydrogen
    ids, graph = road_graph(plan.roads)
    # Turned round, so that one tree from a station holds the way of every point to it.
    trees = dijkstra(graph.T.tocsr(), indices=ids.get_indexer(pd.Index(stations.node_id)))
    target = ids.get_indexer(pd.Index(points.node_id))
    found = trees[:, np.maximum(target, 0)]
    found[:, target < 0] = np.inf
    access = stations.access_m.to_numpy(dtype=float)[:, None]
    return np.asarray(found + access + points.access_m.to_numpy(dtype=float), dtype=np.float64)


def _check_objective(plan: Plan, settings: Mapping[str, Any]) -> Iterator[Finding]:
    points, stations, record = plan.hydrogen_demand, plan.hydrogen, plan.run["hydrogen"]
    said = points.site_id != ""
    score = 0.0
    for column, weight in (("kwh_day", "heavy_weight"), ("corridor_km", "corridor_weight")):
        total = float(points[column].sum())
        part = float(points.loc[said, column].sum())
        score += float(settings[weight]) * part / max(total, 1e-9)
    asked = max(int(settings["stations"]), 1)
    supply = stations.supply_m.to_numpy(dtype=float)
    near = np.clip(1 - supply / float(settings["supply_range_m"]), 0, 1) * (supply >= 0)
    score += float(settings["supply_weight"]) * float(near.sum()) / asked
    alone_cny = max(float(settings["standalone_cny"]) + float(settings["land_cny"]), 1.0)
    spent = float(stations.cost_cny.sum()) / (asked * alone_cny)
    score -= float(settings["cost_weight"]) * spent
    yield same("hydrogen objective", float(record["objective"]), score, POINTS_TOLERANCE)
    bound = float(record["bound"])
    ok = bound >= score - POINTS_TOLERANCE
    yield Finding("hydrogen bound is not below the plan", ok, f"{bound:.6g}", f"{score:.6g}")
    gap = max(0.0, bound - score) / max(abs(score), 1e-9)
    yield same("hydrogen gap", float(record["gap"]), gap, 1e-4)
