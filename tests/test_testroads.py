"""Test roads from corridors to a checked run folder, on a tiny town; each check can fail."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import networkx as nx
import numpy as np
import osmium
import pytest
import shapely
import tiny
from osmium.osm.mutable import Node, Way
from pyproj import Geod

from siting.errors import InfeasibleError, ModelError
from siting.pipeline import plan
from siting.store.runs import read_run
from siting.verify import failures, verify_plan
from siting.verify.testroads import testroad_findings as road_findings

if TYPE_CHECKING:
    from collections.abc import Callable

    from siting.pipeline import Published
    from siting.plan import Plan

ROOT = Path(__file__).parents[1]
PART = """\
testroads:
  components: {components}
  groups:
    - {{id: expressway, label_zh: 高速公路, label_en: expressway, classes: [motorway], worth: 0.6,
       at_least_km: 1, at_most_share: 0.1}}
    - {{id: arterial, label_zh: 主次干路, label_en: arterial, classes: [primary, secondary],
       worth: 1, at_least_km: 5, at_most_share: 1}}
  anchors:
    - {{id: ground, name: 封闭测试场, lon: 117.001, lat: 36.651, tier: closed}}
    - {{id: pilot, name: 先导区, lon: 117.048, lat: 36.688}}
    - {{id: far, name: 城外, lon: 118.5, lat: 36.7}}
  anchor_reach_m: 500
  district_anchors: false
  low_speed_kmh: 50
  low_speed_km: 3
  semi_open_m: 800
  semi_open_km: 2
  school_m: 120
  expressway_km: 2
  least_places: {{car_parks: 1}}
  near: {near}
  objective: {objective}
  explore: {explore}
  seconds: 30
  gap: 0.001
  sections:
    - {{id: test, name: 测试段, start_lon: 117.0, start_lat: 36.64, end_lon: 117.05, end_lat: 36.64,
       within_m: 900, known_km: 4.5}}
  phases:
    - {{id: a, name: 一期, share: 0.4, budget_cny: {budget}}}
    - {{id: b, name: 二期, share: 1}}
targets:
  - {{measure: test_road_km, at_least: {km}}}
  - {{measure: low_speed_districts, at_least: 1.0}}
  - {{measure: test_road_grades, at_least: 2}}
  - {{measure: test_road_scenarios, at_least: 1}}
  - {{measure: base_tiers, at_least: 3}}
