"""Junctions that are one for a driver although their nodes lie apart: told by the roads there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

SLIP_M = 300.0
"""
Longest way from a junction to the nose of a slip road that passes it by.

Planner's own: right-turn slip roads leave the road 30 to 200 m before the junction.
"""

WIDE_M = 80.0
"""Longest piece of a road between both carriageways of the road that it crosses: the legal width
of the widest roads (`network.carriageways.WIDTH_M`)."""


def slipped(
    ends: npt.NDArray[np.int64],
    length_m: npt.NDArray[np.float64],
    road: npt.NDArray[np.int64],
    ramp: npt.NDArray[np.bool_],
) -> npt.NDArray[np.bool_]:
    """
    Tell sections that lead from a junction to the slip roads around it.

    Such a junction and a place with ramps are joined by short sections of two roads: the slip
    road leads from the one to the other past the junction.

    Parameters
    ----------
    ends
        Places of both ends of sections, shape (e, 2).
    length_m
        Their lengths, shape (e,).
    road
        Code of their road, shape (e,).
    ramp
        Places that ramps begin or end at, shape (places,).

    Returns
    -------
    within
        Sections whose ends are one junction, shape (e,).
    """
    low, high = ends.min(axis=1), ends.max(axis=1)
    near = np.flatnonzero((length_m <= SLIP_M) & (low != high) & (ramp[low] | ramp[high]))
    within = np.zeros(len(ends), dtype=np.bool_)
    if len(near) == 0:
        return within
    pair = np.unique(np.column_stack([low[near], high[near]]), axis=0, return_inverse=True)[1]
    pair = pair.ravel()
    least = np.full(int(pair.max()) + 1, np.iinfo(np.int64).max)
    most = np.full(len(least), np.iinfo(np.int64).min)
    np.minimum.at(least, pair, road[near])
    np.maximum.at(most, pair, road[near])
    within[near] = (least != most)[pair]
    return within


def crossing_pieces(
    ends: npt.NDArray[np.int64],
    length_m: npt.NDArray[np.float64],
    name: npt.NDArray[np.int64],
    *,
    at_place: npt.NDArray[np.int64],
    at_name: npt.NDArray[np.int64],
) -> npt.NDArray[np.bool_]:
    """
    Tell short sections that lie between two meetings with the same other road.

    Parameters
    ----------
    ends
        Places of both ends of sections, shape (e, 2).
    length_m
        Their lengths, shape (e,).
    name
        Code of their road's name, -1 for none, shape (e,).
    at_place, at_name
        Named roads at places, one pair each, shape (p,).

    Returns
    -------
    within
        Sections whose ends are one junction, shape (e,).
    """
    within = np.zeros(len(ends), dtype=np.bool_)
    short = np.flatnonzero((length_m <= WIDE_M) & (ends[:, 0] != ends[:, 1]))
    known = at_name >= 0
    if len(short) == 0 or not known.any():
        return within
    width = int(at_name.max()) + 1
    code = np.unique(at_place[known] * width + at_name[known])
    place = code // width
    begin = np.searchsorted(place, ends[short, 0], "left")
    times = np.searchsorted(place, ends[short, 0], "right") - begin
    section = np.repeat(short, times)
    step = np.arange(len(section)) - np.repeat(np.cumsum(times) - times, times)
    other = code[np.repeat(begin, times) + step] % width
    wanted = ends[section, 1] * width + other
    spot = np.minimum(np.searchsorted(code, wanted), len(code) - 1)
    within[section[(code[spot] == wanted) & (other != name[section])]] = True
    return within
