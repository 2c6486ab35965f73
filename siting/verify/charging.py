"""Recompute the claims of a charging plan from its layers."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from pyproj import Geod
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from siting.verify.clauses import MEASURES, clause_measure, only_sites
from siting.verify.finding import Finding, none, same
from siting.verify.locks import locked, locked_piles
from siting.verify.roadmeasures import MEASURES as ROADS
from siting.verify.roads import road_graph
from siting.verify.roadside import MEASURES as ROADSIDE
from siting.verify.standing import counted_piles, piles_before

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import geopandas as gpd
    import numpy.typing as npt

    from siting.plan import Plan

DISTANCE_TOLERANCE_M = 1.0
"""Largest difference between a stated and a recomputed network distance."""
KW_TOLERANCE = 0.5
"""Installed power is published rounded to the kilowatt."""
ENERGY_TOLERANCE = 1e-6
"""Largest relative difference between a stated and a recomputed energy."""
METRES_A_DEGREE = 110_000.0
"""A degree of latitude is longer everywhere."""
SOURCES_AT_ONCE = 64
"""Shortest-path trees grown at once; bounds the dense block to this many rows."""


def charging_findings(plan: Plan) -> Iterator[Finding]:
    """Recompute stations, piles, cost, districts, distances, served demand and targets."""
    for part in (
        _check_ids,
        _check_stations,
        _check_cost,
        _check_districts,
        _check_spacing,
        _check_lengths,
        _check_distances,
        _check_energy,
        _check_capacity,
        _check_use,
        _check_totals,
        _check_targets,
        _check_gap,
    ):
        yield from part(plan)


def _piles(plan: Plan) -> npt.NDArray[np.float64]:
    """Pile counts, shape (stations, pile types), in the order of `plan.pile_types`."""
    columns = [f"piles_{type_id}" for type_id in plan.pile_types["type_id"]]
    counts: npt.NDArray[np.float64] = plan.stations[columns].to_numpy(dtype=float)
    return counts


def _check_ids(plan: Plan) -> Iterator[Finding]:
    yield none("station ids occur once", plan.stations.site_id[plan.stations.site_id.duplicated()])
    yield none("demand ids occur once", plan.demand.demand_id[plan.demand.demand_id.duplicated()])
    arcs = plan.catchments
    yield none(
        "catchments name stations of the plan",
        arcs.site_id[~arcs.site_id.isin(plan.stations.site_id)].unique(),
    )
    yield none(
        "catchments name demand of the plan",
        arcs.demand_id[~arcs.demand_id.isin(plan.demand.demand_id)].unique(),
    )


def _check_stations(plan: Plan) -> Iterator[Finding]:
    stations, piles = plan.stations, _piles(plan)
    whole = (piles >= 0).all(axis=1) & (piles == np.round(piles)).all(axis=1)
    yield none("pile counts are whole numbers", stations.site_id[~whole])
    total = piles.sum(axis=1)
    yield none("piles by type add up", stations.site_id[total != stations.piles])
    # A size that a lock gives goes before the least number of the kind, not before the land.
    sizes = locked_piles(plan)
    sized = stations.site_id.isin(sizes).to_numpy()
    small = ((total < stations.min_piles) & ~sized) | (total > stations.max_piles)
    yield none("pile counts lie within the site's limits", stations.site_id[small])
    installed = piles @ plan.pile_types.kw.to_numpy(dtype=float)
    yield none(
        "installed kW adds up",
        stations.site_id[np.abs(installed - stations.installed_kw) > KW_TOLERANCE],
    )
    # What stood there before may be fewer.
    fresh = piles_before(stations, plan.pile_types) == 0
    short = (piles > 0) & (piles < plan.pile_types.least.to_numpy(dtype=float))
    typed = [i for i, lock in sizes.items() if lock["piles_by_type"]]
    few = (short & fresh).any(axis=1) & ~stations.site_id.isin(typed).to_numpy()
    yield none("piles of a type stand in their least number or more", stations.site_id[few])
    peak = installed * float(plan.run["settings"]["simultaneity"])
    yield none(
        "peak kW stays within the grid limit", stations.site_id[peak > stations.kw_limit + 1e-6]
    )


def _check_cost(plan: Plan) -> Iterator[Finding]:
    stations = plan.stations
    bought = _piles(plan) - piles_before(stations, plan.pile_types)
    cost = stations.fixed_cost_cny + bought @ plan.pile_types.cost_cny.to_numpy(dtype=float)
    # Each station's cost is rounded to the yuan once.
    yield none("station costs add up", stations.site_id[np.abs(cost - stations.cost_cny) > 1])
    charged = float(plan.run["totals"]["charging_cost_cny"])
    yield same("total cost of charging", charged, float(stations.cost_cny.sum()))
    budget = plan.run["settings"].get("budget_cny")
    if budget is not None:
        over = max(0.0, float(stations.cost_cny.sum()) - float(budget) - len(stations))
        yield same("cost above budget", 0.0, over)


def _check_districts(plan: Plan) -> Iterator[Finding]:
    stations, districts = plan.stations, plan.districts
    tree = shapely.STRtree(districts.geometry.to_numpy())
    point, polygon = tree.query(stations.geometry.to_numpy(), predicate="intersects")
    inside = pd.DataFrame(
        {
            "site_id": stations.site_id.to_numpy()[point],
            "district_id": districts.district_id.to_numpy()[polygon],
        }
    )
    claimed = stations[["site_id", "district_id"]].merge(
        inside, on=["site_id", "district_id"], how="left", indicator=True
    )
    yield none("stations lie in their district", claimed.site_id[claimed["_merge"] != "both"])
    counts = stations.groupby("district_id").size().reindex(districts.district_id, fill_value=0)
    wrong = districts.district_id[counts.to_numpy() != districts.stations.to_numpy()]
    yield none("district station counts", wrong)
    piles = stations.groupby("district_id").piles.sum().reindex(districts.district_id, fill_value=0)
    wrong = districts.district_id[piles.to_numpy() != districts.piles.to_numpy()]
    yield none("district pile counts", wrong)


def _check_spacing(plan: Plan) -> Iterator[Finding]:
    """Hold that no new station stands on top of another, but for sides of one service area."""
    settings, stations = plan.run["settings"], plan.stations
    apart = float(settings["station_spacing_m"])
    points = shapely.get_coordinates(stations.geometry.to_numpy())
    # Degrees of longitude are shorter than those of latitude: no near pair is missed.
    tree = cKDTree(points * [np.cos(np.deg2rad(np.abs(points[:, 1]).max(initial=0.0))), 1.0])
    pairs = tree.query_pairs(apart / METRES_A_DEGREE, output_type="ndarray")
    bound = (stations.status == "new") & ~stations.kind.isin(settings["spacing_free_kinds"])
    pairs = pairs[bound.to_numpy()[pairs].any(axis=1)]
    one, other = points[pairs[:, 0]], points[pairs[:, 1]]
    _, _, metres = Geod(ellps="WGS84").inv(one[:, 0], one[:, 1], other[:, 0], other[:, 1])
    near = pairs[np.asarray(metres) < apart * (1 - 2e-3)]
    ids = stations.site_id.to_numpy(dtype=object)
    yield none(f"new stations keep {apart:g} m from every other", ids[near].ravel())


def _check_lengths(plan: Plan) -> Iterator[Finding]:
    lengths = _geodesic_m(plan.roads)
    stated = plan.roads.length_m.to_numpy(dtype=float)
    off = np.abs(lengths - stated) > np.maximum(1.0, 1e-3 * lengths)
    yield none("road lengths are geodesic", plan.roads.edge_id[off])


def _geodesic_m(roads: gpd.GeoDataFrame) -> npt.NDArray[np.float64]:
    """Geodesic length of each line, metres, by summing over its segments."""
    lines = roads.geometry.to_numpy()
    xy, line = shapely.get_coordinates(lines, return_index=True)
    same = line[1:] == line[:-1]
    _, _, step = Geod(ellps="WGS84").inv(xy[:-1, 0], xy[:-1, 1], xy[1:, 0], xy[1:, 1])
    total: npt.NDArray[np.float64] = np.bincount(
        line[1:][same], weights=np.asarray(step)[same], minlength=len(lines)
    ).astype(float)
    return total


def _check_distances(plan: Plan) -> Iterator[Finding]:
    arcs = _located_arcs(plan)
    found = arcs.access_m_site + arcs.access_m_demand + _path_m(plan.roads, arcs)
    off = ~(np.abs(found - arcs.distance_m) <= DISTANCE_TOLERANCE_M)
    yield none("network distances", (arcs.demand_id + " -> " + arcs.site_id)[off].unique())
    limit = _radius_m(arcs, plan.run["settings"])
    yield none("catchments stay within the radius", arcs.demand_id[found > limit + 1e-6].unique())
    nodes = _node_points(plan.roads)
    for name, frame in (("site", plan.stations), ("demand", plan.demand)):
        known = frame[frame.node_id >= 0].merge(nodes, on="node_id", how="left")
        points = shapely.get_coordinates(known.geometry.to_numpy())
        _, _, gap = Geod(ellps="WGS84").inv(points[:, 0], points[:, 1], known.lon, known.lat)
        wrong = ~(
            np.abs(np.asarray(gap) - known.access_m) <= np.maximum(1.0, 2e-3 * known.access_m)
        )
        yield none(f"{name} access legs", known[f"{name}_id"][wrong])


def _located_arcs(plan: Plan) -> pd.DataFrame:
    """Catchment rows with the nodes and access legs of both their ends."""
    sites = plan.stations[["site_id", "node_id", "access_m"]]
    points = plan.demand[["demand_id", "node_id", "access_m", "urban", "segment"]]
    return plan.catchments.merge(sites, on="site_id").merge(
        points, on="demand_id", suffixes=("_site", "_demand")
    )


def _radius_m(arcs: pd.DataFrame, settings: Mapping[str, Any]) -> npt.NDArray[np.float64]:
    radius = np.where(arcs.urban, settings["urban_radius_m"], settings["rural_radius_m"])
    limit: npt.NDArray[np.float64] = np.where(
        arcs.segment == "heavy", settings["heavy_radius_m"], radius
    ).astype(float)
    return limit


def _path_m(roads: gpd.GeoDataFrame, arcs: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Shortest road distance from demand node to site node of each arc, metres."""
    ids, forward = road_graph(roads)
    # Backwards from the sites: there are fewer of them than demand points.
    graph = forward.T.tocsr()
    source, row = np.unique(ids.get_indexer(pd.Index(arcs.node_id_site)), return_inverse=True)
    target = ids.get_indexer(pd.Index(arcs.node_id_demand))
    found = np.full(len(arcs), np.inf)
    reach = float(arcs.distance_m.to_numpy().max(initial=0.0)) + DISTANCE_TOLERANCE_M
    order = np.argsort(row, kind="stable")
    for first in range(0, len(source), SOURCES_AT_ONCE):
        some = source[first : first + SOURCES_AT_ONCE]
        trees = dijkstra(graph, indices=some, limit=reach)
        low, high = np.searchsorted(row[order], [first, first + len(some)])
        mine = order[low:high]
        found[mine] = trees[row[mine] - first, target[mine]]
    found[target < 0] = np.inf
    return found


