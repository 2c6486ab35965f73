"""Points of a frontier over the total of all programmes: each is a whole plan, by year."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from siting.charging.fairness import Found
from siting.errors import InfeasibleError, SolverError
from siting.frontier.points import COSTS, NAMES, FrontierPoint, Short, gap_of, with_slopes
from siting.joint.charging import Within, joint_bound
from siting.joint.money import with_charging_budget
from siting.joint.solving import Settled
from siting.joint.totals import least_charging_cny
from siting.pipeline import put_together
from siting.structures import Sizing
from siting.text import clip
from siting.units import CNY_PER_WAN, money_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from siting.ground import Ground
    from siting.joint.money import Overrun
    from siting.joint.solving import Others
    from siting.joint.totals import Purchase
    from siting.plan import Plan


TRIES = 4
"""Plans of smaller totals that stand by for one whose years don't do."""


def joint_points(
    ground: Ground, others: Others, purchases: Sequence[Purchase]
) -> tuple[FrontierPoint, ...]:
    """
    Put the plan of each total together, and describe it.

    Where the stations of a point can't be built within its years, the plan of a smaller total
    stands for it: it costs less, and what it needs in a year is there.

    Parameters
    ----------
    ground
        What was planned on; its model has a budget.
    others
        The programmes beside charging, planned once.
    purchases
        In ascending order of the totals.

    Returns
    -------
    points
        Every cost, count and shortfall is that of a plan that was put together.
    """
    asked = float(ground.demand.frame["kwh_day"].sum())
    points: list[FrontierPoint] = []
    before: list[Purchase] = []
    for one in purchases:
        if not one.planned:
            points.append(_nothing(one, missing_text(one)))
            continue
        try:
            found, used = _orderly(ground, others, one, before)
            points.append(_point(found, used, asked))
        except (InfeasibleError, SolverError) as error:
            used = one
            points.append(_nothing(one, _years_text(error)))
        # What was used last comes first, then what a total was solved to.
        before = [used, *([] if used is one else [one]), *before][:TRIES]
    return with_slopes(points)


def _orderly(
    ground: Ground, others: Others, one: Purchase, before: Sequence[Purchase]
) -> tuple[Plan, Purchase]:
    """Put a point's plan together, or the best of smaller totals where its years don't do."""
    try:
        return _together(ground, others, one), one
    except (InfeasibleError, SolverError) as error:
        for other in sorted(before, key=_worth, reverse=True):
            held = _held(one, other)
            try:
                return _together(ground, others, held), held
            except (InfeasibleError, SolverError):
                continue
        raise error  # noqa: TRY201  (what was tried since is no news)


def _worth(one: Purchase) -> tuple[float, float]:
    assert one.bought is not None  # noqa: S101
    return one.share, one.bought.served_kwh_day


def _held(one: Purchase, other: Purchase) -> Purchase:
    """Return a total with the plan of a smaller one."""
    assert other.bought is not None  # noqa: S101
    held = replace(one, bought=other.bought)
    if other.share >= one.share:
        return held
    bound = joint_bound(other.bought.programme, other.bought.outcome, one.purse.money)
    return replace(held, bound_kwh_day=bound, most_share=one.share, proven=False)


def _together(ground: Ground, others: Others, one: Purchase) -> Plan:
    bought, purse = one.bought, one.purse
    assert bought is not None  # noqa: S101
    model = ground.city.model.model_copy(update={"budget": purse.budget})
    found = Found(bought.programme, bought.outcome)
    within = Within(found, one.bound_kwh_day, one.share, one.most_share, one.proven)
    asked = with_charging_budget(model, purse.money.charging_cny)
    settled = Settled(others, found, asked, (purse.money, within))
    at = replace(ground, city=replace(ground.city, model=model))
    return put_together(at, settled, {})


