"""Put a solved programme together as a plan with its run record."""

from __future__ import annotations

import hashlib
import json
import math
import platform
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from siting import __version__
from siting.assemble.assumptions import assumption_table
from siting.assemble.ledger import clause_ledger, measure_plan
from siting.assemble.measures import (
    measure_clauses,
    reading_notes,
    standing_notes,
    standing_totals,
)
from siting.assemble.pilots import pilot_columns, pilot_leanings, pilot_note
from siting.assemble.settings import model_settings
from siting.charging.queueing import waiting_columns, waiting_note
from siting.charging.service import nearest_by_segment, service_record, service_table
from siting.charging.transformer import transformer_kva
from siting.city.catalog import credit_line
from siting.city.layers import own_frames
from siting.clauses import clauses
from siting.clock import peak_memory_mb
from siting.locks.record import with_locks
from siting.own.dropping import all_dropped
from siting.own.exclusions import cut_report
from siting.piles import pile_table
from siting.plan import (
    Plan,
    candidate_frame,
    catchment_frame,
    demand_frame,
    district_frame,
    road_frame,
    station_frame,
)
from siting.reach.places import no_places, place_frame, unreached_note
from siting.roadside.planning import with_roadside
from siting.said import NOTHING, Said, joined, noted

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd
    import pandas as pd

    from siting.candidates.charging import Candidates
    from siting.charging.fairness import Worst
    from siting.city.layers import OwnLayers
    from siting.city.reading import City
    from siting.core.outcome import Outcome
    from siting.demand.charging import Demand
    from siting.formulate.charging import Decision
    from siting.hydrogen.planning import HydrogenPlan
    from siting.model.model import Model
    from siting.network import Network
    from siting.reach.distance import Reach
    from siting.reach.places import Places
    from siting.reach.substations import Substations
    from siting.roadside.planning import RoadsidePlan
    from siting.testroads.planning import TestRoadPlan

SERVED = Said("服务的充电需求（kWh/日）", "demand served, kWh a day")
"""What a plan of charging stations is to have most of."""
LIBRARIES = (
    "numpy",
    "scipy",
    "pandas",
    "geopandas",
    "shapely",
    "pyproj",
    "osmium",
    "pulp",
    "highspy",
    "folium",
)
"""Libraries whose versions a run records."""


@dataclass(frozen=True, slots=True)
class Solved:
    """
    What the programmes decided.

    Attributes
    ----------
    decision
        Piles by site and type, and energy on each arc.
    outcome
        How the charging programme ended.
    hydrogen
        The hydrogen stations, where a target asks for them.
    places, substations
        What the charging programme was to reach and to stay within.
    evidence
        What the bound can be recomputed from.
    worst
        How the worst-served district fares, where that is the objective.
    testroads, roadside
        The test roads and the roadside units, where a target asks for them.
    own
        Stations in operation and excluded land.
    question
        The model as it was asked, where one budget of all programmes set that of charging.
    """

    decision: Decision
    outcome: Outcome
    hydrogen: HydrogenPlan | None = None
    places: Places | None = None
    substations: Substations | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    worst: Worst | None = None
    testroads: TestRoadPlan | None = None
    roadside: RoadsidePlan | None = None
    own: OwnLayers | None = None
    question: Model | None = None


