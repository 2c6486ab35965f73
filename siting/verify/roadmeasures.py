"""Recompute what a plan of test roads comes to by the measures of the clauses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from siting.plan import Plan

    Settings = Mapping[str, Any]

MEASURES = frozenset(
    {
        "test_road_km",
        "low_speed_districts",
        "test_road_sorts",
        "test_road_grades",
        "test_road_scenarios",
        "base_tiers",
    }
)
"""Measures that `road_measure` knows."""
SLACK_M = 1e-3


def road_measure(plan: Plan, settings: Settings, measure: str) -> float | None:
    """
    Recompute a measure of test roads from the layers and settings alone.

    Returns
    -------
    value
        None for a measure that isn't one of `MEASURES`.
    """
    if measure not in MEASURES:
        return None
    return COUNTS[measure](plan, settings) if len(plan.test_roads) else 0.0


def _km(plan: Plan, _: Settings) -> float:
    return float(plan.test_roads.length_m.sum()) / 1000


def _low_speed(plan: Plan, settings: Settings) -> float:
    roads = plan.test_roads
    slow = roads[roads.speed_kmh <= settings["low_speed_kmh"]].groupby("district_id").length_m.sum()
    there = slow.reindex(plan.districts.district_id).fillna(0.0)
    return float(np.mean(there >= 1000 * settings["low_speed_km"] - SLACK_M))


def _sorts(plan: Plan, settings: Settings) -> float:
    roads = plan.test_roads
    found = 0
    for group in settings["groups"]:
        metres = roads.length_m[roads.highway.isin(group["classes"])].sum()
        found += bool(metres >= max(1000 * group["at_least_km"], 1.0) - SLACK_M)
    return float(found)


def _grades(plan: Plan, settings: Settings) -> float:
    roads = plan.test_roads
    shares = roads.groupby("grade").length_m.sum() / roads.length_m.sum()
    return float((shares >= settings["grade_least_share"] - 1e-9).sum())


def _scenarios(plan: Plan, settings: Settings) -> float:
    """Count scenarios with enough places on test roads."""
    places = plan.test_road_places
    on_roads = places[places.corridor_id.isin(plan.test_roads.corridor_id)]
    count = on_roads.role.value_counts()
    return float(
        sum(count.get(item["id"], 0) >= max(1, item["at_least"]) for item in settings["scenarios"])
    )


def _tiers(plan: Plan, settings: Settings) -> float:
    """Count the tiers of a test base that are there: closed ground, semi-open area, expressway."""
    roads, places = plan.test_roads, plan.test_road_places
    metres = roads.length_m.to_numpy(dtype=float)
    closed = places[(places.role == "anchor") & (places.tier == "closed")]
    ends = set(roads.tail_id) | set(roads.head_id)
    semi = metres[roads.semi_open.astype(bool)].sum()
    fast = metres[(roads.highway == "motorway").to_numpy()].sum()
    section = metres[roads.section.astype(bool)].sum()
    wanted = 1000 * settings["expressway_km"]
    if section > 0:
        wanted, fast = min(wanted, section), max(fast, section)
    held = (
        closed.node_id.isin(ends).any(),
        semi >= 1000 * settings["semi_open_km"] - SLACK_M,
        fast >= wanted - SLACK_M,
    )
    return float(sum(map(bool, held)))


COUNTS = {
    "test_road_km": _km,
    "low_speed_districts": _low_speed,
    "test_road_sorts": _sorts,
    "test_road_grades": _grades,
    "test_road_scenarios": _scenarios,
    "base_tiers": _tiers,
}
