"""Candidate hydrogen stations: where they may be built, what stops them, what they cost."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.spatial import cKDTree

from siting.candidates.naming import site_names
from siting.candidates.thinning import preference, thin
from siting.datum import lonlat_to_metric
from siting.demand import cells as grid
from siting.facts import site_kinds
from siting.frames import ROAD_CLASSES
from siting.network import snap
from siting.own.dropping import LAND_REASON, dropped_rows, land_for, no_dropped
from siting.own.exclusions import judge_places, no_exclusions

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.candidates.charging import Candidates
    from siting.frames import CityMap
    from siting.model.model import Hydrogen
    from siting.network import Network

    Floats = npt.NDArray[np.float64]
    Bools = npt.NDArray[np.bool_]
    Ints = npt.NDArray[np.int64]

COMBINED = ("fuel", "service_area")
"""Kinds of place that sell fuel already: a station there is a combined one (合建站)."""

DEPOTS = ("logistics", "port", "industrial", "bus_depot")
"""Kinds of place where fuel-cell trucks and buses stand; a station there stands alone."""

FROM_CHARGING = ("service_area", "roadside")
"""Kinds taken from the charging sites: service areas known from `data/`, and plots to be found."""

PROTECTED = (
    "school",
    "university",
    "hospital",
    "government",
    "mall",
    "metro_station",
    "railway_station",
    "airport",
)
"""
Facility kinds that are taken for important public buildings (重要公共建筑物).

After GB 50156-2021, appendix B, which lists schools, hospitals, party and government offices, large
shops and the like from a size on; a map doesn't tell the size, so that all of a kind count.
"""

SUPPLY = re.compile("钢铁|特钢|焦化|石化|氯碱|炼化|化工(?!业)|制氢|氢能")
"""Names of works that give off hydrogen (steel, coking, chemicals, chlor-alkali) or make it."""

ARTERIALS = ("trunk", "primary", "secondary")
"""No station stands near a junction of these; GB 50516-2010 (2021) 4.0.3, GB 50156-2021 4.0.3."""

SNAP_LIMIT_M = 1500.0
"""A place farther than this from every node isn't a site. Planner's own."""

BESIDE_LIMIT_M = 800.0
"""A service area this near to an expressway is reached from it. Planner's own."""

THIN_M = 500.0
"""Of eligible places nearer than this the better one is kept, when there are too many."""

MOST_SITES = 250
"""The spacing grows by a quarter until no more sites than this are eligible."""

WIDEST = 25
"""How often it may grow."""

UNKNOWN_M = -1.0
"""Distance to a thing of which the map has none."""


@dataclass(frozen=True, slots=True)
class HydrogenSites:
    """
    Candidate hydrogen stations.

    Attributes
    ----------
    frame
        EPSG:4326 Points, RangeIndex, sorted by `site_id`; every place that was looked at. Columns:
        `site_id` (str), `kind`, `name` (str), `combined` (bool), `district_id` (str), `urban`
        (bool), `capacity_kg_day`, `cost_cny` (float), `cost_factor` (what the land makes it
        dearer), `nearest_protected_m` and
        `nearest_junction_m` (metres to the edge of the nearest important public building and to the
        nearest junction of arterial roads, -1 where there is none), `supply_m` (to the nearest
        hydrogen supply on the map, -1 where there is none), `reason` (str: why it is no site, ""
        for one), `clauses` (str).
    node
        Network node of each place, -1 where none is near, shape (n,).
    access_m
        Straight-line metres to it, shape (n,).
    protected
        EPSG:4326 Points: `place_id`, `kind`, `name`, `extent_m` (how far the building reaches
        around the point).
    supplies
        EPSG:4326 Points: `place_id`, `name`; works that give off or make hydrogen.
    dropped
        Places that excluded land drops, as `Plan.dropped`.
    """

    frame: gpd.GeoDataFrame
    node: npt.NDArray[np.int64]
    access_m: npt.NDArray[np.float64]
    protected: gpd.GeoDataFrame
    supplies: gpd.GeoDataFrame
    dropped: gpd.GeoDataFrame = field(default_factory=no_dropped)

    @property
    def eligible(self) -> npt.NDArray[np.int64]:
        """Rows of `frame` where a station may be built."""
        return np.flatnonzero(self.frame["reason"].to_numpy() == "").astype(np.int64)


