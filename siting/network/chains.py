"""From road vertices to the edges between junctions, in arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from pyproj import Geod
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from siting.errors import InputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.frames import Roads

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Segments:
    """
    Straight pieces between neighbouring vertices, each pair of vertices once.

    Attributes
    ----------
    vertex_id
        Id of each vertex, sorted, shape (v,).
    lonlat
        Degrees, shape (v, 2).
    a, b
        Vertex index at both ends, shape (s,).
    row
        Road row, shape (s,).
    along, against
        Whether traffic may go from a to b and from b to a, shape (s,).
    length_m
        Geodesic, shape (s,).
    """

    vertex_id: Ints
    lonlat: Floats
    a: Ints
    b: Ints
    row: Ints
    along: Bools
    against: Bools
    length_m: Floats


@dataclass(frozen=True, slots=True)
class Chains:
    """
    Segments in the order of the edges that they make up.

    Attributes
    ----------
    segment
        Segment at each step, shape (s,); every segment occurs once.
    tail, head
        Vertex index at both ends of each step, shape (s,).
    first
        Step at which each edge starts, with the number of steps at the end, shape (edges + 1,).
    """

    segment: Ints
    tail: Ints
    head: Ints
    first: Ints


def road_segments(roads: Roads, rank: npt.NDArray[np.int8]) -> Segments:
    """
    Cut roads into segments.

    Where several roads share a segment the one of the best `rank` (then the first) keeps it, and
    traffic may go where any of them lets it: a file of directed edges becomes two-way roads.

    Parameters
    ----------
    roads
        The roads.
    rank
        Class of each row, coarse to fine, shape (rows,).

    Raises
    ------
    InputError
        If vertices and lines don't match, or no road has a length.
    """
    frame = roads.frame
    lonlat = shapely.get_coordinates(frame.geometry.to_numpy())
    counts = np.diff(roads.vertex_start)
    if len(lonlat) != len(roads.vertex_id) or len(counts) != len(frame):
        raise InputError(
            "the roads' vertices don't match their lines",
            value=f"{len(roads.vertex_id)} ids for {len(lonlat)} vertices in {len(frame)} roads",
        )
    vertex_id, where, vertex = np.unique(roads.vertex_id, return_index=True, return_inverse=True)
    rows = np.repeat(np.arange(len(frame)), counts)
    at = np.flatnonzero((rows[1:] == rows[:-1]) & (vertex[1:] != vertex[:-1]))
    if len(at) == 0:
        raise InputError(
            "no road has a length", value=f"{len(frame)} roads", cure="Check the road layer"
        )
    a, b, row = vertex[at], vertex[at + 1], rows[at]
    oneway = frame["oneway"].to_numpy()[row]
    up = a < b
    order = np.lexsort((at, rank[row], np.maximum(a, b), np.minimum(a, b)))
    low, high = np.minimum(a, b)[order], np.maximum(a, b)[order]
    start = np.flatnonzero(np.r_[True, (low[1:] != low[:-1]) | (high[1:] != high[:-1])])
    rising = np.logical_or.reduceat(np.where(up, oneway >= 0, oneway <= 0)[order], start)
    falling = np.logical_or.reduceat(np.where(up, oneway <= 0, oneway >= 0)[order], start)
    keep = order[start]
    back = np.argsort(keep)
    keep, rising, falling = keep[back], rising[back], falling[back]
    a, b, up = a[keep], b[keep], up[keep]
    places = lonlat[where]
    length = Geod(ellps="WGS84").inv(*places[a].T, *places[b].T)[2]
    return Segments(
        vertex_id=vertex_id,
        lonlat=places,
        a=a,
        b=b,
        row=row[keep],
        along=np.where(up, rising, falling),
        against=np.where(up, falling, rising),
        length_m=np.asarray(length, dtype=np.float64),
    )


def chain(segments: Segments, kind: Ints, longest_m: float) -> Chains:
    """
    Join segments into edges that run from junction to junction.

    A vertex is passed through when exactly two segments meet there, of the same kind, with the
    same directions of traffic along the chain. A closed chain without a junction starts at its
    least vertex. Edges run with one-way traffic, else along most of their digitised segments.

    Parameters
    ----------
    segments
        The segments.
    kind
        Kind of each segment; an edge has segments of one kind only, shape (s,).
    longest_m
        Edges longer than this are divided at inner vertices, evenly as far as these allow.
    """
    size = len(segments.a)
    tail = np.concatenate([segments.a, segments.b])
    head = np.concatenate([segments.b, segments.a])
    open_ = np.concatenate([segments.along, segments.against])
    partner = _partners(tail, open_, np.concatenate([kind, kind]), len(segments.vertex_id))
    partner = _open_rings(tail, partner, size)
    reverse = np.concatenate([np.arange(size) + size, np.arange(size)])
    # A half-edge follows the partner of the half-edge that leaves where it starts, turned round.
    before = np.where(partner >= 0, reverse[partner], -1)
    start, rank = _ranks(before)
    keep = _one_way_round(start, rank, reverse, open_, size)
    steps = np.flatnonzero(keep[start])
    lowest = np.full(2 * size, size)
    np.minimum.at(lowest, start[steps], steps % size)
    steps = steps[np.lexsort((rank[steps], lowest[start[steps]]))]
    first = np.flatnonzero(rank[steps] == 0)
    segment = steps % size
    first = _divide(first, segments.length_m[segment], longest_m)
    return Chains(segment=segment, tail=tail[steps], head=head[steps], first=np.r_[first, size])


def _partners(tail: Ints, open_: Bools, kind: Ints, vertices: int) -> Ints:
    """For each half-edge the other one leaving the same pass-through vertex, else -1."""
    size = len(tail) // 2
    order = np.argsort(tail, kind="stable")
    degree = np.bincount(tail, minlength=vertices)
    at = (np.cumsum(degree) - degree)[degree == 2]  # noqa: PLR2004  (passing through)
    one, two = order[at], order[at + 1]
    reverse_open = np.concatenate([open_[size:], open_[:size]])
    through = (
        (kind[one] == kind[two])
        & (open_[one] == reverse_open[two])
        & (open_[two] == reverse_open[one])
    )
    partner = np.full(len(tail), -1)
    partner[one[through]] = two[through]
    partner[two[through]] = one[through]
    return partner


def _open_rings(tail: Ints, partner: Ints, size: int) -> Ints:
    """Give every closed chain without a junction one, at its least vertex."""
    inner = np.flatnonzero(partner >= 0)
    links = coo_array(
        (np.ones(len(inner), dtype=np.int8), (inner % size, partner[inner] % size)),
        shape=(size, size),
    )
    label = connected_components(links, directed=False)[1]
    ended = np.zeros(label.max() + 1, dtype=bool)
    ended[label[np.flatnonzero(partner < 0) % size]] = True
    loose = inner[~ended[label[inner % size]]]
    if len(loose) == 0:
        return partner
    ring = label[loose % size]
    order = np.lexsort((loose, tail[loose], ring))
    ring, loose = ring[order], loose[order]
    cut = loose[np.r_[True, ring[1:] != ring[:-1]]]
    opened = partner.copy()
    opened[partner[cut]] = -1
    opened[cut] = -1
    return opened


def _ranks(before: Ints) -> tuple[Ints, Ints]:
    """First half-edge of each half-edge's chain and steps from there, by pointer doubling."""
    start = np.where(before >= 0, before, np.arange(len(before)))
    rank = (before >= 0).astype(np.int64)
    while True:
        further = start[start]
        if np.array_equal(further, start):
            return start, rank
        rank += rank[start]
        start = further


