"""A plan as a workbook: clauses, stations, junctions, test roads, investment, sources."""

from __future__ import annotations

import io
import math
import re
import unicodedata
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from siting.said import told
from siting.tables.headline import headline
from siting.tables.investment import CATEGORIES, contingency_cny, investment
from siting.tables.joint import joint_lines, joint_table
from siting.tables.sheets import SHEETS, Column
from siting.text import cell
from siting.units import gap_percent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from openpyxl.worksheet.worksheet import Worksheet

    from siting.plan import Plan
    from siting.tables.sheets import Sheet

WIDEST = 44
"""Widest column, in characters; longer text breaks into lines."""
_NARROWEST = 6
_LINE_PT = 15
_HIGHEST_PT = 409
"""Highest row of a workbook, points (Excel's limit)."""
_A3_FROM = 190
"""Characters across from which a sheet is printed on A3: on A4 nobody could read it."""
_STATUS = {"optimal": "已证明最优", "feasible": "可行，差距已证明"}
_SAMPLE_ROWS = 200
_EPOCH = (1980, 1, 1, 0, 0, 0)
_HEAD = "DCE6F1"


@dataclass(frozen=True, slots=True)
class Table:
    """A sheet filled: its title, columns, rows, and how many rows at the end are totals."""

    title: str
    columns: tuple[Column, ...]
    rows: list[list[object]]
    totals: int = 0


def write_tables(plan: Plan, path: Path) -> None:
    """
    Write the tables of a plan as one workbook.

    Text from data never runs as a formula; the same plan gives the same bytes.

    Parameters
    ----------
    plan
        The plan.
    path
        The xlsx file.
    """
    yearly = joint_table(plan.run)
    joint = [] if yearly is None else [Table("统一预算分年表", *yearly, totals=1)]
    filled = [_summary(plan), *_layers(plan), *joint, _investment(plan), _by_district(plan)]
    write_book(filled, path, plan.run)


def write_book(tables: Sequence[Table], path: Path, run: Mapping[str, Any]) -> None:
    """
    Write tables as the sheets of one workbook.

    Parameters
    ----------
    tables
        A sheet each.
    path
        The xlsx file.
    run
        The run record that the workbook takes its title, its maker and its date from.
    """
    from openpyxl import Workbook  # noqa: PLC0415

    book = Workbook()
    book.remove(book.worksheets[0])
    made = datetime.fromisoformat(str(run["created"])).astimezone(UTC).replace(tzinfo=None)
    book.properties.creator = f"siting {run['versions']['siting']}"
    book.properties.title = str(run["title_zh"] or run["model"])
    book.properties.created = book.properties.modified = made
    for table in tables:
        _write(book.create_sheet(table.title), table)
    with io.BytesIO() as raw:
        book.save(raw)
        path.write_bytes(_dated(raw.getvalue(), made))


def _summary(plan: Plan) -> Table:
    """Give the headline figures and what a reader has to know of the run."""
    run = plan.run
    rows: list[list[object]] = [
        [figure.zh, round(figure.value, figure.decimals), figure.unit_zh]
        for figure in headline(run)
    ]
    share = float(run["settings"].get("contingency_share", 0.0))
    cost = int(run["totals"]["cost_cny"])
    spare = contingency_cny(cost, share)
    rows += [
        [f"预备费（{share:.1%}）", spare, "元"],
        ["含预备费总投资", cost + spare, "元"],
        ["求解状态", _STATUS.get(str(run["status"]), str(run["status"])), ""],
        ["已证明差距", gap_percent(float(run["gap"])), "%"],
        *joint_lines(run),
        ["独立核验", "通过" if run["verified"] else "未核验", ""],
        ["道路数据", "合成示例，非真实路网" if run["synthetic_roads"] else "真实路网", ""],
        ["数据来源", told(run, "attribution").zh, ""],
        ["运行编号", str(run["run_id"]), ""],
        ["说明", "内部工作用图表；经纬度为 WGS-84", ""],
    ]
    columns = (Column("项目"), Column("数值", kind="figure"), Column("单位"))
    return Table("概要", columns, rows)