def hydrogen_sites(
    network: Network,
    districts: gpd.GeoDataFrame,
    city_map: CityMap,
    charging: Candidates,
    hydrogen: Hydrogen,
    *,
    cells: grid.Cells,
    clauses: str = "",
    exclusions: gpd.GeoDataFrame | None = None,
) -> HydrogenSites:
    """
    Find where hydrogen stations can be built.

    Parameters
    ----------
    network
        Road network that sites are reached by.
    districts
        Districts, EPSG:4326; places outside are no candidates.
    city_map
        Its fuel stations, service areas and depots are candidates, its important public buildings
        are kept clear of.
    charging
        Charging sites; their roadside plots, and service areas that the map lacks, are candidates.
    hydrogen
        Costs and distances.
    cells
        What is built up.
    clauses
        Clause ids that every station serves, joined by a space.
    exclusions
        Land that stations can't be on or are dearer on, as `exclusions.exclusion_frame`.

    Returns
    -------
    sites
        With the reason of each place that is out: `excluded_land`, `off_road`, `public_building`,
        `junction`, `level_1_in_centre`, `thinned` (a better place is near).
    """
    places = _places(network, districts, city_map, charging)
    xy = places[["x", "y"]].to_numpy(dtype=float)
    node, access_m = _snapped(network, places, xy)
    protected = protected_places(city_map, hydrogen.point_extent_m.value)
    supplies = supply_places(city_map)
    places["urban"] = grid.is_urban(cells, xy)
    gap = _edge_m(xy, _xy(network, protected), protected["extent_m"].to_numpy(dtype=float))
    junction = _nearest_m(xy, network.node_xy[arterial_junctions(network)])
    places["nearest_protected_m"] = gap
    places["nearest_junction_m"] = junction
    places["supply_m"] = _nearest_m(xy, _xy(network, supplies))
    land = no_exclusions() if exclusions is None else land_for(exclusions, "hydrogen")
    said = judge_places(land, xy, places["kind"].to_numpy(dtype=object), network.crs)
    places["cut"], places["cost_factor"] = said.cut, said.cost_factor
    places["reason"] = _reasons(places, node, hydrogen)
    places.loc[_too_many(places, xy, MOST_SITES), "reason"] = "thinned"
    frame = _frame(places.assign(node=node), network, districts, city_map, hydrogen, clauses)
    out = frame[["site_id", "name", "kind"]].assign(cut=said.cut)[said.cut >= 0]
    dropped = dropped_rows(
        "hydrogen", out, np.asarray(shapely.points(xy[said.cut >= 0])), land, network.crs
    )
    return HydrogenSites(frame, node, access_m, protected, supplies, dropped)


def _places(
    network: Network, districts: gpd.GeoDataFrame, city_map: CityMap, charging: Candidates
) -> pd.DataFrame:
    """List the places worth a look, each once, inside the districts."""
    found = city_map.facilities
    found = found[found["kind"].isin([*COMBINED, *DEPOTS])]
    known = charging.frame
    missing = known["kind"].isin(FROM_CHARGING) & ~known["site_id"].isin(found["facility_id"])
    if (found["kind"] == "service_area").any():
        missing &= known["kind"] != "service_area"
    parts = [
        pd.DataFrame(
            {
                "site_id": part[id_].astype(str).to_numpy(),
                "kind": part["kind"].astype(str).to_numpy(),
                "name": part["name"].fillna("").astype(str).to_numpy(),
                "lon": part.geometry.x.to_numpy(),
                "lat": part.geometry.y.to_numpy(),
            }
        )
        for part, id_ in ((found, "facility_id"), (known[missing], "site_id"))
    ]
    places = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    xy = lonlat_to_metric(places["lon"], places["lat"], network.crs)
    places["x"], places["y"] = xy[:, 0], xy[:, 1]
    polygons = districts.geometry.to_crs(network.crs).to_numpy()
    places["district"] = grid.district_of(polygons, xy)
    inside = places["district"] >= 0
    return places[inside].sort_values("site_id", ignore_index=True)


