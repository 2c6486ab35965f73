"""The question of a covering solve in the child, its state and its answer."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from siting.core.covering.bound import Cut, Dual, no_cuts, rounded_down
from siting.core.covering.problem import covered_rows

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.core.covering.cuts import Tight
    from siting.core.worker import Stream
    from siting.structures import Covering

    Vector = npt.NDArray[np.float64]
    Mask = npt.NDArray[np.bool_]

_TELL_S = 0.1
_PROVEN = 9e-7
"""Gap at which nothing is left to prove; a little under what the front calls optimal."""


@dataclass(frozen=True, slots=True)
class CoveringTask:
    """
    Payload of a covering solve.

    Attributes
    ----------
    covering
        A small problem from `shrink`.
    offset
        Weight covered anyway; gaps are of the whole.
    gap, seconds, seed
        How hard to try.
    start
        Open sites to start from, shape (small sites,), or None.
    """

    covering: Covering
    offset: float
    gap: float
    seconds: float
    seed: int
    start: Mask | None = None


@dataclass(frozen=True, slots=True)
class CoveringAnswer:
    """
    What the search and the bound came to, on the small problem, the offset left out.

    Attributes
    ----------
    opened
        Best plan, shape (small sites,).
    objective, bound
        Its value, and the best proven bound.
    bound_by
        `multipliers` (can be recomputed) or `branch and bound` (HiGHS's word).
    multiplier
        Multipliers of the best Lagrangian bound, shape (small rows,).
    multiplier_bound
        That bound.
    cut
        Odd cuts that this bound uses, and their multipliers.
    moves, steps
        Moves of the search and steps of the dual.
    numba
        Version of numba where it compiled the moves, else "".
    """

    opened: Mask
    objective: float
    bound: float
    bound_by: str
    multiplier: Vector
    multiplier_bound: float
    moves: int
    steps: int
    numba: str = ""
    cut: Cut = field(default_factory=no_cuts)


class Run:
    """The state of one solve, and its way to the parent."""

    def __init__(self, task: CoveringTask, stream: Stream) -> None:
        self.task = task
        self.stream = stream
        self.deadline = stream.started + task.seconds
        self.opened = np.zeros(len(task.covering.cost), dtype=np.bool_)
        self.objective = 0.0
        self.bound = math.inf
        self.bound_by = "multipliers"
        self.dual: Dual | None = None
        self.tight: Tight | None = None
        self.lock = threading.RLock()
        self.moves = 0
        self.numba = ""
        self.told = -math.inf

    def take(self, value: float, opened: Mask) -> None:
        """Keep a better plan; its value is computed again so that no rounding adds up."""
        if value <= self.objective:
            return
        covering = self.task.covering
        value = float(covering.weight[covered_rows(covering, opened)].sum())
        with self.lock:
            if value > self.objective:
                self.objective, self.opened = value, opened.copy()
                self.tell()

    def lower(self, bound: float, bound_by: str) -> None:
        """Keep a better bound."""
        bound = rounded_down(self.task.covering, bound)
        with self.lock:
            if bound < self.bound:
                self.bound, self.bound_by = bound, bound_by
                self.tell()

    def tell(self, *, now: bool = False) -> None:
        """Let the parent know, but not too often."""
        clock = time.monotonic()
        if now or clock - self.told >= _TELL_S:
            self.told = clock
            offset = self.task.offset
            bound = self.bound + offset if math.isfinite(self.bound) else math.nan
            self.stream.answer(self.answer())
            self.stream.progress(self.objective + offset, bound)

    def closed(self) -> bool:
        """Tell whether the gap asked for is reached."""
        scale = max(abs(self.objective + self.task.offset), 1e-9)
        return self.bound - self.objective <= max(self.task.gap, _PROVEN) * scale

    def left(self) -> float:
        """Seconds left."""
        return self.deadline - time.monotonic()

    def over(self) -> bool:
        """Tell whether to stop."""
        return self.closed() or self.left() <= 0

    def answer(self) -> CoveringAnswer:
        """State the best so far."""
        dual = self.dual
        return CoveringAnswer(
            opened=self.opened,
            objective=self.objective,
            bound=self.bound,
            bound_by=self.bound_by,
            multiplier=self.task.covering.weight if dual is None else dual.multiplier,
            multiplier_bound=math.inf if dual is None else dual.bound,
            moves=self.moves,
            steps=0 if dual is None else dual.iterations,
            numba=self.numba,
            cut=no_cuts() if dual is None else dual.cut,
        )
