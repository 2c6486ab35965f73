"""
Solve a shrunk covering in the child process: search and bound in rounds, then branch and bound.

In a round the search runs beside the bound, in a thread of its own where its moves are compiled
(they hold no lock then), else in a process of its own where they are many. Stages are counted in
moves and steps, not in seconds, and each waits for the other, so that a solve that reaches its gap
in time gives the same plan each time.
"""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from siting.core.covering.aside import anneal_aside
from siting.core.covering.bound import fix_by_bound, improve_dual
from siting.core.covering.cuts import first_tight, tighten, with_cuts
from siting.core.covering.merge import merge
from siting.core.covering.pace import EASY_MOVES, cut_rounds, goes_aside, run_length, scale_of
from siting.core.covering.parts import solve_parts, split
from siting.core.covering.problem import as_model, covered_rows
from siting.core.covering.run import CoveringAnswer, CoveringTask, Run
from siting.core.covering.search import (
    Schedule,
    Tables,
    anneal,
    anneal_fast,
    greedy,
    has_fast,
    tables,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.core.worker import Stream
    from siting.structures import Covering

    Vector = npt.NDArray[np.float64]
    Mask = npt.NDArray[np.bool_]
    Found = tuple[float, int, Mask]

_STEPS = 1_000
_CUT_STEPS = 1_500
"""First-order steps between looks for cuts."""
_CUT_ROWS = 24_000
"""Rows from which a round looks for cuts, at most."""
_HEATS = (0.05, 0.002)
_FAST_HEATS = (0.02, 0.001)
_BIG_HEATS = (0.03, 0.002)
"""First and last temperature of annealing, in mean weight covered by an open site: of plain moves,
of compiled ones, and of these on more entries than branch and bound takes; as measured."""
_SMALL_SITES, _SMALL_ENTRIES = 150, 60_000
"""Up to this many sites or entries of cover, branch and bound comes right after a short search."""
_TREE_ENTRIES = 400_000
"""Up to this many entries, branch and bound gets the time that search leaves."""
_SEARCH_SHARE = 0.6
_DECIDED = 0.3
"""Share of sites that the bound has to decide before the tree is worth the rest of the time."""
_MOSTLY = 0.85
"""Share of sites from which on the tree starts at once."""
_POOL = 12
"""Plans of annealing runs kept to be merged. Merged ones stay out: being alike, they would crowd
out what a union can gain from."""


def solve_small(task: CoveringTask, stream: Stream) -> CoveringAnswer:
    """
    Solve a small covering; the entry point in the child.

    Parameters
    ----------
    task
        The problem, with at least one site and one row.
    stream
        Where the best so far goes.
    """
    run = Run(task, stream)
    table = tables(task.covering)
    if task.start is not None:
        run.take(math.inf, greedy(table, task.start))
    run.take(math.inf, greedy(table))
    _lower_by_steps(run, _STEPS)
    if not run.over():
        _by_parts(run)
    if not run.over() and _is_easy(task.covering):
        _search(run, table, EASY_MOVES, 0)
        if not run.over():
            _branch(run, run.left())
    _rounds(run, table)
    run.tell(now=True)
    return run.answer()


def _by_parts(run: Run) -> None:
    """Solve part by part where the data splits and each part is easy."""
    task = run.task
    parts = split(task.covering)
    if len(parts) < 2 or not all(_is_easy(part.covering) for part in parts):  # noqa: PLR2004
        return
    assert run.dual is not None  # noqa: S101
    solve_parts(
        task.covering,
        parts,
        run.dual.multiplier,
        gap=task.gap,
        deadline=run.deadline,
        seed=task.seed,
        take=run.take,
        lower=run.lower,
    )


def _is_easy(covering: Covering) -> bool:
    return len(covering.cost) <= _SMALL_SITES or covering.cover.nnz <= _SMALL_ENTRIES


def _rounds(run: Run, table: Tables) -> None:
    """Search and bound by turns, with longer and longer searches."""
    covering = run.task.covering
    patient = run.stream.started + _SEARCH_SHARE * run.task.seconds
    branch = covering.cover.nnz <= _TREE_ENTRIES and not _is_easy(covering)
    fast = has_fast(covering)
    aside = goes_aside(covering.cover.nnz, fast=fast)
    run.numba = version("numba") if fast else ""
    pool: list[Found] = []
    number = 0
    scale = scale_of(covering.cover.nnz)
    with ThreadPoolExecutor(1) as beside:
        while not run.over():
            number += 1
            moves = run_length(number, scale, fast=fast)
            searched = beside.submit(_search_and_merge, run, table, moves, number, pool, fast=fast)
            if not fast and not aside:
                searched.result()  # it would hold the interpreter's lock all the time
            for _ in range(cut_rounds(moves, scale, fast=fast)):
                _lower_by_cuts(run)
            value, opened = searched.result()
            pool = sorted([*pool, (-value, number, opened)], key=_rank)[:_POOL]
            if branch and not run.over() and _is_promising(run, late=time.monotonic() > patient):
                _branch(run, run.left())
                branch = False


def _search_and_merge(
    run: Run, table: Tables, moves: int, number: int, pool: list[Found], *, fast: bool
) -> tuple[float, Mask]:
    """
    Make an annealing run, then merge what it found with the best runs before it.

    Whether it merges depends on the clock alone, not on the bound beside it: plans have to repeat.
    """
    value, opened = _search(run, table, moves, number, fast=fast)
    if pool and run.left() > 0:
        others = [opened, *(plan for _, _, plan in pool)]
        merged = merge(
            run.task.covering,
            run.opened,
            others,
            seconds=max(run.left(), 0.1),
            seed=run.task.seed,
        )
        run.take(math.inf, merged)
    return value, opened


def _is_promising(run: Run, *, late: bool) -> bool:
    """Tell whether the bound decides enough sites for branch and bound to get anywhere."""
    assert run.dual is not None  # noqa: S101
    fixed, banned = fix_by_bound(run.task.covering, run.dual, run.objective)
    return float((fixed | banned).mean()) >= (_DECIDED if late else _MOSTLY)


def _rank(entry: Found) -> tuple[float, int]:
    return entry[0], entry[1]


def _search(
    run: Run, table: Tables, moves: int, number: int, *, fast: bool = False
) -> tuple[float, Mask]:
    """One annealing run from the greedy plan; hot enough at first to forget it."""
    first = greedy(table)
    weight = float(table.covering.weight.sum()) / max(int(first.sum()), 1)
    big = _BIG_HEATS if table.covering.cover.nnz > _TREE_ENTRIES else _FAST_HEATS
    hot, cold = big if fast else _HEATS
    schedule = Schedule(moves, hot * weight, cold * weight, run.task.seed * 1_000 + number)
    if goes_aside(table.covering.cover.nnz, fast=fast) and number:
        value, opened, made = anneal_aside(table.covering, first, schedule, deadline=run.deadline)
        run.take(value, opened)
    else:
        walk = anneal_fast if fast else anneal
        value, opened, made = walk(table, first, schedule, deadline=run.deadline, improved=run.take)
    run.moves += made
    return value, opened


def _lower_by_steps(run: Run, steps: int) -> None:
    run.dual = improve_dual(
        run.task.covering,
        start=run.dual,
        iterations=steps,
        deadline=run.deadline,
        report=lambda bound: run.lower(bound, "multipliers"),
    )
    run.lower(run.dual.bound, "multipliers")


def _lower_by_cuts(run: Run) -> None:
    """Make a round of cuts, and of steps on the relaxation with them."""
    if run.over():
        return
    assert run.dual is not None  # noqa: S101
    covering = run.task.covering
    run.tight = tighten(
        covering,
        run.tight or first_tight(covering, run.dual),
        tries=_CUT_ROWS,
        iterations=_CUT_STEPS,
        seed=run.task.seed,
        deadline=run.deadline,
        report=lambda bound: run.lower(bound, "multipliers"),
    )
    run.dual = run.tight.dual
    run.lower(run.dual.bound, "multipliers")


class _Relay:
    """What HiGHS streams, in the terms of the run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.started = run.stream.started

    def progress(self, objective: float, bound: float) -> None:
        """Take HiGHS's bound."""
        del objective
        if math.isfinite(bound):
            self.run.lower(_safe(bound - self.run.task.offset), "branch and bound")

    def answer(self, answer: object) -> None:
        """Take HiGHS's plan."""
        assert isinstance(answer, tuple)  # noqa: S101
        sites = len(self.run.opened)
        self.run.take(math.inf, np.asarray(answer[0][:sites] > 0.5))  # noqa: PLR2004


def _safe(bound: float) -> float:
    """HiGHS's bound holds within its tolerance on rows; allow for it."""
    return bound + 1e-7 * max(1.0, abs(bound))


def _branch(run: Run, seconds: float) -> None:
    """Give the problem to HiGHS, with sites that the bound decides fixed and our plan to start."""
    from siting.core.highs import solve_arrays  # noqa: PLC0415

    task = run.task
    covering = task.covering
    assert run.dual is not None  # noqa: S101
    fixed, banned = fix_by_bound(covering, run.dual, run.objective)
    fixed, banned = fixed & run.opened, banned & ~run.opened
    model = as_model(replace(covering, fixed=fixed, banned=banned))
    model = with_cuts(model, covering, run.dual.cut)
    start = np.concatenate([run.opened, covered_rows(covering, run.opened)]).astype(np.float64)
    whole = bool(np.array_equal(covering.weight, np.rint(covering.weight)))
    found = solve_arrays(
        replace(model, offset=task.offset, start=start),
        gap=task.gap,
        seconds=seconds,
        seed=task.seed,
        abs_gap=0.999 if whole else 0.0,
        stream=_Relay(run),
    )
    if found.values is not None:
        run.take(math.inf, found.values[: len(run.opened)] > 0.5)  # noqa: PLR2004
    if math.isfinite(found.bound):
        run.lower(_safe(found.bound - task.offset), "branch and bound")
