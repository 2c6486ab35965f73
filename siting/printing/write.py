"""Compose a sheet of a plan and write it, the same bytes for the same plan."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from siting.datum import geometry_to_metric, metric_crs
from siting.errors import InputError, OutputError
from siting.files import replacing
from siting.printing.canvas import Canvas
from siting.printing.fonts import chinese_face
from siting.printing.inset import draw_inset, inset_layout
from siting.printing.labels import draw_names
from siting.printing.layers import Ground, draw_layers
from siting.printing.layout import lay_out
from siting.printing.legend import legend, legend_rows
from siting.printing.margin import (
    clauses,
    figures,
    foot,
    neat_line,
    scale_and_north,
    synthetic,
    title,
)
from siting.printing.words import LANGUAGES, words_of
from siting.tables.headline import headline
from siting.units import count_text, money_text, percent_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from matplotlib.figure import Figure

    from siting.plan import Plan
    from siting.printing.fonts import Face
    from siting.printing.layout import Layout
    from siting.printing.words import Words

SIZES_MM = {"A3": (420.0, 297.0), "A4": (297.0, 210.0)}
"""Long and short side of the paper."""
FORMATS = ("pdf", "svg", "png")
DPI = 300
"""Of PNG."""


def print_plan(
    plan: Plan,
    path: Path,
    *,
    size: str = "A3",
    language: str = "zh",
    approval: str = "",
    district: str = "",
) -> None:
    """
    Write a sheet of a plan: map with legend, scale, north, figures, targets, sources.

    Parameters
    ----------
    plan
        The plan, EPSG:4326.
    path
        The file; `.pdf`, `.svg` (text stays text in both) or `.png` (300 dots an inch). It appears
        whole or not at all, and is the same to the byte for the same plan, fonts and libraries.
    size
        `A3` or `A4`; the sheet lies or stands, whichever shows the area larger.
    language
        `zh` or `en`.
    approval
        Map approval number (审图号) that the user obtained; empty: the run record's, or else the
        sheet says that it is an internal working map.
    district
        Id or name of one district to draw alone; empty for all.

    Raises
    ------
    InputError
        Size, language, format or district is unknown.
    OutputError
        No font with Chinese letters is installed, or the file can't be written.
    """
    form = path.suffix.lstrip(".").lower()
    for what, value, known in (
        ("size", size, tuple(SIZES_MM)),
        ("language", language, LANGUAGES),
        ("format", form, FORMATS),
    ):  # fmt: skip
        if value not in known:
            raise InputError(f"unknown {what}", value=value, cure=f"Use {', '.join(known)}")
    inside = _inside(plan, district)
    words, face = words_of(language), chinese_face()
    with _style(face):
        whole = bool(inside.all())
        rows = _headline(words, plan) if whole else _district(words, plan, inside)
        canvas, ground = _begin(plan, size, inside, face, len(rows))
        draw_layers(canvas, ground)
        draw_names(canvas, ground, words)
        inset = inset_layout(canvas.layout, ground)
        finest = canvas.layout.scale if inset is None else inset.scale
        _margin(canvas, ground, words, size, rows)
        legend(canvas, canvas.layout.legend, words, _within(plan, inside), finest)
        if inset is not None:
            draw_inset(canvas, inset, ground, words)
        foot(canvas, words, plan, face.clean(approval or plan.run.get("approval", ""), 80))
        with replacing(path) as part:
            _save(canvas.figure, part, form)


def _inside(plan: Plan, district: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    frame = plan.districts
    if not len(frame):
        raise OutputError("the plan has no district to draw")
    if not district:
        return np.ones(len(frame), dtype=bool)
    inside = np.zeros(len(frame), dtype=bool)
    for name in ("district_id", "name", "name_en"):
        inside |= (frame[name].astype(str) == district).to_numpy()
    if not inside.any():
        raise InputError(
            "the plan has no such district",
            value=district,
            cure=f"Use one of {', '.join(map(str, frame['name']))}",
        )
    return inside


@contextmanager
def _style(face: Face) -> Iterator[None]:
    """Draw with the found fonts, text kept as text, nothing random."""
    import matplotlib as mpl  # noqa: PLC0415  (slow to import)

    settings: Any = {
        "font.family": list(face.families),
        "svg.fonttype": "none",
        "svg.hashsalt": "siting",
        "pdf.fonttype": 42,
        "path.simplify": False,
        # A name may hold dollar signs.
        "text.parse_math": False,
        "axes.unicode_minus": False,
    }
    with mpl.rc_context(settings):
        yield


def _begin(
    plan: Plan, size: str, inside: np.ndarray[Any, np.dtype[np.bool_]], face: Face, rows: int
) -> tuple[Canvas, Ground]:
    """Make the sheet with its empty map in the metric CRS of the whole plan."""
    crs = metric_crs(*(float(value) for value in plan.districts.total_bounds))
    areas = geometry_to_metric(plan.districts.geometry.to_numpy(), crs)[inside]
    bounds = np.asarray(shapely.total_bounds(areas))
    layout = lay_out(SIZES_MM[size], bounds, (legend_rows(plan), rows))
    return _canvas(layout, face), Ground(plan, crs, inside)


def _canvas(layout: Layout, face: Face) -> Canvas:
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(layout.width / 25.4, layout.height / 25.4), facecolor="white")
    frame = layout.frame
    spot = (
        frame.left / layout.width, 1 - frame.bottom / layout.height,
        frame.width / layout.width, frame.height / layout.height,
    )  # fmt: skip
    chart = figure.add_axes(spot)
    chart.set_facecolor("#fbfbfa")
    west, south, east, north = layout.extent
    chart.set(xlim=(west, east), ylim=(south, north), xticks=[], yticks=[])
    page = figure.add_axes((0, 0, 1, 1))
    page.set(xlim=(0, layout.width), ylim=(layout.height, 0))
    for axes in (chart, page):
        axes.set_autoscale_on(False)
        for spine in axes.spines.values():
            spine.set_visible(False)
    page.set_axis_off()
    page.patch.set_alpha(0)
    return Canvas(figure, page, chart, layout, face)


def _margin(
    canvas: Canvas, ground: Ground, words: Words, size: str, rows: list[tuple[str, str]]
) -> None:
    plan, run, layout = ground.plan, ground.plan.run, canvas.layout
    main = words.pick(run.get("title_zh"), run.get("title_en")) or str(run.get("model", ""))
    other = run.get("title_en" if words.language == "zh" else "title_zh", "") or ""
    if not ground.inside.all():
        row = plan.districts[ground.inside].iloc[0]
        main = f"{main} · {words.pick(row['name'], row['name_en'])}"
    title(canvas, canvas.face.clean(main), canvas.face.clean(other))
    neat_line(canvas, ground.crs)
    scale_and_north(canvas, words, ground, size)
    if run.get("synthetic_roads", True):
        synthetic(canvas, words)
    figures(canvas, layout.figures, words("figures"), rows)
    text = words("clauses" if ground.inside.all() else "clauses.whole")
    clauses(canvas, layout.clauses, words, text, plan)


def _within(plan: Plan, inside: np.ndarray[Any, np.dtype[np.bool_]]) -> Plan:
    """Return the plan with what its legend counts in some districts alone."""
    if inside.all():
        return plan
    ids = plan.districts["district_id"][inside]
    names = ("stations", "hydrogen", "rsus", "edge_nodes", "test_road_catalogue")
    frames = {name: getattr(plan, name) for name in names if len(getattr(plan, name))}
    return replace(plan, **{n: f[f["district_id"].isin(ids)] for n, f in frames.items()})


def _headline(words: Words, plan: Plan) -> list[tuple[str, str]]:
    """Return the figures at the head of map, report and tables."""
    rows = []
    for figure in headline(plan.run):
        if figure.key == "cost_cny":
            value = money_text(figure.value, words.language)
        else:
            unit = figure.unit_zh if words.language == "zh" else figure.unit_en
            unit = unit.replace("km2", "km²")
            value = f"{figure.value:,.{figure.decimals}f} {unit}".strip()
        name = words.pick(figure.zh, figure.en)
        rows.append((name[:1].upper() + name[1:], value))
    return rows


def _district(
    words: Words, plan: Plan, inside: np.ndarray[Any, np.dtype[np.bool_]]
) -> list[tuple[str, str]]:
    row = plan.districts[inside].iloc[0]
    texts = {
        "population": count_text(row["population"]),
        "stations": count_text(row["stations"]),
        "piles": count_text(row["piles"]),
        "served_share": percent_text(row["served_share"], words.language),
        "cost_cny": money_text(row["cost_cny"], words.language),
        "rsus": count_text(row.get("rsus", 0)),
        "built_area_km2": f"{row.get('built_area_km2', 0.0):,.1f} km²",
    }
    return [(words(f"district.{name}"), text) for name, text in texts.items()]


def _save(figure: Figure, path: Path, form: str) -> None:
    """Save with nothing of the moment or the machine in the file."""
    fixed: dict[str, dict[str, Any]] = {
        "pdf": {"CreationDate": None, "Creator": "siting", "Producer": "siting"},
        "svg": {"Date": None, "Creator": "siting"},
        "png": {"Software": "siting"},
    }
    figure.savefig(path, format=form, dpi=DPI, metadata=fixed[form])
