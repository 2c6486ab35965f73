"""Lines to a graph: streets meet where they cross on one level, and pass over where they don't."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from siting.sample.streets import BRIDGE, EXPRESSWAY, GROUND, LINK, TUNNEL
from siting.sample.trim import kept

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.sample.streets import Carriageway, Street

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Bools = npt.NDArray[np.bool_]

MERGE_M = 4.0
"""Crossings closer than this are one junction."""

BRIDGE_M = 35.0
"""How far a bridge reaches on either side of what it crosses."""

_BESIDE_M = 1.5
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
    structure
        What that segment is: 0, `BRIDGE` or `TUNNEL`, shape (v,).
    """

    xy: Floats
    node: Ints
    line: Ints
    keep: Bools
    structure: Ints


@dataclass(frozen=True, slots=True)
class _Lines:
    """All carriageways in flat arrays; `measure` is the length along all of them, end to end."""

    xy: Floats
    line: Ints
    first: Ints
    count: Ints
    measure: Floats
    street: Ints
    level: Ints


@dataclass(frozen=True, slots=True)
class _Marks:
    """Points on lines: line, measure, place, and a layer in which alone they meet others."""

    line: Ints
    at: Floats
    xy: Floats
    layer: Ints


@dataclass(frozen=True, slots=True)
class _Cuts:
    """Where bridges and tunnels begin and end: line, measure, +1 or -1, what."""

    line: Ints
    at: Floats
    sign: Ints
    what: Ints


def build_graph(
    streets: list[Street], drawn: list[Carriageway], passes: list[tuple[int, int]]
) -> Graph:
    """
    Return the graph of carriageways: noded, stubs and slivers removed, largest part kept.

    Parameters
    ----------
    streets, drawn
        Streets and their carriageways.
    passes
        Keys of streets (over, under) that cross on two levels though both are on the ground.
    """
    lines = _flat(streets, drawn)
    crossing, over = _crossings(lines, streets, passes)
    ends = _shared_and_ends(lines)
    marks = _Marks(
        np.concatenate([crossing.line, ends.line]),
        np.concatenate([crossing.at, ends.at]),
        np.vstack([crossing.xy, ends.xy]),
        np.concatenate([crossing.layer, ends.layer]),
    )
    return _assembled(lines, marks, _cuts(lines, over, drawn), drawn)


def _flat(streets: list[Street], drawn: list[Carriageway]) -> _Lines:
    count = np.array([len(c.line) for c in drawn], dtype=np.int64)
    xy = np.vstack([c.line for c in drawn])
    first = np.cumsum(count) - count
    step = np.zeros(len(xy))
    step[1:] = np.linalg.norm(np.diff(xy, axis=0), axis=1)
    step[first] = 0.0
    street = np.array([c.street for c in drawn], dtype=np.int64)
    level = np.array([s.level for s in streets], dtype=np.int64)[street]
    line = np.repeat(np.arange(len(drawn)), count)
    return _Lines(xy, line, first, count, np.cumsum(step), street, level)


def _crossings(
    lines: _Lines, streets: list[Street], passes: list[tuple[int, int]]
) -> tuple[_Marks, tuple[Ints, Floats]]:
    """Return the junctions of lines on one level, and (line, measure) where one passes over."""
    start = np.flatnonzero(lines.line[:-1] == lines.line[1:])
    owner = lines.line[start]
    ends = np.stack([lines.xy[start], lines.xy[start + 1]], axis=1)
    shapes = np.asarray(shapely.linestrings(ends), dtype=object)
    i, j = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    other = (i < j) & (owner[i] != owner[j])
    i, j = i[other], j[other]
    first, second, at, ok = _intersect(ends, i, j)
    i, j, at = i[ok], j[ok], at[ok]
    size = np.diff(lines.measure)[start]
    at_i = lines.measure[start[i]] + first[ok] * size[i]
    at_j = lines.measure[start[j]] + second[ok] * size[j]
    line_i, line_j = owner[i], owner[j]
    meet, over_i, over_j = _relations(lines, streets, passes, line_i, line_j)
    marks = _Marks(
        np.concatenate([line_i[meet], line_j[meet]]),
        np.concatenate([at_i[meet], at_j[meet]]),
        np.vstack([at[meet], at[meet]]),
        np.zeros(2 * int(meet.sum()), dtype=np.int64),
    )
    over = (
        np.concatenate([line_i[over_i], line_j[over_j]]),
        np.concatenate([at_i[over_i], at_j[over_j]]),
    )
    return marks, over


