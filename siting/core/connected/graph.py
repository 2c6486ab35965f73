"""Connected selection: arcs of the directed graph with a virtual root, and searches on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, dijkstra, maximum_flow

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.structures import Connected

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

UNITS = 10**6
"""Flow capacities are integers; this many make 1."""
_NIL = 1e-13


@dataclass(frozen=True, slots=True)
class Arcs:
    """
    Arcs of the rooted graph: both directions of each edge, then virtual root N to each root node.

    Attributes
    ----------
    nodes
        Number of nodes N without the virtual root.
    source, sink
        End nodes of each arc, shape (2 E + B,).
    root
        The B root nodes.
    alive
        Arcs that are no loop and belong to no edge that is out, shape (2 E + B,).
    indptr, indices, origin
        The same as CSR over N + 1 nodes with parallel arcs merged; row of each stored entry.
    place
        Stored entry of each alive arc, and -1 for the others.
    back
        Permutation that turns CSR data into data of the transposed CSR `back_indptr`,
        `back_indices`.
    back_indptr, back_indices
        Transposed structure.
    """

    nodes: int
    source: Ints
    sink: Ints
    root: Ints
    alive: Bools
    indptr: npt.NDArray[np.int32]
    indices: npt.NDArray[np.int32]
    origin: npt.NDArray[np.int32]
    place: Ints
    back: Ints
    back_indptr: npt.NDArray[np.int32]
    back_indices: npt.NDArray[np.int32]


def rooted_arcs(connected: Connected, root: Bools, out: Bools) -> Arcs:
    """
    Build the rooted graph of one part of the search space.

    Parameters
    ----------
    connected
        The instance.
    root, out
        Nodes that may be roots, and nodes that stay untouched, shape (N,).
    """
    size = connected.nodes + 1
    nodes = np.flatnonzero(root & ~out)
    source = np.r_[connected.tail, connected.head, np.full(len(nodes), connected.nodes)]
    sink = np.r_[connected.head, connected.tail, nodes]
    dead = connected.banned | out[connected.tail] | out[connected.head]
    alive = np.r_[np.tile(~dead & (connected.tail != connected.head), 2), np.ones(len(nodes), bool)]
    keys, place = np.unique(source[alive] * size + sink[alive], return_inverse=True)
    origin, indices = np.divmod(keys, size)
    indptr = np.searchsorted(origin, np.arange(size + 1)).astype(np.int32)
    back = np.lexsort((origin, indices))
    back_indptr = np.searchsorted(indices[back], np.arange(size + 1)).astype(np.int32)
    where = np.full(len(source), -1, dtype=np.int64)
    where[alive] = place
    return Arcs(
        nodes=connected.nodes,
        source=source,
        sink=sink,
        root=nodes,
        alive=alive,
        indptr=indptr,
        indices=indices.astype(np.int32),
        origin=origin.astype(np.int32),
        place=where,
        back=back,
        back_indptr=back_indptr,
        back_indices=origin[back].astype(np.int32),
    )


def distances(arcs: Arcs, cost: Floats, node: int, *, back: bool, most: float = np.inf) -> Floats:
    """
    Least cost from a node to all, or (`back`) from all to a node.

    Parameters
    ----------
    arcs
        The graph.
    cost
        Cost of each arc, >= 0, shape (2 E + B,).
    node
        The node; N is the virtual root.
    back
        Whether paths end at the node.
    most
        Costs above it come back as `inf`.

    Returns
    -------
    ndarray
        Costs, shape (N + 1,).
    """
    least = np.full(len(arcs.indices), np.inf)
    np.minimum.at(least, arcs.place[arcs.alive], cost[arcs.alive])
    least = np.maximum(least, _NIL)
    size = arcs.nodes + 1
    if back:
        data = (least[arcs.back], arcs.back_indices, arcs.back_indptr)
    else:
        data = (least, arcs.indices, arcs.indptr)
    return one_to_all(csr_array(data, shape=(size, size)), node, most)


def one_to_all(graph: csr_array, node: int, most: float = np.inf) -> Floats:
    """Least cost from one node to all, `inf` above `most`, shape (n,)."""
    found: Floats = dijkstra(graph, indices=np.array([node]), limit=most)[0]
    return found


def at_ends(nodes: int, tail: Ints, head: Ints, amount: Floats) -> Floats:
    """Sum of an amount of each edge at both its ends, shape (N,)."""
    total = np.zeros(nodes)
    np.add.at(total, tail, amount)
    np.add.at(total, head, amount)
    return total


def paths_to(arcs: Arcs, cost: Floats, wanted: Bools) -> Bools:
    """
    Arcs of a least-cost tree from the virtual root that lead to wanted nodes.

    Parameters
    ----------
    arcs
        The graph.
    cost
        Cost of each arc, >= 0, shape (2 E + B,).
    wanted
        Nodes to reach, shape (N,).

    Returns
    -------
    ndarray
        Arcs on the tree paths, bool, shape (2 E + B,).
    """
    alive = np.flatnonzero(arcs.alive)
    order = alive[np.lexsort((cost[alive], arcs.place[alive]))]
    first = np.r_[True, np.diff(arcs.place[order]) != 0]
    cheapest = order[first]
    size = arcs.nodes + 1
    graph = csr_array((np.maximum(cost[cheapest], _NIL), arcs.indices, arcs.indptr), (size, size))
    roots = np.array([arcs.nodes])
    away, before = dijkstra(graph, indices=roots, return_predecessors=True)
    away, before = away[0], before[0]
    seat = {key: k for k, key in enumerate(arcs.origin.astype(np.int64) * size + arcs.indices)}
    used = np.zeros(len(arcs.source), dtype=bool)
    seen = np.zeros(size, dtype=bool)
    seen[arcs.nodes] = True
    for start in np.flatnonzero(wanted & np.isfinite(away[: arcs.nodes])).tolist():
        node = start
        while not seen[node]:
            seen[node] = True
            used[cheapest[seat[int(before[node]) * size + node]]] = True
            node = int(before[node])
    return used


def capacities(arcs: Arcs, value: Floats) -> npt.NDArray[np.int32]:
    """Turn arc values in [0, 1] into integer capacities of the stored entries."""
    total = np.zeros(len(arcs.indices))
    np.add.at(total, arcs.place[arcs.alive], np.maximum(value[arcs.alive], 0.0))
    return np.minimum(np.rint(total * UNITS), UNITS).astype(np.int32)


def least_cuts(
    arcs: Arcs, capacity: npt.NDArray[np.int32], target: int, enough: float
) -> list[Bools]:
    """
    Least cuts between the virtual root and a node, if they are below `enough`.

    Returns
    -------
    list
        Node sets (N + 1,) with the target inside: the smallest, and the largest where it differs.
    """
    size = arcs.nodes + 1
    graph = csr_array((capacity, arcs.indices, arcs.indptr), shape=(size, size))
    flow = maximum_flow(graph, arcs.nodes, target)
    if flow.flow_value >= enough * UNITS:
        return []
    rest = csr_array(graph - csr_array(flow.flow))
    rest.data = (rest.data > 0).astype(np.int8)
    rest.eliminate_zeros()
    small = np.zeros(size, dtype=bool)
    small[breadth_first_order(csr_array(rest.T), target, return_predecessors=False)] = True
    large = np.ones(size, dtype=bool)
    large[breadth_first_order(rest, arcs.nodes, return_predecessors=False)] = False
    return [small] if (small == large).all() else [small, large]
