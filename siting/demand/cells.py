"""Square cells over the districts: fine where built up, coarse elsewhere, with their streets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from scipy.ndimage import uniform_filter

from siting.facts import demand_weights
from siting.frames import ROAD_CLASSES
from siting.network import main_nodes

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt
    from pyproj import CRS

    from siting.frames import CityMap
    from siting.network import Network

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Bools = npt.NDArray[np.bool_]

STREET_M_PER_M2 = 0.01
"""10 km of streets to a km2 of housing, by which an area counts as streets. Planner's own."""

JUNCTION_M = 50.0
"""Street metres that a junction stands for in telling what is built up. Planner's own."""

BUILT_UP_KM_PER_KM2 = 4.0
"""
Streets (weighted) that make a cell built up wherever it lies.

Planner's own; a fifth of the cells with streets in central Jinan (OSM 2020) have 8 and more.
"""

LEAST_KM_PER_KM2 = 0.7
"""A cell with fewer streets is never built up. Planner's own."""

DENSE_PER_KM2 = 10_000.0
"""Urban people per km2 of built-up land at most (100 m2 each, the middle of GB 50137-2011)."""

THIN_PER_KM2 = 3_000.0
"""Urban people per km2 of built-up land at least; keeps villages out. Planner's own."""

STEP_M = 50.0
"""Distance between sample points along roads."""

MOST_POINTS = 600_000
"""The step grows so that no map has more sample points than this."""


@dataclass(frozen=True, slots=True)
class Cells:
    """
    A fine grid with its built-up cells, and the roads as points on it.

    Attributes
    ----------
    crs
        Metric CRS of all coordinates.
    origin_xy
        Lower left corner of the grid, metres, shape (2,); a multiple of the coarse cell, so that
        cells stay where they are when the extent grows.
    size_m
        Side of a fine cell.
    block
        Fine cells along the side of a coarse cell.
    built_up
        Which fine cells are built up, shape (rows, columns), row 0 the southernmost.
    district
        District row of each fine cell by its middle, -1 outside, shape (rows, columns).
    covered
        True where the map has roads: within the convex hull of the network.
    road_xy
        Sample points on roads inside the districts, metres, shape (p, 2).
    road_m
        Centreline metres each point stands for, shape (p,).
    road_class
        Index into `frames.ROAD_CLASSES`, int8, shape (p,).
    road_district
        District row of each point, shape (p,).
    """

    crs: CRS
    origin_xy: Floats
    size_m: float
    block: int
    built_up: Bools
    district: Ints
    covered: Bools
    road_xy: Floats
    road_m: Floats
    road_class: npt.NDArray[np.int8]
    road_district: Ints


def class_weights(reason: str) -> Floats:
    """
    Return a weight of `data/demand_weights.csv` for each road class.

    Parameters
    ----------
    reason
        For example `street`.

    Returns
    -------
    array
        0 where the table has no weight, shape (len(ROAD_CLASSES),).
    """
    weights = demand_weights(reason)
    return np.array([weights.get(name, 0.0) for name in ROAD_CLASSES])


def district_of(polygons: npt.NDArray[np.object_], xy: Floats) -> Ints:
    """
    Find the district of each point.

    Parameters
    ----------
    polygons
        District polygons, shape (d,).
    xy
        Points in the same CRS, shape (n, 2).

    Returns
    -------
    array
        Row of the district, the first where they overlap, -1 outside all, shape (n,).
    """
    found = np.full(len(xy), -1, dtype=np.int64)
    for row, polygon in enumerate(polygons):
        west, south, east, north = shapely.bounds(polygon)
        near = (xy[:, 0] >= west) & (xy[:, 0] <= east) & (xy[:, 1] >= south) & (xy[:, 1] <= north)
        near &= found < 0
        shapely.prepare(polygon)
        found[near] = np.where(shapely.intersects_xy(polygon, xy[near]), row, -1)
    return found


