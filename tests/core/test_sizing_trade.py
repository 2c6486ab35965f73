"""Windows that trade room in the rows: what it is worth, who gets it, and who solves them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest

from siting.core.highs import solve_arrays
from siting.core.sizing import crew as sizing_crew
from siting.core.sizing import trade as sizing_trade
from siting.core.sizing.bound import clean_duals
from siting.core.sizing.cheap import CLOSE, cheapest
from siting.core.sizing.crew import crew
from siting.core.sizing.part import activity, array_model, put_back, solve_part
from siting.core.sizing.pool import Pool, pool_of, scaled, with_pool, worth_of
from siting.core.sizing.round import shaved
from siting.core.sizing.search import Field, Goal, cost_of, energy_of, least_cost, neighbours
from siting.core.sizing.solve import Siting, check_sizing, sizing_bound, solve_sizing
from siting.core.sizing.trade import site_losses, trade
from siting.core.sizing.window import Effort, side_by_side, solve_window, windows_of

if TYPE_CHECKING:
    from siting.core.sizing.window import Window
    from siting.structures import Sizing

PATH = Path(__file__).parents[2] / "benchmarks" / "sizing_cases.py"
SPEC = spec_from_file_location("sizing_cases_of_trade", PATH)
assert SPEC is not None
assert SPEC.loader is not None
CASES = module_from_spec(SPEC)
sys.modules["sizing_cases_of_trade"] = CASES
SPEC.loader.exec_module(CASES)
EFFORT = Effort(1e-9, 1.0, 20.0, 0)


@cache
def solved() -> tuple[Sizing, Siting, dict[str, np.ndarray]]:
    """Give a town, a coarse plan of it, and clean multipliers of its bound."""
    town = CASES.Town(120, 300, 6, 0.5, stations=30, piles=300, districts=2, seed=3)
    sizing = CASES.clustered(town)
    result = solve_sizing(sizing, gap=0.2, seconds=20.0)
    duals = clean_duals(sizing, dict(result.duals))
    duals["rows"] = duals["rows"] + np.where(np.arange(len(sizing.row_name)) == 0, 0.005, 0.0)
    return sizing, Siting(result.opened, result.piles, result.serve), duals


def pool() -> Pool:
    sizing, _, duals = solved()
    return pool_of(sizing, duals["rows"])


def windows(sizing: Sizing) -> list[np.ndarray]:
    """Halve the sites in an arbitrary but mixed way, so that the halves share demand."""
    sites = np.arange(len(sizing.fixed_cny))
    return [sites[sites % 2 == 0][:25], sites[sites % 2 == 1][:25]]


def test_the_budget_has_a_price_in_the_pool_and_rows_of_few_sites_have_none() -> None:
    sizing, _, duals = solved()
    own = pool_of(sizing, np.where(duals["rows"] == 0, -1.0, duals["rows"]))
    names = [sizing.row_name[row] for row in own.rows]
    assert "budget" in names
    assert not any(name.startswith("district") for name in names)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.4, 2.5, 9.0])
def test_columns_of_the_arrays_earn_what_room_is_worth(share: float) -> None:
    sizing, plan, _ = solved()
    own = pool()
    level = activity(sizing, plan)
    first = own.rows[0]
    upper = sizing.row_upper.copy()
    upper[first] = level[first] + share * own.band[0]
    room = replace(sizing, row_upper=upper)
    model = with_pool(room, array_model(room, saving=0.0, whole=False), own)
    fixed = np.concatenate([plan.opened, plan.piles.ravel()]).astype(float)
    demand = np.maximum(sizing.demand_kwh[sizing.point], 1e-12)
    fixed = np.concatenate([fixed, plan.serve / demand])
    model.lower[: len(fixed)] = model.upper[: len(fixed)] = fixed
    answer = solve_arrays(model, gap=0.0, seconds=10.0)
    worth = worth_of(own, room, level)
    assert (worth > 0) == (share > 0)
    assert answer.objective == pytest.approx(energy_of(sizing, plan) + worth, rel=1e-7)


def test_room_is_worth_less_and_less_and_at_last_nothing() -> None:
    sizing, plan, _ = solved()
    own, level = pool(), activity(sizing, plan)
    worth = []
    for bands in range(6):
        upper = sizing.row_upper.copy()
        upper[own.rows[0]] = level[own.rows[0]] + bands * own.band[0]
        worth.append(worth_of(own, replace(sizing, row_upper=upper), level))
    steps = np.diff(worth)
    assert (steps[:3] > 0).all()
    assert (np.diff(steps) <= 1e-9).all()
    assert steps[3:] == pytest.approx(0.0, abs=1e-9)


def test_losses_add_up_to_the_gap() -> None:
    sizing, plan, duals = solved()
    rows = duals["rows"]
    bound = np.where(rows > 0, sizing.row_upper, sizing.row_lower)
    room = np.where(rows != 0, np.where(np.isfinite(bound), bound, 0.0), 0.0)
    room = float(rows @ room - rows @ activity(sizing, plan))
    losses = site_losses(sizing, duals, plan)
    gap = sizing_bound(sizing, duals) - energy_of(sizing, plan)
    assert losses.min() >= 0
    assert float(losses.sum()) + room == pytest.approx(gap, rel=1e-6)


def test_windows_side_by_side_can_both_be_put_back() -> None:
    sizing, plan, _ = solved()
    parts = side_by_side(sizing, plan, windows(sizing))
    assert np.intersect1d(parts[0].points, parts[1].points).size > 0
    whole = plan
    for part, window in zip(
        parts, windows_of(plan, parts, scaled(pool(), 0.0), EFFORT), strict=True
    ):
        found = solve_window(window)
        assert found is not None
        assert energy_of(part.sizing, found) >= energy_of(part.sizing, window.start) * (1 - 1e-6)
        whole = put_back(whole, part, found)
    whole = replace(whole, serve=shaved(sizing, whole.piles, whole.serve))
    assert check_sizing(sizing, whole) == ()
    assert energy_of(sizing, whole) > energy_of(sizing, plan)


def field_of(sizing: Sizing) -> Field:
    every = np.ones(len(sizing.fixed_cny), dtype=bool)
    arcs = np.bincount(sizing.site, minlength=len(every))
    return Field(every, every, neighbours(sizing), arcs)


def traded(helped: bool) -> Siting:  # noqa: FBT001
    """Trade to a fixed energy, with a helper or all in this process."""
    sizing, plan, duals = solved()
    enough = energy_of(sizing, plan) * 1.004
    goal = Goal(1e-9, enough, time.monotonic() + 60.0, 7)
    with crew() as both:
        solve = both if helped else lambda tasks: [solve_window(task) for task in tasks]
        return trade(sizing, plan, field_of(sizing), goal, duals, lambda _: None, solve)


def test_trading_improves_a_plan_and_a_helper_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sizing_trade, "SITES", 14)
    monkeypatch.setattr(sizing_crew, "_processors", lambda: 2)
    sizing, plan, _ = solved()
    alone, helped = traded(helped=False), traded(helped=True)
    assert check_sizing(sizing, alone) == ()
    assert energy_of(sizing, alone) >= energy_of(sizing, plan) * 1.004
    assert (alone.piles == helped.piles).all()
    assert (alone.serve == helped.serve).all()


def tasks() -> list[Window]:
    sizing, plan, _ = solved()
    return windows_of(plan, side_by_side(sizing, plan, windows(sizing)), pool(), EFFORT)


def test_windows_of_a_helper_that_died_are_solved_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizing_crew, "_processors", lambda: 2)
    own = [solve_window(task) for task in tasks()]
    with crew() as solve:
        helper = psutil.Process().children()[-1]
        helper.kill()
        helper.wait(timeout=5.0)
        found = solve(tasks())
    for mine, theirs in zip(own, found, strict=True):
        assert mine is not None
        assert theirs is not None
        assert (mine.piles == theirs.piles).all()


CHILD = """
import sys, time
from siting.core.sizing import crew as sizing_crew
from siting.core.sizing import trade as sizing_trade
sizing_crew._processors = lambda: 2
with sizing_crew.crew():
    import psutil
    print(psutil.Process().children()[-1].pid, flush=True)
    time.sleep(60)
"""


def test_a_helper_ends_with_its_parent() -> None:
    parent = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    helper = psutil.Process(int(parent.stdout.readline()))
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait(timeout=5.0)
    parent.stdout.close()
    psutil.wait_procs([helper], timeout=5.0)
    assert not helper.is_running() or helper.status() == psutil.STATUS_ZOMBIE


def test_the_cheaper_plan_serves_as_much_for_nearly_the_least_money() -> None:
    sizing = CASES.clustered(CASES.Town(14, 40, 4, 3.0, seed=5))
    plan, _, _ = solve_part(sizing, saving=0.0, gap=0.0, seconds=20.0)
    assert plan is not None
    found = cheapest(sizing, plan, seconds=20.0, seed=0)
    assert check_sizing(sizing, found) == ()
    assert energy_of(sizing, found) == pytest.approx(energy_of(sizing, plan), rel=1e-6)
    same = least_cost(sizing, energy_of(sizing, plan) * (1 - 1e-7))
    least, _, kind = solve_part(same, saving=1e-3, gap=1e-3, seconds=60.0)
    assert least is not None
    assert kind == "solved"
    assert cost_of(sizing, found) <= cost_of(sizing, least) * (1 + CLOSE) * (1 + 1e-3)