"""
BASE: dict[str, Any] = {
    "components": 2, "near": "exclude", "objective": "value", "explore": "true",
    "km": 20, "budget": 900_000,
}  # fmt: skip


def write_model(folder: Path, **changes: object) -> Path:
    """Write the tiny town with a school and an expressway, and a model that asks for test roads."""
    path = tiny.write_model(folder)
    roads = folder / "roads.osm.pbf"
    if not roads.exists():
        with osmium.SimpleWriter(str(roads)) as writer:
            for entity in osmium.FileProcessor(str(folder / "town.osm.pbf")):
                if entity.is_way() and entity.id == 1:
                    _more_nodes(writer)
                writer.add(entity)
            tags = {"highway": "motorway", "name": "测试高速"}
            writer.add_way(Way(id=901, nodes=[30_001, 30_002, 30_003], tags=tags))
            link = {"highway": "motorway_link", "oneway": "no"}
            writer.add_way(Way(id=902, nodes=[30_001, 1], tags=link))
            writer.add_way(Way(id=903, nodes=[30_003, tiny.SIDE], tags=link))
    words = path.read_text(encoding="utf-8").replace("town.osm.pbf", "roads.osm.pbf")
    part = PART.format(**{**BASE, **changes})
    words = words.replace("targets:\n", part)
    path.write_text(words, encoding="utf-8")
    return path


def _more_nodes(writer: Any) -> None:
    at = (tiny.WEST + 6.5 * tiny.STEP_DEG, tiny.SOUTH + 3.02 * tiny.STEP_DEG * 0.8)
    writer.add_node(Node(id=20_001, location=at, tags={"amenity": "school", "name": "小学"}))
    for number, column in enumerate((0, 11, 23), 30_001):
        at = (tiny.WEST + column * tiny.STEP_DEG, tiny.SOUTH - 0.006)
        writer.add_node(Node(id=number, location=at))


@pytest.fixture(scope="module")
def town(road_town: Published) -> Published:
    return road_town


def parts_of(found: Plan, phase: int = 99) -> list[set[int]]:
    """Find the connected parts of the roads up to a phase, by networkx on the published ends."""
    roads = found.test_roads[found.test_roads.phase <= phase]
    graph: nx.MultiGraph[int] = nx.MultiGraph()
    graph.add_edges_from(zip(roads.tail_id, roads.head_id, strict=True))
    return list(nx.connected_components(graph))


def test_the_run_holds_when_read_back_and_follows_its_schema(town: Published) -> None:
    back = read_run(town.folder)
    assert failures(verify_plan(back)) == ()
    run = json.loads((town.folder / "run.json").read_text(encoding="utf-8"))
    jsonschema.validate(run, json.loads((ROOT / "docs/run.schema.json").read_text("utf-8")))
    assert run["totals"]["cost_cny"] == (
        back.stations.cost_cny.sum() + back.test_roads.cost_cny.sum()
    )
    assert run["testroads"]["gap"] <= 0.01
    rows = back.clauses[back.clauses.measure.str.startswith(("test_road", "base", "low_speed"))]
    assert dict(zip(rows.measure, rows.status, strict=True)) == dict.fromkeys(rows.measure, "met")
    assert any(back.assumptions.key == "testroads.anchor_reach_m")
    assert any(back.assumptions.key == "testroads.groups.arterial.worth")
    assert any("城外 is not on the map" in note for note in run["notes"])
    assert any("测试段" in note for note in run["notes"])


def test_roads_hang_together_with_an_anchor_in_every_phase(town: Published) -> None:
    found = town.plan
    anchors = set(found.test_road_nodes.node_id[found.test_road_nodes.anchor])
    opened = found.test_roads[found.test_roads.opened]
    begin = anchors | set(opened.tail_id) | set(opened.head_id)
    assert len(parts_of(found)) <= 2
    assert all(part & anchors for part in parts_of(found))
    for phase in (0, 1):
        assert all(part & begin for part in parts_of(found, phase))
    assert set(found.test_roads.phase) == {0, 1, 2}


def test_lengths_are_geodesic_and_sum_to_the_total(town: Published) -> None:
    found, geod = town.plan, Geod(ellps="WGS84")
    metres = sum(geod.geometry_length(line) for line in found.test_roads.geometry)
    assert found.run["totals"]["test_road_km"] == pytest.approx(metres / 1000, rel=1e-4)
    assert 20 - 1e-6 <= found.run["totals"]["test_road_km"] <= 21 + 1e-6
    assert found.test_road_catalogue.km.sum() == pytest.approx(metres / 1000, rel=1e-4)


def test_the_section_is_fixed_opened_and_costs_nothing(town: Published) -> None:
    roads = town.plan.test_roads
    section = roads[roads.section]
    assert set(section.highway) == {"motorway"}
    assert section.length_m.sum() == pytest.approx(4500, rel=0.02)
    assert (section.opened & (section.cost_cny == 0) & (section.phase == 0)).all()


def test_roads_near_the_school_are_left_out_and_say_so(town: Published) -> None:
    found = town.plan
    school = found.test_road_places[found.test_road_places.role == "school"].geometry
    crs = found.test_roads.estimate_utm_crs()
    gap = found.test_roads.to_crs(crs).distance(school.to_crs(crs).iloc[0])
    assert gap.min() > 119
    reasons = found.test_road_corridors.set_index("corridor_id").reason
    every = found.test_road_corridors.to_crs(crs)
    close = every[every.distance(school.to_crs(crs).iloc[0]) < 115]
    assert len(close)
    assert set(reasons[close.corridor_id]) == {"near"}


def test_the_catalogue_lists_whole_roads(town: Published) -> None:
    table, roads = town.plan.test_road_catalogue, town.plan.test_roads
    assert len(table) < len(roads)
    assert table.corridors.sum() == len(roads)
    assert table.section_id.is_unique
    assert table.road.str.match("第\\d+路|测试高速").all()
    named = table[table.corridors > 1]
    assert (named.from_name != named.to_name).all()
    assert table.cost_cny.sum() == town.plan.run["totals"]["test_road_cost_cny"]


def test_the_first_phase_keeps_to_its_money(town: Published) -> None:
    roads = town.plan.test_roads
    assert roads.cost_cny[roads.phase <= 1].sum() <= 900_000
    late = roads[roads.phase == 2].groupby("section_id").cost_cny.sum()
    share = roads.length_m[roads.phase <= 1].sum() / roads.length_m.sum()
    left = 900_000 - roads.cost_cny[roads.phase <= 1].sum()
    assert share >= 0.4 or late.max() > left


def test_a_model_that_asks_for_none_plans_none(published: Published) -> None:
    found = published.plan
    assert found.run["totals"]["test_road_km"] == len(found.test_roads) == 0
    assert "testroads" not in found.run
    assert not any(found.assumptions.key.str.startswith("testroads"))


def test_targets_without_kilometres_are_refused(tmp_path: Path) -> None:
    path = write_model(tmp_path)
    words = re.sub(r".*test_road_km.*\n", "", path.read_text(encoding="utf-8"))
    path.write_text(words, encoding="utf-8")
    with pytest.raises(ModelError, match="how many kilometres"):
        plan(path, out=tmp_path / "maps")


@pytest.mark.slow
def test_a_length_that_cannot_be_had_is_short_or_refused(tmp_path: Path) -> None:
    found = tiny.answered(write_model(tmp_path, km=500))
    row = found.clauses[found.clauses.measure == "test_road_km"].iloc[0]
    usable = found.test_road_corridors.reason == ""
    there = found.test_road_corridors.length_m[usable].sum() / 1000
    assert row.status == "short"
    # Shares of sorts hold, so that a little is left out.
    assert 0.5 * there <= row.planned <= there
    assert "kilometres" in found.run["testroads"]["objective_meaning"]
    with pytest.raises(InfeasibleError, match="500 km of test roads"):
        plan(write_model(tmp_path, km=500, explore="false"), out=tmp_path / "maps")


@pytest.mark.slow
def test_least_cost_costs_less_and_its_bound_is_below(town: Published, tmp_path: Path) -> None:
    found = tiny.answered(write_model(tmp_path, objective="cost"))
    record, cost = found.run["testroads"], found.test_roads.cost_cny.sum()
    assert cost < town.plan.test_roads.cost_cny.sum()
    assert record["bound"] <= record["objective"] == cost
    assert record["gap"] < 0.02
    assert failures(verify_plan(found)) == ()


def changed(frame: Any, column: str, value: Any, row: int = 0) -> Any:
    """Copy a frame with one cell changed."""
    other = frame.copy()
    other[column] = other[column].astype(object)
    other.iloc[row, other.columns.get_loc(column)] = value
    other[column] = other[column].infer_objects()
    return other


def roads(column: str, change: Callable[[Any], Any], pick: str = "") -> Callable[[Plan], Plan]:
    """Change a cell of the test roads: of the first row, or the first where `pick` is true."""

    def mutate(found: Plan) -> Plan:
        frame = found.test_roads
        row = 0 if not pick else int(np.flatnonzero(frame.eval(pick))[0])
        value = change(frame[column].iloc[row])
        return replace(found, test_roads=changed(frame, column, value, row))

    return mutate


def layer(
    name: str, column: str, change: Callable[[Any], Any], pick: str
) -> Callable[[Plan], Plan]:
    """Change a cell of another layer."""

    def mutate(found: Plan) -> Plan:
        frame = getattr(found, name)
        row = int(np.flatnonzero(frame.eval(pick))[0])
        value = change(frame[column].iloc[row])
        return replace(found, **{name: changed(frame, column, value, row)})

    return mutate


def totals(name: str, by: float) -> Callable[[Plan], Plan]:
    """Change a total of the record."""

    def mutate(found: Plan) -> Plan:
        changed = {**found.run["totals"], name: found.run["totals"][name] + by}
        return replace(found, run={**found.run, "totals": changed})

    return mutate


def record(name: str, by: float) -> Callable[[Plan], Plan]:
    """Change how the programme is said to have ended."""

    def mutate(found: Plan) -> Plan:
        other = {**found.run["testroads"], name: found.run["testroads"][name] * by}
        return replace(found, run={**found.run, "testroads": other})

    return mutate


def setting(name: str, value: Any) -> Callable[[Plan], Plan]:
    """Change what the model asked."""

    def mutate(found: Plan) -> Plan:
        settings = {**found.run["settings"]["testroads"], name: value}
        every = {**found.run["settings"], "testroads": settings}
        return replace(found, run={**found.run, "settings": every})

    return mutate


def evidence(name: str, change: Callable[[Any], Any]) -> Callable[[Plan], Plan]:
    """Change an array behind the bound."""

    def mutate(found: Plan) -> Plan:
        key = f"testroads/{name}"
        return replace(found, evidence={**found.evidence, key: change(found.evidence[key])})

    return mutate


def without_a_bridge(found: Plan) -> Plan:
    """Take out a road whose loss cuts others off from every anchor."""
    anchors = set(found.test_road_nodes.node_id[found.test_road_nodes.anchor])
    for row in range(len(found.test_roads)):
        keep = np.arange(len(found.test_roads)) != row
        less = replace(found, test_roads=found.test_roads[keep].reset_index(drop=True))
        if any(not part & anchors for part in parts_of(less)):
            return less
    raise AssertionError("no road holds others")


def moved(found: Plan) -> Plan:
    """Draw a road elsewhere."""
    frame = found.test_roads.copy()
    lines = frame.geometry.to_numpy().copy()
    lines[0] = shapely.transform(lines[0], lambda xy: xy + 0.01)
    return replace(found, test_roads=frame.set_geometry(lines, crs=frame.crs))


def first_phase_out_of_order(found: Plan) -> Plan:
    """Open the farthest road first."""
    frame = found.test_roads
    row = int(frame.away_m.to_numpy().argmax())
    return replace(found, test_roads=changed(frame, "phase", 1, row))


def without_multipliers(found: Plan) -> Plan:
    """Claim that multipliers alone prove the bound, and take their prices away."""
    record = {**found.run["testroads"], "message": "bound by dual ascent"}
    kept = {
        key: values * 0 if re.search("/(price|rows|roots|link|ends)$", key) else values
        for key, values in found.evidence.items()
    }
    return replace(found, run={**found.run, "testroads": record}, evidence=kept)


MUTATIONS: dict[str, tuple[Callable[[Plan], Plan], str]] = {
    "a longer road": (roads("length_m", lambda v: v * 1.02), "lengths of test roads"),
    "a longer total": (totals("test_road_km", 0.1), "test-road kilometres"),
    "a cheaper road": (roads("opening_cny", lambda v: v - 1, "~opened"), "opening_cny"),
    "a cheaper retrofit": (roads("retrofit_cny", lambda v: v - 1, "~opened"), "retrofit_cny"),
    "a cheaper sum": (roads("cost_cny", lambda v: v - 1, "~opened"), "cost_cny"),
    "a cheaper total": (totals("test_road_cost_cny", -1), "cost of test roads"),
    "no retrofit total": (totals("test_road_retrofit_cny", -1), "test_road_retrofit_cny"),
    "a road cut out": (without_a_bridge, "without an anchor"),
    "a road drawn elsewhere": (moved, "lines meet the junction"),
    "another end": (roads("tail_id", lambda v: (v + 40) % 60), "lines meet the junction"),
    "an end that isn't there": (roads("tail_id", lambda _: 10**6), "known junctions"),
    "another part": (roads("part", lambda v: v + 7), "parts are as published"),
    "fewer parts asked": (setting("components", 0), "connected parts"),
    "a road of no class": (roads("highway", lambda _: "service", "~opened"), "classes"),
    "a road in no district": (roads("district_id", lambda _: "x"), "planned districts"),
    "a shared edge": (roads("edge_ids", lambda v: f"{v} {v}"), "edges in two"),
    "a road twice": (roads("corridor_id", lambda _: "c1"), "chosen corridors"),
    "a banned road": (
        layer("test_road_corridors", "reason", lambda _: "near", "chosen and not opened"),
        "may be chosen",
    ),
    "a school nearer": (setting("school_m", 900.0), "keep off schools"),
    "an opened road left": (
        layer("test_road_corridors", "opened", lambda _: True, "not chosen"),
        "existing roads and sections",
    ),
    "a late road first": (first_phase_out_of_order, "phase"),
    "an existing road as new": (roads("phase", lambda _: 1, "opened"), "phase 0"),
    "no money": (
        setting("phases", [{"share": 0.4, "budget_cny": 1000.0}, {"share": 1, "budget_cny": None}]),
        "money beyond",
    ),
    "a larger share asked": (
        setting("phases", [{"share": 0.99, "budget_cny": None}, {"share": 1, "budget_cny": None}]),
        "share of kilometres",
    ),
    "nearer to its start": (roads("away_m", lambda _: 1.0, "away_m > 700"), "where parts begin"),
    "a longer section": (
        layer("test_road_catalogue", "km", lambda v: v + 0.1, "km > 0"), "sums of the catalogue",
    ),
    "another road's name": (
        layer("test_road_catalogue", "road", lambda _: "别路", "km > 0"), "road of sections",
    ),
    "a lost section": (
        layer("test_road_catalogue", "section_id", lambda _: "T9", "km > 0"), "sections of the",
    ),
    "an anchor of nobody's": (
        layer("test_road_places", "place_id", lambda _: "mine", "tier == 'pilot'"), "anchors are",
    ),
    "one anchor more": (
        layer("test_road_nodes", "anchor", lambda _: True, "not anchor"), "anchors are junctions",
    ),
    "a wide junction": (
        layer("test_road_nodes", "reach_m", lambda _: 9999.0, "node_id == 3"), "reach of junctions",
    ),
    "coverage from nowhere": (roads("covered", lambda _: 0.5), "coverage"),
    "a slow road": (
        layer("test_road_corridors", "low_speed", lambda v: not v, "chosen"), "low-speed",
    ),
    "a semi-open road": (
        layer("test_road_corridors", "semi_open", lambda v: not v, "chosen"), "semi-open",
    ),
    "more points": (
        layer("test_road_corridors", "points", lambda v: v + 1, "chosen"), "points of roads",
    ),
    "a place more": (
        layer("test_road_places", "served", lambda v: not v, "role == 'car_parks'"), "places",
    ),
    "a better objective": (record("objective", 1.01), "objective"),
    "a bound below the plan": (record("bound", 0.9), "bound"),
    "a better gap": (record("gap", 0.0), "gap"),
    "no multipliers": (without_multipliers, "bound from the multipliers"),

    "a smaller prize": (evidence("prize", lambda v: v * 0.9), "prize of the evidence"),
    "a tighter window": (evidence("most_m", lambda v: v * 0.99), "most_m of the evidence"),
    "a row of nobody's": (
        evidence("row_lower", lambda v: np.where(v > 0, v + 50.0, v)), "side rows",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name, (_, check) in MUTATIONS.items() if check])
def test_a_false_claim_is_found(town: Published, name: str) -> None:
    mutate, check = MUTATIONS[name]
    wrong = [finding.check for finding in road_findings(mutate(town.plan)) if not finding.ok]
    assert any(check in text for text in wrong), wrong
