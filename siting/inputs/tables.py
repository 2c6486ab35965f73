"""From lists of values to the frames of `siting.frames`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.frames import Roads
from siting.inputs import tags

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from siting.inputs.lines import Lines

    Objects = npt.NDArray[np.object_]

WGS84 = "EPSG:4326"
OSM_CREDIT = "© OpenStreetMap contributors, ODbL 1.0"
"""The credit that the Open Database License asks for."""
SAMPLE_CREDIT = "Synthetic sample city: invented roads and facilities, no survey data"
"""Said instead of a credit where everything drawn is invented."""
ROADS_CREDIT = "Roads: "
"""What stands before the name of a road file that isn't OpenStreetMap's."""

# Lambert's cylindrical equal-area projection of the WGS-84 ellipsoid.
_A_M = 6_378_137.0
_E2 = 0.00669437999014


def make_roads(table: pd.DataFrame, lines: Lines, signals: gpd.GeoDataFrame) -> Roads:
    """
    Build `Roads` from text columns and lines.

    Parameters
    ----------
    table
        One row a line: `road_id`, `highway` (one of `ROAD_CLASSES`), and as text `name`, `ref`,
        `lanes`, `maxspeed`, `bridge`, `tunnel`, `junction`; `oneway` as -1, 0, 1.
    lines
        The lines in the same order, all vertices located.
    signals
        Control points with `vertex_id` and `kind`.
    """
    text = {name: table[name].tolist() for name in table.columns}
    parsed = {
        "road_id": text["road_id"],
        "highway": text["highway"],
        "name": text["name"],
        "ref": text["ref"],
        "oneway": np.asarray(table["oneway"], dtype=np.int8),
        "lanes": np.array(tags.parse_all(text["lanes"], tags.lanes), dtype=np.float64),
        "maxspeed_kmh": np.array(tags.parse_all(text["maxspeed"], tags.speed_kmh), np.float64),
        "bridge": np.array(tags.parse_all(text["bridge"], tags.is_set), dtype=np.bool_),
        "tunnel": np.array(tags.parse_all(text["tunnel"], tags.is_set), dtype=np.bool_),
        "roundabout": np.array(tags.parse_all(text["junction"], tags.is_round), dtype=np.bool_),
    }
    return Roads(
        frame=gpd.GeoDataFrame(parsed, geometry=line_shapes(lines), crs=WGS84),
        vertex_id=lines.vertex_id,
        vertex_start=lines.start,
        signals=signals,
    )


def numbered(names: Sequence[str]) -> list[str]:
    """Make ids unique by their order: `way/7`, then `way/7/2`, `way/7/3`."""
    again = pd.Series(list(names), dtype="str").groupby(list(names), sort=False).cumcount()
    return [
        f"{name}/{count + 1}" if count else name
        for name, count in zip(names, again.tolist(), strict=True)
    ]


def make_signals(
    vertex_id: npt.NDArray[np.int64],
    kind: Sequence[str],
    lonlat: npt.NDArray[np.float64],
    on_road: npt.NDArray[np.int64],
) -> gpd.GeoDataFrame:
    """Build control points; those whose vertex no road has get the id -1."""
    joined = np.where(np.isin(vertex_id, on_road), vertex_id, -1)
    columns = {"vertex_id": joined.astype(np.int64), "kind": text_column(kind)}
    return gpd.GeoDataFrame(columns, geometry=shapely.points(lonlat.reshape(-1, 2)), crs=WGS84)


def make_boundaries(rows: Sequence[dict[str, Any]], polygons: Objects) -> gpd.GeoDataFrame:
    """Build boundaries from records with a value for each column."""
    columns: dict[str, Any] = {
        name: text_column([row[name] for row in rows])
        for name in ("boundary_id", "name", "name_en", "adcode")
    }
    levels = np.array([row["admin_level"] for row in rows], dtype=np.int64)
    frame = gpd.GeoDataFrame(columns, geometry=polygons, crs=WGS84)
    frame.insert(3, "admin_level", levels)
    return frame


def make_facilities(
    facility_id: Sequence[str],
    kind: Sequence[str],
    name: Sequence[str],
    capacity: Sequence[float],
    shapes: Objects,
) -> gpd.GeoDataFrame:
    """Build facilities: points as they are, areas as a point inside them with their area."""
    geometry = np.asarray(shapes, dtype=object)
    dimension = shapely.get_dimensions(geometry)
    point = geometry.copy()
    area = dimension == 2  # noqa: PLR2004  (the dimension of an area)
    line = dimension == 1
    point[area] = shapely.point_on_surface(geometry[area])
    point[line] = shapely.line_interpolate_point(geometry[line], 0.5, normalized=True)
    columns = {
        "facility_id": text_column(facility_id),
        "kind": text_column(kind),
        "name": text_column(name),
        "area_m2": np.where(area, area_m2(geometry), np.nan),
        "capacity": np.array(capacity, dtype=np.float64),
    }
    return gpd.GeoDataFrame(columns, geometry=point, crs=WGS84)


def make_buildings(
    building_id: Sequence[str],
    use: Sequence[str],
    levels: Sequence[float],
    height_m: Sequence[float],
    shapes: Sequence[Any],
) -> gpd.GeoDataFrame:
    """Build buildings from a value for each column; see `CityMap.buildings`."""
    geometry = np.empty(len(shapes), dtype=object)
    geometry[:] = shapes
    columns = {
        "building_id": text_column(building_id),
        "use": text_column(use),
        "levels": np.array(levels, dtype=np.float64),
        "height_m": np.array(height_m, dtype=np.float64),
    }
    return gpd.GeoDataFrame(columns, geometry=geometry, crs=WGS84)


def empty_facilities() -> gpd.GeoDataFrame:
    """Return a facility frame without rows."""
    return make_facilities((), (), (), (), np.empty(0, dtype=object))


def empty_boundaries() -> gpd.GeoDataFrame:
    """Return a boundary frame without rows."""
    return make_boundaries((), np.empty(0, dtype=object))


def line_shapes(lines: Lines) -> Objects:
    """Return lines as shapely LineStrings, object array."""
    return np.asarray(shapely.linestrings(lines.lonlat, indices=lines.owner), dtype=object)


def text_column(values: Sequence[str]) -> pd.Series:
    """Return a column of text, of the same type whether it is empty or not."""
    return pd.Series(list(values), dtype="str")


def area_m2(polygons: Objects) -> npt.NDArray[np.float64]:
    """
    Area on the WGS-84 ellipsoid of (Multi)Polygons in degrees, m2, shape (n,).

    Exact for the map's straight edges: measured in Lambert's cylindrical equal-area projection of
    the ellipsoid (Snyder 1987, Map Projections, equations 3-12 and 10-14 to 10-15), all polygons
    at once. Not for polygons across the 180th meridian.
    """
    return np.asarray(shapely.area(shapely.transform(polygons, _equal_area)), dtype=np.float64)


def _equal_area(lonlat: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    e = np.sqrt(_E2)
    s = np.sin(np.radians(lonlat[:, 1]))
    q = (1 - _E2) * (s / (1 - _E2 * s * s) + np.arctanh(e * s) / e)
    return np.column_stack([_A_M * np.radians(lonlat[:, 0]), _A_M * q / 2])
