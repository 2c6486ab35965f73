"""Budgets from low to high: each solved from the plan and the multipliers of the one before."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from siting.core.outcome import Status
from siting.core.sizing.bound import sizing_bound
from siting.core.solve import solve
from siting.errors import SolverError
from siting.formulate.charging import decode
from siting.model.roadside import MEASURES as ROADSIDE_MEASURES
from siting.model.testroads import MEASURES as ROAD_MEASURES
from siting.structures import Sizing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from siting.core.outcome import Outcome
    from siting.formulate.charging import Decision
    from siting.model.model import Model
    from siting.programme import Programme

ALL_SHARE = 2.5
"""Time of all points after the first solve, over the time of the first."""
LEAST_SECONDS = 5.0
"""Least time of a point."""
STEP = 0.01
"""Width of the bracket of the share of the targets at which the search for it ends."""
STEPS = 5
"""Parts of a short point's time: the steps of the search and the last solve."""
LOOSE_GAP = 100.0
"""A step of that search only asks whether there is a plan."""
BUDGET = "budget"
"""Name of the row of the budget in a `Sizing`."""


@dataclass(frozen=True, slots=True)
class Bought:
    """
    What a budget buys.

    Attributes
    ----------
    budget_cny
        The budget.
    programme, outcome
        The programme and how it ended; the outcome has no values where there is no plan.
    decision
        The plan, or None.
    served_kwh_day, bound_kwh_day
        Energy served and the proven bound on what any plan with the targets as they were held
        serves; NaN where there is none.
    share
        The targets were held at this share of what they ask: 1 where they are met in full, 0 where
        no plan was found.
    most_share
        Least share for which no plan was found.
    proven
        Whether it is proven that the targets don't fit in full, and that no plan reaches
        `most_share`; true where they are met.
    price_kwh_cny
        Multiplier of the budget in the bound, kWh a day for one more CNY; NaN where there is none.
    seconds
        Time that the point took.
    """

    budget_cny: float
    programme: Programme
    outcome: Outcome
    decision: Decision | None
    served_kwh_day: float
    bound_kwh_day: float
    share: float
    most_share: float
    proven: bool
    price_kwh_cny: float
    seconds: float


def solve_budgets(
    formulate: Callable[[Model], Programme],
    model: Model,
    budgets: Sequence[float],
    told: Callable[[Bought], None] | None = None,
) -> tuple[Bought, ...]:
    """
    Solve the charging programme of a model for several budgets.

    A plan for one budget is one for every larger budget, and multipliers that prove a bound for one
    prove one for every other, as the budget stands in the bound once, times its multiplier. So each
    point starts from the plan and the multipliers before it, and at the end every bound is the
    least that the multipliers of any point prove. What a larger budget buys is then never less and
    its bound never lower.

    Where the targets don't fit, they are held at the largest common share of what they ask for
    which a plan is found, by bisection; the plan serves the most energy at that share.

    Parameters
    ----------
    formulate
        Makes the programme of a model.
    model
        The planning model; its own budget is not used.
    budgets
        Budgets, CNY.
    told
        Told of each point as it is solved, before the bounds are drawn together.

    Returns
    -------
    points
        In ascending order of the budgets.
    """
    limits = model.solve
    points: list[Bought] = []
    end = math.inf
    for number, budget in enumerate(ordered := sorted(budgets)):
        left = len(ordered) - number
        seconds = limits.seconds
        if math.isfinite(end):
            seconds = min(seconds, max(LEAST_SECONDS, (end - time.monotonic()) / left))
        last = points[-1] if points else None
        point = _point(formulate, without_others(model, budget), last, limits.gap, seconds)
        if not math.isfinite(end) and point.decision is not None:
            end = time.monotonic() + ALL_SHARE * point.seconds
        points.append(point)
        if told is not None:
            told(point)
    whole = _mended(formulate, model, points, told)
    return _together(whole)


