"""
Bounds on a covering: a safe Lagrangian bound from any multipliers, and good multipliers.

With `z_i <= sum_j a_ij x_j` relaxed by `u_i in [0, w_i]`, for every feasible plan

    value <= sum_i (w_i - u_i) + max { sum_j g_j x_j : x feasible for the budget },  g = A' u,

and the maximum over the budget is at most that of the continuous knapsack (Dantzig 1957), which is
what is evaluated. This holds for every u, so nothing rests on the tolerance of whoever found u. The
minimum over u alone is the bound of the linear relaxation (Geoffrion 1974). It is approached by the
primal-dual hybrid gradient method on the saddle function in (x, u), with averages and restarts
(Chambolle and Pock 2011; Applegate et al. 2021, arXiv:2106.04756): the projections on the knapsack
polytope and on the box are exact, so no other variables or rows are needed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from siting.core.covering.problem import budget_limit

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from siting.structures import Covering

    Vector = npt.NDArray[np.float64]

_EPS = float(np.finfo(np.float64).eps)
_CHECK = 40
_PATIENCE = 2000
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Cut:
    """
    Odd cuts and their multipliers.

    Attributes
    ----------
    members
        The three different rows of each cut, int64, shape (cuts, 3).
    multiplier
        v >= 0, shape (cuts,).
    """

    members: npt.NDArray[np.int64]
    multiplier: Vector


def no_cuts() -> Cut:
    """Give no cuts at all."""
    return Cut(np.zeros((0, 3), dtype=np.int64), np.zeros(0))


@dataclass(frozen=True, slots=True)
class Dual:
    """
    Multipliers and what they prove.

    Attributes
    ----------
    multiplier
        u, shape (rows,), within [0, weight].
    bound
        Safe bound from them.
    relaxed
        Primal point of the linear relaxation that came with them, shape (sites,); approximate.
    iterations
        Steps made.
    cut
        Cuts that the bound uses beside the multipliers.
    """

    multiplier: Vector
    bound: float
    relaxed: Vector
    iterations: int
    cut: Cut = field(default_factory=no_cuts)


def covering_bound(covering: Covering, multiplier: Vector, cut: Cut | None = None) -> float:
    """
    Bound the value of every feasible plan from any multipliers.

    Parameters
    ----------
    covering
        The problem; fixed and banned sites are respected.
    multiplier
        u, shape (rows,); values outside [0, weight] are clipped, NaN counts as 0.
    cut
        Odd cuts, if any; multipliers below 0, infinite or NaN count as 0.

    Returns
    -------
    float
        A number no smaller than the optimum, rounding of this evaluation included.
    """
    weight = covering.weight
    constant, profit, size = _priced(covering, multiplier, cut or no_cuts())
    free = ~covering.fixed & ~covering.banned
    budget = budget_limit(covering.budget) - float(covering.cost[covering.fixed].sum())
    total = constant + float(profit[covering.fixed].sum())
    total += _knapsack(profit[free], covering.cost[free], budget)
    # No chain of additions is longer than rows + sites + cuts, and each term of it is part of the
    # weights, the profits or the cuts: the error is below chain x eps x sum of magnitudes (Higham
    # 2002, eq. 4.4).
    chain = len(weight) + len(profit) + 16 + (0 if cut is None else len(cut.multiplier))
    return total + 2.0 * chain * _EPS * float(weight.sum() + profit.sum() + 4.0 * size)


def _priced(covering: Covering, multiplier: Vector, cut: Cut) -> tuple[float, Vector, float]:
    """Constant part of the bound, worth of each site, and sum of the multipliers of cuts."""
    weight = covering.weight
    u = np.clip(np.nan_to_num(multiplier, nan=0.0), 0.0, weight)
    profit = _profit(covering.cover, u)
    if not len(cut.members):
        return float((weight - u).sum()), profit, 0.0
    v = np.maximum(np.nan_to_num(cut.multiplier, nan=0.0, posinf=0.0, neginf=0.0), 0.0)
    member, site = cut_rows(covering.cover, cut.members)
    left = np.maximum(weight - u - member.T @ v, 0.0)
    return float(left.sum() + v.sum()), profit + site.T @ v, float(v.sum())


def cut_rows(cover: csr_array, members: npt.NDArray[np.int64]) -> tuple[csr_array, csr_array]:
    """
    Write odd cuts `member z <= 1 + site x`.

    Parameters
    ----------
    cover
        Pattern without duplicates, shape (rows, sites).
    members
        Three different rows a cut, shape (cuts, 3).

    Returns
    -------
    member, site
        CSR of shape (cuts, rows) and (cuts, sites). A site that covers one or two of the rows
        counts 1, one that covers all three 2.
    """
    rows, count = cover.shape[0], len(members)
    ends = 3 * np.arange(count + 1)
    member = csr_array((np.ones(3 * count), members.ravel(), ends), shape=(count, rows))
    ones = csr_array((np.ones(cover.nnz), cover.indices, cover.indptr), shape=cover.shape)
    site = csr_array(member @ ones)
    site.data = np.ceil(0.5 * site.data)
    return member, site


def rounded_down(covering: Covering, bound: float) -> float:
    """Lower a bound to a whole number where every weight is one, since then every value is."""
    if np.array_equal(covering.weight, np.rint(covering.weight)):
        return float(np.floor(bound))
    return bound


def _profit(cover: csr_array, multiplier: Vector) -> Vector:
    """Worth of each site at given multipliers, g = A' u."""
    per_entry = np.repeat(multiplier, np.diff(cover.indptr))
    sums = np.bincount(cover.indices, weights=per_entry, minlength=cover.shape[1])
    return sums.astype(np.float64, copy=False)


