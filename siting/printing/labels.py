"""Names on the map of a sheet: districts first, then main roads, none over another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from siting.printing.layers import HALO

if TYPE_CHECKING:
    from siting.printing.canvas import Canvas
    from siting.printing.layers import Ground
    from siting.printing.layout import Layout
    from siting.printing.words import Words

DISTRICT, ROAD = "#3d3650", "#6f5636"
MOST_ROADS = 60
_LABELLED = ("motorway", "trunk", "primary")


def draw_names(canvas: Canvas, ground: Ground, words: Words) -> None:
    """Write the names of the districts of the sheet, and of main roads where there is room."""
    taken: list[tuple[float, float, float, float]] = []
    _districts(canvas, ground, words, taken)
    _roads(canvas, ground, taken)


def _free(
    box: tuple[float, float, float, float], taken: list[tuple[float, float, float, float]]
) -> bool:
    return not any(
        box[0] < o[2] and box[2] > o[0] and box[1] < o[3] and box[3] > o[1] for o in taken
    )


def _write(
    canvas: Canvas, x: float, y: float, text: str, mm: float, color: str, angle: float = 0.0
) -> None:
    from matplotlib.patheffects import Stroke  # noqa: PLC0415

    style: dict[str, Any] = {
        "fontsize": canvas.points(mm), "ha": "center", "va": "center_baseline", "clip_on": True,
        "weight": "bold" if color == DISTRICT else "normal", "rotation": angle,
        "rotation_mode": "anchor",
    }  # fmt: skip
    # The halo is a shape of its own, so that the name above it stays text in PDF and SVG.
    halo = [Stroke(linewidth=canvas.points(mm * 0.32), foreground=HALO, alpha=0.9)]
    canvas.chart.text(x, y, text, color=HALO, zorder=8, path_effects=halo, **style)
    canvas.chart.text(x, y, text, color=color, zorder=8.1, **style)


def _districts(
    canvas: Canvas, ground: Ground, words: Words, taken: list[tuple[float, float, float, float]]
) -> None:
    frame, layout = ground.plan.districts, canvas.layout
    areas = shapely.intersection(ground.metric(frame), shapely.box(*layout.extent))
    metres = layout.scale / 1000
    rows = [k for k in np.argsort(-shapely.area(areas), kind="stable") if ground.inside[k]]
    for row in rows:
        parts = shapely.get_parts(areas[row])
        parts = parts[shapely.area(parts) > (8.0 * layout.unit * metres) ** 2]
        if not len(parts):
            continue
        largest = parts[int(np.argmax(shapely.area(parts)))]
        circle = shapely.maximum_inscribed_circle(largest, 50.0)
        x, y = shapely.get_coordinates(shapely.get_point(circle, 0))[0]
        line = frame.iloc[row]
        text = canvas.face.clean(words.pick(line["name"], line["name_en"]), 24)
        half, tall = canvas.width_mm(text, 4.0) * metres / 2, 2.6 * layout.unit * metres
        x, y = _within(layout, float(x), float(y), half, tall)
        box = (x - half, y - tall, x + half, y + tall)
        if _free(box, taken):
            taken.append(box)
            _write(canvas, x, y, text, 4.0, DISTRICT)


def _within(layout: Layout, x: float, y: float, half: float, tall: float) -> tuple[float, float]:
    """Move the middle of a name so that no letter of it lies beyond the frame."""
    west, south, east, north = layout.extent
    gap = layout.unit * layout.scale / 1000
    left, right = west + half + gap, east - half - gap
    low, high = south + tall + gap, north - tall - gap
    middle = (west + east) / 2, (south + north) / 2
    return (
        min(max(x, left), right) if left <= right else middle[0],
        min(max(y, low), high) if low <= high else middle[1],
    )


def _roads(canvas: Canvas, ground: Ground, taken: list[tuple[float, float, float, float]]) -> None:
    """Write each main road's name once, on its longest stretch that is straight enough."""
    roads, layout = ground.plan.roads, canvas.layout
    some = roads[roads["highway"].isin(_LABELLED) & (roads["name"].astype(str).str.strip() != "")]
    rank = some["highway"].map(_LABELLED.index)
    order = some.assign(rank=rank).sort_values(["rank", "length_m", "edge_id"],
                                               ascending=[True, False, True])  # fmt: skip
    metres, written = layout.scale / 1000, 0
    seen: set[str] = set()
    for name, line in zip(order["name"], ground.metric(order), strict=True):
        text = canvas.face.clean(name, 16)
        half = canvas.width_mm(text, 2.1) * metres / 2
        if written >= MOST_ROADS or text in seen or shapely.length(line) < 1.2 * half:
            continue
        spot = shapely.line_interpolate_point(line, 0.5, normalized=True)
        if not shapely.contains(shapely.box(*layout.extent), spot):
            continue
        (x, y) = shapely.get_coordinates(spot)[0]
        a, b = shapely.get_coordinates(
            shapely.line_interpolate_point(line, [0.45, 0.55], normalized=True)
        )
        angle = (np.degrees(np.arctan2(b[1] - a[1], b[0] - a[0])) + 90) % 180 - 90
        turn = np.radians(angle)
        tall = 1.8 * layout.unit * metres
        dx, dy = half * abs(np.cos(turn)) + tall, half * abs(np.sin(turn)) + tall
        box = (x - dx, y - dy, x + dx, y + dy)
        if _free(box, taken) and shapely.contains(shapely.box(*layout.extent), shapely.box(*box)):
            taken.append(box)
            seen.add(text)
            written += 1
            _write(canvas, x, y, text, 2.1, ROAD, float(angle))
