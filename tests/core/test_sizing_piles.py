"""Mending piles with many global rows: each site weighs in few, and the sums are those of all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from siting.core.sizing.bound import can_open
from siting.core.sizing.part import Siting
from siting.core.sizing.piles import _moves, _touched, mend_piles, violation_of
from siting.core.sizing.tidy import _alike, idle_piles, tidy
from siting.structures import Sizing


def station_town(sites: int, rows: int, seed: int) -> Sizing:
    """Sites in reach of one demand point each, and rows that weigh on a few sites' piles."""
    rng = np.random.default_rng(seed)
    piles = np.where(rng.random((rows, sites * 2)) < 0.2, rng.integers(-2, 4, (rows, sites * 2)), 0)
    return Sizing(
        demand_kwh=np.full(sites, 500.0),
        weight=np.ones(sites),
        segment=np.zeros(sites, dtype=np.int64),
        site=np.arange(sites),
        point=np.arange(sites),
        fixed_cny=np.zeros(sites),
        min_piles=np.zeros(sites, dtype=np.int64),
        max_piles=np.full(sites, 20),
        kw_limit=np.full(sites, 2000.0),
        forced=np.ones(sites, dtype=bool),
        allowed=np.ones((sites, 2), dtype=bool),
        pile_kw=np.array([7.0, 120.0]),
        pile_kwh=np.array([20.0, 400.0]),
        pile_cny=np.array([5e3, 9e4]),
        serves=np.ones((2, 1), dtype=bool),
        simultaneity=0.65,
        least_of_type=np.ones(2, dtype=np.int64),
        least_use=np.zeros(sites),
        kept=np.zeros((sites, 2), dtype=np.int64),
        row_name=tuple(f"row {n}" for n in range(rows)),
        row_open=csr_array((rows, sites)),
        row_piles=csr_array(piles.astype(float)),
        row_served=csr_array((rows, sites)),
        row_lower=np.where(np.arange(rows) % 2, -np.inf, rng.integers(-4, 9, rows)).astype(float),
        row_upper=np.where(np.arange(rows) % 2, rng.integers(-4, 9, rows), np.inf).astype(float),
    )


@pytest.mark.parametrize("rows", [0, 1, 7])
def test_the_gain_of_each_move_is_the_fall_of_the_whole_violation(rows: int) -> None:
    sizing = station_town(5, rows, seed=rows)
    delta = _moves(2)
    held = np.random.default_rng(1).integers(0, 4, (5, 2)).astype(float)
    activity = sizing.row_piles @ held.ravel()
    gain = _touched(sizing, delta).gain(activity)
    for site in range(5):
        for move in range(len(delta)):
            after = held.copy()
            after[site] += delta[move]
            fall = violation_of(sizing, activity) - violation_of(
                sizing, sizing.row_piles @ after.ravel()
            )
            assert gain[site, move] == pytest.approx(float(fall), abs=1e-12)


def test_activity_after_a_run_of_moves_is_that_of_the_piles() -> None:
    sizing = station_town(6, 9, seed=3)
    delta = _moves(2)
    held = np.full((6, 2), 5.0)
    site, move = np.array([4, 0, 2]), np.array([1, 5, 0])
    run = _touched(sizing, delta).run(sizing.row_piles @ held.ravel(), site, move)
    for step in range(3):
        held[site[step]] += delta[move[step]]
        assert run[step] == pytest.approx(sizing.row_piles @ held.ravel())


def test_a_row_on_few_sites_is_mended_there() -> None:
    sizing = station_town(4, 1, seed=0)
    near = np.zeros((4, 2))
    near[2, 1] = 1.0
    sizing = replace(
        sizing,
        row_piles=csr_array(near.reshape(1, -1)),
        row_lower=np.array([3.0]),
        row_upper=np.array([np.inf]),
    )
    held = mend_piles(sizing, np.zeros((4, 2), np.int64), np.zeros((4, 1)), np.zeros(1))
    assert held[2, 1] == 3
    assert held.sum() == 3


def test_idle_piles_are_spread_within_each_group_of_like_sites() -> None:
    sizing = replace(
        station_town(4, 1, seed=0),
        row_piles=csr_array(np.array([[1.0, 0, 1, 0, 0, 0, 0, 0]])),
        row_lower=np.array([8.0]),
        row_upper=np.array([np.inf]),
        demand_kwh=np.array([100.0, 100.0, 300.0, 100.0]),
    )
    group = _alike(sizing, 0)
    assert group[0] == group[1] != group[2] == group[3]
    piles = np.array([[8, 0], [0, 0], [0, 0], [0, 0]])
    plan = Siting(np.ones(4, dtype=bool), piles, np.zeros(4))
    neat = tidy(sizing, plan)
    assert neat.piles[:, 0].tolist() == [4, 4, 0, 0]
    assert idle_piles(sizing, plan, piles, 0)[0] == 8


@given(
    sites=st.integers(1, 12),
    rows=st.integers(0, 5),
    kind=st.integers(0, 1),
    seed=st.integers(0, 99),
)
def test_sites_are_alike_exactly_where_their_columns_are(
    sites: int, rows: int, kind: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    dense = rng.choice([0.0, 0.0, 1.0, -2.0], (rows, 2 * sites))
    table = csr_array(dense)
    if table.nnz:
        # An entry that is there and is none.
        table.data[0] = dense[tuple(np.argwhere(dense)[0])] = 0.0
    group = _alike(replace(station_town(sites, rows, 0), row_piles=table), kind)
    column = dense[:, np.arange(sites) * 2 + kind]
    same = (column[:, :, None] == column[:, None, :]).all(axis=0)
    assert ((group[:, None] == group[None, :]) == same).all()


@given(
    land=st.integers(1, 12),
    least=st.integers(0, 12),
    grid_kw=st.floats(5.0, 900.0),
    least_of_type=st.integers(1, 2),
    rounded=st.lists(st.integers(0, 12), min_size=2, max_size=2),
)
def test_a_site_that_can_open_gets_piles_within_its_limits(
    land: int, least: int, grid_kw: float, least_of_type: int, rounded: list[int]
) -> None:
    sizing = replace(
        station_town(1, 0, seed=0),
        min_piles=np.array([min(least, land)]),
        max_piles=np.array([land]),
        kw_limit=np.array([grid_kw]),
        least_of_type=np.full(2, least_of_type),
    )
    assume(can_open(sizing).all())
    energy = np.full((1, 1), 500.0)
    (piles,) = mend_piles(sizing, np.array([rounded]), energy, np.zeros(0))
    assert sizing.min_piles[0] <= piles.sum() <= land
    assert sizing.simultaneity * piles @ sizing.pile_kw <= grid_kw + 1e-6
    assert not ((piles > 0) & (piles < least_of_type)).any()
