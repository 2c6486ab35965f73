# ruff: noqa: PLR2004  (metres and shares of a drawing, plain where they stand)
"""Roads between built-up areas: trunk and primary roads, county roads, villages."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, dijkstra, shortest_path
from scipy.spatial import Delaunay, cKDTree

from siting.sample.corridors import OFF_LAND_M
from siting.sample.streets import BRIDGE, POINT, TEE, Street, unit, wavy

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.sample.settle import Settlement

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

ANCHORS = 10
"""Points on the outline of a built-up area that village roads may lead to."""

RIVER_EVERY_M = 8_000.0
"""Spacing of bridges over rivers, which are not drawn, on roads between towns; planner's own."""

TERTIARY_LOAD = 5
"""A village road that this many villages use on their way to town is a county road."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Where a street of a built-up area leaves it: point, outward direction, street number."""

    place: int
    xy: Floats
    ahead: Floats
    street: int


def regional_roads(
    settled: Settlement, gates: list[Gate], rng: np.random.Generator
) -> tuple[list[Street], set[int]]:
    """
    Return the roads between built-up areas, and the numbers of the gates they use.

    Areas are joined where no third one is nearer to both (relative neighbourhood graph, Toussaint
    1980, on distances between outlines). The ways from the core to the seats are trunk roads, those
    between seats primary, the rest secondary.
    """
    places = settled.places
    outline = np.array([p.outline for p in places], dtype=object)
    gap = shapely.distance(outline[:, None], outline[None, :])
    a, b = _neighbours(gap)
    grade = _grades(gap, a, b, np.array([p.kind for p in places]))
    by_place: dict[int, list[int]] = {}
    for number, gate in enumerate(gates):
        by_place.setdefault(gate.place, []).append(number)
    used: set[int] = set()
    roads = []
    for i, j, highway in zip(a.tolist(), b.tolist(), grade, strict=True):
        ends = []
        for here, there in ((i, j), (j, i)):
            best = _best_gate(gates, by_place.get(here, []), np.array(places[there].xy))
            if best is not None:
                ends.append(best)
        if len(ends) < 2:
            continue
        road = _road(gates[ends[0]], gates[ends[1]], highway, rng)
        outside = shapely.difference(shapely.LineString(road.line), settled.land)
        if shapely.length(outside) < OFF_LAND_M:
            used.update(ends)
            roads.append(road)
    return roads, used


def _neighbours(gap: Floats) -> tuple[Ints, Ints]:
    a, b = np.nonzero(np.triu(np.ones_like(gap, dtype=bool), 1))
    keep = np.ones(len(a), dtype=bool)
    for start in range(0, len(a), 4096):
        rows = slice(start, start + 4096)
        worse = np.maximum(gap[a[rows]], gap[b[rows]])
        worse[np.arange(len(worse)), a[rows]] = np.inf
        worse[np.arange(len(worse)), b[rows]] = np.inf
        keep[rows] = worse.min(axis=1) >= gap[a[rows], b[rows]] if worse.shape[1] > 2 else True
    return a[keep], b[keep]


def _grades(gap: Floats, a: Ints, b: Ints, kind: npt.NDArray[np.str_]) -> list[str]:
    n = len(gap)
    graph = csr_array((gap[a, b] + 500.0, (a, b)), shape=(n, n))
    seats = np.flatnonzero(kind != "town")
    _, before = shortest_path(graph, directed=False, return_predecessors=True, indices=seats)
    rank = dict.fromkeys(zip(a.tolist(), b.tolist(), strict=True), 2)
    for row, source in enumerate(seats):
        level = 0 if kind[source] == "core" else 1
        distance = gap[source, seats]
        nearest = seats[np.argsort(distance, kind="stable")[: len(seats) if level == 0 else 4]]
        for goal in nearest:
            at = int(goal)
            while before[row, at] >= 0:
                prior = int(before[row, at])
                edge = (min(at, prior), max(at, prior))
                rank[edge] = min(rank[edge], level)
                at = prior
    names = ("trunk", "primary", "secondary")
    return [names[rank[i, j]] for i, j in zip(a.tolist(), b.tolist(), strict=True)]


