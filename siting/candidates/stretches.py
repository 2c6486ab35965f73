"""Stretches of road from one stop to the next, and places at even steps along them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.network import Network

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

THROUGH = 2


@dataclass(frozen=True, slots=True)
class Stretches:
    """
    Chains of edges between stops, in the order of a walk along them.

    Attributes
    ----------
    edge
        Network edge at each step, shape (steps,).
    forward
        Whether the walk goes from the edge's tail to its head, shape (steps,).
    first
        Step at which each stretch begins, with the number of steps at the end, shape (t + 1,).
    begins, ends
        Node at both ends of each stretch, shape (t,).
    length_m
        Shape (t,).
    """

    edge: Ints
    forward: Bools
    first: Ints
    begins: Ints
    ends: Ints
    length_m: Floats


def stretches(network: Network, chosen: Bools, stop: Bools) -> Stretches:
    """
    Join chosen edges into stretches.

    Parameters
    ----------
    network
        The network.
    chosen
        Edges to join, shape (m,).
    stop
        Nodes where a stretch ends, shape (n,); it ends too where other than two chosen edges meet.
        A closed ring without a stop begins at its least node.
    """
    count = len(network.node_id)
    edges = np.flatnonzero(chosen)
    tail, head = network.tail[edges], network.head[edges]
    size = len(edges)
    ends = np.concatenate([tail, head])
    degree = np.bincount(ends, minlength=count)
    passed = (degree == THROUGH) & ~stop
    passed[tail[tail == head]] = False
    passed = _opened(tail, head, passed)
    # The mate of an end is the other end at a node that is passed through.
    order = np.argsort(ends, kind="stable")
    at = order[passed[ends[order]]]
    mate = np.full(2 * size, -1)
    mate[at[0::2]], mate[at[1::2]] = at[1::2], at[0::2]
    start = np.flatnonzero(~passed[ends])
    walked = _walk(start, mate, size)
    chain, step, end = walked
    # Each stretch is walked from both ends; the walk from the lesser end stays.
    last = np.zeros(len(start), dtype=np.int64)
    last[chain] = (end + size) % (2 * size)
    kept = (start <= last)[chain]
    chain, step, end = chain[kept], step[kept], end[kept]
    order = np.lexsort((step, chain))
    chain, end = chain[order], end[order]
    first = np.flatnonzero(np.r_[True, np.diff(chain) != 0]) if len(chain) else np.zeros(0, int)
    edge = edges[end % size]
    far = ends[(end + size) % (2 * size)]
    lasts = np.r_[first[1:], len(chain)] - 1 if len(first) else first
    return Stretches(
        edge=edge,
        forward=end < size,
        first=np.r_[first, len(chain)].astype(np.int64),
        begins=ends[end[first]],
        ends=far[lasts],
        length_m=np.add.reduceat(network.length_m[edge], first) if len(first) else np.zeros(0),
    )


def _opened(tail: Ints, head: Ints, passed: Bools) -> Bools:
    """Stop closed rings at their least node."""
    count = len(passed)
    links = coo_array((np.ones(len(tail), dtype=np.int8), (tail, head)), shape=(count, count))
    label = connected_components(links, directed=False)[1]
    inner = np.ones(int(label.max()) + 1, dtype=bool)
    nodes = np.unique(np.concatenate([tail, head]))
    inner[label[nodes[~passed[nodes]]]] = False
    least = np.full(len(inner), count)
    np.minimum.at(least, label[nodes], nodes)
    rings = inner[label[nodes]]
    opened = passed.copy()
    opened[np.unique(least[label[nodes[rings]]])] = False
    return opened


def _walk(start: Ints, mate: Ints, size: int) -> tuple[Ints, Ints, Ints]:
    """Walk from each start to the end of its stretch, all at once: walk, step and end taken."""
    walks, steps, taken = [], [], []
    walking, end, step = np.arange(len(start)), start, 0
    while len(walking):
        walks.append(walking)
        steps.append(np.full(len(walking), step))
        taken.append(end)
        after = mate[(end + size) % (2 * size)]
        going = after >= 0
        walking, end, step = walking[going], after[going], step + 1
    if not walks:
        empty = np.zeros(0, dtype=np.int64)
        return empty, empty, empty
    return np.concatenate(walks), np.concatenate(steps), np.concatenate(taken)


def places_along(
    network: Network, chains: Stretches, chain: Ints, at_m: Floats
) -> tuple[Ints, Floats]:
    """
    Find places along stretches.

    Parameters
    ----------
    network, chains
        The network and its stretches.
    chain
        Stretch of each place, shape (p,).
    at_m
        Metres from where the stretch begins, shape (p,).

    Returns
    -------
    edge, share
        Network edge and share of its length from its tail, shapes (p,).
    """
    metres = network.length_m[chains.edge]
    reached = np.cumsum(metres) - metres
    begin = chains.first[:-1][chain]
    until = chains.first[1:][chain] - 1
    wanted = reached[begin] + at_m
    step = np.clip(np.searchsorted(reached, wanted, side="right") - 1, begin, until)
    share = np.clip((wanted - reached[step]) / np.maximum(metres[step], 1e-9), 0.0, 1.0)
    return chains.edge[step], np.where(chains.forward[step], share, 1.0 - share)


def even_places(
    length_m: Floats, from_m: Floats, until_m: Floats, spacing_m: Floats
) -> tuple[Ints, Floats]:
    """
    Lay places evenly where the gap between what is there exceeds a spacing.

    Parameters
    ----------
    length_m
        Length of each stretch, shape (t,).
    from_m, until_m
        How far before its beginning and after its end the next thing stands: 0 for one at the end,
        half a spacing where the road itself ends, shapes (t,).
    spacing_m
        Most metres between neighbours, shape (t,).

    Returns
    -------
    chain, at_m
        Stretch of each place and metres from its beginning, shapes (p,).
    """
    gap = length_m + from_m + until_m
    count = np.maximum(np.ceil(gap / spacing_m - 1e-9).astype(np.int64) - 1, 0)
    chain = np.repeat(np.arange(len(count)), count)
    place = np.arange(len(chain)) - np.repeat(np.cumsum(count) - count, count) + 1
    at_m = place * (gap / (count + 1))[chain] - from_m[chain]
    inside = (at_m >= 0) & (at_m <= length_m[chain])
    return chain[inside], at_m[inside]
