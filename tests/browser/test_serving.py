"""A click on a clause shows what serves it; years, schemes and tiles, all with the network off."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from plans import HOSTILE, make_plan
from roadplans import with_testroads

from siting.text import clip
from siting.webmap import write_map
from siting.webmap.serving import serving
from siting.webmap.tiles import tile_source

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Opened
    from playwright.sync_api import Browser

    from siting.plan import Plan

pytestmark = pytest.mark.browser

PHONE = (390, 844)
SETS = """row => Object.fromEntries(Object.entries(siting.serving.members(row) || {})
    .map(([name, rows]) => [name, [...rows].sort((a, b) => a - b)]))"""
INKED = """() => { const data = look('stations').all(); let n = 0;
    for (let i = 3; i < data.length; i += 4) n += data[i] > 200; return n; }"""
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154"
    "78da63f8ffff3f0005fe02fea7356d2c0000000049454e44ae426082"
)


def with_years(plan: Plan) -> Plan:
    """Give the stations years, as a plan with build-out has them."""
    year = np.array([2025, 2026, 2027])[np.arange(len(plan.stations)) % 3]
    kept = (plan.stations.status == "kept").to_numpy()
    return replace(plan, stations=plan.stations.assign(year=np.where(kept, 0, year)))


@pytest.fixture(scope="module")
def opened(open_map: Callable[..., Opened]) -> Opened:
    """Open a map with years, test roads and a ledger that asks for many things."""
    plan = with_years(with_testroads(make_plan()))
    row = {**plan.clauses.iloc[0].to_dict(), "clause": HOSTILE[0], "measure": "energy_stations"}
    fuel = float((plan.stations.kind == "fuel").sum())
    row |= {"target": 1.0, "planned": fuel, "status": "met", "unit": "stations"}
    clauses = pd.concat([plan.clauses, pd.DataFrame([row])], ignore_index=True)
    return open_map(replace(plan, clauses=clauses))


def test_the_page_unpacks_the_rows_that_python_found(opened: Opened) -> None:
    want = serving(opened.plan)
    for row, one in enumerate(want):
        got = opened.page.evaluate(SETS, row)
        rows = (
            {} if one is None else {n: np.flatnonzero(i).tolist() for n, i in one.members.items()}
        )
        assert got == {name: some for name, some in rows.items() if some}


def test_a_click_on_a_clause_shows_what_serves_it_with_the_planned_count(opened: Opened) -> None:
    page, plan = opened.page, opened.plan
    row = len(plan.clauses) - 1
    fuel = np.flatnonzero(plan.stations.kind == "fuel")
    before = page.evaluate(INKED)
    page.click("#tab-clauses")
    page.click(f"#s-clauses [data-row='{row}'] summary")
    opened.settle()
    assert page.is_visible(".s-focus")
    assert opened.text(".s-focus b") == f"{clip(HOSTILE[0])} · 综合能源站"
    assert f"{len(fuel)} 座充换电站" in opened.texts(".s-focus p")
    assert f"计入 {len(fuel)} 座" in opened.texts(".s-focus p")
    # The others fade, and the map shows the whole of what serves.
    assert page.evaluate(INKED) < before
    inside = page.evaluate(
        """rows => { const { at } = siting.stations, box = siting.app.map.getBounds();
        return rows.every(i => box.contains([at.lat[i], at.lon[i]])); }""",
        fuel.tolist(),
    )
    assert inside
    assert page.query_selector(f"[data-row='{row}'].s-shown")
    page.click(f"#s-clauses [data-row='{row}'] summary")
    opened.settle()
    assert page.is_hidden(".s-focus")
    assert not page.query_selector(".s-shown")
    page.click("[data-zoom=home]")


def test_a_target_of_the_overview_shows_the_same(opened: Opened) -> None:
    page = opened.page
    page.click("#tab-overview")
    page.click("#s-overview [data-row='0']")
    assert f"{len(opened.plan.stations)} 座充换电站" in opened.texts(".s-focus p")
    page.keyboard.press("Escape")
    assert page.is_hidden(".s-focus")
    assert not page.query_selector("img, iframe, [onerror]")
    assert opened.complaints == []


def test_years_hide_what_is_not_built_yet_and_say_what_is(opened: Opened) -> None:
    page, stations = opened.page, opened.plan.stations
    page.evaluate("() => siting.app.fit(L.latLngBounds([[36.5, 117], [36.9, 117.4]]))")
    assert opened.texts(".s-time [data-step]") == ["至 2025 年", "至 2026 年", "全部"]
    opened.settle()
    whole = page.evaluate(INKED)
    page.click(".s-time [data-step='2025']")
    opened.settle()
    assert page.evaluate(INKED) < whole
    count = int((stations.year <= 2025).sum())
    assert f"充换电站 {count}" in opened.text(".s-time p")
    assert "测试道路 53.6 km" in opened.text(".s-time p")
    late = int(np.flatnonzero(stations.year == 2027)[0])
    here = """([i, z]) => { const s = siting.stations, k = 256 * 2 ** z;
        return s.stationAt(z, s.at.x[i] * k, s.at.y[i] * k, 0); }"""
    assert page.evaluate(here, [late, 18]) != late
    page.click(".s-time [data-step='0']")
    opened.settle()
    assert page.evaluate(here, [late, 18]) == late
    assert page.evaluate(INKED) == whole


def test_roads_and_hostile_names_are_found_by_search(opened: Opened) -> None:
    page = opened.page
    name = clip(HOSTILE[6], 40)
    page.fill(".s-search input", HOSTILE[6])
    assert name in opened.texts("#s-results b")
    page.keyboard.press("Escape")
    page.fill(".s-search input", "")
    assert opened.requests == [page.url]


def test_schemes_switch_in_place_and_keep_what_is_shown(open_map: Callable[..., Opened]) -> None:
    first = make_plan(hostile=False)
    few = first.stations.iloc[:25].reset_index(drop=True)
    flows = first.catchments[first.catchments.site_id.isin(few.site_id)]
    other = replace(first, stations=few, catchments=flows)
    opened = open_map(first, schemes={"推荐": first, HOSTILE[2]: other})
    page = opened.page
    assert opened.texts(".s-schemes [data-scheme]") == ["推荐", clip(HOSTILE[2], 40)]
    page.set_checked(".s-legend [data-layer=demand] input", checked=False)
    assert opened.text("[data-figure=stations] dd") == "40"
    page.click(".s-schemes [data-scheme='1']")
    opened.settle()
    assert opened.text("[data-figure=stations] dd") == "25"
    assert page.evaluate("() => siting.stations.at.n") == 25
    assert not page.is_checked(".s-legend [data-layer=demand] input")
    page.fill(".s-search input", first.stations.site_id[39])
    assert opened.texts("#s-results b") == []
    page.fill(".s-search input", "")
    page.click(".s-schemes [data-scheme='0']")
    assert opened.text("[data-figure=stations] dd") == "40"
    page.fill(".s-search input", first.stations.site_id[39])
    assert opened.texts("#s-results b") == [first.stations.name[39]]
    assert opened.requests == [page.url]
    assert opened.complaints == []


def test_on_a_phone_a_clause_is_shown_beside_the_zoom_and_above_the_sheet(
    open_map: Callable[..., Opened],
) -> None:
    opened = open_map(with_years(make_plan(hostile=False)), size=PHONE)
    assert opened.page.is_visible(".s-time [data-step='2025']")
    opened.page.evaluate("() => siting.app.showClause(0)")
    boxes = opened.page.evaluate(
        """() => ['.s-focus', '.s-zoom', '.s-panel'].map(s => {
        const b = document.querySelector(s).getBoundingClientRect();
        return [b.left, b.top, b.right, b.bottom]; })"""
    )
    focus, zoom, panel = boxes
    assert focus[2] <= zoom[0]
    assert focus[3] <= panel[1]
    assert opened.page.evaluate("() => document.documentElement.scrollWidth") == PHONE[0]


def tiled(chromium: Browser, path: Path, fragment: str = "") -> tuple[Any, list[str], list[str]]:
    """Open a page with every tile answered from here; return page, requests and complaints."""
    context = chromium.new_context(viewport={"width": 900, "height": 700})
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))

    def answer(route: Any) -> None:
        asked.append(route.request.url)
        route.fulfill(body=PNG, content_type="image/png")

    page.route(re.compile("^https?://"), answer)
    page.goto(path.as_uri() + fragment)
    page.wait_for_selector("#siting[data-ready=true]", state="attached")
    page.wait_for_timeout(500)
    return page, asked, said


def test_tiles_come_from_their_host_alone(chromium: Browser, tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    write_map(make_plan(), path, tiles=tile_source("osm", path))
    page, asked, said = tiled(chromium, path)
    assert asked
    assert all(url.startswith("https://tile.openstreetmap.org/") for url in asked)
    assert "OpenStreetMap" in page.text_content(".s-attribution")
    assert said == []
    page.context.close()


def test_the_tianditu_key_comes_from_the_address_and_leaves_it(
    chromium: Browser, tmp_path: Path
) -> None:
    path = tmp_path / "a.html"
    write_map(make_plan(), path, tiles=tile_source("tianditu", path))
    page, asked, said = tiled(chromium, path, "#tk=abcdef0123456789")
    assert "#" not in page.url
    assert page.is_hidden(".s-key")
    assert asked
    assert all(url.endswith("&tk=abcdef0123456789") for url in asked)
    assert said == []
    page.context.close()


def test_without_a_key_the_page_asks_for_it_and_for_nothing_else(
    chromium: Browser, tmp_path: Path
) -> None:
    path = tmp_path / "a.html"
    write_map(make_plan(), path, tiles=tile_source("tianditu", path))
    page, asked, said = tiled(chromium, path, "#tk=<img src=x onerror=alert(1)>")
    assert asked == []
    page.fill(".s-key input", "abcdef0123456789")
    page.click(".s-key [data-key=use]")
    page.wait_for_timeout(400)
    assert asked
    assert page.is_hidden(".s-key")
    assert said == []
    page.context.close()


def test_a_local_folder_of_tiles_is_seen_offline(
    open_page: Callable[..., Opened], tmp_path: Path
) -> None:
    for zoom in range(8, 12):
        for x in range(2 ** (zoom - 8) * 211 - 2, 2 ** (zoom - 8) * 213 + 2):
            for y in range(2 ** (zoom - 8) * 98, 2 ** (zoom - 8) * 101):
                tile = tmp_path / "tiles" / str(zoom) / str(x) / f"{y}.png"
                tile.parent.mkdir(parents=True, exist_ok=True)
                tile.write_bytes(PNG)
    path = tmp_path / "a.html"
    write_map(make_plan(), path, tiles=tile_source(str(tmp_path / "tiles"), path))
    opened = open_page(path, make_plan())
    opened.page.wait_for_timeout(500)
    loaded = opened.page.evaluate(
        """() => [...document.querySelectorAll('img.leaflet-tile')]
        .filter(i => i.naturalWidth).length"""
    )
    assert loaded > 0
    assert all(url.startswith("file:") for url in opened.requests)
    assert not [text for text in opened.complaints if "Security Policy" in text]
