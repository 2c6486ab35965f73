"""Of the plans of a small instance that serve as much, one of the cheapest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from siting.core.highs import solve_arrays
from siting.core.sizing.part import Siting, array_model, cut_out, put_back, solve_part
from siting.core.sizing.round import empty_plan, shaved
from siting.core.sizing.search import cost_of, energy_of, least_cost

if TYPE_CHECKING:
    from siting.structures import Sizing

CLOSE = 0.02
"""How much dearer than the cheapest of equal plans one may be; closer takes long to prove."""
MOST_NODES = 20
"""Nodes after which a search for a cheaper plan ends, so that it ends alike everywhere."""
SAME = 1e-7
"""Relative difference in energy that counts as none."""


def cheapest(sizing: Sizing, plan: Siting, *, seconds: float, seed: int) -> Siting:
    """
    Find a plan that serves as much for about the least cost.

    The stations of the plan are sized anew first, which mostly is close to the least cost of the
    linear relaxation already; only where it isn't are all sites looked at.

    Parameters
    ----------
    sizing, plan
        The instance and a plan that keeps its rows.
    seconds, seed
        Wall time, the last resort, and random seed.
    """
    energy = energy_of(sizing, plan)
    same = least_cost(sizing, energy - SAME * max(1.0, abs(energy)))
    part = cut_out(same, empty_plan(sizing), np.flatnonzero(plan.opened))
    own = Siting(plan.opened[part.sites], plan.piles[part.sites], plan.serve[part.arcs])
    best = plan
    found, _, _ = solve_part(
        part.sizing, saving=1e-3, gap=CLOSE, seconds=seconds, nodes=MOST_NODES, start=own, seed=seed
    )
    if found is not None:
        best = put_back(empty_plan(sizing), part, found)
    least = solve_arrays(array_model(same, saving=1.0, whole=False), gap=0.0, seconds=seconds)
    if not cost_of(sizing, best) <= (1 + CLOSE) * -least.bound:
        found, _, _ = solve_part(
            same, saving=1e-3, gap=CLOSE, seconds=seconds, nodes=MOST_NODES, start=best, seed=seed
        )
        best = best if found is None else found
    return replace(best, serve=shaved(sizing, best.piles, best.serve))
