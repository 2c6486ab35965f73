"""The order in which test roads are opened, and the named sections that a catalogue lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, dijkstra

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.model.testroads import RoadPhase

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

STRAIGHT_COS = 0.5
"""Two ends of a road go on into each other up to 60 degrees of bend. Planner's own."""


@dataclass(frozen=True, slots=True)
class Growth:
    """
    How chosen corridors grow from their anchors; c chosen corridors.

    Attributes
    ----------
    part
        Connected part of each, from 0, the longest first, shape (c,).
    root
        Graph node that each part grows from, shape (parts,).
    begin
        These and the nodes of existing test roads, from which the others grow.
    away_m
        Along the chosen roads from the root, or from an existing test road, to the nearer end,
        shape (c,).
    """

    part: npt.NDArray[np.int64]
    root: npt.NDArray[np.int64]
    begin: npt.NDArray[np.int64]
    away_m: npt.NDArray[np.float64]


def grow(
    ends: tuple[Ints, Ints], metres: Floats, opened: Bools, anchors: Ints, nodes: int
) -> Growth:
    """
    Measure how far each chosen corridor is from where its part begins.

    Parameters
    ----------
    ends
        Nodes at both ends of each chosen corridor, shape (c,) each.
    metres
        Length of each, shape (c,).
    opened
        Which are test roads already; parts grow from them too.
    anchors
        Anchor nodes, the most important first: each part grows from the first that it holds.
    nodes
        Number of graph nodes.
    """
    tail, head = ends
    shape = (nodes, nodes)
    weight = np.maximum(metres, 1e-3)
    order = np.argsort(weight, kind="stable")
    pairs = pd.DataFrame({"a": np.minimum(*ends)[order], "b": np.maximum(*ends)[order]})
    first = order[~pairs.duplicated().to_numpy()]
    graph = coo_array((weight[first], (tail[first], head[first])), shape=shape).tocsr()
    label = connected_components(graph, directed=False)[1]
    long = np.bincount(label[tail], weights=metres, minlength=label.max(initial=-1) + 1)
    there = np.unique(label[tail])
    rank = np.full(len(long), -1, dtype=np.int64)
    rank[there[np.argsort(-long[there], kind="stable")]] = np.arange(len(there))
    held = anchors[rank[label[anchors]] >= 0]
    _, place = np.unique(rank[label[held]], return_index=True)
    root = held[place]
    sources = np.unique(np.r_[root, tail[opened], head[opened]])
    away = dijkstra(graph, directed=False, indices=sources, min_only=True)
    return Growth(
        part=rank[label[tail]],
        root=root.astype(np.int64),
        begin=sources.astype(np.int64),
        away_m=np.minimum(away[tail], away[head]),
    )


def section_order(
    ends: tuple[Ints, Ints], section: Ints, metres: Floats, begin: Ints, nodes: int
) -> Floats:
    """
    Say how early each section is reached when roads open outward, a section at once.

    Parameters
    ----------
    ends
        Nodes at both ends of each chosen corridor, shape (c,) each.
    section
        From `join_sections`, shape (c,).
    metres
        Length of each corridor, shape (c,).
    begin
        Nodes that roads grow from.
    nodes
        Number of graph nodes.

    Returns
    -------
    reached
        Shape (sections,). A section is reached at the least of its nodes, and its nodes half its
        length later at the latest: any section but the first of a part meets one that is earlier.
    """
    count = int(section.max(initial=-1)) + 1
    half = np.maximum(np.bincount(section, weights=metres, minlength=count) / 2, 1e-3)
    at, node = np.tile(section, 2) + nodes, np.concatenate(ends)
    pairs = np.unique(np.column_stack([at, node]), axis=0)
    tiny = np.full(len(pairs), 1e-6)
    weight = np.concatenate([half[pairs[:, 0] - nodes], tiny])
    where = (np.r_[pairs[:, 0], pairs[:, 1]], np.r_[pairs[:, 1], pairs[:, 0]])
    size = nodes + count
    graph = coo_array((weight, where), shape=(size, size)).tocsr()
    away = dijkstra(graph, indices=begin, min_only=True)
    return np.asarray(away[nodes:], dtype=np.float64)


