"""Budgets from low to high: bounds on the right side, monotone, and what is short."""

from __future__ import annotations

import csv
import json
import math
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from tiny import write_model

from siting.charging.budgets import solve_budgets, without_others
from siting.core.solve import solve
from siting.frontier.points import frontier_points
from siting.frontier.tracing import frontier
from siting.frontier.writing import TABLE
from siting.model.model import load_model
from siting.pipeline import prepare

if TYPE_CHECKING:
    from siting.charging.budgets import Bought
    from siting.frontier.points import Frontier
    from siting.ground import Ground

pytestmark = pytest.mark.slow

BUDGETS = (3e6, 4e6, 5e6, 8e6)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    folder = tmp_path_factory.mktemp("frontier")
    return prepare(load_model(write_model(folder)), out=folder, seconds={})


@pytest.fixture(scope="module")
def bought(ground: Ground) -> tuple[Bought, ...]:
    return solve_budgets(ground.charging, ground.city.model, BUDGETS[::-1])


@pytest.fixture(scope="module")
def poor(ground: Ground) -> tuple[Bought, ...]:
    """Budgets too small for sixty piles."""
    return solve_budgets(ground.charging, ground.city.model, (1e5, 1e6, 2e6, 4e6))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Frontier:
    folder = tmp_path_factory.mktemp("written")
    return frontier(write_model(folder), "1e6:5e6:3", out=folder / "maps")


def test_points_come_in_ascending_order_whatever_the_order_asked(
    bought: tuple[Bought, ...],
) -> None:
    assert tuple(point.budget_cny for point in bought) == BUDGETS


def test_a_larger_budget_never_serves_less_and_never_has_a_lower_bound(
    bought: tuple[Bought, ...],
) -> None:
    served = [point.served_kwh_day for point in bought]
    bounds = [point.bound_kwh_day for point in bought]
    assert served == sorted(served)
    assert bounds == sorted(bounds)
    assert served[0] < served[-1]


def test_no_independent_solve_of_a_point_lies_above_its_bound(
    ground: Ground, bought: tuple[Bought, ...]
) -> None:
    assert all(point.bound_kwh_day >= point.served_kwh_day for point in bought)
    for point in bought[:2]:
        asked = without_others(ground.city.model, point.budget_cny)
        alone = solve(ground.charging(asked), gap=0.02, seconds=6)
        assert alone.objective <= point.bound_kwh_day * (1 + 1e-6)
        assert point.served_kwh_day <= alone.bound * (1 + 1e-6)


def test_no_plan_costs_more_than_its_budget(ground: Ground, bought: tuple[Bought, ...]) -> None:
    for point in frontier_points(ground, bought):
        assert 0 < point.cost_cny <= point.budget_cny + point.stations


def test_targets_that_do_not_fit_are_held_at_the_largest_share_that_does(
    ground: Ground, poor: tuple[Bought, ...]
) -> None:
    none, low, more, enough = poor
    assert none.decision is None
    assert none.share == 0.0
    assert 0 < low.share <= more.share < 1.0 == enough.share
    for point in (low, more):
        assert point.proven
        assert 0 < point.most_share - point.share <= 0.011
    above = without_others(ground.city.model, low.budget_cny, low.most_share)
    assert solve(ground.charging(above), seconds=20).status == "infeasible"


def test_what_is_short_is_named_with_what_the_plan_has(
    ground: Ground, poor: tuple[Bought, ...]
) -> None:
    points = frontier_points(ground, poor)
    assert [point.status for point in points] == ["none", "short", "short", "met"]
    missed = {one.measure: one for one in points[1].short}
    assert "piles" in missed
    assert missed["piles"].at_least == 60
    assert missed["piles"].planned == points[1].piles < 60
    assert points[3].short == ()


def test_marginal_value_is_the_difference_of_points_within_its_range(
    ground: Ground, bought: tuple[Bought, ...]
) -> None:
    points = frontier_points(ground, bought)
    assert math.isnan(points[0].marginal_kwh_per_wan)
    for before, point in pairwise(points):
        wan = (point.budget_cny - before.budget_cny) / 1e4
        slope = (point.served_kwh_day - before.served_kwh_day) / wan
        assert point.marginal_kwh_per_wan == pytest.approx(slope)
        assert 0 <= point.marginal_low <= slope + 1e-9
        assert slope <= point.marginal_high + 1e-9


def test_a_bound_is_drawn_down_by_the_multipliers_of_another_point(
    ground: Ground, bought: tuple[Bought, ...]
) -> None:
    asked = without_others(ground.city.model, BUDGETS[1])
    warm = replace(ground.charging(asked), multipliers=bought[2].outcome.certificate)
    found = solve(warm, gap=0.02, seconds=20)
    assert found.bound <= bought[2].bound_kwh_day
    assert found.objective <= bought[1].bound_kwh_day


def test_a_frontier_is_written_as_chart_table_and_record(written: Frontier) -> None:
    assert sorted(path.name for path in written.folder.iterdir()) == [
        *("frontier.csv", "frontier.json", "frontier.svg"),
    ]
    root = ET.parse(written.folder / "frontier.svg").getroot()  # noqa: S314  (our own file)
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "g", "rect", "text", "path", "circle", "polygon"}
    with (written.folder / "frontier.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    record = json.loads((written.folder / "frontier.json").read_text(encoding="utf-8"))
    assert tuple(rows[0]) == TABLE
    assert len(rows) == len(record["points"]) == 3
    for row, kept, point in zip(rows, record["points"], written.points, strict=True):
        assert float(row["budget_cny"]) == kept["budget_cny"] == point.budget_cny
        assert row["status"] == kept["status"] == point.status
        if point.status != "none":
            assert float(row["served_kwh_day"]) == kept["served_kwh_day"]
    assert "difference" in record["meaning"]["marginal"]
