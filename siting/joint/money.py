"""What the programmes take of one budget, at least and as planned, and what charging may take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from siting.errors import InfeasibleError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from siting.hydrogen.planning import HydrogenPlan
    from siting.model.budget import Budget
    from siting.model.model import Model
    from siting.roadside.planning import RoadsidePlan
    from siting.testroads.planning import TestRoadPlan

PACKING = 0.001
"""
Part of the money of all years that charging leaves where the years limit it.

Stations are built whole: a year can't be filled to the last yuan. Planner's own.
"""
ROUNDING_CNY = 1.0
"""Each cost is published rounded to the yuan."""


@dataclass(frozen=True, slots=True)
class Taken:
    """
    Money of one programme beside charging.

    Attributes
    ----------
    spent_cny
        What its plan costs.
    held_cny
        What the others can't have: more than it costs where it is planned for its worth within a
        budget of its own, which is its money whatever it leaves of it.
    floor_cny
        The least of that for any plan that meets its targets, every coupling granted.
    least_cny
        Certified least that any such plan costs.
    """

    spent_cny: float
    held_cny: float
    floor_cny: float
    least_cny: float


@dataclass(frozen=True, slots=True)
class Money:
    """
    How one budget is divided.

    Attributes
    ----------
    taken
        By programme, those beside charging.
    charging_cny
        Most that charging may cost beside the other plans, None for no limit.
    charging_most_cny
        Most that it could have beside any plans of the others, for the bound; None for no limit.
    """

    taken: Mapping[str, Taken]
    charging_cny: float | None
    charging_most_cny: float | None


def divide(
    model: Model,
    hydrogen: HydrogenPlan | None,
    roadside: RoadsidePlan | None,
    testroads: TestRoadPlan | None,
) -> Money:
    """
    Divide the budget of a model.

    Parameters
    ----------
    model
        The model, with a budget.
    hydrogen, roadside, testroads
        What is planned for its other targets.

    Raises
    ------
    InfeasibleError
        The other programmes alone cost more than there is.
    """
    budget = model.budget
    assert budget is not None  # noqa: S101
    taken = taken_by(hydrogen, roadside, testroads)
    _refuse_overrun(budget, taken)
    money = left_to_charging(budget, model.charging.budget_cny, taken)
    if money.charging_cny is not None and money.charging_cny <= 0:
        raise InfeasibleError(
            "the other programmes leave no money for charging",
            where="budget",
            value="; ".join(f"{name} {one.held_cny:,.0f} CNY" for name, one in taken.items()),
            cure="Raise `budget.total_cny`, or lower targets or budgets of the other programmes",
        )
    return money


def taken_by(
    hydrogen: HydrogenPlan | None, roadside: RoadsidePlan | None, testroads: TestRoadPlan | None
) -> dict[str, Taken]:
    """Return what each programme beside charging takes, by programme."""
    taken: dict[str, Taken] = {}
    if hydrogen is not None:
        taken["hydrogen"] = hydrogen_money(hydrogen)
    if roadside is not None:
        taken["roadside"] = roadside_money(roadside)
    if testroads is not None:
        taken["testroads"] = testroad_money(testroads)
    return taken


def left_to_charging(budget: Budget, own_cny: float | None, taken: Mapping[str, Taken]) -> Money:
    """
    Return what a budget leaves to charging, which is nothing or less where it doesn't do.

    Parameters
    ----------
    budget
        Total, funds and years.
    own_cny
        Budget of charging itself.
    taken
        What the other programmes take.
    """
    spent = {name: one.spent_cny for name, one in taken.items()}
    held = {name: one.held_cny for name, one in taken.items()}
    floor = {name: one.floor_cny for name, one in taken.items()}
    least = {name: one.least_cny for name, one in taken.items()}
    years = (1 - PACKING) * min(_of_years(budget, spent).values())
    most = min(charging_most(budget, own_cny, held), years)
    bound = charging_most(budget, own_cny, floor)
    bound = max(min(bound, *_of_years(budget, least).values()), most)
    finite = math.isfinite(most)
    return Money(taken, most if finite else None, bound if math.isfinite(bound) else None)


def with_charging_budget(model: Model, budget_cny: float | None) -> Model:
    """Return the model with another budget of the charging programme."""
    charging = model.charging.model_copy(update={"budget_cny": budget_cny})
    return model.model_copy(update={"charging": charging})


def charging_most(budget: Budget, own_cny: float | None, taken: Mapping[str, float]) -> float:
    """
    Return what total, funds and its own budget leave to charging, CNY; `inf` without a limit.

    Parameters
    ----------
    budget
        Total and funds.
    own_cny
        Budget of charging itself.
    taken
        Money of the other programmes by name.
    """
    return min(charging_limits(budget, own_cny, taken).values(), default=math.inf)


def charging_limits(
    budget: Budget, own_cny: float | None, taken: Mapping[str, float]
) -> dict[str, float]:
    """
    Return what each limit leaves to charging by name, CNY: `total`, `own`, `fund <name>`.

    Parameters
    ----------
    budget, own_cny, taken
        As `charging_most`.
    """
    limits = {} if own_cny is None else {"own": own_cny}
    kept = {
        name
        for fund in budget.funds
        if fund.reserved and "charging" not in fund.programmes
        for name in fund.programmes
    }
    if budget.total_cny is not None:
        funds = [f.most_cny for f in budget.funds if f.reserved and "charging" not in f.programmes]
        others = [cny for name, cny in taken.items() if name not in kept]
        limits["total"] = budget.total_cny - sum(funds) - sum(others)
    for fund in budget.funds:
        if "charging" in fund.programmes:
            mine = sum(taken.get(name, 0.0) for name in fund.programmes)
            limits[f"fund {fund.name}"] = fund.most_cny - mine
    return limits


def limiting(budget: Budget, own_cny: float | None, taken: Mapping[str, Taken]) -> str:
    """Return the name of what limits charging most, as `charging_limits`, or `years`."""
    held = {name: one.held_cny for name, one in taken.items()}
    spent = {name: one.spent_cny for name, one in taken.items()}
    limits = charging_limits(budget, own_cny, held)
    limits |= {name: cny * (1 - PACKING) for name, cny in _of_years(budget, spent).items()}
    return min(limits, key=lambda name: limits[name], default="")


def _of_years(budget: Budget, taken: Mapping[str, float]) -> dict[str, float]:
    """Return what the years together leave to charging by name; no name without a limit."""
    limits = {"": math.inf}
    if budget.years:
        most = [math.inf if year.most_cny is None else year.most_cny for year in budget.years]
        limits["years"] = sum(most) - sum(taken.values())
    for fund in budget.funds:
        if "charging" in fund.programmes and budget.years:
            each = [year.funds.get(fund.name, math.inf) for year in budget.years]
            mine = sum(taken.get(name, 0.0) for name in fund.programmes)
            limits[f"years of fund {fund.name}"] = sum(each) - mine
    return limits


@dataclass(frozen=True, slots=True)
class Overrun:
    """
    A pot of money that is too small for what is planned beside charging.

    Attributes
    ----------
    name
        `total` or `fund <name>`.
    cost_cny, least_cny
        What the plans cost that it pays for, and the certified least of any plans.
    most_cny
        What it has.
    programmes
        Whom it pays.
    """

    name: str
    cost_cny: float
    least_cny: float
    most_cny: float
    programmes: tuple[str, ...]


def overruns(budget: Budget, taken: Mapping[str, Taken]) -> tuple[Overrun, ...]:
    """
    List the funds, and the total, that what is planned beside charging costs more than.

    Parameters
    ----------
    budget
        Total and funds.
    taken
        What the other programmes take.
    """
    groups: list[tuple[str, float, tuple[str, ...]]] = [
        (f"fund {fund.name}", fund.most_cny, fund.programmes) for fund in budget.funds
    ]
    if budget.total_cny is not None:
        groups.append(("total", budget.total_cny, tuple(taken)))
    found = []
    for name, most, programmes in groups:
        paid = [taken[one] for one in programmes if one in taken]
        cost = sum(one.spent_cny for one in paid)
        if cost > most + ROUNDING_CNY:
            least = sum(one.least_cny for one in paid)
            found.append(Overrun(name, cost, least, most, programmes))
    return tuple(found)


def _refuse_overrun(budget: Budget, taken: Mapping[str, Taken]) -> None:
    """Refuse where what is planned beside charging costs more than a fund or the total."""
    for over in overruns(budget, taken):
        raise InfeasibleError(
            f"the plans beside charging cost more than the {over.name}",
            where="budget",
            value=f"{over.cost_cny:,.0f} CNY for {over.most_cny:,.0f} CNY",
            cure="Raise it, or lower targets or budgets of: " + ", ".join(over.programmes),
        )


def hydrogen_money(plan: HydrogenPlan) -> Taken:
    """Return what the hydrogen stations take; at least what the cheapest places would cost."""
    spent = float(plan.stations["cost_cny"].sum()) if len(plan.stations) else 0.0
    there = plan.candidates[plan.candidates["reason"] == ""]
    costs = np.sort(there["cost_cny"].to_numpy(dtype=float))
    least = min(spent, float(costs[: int(plan.settings["stations"])].sum()))
    return Taken(spent, spent, least, least)


def roadside_money(plan: RoadsidePlan) -> Taken:
    """
    Return what the roadside plan takes.

    At least its proven least cost with the platform; planned for its worth, its own budget.
    """
    settings, frames = plan.settings, plan.frames
    spent = float(plan.totals["roadside_cost_cny"])
    sites = float(frames.rsus["cost_cny"].sum()) if len(frames.rsus) else 0.0
    platform = float(round(settings["edge_nodes"]["platform_cny"])) if len(frames.rsus) else 0.0
    every = frames.roadside_candidates
    forced = float(every["cost_cny"][every["mandatory"].astype(bool)].sum())
    if settings["objective"] == "benefit":
        own = float(settings["budget_cny"])
        held = max(own, sites) + spent - sites
        return Taken(spent, held, own + platform, min(spent, forced + platform))
    least = min(spent, max(forced, float(plan.record["bound"] or 0.0)) + platform)
    return Taken(spent, spent, least, least)


def testroad_money(plan: TestRoadPlan) -> Taken:
    """
    Return what the test roads take.

    At least what the cheapest kilometres would cost with roadside coverage everywhere, the fixed
    roads among them, the last one in part.
    """
    spent = float(plan.totals["test_road_cost_cny"])
    least = min(spent, cheapest_roads_cny(plan.frames.corridors, plan.settings))
    return Taken(spent, spent, least, least)


def cheapest_roads_cny(every: Any, settings: Mapping[str, Any]) -> float:  # noqa: ANN401
    """
    Return the least that test roads of the length asked for cost, CNY.

    Parameters
    ----------
    every
        As `Plan.test_road_corridors`.
    settings
        Of the test roads.
    """
    fixed = (every["opened"] | every["section"]).to_numpy(dtype=bool)
    usable = (every["reason"] == "").to_numpy() & ~fixed
    metres = every["length_m"].to_numpy(dtype=float)
    km_cny = sum(
        float(settings[name])
        for name in ("signs_cny_per_km", "assessment_cny_per_km", "hd_map_cny_per_km")
    )
    opened = every["opened"].to_numpy(dtype=bool)
    held = float(metres[fixed & ~opened].sum())
    room = max(0.0, float(settings["least_m"]) - float(metres[fixed].sum()))
    # Every new kilometre costs at least the same.
    more = min(room, float(metres[usable].sum()))
    # Each of two costs of each road is rounded to the yuan.
    return max(0.0, (held + more) / 1000 * km_cny - len(every))
