"""What was found out, as sentences in Chinese and English."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from siting.explain.parts import LOCK, PROGRAMMES, TARGET, amount_text, unit_word
from siting.units import money_text, percent_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from siting.explain.telling import Collision, Explained, Family, Lack, LeastBudget, Slack
    from siting.units import Language

PROOFS = {
    "multipliers": ("乘子证明", "proven by multipliers"),
    "branch and bound": ("分支定界证明", "proven by branch and bound"),
    "rows that always hold": ("线性规划证明", "proven by linear programming"),
    "certified least costs": ("按各规划已证明的最低费用", "by certified least costs"),
    "": ("未证明", "not proven"),
}
"""How a bound is known."""
VERDICTS = {
    "feasible": ("可行：找到了满足全部目标的方案", "feasible: a plan that keeps all was found"),
    "infeasible": ("不可行（已证明）", "infeasible (proven)"),
    "open": (
        "限时内既未找到方案，也未证明不可行",
        "in the time given neither a plan nor a proof that there is none was found",
    ),
}
MOST_NAMED = 12
"""Most places or districts that a sentence names."""
MOST_ALIKE = 4
"""Most parts of one family that a conflict names one by one where none is a step out."""
ROUNDING = 1e-9
"""Amount that counts as none, in sizes of its part."""
MOST_SLACKS = 12
"""Most clauses of a feasible programme that are told."""


def sentences(found: Explained, language: Language) -> tuple[str, ...]:
    """
    Tell what was found out about a programme.

    Parameters
    ----------
    found
        What was found out.
    language
        `zh` or `en`.

    Returns
    -------
    lines
        One sentence each, in the order in which a planner reads them.
    """
    column = _column(language)
    programme, verdict = PROGRAMMES[found.programme][column], VERDICTS[found.verdict][column]
    lines = [_pick(language, f"{programme}：{verdict}", f"{programme}: {verdict}")]
    arithmetic = _pick(language, "由算术可知：", "by arithmetic: ")
    lines += [arithmetic + fact[column] for fact in found.facts]
    lines += [collision_text(one, language) for one in found.conflicts]
    for one in found.conflicts:
        lines += steps_out(one, language)
    lines += shortfall_lines(found, language)
    if found.budget is not None:
        lines.append(budget_text(found.budget, language))
    lines += [slack_text(one, language) for one in found.slacks[:MOST_SLACKS]]
    return tuple(lines)


def proof_text(proof: str, language: Language) -> str:
    """Say how a bound is known."""
    return PROOFS[proof][_column(language)]


def collision_text(one: Collision, language: Language) -> str:
    """Name the parts that can't hold together."""
    single, crowds = crowded(one)
    every = [lack.part.named(language) for lack in single]
    every += [crowd_name(crowd, language) for crowd in crowds]
    names = _pick(language, "、", "; ").join(every)
    proof = proof_text(one.proof, language)
    if len(one.members) == 1:
        zh, en = f"单独即不可行：{names}（{proof}）", f"impossible by itself: {names} ({proof})"
        return _pick(language, zh, en)
    least = (
        "" if one.smallest else _pick(language, "（未证明是最小的一组）", " (not proven smallest)")
    )
    zh = f"不能同时成立：{names}（{proof}）{least}"
    return _pick(language, zh, f"these can't hold together: {names} ({proof}){least}")


def steps_out(one: Collision, language: Language) -> list[str]:
    """Say the steps out of a conflict; in one line for a family of which none is one."""
    single, crowds = crowded(one)
    lines = relaxation_lines(replace(one, members=single), language)
    for crowd in crowds:
        name, said = crowd_name(crowd, language), crowd_text(crowd, language)
        lines.append(_pick(language, f"{name}——{said}", f"{name} - {said}"))
    return lines


