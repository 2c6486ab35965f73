"""What a roadside plan comes to: measures, totals, record, settings, sentences for the user."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from siting.model.figures import Figure, Part

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
HALF = 0.5
PROVEN = 1e-6
"""Gap at which a plan is called optimal."""
MEANING = {
    "cost": "cost of the roadside sites, CNY",
    "benefit": "traffic on the roads of built area, relative",
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


def envelope_text(settings: Roadside, area_km2: float) -> str:
    """Say what an area takes by the back of an envelope, one sentence."""
    reckoned = envelope(settings, area_km2)
    low, high = JUNCTIONS_A_KM2
    return (
        f"back of an envelope: {area_km2:,.0f} km2 take {reckoned['discs_apart']:,.0f} discs of "
        f"{reckoned['radius_m']:,.0f} m side by side, {reckoned['discs_without_gap']:,.0f} without "
        f"gap, or {reckoned['junctions_low']:,.0f} to {reckoned['junctions_high']:,.0f} junctions "
        f"at {low:g} to {high:g} a km2"
    )


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
        "objective_meaning": MEANING[settings.objective],
        "bound": _known(outcome.bound),
        "gap": _known(outcome.gap),
        "route": outcome.route,
        "message": outcome.message,
        "seconds": round(outcome.seconds, 3),
        "reading": settings.reading,
        "envelope": envelope(settings, asked_km2),
        "section": "" if section is None else section.note,
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


def reading_notes(
    settings: Roadside,
    frames: RoadsideFrames,
    footprint_km2: float,
    section: FoundSection | None,
) -> dict[str, str]:
    """Say how each measure was read, and what the other reading of built area gives."""
    zone, disc = built_km2(frames), footprint_km2
    share, cell = settings.covered_share.value, settings.cell_m.value
    patch = f"{settings.least_patch_cells} cells or more side by side"
    by_cells = (
        f"cells of {cell:,.0f} m count where every key junction and {share:.0%} of the road length "
        f"are equipped, {patch}"
    )
    by_discs = "the union of the units' discs within the districts counts"
    if settings.reading == "zone":
        area = f"zone reading: {by_cells}; by footprint ({by_discs}) it would be {disc:,.1f} km2"
    else:
        area = f"footprint reading: {by_discs}; by cells ({by_cells}) it would be {zone:,.1f} km2"
    return {
        "built_area_km2": area,
        "bridges_tunnels": f"bridges of {settings.bridge_m.value:,.0f} m and more and tunnels of "
        f"{settings.tunnel_m.value:,.0f} m and more on the roads to be covered, each with a unit",
        "toll_stations": "toll stations of the map at the roads to be covered, each with a unit",
        "expressway_section": section.note if section else "no section is named in the model",
    }


def leanings(settings: Roadside, frames: RoadsideFrames, outcome: Outcome) -> dict[str, str]:
    """Say of each clause without a number how the plan leans towards it."""
    rsus = frames.rsus
    reused = int(rsus["reuse"].sum())
    counts = rsus["level"].value_counts()
    levels = ", ".join(f"{counts.get(name, 0):,} {name}" for name in ("rsu", "sensing", "full"))
    aim = "least cost" if settings.objective == "cost" else "most traffic for the money"
    gap = f"{outcome.gap:.2%}" if math.isfinite(outcome.gap) else "an unknown gap"
    cheap = (
        f"{aim}, proven within {gap}: {reused:,} of {len(rsus):,} sites reuse poles, which costs "
        f"{settings.reuse_discount.value:.0%} less; equipment by levels: {levels}"
    )
    years = "; ".join(
        f"{row['year']}: {row['rsus']:,} sites, {row['cost_cny'] / 1e4:,.0f} x 10,000 CNY"
        for row in frames.batches.to_dict("records")
    )
    edges = (
        f"{len(frames.edge_nodes):,} edge nodes serve the junctions and sensing sites within "
        f"{settings.edge_nodes.fibre_m.value / 1000:g} km of fibre; one platform for the city"
    )
    share = fleet_covered(frames)
    part = f"{share:.1%}" if math.isfinite(share) else "no"
    fleet = (
        f"{settings.on_board.vehicles:,} vehicles on the {len(frames.obu_routes):,} routes drawn "
        f"that lie most in coverage: {part} of their kilometres are within a unit's radius"
    )
    weights = ", ".join(f"{name} {value:g}" for name, value in settings.class_weight.items())
    first = "、".join(settings.priority_districts)
    notes = {
        cheap: settings.clauses,
        f"roadside units, worth of traffic by class of road: {weights}": settings.class_clauses,
        f"roadside units in {first}: traffic there counts {settings.priority_weight.value:g} times "
        "and they are built first": settings.priority_clauses,
        f"roadside units in batches, whole cells in each: {years}": settings.batch_clauses,
        edges: settings.edge_nodes.clauses,
        fleet: settings.on_board.clauses,
    }
    return {clause: note for note, some in notes.items() for clause in some}


def warnings(
    settings: Roadside,
    frames: RoadsideFrames,
    section: FoundSection | None,
    area: Target | None,
) -> tuple[str, ...]:
    """Say what the user has to know beside the figures."""
    asked_km2 = area.at_least if area else built_km2(frames)
    found = [envelope_text(settings, asked_km2)]
    if section is not None and section.stand_in:
        found.append(section.note)
    open_road = float((frames.rsus["kind"] == "expressway").mean()) if len(frames.rsus) else 0.0
    if settings.reading == "footprint" and open_road > HALF:
        found.append(
            f"{open_road:.0%} of the roadside sites stand on expressways, where a unit reaches "
            "farthest: by footprint area is cheapest there, whoever drives by"
        )
    bare = frames.zones.groupby("district_id")["built"].sum() if len(frames.zones) else None
    sites = frames.rsus.groupby("district_id").size()
    if bare is not None:
        without = [name for name in bare.index if name not in sites.index]
        if without:
            found.append(f"districts without a roadside site: {len(without)} of {len(bare)}")
    return tuple(found)


def sight_text(settings: Roadside, frames: RoadsideFrames, buildings: int | None) -> str:
    """
    Say whether units were taken to reach past buildings, one sentence.

    Parameters
    ----------
    settings, frames
        The model's part and the plan's layers.
    buildings
        How many are known; None where they weren't read.
    """
    alone = "each unit has the reach of its kind along the road alone"
    if not buildings:
        known = "the map has no building" if buildings == 0 else "buildings weren't read"
        return f"line of sight: {known}, so {alone}"
    seen = frames.road_points["seen_by"]
    sites = len({name for names in seen for name in names.split()})
    least = settings.sight_least_built.value
    if not sites:
        return (
            f"line of sight: {buildings:,} buildings are known, and around no equipped site with "
            f"something to gain is {least:.0%} of the land built on by the map; {alone}"
        )
    points = int((seen != "").sum())
    return (
        f"line of sight: {sites:,} of {len(frames.rsus):,} equipped sites also cover what no "
        f"building hides within {settings.sight_radius_m.value:,.0f} m, {points:,} road points; "
        f"{len(frames.buildings):,} of {buildings:,} buildings stand there. Where the map shows "
        f"less than {least:.0%} of the land built on, {alone}"
    )


def sight_assumption(text: str, *, buildings: bool) -> dict[str, object]:
    """Put what is assumed of the view past buildings as a row of `Plan.assumptions`."""
    return {
        "key": "roadside.line_of_sight",
        "value": text.partition(": ")[2],
        "unit": "",
        "source": "building footprints" if buildings else "no building footprints: kind's default",
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
    gap = f"gap {outcome.gap:.2%}" if np.isfinite(outcome.gap) else "no bound"
    asked_km2 = area.at_least if area else built_km2(frames)
    return (
        f"{len(rsus):,} roadside sites at {junctions:,} junctions, {len(frames.edge_nodes):,} edge "
        f"nodes; built area {built_km2(frames):,.1f} km2 by cells, {footprint_km2:,.1f} km2 by "
        f"footprint ({settings.reading} reading binds, {gap}); "
        + envelope_text(settings, asked_km2)
    )
