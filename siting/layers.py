"""
Read a city's own layers into the frames of OSM: GeoPackage, shapefile, zip, GeoJSON, GraphML.

Where lines share a coordinate, roads meet. A layer that draws each direction as a line of its own
(OSMnx, map-matching data) becomes one two-way road a pair.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.datum import geometry_to_wgs84
from siting.errors import InputError
from siting.frames import CityMap
from siting.hygiene import Hygiene, clean_shapes
from siting.inputs import fields, tables, tags
from siting.inputs.lines import Lines, coordinate_ids, located_parts, take, two_way_pairs
from siting.inputs.placing import refuse_misplaced, refuse_unusable, to_lonlat
from siting.inputs.sniff import OSM_KINDS, kind_of
from siting.inputs.values import Labels, refuse_wrong_fields
from siting.inputs.vector import LINE, POLYGON, Wanted, open_layer
from siting.model.sources import Datum, Source
from siting.osm import read_osm
from siting.said import Said

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from siting.inputs.placing import Bounds

ROAD_LAYERS = ("edges", "roads", "road", "gis_osm_roads_free_1", "gis_osm_roads_free", "lines")
"""Names by which the road layer is known among several line layers."""
DISTRICT_LAYERS = ("districts", "district", "boundaries", "boundary")
"""Names by which the district layer is known among several polygon layers."""
ROAD_FIELDS = {our: "id" if our == "own_id" else our for our in fields.FIELD_NAMES}
"""Columns of a road layer that a mapping may name -> the name under which they are found."""
DISTRICT_FIELDS = (
    *("district_id", "name", "name_en"),
    *("population", "urban_population", "rural_population"),
)
"""Columns of a district layer that a mapping may name."""
DIRECTED_SHARE = 0.1
"""
From this share of lines with an exact opposite on, a layer draws directions one by one.

The real directed layers have 0.5 to 0.75, layers of centrelines 0.
"""

_DIGITS = 7
_PLANE = ("wgs84", "cgcs2000")


def read_map(
    path: Path,
    datum: str = "wgs84",
    spec: Source | None = None,
    area: Bounds | None = None,
    *,
    buildings: bool = False,
) -> CityMap:
    """
    Read any map source, told by content.

    Parameters
    ----------
    path
        An OSM extract, or a layer as `read_layers` takes it.
    datum
        `wgs84`, `cgcs2000`, `gcj02` or `bd09`: what the degrees in the file really are.
    spec
        What a model says of the file: layer, columns, CRS, encoding; its datum goes first.
    area
        West, south, east, north of where the roads of a layer have to lie; None: anywhere.
    buildings
        Whether to read the buildings of an OSM extract too.

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
    datum = datum if spec is None else spec.datum
    if kind_of(path) not in OSM_KINDS:
        return read_layers(path, datum, spec=spec, area=area)
    if spec is not None and (spec.fields or spec.crs):
        raise InputError(
            "an OSM file has its own columns and degrees", where=path,
            cure="Leave out `fields:` and `crs:`",
        )  # fmt: skip
    city_map = read_osm(path, buildings=buildings)
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
        buildings=None if city_map.buildings is None else moved(city_map.buildings),
    )


