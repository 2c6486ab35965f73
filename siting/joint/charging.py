"""The charging programme within what one budget leaves it, with the bound of the joint plan."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from siting.charging.budgets import BUDGET, STEP, fits_nothing, share_that_fits
from siting.charging.fairness import Found, solve_charging
from siting.core.outcome import Status
from siting.core.sizing.bound import sizing_bound
from siting.errors import InfeasibleError
from siting.structures import Sizing

if TYPE_CHECKING:
    from collections.abc import Callable

    from siting.core.outcome import Outcome, TracePoint
    from siting.demand.charging import Demand
    from siting.joint.money import Money
    from siting.model.model import Model
    from siting.programme import Programme
    from siting.reach.distance import Reach

HIGHER = (0.0, STEP, 4 * STEP)
"""Shares above the least without a plan that are tried for a proof."""


@dataclass(frozen=True, slots=True)
class Within:
    """
    The charging programme solved within the joint budget.

    Attributes
    ----------
    found
        Programme and outcome.
    bound_kwh_day
        Proven bound on the energy of every joint plan that holds the targets as they were held.
    share
        The targets of charging were held at this share of what they ask; 1 in full.
    most_share
        Least share for which no plan was found; 1 in full.
    proven
        Whether no joint plan that meets the other programmes' targets holds those of charging at
        `most_share`; true where they are met.
    """

    found: Found
    bound_kwh_day: float
    share: float
    most_share: float
    proven: bool


def charging_within(
    formulate: Callable[[Model], Programme],
    model: Model,
    money: Money,
    ground: tuple[Demand, Reach],
    progress: Callable[[TracePoint], None] | None = None,
) -> Within:
    """
    Solve charging within its money; short of its targets by the least share where it has to be.

    Parameters
    ----------
    formulate
        Makes the programme of a model.
    model
        The planning model, whose charging budget is the money that it may take.
    money
        How the budget is divided.
    ground
        Demand and reach.
    progress
        Told incumbent and bound.

    Raises
    ------
    InfeasibleError
        There is no plan even without targets.
    """
    found = solve_charging(formulate, model, *ground, progress)
    share, most_share, proven = 1.0, 1.0, True
    if found.outcome.status is Status.INFEASIBLE:
        bought = share_that_fits(formulate, model, money.charging_cny)
        if bought.decision is None:
            raise InfeasibleError(
                found.outcome.message or "the money doesn't pay for what has to be built",
                where="budget",
                value=f"{money.charging_cny or math.inf:,.0f} CNY are left to charging",
                cure="Raise the budget; sites that have to be open cost more than there is",
            )
        found = Found(bought.programme, bought.outcome)
        share = bought.share
        most_share, proven = _proof(formulate, model, money, share, bought.most_share)
    return Within(
        found, joint_bound(found.programme, found.outcome, money), share, most_share, proven
    )


def _proof(
    formulate: Callable[[Model], Programme],
    model: Model,
    money: Money,
    share: float,
    most_share: float,
) -> tuple[float, bool]:
    """Find a share that no plan reaches even where the others take the least that they can."""
    if share >= 1.0:
        return 1.0, True
    for more in HIGHER:
        tried = min(1.0, most_share + more)
        if fits_nothing(formulate, model, money.charging_most_cny, tried):
            return tried, True
    return most_share, False


def joint_bound(programme: Programme, outcome: Outcome, money: Money) -> float:
    """
    Bound the energy served by every joint plan.

    The other programmes may cost less than they do, down to their certified least. What
    multipliers prove for one budget they prove for every other, as the budget stands in the bound
    once: so they are evaluated at the money that charging could have at most.

    Parameters
    ----------
    programme, outcome
        The charging programme and how it ended.
    money
        How the budget is divided.

    Returns
    -------
    bound_kwh_day
        At least what the plan serves.
    """
    sizing, most = programme.structure, money.charging_most_cny
    same = most is None or money.charging_cny is None or most <= money.charging_cny
    if same or not isinstance(sizing, Sizing) or most is None:
        return outcome.bound
    bound = float((sizing.demand_kwh * sizing.weight).sum())
    if outcome.certificate and BUDGET in sizing.row_name:
        bound = min(bound, sizing_bound(with_budget(sizing, most), outcome.certificate))
    return max(bound, outcome.objective)


def with_budget(sizing: Sizing, most_cny: float) -> Sizing:
    """Return an instance with another limit in its row of the budget."""
    upper = np.array(sizing.row_upper, dtype=float)
    upper[sizing.row_name.index(BUDGET)] = most_cny
    return replace(sizing, row_upper=upper)
