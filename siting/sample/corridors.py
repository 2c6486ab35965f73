# ruff: noqa: PLR2004  (metres and shares of a drawing, plain where they stand)
"""Where the expressways of the sample city lead: round the core, past every seat, to the border."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
import shapely
from scipy.interpolate import CubicSpline
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, dijkstra, minimum_spanning_tree

from siting.sample.express import Expressway, expressway
from siting.sample.streets import lengths, right_of, unit, wavy

if TYPE_CHECKING:
    import numpy.typing as npt
    from shapely.geometry.base import BaseGeometry

    from siting.sample.settle import Place, Settlement

    Floats = npt.NDArray[np.float64]

OFF_LAND_M = 6_000.0
"""A road runs at most so far outside the districts, over a bay or a neighbour's ground."""

SEAT_PEOPLE = 30_000.0
"""A seat or town from this size gets an expressway."""

_LANDING_M = 4_000.0
_DETOUR = 1.5
_OPEN_RAD = 1.5
_NAMES = (
    "青银",
    "京台",
    "济广",
    "滨莱",
    "德上",
    "莱泰",
    "高商",
    "董梁",
    "沾临",
    "平东",
    "大高",
    "沂青",
)


def corridors(
    settled: Settlement, ring: Floats | None, through: Floats | None, rng: np.random.Generator
) -> list[Expressway]:
    """
    Return the expressways: the core's ring, one through it, and a tree that joins all seats.

    Every seat is passed at its edge; from the outermost seats an expressway goes on to the border.
    """
    roads = [] if ring is None else [expressway(ring, "绕城高速", "G2001")]
    hubs = [p for p in settled.places if p.kind == "core" or p.people >= SEAT_PEOPLE]
    if len(hubs) < 2:
        return roads
    paths = _paths(hubs, settled, rng)
    lines = [_drawn(path, rng) for path in paths]
    if through is not None:
        lines = _with_through(lines, paths, through, rng)
    lines = _landed([part for line in lines for part in _on_land(line, settled.land)])
    for number, line in enumerate(lines):
        roads.append(expressway(line, f"{_NAMES[number % len(_NAMES)]}高速", f"S{number + 31}"))
    return roads


def _drawn(path: Floats, rng: np.random.Generator) -> Floats:
    """Return a smooth line through points (cubic spline over chord length), wandering a little."""
    at = lengths(path)
    if len(path) > 2:
        fine = np.linspace(0.0, at[-1], max(int(at[-1] / 400.0), 8) + 1)
        path = np.asarray(CubicSpline(at, path, bc_type="natural")(fine))
    return wavy(path, 0.004, rng, 250.0)


def _on_land(line: Floats, land: BaseGeometry) -> list[Floats]:
    """Return a line, or its parts near land where it would run far outside (sea, neighbours)."""
    shape = shapely.linestrings(line)
    if shapely.length(shapely.difference(shape, land)) < OFF_LAND_M:
        return [line]
    parts = shapely.get_parts(shapely.intersection(shape, shapely.buffer(land, 1_000.0)))
    return [shapely.get_coordinates(p) for p in parts if shapely.length(p) > OFF_LAND_M]


def _landed(lines: list[Floats]) -> list[Floats]:
    """Return the lines with loose ends near an earlier line bent on to it."""
    done: list[Floats] = []
    for line in lines:
        bent = _bent_to(_bent_to(line, 0, done), -1, done)
        done.append(bent)
    return done


def _bent_to(line: Floats, end: int, hosts: list[Floats]) -> Floats:
    if not hosts:
        return line
    tip = shapely.Point(line[end])
    host = min((shapely.LineString(h) for h in hosts), key=tip.distance)
    if not 1.0 < tip.distance(host) < _LANDING_M:
        return line
    spot = shapely.get_coordinates(host.interpolate(host.project(tip)))[0]
    share = lengths(line)[:, None] / lengths(line)[-1]
    fade = np.clip(1 - 4 * (share if end == 0 else 1 - share), 0, 1)
    bent: Floats = line + fade * (spot - line[end])
    return bent


def _paths(hubs: list[Place], settled: Settlement, rng: np.random.Generator) -> list[Floats]:
    """Return corridors as points: from hub to hub along a tree, on to the border at its leaves."""
    xy = np.array([h.xy for h in hubs])
    outline = np.array([h.outline for h in hubs], dtype=object)
    gap = shapely.distance(outline[:, None], outline[None, :]) + 1.0
    tree = minimum_spanning_tree(np.triu(gap, 1))
    order, before = breadth_first_order(tree, 0, directed=False)
    children: dict[int, list[int]] = {}
    for i in order[1:]:
        children.setdefault(int(before[i]), []).append(int(i))
    via = xy.copy()
    for i in order[1:]:
        ahead = unit(xy[i] - via[before[i]])
        radius = math.sqrt(hubs[i].outline.area / math.pi)
        aside = (radius * 1.15 + 900.0) * right_of(ahead)
        # On the side that the way on lies on, so that the road doesn't wind.
        onward = xy[children[i][0]] - xy[i] if i in children else rng.normal(0, 1, 2)
        via[i] = xy[i] + (aside if float(onward @ aside) > 0 else -aside)
    paths: list[Floats] = []
    for root in (int(i) for i in order):
        kids = children.get(root, [])
        if root != 0 and kids:
            # The straightest child was already followed by the path through this hub.
            kids = kids[1:]
        paths.extend(_path(root, kid, via, children, settled) for kid in kids)
    first = [path[1] - via[0] for path in paths if np.allclose(path[0], via[0])]
    return paths + _outward(hubs[0], first, settled.land) + _shortcuts(tree, gap, via)


