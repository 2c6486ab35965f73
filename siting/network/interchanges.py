"""Interchanges: where ramps join expressways, and where the ramps reach the surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

from siting.frames import ROAD_CLASSES
from siting.network.approaches import is_link

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.network.approaches import Arms
    from siting.network.graph import Network

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

FAST = ("motorway", "trunk")
"""Classes that can run without crossings."""
INSIDE = "service"
"""Roads within service areas: no surface road that a ramp leads to."""
LEAST_RAMP_M = 150.0
"""Ramps of a trunk road together at least this long; shorter ones are openings to a side lane."""
SPAN_M = 700.0
"""Farthest from the exit of an interchange to its entrance down the same carriageway."""
BESIDE_M = 80.0
"""Parts of an interchange this near to each other are one: its two carriageways."""


@dataclass(frozen=True, slots=True)
class Ramps:
    """
    Interchanges and the ends of their ramps.

    Attributes
    ----------
    of_group
        Interchange of each group of nodes, -1 for none, shape (groups,).
    ends
        Groups where a ramp meets a surface road, shape (groups,).
    legs
        Surface groups at which the ramps of each interchange end, shape (interchanges,).
    """

    of_group: Ints
    ends: Bools
    legs: Ints


def find_interchanges(network: Network, arms: Arms, group: Ints) -> Ramps:
    """
    Find where ramps join expressways.

    A ramp is a link road that stays outside every crossing. Ramps that share a fork or a place on
    the expressway belong together; so do an exit and the next entrance down the same carriageway,
    all ends of ramps that touch no surface road, and what lies within `BESIDE_M` of each other.
    Motorways count always, trunk roads where no surface road meets them and the ramps together are
    `LEAST_RAMP_M` long.

    Parameters
    ----------
    network, arms
        The network and its arms.
    group
        Group of each node from `crossing_groups`, shape (n,).

    Returns
    -------
    ramps
        By group of nodes.
    """
    count = int(group.max()) + 1
    names = np.array(ROAD_CLASSES)
    link = is_link(network)
    fast = np.isin(names, FAST)[network.highway]
    motorway = (names == "motorway")[network.highway]
    plain = ~link & ~fast & (names != INSIDE)[network.highway]
    surface_at = _groups_with(network, group, plain, count)
    fast_at = _groups_with(network, group, fast, count) & ~surface_at
    fast_at &= ~_trunks_cross(network, arms, group, count)
    motorway_at = _groups_with(network, group, motorway, count)
    fast_at |= motorway_at
    size = arms.size
    one, two = group[arms.node[:size]], group[arms.node[size:]]
    ramp = link[arms.edge[:size]] & link[arms.edge[size:]] & (one != two)
    at, none = np.flatnonzero(ramp), np.full(count, -1)
    if len(at) == 0 or not fast_at.any():
        return Ramps(none, np.zeros(count, dtype=bool), np.zeros(0, dtype=np.int64))
    component = _ramp_components(one[at], two[at], surface_at & ~fast_at, count)
    parts = int(component.max()) + 1
    touch = np.concatenate([one[at], two[at]])
    owner = np.tile(component, 2)
    metres = np.bincount(component, weights=arms.length_m[at], minlength=parts)
    joins = np.bincount(owner, weights=fast_at[touch], minlength=parts) > 0
    real = np.bincount(owner, weights=motorway_at[touch], minlength=parts) > 0
    real = joins & (real | (metres >= LEAST_RAMP_M))
    on_fast = real[owner] & fast_at[touch]
    fork = real[owner] & ~fast_at[touch] & ~surface_at[touch]
    end = real[owner] & ~fast_at[touch] & surface_at[touch]
    ends = np.zeros(count, dtype=bool)
    ends[touch[end]] = True
    # An exit leaves the carriageway by the ramp's start, an entrance joins it by its end.
    leaving = np.concatenate([arms.flow[at], arms.flow[size + at]]) >= 0
    exits = np.unique(touch[on_fast & leaving])
    entries = np.unique(touch[on_fast & ~leaving])
    grounded = np.bincount(owner, weights=surface_at[touch], minlength=parts) > 0
    aloft = on_fast & ~grounded[owner]
    label = _join_places(
        network, group, fast, (exits, entries), (touch[aloft], owner[aloft]), count
    )
    of_group = none.copy()
    places = np.unique(touch[on_fast])
    number = np.unique(label[places], return_inverse=True)[1]
    of_group[places] = number
    home = np.full(parts, -1)
    home[owner[on_fast]] = of_group[touch[on_fast]]
    of_group[touch[fork]] = home[owner[fork]]
    legs = np.unique(np.column_stack([home[owner[end]], touch[end]]), axis=0)[:, 0]
    return Ramps(of_group, ends, np.bincount(legs, minlength=int(number.max(initial=-1)) + 1))


def _groups_with(network: Network, group: Ints, edges: Bools, count: int) -> Bools:
    """Tell the groups at which some of the edges end."""
    found = np.zeros(count, dtype=bool)
    found[group[network.tail[edges]]] = True
    found[group[network.head[edges]]] = True
    return found


def _trunks_cross(network: Network, arms: Arms, group: Ints, count: int) -> Bools:
    """Tell the groups at which fast roads of different directions meet on one level."""
    fast = np.isin(np.array(ROAD_CLASSES), FAST)[network.highway[arms.edge]]
    ends = np.flatnonzero(fast)
    heading = arms.heading[ends]
    # The doubled angle makes both directions of one road alike.
    twice = np.column_stack(
        [heading[:, 0] ** 2 - heading[:, 1] ** 2, 2 * heading[:, 0] * heading[:, 1]]
    )
    at = group[arms.node[ends]]
    number = np.bincount(at, minlength=count)
    mean = np.column_stack([np.bincount(at, weights=axis, minlength=count) for axis in twice.T])
    # Of one road 1 times the number, of two at a right angle 0.
    straight = np.hypot(*mean.T) >= 0.7 * number
    crossed: Bools = (number > 2) & ~straight  # noqa: PLR2004  (one road has two ends)
    return crossed


def _ramp_components(one: Ints, two: Ints, surface: Bools, count: int) -> Ints:
    """Component of each ramp arm; ramps don't belong together for meeting at a surface road."""
    arm = np.arange(len(one)) + count
    ends = np.concatenate([one, two])
    arms = np.tile(arm, 2)
    kept = ~surface[ends]
    links = coo_array(
        (np.ones(int(kept.sum()), dtype=np.int8), (ends[kept], arms[kept])),
        shape=(count + len(one), count + len(one)),
    )
    label = connected_components(links, directed=False)[1][count:]
    return np.unique(label, return_inverse=True)[1].astype(np.int64)


