"""The panel of the frontier chart that shows what each programme costs at each total."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from siting.frontier.axes import INK, LEFT, RIGHT, Axes, frame, ticks
from siting.frontier.points import NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from siting.frontier.points import FrontierPoint

SPENDING_HEIGHT = 230
"""What the panel adds to the height of the picture, user units."""
EDGES = (710, 850)
"""Its upper and lower edge."""
TITLE_ZH = "各专项投资（框为总额，无方案处为空框）"
TITLE_EN = "cost by programme; outline: the total, empty without a plan"
COLORS = {
    "charging": "#1565c0",
    "hydrogen": "#ef6c00",
    "roadside": "#6a1b9a",
    "testroads": "#2e7d32",
}
BAR = 0.5
"""Width of a bar over the least distance of two points."""
WIDEST = 46.0
"""Most width of a bar, user units."""


def spending(
    points: Sequence[FrontierPoint], limits: tuple[float, float], across: npt.NDArray[np.float64]
) -> list[str]:
    """
    Draw what each programme costs as bars in the frame of the total.

    Parameters
    ----------
    points
        In ascending order of the totals.
    limits
        Limits of the axis of totals, CNY.
    across
        Its ticks.
    """
    up = ticks(0.0, max(point.budget_cny for point in points), 4)
    axes = Axes(limits, (0.0, float(up[-1])), EDGES)
    place = [axes.at(point.budget_cny, 0.0)[0] for point in points]
    width = min(WIDEST, BAR * float(np.diff(place).min(initial=2 * WIDEST)))
    parts = [
        f'<text x="{LEFT}" y="{EDGES[0] - 24}">{TITLE_ZH}</text>',
        f'<text x="{LEFT}" y="{EDGES[0] - 9}" font-size="11">{TITLE_EN}</text>',
        *_legend(),
        *frame(axes, across, up, money=True),
    ]
    for x, point in zip(place, points, strict=True):
        left, base = min(max(x - width / 2, LEFT), RIGHT - width), 0.0
        for name, color in COLORS.items():
            cost = float(point.costs.get(name, 0))
            top, bottom = axes.at(0.0, base + cost)[1], axes.at(0.0, base)[1]
            base += cost
            parts.append(
                f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" '
                f'height="{bottom - top:.1f}" fill="{color}" fill-opacity="0.75"/>'
            )
        top, bottom = axes.at(0.0, point.budget_cny)[1], EDGES[1]
        parts.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" '
            f'height="{bottom - top:.1f}" fill="none" stroke="{INK}"/>'
        )
    return parts


def _legend() -> list[str]:
    parts = []
    for n, (name, color) in enumerate(COLORS.items()):
        x, y = LEFT + 390 + 170 * (n % 2), EDGES[0] - 33 + 15 * (n // 2)
        parts.append(f'<rect x="{x}" y="{y}" width="10" height="10" fill="{color}"/>')
        zh, en = NAMES[name]
        parts.append(f'<text x="{x + 15}" y="{y + 9}" font-size="11">{zh} {en}</text>')
    return parts
