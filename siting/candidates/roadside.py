"""Candidate sites of roadside units, and the road points that they are to cover."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.candidates.roadplaces import along_roads, at_facilities, on_structures
from siting.candidates.roadsidekinds import equipment, reach_m
from siting.candidates.roadsidetraits import (
    members,
    must_be,
    nearest_nodes,
    passing,
    site_labels,
    vehicles,
)
from siting.candidates.thinning import clear_of, thin
from siting.datum import geometry_to_lonlat
from siting.demand.cells import district_of
from siting.frames import ROAD_CLASSES

if TYPE_CHECKING:
    import numpy.typing as npt
    from scipy.sparse import csr_array

    from siting.frames import CityMap, Roads
    from siting.model.roadside import Roadside
    from siting.network import Junctions, Network

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

CLEAR_M = 80.0
"""Sites of one kind on structures are this far apart, and others keep as far from them: halves of
a bridge that weren't told apart are one bridge. Planner's own."""
STRUCTURES = ("tunnel", "bridge", "toll", "service_area")


@dataclass(frozen=True, slots=True)
class RoadsideSites:
    """
    Candidate sites of roadside units.

    Attributes
    ----------
    frame
        EPSG:4326 Points, RangeIndex, sorted by `site_id`. Columns: `site_id`, `name`, `kind`
        (`junction`, `interchange`, `midblock`, `expressway`, `tunnel`, `bridge`, `toll`,
        `service_area`), `level` (`rsu`, `sensing`, `full`: the equipment that its kind gets),
        `reuse` (bool: a pole of a signal, a lamp or a gantry is there to be reused),
        `district_id`, `cost_cny` (with the discount for reuse), `radius_m`, `mandatory` (bool),
        `clauses` (ids joined by a space), `junction_id` ("" for none), `road` (name of the
        highest road, "" where unknown), `benefit` (traffic weight, relative).
    xy
        Metres in `network.crs`, shape (s, 2).
    node
        Nearest node along the road, shape (s,).
    junction
        Row in `Junctions`, -1 for none, shape (s,).
    edge
        Network edge that it stands on, -1 for a junction's, shape (s,); empty: none is known.
    member
        Network nodes of its junction, from which it reaches along the roads, bool, shape (s, n);
        None where only `node` is known.
    """

    frame: gpd.GeoDataFrame
    xy: npt.NDArray[np.float64]
    node: npt.NDArray[np.int64]
    junction: npt.NDArray[np.int64]
    edge: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    member: csr_array | None = None


@dataclass(frozen=True, slots=True)
class RoadPoints:
    """
    Sample points along eligible roads; dual carriageways count once.

    Attributes
    ----------
    xy
        Metres in `network.crs`, shape (p, 2).
    lonlat
        Degrees WGS-84, shape (p, 2).
    length_m
        Geodesic metres of road that each point stands for, shape (p,).
    road_class
        Index into `frames.ROAD_CLASSES`, shape (p,).
    edge
        Network edge it lies on, shape (p,).
    district
        Row of its district, shape (p,).
    expressway
        On a motorway, shape (p,).
    traffic
        Vehicle kilometres driven there, relative, shape (p,).
    section
        Part of the mandatory expressway test section, shape (p,).
    """

    xy: npt.NDArray[np.float64]
    lonlat: npt.NDArray[np.float64]
    length_m: npt.NDArray[np.float64]
    road_class: npt.NDArray[np.int8]
    edge: npt.NDArray[np.int64]
    district: npt.NDArray[np.int64]
    expressway: npt.NDArray[np.bool_]
    traffic: npt.NDArray[np.float64]
    section: npt.NDArray[np.bool_]


def eligible_edges(network: Network, settings: Roadside) -> npt.NDArray[np.bool_]:
    """
    Tell the edges that are to be covered: those of the classes that the model names.

    Parameters
    ----------
    network
        The network.
    settings
        The roadside part of a model.

    Returns
    -------
    eligible
        Shape (m,).
    """
    eligible: Bools = np.isin(np.array(ROAD_CLASSES), settings.classes)[network.highway]
    return eligible


def roadside_sites(
    network: Network,
    junctions: Junctions,
    districts: gpd.GeoDataFrame,
    city_map: CityMap,
    settings: Roadside,
    *,
    section: Bools | None = None,
) -> RoadsideSites:
    """
    Find where roadside units can stand.

    One at each key junction where an eligible road passes; on roads where key junctions are too
    far apart; at tunnel portals, bridges, toll stations and service areas. There is none anywhere
    else.

    Parameters
    ----------
    network, junctions
        The network and its junctions.
    districts
        Districts, EPSG:4326; places outside are no candidates.
    city_map
        The map.
    settings
        The roadside part of a model.
    section
        Edges of the expressway section, shape (m,).

    Returns
    -------
    sites
        Sorted by `site_id`.

    Raises
    ------
    InputError
        A table of kinds or ranges of the model's own is wrong.
    """
    roads = city_map.roads
    eligible = eligible_edges(network, settings)
    crossing = _at_junctions(network, junctions, eligible)
    structures = pd.concat(
        [
            on_structures(network, roads, eligible, settings),
            at_facilities(network, city_map, eligible),
        ],
        ignore_index=True,
    )
    structures = structures[_apart(structures)].assign(junction=-1)
    along = along_roads(network, junctions, eligible, settings).assign(junction=-1)
    along = along[clear_of(_xy(along), _xy(structures), CLEAR_M)]
    parts = [part for part in (crossing, structures, along) if len(part)]
    places = pd.concat(parts, ignore_index=True) if parts else crossing
    xy = _xy(places)
    places["district"] = district_of(districts.geometry.to_crs(network.crs).to_numpy(), xy)
    places = places[places["district"] >= 0].sort_values(["key", "x", "y"], ignore_index=True)
    # Two roads between the same ends: the second place at the same metre gets a mark of its own.
    again = places.groupby("key").cumcount()
    places["key"] = places["key"].where(again == 0, places["key"] + "-" + (again + 1).astype(str))
    places = places.sort_values("key", ignore_index=True)
    return _sites(network, junctions, districts, roads, settings, places, section)


def _at_junctions(network: Network, junctions: Junctions, eligible: Bools) -> pd.DataFrame:
    """List the key junctions at which an eligible road ends."""
    touched = np.zeros(len(network.node_id), dtype=bool)
    touched[network.tail[eligible]] = True
    touched[network.head[eligible]] = True
    of = junctions.of_node
    served = np.zeros(len(junctions.key), dtype=bool)
    served[of[touched & (of >= 0)]] = True
    rows = np.flatnonzero(junctions.key & served)
    kind = junctions.kind[rows]
    # A minor junction has no key, so that a key one of another kind is a plain crossing.
    return pd.DataFrame(
        {
            "kind": kind,
            "edge": np.full(len(rows), -1),
            "x": junctions.xy[rows, 0],
            "y": junctions.xy[rows, 1],
            "name": junctions.name[rows],
            "key": np.array([f"junction/{i}" for i in junctions.junction_id[rows]], dtype=object),
            "junction": rows,
        }
    )


def _xy(places: pd.DataFrame) -> Floats:
    xy: Floats = places[["x", "y"]].to_numpy(dtype=np.float64)
    return xy


def _apart(places: pd.DataFrame) -> Bools:
    """Keep one of several places of a kind that nearly coincide."""
    kept = np.zeros(len(places), dtype=bool)
    for kind in STRUCTURES:
        rows = np.flatnonzero((places["kind"] == kind).to_numpy())
        some = places.iloc[rows]
        order = np.empty(len(rows), dtype=np.int64)
        order[np.argsort(some["key"].to_numpy(dtype=str), kind="stable")] = np.arange(len(rows))
        never = np.zeros(len(rows), dtype=np.bool_)
        kept[rows] = thin(_xy(some), CLEAR_M, order, never)
    return kept


def _sites(
    network: Network,
    junctions: Junctions,
    districts: gpd.GeoDataFrame,
    roads: Roads,
    settings: Roadside,
    places: pd.DataFrame,
    section: Bools | None,
) -> RoadsideSites:
    xy = _xy(places)
    junction = places["junction"].to_numpy(dtype=np.int64)
    edge = places["edge"].to_numpy(dtype=np.int64)
    kind = places["kind"].to_numpy(dtype=object)
    at = junction >= 0
    # One more junction, so that sites without one have something to read.
    level_of = np.r_[junctions.highest, np.int8(0)]
    ids = np.concatenate([junctions.junction_id, np.array([""], dtype=object)])
    highest = np.where(at, level_of[junction], network.highway[edge]).astype(np.int8)
    member = members(junctions, junction)
    level, reuse, cost = equipment(kind, highest, settings)
    mandatory, clauses = must_be(network, settings, kind, edge, member, section)
    names, road = site_labels(
        network, districts, roads, settings, places.assign(highest=highest), member
    )
    lonlat = geometry_to_lonlat(np.asarray(shapely.points(xy)), network.crs)
    frame = gpd.GeoDataFrame(
        {
            "site_id": places["key"].to_numpy(dtype=object),
            "name": names,
            "kind": np.where(np.isin(kind, ("signal", "crossing", "ramp")), "junction", kind),
            "level": level,
            "reuse": reuse,
            "district_id": districts["district_id"].astype(str).to_numpy()[places["district"]],
            "cost_cny": cost,
            "radius_m": reach_m(kind, highest, settings),
            "mandatory": mandatory,
            "clauses": clauses,
            "junction_id": ids[junction],
            "road": road,
            "benefit": passing(network, junctions, junction, edge),
        },
        geometry=lonlat,
        crs="EPSG:4326",
    )
    return RoadsideSites(
        frame, xy, nearest_nodes(network, xy, edge, member), junction, edge, member
    )


def road_points(
    network: Network,
    districts: gpd.GeoDataFrame,
    settings: Roadside,
    *,
    section: Bools | None = None,
) -> RoadPoints:
    """
    Lay points along the roads that are to be covered, one every `point_step_m`.

    Parameters
    ----------
    network
        The network.
    districts
        Districts, EPSG:4326; points outside are left out.
    settings
        Classes of road, the step, and what weighs more.
    section
        Edges of the expressway section, shape (m,).

    Returns
    -------
    points
        In the order of their edges; each stands for an equal part of its edge.
    """
    chosen = eligible_edges(network, settings) & ~network.twin
    edges = np.flatnonzero(chosen)
    parts = np.maximum(1, np.round(network.length_m[edges] / settings.point_step_m.value))
    parts = parts.astype(np.int64)
    edge = np.repeat(edges, parts)
    place = np.arange(len(edge)) - np.repeat(np.cumsum(parts) - parts, parts)
    share = (place + 0.5) / np.repeat(parts, parts)
    on = shapely.line_interpolate_point(network.geometry[edge], share, normalized=True)
    xy = shapely.get_coordinates(on)
    metres = np.repeat(network.length_m[edges] / parts, parts)
    district = district_of(districts.geometry.to_crs(network.crs).to_numpy(), xy)
    kept = district >= 0
    edge, xy, metres, district = edge[kept], xy[kept], metres[kept], district[kept]
    level = network.highway[edge]
    first = districts["name"].isin(settings.priority_districts)
    first |= districts["district_id"].astype(str).isin(settings.priority_districts)
    weight = np.where(first.to_numpy(), settings.priority_weight.value, 1.0)
    worth = np.array([settings.class_weight.get(name, 1.0) for name in ROAD_CLASSES])
    return RoadPoints(
        xy=xy,
        lonlat=shapely.get_coordinates(geometry_to_lonlat(on[kept], network.crs)),
        length_m=metres,
        road_class=level,
        edge=edge,
        district=district,
        expressway=level == ROAD_CLASSES.index("motorway"),
        traffic=vehicles()[level] * worth[level] * weight[district] * metres / 1000.0,
        section=np.zeros(len(edge), dtype=bool) if section is None else section[edge],
    )
