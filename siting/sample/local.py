# ruff: noqa: PLR2004  (metres and shares of a drawing, plain where they stand)
"""Residential and service streets inside a block: patches of a bent grid with gaps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from siting.sample.streets import NEAR, POINT, TEE, Street, wavy

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

EMPTY = ((0.1, 0.66), (0.25, 0.44), (1.0, 0.34), (math.inf, 0.24))
"""
Share of blocks with hardly a street of their own, by area up to so many km2.

Campuses, plants, parks, gated compounds; measured in central Jinan between streets of tertiary
class or better (under 0.5 km per km2).
"""

KINDS = (
    # highway, share of patches, spacing along and across in metres, share of the block, gaps
    ("residential", 0.58, 80.0, 160.0, 0.30, 0.33),
    ("service", 0.24, 74.0, 145.0, 0.24, 0.37),
    ("living_street", 0.08, 42.0, 74.0, 0.10, 0.30),
    ("unclassified", 0.09, 80.0, 190.0, 0.21, 0.34),
)
"""Patches of local streets; spacings near Jinan's median edge of each class (91, 83, 52, 57 m)."""


WINDING_SHARE = 0.3
"""Share of those blocks that a lane winds through, as in Jinan's hills and parks."""

_LEAST_M2 = 1.2e4


@dataclass(frozen=True, slots=True)
class _Patch:
    highway: str
    nodes: Floats
    tail: Ints
    head: Ints
    gate: npt.NDArray[np.bool_]
    lane: Ints


def local_streets(block: shapely.Polygon, rng: np.random.Generator) -> list[Street]:
    """
    Return the local streets of a block; every one is joined to the block's rim.

    Parameters
    ----------
    block
        The streets around it as a polygon, metres.
    rng
        Source of chance.
    """
    empty = next(share for limit, share in EMPTY if block.area / 1e6 <= limit)
    if block.area < _LEAST_M2:
        return []
    if rng.random() < empty:
        return _winding(block, rng) if rng.random() < WINDING_SHARE else []
    shares = np.array([kind[1] for kind in KINDS])
    highway, _, along_m, across_m, cover, gaps = KINDS[
        rng.choice(len(KINDS), p=shares / shares.sum())
    ]
    grain = math.exp(rng.normal(0.0, 0.45))
    cover = min(cover * rng.uniform(0.6, 1.4), 1.0)
    patch = _lattice(block, (along_m * grain, across_m * grain), cover, rng)
    if patch is None:
        return []
    nodes, tail, head, gate, lane = patch
    keep = rng.random(len(tail)) > np.where(gate, 0.66, gaps)
    keep = _anchored(nodes, tail, head, gate, keep)
    return _streets(_Patch(highway, nodes, tail[keep], head[keep], gate[keep], lane[keep]))


def _winding(block: shapely.Polygon, rng: np.random.Generator) -> list[Street]:
    """Return a lane that winds from one point of the rim to another, or ends on the way."""
    rim = block.exterior
    start = rng.random()
    ends = [start, (start + rng.uniform(0.25, 0.6)) % 1.0]
    points = shapely.get_coordinates(shapely.line_interpolate_point(rim, ends, normalized=True))
    line = wavy(points, 0.05, rng, 45.0)
    if rng.random() < 0.4:
        line = line[: max(int(0.7 * len(line)), 2)]
    if len(line) < 4 or not block.buffer(-25).contains(shapely.LineString(line[1:-1])):
        return []
    end = NEAR if np.allclose(line[-1], points[1]) else POINT
    return [Street(line, "residential", start=NEAR, end=end)]


