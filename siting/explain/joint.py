"""
All programmes within one budget as something to be explained.

Programmes share money and nothing else that a bound needs, so that charging is analysed with the
money that the others leave it: bounds with the most that they could leave, plans with what their
plans do leave. What collides with its money is then the total, a fund or the years, what the others
ask for, and the clauses and locks of charging itself.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from siting.core.conflict.task import analysed
from siting.explain.charging import charging_puzzle
from siting.explain.claims import claims_of, money_part, reserved_claim
from siting.explain.telling import Collision, Explained, Lack, LeastBudget, explained
from siting.explain.works import least_that_works
from siting.joint.money import PACKING, with_charging_budget

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from siting.core.conflict.analyse import Analysis
    from siting.explain.claims import Claim
    from siting.explain.parts import Part, Puzzle
    from siting.ground import Ground
    from siting.joint.solving import Others
    from siting.model.budget import Budget
    from siting.model.model import Model

KEY = "c8_budget"
"""The budget among the parts of charging; in the joint plan the money that is left to it."""
CNY = 1.0
"""Differences of money below this are rounding."""


@dataclass(frozen=True, slots=True)
class MoneyRow:
    """
    Money that several programmes share.

    Attributes
    ----------
    part
        Total, fund, or the years together.
    claims
        What the programmes beside charging, and the funds kept for them, take of it.
    charging
        Whether charging is paid by it.
    packing
        Share of what is left that charging leaves, as stations are built whole in a year.
    """

    part: Part
    claims: tuple[Claim, ...]
    charging: bool
    packing: float = 0.0

    @property
    def limit_cny(self) -> float:
        """Most that all may cost together."""
        return self.part.asked

    @property
    def most_cny(self) -> float:
        """Most that the claims could leave."""
        return self.limit_cny - sum(claim.floor_cny for claim in self.claims)

    @property
    def left_cny(self) -> float:
        """What the plans at hand leave to charging."""
        left = self.limit_cny - sum(claim.held_cny for claim in self.claims)
        return left * (1 - self.packing)


def money_rows(model: Model, others: Others) -> tuple[MoneyRow, ...]:
    """
    List the money that programmes share: total, funds, years together, funds of the years together.

    Parameters
    ----------
    model
        The model, with a budget.
    others
        Plans of the programmes beside charging.
    """
    budget = model.budget
    assert budget is not None  # noqa: S101
    claims, yearly = claims_of(model, others), claims_of(model, others, years=True)
    rows = []
    if budget.total_cny is not None:
        part = money_part("total", "总预算", "total budget", budget.total_cny)
        rows.append(MoneyRow(part, _of_total(budget, claims), charging=True))
    for n, fund in enumerate(budget.funds):
        part = money_part(f"money_fund_{n}", fund.name, f"fund {fund.name}", fund.most_cny)
        inside = tuple(claims[name] for name in claims if name in fund.programmes)
        rows.append(MoneyRow(part, inside, charging="charging" in fund.programmes))
    return (*rows, *_of_years(budget, yearly))


def _of_total(budget: Budget, claims: Mapping[str, Claim]) -> tuple[Claim, ...]:
    """Claims on the total: funds that keep their money whole, and the programmes outside them."""
    kept = [
        (n, fund)
        for n, fund in enumerate(budget.funds)
        if fund.reserved and "charging" not in fund.programmes
    ]
    inside = {name for _, fund in kept for name in fund.programmes}
    return (
        *(
            reserved_claim(n, fund, [claims[p] for p in claims if p in fund.programmes])
            for n, fund in kept
        ),
        *(claim for name, claim in claims.items() if name not in inside),
    )


def _of_years(budget: Budget, claims: Mapping[str, Claim]) -> list[MoneyRow]:
    years = budget.years
    if not years:
        return []
    span = f"{years[0].year}-{years[-1].year}"
    rows = []
    most = sum(math.inf if year.most_cny is None else year.most_cny for year in years)
    if math.isfinite(most):
        part = money_part("years", f"{span} 年各年资金合计", f"money of the years {span}", most)
        rows.append(MoneyRow(part, tuple(claims.values()), charging=True, packing=PACKING))
    for n, fund in enumerate(budget.funds):
        most = sum(year.funds.get(fund.name, math.inf) for year in years)
        if math.isfinite(most):
            zh, en = f"{fund.name} {span} 年合计", f"fund {fund.name} in {span}"
            inside = tuple(claims[name] for name in claims if name in fund.programmes)
            part = money_part(f"years_fund_{n}", zh, en, most)
            pays = "charging" in fund.programmes
            rows.append(MoneyRow(part, inside, charging=pays, packing=PACKING))
    return rows


def binding(model: Model, rows: Sequence[MoneyRow]) -> MoneyRow | None:
    """Return the shared money that leaves charging least, if that is less than its own budget."""
    paid = [row for row in rows if row.charging]
    if not paid:
        return None
    least = min(paid, key=lambda row: row.left_cny)
    own = model.charging.budget_cny
    return None if own is not None and own <= least.left_cny else least


def explain_joint(
    ground: Ground,
    others: Others,
    charging: Explained | None = None,
    told: Callable[[str], None] | None = None,
) -> Explained:
    """
    Explain the joint plan.

    Parameters
    ----------
    ground
        What is planned on, with the model and its budget.
    others
        Plans of the programmes beside charging.
    charging
        What was found out about charging within its own budget, where that is what limits it.
    told
        Told of steps.
    """
    begin = time.monotonic()
    model = ground.city.model
    rows = money_rows(model, others)
    broken = [row for row in rows if row.most_cny < -CNY or (row.charging and row.most_cny <= CNY)]
    if broken:
        return _of_others(broken, time.monotonic() - begin)
    row = binding(model, rows)
    if row is None:
        return _of_charging(rows, charging, time.monotonic() - begin)
    if row.left_cny <= CNY:
        return _bare("open", (), time.monotonic() - begin)
    puzzle = _puzzle(ground, row)
    limits = model.solve
    analysis = analysed(
        puzzle.case, seconds=limits.seconds, memory_mb=limits.memory_mb, seed=limits.seed
    )
    found = explained(puzzle, analysis, time.monotonic() - begin)
    joint = _joined(found, analysis, row, rows)
    if joint.budget is not None and math.isfinite(joint.budget.high_cny):
        spare = row.most_cny - row.left_cny / (1 - row.packing)
        budget = least_that_works(
            ground, others, row.part.key, joint.budget, spare, analysis.plan, told
        )
        joint = replace(joint, budget=budget)
    return replace(joint, seconds=time.monotonic() - begin)


def _puzzle(ground: Ground, row: MoneyRow) -> Puzzle:
    """Write charging with the money that is left to it."""
    city = ground.city
    model = with_charging_budget(city.model, row.left_cny)
    asked = replace(ground, city=replace(city, model=model))
    puzzle = charging_puzzle(asked)
    most = row.most_cny
    case = replace(puzzle.case, most_cny=most if most > row.left_cny + CNY else None)
    # Facts of money hold beside the plans of the others; only bounds hold beside any.
    facts = puzzle.facts if case.most_cny is None else ()
    return replace(puzzle, programme="joint", case=case, facts=facts)


def _bare(verdict: str, collisions: tuple[Collision, ...], seconds: float) -> Explained:
    return Explained(
        "joint", verdict, (), 0.0, math.inf, "", True, (), collisions, None, (), seconds
    )  # fmt: skip


def _of_others(rows: Sequence[MoneyRow], seconds: float) -> Explained:
    """Say that the programmes beside charging alone take more than there is."""
    collisions = []
    for row in rows:
        need = -row.most_cny
        parts = _kept(row, 0.0)
        high = sum(claim.held_cny for claim in row.claims) - row.limit_cny
        lacks = [Lack(row.part, max(need, 0.0), max(need, high), ARITHMETIC, needed=True)]
        lacks += _lacks(parts, need, high)
        collisions.append(Collision(_ranked(lacks), ARITHMETIC, True, len(rows) == 1))
    low = max(row.limit_cny - row.most_cny for row in rows[:1])
    budget = LeastBudget(rows[0].limit_cny, low, math.inf, ARITHMETIC)
    found = _bare("infeasible", tuple(collisions), seconds)
    return replace(found, budget=budget, proof=ARITHMETIC)


ARITHMETIC = "certified least costs"
"""Proof by sums of what each programme costs at least."""


def _of_charging(rows: Sequence[MoneyRow], charging: Explained | None, seconds: float) -> Explained:
    """Follow from what charging needs within its own budget, which is less than is left to it."""
    verdict = "open" if charging is None else charging.verdict
    if verdict == "feasible" and any(row.left_cny < 0 for row in rows):
        verdict = "open"
    return _bare(verdict, (), seconds)


def _joined(
    found: Explained, analysis: Analysis, row: MoneyRow, rows: Sequence[MoneyRow]
) -> Explained:
    """Put the shared money and what the others ask for in the place of charging's budget."""
    given = row.left_cny
    cost = found.budget
    need_low = max(0.0, cost.low_cny - row.most_cny) if cost is not None else 0.0
    need_high = cost.high_cny - given if cost is not None else math.inf
    budget = None
    if cost is not None:
        low = row.limit_cny + cost.low_cny - row.most_cny
        high = row.limit_cny + (cost.high_cny - given) / (1 - row.packing)
        budget = LeastBudget(row.limit_cny, low, max(low, high), cost.proof)
    alone = len(found.conflicts) <= 1
    conflicts = tuple(
        _with_others(one, raw.least * given, row, (need_low, need_high), alone=alone)
        for one, raw in zip(found.conflicts, analysis.conflicts, strict=True)
    )
    more = _also_short(rows, row, cost, conflicts)
    slacks = tuple(
        replace(one, part=row.part, level=one.level + row.limit_cny - given)
        if one.part.key == KEY
        else one
        for one in found.slacks
    )
    return replace(found, budget=budget, conflicts=(*conflicts, *more), slacks=slacks)


