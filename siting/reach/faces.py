"""The pieces into which discs cut one another, with their areas: the footprint reading, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from scipy.sparse import coo_array, csr_array

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

_SEED = 20_251_121


@dataclass(frozen=True, slots=True)
class Faces:
    """
    Pieces of the plane that lie in the same discs; together they make up the discs' union.

    The area of the union of any of the discs is the sum over the faces that lie in one of them.

    Attributes
    ----------
    area_km2
        Area of each piece within the planned area, shape (f,).
    cover
        Which discs a piece lies in: the pattern of a CSR of shape (f, s).
    worth
        Sum of the weights of the points within each piece, shape (f,); zeros where none are given.
    """

    area_km2: Floats
    cover: csr_array
    worth: Floats


def footprint_faces(
    discs: npt.ArrayLike,
    planned: shapely.Geometry | None = None,
    *,
    points: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
) -> Faces:
    """
    Cut discs into the pieces of their arrangement, and join pieces that lie in the same discs.

    Rings are noded together (`unary_union`), polygonised, and each face is placed by a point in it.

    Parameters
    ----------
    discs
        Polygons in metres on an equal-area CRS, one a site, shape (s,).
    planned
        (Multi)Polygon that areas are cut to, in the same CRS; None for no cut.
    points, weight
        Coordinates in the same CRS, shape (p, 2), and weights, shape (p,), summed by piece.

    Returns
    -------
    Faces
        Only pieces with some area within the planned area.
    """
    shapes = np.asarray(discs, dtype=object)
    faces = _arrangement(shapes)
    tree = shapely.STRtree(shapes)
    inner = np.asarray(shapely.point_on_surface(faces), dtype=object)
    cover = _within(tree, inner, len(shapes))
    inside = np.diff(cover.indptr) > 0
    faces, cover = faces[inside], cover[inside]
    area = _area_within(faces, planned)
    key, first, group = same_rows(cover)
    total = np.bincount(group, area, minlength=len(first))
    worth = np.zeros(len(first))
    if points is not None and weight is not None:
        spot = np.asarray(shapely.points(np.asarray(points, dtype=float)), dtype=object)
        spots = _within(tree, spot, len(shapes))
        worth = _by_key(key[first], row_keys(spots), np.asarray(weight, dtype=float))
    some = total > 0
    return Faces(total[some] / 1e6, cover[first[some]], worth[some])


def _arrangement(shapes: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    if not len(shapes):
        return np.zeros(0, dtype=object)
    lines = shapely.unary_union(shapely.boundary(shapes))
    faces: npt.NDArray[np.object_] = shapely.get_parts(shapely.polygonize([lines]))
    return faces


def _within(tree: shapely.STRtree, spots: npt.NDArray[np.object_], sites: int) -> csr_array:
    spot, disc = tree.query(spots, predicate="intersects")
    entries = coo_array((np.ones(len(spot)), (spot, disc)), shape=(len(spots), sites))
    found = csr_array(entries)
    found.sort_indices()
    return found


def _area_within(faces: npt.NDArray[np.object_], planned: shapely.Geometry | None) -> Floats:
    if planned is None:
        return np.asarray(shapely.area(faces), dtype=float)
    shapely.prepare(planned)
    area: Floats = np.asarray(shapely.area(faces), dtype=float)
    whole = shapely.contains_properly(planned, faces)
    area[~whole] = shapely.area(shapely.intersection(faces[~whole], planned))
    return area


def row_keys(pattern: csr_array, *, beside: Ints | None = None) -> npt.NDArray[np.uint64]:
    """
    Mark the rows of a pattern by the set of their columns: equal sets, equal marks.

    Parameters
    ----------
    pattern
        CSR of shape (r, n) without doubled entries.
    beside
        Something else that has to be equal too, >= 0, shape (r,).

    Returns
    -------
    marks
        Two sums of 64-bit random numbers a row, shape (r, 2): different sets share both with a
        chance of 2 ** -128 a pair.
    """
    width = pattern.shape[1]
    more = 0 if beside is None or not len(beside) else int(beside.max()) + 1
    numbers = np.random.default_rng(_SEED).integers(0, 2**64, (width + more, 2), dtype=np.uint64)
    start = pattern.indptr
    sums = np.zeros((pattern.nnz + 1, 2), dtype=np.uint64)
    np.cumsum(numbers[pattern.indices], axis=0, out=sums[1:])
    marks: npt.NDArray[np.uint64] = sums[start[1:]] - sums[start[:-1]]
    return marks if beside is None else marks + numbers[width + np.asarray(beside)]


def same_rows(
    pattern: csr_array, *, beside: Ints | None = None
) -> tuple[npt.NDArray[np.uint64], Ints, Ints]:
    """
    Group the rows of a pattern that have the same columns.

    Parameters
    ----------
    pattern, beside
        As for `row_keys`.

    Returns
    -------
    key
        Marks of all rows, shape (r, 2).
    first
        First row of each group, in order of rows, shape (g,).
    group
        Group of each row, shape (r,).
    """
    key = row_keys(pattern, beside=beside)
    _, first, group = np.unique(key, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return key, first[order].astype(np.int64), place[group.ravel()]


def _by_key(
    groups: npt.NDArray[np.uint64], found: npt.NDArray[np.uint64], weight: Floats
) -> Floats:
    """Sum weights by the group whose mark they carry; others are left out."""
    every = np.concatenate([groups, found])
    _, label = np.unique(every, axis=0, return_inverse=True)
    label = label.ravel()
    total = np.bincount(label[len(groups) :], weight, minlength=int(label.max(initial=-1)) + 1)
    summed: Floats = total[label[: len(groups)]].astype(float)
    return summed
