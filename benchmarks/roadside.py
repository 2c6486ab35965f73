"""
Sites of roadside units: time, gap and memory as the built area asked for grows, in both readings.

    python benchmarks/roadside.py                      # Qingdao on the sample city
    python benchmarks/roadside.py --roads FILE         # real roads (OSM extract) of --model
    python benchmarks/roadside.py --general            # HiGHS on the written rows beside it
    python benchmarks/roadside.py --quick              # two targets, under a minute

One JSON object a line. Every plan is checked (the front refuses one that breaks a rule), every
bound is computed again from its multipliers by the checker's own code, and the area of a footprint
is compared with the union of its discs, before a line is printed. Beside each plan stands the
least number of sites that any plan of that area needs: a disc of the largest radius each.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import shapely

from siting.candidates.roadside import RoadPoints, RoadsideSites, road_points, roadside_sites
from siting.city.reading import read_city
from siting.core.certificate import recompute_bound
from siting.core.solve import solve
from siting.datum import equal_area_crs, geometry_to_lonlat, geometry_to_metric
from siting.evidence import building_evidence
from siting.formulate.roadside import RoadsideAsked, decode_roadside, roadside_programme
from siting.model.model import load_model
from siting.network import build_network
from siting.network.junctions import find_junctions
from siting.reach.faces import Faces, footprint_faces
from siting.reach.radio import discs, heard
from siting.reach.zones import Zones, build_zones
from siting.verify.builtbound import built_bound

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import numpy.typing as npt
    from scipy.sparse import csr_array

    from siting.core.outcome import Outcome
    from siting.model.roadside import Roadside
    from siting.programme import Programme

TARGETS_KM2 = (25.0, 50.0, 100.0, 200.0, 400.0)
QUICK_KM2 = (25.0, 100.0)


class Ground(NamedTuple):
    """What all targets are planned on."""

    settings: Roadside
    sites: RoadsideSites
    points: RoadPoints
    heard: csr_array
    zones: Zones
    discs: npt.NDArray[np.object_]
    planned: shapely.Geometry
    faces: Faces
    seconds: float


def ground_of(name: str, roads: Path | None, cache: Path) -> Ground:
    """Read a city and lay out sites, points, cells and pieces of discs."""
    overrides = {"sources.roads": str(roads.resolve()), "area.partial": "whole"} if roads else None
    city = read_city(load_model(name, overrides), cache=cache)
    settings = city.model.roadside
    if settings is None:
        raise SystemExit(f"the model {name} has no roadside part")
    network = build_network(city.map.roads, city.crs)
    started = time.perf_counter()
    junctions = find_junctions(network, city.map.roads)
    sites = roadside_sites(network, junctions, city.districts, city.map, settings)
    points = road_points(network, city.districts, settings)
    covers = heard(sites, points, network)
    zones = build_zones(network, city.districts, points, sites, settings)
    plane = equal_area_crs(*city.districts.total_bounds)
    shapes = discs(sites.xy, sites.frame["radius_m"].to_numpy(dtype=float))
    flat = geometry_to_metric(geometry_to_lonlat(shapes, network.crs), plane)
    whole = geometry_to_metric(city.districts.geometry.to_numpy(), plane)
    planned = shapely.union_all(whole)
    faces = footprint_faces(flat, planned)
    seconds = time.perf_counter() - started
    return Ground(settings, sites, points, covers, zones, flat, planned, faces, seconds)


def asked_of(ground: Ground, reading: str, target_km2: float) -> RoadsideAsked:
    """Ask for an area by the rules of the model."""
    settings = ground.settings
    asked = RoadsideAsked(
        target_km2=target_km2,
        covered_share=settings.covered_share.value,
        least_neighbours=settings.least_neighbours,
        least_patch=settings.least_patch_cells,
        redundancy=settings.redundancy,
    )
    return replace(asked, faces=ground.faces) if reading == "footprint" else asked


def checked(programme: Programme, outcome: Outcome, ground: Ground, reading: str) -> float:
    """Check bound and footprint by other code; the gap that the multipliers alone prove."""
    named = building_evidence(programme, outcome)
    arrays = {name.removeprefix("roadside/"): values for name, values in named.items()}
    proven = built_bound(arrays)
    again = recompute_bound(programme.structure, outcome.certificate)
    assert math.isclose(proven, again, rel_tol=1e-7)
    assert proven <= outcome.objective * (1 + 1e-9)
    if reading == "footprint":
        equipped, built = decode_roadside(programme, outcome)
        union = shapely.intersection(shapely.union_all(ground.discs[equipped]), ground.planned)
        assert math.isclose(
            shapely.area(union) / 1e6, ground.faces.area_km2[built].sum(), rel_tol=1e-6
        )
    return 1 - proven / outcome.objective


def lines(
    ground: Ground, reading: str, target_km2: float, asked: argparse.Namespace
) -> Iterator[dict[str, object]]:
    """Solve one target by each route."""
    started = time.perf_counter()
    rules = asked_of(ground, reading, target_km2)
    programme = roadside_programme(ground.sites, ground.points, ground.heard, ground.zones, rules)
    built_s = time.perf_counter() - started
    routes = {"ours": programme}
    if asked.general:
        routes["highs on the rows"] = replace(programme, structure=None)
    radius = float(ground.sites.frame["radius_m"].max())
    for route, question in routes.items():
        outcome = solve(question, gap=asked.gap, seconds=asked.seconds, seed=0)
        line = {
            "case": f"{reading} {target_km2:g} km2",
            "route": route,
            "status": str(outcome.status),
            "seconds": round(outcome.seconds, 1),
            "formulate_s": round(built_s, 1),
            "peak_mb": round(outcome.peak_memory_mb),
            "objective": outcome.objective,
            "bound": outcome.bound,
            "gap": round(outcome.gap, 5),
            "message": outcome.message,
        }
        if outcome.values and route == "ours":
            equipped, built = decode_roadside(programme, outcome)
            line["gap_by_multipliers"] = round(checked(programme, outcome, ground, reading), 5)
            line["sites"] = int(equipped.sum())
            line["cells"] = int(built.sum())
            line["sites_at_least"] = math.ceil(target_km2 * 1e6 / (math.pi * radius**2))
        yield line


def main() -> None:
    """Print what was laid out, then one line a target and reading."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="qingdao")
    parser.add_argument("--roads", type=Path)
    parser.add_argument("--cache", type=Path, help="keeps the sample city")
    parser.add_argument("--general", action="store_true")
    parser.add_argument("--gap", type=float, default=0.01)
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ground = ground_of(asked.model, asked.roads, asked.cache or Path(folder))
    zones = ground.zones
    print(
        json.dumps(
            {
                "case": f"{asked.model} on {asked.roads.name if asked.roads else 'sample roads'}",
                "sites": len(ground.sites.xy),
                "key_junctions": int(zones.junction.nnz),
                "points": len(ground.points.xy),
                "cells": len(zones.area_km2),
                "cells_km2": round(float(zones.area_km2[zones.length_m > 0].sum()), 1),
                "faces": len(ground.faces.area_km2),
                "faces_km2": round(float(ground.faces.area_km2.sum()), 1),
                "seconds": round(ground.seconds, 1),
            }
        ),
        flush=True,
    )
    for target in QUICK_KM2 if asked.quick else TARGETS_KM2:
        for reading in ("zone", "footprint"):
            for line in lines(ground, reading, target, asked):
                print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
