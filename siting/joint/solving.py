"""All programmes of a model solved one after the other, or within one budget."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from siting.charging.fairness import solve_charging
from siting.clock import Event, silent
from siting.errors import InfeasibleError
from siting.hydrogen.planning import plan_hydrogen
from siting.joint.charging import charging_within
from siting.joint.money import divide, with_charging_budget
from siting.locks.blame import honour
from siting.roadside.planning import plan_roadside
from siting.testroads.planning import plan_testroads

if TYPE_CHECKING:
    from collections.abc import Callable

    from siting.charging.fairness import Found
    from siting.city.reading import City
    from siting.core.outcome import Outcome, TracePoint
    from siting.ground import Ground
    from siting.hydrogen.planning import HydrogenPlan
    from siting.joint.charging import Within
    from siting.joint.money import Money
    from siting.model.budget import Budget
    from siting.model.model import Model
    from siting.programme import Programme
    from siting.roadside.planning import RoadsidePlan
    from siting.testroads.planning import TestRoadPlan

    Report = Callable[[Event], None]

WIDE_GAP = 0.02
"""Joint gap above which test roads planned for their worth are planned again for least cost."""


@dataclass(frozen=True, slots=True)
class Others:
    """The programmes beside charging, None where no target asks for one."""

    hydrogen: HydrogenPlan | None
    roadside: RoadsidePlan | None
    testroads: TestRoadPlan | None


@dataclass(frozen=True, slots=True)
class Settled:
    """
    Every programme of a model, solved.

    Attributes
    ----------
    others
        The programmes beside charging.
    found
        The charging programme.
    asked
        The model with the budget that charging was given.
    joint
        How one budget was divided and charging solved within it; None without one.
    """

    others: Others
    found: Found
    asked: Model
    joint: tuple[Money, Within] | None


def solve_all(ground: Ground, report: Report = silent) -> Settled:
    """
    Solve every programme of a model on its ground.

    Charging comes last and takes the money that the others leave. Where one budget holds them all
    and the joint gap stays wide, test roads that were planned for their worth are planned for least
    cost, and the better of the two plans is kept: first by its share of the targets, then by the
    energy that it serves.

    Parameters
    ----------
    ground
        What is planned on, with the model.
    report
        Told what each programme came to.

    Raises
    ------
    InfeasibleError, SolverError
        As the programmes.
    """
    model = ground.city.model
    others = plan_others(ground, report)

    def trace(point: TracePoint) -> None:
        report(Event("solve", trace=point))

    def alone(city: City) -> Settled:
        found = solve_charging(ground.charging, city.model, ground.demand, ground.reach, trace)
        refuse_impossible(found.outcome)
        return Settled(others, found, model, None)

    if model.budget is None:
        return honour(alone, ground.city, ("charging",))
    return solve_within(ground, others, report, trace)


def solve_within(
    ground: Ground,
    others: Others,
    report: Report = silent,
    trace: Callable[[TracePoint], None] | None = None,
    formulate: Callable[[Model], Programme] | None = None,
) -> Settled:
    """
    Solve charging within one budget beside plans of the others; see `solve_all`.

    Parameters
    ----------
    ground
        What is planned on, with the model and its budget.
    others
        Plans of the other programmes.
    report, trace
        Told what is going on, and of incumbent and bound.
    formulate
        Makes the charging programme of a model; `ground.charging` if None.
    """
    model = ground.city.model

    def within(city: City) -> Settled:
        return _within(replace(ground, city=city), others, trace, formulate)

    first = honour(within, ground.city, ("charging",))
    if not _roads_for_less(model, first):
        return first
    roads = _plan_roads(ground, others.roadside, thrifty=True)
    if roads is not None:
        report(Event("solve", f"for least cost: {roads.text}"))
    second = _within(ground, replace(others, testroads=roads), trace, formulate)
    return max((first, second), key=_merit)


def _merit(one: Settled) -> tuple[float, float]:
    assert one.joint is not None  # noqa: S101
    return one.joint[1].share, one.found.outcome.objective


def _roads_for_less(model: Model, first: Settled) -> bool:
    """Tell whether test roads that cost less could let charging serve much more."""
    assert first.joint is not None  # noqa: S101
    money, within = first.joint
    roads = money.taken.get("testroads")
    if roads is None or not saves_on_roads(model):
        return False
    served = first.found.outcome.objective
    wide = within.bound_kwh_day > served * (1 + WIDE_GAP) or within.share < 1
    return wide and roads.held_cny > roads.floor_cny


def _shared(programme: str, budget: Budget) -> bool:
    """Tell whether money that a programme leaves is charging's."""
    home = [fund for fund in budget.funds if programme in fund.programmes and fund.reserved]
    return not home or "charging" in home[0].programmes


