"""Panels of the frontier chart: round ticks, and data placed on a picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import numpy as np

from siting.units import money_text

if TYPE_CHECKING:
    import numpy.typing as npt

LEFT, RIGHT = 96, 820
"""Edges of all panels, user units of the picture."""
INK, PALE = "#222", "#ddd"
"""Colours of text and grid."""
_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Axes:
    """
    A panel.

    Attributes
    ----------
    x, y
        Limits of the data.
    edges
        Upper and lower edge that they are drawn at.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    edges: tuple[int, int]

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return where a value is drawn."""
        upper, lower = self.edges
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return LEFT + across * (RIGHT - LEFT), lower - up * (lower - upper)


def ticks(low: float, high: float, most: int = 6) -> npt.NDArray[np.float64]:
    """
    Return round values that span a range.

    Parameters
    ----------
    low, high
        The range; `high` above `low`.
    most
        At most about so many steps.

    Examples
    --------
    >>> ticks(0.0, 97.0).tolist()
    [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]
    """
    raw = (high - low) / most
    size = 10.0 ** math.floor(math.log10(raw))
    step = size * next(nice for nice in _NICE if nice * size >= raw * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    steps: npt.NDArray[np.float64] = step * np.arange(first, last + 1, dtype=np.float64)
    return steps


def frame(
    axes: Axes,
    across: npt.NDArray[np.float64],
    up: npt.NDArray[np.float64],
    *,
    money: bool = False,
) -> list[str]:
    """
    Draw grid and labels of a panel.

    Parameters
    ----------
    axes
        The panel.
    across
        Ticks of the budgets, CNY.
    up
        Ticks of the other axis.
    money
        Whether that is CNY too.
    """
    upper, lower = axes.edges
    parts = []
    for value in up.tolist():
        _, y = axes.at(axes.x[0], value)
        label = escape(money_text(value)) if money else f"{value:,g}"
        parts.append(f'<path d="M{LEFT} {y:.1f}H{RIGHT}" stroke="{PALE}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    for value in across.tolist():
        x, _ = axes.at(value, axes.y[0])
        label = escape(money_text(value))
        parts.append(f'<path d="M{x:.1f} {upper}V{lower}" stroke="{PALE}"/>')
        parts.append(f'<text x="{x:.1f}" y="{lower + 16}" text-anchor="middle">{label}</text>')
    return parts
