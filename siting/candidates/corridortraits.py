"""What a road section is like: lanes, speed, bends, signals, side roads, structures, schools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from siting.datum import lonlat_to_metric
from siting.facts import road_classes
from siting.frames import ROAD_CLASSES

if TYPE_CHECKING:
    import numpy.typing as npt
    from scipy.sparse import csr_array

    from siting.frames import CityMap, Roads
    from siting.network import Network

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Objects = npt.NDArray[np.object_]

ROUGH_M = 2.0
"""Lines are smoothed by this much before bends are measured, so that drawing noise isn't one."""

LEAST_STRUCTURE_M = 20.0
"""Shorter bridges and tunnels are culverts: JTG D60 counts bridges from 8 m, spans of 20 m on as
medium ones."""

HALF = 0.5

DENSITIES = ("signals_per_km", "accesses_per_km", "curvature")
"""Traits by the kilometre."""

SHORT_M = 300.0
"""Sections shorter than this are graded as if they were as long. Planner's own."""


def carriageway(
    network: Network, roads: Roads, section: Ints, main: Ints, *, count: int
) -> pd.DataFrame:
    """
    Lanes, speed and separation of sections.

    Parameters
    ----------
    network
        The network.
    roads
        Roads with tags.
    section
        Section of each edge whose length counts, -1 elsewhere, shape (m,).
    main
        Main half beside each lesser half, -1 elsewhere, shape (m,).
    count
        Number of sections.

    Returns
    -------
    frame
        `lanes` (both ways), `lanes_source`, `speed_kmh`, `speed_source`, `dual_share` and
        `one_way_share` (shares of the length). A tag holds where at least half of the length has
        one, else the default of the class does.
    """
    edges = np.flatnonzero(section >= 0)
    own, length_m = section[edges], network.length_m[edges]
    row = network.road[edges]
    halved = np.zeros(len(main), dtype=np.bool_)
    halved[main[main >= 0]] = True
    dual = halved[edges]
    one_way = (network.oneway[edges] == 1) & ~dual
    lanes = roads.frame["lanes"].to_numpy(dtype=float)[row] * np.where(dual, 2, 1)
    speed = roads.frame["maxspeed_kmh"].to_numpy(dtype=float)[row]
    usual = road_classes()
    highway = _main_class(network, section, count)
    columns: dict[str, npt.NDArray[Any]] = {}
    for name, value in (("lanes", lanes), ("speed_kmh", speed)):
        default = usual[name].reindex(ROAD_CLASSES).to_numpy(dtype=float)[highway]
        tagged = _longest_value(own, value, length_m, count)
        columns[name] = np.where(np.isnan(tagged), default, tagged)
        source = name.removesuffix("_kmh") + "_source"
        columns[source] = np.where(np.isnan(tagged), "class", "tag").astype(object)
    total = np.bincount(own, weights=length_m, minlength=count)
    for name, held in (("dual_share", dual), ("one_way_share", one_way)):
        metres = np.bincount(own, weights=length_m * held, minlength=count)
        columns[name] = np.minimum(metres / np.maximum(total, 1e-9), 1.0)
    return pd.DataFrame(columns)


def _main_class(network: Network, section: Ints, count: int) -> Ints:
    """Road class with most of each section's length."""
    edges = np.flatnonzero(section >= 0)
    code = network.highway[edges].astype(float)
    return np.nan_to_num(
        _longest_value(section[edges], code, network.length_m[edges], count, share=0.0)
    ).astype(np.int64)


def _longest_value(
    own: Ints, value: Floats, length_m: Floats, count: int, share: float = HALF
) -> Floats:
    """Value with most length of each group, NaN where less than a share of its length has one."""
    known = ~np.isnan(value)
    total = np.bincount(own, weights=length_m, minlength=count)
    covered = np.bincount(own[known], weights=length_m[known], minlength=count)
    frame = pd.DataFrame({"own": own[known], "value": value[known], "m": length_m[known]})
    parts = frame.groupby(["own", "value"])["m"].sum().reset_index()
    best = parts.sort_values(["own", "m", "value"], ascending=[True, False, True])
    longest = best.drop_duplicates("own").set_index("own")["value"]
    found = longest.reindex(np.arange(count)).to_numpy(dtype=float)
    return np.where(covered >= share * total, found, np.nan)


def structures(network: Network, roads: Roads, section: Ints, count: int) -> pd.DataFrame:
    """Return metres on bridges and in tunnels of each section, and whether there are any."""
    edges = np.flatnonzero(section >= 0)
    columns: dict[str, npt.NDArray[Any]] = {}
    for kind in ("bridge", "tunnel"):
        on = roads.frame[kind].to_numpy(dtype=bool)[network.road[edges]]
        on &= network.length_m[edges] >= LEAST_STRUCTURE_M
        columns[f"{kind}_m"] = np.bincount(
            section[edges], weights=network.length_m[edges] * on, minlength=count
        )
        columns[kind] = columns[f"{kind}_m"] > 0
    return pd.DataFrame(columns)


