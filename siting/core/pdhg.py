"""First-order linear programming: reflected restarted Halpern primal-dual hybrid gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array, diags_array

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

SUFFICIENT = 0.2
"""Restart at once when the fixed-point error has shrunk by this factor (PDLP)."""
NECESSARY = 0.8
"""Restart when it has shrunk by this factor and grows again (PDLP)."""
CHECK = 10
"""Iterations between looks at the error within an epoch."""
ARTIFICIAL = 0.36
"""Restart when an epoch is this share of all iterations (PDLP)."""


@dataclass(frozen=True, slots=True)
class LinearProgram:
    """
    Maximise `cost x` where `row_lower <= matrix x <= row_upper` and `lower <= x <= upper`.

    Attributes
    ----------
    cost, lower, upper
        Objective and finite bounds of the columns, shape (n,).
    matrix
        CSR, shape (m, n).
    row_lower, row_upper
        Bounds of the rows, shape (m,), `-inf` and `inf` allowed.
    """

    cost: npt.NDArray[np.float64]
    lower: npt.NDArray[np.float64]
    upper: npt.NDArray[np.float64]
    matrix: csr_array
    row_lower: npt.NDArray[np.float64]
    row_upper: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Iterate:
    """
    A primal and dual point of a linear programme, neither exactly feasible.

    Attributes
    ----------
    x
        Columns, within their bounds, shape (n,).
    y
        Row multipliers, > 0 where the upper bound of the row binds, shape (m,).
    weight
        Primal weight at the end, to continue from.
    iterations
        Steps made.
    """

    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    weight: float = 0.0
    iterations: int = 0


@dataclass(slots=True)
class _Epoch:
    """What one restart epoch remembers."""

    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    first: float = 0.0
    last: float = np.inf
    length: int = 0


def _scaling(
    matrix: csr_array, rounds: int = 10
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Ruiz equilibration followed by Pock and Chambolle's diagonal: row and column factors."""
    row, column = np.ones(matrix.shape[0]), np.ones(matrix.shape[1])
    scaled = abs(matrix)
    for power in (*[np.inf] * rounds, 1.0):
        if power == np.inf:
            r, c = scaled.max(axis=1).toarray(), scaled.max(axis=0).toarray()
        else:
            r, c = np.asarray(scaled.sum(axis=1)), np.asarray(scaled.sum(axis=0))
        r = 1 / np.sqrt(np.where(r > 0, r, 1.0).ravel())
        c = 1 / np.sqrt(np.where(c > 0, c, 1.0).ravel())
        scaled = diags_array(r) @ scaled @ diags_array(c)
        row *= r
        column *= c
    return row, column


def _norm(matrix: csr_array, transpose: csr_array) -> float:
    """Spectral norm by power iteration, rounded up a little."""
    x = np.full(matrix.shape[1], 1.0) + np.linspace(0, 1e-3, matrix.shape[1])
    size = 1.0
    for _ in range(30):
        x = transpose @ (matrix @ x)
        size = float(np.sqrt(_dot(x, x))) or 1.0
        x /= size
    return float(1.02 * np.sqrt(size))


def maximise(
    program: LinearProgram,
    *,
    start: Iterate | None = None,
    most: int = 100_000,
    every: int = 100,
    stop: Callable[[Iterate], bool],
) -> Iterate:
    """
    Approach an optimum of a linear programme by first-order steps.

    The method is the reflected restarted Halpern PDHG of Lu and Yang (2024, arXiv:2407.16144) with
    the restart rules of PDLP (Applegate et al. 2021, arXiv:2106.04756). The point returned is
    approximate: bounds have to be evaluated from `y` by a safe formula.

    Parameters
    ----------
    program
        The programme.
    start
        Point to continue from; zeros by default.
    most
        Most iterations.
    every
        Iterations between calls of `stop`.
    stop
        Is shown the iterate and says whether to end.
    """
    row, column = _scaling(program.matrix)
    matrix = csr_array(diags_array(row) @ program.matrix @ diags_array(column))
    transpose = csr_array(matrix.T)
    cost = -program.cost * column
    lower, upper = program.lower / column, program.upper / column
    low, high = program.row_lower * row, program.row_upper * row
    step = 0.998 / _norm(matrix, transpose)
    rhs = np.where(np.isfinite(high), high, np.where(np.isfinite(low), low, 0.0)).astype(float)
    weight = float(np.sqrt(_dot(cost, cost) / max(_dot(rhs, rhs), 1e-24))) or 1.0
    x = np.clip(np.zeros(len(cost)), lower, upper)
    y = np.zeros(len(low))
    if start is not None:
        x, y = np.clip(start.x / column, lower, upper), -start.y / row
        weight = start.weight or weight
    epoch = _Epoch(x, y)
    xt, yt = x, y
    iteration = 0
    for iteration in range(1, most + 1):
        tau, sigma = step / weight, step * weight
        xt = np.minimum(np.maximum(x - tau * (cost - transpose @ y), lower), upper)
        z = y - sigma * (matrix @ (2 * xt - x))
        yt = z - np.minimum(np.maximum(z, -sigma * high), -sigma * low)
        epoch.length += 1
        if epoch.length % CHECK == 1 and _restart(
            epoch, _fixed_point_error(matrix, x - xt, y - yt, weight, step), iteration
        ):
            weight = _weight(weight, xt - epoch.x, yt - epoch.y)
            x, y = xt, yt
            epoch = _Epoch(x, y)
        else:
            k = epoch.length
            x = (k * (2 * xt - x) + epoch.x) / (k + 1)
            y = (k * (2 * yt - y) + epoch.y) / (k + 1)
        if iteration % every == 0 and stop(Iterate(xt * column, -yt * row, weight, iteration)):
            break
    return Iterate(xt * column, -yt * row, weight, iteration)


def _dot(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    """Inner product without BLAS, whose threads spin for longer than the sum takes."""
    return float(np.einsum("i,i->", a, b))


def _fixed_point_error(
    matrix: csr_array,
    dx: npt.NDArray[np.float64],
    dy: npt.NDArray[np.float64],
    weight: float,
    step: float,
) -> float:
    """Distance of an iterate from its image in the norm in which the map does not expand."""
    cross = _dot(dy, matrix @ dx)
    square = weight * _dot(dx, dx) - 2 * step * cross + _dot(dy, dy) / weight
    return float(np.sqrt(max(square, 0.0)))


def _restart(epoch: _Epoch, error: float, iteration: int) -> bool:
    """Whether the epoch ends here; remembers the error."""
    if epoch.length == 1:
        epoch.first = epoch.last = error
        return False
    grows = error > epoch.last
    epoch.last = error
    return (
        error <= SUFFICIENT * epoch.first
        or (error <= NECESSARY * epoch.first and grows)
        or epoch.length >= ARTIFICIAL * iteration
    )


def _weight(weight: float, dx: npt.NDArray[np.float64], dy: npt.NDArray[np.float64]) -> float:
    """Primal weight smoothed in the logarithm (PDLP)."""
    far_x, far_y = np.sqrt(_dot(dx, dx)), np.sqrt(_dot(dy, dy))
    if far_x <= 1e-12 or far_y <= 1e-12:  # noqa: PLR2004
        return weight
    return float(np.exp(0.5 * np.log(far_y / far_x) + 0.5 * np.log(weight)))
