"""Maximal covering as plain arrays, its exact value, and its form as a mixed-integer programme."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array, eye_array, hstack, vstack

from siting.core.handover import ArrayModel
from siting.errors import SolverError
from siting.structures import Covering

if TYPE_CHECKING:
    import numpy.typing as npt

_SLACK = 1e-9


def plain_covering(
    cover: csr_array, weight: npt.NDArray[np.float64], sites: float, **other: object
) -> Covering:
    """
    State the textbook problem: open at most `sites` sites of equal cost.

    Parameters
    ----------
    cover, weight
        See `Covering`.
    sites
        Most sites to open.
    other
        Further fields of `Covering`.
    """
    count = cover.shape[1]
    fields = {
        "cost": np.ones(count),
        "fixed": np.zeros(count, dtype=np.bool_),
        "banned": np.zeros(count, dtype=np.bool_),
        **other,
    }
    return Covering(cover=cover, weight=weight, budget=float(sites), **fields)  # type: ignore[arg-type]


def check_covering(covering: Covering) -> None:
    """
    Refuse a covering that is malformed.

    Raises
    ------
    SolverError
        For wrong shapes, negative or non-finite weights and costs, or a site both fixed and banned.
    """
    rows, sites = covering.cover.shape
    shapes = {
        "weight": (covering.weight.shape, (rows,)),
        "cost": (covering.cost.shape, (sites,)),
        "fixed": (covering.fixed.shape, (sites,)),
        "banned": (covering.banned.shape, (sites,)),
    }
    for name, (found, wanted) in shapes.items():
        if found != wanted:
            raise SolverError(f"{name} should have shape {wanted}", where="covering", value=found)
    for name, values in (("weight", covering.weight), ("cost", covering.cost)):
        if not (np.isfinite(values).all() and (values >= 0).all()):
            raise SolverError(f"a {name} is negative or not a number", where="covering")
    if not np.isfinite(covering.budget):
        raise SolverError("the budget is not a number", where="covering", value=covering.budget)
    both = np.flatnonzero(covering.fixed & covering.banned)
    if len(both):
        raise SolverError(
            "a site is both fixed and banned", where="covering", value=f"site {both[0]}"
        )


def budget_limit(budget: float) -> float:
    """Budget with room for the rounding of a sum of costs."""
    return budget + _SLACK * max(1.0, abs(budget))


def is_feasible(covering: Covering) -> bool:
    """Tell whether the fixed sites fit the budget; all else can stay closed."""
    return float(covering.cost[covering.fixed].sum()) <= budget_limit(covering.budget)


def covered_rows(covering: Covering, opened: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """
    Find the rows that an open site covers.

    Parameters
    ----------
    covering
        The problem.
    opened
        Open sites, shape (sites,).

    Returns
    -------
    ndarray of bool
        Shape (rows,).
    """
    return any_in_rows(covering.cover, opened)


def any_in_rows(pattern: csr_array, flags: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """
    Tell which rows of a pattern have an entry in a flagged column.

    Parameters
    ----------
    pattern
        CSR of shape (rows, columns).
    flags
        Shape (columns,).

    Returns
    -------
    ndarray of bool
        Shape (rows,).
    """
    filled = np.diff(pattern.indptr) > 0
    if flags.all() or not flags.any():
        return filled & bool(flags.any())
    hit = np.zeros(pattern.shape[0], dtype=np.bool_)
    starts = pattern.indptr[:-1][filled]
    if len(starts):
        hit[filled] = np.logical_or.reduceat(flags[pattern.indices], starts)
    return hit


def check_opened(covering: Covering, opened: npt.NDArray[np.bool_]) -> float:
    """
    Recompute the value of a solution from the data alone.

    Parameters
    ----------
    covering
        The problem.
    opened
        Open sites, shape (sites,).

    Returns
    -------
    float
        Weight covered.

    Raises
    ------
    SolverError
        Where the sites break the budget, or a fixed or banned site is on the wrong side.
    """
    spent = float(covering.cost[opened].sum())
    if spent > budget_limit(covering.budget):
        raise SolverError(
            f"open sites cost {spent!r}, over the budget",
            where="covering",
            value=covering.budget,
        )
    if (covering.fixed & ~opened).any() or (covering.banned & opened).any():
        raise SolverError("a fixed site is closed or a banned one open", where="covering")
    return float(covering.weight[covered_rows(covering, opened)].sum())


def load_of(covering: Covering) -> float:
    """
    Load: budget in sites times mean cover per row over sites, near 1 where the problem is hard.

    Unlike costs count as budget over mean cost. NaN without rows, sites or cost.
    """
    rows, sites = covering.cover.shape
    mean_cost = float(covering.cost.mean()) if sites else 0.0
    if not rows or mean_cost <= 0:
        return float("nan")
    return covering.budget / mean_cost * (covering.cover.nnz / rows) / sites


def as_model(covering: Covering, *, least: float | None = None) -> ArrayModel:
    """
    Write the covering as a mixed-integer programme: sites first, then rows.

    Rows of it: `covered_i <= sum of the sites that cover i`, then the budget; covered_i is
    continuous since integral sites make it integral.

    Parameters
    ----------
    covering
        The problem.
    least
        An objective that a solution has to reach, as a last row; None without.
    """
    rows, sites = covering.cover.shape
    pattern = csr_array(
        (np.ones(covering.cover.nnz), covering.cover.indices, covering.cover.indptr),
        shape=(rows, sites),
    )
    parts = [
        hstack([pattern, -eye_array(rows)]),
        hstack([csr_array(covering.cost[None, :]), csr_array((1, rows))]),
    ]
    lower = [np.zeros(rows), np.array([-np.inf])]
    upper = [np.full(rows, np.inf), np.array([budget_limit(covering.budget)])]
    if least is not None:
        parts.append(hstack([csr_array((1, sites)), csr_array(covering.weight[None, :])]))
        lower.append(np.array([least]))
        upper.append(np.array([np.inf]))
    return ArrayModel(
        maximise=True,
        offset=0.0,
        cost=np.concatenate([np.zeros(sites), covering.weight]),
        lower=np.concatenate([covering.fixed.astype(np.float64), np.zeros(rows)]),
        upper=np.concatenate([1.0 - covering.banned, np.ones(rows)]),
        integer=np.arange(sites + rows) < sites,
        matrix=csr_array(vstack(parts)),
        row_lower=np.concatenate(lower),
        row_upper=np.concatenate(upper),
        blocks=(("sites", sites), ("rows", rows)),
    )
