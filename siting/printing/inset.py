"""An inset of where a plan is densest, in a corner of the map that the area leaves free."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import shapely

from siting.printing.canvas import GREY, INK
from siting.printing.labels import draw_names
from siting.printing.layers import area_mm, draw_layers
from siting.printing.layout import SCALES, Box
from siting.printing.margin import PAPER, box, draw_graticule

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.printing.canvas import Canvas
    from siting.printing.layers import Ground
    from siting.printing.layout import Layout
    from siting.printing.words import Words

    Floats = npt.NDArray[np.float64]

LEAST_MM, MOST_MM = 58.0, 128.0
"""Sides of an inset on an A3 sheet."""
NEAR_M = 12_000.0
"""How far from its middle the core is looked for, east and north."""
SHIFTS = 6
"""How often the middle is moved, from the fullest square of 4 km to that of what is near it."""
EDGE_SHARE = 0.01
"""Share of the sites near it that may lie outside of the core on each side."""
LARGER = 1.8
"""An inset is drawn at least so much larger than the map, or not at all."""


def inset_layout(layout: Layout, ground: Ground) -> Layout | None:
    """
    Find room and extent of an inset.

    Returns
    -------
    layout
        That of the sheet with the frame, scale and extent of the inset; None where there is no room
        or nothing to enlarge.
    """
    core = _core(ground)
    room = _free_corner(layout, ground)
    if core is None or room is None:
        return None
    middle, half_m = core
    needed = 2 * half_m * 1000 / room.width
    scale = next((s for s in SCALES if s >= needed), SCALES[-1])
    if scale * LARGER > layout.scale:
        return None
    half = room.width * scale / 2000
    (west, south), (east, north) = (middle - half).tolist(), (middle + half).tolist()
    extent = (west, south, east, north)
    return replace(layout, frame=room, scale=scale, extent=extent)


def _core(ground: Ground) -> tuple[Floats, float] | None:
    """Return the middle of the densest part in metres and half the side of a square around it."""
    stations, rsus = ground.plan.stations, ground.plan.rsus
    points = [shapely.get_coordinates(ground.metric(f)) for f in (stations, rsus) if len(f)]
    if not points:
        return None
    weights = [f[c] for f, c in ((stations, "piles"), (rsus, "reuse")) if len(f)]
    xy = np.concatenate(points)
    weight = np.concatenate(
        [np.maximum(w.to_numpy(dtype=float), 1.0) / max(float(np.maximum(w, 1).sum()), 1.0)
         for w in weights]
    )  # fmt: skip
    areas = ground.metric(ground.plan.districts)[ground.inside]
    inside = shapely.intersects_xy(shapely.union_all(areas), xy[:, 0], xy[:, 1])
    xy, weight = xy[inside], weight[inside]
    if not len(xy):
        return None
    # The fullest of squares of 4 km, then what its neighbourhood spans.
    cell = np.floor(xy / 4000.0).astype(np.int64)
    _, of = np.unique(cell, axis=0, return_inverse=True)
    full = int(np.argmax(np.bincount(of.ravel(), weights=weight)))
    near = xy[of.ravel() == full]
    for _ in range(SHIFTS):
        near = xy[np.abs(xy - near.mean(axis=0)).max(axis=1) < NEAR_M]
    low, high = np.quantile(near, [EDGE_SHARE, 1 - EDGE_SHARE], axis=0)
    half = float((high - low).max()) / 2
    return (low + high) / 2, min(max(1.08 * half, 1500.0), 16_000.0)


def _free_corner(layout: Layout, ground: Ground) -> Box | None:
    """Find the largest square in a corner of the map that the area leaves free."""
    u, frame = layout.unit, layout.frame
    area = area_mm(layout, ground)
    best: Box | None = None
    for right, low in ((True, True), (False, False), (True, False), (False, True)):
        for side in np.arange(MOST_MM * u, LEAST_MM * u, -2 * u):
            # The scale bar stands in a lower corner, north and the banner in the upper ones.
            left = frame.right - 3 * u - side if right else frame.left + 3 * u
            free = 19.0 if low else 24.0 if right else 12.0
            top = frame.bottom - free * u - side if low else frame.top + free * u
            square = shapely.box(left, top, left + side, top + side)
            if not shapely.intersects(area, shapely.buffer(square, 2 * u, cap_style="square")):
                if best is None or side > best.width:
                    best = Box(float(left), float(top), float(side), float(side))
                break
    return best


def draw_inset(canvas: Canvas, inset: Layout, ground: Ground, words: Words) -> None:
    """Draw the inset with its scale, and its outline on the map."""
    u, frame = canvas.layout.unit, inset.frame
    spot = (
        frame.left / inset.width, 1 - frame.bottom / inset.height,
        frame.width / inset.width, frame.height / inset.height,
    )  # fmt: skip
    west, south, east, north = inset.extent
    chart = canvas.figure.add_axes(spot)
    chart.set_facecolor("#fbfbfa")
    chart.set(xlim=(west, east), ylim=(south, north), xticks=[], yticks=[])
    chart.set_autoscale_on(False)
    for spine in chart.spines.values():
        spine.set_visible(False)
    part = replace(canvas, chart=chart, layout=inset)
    draw_layers(part, ground)
    draw_names(part, ground, words)
    canvas.chart.plot(
        [west, east, east, west, west], [south, south, north, north, south], color=INK,
        lw=canvas.points(0.3), zorder=7.5,
    )  # fmt: skip
    # Above the inset's own axes, which lie over the page.
    above = canvas.figure.add_axes((0, 0, 1, 1))
    above.set(xlim=(0, inset.width), ylim=(inset.height, 0))
    above.set_autoscale_on(False)
    above.set_axis_off()
    over = replace(canvas, page=above)
    box(over, frame, 0.4)
    draw_graticule(replace(part, page=above), ground.crs, inside=True)
    text = words("inset", n=f"{inset.scale:,}".replace(",", " "))
    tag = Box(frame.left, frame.bottom - 5 * u, over.width_mm(text, 2.4) + 4 * u, 5 * u)
    box(over, tag, 0.0, fill=True, facecolor=PAPER, alpha=0.9, edgecolor="none")
    over.write(tag.left + 2 * u, tag.top + 2.5 * u, text, 2.4, va="center", color=GREY)
