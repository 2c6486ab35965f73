"""Least cost of a plan that keeps every row but the budget: a safe bound and a plan near it."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from siting.core.pdhg import Iterate, maximise
from siting.core.sizing.bound import budget_row, clean_duals, plain_duals, sizing_bound
from siting.core.sizing.check import check_sizing
from siting.core.sizing.crew import crew
from siting.core.sizing.first import first_plan
from siting.core.sizing.relax import Relaxation, duals_of, relaxation
from siting.core.sizing.search import Field, Goal, arcs_of, cost_of, improve, neighbours
from siting.core.sizing.trade import trade

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from siting.core.sizing.part import Siting
    from siting.structures import Sizing

BOUND_SHARE = 0.35
"""Share of the time that the relaxation may take before the search starts."""
STALL = 3
"""Looks at the bound in which it has to stand nearly still before the relaxation is left."""
NEAR, STILL = 5e-4, 2e-4
"""Gap of the relaxation, and rise of its bound over those looks, at which it counts as solved."""
BROKEN = 0.05
"""Breach of a row, relative to its largest coefficient, that a solved relaxation may have."""
SUPPORT = 1e-3
"""Openness in the relaxation above which a site is looked at first."""


@dataclass(frozen=True, slots=True)
class LeastCost:
    """
    What plans cost at least.

    Attributes
    ----------
    low_cny
        No plan that keeps the other rows costs less; by multipliers (`least_cost_bound`), CNY.
    high_cny
        What `plan` costs, `inf` without one.
    plan
        The cheapest plan found, which keeps every row but the budget; None where none was.
    duals
        Multipliers behind `low_cny`.
    point
        Where the relaxation was left, to begin from with other bounds of rows.
    """

    low_cny: float
    high_cny: float
    plan: Siting | None
    duals: Mapping[str, npt.NDArray[np.float64]]
    point: Iterate | None = None


def least_cost_bound(
    sizing: Sizing, row: int, duals: Mapping[str, npt.NDArray[np.float64]]
) -> float:
    """
    Bound from below what every plan costs that keeps the other rows.

    The Lagrangian of no demand having any worth is the price of a CNY times the budget plus what
    doesn't depend on the budget; where it is below zero no plan fits, which is so for every budget
    below that at which it is zero.

    Parameters
    ----------
    sizing
        The instance.
    row
        Its budget among the global rows.
    duals
        Multipliers, see `bound.MULTIPLIERS`, with a price of the budget.

    Returns
    -------
    float
        CNY; `-inf` where the multipliers put no price on money.
    """
    price = float(duals["rows"][row])
    if not price > 0:
        return -math.inf
    upper = np.array(sizing.row_upper, dtype=float)
    upper[row] = 0.0
    at = replace(sizing, weight=np.zeros_like(sizing.weight), row_upper=upper)
    return -sizing_bound(at, duals) / price


@dataclass(frozen=True, slots=True)
class Until:
    """
    When a search for the least cost ends, beside its time.

    Attributes
    ----------
    gap
        Relative gap of the cost; with `inf` the bound alone is looked for.
    over_cny
        Cost at which the bound ends the search, and the relaxation below which it has to.
    enough_cny
        Cost of a plan that is cheap enough.
    """

    gap: float
    over_cny: float = math.inf
    enough_cny: float = -math.inf


@dataclass(slots=True)
class _Run:
    """State of one search."""

    aim: Sizing
    row: int
    saving: float
    until: Until
    deadline: float
    low: float
    duals: dict[str, npt.NDArray[np.float64]]
    plan: Siting | None = None

    @property
    def cost(self) -> float:
        """Cost of the cheapest plan so far, CNY."""
        return math.inf if self.plan is None else cost_of(self.aim, self.plan)

    def take(self, plan: Siting) -> None:
        """Keep a plan that keeps every row and is cheaper."""
        if cost_of(self.aim, plan) < self.cost and not check_sizing(self.aim, plan):
            self.plan = plan

    def learn(self, duals: Mapping[str, npt.NDArray[np.float64]]) -> float:
        """Keep multipliers that raise the bound; their own bound."""
        rows = np.array(duals["rows"], dtype=float)
        rows[self.row] = self.saving
        priced = {**duals, "rows": rows}
        low = least_cost_bound(self.aim, self.row, priced)
        if low > self.low:
            self.low, self.duals = low, dict(priced)
        return low

    def closed(self) -> bool:
        if self.cost <= self.until.enough_cny:
            return True
        return self.plan is not None and self.cost - self.low <= self.until.gap * max(
            self.cost, 1.0
        )


def least_cost_plan(
    sizing: Sizing,
    row: int,
    *,
    until: Until,
    seconds: float,
    seed: int = 0,
    starts: Sequence[Siting] = (),
    near: Iterate | None = None,
) -> LeastCost:
    """
    Search for the least cost of a plan that keeps every row but the budget.

    First-order steps on the strong relaxation of least cost give the bound; its openings are
    rounded, and neighbourhoods of the cheaper of that plan and the given one are made cheaper.

    Parameters
    ----------
    sizing
        The instance.
    row
        Its budget among the global rows.
    until
        When to stop.
    seconds
        Wall time allowed.
    seed
        Random seed.
    starts
        Plans, which may break rows.
    near
        A point of the relaxation to begin from.
    """
    now = time.monotonic()
    aim = without_budget(sizing, row)
    saving = worth_of_money(sizing)
    plain = clean_duals(aim, plain_duals(aim))
    run = _Run(aim, row, saving, until, now + seconds, 0.0, plain)
    for start in starts:
        run.take(start)
    relaxed = relaxation(aim, saving=saving, use=False)
    point = _relax(run, relaxed, near, now + BOUND_SHARE * seconds)
    if math.isfinite(until.gap) and not run.closed():
        _search(run, point, seed)
    return LeastCost(max(run.low, 0.0), run.cost, run.plan, run.duals, point)


def affordable_plan(sizing: Sizing, *, seconds: float, seed: int) -> Siting | None:
    """
    Look for a plan within the budget by least cost, where money is so short that no other is found.

    Parameters
    ----------
    sizing
        The instance.
    seconds, seed
        Wall time allowed and random seed.

    Returns
    -------
    Siting
        None where there is no budget, and where no plan that keeps the other rows was found.
    """
    row = budget_row(sizing)
    if row < 0 or seconds <= 0:
        return None
    until = Until(0.0, enough_cny=float(sizing.row_upper[row]))
    return least_cost_plan(sizing, row, until=until, seconds=seconds, seed=seed).plan


def without_budget(sizing: Sizing, row: int) -> Sizing:
    """Return the instance without its budget, in which serving has no worth of its own."""
    upper = np.array(sizing.row_upper, dtype=float)
    upper[row] = math.inf
    return replace(sizing, weight=np.zeros_like(sizing.weight), row_upper=upper)


def worth_of_money(sizing: Sizing) -> float:
    """Worth of one CNY that brings costs to the size of energies, kWh/day: a matter of scale."""
    best = np.max(sizing.pile_kwh / np.maximum(sizing.pile_cny, 1.0), initial=0.0)
    return max(float(best), 1e-9)


def _relax(run: _Run, relaxed: Relaxation, near: Iterate | None, deadline: float) -> Iterate:
    """Raise the bound until the relaxation is solved closely enough or its time is over."""
    sites, types = run.aim.allowed.shape
    program, over_cny = relaxed.program, run.until.over_cny
    money = program.cost[: sites * (1 + types)]
    scale = np.maximum(abs(program.matrix).max(axis=1).toarray().ravel(), 1e-12)
    own = [-math.inf] * STALL + [0.0]

    def stop(point: Iterate) -> bool:
        own.append(max(own[-1], run.learn(duals_of(run.aim, relaxed, point.y))))
        if run.closed() or run.low > over_cny or time.monotonic() > deadline:
            return True
        activity = program.matrix @ point.x
        over = np.maximum(activity - program.row_upper, program.row_lower - activity) / scale
        cost = -float(money @ point.x[: len(money)]) / run.saving
        kept = float(over.max(initial=0.0)) <= BROKEN
        close = abs(cost - own[-1]) <= NEAR * max(cost, 1.0)
        still = own[-1] - own[-1 - STALL] <= STILL * max(cost, 1.0)
        below = math.isfinite(over_cny) and cost <= (1 - NEAR) * over_cny
        return bool(kept and still and (close or below))

    return maximise(program, start=near, every=100, stop=stop)


def _search(run: _Run, point: Iterate, seed: int) -> None:
    """Round the relaxation, then make the cheapest plan known cheaper."""
    aim = run.aim
    found = first_plan(aim, point, saving=run.saving, deadline=run.deadline, seed=seed)
    if found is not None:
        run.take(found)
    plan = run.plan or found
    if plan is None or run.closed():
        return
    sites = len(plan.opened)
    core = plan.opened | (point.x[:sites] > SUPPORT)
    arcs = arcs_of(aim)
    field = Field(core, plan.opened | (arcs > 0), neighbours(aim), arcs)
    enough = max(run.low * (1 + run.until.gap), run.until.enough_cny)
    goal = Goal(run.saving, math.inf, run.deadline, seed, enough)
    if run.plan is None:
        # Ends at the first plan that keeps every row, whatever it costs.
        mended = improve(aim, plan, field, replace(goal, enough=-math.inf), run.take)
        run.take(mended)
    if run.plan is not None and not run.closed():
        with crew() as solve:
            run.take(trade(aim, run.plan, field, goal, run.duals, run.take, solve))
