"""Put a city's own sites and signals on its map."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely
from scipy.spatial import cKDTree

from siting.errors import InputError
from siting.facts import site_kinds
from siting.frames import FACILITY_KINDS
from siting.inputs import tables
from siting.said import Said, beside
from siting.sources import as_points

if TYPE_CHECKING:
    import geopandas as gpd

    from siting.frames import CityMap
    from siting.model.sources import Source

JUNCTION_M = 40.0
"""A signal of an own layer belongs to the road vertex that is nearest, up to this far."""
_M_PER_DEG = 111_320.0


def facilities_of(frame: gpd.GeoDataFrame, spec: Source) -> gpd.GeoDataFrame:
    """
    Turn own candidate sites into facilities.

    Parameters
    ----------
    frame
        As `read_layer` gives `sites`.
    spec
        Where they come from, for messages.

    Returns
    -------
    facilities
        As `CityMap.facilities`, ids `site/<id>`; a site that says no kind is a car park. The area
        is that of the column, else of the polygon.

    Raises
    ------
    InputError
        With all the words that are no kind of site, in English or Chinese.
    """
    table = site_kinds()
    known = {kind: kind for kind in FACILITY_KINDS}
    pairs = zip(table["label_zh"].astype(str), table.index.astype(str), strict=True)
    known.update({label: kind for label, kind in pairs if kind in FACILITY_KINDS})
    words = frame["kind"].str.strip().where(frame["kind"].str.strip() != "", "parking")
    bad = [word for word in dict.fromkeys(words) if word not in known]
    if bad:
        rows = frame["row"][words.isin(bad)].tolist()
        raise InputError(
            f"{len(rows):,} sites are of no known kind",
            where=spec.file,
            value=f"{', '.join(bad[:5])} ({', '.join(rows[:5])})",
            cure=f"Known: {', '.join(known)}",
        )
    made = tables.make_facilities(
        [f"site/{name}" for name in frame[frame.columns[0]]],
        [known[word] for word in words],
        frame["name"].tolist(),
        frame["capacity"].tolist(),
        frame.geometry.to_numpy(),
    )
    stated = frame["area_m2"].to_numpy(dtype=float)
    return made.assign(area_m2=np.where(np.isfinite(stated), stated, made["area_m2"]))


def with_signals(
    city_map: CityMap, frame: gpd.GeoDataFrame, spec: Source, notes: list[Said]
) -> CityMap:
    """
    Add signals at the road vertices nearest to own junctions.

    Parameters
    ----------
    city_map
        The map.
    frame
        As `read_layer` gives `junctions`; one that says no kind has traffic signals.
    spec
        Where they come from, for messages.
    notes
        Told which are farther than `JUNCTION_M` from any vertex, which are left out.

    Returns
    -------
    city_map
        With signals at vertices that had none.
    """
    roads = city_map.roads
    at = shapely.get_coordinates(as_points(frame).geometry.to_numpy())
    xy = shapely.get_coordinates(roads.frame.geometry.to_numpy())
    scale = _M_PER_DEG * np.array([np.cos(np.radians(at[:, 1].mean())), 1.0])
    distance, nearest = cKDTree(xy * scale).query(at * scale)
    row = np.asarray(nearest, dtype=np.int64)
    near = np.asarray(distance) <= JUNCTION_M
    if not near.all():
        ids = ", ".join(frame[frame.columns[0]][~near].head(5))
        count = int((~near).sum())
        said = Said(
            f"{count:,} 个路口距任何道路节点超过 {JUNCTION_M:.0f} m，已略去（{ids}）",
            f"{count:,} junctions are farther than "
            f"{JUNCTION_M:.0f} m from any road vertex and are left out ({ids})",
        )
        notes.append(beside(spec.file, said))
    kinds = frame["kind"].where(frame["kind"] != "", "traffic_signals")[near].tolist()
    vertex = roads.vertex_id[row[near]]
    added = tables.make_signals(vertex, kinds, xy[row[near]], roads.vertex_id)
    fresh = added[~added["vertex_id"].isin(roads.signals["vertex_id"])]
    fresh = fresh.drop_duplicates("vertex_id")
    signals = pd.concat([roads.signals, fresh], ignore_index=True)
    return replace(city_map, roads=replace(roads, signals=signals))
