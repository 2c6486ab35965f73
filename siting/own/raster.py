"""People where a raster or a layer counts them, as weights that the census is spread by."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from siting.datum import geodesic_area_km2
from siting.errors import InputError
from siting.said import Said, joined

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd
    import numpy.typing as npt
    from shapely.geometry.base import BaseGeometry

    Bounds = tuple[float, float, float, float]
    Floats = npt.NDArray[np.float64]

MOST_PIXELS = 40_000_000
"""Pixels over the area beyond which a raster is refused: 6,300 km square at 1 km, 630 km at 100 m;
four bytes each are read at once."""

LEAST_COVER = 0.95
"""A raster that reaches less of a district than this says nothing of it. Planner's own."""

SUFFIXES = (".tif", ".tiff")
"""Names of files that are rasters."""


@dataclass(frozen=True, slots=True)
class PeopleMap:
    """
    People by place, as counted by a source; only their ratios within a district are used.

    Attributes
    ----------
    lonlat
        WGS-84 degrees, shape (n, 2).
    people
        People at each, > 0, shape (n,).
    extent
        What the source covers, a WGS-84 polygon; outside it nothing is known.
    source
        What it is, as shown to the user.
    """

    lonlat: npt.NDArray[np.float64]
    people: npt.NDArray[np.float64]
    extent: BaseGeometry
    source: str


def read_people_raster(path: Path, bounds: Bounds) -> PeopleMap:
    """
    Read the people of an area from a GeoTIFF.

    Parameters
    ----------
    path
        A raster of people a pixel (WorldPop, LandScan, GHS-POP and their like) in any CRS; the
        first band is read, without-data pixels count as nobody.
    bounds
        West, south, east, north of the area, WGS-84 degrees.

    Returns
    -------
    PeopleMap
        The middles of the pixels with people, and the part of the area that the raster covers.

    Raises
    ------
    InputError
        The reader isn't installed, the file is no georeferenced raster, it misses the area, has
        too many pixels there, negative people or nobody at all.

    Notes
    -----
    A density (people per km2) in an equal-area CRS gives the same ratios as a count; in degrees it
    differs by the cosine of the latitude, less than 1 % within a city.
    """
    try:
        import rasterio  # noqa: PLC0415
        from rasterio.errors import RasterioError  # noqa: PLC0415
    except ImportError as error:
        raise InputError(
            "rasters need a reader that isn't installed",
            where=path,
            cure="Install the extra: pip install 'siting[raster]'",
        ) from error
    try:
        # rasterio itself uses what its dependency is about to drop.
        with (
            warnings.catch_warnings(action="ignore", category=PendingDeprecationWarning),
            rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
            rasterio.open(path, driver="GTiff") as opened,
        ):
            return _people_of(opened, path, bounds)
    except (RasterioError, ValueError) as error:
        raise InputError(
            "the raster can't be read",
            where=path,
            value=str(error).splitlines()[0] if str(error) else type(error).__name__,
            cure="Give a GeoTIFF of people a pixel",
        ) from error


def _people_of(
    raster: Any,  # noqa: ANN401  (rasterio carries no types)
    path: Path,
    bounds: Bounds,
) -> PeopleMap:
    """Read the window of an open raster around an area."""
    from rasterio.warp import transform  # noqa: PLC0415
    from rasterio.windows import Window  # noqa: PLC0415

    if raster.crs is None or raster.transform.is_identity:
        raise InputError(
            "the raster doesn't say where it lies",
            where=path,
            cure="Give a GeoTIFF with a CRS and a transform",
        )
    left, top, right, bottom = _window(raster, path, bounds)
    held = raster.read(1, window=Window(left, top, right - left, bottom - top), masked=True)
    # Before masked pixels become nobody, as a mask may hide what isn't a number.
    values = np.ma.filled(held.astype(np.float64), 0.0)
    values = np.where(np.isfinite(values), values, 0.0)
    if (values < 0).any():
        raise InputError(
            "the raster has negative people",
            where=path,
            value=f"{values.min():g}",
            cure="Set its without-data value",
        )
    row, column = np.nonzero(values)
    if not len(row):
        raise InputError("the raster counts nobody in the area", where=path, cure="Check its band")

    def degrees(across: npt.NDArray[Any], down: npt.NDArray[Any]) -> Floats:
        place = raster.transform
        x = place.a * across + place.b * down + place.c
        y = place.d * across + place.e * down + place.f
        return np.column_stack(transform(raster.crs, "EPSG:4326", x, y))

    ring = shapely.segmentize(shapely.box(left, top, right, bottom), max(right - left, 20) / 20)
    edge = shapely.get_coordinates(ring)
    return PeopleMap(
        lonlat=degrees(column + left + 0.5, row + top + 0.5),
        people=values[row, column],
        extent=shapely.Polygon(degrees(edge[:, 0], edge[:, 1])),
        source=path.name,
    )


