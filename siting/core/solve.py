"""
The one front of the core: choose a route, run it in a child, check the answer, state what it is.

Whatever the route, the parent recomputes objective and rows from the programme's own arrays. The
status never comes from a modelling layer: it follows from a checked solution and a proven bound.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from siting.core.handover import FEASIBILITY, flatten, objective_of, split, violation
from siting.core.outcome import Outcome, Status, TracePoint
from siting.core.worker import Report, run_in_child
from siting.errors import SolverError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from siting.core.handover import ArrayModel
    from siting.programme import Programme

    Progress = Callable[[TracePoint], None]

PROVEN = 1e-6
"""Gap at which a solution is called optimal."""
_GRACE_S = 5.0
_GRACE_SHARE = 0.1
_ENDINGS = {
    "deadline": Status.NO_ANSWER,
    "memory": Status.KILLED,
    "interrupted": Status.KILLED,
    "error": Status.CRASHED,
    "crashed": Status.CRASHED,
}


@dataclass(frozen=True, slots=True)
class Limits:
    """
    How hard to try.

    Attributes
    ----------
    gap
        Relative gap to stop at.
    seconds
        Wall time allowed.
    memory_mb
        Resident memory allowed to the solve.
    seed
        Random seed.
    progress
        Called with each progress point, or None.
    """

    gap: float = 0.01
    seconds: float = 60.0
    memory_mb: float = 3000.0
    seed: int = 0
    progress: Progress | None = None

    @property
    def deadline_s(self) -> float:
        """When the child is killed: solvers overrun their own limit a little."""
        return self.seconds + max(_GRACE_S, _GRACE_SHARE * self.seconds)


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What a route hands to the front, before it is checked.

    Attributes
    ----------
    status
        How it ended where `values` is None; otherwise unused.
    values
        Solution by block name, or None.
    objective, bound
        The route's own figures; NaN where there is none.
    route, message
        See `Outcome`.
    load, reductions, certificate, versions
        See `Outcome`.
    """

    status: Status
    values: Mapping[str, npt.NDArray[np.float64]] | None
    objective: float
    bound: float
    route: str
    message: str = ""
    load: float = math.nan
    reductions: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    certificate: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


def solve(
    programme: Programme,
    *,
    gap: float = 0.01,
    seconds: float = 60.0,
    memory_mb: float = 3000.0,
    seed: int = 0,
    progress: Progress | None = None,
) -> Outcome:
    """
    Solve a programme in a child process by the route that suits it.

    Parameters
    ----------
    programme
        The programme; `programme.structure` decides the route, None means HiGHS's branch and bound.
    gap
        Relative gap `abs(bound - objective) / abs(objective)` to stop at.
    seconds
        Wall time allowed. The child is killed 10 % (at least 5 s) later if it has not ended; the
        best solution so far is kept.
    memory_mb
        Resident memory allowed to the child, MB.
    seed
        Same programme, limits not reached and same seed: same answer.
    progress
        Called with incumbent and bound while it runs. Ctrl-C ends the solve; the best so far is
        returned.

    Returns
    -------
    Outcome
        With a solution only if it passed every row.

    Raises
    ------
    SolverError
        Where the programme is malformed, the answer breaks a row, or a bound lies on the wrong side
        of the solution.
    """
    if not seconds > 0 or not memory_mb > 0 or not gap >= 0:
        raise SolverError(
            "limits of a solve have to be positive",
            where=programme.name,
            value=f"gap {gap}, {seconds} s, {memory_mb} MB",
        )
    started = time.monotonic()
    limits = Limits(gap, seconds, memory_mb, seed, progress)
    model = flatten(programme)
    answer, report = _route(programme)(programme, model, limits)
    outcome = _outcome(programme, model, answer, report)
    return replace(outcome, seconds=time.monotonic() - started)


