"""The page of a comparison: one A4 table and the plans on a map with a switch, without a script."""

from __future__ import annotations

import base64
import hashlib
import math
from html import escape
from itertools import combinations
from typing import TYPE_CHECKING

from siting.compare.changes import KINDS
from siting.report.drawing import Marks, plan_map
from siting.units import UNKNOWN, gap_text, money_text, percent_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from siting.compare.runs import Comparison, Line
    from siting.plan import Plan

_STYLE = """
@page { size: A4 portrait; margin: 10mm }
body { font: 9pt/1.25 "Noto Sans CJK SC", "Microsoft YaHei", "PingFang SC", sans-serif;
  color: #222; max-width: 190mm; margin: 0 auto; padding: 4mm }
h1 { font-size: 15pt; margin: 0 0 1mm } h2 { font-size: 10.5pt; margin: 3mm 0 1mm }
table { border-collapse: collapse; width: 100%; font-size: 7.5pt }
th, td { border-bottom: 0.2mm solid #ccc; padding: 0.3mm 1mm; text-align: right }
th { background: #f3f4f6 } th:first-child, td:first-child { text-align: left }
td.best { font-weight: bold } td.short { color: #c62828 } p { margin: 1mm 0 }
.maps { break-before: page } .maps > input { margin-left: 4mm } .maps > div { display: none }
svg { width: 100%; height: auto } svg text { font-size: 13px }
.district { fill: none; stroke: #8c959f; stroke-width: 1.2 }
.road { fill: none; stroke: #d9a441; stroke-width: .7 }
.zone { fill: #9fdcb0; stroke: none; opacity: .7 }
.test { fill: none; stroke: #0969da; stroke-width: 1.6 }
.dots { fill: none; stroke-linecap: round } .bar { fill: none; stroke: #222; stroke-width: 1.5 }
"""
_LESS_IS_BETTER = frozenset({"cost_cny"})


def compare_page(found: Comparison, plans: Sequence[Plan]) -> str:
    """
    Write a comparison as one html page that needs nothing else.

    Parameters
    ----------
    found
        The comparison.
    plans
        The plans, in its order.

    Returns
    -------
    html
        Text of the data is escaped.
    """
    switch = "".join(f"#m{n}:checked ~ #p{n} {{ display: block }}\n" for n in range(len(plans)))
    style = f"{_STYLE}{switch}"
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    title = escape(str(found.runs[0]["title_zh"] or found.runs[0]["model"]))
    return "\n".join(
        [
            '<!doctype html><html lang="zh"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            f"<title>{title} 方案比选</title><style>{style}</style></head><body>",
            f"<h1>{title} 方案比选 schemes side by side</h1>",
            *_schemes(found),
            "<h2>指标 figures</h2>",
            *_lines(found, "figure"),
            "<h2>条款 clauses</h2>",
            *_lines(found, "clause"),
            "<h2>区县 districts</h2>",
            *_districts(found),
            "<h2>点位重合度 items in common (Jaccard)</h2>",
            *_overlap(found),
            *_maps(found, plans),
            "</body></html>",
        ]
    )


def _row(cells: Iterable[str], tag: str = "td") -> str:
    return "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in cells) + "</tr>"


def _schemes(found: Comparison) -> list[str]:
    """Say which run each letter is, with how far it is proven."""
    rows = [_row(("方案", "模型 model", "运行 run", "状态 status", "差距 gap", "道路 roads"), "th")]
    for label, run in zip(found.labels, found.runs, strict=True):
        roads = "合成 synthetic" if run["synthetic_roads"] else "真实 real"
        cells = (run["model"], run["run_id"], run["status"])
        gap = gap_text(float(run["gap"]))
        rows.append(_row((label, *(escape(str(cell)) for cell in cells), gap, roads)))
    return ["<table>", *rows, "</table>"]


