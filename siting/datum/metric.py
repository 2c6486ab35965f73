"""Metric and equal-area CRSs of an area, projection, geodesic lengths and areas."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import shapely
from pyproj import CRS, Geod, Transformer

from siting.datum.shifts import floats, moved

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Geometries = npt.NDArray[np.object_]
    Bounds = tuple[float, float, float, float]

CHINA_BOXES = np.array(
    [
        (79.4462, 42.8899, 96.33, 49.2204),
        (109.6872, 39.3742, 135.0002, 54.1415),
        (73.1246, 29.5297, 124.143255, 42.8899),
        (82.9684, 26.7186, 97.0352, 29.5297),
        (97.0253, 20.414096, 124.367395, 29.5297),
        (107.975793, 17.871542, 111.744104, 20.414096),
    ]
)
"""Rough boxes over China's land; they only choose the family of metric CRS."""
GEOD = Geod(ellps="WGS84")


@cache
def to_degrees(crs: CRS | int) -> Transformer:
    """
    Return the way from a CRS to WGS-84 degrees, longitude first; kept, as PROJ is slow to find one.

    Parameters
    ----------
    crs
        The CRS, or its EPSG code.
    """
    return Transformer.from_crs(crs, 4326, always_xy=True)


@cache
def _from_degrees(crs: CRS) -> Transformer:
    """Keep the way from degrees to a CRS."""
    return Transformer.from_crs(4326, crs, always_xy=True)


def geometry_to_lonlat(geometry: npt.ArrayLike, crs: CRS) -> Geometries:
    """Bring shapely geometries in a metric CRS to WGS-84 degrees."""
    transformer = to_degrees(crs)
    return moved(
        np.asarray(geometry, dtype=object),
        lambda xy: np.column_stack(transformer.transform(xy[:, 0], xy[:, 1])),
    )


def geometry_to_metric(geometry: npt.ArrayLike, crs: CRS) -> Geometries:
    """Bring shapely geometries in WGS-84 degrees to a metric CRS."""
    return moved(
        np.asarray(geometry, dtype=object), lambda xy: lonlat_to_metric(xy[:, 0], xy[:, 1], crs)
    )


def lonlat_to_metric(lon: npt.ArrayLike, lat: npt.ArrayLike, crs: CRS) -> Floats:
    """Project WGS-84 degrees; gives eastings and northings in metres, shape (n, 2)."""
    return np.column_stack(_from_degrees(crs).transform(*floats(lon, lat)))


def metric_crs(lon_min: float, lat_min: float, lon_max: float, lat_max: float) -> CRS:
    """
    Choose the metric CRS that engineers of an area work in.

    China: CGCS2000 3-degree Gauss-Krueger by central meridian, without zone prefix (EPSG:4534 to
    4554; Jinan and Zibo 4548, Qingdao 4549). Elsewhere: the UTM zone. An area wider than a zone,
    or near a pole: a Lambert azimuthal equal-area CRS at its centre.

    Parameters
    ----------
    lon_min, lat_min, lon_max, lat_max
        Extent in degrees; `lon_min > lon_max` when it crosses the antimeridian.
    """
    width = (lon_max - lon_min) % 360.0 if lon_max < lon_min else lon_max - lon_min
    lon = (lon_min + width / 2 + 180.0) % 360.0 - 180.0
    lat = (lat_min + lat_max) / 2
    west, south, east, north = CHINA_BOXES.T
    china = bool(np.any((lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)))
    if width > (3.0 if china else 6.0) or not -80.0 < lat < 84.0:  # noqa: PLR2004  (UTM's limits)
        return _lambert(lon, lat)
    if china:
        meridian = min(max(round(lon / 3.0), 25), 45)
        return CRS.from_epsg(4534 + meridian - 25)
    zone = int((lon + 180.0) // 6.0) + 1
    return CRS.from_epsg((32600 if lat >= 0 else 32700) + zone)


def equal_area_crs(lon_min: float, lat_min: float, lon_max: float, lat_max: float) -> CRS:
    """Lambert azimuthal equal-area CRS, metres, at the centre of an extent in degrees."""
    width = (lon_max - lon_min) % 360.0 if lon_max < lon_min else lon_max - lon_min
    lon = (lon_min + width / 2 + 180.0) % 360.0 - 180.0
    return _lambert(lon, (lat_min + lat_max) / 2)


def _lambert(lon: float, lat: float) -> CRS:
    return CRS.from_proj4(
        f"+proj=laea +lat_0={lat:.4f} +lon_0={lon:.4f} +datum=WGS84 +units=m +no_defs"
    )


def geodesic_length_m(lines: npt.ArrayLike) -> Floats:
    """
    Length on the WGS-84 ellipsoid of (Multi)LineStrings in degrees, metres, shape (n,).

    Anything else counts as 0.
    """
    shapes = np.atleast_1d(np.asarray(lines, dtype=object))
    parts, owner = shapely.get_parts(shapes, return_index=True)
    linear = shapely.get_dimensions(parts) == 1
    parts, owner = parts[linear], owner[linear]
    xy, part = shapely.get_coordinates(parts, return_index=True)
    same = part[1:] == part[:-1]
    a, b = xy[:-1][same], xy[1:][same]
    length = GEOD.inv(a[:, 0], a[:, 1], b[:, 0], b[:, 1])[2]
    total = np.bincount(owner[part[1:][same]], weights=length, minlength=len(shapes))
    return total.astype(np.float64)


def geodesic_area_km2(polygons: npt.ArrayLike) -> Floats:
    """
    Area on the WGS-84 ellipsoid of (Multi)Polygons in degrees, km2, shape (n,); holes taken off.

    Anything else counts as 0.
    """
    shapes = np.atleast_1d(np.asarray(polygons, dtype=object))
    parts, owner = shapely.get_parts(shapes, return_index=True)
    planar = shapely.get_dimensions(parts) == 2  # noqa: PLR2004  (the dimension of an area)
    parts, owner = parts[planar], owner[planar]
    rings, part = shapely.get_rings(parts, return_index=True)
    hole = np.r_[False, part[1:] == part[:-1]]  # a polygon's first ring is its shell
    area_m2 = np.array(
        [abs(GEOD.polygon_area_perimeter(*shapely.get_coordinates(ring).T)[0]) for ring in rings]
    )
    signed = np.where(hole, -area_m2, area_m2) if len(rings) else np.zeros(0)
    return np.bincount(owner[part], weights=signed, minlength=len(shapes)) / 1e6


def swapped_axes(lon: npt.ArrayLike, lat: npt.ArrayLike, bounds: Bounds | None = None) -> bool:
    """
    Tell whether latitude was given as longitude.

    Parameters
    ----------
    lon, lat
        Degrees as labelled.
    bounds
        West, south, east, north of where the points should be; without it only latitudes
        beyond 90 degrees give the swap away.

    Returns
    -------
    swapped
        True when at least 9 in 10 points fit only after exchanging the axes.
    """
    x, y = floats(lon, lat)
    if x.size == 0:
        return False
    west, south, east, north = bounds or (-180.0, -90.0, 180.0, 90.0)
    as_is = (x >= west) & (x <= east) & (y >= south) & (y <= north)
    exchanged = (y >= west) & (y <= east) & (x >= south) & (x <= north)
    return bool(np.mean(exchanged & ~as_is) >= 0.9)  # noqa: PLR2004  (a few strays don't hide it)