def assemble_plan(
    city: City,
    network: Network,
    demand: Demand,
    candidates: Candidates,
    reach: Reach,
    solved: Solved,
    seconds: Mapping[str, float],
) -> Plan:
    """
    Put a solved programme together as a plan.

    Parameters
    ----------
    city, network, demand, candidates, reach
        What was planned on.
    solved
        What was decided.
    seconds
        Wall time by stage so far.

    Returns
    -------
    plan
        The plan, not yet checked.
    """
    model = city.model
    charging = model.charging
    decision, hydrogen = solved.decision, solved.hydrogen
    types = pile_table(charging)
    served = np.bincount(reach.site, weights=decision.serve, minlength=reach.sites).astype(float)
    stations = station_frame(
        candidates,
        network,
        city.districts,
        types,
        decision.piles,
        served,
        simultaneity=charging.simultaneity.value,
    )
    catchments = catchment_frame(candidates, demand, reach, decision.serve)
    points = demand_frame(demand, network, catchments)
    points["nearest_m"] = nearest_by_segment(network, demand, candidates, decision.piles, types)
    served_by_site = catchments.groupby("site_id").kwh_day.sum()
    stations["served_kwh_day"] = stations.site_id.map(served_by_site).fillna(0.0)
    stations["utilisation"] = stations.served_kwh_day / stations.capacity_kwh_day
    stations["transformer_kva"] = transformer_kva(
        stations.installed_kw,
        simultaneity=charging.simultaneity.value,
        power_factor=charging.power_factor.value,
    )
    waiting = waiting_columns(stations, catchments, points, types, charging.queueing)
    stations[list(waiting.columns)] = waiting
    pilots = pilot_columns(stations, types, charging.pilots)
    stations[list(pilots.columns)] = pilots
    districts = district_frame(city.districts, stations, points)
    service = service_table(points, districts, model_settings(model))
    considered = candidate_frame(candidates, network, types, decision.piles)
    reached, fed = _clause_layers(network, candidates, stations, solved, types)
    measured = measure_plan(
        stations, considered, points, districts, types, existing_count=charging.existing_count
    ) | measure_clauses(stations, considered, reached, types, charging)
    if hydrogen is not None:
        measured["hydrogen_stations"] = float(hydrogen.counted)
    if solved.testroads is not None:
        measured |= solved.testroads.measures
    if solved.roadside is not None:
        measured |= solved.roadside.measures
    known = clauses(model.area.city) if model.area.city else ()
    leanings = pilot_leanings(stations, types, charging.pilots)
    if hydrogen is not None:
        leanings |= hydrogen.clauses
    if solved.testroads is not None:
        leanings |= solved.testroads.clauses
    if solved.roadside is not None:
        leanings |= solved.roadside.clauses
    stands, land = own_frames(city, solved.own, considered, stations)
    notes = _target_notes(city, solved, standing_notes(stations, stands))
    ledger = clause_ledger(model.targets, measured, known, notes, leanings)
    found = Plan(
        stations=stations,
        candidates=considered,
        demand=points,
        catchments=catchments,
        districts=districts,
        clauses=ledger,
        roads=road_frame(network, city.map.roads),
        pile_types=types,
        assumptions=assumption_table(model),
        run=_run_record(city, stations, catchments, ledger, service, solved, seconds),
        service=service,
        evidence=solved.evidence,
        places=reached,
        substations=fed,
        existing=stands,
        exclusions=land,
        dropped=_dropped(candidates, solved),
    )
    cut = cut_report(found.dropped)
    if cut:
        found = replace(found, run=noted(found.run, last=cut))
    if solved.worst is not None:
        more = {
            "objective_meaning": f"{SERVED.en}, after the share of the worst district",
            "objective_meaning_zh": f"先取最差区县的占比，再取{SERVED.zh}",
            "worst_district": solved.worst.record,
        }
        found = replace(found, run={**found.run, **more})
    found = found if hydrogen is None else _with_hydrogen(found, hydrogen)
    found = found if solved.roadside is None else with_roadside(found, solved.roadside)
    return with_locks(
        found if solved.testroads is None else _with_testroads(found, solved.testroads), city
    )


