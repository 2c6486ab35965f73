"""Shortages, conflicts and least budgets: against brute force, and sound for any multipliers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp
from sizing_instances import brute_force, random_sizing, with_rows

from siting.core.conflict import sizing as large
from siting.core.conflict.analyse import Analysis, Parts, analyse
from siting.core.conflict.elastic import Ask, safe_bound, scaled
from siting.core.conflict.rows import RowsWeigher
from siting.core.conflict.sizing import SizingWeigher, sizing_elastic
from siting.core.conflict.task import Case, analysed
from siting.core.sizing.part import keep_rows

if TYPE_CHECKING:
    from siting.structures import Sizing

PARTS = Parts(np.array([False, True, True, True]), np.ones(4), 0)
"""Budget, stations, piles, energy served, as `with_rows` writes them."""


def instance(seed: int, budget_cny: float | None = None) -> Sizing:
    """Three sites that are asked for stations, piles and energy."""
    rng = np.random.default_rng(seed)
    sizing = with_rows(
        random_sizing(seed, sites=3, points=4),
        stations=int(rng.integers(0, 4)),
        piles=int(rng.integers(0, 7)),
        served=float(rng.integers(0, 90)),
    )
    return sizing if budget_cny is None else with_budget(sizing, budget_cny)


def with_budget(sizing: Sizing, budget_cny: float) -> Sizing:
    upper = sizing.row_upper.copy()
    upper[0] = budget_cny
    return replace(sizing, row_upper=upper)


def sizes(sizing: Sizing) -> np.ndarray:
    bound = np.where(np.isfinite(sizing.row_lower), sizing.row_lower, sizing.row_upper)
    return np.maximum(abs(bound), 1.0)


def analysis(sizing: Sizing) -> Analysis:
    weigh = SizingWeigher(sizing, np.arange(4), sizes(sizing), 20.0)
    return analyse(PARTS, weigh)


def least_budget(sizing: Sizing, step: float = 5000.0) -> float:
    """Least multiple of all costs' divisor for which brute force finds a plan, or infinity."""
    low, high = -1, 200
    if np.isnan(brute_force(with_budget(sizing, high * step))):
        return float("inf")
    while high - low > 1:
        middle = (low + high) // 2
        works = not np.isnan(brute_force(with_budget(sizing, middle * step)))
        low, high = (low, middle) if works else (middle, high)
    return high * step


@given(seed=st.integers(0, 10_000))
@settings(max_examples=8, deadline=None)
def test_verdict_and_least_budget_are_those_of_brute_force(seed: int) -> None:
    sizing = instance(seed)
    found = analysis(sizing)
    possible = not np.isnan(brute_force(sizing))
    assert found.verdict == ("feasible" if possible else "infeasible")
    assert bool(found.conflicts) == (not possible)
    best = least_budget(sizing)
    assert found.cost is not None
    if np.isinf(best):
        assert np.isinf(found.cost.low)
        return
    budget = float(sizing.row_upper[0])
    assert found.cost.high * budget == pytest.approx(best, abs=1.0)
    assert found.cost.low * budget <= best + 1.0
    assert found.cost.low * budget >= 0.99 * best
    assert np.isnan(brute_force(with_budget(sizing, 0.99 * best - 1.0)))
    assert not np.isnan(brute_force(with_budget(sizing, found.cost.high * budget + 1e-3)))


@given(seed=st.integers(0, 10_000))
@settings(max_examples=8, deadline=None)
def test_a_conflict_is_smallest_and_each_step_out_of_it_works(seed: int) -> None:
    sizing = instance(seed, 60_000.0)
    found = analysis(sizing)
    for conflict in found.conflicts:
        members = np.array(conflict.parts)
        assert np.isnan(brute_force(keep_rows(sizing, members)))
        assert all(conflict.needed)
        for part in conflict.parts:
            rest = members[members != part]
            assert not np.isnan(brute_force(keep_rows(sizing, rest)))
        if len(found.conflicts) > 1:
            continue
        for range_ in conflict.ranges:
            give = range_.high * sizes(sizing)[range_.part]
            if np.isinf(range_.high):
                without = np.arange(4) != range_.part
                assert np.isnan(brute_force(keep_rows(sizing, np.flatnonzero(without))))
                assert np.isinf(range_.low)
                continue
            assert range_.low <= range_.high + 1e-9
            assert not np.isnan(brute_force(given_way(sizing, range_.part, give * (1 + 1e-6))))
            # A step less doesn't do: a station, a pile, the divisor of all costs, a little energy.
            less = give - (5000.0, 1.0, 1.0, 0.01)[range_.part]
            assert np.isnan(brute_force(given_way(sizing, range_.part, less)))


