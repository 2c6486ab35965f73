"""What a roadside plan says of itself: how measures are read, what clauses get, sentences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from siting.facts import road_classes
from siting.roadside.text import JUNCTIONS_A_KM2, built_km2, envelope, fleet_covered
from siting.said import Said, joined
from siting.units import gap_text

if TYPE_CHECKING:
    from siting.candidates.section import FoundSection
    from siting.core.outcome import Outcome
    from siting.model.model import Target
    from siting.model.roadside import Roadside
    from siting.roadside.frames import RoadsideFrames

HALF = 0.5
LEVELS = {
    "rsu": Said("RSU", "RSU alone"),
    "sensing": Said("RSU＋感知", "RSU and sensing"),
    "full": Said("全要素路口", "whole junction"),
}
"""Equipment of a site, short."""


def envelope_text(settings: Roadside, area_km2: float) -> Said:
    """Say what an area takes by the back of an envelope, one sentence."""
    reckoned = envelope(settings, area_km2)
    low, high = JUNCTIONS_A_KM2
    return Said(
        f"粗估：{area_km2:,.0f} km² 需半径 {reckoned['radius_m']:,.0f} m 的圆 "
        f"{reckoned['discs_apart']:,.0f} 个（相切）或 {reckoned['discs_without_gap']:,.0f} 个"
        f"（无缝），按每 km² {low:g} 至 {high:g} 个路口计为 {reckoned['junctions_low']:,.0f} 至 "
        f"{reckoned['junctions_high']:,.0f} 个路口",
        f"back of an envelope: {area_km2:,.0f} km2 take {reckoned['discs_apart']:,.0f} discs of "
        f"{reckoned['radius_m']:,.0f} m side by side, {reckoned['discs_without_gap']:,.0f} without "
        f"gap, or {reckoned['junctions_low']:,.0f} to {reckoned['junctions_high']:,.0f} junctions "
        f"at {low:g} to {high:g} a km2",
    )


def reading_notes(
    settings: Roadside,
    frames: RoadsideFrames,
    footprint_km2: float,
    section: FoundSection | None,
) -> dict[str, Said]:
    """Say how each measure was read, and what the other reading of built area gives."""
    zone, disc = built_km2(frames), footprint_km2
    share, cell = settings.covered_share.value, settings.cell_m.value
    patch = settings.least_patch_cells
    by_cells = Said(
        f"{cell:,.0f} m 网格内全部重点路口与 {share:.0%} 的道路里程已布设即计入，"
        f"须 {patch} 格及以上相连",
        f"cells of {cell:,.0f} m count where every key junction and {share:.0%} of the road length "
        f"are equipped, {patch} cells or more side by side",
    )
    by_discs = Said(
        "取各设备覆盖圆在规划区县内的并集",
        "the union of the units' discs within the districts counts",
    )
    bridge, tunnel = settings.bridge_m.value, settings.tunnel_m.value
    return {
        "built_area_km2": Said(
            f"按网格：{by_cells.zh}；如按覆盖圆（{by_discs.zh}）则为 {disc:,.1f} km²",
            f"zone reading: {by_cells.en}; by footprint ({by_discs.en}) it would be "
            f"{disc:,.1f} km2",
        )
        if settings.reading == "zone"
        else Said(
            f"按覆盖圆：{by_discs.zh}；如按网格（{by_cells.zh}）则为 {zone:,.1f} km²",
            f"footprint reading: {by_discs.en}; by cells ({by_cells.en}) it would be "
            f"{zone:,.1f} km2",
        ),
        "bridges_tunnels": Said(
            f"待覆盖道路上 {bridge:,.0f} m 及以上的桥梁与 {tunnel:,.0f} m 及以上的隧道，各设一处",
            f"bridges of {bridge:,.0f} m and more and tunnels of {tunnel:,.0f} m and more on the "
            "roads to be covered, each with a unit",
        ),
        "toll_stations": Said(
            "地图上待覆盖道路的收费站，各设一处",
            "toll stations of the map at the roads to be covered, each with a unit",
        ),
        "expressway_section": section.note
        if section
        else Said("模型未指定路段", "no section is named in the model"),
    }


def leanings(settings: Roadside, frames: RoadsideFrames, outcome: Outcome) -> dict[str, Said]:
    """Say of each clause without a number how the plan leans towards it."""
    weights = settings.class_weight
    labels = road_classes()["label_zh"].to_dict()
    by_class = Said(
        "路侧设施，按道路等级的交通量权重："
        + "、".join(f"{labels.get(name, name)} {value:g}" for name, value in weights.items()),
        "roadside units, worth of traffic by class of road: "
        + ", ".join(f"{name} {value:g}" for name, value in weights.items()),
    )
    first, times = "、".join(settings.priority_districts), settings.priority_weight.value
    priority = Said(
        f"{first}的路侧设施：交通量按 {times:g} 倍计，并优先建设",
        f"roadside units in {first}: traffic there counts {times:g} times and they are built first",
    )
    km = settings.edge_nodes.fibre_m.value / 1000
    edges = Said(
        f"{len(frames.edge_nodes):,} 个边缘计算节点服务光缆 {km:g} km 内的路口与感知点位；"
        "全市设一个平台",
        f"{len(frames.edge_nodes):,} edge nodes serve the junctions and sensing sites within "
        f"{km:g} km of fibre; one platform for the city",
    )
    notes = (
        (_thrift(settings, frames, outcome), settings.clauses),
        (by_class, settings.class_clauses),
        (priority, settings.priority_clauses),
        (_batches(frames), settings.batch_clauses),
        (edges, settings.edge_nodes.clauses),
        (_fleet(settings, frames), settings.on_board.clauses),
    )
    return {clause: note for note, some in notes for clause in some}


def _thrift(settings: Roadside, frames: RoadsideFrames, outcome: Outcome) -> Said:
    """Say how much the plan saves, and what is proven of it."""
    rsus = frames.rsus
    counts = rsus["level"].value_counts()
    some = {said: counts.get(name, 0) for name, said in LEVELS.items()}
    levels = joined(
        (Said(f"{one.zh} {count:,} 处", f"{one.en} {count:,}") for one, count in some.items()),
        zh="、",
        en=", ",
    )
    proven = math.isfinite(outcome.gap)
    gap = (
        Said(gap_text(outcome.gap), gap_text(outcome.gap, "en"))
        if proven
        else Said("未知差距", "an unknown gap")
    )
    aim = (
        Said("造价最低", "least cost")
        if settings.objective == "cost"
        else Said("同样资金覆盖交通量最大", "most traffic for the money")
    )
    reused, less = int(rsus["reuse"].sum()), f"{settings.reuse_discount.value:.0%}"
    return Said(
        f"{aim.zh}，已证明差距在 {gap.zh} 以内：{len(rsus):,} 处中 {reused:,} 处复用杆件，"
        f"造价低 {less}；设备配置：{levels.zh}",
        f"{aim.en}, proven within {gap.en}: {reused:,} of {len(rsus):,} sites reuse poles, which "
        f"costs {less} less; equipment: {levels.en}",
    )


def _batches(frames: RoadsideFrames) -> Said:
    """Say what is built in each year."""
    years = joined(
        Said(
            f"{row['year']} 年 {row['rsus']:,} 处，{row['cost_cny'] / 1e4:,.0f} 万元",
            f"{row['year']}: {row['rsus']:,} sites, {row['cost_cny'] / 1e4:,.0f} x 10,000 CNY",
        )
        for row in frames.batches.to_dict("records")
    )
    return Said(
        f"路侧设施分批建设，每批为完整网格：{years.zh}",
        f"roadside units in batches, whole cells in each: {years.en}",
    )


def _fleet(settings: Roadside, frames: RoadsideFrames) -> Said:
    """Say how much of the equipped fleet's driving is covered."""
    share, vehicles = fleet_covered(frames), f"{settings.on_board.vehicles:,}"
    known, routes = math.isfinite(share), f"{len(frames.obu_routes):,}"
    zh = f"里程的 {share:.1%} 在设备覆盖半径内" if known else "没有里程在设备覆盖半径内"
    return Said(
        f"{vehicles} 辆车安排在覆盖最多的 {routes} 条模拟线路上：{zh}",
        f"{vehicles} vehicles on the {routes} routes drawn that lie most in coverage: "
        f"{f'{share:.1%}' if known else 'no'} of their kilometres are within a unit's radius",
    )


