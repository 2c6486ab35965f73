"""Invented plans for tests of what is written from a plan; consistent, small, full of odd names."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.spatial import cKDTree

from siting.plan import Plan

WGS84 = "EPSG:4326"
WEST, SOUTH, SIDE = 117.0, 36.5, 0.4
CORNER = np.array([WEST, SOUTH])
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "${alert(1)} `${alert(2)}`",
    "</script><script>alert(3)</script>",
    "{{ 7*7 }} {% raise %} {# x",
    "line\u2028one\u2029two",
    "\"quoted\" 'single' \\ back\\u003cslash",
    "<!-- <script> -- & &lt;b&gt;",
    "javascript:alert(4)//<svg/onload=alert(5)>",
    "__proto__",
    "constructor",
)
"""Names that some sink of a web page has run as script, or choked on."""

KINDS = (
    "parking", "mall", "fuel", "service_area", "railway_station", "bus_depot", "residential",
    "village", "hospital", "charging_station", "roadside",
)  # fmt: skip
TYPES = (
    ("ac7", "交流 7 kW", "AC 7 kW", "ac", 7.0, 20.0),
    ("dc60", "直流 60 kW", "DC 60 kW", "dc", 60.0, 180.0),
    ("dc120", "直流 120 kW", "DC 120 kW", "dc", 120.0, 350.0),
    ("super", "超充 480 kW", "Ultra 480 kW", "dc", 480.0, 1200.0),
)
PILE_CNY = (8_000, 60_000, 110_000, 380_000)
SEGMENTS = ("private", "fleet", "heavy")
DISTRICTS = (
    ("370102", "历下区", "Lixia"),
    ("370103", "市中区", "Shizhong"),
    ("370104", "槐荫区", "Huaiyin"),
    ("370105", "天桥区", "Tianqiao"),
)
STREETS = (
    *("motorway", "residential", "tertiary", "residential", "secondary"),
    *("residential", "primary", "service", "trunk"),
)


def make_plan(
    *, stations: int = 40, streets: int = 9, cells: int = 60, hostile: bool = True, **run: Any
) -> Plan:
    """Invent a plan; `run` overrides the run record."""
    rng = np.random.default_rng(7)
    districts = _districts()
    pile_types = _pile_types()
    sites = _stations(rng, stations, pile_types, districts, hostile=hostile)
    demand = _demand(rng, cells, districts)
    catchments = _catchments(rng, sites, demand)
    served = catchments.groupby("site_id").kwh_day.sum()
    sites["served_kwh_day"] = sites.site_id.map(served).fillna(0.0)
    sites["utilisation"] = sites.served_kwh_day / sites.capacity_kwh_day
    demand["served_kwh_day"] = demand.demand_id.map(
        catchments.groupby("demand_id").kwh_day.sum()
    ).fillna(0.0)
    districts = _sum_by_district(districts, sites, demand)
    if hostile:
        districts.loc[0, "name_en"] = HOSTILE[0]
    return Plan(
        stations=sites,
        candidates=_candidates(rng, sites),
        demand=demand,
        catchments=catchments,
        districts=districts,
        clauses=_clauses(sites, demand, hostile=hostile),
        roads=_roads(rng, streets, hostile=hostile),
        pile_types=pile_types,
        assumptions=_assumptions(hostile=hostile),
        run=_run(sites, demand, run),
        service=_service(demand, districts),
    )


def _squares(names: int) -> list[shapely.Polygon]:
    half = SIDE / 2
    corners = [(WEST + half * (k % 2), SOUTH + half * (k // 2)) for k in range(names)]
    return [shapely.box(x, y, x + half, y + half) for x, y in corners]


def _districts() -> gpd.GeoDataFrame:
    ids, zh, en = zip(*DISTRICTS, strict=True)
    frame: dict[str, Any] = {"district_id": ids, "name": zh, "name_en": en}
    people = [819_139.0, 903_714.0, 675_048.0, 770_202.0]
    frame |= {"population": people, "area_km2": [397.1, 397.1, 396.0, 396.0]}
    return gpd.GeoDataFrame(frame, geometry=_squares(4), crs=WGS84)


def _pile_types() -> pd.DataFrame:
    names = ("type_id", "label_zh", "label_en", "current", "kw", "kwh_day")
    frame = pd.DataFrame(TYPES, columns=list(names))
    return frame.assign(cost_cny=list(PILE_CNY), segments="private fleet")


def _stations(
    rng: np.random.Generator,
    count: int,
    types: pd.DataFrame,
    districts: gpd.GeoDataFrame,
    *,
    hostile: bool,
) -> gpd.GeoDataFrame:
    # Denser towards the middle, as in a city.
    offset = np.clip(rng.normal(0.5, 0.18, size=(count, 2)), 0.01, 0.99) * SIDE
    points = shapely.points(offset + CORNER)
    names = [f"{KINDS[k % len(KINDS)]} 站点 {k}" for k in range(count)]
    if hostile:
        names[: len(HOSTILE)] = HOSTILE
        names[len(HOSTILE)] = ""
    piles = rng.poisson((6, 9, 4, 1), size=(count, 4)).astype(np.int64)
    piles[:, 0] += 1
    row = (offset[:, 0] > SIDE / 2).astype(int) + 2 * (offset[:, 1] > SIDE / 2).astype(int)
    kind = np.array(KINDS, dtype=object)[np.arange(count) % len(KINDS)]
    fixed = np.round(rng.uniform(2e5, 9e5, count))
    frame = gpd.GeoDataFrame(
        {
            "site_id": [f"node/{1000 + k}" for k in range(count)],
            "name": names,
            "kind": kind,
            "status": np.where(kind == "charging_station", "kept", "new"),
            "mandatory": kind == "service_area",
            "district_id": districts.district_id.to_numpy()[row],
            "district": districts.name.to_numpy()[row],
            "urban": rng.random(count) < 0.7,
            **{f"piles_{name}": piles[:, k] for k, name in enumerate(types.type_id)},
            "piles": piles.sum(axis=1),
            "min_piles": 2,
            "max_piles": 120,
            "kw_limit": 1e5,
            "installed_kw": piles @ types.kw.to_numpy(),
            "fixed_cost_cny": fixed,
            "cost_cny": (fixed + piles @ types.cost_cny.to_numpy()).astype(np.int64),
            "clauses": np.where(kind == "service_area", "JN23-06 JN23-11", "JN23-06"),
            "node_id": np.arange(count),
            "access_m": rng.uniform(0, 180, count),
        },
        geometry=points,
        crs=WGS84,
    )
    frame["peak_kw"] = frame.installed_kw * 0.8
    frame["capacity_kwh_day"] = piles @ types.kwh_day.to_numpy()
    other = np.random.default_rng(11)
    frame["transformer_kva"] = other.choice([100, 630, 1250, 3200], count)
    frame["wait_minutes"] = np.where(
        np.arange(count) % 7 == 3, np.inf, other.gamma(1.0, 4.0, count)
    )
    frame["wait_probability"] = np.where(np.isinf(frame.wait_minutes), 1.0, other.random(count))
    frame["wait_type"] = "dc60"
    frame["v2g_ready"] = np.arange(count) % 5 == 0
    frame["solar_storage"] = np.arange(count) % 6 == 0
    frame["storage_kwh"] = np.where(frame.solar_storage, 400.0, 0.0)
    frame["pv_kw"] = np.where(frame.solar_storage, 90.0, 0.0)
    frame["preference_cost_cny"] = np.where(frame.solar_storage, 805_000, 60_000 * frame.v2g_ready)
    return frame


def _candidates(rng: np.random.Generator, sites: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    more = sites[["site_id", "kind", "district_id", "geometry"]].copy()
    more["site_id"] = more.site_id + "b"
    moved = shapely.get_coordinates(more.geometry) + rng.normal(0, 0.01, (len(more), 2))
    more = more.set_geometry(gpd.GeoSeries(shapely.points(moved), crs=WGS84))
    both = [sites[list(more.columns)].assign(chosen=True), more.assign(chosen=False)]
    return gpd.GeoDataFrame(pd.concat(both, ignore_index=True), crs=WGS84)


def _demand(rng: np.random.Generator, cells: int, districts: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    offset = np.clip(rng.normal(0.5, 0.22, size=(cells, 2)), 0.01, 0.99) * SIDE
    row = (offset[:, 0] > SIDE / 2).astype(int) + 2 * (offset[:, 1] > SIDE / 2).astype(int)
    cell = np.repeat(np.arange(cells), len(SEGMENTS))
    segment = np.tile(SEGMENTS, cells)
    return gpd.GeoDataFrame(
        {
            "demand_id": [f"c{c}:{s}" for c, s in zip(cell, segment, strict=True)],
            "cell_id": [f"c{c}" for c in cell],
            "segment": segment,
            "kwh_day": rng.gamma(2.0, 5.0e4 / len(cell), len(cell)),
            "district_id": districts.district_id.to_numpy()[row][cell],
            "urban": True,
            "population": np.where(segment == "private", rng.integers(500, 9000, len(cell)), 0.0),
            "node_id": cell,
            "access_m": rng.uniform(0, 300, len(cell)),
        },
        geometry=shapely.points(offset[cell] + CORNER),
        crs=WGS84,
    )


def _catchments(
    rng: np.random.Generator, sites: gpd.GeoDataFrame, demand: gpd.GeoDataFrame
) -> pd.DataFrame:
    """Give each demand point to its two nearest stations, some of it to none; capacity is ample."""
    tree = cKDTree(shapely.get_coordinates(sites.geometry))
    gap, nearest = tree.query(shapely.get_coordinates(demand.geometry), k=2)
    share = np.array([0.7, 0.2]) * rng.choice([0.3, 1.0, 1.1], size=(len(demand), 1))
    rows = np.repeat(np.arange(len(demand)), 2)
    return pd.DataFrame(
        {
            "demand_id": demand.demand_id.to_numpy()[rows],
            "site_id": sites.site_id.to_numpy()[nearest.ravel()],
            "kwh_day": (demand.kwh_day.to_numpy()[:, None] * share).ravel(),
            "distance_m": gap.ravel() * 1.2e5,
        }
    )


def _service(demand: gpd.GeoDataFrame, districts: gpd.GeoDataFrame) -> pd.DataFrame:
    """Invent the service of all and of each district; one has no rural people."""
    rng = np.random.default_rng(12)
    ids = ["all", *districts.district_id]
    frame = pd.DataFrame({"district_id": ids, "name": ["", *districts.name]})
    frame["kwh_day"] = [demand.kwh_day.sum(), *districts.kwh_day]
    frame["population"] = [districts.population.sum(), *districts.population]
    frame["rural_population"] = 0.2 * frame.population
    for name in ("kwh", "people", "rural_people"):
        frame[f"{name}_share_within"] = rng.uniform(0.4, 1.0, len(ids))
    frame.loc[2, "rural_people_share_within"] = np.nan
    frame["distance_p95_m"] = rng.uniform(500, 9000, len(ids))
    return frame.assign(kwh_unreached=0.0)


def _sum_by_district(
    districts: gpd.GeoDataFrame, sites: gpd.GeoDataFrame, demand: gpd.GeoDataFrame
) -> gpd.GeoDataFrame:
    by_id = districts.district_id
    districts["stations"] = by_id.map(sites.district_id.value_counts()).fillna(0).astype(int)
    sums = {"piles": sites, "cost_cny": sites, "kwh_day": demand, "served_kwh_day": demand}
    for column, frame in sums.items():
        districts[column] = by_id.map(frame.groupby("district_id")[column].sum()).fillna(0)
    asked = districts.kwh_day.where(districts.kwh_day > 0)
    districts["served_share"] = districts.served_kwh_day / asked
    return districts


def _clauses(sites: gpd.GeoDataFrame, demand: gpd.GeoDataFrame, *, hostile: bool) -> pd.DataFrame:
    share = float(demand.served_kwh_day.sum() / demand.kwh_day.sum())
    dc = float(sites[[f"piles_{name}" for name in ("dc60", "dc120", "super")]].sum().sum())
    nan, text = float("nan"), HOSTILE[0] if hostile else "预留"
    document = "济南市支持新能源汽车产业高质量发展和推广应用行动计划（2023—2025年）"
    quote = "到2025年，全市建成充换电站不少于800座、各类充电桩不少于2.2万个"
    piles, count = float(sites.piles.sum()), float(len(sites))
    enough = "met" if share >= 0.9 else "short"
    rows = [
        ("JN23-06", "stations", ">=", count - 4, count, "stations", "met", "新建与保留合计"),
        ("JN23-06", "piles", ">=", piles + 35, piles, "piles", "short", ""),
        ("JN23-11", "service_areas", ">=", 1.0, 1.0, "share", "met", "每个服务区均设站"),
        ("", "dc_share", ">=", 0.5, dc / piles, "share", "preference", ""),
        ("", "served_share", ">=", 0.9, share, "share", enough, ""),
        ("JN23-19", text, "", nan, nan, "", "not_modelled", text),
        ("JN23-20", "v2x_area_km2", "", 200.0, nan, "km2", "context", ""),
    ]
    names = ["clause", "measure", "relation", "target", "planned", "unit", "status", "reading"]
    frame = pd.DataFrame(rows, columns=names)
    return frame.assign(quote=f"{quote}{text if hostile else ''}", document=document, note="")


def _roads(rng: np.random.Generator, streets: int, *, hostile: bool) -> gpd.GeoDataFrame:
    """Draw a street grid whose classes follow its lines; every block is an edge."""
    at = np.linspace(0.02, 0.98, streets) * SIDE
    lines, kinds, names = [], [], []
    for k, fixed in enumerate(at):
        wave = np.interp(at, [0, SIDE], [0, 0.004]) + 0.002 * np.sin(9 * at + k)
        for flip in (False, True):
            xy = np.column_stack([at, fixed + wave])
            xy = (xy[:, ::-1] if flip else xy) + CORNER
            for a, b in pairwise(xy):
                middle = (a + b) / 2 + rng.normal(0, 2e-4, 2)
                lines.append(shapely.LineString([a, middle, b]))
                kinds.append(STREETS[k % len(STREETS)])
                names.append(HOSTILE[k % len(HOSTILE)] if hostile else f"第{k}大街")
    count = len(lines)
    return gpd.GeoDataFrame(
        {
            "edge_id": np.arange(count),
            "name": names,
            "highway": kinds,
            "tail_id": np.arange(count),
            "head_id": np.arange(count) + 1,
            "length_m": shapely.length(np.array(lines)) * 1e5,
            "oneway": 0,
            "twin": False,
        },
        geometry=lines,
        crs=WGS84,
    )


def _assumptions(*, hostile: bool) -> pd.DataFrame:
    rows = [
        ("demand.private.kwh_day", 6.3, "kWh", HOSTILE[1] if hostile else "年鉴", "found", False),
        ("charging.urban_radius_m", 3000.0, "m", "recollection", "memory", True),
    ]
    names = ["key", "value", "unit", "source", "confidence", "unsourced"]
    return pd.DataFrame(rows, columns=names)


def _run(
    sites: gpd.GeoDataFrame, demand: gpd.GeoDataFrame, changes: dict[str, Any]
) -> dict[str, Any]:
    served = float(demand.served_kwh_day.sum())
    run: dict[str, Any] = {
        "model": "jinan",
        "run_id": "20250101-000000-abcdef",
        "title_zh": "济南市充换电设施规划",
        "title_en": "Jinan charging plan",
        "synthetic_roads": True,
        "attribution": "© OpenStreetMap contributors, ODbL 1.0",
        "status": "feasible",
        "objective": served,
        "objective_meaning": "demand served, kWh a day",
        "bound": served * 1.00417,
        "gap": 0.00417,
        "seconds": {"read": 1.5, "solve": 12.25},
        "peak_memory_mb": 812.4,
        "verified": True,
        "notes": ["区县边界为 GCJ-02 转换"],
        "inputs": [
            {
                "path": "/home/someone/data/jinan.osm.pbf",
                "source": "OpenStreetMap",
                "licence": "ODbL 1.0",
                "datum": "WGS-84",
            }
        ],
        "totals": {"stations": len(sites), "piles": int(sites.piles.sum())},
        "seed": 0,
    }
    return {**run, **changes}