def _frame(block: shapely.Polygon, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return the centre of a block and its long axis (unit vector), slightly turned."""
    box = shapely.get_coordinates(shapely.minimum_rotated_rectangle(block))
    sides = np.diff(box[:3], axis=0)
    long = sides[np.linalg.norm(sides, axis=1).argmax()]
    angle = math.atan2(long[1], long[0]) + rng.normal(0.0, 0.05)
    if rng.random() < 0.12:
        angle += rng.uniform(-0.6, 0.6)
    centre = shapely.get_coordinates(block.centroid)[0]
    return centre, np.array([math.cos(angle), math.sin(angle)])


def _lattice(
    block: shapely.Polygon, spacing: tuple[float, float], cover: float, rng: np.random.Generator
) -> tuple[Floats, Ints, Ints, npt.NDArray[np.bool_], Ints] | None:
    """
    Return nodes, edges, which edges are gates to the rim, and the lane that each edge is part of.

    The lattice fills a rectangle of `cover` of the block; its outermost edges reach the rim.
    """
    centre, axis = _frame(block, rng)
    across = np.array([-axis[1], axis[0]])
    ring = shapely.get_coordinates(block.exterior) - centre
    u, v = ring @ axis, ring @ across
    lows, spans = np.array([u.min(), v.min()]), np.array([np.ptp(u), np.ptp(v)])
    size = (
        spans * math.sqrt(cover) * np.clip(np.exp(rng.normal(0, 0.2, 2)), 0.5, 1 / math.sqrt(cover))
    )
    corner = lows + rng.random(2) * (spans - size)
    count = np.maximum((size / np.array(spacing[::-1])).astype(int), 1)
    if count.max() > 40:
        count = np.minimum(count, 40)
    i, j = np.meshgrid(np.arange(count[0]), np.arange(count[1]), indexing="ij")
    step = size / count
    uu = corner[0] + (i + 0.5) * step[0]
    vv = corner[1] + (j + 0.5) * step[1]
    # Lanes keep their line, unevenly spaced; the patch bends as a whole.
    uu += (rng.normal(0, 0.22, count[0]) * step[0])[:, None]
    vv += (rng.normal(0, 0.22, count[1]) * step[1])[None, :]
    bend = rng.normal(0, 0.12)
    vv += bend * (uu - uu.mean()) ** 2 / max(spans[0], 1.0)
    uu += rng.normal(0, 0.05, uu.shape) * step[0]
    vv += rng.normal(0, 0.05, vv.shape) * step[1]
    grid = np.stack([uu, vv], axis=-1)
    return _edges(block, grid, centre, axis, across)


def _edges(
    block: shapely.Polygon, grid: Floats, centre: Floats, axis: Floats, across: Floats
) -> tuple[Floats, Ints, Ints, npt.NDArray[np.bool_], Ints] | None:
    m, n = grid.shape[:2]
    nodes = centre + grid[..., :1] * axis + grid[..., 1:] * across
    number = np.arange(m * n).reshape(m, n)
    flat = nodes.reshape(-1, 2)
    inner = shapely.buffer(block, -22.0)
    if inner.is_empty:
        return None
    shapely.prepare(inner)
    inside = shapely.contains_xy(inner, flat[:, 0], flat[:, 1])
    if not inside.any():
        return None
    tail = np.concatenate([number[:-1].ravel(), number[:, :-1].ravel()])
    head = np.concatenate([number[1:].ravel(), number[:, 1:].ravel()])
    lane = np.concatenate([np.tile(np.arange(n), m - 1), n + np.repeat(np.arange(m), n - 1)])
    lines = shapely.linestrings(np.stack([flat[tail], flat[head]], axis=1))
    ok = inside[tail] & inside[head] & shapely.contains(inner, lines)
    tail, head, lane = tail[ok], head[ok], lane[ok]
    rim, rim_from, rim_lane = _gates(block, flat, inside, (m, n), axis, across)
    at = len(flat) + np.arange(len(rim))
    gate = np.concatenate([np.zeros(len(tail), dtype=bool), np.ones(len(rim), dtype=bool)])
    return (
        np.vstack([flat, rim]),
        np.concatenate([tail, rim_from]),
        np.concatenate([head, at]),
        gate,
        np.concatenate([lane, rim_lane]),
    )


def _gates(
    block: shapely.Polygon,
    nodes: Floats,
    inside: npt.NDArray[np.bool_],
    shape: tuple[int, int],
    axis: Floats,
    across: Floats,
) -> tuple[Floats, Ints, Ints]:
    """Return rim points straight ahead of the ends of each lane, with their node and lane."""
    m, n = shape
    mask = inside.reshape(m, n)
    number = np.arange(m * n).reshape(m, n)
    starts, ways, lanes = [], [], []
    for j in range(n):
        rows = np.flatnonzero(mask[:, j])
        if len(rows):
            starts += [number[rows[0], j], number[rows[-1], j]]
            ways += [-axis, axis]
            lanes += [j, j]
    for i in range(m):
        columns = np.flatnonzero(mask[i])
        if len(columns):
            starts += [number[i, columns[0]], number[i, columns[-1]]]
            ways += [-across, across]
            lanes += [n + i, n + i]
    start, way = np.array(starts), np.array(ways)
    x0, y0, x1, y1 = block.bounds
    rays = shapely.linestrings(
        np.stack([nodes[start], nodes[start] + way * math.hypot(x1 - x0, y1 - y0)], axis=1)
    )
    hits = shapely.intersection(rays, block.exterior)
    near = shapely.get_coordinates(shapely.shortest_line(shapely.points(nodes[start]), hits))
    rim = near[1::2]
    ok = ~shapely.is_empty(hits)
    gap = np.linalg.norm(rim - nodes[start][ok], axis=1)
    short = gap < 260.0
    return rim[short], start[ok][short], np.array(lanes)[ok][short]


def _anchored(
    nodes: Floats, tail: Ints, head: Ints, gate: npt.NDArray[np.bool_], keep: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Return edges of the parts that reach the rim; the largest part gets a gate if it has none."""
    if not keep[~gate].any() and not keep.any():
        return keep
    label = _parts(len(nodes), tail[keep], head[keep])
    size = np.bincount(label[tail[keep]], minlength=label.max() + 1)
    largest = size.argmax()
    if not (keep & gate & (label[tail] == largest)).any():
        spare = np.flatnonzero(gate & (label[tail] == largest))
        if len(spare):
            gap = np.linalg.norm(nodes[tail[spare]] - nodes[head[spare]], axis=1)
            keep = keep.copy()
            keep[spare[gap.argmin()]] = True
    anchored = np.zeros(label.max() + 1, dtype=bool)
    anchored[label[tail[keep & gate]]] = True
    return keep & anchored[label[tail]]


def _parts(count: int, tail: Ints, head: Ints) -> Ints:
    links = coo_array((np.ones(len(tail), dtype=np.int8), (tail, head)), shape=(count, count))
    return np.asarray(connected_components(links, directed=False)[1])


def _streets(patch: _Patch) -> list[Street]:
    """Return one street for each run of edges along a lane."""
    streets = []
    for lane in np.unique(patch.lane):
        rows = np.flatnonzero(patch.lane == lane)
        for run in _runs(patch.tail[rows], patch.head[rows]):
            ends = [_end(patch, node) for node in (run[0], run[-1])]
            streets.append(Street(patch.nodes[run], patch.highway, start=ends[0], end=ends[1]))
    return streets


def _end(patch: _Patch, node: int) -> int:
    on_rim = bool((patch.head[patch.gate] == node).any())
    if not on_rim:
        return POINT
    return TEE if node % 4 == 0 else NEAR


def _runs(tail: Ints, head: Ints) -> list[list[int]]:
    """Return paths through the edges of one lane, each a list of nodes."""
    follow: dict[int, list[int]] = {}
    for a, b in zip(tail.tolist(), head.tolist(), strict=True):
        follow.setdefault(a, []).append(b)
        follow.setdefault(b, []).append(a)
    seen: set[int] = set()
    runs = []
    for node in sorted(follow):
        if node in seen or len(follow[node]) != 1:
            continue
        run = [node]
        seen.add(node)
        while True:
            ahead = [b for b in follow[run[-1]] if b not in seen]
            if not ahead:
                break
            run.append(ahead[0])
            seen.add(ahead[0])
        runs.append(run)
    return runs
