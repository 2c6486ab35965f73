"""Dropped candidates on the map: off at first, the reason in the card, both languages."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import geopandas as gpd
import pytest
import shapely
from plans import HOSTILE, WEST, WGS84, make_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Opened

    from siting.plan import Plan

pytestmark = pytest.mark.browser

INKED = """() => { const data = look('stations').all(); let red = 0;
    for (let i = 0; i < data.length; i += 4)
        if (data[i] > 150 && data[i + 1] < 60 && data[i + 2] < 60 && data[i + 3] > 200) red += 1;
    return red; }"""
BOX = ".s-legend [data-layer=dropped] input"


def with_dropped(plan: Plan) -> Plan:
    """Drop four candidates: by land, near a school, far from roads, and by a hostile layer."""
    frame = gpd.GeoDataFrame(
        {
            "programme": ["hydrogen", "charging", "charging", "testroads"],
            "site_id": ["node/7", "node/8", "node/9", "c3-4"],
            "name": ["城东加油站", "", "山顶停车场", HOSTILE[0]],
            "kind": ["fuel", "roadside", "parking", "primary"],
            "exclusion_id": ["x1", "x2", "", "x3"],
            "reason": [
                "生态保护红线",
                "200 m of school",
                "farther than 1500 m from every road",
                HOSTILE[1],
            ],
        },
        geometry=shapely.points(
            [WEST + 0.1, WEST + 0.2, WEST + 0.3, WEST + 0.35], [36.6, 36.7, 36.8, 36.65]
        ),
        crs=WGS84,
    )
    return replace(plan, dropped=frame)


@pytest.fixture(scope="module")
def opened(open_map: Callable[..., Opened]) -> Opened:
    return open_map(with_dropped(make_plan(hostile=False)))


def test_the_layer_is_off_at_first_and_lists_the_reasons(opened: Opened) -> None:
    page = opened.page
    assert not page.is_checked(BOX)
    before = page.evaluate(INKED)
    page.set_checked(BOX, checked=True)
    opened.settle()
    assert page.evaluate(INKED) > before + 20
    said = opened.text(".s-legend [data-layer=dropped] .s-keys")
    for text in ("生态保护红线", "距学校 200 m 以内", "距任何道路超过 1500 m", HOSTILE[1]):
        assert text in said
    page.set_checked(BOX, checked=False)
    opened.settle()
    assert page.evaluate(INKED) == before
    assert opened.complaints == []
    assert opened.requests[1:] == []


def test_a_click_on_a_cross_opens_the_card_with_the_reason(opened: Opened) -> None:
    page = opened.page
    page.set_checked(BOX, checked=True)
    page.evaluate(
        """() => { siting.app.choose('', -1); const { at } = siting.dropped;
        siting.app.map.setView([at.lat[0], at.lon[0]], 14, { animate: false }); }"""
    )
    opened.settle()
    x, y = page.evaluate(
        """() => { const { at } = siting.dropped;
        return look('stations').place(at.lon[0], at.lat[0]); }"""
    )
    page.mouse.move(x, y)
    assert "加氢站 · 生态保护红线" in opened.text(".s-tip")
    page.mouse.click(x, y)
    card = opened.fields()
    assert card["dropped.reason"] == "生态保护红线"
    assert card["dropped.land"] == "x1"
    assert card["dropped.programme"] == "加氢站"
    assert [card["kind"], card["id"]] == ["加油站", "node/7"]
    assert opened.text(".s-card h2") == "城东加油站"
    page.set_checked(BOX, checked=False)


def test_the_cards_speak_english_too(opened: Opened) -> None:
    page = opened.page
    page.evaluate("() => siting.setLanguage('en')")
    try:
        page.evaluate("() => siting.app.choose('dropped', 1)")
        assert opened.fields()["dropped.reason"] == "Within 200 m of School"
        assert opened.text(".s-card h2") == "Unnamed candidate"
        page.evaluate("() => siting.app.choose('dropped', 2)")
        assert opened.fields()["dropped.reason"] == "Farther than 1500 m from every road"
        assert opened.fields()["dropped.land"] == "—"
        labels = opened.texts(".s-card dt")
        assert not [text for text in labels if re.search(r"[\u4e00-\u9fff]", text)]
    finally:
        page.evaluate("() => siting.setLanguage('zh')")


def test_hostile_names_and_reasons_stay_text(opened: Opened) -> None:
    opened.page.evaluate("() => siting.app.choose('dropped', 3)")
    assert opened.text(".s-card h2") == HOSTILE[0]
    card = opened.fields()
    assert card["dropped.reason"] == HOSTILE[1]
    assert [card["dropped.programme"], card["kind"]] == ["测试道路", "主干路"]
    assert not opened.page.query_selector("img")
    assert opened.complaints == []


def test_a_plan_that_drops_nothing_has_no_layer(open_map: Callable[..., Opened]) -> None:
    opened = open_map(make_plan(hostile=False))
    assert not opened.page.query_selector("[data-layer=dropped]")
    assert opened.complaints == []
