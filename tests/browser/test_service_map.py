"""The map shows waits, transformers and service as the frames have them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from plans import make_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Opened

pytestmark = pytest.mark.browser

NUMBER = r"[\d,]+\.?\d*"


@pytest.fixture(scope="module")
def opened(open_map: Callable[..., Opened]) -> Opened:
    """Open one map that every test here reads."""
    return open_map(make_plan(hostile=False))


def _numbers(text: str) -> list[float]:
    return [float(found.replace(",", "")) for found in re.findall(NUMBER, text)]


def test_every_card_shows_the_wait_and_the_transformer_of_its_row(opened: Opened) -> None:
    endless = 0
    for row in range(len(opened.plan.stations)):
        want = opened.plan.stations.loc[row]
        opened.choose(row)
        card = opened.fields()
        assert _numbers(card["transformer"]) == [want.transformer_kva]
        if np.isinf(want.wait_minutes):
            endless += 1
            assert card["wait"] == "排队持续增长"
            continue
        minutes, share = _numbers(card["wait"])
        assert minutes == pytest.approx(want.wait_minutes, abs=0.0551)
        assert share == pytest.approx(100 * want.wait_probability, abs=0.051)
    assert endless == 6


def test_a_card_says_v2g_and_storage_of_the_marked_stations_alone(opened: Opened) -> None:
    seen = set()
    for row in range(len(opened.plan.stations)):
        want = opened.plan.stations.loc[row]
        opened.choose(row)
        card = opened.fields()
        assert ("v2g" in card) == want.v2g_ready
        assert ("storage" in card) == want.solar_storage
        assert ("preference" in card) == (want.preference_cost_cny > 0)
        if want.solar_storage:
            assert _numbers(card["storage"]) == [want.storage_kwh, want.pv_kw]
        seen.add((bool(want.v2g_ready), bool(want.solar_storage)))
    assert len(seen) == 4


def test_the_panel_shows_the_service_of_all_and_the_worst_district(opened: Opened) -> None:
    script = """() => Object.fromEntries(Array.from(document.querySelectorAll(
        '[data-service]'), n => [n.dataset.service, n.textContent]))"""
    shown = opened.page.evaluate(script)
    table = opened.plan.service.set_index("district_id")
    everything = table.loc["all"]
    for key, name in (("kwh", "kwh"), ("people", "people"), ("rural", "rural_people")):
        share = everything[f"{name}_share_within"]
        assert _numbers(shown[key]) == [pytest.approx(100 * share, abs=0.051)]
    (far,) = _numbers(shown["p95"])
    assert far * (1000 if "km" in shown["p95"] else 1) == pytest.approx(
        everything.distance_p95_m, abs=5.1
    )
    districts = table.drop(index="all")
    worst = districts.loc[districts.kwh_share_within.idxmin()]
    assert shown["worst"].startswith(worst["name"])
    assert _numbers(shown["worst"]) == [pytest.approx(100 * worst.kwh_share_within, abs=0.051)]
    assert opened.complaints == []
