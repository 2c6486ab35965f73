"""The map in a browser with the network off: silent, true to the frames, deaf to hostile names."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from plans import HOSTILE, make_plan

from siting.text import clip
from siting.webmap.content import map_data

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Opened

    OpenMap = Callable[..., Opened]

pytestmark = pytest.mark.browser

PHONE = (390, 844)
KEY = re.compile(r"^[a-z]+(\.[a-z_0-9]+)+$")
INK = """pane => {
    const data = look(pane).all();
    let hash = 0, inked = 0;
    for (let i = 0; i < data.length; i += 4) {
        if (data[i + 3]) inked += 1;
        hash = (hash * 31 + data[i] + 7 * data[i + 1] + 13 * data[i + 2] + data[i + 3]) | 0;
    }
    return [inked, hash];
}"""
PLACE = """row => {
    const { at } = siting.stations;
    return look('stations').place(at.lon[row], at.lat[row]);
}"""


@pytest.fixture(scope="module")
def shared(open_map: OpenMap) -> Opened:
    """Open a map of hostile names that every test leaves as it found it."""
    return open_map()


@pytest.fixture
def hostile(shared: Opened) -> Iterator[Opened]:
    """Hand out the shared map; nothing that is done to it may make it ask or complain."""
    yield shared
    shared.page.evaluate("() => { siting.app.choose('', -1); siting.setLanguage('zh'); }")
    assert shared.requests == [shared.page.url]
    assert shared.complaints == []


def number(text: str) -> float:
    return float(re.sub(r"[^\d.\-]", "", text))


def test_it_opens_without_a_request_or_a_word(hostile: Opened) -> None:
    assert hostile.text(".s-title") == "济南市充换电设施规划"
    assert hostile.requests == [hostile.page.url]
    assert hostile.complaints == []


@pytest.mark.parametrize("row", [0, 3, 9, 14, 20, 39])
def test_a_station_card_shows_the_numbers_of_its_row(hostile: Opened, row: int) -> None:
    want = hostile.plan.stations.iloc[row]
    hostile.choose(row)
    card = hostile.fields()
    assert card["id"] == want.site_id
    assert card["district.label"].startswith(want.district)
    assert number(card["piles"]) == want.piles
    for type_id in hostile.plan.pile_types.type_id:
        assert number(card.get(f"piles_{type_id}", "0")) == want[f"piles_{type_id}"]
    for name in ("installed", "peak"):
        assert number(card[name]) == pytest.approx(want[f"{name}_kw"], abs=0.051)
    for name in ("capacity", "served"):
        assert number(card[name]) == pytest.approx(want[f"{name}_kwh_day"], abs=0.051)
    assert number(card["utilisation"]) == pytest.approx(100 * want.utilisation, abs=0.051)
    assert card["cost"].endswith(" 万元")
    assert number(card["cost"]) * 1e4 == pytest.approx(want.cost_cny, abs=0.5)
    assert card["clauses"] == want.clauses
    assert card["access"] == f"{want.access_m:.0f} m"
    hostile.page.evaluate("() => siting.setLanguage('en')")
    assert hostile.fields()["cost"] == f"CNY {want.cost_cny:,}"


@pytest.mark.parametrize("row", [0, 7, 25])
def test_a_catchment_is_what_the_table_says(hostile: Opened, row: int) -> None:
    plan = hostile.plan
    table = plan.catchments[plan.catchments.site_id == plan.stations.site_id[row]]
    cells = plan.demand.set_index("demand_id").cell_id[table.demand_id]
    got = hostile.page.evaluate("row => siting.stations.catchment(row)", row)
    assert got["cells"] == cells.nunique()
    assert got["kwh"] == pytest.approx(table.kwh_day.sum(), abs=0.1 * max(1, len(table)))
    assert got["far"] == pytest.approx(table.distance_m.max() if len(table) else 0, abs=1)
    before = hostile.page.evaluate(INK, "stations")
    hostile.choose(row)
    hostile.settle()
    assert hostile.page.evaluate(INK, "stations") != before
    shown = hostile.text(".s-catchment")
    assert (f"{got['cells']} 个需求单元" in shown) == bool(len(table))


def test_what_is_unpacked_lies_where_the_frames_say(hostile: Opened) -> None:
    got = hostile.page.evaluate(
        "() => [Array.from(siting.stations.at.lon), Array.from(siting.stations.at.lat)]"
    )
    points = hostile.plan.stations.geometry
    assert got[0] == pytest.approx(points.x.to_list(), abs=6e-7)
    assert got[1] == pytest.approx(points.y.to_list(), abs=6e-7)
    kwh = hostile.page.evaluate("() => Array.from(siting.basemap.demand.kwh)")
    want = hostile.plan.demand.groupby("cell_id", sort=False).kwh_day.sum()
    assert kwh == pytest.approx(want.to_list(), abs=0.51)


@pytest.mark.parametrize("row", range(len(HOSTILE)))
def test_a_hostile_name_stays_text_wherever_it_is_shown(hostile: Opened, row: int) -> None:
    want, page = clip(HOSTILE[row]), hostile.page
    hostile.choose(row)
    assert hostile.text(".s-card h2") == want
    page.evaluate(
        """row => { const { at } = siting.stations;
        siting.app.map.setView([at.lat[row], at.lon[row]], 16, { animate: false }); }""",
        row,
    )
    box = page.evaluate(PLACE, row)
    page.mouse.move(box[0] + 1, box[1] + 1)
    page.wait_for_selector(".s-tip b")
    assert hostile.text(".s-tip b") == want
    page.fill(".s-search input", HOSTILE[row])
    assert want in hostile.texts("#s-results b")
    page.fill(".s-search input", "")
    page.evaluate("() => siting.app.map.setZoom(11, { animate: false })")
    page.mouse.move(5, 5)
    assert (
        page.evaluate("() => document.querySelectorAll('img, iframe, object, embed').length") == 0
    )


def test_hostile_words_of_tables_and_districts_stay_text(hostile: Opened) -> None:
    hostile.page.evaluate("() => siting.setLanguage('en')")
    assert HOSTILE[0] in hostile.texts("#s-districts td:first-child")
    assert HOSTILE[0] in hostile.texts(".s-clause-head b")
    assert any(text.endswith(HOSTILE[0]) for text in hostile.texts(".s-clause-body dd"))
    assert HOSTILE[1] in hostile.texts("#s-basis .s-muted")
    assert not hostile.page.query_selector("img, iframe, object, embed, [onerror], [onload]")


def test_hostile_titles_and_credits_stay_text(open_map: OpenMap) -> None:
    words = {"title_zh": HOSTILE[2], "title_en": HOSTILE[1], "attribution": HOSTILE[0]}
    opened = open_map(**words, approval=HOSTILE[3])
    assert opened.text(".s-title") == HOSTILE[2]
    assert opened.text(".s-subtitle") == HOSTILE[1]
    assert HOSTILE[0] in opened.text(".s-attribution")
    assert opened.text(".s-approval") == f"审图号：{HOSTILE[3]}"
    assert opened.page.title() == HOSTILE[2]
    assert opened.complaints == []
    assert not opened.page.query_selector("img")


def test_a_chosen_station_is_not_left_under_its_card(open_map: OpenMap) -> None:
    for size in (PHONE, (1440, 900)):
        opened = open_map(size=size)
        for row in range(0, 40, 8):
            opened.choose(row)
            opened.page.wait_for_timeout(400)
            x, y = opened.page.evaluate(PLACE, row)
            left, top, right, bottom = opened.page.evaluate(
                """() => { const b = document.querySelector('.s-card').getBoundingClientRect();
                return [b.left, b.top, b.right, b.bottom]; }"""
            )
            assert not (left <= x <= right and top <= y <= bottom)


def test_the_policy_stops_script_that_got_in_anyway(open_map: OpenMap) -> None:
    opened = open_map()
    opened.page.evaluate(
        """() => {
        const script = document.createElement('script');
        script.textContent = 'window.ran = 1';
        document.body.append(script);
        const holder = document.createElement('div');
        holder.innerHTML = '<img src=x onerror="window.ran = 2">';
        document.body.append(holder);
    }"""
    )
    opened.page.wait_for_timeout(200)
    assert opened.page.evaluate("() => window.ran === undefined")
    assert any("Content Security Policy" in text for text in opened.complaints)


def test_the_language_switch_changes_every_word(open_map: OpenMap) -> None:
    opened = open_map(make_plan(hostile=False))
    page = opened.page
    opened.choose(5)
    chinese = opened.texts("#siting [data-t], .s-legend span, .s-card dt, #s-overview dt, th")
    assert page.evaluate("() => document.documentElement.lang") == "zh-CN"
    page.click(".s-language")
    english = opened.texts("#siting [data-t], .s-legend span, .s-card dt, #s-overview dt, th")
    assert page.evaluate("() => document.documentElement.lang") == "en"
    assert opened.text(".s-title") == "Jinan charging plan"
    assert opened.text("#tab-clauses") == "Clauses"
    assert opened.fields()["district.label"].split(" · ")[0] in set(opened.plan.districts.name_en)
    assert len(chinese) == len(english) > 60
    # What stays Chinese in English is the button back.
    han = [text for text in english if re.search(r"[\u4e00-\u9fff]", text)]
    assert han == ["中文"]
    assert not [text for text in [*chinese, *english] if KEY.match(text)]
    assert (
        page.get_attribute(".s-search input", "placeholder")
        == "Search a station, road, district or id"
    )
    page.click(".s-language")
    assert (
        opened.texts("#siting [data-t], .s-legend span, .s-card dt, #s-overview dt, th") == chinese
    )
    assert opened.complaints == []


@pytest.mark.parametrize(
    ("layer", "pane"),
    [
        ("stations", "stations"),
        ("unchosen", "stations"),
        ("labels", "stations"),
        ("demand", "ground"),
        ("roads", "ground"),
        ("districts", "ground"),
    ],
)
def test_a_layer_goes_and_comes_back(hostile: Opened, layer: str, pane: str) -> None:
    box = f".s-legend [data-layer={layer}] input"
    before = hostile.page.evaluate(INK, pane)
    was = hostile.page.is_checked(box)
    hostile.page.set_checked(box, not was)
    hostile.settle()
    after = hostile.page.evaluate(INK, pane)
    assert after != before
    if pane == "stations":
        assert (after[0] > before[0]) == (layer == "unchosen")
    hostile.page.set_checked(box, was)
    hostile.settle()
    assert hostile.page.evaluate(INK, pane) == before


def test_a_kind_in_the_legend_hides_its_stations(hostile: Opened) -> None:
    before = hostile.page.evaluate(INK, "stations")
    hostile.page.click(".s-legend [data-group=fuel]")
    hostile.settle()
    assert hostile.page.evaluate(INK, "stations")[0] < before[0]
    hostile.page.click(".s-legend [data-group=fuel]")
    hostile.settle()
    assert hostile.page.evaluate(INK, "stations") == before


def test_the_legend_counts_the_stations(hostile: Opened) -> None:
    hostile.page.click(".s-legend [data-value=status]")
    counts = [int(text) for text in hostile.texts(".s-legend [data-layer=stations] .s-n")]
    hostile.page.click(".s-legend [data-value=kind]")
    want = hostile.plan.stations.status.value_counts()
    assert counts == [want["new"], want["kept"]]


def test_shading_by_served_share_paints_each_district_its_class(hostile: Opened) -> None:
    page = hostile.page
    page.click(".s-legend [data-value=served]")
    hostile.settle()
    scheme = page.evaluate("() => siting.basemap.FILLS.served")
    page.set_checked(".s-legend [data-layer=demand] input", False)
    page.set_checked(".s-legend [data-layer=roads] input", False)
    hostile.settle()
    for row, district in enumerate(hostile.plan.districts.itertuples()):
        spot = district.geometry.centroid
        got = page.evaluate("([lon, lat]) => look('ground').at(lon, lat)", [spot.x, spot.y])
        above = sum(district.served_share >= limit for limit in scheme["breaks"])
        assert got == scheme["colours"][above], row
    page.set_checked(".s-legend [data-layer=demand] input", True)
    page.set_checked(".s-legend [data-layer=roads] input", True)
    page.click(".s-legend [data-value=none]")
    hostile.settle()


def test_the_picture_holds_ground_roads_and_stations(hostile: Opened) -> None:
    spots = hostile.page.evaluate(
        """() => { const { at, colour, table } = siting.stations, seen = look('stations');
        return Array.from(at.lon.keys()).filter(i => !table.kept[i])
            .map(i => [seen.at(at.lon[i], at.lat[i]), colour(i)]); }"""
    )
    right = [got == want for got, want in spots]
    # Some lie under a neighbour or a district's name.
    assert sum(right) > 0.8 * len(right)
    shot = hostile.page.screenshot(clip={"x": 500, "y": 120, "width": 500, "height": 600})
    assert len(shot) > 20_000


def test_a_click_on_a_station_opens_its_card_and_one_beside_it_closes_it(hostile: Opened) -> None:
    row = int(hostile.plan.stations.piles.idxmin())  # drawn last, on top
    x, y = hostile.page.evaluate(PLACE, row)
    hostile.page.mouse.click(x, y)
    assert hostile.fields()["id"] == hostile.plan.stations.site_id[row]
    hostile.page.mouse.click(500, 850)
    assert hostile.page.is_hidden(".s-card")


def test_search_finds_by_name_and_id_and_opens_with_enter(hostile: Opened) -> None:
    page, stations = hostile.page, hostile.plan.stations
    page.fill(".s-search input", "站点 23")
    assert hostile.texts("#s-results b") == [stations.name[23]]
    page.keyboard.press("Enter")
    assert hostile.fields()["id"] == stations.site_id[23]
    page.fill(".s-search input", stations.site_id[31].upper())
    page.keyboard.press("Enter")
    assert hostile.fields()["id"] == stations.site_id[31]
    page.fill(".s-search input", "LIXIA no such place")
    assert hostile.texts("#s-results b") == []
    assert hostile.text("#s-results li") == "没有匹配的结果"
    page.fill(".s-search input", "历下")
    page.keyboard.press("Enter")
    assert page.get_attribute(".s-card", "data-kind") == "district"
    page.click("[data-zoom=home]")


def test_the_clause_ledger_shows_planned_against_target(hostile: Opened) -> None:
    rows = hostile.page.evaluate(
        """() => Array.from(document.querySelectorAll('#s-clauses > .s-clause'), n => [
            n.dataset.clause, n.querySelector('.s-chip').textContent,
            ...Array.from(n.querySelectorAll('.s-triple b'), b => b.textContent),
            n.querySelector('.s-triple div:last-child span').textContent])"""
    )
    table = hostile.plan.clauses
    stations, piles = len(hostile.plan.stations), int(hostile.plan.stations.piles.sum())
    assert rows[0] == ["JN23-06", "达到", f"≥ {stations - 4}", f"{stations}", "+4", "余量"]
    assert rows[1] == ["JN23-06", "未达到", f"≥ {piles + 35:,}", f"{piles:,}", "−35", "缺口"]
    assert rows[2][2:4] == ["≥ 100.0%", "100.0%"]
    assert len(rows) == table.status.isin(["met", "short", "preference"]).sum()
    others = hostile.texts("#s-clauses .s-group .s-clause .s-chip")
    assert others == ["未建模", "背景"]


def test_districts_and_totals_are_those_of_the_frames(hostile: Opened) -> None:
    table = hostile.plan.districts.sort_values("piles", ascending=False, kind="stable")
    rows = hostile.page.evaluate(
        """() => Array.from(document.querySelectorAll('#s-districts tbody tr'), n =>
            [n.dataset.district, ...Array.from(n.cells, c => c.textContent)])"""
    )
    want = [
        [d.district_id, d.name, f"{d.stations:,}", f"{d.piles:,}", f"{100 * d.served_share:.1f}%"]
        for d in table.itertuples()
    ]
    assert [row[:5] for row in rows] == want
    figure = {
        key: hostile.text(f"[data-figure={key}] dd") for key in ("stations", "piles", "served")
    }
    demand = hostile.plan.demand
    share = demand.served_kwh_day.sum() / demand.kwh_day.sum()
    assert figure["stations"] == f"{len(hostile.plan.stations):,}"
    assert figure["piles"] == f"{hostile.plan.stations.piles.sum():,}"
    assert figure["served"] == f"{100 * share:.1f}%"


@pytest.mark.parametrize(
    ("run", "tone", "english"),
    [
        ({"status": "optimal", "gap": 0.0}, "good", "Proven optimal"),
        ({"gap": 0.00411}, "good", "Proven within 0.42 % of the best possible"),
        ({"gap": 0.0931}, "warn", "Proven within 9.31 % of the best possible"),
        ({"gap": None, "bound": None}, "bad", "Not proven: no bound is known"),
        ({"gap": float("nan")}, "bad", "Not proven: no bound is known"),
        ({"status": "infeasible", "gap": None}, "bad", "No usable plan (infeasible)"),
    ],
)
def test_the_banner_claims_no_more_than_was_proven(
    hostile: Opened, run: dict[str, Any], tone: str, english: str
) -> None:
    show_run(hostile, run)
    assert hostile.text(".s-banner strong") == english
    assert f"s-{tone}" in str(hostile.page.get_attribute(".s-banner", "class"))
    show_run(hostile, {})


@pytest.mark.parametrize(
    ("verified", "words"),
    [
        (True, ["✓ Independently verified"]),
        (False, ["✗ Independent check not passed"]),
        (None, []),
    ],
)
def test_only_a_verified_plan_says_so(
    hostile: Opened, *, verified: bool | None, words: list[str]
) -> None:
    show_run(hostile, {"verified": verified})
    assert hostile.texts(".s-check") == words
    show_run(hostile, {})


def show_run(opened: Opened, changes: dict[str, Any]) -> None:
    """Show, in English, what the page would show had the run ended otherwise."""
    run = map_data(make_plan(**changes))["run"]
    script = "run => { Object.assign(siting.data.run, run); siting.setLanguage('en'); }"
    opened.page.evaluate(script, run)


@pytest.mark.parametrize("synthetic", [True, False])
def test_invented_roads_are_called_so_on_the_map(open_map: OpenMap, *, synthetic: bool) -> None:
    opened = open_map(synthetic=synthetic)
    assert opened.page.is_visible(".s-synthetic") is synthetic
    assert opened.text(".s-synthetic") == "道路与设施为合成数据"
    assert opened.page.is_visible(".s-invented") is synthetic
    both = "道路与设施为合成数据 / Synthetic roads and facilities"
    assert opened.text(".s-invented") == both
    assert "未经地图审核，不得公开" in opened.text(".s-approval")


def test_a_map_without_stations_or_roads_opens(open_map: OpenMap) -> None:
    plan = make_plan(status="infeasible", gap=None, bound=None)
    tables = ("stations", "candidates", "catchments", "roads", "clauses", "demand")
    none = {name: getattr(plan, name).iloc[:0] for name in tables}
    opened = open_map(replace(plan, **none, assumptions=pd.DataFrame(plan.assumptions.iloc[:0])))
    opened.page.mouse.move(700, 400)
    opened.page.mouse.click(700, 400)
    assert opened.complaints == []


def test_on_a_phone_everything_fits_and_the_sheet_opens(open_map: OpenMap) -> None:
    opened = open_map(size=PHONE)
    page = opened.page
    assert page.evaluate("() => document.documentElement.scrollWidth") == PHONE[0]
    low = page.evaluate("() => document.querySelector('.s-panel').getBoundingClientRect().top")
    page.tap("#tab-legend")
    page.wait_for_timeout(400)
    high = page.evaluate("() => document.querySelector('.s-panel').getBoundingClientRect().top")
    assert high < low - 200
    assert page.is_visible("#s-phone-legend [data-layer=roads]")
    opened.choose(4)
    card = page.evaluate(
        "() => { const b = document.querySelector('.s-card').getBoundingClientRect(); "
        "return [b.left, b.right, b.bottom]; }"
    )
    assert card == [0, PHONE[0], PHONE[1]]
    page.tap(".s-x")
    assert page.is_hidden(".s-card")
    assert opened.complaints == []
    assert opened.requests == [page.url]
