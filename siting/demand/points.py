"""Where people and vehicles are: roads, facilities and counted people as points with weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from siting.datum import lonlat_to_metric
from siting.demand import cells as grid
from siting.facts import demand_weights
from siting.frames import ROAD_CLASSES
from siting.own.raster import covered_districts

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt
    import pandas as pd

    from siting.demand.housing import Homes
    from siting.frames import CityMap
    from siting.own.raster import PeopleMap

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

COLUMNS = (
    *("street", "rural", "arterial", "freight_road", "destination", "hub", "freight"),
    *("people", "floor"),
)
"""Reasons for people or vehicles to be at a point; `people` where a source counts them, `floor` m2
of mapped homes where none does."""


@dataclass(frozen=True, slots=True)
class Points:
    """Everything that says where people and vehicles are: points with a weight for each reason."""

    xy: Floats
    district: Ints
    weight: Floats
    """Shape (n, len(COLUMNS))."""
    tier: npt.NDArray[np.int8]
    """0 streets, 1 other roads, 2 anything else: where a cell's point may stand, best first."""


def counted_points(
    laid: grid.Cells, districts: gpd.GeoDataFrame, people_map: PeopleMap | None
) -> Points:
    """
    Return the points of a source that counts people, in the districts that it covers.

    Parameters
    ----------
    laid
        The cells.
    districts
        Districts, EPSG:4326, with `name`.
    people_map
        The source; None: no points.
    """
    if people_map is None:
        return _no_points()
    covered, _ = covered_districts(people_map, districts)
    lonlat = people_map.lonlat
    xy = lonlat_to_metric(lonlat[:, 0], lonlat[:, 1], laid.crs)
    inside = grid.district_of(districts.geometry.to_crs(laid.crs).to_numpy(), xy)
    kept = (inside >= 0) & covered[inside]
    weight = np.zeros((int(kept.sum()), len(COLUMNS)))
    weight[:, COLUMNS.index("people")] = people_map.people[kept]
    tier = np.full(len(weight), 2, dtype=np.int8)
    return Points(xy[kept], inside[kept], weight, tier)


def home_points(
    laid: grid.Cells, districts: gpd.GeoDataFrame, homes: Homes, counted: Points
) -> Points:
    """
    Return the homes of a map as points, in the districts that no source counts.

    Parameters
    ----------
    laid
        The cells.
    districts
        Districts, EPSG:4326.
    homes
        As `housing.homes_of`.
    counted
        As `counted_points`.
    """
    inside = grid.district_of(districts.geometry.to_crs(laid.crs).to_numpy(), homes.xy)
    kept = (inside >= 0) & ~np.isin(inside, counted.district)
    weight = np.zeros((int(kept.sum()), len(COLUMNS)))
    weight[:, COLUMNS.index("floor")] = homes.floor_m2[kept]
    tier = np.full(len(weight), 2, dtype=np.int8)
    return Points(homes.xy[kept], inside[kept], weight, tier)


def _no_points() -> Points:
    empty = np.empty(0, dtype=np.int64)
    return Points(np.empty((0, 2)), empty, np.empty((0, len(COLUMNS))), empty.astype(np.int8))


def weighted_points(
    laid: grid.Cells, districts: gpd.GeoDataFrame, city_map: CityMap, *known: Points
) -> Points:
    """
    Gather roads, facilities, land beyond the map, people and homes as points with weights.

    Parameters
    ----------
    laid
        The cells with the roads on them.
    districts
        Districts, EPSG:4326; one without any point gets one.
    city_map
        Its facilities.
    known
        As `counted_points` and `home_points`.
    """
    polygons = districts.geometry.to_crs(laid.crs).to_numpy()
    roads = _road_points(laid)
    places = _facility_points(laid, polygons, city_map)
    beyond = _beyond_points(laid, roads)
    found = np.concatenate([part.district for part in (roads, places, beyond)])
    bare = np.setdiff1d(np.arange(len(districts)), found)
    middle = shapely.get_coordinates(shapely.point_on_surface(polygons[bare]))
    weight = np.zeros((len(bare), len(COLUMNS)))
    weight[:, COLUMNS.index("rural")] = 1.0
    last = Points(middle, bare, weight, np.full(len(bare), 2, dtype=np.int8))
    parts = (roads, places, beyond, last, *known)
    return Points(
        np.concatenate([part.xy for part in parts]),
        np.concatenate([part.district for part in parts]),
        np.concatenate([part.weight for part in parts]),
        np.concatenate([part.tier for part in parts]),
    )


