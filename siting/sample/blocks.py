# ruff: noqa: PLR2004  (metres and shares of a drawing, plain where they stand)
"""Arterials and collectors of a built-up area: blocks cut again and again along a field."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import shapely
from shapely.ops import split

from siting.sample.field import streamline
from siting.sample.streets import lengths, wavy

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.sample.field import Field

    Floats = npt.NDArray[np.float64]

CLASSES = ("trunk", "primary", "secondary", "tertiary")

CUT_KM2 = (17.0, 4.6, 1.75, 0.68)
"""
Area from which a block is cut by a street of each of `CLASSES`.

A cut halves a block, so blocks end up near 0.7 of these. Square blocks of side s have 2/s km of
street per km2; central Jinan has 0.53, 0.56, 0.77 and 1.26 centreline km per km2 of the four
classes (OSM 2020, densest 256 km2), hence sides of 3.8, 1.8, 1.1 and 0.64 km.
"""

_STEP_M = (220.0, 150.0, 110.0, 80.0)
_WANDER = (0.003, 0.005, 0.009, 0.014)
_SNAP = 0.20
_FARTHER = 1.7
_TRIES = 16
_STRICT = 6
_GRID_M = 400.0


@dataclass(frozen=True, slots=True)
class Cut:
    """A street of the subdivision; `level` indexes `CLASSES`, ends may be joined to other cuts."""

    line: Floats
    level: int


@dataclass(slots=True)
class Plat:
    """
    What a subdivision has made so far: cuts, T-points by grid cell, joints, leaf blocks.

    Streets are led across the `barrier` (an expressway) from farther than across other streets.
    """

    cuts: list[Cut] = field(default_factory=list)
    ends: dict[tuple[int, int], list[tuple[float, float, int, int]]] = field(default_factory=dict)
    joint: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    crossed: set[tuple[int, int]] = field(default_factory=set)
    leaves: list[shapely.Polygon] = field(default_factory=list)
    barrier: shapely.LineString | None = None

    def near(self, x: float, y: float, radius_m: float) -> list[tuple[float, float, int, int]]:
        """Return the T-points within a radius, nearest first."""
        reach = int(radius_m // _GRID_M) + 1
        i, j = int(x // _GRID_M), int(y // _GRID_M)
        found = []
        for a in range(i - reach, i + reach + 1):
            for b in range(j - reach, j + reach + 1):
                for point in self.ends.get((a, b), ()):
                    gap = math.hypot(point[0] - x, point[1] - y)
                    if gap <= radius_m:
                        found.append((gap, point))
        return [point for _, point in sorted(found)]

    def add(self, line: Floats, level: int) -> int:
        """Add a cut and its ends; return its number."""
        number = len(self.cuts)
        self.cuts.append(Cut(line, level))
        for end, (x, y) in enumerate((line[0], line[-1])):
            cell = (int(x // _GRID_M), int(y // _GRID_M))
            self.ends.setdefault(cell, []).append((float(x), float(y), number, end))
        return number


def subdivide(
    blocks: list[shapely.Polygon],
    direction: Field,
    rng: np.random.Generator,
    plat: Plat,
    fine: float = 1.0,
) -> None:
    """
    Cut blocks into leaves, coarse streets first, and add everything to the plat.

    Parameters
    ----------
    blocks
        Outlines, metres.
    direction
        Field of street directions.
    rng
        Source of chance.
    plat
        Grows in place.
    fine
        Factor on the areas at which blocks are cut; below 1 for small towns with finer blocks.
    """
    heap = [(-block.area, k, block) for k, block in enumerate(blocks)]
    heapq.heapify(heap)
    serial = len(heap)
    while heap:
        _, _, part = heapq.heappop(heap)
        centre = part.centroid
        grain = fine * math.exp(
            rng.normal(0.0, 0.38) + 0.55 * texture(direction, centre.x, centre.y)
        )
        level = _level(part.area / 1e6, grain)
        halves = None if level is None else _cut(part, level, direction, rng, plat)
        if halves is None:
            plat.leaves.append(part)
            continue
        for half in halves:
            heapq.heappush(heap, (-half.area, serial, half))
            serial += 1


def texture(direction: Field, x: float, y: float) -> float:
    """Return how coarse a neighbourhood is, about -1 (old town) to 1 (campuses, plants, hills)."""
    total = 0.0
    for kx, ky, phase, _ in direction.waves:
        total += math.sin(1.7 * ky * x - 1.7 * kx * y + 2.0 * phase)
    return total / math.sqrt(len(direction.waves))


def _level(area_km2: float, grain: float) -> int | None:
    # The coarse classes keep their spacing; only the finest one varies by neighbourhood.
    for level, limit in enumerate(CUT_KM2):
        if area_km2 > limit * (grain if level == len(CUT_KM2) - 1 else grain**0.4):
            return level
    return None


def _cut(
    block: shapely.Polygon, level: int, direction: Field, rng: np.random.Generator, plat: Plat
) -> list[shapely.Polygon] | None:
    ring = shapely.get_coordinates(block.exterior)
    centre = shapely.get_coordinates(block.centroid)[0]
    theta = direction.angle(float(centre[0]), float(centre[1]))
    axis = np.array([math.cos(theta), math.sin(theta)])
    across = np.array([-axis[1], axis[0]])
    u, v = (ring - centre) @ axis, (ring - centre) @ across
    spans = np.array([np.ptp(u), np.ptp(v)])
    shapely.prepare(block)
    for attempt in range(_TRIES):
        # Cut across the longer side: along `across` when u is longer.
        ratio = spans[0] / spans[1] * math.exp(rng.normal(0.0, 0.15 + 0.15 * attempt))
        long_u = ratio > 1
        share = rng.uniform(0.37, 0.63)
        place = (
            (u.min() + share * spans[0], v.mean())
            if long_u
            else (u.mean(), v.min() + share * spans[1])
        )
        seed = centre + place[0] * axis + place[1] * across
        if attempt >= _STRICT:
            seed = (
                centre
                + rng.uniform(u.min(), u.max()) * axis
                + rng.uniform(v.min(), v.max()) * across
            )
        if not shapely.contains_xy(block, seed[0], seed[1]):
            continue
        turn = math.pi / 2 if long_u else 0.0
        # The last tries take what comes, so that no odd-shaped block stays whole.
        halves = _try(block, level, direction, seed, turn, plat, rng, strict=attempt < _STRICT)
        if halves is not None:
            return halves
    return None


def _try(
    block: shapely.Polygon,
    level: int,
    direction: Field,
    seed: Floats,
    turn: float,
    plat: Plat,
    rng: np.random.Generator,
    *,
    strict: bool,
) -> list[shapely.Polygon] | None:
    x0, y0, x1, y1 = block.bounds
    reach = math.hypot(x1 - x0, y1 - y0)
    line = streamline(direction, (float(seed[0]), float(seed[1])), turn, reach, _STEP_M[level])
    inside = shapely.get_parts(shapely.intersection(shapely.linestrings(line), block))
    inside = inside[shapely.get_dimensions(inside) == 1]
    if len(inside) == 0:
        return None
    here = shapely.points(seed)
    part = shapely.get_coordinates(inside[shapely.distance(inside, here).argmin()])
    size = math.sqrt(block.area)
    snapped = [_snap(part[end], block, _SNAP * size, level, plat) for end in (0, -1)]
    if strict and any(s == "crowded" for s in snapped):
        return None
    part = wavy(_bent(part, snapped), _WANDER[level], rng, 1.3 * _STEP_M[level])
    halves = _split(block, part, 0.15 if strict else 0.03)
    if halves is None:
        return None
    number = plat.add(part, level)
    for end, snap in enumerate(snapped):
        if isinstance(snap, tuple):
            _join(plat, (number, end), (snap[2], snap[3]))
    return halves


def _snap(
    point: Floats, block: shapely.Polygon, radius_m: float, level: int, plat: Plat
) -> tuple[float, float, int, int] | str | None:
    """Return a T-point of the other side to meet, None to make a new one, or `crowded`."""
    edge = block.exterior
    if plat.barrier is not None and plat.barrier.distance(shapely.Point(point)) < 1.0:
        radius_m *= _FARTHER
    found = plat.near(float(point[0]), float(point[1]), radius_m)
    # A street of the same class is gone on with before a nearer one of another class.
    found.sort(key=lambda p: plat.cuts[p[2]].level != level)
    for x, y, number, end in found:
        if edge.distance(shapely.Point(x, y)) > 1.0:
            continue
        line = plat.cuts[number].line
        inner = line[1] if end == 0 else line[-2]
        ahead = (line[0] if end == 0 else line[-1]) * 0.8 + inner * 0.2
        if edge.distance(shapely.Point(ahead)) < 1.0:
            # A corner: this street bounds the block itself.
            if math.hypot(x - point[0], y - point[1]) < 0.5 * radius_m:
                return "crowded"
            continue
        if (number, end) in plat.joint or (number, end) in plat.crossed:
            return "crowded"
        return (x, y, number, end)
    return None


def _bent(line: Floats, snapped: list[tuple[float, float, int, int] | str | None]) -> Floats:
    """Return the line shifted smoothly so that its ends lie on the points they meet."""
    shift = np.zeros((2, 2))
    for end, snap in enumerate(snapped):
        if isinstance(snap, tuple):
            shift[end] = np.array(snap[:2]) - line[-1 if end else 0]
    share = lengths(line)[:, None]
    share = share / share[-1]
    bent: Floats = line + (1 - share) * shift[0] + share * shift[1]
    return bent


def _split(block: shapely.Polygon, line: Floats, least: float) -> list[shapely.Polygon] | None:
    before = line[0] + (line[0] - line[1]) / max(np.hypot(*(line[0] - line[1])), 1e-9) * 2.0
    after = line[-1] + (line[-1] - line[-2]) / max(np.hypot(*(line[-1] - line[-2])), 1e-9) * 2.0
    blade = shapely.LineString(np.vstack([before, line, after]))
    pieces = split(block, blade).geoms
    parts = [p for p in pieces if isinstance(p, shapely.Polygon) and p.area > 1.0]
    if len(parts) != 2 or min(p.area for p in parts) < least * block.area:
        return None
    return parts


def _join(plat: Plat, one: tuple[int, int], other: tuple[int, int]) -> None:
    if plat.cuts[one[0]].level == plat.cuts[other[0]].level:
        plat.joint[one] = other
        plat.joint[other] = one
    else:
        plat.crossed |= {one, other}


@dataclass(frozen=True, slots=True)
class Chain:
    """Cuts joined end to end; `crossed` tells of either end whether another street goes on."""

    line: Floats
    level: int
    crossed: tuple[bool, bool]


def chains(plat: Plat) -> list[Chain]:
    """Return the streets that joined cuts make, in order of their first cut."""
    done: set[int] = set()
    found = []
    for first in range(len(plat.cuts)):
        if first in done:
            continue
        number, end = _far_end(plat, first)
        lines, start = [], (number, end)
        while True:
            done.add(number)
            line = plat.cuts[number].line
            lines.append(line if end == 0 else line[::-1])
            out = (number, 1 - end)
            following = plat.joint.get(out)
            if following is None or following[0] in done:
                break
            number, end = following
        line = np.vstack([lines[0], *(part[1:] for part in lines[1:])])
        crossed = (start in plat.crossed, out in plat.crossed)
        found.append(Chain(line, plat.cuts[first].level, crossed))
    return found


def _far_end(plat: Plat, number: int) -> tuple[int, int]:
    """Return the free end that is reached by walking back from a cut's start."""
    seen = {number}
    at = (number, 0)
    while at in plat.joint:
        other, end = plat.joint[at]
        if other in seen:
            break
        seen.add(other)
        at = (other, 1 - end)
    return at
