"""
A bound on a covering beyond its linear relaxation: odd cuts over three demand rows.

Where three rows share sites two by two, half an open site a pair covers all three in the relaxation
with one and a half sites; whole sites need two. Adding up half of each of the three rows
`z_i <= sum_j a_ij x_j` and of `z_i <= 1`, and rounding, gives for every integral plan

    z_1 + z_2 + z_3 <= 1 + sum_j ceil(a_j / 2) x_j,    a_j = rows of the three that j covers,

a {0, 1/2} cut (Caprara and Fischetti 1996). Relaxed with multipliers `v >= 0` beside `u`, such cuts
give a bound as safe as that of `u` alone: see `covering_bound`. Cuts are looked for by random pairs
of overlapping rows, each with the best third row; the better ones climb, exchanging one row at a
time for the best beside the other two; and the relaxation with the cuts found so far is solved by
first-order steps in turn.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array, eye_array, hstack, vstack

from siting.core.covering.bound import Cut, Dual, covering_bound, cut_rows, no_cuts
from siting.core.pdhg import Iterate, LinearProgram, maximise

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from siting.core.handover import ArrayModel
    from siting.structures import Covering

    Vector = npt.NDArray[np.float64]
    Whole = npt.NDArray[np.int64]

_LEAST_BREACH = 0.02
"""Violation from which a cut is worth its row."""
_NEAR, _FAR = 0.15, 0.85
"""Overlap of two rows, in open sites, between which a third can make them odd."""
_LEAST_MASS, _MOST_MASS = 0.5, 1.6
"""Open share of the sites of a row outside which no cut with it can be broken much."""
_LEAST_HOPE = 1e-3
"""Violation from which three rows are worth climbing from."""
_CLIMBS = 2
"""Exchanges of a row tried with each three; more find the same few deepest cuts again and again."""
_MOST_CLIMBING = 8_000
"""Threes that climb, the foremost; with compiled loops there are more than can."""
_MOST_USES = 6
"""New cuts a row takes part in, a round; they share its weight."""
_CHUNK_ENTRIES = 4_000_000
_SECONDS = 10
"""Second rows tried beside each first one where that is compiled."""
_SEEN = 1e-6
"""Open share of a site, and multiplier in mean weights, that count as none."""
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
    cover = _ones(covering.cover)
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
    new = new[~np.isin(_key(new, rows), _key(members, rows))]
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
    cover = _ones(covering.cover)
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


def find_cuts(
    cover: csr_array,
    opened: Vector,
    worth: Vector,
    tries: int,
    rng: np.random.Generator,
    deadline: float = float("inf"),
    *,
    fast: bool = False,
) -> Whole:
    """
    Find cuts that a point of the relaxation breaks.

    Parameters
    ----------
    cover
        Pattern, shape (rows, sites).
    opened
        Sites of the point, shape (sites,).
    worth
        Weight of each row, shape (rows,); of cuts broken alike the heavier go first.
    tries
        Most rows to start from, each with random overlapping rows and the best third one beside.
    rng
        Source of the choice.
    deadline
        `time.monotonic()` to stop at.
    fast
        Look by compiled loops; needs numba.

    Returns
    -------
    ndarray of int64
        Rows of each cut, ascending, shape (cuts, 3).
    """
    some = opened > _SEEN
    part = _ones(cover)[:, np.flatnonzero(some)]
    mass = np.asarray(part @ opened[some])
    seen = np.flatnonzero((mass > _LEAST_MASS) & (mass < _MOST_MASS))
    part = part[seen]
    look = _Look(part, csr_array(part.T), opened[some], mass[seen])
    if not len(seen):
        return np.zeros((0, 3), dtype=np.int64)
    order = rng.permutation(len(seen))[:tries]
    search = _compiled if fast else _trios
    # A row reaches the rows of all its sites; so many entries a row are held at a time.
    reach = float((part @ np.diff(look.by_site.indptr).astype(np.float64)).mean())
    batch = max(int(_CHUNK_ENTRIES / max(2.0 * reach, 1.0)), 1)
    trios, depths = [np.zeros((0, 3), dtype=np.int64)], [np.zeros(0)]
    for first in range(0, len(order), batch):
        if time.monotonic() > deadline:
            break
        found, depth = search(look, order[first : first + batch], rng)
        trios.append(found)
        depths.append(depth)
    every, depth = _foremost(np.vstack(trios), np.concatenate(depths), worth[seen])
    climbing, height = every[:_MOST_CLIMBING], depth[:_MOST_CLIMBING]
    for _ in range(_CLIMBS):
        if time.monotonic() > deadline:
            break
        climbing, height = _climbed(look, climbing, height, batch)
        # The threes passed on the way are cuts too, and not as alike as those at the top.
        every, depth = np.vstack([every, climbing]), np.concatenate([depth, height])
    good = depth > _LEAST_BREACH
    return seen[_foremost(np.sort(every[good], axis=1), depth[good], worth[seen])[0]]


def _foremost(trios: Whole, depth: Vector, worth: Vector) -> tuple[Whole, Vector]:
    """Take trios by breach and weight while no row is in too many; with their breaches."""
    score = depth * worth[trios].min(axis=1)
    order = np.argsort(-score, kind="stable")
    taken = order[_spread_out(np.sort(trios[order], axis=1), len(worth))]
    return trios[taken], depth[taken]


def _climbed(look: _Look, trios: Whole, depth: Vector, batch: int) -> tuple[Whole, Vector]:
    """Exchange the first row of each trio for the best beside the other two, if that is better."""
    moved, deeper = trios[:, [1, 2, 0]], depth.copy()
    for first in range(0, len(trios), batch):
        part = slice(first, first + batch)
        third, breach = _thirds(look, moved[part, 0], moved[part, 1])
        better = breach > deeper[part]
        moved[part, 2] = np.where(better, third, moved[part, 2])
        deeper[part] = np.maximum(breach, deeper[part])
    return moved, deeper


@dataclass(frozen=True, slots=True)
class _Look:
    """Rows that matter and sites that are somewhat open: where cuts are looked for."""

    cover: csr_array
    by_site: csr_array
    opened: Vector
    mass: Vector


def has_compiled() -> bool:
    """Whether numba is there to look for cuts faster."""
    try:
        import siting.core.covering.fast  # noqa: F401, PLC0415
    except (ImportError, RuntimeError):  # not installed, or nowhere to keep what it compiles
        return False
    return True


def _compiled(look: _Look, rows: Whole, rng: np.random.Generator) -> tuple[Whole, Vector]:
    """Do as `_trios` by compiled loops, with several second rows a row."""
    from siting.core.covering.fast import trios  # noqa: PLC0415

    arrays = (
        *(look.by_site.indptr.astype(np.int64), look.by_site.indices),
        *(look.cover.indptr.astype(np.int64), look.cover.indices),
    )
    limits = (_SECONDS, _NEAR, _FAR, _LEAST_HOPE)
    found, depth = trios(arrays, look.opened, look.mass, rows, limits, int(rng.integers(2**31)))
    return found, depth


def _trios(look: _Look, rows: Whole, rng: np.random.Generator) -> tuple[Whole, Vector]:
    """For each row a random overlapping one and the best third: (k, 3), and breach."""
    overlap = csr_array(_scaled(look.cover[rows], look.opened) @ look.by_site)
    inside = (overlap.data > _NEAR) & (overlap.data < _FAR)
    draw = np.where(inside, rng.random(overlap.nnz), 0.0)
    second, drawn = _best(overlap, draw)
    rows, second = rows[drawn > 0], second[drawn > 0]
    third, best = _thirds(look, rows, second)
    good = best > _LEAST_HOPE
    return np.column_stack([rows, second, third])[good], best[good]


def _thirds(look: _Look, rows: Whole, second: Whole) -> tuple[Whole, Vector]:
    """Find the best third row beside each pair, and the breach of the three; 0 without one."""
    both = csr_array(look.cover[rows] + look.cover[second])
    both.data[:] = both.data == 1.0
    odd = _scaled(both, look.opened)
    odd.eliminate_zeros()
    apart = np.asarray(odd.sum(axis=1))
    shared = csr_array(odd @ look.by_site)
    full = np.minimum(look.mass, 1.0)
    of_pair = full[rows] + full[second] - 1.0 - 0.5 * (look.mass[rows] + look.mass[second] + apart)
    of_third = full - look.mass
    size = np.diff(shared.indptr)
    breach = np.repeat(of_pair, size) + of_third[shared.indices] + shared.data
    # A row of the pair itself counts its own sites not at all: it is no third row.
    owner = np.repeat(np.arange(len(rows)), size)
    breach[(shared.indices == rows[owner]) | (shared.indices == second[owner])] = 0.0
    return _best(shared, np.maximum(breach, 0.0))


def _best(table: csr_array, score: Vector) -> tuple[Whole, Vector]:
    """Column of the greatest score in each row of a table, and that score; 0 in empty rows."""
    count = table.shape[0]
    top = np.zeros(count)
    filled = np.diff(table.indptr) > 0
    if filled.any():
        top[filled] = np.maximum.reduceat(score, table.indptr[:-1][filled])
    owner = np.repeat(np.arange(count), np.diff(table.indptr))
    hit = np.flatnonzero(score == top[owner])
    column = np.zeros(count, dtype=np.int64)
    column[owner[hit]] = table.indices[hit]
    return column, top


def _spread_out(trios: Whole, rows: int) -> Whole:
    """Take trios in order while no row is in too many; their places."""
    used = np.zeros(rows, dtype=np.int64)
    taken = []
    _, first = np.unique(_key(trios, rows), return_index=True)
    for k in np.sort(first).tolist():
        trio = trios[k]
        if used[trio].max() < _MOST_USES:
            used[trio] += 1
            taken.append(k)
    return np.array(taken, dtype=np.int64)


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


def _key(trios: Whole, rows: int) -> Whole:
    key: Whole = (trios[:, 0] * rows + trios[:, 1]) * rows + trios[:, 2]
    return key


def _ones(pattern: csr_array) -> csr_array:
    return csr_array((np.ones(pattern.nnz), pattern.indices, pattern.indptr), shape=pattern.shape)


def _scaled(table: csr_array, column: Vector) -> csr_array:
    """Multiply each column by a factor."""
    return csr_array((table.data * column[table.indices], table.indices, table.indptr), table.shape)
