# ruff: noqa: E501  (a table of lies reads best a line each)
"""Roadside units from places to a checked run folder, on the tiny town, in both readings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import jsonschema
import networkx as nx
import numpy as np
import pytest
import shapely
import tiny

from siting.city.reading import read_city
from siting.errors import InfeasibleError, ModelError
from siting.model.model import load_model
from siting.network import build_network
from siting.network.junctions import find_junctions
from siting.pipeline import plan
from siting.roadside.planning import plan_roadside
from siting.store.runs import read_run
from siting.verify import failures, verify_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from siting.pipeline import Published
    from siting.plan import Plan
    from siting.roadside.planning import RoadsidePlan

ROOT = Path(__file__).parents[1]
TARGET = "  - {{measure: built_area_km2, at_least: {area}}}\nroadside: {{{part}}}\nsolve:"
SMALL = (
    "least_cell_m: 600, edge_nodes: {capacity_sites: 3}, "
    "on_board: {vehicles: 20, routes: 7, considered: 2, origins: 5, least_km: 1, most_km: 4}"
)


def write_model(folder: Path, *, area: float = 4, part: str = SMALL) -> Path:
    """Write the tiny town and a model that asks for built area."""
    path = tiny.write_model(folder)
    words = path.read_text(encoding="utf-8")
    path.write_text(words.replace("solve:", TARGET.format(area=area, part=part)), encoding="utf-8")
    return path


def planned(folder: Path, **asked: Any) -> RoadsidePlan:
    """Plan the roadside units alone."""
    model = load_model(write_model(folder, **asked))
    city = read_city(model, cache=folder / "cache")
    network = build_network(city.map.roads, city.crs)
    found = plan_roadside(city, network, find_junctions(network, city.map.roads))
    assert found is not None
    return found


@pytest.fixture(scope="module")
def town(unit_town: Published) -> Published:
    return unit_town


@pytest.fixture(scope="module")
def back(town: Published) -> Plan:
    return read_run(town.folder)


def test_the_run_holds_when_read_back_and_follows_its_schema(town: Published, back: Plan) -> None:
    findings = verify_plan(back)
    assert failures(findings) == ()
    run = json.loads((town.folder / "run.json").read_text(encoding="utf-8"))
    jsonschema.validate(run, json.loads((ROOT / "docs/run.schema.json").read_text("utf-8")))
    totals = run["totals"]
    assert totals["rsus"] == len(back.rsus) > 10
    assert totals["edge_nodes"] == len(back.edge_nodes) > 0
    assert totals["junctions"] == len(back.junctions) > 1
    money = back.rsus.cost_cny.sum() + back.rsus.fibre_cny.sum() + back.edge_nodes.cost_cny.sum()
    assert totals["roadside_cost_cny"] == money + run["roadside"]["edge_nodes"]["platform_cny"]
    assert totals["cost_cny"] == totals["charging_cost_cny"] + totals["roadside_cost_cny"]
    row = back.clauses[back.clauses.measure == "built_area_km2"].iloc[0]
    assert (row.status, row.target) == ("met", 6)
    assert "by footprint" in row.note
    assert row.planned == pytest.approx(totals["built_area_zone_km2"])
    assert any(back.assumptions.key == "roadside.urban_radius_m")
    assert sum(back.districts.rsus) == len(back.rsus)


def test_areas_are_those_of_the_published_layers(town: Published) -> None:
    layers = {
        name: gpd.read_file(town.folder / "plan.gpkg", layer=name)
        for name in ("rsus", "zones", "districts")
    }
    run = json.loads((town.folder / "run.json").read_text(encoding="utf-8"))
    built = layers["zones"][layers["zones"].built.astype(bool)]
    assert run["totals"]["built_area_zone_km2"] == pytest.approx(built.area_km2.sum(), rel=1e-12)
    # Lambert's cylinder is true to area; discs are drawn where distances are true.
    assert built.to_crs("EPSG:6933").area.sum() / 1e6 == pytest.approx(
        built.area_km2.sum(), rel=1e-4
    )
    rsus = layers["rsus"].to_crs(layers["rsus"].estimate_utm_crs())
    scale = np.sqrt(layers["districts"].to_crs(rsus.crs).area.sum()) / np.sqrt(
        layers["districts"].to_crs("EPSG:6933").area.sum()
    )
    discs = rsus.geometry.buffer(rsus.radius_m * scale, quad_segs=64).to_crs("EPSG:6933")
    city = layers["districts"].to_crs("EPSG:6933").union_all()
    union_km2 = discs.union_all().intersection(city).area / 1e6
    assert run["totals"]["built_area_footprint_km2"] == pytest.approx(union_km2, rel=1e-3)


def test_no_junction_is_equipped_twice_nor_two_places_that_are_one(back: Plan) -> None:
    at = back.rsus[back.rsus.junction_id != ""]
    assert not at.junction_id.duplicated().any()
    nodes = [node for names in at.node_ids for node in names.split()]
    assert len(nodes) == len(set(nodes)), "a node belongs to one junction"


def test_a_model_that_asks_for_none_plans_none(published: Published) -> None:
    found = published.plan
    assert found.run["totals"]["rsus"] == len(found.rsus) == 0
    assert "roadside" not in found.run
    assert not any(found.assumptions.key.str.startswith("roadside"))


def test_points_are_heard_along_the_roads_as_another_library_measures_it(back: Plan) -> None:
    graph = nx.Graph()
    for road in back.roads.itertuples():
        graph.add_edge(road.tail_id, road.head_id, m=road.length_m)
    roads, points = back.roads.set_index("edge_id"), back.road_points
    at_junction = back.rsus[back.rsus.node_ids != ""].iloc[0]
    away: dict[int, float] = {}
    for node in at_junction.node_ids.split():
        for other, metres in nx.single_source_dijkstra_path_length(
            graph, int(node), cutoff=400, weight="m"
        ).items():
            away[other] = min(away.get(other, np.inf), metres)
    heard = points.heard_by.str.split().map(lambda some: at_junction.site_id in some)
    assert heard.sum() > 5
    for point, said in zip(points.itertuples(), heard, strict=True):
        road = roads.loc[point.edge_id]
        share = shapely.line_locate_point(road.geometry, point.geometry, normalized=True)
        ways = (
            away.get(road.tail_id, np.inf) + share * road.length_m,
            away.get(road.head_id, np.inf) + (1 - share) * road.length_m,
        )
        if said:
            assert min(ways) <= at_junction.radius_m + 1
        elif min(ways) < at_junction.radius_m - 1:
            # Radio follows the roads that are to be covered, not every lane.
            assert {roads.loc[e].highway for e in (point.edge_id,)} <= {"residential"}


def test_catalogue_reads_as_a_junction_list(back: Plan) -> None:
    table = back.junctions
    assert list(table.columns[:5]) == ["编号", "路口名", "类型", "设备配置", "复用杆件"]
    assert (table["路口名"] != "").all()
    assert table["类型"].isin(["信号灯路口", "平面交叉口", "互通立交", "匝道口"]).all()
    by_id = back.rsus.set_index("site_id").loc[table["编号"]]
    assert ((table["复用杆件"] == "是").to_numpy() == by_id.reuse.to_numpy(dtype=bool)).all()
    assert table["设备配置"].str.contains("RSU").all()


def test_every_batch_is_of_use_by_itself(back: Plan) -> None:
    batches, zones = back.batches, back.zones
    least = back.run["settings"]["roadside"]["least_patch_cells"]
    assert batches.year.tolist() == [2025, 2026, 2027]
    assert batches.built_area_zone_km2.is_monotonic_increasing
    assert batches.built_zones_in_all.iloc[0] >= least
    total = batches.built_area_zone_km2.iloc[-1]
    assert total == pytest.approx(zones.area_km2[zones.built.astype(bool)].sum())
    assert (batches.built_area_zone_km2 >= np.array([0.3, 0.65, 1]) * total - 1e-9).all()


def test_no_fleet_draws_better_routes_than_the_one_that_was_placed(back: Plan) -> None:
    fleet = back.run["roadside"]["fleet"]
    assert back.obu_routes.vehicles.sum() == fleet["vehicles"] == 20
    assert 1 >= fleet["share"] > fleet["drawn_share"] > 0
    assert back.obu_routes.covered_share.is_monotonic_decreasing


@pytest.mark.slow
def test_the_footprint_reading_holds_too(tmp_path: Path) -> None:
    found = plan(write_model(tmp_path, area=1, part=f"reading: footprint, {SMALL}"), out=tmp_path)
    again = read_run(found.folder)
    assert failures(verify_plan(again)) == ()
    discs = again.rsus.geometry.to_crs("EPSG:6933")
    assert again.run["totals"]["built_area_footprint_km2"] >= 1
    # Equal-area, if not true to shape: a union can't exceed the discs, nor one disc the union.
    each = np.pi * (again.rsus.radius_m.to_numpy() / 1000) ** 2
    assert each.max() <= again.run["totals"]["built_area_footprint_km2"] <= each.sum() * (1 + 1e-6)
    assert len(discs) == len(again.rsus)
    row = again.clauses[again.clauses.measure == "built_area_km2"].iloc[0]
    assert row.status == "met"
    assert "by cells" in row.note


@pytest.mark.slow
def test_most_benefit_within_a_budget_spends_no_more_than_it(tmp_path: Path) -> None:
    part = f"objective: benefit, budget_cny: 1500000, {SMALL}"
    found = planned(tmp_path, area=1, part=part)
    assert 0 < found.frames.rsus.cost_cny.sum() <= 1_500_000
    assert found.measures["built_area_km2"] >= 1
    cheap = planned(tmp_path, area=1)
    on = found.frames.road_points
    more = on.traffic[on.covered].sum()
    less = cheap.frames.road_points.traffic[cheap.frames.road_points.covered].sum()
    assert more > less
    assert found.record["objective_meaning"].startswith("traffic")


@pytest.mark.slow
def test_redundancy_costs_no_less(tmp_path: Path) -> None:
    wide = f"urban_radius_m: 600, {SMALL}"
    single = planned(tmp_path, area=3, part=wide)
    double = planned(tmp_path, area=3, part=f"redundancy: true, {wide}")
    assert double.record["objective"] >= single.record["bound"] - 1


def test_pilot_zones_alone_are_built_in_where_the_model_says_so(tmp_path: Path) -> None:
    west, south = tiny.WEST, tiny.SOUTH
    zone = gpd.GeoDataFrame(
        {"name": ["pilot"]},
        geometry=[shapely.box(west, south, west + 0.03, south + 0.03)],
        crs="EPSG:4326",
    )
    zone.to_file(tmp_path / "pilot.geojson", driver="GeoJSON")
    part = f"pilot_zones: pilot.geojson, pilot_rule: only, {SMALL}"
    found = planned(tmp_path, area=1, part=part)
    built = found.frames.zones[found.frames.zones.built]
    assert len(built)
    assert built.pilot.all()
    assert not found.frames.zones.pilot.all()


@pytest.mark.slow
def test_batches_keep_to_the_money_of_their_years(tmp_path: Path) -> None:
    years = "batches: [{year: 2025, share: 0.9, budget_cny: 31000000}, {year: 2026, share: 1}], "
    found = planned(tmp_path, area=5, part=years + SMALL)
    first, second = found.frames.batches.to_dict("records")
    assert first["cost_cny"] <= 31_000_000
    assert second["rsus"] > 0
    with pytest.raises(InfeasibleError, match="don't pay"):
        planned(
            tmp_path, area=5, part="batches: [{year: 2025, share: 1, budget_cny: 100}], " + SMALL
        )


def test_too_much_area_is_refused_with_what_could_be_built(tmp_path: Path) -> None:
    with pytest.raises(InfeasibleError, match="with every site equipped"):
        planned(tmp_path, area=500)


def test_a_target_without_a_roadside_part_is_refused(tmp_path: Path) -> None:
    model = load_model(write_model(tmp_path)).model_copy(update={"roadside": None})
    city = read_city(model, cache=tmp_path / "cache")
    network = build_network(city.map.roads, city.crs)
    with pytest.raises(ModelError, match="roadside units"):
        plan_roadside(city, network, find_junctions(network, city.map.roads))


Lie = "Callable[[Plan], Plan]"


def _of(layer: str, **columns: Callable[[Any], Any]) -> Callable[[Plan], Plan]:
    """Change columns of a layer."""

    def lie(found: Plan) -> Plan:
        frame = getattr(found, layer)
        return replace(found, **{layer: frame.assign(**{k: f(frame) for k, f in columns.items()})})  # type: ignore[arg-type]

    return lie


def _first(column: str, value: object) -> Callable[[Any], Any]:
    def change(frame: Any) -> Any:
        values = frame[column].copy()
        values.iloc[0] = value(values.iloc[0]) if callable(value) else value
        return values

    return change


def _without(layer: str) -> Callable[[Plan], Plan]:
    return lambda found: replace(found, **{layer: getattr(found, layer).iloc[1:]})  # type: ignore[arg-type]


def _run(*path: str, value: Callable[[Any], Any]) -> Callable[[Plan], Plan]:
    """Change a value deep in the run record."""

    def lie(found: Plan) -> Plan:
        run = json.loads(json.dumps(found.run))
        here = run
        for key in path[:-1]:
            here = here[key]
        here[path[-1]] = value(here[path[-1]])
        return replace(found, run=run)

    return lie


def _setting(name: str, value: object) -> Callable[[Plan], Plan]:
    return _run("settings", "roadside", name, value=lambda _: value)


def _first_where(frame: Any, mask: Any, column: str, value: Callable[[Any], Any]) -> Any:
    values = frame[column].copy()
    row = np.flatnonzero(np.asarray(mask))[0]
    values.iloc[row] = value(values.iloc[row])
    return values


def _moved(found: Plan) -> Plan:
    return replace(found, rsus=found.rsus.assign(geometry=found.rsus.geometry.translate(0.01, 0)))


def _priced(change: Callable[[Any, Any], Any]) -> Callable[[Plan], Plan]:
    """Change the prices behind the bound of the edge nodes, or whose they are."""

    def lie(found: Plan) -> Plan:
        names = ("edge_nodes/site_id", "edge_nodes/price")
        values = change(*(found.evidence[name] for name in names))
        return replace(found, evidence={**found.evidence, **dict(zip(names, values, strict=True))})

    return lie


_dearer = _priced(lambda ids, price: (ids, price * 1.05))


def _by_prices(found: Plan) -> Plan:
    """Claim for the prices what only branch and bound could prove."""
    cost = found.run["roadside"]["edge_nodes"]["objective"]
    claimed = _run("roadside", "edge_nodes", "bound", value=lambda _: cost)(found)
    return _run("roadside", "edge_nodes", "bound_by", value=lambda _: "prices")(claimed)


LIES: tuple[tuple[str, Any], ...] = (
    ("roadside sites", _run("totals", "rsus", value=lambda n: n + 1)),
    ("equipped junctions", _run("totals", "junctions", value=lambda n: n + 1)),
    ("edge nodes", _run("totals", "edge_nodes", value=lambda n: n + 1)),
    ("roadside cost", _run("totals", "roadside_cost_cny", value=lambda n: n - 1)),
    ("built area by cells", _run("totals", "built_area_zone_km2", value=lambda n: n + 0.01)),
    ("footprint", _run("totals", "built_area_footprint_km2", value=lambda n: n * 1.005)),
    ("roadside objective", _run("roadside", "objective", value=lambda n: n * 0.9)),
    ("roadside bound", _run("roadside", "bound", value=lambda n: n * 1.5)),
    ("roadside gap", _run("roadside", "gap", value=lambda n: n + 0.05)),
    ("edge-node objective", _run("roadside", "edge_nodes", "objective", value=lambda n: n * 0.9)),
    ("edge-node bound", _run("roadside", "edge_nodes", "bound", value=lambda n: n * 1.5)),
    ("share of fleet", _run("roadside", "fleet", "share", value=lambda n: n + 0.05)),
    ("roadside site ids occur once", _of("rsus", site_id=lambda f: f.site_id.iloc[0])),
    ("chosen roadside sites", _without("rsus")),
    ("radius_m of sites", _of("rsus", radius_m=lambda f: f.radius_m * 2)),
    ("no junction is equipped twice", _of("rsus", junction_id=lambda _: "j1")),
    ("costs of roadside sites", _setting("rsu_cny", 60_000.0)),
    ("roadside cost above budget", _setting("budget_cny", 1000.0)),
    ("radii are the model's", _setting("urban_radius_m", 200.0)),
    ("cells are no larger", _setting("cell_m", 400.0)),
    ("built cells", _setting("covered_share", 0.99)),
    ("built cells", _setting("least_patch_cells", 400)),
    ("built cells", _of("zones", built=_first("built", lambda was: not was))),
    ("areas of cells", _of("zones", area_km2=lambda f: f.area_km2 * 1.01)),
    ("length_m of cells", _of("zones", length_m=_first("length_m", lambda was: was + 5))),
    ("covered_m of cells", _of("zones", covered_m=_first("covered_m", lambda was: was + 5))),
    ("key sites of cells", _of("zones", key_sites=_first("key_sites", lambda was: was + 1))),
    ("cells built by batch 1", _of("zones", phase=lambda f: f.phase.where(f.phase != 2, 1))),
    ("every metre of eligible road", _of("road_points", length_m=_first("length_m", 1.0))),
    ("road points stand for no more", _of("road_points", length_m=lambda f: f.length_m * 1.5)),
    ("covered points are those", _of("road_points", covered=_first("covered", lambda was: not was))),
    ("points are heard by equipped", _of("road_points", heard_by=_first("heard_by", "nobody"))),
    ("road points lie on their road", _of("road_points", edge_id=lambda f: f.edge_id.iloc[::-1].to_numpy())),
    ("sites that need an edge node", _of("rsus", edge_node_id=lambda _: "")),
    ("edge nodes within their capacity", _run("settings", "roadside", "edge_nodes", "capacity_sites", value=lambda _: 1)),
    ("sites within fibre reach", _run("settings", "roadside", "edge_nodes", "fibre_m", value=lambda _: 1.0)),
    ("cost of edge nodes", _of("edge_nodes", cost_cny=lambda f: f.cost_cny - 5)),
    ("fibre from site to edge node", _of("rsus", fibre_m=lambda f: f.fibre_m + 3)),
    ("cost of fibre", _of("rsus", fibre_cny=lambda f: f.fibre_cny + 3)),
    ("an edge node is built with", _of("edge_nodes", phase=lambda f: f.phase + 1)),
    ("sites of each edge node", _of("edge_nodes", sites=lambda f: f.sites + 1)),
    ("batches are the model's", _run("settings", "roadside", "batches", value=lambda b: b[:-1])),
    ("sites belong to a batch", _of("rsus", phase=_first("phase", 9))),
    ("years of sites", _of("rsus", year=lambda f: f.year + 1)),
    ("batch 1 rsus", _of("batches", rsus=lambda f: f.rsus + 1)),
    ("footprint up to batch 1", _of("batches", built_area_footprint_km2=lambda f: f.built_area_footprint_km2 * 1.01)),
    ("money spent beyond", _run("settings", "roadside", "batches", value=lambda b: [{**one, "budget_cny": 1000.0} for one in b])),
    ("routes follow the roads", _of("obu_routes", edges=_first("edges", lambda was: was.split(" ", 1)[1]))),
    ("length_m of routes", _of("obu_routes", length_m=lambda f: f.length_m - 9)),
    ("covered_m of routes", _of("obu_routes", covered_m=lambda f: f.covered_m + 120)),
    ("routes are as long as", _run("settings", "roadside", "on_board", "most_km", value=lambda _: 1.1)),
    ("vehicles with on-board", _of("obu_routes", vehicles=lambda f: f.vehicles + 1)),
    ("roadside sites of districts", _of("districts", rsus=lambda f: f.rsus + 1)),
    ("built area of districts", _of("districts", built_area_km2=lambda f: f.built_area_km2 + 1)),
    ("catalogue lists the equipped", _without("junctions")),
    ("cost of the catalogue", _of("junctions", 投资_元=lambda f: f["投资_元"] + 1)),
    ("mandatory roadside sites", _setting("must", [{"kind": "midblock", "clause": ""}])),
    ("built_area_km2", _of("clauses", planned=lambda f: f.planned * 1.01)),
    ("roadside sites lie in their district", _of("rsus", district_id=lambda _: "370102")),
    ("points are heard within the radius", _moved),
    ("edge-node bound from the prices", _run("roadside", "edge_nodes", "priced_bound", value=lambda n: n * 1.02)),
    ("edge-node bound from the prices", _dearer),
    ("edge-node prices are those of", _priced(lambda ids, price: (ids[1:], price[1:]))),
    ("edge-node bound rests on prices", _by_prices),
)  # fmt: skip


@pytest.mark.parametrize(("check", "lie"), LIES, ids=lambda v: v if isinstance(v, str) else "")
def test_a_lie_is_caught_by_its_check(back: Plan, check: str, lie: Any) -> None:
    from siting.verify.roadside import roadside_findings  # noqa: PLC0415

    wrong = [finding.check for finding in roadside_findings(lie(back)) if not finding.ok]
    assert any(name.startswith(check) or check in name for name in wrong), wrong
