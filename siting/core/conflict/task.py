"""The analysis of one instance in a child process, with what it has so far left behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from siting.core.conflict.analyse import Analysis, analyse
from siting.core.conflict.building import BuildingWeigher
from siting.core.conflict.elastic import Elastic
from siting.core.conflict.rows import RowsWeigher
from siting.core.conflict.sizing import SizingWeigher
from siting.core.worker import run_in_child
from siting.errors import SolverError
from siting.structures import Building, Sizing

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from siting.core.conflict.analyse import Parts, Weigh
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
    """

    parts: Parts
    instance: Elastic | Sizing | Building
    part: Ints | None = None
    size: Floats | None = None
    plans: tuple[Floats, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class AnalysisTask:
    """Payload: the case, wall time of a question, random seed."""

    case: Case
    seconds: float
    seed: int


def weigher(case: Case, seconds: float, seed: int) -> tuple[Weigh, bool]:
    """Choose what answers questions on a case, and whether steps of the filter may branch."""
    instance = case.instance
    if isinstance(instance, Elastic):
        return RowsWeigher(instance, seconds, seed, list(case.plans)), True
    if isinstance(instance, Building):
        return BuildingWeigher(instance, seconds, seed), True
    assert case.part is not None  # noqa: S101
    assert case.size is not None  # noqa: S101
    found = SizingWeigher(instance, case.part, case.size, seconds, seed)
    return found, found.small


def solve_task(task: AnalysisTask, stream: Stream) -> Analysis:
    """Entry point in the child; leaves what is known so far with the parent."""
    weigh, trees = weigher(task.case, task.seconds, task.seed)
    return analyse(task.case.parts, weigh, trees=trees, tell=stream.answer)


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
