# ruff: noqa: PLR2004  (metres and shares of a drawing, plain where they stand)
"""Expressways of the sample city: two carriageways with the places of ramps, and tunnels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import shapely

from siting.sample.streets import EXPRESSWAY, POINT, TUNNEL, Street, along, lengths, offset, unit

if TYPE_CHECKING:
    import numpy.typing as npt
    from shapely.geometry.base import BaseGeometry

    Floats = npt.NDArray[np.float64]
    Span = tuple[float, float, int]

WIDTH_M = 26.0
"""Distance between the carriageways of an expressway; planner's own, for six lanes and a median."""

TUNNEL_EVERY_M = 30_000.0
"""Spacing of tunnels in open country; planner's own, for hilly land such as Jinan's south."""


@dataclass(slots=True)
class Expressway:
    """
    An expressway under construction.

    Centreline, name, number, both carriageways, the ramps' points on each, the places along the
    centreline that are taken (metres), and the ends (0, -1) that ramps join to another road.
    """

    line: Floats
    name: str
    ref: str
    right: Floats
    left: Floats
    welds: tuple[list[Floats], list[Floats]] = field(default_factory=lambda: ([], []))
    busy: list[float] = field(default_factory=list)
    joined: set[int] = field(default_factory=set)

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


def measure_at(line: Floats, point: Floats) -> float:
    """Return the length along a line at the place nearest to a point, metres."""
    return float(shapely.line_locate_point(shapely.linestrings(line), shapely.points(point)))


def heading(line: Floats, at_m: float) -> Floats:
    """Return the direction of a line at a length along it, a unit vector."""
    ends = along(line, np.array([at_m - 5.0, at_m + 5.0]))
    return unit(ends[1] - ends[0])


def _tunnels(road: Expressway, core: BaseGeometry, rng: np.random.Generator) -> list[Span]:
    """Return tunnels of a road through open country, clear of its ramps."""
    total = lengths(road.line)[-1]
    spans: list[Span] = []
    for at in np.arange(rng.uniform(0.3, 1.0) * TUNNEL_EVERY_M, total - 2_500.0, TUNNEL_EVERY_M):
        size = float(np.clip(rng.lognormal(6.6, 0.6), 250.0, 2_500.0))
        middle = shapely.points(along(road.line, at + size / 2)[0])
        clear = all(not at - 1_500 < busy < at + size + 1_500 for busy in road.busy)
        if clear and shapely.distance(core, middle) > 4_000.0:
            spans.append((float(at), float(at) + size, TUNNEL))
    return spans


def _closed_off(road: Expressway, side: int) -> Floats:
    """
    Return a carriageway led to the centreline at loose ends.

    There the two meet, as if one turned round beyond the border, so that no stretch is a trap.
    """
    line = road.sides[side]
    if np.allclose(road.line[0], road.line[-1]):
        return line
    tips = [road.line[end : end + 1 or None] for end in (0, -1) if end not in road.joined]
    for tip in tips:
        near_start = np.hypot(*(line[0] - tip[0])) < np.hypot(*(line[-1] - tip[0]))
        line = np.vstack([tip, line] if near_start else [line, tip])
    return line


def drawn_expressways(
    roads: list[Expressway], core: BaseGeometry, rng: np.random.Generator
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
                    _closed_off(road, side),
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
