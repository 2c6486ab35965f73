"""
Stream an OpenStreetMap file through libosmium into flat arrays.

Relations come first, so that the ways that their areas are made of are known when nodes and ways
stream by. libosmium drops nodes without an interesting key and looks locations up. What reaches
Python is touched as little as can be, for each look into an object of libosmium costs as much as
ten into a dictionary; copying all its tags costs more still.
"""

from __future__ import annotations

import contextlib
import os
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import osmium
from osmium.osm.types import Node, Relation, Way

from siting.errors import InputError, SitingError
from siting.frames import ROAD_CLASSES
from siting.inputs import tags
from siting.inputs.pbfblocks import relation_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROAD_TEXT = ("name", "ref", "lanes", "maxspeed", "bridge", "tunnel", "junction")
_ROAD_WORDS = frozenset({*ROAD_CLASSES, "road"})
_HIGHWAY_PLACES = frozenset({"services", "rest_area"})
_PLACES_OR_NONE = frozenset({None, *_HIGHWAY_PLACES})
_BOTH = "toll_booth"  # a control point and a facility
_KEYS = tuple(
    dict.fromkeys((*(key for key, _ in tags.CONTROL_TAGS), *tags.FACILITY_KEYS, "boundary"))
)
_NODE_TAGS = tuple(dict.fromkeys((*tags.CONTROL_TAGS, *tags.FACILITY_TAGS)))
_DAMAGED = "Fetch the file again, or check it with `osmium fileinfo -e`"
_NOWHERE = 2_147_483_647  # libosmium's undefined coordinate
_QUEUE = "2"  # decoded blocks waiting for the reader; libosmium's own default is 20
_EDGE_SHARE = 0.2  # more vertices missing than this isn't the edge of an extract


@dataclass(frozen=True, slots=True)
class Ways:
    """Ways as they stream in: id, and the vertices of all in flat arrays."""

    way_id: array[int] = field(default_factory=lambda: array("q"))
    start: array[int] = field(default_factory=lambda: array("q", [0]))
    ref: array[int] = field(default_factory=lambda: array("q"))
    x: array[int] = field(default_factory=lambda: array("q"))
    y: array[int] = field(default_factory=lambda: array("q"))

    def add(self, way: Way) -> None:
        """Add a way's vertices."""
        nodes = list(way.nodes)
        places = [node.location for node in nodes]
        self.ref.extend([node.ref for node in nodes])
        self.x.extend([place.x for place in places])
        self.y.extend([place.y for place in places])
        self.way_id.append(way.id)
        self.start.append(len(self.ref))


@dataclass(frozen=True, slots=True)
class Described:
    """What is kept of a facility (`kind` set) or an administrative boundary (`kind` empty)."""

    key: str
    kind: str
    name: str
    capacity: float = float("nan")
    name_en: str = ""
    admin_level: int = 0
    adcode: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """All that is found; `areas` are ways, `members` the ways that `relations` are made of."""

    roads: Ways = field(default_factory=Ways)
    road_text: list[tuple[str, ...]] = field(default_factory=list)
    oneway: array[int] = field(default_factory=lambda: array("b"))
    sources: set[str] = field(default_factory=set)
    signal_id: array[int] = field(default_factory=lambda: array("q"))
    signal_xy: array[float] = field(default_factory=lambda: array("d"))
    signal_kind: list[str] = field(default_factory=list)
    areas: Ways = field(default_factory=Ways)
    area_tags: list[Described] = field(default_factory=list)
    points: list[Described] = field(default_factory=list)
    point_xy: array[float] = field(default_factory=lambda: array("d"))
    relations: list[tuple[Described, tuple[int, ...]]] = field(default_factory=list)
    members: Ways = field(default_factory=Ways)
    late_nodes: array[int] = field(default_factory=lambda: array("q"))


@dataclass(frozen=True, slots=True)
class Streamed:
    """A whole file: what was found and the program that wrote it."""

    found: Found
    generator: str


def stream(path: Path, kind: str) -> Streamed:
    """
    Stream an OSM file.

    Parameters
    ----------
    path
        The file.
    kind
        Its libosmium format, as `siting.inputs.sniff.kind_of` tells it.

    Raises
    ------
    InputError
        The file is damaged or a history file.
    """
    file = osmium.io.File(str(path), kind)
    try:
        with _short_queues():
            generator, ordered = _header(file, path)
            found = Found()
            _collect_relations(path, file, found, in_order=ordered and kind == "pbf")
            _collect(file, found)
            if not ordered:
                _locate_late(file, found)
    except SitingError:
        raise
    except Exception as error:
        # libosmium raises RuntimeError, ValueError, types of its own and, on damage, almost any.
        raise InputError(
            "the OSM file can't be read to its end", where=path, value=error, cure=_DAMAGED
        ) from error
    return Streamed(found, generator)


@contextlib.contextmanager
def _short_queues() -> Iterator[None]:
    """
    Keep libosmium from decoding far ahead: half the memory, the same speed.

    Its queue lengths can be set by environment variables only.
    """
    name = "OSMIUM_MAX_OSMDATA_QUEUE_SIZE"
    before = os.environ.get(name)
    os.environ[name] = before or _QUEUE
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)


def _header(file: osmium.io.File, path: Path) -> tuple[str, bool]:
    """Return the program that wrote a file, and whether it says that nodes come before ways."""
    with osmium.io.Reader(file, osmium.osm.NOTHING) as reader:
        header = reader.header()
    if header.has_multiple_object_versions:
        raise InputError(
            "this is a history or change file, not an extract",
            where=path,
            cure="Give a plain extract (osmium time-filter makes one)",
        )
    return header.get("generator", ""), header.get("sorting", "").startswith("Type_then_ID")


