"""Thin points to a spacing, keeping the better ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Bools = npt.NDArray[np.bool_]


def thin(xy: Floats, spacing_m: float, order: npt.NDArray[np.int64], always: Bools) -> Bools:
    """
    Choose points no two of which are closer than a spacing.

    Parameters
    ----------
    xy
        Points in metres, shape (n, 2).
    spacing_m
        Least distance between two chosen points.
    order
        Place of each point in the order of preference, a permutation of 0..n-1; shape (n,).
    always
        Points chosen whatever is near them; others keep their distance from them. Shape (n,).

    Returns
    -------
    array
        The chosen points, those that taking points one by one in `order` gives; shape (n,).
    """
    chosen = always.copy()
    alive = ~always & clear_of(xy, xy[always], spacing_m)
    if not alive.any():
        return chosen
    near = cKDTree(xy).query_pairs(spacing_m, output_type="ndarray").astype(np.int64)
    pairs: npt.NDArray[np.int64] = np.concatenate([near, near[:, ::-1]])
    while alive.any():
        pairs = pairs[alive[pairs].all(axis=1)]
        best = np.full(len(xy), len(xy), dtype=np.int64)
        np.minimum.at(best, pairs[:, 0], order[pairs[:, 1]])
        won = alive & (order < best)
        chosen |= won
        alive &= ~won
        alive[pairs[won[pairs[:, 0]], 1]] = False
    return chosen


def clear_of(xy: Floats, others: Floats, spacing_m: float) -> Bools:
    """
    Tell which points keep a distance from others.

    Parameters
    ----------
    xy
        Points in metres, shape (n, 2).
    others
        What to keep clear of, metres, shape (k, 2).
    spacing_m
        The distance.

    Returns
    -------
    array
        True where no other point is nearer than the spacing, shape (n,).
    """
    if not len(xy) or not len(others):
        return np.ones(len(xy), dtype=np.bool_)
    distance, _ = cKDTree(others).query(xy, distance_upper_bound=spacing_m)
    clear: Bools = ~np.isfinite(distance)
    return clear


def preference(rank: npt.NDArray[np.int64], ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """
    Put points in an order of preference, ties scattered but always the same way.

    Parameters
    ----------
    rank
        Lower is better, shape (n,).
    ids
        Numbers that stay the same when other points come and go, shape (n,).

    Returns
    -------
    array
        Place of each point in the order, shape (n,). Scattering ties keeps neighbours from
        following each other, which would make thinning slow.
    """
    scattered = (ids.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    scattered ^= scattered >> np.uint64(31)
    place = np.empty(len(rank), dtype=np.int64)
    place[np.lexsort((ids, scattered, rank))] = np.arange(len(rank))
    return place
