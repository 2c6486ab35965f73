"""Capacitated siting with integer piles at city size: relaxation, rounding, search, safe bound."""

from __future__ import annotations

import contextlib
import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from siting.core.pdhg import Iterate, maximise
from siting.core.sizing.bound import (
    can_open,
    plain_duals,
    site_values,
    sizing_bound,
    with_saving,
)
from siting.core.sizing.cheap import cheapest
from siting.core.sizing.check import check_sizing
from siting.core.sizing.count import colliding_rows, deletion_filter
from siting.core.sizing.crew import crew
from siting.core.sizing.first import first_plan
from siting.core.sizing.least import BOUND_SHARE, STALL, SUPPORT, affordable_plan
from siting.core.sizing.part import Siting, keep_rows, solve_part
from siting.core.sizing.relax import Relaxation, duals_of, iterate_of, relaxation
from siting.core.sizing.run import Run, SizingResult, refused, result_of, saving_of
from siting.core.sizing.search import (
    Field,
    Goal,
    arcs_of,
    cheapen,
    energy_of,
    improve,
    neighbours,
    tight,
)
from siting.core.sizing.trade import trade
from siting.structures import Sizing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt
    from scipy.sparse import csr_array

    from siting.core.sizing.crew import Solve

__all__ = ["Siting", "Sizing", "SizingResult", "check_sizing", "sizing_bound", "solve_sizing"]

EXACT = 1e-4
"""Gap below which a small instance is solved to the end."""
SMALL = 4000
"""Arcs up to which HiGHS's branch and bound on the whole instance closes the gap."""
MEDIUM = 20000
"""Arcs up to which branch and bound on the whole gets the rest of the time after the search."""
BRANCH_SHARE = 0.6
"""Share of the time after the relaxation that is kept for it."""
MENDING = 20.0
"""Seconds, of at most half the time left, in which a first plan that breaks rows is mended before
another is begun."""
CHEAPLY = 0.85
"""Share of the time left in which a plan is looked for that costs no more than the budget."""


def solve_sizing(
    sizing: Sizing,
    *,
    gap: float = 0.01,
    seconds: float = 60.0,
    seed: int = 0,
    start: Siting | None = None,
    duals: Mapping[str, npt.NDArray[np.float64]] | None = None,
    progress: Callable[[float, float], None] | None = None,
    leave: Callable[[SizingResult], None] | None = None,
) -> SizingResult:
    """
    Solve capacitated siting with integer piles; meant to run in a child process (HiGHS inside).

    First-order steps on the strong linear relaxation give multipliers, whose safe bound holds at
    any step, and fractional openings; these are rounded, piles are dived by type, and a
    large-neighbourhood search improves the plan until the gap is reached. Small instances then go
    to branch and bound. Last, piles that serve nothing go, or are spread where people charge.

    Parameters
    ----------
    sizing
        The instance.
    gap
        Relative gap to stop at, `(bound - objective) / objective`.
    seconds
        Wall time allowed.
    seed
        Random seed; the same instance, seed and a gap reached in time give the same plan.
    start
        A plan to improve on; it may break global rows, which the search then mends first.
    duals
        Multipliers of a like instance (`SizingResult.duals`), from which the bound begins.
    progress
        Called with (objective, bound), NaN where there is none yet.
    leave
        Called with each better result, for a caller that may have to end the solve; its plan isn't
        tidied (`tidied`).
    """
    now = time.monotonic()
    run = Run(sizing, now, now + seconds, gap, seed, saving_of(sizing), progress, leave)
    if start is not None:
        run.take(start)
    collide = colliding_rows(sizing, max(5.0, seconds / 3))
    if collide:
        return refused(run, collide)
    run.learn(plain_duals(sizing))
    if duals:
        run.learn(duals)
    if len(sizing.site) <= SMALL:
        small = _small(run)
        if small is not None:
            return small
    # Least use hardly moves the bound, and first-order steps are slow to settle it.
    relaxed = relaxation(sizing, saving=run.saving, use=False)
    until = run.started + BOUND_SHARE * seconds
    near = iterate_of(sizing, relaxed, start, duals) if duals else None
    point = _relax(run, relaxed, near, until)
    if run.bound < 0:
        return refused(run, _priced_rows(run))
    _search(run, relaxed, point, start, warm=bool(duals))
    return result_of(run)


