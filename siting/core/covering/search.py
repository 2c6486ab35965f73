"""
Good plans for a covering: lazy greedy, then annealing by heat-bath exchanges.

One move closes a random open site and opens the site drawn with probability proportional to
`exp(gain / temperature)` among all that fit the budget, the closed one included (the heat bath of
Geman and Geman 1984, on the exchange neighbourhood of Teitz and Bart 1968). All gains are
kept up to date over the rows that a move touches, so a move costs the overlap of two sites and no
proposal is wasted. Moves are counted, not timed: the same seed gives the same plan.
"""

from __future__ import annotations

import heapq
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from siting.core.covering.trios import has_compiled

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from siting.structures import Covering

    Vector = npt.NDArray[np.float64]
    Mask = npt.NDArray[np.bool_]

_MOST_PAIRS = 60_000_000
_BATCH = 64
_REFRESH = 20_000
_CHUNK = 10_000
"""Compiled moves between looks at the clock."""
_NEVER = -1e300
_PAIR_SHARE = 0.3
"""How often a move closes two sites where costs differ, so that sizes can trade."""


@dataclass(frozen=True, slots=True)
class Tables:
    """
    A covering laid out for moves.

    Attributes
    ----------
    covering
        The small problem.
    sites
        Its transpose: rows of each site, CSR of shape (sites, rows).
    pairs
        For each site, every (row of it, site that covers the row): the row's place within the site
        and the other site; with pointers by site. None where there would be too many.
    """

    covering: Covering
    sites: csr_array
    pairs: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int64]] | None

    def rows_of(self, site: int) -> npt.NDArray[np.int32]:
        """Rows that a site covers."""
        part = slice(self.sites.indptr[site], self.sites.indptr[site + 1])
        return np.asarray(self.sites.indices[part])

    def spread(self, site: int, amount: Vector) -> Vector:
        """Add up amounts on the rows of a site over all the sites that cover those rows."""
        count = len(self.covering.cost)
        if self.pairs is not None:
            local, other, start = self.pairs
            part = slice(start[site], start[site + 1])
            sums = np.bincount(other[part], weights=amount[local[part]], minlength=count)
            return sums.astype(np.float64, copy=False)
        rows = self.rows_of(site)[amount != 0]
        cover = self.covering.cover
        size = np.diff(cover.indptr)[rows]
        ends = np.cumsum(size)
        position = np.repeat(cover.indptr[rows] - (ends - size), size) + np.arange(size.sum())
        repeated = np.repeat(amount[amount != 0], size)
        sums = np.bincount(cover.indices[position], weights=repeated, minlength=count)
        return sums.astype(np.float64, copy=False)


def tables(covering: Covering) -> Tables:
    """Lay a small covering out for moves; memory about 8 bytes a pair, or none if too many."""
    cover = covering.cover
    sites = csr_array(
        csr_array((np.ones(cover.nnz, dtype=np.int8), cover.indices, cover.indptr), cover.shape).T
    )
    sites.sort_indices()
    size = np.diff(cover.indptr).astype(np.int64)[sites.indices]
    if int(size.sum()) > _MOST_PAIRS:
        return Tables(covering, sites, None)
    ends = np.cumsum(size)
    shift = cover.indptr[sites.indices] - (ends - size)
    other = cover.indices[np.repeat(shift, size) + np.arange(size.sum())].astype(np.int32)
    place = np.arange(sites.nnz) - np.repeat(sites.indptr[:-1], np.diff(sites.indptr))
    local = np.repeat(place.astype(np.int32), size)
    start = np.concatenate([[0], ends])[sites.indptr].astype(np.int64)
    return Tables(covering, sites, (local, other, start))


