"""Recompute the routes of vehicles with on-board units, and how much of them is covered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.sparse.csgraph import dijkstra

from siting.verify.finding import Finding, none, same
from siting.verify.radio import covered_edges
from siting.verify.roads import road_graph

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    from siting.plan import Plan

    Floats = npt.NDArray[np.float64]

TOLERANCE_M = 0.5


def fleet_findings(plan: Plan, settings: Mapping[str, Any]) -> Iterator[Finding]:
    """Follow each route edge by edge; measure it, its coverage and the shortest way beside it."""
    routes, record = plan.obu_routes, plan.run["roadside"]["fleet"]
    asked = settings["on_board"]
    vehicles = float(routes.vehicles.sum()) if len(routes) else 0.0
    wanted = float(asked["vehicles"]) if len(routes) else 0.0
    yield same("vehicles with on-board units", vehicles, wanted)
    if not len(routes):
        yield Finding("share of a fleet without routes", record["share"] is None, "none", "none")
        return
    length, covered, broken = _followed(plan)
    yield none("routes follow the roads from end to end", routes.route_id[broken])
    # At the very edge of a disc a centimetre decides: two places of a route may fall either way.
    step = 2 * float(settings["point_step_m"])
    for column, found, most in (
        ("length_m", length, TOLERANCE_M),
        ("covered_m", covered, step),
    ):
        off = np.abs(found - routes[column].to_numpy(dtype=float)) > most
        yield none(f"{column} of routes", routes.route_id[off])
    longer = length > _shortest(plan, float(length.max())) + TOLERANCE_M
    yield none("routes are shortest ways", routes.route_id[longer])
    least, most = (float(asked[name]) * 1000 for name in ("least_km", "most_km"))
    outside = (length < least - TOLERANCE_M) | (length > most + TOLERANCE_M)
    yield none("routes are as long as they should be", routes.route_id[outside])
    weight = routes.vehicles.to_numpy(dtype=float)
    share = float((weight * covered).sum() / max((weight * length).sum(), 1e-9))
    yield same("share of fleet kilometres in coverage", float(record["share"]), share, 1e-3)


def _followed(plan: Plan) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Length, covered length and whether a route breaks off, shape (routes,)."""
    routes, roads = plan.obu_routes, plan.roads.set_index("edge_id")
    used = np.unique([int(word) for words in routes.edges for word in str(words).split()])
    share = covered_edges(plan, plan.roads[plan.roads.edge_id.isin(used)])
    length, covered = np.zeros(len(routes)), np.zeros(len(routes))
    broken = np.zeros(len(routes), dtype=bool)
    for row, route in enumerate(routes.to_dict("records")):
        edges = [int(word) for word in str(route["edges"]).split()]
        here, some = int(route["origin_id"]), roads.reindex(edges)
        for tail, head, oneway in zip(some.tail_id, some.head_id, some.oneway, strict=True):
            if tail == here:
                here = head
            elif head == here and oneway == 0:
                here = tail
            else:
                broken[row] = True
                break
        broken[row] |= here != int(route["target_id"])
        length[row] = some.length_m.sum()
        covered[row] = (some.length_m * share.reindex(edges).fillna(0.0)).sum()
    return length, covered, broken


def _shortest(plan: Plan, longest_m: float) -> Floats:
    """Metres of the shortest way between the ends of each route."""
    routes = plan.obu_routes
    ids, graph = road_graph(plan.roads)
    origin, at = np.unique(routes.origin_id.to_numpy(), return_inverse=True)
    target = ids.get_indexer(pd.Index(routes.target_id))
    found = np.zeros(len(routes))
    for number, start in enumerate(ids.get_indexer(pd.Index(origin)).tolist()):
        rows = np.flatnonzero(at == number)
        tree = dijkstra(graph, indices=[start], limit=longest_m + 1.0)[0]
        found[rows] = tree[target[rows]]
    return found
