"""Hand-made roads for tests: ways through places given in metres."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS, Transformer

from siting.frames import CityMap, Roads
from siting.network import build_network

if TYPE_CHECKING:
    from collections.abc import Sequence

    from siting.network import Network

CRS_M = CRS.from_epsg(4548)
CORNER = np.array([500_000.0, 4_060_000.0])
BACK = Transformer.from_crs(CRS_M, "EPSG:4326", always_xy=True)


@dataclass(frozen=True)
class Way:
    """A way through points in metres from `CORNER`; equal points meet."""

    points: Sequence[tuple[float, float]]
    highway: str = "secondary"
    name: str = ""
    oneway: int = 0
    bridge: bool = False
    tunnel: bool = False
    roundabout: bool = False
    ref: str = ""


def to_lonlat(xy: Any) -> np.ndarray:
    """Turn metres from the corner into degrees."""
    return np.column_stack(BACK.transform(*(np.asarray(xy, dtype=float) + CORNER).T))


def make_roads(ways: Sequence[Way], signals: Sequence[tuple[float, float]] = ()) -> Roads:
    """Make roads of ways, with signals at some of their points."""
    sizes = [len(way.points) for way in ways]
    xy = np.array([point for way in ways for point in way.points], dtype=float).round(2)
    places, ids = np.unique(xy, axis=0, return_inverse=True)
    index = {tuple(place): number for number, place in enumerate(places.tolist())}
    lit = np.array([index[round(x, 2), round(y, 2)] for x, y in signals], dtype=np.int64)
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    lonlat = to_lonlat(xy)
    frame = gpd.GeoDataFrame(
        {
            "road_id": [f"way/{number}" for number in range(len(ways))],
            "highway": [way.highway for way in ways],
            "name": [way.name for way in ways],
            "ref": [way.ref for way in ways],
            "oneway": np.array([way.oneway for way in ways], dtype=np.int8),
            "lanes": np.nan,
            "maxspeed_kmh": np.nan,
            "bridge": [way.bridge for way in ways],
            "tunnel": [way.tunnel for way in ways],
            "roundabout": [way.roundabout for way in ways],
        },
        geometry=[shapely.LineString(lonlat[a:b]) for a, b in pairwise(start)],
        crs=4326,
    )
    points = gpd.GeoDataFrame(
        {"vertex_id": lit, "kind": ["traffic_signals"] * len(lit)},
        geometry=shapely.points(to_lonlat(places[lit])) if len(lit) else [],
        crs=4326,
    )
    return Roads(frame, ids.ravel().astype(np.int64), start, points)


def make_network(roads: Roads) -> Network:
    """Build the network in the CRS of the points."""
    return build_network(roads, CRS_M)


def make_map(roads: Roads, facilities: Sequence[tuple[str, str, float, float]] = ()) -> CityMap:
    """Make a map of roads and facilities (kind, name, x, y)."""
    xy = np.array([row[2:] for row in facilities], dtype=float).reshape(-1, 2)
    frame = gpd.GeoDataFrame(
        {
            "facility_id": [f"node/{number}" for number in range(len(facilities))],
            "kind": pd.array([row[0] for row in facilities], dtype=object),
            "name": pd.array([row[1] for row in facilities], dtype=object),
            "area_m2": np.full(len(facilities), np.nan),
            "capacity": np.full(len(facilities), np.nan),
        },
        geometry=shapely.points(to_lonlat(xy)) if len(xy) else [],
        crs=4326,
    )
    boundaries = gpd.GeoDataFrame(
        {"boundary_id": [], "name": [], "name_en": [], "admin_level": [], "adcode": []},
        geometry=[],
        crs=4326,
    )
    return CityMap(roads, boundaries, frame, "by hand", "", synthetic=True)


def one_district(low: float, high: float) -> gpd.GeoDataFrame:
    """Return a square district from `low` to `high` metres from the corner, both ways."""
    ring = to_lonlat([(low, low), (high, low), (high, high), (low, high)])
    return gpd.GeoDataFrame(
        {
            "district_id": ["d1"],
            "name": ["一区"],
            "name_en": ["One"],
            "population": [1000.0],
            "urban_population": [1000.0],
            "area_km2": [((high - low) / 1000) ** 2],
        },
        geometry=[shapely.Polygon(ring)],
        crs=4326,
    )


def dual(
    axis: str, at: float, stops: Sequence[float], gap: float = 20.0, **rest: Any
) -> tuple[Way, Way]:
    """
    Two carriageways along x or y at a distance, through stops; traffic keeps right.

    Parameters
    ----------
    axis
        `x` for a road that runs east, `y` for one that runs north.
    at
        Middle of the road on the other axis.
    stops
        Rising places of the vertices along the road.
    gap
        Between the carriageways.
    rest
        Further attributes of the ways.
    """
    half = gap / 2
    if axis == "x":
        one = [(s, at - half) for s in stops]
        two = [(s, at + half) for s in reversed(stops)]
    else:
        one = [(at + half, s) for s in stops]
        two = [(at - half, s) for s in reversed(stops)]
    return Way(one, oneway=1, **rest), Way(two, oneway=1, **rest)
