"""
Named checks of geometry and ids: repaired where that is safe, refused where it isn't.

Each check finds rows and says how many and which. Under `lenient` what can be repaired without
changing what the layer means is repaired and noted; under `strict` it is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from siting.datum import geodesic_length_m
from siting.errors import InputError
from siting.said import Said, beside

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    import numpy.typing as npt

    from siting.frames import Roads

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Objects = npt.NDArray[np.object_]

AREA_CHANGE = 1e-3
"""A ring whose repair changes its area by more than this share may mean something else."""
FAR_M = 500.0
"""A site farther than this from any road can't be driven to. Planner's own."""
APART_SHARE = 0.01
"""A share of road length apart from the main network that is worth a sentence. Planner's own."""

_SHOWN = 5
_AREA = 2
_M_PER_DEG = 111_320.0
_STEP_M = 50.0


@dataclass(frozen=True, slots=True)
class Hygiene:
    """What is checked: the layer's name in messages, and whether nothing may be repaired."""

    path: str
    strict: bool = False


_NO_GEOMETRY = Said("没有几何图形", "have no geometry")
_NO_NUMBERS = Said("坐标为 NaN 或无穷", "have NaN or infinite coordinates")


def clean_shapes(
    shapes: Objects, rows: Sequence[str], hygiene: Hygiene, *, placed: bool = True
) -> tuple[Bools, Objects, tuple[Said, ...]]:
    """
    Check for null and empty geometries, NaN coordinates and invalid rings.

    Parameters
    ----------
    shapes
        Shapely geometries or None, coordinates as stored, shape (n,).
    rows
        What to call each.
    hygiene
        Strict or lenient.
    placed
        Whether a row without a geometry is useless.

    Returns
    -------
    kept
        Rows that can be used, shape (n,).
    shapes
        With rings made valid, shape (n,).
    notes
        What was left out or repaired.

    Raises
    ------
    InputError
        Strict, and anything is found; or no row is left; or a ring can't be repaired safely.
    """
    notes: list[Said] = []
    shapes = np.asarray(shapely.force_2d(shapes), dtype=object)
    absent = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    xy, owner = shapely.get_coordinates(shapes, return_index=True)
    lost = np.zeros(len(shapes), dtype=np.bool_)
    lost[owner[~np.isfinite(xy).all(axis=1)]] = True
    if placed:
        _found("null_geometry", _NO_GEOMETRY, absent, rows, hygiene, notes)
    _found("nan_coordinates", _NO_NUMBERS, lost, rows, hygiene, notes)
    kept = ~lost & ~(absent if placed else np.zeros(len(shapes), dtype=np.bool_))
    if not kept.any():
        raise InputError(
            "no row of the layer has a place", where=hygiene.path, value=f"{len(shapes):,} rows",
            cure="Repair the layer's geometry",
        )  # fmt: skip
    return kept, _valid(shapes, kept, rows, hygiene, notes), tuple(notes)


def _found(
    check: str, what: Said, bad: Bools, rows: Sequence[str], hygiene: Hygiene, notes: list[Said]
) -> None:
    """Note rows that are left out, or refuse them."""
    if not bad.any():
        return
    count, first = int(bad.sum()), _first(bad, rows)
    said = f"{count:,} of {len(bad):,} rows {what} ({first})"
    if hygiene.strict:
        raise InputError(
            f"{check}: {said}", where=hygiene.path, cure="Repair them, or set `checks: lenient`"
        )
    zh = f"{len(bad):,} 行中有 {count:,} 行{what.zh}（{first}），已略去"
    notes.append(beside(hygiene.path, Said(zh, f"{said}; left out")))


