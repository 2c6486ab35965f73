"""Plan the roadside units of a model: sites, coverage, programme, solve, batches, frames."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from siting.candidates.locked import with_levels
from siting.candidates.roadside import road_points, roadside_sites
from siting.candidates.section import complete_section, find_section
from siting.core.building.area import possible_cells
from siting.core.solve import solve
from siting.datum import equal_area_crs, lonlat_to_metric
from siting.errors import InfeasibleError, ModelError
from siting.evidence import building_evidence
from siting.formulate.roadside import RoadsideAsked, decode_roadside, roadside_programme
from siting.layers import read_polygons
from siting.model.roadside import MEASURES, Must
from siting.own.locked import locked_items
from siting.reach.faces import footprint_faces
from siting.reach.radio import heard
from siting.reach.zones import build_zones
from siting.roadside.frames import Ground, roadside_frames
from siting.roadside.result import decide, flat_discs, fleet_of, footprint_km2, footprints_km2
from siting.roadside.text import (
    leanings,
    measures,
    plain_settings,
    reading_notes,
    record,
    sentence,
    totals,
    warnings,
)
from siting.structures import Building

if TYPE_CHECKING:
    import numpy.typing as npt
    from scipy.sparse import csr_array

    from siting.candidates.roadside import RoadPoints, RoadsideSites
    from siting.candidates.section import FoundSection
    from siting.city.reading import City
    from siting.core.outcome import Outcome
    from siting.demand.charging import Demand
    from siting.model.model import Model, Target
    from siting.model.roadside import Roadside
    from siting.network import Network
    from siting.network.junctions import Junctions
    from siting.plan import Plan
    from siting.programme import Programme
    from siting.reach.zones import Zones
    from siting.roadside.frames import RoadsideFrames

    Bools = npt.NDArray[np.bool_]

AREA = "built_area_km2"
"""Measure of the targets that ask for built area."""
IMPLIED = {
    "bridges_tunnels": ("bridge", "tunnel"),
    "toll_stations": ("toll",),
    "expressway_section": ("section",),
}
"""Kinds that have to be equipped where a target has the measure."""


@dataclass(frozen=True, slots=True)
class RoadsidePlan:
    """
    The solved roadside programme.

    Attributes
    ----------
    frames
        The layers and tables of `Plan`.
    measures
        What the plan comes to, by measure.
    totals
        Its part of the totals of run.json.
    record
        How the solves ended, for run.json.
    settings
        Figures that the checker needs beside the layers.
    clauses
        Clauses that the plan leans towards, with how.
    notes
        Measure to how it was read.
    warnings
        Sentences for the user.
    evidence
        Arrays that the bound can be recomputed from.
    text
        What was planned, one sentence for the user.
    """

    frames: RoadsideFrames
    measures: dict[str, float]
    totals: dict[str, float]
    record: dict[str, Any]
    settings: dict[str, Any]
    clauses: dict[str, str]
    notes: dict[str, str]
    warnings: tuple[str, ...]
    evidence: dict[str, npt.NDArray[np.generic]]
    text: str


def plan_roadside(
    city: City, network: Network, junctions: Junctions, demand: Demand | None = None
) -> RoadsidePlan | None:
    """
    Plan the roadside units that a model's targets ask for.

    Parameters
    ----------
    city, network, junctions
        What is planned on.
    demand
        Where the trips of the fleet with on-board units begin and end; where the roads carry
        traffic, without it.

    Returns
    -------
    RoadsidePlan
        None where no target asks for any.

    Raises
    ------
    ModelError
        A target asks for roadside units and the model has no roadside part.
    InputError
        A table or layer of the roadside part is wrong.
    InfeasibleError
        The area can't be built, or not for the budget.
    SolverError
        No plan was found in the time given.
    """
    model = city.model
    targets = tuple(target for target in model.targets if target.measure in MEASURES)
    if not targets:
        return None
    settings = roadside_settings(model)
    section = None
    if settings.section is not None:
        section = find_section(network, city.map.roads, settings.section)
    ground = _ground(city, network, junctions, settings, section)
    area = max((t for t in targets if t.measure == AREA), key=lambda t: t.at_least, default=None)
    programme, outcome = _solve(model, ground, area)
    equipped, _ = decode_roadside(programme, outcome)
    decided = decide(ground, equipped, model.solve, model.locks)
    routes, drawn = fleet_of(ground, demand, equipped, model.solve.seed)
    by_batch = footprints_km2(ground, decided)
    frames = roadside_frames(ground, junctions, decided, routes, by_batch)
    came = measures(settings, frames, by_batch[-1])
    return RoadsidePlan(
        frames=frames,
        measures=came,
        totals=totals(settings, frames, by_batch[-1]),
        record=record(settings, frames, outcome, decided, area, drawn, section),
        settings=plain_settings(settings),
        clauses=leanings(settings, frames, outcome),
        notes=reading_notes(settings, frames, by_batch[-1], section),
        warnings=warnings(settings, frames, section, area),
        evidence=building_evidence(programme, outcome),
        text=sentence(settings, frames, outcome, by_batch[-1], area),
    )


def roadside_settings(model: Model) -> Roadside:
    """Return the model's part with the kinds that targets ask for among those that must be."""
    targets = [target for target in model.targets if target.measure in MEASURES]
    settings = model.roadside
    if settings is None:
        raise ModelError(
            "a target asks for roadside units and the model doesn't say what they are",
            where=model.name,
            cure="Add a `roadside:` part, as in models/defaults.yaml",
        )
    known = {must.kind for must in settings.must}
    more = [
        Must.model_validate({"kind": kind, "clause": target.clause})
        for target in targets
        for kind in IMPLIED.get(target.measure, ())
        if target.at_least > 0 and kind not in known
    ]
    return settings.model_copy(update={"must": (*settings.must, *more)})


