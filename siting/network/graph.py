"""The road network as arrays: simplified, dual carriageways known, components labelled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import shapely
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from siting.datum import lonlat_to_metric
from siting.errors import InputError
from siting.frames import ROAD_CLASSES
from siting.network.carriageways import lesser_halves
from siting.network.chains import chain, road_segments
from siting.network.nodes import signal_nodes

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt
    from pyproj import CRS

    from siting.frames import Roads
    from siting.network.chains import Chains, Segments

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

LEAST_M = 0.001
"""Least distance between two nodes: sparse graphs take 0 for no edge."""


@dataclass(frozen=True, slots=True)
class Network:
    """
    A simplified road graph; nodes are junctions and ends, edges run between them.

    Attributes
    ----------
    crs
        Metric CRS of `node_xy` and `geometry`.
    node_id
        Vertex id of each node as in `Roads.vertex_id`, int64, shape (n,).
    node_xy
        Metres, shape (n, 2).
    node_lonlat
        Degrees WGS-84, shape (n, 2).
    tail, head
        Node index at the start and end of each edge's line, shape (m,).
    length_m
        Geodesic length of each edge, shape (m,).
    road
        Row in `Roads.frame` that each edge belongs to, shape (m,).
    oneway
        0 both ways, 1 tail to head only (lines are turned so that -1 does not occur), shape (m,).
    highway
        Index into `frames.ROAD_CLASSES`, int8, shape (m,).
    twin
        True for the edge of a dual carriageway that is the lesser half of a pair, so that
        centreline km = `length_m[~twin].sum()`, shape (m,).
    geometry
        shapely LineStrings in `crs`, object array, shape (m,).
    component
        Weakly connected component of each node, 0 the longest, shape (n,).
    signal
        True where a node lies at a traffic signal, shape (n,).
    travel
        Directed travel graph, CSR of metres, shape (n, n); parallel edges keep the shortest.
    """

    crs: CRS
    node_id: npt.NDArray[np.int64]
    node_xy: npt.NDArray[np.float64]
    node_lonlat: npt.NDArray[np.float64]
    tail: npt.NDArray[np.int64]
    head: npt.NDArray[np.int64]
    length_m: npt.NDArray[np.float64]
    road: npt.NDArray[np.int64]
    oneway: npt.NDArray[np.int8]
    highway: npt.NDArray[np.int8]
    twin: npt.NDArray[np.bool_]
    geometry: npt.NDArray[np.object_]
    component: npt.NDArray[np.int64]
    signal: npt.NDArray[np.bool_]
    travel: csr_array


class Component(NamedTuple):
    """A weakly connected part of a network: its number, nodes and kilometres."""

    component: int
    nodes: int
    km: float


def build_network(
    roads: Roads, crs: CRS, *, longest_m: float = 1000.0, signal_m: float = 30.0
) -> Network:
    """
    Build the simplified network of roads in a metric CRS.

    Nodes are ends and junctions of roads and places where class, name, one-way rule, bridge or
    tunnel change; the vertices between make up one edge. Edges longer than `longest_m` get more
    nodes at their vertices, so that places along rural roads find one near.

    Parameters
    ----------
    roads
        Drivable roads.
    crs
        Metric CRS, for example from `datum.metric_crs`.
    longest_m
        Length above which an edge is divided where it has inner vertices; `math.inf` for never.
    signal_m
        A traffic signal on an edge marks the end that is nearer along the edge, at most this far;
        signals farther from any junction are pedestrian crossings and mark none.

    Raises
    ------
    InputError
        If vertices and lines don't match, a class isn't one of `ROAD_CLASSES`, or no road has a
        length.
    """
    frame = roads.frame
    highway = _classes(frame["highway"])
    segments = road_segments(roads, highway)
    one_way = segments.along != segments.against
    row = segments.row
    kind = _kind(frame, highway, segments)
    chains = chain(segments, kind, longest_m)
    begin, end = chains.first[:-1], chains.first[1:] - 1
    edge = np.repeat(np.arange(len(begin)), np.diff(chains.first))
    vertex, ends = np.unique(
        np.concatenate([chains.tail[begin], chains.head[end]]), return_inverse=True
    )
    tail, head = ends[: len(begin)], ends[len(begin) :]
    length_m = np.add.reduceat(segments.length_m[chains.segment], begin)
    road = _longest_row(edge, row[chains.segment], segments.length_m[chains.segment])
    xy = lonlat_to_metric(segments.lonlat[:, 0], segments.lonlat[:, 1], crs)
    geometry = _lines(xy, chains)
    oneway = one_way[chains.segment[begin]].astype(np.int8)
    weak = _components(tail, head, length_m, len(vertex))
    return Network(
        crs=crs,
        node_id=segments.vertex_id[vertex],
        node_xy=xy[vertex],
        node_lonlat=segments.lonlat[vertex],
        tail=tail,
        head=head,
        length_m=length_m,
        road=road,
        oneway=oneway,
        highway=highway[road],
        twin=lesser_halves(
            geometry,
            length_m,
            highway=highway[road],
            name=pd.factorize(frame["name"].where(frame["name"] != ""))[0][road],
            dual=(oneway == 1) & ~frame["roundabout"].to_numpy(dtype=bool)[road],
        ),
        geometry=geometry,
        component=weak,
        signal=signal_nodes(roads, segments, chains, vertex, signal_m),
        travel=_travel(tail, head, length_m, oneway, len(vertex)),
    )


def _kind(frame: gpd.GeoDataFrame, highway: npt.NDArray[np.int8], segments: Segments) -> Ints:
    """Give segments that one edge can hold the same number."""
    row = segments.row
    traits = [
        highway[row],
        segments.along != segments.against,
        frame["bridge"].to_numpy()[row],
        frame["tunnel"].to_numpy()[row],
        pd.factorize(frame["name"])[0][row],
    ]
    _, kind = np.unique(np.column_stack(traits).astype(np.int64), axis=0, return_inverse=True)
    return np.asarray(kind, dtype=np.int64).ravel()


def _classes(highway: pd.Series) -> npt.NDArray[np.int8]:
    code = pd.Index(ROAD_CLASSES).get_indexer(pd.Index(highway)).astype(np.int8)
    if (code < 0).any():
        raise InputError(
            "a road class is not known",
            where="roads",
            value=highway[code < 0].iloc[0],
            cure=f"Use one of {', '.join(ROAD_CLASSES)}",
        )
    return code


def _longest_row(edge: Ints, row: Ints, length_m: Floats) -> Ints:
    """Road row with most of each edge's length; the first of equals."""
    order = np.lexsort((row, edge))
    start = np.flatnonzero(np.r_[True, (np.diff(edge[order]) != 0) | (np.diff(row[order]) != 0)])
    part_edge, part_row = edge[order][start], row[order][start]
    part_m = np.add.reduceat(length_m[order], start)
    best = np.lexsort((part_row, -part_m, part_edge))
    lead = np.r_[True, np.diff(part_edge[best]) != 0]
    return part_row[best][lead]


