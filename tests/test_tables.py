"""The workbook says what the run says, ties to the yuan, and runs nothing."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from openpyxl import load_workbook
from plans import make_plan

from siting.tables.headline import headline
from siting.tables.investment import CATEGORIES, contingency_cny, investment
from siting.tables.workbook import read_totals, write_tables

if TYPE_CHECKING:
    from pathlib import Path

    from siting.pipeline import Published


def _rows(path: Path, sheet: str) -> list[dict[str, Any]]:
    book = load_workbook(path)
    head, *rows = book[sheet].iter_rows(values_only=True)
    return [dict(zip(map(str, head), row, strict=True)) for row in rows]


@pytest.fixture(scope="module")
def book(published: Published, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tables") / "tables.xlsx"
    write_tables(published.plan, path)
    return path


def test_summary_gives_the_headline_of_the_run(published: Published, book: Path) -> None:
    told = read_totals(book)
    for figure in headline(published.plan.run):
        assert told[figure.zh] == pytest.approx(figure.value, abs=0.5 * 10**-figure.decimals)


def test_stations_are_those_of_the_run_row_by_row(published: Published, book: Path) -> None:
    rows = _rows(book, "附表1 充换电站")
    plan = published.plan.stations
    assert [row["站点编号"] for row in rows] == plan["site_id"].tolist()
    for row, (_, station) in zip(rows, plan.iterrows(), strict=True):
        assert row["快充桩数"] + row["慢充桩数"] == station["piles"]
        assert row["经度"] == pytest.approx(station.geometry.x, abs=1e-6)
        assert row["投资（万元）"] * 1e4 == pytest.approx(station["cost_cny"], abs=1e-3)


def test_investment_ties_to_the_run_to_the_yuan(published: Published, book: Path) -> None:
    table = investment(published.plan)
    total = published.plan.run["totals"]["cost_cny"]
    assert table["cost_cny"].sum() == total
    assert set(table["category"]) <= set(CATEGORIES)
    rows = _rows(book, "投资估算")
    named = {row["类别"]: row for row in rows}
    parts = [row["投资（元）"] for row in rows if row["行政区"]]
    assert sum(parts) == named["合计"]["投资（元）"] == total
    spare = next(row for name, row in named.items() if name.startswith("预备费"))
    assert named["总计"]["投资（元）"] == total + spare["投资（元）"]
    for row in rows:
        assert row["投资（万元）"] * 1e4 == pytest.approx(row["投资（元）"], abs=1e-3)


def test_districts_and_categories_cross_to_the_same_total(published: Published, book: Path) -> None:
    *rows, last = _rows(book, "投资分区表")
    total = published.plan.run["totals"]["cost_cny"]
    assert last["合计（万元）"] * 1e4 == pytest.approx(total, abs=1e-3)
    assert sum(row["合计（万元）"] for row in rows) * 1e4 == pytest.approx(total, abs=1e-2)


def test_every_clause_of_the_ledger_is_in_the_workbook(published: Published, book: Path) -> None:
    rows = _rows(book, "条款对照")
    ledger = published.plan.clauses
    assert [row["条款"] or "" for row in rows] == ledger["clause"].tolist()
    assert all(row["状态"] for row in rows)


def test_every_sheet_has_a_frozen_head_and_a_filter(book: Path) -> None:
    for sheet in load_workbook(book):
        assert sheet.freeze_panes == "A2"
        assert sheet.auto_filter.ref.startswith("A1:")
        assert sheet.print_title_rows == "$1:$1"


def test_hostile_names_stay_text(published: Published, tmp_path: Path) -> None:
    plan = make_plan(hostile=True)
    run = {**published.plan.run, "title_zh": plan.run["title_zh"], "attribution": "=cmd|' /C calc'"}
    write_tables(replace(plan, run=run), tmp_path / "a.xlsx")
    book = load_workbook(tmp_path / "a.xlsx")
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert not [cell.coordinate for cell in cells if cell.data_type == "f"]
    texts = [str(cell.value) for cell in cells if isinstance(cell.value, str)]
    assert any("<script" in text or "onerror" in text for text in texts)


def test_the_same_plan_gives_the_same_bytes(published: Published, tmp_path: Path) -> None:
    write_tables(published.plan, tmp_path / "a")
    # The time of writing has seconds in a workbook.
    time.sleep(1.1)
    write_tables(published.plan, tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_infinite_waits_are_empty_cells(published: Published, tmp_path: Path) -> None:
    stations = published.plan.stations.assign(wait_minutes=math.inf)
    write_tables(replace(published.plan, stations=stations), tmp_path / "a.xlsx")
    assert {row["高峰等待（分钟）"] for row in _rows(tmp_path / "a.xlsx", "附表1 充换电站")} == {
        None
    }


def test_contingency_is_a_share_to_the_yuan() -> None:
    assert contingency_cny(1_000_001, 0.05) == 50_000
    assert contingency_cny(0, 0.05) == 0


def test_a_plan_without_anything_costs_nothing(published: Published) -> None:
    stations = published.plan.stations.iloc[:0]
    empty = replace(published.plan, stations=stations, hydrogen=published.plan.hydrogen.iloc[:0])
    assert investment(empty).empty
    assert isinstance(investment(empty), pd.DataFrame)


def test_numbers_fit_their_columns_and_sheets_print_with_title_and_page(book: Path) -> None:
    opened = load_workbook(book)
    for sheet in opened:
        assert sheet.oddHeader.center.text == sheet.title
        assert "&P" in sheet.oddFooter.center.text
        across = sum(dimension.width for dimension in sheet.column_dimensions.values())
        a4, a3 = sheet.PAPERSIZE_A4, sheet.PAPERSIZE_A3
        assert int(sheet.page_setup.paperSize) == int(a3 if across > 190 else a4)
        for row in sheet.iter_rows(min_row=2):
            for item in row:
                if isinstance(item.value, (int, float)):
                    decimals = len(item.number_format.partition(".")[2].rstrip("%"))
                    shown = f"{item.value:,.{decimals}f}"
                    assert len(shown) < sheet.column_dimensions[item.column_letter].width


def test_rows_are_as_high_as_text_that_breaks(published: Published, tmp_path: Path) -> None:
    clauses = published.plan.clauses.assign(quote="目标" * 100, reading="one\ntwo\nthree")
    write_tables(replace(published.plan, clauses=clauses), tmp_path / "a.xlsx")
    sheet = load_workbook(tmp_path / "a.xlsx")["条款对照"]
    # 400 columns of text in at most 43 take ten lines of 15 points.
    assert sheet.row_dimensions[2].height >= 150


def test_clauses_are_named_in_chinese(book: Path) -> None:
    rows = _rows(book, "条款对照")
    assert {row["指标"] for row in rows} >= {"充换电站数量", "充电桩数量"}
    assert {row["单位"] for row in rows} >= {"座", "台"}