def _lines(found: Comparison, part: str) -> list[str]:
    """Lines of one part, a column a run; the best of each figure is bold."""
    head = ("", "", *found.labels)
    rows = [_row(head, "th")]
    for line in found.lines:
        if line.part != part:
            continue
        best = _best(line) if part == "figure" else math.nan
        cells = [f"<td>{escape(line.zh)}</td><td>{escape(line.en)} {escape(line.unit)}</td>"]
        for value, note in zip(line.values, line.notes, strict=True):
            kind = "short" if note == "short" else "best" if value == best else ""
            cells.append(f'<td class="{kind}">{_value(line, value)}{_mark(note)}</td>')
        rows.append("<tr>" + "".join(cells) + "</tr>")
    return ["<table>", *rows, "</table>"]


def _best(line: Line) -> float:
    """Best value of a line that isn't the same for all, else NaN."""
    known = [value for value in line.values if math.isfinite(value)]
    if len(set(known)) < 2:  # noqa: PLR2004  (nothing to choose from)
        return math.nan
    return min(known) if line.key in _LESS_IS_BETTER else max(known)


def _mark(note: str) -> str:
    return {"met": " ✓", "short": " ✗"}.get(note, "")


def _value(line: Line, value: float) -> str:
    """Return a number as text in the unit of its line."""
    if not math.isfinite(value):
        return UNKNOWN
    if line.unit == "CNY" or line.key.endswith("cost_cny"):
        return escape(money_text(value))
    if line.unit == "share" or line.key.endswith("_share"):
        return escape(percent_text(value))
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:,.1f}"  # noqa: PLR2004


def _districts(found: Comparison) -> list[str]:
    """Districts down, figures across; a cell has the value of each run, so that six fit on A4."""
    lines = [line for line in found.lines if line.part == "district"]
    by_key = {tuple(line.key.split(" ")): line for line in lines}
    columns = list(dict.fromkeys(key[1] for key in by_key))
    names = {key[0]: line.zh.rsplit(" ", 1)[0] for key, line in by_key.items()}
    any_of = {key[1]: line for key, line in by_key.items()}
    labels = " / ".join(found.labels)
    heads = [f"{any_of[c].zh.rsplit(' ', 1)[1]} {any_of[c].en} {labels}" for c in columns]
    rows = [_row(("", *(escape(head) for head in heads)), "th")]
    for district, name in names.items():
        cells = [escape(name)]
        for column in columns:
            line = by_key.get((district, column))
            values = line.values if line is not None else (0.0,) * len(found.labels)
            cells.append(" / ".join(_value(line or any_of[column], value) for value in values))
        rows.append(_row(cells))
    return ["<table>", *rows, "</table>"]


def _overlap(found: Comparison) -> list[str]:
    """Share that each pair of runs has in common, a row a programme."""
    pairs = list(combinations(range(len(found.labels)), 2))
    heads = (f"{found.labels[a]} ∩ {found.labels[b]}" for a, b in pairs)
    rows = [_row(("", *heads), "th")]
    for item, table in found.overlaps.items():
        kind = KINDS[item]
        shares = (percent_text(float(table[a, b])) for a, b in pairs)
        rows.append(_row((f"{kind.zh} {kind.en}", *shares)))
    return ["<table>", *rows, "</table>"]


def _maps(found: Comparison, plans: Sequence[Plan]) -> list[str]:
    """Plans on a map each, one of which is shown."""
    parts = ['<div class="maps"><h2>地图 map</h2>']
    for n, label in enumerate(found.labels):
        on = " checked" if n == 0 else ""
        parts.append(
            f'<input type="radio" name="m" id="m{n}"{on}><label for="m{n}">{label}</label>'
        )
    for n, plan in enumerate(plans):
        parts.append(f'<div id="p{n}">{plan_map(plan, _marks(plan))}</div>')
    return [*parts, "</div>"]


def _marks(plan: Plan) -> list[Marks]:
    kept = plan.stations["status"] == "kept"
    return [
        Marks("新建充换电站", "new charging stations", "#1a7f37", plan.stations[~kept], 2.4),
        Marks("现有充换电站", "existing charging stations", "#57606a", plan.stations[kept], 2.4),
        Marks("路侧点位", "roadside sites", "#bc4c00", plan.rsus, 1.6),
        Marks("边缘计算节点", "edge nodes", "#6639ba", plan.edge_nodes, 2.6),
        Marks("加氢站", "hydrogen stations", "#0550ae", plan.hydrogen, 4.0),
    ]