def phase_of(
    reached: Floats, metres: Floats, cost_cny: Floats, opened: Bools, phases: tuple[RoadPhase, ...]
) -> Ints:
    """
    Give each section its phase: outward, by kilometres, within the money that is there.

    Parameters
    ----------
    reached, metres, cost_cny
        Of each section, shape (s,).
    opened
        Which are test roads already: phase 0.
    phases
        Of the model; money that a phase leaves goes on to the next.

    Returns
    -------
    phase
        From 1, shape (s,). Whatever the money doesn't reach before is of the last.
    """
    row = np.flatnonzero(~opened)
    row = row[np.lexsort((row, reached[row]))]
    km = np.cumsum(metres[row]) + float(metres[opened].sum())
    spent = np.cumsum(cost_cny[row])
    found = np.zeros(len(metres), dtype=np.int64)
    total, money, begin = float(metres.sum()), 0.0, 0
    for number, phase in enumerate(phases, 1):
        money = np.inf if phase.budget_cny is None else money + phase.budget_cny
        wanted = int(np.searchsorted(km, phase.share.value * total * (1 - 1e-9))) + 1
        paid = int(np.searchsorted(spent, money * (1 + 1e-9), side="right"))
        last = number == len(phases)
        end = len(row) if last else max(begin, min(wanted, paid, len(row)))
        found[row[begin:end]] = number
        begin = end
    return found


def join_sections(ends: tuple[Ints, Ints], middle: Floats, node_xy: Floats, kind: Ints) -> Ints:
    """
    Join corridors that go on into each other to the sections that a catalogue lists.

    Parameters
    ----------
    ends
        Nodes at both ends, shape (c,) each.
    middle
        Middle of each corridor, metres, shape (c, 2).
    node_xy
        Place of every graph node, shape (k, 2).
    kind
        Corridors of different kinds (road, class, district) are never joined, shape (c,).

    Returns
    -------
    section
        Number of each corridor's section, from 0 by its first corridor, shape (c,). A section is a
        path or a ring: at each node it joins at most two of its corridors.
    """
    count = len(kind)
    row = np.tile(np.arange(count), 2)
    node = np.concatenate(ends)
    way = middle[row] - node_xy[node]
    way = way / np.maximum(np.hypot(*way.T), 1e-9)[:, None]
    kept = np.flatnonzero((ends[0] != ends[1])[row])
    table = pd.DataFrame({"at": kept, "kind": kind[row[kept]], "node": node[kept]})
    pairs = table.merge(table, on=["kind", "node"])
    one, two = pairs["at_x"].to_numpy(), pairs["at_y"].to_numpy()
    bend = -(way[one] * way[two]).sum(axis=1)
    good = (row[one] != row[two]) & (bend >= STRAIGHT_COS)
    one, two, bend = one[good], two[good], bend[good]
    order = np.lexsort((two, -bend, one))
    _, first = np.unique(one[order], return_index=True)
    best = np.full(2 * count, -1, dtype=np.int64)
    best[one[order[first]]] = two[order[first]]
    mutual = np.flatnonzero((best >= 0) & (best[best] == np.arange(2 * count)))
    links = (row[mutual], row[best[mutual]])
    joined = coo_array((np.ones(len(mutual)), links), shape=(count, count))
    label = connected_components(joined, directed=False)[1]
    return np.asarray(pd.factorize(label)[0], dtype=np.int64)


def section_ends(ends: tuple[Ints, Ints], section: Ints, node_xy: Floats) -> pd.DataFrame:
    """
    Find where sections begin and end, from west to east (north to south where they run so).

    Parameters
    ----------
    ends
        Nodes at both ends of each corridor, shape (c,) each.
    section
        From `join_sections`, shape (c,).
    node_xy
        Place of every graph node, shape (k, 2).

    Returns
    -------
    table
        One row a section in order: `from_row`, `to_row` (corridors at its ends), `from_tail`,
        `to_tail` (whether the section ends at that corridor's tail).
    """
    count = len(section)
    table = pd.DataFrame(
        {
            "section": np.tile(section, 2),
            "row": np.tile(np.arange(count), 2),
            "node": np.concatenate(ends),
            "is_tail": np.repeat([True, False], count),
        }
    )
    times = table.groupby(["section", "node"])["row"].transform("size")
    # A ring has no free end: it begins and ends at its lowest node.
    ring = ~(times == 1).groupby(table["section"]).transform("any")
    lowest = table["node"] == table.groupby("section")["node"].transform("min")
    free = table[(times == 1) | (ring & lowest)].copy()
    free["x"], free["y"] = node_xy[free["node"].to_numpy()].T
    span = free.groupby("section")[["x", "y"]].agg(np.ptp)
    wide = (span["x"] >= span["y"]).reindex(free["section"]).to_numpy()
    free["along"] = np.where(wide, free["x"], -free["y"])
    free = free.sort_values(["section", "along", "row", "is_tail"])
    begin, end = free.groupby("section").nth(0), free.groupby("section").nth(-1)
    return pd.DataFrame(
        {
            "from_row": begin["row"].to_numpy(),
            "from_tail": begin["is_tail"].to_numpy(),
            "to_row": end["row"].to_numpy(),
            "to_tail": end["is_tail"].to_numpy(),
        }
    )
