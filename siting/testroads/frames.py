"""The chosen test roads as frames: roads, catalogue, candidates, graph nodes, places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.testroads.phases import grow, join_sections, phase_of, section_ends, section_order

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.candidates.corridors import Corridors
    from siting.candidates.testroads import RoadGround
    from siting.model.testroads import TestRoads
    from siting.network import Network

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

TIERS = ("closed", "pilot", "section", "opened", "district")
"""Tiers of anchors, the ones that a part grows from first."""
OPENED_ZH = "既有"
NOTES = {
    "section": "高速测试段",
    "semi_open": "半开放测试区",
    "low_speed": "低速",
    "bridge": "桥梁",
    "tunnel": "隧道",
    "near": "近学校或医院",
}
"""Marks of a road that the catalogue's note names."""


@dataclass(frozen=True, slots=True)
class RoadFrames:
    """
    The chosen test roads; every frame is EPSG:4326, columns as `Plan` lists them.

    Attributes
    ----------
    roads
        Chosen corridors, `Plan.test_roads`.
    catalogue
        Named sections, `Plan.test_road_catalogue`.
    corridors
        All corridors, `Plan.test_road_corridors`.
    nodes
        Graph nodes, `Plan.test_road_nodes`.
    places
        Anchors, schools and hospitals, scenario places, `Plan.test_road_places`.
    """

    roads: gpd.GeoDataFrame
    catalogue: gpd.GeoDataFrame
    corridors: gpd.GeoDataFrame
    nodes: gpd.GeoDataFrame
    places: gpd.GeoDataFrame


@dataclass(frozen=True, slots=True)
class RoadPick:
    """
    What was chosen and what each corridor is worth and costs; e corridors.

    Attributes
    ----------
    chosen
        Bool, shape (e,).
    covered
        Share of each that roadside equipment reaches, shape (e,).
    points
        Worth of each, shape (e,).
    opening_cny, retrofit_cny
        Costs of each, whole CNY, shape (e,).
    """

    chosen: npt.NDArray[np.bool_]
    covered: npt.NDArray[np.float64]
    points: npt.NDArray[np.float64]
    opening_cny: npt.NDArray[np.int64]
    retrofit_cny: npt.NDArray[np.int64]


def road_frames(
    network: Network,
    corridors: Corridors,
    ground: RoadGround,
    districts: gpd.GeoDataFrame,
    settings: TestRoads,
    pick: RoadPick,
) -> RoadFrames:
    """
    Describe the chosen test roads.

    Parameters
    ----------
    network, corridors, ground, districts, settings
        What was planned on.
    pick
        What was chosen.
    """
    every = _every(corridors, ground, settings, pick)
    chosen = pick.chosen
    section = _sections(corridors, every, chosen)
    roads = _chosen(corridors, ground, districts, settings, every, section)
    ids, catalogue = _catalogue(corridors, settings, roads, section)
    roads["section_id"] = ids
    return RoadFrames(
        roads=roads,
        catalogue=catalogue,
        corridors=every,
        nodes=_nodes(network, corridors, ground),
        places=_places(corridors, ground, chosen),
    )


def _every(
    corridors: Corridors, ground: RoadGround, settings: TestRoads, pick: RoadPick
) -> gpd.GeoDataFrame:
    """List all corridors with what they are worth and why some can't be chosen."""
    source = corridors.frame
    kept = ["corridor_id", "road", "from_name", "to_name", "length_m", "highway", "district_id"]
    kept += ["lanes", "speed_kmh", "curvature", "signals_per_km", "grade", "schools", "hospitals"]
    kept += ["bridge", "tunnel", "named"]
    sorts = np.array([*(group.id for group in settings.groups), ""], dtype=object)
    frame = source[[*kept, "geometry"]].copy()
    return frame.assign(
        sort=sorts[ground.group],
        low_speed=frame["speed_kmh"] <= settings.low_speed_kmh.value,
        near=ground.near,
        semi_open=ground.semi_open,
        section=ground.section,
        opened=ground.opened,
        anchor_m=ground.anchor_m,
        long=ground.long,
        cost_factor=ground.cost_factor,
        covered=pick.covered,
        places=np.asarray(ground.served.sum(axis=0)).ravel().astype(np.int64),
        points=pick.points,
        opening_cny=pick.opening_cny,
        retrofit_cny=pick.retrofit_cny,
        tail_id=corridors.tail,
        head_id=corridors.head,
        reason=ground.reason,
        chosen=pick.chosen,
    )


