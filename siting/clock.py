"""Stages of a run: how long each takes, how much memory, and telling the user."""

from __future__ import annotations

import contextlib
import resource
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from siting.core.outcome import TracePoint


@dataclass(frozen=True, slots=True)
class Event:
    """
    Something to tell the user.

    Attributes
    ----------
    stage
        `read`, `network`, `reach`, `solve`, `check` or `publish`.
    text
        A sentence, "" when the stage only begins or ends.
    seconds
        Wall time of the stage when it ends, else NaN.
    trace
        Incumbent and bound while the solver runs, else None.
    """

    stage: str
    text: str = ""
    seconds: float = float("nan")
    trace: TracePoint | None = None


def silent(_event: Event) -> None:
    """Tell nobody."""


@contextlib.contextmanager
def stage(name: str, seconds: dict[str, float], report: Callable[[Event], None]) -> Iterator[None]:
    """
    Time a stage of a run and tell the user when it begins and ends.

    Parameters
    ----------
    name
        The stage.
    seconds
        Receives the wall time under `name`, also when the stage fails.
    report
        Told of the stage's begin and end.
    """
    report(Event(name))
    begin = time.perf_counter()
    try:
        yield
    finally:
        seconds[name] = time.perf_counter() - begin
    report(Event(name, seconds=seconds[name]))


def peak_memory_mb() -> float:
    """Return the peak resident memory of this process and of its largest child, MB."""
    unit = 1e6 if sys.platform == "darwin" else 1e3
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(one).ru_maxrss for one in who) / unit
