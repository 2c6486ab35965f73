"""Small towns drawn way by way, and the corridors of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS, Transformer

from siting.candidates.corridors import CorridorRules, Corridors, find_corridors
from siting.frames import CityMap, Roads
from siting.network import Network, build_network
from siting.network.junctions import find_junctions

if TYPE_CHECKING:
    from collections.abc import Sequence

CRS_M = CRS.from_epsg(4548)
CORNER = (500_000.0, 4_060_000.0)
BACK = Transformer.from_crs(CRS_M, "EPSG:4326", always_xy=True)
Point = tuple[float, float]


def lonlat(xy: np.ndarray) -> np.ndarray:
    return np.column_stack(BACK.transform(CORNER[0] + xy[:, 0], CORNER[1] + xy[:, 1]))


def way(points: Sequence[Point], name: str = "", highway: str = "secondary", **tags: Any) -> dict:
    """Describe a road through points given in metres from `CORNER`; equal points meet."""
    return {"points": list(points), "name": name, "highway": highway, **tags}


def town(
    ways: Sequence[dict],
    facilities: Sequence[tuple[str, float, float, float]] = (),
    signals: Sequence[Point] = (),
) -> CityMap:
    sizes = [len(road["points"]) for road in ways]
    xy = np.array([point for road in ways for point in road["points"]], dtype=float)
    places, ids = np.unique(xy.round(2), axis=0, return_inverse=True)
    plain = {
        "ref": "", "oneway": 0, "lanes": math.nan, "maxspeed_kmh": math.nan,
        "bridge": False, "tunnel": False, "roundabout": False,
    }  # fmt: skip
    rows = [plain | {k: v for k, v in road.items() if k != "points"} for road in ways]
    table = pd.DataFrame(rows).assign(road_id=[f"way/{i}" for i in range(len(ways))])
    table["oneway"] = table["oneway"].astype("int8")
    lines = shapely.linestrings(lonlat(xy), indices=np.repeat(np.arange(len(ways)), sizes))
    lit = [int(np.flatnonzero((places == np.round(at, 2)).all(axis=1))[0]) + 1 for at in signals]
    points = gpd.GeoDataFrame(
        {"vertex_id": np.array(lit, dtype=np.int64), "kind": ["traffic_signals"] * len(lit)},
        geometry=list(shapely.points(lonlat(np.array(signals)))) if lit else [],
        crs=4326,
    )
    at = np.array([(x, y) for _, x, y, _ in facilities], dtype=float).reshape(-1, 2)
    shown = gpd.GeoDataFrame(
        {
            "facility_id": [f"node/{i}" for i in range(len(facilities))],
            "kind": [kind for kind, *_ in facilities],
            "name": "",
            "area_m2": np.array([area for *_, area in facilities], dtype=float),
            "capacity": math.nan,
        },
        geometry=list(shapely.points(lonlat(at))) if len(at) else [],
        crs=4326,
    )
    start = np.r_[0, np.cumsum(sizes)].astype(np.int64)
    roads = Roads(gpd.GeoDataFrame(table, geometry=lines, crs=4326), ids.ravel() + 1, start, points)
    none = gpd.GeoDataFrame(geometry=[], crs=4326)
    return CityMap(roads, none, shown, source="drawn", attribution="nobody", synthetic=True)


def districts(*boxes: tuple[float, float, float, float]) -> gpd.GeoDataFrame:
    some = boxes or ((-50_000.0, -50_000.0, 50_000.0, 50_000.0),)
    rings = [shapely.get_coordinates(shapely.box(*box)) for box in some]
    return gpd.GeoDataFrame(
        {
            "district_id": [str(i + 1) for i in range(len(some))],
            "name": ["西区", "东区"][: len(some)],
        },
        geometry=[shapely.Polygon(lonlat(ring)) for ring in rings],
        crs=4326,
    )


def corridors_of(
    city_map: CityMap, where: gpd.GeoDataFrame | None = None, **rules: Any
) -> tuple[Corridors, Network]:
    network = build_network(city_map.roads, CRS_M)
    junctions = find_junctions(network, city_map.roads)
    around = districts() if where is None else where
    return find_corridors(network, junctions, around, city_map, CorridorRules(**rules)), network


def cards(corridors: Corridors) -> set[tuple[str, str, str, int]]:
    """Road, from, to and length in tens of metres of each corridor."""
    frame = corridors.frame
    tens = (frame["length_m"] / 10).round().astype(int)
    return set(zip(frame["road"], frame["from_name"], frame["to_name"], tens, strict=True))


def dual(
    points: Sequence[Point], gap: float, name: str, highway: str = "primary", **tags: Any
) -> list[dict]:
    """Draw both halves of a dual carriageway along a straight axis, traffic on the right."""
    axis = np.array(points)
    step = axis[-1] - axis[0]
    left = np.array([-step[1], step[0]]) / np.hypot(*step) * gap / 2
    right = [tuple(p) for p in (axis - left).tolist()]
    other = [tuple(p) for p in (axis + left)[::-1].tolist()]
    return [way(half, name, highway, oneway=1, **tags) for half in (right, other)]
