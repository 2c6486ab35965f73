# ruff: noqa: PLR2004  (metres and shares of a drawing, plain where they stand)
"""Ramps of the sample city's expressways: clover leaves, forks, diamonds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import shapely

from siting.sample.express import Expressway, Service, expressway, heading, measure_at
from siting.sample.streets import LINK, POINT, TEE, Street, along, bezier, lengths, right_of, unit

if TYPE_CHECKING:
    import numpy.typing as npt
    from shapely.geometry.base import BaseGeometry

    Floats = npt.NDArray[np.float64]

_CITY_SPACING_M = 2_000.0
_LAND_SPACING_M = 7_000.0


def crossings(roads: list[Expressway]) -> list[Street]:
    """Return the ramps where expressways cross or end at another: clover leaves and forks."""
    ramps: list[Street] = []
    # Forks first: they cut roads back, and the clover leaves have to lie on what is left.
    for number, road in enumerate(roads):
        ramps += _fork(road, [r for k, r in enumerate(roads) if k != number])
    for i, one in enumerate(roads):
        for other in roads[i + 1 :]:
            hits = shapely.intersection(
                shapely.LineString(one.line), shapely.LineString(other.line)
            )
            for hit in shapely.get_coordinates(hits):
                ramps += _clover(one, other, hit)
    return ramps


def _clover(one: Expressway, other: Expressway, hit: Floats) -> list[Street]:
    pairs = [(one, other), (other, one)]
    ends = min(
        shapely.Point(r.line[k]).distance(shapely.Point(hit)) for r in (one, other) for k in (0, -1)
    )
    at = [measure_at(r.line, hit) for r in (one, other)]
    if ends < 1_500 and not np.allclose(one.line[0], one.line[-1]):
        return []
    if any(abs(m - b) < 1_500 for r, m in zip((one, other), at, strict=True) for b in r.busy):
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
    a_at, b_at = measure_at(a_line, hit), measure_at(b_line, hit)
    a, b = heading(a_line, a_at), heading(b_line, b_at)
    rightward = float(right_of(a) @ b)
    if not loops and rightward <= 0:
        return None
    out, back = (-620.0, 620.0) if rightward > 0 else (240.0, -240.0)
    handle = scale * (330.0 if rightward > 0 else 430.0)
    leave, join = a_at + scale * out, b_at + scale * back
    if not (50 < leave < lengths(a_line)[-1] - 50 and 50 < join < lengths(b_line)[-1] - 50):
        return None
    start, end = source[0].weld(source[1], leave), goal[0].weld(goal[1], join)
    curve = np.array(
        [
            start,
            start + handle * heading(a_line, leave),
            end - handle * heading(b_line, join),
            end,
        ]
    )
    return Street(bezier(curve, 14), highway, level=LINK, start=POINT, end=POINT, oneway=True)


def _fork(road: Expressway, others: list[Expressway]) -> list[Street]:
    """Return the four ramps at each end of a road that lies on another expressway."""
    ramps = []
    for end in (0, -1):
        tip = shapely.Point(road.line[end])
        hosts = [o for o in others if tip.distance(shapely.linestrings(o.line)) < 60.0]
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
    road.joined.add(end)
    if end == 0:
        road.busy = [at_m - back for at_m in road.busy]
    host.busy.append(measure_at(host.line, tip))
    ramps = []
    for host_side in (0, 1):
        line = host.sides[host_side]
        at_m = measure_at(line, tip)
        size = lengths(line)[-1]
        for road_side in (0, 1):
            carriage = road.sides[road_side]
            # At its first end the right carriageway leaves the host, the left one arrives.
            leaves_host = (road_side == 0) == (end == 0)
            shift = -620.0 if leaves_host else 620.0
            if not 50 < at_m + shift < size - 50:
                continue
            weld = host.weld(host_side, at_m + shift)
            on_host = heading(line, at_m + shift)
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


def diamonds(
    road: Expressway, streets: list[Street], core: BaseGeometry
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
        at = measure_at(road.line, hit)
        inside = bool(shapely.distance(core, shapely.points(hit)) < 500.0)
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
    on_street = measure_at(street.line, hit)
    total = lengths(street.line)[-1]
    if not 170 < on_street < total - 170:
        return []
    ramps: list[Street] = []
    for side, line in enumerate(road.sides):
        at = measure_at(line, hit)
        ahead = heading(line, at)
        if not 600 < at < lengths(line)[-1] - 600:
            return []
        along_street = heading(street.line, on_street)
        sign = 1.0 if float(along_street @ right_of(ahead)) > 0 else -1.0
        ground = along(street.line, on_street + sign * 130.0)[0]
        leave, join = road.weld(side, at - 520.0), road.weld(side, at + 520.0)
        off = bezier(np.array([leave, leave + 230 * ahead, ground - 170 * ahead, ground]), 10)
        on = bezier(np.array([ground, ground + 170 * ahead, join - 230 * ahead, join]), 10)
        for curve, start, end in ((off, POINT, TEE), (on, TEE, POINT)):
            ramp = Street(curve, "motorway_link", level=LINK, start=start, end=end, oneway=True)
            ramps.append(replace(ramp, target=street.key))
    return ramps