def _with_others(
    one: Collision,
    least_cny: float,
    row: MoneyRow,
    need: tuple[float, float],
    *,
    alone: bool,
) -> Collision:
    """Name what takes the money, in a conflict of charging with what is left to it."""
    own = [lack for lack in one.members if lack.part.key == KEY]
    if not own:
        return one
    low, high = need if alone else (own[0].low, own[0].high)
    lack = Lack(row.part, low, max(low, high), own[0].proof, own[0].needed)
    parts = _kept(row, least_cny)
    rest = [member for member in one.members if member.part.key != KEY]
    more = _lacks(parts, low, high)
    # A step that is known to be enough shows that what takes it is needed.
    smallest = one.smallest and all(lack.needed for lack in more)
    return Collision(_ranked([*rest, lack, *more]), one.proof, smallest, one.alone)


def _ranked(lacks: Sequence[Lack]) -> tuple[Lack, ...]:
    return tuple(sorted(lacks, key=lambda lack: (lack.share, lack.part.key)))


def _kept(row: MoneyRow, least_cny: float) -> list[tuple[Claim, Part]]:
    """Leave out what the others ask for while the money still doesn't do for what is left."""
    held = [set(claim.keys) for claim in row.claims]

    def over(keys: Sequence[set[str]]) -> bool:
        taken = sum(
            min(claim.held_cny, claim.floor(frozenset(mine)))
            for claim, mine in zip(row.claims, keys, strict=True)
        )
        return least_cny + taken > row.limit_cny + CNY

    every = [(n, part) for n, claim in enumerate(row.claims) for part in claim.parts]

    def saved(pair: tuple[int, Part]) -> tuple[bool, float]:
        n, part = pair
        claim = row.claims[n]
        # A fund that is kept whole says why it takes so much by itself: it goes last.
        fund = part.key.startswith("fund_")
        return fund, claim.floor(claim.keys) - claim.floor(claim.keys - {part.key})

    for n, part in sorted(every, key=saved):
        trial = [mine - {part.key} if k == n else mine for k, mine in enumerate(held)]
        if over(trial):
            held = trial
    return [(row.claims[n], part) for n, part in every if part.key in held[n]]


