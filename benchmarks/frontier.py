"""
Time a budget frontier beside one solve: one JSON object for each point and one for the whole.

    python benchmarks/frontier.py            # Jinan on the sample city, nine budgets
    python benchmarks/frontier.py --quick    # Zibo, three budgets, a short solve
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from siting.charging.budgets import solve_budgets, without_others
from siting.core.solve import solve
from siting.model.model import load_model
from siting.pipeline import prepare


def main() -> None:
    """Solve once at the middle budget from nothing, then the frontier around it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="jinan")
    parser.add_argument("--points", type=int, default=9)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    name, points = ("zibo", 3) if asked.quick else (asked.model, asked.points)
    overrides = {"solve.seconds": 10} if asked.quick else {}
    with tempfile.TemporaryDirectory() as folder:
        ground = prepare(load_model(name, overrides), out=Path(folder), seconds={})
    model = ground.city.model
    budget = model.charging.budget_cny
    assert budget is not None, "the model has a budget"
    limits = model.solve
    begin = time.perf_counter()
    alone = solve(
        ground.charging(without_others(model, budget)), gap=limits.gap, seconds=limits.seconds
    )
    once = time.perf_counter() - begin
    begin = time.perf_counter()
    bought = solve_budgets(ground.charging, model, np.linspace(0.8, 1.4, points) * budget)
    whole = time.perf_counter() - begin
    for point in bought:
        gap = (point.bound_kwh_day - point.served_kwh_day) / point.served_kwh_day
        row = {
            "case": f"{name}, budget {point.budget_cny:,.0f}", "route": point.outcome.route,
            "seconds": round(point.seconds, 2), "objective": point.served_kwh_day,
            "bound": point.bound_kwh_day, "gap": gap, "share": point.share,
        }  # fmt: skip
        print(json.dumps(row))
    served = [point.served_kwh_day for point in bought if point.share >= 1]
    summary = {
        "case": f"{name}, {points} points beside one solve", "route": "frontier",
        "seconds": round(whole, 2), "one_solve_seconds": round(once, 2),
        "times_one_solve": round(whole / once, 2), "one_solve_gap": alone.gap,
        "monotone": served == sorted(served),
    }  # fmt: skip
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