def _outward(core: Place, ways: list[Floats], land: BaseGeometry) -> list[Floats]:
    """Return corridors from the core to the border where no other one leads."""
    centre = np.array(core.xy)
    bearing = sorted(math.atan2(way[1], way[0]) for way in ways)
    paths = []
    for a, b in itertools.pairwise([*bearing, bearing[0] + 2 * math.pi]):
        if b - a < _OPEN_RAD:
            continue
        ahead = np.array([math.cos((a + b) / 2), math.sin((a + b) / 2)])
        exit_ = _exit(centre, ahead, land)
        if not core.outline.buffer(4_000.0).contains(shapely.Point(exit_)):
            paths.append(np.array([centre, exit_]))
    return paths


def _shortcuts(tree: csr_array, gap: Floats, via: Floats) -> list[Floats]:
    """Return corridors between hubs that the tree joins only by a long way round."""
    graph = csr_array(tree + tree.T)
    paths: list[Floats] = []
    while len(paths) < len(via) // 2:
        detour = np.triu(dijkstra(graph, directed=False) / gap, 1)
        detour[0] = 0.0
        a, b = np.unravel_index(int(detour.argmax()), detour.shape)
        if detour[a, b] < _DETOUR:
            break
        graph = csr_array(graph + csr_array(([gap[a, b]], ([a], [b])), shape=graph.shape))
        paths.append(via[[a, b]])
    return paths


def _path(
    root: int, kid: int, via: Floats, children: dict[int, list[int]], settled: Settlement
) -> Floats:
    points, at, last = [via[root]], kid, root
    while True:
        points.append(via[at])
        following = children.get(at, [])
        if not following:
            break
        ahead = unit(via[at] - via[last])
        following.sort(key=lambda k: -float(unit(via[k] - via[at]) @ ahead))
        last, at = at, following[0]
    ahead = unit(points[-1] - points[-2])
    exit_ = _exit(points[-1], ahead, settled.land)
    return np.array([*points, exit_])


def _exit(point: Floats, ahead: Floats, land: BaseGeometry) -> Floats:
    """Return where a ray near the heading leaves the land soonest."""
    best, reach = point + ahead, math.inf
    heading = math.atan2(ahead[1], ahead[0])
    for turn in np.linspace(-0.9, 0.9, 13):
        way = np.array([math.cos(heading + turn), math.sin(heading + turn)])
        ray = shapely.linestrings([point, point + way * 2e5])
        parts = shapely.get_parts(shapely.intersection(ray, land))
        parts = parts[shapely.distance(parts, shapely.points(point)) < 1.0]
        if len(parts) == 0:
            continue
        far = float(shapely.length(parts[0])) * (1 + abs(turn))
        if 1_500.0 < far < reach:
            reach = far
            best = shapely.get_coordinates(parts[0])[-1] - way * 300.0
    return best


def _with_through(
    lines: list[Floats], paths: list[Floats], through: Floats, rng: np.random.Generator
) -> list[Floats]:
    """Return the lines with the road through the core put between its two best radials."""
    ends = (through[0], through[-1])
    ways = (unit(through[0] - through[1]), unit(through[-1] - through[-2]))
    radial = [i for i, p in enumerate(paths) if np.allclose(p[0], paths[0][0])]
    used: list[int] = []
    joined = [through]
    for end, way, first in zip(ends, ways, (True, False), strict=True):
        score = [(float(unit(paths[i][1] - end) @ way), i) for i in radial if i not in used]
        stub = np.array([end, end + way * 2_500.0])
        rest = stub
        if score and max(score)[0] > 0.2:
            used.append(max(score)[1])
            rest = _drawn(np.vstack([stub, paths[used[-1]][1:]]), rng)
        joined = [rest[:0:-1], *joined] if first else [*joined, rest[1:]]
    kept = [line for i, line in enumerate(lines) if i not in used]
    return [np.vstack(joined), *kept]


def cut_to_ring(roads: list[Expressway], core: shapely.Polygon | None) -> list[Expressway]:
    """Return expressways with radials that begin inside the core cut back to its ring."""
    if core is None:
        return roads
    cut = [roads[0]]
    for road in roads[1:]:
        line = shapely.linestrings(road.line)
        if core.contains(shapely.Point(road.line[0])):
            parts = shapely.get_parts(shapely.difference(line, core))
            if len(parts) == 0:
                continue
            line = parts[shapely.length(parts).argmax()]
            cut.append(expressway(shapely.get_coordinates(line), road.name, road.ref))
        else:
            cut.append(road)
    return cut
