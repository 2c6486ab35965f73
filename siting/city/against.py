"""Hold roads and districts against each other: which of them is in another place or datum."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import shapely

from siting.datum import Asked, datum_of, from_wgs84, refuse_shifted, to_wgs84
from siting.datum.shifts import moved
from siting.errors import InputError
from siting.inputs.placing import ELSEWHERE
from siting.inputs.sniff import OSM_KINDS, kind_of
from siting.layers import read_map, read_polygons

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt

    from siting.frames import CityMap
    from siting.model.sources import Source

    Bounds = tuple[float, float, float, float]

_M_PER_DEG = 111_320.0


def bounds_of(frame: gpd.GeoDataFrame) -> Bounds:
    """Return west, south, east and north of a frame."""
    west, south, east, north = frame.total_bounds.tolist()
    return west, south, east, north


def refuse_apart(
    city_map: CityMap, roads: Source, districts: gpd.GeoDataFrame, layer: Source
) -> None:
    """
    Refuse a district layer and roads that don't meet because one is in another zone or order.

    Whichever of them another zone of CGCS2000, or exchanged axes, would put onto the other is
    named: first the districts, then the roads. Where neither would be, nothing is said here.

    Parameters
    ----------
    city_map, districts
        As read.
    roads, layer
        What the model says of their files.

    Raises
    ------
    InputError
        With the line that puts the layer into place.
    """
    ground, area = bounds_of(city_map.roads.frame), bounds_of(districts)
    if shapely.intersects(shapely.box(*ground), shapely.box(*area)):
        return
    for read in (
        lambda: read_polygons(Path(layer.file), spec=layer, notes=[], area=ground),
        lambda: _reread_roads(roads, area),
    ):
        try:
            read()
        except InputError as error:
            if error.what != ELSEWHERE:
                raise


def _reread_roads(roads: Source, area: Bounds) -> None:
    if roads.is_file and kind_of(Path(roads.file)) not in OSM_KINDS:
        read_map(Path(roads.file), spec=roads, area=area)


def refuse_shifted_districts(districts: gpd.GeoDataFrame, city_map: CityMap, spec: Source) -> None:
    """
    Refuse a district layer that fits the roads only in another datum than stated.

    Raises
    ------
    InputError
        Names the datum, the shift and the line that fixes it.
    """
    known = np.concatenate(
        [city_map.roads.frame.geometry.to_numpy(), city_map.boundaries.geometry.to_numpy()]
    )
    asked = Asked(spec.file, "districts", spec.datum, spec.fix)
    refuse_shifted(districts.geometry.to_numpy(), known, asked)


def refuse_shifted_roads(city_map: CityMap, districts: gpd.GeoDataFrame, spec: Source) -> None:
    """
    Refuse roads that fit districts known to be WGS-84 only in another datum than stated.

    The districts are moved onto each shifted datum; where they then lie on the roads as they are
    believed to be, the roads are in that datum.

    Raises
    ------
    InputError
        Names the datum, the shift and the line that fixes it.
    """
    stated = {"cgcs2000": "wgs84"}.get(spec.datum, spec.datum)
    roads = city_map.roads.frame.geometry.to_numpy()
    roads = roads if stated == "wgs84" else _onto(roads, stated)
    polygons = districts.geometry.to_numpy()
    for datum in ("gcj02", "bd09"):
        there = _onto(polygons, datum)
        guess = datum_of(there, roads)
        found = {"wgs84": datum, datum: "wgs84"}.get(guess.datum or "")
        if found is not None and found != stated:
            middle = shapely.get_coordinates(roads).mean(axis=0)
            shift = _shift_m(middle, stated, found)
            raise InputError(
                f"the roads look like {found.upper()}, not {stated.upper()}",
                where=spec.file,
                value=f"off the district boundaries by {shift:,.0f} m",
                cure=spec.fix("datum", found),
            )


def _onto(shapes: npt.NDArray[np.object_], datum: str) -> npt.NDArray[np.object_]:
    """Move WGS-84 geometries to another datum."""
    return moved(shapes, lambda xy: np.column_stack(from_wgs84(xy[:, 0], xy[:, 1], datum)))


def _shift_m(at: npt.NDArray[np.float64], stated: str, found: str) -> float:
    """How far a place moves when it is read in another datum, metres."""
    there = np.array(to_wgs84(at[0], at[1], found))
    here = np.array(to_wgs84(at[0], at[1], stated))
    scale = _M_PER_DEG * np.array([np.cos(np.radians(here[1])), 1.0])
    return float(np.hypot(*((here - there) * scale)))
