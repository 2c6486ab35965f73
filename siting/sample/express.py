"""Expressways of the sample city: ring, radials, interchanges, service areas."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import shapely
from scipy.interpolate import CubicSpline
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, dijkstra, minimum_spanning_tree

from siting.sample.streets import (
    EXPRESSWAY,
    LINK,
    POINT,
    TEE,
    TUNNEL,
    Street,
    along,
    bezier,
    lengths,
    offset,
    right_of,
    unit,
    wavy,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.sample.settle import Place, Settlement

    Floats = npt.NDArray[np.float64]
    Span = tuple[float, float, int]

WIDTH_M = 26.0
"""Distance between the carriageways of an expressway: GB 50688 six-lane cross-section, rounded."""

SERVICE_EVERY_M = 42_000.0
"""Spacing of service areas: JTG D80 asks for about 50 km on average."""

TUNNEL_EVERY_M = 30_000.0
"""Spacing of tunnels in open country; planner's own, for hilly land such as Jinan's south."""

SEAT_PEOPLE = 30_000.0
"""A seat or town from this size gets an expressway."""

_CITY_SPACING_M = 2_000.0
_LAND_SPACING_M = 7_000.0
_LANDING_M = 4_000.0
_DETOUR = 1.5
_OPEN_RAD = 1.5


@dataclass(slots=True)
class Expressway:
    """An expressway: centreline, name, and the ramps' places on each carriageway (metres)."""

    line: Floats
    name: str
    ref: str
    right: Floats
    left: Floats
    welds: tuple[list[Floats], list[Floats]] = field(default_factory=lambda: ([], []))
    busy: list[float] = field(default_factory=list)

    @property
    def sides(self) -> tuple[Floats, Floats]:
        """Both carriageways, each in its direction of travel."""
        return self.right, self.left

    def weld(self, side: int, at_m: float) -> Floats:
        """Note a ramp at a length along a carriageway and return its point."""
        point: Floats = along(self.sides[side], at_m)[0]
        self.welds[side].append(point)
        return point

    def points(self, side: int) -> Floats:
        """Return the noted points of a carriageway, shape (n, 2)."""
        return np.array(self.welds[side]).reshape(-1, 2)


@dataclass(frozen=True, slots=True)
class Service:
    """One side of a service area or a toll booth: kind, name, place."""

    kind: str
    name: str
    xy: tuple[float, float]


def expressway(line: Floats, name: str, ref: str, width_m: float = WIDTH_M) -> Expressway:
    """Return an expressway along a centreline."""
    closed = bool(np.allclose(line[0], line[-1]))
    sides = []
    for distance in (width_m / 2, -width_m / 2):
        if closed:
            wrapped = offset(np.vstack([line[-2], line, line[1]]), distance)[1:-1]
            wrapped[-1] = wrapped[0]
            sides.append(wrapped)
        else:
            sides.append(offset(line, distance))
    return Expressway(line, name, ref, sides[0], sides[1][::-1].copy())


def corridors(
    settled: Settlement, ring: Floats | None, through: Floats | None, rng: np.random.Generator
) -> list[Expressway]:
    """
    Return the expressways: the core's ring, one through it, and a tree that joins all seats.

    Every seat is passed at its edge; from the outermost seats an expressway goes on to the border.
    """
    roads = [] if ring is None else [expressway(ring, "绕城高速", "G2001")]
    hubs = [p for p in settled.places if p.kind == "core" or p.people >= SEAT_PEOPLE]
    if len(hubs) < 2:  # noqa: PLR2004
        return roads
    paths = _paths(hubs, settled, rng)
    lines = [_drawn(path, rng) for path in paths]
    if through is not None:
        lines = _with_through(lines, paths, through, rng)
    lines = _landed(lines)
    for number, line in enumerate(lines):
        roads.append(expressway(line, f"{_NAMES[number % len(_NAMES)]}高速", f"S{number + 31}"))
    return roads


def _drawn(path: Floats, rng: np.random.Generator) -> Floats:
    """Return a smooth line through points (cubic spline over chord length), wandering a little."""
    at = lengths(path)
    if len(path) > 2:  # noqa: PLR2004
        fine = np.linspace(0.0, at[-1], max(int(at[-1] / 400.0), 8) + 1)
        path = np.asarray(CubicSpline(at, path, bc_type="natural")(fine))
    return wavy(path, 0.004, rng, 250.0)