def _road_points(laid: grid.Cells) -> Points:
    weight = np.zeros((len(laid.road_xy), len(COLUMNS)))
    reasons = {
        "street": "street",
        "rural": "rural_street",
        "arterial": "arterial",
        "freight_road": "freight_road",
    }
    for name, reason in reasons.items():
        metres = laid.road_m * grid.class_weights(reason)[laid.road_class]
        weight[:, COLUMNS.index(name)] = metres
    # A car can't turn off a motorway or a ramp to charge, so a point stands there only at need.
    fast = [
        name.startswith(("motorway", "trunk")) or name.endswith("_link") for name in ROAD_CLASSES
    ]
    tier = np.array(fast, dtype=np.int8)[laid.road_class]
    return Points(laid.road_xy, laid.road_district, weight, tier)


def _facility_points(
    laid: grid.Cells, polygons: npt.NDArray[np.object_], city_map: CityMap
) -> Points:
    facilities = city_map.facilities
    if facilities.empty:
        return _no_points()
    xy = shapely.get_coordinates(facilities.geometry.to_crs(laid.crs).to_numpy())
    inside = grid.district_of(polygons, xy)
    kinds = facilities["kind"]
    hectares = np.nan_to_num(facilities["area_m2"].to_numpy(dtype=float) / 1e4, nan=1.0)
    pulls: dict[str, pd.Series] = {
        "rural": kinds.map(demand_weights("rural_place_m")),
        "destination": kinds.map(demand_weights("destination")),
        "hub": kinds.map(demand_weights("hub")),
        # A park of a hundred hectares draws ten times what one of a hectare draws, not a hundred.
        "freight": kinds.map(demand_weights("freight")) * np.sqrt(np.clip(hectares, 1, 100)),
    }
    weight = np.zeros((len(xy), len(COLUMNS)))
    weight[:, COLUMNS.index("street")] = grid.land_use_metres(facilities)
    for name, pull in pulls.items():
        weight[:, COLUMNS.index(name)] = pull.fillna(0.0).to_numpy(dtype=float)
    kept = (inside >= 0) & (weight > 0).any(axis=1)
    tier = np.full(int(kept.sum()), 2, dtype=np.int8)
    return Points(xy[kept], inside[kept], weight[kept], tier)


def _beyond_points(laid: grid.Cells, roads: Points) -> Points:
    """Stand a point in each fine cell that the map doesn't reach, with the rural mean inside."""
    rural = COLUMNS.index("rural")
    count = int(laid.district.max()) + 1
    country = ~grid.is_urban(laid, roads.xy)
    metres = np.bincount(
        roads.district[country], weights=roads.weight[country, rural], minlength=count
    )
    open_land = (laid.district >= 0) & ~laid.built_up
    known = np.bincount(laid.district[open_land & laid.covered], minlength=count)
    overall = metres.sum() / max(known.sum(), 1) if metres.sum() > 0 else 1.0
    # With few cells inside, a district's own mean says little.
    mean = np.where(known >= 20, metres / np.maximum(known, 1), overall)  # noqa: PLR2004
    row, column = np.nonzero(open_land & ~laid.covered)
    district = laid.district[row, column]
    xy = laid.origin_xy + (np.column_stack([column, row]) + 0.5) * laid.size_m
    weight = np.zeros((len(xy), len(COLUMNS)))
    weight[:, rural] = np.where(mean > 0, mean, overall)[district]
    return Points(xy, district, weight, np.full(len(xy), 2, dtype=np.int8))
