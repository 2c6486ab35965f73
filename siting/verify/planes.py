"""A plane on which the checker measures straight distances, chosen by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyproj import CRS

if TYPE_CHECKING:
    import geopandas as gpd


def plane_of(frame: gpd.GeoDataFrame) -> CRS:
    """
    Return the UTM zone at the centre of a layer in degrees.

    By arithmetic: `estimate_utm_crs` asks PROJ's whole database, a tenth of a second each time.

    Parameters
    ----------
    frame
        In EPSG:4326, not empty.
    """
    west, south, east, north = frame.total_bounds
    zone = int(((west + east) / 2 + 180.0) // 6.0) % 60 + 1
    return CRS.from_epsg((32600 if south + north >= 0 else 32700) + zone)
