"""Splitting a covering into parts that share no row: exact, and used where the data splits."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from coverings import brute_force, city, dense, programme_of, small_coverings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.sparse import block_diag, csr_array

from siting.core.certificate import recompute_bound
from siting.core.covering.bound import improve_dual
from siting.core.covering.parts import allocate, solve_parts, split
from siting.core.covering.problem import as_model, check_opened, plain_covering
from siting.core.highs import solve_arrays
from siting.core.outcome import Status
from siting.core.shrink import shrink
from siting.core.solve import solve
from siting.structures import Covering

QUIET = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def beside(*towns: Covering, budget: float) -> Covering:
    """Put towns too far apart to serve each other into one covering."""
    cover = csr_array(block_diag([town.cover for town in towns], format="csr"))
    return plain_covering(cover, np.concatenate([town.weight for town in towns]), budget)


@QUIET
@given(
    st.lists(small_coverings(5, plain=True), min_size=1, max_size=3),
    st.integers(1, 6),
    st.booleans(),
)
def test_part_by_part_agrees_with_brute_force(
    towns: list[Covering],
    budget: int,
    whole: bool,  # noqa: FBT001
) -> None:
    covering = beside(*towns, budget=float(budget))
    small = shrink(covering).covering
    if not len(small.weight) or not len(small.cost):
        return
    if not whole:
        small = plain_covering(small.cover, small.weight * 0.37, small.budget)
    best = brute_force(small)
    plans: list[tuple[float, np.ndarray]] = []
    bounds: list[float] = []
    closed = solve_parts(
        small,
        split(small),
        improve_dual(small, iterations=80).multiplier,
        gap=0.0,
        deadline=float("inf"),
        seed=0,
        take=lambda value, opened: plans.append((value, opened)),
        lower=lambda bound, _: bounds.append(bound),
    )
    assert closed
    assert best is not None
    assert min(bounds) >= best
    assert max(value for value, _ in plans) <= best + 1e-9 * max(1.0, best)
    assert min(bounds) == pytest.approx(best, rel=1e-6)
    for value, opened in plans:
        assert check_opened(small, opened) == pytest.approx(value)
    assert plans[-1][0] == pytest.approx(best)


@QUIET
@given(st.lists(small_coverings(6, plain=True), min_size=1, max_size=4))
def test_parts_hold_every_site_and_row_once_and_share_none(towns: list[Covering]) -> None:
    small = shrink(beside(*towns, budget=3.0)).covering
    if not len(small.weight) or not len(small.cost):
        return
    parts = split(small)
    assert sorted(np.concatenate([part.sites for part in parts])) == list(range(len(small.cost)))
    assert sorted(np.concatenate([part.rows for part in parts])) == list(range(len(small.weight)))
    table = small.cover.toarray() != 0
    for part in parts:
        outside = np.setdiff1d(np.arange(len(small.cost)), part.sites)
        assert not table[np.ix_(part.rows, outside)].any()
        assert (table[np.ix_(part.rows, part.sites)] == (part.covering.cover.toarray() != 0)).all()


@given(
    st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=5), min_size=1, max_size=4),
    st.integers(0, 8),
)
def test_sites_are_shared_out_as_if_every_way_were_tried(
    curves: list[list[int]], most: int
) -> None:
    rising = [np.maximum.accumulate(np.array(curve, dtype=float)) for curve in curves]
    ways = itertools.product(*(range(len(curve)) for curve in rising))
    best = max(
        sum(curve[k] for curve, k in zip(rising, way, strict=True))
        for way in ways
        if sum(way) <= most
    )
    value, counts = allocate(rising, most)
    assert value == best
    assert sum(counts) <= most
    assert sum(curve[k] for curve, k in zip(rising, counts, strict=True)) == best


def test_two_far_towns_are_solved_part_by_part() -> None:
    towns = [city(80, 600, 6, 9, seed=4), city(70, 500, 5, 9, seed=5)]
    covering = beside(*towns, budget=12.0)
    outcome = solve(programme_of(covering), gap=0.0, seconds=60)
    assert outcome.reductions["components"][1] >= 2
    assert "part by part" in outcome.message
    assert f"components 1 to {outcome.reductions['components'][1]}" in outcome.message
    assert f"rows 1,100 to {outcome.reductions['rows'][1]:,}" in outcome.message
    assert outcome.status is Status.OPTIMAL
    # The optimum of the whole, and of each town with each share of the sites, by HiGHS alone.
    plain = solve_arrays(as_model(covering), gap=1e-9, seconds=60)
    assert outcome.objective == pytest.approx(plain.objective)
    assert recompute_bound(covering, outcome.certificate) >= outcome.objective


def test_unlike_costs_and_one_town_are_left_whole() -> None:
    town = city(40, 300, 4, 8, seed=3)
    small = shrink(town).covering
    assert len(split(small)) <= 2
    two = beside(town, town, budget=8.0)
    costly = Covering(two.cover, two.weight, np.arange(1.0, 81.0), 100.0, two.fixed, two.banned)
    assert split(costly) == []


def test_parts_of_one_site_are_one_part_and_need_no_branch_and_bound() -> None:
    covering = dense(np.eye(6), [5, 1, 4, 2, 6, 3], 3.0)
    parts = split(covering)
    assert len(parts) == 1
    outcome = solve(programme_of(covering), gap=0.0, seconds=20)
    assert outcome.objective == outcome.bound == 15.0