def _ground(
    city: City,
    network: Network,
    junctions: Junctions,
    settings: Roadside,
    section: FoundSection | None,
) -> Ground:
    edges = None if section is None else section.edges
    sites = roadside_sites(network, junctions, city.districts, city.map, settings, section=edges)
    points = road_points(network, city.districts, settings, section=edges)
    hears = heard(sites, points, network, None, settings)
    sites = _with_whole_section(sites, points, hears, settings)
    sites = with_levels(sites, settings, city.model.locks)
    pilot = read_polygons(Path(settings.pilot_zones)) if settings.pilot_zones else None
    zones = build_zones(network, city.districts, points, sites, settings, pilot=pilot)
    flat, planned = flat_discs(network, sites, city.districts)
    cells = roadside_programme(sites, points, hears, zones, _rules(settings, zones)).structure
    assert isinstance(cells, Building)  # noqa: S101
    return Ground(
        network, city.districts, settings, sites, points, zones, hears, cells, flat, planned
    )


def _with_whole_section(
    sites: RoadsideSites, points: RoadPoints, hears: csr_array, settings: Roadside
) -> RoadsideSites:
    """Make the sites mandatory that the expressway section needs to be heard to its ends."""
    asked = next((must for must in settings.must if must.kind == "section"), None)
    if asked is None:
        return sites
    mandatory = sites.frame["mandatory"].to_numpy(dtype=bool)
    whole = complete_section(mandatory, points.section, hears)
    clauses = sites.frame["clauses"].where(~(whole & ~mandatory), asked.clause)
    return replace(sites, frame=sites.frame.assign(mandatory=whole, clauses=clauses))


def _rules(settings: Roadside, zones: Zones) -> RoadsideAsked:
    """Rules of cells, without a target."""
    barred = zones.length_m < settings.least_cell_m.value
    if settings.pilot_rule == "only" and settings.pilot_zones:
        barred |= ~zones.pilot
    return RoadsideAsked(
        target_km2=0.0,
        covered_share=settings.covered_share.value,
        least_neighbours=settings.least_neighbours,
        least_patch=settings.least_patch_cells,
        redundancy=settings.redundancy,
        barred=barred,
    )


