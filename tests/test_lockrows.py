"""Locks in the formulations: bounds that every solver keeps, prices that two solves agree on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from test_formulate_charging import city, model_of

from siting.city.reading import City
from siting.core.sizing.bound import sizing_bound
from siting.core.solve import solve
from siting.formulate.charging import charging_programme, decode
from siting.formulate.edgenodes import EdgeChoice, edge_programme, served_from
from siting.formulate.hydrogen import HydrogenChoice, hydrogen_programme, opened_sites
from siting.ground import Ground
from siting.lockprices import price_locks
from siting.model.locks import Lock
from siting.own.locked import FREE, locked_items
from siting.reach.distance import Reach
from siting.structures import Sizing

LOCKS = {
    "fix": Lock(what="fix", ids=("node/4",)),
    "ban": Lock(what="ban", ids=("node/2", "node/3")),
    "total": Lock(what="size", ids=("node/5",), piles=3),
    "types": Lock(what="size", ids=("node/2",), piles_by_type={"ac7": 3, "dc120": 1}),
}


def solved(seed: int, *locks: Lock, exact: bool = False) -> Any:
    """Solve the hand-made city by its route, or by HiGHS on the plain rows."""
    candidates, demand, reach = city(7, 18, seed)
    model = model_of(budget=1_200_000).model_copy(update={"locks": locks})
    programme = charging_programme(candidates, demand, reach, model)
    asked = replace(programme, structure=None) if exact else programme
    return programme, solve(asked, gap=0.0, seconds=60, memory_mb=3000, seed=0)


@pytest.mark.parametrize("name", LOCKS)
@pytest.mark.parametrize("seed", [1, 5])
def test_a_lock_holds_by_the_route_and_by_highs_with_one_optimum(name: str, seed: int) -> None:
    lock = LOCKS[name]
    programme, mine = solved(seed, lock)
    _, plain = solved(seed, lock, exact=True)
    assert mine.status == plain.status == "optimal"
    assert mine.objective == pytest.approx(plain.objective, rel=1e-5)
    for outcome in (mine, plain):
        found = decode(programme, outcome)
        rows = [int(id_.removeprefix("node/")) for id_ in lock.ids]
        assert found.opened[rows].tolist() == [lock.built] * len(rows)
        if lock.total is not None:
            assert found.piles[rows].sum() == lock.total
        if lock.piles_by_type:
            assert found.piles[rows[0]].tolist() == [3, 1]


@pytest.mark.parametrize("name", LOCKS)
def test_the_bound_of_a_locked_programme_is_safe(name: str) -> None:
    """Multipliers of the free programme prove a bound for the locked one, and none too low."""
    _, free = solved(3)
    programme, _ = solved(3, LOCKS[name])
    _, plain = solved(3, LOCKS[name], exact=True)
    sizing = programme.structure
    assert isinstance(sizing, Sizing)
    assert sizing_bound(sizing, free.certificate) >= plain.objective * (1 - 1e-9)


def ground_of(seed: int, *locks: Lock) -> Ground:
    candidates, demand, reach = city(7, 18, seed)
    model = model_of(budget=1_200_000).model_copy(update={"locks": locks})
    exact = model.solve.model_copy(update={"gap": 0.0})
    none: Any = None
    where = City(model.model_copy(update={"solve": exact}), none, none, none, 1.0, (), {}, ())
    # The charging programme reads no map, network or cell.
    return Ground(where, none, none, none, demand, candidates, reach, none, none, none)


@pytest.mark.parametrize("seed", [1, 5])
def test_the_price_of_a_lock_is_the_difference_of_two_solves(seed: int) -> None:
    locks = (LOCKS["fix"], LOCKS["ban"], LOCKS["total"])
    prices = price_locks(ground_of(seed, *locks))
    _, together = solved(seed, *locks, exact=True)
    assert len(prices) == 3
    for number, price in enumerate(prices):
        rest = tuple(lock for n, lock in enumerate(locks) if n != number)
        _, without = solved(seed, *rest, exact=True)
        expected = without.objective - together.objective
        slack = 2e-5 * together.objective
        assert price.proven
        assert price.price == pytest.approx(expected, abs=slack)
        assert price.low - slack <= expected <= price.high + slack


def test_the_price_is_an_interval_around_the_difference_where_solves_stop_early() -> None:
    locks = (LOCKS["ban"], LOCKS["total"])
    ground = ground_of(5, *locks)
    loose = ground.city.model.solve.model_copy(update={"gap": 0.5})
    model = ground.city.model.model_copy(update={"solve": loose})
    prices = price_locks(replace(ground, city=replace(ground.city, model=model)))
    _, together = solved(5, *locks, exact=True)
    for number, price in enumerate(prices):
        rest = tuple(lock for n, lock in enumerate(locks) if n != number)
        expected = solved(5, *rest, exact=True)[1].objective - together.objective
        slack = 1e-5 * together.objective
        assert price.low - slack <= expected <= price.high + slack


def test_locks_are_laid_out_by_item_and_id() -> None:
    locks = (*LOCKS.values(), Lock(what="ban", item="hydrogen", ids=("node/1",)))
    ids = [f"node/{n}" for n in range(6)]
    found = locked_items(ids, locks, "charging", ("ac7", "dc120"))
    assert found.fixed.tolist() == [False, False, True, False, True, True]
    assert found.banned.tolist() == [False, False, True, True, False, False]
    assert found.total.tolist() == [FREE, FREE, 4, FREE, FREE, 3]
    assert found.piles[2].tolist() == [3, 1]
    assert locked_items(ids, locks, "hydrogen").banned.tolist() == [i == "node/1" for i in ids]


def test_hydrogen_sites_and_edge_nodes_keep_their_locks() -> None:
    reach = Reach(np.arange(4), np.arange(4), np.zeros(4), 4, 4)
    on, off = np.array([False, False, False, True]), np.array([True, False, False, False])
    near = np.zeros((0, 2), dtype=np.int64)
    choice = HydrogenChoice(np.array([9.0, 5.0, 4.0, 1.0]), np.zeros(4), np.ones(4), near, 2, None)
    for fixed, banned, best in ((None, None, [0, 1]), (on, off, [1, 3])):
        programme = hydrogen_programme(replace(choice, fixed=fixed, banned=banned), reach)
        outcome = solve(programme, gap=0, seconds=30, memory_mb=2000, seed=0)
        assert np.flatnonzero(opened_sites(programme, outcome)).tolist() == best
    pairs = np.argwhere(~np.eye(4, dtype=bool))
    edges = EdgeChoice(pairs[:, 0], pairs[:, 1], np.full(len(pairs), 10.0), 4, 4, 1000.0, 1.0)
    locked = replace(edges, fixed=on, banned=~on)
    programme = edge_programme(locked)
    outcome = solve(programme, gap=0, seconds=30, memory_mb=2000, seed=0)
    assert served_from(programme, outcome, locked).tolist() == [3, 3, 3, 3]