def without_others(model: Model, budget_cny: float | None, share: float = 1.0) -> Model:
    """
    Return the model with a budget and a share of each target of the charging programme alone.

    Where measures have weights in `budget`, it is the share of the heaviest, see `held_share`.
    """
    charging = model.charging.model_copy(update={"budget_cny": budget_cny})
    others = {"hydrogen_stations", *ROAD_MEASURES, *ROADSIDE_MEASURES}
    weights = model.budget.weights if model.budget is not None else {}
    targets = tuple(
        target.model_copy(
            update={"at_least": held_share(share, weights, target.measure) * target.at_least}
        )
        for target in model.targets
        if target.measure not in others
    )
    return model.model_copy(update={"charging": charging, "targets": targets})


def held_share(share: float, weights: Mapping[str, float], measure: str) -> float:
    """
    Share of a target that is held where one of the largest weight is held at `share`.

    Shortfalls are as 1 to the weights, so that the largest weighted shortfall is least.
    """
    heaviest = max(1.0, *weights.values()) if weights else 1.0
    return max(0.0, 1.0 - (1.0 - share) * heaviest / weights.get(measure, 1.0))


def share_that_fits(
    formulate: Callable[[Model], Programme], model: Model, budget_cny: float | None
) -> Bought:
    """
    Plan what a budget buys that doesn't do for every target.

    Parameters
    ----------
    formulate
        Makes the programme of a model.
    model
        The planning model; its own budget is not used.
    budget_cny
        Budget, CNY.

    Returns
    -------
    Bought
        The plan that serves most with the targets at the largest common share for which a plan was
        found; without a decision where there is none at a share of 0.
    """
    limits = model.solve
    asked = without_others(model, budget_cny)
    whole = _point(formulate, asked, None, limits.gap, max(LEAST_SECONDS, limits.seconds / STEPS))
    return whole if whole.decision is not None else _shared(formulate, model, whole, None)


def fits_nothing(
    formulate: Callable[[Model], Programme], model: Model, budget_cny: float | None, share: float
) -> bool:
    """Tell whether it is proven that no plan holds the targets at a share within a budget."""
    limits = model.solve
    outcome = solve(
        formulate(without_others(model, budget_cny, share)),
        gap=LOOSE_GAP,
        seconds=max(LEAST_SECONDS, limits.seconds / STEPS),
        memory_mb=limits.memory_mb,
        seed=limits.seed,
    )
    return outcome.status is Status.INFEASIBLE


def _point(
    formulate: Callable[[Model], Programme],
    asked: Model,
    before: Bought | None,
    gap: float,
    seconds: float,
    share: float = 1.0,
) -> Bought:
    """Solve one point from another; where the other serves more, its plan is this one's too."""
    begin = time.monotonic()
    programme = formulate(asked)
    if before is not None and before.decision is not None:
        programme = replace(programme, start=before.outcome.values)
        # A share of "every place" is one row where all of it is a row a place.
        if _rows(programme) == _rows(before.programme):
            programme = replace(programme, multipliers=before.outcome.certificate)
    limits = asked.solve
    outcome = solve(
        programme, gap=gap, seconds=seconds, memory_mb=limits.memory_mb, seed=limits.seed
    )
    _refuse_broken(programme, outcome)
    lasts = before is not None and before.decision is not None and before.share >= share
    if lasts and before is not None and not outcome.objective >= before.served_kwh_day:
        if outcome.status is Status.INFEASIBLE:
            raise SolverError(
                "a larger budget was found to fit less",
                where=programme.name,
                value=asked.charging.budget_cny,
                cure="Please report this programme",
            )
        outcome = replace(
            outcome,
            status=Status.FEASIBLE,
            values=before.outcome.values,
            objective=before.outcome.objective,
        )
    return _read(programme, outcome, asked, share, time.monotonic() - begin)


def _rows(programme: Programme) -> tuple[str, ...]:
    """Names of the global rows, which multipliers belong to."""
    sizing = programme.structure
    return sizing.row_name if isinstance(sizing, Sizing) else ()


def _refuse_broken(programme: Programme, outcome: Outcome) -> None:
    """Pass on Ctrl-C and the end of a solver that had nothing to do with its budget."""
    if outcome.message.endswith("interrupted"):
        raise KeyboardInterrupt
    if outcome.status in {Status.CRASHED, Status.KILLED}:
        raise SolverError(
            outcome.message or "the solver ended without an answer",
            where=programme.name,
            value=outcome.status,
        )