def _relax(run: Run, relaxed: Relaxation, start: Iterate | None, until: float) -> Iterate:
    """Lower the bound until the relaxation is solved closely enough or its time is over."""
    sizing, program = run.sizing, relaxed.program
    sites, types = sizing.allowed.shape
    scale = np.maximum(abs(program.matrix).max(axis=1).toarray().ravel(), 1e-12)
    money = np.concatenate([sizing.fixed_cny, (sizing.pile_cny * relaxed.pile_scale).ravel()])

    own = [math.inf] * (STALL + 1)

    def stop(point: Iterate) -> bool:
        duals = duals_of(sizing, relaxed, point.y)
        found = min(run.learn(with_saving(sizing, duals, run.saving)), run.learn(duals))
        own.append(min(own[-1], found))
        if run.bound < 0 or run.closed() or time.monotonic() > until:
            return True
        activity = program.matrix @ point.x
        over = np.maximum(activity - program.row_upper, program.row_lower - activity) / scale
        saved = run.saving * float(money @ point.x[: sites * (1 + types)])
        value = float(program.cost @ point.x) + saved
        near = own[-1] - value <= max(0.05 * run.gap, 1e-4) * abs(value) + saved
        near &= own[-1 - STALL] - own[-1] <= 0.03 * run.gap * abs(value)
        run.settled = near and float(over.max(initial=0.0)) <= 0.05  # noqa: PLR2004
        return run.settled

    return maximise(program, start=start, every=100, stop=stop)


def _search(
    run: Run, relaxed: Relaxation, point: Iterate, start: Siting | None, *, warm: bool
) -> None:
    """Round, unless a start is enough, then improve and tighten in turn to the gap."""
    plan = start
    if start is None or (warm and not run.closed()):
        found = first_plan(
            run.sizing, point, saving=run.saving, deadline=run.deadline, seed=run.seed
        )
        plan = found or start
    if plan is None:
        return
    run.take(plan)
    near = neighbours(run.sizing)
    plan = run.plan or _mended(run, plan, _field(run, plan, point, near))
    branching = len(run.sizing.site) <= MEDIUM
    deadline = run.deadline
    if branching:
        deadline -= BRANCH_SHARE * (deadline - time.monotonic())
    with contextlib.ExitStack() as stack:
        solve = None if branching or run.closed() else stack.enter_context(crew())
        while not run.closed() and time.monotonic() < deadline:
            left = deadline - time.monotonic()
            until = deadline if run.settled else time.monotonic() + max(2.0, left / 3)
            enough = run.bound / (1.0 + run.gap)
            goal = Goal(run.saving, enough, min(until, deadline), run.seed)
            plan = _improved(run, plan, _field(run, plan, point, near), goal, solve)
            if run.settled:
                break
            if not run.closed():
                left = deadline - time.monotonic()
                point = _relax(run, relaxed, point, time.monotonic() + left / 3)
    if branching and not run.closed():
        _branch(run, run.deadline - time.monotonic())
    if run.plan is not None and not tight(run.sizing, run.plan):
        goal = Goal(run.saving, math.inf, run.deadline, run.seed)
        field = Field(run.plan.opened, run.plan.opened, near, arcs_of(run.sizing))
        run.take(cheapen(run.sizing, run.plan, field, goal))


def _field(run: Run, plan: Siting, point: Iterate, near: csr_array) -> Field:
    """Look first at sites that are open in the plan or, in part, in the relaxation."""
    core = plan.opened | (point.x[: len(plan.opened)] > SUPPORT)
    return Field(core, _hopeful(run, plan), near, arcs_of(run.sizing))


