"""Multipliers of the programme of years, from its linear relaxation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, kron, vstack
from scipy.sparse import eye_array as eye

from siting.formulate.oneplan import year_worth

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.formulate.oneplan import YearChoice


def year_multipliers(choice: YearChoice) -> npt.NDArray[np.float64]:
    """
    Return the multipliers of the side rows that prove the bound of the linear relaxation.

    A row is either a `<=` or a `>=` row. All are 0 where the relaxation has no solution: they prove
    a bound in any case, only not a good one.

    Parameters
    ----------
    choice
        Items, years and limits.

    Returns
    -------
    multipliers
        As `year_bound` takes them, shape (R,).
    """
    count, years = len(choice.worth), len(choice.years)
    price = np.zeros(len(choice.rows))
    if not count or not choice.rows:
        return price
    sign = np.array([1.0 if np.isfinite(row.upper) else -1.0 for row in choice.rows])
    limit = np.array([row.upper if np.isfinite(row.upper) else row.lower for row in choice.rows])
    lines = []
    for row in choice.rows:
        span = np.zeros(years)
        span[row.first : row.last + 1] = 1.0
        lines.append(csr_array(np.kron(row.amount, span)[None, :]))
    table = vstack(lines, format="csr")
    # Rows of money and rows of counts in one size.
    scale = sign / np.maximum(abs(table).max(axis=1).toarray().ravel(), 1e-12)
    # The stubs of SciPy know no sparse rows.
    found = linprog(  # type: ignore[call-overload]
        -year_worth(choice).ravel(),
        A_ub=csr_array(table.multiply(scale[:, None])),
        b_ub=scale * limit,
        A_eq=csr_array(kron(eye(count), np.ones((1, years)))),
        b_eq=np.ones(count),
        bounds=(0, 1),
        method="highs",
    )
    if found.status == 0:
        price = -np.asarray(found.ineqlin.marginals) * scale
    return np.asarray(price, dtype=np.float64)
