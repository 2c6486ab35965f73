"""Rows of a siting instance that may be broken at a price, so that a way back always exists."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array, csr_array, hstack

from siting.core.sizing.relax import row_scale

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.core.handover import ArrayModel
    from siting.structures import Sizing

USE_PRICE = 10.0
"""Price of a kWh a day that a site lacks to be used enough, kWh/day."""


def elastic(
    sizing: Sizing, model: ArrayModel, rows: npt.NDArray[np.int64], price: float
) -> ArrayModel:
    """
    Let global rows be broken at a price, so that a way back always exists.

    Parameters
    ----------
    sizing, model
        The instance and its arrays.
    rows
        Which global rows.
    price
        Price of breaking a row by its whole bound, kWh/day.
    """
    if not len(rows):
        return model
    first = model.matrix.shape[0] - len(sizing.row_name)
    scale = row_scale(sizing)[rows]
    bound = np.where(np.isfinite(sizing.row_lower), sizing.row_lower, sizing.row_upper)[rows]
    unit = scale * np.maximum(abs(bound), 1.0)
    count = len(rows)
    column = np.arange(count)
    shape = (model.matrix.shape[0], 2 * count)
    ones = np.concatenate([np.ones(count), -np.ones(count)])
    place = (np.tile(first + rows, 2), np.concatenate([column, count + column]))
    slack = csr_array(coo_array((ones, place), shape=shape))
    start = model.start
    if start is not None:
        start = np.concatenate([start, np.full(2 * count, np.nan)])
    return replace(
        model,
        cost=np.concatenate([model.cost, np.tile(-price / unit, 2)]),
        lower=np.concatenate([model.lower, np.zeros(2 * count)]),
        upper=np.concatenate([model.upper, np.full(2 * count, np.inf)]),
        integer=np.concatenate([model.integer, np.zeros(2 * count, dtype=bool)]),
        matrix=csr_array(hstack([model.matrix, slack], format="csr")),
        blocks=(("", len(model.cost) + 2 * count),),
        start=start,
    )


def elastic_use(sizing: Sizing, model: ArrayModel, price: float) -> ArrayModel:
    """
    Let sites be used less than they have to be, at a price.

    Parameters
    ----------
    sizing, model
        The instance and its arrays.
    price
        Price of a kWh a day that a site lacks, kWh/day.
    """
    sites = np.flatnonzero(sizing.least_use > 0)
    if not len(sites):
        return model
    row = model.matrix.shape[0] - len(sizing.row_name) - len(sizing.least_use) + sites
    count = len(sites)
    place = (row, np.arange(count))
    slack = csr_array(coo_array((-np.ones(count), place), shape=(model.matrix.shape[0], count)))
    start = model.start
    return replace(
        model,
        cost=np.concatenate([model.cost, np.full(count, -price)]),
        lower=np.concatenate([model.lower, np.zeros(count)]),
        upper=np.concatenate([model.upper, np.full(count, np.inf)]),
        integer=np.concatenate([model.integer, np.zeros(count, dtype=bool)]),
        matrix=csr_array(hstack([model.matrix, slack], format="csr")),
        blocks=(("", len(model.cost) + count),),
        start=None if start is None else np.concatenate([start, np.full(count, np.nan)]),
    )