def _one_way_round(start: Ints, rank: Ints, reverse: Ints, open_: Bools, size: int) -> Bools:
    """Which chains, by first half-edge, to keep of the two that run over the same segments."""
    half_edges = 2 * size
    last = np.zeros(half_edges, dtype=np.int64)
    longest = np.zeros(half_edges, dtype=np.int64)
    np.maximum.at(longest, start, rank)
    ends = rank == longest[start]
    last[start[ends]] = np.flatnonzero(ends)
    drawn = np.bincount(start, weights=np.arange(half_edges) < size, minlength=half_edges)
    first = np.flatnonzero(rank == 0)
    mirror = reverse[last[first]]
    both = open_[first] & open_[mirror]
    preferred = (drawn[first] > drawn[mirror]) | (
        (drawn[first] == drawn[mirror]) & (first < mirror)
    )
    keep = np.zeros(half_edges, dtype=bool)
    keep[first] = np.where(both, preferred, open_[first])
    return keep


def _divide(first: Ints, length_m: Floats, longest_m: float) -> Ints:
    """Add edge starts until each edge is short enough or a single segment."""
    reached = np.cumsum(length_m) - length_m
    total = float(reached[-1] + length_m[-1])
    while True:
        begin = reached[first]
        whole = np.diff(np.r_[begin, total])
        steps = np.diff(np.r_[first, len(length_m)])
        long = np.flatnonzero((whole > longest_m) & (steps > 1))
        if len(long) == 0:
            return first
        parts = np.ceil(whole[long] / longest_m).astype(np.int64)
        edge = np.repeat(long, parts - 1)
        part = np.arange(len(edge)) - np.repeat(np.cumsum(parts - 1) - (parts - 1), parts - 1) + 1
        wanted = begin[edge] + whole[edge] * part / np.repeat(parts, parts - 1)
        after = np.searchsorted(reached, wanted)
        near = after - (
            wanted - reached[after - 1] < reached[np.minimum(after, len(reached) - 1)] - wanted
        )
        near = np.clip(near, first[edge] + 1, first[edge] + steps[edge] - 1)
        first = np.unique(np.concatenate([first, near]))