class _Plan:
    """A plan with what opening or closing each site would change."""

    def __init__(self, table: Tables, opened: Mask) -> None:
        self.table = table
        self.weight = table.covering.weight
        self.cost = table.covering.cost
        self.opened = opened.copy()
        self.refresh()

    def refresh(self) -> None:
        """Recompute everything from the open sites."""
        table = self.table
        self.count = np.zeros(len(self.weight), dtype=np.int32)
        for site in np.flatnonzero(self.opened):
            self.count[table.rows_of(int(site))] += 1
        self.gain = np.asarray(table.sites @ (self.weight * (self.count == 0)), dtype=np.float64)
        self.once = np.asarray(table.sites @ (self.weight * (self.count == 1)), dtype=np.float64)
        self.value = float(self.weight[self.count > 0].sum())
        self.slack = self.table.covering.budget - float(self.cost[self.opened].sum())

    def open(self, site: int) -> None:
        rows = self.table.rows_of(site)
        count, weight = self.count[rows], self.weight[rows]
        new = weight * (count == 0)
        self.gain -= self.table.spread(site, new)
        self.once += self.table.spread(site, new - weight * (count == 1))
        self.count[rows] = count + 1
        self.opened[site] = True
        self.value += float(new.sum())
        self.slack -= float(self.cost[site])

    def close(self, site: int) -> None:
        rows = self.table.rows_of(site)
        count, weight = self.count[rows], self.weight[rows]
        lost = weight * (count == 1)
        self.gain += self.table.spread(site, lost)
        self.once -= self.table.spread(site, lost - weight * (count == 2))  # noqa: PLR2004
        self.count[rows] = count - 1
        self.opened[site] = False
        self.value -= float(lost.sum())
        self.slack += float(self.cost[site])

    def gain_without(self, site: int) -> Vector:
        """Gain of every site if this open one were closed; its own included."""
        rows = self.table.rows_of(site)
        lost = self.weight[rows] * (self.count[rows] == 1)
        without: Vector = self.gain + self.table.spread(site, lost)
        return without


def greedy(table: Tables, opened: Mask | None = None) -> Mask:
    """
    Fill the budget by greatest gain per cost, lazily (Minoux 1978).

    Parameters
    ----------
    table
        The problem.
    opened
        Sites already open, shape (sites,); none by default.

    Returns
    -------
    ndarray of bool
        Open sites, shape (sites,).
    """
    covering = table.covering
    chosen = np.zeros(len(covering.cost), dtype=np.bool_) if opened is None else opened.copy()
    left = covering.weight.copy()
    for already in np.flatnonzero(chosen).tolist():
        left[table.rows_of(already)] = 0.0
    slack = covering.budget - float(covering.cost[chosen].sum())
    gain = (table.sites @ left) / covering.cost
    heap: list[tuple[float, int]] = [
        (-g, k) for k, g in enumerate(gain.tolist()) if g > 0 and not chosen[k]
    ]
    heapq.heapify(heap)
    while heap:
        rate, site = heapq.heappop(heap)
        if covering.cost[site] > slack + _room(covering):
            continue
        rows = table.rows_of(site)
        now = -float(left[rows].sum()) / float(covering.cost[site])
        if now > rate and heap and now > heap[0][0]:
            if now < 0:
                heapq.heappush(heap, (now, site))
            continue
        if now >= 0:
            continue
        chosen[site] = True
        left[rows] = 0.0
        slack -= float(covering.cost[site])
    return chosen


def _room(covering: Covering) -> float:
    """Slack for the rounding of sums of costs."""
    return 1e-9 * max(1.0, abs(covering.budget))


@dataclass(frozen=True, slots=True)
class Schedule:
    """
    An annealing run.

    Attributes
    ----------
    moves
        Number of moves.
    hot, cold
        First and last temperature, in the unit of the weights; geometric in between.
    seed
        Seed of the run.
    """

    moves: int
    hot: float
    cold: float
    seed: int


