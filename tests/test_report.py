"""The report says what the run says, asks for nothing, and lets no text become markup."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pyogrio
import pytest
from chinese import english, shown_texts
from plans import make_plan

from siting.model.model import Target
from siting.report import write_report
from siting.report.drawing import bars
from siting.report.page import report_page
from siting.said import Said, same
from siting.store.runs import GPKG
from siting.tables.headline import headline
from siting.tables.workbook import read_totals
from siting.wording import amount_text, measure_name, measure_names

if TYPE_CHECKING:
    from pathlib import Path

    from siting.pipeline import Published
    from siting.plan import Plan


def _hostile(published: Published) -> Plan:
    plan = make_plan(hostile=True)
    kept = ("title_zh", "title_en", "attribution")
    run = published.plan.run | {key: plan.run[key] for key in kept if key in plan.run}
    evil = ["<img src=x onerror=alert(1)>", "${alert(1)}", "{{7*7}}"]
    run = {**run, "notes": evil, "notes_zh": [f"中{text}" for text in evil]}
    return replace(plan, run=run)


@pytest.fixture(scope="module")
def page(published: Published) -> str:
    return report_page(published.plan)


def test_a_figure_is_the_same_in_map_report_workbook_layers_and_record(
    published: Published,
) -> None:
    folder = published.folder
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))["totals"]
    html = (folder / "index.html").read_text(encoding="utf-8")
    found = re.search(r'id="siting-data">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    on_map = json.loads(found[1])["totals"]
    report = (folder / "report.html").read_text(encoding="utf-8")
    in_report = {
        key: float(value)
        for key, value in re.findall(r'data-key="(\w+)" data-value="([^"]+)"', report)
    }
    book = read_totals(folder / "tables.xlsx")
    stations = pyogrio.read_dataframe(folder / GPKG, layer="stations")
    hydrogen_cny = 0
    if "hydrogen" in pyogrio.list_layers(folder / GPKG)[:, 0]:
        hydrogen_cny = int(pyogrio.read_dataframe(folder / GPKG, layer="hydrogen").cost_cny.sum())
    layers = {
        "stations": len(stations),
        "piles": int(stations["piles"].sum()),
        "cost_cny": int(stations["cost_cny"].sum()) + hydrogen_cny,
        "served_kwh_day": float(stations["served_kwh_day"].sum()),
    }
    figures = headline(published.plan.run)
    assert {figure.key for figure in figures} >= set(layers)
    for figure in figures:
        assert figure.value == record[figure.key] == in_report[figure.key]
        assert book[figure.zh] == pytest.approx(figure.value, abs=0.5 * 10**-figure.decimals)
        if figure.key in layers:
            assert layers[figure.key] == pytest.approx(figure.value, rel=1e-9)
        if figure.key in on_map:
            assert on_map[figure.key] == pytest.approx(figure.value, rel=1e-9)
    assert {"stations", "piles", "cost_cny"} <= set(on_map)


def test_every_clause_stands_with_its_quote(published: Published, page: str) -> None:
    text = unescape(page)
    for row in published.plan.clauses.to_dict("records"):
        assert str(row["quote"]) in text
        assert str(row["clause"]) in text


def test_unsourced_figures_are_counted_and_marked(published: Published, page: str) -> None:
    unsourced = int(published.plan.assumptions["unsourced"].sum())
    assert unsourced > 0
    assert page.count("无来源</span><span") == unsourced


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.events: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.events += [name for name, _ in attrs if name.startswith("on")]


def test_hostile_text_stays_text(published: Published, page: str) -> None:
    html = report_page(_hostile(published))
    reader, plain = _Tags(), _Tags()
    reader.feed(html)
    plain.feed(page)
    assert reader.tags <= plain.tags
    assert not reader.events
    assert "script" not in reader.tags
    assert "{{7*7}}" in html


def test_the_page_allows_no_request_and_no_script(page: str) -> None:
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert "style=" not in page


def test_the_same_plan_gives_the_same_bytes(published: Published, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_report(published.plan, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_bars_are_as_long_as_their_values_say() -> None:
    rows = (("a<b", 10.0), ("c", 5.0), ("d", 0.0))
    svg = bars([(same(label), value, same(f"{value:g}")) for label, value in rows])
    lengths = [float(value) for value in re.findall(r'<rect[^>]*width="([\d.]+)"', svg)]
    assert lengths == [520.0, 260.0, 0.0]
    assert "a&lt;b" in svg


def test_bars_say_each_language_apart_and_keep_room_for_the_longer_label() -> None:
    long = "charging stations: works and grid connection"
    svg = bars([(Said("充换电站土建与接入", long), 1.0, Said("1.0 万元", "CNY 10,000"))])
    assert shown_texts(svg, "en") == ["充换电站土建与接入", "1.0 万元"]
    assert shown_texts(svg, "zh") == [long, "CNY 10,000"]
    assert float(re.findall(r'<text x="([\d.]+)"', svg)[0]) >= 6 * len(long)


def test_charts_map_and_tables_of_the_english_report_have_no_chinese_of_ours(page: str) -> None:
    """Names, quotes and the user's words stay as they are; the words of the report follow."""
    said = " ".join(shown_texts(page, "zh"))
    ours = (
        "充换电站土建",
        "充电设备及安装",
        "万元",
        "亿元",
        "路侧点位",
        "全要素",
        "合建",
        "新建充换",
    )
    assert not [word for word in ours if word in said]
    assert "charging stations: works and grid connection" in said
    assert "充电设备及安装" in " ".join(shown_texts(page, "en"))


