"""Streets of the sample city as centrelines, and their carriageways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

if TYPE_CHECKING:
    import numpy.typing as npt

    Line = npt.NDArray[np.float64]

GROUND, EXPRESSWAY, LINK = 0, 1, 2
"""Levels: ground streets meet where they cross, expressways pass over, links meet their target."""

TEE, NEAR, POINT = 0, 1, 2
"""Ends: cross the whole host street, stop at its first carriageway, or end exactly at a point."""

BRIDGE, TUNNEL = 1, 2
"""What a stretch of road can be beside plain."""

OVERSHOOT_M = 20.0
"""How far a tee reaches beyond the host's centreline: more than half of any dual carriageway."""

_MITRE = 0.35


@dataclass(frozen=True, slots=True)
class Street:
    """
    A street.

    Attributes
    ----------
    line
        Centreline, metres, shape (k, 2), k >= 2.
    highway
        OSM highway value.
    name
        Street name, empty for unnamed ones.
    width_m
        Distance between the two carriageways; 0 for a single one.
    level
        `GROUND`, `EXPRESSWAY` or `LINK`.
    start, end
        `TEE`, `NEAR` or `POINT`.
    oneway
        True for a single carriageway driven along the line only (links).
    target
        Key of the only street a link meets on the ground; -1 for none.
    key
        Names the street for links; -1 where none asks.
    ref
        Road number.
    welds
        For each carriageway (right, left), the points where ramps join it, shape (k, 2).
    spans
        Bridges and tunnels of its own: from, to (metres along the line) and what.
    """

    line: Line
    highway: str
    name: str = ""
    width_m: float = 0.0
    level: int = GROUND
    start: int = TEE
    end: int = TEE
    oneway: bool = False
    target: int = -1
    key: int = -1
    ref: str = ""
    welds: tuple[Line, ...] = ()
    spans: tuple[tuple[float, float, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Carriageway:
    """
    A drawn line of a street.

    Loose ends up to `stub_start_m` and `stub_end_m` may be cut off again; `spans` are bridges and
    tunnels, metres along this line.
    """

    line: Line
    street: int
    oneway: bool
    stub_start_m: float
    stub_end_m: float
    spans: tuple[tuple[float, float, int], ...] = ()


def carriageways(streets: list[Street]) -> list[Carriageway]:
    """Return the carriageways of all streets, both of a dual one, driven on the right."""
    drawn: list[Carriageway] = []
    for number, street in enumerate(streets):
        drawn += _carriageways(number, street)
    return drawn


def _carriageways(number: int, street: Street) -> list[Carriageway]:
    line = _extended(street)
    stubs = [0.0 if end == POINT else OVERSHOOT_M + 6.0 for end in (street.start, street.end)]
    lead = OVERSHOOT_M if street.start == TEE else 0.0
    spans = tuple((a + lead, b + lead, what) for a, b, what in street.spans)
    if street.width_m == 0.0:
        drawn = with_points(line, street.welds[0]) if street.welds else line
        return [Carriageway(drawn, number, street.oneway, stubs[0], stubs[1], spans)]
    right = _pinched(offset(line, street.width_m / 2), line, street)
    left = _pinched(offset(line, -street.width_m / 2), line, street)[::-1]
    if street.welds:
        right, left = with_points(right, street.welds[0]), with_points(left, street.welds[1])
    total = float(lengths(line)[-1])
    back = tuple((total - b, total - a, what) for a, b, what in spans)
    return [
        Carriageway(right, number, True, stubs[0], stubs[1], spans),
        Carriageway(left, number, True, stubs[1], stubs[0], back),
    ]


def _pinched(side: Line, line: Line, street: Street) -> Line:
    """Return a carriageway that meets its twin where the street ends at a point."""
    parts = [line[:1]] if street.start == POINT else []
    parts.append(side)
    if street.end == POINT:
        parts.append(line[-1:])
    return np.vstack(parts)


def _extended(street: Street) -> Line:
    line = street.line
    reach = {TEE: OVERSHOOT_M, NEAR: 2.0, POINT: 0.0}
    before, after = reach[street.start], reach[street.end]
    if before:
        line = np.vstack([line[0] + before * unit(line[0] - line[1]), line])
    if after:
        line = np.vstack([line, line[-1] + after * unit(line[-1] - line[-2])])
    return line


def unit(vector: Line) -> Line:
    """Return vectors of length 1, shape as given (zero vectors stay zero)."""
    size = np.linalg.norm(vector, axis=-1, keepdims=True)
    return vector / np.where(size > 0, size, 1.0)


def right_of(vector: Line) -> Line:
    """Return vectors turned by 90 degrees to the right."""
    return np.stack([vector[..., 1], -vector[..., 0]], axis=-1)


def offset(line: Line, distance_m: float) -> Line:
    """Return a line parallel to another, to its right for a positive distance, vertex by vertex."""
    normal = right_of(unit(np.diff(line, axis=0)))
    before = np.vstack([normal[:1], normal])
    after = np.vstack([normal, normal[-1:]])
    both = before + after
    scale = np.maximum((before * after).sum(axis=1, keepdims=True) + 1.0, _MITRE)
    moved: Line = line + both / scale * distance_m
    return moved


def lengths(line: Line) -> npt.NDArray[np.float64]:
    """Return the length along a line at each vertex, metres."""
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])


def along(line: Line, at_m: npt.NDArray[np.float64] | float) -> Line:
    """Return the points at lengths along a line, shape (n, 2)."""
    measure = lengths(line)
    at = np.atleast_1d(at_m)
    return np.stack([np.interp(at, measure, line[:, k]) for k in (0, 1)], axis=-1)


def with_points(line: Line, points: Line) -> Line:
    """Return a line with points that lie on it put in as vertices, exactly as they are."""
    if len(points) == 0:
        return line
    shape = shapely.linestrings(line)
    at = np.concatenate([lengths(line), shapely.line_locate_point(shape, shapely.points(points))])
    return np.vstack([line, points])[np.argsort(at, kind="stable")]


def bezier(points: Line, steps: int) -> Line:
    """Return a cubic Bezier curve of four control points as a line of `steps` segments."""
    t = np.linspace(0.0, 1.0, steps + 1)[:, None]
    a, b, c, d = points
    curve: Line = (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d
    return curve


def smooth(line: Line, rounds: int, *, closed: bool = False) -> Line:
    """Return a line with its corners cut (Chaikin 1974), ends kept unless it is closed."""
    for _ in range(rounds):
        ring = np.vstack([line, line[:1]]) if closed else line
        cut = np.stack([0.75 * ring[:-1] + 0.25 * ring[1:], 0.25 * ring[:-1] + 0.75 * ring[1:]], 1)
        inner = cut.reshape(-1, 2)
        line = inner if closed else np.vstack([line[:1], inner[1:-1], line[-1:]])
    return line


def wavy(line: Line, amplitude: float, rng: np.random.Generator, step_m: float = 220.0) -> Line:
    """Return a line that wanders about its course by a share of its length, ends kept."""
    total = lengths(line)[-1]
    at = np.linspace(0.0, total, max(int(total / step_m), 2) + 1)
    points = along(line, at)
    ahead = np.gradient(points, axis=0)
    share = at / total
    shift = np.zeros(len(at))
    for wave in range(1, 6):
        shift += rng.normal(0, amplitude * total / wave**1.3) * np.sin(np.pi * wave * share)
    return points + right_of(unit(ahead)) * shift[:, None]