def _layers(plan: Plan) -> list[Table]:
    """Fill the sheets whose layer has something on it."""
    return [_filled(sheet, plan) for sheet in SHEETS if len(sheet.frame(plan))]


def _filled(sheet: Sheet, plan: Plan) -> Table:
    frame = sheet.frame(plan)
    columns = sheet.columns(plan)
    values = [_plain(column.of(frame)) for column in columns]
    rows = [list(row) for row in zip(*values, strict=True)]
    return Table(sheet.title, tuple(columns), rows)


def _plain(column: pd.Series) -> list[object]:
    """Return Python values; nothing for NaN, 是 and 否 for flags."""
    if pd.api.types.is_bool_dtype(column):
        return ["是" if value else "否" for value in column]
    found: list[object] = column.tolist()
    return [None if isinstance(v, float) and not math.isfinite(v) else v for v in found]


def _investment(plan: Plan) -> Table:
    """List the investment by category, district and year, with totals that tie to the run."""
    table = investment(plan)
    total = int(plan.run["totals"]["cost_cny"])
    share = float(plan.run["settings"].get("contingency_share", 0.0))
    spare = contingency_cny(total, share)
    rows: list[list[object]] = [
        [
            CATEGORIES[row["category"]][0],
            row["district"],
            row["year"] or "未分期",
            row["items"],
            row["cost_cny"] / 1e4,
            row["cost_cny"],
        ]
        for row in table.to_dict("records")
    ]
    rows += [
        ["合计", "", "", None, total / 1e4, total],
        [f"预备费（{share:.1%}）", "", "", None, spare / 1e4, spare],
        ["总计", "", "", None, (total + spare) / 1e4, total + spare],
    ]
    more = int(plan.run["totals"].get("preference_cost_cny", 0))
    if more:
        rows.append(["另：V2G 与光储（偏好，不含在合计内）", "", "", None, more / 1e4, more])
    saved = int(plan.run.get("sharing", {}).get("saving_cny", 0))
    if saved:
        rows.append(
            ["另：共用杆件与电源可节省（不在合计内扣减）", "", "", None, -saved / 1e4, -saved]
        )
    columns = (
        *(Column("类别"), Column("行政区"), Column("年份"), Column("数量", kind="count")),
        *(Column("投资（万元）", kind="wan"), Column("投资（元）", kind="count")),
    )
    return Table("投资估算", columns, rows, totals=3 + bool(more) + bool(saved))


def _by_district(plan: Plan) -> Table:
    """Cross districts and categories, 万元."""
    table = investment(plan)
    crossed = table.pivot_table(
        index="district", columns="category", values="cost_cny", aggfunc="sum", fill_value=0
    )
    names = [name for name in CATEGORIES if name in crossed.columns]
    rows: list[list[object]] = [
        [district, *(value / 1e4 for value in row), sum(row) / 1e4]
        for district, row in zip(
            crossed.index, crossed[names].astype(np.int64).to_numpy().tolist(), strict=True
        )
    ]
    sums = [int(table.loc[table["category"] == name, "cost_cny"].sum()) for name in names]
    rows.append(["合计", *(value / 1e4 for value in sums), sum(sums) / 1e4])
    money = (Column(CATEGORIES[name][0], kind="wan") for name in names)
    columns = (Column("行政区"), *money, Column("合计（万元）", kind="wan"))
    return Table("投资分区表", columns, rows, totals=1)


_FORMATS = {
    "count": "#,##0",
    "wan": "#,##0.00",
    "figure": "#,##0.###",
    "real": "#,##0.0",
    "share": "0.0%",
    "degree": "0.000000",
}


