"""The frames of a roadside plan: sites, cells, points, edge nodes, junctions, batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely

from siting.datum import geometry_to_lonlat, geometry_to_metric
from siting.frames import ROAD_CLASSES
from siting.roadside.tables import batch_table, junction_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    import pandas as pd
    from scipy.sparse import csr_array

    from siting.candidates.roadside import RoadPoints, RoadsideSites
    from siting.model.roadside import Batch, EdgeNodes, Roadside
    from siting.network import Network
    from siting.network.junctions import Junctions
    from siting.reach.zones import Zones
    from siting.roadside.edgenodes import EdgePlan
    from siting.structures import Building

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

WGS84 = "EPSG:4326"
DECIMALS = 7
"""Degrees of a published outline: a centimetre."""


@dataclass(frozen=True, slots=True)
class Ground:
    """
    What a roadside plan is made on.

    Attributes
    ----------
    network, districts
        Roads and planned districts.
    settings
        The model's part, with what its targets imply.
    sites, points, zones
        Candidate sites, road points, cells.
    heard
        Which site hears which point, bool, CSR of shape (p, s).
    seen
        The pairs among them that only a line of sight gives, bool, CSR of shape (p, s).
    buildings
        What such lines are held against, as `CityMap.buildings`; empty where it isn't known.
    cells
        The cells as an instance of built area, for what a set of sites builds.
    discs, planned
        Discs of the sites, shape (s,), and planned area on an equal-area plane, metres.
    """

    network: Network
    districts: gpd.GeoDataFrame
    settings: Roadside
    sites: RoadsideSites
    points: RoadPoints
    zones: Zones
    heard: csr_array
    seen: csr_array
    buildings: gpd.GeoDataFrame
    cells: Building
    discs: npt.NDArray[np.object_]
    planned: shapely.Geometry


@dataclass(frozen=True, slots=True)
class Decided:
    """
    What is decided of a roadside plan.

    Attributes
    ----------
    equipped
        Sites that get a unit, shape (s,).
    heard
        Which site hears which road point, bool, CSR of shape (p, s).
    built
        Cells that count as built, shape (c,).
    served
        Rows of the sites that an edge node serves, int64, shape (I,).
    edges
        Their nodes.
    site_batch, cell_batch
        Batch of each site and cell, 0 for none, shapes (s,) and (c,).
    """

    equipped: npt.NDArray[np.bool_]
    heard: csr_array
    built: npt.NDArray[np.bool_]
    served: npt.NDArray[np.int64]
    edges: EdgePlan
    site_batch: npt.NDArray[np.int64]
    cell_batch: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RoadsideFrames:
    """The layers and tables of a roadside plan, by their names in `Plan`; EPSG:4326."""

    rsus: gpd.GeoDataFrame
    roadside_candidates: gpd.GeoDataFrame
    edge_nodes: gpd.GeoDataFrame
    zones: gpd.GeoDataFrame
    road_points: gpd.GeoDataFrame
    buildings: gpd.GeoDataFrame
    obu_routes: pd.DataFrame
    junctions: pd.DataFrame
    batches: pd.DataFrame


def roadside_frames(
    ground: Ground,
    junctions: Junctions,
    decided: Decided,
    routes: pd.DataFrame,
    footprint_km2: Sequence[float],
) -> RoadsideFrames:
    """
    Describe a decided plan.

    Parameters
    ----------
    ground, junctions
        What was planned on.
    decided
        What was decided.
    routes
        Routes of the fleet, as `Plan.obu_routes`.
    footprint_km2
        Footprint at the end of each batch.

    Returns
    -------
    RoadsideFrames
    """
    settings, sites, zones = ground.settings, ground.sites, ground.zones
    network, districts = ground.network, ground.districts
    batches = settings.batches
    rsus, candidates = site_frames(
        network, districts, sites, zones, decided, settings.edge_nodes, batches
    )
    nodes = edge_frame(rsus, settings.edge_nodes)
    cells = zone_frame(network, districts, zones, ground.points, decided, batches)
    platform_cny = round(settings.edge_nodes.platform_cny.value)
    return RoadsideFrames(
        rsus=rsus,
        roadside_candidates=candidates,
        edge_nodes=nodes,
        zones=cells,
        road_points=point_frame(districts, sites, zones, ground.points, decided, ground.seen),
        buildings=building_frame(ground, decided.equipped),
        obu_routes=routes,
        junctions=junction_table(rsus, sites, junctions, decided.equipped),
        batches=batch_table(rsus, nodes, cells, footprint_km2, batches, platform_cny),
    )


def site_frames(
    network: Network,
    districts: gpd.GeoDataFrame,
    sites: RoadsideSites,
    zones: Zones,
    decided: Decided,
    settings: EdgeNodes,
    batches: Sequence[Batch],
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """
    Describe the chosen sites and every site that was considered.

    Returns
    -------
    rsus, candidates
        As `Plan.rsus` and `Plan.roadside_candidates`.
    """
    frame = sites.frame.drop(columns="geometry").copy()
    frame["cost_cny"] = np.round(frame["cost_cny"]).astype(np.int64)
    names = districts.set_index("district_id")["name"]
    frame["district"] = frame["district_id"].map(names).fillna("")
    frame["zone_id"] = _zone_of_key(zones, len(frame))
    frame["node_id"] = network.node_id[sites.node]
    frame["edge_id"] = sites.edge if len(sites.edge) else -1
    frame["node_ids"] = _member_ids(network, sites)
    points = shapely.set_precision(sites.frame.geometry.to_numpy(), 10.0**-DECIMALS)
    every = gpd.GeoDataFrame(frame, geometry=points, crs=WGS84)
    edge_node, fibre_m = _edge_columns(frame["site_id"].to_numpy(), decided)
    rsus = every.assign(
        edge_node_id=edge_node,
        fibre_m=np.round(fibre_m, 3),
        fibre_cny=np.round(fibre_m * settings.fibre_cny_per_m.value).astype(np.int64),
        phase=decided.site_batch,
        year=_years(decided.site_batch, batches),
    )
    chosen = rsus[decided.equipped].reset_index(drop=True)
    return chosen, every.assign(chosen=decided.equipped)


def _zone_of_key(zones: Zones, sites: int) -> npt.NDArray[np.object_]:
    """Cell of which each site is a key junction, "" for none."""
    links = zones.junction.tocoo()
    found = np.full(sites, "", dtype=object)
    found[links.col] = zones.zone_id[links.row]
    return found


def _member_ids(network: Network, sites: RoadsideSites) -> list[str]:
    """Ids of the nodes of each site's junction, joined by a space."""
    if sites.member is None:
        return [""] * len(sites.node)
    rows = np.split(sites.member.indices, sites.member.indptr[1:-1])
    return [" ".join(map(str, network.node_id[some].tolist())) for some in rows]


