"""Pack geometry and numbers of a plan small: integers, delta-coded, as base64 VLQ text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from siting.text import clip

if TYPE_CHECKING:
    from collections.abc import Iterable

    import geopandas as gpd
    import numpy.typing as npt

LINE_UNIT = 1e-5
"""Degrees of one step of packed lines, about 1 m."""
POINT_UNIT = 1e-6
"""Degrees of one step of packed points, about 0.1 m."""
ROAD_BUDGET = 5_000_000
"""Most characters that the roads of a page take; they are generalised until they fit."""
MAP_CLASSES = {
    "motorway": ("motorway", "motorway_link"),
    "trunk": ("trunk", "trunk_link"),
    "primary": ("primary", "primary_link"),
    "secondary": ("secondary", "secondary_link"),
    "tertiary": ("tertiary", "tertiary_link"),
    "minor": ("unclassified", "residential", "living_street"),
    "service": ("service",),
}
"""Classes that the map draws apart, coarse to fine, with their `frames.ROAD_CLASSES`."""

_ALPHABET = np.frombuffer(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", dtype=np.uint8
)
_TOLERANCES_M = (4.0, 8.0, 16.0)
_METRES_A_DEGREE = 111_320.0
_LABEL_CELL_DEG = 0.025
_LABELS = 3_000


def vlq(values: npt.ArrayLike) -> str:
    """
    Return integers as base64 VLQ, the coding of source maps.

    Five bits a character, low bits first, bit 5 says that more follow, the sign is the lowest bit.
    No character of it means anything to JSON, HTML or JavaScript.

    Parameters
    ----------
    values
        Integers below 2**52 in size, shape (n,).
    """
    signed = np.asarray(values, dtype=np.int64).ravel()
    rest = np.where(signed < 0, (-signed << 1) | 1, signed << 1)
    digits = np.searchsorted(32 ** np.arange(1, 12, dtype=np.int64), rest, side="right") + 1
    start = np.concatenate([[0], np.cumsum(digits)])
    out = np.empty(start[-1], dtype=np.uint8)
    for place in range(int(digits.max(initial=0))):
        rows = np.flatnonzero(digits > place)
        more = (digits[rows] > place + 1) << 5
        out[start[rows] + place] = _ALPHABET[((rest[rows] >> (5 * place)) & 31) | more]
    return out.tobytes().decode("ascii")


def numbers(column: pd.Series | npt.NDArray[Any], decimals: int = 0) -> list[float | None]:
    """Return a column rounded, integers where no decimal is kept, None where it isn't finite."""
    values = np.round(np.asarray(column, dtype=np.float64), decimals) + 0.0
    plain: list[float] = (
        values.tolist()
        if decimals or not np.isfinite(values).all()
        else values.astype(np.int64).tolist()
    )
    return [
        (int(value) if decimals == 0 else value) if math.isfinite(value) else None
        for value in plain
    ]


def texts(column: Iterable[object], most: int = 200) -> list[str]:
    """Return a column as clean lines of text; what is missing becomes empty."""
    return ["" if pd.isna(value) else clip(str(value), most) for value in column]  # type: ignore[call-overload]


def pack_points(geometry: gpd.GeoSeries) -> dict[str, Any]:
    """Return points as steps from the one before, in `POINT_UNIT`."""
    xy = _steps(shapely.get_coordinates(geometry.to_numpy()), POINT_UNIT)
    origin = xy[0] if len(xy) else np.zeros(2, dtype=np.int64)
    moves = np.diff(xy, axis=0, prepend=origin[None, :])
    return {"unit": POINT_UNIT, "origin": origin.tolist(), "xy": vlq(moves)}


def pack_chains(lines: npt.NDArray[np.object_]) -> dict[str, Any]:
    """
    Return LineStrings or LinearRings as vertex counts and steps, in `LINE_UNIT`.

    Parameters
    ----------
    lines
        Degrees, shape (n,); none empty.
    """
    xy, owner = shapely.get_coordinates(lines, return_index=True)
    points = _steps(xy, LINE_UNIT)
    # Vertices that fall on the same step say nothing; the two ends always stay.
    ends = np.diff(owner, prepend=-1, append=len(lines)) != 0
    moved = np.any(np.diff(points, axis=0, prepend=points[:1] - 1) != 0, axis=1)
    keep = moved | ends[:-1] | ends[1:]
    points, owner = points[keep], owner[keep]
    counts = np.bincount(owner, minlength=len(lines))
    origin = points[0] if len(points) else np.zeros(2, dtype=np.int64)
    moves = np.diff(points, axis=0, prepend=origin[None, :]).ravel()
    first = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    stream = np.insert(moves, 2 * first[: len(lines)], counts)
    return {
        "unit": LINE_UNIT,
        "origin": origin.tolist(),
        "count": len(lines),
        "xy": vlq(stream),
    }


def pack_roads(roads: gpd.GeoDataFrame, *, budget: int = ROAD_BUDGET) -> dict[str, Any]:
    """
    Return roads by map class, generalised until they fit the budget.

    Edges of a class are joined where they only continue one another, then simplified
    (Douglas-Peucker). When they don't fit, the tolerance grows, then the finest classes go; what
    was done is in `tolerance_m` and `dropped`, for the reader of the map.

    Parameters
    ----------
    roads
        `Plan.roads`, degrees.
    budget
        Most characters.

    Returns
    -------
    dict
        `classes` (coarse to fine, each with `id` and packed chains), `labels`, `tolerance_m`,
        `dropped`.
    """
    highway = roads["highway"].to_numpy()
    merged = {
        name: _merged(roads.geometry.to_numpy()[np.isin(highway, members)])
        for name, members in MAP_CLASSES.items()
    }
    squeeze = _squeeze(roads.total_bounds)
    kept = list(MAP_CLASSES)
    packed: dict[str, dict[str, Any]] = {}
    for tolerance in _TOLERANCES_M:
        packed = {
            name: pack_chains(_simplified(lines, tolerance, squeeze))
            for name, lines in merged.items()
        }
        if sum(len(part["xy"]) for part in packed.values()) <= budget:
            break
    while len(kept) > 1 and sum(len(packed[name]["xy"]) for name in kept) > budget:
        kept.pop()
    return {
        "classes": [{"id": name, **packed[name]} for name in kept],
        "labels": _road_labels(roads, highway, squeeze),
        "tolerance_m": tolerance,
        "dropped": [name for name in MAP_CLASSES if name not in kept and packed[name]["count"]],
    }


