"""The legend of a sheet: what is on its map, and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from siting.printing.canvas import GREY
from siting.printing.layers import (
    BORDER,
    DISC,
    FUEL,
    HALO,
    KEPT,
    LEVELS,
    NEW,
    NODE,
    ROADS,
    ZONE,
    phase_color,
    phase_names,
    shown_roads,
    station_mm,
)
from siting.printing.layout import Box
from siting.printing.margin import box, heading, line

if TYPE_CHECKING:
    from collections.abc import Callable

    from siting.plan import Plan
    from siting.printing.canvas import Canvas
    from siting.printing.words import Words

    Key = Callable[[float, float], None]

SIZES = (10, 40, 120)
"""Piles of the stations that show what a size means."""
WIDE_MM = 11.0
"""Room of a symbol."""


def legend_rows(plan: Plan) -> int:
    """Return at most how many rows the legend of a plan has."""
    return 10 + 6 * bool(len(plan.rsus)) + len(phase_names(plan)) + bool(len(plan.hydrogen))


def legend(canvas: Canvas, at: Box, words: Words, plan: Plan, scale: int) -> None:
    """Draw the legend of a sheet whose finest map has a scale, as close as its block asks for."""
    u = canvas.layout.unit
    top = heading(canvas, at, words("legend"))
    items = [*_stations(canvas, words, plan), *_others(canvas, words, plan)]
    items += _roads(canvas, words, plan, scale)
    step = min(5.4 * u, (at.bottom - top) / max(len(items) + 0.6, 1))
    size = min(2.6, 0.6 * step / u)
    for number, (key, text) in enumerate(items):
        y = top + (number + 0.9) * step
        key(at.left + WIDE_MM * u / 2, y)
        x = at.left + (WIDE_MM + 2) * u
        canvas.write(x, y, canvas.fitted(text, at.right - x, size), size, va="center")


def _mark(canvas: Canvas, mm: Any, **style: Any) -> Key:  # noqa: ANN401
    """Return a symbol of one or several points side by side."""

    def draw(x: float, y: float) -> None:
        u = canvas.layout.unit
        sizes = list(mm) if isinstance(mm, (list, tuple)) else [mm]
        total = sum(sizes) + 0.6 * (len(sizes) - 1)
        at = x - total * u / 2
        for size in sizes:
            point = (size * canvas.points(1.0)) ** 2
            canvas.page.scatter([at + size * u / 2], [y], s=point, **{"linewidths": 0, **style})
            at += (size + 0.6) * u

    return draw


def _line(canvas: Canvas, *strokes: tuple[float, str], **more: Any) -> Key:  # noqa: ANN401
    def draw(x: float, y: float) -> None:
        half = WIDE_MM * canvas.layout.unit / 2
        for mm, color in strokes:
            line(canvas, [x - half, x + half], [y, y], mm, color, solid_capstyle="butt", **more)

    return draw


def _patch(canvas: Canvas, color: str, alpha: float) -> Key:
    def draw(x: float, y: float) -> None:
        u = canvas.layout.unit
        at = Box(x - 4 * u, y - 1.5 * u, 8 * u, 3 * u)
        box(canvas, at, 0.12, fill=True, facecolor=color, alpha=alpha, edgecolor=color)

    return draw


def _stations(canvas: Canvas, words: Words, plan: Plan) -> list[tuple[Key, str]]:
    items: list[tuple[Key, str]] = []
    kept = plan.stations["status"] == "kept"
    if (~kept).any():
        text = f"{words('new')} · {int((~kept).sum()):,}"
        items.append((_mark(canvas, 2.6, color=NEW), text))
    if kept.any():
        edge = {"facecolors": HALO, "edgecolors": KEPT, "linewidths": canvas.points(0.34)}
        items.append((_mark(canvas, 2.4, **edge), f"{words('kept')} · {int(kept.sum()):,}"))
    if len(plan.stations):
        sizes = tuple(float(size) for size in station_mm(SIZES, canvas.layout.mark))
        a, b, c = SIZES
        edge = {"facecolors": "none", "edgecolors": GREY, "linewidths": canvas.points(0.2)}
        items.append((_mark(canvas, sizes, **edge), words("size", a=a, b=b, c=c)))
    return items


def _others(canvas: Canvas, words: Words, plan: Plan) -> list[tuple[Key, str]]:
    items: list[tuple[Key, str]] = []
    if len(plan.hydrogen):
        text = f"{words('hydrogen')} · {len(plan.hydrogen):,}"
        items.append((_mark(canvas, 3.4, color=FUEL, marker="D"), text))
    for number, level in enumerate(("rsu", "sensing", "full") if len(plan.rsus) else ()):
        count = int((plan.rsus["level"] == level).sum())
        if count:
            key = _mark(canvas, 1.2 + 0.25 * number, color=LEVELS[number])
            items.append((key, f"{words(level)} · {count:,}"))
    if len(plan.edge_nodes):
        text = f"{words('edge_nodes')} · {len(plan.edge_nodes):,}"
        items.append((_mark(canvas, 1.4, color=NODE, marker="s"), text))
    if len(plan.zones):
        items.append((_patch(canvas, ZONE, 0.28), words("zones")))
    if len(plan.rsus):
        items.append((_patch(canvas, DISC, 0.2), words("reach")))
    for phase, name in phase_names(plan).items():
        here = plan.test_road_catalogue["phase"] == phase
        km = float(plan.test_road_catalogue["km"][here].sum())
        text = f"{words('testroads', name=canvas.face.clean(name, 24))} · {km:,.1f} km"
        items.append((_line(canvas, (0.85, phase_color(phase))), text))
    return items


def _roads(canvas: Canvas, words: Words, plan: Plan, scale: int) -> list[tuple[Key, str]]:
    items: list[tuple[Key, str]] = []
    there = set(plan.roads["highway"])
    for name in reversed(list(ROADS)):
        look = ROADS[name]
        if name in shown_roads(scale) and there & set(look.classes):
            strokes = [(look.casing, look.edge)] if look.edge else []
            key = _line(canvas, *strokes, (max(look.width, 0.2), look.fill))
            items.append((key, words.of_page(f"road.{name}", name)))
    dash = (0, (7, 2.2, 1.2, 2.2))
    items.append((_line(canvas, (0.3, BORDER), linestyle=dash), words("districts")))
    return items
