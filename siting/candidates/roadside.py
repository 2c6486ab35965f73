"""Candidate sites of roadside units, and the road points that they are to cover."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy as np
    import numpy.typing as npt


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
    """

    frame: gpd.GeoDataFrame
    xy: npt.NDArray[np.float64]
    node: npt.NDArray[np.int64]
    junction: npt.NDArray[np.int64]


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
