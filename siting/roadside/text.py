"""What a roadside plan comes to: measures, totals, record, settings, sentences for the user."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from siting.model.figures import Figure, Part
from siting.said import Said

if TYPE_CHECKING:
    from siting.candidates.section import FoundSection
    from siting.core.outcome import Outcome
    from siting.model.model import Target
    from siting.model.roadside import Roadside
    from siting.roadside.frames import Decided, RoadsideFrames

JUNCTIONS_A_KM2 = (1.4, 2.6)
"""Equipped junctions a km2: Wuxi, 240 in 170 km2 (technode 2019); Beijing, 6,050 in 2,324 km2
(redplanx.com 2024-08)."""
HEXAGON = 1.5 * math.sqrt(3)
"""Area of a hexagon over its radius squared: discs that leave no gap cover this much each."""
PROVEN = 1e-6
"""Gap at which a plan is called optimal."""
MEANING = {
    "cost": Said("路侧点位造价（元）", "cost of the roadside sites, CNY"),
    "benefit": Said("建成区域道路交通量（相对值）", "traffic on the roads of built area, relative"),
}


def measures(settings: Roadside, frames: RoadsideFrames, footprint_km2: float) -> dict[str, float]:
    """
    Measure a roadside plan for its targets.

    Parameters
    ----------
    settings, frames
        The model's part and the plan's layers.
    footprint_km2
        Union of all discs.

    Returns
    -------
    measured
        NaN where the map has nothing of it: no bridge, no toll station, no section.
    """
    zone_km2 = built_km2(frames)
    sites, points = frames.roadside_candidates, frames.road_points
    section = points[points["section"]]
    length_m = float(section["length_m"].sum())
    covered_m = float(section.loc[section["covered"], "length_m"].sum())
    return {
        "built_area_km2": footprint_km2 if settings.reading == "footprint" else zone_km2,
        "bridges_tunnels": _share(sites["chosen"][sites["kind"].isin(["bridge", "tunnel"])]),
        "toll_stations": _share(sites["chosen"][sites["kind"] == "toll"]),
        "expressway_section": covered_m / length_m if length_m else math.nan,
    }


def _share(chosen: Any) -> float:  # noqa: ANN401  (a series of truth values)
    return float(chosen.mean()) if len(chosen) else math.nan


def built_km2(frames: RoadsideFrames) -> float:
    """Area of the cells that count as built, km2."""
    return float(frames.zones.loc[frames.zones["built"], "area_km2"].sum())


def platform_cny(settings: Roadside) -> int:
    """Cost of the city's one platform, to the yuan."""
    return round(settings.edge_nodes.platform_cny.value)


def totals(settings: Roadside, frames: RoadsideFrames, footprint_km2: float) -> dict[str, float]:
    """Return the roadside part of the totals of run.json."""
    rsus, nodes = frames.rsus, frames.edge_nodes
    cost = int(rsus["cost_cny"].sum() + rsus["fibre_cny"].sum() + nodes["cost_cny"].sum())
    return {
        "rsus": len(rsus),
        "junctions": int((rsus["junction_id"] != "").sum()),
        "edge_nodes": len(nodes),
        "built_area_zone_km2": built_km2(frames),
        "built_area_footprint_km2": footprint_km2,
        "roadside_cost_cny": cost + (platform_cny(settings) if len(rsus) else 0),
    }


def envelope(settings: Roadside, area_km2: float) -> dict[str, float]:
    """
    Reckon on the back of an envelope what an area takes, to be set beside the plan.

    Parameters
    ----------
    settings
        For the reach of a unit in a street.
    area_km2
        Built area asked for, or else planned.

    Returns
    -------
    reckoned
        Discs of that radius that make up the area without overlap and that cover it without gap,
        and junctions at the densities of `JUNCTIONS_A_KM2`.
    """
    radius_km = settings.urban_radius_m.value / 1000
    low, high = JUNCTIONS_A_KM2
    return {
        "area_km2": area_km2,
        "radius_m": settings.urban_radius_m.value,
        "discs_apart": math.ceil(area_km2 / (math.pi * radius_km**2)),
        "discs_without_gap": math.ceil(area_km2 / (HEXAGON * radius_km**2)),
        "junctions_low": round(low * area_km2),
        "junctions_high": round(high * area_km2),
    }


def record(
    settings: Roadside,
    frames: RoadsideFrames,
    outcome: Outcome,
    decided: Decided,
    area: Target | None,
    drawn_share: float,
    section: FoundSection | None,
) -> dict[str, Any]:
    """Say how the solves ended, for run.json."""
    asked_km2 = area.at_least if area else built_km2(frames)
    edges = decided.edges.outcome
    share = fleet_covered(frames)
    return {
        "status": str(outcome.status),
        "objective": outcome.objective,
        "objective_meaning": MEANING[settings.objective].en,
        "objective_meaning_zh": MEANING[settings.objective].zh,
        "bound": _known(outcome.bound),
        "gap": _known(outcome.gap),
        "route": outcome.route,
        "message": outcome.message,
        "seconds": round(outcome.seconds, 3),
        "reading": settings.reading,
        "envelope": envelope(settings, asked_km2),
        "section": "" if section is None else section.note.en,
        "section_zh": "" if section is None else section.note.zh,
        "edge_nodes": None
        if edges is None
        else {
            "status": "optimal" if decided.edges.gap <= PROVEN else "feasible",
            "objective": edges.objective,
            "bound": _known(decided.edges.bound),
            "gap": _known(decided.edges.gap),
            "bound_by": "branch and bound" if decided.edges.by_branches else "prices",
            "priced_bound": _known(decided.edges.priced_bound),
            "route": edges.route,
            "seconds": round(edges.seconds, 3),
            "platform_cny": platform_cny(settings),
        },
        "fleet": {
            "vehicles": int(frames.obu_routes["vehicles"].sum()) if len(frames.obu_routes) else 0,
            "routes": len(frames.obu_routes),
            "share": _known(share),
            "drawn_share": _known(drawn_share),
            "cost_cny": round(settings.on_board.vehicles * settings.on_board.vehicle_cny.value),
        },
    }


def fleet_covered(frames: RoadsideFrames) -> float:
    """Share of the fleet's kilometres in coverage; NaN of no fleet."""
    routes = frames.obu_routes
    if not len(routes):
        return math.nan
    driven = float((routes["vehicles"] * routes["length_m"]).sum())
    return float((routes["vehicles"] * routes["covered_m"]).sum()) / max(driven, 1e-9)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def plain_settings(settings: Roadside) -> dict[str, Any]:
    """Return the figures of the model's part as plain values."""
    values = {name: getattr(settings, name) for name in type(settings).model_fields}
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:  # noqa: ANN401  (whatever a model holds)
    if isinstance(value, Figure):
        return value.value
    if isinstance(value, Part):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value
