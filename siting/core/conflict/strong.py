"""What least cost proves of the parts of a charging programme, by the strong relaxation."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from siting.core.conflict.elastic import TINY, nothing
from siting.core.conflict.locks import locked_sizing
from siting.core.sizing.bound import is_cost
from siting.core.sizing.least import Until, least_cost_bound, least_cost_plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from siting.core.conflict.elastic import Ask, Weighed
    from siting.core.conflict.locks import SiteLock
    from siting.core.pdhg import Iterate
    from siting.core.sizing.least import LeastCost
    from siting.core.sizing.part import Siting
    from siting.structures import Sizing

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

REMEMBERED = 4
"""Sets of multipliers that are tried on a question before new ones are looked for."""


@dataclass(slots=True)
class Prices:
    """
    Multipliers of least cost of one instance; each set bounds the cost for every choice of parts.

    Attributes
    ----------
    sizing, part, size, locks
        As of `conflict.sizing.SizingWeigher`.
    row
        The global row of what plans cost.
    known
        Multipliers found so far, the last first.
    asked
        Questions that multipliers were looked for.
    point
        Where the relaxation was left last, where the next question begins.
    """

    sizing: Sizing
    part: Ints
    size: Floats
    locks: tuple[SiteLock, ...]
    row: int
    known: list[dict[str, Floats]] = field(default_factory=list)
    asked: set[bytes] = field(default_factory=set)
    point: Iterate | None = None

    def held(self, ask: Ask) -> list[SiteLock]:
        """Locks that hold in a question."""
        return [lock for lock in self.locks if np.isinf(ask.price[lock.part])]

    def kept(self, ask: Ask) -> npt.NDArray[np.bool_]:
        """Global rows that aren't left out of a question."""
        return (self.part < 0) | (ask.price[self.part] > 0)

    def least(
        self,
        ask: Ask,
        *,
        until: Until,
        seconds: float,
        seed: int,
        plans: Sequence[Siting] = (),
    ) -> LeastCost:
        """Look for the least cost of what a question keeps; the multipliers are remembered."""
        kept = self.kept(ask)
        sizing = locked_sizing(self.sizing, self.held(ask))
        # Rows that are left out stay without bounds, so that one point serves every question.
        found = least_cost_plan(
            replace(
                sizing,
                row_lower=np.where(kept, sizing.row_lower, -np.inf),
                row_upper=np.where(kept, sizing.row_upper, np.inf),
            ),
            self.row,
            until=until,
            seconds=seconds,
            seed=seed,
            starts=plans,
            near=self.point,
        )
        self.point = found.point
        rows = np.where(kept, found.duals["rows"], 0.0)
        self.known = [{**found.duals, "rows": rows}, *self.known][:REMEMBERED]
        return found

    @property
    def enough_cny(self) -> float:
        """Least cost from which the budget is proven to be too little."""
        return float(self.sizing.row_upper[self.row]) * (1 + 2 * TINY)

    def weighed(self, ask: Ask, seconds: float, seed: int) -> Weighed:
        """
        Bound a question in which the budget counts.

        By row multipliers y and a price of money p, a shortage t of part k saves at most y_k times
        its size / p, so that the parts that give way have to save together what the least cost is
        above the budget.
        """
        best = self._best(ask)
        key = self.kept(ask).tobytes() + np.isinf(ask.price).tobytes()
        if best.low <= TINY and key not in self.asked:
            self.asked.add(key)
            # Where nothing gives way, how far the cost is above the budget doesn't matter.
            firm = not (np.isfinite(ask.price) & (ask.price > 0)).any()
            over = self.enough_cny if firm else np.inf
            self.least(ask, until=Until(np.inf, over), seconds=seconds, seed=seed)
            best = self._best(ask)
        return best

    def saved(self, rows: Floats) -> Floats:
        """Cost that a whole size of each part saves at most, by multipliers, CNY, shape (P,)."""
        price = rows[self.row]
        paid = np.where(self.part >= 0, abs(rows), 0.0)
        each = np.bincount(np.maximum(self.part, 0), paid, minlength=len(self.size))
        return np.asarray(each * self.size / price, dtype=np.float64)

    def _best(self, ask: Ask) -> Weighed:
        """Take the best of what the multipliers at hand prove."""
        best = nothing(len(self.size))
        sizing, kept = locked_sizing(self.sizing, self.held(ask)), self.kept(ask)
        for duals in self.known:
            rows = np.where(kept, duals["rows"], 0.0)
            over = least_cost_bound(sizing, self.row, {**duals, "rows": rows})
            over -= float(self.sizing.row_upper[self.row])
            if not over > TINY * abs(float(self.sizing.row_upper[self.row])):
                continue
            saved = self.saved(rows)
            soft = np.isfinite(ask.price) & (ask.price > 0) & (saved > 0)
            low = over * float((ask.price[soft] / saved[soft]).min()) if soft.any() else np.inf
            if low > best.low:
                best = self._proven(best, low, rows, ask)
        return best

    def _proven(self, found: Weighed, low: float, rows: Floats, ask: Ask) -> Weighed:
        leans = np.zeros(len(self.size), dtype=bool)
        leans[self.part[(self.part >= 0) & (rows != 0)]] = True
        # Locks that hold are bounds of sites, which every multiplier rests on.
        leans[[lock.part for lock in self.held(ask)]] = True
        multiplier = self.saved(rows) / max(abs(float(self.sizing.row_upper[self.row])), 1.0)
        return replace(found, low=low, proof="multipliers", multiplier=multiplier, leans=leans)


def prices_of(
    sizing: Sizing, part: Ints, size: Floats, locks: tuple[SiteLock, ...]
) -> Prices | None:
    """Return what prices the parts of an instance; None where no part is what plans cost."""
    rows = [row for row in np.flatnonzero(part >= 0).tolist() if is_cost(sizing, row)]
    if len(rows) != 1 or (part == part[rows[0]]).sum() != 1:
        return None
    return Prices(sizing, part, size, locks, rows[0])
