"""
Time a budget frontier beside one solve: one JSON object for each point and one for the whole.

    python benchmarks/frontier.py                      # Jinan on the sample city, nine totals
    python benchmarks/frontier.py --model zibo         # Zibo, nine totals
    python benchmarks/frontier.py --of charging        # budgets of charging alone
    python benchmarks/frontier.py --quick              # Zibo, three totals, a short solve

Both start from the same prepared ground. CPU seconds count this process and its solvers: wall
time says little on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from siting.charging.budgets import solve_budgets, without_others
from siting.core.solve import solve
from siting.frontier.joint import joint_points
from siting.frontier.points import frontier_points
from siting.joint.money import taken_by
from siting.joint.solving import plan_others, saves_on_roads, solve_all
from siting.joint.totals import solve_totals
from siting.model.model import load_model
from siting.pipeline import prepare, put_together

if TYPE_CHECKING:
    from collections.abc import Callable

    from siting.frontier.points import FrontierPoint
    from siting.ground import Ground


def main() -> None:
    """Plan once at the middle budget from nothing, then the frontier around it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="jinan")
    parser.add_argument("--points", type=int, default=9)
    parser.add_argument("--low", type=float, default=0.85, help="of the model's budget")
    parser.add_argument("--high", type=float, default=1.25, help="of the model's budget")
    parser.add_argument("--of", choices=("total", "charging"), default="total")
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    name, points = ("zibo", 3) if asked.quick else (asked.model, asked.points)
    overrides = {"solve.seconds": 10} if asked.quick else {}
    with tempfile.TemporaryDirectory() as folder:
        ground = prepare(load_model(name, overrides), out=Path(folder), seconds={})
    shares = np.linspace(asked.low, asked.high, points)
    once, trace = (_total_once, _totals) if asked.of == "total" else (_charging_once, _budgets)
    alone = _timed(lambda: once(ground))
    whole = _timed(lambda: trace(ground, shares))
    found: tuple[FrontierPoint, ...] = whole["result"]
    for point in found:
        row = {
            "case": f"{name}, {asked.of} {point.budget_cny:,.0f}", "route": "frontier",
            "seconds": round(point.seconds, 2), "objective": point.served_kwh_day,
            "bound": point.bound_kwh_day, "gap": point.gap, "share": point.share,
            "status": point.status, "limited_by": point.limited_by,
        }  # fmt: skip
        print(json.dumps(row))
    served = [point.served_kwh_day for point in found if point.share >= 1]
    summary = {
        "case": f"{name}, {points} points beside one solve", "route": "frontier",
        "seconds": whole["seconds"], "one_solve_seconds": alone["seconds"],
        "cpu_seconds": whole["cpu"], "one_solve_cpu_seconds": alone["cpu"],
        "times_one_solve": round(whole["seconds"] / alone["seconds"], 2),
        "times_one_solve_cpu": round(whole["cpu"] / alone["cpu"], 2),
        "one_solve_gap": alone["result"], "monotone": served == sorted(served),
    }  # fmt: skip
    print(json.dumps(summary))


def _timed(run: Callable[[], object]) -> dict[str, object]:
    """Run, and return the result with wall and CPU seconds, those of ended solvers with them."""
    begin, cpu = time.perf_counter(), _cpu()
    result = run()
    seconds = time.perf_counter() - begin
    return {"result": result, "seconds": round(seconds, 2), "cpu": round(_cpu() - cpu, 2)}


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _total_once(ground: Ground) -> float:
    """Plan all programmes once; return the joint gap."""
    return float(put_together(ground, solve_all(ground), {}).run["joint"]["gap"])


def _totals(ground: Ground, shares: np.ndarray) -> tuple[FrontierPoint, ...]:
    model = ground.city.model
    assert model.budget is not None, "the model has a budget"
    assert model.budget.total_cny is not None, "the budget has a total"
    others = plan_others(ground, thrifty=saves_on_roads(model))
    taken = taken_by(others.hydrogen, others.roadside, others.testroads)
    totals = list(shares * model.budget.total_cny)
    return joint_points(ground, others, solve_totals(ground.charging, model, taken, totals))


def _charging_once(ground: Ground) -> float:
    model, limits = ground.city.model, ground.city.model.solve
    asked = without_others(model, model.charging.budget_cny)
    return solve(ground.charging(asked), gap=limits.gap, seconds=limits.seconds).gap


def _budgets(ground: Ground, shares: np.ndarray) -> tuple[FrontierPoint, ...]:
    model, budget = ground.city.model, ground.city.model.charging.budget_cny
    assert budget is not None, "charging has a budget"
    return frontier_points(ground, solve_budgets(ground.charging, model, list(shares * budget)))


if __name__ == "__main__":
    main()
