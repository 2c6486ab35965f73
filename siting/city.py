"""What is planned on: a city's map and districts, checked against each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import shapely

from siting.datum import geodesic_length_m
from siting.errors import InputError
from siting.files import sha256_of

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd
    import numpy.typing as npt

    from siting.frames import CityMap, Roads

MARGIN_DEG = 0.02
"""Roads this far outside the districts (about 2 km) still carry traffic of the city."""
LEAST_ROAD_KM_PER_1000 = 0.3
"""
A district with fewer road km per 1,000 people than this isn't in the road file.

Planner's own: in the real central Jinan extract the districts it covers have 0.6 km and more, the
ones it only touches 0.12 km and less.
"""
LEAST_ROAD_KM_PER_KM2 = 0.2
"""The same test where there is no census."""


@dataclass(frozen=True, slots=True)
class City:
    """
    The map and the districts to plan.

    Attributes
    ----------
    map
        Roads, boundaries and facilities, roads cut to the districts.
    districts
        Districts that are planned, EPSG:4326, with census columns.
    share
        Share of the city's people that live in them; 1 when all districts are planned.
    notes
        Sentences for the user about what was read.
    inputs
        For each file: `path`, `sha256`, `source`, `licence`, `datum`.
    """

    map: CityMap
    districts: gpd.GeoDataFrame
    share: float
    notes: tuple[str, ...]
    inputs: tuple[dict[str, str], ...]


def input_record(path: Path, *, source: str, licence: str, datum: str) -> dict[str, str]:
    """Describe an input file for run.json."""
    digest = sha256_of(path)
    return {
        "path": path.name,
        "sha256": digest,
        "source": source,
        "licence": licence,
        "datum": datum,
    }


def join_city(
    city_map: CityMap, districts: gpd.GeoDataFrame, inputs: tuple[dict[str, str], ...]
) -> City:
    """
    Fit a map and districts together.

    Parameters
    ----------
    city_map
        The map as read.
    districts
        All districts of the area asked for.
    inputs
        Records of the files read.

    Returns
    -------
    city
        Roads cut to the districts; districts that the roads don't reach are left out and named.

    Raises
    ------
    InputError
        No road lies in the districts.
    """
    lines = city_map.roads.frame.geometry.to_numpy()
    km_in = _km_by_district(lines, districts)
    if km_in.sum() <= 0:
        raise InputError(
            "the roads lie outside the district boundaries",
            where=city_map.source,
            value=f"roads {_extent(lines)}, districts {_extent(districts.geometry.to_numpy())}",
            cure="Give roads of this city, the right `area`, or `sources.districts: extent`",
        )
    reached = _reached(districts, km_in)
    notes: tuple[str, ...] = ()
    if not reached.all():
        left = "、".join(districts.name[~reached])
        missing = int((~reached).sum())
        notes = (
            f"not planned, for want of roads: {missing} of {len(districts)} districts ({left})",
        )
    people = districts.population.fillna(0.0).to_numpy(dtype=float)
    share = float(people[reached].sum() / people.sum()) if people.sum() > 0 else 1.0
    chosen = districts[reached].reset_index(drop=True)
    near = shapely.union_all(chosen.geometry.to_numpy()).buffer(MARGIN_DEG)
    shapely.prepare(near)
    keep = shapely.intersects(near, lines)
    facilities = city_map.facilities[
        shapely.intersects(near, city_map.facilities.geometry.to_numpy())
    ].reset_index(drop=True)
    cut = replace(city_map, roads=select_roads(city_map.roads, keep), facilities=facilities)
    return City(cut, chosen, share, notes, inputs)


def _km_by_district(
    lines: npt.NDArray[np.object_], districts: gpd.GeoDataFrame
) -> npt.NDArray[np.float64]:
    """Road km in each district, a road counted where its middle lies."""
    middle = shapely.line_interpolate_point(lines, 0.5, normalized=True)
    tree = shapely.STRtree(middle)
    polygon, line = tree.query(districts.geometry.to_numpy(), predicate="intersects")
    km = geodesic_length_m(lines) / 1000
    total: npt.NDArray[np.float64] = np.bincount(
        polygon, weights=km[line], minlength=len(districts)
    ).astype(float)
    return total


def _reached(districts: gpd.GeoDataFrame, km_in: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Tell the districts that the road file covers from those that it only touches."""
    people = districts.population.to_numpy(dtype=float)
    by_people = km_in >= LEAST_ROAD_KM_PER_1000 * np.nan_to_num(people) / 1000
    by_area = km_in >= LEAST_ROAD_KM_PER_KM2 * districts.area_km2.to_numpy(dtype=float)
    reached: npt.NDArray[np.bool_] = np.where(people > 0, by_people, by_area) & (km_in > 0)
    # A thin network everywhere is still the best there is: then plan where there is any road.
    return reached if reached.any() else km_in > 0


def _extent(shapes: npt.NDArray[np.object_]) -> str:
    west, south, east, north = shapely.total_bounds(shapes)
    return f"{west:.3f},{south:.3f} to {east:.3f},{north:.3f}"


def select_roads(roads: Roads, keep: npt.NDArray[np.bool_]) -> Roads:
    """
    Keep some rows of roads, with their vertices.

    Parameters
    ----------
    roads
        The roads.
    keep
        Which rows to keep, shape (rows,).

    Returns
    -------
    roads
        The kept rows in their order; signals stay.
    """
    sizes = np.diff(roads.vertex_start)
    vertices = np.repeat(keep, sizes)
    start = np.concatenate([[0], np.cumsum(sizes[keep])]).astype(np.int64)
    frame = roads.frame[keep].reset_index(drop=True)
    return replace(roads, frame=frame, vertex_id=roads.vertex_id[vertices], vertex_start=start)
