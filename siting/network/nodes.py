"""Places on the network: snapping points to nodes, signals, junctions of several nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from siting.frames import ROAD_CLASSES

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.frames import Roads
    from siting.network.chains import Chains, Segments
    from siting.network.graph import Network

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]


def main_nodes(network: Network, least_share: float = 0.05) -> Bools:
    """
    Nodes that can reach one another: the large strongly connected components.

    Parameters
    ----------
    network
        The network.
    least_share
        Components with fewer than this share of all nodes, or a single one, are left out; the
        largest stays in any case. Islands of a city stay in, cut-off fragments don't.

    Returns
    -------
    main
        Shape (n,).
    """
    count, label = connected_components(network.travel, connection="strong")
    nodes = np.bincount(label, minlength=count)
    large = (nodes > 1) & (nodes >= least_share * len(label))
    large[np.argmax(nodes)] = True
    main: Bools = large[label]
    return main


def snap(
    network: Network, xy: npt.ArrayLike, limit_m: float, *, nodes: Bools | None = None
) -> tuple[Ints, Floats]:
    """
    Find the nearest node of points.

    Parameters
    ----------
    network
        The network.
    xy
        Points in `network.crs`, shape (p, 2).
    limit_m
        Farther points get no node.
    nodes
        Nodes that may be chosen, shape (n,); `main_nodes(network)` when left out, so that
        snapped points can reach each other.

    Returns
    -------
    node
        Node index, -1 where none is near enough, shape (p,).
    distance_m
        Straight-line distance to the nearest node, also where it is too far, shape (p,).
    """
    allowed = np.flatnonzero(main_nodes(network) if nodes is None else nodes)
    points = np.asarray(xy, dtype=np.float64).reshape(-1, 2)
    if len(allowed) == 0:
        return np.full(len(points), -1), np.full(len(points), np.inf)
    distance, found = cKDTree(network.node_xy[allowed]).query(points)
    node = np.where(distance <= limit_m, allowed[found], -1)
    return node.astype(np.int64), np.asarray(distance, dtype=np.float64)


def signal_nodes(
    roads: Roads, segments: Segments, chains: Chains, node_vertex: Ints, limit_m: float
) -> Bools:
    """
    Tell which nodes have a traffic signal.

    A signal marks the node it is on, or the nearer end of its edge when that lies within
    `limit_m` along the road (stop lines before a junction).

    Parameters
    ----------
    roads
        Roads with their signals; only the kind `traffic_signals` counts, signals that are on no
        road are left out.
    segments, chains
        The network's vertices and edges.
    node_vertex
        Vertex index of each node, shape (n,).
    limit_m
        Farthest end, metres.

    Returns
    -------
    signal
        Shape (n,).
    """
    ids = roads.signals["vertex_id"][roads.signals["kind"] == "traffic_signals"]
    lit = np.isin(segments.vertex_id, ids.to_numpy(dtype=np.int64))
    flagged = np.zeros(len(lit), dtype=bool)
    flagged[node_vertex] = lit[node_vertex]
    length_m = segments.length_m[chains.segment]
    reached = np.cumsum(length_m) - length_m
    edge = np.repeat(np.arange(len(chains.first) - 1), np.diff(chains.first))
    start, last = chains.first[:-1], chains.first[1:] - 1
    step = np.flatnonzero(lit[chains.tail])
    first, final = start[edge[step]], last[edge[step]]
    since = reached[step] - reached[first]
    until = reached[final] + length_m[final] - reached[step]
    near = np.where(since <= until, chains.tail[first], chains.head[final])
    flagged[near[np.minimum(since, until) <= limit_m]] = True
    signal: Bools = flagged[node_vertex]
    return signal


def cluster_junctions(network: Network, radius_m: float = 30.0) -> Ints:
    """
    Give the nodes of one real junction the same number.

    Where dual carriageways cross, a junction is four nodes or more. Nodes are joined along edges
    of at most `radius_m` that aren't ramps; a group wider than three radii is divided by complete
    linkage, so that a chain of short blocks doesn't become one junction.

    Parameters
    ----------
    network
        The network.
    radius_m
        Longest edge inside a junction.

    Returns
    -------
    junction
        Number of each node's junction, from 0 in the order of its first node, shape (n,).
    """
    ramp = np.array([name.endswith("_link") for name in ROAD_CLASSES])[network.highway]
    inner = (network.length_m <= radius_m) & ~ramp
    size = len(network.node_id)
    links = coo_array(
        (np.ones(int(inner.sum()), dtype=np.int8), (network.tail[inner], network.head[inner])),
        shape=(size, size),
    )
    label = connected_components(links, directed=False)[1].astype(np.int64)
    extent = _extent(network.node_xy, label)
    for group in np.flatnonzero(extent > 3 * radius_m):
        nodes = np.flatnonzero(label == group)
        parts = fcluster(
            linkage(network.node_xy[nodes], "complete"), 3 * radius_m, criterion="distance"
        )
        label[nodes] = label.max() + parts
    _, first, junction = np.unique(label, return_index=True, return_inverse=True)
    place = np.empty(len(first), dtype=np.int64)
    place[np.argsort(first, kind="stable")] = np.arange(len(first))
    return place[junction]


def _extent(xy: Floats, label: Ints) -> Floats:
    """Longest side of each group's bounding box, metres."""
    order = np.argsort(label, kind="stable")
    start = np.flatnonzero(np.r_[True, np.diff(label[order]) != 0])
    high = np.maximum.reduceat(xy[order], start)
    low = np.minimum.reduceat(xy[order], start)
    return np.asarray((high - low).max(axis=1), dtype=np.float64)
