# ruff: noqa: PLR2004  (metres and shares of a drawing, plain where they stand)
"""Where the sample city's people live: the contiguous core, county seats, towns and villages."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from scipy.spatial import cKDTree

from siting.sample.streets import smooth

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt
    from shapely.geometry.base import BaseGeometry

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

URBAN_PER_KM2 = 9_000.0
"""Urban residents per km2 of built-up land: Jinan's 6.76 million (2020 census) on about 760 km2."""

DENSE_PER_KM2 = 2_000.0
"""Urban residents per km2 of a whole district from which it belongs to the core."""

CORE_FILL = 0.92
"""Most of a core district that is built up; the rest is hills, water and parks."""

UNKNOWN_URBAN = 0.65
"""Urban share where no census row is known: near the national 63.9 % of 2020."""

VILLAGE_PEOPLE = 1_100.0
"""People of a village that is drawn; Jinan's census villages have about 550 on average."""

MOST_VILLAGES = 3_200
"""Villages drawn at most, so that building the network stays quick."""

_CELL_M = 500.0


@dataclass(frozen=True, slots=True)
class Place:
    """A built-up area: the core, a county seat or a town."""

    kind: str
    name: str
    district: int
    xy: tuple[float, float]
    outline: shapely.Polygon
    people: float


@dataclass(frozen=True, slots=True)
class Settlement:
    """All built-up areas and villages; `land` is the whole municipality."""

    places: tuple[Place, ...]
    villages: Floats
    village_district: Ints
    land: BaseGeometry
    districts: tuple[BaseGeometry, ...]


def people_of(districts: gpd.GeoDataFrame) -> tuple[Floats, Floats]:
    """
    Return urban and rural people by district.

    Where no census row is known, 250,000 people and 350 per km2 more are assumed, at most 8,000
    per km2, `UNKNOWN_URBAN` of them urban: near the averages of the known districts.
    """
    area = districts["area_km2"].to_numpy(dtype=float)
    assumed = np.minimum(8_000 * area, 250_000 + 350 * area)
    total = districts["population"].to_numpy(dtype=float)
    urban = districts["urban_population"].to_numpy(dtype=float)
    total = np.where(np.isfinite(total), total, assumed)
    urban = np.where(np.isfinite(urban), urban, UNKNOWN_URBAN * total)
    return urban, np.maximum(total - urban, 0.0)


def settle(
    districts: gpd.GeoDataFrame, shapes: tuple[BaseGeometry, ...], rng: np.random.Generator
) -> Settlement:
    """
    Return where people live.

    Parameters
    ----------
    districts
        As `siting.districts.districts_of`.
    shapes
        Their polygons in a metric projection.
    rng
        Source of chance.
    """
    urban, rural = people_of(districts)
    names = [str(n) for n in districts["name"]]
    land = shapely.union_all(np.array(shapes, dtype=object))
    core, left = _core(shapes, urban, rng)
    places = [] if core is None else [core]
    for number, shape in enumerate(shapes):
        places += _own_places(number, shape, names[number], left[number], places, rng)
    villages, of = _villages(shapes, rural, places, rng)
    return Settlement(tuple(places), villages, of, land, shapes)


def _cells(shape: BaseGeometry) -> Floats:
    x0, y0, x1, y1 = shape.bounds
    x, y = np.meshgrid(
        np.arange(math.floor(x0 / _CELL_M), math.ceil(x1 / _CELL_M)) * _CELL_M + _CELL_M / 2,
        np.arange(math.floor(y0 / _CELL_M), math.ceil(y1 / _CELL_M)) * _CELL_M + _CELL_M / 2,
    )
    shapely.prepare(shape)
    inside = shapely.contains_xy(shape, x.ravel(), y.ravel())
    return np.column_stack([x.ravel()[inside], y.ravel()[inside]])


