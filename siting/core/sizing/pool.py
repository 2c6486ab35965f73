"""What room in the global rows is worth, so that one part of a city can leave money to another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array, csr_array, hstack

from siting.core.sizing.relax import row_scale

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.core.handover import ArrayModel
    from siting.structures import Sizing

BAND_SHARE = 1e-3
"""Room in a row that is worth its full price, as a share of its bound."""
BAND_UNITS = 2.0
"""The same, at least, in units of the row's largest coefficient."""
STEPS = (1.0, 0.8, 0.6)
"""Worth of room in the first band, the second and the third, in units of the row's price."""
LOCAL_SITES = 100
"""Rows on fewer sites are left alone: no part of the city can leave them to another."""


@dataclass(frozen=True, slots=True)
class Pool:
    """
    Worth of the room that a plan leaves in some global rows: so much each unit, less and less.

    Attributes
    ----------
    rows
        Global rows, int64, shape (P,).
    sign
        1 where the upper bound leaves the room, -1 where the lower one, shape (P,).
    price
        kWh/day a unit in the first band, shape (P,).
    band
        Width of each band, shape (P,); beyond the last, room is worth nothing.
    """

    rows: npt.NDArray[np.int64]
    sign: npt.NDArray[np.float64]
    price: npt.NDArray[np.float64]
    band: npt.NDArray[np.float64]


def scaled(pool: Pool, factor: float) -> Pool:
    """Make the bands wider or narrower."""
    return replace(pool, band=pool.band * factor)


def pool_of(sizing: Sizing, prices: npt.NDArray[np.float64]) -> Pool:
    """
    Price the room of the rows that many sites weigh in.

    Parameters
    ----------
    sizing
        The instance.
    prices
        Multipliers of the global rows, as of `sizing_bound`, shape (R,).
    """
    types = sizing.allowed.shape[1]
    pile_sites = np.diff(sizing.row_piles.indptr) / max(types, 1)
    wide = np.maximum(np.diff(sizing.row_open.indptr), pile_sites) >= LOCAL_SITES
    bound = np.where(prices > 0, sizing.row_upper, sizing.row_lower)
    rows = np.flatnonzero(wide & (prices != 0) & np.isfinite(bound))
    largest = np.zeros(len(prices))
    for part in (sizing.row_open, sizing.row_piles):
        if part.nnz:
            largest = np.maximum(largest, abs(part).max(axis=1).toarray().ravel())
    band = np.maximum(BAND_SHARE * abs(bound[rows]), BAND_UNITS * largest[rows])
    return Pool(rows.astype(np.int64), np.sign(prices[rows]), abs(prices[rows]), band)


def worth_of(pool: Pool, sizing: Sizing, level: npt.NDArray[np.float64]) -> float:
    """Worth of the room that is left where the rows have reached a level of shape (R,), kWh/day."""
    bound = np.where(pool.sign > 0, sizing.row_upper[pool.rows], sizing.row_lower[pool.rows])
    room = np.maximum(pool.sign * (bound - level[pool.rows]), 0.0)
    total = 0.0
    for number, step in enumerate(STEPS):
        inside = np.clip(room - number * pool.band, 0.0, pool.band)
        total += step * float(pool.price @ inside)
    return total


def with_pool(sizing: Sizing, model: ArrayModel, pool: Pool) -> ArrayModel:
    """
    Let room in the rows earn what it is worth: a column a row and band, after the others.

    Parameters
    ----------
    sizing, model
        The instance and its arrays, whose last rows are the global ones.
    pool
        Worth of room.
    """
    count, steps = len(pool.rows), len(STEPS)
    if not count:
        return model
    first = model.matrix.shape[0] - len(sizing.row_name)
    # Rows are scaled in the arrays; the columns count in units of the row itself.
    scale = row_scale(sizing)[pool.rows]
    place = (np.tile(first + pool.rows, steps), np.arange(count * steps))
    value = np.tile(pool.sign * scale * pool.band, steps)
    room = csr_array(coo_array((value, place), shape=(model.matrix.shape[0], count * steps)))
    earn = np.concatenate([step * pool.price * pool.band for step in STEPS])
    start = model.start
    if start is not None:
        start = np.concatenate([start, np.full(count * steps, np.nan)])
    return replace(
        model,
        cost=np.concatenate([model.cost, earn]),
        lower=np.concatenate([model.lower, np.zeros(count * steps)]),
        upper=np.concatenate([model.upper, np.ones(count * steps)]),
        integer=np.concatenate([model.integer, np.zeros(count * steps, dtype=bool)]),
        matrix=csr_array(hstack([model.matrix, room], format="csr")),
        blocks=(("", len(model.cost) + count * steps),),
        start=start,
    )