def _node_points(roads: gpd.GeoDataFrame) -> pd.DataFrame:
    """Longitude and latitude of each network node, from the ends of the road lines."""
    lines = roads.geometry.to_numpy()
    ends = np.concatenate(
        [shapely.get_coordinates(shapely.get_point(lines, end)) for end in (0, -1)]
    )
    ids = np.concatenate([roads.tail_id.to_numpy(), roads.head_id.to_numpy()])
    frame = pd.DataFrame({"node_id": ids, "lon": ends[:, 0], "lat": ends[:, 1]})
    return frame.drop_duplicates("node_id")


def _check_energy(plan: Plan) -> Iterator[Finding]:
    arcs, demand, stations = plan.catchments, plan.demand, plan.stations
    yield none("catchment energies are not negative", arcs.site_id[arcs.kwh_day < 0].unique())
    served = arcs.groupby("demand_id").kwh_day.sum().reindex(demand.demand_id, fill_value=0.0)
    slack = ENERGY_TOLERANCE * np.maximum(1.0, demand.kwh_day.to_numpy())
    over = served.to_numpy() > demand.kwh_day.to_numpy() + slack
    yield none("no demand point is served more than it asks", demand.demand_id[over])
    off = np.abs(served.to_numpy() - demand.served_kwh_day.to_numpy()) > slack
    yield none("served energy by demand point", demand.demand_id[off])
    given = arcs.groupby("site_id").kwh_day.sum().reindex(stations.site_id, fill_value=0.0)
    off = np.abs(given.to_numpy() - stations.served_kwh_day.to_numpy()) > np.maximum(
        1e-3, ENERGY_TOLERANCE * given.to_numpy()
    )
    yield none("served energy by station", stations.site_id[off])
    total = float(arcs.kwh_day.sum())
    yield same("served energy in all", float(plan.run["totals"]["served_kwh_day"]), total, 1e-6)


