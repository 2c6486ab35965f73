"""The command that prices locks: the joint plan again without each, and what its files hold."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pytest
import tiny
from alltown import BUDGET, write_model
from test_locks_programmes import grounds_of
from typer.testing import CliRunner

from siting.cli import app
from siting.errors import ModelError
from siting.joint.prices import joint_fields, joint_with_locks, joint_without
from siting.lockprices import COLUMNS
from siting.model.model import load_model
from siting.pipeline import prepare

if TYPE_CHECKING:
    from pathlib import Path

    from siting.ground import Ground
    from siting.joint.solving import Settled

TIGHT = {**BUDGET, "total_cny": 4.8e7, "years": []}
"""Less than would serve all demand, enough for the targets and the locks; no years to be found."""
GAP = 0.002
"""Both solves end this near their optimum, so that their difference is known to twice as much."""

SHARED = {"total_cny": 2.0e7}
"""One total without funds, which doesn't do for all demand."""
SHARED_GAP = 0.02


def locks_of(folder: Path, model: Path) -> Path:
    """Write a lock on each programme, by ids that the town has."""
    ground = prepare(load_model(model), out=folder / "maps", seconds={})
    grounds = grounds_of(ground)
    sites = grounds.roadside
    spare = sites.frame["site_id"][~sites.frame["mandatory"] & (sites.junction >= 0)].tolist()
    hydrogen = grounds.hydrogen.frame
    dear = hydrogen[hydrogen["reason"] == ""].sort_values("cost_cny")["site_id"].iloc[-1]
    corridors, land = grounds.roads
    free = corridors.frame[land.usable & ~land.section & ~land.opened]
    path = folder / "locks.csv"
    rows = [
        ("charging", "ban", ground.candidates.frame["site_id"].iloc[0], "拆迁"),
        ("hydrogen", "fix", dear, ""),
        ("roadside", "fix", spare[-1], ""),
        ("test_road", "fix", free["corridor_id"].iloc[0], "=1+1"),
    ]
    lines = ["item,what,id,reason", *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def served(model: Path, overrides: dict[str, Any]) -> tuple[float, float]:
    """Plan the town; return what charging serves and the money that it was left."""
    run = tiny.answered(model, overrides).run["joint"]
    return run["objective"], run["money"]["charging_cny"]


@pytest.mark.slow
def test_the_command_prices_locks_in_the_joint_plan(tmp_path: Path) -> None:
    """It is the difference of two plans; where a fund pays for a lock, charging loses nothing."""
    model = write_model(tmp_path, TIGHT)
    path = locks_of(tmp_path, model)
    out = tmp_path / "out"
    asked = ["locks", str(model), "--lock", str(path), "--out", str(out), "--gap", str(GAP)]
    done = CliRunner().invoke(app, asked, env={"COLUMNS": "250"})
    assert done.exit_code == 0, done.output
    (made,) = out.glob("alltown-locks-*")
    rows = json.loads((made / "locks.json").read_text(encoding="utf-8"))
    with (made / "locks.csv").open(encoding="utf-8-sig", newline="") as file:
        table = list(csv.DictReader(file))
    assert tuple(table[0]) == COLUMNS
    assert [row["item"] for row in table] == ["charging", "hydrogen", "roadside", "test_road"]
    assert [float(row["price"]) for row in table] == pytest.approx([row["price"] for row in rows])
    # A cell that a spreadsheet would run is text.
    assert table[3]["reason"] == "'=1+1"
    lines = path.read_text(encoding="utf-8").splitlines()
    base = served(model, {"sources.locks": str(path), "solve.gap": GAP})
    for number, row in enumerate(rows):
        kept = [line for n, line in enumerate(lines) if n != number + 1]
        less = tmp_path / f"without{number}.csv"
        less.write_text("\n".join(kept) + "\n", encoding="utf-8")
        free = served(model, {"sources.locks": str(less), "solve.gap": GAP})
        slack = 2 * GAP * base[0]
        assert row["joint_kwh_day_with"] == pytest.approx(base[0], abs=slack)
        assert row["joint_price_kwh_day"] == pytest.approx(free[0] - base[0], abs=slack)
        assert row["joint_low"] - slack <= free[0] - base[0] <= row["joint_high"] + slack
        assert row["charging_cny_difference"] == pytest.approx(free[1] - base[1], abs=2.0)
        assert row["share_with"] == row["share_without"] == 1.0
    by_item = {row["item"]: row for row in rows}
    assert by_item["charging"]["price"] == by_item["charging"]["joint_price_kwh_day"] >= 0
    assert by_item["hydrogen"]["charging_cny_difference"] > 0
    for item in ("roadside", "test_road"):
        assert by_item[item]["charging_cny_difference"] == 0
    assert "without it" in done.output


@pytest.mark.slow
def test_a_lock_on_money_that_charging_shares_costs_it_what_two_plans_differ_by(
    tmp_path: Path,
) -> None:
    """Without funds a roadside site or a road that has to be built is paid by charging."""
    model = write_model(tmp_path, SHARED)
    lines = locks_of(tmp_path, model).read_text(encoding="utf-8").splitlines()

    def settled(name: str, rows: list[str]) -> tuple[Ground, Settled]:
        (tmp_path / name).write_text("\n".join([lines[0], *rows]) + "\n", encoding="utf-8")
        asked = {"sources.locks": str(tmp_path / name), "solve.gap": SHARED_GAP}
        ground = prepare(load_model(model, asked), out=tmp_path / "maps", seconds={})
        return ground, joint_with_locks(ground)

    taken = []
    ground, base = settled("both.csv", lines[3:5])
    for number in (1, 2):
        fields = joint_fields(base, joint_without(ground, number, base))
        _, free = settled(f"without{number}.csv", [lines[5 - number]])
        assert free.joint is not None
        assert base.joint is not None
        served = free.found.outcome.objective - base.found.outcome.objective
        slack = 2 * SHARED_GAP * base.found.outcome.objective
        assert fields["share_with"] == fields["share_without"] == 1.0
        assert fields["joint_price_kwh_day"] == pytest.approx(served, abs=slack)
        assert fields["joint_low"] - slack <= served <= fields["joint_high"] + slack
        money = free.joint[0].charging_cny - base.joint[0].charging_cny
        assert fields["charging_cny_difference"] == pytest.approx(money, abs=2.0)
        taken.append(money)
    assert max(taken) > 0


def test_a_model_without_locks_has_none_to_price(tmp_path: Path) -> None:
    model = write_model(tmp_path, TIGHT)
    done = CliRunner().invoke(app, ["locks", str(model), "--out", str(tmp_path / "out")])
    assert isinstance(done.exception, ModelError)
    assert not list((tmp_path / "out").glob("*-locks-*"))
