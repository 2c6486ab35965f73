"""The connected route of the front: solve in a child, check, hand over choice and certificate."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order

from siting.core.answer import Answer, Limits, ended
from siting.core.connected.certificate import pack
from siting.core.connected.check import check_connected
from siting.core.connected.selection import ConnectedResult, solve_connected
from siting.core.outcome import Status
from siting.core.worker import Report, Stream, run_in_child
from siting.errors import SolverError
from siting.structures import Connected

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.core.handover import ArrayModel
    from siting.programme import Programme

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]

ROUTE = "connected"
CHOOSE, ARC, TOUCH, ROOT, FLOW = "choose", "arc", "touch", "root", "flow"
"""
Names of the column blocks that the route fills where the programme has them: chosen edges (E,),
forest arcs, tail to head and then head to tail (2 E,), touched nodes and roots (N,), and the number
of nodes beyond each arc (2 E,), which a flow formulation with capacity N sends along it.
"""


@dataclass(frozen=True, slots=True)
class ConnectedTask:
    """Payload of a connected solve: the instance, a start, and how hard to try."""

    connected: Connected
    start: Bools | None
    gap: float
    seconds: float
    seed: int


@dataclass(frozen=True, slots=True)
class Found:
    """A choice and a bound that a child leaves while it works."""

    chosen: Bools
    bound: float


def solve_task(task: ConnectedTask, stream: Stream) -> ConnectedResult:
    """Entry point in the child: solve, streaming choices and bounds."""
    best = [-math.inf]

    def tell(value: float, bound: float, chosen: Bools | None) -> None:
        stream.progress(value, bound)
        if chosen is not None and value > best[0]:
            best[0] = value
            stream.answer(Found(chosen, bound))

    return solve_connected(
        task.connected,
        gap=task.gap,
        seconds=task.seconds,
        seed=task.seed,
        start=task.start,
        progress=tell,
    )


def connected_route(
    programme: Programme, model: ArrayModel, limits: Limits
) -> tuple[Answer, Report]:
    """
    Solve a programme whose structure is a `Connected`.

    Parameters
    ----------
    programme
        The programme; its start, if any, is taken from the `choose` block.
    model
        The programme as arrays; its blocks are filled by name, see `CHOOSE`.
    limits
        How hard to try.

    Returns
    -------
    Answer, Report
        The solution by block name, its bound and certificate; how the child ended.
    """
    connected = programme.structure
    assert isinstance(connected, Connected)  # noqa: S101
    given = programme.start.get(CHOOSE)
    start = None if given is None else np.asarray(given) > 0.5  # noqa: PLR2004
    report = run_in_child(
        "siting.core.connected.route:solve_task",
        ConnectedTask(connected, start, limits.gap, limits.seconds, limits.seed),
        seconds=limits.deadline_s,
        memory_mb=limits.memory_mb,
        progress=limits.progress,
    )
    found = report.answer
    if isinstance(found, Found):
        bounds = [point.bound for point in report.trace if math.isfinite(point.bound)]
        bound = min([found.bound, *bounds])
        return _answer(connected, model, found.chosen, bound, "best until it was ended"), report
    if not isinstance(found, ConnectedResult):
        return ended(report, ROUTE), report
    if found.chosen is None:
        status = Status.INFEASIBLE if found.state == "infeasible" else Status.NO_ANSWER
        return Answer(status, None, math.nan, math.nan, ROUTE, found.message), report
    answer = _answer(connected, model, found.chosen, found.bound, found.message)
    return replace(answer, certificate=pack(found.certificate)), report


def _answer(
    connected: Connected, model: ArrayModel, chosen: Bools, bound: float, message: str
) -> Answer:
    wrong = check_connected(connected, chosen)
    if wrong:
        raise SolverError(
            "the connected route returned a choice that its checker refuses",
            value="; ".join(wrong),
            cure="Please report this programme",
        )
    filled = forest_of(connected, chosen)
    values = {
        name: filled[name] if name in filled else np.zeros(size) for name, size in model.blocks
    }
    if not values:
        values = filled
    return Answer(
        status=Status.FEASIBLE,
        values=values,
        objective=float(connected.prize @ chosen),
        bound=bound,
        route=ROUTE,
        message=message,
    )


def forest_of(connected: Connected, chosen: Bools) -> dict[str, Floats]:
    """
    Orient a feasible choice as a forest from its roots, which proves that it is connected.

    Parameters
    ----------
    connected
        The instance.
    chosen
        A feasible choice, shape (E,).

    Returns
    -------
    dict
        Values by the names of `CHOOSE`.
    """
    edges, nodes = len(connected.tail), connected.nodes
    picked = np.flatnonzero(chosen & (connected.tail != connected.head))
    ends = (
        np.r_[connected.tail[picked], connected.head[picked]],
        np.r_[connected.head[picked], connected.tail[picked]],
    )
    graph = csr_array((np.ones(2 * len(picked)), ends), shape=(nodes, nodes))
    steps = (ends[0] * nodes + ends[1]).tolist()
    arc_at = dict(zip(steps, np.r_[picked, edges + picked].tolist(), strict=True))
    touched = np.zeros(nodes, dtype=bool)
    touched[connected.tail[chosen]] = True
    touched[connected.head[chosen]] = True
    starts = np.r_[connected.anchors, np.flatnonzero(touched)]
    arc, flow, root, seen = np.zeros(2 * edges), np.zeros(2 * edges), np.zeros(nodes), ~touched
    for start in starts[touched[starts]].tolist():
        if seen[start]:
            continue
        root[start] = 1.0
        order, before = breadth_first_order(graph, start)
        seen[order] = True
        beyond = np.ones(nodes)
        for node in order[:0:-1].tolist():
            parent = int(before[node])
            at = arc_at[parent * nodes + node]
            arc[at], flow[at] = 1.0, beyond[node]
            beyond[parent] += beyond[node]
    return {
        CHOOSE: chosen.astype(np.float64),
        ARC: arc,
        TOUCH: touched.astype(np.float64),
        ROOT: root,
        FLOW: flow,
    }
