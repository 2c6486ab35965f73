"""Plan the hydrogen stations of a model: question, solve, frames."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from siting.candidates.hydrogen import ARTERIALS, PROTECTED
from siting.core.solve import solve
from siting.errors import InfeasibleError
from siting.formulate.hydrogen import hydrogen_programme, opened_sites
from siting.hydrogen.frames import (
    covered_frame,
    leanings_of,
    planned_text,
    protected_frame,
    record_of,
    settings_of,
    stations_frame,
)
from siting.hydrogen.question import hydrogen_question, weighed

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt

    from siting.candidates.charging import Candidates
    from siting.city.reading import City
    from siting.core.outcome import Outcome
    from siting.demand.cells import Cells
    from siting.demand.charging import Demand
    from siting.hydrogen.question import Asked, HydrogenQuestion
    from siting.model.model import Hydrogen, Model
    from siting.network import Network
    from siting.said import Said


@dataclass(frozen=True, slots=True)
class HydrogenPlan:
    """
    The solved hydrogen programme; every frame is EPSG:4326.

    Attributes
    ----------
    stations, candidates, demand, protected
        As `Plan.hydrogen`, `Plan.hydrogen_candidates`, `Plan.hydrogen_demand`, `Plan.protected`.
    dropped
        Its part of `Plan.dropped`.
    counted
        What the plan comes to for the target: planned stations and existing ones that count.
    record
        How the solve ended, for run.json.
    settings
        Figures that the checker needs beside the layers.
    clauses
        Clauses that the plan leans towards, with how.
    text
        What was planned, one sentence for the user.
    """

    stations: gpd.GeoDataFrame
    candidates: gpd.GeoDataFrame
    demand: gpd.GeoDataFrame
    protected: gpd.GeoDataFrame
    dropped: gpd.GeoDataFrame
    counted: int
    record: dict[str, Any]
    settings: dict[str, Any]
    clauses: dict[str, Said]
    text: str


def plan_hydrogen(
    city: City,
    network: Network,
    demand: Demand,
    candidates: Candidates,
    cells: Cells,
    *,
    exclusions: gpd.GeoDataFrame | None = None,
    thrifty: bool = False,
) -> HydrogenPlan | None:
    """
    Plan the hydrogen stations that a model's targets ask for.

    Parameters
    ----------
    city, network, demand, cells
        What is planned on.
    candidates
        Charging sites, whose roadside plots may hold a hydrogen station too.
    exclusions
        Land that stations can't be on or are dearer on, as `exclusions.exclusion_frame`.
    thrifty
        Whether least cost comes before points, as where other programmes need the money.

    Returns
    -------
    HydrogenPlan
        None where no target asks for hydrogen stations.

    Raises
    ------
    ModelError
        A target asks for hydrogen stations and the model has no hydrogen part.
    InfeasibleError
        The stations don't fit together with the spacing and the budget.
    SolverError
        No plan was found in the time given.
    """
    question = hydrogen_question(city, network, demand, candidates, cells, exclusions=exclusions)
    if question is None:
        return None
    model, asked = city.model, question.asked
    hydrogen = model.hydrogen
    assert hydrogen is not None  # noqa: S101
    sites, points, reach = question.sites, question.points, question.reach
    if thrifty:
        on = (sites, points, asked)
        cheap = replace(question, choice=weighed(city, network, on, _cheap(hydrogen)))
        least = _solve(model, cheap)[0]
        cost_cny = math.ceil(float(sites.frame["cost_cny"].to_numpy(dtype=float)[least].sum()))
        hydrogen = hydrogen.model_copy(update={"budget_cny": float(cost_cny)})
        question = replace(question, choice=weighed(city, network, on, hydrogen))
    chosen, outcome = _solve(model, question)
    covered = covered_frame(network, sites, points, reach, chosen)
    return HydrogenPlan(
        stations=stations_frame(city, network, sites, covered, chosen),
        candidates=sites.frame.assign(
            cost_cny=np.round(sites.frame["cost_cny"]).astype(np.int64),
            chosen=np.isin(np.arange(len(sites.frame)), chosen),
        ),
        demand=covered,
        protected=protected_frame(sites),
        dropped=sites.dropped,
        counted=len(chosen) + asked.existing,
        record=record_of(outcome),
        settings={
            **settings_of(hydrogen),
            "stations": asked.stations,
            "existing": asked.existing,
            "protected_kinds": list(PROTECTED),
            "arterials": list(ARTERIALS),
        },
        clauses=leanings_of(hydrogen, sites),
        text=planned_text(sites, covered, chosen, hydrogen),
    )


def _cheap(hydrogen: Hydrogen) -> Hydrogen:
    """Return the part of the model with points for low cost alone."""
    weights = ("heavy_weight", "corridor_weight", "supply_weight")
    none = {name: getattr(hydrogen, name).model_copy(update={"value": 0.0}) for name in weights}
    money = hydrogen.cost_weight.model_copy(update={"value": 1.0})
    return hydrogen.model_copy(update={**none, "cost_weight": money})


def _solve(model: Model, question: HydrogenQuestion) -> tuple[npt.NDArray[np.int64], Outcome]:
    """Return the rows of `sites.frame` where a station is built."""
    hydrogen, asked = model.hydrogen, question.asked
    assert hydrogen is not None  # noqa: S101
    rows = question.sites.eligible
    if len(rows) < asked.stations:
        raise _no_room(model, len(rows), asked)
    programme = hydrogen_programme(question.choice, question.reach)
    limits = model.solve
    outcome = solve(
        programme,
        gap=limits.gap,
        seconds=limits.seconds,
        memory_mb=limits.memory_mb,
        seed=limits.seed,
    )
    if outcome.status == "infeasible":
        raise _no_room(model, len(rows), asked)
    return rows[opened_sites(programme, outcome)], outcome


def _no_room(model: Model, places: int, asked: Asked) -> InfeasibleError:
    hydrogen = model.hydrogen
    assert hydrogen is not None  # noqa: S101
    budget = hydrogen.budget_cny
    money = "" if budget is None else f", budget {budget:,.0f} CNY"
    return InfeasibleError(
        f"{asked.stations} hydrogen stations don't fit",
        where="hydrogen",
        value=f"{places} places, {hydrogen.spacing_m.value:,.0f} m apart{money}",
        cure="Lower the target or the spacing, or raise the budget of `hydrogen`; "
        "`siting explain` says how far",
    )
