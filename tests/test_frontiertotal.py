"""A frontier over the total of all programmes: whole plans, money missing, files that say so."""

from __future__ import annotations

import csv
import json
import math
import xml.etree.ElementTree as ET
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import tiny
from alltown import TIGHT, write_model

from siting.errors import ModelError
from siting.frontier.points import COSTS
from siting.frontier.tracing import frontier
from siting.wording import measure_name

if TYPE_CHECKING:
    from pathlib import Path

    from siting.frontier.points import Frontier, FrontierPoint
    from siting.pipeline import Published

pytestmark = pytest.mark.slow
TOTALS = (1e7, 2.3e7, 3.3e7, 3.5e7, 4.5e7, 8.4e7)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("totals")


@pytest.fixture(scope="module")
def found(folder: Path) -> Frontier:
    return frontier(write_model(folder, TIGHT), TOTALS, out=folder / "out")


@pytest.fixture(scope="module")
def planned(found: Frontier) -> list[FrontierPoint]:
    return [point for point in found.points if point.status != "none"]


def test_a_model_with_a_budget_is_traced_over_its_total(found: Frontier) -> None:
    assert found.of == "total"
    assert tuple(point.budget_cny for point in found.points) == TOTALS
    assert any("totals of all programmes" in note for note in found.notes)


def test_every_cost_is_that_of_a_whole_plan_within_the_total(planned: list[FrontierPoint]) -> None:
    for point in planned:
        assert set(point.costs) == set(COSTS)
        assert sum(point.costs.values()) == point.cost_cny <= point.budget_cny
        assert 0 < point.costs["charging"] <= point.charging_cny + point.stations
    others = {tuple(p.costs[n] for n in COSTS if n != "charging") for p in planned}
    assert len(others) == 1


def test_more_money_holds_no_less_of_the_targets_and_serves_no_less(
    planned: list[FrontierPoint],
) -> None:
    assert {point.status for point in planned} == {"short", "met"}
    for before, point in pairwise(planned):
        assert point.share >= before.share
        assert point.bound_kwh_day >= point.served_kwh_day
        if point.share == before.share:
            assert point.served_kwh_day >= before.served_kwh_day
            assert point.bound_kwh_day >= before.bound_kwh_day


def test_money_that_does_not_reach_the_others_is_a_point_that_says_what_is_missing(
    found: Frontier,
) -> None:
    poor = found.points[0]
    assert poor.status == "none"
    assert math.isnan(poor.served_kwh_day)
    assert "差" in poor.missing
    assert "missing" in poor.missing or "more" in poor.missing


def test_what_is_short_is_told_in_its_unit(planned: list[FrontierPoint]) -> None:
    short = [point for point in planned if point.status == "short"]
    assert short
    for point in short:
        by_measure = {one.measure: one for one in point.short}
        assert by_measure["piles"].unit == "piles"
        assert point.share * 60 <= by_measure["piles"].planned < 60


def test_the_point_of_the_model_s_own_total_is_the_plan_of_the_model(
    joint_town: Published, found: Frontier
) -> None:
    own = next(point for point in found.points if point.budget_cny == TIGHT["total_cny"])
    joint = joint_town.plan.run["joint"]
    gap = 0.02
    assert own.served_kwh_day <= joint["bound"] * (1 + 1e-9)
    assert joint["objective"] <= own.bound_kwh_day * (1 + 1e-9)
    assert own.served_kwh_day == pytest.approx(joint["objective"], rel=gap)
    for row in joint["money"]["programmes"]:
        if row["programme"] != "charging":
            assert own.costs[row["programme"]] == row["spent_cny"]
    assert own.charging_cny == pytest.approx(joint["money"]["charging_cny"])


def test_files_carry_costs_limits_and_what_is_missing(found: Frontier) -> None:
    with (found.folder / "frontier.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    record = json.loads((found.folder / "frontier.json").read_text(encoding="utf-8"))
    assert record["of"] == "total"
    for row, kept, point in zip(rows, record["points"], found.points, strict=True):
        assert kept["missing"] == row["missing"] == point.missing
        for name, column in COSTS.items():
            assert kept[column] == point.costs.get(name)
            assert row[column] == ("" if point.status == "none" else str(point.costs[name]))
        said = row["short"].split("; ") if kept["short"] else []
        assert len(said) == len(kept["short"])
        for one, words in zip(kept["short"], said, strict=True):
            assert one["short"] == pytest.approx(one["at_least"] - one["planned"])
            assert measure_name(one["measure"])[1] in words
            assert measure_name(one["measure"])[0] in row["short_zh"]
    root = ET.parse(found.folder / "frontier.svg").getroot()  # noqa: S314  (our own file)
    text = " ".join(element.text or "" for element in root.iter())
    assert "cost by programme" in text
    assert "no plan" in text


def test_the_budget_of_charging_alone_can_still_be_asked_for(tmp_path: Path) -> None:
    path = write_model(tmp_path, TIGHT)
    alone = frontier(path, (8e6, 9e6), out=tmp_path / "out", of="charging")
    assert alone.of == "charging"
    assert all(set(point.costs) <= {"charging"} for point in alone.points)
    assert any("those of the charging programme" in note for note in alone.notes)


def test_totals_of_a_model_without_a_budget_are_refused_with_a_cure(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="--of charging"):
        frontier(tiny.write_model(tmp_path), "1e6:2e6:2", out=tmp_path, of="total")
