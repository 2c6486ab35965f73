"""Plan the test roads of a model: corridors, worth, programme, solve, phases, frames."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from siting.core.solve import solve
from siting.errors import InfeasibleError
from siting.evidence import connected_evidence
from siting.formulate.roadstart import road_start
from siting.formulate.testroads import (
    CHOOSE,
    RoadChoice,
    chosen_corridors,
    dearest_cny_m,
    road_programme,
)
from siting.model.figures import Figure
from siting.said import Said
from siting.testroads.frames import RoadFrames, RoadPick, road_frames
from siting.testroads.measures import road_leanings, road_measures, road_notes
from siting.testroads.question import asked_corridors, road_question, testroad_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd
    import numpy.typing as npt
    import pandas as pd

    from siting.candidates.corridors import Corridors
    from siting.city.reading import City
    from siting.core.outcome import Outcome
    from siting.formulate.roadrows import RoadAsked
    from siting.model.model import Model
    from siting.model.testroads import TestRoads
    from siting.network import Network
    from siting.network.junctions import Junctions
    from siting.programme import Programme

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]

KM_RULE = "centreline kilometres, each counted once: a dual carriageway is one road"
"""How kilometres are counted; printed with every total."""


@dataclass(frozen=True, slots=True)
class TestRoadPlan:
    """
    The solved test-road programme; every frame is EPSG:4326.

    Attributes
    ----------
    frames
        `Plan.test_roads` and the layers beside it.
    measures
        What the plan comes to, by measure.
    notes
        Measure to a sentence for the ledger.
    warnings
        What isn't on the map or can't be held, one sentence each, for the notes of the run.
    record
        How the solve ended, for run.json.
    settings
        Figures that the checker needs beside the layers.
    clauses
        Clauses that the plan leans towards, with how.
    totals
        Kilometres and costs for run.json.
    evidence
        What the bound can be recomputed from.
    text
        What was planned, one sentence for the user.
    dropped
        Its part of `Plan.dropped`.
    """

    frames: RoadFrames
    measures: Mapping[str, float]
    notes: Mapping[str, Said]
    warnings: tuple[Said, ...]
    record: Mapping[str, Any]
    settings: Mapping[str, Any]
    clauses: Mapping[str, Said]
    totals: Mapping[str, float]
    evidence: Mapping[str, npt.NDArray[np.generic]]
    text: str
    dropped: gpd.GeoDataFrame


def plan_testroads(
    city: City,
    network: Network,
    junctions: Junctions,
    covered: pd.DataFrame | None = None,
    *,
    exclusions: gpd.GeoDataFrame | None = None,
) -> TestRoadPlan | None:
    """
    Plan the test roads that a model's targets ask for.

    Parameters
    ----------
    city, network, junctions
        What is planned on.
    covered
        Points along the roads with `edge_id`, `length_m` and `covered` (whether roadside equipment
        reaches them), or None where there is no roadside plan.
    exclusions
        Land that test roads can't be on or are worth less on, as `exclusions.exclusion_frame`.

    Returns
    -------
    TestRoadPlan
        None where no target asks for test roads.

    Raises
    ------
    ModelError
        A target asks for test roads and the model doesn't say how many kilometres or what they are.
    InfeasibleError
        What is asked can't be had together.
    SolverError
        No plan was found in the time given.
    """
    asked = asked_corridors(city, network, junctions)
    if asked is None:
        return None
    corridors, lost = asked
    found = plan_on_corridors(city, network, corridors, covered, exclusions=exclusions)
    return replace(found, warnings=(*lost, *found.warnings))


def plan_on_corridors(
    city: City,
    network: Network,
    corridors: Corridors,
    covered: pd.DataFrame | None = None,
    *,
    exclusions: gpd.GeoDataFrame | None = None,
) -> TestRoadPlan:
    """
    Plan test roads on corridors that are known; see `plan_testroads`.

    Parameters
    ----------
    city, network
        What is planned on.
    corridors
        The road sections to choose from.
    covered, exclusions
        As for `plan_testroads`.
    """
    model = city.model
    settings = testroad_settings(model)
    question = road_question(city, network, corridors, covered, exclusions=exclusions)
    ground, share, asked = question.ground, question.share, question.asked
    costs, short, worth, choice = question.costs, question.short, question.worth, question.choice
    metres = choice.length_m
    choice, programme, outcome = _solve(model, settings, choice)
    chosen = chosen_corridors(programme, outcome)
    pick = RoadPick(chosen, share, worth, *costs)
    frames = road_frames(network, corridors, ground, city.districts, settings, pick)
    measured = road_measures(frames, settings, asked.districts)
    opening, retrofit = int(costs[0][chosen].sum()), int(costs[1][chosen].sum())
    warnings = (*ground.notes, *short)
    km = float(metres[chosen].sum()) / 1000
    return TestRoadPlan(
        frames=frames,
        measures=measured,
        notes=road_notes(settings, ground, corridors, measured),
        warnings=warnings,
        record=_record(choice, outcome, chosen),
        settings=_plain_settings(settings, choice, asked),
        clauses=road_leanings(settings, frames),
        totals={
            "test_road_km": km,
            "test_road_opening_cny": opening,
            "test_road_retrofit_cny": retrofit,
            "test_road_cost_cny": opening + retrofit,
        },
        evidence=connected_evidence(programme, outcome, "testroads"),
        text=_text(frames, km, opening, retrofit),
        dropped=ground.dropped,
    )


def _solve(
    model: Model, settings: TestRoads, choice: RoadChoice
) -> tuple[RoadChoice, Programme, Outcome]:
    """Solve; where the length can't be had and is to be explored, plan as much as can be."""
    there = float(choice.length_m[~choice.banned].sum())
    if there >= choice.least_m:
        programme, outcome = _run(model, settings, choice)
        if outcome.status != "infeasible":
            return choice, programme, outcome
    if settings.explore:
        less = replace(choice, least_m=0.0, points=choice.length_m / 1000, objective="length")
        programme, outcome = _run(model, settings, less)
        if outcome.status != "infeasible":
            return less, programme, outcome
    raise InfeasibleError(
        f"{choice.least_m / 1000:,.0f} km of test roads can't be had",
        where="testroads",
        value=f"{there / 1000:,.0f} km may be test roads, in at most {choice.components} "
        f"connected parts from {len(choice.anchors)} anchors",
        cure="Allow more parts, lower floors and shares, or raise the budget of `testroads`; "
        "`siting explain` says how far",
    )


