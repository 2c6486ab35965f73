"""What hydrogen stations are to cover: heavy-vehicle demand and corridor kilometres."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.frames import ROAD_CLASSES
from siting.network import main_nodes

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.demand.charging import Demand
    from siting.network import Network

    Ints = npt.NDArray[np.int64]

CORRIDOR_CLASSES = ("motorway", "trunk")
"""Roads whose kilometres are to be covered; their ramps aren't counted."""

CORRIDOR_CELL_M = 2000.0
"""Kilometres of a class within a square of this side stand at one point. Planner's own."""


@dataclass(frozen=True, slots=True)
class HydrogenDemand:
    """
    What hydrogen stations are to cover.

    Attributes
    ----------
    frame
        EPSG:4326 Points, RangeIndex. Columns: `point_id` (str), `purpose` (`heavy` or `corridor`),
        `kwh_day` (energy of heavy vehicles, 0 on corridors), `corridor_km` (centreline km of
        motorways and trunk roads, 0 on heavy points), `district_id` (str).
    node
        Network node of each point, -1 for none, shape (n,).
    access_m
        Straight-line metres to it, shape (n,).
    """

    frame: gpd.GeoDataFrame
    node: npt.NDArray[np.int64]
    access_m: npt.NDArray[np.float64]


def hydrogen_demand(
    network: Network, demand: Demand, district: npt.NDArray[np.int64], district_ids: list[str]
) -> HydrogenDemand:
    """
    Gather heavy-vehicle demand and corridor kilometres.

    Parameters
    ----------
    network
        The road network.
    demand
        Demand points; those of the segment `heavy` count.
    district
        District row of the middle of each network edge, -1 outside, shape (m,).
    district_ids
        Id of each district row.

    Returns
    -------
    HydrogenDemand
        Heavy points first, in the order of `demand`, then corridor points by cell.
    """
    heavy = np.flatnonzero((demand.frame["segment"] == "heavy").to_numpy())
    rows = demand.frame.iloc[heavy]
    corridor, node = _corridor(network, district, district_ids)
    columns = ["point_id", "purpose", "kwh_day", "corridor_km", "district_id", "geometry"]
    first = gpd.GeoDataFrame(
        {
            "point_id": rows["demand_id"].to_numpy(),
            "purpose": "heavy",
            "kwh_day": rows["kwh_day"].to_numpy(dtype=float),
            "corridor_km": 0.0,
            "district_id": rows["district_id"].astype(str).to_numpy(),
        },
        geometry=rows.geometry.to_numpy(),
        crs="EPSG:4326",
    )
    parts = [part[columns] for part in (first, corridor) if len(part)] or [first]
    return HydrogenDemand(
        frame=gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs="EPSG:4326"),
        node=np.concatenate([demand.node[heavy], node]),
        access_m=np.concatenate([demand.access_m[heavy], np.zeros(len(node))]),
    )


def _corridor(network: Network, district: Ints, ids: list[str]) -> tuple[gpd.GeoDataFrame, Ints]:
    """Sum corridor kilometres by cell, class and district, at a node of the longest edge there."""
    codes = [ROAD_CLASSES.index(name) for name in CORRIDOR_CLASSES]
    usable = main_nodes(network)
    kept = np.isin(network.highway, codes) & ~network.twin & (district >= 0) & usable[network.tail]
    edge = np.flatnonzero(kept)
    middle = (network.node_xy[network.tail[edge]] + network.node_xy[network.head[edge]]) / 2
    cell = np.floor(middle / CORRIDOR_CELL_M).astype(np.int64)
    key = np.column_stack([cell, network.highway[edge].astype(np.int64), district[edge]])
    unique, group = np.unique(key, axis=0, return_inverse=True)
    group = group.reshape(-1)
    length = network.length_m[edge]
    km = np.bincount(group, weights=length, minlength=len(unique)) / 1000
    order = np.lexsort((edge, -length, group))
    longest = edge[order[np.searchsorted(group[order], np.arange(len(unique)))]]
    node = network.tail[longest].astype(np.int64)
    names = [
        f"{ROAD_CLASSES[code]}/{east}-{north}-{ids[place]}"
        for east, north, code, place in unique.tolist()
    ]
    frame = gpd.GeoDataFrame(
        {
            "point_id": np.array(names, dtype=object),
            "purpose": "corridor",
            "kwh_day": 0.0,
            "corridor_km": km,
            "district_id": np.array(ids, dtype=object)[unique[:, 3]],
        },
        geometry=shapely.points(network.node_lonlat[node]),
        crs="EPSG:4326",
    )
    return frame, node
