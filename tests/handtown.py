"""A hand-made city for tests: a dense grid town beside open country with village roads."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from pyproj import CRS, Transformer

from siting.frames import CityMap, Roads
from siting.network import Network, build_network

CRS_M = CRS.from_epsg(4548)
WEST_M, SOUTH_M = 500_000.0, 4_060_000.0
"""Lower left corner: a multiple of neither cell size."""

TOWN_M, COUNTRY_M = 4000.0, 12_000.0
"""Sides of the square town and of the square that both districts fill."""

BACK = Transformer.from_crs(CRS_M, "EPSG:4326", always_xy=True)
Line = tuple[str, str, list[tuple[float, float]]]


def town_lines() -> list[Line]:
    """Streets every 200 m in the town, roads every 3 km around, one expressway along the north."""
    lines: list[Line] = []
    streets = np.arange(0, TOWN_M + 1, 200.0)
    for at in streets:
        kind = "tertiary" if at % 1000 == 0 else "residential"
        lines.append((kind, f"横{at:.0f}路", [(x, at) for x in streets]))
        lines.append((kind, f"纵{at:.0f}路", [(at, y) for y in streets]))
    country = np.arange(0, COUNTRY_M + 1, 1000.0)
    for at in np.arange(0, COUNTRY_M + 1, 3000.0):
        # Where a country road runs through the town its vertices meet the streets.
        across = sorted({*country, *(streets if at <= TOWN_M and at % 200 == 0 else ())})
        lines.append(("unclassified", "", [(x, at) for x in across]))
        lines.append(("unclassified", "", [(at, y) for y in across]))
    fast = [(x, COUNTRY_M - 500) for x in country]
    lines.append(("motorway", "环城高速", fast))
    lines.append(("motorway", "环城高速", [(x, y + 40) for x, y in reversed(fast)]))
    # The ends turn round, so that every part of the expressway can be left.
    lines.append(("motorway", "", [fast[-1], (COUNTRY_M, COUNTRY_M - 460)]))
    lines.append(("motorway", "", [(0.0, COUNTRY_M - 460), fast[0]]))
    lines.append(("motorway_link", "", [fast[3], (3000.0, COUNTRY_M)]))
    lines.append(("motorway_link", "", [(3000.0, COUNTRY_M), (3000.0, COUNTRY_M - 460)]))
    return lines


def lonlat(xy: np.ndarray) -> np.ndarray:
    """Turn metres from the corner into degrees."""
    lon, lat = BACK.transform(WEST_M + xy[:, 0], SOUTH_M + xy[:, 1])
    return np.column_stack([lon, lat])


def make_roads(lines: list[Line]) -> Roads:
    """Make roads of lines in metres from the corner; equal coordinates meet."""
    sizes = [len(points) for _, _, points in lines]
    xy = np.array([point for _, _, points in lines for point in points], dtype=float)
    _, ids = np.unique(xy.round(2), axis=0, return_inverse=True)
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    geometry = shapely.linestrings(lonlat(xy), indices=np.repeat(np.arange(len(lines)), sizes))
    count = len(lines)
    highway = [kind for kind, _, _ in lines]
    frame = gpd.GeoDataFrame(
        {
            "road_id": [f"way/{number}" for number in range(count)],
            "highway": highway,
            "name": [name for _, name, _ in lines],
            "ref": "",
            "oneway": np.array([kind.startswith("motorway") for kind in highway], dtype=np.int8),
            "lanes": np.nan,
            "maxspeed_kmh": np.nan,
            "bridge": False,
            "tunnel": False,
            "roundabout": False,
        },
        geometry=geometry,
        crs="EPSG:4326",
    )
    signals = gpd.GeoDataFrame(
        {"vertex_id": np.empty(0, dtype=np.int64), "kind": np.empty(0, dtype=object)},
        geometry=gpd.GeoSeries([], crs="EPSG:4326"),
        crs="EPSG:4326",
    )
    return Roads(frame, ids.reshape(-1).astype(np.int64) + 1, start, signals)


def make_facilities(rows: list[tuple[str, str, float, float, float, float]]) -> gpd.GeoDataFrame:
    """Make facilities of (kind, name, x, y, area_m2, capacity), metres from the corner."""
    xy = np.array([(x, y) for _, _, x, y, _, _ in rows], dtype=float).reshape(-1, 2)
    return gpd.GeoDataFrame(
        {
            "facility_id": [f"node/{number + 1}" for number in range(len(rows))],
            "kind": [row[0] for row in rows],
            "name": [row[1] for row in rows],
            "area_m2": np.array([row[4] for row in rows], dtype=float),
            "capacity": np.array([row[5] for row in rows], dtype=float),
        },
        geometry=shapely.points(lonlat(xy)),
        crs="EPSG:4326",
    )


def make_map(
    facilities: list[tuple[str, str, float, float, float, float]] | None = None,
    lines: list[Line] | None = None,
) -> CityMap:
    """Make the city's map with some facilities."""
    boundaries = gpd.GeoDataFrame(geometry=gpd.GeoSeries([], crs="EPSG:4326"), crs="EPSG:4326")
    return CityMap(
        roads=make_roads(town_lines() if lines is None else lines),
        boundaries=boundaries,
        facilities=make_facilities(facilities or []),
        source="hand-made",
        attribution="nobody",
        synthetic=True,
    )


def make_network(city_map: CityMap) -> Network:
    """Build the network of a hand-made map."""
    return build_network(city_map.roads, CRS_M)


def make_districts(
    urban: tuple[float, float] = (90_000.0, 4_000.0),
    rural: tuple[float, float] = (6_000.0, 21_000.0),
    *,
    city: str = "",
) -> gpd.GeoDataFrame:
    """Make a western district, which holds the town, and an eastern one."""
    half, side = COUNTRY_M / 2, COUNTRY_M
    corners = [[(0, 0), (half, 0), (half, side), (0, side)]]
    corners.append([(half, 0), (side, 0), (side, side), (half, side)])
    polygons = [shapely.polygons(lonlat(np.array(ring, dtype=float))) for ring in corners]
    return gpd.GeoDataFrame(
        {
            "district_id": ["900101", "900102"],
            "name": ["西区", "东区"],
            "name_en": ["West", "East"],
            "city": city,
            "population": np.array(urban) + np.array(rural),
            "urban_population": np.array(urban),
            "rural_population": np.array(rural),
            "area_km2": half * side / 1e6,
        },
        geometry=polygons,
        crs="EPSG:4326",
    )