def _sections(corridors: Corridors, every: gpd.GeoDataFrame, chosen: Bools) -> Ints:
    """Join the chosen corridors that a catalogue lists as one, shape (c,)."""
    rows = np.flatnonzero(chosen)
    columns = ["road", "highway", "district_id", "section", "opened"]
    kind = every.iloc[rows].groupby(columns, sort=False).ngroup().to_numpy(dtype=np.int64)
    ends = (corridors.tail[rows], corridors.head[rows])
    # Straight from end to end: how a road bends on its way doesn't say where it goes on.
    middle = (corridors.node_xy[ends[0]] + corridors.node_xy[ends[1]]) / 2
    return join_sections(ends, middle, corridors.node_xy, kind)


def _chosen(
    corridors: Corridors,
    ground: RoadGround,
    districts: gpd.GeoDataFrame,
    settings: TestRoads,
    every: gpd.GeoDataFrame,
    section: Ints,
) -> gpd.GeoDataFrame:
    """Describe the chosen corridors with the part they are in and the phase they open in."""
    rows = np.flatnonzero(every["chosen"])
    frame = every.iloc[rows].drop(columns=["reason", "chosen"]).reset_index(drop=True)
    ends = (corridors.tail[rows], corridors.head[rows])
    metres, nodes = frame["length_m"].to_numpy(dtype=float), len(corridors.node_xy)
    frame["cost_cny"] = frame["opening_cny"] + frame["retrofit_cny"]
    first = np.concatenate([ground.anchors(tier) for tier in TIERS])
    growth = grow(ends, metres, ground.opened[rows], first, nodes)
    by = frame.groupby(section)
    phase = phase_of(
        section_order(ends, section, metres, growth.begin, nodes),
        by["length_m"].sum().to_numpy(dtype=float),
        by["cost_cny"].sum().to_numpy(dtype=float),
        by["opened"].first().to_numpy(dtype=bool),
        settings.phases,
    )[section]
    names = np.array([OPENED_ZH, *(item.name for item in settings.phases)], dtype=object)
    label = districts.set_index("district_id")["name"]
    frame["district"] = frame["district_id"].map(label).fillna("")
    frame["part"] = growth.part + 1
    frame["away_m"] = growth.away_m
    frame["phase"] = phase
    frame["phase_name"] = names[phase]
    own = corridors.edges[rows]
    texts = np.split(own.indices, own.indptr[1:-1])
    frame["edge_ids"] = [" ".join(map(str, np.sort(part).tolist())) for part in texts]
    frame["note"] = _notes(frame)
    return frame


def _notes(frame: pd.DataFrame) -> list[str]:
    """Say of each road what marks it."""
    marks = np.array(list(NOTES.values()), dtype=object)
    flags = frame[list(NOTES)].to_numpy(dtype=bool)
    return ["、".join(marks[row]) for row in flags]


def _catalogue(
    corridors: Corridors, settings: TestRoads, roads: gpd.GeoDataFrame, section: Ints
) -> tuple[npt.NDArray[np.object_], gpd.GeoDataFrame]:
    """Describe the sections; return the id of each corridor's, and the catalogue."""
    ends = (roads["tail_id"].to_numpy(), roads["head_id"].to_numpy())
    table = section_ends(ends, section, corridors.node_xy)
    grade = {name: rank for rank, name in enumerate(sorted(set(roads["grade"]), key=_rank))}
    worst = roads["grade"].map(grade)
    by = roads.groupby(section)
    first = by.head(1).set_index(np.unique(section, return_index=True)[0])
    ids = roads["corridor_id"].to_numpy()
    begin, end = (roads.iloc[table[f"{side}_row"]] for side in ("from", "to"))
    frame = pd.DataFrame(
        {
            "road": first["road"].to_numpy(),
            "from_name": np.where(table["from_tail"], begin["from_name"], begin["to_name"]),
            "to_name": np.where(table["to_tail"], end["from_name"], end["to_name"]),
            "km": (by["length_m"].sum() / 1000).to_numpy(),
            "district_id": first["district_id"].to_numpy(),
            "district": first["district"].to_numpy(),
            "highway": first["highway"].to_numpy(),
            "sort": first["sort"].to_numpy(),
            "grade": np.array(list(grade), dtype=object)[worst.groupby(section).max().to_numpy()],
            "phase": first["phase"].to_numpy(),
            "phase_name": first["phase_name"].to_numpy(),
            "part": first["part"].to_numpy(),
            "corridors": by.size().to_numpy(),
            "opening_cny": by["opening_cny"].sum().to_numpy(),
            "retrofit_cny": by["retrofit_cny"].sum().to_numpy(),
            "covered": (
                (roads["covered"] * roads["length_m"]).groupby(section).sum() / by["length_m"].sum()
            ).to_numpy(),
            "note": by["note"].agg(_together).to_numpy(),
            "first": ids[np.unique(section, return_index=True)[1]],
        }
    )
    return _numbered(frame, roads, section, settings)