def _snapped(network: Network, places: pd.DataFrame, xy: Floats) -> tuple[Ints, Floats]:
    """Put service areas on the expressway they belong to and the rest on other roads."""
    node, access_m = snap(network, xy, SNAP_LIMIT_M, nodes=grid.road_nodes(network, fast=False))
    fast, fast_m = snap(network, xy, BESIDE_LIMIT_M, nodes=grid.road_nodes(network, fast=True))
    beside = (places["kind"] == "service_area").to_numpy() & (fast >= 0)
    return np.where(beside, fast, node), np.where(beside, fast_m, access_m)


def protected_places(city_map: CityMap, point_extent_m: float) -> gpd.GeoDataFrame:
    """
    List the important public buildings of a map.

    Parameters
    ----------
    city_map
        The map.
    point_extent_m
        How far a building reaches around its point where the map has no outline.

    Returns
    -------
    protected
        As `HydrogenSites.protected`. An outline reaches as far as the circle of its area.
    """
    some = city_map.facilities[city_map.facilities["kind"].isin(PROTECTED)].reset_index(drop=True)
    radius = np.sqrt(some["area_m2"].to_numpy(dtype=float) / np.pi)
    return gpd.GeoDataFrame(
        {
            "place_id": some["facility_id"].astype(str).to_numpy(),
            "kind": some["kind"].astype(str).to_numpy(),
            "name": some["name"].fillna("").astype(str).to_numpy(),
            "extent_m": np.where(np.isfinite(radius), radius, point_extent_m),
        },
        geometry=some.geometry.to_numpy(),
        crs="EPSG:4326",
    )


def supply_places(city_map: CityMap) -> gpd.GeoDataFrame:
    """List the works of a map whose name says that they give off or make hydrogen."""
    named = city_map.facilities["name"].fillna("").astype(str)
    works = city_map.facilities["kind"].isin(["industrial", "logistics"])
    some = city_map.facilities[works & named.str.contains(SUPPLY)].reset_index(drop=True)
    return gpd.GeoDataFrame(
        {
            "place_id": some["facility_id"].astype(str).to_numpy(),
            "name": some["name"].astype(str).to_numpy(),
        },
        geometry=some.geometry.to_numpy(),
        crs="EPSG:4326",
    )


def arterial_junctions(network: Network) -> npt.NDArray[np.int64]:
    """Return the nodes where arterial roads meet: three or more ends of them."""
    names = np.array(ROAD_CLASSES)
    edge = np.isin(names, ARTERIALS)[network.highway]
    ends = np.concatenate([network.tail[edge], network.head[edge]])
    count = np.bincount(ends, minlength=len(network.node_xy))
    return np.flatnonzero(count > 2).astype(np.int64)  # noqa: PLR2004  (a road through has two)


def _xy(network: Network, frame: gpd.GeoDataFrame) -> Floats:
    lonlat = shapely.get_coordinates(frame.geometry.to_numpy())
    xy: Floats = lonlat_to_metric(lonlat[:, 0], lonlat[:, 1], network.crs)
    return xy


def _nearest_m(xy: Floats, others: Floats) -> Floats:
    """Return metres to the nearest of other points, `UNKNOWN_M` where there are none."""
    if not len(others) or not len(xy):
        return np.full(len(xy), UNKNOWN_M)
    distance, _ = cKDTree(others).query(xy)
    return np.asarray(distance, dtype=np.float64)


