"""
Compare the sample city's built-up core with a real road extract: one JSON object a figure.

    python benchmarks/sample_realism.py --real FILE                  # against the sample of Jinan
    python benchmarks/sample_realism.py --real FILE --sample FILE    # against a file
    python benchmarks/sample_realism.py --real FILE --picture side.png

The core is the square window with the most road length. A figure is ok within 20 % of the real
one. Junctions are vertices where other than two stretches of road meet; each carriageway counts.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from siting.datum import metric_crs
from siting.osm import read_osm
from siting.sample import write_sample

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

TOLERANCE = 0.20
"""A figure is ok within this share of the real one."""

CELL_M = 1_000.0
PASSED = 2
"""Stretches at a vertex that a road only passes through."""

ARTERIALS = ("motorway", "trunk", "primary", "secondary", "tertiary")
LOCAL = ("unclassified", "residential", "living_street", "service")
BEARING_BINS = 36
"""Bins of ten degrees centred on the compass points, as OSMnx's orientation entropy has."""


@dataclass(frozen=True)
class Segments:
    """Straight stretches between vertices: ends, class, and the places of all vertices (metres)."""

    xy: Floats
    a: Ints
    b: Ints
    highway: npt.NDArray[np.str_]

    @property
    def length_m(self) -> Floats:
        """Length of each stretch."""
        return np.asarray(np.hypot(*(self.xy[self.a] - self.xy[self.b]).T))


@dataclass(frozen=True)
class Edges:
    """Roads between junctions: ends, length, class."""

    tail: Ints
    head: Ints
    length_m: Floats


def read(path: Path) -> Segments:
    """Read an extract into straight stretches in a metric projection."""
    roads = read_osm(path).roads
    lines = roads.frame.geometry
    lines = lines.to_crs(metric_crs(*lines.total_bounds))
    points = shapely.get_coordinates(lines.to_numpy())
    ids, number = np.unique(roads.vertex_id, return_inverse=True)
    xy = np.zeros((len(ids), 2))
    xy[number] = points
    row = np.repeat(np.arange(len(lines)), np.diff(roads.vertex_start))
    inner = np.flatnonzero(row[:-1] == row[1:])
    a, b = number[inner], number[inner + 1]
    highway = roads.frame["highway"].to_numpy(dtype=str)[row[inner]]
    real = a != b
    return Segments(xy, a[real], b[real], highway[real])