def _knapsack(profit: Vector, cost: Vector, budget: float) -> float:
    """Optimum of the continuous knapsack with items of at most one, profits >= 0."""
    free = cost <= 0
    total = float(profit[free].sum())
    profit, cost = profit[~free], cost[~free]
    if not len(cost) or budget <= 0:
        return total
    order = np.argsort(-profit / cost, kind="stable")
    spent = np.cumsum(cost[order])
    whole = int(np.searchsorted(spent, budget, side="right"))
    total += float(profit[order[:whole]].sum())
    if whole < len(order):
        left = budget - (float(spent[whole - 1]) if whole else 0.0)
        total += float(profit[order[whole]]) * min(max(left / float(cost[order[whole]]), 0.0), 1.0)
    return total


def improve_dual(
    covering: Covering,
    *,
    start: Dual | None = None,
    iterations: int = 4000,
    tolerance: float = 1e-5,
    deadline: float = float("inf"),
    report: Callable[[float], None] | None = None,
) -> Dual:
    """
    Lower the Lagrangian bound by restarted primal-dual hybrid gradient steps.

    Parameters
    ----------
    covering
        A small problem from `shrink`: no fixed or banned sites, costs > 0.
    start
        Where to go on from.
    iterations
        Most steps.
    tolerance
        Stop where bound and value of the relaxation differ by less than this share.
    deadline
        `time.monotonic()` to stop at.
    report
        Called with each better bound.

    Returns
    -------
    Dual
        The best multipliers seen; never worse than `start`.
    """
    saddle = _saddle(covering)
    first = start or _first_dual(covering)
    state = _Restarts(saddle, first)
    best = first
    for step in range(1, iterations + 1):
        state.step()
        if step % _CHECK:
            continue
        found = state.check()
        bound = found[1] * saddle.unit
        if bound < best.bound:
            best = Dual(
                found[2] * saddle.unit,
                covering_bound(covering, found[2] * saddle.unit),
                found[3],
                0,
            )
            if report is not None:
                report(best.bound)
        if found[0] <= tolerance * found[1] or time.monotonic() > deadline:
            break
    return Dual(best.multiplier, best.bound, state.x, first.iterations + step)


def _first_dual(covering: Covering) -> Dual:
    half = covering.weight * 0.5
    sites = len(covering.cost)
    even = np.full(sites, min(1.0, covering.budget / max(float(covering.cost.sum()), 1e-300)))
    return Dual(half, covering_bound(covering, half), even, 0)


@dataclass(frozen=True, slots=True)
class _Saddle:
    """The scaled saddle problem: weights in units of their mean, costs in units of theirs."""

    rows: csr_array
    sites: csr_array
    weight: Vector
    cost: Vector
    budget: float
    unit: float
    row_step: Vector
    norm: float

    def project(self, point: Vector) -> Vector:
        """Nearest point of `0 <= x <= 1, cost x <= budget`, by bracketed Newton steps."""
        clipped = np.clip(point, 0.0, 1.0)
        excess = float(self.cost @ clipped) - self.budget
        if excess <= 0:
            return clipped
        low, high = 0.0, float((point / self.cost).max())
        price = 0.0
        for _ in range(60):
            inside = (clipped > 0.0) & (clipped < 1.0)
            slope = float((self.cost[inside] ** 2).sum())
            price = price + excess / slope if slope > 0 else high
            if not low < price < high:
                price = 0.5 * (low + high)
            clipped = np.clip(point - price * self.cost, 0.0, 1.0)
            excess = float(self.cost @ clipped) - self.budget
            if abs(excess) <= 1e-12 * max(1.0, self.budget):
                break
            low, high = (price, high) if excess > 0 else (low, price)
        return clipped

    def bound(self, u: Vector) -> float:
        """Lagrangian bound in scaled units, without the care of `covering_bound`."""
        profit = self.sites @ u
        return float((self.weight - u).sum()) + _knapsack(profit, self.cost, self.budget)

    def value(self, x: Vector) -> float:
        """Value of the linear relaxation at a feasible x, scaled."""
        return float(np.minimum(self.rows @ x, 1.0) @ self.weight)