def _point(found: Plan, one: Purchase, asked: float) -> FrontierPoint:
    joint, totals, bought = found.run["joint"], found.run["totals"], one.bought
    assert bought is not None  # noqa: S101
    costs = {row["programme"]: int(row["spent_cny"]) for row in joint["money"]["programmes"]}
    return FrontierPoint(
        budget_cny=one.purse.total_cny,
        status=str(joint["status"]),
        served_kwh_day=float(joint["objective"]),
        bound_kwh_day=float(joint["bound"]),
        gap=gap_of(float(joint["objective"]), float(joint["bound"])),
        served_share=float(joint["objective"]) / max(asked, 1e-9),
        cost_cny=int(totals["cost_cny"]),
        costs={name: costs[name] for name in COSTS if name in costs},
        charging_cny=one.purse.charging_cny,
        limited_by=clip(one.purse.limited_by, 80),
        missing="",
        stations=int(totals["stations"]),
        piles=int(totals["piles"]),
        share=one.share,
        most_share=one.most_share,
        proven=one.proven,
        short=tuple(
            Short(*(row[name] for name in ("clause", "measure", "unit", "at_least", "planned")))
            for row in joint["shortfall"]["clauses"]
        ),
        dual_kwh_per_wan=bought.price_kwh_cny * CNY_PER_WAN,
        seconds=bought.seconds,
    )


def _nothing(one: Purchase, missing: str) -> FrontierPoint:
    return FrontierPoint(
        budget_cny=one.purse.total_cny,
        status="none",
        served_kwh_day=math.nan,
        bound_kwh_day=math.nan,
        gap=math.nan,
        served_share=math.nan,
        cost_cny=0,
        costs={},
        charging_cny=max(0.0, one.purse.charging_cny),
        limited_by=clip(one.purse.limited_by, 80),
        missing=missing,
        stations=0,
        piles=0,
        share=0.0,
        most_share=one.most_share,
        proven=one.proven,
        short=(),
        dual_kwh_per_wan=math.nan,
        seconds=0.0 if one.bought is None else one.bought.seconds,
    )


def missing_text(one: Purchase) -> str:
    """
    Say in Chinese and English why a total buys no plan, and how much is missing.

    Parameters
    ----------
    one
        What a total buys, which is no plan.
    """
    purse = one.purse
    if purse.overruns:
        return "; ".join(_over_text(over) for over in purse.overruns)
    if purse.charging_cny <= 0:
        short = -purse.charging_cny
        return (
            f"其他专项与专项资金用尽总额，尚差 {money_text(short)}，充换电无钱可用 / the other "
            f"programmes and reserved funds take all of it and {money_text(short, 'en')} more; "
            "nothing is left to charging"
        )
    left, least = purse.charging_cny, _least(one)
    zh = f"充换电可用 {money_text(left)}，连必须设站之处也不够"
    en = (
        f"{money_text(left, 'en')} are left to charging, which don't do even for the sites that "
        "have to be open"
    )
    if least > left:
        zh += f"，至少还差 {money_text(least - left)}"
        en += f"; at least {money_text(least - left, 'en')} are missing"
    return f"{zh} / {en}"


def _over_text(over: Overrun) -> str:
    """Say what a pot lacks for the plans beside charging, and whether any plans could do."""
    missing, name = over.cost_cny - over.most_cny, clip(over.name.removeprefix("fund "), 60)
    paid = [NAMES[one] for one in over.programmes if one in NAMES]
    zh = f"{'总额' if over.name == 'total' else f'专项资金“{name}”'}不足"
    zh += f"：{'、'.join(one for one, _ in paid)}需 {money_text(over.cost_cny)}，"
    zh += f"差 {money_text(missing)}"
    en = "the total" if over.name == "total" else f"fund {name}"
    en += f" doesn't do: {', '.join(one for _, one in paid)} cost {money_text(over.cost_cny, 'en')}"
    en += f", {money_text(missing, 'en')} are missing"
    if over.least_cny > over.most_cny:
        zh += f"（已证明任何方案至少需 {money_text(over.least_cny)}）"
        en += f" (any plans cost at least {money_text(over.least_cny, 'en')}, proven)"
    return f"{zh} / {en}"


def _least(one: Purchase) -> float:
    sizing = None if one.bought is None else one.bought.programme.structure
    return least_charging_cny(sizing) if isinstance(sizing, Sizing) else 0.0


def _years_text(error: InfeasibleError | SolverError) -> str:
    return f"各年资金排不下建设时序 / the years don't do: {clip(str(error), 300)}"
