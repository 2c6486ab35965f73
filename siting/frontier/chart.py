"""The chart of a budget frontier as SVG: what money buys, what the next buys, what is short."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import numpy as np

from siting.frontier.axes import INK, LEFT, RIGHT, Axes, frame, ticks
from siting.frontier.spending import SPENDING_HEIGHT, spending
from siting.text import clip
from siting.units import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from siting.frontier.points import FrontierPoint

WIDTH, HEIGHT = 860, 660
"""Size of the picture, user units."""
_TOP, _MIDDLE = (70, 390), (470, 610)
"""Upper and lower edge of the two panels."""
_BLUE, _RED, _GREEN = "#1565c0", "#c62828", "#2e7d32"
_FONT = "'Noto Sans CJK SC','Microsoft YaHei','PingFang SC',sans-serif"


def frontier_chart(
    points: Sequence[FrontierPoint], titles: tuple[str, str] = ("", ""), *, joint: bool = False
) -> str:
    """
    Draw a frontier: energy served with its bound over the budget, and below what money adds.

    Parameters
    ----------
    points
        In ascending order of the budgets.
    titles
        Chinese and English title of the model.
    joint
        Whether budgets are totals of all programmes; then a third panel shows what each costs.

    Returns
    -------
    svg
        A whole SVG file with no script and no reference to anything else.
    """
    money = np.array([point.budget_cny for point in points])
    across = ticks(float(money[0]), float(money[-1]))
    limits = (float(across[0]), float(across[-1]))
    zh, en = (escape(clip(title, 80)) for title in titles)
    height = HEIGHT + SPENDING_HEIGHT * joint
    of_zh, of_en = ("总", "total ") if joint else ("充换电", "charging ")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}">',
        f'<g font-family="{_FONT}" font-size="12" fill="{INK}">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{LEFT}" y="26" font-size="17" font-weight="bold">{zh} {of_zh}预算前沿</text>',
        f'<text x="{LEFT}" y="44">{en} {of_en}budget frontier</text>',
        *_served(points, limits, across, joint=joint),
        *_marginal(points, limits, across),
        *(spending(points, limits, across) if joint else ()),
        "</g></svg>",
    ]
    return "\n".join(parts) + "\n"


def _served(
    points: Sequence[FrontierPoint],
    limits: tuple[float, float],
    across: npt.NDArray[np.float64],
    *,
    joint: bool,
) -> list[str]:
    """Upper panel: energy served, the bound above it, the knee, and points that fall short."""
    known = [point for point in points if math.isfinite(point.served_kwh_day)]
    label = "日服务电量（MWh）与已证明上界 energy served, MWh a day, and its proven bound"
    head = f'<text x="{LEFT}" y="{_TOP[0] - 8}">{label}</text>' + _marks(points, joint=joint)
    if not known:
        return [head, f'<text x="{LEFT}" y="{_TOP[1]}">{UNKNOWN}</text>']
    most = max(max(p.bound_kwh_day, p.served_kwh_day) for p in known) / 1000
    low = min(point.served_kwh_day for point in known) / 1000
    up = ticks(max(0.0, low - 0.4 * (most - low)), max(most, low + 1e-6))
    axes = Axes(limits, (float(up[0]), float(up[-1])), _TOP)
    parts = [head, *frame(axes, across, up)]
    whole = [point for point in known if point.status == "met"]
    line = [axes.at(p.budget_cny, p.served_kwh_day / 1000) for p in whole]
    bound = [axes.at(p.budget_cny, p.bound_kwh_day / 1000) for p in whole]
    if len(line) > 1:
        band = " ".join(f"{x:.1f},{y:.1f}" for x, y in (*line, *reversed(bound)))
        parts.append(f'<polygon points="{band}" fill="{_BLUE}" fill-opacity="0.12"/>')
    parts += [_line(line, _BLUE), _line(bound, _BLUE, dashed=True)]
    parts += [
        f'<text x="{axes.at(point.budget_cny, axes.y[0])[0]:.1f}" y="{_TOP[1] - 6}" fill="{_RED}" '
        'text-anchor="middle">✕</text>'
        for point in points
        if point.status == "none"
    ]
    for point in known:
        x, y = axes.at(point.budget_cny, point.served_kwh_day / 1000)
        color = _BLUE if point.status == "met" else _RED
        # Hollow where something else than the total limits charging.
        inside = "#fff" if joint and point.limited_by not in {"total", ""} else color
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{inside}" stroke="{color}" '
            'stroke-width="1.8"/>'
        )
        if point.status == "short":
            held = f"目标 targets {point.share:.0%}"
            parts.append(f'<text x="{x + 7:.1f}" y="{y + 14:.1f}" fill="{_RED}">{held}</text>')
        if point.knee:
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="9" fill="none" stroke="{_GREEN}" '
                f'stroke-width="2"/><text x="{x + 12:.1f}" y="{y + 20:.1f}" fill="{_GREEN}">'
                "拐点 knee</text>"
            )
    return parts


def _marks(points: Sequence[FrontierPoint], *, joint: bool) -> str:
    """Explain the marks that the upper panel has beside full points."""
    words = []
    if any(point.status == "none" for point in points):
        words.append("✕ 无方案 no plan")
    if joint and any(point.limited_by not in {"total", ""} for point in points):
        words.append("○ 另有上限 another limit")
    return f'<text x="{RIGHT}" y="{_TOP[0] - 8}" text-anchor="end">{"　".join(words)}</text>'


def _line(places: Sequence[tuple[float, float]], color: str, *, dashed: bool = False) -> str:
    """Draw a line through places."""
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places) if len(places) > 1 else ""
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    return f'<path d="{path}" fill="none" stroke="{color}" stroke-width="1.8"{dash}/>'


def _marginal(
    points: Sequence[FrontierPoint], limits: tuple[float, float], across: npt.NDArray[np.float64]
) -> list[str]:
    """Lower panel: differences between re-solved points as steps, with what they can be."""
    label = "预算每增加一万元，每日多服务的电量（kWh，相邻两点各自求解之差；细线为可证区间）"
    english = "kWh a day more for 10,000 CNY more: differences of re-solved points, and their range"
    top = _MIDDLE[0]
    parts = [
        f'<text x="{LEFT}" y="{top - 24}">{label}</text>',
        f'<text x="{LEFT}" y="{top - 9}" font-size="11">{english}</text>',
    ]
    steps = [
        (before, point)
        for before, point in pairwise(points)
        if math.isfinite(point.marginal_kwh_per_wan)
    ]
    if not steps:
        return [*parts, f'<text x="{LEFT}" y="{_MIDDLE[1]}">{UNKNOWN}</text>']
    up = ticks(0.0, max(max(point.marginal_high, 1e-6) for _, point in steps), 4)
    axes = Axes(limits, (float(up[0]), float(up[-1])), _MIDDLE)
    parts += frame(axes, across, up)
    for before, point in steps:
        left, y = axes.at(before.budget_cny, point.marginal_kwh_per_wan)
        right, zero = axes.at(point.budget_cny, 0.0)
        middle = (left + right) / 2
        low = axes.at(point.budget_cny, point.marginal_low)[1]
        high = axes.at(point.budget_cny, point.marginal_high)[1]
        parts.append(
            f'<rect x="{left + 1:.1f}" y="{y:.1f}" width="{right - left - 2:.1f}" '
            f'height="{max(zero - y, 0):.1f}" fill="{_BLUE}" fill-opacity="0.35"/>'
            f'<path d="M{middle:.1f} {low:.1f}V{high:.1f}" stroke="{INK}"/>'
        )
    return parts
