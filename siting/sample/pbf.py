"""The sample city as an OSM PBF: nodes, then ways, sorted by id, byte for byte repeatable."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import osmium
from osmium.osm import mutable

from siting.sample.streets import BRIDGE, TUNNEL

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from siting.sample.noding import Graph
    from siting.sample.streets import Carriageway, Street

GENERATOR = "siting sample"
"""The header's `generator`, by which readers know that a map is invented."""

STAMP = datetime(2020, 11, 1, tzinfo=UTC)
"""Timestamp of every object: the day of the census whose people the city has."""

LANES = {"motorway": 3, "trunk": 3, "primary": 3, "secondary": 2, "tertiary": 1}
SPEED_KMH = {
    "motorway": 120,
    "trunk": 80,
    "primary": 60,
    "secondary": 50,
    "tertiary": 40,
    "unclassified": 40,
    "residential": 30,
    "living_street": 20,
    "service": 20,
    "motorway_link": 60,
    "trunk_link": 50,
}
"""Speed limits tagged, km/h: the upper design speeds of CJJ 37 for each class of road."""

_MOST_NODES = 1_900
_STRUCTURE: dict[int, dict[str, str]] = {
    0: {},
    BRIDGE: {"bridge": "yes", "layer": "1"},
    TUNNEL: {"tunnel": "yes", "layer": "-1"},
}


@dataclass(slots=True)
class Drawing:
    """Nodes (lon, lat, tags) and ways (node numbers, tags) in the order of their ids."""

    lonlat: npt.NDArray[np.float64]
    tags: dict[int, dict[str, str]]
    ways: list[tuple[npt.NDArray[np.int64], dict[str, str]]] = field(default_factory=list)


def draw(
    graph: Graph, streets: list[Street], drawn: list[Carriageway]
) -> tuple[
    npt.NDArray[np.float64],
    npt.NDArray[np.int64],
    list[tuple[npt.NDArray[np.int64], dict[str, str]]],
]:
    """
    Return the points of all OSM nodes, the node of each vertex (-1 unused), and the ways.

    A way is a run of kept segments of one carriageway on or off a bridge.
    """
    used = graph.keep.copy()
    used[1:] |= graph.keep[:-1]
    # A junction's number is shared by its vertices; shape vertices get numbers of their own.
    own = np.where(graph.node >= 0, graph.node, graph.node.max() + 1 + np.arange(len(graph.node)))
    _, first, number = np.unique(own[used], return_index=True, return_inverse=True)
    at = np.full(len(own), -1, dtype=np.int64)
    at[used] = number
    xy = graph.xy[used][first]
    starts = graph.keep.copy()
    starts[1:] &= ~(
        graph.keep[:-1]
        & (graph.structure[1:] == graph.structure[:-1])
        & (graph.line[1:] == graph.line[:-1])
    )
    run = np.cumsum(starts) - 1
    rows = np.flatnonzero(graph.keep)
    order = np.flatnonzero(np.diff(run[rows], prepend=-1))
    bounds = np.append(order, len(rows))
    ways: list[tuple[npt.NDArray[np.int64], dict[str, str]]] = []
    for a, b in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        vertices = np.append(at[rows[a:b]], at[rows[b - 1] + 1])
        tags = _tags(streets[drawn[graph.line[rows[a]]].street], drawn[graph.line[rows[a]]])
        tags |= _STRUCTURE[int(graph.structure[rows[a]])]
        cuts = range(0, len(vertices) - 1, _MOST_NODES)
        ways.extend((vertices[k : k + _MOST_NODES + 1], tags) for k in cuts)
    return xy, at, ways


def _tags(street: Street, carriageway: Carriageway) -> dict[str, str]:
    tags = {"highway": street.highway}
    if street.name:
        tags["name"] = street.name
    if street.ref:
        tags["ref"] = street.ref
    base = street.highway.removesuffix("_link")
    lanes = 1 if street.highway.endswith("_link") else LANES.get(base, 0)
    if carriageway.oneway:
        tags["oneway"] = "yes"
        if lanes:
            tags["lanes"] = str(lanes)
    elif lanes:
        tags["lanes"] = str(2 * lanes if base != "trunk" else 4)
    if street.highway in SPEED_KMH:
        tags["maxspeed"] = str(SPEED_KMH[street.highway])
    return tags


def write(drawing: Drawing, path: Path) -> None:
    """Write a drawing; ids count from 1."""
    header = osmium.io.Header()
    header.set("generator", GENERATOR)
    low, high = drawing.lonlat.min(axis=0), drawing.lonlat.max(axis=0)
    header.add_box(osmium.osm.Box(*map(float, low), *map(float, high)))
    with osmium.SimpleWriter(str(path), header=header, overwrite=True) as writer:
        for number, (lon, lat) in enumerate(drawing.lonlat.tolist()):
            tags = drawing.tags.get(number, {})
            writer.add_node(
                mutable.Node(
                    id=number + 1, location=(lon, lat), tags=tags, version=1, timestamp=STAMP
                )
            )
        for number, (vertices, tags) in enumerate(drawing.ways):
            writer.add_way(
                mutable.Way(
                    id=number + 1,
                    nodes=(vertices + 1).tolist(),
                    tags=tags,
                    version=1,
                    timestamp=STAMP,
                )
            )