def _core(
    shapes: tuple[BaseGeometry, ...], urban: Floats, rng: np.random.Generator
) -> tuple[Place | None, Floats]:
    """Return the core and the urban people of each district who don't live in it."""
    area = shapely.area(np.array(shapes, dtype=object)) / 1e6
    density = urban / area
    dense = density >= min(DENSE_PER_KM2, density.max())
    centroid = shapely.get_coordinates(shapely.centroid(np.array(shapes, dtype=object)))
    start = int(density.argmax())
    # Dense districts far from the densest are towns of their own.
    near = (
        np.hypot(*(centroid - centroid[start]).T)
        < 3 * math.sqrt(urban[dense].sum() / URBAN_PER_KM2 / math.pi) * 1e3
    )
    dense &= near
    weight = np.sqrt(urban[dense] * density[dense])
    centre = (centroid[dense] * weight[:, None]).sum(axis=0) / weight.sum()
    radius_m = 1e3 * math.sqrt(urban[dense].sum() / URBAN_PER_KM2 / math.pi)
    phase = rng.uniform(0, 2 * math.pi, 3)
    left = urban.copy()
    taken = []
    for number, shape in enumerate(shapes):
        cells = _cells(shape)
        if len(cells) == 0:
            continue
        delta = cells - centre
        bearing = np.arctan2(delta[:, 1], delta[:, 0])
        wobble = 1 + 0.10 * np.sin(2 * bearing + phase[0]) + 0.07 * np.sin(3 * bearing + phase[1])
        distance = np.hypot(*delta.T) / wobble
        share = 1.0 if dense[number] else min(max(1.25 - distance.min() / radius_m, 0.0), 0.85)
        wanted = share * urban[number] / URBAN_PER_KM2
        count = min(int(wanted * 1e6 / _CELL_M**2), int(CORE_FILL * len(cells)))
        if wanted < 2 or distance.min() > 1.2 * radius_m:
            continue
        taken.append(cells[np.argsort(distance, kind="stable")[:count]])
        left[number] *= 0.0 if dense[number] else 1 - share
    if not taken:
        return None, left
    outline = _blob(np.vstack(taken), shapes)
    people = float((urban - left).sum())
    return Place("core", "", start, (float(centre[0]), float(centre[1])), outline, people), left


def _blob(cells: Floats, shapes: tuple[BaseGeometry, ...]) -> shapely.Polygon:
    """Return one smooth outline round most of the cells."""
    half = _CELL_M / 2
    squares = shapely.box(*(cells - half).T, *(cells + half).T)
    land = shapely.union_all(np.array(shapes, dtype=object))
    closed = shapely.buffer(shapely.buffer(shapely.union_all(squares), 1500), -1500)
    whole = shapely.intersection(closed, shapely.buffer(land, -300))
    opening = 0.2 * math.sqrt(whole.area / math.pi)
    parts = shapely.get_parts(shapely.buffer(shapely.buffer(whole, -opening), opening))
    largest = shapely.get_exterior_ring(parts[shapely.area(parts).argmax()])
    ring = shapely.get_coordinates(shapely.simplify(largest, 700))[:-1]
    return _valid(smooth(ring, 3, closed=True))


def _valid(ring: Floats) -> shapely.Polygon:
    parts = shapely.get_parts(shapely.make_valid(shapely.polygons(ring)))
    polygons = parts[shapely.get_dimensions(parts) == 2]
    return shapely.Polygon(polygons[shapely.area(polygons).argmax()].exterior)


def _own_places(
    number: int,
    shape: BaseGeometry,
    name: str,
    urban: float,
    others: list[Place],
    rng: np.random.Generator,
) -> list[Place]:
    """Return the seat and the towns of a district for urban people outside the core."""
    area_km2 = shape.area / 1e6
    taken = shapely.union_all([shapely.buffer(p.outline, 2500) for p in others])
    free = shapely.difference(shapely.buffer(shape, -1200), taken)
    if free.is_empty or urban < 4_000:
        return []
    has_seat = not any(p.kind == "core" and shape.contains(shapely.Point(p.xy)) for p in others)
    has_core = any(p.kind == "core" and p.outline.intersects(shape) for p in others)
    count = max(round(area_km2 / 95), 1)
    seat_share = (0.25 if has_core else 0.68) if has_seat and count > 0 else 0.0
    sites = _spread(free, shape, count + 1, rng)
    if len(sites) == 0:
        return []
    middle = shapely.get_coordinates(shapely.centroid(shape))[0]
    order = np.argsort(np.hypot(*(sites - middle).T), kind="stable")
    sites = sites[order]
    shares = rng.lognormal(0.0, 0.45, len(sites))
    shares[0] = 0.0
    shares *= (1 - seat_share) / max(shares.sum(), 1e-9)
    shares[0] = seat_share
    found: list[Place] = []
    for site, share in zip(sites, shares, strict=True):
        kind = "seat" if share == seat_share and not found else "town"
        people = share * urban
        size = people / (URBAN_PER_KM2 if kind == "seat" else 0.75 * URBAN_PER_KM2)
        rounded = shapely.intersection(_round(site, size, rng), shapely.buffer(shape, -300))
        parts = shapely.get_parts(rounded)
        parts = parts[shapely.get_dimensions(parts) == 2]
        if len(parts) == 0 or shapely.area(parts).max() < 2.5e5:
            continue
        outline = shapely.Polygon(parts[shapely.area(parts).argmax()].exterior)
        if any(p.outline.distance(outline) < 1200 for p in found):
            continue
        title = name if kind == "seat" else ""
        found.append(Place(kind, title, number, (float(site[0]), float(site[1])), outline, people))
    return found


