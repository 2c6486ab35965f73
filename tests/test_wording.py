"""The words of a run in the reader's language: credit, charts, measures, levels."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import openpyxl
import pytest
from chinese import is_chinese

from siting.city.catalog import credit_line
from siting.clauses import clauses
from siting.compare.runs import compare
from siting.inputs.tables import OSM_CREDIT, SAMPLE_CREDIT
from siting.joint.record import short_text
from siting.model.model import Target
from siting.printing.words import WORDS
from siting.printing.write import print_plan
from siting.store.styles import LOOKS
from siting.tables.joint import joint_lines
from siting.wording import LEVELS, measure_name, short_said, shortfall_said

if TYPE_CHECKING:
    from siting.pipeline import Published

ROOT = Path(__file__).parents[1]
LEDGER = {
    "path": "台账.xlsx",
    "kind": "existing",
    "source": "市充电设施监测平台",
    "licence": "internal",
}
SHORTFALL: dict[str, Any] = {
    "share": 1.0,
    "most_share": 1.0,
    "proven": True,
    "clauses": [
        {"clause": "JN23-07", "measure": "piles", "unit": "piles", "short": 12_345.0},
        {"clause": "", "measure": "district_served_share", "unit": "share", "short": 0.021},
        {"clause": "QD25-01", "measure": "built_area_km2", "unit": "km2", "short": 0.0042},
    ],
}


def _svg_text(path: Path) -> str:
    nodes = ET.parse(path).getroot().iter("{http://www.w3.org/2000/svg}text")  # noqa: S314
    return " ".join("".join(node.itertext()) for node in nodes)


@pytest.mark.parametrize("credit", [OSM_CREDIT, SAMPLE_CREDIT, "Roads: 道路.gpkg"])
def test_a_credit_line_is_chinese_for_the_chinese_reader(credit: str) -> None:
    said = credit_line(credit, [LEDGER])
    assert said.en == f"{credit}; 市充电设施监测平台 (internal)"
    assert is_chinese(said.zh.replace("© OpenStreetMap contributors", ""))
    assert said.zh.endswith("；市充电设施监测平台（内部使用）")


def test_the_chinese_credit_keeps_what_the_licence_of_openstreetmap_asks_for() -> None:
    said = credit_line(OSM_CREDIT, [])
    assert "© OpenStreetMap contributors" in said.zh
    assert "ODbL 1.0" in said.zh
    assert "OpenStreetMap 贡献者" in said.zh


def test_a_sheet_of_paper_credits_in_its_own_language(published: Published, tmp_path: Path) -> None:
    plan, said = published.plan, credit_line(OSM_CREDIT, [])
    run = {**plan.run, "attribution": said.en, "attribution_zh": said.zh, "inputs": []}
    for language, own, other in (("zh", said.zh, said.en), ("en", said.en, said.zh)):
        path = tmp_path / f"{language}.svg"
        print_plan(replace(plan, run=run), path, language=language)
        found = _svg_text(path)
        assert own in found
        assert other not in found


@pytest.mark.parametrize(("language", "unit"), [("zh", "座"), ("en", "stations")])
def test_targets_on_a_sheet_have_their_unit(
    published: Published, tmp_path: Path, language: str, unit: str
) -> None:
    ledger = published.plan.clauses
    row = ledger[(ledger["measure"] == "stations") & ledger["target"].notna()].iloc[0]
    print_plan(published.plan, tmp_path / "a.svg", language=language)
    assert f"{row['planned']:g} / {row['target']:g} {unit}" in _svg_text(tmp_path / "a.svg")


def test_a_run_of_an_older_version_is_credited_as_it_says(
    published: Published, tmp_path: Path
) -> None:
    run = {name: value for name, value in published.plan.run.items() if name != "attribution_zh"}
    print_plan(replace(published.plan, run=run), tmp_path / "a.svg")
    assert run["attribution"] in _svg_text(tmp_path / "a.svg")


def test_a_published_run_credits_in_both_languages(published: Published) -> None:
    run = published.plan.run
    assert run["attribution"] == OSM_CREDIT
    assert is_chinese(run["attribution_zh"])
    sheet = openpyxl.load_workbook(published.folder / "tables.xlsx", read_only=True)["概要"]
    rows = {row[0]: row[1] for row in sheet.iter_rows(values_only=True)}
    assert rows["数据来源"] == run["attribution_zh"]


def test_what_the_money_does_not_do_for_is_told_in_words_and_units() -> None:
    said = short_text({"shortfall": SHORTFALL})
    assert said.zh == (
        "缺口方案：JN23-07 充电桩数量差 12,345 台；"
        "自定 每个区县满足需求比例差 2.1 个百分点；QD25-01 路侧建成区域差 0.0042 km²"
    )
    assert "JN23-07, Piles: short by 12,345 piles" in said.en
    assert "planner's own, Share served in each district: short by 2.1 percentage points" in said.en
    assert not re.search(r"[a-z]+_[a-z]+", said.zh + said.en)


@pytest.mark.parametrize("measure", Target.model_json_schema()["properties"]["measure"]["enum"])
def test_no_missing_amount_is_named_by_a_key(measure: str) -> None:
    said = short_said("", measure, 1.0, "stations")
    assert measure_name(measure)[0] in said.zh
    assert measure_name(measure)[1] in said.en
    assert not re.search(r"[a-z]+_[a-z]+", said.zh + said.en)


def test_what_a_clause_measures_has_a_name_in_both_languages() -> None:
    """Also where no plan can hold it: a reader sees it beside the quote."""
    measures = {str(one.metric["indicator"]) for one in clauses() if one.metric.get("indicator")}
    assert len(measures) > 30
    for zh, en in map(measure_name, measures):
        assert re.search(r"[\u4e00-\u9fff]", zh)
        assert re.search(r"[A-Z0-9]", en[0])
        assert "_" not in zh + en


def test_the_summary_of_the_workbook_names_measures_and_units_in_chinese() -> None:
    joint = {"status": "short", "shortfall": SHORTFALL, "money": {"total_cny": None}, "gap": 0.0}
    rows = joint_lines({"joint": joint})
    assert rows[1] == ["缺口 JN23-07 充电桩数量", 12_345.0, "台"]
    assert rows[3] == ["缺口 QD25-01 路侧建成区域", 0.0042, "km²"]


def test_money_is_blamed_only_where_charging_gave_way_for_it() -> None:
    """Other programmes hold their targets or end; what they are short of isn't for money."""
    joint: dict[str, Any] = {"status": "short", "money": {"total_cny": None}, "gap": 0.0}
    for share, money in ((1.0, False), (0.93, True)):
        head = joint_lines({"joint": {**joint, "shortfall": {**SHORTFALL, "share": share}}})[0][1]
        assert head == shortfall_said(share).zh
        assert ("资金" in head, "money" in shortfall_said(share).en) == (money, money)


def test_runs_side_by_side_name_their_targets_in_words(
    published: Published, tmp_path: Path
) -> None:
    found = compare([published.folder, published.folder], out=tmp_path / "compare")
    lines = [line for line in found.lines if line.part == "clause"]
    assert lines
    for line in lines:
        zh, en = measure_name(line.key.split(" ")[-1])
        assert zh in line.zh
        assert line.en == en


def test_a_whole_junction_has_one_name_in_map_sheet_layers_and_tables() -> None:
    text = resources.files("siting").joinpath("assets/strings.json").read_text("utf-8")
    names = [json.loads(text)["legend.rsus.full"][0], WORDS["full"][0]]
    names += [zh for name, zh, _ in LOOKS["rsus"].classes if name == "full"]
    assert names == ["全要素路口"] * 3
    assert LEVELS["full"][0].startswith("全要素路口")
    for path in (ROOT / "siting").rglob("*"):
        if path.suffix in {".py", ".json", ".js", ".j2", ".csv"}:
            assert "全量路口" not in path.read_text(encoding="utf-8"), path
