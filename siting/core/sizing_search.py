"""Large-neighbourhood search: HiGHS re-solves one neighbourhood of a plan after another."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array, csr_array

from siting.core.sizing_part import (
    Effort,
    Part,
    Siting,
    activity,
    cut_out,
    put_back,
    search_part,
)
from siting.core.sizing_piles import violation_of
from siting.core.sizing_round import shaved

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from siting.structures import Sizing

SMALLEST, LARGEST = 6, 200
"""Sites in a neighbourhood."""
MOST_NODES = 60
"""Branch-and-bound nodes a neighbourhood; it shrinks when they run out, and grows when the root
node settles it. Counted, not timed, so that the same seed gives the same plan."""
MOST_ARCS = 6000
"""Arcs in a neighbourhood."""
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
    usable: npt.NDArray[np.bool_],
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
    usable
        Sites worth looking at, open ones among them, bool, shape (J,).
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
    best, size = score_of(sizing, plan, goal.saving), 24
    stale = np.zeros(len(usable))
    arcs = np.bincount(sizing.site, minlength=len(usable))
    while time.monotonic() < goal.deadline and (
        best[0] < 0 or energy_of(sizing, plan) < goal.enough
    ):
        served = np.bincount(sizing.point, plan.serve, minlength=len(sizing.demand_kwh))
        lack = (sizing.weight * np.maximum(sizing.demand_kwh - served, 0.0))[sizing.point]
        pull = np.bincount(sizing.site, lack, minlength=len(usable)) + 1e-9
        pull = np.where(usable, pull / 4.0**stale, 0.0)
        if not pull.sum() > 0:
            break
        centre = int(rng.choice(len(usable), p=pull / pull.sum()))
        sites = grow(near, centre, size, usable)
        while len(sites) > SMALLEST and arcs[sites].sum() > MOST_ARCS:
            size = max(SMALLEST, int(size * 0.75))
            sites = grow(near, centre, size, usable)
        found, nodes = _resolve(sizing, plan, sites, goal)
        stale[sites] += 0.5
        stale[centre] += 1.0
        if nodes <= 1:
            size = min(LARGEST, int(size * 1.25) + 1)
        elif nodes >= MOST_NODES:
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
) -> tuple[Siting | None, int]:
    """Solve one neighbourhood with everything else fixed; also the nodes it took."""
    part: Part = cut_out(sizing, plan, sites)
    start = Siting(plan.opened[sites], plan.piles[sites], plan.serve[part.arcs])
    left = max(0.2, goal.deadline - time.monotonic())
    effort = Effort(PART_GAP, left, MOST_NODES, goal.seed)
    found, nodes = search_part(part.sizing, start, saving=goal.saving, effort=effort)
    if found is None:
        return None, nodes
    whole = put_back(plan, part, found)
    return replace(whole, serve=shaved(sizing, whole.piles, whole.serve)), nodes
