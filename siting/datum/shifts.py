"""GCJ-02 and BD-09 from and to WGS-84, by the published formulas, inverses by fixed point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from siting.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Geometries = npt.NDArray[np.object_]
    LonLat = tuple[Floats, Floats]

KRASOVSKY_A_M = 6378245.0
KRASOVSKY_EE = 0.00669342162296594323
GCJ02_BOUNDS = (72.004, 0.8293, 137.8347, 55.8271)
"""West, south, east, north; outside GCJ-02 equals WGS-84, by convention."""
BD09_PI = np.pi * 3000.0 / 180.0
INVERSE_STEPS = 12
"""The fixed point gains two digits or more a step; twelve reach the float limit with a margin."""


def _gcj02_offset(lon: Floats, lat: Floats) -> LonLat:
    """Degrees from WGS-84 to GCJ-02 at WGS-84 positions."""
    x, y = lon - 105.0, lat - 35.0
    common = 2 / 3 * (20 * np.sin(6 * np.pi * x) + 20 * np.sin(2 * np.pi * x))
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * np.sqrt(np.abs(x)) + common
    north += 2 / 3 * (20 * np.sin(np.pi * y) + 40 * np.sin(np.pi * y / 3))
    north += 2 / 3 * (160 * np.sin(np.pi * y / 12) + 320 * np.sin(np.pi * y / 30))
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * np.sqrt(np.abs(x)) + common
    east += 2 / 3 * (20 * np.sin(np.pi * x) + 40 * np.sin(np.pi * x / 3))
    east += 2 / 3 * (150 * np.sin(np.pi * x / 12) + 300 * np.sin(np.pi * x / 30))
    phi = np.radians(lat)
    w2 = 1 - KRASOVSKY_EE * np.sin(phi) ** 2
    meridian_m = KRASOVSKY_A_M * (1 - KRASOVSKY_EE) / (w2 * np.sqrt(w2))
    parallel_m = KRASOVSKY_A_M / np.sqrt(w2) * np.cos(phi)
    return np.degrees(east / parallel_m), np.degrees(north / meridian_m)


def _in_gcj02(lon: Floats, lat: Floats) -> npt.NDArray[np.bool_]:
    west, south, east, north = GCJ02_BOUNDS
    return (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)


def floats(lon: npt.ArrayLike, lat: npt.ArrayLike) -> LonLat:
    """Give both as float arrays; also the identity among the shifts."""
    return np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)


def _inverse(step: Callable[[Floats, Floats], LonLat], lon: Floats, lat: Floats) -> LonLat:
    """Solve `step(x) = (lon, lat)` by fixed point; the steps here are near the identity."""
    x, y = lon.copy(), lat.copy()
    for _ in range(INVERSE_STEPS):
        there_lon, there_lat = step(x, y)
        x, y = x - (there_lon - lon), y - (there_lat - lat)
    return x, y


def _shifted(lon: Floats, lat: Floats) -> LonLat:
    east, north = _gcj02_offset(lon, lat)
    return lon + east, lat + north


def wgs84_to_gcj02(lon: npt.ArrayLike, lat: npt.ArrayLike) -> LonLat:
    """Shift WGS-84 degrees to GCJ-02; outside `GCJ02_BOUNDS` nothing changes."""
    x, y = floats(lon, lat)
    inside = _in_gcj02(x, y)
    east, north = _shifted(x, y)
    return np.where(inside, east, x), np.where(inside, north, y)


def gcj02_to_wgs84(lon: npt.ArrayLike, lat: npt.ArrayLike) -> LonLat:
    """Shift GCJ-02 degrees back to WGS-84, the inverse of `wgs84_to_gcj02` within 0.01 mm."""
    x, y = floats(lon, lat)
    east, north = _inverse(_shifted, x, y)
    inside = _in_gcj02(east, north)
    return np.where(inside, east, x), np.where(inside, north, y)


def gcj02_to_bd09(lon: npt.ArrayLike, lat: npt.ArrayLike) -> LonLat:
    """Shift GCJ-02 degrees to BD-09."""
    x, y = floats(lon, lat)
    radius = np.hypot(x, y) + 2e-5 * np.sin(y * BD09_PI)
    angle = np.arctan2(y, x) + 3e-6 * np.cos(x * BD09_PI)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006


def bd09_to_gcj02(lon: npt.ArrayLike, lat: npt.ArrayLike) -> LonLat:
    """Shift BD-09 degrees back to GCJ-02, the inverse of `gcj02_to_bd09` within 0.01 mm."""
    return _inverse(gcj02_to_bd09, *floats(lon, lat))


def wgs84_to_bd09(lon: npt.ArrayLike, lat: npt.ArrayLike) -> LonLat:
    """Shift WGS-84 degrees to BD-09."""
    return gcj02_to_bd09(*wgs84_to_gcj02(lon, lat))


def bd09_to_wgs84(lon: npt.ArrayLike, lat: npt.ArrayLike) -> LonLat:
    """Shift BD-09 degrees back to WGS-84."""
    return gcj02_to_wgs84(*bd09_to_gcj02(lon, lat))


def _function(datum: str, table: dict[str, Callable[..., LonLat]]) -> Callable[..., LonLat]:
    if datum not in table:
        raise InputError(
            "this datum is not known", value=datum, cure=f"Use one of {', '.join(table)}"
        )
    return table[datum]


def to_wgs84(lon: npt.ArrayLike, lat: npt.ArrayLike, datum: str) -> LonLat:
    """
    Bring degrees of a datum to WGS-84.

    Parameters
    ----------
    lon, lat
        Degrees, equal shapes.
    datum
        `wgs84`, `cgcs2000`, `gcj02` or `bd09`.

    Raises
    ------
    InputError
        If the datum is another.
    """
    table = {"wgs84": floats, "cgcs2000": floats, "gcj02": gcj02_to_wgs84, "bd09": bd09_to_wgs84}
    return _function(datum, table)(lon, lat)


def from_wgs84(lon: npt.ArrayLike, lat: npt.ArrayLike, datum: str) -> LonLat:
    """Bring WGS-84 degrees to a datum; the inverse of `to_wgs84`."""
    table = {"wgs84": floats, "cgcs2000": floats, "gcj02": wgs84_to_gcj02, "bd09": wgs84_to_bd09}
    return _function(datum, table)(lon, lat)


def geometry_to_wgs84(geometry: npt.ArrayLike, datum: str) -> Geometries:
    """Bring shapely geometries in degrees of a datum to WGS-84; gives an object array."""
    shapes = np.asarray(geometry, dtype=object)
    return moved(shapes, lambda xy: np.column_stack(to_wgs84(xy[:, 0], xy[:, 1], datum)))


def moved(geometry: Geometries, move: Callable[[Floats], Floats]) -> Geometries:
    """Move all coordinates of geometries by a function of an (n, 2) array."""
    return np.asarray(shapely.transform(geometry, move), dtype=object).reshape(geometry.shape)
