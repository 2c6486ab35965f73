"""Districts from a map's boundaries, a layer of the user's own, or the extent of the roads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.datum import metric_crs
from siting.districts.names import match_districts
from siting.districts.shapes import census, finish, polygons
from siting.errors import InputError
from siting.facts import district_table

if TYPE_CHECKING:
    from siting.frames import Roads

EXTENT_MARGIN_M = 500.0
"""How far the one district `extent` reaches beyond the outermost roads."""

COUNTY_LEVEL = 6
"""OSM `admin_level` of Chinese districts and counties (OSM wiki, Tag:boundary=administrative)."""

_ID_COLUMNS = ("district_id", "adcode", "boundary_id", "区划代码", "行政区划代码", "code", "id")
_NAME_COLUMNS = ("name", "name_zh", "名称", "区县", "县名", "district", "adname")


def districts_from_boundaries(
    boundaries: gpd.GeoDataFrame, chosen: tuple[str, ...] = (), city: str = ""
) -> gpd.GeoDataFrame:
    """
    Return districts from the administrative boundaries of a map.

    Parameters
    ----------
    boundaries
        `CityMap.boundaries`. Counties and districts (`admin_level` 6) are taken where there are
        any, else the level with the most polygons.
    chosen
        Names, adcodes or boundary ids of the districts wanted; empty: all of that level.
    city
        Written into `city`.

    Returns
    -------
    GeoDataFrame
        As `districts_of`; people are census people where the adcode has a row.

    Raises
    ------
    InputError
        When there is no boundary, or a chosen district isn't among them.
    """
    if boundaries.empty:
        raise InputError(
            "The map holds no administrative boundary",
            cure="Set sources.districts to cnmaps, extent or a polygon layer",
        )
    levels = boundaries["admin_level"].to_numpy()
    values, counts = np.unique(levels, return_counts=True)
    level = COUNTY_LEVEL if COUNTY_LEVEL in values else values[counts.argmax()]
    frame = boundaries if chosen else boundaries[levels == level]
    code = frame["adcode"].where(frame["adcode"] != "", frame["boundary_id"])
    frame = frame.assign(district_id=code.astype(str), city=city)
    frame = frame[["district_id", "name", "name_en", "city", frame.geometry.name]]
    return _from_frame(frame, chosen, where="administrative boundaries of the map")


def districts_from_layer(
    frame: gpd.GeoDataFrame, chosen: tuple[str, ...] = (), city: str = "", where: str = "layer"
) -> gpd.GeoDataFrame:
    """
    Return districts from a polygon layer of the user's own.

    Parameters
    ----------
    frame
        Polygons in any CRS it states (WGS-84 where it states none). An id is looked for in
        `district_id`, `adcode`, `区划代码`, `code` or `id`, a name in `name`, `名称` or `区县`;
        columns `population`, `urban_population`, `rural_population` are taken when present.
    chosen
        Names or ids of the districts wanted; empty: all.
    city
        Written into `city`.
    where
        What the layer is called in an error.

    Returns
    -------
    GeoDataFrame
        As `districts_of`.

    Raises
    ------
    InputError
        When no polygon is there, ids repeat, or a chosen district isn't among them.
    """
    frame = frame if frame.crs is None else frame.to_crs("EPSG:4326")
    kept = frame[shapely.get_dimensions(frame.geometry.array) == 2]  # noqa: PLR2004
    if kept.empty:
        raise InputError(
            "The district layer holds no polygon", where=where, cure="Give a polygon layer"
        )
    names = _column(kept, _NAME_COLUMNS)
    ids = _column(kept, _ID_COLUMNS)
    plain = gpd.GeoDataFrame(
        {
            "district_id": _as_id(ids) if ids is not None else _row_ids(len(kept)),
            "name": names if names is not None else "",
            "name_en": kept.get("name_en", ""),
            "city": city,
        },
        geometry=kept.geometry.array,
        crs="EPSG:4326",
    )
    for column in ("population", "urban_population", "rural_population"):
        if column in kept:
            plain[column] = pd.to_numeric(kept[column], errors="coerce").to_numpy()
    return _from_frame(plain, chosen, where=where)


def district_of_extent(roads: Roads, city: str = "") -> gpd.GeoDataFrame:
    """
    Return one district `extent`: the convex hull of the roads, `EXTENT_MARGIN_M` wider.

    Raises
    ------
    InputError
        When there is no road.
    """
    if roads.frame.empty:
        raise InputError("There is no road to take the extent of", cure="Check the road source")
    line = roads.frame.geometry
    metric = metric_crs(*line.total_bounds)
    hull = gpd.GeoSeries([shapely.convex_hull(shapely.union_all(line.array))], crs="EPSG:4326")
    geometry = hull.to_crs(metric).buffer(EXTENT_MARGIN_M).to_crs("EPSG:4326")
    frame = gpd.GeoDataFrame(
        {
            "district_id": ["extent"],
            "name": [city or "范围"],
            "name_en": ["Extent"],
            "city": [city],
        },
        geometry=geometry.array,
        crs="EPSG:4326",
    )
    return finish(frame)


def _from_frame(
    frame: gpd.GeoDataFrame, chosen: tuple[str, ...], *, where: str
) -> gpd.GeoDataFrame:
    repeated = frame["district_id"][frame["district_id"].duplicated()]
    if not repeated.empty:
        raise InputError(
            "Two districts have the same id",
            where=where,
            value=repeated.iloc[0],
            cure="Give each polygon its own id, or join the parts of a district into one",
        )
    if chosen:
        names = [(str(a), str(b)) for a, b in zip(frame["name"], frame["name_en"], strict=True)]
        frame = frame.iloc[
            match_districts(chosen, frame["district_id"].tolist(), names, where=where)
        ]
    frame = frame.assign(geometry=polygons(frame.geometry.to_numpy())).set_geometry("geometry")
    if "population" not in frame:
        known = district_table().drop_duplicates("adcode")
        city_of = known.set_index("adcode")["city_zh"].reindex(frame["district_id"]).dropna()
        tables = [census(city) for city in sorted(set(city_of))]
        if tables:
            people = pd.concat(tables).drop(columns="name_en")
            frame = frame.merge(people, on="district_id", how="left")
    return finish(frame)


def _column(frame: gpd.GeoDataFrame, names: tuple[str, ...]) -> pd.Series[str] | None:
    by_fold = {str(column).casefold(): column for column in frame.columns}
    for name in names:
        if name in by_fold:
            found: pd.Series[str] = frame[by_fold[name]].fillna("").astype(str)
            return found.reset_index(drop=True)
    return None


def _as_id(ids: pd.Series[str]) -> list[str]:
    """Return ids as text; 370102.0 from a numeric shapefile column is 370102."""
    text = ids.str.strip().str.replace(r"\.0$", "", regex=True)
    rows = _row_ids(len(text))
    return [value or row for value, row in zip(text, rows, strict=True)]


def _row_ids(count: int) -> list[str]:
    return [f"d{row + 1:03d}" for row in range(count)]
