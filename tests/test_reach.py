"""Reach held against networkx and against plain loops."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import CRS
from scipy.sparse import csr_array

from siting.network import Network
from siting.reach import distance as module
from siting.reach.distance import Reach, network_reach

if TYPE_CHECKING:
    from collections.abc import Sequence


def network_of(xy: np.ndarray, links: Sequence[tuple[int, int, float]]) -> Network:
    """Link nodes one way (from, to, metres); what reach does not use is left empty."""
    size = len(xy)
    none = np.zeros(0)
    source, target, metres = (np.array(c) for c in zip(*links, strict=True))
    fields: dict[str, Any] = dict.fromkeys(Network.__dataclass_fields__, none)
    fields |= {
        "crs": CRS.from_epsg(4548),
        "node_id": np.arange(size),
        "node_xy": np.asarray(xy, dtype=float),
        "travel": csr_array((metres.astype(float), (source, target)), shape=(size, size)),
    }
    return Network(**fields)


def line_network(size: int, step_m: float = 100.0) -> Network:
    """Nodes in a row, two-way."""
    xy = np.column_stack([np.arange(size) * step_m, np.zeros(size)])
    pairs = [(k, k + 1, step_m) for k in range(size - 1)]
    return network_of(xy, pairs + [(b, a, m) for a, b, m in pairs])


def random_network(seed: int, size: int = 60, *, stretch: float = 1.2) -> Network:
    """Random directed links among near nodes; not strongly connected."""
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0, 3000, (size, 2))
    apart = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1))
    links = [
        (int(i), int(j), float(max(apart[i, j] * rng.uniform(stretch, stretch + 0.5), 0.001)))
        for i in range(size)
        for j in np.argsort(apart[i])[1:5]
        if rng.random() < 0.8
    ]
    return network_of(xy, links)


def expected_arcs(
    network: Network,
    site_node: np.ndarray,
    site_m: np.ndarray,
    demand_node: np.ndarray,
    demand_m: np.ndarray,
    limit_m: np.ndarray,
    most: int,
) -> list[tuple[int, int, float]]:
    """By networkx and loops: (demand, site, metres)."""
    graph = nx.from_scipy_sparse_array(network.travel, create_using=nx.DiGraph)
    arcs = []
    for d, node in enumerate(demand_node):
        if node < 0:
            continue
        away = nx.single_source_dijkstra_path_length(graph, int(node))
        near = sorted(
            (round(away[int(s)] + site_m[k] + demand_m[d], 3), k)
            for k, s in enumerate(site_node)
            if s >= 0 and int(s) in away
        )
        arcs += [(d, k, m) for m, k in near if m <= limit_m[d]][:most]
    return arcs


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 10_000),
    sites=st.integers(1, 25),
    demands=st.integers(1, 25),
    most=st.sampled_from([1, 3, 100]),
    stretch=st.sampled_from([0.4, 1.0, 1.4]),
)
def test_arcs_are_those_of_networkx(
    seed: int, sites: int, demands: int, most: int, stretch: float
) -> None:
    rng = np.random.default_rng(seed)
    # Links may also be shorter than the straight line: the plane is not the ground.
    network = random_network(seed, stretch=stretch)
    site_node = rng.integers(-1, 20, sites)
    demand_node = rng.integers(-1, 60, demands)
    site_m, demand_m = rng.uniform(0, 100, sites), rng.uniform(0, 100, demands)
    limit_m = rng.choice([50.0, 600.0, 1500.0, 6000.0], demands)
    ends = (site_node, site_m, demand_node, demand_m, limit_m, most)
    found = network_reach(network, *ends)
    expected = expected_arcs(network, *ends)
    assert list(zip(found.demand.tolist(), found.site.tolist(), strict=True)) == [
        arc[:2] for arc in expected
    ]
    assert found.distance_m == pytest.approx([arc[2] for arc in expected], abs=2e-3)
    assert (found.sites, found.demands) == (sites, demands)


@pytest.mark.parametrize(("sites", "demands"), [(3, 40), (40, 3)])
def test_both_search_directions_obey_one_way_roads(sites: int, demands: int) -> None:
    rng = np.random.default_rng(5)
    size = 50
    turn = np.arange(size) * 2 * np.pi / size
    ring = network_of(
        1000 * np.column_stack([np.cos(turn), np.sin(turn)]),
        [(k, (k + 1) % size, 130.0) for k in range(size)],
    )
    site_node, demand_node = rng.integers(0, size, sites), rng.integers(0, size, demands)
    found = network_reach(
        ring,
        site_node,
        np.zeros(sites),
        demand_node,
        np.zeros(demands),
        np.full(demands, 1e9),
        sites,
    )
    assert len(found.site) == sites * demands
    steps = (site_node[found.site] - demand_node[found.demand]) % size
    assert found.distance_m == pytest.approx(130.0 * steps)


def test_ties_go_to_the_site_of_the_lower_row() -> None:
    network = line_network(11)
    found = network_reach(
        network,
        np.array([7, 3, 3, 5, 7]),
        np.array([0.0, 0.0, 0.0, 200.0, 0.0]),
        np.array([5]),
        np.zeros(1),
        np.array([1000.0]),
        4,
    )
    assert found.site.tolist() == [0, 1, 2, 3]
    assert found.distance_m.tolist() == [200.0] * 4


def test_the_limit_is_each_demand_points_own_and_counts_both_legs() -> None:
    network = line_network(11)
    node = np.array([0, 0, 0, 10])
    found = network_reach(
        network,
        np.array([5]),
        np.array([30.0]),
        node,
        np.array([0.0, 20.0, 20.0, 600.0]),
        np.array([530.0, 549.9, 550.0, 550.0]),
        5,
    )
    assert found.demand.tolist() == [0, 2]
    assert found.distance_m.tolist() == [530.0, 550.0]


def test_points_off_the_network_have_no_arc() -> None:
    network = line_network(3)
    zeros = np.zeros(2)
    limit = np.full(2, 1e6)
    off = np.array([-1, -1])
    on = np.array([0, 2])
    for site_node, demand_node in ((off, on), (on, off), (off, off)):
        found = network_reach(network, site_node, zeros, demand_node, zeros, limit, 3)
        assert len(found.site) == len(found.demand) == len(found.distance_m) == 0
        assert (found.sites, found.demands) == (2, 2)
    found = network_reach(network, np.array([-1, 1]), zeros, np.array([2, -1]), zeros, limit, 3)
    assert list(zip(found.demand, found.site, strict=True)) == [(0, 1)]


def test_no_sites_or_no_demand_give_no_arcs() -> None:
    network = line_network(3)
    none, one = np.zeros(0, dtype=np.int64), np.zeros(1, dtype=np.int64)
    far = np.full(1, 1e6)
    assert len(network_reach(network, none, none * 1.0, one, one * 1.0, far, 3).site) == 0
    assert len(network_reach(network, one, one * 1.0, none, none * 1.0, none * 1.0, 3).site) == 0


def test_asking_for_no_sites_is_refused() -> None:
    one = np.zeros(1, dtype=np.int64)
    with pytest.raises(ValueError, match="at least 1"):
        network_reach(line_network(2), one, one * 1.0, one, one * 1.0, one * 1.0, 0)


def reach_of(network: Network, seed: int, most: int) -> Reach:
    rng = np.random.default_rng(seed)
    size = len(network.node_xy)
    return network_reach(
        network,
        rng.integers(-1, size, 90),
        rng.uniform(0, 80, 90),
        rng.integers(-1, size, 150),
        rng.uniform(0, 80, 150),
        rng.choice([700.0, 2500.0], 150),
        most,
    )


@pytest.mark.parametrize("most", [2, 9])
def test_chunks_and_early_dropping_change_nothing(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    network = random_network(3, 80)
    whole = reach_of(network, 4, most)
    monkeypatch.setattr(module, "MOST_SOURCES", 3)
    monkeypatch.setattr(module, "PENDING_ARCS", 5)
    parts = reach_of(network, 4, most)
    assert np.array_equal(whole.site, parts.site)
    assert np.array_equal(whole.demand, parts.demand)
    assert np.array_equal(whole.distance_m, parts.distance_m)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), more=st.floats(0, 2000))
def test_a_farther_limit_loses_no_site(seed: int, more: float) -> None:
    network = random_network(seed % 7)
    rng = np.random.default_rng(seed)
    site, demand = rng.integers(0, 60, 15), rng.integers(0, 60, 15)
    legs, limit = np.zeros(15), np.full(15, 900.0)
    near = network_reach(network, site, legs, demand, legs, limit, 15)
    far = network_reach(network, site, legs, demand, legs, limit + more, 15)
    assert set(zip(near.site, near.demand, strict=True)) <= set(
        zip(far.site, far.demand, strict=True)
    )


def test_order_is_demand_then_distance_then_site() -> None:
    found = reach_of(random_network(1), 2, 50)
    keys = list(zip(found.demand, found.distance_m, found.site, strict=True))
    assert keys == sorted(keys)
    assert len(set(zip(found.demand, found.site, strict=True))) == len(keys)
    assert math.isclose(found.distance_m.sum(), np.round(found.distance_m, 3).sum())
