"""Least cost of a plan that keeps every row but the budget: a safe bound and a plan near it."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from siting.core.pdhg import Iterate, maximise
from siting.core.sizing.bound import clean_duals, plain_duals, sizing_bound
from siting.core.sizing.check import check_sizing
from siting.core.sizing.crew import crew
from siting.core.sizing.first import first_plan
from siting.core.sizing.relax import Relaxation, duals_of, relaxation
from siting.core.sizing.search import Field, Goal, cost_of, improve, neighbours
from siting.core.sizing.trade import trade

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from siting.core.sizing.part import Siting
    from siting.structures import Sizing

BOUND_SHARE = 0.35
"""Share of the time that the relaxation may take before the search starts."""
STALL = 3
"""Looks at the bound in which it has to stand nearly still before the relaxation is left."""
NEAR, STILL = 5e-4, 2e-4
"""Gap of the relaxation, and rise of its bound over those looks, at which it counts as solved."""
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
    """

    low_cny: float
    high_cny: float
    plan: Siting | None
    duals: Mapping[str, npt.NDArray[np.float64]]


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


@dataclass(slots=True)
class _Run:
    """State of one search."""

    aim: Sizing
    row: int
    saving: float
    gap: float
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
        return self.plan is not None and self.cost - self.low <= self.gap * max(self.cost, 1.0)


def least_cost_plan(
    sizing: Sizing,
    row: int,
    *,
    gap: float,
    seconds: float,
    seed: int = 0,
    start: Siting | None = None,
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
    gap
        Relative gap of the cost to stop at; with `inf` the bound alone is looked for.
    seconds
        Wall time allowed.
    seed
        Random seed.
    start
        A plan, which may break rows.
    """
    now = time.monotonic()
    aim = without_budget(sizing, row)
    saving = worth_of_money(sizing)
    run = _Run(aim, row, saving, gap, now + seconds, 0.0, clean_duals(aim, plain_duals(aim)))
    if start is not None:
        run.take(start)
    relaxed = relaxation(aim, saving=saving, use=False)
    point = _relax(run, relaxed, now + BOUND_SHARE * seconds)
    if math.isfinite(gap) and not run.closed():
        _search(run, point, start, seed)
    return LeastCost(max(run.low, 0.0), run.cost, run.plan, run.duals)


def without_budget(sizing: Sizing, row: int) -> Sizing:
    """Return the instance without its budget, in which serving has no worth of its own."""
    upper = np.array(sizing.row_upper, dtype=float)
    upper[row] = math.inf
    return replace(sizing, weight=np.zeros_like(sizing.weight), row_upper=upper)


def is_cost(sizing: Sizing, row: int) -> bool:
    """Whether a global row is what a plan costs, with an upper bound alone."""
    money = sizing.row_open[[row]].toarray().ravel(), sizing.row_piles[[row]].toarray().ravel()
    piles = np.tile(sizing.pile_cny, len(sizing.fixed_cny))
    same = np.array_equal(money[0], sizing.fixed_cny) and np.array_equal(money[1], piles)
    return bool(same and not sizing.row_served[[row]].nnz and sizing.row_lower[row] == -np.inf)


def worth_of_money(sizing: Sizing) -> float:
    """Worth of one CNY that brings costs to the size of energies, kWh/day: a matter of scale."""
    best = np.max(sizing.pile_kwh / np.maximum(sizing.pile_cny, 1.0), initial=0.0)
    return max(float(best), 1e-9)


def _relax(run: _Run, relaxed: Relaxation, until: float) -> Iterate:
    """Raise the bound until the relaxation is solved closely enough or its time is over."""
    sites, types = run.aim.allowed.shape
    program = relaxed.program
    money = program.cost[: sites * (1 + types)]
    scale = np.maximum(abs(program.matrix).max(axis=1).toarray().ravel(), 1e-12)
    own = [0.0] * (STALL + 1)

    def stop(point: Iterate) -> bool:
        own.append(max(own[-1], run.learn(duals_of(run.aim, relaxed, point.y))))
        if run.closed() or time.monotonic() > until:
            return True
        activity = program.matrix @ point.x
        over = np.maximum(activity - program.row_upper, program.row_lower - activity) / scale
        cost = -float(money @ point.x[: len(money)]) / run.saving
        near = abs(cost - own[-1]) <= NEAR * max(cost, 1.0)
        still = own[-1] - own[-1 - STALL] <= STILL * max(cost, 1.0)
        return bool(near and still and float(over.max(initial=0.0)) <= 0.05)  # noqa: PLR2004

    return maximise(program, every=100, stop=stop)


def _search(run: _Run, point: Iterate, start: Siting | None, seed: int) -> None:
    """Round the relaxation, then make the cheapest plan known cheaper."""
    aim = run.aim
    found = first_plan(aim, point, saving=run.saving, deadline=run.deadline, seed=seed)
    if found is not None:
        run.take(found)
    plan = run.plan or found or start
    if plan is None or run.closed():
        return
    sites = len(plan.opened)
    core = plan.opened | (point.x[:sites] > SUPPORT)
    arcs = np.bincount(aim.site, minlength=sites)
    reached = arcs > 0
    field = Field(core, plan.opened | reached, neighbours(aim), arcs)
    enough = run.low * (1 + run.gap)
    goal = Goal(run.saving, math.inf, run.deadline, seed, enough)
    if run.plan is None:
        # Found when the first plan keeps every row, whatever it costs.
        mended = improve(aim, plan, field, replace(goal, enough=-math.inf), run.take)
        run.take(mended)
    if run.plan is not None and not run.closed():
        with crew() as solve:
            run.take(trade(aim, run.plan, field, goal, run.duals, run.take, solve))
