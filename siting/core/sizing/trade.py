"""Search of a large plan: windows two at a time, which trade room in the rows at its price."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from siting.core.sizing.bound import site_values
from siting.core.sizing.part import Siting, activity, put_back
from siting.core.sizing.pool import Pool, pool_of, scaled, worth_of
from siting.core.sizing.round import shaved
from siting.core.sizing.search import cost_of, energy_of, good_enough, grow, merit_of
from siting.core.sizing.window import Effort, side_by_side, windows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from siting.core.sizing.crew import Solve
    from siting.core.sizing.search import Field, Goal
    from siting.structures import Sizing

WINDOWS = 2
"""Windows that are solved side by side."""
SITES, SMALLEST = 50, 8
"""Sites in the windows of a round, and where the arcs are too many, at least."""
MOST_ARCS = 4500
"""Arcs in a window: the root of one takes seconds."""
PART_GAP = 2e-6
"""Gap at which a window counts as solved, as a share of all energy served."""
HALF, TRADED, CYCLE = 8, 32, 40
"""Rounds in which the bands of room that has a worth halve; rounds until it has none, so that it is
spent; rounds until it has its full worth again."""
CORE_SHARE = 0.75
"""Share of the rounds in sites that the relaxation opens; the others are in all hopeful ones."""


def site_losses(
    sizing: Sizing, duals: Mapping[str, npt.NDArray[np.float64]], plan: Siting
) -> npt.NDArray[np.float64]:
    """
    By how much each site falls short of its worth in the bound, kWh/day, shape (J,).

    At multipliers, the bound less a plan's energy and less what its room in the rows is worth is
    the sum over the sites of their worth in the bound less that in the plan, and of what demand
    that isn't served is worth. The latter is shared among the sites in reach. So the sum says where
    the gap is; no term is below zero where the plan keeps every row.

    Parameters
    ----------
    sizing, plan
        The instance and a plan.
    duals
        Multipliers, clean (`clean_duals`).
    """
    worth, _ = site_values(sizing, duals)
    rows = duals["rows"]
    price = sizing.weight - rows @ sizing.row_served - duals["demand"]
    sites, types = sizing.allowed.shape
    given = np.bincount(sizing.site, plan.serve * price[sizing.point], minlength=sites)
    paid = (plan.piles * (rows @ sizing.row_piles).reshape(sites, types)).sum(axis=1)
    given = given - plan.opened * (rows @ sizing.row_open) - paid
    served = np.bincount(sizing.point, plan.serve, minlength=len(sizing.demand_kwh))
    lack = duals["demand"] * np.maximum(sizing.demand_kwh - served, 0.0)
    reach = np.maximum(np.bincount(sizing.point, minlength=len(lack)), 1)
    shared = np.bincount(sizing.site, (lack / reach)[sizing.point], minlength=sites)
    most = np.where(sizing.forced, worth, np.maximum(worth, 0.0))
    return np.asarray(np.maximum(most - given, 0.0) + shared)


def trade(
    sizing: Sizing,
    plan: Siting,
    field: Field,
    goal: Goal,
    duals: Mapping[str, npt.NDArray[np.float64]],
    tell: Callable[[Siting], None],
    solve: Solve,
) -> Siting:
    """
    Improve a plan that keeps every row until it is good enough or time runs out.

    Budget, stations and piles are scarce together, so a window that may use only what it has can
    hardly improve. Here room in the rows is worth its price at the multipliers, so a window leaves
    what others use better, and takes what it uses better itself. The room that has a worth shrinks
    from round to round to nothing, so that it is spent; then it has its full worth again.

    Parameters
    ----------
    sizing, plan
        The instance and a plan of it.
    field, goal
        Where to look and when to stop.
    duals
        Multipliers, clean (`clean_duals`); of the bound, for good prices.
    tell
        Called with each plan that is better at the prices of the moment.
    solve
        Solves windows (`sizing_crew.crew`).

    Returns
    -------
    Siting
        The plan that serves most, or costs least where that is the goal; never worse than the
        given one.
    """
    rng = np.random.default_rng(goal.seed)
    wide, best, rounds = pool_of(sizing, duals["rows"]), plan, 0
    stale = np.zeros(len(field.core))
    gap = PART_GAP * max(abs(merit_of(sizing, plan, goal)), 1.0)
    while time.monotonic() < goal.deadline and not good_enough(sizing, best, goal):
        age = rounds % CYCLE
        rounds += 1
        if age == 0:
            plan, stale = best, np.zeros(len(field.core))
        pool = scaled(wide, 0.5 ** (age / HALF) if age < TRADED else 0.0)
        usable = plan.opened | (field.core if rng.random() < CORE_SHARE else field.hopeful)
        pull = (site_losses(sizing, duals, plan) + 1e-9) / 2.0**stale
        # Where nothing has a worth, two clusters a window let money move all the same.
        windows = _draw(field, np.where(usable, pull, 0.0), 1 if age < TRADED else 2, rng)
        if not windows:
            break
        parts = side_by_side(sizing, plan, windows)
        left = max(0.2, goal.deadline - time.monotonic())
        effort = Effort(goal.saving, gap, left, goal.seed)
        for part, found in zip(parts, solve(windows_of(plan, parts, pool, effort)), strict=True):
            stale[part.sites] += 1.0
            if found is None:
                continue
            trial = put_back(plan, part, found)
            trial = replace(trial, serve=shaved(sizing, trial.piles, trial.serve))
            if _value(sizing, trial, pool, goal) > _value(sizing, plan, pool, goal):
                plan = trial
                tell(plan)
        if merit_of(sizing, plan, goal) > merit_of(sizing, best, goal):
            best = plan
    return best


def _value(sizing: Sizing, plan: Siting, pool: Pool, goal: Goal) -> float:
    """Energy, what room is worth, and what money saved is worth as a tie-break, kWh/day."""
    own = energy_of(sizing, plan) - goal.saving * cost_of(sizing, plan)
    return own + worth_of(pool, sizing, activity(sizing, plan))


def _draw(
    field: Field, pull: npt.NDArray[np.float64], clusters: int, rng: np.random.Generator
) -> list[npt.NDArray[np.int64]]:
    """Draw disjoint windows of one or more clusters around centres by their pull."""
    usable, windows = pull > 0, []
    for _ in range(WINDOWS):
        sites = np.zeros(0, dtype=np.int64)
        for _ in range(clusters):
            weight = np.where(usable, pull, 0.0)
            if not weight.sum() > 0:
                break
            centre = int(rng.choice(len(usable), p=weight / weight.sum()))
            each = SITES // clusters
            cluster = grow(field.near, centre, each, usable)
            while len(cluster) > SMALLEST and field.arcs[cluster].sum() > MOST_ARCS // clusters:
                each = max(SMALLEST, int(each * 0.85))
                cluster = grow(field.near, centre, each, usable)
            usable[cluster] = False
            sites = np.union1d(sites, cluster)
        if len(sites):
            windows.append(sites)
    return windows
