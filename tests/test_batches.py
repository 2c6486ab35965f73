"""The order of building: whole units, connected growth, shares and money of each year."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from siting.errors import InfeasibleError
from siting.model.figures import Figure
from siting.model.roadside import Batch
from siting.roadside.batches import Units, Works, needed_sites, plan_batches


def years(*shares: float, budgets: tuple[float | None, ...] = ()) -> tuple[Batch, ...]:
    money = budgets or (None,) * len(shares)
    return tuple(
        Batch(year=2025 + k, share=Figure(value=share), budget_cny=budget)
        for k, (share, budget) in enumerate(zip(shares, money, strict=True))
    )


def grid_works(rng: np.random.Generator, side: int = 5, *, least_patch: int = 3) -> Works:
    """Units are the cells of a square; each needs a site of its own and one of a neighbour."""
    units = side * side
    row, column = np.divmod(np.arange(units), side)
    gap = np.abs(row[:, None] - row) + np.abs(column[:, None] - column)
    other = np.array([rng.choice(np.flatnonzero(gap[u] == 1)) for u in range(units)])
    need = np.eye(units, units + 4, dtype=bool)
    need[np.arange(units), other] = True
    sites = units + 4
    node_of = np.where(np.arange(sites) < units, np.arange(sites) // 4, -1)
    return Works(
        site_cny=rng.integers(1, 20, sites) * 1e4,
        node_of=node_of,
        node_cny=np.full(node_of.max() + 1, 6e4),
        first_cny=1e5,
        mandatory=np.arange(sites) >= units + 2,
        units=Units(
            need=csr_array(need),
            beside=csr_array(gap == 1),
            worth=rng.random(units) + 0.1,
            ahead=np.zeros(units, dtype=bool),
            amount=np.full(units, 0.25),
            least_patch=least_patch,
        ),
    )


def spent(works: Works, site: np.ndarray, upto: int) -> float:
    nodes = np.unique(works.node_of[(site <= upto) & (works.node_of >= 0)])
    built = works.site_cny[site <= upto].sum() + works.node_cny[nodes].sum()
    return float(works.first_cny + built)


def patches(works: Works, unit: np.ndarray, upto: int) -> list[int]:
    inside = np.flatnonzero(unit <= upto)
    if not len(inside):
        return []
    _, label = connected_components(works.units.beside[inside][:, inside], directed=False)
    return np.bincount(label).tolist()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 0.6), st.floats(0.65, 0.95))
def test_every_batch_is_whole_connected_and_reaches_its_share(
    seed: int, first: float, second: float
) -> None:
    works = grid_works(np.random.default_rng(seed))
    site, unit = plan_batches(works, years(first, second, 1))
    assert set(site) <= {1, 2, 3}
    assert (site[works.mandatory] == 1).all()
    for upto, share in ((1, first), (2, second), (3, 1)):
        for u in np.flatnonzero(unit <= upto):
            assert (site[works.units.need[[u]].indices] <= upto).all(), "a unit is built whole"
        assert works.units.amount[unit <= upto].sum() >= share * works.units.amount.sum() - 1e-9
        assert min(patches(works, unit, upto)) >= works.units.least_patch


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 0.6))
def test_no_year_spends_more_than_there_is(seed: int, part: float) -> None:
    works = grid_works(np.random.default_rng(seed))
    whole = spent(works, np.ones(len(works.site_cny)), 1)
    budgets = (part * whole, 0.2 * whole, whole)
    site, unit = plan_batches(works, years(0.9, 0.95, 1, budgets=budgets))
    for upto in (1, 2, 3):
        assert spent(works, site, upto) <= sum(budgets[:upto]) * (1 + 1e-9)
        assert all(size >= works.units.least_patch for size in patches(works, unit, upto))
    assert (site > 0).all()
    assert (unit > 0).all()


def test_too_little_money_in_all_years_is_refused() -> None:
    works = grid_works(np.random.default_rng(1))
    with pytest.raises(InfeasibleError, match="don't pay"):
        plan_batches(works, years(0.5, 1, budgets=(1e5, 1e5)))


def test_pilot_zones_go_first_and_then_what_is_worth_most() -> None:
    rng = np.random.default_rng(3)
    works = grid_works(rng)
    ahead = np.zeros(25, dtype=bool)
    ahead[[0, 1, 2, 5, 6, 7]] = True
    pilot = replace(works, units=replace(works.units, ahead=ahead))
    _, unit = plan_batches(pilot, years(6 / 25, 1))
    assert set(np.flatnonzero(unit == 1)) == set(np.flatnonzero(ahead))


def test_needed_sites_are_key_sites_then_those_that_hear_most() -> None:
    # Unit 0: key site 0 hears 100 m; of 300 m, 200 are asked: site 2 (150 m) goes before site 1.
    key = csr_array(np.array([[1, 0, 0, 0], [0, 0, 0, 0]], dtype=bool))
    hears = np.zeros((5, 4), dtype=bool)
    hears[0, 0] = hears[1, 1] = hears[2, 2] = hears[3, [1, 2]] = hears[4, 3] = True
    unit = np.array([0, 0, 0, 0, 1])
    metres = np.array([100.0, 30.0, 120.0, 30.0, 50.0])
    need = needed_sites(key, csr_array(hears), unit, metres, np.array([200.0, 0.0])).toarray()
    assert need[0].tolist() == [True, True, True, False], "site 1 hears nothing of another unit"
    assert need[1].tolist() == [False, False, False, True], "idle sites go where they hear most"


def test_what_is_needed_always_suffices() -> None:
    rng = np.random.default_rng(8)
    for _ in range(20):
        hears = csr_array(rng.random((40, 12)) < 0.2)
        unit = rng.integers(0, 6, 40)
        metres = rng.integers(1, 9, 40).astype(float)
        key = csr_array(rng.random((6, 12)) < 0.1)
        heard = hears.toarray().any(axis=1)
        possible = np.bincount(unit, weights=metres * heard, minlength=6)
        need = needed_sites(key, hears, unit, metres, 0.7 * possible).toarray()
        for u in range(6):
            mine = (hears.toarray()[unit == u] & need[u]).any(axis=1)
            assert metres[unit == u][mine].sum() >= 0.7 * possible[u] - 1e-9
            assert (key.toarray()[u] <= need[u]).all()
