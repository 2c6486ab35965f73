"""
A bound on a covering beyond its linear relaxation: odd cuts over three demand rows.

Where three rows share sites two by two, half an open site a pair covers all three in the relaxation
with one and a half sites; whole sites need two. Adding up half of each of the three rows
`z_i <= sum_j a_ij x_j` and of `z_i <= 1`, and rounding, gives for every integral plan

    z_1 + z_2 + z_3 <= 1 + sum_j ceil(a_j / 2) x_j,    a_j = rows of the three that j covers,

a {0, 1/2} cut (Caprara and Fischetti 1996). Relaxed with multipliers `v >= 0` beside `u`, such cuts
give a bound as safe as that of `u` alone: see `covering_bound`. Looking for cuts (`trios`) and
solving the relaxation with those found so far by first-order steps take turns.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array, eye_array, hstack, vstack

from siting.core.covering.bound import Cut, Dual, covering_bound, cut_rows, no_cuts
from siting.core.covering.trios import find_cuts, has_compiled, key_of, ones
from siting.core.pdhg import Iterate, LinearProgram, maximise

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from siting.core.handover import ArrayModel
    from siting.structures import Covering

    Vector = npt.NDArray[np.float64]
    Whole = npt.NDArray[np.int64]

_SEEN = 1e-6
"""Multiplier, in mean weights, that counts as none."""
_CHECK = 50


@dataclass(frozen=True, slots=True)
class Tight:
    """
    The relaxation with the cuts of some rounds.

    Attributes
    ----------
    dual
        Best multipliers so far.
    cut
        Cuts in the relaxation now, their last multipliers among `point`.
    point
        Last point of the relaxation: sites and rows; row, cut and budget multipliers.
    rounds
        Rounds made.
    found
        New cuts of the last round.
    """

    dual: Dual
    cut: Cut
    point: Iterate
    rounds: int
    found: int


def first_tight(covering: Covering, dual: Dual) -> Tight:
    """Start from the relaxation without cuts."""
    cover = ones(covering.cover)
    covered = np.minimum(np.asarray(cover @ dual.relaxed), 1.0)
    worth = np.asarray(cover.T @ dual.multiplier) / covering.cost
    order = np.argsort(-worth, kind="stable")
    last = int(np.searchsorted(np.cumsum(covering.cost[order]), covering.budget, side="right"))
    price = float(worth[order[min(last, len(order) - 1)]])
    point = Iterate(
        np.concatenate([dual.relaxed, covered]), np.concatenate([dual.multiplier, [price]])
    )
    return Tight(dual, no_cuts(), point, 0, 0)


def tighten(
    covering: Covering,
    tight: Tight,
    *,
    tries: int,
    iterations: int,
    seed: int,
    deadline: float = float("inf"),
    report: Callable[[float], None] | None = None,
) -> Tight:
    """
    Make one round: look for cuts that the relaxation breaks, add them, solve it further.

    Parameters
    ----------
    covering
        A small problem from `shrink`: no fixed or banned sites, costs > 0.
    tight
        The round before, or `first_tight`.
    tries
        Rows from which to look for cuts.
    iterations
        Most first-order steps.
    seed
        Seed of the pairs tried.
    deadline
        `time.monotonic()` to stop at.
    report
        Called with each better bound.

    Returns
    -------
    Tight
        Its bound is never worse than that of `tight`.
    """
    rng = np.random.default_rng([23, seed, tight.rounds])
    rows, sites = covering.cover.shape
    priced = np.maximum(tight.point.y[rows:-1], 0.0)
    kept = (priced > _SEEN * float(covering.weight.mean())) | _latest(tight)
    members, multiplier = tight.cut.members[kept], priced[kept]
    new = find_cuts(
        covering.cover,
        tight.point.x[:sites],
        covering.weight,
        tries,
        rng,
        deadline,
        fast=has_compiled(),
    )
    new = new[~np.isin(key_of(new, rows), key_of(members, rows))]
    cut = Cut(np.vstack([members, new]), np.concatenate([multiplier, np.zeros(len(new))]))
    start = replace(
        tight.point,
        y=np.concatenate([tight.point.y[:rows], cut.multiplier, tight.point.y[-1:]]),
    )
    watch = _Watch(covering, cut, tight.dual, deadline, report)
    point = maximise(
        relaxation(covering, cut), start=start, most=iterations, every=_CHECK, stop=watch
    )
    steps = tight.dual.iterations + point.iterations
    dual = replace(watch.best, relaxed=point.x[:sites], iterations=steps)
    return Tight(dual, cut, point, tight.rounds + 1, len(new))


def relaxation(covering: Covering, cut: Cut) -> LinearProgram:
    """
    Write the linear relaxation with cuts: sites then rows; covers, cuts and the budget.

    Parameters
    ----------
    covering
        The problem, without fixed or banned sites.
    cut
        Its cuts.
    """
    cover = ones(covering.cover)
    rows, sites = cover.shape
    member, site = cut_rows(cover, cut.members)
    matrix = vstack(
        [
            hstack([-cover, eye_array(rows)]),
            hstack([-site, member]),
            hstack([csr_array(covering.cost[None, :]), csr_array((1, rows))]),
        ]
    )
    upper = np.concatenate([np.zeros(rows), np.ones(len(cut.members)), [covering.budget]])
    return LinearProgram(
        cost=np.concatenate([np.zeros(sites), covering.weight]),
        lower=np.zeros(sites + rows),
        upper=np.ones(sites + rows),
        matrix=csr_array(matrix),
        row_lower=np.full(len(upper), -np.inf),
        row_upper=upper,
    )


def with_cuts(model: ArrayModel, covering: Covering, cut: Cut) -> ArrayModel:
    """
    Add cuts that have a multiplier to the rows of `as_model`.

    Parameters
    ----------
    model
        The covering as a mixed-integer programme.
    covering
        That covering.
    cut
        Its cuts.
    """
    members = cut.members[cut.multiplier > 0]
    if not len(members):
        return model
    member, site = cut_rows(covering.cover, members)
    return replace(
        model,
        matrix=csr_array(vstack([model.matrix, hstack([-site, member])])),
        row_lower=np.concatenate([model.row_lower, np.full(len(members), -np.inf)]),
        row_upper=np.concatenate([model.row_upper, np.ones(len(members))]),
    )


class _Watch:
    """Keeps the best multipliers that the first-order steps come by."""

    def __init__(
        self,
        covering: Covering,
        cut: Cut,
        best: Dual,
        deadline: float,
        report: Callable[[float], None] | None,
    ) -> None:
        self.covering, self.cut, self.best = covering, cut, best
        self.deadline, self.report = deadline, report

    def __call__(self, point: Iterate) -> bool:
        rows = len(self.covering.weight)
        y = np.maximum(point.y, 0.0)
        cut = replace(self.cut, multiplier=y[rows:-1])
        bound = covering_bound(self.covering, y[:rows], cut)
        if bound < self.best.bound:
            self.best = replace(self.best, multiplier=y[:rows], bound=bound, cut=cut)
            if self.report is not None:
                self.report(bound)
        return time.monotonic() > self.deadline


def _latest(tight: Tight) -> npt.NDArray[np.bool_]:
    """Cuts of the last round: they may not have had time to earn a multiplier."""
    count = len(tight.cut.members)
    return np.arange(count) >= count - tight.found
