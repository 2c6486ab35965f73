"""What the map page shows of roadside units: sites, edge nodes, built cells, packed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import shapely

from siting.webmap.pack import numbers, pack_chains, pack_points, texts
from siting.webmap.when import built_when

if TYPE_CHECKING:
    from siting.plan import Plan

LEVELS = ("rsu", "sensing", "full")


def roadside_layers(plan: Plan) -> dict[str, Any]:
    """Return roadside sites, edge nodes and built cells, packed, as plain JSON values."""
    return {"rsus": _sites(plan), "edge_nodes": _nodes(plan), "zones": _zones(plan)}


def roadside_totals(plan: Plan) -> dict[str, Any]:
    """Return the figures of the overview that concern roadside units."""
    totals = plan.run.get("totals", {})
    names = ("rsus", "junctions", "edge_nodes", "roadside_cost_cny")
    areas = ("built_area_zone_km2", "built_area_footprint_km2")
    reading = str(plan.run.get("roadside", {}).get("reading", ""))
    return {
        **{name: int(totals.get(name, 0)) for name in names},
        **{name: float(totals.get(name, 0.0)) for name in areas},
        "roadside_reading": reading,
    }


def _sites(plan: Plan) -> dict[str, Any]:
    frame = plan.rsus
    packed = pack_points(frame.geometry)
    if not len(frame):
        return {**packed, "site_id": [], "name": [], "level": []}
    node = pd.Index(plan.edge_nodes["edge_node_id"]) if len(plan.edge_nodes) else pd.Index([])
    words = ("site_id", "name", "kind", "district", "district_id", "road", "clauses")
    flags = ("reuse", "mandatory", "phase", "year")
    return {
        **packed,
        **{name: texts(frame[name]) for name in words},
        **{name: frame[name].astype(int).tolist() for name in flags},
        "level": frame["level"].map(LEVELS.index).tolist(),
        "junction": (frame["junction_id"] != "").astype(int).tolist(),
        "when": built_when(frame),
        "radius_m": numbers(frame["radius_m"]),
        "cost_cny": numbers(frame["cost_cny"]),
        "fibre_m": numbers(frame["fibre_m"]),
        "node": node.get_indexer(frame["edge_node_id"]).tolist(),
        **_shared(plan),
    }


def _shared(plan: Plan) -> dict[str, Any]:
    """Return the station whose pole and power each site shares, -1 for none, and what it saves."""
    frame = plan.rsus
    if "shared_station" not in frame:
        return {}
    station = pd.Index(plan.stations["site_id"]).get_indexer(frame["shared_station"])
    return {"shared": station.tolist(), "shared_saving_cny": numbers(frame["shared_saving_cny"])}


def _nodes(plan: Plan) -> dict[str, Any]:
    frame = plan.edge_nodes
    packed = pack_points(frame.geometry)
    if not len(frame):
        return {**packed, "edge_node_id": [], "name": []}
    return {
        **packed,
        **{n: texts(frame[n]) for n in ("edge_node_id", "name", "district", "district_id")},
        **{n: frame[n].astype(int).tolist() for n in ("sites", "phase", "year")},
        "when": built_when(frame),
        "fibre_m": numbers(frame["fibre_m"]),
        "cost_cny": numbers(frame["cost_cny"]),
    }


def _zones(plan: Plan) -> dict[str, Any]:
    """Outlines of the built cells with their batch."""
    frame = plan.zones
    if not len(frame):
        return {"outline": pack_chains(frame.geometry.to_numpy()), "ring_of": [], "phase": []}
    built = frame[frame["built"].astype(bool)]
    parts, row = shapely.get_parts(built.geometry.to_numpy(), return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    return {
        "outline": pack_chains(rings),
        "ring_of": row[part].tolist(),
        "phase": built["phase"].astype(int).tolist(),
        "when": built_when(built),
    }