def warnings(
    settings: Roadside,
    frames: RoadsideFrames,
    section: FoundSection | None,
    area: Target | None,
) -> tuple[Said, ...]:
    """Say what the user has to know beside the figures."""
    asked_km2 = area.at_least if area else built_km2(frames)
    found = [envelope_text(settings, asked_km2)]
    if section is not None and section.stand_in:
        found.append(section.note)
    open_road = float((frames.rsus["kind"] == "expressway").mean()) if len(frames.rsus) else 0.0
    if settings.reading == "footprint" and open_road > HALF:
        found.append(
            Said(
                f"{open_road:.0%} 的路侧点位在快速路、高速公路上，那里设备作用距离最远："
                "按覆盖圆计，那里的面积最便宜，而不论有多少车经过",
                f"{open_road:.0%} of the roadside sites stand on expressways, where a unit reaches "
                "farthest: by footprint area is cheapest there, whoever drives by",
            )
        )
    bare = frames.zones.groupby("district_id")["built"].sum() if len(frames.zones) else None
    sites = frames.rsus.groupby("district_id").size()
    if bare is not None:
        without = [name for name in bare.index if name not in sites.index]
        if without:
            found.append(
                Said(
                    f"{len(bare)} 个区县中有 {len(without)} 个没有路侧点位",
                    f"districts without a roadside site: {len(without)} of {len(bare)}",
                )
            )
    return tuple(found)


