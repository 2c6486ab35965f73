"""Townships, key areas and bases of test fleets, and the candidate sites within reach of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.demand import cells as grid
from siting.network import snap
from siting.reach.distance import Reach, network_reach
from siting.said import NOTHING, Said

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.candidates.charging import Candidates
    from siting.frames import CityMap
    from siting.model.rules import ClauseRules
    from siting.network import Network

GROUPS = ("townships", "key_areas", "test_fleets")
"""What a place can be; each is the name of a measure."""
BASE = "test_base"
"""Kind of a place that test vehicles are based at: an anchor of the test roads."""

SNAP_LIMIT_M = 3000.0
"""A place farther than this from every node can't be reached. Planner's own."""


_SHOWN = 10
"""Places that a note names."""


@dataclass(frozen=True, slots=True)
class Places:
    """
    Places that clauses ask to be reached.

    Attributes
    ----------
    frame
        EPSG:4326 Points, RangeIndex, sorted by `place_id`. Columns: `place_id` (str, the
        facility's), `name`, `kind` (a `FACILITY_KINDS` value, or `BASE`), `measure` (one
        of `GROUPS`), `district_id`, `urban` (bool, in a built-up cell), `radius_m` (float).
    node
        Network node of each place, int64, shape (n,); -1 when farther than the limit.
    access_m
        Straight-line metres from the place to that node, shape (n,).
    reach
        Candidate sites within `radius_m` of each place by network distance; `reach.demand` are
        rows of `frame`.
    """

    frame: gpd.GeoDataFrame
    node: npt.NDArray[np.int64]
    access_m: npt.NDArray[np.float64]
    reach: Reach


def no_places() -> gpd.GeoDataFrame:
    """Return the frame of places, or of substations, of a city that shows none."""
    columns = ["place_id", "measure", "urban", "reached", "fast_piles"]
    return gpd.GeoDataFrame({name: [] for name in columns}, geometry=[], crs="EPSG:4326")


def charging_places(
    network: Network,
    districts: gpd.GeoDataFrame,
    city_map: CityMap,
    candidates: Candidates,
    rules: ClauseRules,
    *,
    cells: grid.Cells,
    bases: gpd.GeoDataFrame | None = None,
) -> Places:
    """
    Find the townships and key areas of a city and the candidate sites near them.

    Parameters
    ----------
    network
        Network by which places are reached.
    districts
        Districts, EPSG:4326; places outside are left out.
    city_map
        Its facilities of kind `township` and of `rules.key_area_kinds`.
    candidates
        Candidate charging sites.
    rules
        Radii and kinds.
    cells
        The cells that say what is built up.
    bases
        Where test vehicles are based, EPSG:4326 Points with `place_id` and `name`.

    Returns
    -------
    places
        Empty where the map shows none.
    """
    facilities = _with_bases(city_map.facilities, bases)
    township = (facilities["kind"] == "township").to_numpy()
    base = (facilities["kind"] == BASE).to_numpy()
    key = facilities["kind"].isin(rules.key_area_kinds).to_numpy() & ~township
    found = facilities[township | key | base]
    xy = _coordinates(found, network)
    polygons = districts.geometry.to_crs(network.crs).to_numpy()
    row = grid.district_of(polygons, xy)
    # A base stands at a junction of the planned roads; one on the border is its nearest district's.
    lost = (row < 0) & (found["kind"] == BASE).to_numpy()
    row[lost] = shapely.STRtree(polygons).nearest(shapely.points(xy[lost]))
    found, xy, row = found[row >= 0], xy[row >= 0], row[row >= 0]
    is_township = (found["kind"] == "township").to_numpy()
    group = np.where(is_township, 0, np.where(found["kind"] == BASE, 2, 1))
    radius_m = np.array(
        [
            rules.township_radius_m.value,
            rules.key_area_radius_m.value,
            rules.test_fleet_radius_m.value,
        ]
    )[group]
    table = pd.DataFrame(
        {
            "place_id": found["facility_id"].astype(str).to_numpy(),
            "name": found["name"].fillna("").astype(str).to_numpy(),
            "kind": found["kind"].astype(str).to_numpy(),
            "measure": np.array(GROUPS, dtype=object)[group],
            "district_id": districts["district_id"].astype(str).to_numpy()[row],
            "urban": grid.is_urban(cells, xy) if len(xy) else np.zeros(0, dtype=bool),
            "radius_m": radius_m.astype(float),
        }
    )
    order = np.argsort(table["place_id"].to_numpy(dtype=object), kind="stable")
    frame = gpd.GeoDataFrame(table, geometry=found.geometry.to_numpy(), crs="EPSG:4326")
    node, access_m = snap(
        network, xy[order], SNAP_LIMIT_M, nodes=grid.road_nodes(network, fast=False)
    )
    frame = frame.iloc[order].reset_index(drop=True)
    reach = network_reach(
        network,
        candidates.node,
        candidates.access_m,
        node,
        access_m,
        frame["radius_m"].to_numpy(dtype=float),
        max(1, len(candidates.node)),
    )
    return Places(frame, node, access_m, reach)


def _with_bases(facilities: gpd.GeoDataFrame, bases: gpd.GeoDataFrame | None) -> gpd.GeoDataFrame:
    """Add the bases of test fleets to the facilities of the map."""
    columns = ["facility_id", "name", "kind", "geometry"]
    if bases is None or not len(bases):
        return facilities
    ids = "anchor/" + bases["place_id"].astype(str)
    more = bases.assign(facility_id=ids, kind=BASE)[columns]
    return gpd.GeoDataFrame(
        pd.concat([facilities[columns], more], ignore_index=True), crs="EPSG:4326"
    )


def _coordinates(frame: gpd.GeoDataFrame, network: Network) -> npt.NDArray[np.float64]:
    points = frame.geometry.to_crs(network.crs)
    return np.column_stack([points.x.to_numpy(dtype=float), points.y.to_numpy(dtype=float)])


def place_frame(
    places: Places, piles: npt.NDArray[np.int64], pile_types: pd.DataFrame, site_id: pd.Series
) -> gpd.GeoDataFrame:
    """
    Describe the places with what a plan gives them.

    Parameters
    ----------
    places
        The places.
    piles
        Piles by candidate site and type, shape (sites, types); a site with none isn't open.
    pile_types
        Table of pile types.
    site_id
        Id of each candidate site, shape (sites,).

    Returns
    -------
    frame
        `Places.frame` with `node_id` left to the caller, and `access_m`, `sites` (candidate sites
        within the radius), `reached` (bool), `station_id` ("" where none) and `distance_m` (NaN)
        of the nearest open station within the radius, and `fast_piles`, the piles for taxis and
        delivery vans at the open stations within it.
    """
    frame, arcs, count = places.frame.copy(), places.reach, len(places.frame)
    is_open = (piles.sum(axis=1) > 0)[arcs.site]
    # Arcs are sorted by place and distance: the first open one is the nearest.
    nearest, first = np.unique(arcs.demand[is_open], return_index=True)
    station = np.full(count, "", dtype=object)
    station[nearest] = site_id.to_numpy(dtype=object)[arcs.site[is_open][first]]
    distance_m = np.full(count, np.nan)
    distance_m[nearest] = arcs.distance_m[is_open][first]
    fleet = np.array(["fleet" in str(text).split() for text in pile_types.segments], dtype=bool)
    fast = piles[:, fleet].sum(axis=1)[arcs.site]
    frame["access_m"] = places.access_m
    frame["sites"] = np.bincount(arcs.demand, minlength=count)
    frame["reached"] = np.isfinite(distance_m)
    frame["station_id"] = station
    frame["distance_m"] = distance_m
    frame["fast_piles"] = np.bincount(arcs.demand, weights=fast, minlength=count).astype(np.int64)
    return frame


def unreached_note(places: Places, *measures: str) -> Said:
    """Name the places of some measures that no candidate site reaches, if any."""
    count = np.bincount(places.reach.demand, minlength=len(places.frame))
    left = places.frame[(count == 0) & places.frame["measure"].isin(measures).to_numpy()]
    if left.empty:
        return NOTHING
    names = left["name"].where(left["name"] != "", left["place_id"]).tolist()
    shown, more = "、".join(names[:_SHOWN]), len(names) - _SHOWN
    base = BASE in set(left["kind"])
    what = (
        Said("测试车队基地", "bases of test fleets")
        if base
        else Said("乡镇或重点区域", "townships or key areas")
    )
    return Said(
        f"{len(names)} 个{what.zh}在范围内没有候选站址：{shown}{'等' if more > 0 else ''}",
        f"{len(names)} {what.en} have no candidate site within reach: {shown}"
        + (f" and {more} more" if more > 0 else ""),
    )
