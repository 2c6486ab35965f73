"""Corridors: the named road sections between junctions that test roads are chosen from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd
    import numpy as np
    import numpy.typing as npt
    from scipy.sparse import csr_array

CLASSES = ("motorway", "trunk", "primary", "secondary", "tertiary", "unclassified")
"""Classes whose roads are corridors unless the caller says otherwise."""


@dataclass(frozen=True, slots=True)
class CorridorRules:
    """
    What makes a corridor.

    Attributes
    ----------
    classes
        Road classes that are corridors, values of `frames.ROAD_CLASSES` that are no links; a
        corridor ends wherever another road of these classes meets it.
    school_m, hospital_m
        A school or hospital counts as near a corridor up to this far from its outline (taken for
        the circle of its area; the point where the map has no area).
    """

    classes: tuple[str, ...] = CLASSES
    school_m: float = 150.0
    hospital_m: float = 150.0


@dataclass(frozen=True, slots=True)
class Corridors:
    """
    Road sections between junctions, each centreline kilometre once, and the graph they make.

    Attributes
    ----------
    frame
        EPSG:4326 LineStrings or MultiLineStrings of the centreline (of a dual carriageway one
        half), RangeIndex, sorted by `corridor_id`. Columns: `corridor_id` (str, from the vertex
        ids of its ends), `road` (its name, else its `ref`, else a label), `named` (bool: the map
        has a name or ref), `from_name`, `to_name` (the roads that it runs between), `length_m`
        (geodesic length of the line), `highway` (class), `lanes` (both ways together) with
        `lanes_source`, `speed_kmh` with `speed_source` (`tag` or `class`), `dual_share`,
        `district_id` (where most of its length lies), `curvature` (degrees a km),
        `signals_per_km`, `bridge`, `tunnel` (bool), `bridge_m`, `tunnel_m`, `schools`,
        `hospitals` (number near), `points` and `grade` (complexity, see `grades`), `expressway`
        (bool: motorway or trunk), `excluded` (why it can't be a test road, "" for none), `opened`
        (bool: it is a test road already).
    tail, head
        Graph node at both ends, equal for a ring, shape (e,). `tail` is where `from_name` is.
    node_xy
        Middle of each graph node in `network.crs`, shape (k, 2).
    node_junction
        Row in `Junctions` of each graph node, -1 for none, shape (k,).
    node_of
        Graph node of every network node, -1 where no corridor begins or ends, shape (n,). All
        nodes of a crossing of dual carriageways, of a roundabout or of an interchange have the
        same.
    edges
        Which network edges belong to each corridor, both carriageways, bool, shape (e, m).
    counted
        Network edges whose length is counted, shape (m,).
    left_out_km
        Centreline km in no corridor by reason: `ramp`, `roundabout`, `crossover` (pieces between
        carriageways), `class` (roads of other classes). With the corridors they are all roads.
    """

    frame: gpd.GeoDataFrame
    tail: npt.NDArray[np.int64]
    head: npt.NDArray[np.int64]
    node_xy: npt.NDArray[np.float64]
    node_junction: npt.NDArray[np.int64]
    node_of: npt.NDArray[np.int64]
    edges: csr_array
    counted: npt.NDArray[np.bool_]
    left_out_km: Mapping[str, float]
