"""What was found out about a programme, in amounts of its clauses."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from siting.core.conflict.elastic import TINY
from siting.explain.parts import TARGET, Part, whole_up

if TYPE_CHECKING:
    from siting.core.conflict.analyse import Analysis, Range
    from siting.explain.parts import Puzzle

ONE_PERCENT = 0.99
"""A least budget is closed in when this share of it is proven to be too little."""


@dataclass(frozen=True, slots=True)
class Lack:
    """
    How far one part gives way.

    Attributes
    ----------
    part
        The part.
    low, high
        By no less than this, and by this in a plan that was found, in its unit; `inf` where it
        can't be had by this part alone, and where no plan was found.
    proof
        What `low` rests on, "" for nothing.
    needed
        Whether a plan was found that keeps all others of its conflict without this one.
    """

    part: Part
    low: float
    high: float
    proof: str
    needed: bool = False

    @property
    def share(self) -> float:
        """Relative size by which parts are ranked: what was found, else what is proven."""
        return (self.high if math.isfinite(self.high) else self.low) / self.part.size


@dataclass(frozen=True, slots=True)
class Family:
    """
    What a plan with the least shortfall leaves a clause short of.

    Attributes
    ----------
    part
        The part, or the first of a family that is short.
    count, of
        Members of the family that are short, and all of them; 1 and 1 for a part alone.
    short
        Amount, summed over the family, in its unit.
    members
        Parts that are short.
    """

    part: Part
    count: int
    of: int
    short: float
    members: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Collision:
    """
    Parts that can't hold together.

    Attributes
    ----------
    members
        The parts with how far each alone has to give way, the smallest relative step first.
    proof
        What it rests on.
    smallest
        Whether a plan was found for the rest without each one.
    alone
        Whether no other conflict was found, so that one step is enough.
    """

    members: tuple[Lack, ...]
    proof: str
    smallest: bool
    alone: bool


@dataclass(frozen=True, slots=True)
class LeastBudget:
    """
    The least budget with which every other part holds.

    Attributes
    ----------
    given_cny
        The model's.
    low_cny, high_cny
        No less will do; a plan was found for this much. `inf` where no budget is enough, and where
        no plan was found.
    proof
        What `low_cny` rests on.
    """

    given_cny: float
    low_cny: float
    high_cny: float
    proof: str

    @property
    def closed(self) -> bool:
        """Whether 1 % less than the budget that works is proven to be too little."""
        return math.isfinite(self.high_cny) and ONE_PERCENT * self.high_cny < self.low_cny


@dataclass(frozen=True, slots=True)
class Slack:
    """What a plan has beyond what a part asks, and what one more unit adds to the least cost."""

    part: Part
    level: float
    slack: float
    cny_per_unit: float


@dataclass(frozen=True, slots=True)
class Explained:
    """
    What was found out about one programme.

    Attributes
    ----------
    programme
        `charging`, `hydrogen`, `roadside` or `testroads`.
    verdict
        `feasible`, `infeasible` (proven) or `open` (neither a plan nor a proof was found).
    facts
        What arithmetic alone shows to be impossible, Chinese and English.
    least_share, plan_share, proof
        Least sum of relative shortfalls that is proven, that of the plan, and what it rests on.
    limits_hold
        Whether budget and limits hold once targets give way.
    shortfalls
        What the plan with the least shortfall found is short of.
    conflicts
        Collisions without a part in common.
    budget
        The least budget, or None.
    slacks
        Of a feasible programme: what its plan has beyond each part, the dearest parts first.
    seconds
        Wall time.
    """

    programme: str
    verdict: str
    facts: tuple[tuple[str, str], ...]
    least_share: float
    plan_share: float
    proof: str
    limits_hold: bool
    shortfalls: tuple[Family, ...]
    conflicts: tuple[Collision, ...]
    budget: LeastBudget | None
    slacks: tuple[Slack, ...]
    seconds: float


def explained(puzzle: Puzzle, analysis: Analysis, seconds: float) -> Explained:
    """
    Put an analysis in the amounts of the clauses.

    Parameters
    ----------
    puzzle
        The programme.
    analysis
        What its instance comes to.
    seconds
        Wall time it took.
    """
    parts = puzzle.parts
    alone = len(analysis.conflicts) <= 1
    conflicts = []
    for one in analysis.conflicts:
        needed = one.needed or (False,) * len(one.parts)
        ranges = one.ranges or tuple(_unknown(part) for part in one.parts)
        lacks = [_lack(parts[r.part], r, n) for r, n in zip(ranges, needed, strict=True)]
        order = tuple(sorted(lacks, key=lambda lack: (lack.share, lack.part.key)))
        conflicts.append(Collision(order, one.proof, all(needed), alone))
    shortfall = analysis.shortfall
    return Explained(
        programme=puzzle.programme,
        verdict=analysis.verdict,
        facts=puzzle.facts,
        least_share=shortfall.low,
        plan_share=shortfall.high,
        proof=shortfall.proof,
        limits_hold=analysis.limits_hold,
        shortfalls=_families(puzzle, analysis),
        conflicts=tuple(conflicts),
        budget=_budget(puzzle, analysis),
        slacks=_slacks(puzzle, analysis) if analysis.verdict == "feasible" else (),
        seconds=seconds,
    )


def _unknown(part: int) -> Range:
    from siting.core.conflict.analyse import Range as Made  # noqa: PLC0415

    return Made(part, 0.0, math.inf, "")


def _lack(part: Part, range_: Range, needed: bool) -> Lack:  # noqa: FBT001
    low = whole_up(range_.low * part.size, part.unit)
    # A target can't give way by more than all that it asks for.
    if part.kind == TARGET and math.isinf(range_.high) and low > part.asked * (1 + TINY):
        low = math.inf
    return Lack(part, low, max(range_.high * part.size, low), range_.proof, needed)


def _families(puzzle: Puzzle, analysis: Analysis) -> tuple[Family, ...]:
    """Sum what the plan lacks by family, the largest relative shortfall first."""
    short = np.nan_to_num(analysis.shortfall.short)
    if not math.isfinite(analysis.shortfall.high):
        return ()
    groups: dict[str, list[int]] = {}
    for n, part in enumerate(puzzle.parts):
        groups.setdefault(part.family or part.key, []).append(n)
    found = []
    for members in groups.values():
        lacking = [n for n in members if short[n] > TINY]
        if not lacking:
            continue
        amount = sum(float(short[n]) * puzzle.parts[n].size for n in lacking)
        some = tuple(puzzle.parts[n] for n in lacking)
        weight = float(np.mean([short[n] for n in members]))
        found.append((weight, Family(some[0], len(some), len(members), amount, some)))
    return tuple(family for _, family in sorted(found, key=lambda pair: -pair[0]))


def _budget(puzzle: Puzzle, analysis: Analysis) -> LeastBudget | None:
    cost = analysis.cost
    if cost is None:
        return None
    given = puzzle.parts[cost.part].size
    return LeastBudget(given, cost.low * given, cost.high * given, cost.proof)


def _slacks(puzzle: Puzzle, analysis: Analysis) -> tuple[Slack, ...]:
    level = puzzle.level(analysis.shortfall.level)
    given = 0.0 if analysis.cost is None else puzzle.parts[analysis.cost.part].size
    found = []
    for n, part in enumerate(puzzle.parts):
        if not math.isfinite(part.asked):
            continue
        sign = 1.0 if part.kind == TARGET else -1.0
        price = float(analysis.price[n]) * given / part.size
        if analysis.cost is not None and n == analysis.cost.part:
            price = 0.0
        slack = sign * (float(level[n]) - part.asked)
        found.append(Slack(part, float(level[n]), slack, price))
    return tuple(sorted(found, key=lambda one: (-one.cny_per_unit * one.part.size, one.part.key)))