def _round(site: Floats, size_km2: float, rng: np.random.Generator) -> shapely.Polygon:
    """Return an irregular round outline of a size."""
    bearing = np.linspace(0, 2 * math.pi, 36, endpoint=False)
    # Towns fill squarish outlines along their streets (a superellipse of power 4), raggedly.
    turn = rng.normal(0.0, 0.2)
    square = np.abs(np.cos(bearing - turn)) ** 4 + np.abs(np.sin(bearing - turn)) ** 4
    radius = 0.92 * square ** (-0.25 * rng.uniform(0.4, 1.0))
    radius *= np.exp(rng.normal(0, 0.18) * np.cos(2 * (bearing - turn)))
    for wave in (3, 5, 7):
        radius += rng.uniform(0.02, 0.10) * np.sin(wave * bearing + rng.uniform(0, 2 * math.pi))
    radius *= 1e3 * math.sqrt(size_km2 / math.pi)
    ring = site + radius[:, None] * np.column_stack([np.cos(bearing), np.sin(bearing)])
    return shapely.Polygon(ring)


def _spread(
    free: BaseGeometry, shape: BaseGeometry, count: int, rng: np.random.Generator
) -> Floats:
    """Return points of a polygon that keep their distance from each other."""
    x0, y0, x1, y1 = free.bounds
    draws = rng.uniform((x0, y0), (x1, y1), (60 * count + 200, 2))
    shapely.prepare(free)
    draws = draws[shapely.contains_xy(free, draws[:, 0], draws[:, 1])]
    apart = 0.72 * math.sqrt(shape.area / count)
    return draws[_thinned(draws, np.full(len(draws), apart))][:count]


def _thinned(points: Floats, apart: Floats) -> Ints:
    """Return points kept in their order so that none is nearer than `apart` to one kept before."""
    kept: list[int] = []
    blocked = np.zeros(len(points), dtype=bool)
    if len(points) == 0:
        return np.zeros(0, dtype=np.int64)
    tree = cKDTree(points)
    for number in range(len(points)):
        if blocked[number]:
            continue
        kept.append(number)
        blocked[tree.query_ball_point(points[number], apart[number])] = True
    return np.array(kept, dtype=np.int64)


def _villages(
    shapes: tuple[BaseGeometry, ...],
    rural: Floats,
    places: list[Place],
    rng: np.random.Generator,
) -> tuple[Floats, Ints]:
    """Return village points by district, spaced by rural density, outside built-up areas."""
    counts = rural / VILLAGE_PEOPLE
    counts *= min(1.0, MOST_VILLAGES / max(counts.sum(), 1.0))
    built = shapely.union_all([shapely.buffer(p.outline, 500) for p in places])
    found, of = [], []
    for number, (shape, count) in enumerate(zip(shapes, counts.astype(int), strict=True)):
        free = shapely.difference(shapely.buffer(shape, -250), built)
        if count < 1 or free.is_empty:
            continue
        x0, y0, x1, y1 = free.bounds
        share = free.area / ((x1 - x0) * (y1 - y0))
        draws = rng.uniform((x0, y0), (x1, y1), (int(7 * count / share) + 50, 2))
        shapely.prepare(free)
        draws = draws[shapely.contains_xy(free, draws[:, 0], draws[:, 1])]
        apart = 0.66 * math.sqrt(free.area / count) * rng.uniform(0.7, 1.15, len(draws))
        kept = draws[_thinned(draws, apart)][:count]
        found.append(kept)
        of.append(np.full(len(kept), number))
    if not found:
        return np.zeros((0, 2)), np.zeros(0, dtype=np.int64)
    return np.vstack(found), np.concatenate(of)
