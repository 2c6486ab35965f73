"""V2G-ready and solar-storage stations: a rule after the solve, with a cost of its own."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import write_model

from siting.assemble.pilots import pilot_columns, pilot_leanings, pilot_note
from siting.model.model import load_model
from siting.pipeline import plan
from siting.said import NOTHING
from siting.store.runs import read_run
from siting.verify import failures, verify_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from siting.model.rules import Pilots
    from siting.pipeline import Published
    from siting.plan import Plan

KINDS = ("fuel", "mall", "hotel", "parking", "service_area", "charging_station")
TYPES = pd.DataFrame({"type_id": ["ac7", "dc60", "dc240"], "kw": [7.0, 60.0, 240.0]})


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """Plan a tiny town where every kind of site and most piles qualify."""
    folder = tmp_path_factory.mktemp("pilots")
    wide = {"v2g_kinds": KINDS, "storage_kinds": KINDS, "v2g_most_kw": 240, "storage_least_bays": 2}
    overrides = {"charging": {"pilots": wide}}
    return plan(write_model(folder), out=folder / "maps", overrides=overrides)


@cache
def plain_rule() -> Pilots:
    return rule()


def rule(**changed: Any) -> Pilots:
    found = load_model("jinan", {"charging": {"pilots": changed}}).charging.pilots
    assert found is not None
    return found


def stations() -> pd.DataFrame:
    """Six stations: b and c tie in whole kWh, d is a mall, e has large piles alone, f no land."""
    return pd.DataFrame(
        {
            "site_id": ["a", "c", "b", "d", "e", "f"],
            "kind": ["parking", "parking", "industrial", "mall", "parking", "parking"],
            "max_piles": [20, 20, 8, 99, 30, 7],
            "peak_kw": [100.0, 201.0, 50.0, 900.0, 300.0, 40.0],
            "served_kwh_day": [500.0, 800.2, 800.1, 9000.0, 900.0, 10.0],
            "piles_ac7": [2, 0, 3, 9, 0, 1],
            "piles_dc60": [1, 4, 0, 9, 0, 0],
            "piles_dc240": [1, 0, 0, 9, 5, 0],
        }
    )


def test_the_largest_that_qualify_are_marked_and_priced() -> None:
    shares = {"v2g_share": 0.3, "storage_share": 0.5}
    prices = {"v2g_cny_per_pile": 1000, "storage_cny_per_kwh": 10, "pv_cny_per_kw": 100}
    sizes = {"storage_kwh_per_peak_kw": 0.5, "pv_kw_per_bay": 2.5}
    found = pilot_columns(stations(), TYPES, rule(**shares, **prices, **sizes))
    found.index = pd.Index(stations().site_id)
    # V2G: a, b, c, f qualify, so two are marked. Roofs: a, b, c, e qualify, so two are marked.
    assert set(found.index[found.v2g_ready]) == {"b", "c"}
    assert set(found.index[found.solar_storage]) == {"e", "b"}
    assert found.storage_kwh.to_dict() == {"a": 0, "c": 0, "b": 25, "d": 0, "e": 150, "f": 0}
    assert found.pv_kw.to_dict() == {"a": 0, "c": 0, "b": 20, "d": 0, "e": 75, "f": 0}
    assert found.preference_cost_cny.to_dict() == {
        "a": 0,
        "b": 3000 + 250 + 2000,
        "c": 4000,
        "d": 0,
        "e": 1500 + 7500,
        "f": 0,
    }


def test_without_a_rule_nothing_is_marked_or_said() -> None:
    found = pilot_columns(stations(), TYPES, None)
    assert not found.to_numpy(dtype=float).any()
    flat = stations().assign(**found.to_dict("series"))
    assert pilot_leanings(flat, TYPES, None) == {}
    assert pilot_note(flat) == NOTHING


@settings(deadline=None)
@given(st.floats(0, 1), st.lists(st.integers(0, 5), min_size=6, max_size=6))
def test_no_station_left_out_serves_more_than_a_marked_one(share: float, energy: list[int]) -> None:
    some = stations().assign(served_kwh_day=np.array(energy, dtype=float))
    base = plain_rule()
    wanted = base.v2g_share.model_copy(update={"value": share})
    asked = base.model_copy(update={"v2g_share": wanted})
    ready = pilot_columns(some, TYPES, asked).v2g_ready
    fits = some.site_id.isin(["a", "b", "c", "f"])
    assert share * 4 - 1e-6 <= ready.sum() < share * 4 + 1
    assert not ready[~fits].any()
    assert some.served_kwh_day[ready].min() >= some.served_kwh_day[fits & ~ready].max() or (
        ready.sum() in (0, 4)
    )


def test_the_ledger_says_how_many_and_for_how_much() -> None:
    asked = rule(v2g_clauses=["JN23-40"], storage_clauses=["JN23-37"], v2g_share=0.5)
    priced = stations().assign(**pilot_columns(stations(), TYPES, asked).to_dict("series"))
    said = pilot_leanings(priced, TYPES, asked)
    assert set(said) == {"JN23-40", "JN23-37"}
    assert said["JN23-40"].en.startswith("2 of 4 stations")
    assert "7 piles of up to 60 kW, CNY 70,000 " in said["JN23-40"].en
    assert said["JN23-37"].en.startswith("1 of 4 stations with land")
    assert f"CNY {priced.preference_cost_cny.sum():,} " in pilot_note(priced).en


def test_a_plan_states_the_preference_beside_its_budget(marked: Published) -> None:
    back = read_run(marked.folder)
    totals = back.run["totals"]
    assert back.stations.v2g_ready.any()
    assert back.stations.solar_storage.any()
    assert totals["preference_cost_cny"] == back.stations.preference_cost_cny.sum() > 0
    assert totals["charging_cost_cny"] == back.stations.cost_cny.sum()
    assert any("nor in the budget" in note for note in back.run["notes"])


def _stations(plan: Plan, **columns: Any) -> Plan:
    return replace(plan, stations=plan.stations.assign(**columns))


def _cheaper_total(plan: Plan) -> Plan:
    totals = {**plan.run["totals"], "preference_cost_cny": 1}
    return replace(plan, run={**plan.run, "totals": totals})


@pytest.mark.parametrize(
    ("lie", "check"),
    [
        (lambda p: _stations(p, v2g_ready=~p.stations.v2g_ready), "follow the rule"),
        (lambda p: _stations(p, solar_storage=False), "follow the rule"),
        (lambda p: _stations(p, storage_kwh=p.stations.storage_kwh * 2), "sizes of batteries"),
        (lambda p: _stations(p, pv_kw=p.stations.pv_kw + 1), "sizes of batteries"),
        (lambda p: _stations(p, preference_cost_cny=0), "preference by station"),
        (_cheaper_total, "cost of the preference"),
    ],
)
def test_a_lie_about_the_preference_is_caught(
    marked: Published, lie: Callable[[Plan], Plan], check: str
) -> None:
    wrong = failures(verify_plan(lie(marked.plan)))
    assert any(check in sentence for sentence in wrong), wrong
