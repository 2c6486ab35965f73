"""Recompute the measures of the clauses, and how far each township and key area has to go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from pyproj import Geod
from scipy.sparse.csgraph import dijkstra

from siting.verify.finding import Finding, none
from siting.verify.roads import road_graph
from siting.verify.standing import counted_piles

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from siting.plan import Plan

TOLERANCE_M = 1.0
"""Largest difference between a stated and a recomputed distance."""
AT_ONCE = 64
"""Shortest-path trees grown at once."""
KW_TOLERANCE = 0.5
"""Loads of substations are published to the kilowatt."""

MEASURES = frozenset(
    {
        "stations",
        "piles",
        "townships",
        "key_areas",
        "zone_areas",
        "test_fleets",
        "heavy_sites",
        "energy_stations",
        "residential_piles",
        "rest_areas",
        "utilisation",
    }
)
"""Measures that `clause_measure` knows."""


def clause_measure(plan: Plan, measure: str) -> float:
    """
    Recompute a measure of the clauses from the layers and settings alone.

    Raises
    ------
    KeyError
        For a measure that isn't one of `MEASURES`.
    """
    settings, stations, places = plan.run["settings"], plan.stations, plan.places
    rules = settings["rules"]
    if measure in {"stations", "piles"}:
        return _counted(plan, measure)
    if measure in {"townships", "key_areas"}:
        group = places[places.measure == measure]
        return float(np.mean(group.distance_m <= group.radius_m)) if len(group) else np.nan
    if measure in {"zone_areas", "test_fleets"}:
        zone = measure == "zone_areas"
        least = rules["zone_piles" if zone else "test_fleet_piles"]
        group = places[places.measure == ("key_areas" if zone else measure)]
        group = group[(group.urban == 1) | (not zone)]
        return float(np.mean(group.fast_piles >= least)) if len(group) else np.nan
    if measure == "rest_areas":
        rest = plan.candidates.site_id[plan.candidates.kind == "rest_area"]
        return float(rest.isin(stations.site_id).mean()) if len(rest) else np.nan
    if measure == "utilisation":
        per_pile = plan.pile_types.kwh_day.to_numpy(dtype=float)
        return float(plan.catchments.kwh_day.sum() / (_piles(plan) @ per_pile).sum())
    return _of_kind(plan, measure)


def _piles(plan: Plan) -> npt.NDArray[np.float64]:
    names = [f"piles_{name}" for name in plan.pile_types["type_id"]]
    return np.asarray(plan.stations[names].to_numpy(dtype=float))


def _of_kind(plan: Plan, measure: str) -> float:
    """Count stations of a kind, or their piles; NaN where the map shows no such site."""
    rules, types, kind = plan.run["settings"]["rules"], plan.pile_types, plan.stations.kind
    kinds = {
        "heavy_sites": rules["heavy_kinds"],
        "energy_stations": ["fuel"],
        "residential_piles": ["residential"],
    }[measure]
    if not plan.candidates.kind.isin(kinds).any():
        return float("nan")
    inside = kind.isin(kinds).to_numpy()
    if measure == "residential_piles":
        return float(_piles(plan)[inside][:, (types.current == "ac").to_numpy()].sum())
    if measure == "heavy_sites":
        strong = _piles(plan)[:, (types.kw >= rules["heavy_kw"]).to_numpy()].sum(axis=1)
        new = (plan.stations.status == "new").to_numpy()
        inside = inside & (strong >= rules["heavy_piles"]) & new
    return float(inside.sum())


def _counted(plan: Plan, measure: str) -> float:
    settings = plan.run["settings"]
    readings, stations = settings["readings"], plan.stations
    inside = np.ones(len(stations), dtype=bool)
    if not settings["existing_count"]:
        inside = inside & (stations.status == "new").to_numpy()
    if measure == "stations":
        swap = readings["station"] == "charging_and_swap"
        return float(inside.sum()) + (float(readings["swap_stations"]) if swap else 0.0)
    inside = np.ones(len(stations), dtype=bool)
    if readings["access"] == "public":
        inside = ~stations.kind.isin(readings["dedicated_kinds"]).to_numpy()
        if "access" in stations:
            inside = inside & (stations.access == "public").to_numpy()
    guns = plan.pile_types.guns.to_numpy(dtype=float)
    per_pile = guns if readings["pile"] == "gun" else np.ones(len(guns))
    return float((counted_piles(plan)[inside] @ per_pile).sum())


def clause_findings(plan: Plan) -> Iterator[Finding]:
    """Recompute the places' distances and piles within reach, and the substations' loads."""
    places = plan.places
    if len(places):
        yield from _check_places(plan)
    asked = set(plan.clauses.measure[plan.clauses.target.notna()])
    if "test_fleets" in asked and len(plan.test_road_places):
        yield none("bases of test fleets are anchors of test roads", _wrong_bases(plan))
    if len(plan.substations):
        yield from _check_substations(plan)


def _check_places(plan: Plan) -> Iterator[Finding]:
    places, rules = plan.places, plan.run["settings"]["rules"]
    radius = places.measure.map(
        {
            "townships": rules["township_radius_m"],
            "key_areas": rules["key_area_radius_m"],
            "test_fleets": rules.get("test_fleet_radius_m"),
        }
    )
    yield none("radius of places", places.place_id[radius != places.radius_m])
    nearest, fast = _reached(plan)
    found = nearest <= places.radius_m.to_numpy(dtype=float) + TOLERANCE_M
    reached = places.reached.to_numpy(dtype=bool)
    stated = places.distance_m.to_numpy(dtype=float)
    off = reached & ~(np.abs(nearest - stated) <= TOLERANCE_M)
    yield none("distance from place to station", places.place_id[off])
    wrong = reached & ~(found & (stated <= places.radius_m.to_numpy(dtype=float)))
    missed = ~reached & (nearest < places.radius_m.to_numpy(dtype=float) - TOLERANCE_M)
    yield none("places reached", places.place_id[wrong | missed])
    yield none("fast piles near places", places.place_id[fast != places.fast_piles.to_numpy()])
    yield from _check_access(plan)


def _wrong_bases(plan: Plan) -> npt.NDArray[np.object_]:
    """Bases that are no anchor of a named tier or lie elsewhere, and anchors that are left out."""
    places, anchors = plan.places, plan.test_road_places
    tiers = plan.run["settings"]["rules"]["test_fleet_tiers"]
    some = anchors[(anchors.role == "anchor") & anchors.tier.isin(tiers)]
    stated = places[places.measure == "test_fleets"]
    given = pd.Series(some.geometry.to_numpy(), index="anchor/" + some.place_id.astype(str))
    at = pd.Series(stated.geometry.to_numpy(), index=stated.place_id.astype(str))
    wrong = set(given.index) ^ set(at.index)
    for name in set(given.index) & set(at.index):
        ends = (given[name].x, given[name].y, at[name].x, at[name].y)
        wrong |= {name} if Geod(ellps="WGS84").inv(*ends)[2] > TOLERANCE_M else set()
    return np.array(sorted(wrong), dtype=object)


def _check_access(plan: Plan) -> Iterator[Finding]:
    known = plan.places[plan.places.node_id >= 0]
    lines = plan.roads.geometry.to_numpy()
    ends = [shapely.get_coordinates(shapely.get_point(lines, end)) for end in (0, -1)]
    ids = np.concatenate([plan.roads.tail_id.to_numpy(), plan.roads.head_id.to_numpy()])
    node, first = np.unique(ids, return_index=True)
    at = np.concatenate(ends)[first][np.searchsorted(node, known.node_id.to_numpy())]
    points = shapely.get_coordinates(known.geometry.to_numpy())
    _, _, gap = Geod(ellps="WGS84").inv(points[:, 0], points[:, 1], at[:, 0], at[:, 1])
    limit = np.maximum(TOLERANCE_M, 2e-3 * known.access_m.to_numpy(dtype=float))
    off = ~(np.abs(np.asarray(gap) - known.access_m.to_numpy(dtype=float)) <= limit)
    yield none("access legs of places", known.place_id[off])


def only_sites(plan: Plan) -> npt.NDArray[np.object_]:
    """
    Find the candidate sites that alone reach a township or key area that a target asks for.

    Returns
    -------
    site_id
        Without repetition; distances are searched anew on the published roads.
    """
    places, sites = plan.places, plan.candidates
    asked = set(plan.clauses.measure[plan.clauses.target.notna()])
    groups = {"townships", "test_fleets"} & asked | (
        {"key_areas"} if asked & {"key_areas", "zone_areas"} else set()
    )
    if not len(places) or not groups:
        return np.zeros(0, dtype=object)
    rows = np.flatnonzero((places.node_id >= 0) & places.measure.isin(groups))
    ids, graph = road_graph(plan.roads)
    at = ids.get_indexer(pd.Index(sites.node_id))
    radius, access = (places[c].to_numpy(dtype=float) for c in ("radius_m", "access_m"))
    found: list[npt.NDArray[np.int64]] = []
    for first in range(0, len(rows), AT_ONCE):
        some = rows[first : first + AT_ONCE]
        source = ids.get_indexer(pd.Index(places.node_id.iloc[some]))
        trees: Any = dijkstra(graph, indices=source, limit=float(radius[some].max()))
        metres = trees[:, at] + sites.access_m.to_numpy(dtype=float) + access[some, None]
        near = (metres <= radius[some, None] + 1e-3) & (at >= 0)
        found.append(near[near.sum(axis=1) == 1].argmax(axis=1))
    only = np.unique(np.concatenate(found)) if found else np.zeros(0, dtype=np.int64)
    return np.asarray(sites.site_id.to_numpy(dtype=object)[only], dtype=object)


def _reached(plan: Plan) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Distance to the nearest open station and fast piles within the radius, of each place."""
    places, stations = plan.places, plan.stations
    ids, graph = road_graph(plan.roads)
    serves = plan.pile_types.segments.str.split().map(lambda some: "fleet" in some).to_numpy()
    fast = _piles(plan)[:, serves].sum(axis=1)
    site = ids.get_indexer(pd.Index(stations.node_id))
    nearest, count = np.full(len(places), np.inf), np.zeros(len(places))
    on_road = np.flatnonzero(places.node_id.to_numpy() >= 0)
    radius, access = (places[c].to_numpy(dtype=float) for c in ("radius_m", "access_m"))
    for first in range(0, len(on_road), AT_ONCE):
        rows = on_road[first : first + AT_ONCE]
        source = ids.get_indexer(pd.Index(places.node_id.iloc[rows]))
        limit = float(radius[rows].max()) + TOLERANCE_M
        trees: Any = dijkstra(graph, indices=source, limit=limit)
        metres = trees[:, site] + stations.access_m.to_numpy(dtype=float) + access[rows, None]
        nearest[rows] = metres.min(axis=1, initial=np.inf)
        # Distances are published to the millimetre.
        count[rows] = (metres <= radius[rows, None] + 1e-3) @ fast
    return nearest, count


