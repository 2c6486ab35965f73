"""Sparse site x demand reach within a network distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from siting.network import Network

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

CHUNK_CELLS = 4_000_000
"""Distances held at once, sources x nodes: 32 MB."""
MOST_SOURCES = 100
PENDING_ARCS = 4_000_000
"""Arcs gathered before the farther ones are dropped."""
DECIMALS = 3
"""Distances are rounded to the millimetre, so that ties are ties on every machine."""


@dataclass(frozen=True, slots=True)
class Reach:
    """
    Which demand points each site can serve, as arcs sorted by (demand, distance, site).

    Attributes
    ----------
    site, demand
        Row index of the site and of the demand point of each arc, int64, shape (arcs,).
    distance_m
        Network distance from demand point to site, access legs included, shape (arcs,).
    sites, demands
        Numbers of sites and demand points (some may have no arc).
    """

    site: npt.NDArray[np.int64]
    demand: npt.NDArray[np.int64]
    distance_m: npt.NDArray[np.float64]
    sites: int
    demands: int


@dataclass(frozen=True, slots=True)
class _Arcs:
    """Arcs from a place (a distinct node with demand) to a site."""

    place: Ints
    site: Ints
    distance_m: Floats


@dataclass(frozen=True, slots=True)
class _Stops:
    """Distinct nodes with sites; the sites of stop k are `site[first[k]:first[k + 1]]`."""

    node: Ints
    first: Ints
    site: Ints
    access_m: Floats


def network_reach(
    network: Network,
    site_node: npt.NDArray[np.int64],
    site_access_m: npt.NDArray[np.float64],
    demand_node: npt.NDArray[np.int64],
    demand_access_m: npt.NDArray[np.float64],
    limit_m: npt.NDArray[np.float64],
    most: int,
) -> Reach:
    """
    Reach by travel distance from demand point to site.

    Distances follow one-way rules from the demand point to the site; the access legs at both ends
    are added.

    Parameters
    ----------
    network
        The network.
    site_node, demand_node
        Network node of each site and demand point, shapes (sites,), (demands,); -1 for none: such
        a point has no arc.
    site_access_m, demand_access_m
        Straight-line metres to that node, same shapes.
    limit_m
        Farthest distance of each demand point to a site, access legs included, shape (demands,).
    most
        At most this many nearest sites a demand point; ties go to the site of the lower row.

    Returns
    -------
    reach
        Arcs sorted by demand point, distance and site; distances rounded to the millimetre.

    Raises
    ------
    ValueError
        If `most` is less than 1.

    Notes
    -----
    Dijkstra's algorithm (scipy) runs from the side that covers less ground, in chunks of
    neighbouring sources, on the part of the network that these can reach.
    """
    if most < 1:
        raise ValueError(f"most must be at least 1, got {most}")
    stops = _stops(site_node, site_access_m)
    left_m = limit_m - demand_access_m
    demand = np.flatnonzero((demand_node >= 0) & (left_m >= 0))
    places, place = np.unique(demand_node[demand], return_inverse=True)
    farthest_m = np.zeros(len(places))
    np.maximum.at(farthest_m, place, left_m[demand])
    arcs = _nearest_sites(network, stops, places, farthest_m, most)
    return _reach(arcs, demand, place, demand_access_m, limit_m, len(site_node))


def _stops(site_node: Ints, access_m: Floats) -> _Stops:
    site = np.flatnonzero(site_node >= 0)
    site = site[np.argsort(site_node[site], kind="stable")]
    node, first = np.unique(site_node[site], return_index=True)
    return _Stops(node, np.r_[first, len(site)], site, access_m[site])


def _nearest_sites(
    network: Network, stops: _Stops, places: Ints, farthest_m: Floats, most: int
) -> _Arcs:
    """Find the `most` nearest sites of each place within its distance."""
    done = _Arcs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    pending, waiting = [done], 0
    if len(places) == 0 or len(stops.node) == 0:
        return done
    from_stops = len(stops.node) * farthest_m.max() ** 2 < (farthest_m**2).sum()
    found = (
        _from_stops(network, stops.node, places, farthest_m)
        if from_stops
        else _from_places(network, stops.node, places, farthest_m)
    )
    for place, stop, metres in found:
        arcs = _to_sites(place, stop, metres, stops, farthest_m)
        pending.append(arcs)
        waiting += len(arcs.place)
        if waiting > PENDING_ARCS:
            pending, waiting = [_keep_nearest(_joined(pending), most)], 0
    return _keep_nearest(_joined(pending), most)


def _from_stops(
    network: Network, stops: Ints, places: Ints, farthest_m: Floats
) -> Iterator[tuple[Ints, Ints, Floats]]:
    """Yield (place, stop, metres) by searching back from the stops."""
    limit = np.full(len(stops), farthest_m.max())
    for chunk, near, metres in _search(network, csr_array(network.travel.T), stops, places, limit):
        within = metres <= farthest_m[near]
        row, column = np.nonzero(within)
        yield near[column], chunk[row], metres[within]


def _from_places(
    network: Network, stops: Ints, places: Ints, farthest_m: Floats
) -> Iterator[tuple[Ints, Ints, Floats]]:
    """Yield (place, stop, metres) by searching from the places."""
    for chunk, near, metres in _search(network, network.travel, places, stops, farthest_m):
        within = metres <= farthest_m[chunk][:, None]
        row, column = np.nonzero(within)
        yield chunk[row], near[column], metres[within]


def _search(
    network: Network, graph: csr_array, sources: Ints, targets: Ints, limit_m: Floats
) -> Iterator[tuple[Ints, Ints, Floats]]:
    """
    Search from chunks of sources on the part of the graph around them.

    Yields
    ------
    chunk, near, metres
        Rows in `sources`, rows in `targets` that may be reached, and the distances between them,
        shape (chunk, near), infinite beyond the chunk's limit.
    """
    xy = network.node_xy
    slack = _most_chord(graph, xy)
    order = _neighbours_together(xy[sources], limit_m)
    size = max(1, min(MOST_SOURCES, CHUNK_CELLS // graph.shape[0]))
    for at in range(0, len(order), size):
        chunk = order[at : at + size]
        limit = float(limit_m[chunk].max())
        here = xy[sources[chunk]]
        low, high = here.min(axis=0) - limit * slack, here.max(axis=0) + limit * slack
        inside = ((xy >= low) & (xy <= high)).all(axis=1)
        nodes = np.flatnonzero(inside)
        local = np.cumsum(inside) - 1
        near = np.flatnonzero(inside[targets])
        part = graph if len(nodes) == len(xy) else graph[nodes][:, nodes]
        metres = dijkstra(part, indices=local[sources[chunk]], limit=limit)
        yield chunk, near, metres[:, local[targets[near]]]


def _most_chord(graph: csr_array, xy: Floats) -> float:
    """Most straight-line metres of the plane that a metre of travel can gain, at least 1."""
    links = graph.tocoo()
    chord = np.hypot(*(xy[links.col] - xy[links.row]).T)
    ratio = chord / links.data
    return max(1.0, float(ratio.max(initial=1.0))) * (1 + 1e-9)


def _neighbours_together(xy: Floats, limit_m: Floats) -> Ints:
    """Order points so that those in a row have like limits and lie near each other."""
    level = np.ceil(np.log2(np.maximum(limit_m, 1.0)))
    tile = np.floor(xy / np.exp2(level)[:, None])
    turn = np.where(tile[:, 0] % 2 == 0, tile[:, 1], -tile[:, 1])
    return np.lexsort((xy[:, 0], turn, tile[:, 0], level))


def _to_sites(place: Ints, stop: Ints, metres: Floats, stops: _Stops, farthest_m: Floats) -> _Arcs:
    """Go from stops on to the sites there."""
    count = stops.first[stop + 1] - stops.first[stop]
    row = np.repeat(stops.first[stop], count) + _counting(count)
    distance = np.round(np.repeat(metres, count) + stops.access_m[row], DECIMALS)
    place = np.repeat(place, count)
    within = distance <= farthest_m[place]
    return _Arcs(place[within], stops.site[row[within]], distance[within])


def _counting(count: Ints) -> Ints:
    """Count 0, 1, ... within each of consecutive groups."""
    return np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)


def _joined(arcs: list[_Arcs]) -> _Arcs:
    return _Arcs(
        np.concatenate([a.place for a in arcs]),
        np.concatenate([a.site for a in arcs]),
        np.concatenate([a.distance_m for a in arcs]),
    )


def _keep_nearest(arcs: _Arcs, most: int) -> _Arcs:
    """Keep the `most` nearest sites of each place, in order of (place, distance, site)."""
    order = np.lexsort((arcs.site, arcs.distance_m, arcs.place))
    count = np.bincount(arcs.place)
    order = order[_counting(count) < most]
    return _Arcs(arcs.place[order], arcs.site[order], arcs.distance_m[order])


def _reach(
    arcs: _Arcs, demand: Ints, place: Ints, access_m: Floats, limit_m: Floats, sites: int
) -> Reach:
    """Go from places back to the demand points there."""
    size = int(place.max(initial=-1)) + 1
    count = np.bincount(arcs.place, minlength=size)
    first = np.cumsum(count) - count
    row = np.repeat(first[place], count[place]) + _counting(count[place])
    point = np.repeat(demand, count[place])
    distance = np.round(arcs.distance_m[row] + access_m[point], DECIMALS)
    within = distance <= limit_m[point]
    site, point, distance = arcs.site[row[within]], point[within], distance[within]
    order = np.lexsort((site, distance, point))
    return Reach(
        site=site[order],
        demand=point[order],
        distance_m=distance[order],
        sites=sites,
        demands=len(limit_m),
    )