def _edge_m(xy: Floats, others: Floats, extent_m: Floats) -> Floats:
    """Return metres to the edge of the nearest building, 0 inside it."""
    if not len(others) or not len(xy):
        return np.full(len(xy), UNKNOWN_M)
    tree = cKDTree(others)
    nearest, row = tree.query(xy)
    # The building whose middle is nearest bounds the search for one whose edge is nearer.
    bound = nearest - extent_m[row] + float(extent_m.max())
    near = tree.query_ball_point(xy, np.maximum(bound, 0.0) + 1e-6)
    size = np.array([len(some) for some in near])
    place = np.repeat(np.arange(len(xy)), size)
    other = np.concatenate([np.asarray(some, dtype=np.int64) for some in near])
    gap = np.hypot(*(xy[place] - others[other]).T) - extent_m[other]
    best = np.full(len(xy), np.inf)
    np.minimum.at(best, place, gap)
    return np.asarray(np.maximum(best, 0.0), dtype=np.float64)


def _reasons(places: pd.DataFrame, node: Ints, hydrogen: Hydrogen) -> npt.NDArray[np.object_]:
    gap = places["nearest_protected_m"].to_numpy()
    junction = places["nearest_junction_m"].to_numpy()
    first = hydrogen.stored_kg.value > hydrogen.level_1_kg.value
    tests = (
        (LAND_REASON, places["cut"].to_numpy() >= 0),
        ("off_road", node < 0),
        ("public_building", (gap >= 0) & (gap < hydrogen.public_building_m.value)),
        ("level_1_in_centre", places["urban"].to_numpy() & first),
        ("junction", (junction >= 0) & (junction < hydrogen.junction_m.value)),
    )
    reasons: npt.NDArray[np.object_] = np.select(
        [test for _, test in tests], [name for name, _ in tests], default=""
    ).astype(object)
    return reasons


def _too_many(places: pd.DataFrame, xy: Floats, most: int) -> Ints:
    """Return eligible rows to leave out, so that about `most` stay; fuel stations stay first."""
    rows = np.flatnonzero(places["reason"].to_numpy() == "")
    kind = places["kind"].to_numpy()[rows]
    rank = np.where(np.isin(kind, COMBINED), 0, np.where(np.isin(kind, DEPOTS), 1, 2))
    ids = places["site_id"].to_numpy()[rows]
    number = np.array([zlib.crc32(str(i).encode()) for i in ids], dtype=np.int64)
    order = preference(rank, number)
    kept = np.ones(len(rows), dtype=np.bool_)
    # Service areas lie on both sides of a road; each serves its own side.
    always = kind == "service_area"
    for step in range(WIDEST):
        if kept.sum() <= most:
            break
        kept = thin(xy[rows], THIN_M * 1.25**step, order, always)
    return rows[~kept]


def _frame(
    places: pd.DataFrame,
    network: Network,
    districts: gpd.GeoDataFrame,
    city_map: CityMap,
    hydrogen: Hydrogen,
    clauses: str,
) -> gpd.GeoDataFrame:
    kind = site_kinds().loc[places["kind"]].reset_index(drop=True)
    district = places["district"].to_numpy()
    names = districts["name"].astype(str).to_numpy()[district]
    combined = places["kind"].isin(COMBINED).to_numpy()
    alone_cny = hydrogen.standalone_cny.value + hydrogen.land_cny.value
    columns = [
        "cost_factor",
        "urban",
        "nearest_protected_m",
        "nearest_junction_m",
        "supply_m",
        "reason",
    ]
    return gpd.GeoDataFrame(
        {
            "site_id": places["site_id"],
            "kind": places["kind"],
            "name": site_names(places, kind, names, network, city_map.roads),
            "combined": combined,
            "district_id": districts["district_id"].astype(str).to_numpy()[district],
            "capacity_kg_day": hydrogen.capacity_kg_day.value,
            "cost_cny": np.where(combined, hydrogen.combined_cny.value, alone_cny)
            * places["cost_factor"].to_numpy(),
            **{column: places[column].to_numpy() for column in columns},
            "clauses": clauses,
        },
        geometry=shapely.points(places[["lon", "lat"]].to_numpy(dtype=float)),
        crs="EPSG:4326",
    )
