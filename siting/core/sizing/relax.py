"""The linear relaxation of capacitated siting, as arrays, and its approximate solution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array, csr_array, diags_array, hstack, vstack

from siting.core.pdhg import Iterate, LinearProgram
from siting.core.sizing.bound import can_open, pile_limit
from siting.structures import segment_groups

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from siting.core.sizing.part import Siting
    from siting.structures import Sizing


@dataclass(frozen=True, slots=True)
class Relaxation:
    """
    The strong linear relaxation; energy is in shares of demand, so columns are of one size.

    Attributes
    ----------
    program
        The linear programme; columns are J opened, J K piles, A arcs.
    pile_scale
        Piles of one unit of each pile column, shape (J, K).
    row_scale
        Factor on the global rows, shape (R,).
    links
        Whether the rows of the strong links are there.
    """

    program: LinearProgram
    pile_scale: npt.NDArray[np.float64]
    row_scale: npt.NDArray[np.float64]
    links: bool = True


def _selector(
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
    shape: tuple[int, int],
) -> csr_array:
    return csr_array(coo_array((values, (rows, columns)), shape=shape))


def relaxation(
    sizing: Sizing,
    *,
    saving: float = 0.0,
    shares: bool = True,
    links: bool = True,
    use: bool = True,
) -> Relaxation:
    """
    Build the strong linear relaxation.

    Parameters
    ----------
    sizing
        The instance.
    saving
        Worth of one CNY not spent, kWh/day, to choose the cheaper of equal plans.
    shares
        Whether piles are in shares of their limit (for first-order steps) or whole piles.
    links
        Whether to write the strong links; without them opening is not priced per demand point.
    use
        Whether to ask for the least use; without it the row of each site is empty.
    """
    sites, types = sizing.allowed.shape
    arcs = len(sizing.site)
    usable = can_open(sizing)
    limit = np.where(usable[:, None], pile_limit(sizing), 0.0)
    scale = np.where(limit > 0, limit, 1.0) if shares else np.ones_like(limit)
    factors = row_scale(sizing)
    blocks = [
        _demand_rows(sizing),
        *([_link_rows(sizing)] if links else []),
        _capacity_rows(sizing, scale),
        *_site_rows(sizing, scale),
        _use_rows(sizing, scale, sizing.least_use * use),
        _global_rows(sizing, scale, factors),
    ]
    matrix = csr_array(vstack([hstack(b, format="csr") for b in blocks], format="csr"))
    matrix.eliminate_zeros()
    # Half the memory traffic of the first-order steps.
    matrix.indices, matrix.indptr = (a.astype(np.int32) for a in (matrix.indices, matrix.indptr))
    points = len(sizing.demand_kwh)
    rest = matrix.shape[0] - points - len(factors)
    energy = sizing.demand_kwh[sizing.point]
    cost = np.concatenate(
        [
            -saving * sizing.fixed_cny,
            -saving * (sizing.pile_cny * scale).ravel(),
            sizing.weight[sizing.point] * energy,
        ]
    )
    must = sizing.forced & usable
    standing = np.where(must[:, None], np.minimum(sizing.kept, limit) / scale, 0.0)
    program = LinearProgram(
        cost=cost,
        lower=np.concatenate([must.astype(float), standing.ravel(), np.zeros(arcs)]),
        upper=np.concatenate(
            [usable.astype(float), (limit / scale).ravel(), usable[sizing.site] & (energy > 0)]
        ).astype(float),
        matrix=matrix,
        row_lower=np.concatenate([np.full(points + rest, -np.inf), sizing.row_lower * factors]),
        row_upper=np.concatenate(
            [np.ones(points), np.zeros(rest), sizing.row_upper * factors],
        ),
    )
    assert len(cost) == sites * (1 + types) + arcs  # noqa: S101
    return Relaxation(program, scale, factors, links)


def row_scale(sizing: Sizing) -> npt.NDArray[np.float64]:
    """One over the largest coefficient of each global row."""
    largest = np.zeros(len(sizing.row_name))
    for part in (sizing.row_piles, sizing.row_open, sizing.row_served):
        if part.shape[0] and part.nnz:
            largest = np.maximum(largest, abs(part).max(axis=1).toarray().ravel())
    return np.asarray(1 / np.where(largest > 0, largest, 1.0))


def _demand_rows(sizing: Sizing) -> list[csr_array]:
    sites, types = sizing.allowed.shape
    arcs, points = len(sizing.site), len(sizing.demand_kwh)
    served = _selector(sizing.point, np.arange(arcs), np.ones(arcs), (points, arcs))
    return [csr_array((points, sites)), csr_array((points, sites * types)), served]


def _link_rows(sizing: Sizing) -> list[csr_array]:
    sites, types = sizing.allowed.shape
    arcs = len(sizing.site)
    link = _selector(np.arange(arcs), sizing.site, -np.ones(arcs), (arcs, sites))
    return [link, csr_array((arcs, sites * types)), csr_array(diags_array(np.ones(arcs)))]


def _capacity_rows(sizing: Sizing, scale: npt.NDArray[np.float64]) -> list[csr_array]:
    """Energy of each group of segments within its piles, rows by site then group."""
    sites, types = sizing.allowed.shape
    arcs = len(sizing.site)
    segments, kinds = segment_groups(sizing.serves)
    groups = len(segments)
    energy = sizing.demand_kwh[sizing.point]
    group, arc = np.nonzero(segments[:, sizing.segment[sizing.point]])
    taken = _selector(sizing.site[arc] * groups + group, arc, energy[arc], (sites * groups, arcs))
    one_group, one_kind = np.nonzero(kinds)
    site = np.repeat(np.arange(sites), len(one_group))
    group, kind = np.tile(one_group, sites), np.tile(one_kind, sites)
    room = -sizing.pile_kwh[kind] * scale[site, kind]
    given = _selector(
        site * groups + group, site * types + kind, room, (sites * groups, sites * types)
    )
    return [csr_array((sites * groups, sites)), given, taken]


def _site_rows(sizing: Sizing, scale: npt.NDArray[np.float64]) -> list[list[csr_array]]:
    """Land, least piles and grid, each a row a site."""
    sites, types = sizing.allowed.shape
    arcs = len(sizing.site)
    site, pile = np.repeat(np.arange(sites), types), np.arange(sites * types)
    shape = (sites, sites * types)
    count = _selector(site, pile, scale.ravel(), shape)
    peak = sizing.simultaneity * sizing.pile_kw * scale
    load = _selector(site, pile, peak.ravel(), shape)
    most = sizing.max_piles * sizing.simultaneity * sizing.pile_kw.max(initial=0.0)
    head = np.where(np.isfinite(sizing.kw_limit), sizing.kw_limit, most)
    none = csr_array((sites, arcs))

    def diagonal(values: npt.NDArray[np.float64]) -> csr_array:
        return csr_array(diags_array(values.astype(float)))

    return [
        [-diagonal(sizing.max_piles.astype(float)), count, none],
        [diagonal(sizing.min_piles.astype(float)), -count, none],
        [-diagonal(head), load, none],
    ]


def _use_rows(
    sizing: Sizing, scale: npt.NDArray[np.float64], use: npt.NDArray[np.float64]
) -> list[csr_array]:
    """Least use: a share of what the piles can give within what is served, a row a site."""
    sites, types = sizing.allowed.shape
    asked = (use[:, None] * sizing.pile_kwh * scale).ravel()
    site, pile = np.repeat(np.arange(sites), types), np.arange(sites * types)
    arc = np.flatnonzero(use[sizing.site] > 0)
    energy = -sizing.demand_kwh[sizing.point[arc]]
    return [
        csr_array((sites, sites)),
        _selector(site, pile, asked, (sites, sites * types)),
        _selector(sizing.site[arc], arc, energy, (sites, len(sizing.site))),
    ]


def _global_rows(
    sizing: Sizing, scale: npt.NDArray[np.float64], factors: npt.NDArray[np.float64]
) -> list[csr_array]:
    arcs, points = len(sizing.site), len(sizing.demand_kwh)
    energy = sizing.demand_kwh[sizing.point]
    served = sizing.row_served @ _selector(sizing.point, np.arange(arcs), energy, (points, arcs))
    factor = diags_array(factors)
    return [
        csr_array(factor @ sizing.row_open),
        csr_array(factor @ sizing.row_piles @ diags_array(scale.ravel())),
        csr_array(factor @ served),
    ]


def duals_of(
    sizing: Sizing, relaxed: Relaxation, y: npt.NDArray[np.float64]
) -> dict[str, npt.NDArray[np.float64]]:
    """Multipliers for `sizing_bound` out of the row multipliers of the relaxation."""
    sites = sizing.allowed.shape[0]
    groups = len(segment_groups(sizing.serves)[0])
    points, arcs = len(sizing.demand_kwh), len(sizing.site)
    arcs = arcs if relaxed.links else 0
    rows = len(relaxed.row_scale)
    at = np.cumsum([0, points, arcs, sites * groups, sites, sites, sites, sites, rows])
    part = [y[at[n] : at[n + 1]] for n in range(8)]
    energy = np.where(sizing.demand_kwh > 0, sizing.demand_kwh, 1.0)
    return {
        "demand": part[0] / energy,
        "capacity": part[2].reshape(sites, groups),
        "most": part[3],
        "least": part[4],
        "grid": part[5],
        "use": part[6],
        "rows": part[7] * relaxed.row_scale,
    }


def iterate_of(
    sizing: Sizing,
    relaxed: Relaxation,
    plan: Siting | None,
    duals: Mapping[str, npt.NDArray[np.float64]],
) -> Iterate:
    """
    Make the point of the relaxation that a plan and multipliers stand for.

    Parameters
    ----------
    sizing, relaxed
        The instance and its relaxation, with links.
    plan
        A plan; nothing is open without one.
    duals
        Multipliers by name, as `duals_of` returns them. Those of the links, which it leaves out,
        are what is left of the worth of each arc after the prices of its demand and capacity.
    """
    points, arcs = sizing.point, len(sizing.site)
    energy = np.where(sizing.demand_kwh > 0, sizing.demand_kwh, 1.0)
    segments, _ = segment_groups(sizing.serves)
    rows = duals["rows"]
    worth = sizing.weight - rows @ sizing.row_served - duals["demand"]
    price = duals["capacity"] @ segments.astype(float)
    profit = worth[points] - price[sizing.site, sizing.segment[points]]
    y = [
        duals["demand"] * energy,
        np.maximum(profit, 0.0) * energy[points],
        duals["capacity"].ravel(),
        *(duals[name] for name in ("most", "least", "grid", "use")),
        rows / relaxed.row_scale,
    ]
    x = np.zeros(len(relaxed.program.cost))
    if plan is not None:
        whole = (plan.piles / relaxed.pile_scale).ravel()
        x = np.concatenate([plan.opened.astype(float), whole, plan.serve / energy[points]])
    assert len(y[1]) == arcs  # noqa: S101
    return Iterate(x, np.concatenate(y))
