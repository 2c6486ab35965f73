"""Totals from low to high: what each leaves to charging, what that buys, and the joint bound."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from siting.charging.budgets import fits_nothing, solve_budgets
from siting.core.sizing.bound import sizing_bound
from siting.joint.charging import joint_bound, with_budget
from siting.joint.money import left_to_charging, limiting, overruns
from siting.structures import Sizing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from siting.charging.budgets import Bought
    from siting.joint.money import Money, Overrun, Taken
    from siting.model.budget import Budget
    from siting.model.model import Model
    from siting.programme import Programme


@dataclass(frozen=True, slots=True)
class Purse:
    """
    How one total is divided.

    Attributes
    ----------
    total_cny
        The total.
    budget
        The budget with that total.
    money
        What it leaves to charging; nothing or less where it doesn't do for the others.
    limited_by
        What limits charging: `total`, `own`, `fund <name>`, `years` or `years of fund <name>`.
    overruns
        Pots that are too small for what is planned beside charging.
    """

    total_cny: float
    budget: Budget
    money: Money
    limited_by: str
    overruns: tuple[Overrun, ...]

    @property
    def charging_cny(self) -> float:
        """Most that charging may cost; `inf` without a limit."""
        return math.inf if self.money.charging_cny is None else self.money.charging_cny

    @property
    def most_cny(self) -> float:
        """Most that charging could have beside any plans of the others."""
        most = self.money.charging_most_cny
        return math.inf if most is None else most

    @property
    def does(self) -> bool:
        """Whether it pays for the others and leaves something to charging."""
        return not self.overruns and self.charging_cny > 0


@dataclass(frozen=True, slots=True)
class Purchase:
    """
    What one total buys.

    Attributes
    ----------
    purse
        How it is divided.
    bought
        What charging buys of it; None where nothing is left to charging.
    bound_kwh_day
        Proven bound on the energy of every joint plan that holds the targets as they were held;
        NaN where none is.
    most_share, proven
        As of `Bought`, of every joint plan within the total.
    """

    purse: Purse
    bought: Bought | None
    bound_kwh_day: float
    most_share: float
    proven: bool

    @property
    def planned(self) -> bool:
        """Whether there is a plan."""
        return self.bought is not None and self.bought.decision is not None

    @property
    def share(self) -> float:
        """Share of the targets of charging that are held; 0 without a plan."""
        return 0.0 if self.bought is None else self.bought.share


def with_total(budget: Budget, total_cny: float) -> Budget:
    """
    Return a budget with another total.

    Yearly money is how the total is spread, and keeps its shares of it. Funds are granted for
    their purpose and stay, in all and by year; interim targets stay too.

    Parameters
    ----------
    budget
        The budget of a model. Without a total of its own, yearly money stays.
    total_cny
        The other total, CNY.
    """
    ratio = 1.0 if budget.total_cny is None else total_cny / budget.total_cny
    years = [
        year.model_copy(update={"most_cny": year.most_cny and year.most_cny * ratio})
        for year in budget.years
    ]
    return budget.model_copy(update={"total_cny": total_cny, "years": tuple(years)})


def purse_of(model: Model, taken: Mapping[str, Taken], total_cny: float) -> Purse:
    """
    Divide a total.

    Parameters
    ----------
    model
        The model, with a budget.
    taken
        What the programmes beside charging take.
    total_cny
        The total, CNY.
    """
    assert model.budget is not None  # noqa: S101
    budget, own = with_total(model.budget, total_cny), model.charging.budget_cny
    money = left_to_charging(budget, own, taken)
    return Purse(total_cny, budget, money, limiting(budget, own, taken), overruns(budget, taken))


def solve_totals(
    formulate: Callable[[Model], Programme],
    model: Model,
    taken: Mapping[str, Taken],
    totals: Sequence[float],
    told: Callable[[Bought], None] | None = None,
) -> tuple[Purchase, ...]:
    """
    Solve charging within what each of several totals leaves it.

    The other programmes are planned once: a total changes nothing for them but whether it pays for
    them. What totals leave to charging rises with them, so `solve_budgets` solves each amount from
    the one before; an amount that several totals leave, because something else limits charging, is
    solved once. What multipliers prove for any amount they prove for the most that charging could
    have of any total, so each joint bound is the least that any of them proves.

    Parameters
    ----------
    formulate
        Makes the charging programme of a model.
    model
        The planning model, with a budget; its total is not used but for the spread of the years.
    taken
        What the programmes beside charging take.
    totals
        Totals, CNY.
    told
        Told of each amount for charging as it is solved.

    Returns
    -------
    purchases
        In ascending order of the totals. What a larger total buys holds no smaller share of the
        targets, and at the same share never serves less; neither has it a lower bound.
    """
    purses = [purse_of(model, taken, total) for total in sorted(totals)]
    amounts = sorted({purse.charging_cny for purse in purses if purse.does})
    solved = solve_budgets(formulate, model, amounts, told) if amounts else ()
    by_amount = {one.budget_cny: one for one in solved}
    found = [_purchase(purse, by_amount) for purse in purses]
    return _proven(formulate, model, _bounded(found, solved))


def _purchase(purse: Purse, by_amount: Mapping[float, Bought]) -> Purchase:
    one = by_amount[purse.charging_cny] if purse.does else None
    if one is None:
        gone = any(over.least_cny > over.most_cny for over in purse.overruns) or purse.most_cny < 0
        return Purchase(purse, None, math.nan, 0.0, gone)
    return Purchase(purse, one, math.nan, one.most_share, one.proven)


def _bounded(found: Sequence[Purchase], solved: Sequence[Bought]) -> list[Purchase]:
    """Bound each point by every multiplier, and by what a larger amount is bounded by."""
    whole = [one for one in solved if one.share >= 1]
    done, least = list(found), math.inf
    for n in reversed(range(len(found))):
        point = found[n]
        if point.bought is None or not point.planned:
            continue
        if point.share < 1:
            bound = joint_bound(point.bought.programme, point.bought.outcome, point.purse.money)
            done[n] = replace(point, bound_kwh_day=bound)
            continue
        bound = _bound_at(point.bought, point.purse.most_cny, whole)
        # None lies below its own plan, whatever rounding takes off.
        least = max(min(least, bound), point.bought.served_kwh_day)
        done[n] = replace(point, bound_kwh_day=least)
    return done


def _bound_at(point: Bought, most_cny: float, whole: Sequence[Bought]) -> float:
    """Bound the energy of plans that meet all targets and cost at most `most_cny`."""
    larger = [one.bound_kwh_day for one in whole if one.budget_cny >= most_cny]
    sizing = point.programme.structure
    if not isinstance(sizing, Sizing):
        return min(larger, default=math.nan)
    bound = min([float((sizing.demand_kwh * sizing.weight).sum()), *larger])
    if not math.isfinite(most_cny):
        return bound
    at = with_budget(sizing, most_cny)
    proofs = [one.outcome.certificate for one in whole if np.isfinite(one.price_kwh_cny)]
    return min([bound, *(sizing_bound(at, proof) for proof in proofs)])


def _proven(
    formulate: Callable[[Model], Programme], model: Model, found: Sequence[Purchase]
) -> tuple[Purchase, ...]:
    """Prove where targets don't fit also for the most that charging could have of a total."""
    done = list(found)
    for n in reversed(range(len(found))):
        point = found[n]
        if point.bought is None or point.share >= 1:
            continue
        if point.purse.most_cny > point.bought.budget_cny:
            done[n] = _prove(formulate, model, point, done[n + 1 :])
    return tuple(done)


def _prove(
    formulate: Callable[[Model], Programme],
    model: Model,
    point: Purchase,
    larger: Sequence[Purchase],
) -> Purchase:
    """Show that no joint plan holds the share above, itself or by a larger amount's proof."""
    most = point.purse.most_cny
    if fits_nothing(formulate, model, most, point.most_share):
        return replace(point, proven=True)
    for other in larger:
        enough = other.bought is not None and other.bought.budget_cny >= most
        if enough and other.proven and other.share < 1:
            return replace(point, most_share=other.most_share, proven=True)
    return replace(point, proven=False)


def least_charging_cny(sizing: Sizing) -> float:
    """Return what sites that have to be open cost at least, with their fewest piles, CNY."""
    cheapest = np.where(sizing.allowed, sizing.pile_cny, np.inf).min(axis=1)
    more = np.maximum(0, sizing.min_piles - sizing.kept.sum(axis=1))
    piles = np.where(more > 0, more * np.where(np.isfinite(cheapest), cheapest, 0.0), 0.0)
    cost = sizing.fixed_cny + sizing.kept @ sizing.pile_cny + piles
    return float(cost[sizing.forced].sum())
