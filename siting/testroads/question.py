"""What the test-road programme of a model is written over: corridors, worth, costs, side rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from siting.candidates.corridors import CorridorRules, find_corridors
from siting.candidates.roadlists import mark_roads
from siting.candidates.testroads import road_costs, road_ground, road_points
from siting.errors import ModelError
from siting.formulate.roadrows import RoadAsked, RoadFacts, road_rows
from siting.formulate.testroads import RoadChoice
from siting.model.testroads import MEASURES
from siting.own.locked import locked_items

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt
    import pandas as pd

    from siting.candidates.corridors import Corridors
    from siting.candidates.testroads import RoadGround
    from siting.city.reading import City
    from siting.model.model import Model
    from siting.model.testroads import TestRoads
    from siting.network import Network
    from siting.network.junctions import Junctions
    from siting.said import Said

    Floats = npt.NDArray[np.float64]

COST_WINDOW = 0.1
"""Part of the length window that a least-cost plan may use."""


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
    short: tuple[Said, ...]
    choice: RoadChoice


def road_question(
    city: City,
    network: Network,
    corridors: Corridors,
    covered: pd.DataFrame | None = None,
    *,
    exclusions: gpd.GeoDataFrame | None = None,
) -> RoadQuestion:
    """Gather what the test-road programme is written over; parameters as `plan_on_corridors`."""
    model = city.model
    settings = testroad_settings(model)
    ground = road_ground(
        corridors, network.crs, city.districts, city.map.facilities, settings,
        exclusions=exclusions,
    )  # fmt: skip
    share = covered_share(corridors, covered)
    metres = corridors.frame["length_m"].to_numpy(dtype=float)
    costs = road_costs(metres, share, ground.opened, settings, ground.cost_factor)
    facts = _facts(corridors, ground, settings, (costs[0] + costs[1]).astype(np.float64))
    asked = _asked(model, city.districts)
    rows, short = road_rows(facts, asked, settings)
    worth = road_points(ground, metres, share, settings)
    locked = locked_items(corridors.frame["corridor_id"], model.locks, "test_road")
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
        forced=ground.opened | ground.section | locked.fixed,
        banned=~ground.usable | locked.banned,
        rows=rows,
        objective=settings.objective,
        clause=asked.clause.get("test_road_km", ""),
    )
    return RoadQuestion(ground, asked, share, costs, worth, short, choice)


def asked_corridors(
    city: City, network: Network, junctions: Junctions
) -> tuple[Corridors, tuple[Said, ...]] | None:
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
    if not any(target.measure in MEASURES for target in city.model.targets):
        return None
    return corridors_of(city, network, junctions)


def corridors_of(
    city: City, network: Network, junctions: Junctions
) -> tuple[Corridors, tuple[Said, ...]]:
    """Find the corridors of a city, marked by its lists; also what of the lists isn't found."""
    settings = testroad_settings(city.model)
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


def testroad_settings(model: Model) -> TestRoads:
    """
    Return the test-road part of a model with its sections resolved.

    Raises
    ------
    ModelError
        There is none, or no target says how many kilometres.
    """
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