def build_cells(
    network: Network,
    districts: gpd.GeoDataFrame,
    city_map: CityMap,
    *,
    urban_cell_m: float = 600,
    rural_cell_m: float = 2000,
) -> Cells:
    """
    Lay cells over districts and tell the built-up ones.

    Parameters
    ----------
    network
        The road network.
    districts
        Districts, EPSG:4326, with `urban_population` (NaN where no census is known).
    city_map
        Its facilities add to what streets say of land use.
    urban_cell_m, rural_cell_m
        Sides of fine and coarse cells; the coarse is rounded to a whole number of fine ones.

    Returns
    -------
    Cells
        In each district the cells with the most streets are built up: all with
        `BUILT_UP_KM_PER_KM2`, but no fewer than hold the urban population at `DENSE_PER_KM2` and no
        more than hold it at `THIN_PER_KM2`.
    """
    block = max(1, round(rural_cell_m / urban_cell_m))
    polygons = districts.geometry.to_crs(network.crs).to_numpy()
    coarse = block * urban_cell_m
    bounds = np.asarray(shapely.total_bounds(polygons), dtype=np.float64)
    origin = np.asarray(np.floor(bounds[:2] / coarse) * coarse, dtype=np.float64)
    blocks = np.maximum(1, np.ceil((bounds[2:] - origin) / coarse)).astype(int)
    shape = (int(blocks[1]) * block, int(blocks[0]) * block)
    middle = _middles(origin, urban_cell_m, shape)
    district = district_of(polygons, middle).reshape(shape)
    hull = shapely.convex_hull(shapely.multipoints(network.node_xy))
    shapely.prepare(hull)
    covered = shapely.intersects_xy(hull, middle).reshape(shape)
    xy, metres, classes = _road_points(network)
    inside = district_of(polygons, xy)
    kept = inside >= 0
    xy, metres, classes, inside = xy[kept], metres[kept], classes[kept], inside[kept]

    streets = np.zeros(shape)
    weight = metres * class_weights("street")[classes]
    _add(streets, origin, urban_cell_m, xy, weight)
    facility_xy, facility_m = _land_use(city_map, network.crs)
    _add(streets, origin, urban_cell_m, facility_xy, facility_m)
    junction = network.node_xy[_degree(network) > 2]  # noqa: PLR2004  (three ways meet)
    _add(streets, origin, urban_cell_m, junction, np.full(len(junction), JUNCTION_M))
    cell_km2 = urban_cell_m**2 / 1e6
    density = uniform_filter(streets, size=3, mode="constant") / 1000 / cell_km2
    urban = districts["urban_population"].to_numpy(dtype=float)
    built_up = _built_up(density, district, urban, cell_km2)
    return Cells(
        crs=network.crs,
        origin_xy=origin,
        size_m=urban_cell_m,
        block=block,
        built_up=built_up,
        district=district,
        covered=covered,
        road_xy=xy,
        road_m=metres,
        road_class=classes,
        road_district=inside,
    )


def built_up_km2(cells: Cells, districts: int) -> Floats:
    """Return the built-up area of each district in km2, shape (districts,)."""
    inside = cells.built_up & (cells.district >= 0)
    count = np.bincount(cells.district[inside], minlength=districts)
    return np.asarray(count * (cells.size_m**2 / 1e6), dtype=np.float64)


def is_urban(cells: Cells, xy: Floats) -> Bools:
    """Tell which points (metres, shape (n, 2)) lie in built-up cells; outside the grid none do."""
    column, row, inside = _index(cells, xy)
    urban: Bools = np.zeros(len(xy), dtype=np.bool_)
    urban[inside] = cells.built_up[row[inside], column[inside]]
    return urban


