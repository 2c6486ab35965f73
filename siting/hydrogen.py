"""Plan the hydrogen stations of a model: sites, reach, programme, solve, frames."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from siting.candidates.hydrogen import ARTERIALS, PROTECTED, hydrogen_sites
from siting.candidates.hydrogendemand import hydrogen_demand
from siting.candidates.locked import open_thinned
from siting.core.solve import solve
from siting.datum import lonlat_to_metric
from siting.demand.cells import district_of
from siting.errors import InfeasibleError, ModelError
from siting.formulate.hydrogen import hydrogen_choice, hydrogen_programme, opened_sites
from siting.model.figures import Figure
from siting.own.locked import locked_items
from siting.reach.distance import network_reach
from siting.said import Said, joined

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.candidates.charging import Candidates
    from siting.candidates.hydrogen import HydrogenSites
    from siting.candidates.hydrogendemand import HydrogenDemand
    from siting.city.reading import City
    from siting.core.outcome import Outcome
    from siting.demand.cells import Cells
    from siting.demand.charging import Demand
    from siting.formulate.hydrogen import HydrogenChoice
    from siting.model.model import Hydrogen, Model, Target
    from siting.network import Network
    from siting.reach.distance import Reach

MEASURE = "hydrogen_stations"
"""Measure of the targets that ask for hydrogen stations."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """Clause of the target, existing stations that count, and stations to plan."""

    clause: str
    existing: int
    stations: int


@dataclass(frozen=True, slots=True)
class HydrogenQuestion:
    """
    What the hydrogen programme of a model is written over.

    Attributes
    ----------
    sites, points, reach
        Places, what is to be covered, and which of `sites.eligible` reach it.
    asked
        Clause of the target, existing stations that count, and stations to plan.
    choice
        The figures of the programme, over `sites.eligible`.
    """

    sites: HydrogenSites
    points: HydrogenDemand
    reach: Reach
    asked: _Asked
    choice: HydrogenChoice


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
        cheap = replace(question, choice=_choice(city, network, on, _cheap(hydrogen)))
        least = _solve(model, cheap)[0]
        cost_cny = math.ceil(float(sites.frame["cost_cny"].to_numpy(dtype=float)[least].sum()))
        hydrogen = hydrogen.model_copy(update={"budget_cny": float(cost_cny)})
        question = replace(question, choice=_choice(city, network, on, hydrogen))
    chosen, outcome = _solve(model, question)
    covered = _covered(network, sites, points, reach, chosen)
    return HydrogenPlan(
        stations=_stations(city, network, sites, covered, chosen),
        candidates=sites.frame.assign(
            cost_cny=np.round(sites.frame["cost_cny"]).astype(np.int64),
            chosen=np.isin(np.arange(len(sites.frame)), chosen),
        ),
        demand=covered,
        protected=_kept_clear_of(sites),
        dropped=sites.dropped,
        counted=len(chosen) + asked.existing,
        record=_record(outcome),
        settings={
            **_settings(hydrogen),
            "stations": asked.stations,
            "existing": asked.existing,
            "protected_kinds": list(PROTECTED),
            "arterials": list(ARTERIALS),
        },
        clauses=_leanings(hydrogen, sites),
        text=_text(sites, covered, chosen, hydrogen),
    )


def hydrogen_question(
    city: City,
    network: Network,
    demand: Demand,
    candidates: Candidates,
    cells: Cells,
    *,
    exclusions: gpd.GeoDataFrame | None = None,
) -> HydrogenQuestion | None:
    """
    Gather what the hydrogen programme of a model is written over; parameters as `plan_hydrogen`.

    Returns
    -------
    HydrogenQuestion
        None where no target asks for hydrogen stations.

    Raises
    ------
    ModelError
        As `plan_hydrogen`.
    """
    model = city.model
    target = _target(model)
    if target is None:
        return None
    hydrogen = model.hydrogen
    if hydrogen is None:
        raise ModelError(
            "a target asks for hydrogen stations and the model doesn't say what they are",
            where=model.name,
            cure="Add a `hydrogen:` part, as in models/defaults.yaml",
        )
    clauses = " ".join(filter(None, dict.fromkeys((target.clause, *hydrogen.clauses))))
    sites = hydrogen_sites(
        network, city.districts, city.map, candidates, hydrogen,
        cells=cells, clauses=clauses, exclusions=exclusions,
    )  # fmt: skip
    sites = open_thinned(sites, model.locks)
    points = _points(city, network, demand)
    reach = _reach(network, sites, points, hydrogen)
    asked = _asked(target, hydrogen)
    choice = _choice(city, network, (sites, points, asked), hydrogen)
    return HydrogenQuestion(sites, points, reach, asked, choice)


def _choice(
    city: City,
    network: Network,
    on: tuple[HydrogenSites, HydrogenDemand, _Asked],
    hydrogen: Hydrogen,
) -> HydrogenChoice:
    """Weigh the places by a part of the model, as the locks leave them."""
    sites, points, asked = on
    frame = sites.frame.iloc[sites.eligible]
    xy = lonlat_to_metric(frame.geometry.x.to_numpy(), frame.geometry.y.to_numpy(), network.crs)
    choice = hydrogen_choice(
        points,
        frame["cost_cny"].to_numpy(dtype=float),
        frame["supply_m"].to_numpy(dtype=float),
        near_pairs(xy, hydrogen.spacing_m.value),
        hydrogen,
        stations=asked.stations,
        clause=asked.clause,
    )
    locked = locked_items(frame["site_id"], city.model.locks, "hydrogen")
    return replace(choice, fixed=locked.fixed, banned=locked.banned)


def _target(model: Model) -> Target | None:
    asked = [target for target in model.targets if target.measure == MEASURE]
    return max(asked, key=lambda target: target.at_least, default=None)


def _asked(target: Target, hydrogen: Hydrogen) -> _Asked:
    existing = hydrogen.existing_stations if hydrogen.existing_count else 0
    stations = max(0, math.ceil(target.at_least - 1e-9) - existing)
    return _Asked(target.clause, existing, stations)


def _points(city: City, network: Network, demand: Demand) -> HydrogenDemand:
    polygons = city.districts.geometry.to_crs(network.crs).to_numpy()
    middle = (network.node_xy[network.tail] + network.node_xy[network.head]) / 2
    ids = city.districts["district_id"].astype(str).tolist()
    return hydrogen_demand(network, demand, district_of(polygons, middle), ids)


def _reach(
    network: Network, sites: HydrogenSites, points: HydrogenDemand, hydrogen: Hydrogen
) -> Reach:
    rows = sites.eligible
    return network_reach(
        network,
        sites.node[rows],
        sites.access_m[rows],
        points.node,
        points.access_m,
        np.full(len(points.node), hydrogen.radius_m.value),
        max(1, len(rows)),
    )


def near_pairs(xy: npt.NDArray[np.float64], spacing_m: float) -> npt.NDArray[np.int64]:
    """Return the pairs of points closer than a spacing, lower row first, sorted; shape (k, 2)."""
    if len(xy) < 2 or spacing_m <= 0:  # noqa: PLR2004  (a pair takes two)
        return np.empty((0, 2), dtype=np.int64)
    pairs = cKDTree(xy).query_pairs(spacing_m, output_type="ndarray").astype(np.int64)
    gap = np.hypot(*(xy[pairs[:, 0]] - xy[pairs[:, 1]]).T)
    kept = np.sort(pairs[gap < spacing_m], axis=1)
    return kept[np.lexsort((kept[:, 1], kept[:, 0]))]


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


def _no_room(model: Model, places: int, asked: _Asked) -> InfeasibleError:
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


def _kept_clear_of(sites: HydrogenSites) -> gpd.GeoDataFrame:
    """List important public buildings and hydrogen supplies, told apart by `role`."""
    parts = [
        sites.protected.assign(role="protected"),
        sites.supplies.assign(role="supply", kind="", extent_m=0.0),
    ]
    columns = ["place_id", "role", "kind", "name", "extent_m", "geometry"]
    some = [part[columns] for part in parts if len(part)] or [parts[0][columns]]
    return gpd.GeoDataFrame(pd.concat(some, ignore_index=True), crs="EPSG:4326")


def _text(
    sites: HydrogenSites,
    covered: gpd.GeoDataFrame,
    chosen: npt.NDArray[np.int64],
    hydrogen: Hydrogen,
) -> str:
    combined = int(sites.frame["combined"].to_numpy()[chosen].sum())
    asked = max(float(covered["kwh_day"].sum()), 1e-9)
    share = float(covered.loc[covered["site_id"] != "", "kwh_day"].sum()) / asked
    return (
        f"{len(chosen)} hydrogen stations, {combined} of them combined, from "
        f"{len(sites.eligible)} of {len(sites.frame)} places; {share:.1%} of heavy-vehicle demand "
        f"within {hydrogen.radius_m.value / 1000:,.0f} km by road"
    )


def _covered(
    network: Network,
    sites: HydrogenSites,
    points: HydrogenDemand,
    reach: Reach,
    chosen: npt.NDArray[np.int64],
) -> gpd.GeoDataFrame:
    """Give each point its nearest station within the radius, the lower row where two are equal."""
    site = sites.eligible[reach.site]
    arcs = np.flatnonzero(np.isin(site, chosen))
    arcs = arcs[np.lexsort((site[arcs], reach.distance_m[arcs], reach.demand[arcs]))]
    point, first = np.unique(reach.demand[arcs], return_index=True)
    nearest = np.full(len(points.node), "", dtype=object)
    distance = np.full(len(points.node), -1.0)
    nearest[point] = sites.frame["site_id"].to_numpy()[site[arcs[first]]]
    distance[point] = reach.distance_m[arcs[first]]
    on_road = points.node >= 0
    return points.frame.assign(
        site_id=nearest,
        distance_m=distance,
        node_id=np.where(on_road, network.node_id[points.node], -1),
        access_m=points.access_m,
    )


def _stations(
    city: City,
    network: Network,
    sites: HydrogenSites,
    covered: gpd.GeoDataFrame,
    chosen: npt.NDArray[np.int64],
) -> gpd.GeoDataFrame:
    """Describe the chosen sites with what each is nearest to."""
    frame = sites.frame.iloc[chosen].drop(columns="reason").reset_index(drop=True)
    names = city.districts.set_index("district_id")["name"]
    frame["district"] = frame["district_id"].map(names).fillna("")
    given = covered.groupby("site_id")[["kwh_day", "corridor_km"]].sum()
    for column, source in (("served_kwh_day", "kwh_day"), ("corridor_km", "corridor_km")):
        frame[column] = frame["site_id"].map(given[source]).fillna(0.0)
    frame["served_share"] = frame["served_kwh_day"] / max(float(covered["kwh_day"].sum()), 1e-9)
    frame["cost_cny"] = np.round(frame["cost_cny"]).astype(np.int64)
    frame["node_id"] = network.node_id[sites.node[chosen]]
    frame["access_m"] = sites.access_m[chosen]
    return frame


def _record(outcome: Outcome) -> dict[str, Any]:
    return {
        "status": str(outcome.status),
        "objective": outcome.objective,
        "objective_meaning": "points for cover and supply, less those for cost",
        "objective_meaning_zh": "覆盖与氢源得分，减造价得分",
        "bound": outcome.bound,
        "gap": outcome.gap,
        "route": outcome.route,
        "seconds": round(outcome.seconds, 3),
    }


def _settings(hydrogen: Hydrogen) -> dict[str, Any]:
    """Return the figures of the model's part as plain numbers."""
    values = {name: getattr(hydrogen, name) for name in type(hydrogen).model_fields}
    plain = {k: v.value if isinstance(v, Figure) else v for k, v in values.items()}
    return {name: list(v) if isinstance(v, tuple) else v for name, v in plain.items()}


def _leanings(hydrogen: Hydrogen, sites: HydrogenSites) -> dict[str, Said]:
    """Say of each clause without a number how the plan leans towards it."""
    works = len(sites.supplies)
    supply = Said(
        "地图上没有标名的副产氢企业", "no works that give off hydrogen are named on the map"
    )
    if works:
        near = f"stations nearer to one of {works} works that give off hydrogen count more"
        supply = Said(f"距 {works} 处副产氢企业较近的站加分", near)
    first = Said(
        "加氢站：与加油站合建造价较低，优先选用",
        "hydrogen stations: combined ones on fuel stations cost less and so go first",
    )
    return dict.fromkeys(hydrogen.clauses, joined((first, supply)))
