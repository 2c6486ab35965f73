"""The hydrogen programme: which stations cover the heavy vehicles and the trunk roads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pulp
from scipy.sparse import coo_array, csr_array

from siting.errors import SolverError
from siting.programme import Columns, Programme, Rows

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.candidates.hydrogendemand import HydrogenDemand
    from siting.core.outcome import Outcome
    from siting.model.model import Hydrogen
    from siting.reach.distance import Reach

    Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class HydrogenChoice:
    """
    The figures of a hydrogen programme, one row of each array a site or a point.

    Attributes
    ----------
    worth
        Points for covering each demand point, shape (I,).
    bonus
        Points for each open site: its supply less its cost, shape (J,).
    cost_cny
        Shape (J,).
    near
        Pairs of sites closer than the spacing, int64, shape (k, 2).
    stations
        Least number of stations.
    budget_cny
        Most money, or None: then no more stations than the least number.
    clause
        Clause of the number.
    fixed, banned
        Sites that locks demand and that they forbid, shape (J,), or None.
    """

    worth: npt.NDArray[np.float64]
    bonus: npt.NDArray[np.float64]
    cost_cny: npt.NDArray[np.float64]
    near: npt.NDArray[np.int64]
    stations: int
    budget_cny: float | None
    clause: str = ""
    fixed: npt.NDArray[np.bool_] | None = None
    banned: npt.NDArray[np.bool_] | None = None


def hydrogen_choice(
    points: HydrogenDemand,
    cost_cny: npt.NDArray[np.float64],
    supply_m: npt.NDArray[np.float64],
    near: npt.NDArray[np.int64],
    hydrogen: Hydrogen,
    *,
    stations: int,
    clause: str = "",
) -> HydrogenChoice:
    """
    Turn figures of a model into points.

    Parameters
    ----------
    points
        What is to be covered.
    cost_cny, supply_m
        Cost and distance to the nearest supply of each site (-1: no supply known), shape (J,).
    near
        Pairs of sites closer than the spacing, shape (k, 2).
    hydrogen
        Weights, costs, budget.
    stations
        Least number of new stations.
    clause
        Clause of that number.

    Returns
    -------
    HydrogenChoice
        All heavy demand is worth `heavy_weight` points and all corridor kilometres
        `corridor_weight`; a site at a supply is worth its share of `supply_weight`, falling to 0 at
        `supply_range_m`; `cost_weight` points are what all stations cost as stations of their own.
    """
    kwh = points.frame["kwh_day"].to_numpy(dtype=float)
    km = points.frame["corridor_km"].to_numpy(dtype=float)
    worth = hydrogen.heavy_weight.value * kwh / max(kwh.sum(), 1e-9)
    worth = worth + hydrogen.corridor_weight.value * km / max(km.sum(), 1e-9)
    left = np.clip(1 - supply_m / hydrogen.supply_range_m.value, 0.0, 1.0)
    supply = np.where(supply_m >= 0, left, 0.0) * hydrogen.supply_weight.value / max(stations, 1)
    alone_cny = hydrogen.standalone_cny.value + hydrogen.land_cny.value
    all_cny = max(stations, 1) * max(alone_cny, 1.0)
    money = hydrogen.cost_weight.value * cost_cny / all_cny
    return HydrogenChoice(
        worth=worth,
        bonus=supply - money,
        cost_cny=cost_cny,
        near=near,
        stations=stations,
        budget_cny=hydrogen.budget_cny,
        clause=clause,
    )


def hydrogen_programme(choice: HydrogenChoice, reach: Reach) -> Programme:
    """
    Formulate the hydrogen programme; see `models/formulations/hydrogen.md`.

    Parameters
    ----------
    choice
        Points, costs and limits.
    reach
        Which sites cover which points.

    Returns
    -------
    Programme
        Maximise points. `open_j` in PuLP; the array block `covered` follows the demand points that
        some site reaches, in order of their row.
    """
    sites = len(choice.cost_cny)
    problem = pulp.LpProblem("hydrogen", pulp.LpMaximize)
    free = np.zeros(sites, dtype=np.bool_)
    fixed, banned = (free if rows is None else rows for rows in (choice.fixed, choice.banned))
    opened = tuple(
        problem.add_variable(f"open_{j}", int(fixed[j]), int(not banned[j]), pulp.LpInteger)
        for j in range(sites)
    )
    terms = [(opened[j], float(choice.bonus[j])) for j in np.flatnonzero(choice.bonus)]
    problem.setObjective(pulp.LpAffineExpression(terms))
    count = pulp.LpAffineExpression([(variable, 1.0) for variable in opened])
    _add(problem, "h3_stations", count, pulp.LpConstraintGE, choice.stations)
    if choice.budget_cny is None:
        _add(problem, "h4_most", count, pulp.LpConstraintLE, choice.stations)
    else:
        pairs = zip(opened, choice.cost_cny.tolist(), strict=True)
        money = pulp.LpAffineExpression(list(pairs))
        _add(problem, "h4_budget", money, pulp.LpConstraintLE, choice.budget_cny)
    point, row = np.unique(reach.demand, return_inverse=True)
    covered = Columns("covered", np.zeros(len(point)), np.ones(len(point)), choice.worth[point])
    return Programme(
        name="hydrogen",
        problem=problem,
        variables=opened,
        columns=(covered,),
        rows=(_cover_rows(row, reach.site, len(point), sites), *_spacing_rows(choice.near, sites)),
        clauses={"h3_stations": choice.clause} if choice.clause else {},
    )


def _add(
    problem: pulp.LpProblem, name: str, terms: pulp.LpAffineExpression, sense: int, bound: float
) -> None:
    problem.addConstraint(pulp.LpConstraint(terms, sense, name, float(bound)))


def _cover_rows(row: Ints, site: Ints, points: int, sites: int) -> Rows:
    """Rows (2): a point is covered by open sites that reach it."""
    opened = csr_array(coo_array((-np.ones(len(row)), (row, site)), shape=(points, sites)))
    at = np.arange(points)
    itself = csr_array(coo_array((np.ones(points), (at, at)), shape=(points, points)))
    least = np.full(points, -np.inf)
    return Rows("h2_cover", least, np.zeros(points), {"": opened, "covered": itself})


def _spacing_rows(near: Ints, sites: int) -> tuple[Rows, ...]:
    """Rows (5): of two sites closer than the spacing at most one is open."""
    if not len(near):
        return ()
    row = np.repeat(np.arange(len(near)), 2)
    shape = (len(near), sites)
    pairs = csr_array(coo_array((np.ones(2 * len(near)), (row, near.ravel())), shape=shape))
    return (Rows("h5_spacing", np.full(len(near), -np.inf), np.ones(len(near)), {"": pairs}),)


def opened_sites(programme: Programme, outcome: Outcome) -> npt.NDArray[np.bool_]:
    """
    Read which sites are open, shape (J,).

    Raises
    ------
    SolverError
        Where the outcome holds no solution.
    """
    if "" not in outcome.values:
        raise SolverError(
            outcome.message or "no hydrogen plan was found in the time given",
            where=programme.name,
            value=outcome.status,
            cure="Give it more seconds, a smaller spacing, or a lower target",
        )
    opened: npt.NDArray[np.bool_] = np.rint(outcome.values[""]) > 0
    return opened