def _write(sheet: Worksheet, table: Table) -> None:
    """Write one table with a frozen head, a filter, number formats and widths."""
    from openpyxl.styles import Alignment, Font, PatternFill  # noqa: PLC0415
    from openpyxl.utils import get_column_letter  # noqa: PLC0415

    sheet.append([column.title for column in table.columns])
    for row in table.rows:
        sheet.append([cell(value) for value in row])
    last = get_column_letter(len(table.columns))
    bold, fill = Font(bold=True), PatternFill("solid", fgColor=_HEAD)
    for head in sheet[1]:
        head.font, head.fill = bold, fill
        head.alignment = Alignment(wrap_text=True, vertical="center")
    widths: list[float] = []
    for number, column in enumerate(table.columns, start=1):
        letter = get_column_letter(number)
        width = _column_width(column, [row[number - 1] for row in table.rows[:_SAMPLE_ROWS]])
        sheet.column_dimensions[letter].width = width
        widths.append(width)
        form = _FORMATS.get(column.kind)
        for item in sheet[letter][1:]:
            item.alignment = Alignment(wrap_text=isinstance(item.value, str), vertical="top")
            if isinstance(item.value, str):
                # A text stays text, whatever it begins with.
                item.data_type = "s"
            elif form is not None:
                item.number_format = form
    for line in range(len(table.rows) - table.totals + 2, len(table.rows) + 2):
        for item in sheet[line]:
            item.font = bold
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = f"A1:{last}{max(2, len(table.rows) - table.totals + 1)}"
    _set_heights(sheet, [[column.title for column in table.columns], *table.rows], widths)
    _set_up_print(sheet, sum(widths))


def _column_width(column: Column, values: list[object]) -> float:
    """Return a width that holds the values as they are shown; a head may break in two lines."""
    shown = _FORMATS.get(column.kind, "")
    decimals = len(shown.partition(".")[2].rstrip("%")) if "." in shown else 0
    widths = [
        _width(value)
        if isinstance(value, str) or value is None
        else len(f"{float(str(value)):,.{decimals}f}")
        for value in values
    ]
    head = math.ceil(_width(column.title) / 2) + 1
    return float(min(WIDEST, max(_NARROWEST, head, *widths, 0) + 2))


def _set_heights(sheet: Worksheet, rows: list[list[object]], widths: list[float]) -> None:
    """Make rows as high as their longest text, which not every programme does by itself."""
    for line, row in enumerate(rows, start=1):
        lines = max(
            (
                sum(math.ceil(_width(part) / (width - 1)) or 1 for part in value.split("\n"))
                for value, width in zip(row, widths, strict=True)
                if isinstance(value, str)
            ),
            default=1,
        )
        if lines > 1:
            sheet.row_dimensions[line].height = min(_HIGHEST_PT, _LINE_PT * lines + 1)


def _set_up_print(sheet: Worksheet, across: float) -> None:
    """Print a sheet across its paper, with its title, repeated heads and page numbers."""
    sheet.print_title_rows = "1:1"
    sheet.page_setup.orientation = "landscape"
    wide = across > _A3_FROM
    sheet.page_setup.paperSize = sheet.PAPERSIZE_A3 if wide else sheet.PAPERSIZE_A4
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    for side in ("left", "right"):
        setattr(sheet.page_margins, side, 0.4)
    # An ampersand would begin a code of the header.
    sheet.oddHeader.center.text = sheet.title.replace("&", "&&")
    sheet.oddFooter.center.text = "第 &P 页 / 共 &N 页"


def _width(value: object) -> int:
    """Columns that a value takes on screen; Chinese characters take two."""
    if isinstance(value, float):
        return len(f"{value:,.2f}")
    if isinstance(value, int):
        return len(f"{value:,}")
    text = "" if value is None else str(value)
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _dated(raw: bytes, made: datetime) -> bytes:
    """Give a workbook and its parts one date, so that the same plan gives the same bytes."""
    saved = re.compile(rb"(<dcterms:modified[^>]*>)[^<]*")
    stamp = made.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    with zipfile.ZipFile(io.BytesIO(raw)) as packed, io.BytesIO() as out:
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as again:
            for name in sorted(packed.namelist(), key=lambda name: (name[0] != "[", name)):
                entry = zipfile.ZipInfo(name, _EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                part = packed.read(name)
                again.writestr(
                    entry, saved.sub(rb"\g<1>" + stamp, part) if "core" in name else part
                )
        return out.getvalue()


def read_totals(path: Path) -> dict[str, Any]:
    """Return the summary sheet of a workbook as figures by name."""
    from openpyxl import load_workbook  # noqa: PLC0415

    book = load_workbook(path, read_only=True)
    try:
        rows = book["概要"].iter_rows(min_row=2, values_only=True)
        return {str(row[0]): row[1] for row in rows}
    finally:
        book.close()
