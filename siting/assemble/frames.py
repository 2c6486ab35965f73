"""The frames of a charging plan: stations, candidates, catchments, demand, districts, roads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.datum import geometry_to_lonlat
from siting.frames import ROAD_CLASSES
from siting.own.existing import KEPT, kept_piles

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.candidates.charging import Candidates
    from siting.demand.charging import Demand
    from siting.frames import Roads
    from siting.network import Network
    from siting.reach.distance import Reach

STANDING = ("policy", "access", "cost_factor")
"""Columns of sites on what stands there and on the land."""
LEAST_FLOW_KWH = 1e-6
"""Catchment flows below this a day are solver noise and are not published."""


def station_frame(
    candidates: Candidates,
    network: Network,
    districts: gpd.GeoDataFrame,
    pile_types: pd.DataFrame,
    piles: npt.NDArray[np.int64],
    served_kwh_day: npt.NDArray[np.float64],
    *,
    simultaneity: float,
) -> gpd.GeoDataFrame:
    """
    Describe the opened sites as stations.

    Parameters
    ----------
    candidates
        All candidate sites.
    network
        Network that they are snapped to.
    districts
        Districts, for their names.
    pile_types
        Table of pile types, in the order of the columns of `piles`.
    piles
        Piles by site and type, shape (sites, types); a site with none is not opened.
    served_kwh_day
        Energy that each site serves, shape (sites,).
    simultaneity
        Share of the installed power that runs at once.

    Returns
    -------
    stations
        As `Plan.stations`, sorted by `site_id`.
    """
    rows = np.flatnonzero(piles.sum(axis=1) > 0)
    counts = piles[rows]
    type_ids = [str(name) for name in pile_types.type_id]
    kept = kept_piles(candidates.frame, type_ids)[rows]
    stations = candidates.frame.iloc[rows].reset_index(drop=True)
    names = districts.set_index("district_id")["name"]
    stations["status"] = np.where(stations.pop("existing"), "kept", "new")
    stations["district"] = stations.district_id.map(names).fillna("")
    for column, type_id in enumerate(pile_types.type_id):
        stations[f"piles_{type_id}"] = counts[:, column]
    stations["piles"] = counts.sum(axis=1)
    stations["kept_piles"] = kept.sum(axis=1)
    stations["installed_kw"] = counts @ pile_types.kw.to_numpy(dtype=float)
    stations["peak_kw"] = stations.installed_kw * simultaneity
    stations["capacity_kwh_day"] = counts @ pile_types.kwh_day.to_numpy(dtype=float)
    stations["served_kwh_day"] = served_kwh_day[rows]
    stations["utilisation"] = stations.served_kwh_day / stations.capacity_kwh_day
    cost = stations.fixed_cost_cny + (counts - kept) @ pile_types.cost_cny.to_numpy(dtype=float)
    stations["cost_cny"] = np.round(cost).astype(np.int64)
    stations["node_id"] = network.node_id[candidates.node[rows]]
    stations["access_m"] = candidates.access_m[rows]
    return stations.sort_values("site_id", ignore_index=True)


def candidate_frame(
    candidates: Candidates,
    network: Network,
    pile_types: pd.DataFrame,
    piles: npt.NDArray[np.int64],
) -> gpd.GeoDataFrame:
    """List every site that was considered, with what bounds it and whether it was chosen."""
    kept = [
        "site_id",
        "name",
        "kind",
        "district_id",
        "existing",
        "mandatory",
        "max_piles",
        "kw_limit",
        "fixed_cost_cny",
        "urban",
        "min_piles",
        "clauses",
        "geometry",
    ]
    more = [name for name in STANDING if name in candidates.frame]
    more += [name for name in candidates.frame if name.startswith(KEPT)]
    frame = candidates.frame[[*kept[:-1], *more, "geometry"]].copy()
    frame["chosen"] = piles.sum(axis=1) > 0
    names = pile_types["type_id"].to_numpy(dtype=object)
    frame["pile_types"] = [" ".join(names[row]) for row in candidates.allowed]
    frame["node_id"] = np.where(candidates.node >= 0, network.node_id[candidates.node], -1)
    frame["access_m"] = candidates.access_m
    return frame


def catchment_frame(
    candidates: Candidates, demand: Demand, reach: Reach, serve: npt.NDArray[np.float64]
) -> pd.DataFrame:
    """
    List what each station serves.

    Parameters
    ----------
    candidates, demand
        The ends of the arcs.
    reach
        The arcs.
    serve
        Energy a day on each arc, kWh, shape (arcs,).

    Returns
    -------
    catchments
        As `Plan.catchments`, sorted by demand point and site.
    """
    arcs = np.flatnonzero(serve > LEAST_FLOW_KWH)
    frame = pd.DataFrame(
        {
            "demand_id": demand.frame.demand_id.to_numpy()[reach.demand[arcs]],
            "site_id": candidates.frame.site_id.to_numpy()[reach.site[arcs]],
            "kwh_day": serve[arcs],
            "distance_m": reach.distance_m[arcs],
        }
    )
    return frame.sort_values(["demand_id", "site_id"], ignore_index=True)


def demand_frame(demand: Demand, network: Network, catchments: pd.DataFrame) -> gpd.GeoDataFrame:
    """Describe the demand points with what is served of them."""
    frame = demand.frame.copy()
    served = catchments.groupby("demand_id").kwh_day.sum()
    frame["served_kwh_day"] = frame.demand_id.map(served).fillna(0.0)
    on_road = demand.node >= 0
    frame["node_id"] = np.where(on_road, network.node_id[demand.node], -1)
    frame["access_m"] = demand.access_m
    return frame


def district_frame(
    districts: gpd.GeoDataFrame, stations: gpd.GeoDataFrame, demand: gpd.GeoDataFrame
) -> gpd.GeoDataFrame:
    """Sum stations, piles, cost and demand by district."""
    kept = ["district_id", "name", "name_en", "population", "area_km2", "geometry"]
    frame = districts[kept].copy().reset_index(drop=True)
    by_station = stations.groupby("district_id").agg(
        stations=("site_id", "size"), piles=("piles", "sum"), cost_cny=("cost_cny", "sum")
    )
    by_demand = demand.groupby("district_id")[["kwh_day", "served_kwh_day"]].sum()
    for column in ("stations", "piles", "cost_cny"):
        values = frame.district_id.map(by_station[column]).fillna(0)
        frame[column] = values.astype(np.int64)
    for column in ("kwh_day", "served_kwh_day"):
        frame[column] = frame.district_id.map(by_demand[column]).fillna(0.0)
    share = frame.served_kwh_day / frame.kwh_day.where(frame.kwh_day > 0)
    frame["served_share"] = share.fillna(0.0)
    return frame.assign(rsus=0, built_area_km2=0.0)


def road_frame(network: Network, roads: Roads) -> gpd.GeoDataFrame:
    """Publish the network's edges as lines that a graph can be rebuilt from."""
    names = roads.frame["name"].to_numpy(dtype=object)[network.road]
    return gpd.GeoDataFrame(
        {
            "edge_id": np.arange(len(network.tail)),
            "name": names,
            "highway": np.array(ROAD_CLASSES, dtype=object)[network.highway],
            "tail_id": network.node_id[network.tail],
            "head_id": network.node_id[network.head],
            "length_m": network.length_m,
            "oneway": network.oneway.astype(np.int64),
            "twin": network.twin,
        },
        geometry=shapely.set_precision(
            geometry_to_lonlat(network.geometry, network.crs), 1e-7, mode="pointwise"
        ),
        crs="EPSG:4326",
    )
