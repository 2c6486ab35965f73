"""Candidate charging sites: where they can be, how many piles fit, what they cost."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.candidates.naming import site_names
from siting.candidates.standing import (
    dropped_frame,
    judged,
    standing,
    with_stations,
)
from siting.candidates.thinning import clear_of, preference, thin
from siting.demand import cells as grid
from siting.errors import InputError
from siting.facts import english_city, service_areas, site_clauses, site_kinds
from siting.frames import ROAD_CLASSES
from siting.network import snap
from siting.own.dropping import land_for, no_dropped
from siting.own.exclusions import no_exclusions
from siting.own.existing import existing_stations

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.frames import CityMap
    from siting.model.model import Charging
    from siting.network import Network
    from siting.own.existing import Existing

    Floats = npt.NDArray[np.float64]
    Bools = npt.NDArray[np.bool_]

SNAP_LIMIT_M = 1500.0
"""A place farther than this from every node isn't a site. Planner's own."""

BESIDE_LIMIT_M = 800.0
"""A service area this near to an expressway is reached from it. Planner's own."""

FACILITY_SPACING_M = 150.0
"""
Of facilities closer than this only the best becomes a site. Planner's own.

No two new stations stand nearer to each other, but for service and rest areas, whose sides count
apart; the checker holds it.
"""

ROADSIDE_SERVICES = ("service_area", "rest_area")
"""Kinds that are sites whatever is near them: JN23-27 asks for every one."""

URBAN_SPACING_M = 500.0
"""Roadside sites in built-up cells keep this distance from every other site. Planner's own."""

RURAL_SPACING_M = 3000.0
"""Villages, and roadside sites elsewhere, keep this distance from other sites. Planner's own."""

MOST_SITES = 3000
"""Spacings grow by a quarter until there are no more sites than this."""

WIDEST = 15
"""How often the spacings may grow."""

WIDE = 4.0
"""Spacings in towns grow this far before those in the country grow at all."""

ACCURACY_M = 1000.0
"""Service areas from `data/` that are known less exactly than this are no sites."""

COLLECTORS = ("secondary", "tertiary")
"""A roadside site is better where one of these meets a street."""

ARTERIALS = ("primary", "secondary")
"""
No roadside site stands where two of these cross, nor on motorways, trunk roads and ramps.

GB 50966-2014, 3.2: near an urban road, but not at junctions of arterial roads or on busy sections.
"""


@dataclass(frozen=True, slots=True)
class Candidates:
    """
    Candidate charging sites.

    Attributes
    ----------
    frame
        EPSG:4326 Points, RangeIndex, sorted by `site_id`. Columns: `site_id` (str, stable), `kind`
        (a `FACILITY_KINDS` value or `roadside`), `name` (str), `district_id` (str), `urban` (bool),
        `existing` (bool), `policy` (of existing ones `kept` | `extendable` | `closable`, else ""),
        `access` (`public` | `dedicated`), `kept_<type id>` (int, piles that stand there already),
        `mandatory` (bool), `max_piles` (int, land), `min_piles` (int, when open), `kw_limit`
        (float, most kW after simultaneity that the grid gives), `cost_factor` (what opening costs
        more for the land), `fixed_cost_cny` (float, opening, or keeping), `clauses` (str, ids
        joined by a space that the site serves or comes from).
    allowed
        Which pile types may stand at each site, bool, shape (sites, pile types) in the model's
        order.
    node
        Network node each site is snapped to, shape (n,).
    access_m
        Straight-line metres from the site to that node, shape (n,).
    dropped
        EPSG:4326 Points, places that are no sites because of the land or the roads: `site_id`,
        `name`, `kind`, `exclusion_id` ("" for none), `reason`.
    """

    frame: gpd.GeoDataFrame
    allowed: npt.NDArray[np.bool_]
    node: npt.NDArray[np.int64]
    access_m: npt.NDArray[np.float64]
    dropped: gpd.GeoDataFrame = field(default_factory=no_dropped)


