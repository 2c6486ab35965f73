"""Roads as they leave the places where they meet: undirected arms and their headings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from siting.frames import ROAD_CLASSES

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.network.graph import Network

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

NEAR_M, FAR_M = 8.0, 45.0
"""A road's heading is taken between these distances from its end: past the bend of a kerb, short
of the next bend. Planner's own."""

THROUGH = 2
"""Roads at a node that only passes through."""


@dataclass(frozen=True, slots=True)
class Arms:
    """
    Stretches of road between nodes where other than two edges meet, and their two ends.

    Ends come in pairs: end `e` and end `e + size` belong to arm `e`, with `size` the number of
    arms.

    Attributes
    ----------
    node
        Network node of each end, shape (2 * size,).
    edge
        Network edge at each end, shape (2 * size,).
    heading
        Unit direction in which the road leaves the node, shape (2 * size, 2).
    flow
        0 both ways, 1 traffic leaves by this end, -1 it arrives, shape (2 * size,).
    length_m
        Length of each arm, shape (size,).
    inner
        Arm that each network node lies within, -1 for none, shape (n,).
    of_edge
        Arm of each edge, -1 for closed rings without an end, shape (m,).
    """

    node: Ints
    edge: Ints
    heading: Floats
    flow: npt.NDArray[np.int8]
    length_m: Floats
    inner: Ints
    of_edge: Ints

    @property
    def size(self) -> int:
        """How many arms there are."""
        return len(self.length_m)


def is_link(network: Network) -> Bools:
    """Tell which edges are ramps or slip roads, shape (m,)."""
    link: Bools = np.array([name.endswith("_link") for name in ROAD_CLASSES])[network.highway]
    return link


def find_arms(network: Network) -> Arms:
    """
    Join edges through nodes where only two meet.

    Parameters
    ----------
    network
        The network.

    Returns
    -------
    arms
        Each with the edges, headings and rule of traffic at both ends.
    """
    count = len(network.node_id)
    tail, head = network.tail, network.head
    edges = np.arange(len(tail))
    degree = np.bincount(np.concatenate([tail, head]), minlength=count)
    passed = degree == THROUGH
    ends = np.concatenate([tail, head])
    owner = np.concatenate([edges, edges])
    order = np.argsort(ends, kind="stable")
    at = order[passed[ends[order]]]
    one, two = owner[at[0::2]], owner[at[1::2]]
    links = coo_array((np.ones(len(one), dtype=np.int8), (one, two)), shape=(len(tail), len(tail)))
    label = connected_components(links, directed=False)[1].astype(np.int64)
    total = np.bincount(label, weights=network.length_m)
    loose = np.flatnonzero(~passed[ends])
    loose = loose[np.argsort(label[owner[loose]], kind="stable")]
    first, second = loose[0::2], loose[1::2]
    arm = np.full(len(total), -1)
    arm[label[owner[first]]] = np.arange(len(first))
    both = np.concatenate([first, second])
    edge, leaves = owner[both], both < len(tail)
    oneway = network.oneway[edge] != 0
    inner = np.full(count, -1)
    inner[tail[passed[tail]]] = arm[label[passed[tail]]]
    inner[head[passed[head]]] = arm[label[passed[head]]]
    return Arms(
        node=ends[both],
        edge=edge,
        heading=_headings(network.geometry[edge], leaves),
        flow=np.where(oneway, np.where(leaves, 1, -1), 0).astype(np.int8),
        length_m=total[label[owner[first]]],
        inner=inner,
        of_edge=arm[label],
    )


def _headings(lines: npt.NDArray[np.object_], leaves: Bools) -> Floats:
    """Return the direction of lines away from their start, or from their end."""
    length = shapely.length(lines)
    near, far = np.minimum(NEAR_M, length / 4), np.minimum(FAR_M, length)
    sign = np.where(leaves, 1.0, -1.0)
    # shapely counts a negative distance from the line's end.
    begin = shapely.get_coordinates(shapely.line_interpolate_point(lines, sign * near))
    until = shapely.get_coordinates(
        shapely.line_interpolate_point(lines, np.where(leaves, far, length - far))
    )
    step = until - begin
    size = np.hypot(*step.T)
    unit: Floats = step / np.where(size > 0, size, 1.0)[:, None]
    return unit


