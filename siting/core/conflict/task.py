"""The analysis of one instance in a child process, with what it has so far left behind."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from siting.core.conflict.analyse import Analysis, analyse
from siting.core.conflict.building import BuildingWeigher, KnownPlan
from siting.core.conflict.elastic import Elastic
from siting.core.conflict.rows import RowsWeigher
from siting.core.conflict.sizing import SizingWeigher
from siting.core.worker import run_in_child
from siting.errors import SolverError
from siting.structures import Building, Sizing

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.core.conflict.analyse import Parts, Weigh
    from siting.core.conflict.elastic import Ask, Weighed
    from siting.core.conflict.locks import SiteLock
    from siting.core.worker import Stream

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

QUESTIONS = 60
"""Questions' worth of time after which an analysis is ended; what it has by then is kept."""


@dataclass(frozen=True, slots=True)
class Case:
    """
    An instance to be analysed.

    Attributes
    ----------
    parts
        What its parts are.
    instance
        Rows with their parts, a `Sizing` with `part` and `size` of its global rows, or a `Building`
        with the parts of `conflict.building`.
    part, size
        As for `conflict.sizing.sizing_elastic`; read with a `Sizing`.
    plans
        Columns of known plans; read with rows.
    locks
        Locks, which a `Sizing` or a `Building` is without; their parts come last.
    most_cny
        A larger limit of the budget: bounds are asked with it, plans with that of the instance.
        None where the two are one.
    known
        A plan from a solve of all parts; read with a `Building`.
    """

    parts: Parts
    instance: Elastic | Sizing | Building
    part: Ints | None = None
    size: Floats | None = None
    plans: tuple[Floats, ...] = field(default=())
    locks: tuple[SiteLock, ...] = ()
    most_cny: float | None = None
    known: KnownPlan | None = None


@dataclass(frozen=True, slots=True)
class AnalysisTask:
    """Payload: the case, wall time of a question, random seed."""

    case: Case
    seconds: float
    seed: int


def weigher(case: Case, seconds: float, seed: int) -> tuple[Weigh, bool]:
    """Choose what answers questions on a case, and whether steps of the filter may branch."""
    if case.most_cny is not None:
        wide = replace(with_money(case, case.most_cny), most_cny=None)
        low, _ = weigher(wide, seconds, seed)
        high, trees = weigher(replace(case, most_cny=None), seconds, seed)
        return TwoSided(low, high, case.parts.budget), trees
    instance = case.instance
    if isinstance(instance, Elastic):
        return RowsWeigher(instance, seconds, seed, list(case.plans)), True
    if isinstance(instance, Building):
        return BuildingWeigher(instance, seconds, seed, case.locks, case.known), True
    assert case.part is not None  # noqa: S101
    assert case.size is not None  # noqa: S101
    found = SizingWeigher(instance, case.part, case.size, seconds, seed, case.locks)
    return found, found.small


@dataclass(frozen=True, slots=True)
class TwoSided:
    """
    Answers with the bound of one instance and the plan of another.

    Attributes
    ----------
    low, high
        Answer for an instance whose budget is the most that it could be, and the least that it is.
    budget
        The part of the budget; how much it takes in all is the same for both.
    """

    low: Weigh
    high: Weigh
    budget: int

    def __call__(self, ask: Ask) -> Weighed:
        """Answer one question."""
        if ask.from_zero == self.budget or ask.price[self.budget] == 0:
            return self.high(ask)
        bound = self.low(replace(ask, plan=False))
        if not ask.plan or np.isinf(bound.low):
            return bound
        found = self.high(ask)
        return replace(
            found,
            low=min(bound.low, found.high),
            proof=bound.proof,
            multiplier=bound.multiplier,
            leans=bound.leans,
        )


def with_money(case: Case, budget_cny: float) -> Case:
    """
    Return a case with another limit of its budget.

    Parameters
    ----------
    case
        A case with a budget.
    budget_cny
        The limit; what one unit of it amounts to stays.
    """
    instance, part = case.instance, case.parts.budget
    if isinstance(instance, Building):
        return replace(case, instance=replace(instance, budget_cny=budget_cny))
    if isinstance(instance, Elastic):
        most = np.where(instance.upper == part, budget_cny, instance.model.row_upper)
        model = replace(instance.model, row_upper=most)
        return replace(case, instance=replace(instance, model=model))
    assert case.part is not None  # noqa: S101
    most = np.where(case.part == part, budget_cny, instance.row_upper)
    return replace(case, instance=replace(instance, row_upper=most))


def solve_task(task: AnalysisTask, stream: Stream) -> Analysis:
    """Entry point in the child; leaves what is known so far with the parent."""
    weigh, trees = weigher(task.case, task.seconds, task.seed)
    alone = task.case.most_cny is not None
    return analyse(task.case.parts, weigh, trees=trees, tell=stream.answer, alone=alone)


def analysed(case: Case, *, seconds: float, memory_mb: float, seed: int = 0) -> Analysis:
    """
    Analyse a case in a child process.

    Parameters
    ----------
    case
        The instance and its parts.
    seconds
        Wall time of each of its questions; the whole may take `QUESTIONS` times as long.
    memory_mb
        Resident memory allowed to the child.
    seed
        Random seed.

    Raises
    ------
    SolverError
        The child ended before it knew anything.
    KeyboardInterrupt
        It was interrupted.
    """
    report = run_in_child(
        "siting.core.conflict.task:solve_task",
        AnalysisTask(case, seconds, seed),
        seconds=QUESTIONS * seconds,
        memory_mb=memory_mb,
    )
    if report.reason == "interrupted":
        raise KeyboardInterrupt
    if not isinstance(report.answer, Analysis):
        raise SolverError(
            report.message or "nothing could be found out in the time given",
            where="explain",
            value=report.reason,
            cure="Give it more seconds or memory",
        )
    return report.answer
