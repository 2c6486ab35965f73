"""
Split a covering into parts that share no row, and solve each by itself.

Such parts (towns too far apart to serve each other) share nothing but the number of sites. Let
`v_c(k)` be the best value of part c with k sites. The best plan of the whole is the greatest
`sum_c v_c(k_c)` with `sum_c k_c` within the budget, a knapsack over counts that dynamic programming
solves exactly. Few of the v_c(k) are ever needed: each starts as a safe interval, the knapsack over
the upper ends says which counts the bound rests on, those are solved by branch and bound, and so on
until upper and lower ends agree on the optimum. So the split loses nothing.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from siting.core.covering.bound import covering_bound, rounded_down
from siting.core.covering.problem import as_model, budget_limit, covered_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from siting.structures import Covering

    Vector = npt.NDArray[np.float64]
    Whole = npt.NDArray[np.int64]
    Mask = npt.NDArray[np.bool_]
    Take = Callable[[float, Mask], None]
    Lower = Callable[[float, str], None]

_PROVEN = 5e-7
"""Gap that is none, since branch and bound leaves 1e-7 for tolerances."""
_LEAST_S = 0.05
"""Seconds below which no branch and bound is begun."""
_SHARE = 0.3
"""Share of the time left that one count may take; a part that needs more is not an easy one."""


@dataclass(frozen=True, slots=True)
class Part:
    """
    A part of a covering that shares no row with the rest.

    Attributes
    ----------
    covering
        The part alone; each site costs 1, and the budget is the most sites it can have.
    sites, rows
        Its sites and rows in the whole, ascending, int64.
    """

    covering: Covering
    sites: Whole
    rows: Whole


@dataclass(slots=True)
class Curve:
    """
    What is known of the best value of a part by its number of sites, from 0 on.

    Attributes
    ----------
    low, high
        Value of the best plan known with at most so many sites, and a bound, shape (most + 1,).
    plans
        A plan behind each `low`, shape (sites of the part,).
    solved
        Counts given to branch and bound.
    """

    low: Vector
    high: Vector
    plans: list[Mask]
    solved: set[int]


def split(covering: Covering) -> list[Part]:
    """
    Split a covering with sites of equal cost into parts that share no row.

    Parameters
    ----------
    covering
        A small problem from `shrink`: each row has a site and each site a row.

    Returns
    -------
    list of Part
        In order of their first sites. Parts of a single site make one part together, as their
        curve is exact at once. One part alone where the data doesn't split, none where costs
        differ.
    """
    cost = covering.cost
    if not len(cost) or not (cost == cost[0]).all():
        return []
    rows, sites = covering.cover.shape
    label = _labels(covering.cover)
    size = np.bincount(label, minlength=int(label.max()) + 1)
    label = np.where(size[label] == 1, len(size), label)
    _, label = np.unique(label, return_inverse=True)
    most = int(min(math.floor(budget_limit(covering.budget) / float(cost[0])), sites))
    row_label = label[covering.cover.indices[covering.cover.indptr[:-1]]]
    order, row_order = np.argsort(label, kind="stable"), np.argsort(row_label, kind="stable")
    count = int(label.max()) + 1
    ends = np.searchsorted(label[order], np.arange(count + 1))
    row_ends = np.searchsorted(row_label[row_order], np.arange(count + 1))
    parts = [
        _part(
            covering, order[ends[k] : ends[k + 1]], row_order[row_ends[k] : row_ends[k + 1]], most
        )
        for k in range(count)
    ]
    assert sum(len(part.rows) for part in parts) == rows  # noqa: S101
    return sorted(parts, key=lambda part: int(part.sites[0]))


def solve_parts(
    covering: Covering,
    parts: list[Part],
    multiplier: Vector,
    *,
    gap: float,
    deadline: float,
    seed: int,
    take: Take,
    lower: Lower,
) -> bool:
    """
    Solve a covering part by part until the gap or the deadline.

    Parameters
    ----------
    covering
        The whole.
    parts
        Its parts, from `split`.
    multiplier
        Multipliers of its rows, for the first upper ends.
    gap
        Relative gap to stop at, of each part and so of the whole.
    deadline
        `time.monotonic()` to stop at.
    seed
        Random seed.
    take
        Called with each value and plan of the whole.
    lower
        Called with each bound of the whole and how it was got.

    Returns
    -------
    bool
        Whether bound and plan came within the gap.
    """
    curves = [_curve(part, multiplier[part.rows]) for part in parts]
    most = int(
        min(math.floor(budget_limit(covering.budget) / covering.cost[0]), len(covering.cost))
    )
    while True:
        bound, wanted = allocate([curve.high for curve in curves], most)
        value, given = allocate([curve.low for curve in curves], most)
        opened = np.zeros(len(covering.cost), dtype=np.bool_)
        for part, curve, k in zip(parts, curves, given, strict=True):
            opened[part.sites[curve.plans[k]]] = True
        take(value, opened)
        lower(bound + 1e-9 * max(1.0, abs(bound)), "branch and bound, part by part")
        if bound - value <= max(gap, _PROVEN) * max(abs(value), 1e-9):
            return True
        open_parts = [
            (curve.high[k] - curve.low[k], number, k)
            for number, (curve, k) in enumerate(zip(curves, wanted, strict=True))
            if k not in curve.solved and curve.high[k] > curve.low[k]
        ]
        if not open_parts:
            return False
        # The widest first: the knapsack may want other counts after it.
        _, number, k = max(open_parts)
        seconds = _SHARE * (deadline - time.monotonic())
        if seconds < _LEAST_S:
            return False
        if not _solve_count(parts[number], curves[number], k, gap=gap, seconds=seconds, seed=seed):
            return False


def allocate(curves: list[Vector], most: int) -> tuple[float, list[int]]:
    """
    Share out sites over parts so that the sum of their values is greatest.

    Parameters
    ----------
    curves
        Value of each part by its number of sites from 0 on.
    most
        Most sites in all.

    Returns
    -------
    float
        The greatest sum.
    list of int
        Sites of each part.
    """
    best = np.zeros(most + 1)
    choice: list[Whole] = []
    for curve in curves:
        top, chosen = np.full(most + 1, -np.inf), np.zeros(most + 1, dtype=np.int64)
        for k in range(min(len(curve), most + 1)):
            tried = best[: most + 1 - k] + curve[k]
            better = tried > top[k:]
            top[k:][better] = tried[better]
            chosen[k:][better] = k
        best = top
        choice.append(chosen)
    left, counts = most, []
    for chosen in reversed(choice):
        counts.append(int(chosen[left]))
        left -= counts[-1]
    return float(best[most]), counts[::-1]


def _labels(cover: csr_array) -> Whole:
    """Give the number of the part of each site."""
    # Each row ties its first site to its others, which is all that connectedness needs.
    size = np.diff(cover.indptr)
    first = np.repeat(cover.indices[cover.indptr[:-1]], size)
    sites = cover.shape[1]
    ties = csr_array((np.ones(cover.nnz, dtype=np.int8), (first, cover.indices)), (sites, sites))
    label: Whole = connected_components(ties, directed=False)[1].astype(np.int64)
    return label


def _part(covering: Covering, sites: Whole, rows: Whole, most: int) -> Part:
    sites, rows = np.sort(sites), np.sort(rows)
    table = csr_array(covering.cover[rows][:, sites])
    table.sort_indices()
    count = len(sites)
    nothing = np.zeros(count, dtype=np.bool_)
    alone = replace(
        covering,
        cover=table,
        weight=covering.weight[rows],
        cost=np.ones(count),
        budget=float(min(most, count)),
        fixed=nothing,
        banned=nothing,
    )
    return Part(alone, sites, rows)


def _curve(part: Part, multiplier: Vector) -> Curve:
    """Begin with greedy plans, one of each size, and with the bound of the multipliers."""
    covering = part.covering
    most = int(covering.budget)
    plans = _chain(covering, most)
    low = np.array([covering.weight[covered_rows(covering, plan)].sum() for plan in plans])
    if covering.cover.nnz == len(covering.weight) == len(covering.cost):
        return Curve(low, low.copy(), plans, set())  # a row a site: the heaviest are the optimum
    high = low.copy()
    for k in range(1, most + 1):
        bound = covering_bound(replace(covering, budget=float(k)), multiplier)
        high[k] = max(rounded_down(covering, bound), low[k])
    return Curve(low, high, plans, set())


def _chain(covering: Covering, most: int) -> list[Mask]:
    """Open sites one by one, each the one that gains most: a plan of each size."""
    by_site = csr_array(_ones(covering.cover).T)
    left = covering.weight.copy()
    opened = np.zeros(len(covering.cost), dtype=np.bool_)
    plans = [opened]
    for _ in range(most):
        gain = np.where(opened, -1.0, by_site @ left)
        site = int(gain.argmax())
        opened = opened.copy()
        opened[site] = True
        left[by_site.indices[by_site.indptr[site] : by_site.indptr[site + 1]]] = 0.0
        plans.append(opened)
    return plans


def _solve_count(
    part: Part, curve: Curve, k: int, *, gap: float, seconds: float, seed: int
) -> bool:
    """Narrow the interval of one count by branch and bound; whether that ended in time."""
    from siting.core.highs import solve_arrays  # noqa: PLC0415

    covering = replace(part.covering, budget=float(k))
    whole = bool(np.array_equal(covering.weight, np.rint(covering.weight)))
    plan = curve.plans[k]
    start = np.concatenate([plan, covered_rows(covering, plan)]).astype(np.float64)
    found = solve_arrays(
        replace(as_model(covering), start=start),
        gap=gap,
        seconds=seconds,
        seed=seed,
        abs_gap=0.999 if whole else 0.0,
    )
    curve.solved.add(k)
    if found.values is not None:
        plan = found.values[: len(plan)] > 0.5  # noqa: PLR2004
        value = float(covering.weight[covered_rows(covering, plan)].sum())
        # More sites never cover less.
        for more in range(k, len(curve.low)):
            if value > curve.low[more]:
                curve.low[more], curve.plans[more] = value, plan
    if math.isfinite(found.bound):
        # HiGHS's bound holds within its tolerance on rows; allow for it.
        bound = rounded_down(covering, found.bound + 1e-7 * max(1.0, abs(found.bound)))
        fewer = slice(0, k + 1)
        curve.high[fewer] = np.minimum(curve.high[fewer], bound)
        curve.high[:] = np.maximum(curve.high, curve.low)
    return found.kind == "solved"


def _ones(pattern: csr_array) -> csr_array:
    return csr_array((np.ones(pattern.nnz), pattern.indices, pattern.indptr), shape=pattern.shape)
