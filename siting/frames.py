"""The frames that readers produce and the rest consumes, and the checks on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy as np
    import numpy.typing as npt

    from siting.said import Said

ROAD_CLASSES = (
    "motorway",
    "trunk",
    "primary",
    "secondary",
    "tertiary",
    "unclassified",
    "residential",
    "living_street",
    "service",
    "motorway_link",
    "trunk_link",
    "primary_link",
    "secondary_link",
    "tertiary_link",
)
"""OSM highway values that cars may use, coarse to fine; a road's `highway` is one of these."""

FACILITY_KINDS = (
    "charging_station",
    "fuel",
    "parking",
    "mall",
    "supermarket",
    "hotel",
    "office",
    "government",
    "industrial",
    "logistics",
    "railway_station",
    "metro_station",
    "bus_station",
    "bus_depot",
    "port",
    "airport",
    "service_area",
    "rest_area",
    "toll_booth",
    "scenic",
    "residential",
    "township",
    "village",
    "school",
    "university",
    "hospital",
)
"""What a facility can be; a facility's `kind` is one of these."""


@dataclass(frozen=True, slots=True)
class Roads:
    """
    Drivable road lines with their topology.

    Attributes
    ----------
    frame
        One row a way, EPSG:4326 LineStrings, RangeIndex. Columns: `road_id` (str, unique and
        stable), `highway` (one of `ROAD_CLASSES`), `name` (str, "" where unknown), `ref` (str),
        `oneway` (int8: 0 both ways, 1 along the line, -1 against it), `lanes` (float, NaN where
        unknown), `maxspeed_kmh` (float, NaN where unknown), `bridge` (bool), `tunnel` (bool),
        `roundabout` (bool).
    vertex_id
        One id a vertex of all lines in row order, int64, shape (total vertices,). Two roads meet
        exactly where they share an id: OSM node ids, or ids of equal coordinates in other layers.
    vertex_start
        Offset of each row's first vertex, int64, shape (rows + 1,).
    signals
        Control points, EPSG:4326 Points, columns `vertex_id` (int64; -1 when not on a road) and
        `kind` (`traffic_signals`, `toll_booth`, `motorway_junction`, `crossing_signals`).
    """

    frame: gpd.GeoDataFrame
    vertex_id: npt.NDArray[np.int64]
    vertex_start: npt.NDArray[np.int64]
    signals: gpd.GeoDataFrame


@dataclass(frozen=True, slots=True)
class CityMap:
    """
    All that one map source says of a city.

    Attributes
    ----------
    roads
        The drivable roads.
    boundaries
        Administrative boundaries, EPSG:4326 (Multi)Polygons. Columns: `boundary_id` (str),
        `name` (str), `name_en` (str), `admin_level` (int, 0 where unknown), `adcode` (str, "" where
        unknown). Empty where the source has none.
    facilities
        Points, EPSG:4326. Columns: `facility_id` (str, unique and stable, for example
        `node/123` or `way/45`), `kind` (one of `FACILITY_KINDS`), `name` (str), `area_m2` (float,
        NaN for points), `capacity` (float, NaN where unknown).
    source
        Where it was read from, as shown to the user.
    attribution
        The credit line that every product made from it has to show.
    synthetic
        True when the roads and facilities are invented (sample city).
    notes
        What the reader left out or assumed, one sentence each, as shown to the user.
    buildings
        Buildings with walls above the ground, EPSG:4326 (Multi)Polygons. Columns: `building_id`
        (str), `use` (`house` | `flats` | `other` | `unknown`), `levels` and `height_m` (float, NaN
        where unknown). None where they weren't read.
    """

    roads: Roads
    boundaries: gpd.GeoDataFrame
    facilities: gpd.GeoDataFrame
    source: str
    attribution: str
    synthetic: bool
    notes: tuple[Said, ...] = ()
    buildings: gpd.GeoDataFrame | None = None
