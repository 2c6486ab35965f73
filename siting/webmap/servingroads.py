"""What serves the clauses on test roads and roadside units: sections, sites and cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import geopandas as gpd
    import numpy.typing as npt
    import pandas as pd

    from siting.plan import Plan

    Bools = npt.NDArray[np.bool_]
    Fields = dict[str, Any]

SLACK_M = 1e-3
"""Metres by which a length may miss a limit."""


def _sections(plan: Plan, inside: pd.Series | Bools) -> dict[str, Bools]:
    """Return the sections of the catalogue that some of these test roads are in."""
    ids = plan.test_roads["section_id"][np.asarray(inside, dtype=bool)]
    return {"testroads": plan.test_road_catalogue["section_id"].isin(ids).to_numpy(dtype=bool)}


def _settings(plan: Plan) -> Mapping[str, Any]:
    found: Mapping[str, Any] = plan.run["settings"]["testroads"]
    return found


def _km(plan: Plan) -> Fields:
    every = np.ones(len(plan.test_roads), dtype=bool)
    return {
        "members": _sections(plan, every),
        "value": float(plan.test_roads["length_m"].sum()) / 1000,
    }


def _low_speed(plan: Plan) -> Fields:
    """Count the districts with enough slow test roads."""
    roads, settings = plan.test_roads, _settings(plan)
    slow = roads["speed_kmh"] <= settings["low_speed_kmh"]
    metres = roads["length_m"][slow].groupby(roads["district_id"][slow]).sum()
    ids = plan.districts["district_id"]
    enough = (ids.map(metres).fillna(0.0) >= 1000 * settings["low_speed_km"] - SLACK_M).to_numpy()
    there = slow & roads["district_id"].isin(ids[enough])
    members = {**_sections(plan, there), "districts": enough}
    return {"members": members, "value": float(enough.sum()), "whole": float(len(ids))}


def _sorts(plan: Plan) -> Fields:
    roads = plan.test_roads
    inside, count = np.zeros(len(roads), dtype=bool), 0
    for group in _settings(plan)["groups"]:
        of = roads["highway"].isin(group["classes"]).to_numpy(dtype=bool)
        least = max(1000 * group["at_least_km"], 1.0) - SLACK_M
        if roads["length_m"].to_numpy()[of].sum() >= least:
            inside, count = inside | of, count + 1
    return {"members": _sections(plan, inside), "value": float(count)}


def _grades(plan: Plan) -> Fields:
    roads = plan.test_roads
    share = roads.groupby("grade")["length_m"].sum() / max(float(roads["length_m"].sum()), 1e-9)
    enough = share.index[share >= _settings(plan)["grade_least_share"] - 1e-9]
    return {
        "members": _sections(plan, roads["grade"].isin(enough)),
        "value": float(len(enough)),
    }


def _scenarios(plan: Plan) -> Fields:
    roads, places = plan.test_roads, plan.test_road_places
    on = places[places["corridor_id"].isin(roads["corridor_id"])]
    count = on["role"].value_counts()
    held = [
        item["id"]
        for item in _settings(plan)["scenarios"]
        if count.get(item["id"], 0) >= max(1, item["at_least"])
    ]
    at = on["corridor_id"][on["role"].isin(held)]
    return {
        "members": _sections(plan, roads["corridor_id"].isin(at)),
        "value": float(len(held)),
    }


def _tiers(plan: Plan) -> Fields:
    """Show the roads of the tiers of a test base that are there."""
    roads, places, settings = plan.test_roads, plan.test_road_places, _settings(plan)
    closed = places[(places["role"] == "anchor") & (places["tier"] == "closed")]
    metres = roads["length_m"].to_numpy(dtype=float)
    at_ground = (roads["tail_id"].isin(closed["node_id"])) | (
        roads["head_id"].isin(closed["node_id"])
    )
    semi = roads["semi_open"].astype(bool).to_numpy()
    motorway = (roads["highway"] == "motorway").to_numpy()
    section = roads["section"].astype(bool).to_numpy()
    fast, wanted = motorway, 1000 * settings["expressway_km"]
    if metres[section].sum() > 0:
        wanted = min(wanted, metres[section].sum())
        fast = section if metres[section].sum() > metres[motorway].sum() else motorway
    tiers = (
        (at_ground.to_numpy(), bool(at_ground.any())),
        (semi, metres[semi].sum() >= 1000 * settings["semi_open_km"] - SLACK_M),
        (fast, metres[fast].sum() >= wanted - SLACK_M),
    )
    inside = np.zeros(len(roads), dtype=bool)
    for of, held in tiers:
        inside |= of & bool(held)
    return {
        "members": _sections(plan, inside),
        "value": float(sum(bool(held) for _, held in tiers)),
    }


def _area(plan: Plan) -> Fields:
    """Sum the built cells, or take the union of the discs from the run record."""
    if plan.run.get("roadside", {}).get("reading") == "footprint":
        every = np.ones(len(plan.rsus), dtype=bool)
        value = float(plan.run["totals"]["built_area_footprint_km2"])
        return {"members": {"rsus": every}, "value": value}
    built = plan.zones[plan.zones["built"].astype(bool)]
    members = {"zones": np.ones(len(built), dtype=bool), "rsus": _hearing(plan, built)}
    return {"members": members, "value": float(built["area_km2"].sum())}


def _hearing(plan: Plan, built: gpd.GeoDataFrame) -> Bools:
    """Tell which units cover a road of the built cells."""
    points = plan.road_points[plan.road_points["zone_id"].isin(built["zone_id"])]
    return _heard(plan, points)


def _heard(plan: Plan, points: gpd.GeoDataFrame) -> Bools:
    ids = set(" ".join(points["heard_by"].astype(str)).split())
    return np.asarray(plan.rsus["site_id"].isin(ids), dtype=bool)


def _section(plan: Plan) -> Fields:
    points = plan.road_points[plan.road_points["section"].astype(bool)]
    covered = points["covered"].astype(bool)
    return {
        "members": {"rsus": _heard(plan, points[covered])},
        "value": float(points["length_m"][covered].sum()),
        "whole": float(points["length_m"].sum()),
    }


def _equipped(*kinds: str) -> Callable[[Plan], Fields]:
    """Count the considered sites of some kinds that are equipped."""

    def rule(plan: Plan) -> Fields:
        sites = plan.roadside_candidates
        sites = sites[sites["kind"].isin(kinds)]
        chosen = sites["chosen"].astype(bool)
        ids = sites["site_id"][chosen]
        return {
            "members": {"rsus": plan.rsus["site_id"].isin(ids).to_numpy(dtype=bool)},
            "value": float(chosen.sum()),
            "whole": float(len(sites)),
            "missed": sites.geometry[~chosen],
        }

    return rule


ROAD_RULES: Mapping[str, Callable[[Plan], Fields]] = {
    "test_road_km": _km,
    "low_speed_districts": _low_speed,
    "test_road_sorts": _sorts,
    "test_road_grades": _grades,
    "test_road_scenarios": _scenarios,
    "base_tiers": _tiers,
}
"""By measure of test roads the fields of what serves it."""
ROADSIDE_RULES: Mapping[str, Callable[[Plan], Fields]] = {
    "built_area_km2": _area,
    "bridges_tunnels": _equipped("bridge", "tunnel"),
    "toll_stations": _equipped("toll"),
    "expressway_section": _section,
}
"""By measure of the roadside the fields of what serves it."""