def _clause_layers(
    network: Network,
    candidates: Candidates,
    stations: gpd.GeoDataFrame,
    solved: Solved,
    types: pd.DataFrame,
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Fill the layers of places and substations; stations get the id of their substation."""
    places, fed, piles = solved.places, solved.substations, solved.decision.piles
    ids = candidates.frame.site_id
    reached = no_places()
    if places is not None:
        reached = place_frame(places, piles, types, ids)
        on_road = places.node >= 0
        reached["node_id"] = np.where(on_road, network.node_id[places.node], -1)
    if fed is None:
        return reached, no_places()
    names = fed.frame.substation_id.to_numpy()[fed.of_site]
    stations["substation_id"] = stations.site_id.map(dict(zip(ids, names, strict=True)))
    load = stations.groupby("substation_id").peak_kw.sum()
    loaded = fed.frame.assign(load_kw=fed.frame.substation_id.map(load).fillna(0.0))
    return reached, loaded


def _dropped(candidates: Candidates, solved: Solved) -> gpd.GeoDataFrame:
    """List what the land and the roads drop of each programme's candidates."""
    others = (solved.hydrogen, solved.roadside, solved.testroads)
    return all_dropped([candidates.dropped, *(one.dropped for one in others if one is not None)])


def _target_notes(city: City, solved: Solved, standing: Mapping[str, Said]) -> dict[str, Said]:
    """Say how each measure was read, apportioned and what it can't reach."""
    notes = reading_notes(city.model.charging)
    notes |= {name: joined((said, notes[name])) for name, said in standing.items()}
    for group in (("townships", "key_areas"), ("test_fleets",)):
        left = NOTHING if solved.places is None else unreached_note(solved.places, *group)
        notes |= {name: joined((notes[name], left)) for name in group}
    if solved.testroads is not None:
        notes |= solved.testroads.notes
    if solved.roadside is not None:
        notes |= solved.roadside.notes
    for measure, said in city.target_notes.items():
        notes[measure] = joined((said, notes.get(measure, NOTHING)))
    return notes


def _with_hydrogen(plan: Plan, hydrogen: HydrogenPlan) -> Plan:
    """Add the hydrogen stations to a plan, its totals and its settings."""
    run = plan.run
    cost_cny = int(hydrogen.stations.cost_cny.sum())
    totals = {
        **run["totals"],
        "hydrogen_stations": len(hydrogen.stations),
        "hydrogen_cost_cny": cost_cny,
        "cost_cny": run["totals"]["charging_cost_cny"] + cost_cny,
    }
    return replace(
        plan,
        hydrogen=hydrogen.stations,
        hydrogen_candidates=hydrogen.candidates,
        hydrogen_demand=hydrogen.demand,
        protected=hydrogen.protected,
        run={
            **run,
            "totals": totals,
            "settings": {**run["settings"], "hydrogen": hydrogen.settings},
            "hydrogen": hydrogen.record,
        },
    )


def _with_testroads(plan: Plan, testroads: TestRoadPlan) -> Plan:
    """Add the test roads to a plan, its totals, its settings and its evidence."""
    run, frames = plan.run, testroads.frames
    cost_cny = run["totals"]["cost_cny"] + testroads.totals["test_road_cost_cny"]
    return replace(
        plan,
        test_roads=frames.roads,
        test_road_catalogue=frames.catalogue,
        test_road_corridors=frames.corridors,
        test_road_nodes=frames.nodes,
        test_road_places=frames.places,
        evidence={**plan.evidence, **testroads.evidence},
        run={
            **noted(run, last=testroads.warnings),
            "totals": {**run["totals"], **testroads.totals, "cost_cny": cost_cny},
            "settings": {**run["settings"], "testroads": testroads.settings},
            "testroads": testroads.record,
        },
    )


def _run_record(
    city: City,
    stations: pd.DataFrame,
    catchments: pd.DataFrame,
    ledger: pd.DataFrame,
    service: pd.DataFrame,
    solved: Solved,
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """Fill run.json; its schema is `docs/run.schema.json`."""
    model, outcome = city.model, solved.outcome
    now = datetime.now(UTC).replace(microsecond=0)
    served = float(catchments.kwh_day.sum())
    gap = max(0.0, outcome.bound - served) / max(served, 1e-9)
    queues = waiting_note(stations, model.charging.queueing.longest_wait_minutes.value)
    said = (*model.said_notes, *city.notes, queues, pilot_note(stations))
    told = [one for one in said if one != NOTHING]
    credit = credit_line(city.map.attribution, city.inputs)
    return {
        "model": model.name,
        "run_id": f"{now:%Y%m%d-%H%M%S}-{_question_hash(solved.question or model, city)}",
        "created": now.isoformat(),
        "title_zh": model.title_zh,
        "title_en": model.title_en,
        "approval": model.approval,
        "synthetic_roads": city.map.synthetic,
        "attribution": credit.en,
        "attribution_zh": credit.zh,
        "status": str(outcome.status),
        "objective": served,
        "objective_meaning": SERVED.en,
        "objective_meaning_zh": SERVED.zh,
        "bound": outcome.bound,
        "gap": gap,
        "route": outcome.route,
        "message": outcome.message,
        "trace": [
            [round(p.seconds, 3), _number(p.objective), _number(p.bound)] for p in outcome.trace
        ],
        "seconds": dict(seconds),
        "peak_memory_mb": round(max(peak_memory_mb(), _number(outcome.peak_memory_mb) or 0.0), 1),
        "verified": False,
        "totals": {
            "stations": len(stations),
            "piles": int(stations.piles.sum()),
            **standing_totals(stations),
            "hydrogen_stations": 0,
            "rsus": 0,
            "junctions": 0,
            "edge_nodes": 0,
            "built_area_zone_km2": 0,
            "built_area_footprint_km2": 0,
            "roadside_cost_cny": 0,
            "test_road_km": 0,
            "test_road_opening_cny": 0,
            "test_road_retrofit_cny": 0,
            "test_road_cost_cny": 0,
            "served_kwh_day": served,
            "charging_cost_cny": int(stations.cost_cny.sum()),
            "hydrogen_cost_cny": 0,
            "cost_cny": int(stations.cost_cny.sum()),
            "preference_cost_cny": int(stations.preference_cost_cny.sum()),
        },
        "clauses": [_clause_record(row) for row in ledger.to_dict("records")],
        "service": service_record(service),
        "settings": model_settings(model),
        "notes": [one.en for one in told],
        "notes_zh": [one.zh for one in told],
        "inputs": list(city.inputs),
        "versions": {
            "siting": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in LIBRARIES},
            **outcome.versions,
        },
        "seed": model.solve.seed,
    }


def _clause_record(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "id": row["clause"],
        "measure": row["measure"],
        "at_least": _number(row["target"]),
        "planned": _number(row["planned"]),
        "unit": row["unit"],
        "status": row["status"],
        "note": row["note"],
        "note_zh": row["note_zh"],
    }


def _number(value: float) -> float | None:
    """Return a finite float, or None: JSON knows no NaN."""
    return float(value) if math.isfinite(value) else None


def _question_hash(model: Model, city: City) -> str:
    """Hash the model and its inputs: equal questions carry equal marks."""
    question = model.model_dump_json() + json.dumps(city.inputs, sort_keys=True) + __version__
    return hashlib.sha256(question.encode()).hexdigest()[:8]
