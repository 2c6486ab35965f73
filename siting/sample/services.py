# ruff: noqa: PLR2004  (metres and shares of a drawing, plain where they stand)
"""Service areas on the sample city's expressways, one on each side, with their ways in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from siting.sample.express import Expressway, Service, heading, measure_at
from siting.sample.streets import LINK, POINT, Street, along, bezier, lengths, right_of

if TYPE_CHECKING:
    import numpy.typing as npt
    from shapely.geometry.base import BaseGeometry

    Floats = npt.NDArray[np.float64]

SERVICE_EVERY_M = 42_000.0
"""Spacing of service areas: JTG D80 asks for about 50 km on average."""


def service_areas(road: Expressway, core: BaseGeometry) -> tuple[list[Street], list[Service]]:
    """Return the service areas of an expressway, one on each side, with their ways in and out."""
    total = lengths(road.line)[-1]
    count = round(float(total) / SERVICE_EVERY_M) if total > 22_000 else 0
    streets: list[Street] = []
    areas: list[Service] = []
    for number in range(count):
        wanted = (number + 0.5) * total / count
        tries = wanted + np.array([0, 1, -1, 2, -2, 3, -3, 4, -4]) * 1_500.0
        places = along(road.line, tries)
        far = np.atleast_1d(shapely.distance(core, shapely.points(places)) > 1_000.0)
        free = [
            at
            for at, ok in zip(tries, far, strict=True)
            if ok and 2_000 < at < total - 2_000 and all(abs(at - b) > 2_200 for b in road.busy)
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
    at = measure_at(line, place)
    ahead = heading(line, at)
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
