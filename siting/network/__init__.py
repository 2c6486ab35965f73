"""The road network as arrays: simplified, dual carriageways known, components labelled."""

from __future__ import annotations

from siting.network.graph import (
    Component,
    Network,
    build_network,
    centreline_km,
    components_report,
)
from siting.network.junctions import Junctions, find_junctions
from siting.network.nodes import cluster_junctions, main_nodes, snap

__all__ = [
    "Component",
    "Junctions",
    "Network",
    "build_network",
    "centreline_km",
    "cluster_junctions",
    "components_report",
    "find_junctions",
    "main_nodes",
    "snap",
]
