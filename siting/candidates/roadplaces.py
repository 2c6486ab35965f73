"""Places for roadside units beside junctions: along roads, on structures, at tolls and services."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from siting.candidates.roadsidekinds import reach_m
from siting.candidates.stretches import even_places, places_along, stretches
from siting.datum import lonlat_to_metric
from siting.frames import ROAD_CLASSES

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt

    from siting.frames import CityMap, Roads
    from siting.model.roadside import Roadside
    from siting.network import Junctions, Network

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

COLUMNS = ("kind", "edge", "x", "y", "name", "key")
TOLL_M, TOLL_NEAR_M = 250.0, 300.0
"""Booths this near to each other are one toll station; a booth farther from any road is none."""
SERVICE_M, SERVICE_NEAR_M = 400.0, 800.0
"""Both sides of a service area are one this near along the road; as far as this from it."""
SHORT = np.array([0.0, 0.75, 0.5])
"""Least share of the spacing that a road has which gets a site: with a key junction at both ends,
at one end (what is over a quarter out of its reach isn't worth a site), at none. Planner's own."""


def along_roads(
    network: Network, junctions: Junctions, eligible: Bools, settings: Roadside
) -> pd.DataFrame:
    """
    Lay places along roads where key junctions are too far apart.

    Parameters
    ----------
    network, junctions
        The network and its junctions.
    eligible
        Edges that are to be covered, shape (m,).
    settings
        The roadside part of a model.

    Returns
    -------
    DataFrame
        `COLUMNS`: kind `expressway` on motorways, evenly and no farther apart than
        `expressway_spacing_m`; `midblock` on other roads where the gap between two key junctions
        exceeds twice the reach.
    """
    motorway = network.highway == ROAD_CLASSES.index("motorway")
    of = junctions.of_node
    stop = (of >= 0) & np.r_[junctions.key, False][of]
    # From a key junction's node to its middle, where its site stands: far in an interchange.
    away = np.full(len(stop), np.inf)
    away[stop] = np.hypot(*(network.node_xy[stop] - junctions.xy[of[stop]]).T)
    parts = []
    for kind, chosen in (("expressway", eligible & motorway), ("midblock", eligible & ~motorway)):
        chains = stretches(network, chosen & ~network.twin, stop)
        if not len(chains.length_m):
            continue
        if kind == "expressway":
            spacing = np.full(len(chains.length_m), settings.expressway_spacing_m.value)
        else:
            level = network.highway[chains.edge[chains.first[:-1]]]
            names = np.full(len(level), kind, dtype=object)
            spacing = 2 * reach_m(names, level, settings)
        begins, ends = stop[chains.begins], stop[chains.ends]
        chain, at_m = even_places(
            chains.length_m,
            np.minimum(away[chains.begins], spacing / 2),
            np.minimum(away[chains.ends], spacing / 2),
            spacing,
        )
        loose = 2 - begins.astype(np.int64) - ends
        scrap = chains.length_m < SHORT[loose] * spacing
        chain, at_m = chain[~scrap[chain]], at_m[~scrap[chain]]
        parts.append(_placed(network, kind, *places_along(network, chains, chain, at_m)))
    return _joined(parts)


def on_structures(
    network: Network, roads: Roads, eligible: Bools, settings: Roadside
) -> pd.DataFrame:
    """
    Lay places at the portals of tunnels and on bridges.

    Parameters
    ----------
    network, roads
        The map.
    eligible
        Edges that are to be covered, shape (m,).
    settings
        Least lengths of a tunnel and a bridge, and reaches.

    Returns
    -------
    DataFrame
        `COLUMNS`: two portals a tunnel, and places inside where it is longer than twice the reach;
        on a bridge the fewest, evenly, that reach all of it.
    """
    never = np.zeros(len(network.node_id), dtype=bool)
    parts = []
    for kind, least in (("tunnel", settings.tunnel_m.value), ("bridge", settings.bridge_m.value)):
        flag = roads.frame[kind].to_numpy(dtype=bool)[network.road]
        chains = stretches(network, eligible & flag & ~network.twin, never)
        long = np.flatnonzero(chains.length_m >= least)
        if not len(long):
            continue
        metres = chains.length_m[long]
        level = network.highway[chains.edge[chains.first[:-1]]][long]
        spacing = 2 * reach_m(np.full(len(long), kind, dtype=object), level, settings)
        if kind == "tunnel":
            none = np.zeros(len(long))
            inner, inner_m = even_places(metres, none, none, spacing)
            row = np.arange(len(long))
            which = np.concatenate([row, row, inner])
            at_m = np.concatenate([none, metres, inner_m])
        else:
            which, at_m = even_places(metres, spacing / 2, spacing / 2, spacing)
        parts.append(_placed(network, kind, *places_along(network, chains, long[which], at_m)))
    return _joined(parts)


def at_facilities(network: Network, city_map: CityMap, eligible: Bools) -> pd.DataFrame:
    """
    Lay places at toll stations and service areas.

    Parameters
    ----------
    network, city_map
        The network and the map with its facilities.
    eligible
        Edges that are to be covered, shape (m,).

    Returns
    -------
    DataFrame
        `COLUMNS`: one a toll station, on the nearest eligible road or ramp; one a service area
        with both its sides, on the nearest expressway.
    """
    names = np.array(ROAD_CLASSES)
    link = np.array([name.endswith("_link") for name in ROAD_CLASSES])[network.highway]
    fast = eligible & np.isin(names, ("motorway", "trunk"))[network.highway]
    found = city_map.facilities
    signals = city_map.roads.signals
    booths = pd.concat(
        [
            _points(signals[signals["kind"] == "toll_booth"]),
            _points(found[found["kind"] == "toll_booth"]),
        ],
        ignore_index=True,
    )
    areas = _points(found[found["kind"] == "service_area"])
    return _joined(
        [
            _beside(network, "toll", booths, (eligible | link) & ~network.twin, TOLL_M),
            _beside(network, "service_area", areas, fast & ~network.twin, SERVICE_M),
        ]
    )


def _points(frame: gpd.GeoDataFrame) -> pd.DataFrame:
    name = frame["name"] if "name" in frame else pd.Series("", index=frame.index)
    return pd.DataFrame(
        {
            "lon": frame.geometry.x.to_numpy(),
            "lat": frame.geometry.y.to_numpy(),
            "name": name.fillna("").astype(str).to_numpy(),
        }
    )


def _beside(
    network: Network, kind: str, points: pd.DataFrame, edges: Bools, together_m: float
) -> pd.DataFrame:
    """Put points on the nearest of some edges, those near each other as one."""
    rows = np.flatnonzero(edges)
    if points.empty or not len(rows):
        return _placed(network, kind, np.zeros(0, dtype=np.int64), np.zeros(0))
    xy = lonlat_to_metric(points["lon"], points["lat"], network.crs)
    shapes: npt.NDArray[np.object_] = np.asarray(shapely.points(xy), dtype=object)
    limit = TOLL_NEAR_M if kind == "toll" else SERVICE_NEAR_M
    tree = shapely.STRtree(network.geometry[rows])
    at, edge = tree.query_nearest(shapes, max_distance=limit, all_matches=False)
    edge = rows[edge]
    if not len(edge):
        return _placed(network, kind, np.zeros(0, dtype=np.int64), np.zeros(0))
    lines = network.geometry[edge]
    on: npt.NDArray[np.object_] = np.asarray(
        shapely.line_interpolate_point(lines, shapely.line_locate_point(lines, shapes[at])),
        dtype=object,
    )
    place = shapely.get_coordinates(on)
    near = cKDTree(place).query_pairs(together_m, output_type="ndarray")
    links = coo_array(
        (np.ones(len(near), dtype=np.int8), (near[:, 0], near[:, 1])), shape=2 * (len(place),)
    )
    label = connected_components(links, directed=False)[1]
    name = points["name"].to_numpy(dtype=object)[at]
    # Of each group the point with a name, else the first, says where it is.
    order = np.lexsort((place[:, 1], place[:, 0], name == "", label))
    lead = order[np.r_[True, np.diff(label[order]) != 0]]
    lines = network.geometry[edge[lead]]
    share = np.asarray(shapely.line_locate_point(lines, on[lead], normalized=True), dtype=float)
    return _placed(network, kind, edge[lead], share, name[lead])


def _placed(
    network: Network,
    kind: str,
    edge: Ints,
    share: Floats,
    name: npt.NDArray[np.object_] | None = None,
) -> pd.DataFrame:
    points = shapely.line_interpolate_point(network.geometry[edge], share, normalized=True)
    xy = shapely.get_coordinates(points)
    metres = np.round(share * network.length_m[edge]).astype(np.int64).tolist()
    ends = network.node_id[np.column_stack([network.tail[edge], network.head[edge]])].tolist()
    return pd.DataFrame(
        {
            "kind": np.full(len(edge), kind, dtype=object),
            "edge": edge.astype(np.int64),
            "x": xy[:, 0],
            "y": xy[:, 1],
            "name": np.full(len(edge), "", dtype=object) if name is None else name,
            # Stable from one map to the next while the road keeps its ends.
            "key": np.array(
                [f"{kind}/{a}-{b}-{m}" for (a, b), m in zip(ends, metres, strict=True)],
                dtype=object,
            ),
        },
        columns=list(COLUMNS),
    )


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    some = [part for part in parts if len(part)]
    if not some:
        return pd.DataFrame(
            {name: pd.Series(dtype=kind) for name, kind in zip(COLUMNS, "OqddOO", strict=True)}
        )
    return pd.concat(some, ignore_index=True)
