"""The expressway section that a clause names, found on the map by its road."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

from siting.datum import lonlat_to_metric
from siting.frames import ROAD_CLASSES
from siting.said import Said, beside

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.frames import Roads
    from siting.model.roadside import ExpresswaySection
    from siting.network import Network

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

BESIDE_M = 100.0
"""Carriageways of one expressway are nearer than this."""
LEAST_SHARE = 0.2
"""A stretch of the road shorter than this share of the longest is a ramp or a scrap."""


@dataclass(frozen=True, slots=True)
class FoundSection:
    """
    A section of expressway on the network.

    Attributes
    ----------
    edges
        Network edges of it, both carriageways, shape (m,).
    km
        Its length, carriageways counted once.
    note
        How it was found, one sentence.
    stand_in
        Whether another expressway stands for the one that is named.
    """

    edges: npt.NDArray[np.bool_]
    km: float
    note: Said
    stand_in: bool


def find_section(network: Network, roads: Roads, asked: ExpresswaySection) -> FoundSection:
    """
    Find an expressway section by the names or refs of its road.

    The section is the part of the road within half its length of the middle, along the road. Where
    the road lies elsewhere, the middle of it stands for the section, and where there is none, the
    longest expressway of the map.

    Parameters
    ----------
    network, roads
        The map.
    asked
        The section.

    Returns
    -------
    FoundSection
        Empty where the map has no expressway.
    """
    motorway = network.highway == ROAD_CLASSES.index("motorway")
    named = motorway & _named(network, roads, asked.roads)
    middle = _middle(network, asked)
    far_m = _distance(network, named, middle)
    if named.any() and far_m <= asked.within_m.value:
        edges = _around(network, named, middle, asked.length_km.value * 1000)
        return _found(
            network, edges, asked, Said("按路名找到", "found by its road"), stand_in=False
        )
    length_m = asked.length_km.value * 1000
    if named.any() and np.isfinite(far_m):
        # The road is there and lies elsewhere: its own stretch, as long, stands for the section.
        edges = _around(network, named, None, length_m)
        how = Said(
            f"该路距文件所述中点 {far_m / 1000:,.0f} km，以该路中段代替",
            f"its road lies {far_m / 1000:,.0f} km from the stated middle; the middle of the road "
            "stands for it",
        )
        return _found(network, edges, asked, how, stand_in=True)
    longest = _longest(network, roads, motorway)
    if not longest.any():
        empty = np.zeros(len(network.tail), dtype=bool)
        none = Said("地图上没有高速公路", "the map has no expressway")
        return FoundSection(empty, 0.0, beside(asked.name, none), stand_in=True)
    edges = _around(network, longest, None, length_m)
    name = next(iter(roads.frame["name"].to_numpy()[network.road[longest]]), "")
    how = Said(
        f"本地图上没有，以{name or '最长的高速公路'}代替",
        f"not on this map; {name or 'its longest expressway'} stands for it",
    )
    return _found(network, edges, asked, how, stand_in=True)


def _found(
    network: Network, edges: Bools, asked: ExpresswaySection, how: Said, *, stand_in: bool
) -> FoundSection:
    km = float(network.length_m[edges & ~network.twin].sum()) / 1000
    stated_km = asked.length_km.value
    said = Said(
        f"{how.zh}，文件所述 {stated_km:,.0f} km 中地图上有 {km:,.1f} km",
        f"{how.en}, {km:,.1f} km on the map of {stated_km:,.0f} km stated",
    )
    return FoundSection(edges, km, beside(asked.name, said), stand_in)


def _named(network: Network, roads: Roads, names: tuple[str, ...]) -> Bools:
    """Tell the edges whose road holds one of the names, or has one of them as its ref."""
    name = roads.frame["name"].fillna("").astype(str)
    refs = roads.frame["ref"].fillna("").astype(str).str.split(r"[;,/ ]+", regex=True)
    hit = refs.map(lambda some: any(ref in names for ref in some)).to_numpy(dtype=bool, copy=True)
    for word in names:
        hit |= name.str.contains(word, regex=False).to_numpy(dtype=bool)
    tagged: Bools = hit[network.road]
    return tagged


def _middle(network: Network, asked: ExpresswaySection) -> Floats | None:
    if asked.near_lon is None or asked.near_lat is None:
        return None
    lon, lat = np.array([asked.near_lon]), np.array([asked.near_lat])
    middle: Floats = np.asarray(lonlat_to_metric(lon, lat, network.crs), dtype=np.float64)[0]
    return middle


def _distance(network: Network, edges: Bools, middle: Floats | None) -> float:
    """Metres from a place to the nearest end of some edges; 0 from nowhere in particular."""
    if middle is None:
        return 0.0
    at = network.node_xy[np.unique(np.r_[network.tail[edges], network.head[edges]])]
    return float(np.hypot(*(at - middle).T).min(initial=np.inf))


def _links(network: Network, edges: Bools) -> csr_array:
    some, size = np.flatnonzero(edges), len(network.node_id)
    metres = np.maximum(network.length_m[some], 1e-3)
    ends = (network.tail[some], network.head[some])
    return csr_array(coo_array((metres, ends), shape=(size, size)))


def _from(graph: csr_array, node: int) -> Floats:
    return np.asarray(dijkstra(graph, directed=False, indices=[node])[0], dtype=np.float64)


def _around(network: Network, edges: Bools, middle: Floats | None, length_m: float) -> Bools:
    """Keep what lies within half a length of the middle along each carriageway."""
    graph = _links(network, edges)
    _, label = connected_components(graph, directed=False)
    part = label[network.tail]
    total = np.bincount(part[edges], weights=network.length_m[edges], minlength=label.max() + 1)
    kept = np.zeros(len(edges), dtype=bool)
    if middle is None:
        main = edges & (part == int(np.argmax(total)))
        middle = _halfway(network, graph, main)
    for number in np.flatnonzero(total >= LEAST_SHARE * total.max()).tolist():
        mine = edges & (part == number)
        nodes = np.unique(np.r_[network.tail[mine], network.head[mine]])
        gap = np.hypot(*(network.node_xy[nodes] - middle).T)
        source = nodes[np.argmin(gap)]
        metres = _from(graph, int(source))
        # A carriageway that comes no nearer is another stretch of the road.
        if gap.min() <= length_m / 2:
            middle_m = (metres[network.tail] + metres[network.head]) / 2
            kept |= mine & (middle_m <= length_m / 2)
    return kept | _beside(network, edges & ~kept, kept)


def _beside(network: Network, others: Bools, kept: Bools) -> Bools:
    """Tell the edges whose middle runs beside some that are kept: the other carriageway."""
    found = np.zeros(len(kept), dtype=bool)
    if not kept.any() or not others.any():
        return found
    rows = np.flatnonzero(others)
    middle = shapely.line_interpolate_point(network.geometry[rows], 0.5, normalized=True)
    tree = shapely.STRtree(network.geometry[kept])
    found[rows[np.unique(tree.query(middle, predicate="dwithin", distance=BESIDE_M)[0])]] = True
    return found


def _halfway(network: Network, graph: csr_array, edges: Bools) -> Floats:
    """Return the place halfway along a road: the middle of the longest way through it."""
    start = int(network.tail[np.flatnonzero(edges)[0]])
    first = _from(graph, start)
    one = int(np.argmax(np.where(np.isfinite(first), first, -1.0)))
    along = _from(graph, one)
    along = np.where(np.isfinite(along), along, -1.0)
    middle: Floats = network.node_xy[int(np.argmin(np.abs(along - along.max() / 2)))]
    return middle


def _longest(network: Network, roads: Roads, motorway: Bools) -> Bools:
    """Tell the edges of the motorway that has most kilometres, by name, else by component."""
    names = roads.frame["name"].fillna("").astype(str).to_numpy()[network.road]
    _, label = connected_components(_links(network, motorway), directed=False)
    unnamed = np.array([f"\0{number}" for number in label[network.tail]], dtype=object)
    key = np.where(names == "", unnamed, names)
    counted = np.flatnonzero(motorway & ~network.twin)
    if not len(counted):
        return motorway
    found, at = np.unique(key[counted].astype(str), return_inverse=True)
    best = found[np.argmax(np.bincount(at, weights=network.length_m[counted]))]
    longest: Bools = motorway & (key.astype(str) == best)
    return longest


def complete_section(
    mandatory: npt.NDArray[np.bool_], section: npt.NDArray[np.bool_], heard: csr_array
) -> npt.NDArray[np.bool_]:
    """
    Ask for the sites beside a section that it takes so that all of it is heard.

    The sites on a section may leave its ends to the next site of the road, which lies off it.

    Parameters
    ----------
    mandatory
        Sites that have to be equipped, shape (s,).
    section
        Road points of the section, shape (p,).
    heard
        Which site hears which point, CSR, shape (p, s).

    Returns
    -------
    mandatory
        With the sites added that hear most of what was left, one after another, the lower row where
        two hear as much; points that no site hears stay unheard. Shape (s,).
    """
    found = mandatory.copy()
    rows = heard[np.flatnonzero(section)].astype(np.int64)
    left = (rows @ found.astype(np.int64)) == 0
    while left.any():
        gain = rows.T @ left.astype(np.int64)
        best = int(np.argmax(gain))
        if gain[best] == 0:
            break
        found[best] = True
        left &= rows[:, [best]].toarray().ravel() == 0
    return found