def _valid(
    shapes: Objects, kept: Bools, rows: Sequence[str], hygiene: Hygiene, notes: list[Said]
) -> Objects:
    """Rebuild invalid rings where that keeps their area."""
    # A line of no length is invalid as well, but harmless.
    areal = shapely.get_dimensions(shapes) == _AREA
    bad = kept & areal & ~shapely.is_valid(shapes)
    if not bad.any():
        return shapes
    said = f"{int(bad.sum()):,} of {len(bad):,} rows have invalid rings ({_first(bad, rows)})"
    if hygiene.strict:
        raise InputError(
            f"invalid_rings: {said}",
            where=hygiene.path,
            value=shapely.is_valid_reason(shapes[np.flatnonzero(bad)[0]]),
            cure="Repair them, or set `checks: lenient`",
        )
    fixed = shapes.copy()
    fixed[bad] = shapely.make_valid(shapes[bad], method="structure", keep_collapsed=False)
    before, after = _drawn_area(shapes[bad]), shapely.area(fixed[bad])
    unsafe = np.zeros(len(bad), dtype=np.bool_)
    changed = np.abs(after - before) > AREA_CHANGE * np.maximum(before, after)
    unsafe[np.flatnonzero(bad)[changed | shapely.is_empty(fixed[bad])]] = True
    if unsafe.any():
        raise InputError(
            f"invalid_rings: {int(unsafe.sum()):,} polygons cross themselves so that their area "
            f"isn't clear ({_first(unsafe, rows)})",
            where=hygiene.path,
            value=shapely.is_valid_reason(shapes[np.flatnonzero(unsafe)[0]]),
            cure="Draw these rings again",
        )
    zh = (
        f"{len(bad):,} 行中有 {int(bad.sum()):,} 行多边形环无效（{_first(bad, rows)}），"
        f"已重建，面积变化不超过 {AREA_CHANGE:.1%}"
    )
    en = f"{said}; rebuilt, areas unchanged within {AREA_CHANGE:.1%}"
    notes.append(beside(hygiene.path, Said(zh, en)))
    return fixed


def _drawn_area(shapes: Objects) -> Floats:
    """Area by the shoelace formula, holes taken off; of a bow-tie the difference of its halves."""
    return np.abs(np.asarray(shapely.area(shapes), dtype=np.float64))


def unique_ids(
    frame: gpd.GeoDataFrame, column: str, hygiene: Hygiene
) -> tuple[gpd.GeoDataFrame, tuple[Said, ...]]:
    """
    Check that ids are unique.

    Parameters
    ----------
    frame
        A layer with an id and `row`.
    column
        The id.
    hygiene
        Lenient numbers repeated ids (`A`, `A/2`) and drops rows that repeat another in everything.

    Returns
    -------
    frame
        With unique ids, RangeIndex.
    notes
        What was done.

    Raises
    ------
    InputError
        Strict, and an id is there twice.
    """
    again = frame[column].duplicated(keep=False).to_numpy()
    if not again.any():
        return frame, ()
    ids = frame[column].drop_duplicates()[lambda c: c.isin(frame[column][again])]
    names = ", ".join(ids.head(_SHOWN)) + (" ..." if len(ids) > _SHOWN else "")
    said = f"{len(ids):,} ids are there more than once ({names})"
    if hygiene.strict:
        raise InputError(
            f"duplicate_ids: {said}", where=hygiene.path, value=_twice(frame, column),
            cure="Give each row its own id, or set `checks: lenient`",
        )  # fmt: skip
    plain = pd.DataFrame(frame.drop(columns=[frame.geometry.name, "row"]))
    repeated = plain.assign(shape=shapely.to_wkb(frame.geometry.to_numpy())).duplicated()
    frame = frame[~repeated.to_numpy()].reset_index(drop=True)
    count = frame.groupby(column, sort=False).cumcount()
    numbered = frame[column].where(count == 0, frame[column] + "/" + (count + 1).astype(str))
    count_dropped = int(repeated.sum())
    zh, en = f"{len(ids):,} 个编号重复（{names}），已另行编号", f"{said}; numbered"
    if count_dropped:
        zh += f"，{count_dropped:,} 行与其他行完全相同，已略去"
        en += f", {count_dropped:,} rows repeat another and are left out"
    return frame.assign(**{column: numbered}), (beside(hygiene.path, Said(zh, en)),)


def _twice(frame: gpd.GeoDataFrame, column: str) -> str:
    """Say where the first ids that are there more than once stand."""
    again = frame[frame[column].duplicated(keep=False)]
    rows = again.groupby(column, sort=False)["row"].agg(lambda some: " and ".join(some.head(3)))
    return "; ".join(f"{name} in {where}" for name, where in rows.head(_SHOWN).items())


