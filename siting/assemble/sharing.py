"""Poles and power that roadside sites share with charging stations: matched after the solve."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import shapely
from pyproj import Geod
from scipy.sparse import coo_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import cKDTree

from siting.said import Said, noted
from siting.units import money_text

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt
    import pandas as pd

    from siting.model.model import Model
    from siting.model.roadside import Sharing
    from siting.plan import Plan

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

EARTH_M = 6_371_000.0
"""Radius of the sphere on which near points are looked for."""
SLACK = 1.01
"""Near points are looked for this much farther: distances on the ellipsoid differ by less."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """
    Stations and roadside sites that could share, or do; n pairs.

    Attributes
    ----------
    station, site
        Rows of `Plan.stations` and `Plan.rsus`, shape (n,).
    metres
        Straight distance on the ellipsoid, to the millimetre, shape (n,).
    saving_cny
        What sharing saves at the roadside site, whole yuan > 0, shape (n,).
    """

    station: npt.NDArray[np.int64]
    site: npt.NDArray[np.int64]
    metres: npt.NDArray[np.float64]
    saving_cny: npt.NDArray[np.int64]


def with_sharing(plan: Plan, model: Model) -> Plan:
    """
    Match roadside sites with charging stations whose pole and power they share.

    The saving is stated beside the cost: neither the cost of the plan nor any budget counts on it,
    so that no programme and no bound changes.

    Parameters
    ----------
    plan
        The plan, its stations with their years where it has years.
    model
        Its model.

    Returns
    -------
    plan
        With `shared_station`, `shared_m` and `shared_saving_cny` of the roadside sites and
        `sharing` in the run record; as it is where the model says nothing of sharing or no site
        is planned.
    """
    rule = None if model.roadside is None else model.roadside.sharing
    if rule is None or not len(plan.rsus):
        return plan
    chosen = best_pairs(possible_pairs(plan.stations, plan.rsus, rule))
    rows, stations = chosen.site, plan.stations["site_id"].to_numpy(dtype=object)
    station = np.full(len(plan.rsus), "", dtype=object)
    metres, saving = np.full(len(plan.rsus), np.nan), np.zeros(len(plan.rsus), dtype=np.int64)
    station[rows] = stations[chosen.station]
    metres[rows], saving[rows] = chosen.metres, chosen.saving_cny
    total = int(saving.sum())
    away = f"{rule.within_m.value:,.0f} m"
    note = Said(
        f"{len(rows):,} 处路侧站址与 {away} 内的充电站共用杆件或电源：可节省 "
        f"{money_text(float(total))}，未从造价与预算中扣除",
        f"{len(rows):,} roadside sites share pole or power with a charging station within "
        f"{away}: {money_text(float(total), 'en')} could be saved, which neither costs nor "
        "budgets count on",
    )
    rsus = plan.rsus.assign(shared_station=station, shared_m=metres, shared_saving_cny=saving)
    record = {"pairs": len(rows), "saving_cny": total}
    run = noted({**plan.run, "sharing": record}, last=(note,))
    return replace(plan, rsus=rsus, run=run)


def possible_pairs(stations: gpd.GeoDataFrame, sites: gpd.GeoDataFrame, rule: Sharing) -> Pairs:
    """
    Find the pairs that would save something.

    Parameters
    ----------
    stations
        As `Plan.stations`. One with a `year` shares with sites of that year and later.
    sites
        As `Plan.rsus`. Sites that reuse what is there already save nothing more.
    rule
        Distances and prices.

    Returns
    -------
    pairs
        Sorted by station and site; the saving is at most the site's cost.
    """
    ends = [shapely.get_coordinates(frame.geometry.to_numpy()) for frame in (stations, sites)]
    near = cKDTree(_on_sphere(ends[1]))
    most = rule.within_m.value * SLACK
    found: list[list[int]] = list(
        np.atleast_1d(near.query_ball_point(_on_sphere(ends[0]), most, return_sorted=True))
    )
    station = np.repeat(np.arange(len(found)), [len(some) for some in found])
    site = np.array([row for some in found for row in some], dtype=np.int64)
    a, b = ends[0][station], ends[1][site]
    metres = np.round(Geod(ellps="WGS84").inv(a[:, 0], a[:, 1], b[:, 0], b[:, 1])[2], 3)
    cost = sites["cost_cny"].to_numpy(dtype=np.int64)[site]
    saving = np.minimum(saving_cny(np.asarray(metres), rule), cost)
    keep = (metres <= rule.within_m.value) & (saving > 0)
    keep &= ~sites["reuse"].to_numpy(dtype=bool)[site]
    keep &= _year(stations)[station] <= _year(sites)[site]
    return Pairs(station[keep], site[keep], metres[keep], saving[keep])


def saving_cny(metres: Floats, rule: Sharing) -> Ints:
    """Return what a pair at a distance saves: a connection less the cable to it, and the pole."""
    power = np.maximum(0.0, rule.power_cny.value - rule.cable_cny_per_m.value * metres)
    pole = np.where(metres <= rule.pole_m.value, rule.pole_cny.value, 0.0)
    return np.asarray(np.rint(power + pole), dtype=np.int64)


def best_pairs(pairs: Pairs) -> Pairs:
    """
    Choose pairs that save most together, each station and each site in one pair at most.

    A matching of most weight: a station that shares with no site is matched with a stand-in of its
    own that saves nothing. Jonker and Volgenant 1987 by `scipy.sparse.csgraph`.
    """
    if not len(pairs.station):
        return pairs
    _, station = np.unique(pairs.station, return_inverse=True)
    _, site = np.unique(pairs.site, return_inverse=True)
    stations, sites = int(station.max()) + 1, int(site.max()) + 1
    own = np.arange(stations)
    most = int(pairs.saving_cny.max()) + 1
    # Costs have to be there to be edges: what isn't saved, above zero.
    cost = np.r_[most - pairs.saving_cny, np.full(stations, most)].astype(float)
    ends = (np.r_[station, own], np.r_[site, sites + own])
    graph = coo_array((cost, ends), shape=(stations, sites + stations)).tocsr()
    rows, columns = min_weight_full_bipartite_matching(graph)
    partner = np.full(stations, -1)
    partner[rows] = columns
    kept = partner[station] == site
    return Pairs(pairs.station[kept], pairs.site[kept], pairs.metres[kept], pairs.saving_cny[kept])


def _on_sphere(lonlat: Floats) -> Floats:
    lon, lat = np.radians(lonlat[:, 0]), np.radians(lonlat[:, 1])
    return EARTH_M * np.column_stack(
        [np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)]
    )


def _year(frame: pd.DataFrame) -> Ints:
    """Year of each, 0 where there is none."""
    if "year" not in frame:
        return np.zeros(len(frame), dtype=np.int64)
    return frame["year"].to_numpy(dtype=np.int64)