def _mended(run: Run, plan: Siting, field: Field) -> Siting:
    """Mend a plan that breaks rows; where that doesn't do and money is short, begin cheaply."""
    left = run.deadline - time.monotonic()
    goal = Goal(run.saving, -math.inf, time.monotonic() + min(MENDING, left / 2), run.seed)
    plan = improve(run.sizing, plan, field, goal, run.take)
    run.take(plan)
    if run.plan is None:
        left = run.deadline - time.monotonic()
        cheap = affordable_plan(run.sizing, seconds=CHEAPLY * left, seed=run.seed)
        if cheap is not None:
            run.take(cheap)
    return run.plan or plan


def _improved(run: Run, plan: Siting, field: Field, goal: Goal, solve: Solve | None) -> Siting:
    """Search one neighbourhood after another, or, given what solves windows, in trading ones."""
    if solve is None:
        plan = improve(run.sizing, plan, field, goal, run.take)
    else:
        mended = replace(goal, enough=-math.inf)
        plan = improve(run.sizing, plan, field, mended, run.take)
        if not check_sizing(run.sizing, plan):
            plan = trade(run.sizing, plan, field, goal, run.duals, run.take, solve)
    run.take(plan)
    return plan


def _hopeful(run: Run, plan: Siting) -> npt.NDArray[np.bool_]:
    """
    Sites that a better plan can have open: the others' worth is too far below zero.

    Opening a site of worth V < 0 at the multipliers lowers the bound by -V (reduced-cost fixing).
    """
    value, _ = site_values(run.sizing, run.duals)
    best = run.objective if run.plan is not None else energy_of(run.sizing, plan)
    hope = run.bound + np.minimum(value, 0.0) >= best
    return np.asarray(plan.opened | (hope & can_open(run.sizing)))


def _small(run: Run) -> SizingResult | None:
    """Branch and bound on the whole, energy first and then money; None where it proves nothing."""
    kind = _branch(run, 0.6 * (run.deadline - time.monotonic()))
    if kind == "infeasible":
        return refused(run, _blocking_rows(run))
    if not run.closed():
        return None
    # Multipliers that anyone can recompute stay with the result, though the tree proved more.
    run.learn(plain_duals(run.sizing))
    assert run.plan is not None  # noqa: S101
    left = max(1.0, run.deadline - time.monotonic())
    run.take(cheapest(run.sizing, run.plan, seconds=left, seed=run.seed))
    return result_of(run)


def _branch(run: Run, seconds: float) -> str:
    """Let HiGHS branch on the whole instance; how it ended."""
    sizing = run.sizing
    found, bound, kind = solve_part(
        sizing, saving=0.0, gap=run.gap if run.gap >= EXACT else 0.0, seconds=max(seconds, 0.1),
        start=run.plan, seed=run.seed, better=run.hear,
    )  # fmt: skip
    run.hear(found, bound)
    return kind


def _blocking_rows(run: Run) -> tuple[str, ...]:
    """Name global rows that can't hold together in whole numbers, as far as seconds tell."""
    until = time.monotonic() + 10.0

    def holds(rows: npt.NDArray[np.int64]) -> bool:
        if time.monotonic() > until:
            return True
        trial = keep_rows(run.sizing, rows)
        _, _, kind = solve_part(trial, saving=0.0, gap=1.0, seconds=3.0, seed=run.seed)
        return kind != "infeasible"

    return deletion_filter(run.sizing.row_name, holds)


def _priced_rows(run: Run) -> tuple[str, ...]:
    """Rows that the multipliers of a bound below zero lean on."""
    sizing, rows = run.sizing, run.duals["rows"]
    level = np.where(rows > 0, sizing.row_upper, sizing.row_lower)
    level = abs(rows) * np.where(np.isfinite(level), np.maximum(abs(level), 1.0), 0.0)
    used = level > 1e-3 * level.max(initial=0.0)
    return tuple(name for name, use in zip(sizing.row_name, used, strict=True) if use)