def given_way(sizing: Sizing, part: int, amount: float) -> Sizing:
    lower, upper = sizing.row_lower.copy(), sizing.row_upper.copy()
    lower[part] -= amount
    upper[part] += amount
    return replace(sizing, row_lower=lower, row_upper=upper)


@given(seed=st.integers(0, 10_000), scale=st.floats(0.0, 3.0))
@settings(max_examples=20, deadline=None)
def test_any_multipliers_bound_the_least_shortage(seed: int, scale: float) -> None:
    sizing = instance(seed, 60_000.0)
    elastic = sizing_elastic(sizing, np.arange(4), sizes(sizing), whole=True)
    model = scaled(elastic, Ask(np.array([np.inf, 1.0, 1.0, 1.0])))
    best = milp(
        model.cost,
        constraints=LinearConstraint(model.matrix, model.row_lower, model.row_upper),
        bounds=Bounds(model.lower, model.upper),
        integrality=model.integer.astype(int),
    )
    y = scale * np.random.default_rng(seed).normal(size=len(model.row_lower))
    assert best.status == 0
    assert safe_bound(model, y) <= best.fun + 1e-9


def test_what_is_left_out_plays_no_part() -> None:
    sizing = instance(3, 10_000.0)
    weigh = SizingWeigher(sizing, np.arange(4), sizes(sizing), 20.0)
    assert weigh(Ask(np.zeros(4))).high == 0.0
    assert weigh(Ask(np.array([0.0, np.inf, np.inf, 0.0]))).high == 0.0


def test_a_proof_leans_only_on_parts_that_are_enough_for_it() -> None:
    for seed in range(12):
        sizing = instance(seed, 20_000.0)
        weigh = SizingWeigher(sizing, np.arange(4), sizes(sizing), 20.0)
        found = weigh(Ask(np.full(4, np.inf), plan=False))
        if np.isinf(found.low):
            assert found.proof == "multipliers"
            assert np.isnan(brute_force(keep_rows(sizing, np.flatnonzero(found.leans))))


def test_a_large_instance_is_closed_in_without_branch_and_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The route of a city, on a town whose answer branch and bound knows."""
    sizing = with_rows(
        random_sizing(5, sites=40, points=80, most=12), stations=20, piles=60, served=1200
    )
    sizing = with_budget(replace(sizing, kw_limit=np.full(40, np.inf)), 1e6)
    exact = analysis(sizing)
    monkeypatch.setattr(large, "SMALL", 0)
    weigh = SizingWeigher(sizing, np.arange(4), sizes(sizing), 20.0)
    found = analyse(PARTS, weigh, trees=False)
    assert found.verdict == exact.verdict == "infeasible"
    assert found.cost is not None
    assert exact.cost is not None
    assert found.cost.low <= exact.cost.high + 1e-9
    assert exact.cost.low - 1e-9 <= found.cost.high <= 1.01 * exact.cost.high
    assert 0 in found.conflicts[0].parts


def test_an_analysis_runs_in_a_child_and_comes_back_whole() -> None:
    sizing = instance(2, 40_000.0)
    case = Case(PARTS, sizing, np.arange(4), sizes(sizing))
    found = analysed(case, seconds=20.0, memory_mb=2000.0)
    here = analysis(sizing)
    assert found.verdict == here.verdict
    assert [one.parts for one in found.conflicts] == [one.parts for one in here.conflicts]


def test_rows_that_always_hold_are_told_when_nothing_helps() -> None:
    sizing = instance(4, 60_000.0)
    part = np.array([-1, -1, -1, 0])
    tight = replace(sizing, row_lower=np.array([-np.inf, 99.0, 0.0, 1.0]))
    elastic = sizing_elastic(tight, part, np.ones(1), whole=True)
    found = RowsWeigher(elastic, 20.0)(Ask(np.ones(1)))
    assert np.isinf(found.low)
    assert found.proof == "rows that always hold"
