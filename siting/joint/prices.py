"""A joint plan without one of its locks: only what the lock touches is planned again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from siting.clock import silent
from siting.joint.money import divide
from siting.joint.solving import plan_others, solve_within
from siting.locks.blame import without
from siting.structures import Sizing, some_or_none

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from siting.clock import Event
    from siting.core.outcome import Outcome
    from siting.ground import Ground
    from siting.joint.solving import Others, Settled
    from siting.model.model import Model
    from siting.programme import Programme

AGAIN = {
    "charging": frozenset[str](),
    "hydrogen": frozenset({"hydrogen"}),
    "roadside": frozenset({"roadside", "testroads"}),
    "edge_node": frozenset({"roadside", "testroads"}),
    "test_road": frozenset({"testroads"}),
}
"""Programmes beside charging that a lock on an item touches: test roads go where units reach."""


JOINT_COLUMNS = (
    *("joint_price_kwh_day", "joint_low", "joint_high", "joint_proven", "joint_kwh_day_with"),
    *("joint_kwh_day_without", "share_with", "share_without", "charging_cny_with"),
    *("charging_cny_without", "charging_cny_difference"),
)
"""Columns of `locks.csv` on the joint plan."""
TOLERANCE = 1e-5
"""An interval this narrow, relative to the objective, is a number."""


def joint_with_locks(ground: Ground, report: Callable[[Event], None] = silent) -> Settled:
    """
    Solve the joint plan with all locks.

    Parameters
    ----------
    ground
        What is planned on, with a budget.
    report
        Told what each programme came to.
    """
    return solve_within(ground, plan_others(ground, report), report)


def joint_without(ground: Ground, number: int, base: Settled) -> Settled:
    """
    Solve the joint plan without one lock.

    Parameters
    ----------
    ground
        What is planned on, with a budget and all locks.
    number
        Number of the lock, from 1.
    base
        The joint plan with all of them: plans that the lock doesn't touch are kept, and charging
        starts from its plan where it has as much money, and from its multipliers.
    """
    locks = ground.city.model.locks
    item = locks[number - 1].item
    city = without(ground.city, [one for n, one in enumerate(locks, 1) if n != number])
    free = replace(ground, city=city)
    others = plan_others(free, known=base.others, again=AGAIN[item])
    return solve_within(free, others, formulate=_from(free, others, base))


def _from(ground: Ground, others: Others, base: Settled) -> Callable[[Model], Programme]:
    """Formulate charging with the plan and the multipliers that are known."""
    money = divide(ground.city.model, others.hydrogen, others.roadside, others.testroads)
    left_cny = money.charging_cny
    before, outcome = base.found.programme, base.found.outcome
    had = base.asked.charging.budget_cny
    whole = base.joint is None or base.joint[1].share >= 1.0
    enough = left_cny is None or (had is not None and left_cny >= had)

    def formulate(model: Model) -> Programme:
        programme = ground.charging(model)
        if not outcome.values or model.charging.objective != "served" or not whole:
            return programme
        if enough:
            programme = replace(programme, start=lock_start(programme, outcome))
        if row_names(programme) == row_names(before):
            programme = replace(programme, multipliers=outcome.certificate)
        return programme

    return formulate


def lock_start(programme: Programme, outcome: Outcome) -> dict[str, npt.NDArray[np.float64]]:
    """Return a plan as a start; with another lock other types stand in their least number."""
    sizing = programme.structure
    assert isinstance(sizing, Sizing)  # noqa: S101
    return plan_start(sizing, outcome.values[""], outcome.values["serve"])


def plan_start(
    sizing: Sizing, whole: npt.NDArray[np.float64], serve: npt.NDArray[np.float64]
) -> dict[str, npt.NDArray[np.float64]]:
    """
    Write a plan of charging as the start of its programme.

    Parameters
    ----------
    sizing
        The programme's structure.
    whole
        Openings, then piles site by site, shape (J + J K,).
    serve
        Energy on each arc, kWh/day, shape (A,).
    """
    start = {"": whole, "serve": serve}
    pair = some_or_none(sizing)
    if len(pair):
        start["stands"] = (whole[len(sizing.fixed_cny) :][pair] > 0).astype(np.float64)
    return start


def row_names(programme: Programme) -> tuple[str, ...]:
    """Return the names of the global rows, which multipliers belong to."""
    sizing = programme.structure
    return sizing.row_name if isinstance(sizing, Sizing) else ()


def joint_fields(base: Settled, free: Settled) -> dict[str, Any]:
    """
    Set what charging serves in two joint plans beside each other, and its money.

    Parameters
    ----------
    base, free
        The joint plan with all locks, and without one.

    Returns
    -------
    fields
        `JOINT_COLUMNS`: price and its interval in kWh a day of charging; both are of plans that
        hold the targets of charging to the shares beside them, and only for equal shares does the
        difference have bounds.
    """
    assert base.joint is not None  # noqa: S101
    assert free.joint is not None  # noqa: S101
    (had, before), (has, after) = base.joint, free.joint
    served = base.found.outcome.objective, free.found.outcome.objective
    low, high = served[1] - before.bound_kwh_day, after.bound_kwh_day - served[0]
    # A bound is one on plans that hold the targets to the same share.
    same = before.share == after.share
    money = None
    if had.charging_cny is not None and has.charging_cny is not None:
        money = has.charging_cny - had.charging_cny
    return {
        "joint_price_kwh_day": served[1] - served[0],
        "joint_low": low if same else None,
        "joint_high": high if same else None,
        "joint_proven": bool(same and high - low <= TOLERANCE * max(1.0, served[0])),
        "joint_kwh_day_with": served[0],
        "joint_kwh_day_without": served[1],
        "share_with": before.share,
        "share_without": after.share,
        "charging_cny_with": had.charging_cny,
        "charging_cny_without": has.charging_cny,
        "charging_cny_difference": money,
    }


def joint_price_text(fields: Mapping[str, Any]) -> str:
    """Say what a lock costs the joint plan; "" without one budget and for a lock on charging."""
    if fields.get("joint_price_kwh_day") is None or fields["item"] == "charging":
        return ""
    kwh = f"{fields['joint_price_kwh_day']:+,.6g} kWh a day of charging"
    money = fields["charging_cny_difference"]
    return f"without it {kwh}" + ("" if money is None else f" with {money:+,.0f} CNY")
