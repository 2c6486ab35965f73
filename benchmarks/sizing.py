"""
Capacitated siting with integer piles: our route against HiGHS cold on the whole programme.

One JSON object a line; `--quick` for a run under a minute. Every case runs in a child process of
its own, one after another, and every plan is checked row by row before its line is printed.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
from pathlib import Path

from sizing_cases import Town, clustered

from siting.core.highs import solve_arrays
from siting.core.sizing.part import array_model
from siting.core.sizing.solve import check_sizing, sizing_bound, solve_sizing

CASES = {
    "200 x 1,000 x 10": (Town(200, 1000, 10, 0.5), 0.015, 20.0),
    "1,000 x 4,000 x 20": (Town(1000, 4000, 20, 0.5), 0.005, 60.0),
    "2,500 x 12,000 x 12, targets": (
        Town(2500, 12000, 12, 1.1, stations=800, piles=22000, dc_share=0.3), 0.01, 60.0,
    ),
    "5,000 x 20,000 x 20": (Town(5000, 20000, 20, 0.5), 0.01, 300.0),
}  # fmt: skip
"""Instance, gap asked for and seconds allowed."""
QUICK = ("200 x 1,000 x 10", "1,000 x 4,000 x 20")


def run(case: str, route: str) -> dict[str, object]:
    """Solve one case by one route in this process."""
    town, gap, seconds = CASES[case]
    sizing = clustered(town)
    started = time.monotonic()
    if route == "siting":
        result = solve_sizing(sizing, gap=gap, seconds=seconds)
        objective, bound = result.objective, result.bound
        assert result.status == "solved", result.message
        assert check_sizing(sizing, result) == ()  # type: ignore[arg-type]
        assert result.bound_by != "multipliers" or sizing_bound(sizing, result.duals) >= objective
    else:
        answer = solve_arrays(array_model(sizing, saving=0.0), gap=gap, seconds=seconds)
        objective, bound = answer.objective, answer.bound
    took = time.monotonic() - started
    return {
        "case": case,
        "route": route,
        "seconds": round(took, 1),
        "peak_mb": round(_peak_bytes() / 2**20),
        "objective": _number(objective),
        "bound": _number(bound),
        "gap": _number((bound - objective) / objective),
        "gap_asked": gap,
        "seconds_allowed": seconds,
    }


def _peak_bytes() -> int:
    """Largest resident set of this process."""
    import resource  # noqa: PLC0415

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _number(value: float) -> float | None:
    return round(float(value), 6) if math.isfinite(value) else None


def main() -> None:
    """Run the cases, each in a child."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small cases, under a minute")
    parser.add_argument("--case", help="one case by name")
    parser.add_argument("--route", choices=["siting", "highs"], help="one route")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.here:
        print(json.dumps(run(asked.case, asked.route)), flush=True)
        return
    cases = [asked.case] if asked.case else list(QUICK if asked.quick else CASES)
    routes = [asked.route] if asked.route else ["siting"] if asked.quick else ["siting", "highs"]
    for case in cases:
        for route in routes:
            command = [sys.executable, str(Path(__file__)), "--here"]
            subprocess.run([*command, "--case", case, "--route", route], check=True)


if __name__ == "__main__":
    main()
