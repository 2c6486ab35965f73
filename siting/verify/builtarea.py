"""Recompute built area from the layers: cells by their rules, and the union of discs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from pyproj import CRS, Geod

from siting.verify.finding import Finding, none, same

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import geopandas as gpd
    import numpy.typing as npt

    from siting.plan import Plan

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]

AREA_TOLERANCE = 1e-3
"""Largest relative difference of a footprint's area: a disc is a polygon on both sides."""
CELL_TOLERANCE = 1e-4
"""Largest relative difference of a cell's area: a plane and the ellipsoid."""
METRES_TOLERANCE = 1e-6
NEAR_DEG = 1e-6
"""Degrees, a tenth of a metre: what the rounding of published coordinates moves."""
QUARTER = 24
"""Corners of a quarter of a disc."""


def area_findings(plan: Plan, settings: Mapping[str, Any]) -> Iterator[Finding]:
    """Recompute cells, zone area and footprint, in all and by batch."""
    yield from _check_points(plan, settings)
    yield from _check_cells(plan, settings)
    yield from _check_zone_area(plan, settings)
    yield from _check_footprint(plan)


def _check_points(plan: Plan, settings: Mapping[str, Any]) -> Iterator[Finding]:
    """Hold that the points stand for every metre of eligible road in the districts, once."""
    points, roads = plan.road_points, plan.roads
    yield none("road point ids occur once", points.point_id[points.point_id.duplicated()])
    row = pd.Index(roads.edge_id).get_indexer(points.edge_id)
    yield none("road points lie on edges of the map", points.point_id[row < 0])
    classes = roads.highway.to_numpy()[np.maximum(row, 0)]
    odd = (classes != points.highway.to_numpy()) | ~np.isin(classes, settings["classes"])
    yield none("road points are of the class of their road", points.point_id[odd])
    gap = shapely.distance(points.geometry.to_numpy(), roads.geometry.to_numpy()[row])
    yield none("road points lie on their road", points.point_id[gap > 5 * NEAR_DEG])
    metres = np.bincount(row, weights=points.length_m, minlength=len(roads))
    eligible = roads.highway.isin(settings["classes"]).to_numpy() & ~roads.twin.to_numpy(dtype=bool)
    over = metres > roads.length_m.to_numpy(dtype=float) * (1 + METRES_TOLERANCE) + 0.5
    yield none("road points stand for no more than their road", roads.edge_id[over])
    city = shapely.union_all(plan.districts.geometry.to_numpy())
    shapely.prepare(city)
    within = shapely.contains_properly(city, roads.geometry.to_numpy()) & eligible
    lost = within & (metres < roads.length_m.to_numpy(dtype=float) * (1 - 1e-3) - 0.5)
    yield none("every metre of eligible road has its point", roads.edge_id[lost])


def _check_cells(plan: Plan, settings: Mapping[str, Any]) -> Iterator[Finding]:
    zones, points = plan.zones, plan.road_points
    yield none("cell ids occur once", zones.zone_id[zones.zone_id.duplicated()])
    row = pd.Index(zones.zone_id).get_indexer(points.zone_id)
    own = zones.geometry.to_numpy()[np.maximum(row, 0)]
    # A point on the side of two cells lies in either.
    astray = (row >= 0) & (shapely.distance(own, points.geometry.to_numpy()) > NEAR_DEG)
    yield none("road points lie in their cell", points.point_id[astray])
    area = _geodesic_km2(zones)
    off = np.abs(area - zones.area_km2.to_numpy(dtype=float)) > CELL_TOLERANCE * np.maximum(
        area, 1e-4
    )
    yield none("areas of cells", zones.zone_id[off])
    most = (float(settings["cell_m"]) / 1000) ** 2
    yield none("cells are no larger than their grid", zones.zone_id[area > most * 1.01])
    pairs = shapely.STRtree(zones.geometry.to_numpy()).query(
        zones.geometry.to_numpy(), predicate="overlaps"
    )
    shared = shapely.area(
        shapely.intersection(*(zones.geometry.to_numpy()[side] for side in pairs))
    )
    twice = pairs[0][shared > 1e-4 * shapely.area(zones.geometry.to_numpy()[pairs[0]])]
    yield none("cells don't overlap", zones.zone_id.iloc[np.unique(twice)])
    for column, weight in (
        ("length_m", np.ones(len(points))),
        ("covered_m", points.covered.to_numpy(dtype=float)),
    ):
        metres = points.length_m.to_numpy(dtype=float) * weight
        total = np.bincount(row[row >= 0], weights=metres[row >= 0], minlength=len(zones))
        stated = zones[column].to_numpy(dtype=float)
        wrong = np.abs(total - stated) > METRES_TOLERANCE * (1 + total)
        yield none(f"{column} of cells", zones.zone_id[wrong])
    yield from _check_keys(plan)


