"""What the points of a budget frontier say: marginal value of money, knee, targets missed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from siting.assemble.plan import Solved, assemble_plan
from siting.charging.budgets import without_others
from siting.piles import pile_table
from siting.units import CNY_PER_WAN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from siting.charging.budgets import Bought
    from siting.ground import Ground

KNEE = 0.05
"""Least height of the frontier over its chord, both scaled to one, for it to have a knee."""
MARGINAL = (
    "marginal_kwh_per_wan: difference of the energy served by two re-solved points over the "
    "difference of their budgets, kWh a day for 10,000 CNY; low and high: what it can be at most "
    "and at least, as each plan is only known to lie between what it serves and its bound. "
    "dual_kwh_per_wan: multiplier of charging's money in the proven bound, the slope of a line "
    "that no plan lies above; not a difference of plans."
)
SHORT = (
    "share: the targets of the charging programme were held at this share of what they ask, the "
    "largest for which a plan was found; 1 where all are met. No plan was found for most_share; "
    "proven says whether there is none."
)
LIMITS = (
    "charging_cny: most that charging may cost of the budget; limited_by: what sets it: total, own "
    "(charging.budget_cny), a fund, or the years. missing: why there is no plan, and how much "
    "money is missing."
)
Of = Literal["total", "charging"]
"""What the budgets of a frontier are: the total of all programmes, or charging's alone."""
COSTS = {
    "charging": "charging_cost_cny",
    "hydrogen": "hydrogen_cost_cny",
    "roadside": "roadside_cost_cny",
    "testroads": "test_road_cost_cny",
}
"""Column of what each programme costs."""
NAMES = {
    "charging": ("充换电", "charging"),
    "hydrogen": ("加氢", "hydrogen"),
    "roadside": ("路侧", "roadside"),
    "testroads": ("测试道路", "test roads"),
}
"""Programmes in Chinese and English."""
COLUMNS = (
    *("budget_cny", "status", "served_kwh_day", "bound_kwh_day", "gap", "served_share", "cost_cny"),
    *("stations", "piles", "share", "most_share", "proven", "short"),
    *("marginal_kwh_per_wan", "marginal_low", "marginal_high", "dual_kwh_per_wan", "knee"),
    *("charging_cny", "limited_by", *COSTS.values(), "missing"),
)
"""Columns of the table; see `MARGINAL`, `SHORT` and `LIMITS`."""


@dataclass(frozen=True, slots=True)
class Short:
    """A target that a budget leaves short: what it asks, and what is there, in its unit."""

    clause: str
    measure: str
    unit: str
    at_least: float
    planned: float


@dataclass(frozen=True, slots=True)
class FrontierPoint:
    """
    One budget of a frontier.

    Attributes
    ----------
    budget_cny
        The budget, CNY: the total of all programmes, or that of the charging programme as it was
        planned with.
    status
        `met` (every target), `short`, or `none` (no plan was found).
    served_kwh_day, bound_kwh_day, gap
        Energy served, the proven bound on it, and how far that is above; NaN without a plan.
    served_share
        Share of the demand that is served.
    cost_cny
        What everything costs that the budget pays for.
    costs
        The same by programme.
    charging_cny, limited_by, missing
        See `LIMITS`.
    stations, piles
        How many.
    share, most_share, proven
        See `SHORT`.
    short
        Targets that are missed.
    marginal_kwh_per_wan, marginal_low, marginal_high, dual_kwh_per_wan
        See `MARGINAL`; NaN at the first point and where either point has no plan that meets all.
    knee
        Whether the frontier bends most here.
    seconds
        Time of the solve.
    """

    budget_cny: float
    status: str
    served_kwh_day: float
    bound_kwh_day: float
    gap: float
    served_share: float
    cost_cny: int
    costs: Mapping[str, int]
    charging_cny: float
    limited_by: str
    missing: str
    stations: int
    piles: int
    share: float
    most_share: float
    proven: bool
    short: tuple[Short, ...]
    dual_kwh_per_wan: float
    seconds: float
    marginal_kwh_per_wan: float = math.nan
    marginal_low: float = math.nan
    marginal_high: float = math.nan
    knee: bool = False


@dataclass(frozen=True, slots=True)
class Frontier:
    """
    A budget frontier and where it was written.

    Attributes
    ----------
    folder
        `frontier.svg`, `frontier.csv` and `frontier.json`.
    model
        Name of the model.
    of
        What the budgets are.
    points
        In ascending order of the budgets.
    notes
        What the user has to know, one sentence each.
    seconds
        Wall time by stage.
    """

    folder: Path
    model: str
    of: Of
    points: tuple[FrontierPoint, ...]
    notes: tuple[str, ...]
    seconds: Mapping[str, float]