def _saddle(covering: Covering) -> _Saddle:
    cover = covering.cover
    rows = csr_array((np.ones(cover.nnz), cover.indices, cover.indptr), shape=cover.shape)
    sites = csr_array(rows.T)
    unit = float(covering.weight.mean())
    scale = float(covering.cost.mean())
    row_step = 1.0 / np.diff(cover.indptr)
    x = np.ones(cover.shape[1])
    size = 1.0
    for _ in range(30):
        x = np.asarray(sites @ (row_step * (rows @ x)))
        size = float(np.linalg.norm(x))
        x /= size
    return _Saddle(
        rows,
        sites,
        covering.weight / unit,
        covering.cost / scale,
        covering.budget / scale,
        unit,
        row_step,
        1.01 * size**0.5,
    )


class _Restarts:
    """Iterates of the method with their running average, restarts and primal weight."""

    def __init__(self, saddle: _Saddle, first: Dual) -> None:
        self.saddle = saddle
        self.x = saddle.project(first.relaxed)
        self.u = first.multiplier / saddle.unit
        self.root = np.sqrt(saddle.row_step)
        self.weight = max(
            float(np.linalg.norm(self.u / self.root)) / max(float(np.linalg.norm(self.x)), 1e-12),
            1e-6,
        )
        self.steps = 0
        self.last = float("inf")
        self._anchor()

    def _anchor(self) -> None:
        self.x0, self.u0 = self.x, self.u
        self.x_sum, self.u_sum = np.zeros_like(self.x), np.zeros_like(self.u)
        self.length = 0

    def step(self) -> None:
        """One primal and one dual step."""
        saddle = self.saddle
        x = saddle.project(self.x + (saddle.sites @ self.u) / (saddle.norm * self.weight))
        slack = saddle.rows @ (2.0 * x - self.x) - 1.0
        self.u = np.clip(
            self.u - (self.weight / saddle.norm) * saddle.row_step * slack, 0.0, saddle.weight
        )
        self.x = x
        self.x_sum += x
        self.u_sum += self.u
        self.length += 1
        self.steps += 1

    def check(self) -> tuple[float, float, Vector, Vector]:
        """Gap, bound, u and x of the better of average and last iterate; restart where due."""
        saddle = self.saddle
        mean = (self.x_sum / self.length, self.u_sum / self.length)
        options = []
        for x, u in (mean, (self.x, self.u)):
            bound = saddle.bound(u)
            options.append((bound - saddle.value(x), bound, u, x))
        chosen = min(options, key=lambda option: option[0])
        best = min(options, key=lambda option: option[1])
        gap = chosen[0]
        long = self.length > 0.36 * self.steps and gap < 0.8 * self.last
        if gap < 0.3 * self.last or long or self.length >= _PATIENCE:
            self._restart(chosen[3], chosen[2], gap)
        return gap, best[1], best[2], best[3]

    def _restart(self, x: Vector, u: Vector, gap: float) -> None:
        moved_x = float(np.linalg.norm(x - self.x0))
        moved_u = float(np.linalg.norm((u - self.u0) / self.root))
        if moved_x > _TINY and moved_u > _TINY:
            self.weight = float(np.sqrt(self.weight * moved_u / moved_x))
        self.x, self.u = x, u
        self.last = gap
        self._anchor()


def fix_by_bound(
    covering: Covering, dual: Dual, incumbent: float
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """
    Find sites that no plan better than the incumbent leaves closed, or opens.

    With the budget's price also relaxed, closing or opening a site costs at least its reduced
    profit; where the bound less that falls to the incumbent, the decision is made.

    Parameters
    ----------
    covering
        The problem, without fixed or banned sites.
    dual
        Multipliers of rows and cuts.
    incumbent
        Value of a known plan.

    Returns
    -------
    fixed, banned
        Shape (sites,) each.
    """
    constant, profit, _ = _priced(covering, dual.multiplier, dual.cut)
    ratio = profit / covering.cost
    order = np.argsort(-ratio, kind="stable")
    spent = np.cumsum(covering.cost[order])
    last = min(int(np.searchsorted(spent, covering.budget, side="right")), len(order) - 1)
    price = float(ratio[order[last]])
    reduced = profit - price * covering.cost
    bound = constant + price * budget_limit(covering.budget)
    bound += float(np.maximum(reduced, 0.0).sum())
    room = bound - incumbent + 1e-6 * max(1.0, abs(bound))
    return reduced > room, -reduced > room