def _geodesic_km2(frame: gpd.GeoDataFrame) -> Floats:
    geod = Geod(ellps="WGS84")
    return np.array([abs(geod.geometry_area_perimeter(shape)[0]) / 1e6 for shape in frame.geometry])


def _check_keys(plan: Plan) -> Iterator[Finding]:
    """Hold that a cell's key sites are the junctions that lie in it."""
    zones, sites = plan.zones, plan.roadside_candidates
    keys = sites[sites.zone_id != ""]
    shape = zones.set_index("zone_id").geometry.reindex(keys.zone_id).to_numpy()
    known = ~shapely.is_missing(shape)
    gap = shapely.distance(shape, keys.geometry.to_numpy())
    # A junction whose cell has no road to cover can't count, and neither does its cell.
    yield none("key junctions lie in their cell", keys.site_id[known & ~(gap <= NEAR_DEG)])
    junctions = sites[(sites.junction_id != "") & (sites.zone_id == "")]
    inside = shapely.STRtree(zones.geometry.to_numpy()).query(
        junctions.geometry.to_numpy(), predicate="within"
    )[0]
    yield none("junctions in a cell are its key sites", junctions.site_id.iloc[np.unique(inside)])
    chosen = set(plan.rsus.site_id)
    count = keys.groupby("zone_id").size().reindex(zones.zone_id, fill_value=0)
    equipped = keys[keys.site_id.isin(chosen)].groupby("zone_id").size()
    equipped = equipped.reindex(zones.zone_id, fill_value=0)
    yield none("key sites of cells", zones.zone_id[count.to_numpy() != zones.key_sites.to_numpy()])
    wrong = equipped.to_numpy() != zones.key_equipped.to_numpy()
    yield none("equipped key sites of cells", zones.zone_id[wrong])


def complete_cells(plan: Plan, covered: Bools, equipped: pd.Series[Any]) -> Bools:
    """
    Find the cells that keep their own rules with some sites equipped.

    Parameters
    ----------
    plan
        The plan, for cells, points, key sites and settings.
    covered
        Which road points are heard, shape (points,).
    equipped
        Ids of the equipped sites.

    Returns
    -------
    complete
        Shape (zones,).
    """
    settings = plan.run["settings"]["roadside"]
    zones, points, sites = plan.zones, plan.road_points, plan.roadside_candidates
    row = pd.Index(zones.zone_id).get_indexer(points.zone_id)
    metres = points.length_m.to_numpy(dtype=float) * covered
    heard = np.bincount(row[row >= 0], weights=metres[row >= 0], minlength=len(zones))
    length = zones.length_m.to_numpy(dtype=float)
    complete = heard >= float(settings["covered_share"]) * length - 1e-6 * np.maximum(length, 1)
    complete &= length >= float(settings["least_cell_m"]) * (1 - 1e-9)
    bare = sites[(sites.zone_id != "") & ~sites.site_id.isin(equipped)]
    complete &= ~zones.zone_id.isin(bare.zone_id).to_numpy()
    if settings["pilot_rule"] == "only" and settings["pilot_zones"]:
        complete &= zones.pilot.to_numpy(dtype=bool)
    found: Bools = complete
    return found


