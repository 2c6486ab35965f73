"""
Corridors as the network grows: how many, how long, how well they hang together, how fast.

    python benchmarks/testroads_corridors.py --roads FILE --city 济南市  # squares of an extract
    python benchmarks/testroads_corridors.py --sample 青岛市              # a sample municipality
    python benchmarks/testroads_corridors.py --quick                      # a sample city, once

One JSON object a line. That every edge is counted once is checked before a line is printed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from siting.candidates.corridors import CLASSES, CorridorRules, Corridors, find_corridors
from siting.city.reading import select_roads
from siting.datum import metric_crs
from siting.districts import district_of_extent, districts_of
from siting.frames import ROAD_CLASSES
from siting.layers import read_map
from siting.network import Network, build_network
from siting.network.junctions import find_junctions
from siting.sample import write_sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd

    from siting.frames import CityMap

STREETS = (*CLASSES, "residential", "living_street", "service")
SHARES = (0.1, 0.25, 0.5, 1.0)
"""Sides of the squares, as a share of the extent's."""


def largest_share(tail: np.ndarray, head: np.ndarray, weight: np.ndarray) -> float:
    """Share of the weight of edges that lies in the heaviest connected part."""
    size = int(max(tail.max(), head.max())) + 1
    links = coo_array((np.ones(len(tail)), (tail, head)), shape=(size, size))
    total = np.bincount(connected_components(links, directed=False)[1][tail], weights=weight)
    return float(total.max() / total.sum())


def check_counted_once(corridors: Corridors, network: Network) -> None:
    """Raise when an edge is counted twice or lost."""
    times = np.asarray(corridors.edges.astype(np.int64).sum(axis=0)).ravel()
    assert times.max() <= 1
    assert (times[corridors.counted] == 1).all()
    km = corridors.frame["length_m"].sum() / 1000 + sum(corridors.left_out_km.values())
    assert abs(km - network.length_m[~network.twin].sum() / 1000) < 1e-6 * km


def record(
    case: str, city_map: CityMap, districts: gpd.GeoDataFrame, classes: tuple[str, ...]
) -> dict[str, object]:
    """Find the corridors of a map and say what came out."""
    crs = metric_crs(*districts.total_bounds)
    network = build_network(city_map.roads, crs)
    junctions = find_junctions(network, city_map.roads)
    started = time.perf_counter()
    corridors = find_corridors(network, junctions, districts, city_map, CorridorRules(classes))
    seconds = time.perf_counter() - started
    check_counted_once(corridors, network)
    metres = corridors.frame["length_m"].to_numpy()
    links = [name for name in ROAD_CLASSES if name.endswith("_link")]
    used = np.isin(np.array(ROAD_CLASSES)[network.highway], [*classes, *links])
    weight = np.where(corridors.counted, network.length_m, 0.0)[used]
    return {
        "case": case,
        "route": "streets" if "residential" in classes else "tertiary and higher",
        "edges": len(network.tail),
        "corridors": len(metres),
        "nodes": len(corridors.node_xy),
        "km": round(float(metres.sum() / 1000), 1),
        "mean_m": round(float(metres.mean()), 1),
        "median_m": round(float(np.median(metres)), 1),
        "largest_part": round(largest_share(corridors.tail, corridors.head, metres), 5),
        "largest_part_of_roads": round(
            largest_share(network.tail[used], network.head[used], weight), 5
        ),
        "named": round(float(metres[corridors.frame["named"].to_numpy()].sum() / metres.sum()), 3),
        "seconds": round(seconds, 3),
        "peak_mb": round(psutil.Process().memory_info().rss / 2**20),
    }


def squares(city_map: CityMap) -> Iterator[tuple[str, CityMap]]:
    """Cut growing squares around the middle of a map's roads; the last is all of it."""
    lines = city_map.roads.frame.geometry.to_numpy()
    west, south, east, north = shapely.total_bounds(lines)
    # A city's streets are rarely in the middle of the extract.
    x, y = np.median(shapely.get_coordinates(shapely.centroid(lines)), axis=0)
    for share in SHARES:
        wide, high = (east - west) * share / 2, (north - south) * share / 2
        inside = shapely.intersects(shapely.box(x - wide, y - high, x + wide, y + high), lines)
        inside |= share == 1
        yield f"{share:.0%}", replace(city_map, roads=select_roads(city_map.roads, inside))


def cases(args: argparse.Namespace) -> Iterator[tuple[str, CityMap, gpd.GeoDataFrame]]:
    """Yield maps to try, with their districts."""
    if args.roads:
        city_map = read_map(Path(args.roads), "wgs84")
        whole = districts_of(args.city, ()) if args.city else None
        for name, part in squares(city_map):
            around = whole if whole is not None else district_of_extent(part.roads, "extent")
            yield f"{Path(args.roads).stem} {name}", part, around
    city = args.sample or ("淄博市" if args.quick else "")
    if city:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "sample.osm.pbf"
            write_sample(city, file, seed=0)
            yield f"sample of {city}", read_map(file, "wgs84"), districts_of(city, ())


def main() -> None:
    """Print one line a case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--roads", help="an OSM extract or a road layer")
    parser.add_argument("--city", default="", help="city of the extract, for its districts")
    parser.add_argument("--sample", default="", help="city whose sample is written and tried")
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    for case, city_map, districts in cases(args):
        for classes in (CLASSES,) if args.quick else (CLASSES, STREETS):
            print(json.dumps(record(case, city_map, districts, classes), ensure_ascii=False))


if __name__ == "__main__":
    main()
