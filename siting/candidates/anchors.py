"""Anchors that test roads grow from, and expressway sections, on the graph of corridors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import cKDTree

from siting.datum import lonlat_to_metric
from siting.said import Said

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt
    from pyproj import CRS

    from siting.candidates.corridors import Corridors
    from siting.model.testroads import Anchor, Section, TestRoads

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

LEAST_PART_KM = 20.0
"""An anchor snaps to roads that hang together with at least this much. Planner's own."""
DENSE_M = 3000.0
"""Side of the squares by which the densest place of a district is found. Planner's own."""
DETOUR = 1.5
"""An expressway section may be this much longer on the map than the documents say."""


def corridor_graph(corridors: Corridors, some: Bools) -> csr_array:
    """Undirected graph of some corridors: metres of the shortest between two nodes."""
    row = np.flatnonzero(some & (corridors.tail != corridors.head))
    metres = np.maximum(corridors.frame["length_m"].to_numpy()[row], 1e-3)
    a, b = corridors.tail[row], corridors.head[row]
    order = np.lexsort((metres, np.maximum(a, b), np.minimum(a, b)))
    low, high = np.minimum(a, b)[order], np.maximum(a, b)[order]
    first = np.r_[True, (np.diff(low) != 0) | (np.diff(high) != 0)][: len(order)]
    low, high, metres = low[first], high[first], metres[order][first]
    n = len(corridors.node_xy)
    ends = (np.r_[low, high], np.r_[high, low])
    return csr_array(coo_array((np.r_[metres, metres], ends), shape=(n, n)))


def connected_parts(corridors: Corridors, some: Bools) -> tuple[Ints, Floats]:
    """Label each node by the connected part of some corridors, and give each part's km."""
    label = connected_components(corridor_graph(corridors, some), directed=False)[1].astype(
        np.int64
    )
    metres = corridors.frame["length_m"].to_numpy(dtype=float)[some]
    km = np.bincount(label[corridors.tail[some]], weights=metres, minlength=label.max() + 1) / 1000
    return label, np.asarray(km, dtype=np.float64)


def reached_from(corridors: Corridors, some: Bools, anchors: Ints) -> Bools:
    """Which of some corridors hang together with an anchor, shape (e,)."""
    label, _ = connected_parts(corridors, some)
    return np.asarray(np.isin(label[corridors.tail], label[anchors]) & some)


def _anchor(
    id_: str, tier: str, name: str, source: str, node: int, metres: float
) -> dict[str, Any]:
    words = {"place_id": id_, "tier": tier, "name": name, "source": source}
    return {**words, "node": int(node), "distance_m": float(metres)}


def model_anchors(
    corridors: Corridors, crs: CRS, settings: TestRoads, usable: Bools
) -> tuple[list[dict[str, Any]], list[Said]]:
    """Snap the model's anchors to the nearest junction of roads that lead on."""
    given: tuple[Anchor, ...] = settings.anchors
    if not given or not usable.any():
        return [], []
    label, km = connected_parts(corridors, usable)
    touched = np.zeros(len(corridors.node_xy), dtype=bool)
    touched[np.r_[corridors.tail[usable], corridors.head[usable]]] = True
    wide = touched & (km[label] >= min(LEAST_PART_KM, float(km.max())))
    nodes = np.flatnonzero(wide)
    xy = lonlat_to_metric(np.array([a.lon for a in given]), np.array([a.lat for a in given]), crs)
    metres, nearest = (np.asarray(part) for part in cKDTree(corridors.node_xy[nodes]).query(xy))
    found: list[dict[str, Any]] = []
    notes: list[Said] = []
    for anchor, far, node in zip(given, metres.tolist(), nodes[nearest].tolist(), strict=True):
        if far > settings.anchor_reach_m.value:
            zh = f"{anchor.name} 不在地图上：距最近道路 {far / 1000:,.1f} km"
            en = f"{anchor.name} is not on the map: {far / 1000:,.1f} km to the next road"
            notes.append(Said(zh, en))
            continue
        found.append(_anchor(anchor.id, anchor.tier, anchor.name, anchor.source, node, far))
    return found, notes


def opened_anchors(corridors: Corridors, opened: Bools) -> list[dict[str, Any]]:
    """Take one end of each connected part of the existing test roads as an anchor."""
    if not opened.any():
        return []
    label, _ = connected_parts(corridors, opened)
    rows = np.flatnonzero(opened)
    _, first = np.unique(label[corridors.tail[rows]], return_index=True)
    names = corridors.frame["road"].to_numpy()
    return [
        _anchor(f"opened_{k}", "opened", str(names[row]), "existing test road", node, 0.0)
        for k, (row, node) in enumerate(
            zip(rows[first].tolist(), corridors.tail[rows[first]].tolist(), strict=True), 1
        )
    ]