def _relations(
    lines: _Lines,
    streets: list[Street],
    passes: list[tuple[int, int]],
    line_i: Ints,
    line_j: Ints,
) -> tuple[Bools, Bools, Bools]:
    """Return whether two crossing lines meet, whether the first passes over, or the second."""
    key = np.array([s.key for s in streets], dtype=np.int64)
    target = np.array([s.target for s in streets], dtype=np.int64)
    level_i, level_j = lines.level[line_i], lines.level[line_j]
    street_i, street_j = lines.street[line_i], lines.street[line_j]
    key_i, key_j = key[street_i], key[street_j]
    keyed = (key_i >= 0) & (key_j >= 0)
    base = int(key.max(initial=0)) + 2
    code = np.array([a * base + b for a, b in passes], dtype=np.int64)
    passes_i = keyed & np.isin(key_i * base + key_j, code)
    passes_j = keyed & np.isin(key_j * base + key_i, code)
    meet = (level_i == GROUND) & (level_j == GROUND) & ~(passes_i | passes_j)
    for here, there, level, ground in (
        (street_i, street_j, level_i, level_j),
        (street_j, street_i, level_j, level_i),
    ):
        aimed = (target[here] >= 0) & (target[here] == key[there])
        meet |= (level == LINK) & aimed & (ground == GROUND)
    over_i = passes_i | (~meet & (level_i >= EXPRESSWAY) & (level_j == GROUND))
    over_j = passes_j | (~meet & (level_j >= EXPRESSWAY) & (level_i == GROUND))
    return meet, over_i, over_j


def _intersect(ends: Floats, i: Ints, j: Ints) -> tuple[Floats, Floats, Floats, Bools]:
    """Return where segments i and j cross: share along each, the point, and whether they do."""
    p, r = ends[i, 0], ends[i, 1] - ends[i, 0]
    q, s = ends[j, 0], ends[j, 1] - ends[j, 0]
    cross = r[:, 0] * s[:, 1] - r[:, 1] * s[:, 0]
    ok = np.abs(cross) > 1e-6 * np.linalg.norm(r, axis=1) * np.linalg.norm(s, axis=1)
    safe = np.where(ok, cross, 1.0)
    d = q - p
    first = np.clip((d[:, 0] * s[:, 1] - d[:, 1] * s[:, 0]) / safe, 0.0, 1.0)
    second = np.clip((d[:, 0] * r[:, 1] - d[:, 1] * r[:, 0]) / safe, 0.0, 1.0)
    return first, second, p + first[:, None] * r, ok


def _shared_and_ends(lines: _Lines) -> _Marks:
    """Return marks at vertices that lines share exactly, and at the ends of all lines."""
    level = lines.level[lines.line]
    position = np.arange(len(lines.xy)) - lines.first[lines.line]
    _, group, size = np.unique(
        np.round(lines.xy, 3), axis=0, return_inverse=True, return_counts=True
    )
    group = group.ravel()
    shared = size[group] > 1
    highest = np.zeros(len(size), dtype=np.int64)
    np.maximum.at(highest, group, np.where(level == EXPRESSWAY, 1, 0))
    end = (position == 0) | (position == lines.count[lines.line] - 1)
    at = np.flatnonzero(shared | end)
    # A lone end of a link keeps a layer of its own, so that it joins nothing by chance.
    layer = np.where(shared, highest[group], np.where(level == GROUND, 0, 2))
    return _Marks(lines.line[at], lines.measure[at], lines.xy[at], layer[at])