def _check_capacity(plan: Plan) -> Iterator[Finding]:
    """
    Hold every station's capacity for each set of segments (Hall's condition).

    A flow from pile types to segments exists exactly when, for each set of segments, the energy
    they take is at most the capacity of the pile types that serve any of them.
    """
    types = plan.pile_types
    capacity = _piles(plan) * types.kwh_day.to_numpy(dtype=float)
    arcs = plan.catchments.merge(plan.demand[["demand_id", "segment"]], on="demand_id")
    taken = arcs.pivot_table(
        index="site_id", columns="segment", values="kwh_day", aggfunc="sum", fill_value=0.0
    ).reindex(plan.stations.site_id, fill_value=0.0)
    serves = [set(text.split()) for text in types.segments]
    for size in range(1, taken.shape[1] + 1):
        for some in combinations(sorted(taken.columns), size):
            usable = np.array([bool(s & set(some)) for s in serves])
            room = capacity[:, usable].sum(axis=1)
            load = taken[list(some)].sum(axis=1).to_numpy()
            over = load > room + np.maximum(1e-3, ENERGY_TOLERANCE * room)
            yield none(f"capacity for {', '.join(some)}", plan.stations.site_id[over])


def _check_use(plan: Plan) -> Iterator[Finding]:
    """Hold the least use of new stations that neither the map nor a clause demands."""
    asked = float(plan.run["settings"]["rules"]["station_use"])
    if not asked:
        return
    stations, given = plan.stations, plan.catchments.groupby("site_id").kwh_day.sum()
    room = _piles(plan) @ plan.pile_types.kwh_day.to_numpy(dtype=float)
    use = stations.site_id.map(given).fillna(0.0).to_numpy(dtype=float) / room
    held = (stations.status == "new") & ~stations.mandatory.astype(bool)
    held &= ~stations.site_id.isin(only_sites(plan))
    held &= ~stations.site_id.isin(locked(plan, "charging", "fix", "size"))
    low = held.to_numpy() & (use < asked * (1 - 1e-5))
    yield none(f"new stations are used to {asked:.0%} or more", stations.site_id[low])


