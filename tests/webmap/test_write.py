"""The map file: the same each time, whole or not at all, and no word of it outside its data."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from plans import HOSTILE, make_plan

from siting.errors import OutputError
from siting.frames import FACILITY_KINDS
from siting.text import clip
from siting.webmap import write_map
from siting.webmap.content import map_data
from siting.webmap.page import asset_text
from siting.webmap.write import SCRIPTS

if TYPE_CHECKING:
    from pathlib import Path

BLOCK = re.compile(
    r'(<script type="application/json" id="siting-data">)(.*?)(</script>)', re.DOTALL
)


def page_of(path: Path, **changes: Any) -> str:
    write_map(make_plan(**changes), path)
    return path.read_text(encoding="utf-8")


def data_of(page: str) -> dict[str, Any]:
    found = BLOCK.search(page)
    assert found
    data: dict[str, Any] = json.loads(found[2])
    return data


def test_one_plan_gives_the_same_bytes(tmp_path: Path) -> None:
    assert page_of(tmp_path / "a.html") == page_of(tmp_path / "b.html")


def test_no_word_of_the_plan_is_outside_its_data(tmp_path: Path) -> None:
    hostile = page_of(tmp_path / "a.html", title_zh=HOSTILE[2], attribution=HOSTILE[0])
    tame = page_of(tmp_path / "b.html", hostile=False)
    assert BLOCK.sub(r"\1\3", hostile) == BLOCK.sub(r"\1\3", tame)
    assert data_of(hostile)["stations"]["name"][: len(HOSTILE)] == [clip(n) for n in HOSTILE]
    assert data_of(hostile)["attribution"] == [HOSTILE[0]] * 2


def test_a_map_that_fails_leaves_nothing_and_keeps_the_last(tmp_path: Path) -> None:
    path = tmp_path / "index.html"
    good = page_of(path)
    plan = make_plan()
    wrong = plan.catchments.assign(site_id="nowhere")
    with pytest.raises(OutputError, match="doesn't have"):
        write_map(replace(plan, catchments=wrong), path)
    assert path.read_text(encoding="utf-8") == good
    assert [entry.name for entry in tmp_path.iterdir()] == ["index.html"]


def test_the_run_record_says_title_credit_and_whether_roads_are_invented(tmp_path: Path) -> None:
    data = data_of(page_of(tmp_path / "a.html", synthetic_roads=False))
    assert data["title"] == {"zh": "济南市充换电设施规划", "en": "Jinan charging plan"}
    assert data["attribution"] == ["© OpenStreetMap contributors, ODbL 1.0"] * 2
    assert data["synthetic"] is False
    write_map(make_plan(), tmp_path / "b.html", title_zh="甲", title_en="A", synthetic=True)
    data = data_of((tmp_path / "b.html").read_text(encoding="utf-8"))
    assert data["title"] == {"zh": "甲", "en": "A"}
    assert data["synthetic"] is True


def test_no_path_of_the_machine_is_published(tmp_path: Path) -> None:
    page = page_of(tmp_path / "a.html")
    assert "/home/" not in page
    assert str(tmp_path) not in page
    assert data_of(page)["run"]["inputs"][0]["name"] == "jinan.osm.pbf"


def test_totals_are_those_of_the_frames() -> None:
    plan = make_plan()
    totals = map_data(plan)["totals"]
    assert totals["stations"] == len(plan.stations)
    assert totals["piles"] == plan.stations.piles.sum()
    assert totals["cost_cny"] == plan.stations.cost_cny.sum()
    assert totals["served_kwh_day"] == pytest.approx(plan.catchments.kwh_day.sum())
    assert totals["kept"] == (plan.stations.status == "kept").sum()


def test_a_plan_without_stations_or_roads_still_has_a_map(tmp_path: Path) -> None:
    plan = make_plan()
    empty = replace(
        plan,
        stations=plan.stations.iloc[:0],
        candidates=plan.candidates.iloc[:0],
        catchments=plan.catchments.iloc[:0],
        roads=plan.roads.iloc[:0],
        clauses=plan.clauses.iloc[:0],
        run={"status": "infeasible"},
    )
    write_map(empty, tmp_path / "a.html")
    data = data_of((tmp_path / "a.html").read_text(encoding="utf-8"))
    assert data["totals"]["stations"] == 0
    assert data["run"]["status"] == "infeasible"


def test_what_is_not_a_number_reaches_the_page_as_unknown(tmp_path: Path) -> None:
    plan = make_plan()
    stations = plan.stations.copy()
    stations.loc[0, ["utilisation", "access_m"]] = float("nan")
    write_map(replace(plan, stations=stations), tmp_path / "a.html")
    table = data_of((tmp_path / "a.html").read_text(encoding="utf-8"))["stations"]
    assert table["utilisation"][0] is None
    assert table["access_m"][0] is None


def test_every_word_of_the_page_is_there_in_both_languages() -> None:
    strings = json.loads(asset_text("strings.json"))
    # English writes no unit where the amount says 万元 in Chinese.
    blank = {"unit.wan", "unit.yi"}
    assert all(len(pair) == 2 and pair[0] for pair in strings.values())
    assert all(pair[1] for key, pair in strings.items() if key not in blank)
    source = asset_text("map.html") + "".join(asset_text(name) for name in SCRIPTS)
    used = set(re.findall(r'data-t(?:-\w+)?="([\w.]+)"', source))
    used |= set(
        re.findall(r'\b(?:t|heading|pair|layer)\(\s*(?:"\w+", )?"([a-z]\w*\.[\w.]+)"', source)
    )
    used |= {f"kind.{kind}" for kind in (*FACILITY_KINDS, "roadside", "village")}
    assert len(used) > 80
    assert sorted(used - set(strings)) == []


def test_both_languages_fill_in_the_same_values() -> None:
    strings = json.loads(asset_text("strings.json"))
    for key, (chinese, english) in strings.items():
        assert sorted(re.findall(r"{\w+}", chinese)) == sorted(re.findall(r"{\w+}", english)), key