def _clusters(marks: _Marks) -> tuple[Ints, Floats]:
    """Return the junction number of each mark and the place of each junction."""
    solid = np.column_stack([marks.xy, marks.layer * _APART_M])
    pairs = cKDTree(solid).query_pairs(MERGE_M, output_type="ndarray")
    n = len(solid)
    ones = np.ones(len(pairs), dtype=np.int8)
    links = coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    _, label = connected_components(links, directed=False)
    weight = np.bincount(label)
    place = np.column_stack([np.bincount(label, marks.xy[:, k]) / weight for k in (0, 1)])
    return label.astype(np.int64), place


def _cuts(lines: _Lines, over: tuple[Ints, Floats], drawn: list[Carriageway]) -> _Cuts:
    """Return the ends of all bridges and tunnels, those asked for and those of crossings."""
    asked = [(k, *span) for k, c in enumerate(drawn) for span in c.spans]
    own = np.array([k for k, _, _, _ in asked], dtype=np.int64)
    base = lines.measure[lines.first]
    low = np.array([a for _, a, _, _ in asked]) + base[own]
    high = np.array([b for _, _, b, _ in asked]) + base[own]
    line = np.concatenate([over[0], own])
    low = np.concatenate([over[1] - BRIDGE_M, low])
    high = np.concatenate([over[1] + BRIDGE_M, high])
    bridges = np.full(len(over[0]), BRIDGE)
    what = np.concatenate([bridges, np.array([w for *_, w in asked], dtype=np.int64)])
    last = lines.measure[lines.first + lines.count - 1]
    low = np.maximum(low, base[line] + 0.5)
    high = np.minimum(high, last[line] - 0.5)
    ok = high > low
    ones = np.ones(int(ok.sum()), dtype=np.int64)
    return _Cuts(
        np.tile(line[ok], 2),
        np.concatenate([low[ok], high[ok]]),
        np.concatenate([ones, -ones]),
        np.tile(what[ok], 2),
    )


def _assembled(lines: _Lines, marks: _Marks, cuts: _Cuts, drawn: list[Carriageway]) -> Graph:
    """Return all lines with junctions and the ends of structures put in, in line order."""
    label, place = _clusters(marks)
    cut_xy = np.column_stack([np.interp(cuts.at, lines.measure, lines.xy[:, k]) for k in (0, 1)])
    line = np.concatenate([lines.line, marks.line, cuts.line])
    at = np.concatenate([lines.measure, marks.at, cuts.at])
    node = np.concatenate([np.full(len(lines.xy), -1), label, np.full(len(cuts.line), -1)])
    xy = np.vstack([lines.xy, place[label], cut_xy])
    plain = np.zeros(len(lines.xy) + len(label), dtype=np.int64)
    order = np.lexsort((-node, at, line))
    structure = np.zeros(len(line), dtype=np.int64)
    for what in (BRIDGE, TUNNEL):
        sign = np.concatenate([plain, np.where(cuts.what == what, cuts.sign, 0)])
        structure[np.cumsum(sign[order]) > 0] = what
    line, at, node, xy = line[order], at[order], node[order], xy[order]
    stay = _without_neighbours(line, at, node)
    line, node, xy, structure = line[stay], node[stay], xy[stay], structure[stay]
    keep = kept(xy, node, line, drawn)
    return Graph(xy, node, line, keep, structure)


def _without_neighbours(line: Ints, at: Floats, node: Ints) -> Bools:
    """Return which vertices stay: shape vertices beside a junction and repeats of one go."""
    stay = np.ones(len(line), dtype=bool)
    junction = np.flatnonzero(node >= 0)
    after, before = junction[1:], junction[:-1]
    same = (line[after] == line[before]) & (node[after] == node[before])
    stay[after[same & (at[after] - at[before] < 3 * MERGE_M)]] = False
    shape = np.flatnonzero(node < 0)
    following = np.searchsorted(junction, shape)
    for side in (following - 1, following):
        near = junction[np.clip(side, 0, len(junction) - 1)]
        stay[shape[(line[near] == line[shape]) & (np.abs(at[near] - at[shape]) < _BESIDE_M)]] = (
            False
        )
    return stay
