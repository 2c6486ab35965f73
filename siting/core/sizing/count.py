"""The counting part of capacitated siting: stations, piles and money, without who is served."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from siting.core.highs import solve_arrays
from siting.core.sizing.bound import can_open
from siting.core.sizing.part import array_model, keep_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from siting.core.handover import ArrayModel
    from siting.structures import Sizing


def without_flows(sizing: Sizing) -> Sizing:
    """Drop the arcs and the part of each row that is on energy served; rows on nothing else go."""
    counted = (np.diff(sizing.row_open.indptr) > 0) | (np.diff(sizing.row_piles.indptr) > 0)
    served = np.diff(sizing.row_served.indptr) > 0
    keep = np.flatnonzero(counted & ~served)
    none = np.zeros(0, np.int64)
    unused = np.zeros_like(sizing.least_use)
    most = np.where(can_open(sizing), sizing.max_piles, 0)
    bare = replace(sizing, site=none, point=none, least_use=unused, max_piles=most)
    return keep_rows(bare, keep)


def counting_model(
    sizing: Sizing, worth: npt.NDArray[np.float64], *, whole: bool = True
) -> ArrayModel:
    """
    Write the counting part with a worth of opening each site; piles are continuous.

    Parameters
    ----------
    sizing
        The instance.
    worth
        Worth of opening each site, shape (J,).
    whole
        Whether a site is open or not; else shares.
    """
    model = array_model(without_flows(sizing), saving=0.0, links=False, whole=False)
    sites = len(worth)
    cost, integer = np.zeros(len(model.cost)), np.zeros(len(model.cost), dtype=bool)
    cost[:sites], integer[:sites] = worth, whole
    return replace(model, cost=cost, integer=integer)


def select_open(
    sizing: Sizing, opened: npt.NDArray[np.bool_], share: npt.NDArray[np.float64], seconds: float
) -> npt.NDArray[np.bool_] | None:
    """
    Change a choice of sites as little as the rows on stations, piles and money allow.

    Parameters
    ----------
    sizing
        The instance.
    opened
        The choice, bool, shape (J,).
    share
        Openness in the relaxation, shape (J,); sites with more are preferred.
    seconds
        Time allowed.

    Returns
    -------
    opened
        A choice for which continuous piles within every row exist, or None where none was found.
    """
    worth = np.where(opened, 1.0, -1.0) + share
    fixed = counting_model(sizing, worth, whole=False)
    sites = len(worth)
    model = replace(fixed, lower=fixed.lower.copy(), upper=fixed.upper.copy())
    model.lower[:sites] = model.upper[:sites] = np.minimum(opened, fixed.upper[:sites])
    if solve_arrays(model, gap=0.0, seconds=seconds).values is not None:
        return opened
    answer = solve_arrays(counting_model(sizing, worth), gap=1e-3, seconds=seconds)
    return None if answer.values is None else answer.values[:sites] > 0.5  # noqa: PLR2004


def colliding_rows(sizing: Sizing, seconds: float) -> tuple[str, ...]:
    """
    Name a smallest set of global rows that can't hold together even before anyone is served.

    A deletion filter (Chinneck 2008, ch. 6) over the linear relaxation of the counting part: a row
    stays in the set when the others can hold without it.

    Parameters
    ----------
    sizing
        The instance.
    seconds
        Time allowed to each linear programme.

    Returns
    -------
    names
        Row names; empty where the counting part can hold. `("site limits",)` where sites that have
        to be open can't hold their least piles.
    """
    stuck = sizing.forced & ~(counting_model(sizing, np.zeros(len(sizing.forced))).upper[
        : len(sizing.forced)
    ] > 0)  # fmt: skip
    if stuck.any():
        return ("site limits",)
    counted = without_flows(sizing)

    def holds(rows: npt.NDArray[np.int64]) -> bool:
        trial = keep_rows(counted, rows)
        model = counting_model(trial, np.zeros(len(sizing.forced)), whole=False)
        return solve_arrays(model, gap=0.0, seconds=seconds).kind != "infeasible"

    if holds(np.arange(len(counted.row_name))):
        return ()
    return deletion_filter(counted.row_name, holds)


def deletion_filter(
    names: tuple[str, ...], holds: Callable[[npt.NDArray[np.int64]], bool]
) -> tuple[str, ...]:
    """
    Reduce rows that can't hold together to a smallest such set (Chinneck 2008, ch. 6).

    Parameters
    ----------
    names
        Row names.
    holds
        Whether rows, given by position, can hold together.

    Returns
    -------
    names
        A set of which no row can go; `("site limits",)` where the rows aren't the reason.
    """
    rows = np.arange(len(names))
    for row in range(len(names)):
        trial = rows[rows != row]
        if not holds(trial):
            rows = trial
    return tuple(names[r] for r in rows) or ("site limits",)
