"""
Connected selection: HiGHS's branch and bound on few edges, connected by rows added between solves.

Only the edges are integer: where they are, the connection rows already say that every touched node
hangs on a root. A solution that breaks one gets the rows it breaks, and the programme is solved
again, so a solution that comes back unbroken is one of the whole formulation.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import highspy
import numpy as np
from scipy.sparse import csr_array

from siting.core.connected.check import Duals, check_connected, parts_of
from siting.core.connected.master import (
    Layout,
    Part,
    Pool,
    Solved,
    add_rows,
    empty_pool,
    part_of,
    passed,
)
from siting.core.connected.relax import cut_rows

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.structures import Connected

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]

_FEASIBLE = 2


@dataclass(frozen=True, slots=True)
class Exact:
    """
    What a branch and bound came to.

    Attributes
    ----------
    chosen
        Best feasible choice, shape (E,), or None.
    bound
        HiGHS's bound over the edges that took part, `-inf` where nothing is feasible, `inf` where
        the time was up before any.
    """

    chosen: Bools | None
    bound: float


def branch(
    part: Part,
    pool: Pool,
    active: Bools,
    *,
    start: Bools | None,
    gap: float,
    seconds: float,
    nodes: int = 2**31 - 1,
    seed: int = 0,
) -> Exact:
    """
    Solve to optimality on the active edges of one part of the search space.

    Parameters
    ----------
    part, pool, active
        Part of the search space, connection rows to begin with, edges that take part (E,).
    start
        A feasible choice, or None.
    gap, seconds, nodes, seed
        Relative gap, time limit, limit on nodes of each tree, random seed.
    """
    connected = part.connected
    until = time.monotonic() + seconds
    best, bound = start, math.inf
    active = active | connected.forced
    if start is not None:
        active = active | start
    if not active.any():
        nothing = np.zeros(len(active), dtype=bool)
        wrong = check_connected(connected, nothing)
        return Exact(None, -math.inf) if wrong else Exact(nothing, 0.0)
    while (left := until - time.monotonic()) > 0:
        highs, layout = passed(part, pool, active, integer=True)
        for name, value in (
            ("time_limit", left),
            ("mip_rel_gap", gap),
            ("mip_abs_gap", 1e-9),
            ("mip_max_nodes", nodes),
            ("random_seed", seed % (2**31 - 1)),
            ("mip_feasibility_tolerance", 1e-7),
        ):
            highs.setOptionValue(name, value)
        solved, found = _run(highs, part, layout, best)
        bound = min(bound, found)
        if solved is None:
            break
        chosen = solved.edge > 0.5  # noqa: PLR2004
        levels: list[Floats] = []
        if not check_connected(connected, chosen):
            if best is None or connected.prize @ chosen > connected.prize @ best:
                best = chosen
        else:
            levels, targets = _broken(part, solved, chosen, until)
        if not levels:
            break
        pool = add_rows(part, pool, levels, targets)
    return Exact(best, bound if best is None else max(bound, float(connected.prize @ best)))


def _run(
    highs: highspy.Highs, part: Part, layout: Layout, best: Bools | None
) -> tuple[Solved | None, float]:
    """Run HiGHS once: its solution, if it has one, and its bound."""
    if best is not None:
        index = np.arange(len(layout.edge), dtype=np.int32)
        highs.setSolution(len(index), index, best[layout.edge].astype(float))
    highs.run()
    status, names = highs.getModelStatus(), highspy.HighsModelStatus
    if status in (names.kInfeasible, names.kUnboundedOrInfeasible):
        return None, -math.inf
    info = highs.getInfo()
    bound = -float(info.mip_dual_bound)
    if not abs(bound) < highspy.kHighsInf:
        bound = math.inf
    values = np.array(highs.getSolution().col_value)
    if info.primal_solution_status != _FEASIBLE or len(values) != len(layout.column):
        return None, bound
    return _solved(part, layout, values), bound


def _solved(part: Part, layout: Layout, values: Floats) -> Solved:
    """Put a solution on the whole graph, with whole edges and without multipliers."""
    connected = part.connected
    edges, a, b = len(connected.tail), len(layout.edge), len(layout.root)
    x, y, arc = np.zeros(edges), np.zeros(connected.nodes), np.zeros(len(part.arcs.source))
    x[layout.edge] = np.rint(values[:a])
    arc[layout.edge] = values[a : 2 * a]
    arc[edges + layout.edge] = values[2 * a : 3 * a]
    arc[2 * edges + layout.root] = values[3 * a : 3 * a + b]
    y[layout.node] = values[3 * a + b :]
    nothing, whole = np.zeros(0), np.zeros(0, dtype=np.int64)
    none = csr_array((0, connected.nodes))
    empty = Duals(nothing, nothing, nothing, 0.0, nothing, none, whole, nothing)
    return Solved(x, arc, y, empty, nothing, "optimal")


def _broken(
    part: Part, solved: Solved, chosen: Bools, until: float
) -> tuple[list[Floats], list[int]]:
    """Cut rows that an integer but unconnected choice breaks: its own parts first, then flows."""
    connected = part.connected
    edges = len(connected.tail)
    count, label = parts_of(connected, chosen)
    given = np.zeros(connected.nodes)
    given[part.arcs.root] = solved.arc[2 * edges :]
    supply = np.bincount(label[label >= 0], given[label >= 0], count)
    levels: list[Floats] = []
    targets: list[int] = []
    for loose in np.flatnonzero(supply < 1 - 1e-6).tolist():
        inside = label == loose
        levels.append(inside.astype(float))
        targets.append(int(np.flatnonzero(inside)[0]))
    more = cut_rows(part, replace(solved, node=(label >= 0).astype(float)), until=until, most=60)
    return levels + more[0], targets + more[1]


def exact(
    connected: Connected, *, start: Bools | None = None, gap: float = 0.0, seconds: float = 60.0
) -> Exact:
    """
    Solve a small instance to optimality with all its edges and any root.

    Parameters
    ----------
    connected
        The instance.
    start
        A feasible choice, or None.
    gap, seconds
        Relative gap and time limit.
    """
    part = part_of(connected, np.zeros(connected.nodes, dtype=np.int64), 0)
    return branch(part, empty_pool(part), part.usable, start=start, gap=gap, seconds=seconds)
