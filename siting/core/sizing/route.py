"""The sizing route of the front: capacitated siting with integer piles, solved in a child."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from siting.core.answer import Answer, Limits, ended
from siting.core.outcome import Status
from siting.core.sizing.part import Siting
from siting.core.sizing.run import SizingResult, tidied
from siting.core.sizing.solve import solve_sizing
from siting.core.worker import Report, run_in_child
from siting.structures import Sizing, some_or_none

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from siting.core.handover import ArrayModel
    from siting.core.worker import Stream
    from siting.programme import Programme

ROUTE = "sizing"
STANDS = "stands"
"""Block of the binaries that say whether a type stands at a site."""


@dataclass(frozen=True, slots=True)
class SizingTask:
    """Payload of a sizing solve: the instance, how hard to try, a plan and multipliers to start."""

    sizing: Sizing
    gap: float
    seconds: float
    seed: int
    start: Siting | None = None
    duals: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)


def solve_task(task: SizingTask, stream: Stream) -> SizingResult:
    """Entry point in the child; leaves each better plan and bound with the parent."""
    return solve_sizing(
        task.sizing,
        gap=task.gap,
        seconds=task.seconds,
        seed=task.seed,
        start=task.start,
        duals=task.duals,
        progress=stream.progress,
        leave=stream.answer,
    )


def _start(programme: Programme, sizing: Sizing) -> Siting | None:
    """Read the start of a programme as a plan; None where it has none for every block."""
    start = programme.start
    if "" not in start or "serve" not in start:
        return None
    sites, types = sizing.allowed.shape
    whole = np.rint(start[""]).astype(np.int64)
    piles = whole[sites:].reshape(sites, types)
    return Siting(whole[:sites] > 0, piles, np.asarray(start["serve"], dtype=np.float64))


def sizing_route(programme: Programme, model: ArrayModel, limits: Limits) -> tuple[Answer, Report]:
    """
    Solve a programme whose structure is a `Sizing`.

    Its PuLP variables are all `open_j`, then `piles_j_k` row by row; the array block `serve`
    follows the arcs, and `stands`, where there is one, the pairs of `structures.some_or_none`.

    Parameters
    ----------
    programme, model, limits
        The programme, the same as arrays, and how hard to try.

    Returns
    -------
    Answer, Report
        The solution by block name, its bound and certificate; how the child ended.
    """
    sizing = programme.structure
    assert isinstance(sizing, Sizing)  # noqa: S101
    report = run_in_child(
        "siting.core.sizing.route:solve_task",
        SizingTask(
            sizing,
            limits.gap,
            limits.seconds,
            limits.seed,
            _start(programme, sizing),
            programme.multipliers,
        ),
        seconds=limits.deadline_s,
        memory_mb=limits.memory_mb,
        progress=limits.progress,
    )
    found = report.answer
    if not isinstance(found, SizingResult):
        return ended(report, ROUTE), report
    bound = found.bound if math.isfinite(found.bound) else math.nan
    message = f"{found.message} (bound by {found.bound_by})"
    if found.status == "infeasible":
        return Answer(Status.INFEASIBLE, None, math.nan, bound, ROUTE, found.message), report
    if found.status != "solved":
        return Answer(Status.NO_ANSWER, None, math.nan, bound, ROUTE, message), report
    if report.reason != "done":
        # What a child leaves on its way isn't tidied.
        plan = tidied(sizing, Siting(found.opened, found.piles, found.serve))
        found = replace(found, opened=plan.opened, piles=plan.piles)
    whole = np.concatenate([found.opened, found.piles.ravel()]).astype(np.float64)
    values = {"": whole, "serve": found.serve}
    if any(name == STANDS for name, _ in model.blocks):
        values[STANDS] = (found.piles.ravel()[some_or_none(sizing)] > 0).astype(np.float64)
    answer = Answer(
        status=Status.FEASIBLE,
        values=values,
        objective=found.objective + model.offset,
        bound=bound + model.offset,
        route=ROUTE,
        message=message,
        certificate=found.duals,
        versions={"numpy": np.__version__},
    )
    return answer, report
