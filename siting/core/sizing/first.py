"""The first plan: the relaxation rounded to stations in several ways; the best is sized."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from siting.core.highs import solve_arrays
from siting.core.sizing.check import check_sizing
from siting.core.sizing.count import select_open
from siting.core.sizing.part import Siting, array_model, put_back, solve_part
from siting.core.sizing.round import choose_open, open_part, shaved, size_open
from siting.core.sizing.search import score_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.core.pdhg import Iterate
    from siting.structures import Sizing

LEAST_OPENNESS = (0.3, 0.2, 0.4, 0.1, 0.5)
"""
Openness that a site has to gather from those around it to be opened, each of which is tried.

The choice weighs more than the rounding of piles: on one city the linear programme of the stations
came to 95.6 % of the bound with 0.5 and to 98.8 % with 0.2, on another to 97.2 % with 0.5 and to
99.2 % with 0.4; piles took 0.3 % more.
"""
TRYING = 0.1
"""Share of the time left after which no other choice is tried."""
SIZING = 0.5
"""Share of the time left after which the sizing hurries."""
PILES_GAP = 4e-3
"""Gap at which whole piles of given stations count as solved."""
PILES = 0.2
"""Share of the time left that they may take, the last resort."""


def first_plan(
    sizing: Sizing, point: Iterate, *, saving: float, deadline: float, seed: int = 0
) -> Siting | None:
    """
    Round the relaxation to a plan, which may still break global rows; None where none is found.

    Several choices of stations are compared by what a linear programme serves from them. The piles
    of the best are rounded pile by pile, and where that breaks no row HiGHS chooses them anew.

    Parameters
    ----------
    sizing
        The instance.
    point
        Iterate of its relaxation.
    saving
        Worth of one CNY not spent, kWh/day.
    deadline
        `time.monotonic()` at which the whole solve ends.
    seed
        Random seed.
    """
    sites, types = sizing.allowed.shape
    share = np.clip(point.x[:sites], 0.0, 1.0)
    serve = point.x[sites * (1 + types) :] * sizing.demand_kwh[sizing.point]
    started = time.monotonic()
    left = max(5.0, deadline - started)
    best: tuple[float, npt.NDArray[np.bool_]] | None = None
    for least in LEAST_OPENNESS:
        wanted = choose_open(sizing, share, serve, least=least)
        chosen = select_open(sizing, wanted, share, left)
        if chosen is None:
            continue
        worth = opened_worth(sizing, chosen, saving=saving, seconds=left)
        if best is None or worth > best[0]:
            best = worth, chosen
        if time.monotonic() > started + TRYING * left:
            break
    if best is None:
        return None
    hurry = time.monotonic() + SIZING * left
    plan = size_open(sizing, best[1], point, saving=saving, deadline=hurry)
    # Without a plan to start from HiGHS takes longer than the search does to mend this one.
    if plan is None or not best[1].any() or check_sizing(sizing, plan):
        return plan
    seconds = PILES * max(5.0, deadline - time.monotonic())
    return better_piles(sizing, plan, saving=saving, seconds=seconds, seed=seed)


def opened_worth(
    sizing: Sizing, opened: npt.NDArray[np.bool_], *, saving: float, seconds: float
) -> float:
    """
    Value what given stations can do: the linear programme with piles that need not be whole.

    Parameters
    ----------
    sizing
        The instance.
    opened
        Stations, bool, shape (J,).
    saving
        Worth of one CNY not spent, kWh/day.
    seconds
        Time allowed.

    Returns
    -------
    worth
        Weighted energy less saved cost, kWh/day; `-inf` where a row can't hold or time runs out.
    """
    small = open_part(sizing, opened).sizing
    model = array_model(small, saving=saving, links=False, whole=False)
    answer = solve_arrays(model, gap=0.0, seconds=seconds)
    return -math.inf if answer.values is None else answer.objective


def better_piles(
    sizing: Sizing, plan: Siting, *, saving: float, seconds: float, seed: int
) -> Siting:
    """
    Choose the piles of a plan's stations anew, by HiGHS within its root node.

    Parameters
    ----------
    sizing, plan
        The instance and a plan that keeps every row.
    saving
        Worth of one CNY not spent, kWh/day.
    seconds
        Wall time, the last resort.
    seed
        Random seed.

    Returns
    -------
    Siting
        The given plan where nothing better was found.
    """
    part = open_part(sizing, plan.opened)
    start = Siting(plan.opened[part.sites], plan.piles[part.sites], plan.serve[part.arcs])
    found, _, _ = solve_part(
        part.sizing,
        saving=saving,
        gap=PILES_GAP,
        seconds=seconds,
        links=False,
        start=start,
        seed=seed,
        nodes=1,
    )
    if found is None:
        return plan
    whole = put_back(plan, part, found)
    whole = replace(whole, serve=shaved(sizing, whole.piles, whole.serve))
    return max(plan, whole, key=lambda one: score_of(sizing, one, saving))
