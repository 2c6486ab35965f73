"""Recompute the edge nodes from the layers: who is served, along which fibre, at what cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import dijkstra

from siting.verify.edgebound import edge_bound_findings
from siting.verify.finding import Finding, none, same

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import geopandas as gpd
    import numpy.typing as npt

    from siting.plan import Plan

    Bools = npt.NDArray[np.bool_]

FIBRE_TOLERANCE_M = 0.5
"""Largest difference between a stated and a recomputed length of fibre."""
GAP_TOLERANCE = 1e-4
SENSING = frozenset({"sensing", "full"})
"""Equipment that needs computing near by."""


def edge_findings(plan: Plan, settings: Mapping[str, Any]) -> Iterator[Finding]:
    """Recompute reach, capacity, cost and bound of the edge nodes."""
    nodes, rsus = plan.edge_nodes, plan.rsus
    yield same("edge nodes", float(plan.run["totals"]["edge_nodes"]), float(len(nodes)))
    asked = needs_node(rsus)
    served = rsus.edge_node_id.to_numpy() != ""
    yield none("sites that need an edge node have one", rsus.site_id[asked & ~served])
    yield none("sites that need no edge node have none", rsus.site_id[~asked & served])
    if not len(nodes):
        return
    yield none("edge node ids occur once", nodes.edge_node_id[nodes.edge_node_id.duplicated()])
    known = rsus.edge_node_id.isin(nodes.edge_node_id).to_numpy()
    yield none("edge nodes that serve sites are there", rsus.site_id[served & ~known])
    own = rsus.set_index("site_id").edge_node_id.reindex(nodes.site_id).to_numpy()
    astray = nodes.edge_node_id[own != nodes.edge_node_id.to_numpy()]
    yield none("edge nodes stand at a site that they serve", astray)
    yield from _check_fibre(plan, settings, served & known)
    yield from _check_load(plan, settings)
    yield from _check_bound(plan, settings)
    yield from edge_bound_findings(plan, settings["edge_nodes"], *both_ways(plan.roads))


def needs_node(rsus: gpd.GeoDataFrame) -> Bools:
    """Tell the sites that sense or stand at a junction, shape (sites,)."""
    asked = rsus.level.isin(SENSING) | (rsus.junction_id != "")
    return np.asarray(asked.to_numpy(dtype=bool))


def _check_fibre(plan: Plan, settings: Mapping[str, Any], some: Bools) -> Iterator[Finding]:
    """Measure the fibre of each site along the roads layer, in either direction."""
    rsus = plan.rsus[some]
    ids, graph = both_ways(plan.roads)
    host = plan.edge_nodes.set_index("edge_node_id").node_id.reindex(rsus.edge_node_id)
    stop, of_site = np.unique(host.to_numpy(), return_inverse=True)
    site = ids.get_indexer(pd.Index(rsus.node_id))
    limit = max(float(rsus.fibre_m.max()), 0.0) + 2 * FIBRE_TOLERANCE_M
    metres = np.full(len(rsus), np.inf)
    for first in range(0, len(stop), 64):
        rows = np.flatnonzero((of_site >= first) & (of_site < first + 64))
        at = ids.get_indexer(pd.Index(stop[first : first + 64]))
        trees = dijkstra(graph, indices=at, limit=limit)
        metres[rows] = trees[of_site[rows] - first, site[rows]]
    off = ~(np.abs(metres - rsus.fibre_m.to_numpy(dtype=float)) <= FIBRE_TOLERANCE_M)
    yield none("fibre from site to edge node along roads", rsus.site_id[off])
    far = metres > float(settings["edge_nodes"]["fibre_m"]) + FIBRE_TOLERANCE_M
    yield none("sites within fibre reach", rsus.site_id[far])
    price = float(settings["edge_nodes"]["fibre_cny_per_m"])
    cost = np.round(rsus.fibre_m.to_numpy(dtype=float) * price)
    wrong = np.abs(cost - rsus.fibre_cny.to_numpy(dtype=float)) > 1
    yield none("cost of fibre", rsus.site_id[wrong])
    bare = plan.rsus[~some]
    yield none("sites without a node have no fibre", bare.site_id[bare.fibre_cny != 0])


def both_ways(roads: gpd.GeoDataFrame) -> tuple[pd.Index[Any], csr_array]:
    """Build the roads layer as links that run both ways; parallel edges keep the shortest."""
    ids = pd.Index(np.unique(np.concatenate([roads.tail_id, roads.head_id])))
    a, b = ids.get_indexer(pd.Index(roads.tail_id)), ids.get_indexer(pd.Index(roads.head_id))
    table = pd.DataFrame(
        {
            "a": np.concatenate([a, b]),
            "b": np.concatenate([b, a]),
            "m": np.maximum(np.tile(roads.length_m.to_numpy(dtype=float), 2), 1e-3),
        }
    )
    least = table[table.a != table.b].groupby(["a", "b"], as_index=False).m.min()
    links = coo_array((least.m, (least.a, least.b)), shape=(len(ids), len(ids)))
    return ids, csr_array(links)


def _check_load(plan: Plan, settings: Mapping[str, Any]) -> Iterator[Finding]:
    nodes, rsus = plan.edge_nodes, plan.rsus
    grouped = rsus[rsus.edge_node_id != ""].groupby("edge_node_id")
    load = grouped.size().reindex(nodes.edge_node_id, fill_value=0).to_numpy()
    most = int(settings["edge_nodes"]["capacity_sites"])
    yield none("edge nodes within their capacity", nodes.edge_node_id[load > most])
    yield none("edge nodes serve somebody", nodes.edge_node_id[load < 1])
    yield none("sites of each edge node", nodes.edge_node_id[load != nodes.sites.to_numpy()])
    for column in ("fibre_m", "fibre_cny"):
        total = (
            grouped[column].sum().reindex(nodes.edge_node_id, fill_value=0).to_numpy(dtype=float)
        )
        off = np.abs(total - nodes[column].to_numpy(dtype=float)) > 1e-3 * (1 + load)
        yield none(f"{column} of each edge node", nodes.edge_node_id[off])
    first = grouped.phase.min().reindex(nodes.edge_node_id).to_numpy()
    yield none(
        "an edge node is built with its first site",
        nodes.edge_node_id[first != nodes.phase.to_numpy()],
    )
    price = float(settings["edge_nodes"]["node_cny"])
    wrong = np.abs(nodes.cost_cny.to_numpy(dtype=float) - price) > 1
    yield none("cost of edge nodes", nodes.edge_node_id[wrong])


def _check_bound(plan: Plan, settings: Mapping[str, Any]) -> Iterator[Finding]:
    part = settings["edge_nodes"]
    record = plan.run["roadside"]["edge_nodes"]
    fibre_m = float(plan.rsus.fibre_m.sum())
    cost = len(plan.edge_nodes) * float(part["node_cny"]) + fibre_m * float(part["fibre_cny_per_m"])
    yield same("edge-node objective", float(record["objective"]), cost, 1e-6)
    bound = -np.inf if record["bound"] is None else float(record["bound"])
    ok = bound <= cost * (1 + 1e-6)
    yield Finding("edge-node bound is not above the plan", ok, f"{bound:,.0f}", f"{cost:,.0f}")
    # What any plan needs: nodes for all sites, each with as many as it may serve.
    sites = int((plan.rsus.edge_node_id != "").sum())
    least = -(-sites // int(part["capacity_sites"])) * float(part["node_cny"])
    ok = cost >= least - 1
    yield Finding("edge nodes for all sites are paid", ok, f"{cost:,.0f}", f"{least:,.0f}")
    if record["bound"] is None:
        yield Finding("edge-node gap without a bound", record["gap"] is None, "none", "none")
        return
    gap = max(0.0, cost - bound) / max(cost, 1e-9)
    yield same("edge-node gap", float(record["gap"]), gap, GAP_TOLERANCE)
