"""A published run's own map, against the layers and the record published beside it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from siting.store.runs import read_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Opened

    from siting.pipeline import Published

pytestmark = pytest.mark.browser


def _number(text: str) -> float:
    return float(re.sub(r"[^\d.\-]", "", text))


@pytest.fixture(scope="module")
def opened(open_page: Callable[..., Opened], published: Published) -> Opened:
    """Open the run's map as a user would, with the plan read back from its GeoPackage."""
    return open_page(published.folder / "index.html", read_run(published.folder))


def test_the_map_asks_for_nothing_and_complains_of_nothing(opened: Opened) -> None:
    assert opened.requests == [opened.page.url]
    assert opened.complaints == []


def test_every_card_shows_the_numbers_of_the_geopackage(opened: Opened) -> None:
    stations = opened.plan.stations.set_index("site_id")
    shown = set()
    for row in range(len(stations)):
        opened.choose(row)
        card = opened.fields()
        want = stations.loc[card["id"]]
        shown.add(card["id"])
        assert _number(card["piles"]) == want.piles
        assert _number(card["cost"]) * 1e4 == pytest.approx(want.cost_cny, abs=0.5)
        assert _number(card["served"]) == pytest.approx(want.served_kwh_day, abs=0.051)
        assert _number(card["capacity"]) == pytest.approx(want.capacity_kwh_day, abs=0.051)
        assert _number(card["utilisation"]) == pytest.approx(100 * want.utilisation, abs=0.051)
    assert shown == set(stations.index)


def test_the_totals_are_those_of_the_record(opened: Opened) -> None:
    totals = opened.plan.run["totals"]
    text = opened.text("#s-overview")
    assert f"{totals['stations']:,}" in text
    assert f"{totals['piles']:,}" in text


def test_the_foot_of_the_map_is_a_line_or_two_and_the_panel_says_no_null(opened: Opened) -> None:
    page = opened.page
    assert page.evaluate("document.querySelector('.s-foot').getBoundingClientRect().height") < 60
    stray = (
        "[...document.querySelector('#s-overview').childNodes].filter(n => n.nodeType === 3).length"
    )
    assert page.evaluate(stray) == 0