def read_polygons(
    path: Path,
    datum: str = "wgs84",
    layer: str | None = None,
    spec: Source | None = None,
    notes: list[Said] | None = None,
    area: Bounds | None = None,
) -> gpd.GeoDataFrame:
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
    spec
        What a model says of the file, which goes first; columns get our names, and geometries are
        checked and repaired as `siting.hygiene` says.
    notes
        Told what was repaired.
    area
        West, south, east, north of where the polygons have to lie; None: anywhere.

    Returns
    -------
    frame
        EPSG:4326, columns as in the file, those that `spec.fields` names under our names.

    Raises
    ------
    InputError
        The file can't be read, holds no such layer, or its coordinates can't be what they claim.
    """
    path = Path(path)
    spec = spec or Source(file=str(path), datum=_datum(datum, path), layer=layer or "")
    wanted = Wanted(POLYGON, DISTRICT_LAYERS, spec.layer or None, spec.encoding)
    frame = open_layer(path, wanted).frame.reset_index(drop=True)
    if not len(frame):
        raise InputError("the layer is empty", where=path, cure="Give a layer with polygons")
    frame = _mapped(frame, spec, DISTRICT_FIELDS, path)
    rows = [f"feature {row + 1}" for row in range(len(frame))]
    told = notes if notes is not None else []
    if notes is None:
        refuse_unusable(frame.geometry.to_numpy(), rows, path, "polygons")
    kept, geometry, found = clean_shapes(
        frame.geometry.to_numpy(), rows, Hygiene(str(path), spec.checks == "strict")
    )
    told.extend(found)
    frame, geometry = frame[kept], geometry[kept]
    xy = shapely.get_coordinates(geometry)
    crs = spec.crs or frame.crs
    lonlat = to_lonlat(xy, crs, spec.datum, path, area=area, where=spec.where)
    refuse_misplaced(xy, lonlat, crs, area, path, spec.where)
    moved = shapely.set_coordinates(geometry.copy(), lonlat)
    columns = pd.DataFrame(frame.drop(columns=frame.geometry.name)).reset_index(drop=True)
    return gpd.GeoDataFrame(columns, geometry=moved, crs=tables.WGS84)


def _datum(datum: str, path: Path) -> Datum:
    """Check the name of a datum."""
    for known in get_args(Datum):
        if datum == known:
            return cast("Datum", datum)
    raise InputError(
        "this datum is not known", where=path, value=datum, cure=f"Use {', '.join(get_args(Datum))}"
    )


def _mapped(
    frame: gpd.GeoDataFrame, spec: Source, ours: Sequence[str], path: Path
) -> gpd.GeoDataFrame:
    """Give the columns that a model names our names."""
    if not spec.fields:
        return frame
    present = [str(name) for name in frame.columns if name != frame.geometry.name]
    labels = Labels(str(path), (), spec.where)
    refuse_wrong_fields(present, spec.fields, ours, labels)
    wanted = {spec.fields[our]: our for our in spec.fields}
    # A column that happens to have our name but isn't the one that is meant would be found first.
    rivals = [name for name in present if name.lower() in spec.fields and name not in wanted]
    return frame.drop(columns=rivals).rename(columns=wanted)


def read_layers(
    path: Path,
    datum: str = "wgs84",
    layer: str | None = None,
    spec: Source | None = None,
    area: Bounds | None = None,
) -> CityMap:
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
    spec
        What a model says of the file, which goes first.
    area
        West, south, east, north of where the roads have to lie; None: anywhere.

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
    plain = spec is None
    spec = spec or Source(file=str(path), datum=_datum(datum, path), layer=layer or "")
    opened = open_layer(path, Wanted(LINE, ROAD_LAYERS, spec.layer or None, spec.encoding))
    frame = opened.frame
    if not len(frame):
        raise InputError("the road layer is empty", where=path, cure="Give a layer with roads")
    notes: list[Said] = []
    frame, nodes = _split(frame, opened.nodes, path)
    frame = _mapped(frame, spec, tuple(ROAD_FIELDS), path)
    frame = frame.rename(columns={our: ROAD_FIELDS[our] for our in spec.fields})
    columns = fields.road_columns(frame)
    geometry = frame.geometry.to_numpy()
    if plain:
        refuse_unusable(geometry, columns["road_id"].tolist(), path)
    else:
        hygiene = Hygiene(str(path), spec.checks == "strict")
        kept, geometry, found = clean_shapes(geometry, columns["road_id"].tolist(), hygiene)
        frame, geometry = frame[kept], geometry[kept]
        columns = columns[kept].reset_index(drop=True)
        notes.extend(found)
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
    crs = spec.crs or frame.crs
    lonlat = to_lonlat(lines.lonlat, crs, spec.datum, path, area=area, where=spec.where)
    refuse_misplaced(lines.lonlat, lonlat, crs, area, path, spec.where)
    # One centimetre, as OSM has it: roads then are the same from whatever frame they come.
    lonlat = np.round(lonlat, _DIGITS)
    lines = Lines(lonlat, coordinate_ids(lonlat), lines.start)
    lines, part = located_parts(lines)
    columns = columns.iloc[row[part]].reset_index(drop=True)
    table, lines = _two_way(columns, lines, notes)
    return CityMap(
        roads=tables.make_roads(table, lines, _signals(nodes, lines, spec, path)),
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


def _two_way(columns: pd.DataFrame, lines: Lines, notes: list[Said]) -> tuple[pd.DataFrame, Lines]:
    """Join opposite lines into two-way roads, and give every road its direction."""
    kept, paired, twin = two_way_pairs(lines)
    directed = float(twin.mean()) >= DIRECTED_SHARE if len(twin) else False
    oneway = fields.directions(columns, directed=directed, notes=notes)
    table = columns.assign(oneway=np.where(paired, 0, oneway))[kept].reset_index(drop=True)
    table["road_id"] = tables.numbered(table["road_id"].tolist())
    repeated = len(lines) - int(kept.sum()) - int(paired.sum())
    if paired.any():
        count = f"{int(paired.sum()):,}"
        zh, en = (
            f"{count} 对方向相反的线合并为双向道路",
            "pairs of opposite lines became two-way roads",
        )
        notes.append(Said(zh, f"{count} {en}"))
    if repeated > 0:
        zh, en = "条与其他线重复的线已略去", "lines that repeat another were left out"
        notes.append(Said(f"{repeated:,} {zh}", f"{repeated:,} {en}"))
    return table, take(lines, kept)


def _signals(
    nodes: gpd.GeoDataFrame | None, lines: Lines, spec: Source, path: Path
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
        lonlat = to_lonlat(xy, spec.crs or nodes.crs, spec.datum, path) if len(xy) else lonlat
    return tables.make_signals(coordinate_ids(lonlat), kinds, lonlat, lines.vertex_id)


def _credit(columns: pd.DataFrame, path: Path, kind: str) -> str:
    """Return the credit: roads in OSM's words or with OSM ids come from OSM."""
    osm = kind == "graphml" or bool(columns["from_osm"].any())
    return tables.OSM_CREDIT if osm else f"{tables.ROADS_CREDIT}{path.name}"
