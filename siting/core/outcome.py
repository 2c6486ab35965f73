"""What a solve came to: an honest status with the bound, the gap and how they were got."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt


class Status(StrEnum):
    """How a solve ended."""

    OPTIMAL = "optimal"
    """Proven within the asked tolerance of 1e-6."""
    FEASIBLE = "feasible"
    """A checked solution; the gap says how far from the bound."""
    INFEASIBLE = "infeasible"
    UNBOUNDED = "unbounded"
    NO_ANSWER = "no_answer"
    CRASHED = "crashed"
    KILLED = "killed"


@dataclass(frozen=True, slots=True)
class TracePoint:
    """Incumbent and bound at a moment; NaN where there is none yet."""

    seconds: float
    objective: float
    bound: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    The result of a solve.

    Attributes
    ----------
    status
        How it ended.
    objective, bound, gap
        Objective of the solution, proven bound on any solution, and
        `abs(bound - objective) / max(abs(objective), 1e-9)`; NaN where there is none.
    values
        Solution by block name; `""` holds the PuLP variables. Integer blocks are integral.
    seconds
        Wall time.
    route
        Which route of the core solved it.
    load
        Budget in sites x mean cover / sites, NaN where it has no meaning.
    reductions
        What shrinking did, name to (before, after).
    trace
        Incumbent and bound over time.
    certificate
        Arrays from which the bound can be recomputed (`core.bounds`), by name; empty if none.
    versions
        Solver names and versions.
    message
        One sentence for the user.
    peak_memory_mb
        Peak resident memory of the solve.
    """

    status: Status
    objective: float
    bound: float
    gap: float
    values: Mapping[str, npt.NDArray[np.float64]]
    seconds: float
    route: str
    load: float = float("nan")
    reductions: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    trace: tuple[TracePoint, ...] = ()
    certificate: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    message: str = ""
    peak_memory_mb: float = float("nan")
