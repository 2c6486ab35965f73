"""A first choice of test roads: floors met by shortest ways from anchors, then the best grown."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.formulate.testroads import RoadChoice, SideRow

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

FRESH_M = 3000.0
"""A way from an anchor that no road holds yet is taken for this much longer, while parts are left.
"""

BREACH = 1e-6
"""Breach of a row that still counts as kept."""


@dataclass(slots=True)
class _Build:
    """A choice on its way."""

    choice: RoadChoice
    graph: csr_array
    edge: dict[tuple[int, int], int]
    rate: Floats
    chosen: Bools
    held: Bools
    spare: Bools

    @property
    def parts(self) -> int:
        """Connected parts so far."""
        some = self.chosen
        tail, head = self.choice.tail[some], self.choice.head[some]
        shape = (self.choice.nodes, self.choice.nodes)
        label = connected_components(coo_array((np.ones(len(tail)), (tail, head)), shape=shape))[1]
        return len(np.unique(label[tail]))

    def take(self, edge: int) -> None:
        """Choose a corridor."""
        self.chosen[edge] = True
        self.held[[self.choice.tail[edge], self.choice.head[edge]]] = True


def road_start(choice: RoadChoice) -> Bools | None:
    """
    Build a feasible choice where that is easy.

    Parameters
    ----------
    choice
        The programme's figures.

    Returns
    -------
    chosen
        Shape (E,); None where the ways and the growth don't end in a choice that keeps every row.
        The core then looks for one itself.
    """
    usable = ~choice.banned
    if not len(choice.anchors) or not usable.any():
        return None
    build = _begin(choice, usable)
    if not _join_forced(build):
        return None
    for row in sorted(choice.rows, key=lambda row: row.lower):
        if row.lower > 0 and not _meet(build, row):
            return None
    _fill(build)
    return build.chosen if _keeps(choice, build.chosen) else None


def _begin(choice: RoadChoice, usable: Bools) -> _Build:
    rows = np.flatnonzero(usable & (choice.tail != choice.head))
    rows = rows[np.argsort(-choice.length_m[rows], kind="stable")]
    low = np.minimum(choice.tail[rows], choice.head[rows]).tolist()
    high = np.maximum(choice.tail[rows], choice.head[rows]).tolist()
    # Of parallel corridors the shortest comes last and stays.
    edge = dict(zip(zip(low, high, strict=True), rows.tolist(), strict=True))
    ends = np.array(list(edge), dtype=np.int64).reshape(-1, 2)
    metres = np.maximum(choice.length_m[list(edge.values())], 1e-3)
    size = (choice.nodes, choice.nodes)
    graph = coo_array((metres, (ends[:, 0], ends[:, 1])), shape=size).tocsr()
    spare = np.zeros(choice.nodes, dtype=bool)
    spare[choice.anchors] = True
    held = np.zeros(choice.nodes, dtype=bool)
    rate = choice.points / np.maximum(choice.length_m, 1.0)
    if choice.objective == "cost":
        rate = -choice.cost_cny / np.maximum(choice.length_m, 1.0)
    return _Build(
        choice, csr_array(graph), edge, rate, np.zeros(len(usable), dtype=bool), held, spare
    )


def _join_forced(build: _Build) -> bool:
    """Choose the forced corridors and join each part of them to an anchor."""
    choice = build.choice
    for edge in np.flatnonzero(choice.forced).tolist():
        build.take(edge)
    shape = (choice.nodes, choice.nodes)
    ends = (choice.tail[build.chosen], choice.head[build.chosen])
    label = connected_components(coo_array((np.ones(len(ends[0])), ends), shape=shape))[1]
    anchored = set(label[choice.anchors].tolist())
    for part in np.unique(label[ends[0]]).tolist():
        if part in anchored:
            continue
        away, before = _ways(build, np.flatnonzero(label == part), np.zeros(0, dtype=np.int64))
        near = choice.anchors[np.argmin(away[choice.anchors])]
        if not np.isfinite(away[near]):
            return False
        _walk(build, before, int(near))
    return build.parts <= choice.components if choice.forced.any() else True


def _ways(build: _Build, sources: Ints, fresh: Ints) -> tuple[Floats, Ints]:
    """Shortest ways to every node from chosen nodes, or a little longer from fresh anchors."""
    size = build.choice.nodes
    # One more node leads to the sources for nothing and to fresh anchors for a toll.
    ends = np.concatenate([sources, fresh])
    toll = np.concatenate([np.full(len(sources), 1e-6), np.full(len(fresh), FRESH_M)])
    entry = coo_array((toll, (np.full(len(ends), size), ends)), shape=(size + 1, size + 1))
    roads = build.graph.tocoo()
    every = coo_array(
        (
            np.concatenate([roads.data, roads.data, entry.data]),
            (
                np.concatenate([roads.row, roads.col, entry.row]),
                np.concatenate([roads.col, roads.row, entry.col]),
            ),
        ),
        shape=(size + 1, size + 1),
    ).tocsr()
    trees, before = dijkstra(every, indices=np.array([size]), return_predecessors=True)
    return trees[0], before[0].astype(np.int64)


def _walk(build: _Build, before: Ints, node: int) -> None:
    """Choose the corridors on the way to a node."""
    size = build.choice.nodes
    build.held[node] = True
    while before[node] not in (size, -9999):
        last = int(before[node])
        build.take(build.edge[min(last, node), max(last, node)])
        node = last
    build.held[node] = True


def _meet(build: _Build, row: SideRow) -> bool:
    """Add the nearest corridors that count in a row until it reaches its floor."""
    choice = build.choice
    gain = np.where(choice.banned, 0.0, np.maximum(row.coefficient, 0.0))
    while True:
        missing = row.lower - float(row.coefficient[build.chosen].sum())
        if missing <= 1e-9 * max(1.0, row.lower):
            return True
        if not _reach(build, gain, missing):
            return False


def _reach(build: _Build, gain: Floats, most: float) -> bool:
    """Choose the corridor with most gain for its length and the way to it, with that way."""
    choice = build.choice
    free = build.parts < choice.components
    fresh = np.flatnonzero(build.spare & ~build.held) if free else np.zeros(0, dtype=np.int64)
    away, before = _ways(build, np.flatnonzero(build.held), fresh)
    some = np.flatnonzero((gain > 0) & ~build.chosen & ~choice.banned & _fits(build))
    near = np.minimum(away[choice.tail[some]], away[choice.head[some]])
    price = (near + choice.length_m[some]) / np.minimum(gain[some], most)
    if not len(some) or not np.isfinite(price.min()):
        return False
    best = int(some[price.argmin()])
    ends = (int(choice.tail[best]), int(choice.head[best]))
    _walk(build, before, min(ends, key=lambda node: float(away[node])))
    build.take(best)
    return True


def _fits(build: _Build) -> Bools:
    """Tell which corridors leave every ceiling within what the rest of the length can make good."""
    choice, chosen = build.choice, build.chosen
    metres = np.maximum(choice.length_m, 1.0)
    left = choice.most_m - float(choice.length_m[chosen].sum()) - choice.length_m
    fits = np.ones(len(chosen), dtype=bool)
    for row in choice.rows:
        if np.isfinite(row.upper):
            best = min(0.0, float((row.coefficient / metres)[~choice.banned].min()))
            value = float(row.coefficient[chosen].sum()) + row.coefficient
            fits &= value + best * np.maximum(left, 0.0) <= row.upper + BREACH
    return fits


def _fill(build: _Build) -> None:
    """Grow along the corridors of most points a metre, within the rows, to the least length."""
    choice = build.choice
    if not build.held.any():
        build.held[choice.anchors[0]] = True
    table = np.array([row.coefficient for row in choice.rows]).reshape(-1, len(choice.tail))
    low = np.array([row.lower for row in choice.rows])
    high = np.array([row.upper for row in choice.rows])
    for _ in range(len(choice.tail)):
        _grow(build, table, low, high)
        short = choice.least_m - float(choice.length_m[build.chosen].sum())
        value = table @ build.chosen
        wrong = np.maximum(value - high, 0.0) - np.maximum(low - value, 0.0)
        if short <= 0 and not (np.abs(wrong) > BREACH).any():
            return
        # Nothing at hand keeps the rows: go to the nearest roads that give them room.
        tight = np.where(np.isfinite(high), value - high >= -choice.length_m.max(), False)
        tight = np.where((np.abs(wrong) > BREACH), np.sign(wrong), tight.astype(float))
        gain = np.where(choice.banned, 0.0, np.maximum(-(tight @ table), 0.0))
        if not _reach(build, gain, np.inf):
            return
        if float(choice.length_m[build.chosen].sum()) > choice.most_m:
            return


def _grow(build: _Build, table: Floats, low: Floats, high: Floats) -> None:
    """Take what borders on the roads, best first, as long as no row gets worse by it."""
    choice = build.choice
    value, metres = table @ build.chosen, float(choice.length_m[build.chosen].sum())
    ends = np.concatenate([choice.tail, choice.head])
    order = np.argsort(ends, kind="stable")
    start = np.searchsorted(ends[order], np.arange(choice.nodes + 1))
    at = order % max(len(choice.tail), 1)
    free = ~choice.banned & ~build.chosen
    near = np.unique(np.flatnonzero(free & (build.held[choice.tail] | build.held[choice.head])))
    heap = [(-float(build.rate[edge]), edge) for edge in near.tolist()]
    heapq.heapify(heap)
    waiting: list[tuple[float, int]] = []
    while heap and metres < choice.least_m:
        worst, edge = heapq.heappop(heap)
        if build.chosen[edge] or metres + choice.length_m[edge] > choice.most_m:
            continue
        after = value + table[:, edge]
        breach = np.maximum(after - high, 0.0) + np.maximum(low - after, 0.0)
        before = np.maximum(value - high, 0.0) + np.maximum(low - value, 0.0)
        if (breach > before + BREACH).any():
            waiting.append((worst, edge))
            continue
        fresh = [n for n in (int(choice.tail[edge]), int(choice.head[edge])) if not build.held[n]]
        build.take(edge)
        value, metres = after, metres + float(choice.length_m[edge])
        for item in waiting:
            heapq.heappush(heap, item)
        waiting.clear()
        for node in fresh:
            for other in at[start[node] : start[node + 1]].tolist():
                if free[other]:
                    heapq.heappush(heap, (-float(build.rate[other]), other))


def _keeps(choice: RoadChoice, chosen: Bools) -> bool:
    """Tell whether a choice keeps length and side rows; its parts are right by construction."""
    metres = float(choice.length_m[chosen].sum())
    inside = choice.least_m <= metres <= choice.most_m
    values = [float(row.coefficient[chosen].sum()) for row in choice.rows]
    return inside and all(
        row.lower - 1e-6 <= value <= row.upper + 1e-6
        for row, value in zip(choice.rows, values, strict=True)
    )
