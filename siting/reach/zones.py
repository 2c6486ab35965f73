"""Square cells in which roadside equipment is complete or not: the zone reading of built area."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from scipy.sparse import coo_array, csr_array

from siting.datum import equal_area_crs, geometry_to_lonlat, geometry_to_metric

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt

    from siting.candidates.roadside import RoadPoints, RoadsideSites
    from siting.model.roadside import Roadside
    from siting.network import Network

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Shapes = npt.NDArray[np.object_]

HALF = 0.5
"""A cell belongs to a pilot zone that holds at least this share of it."""


@dataclass(frozen=True, slots=True)
class Zones:
    """
    Cells of a square grid, cut to the planned districts; only those with road to be covered.

    Attributes
    ----------
    zone_id
        `z<row>-<column>` from the origin of the CRS, sorted by row and column, shape (c,).
    geometry
        Polygons in `network.crs`, several parts where a border cuts one, shape (c,).
    area_km2
        On an equal-area CRS, shape (c,).
    district
        Row of the district that holds most of it, shape (c,).
    point
        Which road points lie in it, bool, shape (c, p).
    junction
        Candidate sites that are its key junctions, bool, shape (c, s).
    length_m
        Eligible road length, shape (c,).
    neighbour
        Cells with a side in common, symmetric, bool, shape (c, c).
    pilot
        At least half of it within a given pilot zone, shape (c,).
    """

    zone_id: npt.NDArray[np.object_]
    geometry: npt.NDArray[np.object_]
    area_km2: npt.NDArray[np.float64]
    district: npt.NDArray[np.int64]
    point: csr_array
    junction: csr_array
    length_m: npt.NDArray[np.float64]
    neighbour: csr_array
    pilot: npt.NDArray[np.bool_]


def build_zones(
    network: Network,
    districts: gpd.GeoDataFrame,
    points: RoadPoints,
    sites: RoadsideSites,
    settings: Roadside,
    *,
    pilot: gpd.GeoDataFrame | None = None,
) -> Zones:
    """
    Lay square cells over the roads to be covered.

    Parameters
    ----------
    network
        Its CRS is the grid's; the grid's lines are multiples of the cell size, so that cells stay
        where they are when the extent changes.
    districts
        Districts, EPSG:4326; cells are cut to them.
    points, sites
        Road points and candidate sites; the sites of key junctions that lie in a cell are its own.
    settings
        The size of a cell.
    pilot
        Pilot zones, EPSG:4326 polygons; None for none.

    Returns
    -------
    zones
        Cells without a road point are left out: nothing in them can be built.
    """
    size = settings.cell_m.value
    at = np.floor(points.xy / size).astype(np.int64)
    index, cell = np.unique(at[:, ::-1], axis=0, return_inverse=True)
    cell = np.asarray(cell, dtype=np.int64).ravel()
    count = len(index)
    low = index[:, ::-1] * size
    boxes = np.asarray(shapely.box(*low.T, *(low + size).T), dtype=object)
    polygons = np.asarray(districts.geometry.to_crs(network.crs).to_numpy(), dtype=object)
    geometry, district = _cut(boxes, polygons)
    ones = np.ones(len(cell), dtype=bool)
    point = csr_array((ones, (cell, np.arange(len(cell)))), shape=(count, len(cell)))
    return Zones(
        zone_id=np.array([f"z{row}-{column}" for row, column in index.tolist()], dtype=object),
        geometry=geometry,
        area_km2=equal_area_km2(geometry, network),
        district=district,
        point=point,
        junction=_key_sites(index, sites, size),
        length_m=np.bincount(cell, weights=points.length_m, minlength=count).astype(np.float64),
        neighbour=_neighbours(index),
        pilot=_in_pilot(geometry, pilot, network),
    )


def equal_area_km2(geometry: Shapes, network: Network) -> Floats:
    """
    Measure polygons on an equal-area CRS.

    Parameters
    ----------
    geometry
        Polygons in `network.crs`, shape (c,).
    network
        The network.

    Returns
    -------
    area_km2
        On the Lambert azimuthal equal-area CRS at their centre, shape (c,).
    """
    if not len(geometry):
        return np.zeros(0)
    lonlat = geometry_to_lonlat(geometry, network.crs)
    crs = equal_area_crs(*shapely.total_bounds(lonlat).tolist())
    return np.asarray(shapely.area(geometry_to_metric(lonlat, crs)) / 1e6, dtype=np.float64)


def _cut(boxes: Shapes, polygons: Shapes) -> tuple[Shapes, Ints]:
    """Cut cells to the districts, and find the district that holds most of each."""
    shapely.prepare(polygons)
    row, box = shapely.STRtree(boxes).query(polygons, predicate="intersects")
    whole = shapely.contains_properly(polygons[row], boxes[box])
    part = boxes[box].copy()
    part[~whole] = shapely.intersection(polygons[row[~whole]], boxes[box[~whole]])
    order = np.lexsort((row, -shapely.area(part), box))
    lead = order[np.r_[True, np.diff(box[order]) != 0]] if len(order) else order
    district = np.zeros(len(boxes), dtype=np.int64)
    district[box[lead]] = row[lead]
    cut = boxes.copy()
    inside = np.zeros(len(boxes), dtype=bool)
    inside[box[whole]] = True
    border = np.flatnonzero(~inside)
    if len(border):
        city = shapely.union_all(polygons)
        cut[border] = shapely.intersection(boxes[border], city)
    return cut, district


def _key_sites(index: Ints, sites: RoadsideSites, size_m: float) -> csr_array:
    """Which sites of key junctions lie in each cell, shape (c, s)."""
    keys = np.flatnonzero(sites.junction >= 0)
    cell = _find(index, np.floor(sites.xy[keys] / size_m).astype(np.int64)[:, ::-1])
    kept = cell >= 0
    ones = np.ones(int(kept.sum()), dtype=bool)
    return csr_array((ones, (cell[kept], keys[kept])), shape=(len(index), len(sites.junction)))


def _find(index: Ints, wanted: Ints) -> Ints:
    """Row of each pair in a sorted list of pairs, -1 where it isn't there."""
    if not len(index) or not len(wanted):
        return np.full(len(wanted), -1)
    low = np.minimum(index.min(axis=0), wanted.min(axis=0))
    wide = int(max(index[:, 1].max(), wanted[:, 1].max()) - low[1]) + 1
    known = (index[:, 0] - low[0]) * wide + index[:, 1] - low[1]
    key = (wanted[:, 0] - low[0]) * wide + wanted[:, 1] - low[1]
    at = np.minimum(np.searchsorted(known, key), len(known) - 1)
    return np.where(known[at] == key, at, -1).astype(np.int64)


def _neighbours(index: Ints) -> csr_array:
    """Join cells with a side in common, shape (c, c)."""
    count = len(index)
    pairs = []
    for step in ((0, 1), (1, 0)):
        other = _find(index, index + np.array(step))
        one = np.flatnonzero(other >= 0)
        pairs.append((one, other[one]))
    one = np.concatenate([pair[0] for pair in pairs])
    two = np.concatenate([pair[1] for pair in pairs])
    both = (np.concatenate([one, two]), np.concatenate([two, one]))
    return csr_array(coo_array((np.ones(2 * len(one), dtype=bool), both), shape=(count, count)))


def _in_pilot(geometry: Shapes, pilot: gpd.GeoDataFrame | None, network: Network) -> Bools:
    if pilot is None or pilot.empty or not len(geometry):
        return np.zeros(len(geometry), dtype=bool)
    zone = shapely.union_all(pilot.geometry.to_crs(network.crs).to_numpy())
    shared = shapely.area(shapely.intersection(geometry, zone))
    return np.asarray(shared >= HALF * shapely.area(geometry), dtype=bool)
