"""Excluded land and every programme: what it drops, what it makes dearer, each lie caught."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import shapely
import test_hydrogen
import test_testroads
from test_roadside import SMALL
from tiny import SOUTH, STEP_DEG, WEST

from siting.own.exclusions import CANDIDATES
from siting.pipeline import plan
from siting.store.runs import read_run
from siting.verify import failures, verify_plan
from siting.verify.hydrogen import hydrogen_findings
from siting.verify.roadside import roadside_findings
from siting.verify.standing import standing_findings
from siting.verify.testroads import testroad_findings as road_findings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from siting.pipeline import Published
    from siting.plan import Plan

RULES = """\
exclusions:
  - {kind: 生态红线, reason: 生态保护红线, programmes: [charging, hydrogen, roadside, testroads]}
  - {kind: 水域, reason: 水域}
  - {kind: 限建区, effect: dearer, cost_factor: 2, programmes: [hydrogen, roadside, testroads]}
"""
ROWS = ((9, 3, 10, 9), (0, 14, 5, 8), (16, 12, 7, 11))
"""South row, west column, rows and columns of each kind of land on the town's grid."""
PROGRAMMES = ("charging", "hydrogen", "roadside", "testroads")
KINDS = ("生态红线", "水域", "限建区")


def _box(row: float, column: float, high: float, wide: float) -> shapely.Polygon:
    low = (WEST + (column - 0.3) * STEP_DEG, SOUTH + (row - 0.3) * STEP_DEG * 0.8)
    up = (low[0] + wide * STEP_DEG, low[1] + high * STEP_DEG * 0.8)
    return shapely.box(*low, *up)