def _route(
    programme: Programme,
) -> Callable[[Programme, ArrayModel, Limits], tuple[Answer, Report]]:
    """Choose the route by the structure that the programme carries."""
    name = type(programme.structure).__name__
    if programme.structure is None:
        return general_route
    if name == "Sizing":
        from siting.core.sizing.route import sizing_route  # noqa: PLC0415

        return sizing_route
    if name == "Covering":
        from siting.core.covering.route import covering_route  # noqa: PLC0415

        return covering_route
    if name == "Connected":
        from siting.core.connected.route import connected_route  # noqa: PLC0415

        return connected_route
    if name == "Building":
        from siting.core.building.route import building_route  # noqa: PLC0415

        return building_route
    raise SolverError("no route for this structure", where=programme.name, value=name)


def general_route(programme: Programme, model: ArrayModel, limits: Limits) -> tuple[Answer, Report]:
    """Solve by HiGHS's branch and bound on the whole programme."""
    from siting.core.highs import HighsAnswer, HighsTask  # noqa: PLC0415

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
        return Answer(_ENDINGS[report.reason], None, math.nan, math.nan, name), report
    assert isinstance(report.answer, tuple)  # noqa: S101
    values, bound = report.answer
    bounds = [point.bound for point in report.trace if math.isfinite(point.bound)]
    bound = bounds[-1] if bounds else bound
    answer = Answer(
        Status.FEASIBLE, split(model.blocks, values), objective_of(model, values), bound, name
    )
    return answer, report


def _from_highs(model: ArrayModel, found: object, route: str) -> Answer:
    from siting.core.highs import HighsAnswer  # noqa: PLC0415

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


def ended(report: Report, route: str) -> Answer:
    """Answer of a child that left none: the status follows from how it ended."""
    return Answer(_ENDINGS[report.reason], None, math.nan, math.nan, route)


def _outcome(programme: Programme, model: ArrayModel, answer: Answer, report: Report) -> Outcome:
    """Check an answer against the programme and state what it is worth."""
    message = "; ".join(part for part in (answer.message, report.message) if part)
    outcome = Outcome(
        status=answer.status,
        objective=math.nan,
        bound=answer.bound,
        gap=math.nan,
        values={},
        seconds=report.seconds,
        route=answer.route,
        load=answer.load,
        reductions=answer.reductions,
        trace=report.trace,
        certificate=answer.certificate,
        versions=answer.versions,
        message=message,
        peak_memory_mb=report.peak_memory_mb,
    )
    if answer.values is None:
        return outcome
    objective = _checked_objective(programme, model, answer)
    bound = _checked_bound(programme, model, objective, answer.bound)
    gap = abs(bound - objective) / max(abs(objective), 1e-9) if math.isfinite(bound) else math.nan
    status = Status.OPTIMAL if gap <= PROVEN else Status.FEASIBLE
    return replace(
        outcome, status=status, objective=objective, bound=bound, gap=gap, values=answer.values
    )


def _checked_objective(programme: Programme, model: ArrayModel, answer: Answer) -> float:
    """Recompute the objective; refuse a solution that breaks a row or misstates its value."""
    assert answer.values is not None  # noqa: S101
    if not len(model.cost):
        return answer.objective
    values = np.concatenate([answer.values[name] for name, _ in model.blocks])
    worst, where = violation(model, values)
    if worst > FEASIBILITY:
        raise SolverError(
            f"the {answer.route} route returned a solution that breaks {where}",
            where=programme.name,
            value=f"{worst:.3g} relative",
            cure="Please report this programme",
        )
    objective = objective_of(model, values)
    if abs(objective - answer.objective) > PROVEN * max(1.0, abs(objective)):
        raise SolverError(
            f"the {answer.route} route misstates its objective {objective!r}",
            where=programme.name,
            value=answer.objective,
            cure="Please report this programme",
        )
    return objective


def _checked_bound(
    programme: Programme, model: ArrayModel, objective: float, bound: float
) -> float:
    """Refuse a bound on the wrong side of the solution; lift one that is off by rounding."""
    if not math.isfinite(bound):
        return math.nan
    beyond = objective - bound if model.maximise else bound - objective
    if beyond > PROVEN * max(1.0, abs(objective)):
        raise SolverError(
            "the solver's bound contradicts its own solution",
            where=programme.name,
            value=f"objective {objective!r}, bound {bound!r}",
            cure="Please report this programme",
        )
    return objective if beyond > 0 else bound
