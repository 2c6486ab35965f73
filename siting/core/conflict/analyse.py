"""What an instance lacks, which of its parts collide, and what each would have to give."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from siting.core.conflict.elastic import TINY, Ask, Weighed

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Bools = npt.NDArray[np.bool_]
    Weigh = Callable[[Ask], Weighed]

MOST_CONFLICTS = 3
"""Most conflicts that are told; each has no part in common with the others."""


@dataclass(frozen=True, slots=True)
class Parts:
    """
    What the parts of an instance are; P parts.

    Attributes
    ----------
    target
        Whether a part is a target, which gives way when shortfalls are asked for; else a limit,
        bool, shape (P,).
    weight
        Price of a whole shortage of each part when shortfalls are asked for, > 0, shape (P,).
    budget
        The part that is the budget, -1 for none.
    """

    target: Bools
    weight: Floats
    budget: int


@dataclass(frozen=True, slots=True)
class Range:
    """
    How far one part has to give way for the others to hold.

    Attributes
    ----------
    part
        The part.
    low, high
        By no less than this, and by this in a plan that was found, in sizes of the part; infinite
        where the others can't hold whatever it gives, and where no plan was found.
    proof
        What `low` rests on, "" for nothing.
    """

    part: int
    low: float
    high: float
    proof: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """
    Parts that can't hold together.

    Attributes
    ----------
    parts
        The parts.
    proof
        What that rests on.
    needed
        Whether a plan was found that keeps the others once this one is left out, for each; where it
        holds for all the set is a smallest one.
    ranges
        How far each alone has to give way for all parts outside of other conflicts to hold.
    least
        Level of the budget below which the other parts of the conflict can't hold by themselves, in
        budgets; 0 where it wasn't asked for.
    """

    parts: tuple[int, ...]
    proof: str
    needed: tuple[bool, ...]
    ranges: tuple[Range, ...]
    least: float = 0.0


@dataclass(frozen=True, slots=True)
class Analysis:
    """
    What an instance comes to.

    Attributes
    ----------
    verdict
        `feasible` (a plan keeps every part), `infeasible` (proven) or `open`.
    shortfall
        The least sum of shortages with the limits as they are; with the limits giving way too where
        they can't hold by themselves.
    limits_hold
        Whether the limits hold while targets give way, so that `shortfall` is of targets alone.
    conflicts
        Conflicts without a part in common; empty unless infeasible.
    cost
        Least level of the budget for which every other part holds, in budgets; None where there is
        no budget.
    price
        What one more size of each part adds to that least level by the relaxation's multipliers, in
        budgets, shape (P,).
    plan
        Columns of the plan of that least level; empty where none was found.
    """

    verdict: str
    shortfall: Weighed
    limits_hold: bool
    conflicts: tuple[Conflict, ...]
    cost: Range | None
    price: Floats
    plan: Floats = field(default_factory=partial(np.zeros, 0))


def analyse(
    parts: Parts,
    weigh: Weigh,
    *,
    trees: bool = True,
    tell: Callable[[Analysis], None] | None = None,
    alone: bool = False,
) -> Analysis:
    """
    Answer everything about one instance.

    Parameters
    ----------
    parts
        What the parts are.
    weigh
        Answers questions on the instance.
    tell
        Told what is known so far, after each of the three steps.
    trees
        Whether a step of the filter may branch and bound; else it asks for the bound alone.
    alone
        Whether to ask how much money each conflict needs by itself.

    Returns
    -------
    Analysis
        Shortfalls come first; where parts collide, a deletion filter (Chinneck 2008, ch. 6) over
        those that the proof leans on leaves a smallest set as far as each step can be proven.
    """
    shortfall = weigh(Ask(np.where(parts.target, parts.weight, np.inf)))
    holds = bool(np.isfinite(shortfall.low))
    if not holds:
        shortfall = weigh(Ask(parts.weight))
    short = shortfall.low > TINY
    verdict = "infeasible" if short else "feasible" if shortfall.high <= TINY else "open"
    known = Analysis(verdict, shortfall, holds, (), None, np.zeros(len(parts.target)))
    _told(known, tell)
    if short:
        found = _conflicts(parts, weigh, shortfall, trees=trees)
        if alone:
            found = tuple(_with_least(parts, weigh, one, trees=trees) for one in found)
        known = replace(known, conflicts=found)
        _told(known, tell)
    cost, least = _least_budget(parts, weigh, known.conflicts)
    if least is not None:
        known = replace(known, price=least.multiplier, plan=least.values)
    known = replace(known, cost=cost)
    _told(known, tell)
    every = known.conflicts
    ranged = tuple(_ranged(parts, weigh, one, every, cost) for one in every)
    return replace(known, conflicts=ranged)


def _told(known: Analysis, tell: Callable[[Analysis], None] | None) -> None:
    if tell is not None:
        tell(known)


def _conflicts(parts: Parts, weigh: Weigh, first: Weighed, *, trees: bool) -> tuple[Conflict, ...]:
    """Find conflicts one after another, each without the parts of those before."""
    count = len(parts.target)
    left = np.ones(count, dtype=bool)
    found: list[Conflict] = []
    proof = first
    while len(found) < MOST_CONFLICTS:
        if found:
            proof = weigh(_held(left, plan=trees))
            if not proof.low > TINY:
                break
        leans = left & proof.leans
        conflict = _filtered(parts, weigh, leans, proof, trees=trees)
        if not conflict.parts:
            break
        found.append(conflict)
        left[list(conflict.parts)] = False
    return tuple(found)


def _held(inside: Bools, *, plan: bool) -> Ask:
    """Ask whether some parts hold together, the others left out."""
    return Ask(np.where(inside, np.inf, 0.0), plan=plan)


def _filtered(parts: Parts, weigh: Weigh, leans: Bools, proof: Weighed, *, trees: bool) -> Conflict:
    """Leave one part after another out while the rest still can't hold."""
    inside = leans.copy()
    word = proof.proof
    # Limits first and the budget last, and what the proof leans on least before what it needs most.
    rank = proof.multiplier + np.where(parts.target, 1e6, 0.0)
    if parts.budget >= 0:
        rank[parts.budget] = np.inf
    settled = np.zeros(len(inside), dtype=bool)
    while (inside & ~settled).any():
        trial = np.flatnonzero(inside & ~settled)
        part = int(trial[np.argmin(rank[trial])])
        rest = inside.copy()
        rest[part] = False
        answer = weigh(_held(rest, plan=trees))
        if answer.low > TINY:
            inside, word = rest & answer.leans, answer.proof
            settled &= inside
        else:
            settled[part] = True
    members = tuple(np.flatnonzero(inside).tolist())
    return Conflict(members, word, (), ())