def write_model(folder: Path, rules: str = RULES, *, area: float = 3) -> Path:
    """Write the town with every programme, and three pieces of excluded land."""
    path = test_hydrogen.write_model(folder, stations=2)
    words = path.read_text(encoding="utf-8")
    features = [
        {"type": "Feature", "properties": {"kind": kind, "name": f"{kind}一号"},
         "geometry": shapely.geometry.mapping(_box(*row))}
        for kind, row in zip(KINDS, ROWS, strict=True)
    ]  # fmt: skip
    land = {"type": "FeatureCollection", "features": features}
    (folder / "land.geojson").write_text(json.dumps(land, ensure_ascii=False), encoding="utf-8")
    part = test_testroads.PART.format(**{**test_testroads.BASE, "km": 12})
    part = part.replace("expressway_km: 2", "expressway_km: 0.1").replace(
        "least_places: {car_parks: 1}", ""
    )
    part = part[: part.index("  sections:")] + part[part.index("  phases:") :]
    asked = f"  - {{measure: built_area_km2, at_least: {area}}}\n"
    keep = ("test_road_km",)
    head, targets = part.split("targets:\n")
    targets = "".join(line + "\n" for line in targets.splitlines() if any(k in line for k in keep))
    words = words.replace("targets:\n", f"{head}roadside: {{{SMALL}}}\ntargets:\n{asked}{targets}")
    own = "exclusions: land.geojson, districts: extent"
    path.write_text(words.replace("districts: extent", own) + rules, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Published:
    folder = tmp_path_factory.mktemp("land")
    return plan(write_model(folder), out=folder / "maps")


@pytest.fixture(scope="module")
def back(town: Published) -> Plan:
    return read_run(town.folder)


def _inside(kind: str, frame: Any, shrink: float = 1e-5) -> np.ndarray[Any, Any]:
    """Which rows lie well inside a piece of land; junctions may stand right on its edge."""
    box = _box(*ROWS[KINDS.index(kind)]).buffer(-shrink)
    return np.asarray(box.intersects(frame.geometry.to_numpy()))


def test_every_programme_drops_what_the_land_cuts_with_its_reason(back: Plan) -> None:
    assert failures(verify_plan(back)) == ()
    counts = back.dropped.groupby(["programme", "reason"]).size().to_dict()
    assert set(counts) == {
        ("charging", "水域"),
        *((programme, "生态保护红线") for programme in PROGRAMMES),
    }
    said = " ".join(back.run["notes"])
    for (programme, _), count in counts.items():
        if programme != "charging":
            assert f"{count:,} {CANDIDATES[programme]} were dropped by excluded land" in said
    layers = (back.candidates, back.roadside_candidates, back.rsus)
    assert not any(_inside("生态红线", layer).any() for layer in layers)
    places = back.hydrogen_candidates
    assert set(places.reason[_inside("生态红线", places)]) == {"excluded_land"}


def test_land_that_names_no_programme_lets_poles_and_roads_be(back: Plan) -> None:
    assert not _inside("水域", back.candidates).any()
    assert _inside("水域", back.roadside_candidates).any()
    roads = back.test_road_corridors
    assert (roads.reason[_inside("水域", roads)] == "").any()


def test_roads_are_cut_by_the_share_of_their_length_on_land(back: Plan) -> None:
    roads = back.test_road_corridors
    box = _box(*ROWS[0])
    share = shapely.length(shapely.intersection(roads.geometry.to_numpy(), box))
    share = share / shapely.length(roads.geometry.to_numpy())
    cut = (roads.reason == "excluded_land").to_numpy()
    assert cut.any()
    assert (share[cut] >= 0.09).all()
    assert (share[(roads.reason == "").to_numpy()] <= 0.11).all()
    assert not (roads.chosen & cut).any()


def test_dearer_land_costs_its_factor_and_makes_roads_worth_less(back: Plan) -> None:
    settings = back.run["settings"]
    places = back.hydrogen_candidates
    dear = _inside("限建区", places)
    assert dear.any()
    base = np.where(
        places.combined,
        settings["hydrogen"]["combined_cny"],
        settings["hydrogen"]["standalone_cny"] + settings["hydrogen"]["land_cny"],
    )
    np.testing.assert_allclose(places.cost_cny[dear], 2 * base[dear])
    sites = back.roadside_candidates
    assert set(sites.cost_factor[_inside("限建区", sites)]) == {2.0}
    assert (back.candidates.cost_factor == 1).all()
    roads = back.test_road_corridors
    inside = _box(*ROWS[2]).covers(roads.geometry.to_numpy())
    assert set(roads.cost_factor[inside]) == {2.0}
    km = roads.length_m / 1000
    each = (
        settings["testroads"]["signs_cny_per_km"] + settings["testroads"]["assessment_cny_per_km"]
    )
    np.testing.assert_allclose(roads.opening_cny[inside], 2 * each * km[inside], atol=1)


def _at(piece: int) -> shapely.Point:
    return _box(*ROWS[piece]).centroid


def _moved(layer: str, pick: str = "", piece: int = 0) -> Callable[[Plan], Plan]:
    """Put the first row of a layer, or the first that holds, on a piece of land."""

    def lie(found: Plan) -> Plan:
        frame = getattr(found, layer)
        points = frame.geometry.to_numpy().copy()
        row = np.flatnonzero(frame.eval(pick))[0] if pick else 0
        points[row] = _at(piece)
        return replace(found, **{layer: frame.set_geometry(points, crs=4326)})

    return lie


def _set(layer: str, column: str, value: object, pick: str = "") -> Callable[[Plan], Plan]:
    """Write a value into the first row, or the first that holds, of a layer."""

    def lie(found: Plan) -> Plan:
        frame = getattr(found, layer).copy()
        row = np.flatnonzero(frame.eval(pick))[0] if pick else 0
        frame[column] = frame[column].astype(object)
        frame.loc[frame.index[row], column] = value
        return replace(found, **{layer: frame.infer_objects()})

    return lie


def _without(programme: str) -> Callable[[Plan], Plan]:
    def lie(found: Plan) -> Plan:
        kept = found.dropped[found.dropped.programme != programme].reset_index(drop=True)
        return replace(found, dropped=kept)

    return lie


def _chosen_on_land(found: Plan) -> Plan:
    """Move a chosen road's line into the red land."""
    frame = found.test_road_corridors
    lines = frame.geometry.to_numpy().copy()
    free = (frame.chosen & ~frame.opened & ~frame.section).to_numpy(dtype=bool)
    lines[np.flatnonzero(free)[0]] = shapely.LineString(
        [_at(0), shapely.Point(_at(0).x, _at(0).y + 1e-3)]
    )
    return replace(found, test_road_corridors=frame.set_geometry(lines, crs=4326))


def _freed(found: Plan) -> Plan:
    """Say of every road that the land drops that it may be chosen."""
    frame = found.test_road_corridors
    freed = frame.reason.where(frame.reason != "excluded_land", "")
    return replace(found, test_road_corridors=frame.assign(reason=freed))


OUT = "reason == 'excluded_land'"
LIES = [
    (_moved("hydrogen"), "no hydrogen stations on excluded land"),
    (_moved("hydrogen_candidates", "reason == ''"), "no hydrogen sites on excluded land"),
    (_set("hydrogen_candidates", "reason", "", OUT), "no hydrogen sites on excluded land"),
    (_set("hydrogen_candidates", "reason", "", OUT), "what the land drops is listed (hydrogen)"),
    (_set("hydrogen_candidates", "reason", "", OUT), "dropped places are no sites (hydrogen)"),
    (_without("hydrogen"), "what the land drops is listed (hydrogen)"),
    (
        _set("hydrogen_candidates", "cost_factor", 1.0, "cost_factor > 1"),
        "cost factors of hydrogen are those of the land",
    ),
    (_moved("rsus"), "no roadside units on excluded land"),
    (_moved("roadside_candidates", "kind == 'junction'"), "no roadside sites on excluded land"),
    (_moved("edge_nodes"), "no edge nodes on excluded land"),
    (
        _set("roadside_candidates", "cost_factor", 1.0, "cost_factor > 1"),
        "cost factors of roadside sites are those of the land",
    ),
    (
        _set("roadside_candidates", "cost_factor", 1.0, "cost_factor > 1"),
        "costs of roadside sites",
    ),
    (_chosen_on_land, "no test roads on excluded land"),
    (_freed, "no test roads on excluded land"),
    (_set("test_road_corridors", "reason", "", OUT), "dropped places are no sites (testroads)"),
    (
        _set("test_road_corridors", "reason", "excluded_land", "reason == '' and not chosen"),
        "roads that the land drops lie on it",
    ),
    (_without("testroads"), "what the land drops is listed (testroads)"),
    (
        _set("test_road_corridors", "cost_factor", 1.0, "cost_factor > 1"),
        "roads are dearer where the land is",
    ),
    (
        _set("test_road_corridors", "cost_factor", 7.0),
        "factors of roads are ones of the land",
    ),
    (
        _set("test_road_corridors", "cost_factor", 1.0, "cost_factor > 1 and points > 0"),
        "points of roads",
    ),
    (
        _set("dropped", "programme", "roads", "programme == 'roadside'"),
        "dropped places name a programme",
    ),
    (
        _set("dropped", "programme", "roadside", "reason == '水域'"),
        "dropped places are of programmes that the land touches",
    ),
    (
        _set("dropped", "reason", "风景名胜区", "programme == 'roadside'"),
        "reasons of dropped places are those of the land",
    ),
    (
        _moved("dropped", "programme == 'roadside'", 1),
        "dropped places lie on the land that cuts them",
    ),
    (_set("exclusions", "programmes", "charging hospital"), "land names programmes that there are"),
]


@pytest.mark.parametrize(("lie", "check"), LIES)
def test_a_lie_about_land_is_caught_by_its_check(
    back: Plan, lie: Callable[[Plan], Plan], check: str
) -> None:
    told = lie(back)
    wrong: list[str] = []
    for part in (standing_findings, hydrogen_findings, roadside_findings, road_findings):
        wrong += failures(tuple(part(told)))
        if any(check in sentence for sentence in wrong):
            return
    raise AssertionError(wrong)


def test_edge_nodes_and_units_of_a_cut_site_are_gone_with_it(back: Plan) -> None:
    out = set(back.dropped.site_id[back.dropped.programme == "roadside"])
    assert out
    assert not out & {*back.rsus.site_id, *back.edge_nodes.site_id}
    assert set(back.rsus.edge_node_id) - {""} <= set(back.edge_nodes.edge_node_id)
