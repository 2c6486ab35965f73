"""Least cost of capacitated siting: below every plan, and near the cheapest."""

from __future__ import annotations

import importlib.util
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from siting.core.highs import solve_arrays
from siting.core.sizing import solve as sizing_solve
from siting.core.sizing.bound import is_cost
from siting.core.sizing.check import check_sizing
from siting.core.sizing.least import (
    Until,
    least_cost_bound,
    least_cost_plan,
    without_budget,
    worth_of_money,
)
from siting.core.sizing.part import Siting, array_model
from siting.core.sizing.search import cost_of
from siting.structures import Sizing, segment_groups

if TYPE_CHECKING:
    from types import ModuleType

FEW = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
GAP = 0.01


def _module(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


INSTANCES = _module("sizing_instances_of_least", Path(__file__).parent / "sizing_instances.py")


def town(seed: int, sites: int = 8, points: int = 14) -> Sizing:
    """Give an instance whose targets cost something, with room to choose."""
    rng = np.random.default_rng(seed)
    sizing = INSTANCES.random_sizing(seed, sites=sites, points=points, most=6)
    sizing = INSTANCES.with_rows(
        replace(sizing, kw_limit=np.full(sites, np.inf)),
        stations=float(rng.integers(1, sites // 2)),
        piles=float(rng.integers(2, sites)),
        served=float(rng.integers(20, 30 * sites // 2)),
    )
    upper = sizing.row_upper.copy()
    upper[0] = 1.0
    return replace(sizing, row_upper=upper)


def cheapest_of(sizing: Sizing) -> float:
    """Give the least cost that branch and bound on the whole finds, NaN where nothing fits."""
    model = array_model(without_budget(sizing, 0), saving=1.0)
    answer = solve_arrays(model, gap=0.0, seconds=30)
    return math.nan if answer.values is None else -answer.objective


@FEW
@given(seed=st.integers(0, 10**6))
def test_the_bound_lies_below_and_the_plan_near_the_cheapest_whatever_the_budget_is(
    seed: int,
) -> None:
    sizing = town(seed)
    best = cheapest_of(sizing)
    found = least_cost_plan(sizing, 0, until=Until(1e-4), seconds=1.0)
    if math.isnan(best):
        assert found.plan is None
        assert found.high_cny == math.inf
        return
    assert found.low_cny <= best * (1 + 1e-9)
    assert found.plan is not None
    assert check_sizing(without_budget(sizing, 0), found.plan) == ()
    assert found.high_cny == pytest.approx(cost_of(sizing, found.plan))
    assert best * (1 - 1e-6) <= found.high_cny <= best * (1 + GAP)
    assert found.low_cny == pytest.approx(least_cost_bound(sizing, 0, found.duals))


@FEW
@given(seed=st.integers(0, 10**6), scale=st.sampled_from([1e-4, 1e-3, 1e-2]))
def test_no_multipliers_prove_a_cost_that_a_plan_undercuts(seed: int, scale: float) -> None:
    sizing = town(seed)
    best = cheapest_of(sizing)
    if math.isnan(best):
        return
    rng = np.random.default_rng(seed)
    sites, groups = len(sizing.fixed_cny), len(segment_groups(sizing.serves)[0])
    draw = {
        "demand": rng.random(len(sizing.demand_kwh)),
        "capacity": rng.random((sites, groups)),
        "most": rng.random(sites),
        "least": rng.random(sites),
        "grid": rng.random(sites) * 0.1,
        "use": rng.random(sites),
        "rows": rng.normal(0.0, 10.0, len(sizing.row_name)),
    }
    draw = {name: values * scale for name, values in draw.items()}
    draw["rows"][0] = worth_of_money(sizing) * rng.random()
    assert least_cost_bound(sizing, 0, draw) <= best * (1 + 1e-9)
    draw["rows"][0] = 0.0
    assert least_cost_bound(sizing, 0, draw) == -math.inf


def test_a_plan_to_start_from_is_never_made_dearer() -> None:
    sizing = town(11, sites=30, points=60)
    first = least_cost_plan(sizing, 0, until=Until(0.3), seconds=2.0)
    assert first.plan is not None
    again = least_cost_plan(sizing, 0, until=Until(0.01), seconds=3.0, starts=[first.plan])
    assert again.high_cny <= first.high_cny
    assert again.high_cny <= (1 + GAP) * cheapest_of(sizing)


def test_the_bound_alone_looks_for_no_plan() -> None:
    sizing = town(11, sites=30, points=60)
    bound = least_cost_plan(sizing, 0, until=Until(math.inf), seconds=2.0)
    assert bound.plan is None
    assert 0 < bound.low_cny <= cheapest_of(sizing)


def test_only_the_row_of_what_plans_cost_is_a_budget() -> None:
    sizing = town(3)
    assert is_cost(sizing, 0)
    assert not any(is_cost(sizing, row) for row in range(1, len(sizing.row_name)))


def test_a_solve_that_mends_no_plan_begins_with_a_cheap_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Money is so short that rounding for energy breaks a row, and mending it finds nothing."""
    sizing = town(11, sites=30, points=60)
    upper = sizing.row_upper.copy()
    upper[0] = 1.02 * cheapest_of(sizing)
    sizing = replace(sizing, row_upper=upper)
    monkeypatch.setattr(sizing_solve, "SMALL", 0)
    monkeypatch.setattr(sizing_solve, "MEDIUM", 0)
    monkeypatch.setattr(sizing_solve, "improve", lambda _sizing, plan, *_: plan)
    nothing = Siting(*(np.zeros_like(part) for part in shape_of(sizing)))
    monkeypatch.setattr(sizing_solve, "first_plan", lambda *_, **__: nothing)
    found = sizing_solve.solve_sizing(sizing, gap=1.0, seconds=10.0)
    assert found.status == "solved"
    plan = Siting(found.opened, found.piles, found.serve)
    assert check_sizing(sizing, plan) == ()
    monkeypatch.setattr(sizing_solve, "affordable_plan", lambda *_, **__: None)
    assert sizing_solve.solve_sizing(sizing, gap=1.0, seconds=2.0).status == "none"


def shape_of(sizing: Sizing) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give a plan's openings, piles and energies of the right shapes."""
    shape = sizing.allowed.shape
    return np.zeros(shape[0], bool), np.zeros(shape, np.int64), np.zeros(len(sizing.site))