def _collect_relations(path: Path, file: osmium.io.File, found: Found, *, in_order: bool) -> None:
    """Find the areas that are made of several ways, in the last blocks where a file is sorted."""
    last = relation_blocks(path) if in_order else None
    source = file if last is None else osmium.io.FileBuffer(last, "pbf")
    # Filters are named: libosmium's iterator doesn't keep those alive that it is given.
    keyed = osmium.filter.KeyFilter(*_KEYS)
    with osmium.io.Reader(source, osmium.osm.RELATION) as reader:
        for relation in osmium.OsmFileIterator(reader, keyed):
            if isinstance(relation, Relation):
                _take_relation(relation, found)


def _collect(file: osmium.io.File, found: Found) -> None:
    """
    Stream nodes and ways once.

    Ways aren't filtered by libosmium, since the members of areas often carry no tag to know them
    by, and its filter by id takes 4 MB for every 33 million ids touched.
    """
    members = {key for _, keys in found.relations for key in keys}
    places = osmium.index.create_map("flex_mem")
    locations = osmium.NodeLocationsForWays(places)
    locations.ignore_errors()
    # Of the nodes that a key lets pass one in ten has the right value; the keys alone go quickly.
    keyed = osmium.filter.KeyFilter(*_KEYS)
    tagged = osmium.filter.TagFilter(*_NODE_TAGS)
    for node_filter in (keyed, tagged):
        node_filter.enable_for(osmium.osm.NODE)
    with osmium.io.Reader(file, osmium.osm.NODE | osmium.osm.WAY) as reader:
        for item in osmium.OsmFileIterator(reader, locations, keyed, tagged):
            if isinstance(item, Way):
                if item.id in members:
                    found.members.add(item)
                _take_way(item, found)
            elif isinstance(item, Node):
                _take_node(item, found)


def _take_node(node: Node, found: Found) -> None:
    place = node.location
    if not place.valid():
        return
    if found.roads.way_id:
        found.late_nodes.append(node.id)
    get = node.tags.get
    control = tags.control_kind(get)
    if control:
        found.signal_id.append(node.id)
        found.signal_kind.append(control)
        found.signal_xy.extend((place.lon, place.lat))
    # What stands on or beside a street is no facility, and there is much of it.
    if control != _BOTH and (get("barrier") or get("highway") not in _PLACES_OR_NONE):
        return
    kind = tags.facility_kind(get)
    if kind:
        found.points.append(_facility(f"node/{node.id}", kind, get))
        found.point_xy.extend((place.lon, place.lat))


def _take_way(way: Way, found: Found) -> None:
    get = way.tags.get
    highway = get("highway") or ""
    if highway in _ROAD_WORDS:
        if tags.for_cars(get):
            _take_road(way, highway, get, found)
        return
    if highway and highway not in _HIGHWAY_PLACES:
        return
    if get("boundary") == "administrative":
        if not way.is_closed():
            return  # a piece of a relation's boundary
        found.areas.add(way)
        found.area_tags.append(_boundary(f"way/{way.id}", get))
        return
    kind = tags.facility_kind(get)
    if kind:
        found.areas.add(way)
        found.area_tags.append(_facility(f"way/{way.id}", kind, get))


def _take_road(way: Way, highway: str, get: tags.Get, found: Found) -> None:
    text = tuple([get(key) or "" for key in ROAD_TEXT])
    found.roads.add(way)
    found.road_text.append((highway, *text))
    found.oneway.append(tags.direction(get("oneway") or "", highway, text[-1]))
    source = get("source")
    if source:
        found.sources.add(source)


def _take_relation(relation: Relation, found: Found) -> None:
    get = relation.tags.get
    if get("type") not in {"multipolygon", "boundary"}:
        return
    key = f"relation/{relation.id}"
    if get("boundary") == "administrative":
        what = _boundary(key, get)
    else:
        kind = tags.facility_kind(get)
        if not kind:
            return
        what = _facility(key, kind, get)
    members = tuple(member.ref for member in relation.members if member.type == "w")
    found.relations.append((what, members))


def _facility(key: str, kind: str, get: tags.Get) -> Described:
    return Described(key, kind, get("name") or "", tags.number(get("capacity")))


def _boundary(key: str, get: tags.Get) -> Described:
    level = get("admin_level") or ""
    return Described(
        key,
        "",
        get("name") or "",
        name_en=get("name:en") or "",
        admin_level=int(level) if level.isdecimal() else 0,
        adcode=tags.adcode(get),
    )


def _locate_late(file: osmium.io.File, found: Found) -> None:
    """
    Look locations up that libosmium didn't find while streaming.

    It knows only nodes that come before their ways and have positive ids; what an editor or an
    Overpass query writes need not oblige. A few missing nodes are the edge of an extract and not
    worth another pass.
    """
    waiting: dict[int, list[tuple[Ways, int]]] = {}
    for ways in (found.roads, found.areas, found.members):
        for index in np.flatnonzero(np.array(ways.x, dtype=np.int64) == _NOWHERE).tolist():
            waiting.setdefault(ways.ref[index], []).append((ways, index))
    total = len(found.roads.ref) + len(found.areas.ref) + len(found.members.ref)
    few = len(waiting) < _EDGE_SHARE * total
    if not waiting or (few and min(waiting) > 0 and not found.late_nodes):
        return
    for node in osmium.FileProcessor(file, osmium.osm.NODE):
        if isinstance(node, Node):
            for ways, index in waiting.get(node.id, ()):
                ways.x[index], ways.y[index] = node.location.x, node.location.y