def _best_gate(gates: list[Gate], numbers: list[int], goal: Floats) -> int | None:
    best, score = None, math.inf
    for number in numbers:
        way = goal - gates[number].xy
        cost = float(np.hypot(*way)) * (1.6 - 0.6 * float(unit(way) @ gates[number].ahead))
        if cost < score:
            best, score = number, cost
    return best


def _road(one: Gate, other: Gate, highway: str, rng: np.random.Generator) -> Street:
    distance = float(np.hypot(*(other.xy - one.xy)))
    handle = min(0.3 * distance, 2_500.0)
    points = np.array(
        [one.xy, one.xy + handle * one.ahead, other.xy + handle * other.ahead, other.xy]
    )
    t = np.linspace(0, 1, max(int(distance / 200), 6) + 1)[:, None]
    a, b, c, d = points
    line = (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d
    line = wavy(line, 0.010, rng, 200.0)
    line[0], line[-1] = one.xy, other.xy
    width = 16.0 if highway == "trunk" else 0.0
    at = np.arange(rng.uniform(0.3, 1.0) * RIVER_EVERY_M, distance - 400.0, RIVER_EVERY_M)
    spans = tuple((float(a), float(a + rng.uniform(40, 220)), BRIDGE) for a in at)
    return Street(line, highway, width_m=width, start=POINT, end=POINT, spans=spans)


def village_roads(
    settled: Settlement, main: list[Street], rng: np.random.Generator
) -> list[Street]:
    """
    Return the roads between villages, towns and main roads.

    Villages and points on the outlines of towns are joined by their relative neighbourhood graph;
    villages near a main road are joined to it. Roads across a built-up area are left out.
    """
    villages = settled.villages
    if len(villages) < 4:
        return []
    anchors, owner = _anchors(settled)
    points = np.vstack([villages, anchors])
    place = np.concatenate([np.full(len(villages), -1), owner])
    a, b = relative_neighbours(points)
    good = (place[a] != place[b]) | (place[a] < 0)
    a, b = a[good], b[good]
    lines = shapely.linestrings(np.stack([points[a], points[b]], axis=1))
    built = shapely.union_all([shapely.buffer(p.outline, -30) for p in settled.places])
    shapely.prepare(built)
    clear = ~shapely.intersects(built, lines)
    # Roads stay on land: a bay or another city's ground is not crossed.
    clear &= shapely.length(shapely.difference(lines, settled.land)) < 900.0
    a, b = a[clear], b[clear]
    load = _loads(points, a, b, len(villages))
    roads = []
    for i, j, users in zip(a.tolist(), b.tolist(), load.tolist(), strict=True):
        line = wavy(points[[i, j]], 0.028, rng, 160.0)
        highway = "tertiary" if users >= TERTIARY_LOAD else "unclassified"
        ends = [POINT if k < len(villages) else TEE for k in (i, j)]
        roads.append(Street(line, highway, start=ends[0], end=ends[1]))
    return roads + _spurs(villages, main, rng)


def _anchors(settled: Settlement) -> tuple[Floats, Ints]:
    found, owner = [], []
    for number, place in enumerate(settled.places):
        count = max(ANCHORS, int(place.outline.length / 1_800)) if place.kind != "town" else 6
        at = np.arange(count) / count
        ring = shapely.line_interpolate_point(place.outline.exterior, at, normalized=True)
        found.append(shapely.get_coordinates(ring))
        owner.append(np.full(count, number))
    return np.vstack(found), np.concatenate(owner)


def relative_neighbours(points: Floats) -> tuple[Ints, Ints]:
    """
    Return the edges of the relative neighbourhood graph of points.

    It is part of the Delaunay triangulation; an edge goes when a third point is nearer to both of
    its ends, looked for among the 24 points nearest to its middle.
    """
    simplices = Delaunay(points).simplices
    pairs = np.sort(
        np.vstack([simplices[:, [0, 1]], simplices[:, [1, 2]], simplices[:, [0, 2]]]), 1
    )
    pairs = np.unique(pairs, axis=0)
    a, b = pairs[:, 0].astype(np.int64), pairs[:, 1].astype(np.int64)
    size = np.linalg.norm(points[a] - points[b], axis=1)
    _, near = cKDTree(points).query((points[a] + points[b]) / 2, k=min(24, len(points)))
    to_a = np.linalg.norm(points[near] - points[a][:, None], axis=2)
    to_b = np.linalg.norm(points[near] - points[b][:, None], axis=2)
    third = (near != a[:, None]) & (near != b[:, None])
    blocked = (third & (np.maximum(to_a, to_b) < size[:, None])).any(axis=1)
    return a[~blocked], b[~blocked]


def _loads(points: Floats, a: Ints, b: Ints, villages: int) -> Ints:
    """Return how many villages use each edge on the shortest way to a town."""
    n = len(points)
    size = np.linalg.norm(points[a] - points[b], axis=1)
    graph = coo_array((size, (a, b)), shape=(n, n)).tocsr()
    distance, before, _ = dijkstra(
        graph,
        directed=False,
        indices=np.arange(villages, n),
        min_only=True,
        return_predecessors=True,
    )
    through = (np.arange(n) < villages).astype(np.int64)
    order = np.argsort(-np.where(np.isfinite(distance), distance, -1.0), kind="stable")
    for node in order.tolist():
        prior = int(before[node])
        if prior >= 0:
            through[prior] += through[node]
    down = np.where(before[b] == a, through[b], np.where(before[a] == b, through[a], 0))
    return np.asarray(down)


def _spurs(villages: Floats, main: list[Street], rng: np.random.Generator) -> list[Street]:
    """Return short roads from villages to a main road nearby."""
    lines = np.array([shapely.linestrings(s.line) for s in main], dtype=object)
    if len(lines) == 0:
        return []
    points = np.asarray(shapely.points(villages), dtype=object)
    tree = shapely.STRtree(lines)
    pairs, distance = tree.query_nearest(
        points, max_distance=1_300.0, return_distance=True, all_matches=False
    )
    pick = (distance > 60.0) & (rng.random(len(distance)) < 0.55)
    own, other = pairs[0][pick], pairs[1][pick]
    ways = shapely.get_coordinates(shapely.shortest_line(points[own], lines[other]))
    ways = ways.reshape(-1, 2, 2)
    return [
        Street(wavy(way, 0.02, rng, 120.0), "unclassified", start=POINT, end=TEE) for way in ways
    ]


def village_streets(settled: Settlement, rng: np.random.Generator) -> list[Street]:
    """Return the streets inside villages: a few lanes round the point where its roads meet."""
    streets = []
    for xy in settled.villages:
        streets += _village(xy, rng)
    return streets


def _village(xy: Floats, rng: np.random.Generator) -> list[Street]:
    m, n = int(rng.integers(2, 5)), int(rng.integers(2, 5))
    angle = rng.normal(0.0, 0.35)
    axis = np.array([math.cos(angle), math.sin(angle)])
    across = np.array([-axis[1], axis[0]])
    u = np.cumsum(rng.uniform(60, 130, m))
    v = np.cumsum(rng.uniform(60, 130, n))
    i, j = m // 2, n // 2
    grid = (u - u[i])[:, None, None] * axis + (v - v[j])[None, :, None] * across
    grid = grid + rng.normal(0, 7, grid.shape)
    grid -= grid[i, j]
    nodes = (xy + grid).reshape(-1, 2)
    number = np.arange(m * n).reshape(m, n)
    tail = np.concatenate([number[:-1].ravel(), number[:, :-1].ravel()])
    head = np.concatenate([number[1:].ravel(), number[:, 1:].ravel()])
    keep = rng.random(len(tail)) > 0.33
    links = coo_array(
        (np.ones(keep.sum(), dtype=np.int8), (tail[keep], head[keep])), shape=(m * n, m * n)
    )
    _, label = connected_components(links, directed=False)
    keep &= label[tail] == label[number[i, j]]
    return [
        Street(nodes[[a, b]], "residential", start=POINT, end=POINT)
        for a, b in zip(tail[keep].tolist(), head[keep].tolist(), strict=True)
    ]
