"""The state of one solve of capacitated siting, and what it came to."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from dataclasses import field as default
from typing import TYPE_CHECKING

import numpy as np

from siting.core.outcome import TracePoint
from siting.core.sizing.bound import clean_duals, sizing_bound
from siting.core.sizing.check import check_sizing
from siting.core.sizing.round import shaved
from siting.core.sizing.search import cost_of, energy_of
from siting.core.sizing.tidy import tidy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from siting.core.sizing.part import Siting
    from siting.structures import Sizing

SAVING_SHARE = 1e-3
"""A kWh is forgone for money only where it costs a thousand times the cheapest pile's kWh."""
PROVEN = 1e-7
"""Gap that counts as none."""


@dataclass(frozen=True, slots=True)
class SizingResult:
    """
    What a capacitated siting solve came to.

    Attributes
    ----------
    status
        `solved` (a plan that keeps every row), `infeasible` (proven) or `none` (no plan found).
    opened, piles, serve
        The plan: bool (J,), int64 (J, K), kWh/day (A,); empty where there is none.
    objective, bound
        Weighted energy served, kWh/day, and a proven bound on any plan's; NaN where there is none.
    bound_by
        `multipliers` (recompute with `sizing_bound`) or `branch and bound` (HiGHS's word).
    duals
        Multipliers of the best bound found that way.
    colliding
        Names of global rows that can't hold together, where infeasible.
    trace
        Incumbent and bound over time.
    message
        One sentence.
    """

    status: str
    opened: npt.NDArray[np.bool_]
    piles: npt.NDArray[np.int64]
    serve: npt.NDArray[np.float64]
    objective: float
    bound: float
    bound_by: str
    duals: Mapping[str, npt.NDArray[np.float64]]
    colliding: tuple[str, ...] = ()
    trace: tuple[TracePoint, ...] = ()
    message: str = ""


@dataclass(slots=True)
class Run:
    """State of one solve."""

    sizing: Sizing
    started: float
    deadline: float
    gap: float
    seed: int
    saving: float
    progress: Callable[[float, float], None] | None
    leave: Callable[[SizingResult], None] | None
    plan: Siting | None = None
    objective: float = math.nan
    bound: float = math.inf
    bound_by: str = "multipliers"
    duals: dict[str, npt.NDArray[np.float64]] = default(default_factory=dict)
    priced: float = math.inf
    settled: bool = False
    left: float = -math.inf
    trace: list[TracePoint] = default(default_factory=list)

    def tell(self, *, now: bool = False) -> None:
        """Report, and leave the plan with its bound: each better plan, bounds once a second."""
        clock = time.monotonic()
        if self.leave is not None and self.plan is not None and (now or clock - self.left > 1.0):
            self.left = clock
            self.leave(result_of(self, neat=False))
        bound = self.bound if math.isfinite(self.bound) else math.nan
        self.trace.append(TracePoint(clock - self.started, self.objective, bound))
        if self.progress is not None:
            self.progress(self.objective, bound)

    def learn(self, duals: Mapping[str, npt.NDArray[np.float64]]) -> float:
        """Keep multipliers that lower the bound; their own bound."""
        bound = sizing_bound(self.sizing, duals)
        if bound < self.priced:
            self.priced, self.duals = bound, clean_duals(self.sizing, duals)
            if bound < self.bound:
                self.bound, self.bound_by = bound, "multipliers"
            self.tell()
        return bound

    def take(self, plan: Siting, saving: float | None = None) -> None:
        """Keep a plan that keeps every row and beats the best by energy less what money saves."""
        saving = self.saving if saving is None else saving
        if check_sizing(self.sizing, plan):
            return
        energy = energy_of(self.sizing, plan)
        better = self.plan is None or energy - saving * cost_of(self.sizing, plan) > (
            self.objective - saving * cost_of(self.sizing, self.plan)
        )
        if better:
            self.plan, self.objective = plan, energy
            self.tell(now=True)

    def hear(self, plan: Siting | None, bound: float) -> None:
        """Take a plan and a bound of branch and bound on the whole while it runs."""
        if plan is not None:
            self.take(replace(plan, serve=shaved(self.sizing, plan.piles, plan.serve)), 0.0)
        self.trust(bound)

    def trust(self, bound: float) -> None:
        """Keep a better bound of branch and bound."""
        if math.isfinite(bound) and bound < self.bound:
            self.bound, self.bound_by = bound, "branch and bound"
            self.tell()

    def closed(self) -> bool:
        """Whether the gap asked for is reached."""
        return self.plan is not None and (
            self.bound - self.objective <= max(self.gap, PROVEN) * max(abs(self.objective), 1.0)
        )


def saving_of(sizing: Sizing) -> float:
    """Worth of one CNY not spent, kWh/day: a tie-break, not a trade."""
    best = np.max(sizing.pile_kwh / np.maximum(sizing.pile_cny, 1.0), initial=0.0)
    return float(SAVING_SHARE * best * max(float(sizing.weight.max(initial=0.0)), 1e-12))


def refused(run: Run, colliding: tuple[str, ...]) -> SizingResult:
    """Return the result where rows are proven to collide."""
    sizing = run.sizing
    rows = ", ".join(colliding) or "the site limits and rows"
    return SizingResult(
        "infeasible", np.zeros(0, dtype=bool), np.zeros((0, sizing.allowed.shape[1]), np.int64),
        np.zeros(0), math.nan, math.nan, "multipliers", run.duals, colliding, tuple(run.trace),
        f"these can't hold together: {rows}",
    )  # fmt: skip


def tidied(sizing: Sizing, plan: Siting) -> Siting:
    """Return a plan without idle piles, where that keeps every row."""
    neat = tidy(sizing, plan)
    return plan if check_sizing(sizing, neat) else neat


def result_of(run: Run, *, neat: bool = True) -> SizingResult:
    """Return what a solve has come to so far; tidying the plan of a city takes a while."""
    sizing = run.sizing
    types = sizing.allowed.shape[1]
    if run.plan is None:
        return SizingResult(
            "none", np.zeros(0, dtype=bool), np.zeros((0, types), np.int64), np.zeros(0),
            math.nan, run.bound, run.bound_by, run.duals, (), tuple(run.trace),
            "no plan that keeps every row was found in the time given",
        )  # fmt: skip
    plan = tidied(sizing, run.plan) if neat else run.plan
    objective = energy_of(sizing, plan)
    share = (run.bound - objective) / max(abs(objective), 1e-9)
    return SizingResult(
        "solved", plan.opened, plan.piles, plan.serve, objective, max(run.bound, objective),
        run.bound_by, run.duals, (), tuple(run.trace), f"proven within {max(share, 0):.3%}",
    )  # fmt: skip
