"""Large-neighbourhood search: HiGHS re-solves one neighbourhood of a plan after another."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array, csr_array

from siting.core.sizing_part import Part, Siting, activity, cut_out, put_back, solve_part
from siting.core.sizing_piles import violation_of
from siting.core.sizing_round import shaved

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from siting.structures import Sizing

SMALLEST, LARGEST = 6, 200
"""Sites in a neighbourhood."""
QUICK_S, SLOW_S = 0.3, 1.5
"""Neighbourhoods grow when solved faster than the one and shrink when slower than the other."""
PART_GAP = 4e-4
"""Relative gap at which a neighbourhood counts as solved."""


@dataclass(frozen=True, slots=True)
class Goal:
    """
    What the search aims at.

    Attributes
    ----------
    saving
        Worth of one CNY not spent, kWh/day.
    enough
        Weighted energy at which to stop, kWh/day.
    deadline
        `time.monotonic()` at which to stop.
    seed
        Random seed.
    """

    saving: float
    enough: float
    deadline: float
    seed: int


def energy_of(sizing: Sizing, plan: Siting) -> float:
    """Weighted energy that a plan serves, kWh/day."""
    return float((sizing.weight[sizing.point] * plan.serve).sum())


def cost_of(sizing: Sizing, plan: Siting) -> float:
    """Cost of a plan, CNY."""
    return float(sizing.fixed_cny @ plan.opened + (plan.piles @ sizing.pile_cny).sum())


def score_of(sizing: Sizing, plan: Siting, saving: float) -> tuple[float, float]:
    """Order of plans, the greater the better: rows kept first, then energy less saved money."""
    broken = float(violation_of(sizing, activity(sizing, plan)))
    return (-round(broken, 9), energy_of(sizing, plan) - saving * cost_of(sizing, plan))


def neighbours(sizing: Sizing) -> csr_array:
    """Energy that pairs of sites both reach, CSR, shape (J, J)."""
    shape = (len(sizing.fixed_cny), len(sizing.demand_kwh))
    ones = np.ones(len(sizing.site))
    reach = csr_array(coo_array((ones, (sizing.site, sizing.point)), shape=shape))
    energy = sizing.demand_kwh[sizing.point]
    asked = csr_array(coo_array((energy, (sizing.site, sizing.point)), shape=shape))
    return csr_array(asked @ reach.T)


def grow(
    near: csr_array, centre: int, size: int, usable: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    """Sites closest to a centre by the demand they share with the ones taken before, sorted."""
    taken = np.zeros(near.shape[0], dtype=bool)
    taken[centre] = True
    while True:
        pull = near[np.flatnonzero(taken)].sum(axis=0)
        pull = np.where(taken | ~usable, 0.0, np.asarray(pull).ravel())
        ring = np.flatnonzero(pull > 0)
        room = size - int(taken.sum())
        if not len(ring) or room <= 0:
            return np.flatnonzero(taken)
        taken[ring[np.argsort(-pull[ring], kind="stable")[:room]]] = True


def improve(
    sizing: Sizing,
    plan: Siting,
    share: npt.NDArray[np.float64],
    goal: Goal,
    tell: Callable[[Siting], None],
) -> Siting:
    """
    Improve a plan neighbourhood by neighbourhood until it is good enough or time runs out.

    Parameters
    ----------
    sizing
        The instance.
    plan
        A plan; it may break global rows, which the search then mends first.
    share
        Openness of each site in the relaxation, shape (J,): closed sites with none are left out.
    goal
        When to stop.
    tell
        Called with each better plan.

    Returns
    -------
    Siting
        The best plan found, never worse than the given one.
    """
    rng = np.random.default_rng(goal.seed)
    near = neighbours(sizing)
    usable = plan.opened | (share > 1e-3)  # noqa: PLR2004
    best, size = score_of(sizing, plan, goal.saving), 24
    stale = np.zeros(len(share))
    while time.monotonic() < goal.deadline and (best[0] < 0 or best[1] < goal.enough):
        served = np.bincount(sizing.point, plan.serve, minlength=len(sizing.demand_kwh))
        lack = (sizing.weight * np.maximum(sizing.demand_kwh - served, 0.0))[sizing.point]
        pull = np.bincount(sizing.site, lack, minlength=len(share)) + 1e-9
        pull = np.where(usable, pull / 4.0**stale, 0.0)
        if not pull.sum() > 0:
            break
        centre = int(rng.choice(len(share), p=pull / pull.sum()))
        sites = grow(near, centre, size, usable)
        started = time.monotonic()
        found = _resolve(sizing, plan, sites, goal)
        took = time.monotonic() - started
        stale[sites] += 0.5
        stale[centre] += 1.0
        if took < QUICK_S:
            size = min(LARGEST, int(size * 1.3) + 1)
        elif took > SLOW_S:
            size = max(SMALLEST, int(size * 0.75))
        if found is None:
            continue
        score = score_of(sizing, found, goal.saving)
        if score > best:
            plan, best = found, score
            stale[sites] *= 0.5
            tell(plan)
    return plan


def _resolve(
    sizing: Sizing, plan: Siting, sites: npt.NDArray[np.int64], goal: Goal
) -> Siting | None:
    """Solve one neighbourhood with everything else fixed."""
    part: Part = cut_out(sizing, plan, sites)
    start = Siting(plan.opened[sites], plan.piles[sites], plan.serve[part.arcs])
    seconds = min(2.0 * SLOW_S, max(0.2, goal.deadline - time.monotonic()))
    # A part that starts with a broken row has nothing to offer but its repair.
    found, _, _ = solve_part(
        part.sizing, saving=goal.saving, gap=PART_GAP, seconds=seconds, start=start, seed=goal.seed
    )
    if found is None:
        return None
    whole = put_back(plan, part, found)
    return replace(whole, serve=shaved(sizing, whole.piles, whole.serve))