def _edge_columns(
    site_id: npt.NDArray[np.object_], decided: Decided
) -> tuple[npt.NDArray[np.object_], Floats]:
    node = np.full(len(site_id), "", dtype=object)
    fibre_m = np.zeros(len(site_id))
    hosts = decided.served[decided.edges.host]
    node[decided.served] = np.array([f"edge/{name}" for name in site_id[hosts]], dtype=object)
    fibre_m[decided.served] = decided.edges.fibre_m
    return node, fibre_m


def _years(batch: Ints, batches: Sequence[Batch]) -> Ints:
    """Year of each batch; 0 for none."""
    years = np.array([0, *(one.year for one in batches)], dtype=np.int64)
    found: Ints = years[batch]
    return found


def edge_frame(rsus: gpd.GeoDataFrame, settings: EdgeNodes) -> gpd.GeoDataFrame:
    """Describe the edge nodes of chosen sites, as `Plan.edge_nodes`."""
    served = rsus[rsus["edge_node_id"] != ""]
    grouped = served.groupby("edge_node_id", sort=True)
    table = grouped.agg(
        sites=("site_id", "size"),
        fibre_m=("fibre_m", "sum"),
        fibre_cny=("fibre_cny", "sum"),
        phase=("phase", "min"),
        year=("year", "min"),
    ).reset_index()
    table["site_id"] = table["edge_node_id"].str.removeprefix("edge/")
    host = rsus.set_index("site_id").reindex(table["site_id"])
    for column in ("name", "district_id", "district", "node_id"):
        table[column] = host[column].to_numpy()
    table["cost_cny"] = round(settings.node_cny.value)
    return gpd.GeoDataFrame(table, geometry=host.geometry.to_numpy(), crs=WGS84)


