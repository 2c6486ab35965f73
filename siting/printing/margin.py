"""What stands around the map of a sheet: title, frame, scale, legend, figures, clauses, sources."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from pyproj import Transformer

from siting.printing.canvas import FAINT, GREY, INK
from siting.printing.layers import area_mm
from siting.printing.layout import Box, bar_km, degrees_text, graticule
from siting.said import told as told_of
from siting.units import gap_text
from siting.wording import unit_name

if TYPE_CHECKING:
    import numpy.typing as npt
    from pyproj import CRS

    from siting.plan import Plan
    from siting.printing.canvas import Canvas
    from siting.printing.layers import Ground
    from siting.printing.words import Words

    Floats = npt.NDArray[np.float64]

WARNING, PAPER = "#f7d774", "#ffffff"


def box(canvas: Canvas, at: Box, mm: float, **style: Any) -> None:  # noqa: ANN401
    """Draw a rectangle with a line of so many mm."""
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    more = {"fill": False, "edgecolor": INK, "joinstyle": "miter", **style}
    width = canvas.points(mm)
    canvas.page.add_patch(
        Rectangle((at.left, at.top), at.width, at.height, linewidth=width, **more)
    )


def line(canvas: Canvas, xs: Any, ys: Any, mm: float, color: str = INK, **more: Any) -> None:  # noqa: ANN401
    """Draw a line in mm from the top left of the sheet."""
    canvas.page.plot(xs, ys, color=color, linewidth=canvas.points(mm), **more)


def title(canvas: Canvas, main: str, below: str) -> None:
    """Write the title over the map, with the other language below."""
    u, layout = canvas.layout.unit, canvas.layout
    width = layout.width - 24 * u
    size = 7.2
    while canvas.width_mm(main, size) > width and size > 4.2:  # noqa: PLR2004
        size -= 0.2
    canvas.write(14 * u, 15.5 * u, canvas.fitted(main, width, size), size, weight="bold")
    canvas.write(14 * u, 21.5 * u, canvas.fitted(below, width, 3.2), 3.2, color=GREY)


def neat_line(canvas: Canvas, crs: CRS) -> None:
    """Draw frame and graticule with its degrees."""
    u, frame = canvas.layout.unit, canvas.layout.frame
    draw_graticule(canvas, crs)
    box(canvas, frame, 0.5)
    outer = Box(frame.left - 4.4 * u, frame.top - 1.2 * u, frame.width + 5.6 * u, 0)
    outer = Box(outer.left, outer.top, outer.width, frame.height + 5.6 * u)
    box(canvas, outer, 0.15, edgecolor=GREY)


def draw_graticule(canvas: Canvas, crs: CRS, *, inside: bool = False) -> None:
    """
    Draw meridians and parallels of round degrees and write these.

    Parameters
    ----------
    canvas
        Whose chart the lines are drawn on and whose page the degrees are written on.
    crs
        Of the chart.
    inside
        Whether the degrees stand within the frame, as in an inset that has no margin.
    """
    layout = canvas.layout
    west, south, east, north = layout.extent
    back = Transformer.from_crs(crs, 4326, always_xy=True)
    edge = np.linspace(0, 1, 41)
    xs = np.concatenate([west + edge * (east - west)] * 2 + [np.full(41, v) for v in (west, east)])
    ys = np.concatenate(
        [np.full(41, v) for v in (south, north)] + [south + edge * (north - south)] * 2
    )
    lon, lat = back.transform(xs, ys)
    there = Transformer.from_crs(4326, crs, always_xy=True)
    for value in graticule(float(min(lon)), float(max(lon)), float(max(lon) - min(lon))):
        along = np.linspace(min(lat), max(lat), 81)
        x, y = there.transform(np.full(81, value), along)
        canvas.chart.plot(x, y, color="#6c7f8c", lw=canvas.points(0.07), alpha=0.5, zorder=3.4)
        _tick(
            canvas,
            float(np.interp(south, y, x)),
            degrees_text(value, "E", "W"),
            across=True,
            inside=inside,
        )
    for value in graticule(float(min(lat)), float(max(lat)), float(max(lat) - min(lat))):
        along = np.linspace(min(lon), max(lon), 81)
        x, y = there.transform(along, np.full(81, value))
        canvas.chart.plot(x, y, color="#6c7f8c", lw=canvas.points(0.07), alpha=0.5, zorder=3.4)
        _tick(
            canvas,
            float(np.interp(west, x, y)),
            degrees_text(value, "N", "S"),
            across=False,
            inside=inside,
        )


def _tick(canvas: Canvas, at: float, text: str, *, across: bool, inside: bool) -> None:
    """Write a coordinate below or left of the frame, or within it, where its line ends."""
    layout = canvas.layout
    u, frame = layout.unit, layout.frame
    west, south, east, north = layout.extent
    low, high = (west, east) if across else (south, north)
    part = (at - low) / (high - low)
    side = 0.12 if inside else 0.03
    if not side < part < 1 - side:  # a label wants its half beside the line
        return
    style = {"color": GREY, "ha": "center", "va": "center"}
    if inside:
        # The lower left corner holds the scale: degrees stand along the upper and right edges.
        across_at = (frame.left + part * frame.width, frame.top + 2.0 * u)
        up_at = (frame.right - 2.0 * u, frame.bottom - part * frame.height)
        x, y = across_at if across else up_at
        half = canvas.width_mm(text, 1.7) / 2 + 0.4 * u
        wide, tall = (half, 1.1 * u) if across else (1.1 * u, half)
        back = Box(x - wide, y - tall, 2 * wide, 2 * tall)
        box(canvas, back, 0.0, fill=True, facecolor=PAPER, alpha=0.85, edgecolor="none")
        canvas.write(x, y, text, 1.7, rotation=0 if across else 90, **style)
        return
    if across:
        canvas.write(frame.left + part * frame.width, frame.bottom + 2.2 * u, text, 2.0, **style)
    else:
        y = frame.bottom - part * frame.height
        canvas.write(frame.left - 2.3 * u, y, text, 2.0, rotation=90, **style)


def scale_and_north(canvas: Canvas, words: Words, ground: Ground, size: str) -> None:
    """Draw the scale bar in the lower corner that covers less of the area, and north above."""
    layout = canvas.layout
    u, frame = layout.unit, layout.frame
    whole = bar_km(layout)
    mm = whole * 1e6 / layout.scale
    ratio = words("scale", n=f"{layout.scale:,}".replace(",", " "), size=size)
    told = f"{ratio}  ·  {words('crs', name=_crs_name(ground.crs))}"
    width = max(mm + 24 * u, canvas.width_mm(told, 2.1) + 6 * u)
    at, area = (
        Box(frame.left + 3 * u, frame.bottom - 16 * u, width, 13 * u),
        area_mm(layout, ground),
    )
    other = replace(at, left=frame.right - 3 * u - width)
    at = min((at, other), key=lambda b: _covered(area, b))
    box(canvas, at, 0.0, fill=True, facecolor=PAPER, alpha=0.88, edgecolor="none", zorder=8)
    left, top = at.left + 4 * u, at.top + 5.4 * u
    for part in range(4):
        piece = Box(left + part * mm / 4, top, mm / 4, 1.5 * u)
        fill = INK if part % 2 == 0 else PAPER
        box(canvas, piece, 0.14, fill=True, facecolor=fill, zorder=9)
    for part in (0, 2, 4):
        text = f"{whole * part / 4:g}" + (" km" if part == 4 else "")  # noqa: PLR2004
        x = left + part * mm / 4
        canvas.write(x, top - 1.2 * u, text, 2.1, ha="center" if part < 4 else "left", zorder=9)  # noqa: PLR2004
    canvas.write(left, top + 5.6 * u, told, 2.1, color=GREY, zorder=9)
    _north(canvas, words)


def _covered(area: Any, at: Box) -> float:  # noqa: ANN401
    square = shapely.box(at.left, at.top, at.right, at.bottom)
    return float(shapely.area(shapely.intersection(area, square)))


def _crs_name(crs: CRS) -> str:
    code = crs.to_epsg()
    return f"{crs.name} (EPSG:{code})" if code else str(crs.name)


def _north(canvas: Canvas, words: Words) -> None:
    from matplotlib.patches import Polygon  # noqa: PLC0415

    u, frame = canvas.layout.unit, canvas.layout.frame
    x, y = frame.right - 9 * u, frame.top + 6 * u
    for side, fill in ((-1, INK), (1, PAPER)):
        corners = [(x, y), (x + side * 3.2 * u, y + 12 * u), (x, y + 9.4 * u)]
        style = {"facecolor": fill, "edgecolor": INK, "linewidth": canvas.points(0.18)}
        canvas.page.add_patch(Polygon(corners, closed=True, zorder=9, **style))
    canvas.write(x, y + 16 * u, words("north"), 3.2, ha="center", weight="bold", zorder=9)


def synthetic(canvas: Canvas, words: Words) -> None:
    """Say across the top of the map, in both languages, that its roads are invented."""
    u, frame = canvas.layout.unit, canvas.layout.frame
    pair = ("道路与设施为合成数据", "Synthetic roads and facilities")
    text = " / ".join(pair if words.language == "zh" else reversed(pair))
    width = canvas.width_mm(text, 3.0) + 8 * u
    at = Box(frame.left + 3 * u, frame.top + 3 * u, width, 6.4 * u)
    box(canvas, at, 0.0, fill=True, facecolor=WARNING, edgecolor="none", zorder=9)
    middle = at.left + width / 2
    canvas.write(middle, at.top + 3.2 * u, text, 3.0, weight="bold", color="#5a3a00", ha="center",
                 va="center", zorder=10)  # fmt: skip


def heading(canvas: Canvas, at: Box, text: str) -> float:
    """Write the heading of a block and return where its body begins."""
    u = canvas.layout.unit
    canvas.write(at.left, at.top + 3.4 * u, text, 3.4, weight="bold")
    line(canvas, [at.left, at.right], [at.top + 5.2 * u] * 2, 0.35)
    return at.top + 5.2 * u


def figures(canvas: Canvas, at: Box, text: str, rows: list[tuple[str, str]]) -> None:
    """Set a table of names and figures, as many rows as the block takes."""
    u = canvas.layout.unit
    top = heading(canvas, at, text)
    room = (at.bottom - top) / max(len(rows), 1)
    step = min(room, 5.2 * u)
    size = min(2.7, 0.58 * step / u)
    for number, (name, value) in enumerate(rows):
        y = top + (number + 0.74) * step
        wide = at.width - canvas.width_mm(value, size) - 3 * u
        canvas.write(at.left, y, canvas.fitted(name, wide, size), size, color=GREY)
        canvas.write(at.right, y, value, size, ha="right", weight="bold")
        line(canvas, [at.left, at.right], [top + (number + 1) * step] * 2, 0.08, FAINT)


def clauses(canvas: Canvas, at: Box, words: Words, text: str, plan: Plan) -> None:
    """Set the targets against the plan, those that are short first."""
    u = canvas.layout.unit
    top = heading(canvas, at, text)
    rows = plan.clauses[plan.clauses["status"].isin(["met", "short"])]
    rows = rows.iloc[np.argsort((rows["status"] != "short").to_numpy(), kind="stable")]
    if not len(rows):
        canvas.write(at.left, top + 4.2 * u, words("clauses.none"), 2.5, color=GREY)
        return
    step = 4.5 * u
    most = int((at.bottom - top) / step)
    shown = rows if len(rows) <= most else rows.iloc[: max(most - 1, 0)]
    for number, row in enumerate(shown.to_dict("records")):
        y = top + (number + 0.74) * step
        good = row["status"] == "met"
        state = words("met" if good else "short")
        unit = "" if row["unit"] == "share" else words.pick(*unit_name(str(row["unit"])))
        value = f"{_amount(row, 'planned')} / {_amount(row, 'target')} {unit}".rstrip()
        color = "#1d6b43" if good else "#a3271f"
        canvas.write(at.right, y, state, 2.3, ha="right", color=color, weight="bold")
        right = at.right - canvas.width_mm(words("short"), 2.3) - 1.5 * u
        canvas.write(right, y, value, 2.3, ha="right")
        name = words.of_page(f"measure.{row['measure']}", str(row["measure"]))
        text = f"{row['clause'] or words('own')}  {name}"
        wide = right - canvas.width_mm(value, 2.3) - at.left - 2 * u
        canvas.write(at.left, y, canvas.fitted(text, wide, 2.3), 2.3, color=GREY)
        line(canvas, [at.left, at.right], [top + (number + 1) * step] * 2, 0.08, FAINT)
    if len(shown) < len(rows):
        more = words("clauses.more", n=len(rows) - len(shown))
        canvas.write(at.left, top + (len(shown) + 0.74) * step, more, 2.3, color=GREY)


def _amount(row: dict[Any, Any], name: str) -> str:
    value = float(row[name])
    if np.isnan(value):
        return "—"
    # A share that isn't whole is never rounded up to it.
    return f"{np.floor(1000 * value) / 10:g}%" if row["unit"] == "share" else f"{value:,.6g}"


def foot(canvas: Canvas, words: Words, plan: Plan, approval: str) -> None:
    """Write approval, sources, date and certificate along the lower edge."""
    layout, run = canvas.layout, plan.run
    u = layout.unit
    left, right, y = 14 * u, layout.width - 10 * u, layout.height - 6.2 * u
    day = str(run.get("run_id", ""))[:8]
    date = f"{day[:4]}-{day[4:6]}-{day[6:]}" if day.isdigit() else ""
    told = f"{words('date', date=date)}  ·  " if date else ""
    told += words("run", run=run.get("run_id", "—"), state=_certificate(words, run))
    number = words("approval", text=approval or words("approval.none"))
    canvas.write(left, y - 3.8 * u, number, 2.7, weight="bold")
    canvas.write(right, y - 3.8 * u, told, 2.2, ha="right", color=GREY)
    files = [
        PurePath(str(i.get("path", "")).replace("\\", "/")).name for i in run.get("inputs", ())
    ]
    credit = told_of({"attribution": "", **run}, "attribution")
    mark = words.pick("；", "; ")
    text = mark.join(filter(None, [words.pick(credit.zh, credit.en), *files]))
    said = words("sources", text=text)
    canvas.write(left, y, canvas.fitted(said, right - left, 2.2), 2.2, color=GREY)


def _certificate(words: Words, run: Any) -> str:  # noqa: ANN401
    gap = run.get("gap")
    if run.get("status") == "optimal":
        state = words("optimal")
    elif isinstance(gap, (int, float)) and np.isfinite(gap):
        state = words("gap", gap=gap_text(gap, words.language))
    else:
        state = words("unproven")
    return f"{state}  ·  {words('verified')}" if run.get("verified") is True else state