def _run(model: Model, settings: TestRoads, choice: RoadChoice) -> tuple[Programme, Outcome]:
    programme = road_programme(choice)
    start = road_start(choice)
    if start is not None:
        programme = replace(programme, start={CHOOSE: start.astype(np.float64)})
    outcome = solve(
        programme,
        gap=settings.gap.value,
        seconds=settings.seconds.value,
        memory_mb=model.solve.memory_mb,
        seed=model.solve.seed,
    )
    return programme, outcome


MEANINGS = {
    "value": Said("测试道路得分", "points of the test roads"),
    "cost": Said(
        "测试道路造价（元）；界为同等里程的任何道路的最低造价",
        "cost of the test roads, CNY; the bound is the least that any roads of the length cost",
    ),
    "length": Said(
        "测试道路里程，取可得的最大值", "kilometres of test roads, as many as can be had"
    ),
}
"""What the objective of a run is, by the model's word."""


def _record(choice: RoadChoice, outcome: Outcome, chosen: Bools) -> dict[str, Any]:
    """Describe how the solve ended; a least cost is turned back from what the route maximised."""
    objective, bound = outcome.objective, outcome.bound
    if choice.objective == "cost":
        objective = float(choice.cost_cny[chosen].sum())
        bound = max(0.0, dearest_cny_m(choice) * choice.least_m - outcome.bound)
    gap = abs(bound - objective) / max(abs(objective), 1e-9)
    return {
        "status": str(outcome.status),
        "objective": objective,
        "objective_meaning": MEANINGS[choice.objective].en,
        "objective_meaning_zh": MEANINGS[choice.objective].zh,
        "bound": bound,
        "gap": gap,
        "route": outcome.route,
        "message": outcome.message,
        "seconds": round(outcome.seconds, 3),
        "km_rule": KM_RULE,
    }


def _plain_settings(settings: TestRoads, choice: RoadChoice, asked: RoadAsked) -> dict[str, Any]:
    """Return the figures of the model's part, and what was asked, as JSON knows them."""
    plain: dict[str, Any] = _plain(settings)
    return {
        **plain,
        "objective": choice.objective,
        "least_m": choice.least_m,
        "most_m": choice.most_m,
        "asked_m": asked.least_m,
        "dearest_cny_m": dearest_cny_m(choice),
        "low_speed_share": asked.low_speed_share,
        **{name: getattr(asked, name) for name in ("tiers", "sorts")},
        "grades_asked": asked.grades,
        "scenarios_asked": asked.scenarios,
        "km_rule": KM_RULE,
    }


def _plain(value: object) -> Any:  # noqa: ANN401  (whatever JSON knows)
    if isinstance(value, Figure):
        return value.value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    fields = getattr(type(value), "model_fields", None)
    if fields is not None:
        return {name: _plain(getattr(value, name)) for name in fields}
    return value


def _text(frames: RoadFrames, km: float, opening: int, retrofit: int) -> str:
    parts = frames.roads["part"].nunique() if len(frames.roads) else 0
    return (
        f"{km:,.1f} km of test roads in {len(frames.catalogue):,} sections and {parts} connected "
        f"parts; opening {opening / 1e4:,.0f} and retrofit {retrofit / 1e4:,.0f} x 10,000 CNY"
    )
