"""Hydrogen stations on the map: the card, the layer switch, both languages, hostile names."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pytest
import shapely
from plans import HOSTILE, WEST, WGS84, make_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Opened

    from siting.plan import Plan

pytestmark = pytest.mark.browser

INKED = """() => { const data = look('stations').all(); let blue = 0;
    for (let i = 0; i < data.length; i += 4)
        if (data[i] === 10 && data[i + 1] === 108 && data[i + 2] === 196) blue += 1;
    return blue; }"""


def with_hydrogen(plan: Plan) -> Plan:
    """Put three hydrogen stations on a plan, the second with a hostile name, the third alone."""
    names = ["第一加氢站", HOSTILE[0], ""]
    frame = gpd.GeoDataFrame(
        {
            "site_id": [f"node/{k}" for k in range(3)],
            "name": names,
            "kind": ["fuel", "service_area", "logistics"],
            "combined": [True, True, False],
            "district_id": plan.districts.district_id.to_numpy()[[0, 1, 2]],
            "district": plan.districts.name.to_numpy()[[0, 1, 2]],
            "urban": [True, False, True],
            "capacity_kg_day": 500.0,
            "cost_cny": np.array([5_000_000, 5_000_000, 15_000_000]),
            "nearest_protected_m": [123.4, 60.0, -1.0],
            "nearest_junction_m": [400.0, 71.3, 2000.0],
            "supply_m": [-1.0, 25_000.0, 10.0],
            "served_kwh_day": [1000.5, 0.0, 20_000.0],
            "served_share": [0.0412, 0.0, 0.61],
            "corridor_km": [12.3, 0.0, 4.0],
            "clauses": "JN23-08 JN23-15",
            "access_m": [12.0, 40.0, 130.0],
        },
        geometry=shapely.points([WEST + 0.1, WEST + 0.2, WEST + 0.3], [36.6, 36.7, 36.8]),
        crs=WGS84,
    )
    return replace(plan, hydrogen=frame)


def number(text: str) -> float:
    return float(re.sub(r"[^\d.\-]", "", text))


@pytest.fixture(scope="module")
def opened(open_map: Callable[..., Opened]) -> Opened:
    """Open a map with hydrogen stations."""
    return open_map(with_hydrogen(make_plan(hostile=False)))


def choose(opened: Opened, row: int) -> dict[str, str]:
    opened.page.evaluate("row => siting.app.choose('hydrogen', row)", row)
    return opened.fields()


@pytest.mark.parametrize("row", [0, 1, 2])
def test_the_card_shows_the_numbers_of_its_row(opened: Opened, row: int) -> None:
    want, card = opened.plan.hydrogen.iloc[row], choose(opened, row)
    assert card["id"] == want.site_id
    assert card["district.label"].startswith(want.district)
    assert number(card["hydrogen.capacity"]) == want.capacity_kg_day
    assert number(card["hydrogen.served"]) == pytest.approx(want.served_kwh_day, abs=0.051)
    assert number(card["hydrogen.share"]) == pytest.approx(100 * want.served_share, abs=0.051)
    assert number(card["hydrogen.corridor"]) == pytest.approx(want.corridor_km, abs=0.051)
    for field, column in (
        ("hydrogen.protected", "nearest_protected_m"),
        ("hydrogen.junction", "nearest_junction_m"),
        ("hydrogen.supply", "supply_m"),
    ):
        if want[column] < 0:
            assert card[field] == "—"
        else:
            assert number(card[field]) == pytest.approx(want[column], abs=0.051)
    assert number(card["cost"]) * 1e4 == pytest.approx(want.cost_cny, abs=0.5)
    assert number(card["access"]) == pytest.approx(want.access_m, abs=0.51)
    assert card["clauses"] == want.clauses
    chips = opened.texts(".s-card .s-chip")
    assert ("合建站" in chips) == want.combined
    assert ("独立站" in chips) == (not want.combined)
    assert opened.text(".s-card h2") == (want["name"] or "未命名站点")
    assert opened.complaints == []
    assert not opened.page.query_selector("img")


def test_totals_tell_charging_from_hydrogen(opened: Opened) -> None:
    plan = opened.plan
    both = plan.stations.cost_cny.sum() + plan.hydrogen.cost_cny.sum()
    assert number(opened.text("[data-figure=hydrogen] dd")) == 3
    assert "2,500.00 万元" in opened.text("[data-figure=hydrogen] p")
    assert number(opened.text("[data-figure=cost] dd")) == pytest.approx(both / 1e4, abs=0.0051)


def test_the_layer_goes_and_comes_back(opened: Opened) -> None:
    page, box = opened.page, ".s-legend [data-layer=hydrogen] input"
    page.evaluate("() => siting.app.choose('', -1)")
    opened.settle()
    before = page.evaluate(INKED)
    assert before > 50
    page.set_checked(box, checked=False)
    opened.settle()
    assert page.evaluate(INKED) == 0
    page.set_checked(box, checked=True)
    opened.settle()
    assert page.evaluate(INKED) == before
    counts = opened.texts(".s-legend [data-layer=hydrogen] .s-n")
    assert counts == ["2", "1"]


def test_a_click_on_the_marker_opens_its_card(opened: Opened) -> None:
    page = opened.page
    page.evaluate(
        """() => { siting.app.choose('', -1); const { at } = siting.hydrogen;
        siting.app.map.setView([at.lat[0], at.lon[0]], 14, { animate: false }); }"""
    )
    opened.settle()
    x, y = page.evaluate(
        """() => { const { at } = siting.hydrogen;
        return look('stations').place(at.lon[0], at.lat[0]); }"""
    )
    page.mouse.click(x, y)
    assert opened.fields()["id"] == "node/0"
    assert page.get_attribute(".s-card", "data-kind") == "hydrogen"


def test_it_is_found_by_name_and_shown_in_english(opened: Opened) -> None:
    page = opened.page
    page.fill(".s-search input", "第一加氢站")
    assert "第一加氢站" in opened.texts("#s-results b")
    page.keyboard.press("Enter")
    assert opened.fields()["id"] == "node/0"
    page.evaluate("() => siting.setLanguage('en')")
    words = [*opened.texts(".s-card dt"), *opened.texts(".s-legend [data-layer=hydrogen] span")]
    page.evaluate("() => siting.setLanguage('zh')")
    assert "Capacity" in words
    assert "Combined station" in words
    assert not [text for text in words if re.search(r"[\u4e00-\u9fff]", text)]


def test_a_plan_without_hydrogen_has_no_layer(open_map: Callable[..., Opened]) -> None:
    opened = open_map(make_plan(hostile=False))
    assert not opened.page.query_selector("[data-layer=hydrogen]")
    assert not opened.page.query_selector("[data-figure=hydrogen]")
    assert opened.complaints == []
