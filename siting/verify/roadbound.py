"""Recompute the bound of connected roads from its multipliers, by arithmetic alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    Arrays = Mapping[str, npt.NDArray[Any]]
    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

AT_ONCE = 4_000_000
"""Most numbers of a dense block of levels."""


def roads_bound(a: Arrays) -> float:
    """
    Bound the worth of any connected choice of roads, from any multipliers.

    A choice is oriented as a forest from its roots: arcs z, touched nodes y, roots r beside the
    chosen roads x. The link, ends, supply, roots, length and side rows and the connection rows
    (levels that rise from 0 to 1 on the way from a root to a touched node) are priced into the
    objective; what is left is a sum over columns between 0 and 1. Multipliers that prove nothing
    are cut. Without anchors and with one part the choices are divided by regions: part k holds
    those that touch region k and none before it.

    Parameters
    ----------
    a
        `evidence.connected_evidence` without the prefix.

    Returns
    -------
    bound
        Infinite where the multipliers don't cover every choice.
    """
    region = a["region"].astype(np.int64)
    count = 1 + max((int(n.partition("/")[0]) for n in a if n.endswith("/price")), default=-1)
    divided = not len(a["anchors"]) and int(a["components"]) == 1
    nodes = int(a["nodes"])
    if count < 1 or region.shape != (nodes,):
        return np.inf
    if nodes and not 0 <= region.min() <= region.max() < count:
        return np.inf
    if not divided and (count > 1 or region.any()):
        return np.inf
    parts = []
    for k in range(count):
        root, out = np.zeros(nodes, dtype=bool), np.zeros(nodes, dtype=bool)
        if divided:
            root, out = region == k, region < k
        elif len(a["anchors"]):
            root[a["anchors"].astype(np.int64)] = True
        else:
            root[:] = True
        named = {n.partition("/")[2]: v for n, v in a.items() if n.startswith(f"{k}/")}
        parts.append(_part_bound(a, named, root, out))
    return max(parts)


def _part_bound(a: Arrays, duals: Arrays, root: Bools, out: Bools) -> float:
    """Bound of the choices with roots among some nodes that leave others untouched."""
    tail, head = a["tail"].astype(np.int64), a["head"].astype(np.int64)
    edges, nodes = len(tail), int(a["nodes"])
    forced, banned = a["forced"].astype(bool), a["banned"].astype(bool)
    free = ~(banned | out[tail] | out[head])
    if (forced & ~free).any():
        return -np.inf
    if any(not np.isfinite(values).all() for values in duals.values()):
        return np.inf
    rows, lower, upper = _rows(a)
    price = duals["rows"].astype(float)
    price = np.where((price > 0) & np.isinf(upper) | (price < 0) & np.isinf(lower), 0.0, price)
    link = np.maximum(duals["link"].astype(float), 0.0)
    ends = np.maximum(duals["ends"].astype(float), 0.0)
    supply, toll = duals["supply"].astype(float), max(float(duals["roots"][0]), 0.0)
    climb, reach, at_target = _levels(duals, tail, head, nodes)
    edge = a["prize"] + link - ends[:edges] - ends[edges:] - price @ rows
    arc = climb - np.tile(link, 2) - supply[np.concatenate([head, tail])]
    node = supply - at_target
    node += np.bincount(tail, weights=ends[:edges], minlength=nodes)
    node += np.bincount(head, weights=ends[edges:], minlength=nodes)
    start = reach - supply - toll
    must = np.zeros(nodes, dtype=bool)
    must[tail[forced]] = must[head[forced]] = True
    line = np.tile(free & (tail != head), 2)
    limit = np.where(price > 0, upper, np.where(price < 0, lower, 0.0))
    total = float((price * limit).sum()) + toll * float(a["components"])
    total += float(np.where(forced, edge, np.where(free, np.maximum(edge, 0.0), 0.0)).sum())
    total += float(np.maximum(arc, 0.0)[line].sum())
    total += float(np.where(must, node, np.where(out, 0.0, np.maximum(node, 0.0))).sum())
    return total + float(np.maximum(start, 0.0)[root & ~out].sum())


def _rows(a: Arrays) -> tuple[csr_array, Floats, Floats]:
    """Length and side rows together: coefficients, lower and upper bounds."""
    edges = len(a["tail"])
    side = np.zeros((len(a["row_lower"]), edges))
    table = csr_array(
        (a["row_edge.data"], a["row_edge.indices"], a["row_edge.indptr"]), shape=side.shape
    )
    rows = csr_array(np.vstack([a["length_m"][None, :], table.toarray()]))
    least = float(a["least_m"])
    lower = np.concatenate([[least if least > 0 else -np.inf], a["row_lower"]])
    return rows, lower, np.concatenate([[float(a["most_m"])], a["row_upper"]])


def _levels(duals: Arrays, tail: Ints, head: Ints, nodes: int) -> tuple[Floats, Floats, Floats]:
    """
    Sum the connection rows over their prices.

    Returns
    -------
    climb, reach, at_target
        Rise of the levels along each arc (2 E,), level of each node (N,), price at targets (N,).
    """
    target = duals["target"].astype(np.int64)
    count = len(target)
    place = (duals["level_node"].astype(np.int64), duals["level_start"].astype(np.int64))
    level = csr_array((duals["level"], *place), shape=(count, nodes))
    climb, reach = np.zeros(2 * len(tail)), np.zeros(nodes)
    used = np.zeros(nodes)
    step = max(1, AT_ONCE // max(1, nodes + 2 * len(tail)))
    for first in range(0, count, step):
        block = np.clip(level[first : first + step].toarray(), 0.0, 1.0)
        some = target[first : first + step]
        price = np.maximum(duals["price"][first : first + step].astype(float), 0.0)
        # A level below 1 at its target proves less than its row says.
        price = np.where(block[np.arange(len(some)), some] == 1.0, price, 0.0)
        rise = block[:, head] - block[:, tail]
        climb[: len(tail)] += price @ np.maximum(rise, 0.0)
        climb[len(tail) :] += price @ np.maximum(-rise, 0.0)
        reach += price @ block
        used += np.bincount(some, weights=price, minlength=nodes)
    return climb, reach, used
