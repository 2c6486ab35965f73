"""Edge nodes on a network: arcs along roads in both directions, and a plan of them."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from handtown import make_map, make_network

from siting.model.roadside import EdgeNodes
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