def anneal(
    table: Tables,
    opened: Mask,
    schedule: Schedule,
    *,
    deadline: float = float("inf"),
    improved: Callable[[float, Mask], None] | None = None,
) -> tuple[float, Mask, int]:
    """
    Improve a plan by heat-bath exchanges under a falling temperature.

    Parameters
    ----------
    table
        The problem.
    opened
        A feasible plan, shape (sites,).
    schedule
        Moves and temperatures.
    deadline
        `time.monotonic()` to stop at.
    improved
        Called with each better value and its plan.

    Returns
    -------
    value, opened, moves
        The best plan seen, and the moves made.
    """
    rng = np.random.default_rng([21, schedule.seed])
    plan = _Plan(table, opened)
    best, best_opened = plan.value, plan.opened.copy()
    sites = len(plan.cost)
    if not plan.opened.any() or plan.opened.all():
        return best, best_opened, 0
    alike = bool((plan.cost == plan.cost[0]).all())
    noise = np.zeros((_BATCH, sites))
    heat = schedule.hot
    for move in range(schedule.moves):
        if move % _BATCH == 0:
            if time.monotonic() > deadline:
                return best, best_opened, move
            heat = schedule.hot * (schedule.cold / schedule.hot) ** (move / schedule.moves)
            noise = rng.gumbel(scale=heat, size=(_BATCH, sites))
        if move % _REFRESH == _REFRESH - 1:
            plan.refresh()
        _exchange(plan, noise[move % _BATCH], rng, alike=alike)
        if plan.value > best:
            best, best_opened = plan.value, plan.opened.copy()
            if improved is not None:
                improved(best, best_opened)
    return best, best_opened, schedule.moves


def anneal_fast(
    table: Tables,
    opened: Mask,
    schedule: Schedule,
    *,
    deadline: float = float("inf"),
    improved: Callable[[float, Mask], None] | None = None,
) -> tuple[float, Mask, int]:
    """
    Do as `anneal` by compiled moves, about ten times as many a second; sites of equal cost only.

    Needs numba: see `has_fast`.
    """
    from siting.core.covering.fast import exchanges  # noqa: PLC0415

    plan = _Plan(table, opened)
    best, best_opened = plan.value, plan.opened.copy()
    stations = np.flatnonzero(opened)
    if not len(stations) or plan.opened.all():
        return best, best_opened, 0
    cover, weight = table.covering.cover, plan.weight
    arrays = (
        *(table.sites.indptr.astype(np.int64), table.sites.indices.astype(np.int32)),
        *(cover.indptr.astype(np.int64), cover.indices.astype(np.int32)),
    )
    ratio = schedule.cold / schedule.hot
    for first in range(0, schedule.moves, _CHUNK):
        if time.monotonic() > deadline:
            return best, best_opened, first
        move = np.arange(first, min(first + _CHUNK, schedule.moves))
        heats = schedule.hot * ratio ** (move / schedule.moves)
        seed = int(np.random.SeedSequence([22, schedule.seed, first]).generate_state(1)[0])
        state = (stations, plan.opened, plan.count, plan.gain, plan.once)
        gained, found, _ = exchanges(arrays, weight, state, heats, seed)
        if plan.value + gained > best:
            best, best_opened = plan.value + float(gained), np.zeros_like(opened)
            best_opened[found] = True
            if improved is not None:
                improved(best, best_opened)
        plan.refresh()
    return best, best_opened, schedule.moves


def has_fast(covering: Covering) -> bool:
    """Whether numba is there to compile the moves, and every site costs the same."""
    if not len(covering.cost) or not (covering.cost == covering.cost[0]).all():
        return False
    return has_compiled()


def _exchange(plan: _Plan, noise: Vector, rng: np.random.Generator, *, alike: bool) -> None:
    """Close one open site (sometimes two) and fill the room by the heat bath."""
    candidates = np.flatnonzero(plan.opened)
    site = int(candidates[rng.integers(len(candidates))])
    if not alike and len(candidates) > 1 and rng.random() < _PAIR_SHARE:
        second = int(candidates[rng.integers(len(candidates))])
        if second != site:
            plan.close(second)
    score = plan.gain_without(site) + noise
    room = plan.slack + float(plan.cost[site]) + _room(plan.table.covering)
    score[plan.opened] = _NEVER
    if not alike:
        score[plan.cost > room] = _NEVER
    score[site] = plan.once[site] + noise[site]
    chosen = int(score.argmax())
    if chosen != site:
        plan.close(site)
        plan.open(chosen)
    if not alike or plan.slack >= float(plan.cost[0]):
        _fill(plan, noise)


def _fill(plan: _Plan, noise: Vector) -> None:
    """Open more sites while any that gains something fits the budget."""
    while True:
        fits = (plan.cost <= plan.slack + _room(plan.table.covering)) & ~plan.opened
        fits &= plan.gain > 0
        if not fits.any():
            return
        score = np.where(fits, plan.gain / plan.cost + noise / plan.cost, _NEVER)
        plan.open(int(score.argmax()))