def test_a_number_of_an_approved_map_stands_at_the_head(published: Published, page: str) -> None:
    assert "审图号：（待填）" in page
    run = {**published.plan.run, "approval": "鲁S（2026）001号"}
    approved = report_page(replace(published.plan, run=run))
    assert "鲁S（2026）001号" in approved
    assert "待填" not in approved


def test_a_printed_page_has_its_number_and_no_table_wider_than_the_paper(page: str) -> None:
    assert "counter(page)" in page
    tables = re.findall(r"<table[^>]*>", page)
    wide = [table for table in tables if "fixed" not in table]
    # The table of districts alone sets its own widths: six columns of names and numbers.
    assert len(wide) == 1
    for widths in re.findall(r"<colgroup>(.*?)</colgroup>", page):
        assert 95 <= sum(int(w) for w in re.findall(r'"w(\d+)"', widths)) <= 110
    styled = set(re.findall(r"\.w(\d+) \{ width: (\d+)%", page))
    assert all(a == b for a, b in styled)
    assert set(re.findall(r'<col class="w(\d+)"', page)) <= {name for name, _ in styled}


def test_every_programme_of_the_run_has_its_certificate(published: Published) -> None:
    part = {"status": "feasible", "objective": 12.5, "bound": 13.0, "gap": 0.04}
    run = {
        **published.plan.run,
        "hydrogen": {**part, "objective_meaning": "points of hydrogen"},
        "roadside": {**part, "objective_meaning": "traffic", "edge_nodes": {**part, "gap": 0.07}},
        "testroads": {**part, "objective_meaning": "points of roads"},
    }
    text = report_page(replace(published.plan, run=run))
    section = text[text.index("六、方法与证明") : text.index("七、参数")]
    for said in ("points of hydrogen", "traffic", "points of roads", "7.00%", "边缘计算节点"):
        assert said in section
    assert str(published.plan.run["objective_meaning"]) in section


def test_amounts_carry_the_units_that_a_planner_writes() -> None:
    assert amount_text(22_000.0, "piles") == ("22,000 台", "22,000 piles")
    assert amount_text(209.9912, "km") == ("209.99 km", "209.99 km")
    assert amount_text(0.99999, "share") == (">99.9%", ">99.9 %")
    assert amount_text(float("nan"), "km") == ("—", "—")
    assert amount_text(3.0, "moons") == ("3 moons", "3 moons")


def test_every_measure_of_a_target_has_a_name_in_both_languages() -> None:
    measures = Target.model_json_schema()["properties"]["measure"]["enum"]
    assert set(measures) <= set(measure_names())
    assert measure_name("own_measure") == ("own_measure", "own measure")


def test_a_chinese_reader_meets_no_english_sentence(published: Published, page: str) -> None:
    names = {str(row["key"]) for row in published.plan.assumptions.to_dict("records")}
    quoted = {str(text) for text in published.plan.clauses["quote"]}
    licences = {str(published.plan.run["attribution"])}
    licences |= {str(one[key]) for one in published.plan.run["inputs"] for key in ("licence",)}
    versions = [text for text in shown_texts(page, "en") if text.startswith("siting ")]
    left = [
        text
        for text in shown_texts(page, "en")
        if english(text) and text not in names | quoted | licences | {*versions}
    ]
    assert left == []


def test_an_english_reader_has_every_sentence_of_the_run_in_english(
    published: Published, page: str
) -> None:
    shown = set(shown_texts(page, "zh"))
    for note in published.plan.run["notes"]:
        assert " ".join(note.split()) in shown
