"""Find what a lock names among candidates: by id, by facility of the map, by place, by road."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from siting.candidates.roadlists import RoadList, Stretch, match_roads
from siting.datum import geometry_to_metric, lonlat_to_metric
from siting.locks.reading import place_of
from siting.said import joined

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd
    import numpy.typing as npt
    from pyproj import CRS

    from siting.candidates.corridors import Corridors
    from siting.model.locks import Lock

AREA = 2
"""Dimension of polygons."""


@dataclass(frozen=True, slots=True)
class Pool:
    """
    What locks of one programme can be on.

    Attributes
    ----------
    ids
        Ids of the candidates, shape (n,).
    shapes
        Points or lines, metres of `crs`, shape (n,).
    crs
        Metric CRS.
    facilities
        Places of the map by id, degrees: a lock may name one that is no candidate.
    """

    ids: npt.NDArray[np.object_]
    shapes: npt.NDArray[np.object_]
    crs: CRS
    facilities: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Match:
    """
    What a lock was matched to.

    Attributes
    ----------
    ids
        Candidates; empty for a ban where there is none, and for a place that needs one of its own.
    how
        `id`, `facility` (the place of a facility that is no candidate), `place`, `area`, `road`,
        `own` (a candidate of its own), or `none`.
    distance_m
        From the place of the lock to the candidate, or to the nearest one where there is none
        near enough; NaN where no place was given.
    place
        Longitude and latitude that were looked from, or None.
    problem
        Why it can't be matched, "" where it is.
    """

    ids: tuple[str, ...]
    how: str
    distance_m: float = math.nan
    place: npt.NDArray[np.float64] | None = None
    problem: str = ""


def pool_of(frame: gpd.GeoDataFrame, id_column: str, crs: CRS, **more: Any) -> Pool:  # noqa: ANN401
    """Make a pool of a frame of candidates, EPSG:4326."""
    ids = frame[id_column].to_numpy(dtype=object)
    return Pool(ids, geometry_to_metric(frame.geometry.to_numpy(), crs), crs, **more)


def match_lock(lock: Lock, shape: Any, pool: Pool, near_m: float) -> Match:  # noqa: ANN401
    """
    Match a lock with candidates.

    Parameters
    ----------
    lock
        By ids or by place.
    shape
        Line or area of its row in a layer, degrees, or None: an area that bans holds all in it.
    pool
        The candidates.
    near_m
        A place means the nearest candidate up to this far.
    """
    if lock.ids:
        return _by_ids(lock, pool, near_m)
    if shape is not None and not lock.built and shapely.get_dimensions(shape) == AREA:
        area = geometry_to_metric(np.array([shape], dtype=object), pool.crs)[0]
        inside = pool.ids[shapely.intersects(area, pool.shapes)]
        return Match(tuple(inside.tolist()), "area" if len(inside) else "none")
    place = place_of(lock)
    if place is None:
        return Match((), "none", problem="a road is named, and this programme has no roads")
    return _by_place(lock, pool, place, near_m, "place")


def _by_ids(lock: Lock, pool: Pool, near_m: float) -> Match:
    known = set(pool.ids.tolist())
    there = tuple(dict.fromkeys(name for name in lock.ids if name in known))
    lost = [name for name in lock.ids if name not in known]
    if not lost:
        return Match(there, "id")
    if len(lock.ids) == 1 and lost[0] in pool.facilities:
        if not lock.built:
            return Match((), "none", place=pool.facilities[lost[0]])
        return _by_place(lock, pool, pool.facilities[lost[0]], near_m, "facility")
    close = get_close_matches(lost[0], [str(name) for name in pool.ids], n=1, cutoff=0.8)
    hint = f"; is it {close[0]}?" if close else ""
    named = ", ".join(lost[:5])
    return Match(there, "id", problem=f"{named} is no candidate and no place of the map{hint}")


def _by_place(
    lock: Lock, pool: Pool, place: npt.NDArray[np.float64], near_m: float, how: str
) -> Match:
    if not len(pool.ids):
        return Match((), "none", place=place, problem="there is no candidate at all")
    at = lonlat_to_metric(place[:1], place[1:], pool.crs)[0]
    metres = shapely.distance(pool.shapes, shapely.Point(at))
    nearest = int(np.argmin(metres))
    far = float(metres[nearest])
    if far <= near_m:
        return Match((str(pool.ids[nearest]),), how, far, place)
    if not lock.built:
        return Match((), "none", far, place)
    text = f"no candidate within {near_m:,.0f} m; the nearest, {pool.ids[nearest]}, is {far:,.0f} m"
    return Match((), "none", far, place, f"{text} away")


def match_road(
    lock: Lock,
    shape: Any,  # noqa: ANN401  (a geometry or None)
    corridors: Corridors,
    pool: Pool,
    near_m: float,
) -> Match:
    """Match a lock on test roads: by id, by name from road to road, by line or area, by place."""
    if lock.ids or (not lock.road and shape is None):
        return match_lock(lock, None, pool, near_m)
    if lock.road:
        stretch = Stretch(lock.road, lock.from_name, lock.to_name)
        listed = RoadList((stretch,), np.zeros(0, dtype=object), ())
    else:
        shapes = np.empty(1, dtype=object)
        shapes[0] = shape
        listed = RoadList((), shapes, ("the shape",))
    rows, missed = match_roads(corridors, pool.crs, listed)
    ids = tuple(pool.ids[rows].tolist())
    return Match(ids, "road" if ids else "none", problem=str(joined(missed)) if not ids else "")
