"""
Covering at size: Cordeau's instances, clustered cities, and New York and the Bronx, beside peers.

`--case city-a --seconds 300` runs one row, by the names of `covering_cases.names`. Instances are
made from a seed; the two real ones are read from a folder given with `--data` (lines of latitude,
longitude and demand; Maximo et al. 2023).
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pulp
from covering_cases import best_known, make, names

from siting.core.covering.bound import improve_dual
from siting.core.covering.problem import as_model, check_opened
from siting.core.covering.search import Schedule, anneal, anneal_fast, greedy, has_fast, tables
from siting.core.highs import solve_arrays
from siting.core.outcome import Outcome, Status
from siting.core.shrink import shrink
from siting.core.solve import solve
from siting.programme import Programme

if TYPE_CHECKING:
    from siting.structures import Covering

RECIPE_TRIAL = 5_000
"""Moves by which the recipe measures its own speed."""


def textbook(covering: Covering) -> Programme:
    """Write a programme that carries nothing but its structure."""
    return Programme("covering", pulp.LpProblem("covering", pulp.LpMaximize), (), (), (),
                     structure=covering)  # fmt: skip


def spopt(covering: Covering, solver: pulp.LpSolver) -> tuple[float, float]:
    """Solve by spopt's MCLP through PuLP; (objective, seconds)."""
    from spopt.locate import MCLP  # noqa: PLC0415

    started = time.perf_counter()
    far = 1.0 - covering.cover.toarray()
    model = MCLP.from_cost_matrix(far, covering.weight, 0.5, p_facilities=int(covering.budget))
    model.solve(solver, results=False)
    return float(model.problem.objective.value()), time.perf_counter() - started


def show_peers(case: str, covering: Covering) -> None:
    """Run spopt with CBC and HiGHS, and HiGHS alone on the plain programme."""
    solvers = {
        "spopt + CBC": pulp.PULP_CBC_CMD(msg=False, threads=1),
        "spopt + HiGHS": pulp.HiGHS(msg=False, threads=1),
    }
    for name, solver in solvers.items():
        objective, seconds = spopt(covering, solver)
        # PuLP tells no bound; these two ran to their end, where objective and bound are one.
        peer = Outcome(Status.OPTIMAL, objective, objective, 0.0, {}, seconds, name)
        show(case, replace(peer, peak_memory_mb=0.0))
    show_plain(case, covering, 120.0)


def show_plain(case: str, covering: Covering, seconds: float) -> None:
    """Run HiGHS on the whole programme as arrays, without shrinking, search or our bound."""
    started = time.perf_counter()
    found = solve_arrays(as_model(covering), gap=1e-6, seconds=seconds)
    spent = time.perf_counter() - started
    gap = abs(found.bound - found.objective) / max(abs(found.objective), 1e-9)
    status = Status.OPTIMAL if found.kind == "solved" else Status.FEASIBLE
    if found.values is None:
        status = Status.NO_ANSWER
    peer = Outcome(status, found.objective, found.bound, gap, {}, spent, "plain HiGHS")
    show(case, replace(peer, peak_memory_mb=0.0))


def show_recipe(case: str, covering: Covering, seconds: float) -> None:
    """
    Run the plain recipe: shrink, anneal for half the time, lower the Lagrangian bound for half.

    No merging, no cuts, no branch and bound. The multipliers come from our own first-order steps
    where the recipe takes them from PDLP; both tend to the bound of the linear relaxation.
    """
    started = time.monotonic()
    shrunk = shrink(covering)
    small = shrunk.covering
    table, walk = tables(small), anneal_fast if has_fast(small) else anneal
    first = greedy(table)
    weight = float(small.weight.sum()) / max(int(first.sum()), 1)
    walk(table, first, Schedule(100, weight, weight, 0))  # compiles
    trial = time.monotonic()
    walk(table, first, Schedule(RECIPE_TRIAL, 0.03 * weight, 0.03 * weight, 0))
    speed = RECIPE_TRIAL / (time.monotonic() - trial)
    moves = max(int(speed * (0.5 * seconds - (time.monotonic() - started))), RECIPE_TRIAL)
    opened = walk(
        table,
        first,
        Schedule(moves, 0.03 * weight, 0.002 * weight, 0),
        deadline=started + 0.6 * seconds,
    )[1]
    objective = check_opened(covering, shrunk.lift(opened))
    dual = improve_dual(small, iterations=10**6, deadline=started + seconds)
    bound = dual.bound + shrunk.offset
    gap = (bound - objective) / max(abs(objective), 1e-9)
    spent = time.monotonic() - started
    peer = Outcome(Status.FEASIBLE, objective, bound, gap, {}, spent, "annealing + LP dual")
    show(case, replace(peer, peak_memory_mb=0.0))