def _landed(lines: list[Floats]) -> list[Floats]:
    """Return the lines with loose ends near an earlier line bent on to it."""
    done: list[Floats] = []
    for line in lines:
        for end in (0, -1):
            if not done:
                continue
            tip = shapely.Point(line[end])
            host = min((shapely.LineString(d) for d in done), key=tip.distance)
            if 1.0 < tip.distance(host) < _LANDING_M:
                spot = shapely.get_coordinates(host.interpolate(host.project(tip)))[0]
                share = lengths(line)[:, None] / lengths(line)[-1]
                fade = np.clip(1 - 4 * (share if end == 0 else 1 - share), 0, 1)
                line = line + fade * (spot - line[end])  # noqa: PLW2901
        done.append(line)
    return done


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


def _outward(core: Place, ways: list[Floats], land: shapely.Geometry) -> list[Floats]:
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


def _exit(point: Floats, ahead: Floats, land: shapely.Geometry) -> Floats:
    """Return where a ray near the heading leaves the land soonest."""
    best, reach = point + ahead, math.inf
    heading = math.atan2(ahead[1], ahead[0])
    for turn in np.linspace(-0.9, 0.9, 13):
        way = np.array([math.cos(heading + turn), math.sin(heading + turn)])
        inside = shapely.intersection(shapely.linestrings([point, point + way * 2e5]), land)
        parts = shapely.get_parts(inside)
        if len(parts) and 1_500 < parts[0].length * (1 + abs(turn)) < reach:  # noqa: PLR2004
            reach = parts[0].length * (1 + abs(turn))
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
        if score and max(score)[0] > 0.2:  # noqa: PLR2004
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


def crossings(roads: list[Expressway]) -> list[Street]:
    """Return the ramps where expressways cross or end at another: clover leaves and forks."""
    ramps: list[Street] = []
    for i, one in enumerate(roads):
        for other in roads[i + 1 :]:
            hits = shapely.get_coordinates(
                shapely.intersection(shapely.linestrings(one.line), shapely.linestrings(other.line))
            )
            for hit in hits:
                ramps += _clover(one, other, hit)
    for number, road in enumerate(roads):
        ramps += _fork(road, [r for k, r in enumerate(roads) if k != number])
    return ramps


def _clover(one: Expressway, other: Expressway, hit: Floats) -> list[Street]:
    pairs = [(one, other), (other, one)]
    ends = min(
        shapely.Point(r.line[k]).distance(shapely.Point(hit)) for r in (one, other) for k in (0, -1)
    )
    at = [_measure_at(r.line, hit) for r in (one, other)]
    if ends < 1_500 and not np.allclose(one.line[0], one.line[-1]):  # noqa: PLR2004
        return []
    if any(abs(m - b) < 1_500 for r, m in zip((one, other), at, strict=True) for b in r.busy):  # noqa: PLR2004
        return []
    for road, m in zip((one, other), at, strict=True):
        road.busy.append(m)
    ramps = []
    for a, b in pairs:
        for i in (0, 1):
            for j in (0, 1):
                ramp = clover_ramp((a, i), (b, j), hit)
                if ramp is not None:
                    ramps.append(ramp)
    return ramps


def clover_ramp(
    source: tuple[Expressway, int],
    goal: tuple[Expressway, int],
    hit: Floats,
    highway: str = "motorway_link",
    scale: float = 1.0,
    *,
    loops: bool = True,
) -> Street | None:
    """Return the ramp from one carriageway to another: direct to the right, a loop to the left."""
    a_line, b_line = source[0].sides[source[1]], goal[0].sides[goal[1]]
    a_at, b_at = _measure_at(a_line, hit), _measure_at(b_line, hit)
    a, b = _heading(a_line, a_at), _heading(b_line, b_at)
    rightward = float(right_of(a) @ b)
    if not loops and rightward <= 0:
        return None
    out, back = (-620.0, 620.0) if rightward > 0 else (240.0, -240.0)
    handle = scale * (330.0 if rightward > 0 else 430.0)
    leave, join = a_at + scale * out, b_at + scale * back
    if not (50 < leave < lengths(a_line)[-1] - 50 and 50 < join < lengths(b_line)[-1] - 50):  # noqa: PLR2004
        return None
    start, end = source[0].weld(source[1], leave), goal[0].weld(goal[1], join)
    curve = np.array(
        [
            start,
            start + handle * _heading(a_line, leave),
            end - handle * _heading(b_line, join),
            end,
        ]
    )
    return Street(bezier(curve, 14), highway, level=LINK, start=POINT, end=POINT, oneway=True)


