"""The linear relaxation of capacitated siting, as arrays, and its approximate solution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array, csr_array, diags_array, hstack, vstack

from siting.core.pdhg import LinearProgram
from siting.core.sizing_bound import can_open, pile_limit
from siting.structures import segment_groups

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.structures import Sizing


@dataclass(frozen=True, slots=True)
class Relaxation:
    """
    The strong linear relaxation in shares: opened, piles over their limit, served over demand.

    Attributes
    ----------
    program
        The linear programme; columns are J opened, J K piles, A arcs.
    limit
        Scale of the piles, shape (J, K).
    row_scale
        Scale of the global rows, shape (R,).
    """

    program: LinearProgram
    limit: npt.NDArray[np.float64]
    row_scale: npt.NDArray[np.float64]


def _selector(
    rows: npt.NDArray, columns: npt.NDArray, values: npt.NDArray, shape: tuple
) -> csr_array:
    return csr_array(coo_array((values, (rows, columns)), shape=shape))


def relaxation(sizing: Sizing, saving: float = 0.0) -> Relaxation:
    """
    Build the strong linear relaxation.

    Parameters
    ----------
    sizing
        The instance.
    saving
        Worth of one CNY not spent, kWh/day, to choose the cheaper of equal plans.
    """
    sites, types = sizing.allowed.shape
    arcs, points = len(sizing.site), len(sizing.demand_kwh)
    segments, group_types = segment_groups(sizing.serves)
    groups = len(segments)
    limit = pile_limit(sizing)
    usable = can_open(sizing)
    limit = np.where(usable[:, None], limit, 0.0)
    energy = sizing.demand_kwh[sizing.point]
    arc, pile, site = np.arange(arcs), np.arange(sites * types), np.arange(sites)
    pile_site = np.repeat(site, types)

    demand = _selector(sizing.point, arc, np.ones(arcs), (points, arcs))
    link_open = _selector(arc, sizing.site, -np.ones(arcs), (arcs, sites))
    in_group = segments[:, sizing.segment[sizing.point]]
    g, a = np.nonzero(in_group)
    cap_serve = _selector(sizing.site[a] * groups + g, a, energy[a], (sites * groups, arcs))
    gg, kk = np.nonzero(group_types)
    j = np.repeat(site, len(gg))
    g2, k2 = np.tile(gg, sites), np.tile(kk, sites)
    cap_pile = _selector(
        j * groups + g2, j * types + k2, -sizing.pile_kwh[k2] * limit[j, k2],
        (sites * groups, sites * types),
    )  # fmt: skip
    count = _selector(pile_site, pile, limit.ravel(), (sites, sites * types))
    peak = np.tile(sizing.simultaneity * sizing.pile_kw, sites) * limit.ravel()
    load = _selector(pile_site, pile, peak, (sites, sites * types))
    head = np.where(np.isfinite(sizing.kw_limit), sizing.kw_limit, peak.reshape(sites, -1).sum(1))
    room = csr_array(diags_array(sizing.max_piles.astype(float)))
    least = csr_array(diags_array(sizing.min_piles.astype(float)))
    scale = abs(sizing.row_piles).max(axis=1).toarray().ravel()
    scale = np.maximum(scale, abs(sizing.row_open).max(axis=1).toarray().ravel())
    scale = np.maximum(scale, abs(sizing.row_served).max(axis=1).toarray().ravel())
    scale = 1 / np.where(scale > 0, scale, 1.0)
    served = sizing.row_served @ diags_array(sizing.demand_kwh) @ demand
    pile_rows = sizing.row_piles @ diags_array(limit.ravel())
    blocks = [
        [csr_array((points, sites)), csr_array((points, sites * types)), demand],
        [link_open, csr_array((arcs, sites * types)), csr_array(diags_array(np.ones(arcs)))],
        [csr_array((sites * groups, sites)), cap_pile, cap_serve],
        [-room, count, csr_array((sites, arcs))],
        [least, -count, csr_array((sites, arcs))],
        [-csr_array(diags_array(head)), load, csr_array((sites, arcs))],
        [
            diags_array(scale) @ sizing.row_open,
            diags_array(scale) @ pile_rows,
            diags_array(scale) @ served,
        ],
    ]
    matrix = csr_array(vstack([hstack(b, format="csr") for b in blocks], format="csr"))
    matrix.eliminate_zeros()
    rest = matrix.shape[0] - points - len(scale)
    upper_row = np.concatenate([np.ones(points), np.zeros(rest), sizing.row_upper * scale])
    lower_row = np.concatenate([np.full(points + rest, -np.inf), sizing.row_lower * scale])
    cost = np.concatenate(
        [
            -saving * sizing.fixed_cny,
            -saving * (sizing.pile_cny * limit).ravel(),
            sizing.weight[sizing.point] * energy,
        ]
    )
    low = np.concatenate([(sizing.forced & usable).astype(float), np.zeros(sites * types + arcs)])
    high = np.concatenate([usable.astype(float), np.ones(sites * types), np.ones(arcs)])
    high[sites : sites + sites * types] = (limit > 0).ravel()
    high[sites + sites * types :] = usable[sizing.site]
    program = LinearProgram(cost, low, high, matrix, lower_row, upper_row)
    return Relaxation(program, limit, scale)


def duals_of(sizing: Sizing, relaxed: Relaxation, y: npt.NDArray[np.float64]) -> dict:
    """Multipliers for `sizing_bound` out of the row multipliers of the relaxation."""
    sites = sizing.allowed.shape[0]
    groups = len(segment_groups(sizing.serves)[0])
    points, arcs = len(sizing.demand_kwh), len(sizing.site)
    at = np.cumsum([0, points, arcs, sites * groups, sites, sites, sites, len(relaxed.row_scale)])
    part = [y[at[n] : at[n + 1]] for n in range(7)]
    energy = np.where(sizing.demand_kwh > 0, sizing.demand_kwh, 1.0)
    return {
        "demand": part[0] / energy,
        "capacity": part[2].reshape(sites, groups),
        "most": part[3],
        "least": part[4],
        "grid": part[5],
        "rows": part[6] * relaxed.row_scale,
    }
