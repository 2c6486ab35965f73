"""The charging programme solved for most energy, or first for the worst-served district."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from siting.core.outcome import Status
from siting.core.solve import solve
from siting.formulate.charging import decode
from siting.model.model import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from siting.core.outcome import Outcome, TracePoint
    from siting.demand.charging import Demand
    from siting.model.model import Model
    from siting.programme import Programme
    from siting.reach.distance import Reach

STEP = 0.005
"""Width of the bracket of the worst district's share at which the search for it ends."""
FIRST_SHARE, STEP_SHARE = 0.3, 0.1
"""Parts of the time for the first solve and each step; the last has at least that of the first."""
LOOSE_GAP = 100.0
"""A step only asks whether there is a plan."""
SLACK = 1e-6
"""A floor is set this much below the share that a plan has: the solver's own feasibility."""


@dataclass(frozen=True, slots=True)
class Worst:
    """
    How well the worst-served district fares.

    Attributes
    ----------
    share
        Share of its demand that the plan serves.
    limit
        Least share for which no plan was found, or that can't be reached from any site.
    proven
        Whether it is proven that no plan has the share `limit` or a larger one.
    """

    share: float
    limit: float
    proven: bool

    @property
    def text(self) -> str:
        """One sentence for the user."""
        how = "no plan reaches more than" if self.proven else "no plan was found in the time with"
        return f"the worst district is served to {self.share:.2%}; {how} {self.limit:.2%}"

    @property
    def record(self) -> dict[str, float | bool]:
        """The part of run.json."""
        return {"share": self.share, "limit": self.limit, "proven": self.proven}


@dataclass(frozen=True, slots=True)
class Found:
    """A programme with how it ended and, where that was asked for, the worst district's share."""

    programme: Programme
    outcome: Outcome
    worst: Worst | None = None


def solve_charging(
    formulate: Callable[[Model], Programme],
    model: Model,
    demand: Demand,
    reach: Reach,
    progress: Callable[[TracePoint], None] | None = None,
) -> Found:
    """
    Solve the charging programme for what `charging.objective` asks.

    Parameters
    ----------
    formulate
        Makes the programme of a model.
    model
        The planning model.
    demand, reach
        Demand points and arcs of the programme.
    progress
        Told incumbent and bound.

    Returns
    -------
    Found
        Under `worst_district` the floor on the share of every district is bisected and the plan
        serves the most energy that was found with the best floor; its bound is on the energy of
        plans with that floor or a lower one. The message says both.
    """
    seconds = model.solve.seconds
    run = _Run(formulate, model, demand, reach, progress)
    if model.charging.objective == "served" or not len(reach.site):
        programme = formulate(model)
        return Found(programme, _solve(run, programme, model.solve.gap, seconds))
    end = time.monotonic() + seconds
    best = _try(run, None, model.solve.gap, FIRST_SHARE * seconds)
    if not best.outcome.values:
        return Found(best.programme, best.outcome)
    best, limit, proven = _bisect(run, best, end)
    left = max(FIRST_SHARE * seconds, end - time.monotonic())
    last = _try(run, best.share, model.solve.gap, left, best.outcome.values)
    # Of equal plans the last has the better bound.
    energy = best.outcome.objective * (1 - SLACK)
    if last.share >= best.share - 2 * SLACK and last.outcome.objective >= energy:
        best = last
    worst = Worst(best.share, max(limit, best.share), proven)
    text = "; ".join(filter(None, (worst.text, best.outcome.message)))
    return Found(best.programme, replace(best.outcome, message=text), worst)


@dataclass(frozen=True, slots=True)
class _Run:
    formulate: Callable[[Model], Programme]
    model: Model
    demand: Demand
    reach: Reach
    progress: Callable[[TracePoint], None] | None


@dataclass(frozen=True, slots=True)
class _Tried:
    """A programme, how it ended, and the worst district's share (-1 without a plan)."""

    programme: Programme
    outcome: Outcome
    share: float


def _bisect(run: _Run, best: _Tried, end: float) -> tuple[_Tried, float, bool]:
    """Halve the bracket of the worst district's share; a plan found lifts it to what it serves."""
    seconds = run.model.solve.seconds
    limit, proven = _reachable(run), True
    while limit - best.share > STEP and end - time.monotonic() > FIRST_SHARE * seconds:
        floor = (best.share + limit) / 2
        tried = _try(run, floor, LOOSE_GAP, STEP_SHARE * seconds, best.outcome.values)
        if tried.share > best.share:
            best = tried
        else:
            limit, proven = floor, tried.outcome.status is Status.INFEASIBLE
    return best, limit, proven


def _reachable(run: _Run) -> float:
    """Share of the worst district's demand that any site reaches."""
    kwh = run.demand.frame["kwh_day"].to_numpy(dtype=float)
    arc, first = np.zeros(len(run.reach.site)), np.unique(run.reach.demand, return_index=True)[1]
    arc[first] = kwh[run.reach.demand[first]]
    return min(district_shares(arc, run.demand, run.reach).values(), default=0.0)


def _try(
    run: _Run,
    floor: float | None,
    gap: float,
    seconds: float,
    start: Mapping[str, npt.NDArray[np.float64]] | None = None,
) -> _Tried:
    """Solve with a floor on every district's share, from a plan with a lower one."""
    model = run.model
    if floor is not None:
        target = Target(measure="district_served_share", at_least=max(0.0, floor - SLACK))
        model = model.model_copy(update={"targets": (*model.targets, target)})
    programme = run.formulate(model)
    if start:
        programme = replace(programme, start=start)
    outcome = _solve(run, programme, gap, seconds)
    if not outcome.values:
        return _Tried(programme, outcome, -1.0)
    shares = district_shares(decode(programme, outcome).serve, run.demand, run.reach)
    return _Tried(programme, outcome, min(shares.values(), default=0.0))


def _solve(run: _Run, programme: Programme, gap: float, seconds: float) -> Outcome:
    limits = run.model.solve
    return solve(
        programme,
        gap=gap,
        seconds=seconds,
        memory_mb=limits.memory_mb,
        seed=limits.seed,
        progress=run.progress,
    )


def district_shares(
    serve: npt.NDArray[np.float64], demand: Demand, reach: Reach
) -> Mapping[str, float]:
    """
    Share of the demand of each district that is served.

    Parameters
    ----------
    serve
        Energy on each arc, kWh/day, shape (A,).
    demand, reach
        Demand points and arcs.
    """
    kwh = demand.frame["kwh_day"].to_numpy(dtype=float)
    served = np.bincount(reach.demand, weights=serve, minlength=len(kwh))
    sums = demand.frame.assign(asked=kwh, served=served).groupby("district_id")
    sums = sums[["asked", "served"]].sum()
    some = sums[sums.asked > 0]
    return {str(name): float(share) for name, share in (some.served / some.asked).items()}
