"""District frames: their columns, valid shapes, census people, and what doesn't fit together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.facts import district_table
from siting.said import Said

if TYPE_CHECKING:
    import numpy.typing as npt

COLUMNS = (
    "district_id",
    "name",
    "name_en",
    "city",
    "population",
    "urban_population",
    "rural_population",
    "area_km2",
)
"""Columns of a district frame beside `geometry`."""

EQUAL_AREA_CRS = "EPSG:6933"
"""Cylindrical equal-area on the WGS-84 ellipsoid (EASE-Grid 2.0); areas are true everywhere."""

SLIVER_SHARE = 1e-3
"""Overlaps and gaps below this share of the smaller district are drawing noise, not reported."""


def census(city: str) -> pd.DataFrame:
    """
    Return people by polygon of a city: columns district_id, name_en, three populations.

    Development zones have census rows but no polygon; their people are spread over polygons by
    `population_2020_in_polygon`, and here with the zones' own urban share, so that the city's urban
    and rural totals stay those of the census.
    """
    table = district_table()
    table = table[table["city_zh"] == city]
    zones = table[table["has_polygon"] == 0]
    zone_people = zones["population_2020"].sum()
    zone_urban = zones["urban_population_2020"].sum() / zone_people if zone_people else 0.0
    units = table[table["has_polygon"] == 1]
    people = units["population_2020_in_polygon"].astype(float)
    added = people - units["population_2020"]
    urban = units["urban_population_2020"] + added * zone_urban
    return pd.DataFrame(
        {
            "district_id": units["adcode"].astype(str),
            "name_en": units["name_pinyin"].fillna("").astype(str),
            "population": people,
            "urban_population": urban,
            "rural_population": people - urban,
        }
    )


def finish(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return a frame with missing columns and the area filled in, columns and rows in order."""
    frame = gpd.GeoDataFrame(frame, geometry="geometry", crs="EPSG:4326")
    for column in ("population", "urban_population", "rural_population"):
        if column not in frame:
            frame[column] = np.nan
    for column in ("name", "name_en", "city"):
        frame[column] = frame[column].fillna("").astype(str) if column in frame else ""
    frame["area_km2"] = frame.to_crs(EQUAL_AREA_CRS).area.to_numpy() / 1e6
    frame = frame.sort_values("district_id", ignore_index=True)
    return frame[[*COLUMNS, "geometry"]]


def polygons(geometry: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """Return valid (Multi)Polygons: crossing rings are rebuilt, lines and points dropped."""
    fixed = shapely.make_valid(shapely.force_2d(geometry), method="structure", keep_collapsed=False)
    mixed = np.flatnonzero(shapely.get_type_id(fixed) == shapely.GeometryType.GEOMETRYCOLLECTION)
    for row in mixed:
        parts = shapely.get_parts(fixed[row])
        fixed[row] = shapely.union_all(parts[shapely.get_dimensions(parts) == 2])  # noqa: PLR2004
    return np.asarray(fixed, dtype=object)


def boundary_problems(districts: gpd.GeoDataFrame) -> tuple[Said, ...]:
    """
    Return sentences on overlaps between districts and holes among them.

    Areas are measured on an equal-area projection; what is below `SLIVER_SHARE` of the smaller
    district is left out.
    """
    flat = districts.to_crs(EQUAL_AREA_CRS)
    polygon = flat.geometry.to_numpy()
    names = (districts["name"].where(districts["name"] != "", districts["district_id"])).tolist()
    first, second = flat.sindex.query(polygon, predicate="intersects")
    pairs = first < second
    first, second = first[pairs], second[pairs]
    common = shapely.area(shapely.intersection(polygon[first], polygon[second]))
    area = shapely.area(polygon)
    real = common > SLIVER_SHARE * np.minimum(area[first], area[second])
    found = [
        Said(
            f"{names[a]} 与 {names[b]} 重叠 {size / 1e6:.2f} km²",
            f"{names[a]} and {names[b]} overlap by {size / 1e6:.2f} km2",
        )
        for a, b, size in zip(first[real], second[real], common[real], strict=True)
    ]
    whole = shapely.get_parts(shapely.union_all(polygon))
    holes = shapely.polygons(np.concatenate([shapely.get_rings(p)[1:] for p in whole]))
    sizes = np.atleast_1d(shapely.area(holes))
    found += [
        Said(
            f"各区县之间有 {size / 1e6:.2f} km² 的空隙",
            f"A gap of {size / 1e6:.2f} km2 lies between the districts",
        )
        for size in sizes[sizes > SLIVER_SHARE * area.min()]
    ]
    return tuple(found)