def district_anchors(
    corridors: Corridors,
    districts: gpd.GeoDataFrame,
    middle: Floats,
    usable: Bools,
    known: list[dict[str, Any]],
) -> list[dict[str, Any]]:
    """Give a district without an anchor one at the junction nearest to its densest square."""
    label, km = connected_parts(corridors, usable)
    wide = usable & (km[label[corridors.tail]] >= min(LEAST_PART_KM, float(km.max(initial=0.0))))
    district = corridors.frame["district_id"].to_numpy()
    ends = np.isin(corridors.tail, [a["node"] for a in known])
    ends |= np.isin(corridors.head, [a["node"] for a in known])
    held = set(district[ends & usable])
    metres = corridors.frame["length_m"].to_numpy(dtype=float)
    found = []
    for id_, name in zip(districts["district_id"], districts["name"], strict=True):
        rows = np.flatnonzero(wide & (district == id_))
        if id_ in held or not len(rows):
            continue
        square = np.floor(middle[rows] / DENSE_M).astype(np.int64)
        _, of = np.unique(square, axis=0, return_inverse=True)
        best = np.bincount(of.ravel(), weights=metres[rows]).argmax()
        some = rows[of.ravel() == best]
        centre = np.average(middle[some], axis=0, weights=metres[some])
        nodes = np.unique(np.r_[corridors.tail[some], corridors.head[some]])
        away = np.hypot(*(corridors.node_xy[nodes] - centre).T)
        node = nodes[away.argmin()]
        text = "densest roads of the district"
        found.append(_anchor(f"district_{id_}", "district", str(name), text, node, 0.0))
    return found


def known_sections(
    corridors: Corridors, crs: CRS, settings: TestRoads
) -> tuple[Bools, Bools, list[dict[str, Any]], list[Said]]:
    """Find the expressway sections on the map, which exist, their ends, and what is missing."""
    found = np.zeros(len(corridors.tail), dtype=bool)
    existing = found.copy()
    ends: list[dict[str, Any]] = []
    notes: list[Said] = []
    fast = corridors.frame["expressway"].to_numpy(dtype=bool)
    metres = corridors.frame["length_m"].to_numpy(dtype=float)
    for section in settings.sections:
        rows, nodes = _section(corridors, crs, section, fast)
        km = float(metres[rows].sum()) / 1000
        stated = section.known_km.value
        if len(rows):
            found[rows] = True
            existing[rows] |= section.existing
        notes.append(_section_note(section.name, km, stated, found=bool(len(rows))))
        ends += [
            _anchor(f"{section.id}_{k}", "section", section.name, section.source, node, far)
            for k, (node, far) in enumerate(nodes, 1)
        ]
    return found, existing, ends, notes


def _section_note(name: str, km: float, stated_km: float, *, found: bool) -> Said:
    if not found:
        return Said(
            f"{name} 不在地图上：两端之间没有高速公路",
            f"{name} is not on the map: no expressway runs between its ends",
        )
    zh = f"文件所述 {stated_km:,.0f} km 中" if stated_km else ""
    en = f" of {stated_km:,.0f} km that the documents state" if stated_km else ""
    return Said(
        f"{name}：{zh}地图上有 {km:,.1f} km，固定纳入",
        f"{name}: {km:,.1f} km{en} are on the map and fixed",
    )


def _section(
    corridors: Corridors, crs: CRS, section: Section, fast: Bools
) -> tuple[Ints, list[tuple[int, float]]]:
    """
    Find the expressway between two ends, or as far as the map goes on the way to the second.

    The start has to lie at an expressway; of the nodes that it leads to, within the stated length,
    the one nearest to the end is taken.
    """
    none: tuple[Ints, list[tuple[int, float]]] = (np.zeros(0, dtype=np.int64), [])
    nodes = np.unique(np.r_[corridors.tail[fast], corridors.head[fast]])
    if not len(nodes):
        return none
    lon = np.array([section.start_lon, section.end_lon])
    xy = lonlat_to_metric(lon, np.array([section.start_lat, section.end_lat]), crs)
    far, nearest = (np.asarray(part) for part in cKDTree(corridors.node_xy[nodes]).query(xy))
    # The end that the map holds is the start.
    start, other = (0, 1) if far[0] <= far[1] else (1, 0)
    straight = float(np.hypot(*(xy[1] - xy[0])))
    limit = DETOUR * max(straight, 1000 * section.known_km.value)
    if far[start] > section.within_m.value:
        return none
    begin = int(nodes[nearest[start]])
    trees, roots = dijkstra(
        corridor_graph(corridors, fast),
        indices=np.array([begin]),
        limit=limit,
        return_predecessors=True,
    )
    tree, before = trees[0], roots[0]
    reached = np.flatnonzero(np.isfinite(tree))
    gap = np.hypot(*(corridors.node_xy[reached] - xy[other]).T)
    end = int(reached[gap.argmin()])
    if end == begin:
        return none
    path = [end]
    while path[-1] != begin:
        path.append(int(before[path[-1]]))
    rows = _rows_between(corridors, np.array(path), fast)
    return rows, [(begin, float(far[start])), (end, float(gap.min()))]


def _rows_between(corridors: Corridors, path: Ints, some: Bools) -> Ints:
    """Return the shortest corridor between each two nodes of a path."""
    low = np.minimum(corridors.tail, corridors.head)
    high = np.maximum(corridors.tail, corridors.head)
    metres = corridors.frame["length_m"].to_numpy(dtype=float)
    steps = np.sort(np.column_stack([path[:-1], path[1:]]), axis=1)
    n = len(corridors.node_xy)
    rows = np.flatnonzero(some & np.isin(low * n + high, steps[:, 0] * n + steps[:, 1]))
    order = rows[np.lexsort((metres[rows], high[rows], low[rows]))]
    _, first = np.unique(low[order] * n + high[order], return_index=True)
    return np.sort(order[first])
