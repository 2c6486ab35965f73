"""`diff`: what changed from one run to another, on screen and as table and layers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyogrio
import shapely

from siting.compare.changes import CHANGES, COLUMNS, KINDS, changes
from siting.compare.runs import TOTALS
from siting.errors import InputError
from siting.files import publishing
from siting.store.runs import read_run
from siting.tables.sheets import STATUS, Column
from siting.tables.workbook import Table, write_book
from siting.text import cell
from siting.wording import measure_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import geopandas as gpd

    from siting.plan import Plan

NEAR_M = 500.0
"""What closed and opened nearer than this has moved. Planner's own: one neighbourhood."""


@dataclass(frozen=True, slots=True)
class Total:
    """A total that both runs have: its key, names, unit, and what it was and is."""

    key: str
    zh: str
    en: str
    unit: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class ClauseChange:
    """A target whose demand, value or status changed; a side without it is NaN and ""."""

    clause: str
    measure: str
    target_before: float
    target_after: float
    planned_before: float
    planned_after: float
    status_before: str
    status_after: str


@dataclass(frozen=True, slots=True)
class Difference:
    """
    What changed between two runs.

    Attributes
    ----------
    runs
        Their records, the earlier one first.
    changes
        As `changes.changes`.
    totals
        Totals that differ.
    clauses
        Targets that differ.
    notes
        What makes the runs less than comparable, one sentence each.
    folder
        Where the tables and layers are, or None.
    """

    runs: tuple[Mapping[str, Any], Mapping[str, Any]]
    changes: gpd.GeoDataFrame
    totals: tuple[Total, ...]
    clauses: tuple[ClauseChange, ...]
    notes: tuple[str, ...]
    folder: Path | None


def diff(
    before: Path, after: Path, *, out: Path | None = None, near_m: float = NEAR_M
) -> Difference:
    """
    Say what changed from one run to another, by id.

    Parameters
    ----------
    before, after
        Run folders of one area.
    out
        Folder that shall appear, with `changes.csv`, `changes.xlsx`, `changes.gpkg` and
        `changes.geojson`; None: nothing is written.
    near_m
        What closed and opened up to this far from each other has moved.

    Returns
    -------
    difference

    Raises
    ------
    InputError
        A folder is no run, or the runs plan areas that have no district in common.
    OutputError
        `out` exists already.
    """
    one, other = read_run(before), read_run(after)
    notes = _comparable(one, other, before, after)
    found = changes(one, other, near_m=near_m)
    result = Difference(
        runs=(one.run, other.run),
        changes=found,
        totals=_totals(one, other),
        clauses=_clauses(one, other),
        notes=notes,
        folder=out,
    )
    if out is not None:
        _write(result, out)
    return result


def _comparable(one: Plan, other: Plan, before: Path, after: Path) -> tuple[str, ...]:
    """Refuse runs of different areas, and say what else can't be compared."""
    ids = [set(plan.districts["district_id"].astype(str)) for plan in (one, other)]
    if not ids[0] & ids[1]:
        names = [
            f"{plan.run['model']}: {'、'.join(plan.districts['name'])}" for plan in (one, other)
        ]
        raise InputError(
            "the runs plan areas that have no district in common",
            where=f"{before} and {after}",
            value="; ".join(names),
            cure="Give two runs of one area; `siting compare` sets figures side by side",
        )
    notes = []
    if ids[0] != ids[1]:
        only = sorted(ids[0] ^ ids[1])
        notes.append(
            f"only one of the runs plans the districts {', '.join(only)}: all there is opened or "
            "closed"
        )
    if one.run["model"] != other.run["model"]:
        notes.append(f"the runs are of the models {one.run['model']} and {other.run['model']}")
    # The roads are read first; ids come from them.
    roads = [[r.get("sha256") for r in plan.run.get("inputs", ())][:1] for plan in (one, other)]
    if roads[0] != roads[1]:
        notes.append("the runs read different road files: an id may mean another place")
    for kind in KINDS.values():
        sizes = [len(getattr(plan, kind.layer)) for plan in (one, other)]
        if (sizes[0] == 0) != (sizes[1] == 0):
            notes.append(f"only one of the runs has {kind.en} ({sizes[0]:,} and {sizes[1]:,})")
    return tuple(notes)


def _totals(one: Plan, other: Plan) -> tuple[Total, ...]:
    found = []
    for key, (zh, en, unit) in TOTALS.items():
        a, b = (float(plan.run["totals"].get(key, math.nan)) for plan in (one, other))
        if math.isfinite(a + b) and abs(a - b) > 1e-9 * max(1.0, abs(a)):
            found.append(Total(key, zh, en, unit, a, b))
    return tuple(found)