def lasting(plan: Plan, cells: Bools, least_neighbours: int, least_patch: int) -> Bools:
    """Take cells away that break the rules on neighbours and patches until none does."""
    grid = _grid(plan)
    places = {place: row for row, place in enumerate(grid)}
    kept = set(np.flatnonzero(cells).tolist())
    beside = {
        row: [
            places[(grid[row][0] + a, grid[row][1] + b)]
            for a, b in ((0, 1), (1, 0), (0, -1), (-1, 0))
            if (grid[row][0] + a, grid[row][1] + b) in places
        ]
        for row in kept
    }
    while True:
        drop = {row for row in kept if sum(n in kept for n in beside[row]) < least_neighbours}
        for patch in _patches(kept - drop, beside):
            if len(patch) < least_patch:
                drop |= patch
        if not drop:
            break
        kept -= drop
    found = np.zeros(len(cells), dtype=bool)
    found[sorted(kept)] = True
    return found


def _patches(cells: set[int], beside: Mapping[int, list[int]]) -> list[set[int]]:
    left, patches = set(cells), []
    while left:
        stack = [left.pop()]
        patch = set(stack)
        while stack:
            more = [n for n in beside[stack.pop()] if n in left]
            left.difference_update(more)
            patch.update(more)
            stack.extend(more)
        patches.append(patch)
    return patches


def _grid(plan: Plan) -> list[tuple[int, int]]:
    """Row and column of each cell, from its id."""
    parts = plan.zones.zone_id.str.extract(r"^z(-?\d+)-(-?\d+)$").astype(int)
    return [(int(a), int(b)) for a, b in parts.to_numpy()]


def _check_zone_area(plan: Plan, settings: Mapping[str, Any]) -> Iterator[Finding]:
    zones, rsus = plan.zones, plan.rsus
    least, patch = int(settings["least_neighbours"]), int(settings["least_patch_cells"])
    covered = plan.road_points.covered.to_numpy(dtype=bool)
    built = lasting(plan, complete_cells(plan, covered, rsus.site_id), least, patch)
    claimed = zones.built.to_numpy(dtype=bool)
    yield none("built cells", zones.zone_id[built != claimed])
    total = float(zones.area_km2[built].sum())
    stated = float(plan.run["totals"]["built_area_zone_km2"])
    yield same("built area by cells", stated, total, 1e-9)
    phase = zones.phase.to_numpy()
    yield none("built cells have a batch, others none", zones.zone_id[(phase > 0) != built])


def _check_footprint(plan: Plan) -> Iterator[Finding]:
    """Unite discs on an equal-area plane of the checker's own, in all and up to each batch."""
    stated = float(plan.run["totals"]["built_area_footprint_km2"])
    yield same("footprint", stated, footprint_km2(plan, plan.rsus), AREA_TOLERANCE)
    for batch in plan.batches.to_dict("records"):
        some = plan.rsus[plan.rsus.phase <= batch["phase"]]
        found, said = footprint_km2(plan, some), float(batch["built_area_footprint_km2"])
        yield same(f"footprint up to batch {batch['phase']}", said, found, AREA_TOLERANCE)


def footprint_km2(plan: Plan, rsus: gpd.GeoDataFrame) -> float:
    """Area of the union of the sites' discs within the planned districts, km2."""
    if not len(rsus):
        return 0.0
    west, south, east, north = plan.districts.total_bounds
    plane = CRS.from_proj4(
        f"+proj=laea +lat_0={(south + north) / 2} +lon_0={(west + east) / 2} +datum=WGS84 +units=m"
    )
    # A polygon of 4 x QUARTER corners inside a circle has less area; widen it to the disc's.
    corners = 4 * QUARTER
    widen = np.sqrt(2 * np.pi / (corners * np.sin(2 * np.pi / corners)))
    radius = rsus.radius_m.to_numpy(dtype=float) * widen
    discs = shapely.buffer(rsus.geometry.to_crs(plane).to_numpy(), radius, quad_segs=QUARTER)
    city = shapely.union_all(plan.districts.geometry.to_crs(plane).to_numpy())
    return float(shapely.area(shapely.intersection(shapely.union_all(discs), city))) / 1e6
