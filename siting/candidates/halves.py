"""The main half beside each lesser half of a dual carriageway."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from siting.frames import ROAD_CLASSES
from siting.network.carriageways import WIDTH_M, sample_points

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.network import Network

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

NEIGHBOURS = 6
"""Points of main halves that are looked at from a point of a lesser half."""

OPPOSITE_COS = -0.7
"""A main half runs the other way, within 45 degrees."""


def main_halves(network: Network, name: Ints) -> npt.NDArray[np.int64]:
    """
    Find the main half that runs beside each lesser half.

    Points along lesser halves (`network.twin`) look for the nearest point of a one-way edge of
    their class and name (any, where one of both has none) that runs the other way, within the
    width of such roads; the edge that most of them find is the one.

    Parameters
    ----------
    network
        The network.
    name
        Code of each edge's name, -1 where it has none, shape (m,).

    Returns
    -------
    main
        Edge beside each lesser half, -1 where none was found and for all other edges, shape (m,).
    """
    main = np.full(len(network.tail), -1, dtype=np.int64)
    owner, other = [], []
    for code, road_class in enumerate(ROAD_CLASSES):
        of_class = (network.highway == code) & (network.oneway == 1)
        here = np.flatnonzero(of_class & network.twin)
        there = np.flatnonzero(of_class & ~network.twin)
        if len(here) and len(there):
            found = _beside(network, name, here, there, WIDTH_M.get(road_class, 0.0))
            owner.append(found[0])
            other.append(found[1])
    if owner:
        twin, beside = _most_often(np.concatenate(owner), np.concatenate(other))
        main[twin] = beside
    return main


def _beside(
    network: Network, name: Ints, here: Ints, there: Ints, width_m: float
) -> tuple[Ints, Ints]:
    """Pairs of a lesser half and a main half, one a point that finds one."""
    from_, xy, heading = sample_points(network.geometry[here], network.length_m[here])
    to, to_xy, to_heading = sample_points(network.geometry[there], network.length_m[there])
    count = min(NEIGHBOURS, len(to))
    # Points lie every 25 m, so that the nearest of the other half may lie half as much along.
    reach_m = float(np.hypot(width_m, 25.0))
    gap, at = cKDTree(to_xy).query(xy, k=count, distance_upper_bound=reach_m)
    gap, at = (
        np.asarray(gap).reshape(len(xy), count),
        np.minimum(np.asarray(at).reshape(len(xy), count), len(to) - 1),
    )
    one, two = name[here[from_]][:, None], name[there[to[at]]]
    good = np.isfinite(gap) & ((heading[:, None, :] * to_heading[at]).sum(axis=2) < OPPOSITE_COS)
    good &= (one == two) | (one < 0) | (two < 0)
    best = np.where(good, gap, np.inf).argmin(axis=1)
    some = good.any(axis=1)
    return here[from_[some]], there[to[at[np.arange(len(xy)), best]][some]]


def _most_often(owner: Ints, other: Ints) -> tuple[Ints, Ints]:
    """For each owner the other that occurs most often with it, the lowest of equals."""
    if len(owner) == 0:
        return owner, other
    pair, times = np.unique(np.column_stack([owner, other]), axis=0, return_counts=True)
    order = np.lexsort((pair[:, 1], -times, pair[:, 0]))
    pair = pair[order]
    first = np.r_[True, np.diff(pair[:, 0]) != 0]
    return pair[first, 0], pair[first, 1]
