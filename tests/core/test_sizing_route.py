"""The sizing route gives its best plan back when it is interrupted, killed or out of time."""

from __future__ import annotations

import os
import signal
import sys
import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pulp
import pytest

from siting.core.outcome import Outcome, Status, TracePoint
from siting.core.sizing.route import SizingTask
from siting.core.sizing.search import cost_of
from siting.core.sizing.solve import Siting, check_sizing, sizing_bound
from siting.core.sizing.tidy import tidy
from siting.core.solve import solve
from siting.core.worker import run_in_child
from siting.programme import Programme

if TYPE_CHECKING:
    from siting.structures import Sizing

PATH = Path(__file__).parents[2] / "benchmarks" / "sizing_cases.py"
SPEC = spec_from_file_location("sizing_cases_of_route", PATH)
assert SPEC is not None
assert SPEC.loader is not None
CASES = module_from_spec(SPEC)
sys.modules["sizing_cases_of_route"] = CASES
SPEC.loader.exec_module(CASES)


def town(sites: int, cells: int) -> Sizing:
    return CASES.clustered(CASES.Town(sites, cells, 8, budget_share=0.5, seed=4))


def programme_of(sizing: Sizing) -> Programme:
    problem = pulp.LpProblem("town", pulp.LpMaximize)
    return Programme("town", problem, (), (), (), structure=sizing)


def plan_of(sizing: Sizing, values: dict[str, np.ndarray]) -> Siting:
    sites, types = sizing.allowed.shape
    whole = values[""]
    piles = whole[sites:].reshape(sites, types)
    return Siting(whole[:sites] > 0.5, piles.astype(np.int64), values["serve"])


def served(sizing: Sizing, plan: Siting) -> float:
    return float(sizing.weight[sizing.point] @ plan.serve)


def interrupted(sizing: Sizing, wait: float) -> tuple[Outcome, float]:
    """Press Ctrl-C some seconds after the first plan; the outcome and how long it took to come."""
    first: list[float] = []
    pressed: list[float] = []

    def press(point: TracePoint) -> None:
        if point.objective > 0:
            first.append(time.monotonic())
        if first and not pressed and time.monotonic() - first[0] >= wait:
            pressed.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)

    outcome = solve(programme_of(sizing), gap=0.0, seconds=40, progress=press)
    return outcome, time.monotonic() - pressed[0]


@pytest.mark.parametrize(("sites", "cells", "wait"), [(60, 300, 0.0), (250, 1200, 0.5)])
def test_ctrl_c_gives_a_feasible_plan_with_its_bound_within_a_second(
    sites: int, cells: int, wait: float
) -> None:
    sizing = town(sites, cells)
    # A busy machine may hold one of them up.
    for _ in range(3):
        outcome, seconds = interrupted(sizing, wait)
        if seconds < 1.0:
            break
    assert seconds < 1.0
    assert outcome.status == Status.FEASIBLE
    assert "interrupted" in outcome.message
    plan = plan_of(sizing, dict(outcome.values))
    assert check_sizing(sizing, plan) == ()
    assert outcome.objective == pytest.approx(served(sizing, plan))
    assert outcome.objective <= outcome.bound
    assert cost_of(sizing, tidy(sizing, plan)) == pytest.approx(cost_of(sizing, plan))
    if "multipliers" in outcome.message:
        assert sizing_bound(sizing, outcome.certificate) == pytest.approx(outcome.bound)


def test_a_deadline_in_mid_solve_keeps_the_best_plan() -> None:
    sizing = town(120, 600)
    task = SizingTask(sizing, 0.0, 60.0, 0)
    report = run_in_child(
        "siting.core.sizing.route:solve_task", task, seconds=5.0, memory_mb=3000.0
    )
    assert report.reason == "deadline"
    found = report.answer
    assert found.status == "solved"
    assert check_sizing(sizing, found) == ()
    assert found.objective <= found.bound
