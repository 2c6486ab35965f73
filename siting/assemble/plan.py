"""Put a solved programme together as a plan with its run record."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from siting.assemble.assumptions import assumption_table
from siting.assemble.frames import (
    candidate_frame,
    catchment_frame,
    demand_frame,
    district_frame,
    road_frame,
    station_frame,
)
from siting.assemble.ledger import clause_ledger, measure_plan
from siting.assemble.measures import (
    measure_clauses,
    reading_notes,
    standing_notes,
)
from siting.assemble.pilots import pilot_columns, pilot_leanings
from siting.assemble.record import SERVED, run_record
from siting.assemble.settings import model_settings
from siting.charging.queueing import waiting_columns
from siting.charging.service import nearest_by_segment, service_table
from siting.charging.transformer import transformer_kva
from siting.city.layers import own_frames
from siting.clauses import clauses
from siting.locks.record import with_locks
from siting.own.dropping import all_dropped
from siting.own.exclusions import cut_report
from siting.piles import pile_table
from siting.plan import Plan
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
    from siting.model.model import Charging, Model
    from siting.network import Network
    from siting.reach.distance import Reach
    from siting.reach.places import Places
    from siting.reach.substations import Substations
    from siting.roadside.planning import RoadsidePlan
    from siting.testroads.planning import TestRoadPlan


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
    charging, decision = city.model.charging, solved.decision
    types = pile_table(charging)
    catchments = catchment_frame(candidates, demand, reach, decision.serve)
    points = demand_frame(demand, network, catchments)
    points["nearest_m"] = nearest_by_segment(network, demand, candidates, decision.piles, types)
    stations = _stations(city, network, candidates, reach, decision, types)
    _add_use(stations, catchments, points, charging, types)
    districts = district_frame(city.districts, stations, points)
    service = service_table(points, districts, model_settings(city.model))
    considered = candidate_frame(candidates, network, types, decision.piles)
    reached, fed = _clause_layers(network, candidates, stations, solved, types)
    measured = measure_plan(
        stations, considered, points, districts, types, existing_count=charging.existing_count
    ) | measure_clauses(stations, considered, reached, types, charging)
    stands, land = own_frames(city, solved.own, considered, stations)
    ledger = _ledger(city, solved, measured, stations, stands, types)
    record = run_record(
        city, solved.outcome, solved.question or city.model, stations, ledger, service, seconds
    )
    found = Plan(
        stations=stations,
        candidates=considered,
        demand=points,
        catchments=catchments,
        districts=districts,
        clauses=ledger,
        roads=road_frame(network, city.map.roads),
        pile_types=types,
        assumptions=assumption_table(city.model),
        run=record,
        service=service,
        evidence=solved.evidence,
        places=reached,
        substations=fed,
        existing=stands,
        exclusions=land,
        dropped=_dropped(candidates, solved),
    )
    return with_locks(_with_programmes(_with_remarks(found, solved), solved), city)


def _stations(
    city: City,
    network: Network,
    candidates: Candidates,
    reach: Reach,
    decision: Decision,
    types: pd.DataFrame,
) -> gpd.GeoDataFrame:
    """List the stations that are opened, with the piles that they get."""
    served = np.bincount(reach.site, weights=decision.serve, minlength=reach.sites).astype(float)
    return station_frame(
        candidates,
        network,
        city.districts,
        types,
        decision.piles,
        served,
        simultaneity=city.model.charging.simultaneity.value,
    )


def _add_use(
    stations: gpd.GeoDataFrame,
    catchments: pd.DataFrame,
    points: gpd.GeoDataFrame,
    charging: Charging,
    types: pd.DataFrame,
) -> None:
    """Fill what the stations serve, the power that it takes, how long cars wait, and pilots."""
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


def _ledger(
    city: City,
    solved: Solved,
    measured: dict[str, float],
    stations: gpd.GeoDataFrame,
    stands: gpd.GeoDataFrame,
    types: pd.DataFrame,
) -> pd.DataFrame:
    """Lay the clauses of the city out with what the programmes come to."""
    model = city.model
    leanings = pilot_leanings(stations, types, model.charging.pilots)
    if solved.hydrogen is not None:
        measured = {**measured, "hydrogen_stations": float(solved.hydrogen.counted)}
        leanings |= solved.hydrogen.clauses
    for one in (solved.testroads, solved.roadside):
        if one is not None:
            measured = {**measured, **one.measures}
            leanings |= one.clauses
    notes = _target_notes(city, solved, standing_notes(stations, stands))
    known = clauses(model.area.city) if model.area.city else ()
    return clause_ledger(model.targets, measured, known, notes, leanings)


def _with_remarks(plan: Plan, solved: Solved) -> Plan:
    """Add what the land cut away, and how the worst district fares where that is asked for."""
    cut = cut_report(plan.dropped)
    run = noted(plan.run, last=cut) if cut else plan.run
    if solved.worst is not None:
        more = {
            "objective_meaning": f"{SERVED.en}, after the share of the worst district",
            "objective_meaning_zh": f"先取最差区县的占比，再取{SERVED.zh}",
            "worst_district": solved.worst.record,
        }
        run = {**run, **more}
    return replace(plan, run=run)


def _with_programmes(plan: Plan, solved: Solved) -> Plan:
    """Add the programmes beside charging that were planned."""
    if solved.hydrogen is not None:
        plan = _with_hydrogen(plan, solved.hydrogen)
    if solved.roadside is not None:
        plan = with_roadside(plan, solved.roadside)
    return plan if solved.testroads is None else _with_testroads(plan, solved.testroads)


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
