"""Plan the test roads of a model: corridors, worth, programme, solve, phases, frames."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from siting.candidates.corridors import CorridorRules, find_corridors
from siting.candidates.roadlists import mark_roads
from siting.candidates.testroads import road_costs, road_ground, road_points
from siting.core.solve import solve
from siting.errors import InfeasibleError, ModelError
from siting.evidence import connected_evidence
from siting.formulate.roadrows import RoadAsked, RoadFacts, road_rows
from siting.formulate.roadstart import road_start
from siting.formulate.testroads import (
    CHOOSE,
    RoadChoice,
    chosen_corridors,
    dearest_cny_m,
    road_programme,
)
from siting.model.figures import Figure
from siting.model.testroads import MEASURES
from siting.testroads.frames import RoadFrames, RoadPick, road_frames
from siting.testroads.measures import road_leanings, road_measures, road_notes

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd
    import numpy.typing as npt
    import pandas as pd

    from siting.candidates.corridors import Corridors
    from siting.candidates.testroads import RoadGround
    from siting.city.reading import City
    from siting.core.outcome import Outcome
    from siting.model.model import Model
    from siting.model.testroads import TestRoads
    from siting.network import Network
    from siting.network.junctions import Junctions
    from siting.programme import Programme

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]

KM_RULE = "centreline kilometres, each counted once: a dual carriageway is one road"
"""How kilometres are counted; printed with every total."""
COST_WINDOW = 0.1
"""Part of the length window that a least-cost plan may use."""


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
    """

    frames: RoadFrames
    measures: Mapping[str, float]
    notes: Mapping[str, str]
    warnings: tuple[str, ...]
    record: Mapping[str, Any]
    settings: Mapping[str, Any]
    clauses: Mapping[str, str]
    totals: Mapping[str, float]
    evidence: Mapping[str, npt.NDArray[np.generic]]
    text: str


def plan_testroads(
    city: City,
    network: Network,
    junctions: Junctions,
    covered: pd.DataFrame | None = None,
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
    found = plan_on_corridors(city, network, corridors, covered)
    return replace(found, warnings=(*lost, *found.warnings))


def asked_corridors(
    city: City, network: Network, junctions: Junctions
) -> tuple[Corridors, tuple[str, ...]] | None:
    """
    Find the corridors that a model's test roads are chosen from; parameters as `plan_testroads`.

    Returns
    -------
    corridors, lost
        With what isn't on the map, one sentence each; None where no target asks for test roads.

    Raises
    ------
    ModelError
        As `plan_testroads`.
    """
    model = city.model
    if not any(target.measure in MEASURES for target in model.targets):
        return None
    settings = _settings_of(model)
    classes = tuple(name for group in settings.groups for name in group.classes)
    rules = CorridorRules(classes, settings.school_m.value, settings.hospital_m.value)
    corridors = find_corridors(network, junctions, city.districts, city.map, rules)
    return mark_roads(
        corridors,
        network.crs,
        opened=settings.opened,
        excluded=settings.excluded,
        own=city.layers.get("opened"),
    )


def plan_on_corridors(
    city: City, network: Network, corridors: Corridors, covered: pd.DataFrame | None = None
) -> TestRoadPlan:
    """
    Plan test roads on corridors that are known; see `plan_testroads`.

    Parameters
    ----------
    city, network
        What is planned on.
    corridors
        The road sections to choose from.
    covered
        As for `plan_testroads`.
    """
    model = city.model
    settings = _settings_of(model)
    question = road_question(city, network, corridors, covered)
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
    )


@dataclass(frozen=True, slots=True)
class RoadQuestion:
    """
    What the test-road programme of a model is written over; e corridors.

    Attributes
    ----------
    ground
        Anchors, scenarios and what can be chosen.
    asked
        What the targets ask beside the length.
    share
        Share of each corridor that roadside equipment reaches, shape (e,).
    costs
        Opening and retrofit, CNY, shape (e,) each.
    worth
        Points, shape (e,).
    short
        Floors above what the map holds, one sentence each.
    choice
        The figures of the programme.
    """

    ground: RoadGround
    asked: RoadAsked
    share: Floats
    costs: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
    worth: Floats
    short: tuple[str, ...]
    choice: RoadChoice


