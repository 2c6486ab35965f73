"""Large-neighbourhood search: HiGHS re-solves one neighbourhood of a plan after another."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array, csr_array, vstack

from siting.core.sizing.check import USE_TOLERANCE, least_served
from siting.core.sizing.part import (
    Effort,
    Part,
    Siting,
    activity,
    cut_out,
    put_back,
    search_part,
)
from siting.core.sizing.piles import violation_of
from siting.core.sizing.round import shaved

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from siting.structures import Sizing

MEND_PRICE = 100.0
"""Price of breaking a row by its whole bound, in units of all demand."""
CORE_SHARE = 0.75
"""Share of the neighbourhoods drawn from sites that the relaxation opens."""
SMALLEST, FIRST, LARGEST = 6, 30, 200
"""Sites in a neighbourhood."""
MOST_NODES = 60
"""Branch-and-bound nodes a neighbourhood; it shrinks when they run out, and grows when the root
node settles it. Counted, not timed, so that the same seed gives the same plan."""
MOST_ARCS = 6000
"""Arcs in a neighbourhood."""
TIGHT = 0.01
"""Room in a capped row, as a share of its bound, below which money is not saved any more."""
MOST_CHEAPENED = 3
"""Neighbourhoods that are made cheaper at most."""
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
    cheap_cny
        Cost at which to stop where the least cost is looked for; `-inf` where energy is.
    """

    saving: float
    enough: float
    deadline: float
    seed: int
    cheap_cny: float = -np.inf


def energy_of(sizing: Sizing, plan: Siting) -> float:
    """Weighted energy that a plan serves, kWh/day."""
    return float((sizing.weight[sizing.point] * plan.serve).sum())


def cost_of(sizing: Sizing, plan: Siting) -> float:
    """Cost of a plan, CNY."""
    return float(sizing.fixed_cny @ plan.opened + (plan.piles @ sizing.pile_cny).sum())


def score_of(sizing: Sizing, plan: Siting, saving: float) -> tuple[float, float]:
    """Order of plans, the greater the better: rows kept first, then energy less saved money."""
    broken = float(violation_of(sizing, activity(sizing, plan)))
    broken += float(use_lacking(sizing, plan).sum()) / max(float(sizing.demand_kwh.sum()), 1.0)
    return (-round(broken, 9), energy_of(sizing, plan) - saving * cost_of(sizing, plan))


def use_lacking(sizing: Sizing, plan: Siting) -> npt.NDArray[np.float64]:
    """Energy that each site serves too little to be used enough, kWh/day, shape (J,)."""
    given = np.bincount(sizing.site, plan.serve, minlength=len(plan.opened))
    lack = least_served(sizing, plan.piles) * (1 - USE_TOLERANCE) - given
    return np.asarray(np.maximum(lack, 0.0))


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


@dataclass(frozen=True, slots=True)
class Field:
    """
    Where the search looks.

    Attributes
    ----------
    core
        Sites open in the plan or, in part, in the relaxation, bool, shape (J,).
    hopeful
        Every site that a better plan can have open, bool, shape (J,).
    near
        Energy that pairs of sites both reach, CSR, shape (J, J).
    arcs
        Arcs of each site, shape (J,).
    """

    core: npt.NDArray[np.bool_]
    hopeful: npt.NDArray[np.bool_]
    near: csr_array
    arcs: npt.NDArray[np.int64]


