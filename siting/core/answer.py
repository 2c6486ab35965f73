"""What passes between the front of the core and its routes: limits down, an answer up."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from siting.core.outcome import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    import numpy.typing as npt

    from siting.core.outcome import TracePoint
    from siting.core.worker import Report

    Progress = Callable[[TracePoint], None]

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


def ended(report: Report, route: str) -> Answer:
    """Answer of a child that left none: the status follows from how it ended."""
    return Answer(_ENDINGS[report.reason], None, math.nan, math.nan, route)