def _least_budget(
    parts: Parts, weigh: Weigh, conflicts: tuple[Conflict, ...]
) -> tuple[Range | None, Weighed | None]:
    """Find the least level of the budget for which every other part holds."""
    if parts.budget < 0:
        return None, None
    if any(parts.budget not in conflict.parts for conflict in conflicts):
        proof = next(c.proof for c in conflicts if parts.budget not in c.parts)
        return Range(parts.budget, np.inf, np.inf, proof), None
    price = np.full(len(parts.target), np.inf)
    price[parts.budget] = 1.0
    found = weigh(Ask(price, from_zero=parts.budget))
    return Range(parts.budget, found.low, found.high, found.proof), found


def _with_least(parts: Parts, weigh: Weigh, conflict: Conflict, *, trees: bool) -> Conflict:
    """Ask how much money the other parts of a conflict with the budget need by themselves."""
    if parts.budget not in conflict.parts:
        return conflict
    price = np.zeros(len(parts.target))
    price[list(conflict.parts)] = np.inf
    price[parts.budget] = 1.0
    return replace(conflict, least=weigh(Ask(price, trees, parts.budget)).low)


def _ranged(
    parts: Parts,
    weigh: Weigh,
    conflict: Conflict,
    conflicts: tuple[Conflict, ...],
    cost: Range | None,
) -> Conflict:
    """Ask of each part of a conflict how far it alone has to give way."""
    others = [part for one in conflicts if one is not conflict for part in one.parts]
    ranges, needed = [], []
    for part in conflict.parts:
        price = np.full(len(parts.target), np.inf)
        price[others], price[part] = 0.0, 1.0
        if part == parts.budget and cost is not None and np.isfinite(cost.low) and not others:
            low, high, proof = max(cost.low - 1, 0.0), max(cost.high - 1, 0.0), cost.proof
        else:
            found = weigh(Ask(price))
            low, high, proof = found.low, found.high, found.proof
        if np.isfinite(high):
            needed.append(True)
        else:
            rest = np.zeros(len(parts.target), dtype=bool)
            rest[[p for p in conflict.parts if p != part]] = True
            needed.append(not rest.any() or weigh(_held(rest, plan=True)).high <= TINY)
        ranges.append(Range(part, low, high, proof))
    return replace(conflict, needed=tuple(needed), ranges=tuple(ranges))
