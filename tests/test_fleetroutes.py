"""Routes of vehicles with on-board units: shortest ways, drawn the same each time, best first."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import pytest
from handtown import make_map, make_network

from siting.model.roadside import OnBoard
from siting.roadside.fleetroutes import draw_trips, fleet_routes, fleet_share

NETWORK = make_network(make_map())
WEIGHT = np.ones(len(NETWORK.node_id))


def asked(**changes: Any) -> OnBoard:
    usual = {
        "vehicles": 23, "routes": 5, "considered": 4, "origins": 6, "least_km": 1, "most_km": 3,
        "vehicle_cny": 3000,
    }  # fmt: skip
    return OnBoard.model_validate({**usual, **changes})


def test_trips_are_shortest_ways_of_the_lengths_asked_for() -> None:
    roads = nx.DiGraph()
    travel = NETWORK.travel.tocoo()
    for tail, head, metres in zip(travel.row, travel.col, travel.data, strict=True):
        roads.add_edge(int(tail), int(head), m=float(metres))
    trips = draw_trips(NETWORK, WEIGHT, asked(), seed=3)
    assert len(trips.edges) == 20
    for origin, target, way in zip(trips.origin, trips.target, trips.edges, strict=True):
        here = int(origin)
        for edge in way.tolist():
            tail, head = int(NETWORK.tail[edge]), int(NETWORK.head[edge])
            assert here == tail or (here == head and NETWORK.oneway[edge] == 0)
            here = head if here == tail else tail
        assert here == target
        metres = NETWORK.length_m[way].sum()
        shortest = nx.dijkstra_path_length(roads, int(origin), int(target), weight="m")
        assert metres == pytest.approx(shortest)
        assert 1000 <= metres <= 3000


def test_the_same_seed_draws_the_same_trips_and_another_doesnt() -> None:
    first, again = (draw_trips(NETWORK, WEIGHT, asked(), seed=3) for _ in range(2))
    other = draw_trips(NETWORK, WEIGHT, asked(), seed=4)
    assert first.target.tolist() == again.target.tolist()
    assert first.target.tolist() != other.target.tolist()


def test_the_best_covered_routes_carry_the_whole_fleet() -> None:
    settings = asked()
    trips = draw_trips(NETWORK, WEIGHT, settings, seed=3)
    covered = np.random.default_rng(1).random(len(NETWORK.tail))
    routes, drawn = fleet_routes(NETWORK, trips, covered, settings)
    share = [
        (NETWORK.length_m[way] * covered[way]).sum() / NETWORK.length_m[way].sum()
        for way in trips.edges
    ]
    assert routes.covered_share.tolist() == pytest.approx(sorted(share, reverse=True)[:5])
    assert routes.vehicles.tolist() == [5, 5, 5, 4, 4]
    assert min(share) <= drawn <= fleet_share(routes) <= max(share) + 1e-9


def test_full_coverage_covers_all_kilometres_and_none_covers_none() -> None:
    settings = asked()
    trips = draw_trips(NETWORK, WEIGHT, settings, seed=3)
    for value in (0.0, 1.0):
        routes, drawn = fleet_routes(NETWORK, trips, np.full(len(NETWORK.tail), value), settings)
        assert fleet_share(routes) == pytest.approx(value)
        assert drawn == pytest.approx(value)


def test_no_demand_and_no_vehicles_make_no_routes() -> None:
    for weight, settings in ((0 * WEIGHT, asked()), (WEIGHT, asked(vehicles=0))):
        trips = draw_trips(NETWORK, weight, settings, seed=3)
        routes, drawn = fleet_routes(NETWORK, trips, np.ones(len(NETWORK.tail)), settings)
        assert not len(routes)
        assert np.isnan(drawn)
        assert np.isnan(fleet_share(routes))
