"""Lines to a graph: streets meet where they cross on the same level, stubs are cut off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from siting.sample.streets import EXPRESSWAY, GROUND, LINK

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.sample.streets import Carriageway, Street

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Bools = npt.NDArray[np.bool_]

MERGE_M = 4.0
"""Crossings closer than this are one junction."""

SHORT_M = 60.0
"""Of two edges between the same junctions that are both shorter than this, one goes."""

BRIDGE_M = 35.0
"""How far a bridge reaches on either side of what it crosses."""

_APART_M = 1000.0


@dataclass(frozen=True, slots=True)
class Graph:
    """
    Noded carriageways.

    Attributes
    ----------
    xy
        All vertices in line order, metres, shape (v, 2).
    node
        Junction number of each vertex, -1 for a shape vertex, shape (v,).
    line
        Carriageway of each vertex, shape (v,), ascending.
    keep
        Whether the segment from each vertex to the next of its line stays, shape (v,).
    bridge
        Whether that segment is on a bridge, shape (v,).
    """

    xy: Floats
    node: Ints
    line: Ints
    keep: Bools
    bridge: Bools


@dataclass(frozen=True, slots=True)
class _Segments:
    start: Ints
    line: Ints
    position: Ints
    a: Floats
    b: Floats
    level: Ints
    street: Ints


@dataclass(frozen=True, slots=True)
class _Marks:
    """Points on lines: line, position (vertex number + share of the segment), point, layer."""

    line: Ints
    position: Floats
    xy: Floats
    layer: Ints


def build_graph(streets: list[Street], drawn: list[Carriageway]) -> Graph:
    """Return the graph of carriageways: noded, stubs and slivers removed, largest part kept."""
    segments = _segments(streets, drawn)
    crossing, bridges = _crossings(segments, streets)
    ends = _shared_and_ends(segments, drawn)
    marks = _Marks(
        np.concatenate([crossing.line, ends.line]),
        np.concatenate([crossing.position, ends.position]),
        np.vstack([crossing.xy, ends.xy]),
        np.concatenate([crossing.layer, ends.layer]),
    )
    xy, node, line = _rebuilt(drawn, marks, *bridges)
    xy, node, line, bridge = xy[0], node, line, xy[1].astype(bool)
    keep = _kept(xy, node, line, drawn)
    return Graph(xy, node, line, keep, bridge & keep)


def _segments(streets: list[Street], drawn: list[Carriageway]) -> _Segments:
    count = np.array([len(c.line) for c in drawn])
    xy = np.vstack([c.line for c in drawn])
    line = np.repeat(np.arange(len(drawn)), count)
    position = np.arange(len(xy)) - np.repeat(np.cumsum(count) - count, count)
    start = np.flatnonzero(line[:-1] == line[1:])
    street = np.array([c.street for c in drawn])[line[start]]
    level = np.array([s.level for s in streets])[street]
    return _Segments(start, line[start], position[start], xy[start], xy[start + 1], level, street)


def _crossings(segments: _Segments, streets: list[Street]) -> tuple[_Marks, tuple[Ints, Floats]]:
    """Return the junctions of lines of one level, and (line, position) where one passes over."""
    shapes = shapely.linestrings(np.stack([segments.a, segments.b], axis=1))
    tree = shapely.STRtree(shapes)
    i, j = tree.query(shapes, predicate="intersects")
    other = (i < j) & (segments.line[i] != segments.line[j])
    i, j = i[other], j[other]
    first, second, at, ok = _intersect(segments, i, j)
    i, j, first, second, at = i[ok], j[ok], first[ok], second[ok], at[ok]
    target = np.array([s.target for s in streets])
    key = np.array([s.key for s in streets])
    key = np.where(key >= 0, key, -2 - np.arange(len(key)))
    level_i, level_j = segments.level[i], segments.level[j]
    meet = (level_i == GROUND) & (level_j == GROUND)
    link_i = (level_i == LINK) & (target[segments.street[i]] == key[segments.street[j]])
    link_j = (level_j == LINK) & (target[segments.street[j]] == key[segments.street[i]])
    meet |= (link_i & (level_j == GROUND)) | (link_j & (level_i == GROUND))
    marks = _Marks(
        np.concatenate([segments.line[i[meet]], segments.line[j[meet]]]),
        np.concatenate(
            [segments.position[i[meet]] + first[meet], segments.position[j[meet]] + second[meet]]
        ),
        np.vstack([at[meet], at[meet]]),
        np.zeros(2 * int(meet.sum()), dtype=np.int64),
    )
    over_i = ~meet & (level_i >= EXPRESSWAY) & (level_j == GROUND)
    over_j = ~meet & (level_j >= EXPRESSWAY) & (level_i == GROUND)
    over = (
        np.concatenate([segments.line[i[over_i]], segments.line[j[over_j]]]),
        np.concatenate(
            [
                segments.position[i[over_i]] + first[over_i],
                segments.position[j[over_j]] + second[over_j],
            ]
        ),
    )
    return marks, over


def _intersect(segments: _Segments, i: Ints, j: Ints) -> tuple[Floats, Floats, Floats, Bools]:
    """Return where segments i and j cross: share along each, the point, and whether they do."""
    p, r = segments.a[i], segments.b[i] - segments.a[i]
    q, s = segments.a[j], segments.b[j] - segments.a[j]
    cross = r[:, 0] * s[:, 1] - r[:, 1] * s[:, 0]
    ok = np.abs(cross) > 1e-6 * np.linalg.norm(r, axis=1) * np.linalg.norm(s, axis=1)
    safe = np.where(ok, cross, 1.0)
    d = q - p
    first = np.clip((d[:, 0] * s[:, 1] - d[:, 1] * s[:, 0]) / safe, 0.0, 1.0)
    second = np.clip((d[:, 0] * r[:, 1] - d[:, 1] * r[:, 0]) / safe, 0.0, 1.0)
    return first, second, p + first[:, None] * r, ok


def _shared_and_ends(segments: _Segments, drawn: list[Carriageway]) -> _Marks:
    """Return marks at vertices that lines share exactly, and at the ends of all lines."""
    count = np.array([len(c.line) for c in drawn])
    xy = np.vstack([c.line for c in drawn])
    line = np.repeat(np.arange(len(drawn)), count)
    position = np.arange(len(xy)) - np.repeat(np.cumsum(count) - count, count)
    level = np.zeros(len(drawn), dtype=np.int64)
    level[segments.line] = segments.level
    _, group, size = np.unique(np.round(xy, 3), axis=0, return_inverse=True, return_counts=True)
    group = group.ravel()
    shared = size[group] > 1
    highest = np.zeros(len(size), dtype=np.int64)
    np.maximum.at(highest, group, np.where(level[line] == EXPRESSWAY, 1, 0))
    end = (position == 0) | (position == count[line] - 1)
    at = np.flatnonzero(shared | end)
    # A lone end of a link keeps a layer of its own, so that it joins nothing by chance.
    layer = np.where(shared, highest[group], np.where(level[line] == GROUND, 0, 2))
    return _Marks(line[at], position[at].astype(float), xy[at], layer[at])


def _clusters(marks: _Marks) -> tuple[Ints, Floats]:
    """Return the junction number of each mark and the place of each junction."""
    solid = np.column_stack([marks.xy, marks.layer * _APART_M])
    pairs = cKDTree(solid).query_pairs(MERGE_M, output_type="ndarray")
    n = len(solid)
    links = coo_array(
        (np.ones(len(pairs), dtype=np.int8), (pairs[:, 0], pairs[:, 1])), shape=(n, n)
    )
    _, label = connected_components(links, directed=False)
    weight = np.bincount(label)
    place = np.column_stack([np.bincount(label, marks.xy[:, k]) / weight for k in (0, 1)])
    return label.astype(np.int64), place


def _rebuilt(
    drawn: list[Carriageway], marks: _Marks, over_line: Ints, over_position: Floats
) -> tuple[tuple[Floats, Floats], Ints, Ints]:
    """Return vertices of all lines with junctions and bridge ends put in, in line order."""
    count = np.array([len(c.line) for c in drawn])
    xy = np.vstack([c.line for c in drawn])
    first = np.cumsum(count) - count
    line = np.repeat(np.arange(len(drawn)), count)
    position = (np.arange(len(xy)) - first[line]).astype(float)
    step = np.zeros(len(xy))
    step[1:] = np.linalg.norm(np.diff(xy, axis=0), axis=1)
    step[first] = 0.0
    measure = np.cumsum(step)
    label, place = _clusters(marks)
    mark_at = _measure(marks.line, marks.position, first, count, measure)
    over_at = _measure(over_line, over_position, first, count, measure)
    cut_line, cut_at, inside = _bridge_ends(over_line, over_at, first, count, measure)
    all_line = np.concatenate([line, marks.line, cut_line])
    all_at = np.concatenate([measure, mark_at, cut_at])
    all_node = np.concatenate([np.full(len(xy), -1), label, np.full(len(cut_line), -1)])
    cut_xy = np.column_stack([np.interp(cut_at, measure, xy[:, k]) for k in (0, 1)])
    all_xy = np.vstack([xy, place[label], cut_xy])
    delta = np.concatenate([np.zeros(len(xy) + len(label), dtype=np.int64), inside])
    order = np.lexsort((-all_node, all_at, all_line))
    all_line, all_at, all_node = all_line[order], all_at[order], all_node[order]
    all_xy, delta = all_xy[order], delta[order]
    stay = _without_neighbours(all_line, all_at, all_node, delta)
    bridge = np.cumsum(delta) > 0
    return (
        (all_xy[stay], bridge[stay].astype(float)),
        all_node[stay].astype(np.int64),
        all_line[stay],
    )


def _measure(line: Ints, position: Floats, first: Ints, count: Ints, measure: Floats) -> Floats:
    whole = np.minimum(position.astype(np.int64), count[line] - 1)
    share = position - whole
    at = first[line] + whole
    after = np.minimum(at + 1, first[line] + count[line] - 1)
    return measure[at] * (1 - share) + measure[after] * share


def _bridge_ends(
    line: Ints, at: Floats, first: Ints, count: Ints, measure: Floats
) -> tuple[Ints, Floats, Ints]:
    """Return the ends of bridges as (line, measure, +1 or -1)."""
    low = np.maximum(at - BRIDGE_M, measure[first[line]] + 0.5)
    high = np.minimum(at + BRIDGE_M, measure[first[line] + count[line] - 1] - 0.5)
    ok = high > low
    ends = np.concatenate([low[ok], high[ok]])
    sign = np.concatenate([np.ones(ok.sum(), dtype=np.int64), -np.ones(ok.sum(), dtype=np.int64)])
    return np.concatenate([line[ok], line[ok]]), ends, sign


def _without_neighbours(line: Ints, at: Floats, node: Ints, delta: Ints) -> Bools:
    """Return which vertices stay: shape vertices beside a junction and repeats of one go."""
    stay = np.ones(len(line), dtype=bool)
    junction = np.flatnonzero(node >= 0)
    # Repeats of one junction in a row on a line.
    same = (line[junction[1:]] == line[junction[:-1]]) & (node[junction[1:]] == node[junction[:-1]])
    near = at[junction[1:]] - at[junction[:-1]] < 3 * MERGE_M
    stay[junction[1:][same & near]] = False
    shape = np.flatnonzero(node < 0)
    after = np.searchsorted(junction, shape)
    for side in (after - 1, after):
        which = np.clip(side, 0, len(junction) - 1)
        close = (line[junction[which]] == line[shape]) & (
            np.abs(at[junction[which]] - at[shape]) < 1.5
        )
        stay[shape[close]] = False
    return stay


def _kept(xy: Floats, node: Ints, line: Ints, drawn: list[Carriageway]) -> Bools:
    """Return which segments stay after stubs, repeated short edges and islands are gone."""
    inner = np.zeros(len(xy), dtype=bool)
    inner[:-1] = line[:-1] == line[1:]
    step = np.zeros(len(xy))
    step[:-1] = np.linalg.norm(np.diff(xy, axis=0), axis=1)
    step[~inner] = 0.0
    # Every line begins and ends at a junction, so edges are runs between junction vertices.
    starts = np.flatnonzero((node >= 0) & inner)
    edge_of = np.cumsum((node >= 0) & inner) - 1
    length = np.bincount(edge_of[inner], step[inner], minlength=len(starts))
    ends = np.flatnonzero(node >= 0)
    head_at = ends[np.searchsorted(ends, starts, side="right")]
    tail, head, edge_line = node[starts], node[head_at], line[starts]
    good = (tail != head) | (length > SHORT_M)
    good &= ~_repeated(tail, head, length, good)
    good &= ~_stubs(tail, head, length, edge_line, drawn, good)
    good &= _largest(tail, head, length, good)
    keep = np.zeros(len(xy), dtype=bool)
    keep[inner] = good[edge_of[inner]]
    return keep


def _repeated(tail: Ints, head: Ints, length: Floats, good: Bools) -> Bools:
    low, high = np.minimum(tail, head), np.maximum(tail, head)
    rows = np.flatnonzero(good & (length < SHORT_M))
    pair = low[rows] * (int(high.max()) + 1) + high[rows]
    _, first = np.unique(pair, return_index=True)
    repeated = np.zeros(len(tail), dtype=bool)
    repeated[rows] = True
    repeated[rows[first]] = False
    return repeated


def _stubs(
    tail: Ints, head: Ints, length: Floats, line: Ints, drawn: list[Carriageway], good: Bools
) -> Bools:
    """Return the loose first and last edges of lines that are no longer than their overshoot."""
    degree = np.bincount(
        np.concatenate([tail[good], head[good]]), minlength=max(tail.max(), head.max()) + 1
    )
    first = np.ones(len(line), dtype=bool)
    first[1:] = line[1:] != line[:-1]
    last = np.ones(len(line), dtype=bool)
    last[:-1] = first[1:]
    before = np.array([c.stub_start_m for c in drawn])[line]
    after = np.array([c.stub_end_m for c in drawn])[line]
    return (first & (degree[tail] == 1) & (length <= before)) | (
        last & (degree[head] == 1) & (length <= after)
    )


def _largest(tail: Ints, head: Ints, length: Floats, good: Bools) -> Bools:
    n = int(max(tail.max(), head.max())) + 1
    links = coo_array(
        (np.ones(int(good.sum()), dtype=np.int8), (tail[good], head[good])), shape=(n, n)
    )
    _, label = connected_components(links, directed=False)
    total = np.bincount(label[tail[good]], length[good])
    return np.asarray(label[tail] == total.argmax())
