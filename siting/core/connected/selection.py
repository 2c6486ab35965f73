"""
Connected selection: the most prize from corridors that hang together, with a proven bound.

Choices are grown and recombined (`connected_grow`, `connected_search`), the search space is bounded
by dual ascent (`connected_ascent`) and divided where that helps (`connected_parts`), and the part
with the worst bound is refined by its linear relaxation (`connected_relax`) or settled by branch
and bound on the few edges that could still matter (`connected_exact`), in turn until the gap or
the time is reached.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from siting.core.connected.ascent import Prices, marginal_prices
from siting.core.connected.check import Certificate, check_connected, connected_bound
from siting.core.connected.exact import branch
from siting.core.connected.grow import hearts_of
from siting.core.connected.master import add_rows, empty_pool, part_of
from siting.core.connected.parts import (
    Bounded,
    bound_parts,
    refine,
    regions_of,
    shaken_ascent,
    worth_keeping,
)
from siting.core.connected.search import (
    Search,
    begin_search,
    consider,
    follow,
    free_places,
    grow_all,
    recombine,
    shake,
)
from siting.core.outcome import TracePoint

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from siting.core.connected.master import Part
    from siting.structures import Connected

    Bools = npt.NDArray[np.bool_]

    Progress = Callable[[float, float, Bools | None], None]

_HEARTS = 10
_SMALL = 60
_BRANCH_EDGES = 1500
_STALLED = 12
_STEP_SHARE = 0.25
_ROUNDS = 4
_TREE_NODES = 400


@dataclass(frozen=True, slots=True)
class ConnectedResult:
    """
    What a solve came to.

    Attributes
    ----------
    state
        `solved` (within the gap), `limit` (time was up or nothing improved any more) or
        `infeasible`.
    chosen
        Best choice, bool, shape (E,), or None where none was found.
    objective
        Its prize, NaN where there is none.
    bound
        Proven upper bound on any choice, by the certificate or by branch and bound.
    certified
        Upper bound that the certificate alone proves, as `connected_bound` recomputes it.
    certificate
        Multipliers, from which the bound is recomputed without a solver.
    trace
        Best choice and bound over time.
    message
        How the bound was got, for the user.
    """

    state: str
    chosen: Bools | None
    objective: float
    bound: float
    certified: float
    certificate: Certificate
    trace: tuple[TracePoint, ...]
    message: str

    @property
    def gap(self) -> float:
        """`(bound - objective) / objective`, NaN where there is no choice."""
        return (self.bound - self.objective) / max(abs(self.objective), 1e-9)


@dataclass(slots=True)
class _Run:
    """State of one solve."""

    connected: Connected
    gap: float
    started: float
    until: float
    seed: int
    progress: Progress | None
    search: Search
    whole: Part
    region: npt.NDArray[np.int64]
    parts: list[Bounded]
    trace: list[TracePoint]

    @property
    def bound(self) -> float:
        return max((part.best for part in self.parts), default=math.inf)

    @property
    def left(self) -> float:
        return self.until - time.monotonic()

    @property
    def enough(self) -> float:
        """Bound that settles the gap for the best choice so far."""
        value = self.search.value
        return value + self.gap * abs(value) if math.isfinite(value) else -math.inf

    @property
    def settled(self) -> bool:
        """Within the gap, or proven to have no feasible choice."""
        value = self.search.value
        if not math.isfinite(value):
            return self.bound == -math.inf
        return self.bound - value <= max(self.gap * abs(value), 1e-9 * max(1.0, abs(value)))

    def tell(self) -> None:
        """Note where things stand, if anything changed."""
        value = self.search.value if self.search.best is not None else math.nan
        bound = max(self.bound, value) if not math.isnan(value) else self.bound
        last = self.trace[-1] if self.trace else None
        if last is not None and last.bound == bound and str(last.objective) == str(value):
            return
        self.trace.append(TracePoint(time.monotonic() - self.started, value, bound))
        if self.progress is not None:
            self.progress(value, bound, self.search.best)


def solve_connected(
    connected: Connected,
    *,
    gap: float = 0.01,
    seconds: float = 60.0,
    seed: int = 0,
    start: Bools | None = None,
    progress: Progress | None = None,
) -> ConnectedResult:
    """
    Choose connected corridors of the most prize.

    Parameters
    ----------
    connected
        The instance.
    gap
        Relative gap to stop at.
    seconds
        Wall time allowed; a step of branch and bound may overrun it a little.
    seed
        Same instance and same seed: same answer, where the gap is reached before the time is (a
        single step may take a quarter of it).
    start
        A choice to start from, shape (E,); taken if it is feasible.
    progress
        Called with prize, bound and choice whenever one of them improves.

    Returns
    -------
    ConnectedResult
        With a choice only if `check_connected` finds nothing wrong with it.
    """
    now = time.monotonic()
    region = regions_of(connected, Prices(np.zeros(1), 0.0), -math.inf)
    run = _Run(
        connected=connected,
        gap=gap,
        started=now,
        until=now + seconds,
        seed=seed,
        progress=progress,
        search=begin_search(connected, hearts_of(connected, _HEARTS)),
        whole=part_of(connected, region, 0),
        region=region,
        parts=[],
        trace=[],
    )
    if start is not None:
        consider(run.search, np.asarray(start, dtype=bool))
    consider(run.search, connected.forced.copy())
    _first_choices(run)
    _first_bounds(run)
    run.tell()
    _improve(run)
    return _result(run)


def _first_choices(run: _Run) -> None:
    """Grow from every heart at marginal prices."""
    span = run.until - run.started
    prices = marginal_prices(run.whole)
    grow_all(run.search, prices.rows, until=run.started + 0.15 * span)


def _first_bounds(run: _Run) -> None:
    """Bound the undivided search space, and grow again at the prices that bound it best."""
    span = run.until - run.started
    run.parts = bound_parts(run.connected, run.region, run.enough, run.started + 0.3 * span)
    run.tell()
    if run.connected.row_name:
        # An ascent knows the length price alone; the relaxation prices the side rows as well.
        for _ in range(2 * _ROUNDS):
            if time.monotonic() < run.started + 0.3 * span:
                refine(run.parts[0], seconds=0.2 * span)
        run.tell()
    rows = run.parts[0].ascent.duals.rows
    grow_all(run.search, rows, until=run.started + 0.35 * span)


def _divide(run: _Run) -> bool:
    """Try whether dividing the search space lowers the bound; False where it can't be divided."""
    prices = run.parts[0].ascent.duals
    region = regions_of(run.connected, Prices(prices.rows, prices.roots), run.search.value)
    if not region.any():
        return False
    stop = time.monotonic() + max(run.left, 0.0) / 3
    parts = bound_parts(run.connected, region, run.enough, stop)
    if max(part.best for part in parts) < run.bound:
        run.region, run.parts = region, parts
    return True


