"""Runs side by side: figures, clauses and districts of several schemes on one page."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from siting.compare.changes import KINDS
from siting.compare.page import compare_page
from siting.errors import InputError
from siting.files import publishing
from siting.store.runs import read_run
from siting.wording import measure_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from siting.plan import Plan

MOST_RUNS = 6
"""Most runs on one page."""
TOTALS = {
    "cost_cny": ("投资", "cost", "CNY"),
    "served_kwh_day": ("日服务电量", "energy served a day", "kWh"),
    "stations": ("充换电站", "stations", ""),
    "piles": ("充电桩", "piles", ""),
    "hydrogen_stations": ("加氢站", "hydrogen stations", ""),
    "rsus": ("路侧点位", "roadside sites", ""),
    "edge_nodes": ("边缘计算节点", "edge nodes", ""),
    "built_area_zone_km2": ("建成区域（网格口径）", "built area by cells", "km2"),
    "built_area_footprint_km2": ("建成区域（覆盖口径）", "built area by footprint", "km2"),
    "test_road_km": ("测试道路", "test roads", "km"),
}
"""Totals of a run that are set side by side, with their names and unit."""
DISTRICT = {
    "stations": ("站", "stations"),
    "piles": ("桩", "piles"),
    "served_share": ("满足需求", "served"),
    "cost_cny": ("投资", "cost"),
    "rsus": ("路侧", "RSU"),
    "built_area_km2": ("建成", "area"),
    "hydrogen_stations": ("加氢", "hydrogen"),
    "edge_nodes": ("边缘", "edge nodes"),
    "test_road_km": ("测试 km", "test km"),
}
"""Columns of the districts that are set side by side, with their names."""


@dataclass(frozen=True, slots=True)
class Line:
    """
    One line of a comparison.

    Attributes
    ----------
    part
        `figure`, `clause` or `district`.
    key
        Total, clause and measure, or district and column, joined by a space.
    zh, en, unit
        What it is.
    values
        A number a run; NaN where a run has none.
    notes
        A word a run, for clauses `met`, `short` or "" where a run doesn't have the target.
    """

    part: str
    key: str
    zh: str
    en: str
    unit: str
    values: tuple[float, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """
    Several runs side by side.

    Attributes
    ----------
    folder
        `compare.html` and `compare.csv`.
    labels
        A letter a run, in the order given.
    runs
        Their run records.
    lines
        What is compared.
    overlap
        Share of the stations of a pair of runs that both have (Jaccard), shape (runs, runs).
    overlaps
        The same for each programme that any run has, by item, see `changes.KINDS`.
    """

    folder: Path
    labels: tuple[str, ...]
    runs: tuple[dict[str, Any], ...]
    lines: tuple[Line, ...]
    overlap: npt.NDArray[np.float64]
    overlaps: dict[str, npt.NDArray[np.float64]]


def compare(folders: Sequence[Path], *, out: Path) -> Comparison:
    """
    Set published runs side by side.

    Parameters
    ----------
    folders
        Run folders, two to `MOST_RUNS`.
    out
        Folder that shall appear, with `compare.html` (one A4 page of tables and the plans on a map
        with a switch; no script, nothing from elsewhere) and `compare.csv`.

    Returns
    -------
    comparison
        What was compared.

    Raises
    ------
    InputError
        A folder is no run, or there are too few or too many.
    OutputError
        `out` exists already.
    """
    if not 2 <= len(folders) <= MOST_RUNS:  # noqa: PLR2004
        raise InputError(
            "this many runs can't be set side by side",
            value=len(folders),
            cure=f"Give 2 to {MOST_RUNS} run folders",
        )
    plans = [read_run(folder) for folder in folders]
    found = Comparison(
        folder=out,
        labels=tuple(ascii_uppercase[: len(plans)]),
        runs=tuple(dict(plan.run) for plan in plans),
        lines=(*_figures(plans), *_clauses(plans), *_districts(plans)),
        overlap=overlap([set(plan.stations["site_id"].astype(str)) for plan in plans]),
        overlaps=_overlaps(plans),
    )
    with publishing(out) as part:
        (part / "compare.html").write_text(compare_page(found, plans), encoding="utf-8")
        (part / "compare.csv").write_bytes(_table(found).encode("utf-8-sig"))
    return found


def overlap(chosen: Sequence[set[str]]) -> npt.NDArray[np.float64]:
    """Return the Jaccard index of each pair of sets, 1 of two empty ones, shape (n, n)."""
    table = np.ones((len(chosen), len(chosen)))
    for n, one in enumerate(chosen):
        for m, other in enumerate(chosen[:n]):
            every = one | other
            table[n, m] = table[m, n] = len(one & other) / len(every) if every else 1.0
    return table


def _overlaps(plans: Sequence[Plan]) -> dict[str, npt.NDArray[np.float64]]:
    """Compare the ids of each programme that any run has."""
    found = {}
    for item, kind in KINDS.items():
        frames = [getattr(plan, kind.layer) for plan in plans]
        ids = [set(f[kind.id_column].astype(str)) if len(f) else set() for f in frames]
        if any(ids):
            found[item] = overlap(ids)
    return found


def _by_district(plan: Plan) -> pd.DataFrame:
    """Districts with what the layers of the other programmes come to in each."""
    table = pd.DataFrame(plan.districts.drop(columns=plan.districts.geometry.name))
    table = table.set_index(table["district_id"].astype(str))
    km = plan.test_roads["length_m"] / 1000 if len(plan.test_roads) else None
    parts = {
        "hydrogen_stations": (plan.hydrogen, None),
        "edge_nodes": (plan.edge_nodes, None),
        "test_road_km": (plan.test_roads, km),
    }
    for column, (frame, amount) in parts.items():
        if not len(frame):
            continue
        by = frame["district_id"].astype(str)
        sums = by.value_counts() if amount is None else amount.groupby(by).sum()
        table = table.assign(**{column: table.index.map(sums).fillna(0.0)})
    return table


def _figures(plans: Sequence[Plan]) -> list[Line]:
    """Totals that any run has."""
    lines = []
    for key, (zh, en, unit) in TOTALS.items():
        values = tuple(float(plan.run["totals"].get(key, math.nan)) for plan in plans)
        if any(value > 0 for value in values):
            lines.append(Line("figure", key, zh, en, unit, values, ("",) * len(plans)))
    return lines


def _clauses(plans: Sequence[Plan]) -> list[Line]:
    """Targets that any run has, in the order in which they first come."""
    tables = [plan.clauses[plan.clauses["status"].isin(["met", "short"])] for plan in plans]
    rows = [
        {(str(row["clause"]), str(row["measure"])): row for row in table.to_dict("records")}
        for table in tables
    ]
    lines = []
    for clause, measure in dict.fromkeys(key for table in rows for key in table):
        here = [table.get((clause, measure)) for table in rows]
        asked = sorted({float(row["target"]) for row in here if row is not None})
        wanted = " / ".join(f"{value:,g}" for value in asked)
        unit = next(str(row["unit"]) for row in here if row is not None)
        name = f"{clause or 'own'} {measure}"
        zh, en = measure_name(measure)
        lines.append(
            Line(
                "clause",
                name,
                f"{clause or '自定'} {zh} ≥ {wanted}",
                en,
                unit,
                tuple(math.nan if row is None else float(row["planned"]) for row in here),
                tuple("" if row is None else str(row["status"]) for row in here),
            )
        )
    return lines


def _districts(plans: Sequence[Plan]) -> list[Line]:
    """Columns of each district that any run has, where any run has something."""
    tables = [_by_district(plan) for plan in plans]
    names = {str(i): str(name) for table in tables for i, name in table["name"].items()}
    lines = []
    for district, name in names.items():
        for column, (zh, en) in DISTRICT.items():
            values = tuple(
                float(table[column].get(district, math.nan)) if column in table else math.nan
                for table in tables
            )
            if any(value > 0 for value in values):
                key, none = f"{district} {column}", ("",) * len(plans)
                lines.append(Line("district", key, f"{name} {zh}", en, "", values, none))
    return lines


def _table(found: Comparison) -> str:
    """Return the comparison as csv, a line a row."""
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(("part", "key", "zh", "en", "unit", *found.labels))
    rows.writerow(("run", "run_id", "", "", "", *(run["run_id"] for run in found.runs)))
    for line in found.lines:
        values = ("" if math.isnan(value) else value for value in line.values)  # noqa: PD011
        rows.writerow((line.part, line.key, line.zh, line.en, line.unit, *values))
    return text.getvalue()
