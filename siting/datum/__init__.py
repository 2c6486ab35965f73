"""
Datums of Chinese map data, metric CRSs, geodesic measures, and tripwires on wrong coordinates.

Chinese web maps shift coordinates: GCJ-02 (Amap, Tencent, and everything taken from them) lies
20 to 700 m from WGS-84, BD-09 (Baidu) about a kilometre further. Neither has an EPSG code, and
files in them usually claim EPSG:4326. CGCS2000 and WGS-84 agree within a metre and are taken
as one.

The GCJ-02 and BD-09 formulas are the published reverse-engineered ones (Krasovsky 1940 axis,
as in coord-convert and eviltransform). All functions take and give degrees, longitude first.
"""

from __future__ import annotations

from siting.datum.detect import DatumGuess, datum_of, measured_shift_m
from siting.datum.metric import (
    equal_area_crs,
    geodesic_area_km2,
    geodesic_length_m,
    geometry_to_lonlat,
    geometry_to_metric,
    lonlat_to_metric,
    metric_crs,
    swapped_axes,
    to_degrees,
)
from siting.datum.points import datum_of_points
from siting.datum.shifts import (
    bd09_to_gcj02,
    bd09_to_wgs84,
    from_wgs84,
    gcj02_to_bd09,
    gcj02_to_wgs84,
    geometry_to_wgs84,
    to_wgs84,
    wgs84_to_bd09,
    wgs84_to_gcj02,
)
from siting.datum.tripwire import Asked, refuse_shifted

__all__ = [
    "Asked",
    "DatumGuess",
    "bd09_to_gcj02",
    "bd09_to_wgs84",
    "datum_of",
    "datum_of_points",
    "equal_area_crs",
    "from_wgs84",
    "gcj02_to_bd09",
    "gcj02_to_wgs84",
    "geodesic_area_km2",
    "geodesic_length_m",
    "geometry_to_lonlat",
    "geometry_to_metric",
    "geometry_to_wgs84",
    "lonlat_to_metric",
    "measured_shift_m",
    "metric_crs",
    "refuse_shifted",
    "swapped_axes",
    "to_degrees",
    "to_wgs84",
    "wgs84_to_bd09",
    "wgs84_to_gcj02",
]