def crowded(one: Collision) -> tuple[tuple[Lack, ...], list[list[Lack]]]:
    """Part the members of a conflict into those told one by one and families of many."""
    families: dict[str, list[Lack]] = {}
    for lack in one.members:
        if lack.part.family and not math.isfinite(lack.high):
            families.setdefault(lack.part.family, []).append(lack)
    crowds = [crowd for crowd in families.values() if len(crowd) > MOST_ALIKE]
    among = {lack.part.key for crowd in crowds for lack in crowd}
    return tuple(lack for lack in one.members if lack.part.key not in among), crowds


def crowd_name(crowd: Sequence[Lack], language: Language) -> str:
    """Name the first of a family and say how many they are."""
    first = crowd[0].part
    head = f"{first.clause} " if first.clause else ""
    some = _pick(language, "、", "; ").join(lack.part.words(language) for lack in crowd[:2])
    more = len(crowd) - 2
    return _pick(language, f"{head}{some}等 {len(crowd)} 项", f"{head}{some} and {more} others")


def crowd_text(crowd: Sequence[Lack], language: Language) -> str:
    """Say that giving up one of a family alone is no step out, or that none was found."""
    if all(math.isinf(lack.low) for lack in crowd):
        return _pick(language, "单独放松其中任一项均不够", "none of them alone is enough")
    en = "for none of them alone a plan was found"
    return _pick(language, "单独放松其中任一项均未找到方案", en)


def relaxation_lines(one: Collision, language: Language) -> list[str]:
    """Say how far each part of a conflict alone has to give way, the smallest step first."""
    lines = []
    for rank, lack in enumerate(one.members, start=1):
        text = _relaxation(lack, language)
        lines.append(_pick(language, f"放松 {rank}：{text}", f"relaxation {rank}: {text}"))
    if not one.alone and lines:
        more = "there are other conflicts, to be solved as well"
        lines.append(_pick(language, "另有冲突，须一并解决", more))
    return lines


def _relaxation(lack: Lack, language: Language) -> str:
    part = lack.part
    name = part.named(language)
    if math.isinf(lack.low):
        return _pick(language, f"{name}——仅靠它不够", f"{name} - not enough alone")
    if part.kind == LOCK:
        return _lifted(lack, language)
    low, high = (amount_text(value, part.unit, language) for value in (lack.low, lack.high))
    up = part.kind != TARGET
    zh, en = ("提高", "more") if up else ("降低", "less")
    step = _pick(language, zh, en)
    least = _pick(language, "至少多少未证明", "by how much at least isn't proven")
    if lack.low > 0 and lack.proof:
        least = _pick(language, f"至少须{step} {low}", f"at least {low} {step}")
    plan = _pick(language, "限时内未找到方案", "no plan found in the time")
    if math.isfinite(lack.high):
        share = percent_text(lack.share, language)
        zh = f"{step} {high}（{share}）时有方案"
        plan = _pick(language, zh, f"a plan with {high} {step} ({share}) exists")
    return _pick(language, f"{name}——{least}；{plan}", f"{name} - {least}; {plan}")


def _lifted(lack: Lack, language: Language) -> str:
    """Say whether a plan exists once a lock is lifted."""
    name = lack.part.named(language)
    if math.isfinite(lack.high):
        return _pick(language, f"{name}——取消后有方案", f"{name} - a plan without it exists")
    zh = f"{name}——取消后限时内未找到方案"
    return _pick(language, zh, f"{name} - no plan without it found in the time")


def shortfall_lines(found: Explained, language: Language) -> list[str]:
    """Say what the plan with the least shortfall leaves each clause short of."""
    # What sums alone tell is told without a plan.
    if found.verdict != "infeasible" or found.least_share <= 0:
        return []
    low, high = (percent_text(value, language) for value in (found.least_share, found.plan_share))
    proof = proof_text(found.proof, language)
    held = _pick(language, "预算与限制不变时", "with budget and limits as they are")
    if not found.limits_hold:
        en = "with budget and limits giving way as well"
        held = _pick(language, "预算与限制也放松时", en)
    if not math.isfinite(found.plan_share):
        en = f"{held}: no plan with little shortfall was found in the time"
        return [_pick(language, f"{held}：限时内未找到缺口小的方案", en)]
    zh = f"{held}，各项相对缺口之和至少 {low}（{proof}）；找到的方案缺 {high}："
    en = f"{held}, relative shortfalls add up to {low} at least ({proof}); a plan comes to {high}:"
    lines = [family_text(one, language) for one in found.shortfalls]
    return [_pick(language, zh, en), *(f"  {line}" for line in lines)]


