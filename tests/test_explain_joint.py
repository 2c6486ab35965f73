"""Why a joint plan can't be: clauses, locks and money of all programmes, and the least total."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
import tiny
from alltown import BUDGET, write_model
from typer.testing import CliRunner

from siting.cli import app
from siting.errors import InfeasibleError
from siting.pipeline import plan

if TYPE_CHECKING:
    from pathlib import Path

SHORT = {**BUDGET, "total_cny": 3.3e7}
"""Too little for eight stations and sixty piles."""


def explained(folder: Path, model: Path, *options: str) -> tuple[int, str, dict[str, Any]]:
    """Run the command; return its code, what it prints and `explain.json` as it is read back."""
    out = folder / "out"
    asked = ["explain", str(model), "--cache", str(folder), "--out", str(out), *options]
    done = CliRunner().invoke(app, asked)
    (made,) = sorted(out.glob("*-explain-*"))
    record = json.loads((made / "explain.json").read_text(encoding="utf-8"))
    html = (made / "explain.html").read_text(encoding="utf-8")
    for one in record["programmes"]:
        assert one["zh"] in html
    return done.exit_code, done.output, record


def joint_of(record: dict[str, Any]) -> dict[str, Any]:
    (found,) = [one for one in record["programmes"] if one["programme"] == "joint"]
    return dict(found)


def total(folder: Path, cny: float) -> dict[str, Any]:
    """Plan the town with another total; return the joint record."""
    model = write_model(folder, {**BUDGET, "total_cny": cny})
    run: dict[str, Any] = dict(tiny.answered(model).run["joint"])
    return run


@pytest.mark.slow
def test_a_total_that_is_too_small_names_what_takes_it_and_a_least_that_works(
    tmp_path: Path,
) -> None:
    code, text, record = explained(tmp_path, write_model(tmp_path, SHORT), "--zh")
    joint = joint_of(record)
    assert code == InfeasibleError.exit_code
    assert joint["verdict"] == "infeasible"
    keys = {member["key"] for member in joint["conflicts"][0]["members"]}
    assert {"total", "fund_0", "h3_stations"} < keys
    assert keys & {"c9_stations", "c10_piles"}
    assert "车路云专项资金" in text
    least = joint["least_budget"]
    assert least["given_cny"] == 3.3e7
    assert least["one_percent_less_fails"]
    assert total(tmp_path, math.ceil(least["high_cny"]))["status"] == "met"
    assert total(tmp_path, 0.99 * least["high_cny"])["status"] == "short"
    by_key = {member["key"]: member for member in joint["conflicts"][0]["members"]}
    need = by_key["total"]
    assert need["low"] <= least["high_cny"] - 3.3e7 <= need["high"] + 1
    # The fund could leave what the total lacks: its programmes cost less than it has.
    assert by_key["fund_0"]["high"] == pytest.approx(need["high"])
    short = {one["key"] for one in joint["shortfall"]["clauses"]}
    assert short <= {"c9_stations", "c10_piles"}


def with_years(**changes: Any) -> dict[str, Any]:
    """Return the budget with other values in its first and second year, and for its smoothness."""
    years = [dict(year) for year in BUDGET["years"]]
    years[0] |= changes.get("first", {})
    years[1] |= changes.get("second", {})
    return {**BUDGET, "years": years, "smooth": changes.get("smooth", BUDGET["smooth"])}


def programme_of(record: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [one for one in record["programmes"] if one["programme"] == name]
    return dict(found)


@pytest.mark.slow
def test_interim_targets_that_no_plan_can_pay_for_are_told_by_arithmetic(tmp_path: Path) -> None:
    """A hydrogen station alone costs more than the first year has."""
    budget = with_years(first={"most_cny": 4e6, "funds": {}})
    code, text, record = explained(tmp_path, write_model(tmp_path, budget))
    assert code == InfeasibleError.exit_code
    years = programme_of(record, "years")
    assert years["verdict"] == "infeasible"
    (fact,) = years["arithmetic"]
    assert "interim targets up to 2023" in fact["en"]
    assert "加氢站数 1 座" in fact["zh"]
    assert "CNY 4.0 million" in text
    with pytest.raises(InfeasibleError):
        plan(write_model(tmp_path, budget), out=tmp_path / "maps")


@pytest.mark.slow
def test_years_that_a_plan_does_not_fit_name_money_targets_and_smoothness(tmp_path: Path) -> None:
    """A third of the stations can't have all but two of the sixty piles of the plan."""
    targets = [{"measure": "piles", "at_least": 58}]
    budget = with_years(first={"targets": targets, "most_cny": 3e7}, smooth=0.34)
    code, text, record = explained(tmp_path, write_model(tmp_path, budget), "--zh")
    assert code == InfeasibleError.exit_code
    assert joint_of(record)["verdict"] == "feasible"
    years = programme_of(record, "years")
    (conflict,) = years["conflicts"]
    keys = {member["key"] for member in conflict["members"]}
    assert "y5_piles_2023" in keys
    assert keys & {"y3_money_2023", "y6_smooth_charging_2023"}
    assert "2023 年末充电桩数" in text
    (piles,) = [one for one in conflict["members"] if one["key"] == "y5_piles_2023"]
    assert piles["high"] >= piles["low"] > 0
    fewer = [{"measure": "piles", "at_least": 58 - math.ceil(piles["high"])}]
    eased = with_years(first={"targets": fewer, "most_cny": 3e7}, smooth=0.34)
    run = tiny.answered(write_model(tmp_path, eased)).run["joint"]
    assert run["status"] == "met"


@pytest.mark.slow
def test_a_lock_is_a_member_of_the_conflict_of_the_joint_plan(tmp_path: Path) -> None:
    """A total that does for the targets doesn't with many fast piles at a place besides."""
    model = write_model(tmp_path, {**BUDGET, "total_cny": 3.42e7, "years": []})
    locks = tmp_path / "locks.csv"
    locks.write_text("what,id,piles_dc120\nsize,node/10004,15\n", encoding="utf-8")
    _, text, record = explained(tmp_path, model, "--lock", str(locks))
    joint = joint_of(record)
    assert joint["verdict"] == "infeasible"
    members = {one["key"]: one for one in joint["conflicts"][0]["members"]}
    assert members["lock_1"]["kind"] == "lock"
    assert "locks.csv" in members["lock_1"]["name_en"]
    assert "a plan without it exists" in text
