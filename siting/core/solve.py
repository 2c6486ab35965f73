"""
The one front of the core: choose a route, run it in a child, check the answer, state what it is.

Whatever the route, the parent recomputes objective and rows from the programme's own arrays. The
status never comes from a modelling layer: it follows from a checked solution and a proven bound.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from siting.core.answer import Limits
from siting.core.building.route import building_route
from siting.core.connected.route import connected_route
from siting.core.covering.route import covering_route
from siting.core.general import general_route
from siting.core.handover import FEASIBILITY, flatten, objective_of, violation
from siting.core.outcome import Outcome, Status
from siting.core.sizing.route import sizing_route
from siting.errors import SolverError
from siting.structures import Building, Connected, Covering, Sizing

if TYPE_CHECKING:
    from collections.abc import Callable

    from siting.core.answer import Answer, Progress
    from siting.core.handover import ArrayModel
    from siting.core.worker import Report
    from siting.programme import Programme

    Route = Callable[[Programme, ArrayModel, Limits], tuple[Answer, Report]]

ROUTES: dict[type, Route] = {
    Sizing: sizing_route,
    Covering: covering_route,
    Connected: connected_route,
    Building: building_route,
}
"""Route of each structure."""
PROVEN = 1e-6
"""Gap at which a solution is called optimal."""


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


def _route(programme: Programme) -> Route:
    """Choose the route by the structure that the programme carries."""
    structure = programme.structure
    if structure is None:
        return general_route
    if type(structure) not in ROUTES:
        raise SolverError(
            "no route for this structure", where=programme.name, value=type(structure).__name__
        )
    return ROUTES[type(structure)]


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
