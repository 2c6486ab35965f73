"""Recompute the claims of the test roads from the layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from pyproj import Geod
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, dijkstra

from siting.verify.finding import Finding, none, same
from siting.verify.planes import plane_of
from siting.verify.roadmeasures import road_measure
from siting.verify.roadproof import road_proof_findings
from siting.verify.roadworth import road_worth_findings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import geopandas as gpd
    import numpy.typing as npt
    import pandas as pd

    from siting.plan import Plan

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Settings = Mapping[str, Any]

LENGTH_TOLERANCE = 1e-3
"""Largest relative difference between stated and measured lengths."""
TOUCH_M = 5.0
"""A road's line ends within this of the reach of the junction that it is said to meet."""
ROOM = 0.95
"""Part of what there is that a share is asked for where the map can't hold it."""
WIDEST_M = 1600.0
"""No junction reaches farther: a chain of ramps is no junction."""


def testroad_findings(plan: Plan) -> Iterator[Finding]:
    """Recompute lengths, parts, anchors, exclusions, phases, costs, catalogue, targets, bound."""
    totals, roads = plan.run["totals"], plan.test_roads
    metres = float(roads.length_m.sum()) if len(roads) else 0.0
    cost = int(roads.cost_cny.sum()) if len(roads) else 0
    yield same("test-road kilometres", float(totals["test_road_km"]), metres / 1000, 1e-9)
    yield same("cost of test roads", float(totals.get("test_road_cost_cny", 0)), float(cost))
    settings = plan.run["settings"].get("testroads")
    if settings is None:
        yield Finding("test roads have settings", not len(roads), "none", str(len(roads)))
        return
    yield from _check_targets(plan, settings)
    twice = roads.corridor_id[roads.corridor_id.duplicated()] if len(roads) else ()
    yield none("test-road ids occur once", np.array(twice, dtype=object))
    lost = _lost(plan)
    yield none("test roads end at known junctions", lost)
    # What follows goes by id.
    if not len(roads) or len(twice) or len(lost):
        return
    for part in (
        _check_lengths,
        _check_choice,
        _check_parts,
        _check_junctions,
        _check_anchors,
        _check_phases,
        _check_costs,
        _check_catalogue,
        road_worth_findings,
        road_proof_findings,
    ):
        yield from part(plan, settings)


def _lost(plan: Plan) -> npt.NDArray[Any]:
    """Ids of roads whose ends are no junctions."""
    roads = plan.test_roads
    if not len(roads):
        return np.zeros(0, dtype=object)
    ends = roads[["tail_id", "head_id"]].to_numpy(dtype=np.int64)
    lost = ((ends < 0) | (ends >= len(plan.test_road_nodes))).any(axis=1)
    return np.asarray(roads.corridor_id.to_numpy()[lost])


def _check_targets(plan: Plan, settings: Settings) -> Iterator[Finding]:
    rows = plan.clauses[plan.clauses.status.isin(["met", "short"])]
    for row in rows.to_dict("records"):
        value = road_measure(plan, settings, str(row["measure"]))
        if value is None:
            continue
        name = f"{row['clause'] or 'own target'} {row['measure']}"
        yield same(name, float(row["planned"]), value, 1e-6)
        status = "met" if value >= float(row["target"]) * (1 - 1e-9) else "short"
        yield Finding(f"{name} status", row["status"] == status, str(row["status"]), status)


def _geodesic_m(frame: gpd.GeoDataFrame) -> Floats:
    geod = Geod(ellps="WGS84")
    return np.array([geod.geometry_length(line) for line in frame.geometry])


