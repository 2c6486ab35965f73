"""The line with stations in operation and excluded land, and each lie about them caught."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import shapely
from tiny import SOUTH, STEP_DEG, WEST, answered, write_model

from siting.pipeline import plan
from siting.store.runs import read_run
from siting.tables.investment import investment
from siting.verify import failures, verify_plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from siting.pipeline import Published
    from siting.plan import Plan

TABLE = """\
id,name,lon,lat,piles_ac7,piles_dc60,piles_dc120,policy,access,year,owner,keep_cny
A,设施7充电站,{0},{1},1,3,,kept,public,2019,国网,
B,南苑站,{2},{3},,,2,extendable,public,2021,特来电,
C,北苑站,{4},{5},,5,,closable,public,2015,,39000000
D,公交场站,{6},{7},,4,,kept,dedicated,2020,公交,
"""
MORE = """\
exclusions:
  - {kind: 红线, reason: 生态保护红线}
  - {kind: 限制, effect: dearer, cost_factor: 2.5}
  - {near: [hotel], buffer_m: 600, sites: [roadside, parking]}
"""


def _at(row: float, column: float) -> tuple[float, float]:
    return WEST + column * STEP_DEG, SOUTH + row * STEP_DEG * 0.8


def _square(row: float, column: float, size: float) -> dict[str, Any]:
    low, high = _at(row, column), _at(row + size, column + size)
    return shapely.geometry.mapping(shapely.box(*low, *high))


def _write(folder: Path, more: str = "") -> Path:
    path = write_model(folder, stations=10)
    places = [x for at in ((16.4, 16.3), (4.2, 4.2), (20.2, 3.3), (3.3, 20.2)) for x in _at(*at)]
    (folder / "stations.csv").write_text(TABLE.format(*places), encoding="utf-8")
    rows = [("红线", _square(0, 12, 5)), ("限制", _square(12, 0, 6))]
    features = [
        {"type": "Feature", "properties": {"kind": kind}, "geometry": shape} for kind, shape in rows
    ]
    land = {"type": "FeatureCollection", "features": features}
    (folder / "land.geojson").write_text(json.dumps(land, ensure_ascii=False), encoding="utf-8")
    text = path.read_text(encoding="utf-8")
    own = "existing: stations.csv, exclusions: land.geojson, districts: extent"
    path.write_text(text.replace("districts: extent", own) + MORE + more, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def brown(tmp_path_factory: pytest.TempPathFactory) -> Published:
    folder = tmp_path_factory.mktemp("brown")
    return plan(_write(folder), out=folder / "maps")


def test_the_run_holds_when_read_back(brown: Published) -> None:
    back = read_run(brown.folder)
    assert failures(verify_plan(back)) == ()
    assert len(back.existing) == 4
    assert len(back.exclusions) == 3
    assert set(back.exclusions.geom_type) <= {"Polygon", "MultiPolygon"}


def test_a_station_of_table_and_map_is_one_with_the_piles_of_the_table(brown: Published) -> None:
    known = brown.plan.existing.set_index("site_id")
    assert known.loc["existing/A", "origin"] == "both"
    assert known.loc["existing/A", "map_id"] == "node/10007"
    assert "node/10007" not in set(brown.plan.candidates.site_id)
    station = brown.plan.stations.set_index("site_id").loc["existing/A"]
    assert [station.piles_ac7, station.piles_dc60, station.piles] == [1, 3, 4]
    assert station.cost_cny == 0


def test_what_may_grow_grows_at_the_price_of_its_new_piles_alone(brown: Published) -> None:
    station = brown.plan.stations.set_index("site_id").loc["existing/B"]
    types = brown.plan.pile_types.set_index("type_id")
    assert station.piles_dc120 >= 2
    bought = sum(
        (station[f"piles_{name}"] - station[f"kept_{name}"]) * types.cost_cny[name]
        for name in types.index
    )
    assert station.cost_cny == pytest.approx(bought)
    assert station.piles > 2
    assert brown.plan.existing.set_index("site_id").outcome["existing/B"] == "extended"


def test_what_is_too_dear_to_keep_closes(brown: Published) -> None:
    assert "existing/C" not in set(brown.plan.stations.site_id)
    assert brown.plan.existing.set_index("site_id").outcome["existing/C"] == "closed"


def test_new_and_kept_are_told_apart(brown: Published) -> None:
    totals, stations = brown.plan.run["totals"], brown.plan.stations
    assert totals["kept_stations"] == 3
    assert totals["new_stations"] + 3 == totals["stations"] == len(stations)
    assert totals["kept_piles"] == 4 + 2 + 4
    assert totals["new_piles"] + 10 == totals["piles"]
    notes = brown.plan.clauses.set_index("measure").note
    assert f"{totals['new_stations']} new and 3 in use" in notes["stations"]
    assert "1 close" in notes["stations"]
    assert f"{totals['new_piles']} new and 10 in use" in notes["piles"]
    table = investment(brown.plan)
    assert table.cost_cny.sum() == totals["cost_cny"]
    assert table["items"][table.category == "charging_piles"].sum() == totals["new_piles"]


def test_no_new_site_lies_on_excluded_land_and_each_dropped_one_says_why(brown: Published) -> None:
    sites, dropped = brown.plan.candidates, brown.plan.dropped
    # Junctions lie right on the edge, which is straight in metres and in degrees.
    red = shapely.box(*_at(0, 12), *_at(5, 17)).buffer(-1e-5)
    assert not red.intersects(sites.geometry.to_numpy()[~sites.existing]).any()
    inside = red.intersects(dropped.geometry.to_numpy())
    assert inside.any()
    assert set(dropped.reason[inside]) == {"生态保护红线"}
    assert set(dropped.kind[dropped.reason == "生态保护红线"]) == {"fuel", "roadside"}
    # The parking place and a roadside site; a fuel station isn't named.
    near = dropped[dropped.reason.str.startswith("600 m of")]
    assert set(near.kind) <= {"roadside", "parking"}
    assert len(near) > 0
    assert any("生态保护红线" in note for note in brown.plan.run["notes"])


def test_land_that_is_dearer_costs_its_factor(brown: Published) -> None:
    sites, settings = brown.plan.candidates, brown.plan.run["settings"]
    square = shapely.box(*_at(12, 0), *_at(18, 6))
    dear = square.buffer(-1e-5).intersects(sites.geometry.to_numpy())
    away = ~square.buffer(1e-5).intersects(sites.geometry.to_numpy())
    assert dear.any()
    assert set(sites.cost_factor[dear]) == {2.5}
    assert set(sites.cost_factor[away]) == {1.0}
    plain = settings["station_fixed_cny"] + np.where(sites.urban, 0, settings["rural_grid_cny"])
    np.testing.assert_allclose(sites.fixed_cost_cny[dear], 2.5 * plain[dear])


def test_files_are_recorded_with_the_run(brown: Published) -> None:
    names = [record["path"] for record in brown.plan.run["inputs"]]
    assert names.count("stations.csv") == names.count("land.geojson") == 1


def test_without_counting_what_stands_only_additions_count(tmp_path: Path) -> None:
    path = _write(tmp_path)
    found = answered(path, {"charging.existing_count": False})
    assert failures(verify_plan(found)) == ()
    planned = found.clauses.set_index("measure").planned
    totals = found.run["totals"]
    assert planned["stations"] == totals["new_stations"]
    assert planned["piles"] == totals["new_piles"] >= 60


def test_stations_can_be_left_out(tmp_path: Path) -> None:
    path = _write(tmp_path)
    found = answered(path, {"sources.existing": "none"})
    assert not len(found.existing)
    assert not found.candidates.existing.any()
    assert (found.stations.status == "new").all()


def _stations(whole: Plan, **columns: Any) -> Plan:
    return replace(whole, stations=whole.stations.assign(**columns))


def _sites(whole: Plan, **columns: Any) -> Plan:
    return replace(whole, candidates=whole.candidates.assign(**columns))


def _known(whole: Plan, **columns: Any) -> Plan:
    return replace(whole, existing=whole.existing.assign(**columns))


def _total(whole: Plan, name: str) -> Plan:
    totals = {**whole.run["totals"], name: whole.run["totals"][name] + 1}
    return replace(whole, run={**whole.run, "totals": totals})


def _land(whole: Plan, **columns: Any) -> Plan:
    return replace(whole, exclusions=whole.exclusions.assign(**columns))


def _into_the_red(whole: Plan) -> Plan:
    points = whole.stations.geometry.to_numpy().copy()
    points[np.flatnonzero(whole.stations.status == "new")[0]] = shapely.Point(_at(2, 14))
    return replace(whole, stations=whole.stations.set_geometry(points, crs=4326))


def _closed(whole: Plan) -> Plan:
    return replace(whole, stations=whole.stations[whole.stations.site_id != "existing/A"])


def _a_free_pile(whole: Plan) -> Plan:
    more = whole.stations.site_id == "existing/B"
    return _stations(whole, kept_dc120=whole.stations.kept_dc120 + more)


@pytest.fixture(scope="module")
def held(brown: Published) -> set[str]:
    """Name the checks that the true plan passes."""
    return {finding.check for finding in verify_plan(brown.plan) if finding.ok}


LIES = [
    (lambda p: _known(p, kept_dc60=9), "kept piles are those of stations in operation"),
    (_a_free_pile, "kept piles of stations are those of their sites"),
    (_a_free_pile, "station costs add up"),
    (lambda p: _stations(p, piles_dc60=0), "open stations keep their piles"),
    (lambda p: _stations(p, piles_dc60=p.stations.piles_dc60 + 1), "aren't extendable"),
    (_closed, "stations that may not close are open"),
    (lambda p: _known(p, kept_piles=1), "kept piles add up"),
    (lambda p: _known(p, outcome="kept"), "outcome of stations in operation"),
    (lambda p: _known(p, policy="kept"), "policy of stations in operation"),
    (lambda p: _known(p, access="public"), "access of stations in operation"),
    (lambda p: _known(p, site_id="existing/A"), "stations in operation are there once"),
    (lambda p: _known(p, keep_cny=5.0e6), "opening costs"),
    (lambda p: _sites(p, existing=True), "sites in operation are those of their layer"),
    (lambda p: _sites(p, cost_factor=1.0), "cost factors are those of the land"),
    (lambda p: _sites(p, cost_factor=1.0), "opening costs"),
    (lambda p: _sites(p, access="dedicated"), "new sites are dedicated by their kind"),
    (lambda p: _total(p, "new_stations"), "new stations"),
    (lambda p: _total(p, "kept_stations"), "kept stations"),
    (lambda p: _total(p, "new_piles"), "new piles"),
    (lambda p: _total(p, "kept_piles"), "kept piles"),
    (_into_the_red, "no new stations on excluded land"),
    (lambda p: _land(p, effect="cut"), "no new sites on excluded land"),
    (lambda p: _land(p, margin_m=5000.0), "land reaches as far as it says"),
    (lambda p: _land(p, effect="dearer"), "dropped places lie on the land that cuts them"),
    (lambda p: _land(p, exclusion_id="z"), "dropped places name excluded land"),
    (lambda p: replace(p, dropped=p.dropped.assign(reason="")), "dropped places have a reason"),
    (lambda p: replace(p, dropped=p.dropped.assign(site_id="existing/A")), "are no sites"),
    (
        lambda p: replace(p, dropped=p.dropped.assign(exclusion_id="x1")),
        "dropped places lie on the land that cuts them",
    ),
]


@pytest.mark.parametrize(("lie", "check"), LIES)
def test_a_lie_is_caught_by_its_check(
    brown: Published, held: set[str], lie: Callable[[Plan], Plan], check: str
) -> None:
    assert any(check in name for name in held)
    wrong = failures(verify_plan(lie(brown.plan)))
    assert any(check in sentence for sentence in wrong), wrong


def test_evidence_with_other_kept_piles_is_caught(brown: Published) -> None:
    evidence = dict(brown.plan.evidence)
    assert evidence["kept"].sum() == 4 + 2 + 4 + 5
    wrong = replace(brown.plan, evidence={**evidence, "kept": evidence["kept"] * 0})
    assert any(
        "kept piles are those of the layers" in text for text in failures(verify_plan(wrong))
    )
