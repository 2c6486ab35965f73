"""Each programme of a ground as something to be explained."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from siting.core.building.check import ROUNDING
from siting.core.certificate import recompute_bound
from siting.core.conflict.building import KnownPlan
from siting.core.conflict.rows import TREE
from siting.core.solve import solve
from siting.errors import InfeasibleError
from siting.explain.locked import locked_parts
from siting.explain.others import hydrogen_puzzle, road_puzzle, roadside_puzzle
from siting.explain.parts import district_names
from siting.formulate.roadside import decode_roadside
from siting.formulate.roadstart import road_start
from siting.formulate.testroads import CHOOSE, road_programme
from siting.hydrogen.question import hydrogen_question
from siting.roadside.planning import plan_roadside
from siting.roadside.question import roadside_question
from siting.structures import Building
from siting.testroads.question import asked_corridors, road_question

if TYPE_CHECKING:
    from collections.abc import Mapping

    from siting.explain.parts import Puzzle
    from siting.formulate.testroads import RoadChoice
    from siting.ground import Ground
    from siting.model.model import Model
    from siting.roadside.planning import RoadsidePlan


def hydrogen_of(ground: Ground) -> Puzzle | None:
    """
    Make the hydrogen stations of a ground explainable.

    Parameters
    ----------
    ground
        What is planned on, with the model.

    Returns
    -------
    puzzle
        None where no target asks for hydrogen stations.
    """
    question = hydrogen_question(
        ground.city,
        ground.network,
        ground.demand,
        ground.candidates,
        ground.cells,
        exclusions=ground.own.exclusions,
    )
    if question is None:
        return None
    hydrogen = ground.city.model.hydrogen
    assert hydrogen is not None  # noqa: S101
    ids = question.sites.frame["site_id"].to_numpy(dtype=object)[question.sites.eligible]
    locked = locked_parts(ground.city.model.locks, ("hydrogen",), ids)
    return hydrogen_puzzle(question.choice, question.reach, hydrogen.spacing_m.value, locked)


def roadside_of(plan: RoadsidePlan | None, ground: Ground) -> Puzzle | None:
    """
    Make the roadside units of a ground explainable.

    Parameters
    ----------
    plan
        A plan of them that is known, so that what it answers isn't solved again; None for none.
    ground
        What is planned on, with the model.

    Returns
    -------
    puzzle
        None where no target asks for roadside units.
    """
    question = roadside_question(
        ground.city, ground.network, ground.junctions, exclusions=ground.own.exclusions
    )
    if question is None:
        return None
    building = question.programme.structure
    assert isinstance(building, Building)  # noqa: S101
    sites = question.ground.sites.frame
    ids = sites["site_id"].to_numpy(dtype=object)
    locked = locked_parts(ground.city.model.locks, ("roadside",), ids)
    # A ban on an edge node leaves its site as it is; a fixed one has the site equipped.
    hosts = locked_parts(ground.city.model.locks, ("edge_node",), ids)
    locked = (*locked, *(one for one in hosts if one.lock.built))
    if locked:
        must = sites["mandatory"].to_numpy(dtype=bool)
        building = replace(building, forced=must, banned=np.zeros(len(must), dtype=bool))
    clause = question.area.clause if question.area else ""
    return roadside_puzzle(building, clause, locked, None if plan is None else _known(plan))


def _known(plan: RoadsidePlan) -> KnownPlan:
    """Say what the solve of a plan proved of the least cost; nothing where it asked for worth."""
    building, outcome = plan.programme.structure, plan.outcome
    assert isinstance(building, Building)  # noqa: S101
    equipped, _ = decode_roadside(plan.programme, outcome)
    if building.maximise or not math.isfinite(outcome.bound):
        return KnownPlan(equipped, math.nan, "")
    by_rows = recompute_bound(building, outcome.certificate)
    same = math.isclose(outcome.bound, by_rows, rel_tol=ROUNDING)
    return KnownPlan(equipped, outcome.bound, "multipliers" if same else TREE)


def testroads_of(roadside: RoadsidePlan | None, ground: Ground) -> Puzzle | None:
    """
    Make the test roads of a ground explainable.

    Parameters
    ----------
    roadside
        Where units stand, which changes what a kilometre costs; None for nowhere.
    ground
        What is planned on, with the model.

    Returns
    -------
    puzzle
        None where no target asks for test roads.
    """
    city, model = ground.city, ground.city.model
    asked = asked_corridors(city, ground.network, ground.junctions)
    if asked is None:
        return None
    settings = model.testroads
    assert settings is not None  # noqa: S101
    covered = None if roadside is None else roadside.frames.road_points
    question = road_question(
        city, ground.network, asked[0], covered, exclusions=ground.own.exclusions
    )
    names = district_names(city.districts)
    plan = _road_plan(question.choice, model)
    ids = asked[0].frame["corridor_id"].to_numpy(dtype=object)
    locked = locked_parts(model.locks, ("test_road",), ids)
    land = question.ground
    free = replace(question.choice, forced=land.opened | land.section, banned=~land.usable)
    return road_puzzle(free, settings.resolved(), names, plan, locked)


def roadside_beside(ground: Ground) -> RoadsidePlan | None:
    """
    Plan roadside units where what they reach changes what a test road can be paid.

    Parameters
    ----------
    ground
        What is planned on, with the model.

    Returns
    -------
    plan
        None where test roads have no limit of money, or no units can be planned.
    """
    model = ground.city.model
    settings = model.testroads
    phased = settings is not None and all(p.budget_cny is not None for p in settings.phases)
    if settings is None or not (settings.budget_cny is not None or (settings.phases and phased)):
        return None
    try:
        return plan_roadside(
            ground.city,
            ground.network,
            ground.junctions,
            ground.demand,
            exclusions=ground.own.exclusions,
        )
    except InfeasibleError:
        return None


def _road_plan(choice: RoadChoice, model: Model) -> Mapping[str, Any] | None:
    """Look for test roads by the route that knows their structure."""
    settings = model.testroads
    assert settings is not None  # noqa: S101
    if float(choice.length_m[~choice.banned].sum()) < choice.least_m:
        return None
    programme = road_programme(choice)
    start = road_start(choice)
    if start is not None:
        programme = replace(programme, start={CHOOSE: start.astype(np.float64)})
    resolved = settings.resolved()
    outcome = solve(
        programme,
        gap=1.0,
        seconds=resolved.seconds.value,
        memory_mb=model.solve.memory_mb,
        seed=model.solve.seed,
    )
    return outcome.values or None
