"""Vehicles with on-board units: routes drawn by a stated rule, and how far coverage carries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse.csgraph import dijkstra

from siting.network import main_nodes

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.model.roadside import OnBoard
    from siting.network import Network

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Trips:
    """
    Shortest ways between drawn ends, as many as were considered.

    Attributes
    ----------
    origin, target
        Network nodes, shape (r,).
    edges
        Network edges along each way in the order driven, r arrays.
    """

    origin: npt.NDArray[np.int64]
    target: npt.NDArray[np.int64]
    edges: tuple[npt.NDArray[np.int64], ...]


def fleet_routes(
    network: Network,
    trips: Trips,
    covered_share: npt.NDArray[np.float64],
    settings: OnBoard,
) -> tuple[pd.DataFrame, float]:
    """
    Place a fleet on the drawn trips that lie most in coverage.

    The `routes` trips with the largest covered share carry the fleet in equal parts, the first of
    them one vehicle more where the number doesn't divide.

    Parameters
    ----------
    network
        Roads.
    trips
        What was drawn, see `draw_trips`.
    covered_share
        Share of each edge that is covered, shape (m,).
    settings
        Size of the fleet.

    Returns
    -------
    routes
        As `Plan.obu_routes`, best covered first.
    drawn_share
        Covered share of all trips drawn, what a fleet taken blindly would have; NaN of none.
    """
    length = np.array([network.length_m[way].sum() for way in trips.edges], dtype=np.float64)
    metres = network.length_m * covered_share
    covered = np.array([metres[way].sum() for way in trips.edges], dtype=np.float64)
    drawn = float(covered.sum() / length.sum()) if length.sum() else float("nan")
    share = covered / np.maximum(length, 1e-9)
    best = np.lexsort((np.arange(len(share)), -share))[: settings.routes]
    count = len(best)
    vehicles = np.full(count, settings.vehicles // max(count, 1))
    vehicles[: settings.vehicles - int(vehicles.sum())] += 1
    frame = pd.DataFrame(
        {
            "route_id": [f"r{k:04d}" for k in range(1, count + 1)],
            "vehicles": vehicles,
            "origin_id": network.node_id[trips.origin[best]],
            "target_id": network.node_id[trips.target[best]],
            "length_m": np.round(length[best], 3),
            "covered_m": np.round(covered[best], 3),
            "covered_share": share[best],
            "edges": [" ".join(map(str, trips.edges[k].tolist())) for k in best],
        }
    )
    return frame, drawn


def fleet_share(routes: pd.DataFrame) -> float:
    """Share of the kilometres of a fleet that lie in coverage; NaN of no fleet."""
    driven_m = float((routes["vehicles"] * routes["length_m"]).sum()) if len(routes) else 0.0
    covered_m = float((routes["vehicles"] * routes["covered_m"]).sum()) if len(routes) else 0.0
    return covered_m / driven_m if driven_m else float("nan")


def draw_trips(
    network: Network, weight: npt.NDArray[np.float64], settings: OnBoard, *, seed: int
) -> Trips:
    """
    Draw depots by demand, then targets by demand within the lengths from each.

    Parameters
    ----------
    network
        Roads; one-way rules hold.
    weight
        Demand at each node, shape (n,).
    settings
        Numbers of routes, of trips considered for each, of depots; least and most length.
    seed
        Of the draw.

    Returns
    -------
    Trips
        `routes` x `considered` shortest ways, fewer where few targets are in reach; none without
        demand or vehicles.
    """
    rng = np.random.default_rng(seed)
    chance = np.where(main_nodes(network), np.maximum(weight, 0.0), 0.0)
    wanted = settings.routes * settings.considered
    if not chance.sum() > 0 or settings.vehicles == 0:
        return Trips(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), ())
    size = min(settings.origins, int((chance > 0).sum()))
    depots = rng.choice(len(chance), size, replace=False, p=chance / chance.sum())
    each = -(-wanted // size)
    edge_of = _edges_by_ends(network)
    least_m, most_m = settings.least_km.value * 1000, settings.most_km.value * 1000
    found: list[tuple[int, int, Ints]] = []
    for depot in depots.tolist():
        trees, roots = dijkstra(
            network.travel, indices=[depot], limit=most_m, return_predecessors=True
        )
        metres, before = trees[0], roots[0].astype(np.int64)
        likely = np.where((metres >= least_m) & (metres <= most_m), chance, 0.0)
        if not likely.sum() > 0:
            continue
        count = min(each, int((likely > 0).sum()))
        targets = rng.choice(len(likely), count, replace=False, p=likely / likely.sum())
        found += [(depot, t, _way(before, t, edge_of, len(chance))) for t in targets.tolist()]
    found = found[:wanted]
    return Trips(
        np.array([origin for origin, *_ in found], dtype=np.int64),
        np.array([target for _, target, _ in found], dtype=np.int64),
        tuple(way for *_, way in found),
    )


def _edges_by_ends(network: Network) -> tuple[Ints, Ints]:
    """Return keys `tail * n + head` of all directed links, sorted, and the shortest edge of each.

    Ties between parallel edges go to the lower number.
    """
    nodes = len(network.node_id)
    back = np.flatnonzero(network.oneway == 0)
    edge = np.r_[np.arange(len(network.tail)), back]
    key = np.r_[
        network.tail * nodes + network.head, network.head[back] * nodes + network.tail[back]
    ]
    order = np.lexsort((edge, network.length_m[edge], key))
    first = np.r_[True, np.diff(key[order]) != 0] if len(order) else order == 0
    return key[order][first], edge[order][first]


def _way(before: Ints, target: int, edge_of: tuple[Ints, Ints], nodes: int) -> Ints:
    """Edges from the root of a tree of predecessors to a node, in the order driven."""
    stops = [target]
    while (node := int(before[stops[-1]])) >= 0:
        stops.append(node)
    path = np.array(stops[::-1], dtype=np.int64)
    keys, edges = edge_of
    return edges[np.searchsorted(keys, path[:-1] * nodes + path[1:])]