def improve(
    sizing: Sizing, plan: Siting, field: Field, goal: Goal, tell: Callable[[Siting], None]
) -> Siting:
    """
    Improve a plan neighbourhood by neighbourhood until it is good enough or time runs out.

    A neighbourhood is one or two clusters of sites that share demand (two let money move across the
    city), mostly among the sites that the relaxation opens, now and then among all hopeful ones.

    Parameters
    ----------
    sizing
        The instance.
    plan
        A plan; it may break global rows, which the search then mends first.
    field
        Where to look.
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
    best, size = score_of(sizing, plan, goal.saving), FIRST
    stale = np.zeros(len(field.core))
    while time.monotonic() < goal.deadline and (best[0] < 0 or not good_enough(sizing, plan, goal)):
        usable = plan.opened | (field.core if rng.random() < CORE_SHARE else field.hopeful)
        sites = _neighbourhood(sizing, plan, (field, usable, stale), size, rng)
        if not len(sites):
            break
        found, nodes = _resolve(sizing, plan, sites, goal, mend=best[0] < 0)
        stale[sites] += 1.0
        if nodes <= 1:
            size = min(LARGEST, int(size * 1.25) + 1)
        elif nodes >= MOST_NODES:
            size = max(SMALLEST, int(size * 0.75))
        if found is None:
            continue
        score = score_of(sizing, found, goal.saving)
        if score > best:
            plan, best = found, score
            stale[sites] = 0.0
            tell(plan)
    return plan


def good_enough(sizing: Sizing, plan: Siting, goal: Goal) -> bool:
    """Whether a plan that keeps every row ends the search."""
    return energy_of(sizing, plan) >= goal.enough or cost_of(sizing, plan) <= goal.cheap_cny


def merit_of(sizing: Sizing, plan: Siting, goal: Goal) -> float:
    """Weigh a plan by what the search is for, kWh/day: energy, or else what is not spent."""
    if np.isfinite(goal.cheap_cny):
        return -goal.saving * cost_of(sizing, plan)
    return energy_of(sizing, plan)


def _neighbourhood(
    sizing: Sizing,
    plan: Siting,
    where: tuple[Field, npt.NDArray[np.bool_], npt.NDArray[np.float64]],
    size: int,
    rng: np.random.Generator,
) -> npt.NDArray[np.int64]:
    """Draw one or two clusters around centres with much unserved demand and few looks so far."""
    field, usable, stale = where
    served = np.bincount(sizing.point, plan.serve, minlength=len(sizing.demand_kwh))
    lack = (sizing.weight * np.maximum(sizing.demand_kwh - served, 0.0))[sizing.point]
    pull = np.bincount(sizing.site, lack, minlength=len(usable)) + 1e-9
    lacking = use_lacking(sizing, plan) > 0
    if lacking.any():
        # A plan that isn't one yet is mended first, where it is broken.
        pull = np.where(lacking, 1.0, 0.0)
    pull = np.where(usable, pull / 2.0 ** (stale - stale.min(initial=0.0)), 0.0)
    if not pull.sum() > 0:
        return np.zeros(0, dtype=np.int64)
    clusters = int(rng.integers(1, 3))
    sites = np.zeros(0, dtype=np.int64)
    for centre in rng.choice(len(usable), size=clusters, p=pull / pull.sum()):
        each = max(SMALLEST, size // clusters)
        cluster = grow(field.near, int(centre), each, usable)
        while len(cluster) > SMALLEST and field.arcs[cluster].sum() > MOST_ARCS // clusters:
            each = max(SMALLEST, int(each * 0.75))
            cluster = grow(field.near, int(centre), each, usable)
        sites = np.union1d(sites, cluster)
    return sites


def _resolve(
    sizing: Sizing, plan: Siting, sites: npt.NDArray[np.int64], goal: Goal, *, mend: bool
) -> tuple[Siting | None, int]:
    """Solve one neighbourhood with everything else fixed; also the nodes it took."""
    part: Part = cut_out(sizing, plan, sites)
    start = Siting(plan.opened[sites], plan.piles[sites], plan.serve[part.arcs])
    left = max(0.2, goal.deadline - time.monotonic())
    effort = Effort(PART_GAP, left, MOST_NODES, goal.seed)
    price = MEND_PRICE * float(sizing.demand_kwh.sum()) if mend else 0.0
    found, nodes = search_part(part.sizing, start, saving=goal.saving, effort=effort, price=price)
    if found is None:
        return None, nodes
    whole = put_back(plan, part, found)
    return replace(whole, serve=shaved(sizing, whole.piles, whole.serve)), nodes


def least_cost(sizing: Sizing, energy: float) -> Sizing:
    """Turn an instance into that of least cost at no less than some weighted energy served."""
    sites, types = sizing.allowed.shape
    return replace(
        sizing,
        weight=np.zeros_like(sizing.weight),
        row_name=(*sizing.row_name, "energy served"),
        row_open=csr_array(vstack([sizing.row_open, csr_array((1, sites))])),
        row_piles=csr_array(vstack([sizing.row_piles, csr_array((1, sites * types))])),
        row_served=csr_array(vstack([sizing.row_served, csr_array(sizing.weight[None])])),
        row_lower=np.append(sizing.row_lower, energy),
        row_upper=np.append(sizing.row_upper, np.inf),
    )


def tight(sizing: Sizing, plan: Siting) -> bool:
    """Whether a row with an upper bound, such as the budget, leaves next to nothing."""
    level = activity(sizing, plan)
    capped = np.isfinite(sizing.row_upper)
    room = sizing.row_upper[capped] - level[capped]
    return bool((room <= TIGHT * abs(sizing.row_upper[capped])).any())


def cheapen(sizing: Sizing, plan: Siting, field: Field, goal: Goal) -> Siting:
    """
    Serve as much for less money: least cost in one neighbourhood after another.

    Looks at each open station about once, so the effort is counted, not timed.
    """
    rng = np.random.default_rng(goal.seed)
    stale = np.zeros(len(field.core))
    for _ in range(MOST_CHEAPENED):
        if time.monotonic() > goal.deadline:
            break
        looked = stale[plan.opened] > 0
        if looked.all():
            break
        usable = field.near.diagonal() > 0
        sites = _neighbourhood(sizing, plan, (field, usable, stale), FIRST, rng)
        if not len(sites):
            break
        stale[sites] += 1.0
        part = cut_out(sizing, plan, sites)
        own = Siting(plan.opened[sites], plan.piles[sites], plan.serve[part.arcs])
        level = energy_of(part.sizing, own)
        aim = least_cost(part.sizing, level * (1 - 1e-9))
        left = max(0.2, goal.deadline - time.monotonic())
        effort = Effort(1e-3, left, MOST_NODES, goal.seed)
        found, _ = search_part(aim, own, saving=1e-3, effort=effort)
        if found is None:
            continue
        trial = put_back(plan, part, found)
        trial = replace(trial, serve=shaved(sizing, trial.piles, trial.serve))
        kept = energy_of(sizing, trial) >= energy_of(sizing, plan) * (1 - 1e-9)
        if kept and cost_of(sizing, trial) < cost_of(sizing, plan) - 1.0:
            plan = trial
    return plan
