"""
Plain annealing in a process of its own: here it would hold the interpreter's lock of the bound.

The moves and their seed are the same as here, so the plan is too. The helper ends with the process
that asked for it, and its memory counts against the limit of the solve.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from siting.core.covering.search import Schedule, anneal, tables
from siting.core.worker import run_in_child

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.core.worker import Stream
    from siting.structures import Covering

    Mask = npt.NDArray[np.bool_]

_TELL_S = 0.5
_LEAST_S = 0.1


@dataclass(frozen=True, slots=True)
class AsideTask:
    """
    Payload of an annealing run.

    Attributes
    ----------
    covering
        The small problem.
    opened
        Plan to start from, shape (sites,).
    schedule
        Moves, temperatures and seed.
    """

    covering: Covering
    opened: Mask
    schedule: Schedule


def anneal_task(task: AsideTask, stream: Stream) -> tuple[float, Mask, int]:
    """
    Run the annealing; the entry point in the helper.

    Parameters
    ----------
    task
        What to run.
    stream
        Where better plans go, so that the last one is left where time ends the run.
    """
    told = -math.inf

    def improved(value: float, opened: Mask) -> None:
        nonlocal told
        if time.monotonic() - told >= _TELL_S:
            told = time.monotonic()
            stream.answer((value, opened, 0))

    return anneal(tables(task.covering), task.opened, task.schedule, improved=improved)


def anneal_aside(
    covering: Covering, opened: Mask, schedule: Schedule, *, deadline: float
) -> tuple[float, Mask, int]:
    """
    Do as `anneal` in a process beside this one.

    Parameters
    ----------
    covering, opened, schedule
        See `AsideTask`.
    deadline
        `time.monotonic()` to stop at.

    Returns
    -------
    value, opened, moves
        The best plan seen, and the moves made; value 0 and the first plan where the helper left
        nothing.
    """
    report = run_in_child(
        "siting.core.covering.aside:anneal_task",
        AsideTask(covering, opened, schedule),
        seconds=max(deadline - time.monotonic(), _LEAST_S),
        memory_mb=math.inf,
    )
    if isinstance(report.answer, tuple):
        value, found, moves = report.answer
        return float(value), np.asarray(found, dtype=np.bool_), int(moves)
    return 0.0, opened, 0
