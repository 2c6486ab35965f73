"""The transport problem of a few stations: how much demand they can serve together, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, csr_array

from siting.errors import SolverError

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

SECONDS = 60.0
"""Longest solve of one local problem."""
GAP = 1e-6
ROUNDING_KWH = 1e-6
"""What published flows may exceed a capacity by, relative."""
THRIFT_KWH = 0.01
"""Demand that a fresh station's whole allowance weighs: of equal sizes the cheapest is taken."""
INFEASIBLE = 2
"""Status of scipy's `milp`."""
SEMI_INTEGER = 3
"""Its mark of a whole number that is none or within its bounds."""


@dataclass(frozen=True, slots=True)
class Transport:
    """
    Demand points and stations with the arcs between them.

    Attributes
    ----------
    demand_kwh, segment
        Energy a day and segment number of each point, shape (points,).
    point, site
        Ends of the arcs, shape (arcs,).
    capacity_kwh
        By station and pile type, shape (sites, types).
    load_kwh
        What stations give by segment to points that aren't listed, shape (sites, segments).
    serves
        Whether a pile type serves a segment, shape (types, segments).
    """

    demand_kwh: Floats
    segment: Ints
    point: Ints
    site: Ints
    capacity_kwh: Floats
    load_kwh: Floats
    serves: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Fresh:
    """
    A station whose piles are free to choose.

    Attributes
    ----------
    site
        Its row.
    pile_kwh, pile_kw, pile_cny
        What a pile of each type gives a day, draws and costs, shape (types,).
    allowed
        Which types may stand there, shape (types,).
    least_of_type
        Fewest piles of a type where there are any, shape (types,).
    least, most
        Piles in all.
    kw
        Most installed power.
    cny
        Most to be spent on piles.
    worth, least_worth
        What a pile of each type adds to a target on the mix of types, shape (types,), and how much
        they have to add.
    """

    site: int
    pile_kwh: Floats
    pile_kw: Floats
    pile_cny: Floats
    allowed: npt.NDArray[np.bool_]
    least_of_type: Ints
    least: int
    most: int
    kw: float
    cny: float
    worth: Floats
    least_worth: float


@dataclass(frozen=True, slots=True)
class Served:
    """Most energy that can be served a day, and the piles of a fresh station, shape (types,)."""

    kwh_day: float
    piles: Ints


def most_served(problem: Transport, fresh: Fresh | None = None) -> Served | None:
    """
    Serve as much demand as can be.

    Parameters
    ----------
    problem
        The points, stations and arcs.
    fresh
        A station to be given piles as well; its row of `capacity_kwh` is not read.

    Returns
    -------
    served
        None where no number of piles fits `fresh`.

    Raises
    ------
    SolverError
        No proven answer was found in time.

    Notes
    -----
    Variables are the energy on each arc, the energy of each segment from each pile type of a
    station, and the fresh station's piles. It is a linear programme but for these few integers;
    HiGHS solves it to a gap of `GAP`.
    """
    sites, types = problem.capacity_kwh.shape
    segments = problem.serves.shape[1]
    arcs, points = len(problem.point), len(problem.demand_kwh)
    station, kind, segment = (grid.ravel() for grid in np.indices((sites, types, segments)))
    usable = problem.serves[kind, segment]
    station, kind, segment = station[usable], kind[usable], segment[usable]
    first_give, first_pile = arcs, arcs + len(station)
    width = first_pile + (types if fresh is not None else 0)
    give = first_give + np.arange(len(station))

    def matrix(entries: list[tuple[Ints, Ints, Floats]], rows: int) -> csr_array:
        row, column, value = (np.concatenate(part) for part in zip(*entries, strict=True))
        return csr_array(coo_array((value, (row, column)), shape=(rows, width)))

    arc = np.arange(arcs)
    pair = problem.site * segments + problem.segment[problem.point]
    taken = matrix([(problem.point, arc, np.ones(arcs))], points)
    flow = matrix(
        [(pair, arc, np.ones(arcs)), (station * segments + segment, give, -np.ones(len(give)))],
        sites * segments,
    )
    room = [(station * types + kind, give, np.ones(len(give)))]
    capacity = problem.capacity_kwh.astype(np.float64).copy()
    if fresh is not None:
        capacity[fresh.site] = 0.0
        each = np.arange(types)
        room.append((fresh.site * types + each, first_pile + each, -fresh.pile_kwh))
    load = problem.load_kwh
    rows = [
        LinearConstraint(taken, -np.inf, problem.demand_kwh),
        LinearConstraint(flow, -np.inf, -(load - ROUNDING_KWH * np.maximum(load, 0.0)).ravel()),
        LinearConstraint(matrix(room, sites * types), -np.inf, capacity.ravel()),
    ]
    cost = np.zeros(width)
    cost[:arcs] = -1.0
    lower, upper = np.zeros(width), np.full(width, np.inf)
    whole = np.zeros(width, dtype=np.int64)
    if fresh is not None:
        rows.append(_fresh_rows(fresh, first_pile, width))
        cost[first_pile:] = THRIFT_KWH * fresh.pile_cny / max(fresh.cny, 1.0)
        may = fresh.allowed & (fresh.most >= fresh.least_of_type)
        lower[first_pile:] = np.where(may, fresh.least_of_type, 0)
        upper[first_pile:] = np.where(may, fresh.most, 0)
        # None, or within the bounds.
        whole[first_pile:] = np.where(may, SEMI_INTEGER, 1)
    return _solved(cost, rows, Bounds(lower, upper), whole, arcs, first_pile)


def _fresh_rows(fresh: Fresh, first: int, width: int) -> LinearConstraint:
    """Bound the fresh station's piles by number, power, cost and what they add to the mix."""
    rows = np.zeros((4, width))
    rows[:, first:] = [np.ones(len(fresh.worth)), fresh.pile_kw, fresh.pile_cny, fresh.worth]
    slack = 1 + 1e-9
    lower = [fresh.least, 0.0, 0.0, fresh.least_worth - 1e-9]
    return LinearConstraint(rows, lower, [fresh.most, fresh.kw * slack, fresh.cny * slack, np.inf])


def _solved(
    cost: Floats, rows: list[LinearConstraint], bounds: Bounds, whole: Ints, arcs: int, piles: int
) -> Served | None:
    if not len(cost):
        return Served(0.0, np.zeros(0, dtype=np.int64))
    result = milp(
        cost,
        constraints=rows,
        bounds=bounds,
        integrality=whole,
        options={"time_limit": SECONDS, "mip_rel_gap": GAP},
    )
    if result.status == INFEASIBLE:
        return None
    if result.status != 0 or result.x is None:
        raise SolverError(
            "the local transport problem was not solved",
            value=result.message,
            cure="Ask for fewer swaps",
        )
    return Served(float(result.x[:arcs].sum()), np.rint(result.x[piles:]).astype(np.int64))