def _join_places(
    network: Network,
    group: Ints,
    fast: Bools,
    ways: tuple[Ints, Ints],
    aloft: tuple[Ints, Ints],
    count: int,
) -> Ints:
    """Label groups so that the places of one interchange are alike, shape (count,)."""
    exits, entries = ways
    place, owner = aloft
    pairs = [_exit_to_entry(network, group, fast, exits, entries)]
    # Ramps between expressways alone: all their ends are one place.
    order = np.argsort(owner, kind="stable")
    place, owner = place[order], owner[order]
    same = owner[1:] == owner[:-1]
    pairs.append((place[:-1][same], place[1:][same]))
    label = _label(pairs, count)
    places = np.unique(np.concatenate([exits, entries, place]))
    nodes = np.bincount(group, minlength=count)
    xy = np.column_stack(
        [
            np.bincount(group, weights=axis, minlength=count) / np.maximum(nodes, 1)
            for axis in network.node_xy.T
        ]
    )
    order = np.argsort(label[places], kind="stable")
    places = places[order]
    key, part = np.unique(label[places], return_inverse=True)
    hulls = shapely.convex_hull(shapely.multipoints(xy[places], indices=part))
    near = shapely.STRtree(hulls).query(hulls, predicate="dwithin", distance=BESIDE_M)
    first = np.searchsorted(part, np.arange(len(key)))
    pairs.append((places[first[near[0]]], places[first[near[1]]]))
    return _label(pairs, count)


def _exit_to_entry(
    network: Network, group: Ints, fast: Bools, exits: Ints, entries: Ints
) -> tuple[Ints, Ints]:
    """Pairs of an exit and the nearest entrance down the carriageway within `SPAN_M`."""
    empty = np.zeros(0, dtype=np.int64)
    if not len(exits) or not len(entries):
        return empty, empty
    used = np.unique(group[np.concatenate([network.tail[fast], network.head[fast]])])
    index = np.full(int(group.max()) + 1, -1)
    index[used] = np.arange(len(used))
    tail, head = index[group[network.tail[fast]]], index[group[network.head[fast]]]
    metres = np.maximum(network.length_m[fast], 0.001)
    order = np.lexsort((metres, head, tail))
    tail, head, metres = tail[order], head[order], metres[order]
    lead = np.r_[True, (np.diff(tail) != 0) | (np.diff(head) != 0)] & (tail != head)
    graph = csr_array((metres[lead], (tail[lead], head[lead])), shape=(len(used), len(used)))
    exits, entries = exits[index[exits] >= 0], entries[index[entries] >= 0]
    away = dijkstra(graph, indices=index[exits], limit=SPAN_M)[:, index[entries]]
    nearest = away.argmin(axis=1)
    found = np.isfinite(away[np.arange(len(exits)), nearest])
    return exits[found], entries[nearest[found]]


def _label(pairs: list[tuple[Ints, Ints]], count: int) -> Ints:
    one = np.concatenate([pair[0] for pair in pairs])
    two = np.concatenate([pair[1] for pair in pairs])
    links = coo_array((np.ones(len(one), dtype=np.int8), (one, two)), shape=(count, count))
    return connected_components(links, directed=False)[1].astype(np.int64)
