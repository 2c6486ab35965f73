"""
Programmes whose parts may give way at a price, and a safe bound on how far they have to.

A part is a clause, a budget or a limit: some sides of rows. What a row lacks is counted in sizes of
its part, so that one unit is the whole of what the clause asks (elastic programming, Chinneck 2008,
ch. 6).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array, csr_array, diags_array, hstack

from siting.core.highs import highs_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import highspy
    import numpy.typing as npt

    from siting.core.handover import ArrayModel

    Floats = npt.NDArray[np.float64]
    Bools = npt.NDArray[np.bool_]
    Ints = npt.NDArray[np.int64]
    Tune = Callable[[highspy.Highs], None]

TINY = 1e-6
"""Relative shortage that counts as none, as a broken row does for `core.handover`."""


@dataclass(frozen=True, slots=True)
class Elastic:
    """
    An instance with P parts that may give way.

    Attributes
    ----------
    model
        Rows and columns; its objective is not used. Columns have finite bounds.
    lower, upper
        Part of the lower and of the upper side of each row, -1 for a side that always holds, int64,
        shape (m,).
    size
        What one unit of shortage amounts to, in the unit of the rows of each part, > 0, shape (P,).
    """

    model: ArrayModel
    lower: Ints
    upper: Ints
    size: Floats

    @property
    def parts(self) -> int:
        """Number of parts P."""
        return len(self.size)


@dataclass(frozen=True, slots=True)
class Ask:
    """
    What the parts do in one question.

    Attributes
    ----------
    price
        Shape (P,): infinite for a part that holds, 0 for one that is left out, else what one unit
        of its shortage costs.
    plan
        Whether a plan is looked for, beside the bound.
    from_zero
        Part whose level counts from nothing and not from its bound, so that its shortage is all of
        it (the cost of a plan, for the budget); -1 for none.
    """

    price: Floats
    plan: bool = True
    from_zero: int = -1


@dataclass(frozen=True, slots=True)
class Weighed:
    """
    The least sum of price times shortage.

    Attributes
    ----------
    low, high
        No plan comes to less; the found plan's sum. Infinite where the parts that hold can't, and
        where no plan was found.
    short
        Shortage of each part in the found plan, in its sizes, shape (P,); NaN without a plan, 0 for
        parts that were left out.
    level
        Left-hand side of each row in the found plan, shape (m,), or empty.
    proof
        What `low` rests on: `multipliers`, `branch and bound`, or "" for nothing (then it is 0).
    multiplier
        Price of one more unit of each part in the bound, in sizes, shape (P,).
    leans
        Parts that the proof of `low` uses; it holds whatever becomes of the others. Shape (P,).
    values
        Columns of the found plan, or empty.
    """

    low: float
    high: float
    short: Floats
    level: Floats
    proof: str
    multiplier: Floats
    leans: Bools
    values: Floats


def nothing(parts: int) -> Weighed:
    """Return the answer that proves nothing and holds no plan."""
    none, nan = np.zeros(0), np.full(parts, np.nan)
    zero = np.zeros(parts)
    return Weighed(0.0, np.inf, nan, none, "", zero, np.ones(parts, dtype=bool), none)


def scaled(elastic: Elastic, ask: Ask) -> ArrayModel:
    """
    Write a question as a programme to be minimised: the columns, then a shortage a side of a row.

    Parameters
    ----------
    elastic, ask
        The instance and the question.

    Returns
    -------
    ArrayModel
        Rows of parts are divided by the sizes of the parts; `sides` tells what the last columns
        are.
    """
    model = elastic.model
    row, part, sign = sides(elastic)
    factor = np.ones(len(model.row_lower))
    factor[row] = 1 / elastic.size[part]
    least, most = model.row_lower.copy(), model.row_upper.copy()
    price = ask.price[part]
    off = price <= 0
    least[row[off & (sign > 0)]] = -np.inf
    most[row[off & (sign < 0)]] = np.inf
    zero = part == ask.from_zero
    least[row[zero & (sign > 0)]] = 0.0
    most[row[zero & (sign < 0)]] = 0.0
    count = len(row)
    place = (row, np.arange(count))
    slack = csr_array(coo_array((sign, place), shape=(len(factor), count)))
    soft = (price > 0) & np.isfinite(price)
    start = model.start
    if start is not None:
        start = np.concatenate([start, np.full(count, np.nan)])
    return replace(
        model,
        maximise=False,
        offset=0.0,
        cost=np.concatenate([np.zeros(len(model.cost)), np.where(soft, price, 0.0)]),
        lower=np.concatenate([model.lower, np.zeros(count)]),
        upper=np.concatenate([model.upper, np.where(soft, np.inf, 0.0)]),
        integer=np.concatenate([model.integer, np.zeros(count, dtype=bool)]),
        matrix=csr_array(hstack([diags_array(factor) @ model.matrix, slack], format="csr")),
        row_lower=least * factor,
        row_upper=most * factor,
        blocks=(("", len(model.cost) + count),),
        start=start,
    )


def sides(elastic: Elastic) -> tuple[Ints, Ints, Floats]:
    """Row, part and sign (1 lower, -1 upper) of each side of a row that belongs to a part."""
    low = np.flatnonzero((elastic.lower >= 0) & np.isfinite(elastic.model.row_lower))
    high = np.flatnonzero((elastic.upper >= 0) & np.isfinite(elastic.model.row_upper))
    return (
        np.concatenate([low, high]).astype(np.int64),
        np.concatenate([elastic.lower[low], elastic.upper[high]]).astype(np.int64),
        np.concatenate([np.ones(len(low)), -np.ones(len(high))]),
    )


def safe_bound(model: ArrayModel, y: Floats) -> float:
    """
    Lower bound on the objective of a minimisation, valid for every choice of row multipliers.

    The Lagrangian at the multipliers, each column at its cheaper bound (Neumaier and Shcherbina
    2004, doi:10.1007/s10107-003-0433-3); the sum of all magnitudes times the unit round-off and the
    number of terms is taken off, which covers the error of any order of summation.

    Parameters
    ----------
    model
        The programme, `maximise` false; integrality is not used.
    y
        Multipliers, > 0 where the lower side is priced, shape (m,); those of sides that don't exist
        count as 0.

    Returns
    -------
    float
        `-inf` where a column without bound makes the Lagrangian unbounded.
    """
    y = np.nan_to_num(np.asarray(y, dtype=float), posinf=0.0, neginf=0.0)
    y = np.where(np.isfinite(model.row_lower), y, np.minimum(y, 0.0))
    y = np.where(np.isfinite(model.row_upper), y, np.maximum(y, 0.0))
    side = np.where(y > 0, model.row_lower, model.row_upper)
    priced = np.where(y != 0, y * np.where(y != 0, side, 0.0), 0.0)
    reduced = model.cost - model.matrix.T @ y
    size = abs(model.cost) + abs(model.matrix).T @ abs(y)
    # Rounding of the reduced cost is within its terms, so that a column may be a little cheaper.
    error = (2 + np.diff(csr_array(model.matrix.T).indptr)) * 2.0**-52 * size
    low, high = reduced - error, reduced + error
    free = np.isinf(model.upper)
    if (free & (high < 0)).any() or np.isinf(model.lower).any():
        return -np.inf
    # A slack column whose reduced cost is 0 but for rounding was priced to the limit.
    top = np.where(free, 0.0, model.upper)
    cheap = np.minimum(low * model.lower, high * model.lower)
    ends = np.minimum(low * top, high * top)
    cheap = np.where(free, cheap, np.minimum(cheap, ends))
    box = np.maximum(abs(model.lower), abs(top))
    total = float(priced.sum() + cheap.sum())
    terms = len(priced) + len(cheap) + 32
    magnitude = float(abs(priced).sum() + (size * box).sum())
    return total - terms * 2.0**-52 * magnitude


def clipped(elastic: Elastic, ask: Ask, y: Floats) -> Floats:
    """Cut multipliers off where a shortage would be cheaper, so that the bound is finite."""
    row, part, sign = sides(elastic)
    price = np.where(np.isfinite(ask.price), ask.price, np.inf)[part]
    y = y.copy()
    up, down = sign > 0, sign < 0
    y[row[up]] = np.minimum(y[row[up]], price[up] * (1 - 1e-12))
    y[row[down]] = np.maximum(y[row[down]], -price[down] * (1 - 1e-12))
    return y


def multipliers_of(elastic: Elastic, y: Floats) -> Floats:
    """Sum the multipliers of the rows of each part, shape (P,)."""
    row, part, sign = sides(elastic)
    paid = np.maximum(sign * y[row], 0.0)
    return np.bincount(part, paid, minlength=elastic.parts).astype(float)


def relaxed(
    elastic: Elastic, ask: Ask, seconds: float, tune: Tune | None = None
) -> tuple[float, Floats, Floats | None, str]:
    """
    Solve the linear relaxation of a question.

    Parameters
    ----------
    elastic, ask
        The instance and the question.
    seconds
        Wall time allowed.
    tune
        Sets options of HiGHS, or None.

    Returns
    -------
    low, y, x, kind
        Safe bound, multipliers behind it, columns of the optimum or None; `solved`, `infeasible`
        (the parts that hold can't, by HiGHS's word) or `limit`.
    """
    model = scaled(elastic, ask)
    model = replace(model, integer=np.zeros(len(model.cost), dtype=bool), start=None)
    highs = highs_of(model, seconds=seconds)
    if tune is not None:
        tune(highs)
    highs.run()
    words = highs.modelStatusToString(highs.getModelStatus())
    none = np.zeros(len(model.row_lower))
    if words in ("Infeasible", "Primal infeasible or unbounded"):
        return np.inf, none, None, "infeasible"
    solution = highs.getSolution()
    if not solution.dual_valid:
        return 0.0, none, None, "limit"
    y = clipped(elastic, ask, np.array(solution.row_dual, dtype=float))
    low = max(0.0, safe_bound(model, y))
    x = np.array(solution.col_value, dtype=float) if words == "Optimal" else None
    return low, y, x, "solved" if words == "Optimal" else "limit"
