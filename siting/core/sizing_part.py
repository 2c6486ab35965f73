"""A part of a capacitated siting instance, with what the rest of a plan leaves to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array, csr_array, hstack

from siting.core.handover import ArrayModel
from siting.core.highs import highs_of, solution_of, solve_arrays
from siting.core.sizing_relax import relaxation, row_scale

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from siting.structures import Sizing


@dataclass(frozen=True, slots=True)
class Siting:
    """
    A plan as arrays.

    Attributes
    ----------
    opened
        Bool, shape (J,).
    piles
        Whole numbers, int64, shape (J, K).
    serve
        Energy on each arc, kWh/day, shape (A,).
    """

    opened: npt.NDArray[np.bool_]
    piles: npt.NDArray[np.int64]
    serve: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Part:
    """
    A smaller instance cut out of a larger one.

    Attributes
    ----------
    sizing
        The smaller instance; its demand is what the sites outside leave.
    sites, points, arcs
        Its rows in the larger instance.
    """

    sizing: Sizing
    sites: npt.NDArray[np.int64]
    points: npt.NDArray[np.int64]
    arcs: npt.NDArray[np.int64]


def keep_rows(sizing: Sizing, rows: npt.NDArray[np.int64]) -> Sizing:
    """Keep some of the global rows."""
    return replace(
        sizing,
        row_name=tuple(sizing.row_name[r] for r in rows),
        row_open=csr_array(sizing.row_open[rows]),
        row_piles=csr_array(sizing.row_piles[rows]),
        row_served=csr_array(sizing.row_served[rows]),
        row_lower=sizing.row_lower[rows],
        row_upper=sizing.row_upper[rows],
    )


def activity(sizing: Sizing, plan: Siting) -> npt.NDArray[np.float64]:
    """Left-hand side of each global row, shape (R,)."""
    served = np.bincount(sizing.point, plan.serve, minlength=len(sizing.demand_kwh))
    return np.asarray(
        sizing.row_open @ plan.opened.astype(float)
        + sizing.row_piles @ plan.piles.ravel().astype(float)
        + sizing.row_served @ served
    )


def cut_out(sizing: Sizing, plan: Siting, sites: npt.NDArray[np.int64]) -> Part:
    """
    Cut the sites out, leaving them the demand and the room in the rows that the others don't use.

    Parameters
    ----------
    sizing, plan
        The instance and a plan of it.
    sites
        Rows of the sites to cut out, sorted.
    """
    inside = np.zeros(len(sizing.fixed_cny), dtype=bool)
    inside[sites] = True
    arcs = np.flatnonzero(inside[sizing.site])
    points = np.unique(sizing.point[arcs])
    outside = Siting(
        plan.opened & ~inside,
        np.where(inside[:, None], 0, plan.piles),
        np.where(inside[sizing.site], 0.0, plan.serve),
    )
    used = activity(sizing, outside)
    taken = np.bincount(sizing.point, outside.serve, minlength=len(sizing.demand_kwh))
    types = sizing.allowed.shape[1]
    columns = (sites[:, None] * types + np.arange(types)).ravel()
    at_site, at_point = np.full(len(inside), -1), np.full(len(taken), -1)
    at_site[sites], at_point[points] = np.arange(len(sites)), np.arange(len(points))
    small = replace(
        sizing,
        demand_kwh=np.maximum(sizing.demand_kwh - taken, 0.0)[points],
        weight=sizing.weight[points],
        segment=sizing.segment[points],
        site=at_site[sizing.site[arcs]],
        point=at_point[sizing.point[arcs]],
        fixed_cny=sizing.fixed_cny[sites],
        min_piles=sizing.min_piles[sites],
        max_piles=sizing.max_piles[sites],
        kw_limit=sizing.kw_limit[sites],
        forced=sizing.forced[sites],
        allowed=sizing.allowed[sites],
        row_open=csr_array(sizing.row_open[:, sites]),
        row_piles=csr_array(sizing.row_piles[:, columns]),
        row_served=csr_array(sizing.row_served[:, points]),
        row_lower=sizing.row_lower - used,
        row_upper=sizing.row_upper - used,
    )
    return Part(small, sites, points, arcs)


def put_back(plan: Siting, part: Part, found: Siting) -> Siting:
    """Replace the part of a plan."""
    opened, piles, serve = plan.opened.copy(), plan.piles.copy(), plan.serve.copy()
    opened[part.sites], piles[part.sites] = found.opened, found.piles
    serve[part.arcs] = found.serve
    return Siting(opened, piles, serve)


def array_model(
    sizing: Sizing,
    *,
    saving: float,
    links: bool = True,
    whole: bool = True,
    start: Siting | None = None,
) -> ArrayModel:
    """
    Write an instance as arrays for HiGHS; energy in shares of demand, piles whole.

    Parameters
    ----------
    sizing
        The instance.
    saving
        Worth of one CNY not spent, kWh/day.
    links
        Whether to write the strong links; not needed where every site is forced.
    whole
        Whether openings and piles have to be whole.
    start
        A plan to start from.
    """
    relaxed = relaxation(sizing, saving=saving, shares=False, links=links)
    program = relaxed.program
    sites, types = sizing.allowed.shape
    integer = np.zeros(len(program.cost), dtype=bool)
    integer[: sites * (1 + types)] = whole
    share = None
    if start is not None:
        energy = sizing.demand_kwh[sizing.point]
        share = np.divide(start.serve, energy, out=np.zeros_like(energy), where=energy > 0)
        share = np.concatenate([start.opened, start.piles.ravel(), np.minimum(share, 1.0)])
    return ArrayModel(
        maximise=True, offset=0.0, cost=program.cost, lower=program.lower, upper=program.upper,
        integer=integer, matrix=program.matrix, row_lower=program.row_lower,
        row_upper=program.row_upper, blocks=(("", len(program.cost)),), start=share,
    )  # fmt: skip


def elastic(
    sizing: Sizing, model: ArrayModel, rows: npt.NDArray[np.int64], price: float
) -> ArrayModel:
    """
    Let global rows be broken at a price, so that a way back always exists.

    Parameters
    ----------
    sizing, model
        The instance and its arrays.
    rows
        Which global rows.
    price
        Price of breaking a row by its whole bound, kWh/day.
    """
    if not len(rows):
        return model
    first = model.matrix.shape[0] - len(sizing.row_name)
    scale = row_scale(sizing)[rows]
    bound = np.where(np.isfinite(sizing.row_lower), sizing.row_lower, sizing.row_upper)[rows]
    unit = scale * np.maximum(abs(bound), 1.0)
    count = len(rows)
    column = np.arange(count)
    shape = (model.matrix.shape[0], 2 * count)
    ones = np.concatenate([np.ones(count), -np.ones(count)])
    place = (np.tile(first + rows, 2), np.concatenate([column, count + column]))
    slack = csr_array(coo_array((ones, place), shape=shape))
    start = model.start
    if start is not None:
        start = np.concatenate([start, np.full(2 * count, np.nan)])
    return replace(
        model,
        cost=np.concatenate([model.cost, np.tile(-price / unit, 2)]),
        lower=np.concatenate([model.lower, np.zeros(2 * count)]),
        upper=np.concatenate([model.upper, np.full(2 * count, np.inf)]),
        integer=np.concatenate([model.integer, np.zeros(2 * count, dtype=bool)]),
        matrix=csr_array(hstack([model.matrix, slack], format="csr")),
        blocks=(("", len(model.cost) + 2 * count),),
        start=start,
    )


def solve_part(
    sizing: Sizing,
    *,
    saving: float,
    gap: float,
    seconds: float,
    links: bool = True,
    start: Siting | None = None,
    seed: int = 0,
    better: Callable[[Siting | None, float], None] | None = None,
) -> tuple[Siting | None, float, str]:
    """
    Solve a small instance with HiGHS.

    Parameters
    ----------
    sizing, saving, links, start
        See `array_model`.
    gap, seconds, seed
        How hard to try.
    better
        Called with each better plan of HiGHS's, or None, and its bound then (NaN without one).

    Returns
    -------
    plan, bound, kind
        The plan or None, HiGHS's bound on energy less saved cost, and `core.highs`'s word for how
        it ended.
    """
    model = array_model(sizing, saving=saving, links=links, start=start)
    relay = None if better is None else _Relay(sizing, better)
    answer = solve_arrays(model, gap=gap, seconds=seconds, seed=seed, stream=relay)
    if answer.values is None:
        return None, answer.bound, answer.kind
    return _plan_of(sizing, answer.values), answer.bound, answer.kind


def _plan_of(sizing: Sizing, values: npt.NDArray[np.float64]) -> Siting:
    sites, types = sizing.allowed.shape
    opened = values[:sites] > 0.5  # noqa: PLR2004
    piles = np.rint(values[sites : sites * (1 + types)]).astype(np.int64)
    serve = values[sites * (1 + types) :] * sizing.demand_kwh[sizing.point]
    return Siting(opened, piles.reshape(sites, types), serve)


@dataclass(frozen=True, slots=True)
class _Relay:
    """What HiGHS streams, as plans."""

    sizing: Sizing
    better: Callable[[Siting | None, float], None]

    def progress(self, objective: float, bound: float) -> None:
        del objective
        self.better(None, bound)

    def answer(self, answer: object) -> None:
        assert isinstance(answer, tuple)  # noqa: S101
        self.better(_plan_of(self.sizing, answer[0]), answer[1])


@dataclass(frozen=True, slots=True)
class Effort:
    """
    How hard to search a part.

    Attributes
    ----------
    gap
        Relative gap.
    seconds
        Wall time, the last resort.
    nodes
        Branch-and-bound nodes.
    seed
        Random seed.
    """

    gap: float
    seconds: float
    nodes: int
    seed: int


def search_part(
    sizing: Sizing, start: Siting, *, saving: float, effort: Effort, price: float = 0.0
) -> tuple[Siting | None, int]:
    """
    Search a small instance with HiGHS within a number of nodes.

    With a `price`, global rows may be broken at that price for their whole bound.

    Returns
    -------
    plan, nodes
        The best plan found or None, and the nodes it took.
    """
    model = array_model(sizing, saving=saving, start=start)
    if price > 0:
        model = elastic(sizing, model, np.arange(len(sizing.row_name)), price)
    highs = highs_of(model, seconds=effort.seconds, seed=effort.seed)
    highs.setOptionValue("mip_rel_gap", effort.gap)
    highs.setOptionValue("mip_max_nodes", effort.nodes)
    if model.start is not None:
        given = np.flatnonzero(np.isfinite(model.start)).astype(np.int32)
        highs.setSolution(len(given), given, model.start[given])
    highs.run()
    nodes = int(highs.getInfo().mip_node_count)
    values = solution_of(highs)
    if values is None:
        return None, nodes
    sites, types = sizing.allowed.shape
    whole = np.rint(values[: sites * (1 + types)])
    share = values[sites * (1 + types) : sites * (1 + types) + len(sizing.site)]
    serve = np.clip(share, 0.0, 1.0) * sizing.demand_kwh[sizing.point]
    opened = whole[:sites] > 0
    serve = np.where(opened[sizing.site], serve, 0.0)
    return Siting(opened, whole[sites:].astype(np.int64).reshape(sites, types), serve), nodes