_SIGHT = Said("视线", "line of sight")


def sight_text(settings: Roadside, frames: RoadsideFrames, buildings: int | None) -> Said:
    """
    Say whether units were taken to reach past buildings, one sentence; `sight_note` heads it.

    Parameters
    ----------
    settings, frames
        The model's part and the plan's layers.
    buildings
        How many are known; None where they weren't read.
    """
    alone = Said(
        "各设备只按其类型沿道路的作用距离计",
        "each unit has the reach of its kind along the road alone",
    )
    if not buildings:
        none = buildings == 0
        zh, en = (
            ("地图上没有建筑", "the map has no building")
            if none
            else ("未读取建筑", "buildings weren't read")
        )
        return Said(f"{zh}，{alone.zh}", f"{en}, so {alone.en}")
    seen = frames.road_points["seen_by"]
    sites = len({name for names in seen for name in names.split()})
    least = settings.sight_least_built.value
    if not sites:
        return Said(
            f"已知 {buildings:,} 栋建筑，但有增益的已布设点位周围，地图上的建筑占地均未达到 "
            f"{least:.0%}；{alone.zh}",
            f"{buildings:,} buildings are known, and around no equipped site with "
            f"something to gain is {least:.0%} of the land built on by the map; {alone.en}",
        )
    points, reach_m = int((seen != "").sum()), settings.sight_radius_m.value
    rsus, near = len(frames.rsus), len(frames.buildings)
    return Said(
        f"{rsus:,} 处已布设点位中有 {sites:,} 处还覆盖 {reach_m:,.0f} m 内不被建筑遮挡的道路，"
        f"共 {points:,} 个道路点；{buildings:,} 栋建筑中有 {near:,} 栋位于其间。"
        f"地图上建筑占地不足 {least:.0%} 处，{alone.zh}",
        f"{sites:,} of {rsus:,} equipped sites also cover what no "
        f"building hides within {reach_m:,.0f} m, {points:,} road points; "
        f"{near:,} of {buildings:,} buildings stand there. Where the map shows "
        f"less than {least:.0%} of the land built on, {alone.en}",
    )


def sight_note(said: Said) -> Said:
    """Head what `sight_text` says, for the notes of the run."""
    return Said(f"{_SIGHT.zh}：{said.zh}", f"{_SIGHT.en}: {said.en}")


def sight_assumption(said: Said, *, buildings: bool) -> dict[str, object]:
    """Put what is assumed of the view past buildings as a row of `Plan.assumptions`."""
    source = (
        Said("建筑轮廓", "building footprints")
        if buildings
        else Said("没有建筑轮廓，取该类型的默认值", "no building footprints: kind's default")
    )
    return {
        "key": "roadside.line_of_sight",
        "value": said.en,
        "value_zh": said.zh,
        "unit": "",
        "unit_zh": "",
        "source": source.en,
        "source_zh": source.zh,
        "confidence": "found",
        "unsourced": False,
    }


def sentence(
    settings: Roadside,
    frames: RoadsideFrames,
    outcome: Outcome,
    footprint_km2: float,
    area: Target | None,
) -> str:
    """Say what was planned, one sentence."""
    rsus = frames.rsus
    junctions = int((rsus["junction_id"] != "").sum())
    gap = f"gap {gap_text(outcome.gap, 'en')}" if np.isfinite(outcome.gap) else "no bound"
    asked_km2 = area.at_least if area else built_km2(frames)
    return (
        f"{len(rsus):,} roadside sites at {junctions:,} junctions, {len(frames.edge_nodes):,} edge "
        f"nodes; built area {built_km2(frames):,.1f} km2 by cells, {footprint_km2:,.1f} km2 by "
        f"footprint ({settings.reading} reading binds, {gap}); "
        + envelope_text(settings, asked_km2).en
    )