def family_text(one: Family, language: Language) -> str:
    """Say what one clause is short of."""
    part = one.part
    amount = amount_text(one.short, part.unit, language)
    if one.of == 1:
        share, name = percent_text(one.short / part.size, language), part.named(language)
        zh = f"{name} 缺 {amount}（{share}）"
        return _pick(language, zh, f"{name} short by {amount} ({share})")
    some = [member.words(language) for member in one.members[:MOST_NAMED]]
    names = _pick(language, "、", "; ").join(some)
    if len(one.members) > MOST_NAMED:
        names += _pick(language, "等", " ...")
    head = f"{part.clause} " if part.clause else ""
    zh = f"{head}{one.of} 项中 {one.count} 项不足，合计 {amount}：{names}"
    return _pick(language, zh, f"{head}{one.count} of {one.of} short, {amount} together: {names}")


def budget_text(one: LeastBudget, language: Language) -> str:
    """Say the least budget that works, and whether 1 % less is proven not to."""
    if math.isinf(one.low_cny):
        en = "no budget is enough: what is left collides without it"
        return _pick(language, "任何预算都不够：其余各项本身冲突", en)
    given, low, high = (
        money_text(value, language) for value in (one.given_cny, one.low_cny, one.high_cny)
    )
    proof = proof_text(one.proof, language)
    if not math.isfinite(one.high_cny):
        zh = f"最小预算不低于 {low}（{proof}），现为 {given}；限时内未找到方案"
        en = f"the least budget is {low} or more ({proof}), given is {given}; no plan was found"
        return _pick(language, zh, f"{en} in the time")
    less = _pick(language, f"是否可再少未证明（下界 {low}）", f"less isn't disproven above {low}")
    if one.closed:
        less = _pick(language, "再少 1% 已证明不够", "1 % less is proven too little")
    yuan = f"{math.ceil(one.high_cny - 1e-6):,d}"
    zh = f"最小预算：{high}（{yuan} 元）有方案，{less}（{proof}）；现为 {given}"
    en = f"least budget: {high} ({yuan} CNY) works, {less} ({proof}); given is {given}"
    return _pick(language, zh, en)


def slack_text(one: Slack, language: Language) -> str:
    """Say what a plan has beyond a clause, and the price of one more unit."""
    part = one.part
    # A slack that is none but for rounding has no sign.
    level, slack = (
        amount_text(value if abs(value) > ROUNDING * part.size else 0.0, part.unit, language)
        for value in (one.level, one.slack)
    )
    name = part.named(language)
    zh, en = (
        f"{name}：方案 {level}，富余 {slack}",
        f"{name}: the plan has {level}, {slack} to spare",
    )
    text = _pick(language, zh, en)
    if one.cny_per_unit <= 0:
        return text
    # A MWh a day is what energy is priced by.
    price = money_text(one.cny_per_unit * (1000 if part.unit == "kwh" else 1), language)
    unit = unit_word(part.unit, language)
    zh = f"；造价最小处每多 1 {unit} 约 {price}（线性松弛的乘子，不是两方案之差）"
    en = f"; at the least cost one more {unit} costs about {price} (multiplier of the relaxation,"
    return text + _pick(language, zh, f"{en} not a difference of plans)")


def _column(language: Language) -> int:
    return 0 if language == "zh" else 1


def _pick(language: Language, zh: str, en: str) -> str:
    return zh if language == "zh" else en
