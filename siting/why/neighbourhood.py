"""The stations and demand points around a site, with the ways between them, from a run's layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely
from pyproj import Geod
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import dijkstra

from siting.charging.queueing import SEGMENTS, serves_segments
from siting.charging.service import service_limit_m
from siting.why.transport import Transport

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.plan import Plan

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Bools = npt.NDArray[np.bool_]

AT_ONCE = 32
"""Shortest-path trees grown at once; bounds the dense block."""
SLACK_M = 1e-3
"""Distances are published to the millimetre."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """
    A plan's layers as arrays.

    Attributes
    ----------
    plan
        The plan.
    back
        Travel graph against the direction of travel, metres.
    demand_node, limit_m, segment
        Node (-1 for none), farthest way and segment number of each demand point, shape (points,).
    site_node, site_access_m, types_at, lonlat
        Node, access leg, pile types (which stand there; for a site that isn't open, which may) and
        place of each candidate site, shapes (sites,), (sites, types), (sites, 2).
    """

    plan: Plan
    back: csr_array
    demand_node: Ints
    limit_m: Floats
    segment: Ints
    site_node: Ints
    site_access_m: Floats
    types_at: Bools
    lonlat: Floats


def surroundings(plan: Plan) -> Surroundings:
    """
    Prepare a plan's layers for questions about sites.

    Parameters
    ----------
    plan
        A plan, as read back from its run folder.

    Returns
    -------
    surroundings
        Its layers as arrays.
    """
    roads, sites = plan.roads, plan.candidates
    ids = pd.Index(np.unique(roads[["tail_id", "head_id"]].to_numpy()))
    tail, head = ids.get_indexer(roads["tail_id"]), ids.get_indexer(roads["head_id"])
    length = roads["length_m"].to_numpy(dtype=np.float64)
    both = roads["oneway"].to_numpy() == 0
    links = pd.DataFrame(
        {
            "of": np.concatenate([head, tail[both]]),
            "to": np.concatenate([tail, head[both]]),
            "m": np.concatenate([length, length[both]]),
        }
    )
    shortest = links.sort_values("m").drop_duplicates(["of", "to"])
    back = coo_array((shortest["m"], (shortest["of"], shortest["to"])), shape=(len(ids), len(ids)))
    names = [str(name) for name in plan.pile_types["type_id"]]
    may = [[name in str(text).split() for name in names] for text in sites["pile_types"]]
    types_at = np.array(may, dtype=np.bool_).reshape(len(sites), len(names))
    row = pd.Index(sites["site_id"]).get_indexer(plan.stations["site_id"])
    types_at[row] = plan.stations[[f"piles_{name}" for name in names]].to_numpy() > 0
    return Surroundings(
        plan=plan,
        back=csr_array(back),
        demand_node=ids.get_indexer(plan.demand["node_id"]),
        limit_m=service_limit_m(plan.demand, plan.run["settings"]),
        segment=pd.Index(SEGMENTS).get_indexer(plan.demand["segment"].astype(str)),
        site_node=ids.get_indexer(sites["node_id"]),
        site_access_m=sites["access_m"].to_numpy(dtype=np.float64),
        types_at=types_at,
        lonlat=shapely.get_coordinates(sites.geometry.to_numpy()),
    )


def within_reach(around: Surroundings, sites: Ints, points: Ints) -> tuple[Ints, Ints]:
    """
    Find which demand points some sites can serve.

    Parameters
    ----------
    around
        The plan.
    sites
        Rows of candidate sites, shape (n,).
    points
        Rows of demand points that are asked about, shape (m,).

    Returns
    -------
    at, point
        Pairs of a position in `sites` and a row of a demand point, by network distance within the
        point's radius, access legs included, with a pile type there that serves its segment.
    """
    demand = around.plan.demand
    legs = demand["access_m"].to_numpy(dtype=np.float64)
    asked = points[(around.demand_node[points] >= 0) & (demand["kwh_day"].to_numpy()[points] > 0)]
    serves = serves_segments(around.plan.pile_types)
    can: Bools = np.any(around.types_at[sites][:, :, None] & serves[None], axis=1)
    left = around.limit_m[asked] - legs[asked] + SLACK_M
    farthest = float(left.max(initial=0.0))
    known = np.flatnonzero(around.site_node[sites] >= 0)
    ats, found = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for first in range(0, len(known) if len(asked) else 0, AT_ONCE):
        some = known[first : first + AT_ONCE]
        trees = dijkstra(around.back, indices=around.site_node[sites[some]], limit=farthest)
        way = trees[:, around.demand_node[asked]] + around.site_access_m[sites[some]][:, None]
        row, column = np.nonzero((way <= left) & can[some][:, around.segment[asked]])
        ats.append(some[row])
        found.append(asked[column])
    return np.concatenate(ats), np.concatenate(found)


def metres_apart(around: Surroundings, site: int, others: Ints) -> Floats:
    """Return the geodesic distance from a site to others, metres."""
    here = np.broadcast_to(around.lonlat[site], (len(others), 2))
    there = around.lonlat[others]
    _, _, metres = Geod(ellps="WGS84").inv(here[:, 0], here[:, 1], there[:, 0], there[:, 1])
    return np.asarray(metres, dtype=np.float64)


def open_sites(around: Surroundings) -> Ints:
    """Return the rows of the candidate sites that are open, in the order of the stations."""
    index = pd.Index(around.plan.candidates["site_id"])
    rows: Ints = index.get_indexer(around.plan.stations["site_id"]).astype(np.int64)
    return rows


def stations_near(around: Surroundings, points: Ints) -> Ints:
    """
    Find the stations that could serve some demand points.

    Parameters
    ----------
    around
        The plan.
    points
        Rows of demand points.

    Returns
    -------
    stations
        Rows of `plan.stations`; none that is left out is within the radius of any point, since no
        way is shorter than the straight line.
    """
    rows = open_sites(around)
    serves = serves_segments(around.plan.pile_types)
    near = np.zeros(len(rows), dtype=np.bool_)
    place = shapely.get_coordinates(around.plan.demand.geometry.to_numpy()[points])
    for segment in np.unique(around.segment[points]):
        mine = around.segment[points] == segment
        limit = float(around.limit_m[points][mine].max())
        box = shapely.box(*place[mine].min(axis=0), *place[mine].max(axis=0))
        centre = shapely.get_coordinates(shapely.centroid(box))[0]
        span = _metres(centre, place[mine]).max()
        can = (around.types_at[rows] & serves[:, segment]).any(axis=1)
        near |= can & (_metres(centre, around.lonlat[rows]) <= span + limit)
    return np.flatnonzero(near)


def _metres(centre: Floats, places: Floats) -> Floats:
    here = np.broadcast_to(centre, places.shape)
    _, _, metres = Geod(ellps="WGS84").inv(here[:, 0], here[:, 1], places[:, 0], places[:, 1])
    return np.asarray(metres, dtype=np.float64)


def local_transport(
    around: Surroundings, points: Ints, extra: Ints
) -> tuple[Transport, Ints, npt.NDArray[np.int64]]:
    """
    Set up the transport problem of some demand points.

    Parameters
    ----------
    around
        The plan.
    points
        Rows of demand points; what stations give to others stays as published.
    extra
        Rows of candidate sites that stand in line without piles.

    Returns
    -------
    problem
        Its sites are the open stations within reach of a point, then `extra`.
    stations
        Rows of `plan.stations` of the first sites.
    count
        How many stations can serve each of `points`, shape (points,).
    """
    plan = around.plan
    near = stations_near(around, points)
    at, point = within_reach(around, open_sites(around)[near], points)
    used = np.unique(at)
    stations = near[used]
    more_at, more_point = within_reach(around, extra, points)
    site = np.concatenate([np.searchsorted(used, at), more_at + len(used)])
    local = np.full(len(plan.demand), -1)
    local[points] = np.arange(len(points))
    piles = plan.stations[[f"piles_{name}" for name in plan.pile_types["type_id"]]].to_numpy()
    kwh = plan.pile_types["kwh_day"].to_numpy(dtype=np.float64)
    capacity = np.zeros((len(used) + len(extra), len(kwh)))
    capacity[: len(used)] = piles[stations] * kwh
    problem = Transport(
        demand_kwh=plan.demand["kwh_day"].to_numpy(dtype=np.float64)[points],
        segment=around.segment[points],
        point=local[np.concatenate([point, more_point])],
        site=site,
        capacity_kwh=capacity,
        load_kwh=_load_elsewhere(around, points, stations, len(extra)),
        serves=serves_segments(plan.pile_types),
    )
    return problem, stations, np.bincount(local[point], minlength=len(points))


def _load_elsewhere(around: Surroundings, points: Ints, stations: Ints, extra: int) -> Floats:
    """Sum what stations give by segment to demand points other than some, kWh a day."""
    plan = around.plan
    row = pd.Index(plan.demand["demand_id"]).get_indexer(plan.catchments["demand_id"])
    of = pd.Index(plan.stations["site_id"].to_numpy()[stations]).get_indexer(
        plan.catchments["site_id"]
    )
    other = (of >= 0) & ~np.isin(row, points)
    load = np.zeros((len(stations) + extra, len(SEGMENTS)))
    kwh = plan.catchments["kwh_day"].to_numpy(dtype=np.float64)
    np.add.at(load, (of[other], around.segment[row[other]]), kwh[other])
    return load
