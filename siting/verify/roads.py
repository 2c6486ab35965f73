"""The published roads as a graph, built anew for the checker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import coo_array

if TYPE_CHECKING:
    import geopandas as gpd
    from scipy.sparse import csr_array


def road_graph(roads: gpd.GeoDataFrame) -> tuple[pd.Index, csr_array]:
    """
    Build the directed travel graph of the published road layer.

    Parameters
    ----------
    roads
        `Plan.roads`.

    Returns
    -------
    nodes, metres
        Node ids, and the shortest edge between each two in metres, CSR of shape (nodes, nodes).
    """
    nodes = pd.Index(np.unique(roads[["tail_id", "head_id"]].to_numpy()))
    tail, head = nodes.get_indexer(roads.tail_id), nodes.get_indexer(roads.head_id)
    length = roads.length_m.to_numpy(dtype=float)
    both = roads.oneway.to_numpy() == 0
    edges = pd.DataFrame(
        {
            "start": np.concatenate([tail, head[both]]),
            "end": np.concatenate([head, tail[both]]),
            "m": np.concatenate([length, length[both]]),
        }
    )
    edges = edges.sort_values("m").drop_duplicates(["start", "end"])
    shape = (len(nodes), len(nodes))
    return nodes, coo_array((edges.m, (edges.start, edges.end)), shape=shape).tocsr()
