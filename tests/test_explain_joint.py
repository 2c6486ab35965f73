"""Why a joint plan can't be: clauses, locks and money of all programmes, and the least total."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
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
    run: dict[str, Any] = dict(plan(model, out=folder / "maps").plan.run["joint"])
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
