"""What of a noded graph stays: no stubs, no repeated slivers, no islands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.sample.streets import Carriageway

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Bools = npt.NDArray[np.bool_]

SHORT_M = 60.0
"""Of two edges between the same junctions that are both shorter than this, one goes."""


@dataclass(frozen=True, slots=True)
class _Edges:
    """Runs between junctions, in line order."""

    tail: Ints
    head: Ints
    length: Floats
    line: Ints
    nodes: int


def kept(xy: Floats, node: Ints, line: Ints, drawn: list[Carriageway]) -> Bools:
    """
    Return whether the segment after each vertex stays.

    Parameters
    ----------
    xy, node, line
        As in `siting.sample.noding.Graph`; every line begins and ends at a junction.
    drawn
        Carriageways, for the lengths of their stubs.
    """
    inner = np.zeros(len(xy), dtype=bool)
    inner[:-1] = line[:-1] == line[1:]
    step = np.zeros(len(xy))
    step[:-1] = np.linalg.norm(np.diff(xy, axis=0), axis=1)
    starts = np.flatnonzero((node >= 0) & inner)
    edge_of = np.cumsum((node >= 0) & inner) - 1
    ends = np.flatnonzero(node >= 0)
    edges = _Edges(
        node[starts],
        node[ends[np.searchsorted(ends, starts, side="right")]],
        np.bincount(edge_of[inner], step[inner], minlength=len(starts)).astype(np.float64),
        line[starts],
        int(node.max()) + 1,
    )
    good = (edges.tail != edges.head) | (edges.length > SHORT_M)
    good &= ~_repeated(edges, good)
    good &= ~_stubs(edges, drawn, good)
    good &= _largest(edges, good)
    keep = np.zeros(len(xy), dtype=bool)
    keep[inner] = good[edge_of[inner]]
    return keep


def _repeated(edges: _Edges, good: Bools) -> Bools:
    low, high = np.minimum(edges.tail, edges.head), np.maximum(edges.tail, edges.head)
    rows = np.flatnonzero(good & (edges.length < SHORT_M))
    _, first = np.unique(low[rows] * edges.nodes + high[rows], return_index=True)
    repeated = np.zeros(len(low), dtype=bool)
    repeated[rows] = True
    repeated[rows[first]] = False
    return repeated


def _stubs(edges: _Edges, drawn: list[Carriageway], good: Bools) -> Bools:
    """Return the loose first and last edges of lines that are no longer than their overshoot."""
    met = np.concatenate([edges.tail[good], edges.head[good]])
    degree = np.bincount(met, minlength=edges.nodes)
    first = np.ones(len(edges.line), dtype=bool)
    first[1:] = edges.line[1:] != edges.line[:-1]
    last = np.ones(len(edges.line), dtype=bool)
    last[:-1] = first[1:]
    before = np.array([c.stub_start_m for c in drawn])[edges.line]
    after = np.array([c.stub_end_m for c in drawn])[edges.line]
    loose_start = first & (degree[edges.tail] == 1) & (edges.length <= before)
    loose_end = last & (degree[edges.head] == 1) & (edges.length <= after)
    stubs: Bools = loose_start | loose_end
    return stubs


def _largest(edges: _Edges, good: Bools) -> Bools:
    tail, head = edges.tail[good], edges.head[good]
    ones = np.ones(len(tail), dtype=np.int8)
    links = coo_array((ones, (tail, head)), shape=(edges.nodes, edges.nodes))
    _, label = connected_components(links, directed=False)
    total = np.bincount(label[tail], edges.length[good])
    return np.asarray(label[edges.tail] == total.argmax(), dtype=np.bool_)
