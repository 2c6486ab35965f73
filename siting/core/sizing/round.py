"""From the linear relaxation to whole stations, whole piles and the flows that they carry."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array, csr_array

from siting.core.highs import solve_arrays
from siting.core.pdhg import Iterate, maximise
from siting.core.sizing.bound import can_open
from siting.core.sizing.elastic import USE_PRICE, elastic, elastic_use
from siting.core.sizing.part import (
    Part,
    Siting,
    array_model,
    cut_out,
    keep_rows,
)
from siting.core.sizing.piles import mend_piles
from siting.core.sizing.relax import Relaxation, relaxation
from siting.structures import segment_groups

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.structures import Sizing

LOOSE = 1e-2
"""Violation of a row, in units of its largest coefficient, that a dive accepts."""
DUST_KWH = 1e-6
"""Energy a day below which an arc counts as unused."""
ROUTE_PRICE = 100.0
"""Price of missing a share of demand served altogether, in units of all demand."""


def empty_plan(sizing: Sizing) -> Siting:
    """Build the plan with nothing open."""
    return Siting(
        np.zeros(len(sizing.fixed_cny), dtype=bool),
        np.zeros(sizing.allowed.shape, dtype=np.int64),
        np.zeros(len(sizing.site)),
    )


def open_part(sizing: Sizing, opened: npt.NDArray[np.bool_]) -> Part:
    """
    Cut given stations out as an instance in which each of them has to be open.

    Parameters
    ----------
    sizing
        The instance.
    opened
        Stations, bool, shape (J,).
    """
    part = cut_out(sizing, empty_plan(sizing), np.flatnonzero(opened))
    forced = np.ones(len(part.sites), dtype=bool)
    return replace(part, sizing=replace(part.sizing, forced=forced))


def choose_open(
    sizing: Sizing,
    share: npt.NDArray[np.float64],
    serve: npt.NDArray[np.float64],
    *,
    least: float = 0.5,
) -> npt.NDArray[np.bool_]:
    """
    Round fractional openings: the most open site absorbs the openness of those around it.

    With `least` 0.5 the number of stations stays near the sum of the shares; with less there are
    more of them, nearer to one another.

    Parameters
    ----------
    sizing
        The instance.
    share
        Openness of each site in the relaxation, in [0, 1], shape (J,).
    serve
        Energy on each arc in the relaxation, kWh/day, shape (A,).
    least
        Openness that a site has to gather to be opened.

    Returns
    -------
    opened
        Bool, shape (J,); forced sites are open.
    """
    shape = (len(share), len(sizing.demand_kwh))
    energy = np.maximum(sizing.demand_kwh[sizing.point], 1e-9)
    flow = csr_array(coo_array((serve, (sizing.site, sizing.point)), shape=shape))
    part = csr_array(coo_array((serve / energy, (sizing.site, sizing.point)), shape=shape))
    affinity = csr_array(flow @ part.T)
    left = np.where(sizing.forced, 2.0, share)
    opened = np.zeros(len(share), dtype=bool)
    pending = left.copy()
    for _ in range(len(share)):
        j = int(pending.argmax())
        if pending[j] <= 1e-3:  # noqa: PLR2004
            break
        near = affinity.indices[affinity.indptr[j] : affinity.indptr[j + 1]]
        weight = affinity.data[affinity.indptr[j] : affinity.indptr[j + 1]]
        usable = (pending[near] > 0) & (near != j)
        near, weight = near[usable], weight[usable]
        near = near[np.argsort(-weight, kind="stable")]
        own, pending[j] = min(pending[j], 1.0), 0.0
        if own + pending[near].sum() < least:
            continue
        opened[j] = True
        taken = np.minimum(pending[near], 2.0)
        before = np.concatenate([[0.0], np.cumsum(taken)[:-1]])
        give = np.clip(1.0 - own - before, 0.0, taken)
        pending[near] = np.where(sizing.forced[near], pending[near], pending[near] - give)
    return (opened | sizing.forced) & can_open(sizing)


def size_open(
    sizing: Sizing,
    opened: npt.NDArray[np.bool_],
    start: Iterate | None = None,
    *,
    saving: float,
    deadline: float,
) -> Siting | None:
    """
    Size the piles of given stations and route the demand; None where the solver fails.

    Dives by type, largest piles first: first-order steps on the linear programme of the open
    stations (strong links fall away), rounding of one type, and again with it fixed, so that
    smaller piles make up for the rounding of larger ones. Then the global rows are mended pile by
    pile, and a last linear programme routes the demand to the whole piles.

    Parameters
    ----------
    sizing
        The instance.
    opened
        Stations, bool, shape (J,).
    start
        Iterate of the relaxation of the whole instance to continue from.
    saving
        Worth of one CNY not spent, kWh/day.
    deadline
        `time.monotonic()` at which to hurry.
    """
    if not opened.any():
        return empty_plan(sizing)
    part = open_part(sizing, opened)
    small = part.sizing
    relaxed = relaxation(small, saving=saving, links=False)
    sites, types = small.allowed.shape
    piles_at = slice(sites, sites * (1 + types))
    point = _part_iterate(sizing, part, relaxed, start)
    fixed = np.zeros((sites, types))
    done = np.zeros(types, dtype=bool)
    settled: Iterate | None = None
    for kind in np.argsort(-small.pile_kwh, kind="stable"):
        settled = point = _settle(relaxed, point, deadline)
        piles = settled.x[piles_at].reshape(sites, types) * relaxed.pile_scale
        done[kind] = True
        fixed[:, kind] = _round_column(small, fixed, piles[:, kind], int(kind))
        program = relaxed.program
        lower, upper = program.lower.copy(), program.upper.copy()
        bound = np.where(done, fixed / relaxed.pile_scale, lower[piles_at].reshape(sites, types))
        lower[piles_at] = bound.ravel()
        upper[piles_at] = np.where(done, bound, upper[piles_at].reshape(sites, types)).ravel()
        relaxed = replace(relaxed, program=replace(program, lower=lower, upper=upper))
    assert settled is not None  # noqa: S101
    serve = settled.x[piles_at.stop :] * small.demand_kwh[small.point]
    served = np.bincount(small.point, serve, minlength=len(small.demand_kwh))
    rest = small.row_open.sum(axis=1) + small.row_served @ served
    whole = mend_piles(small, fixed.astype(np.int64), site_energy(small, serve), rest)
    return route(sizing, opened, _spread(sizing, part, whole), saving=saving, seconds=60.0)


def _round_column(
    sizing: Sizing, fixed: npt.NDArray[np.float64], piles: npt.NDArray[np.float64], kind: int
) -> npt.NDArray[np.float64]:
    """Round one type: the largest fractions go up, as many as their sum, where there is room."""
    peak = sizing.simultaneity * sizing.pile_kw
    base = np.floor(piles + 1e-6)
    rest = np.clip(piles - base, 0.0, 1.0)
    count = fixed.sum(axis=1) + base
    load = fixed @ peak + base * peak[kind]
    room = (count + 1 <= sizing.max_piles) & (load + peak[kind] <= sizing.kw_limit + 1e-9)
    up = np.argsort(np.where(room, -rest, 1.0), kind="stable")[: int(np.rint(rest.sum()))]
    base[up] += room[up]
    return np.asarray(base)


def _part_iterate(
    sizing: Sizing, part: Part, relaxed: Relaxation, start: Iterate | None
) -> Iterate | None:
    """Cut the iterate of the whole relaxation down to a part without strong links."""
    if start is None:
        return None
    sites, types = sizing.allowed.shape
    arcs, points = len(sizing.site), len(sizing.demand_kwh)
    groups = len(segment_groups(sizing.serves)[0])
    kind = (part.sites[:, None] * types + np.arange(types)).ravel()
    x = np.concatenate(
        [np.ones(len(part.sites)), start.x[sites + kind], start.x[sites * (1 + types) + part.arcs]]
    )
    at = np.cumsum([0, points, arcs, sites * groups, sites, sites, sites, sites])
    rows = (part.sites[:, None] * groups + np.arange(groups)).ravel()
    y = np.concatenate(
        [
            start.y[part.points],
            start.y[at[2] + rows],
            *(start.y[at[n] + part.sites] for n in (3, 4, 5, 6)),
            start.y[at[7] :],
        ]
    )
    same = len(x) == len(relaxed.program.cost) and len(y) == len(relaxed.program.row_lower)
    return Iterate(x, y, start.weight) if same else None


def _settle(relaxed: Relaxation, start: Iterate | None, deadline: float) -> Iterate:
    """Step until the rows hold closely and the value stands still."""
    program = relaxed.program
    scale = np.maximum(abs(program.matrix).max(axis=1).toarray().ravel(), 1e-12)
    last = [np.inf]

    def stop(point: Iterate) -> bool:
        activity = program.matrix @ point.x
        over = np.maximum(activity - program.row_upper, program.row_lower - activity)
        value = float(program.cost @ point.x)
        still = abs(value - last[0]) <= 1e-4 * max(abs(value), 1.0)
        last[0] = value
        return (still and float((over / scale).max(initial=0.0)) <= LOOSE) or (
            time.monotonic() > deadline
        )

    return maximise(program, start=start, most=600, every=50, stop=stop)


def _spread(sizing: Sizing, part: Part, piles: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    whole = np.zeros(sizing.allowed.shape, dtype=np.int64)
    whole[part.sites] = piles
    return whole


def site_energy(sizing: Sizing, serve: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Energy of each group of segments at each site, kWh/day, shape (J, G)."""
    sites, segments = len(sizing.fixed_cny), sizing.serves.shape[1]
    index = sizing.site * segments + sizing.segment[sizing.point]
    by_segment = np.bincount(index, serve, minlength=sites * segments).reshape(sites, segments)
    return np.asarray(by_segment @ segment_groups(sizing.serves)[0].T.astype(float))


