"""Cut an OSM extract to an area, and join overlapping ones, so that every shape stays whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import osmium
import shapely
from osmium.osm.types import Node, Relation, Way

from siting import __version__
from siting.errors import FetchError, InputError, SitingError
from siting.fetch.client import Client, Progress
from siting.inputs.sniff import kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from shapely.geometry.base import BaseGeometry

_BATCH = 50_000
_SHAPES = frozenset({"multipolygon", "boundary"})
_TOO_WIDE = frozenset({"1", "2", "3"})  # admin_level of a country: its whole border isn't wanted
_DAMAGED = "Fetch it again"


@dataclass(frozen=True, slots=True)
class _Kept:
    """Ids to keep; `nodes` also those that kept ways are made of."""

    nodes: set[int] = field(default_factory=set)
    ways: set[int] = field(default_factory=set)
    relations: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Shapes that wait to be compared with the area, all at once."""

    way_id: list[int] = field(default_factory=list)
    way_wkb: list[str] = field(default_factory=list)
    node_id: list[int] = field(default_factory=list)
    node_xy: list[tuple[float, float]] = field(default_factory=list)


def join(files: Sequence[Path], target: Path) -> Path:
    """
    Join OSM files that overlap into one sorted PBF, each object once.

    Parameters
    ----------
    files
        OSM files of any format.
    target
        The PBF to write; it mustn't exist.

    Raises
    ------
    InputError
        A file can't be read.
    """
    merged = osmium.MergeInputReader()
    for file in files:
        try:
            merged.add_file(str(file))
        except Exception as error:
            # libosmium raises types of its own and, on damage, almost any.
            raise InputError(
                "the OSM file can't be read", where=file, value=error, cure=_DAMAGED
            ) from error
    with osmium.SimpleWriter(str(target), header=_header(None, "")) as writer:
        merged.apply(writer, simplify=True)
    return target


def data_date(path: Path) -> str:
    """Return the state of the data that an extract names in its header, "" where it doesn't."""
    with osmium.io.Reader(osmium.io.File(str(path), kind_of(path)), osmium.osm.NOTHING) as reader:
        header = reader.header()
    found = header.get("osmosis_replication_timestamp", "") or header.get("timestamp", "")
    return str(found)


def crop(client: Client, source: Path, area: BaseGeometry, target: Path, state: str = "") -> Path:
    """
    Cut an extract to an area.

    Parameters
    ----------
    client
        Told how far it is.
    source
        An OSM file of any format, nodes before ways before relations.
    area
        The area in degrees, WGS-84.
    target
        The PBF to write; it mustn't exist.
    state
        State of the data, written into the header.

    Returns
    -------
    target
        Ways that touch the area with all their nodes, nodes with tags inside it, areas of several
        ways with all of these, and other relations of which anything is kept.

    Raises
    ------
    FetchError
        Nothing lies in the area.
    InputError
        The source can't be read.
    """
    try:
        kept = _select(client, source, area)
        _add_nodes(client, source, kept)
        _write(client, source, kept, target, _header(area, state))
    except SitingError:
        raise
    except Exception as error:
        # libosmium raises RuntimeError, ValueError, types of its own and, on damage, almost any.
        raise InputError(
            "the extract can't be read to its end", where=source, value=error, cure=_DAMAGED
        ) from error
    return target


def _header(area: BaseGeometry | None, state: str) -> osmium.io.Header:
    header = osmium.io.Header()
    header.set("generator", f"siting fetch {__version__}")
    header.set("sorting", "Type_then_ID")
    if state:
        header.set("osmosis_replication_timestamp", state)
    if area is not None:
        west, south, east, north = area.bounds
        header.add_box(osmium.osm.Box(west, south, east, north))
    return header


def _open(source: Path) -> osmium.io.File:
    return osmium.io.File(str(source), kind_of(source))