def _read(
    programme: Programme, outcome: Outcome, asked: Model, share: float, seconds: float
) -> Bought:
    budget = asked.charging.budget_cny
    assert budget is not None  # noqa: S101
    planned = bool(outcome.values)
    return Bought(
        budget_cny=budget,
        programme=programme,
        outcome=outcome,
        decision=decode(programme, outcome) if planned else None,
        served_kwh_day=outcome.objective if planned else math.nan,
        bound_kwh_day=outcome.bound if planned else math.nan,
        share=share if planned else 0.0,
        most_share=share,
        proven=planned or outcome.status is Status.INFEASIBLE,
        price_kwh_cny=_price(programme, outcome) if planned else math.nan,
        seconds=seconds,
    )


def _price(programme: Programme, outcome: Outcome) -> float:
    """Multiplier of the budget row, NaN where the route left none."""
    sizing = programme.structure
    rows = outcome.certificate.get("rows")
    if rows is None or not isinstance(sizing, Sizing) or BUDGET not in sizing.row_name:
        return math.nan
    return max(0.0, float(rows[sizing.row_name.index(BUDGET)]))


def _mended(
    formulate: Callable[[Model], Programme],
    model: Model,
    points: list[Bought],
    told: Callable[[Bought], None] | None,
) -> list[Bought]:
    """Give the points without a plan the largest share of the targets that fits."""
    done: list[Bought] = []
    for point in points:
        if point.decision is not None:
            done.append(point)
            continue
        done.append(_shared(formulate, model, point, done[-1] if done else None))
        if told is not None:
            told(done[-1])
    return done


def _shared(
    formulate: Callable[[Model], Programme], model: Model, point: Bought, before: Bought | None
) -> Bought:
    """Bisect the share of the targets that fits; the share of a smaller budget fits too."""
    begin = time.monotonic()
    each = max(LEAST_SECONDS, model.solve.seconds / STEPS)
    best = before if before is not None and before.decision is not None else None
    low, high, proven = best.share if best else 0.0, 1.0, point.proven
    if best is None:
        best = _point(
            formulate, without_others(model, point.budget_cny, 0.0), None, LOOSE_GAP, each, 0.0
        )
        if best.decision is None:
            return replace(best, most_share=0.0, seconds=time.monotonic() - begin)
    while high - low > STEP:
        share = (low + high) / 2
        asked = without_others(model, point.budget_cny, share)
        tried = _point(formulate, asked, best, LOOSE_GAP, each, share)
        if tried.decision is not None:
            best, low = tried, share
        else:
            high, proven = share, tried.outcome.status is Status.INFEASIBLE
    asked = without_others(model, point.budget_cny, low)
    last = _point(formulate, asked, best, model.solve.gap, each, low)
    return replace(last, most_share=high, proven=proven, seconds=time.monotonic() - begin)


def _together(points: Sequence[Bought]) -> tuple[Bought, ...]:
    """Lower each bound to the least that the multipliers of any point, or a larger one, prove."""
    whole = [n for n, point in enumerate(points) if point.share >= 1.0]
    cuts = {n: _cut(points[n]) for n in whole if np.isfinite(points[n].price_kwh_cny)}
    done = list(points)
    least = math.inf
    for n in reversed(whole):
        point = points[n]
        bound = point.bound_kwh_day if math.isfinite(point.bound_kwh_day) else math.inf
        near = {
            k: own + points[k].price_kwh_cny * (point.budget_cny - points[k].budget_cny)
            for k, own in cuts.items()
        }
        best = min(near, key=lambda k: near[k], default=n)
        if near and near[best] < bound:
            sizing = point.programme.structure
            assert isinstance(sizing, Sizing)  # noqa: S101
            bound = min(bound, sizing_bound(sizing, points[best].outcome.certificate))
        # What rounding takes off a bound is given back: none lies below its own plan.
        least = max(min(least, bound), point.served_kwh_day)
        done[n] = replace(point, bound_kwh_day=least if math.isfinite(least) else math.nan)
    return tuple(done)


def _cut(point: Bought) -> float:
    """Bound that the multipliers of a point prove for its own budget."""
    sizing = point.programme.structure
    assert isinstance(sizing, Sizing)  # noqa: S101
    return sizing_bound(sizing, point.outcome.certificate)
