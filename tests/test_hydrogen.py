"""Hydrogen stations from places to a checked run folder, on a tiny town with two hospitals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import jsonschema
import networkx as nx
import numpy as np
import osmium
import pytest
import shapely
import tiny
from osmium.osm.mutable import Node
from pyproj import Geod

from siting.candidates.hydrogen import PROTECTED, protected_places, supply_places
from siting.errors import InfeasibleError
from siting.osm import read_osm
from siting.pipeline import plan
from siting.store.runs import read_run
from siting.verify import failures, verify_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from siting.pipeline import Published
    from siting.plan import Plan

ROOT = Path(__file__).parents[1]
MORE = (
    ("amenity", "hospital", 37, "第一医院"),
    ("amenity", "hospital", 520, "第二医院"),
    ("amenity", "fuel", 60, ""),
    ("amenity", "fuel", 200, "加油站甲"),
    ("amenity", "fuel", 345, "加油站乙"),
    ("amenity", "fuel", 500, "加油站丙"),
    ("landuse", "industrial", 230, "东方钢铁厂"),
    ("industrial", "logistics", 130, "物流园"),
)
TARGET = "  - {{measure: hydrogen_stations, at_least: {stations}}}\nsolve:"
HYDROGEN = """\
hydrogen: {{spacing_m: {spacing}, radius_m: 1500, existing_stations: 2, existing_count: {counted}}}
solve:"""


def write_model(
    folder: Path, *, stations: int = 3, spacing: float = 600, counted: bool = False, more: str = ""
) -> Path:
    """Write the tiny town with more facilities, and a model that asks for hydrogen stations."""
    path = tiny.write_model(folder)
    roads = folder / "hydrogen.osm.pbf"
    if not roads.exists():
        with osmium.SimpleWriter(str(roads)) as writer:
            for entity in osmium.FileProcessor(str(folder / "town.osm.pbf")):
                writer.add(entity)
                if entity.is_node() and entity.id == 10_000 + len(tiny.FACILITIES) - 1:
                    for number, (key, value, cell, name) in enumerate(MORE):
                        row, column = divmod(cell, tiny.SIDE)
                        at = (
                            tiny.WEST + (column + 0.35) * tiny.STEP_DEG,
                            tiny.SOUTH + (row + 0.45) * tiny.STEP_DEG * 0.8,
                        )
                        tags = {key: value, "name": name}
                        writer.add_node(Node(id=20_000 + number, location=at, tags=tags))
    words = path.read_text(encoding="utf-8").replace("town.osm.pbf", "hydrogen.osm.pbf")
    words = words.replace("solve:", TARGET.format(stations=stations))
    part = HYDROGEN.format(spacing=spacing, counted=str(counted).lower())
    words = words.replace("solve:", part).replace("existing_count", f"{more}existing_count")
    path.write_text(words, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """Plan the tiny town with three hydrogen stations; tests only read the run."""
    folder = tmp_path_factory.mktemp("hydrogen")
    return plan(write_model(folder), out=folder / "maps")


def straight_m(a: gpd.GeoSeries, b: gpd.GeoSeries) -> Any:
    geod, at = Geod(ellps="WGS84"), shapely.get_coordinates(b)
    rows = [
        geod.inv(np.full(len(at), x), np.full(len(at), y), *at.T)[2]
        for x, y in shapely.get_coordinates(a)
    ]
    return np.array(rows)


def test_the_run_holds_when_read_back_and_follows_its_schema(town: Published) -> None:
    back = read_run(town.folder)
    assert failures(verify_plan(back)) == ()
    run = json.loads((town.folder / "run.json").read_text(encoding="utf-8"))
    jsonschema.validate(run, json.loads((ROOT / "docs/run.schema.json").read_text("utf-8")))
    totals = run["totals"]
    assert totals["hydrogen_stations"] == len(back.hydrogen) == 3
    assert totals["hydrogen_cost_cny"] == back.hydrogen.cost_cny.sum()
    assert totals["cost_cny"] == back.stations.cost_cny.sum() + back.hydrogen.cost_cny.sum()
    row = back.clauses[back.clauses.measure == "hydrogen_stations"].iloc[0]
    assert (row.status, row.planned, row.target) == ("met", 3, 3)
    assert any(back.assumptions.key == "hydrogen.combined_cny")


def test_a_model_that_asks_for_none_plans_none(published: Published) -> None:
    found = published.plan
    assert found.run["totals"]["hydrogen_stations"] == len(found.hydrogen) == 0
    assert "hydrogen" not in found.run
    assert not any(found.assumptions.key.str.startswith("hydrogen"))
    assert found.run["totals"]["cost_cny"] == found.run["totals"]["charging_cost_cny"]


def test_each_place_keeps_the_reason_why_it_is_out(town: Published) -> None:
    found = town.plan
    places, settings = found.hydrogen_candidates, found.run["settings"]["hydrogen"]
    hospitals = found.protected[found.protected.role == "protected"]
    gap = (straight_m(places.geometry, hospitals.geometry) - hospitals.extent_m.to_numpy()).min(1)
    near = gap < settings["public_building_m"]
    assert near.any()
    assert set(places.reason[near]) == {"public_building"}
    assert not (places.reason[~near] == "public_building").any()
    assert np.allclose(np.maximum(gap, 0), places.nearest_protected_m, atol=1 + 2e-3 * gap.max())
    graph: dict[int, int] = {}
    for road in found.roads[found.roads.highway.isin(settings["arterials"])].itertuples():
        for node in (road.tail_id, road.head_id):
            graph[node] = graph.get(node, 0) + 1
    at = {}
    for road in found.roads.itertuples():
        at[road.tail_id], at[road.head_id] = road.geometry.coords[0], road.geometry.coords[-1]
    meeting = gpd.GeoSeries([shapely.Point(at[n]) for n, ends in graph.items() if ends > 2])
    junction = straight_m(places.geometry, meeting).min(1)
    close = (junction < settings["junction_m"]) & ~near
    assert np.allclose(junction, places.nearest_junction_m, atol=1 + 2e-3 * junction.max())
    assert set(places.reason[close]) <= {"junction"}
    assert not (places.reason[~close] == "junction").any()


def test_covered_points_are_those_of_shortest_paths_of_another_library(town: Published) -> None:
    found = town.plan
    graph = nx.MultiDiGraph()
    for road in found.roads.itertuples():
        graph.add_edge(road.tail_id, road.head_id, m=road.length_m)
        if road.oneway == 0:
            graph.add_edge(road.head_id, road.tail_id, m=road.length_m)
    heavy = found.demand[found.demand.segment == "heavy"].set_index("demand_id")
    points = found.hydrogen_demand[found.hydrogen_demand.purpose == "heavy"]
    assert set(points.point_id) == set(heavy.index)
    covered = 0.0
    for point in points.itertuples():
        ways = nx.single_source_dijkstra_path_length(graph, point.node_id, weight="m")
        metres = {
            site.site_id: ways.get(site.node_id, np.inf) + site.access_m + point.access_m
            for site in found.hydrogen.itertuples()
        }
        best = min(metres.values())
        assert (point.site_id != "") == (best <= 1500), (best, point)
        if point.site_id:
            covered += point.kwh_day
            assert metres[point.site_id] == pytest.approx(best, abs=0.5)
    assert found.hydrogen.served_kwh_day.sum() == pytest.approx(covered)
    assert 0 < covered <= heavy.kwh_day.sum()


def test_stations_keep_their_spacing_and_cost_what_their_kind_does(town: Published) -> None:
    frame = town.plan.hydrogen
    apart = straight_m(frame.geometry, frame.geometry) + np.eye(len(frame)) * 1e9
    assert apart.min() >= 600 * (1 - 2e-3)
    assert set(frame.kind[frame.combined]) <= {"fuel", "service_area"}
    assert set(frame.cost_cny[frame.combined]) == {5_000_000}
    assert set(frame.cost_cny[~frame.combined]) <= {15_000_000}


@pytest.mark.slow
def test_combined_stations_go_first_where_money_counts_most(tmp_path: Path) -> None:
    found = tiny.answered(write_model(tmp_path, more="cost_weight: 100, "))
    assert found.hydrogen.combined.all()
    assert failures(verify_plan(found)) == ()


@pytest.mark.slow
def test_existing_stations_count_when_the_model_says_so(tmp_path: Path) -> None:
    found = tiny.answered(write_model(tmp_path, counted=True))
    assert len(found.hydrogen) == 1
    row = found.clauses[found.clauses.measure == "hydrogen_stations"].iloc[0]
    assert (row.status, row.planned) == ("met", 3)
    assert failures(verify_plan(found)) == ()


def test_a_level_1_station_is_not_built_in_the_centre(tmp_path: Path) -> None:
    with pytest.raises(InfeasibleError, match="hydrogen") as caught:
        plan(write_model(tmp_path, stations=9, more="stored_kg: 6000, "), out=tmp_path / "maps")
    assert "0 places" in str(caught.value)


@pytest.mark.slow
def test_stations_that_do_not_fit_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(InfeasibleError, match="don't fit"):
        plan(write_model(tmp_path, spacing=9000), out=tmp_path / "maps")
    assert not [p for p in (tmp_path / "maps").glob("*") if p.name != ".cache"]


def test_protected_places_and_supplies_are_told_by_kind_and_name(town: Published) -> None:
    folder = town.folder.parents[1]
    city_map = read_osm(folder / "hydrogen.osm.pbf")
    assert set(supply_places(city_map).name) == {"东方钢铁厂"}
    found = protected_places(city_map, 30.0)
    assert set(found.kind) <= set(PROTECTED)
    assert {"第一医院", "第二医院"} <= set(found.name)
    drawn = city_map.facilities.assign(area_m2=np.pi * 1e4)
    wide = protected_places(replace(city_map, facilities=drawn), 30.0)
    assert wide.extent_m.to_numpy() == pytest.approx(100.0)


def _totals(found: Plan, **values: Any) -> Plan:
    return replace(found, run={**found.run, "totals": {**found.run["totals"], **values}})


def _settings(found: Plan, **values: Any) -> Plan:
    part = {**found.run["settings"]["hydrogen"], **values}
    settings = {**found.run["settings"], "hydrogen": part}
    return replace(found, run={**found.run, "settings": settings})


def _stations(found: Plan, **columns: Any) -> Plan:
    return replace(found, hydrogen=found.hydrogen.assign(**columns))


def _points(found: Plan, **columns: Any) -> Plan:
    return replace(found, hydrogen_demand=found.hydrogen_demand.assign(**columns))


def _bound_below(found: Plan) -> Plan:
    record = {**found.run["hydrogen"], "bound": found.run["hydrogen"]["objective"] - 0.1}
    return replace(found, run={**found.run, "hydrogen": record})


def _better_than_it_is(found: Plan) -> Plan:
    record = {**found.run["hydrogen"], "objective": found.run["hydrogen"]["objective"] + 0.1}
    return replace(found, run={**found.run, "hydrogen": record})


def _target_met_by_word(found: Plan) -> Plan:
    clauses = found.clauses.copy()
    clauses.loc[clauses.measure == "hydrogen_stations", "target"] = 99.0
    return replace(found, clauses=clauses)


def _never_allowed(found: Plan) -> Plan:
    places = found.hydrogen_candidates
    return replace(found, hydrogen_candidates=places.assign(reason="public_building"))


@pytest.mark.parametrize(
    ("lie", "check"),
    [
        (lambda p: _totals(p, hydrogen_stations=4), "hydrogen stations"),
        (lambda p: _totals(p, hydrogen_cost_cny=1), "total cost of hydrogen"),
        (lambda p: _totals(p, cost_cny=1), "total cost"),
        (lambda p: _stations(p, cost_cny=p.hydrogen.cost_cny - 9), "hydrogen station costs"),
        (lambda p: _stations(p, kind="logistics"), "combined"),
        (lambda p: _stations(p, site_id="node/1"), "occur once"),
        (lambda p: _stations(p, geometry=p.hydrogen.geometry.translate(0.01, 0)), "nearest_"),
        (lambda p: _stations(p, served_share=0.9), "served_share"),
        (lambda p: _stations(p, district_id="370102"), "district"),
        (lambda p: _settings(p, public_building_m=90_000.0), "keep nearest_protected_m"),
        (lambda p: _settings(p, junction_m=90_000.0), "keep nearest_junction_m"),
        (lambda p: _settings(p, spacing_m=90_000.0), "spacing"),
        (lambda p: _settings(p, radius_m=100.0), "within the radius"),
        (lambda p: _settings(p, stored_kg=9000.0), "level-1"),
        (lambda p: _settings(p, budget_cny=1e6), "above budget"),
        (lambda p: _points(p, kwh_day=p.hydrogen_demand.kwh_day * 2), "heavy-vehicle demand"),
        (lambda p: _points(p, distance_m=p.hydrogen_demand.distance_m / 2), "distances"),
        (lambda p: _points(p, site_id=""), "within the radius"),
        (_bound_below, "bound"),
        (_better_than_it_is, "hydrogen objective"),
        (_target_met_by_word, "status"),
        (_never_allowed, "stand where they may"),
    ],
)
def test_a_lie_is_caught_by_its_check(
    town: Published, lie: Callable[[Plan], Plan], check: str
) -> None:
    wrong = failures(verify_plan(lie(town.plan)))
    assert any(check in sentence for sentence in wrong), wrong