def _lacks(kept: Sequence[tuple[Claim, Part]], low_cny: float, high_cny: float) -> list[Lack]:
    """Say how far what the others ask for would have to give way for the money to do."""
    lacks = []
    for claim, part in kept:
        low, high = claim.step(part, low_cny, high_cny)
        proof = ARITHMETIC if low > 0 else ""
        lacks.append(Lack(part, low, max(low, high), proof, math.isfinite(high)))
    return lacks


def _also_short(
    rows: Sequence[MoneyRow],
    row: MoneyRow,
    cost: LeastBudget | None,
    conflicts: Sequence[Collision],
) -> tuple[Collision, ...]:
    """Name other shared money that what charging needs doesn't fit into either."""
    if cost is None or not math.isfinite(cost.low_cny) or not conflicts:
        return ()
    found = []
    for other in rows:
        need = cost.low_cny - other.most_cny
        if other is row or not other.charging or need <= CNY:
            continue
        high = (cost.high_cny - other.left_cny) / (1 - other.packing)
        lack = Lack(other.part, need, max(need, high), cost.proof, needed=True)
        parts = _kept(other, cost.low_cny)
        clauses = [one for one in conflicts[0].members if one.part.kind == "target"]
        lacks = [lack, *_lacks(parts, need, high), *(_again(one) for one in clauses)]
        found.append(Collision(_ranked(lacks), cost.proof, smallest=False, alone=False))
    return tuple(found)


def _again(lack: Lack) -> Lack:
    """Return a member of another conflict, whose own step is told there."""
    return replace(lack, low=0.0, high=math.inf, proof="", needed=False)