def show(case: str, outcome: Outcome, **more: object) -> None:
    """Print one line of JSON, with the load average of the machine: others may have been on it."""
    own = psutil.Process().memory_info().rss / 2**20
    line = {
        "case": case, "route": outcome.route, "status": str(outcome.status),
        "seconds": round(outcome.seconds, 2), "peak_mb": round(outcome.peak_memory_mb + own),
        "objective": outcome.objective, "bound": outcome.bound, "gap": round(outcome.gap, 6),
        "load": round(outcome.load, 2), "message": outcome.message,
        "load_average": round(os.getloadavg()[0], 1), **more,
    }  # fmt: skip
    print(json.dumps(line), flush=True)


def run(case: str, options: argparse.Namespace) -> None:
    """Run one case, and beside it the peers asked for."""
    covering = make(case, options.data)
    kind = case.partition("-")[0]
    usual = (20.0 if kind == "city" else 15.0) if options.quick else 60.0
    if kind == "city" and not options.quick:
        usual = 120.0
    seconds = options.seconds or usual
    gap = {"cordeau": 0.0, "city": 0.005}.get(kind, 1e-4) if options.gap is None else options.gap
    best = best_known(case)
    if not options.peers_alone:
        before = cpu_seconds()
        outcome = solve(
            textbook(covering),
            gap=gap,
            seconds=seconds,
            seed=options.seed,
            memory_mb=options.memory,
        )
        more = {} if best is None else {"short_of_best": best - outcome.objective}
        show(
            case,
            outcome,
            cpu_s=round(cpu_seconds() - before, 1),
            seed=options.seed,
            reductions=dict(outcome.reductions),
            **more,
        )
    if not (options.peers or options.peers_alone):
        return
    if kind != "cordeau":
        show_recipe(case, covering, seconds)
    if case == "cordeau-10k":
        show_peers(case, covering)
    elif kind == "city":
        show_plain(case, covering, seconds)


def cpu_seconds() -> float:
    """Processor time of this process and of the children that ended, s."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> None:
    """Run the cases; `--quick` in under a minute."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument(
        "--case",
        action="append",
        choices=names(),
        metavar="NAME",
        help=f"one case, again for more; all by default. Cases: {', '.join(names())}",
    )
    parser.add_argument(
        "--peers",
        action="store_true",
        help="the plain recipe too; spopt and HiGHS on cordeau-10k, HiGHS alone on the cities",
    )
    parser.add_argument("--peers-alone", action="store_true", help="the peers without our own row")
    parser.add_argument("--data", type=Path, help="folder of NewYork.txt and Bronx.txt")
    parser.add_argument("--seconds", type=float, help="60 by default, 120 for the cities")
    parser.add_argument("--gap", type=float, help="gap to stop at")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--memory", type=float, default=3000.0, help="MB allowed to a solve")
    options = parser.parse_args()
    chosen = options.case or [
        case for case in names() if options.data or case.startswith(("cordeau", "city"))
    ]
    if options.quick and not options.case:
        quick = ("cordeau-10k", "cordeau-100k", "city-a", "newyork-80", "bronx-80")
        chosen = [case for case in chosen if case in quick]
    for case in chosen:
        run(case, options)


if __name__ == "__main__":
    main()
