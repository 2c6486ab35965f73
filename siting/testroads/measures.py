"""What a plan of test roads comes to by the measures of the clauses, and how they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from siting.candidates.corridors import Corridors
    from siting.candidates.testroads import RoadGround
    from siting.model.testroads import TestRoads
    from siting.testroads.frames import RoadFrames


def road_measures(
    frames: RoadFrames, settings: TestRoads, districts: tuple[str, ...]
) -> dict[str, float]:
    """
    Measure a plan of test roads.

    Parameters
    ----------
    frames
        The chosen roads.
    settings
        What counts as present.
    districts
        Ids of the planned districts.

    Returns
    -------
    measured
        By measure of `modeltestroads.MEASURES`.
    """
    roads, places = frames.roads, frames.places
    metres = roads["length_m"]
    total = max(float(metres.sum()), 1e-9)
    slow = metres[roads["low_speed"]].groupby(roads["district_id"]).sum()
    enough = slow.reindex(list(districts)).fillna(0.0) >= 1000 * settings.low_speed_km.value - 1e-6
    sorts = metres.groupby(roads["sort"]).sum()
    least = {group.id: max(1000 * group.at_least_km.value, 1.0) for group in settings.groups}
    grades = metres.groupby(roads["grade"]).sum() / total
    served = places[places["served"]].groupby("role").size()
    return {
        "test_road_km": total / 1000 if len(roads) else 0.0,
        "low_speed_districts": float(enough.mean()) if len(districts) else 1.0,
        "test_road_sorts": float(
            sum(sorts.get(id_, 0.0) >= metres_ - 1e-6 for id_, metres_ in least.items())
        ),
        "test_road_grades": float((grades >= settings.grade_least_share.value - 1e-9).sum()),
        "test_road_scenarios": float(
            sum(served.get(item.id, 0) >= max(1, item.at_least) for item in settings.scenarios)
        ),
        "base_tiers": float(sum(base_tiers(frames, settings))),
    }


def base_tiers(frames: RoadFrames, settings: TestRoads) -> tuple[bool, bool, bool]:
    """Tell which tiers of a test base are there: closed ground, semi-open area, expressway."""
    roads, places = frames.roads, frames.places
    metres = roads["length_m"]
    closed = places[(places["role"] == "anchor") & (places["tier"] == "closed")]
    semi = float(metres[roads["semi_open"]].sum())
    fast = float(metres[roads["highway"] == "motorway"].sum())
    section = float(metres[roads["section"]].sum())
    wanted = 1000 * settings.expressway_km.value
    if section > 0:
        wanted, fast = min(wanted, section), max(fast, section)
    return (
        bool(closed["served"].any()),
        semi >= 1000 * settings.semi_open_km.value - 1e-6,
        fast >= wanted - 1e-6,
    )


def road_notes(
    settings: TestRoads, ground: RoadGround, corridors: Corridors, measured: dict[str, float]
) -> dict[str, str]:
    """
    Say how the measures of test roads are read.

    Returns
    -------
    notes
        Measure to a sentence, as the ledger prints it.
    """
    usable = ground.usable
    km = float(corridors.frame["length_m"][usable].sum()) / 1000
    sorts = ", ".join(group.label_en for group in settings.groups)
    scenes = ", ".join(
        f"{item.label_en} (at least {max(1, item.at_least)})" for item in settings.scenarios
    )
    anchors = len(ground.anchors())
    low, floor = settings.low_speed_kmh.value, settings.low_speed_km.value
    share = settings.grade_least_share.value
    area = f"{settings.semi_open_km.value:g} km within {settings.semi_open_m.value:,.0f} m of it"
    return {
        "test_road_km": (
            "centreline kilometres, each counted once; a proposal to the joint group, not roads "
            f"that are open; chosen from {km:,.0f} km in at most {settings.components} connected "
            f"parts from {anchors} anchors"
        ),
        "low_speed_districts": f"districts with {floor:g} km of test roads up to {low:g} km/h",
        "test_road_sorts": f"sorts of roads present: {sorts}",
        "test_road_grades": f"grades of complexity with {share:.0%} of the length or more",
        "test_road_scenarios": f"scenarios that test roads serve: {scenes}",
        "base_tiers": (
            f"{measured['base_tiers']:g} of 3: a closed ground that test roads start from, a "
            f"semi-open area of {area}, and an expressway section"
        ),
    }


def road_leanings(settings: TestRoads, frames: RoadFrames) -> dict[str, str]:
    """Say of each clause without a number how the test roads lean towards it."""
    found = dict.fromkeys(
        settings.clauses,
        "test roads: connected, growing outward from their anchors by phase, roads with roadside "
        "coverage and of many scenarios first",
    )
    places = frames.places
    for scenario in settings.scenarios:
        mine = places[places["role"] == scenario.id]
        text = (
            f"test roads: {int(mine['served'].sum())} of {len(mine)} {scenario.label_en} lie on "
            "them, each worth more"
        )
        for clause in scenario.clauses:
            found[clause] = f"{found[clause]}; {text}" if clause in found else text
    anchors = places[places["role"] == "anchor"].set_index("place_id")
    for anchor in settings.anchors:
        if anchor.clause and anchor.id in anchors.index:
            there = "start at it" if anchors.loc[anchor.id, "served"] else "don't reach it"
            found[anchor.clause] = f"test roads {there}: {anchor.name}, an anchor"
    roads = frames.roads
    for section in settings.sections:
        km = float(roads["length_m"][roads["section"]].sum()) / 1000
        if section.clause:
            found[section.clause] = (
                f"{section.name} is fixed: {km:,.1f} km of it on the map"
                if km
                else f"{section.name} is not on the map; other expressways stand for it"
            )
    return found
