"""Local transport problems against maximum flow and full enumeration."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import networkx as nx
import numpy as np
import pytest

from siting.why.transport import Fresh, Transport, most_served

SERVES = np.array([[True, False, False], [True, True, False], [True, True, True]])


def _random(seed: int, points: int = 9, sites: int = 4) -> Transport:
    rng = np.random.default_rng(seed)
    pairs = np.argwhere(rng.random((points, sites)) < 0.5)
    capacity = rng.integers(0, 30, (sites, 3)).astype(float)
    # Loads that the capacity carries: each type gives a whole part of itself away.
    load = np.zeros((sites, 3))
    for type_, segment in ((0, 0), (1, 1), (2, 2)):
        load[:, segment] += np.floor(capacity[:, type_] * rng.random(sites) / 2)
    return Transport(
        demand_kwh=rng.integers(1, 40, points).astype(float),
        segment=rng.integers(0, 3, points),
        point=pairs[:, 0],
        site=pairs[:, 1],
        capacity_kwh=capacity,
        load_kwh=load,
        serves=SERVES,
    )


def _flow(problem: Transport) -> float:
    """Most served by maximum flow; loads are demand that must be served first."""
    graph = nx.DiGraph()
    must = int(problem.load_kwh.sum())
    for point, kwh in enumerate(problem.demand_kwh):
        graph.add_edge("s", ("p", point), capacity=int(kwh))
    for point, site in zip(problem.point, problem.site, strict=True):
        graph.add_edge(("p", point), ("g", site, problem.segment[point]))
    for site, segment in np.ndindex(problem.load_kwh.shape):
        load = int(problem.load_kwh[site, segment])
        graph.add_edge("s", ("g", site, segment), capacity=load)
        for kind in np.flatnonzero(problem.serves[:, segment]):
            graph.add_edge(("g", site, segment), ("t", site, kind))
    for site, kind in np.ndindex(problem.capacity_kwh.shape):
        graph.add_edge(("t", site, kind), "e", capacity=int(problem.capacity_kwh[site, kind]))
    # With all loads served (they can be), the rest of the greatest flow is the points'.
    return float(nx.maximum_flow_value(graph, "s", "e") - must)


@pytest.mark.parametrize("seed", range(25))
def test_most_served_is_the_maximum_flow(seed: int) -> None:
    problem = _random(seed)
    found = most_served(problem)
    assert found is not None
    assert found.kwh_day == pytest.approx(_flow(problem), abs=1e-3)


@pytest.mark.parametrize("seed", range(8))
def test_a_fresh_station_gets_the_piles_of_full_enumeration(seed: int) -> None:
    problem = _random(seed + 100)
    rng = np.random.default_rng(seed)
    load = problem.load_kwh.copy()
    load[0] = 0.0
    problem = replace(problem, load_kwh=load)
    fresh = Fresh(
        site=0,
        pile_kwh=np.array([3.0, 9.0, 17.0]),
        pile_kw=np.array([7.0, 60.0, 240.0]),
        pile_cny=np.array([5.0, 40.0, 150.0]),
        allowed=np.array([True, True, bool(seed % 2)]),
        least_of_type=rng.integers(1, 3, 3),
        least=int(rng.integers(1, 4)),
        most=4,
        kw=float(rng.choice([130.0, 310.0])),
        cny=float(rng.choice([60.0, 200.0])),
        worth=np.array([-0.5, 0.5, 0.5]),
        least_worth=float(rng.choice([-9.0, -0.5, 0.0, 1.0])),
    )
    best, cheapest = -1.0, np.inf
    for piles in product(range(5), repeat=3):
        counts = np.array(piles)
        fits = fresh.least <= counts.sum() <= fresh.most and (counts[~fresh.allowed] == 0).all()
        cost = float(counts @ fresh.pile_cny)
        if counts @ fresh.worth < fresh.least_worth:
            continue
        if ((counts > 0) & (counts < fresh.least_of_type)).any():
            continue
        if not fits or counts @ fresh.pile_kw > fresh.kw or cost > fresh.cny:
            continue
        capacity = problem.capacity_kwh.copy()
        capacity[0] = counts * fresh.pile_kwh
        served = _flow(replace(problem, capacity_kwh=capacity))
        if served > best or (served == best and cost < cheapest):
            best, cheapest = served, cost
    found = most_served(problem, fresh)
    if best < 0:
        assert found is None
        return
    assert found is not None
    assert found.kwh_day == pytest.approx(best, abs=1e-3)
    assert found.piles @ fresh.pile_cny == pytest.approx(cheapest)


def test_a_station_that_fits_nowhere_is_told() -> None:
    fresh = Fresh(
        site=0,
        pile_kwh=np.ones(3),
        pile_kw=np.full(3, 60.0),
        pile_cny=np.ones(3),
        allowed=np.array([False, True, False]),
        least_of_type=np.ones(3, dtype=np.int64),
        least=4,
        most=9,
        kw=200.0,
        cny=1e9,
        worth=np.zeros(3),
        least_worth=0.0,
    )
    assert most_served(_random(1), fresh) is None
