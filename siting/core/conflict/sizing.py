"""Least shortages of capacitated siting: as rows where small, else a safe bound and a plan."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from siting.core.conflict.elastic import TINY, Ask, Elastic, Weighed
from siting.core.conflict.locks import SiteLock, locked_sizing, with_lock_rows
from siting.core.conflict.rows import RowsWeigher, weigh_relaxed, with_plan
from siting.core.sizing.check import check_sizing
from siting.core.sizing.least import is_cost, least_cost_plan, without_budget
from siting.core.sizing.part import Siting, array_model, keep_rows
from siting.core.sizing.relax import row_scale
from siting.core.sizing.search import cost_of
from siting.core.sizing.solve import SMALL, solve_sizing

if TYPE_CHECKING:
    import highspy
    import numpy.typing as npt

    from siting.structures import Sizing

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

EASE = (0.008, 0.03, 0.1)
"""How much more than the relaxation's shortage is allowed when a plan is looked for, in turn."""
WIDE = 0.03
"""From this on every part with a price may lack so much, not only those short in the relaxation."""
LOOSE_GAP = 100.0
"""A search only asks whether there is a plan."""
LEAST_GAP = 0.005
"""Gap at which a least cost counts as found: a budget 1 % below the plan's is proven too little."""


def sizing_elastic(sizing: Sizing, part: Ints, size: Floats, *, whole: bool) -> Elastic:
    """
    Write an instance with its global rows as parts.

    Parameters
    ----------
    sizing
        The instance.
    part
        Part of each global row, -1 for one that always holds, int64, shape (R,).
    size
        What one unit of shortage of each part amounts to, in the unit of its rows, shape (P,).
    whole
        Whether openings and piles are whole and the strong links are written.

    Returns
    -------
    Elastic
        The global rows are the last rows; they are scaled, and the sizes with them.
    """
    model = array_model(sizing, saving=0.0, links=whole, whole=whole)
    first = len(model.row_lower) - len(part)
    # Back to the unit of the rows: the parts divide by their sizes instead.
    factor = np.ones(len(model.row_lower))
    factor[first:] = 1 / row_scale(sizing)
    matrix = model.matrix.copy()
    matrix.data = matrix.data * np.repeat(factor, np.diff(matrix.indptr))
    model = replace(
        model,
        matrix=matrix,
        row_lower=np.concatenate([model.row_lower[:first], sizing.row_lower]),
        row_upper=np.concatenate([model.row_upper[:first], sizing.row_upper]),
    )
    of_row = np.concatenate([np.full(first, -1, dtype=np.int64), part])
    return Elastic(model, of_row, of_row, size)


