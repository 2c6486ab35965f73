"""Plan the roadside units of a model: sites, coverage, programme, solve, batches, frames."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.core.building.area import possible_cells
from siting.core.solve import solve
from siting.errors import InfeasibleError
from siting.evidence import building_evidence
from siting.formulate.roadside import decode_roadside
from siting.roadside.frames import Ground, roadside_frames
from siting.roadside.question import RoadsideQuestion, roadside_question
from siting.roadside.result import decide, fleet_of, footprint_km2, footprints_km2
from siting.roadside.telling import (
    leanings,
    reading_notes,
    sentence,
    sight_assumption,
    sight_note,
    sight_text,
    warnings,
)
from siting.roadside.text import measures, plain_settings, record, totals
from siting.said import noted

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt

    from siting.city.reading import City
    from siting.core.outcome import Outcome
    from siting.demand.charging import Demand
    from siting.model.model import Model, Target
    from siting.network import Network
    from siting.network.junctions import Junctions
    from siting.plan import Plan
    from siting.programme import Programme
    from siting.roadside.frames import Decided, RoadsideFrames
    from siting.said import Said

    Bools = npt.NDArray[np.bool_]


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
    assumption
        Row of the table of assumptions on what stands in the way of a unit.
    evidence
        Arrays that the bound can be recomputed from.
    programme, outcome
        The programme of the sites and what solving it came to.
    text
        What was planned, one sentence for the user.
    dropped
        Its part of `Plan.dropped`.
    """

    frames: RoadsideFrames
    measures: dict[str, float]
    totals: dict[str, float]
    record: dict[str, Any]
    settings: dict[str, Any]
    clauses: dict[str, Said]
    notes: dict[str, Said]
    warnings: tuple[Said, ...]
    assumption: dict[str, object]
    evidence: dict[str, npt.NDArray[np.generic]]
    programme: Programme
    outcome: Outcome
    text: str
    dropped: gpd.GeoDataFrame


def plan_roadside(
    city: City,
    network: Network,
    junctions: Junctions,
    demand: Demand | None = None,
    *,
    exclusions: gpd.GeoDataFrame | None = None,
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
    exclusions
        Land that units can't stand on or are dearer on, as `exclusions.exclusion_frame`.

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
    question = roadside_question(city, network, junctions, exclusions=exclusions)
    if question is None:
        return None
    model, ground, area = city.model, question.ground, question.area
    settings, section = ground.settings, question.section
    programme, outcome = _solve(model, question)
    equipped, _ = decode_roadside(programme, outcome)
    decided = decide(ground, equipped, model.solve, model.locks)
    routes, drawn = fleet_of(ground, demand, equipped, model.solve.seed)
    by_batch = footprints_km2(ground, decided)
    frames = roadside_frames(ground, junctions, decided, routes, by_batch)
    came = measures(settings, frames, by_batch[-1])
    known = city.map.buildings
    seen_text = sight_text(settings, frames, None if known is None else len(known))
    return RoadsidePlan(
        frames=frames,
        measures=came,
        totals=totals(settings, frames, by_batch[-1]),
        record=record(settings, frames, outcome, decided, area, drawn, section),
        settings=plain_settings(settings),
        clauses=leanings(settings, frames, outcome),
        notes=reading_notes(settings, frames, by_batch[-1], section),
        warnings=(*warnings(settings, frames, section, area), sight_note(seen_text)),
        assumption=sight_assumption(seen_text, buildings=bool(len(ground.buildings))),
        evidence={**building_evidence(programme, outcome), **_edge_evidence(ground, decided)},
        programme=programme,
        outcome=outcome,
        dropped=question.dropped,
        text=sentence(settings, frames, outcome, by_batch[-1], area),
    )


def _edge_evidence(ground: Ground, decided: Decided) -> dict[str, npt.NDArray[np.generic]]:
    """Keep the prices behind the bound of the edge nodes, by site."""
    if decided.edges.outcome is None:
        return {}
    ids = ground.sites.frame["site_id"].to_numpy(dtype=str)[decided.served]
    return {"edge_nodes/site_id": ids, "edge_nodes/price": decided.edges.price}


def _solve(model: Model, question: RoadsideQuestion) -> tuple[Programme, Outcome]:
    programme, solve_ = question.programme, model.solve
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
            value=_possible_text(question.ground, question.area),
            cure="Lower the target, `covered_share` or `least_patch_cells`, or raise the budget; "
            "`siting explain` says how far",
        )
    return programme, outcome


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
        assumptions=pd.concat(
            [plan.assumptions, pd.DataFrame([roadside.assumption])], ignore_index=True
        ),
        evidence={**plan.evidence, **roadside.evidence},
        run={
            **noted(run, last=roadside.warnings),
            "totals": {**run["totals"], **roadside.totals, "cost_cny": cost_cny},
            "settings": {**run["settings"], "roadside": roadside.settings},
            "roadside": roadside.record,
        },
    )
