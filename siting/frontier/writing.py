"""A frontier as files: chart, table and record."""

from __future__ import annotations

import csv
import json
import math
from typing import TYPE_CHECKING, Any

from siting.frontier.chart import frontier_chart
from siting.frontier.points import COLUMNS, COSTS, LIMITS, MARGINAL, SHORT
from siting.text import cell
from siting.wording import short_said

if TYPE_CHECKING:
    from pathlib import Path

    from siting.frontier.points import Frontier, FrontierPoint

_AT = COLUMNS.index("short")
TABLE = (*COLUMNS[:_AT], "short_zh", *COLUMNS[_AT:])
"""Columns of `frontier.csv`; those of JSON have what is short as a list."""


def write_frontier(found: Frontier, folder: Path, *, titles: tuple[str, str] = ("", "")) -> None:
    """
    Write `frontier.svg`, `frontier.csv` (UTF-8 with a mark, for Excel) and `frontier.json`.

    Parameters
    ----------
    found
        The frontier.
    folder
        Where to write; made when missing.
    titles
        Chinese and English title of the model.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chart = frontier_chart(found.points, titles, joint=found.of == "total")
    (folder / "frontier.svg").write_text(chart, encoding="utf-8")
    with (folder / "frontier.csv").open("w", encoding="utf-8-sig", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(TABLE)
        rows.writerows(_cells(point) for point in found.points)
    record = {
        "model": found.model,
        "of": found.of,
        "meaning": {"marginal": MARGINAL, "share": SHORT, "limits": LIMITS},
        "notes": list(found.notes),
        "seconds": {name: round(value, 3) for name, value in found.seconds.items()},
        "points": [_record(point) for point in found.points],
    }
    text = json.dumps(record, ensure_ascii=False, indent=1, allow_nan=False)
    (folder / "frontier.json").write_text(text + "\n", encoding="utf-8")


def _record(point: FrontierPoint) -> dict[str, Any]:
    """Return a point as JSON knows it: no NaN, nothing where there is no plan."""
    names = [name for name in (*COLUMNS, "seconds") if name not in COSTS.values()]
    values = {name: getattr(point, name) for name in names}
    values |= {column: point.costs.get(name) for name, column in COSTS.items()}
    plain = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }
    parts = ("clause", "measure", "unit", "at_least", "planned")
    missed = [
        {**{name: getattr(one, name) for name in parts}, "short": one.at_least - one.planned}
        for one in point.short
    ]
    return {**plain, "short": missed}


def _cells(point: FrontierPoint) -> list[object]:
    """Return a row of the table; nothing where there is no number."""
    row = _record(point)
    said = [
        short_said(one.clause, one.measure, one.at_least - one.planned, one.unit)
        for one in point.short
    ]
    row["short_zh"] = "；".join(one.zh for one in said)
    row["short"] = "; ".join(one.en for one in said)
    return ["" if row[name] is None else cell(row[name]) for name in TABLE]