def _improve(run: _Run) -> None:
    """Work on choice and bound in turn until the gap, the time or a standstill is reached."""
    turn, idle = 0, 0
    while not run.settled and run.left > 0 and idle < _STALLED:
        before = (run.search.value, run.bound)
        worst = max(run.parts, key=lambda part: part.best)
        _better_choice(run, worst, turn)
        run.tell()
        if not run.settled and run.left > 0:
            _better_bound(run, worst, turn)
            run.tell()
        turn += 1
        idle = idle + 1 if (run.search.value, run.bound) == before else 0


def _better_choice(run: _Run, worst: Bounded, turn: int) -> None:
    """Shake, recombine or free places; all by the seed of this turn."""
    seed = (run.seed * 1_000_003 + turn * 7919 + 1) % 2**31
    search = run.search
    span = run.until - run.started
    slack = min(max(run.left, 0.0), max(1.0, _STEP_SHARE * span))
    if len(run.connected.tail) <= _SMALL and search.best is not None:
        return
    shake(search, worst, rounds=15, seed=seed, until=time.monotonic() + slack)
    target = max(run.gap / 4, 1e-6)
    if run.settled or run.left <= 0:
        return
    guided = worst.relaxation is not None and worst.relaxation.last is not None
    if guided and (search.best is None or turn % 3 == 2):  # noqa: PLR2004
        follow(search, worst, seconds=min(slack, run.left), gap=target, seed=seed)
    elif turn % 2 == 0:
        recombine(search, worst, seconds=min(slack, run.left), gap=target, seed=seed)
    else:
        size = 60 + 20 * (turn % 5)
        free_places(search, worst, size=size, seconds=min(slack, run.left), gap=target, seed=seed)


