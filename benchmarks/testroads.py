"""
Test roads as the network grows: corridors, time, gap.

    python benchmarks/testroads.py --roads FILE --city 济南市   # squares of an extract
    python benchmarks/testroads.py --quick                      # two squares of a sample city

Each square asks for test roads of a third of its corridors' length, sorts and grades included. One
JSON object a line; every plan is checked by the route's own check and its bound recomputed by the
checker's arithmetic before its line is printed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from testroads_corridors import squares

from siting.candidates.corridors import CorridorRules, find_corridors
from siting.city.reading import join_city
from siting.datum import metric_crs
from siting.districts import districts_of
from siting.errors import InfeasibleError
from siting.layers import read_map
from siting.model.model import load_model
from siting.network import build_network
from siting.network.junctions import find_junctions
from siting.sample import write_sample
from siting.testroads.planning import plan_on_corridors
from siting.verify.roadbound import roads_bound

if TYPE_CHECKING:
    import geopandas as gpd

    from siting.frames import CityMap
    from siting.model.model import Model

SHARE = 1 / 3
"""Part of the corridors' length that is asked for."""
CLASSES = ("motorway", "trunk", "primary", "secondary", "tertiary")


def question(city: str, km: float, seconds: float, gap: float) -> Model:
    """Ask for kilometres, sorts, grades and low-speed roads, from the densest places."""
    return load_model(
        "jinan",
        {
            "area": {"city": city, "partial": "whole"},
            "targets": [
                {"measure": "test_road_km", "at_least": km},
                {"measure": "test_road_sorts", "at_least": 2},
                {"measure": "test_road_grades", "at_least": 2},
                {"measure": "low_speed_districts", "at_least": 0.5},
            ],
            "testroads": {
                "anchors": [],
                "district_anchors": True,
                "components": 3,
                "scenario_clauses": {},
                "least_places": {},
                "explore": False,
                "seconds": seconds,
                "gap": gap,
            },
        },
    )


def record(
    case: str, city: str, city_map: CityMap, districts: gpd.GeoDataFrame, asked: tuple[float, float]
) -> dict[str, object]:
    """Plan the test roads of a map and say what came out."""
    network = build_network(city_map.roads, metric_crs(*districts.total_bounds))
    junctions = find_junctions(network, city_map.roads)
    rules = CorridorRules(CLASSES, 100.0, 100.0)
    started = time.perf_counter()
    corridors = find_corridors(network, junctions, districts, city_map, rules)
    found_s = time.perf_counter() - started
    km = SHARE * float(corridors.frame["length_m"].sum()) / 1000
    whole = join_city(question(city, km, *asked), city_map, districts)
    line: dict[str, object] = {
        "case": case,
        "route": "ours",
        "corridors": len(corridors.tail),
        "km_asked": round(km, 1),
        "corridor_seconds": round(found_s, 2),
    }
    started = time.perf_counter()
    try:
        plan = plan_on_corridors(whole, network, corridors)
    except InfeasibleError as error:
        return {**line, "seconds": round(time.perf_counter() - started, 1), "refused": str(error)}
    line["seconds"] = round(time.perf_counter() - started, 1)
    arrays = {name.partition("/")[2]: values for name, values in plan.evidence.items()}
    proven = roads_bound(arrays)
    assert proven >= plan.record["objective"] * (1 - 1e-9)
    return {
        **line,
        "km": round(plan.totals["test_road_km"], 1),
        "sections": len(plan.frames.catalogue),
        "mean_section_km": round(float(plan.frames.catalogue["km"].mean()), 2),
        "parts": int(plan.frames.roads["part"].nunique()),
        "objective": plan.record["objective"],
        "bound": plan.record["bound"],
        "certified": proven,
        "gap": round(float(plan.record["gap"]), 5),
    }


def main() -> None:
    """Run the squares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--roads", type=Path)
    parser.add_argument("--city", default="济南市")
    parser.add_argument("--quick", action="store_true", help="the two smallest squares")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--gap", type=float, default=0.01)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        roads = asked.roads or Path(folder) / "sample.osm.pbf"
        if asked.roads is None:
            write_sample(asked.city, roads, seed=0)
        city_map = read_map(roads, "wgs84")
    districts = districts_of(asked.city, ())
    cases = list(squares(city_map))
    for share, part in cases[:2] if asked.quick else cases:
        limits = (20.0, 0.02) if asked.quick else (asked.seconds, asked.gap)
        case = f"{roads.stem}, {share} of its side"
        line = record(case, asked.city, part, districts, limits)
        load = psutil.getloadavg()[0]
        peak = psutil.Process().memory_info().rss / 2**20
        print(json.dumps({**line, "load": round(load, 1), "peak_mb": round(peak)}), flush=True)


if __name__ == "__main__":
    main()