def faces(network: Network, arms: Arms) -> tuple[Ints, Floats, Floats]:
    """
    Walk round the faces that the arms enclose.

    Parameters
    ----------
    network
        The network.
    arms
        Its arms.

    Returns
    -------
    face, perimeter_m, area_m2
        Face to the left of each end's way along its arm, shape (2 * size,); perimeter and area of
        each face, shape (faces,); the area is negative for an outer face. Where roads cross on
        different levels the walk goes astray and encloses nothing small.

    Notes
    -----
    At the far node the walk turns to the next arm clockwise from the one it came by, the usual
    rule for the faces of a plane map (de Berg et al., Computational Geometry, chapter 2).
    """
    size = arms.size
    angle = np.arctan2(arms.heading[:, 1], arms.heading[:, 0])
    order = np.lexsort((angle, arms.node))
    start = np.flatnonzero(np.r_[True, np.diff(arms.node[order]) != 0])
    count = np.diff(np.r_[start, len(order)])
    place = np.arange(len(order))
    first = np.repeat(start, count)
    before = order[np.where(place == first, first + np.repeat(count, count) - 1, place - 1)]
    clockwise = np.empty(2 * size, dtype=np.int64)
    clockwise[order] = before
    after = clockwise[(np.arange(2 * size) + size) % (2 * size)]
    links = coo_array(
        (np.ones(2 * size, dtype=np.int8), (np.arange(2 * size), after)),
        shape=(2 * size, 2 * size),
    )
    face = connected_components(links, directed=False)[1].astype(np.int64)
    perimeter = np.bincount(face, weights=np.tile(arms.length_m, 2))
    twice = _swept(network, arms)
    area = np.bincount(face, weights=np.concatenate([twice, -twice])) / 2
    return face, np.asarray(perimeter, dtype=np.float64), np.asarray(area, dtype=np.float64)


def _swept(network: Network, arms: Arms) -> Floats:
    """Twice the area that a ray from the origin sweeps along each arm, from first to second end."""
    xy, line = shapely.get_coordinates(network.geometry, return_index=True)
    xy = xy - network.node_xy.mean(axis=0)
    same = line[1:] == line[:-1]
    a, b = xy[:-1][same], xy[1:][same]
    swept = np.bincount(
        line[1:][same], weights=a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0], minlength=len(network.tail)
    )
    turned = _along(network, arms)
    kept = arms.of_edge >= 0
    total: Floats = np.bincount(
        arms.of_edge[kept], weights=(swept * turned)[kept], minlength=arms.size
    ).astype(np.float64)
    return total


def _along(network: Network, arms: Arms) -> Floats:
    """+1 for edges drawn from their arm's first end to its second, -1 for the others."""
    turned = np.ones(len(network.tail))
    at_first = arms.node[: arms.size]
    edge = arms.edge[: arms.size]
    # Edges of one arm nearly always run alike; those that don't are found step by step.
    current, node = edge.copy(), at_first.copy()
    walking = np.arange(arms.size)
    ends = np.concatenate([network.tail, network.head])
    owner = np.tile(np.arange(len(network.tail)), 2)
    order = np.argsort(ends, kind="stable")
    first = np.searchsorted(ends[order], np.arange(len(network.node_id)))
    while len(walking):
        forward = network.tail[current] == node
        turned[current] = np.where(forward, 1.0, -1.0)
        node = np.where(forward, network.head[current], network.tail[current])
        going = arms.inner[node] >= 0
        walking, current, node = walking[going], current[going], node[going]
        one = owner[order[first[node]]]
        two = owner[order[np.minimum(first[node] + 1, len(order) - 1)]]
        current = np.where(one == current, two, one)
    return turned