def zone_frame(
    network: Network,
    districts: gpd.GeoDataFrame,
    zones: Zones,
    points: RoadPoints,
    decided: Decided,
    batches: Sequence[Batch],
) -> gpd.GeoDataFrame:
    """Describe the cells that can count as built, as `Plan.zones`."""
    on = decided.equipped.astype(np.float64)
    covered = (decided.heard.astype(np.float64) @ on) > 0
    covered_m = zones.point.astype(np.float64) @ (points.length_m * covered)
    keys = zones.junction.astype(np.float64)
    geometry = shapely.set_precision(
        geometry_to_lonlat(zones.geometry, network.crs), 10.0**-DECIMALS, mode="pointwise"
    )
    frame = gpd.GeoDataFrame(
        {
            "zone_id": zones.zone_id,
            "district_id": districts["district_id"].to_numpy()[zones.district],
            "area_km2": zones.area_km2,
            "length_m": zones.length_m,
            "covered_m": covered_m,
            "covered_share": covered_m / np.maximum(zones.length_m, 1e-9),
            "key_sites": np.asarray(keys.sum(axis=1)).astype(np.int64),
            "key_equipped": (keys @ on).astype(np.int64),
            "built": decided.built,
            "pilot": zones.pilot,
            "phase": decided.cell_batch,
            "year": _years(decided.cell_batch, batches),
        },
        geometry=geometry,
        crs=WGS84,
    )
    return frame[zones.length_m > 0].reset_index(drop=True)


def point_frame(
    districts: gpd.GeoDataFrame,
    sites: RoadsideSites,
    zones: Zones,
    points: RoadPoints,
    decided: Decided,
    seen: csr_array,
) -> gpd.GeoDataFrame:
    """Describe the road points with a site that hears each, as `Plan.road_points`."""
    links = zones.point.tocoo()
    zone = np.full(len(points.length_m), "", dtype=object)
    zone[links.col] = zones.zone_id[links.row]
    hears = decided.heard[:, np.flatnonzero(decided.equipped)]
    ids = sites.frame["site_id"].to_numpy(dtype=object)[decided.equipped]
    return gpd.GeoDataFrame(
        {
            "point_id": np.arange(len(points.length_m)),
            "zone_id": zone,
            "district_id": districts["district_id"].to_numpy()[points.district],
            "edge_id": points.edge,
            "highway": np.array(ROAD_CLASSES, dtype=object)[points.road_class],
            "length_m": points.length_m,
            "expressway": points.expressway,
            "section": points.section,
            "traffic": points.traffic,
            "covered": np.diff(hears.indptr) > 0,
            "heard_by": _ids_of(hears, ids),
            "seen_by": _ids_of(seen[:, np.flatnonzero(decided.equipped)], ids),
        },
        geometry=shapely.points(np.round(points.lonlat, DECIMALS)),
        crs=WGS84,
    )


def _ids_of(pairs: csr_array, ids: npt.NDArray[np.object_]) -> list[str]:
    """Ids of the columns of each row, joined by a space."""
    return [" ".join(ids[some]) for some in np.split(pairs.indices, pairs.indptr[1:-1])]


def building_frame(ground: Ground, equipped: Bools) -> gpd.GeoDataFrame:
    """Keep the buildings around the equipped sites that see past them, as `Plan.buildings`."""
    seers = equipped & (np.asarray(ground.seen.sum(axis=0)).ravel() > 0)
    shapes = geometry_to_metric(ground.buildings.geometry.to_numpy(), ground.network.crs)
    places = np.asarray(shapely.points(ground.sites.xy[seers]), dtype=object)
    near = shapely.STRtree(shapes).query(
        places, predicate="dwithin", distance=ground.settings.sight_radius_m.value
    )[1]
    frame = ground.buildings.iloc[np.unique(near)].reset_index(drop=True)
    # What is thinner than a centimetre is nothing.
    rounded = shapely.set_precision(frame.geometry.to_numpy(), 10.0**-DECIMALS)
    kept = ~shapely.is_empty(rounded)
    return gpd.GeoDataFrame(
        frame.drop(columns="geometry")[kept], geometry=rounded[kept], crs=WGS84
    ).reset_index(drop=True)
