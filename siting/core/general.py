"""The general route of the front: HiGHS's branch and bound on the whole programme, in a child."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from siting.core.answer import Answer, Limits, ended
from siting.core.handover import objective_of, split
from siting.core.highs import HighsAnswer, HighsTask
from siting.core.outcome import Status
from siting.core.worker import Report, run_in_child

if TYPE_CHECKING:
    from siting.core.handover import ArrayModel
    from siting.programme import Programme


def general_route(programme: Programme, model: ArrayModel, limits: Limits) -> tuple[Answer, Report]:
    """Solve by HiGHS's branch and bound on the whole programme."""
    task = HighsTask(model, limits.gap, limits.seconds, limits.seed)
    report = run_in_child(
        "siting.core.highs:solve_task",
        task,
        seconds=limits.deadline_s,
        memory_mb=limits.memory_mb,
        progress=limits.progress,
    )
    name = f"highs ({programme.name})" if programme.name else "highs"
    if isinstance(report.answer, HighsAnswer):
        return _from_highs(model, report.answer, name), report
    if report.answer is None:
        return ended(report, name), report
    assert isinstance(report.answer, tuple)  # noqa: S101
    values, bound = report.answer
    bounds = [point.bound for point in report.trace if math.isfinite(point.bound)]
    bound = bounds[-1] if bounds else bound
    answer = Answer(
        Status.FEASIBLE, split(model.blocks, values), objective_of(model, values), bound, name
    )
    return answer, report


def _from_highs(model: ArrayModel, found: object, route: str) -> Answer:
    assert isinstance(found, HighsAnswer)  # noqa: S101
    status = {
        "infeasible": Status.INFEASIBLE,
        "unbounded": Status.UNBOUNDED,
        "failed": Status.CRASHED,
    }.get(found.kind, Status.NO_ANSWER)
    values = None if found.values is None else split(model.blocks, found.values)
    return Answer(
        status,
        values,
        found.objective,
        found.bound,
        route,
        message=found.message,
        versions={"highs": found.version},
    )
