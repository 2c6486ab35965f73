"""Least shortages of capacitated siting: as rows where small, else a safe bound and a plan."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from siting.core.conflict.elastic import TINY, Ask, Elastic, Weighed
from siting.core.conflict.locks import SiteLock, locked_sizing, with_lock_rows
from siting.core.conflict.rows import RowsWeigher, weigh_relaxed, with_plan
from siting.core.conflict.strong import prices_of
from siting.core.sizing.least import Until
from siting.core.sizing.part import Siting, array_model, keep_rows
from siting.core.sizing.relax import row_scale
from siting.core.sizing.search import Field, Goal, arcs_of, improve, neighbours
from siting.core.sizing.solve import SMALL, solve_sizing

if TYPE_CHECKING:
    import highspy
    import numpy.typing as npt

    from siting.core.conflict.strong import Prices
    from siting.structures import Sizing

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

EASE = (0.03, 0.1)
"""How much more than the relaxation's shortage is allowed when a plan is looked for, in turn."""
ENOUGH = 0.008
"""Shortage above the proven one at which no other plan is looked for, in sizes."""
MENDING = 0.3
"""Share of a question's time in which a plan is brought nearer to what is asked for."""
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
    _prices: Prices | None = None

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
        strong = self._strong(ask)
        if strong is not None and (not ask.plan or np.isinf(strong.low)):
            return strong
        found, x = weigh_relaxed(self.elastic, ask, 4 * self.seconds, _interior)
        if np.isfinite(found.low) and self._of_cost(ask):
            return self._least_cost(ask, found)
        if strong is not None and strong.low > found.low:
            found = strong
        if not ask.plan or np.isinf(found.low):
            return found
        return self._with_plan(ask, found, x)

    @property
    def prices(self) -> Prices | None:
        """Multipliers of least cost, where a part is what plans cost."""
        if self._prices is None:
            self._prices = prices_of(self.sizing, self.part, self.size, self.locks)
        return self._prices

    def _strong(self, ask: Ask) -> Weighed | None:
        """Bound by what plans cost at least; None where a question hasn't the budget in it."""
        prices = self.prices
        if prices is None or ask.from_zero >= 0 or not ask.price[self.part[prices.row]] > 0:
            return None
        return prices.weighed(ask, self.seconds, self.seed)

    def _of_cost(self, ask: Ask) -> bool:
        """Whether a question is what plans cost at least, all else held or left out."""
        prices = self.prices
        if prices is None or ask.from_zero != self.part[prices.row]:
            return False
        rest = np.delete(ask.price, ask.from_zero)
        return not (np.isfinite(rest) & (rest > 0)).any()

    def _least_cost(self, ask: Ask, found: Weighed) -> Weighed:
        """Bound the least cost by the strong relaxation too, and search for a plan near it."""
        prices = self.prices
        assert prices is not None  # noqa: S101
        least = prices.least(
            ask,
            until=Until(LEAST_GAP if ask.plan else np.inf),
            seconds=self.seconds,
            seed=self.seed,
            plans=self.plans,
        )
        size, best = float(self.size[ask.from_zero]), found
        low = least.low_cny / size
        if low > found.low:
            saved = prices.saved(prices.known[0]["rows"]) / size
            best = replace(found, low=low, proof="multipliers", multiplier=saved)
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
        for ease in EASE:
            if best.high <= max(TINY, found.low + ENOUGH * dearest):
                break
            plan = self._search(ask, level, ease)
            if plan is None:
                continue
            best = self._better(ask, best, plan)
            # From a plan that is nearly there the tighter rows may be mended.
            plan = self._mended(ask, level, plan)
            self.plans.append(plan)
            best = self._better(ask, best, plan)
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

    def _search(self, ask: Ask, level: Floats, ease: float) -> Siting | None:
        """Search for a plan within widened rows."""
        result = solve_sizing(
            self._widened(ask, level, ease), gap=LOOSE_GAP, seconds=self.seconds, seed=self.seed
        )
        if result.status != "solved":
            return None
        return Siting(result.opened, result.piles, result.serve)

    def _mended(self, ask: Ask, level: Floats, plan: Siting) -> Siting:
        """Bring a plan nearer to rows that are hardly widened, for a share of the time."""
        sizing = self._widened(ask, level, 0.0)
        field = Field(plan.opened, np.ones_like(plan.opened), neighbours(sizing), arcs_of(sizing))
        goal = Goal(0.0, -np.inf, time.monotonic() + MENDING * self.seconds, self.seed)
        return improve(sizing, plan, field, goal, lambda _: None)

    def _widened(self, ask: Ask, level: Floats, ease: float) -> Sizing:
        """Widen the rows of what may give way by what the relaxation lacks and more."""
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
        return keep_rows(trial, np.flatnonzero(kept))


def _interior(highs: highspy.Highs) -> None:
    """Let the interior-point method stop without a vertex: any multipliers make a safe bound."""
    highs.setOptionValue("solver", "ipm")
    highs.setOptionValue("run_crossover", "off")