def _clauses(one: Plan, other: Plan) -> tuple[ClauseChange, ...]:
    tables = []
    for plan in (one, other):
        rows = plan.clauses[plan.clauses["status"].isin(["met", "short"])]
        keys = zip(rows["clause"].astype(str), rows["measure"].astype(str), strict=True)
        tables.append(dict(zip(keys, rows.to_dict("records"), strict=True)))
    found = []
    for key in dict.fromkeys([*tables[0], *tables[1]]):
        a, b = tables[0].get(key), tables[1].get(key)
        sides = [
            (math.nan, math.nan, "")
            if row is None
            else (float(row["target"]), float(row["planned"]), str(row["status"]))
            for row in (a, b)
        ]
        if a is None or b is None or not _same(sides[0], sides[1]):
            (t1, p1, s1), (t2, p2, s2) = sides
            found.append(ClauseChange(*key, t1, t2, p1, p2, s1, s2))
    return tuple(found)


def _same(one: tuple[float, float, str], other: tuple[float, float, str]) -> bool:
    near = all(
        abs(a - b) <= 1e-9 * max(1.0, abs(a)) for a, b in zip(one[:2], other[:2], strict=True)
    )
    return near and one[2] == other[2]


def _write(found: Difference, out: Path) -> None:
    """Write the changes as csv, xlsx, GeoPackage and GeoJSON."""
    with publishing(out) as part:
        table = pd.DataFrame(found.changes.drop(columns="geometry"))
        middle = shapely.get_coordinates(
            shapely.point_on_surface(found.changes.geometry.to_numpy())
        )
        table["lon"], table["lat"] = middle[:, 0].round(6), middle[:, 1].round(6)
        clean = table.map(cell)
        (part / "changes.csv").write_bytes(clean.to_csv(index=False).encode("utf-8-sig"))
        write_book(_sheets(found, table), part / "changes.xlsx", found.runs[1])
        if len(found.changes):
            _layers(found.changes, part)


def _layers(frame: gpd.GeoDataFrame, part: Path) -> None:
    dimension = shapely.get_dimensions(frame.geometry.to_numpy())
    for name, which in (("changes", dimension == 0), ("road_changes", dimension > 0)):
        some = frame[which]
        if len(some):
            path = part / "changes.gpkg"
            pyogrio.write_dataframe(some, path, layer=name, driver="GPKG", append=path.exists())
    pyogrio.write_dataframe(
        frame, part / "changes.geojson", driver="GeoJSON", layer_options={"COORDINATE_PRECISION": 7}
    )


_HEADS = {
    "item": ("类别", "text"),
    "change": ("变化", "text"),
    "id": ("编号", "text"),
    "from_id": ("原编号", "text"),
    "name": ("名称", "text"),
    "district_id": ("行政区", "text"),
    "size_before": ("原规模", "real"),
    "size_after": ("现规模", "real"),
    "unit": ("单位", "text"),
    "phase_before": ("原期次", "count"),
    "phase_after": ("现期次", "count"),
    "cost_before_cny": ("原投资（元）", "count"),
    "cost_after_cny": ("现投资（元）", "count"),
    "distance_m": ("移动距离（m）", "real"),
    "lon": ("经度", "degree"),
    "lat": ("纬度", "degree"),
}


def _sheets(found: Difference, table: pd.DataFrame) -> list[Table]:
    """Fill a sheet each with changes, totals and clauses."""
    heads = tuple(
        Column(*(_HEADS[name][0], name, _HEADS[name][1])) for name in (*COLUMNS, "lon", "lat")
    )
    said = table.assign(
        item=table["item"].map({name: kind.zh for name, kind in KINDS.items()}),
        change=table["change"].map({name: zh for name, (zh, _) in CHANGES.items()}),
    )
    rows = [[_plain(value) for value in row] for row in said[list(_HEADS)].to_numpy(dtype=object)]
    names = ("指标", "figure", "单位", "原值", "现值", "差")
    totals: list[list[object]] = [
        [one.zh, one.en, one.unit, one.before, one.after, one.after - one.before]
        for one in found.totals
    ]
    kinds = ("text", "text", "text", "figure", "figure", "figure")
    clause_heads = ("条款", "指标", "原目标", "现目标", "原规划", "现规划", "原状态", "现状态")
    clauses: list[list[object]] = [
        [
            one.clause or "自定",
            measure_name(one.measure)[0],
            *map(_plain, (one.target_before, one.target_after)),
            *map(_plain, (one.planned_before, one.planned_after)),
            STATUS.get(one.status_before, one.status_before),
            STATUS.get(one.status_after, one.status_after),
        ]
        for one in found.clauses
    ]
    figures = ("text", "text", "figure", "figure", "figure", "figure", "text", "text")
    return [
        Table("变化", heads, rows),
        Table("指标", tuple(Column(n, kind=k) for n, k in zip(names, kinds, strict=True)), totals),
        Table(
            "条款",
            tuple(Column(n, kind=k) for n, k in zip(clause_heads, figures, strict=True)),
            clauses,
        ),
    ]


def _plain(value: object) -> object:
    """Return a value for a cell, nothing for NaN."""
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value
