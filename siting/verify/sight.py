"""Recompute which road points the equipped sites see past the published buildings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from siting.verify.finding import Finding, none

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import geopandas as gpd
    import numpy.typing as npt

    from siting.plan import Plan

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

SLACK_M = 0.5
"""What another plane and the rounding of places move."""
CHORD_M = 1.0
"""A line this long within a building is hidden; less is the rounding of its corner."""
SHARE_SLACK = 0.02
"""Relative: a disc is a polygon on both sides, and so may a building at its rim be."""
QUARTER = 24
"""Corners of a quarter of a disc."""


def heard_pairs(plan: Plan) -> tuple[Ints, Ints]:
    """Rows in `road_points` and in `rsus` of each point and a site that hears it; -1: unknown."""
    return _pairs(plan, plan.road_points.heard_by)


def _pairs(plan: Plan, column: pd.Series[Any]) -> tuple[Ints, Ints]:
    words = [str(names).split() for names in column]
    point = np.repeat(np.arange(len(words)), [len(some) for some in words])
    names = np.array([word for some in words for word in some], dtype=object)
    return point, pd.Index(plan.rsus.site_id).get_indexer(pd.Index(names))


def seen_pairs(plan: Plan, point: Ints, site: Ints) -> Bools:
    """Tell the pairs of `heard_pairs` that are said to rest on a line of sight, shape (pairs,)."""
    some, whose = _pairs(plan, plan.road_points.seen_by)
    sites = len(plan.rsus) + 1
    seen: Bools = np.isin(point * sites + site, some * sites + whose)
    return seen


def plane(plan: Plan) -> CRS:
    """Return a plane true to distance near the middle of the districts."""
    west, south, east, north = plan.districts.total_bounds
    return CRS.from_proj4(
        f"+proj=laea +lat_0={(south + north) / 2} +lon_0={(west + east) / 2} +datum=WGS84 +units=m"
    )


def flat(plan: Plan, frame: gpd.GeoDataFrame) -> Floats:
    """Coordinates on a plane true to distance near the middle of the districts, metres."""
    found: Floats = shapely.get_coordinates(frame.geometry.to_crs(plane(plan)).to_numpy())
    return found


def sight_findings(plan: Plan, settings: Mapping[str, Any]) -> Iterator[Finding]:
    """Hold that what is seen is near, that no building hides it, and that buildings are mapped."""
    points, rsus, buildings = plan.road_points, plan.rsus, plan.buildings
    point, site = _pairs(plan, points.seen_by)
    yield none("points are seen by equipped sites", points.point_id.iloc[point[site < 0]])
    heard, whose = heard_pairs(plan)
    sites = len(rsus) + 1
    lost = ~np.isin(point * sites + site, heard * sites + whose)
    yield none("points that are seen are heard", points.point_id.iloc[np.unique(point[lost])])
    if not len(point) and not len(buildings):
        return
    twice = buildings.building_id[buildings.building_id.duplicated()] if len(buildings) else ()
    yield none("buildings occur once", np.array(twice, dtype=object))
    known = site >= 0
    point, site = point[known], site[known]
    xy, at = flat(plan, points), flat(plan, rsus)
    radius = float(settings["sight_radius_m"])
    far = np.hypot(*(xy[point] - at[site]).T) > radius + SLACK_M
    yield none("points are seen within the radius", points.point_id.iloc[np.unique(point[far])])
    walls = np.zeros(0, dtype=object)
    if len(buildings):
        walls = np.asarray(buildings.geometry.to_crs(plane(plan)).to_numpy(), dtype=object)
    lines = np.asarray(
        shapely.linestrings(np.stack([at[site], xy[point]], axis=1)), dtype=object
    ).reshape(-1)
    hidden = _chords_m(lines, walls) > CHORD_M
    yield none("no building hides what is seen", points.point_id.iloc[np.unique(point[hidden])])
    seers = np.unique(site)
    least = float(settings["sight_least_built"]) * (1 - SHARE_SLACK)
    thin = _built_share(at[seers], walls, radius) < least
    yield none("buildings are mapped around sites that see", rsus.site_id.iloc[seers[thin]])


def _chords_m(lines: npt.NDArray[np.object_], walls: npt.NDArray[np.object_]) -> Floats:
    """Longest part of each line within one building, metres, shape (lines,)."""
    found = np.zeros(len(lines))
    if len(lines) and len(walls):
        line, wall = shapely.STRtree(walls).query(lines, predicate="intersects")
        inside = shapely.length(shapely.intersection(lines[line], walls[wall]))
        np.maximum.at(found, line, inside)
    return found


def _built_share(at: Floats, walls: npt.NDArray[np.object_], radius_m: float) -> Floats:
    """Area of the buildings in the disc around places over its own, shape (places,)."""
    found = np.zeros(len(at))
    if not len(at) or not len(walls):
        return found
    spots = np.asarray(shapely.points(at), dtype=object)
    rounds = np.asarray(shapely.buffer(spots, radius_m, quad_segs=QUARTER), dtype=object)
    place, wall = shapely.STRtree(walls).query(rounds, predicate="intersects")
    inside = shapely.area(shapely.intersection(rounds[place], walls[wall]))
    np.add.at(found, place, inside)
    share: Floats = found / (np.pi * radius_m**2)
    return share