def _better_bound(run: _Run, worst: Bounded, turn: int) -> None:
    """Settle a small part by branch and bound, else refine its relaxation by a few rounds."""
    keep = worth_keeping(worst, run.search.value)
    few = int(keep.sum()) <= _BRANCH_EDGES
    if few and int(keep.sum()) < 0.8 * worst.tried and (turn or len(keep) <= 2 * _SMALL):
        _settle(run, worst, keep)
        return
    if turn == 0 and len(run.parts) == 1 and _divide(run):
        return
    if turn % 3 == 0:
        shaken_ascent(worst, run.seed + turn)
    for _ in range(_ROUNDS):
        done = worst.relaxation is not None and worst.relaxation.done
        if done or run.settled or run.left <= 0:
            return
        refine(worst, seconds=max(run.left, 0.01))


def _settle(run: _Run, worst: Bounded, keep: Bools) -> None:
    """Branch and bound over the edges of a part that a better choice could have."""
    part, duals = worst.part, worst.ascent.duals
    top = np.argsort(-duals.price, kind="stable")[:150]
    levels = list(duals.level[top].toarray()) if len(top) else []
    pool = add_rows(part, empty_pool(part), levels, duals.target[top].tolist())
    small = len(keep) <= 2 * _SMALL
    seconds = run.left if small else max(run.left / 3, 1.0)
    worst.tried = int(keep.sum())
    found = branch(
        part,
        pool,
        keep,
        start=None,
        gap=run.gap / 4,
        seconds=max(seconds, 0.01),
        nodes=2**31 - 1 if small else _TREE_NODES,
        seed=run.seed,
    )
    if found.chosen is not None:
        consider(run.search, found.chosen)
    known = run.search.value
    # Edges that were left out can't be in anything better than what was known.
    if math.isfinite(found.bound) or found.bound == -math.inf:
        bound = max(found.bound, known) if math.isfinite(known) else found.bound
        worst.branched = min(worst.branched, bound)


def _result(run: _Run) -> ConnectedResult:
    chosen, value = run.search.best, run.search.value
    certificate = Certificate(run.region, tuple(part.duals for part in run.parts))
    certified = connected_bound(run.connected, certificate)
    bound = min(run.bound, certified)
    if chosen is not None:
        assert not check_connected(run.connected, chosen)  # noqa: S101
        bound = max(bound, value)
    branched = any(part.branched < part.bound for part in run.parts)
    state = "solved" if run.settled else "limit"
    if chosen is None and bound == -math.inf:
        state = "infeasible"
    how = "dual ascent and linear relaxation"
    if branched and bound < certified:
        how = "branch and bound (the certificate alone proves a little less)"
    run.trace.append(
        TracePoint(time.monotonic() - run.started, value if chosen is not None else math.nan, bound)
    )
    return ConnectedResult(
        state=state,
        chosen=chosen,
        objective=value if chosen is not None else math.nan,
        bound=bound,
        certified=certified,
        certificate=certificate,
        trace=tuple(run.trace),
        message=f"bound by {how}",
    )