def pack_outlines(areas: gpd.GeoSeries, tolerance_m: float = 15.0) -> dict[str, Any]:
    """
    Return (Multi)Polygons as rings with the row of each; shared borders stay shared.

    Returns
    -------
    dict
        `outline` (packed rings), `ring_of` (row of each ring), `label` (packed points, the centre
        of the widest circle inside each row's largest part).
    """
    squeeze = _squeeze(areas.total_bounds)
    flat = shapely.transform(areas.to_numpy(), lambda xy: xy * squeeze)
    if len(flat):
        flat = shapely.coverage_simplify(flat, tolerance_m / _METRES_A_DEGREE)
    shapes = shapely.transform(flat, lambda xy: xy / squeeze)
    parts, row = shapely.get_parts(shapes, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    return {
        "outline": pack_chains(rings),
        "ring_of": row[part].tolist(),
        "label": pack_points(_centres(shapes, squeeze, areas)),
    }


def _centres(
    shapes: npt.NDArray[np.object_], squeeze: npt.NDArray[np.float64], like: gpd.GeoSeries
) -> gpd.GeoSeries:
    """Return where the name of each area goes."""
    parts, row = shapely.get_parts(shapes, return_index=True)
    order = np.lexsort((-shapely.area(parts), row))
    largest = parts[order][np.diff(row[order], prepend=-1) != 0]
    flat = shapely.transform(largest, lambda xy: xy * squeeze)
    centre = shapely.get_point(shapely.maximum_inscribed_circle(flat, 0.001), 0)
    return type(like)(shapely.transform(centre, lambda xy: xy / squeeze), crs=like.crs)


def _steps(xy: npt.NDArray[np.float64], unit: float) -> npt.NDArray[np.int64]:
    return np.rint(xy / unit).astype(np.int64)


def _squeeze(bounds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return factors that make a degree of longitude as long as one of latitude here."""
    south, north = bounds[1], bounds[3]
    middle = math.radians((south + north) / 2) if math.isfinite(south + north) else 0.0
    return np.array([math.cos(middle), 1.0])


def _merged(lines: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    parts = shapely.get_parts(
        shapely.line_merge(shapely.multilinestrings(shapely.get_parts(lines)))
    )
    return np.asarray(parts[~shapely.is_empty(parts)], dtype=np.object_)


def _simplified(
    lines: npt.NDArray[np.object_], tolerance_m: float, squeeze: npt.NDArray[np.float64]
) -> npt.NDArray[np.object_]:
    flat = shapely.transform(lines, lambda xy: xy * squeeze)
    flat = shapely.simplify(flat, tolerance_m / _METRES_A_DEGREE, preserve_topology=False)
    flat = flat[~shapely.is_empty(flat)]
    return np.asarray(shapely.transform(flat, lambda xy: xy / squeeze), dtype=np.object_)


def _road_labels(
    roads: gpd.GeoDataFrame, highway: npt.NDArray[Any], squeeze: npt.NDArray[np.float64]
) -> dict[str, Any]:
    """Return one name a road and neighbourhood, at the middle of its longest edge there."""
    class_of = {member: name for name, members in MAP_CLASSES.items() for member in members}
    rank = {name: place for place, name in enumerate(MAP_CLASSES)}
    frame = pd.DataFrame(
        {
            "text": roads["name"].fillna("").astype(str).to_numpy(),
            "class_id": pd.Series(highway, dtype=object).map(class_of).to_numpy(),
            "length": shapely.length(roads.geometry.to_numpy()),
        }
    )
    frame["rank"] = frame["class_id"].map(rank)
    frame["row"] = np.arange(len(frame))
    named = frame[(frame["text"].str.strip() != "") & frame["class_id"].notna()]
    middle = shapely.line_interpolate_point(
        roads.geometry.to_numpy()[named["row"]], 0.5, normalized=True
    )
    xy = shapely.get_coordinates(middle)
    named = named.assign(
        x=xy[:, 0], y=xy[:, 1], column=xy[:, 0] // _LABEL_CELL_DEG, line=xy[:, 1] // _LABEL_CELL_DEG
    )
    named = named.sort_values(["rank", "length", "row"], ascending=[True, False, True])
    named = named.drop_duplicates(["text", "column", "line"]).head(_LABELS)
    lines = roads.geometry.to_numpy()[named["row"]]
    along = [
        shapely.get_coordinates(shapely.line_interpolate_point(lines, at, normalized=True))
        for at in (0.4, 0.6)
    ]
    way = (along[1] - along[0]) * squeeze
    angle = np.degrees(np.arctan2(way[:, 1], way[:, 0]))
    upright = (angle + 90.0) % 180.0 - 90.0
    points = shapely.points(named[["x", "y"]].to_numpy())
    return {
        **pack_points(type(roads.geometry)(points, crs=roads.crs)),
        "text": texts(named["text"], 40),
        "class_id": named["class_id"].tolist(),
        "angle": numbers(upright),
    }
