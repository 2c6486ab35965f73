"""Where things stand on a sheet, in millimetres, and at which scale the map is drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

SCALES = (
    *(5_000, 10_000, 15_000, 20_000, 25_000, 30_000, 40_000, 50_000, 60_000, 75_000, 100_000),
    *(125_000, 150_000, 200_000, 250_000, 300_000, 350_000, 400_000, 500_000, 600_000, 750_000),
    *(1_000_000, 1_500_000, 2_000_000, 3_000_000, 5_000_000, 10_000_000),
)
"""Denominators that maps are drawn at."""
ROOM = 1.04
"""The area takes at most the frame over this."""
STEPS_ARCMIN = (0.25, 0.5, 1, 2, 5, 10, 15, 20, 30, 60, 120, 300)
"""Distances of graticule lines."""
_BAR_KM = (0.2, 0.5, 1, 2, 5, 10, 20, 30, 50, 100, 200)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on the sheet, mm from its left and top."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Right edge, mm."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Lower edge, mm."""
        return self.top + self.height


@dataclass(frozen=True, slots=True)
class Layout:
    """
    A sheet.

    Attributes
    ----------
    width, height
        Of the paper, mm.
    unit
        What a millimetre of the A3 sheet is here, mm; types and lines follow it.
    frame
        The map.
    legend, figures, clauses
        The blocks beside or below it.
    scale
        Denominator.
    extent
        West, south, east, north of the frame in metres of the map's CRS.
    mark
        Factor of the size of point symbols: they shrink where the scale is small.
    """

    width: float
    height: float
    unit: float
    frame: Box
    legend: Box
    figures: Box
    clauses: Box
    scale: int
    extent: tuple[float, float, float, float]
    mark: float = 1.0


def lay_out(size_mm: tuple[float, float], bounds: Floats, rows: tuple[int, int]) -> Layout:
    """
    Lay a sheet out lying or standing, whichever shows the area larger.

    Parameters
    ----------
    size_mm
        Long and short side of the paper.
    bounds
        West, south, east, north of the area, metres.
    rows
        Of the legend and of the figures.
    """
    lying, standing = _lying(*size_mm, bounds, rows), _standing(*size_mm, bounds)
    return standing if standing.scale < lying.scale else lying


def _lying(long: float, short: float, bounds: Floats, rows: tuple[int, int]) -> Layout:
    u = long / 420.0
    column = Box(long - 102 * u, 27 * u, 92 * u, short - 47 * u)
    frame = Box(14 * u, 27 * u, long - 122 * u, short - 47 * u)
    boxes, top = [], column.top
    # Each block as high as its rows ask for; the last takes what is left.
    for count, step in ((rows[0], 5.4), (rows[1], 5.2)):
        boxes.append(Box(column.left, top, column.width, min(8 + count * step, 108) * u))
        top = boxes[-1].bottom + 6 * u
    clauses = Box(column.left, top, column.width, column.bottom - top)
    return _scaled(long, short, u, (frame, boxes[0], boxes[1], clauses), bounds)


def _standing(long: float, short: float, bounds: Floats) -> Layout:
    u = long / 420.0
    below = 116 * u
    frame = Box(14 * u, 27 * u, short - 24 * u, long - 27 * u - below - 24 * u)
    top, third = frame.bottom + 8 * u, (short - 20 * u - 10 * u) / 3
    legend, figures, clauses = (
        Box(10 * u + k * (third + 5 * u), top, third, below - 8 * u) for k in range(3)
    )
    return _scaled(short, long, u, (frame, legend, figures, clauses), bounds)


def _scaled(
    width: float, height: float, u: float, boxes: tuple[Box, Box, Box, Box], bounds: Floats
) -> Layout:
    frame = boxes[0]
    west, south, east, north = bounds
    needed = ROOM * 1000 * max((east - west) / frame.width, (north - south) / frame.height)
    scale = next((s for s in SCALES if s >= needed), SCALES[-1])
    middle = np.array([(west + east) / 2, (south + north) / 2])
    half = np.array([frame.width, frame.height]) * scale / 2000
    low, high = middle - half, middle + half
    extent = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    mark = min(max((250_000 / scale) ** 0.3, 0.7), 1.25)
    return Layout(width, height, u, *boxes, scale, extent, mark)


def bar_km(layout: Layout) -> float:
    """Return the length of the scale bar, about a sixth of the frame."""
    most = layout.frame.width * layout.scale / 1e6 / 5
    return max(km for km in (_BAR_KM[0], *_BAR_KM) if km <= max(most, _BAR_KM[0]))


def graticule(low: float, high: float, span_deg: float) -> list[float]:
    """Return round degrees between two, so that about five lines cross a span."""
    step = next((s for s in STEPS_ARCMIN if s / 60 >= span_deg / 6), STEPS_ARCMIN[-1])
    first, last = math.ceil(low * 60 / step), math.floor(high * 60 / step)
    return [k * step / 60 for k in range(first, last + 1)]


def degrees_text(value: float, positive: str, negative: str) -> str:
    """Write a round coordinate as degrees, minutes and seconds where it has them."""
    seconds = round(abs(value) * 3600)
    degrees, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    tail = f"{seconds:02d}″" if seconds else ""
    return f"{degrees}°{minutes:02d}′{tail}{positive if value >= 0 else negative}"