def _check_totals(plan: Plan) -> Iterator[Finding]:
    totals = plan.run["totals"]
    yield same("stations", float(totals["stations"]), float(len(plan.stations)))
    yield same("piles", float(totals["piles"]), float(_piles(plan).sum()))


def _measured(plan: Plan, measure: str) -> float:
    """Value of one target measure from the layers alone."""
    if measure in MEASURES:
        return clause_measure(plan, measure)
    stations, demand = plan.stations, plan.demand
    counts = bool(plan.run["settings"]["existing_count"])
    counted = stations if counts else stations[stations.status == "new"]
    value: float
    if measure == "dc_share":
        piles, current = counted_piles(plan), plan.pile_types.current.to_numpy()
        value = piles[:, current == "dc"].sum() / max(1.0, piles.sum())
    elif measure == "service_areas":
        areas = plan.candidates.site_id[plan.candidates.kind == "service_area"]
        value = areas.isin(stations.site_id).mean() if len(areas) else 1.0
    elif measure == "district_stations":
        each = counted.groupby("district_id").size()
        value = each.reindex(plan.districts.district_id, fill_value=0).min()
    elif measure == "served_share":
        value = plan.catchments.kwh_day.sum() / demand.kwh_day.sum()
    else:
        sums = demand.groupby("district_id")[["served_kwh_day", "kwh_day"]].sum()
        value = (sums.served_kwh_day / sums.kwh_day).min()
    return float(value)


def _check_targets(plan: Plan) -> Iterator[Finding]:
    checked = plan.clauses[plan.clauses.status.isin(["met", "short"])]
    elsewhere = {"hydrogen_stations", *ROADS, *ROADSIDE}
    checked = checked[~checked.measure.isin(elsewhere)]
    for row in checked.to_dict("records"):
        value = _measured(plan, str(row["measure"]))
        name = f"{row['clause'] or 'own target'} {row['measure']}"
        yield same(name, float(row["planned"]), value, 1e-6)
        status = "met" if value >= float(row["target"]) * (1 - 1e-9) else "short"
        yield Finding(f"{name} status", row["status"] == status, str(row["status"]), status)


def _check_gap(plan: Plan) -> Iterator[Finding]:
    run = plan.run
    served = float(plan.catchments.kwh_day.sum())
    if "worst_district" in run:
        worst, share = run["worst_district"], _measured(plan, "district_served_share")
        yield same("share of the worst district", float(worst["share"]), share, 1e-6)
        above = f"{share:.6g} of {worst['limit']:.6g}"
        yield Finding(
            "limit of the worst district", worst["limit"] >= share - ENERGY_TOLERANCE, above, above
        )
    yield same("objective", float(run["objective"]), served, 1e-6)
    bound = float(run["bound"])
    yield Finding(
        "bound is not below the plan",
        bound >= served * (1 - 1e-6),
        f"{bound:,.6g}",
        f"{served:,.6g}",
    )
    yield same("gap", float(run["gap"]), max(0.0, bound - served) / max(served, 1e-9), 1e-6)