def _rank(grade: str) -> tuple[int, str]:
    """Order grades from simple to complex: I, II, III, IV; other names by the alphabet."""
    known = ("I", "II", "III", "IV", "V")
    return (known.index(grade) if grade in known else len(known), grade)


def _together(notes: pd.Series) -> str:
    """Join the marks of a section's corridors, each once, in their order."""
    there = {mark for note in notes for mark in str(note).split("、")}
    return "、".join(mark for mark in NOTES.values() if mark in there)


def _numbered(
    frame: pd.DataFrame, roads: gpd.GeoDataFrame, section: Ints, settings: TestRoads
) -> tuple[npt.NDArray[np.object_], gpd.GeoDataFrame]:
    """Sort sections by district and road, number them and give them their lines."""
    labels = {group.id: group.label_zh for group in settings.groups}
    order = np.lexsort(
        (
            frame["first"].to_numpy(str),
            frame["road"].to_numpy(str),
            frame["district_id"].to_numpy(str),
        )
    )
    ids = np.empty(len(frame), dtype=object)
    ids[order] = [f"T{number:04d}" for number in range(1, len(frame) + 1)]
    frame["section_id"] = ids
    frame["cost_cny"] = frame["opening_cny"] + frame["retrofit_cny"]
    frame["sort_zh"] = frame["sort"].map(labels).fillna("")
    parts, owner = shapely.get_parts(roads.geometry.to_numpy(), return_index=True)
    of = section[owner]
    by_section = np.argsort(of, kind="stable")
    lines = shapely.line_merge(shapely.multilinestrings(parts[by_section], indices=of[by_section]))
    found = gpd.GeoDataFrame(frame.drop(columns="first"), geometry=lines, crs="EPSG:4326")
    found = found.iloc[order].reset_index(drop=True)
    return ids[section], found


def _nodes(network: Network, corridors: Corridors, ground: RoadGround) -> gpd.GeoDataFrame:
    """List the graph's nodes with how far their junction reaches."""
    of = corridors.node_of
    held = np.flatnonzero(of >= 0)
    away = np.hypot(*(network.node_xy[held] - corridors.node_xy[of[held]]).T)
    reach = np.zeros(len(corridors.node_xy))
    np.maximum.at(reach, of[held], away)
    at = gpd.GeoSeries(shapely.points(corridors.node_xy), crs=network.crs).to_crs("EPSG:4326")
    ids = np.arange(len(reach))
    return gpd.GeoDataFrame(
        {"node_id": ids, "anchor": np.isin(ids, ground.anchors()), "reach_m": reach},
        geometry=at.to_numpy(),
        crs="EPSG:4326",
    )


def _places(corridors: Corridors, ground: RoadGround, chosen: Bools) -> gpd.GeoDataFrame:
    """List the places with the corridor or node that they belong to, and whether it is chosen."""
    frame = ground.places.rename(columns={"node": "node_id"})
    row = frame.pop("corridor").to_numpy(dtype=np.int64)
    ids = np.append(corridors.frame["corridor_id"].to_numpy(dtype=object), "")
    frame["corridor_id"] = ids[row]
    touched = np.zeros(len(corridors.node_xy) + 1, dtype=bool)
    touched[corridors.tail[chosen]] = True
    touched[corridors.head[chosen]] = True
    node = frame["node_id"].to_numpy(dtype=np.int64)
    frame["served"] = np.append(chosen, False)[row] | touched[node]
    return frame
