"""
Connected selection: our route beside HiGHS on the flow formulation, and prize-collecting trees.

    python benchmarks/connected.py                      # all street-like cases
    python benchmarks/connected.py --quick              # the smallest, under a minute
    python benchmarks/connected.py --roads FILE         # a real city too (OSM extract)
    python benchmarks/connected.py --pcst PYTHON        # interpreter with pcst_fast, for that peer

One JSON object a line. Every choice is checked by graph search and every bound recomputed from its
certificate before its line is printed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import highspy
import numpy as np
import psutil
from connected_cases import corridors, streets
from scipy.sparse import coo_array, csr_array

from siting.core.connected.check import check_connected, connected_bound
from siting.core.connected.selection import solve_connected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from siting.structures import Connected

CASES = {
    "1,925 edges, hotspots": (1925, "hotspots", 60.0),
    "1,925 edges, anchored": (1925, "anchored", 60.0),
    "1,925 edges, alike": (1925, "alike", 60.0),
    "7,852 edges, hotspots": (7852, "hotspots", 120.0),
    "7,852 edges, anchored": (7852, "anchored", 120.0),
    "7,852 edges, alike": (7852, "alike", 120.0),
}
QUICK = ("1,925 edges, hotspots", "1,925 edges, anchored")
MARKS = (0.05, 0.04, 0.02, 0.01, 0.005)
"""Gaps whose times are reported."""


def ours(connected: Connected, gap: float, seconds: float, seed: int) -> dict[str, object]:
    """Solve by our route, and check what comes back."""
    started = time.perf_counter()
    found = solve_connected(connected, gap=gap, seconds=seconds, seed=seed)
    spent = time.perf_counter() - started
    assert found.chosen is not None
    assert not check_connected(connected, found.chosen)
    assert connected_bound(connected, found.certificate) == found.certified
    reached = {}
    for mark in MARKS:
        times = [p.seconds for p in found.trace if p.bound - p.objective <= mark * p.objective]
        if times:
            reached[f"{mark:.1%}"] = round(times[0], 1)
    return {
        "route": "ours",
        "seconds": round(spent, 1),
        "objective": found.objective,
        "bound": found.bound,
        "gap": round(found.gap, 5),
        "certified": found.certified,
        "seconds_to_gap": reached,
        "seed": seed,
    }


def flow(connected: Connected, seconds: float) -> dict[str, object]:
    """Solve the single-commodity flow formulation with HiGHS cold; capacity is the node count."""
    edges, nodes = len(connected.tail), connected.nodes
    tail = np.r_[connected.tail, connected.head]
    head = np.r_[connected.head, connected.tail]
    roots = connected.anchors if len(connected.anchors) else np.arange(nodes)
    b, arc = len(roots), np.arange(2 * edges)
    x, f, y = np.arange(edges), edges + arc, 3 * edges + np.arange(nodes)
    r, s = y[-1] + 1 + np.arange(b), y[-1] + 1 + b + np.arange(b)
    entries: list[tuple[np.ndarray, np.ndarray, float | np.ndarray]] = []
    count = 0

    def block(rows: int, *parts: tuple[np.ndarray, np.ndarray, float | np.ndarray]) -> None:
        nonlocal count
        entries.extend((row + count, column, value) for row, column, value in parts)
        count += rows

    block(2 * edges, (arc, f, 1.0), (arc, np.tile(x, 2), -float(nodes)))
    for ends in (connected.tail, connected.head):
        block(edges, (x, x, 1.0), (x, y[ends], -1.0))
    here, one = np.arange(nodes), np.arange(b)
    block(nodes, (head, f, 1.0), (tail, f, -1.0), (here, y, -1.0), (roots, s, 1.0))
    block(b, (one, s, 1.0), (one, r, -float(nodes)))
    zero = np.zeros(b, dtype=np.int64)
    block(1, (zero, r, 1.0))
    block(1, (np.zeros(edges, dtype=np.int64), x, connected.length_m))
    flat = [
        np.concatenate(
            [np.broadcast_to(part, len(entry[0])) for entry in entries for part in [entry[k]]]
        )
        for k in range(3)
    ]
    columns = int(s[-1]) + 1
    matrix = csr_array(coo_array((flat[2].astype(float), (flat[0], flat[1])), (count, columns)))
    slack = count - nodes - b - 2
    lower = np.r_[np.full(slack, -np.inf), np.zeros(nodes), np.full(b + 1, -np.inf)]
    upper = np.r_[np.zeros(slack + nodes + b), connected.components, connected.most_m]
    cost = np.zeros(columns)
    cost[:edges] = connected.prize
    most = np.ones(columns)
    most[f], most[s] = nodes, nodes
    whole = np.zeros(columns, dtype=np.int32)
    whole[np.r_[x, r]] = 1
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("time_limit", seconds)
    highs.passModel(
        columns, count, matrix.nnz, 2, -1, 0.0, cost, np.zeros(columns), most,
        lower, np.r_[upper], matrix.indptr[:-1].astype(np.int32),
        matrix.indices.astype(np.int32), matrix.data, whole,
    )  # fmt: skip
    highs.changeRowBounds(count - 1, connected.least_m, connected.most_m)
    started = time.perf_counter()
    highs.run()
    info = highs.getInfo()
    value = float(info.objective_function_value)
    known = info.primal_solution_status == 2 and abs(value) < highspy.kHighsInf  # noqa: PLR2004
    bound = float(info.mip_dual_bound)
    return {
        "route": "HiGHS, flow",
        "seconds": round(time.perf_counter() - started, 1),
        "objective": value if known else None,
        "bound": bound,
        "gap": round((bound - value) / value, 5) if known and value > 0 else None,
    }


def pcst(connected: Connected, python: str) -> dict[str, object]:
    """Run the peer in its own interpreter; it knows neither anchors nor parts."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "case.npz"
        np.savez(
            file, nodes=connected.nodes, tail=connected.tail, head=connected.head,
            length=connected.length_m, prize=connected.prize, most=connected.most_m,
        )  # fmt: skip
        script = Path(__file__).with_name("connected_pcst.py")
        ended = subprocess.run(
            [python, script, file], check=True, capture_output=True, text=True, timeout=600
        )
    return {"route": "pcst_fast + growth", **json.loads(ended.stdout)}


def cases(asked: argparse.Namespace) -> Iterator[tuple[str, Connected, float]]:
    """Name, instance and seconds of each case."""
    for name in QUICK if asked.quick else CASES:
        if asked.only in name:
            edges, kind, seconds = CASES[name]
            yield name, streets(edges, kind), 20.0 if asked.quick else seconds
    if asked.roads:
        city = corridors(asked.roads)
        yield f"{asked.roads.name}, {len(city.tail):,} corridors, 1,000 km", city, 120.0


def main() -> None:
    """Run the cases by each route."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--roads", type=Path)
    parser.add_argument("--pcst", help="interpreter that has pcst_fast")
    parser.add_argument("--no-highs", action="store_true", help="leave the flow formulation out")
    parser.add_argument("--gap", type=float, default=0.002)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    for name, connected, seconds in cases(asked):
        lines = [lambda c=connected, s=seconds: ours(c, asked.gap, s, asked.seed)]
        if asked.pcst and not len(connected.anchors):
            lines.append(lambda c=connected: pcst(c, asked.pcst))
        if not asked.no_highs:
            lines.append(lambda c=connected, s=seconds: flow(c, s))
        for line in lines:
            result = {"case": name, **line()}
            result["peak_mb"] = round(psutil.Process().memory_info().rss / 2**20)
            print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
