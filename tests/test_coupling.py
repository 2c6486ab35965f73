"""Charging beside test fleets, shared poles and power: they hold, and each lie is caught."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import alltown
import geopandas as gpd
import jsonschema
import numpy as np
import pytest
import shapely
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from pyproj import Geod

from siting.assemble.sharing import best_pairs, possible_pairs, saving_cny
from siting.errors import ModelError
from siting.model.model import load_model
from siting.model.roadside import Sharing
from siting.pipeline import plan, prepare
from siting.store.runs import read_run
from siting.verify import failures, verify_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from siting.pipeline import Published
    from siting.plan import Plan

ROOT = Path(__file__).parents[1]
MONEY = {**alltown.BUDGET, "total_cny": 3.5e7}
WIDE = {"within_m": 400, "cable_cny_per_m": 30}
"""In the hand-made town stations and roadside sites stand some 300 m apart."""


def write_model(folder: Path) -> Path:
    path = alltown.write_model(folder, MONEY)
    asked = yaml.safe_load(path.read_text(encoding="utf-8"))
    asked["roadside"]["sharing"] = WIDE
    # On coarse cells fewer than two stations would have somebody to share with.
    for name in ("urban_cell_m", "rural_cell_m"):
        del asked["demand"][name]
    asked["targets"].append({"measure": "test_fleets", "at_least": 1})
    path.write_text(yaml.safe_dump(asked, allow_unicode=True), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("coupling")


@pytest.fixture(scope="module")
def town(folder: Path) -> Published:
    """Plan the town of all programmes with couplings; tests only read the run."""
    return plan(write_model(folder), out=folder / "maps")


@pytest.fixture(scope="module")
def back(town: Published) -> Plan:
    return read_run(town.folder)


def test_the_run_holds_when_read_back_and_follows_its_schema(town: Published, back: Plan) -> None:
    assert failures(verify_plan(back)) == ()
    run = json.loads((town.folder / "run.json").read_text(encoding="utf-8"))
    jsonschema.validate(run, json.loads((ROOT / "docs/run.schema.json").read_text("utf-8")))
    (line,) = back.clauses[back.clauses.measure == "test_fleets"].to_dict("records")
    assert (line["status"], line["planned"], line["unit"]) == ("met", 1.0, "share")
    assert run["sharing"]["pairs"] >= 2
    figures = back.assumptions.set_index("key").unsourced
    assert figures["charging.rules.test_fleet_radius_m"]
    assert figures["roadside.sharing.power_cny"]


def test_bases_are_the_anchors_on_the_map_that_are_no_end_of_a_section(back: Plan) -> None:
    bases = back.places[back.places.measure == "test_fleets"]
    assert set(bases.place_id) == {"anchor/ground", "anchor/pilot"}
    assert (bases.fast_piles >= back.run["settings"]["rules"]["test_fleet_piles"]).all()
    tiers = back.test_road_places[back.test_road_places.role == "anchor"].tier
    assert "section" in set(tiers)


def test_rows_of_bases_are_the_same_whichever_test_roads_are_chosen(
    folder: Path, tmp_path: Path
) -> None:
    """So the bound of the joint plan, with these rows in it, is one on every joint plan."""
    model = write_model(folder)
    rows = []
    for roads in ({}, {"objective": "cost"}, {"components": 1}):
        asked = load_model(model, {"testroads": roads})
        ground = prepare(asked, out=tmp_path, seconds={})
        sizing = ground.charging(asked).structure
        mine = [n for n, name in enumerate(sizing.row_name) if "test vehicles" in name]
        assert len(mine) == 2
        rows.append((sizing.row_piles[mine].toarray(), sizing.row_lower[mine]))
    for piles, least in rows[1:]:
        assert (piles == rows[0][0]).all()
        assert (least == rows[0][1]).all()


def test_test_fleets_without_test_roads_are_refused(folder: Path) -> None:
    path = folder / "noroads.yaml"
    asked = yaml.safe_load(write_model(folder).read_text(encoding="utf-8"))
    asked["targets"] = [{"measure": "test_fleets", "at_least": 1}]
    path.write_text(yaml.safe_dump(asked, allow_unicode=True), encoding="utf-8")
    with pytest.raises(ModelError, match="none for test roads"):
        load_model(path)


def test_money_and_bound_do_not_count_on_what_is_shared(town: Published, back: Plan) -> None:
    costs = sum(
        back.run["totals"][f"{name}_cost_cny"]
        for name in ("charging", "hydrogen", "roadside", "test_road")
    )
    assert back.run["totals"]["cost_cny"] == costs
    saved = back.run["sharing"]["saving_cny"]
    book = load_workbook(town.folder / "tables.xlsx", read_only=True)
    rows = list(book["投资估算"].iter_rows(min_row=2, values_only=True))
    (line,) = (row for row in rows if "共用杆件与电源" in str(row[0]))
    assert line[5] == -saved < 0
    report = (town.folder / "report.html").read_text(encoding="utf-8")
    assert "共用杆件与电源" in report
    page = (town.folder / "index.html").read_text(encoding="utf-8")
    assert '"shared_saving_cny":' in page


def _places(**changes: object) -> Callable[[Plan], Plan]:
    return lambda p: replace(p, places=p.places.assign(**changes))


def _rsus(**changes: object) -> Callable[[Plan], Plan]:
    return lambda p: replace(p, rsus=p.rsus.assign(**changes))


def _without_base(p: Plan) -> Plan:
    return replace(p, places=p.places[p.places.place_id != "anchor/pilot"])


def _moved(p: Plan) -> Plan:
    shifted = p.places.geometry.translate(0.001)
    at = p.places.geometry.where(p.places.measure != "test_fleets", shifted)
    return replace(p, places=p.places.set_geometry(at))


def _record(**changes: int) -> Callable[[Plan], Plan]:
    return lambda p: replace(p, run={**p.run, "sharing": {**p.run["sharing"], **changes}})


def _none_shared(p: Plan) -> Plan:
    bare = p.rsus.assign(shared_station="", shared_m=np.nan, shared_saving_cny=0)
    return _record(pairs=0, saving_cny=0)(replace(p, rsus=bare))


def _one_station(f: pd.DataFrame) -> pd.Series:
    first = f.shared_station[f.shared_station != ""].iloc[0]
    return f.shared_station.where(f.shared_station == "", first)


@pytest.mark.parametrize(
    ("lie", "check"),
    [
        (_without_base, "bases of test fleets"),
        (_moved, "bases of test fleets"),
        (_places(fast_piles=99), "fast piles near places"),
        (_places(radius_m=9e4), "radius of places"),
        (_rsus(shared_m=lambda f: f.shared_m - 5), "distance of what shares"),
        (_rsus(shared_saving_cny=lambda f: f.shared_saving_cny * 2), "saving of each shared"),
        (_rsus(shared_saving_cny=lambda f: f.shared_saving_cny * 2), "saving of shared poles"),
        (_rsus(shared_station=_one_station), "share with two"),
        (_rsus(reuse=True), "saving of each shared"),
        (_rsus(year=2000), "saving of each shared"),
        (_record(saving_cny=10**6), "saving of shared poles"),
        (_record(pairs=9), "shared poles and power"),
        (_none_shared, "no other pairs save more"),
        (lambda p: replace(p, run={**p.run, "sharing": None}), "saving of shared poles"),
    ],
)
def test_each_lie_is_caught(back: Plan, lie: Callable[[Plan], Plan], check: str) -> None:
    found = failures(verify_plan(lie(back)))
    assert any(check in text for text in found), found


def layers(rng: np.random.Generator, stations: int, sites: int) -> tuple[gpd.GeoDataFrame, ...]:
    """Scatter stations and roadside sites over some 300 m, with years."""

    def points(count: int) -> np.ndarray:
        return shapely.points(117.0 + 0.003 * rng.random(count), 36.6 + 0.003 * rng.random(count))

    first = gpd.GeoDataFrame(
        {"site_id": [f"s{n}" for n in range(stations)], "year": rng.integers(2024, 2026, stations)},
        geometry=points(stations),
        crs="EPSG:4326",
    )
    second = gpd.GeoDataFrame(
        {
            "site_id": [f"r{n}" for n in range(sites)],
            "year": rng.integers(2024, 2026, sites),
            "reuse": rng.random(sites) < 0.2,
            "cost_cny": rng.choice([3_000, 90_000], sites),
        },
        geometry=points(sites),
        crs="EPSG:4326",
    )
    return first, second


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), stations=st.integers(1, 4), sites=st.integers(1, 4))
def test_what_is_shared_saves_as_much_as_trying_everything(
    seed: int, stations: int, sites: int
) -> None:
    rng = np.random.default_rng(seed)
    first, second = layers(rng, stations, sites)
    rule = Sharing()
    worth = np.zeros((stations, sites))
    for a, b in product(range(stations), range(sites)):
        p, q = first.geometry.iloc[a], second.geometry.iloc[b]
        metres = round(Geod(ellps="WGS84").inv(p.x, p.y, q.x, q.y)[2], 3)
        built = first.year.iloc[a] <= second.year.iloc[b] and not second.reuse.iloc[b]
        if metres <= 100 and built:
            saves = max(0.0, 15_000 - 120 * metres) + 10_000 * (metres <= 20)
            worth[a, b] = min(round(saves), second.cost_cny.iloc[b])
    best = max(
        sum(worth[a, b] for a, b in enumerate(to) if b < sites)
        for to in product(range(sites + 1), repeat=stations)
        if len({b for b in to if b < sites}) == sum(b < sites for b in to)
    )
    pairs = possible_pairs(first, second, rule)
    assert len(pairs.station) == (worth > 0).sum()
    chosen = best_pairs(pairs)
    assert chosen.saving_cny.sum() == best
    assert len(set(chosen.station)) == len(set(chosen.site)) == len(chosen.station)


def test_a_connection_is_saved_less_its_cable_and_the_pole_near_by() -> None:
    saved = saving_cny(np.array([0.0, 20.0, 20.001, 100.0, 125.0, 500.0]), Sharing())
    assert saved.tolist() == [25_000, 22_600, 12_600, 3_000, 0, 0]
