"""
Connected selection: choices grown as pruned trees at a price, filled up to the window.

At prices of the side rows every edge has a profit. A least-cost spanning tree from the roots is cut
back to its most profitable subtree by one sweep from the leaves; all profitable edges between
touched nodes join. The length price that just keeps within the window is found by bisection, and
what is left of the window is filled with adjoining edges. Other cost estimates (shares of a
relaxation, losses left by an ascent, random shakes) give other trees.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, dijkstra, minimum_spanning_tree

from siting.core.connected.check import TOLERANCE, side_rows
from siting.core.connected.graph import at_ends, one_to_all

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.structures import Connected

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

_NIL = 1e-9


@dataclass(frozen=True, slots=True)
class Field:
    """
    What growing needs to know of an instance.

    Attributes
    ----------
    connected
        The instance.
    hearts
        Nodes to grow from: the anchors, or nodes in rich places, shape (H,).
    sides
        `side_rows`, coefficients dense, (1 + R, E).
    tail, head
        End nodes of edges and of the links from the virtual root N to the hearts, (E + H,).
    around
        For each node its edges, as (`first`, `edge`) in CSR fashion.
    """

    connected: Connected
    hearts: Ints
    sides: tuple[Floats, Floats, Floats]
    tail: Ints
    head: Ints
    first: Ints
    edge: Ints


def field_of(connected: Connected, hearts: Ints) -> Field:
    """Prepare an instance for growing from the given nodes."""
    matrix, lower, upper = side_rows(connected)
    edges = len(connected.tail)
    ends = np.r_[connected.tail, connected.head]
    order = np.argsort(ends, kind="stable")
    first = np.searchsorted(ends[order], np.arange(connected.nodes + 1))
    return Field(
        connected=connected,
        hearts=hearts,
        sides=(matrix.toarray(), lower, upper),
        tail=np.r_[connected.tail, np.full(len(hearts), connected.nodes)],
        head=np.r_[connected.head, hearts],
        first=first,
        edge=np.tile(np.arange(edges), 2)[order],
    )


def rooted_at(field: Field, hearts: Ints) -> Field:
    """Take other nodes to grow from."""
    edges = len(field.connected.tail)
    return replace(
        field,
        hearts=hearts,
        tail=np.r_[field.tail[:edges], np.full(len(hearts), field.connected.nodes)],
        head=np.r_[field.head[:edges], hearts],
    )


def distance_from(field: Field, node: int) -> Floats:
    """Distance of each edge from a node along edges, over the largest, shape (E,)."""
    connected = field.connected
    shape = (connected.nodes, connected.nodes)
    ends = (np.r_[connected.tail, connected.head], np.r_[connected.head, connected.tail])
    order = np.lexsort((np.tile(connected.length_m, 2), ends[1], ends[0]))
    keys = ends[0][order] * connected.nodes + ends[1][order]
    first = order[np.r_[True, np.diff(keys) != 0][: len(order)]]
    metres = np.maximum(np.tile(connected.length_m, 2), _NIL)[first]
    graph = csr_array((metres, (ends[0][first], ends[1][first])), shape=shape)
    away = one_to_all(graph, node)
    away = np.minimum(away, away[np.isfinite(away)].max())
    mean = (away[connected.tail] + away[connected.head]) / 2.0
    return np.asarray(mean / max(float(mean.max(initial=0.0)), 1e-9), dtype=np.float64)


def hearts_of(connected: Connected, count: int) -> Ints:
    """
    Nodes to grow from: the anchors, or else nodes in the richest places, apart from each other.

    Richness is prize a metre, smoothed over the graph so that it tells of some tens of edges.
    """
    if len(connected.anchors):
        return np.unique(connected.anchors)
    open_edge = ~connected.banned
    tail, head = connected.tail[open_edge], connected.head[open_edge]
    shape = (connected.nodes, connected.nodes)
    links = csr_array((np.ones(2 * len(tail)), (np.r_[tail, head], np.r_[head, tail])), shape)
    degree = np.maximum(np.asarray(links.sum(axis=1)).ravel(), 1.0)
    prize, length = connected.prize[open_edge], connected.length_m[open_edge]
    value = at_ends(connected.nodes, tail, head, prize)
    metres = at_ends(connected.nodes, tail, head, length)
    score = np.zeros(connected.nodes)
    for _ in range(40):
        value = 0.5 * value + 0.5 * (links @ (value / degree))
        metres = 0.5 * metres + 0.5 * (links @ (metres / degree))
    score = np.where(degree > 0, value / np.maximum(metres, 1e-9), 0.0)
    if connected.forced.any():
        score[connected.tail[connected.forced]] += score.max() + 1.0
    found: list[int] = []
    barred = np.zeros(connected.nodes, dtype=bool)
    for node in np.argsort(-score, kind="stable").tolist():
        if barred[node]:
            continue
        found.append(node)
        if len(found) >= count:
            break
        near = np.zeros(connected.nodes, dtype=bool)
        near[node] = True
        for _ in range(10):
            near |= (links @ near.astype(float)) > 0
        barred |= near
    return np.array(found, dtype=np.int64)


def grown(
    field: Field, profit: Floats, cost: Floats, root_cost: float, *, paths: bool = False
) -> Bools:
    """
    Grow the most profitable subtree of a spanning tree, plus profitable chords.

    Parameters
    ----------
    field
        The instance.
    profit
        Prize of each edge less what it pays to the side rows, shape (E,).
    cost
        Cost of each edge for the spanning tree, >= 0, shape (E,).
    root_cost
        Cost of a further root in the tree.
    paths
        Whether the tree is one of least-cost paths from the roots, else one of least total cost.

    Returns
    -------
    ndarray
        Chosen edges, shape (E,).
    """
    connected = field.connected
    edges, top = len(connected.tail), connected.nodes
    big = 1.0 + float(np.abs(profit).sum())
    profit = np.where(connected.forced, big, profit)
    usable = ~connected.banned & (connected.tail != connected.head)
    able = np.r_[usable, np.ones(len(field.hearts), dtype=bool)]
    price = np.r_[np.where(connected.forced, 0.0, cost), np.full(len(field.hearts), root_cost)]
    order, before, through = _tree(field, able, price, paths=paths)
    gain = np.r_[profit, np.zeros(len(field.hearts))]
    # Loops and chords wait; the tree alone decides what is worth touching.
    value, up, parent = [0.0] * (top + 1), gain[through].tolist(), before.tolist()
    for node in order[:0:-1].tolist():
        worth = value[node] + up[node]
        if worth > 0 and parent[node] != top:
            value[parent[node]] += worth
    first = np.flatnonzero(before[: top + 1] == top)
    first = first[np.isin(first, order)]
    worth = np.array([value[node] for node in first.tolist()])
    kept = set(first[np.argsort(-worth, kind="stable")[: connected.components]].tolist())
    inside = [False] * (top + 1)
    used = []
    for node in order[1:].tolist():
        if parent[node] == top:
            inside[node] = node in kept
        elif inside[parent[node]] and value[node] + up[node] > 0:
            inside[node] = True
            used.append(int(through[node]))
    chosen = np.zeros(edges, dtype=bool)
    chosen[used] = True
    touched = np.array(inside[:top])
    chords = (profit > 0) & ~connected.banned
    chords &= touched[connected.tail] & touched[connected.head]
    return np.asarray(chosen | chords)


def _tree(field: Field, able: Bools, price: Floats, *, paths: bool) -> tuple[Ints, Ints, Ints]:
    """Spanning tree from the virtual root: order of visits, node before, edge before."""
    size = field.connected.nodes + 1
    index = np.flatnonzero(able)
    low = np.minimum(field.tail[index], field.head[index])
    high = np.maximum(field.tail[index], field.head[index])
    index = index[np.lexsort((price[index], high, low))]
    low = np.minimum(field.tail[index], field.head[index])
    high = np.maximum(field.tail[index], field.head[index])
    lead = np.r_[True, (np.diff(low) != 0) | (np.diff(high) != 0)][: len(index)]
    index, low, high = index[lead], low[lead], high[lead]
    graph = csr_array((price[index] + _NIL, (low, high)), shape=(size, size))
    if paths:
        top = np.array([size - 1])
        away, before = dijkstra(graph, directed=False, indices=top, return_predecessors=True)
        away, before = away[0], before[0]
        order = np.argsort(away, kind="stable")[: int(np.isfinite(away).sum())]
        rest = order[1:]
        ends = np.sort(np.c_[rest, before[rest]].astype(np.int64), axis=1)
        through = np.zeros(size, dtype=np.int64)
        through[rest] = index[np.searchsorted(low * size + high, ends[:, 0] * size + ends[:, 1])]
        return order.astype(np.int64), before.astype(np.int64), through
    tree = minimum_spanning_tree(graph).tocoo()
    seat = np.searchsorted(low * size + high, tree.row.astype(np.int64) * size + tree.col)
    both = csr_array(
        (
            np.tile(index[seat] + 1, 2),
            (np.r_[tree.row, tree.col], np.r_[tree.col, tree.row]),
        ),
        shape=(size, size),
    )
    visits, parents = breadth_first_order(both, size - 1, directed=True)
    through = np.zeros(size, dtype=np.int64)
    rest = visits[1:].astype(np.int64)
    if len(rest):
        through[rest] = np.asarray(both[rest, parents[rest]]).ravel() - 1
    return visits.astype(np.int64), parents.astype(np.int64), through


def filled(field: Field, chosen: Bools, rows: Floats) -> Bools:
    """
    Fill what is left of the window with adjoining edges, the best profit a metre first.

    Parameters
    ----------
    field, chosen, rows
        Instance, connected choice (E,), prices of the side rows (1 + R,).
    """
    connected = field.connected
    matrix, _, upper = field.sides
    chosen = chosen.copy()
    used = matrix @ chosen.astype(float)
    room = upper + TOLERANCE / 2 * np.maximum(1.0, np.abs(used))
    other = rows.copy()
    other[0] = 0.0
    ratio = (connected.prize - other @ matrix) / np.maximum(connected.length_m, 1e-9)
    seen = chosen | connected.banned
    heap: list[tuple[float, int]] = []

    def offer(node: int) -> None:
        for edge in field.edge[field.first[node] : field.first[node + 1]].tolist():
            if not seen[edge]:
                seen[edge] = True
                heapq.heappush(heap, (-ratio[edge], edge))

    touched = np.zeros(connected.nodes, dtype=bool)
    touched[connected.tail[chosen]] = True
    touched[connected.head[chosen]] = True
    for node in np.flatnonzero(touched).tolist():
        offer(node)
    while heap:
        _, edge = heapq.heappop(heap)
        after = used + matrix[:, edge]
        if (after > room).any() or (connected.prize[edge] <= 0 and used[0] >= connected.least_m):
            continue
        chosen[edge] = True
        used = after
        for node in (int(connected.tail[edge]), int(connected.head[edge])):
            if not touched[node]:
                touched[node] = True
                offer(node)
    return chosen


@dataclass(frozen=True, slots=True)
class Bias:
    """
    How one growth differs from the plain one.

    Attributes
    ----------
    discount
        Factor on the cost of each edge, shape (E,), or one for all.
    losses
        Loss an ascent leaves on each edge, taken for the cost together with `share` of the plain
        loss, shape (E,), or None for the plain loss alone.
    share
        See `losses`.
    away
        Distance of each edge from some centre over the largest, shape (E,): the window is then kept
        by a loss that grows with the square of it, at a fixed length price. Where places are alike,
        the length price alone knows only nothing and far too much.
    root_cost
        Cost of a further root.
    """

    discount: Floats | float = 1.0
    losses: Floats | None = None
    share: float = 0.1
    away: Floats | None = None
    root_cost: float = 0.0


def within_window(field: Field, rows: Floats, bias: Bias, *, steps: int = 12) -> Bools:
    """
    Grow at the price that just keeps within the window, then fill.

    Parameters
    ----------
    field
        The instance.
    rows
        Prices of the side rows to start from; that of length is searched around its value, unless
        the bias has a centre.
    bias
        See `Bias`.
    steps
        Growths.
    """
    connected = field.connected
    best = np.zeros(len(connected.tail), dtype=bool)
    best_prize = -1.0
    central = bias.away is not None and rows[0] > 0
    low, high = 0.0, np.inf
    value = 1.0 if central else float(rows[0])
    least = 1e-3 * float((connected.prize / np.maximum(connected.length_m, 1e-9)).max(initial=0.0))
    for _ in range(steps):
        chosen, price = _at_price(field, rows, bias, value, central=central)
        if float(connected.length_m @ chosen) <= connected.most_m * (1 + TOLERANCE / 2):
            full = filled(field, chosen, price)
            prize = float(connected.prize @ full)
            if prize > best_prize:
                best, best_prize = full, prize
            high = value
        else:
            low = value
        if high - low < 1e-4 * high or value == 0 == high:
            break
        value = (low + high) / 2.0 if np.isfinite(high) else max(1.5 * low, least)
    return best


def _at_price(
    field: Field, rows: Floats, bias: Bias, value: float, *, central: bool
) -> tuple[Bools, Floats]:
    """Grow a tree of least total cost, then paths that pay from what it chose."""
    connected = field.connected
    price = rows.copy()
    profit = connected.prize - price @ field.sides[0]
    if central:
        assert bias.away is not None  # noqa: S101
        profit = profit - rows[0] * connected.length_m * value * bias.away**2
    else:
        price[0] = value
        profit = connected.prize - price @ field.sides[0]
    cost = np.maximum(-profit, 0.0)
    if bias.losses is not None:
        cost = bias.losses + bias.share * cost
    chosen = grown(field, profit, cost * bias.discount, bias.root_cost)
    cost = np.where(chosen, 0.0, np.maximum(-profit, 0.0))
    return grown(field, profit, cost, bias.root_cost, paths=True), price