def _within(
    ground: Ground,
    others: Others,
    trace: Callable[[TracePoint], None] | None,
    formulate: Callable[[Model], Programme] | None = None,
) -> Settled:
    """Divide the budget and solve charging with what is left of it."""
    model = ground.city.model
    money = divide(model, others.hydrogen, others.roadside, others.testroads)
    asked = with_charging_budget(model, money.charging_cny)
    reached = (ground.demand, ground.reach)
    within = charging_within(formulate or ground.charging, asked, money, reached, trace)
    refuse_impossible(within.found.outcome)
    return Settled(others, within.found, asked, (money, within))


def saves_on_roads(model: Model) -> bool:
    """Tell whether test roads planned for their worth take money that charging could have."""
    asked, budget = model.testroads, model.budget
    if asked is None or budget is None or asked.objective == "cost":
        return False
    return _shared("testroads", budget)


BESIDE = frozenset({"hydrogen", "roadside", "testroads"})
"""The programmes beside charging."""


def plan_others(
    ground: Ground,
    report: Report = silent,
    *,
    thrifty: bool = False,
    known: Others | None = None,
    again: frozenset[str] = BESIDE,
) -> Others:
    """
    Solve the programmes beside charging.

    Parameters
    ----------
    ground
        What is planned on, with the model.
    report
        Told what each came to.
    thrifty
        Whether test roads are planned for least cost whatever the model asks.
    known, again
        Plans that are known, and the programmes that are planned again nevertheless.

    Raises
    ------
    InfeasibleError, SolverError
        As the programmes.
    """
    city, network = ground.city, ground.network
    budget = city.model.budget
    land = ground.own.exclusions

    def hydrogen_of(own: City) -> HydrogenPlan | None:
        return plan_hydrogen(
            own,
            network,
            ground.demand,
            ground.candidates,
            ground.cells,
            exclusions=land,
            thrifty=budget is not None and _shared("hydrogen", budget),
        )

    def roadside_of(own: City) -> RoadsidePlan | None:
        return plan_roadside(own, network, ground.junctions, ground.demand, exclusions=land)

    def told(one: HydrogenPlan | RoadsidePlan | TestRoadPlan | None) -> None:
        if one is not None and known is None:
            report(Event("solve", one.text))

    found = known or Others(None, None, None)
    if known is None or "hydrogen" in again:
        found = replace(found, hydrogen=honour(hydrogen_of, city, ("hydrogen",)))
        told(found.hydrogen)
    if known is None or "roadside" in again:
        found = replace(found, roadside=honour(roadside_of, city, ("roadside", "edge_node")))
        told(found.roadside)
    if known is None or "testroads" in again:
        roads = _plan_roads(ground, found.roadside, thrifty=thrifty)
        found = replace(found, testroads=roads)
        told(found.testroads)
    return found


def _plan_roads(
    ground: Ground, roadside: RoadsidePlan | None, *, thrifty: bool = False
) -> TestRoadPlan | None:
    """Plan test roads where roadside units reach; with `thrifty`, for least cost."""
    city = ground.city
    covered = None if roadside is None else roadside.frames.road_points
    if thrifty and city.model.testroads is not None:
        cheap = city.model.testroads.model_copy(update={"objective": "cost"})
        city = replace(city, model=city.model.model_copy(update={"testroads": cheap}))
    land = ground.own.exclusions

    def roads_of(own: City) -> TestRoadPlan | None:
        return plan_testroads(own, ground.network, ground.junctions, covered, exclusions=land)

    return honour(roads_of, city, ("test_road",))


def plan_for_less(ground: Ground, others: Others) -> Others:
    """
    Plan test roads for least cost where charging may have the money that they leave.

    Parameters
    ----------
    ground
        What is planned on, with a budget.
    others
        The programmes beside charging.

    Returns
    -------
    others
        As `solve_all` plans them where the money doesn't do for the targets of charging.
    """
    if others.testroads is None or not saves_on_roads(ground.city.model):
        return others
    return replace(others, testroads=_plan_roads(ground, others.roadside, thrifty=True))


def refuse_impossible(outcome: Outcome) -> None:
    """
    Raise when the targets can't be met together.

    Raises
    ------
    InfeasibleError
        With what the core found to collide.
    """
    if outcome.status == "infeasible":
        raise InfeasibleError(
            outcome.message or "the targets can't be met together",
            cure="Raise the budget, lower a target, or add candidate sites; `siting explain` says "
            "how far each has to go",
        )