def frontier_points(ground: Ground, bought: Sequence[Bought]) -> tuple[FrontierPoint, ...]:
    """
    Describe what budgets buy, with the marginal value of money and the knee.

    Parameters
    ----------
    ground
        What was planned on.
    bought
        Points in ascending order of the budgets.
    """
    asked = float(ground.demand.frame["kwh_day"].sum())
    types = pile_table(ground.city.model.charging)
    fixed = ground.candidates.frame["fixed_cost_cny"].to_numpy(dtype=float)
    paid = types["cost_cny"].to_numpy(dtype=float)
    points = []
    for one in bought:
        piles = np.zeros((1, len(types))) if one.decision is None else one.decision.piles
        opened = np.flatnonzero(piles.sum(axis=1) > 0)
        cost = int(np.round(fixed[opened] + piles[opened] @ paid).sum())
        points.append(
            FrontierPoint(
                budget_cny=one.budget_cny,
                status="none" if one.decision is None else "short" if one.share < 1 else "met",
                served_kwh_day=one.served_kwh_day,
                bound_kwh_day=one.bound_kwh_day,
                gap=gap_of(one.served_kwh_day, one.bound_kwh_day),
                served_share=one.served_kwh_day / max(asked, 1e-9),
                cost_cny=cost,
                costs={} if one.decision is None else {"charging": cost},
                charging_cny=one.budget_cny,
                limited_by="own",
                missing="",
                stations=len(opened),
                piles=int(piles.sum()),
                share=one.share,
                most_share=one.most_share,
                proven=one.proven,
                short=_short(ground, one),
                dual_kwh_per_wan=one.price_kwh_cny * CNY_PER_WAN,
                seconds=one.seconds,
            )
        )
    return with_slopes(points)


def gap_of(served: float, bound: float) -> float:
    """Return how far a bound lies above what is served, as a share of that."""
    return (bound - served) / max(served, 1e-9)


def with_slopes(points: Sequence[FrontierPoint]) -> tuple[FrontierPoint, ...]:
    """
    Add the marginal value of money and the knee.

    Parameters
    ----------
    points
        In ascending order of the budgets.
    """
    whole = [n for n, point in enumerate(points) if point.status != "none" and point.share >= 1]
    bend = knee(
        np.array([points[n].budget_cny for n in whole]),
        np.array([points[n].served_kwh_day for n in whole]),
    )
    done = [
        _with_marginal(before, point)
        for before, point in zip([None, *points[:-1]], points, strict=True)
    ]
    if bend is not None:
        done[whole[bend]] = replace(done[whole[bend]], knee=True)
    return tuple(done)


def _with_marginal(before: FrontierPoint | None, one: FrontierPoint) -> FrontierPoint:
    """Add the marginal value of money between two points, kWh a day for 10,000 CNY."""
    if before is None or "none" in {before.status, one.status} or min(before.share, one.share) < 1:
        return one
    wan = (one.budget_cny - before.budget_cny) / CNY_PER_WAN
    return replace(
        one,
        marginal_kwh_per_wan=(one.served_kwh_day - before.served_kwh_day) / wan,
        marginal_low=max(0.0, (one.served_kwh_day - before.bound_kwh_day) / wan),
        marginal_high=(one.bound_kwh_day - before.served_kwh_day) / wan,
    )


def knee(budgets: npt.NDArray[np.float64], served: npt.NDArray[np.float64]) -> int | None:
    """
    Find where a frontier bends most.

    The point farthest above the chord from the first to the last point, both axes scaled to one
    (Satopaa et al. 2011, Finding a "Kneedle" in a haystack, without smoothing).

    Parameters
    ----------
    budgets, served
        In ascending order, shape (n,).

    Returns
    -------
    position
        None for fewer than three points, or where no point is `KNEE` above the chord.
    """
    if len(budgets) < 3 or served[-1] <= served[0]:  # noqa: PLR2004  (a chord takes two)
        return None
    x = (budgets - budgets[0]) / (budgets[-1] - budgets[0])
    y = (served - served[0]) / (served[-1] - served[0])
    best = int(np.argmax(y - x))
    return best if y[best] - x[best] >= KNEE else None


def _short(ground: Ground, one: Bought) -> tuple[Short, ...]:
    """Measure the targets of the charging programme that a plan misses."""
    if one.decision is None or one.share >= 1:
        return ()
    city = replace(ground.city, model=without_others(ground.city.model, one.budget_cny))
    solved = Solved(one.decision, one.outcome, places=ground.places, substations=ground.substations)
    found = assemble_plan(
        city, ground.network, ground.demand, ground.candidates, ground.reach, solved, {}
    )
    missed = found.clauses[found.clauses["status"] == "short"]
    return tuple(
        Short(
            str(row["clause"]), str(row["measure"]), str(row["unit"]),
            float(row["target"]), float(row["planned"]),
        )
        for row in missed.to_dict("records")
    )  # fmt: skip
