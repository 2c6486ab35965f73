"""A window of a plan: a few sites to be planned anew, with what their room in the rows is worth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from siting.core.highs import highs_of, solution_of
from siting.core.sizing.part import Part, Siting, activity, array_model, cut_out
from siting.core.sizing.pool import Pool, scaled, with_pool

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.structures import Sizing

MOST_NODES = 8
"""Branch-and-bound nodes of a window; mostly the root settles it. Counted, not timed, so that the
same seed gives the same plan."""


@dataclass(frozen=True, slots=True)
class Effort:
    """
    How hard to solve windows.

    Attributes
    ----------
    saving
        Worth of one CNY not spent, kWh/day.
    gap
        Gap at which a window counts as solved, kWh/day.
    seconds
        Wall time, the last resort.
    seed
        Random seed.
    """

    saving: float
    gap: float
    seconds: float
    seed: int


@dataclass(frozen=True, slots=True)
class Window:
    """
    A window to be solved.

    Attributes
    ----------
    sizing
        The sites, and the demand and the room in the rows that they may use.
    start
        What the plan has there.
    pool
        What the room that they leave is worth.
    effort
        How hard to try.
    """

    sizing: Sizing
    start: Siting
    pool: Pool
    effort: Effort


def windows_of(plan: Siting, parts: list[Part], pool: Pool, effort: Effort) -> list[Window]:
    """Make windows of parts; each has its share of the bands of what room is worth."""
    own = scaled(pool, 1 / max(len(parts), 1))
    starts = [Siting(plan.opened[p.sites], plan.piles[p.sites], plan.serve[p.arcs]) for p in parts]
    return [Window(p.sizing, s, own, effort) for p, s in zip(parts, starts, strict=True)]


def solve_window(window: Window) -> Siting | None:
    """Solve one window with HiGHS within a few nodes; None where it has nothing."""
    part, effort = window.sizing, window.effort
    model = array_model(part, saving=effort.saving, start=window.start)
    model = with_pool(part, model, window.pool)
    highs = highs_of(model, seconds=effort.seconds, seed=effort.seed)
    highs.setOptionValue("mip_rel_gap", 0.0)
    highs.setOptionValue("mip_abs_gap", effort.gap)
    highs.setOptionValue("mip_max_nodes", MOST_NODES)
    if model.start is not None:
        given = np.flatnonzero(np.isfinite(model.start)).astype(np.int32)
        highs.setSolution(len(given), given, model.start[given])
    highs.run()
    values = solution_of(highs)
    if values is None:
        return None
    sites, types = part.allowed.shape
    first = sites * (1 + types)
    whole = np.rint(values[:first])
    opened = whole[:sites] > 0
    share = np.clip(values[first : first + len(part.site)], 0.0, 1.0)
    serve = np.where(opened[part.site], share * part.demand_kwh[part.point], 0.0)
    return Siting(opened, whole[sites:].astype(np.int64).reshape(sites, types), serve)


def side_by_side(sizing: Sizing, plan: Siting, windows: list[npt.NDArray[np.int64]]) -> list[Part]:
    """
    Cut disjoint windows out so that what is found for each can be put back, whatever the others do.

    Each gets an equal share of the room in the rows, and of the demand in its reach, that the plan
    leaves unused.

    Parameters
    ----------
    sizing, plan
        The instance and a plan that keeps its rows.
    windows
        Rows of the sites of each window, sorted; no site is in two.
    """
    parts = [cut_out(sizing, plan, sites) for sites in windows]
    if len(parts) < 2:  # noqa: PLR2004
        return parts
    served = np.bincount(sizing.point, plan.serve, minlength=len(sizing.demand_kwh))
    left = np.maximum(sizing.demand_kwh - served, 0.0)
    wanted = np.bincount(np.concatenate([part.points for part in parts]), minlength=len(left))
    others = left * (1 - 1 / np.maximum(wanted, 1))
    level, rest = activity(sizing, plan), 1 - 1 / len(parts)
    # Rows without a bound stay without one.
    low = rest * np.maximum(np.where(np.isfinite(sizing.row_lower), level - sizing.row_lower, 0), 0)
    high = rest * np.maximum(
        np.where(np.isfinite(sizing.row_upper), sizing.row_upper - level, 0), 0
    )
    return [
        replace(
            part,
            sizing=replace(
                part.sizing,
                demand_kwh=np.maximum(part.sizing.demand_kwh - others[part.points], 0.0),
                row_lower=part.sizing.row_lower + low,
                row_upper=part.sizing.row_upper - high,
            ),
        )
        for part in parts
    ]
