"""The front's way to capacitated siting: the instance goes to a child, its answer comes back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from siting.core.outcome import Status
from siting.core.solve import Answer, Limits, ended
from siting.core.worker import Report, run_in_child
from siting.errors import SolverError
from siting.structures import Sizing

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.core.handover import ArrayModel
    from siting.core.sizing import SizingResult
    from siting.core.worker import Stream
    from siting.programme import Programme

NAME = "relaxation, rounding and neighbourhood search"


@dataclass(frozen=True, slots=True)
class SizingTask:
    """Payload of a capacitated siting solve."""

    sizing: Sizing
    gap: float
    seconds: float
    seed: int


def solve_task(task: SizingTask, stream: Stream) -> SizingResult:
    """Entry point in the child."""
    from siting.core.sizing import solve_sizing  # noqa: PLC0415

    return solve_sizing(
        task.sizing,
        gap=task.gap,
        seconds=task.seconds,
        seed=task.seed,
        progress=stream.progress,
        leave=stream.answer,
    )


def sizing_route(programme: Programme, model: ArrayModel, limits: Limits) -> tuple[Answer, Report]:
    """
    Solve a programme with a `Sizing` structure.

    Parameters
    ----------
    programme
        Its variables are J openings, then J x K piles; its one column block has an arc each.
    model
        The flattened programme, against which the front checks the answer.
    limits
        How hard to try.

    Returns
    -------
    answer, report
        The answer, and how the child ended.
    """
    sizing = programme.structure
    if not isinstance(sizing, Sizing):
        raise SolverError("the sizing route needs a Sizing", where=programme.name)
    report = run_in_child(
        "siting.core.sizing_route:solve_task",
        SizingTask(sizing, limits.gap, limits.seconds, limits.seed),
        seconds=limits.deadline_s,
        memory_mb=limits.memory_mb,
        progress=limits.progress,
    )
    if report.answer is None:
        return ended(report, NAME), report
    return _answer(report.answer, model), report


def _answer(result: object, model: ArrayModel) -> Answer:
    from siting.core.sizing import SizingResult  # noqa: PLC0415

    if not isinstance(result, SizingResult):
        raise SolverError("the sizing route got an answer of another kind", value=type(result))
    kinds = {"infeasible": Status.INFEASIBLE, "none": Status.NO_ANSWER}
    if result.status in kinds:
        return Answer(
            kinds[result.status], None, math.nan, result.bound, NAME, message=result.message
        )
    flows = [name for name, _ in model.blocks if name]
    values: dict[str, npt.NDArray[np.float64]] = {
        "": np.concatenate([result.opened, result.piles.ravel()]).astype(float),
        flows[0]: result.serve,
    }
    return Answer(
        Status.FEASIBLE,
        values,
        result.objective,
        result.bound,
        f"{NAME}, bound by {result.bound_by}",
        message=result.message,
        certificate=result.duals,
    )
