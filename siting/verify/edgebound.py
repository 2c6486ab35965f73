"""Recompute the bound of the edge nodes from the prices of the sites and the roads layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.sparse.csgraph import dijkstra

from siting.verify.finding import Finding, same

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt
    from scipy.sparse import csr_array

    from siting.plan import Plan

    Floats = npt.NDArray[np.float64]

PREFIX = "edge_nodes/"
"""What the names of the evidence begin with."""
SLACK = 1e-6
"""Relative: sums of lengths in another order."""
SLACK_M = 0.5
"""Fibre this much longer than allowed still counts as an arc, which can only lower the bound."""
AT_ONCE = 64


def edge_bound_findings(
    plan: Plan, settings: Mapping[str, Any], ids: pd.Index[Any], graph: csr_array
) -> Iterator[Finding]:
    """
    Hold the bound of the edge nodes to the prices that were kept.

    Parameters
    ----------
    plan
        The plan, with its evidence.
    settings
        Of the edge nodes.
    ids, graph
        Nodes of the roads layer, and the roads as links both ways.
    """
    record = plan.run["roadside"]["edge_nodes"]
    named = plan.evidence.get(f"{PREFIX}site_id"), plan.evidence.get(f"{PREFIX}price")
    if named[0] is None or named[1] is None:
        lacking = record["bound"] is None or record["bound_by"] != "prices"
        yield Finding("edge-node prices are kept", lacking, str(record["bound_by"]), "none kept")
        return
    served = plan.rsus[plan.rsus.edge_node_id != ""]
    price = pd.Series(named[1].astype(float), index=named[0]).reindex(served.site_id)
    whole = len(named[0]) == len(served) and bool(np.isfinite(price).all())
    yield Finding("edge-node prices are those of the sites", whole, str(len(named[0])), "")
    if not whole:
        return
    found = _bound(served, price.to_numpy(dtype=float), settings, ids, graph)
    stated = float(record["priced_bound"])
    yield same("edge-node bound from the prices", stated, found, SLACK)
    if record["bound"] is None:
        return
    claimed, cost = float(record["bound"]), float(record["objective"])
    slack = SLACK * max(1.0, abs(cost))
    if record["bound_by"] == "prices":
        ok = claimed <= found + slack
        yield Finding("edge-node bound rests on prices", ok, f"{claimed:,.6g}", f"{found:,.6g}")
        return
    # The prices prove less than the tree: they must not contradict it.
    ok = found <= cost + slack
    name = "edge-node prices allow what branch and bound claims"
    yield Finding(name, ok, f"{claimed:,.6g}", f"{found:,.6g}")


def _bound(
    served: pd.DataFrame,
    price: Floats,
    settings: Mapping[str, Any],
    ids: pd.Index[Any],
    graph: csr_array,
) -> float:
    """
    Bound the cost of any plan of edge nodes by prices.

    Every plan collects all prices, once for each site that is served. A node's own part of it is
    at best its cost, less the price of its own site, less what its best `capacity - 1` other sites
    are worth beyond their fibre; nodes that are worth nothing stay out.
    """
    node_cny, each = float(settings["node_cny"]), float(settings["fibre_cny_per_m"])
    most = int(settings["capacity_sites"]) - 1
    reach = float(settings["fibre_m"])
    if each > 0:
        # Farther than this a node of its own is no dearer, and takes nobody's place.
        reach = min(reach, node_cny / each)
    stop = ids.get_indexer(pd.Index(served.node_id))
    total = float(price.sum())
    for first in range(0, len(stop), AT_ONCE):
        some = np.arange(first, min(first + AT_ONCE, len(stop)))
        metres = dijkstra(graph, indices=stop[some], limit=reach + SLACK_M)[:, stop]
        worth = np.minimum(np.where(np.isfinite(metres), each * metres - price, 0.0), 0.0)
        worth[np.arange(len(some)), some] = 0.0
        # A host and its sites alone: this block is as wide as the plan's sites.
        best = np.sort(worth, axis=1)[:, :most].sum(axis=1)
        total += float(np.minimum(node_cny - price[some] + best, 0.0).sum())
    return total