def _select(client: Client, source: Path, area: BaseGeometry) -> _Kept:
    """Choose by place; libosmium builds the lines, shapely compares many at once."""
    kept, waiting = _Kept(), _Waiting()
    shapely.prepare(area)
    client.tell(Progress("cutting: which roads and places lie in the area"))
    store = osmium.index.create_map("flex_mem")
    locations = osmium.NodeLocationsForWays(store)
    locations.ignore_errors()
    tagged = osmium.filter.EmptyTagFilter()
    tagged.enable_for(osmium.osm.NODE)
    lines = osmium.geom.WKBFactory()
    with osmium.io.Reader(_open(source)) as reader:
        for item in osmium.OsmFileIterator(reader, locations, tagged):
            if isinstance(item, Way):
                _add_way(item, lines, waiting)
            elif isinstance(item, Node):
                if item.location.valid():
                    waiting.node_id.append(item.id)
                    waiting.node_xy.append((item.location.lon, item.location.lat))
            elif isinstance(item, Relation):
                _compare(area, kept, waiting, least=1)
                _take_relation(item, kept)
            _compare(area, kept, waiting, least=_BATCH)
    _compare(area, kept, waiting, least=1)
    if not kept.ways:
        raise FetchError(
            "the extract holds nothing in the area of the model",
            where=source,
            value="area " + ",".join(f"{value:.3f}" for value in area.bounds),
            cure="Give the extract of the region that the city lies in",
        )
    return kept


def _add_way(way: Way, lines: osmium.geom.WKBFactory, waiting: _Waiting) -> None:
    try:
        wkb = lines.create_linestring(way)
    except (osmium.InvalidLocationError, RuntimeError):
        return  # it reaches out of the extract, or has no extent
    waiting.way_id.append(way.id)
    waiting.way_wkb.append(wkb)


def _compare(area: BaseGeometry, kept: _Kept, waiting: _Waiting, *, least: int) -> None:
    if len(waiting.way_id) >= least:
        shapes = shapely.from_wkb(np.array(waiting.way_wkb, dtype=object))
        inside = shapely.intersects(area, shapes)
        kept.ways.update(np.array(waiting.way_id)[inside].tolist())
        waiting.way_id.clear()
        waiting.way_wkb.clear()
    if len(waiting.node_id) >= least:
        inside = shapely.intersects_xy(area, np.array(waiting.node_xy))
        kept.nodes.update(np.array(waiting.node_id)[inside].tolist())
        waiting.node_id.clear()
        waiting.node_xy.clear()


def _take_relation(relation: Relation, kept: _Kept) -> None:
    members = [(member.type, member.ref) for member in relation.members]
    sets = {"n": kept.nodes, "w": kept.ways, "r": kept.relations}
    get = relation.tags.get
    country = get("boundary") == "administrative" and get("admin_level") in _TOO_WIDE
    if country or not any(ref in sets[kind] for kind, ref in members):
        return
    kept.relations.add(relation.id)
    if get("type") in _SHAPES:
        kept.ways.update(ref for kind, ref in members if kind == "w")


def _add_nodes(client: Client, source: Path, kept: _Kept) -> None:
    client.tell(Progress("cutting: the nodes of what is kept"))
    with osmium.io.Reader(_open(source), osmium.osm.WAY) as reader:
        for item in osmium.OsmFileIterator(reader):
            if isinstance(item, Way) and item.id in kept.ways:
                kept.nodes.update([node.ref for node in item.nodes])


def _write(
    client: Client, source: Path, kept: _Kept, target: Path, header: osmium.io.Header
) -> None:
    client.tell(Progress("cutting: writing"))
    with (
        osmium.SimpleWriter(str(target), header=header) as writer,
        osmium.io.Reader(_open(source)) as reader,
    ):
        for item in osmium.OsmFileIterator(reader):
            if isinstance(item, Node):
                if item.id in kept.nodes:
                    writer.add_node(item)
            elif isinstance(item, Way):
                if item.id in kept.ways:
                    writer.add_way(item)
            elif isinstance(item, Relation) and item.id in kept.relations:
                writer.add_relation(item)
