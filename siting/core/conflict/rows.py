"""Least shortages of an instance given as rows: linear relaxation, then branch and bound."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from siting.core.conflict.elastic import (
    TINY,
    Ask,
    Elastic,
    Weighed,
    clipped,
    multipliers_of,
    nothing,
    relaxed,
    safe_bound,
    scaled,
    sides,
)
from siting.core.highs import solve_arrays

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.core.conflict.elastic import Tune

    Floats = npt.NDArray[np.float64]

GAP = 1e-4
"""Relative gap of branch and bound on the sum of shortages."""
LEAN = (0.1, 0.01, 1e-3, 1e-5)
"""A proof leans on parts whose multipliers are above this share of the largest, if that is enough.
"""
TREE = "branch and bound"
ALWAYS = "rows that always hold"
"""Proofs beside multipliers: HiGHS's word for integers, and that nothing that may give way helps.
"""


@dataclass(slots=True)
class RowsWeigher:
    """
    Answers questions on an instance given as rows; remembers the plans that it found.

    Attributes
    ----------
    elastic
        The instance.
    seconds, seed
        Wall time of a question and random seed.
    plans
        Columns of plans known so far.
    """

    elastic: Elastic
    seconds: float
    seed: int = 0
    plans: list[Floats] = field(default_factory=list)

    def __call__(self, ask: Ask) -> Weighed:
        """Answer one question: a bound by multipliers, then branch and bound."""
        end = time.monotonic() + self.seconds
        found, _ = weigh_relaxed(self.elastic, ask, self.seconds)
        if not ask.plan or np.isinf(found.low):
            return found
        best = found
        for plan in self.plans:
            trial = with_plan(self.elastic, ask, found, plan)
            best = trial if trial.high < best.high else best
        if best.high <= max(TINY, found.low * (1 + GAP)):
            return best
        model = scaled(self.elastic, ask)
        if np.isfinite(best.high):
            start = np.full(len(model.cost), np.nan)
            start[: len(best.values)] = best.values
            model = replace(model, start=start)
        left = max(1.0, end - time.monotonic())
        answer = solve_arrays(model, gap=GAP, abs_gap=TINY / 10, seconds=left, seed=self.seed)
        if answer.kind == "infeasible":
            return replace(found, low=np.inf, proof=TREE, leans=_all(self.elastic))
        if np.isfinite(answer.bound) and answer.bound > found.low + TINY:
            best = replace(best, low=answer.bound, proof=TREE, leans=_all(self.elastic))
        if answer.values is not None:
            trial = with_plan(self.elastic, ask, best, answer.values)
            if trial.high <= best.high and len(trial.values):
                self.plans.append(trial.values)
                best = trial
        return replace(best, low=min(best.low, best.high))


def _all(elastic: Elastic) -> npt.NDArray[np.bool_]:
    return np.ones(elastic.parts, dtype=bool)


def weigh_relaxed(
    elastic: Elastic,
    ask: Ask,
    seconds: float,
    tune: Tune | None = None,
) -> tuple[Weighed, Floats | None]:
    """
    Bound the sum of price times shortage by the linear relaxation.

    Parameters
    ----------
    elastic, ask, seconds
        As for `weigh_rows`.
    tune
        Sets options of HiGHS, or None.

    Returns
    -------
    found, x
        Without a plan; the columns of the relaxation's optimum, or None. Where the parts that hold
        can't, `low` is infinite and its proof the multipliers of how much they lack.
    """
    if not (np.isfinite(ask.price) & (ask.price > 0)).any():
        return _holding(elastic, ask, seconds, tune)
    low, y, x, kind = relaxed(elastic, ask, seconds, tune)
    if kind == "infeasible":
        return _holding(elastic, ask, seconds, tune)
    return _bounded(elastic, ask, low, y), x


def _holding(
    elastic: Elastic, ask: Ask, seconds: float, tune: Tune | None
) -> tuple[Weighed, Floats | None]:
    """Prove that the parts that hold can't: what they lack when they may give way is above none."""
    firm = Ask(np.where(np.isinf(ask.price), 1.0, 0.0), plan=False)
    low, y, x, kind = relaxed(elastic, firm, seconds, tune)
    found = _bounded(elastic, firm, low, y)
    if kind == "infeasible":
        return replace(found, low=np.inf, proof=ALWAYS), None
    if found.low > TINY:
        return replace(found, low=np.inf), None
    return replace(found, low=0.0, multiplier=np.zeros(elastic.parts)), x


def _bounded(elastic: Elastic, ask: Ask, low: float, y: Floats) -> Weighed:
    """Say what a bound leans on, with the multipliers of all other parts at 0."""
    found = nothing(elastic.parts)
    price = multipliers_of(elastic, y)
    if not TINY < low < np.inf:
        return replace(found, low=0.0, multiplier=price)
    model = scaled(elastic, ask)
    row, part, _ = sides(elastic)

    def holds(leans: npt.NDArray[np.bool_]) -> bool:
        """Whether the multipliers of these parts alone prove that something is short."""
        bare = y.copy()
        bare[row[~leans[part]]] = 0.0
        return safe_bound(model, clipped(elastic, ask, bare)) > TINY

    leans = price > 0
    for share in LEAN:
        trial = price > share * price.max(initial=0.0)
        if holds(trial):
            leans = trial
            break
    for one in np.argsort(price, kind="stable").tolist():
        trial = leans.copy()
        trial[one] = False
        if leans[one] and holds(trial):
            leans = trial
    return replace(found, low=low, proof="multipliers", multiplier=price, leans=leans)


def with_plan(elastic: Elastic, ask: Ask, found: Weighed, values: Floats) -> Weighed:
    """
    Count what a plan is short by from its columns.

    Parameters
    ----------
    elastic, ask, found
        The instance, the question and what is known of it.
    values
        Columns of the instance, with or without shortages behind them.
    """
    model = elastic.model
    values = values[: len(model.cost)]
    level = model.matrix @ values
    row, part, sign = sides(elastic)
    bound = np.where(sign > 0, model.row_lower[row], model.row_upper[row])
    bound = np.where(part == ask.from_zero, 0.0, bound)
    lack = np.maximum(sign * (bound - level[row]), 0.0) / elastic.size[part]
    lack = np.where(lack > TINY, lack, 0.0)
    short = np.bincount(part, lack, minlength=elastic.parts).astype(float)
    short = np.where(ask.price > 0, short, 0.0)
    if (short[np.isinf(ask.price)] > 0).any():
        return found
    soft = np.isfinite(ask.price)
    high = float(ask.price[soft] @ short[soft])
    return replace(found, high=max(high, 0.0), short=short, level=level, values=values)