def _check_substations(plan: Plan) -> Iterator[Finding]:
    """Feed each station from the nearest substation and hold its head-room."""
    frame, stations = plan.substations, plan.stations
    at = shapely.get_coordinates(frame.geometry.to_numpy())
    points = shapely.get_coordinates(stations.geometry.to_numpy())
    each = np.column_stack(
        [
            Geod(ellps="WGS84").inv(
                points[:, 0], points[:, 1], np.full(len(points), x), np.full(len(points), y)
            )[2]
            for x, y in at.tolist()
        ]
    )
    stated = pd.Index(frame.substation_id).get_indexer(stations.substation_id)
    chosen = each[np.arange(len(each)), stated]
    # Two substations at the same distance but for the projection are both the nearest.
    far = (stated < 0) | (chosen > each.min(axis=1) * (1 + 1e-3) + TOLERANCE_M)
    yield none("stations hang on the nearest substation", stations.site_id[far])
    peak = _piles(plan) @ plan.pile_types.kw.to_numpy(dtype=float)
    peak = peak * float(plan.run["settings"]["simultaneity"])
    load = np.bincount(stated[stated >= 0], weights=peak[stated >= 0], minlength=len(frame))
    off = np.abs(load - frame.load_kw.to_numpy(dtype=float)) > KW_TOLERANCE
    yield none("loads of substations", frame.substation_id[off])
    over = load > frame.headroom_kw.to_numpy(dtype=float) * (1 + 1e-9) + 1e-6
    yield none("substations within their head-room", frame.substation_id[over])
