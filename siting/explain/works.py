"""A least budget that works when it is given to the model: tried from the plan of least cost."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from siting.core.outcome import Status
from siting.core.solve import solve
from siting.errors import InfeasibleError
from siting.joint.money import divide, with_charging_budget
from siting.joint.prices import plan_start
from siting.structures import Sizing

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt

    from siting.explain.telling import LeastBudget
    from siting.ground import Ground
    from siting.joint.solving import Others
    from siting.model.budget import Budget
    from siting.model.model import Model

UP = (0.0, 0.005, 0.015, 0.04)
"""Shares by which a budget is raised until a plan is found for it."""
DOWN = 3
"""Most trials below a budget that works; the first without plan or proof is the last."""
LOOSE_GAP = 100.0
"""Only whether there is a plan is asked."""
ONE_PERCENT = 0.99
HALF = 0.5


def least_that_works(
    ground: Ground,
    others: Others,
    key: str,
    budget: LeastBudget,
    spare_cny: float,
    start: npt.NDArray[np.float64] | None = None,
    told: Callable[[str], None] | None = None,
) -> LeastBudget:
    """
    Try a least budget with the money that it leaves to charging, and close in on it.

    Parameters
    ----------
    ground
        What is planned on.
    others
        Plans of the programmes beside charging.
    key
        The shared money: `total`, `years`, `money_fund_n`, `years_fund_n`.
    budget
        What is proven, and what a plan of charging was found for.
    spare_cny
        What the others could leave beyond what their plans do.
    start
        Columns of the plan of charging behind `budget`: openings, piles, and the share of its
        demand on each arc.
    told
        Told of each trial.

    Returns
    -------
    budget
        Whose `high_cny` a plan was found for with the money that the model then leaves to
        charging: `inf` where none was; not above what is needed by more than 1 % where trials
        below it were decided.
    """

    def works(cny: float) -> bool | None:
        answer = fits(ground, others, with_shared(ground.city.model, key, cny), start)
        if told is not None:
            word = {True: "a plan", False: "proven to be too little", None: "no plan found"}[answer]
            told(f"joint budget of {cny:,.0f} CNY: {word}")
        return answer

    low, high = budget.low_cny, math.inf
    for share in UP:
        tried = math.ceil(budget.high_cny * (1 + share))
        answer = works(tried)
        if answer:
            high = float(tried)
            break
        if answer is False:
            low = max(low, tried - spare_cny)
    for _ in range(DOWN):
        if not math.isfinite(high) or ONE_PERCENT * high < low:
            break
        # What is proven is rarely reached, so that a trial near the plan tells more.
        tried = math.floor(max(low + HALF * (high - low), 0.9 * high))
        answer = works(tried)
        if answer is None:
            break
        low, high = (low, float(tried)) if answer else (max(low, tried - spare_cny), high)
    proof = budget.proof or ("multipliers" if low > budget.low_cny else "")
    return replace(budget, low_cny=low, high_cny=max(low, high), proof=proof)


def fits(
    ground: Ground,
    others: Others,
    model: Model,
    start: npt.NDArray[np.float64] | None = None,
) -> bool | None:
    """
    Tell whether charging has a plan for all its targets with what one budget leaves it.

    Parameters
    ----------
    ground
        What is planned on.
    others
        Plans of the programmes beside charging.
    model
        The model with another budget.
    start
        Columns of a plan of charging to begin with, as of `least_that_works`.

    Returns
    -------
    fits
        False where that is proven of every plan with the plans of the others; None where neither a
        plan nor a proof was found in the time.
    """
    try:
        money = divide(model, others.hydrogen, others.roadside, others.testroads)
    except InfeasibleError:
        return False
    limits = model.solve
    programme = ground.charging(with_charging_budget(model, money.charging_cny))
    sizing = programme.structure
    if start is not None and len(start) and isinstance(sizing, Sizing):
        whole = sizing.allowed.size + len(sizing.allowed)
        share = start[whole : whole + len(sizing.site)]
        serve = share * sizing.demand_kwh[sizing.point]
        programme = replace(programme, start=plan_start(sizing, start[:whole], serve))
    outcome = solve(
        programme,
        gap=LOOSE_GAP,
        seconds=limits.seconds,
        memory_mb=limits.memory_mb,
        seed=limits.seed,
    )
    if outcome.message.endswith("interrupted"):
        raise KeyboardInterrupt
    if outcome.status is Status.INFEASIBLE:
        return False
    return True if outcome.values else None


def with_shared(model: Model, key: str, cny: float) -> Model:
    """Return the model with another amount of shared money; years in proportion."""
    budget = model.budget
    assert budget is not None  # noqa: S101
    return model.model_copy(update={"budget": _with(budget, key, cny)})


def _with(budget: Budget, key: str, cny: float) -> Budget:
    if key == "total":
        return budget.model_copy(update={"total_cny": cny})
    number = int(key.rpartition("_")[2]) if key != "years" else -1
    if key.startswith("money_fund_"):
        funds = list(budget.funds)
        funds[number] = funds[number].model_copy(update={"most_cny": cny})
        return budget.model_copy(update={"funds": tuple(funds)})
    name = budget.funds[number].name if number >= 0 else ""
    each = [year.funds.get(name, 0.0) if name else year.most_cny or 0.0 for year in budget.years]
    share = cny / max(sum(each), 1e-9)
    years = []
    for year in budget.years:
        change = (
            {"funds": {**year.funds, name: year.funds[name] * share}}
            if name
            else {"most_cny": (year.most_cny or 0.0) * share}
        )
        years.append(year.model_copy(update=change))
    return budget.model_copy(update={"years": tuple(years)})
