"""Test roads on the map: lines by phase and grade, the card, search, both languages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from plans import make_plan
from roadplans import with_testroads

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Opened

pytestmark = pytest.mark.browser

COLOURS = {"phase 1": (179, 18, 63), "phase 2": (224, 112, 26), "grade II": (217, 165, 20)}
INKED = """([r, g, b]) => { const data = look('testroads').all(); let n = 0;
    for (let i = 0; i < data.length; i += 4)
        if (data[i] === r && data[i + 1] === g && data[i + 2] === b) n += 1;
    return n; }"""


def number(text: str) -> float:
    return float(re.sub(r"[^\d.\-]", "", text))


@pytest.fixture(scope="module")
def opened(open_map: Callable[..., Opened]) -> Opened:
    """Open a map with test roads."""
    return open_map(with_testroads(make_plan(hostile=False)))


@pytest.mark.parametrize("row", [0, 1, 2])
def test_the_card_shows_the_numbers_of_its_section(opened: Opened, row: int) -> None:
    want = opened.plan.test_road_catalogue.iloc[row]
    opened.page.evaluate("row => siting.app.choose('testroad', row)", row)
    card = opened.fields()
    assert card["id"] == want.section_id
    assert card["testroad.from"] == want.from_name
    assert card["testroad.to"] == want.to_name
    assert number(card["testroad.km"]) == pytest.approx(want.km, abs=0.00051)
    assert card["testroad.grade"] == want.grade
    assert card["testroad.phase"] == want.phase_name
    assert number(card["testroad.covered"]) == pytest.approx(100 * want.covered, abs=0.051)
    for name in ("opening", "retrofit"):
        got = number(card[f"testroad.{name}"]) * 1e4
        assert got == pytest.approx(want[f"{name}_cny"], abs=0.51)
    assert card["testroad.note"] == (want.note or "—")
    assert opened.text(".s-card h2") == want.road
    assert opened.complaints == []
    assert not opened.page.query_selector("img")


def test_lines_are_coloured_by_phase_or_grade_and_go_with_their_switch(opened: Opened) -> None:
    page = opened.page
    page.evaluate("() => siting.app.choose('', -1)")
    opened.settle()
    first, second = (page.evaluate(INKED, COLOURS[f"phase {k}"]) for k in (1, 2))
    # Two whole lines of the first phase, two thirds of one of the second.
    assert first > 2 * second > 200
    page.click(".s-legend [data-layer=testroads] [data-value=grade]")
    opened.settle()
    assert page.evaluate(INKED, COLOURS["phase 1"]) == 0
    assert page.evaluate(INKED, COLOURS["grade II"]) > second
    counts = [number(text) for text in opened.texts(".s-legend [data-layer=testroads] .s-n")]
    assert counts == pytest.approx([44, 27], abs=1)
    box = ".s-legend [data-layer=testroads] input"
    page.set_checked(box, checked=False)
    opened.settle()
    assert page.evaluate(INKED, COLOURS["grade II"]) == 0
    page.set_checked(box, checked=True)
    page.click(".s-legend [data-layer=testroads] [data-value=phase]")


def test_a_click_on_a_line_opens_its_card(opened: Opened) -> None:
    page = opened.page
    page.evaluate(
        """() => { siting.app.choose('', -1); siting.stations.show.stations = false;
        siting.app.map.setView(siting.testroads.place(0), 15, { animate: false }); }"""
    )
    opened.settle()
    x, y = page.evaluate(
        """() => { const [lat, lon] = siting.testroads.place(0);
        return look('testroads').place(lon, lat); }"""
    )
    page.mouse.click(x, y)
    assert opened.fields()["id"] == "T0001"
    assert page.get_attribute(".s-card", "data-kind") == "testroad"


def test_it_is_found_by_name_and_totalled(opened: Opened) -> None:
    page = opened.page
    page.fill(".s-search input", "旅游路")
    page.keyboard.press("Enter")
    assert opened.fields()["id"] == "T0002"
    assert number(opened.text("[data-figure=testroads] dd")) == pytest.approx(71.1, abs=0.06)
    plan = opened.plan
    both = plan.stations.cost_cny.sum() + plan.test_road_catalogue.cost_cny.sum()
    assert number(opened.text("[data-figure=cost] dd")) == pytest.approx(both / 1e4, abs=0.0051)
    page.evaluate("() => siting.setLanguage('en')")
    words = opened.texts(".s-card dt")
    page.evaluate("() => siting.setLanguage('zh')")
    assert "Cost of retrofit" in words
    assert not [text for text in words if re.search(r"[\u4e00-\u9fff]", text)]


def test_a_plan_without_test_roads_has_no_layer(open_map: Callable[..., Opened]) -> None:
    opened = open_map(make_plan(hostile=False))
    assert not opened.page.query_selector("[data-layer=testroads]")
    assert not opened.page.query_selector("[data-figure=testroads]")
    assert opened.complaints == []