def _fork(road: Expressway, others: list[Expressway]) -> list[Street]:
    """Return the four ramps at each end of a road that lies on another expressway."""
    ramps = []
    for end in (0, -1):
        tip = shapely.Point(road.line[end])
        hosts = [o for o in others if tip.distance(shapely.linestrings(o.line)) < 60.0]  # noqa: PLR2004
        if hosts and not np.allclose(road.line[0], road.line[-1]):
            ramps += _fork_at(road, hosts[0], end)
    return ramps


def _fork_at(road: Expressway, host: Expressway, end: int) -> list[Street]:
    """Cut the road back from the host and join both carriageways to both of the host's."""
    tip = road.line[end].copy()
    total = lengths(road.line)[-1]
    back = 650.0
    if total < 3 * back:
        return []
    span = (back, total) if end == 0 else (0.0, total - back)
    at = np.concatenate([[span[0]], lengths(road.line), [span[1]]])
    at = np.unique(at[(at >= span[0]) & (at <= span[1])])
    fresh = expressway(along(road.line, at), road.name, road.ref)
    road.line, road.right, road.left = fresh.line, fresh.right, fresh.left
    for side in (0, 1):
        road.welds[side].clear()
    host.busy.append(_measure_at(host.line, tip))
    ramps = []
    for host_side in (0, 1):
        line = host.sides[host_side]
        at_m = _measure_at(line, tip)
        size = lengths(line)[-1]
        for road_side in (0, 1):
            carriage = road.sides[road_side]
            # At its first end the right carriageway leaves the host, the left one arrives.
            leaves_host = (road_side == 0) == (end == 0)
            shift = -620.0 if leaves_host else 620.0
            if not 50 < at_m + shift < size - 50:  # noqa: PLR2004
                continue
            weld = host.weld(host_side, at_m + shift)
            on_host = _heading(line, at_m + shift)
            if leaves_host:
                point, ahead = carriage[0], unit(carriage[1] - carriage[0])
                curve = [weld, weld + 420 * on_host, point - 420 * ahead, point]
            else:
                point, ahead = carriage[-1], unit(carriage[-1] - carriage[-2])
                curve = [point, point + 420 * ahead, weld - 420 * on_host, weld]
            ramps.append(
                Street(
                    bezier(np.array(curve), 14),
                    "motorway_link",
                    level=LINK,
                    start=POINT,
                    end=POINT,
                    oneway=True,
                )
            )
    return ramps


def _measure_at(line: Floats, point: Floats) -> float:
    return float(shapely.line_locate_point(shapely.linestrings(line), shapely.points(point)))


def _heading(line: Floats, at_m: float) -> Floats:
    ends = along(line, np.array([at_m - 5.0, at_m + 5.0]))
    return unit(ends[1] - ends[0])


def diamonds(
    road: Expressway, streets: list[Street], core: shapely.Geometry
) -> tuple[list[Street], list[Service]]:
    """Return ramps and toll booths where an expressway crosses main streets, well apart."""
    line = shapely.linestrings(road.line)
    rank = {"trunk": 0, "primary": 1, "secondary": 2}
    found = []
    for street in streets:
        if street.highway not in rank or street.key < 0:
            continue
        hits = shapely.get_coordinates(shapely.intersection(line, shapely.linestrings(street.line)))
        found += [(rank[street.highway], street.key, street, hit) for hit in hits]
    found.sort(key=lambda item: item[:2])
    ramps: list[Street] = []
    booths: list[Service] = []
    for _, _, street, hit in found:
        at = _measure_at(road.line, hit)
        inside = bool(shapely.distance(core, shapely.points(hit)) < 500.0)  # noqa: PLR2004
        apart = _CITY_SPACING_M if inside else _LAND_SPACING_M
        if any(abs(at - b) < max(apart, 1_900.0) for b in road.busy):
            continue
        made = _diamond(road, street, hit)
        if made:
            road.busy.append(at)
            ramps += made
            booths += [
                Service("toll_booth", f"{street.name or road.name}收费站", _middle(r)) for r in made
            ]
    return ramps, booths


