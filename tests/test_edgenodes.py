"""Edge nodes on a network: arcs along roads in both directions, and a plan of them."""

from __future__ import annotations

import itertools

import networkx as nx
import numpy as np
import pytest
from handtown import make_map, make_network
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment, linprog

from siting.core.handover import flatten
from siting.formulate.edgenodes import EdgeChoice, edge_programme
from siting.model.roadside import EdgeNodes
from siting.roadside.edgebound import bound_of, price_sites
from siting.roadside.edgenodes import both_ways, edge_choice, plan_edge_nodes


def asked(**changes: float) -> EdgeNodes:
    usual = {
        "capacity_sites": 3, "fibre_m": 3000, "node_cny": 60_000, "fibre_cny_per_m": 25,
        "platform_cny": 0,
    }  # fmt: skip
    return EdgeNodes.model_validate({**usual, **changes})


NETWORK = make_network(make_map())
SITES = np.random.default_rng(4).choice(len(NETWORK.node_id), 25, replace=False)


def graph() -> nx.Graph:
    found = nx.Graph()
    for tail, head, metres in zip(NETWORK.tail, NETWORK.head, NETWORK.length_m, strict=True):
        known = found.get_edge_data(tail, head, {"m": np.inf})["m"]
        found.add_edge(int(tail), int(head), m=min(float(metres), known))
    return found


def test_roads_run_both_ways_for_fibre() -> None:
    links = both_ways(NETWORK)
    assert (links != links.T).nnz == 0
    assert links.shape == NETWORK.travel.shape
    assert (NETWORK.travel != NETWORK.travel.T).nnz > 0, "the expressway is one-way"


@pytest.mark.parametrize("changes", [{}, {"fibre_m": 900}, {"fibre_cny_per_m": 100}])
def test_arcs_are_shortest_ways_that_are_worth_their_fibre(changes: dict[str, float]) -> None:
    settings = asked(**changes)
    choice = edge_choice(NETWORK, SITES, settings)
    most = min(settings.fibre_m.value, settings.node_cny.value / settings.fibre_cny_per_m.value)
    roads, expected = graph(), {}
    for i, node in enumerate(SITES.tolist()):
        metres = nx.single_source_dijkstra_path_length(roads, node, cutoff=most, weight="m")
        for j, other in enumerate(SITES.tolist()):
            if i != j and other in metres:
                expected[i, j] = metres[other]
    pairs = zip(choice.site.tolist(), choice.host.tolist(), strict=True)
    found = dict(zip(pairs, choice.fibre_m.tolist(), strict=True))
    assert found.keys() == expected.keys()
    assert all(found[pair] == pytest.approx(expected[pair], abs=0.01) for pair in expected)


def test_a_plan_serves_every_site_within_capacity_and_reach() -> None:
    settings = asked()
    found = plan_edge_nodes(NETWORK, SITES, settings, gap=0.0, seconds=30, memory_mb=2000)
    assert found.outcome is not None
    hosts, load = np.unique(found.host, return_counts=True)
    assert (found.host[hosts] == hosts).all(), "a node serves its own site"
    assert load.max() <= settings.capacity_sites
    assert (found.fibre_m <= settings.fibre_m.value).all()
    assert (found.fibre_m[hosts] == 0).all()
    cost = len(hosts) * settings.node_cny.value + found.fibre_m.sum() * 25
    assert cost == pytest.approx(found.outcome.objective)
    assert found.outcome.gap <= 1e-6


def test_a_node_for_one_site_alone_needs_no_fibre() -> None:
    found = plan_edge_nodes(
        NETWORK, SITES, asked(capacity_sites=1), gap=0.0, seconds=30, memory_mb=2000
    )
    assert (found.host == np.arange(len(SITES))).all()
    assert not found.fibre_m.any()


def test_no_sites_need_no_nodes() -> None:
    none = np.zeros(0, dtype=np.int64)
    found = plan_edge_nodes(NETWORK, none, asked(), gap=0.0, seconds=30, memory_mb=2000)
    assert found.outcome is None
    assert not len(found.host)


def _choice(count: int, capacity: int, seed: int) -> EdgeChoice:
    """Sites strewn over a plane, arcs between those within 1.5 km."""
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0, 3000, (count, 2))
    metres = np.hypot(*(xy[:, None] - xy[None]).T)
    site, host = np.nonzero((metres <= 1500) & ~np.eye(count, dtype=bool))
    return EdgeChoice(site, host, metres[site, host], count, capacity, 60_000.0, 25.0)


def _least(choice: EdgeChoice) -> float:
    """Try every set of nodes; sites then go to them by assignment, whole by total unimodularity."""
    best = np.inf
    metres = np.full((choice.sites, choice.sites), np.inf)
    metres[choice.site, choice.host] = choice.fibre_m
    for size in range(1, choice.sites + 1):
        for nodes in itertools.combinations(range(choice.sites), size):
            others = [i for i in range(choice.sites) if i not in nodes]
            slots = np.repeat(nodes, choice.capacity - 1)
            if len(slots) < len(others):
                continue
            cost = np.where(np.isfinite(metres), metres, 1e9)[np.ix_(others, slots)]
            rows, columns = linear_sum_assignment(cost)
            fibre = float(cost[rows, columns].sum())
            best = min(best, size * choice.node_cny + choice.fibre_cny_per_m * fibre)
    return best


@tries(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), st.floats(-1.0, 3.0))
def test_no_prices_prove_more_than_the_cheapest_plan_costs(
    seed: int, capacity: int, scale: float
) -> None:
    choice = _choice(6, capacity, seed)
    least = _least(choice)
    rough = np.random.default_rng(seed + 1).normal(scale, 1.0, 6) * choice.node_cny
    assert bound_of(choice, rough) <= least * (1 + 1e-9)
    price, bound = price_sites(choice, np.full(6, choice.node_cny / capacity), least)
    assert bound == pytest.approx(bound_of(choice, price))
    assert bound <= least * (1 + 1e-9)


@pytest.mark.parametrize("capacity", [2, 4, 9])
def test_prices_come_near_the_linear_relaxation(capacity: int) -> None:
    choice = _choice(40, capacity, capacity)
    programme = edge_programme(choice)
    model = flatten(programme)
    upper = linprog(
        model.cost,
        A_ub=np.r_[model.matrix.toarray(), -model.matrix.toarray()],
        b_ub=np.minimum(np.r_[model.row_upper, -model.row_lower], 1e9),
        bounds=np.c_[model.lower, model.upper],
    ).fun
    _, bound = price_sites(choice, np.full(40, choice.node_cny / capacity), 1.03 * upper)
    assert 0.995 * upper <= bound <= upper * (1 + 1e-7)


def test_a_plan_tells_the_better_of_both_bounds() -> None:
    found = plan_edge_nodes(NETWORK, SITES, asked(), gap=0.0, seconds=30, memory_mb=2000)
    assert found.outcome is not None
    assert found.priced_bound <= found.outcome.objective
    assert found.bound >= found.priced_bound
    assert found.by_branches == (found.outcome.bound > found.priced_bound * (1 + 1e-6))
    alone = plan_edge_nodes(
        NETWORK, SITES, asked(capacity_sites=1), gap=0.0, seconds=30, memory_mb=2000
    )
    assert not alone.by_branches
    assert alone.gap == pytest.approx(0.0)