def _solve(model: Model, ground: Ground, area: Target | None) -> tuple[Programme, Outcome]:
    settings, zones = ground.settings, ground.zones
    ids = ground.sites.frame["site_id"]
    locked = locked_items(ids, model.locks, "roadside")
    # An edge node stands in the cabinet of an equipped site.
    hosts = locked_items(ids, model.locks, "edge_node").fixed
    asked = replace(
        _rules(settings, zones),
        forced=locked.fixed | hosts,
        banned=locked.banned,
        target_km2=area.at_least if area else 0.0,
        clause=area.clause if area else "",
        budget_cny=settings.budget_cny or math.inf,
        benefit=settings.objective == "benefit",
    )
    if settings.reading == "footprint":
        faces = footprint_faces(
            ground.discs,
            ground.planned,
            points=_flat_points(ground),
            weight=ground.points.traffic,
        )
        asked = replace(asked, faces=faces, barred=None)
    elif settings.pilot_zones and settings.pilot_rule == "whole":
        asked = replace(asked, wanted=zones.pilot & possible_cells(ground.cells))
    programme = roadside_programme(ground.sites, ground.points, ground.heard, zones, asked)
    solve_ = model.solve
    outcome = solve(
        programme,
        gap=solve_.gap,
        seconds=solve_.seconds,
        memory_mb=solve_.memory_mb,
        seed=solve_.seed,
    )
    if outcome.status == "infeasible":
        raise InfeasibleError(
            outcome.message or "the roadside targets can't be met together",
            where="roadside",
            value=_possible_text(ground, area),
            cure="Lower the target, `covered_share` or `least_patch_cells`, or raise the budget",
        )
    return programme, outcome


def _flat_points(ground: Ground) -> npt.NDArray[np.float64]:
    """Road points on the equal-area plane of the discs, shape (p, 2)."""
    plane = equal_area_crs(*ground.districts.total_bounds)
    return lonlat_to_metric(ground.points.lonlat[:, 0], ground.points.lonlat[:, 1], plane)


def _possible_text(ground: Ground, area: Target | None) -> str:
    """Say how much could be built with every site equipped."""
    if area is None:
        return ""
    if ground.settings.reading == "footprint":
        most = footprint_km2(ground, np.ones(len(ground.sites.node), dtype=bool))
    else:
        most = float(ground.zones.area_km2[possible_cells(ground.cells)].sum())
    return f"{area.at_least:,.1f} km2 asked, {most:,.1f} km2 with every site equipped"


def with_roadside(plan: Plan, roadside: RoadsidePlan) -> Plan:
    """
    Add the roadside units to a plan, its districts, totals, settings and evidence.

    Parameters
    ----------
    plan
        The plan without them.
    roadside
        What was planned.

    Returns
    -------
    plan
    """
    run, frames = plan.run, roadside.frames
    cost_cny = run["totals"]["cost_cny"] + roadside.totals["roadside_cost_cny"]
    ids, built = plan.districts.district_id, frames.zones[frames.zones["built"]]
    districts = plan.districts.assign(
        rsus=ids.map(frames.rsus.groupby("district_id").size()).fillna(0).astype(np.int64),
        built_area_km2=ids.map(built.groupby("district_id")["area_km2"].sum()).fillna(0.0),
    )
    layers = {part.name: getattr(frames, part.name) for part in fields(frames)}
    return replace(
        plan,
        **layers,
        districts=districts,
        evidence={**plan.evidence, **roadside.evidence},
        run={
            **run,
            "totals": {**run["totals"], **roadside.totals, "cost_cny": cost_cny},
            "settings": {**run["settings"], "roadside": roadside.settings},
            "notes": [*run["notes"], *roadside.warnings],
            "roadside": roadside.record,
        },
    )
