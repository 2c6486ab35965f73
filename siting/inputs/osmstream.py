"""
Read an OpenStreetMap file into flat arrays.

A sorted PBF, as extracts are, goes block by block through `siting.inputs.osmsorted`. Any other file
streams through libosmium: relations first, so that the ways that their areas are made of are known
when nodes and ways stream by. libosmium drops nodes without an interesting key and looks locations
up. What reaches Python is touched as little as can be, for each look into an object of libosmium
costs as much as ten into a dictionary.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import osmium
from osmium.osm.types import Node, Relation, Way

from siting.errors import InputError, SitingError
from siting.inputs import tags
from siting.inputs.osmfound import (
    NODE_TAGS,
    Buildings,
    Found,
    Ways,
    take_building,
    take_node,
    take_relation,
    take_way,
)
from siting.inputs.osmsorted import NOWHERE, read_sorted
from siting.inputs.pbfblocks import DAMAGE, layout

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_KEYS = tuple(
    dict.fromkeys((*(key for key, _ in tags.CONTROL_TAGS), *tags.FACILITY_KEYS, "boundary"))
)
_DAMAGED = "Fetch the file again, or check it with `osmium fileinfo -e`"
_QUEUE = "2"  # decoded blocks waiting for the reader; libosmium's own default is 20
_EDGE_SHARE = 0.2  # more vertices missing than this isn't the edge of an extract


@dataclass(frozen=True, slots=True)
class Streamed:
    """A whole file: what was found and the program that wrote it."""

    found: Found
    generator: str


def stream(path: Path, kind: str, *, buildings: bool = False) -> Streamed:
    """
    Stream an OSM file.

    Parameters
    ----------
    path
        The file.
    kind
        Its libosmium format, as `siting.inputs.sniff.kind_of` tells it.
    buildings
        Whether to find the buildings too, most of what a whole extract holds.

    Raises
    ------
    InputError
        The file is damaged or a history file.
    """
    file = osmium.io.File(str(path), kind)
    try:
        with _short_queues():
            generator, ordered = _header(file, path)
            found = _nothing(buildings=buildings)
            if not (ordered and kind == "pbf" and _read_sorted(path, found)):
                found = _nothing(buildings=buildings)
                _collect_relations(file, found)
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


def _nothing(*, buildings: bool) -> Found:
    return Found(buildings=Buildings() if buildings else None)


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


def _read_sorted(path: Path, found: Found) -> bool:
    """Read a sorted PBF as arrays; False where it is built in a way that only libosmium knows."""
    try:
        with path.open("rb") as file:
            read_sorted(file, layout(file), found)
    except DAMAGE:
        return False
    return True


def _collect_relations(file: osmium.io.File, found: Found) -> None:
    """Find the areas that are made of several ways."""
    # Filters are named: libosmium's iterator doesn't keep those alive that it is given.
    keyed = osmium.filter.KeyFilter(*_KEYS)
    with osmium.io.Reader(file, osmium.osm.RELATION) as reader:
        for item in osmium.OsmFileIterator(reader, keyed):
            if isinstance(item, Relation):
                take_relation(item.id, item.tags.get, partial(_member_ways, item), found)


def _member_ways(relation: Relation) -> tuple[int, ...]:
    return tuple(member.ref for member in relation.members if member.type == "w")


def _collect(file: osmium.io.File, found: Found) -> None:
    """
    Stream nodes and ways once.

    Ways aren't filtered by libosmium, since the members of areas often carry no tag to know them
    by, and its filter by id takes 4 MB for every 33 million ids touched.
    """
    members = found.member_ids()
    places = osmium.index.create_map("flex_mem")
    locations = osmium.NodeLocationsForWays(places)
    locations.ignore_errors()
    # Of the nodes that a key lets pass one in ten has the right value; the keys alone go quickly.
    keyed = osmium.filter.KeyFilter(*_KEYS)
    tagged = osmium.filter.TagFilter(*NODE_TAGS)
    for node_filter in (keyed, tagged):
        node_filter.enable_for(osmium.osm.NODE)
    with osmium.io.Reader(file, osmium.osm.NODE | osmium.osm.WAY) as reader:
        for item in osmium.OsmFileIterator(reader, locations, keyed, tagged):
            if isinstance(item, Way):
                if item.id in members:
                    _add_way(item, found.members)
                ways = take_way(item.id, item.tags.get, item.is_closed, found)
                if ways is not None:
                    _add_way(item, ways)
                if take_building(item.id, item.tags.get, item.is_closed, found):
                    _add_building(item, found)
            elif isinstance(item, Node):
                _take_node(item, found)


def _add_building(way: Way, found: Found) -> None:
    if found.buildings is not None:
        _add_way(way, found.buildings.ways)


def _add_way(way: Way, ways: Ways) -> None:
    nodes = list(way.nodes)
    places = [node.location for node in nodes]
    ways.add(
        way.id,
        [node.ref for node in nodes],
        [place.x for place in places],
        [place.y for place in places],
    )


def _take_node(node: Node, found: Found) -> None:
    place = node.location
    if not place.valid():
        return
    if found.roads.way_id:
        found.late_nodes.append(node.id)
    take_node(node.id, place.lon, place.lat, node.tags.get, found)


def _locate_late(file: osmium.io.File, found: Found) -> None:
    """
    Look locations up that libosmium didn't find while streaming.

    It knows only nodes that come before their ways and have positive ids; what an editor or an
    Overpass query writes need not oblige. A few missing nodes are the edge of an extract and not
    worth another pass.
    """
    waiting: dict[int, list[tuple[Ways, int]]] = {}
    for ways in found.lists:
        for index in np.flatnonzero(np.array(ways.x, dtype=np.int64) == NOWHERE).tolist():
            waiting.setdefault(ways.ref[index], []).append((ways, index))
    total = sum(len(ways.ref) for ways in found.lists)
    few = len(waiting) < _EDGE_SHARE * total
    if not waiting or (few and min(waiting) > 0 and not found.late_nodes):
        return
    for node in osmium.FileProcessor(file, osmium.osm.NODE):
        if isinstance(node, Node):
            for ways, index in waiting.get(node.id, ()):
                ways.x[index], ways.y[index] = node.location.x, node.location.y
