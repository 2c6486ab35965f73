"""Sites of roadside units on excluded land: left out, or dearer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import shapely

from siting.own.dropping import dropped_rows, land_for, no_dropped
from siting.own.exclusions import judge_places

if TYPE_CHECKING:
    import geopandas as gpd
    from pyproj import CRS

    from siting.candidates.roadside import RoadsideSites


def off_land(
    sites: RoadsideSites, exclusions: gpd.GeoDataFrame | None, crs: CRS
) -> tuple[RoadsideSites, gpd.GeoDataFrame]:
    """
    Take the sites out that excluded land cuts, and make those on dearer land dearer.

    A site that a clause asks for, a bridge or a toll station, is cut like any other: it was the
    rule that named roadside units.

    Parameters
    ----------
    sites
        As `roadside_sites`.
    exclusions
        As `exclusions.exclusion_frame`; None: there is none.
    crs
        Metric CRS of `sites.xy`.

    Returns
    -------
    sites, dropped
        Those that stay, `frame` with `cost_factor`; and its part of `Plan.dropped`.
    """
    frame = sites.frame
    land = None if exclusions is None else land_for(exclusions, "roadside")
    if land is None or land.empty or not len(frame):
        return replace(sites, frame=frame.assign(cost_factor=1.0)), no_dropped()
    said = judge_places(land, sites.xy, frame["kind"].to_numpy(dtype=object), crs)
    frame = frame.assign(
        cost_cny=frame["cost_cny"] * said.cost_factor, cost_factor=said.cost_factor
    )
    out = said.cut >= 0
    points = np.asarray(shapely.points(sites.xy[out]), dtype=object)
    named = frame.loc[out, ["site_id", "name", "kind"]].assign(cut=said.cut[out])
    dropped = dropped_rows("roadside", named, points, land, crs)
    return _some(replace(sites, frame=frame), np.flatnonzero(~out)), dropped


def _some(sites: RoadsideSites, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> RoadsideSites:
    """Keep some rows of sites, in their order."""
    return replace(
        sites,
        frame=sites.frame.iloc[rows].reset_index(drop=True),
        xy=sites.xy[rows],
        node=sites.node[rows],
        junction=sites.junction[rows],
        edge=sites.edge[rows] if len(sites.edge) else sites.edge,
        member=None if sites.member is None else sites.member[rows],
    )
