"""Pictures of a report as inline SVG: a map of the plan and bars, from numbers alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import numpy as np
import shapely

from siting.datum import geometry_to_metric, metric_crs
from siting.said import Said

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    import numpy.typing as npt

    from siting.plan import Plan

WIDTH = 900
"""Width of a picture, user units."""
NARROWEST = 640
"""Narrowest map: the legend needs so much."""
_MARGIN = 12
_ROADS = ("motorway", "trunk", "primary")
_NICE = (1, 2, 5, 10)
_LABEL, _BAR = 170, 690
"""Least room of the labels of bars, and room of labels and bars: figures stand right of it."""
_HAN, _LATIN, _FIRST_HAN = 13, 7, 0x2E80


@dataclass(frozen=True, slots=True)
class Marks:
    """
    Points of one kind on the map.

    Attributes
    ----------
    zh, en
        What they are.
    color
        Fill.
    frame
        EPSG:4326 Points.
    radius
        In user units.
    """

    zh: str
    en: str
    color: str
    frame: gpd.GeoDataFrame
    radius: float


def plan_map(plan: Plan, marks: Sequence[Marks]) -> str:
    """
    Draw districts, main roads, test roads, built cells and marks in a metric frame.

    Returns
    -------
    svg
        With a legend, a scale bar and a north arrow; Chinese is of class `zh`, English of `en`.
    """
    bounds = plan.districts.total_bounds
    crs = metric_crs(*(float(value) for value in bounds))
    areas = geometry_to_metric(plan.districts.geometry.to_numpy(), crs)
    west, south, east, north = shapely.total_bounds(areas)
    scale = (WIDTH - 2 * _MARGIN) / max(east - west, north - south, 1.0)
    height = round((north - south) * scale + 2 * _MARGIN)
    shift = np.array([west, north])

    def place(shapes: npt.ArrayLike) -> npt.NDArray[np.object_]:
        metres = geometry_to_metric(np.asarray(shapes, dtype=object), crs)
        drawn: npt.NDArray[np.object_] = shapely.transform(
            shapely.simplify(metres, 0.4 / scale),
            lambda xy: (xy - shift) * [scale, -scale] + _MARGIN,
        )
        return drawn

    roads = plan.roads[plan.roads["highway"].isin(_ROADS) & ~plan.roads["twin"].astype(bool)]
    parts = [_path(place(plan.districts.geometry), "district")]
    if len(plan.zones):
        built = plan.zones[plan.zones["built"].astype(bool)]
        parts.append(_path(place(built.geometry), "zone"))
    parts.append(_path(place(roads.geometry), "road"))
    if len(plan.test_roads):
        parts.append(_path(place(plan.test_roads.geometry), "test"))
    parts += [_dots(place(mark.frame.geometry), mark) for mark in marks if len(mark.frame)]
    width = round((east - west) * scale + 2 * _MARGIN)
    width = max(width, NARROWEST)
    legend, below = _legend([mark for mark in marks if len(mark.frame)], plan, width, height)
    return (
        f'<svg viewBox="0 0 {width} {height + below}" role="img" class="map">'
        f"{''.join(parts)}{_scale_bar(scale, height)}{_north(width)}{legend}</svg>"
    )


def _path(shapes: npt.NDArray[np.object_], kind: str) -> str:
    """Draw lines and rings as one path of class `kind`, to a tenth of a unit."""
    parts = shapely.get_parts(shapes)
    areas = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    lines = np.concatenate([parts[~areas], shapely.get_rings(parts[areas])])
    commands = [
        "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in shapely.get_coordinates(line))
        for line in lines
    ]
    return f'<path class="{kind}" d="{"".join(commands)}"/>' if commands else ""


def _dots(shapes: npt.NDArray[np.object_], mark: Marks) -> str:
    """Draw points as round caps of strokes without length: one path however many there are."""
    xy = shapely.get_coordinates(shapes)
    commands = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in xy)
    return (
        f'<path class="dots" stroke="{mark.color}" stroke-width="{2 * mark.radius:g}" '
        f'd="{commands}"/>'
    )


def _legend(marks: Sequence[Marks], plan: Plan, width: int, top: int) -> tuple[str, int]:
    """Return the legend under the map, two columns, and its height."""
    rows = [(mark.color, mark.zh, mark.en) for mark in marks]
    if len(plan.test_roads):
        rows.append(("#0969da", "测试道路", "test roads"))
    if len(plan.zones):
        rows.append(("#9fdcb0", "建成网格", "built cells"))
    rows.append(("#d9a441", "高速、快速路与主干路", "main roads"))
    parts = []
    for number, (color, zh, en) in enumerate(rows):
        x, y = 16 + (number % 2) * width // 2, top + 20 + (number // 2) * 24
        parts.append(
            f'<rect x="{x}" y="{y - 10}" width="14" height="10" fill="{color}"/>'
            f'<text x="{x + 22}" y="{y}">{_spoken(Said(zh, en))}</text>'
        )
    return "".join(parts), 24 * ((len(rows) + 1) // 2) + 12


def _scale_bar(scale: float, height: int) -> str:
    """Draw a bar of a round number of kilometres, about a fifth of the width."""
    km = 0.2 * WIDTH / scale / 1000
    power = 10.0 ** np.floor(np.log10(km))
    round_km = max(step * power for step in _NICE if step * power <= km)
    length = round_km * 1000 * scale
    y = height - 10
    return (
        f'<path class="bar" d="M16 {y - 5}v5h{length:.1f}v-5"/>'
        f'<text x="{20 + length:.1f}" y="{y}">{round_km:g} km</text>'
    )


def _north(width: int) -> str:
    x = width - 24
    return (
        f'<path class="north" d="M{x} 14l7 22l-7 -6l-7 6z"/>'
        f'<text x="{x}" y="50" text-anchor="middle">北 N</text>'
    )


def _spoken(said: Said) -> str:
    """
    Return text of both languages for an SVG text; the page's switch hides one of them.

    Where nothing hides them they stand one after the other; a blank that then leads is dropped.
    """
    if said.zh == said.en:
        return escape(said.zh)
    return (
        f'<tspan class="zh">{escape(said.zh)}</tspan><tspan class="en"> {escape(said.en)}</tspan>'
    )


def bars(rows: Sequence[tuple[Said, float, Said]], *, color: str = "#1a7f37") -> str:
    """
    Draw horizontal bars.

    Parameters
    ----------
    rows
        Label, value >= 0 and how the value is written, a bar each, in both languages.
    color
        Of the bars.
    """
    most = max((value for _, value, _ in rows), default=0.0) or 1.0
    left = max([_LABEL, *(_text_width(text) for said, _, _ in rows for text in (said.zh, said.en))])
    parts = []
    for number, (label, value, text) in enumerate(rows):
        y = 8 + number * 26
        length = (_BAR - left) * value / most
        parts.append(
            f'<text x="{left}" y="{y + 14}" text-anchor="end">{_spoken(label)}</text>'
            f'<rect x="{left + 10}" y="{y}" width="{length:.1f}" height="18" fill="{color}"/>'
            f'<text x="{left + 18 + length:.1f}" y="{y + 14}">{_spoken(text)}</text>'
        )
    height = 16 + 26 * len(rows)
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img">{"".join(parts)}</svg>'


def _text_width(text: str) -> int:
    """Return about how wide a text of 13 units is: a Chinese letter is a square."""
    return sum(_HAN if ord(letter) >= _FIRST_HAN else _LATIN for letter in text)