def cell_key(cells: Cells, xy: Floats) -> Ints:
    """
    Return a number for the cell each point lies in.

    Parameters
    ----------
    cells
        The cells.
    xy
        Points in metres, shape (n, 2).

    Returns
    -------
    array
        Even for built-up fine cells and odd for coarse cells, unlike for unlike cells; points
        outside the grid belong to its nearest cell. Shape (n,).
    """
    column, row, _ = _index(cells, xy)
    wide = cells.built_up.shape[1]
    fine = (row * wide + column) * 2
    coarse = ((row // cells.block) * (wide // cells.block) + column // cells.block) * 2 + 1
    key: Ints = np.where(cells.built_up[row, column], fine, coarse)
    return key


def cell_names(cells: Cells, key: Ints) -> npt.NDArray[np.str_]:
    """
    Name cells by where they are, so that a name outlives a change of the extent.

    Parameters
    ----------
    cells
        The cells.
    key
        Numbers from `cell_key`, shape (n,).

    Returns
    -------
    array
        `u843-6772`: kind, then east and north in cells from the origin of the CRS. Shape (n,).
    """
    coarse = key % 2 == 1
    size = np.where(coarse, cells.size_m * cells.block, cells.size_m)
    wide = np.where(coarse, cells.built_up.shape[1] // cells.block, cells.built_up.shape[1])
    number = key // 2
    east = np.round(cells.origin_xy[0] / size).astype(np.int64) + number % wide
    north = np.round(cells.origin_xy[1] / size).astype(np.int64) + number // wide
    kind = np.where(coarse, "r", "u")
    pairs = zip(kind.tolist(), east.tolist(), north.tolist(), strict=True)
    return np.array([f"{k}{e}-{n}" for k, e, n in pairs], dtype=np.str_)


def road_nodes(network: Network, *, fast: bool) -> Bools:
    """
    Tell where vehicles can leave the road.

    Parameters
    ----------
    network
        The network.
    fast
        True for nodes on motorways, trunk roads and their ramps, where service areas lie; false
        for nodes on any other road, where everything else lies.

    Returns
    -------
    array
        Nodes of either sort that can reach the others, shape (n,).
    """
    names = np.array(ROAD_CLASSES)
    quick = np.isin(names, ("motorway", "trunk", "motorway_link", "trunk_link"))
    barred = np.isin(names, ("motorway", "motorway_link"))
    edge = (quick if fast else ~barred)[network.highway]
    on = np.zeros(len(network.node_xy), dtype=np.bool_)
    on[network.tail[edge]] = True
    on[network.head[edge]] = True
    nodes: Bools = on & main_nodes(network)
    return nodes


def _index(cells: Cells, xy: Floats) -> tuple[Ints, Ints, Bools]:
    at = np.floor((xy - cells.origin_xy) / cells.size_m).astype(np.int64)
    rows, columns = cells.built_up.shape
    inside = (at >= 0).all(axis=1) & (at[:, 0] < columns) & (at[:, 1] < rows)
    return np.clip(at[:, 0], 0, columns - 1), np.clip(at[:, 1], 0, rows - 1), inside


def _middles(origin: Floats, size_m: float, shape: tuple[int, int]) -> Floats:
    row, column = np.divmod(np.arange(shape[0] * shape[1]), shape[1])
    return origin + (np.column_stack([column, row]) + 0.5) * size_m


def _add(grid: Floats, origin: Floats, size_m: float, xy: Floats, weight: Floats) -> None:
    at = np.floor((xy - origin) / size_m).astype(np.int64)
    inside = (at >= 0).all(axis=1) & (at[:, 0] < grid.shape[1]) & (at[:, 1] < grid.shape[0])
    flat = at[inside, 1] * grid.shape[1] + at[inside, 0]
    grid += np.bincount(flat, weights=weight[inside], minlength=grid.size).reshape(grid.shape)


def _road_points(network: Network) -> tuple[Floats, Floats, npt.NDArray[np.int8]]:
    """Cut every road into equal parts of about `STEP_M` and stand a point in each."""
    keep = ~network.twin
    lines, length = network.geometry[keep], network.length_m[keep]
    step = max(STEP_M, float(length.sum()) / MOST_POINTS)
    parts = np.maximum(1, np.round(length / step)).astype(np.int64)
    edge = np.repeat(np.arange(len(parts)), parts)
    part = np.arange(len(edge)) - np.repeat(np.cumsum(parts) - parts, parts)
    share = (part + 0.5) / parts[edge]
    points = shapely.line_interpolate_point(lines[edge], share, normalized=True)
    metres = (length / parts)[edge]
    return shapely.get_coordinates(points), metres, network.highway[keep][edge]


def _degree(network: Network) -> Ints:
    ends = np.concatenate([network.tail, network.head])
    return np.bincount(ends, minlength=len(network.node_xy))


def land_use_metres(facilities: gpd.GeoDataFrame) -> Floats:
    """
    Say how many street metres of people each facility stands for.

    Parameters
    ----------
    facilities
        `CityMap.facilities`.

    Returns
    -------
    array
        Metres, from the area of housing where the map gives it, shape (facilities,).
    """
    plain = facilities["kind"].map(demand_weights("street_m")).fillna(0.0).to_numpy(dtype=float)
    area = facilities["area_m2"].to_numpy(dtype=float) * STREET_M_PER_M2
    housing = (facilities["kind"] == "residential").to_numpy() & np.isfinite(area)
    metres: Floats = np.where(housing, area, plain)
    return metres


def _land_use(city_map: CityMap, crs: CRS) -> tuple[Floats, Floats]:
    facilities = city_map.facilities
    if facilities.empty:
        return np.empty((0, 2)), np.empty(0)
    xy = shapely.get_coordinates(facilities.geometry.to_crs(crs).to_numpy())
    return xy, land_use_metres(facilities)


def _built_up(density: Floats, district: Ints, urban: Floats, cell_km2: float) -> Bools:
    built_up: Bools = np.zeros(density.shape, dtype=np.bool_)
    for row, people in enumerate(urban):
        able = np.flatnonzero((district == row) & (density >= LEAST_KM_PER_KM2))
        able = able[np.argsort(-density.flat[able], kind="stable")]
        count = int((density.flat[able] >= BUILT_UP_KM_PER_KM2).sum())
        if np.isfinite(people):
            least = int(np.ceil(people / DENSE_PER_KM2 / cell_km2))
            most = int(np.ceil(people / THIN_PER_KM2 / cell_km2))
            count = min(max(count, least), most)
        built_up.flat[able[:count]] = True
    return built_up
