"""The independent checker: it agrees with a true plan and catches each kind of lie."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pytest
import shapely

from siting.store.runs import read_run
from siting.verify import failures, verify_plan
from siting.verify.planes import plane_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from siting.pipeline import Published
    from siting.plan import Plan

Lie = "Callable[[Plan], Plan]"


def test_a_published_plan_holds_when_read_back(published: Published) -> None:
    findings = verify_plan(read_run(published.folder))
    assert failures(findings) == ()
    assert len(findings) > 20


def _stations(plan: Plan, **columns: Any) -> Plan:
    return replace(plan, stations=plan.stations.assign(**columns))


def _one_more_pile(plan: Plan) -> Plan:
    column = next(c for c in plan.stations if c.startswith("piles_") and plan.stations[c].sum() > 0)
    return _stations(plan, **{column: plan.stations[column] + 1})


def _cheaper(plan: Plan) -> Plan:
    return _stations(plan, cost_cny=plan.stations.cost_cny - 1000)


def _elsewhere(plan: Plan) -> Plan:
    return _stations(plan, district_id="370102")


def _half_distance(plan: Plan) -> Plan:
    return replace(
        plan, catchments=plan.catchments.assign(distance_m=plan.catchments.distance_m / 2)
    )


def _double_energy(plan: Plan) -> Plan:
    return replace(plan, catchments=plan.catchments.assign(kwh_day=plan.catchments.kwh_day * 2))


def _shorter_roads(plan: Plan) -> Plan:
    return replace(plan, roads=plan.roads.assign(length_m=plan.roads.length_m * 0.9))


def _moved(plan: Plan) -> Plan:
    return _stations(plan, geometry=plan.stations.geometry.translate(0.01, 0.0))


def _twice(plan: Plan) -> Plan:
    return _stations(plan, site_id=plan.stations.site_id.iloc[0])


def _more_stations_claimed(plan: Plan) -> Plan:
    totals = {**plan.run["totals"], "stations": plan.run["totals"]["stations"] + 1}
    return replace(plan, run={**plan.run, "totals": totals})


def _bound_below(plan: Plan) -> Plan:
    return replace(plan, run={**plan.run, "bound": plan.run["objective"] * 0.9})


def _smaller_gap(plan: Plan) -> Plan:
    return replace(plan, run={**plan.run, "gap": plan.run["gap"] + 0.05})


def _target_met_by_word(plan: Plan) -> Plan:
    clauses = plan.clauses.copy()
    clauses.loc[0, "target"] = 1e9
    return replace(plan, clauses=clauses)


def _wider_radius(plan: Plan) -> Plan:
    settings = {**plan.run["settings"], "urban_radius_m": 10.0, "rural_radius_m": 10.0}
    return replace(plan, run={**plan.run, "settings": {**settings, "heavy_radius_m": 10.0}})


def _too_small_budget(plan: Plan) -> Plan:
    settings = {**plan.run["settings"], "budget_cny": plan.run["totals"]["cost_cny"] / 2}
    return replace(plan, run={**plan.run, "settings": settings})


def _pile_alone(plan: Plan) -> Plan:
    column = next(c for c in plan.stations if c.startswith("piles_") and plan.stations[c].sum() > 0)
    return _stations(plan, **{column: 1})


def _on_top_of_each_other(plan: Plan) -> Plan:
    points = plan.stations.geometry.to_numpy().copy()
    new = np.flatnonzero((plan.stations.status == "new") & (plan.stations.kind != "service_area"))
    points[new[1]] = points[new[0]]
    return _stations(plan, geometry=points)


def _nearly_idle(plan: Plan) -> Plan:
    rules = {**plan.run["settings"]["rules"], "station_use": 0.99999}
    return replace(plan, run={**plan.run, "settings": {**plan.run["settings"], "rules": rules}})


@pytest.mark.parametrize(
    ("lie", "check"),
    [
        (_pile_alone, "least number"),
        (_on_top_of_each_other, "from every other"),
        (_nearly_idle, "are used to"),
        (_one_more_pile, "piles by type add up"),
        (_cheaper, "station costs add up"),
        (_elsewhere, "stations lie in their district"),
        (_half_distance, "network distances"),
        (_double_energy, "served"),
        (_shorter_roads, "road lengths are geodesic"),
        (_moved, "access legs"),
        (_twice, "station ids occur once"),
        (_more_stations_claimed, "stations"),
        (_bound_below, "bound is not below the plan"),
        (_smaller_gap, "gap"),
        (_target_met_by_word, "status"),
        (_wider_radius, "radius"),
        (_too_small_budget, "budget"),
    ],
)
def test_a_lie_is_caught_by_its_check(
    published: Published, lie: Callable[[Plan], Plan], check: str
) -> None:
    wrong = failures(verify_plan(lie(published.plan)))
    assert any(check in sentence for sentence in wrong), wrong


def test_published_distances_are_shortest_paths_of_another_library(published: Published) -> None:
    plan = published.plan
    graph = nx.MultiDiGraph()
    for road in plan.roads.itertuples():
        graph.add_edge(road.tail_id, road.head_id, m=road.length_m)
        if road.oneway == 0:
            graph.add_edge(road.head_id, road.tail_id, m=road.length_m)
    sites = plan.stations.set_index("site_id")
    points = plan.demand.set_index("demand_id")
    some = plan.catchments.sample(min(50, len(plan.catchments)), random_state=1)
    for arc in some.itertuples():
        site, point = sites.loc[arc.site_id], points.loc[arc.demand_id]
        path = nx.dijkstra_path_length(graph, point.node_id, site.node_id, weight="m")
        assert arc.distance_m == pytest.approx(path + site.access_m + point.access_m, abs=0.5)


def test_districts_add_up_to_the_city(published: Published) -> None:
    plan = published.plan
    assert plan.districts.stations.sum() == len(plan.stations)
    assert plan.districts.piles.sum() == plan.stations.piles.sum()
    assert plan.districts.cost_cny.sum() == plan.stations.cost_cny.sum()
    assert np.isclose(plan.districts.kwh_day.sum(), plan.demand.kwh_day.sum())


@pytest.mark.parametrize(
    ("lon", "lat"), [(117.0, 36.65), (-70.6, -33.4), (179.5, 10.0), (-179.5, 10.0), (0.1, 51.5)]
)
def test_the_plane_is_the_zone_that_another_library_estimates(lon: float, lat: float) -> None:
    frame = gpd.GeoDataFrame(geometry=[shapely.box(lon - 0.1, lat, lon + 0.1, lat + 0.2)], crs=4326)
    assert plane_of(frame) == frame.estimate_utm_crs()
