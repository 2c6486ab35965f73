"""What the hydrogen programme of a model is written over: places, reach, target, figures."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from siting.candidates.hydrogen import hydrogen_sites
from siting.candidates.hydrogendemand import hydrogen_demand
from siting.candidates.locked import open_thinned
from siting.datum import lonlat_to_metric
from siting.demand.cells import district_of
from siting.errors import ModelError
from siting.formulate.hydrogen import hydrogen_choice
from siting.own.locked import locked_items
from siting.reach.distance import network_reach

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt

    from siting.candidates.charging import Candidates
    from siting.candidates.hydrogen import HydrogenSites
    from siting.candidates.hydrogendemand import HydrogenDemand
    from siting.city.reading import City
    from siting.demand.cells import Cells
    from siting.demand.charging import Demand
    from siting.formulate.hydrogen import HydrogenChoice
    from siting.model.model import Hydrogen, Model, Target
    from siting.network import Network
    from siting.reach.distance import Reach

MEASURE = "hydrogen_stations"
"""Measure of the targets that ask for hydrogen stations."""


@dataclass(frozen=True, slots=True)
class Asked:
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
    asked: Asked
    choice: HydrogenChoice


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
    choice = weighed(city, network, (sites, points, asked), hydrogen)
    return HydrogenQuestion(sites, points, reach, asked, choice)


def weighed(
    city: City,
    network: Network,
    on: tuple[HydrogenSites, HydrogenDemand, Asked],
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


def _asked(target: Target, hydrogen: Hydrogen) -> Asked:
    existing = hydrogen.existing_stations if hydrogen.existing_count else 0
    stations = max(0, math.ceil(target.at_least - 1e-9) - existing)
    return Asked(target.clause, existing, stations)


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