def _lines(xy: Floats, chains: Chains) -> npt.NDArray[np.object_]:
    steps = np.diff(chains.first)
    points = np.insert(chains.tail, chains.first[1:], chains.head[chains.first[1:] - 1])
    index = np.repeat(np.arange(len(steps)), steps + 1)
    return np.asarray(shapely.linestrings(xy[points], indices=index), dtype=object)


def _components(tail: Ints, head: Ints, length_m: Floats, nodes: int) -> Ints:
    """Weakly connected component of each node, numbered by falling length."""
    links = coo_array((np.ones(len(tail), dtype=np.int8), (tail, head)), shape=(nodes, nodes))
    count, label = connected_components(links, directed=False)
    total = np.bincount(label[tail], weights=length_m, minlength=count)
    place = np.empty(count, dtype=np.int64)
    place[np.argsort(-total, kind="stable")] = np.arange(count)
    return place[label]


def _travel(
    tail: Ints, head: Ints, length_m: Floats, oneway: npt.NDArray[np.int8], nodes: int
) -> csr_array:
    """Directed metres between nodes; loops left out, parallel edges the shortest, 1 mm or more."""
    two_way = oneway == 0
    source = np.concatenate([tail, head[two_way]])
    target = np.concatenate([head, tail[two_way]])
    metres = np.maximum(np.concatenate([length_m, length_m[two_way]]), LEAST_M)
    order = np.lexsort((metres, target, source))
    source, target, metres = source[order], target[order], metres[order]
    first = np.r_[True, (source[1:] != source[:-1]) | (target[1:] != target[:-1])]
    keep = first & (source != target)
    return csr_array((metres[keep], (source[keep], target[keep])), shape=(nodes, nodes))


def components_report(network: Network) -> list[Component]:
    """
    List the weakly connected components, the longest first.

    Returns
    -------
    components
        Number, nodes and kilometres (both carriageways) of each.
    """
    nodes = np.bincount(network.component)
    km = np.bincount(network.component[network.tail], weights=network.length_m) / 1000.0
    return [Component(i, int(n), float(k)) for i, (n, k) in enumerate(zip(nodes, km, strict=True))]


def centreline_km(network: Network) -> dict[str, float]:
    """Kilometres by class, in the order of `ROAD_CLASSES`; dual carriageways count once."""
    counted = ~network.twin
    km = np.bincount(
        network.highway[counted],
        weights=network.length_m[counted] / 1000.0,
        minlength=len(ROAD_CLASSES),
    )
    return {name: float(value) for name, value in zip(ROAD_CLASSES, km, strict=True) if value > 0}
