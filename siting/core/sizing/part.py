"""A part of a capacitated siting instance, with what the rest of a plan leaves to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array, csr_array, hstack, vstack

from siting.core.handover import ArrayModel
from siting.core.highs import highs_of, solution_of, solve_arrays
from siting.core.sizing.bound import pile_limit
from siting.core.sizing.elastic import USE_PRICE, elastic, elastic_use
from siting.core.sizing.relax import relaxation
from siting.structures import some_or_none

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
        least_use=sizing.least_use[sites],
        kept=sizing.kept[sites],
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
    model = ArrayModel(
        maximise=True, offset=0.0, cost=program.cost, lower=program.lower, upper=program.upper,
        integer=integer, matrix=program.matrix, row_lower=program.row_lower,
        row_upper=program.row_upper, blocks=(("", len(program.cost)),), start=share,
    )  # fmt: skip
    return _with_least_of_type(sizing, model, start) if whole else model


def _with_least_of_type(sizing: Sizing, model: ArrayModel, start: Siting | None) -> ArrayModel:
    """
    Let each type stand at a site in its least number or more, or not at all.

    A binary a site and type, after the other columns, says whether it stands there; the rows go
    before the others, so that the global rows stay the last.
    """
    sites, types = sizing.allowed.shape
    limit = pile_limit(sizing)
    pair = some_or_none(sizing)
    pair = pair[limit.ravel()[pair] > 0]
    if not len(pair):
        return model
    count, width = len(pair), len(model.cost)
    one = np.arange(count)
    most, least = limit.ravel()[pair], sizing.least_of_type[pair % types].astype(float)
    row = np.concatenate([one, one, count + one, count + one])
    column = np.concatenate([sites + pair, width + one, sites + pair, width + one])
    value = np.concatenate([np.ones(count), -most, -np.ones(count), least])
    top = csr_array(coo_array((value, (row, column)), shape=(2 * count, width + count)))
    wide = hstack([model.matrix, csr_array((model.matrix.shape[0], count))], format="csr")
    stands = None
    if start is not None and model.start is not None:
        stands = np.concatenate([model.start, start.piles.ravel()[pair] > 0])
    return replace(
        model,
        cost=np.concatenate([model.cost, np.zeros(count)]),
        lower=np.concatenate([model.lower, np.zeros(count)]),
        upper=np.concatenate([model.upper, np.ones(count)]),
        integer=np.concatenate([model.integer, np.ones(count, dtype=bool)]),
        matrix=csr_array(vstack([top, wide], format="csr")),
        row_lower=np.concatenate([np.full(2 * count, -np.inf), model.row_lower]),
        row_upper=np.concatenate([np.zeros(2 * count), model.row_upper]),
        blocks=(("", width + count),),
        start=stands,
    )


def solve_part(  # noqa: PLR0913  (how hard to try is five things)
    sizing: Sizing,
    *,
    saving: float,
    gap: float,
    seconds: float,
    links: bool = True,
    start: Siting | None = None,
    seed: int = 0,
    nodes: int | None = None,
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
    nodes
        Branch-and-bound nodes to stop at: unlike seconds the same on every machine.
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
    answer = solve_arrays(model, gap=gap, seconds=seconds, seed=seed, nodes=nodes, stream=relay)
    if answer.values is None:
        return None, answer.bound, answer.kind
    return _plan_of(sizing, answer.values), answer.bound, answer.kind


def _plan_of(sizing: Sizing, values: npt.NDArray[np.float64]) -> Siting:
    sites, types = sizing.allowed.shape
    opened = values[:sites] > 0.5  # noqa: PLR2004
    piles = np.rint(values[sites : sites * (1 + types)]).astype(np.int64)
    first = sites * (1 + types)
    serve = values[first : first + len(sizing.site)] * sizing.demand_kwh[sizing.point]
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

    With a `price`, global rows may be broken at that price for their whole bound, and sites used
    less than they have to be.

    Returns
    -------
    plan, nodes
        The best plan found or None, and the nodes it took.
    """
    model = array_model(sizing, saving=saving, start=start)
    if price > 0:
        model = elastic(sizing, model, np.arange(len(sizing.row_name)), price)
        model = elastic_use(sizing, model, USE_PRICE)
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
