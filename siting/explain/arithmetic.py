"""What arithmetic alone says can't be: no solver, one sentence with its numbers each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from siting.core.sizing.bound import can_open, pile_limit
from siting.explain.parts import BUDGET, TARGET, Part, amount_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from siting.structures import Sizing

    Floats = npt.NDArray[np.float64]
    Fact = tuple[str, str]

ROUNDING = 1e-9
"""Relative difference that counts as none."""


def too_few(part: Part, most: float) -> Fact:
    """Say that everything there is comes to less than a part asks for."""
    asked, there = (
        [amount_text(value, part.unit, language) for language in ("zh", "en")]
        for value in (part.asked, most)
    )
    head = f"{part.clause} " if part.clause else ""
    return (
        f"{head}{part.zh}：要求 {asked[0]}，全部候选合计最多 {there[0]}",
        f"{head}{part.en}: {asked[1]} asked for, all candidates together hold at most {there[1]}",
    )


def too_dear(part: Part, least_cny: float, budget_cny: float) -> Fact:
    """Say that the cheapest way to have what a part asks for costs more than the budget."""
    zh, en = (amount_text(part.asked, part.unit, language) for language in ("zh", "en"))
    cost = [amount_text(least_cny, "cny", language) for language in ("zh", "en")]
    money = [amount_text(budget_cny, "cny", language) for language in ("zh", "en")]
    head = f"{part.clause} " if part.clause else ""
    return (
        f"{head}{part.zh}：达到 {zh} 最省也要 {cost[0]}，预算只有 {money[0]}",
        f"{head}{part.en}: the cheapest way to {en} costs {cost[1]}, the budget is {money[1]}",
    )


def sizing_facts(
    parts: Sequence[Part], rows: npt.NDArray[np.int64], sizing: Sizing
) -> tuple[Fact, ...]:
    """
    Check each target of a charging programme against all candidates, and against the budget.

    Parameters
    ----------
    parts
        Its parts.
    rows
        Global row of each part, shape (P,).
    sizing
        The instance.

    Returns
    -------
    facts
        A target above what every site at its largest comes to; a target whose cheapest way alone
        costs more than the budget.
    """
    budgets = [part.asked for part in parts if part.kind == BUDGET]
    budget = budgets[0] if budgets else np.inf
    facts: list[Fact] = []
    for part, row in zip(parts, rows.tolist(), strict=True):
        if part.kind != TARGET or not np.isfinite(part.asked):
            continue
        gain, cost = offers(sizing, row)
        most = float(gain.sum())
        if most < part.asked * (1 - ROUNDING):
            facts.append(too_few(part, most))
            continue
        least = cheapest_cny(gain, cost, part.asked)
        if least > budget * (1 + ROUNDING):
            facts.append(too_dear(part, least, budget))
    return tuple(facts)


def cheapest_cny(gain: Floats, cost: Floats, asked: float) -> float:
    """
    Return the least cost of an amount from offers that may be taken in part.

    Parameters
    ----------
    gain, cost
        Most of each offer, and cost of one unit of it, shape (n,).
    asked
        The amount, at most `gain.sum()`.
    """
    order = np.argsort(cost, kind="stable")
    before = np.concatenate([[0.0], np.cumsum(gain[order])[:-1]])
    taken = np.clip(asked - before, 0.0, gain[order])
    some = taken > 0
    return float(taken[some] @ cost[order][some])


def offers(sizing: Sizing, row: int) -> tuple[Floats, Floats]:
    """
    Return the most that each site adds to a global row, and the least cost of one unit of that.

    The cost of n piles over what they count is a mean of what n piles of one type each cost over
    what those count, and each of these is best at the least or the most piles; no price is below.
    """
    sites, types = sizing.allowed.shape
    opened = sizing.row_open[[row]].toarray().ravel()
    piles = sizing.row_piles[[row]].toarray().reshape(sites, types)
    served = sizing.row_served[[row]].toarray().ravel()
    usable = can_open(sizing)
    limit = np.where(usable[:, None], pile_limit(sizing), 0.0)
    stands = limit > 0
    if served.any():
        return _served(sizing, served, usable, limit)
    most = limit.max(axis=1, initial=0.0)[:, None]
    least = np.minimum(np.maximum(sizing.min_piles, 1)[:, None], most)
    best = np.where(stands, piles, 0.0).max(axis=1, initial=0.0)
    gain = np.where(usable, opened + best * most.ravel(), 0.0)
    price = np.full(sites, np.inf)
    for number in (least, most):
        each = opened[:, None] + piles * number
        paid = sizing.fixed_cny[:, None] + sizing.pile_cny * number
        good = stands & (each > 0)
        ratio = np.divide(paid, each, out=np.full(each.shape, np.inf), where=good)
        price = np.minimum(price, ratio.min(axis=1))
    gain = np.where(np.isfinite(price), np.maximum(gain, 0.0), 0.0)
    return gain, np.where(np.isfinite(price), np.maximum(price, 0.0), 0.0)


def _served(
    sizing: Sizing, served: Floats, usable: npt.NDArray[np.bool_], limit: Floats
) -> tuple[Floats, Floats]:
    """Return the demand of each point in reach, and the price of the cheapest pile's energy."""
    reached = np.zeros(len(sizing.demand_kwh), dtype=bool)
    reached[sizing.point[usable[sizing.site]]] = True
    some = (limit > 0).any(axis=0) & (sizing.pile_kwh > 0)
    kwh = sizing.pile_cny[some] / sizing.pile_kwh[some]
    price = float(kwh.min()) if len(kwh) and not sizing.kept.any() else 0.0
    gain = np.where(reached, sizing.demand_kwh * np.maximum(served, 0.0), 0.0)
    return gain, np.full(len(gain), price)