@dataclass(slots=True)
class SizingWeigher:
    """
    Answers questions on one instance; remembers the plans that it found.

    Attributes
    ----------
    sizing, part, size
        As for `sizing_elastic`.
    seconds
        Wall time of a question.
    seed
        Random seed.
    locks
        Locks, which the instance is without.
    plans
        Plans found so far.
    """

    sizing: Sizing
    part: Ints
    size: Floats
    seconds: float
    seed: int = 0
    locks: tuple[SiteLock, ...] = ()
    plans: list[Siting] = field(default_factory=list)
    _elastic: Elastic | None = None
    _weigher: RowsWeigher | None = None

    @property
    def small(self) -> bool:
        """Whether branch and bound on the whole instance answers."""
        return len(self.sizing.site) <= SMALL

    @property
    def elastic(self) -> Elastic:
        """The instance as rows, whole where it is small."""
        if self._elastic is None:
            sizing, part = with_lock_rows(self.sizing, self.part, self.locks)
            self._elastic = sizing_elastic(sizing, part, self.size, whole=self.small)
        return self._elastic

    def _rows(self) -> RowsWeigher:
        """Return what answers on the rows of a small instance."""
        if self._weigher is None:
            self._weigher = RowsWeigher(self.elastic, self.seconds, self.seed)
        return self._weigher

    def __call__(self, ask: Ask) -> Weighed:
        """Answer one question."""
        if self.small:
            return self._rows()(ask)
        found, x = weigh_relaxed(self.elastic, ask, 4 * self.seconds, _interior)
        row = self._budget(ask)
        if np.isfinite(found.low) and row >= 0:
            return self._least_cost(ask, found, row)
        if not ask.plan or np.isinf(found.low):
            return found
        return self._with_plan(ask, found, x)

    def _budget(self, ask: Ask) -> int:
        """Row whose whole level is asked for where it is what plans cost; else -1."""
        rows = np.flatnonzero(self.part == ask.from_zero) if ask.from_zero >= 0 else []
        rest = np.delete(ask.price, ask.from_zero)
        if len(rows) != 1 or (np.isfinite(rest) & (rest > 0)).any():
            return -1
        return int(rows[0]) if is_cost(self.sizing, int(rows[0])) else -1

    def _least_cost(self, ask: Ask, found: Weighed, row: int) -> Weighed:
        """Bound the least cost by the strong relaxation too, and search for a plan near it."""
        held = [lock for lock in self.locks if np.isinf(ask.price[lock.part])]
        kept = np.flatnonzero((self.part < 0) | (ask.price[self.part] > 0))
        sizing = keep_rows(locked_sizing(self.sizing, held), kept)
        at = int(np.searchsorted(kept, row))
        known = [plan for plan in self.plans if not check_sizing(without_budget(sizing, at), plan)]
        least = least_cost_plan(
            sizing,
            at,
            gap=LEAST_GAP if ask.plan else np.inf,
            seconds=self.seconds,
            seed=self.seed,
            start=min(known, key=partial(cost_of, sizing), default=None),
        )
        size = float(self.size[ask.from_zero])
        low = max(found.low, least.low_cny / size)
        best = replace(found, low=low, proof="multipliers" if low > found.low else found.proof)
        if not ask.plan or least.plan is None:
            return best
        self.plans.append(least.plan)
        best = self._better(ask, best, least.plan)
        return replace(best, low=min(best.low, best.high))

    def _with_plan(self, ask: Ask, found: Weighed, x: Floats | None) -> Weighed:
        """Look for a plan that lacks little more than the relaxation does."""
        best = found
        for known in self.plans:
            best = self._better(ask, best, known)
        level = self._level(x)
        dearest = float(ask.price[np.isfinite(ask.price)].max(initial=0.0))
        for step, ease in enumerate(EASE):
            if best.high <= max(TINY, found.low + ease * dearest):
                break
            plan = self._search(ask, level, ease, None)
            if plan is None:
                continue
            tried: list[Siting | None] = [plan]
            if step:
                # From a plan that is nearly there the tighter rows may be mended.
                tried += [self._search(ask, level, EASE[step - 1], plan)]
            for one in tried:
                if one is not None:
                    self.plans.append(one)
                    best = self._better(ask, best, one)
            break
        return best

    def _better(self, ask: Ask, best: Weighed, plan: Siting) -> Weighed:
        """Take a plan where it lacks less."""
        energy = self.sizing.demand_kwh[self.sizing.point]
        share = np.divide(plan.serve, energy, out=np.zeros_like(energy), where=energy > 0)
        columns = np.concatenate([plan.opened.astype(float), plan.piles.ravel(), share])
        found = with_plan(self.elastic, ask, replace(best, high=np.inf), columns)
        return found if found.high < best.high else best

    def _level(self, x: Floats | None) -> Floats:
        """Left-hand side of the global rows in the relaxation; where they are met without one."""
        if x is None:
            sizing = self.sizing
            return np.where(np.isfinite(sizing.row_lower), sizing.row_lower, sizing.row_upper)
        model = self.elastic.model
        every = (model.matrix @ x[: len(model.cost)])[-len(self.part) - self._lock_rows() :]
        return np.asarray(every[: len(self.part)])

    def _lock_rows(self) -> int:
        """Rows of the locks, after those of the instance."""
        return int(np.isin(self.elastic.lower, [lock.part for lock in self.locks]).sum())

    def _search(self, ask: Ask, level: Floats, ease: float, start: Siting | None) -> Siting | None:
        """Search for a plan within widened rows, from one that may break them or from nothing."""
        # Locks that hold are bounds here, where a search finds plans sooner than with their rows.
        held = [lock for lock in self.locks if np.isinf(ask.price[lock.part])]
        sizing, named = locked_sizing(self.sizing, held), self.part >= 0
        soft = np.isfinite(ask.price) & (ask.price > 0)
        lack = np.maximum(np.maximum(sizing.row_lower - level, level - sizing.row_upper), 0.0)
        size = np.where(named, self.size[self.part], 0.0)
        give = named & soft[self.part] & ((lack > TINY * size) | (ease >= WIDE))
        wide = np.where(give, lack + ease * size, 0.0)
        upper = sizing.row_upper + wide
        counted = named & (self.part == ask.from_zero) & np.isfinite(upper)
        upper = np.where(counted, level * (1 + ease), upper)
        kept = ~named | (ask.price[self.part] > 0)
        trial = replace(sizing, row_lower=sizing.row_lower - wide, row_upper=upper)
        result = solve_sizing(
            keep_rows(trial, np.flatnonzero(kept)),
            gap=LOOSE_GAP,
            seconds=self.seconds,
            seed=self.seed,
            start=start,
        )
        if result.status != "solved":
            return None
        return Siting(result.opened, result.piles, result.serve)


def _interior(highs: highspy.Highs) -> None:
    """Let the interior-point method stop without a vertex: any multipliers make a safe bound."""
    highs.setOptionValue("solver", "ipm")
    highs.setOptionValue("run_crossover", "off")