def _check_lengths(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Measure every line on the ellipsoid; no network edge is counted twice."""
    roads = plan.test_roads
    stated, found = roads.length_m.to_numpy(dtype=float), _geodesic_m(roads)
    off = np.abs(found - stated) > np.maximum(1.0, LENGTH_TOLERANCE * stated)
    yield none("lengths of test roads", roads.corridor_id[off])
    yield same(
        "geodesic length of all test roads, km",
        float(plan.run["totals"]["test_road_km"]),
        float(found.sum()) / 1000,
        LENGTH_TOLERANCE,
    )
    edges = np.array(" ".join(roads.edge_ids).split(), dtype=np.int64)
    ids, times = np.unique(edges, return_counts=True)
    yield none("network edges in two test roads", ids[times > 1])
    yield none("network edges of test roads exist", ids[~np.isin(ids, plan.roads.edge_id)])
    twin = plan.roads.set_index("edge_id").twin.astype(bool)
    owner = np.repeat(np.arange(len(roads)), roads.edge_ids.str.split().str.len())
    known = np.isin(edges, plan.roads.edge_id)
    each = plan.roads.set_index("edge_id").length_m.reindex(edges[known]).to_numpy(dtype=float)
    most = np.bincount(owner[known], weights=each, minlength=len(roads))
    yield none(
        "test roads are no longer than their edges",
        roads.corridor_id[stated > most * (1 + LENGTH_TOLERANCE) + 1.0],
    )
    single = float(each[~twin.reindex(edges[known]).to_numpy()].sum())
    beyond = max(0.0, stated.sum() - 1.02 * single)
    yield same("test roads beyond their centrelines, m", 0.0, beyond, 1.0)
    total = stated.sum()
    inside = settings["least_m"] * (1 - 1e-6) <= total <= settings["most_m"] * (1 + 1e-6)
    window = f"{settings['least_m']:,.0f} to {settings['most_m']:,.0f} m"
    yield Finding("test-road length in its window", bool(inside), window, f"{total:,.0f} m")


def _check_choice(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Test roads are chosen corridors that may be chosen, in a district that is planned."""
    roads, every = plan.test_roads, plan.test_road_corridors
    chosen = every.corridor_id[every.chosen.astype(bool)]
    wrong = sorted(set(chosen) ^ set(roads.corridor_id))
    yield none("chosen corridors are the test roads", np.array(wrong, dtype=object))
    may = every.corridor_id[every.reason == ""]
    yield none("test roads may be chosen", roads.corridor_id[~roads.corridor_id.isin(may)])
    fixed = every.corridor_id[(every.opened | every.section).astype(bool)]
    yield none("existing roads and sections are in", fixed[~fixed.isin(roads.corridor_id)])
    outside = roads.corridor_id[~roads.district_id.isin(plan.districts.district_id)]
    yield none("test roads lie in planned districts", outside)
    known = {name for group in settings["groups"] for name in group["classes"]}
    yield none(
        "classes of test roads are asked for",
        roads.corridor_id[~roads.highway.isin(known) & ~roads.opened.astype(bool)],
    )
    for group in settings["groups"]:
        mine = (roads.sort == group["id"]) & ~(roads.opened | roads.section).astype(bool)
        share = roads.length_m[mine].sum() / roads.length_m.sum()
        most = _most_share(plan, settings, group)
        ok = bool(share <= most + 1e-6)
        yield Finding(f"share of sort {group['id']}", ok, f"at most {most:.1%}", f"{share:.1%}")
    if settings["near"] == "exclude":
        yield none("test roads keep off schools and hospitals", _near(plan, settings))


def _most_share(plan: Plan, settings: Settings, group: Mapping[str, Any]) -> float:
    """Share that a sort may have: the model's, or what other roads leave to be asked for."""
    every = plan.test_road_corridors
    usable = every.reason == ""
    other = usable & ((every.sort != group["id"]) | every.opened | every.section).astype(bool)
    room = float(every.length_m[other].sum()) / max(float(settings["asked_m"]), 1.0)
    return float(max(group["at_most_share"], 1 - ROOM * room))


def _near(plan: Plan, settings: Settings) -> pd.Series[Any]:
    """Ids of roads nearer to a school or hospital than the model allows."""
    roads, places = plan.test_roads, plan.test_road_places
    crs = plane_of(roads)
    lines = roads.geometry.to_crs(crs).to_numpy()
    close = np.zeros(len(roads), dtype=bool)
    for role in ("school", "hospital"):
        some = places[places.role == role]
        radius = float(settings[f"{role}_m"]) + some.extent_m.to_numpy(dtype=float)
        points = some.geometry.to_crs(crs).to_numpy()
        # The plan measures on another plane: a little less is no breach.
        pair = shapely.STRtree(lines).query(
            points, predicate="dwithin", distance=0.998 * radius - 1.0
        )
        close[pair[1]] = True
    free = (roads.opened | roads.section).to_numpy(dtype=bool)
    found: pd.Series[Any] = roads.corridor_id[close & ~free]
    return found


def _labels(roads: gpd.GeoDataFrame, nodes: int) -> Ints:
    """Label every node by its connected part of some roads."""
    ends = (roads.tail_id.to_numpy(dtype=np.int64), roads.head_id.to_numpy(dtype=np.int64))
    graph = coo_array((np.ones(len(roads)), ends), shape=(nodes, nodes))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _parts_without(
    roads: gpd.GeoDataFrame, nodes: int, anchors: Ints
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the labels of the roads' parts, and those of them that hold no anchor."""
    label = _labels(roads, nodes)
    parts = np.unique(label[roads.tail_id.to_numpy(dtype=np.int64)])
    return parts, parts[~np.isin(parts, label[anchors])]


def _check_parts(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Search the graph: few connected parts, each with an anchor, as published."""
    roads, nodes = plan.test_roads, plan.test_road_nodes
    size = len(nodes)
    good = (nodes.node_id.to_numpy() == np.arange(size)).all()
    yield Finding("junctions of test roads are numbered", bool(good), "in order", str(size))
    if not good:
        return
    ends = roads[["tail_id", "head_id"]].to_numpy(dtype=np.int64)
    anchors = np.flatnonzero(nodes.anchor.to_numpy(dtype=bool))
    parts, loose = _parts_without(roads, size, anchors)
    most = int(settings["components"])
    yield Finding("connected parts", len(parts) <= most, f"at most {most}", str(len(parts)))
    yield none("connected parts without an anchor", loose)
    label = _labels(roads, size)[ends[:, 0]]
    pairs = np.unique(np.column_stack([label, roads.part.to_numpy(dtype=np.int64)]), axis=0)
    same_parts = len(pairs) == len(parts) == len(set(roads.part))
    yield Finding(
        "parts are as published", bool(same_parts), str(roads.part.nunique()), str(len(parts))
    )


def _check_junctions(plan: Plan, _: Settings) -> Iterator[Finding]:
    """Hold each road's line to the junctions that it is said to run between."""
    roads, nodes = plan.test_roads, plan.test_road_nodes
    crs = plane_of(roads)
    lines, points = (f.geometry.to_crs(crs).to_numpy() for f in (roads, nodes))
    reach = nodes.reach_m.to_numpy(dtype=float)
    yield none("reach of junctions", nodes.node_id[reach > WIDEST_M])
    for end in ("tail_id", "head_id"):
        at = roads[end].to_numpy(dtype=np.int64)
        # Only the ends count: a road that passes a junction doesn't end there.
        edge = shapely.boundary(lines)
        edge = np.where(shapely.is_empty(edge), lines, edge)
        gap = shapely.distance(edge, points[at])
        off = gap > 1.002 * reach[at] + TOUCH_M
        yield none(f"lines meet the junction at their {end[:4]}", roads.corridor_id[off])


def _check_anchors(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Anchors are the model's, or of their tier's kind."""
    places, nodes, roads = plan.test_road_places, plan.test_road_nodes, plan.test_roads
    anchors = places[places.role == "anchor"]
    wrong = set(nodes.node_id[nodes.anchor.astype(bool)]) ^ set(anchors.node_id)
    yield none("anchors are junctions", np.array(sorted(wrong), dtype=object))
    at = nodes.set_index("node_id").geometry.reindex(anchors.node_id)
    lon, lat = shapely.get_coordinates(at.to_numpy()).T
    given = {anchor["id"]: anchor for anchor in settings["anchors"]}
    geod, bad = Geod(ellps="WGS84"), []
    every = plan.test_road_corridors
    held = {
        "section": every[every.section.astype(bool)],
        "opened": every[every.opened.astype(bool)],
    }
    touched = {tier: set(some.tail_id) | set(some.head_id) | set() for tier, some in held.items()}
    for row, x, y in zip(anchors.to_dict("records"), lon, lat, strict=True):
        tier, id_ = row["tier"], row["place_id"]
        if tier in touched:
            ok = row["node_id"] in touched[tier]
        elif tier == "district":
            ok = bool(settings["district_anchors"])
        else:
            known = given.get(id_)
            ok = known is not None and known["tier"] == tier
            if known is not None:
                gap = geod.inv(x, y, known["lon"], known["lat"])[2]
                ok = ok and gap <= 1.002 * settings["anchor_reach_m"] + 1.0
        if not ok:
            bad.append(id_)
    yield none("anchors are given or of their kind", np.array(bad, dtype=object))
    ends = set(roads.tail_id) | set(roads.head_id)
    served = anchors.node_id.isin(ends) != anchors.served.astype(bool)
    yield none("anchors that roads reach", anchors.place_id[served])


def _check_phases(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Every phase hangs together with an anchor or an existing road, within shares and money."""
    roads, nodes = plan.test_roads, plan.test_road_nodes
    phases, phase = settings["phases"], roads.phase.to_numpy(dtype=np.int64)
    opened = roads.opened.to_numpy(dtype=bool)
    yield none("phases of test roads", roads.corridor_id[(phase < 0) | (phase > len(phases))])
    yield none("existing roads are phase 0", roads.corridor_id[opened != (phase == 0)])
    ends = roads.loc[opened, ["tail_id", "head_id"]].to_numpy(dtype=np.int64)
    anchors = np.flatnonzero(nodes.anchor.to_numpy(dtype=bool))
    begin = np.union1d(anchors, ends)
    metres = roads.length_m.to_numpy(dtype=float)
    cost = roads.cost_cny.to_numpy(dtype=float)
    money = 0.0
    for number, asked in enumerate(phases, 1):
        some = phase <= number
        if some.any():
            parts, loose = _parts_without(roads[some], len(nodes), begin)
            yield none(f"phase {number}: parts of {len(parts)} without a start", loose)
        budget = asked["budget_cny"]
        money = np.inf if budget is None else money + float(budget)
        over = max(0.0, cost[some].sum() - money - len(roads))
        yield same(f"phase {number}: money beyond its budgets", 0.0, over)
        short = metres[some].sum() < asked["share"] * metres.sum() * (1 - 1e-6)
        # Fewer kilometres open where money is short: then what comes next costs more than is left.
        dear = plan.test_road_catalogue.cost_cny[plan.test_road_catalogue.phase > number].max()
        spared = bool(dear > money - cost[some].sum())
        yield Finding(
            f"phase {number}: share of kilometres",
            bool(not short or spared),
            f"{asked['share']:.0%}",
            f"{metres[some].sum() / metres.sum():.1%}",
        )
    yield from _check_away(plan, begin)


def _check_away(plan: Plan, begin: Ints) -> Iterator[Finding]:
    """Distances along the roads from where their part begins."""
    roads, nodes = plan.test_roads, len(plan.test_road_nodes)
    tail, head = (roads[f"{n}_id"].to_numpy(dtype=np.int64) for n in ("tail", "head"))
    stated = roads.away_m.to_numpy(dtype=float)
    start = np.intersect1d(begin, np.concatenate([tail[stated <= 0], head[stated <= 0]]))
    metres = np.maximum(roads.length_m.to_numpy(dtype=float), 1e-3)
    order = np.lexsort((metres, np.maximum(tail, head), np.minimum(tail, head)))
    low, high = np.minimum(tail, head)[order], np.maximum(tail, head)[order]
    first = np.r_[True, (np.diff(low) != 0) | (np.diff(high) != 0)]
    graph = coo_array(
        (metres[order][first], (low[first], high[first])), shape=(nodes, nodes)
    ).tocsr()
    away = dijkstra(graph, directed=False, indices=start, min_only=True)
    found = np.minimum(away[tail], away[head])
    # More starts than the plan used bring nothing farther: roads may state more, never less.
    yield none("distances from where parts begin", roads.corridor_id[stated < found - 1.0])
    yield none("roads that no start reaches", roads.corridor_id[~np.isfinite(found)])


def _check_costs(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Recompute opening and retrofit to the yuan."""
    roads, totals = plan.test_roads, plan.run["totals"]
    km = np.where(roads.opened.astype(bool), 0.0, roads.length_m / 1000)
    if "cost_factor" in roads:
        km = km * roads.cost_factor.to_numpy(dtype=float)
    opening = km * (settings["signs_cny_per_km"] + settings["assessment_cny_per_km"])
    bare = 1 - roads.covered.to_numpy(dtype=float)
    retrofit = settings["hd_map_cny_per_km"] + settings["rsu_per_km"] * settings["rsu_cny"] * bare
    for column, wanted in (("opening_cny", opening), ("retrofit_cny", km * retrofit)):
        off = np.abs(np.rint(wanted) - roads[column].to_numpy(dtype=float)) > 0.5  # noqa: PLR2004
        yield none(f"test roads: {column}", roads.corridor_id[off])
        name = f"test_road_{column}"
        yield same(name, float(totals[name]), float(roads[column].sum()))
    both = roads.opening_cny + roads.retrofit_cny
    yield none("test roads: cost_cny", roads.corridor_id[both != roads.cost_cny])
    budget = settings["budget_cny"]
    if budget is not None:
        over = max(0.0, float(roads.cost_cny.sum()) - float(budget) - len(roads))
        yield same("cost of test roads above budget", 0.0, over)


def _check_catalogue(plan: Plan, _: Settings) -> Iterator[Finding]:
    """Hold the catalogue's sections to the roads: each in one, with their sums."""
    roads, table = plan.test_roads, plan.test_road_catalogue
    twice = table.section_id[table.section_id.duplicated()]
    yield none("section ids occur once", twice)
    wrong = sorted(set(roads.section_id) ^ set(table.section_id))
    yield none("sections of the catalogue are those of the roads", np.array(wrong, dtype=object))
    if len(twice) or wrong:
        return
    by = roads.groupby("section_id")
    own = table.set_index("section_id")
    sums = by[["length_m", "opening_cny", "retrofit_cny", "cost_cny"]].sum().reindex(own.index)
    off = ~np.isclose(sums.length_m / 1000, own.km, rtol=1e-9)
    for column in ("opening_cny", "retrofit_cny", "cost_cny"):
        off |= sums[column] != own[column]
    off |= by.size().reindex(own.index) != own.corridors
    yield none("sums of the catalogue", own.index[off])
    for column in ("road", "district_id", "highway", "phase", "part"):
        values = by[column].nunique().reindex(own.index)
        first = by[column].first().reindex(own.index)
        yield none(f"{column} of sections", own.index[(values != 1) | (first != own[column])])
    metres = _geodesic_m(table)
    gap = np.abs(metres / 1000 - table.km) > np.maximum(0.001, LENGTH_TOLERANCE * table.km)
    yield none("lines of sections", table.section_id[gap])