def route(
    sizing: Sizing,
    opened: npt.NDArray[np.bool_],
    piles: npt.NDArray[np.int64],
    *,
    saving: float,
    seconds: float,
) -> Siting | None:
    """Route the most demand to given piles; None where the solver fails."""
    part = open_part(sizing, opened)
    small = part.sizing
    # Rows on stations and piles alone are decided; only those on energy bear on the flows.
    small = keep_rows(small, np.flatnonzero(np.diff(small.row_served.indptr) > 0))
    model = array_model(small, saving=saving, links=False, whole=False)
    sites, types = small.allowed.shape
    fixed = slice(sites, sites * (1 + types))
    model.lower[fixed] = model.upper[fixed] = piles[part.sites].ravel()
    rows = np.arange(len(small.row_name))
    model = elastic(small, model, rows, ROUTE_PRICE * float(sizing.demand_kwh.sum()))
    model = elastic_use(small, model, USE_PRICE)
    answer = solve_arrays(model, gap=0.0, seconds=seconds)
    if answer.values is None:
        return None
    serve = np.zeros(len(sizing.site))
    arcs = slice(sites * (1 + types), sites * (1 + types) + len(small.site))
    serve[part.arcs] = answer.values[arcs] * small.demand_kwh[small.point]
    return Siting(opened, piles, shaved(sizing, piles, serve))


def shaved(
    sizing: Sizing, piles: npt.NDArray[np.int64], serve: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """
    Shave a solver's flows until demand and capacity hold to the last bit or two.

    Only ever lowers a flow, by the solver's tolerance.
    """
    energy = sizing.demand_kwh[sizing.point]
    serve = np.clip(serve, 0.0, energy)
    segments, kinds = segment_groups(sizing.serves)
    room = (piles * sizing.pile_kwh) @ kinds.T.astype(float)
    for group, limit in zip(segments, room.T, strict=True):
        inside = group[sizing.segment[sizing.point]]
        load = np.bincount(sizing.site, serve * inside, minlength=len(limit))
        factor = np.where(load > limit, limit / np.maximum(load, 1e-300), 1.0)
        serve = np.where(inside, serve * factor[sizing.site], serve)
    load = np.bincount(sizing.point, serve, minlength=len(sizing.demand_kwh))
    factor = np.where(load > sizing.demand_kwh, sizing.demand_kwh / np.maximum(load, 1e-300), 1.0)
    serve = serve * factor[sizing.point]
    serve[serve < DUST_KWH] = 0.0
    return np.asarray(serve)