def charging_candidates(
    network: Network,
    districts: gpd.GeoDataFrame,
    city_map: CityMap,
    charging: Charging,
    *,
    cells: grid.Cells | None = None,
    existing: Existing | None = None,
    exclusions: gpd.GeoDataFrame | None = None,
    most: int = MOST_SITES,
) -> Candidates:
    """
    Find where charging stations can be built.

    Parameters
    ----------
    network
        Road network that sites are reached by.
    districts
        Districts, EPSG:4326, with `district_id`, `name` and `city`; sites outside are dropped.
    city_map
        Its facilities become sites; where it shows no service area, those of `data/` do.
    charging
        Pile types, costs and the power factor.
    cells
        The cells that say what is built up, when they are already laid.
    existing
        Stations in operation; None: those of the map, without their piles.
    exclusions
        Land that sites can't be on or are dearer on, as `exclusions.exclusion_frame`.
    most
        About how many sites at most; mandatory and existing ones always stay.

    Returns
    -------
    Candidates
        Facilities thinned to `FACILITY_SPACING_M`, the better kind kept, and roadside sites at
        junctions, of collector roads first, where no facility is near: any map can be planned.

    Raises
    ------
    InputError
        When no site can be found in the districts.
    """
    laid = cells or grid.build_cells(network, districts, city_map)
    polygons = districts.geometry.to_crs(network.crs).to_numpy()
    kinds = site_kinds()
    city = city_of_sites(districts)
    known = existing or existing_stations(None, city_map.facilities, charging, network.crs)
    land = no_exclusions() if exclusions is None else land_for(exclusions, "charging")
    shown = replace(city_map, facilities=with_stations(city_map.facilities, known))
    facilities = _facilities(shown, network, city, kinds)
    roadside = _roadside(network, kinds)
    places = pd.concat([facilities, roadside], ignore_index=True)
    places["district"] = grid.district_of(polygons, places[["x", "y"]].to_numpy())
    places = places[places["district"] >= 0].reset_index(drop=True)
    node, access_m = snapped(network, places)
    places = places.assign(node=node, access_m=access_m)
    places["urban"] = grid.is_urban(laid, places[["x", "y"]].to_numpy())
    places = judged(places, land, network.crs)
    dropped = dropped_frame(places[_dropped(places, most)], land, network.crs, SNAP_LIMIT_M)
    usable = (places["node"] >= 0) & (places["cut"] < 0)
    places = places[usable].reset_index(drop=True)
    places = places[_thinned(places, most)].sort_values("site_id", ignore_index=True)
    if places.empty:
        raise InputError(
            "No place for a charging station was found in the districts",
            where=city_map.source,
            value=f"{len(city_map.facilities)} facilities",
            cure="Give a map with roads inside the districts, or `sources.districts: extent`",
        )
    found = described(places, network, districts, city_map, charging, kinds, site_clauses(city))
    frame, allowed = standing(found.frame, found.allowed, known, charging)
    return replace(found, frame=frame, allowed=allowed, dropped=dropped)


def _dropped(places: pd.DataFrame, most: int) -> Bools:
    """Tell which places the land or the roads drop; roadside ones only where a site would be."""
    on_road = (places["node"] >= 0).to_numpy()
    cut = (places["cut"] >= 0).to_numpy()
    roadside = (places["kind"] == "roadside").to_numpy()
    would: Bools = np.zeros(len(places), dtype=np.bool_)
    if (on_road & cut & roadside).any():
        would[on_road] = _thinned(places[on_road].reset_index(drop=True), most)
    return np.asarray(np.where(roadside, on_road & cut & would, ~on_road | cut), dtype=np.bool_)


def city_of_sites(districts: gpd.GeoDataFrame) -> str:
    """Return the English name of the city that districts are of, "" for none that is known."""
    named = str(districts["city"].iloc[0]) if "city" in districts and len(districts) else ""
    first = str(districts["district_id"].iloc[0]) if len(districts) else ""
    return english_city(named) or english_city(first)


