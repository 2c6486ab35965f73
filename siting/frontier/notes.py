"""What the reader of a frontier has to know, each in Chinese and English."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from siting.units import money_text, percent_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from siting.frontier.points import FrontierPoint
    from siting.ground import Ground
    from siting.joint.money import Taken

CHARGING_ALONE = (
    "预算仅指充换电，其他专项各用自己的预算 / budgets are those of the charging programme; others "
    "keep their own"
)
JOINT = (
    "预算为各专项合计总额；专项资金保持不变，分年资金按总额同比例缩放 / budgets are totals of all "
    "programmes; funds stay as they are, yearly money keeps its shares of the total"
)
THRIFTY = (
    "测试道路按最小投资规划，余款归充换电 / test roads are planned for least cost, as what they "
    "leave is charging's"
)
TARGETS_FIRST = (
    "目标达到比例升高处服务电量可能下降：目标优先于电量 / where the held share of the targets "
    "rises the energy may fall: targets come before energy"
)


def joint_notes(
    points: Sequence[FrontierPoint], taken: Mapping[str, Taken], *, thrifty: bool
) -> list[str]:
    """
    Say what a frontier of totals holds fixed, and what else than the total limits its points.

    Parameters
    ----------
    points
        In ascending order of the totals.
    taken
        What the programmes beside charging take.
    thrifty
        Whether test roads were planned for least cost whatever the model asks.
    """
    notes = [JOINT]
    if taken:
        spent = sum(one.spent_cny for one in taken.values())
        notes.append(
            f"充换电以外各专项只规划一次，共 {money_text(spent)} / the programmes beside charging "
            f"are planned once, {money_text(spent, 'en')}"
        )
    notes += [THRIFTY] * thrifty
    other = [p for p in points if p.status != "none" and p.limited_by not in {"total", ""}]
    for name in dict.fromkeys(p.limited_by for p in other):
        low = min(p.budget_cny for p in other if p.limited_by == name)
        zh, en = _limit_words(name)
        notes.append(
            f"自总额 {money_text(low)} 起，限制充换电的是{zh}而非总额 / from "
            f"{money_text(low, 'en')} on {en} limits charging, not the total"
        )
    if any(p.served_kwh_day < before.served_kwh_day for before, p in pairwise(points)):
        notes.append(TARGETS_FIRST)
    return notes


def _limit_words(name: str) -> tuple[str, str]:
    if name == "own":
        return "充换电自身预算（charging.budget_cny）", "the budget of charging itself"
    if name == "years":
        return "各年资金之和", "the money of the years together"
    fund = name.removeprefix("years of ").removeprefix("fund ")
    return f"专项资金“{fund}”", f"the fund {fund}"


def ground_notes(ground: Ground, part: float) -> list[str]:
    """
    Say what ground and model mean for every frontier.

    Parameters
    ----------
    ground
        What was planned on.
    part
        Share of each budget that the planned districts get.
    """
    notes, model = [], ground.city.model
    if part < 1:
        notes.append(
            f"规划区县按人口分得每档预算的 {percent_text(part)} / the planned districts get "
            f"{percent_text(part, 'en')} of each budget"
        )
    if model.charging.objective != "served":
        notes.append(
            "各点均以服务电量最大为目标 / plans serve the most energy, whatever objective the "
            "model asks for"
        )
    if ground.city.map.synthetic:
        notes.append("道路与设施为合成示例 / roads and facilities are synthetic")
    return notes