def road_question(
    city: City, network: Network, corridors: Corridors, covered: pd.DataFrame | None = None
) -> RoadQuestion:
    """Gather what the test-road programme is written over; parameters as `plan_on_corridors`."""
    model = city.model
    settings = _settings_of(model)
    ground = road_ground(corridors, network.crs, city.districts, city.map.facilities, settings)
    share = covered_share(corridors, covered)
    metres = corridors.frame["length_m"].to_numpy(dtype=float)
    costs = road_costs(metres, share, ground.opened, settings)
    facts = _facts(corridors, ground, settings, (costs[0] + costs[1]).astype(np.float64))
    asked = _asked(model, city.districts)
    rows, short = road_rows(facts, asked, settings)
    worth = road_points(ground, metres, share, settings)
    choice = RoadChoice(
        nodes=len(corridors.node_xy),
        tail=corridors.tail,
        head=corridors.head,
        length_m=metres,
        points=worth,
        cost_cny=facts.cost_cny,
        least_m=asked.least_m,
        most_m=asked.least_m * (1 + _window(settings)),
        anchors=ground.anchors(),
        components=settings.components,
        forced=ground.opened | ground.section,
        banned=~ground.usable,
        rows=rows,
        objective=settings.objective,
        clause=asked.clause.get("test_road_km", ""),
    )
    return RoadQuestion(ground, asked, share, costs, worth, short, choice)


def _settings_of(model: Model) -> TestRoads:
    if model.testroads is None:
        raise ModelError(
            "a target asks for test roads and the model doesn't say what they are",
            where=model.name,
            cure="Add a `testroads:` part, as in models/defaults.yaml",
        )
    if not any(target.measure == "test_road_km" for target in model.targets):
        raise ModelError(
            "targets ask for test roads and none says how many kilometres",
            where=model.name,
            cure="Add a target with `measure: test_road_km`, of the planner's own if need be",
        )
    return model.testroads.resolved()


def _window(settings: TestRoads) -> float:
    part = COST_WINDOW if settings.objective == "cost" else 1.0
    return settings.window.value * part


def _asked(model: Model, districts: gpd.GeoDataFrame) -> RoadAsked:
    most = dict.fromkeys(MEASURES, 0.0)
    clause: dict[str, str] = {}
    for target in model.targets:
        if target.measure in most and target.at_least >= most[target.measure]:
            most[target.measure] = target.at_least
            clause[target.measure] = target.clause
    return RoadAsked(
        least_m=1000 * most["test_road_km"],
        districts=tuple(districts["district_id"].astype(str)),
        low_speed_share=most["low_speed_districts"],
        tiers=round(most["base_tiers"]),
        sorts=round(most["test_road_sorts"]),
        grades=round(most["test_road_grades"]),
        scenarios=round(most["test_road_scenarios"]),
        clause=clause,
    )


def covered_share(corridors: Corridors, points: pd.DataFrame | None) -> Floats:
    """
    Measure what share of each corridor roadside equipment reaches.

    Parameters
    ----------
    corridors
        The road sections.
    points
        As for `plan_testroads`.

    Returns
    -------
    share
        By the length that the points on its edges stand for; 0 without any. Shape (e,).
    """
    if points is None or not len(points):
        return np.zeros(len(corridors.tail))
    edges = corridors.edges.shape[1]
    edge = points["edge_id"].to_numpy(dtype=np.int64)
    metres = points["length_m"].to_numpy(dtype=float)
    reached = metres * points["covered"].to_numpy(dtype=bool)
    belongs = corridors.edges.astype(np.float64)
    every = belongs @ np.bincount(edge, weights=metres, minlength=edges)
    some = belongs @ np.bincount(edge, weights=reached, minlength=edges)
    share = np.divide(some, every, out=np.zeros(len(every)), where=every > 0)
    return np.asarray(share, dtype=np.float64)


def _facts(
    corridors: Corridors, ground: RoadGround, settings: TestRoads, cost_cny: Floats
) -> RoadFacts:
    frame = corridors.frame
    closed = ground.anchors("closed")
    return RoadFacts(
        metres=frame["length_m"].to_numpy(dtype=float),
        group=ground.group,
        grade=frame["grade"].to_numpy(dtype=object),
        district=frame["district_id"].to_numpy(dtype=object),
        low_speed=(frame["speed_kmh"] <= settings.low_speed_kmh.value).to_numpy(),
        semi_open=ground.semi_open,
        section=ground.section,
        closed=np.isin(corridors.tail, closed) | np.isin(corridors.head, closed),
        expressway=(frame["highway"] == "motorway").to_numpy(),
        served=ground.served,
        cost_cny=cost_cny,
        usable=ground.usable,
        fixed=ground.opened | ground.section,
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
    "value": "points of the test roads",
    "cost": "cost of the test roads, CNY; the bound is the least that any roads of the length cost",
    "length": "kilometres of test roads, as many as can be had",
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
        "objective_meaning": MEANINGS[choice.objective],
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