def curvature(lines: Objects, length_m: Floats) -> npt.NDArray[np.float64]:
    """
    Degrees that lines turn in a kilometre, bends to both sides added up.

    Parameters
    ----------
    lines
        LineStrings or MultiLineStrings in a metric CRS, shape (e,).
    length_m
        Their lengths, shape (e,).
    """
    parts, own = shapely.get_parts(shapely.simplify(lines, ROUGH_M), return_index=True)
    xy, part = shapely.get_coordinates(parts, return_index=True)
    step = np.diff(xy, axis=0)
    angle = np.arctan2(step[:, 1], step[:, 0])
    turn = np.abs((np.diff(angle) + np.pi) % (2 * np.pi) - np.pi)
    inner = (part[:-2] == part[1:-1]) & (part[1:-1] == part[2:])
    total = np.bincount(own[part[:-2][inner]], weights=turn[inner], minlength=len(lines))
    return np.asarray(np.degrees(total) / np.maximum(length_m / 1000.0, 1e-6), dtype=np.float64)


def crossings(
    network: Network, place: Ints, member: Ints, ends: Ints, length_m: Floats
) -> pd.DataFrame:
    """
    Count signals and side roads along sections.

    Parameters
    ----------
    network
        The network.
    place
        Place of each node, shape (n,).
    member
        Section of each edge, both carriageways, -1 for none, shape (m,).
    ends
        Places of both ends of each section, shape (e, 2).
    length_m
        Length of each section, shape (e,).

    Returns
    -------
    frame
        `signals_per_km` and `accesses_per_km`: places with a traffic signal, and places where
        another road of any class meets; a place at an end counts one half, as another section goes
        on from there.
    """
    per_km = 1000.0 / np.maximum(length_m, 1e-3)
    count = len(length_m)
    size = int(place.max()) + 1
    lit = np.zeros(size, dtype=np.bool_)
    lit[place[network.signal]] = True
    edges = np.flatnonzero(member >= 0)
    own = np.concatenate([member[edges], member[edges]])
    at = np.concatenate([place[network.tail[edges]], place[network.head[edges]]])
    code = own * size + at
    pair, which = np.unique(code, return_inverse=True)
    section, spot = pair // size, pair % size
    # An edge within a place leads nowhere else; a loop leaves its place and comes back.
    outer = (place[network.tail] != place[network.head]) | (network.tail == network.head)
    degree = np.bincount(
        np.concatenate([place[network.tail[outer]], place[network.head[outer]]]), minlength=size
    )
    mine = np.bincount(which, weights=np.tile(outer[edges], 2), minlength=len(pair))
    met = degree[spot] > mine
    end = (ends[section, 0] == spot) | (ends[section, 1] == spot)
    weight = np.where(end, HALF, 1.0)
    return pd.DataFrame(
        {
            "signals_per_km": per_km
            * np.bincount(section, weights=weight * lit[spot], minlength=count),
            "accesses_per_km": per_km * np.bincount(section, weights=weight * met, minlength=count),
        }
    )


def near_places(
    network: Network,
    edges: csr_array,
    city_map: CityMap,
    kind: str,
    within_m: float,
) -> npt.NDArray[np.int64]:
    """
    Count the facilities of a kind near each section, shape (e,).

    Parameters
    ----------
    network
        The network.
    edges
        Edges of each section, bool, shape (e, m).
    city_map
        The map with its facilities.
    kind
        One of `frames.FACILITY_KINDS`.
    within_m
        Farthest from either carriageway to the outline, taken for the circle of the area.
    """
    some = city_map.facilities[city_map.facilities["kind"] == kind]
    listed = edges.tocoo()
    count = np.zeros(edges.shape[0], dtype=np.int64)
    if len(some) == 0 or listed.nnz == 0:
        return count
    lonlat = shapely.get_coordinates(some.geometry.to_numpy())
    points = shapely.points(lonlat_to_metric(lonlat[:, 0], lonlat[:, 1], network.crs))
    radius = np.nan_to_num(np.sqrt(some["area_m2"].to_numpy(dtype=float) / np.pi))
    tree = shapely.STRtree(network.geometry[listed.col])
    place, line = tree.query(points, predicate="dwithin", distance=within_m + radius)
    pairs = np.unique(np.column_stack([listed.row[line], place]), axis=0)
    return np.bincount(pairs[:, 0], minlength=edges.shape[0]).astype(np.int64)


def indicators(traits: pd.DataFrame, length_m: Floats) -> pd.DataFrame:
    """
    Return what sections are graded by.

    Parameters
    ----------
    traits
        What the other functions of this module measure, a column each.
    length_m
        Lengths, shape (e,).

    Returns
    -------
    frame
        The numbers of `traits`, with `mixed_share` (no separate carriageways and not one-way),
        `sensitive_per_km` (schools and hospitals near) and `structure_share` (bridges and tunnels).
        Densities of a section shorter than `SHORT_M` are taken over that length: one signal or bend
        doesn't make a short section complex.
    """
    less = np.minimum(length_m / SHORT_M, 1.0)
    km = np.maximum(length_m, 1e-3) / 1000.0
    near = (traits["schools"] + traits["hospitals"]) / km
    shorter = {name: traits[name] * less for name in DENSITIES}
    return traits.assign(
        **shorter,
        mixed_share=1.0 - traits["dual_share"] - traits["one_way_share"],
        sensitive_per_km=near * less,
        structure_share=(traits["bridge_m"] + traits["tunnel_m"]) / (km * 1000.0),
    ).select_dtypes(["number"])
