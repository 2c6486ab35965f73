"""What a plan of test roads comes to by the measures of the clauses, and how they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from siting.said import Said, joined

if TYPE_CHECKING:
    from siting.candidates.corridors import Corridors
    from siting.candidates.testroads import RoadGround
    from siting.model.testroads import Scenario, TestRoads
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
) -> dict[str, Said]:
    """
    Say how the measures of test roads are read.

    Returns
    -------
    notes
        Measure to a sentence, as the ledger prints it.
    """
    usable = ground.usable
    km = float(corridors.frame["length_m"][usable].sum()) / 1000
    sorts = joined((Said(g.label_zh, g.label_en) for g in settings.groups), zh="、", en=", ")
    scenes = joined((_asked_of(item) for item in settings.scenarios), zh="、", en=", ")
    anchors = len(ground.anchors())
    low, floor = settings.low_speed_kmh.value, settings.low_speed_km.value
    share = settings.grade_least_share.value
    tiers, semi_km = measured["base_tiers"], settings.semi_open_km.value
    semi_m = settings.semi_open_m.value
    return {
        "test_road_km": Said(
            f"按道路中心线公里计，每段只计一次；为报联席工作机制的建议，不是已开放道路；"
            f"从 {km:,.0f} km 中选取，由 {anchors} 处锚点出发，至多 {settings.components} 个连通片",
            "centreline kilometres, each counted once; a proposal to the joint group, not roads "
            f"that are open; chosen from {km:,.0f} km in at most {settings.components} connected "
            f"parts from {anchors} anchors",
        ),
        "low_speed_districts": Said(
            f"限速不超过 {low:g} km/h 的测试道路达到 {floor:g} km 的区县",
            f"districts with {floor:g} km of test roads up to {low:g} km/h",
        ),
        "test_road_sorts": Said(
            f"含有的道路类型：{sorts.zh}", f"sorts of roads present: {sorts.en}"
        ),
        "test_road_grades": Said(
            f"里程占比不低于 {share:.0%} 的复杂度等级",
            f"grades of complexity with {share:.0%} of the length or more",
        ),
        "test_road_scenarios": Said(
            f"测试道路服务的场景：{scenes.zh}", f"scenarios that test roads serve: {scenes.en}"
        ),
        "base_tiers": Said(
            f"三级中具备 {tiers:g} 级：作为锚点的封闭测试场、其 {semi_m:,.0f} m 内 {semi_km:g} km "
            "的半开放区域、高速公路测试段",
            f"{tiers:g} of 3: a closed ground that test roads start from, a semi-open area of "
            f"{semi_km:g} km within {semi_m:,.0f} m of it, and an expressway section",
        ),
    }


def _asked_of(scenario: Scenario) -> Said:
    least = max(1, scenario.at_least)
    return Said(
        f"{scenario.label_zh}（至少 {least} 处）", f"{scenario.label_en} (at least {least})"
    )


def road_leanings(settings: TestRoads, frames: RoadFrames) -> dict[str, Said]:
    """Say of each clause without a number how the test roads lean towards it."""
    found = dict.fromkeys(
        settings.clauses,
        Said(
            "测试道路：连通成片，由锚点分阶段向外延伸，有路侧覆盖、场景多的道路优先",
            "test roads: connected, growing outward from their anchors by phase, roads with "
            "roadside coverage and of many scenarios first",
        ),
    )
    places = frames.places
    for scenario in settings.scenarios:
        mine = places[places["role"] == scenario.id]
        served = int(mine["served"].sum())
        said = Said(
            f"测试道路：{len(mine)} 处{scenario.label_zh}中有 {served} 处在路上，各加分",
            f"test roads: {served} of {len(mine)} {scenario.label_en} lie on them, each worth more",
        )
        for clause in scenario.clauses:
            found[clause] = joined((found[clause], said)) if clause in found else said
    anchors = places[places["role"] == "anchor"].set_index("place_id")
    for anchor in settings.anchors:
        if anchor.clause and anchor.id in anchors.index:
            served = bool(anchors.loc[anchor.id, "served"])
            zh, en = ("由此出发", "start at it") if served else ("未到达", "don't reach it")
            found[anchor.clause] = Said(
                f"测试道路{zh}：锚点 {anchor.name}", f"test roads {en}: {anchor.name}, an anchor"
            )
    roads = frames.roads
    for section in settings.sections:
        km = float(roads["length_m"][roads["section"]].sum()) / 1000
        if section.clause:
            found[section.clause] = (
                Said(
                    f"{section.name} 固定纳入：地图上有 {km:,.1f} km",
                    f"{section.name} is fixed: {km:,.1f} km of it on the map",
                )
                if km
                else Said(
                    f"{section.name} 不在地图上，以其他高速公路代替",
                    f"{section.name} is not on the map; other expressways stand for it",
                )
            )
    return found