def _facilities(
    city_map: CityMap, network: Network, city: str, kinds: pd.DataFrame
) -> pd.DataFrame:
    known = city_map.facilities[city_map.facilities["kind"].isin(kinds.index)]
    found = pd.DataFrame(known.drop(columns=known.geometry.name))
    found["lon"], found["lat"] = known.geometry.x.to_numpy(), known.geometry.y.to_numpy()
    if city and not (known["kind"] == "service_area").any():
        listed = service_areas(city)
        listed = listed[listed["accuracy_m"] <= ACCURACY_M]
        areas = pd.DataFrame(
            {
                "facility_id": "service_area/" + listed["service_area_id"].astype(str),
                "kind": "service_area",
                "name": listed["name"],
                "area_m2": np.nan,
                "capacity": np.nan,
                "lon": listed["lon"],
                "lat": listed["lat"],
            }
        )
        found = areas if found.empty else pd.concat([found, areas], ignore_index=True)
    points = gpd.GeoSeries.from_xy(found["lon"], found["lat"], crs="EPSG:4326").to_crs(network.crs)
    ids = found["facility_id"].astype(str)
    return pd.DataFrame(
        {
            "site_id": ids.to_numpy(),
            "kind": found["kind"].astype(str).to_numpy(),
            "name": found["name"].fillna("").astype(str).to_numpy(),
            "area_m2": found["area_m2"].to_numpy(dtype=float),
            "capacity": found["capacity"].to_numpy(dtype=float),
            "x": points.x.to_numpy(),
            "y": points.y.to_numpy(),
            "rank": found["kind"].map(kinds["rank"]).to_numpy(dtype=np.int64),
            "number": np.array([zlib.crc32(i.encode()) for i in ids], dtype=np.int64),
        }
    )


def _roadside(network: Network, kinds: pd.DataFrame) -> pd.DataFrame:
    """List junctions where a plot beside the road can be looked for, the quiet collectors first."""
    names = np.array(ROAD_CLASSES)
    fast = np.char.startswith(names, "motorway") | np.char.startswith(names, "trunk")
    ends = np.concatenate([network.tail, network.head])
    classes = np.tile(network.highway, 2)

    def count(which: Bools) -> npt.NDArray[np.int64]:
        return np.bincount(ends[which[classes]], minlength=len(network.node_xy))

    crossing = count(np.isin(names, ARTERIALS)) > 2  # noqa: PLR2004  (a road through has two)
    barred = (count(fast | np.char.endswith(names, "_link")) > 0) | crossing
    quiet = grid.road_nodes(network, fast=False) & ~barred
    junction = quiet & (np.bincount(ends, minlength=len(quiet)) > 2)  # noqa: PLR2004
    # A map without junctions (a single road) still has its nodes.
    at = np.flatnonzero(junction if junction.any() else quiet)
    busy = count(names == "primary")[at] > 0
    collector = count(np.isin(names, COLLECTORS))[at] > 0
    rank = kinds["rank"].to_dict()["roadside"] + np.where(busy, 2, np.where(collector, 0, 1))
    return pd.DataFrame(
        {
            "site_id": [f"junction/{number}" for number in network.node_id[at].tolist()],
            "kind": "roadside",
            "name": "",
            "area_m2": np.nan,
            "capacity": np.nan,
            "x": network.node_xy[at, 0],
            "y": network.node_xy[at, 1],
            "rank": rank,
            "number": np.abs(network.node_id[at]),
        }
    )


def snapped(network: Network, places: pd.DataFrame) -> tuple[npt.NDArray[np.int64], Floats]:
    """Put service areas on the expressway they belong to and the rest on other roads."""
    xy = places[["x", "y"]].to_numpy()
    node, access_m = snap(network, xy, SNAP_LIMIT_M, nodes=grid.road_nodes(network, fast=False))
    beside = places["kind"].isin(ROADSIDE_SERVICES).to_numpy()
    fast, fast_m = snap(network, xy, BESIDE_LIMIT_M, nodes=grid.road_nodes(network, fast=True))
    beside = beside & (fast >= 0)
    return np.where(beside, fast, node), np.where(beside, fast_m, access_m)


def _thinned(places: pd.DataFrame, most: int) -> Bools:
    kept: Bools = np.zeros(len(places), dtype=np.bool_)
    for step in range(WIDEST):
        kept = _spaced(places, 1.25**step)
        if kept.sum() <= most:
            break
    return kept


