"""Every counted edge in one road section: cut where roads meet, pieces within places attached."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from siting.candidates.crossings import crossing_pieces, slipped
from siting.candidates.places import LINK, SPAN_M, find_places, joined_places
from siting.candidates.strokes import edge_ends, going_on, labels, sections

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.candidates.strokes import Ends
    from siting.network import Network

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

LEAST_LOOP_M = 100.0
"""Roads that stay within one place are a section of their own from this length on."""


@dataclass(frozen=True, slots=True)
class Sections:
    """
    Road sections, and what lies in none.

    Attributes
    ----------
    of_edge
        Section of each edge whose length counts, -1 elsewhere, shape (m,).
    stroke
        Road that each section is part of: sections that go on into one another, shape (e,).
    ends
        Network node at both ends of each section, equal for rings, shape (e, 2).
    heading
        Unit vectors from the ends into the section, shape (e, 2, 2).
    place
        Place of each network node, shape (n,).
    reason
        Why an edge counts nowhere, "" where it does or is a lesser half, shape (m,).
    """

    of_edge: npt.NDArray[np.int64]
    stroke: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    heading: npt.NDArray[np.float64]
    place: npt.NDArray[np.int64]
    reason: npt.NDArray[np.object_]


def find_sections(
    network: Network,
    junction: npt.NDArray[np.int64],
    *,
    name: npt.NDArray[np.int64],
    main: npt.NDArray[np.int64],
    of_class: npt.NDArray[np.bool_],
    roundabout: npt.NDArray[np.bool_],
) -> Sections:
    """
    Divide roads into sections that end where another road meets them.

    Parameters
    ----------
    network
        The network.
    junction
        Junction of each node, -1 for none, shape (n,).
    name
        Code of each edge's name, -1 for none, shape (m,).
    main
        Main half beside each lesser half, -1 elsewhere, shape (m,).
    of_class
        Edges of classes that sections are made of, shape (m,).
    roundabout
        Edges of roundabouts, shape (m,).
    """
    eligible = of_class & ~network.twin & ~roundabout & ~LINK[network.highway]
    places = find_places(
        network, junction, eligible=eligible, roundabout=roundabout, main=main, name=name
    )
    key = np.where(name < 0, -1, name) * len(LINK) + network.highway.astype(np.int64)
    apart = _cut(network, places.of_node, key, name, eligible)
    place = _closer(network, apart, name, key, near=eligible | network.twin)
    found = in_order(network, _cut(network, place, key, name, eligible))
    within = (place[network.tail] == place[network.head]) & (network.tail != network.head)
    inner = np.flatnonzero(eligible & within & ~places.turn)
    of_edge = _attached(network, place, key, found.of_edge, inner)
    reason = _reasons(network, of_edge, roundabout, of_class)
    return _with_loops(network, replace(found, of_edge=of_edge, reason=reason))


def _cut(network: Network, place: Ints, key: Ints, name: Ints, eligible: Bools) -> Sections:
    """Divide edges into sections; those within a place are left out."""
    within = (place[network.tail] == place[network.head]) & (network.tail != network.head)
    through = np.flatnonzero(eligible & ~within)
    ends = edge_ends(network, place, through)
    one, two = going_on(ends, key[ends.edge], name[ends.edge] >= 0)
    joined, label = sections(ends, one, two, int(place.max()) + 1)
    of_edge = np.full(len(network.tail), -1, dtype=np.int64)
    of_edge[through] = label
    node, heading = _section_ends(network, ends, one[joined], two[joined], label)
    stroke = np.zeros(int(label.max(initial=-1)) + 1, dtype=np.int64)
    stroke[label] = labels(ends, one, two)
    return Sections(
        of_edge=of_edge,
        stroke=stroke,
        ends=node,
        heading=heading,
        place=place,
        reason=np.full(len(of_edge), "", dtype=object),
    )


def _closer(network: Network, found: Sections, name: Ints, key: Ints, *, near: Bools) -> Ints:
    """Put the places together that are one junction by the roads that meet there."""
    edges = np.flatnonzero(found.of_edge >= 0)
    own = found.of_edge[edges]
    first = np.zeros(len(found.ends), dtype=np.int64)
    first[own[::-1]] = edges[::-1]
    length_m = section_lengths(network, found)
    ends = found.place[found.ends]
    link = np.flatnonzero(LINK[network.highway])
    ramp = np.zeros(int(found.place.max()) + 1, dtype=np.bool_)
    ramp[found.place[network.tail[link]]] = True
    ramp[found.place[network.head[link]]] = True
    some = np.flatnonzero(near)
    one = slipped(ends, length_m, key[first], ramp)
    one |= crossing_pieces(
        ends,
        length_m,
        name[first],
        at_place=found.place[np.concatenate([network.tail[some], network.head[some]])],
        at_name=np.tile(name[some], 2),
    )
    # A road through an interchange, from its first ramp to its last, is within it.
    inside = (ends[:, 0] == ends[:, 1]) & ramp[ends[:, 0]] & (length_m <= SPAN_M)
    pieces = edges[inside[own]]
    return joined_places(
        found.place,
        np.concatenate([found.ends[one, 0], network.tail[pieces]]),
        np.concatenate([found.ends[one, 1], network.head[pieces]]),
    )


def _attached(network: Network, place: Ints, key: Ints, of_edge: Ints, inner: Ints) -> Ints:
    """
    Section that each piece within a place belongs to, -1 for none, below for a section of its own.

    Sections grow along the pieces of their road, one piece a round, so that a road through a
    junction is shared between its two sides; what none reaches goes to a section of that road that
    begins at its place.
    """
    base = int(key.min())
    width = int(key.max()) - base + 1
    road = key - base
    owner = of_edge.copy()
    nodes = np.arange(len(place))
    while len(inner):
        reached = _grown(network, nodes, road, width, owner, inner)
        if not (reached >= 0).any():
            break
        owner[inner] = reached
        inner = inner[reached < 0]
    if len(inner):
        owner[inner] = _grown(network, place, road, width, owner, inner)
    rest = inner[owner[inner] < 0]
    group = _connected(network, road, width, rest)
    length_m = np.bincount(group, weights=network.length_m[rest])
    own = np.where(length_m >= LEAST_LOOP_M, -2 - np.arange(len(length_m)), -1)
    owner[rest] = own[group]
    return owner


def _grown(network: Network, where: Ints, road: Ints, width: int, owner: Ints, inner: Ints) -> Ints:
    """Lowest section of the same road that has an end where pieces have one, -1 for none."""
    owned = np.flatnonzero(owner >= 0)
    none = np.full(len(inner), len(owner), dtype=np.int64)
    if len(owned) == 0:
        return none - len(owner) - 1
    known, section = _lowest(
        np.concatenate([where[network.tail[owned]], where[network.head[owned]]]) * width
        + np.tile(road[owned], 2),
        np.tile(owner[owned], 2),
    )
    for end in (network.tail, network.head):
        code = where[end[inner]] * width + road[inner]
        at = np.minimum(np.searchsorted(known, code), len(known) - 1)
        none = np.minimum(none, np.where(known[at] == code, section[at], len(owner)))
    return np.where(none == len(owner), -1, none)


def _connected(network: Network, road: Ints, width: int, inner: Ints) -> Ints:
    """Find the groups of edges of one road that share nodes; gives a number each, from 0."""
    code = np.concatenate([network.tail[inner], network.head[inner]]) * width
    _, at = np.unique(code + np.tile(road[inner], 2), return_inverse=True)
    size, half = int(at.max(initial=-1)) + 1, len(inner)
    links = coo_array((np.ones(half, dtype=np.int8), (at[:half], at[half:])), shape=(size, size))
    label = connected_components(links, directed=False)[1] if size else at
    return np.unique(label[at[:half]], return_inverse=True)[1].astype(np.int64)


def _lowest(code: Ints, value: Ints) -> tuple[Ints, Ints]:
    """Return the codes, sorted, and the lowest value of each."""
    order = np.lexsort((value, code))
    first = np.r_[True, np.diff(code[order]) != 0] if len(code) else np.zeros(0, dtype=np.bool_)
    return code[order][first], value[order][first]


def _section_ends(
    network: Network, ends: Ends, one: Ints, two: Ints, label: Ints
) -> tuple[Ints, Floats]:
    """Node at both ends of each section and the unit vectors into it; of a ring its lowest node."""
    count = int(label.max(initial=-1)) + 1
    free = np.ones(len(ends.edge), dtype=np.bool_)
    free[one] = False
    free[two] = False
    section = np.tile(label, 2)
    loose = np.flatnonzero(free)
    loose = loose[np.lexsort((network.node_id[ends.node[loose]], section[loose]))]
    ring = np.setdiff1d(np.arange(count), section[loose])
    closed = np.flatnonzero(np.isin(section, ring))
    closed = closed[np.lexsort((network.node_id[ends.node[closed]], section[closed]))]
    closed = closed[np.r_[True, np.diff(section[closed]) != 0]] if len(closed) else closed
    both = np.concatenate([loose, np.repeat(closed, 2)])
    both = both[np.argsort(section[both], kind="stable")].reshape(-1, 2)
    return ends.node[both], ends.heading[both]


def _with_loops(network: Network, found: Sections) -> Sections:
    """Give sections within one place, marked below -1, the numbers after the others."""
    edges = np.flatnonzero(found.of_edge < -1)
    if len(edges) == 0:
        return found
    count = len(found.ends)
    mark, at = np.unique(found.of_edge[edges], return_inverse=True)
    of_edge = found.of_edge.copy()
    of_edge[edges] = count + at
    order = np.lexsort((network.node_id[network.tail[edges]], at))
    first = edges[order[np.r_[True, np.diff(at[order]) != 0]]]
    node = network.tail[first]
    top = int(found.stroke.max(initial=-1)) + 1
    heading = np.tile([1.0, 0.0], (len(mark), 2, 1))
    return Sections(
        of_edge=of_edge,
        stroke=np.concatenate([found.stroke, top + np.arange(len(mark))]),
        ends=np.concatenate([found.ends, np.column_stack([node, node])]),
        heading=np.concatenate([found.heading, heading]),
        place=found.place,
        reason=found.reason,
    )


def _reasons(
    network: Network, of_edge: Ints, roundabout: Bools, of_class: Bools
) -> npt.NDArray[np.object_]:
    """Why edges that are no lesser halves are in no section."""
    out = (of_edge == -1) & ~network.twin
    reason: npt.NDArray[np.object_] = np.select(
        [~out, LINK[network.highway], roundabout, ~of_class],
        ["", "ramp", "roundabout", "class"],
        default="crossover",
    ).astype(object)
    return reason


def in_order(network: Network, found: Sections) -> Sections:
    """
    Sort sections by the vertex ids of their ends, and turn them to run eastwards or southwards.

    So do Chinese gazetteers: 东西走向, 南北走向 name the western and the northern end first.

    Parameters
    ----------
    network
        The network.
    found
        The sections.
    """
    xy = network.node_xy[found.ends]
    span = xy[:, 1] - xy[:, 0]
    level = np.abs(span[:, 0]) >= np.abs(span[:, 1])
    back = np.where(level, span[:, 0] < 0, span[:, 1] > 0)
    ends = np.where(back[:, None], found.ends[:, ::-1], found.ends)
    heading = np.where(back[:, None, None], found.heading[:, ::-1], found.heading)
    vertex = np.sort(network.node_id[ends], axis=1)
    length_m = section_lengths(network, found)
    order = np.lexsort((np.round(length_m, 2), vertex[:, 1], vertex[:, 0]))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    of_edge = np.append(rank, -1)[found.of_edge]
    return replace(
        found,
        of_edge=of_edge,
        stroke=found.stroke[order],
        ends=ends[order],
        heading=heading[order],
    )


def section_lengths(network: Network, found: Sections) -> npt.NDArray[np.float64]:
    """Return the geodesic length of each section, m, shape (e,)."""
    counted = found.of_edge >= 0
    metres = np.bincount(
        found.of_edge[counted], weights=network.length_m[counted], minlength=len(found.ends)
    )
    return metres.astype(np.float64)