def core(segments: Segments, size_m: float) -> tuple[Floats, Floats]:
    """Return the corners of the square window with the most road length."""
    middle = (segments.xy[segments.a] + segments.xy[segments.b]) / 2
    origin = middle.min(axis=0)
    cell = ((middle - origin) // CELL_M).astype(np.int64)
    length = np.zeros(cell.max(axis=0) + 1)
    np.add.at(length, (cell[:, 0], cell[:, 1]), segments.length_m)
    k = int(size_m // CELL_M)
    total = np.pad(length, ((1, k), (1, k))).cumsum(axis=0).cumsum(axis=1)
    window = total[k:, k:] - total[:-k, k:] - total[k:, :-k] + total[:-k, :-k]
    best = np.array(np.unravel_index(int(window.argmax()), window.shape))
    low = origin + best * CELL_M
    return low, low + size_m


def simplified(segments: Segments) -> tuple[Edges, Ints]:
    """Return the edges between junctions, and the degree of every vertex."""
    a, b = segments.a, segments.b
    count = len(a)
    degree = np.bincount(np.concatenate([a, b]), minlength=len(segments.xy))
    vertex = np.concatenate([a, b])
    stretch = np.tile(np.arange(count), 2)
    order = np.argsort(vertex, kind="stable")
    through = order[degree[vertex[order]] == PASSED]
    pairs = stretch[through].reshape(-1, 2)
    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    edges, label = connected_components(links, directed=False)
    length = np.bincount(label, segments.length_m, minlength=edges)
    at_end = degree[vertex] != PASSED
    own, end = label[stretch[at_end]], vertex[at_end]
    order = np.argsort(own, kind="stable")
    own, end = own[order], end[order]
    first = np.flatnonzero(np.diff(own, prepend=-1))
    whole = first[
        np.bincount(own, minlength=edges)[own[first]] == PASSED
    ]  # a loop without a junction has no ends
    return Edges(end[whole], end[whole + 1], length[own[whole]]), degree


def figures(segments: Segments, size_m: float) -> dict[str, float]:
    """Return what is compared, by name; units in the names."""
    low, high = core(segments, size_m)
    km2 = size_m**2 / 1e6

    def inside(points: Floats) -> npt.NDArray[np.bool_]:
        return np.asarray(((points >= low) & (points < high)).all(axis=1))

    here = inside((segments.xy[segments.a] + segments.xy[segments.b]) / 2)
    length = segments.length_m / 1e3 / km2
    link = np.char.endswith(segments.highway, "_link")
    found = {
        f"{name}_km_per_km2": float(length[here & (segments.highway == name)].sum())
        for name in ARTERIALS
    }
    found["local_km_per_km2"] = float(length[here & np.isin(segments.highway, LOCAL)].sum())
    found["link_km_per_km2"] = float(length[here & link].sum())
    edges, degree = simplified(segments)
    junction = inside(segments.xy) & (degree != PASSED) & (degree > 0)
    found["junctions_per_km2"] = float(junction.sum() / km2)
    for k in (1, 3, 4):
        found[f"degree_{k}_share"] = float((degree[junction] == k).mean())
    span = segments.xy[edges.head] - segments.xy[edges.tail]
    mine = inside((segments.xy[edges.tail] + segments.xy[edges.head]) / 2) & span.any(axis=1)
    for k in (25, 50, 75, 90):
        found[f"edge_p{k}_m"] = float(np.percentile(edges.length_m[mine], k))
    straight = np.linalg.norm(span[mine], axis=1)
    found["circuity"] = float(edges.length_m[mine].sum() / straight.sum())
    found["orientation_entropy"] = entropy(span[mine])
    return found


def entropy(span: Floats) -> float:
    """Return the Shannon entropy (nats) of the compass bearings of edges, both ways."""
    bearing = np.degrees(np.arctan2(span[:, 0], span[:, 1]))
    half = 180 / BEARING_BINS
    both = np.concatenate([bearing, bearing + 180]) + half
    count = np.histogram(both % 360, bins=BEARING_BINS, range=(0, 360))[0]
    share = count[count > 0] / count.sum()
    return float(-(share * np.log(share)).sum())


def picture(both: list[Segments], size_m: float, path: Path) -> None:
    """Draw the two cores side by side."""
    from matplotlib.collections import LineCollection  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    style = {"motorway": ("#c03", 1.8), "trunk": ("#e60", 1.4), "primary": ("#d90", 1.2)}
    style |= {"secondary": ("#886", 0.9), "tertiary": ("#555", 0.7)}
    figure = Figure(figsize=(24, 12), layout="tight")
    for axes, segments in zip(figure.subplots(1, 2), both, strict=True):
        low, high = core(segments, size_m)
        base = np.char.replace(segments.highway, "_link", "")
        for name in [*LOCAL, *reversed(ARTERIALS)]:
            rows = np.flatnonzero(base == name)
            lines = np.stack([segments.xy[segments.a[rows]], segments.xy[segments.b[rows]]], axis=1)
            colour, width = style.get(name, ("#999", 0.4))
            axes.add_collection(LineCollection(list(lines), colors=colour, linewidths=width))
        axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    figure.savefig(path, dpi=90)


def main() -> None:
    """Print a line for every figure; exit code 1 when one is out."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--real", type=Path, required=True, help="OSM extract to compare with")
    parser.add_argument("--sample", type=Path, help="sample city; else one is written")
    parser.add_argument("--city", default="济南")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--window-km", type=float, default=16.0)
    parser.add_argument("--picture", type=Path, help="draw both cores side by side (matplotlib)")
    parser.add_argument("--quick", action="store_true", help="same as without; it takes seconds")
    asked = parser.parse_args()
    size_m = 1e3 * asked.window_km
    with tempfile.TemporaryDirectory() as folder:
        path = asked.sample or write_sample(
            asked.city, Path(folder) / "sample.osm.pbf", seed=asked.seed
        )
        both = [read(asked.real), read(path)]
    real, sample = (figures(segments, size_m) for segments in both)
    out = 0
    for name, value in real.items():
        ratio = sample[name] / value if value else float("inf")
        ok = abs(ratio - 1) <= TOLERANCE
        out += not ok
        line = {"case": name, "real": round(value, 4), "sample": round(sample[name], 4)}
        print(json.dumps({**line, "ratio": round(ratio, 3), "ok": ok}))
    if asked.picture:
        picture(both, size_m, asked.picture)
    sys.exit(1 if out else 0)


if __name__ == "__main__":
    main()