def _spaced(places: pd.DataFrame, factor: float) -> Bools:
    """Keep facilities first, then roadside sites in built-up cells, then villages and the rest."""
    xy = places[["x", "y"]].to_numpy()
    roadside = (places["kind"] == "roadside").to_numpy()
    urban = places["urban"].to_numpy()
    always = places["kind"].isin([*ROADSIDE_SERVICES, "charging_station"]).to_numpy()
    order = preference(places["rank"].to_numpy(), places["number"].to_numpy())
    kept: Bools = np.zeros(len(places), dtype=np.bool_)
    village = (places["kind"] == "village").to_numpy()
    # Sites in the country are sparse already; they give way last.
    country_factor = max(1.0, factor / WIDE)
    layers = (
        (~roadside & ~village, FACILITY_SPACING_M * factor),
        (roadside & urban, URBAN_SPACING_M * factor),
        (village | (roadside & ~urban), RURAL_SPACING_M * country_factor),
    )
    for layer, spacing_m in layers:
        row = np.flatnonzero(layer)
        row = row[always[row] | clear_of(xy[row], xy[kept], spacing_m)]
        place = np.argsort(np.argsort(order[row]))
        kept[row[thin(xy[row], spacing_m, place, always[row])]] = True
    return kept


def described(
    places: pd.DataFrame,
    network: Network,
    districts: gpd.GeoDataFrame,
    city_map: CityMap,
    charging: Charging,
    kinds: pd.DataFrame,
    clauses: dict[str, tuple[str, ...]],
) -> Candidates:
    """Describe places with a node and a district as sites, each in the sizes of its kind."""
    kind = kinds.loc[places["kind"]].reset_index(drop=True)
    existing = (places["kind"] == "charging_station").to_numpy()
    urban = places["urban"].to_numpy()
    rural_cny = np.where(urban, 0.0, charging.rural_grid_cny.value)
    kva = np.where(urban, kind["kva"], kind["rural_kva"]).astype(float)
    kw = np.array([pile.kw for pile in charging.piles])
    low, high = kind["min_kw"].to_numpy()[:, None], kind["max_kw"].to_numpy()[:, None]
    allowed = (kw >= low) & (kw <= high)
    # A model whose piles suit none of a kind's sizes still gets to use the site.
    allowed |= ~allowed.any(axis=1, keepdims=True)
    district_id = districts["district_id"].astype(str).to_numpy()[places["district"]]
    district_name = districts["name"].astype(str).to_numpy()[places["district"]]
    frame = gpd.GeoDataFrame(
        {
            "site_id": places["site_id"],
            "kind": places["kind"],
            "name": site_names(places, kind, district_name, network, city_map.roads),
            "district_id": district_id,
            "urban": urban,
            "existing": existing,
            "mandatory": kind["mandatory"].to_numpy() == 1,
            "max_piles": _max_piles(places, kind),
            "min_piles": kind["min_piles"].to_numpy(dtype=np.int64),
            "kw_limit": kva * charging.power_factor.value,
            "cost_factor": places["cost_factor"].to_numpy(dtype=float),
            "fixed_cost_cny": np.where(existing, 0.0, charging.station_fixed_cny.value + rural_cny)
            * places["cost_factor"].to_numpy(dtype=float),
            "clauses": [" ".join(clauses.get(str(name), ())) for name in places["kind"]],
        },
        geometry=shapely.points(places[["x", "y"]].to_numpy()),
        crs=network.crs,
    ).to_crs("EPSG:4326")
    node = places["node"].to_numpy(dtype=np.int64)
    return Candidates(frame, allowed, node, places["access_m"].to_numpy(dtype=float))


def _max_piles(places: pd.DataFrame, kind: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return how many piles the land holds: by bays, else by area, else the usual number."""
    by_area = places["area_m2"].to_numpy() / kind["m2_per_bay"].to_numpy(dtype=float)
    capacity = places["capacity"].to_numpy()
    bays = np.where(np.isfinite(capacity), capacity, by_area)
    piles = np.floor(bays * kind["bay_share"].to_numpy(dtype=float))
    piles = np.where(np.isfinite(piles), piles, kind["usual_piles"].to_numpy(dtype=float))
    held: npt.NDArray[np.int64] = np.clip(piles, kind["min_piles"], kind["max_piles"]).astype(
        np.int64
    )
    return held
