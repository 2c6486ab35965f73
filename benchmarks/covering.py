"""
Covering at size: Cordeau's instances, clustered cities, and New York and the Bronx, beside peers.

Instances are made from a seed; the two real ones are read from a folder given with `--data` (lines
of latitude, longitude and demand; Maximo et al. 2023).
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pulp
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from siting.core.covering.bound import improve_dual
from siting.core.covering.problem import as_model, check_opened, plain_covering
from siting.core.covering.search import Schedule, anneal, anneal_fast, greedy, has_fast, tables
from siting.core.highs import solve_arrays
from siting.core.outcome import Outcome, Status
from siting.core.shrink import shrink
from siting.core.solve import solve
from siting.programme import Programme

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.structures import Covering

EARTH_M = 6_378_100.0
BEST = {
    "NewYork": {
        50: 1153640, 60: 1288174, 70: 1396333, 80: 1481434, 90: 1539992, 100: 1574256,
    },
    "Bronx": {
        50: 1205051, 60: 1290635, 70: 1348232, 80: 1376061, 90: 1384376, 100: 1385099,
    },
}  # fmt: skip
"""Best known values (Maximo, Cordeau and Nascimento 2023)."""
RECIPE_TRIAL = 5_000
"""Moves by which the recipe measures its own speed."""
RADIUS_M = {"NewYork": 400.0, "Bronx": 600.0}


def pattern_of(neighbours: list[list[int]], sites: int) -> csr_array:
    """Make a CSR pattern of lists of sites, one a row."""
    ends = np.cumsum([0, *(len(row) for row in neighbours)])
    parts = [np.sort(np.asarray(row, dtype=np.int32)) for row in neighbours if row]
    indices = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32)
    return csr_array(
        (np.ones(len(indices), dtype=np.int8), indices, ends), shape=(len(neighbours), sites)
    )


def cordeau(customers: int, *, radius: float = 5.75, open_sites: int = 10) -> Covering:
    """Make 100 sites and customers uniform on a 30 x 30 square (Cordeau et al. 2019)."""
    rng = np.random.default_rng(1)
    site, demand = rng.uniform(0, 30, (100, 2)), rng.uniform(0, 30, (customers, 2))
    weight = rng.integers(1, 101, customers).astype(float)
    sizes, indices = [], []
    for first in range(0, customers, 100_000):
        gaps = demand[first : first + 100_000, None] - site
        near = (gaps**2).sum(axis=2) <= radius**2
        sizes.append(near.sum(axis=1))
        indices.append(np.nonzero(near)[1].astype(np.int32))
    ends = np.concatenate([[0], np.cumsum(np.concatenate(sizes))])
    places = np.concatenate(indices)
    cover = csr_array((np.ones(len(places), dtype=np.int8), places, ends), shape=(customers, 100))
    return plain_covering(cover, weight, open_sites)


def city(sites: int, rows: int, open_sites: int, mean_cover: float) -> Covering:
    """Make sites and demand in 30 normal clusters plus a quarter uniform on 60 x 60 km."""
    rng = np.random.default_rng(1)
    centres = rng.uniform(0, 60, (30, 2))

    def points(count: int) -> npt.NDArray[np.float64]:
        alone = count // 4
        at = centres[rng.integers(0, 30, count - alone)]
        clustered = at + rng.normal(size=(count - alone, 2)) * 5.0
        return np.vstack([clustered, rng.uniform(0, 60, (alone, 2))])

    site, demand = cKDTree(points(sites)), cKDTree(points(rows))
    weight = rng.integers(1, 54, rows).astype(float)
    low, high = 0.01, 20.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        more = demand.count_neighbors(site, middle) / rows > mean_cover
        low, high = (low, middle) if more else (middle, high)
    near = demand.query_ball_tree(site, low)
    return plain_covering(pattern_of(near, sites), weight, open_sites)


def real(folder: Path, name: str, open_sites: int) -> Covering:
    """Read a real instance; every node is a site."""
    lines = (folder / f"{name}.txt").read_text().split("\n")
    count = int(lines[3].split()[-1])
    degrees = np.array([line.split()[:2] for line in lines[5 : 5 + count]], dtype=float)
    weight = np.array(lines[6 + count : 6 + 2 * count], dtype=float)
    lat, lon = np.radians(degrees).T
    flat = np.cos(lat)
    xyz = EARTH_M * np.column_stack([flat * np.cos(lon), flat * np.sin(lon), np.sin(lat)])
    chord = 2 * EARTH_M * np.sin(RADIUS_M[name] / (2 * EARTH_M))
    near = cKDTree(xyz).query_ball_point(xyz, chord).tolist()
    return plain_covering(pattern_of(near, count), weight, open_sites)


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


def main() -> None:
    """Run the cases; `--quick` in under a minute."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument(
        "--peers", action="store_true", help="the plain recipe too; spopt and HiGHS on the smallest"
    )
    parser.add_argument("--data", type=Path, help="folder of NewYork.txt and Bronx.txt")
    parser.add_argument("--seconds", type=float, default=120.0, help="for the cities")
    options = parser.parse_args()
    for customers in (10_000, 100_000) if options.quick else (10_000, 100_000, 10**6, 10**7):
        covering = cordeau(customers)
        show(f"cordeau {customers}", solve(textbook(covering), gap=0.0, seconds=60))
        if options.peers and customers == 10_000:  # noqa: PLR2004
            show_peers(f"cordeau {customers}", covering)
        del covering
    sizes = [(2_000, 50_000, 100, 20.0), (10_000, 200_000, 800, 10.0), (5_000, 100_000, 200, 20.0)]
    for sites, rows, count, mean in sizes[:1] if options.quick else sizes:
        seconds = 20.0 if options.quick else options.seconds
        made = city(sites, rows, count, mean)
        show(f"city {sites} x {rows} p {count}", solve(textbook(made), gap=0.005, seconds=seconds))
        if options.peers:
            show_recipe(f"city {sites} x {rows} p {count}", made, seconds)
        if options.peers and sites == sizes[0][0]:
            show_plain(f"city {sites} x {rows} p {count}", made, seconds)
    for name, best in BEST.items() if options.data else ():
        for count in (80,) if options.quick else best:
            seconds = 15.0 if options.quick else 60.0
            made = real(options.data, name, count)
            outcome = solve(textbook(made), gap=1e-4, seconds=seconds)
            show(f"{name} p {count}", outcome, best_known=best[count])
            if options.peers:
                show_recipe(f"{name} p {count}", made, seconds)


if __name__ == "__main__":
    main()