def disconnected_roads(roads: Roads, hygiene: Hygiene) -> tuple[Said, ...]:
    """
    Say how much of the roads can't be reached from the largest connected part.

    Parameters
    ----------
    roads
        Roads; they meet where they share a vertex id, whatever their direction.
    hygiene
        Lenient leaves them, since demand on them is reported as out of reach.

    Returns
    -------
    notes
        A sentence where more than `APART_SHARE` of the length is apart.

    Raises
    ------
    InputError
        Strict, and it is more.
    """
    part, km = road_parts(roads)
    if not len(km) or km.sum() <= 0:
        return ()
    by_part = np.bincount(part, weights=km)
    main = int(by_part.argmax())
    apart = part != main
    share = float(km[apart].sum() / km.sum())
    if share <= APART_SHARE:
        return ()
    ids = roads.frame["road_id"].astype(str).tolist()
    first = _first(apart, ids)
    said = (
        f"{km[apart].sum():,.1f} of {km.sum():,.1f} km of roads, {len(by_part) - 1:,} parts, don't "
        f"join the main network ({first})"
    )
    if hygiene.strict:
        raise InputError(
            f"disconnected_roads: {said}", where=hygiene.path,
            cure="Snap the ends of roads together, or set `checks: lenient`",
        )  # fmt: skip
    zh = (
        f"{km.sum():,.1f} km 道路中有 {km[apart].sum():,.1f} km（{len(by_part) - 1:,} 片）"
        f"未与主路网连通（{first}）"
    )
    return (beside(hygiene.path, Said(zh, said)),)


def road_parts(roads: Roads) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return the connected part of each road and its kilometres, shape (roads,) each."""
    count = len(roads.frame)
    km = geodesic_length_m(roads.frame.geometry.to_numpy()) / 1000
    vertices, vertex = np.unique(roads.vertex_id, return_inverse=True)
    road = np.repeat(np.arange(count), np.diff(roads.vertex_start))
    size = count + len(vertices)
    joined = coo_array((np.ones(len(road), dtype=np.int8), (road, vertex + count)), (size, size))
    _, part = connected_components(joined, directed=False)
    _, dense = np.unique(part[:count], return_inverse=True)
    return dense.astype(np.int64), km


def far_from_roads(
    frame: gpd.GeoDataFrame, column: str, roads: Roads, hygiene: Hygiene
) -> tuple[Said, ...]:
    """
    Say which places are farther than `FAR_M` from any road.

    Parameters
    ----------
    frame
        Places, EPSG:4326.
    column
        Their id.
    roads
        The roads.
    hygiene
        Lenient leaves them.

    Returns
    -------
    notes
        A sentence with count and ids.

    Raises
    ------
    InputError
        Strict, and there are any.
    """
    far = distance_to_roads_m(frame.geometry.to_numpy(), roads) > FAR_M
    if not far.any():
        return ()
    ids = frame[column].astype(str).tolist()
    said = (
        f"{int(far.sum()):,} of {len(far):,} places are more than {FAR_M:,.0f} m from any road "
        f"({_first(far, ids)})"
    )
    if hygiene.strict:
        raise InputError(
            f"far_from_roads: {said}", where=hygiene.path,
            cure="Check their coordinates and the extent of the roads, or set `checks: lenient`",
        )  # fmt: skip
    zh = (
        f"{len(far):,} 处中有 {int(far.sum()):,} 处距最近道路超过 {FAR_M:,.0f} m"
        f"（{_first(far, ids)}）"
    )
    return (beside(hygiene.path, Said(zh, said)),)


def distance_to_roads_m(shapes: Objects, roads: Roads) -> Floats:
    """
    Distance of each shape's middle to the nearest road, metres, shape (n,).

    To points every `_STEP_M` along the roads, so at most half of that too long; straight metres on
    a plane that is true at the middle of the roads.
    """
    lines = roads.frame.geometry.to_numpy()
    _, south, _, north = shapely.total_bounds(lines)
    scale = _M_PER_DEG * np.array([np.cos(np.radians((south + north) / 2)), 1.0])
    dense = shapely.segmentize(shapely.transform(lines, lambda xy: xy * scale), _STEP_M)
    middle = shapely.centroid(shapes)
    at = np.column_stack([shapely.get_x(middle), shapely.get_y(middle)]) * scale
    away, _ = cKDTree(shapely.get_coordinates(dense)).query(np.nan_to_num(at, nan=0.0))
    return np.where(np.isfinite(at).all(axis=1), away, 0.0)


def _first(bad: Bools, names: Sequence[str]) -> str:
    rows = np.flatnonzero(bad)
    shown = ", ".join(names[row] for row in rows[:_SHOWN].tolist())
    return shown + (" ..." if len(rows) > _SHOWN else "")
