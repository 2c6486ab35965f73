"""Which programmes excluded land touches, which roads run through it, and what it drops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.datum import geometry_to_metric
from siting.own.exclusions import CUT, exclusion_areas, kinds_hold

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from pyproj import CRS

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Objects = npt.NDArray[np.object_]

LAND_REASON = "excluded_land"
"""Reason, in a programme's own layer, of a candidate that the land drops."""

DROPPED = ("programme", "site_id", "name", "kind", "exclusion_id", "reason")
"""Columns of dropped places besides the geometry."""


@dataclass(frozen=True, slots=True)
class RoadLand:
    """
    What the land says of roads.

    Attributes
    ----------
    cut
        Row of the exclusion that cuts a road, the one that holds most of it; -1 for none, shape
        (n,).
    cost_factor
        The largest factor of dearer land that it runs through; 1 for none, shape (n,).
    point
        A point of each road on the land that cuts it, None for the others, shape (n,).
    """

    cut: npt.NDArray[np.int64]
    cost_factor: npt.NDArray[np.float64]
    point: npt.NDArray[np.object_]


def land_for(exclusions: gpd.GeoDataFrame, programme: str) -> gpd.GeoDataFrame:
    """
    Return the land that touches a programme.

    Parameters
    ----------
    exclusions
        As `exclusions.exclusion_frame`.
    programme
        `charging`, `hydrogen`, `roadside` or `testroads`.
    """
    mine = [programme in text.split() for text in exclusions["programmes"].astype(str)]
    return exclusions[np.array(mine, dtype=bool)].reset_index(drop=True)


def judge_roads(
    exclusions: gpd.GeoDataFrame, lines: Objects, kinds: Objects, crs: CRS, least_share: float
) -> RoadLand:
    """
    Tell what the land says of roads.

    Parameters
    ----------
    exclusions
        As `exclusions.exclusion_frame`.
    lines
        Roads in metres of `crs`, shape (n,).
    kinds
        Class of each, shape (n,).
    crs
        Metric CRS.
    least_share
        Share of a road's length on land, all that cuts taken together or all that is dearer, from
        which on the road counts as being there: one that only borders it doesn't.
    """
    count = len(lines)
    cut, factor = np.full(count, -1, dtype=np.int64), np.ones(count)
    at = np.full(count, None, dtype=object)
    if exclusions.empty or not count:
        return RoadLand(cut, factor, at)
    areas = geometry_to_metric(exclusion_areas(exclusions, crs).geometry.to_numpy(), crs)
    road, row = shapely.STRtree(areas).query(lines, predicate="intersects")
    holds = kinds_hold(exclusions["site_kinds"].to_numpy(dtype=object), row, kinds[road])
    part = shapely.intersection(lines[road[holds]], areas[row[holds]])
    pairs = pd.DataFrame({"road": road[holds], "row": row[holds], "m": shapely.length(part)})
    pairs["part"] = part
    cuts = exclusions["effect"].to_numpy(dtype=object)[pairs["row"]] == CUT
    whole = shapely.length(lines)
    on_cut = _on_land(pairs[cuts], count) >= least_share * whole
    most = pairs[cuts & on_cut[pairs["road"]]].sort_values(["m", "row"], ascending=[False, True])
    most = most[most["m"] > 0].drop_duplicates("road")
    cut[most["road"]] = most["row"]
    at[most["road"]] = _middles(most["part"].to_numpy(dtype=object))
    on_dear = _on_land(pairs[~cuts], count) >= least_share * whole
    dear = pairs[~cuts & on_dear[pairs["road"]] & (pairs["m"] > 0)]
    values = exclusions["cost_factor"].to_numpy(dtype=float)[dear["row"]]
    np.maximum.at(factor, dear["road"].to_numpy(), values)
    return RoadLand(cut, factor, at)


def _on_land(pairs: pd.DataFrame, count: int) -> Floats:
    """Length of each road on any of the land, where polygons overlap counted once; metres."""
    road = pairs["road"].to_numpy(dtype=np.int64)
    once = np.bincount(road, weights=pairs["m"], minlength=count)
    several = pairs[np.bincount(road, minlength=count)[road] > 1]
    for one, parts in several.groupby("road")["part"]:
        once[one] = shapely.length(shapely.union_all(parts.to_numpy(dtype=object)))
    return np.where(np.bincount(road, minlength=count) > 0, once, -1.0)


def _middles(parts: Objects) -> Objects:
    """Return a point in the middle of the longest piece of each road part."""
    pieces, owner = shapely.get_parts(parts, return_index=True)
    order = np.lexsort((-shapely.length(pieces), owner))
    _, first = np.unique(owner[order], return_index=True)
    longest = pieces[order[first]]
    return np.asarray(shapely.line_interpolate_point(longest, 0.5, normalized=True), dtype=object)


def dropped_rows(
    programme: str, places: pd.DataFrame, points: Objects, exclusions: gpd.GeoDataFrame, crs: CRS
) -> gpd.GeoDataFrame:
    """
    List candidates that the land drops, each with its reason.

    Parameters
    ----------
    programme
        Whose candidates they are.
    places
        With `site_id`, `name`, `kind` and `cut`, the row of `exclusions` that drops it.
    points
        Where they are, in `crs`, shape (n,).
    exclusions
        As `exclusions.exclusion_frame`.
    crs
        CRS of the points.
    """
    if not len(places):
        return no_dropped()
    cut = places["cut"].to_numpy(dtype=np.int64)
    columns = {name: places[name].to_numpy(dtype=object) for name in ("site_id", "name", "kind")}
    land = {
        name: exclusions[name].to_numpy(dtype=object)[cut] for name in ("exclusion_id", "reason")
    }
    frame = gpd.GeoDataFrame(
        {"programme": programme, **columns, **land}, geometry=points, crs=crs
    ).to_crs("EPSG:4326")
    return frame.sort_values("site_id", ignore_index=True)


def no_dropped() -> gpd.GeoDataFrame:
    """Return no dropped places."""
    return gpd.GeoDataFrame({name: [] for name in DROPPED}, geometry=[], crs="EPSG:4326")


def all_dropped(parts: Sequence[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    """Put what the programmes dropped into one layer, in their order."""
    some = [part[[*DROPPED, "geometry"]] for part in parts if len(part)]
    if not some:
        return no_dropped()
    return gpd.GeoDataFrame(pd.concat(some, ignore_index=True), crs="EPSG:4326")
