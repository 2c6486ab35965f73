"""
Read a city's own layers into the frames of OSM: GeoPackage, shapefile, zip, GeoJSON, GraphML.

Where lines share a coordinate, roads meet. A layer that draws each direction as a line of its own
(OSMnx, map-matching data) becomes one two-way road a pair.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.datum import geometry_to_wgs84
from siting.errors import InputError
from siting.frames import CityMap
from siting.inputs import fields, tables, tags
from siting.inputs.lines import Lines, coordinate_ids, located_parts, take, two_way_pairs
from siting.inputs.placing import refuse_unusable, to_lonlat
from siting.inputs.sniff import OSM_KINDS, kind_of
from siting.inputs.vector import LINE, POLYGON, Wanted, open_layer
from siting.osm import read_osm

if TYPE_CHECKING:
    import numpy.typing as npt

ROAD_LAYERS = ("edges", "roads", "road", "gis_osm_roads_free_1", "gis_osm_roads_free", "lines")
"""Names by which the road layer is known among several line layers."""
DISTRICT_LAYERS = ("districts", "district", "boundaries", "boundary")
"""Names by which the district layer is known among several polygon layers."""
DIRECTED_SHARE = 0.1
"""
From this share of lines with an exact opposite on, a layer draws directions one by one.

The real directed layers have 0.5 to 0.75, layers of centrelines 0.
"""

_PLANE = ("wgs84", "cgcs2000")


def read_map(path: Path, datum: str = "wgs84") -> CityMap:
    """
    Read any map source, told by content.

    Parameters
    ----------
    path
        An OSM extract, or a layer as `read_layers` takes it.
    datum
        `wgs84`, `cgcs2000`, `gcj02` or `bd09`: what the degrees in the file really are.

    Returns
    -------
    city_map
        In WGS-84.

    Raises
    ------
    InputError
        As `read_osm` and `read_layers`.
    """
    path = Path(path)
    if kind_of(path) not in OSM_KINDS:
        return read_layers(path, datum)
    city_map = read_osm(path)
    return city_map if datum in _PLANE else _moved(city_map, datum)


def _moved(city_map: CityMap, datum: str) -> CityMap:
    """Bring a map that was drawn on shifted coordinates to WGS-84."""

    def moved(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        return frame.set_geometry(
            gpd.GeoSeries(geometry_to_wgs84(frame.geometry.to_numpy(), datum), crs=tables.WGS84)
        )

    roads = city_map.roads
    return replace(
        city_map,
        roads=replace(roads, frame=moved(roads.frame), signals=moved(roads.signals)),
        boundaries=moved(city_map.boundaries),
        facilities=moved(city_map.facilities),
    )


def read_polygons(path: Path, datum: str = "wgs84", layer: str | None = None) -> gpd.GeoDataFrame:
    """
    Read a polygon layer, for example districts, with all its columns.

    Parameters
    ----------
    path
        GeoPackage, shapefile, zip of one, or GeoJSON.
    datum
        What the degrees in the file really are.
    layer
        Name of the layer; without it the only polygon layer, or one of `DISTRICT_LAYERS`.

    Returns
    -------
    frame
        EPSG:4326, columns as in the file.

    Raises
    ------
    InputError
        The file can't be read, holds no such layer, or its coordinates can't be what they claim.
    """
    path = Path(path)
    frame = open_layer(path, Wanted(POLYGON, DISTRICT_LAYERS, layer)).frame
    geometry = frame.geometry.to_numpy()
    if not len(frame):
        raise InputError("the layer is empty", where=path, cure="Give a layer with polygons")
    refuse_unusable(geometry, [f"row {row + 1}" for row in range(len(frame))], path, "polygons")
    xy = shapely.get_coordinates(geometry)
    moved = shapely.set_coordinates(geometry.copy(), to_lonlat(xy, frame.crs, datum, path))
    columns = pd.DataFrame(frame.drop(columns=frame.geometry.name))
    return gpd.GeoDataFrame(columns, geometry=moved, crs=tables.WGS84)


def read_layers(path: Path, datum: str = "wgs84", layer: str | None = None) -> CityMap:
    """
    Read a road layer of a city's own.

    Parameters
    ----------
    path
        GeoPackage, shapefile, zip of one, GeoJSON, or GraphML as OSMnx saves it.
    datum
        `wgs84`, `cgcs2000`, `gcj02` or `bd09`: what the degrees in the file really are.
    layer
        Name of the layer; without it the only line layer, or one of `ROAD_LAYERS`.

    Returns
    -------
    city_map
        Roads, and control points where the file has nodes; no boundaries, no facilities. `notes`
        say what was assumed.

    Raises
    ------
    InputError
        The file can't be read, holds no such layer or no drivable road, or its coordinates can't
        be what they claim.
    """
    path = Path(path)
    opened = open_layer(path, Wanted(LINE, ROAD_LAYERS, layer))
    frame = opened.frame
    if not len(frame):
        raise InputError("the road layer is empty", where=path, cure="Give a layer with roads")
    notes: list[str] = []
    frame, nodes = _split(frame, opened.nodes, path)
    columns = fields.road_columns(frame)
    geometry = frame.geometry.to_numpy()
    refuse_unusable(geometry, columns["road_id"].tolist(), path)
    drivable = fields.drivable(frame, columns, notes)
    columns = columns[drivable].reset_index(drop=True)
    lines, row = _lines(geometry[drivable])
    if not len(lines):
        raise InputError(
            "the layer holds no road that cars may use",
            where=path,
            value=f"{len(frame):,} features",
            cure="Give a line layer with a `highway` or `fclass` field in OSM's words",
        )
    lonlat = to_lonlat(lines.lonlat, frame.crs, datum, path)
    lines = Lines(lonlat, coordinate_ids(lonlat), lines.start)
    lines, part = located_parts(lines)
    columns = columns.iloc[row[part]].reset_index(drop=True)
    table, lines = _two_way(columns, lines, notes)
    return CityMap(
        roads=tables.make_roads(table, lines, _signals(nodes, lines, datum, path)),
        boundaries=tables.empty_boundaries(),
        facilities=tables.empty_facilities(),
        source=str(path),
        attribution=_credit(columns, path, opened.kind),
        synthetic=False,
        notes=tuple(notes),
    )


def _split(
    frame: gpd.GeoDataFrame, nodes: gpd.GeoDataFrame | None, path: Path
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame | None]:
    """Part the lines (and what is no geometry at all) from points, which may be signals."""
    geometry = frame.geometry.to_numpy()
    dimension = shapely.get_dimensions(geometry)
    absent = shapely.is_missing(geometry) | shapely.is_empty(geometry)
    if not ((dimension == 1) | absent).any():
        raise InputError(
            "the layer holds no lines",
            where=path,
            value=str(geometry[0].geom_type),
            cure="Give a layer of road lines",
        )
    points = frame[(dimension == 0) & ~absent]
    return frame[(dimension == 1) | absent], points if nodes is None and len(points) else nodes


def _lines(geometry: npt.NDArray[np.object_]) -> tuple[Lines, npt.NDArray[np.int64]]:
    """Return all single lines with coordinates as stored, and the row of each."""
    parts, row = shapely.get_parts(geometry, return_index=True)
    xy = shapely.get_coordinates(parts)
    start = np.r_[0, np.cumsum(shapely.get_num_coordinates(parts))].astype(np.int64)
    return Lines(xy, np.arange(len(xy)), start), row.astype(np.int64)


def _two_way(columns: pd.DataFrame, lines: Lines, notes: list[str]) -> tuple[pd.DataFrame, Lines]:
    """Join opposite lines into two-way roads, and give every road its direction."""
    kept, paired, twin = two_way_pairs(lines)
    directed = float(twin.mean()) >= DIRECTED_SHARE if len(twin) else False
    oneway = fields.directions(columns, directed=directed, notes=notes)
    table = columns.assign(oneway=np.where(paired, 0, oneway))[kept].reset_index(drop=True)
    table["road_id"] = tables.numbered(table["road_id"].tolist())
    repeated = len(lines) - int(kept.sum()) - int(paired.sum())
    if paired.any():
        notes.append(f"{int(paired.sum()):,} pairs of opposite lines became two-way roads")
    if repeated > 0:
        notes.append(f"{repeated:,} lines that repeat another were left out")
    return table, take(lines, kept)


def _signals(
    nodes: gpd.GeoDataFrame | None, lines: Lines, datum: str, path: Path
) -> gpd.GeoDataFrame:
    """Return control points from the nodes that OSMnx saves."""
    kinds: list[str] = []
    lonlat = np.zeros((0, 2))
    if nodes is not None and "highway" in nodes and len(nodes):
        words = fields.text(nodes["highway"])
        kinds = tags.parse_all(words, lambda word: tags.CONTROL_TAGS.get(("highway", word), ""))
        held = np.array([kind != "" for kind in kinds], dtype=np.bool_)
        kinds = [kind for kind in kinds if kind]
        xy = shapely.get_coordinates(nodes.geometry.to_numpy()[held])
        lonlat = to_lonlat(xy, nodes.crs, datum, path) if len(xy) else lonlat
    return tables.make_signals(coordinate_ids(lonlat), kinds, lonlat, lines.vertex_id)


def _credit(columns: pd.DataFrame, path: Path, kind: str) -> str:
    """Return the credit: roads in OSM's words or with OSM ids come from OSM."""
    osm = kind == "graphml" or bool(columns["from_osm"].any())
    return tables.OSM_CREDIT if osm else f"Roads: {path.name}"
