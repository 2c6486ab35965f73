"""
Read an OpenStreetMap extract (PBF, XML, o5m) of any place: roads, signals, boundaries, facilities.

Streaming is `siting.inputs.osmstream`; here the flat arrays become frames.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from siting.errors import InputError
from siting.frames import CityMap
from siting.inputs import tables
from siting.inputs.lines import Lines, located_parts, take
from siting.inputs.osmfound import ROAD_TEXT
from siting.inputs.osmstream import stream
from siting.inputs.sniff import OSM_KINDS, kind_of
from siting.said import Said

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt

    from siting.inputs.osmfound import Buildings, Described, Found, Ways

SAMPLE_GENERATOR = "siting sample"
"""Header `generator` (or `source` tag of a road) of the invented sample city."""

_PER_DEGREE = 1e7  # libosmium keeps locations as integers


def read_osm(path: Path, *, buildings: bool = False) -> CityMap:
    """
    Read an OSM extract.

    Parameters
    ----------
    path
        PBF, XML, packed XML (gz, bz2) or o5m; told by content, not by name.
    buildings
        Whether to read the buildings too (`CityMap.buildings`); a roads-only extract costs the
        same with them, a whole one several times as much.

    Returns
    -------
    city_map
        Roads that the public may drive (see `siting.inputs.tags.for_cars`) with OSM node ids as
        vertex ids, control points, administrative boundaries, and facilities (points, closed ways
        and multipolygons). Ways that reach out of the extract keep the parts that lie in it.

    Raises
    ------
    InputError
        The file is missing, damaged, no OSM file, a history file, or holds no drivable road.
    """
    path = Path(path)
    kind = kind_of(path)
    if kind not in OSM_KINDS:
        raise InputError(
            "this is no OSM extract", where=path, value=kind, cure="Give a .osm.pbf or .osm file"
        )
    streamed = stream(path, kind, buildings=buildings)
    words = (streamed.generator, *streamed.found.sources)
    synthetic = any(word.startswith(SAMPLE_GENERATOR) for word in words)
    return _city_map(path, streamed.found, synthetic=synthetic)


def _lines(ways: Ways) -> Lines:
    """Return ways as lines, NaN where a vertex has no location on earth."""
    lonlat = np.column_stack(
        [np.array(ways.x, dtype=np.float64), np.array(ways.y, dtype=np.float64)]
    )
    lonlat /= _PER_DEGREE
    lonlat[(np.abs(lonlat) > (180.0, 90.0)).any(axis=1)] = np.nan
    return Lines(lonlat, np.array(ways.ref, np.int64), np.array(ways.start, np.int64))


def _city_map(path: Path, found: Found, *, synthetic: bool) -> CityMap:
    notes: list[Said] = []
    table, lines = _road_table(path, found, notes)
    signals = tables.make_signals(
        np.array(found.signal_id, dtype=np.int64),
        found.signal_kind,
        np.array(found.signal_xy, dtype=np.float64),
        lines.vertex_id,
    )
    whats, shapes = _areas(found, notes)
    boundary = np.array([not what.kind for what in whats], dtype=np.bool_)
    places = [*found.points, *(what for what in whats if what.kind)]
    points = shapely.points(np.array(found.point_xy, dtype=np.float64).reshape(-1, 2))
    return CityMap(
        roads=tables.make_roads(table, lines, signals),
        boundaries=_boundaries([what for what in whats if not what.kind], shapes[boundary]),
        facilities=tables.make_facilities(
            [place.key for place in places],
            [place.kind for place in places],
            [place.name for place in places],
            [place.capacity for place in places],
            np.concatenate([points, shapes[~boundary]]),
        ),
        source=str(path),
        attribution=tables.SAMPLE_CREDIT if synthetic else tables.OSM_CREDIT,
        synthetic=synthetic,
        notes=tuple(notes),
        buildings=None if found.buildings is None else _buildings(found, found.buildings),
    )


def _buildings(found: Found, buildings: Buildings) -> gpd.GeoDataFrame:
    """
    Return buildings with walls as polygons, courts left out.

    A way that a relation makes a building of is that building, even where it is tagged itself.
    """
    shapes, kept = _way_shapes(_lines(buildings.ways))
    ids = np.array(buildings.ways.way_id, dtype=np.int64)
    # A file merged from overlapping extracts holds ways twice; the first of each counts.
    first = np.zeros(len(ids), dtype=np.bool_)
    first[np.unique(ids, return_index=True)[1]] = True
    used = np.array(sorted({key for _, keys in buildings.relations for key in keys}), np.int64)
    kept &= first & ~np.isin(ids, used) & (shapely.get_dimensions(shapes) == 2)  # noqa: PLR2004
    what = [buildings.of_ways[row] for row in np.flatnonzero(kept).tolist()]
    lines = _lines(found.members)
    row_of = {key: row for row, key in enumerate(found.members.way_id)}
    whole = [*shapes[kept]]
    for building, keys in buildings.relations:
        rows = np.array([row_of[key] for key in keys if key in row_of], dtype=np.int64)
        area = _assembled(take(lines, rows))
        if area is not None:
            what.append(building)
            whole.append(area)
    return tables.make_buildings(
        [one.key for one in what],
        [one.use for one in what],
        [one.levels for one in what],
        [one.height_m for one in what],
        whole,
    )


def _road_table(path: Path, found: Found, notes: list[Said]) -> tuple[pd.DataFrame, Lines]:
    way_id = np.array(found.roads.way_id, dtype=np.int64)
    # A file merged from overlapping extracts holds ways twice; the first of each counts.
    first = np.zeros(len(way_id), dtype=np.bool_)
    first[np.unique(way_id, return_index=True)[1]] = True
    rows = np.flatnonzero(first)
    lines = take(_lines(found.roads), rows)
    parts, line = located_parts(lines)
    if not len(parts):
        raise InputError(
            "the file holds no road that cars may use",
            where=path,
            value=f"{len(way_id)} road ways, none with located nodes" if len(way_id) else None,
            cure="Give an extract with its `highway` ways and their nodes",
        )
    whole = np.isfinite(lines.lonlat[:, 0])
    cut = len(np.unique(lines.owner[~whole]))
    if cut:
        zh, en = (
            "条道路伸出数据范围，已在边缘截断",
            "roads reach out of the extract and were cut at its edge",
        )
        notes.append(Said(f"{cut:,} {zh}", f"{cut:,} {en}"))
    row = rows[line]
    table = pd.DataFrame(
        [found.road_text[index] for index in row.tolist()], columns=["highway", *ROAD_TEXT]
    )
    table["highway"] = table["highway"].replace("road", "unclassified")
    table["oneway"] = np.array(found.oneway, dtype=np.int8)[row]
    table["road_id"] = tables.numbered([f"way/{key}" for key in way_id[row].tolist()])
    return table, parts


def _areas(found: Found, notes: list[Said]) -> tuple[list[Described], npt.NDArray[np.object_]]:
    """Return closed ways and relations as polygons, other ways as lines, with their tags."""
    way_shapes, kept = _way_shapes(_lines(found.areas))
    whats = [found.area_tags[index] for index in np.flatnonzero(kept).tolist()]
    shapes = [*way_shapes[kept]]
    lines = _lines(found.members)
    row_of = {key: row for row, key in enumerate(found.members.way_id)}
    open_count = 0
    for what, ids in found.relations:
        rows = np.array([row_of[key] for key in ids if key in row_of], dtype=np.int64)
        area = _assembled(take(lines, rows))
        if area is None:
            open_count += 1
        else:
            whats.append(what)
            shapes.append(area)
    if open_count:
        zh, en = "个面伸出数据范围，已略去", "areas reach out of the extract and were left out"
        notes.append(Said(f"{open_count:,} {zh}", f"{open_count:,} {en}"))
    result = np.empty(len(shapes), dtype=object)
    result[:] = shapes
    return whats, result


def _way_shapes(lines: Lines) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.bool_]]:
    """Return closed ways as polygons, others as lines, and which of them can be used."""
    kept = np.zeros(len(lines), dtype=np.bool_)
    shapes = np.empty(len(lines), dtype=object)
    if not len(lines):
        return shapes, kept
    whole = np.bincount(lines.owner, np.isnan(lines.lonlat[:, 0]), len(lines)) == 0
    first, last = lines.vertex_id[lines.start[:-1]], lines.vertex_id[lines.start[1:] - 1]
    ring = whole & (first == last) & (lines.size >= 4)  # noqa: PLR2004  (a triangle, closed)
    line = whole & (first != last) & (lines.size >= 2)  # noqa: PLR2004  (two ends)
    picked = take(lines, ring)
    shapes[ring] = shapely.polygons(shapely.linearrings(picked.lonlat, indices=picked.owner))
    picked = take(lines, line)
    shapes[line] = shapely.linestrings(picked.lonlat, indices=picked.owner)
    bad = ring & ~shapely.is_valid(shapes)
    shapes[bad] = shapely.make_valid(shapes[bad], method="structure", keep_collapsed=False)
    return shapes, (ring | line) & ~shapely.is_empty(shapes)


def _assembled(lines: Lines) -> BaseGeometry | None:
    """Return the (multi)polygon that member ways close, None where they don't close any."""
    lines = located_parts(lines)[0]
    if not len(lines):
        return None
    rings = shapely.build_area(shapely.multilinestrings(tables.line_shapes(lines)))
    return rings if isinstance(rings, BaseGeometry) and not rings.is_empty else None


def _boundaries(whats: list[Described], shapes: npt.NDArray[np.object_]) -> gpd.GeoDataFrame:
    rows = [
        {
            "boundary_id": what.key,
            "name": what.name,
            "name_en": what.name_en,
            "admin_level": what.admin_level,
            "adcode": what.adcode,
        }
        for what in whats
    ]
    return tables.make_boundaries(rows, shapes)
