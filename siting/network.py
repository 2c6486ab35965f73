"""The road network as arrays: simplified, dual carriageways known, components labelled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from pyproj import CRS
    from scipy.sparse import csr_array

    from siting.frames import Roads


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


def build_network(roads: Roads, crs: CRS) -> Network:
    """Build the simplified network of roads in a metric CRS."""
    raise NotImplementedError
