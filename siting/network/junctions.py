"""Real junctions: the crossing, roundabout or interchange that several nodes are one of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from siting.frames import ROAD_CLASSES
from siting.network.approaches import THROUGH, find_arms, is_link
from siting.network.crossings import crossing_groups
from siting.network.interchanges import find_interchanges

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.frames import Roads
    from siting.network.approaches import Arms
    from siting.network.graph import Network
    from siting.network.interchanges import Ramps

    Ints = npt.NDArray[np.int64]
    Texts = npt.NDArray[np.object_]

LOOP_M = 150.0
"""A longer road from a junction back to itself is a road around a block, not part of it."""
SPREAD_DEG, FORK_DEG, PARALLEL_DEG = 35.0, 50.0, 15.0
"""Widest angle between the halves of one road as they leave a junction, between lanes that part
or join for one direction, and between a road and a lane beside it."""
STOP_LINE_M = 60.0
"""Signals this far before a junction are its own: wide crossings have stop lines well outside."""
RAMP_ENDS_M = 35.0
"""Ramps that reach the surface this near to each other or to a crossing are one junction."""
MOST_NAMES = 3


@dataclass(frozen=True, slots=True)
class Junctions:
    """
    The real junctions of a network, sorted by `junction_id`'s vertex.

    A crossing of dual carriageways is one, a roundabout is one, an interchange is one with its
    ramps apart.

    Attributes
    ----------
    junction_id
        `j` and the lowest vertex id of its nodes, shape (k,).
    name
        Names of its roads, the greatest first, `经十路/舜耕路`; "" where none is known, shape (k,).
    kind
        `signal` (traffic lights), `interchange` (roads that meet on ramps), `ramp` (a ramp meets a
        surface road), `crossing` (tertiary or higher roads meet), or `minor`, shape (k,).
    key
        Key junction (关键路口): it has signals, or three legs of tertiary or higher roads meet,
        carriageways merged, shape (k,).
    xy
        Middle in `network.crs`, metres, shape (k, 2).
    lonlat
        Middle in degrees WGS-84, shape (k, 2).
    legs
        Road legs, carriageways merged, shape (k,).
    signals
        Nodes with a traffic signal, shape (k,).
    highest
        Index into `frames.ROAD_CLASSES` of its highest road, shape (k,).
    of_node
        Junction of every network node, -1 where a node is none (shape points, ends), shape (n,).
    """

    junction_id: npt.NDArray[np.object_]
    name: npt.NDArray[np.object_]
    kind: npt.NDArray[np.object_]
    key: npt.NDArray[np.bool_]
    xy: npt.NDArray[np.float64]
    lonlat: npt.NDArray[np.float64]
    legs: npt.NDArray[np.int64]
    signals: npt.NDArray[np.int64]
    highest: npt.NDArray[np.int8]
    of_node: npt.NDArray[np.int64]


def find_junctions(network: Network, roads: Roads) -> Junctions:
    """
    Find the real junctions of a network.

    Nodes are grouped into crossings (`crossing_groups`) and interchanges (`find_interchanges`);
    a group is a junction where three legs or more meet, carriageways merged, where ramps meet an
    expressway or a surface road. Signals where no road branches off are pedestrian crossings and
    make none.

    Parameters
    ----------
    network
        The network.
    roads
        The roads that it was built from.

    Returns
    -------
    junctions
        Sorted by their lowest vertex id.
    """
    arms = find_arms(network)
    group = crossing_groups(network, roads, arms)
    ramps = find_interchanges(network, arms, group)
    place = _places(network, arms, group, ramps)
    known, group = np.unique(place[group], return_inverse=True)
    count = len(known)
    interchange = known >= len(ramps.of_group)
    end = np.isin(known, place[ramps.ends])
    outer = _outer_ends(arms, group)
    at = group[arms.node[outer]]
    level = network.highway[arms.edge[outer]]
    link = is_link(network)[arms.edge[outer]]
    arterial = (level <= ROAD_CLASSES.index("tertiary")) & ~link
    text = _road_names(network, roads, arms, outer)
    ramp = link & end[at]
    surface = _legs(arms, group, outer[~link], text[~link], count)
    great = _legs(arms, group, outer[arterial], text[arterial], count)
    climbing = _legs(arms, group, outer[ramp], text[ramp], count)
    legs, great = surface + climbing, great + climbing
    fast = level <= ROAD_CLASSES.index("trunk")
    through = _legs(arms, group, outer[fast], text[fast], count)
    through[interchange] += ramps.legs
    legs, great = np.where(interchange, through, legs), np.where(interchange, through, great)
    signals = _signals(network, arms, group, count)
    forked = np.bincount(group[arms.node], minlength=count) > THROUGH
    highest = np.full(count, len(ROAD_CLASSES) - 1, dtype=np.int8)
    np.minimum.at(highest, at[~link], level[~link])
    # Links that leave an expressway and come back to it are those of a service area.
    real = (legs > THROUGH) & (interchange | forked)
    key = real & ((signals > 0) | (great > THROUGH))
    kind = np.select(
        [interchange, signals > 0, end, key],
        ["interchange", "signal", "ramp", "crossing"],
        "minor",
    )
    names = _names(at[~link], level[~link], text[~link], count)
    return _gather(network, arms, group, real, _Traits(names, kind, key, legs, signals, highest))


class _Traits(NamedTuple):
    """What is known of each group."""

    name: npt.NDArray[np.object_]
    kind: npt.NDArray[np.str_]
    key: npt.NDArray[np.bool_]
    legs: Ints
    signals: Ints
    highest: npt.NDArray[np.int8]


def _places(network: Network, arms: Arms, group: Ints, ramps: Ramps) -> Ints:
    """
    Give each group the number of the junction that it is part of, shape (groups,).

    Ends of ramps are joined to each other and to the crossing they lead into; interchanges are
    numbered from the number of groups on.
    """
    count = len(ramps.of_group)
    size = np.maximum(np.bincount(group, minlength=count), 1)
    xy = np.column_stack(
        [np.bincount(group, weights=a, minlength=count) for a in network.node_xy.T]
    )
    forked = np.bincount(group[arms.node], minlength=count) > THROUGH
    able = np.flatnonzero(ramps.ends | (forked & (ramps.of_group < 0)))
    near = cKDTree((xy / size[:, None])[able]).query_pairs(RAMP_ENDS_M, output_type="ndarray")
    one, two = able[near[:, 0]], able[near[:, 1]]
    kept = ramps.ends[one] | ramps.ends[two]
    links = coo_array(
        (np.ones(int(kept.sum()), dtype=np.int8), (one[kept], two[kept])), shape=(count, count)
    )
    label = connected_components(links, directed=False)[1]
    lowest = np.full(count, count)
    np.minimum.at(lowest, label, np.arange(count))
    return np.where(ramps.of_group >= 0, count + ramps.of_group, lowest[label])


def _outer_ends(arms: Arms, group: Ints) -> Ints:
    """List the ends of arms that leave their group; a loop back to it leaves it twice."""
    size = arms.size
    one, two = group[arms.node[:size]], group[arms.node[size:]]
    inner = (one == two) & (arms.length_m <= LOOP_M)
    return np.flatnonzero(np.tile(~inner, 2))


def _legs(arms: Arms, group: Ints, ends: Ints, text: Texts, count: int) -> Ints:
    """
    Count the roads that leave each group, carriageways and side lanes merged.

    Neighbouring ends, by heading, are one road when both are one-way, of one name where both have
    one, and within 35 degrees (50 where traffic goes the same way); or within 15 degrees in any
    case.
    """
    at = group[arms.node[ends]]
    angle = np.degrees(np.arctan2(*arms.heading[ends].T[::-1]))
    order = np.lexsort((angle, at))
    at, angle, flow = at[order], angle[order], arms.flow[ends[order]]
    start = np.flatnonzero(np.r_[True, np.diff(at) != 0]) if len(at) else np.zeros(0, np.int64)
    number = np.diff(np.r_[start, len(at)])
    place = np.arange(len(at))
    first = np.repeat(start, number)
    following = np.where(place + 1 < first + np.repeat(number, number), place + 1, first)
    gap = (angle[following] - angle) % 360.0
    name = text[order]
    alike = (name == name[following]) | (name == "") | (name[following] == "")
    one_way = (flow != 0) & (flow[following] != 0) & alike
    spread = np.where(flow == flow[following], FORK_DEG, SPREAD_DEG)
    merged = (gap <= np.where(one_way, spread, PARALLEL_DEG)) & (following != place)
    total = np.bincount(at, minlength=count)
    found = total - np.bincount(at, weights=merged, minlength=count).astype(np.int64)
    return np.maximum(found, np.minimum(total, 1)).astype(np.int64)


def _signals(network: Network, arms: Arms, group: Ints, count: int) -> Ints:
    """Count signals in each group, and on its approaches up to `STOP_LINE_M` away."""
    lit = np.flatnonzero(network.signal)
    owner = group[lit]
    arm = arms.inner[lit]
    ends = np.column_stack([arms.node[: arms.size][arm], arms.node[arms.size :][arm]])
    away = np.hypot(*(network.node_xy[ends] - network.node_xy[lit][:, None]).transpose(2, 0, 1))
    near = away.argmin(axis=1)
    rows = np.arange(len(lit))
    moved = (arm >= 0) & (away[rows, near] <= STOP_LINE_M)
    owner = np.where(moved, group[ends[rows, near]], owner)
    return np.bincount(owner, minlength=count).astype(np.int64)


def _road_names(network: Network, roads: Roads, arms: Arms, ends: Ints) -> Texts:
    """Name of the road at each end, "" where it has none."""
    names = roads.frame["name"].fillna("").astype(str).to_numpy(dtype=object)
    text: Texts = names[network.road[arms.edge[ends]]]
    return text


def _names(at: Ints, level: npt.NDArray[np.int8], text: Texts, count: int) -> Texts:
    """Names of the roads that meet in each group, the highest class first, then by name."""
    table = pd.DataFrame({"group": at, "level": level, "name": text})
    table = table[table["name"] != ""].sort_values(["group", "level", "name"])
    table = table.drop_duplicates(["group", "name"])
    table = table[table.groupby("group").cumcount() < MOST_NAMES]
    joined = table.groupby("group")["name"].agg("/".join)
    names = np.full(count, "", dtype=object)
    names[joined.index.to_numpy(dtype=np.int64)] = joined.to_numpy(dtype=object)
    return names


def _gather(
    network: Network, arms: Arms, group: Ints, real: npt.NDArray[np.bool_], traits: _Traits
) -> Junctions:
    """Put the groups that are junctions in the order of their lowest vertex id."""
    count = len(real)
    lowest = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(lowest, group, network.node_id)
    rows = np.flatnonzero(real)
    rows = rows[np.argsort(lowest[rows], kind="stable")]
    number = np.full(count, -1)
    number[rows] = np.arange(len(rows))
    # The middle is that of the forks: stop lines and shape points would pull it aside.
    fork = np.flatnonzero(arms.inner < 0)
    nodes = np.maximum(np.bincount(group[fork], minlength=count), 1)

    def middle(places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        sums = [np.bincount(group[fork], weights=axis, minlength=count) for axis in places[fork].T]
        return np.column_stack(sums)[rows] / nodes[rows, None]

    return Junctions(
        junction_id=np.array([f"j{i}" for i in lowest[rows].tolist()], dtype=object),
        name=traits.name[rows],
        kind=traits.kind[rows].astype(object),
        key=traits.key[rows],
        xy=middle(network.node_xy),
        lonlat=middle(network.node_lonlat),
        legs=traits.legs[rows],
        signals=traits.signals[rows],
        highest=traits.highest[rows],
        of_node=number[group],
    )
