# ruff: noqa: E501  (a table of lies reads best a line each)
"""One plan of all programmes within one budget by year: it holds, and each lie about it is caught."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import pytest
from alltown import BUDGET, TIGHT, write_model
from openpyxl import load_workbook
from typer.testing import CliRunner

from siting.cli import app
from siting.core.sizing.bound import sizing_bound
from siting.errors import InfeasibleError, ModelError
from siting.joint.charging import with_budget
from siting.joint.money import charging_most
from siting.model.budget import Budget
from siting.model.model import load_model
from siting.pipeline import plan, prepare
from siting.store.runs import read_run
from siting.structures import Sizing
from siting.tables.investment import investment
from siting.verify import failures, verify_plan
from siting.verify.hydrogen import hydrogen_findings
from siting.verify.joint import joint_findings
from siting.verify.roadside import roadside_findings
from siting.verify.standing import standing_findings
from siting.verify.testroads import testroad_findings as road_findings
from siting.verify.years import year_findings

if TYPE_CHECKING:
    from collections.abc import Callable

    from siting.pipeline import Published
    from siting.plan import Plan

ROOT = Path(__file__).parents[1]
SHORT = {**BUDGET, "total_cny": 3.3e7}
"""Too little for eight stations and sixty piles."""


@pytest.fixture(scope="module")
def town(joint_town: Published) -> Published:
    return joint_town


@pytest.fixture(scope="module")
def back(town: Published) -> Plan:
    return read_run(town.folder)


def test_the_run_holds_when_read_back_and_follows_its_schema(town: Published, back: Plan) -> None:
    assert failures(verify_plan(back)) == ()
    run = json.loads((town.folder / "run.json").read_text(encoding="utf-8"))
    jsonschema.validate(run, json.loads((ROOT / "docs/run.schema.json").read_text("utf-8")))
    joint = run["joint"]
    assert joint["status"] == "met"
    assert joint["gap"] <= 0.02
    assert joint["bound"] >= joint["objective"] == pytest.approx(run["objective"])
    assert joint["years"]["gap"] <= 0.01


def test_money_of_total_fund_and_years_is_kept_by_all_programmes_together(back: Plan) -> None:
    money = back.run["joint"]["money"]
    spent = {
        "charging": back.stations.cost_cny.sum(),
        "hydrogen": back.hydrogen.cost_cny.sum(),
        "testroads": back.test_roads.cost_cny.sum(),
    }
    for row in money["programmes"]:
        if row["programme"] in spent:
            assert row["spent_cny"] == spent[row["programme"]] > 0
    assert money["spent_cny"] == back.run["totals"]["cost_cny"] <= TIGHT["total_cny"]
    (fund,) = money["funds"]
    # The fund is reserved: what its programmes leave of it is not charging's.
    left = TIGHT["total_cny"] - fund["most_cny"] - spent["hydrogen"]
    assert back.stations.cost_cny.sum() <= left + len(back.stations)
    assert money["charging_cny"] == pytest.approx(left)
    for asked, row in zip(BUDGET["years"], back.run["joint"]["years"]["by_year"], strict=True):
        assert row["spent_cny"] <= asked["most_cny"]
        assert all(row["funds"][name] <= most for name, most in asked.get("funds", {}).items())


def test_every_station_has_a_year_and_interim_targets_are_met(back: Plan) -> None:
    years = [year["year"] for year in BUDGET["years"]]
    assert back.stations.year[back.stations.status == "new"].isin(years).all()
    assert back.hydrogen.year.isin(years).all()
    assert sorted(back.hydrogen.year) == [2023, 2024]  # one a year: a half, rounded up
    assert (back.stations.year <= 2023).sum() >= 3
    first = back.run["joint"]["years"]["by_year"][0]
    assert first["in_all"]["test_road_km"] >= 5
    assert first["in_all"]["built_area_km2"] >= 1
    most = np.ceil(0.5 * (back.stations.year > 0).sum())
    assert back.stations.year[back.stations.year > 0].value_counts().max() <= most


def test_hydrogen_that_shares_the_money_costs_the_least_that_the_spacing_allows(back: Plan) -> None:
    may = back.hydrogen_candidates[back.hydrogen_candidates.reason == ""]
    assert back.hydrogen.cost_cny.sum() == may.cost_cny.nsmallest(2).sum()


def test_investment_by_year_ties_to_the_total_and_to_each_year(town: Published, back: Plan) -> None:
    table = investment(back)
    assert table.cost_cny.sum() == back.run["totals"]["cost_cny"]
    by_year = table.groupby("year").cost_cny.sum()
    stated = {row["year"]: row["spent_cny"] for row in back.run["joint"]["years"]["by_year"]}
    assert by_year[by_year.index > 0].to_dict() == {y: c for y, c in stated.items() if c}
    book = load_workbook(town.folder / "tables.xlsx", read_only=True)
    rows = list(book["统一预算分年表"].iter_rows(min_row=2, values_only=True))
    assert rows[-1][5] == back.run["totals"]["cost_cny"]
    assert [int(str(row[0])) for row in rows[:-1]] == list(stated)


def test_map_and_report_show_the_years(town: Published) -> None:
    page = (town.folder / "index.html").read_text(encoding="utf-8")
    assert '"joint":{"status":"met"' in page.replace(": ", ":")
    report = (town.folder / "report.html").read_text(encoding="utf-8")
    assert "统一预算与分年建设" in report
    assert "缺口方案" not in report


def _run(path: str, value: object) -> Callable[[Plan], Plan]:
    """Tell a lie in the run record, at a path of keys and numbers; a callable changes the value."""

    def lie(plan: Plan) -> Plan:
        run = deepcopy(dict(plan.run))
        at: Any = run
        *way, last = [int(word) if word.isdigit() else word for word in path.split("/")]
        for step in way:
            at = at[step]
        at[last] = value(at[last]) if callable(value) else value
        return replace(plan, run=run)

    return lie


def _layer(name: str, column: str, change: Callable[[Any], Any]) -> Callable[[Plan], Plan]:
    def lie(plan: Plan) -> Plan:
        frame = getattr(plan, name)
        return replace(plan, **{name: frame.assign(**{column: change(frame[column])})})

    return lie


def _moved(plan: Plan) -> Plan:
    year, phase = plan.stations.year.to_numpy().copy(), plan.stations.phase.to_numpy().copy()
    row = int(np.flatnonzero(year == 2023)[0])
    year[row], phase[row] = 2025, 3
    return replace(plan, stations=plan.stations.assign(year=year, phase=phase))


def _no_multipliers(plan: Plan) -> Plan:
    name = "years/multipliers"
    return replace(plan, evidence={**plan.evidence, name: 0 * plan.evidence[name]})


def _no_years(plan: Plan) -> Plan:
    return replace(plan, stations=plan.stations.drop(columns=["year", "phase"]))


def _no_record(plan: Plan) -> Plan:
    return replace(plan, run={name: part for name, part in plan.run.items() if name != "joint"})


YEARS = "settings/budget/years"
STATED = "joint/years/by_year"


@pytest.mark.parametrize(
    ("lie", "check"),
    [
        (_no_record, "joint record"),
        (_no_years, "stations have years"),
        (_moved, "money of charging"),
        (_moved, "in all"),
        (_no_multipliers, "bound of energy served early"),
        (_run("joint/money/spent_cny", lambda cny: cny - 1000), "joint money in all"),
        (_run("joint/money/programmes/1/spent_cny", 0), "joint money of hydrogen"),
        (_run("joint/money/total_cny", 9e9), "joint total budget"),
        (_run("settings/budget/total_cny", 1e7), "joint money beyond the total"),
        (_run("settings/budget/funds/0/most_cny", 1e6), "beyond it"),
        (_run("settings/budget/funds/0/reserved", False), "joint money left to charging"),
        (_run("joint/money/funds/0/spent_cny", 1), "money of fund"),
        (_run("joint/money/programmes/1/floor_cny", 0), "joint floor_cny of hydrogen"),
        (_run("joint/money/programmes/2/least_cny", 9e9), "joint least_cny of roadside"),
        (_run("joint/money/programmes/3/floor_cny", 0), "joint floor_cny of testroads"),
        (_run("joint/money/charging_cny", lambda cny: cny + 1e6), "joint money left to charging"),
        (_run("joint/money/charging_most_cny", 9e9), "most joint money of charging"),
        (_run("joint/bound", lambda bound: bound * 0.5), "joint bound"),
        (_run("joint/objective", lambda served: served + 100), "joint objective"),
        (_run("joint/gap", lambda gap: gap / 2), "joint gap"),
        (_run("joint/status", "short"), "joint status"),
        (_run("joint/shortfall/share", 2.0), "share of targets"),
        (_run("joint/shortfall/clauses", [{"clause": "", "measure": "piles", "short": 1.0}]), "joint shortfalls"),
        (_run(f"{YEARS}/0/most_cny", 1e6), "money beyond its budget"),
        (_run(f"{YEARS}/0/funds", {"车路云专项资金": 1e5}), "beyond it"),
        (_run(f"{YEARS}/0/targets/0/at_least", 7), "interim target of stations"),
        (_run(f"{YEARS}/0/targets/1/at_least", 2), "interim target of hydrogen_stations"),
        (_run(f"{YEARS}/0/targets/2/at_least", 99), "interim target of built_area_km2"),
        (_run(f"{YEARS}/0/targets/3/at_least", 99), "interim target of test_road_km"),
        (_run("settings/budget/smooth", 0.1), "smooth building of charging"),
        (_run(f"{STATED}/1/spent_cny", lambda cny: cny + 5), "money of all"),
        (_run(f"{STATED}/1/in_all/piles", lambda piles: piles + 1), "piles in all"),
        (_run(f"{STATED}/1/served_kwh_day", 0.0), "energy served"),
        (_run("joint/years/objective", lambda worth: worth + 50), "energy served early"),
        (_run("joint/years/bound", lambda bound: bound * 0.9), "bound of energy served early"),
        (_run("joint/years/gap", 0.5), "gap of energy served early"),
        (_layer("stations", "phase", lambda phase: phase + 1), "phases of stations"),
        (_layer("stations", "year", lambda year: year * 0), "stations are built in a year"),
        (_layer("hydrogen", "year", lambda year: year * 0 + 2031), "hydrogen stations are built in a year"),
        (_layer("test_roads", "year", lambda year: year * 0 + 2024), "years of test roads"),
        (_layer("test_roads", "cost_cny", lambda cny: cny + 1), "joint money of testroads"),
    ],
)  # fmt: skip
def test_the_checker_catches(back: Plan, lie: Callable[[Plan], Plan], check: str) -> None:
    told = lie(back)
    wrong = failures((*joint_findings(told), *year_findings(told)))
    assert any(check in text for text in wrong), wrong


def test_the_whole_checker_asks_what_its_parts_find(back: Plan) -> None:
    whole = verify_plan(back)
    parts = (joint_findings, year_findings, road_findings, roadside_findings)
    for part in (*parts, hydrogen_findings, standing_findings):
        found = tuple(part(back))
        assert len(found) > 5
        assert set(found) <= set(whole)


def test_a_bound_claimed_for_less_money_than_the_others_can_leave_is_caught(back: Plan) -> None:
    """Where the others could cost less, the bound has to be that of the money they could leave."""
    run = deepcopy(dict(back.run))
    run["settings"]["budget"]["funds"] = []
    run["joint"]["money"]["funds"] = []
    wrong = failures(verify_plan(replace(back, run=run)))
    assert any("joint money left to charging" in text for text in wrong)


@pytest.mark.slow
def test_money_that_does_not_do_for_the_targets_gives_a_shortfall_plan(tmp_path: Path) -> None:
    done = plan(write_model(tmp_path, SHORT), out=tmp_path / "maps")
    found = read_run(done.folder)
    assert failures(verify_plan(found)) == ()
    joint = found.run["joint"]
    short = joint["shortfall"]
    assert joint["status"] == "short"
    assert 0 < short["share"] < 1
    assert short["proven"]
    assert {row["measure"]: row["unit"] for row in short["clauses"]} == {
        "stations": "stations",
        "piles": "piles",
    }
    for row in short["clauses"]:
        assert row["short"] == pytest.approx(row["at_least"] - row["planned"])
        assert row["planned"] >= short["share"] * row["at_least"]
    ledger = found.clauses.set_index("measure").status
    assert ledger["piles"] == "short"
    assert ledger["hydrogen_stations"] == "met"
    assert "缺口方案" in (done.folder / "report.html").read_text(encoding="utf-8")
    assert any("shortfall plan" in note for note in found.run["notes"])
    more = _run("joint/shortfall/share", 1.0)(found)
    more = _run("joint/shortfall/most_share", 1.0)(more)
    assert any("targets of charging held" in text for text in failures(verify_plan(more)))


def test_plans_that_cost_more_than_the_money_are_refused(tmp_path: Path) -> None:
    small = {**BUDGET, "funds": [{**BUDGET["funds"][0], "most_cny": 1e6}], "years": []}
    with pytest.raises(InfeasibleError, match="车路云专项资金"):
        plan(write_model(tmp_path, small), out=tmp_path / "maps")
    left = [path.name for path in (tmp_path / "maps").glob("*")]
    assert left in ([], [".cache"])


def test_the_total_of_the_command_line_replaces_that_of_the_model(tmp_path: Path) -> None:
    model, out = write_model(tmp_path), tmp_path / "maps"
    asked = ["plan", str(model), "--out", str(out), "--total-cny", "2e6"]
    done = CliRunner().invoke(app, asked)
    assert isinstance(done.exception, InfeasibleError)
    assert "2,000,000" in str(done.exception)
    assert [path.name for path in out.glob("*")] in ([], [".cache"])


def test_a_batch_or_phase_in_a_year_that_the_budget_does_not_have_is_refused(
    tmp_path: Path,
) -> None:
    late = {**BUDGET, "years": BUDGET["years"][:1], "smooth": 1.0}
    with pytest.raises(ModelError, match=r"batches has the year 2024, and the budget has 2023"):
        load_model(write_model(tmp_path, late))
    late = {**BUDGET, "years": BUDGET["years"][:2]}
    with pytest.raises(ModelError, match=r"phases has the year 2025"):
        load_model(write_model(tmp_path, late))


MONEY = {
    "total_cny": 100.0,
    "funds": [{"name": "a", "programmes": ["roadside", "testroads"], "most_cny": 30.0}],
}


@pytest.mark.parametrize(
    ("budget", "own", "taken", "left"),
    [
        ({}, None, {"roadside": 5.0}, float("inf")),
        ({}, 40.0, {"roadside": 5.0}, 40.0),
        ({"total_cny": 100.0}, None, {"roadside": 5.0, "hydrogen": 7.0}, 88.0),
        ({"total_cny": 100.0}, 60.0, {"roadside": 5.0}, 60.0),
        (MONEY, None, {"roadside": 5.0, "hydrogen": 7.0}, 63.0),
        ({**MONEY, "funds": [{**MONEY["funds"][0], "reserved": False}]}, None, {"roadside": 5.0, "hydrogen": 7.0}, 88.0),
        ({"funds": [{"name": "a", "programmes": ["charging", "hydrogen"], "most_cny": 30.0}]}, None, {"roadside": 5.0, "hydrogen": 7.0}, 23.0),
    ],
)  # fmt: skip
def test_charging_has_what_total_funds_and_others_leave(
    budget: dict[str, Any], own: float | None, taken: dict[str, float], left: float
) -> None:
    assert charging_most(Budget.model_validate(budget), own, taken) == left


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        ({"funds": [{"name": "a", "programmes": ["charging"], "most_cny": 1}] * 2}, "in two funds"),
        ({"funds": [{"name": n, "programmes": ["charging"], "most_cny": 1} for n in "ab"]}, "programme charging is in two"),
        ({"years": [{"year": 2025}, {"year": 2024}]}, "have to rise"),
        ({"years": [{"year": 2025, "funds": {"x": 1.0}}]}, "no fund 'x'"),
        ({"years": [{"year": 2025}, {"year": 2026}], "smooth": 0.4}, "less than 1"),
        ({"weights": {"piles": 0}}, "more than 0"),
    ],
)  # fmt: skip
def test_a_budget_that_does_not_fit_together_is_refused(budget: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Budget.model_validate(budget)


def test_a_part_of_the_city_has_its_share_of_all_money() -> None:
    part = Budget.model_validate({**BUDGET, "total_cny": 1e8}).scaled(0.25)
    assert part.total_cny == 2.5e7
    assert part.funds[0].most_cny == BUDGET["funds"][0]["most_cny"] / 4
    assert part.years[0].most_cny == 1e7
    assert part.years[0].funds == {"车路云专项资金": 4.5e6}
    assert part.years[0].targets[0].at_least == 0.75


def test_more_money_never_lowers_the_bound_that_multipliers_prove(tmp_path: Path) -> None:
    model = load_model(write_model(tmp_path, {"total_cny": 4e6}), {"charging.budget_cny": 4e6})
    ground = prepare(model, out=tmp_path, seconds={})
    sizing = ground.charging(ground.city.model).structure
    assert isinstance(sizing, Sizing)
    rng, sites = np.random.default_rng(0), len(sizing.fixed_cny)
    for _ in range(20):
        duals = {
            "demand": rng.random(len(sizing.demand_kwh)),
            "capacity": np.zeros((sites, 8)),
            **{name: np.zeros(sites) for name in ("most", "least", "grid", "use")},
            "rows": rng.normal(0, 1e-3, len(sizing.row_name)),
        }
        duals["capacity"] = rng.random((sites, _groups(sizing)))
        bounds = [sizing_bound(with_budget(sizing, cny), duals) for cny in (1e6, 2e6, 4e6, 8e6)]
        assert bounds == sorted(bounds)


def _groups(sizing: Sizing) -> int:
    from siting.structures import segment_groups  # noqa: PLC0415

    return len(segment_groups(sizing.serves)[0])