def _middle(street: Street) -> tuple[float, float]:
    x, y = street.line[len(street.line) // 2]
    return float(x), float(y)


def _diamond(road: Expressway, street: Street, hit: Floats) -> list[Street]:
    on_street = _measure_at(street.line, hit)
    total = lengths(street.line)[-1]
    if not 170 < on_street < total - 170:  # noqa: PLR2004
        return []
    ramps: list[Street] = []
    for side, line in enumerate(road.sides):
        at = _measure_at(line, hit)
        ahead = _heading(line, at)
        if not 600 < at < lengths(line)[-1] - 600:  # noqa: PLR2004
            return []
        along_street = _heading(street.line, on_street)
        sign = 1.0 if float(along_street @ right_of(ahead)) > 0 else -1.0
        ground = along(street.line, on_street + sign * 130.0)[0]
        leave, join = road.weld(side, at - 520.0), road.weld(side, at + 520.0)
        off = bezier(np.array([leave, leave + 230 * ahead, ground - 170 * ahead, ground]), 10)
        on = bezier(np.array([ground, ground + 170 * ahead, join - 230 * ahead, join]), 10)
        parts = {"level": LINK, "oneway": True, "target": street.key}
        ramps.append(Street(off, "motorway_link", start=POINT, end=TEE, **parts))
        ramps.append(Street(on, "motorway_link", start=TEE, end=POINT, **parts))
    return ramps


def service_areas(road: Expressway, core: shapely.Geometry) -> tuple[list[Street], list[Service]]:
    """Return the service areas of an expressway, one on each side, with their ways in and out."""
    total = lengths(road.line)[-1]
    count = int(round(total / SERVICE_EVERY_M)) if total > 22_000 else 0  # noqa: PLR2004
    streets: list[Street] = []
    areas: list[Service] = []
    for number in range(count):
        wanted = (number + 0.5) * total / count
        tries = wanted + np.array([0, 1, -1, 2, -2, 3, -3, 4, -4]) * 1_500.0
        places = along(road.line, tries)
        far = shapely.distance(core, shapely.points(places)) > 1_000.0  # noqa: PLR2004
        free = [
            at
            for at, ok in zip(tries, far, strict=True)
            if ok and 2_000 < at < total - 2_000 and all(abs(at - b) > 2_200 for b in road.busy)  # noqa: PLR2004
        ]
        if not free:
            continue
        road.busy.append(free[0])
        name = f"{road.name.removesuffix('高速')}{number + 1}号服务区"
        for side in (0, 1):
            made, xy = _service_side(road, side, along(road.line, free[0])[0])
            streets += made
            areas.append(Service("services", name, xy))
    return streets, areas


def _service_side(
    road: Expressway, side: int, place: Floats
) -> tuple[list[Street], tuple[float, float]]:
    line = road.sides[side]
    at = _measure_at(line, place)
    ahead = _heading(line, at)
    out = right_of(ahead)
    leave, join = road.weld(side, at - 420.0), road.weld(side, at + 420.0)
    base = along(line, at)[0]
    first, last = base + 75 * out - 110 * ahead, base + 75 * out + 110 * ahead
    way_in = bezier(np.array([leave, leave + 130 * ahead, first - 90 * ahead, first]), 8)
    way_out = bezier(np.array([last, last + 90 * ahead, join - 130 * ahead, join]), 8)
    link = np.vstack([way_in, way_out])
    lot = np.vstack([first, first + 70 * out, last + 70 * out, last])
    streets = [
        Street(link, "motorway_link", level=LINK, start=POINT, end=POINT, oneway=True),
        Street(lot, "service", level=LINK, start=POINT, end=POINT, oneway=True),
    ]
    x, y = base + 115 * out
    return streets, (float(x), float(y))


def _tunnels(road: Expressway, core: shapely.Geometry, rng: np.random.Generator) -> list[Span]:
    """Return tunnels of a road through open country, clear of its ramps."""
    total = lengths(road.line)[-1]
    spans: list[Span] = []
    for at in np.arange(rng.uniform(0.3, 1.0) * TUNNEL_EVERY_M, total - 2_500.0, TUNNEL_EVERY_M):
        size = float(np.clip(rng.lognormal(6.6, 0.6), 250.0, 2_500.0))
        middle = shapely.points(along(road.line, at + size / 2)[0])
        clear = all(not at - 1_500 < busy < at + size + 1_500 for busy in road.busy)
        if clear and shapely.distance(core, middle) > 4_000.0:  # noqa: PLR2004
            spans.append((float(at), float(at) + size, TUNNEL))
    return spans


def drawn_expressways(
    roads: list[Expressway], core: shapely.Geometry, rng: np.random.Generator
) -> list[Street]:
    """Return both carriageways of every expressway as one-way streets with the ramps' vertices."""
    streets = []
    for road in roads:
        tunnels = _tunnels(road, core, rng)
        total = float(lengths(road.line)[-1])
        for side in (0, 1):
            spans = tunnels if side == 0 else [(total - b, total - a, w) for a, b, w in tunnels]
            streets.append(
                Street(
                    road.sides[side],
                    "motorway",
                    road.name,
                    level=EXPRESSWAY,
                    start=POINT,
                    end=POINT,
                    oneway=True,
                    ref=road.ref,
                    welds=(road.points(side),),
                    spans=tuple(spans),
                )
            )
    return streets
