"""The checker on townships, key areas and substations: true layers hold, each lie is caught."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tiny import write_model

from siting.pipeline import plan
from siting.store.runs import read_run
from siting.verify import failures, verify_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from siting.plan import Plan

SUBSTATIONS = """\
substation_id,lon,lat,headroom_kw
西站,117.01,36.66,3000
东站,117.04,36.68,2500
"""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """Plan the tiny town with clauses and substations, read back from its folder."""
    folder = tmp_path_factory.mktemp("clauses")
    table = folder / "substations.csv"
    table.write_text(SUBSTATIONS, encoding="utf-8")
    targets = [
        {"measure": "stations", "at_least": 6},
        {"measure": "key_areas", "at_least": 1},
        {"measure": "zone_areas", "at_least": 1},
        {"measure": "energy_stations", "at_least": 2},
        {"measure": "townships", "at_least": 1},
    ]
    asked = {"targets": targets, "charging": {"substations": str(table)}}
    return read_run(plan(write_model(folder), out=folder / "maps", overrides=asked).folder)


def test_true_layers_hold_and_every_clause_has_its_line(town: Plan) -> None:
    assert failures(verify_plan(town)) == ()
    status = town.clauses.set_index("measure").status
    assert status["key_areas"] == status["zone_areas"] == status["energy_stations"] == "met"
    assert status["townships"] == "not_modelled"
    load = town.stations.groupby("substation_id").peak_kw.sum()
    head = town.substations.set_index("substation_id").headroom_kw
    assert (load <= head.loc[load.index] + 1e-6).all()


def _places(**changes: Callable[[pd.DataFrame], object]) -> Callable[[Plan], Plan]:
    return lambda p: replace(p, places=p.places.assign(**changes))


def _substations(**changes: Callable[[pd.DataFrame], object]) -> Callable[[Plan], Plan]:
    return lambda p: replace(p, substations=p.substations.assign(**changes))


@pytest.mark.parametrize(
    ("lie", "check"),
    [
        (_places(distance_m=lambda f: f.distance_m / 2), "distance from place to station"),
        (_places(fast_piles=lambda f: f.fast_piles + 1), "fast piles near places"),
        (_places(reached=False), "places reached"),
        (_places(radius_m=9e5), "radius of places"),
        (_places(access_m=lambda f: f.access_m + 50), "access legs of places"),
        (_substations(load_kw=lambda f: f.load_kw - 5), "loads of substations"),
        (_substations(headroom_kw=1.0), "within their head-room"),
        (
            lambda p: replace(
                p,
                stations=p.stations.assign(
                    substation_id=p.stations.substation_id.map({"西站": "东站", "东站": "西站"})
                ),
            ),
            "nearest substation",
        ),
        (
            lambda p: replace(p, stations=p.stations.assign(kind="mall")),
            "energy_stations",
        ),
    ],
)
def test_a_lie_about_clauses_is_caught(town: Plan, lie: Callable[[Plan], Plan], check: str) -> None:
    wrong = failures(verify_plan(lie(town)))
    assert any(check in sentence for sentence in wrong), wrong