def _window(
    raster: Any,  # noqa: ANN401
    path: Path,
    bounds: Bounds,
) -> tuple[int, int, int, int]:
    """Return the columns and rows (left, top, right, bottom) that hold the area."""
    from rasterio.warp import transform_bounds  # noqa: PLC0415
    from rasterio.windows import from_bounds  # noqa: PLC0415

    box = transform_bounds("EPSG:4326", raster.crs, *bounds, densify_pts=21)
    around = from_bounds(*box, transform=raster.transform)
    left, top = max(0, math.floor(around.col_off)), max(0, math.floor(around.row_off))
    right = min(raster.width, math.ceil(around.col_off + around.width))
    bottom = min(raster.height, math.ceil(around.row_off + around.height))
    if right <= left or bottom <= top:
        west, south, east, north = transform_bounds(raster.crs, "EPSG:4326", *raster.bounds)
        raise InputError(
            "the raster lies outside the area",
            where=path,
            value=f"{west:.3f},{south:.3f} to {east:.3f},{north:.3f}",
            cure="Give a raster of this city",
        )
    if (right - left) * (bottom - top) > MOST_PIXELS:
        raise InputError(
            "the raster has too many pixels in the area",
            where=path,
            value=f"{right - left:,} x {bottom - top:,}",
            cure=f"Give one with at most {MOST_PIXELS:,}, for example of 100 m",
        )
    return left, top, right, bottom


def people_of_layer(frame: gpd.GeoDataFrame, source: str) -> PeopleMap:
    """
    Take the people of a layer: points, or polygons whose people stand at a point inside.

    Parameters
    ----------
    frame
        EPSG:4326, with a column `population`.
    source
        What it is, as shown to the user.

    Returns
    -------
    PeopleMap
        Its extent is the polygons, or for points their convex hull.

    Raises
    ------
    InputError
        The layer has no such column, negative people, or nobody.
    """
    if "population" not in frame:
        raise InputError(
            "the layer of people doesn't say how many",
            where=source,
            value=", ".join(map(str, frame.columns)),
            cure="Map its column by `fields: {population: ...}`",
        )
    people = np.nan_to_num(frame["population"].to_numpy(dtype=float))
    if (people < 0).any() or not people.any():
        raise InputError(
            "the layer counts nobody, or fewer",
            where=source,
            value=f"{people.min(initial=0.0):g} to {people.max(initial=0.0):g}",
            cure="Give people >= 0",
        )
    shapes = frame.geometry.to_numpy()
    areas = shapes[shapely.get_dimensions(shapes) == 2]  # noqa: PLR2004  (polygons)
    points = shapely.MultiPoint(shapely.get_coordinates(shapes))
    extent = shapely.union_all(areas) if len(areas) else points.convex_hull
    held = people > 0
    return PeopleMap(
        lonlat=shapely.get_coordinates(shapely.point_on_surface(shapes[held])),
        people=people[held],
        extent=extent,
        source=source,
    )


def covered_districts(
    people: PeopleMap, districts: gpd.GeoDataFrame
) -> tuple[npt.NDArray[np.bool_], Said]:
    """
    Tell in which districts people can be spread by a source.

    Parameters
    ----------
    people
        The source.
    districts
        EPSG:4326, with `name`.

    Returns
    -------
    covered, note
        Those of which the source covers `LEAST_COVER`, shape (districts,); a sentence for the user
        that names the others.
    """
    shapes = districts.geometry.to_numpy()
    whole = geodesic_area_km2(shapes)
    inside = geodesic_area_km2(shapely.intersection(shapes, people.extent))
    tree = shapely.STRtree(np.asarray(shapely.points(people.lonlat)))
    lived = np.zeros(len(shapes), dtype=np.bool_)
    lived[tree.query(shapes, predicate="intersects")[0]] = True
    covered = np.asarray((inside >= LEAST_COVER * whole) & lived, dtype=np.bool_)
    note = Said(
        f"各区县人口按 {people.source} 分布，总数与普查一致",
        f"people are spread within each district by {people.source}, to the census exactly",
    )
    if covered.all():
        return covered, note
    left = "、".join(districts["name"].to_numpy(dtype=object)[~covered].astype(str))
    rest = Said(
        f"{left} 未被覆盖，按街道分布",
        f"not in {left}, which it doesn't cover, but there by streets",
    )
    return covered, joined((note, rest))
