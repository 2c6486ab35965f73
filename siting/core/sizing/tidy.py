"""Make a plan one that a planner would draw: no idle pile but those asked for, spread by demand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csc_array

from siting.core.sizing.part import Siting, activity
from siting.core.sizing.round import site_energy
from siting.structures import least_standing, segment_groups

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.structures import Sizing


def tidy(sizing: Sizing, plan: Siting) -> Siting:
    """
    Remove piles that serve nothing, dearest types first, and spread those that targets ask for.

    The energy on each arc stays as it is, so the objective and the bound do too; the cost never
    rises.

    Parameters
    ----------
    sizing
        The instance.
    plan
        A plan that keeps every row.
    """
    trimmed = _trim(sizing, plan)
    return _spread_idle(sizing, trimmed)


def idle_piles(
    sizing: Sizing, plan: Siting, piles: npt.NDArray[np.int64], kind: int
) -> npt.NDArray[np.int64]:
    """Piles of a type that each station can lose and still serve what it serves, shape (J,)."""
    segments, kinds = segment_groups(sizing.serves)
    del segments
    energy = site_energy(sizing, plan.serve)
    room = (piles * sizing.pile_kwh) @ kinds.T.astype(float)
    slack = np.where(kinds[:, kind], room - energy, np.inf).min(axis=1)
    idle = np.floor(slack / max(sizing.pile_kwh[kind], 1e-12) + 1e-12)
    least = np.where(plan.opened, sizing.min_piles, 0)
    spare = piles.sum(axis=1) - least
    have, kept = piles[:, kind], np.where(plan.opened, sizing.kept[:, kind], 0)
    few = np.minimum(np.minimum(idle, spare), have - kept)
    # Either all of a type goes, or its least number stays; kept piles stay.
    least = least_standing(sizing)[:, kind]
    few = np.where((few >= have) & (kept == 0), have, np.minimum(few, have - least))
    return np.asarray(np.clip(few, 0, None), dtype=np.int64)


def _trim(sizing: Sizing, plan: Siting) -> Siting:
    """Remove idle piles as far as the global rows allow."""
    piles = plan.piles.copy()
    types = piles.shape[1]
    for kind in np.argsort(-sizing.pile_cny, kind="stable"):
        idle = idle_piles(sizing, plan, piles, int(kind))
        site = np.repeat(np.arange(len(piles)), idle)
        if not len(site):
            continue
        level = activity(sizing, replace(plan, piles=piles))
        effect = -sizing.row_piles[:, site * types + kind].toarray()
        run = level[:, None] + np.cumsum(effect, axis=1)
        scale = 1e-9 * np.maximum(abs(level), 1.0)[:, None]
        good = (run >= np.minimum(sizing.row_lower, level)[:, None] - scale) & (
            run <= np.maximum(sizing.row_upper, level)[:, None] + scale
        )
        bad = np.flatnonzero(~good.all(axis=0))
        length = int(bad[0]) if len(bad) else len(site)
        gone = np.bincount(site[:length], minlength=len(piles))
        left, least = piles[:, kind] - gone, least_standing(sizing)[:, kind]
        # Of the last site only a part may have gone.
        piles[:, kind] = np.where((left > 0) & (left < least), least, left)
    return replace(plan, piles=piles)


def _spread_idle(sizing: Sizing, plan: Siting) -> Siting:
    """Share the idle piles of each type among the stations by the demand around them."""
    piles = plan.piles.copy()
    types = piles.shape[1]
    asked = np.bincount(sizing.site, sizing.demand_kwh[sizing.point], minlength=len(piles))
    reached = np.where(plan.opened, asked, 0.0).astype(float)
    for kind in range(types):
        group = _alike(sizing, kind)
        least = least_standing(sizing)[:, kind]
        idle = np.where(plan.opened, idle_piles(sizing, plan, piles, kind), 0)
        kept = np.where((least > 1) | (sizing.kept[:, kind] > 0), least, 0)
        idle = np.clip(np.minimum(idle, piles[:, kind] - kept), 0, None)
        given = np.bincount(sizing.site, plan.serve, minlength=len(piles)).astype(np.float64)
        for number in np.unique(group[idle > 0]).tolist():
            alike = group == number
            spare = np.where(alike, idle, 0)
            piles[:, kind] -= spare
            room = _use_room(sizing, piles, given, kind)
            room[(piles[:, kind] == 0) & (least > 1)] = 0.0
            pool = (kind, int(spare.sum()), np.where(alike, room, 0.0))
            piles[:, kind] += _by_demand(sizing, piles, reached, pool)
    return replace(plan, piles=piles)


def _use_room(
    sizing: Sizing, piles: npt.NDArray[np.int64], given: npt.NDArray[np.float64], kind: int
) -> npt.NDArray[np.float64]:
    """Piles of a type that each station can get more and still be used enough, shape (J,)."""
    use = sizing.least_use
    most = given / np.where(use > 0, use, 1.0) - piles @ sizing.pile_kwh
    more = np.floor(most / max(float(sizing.pile_kwh[kind]), 1e-12) + 1e-9)
    return np.where(use > 0, np.maximum(more, 0.0), np.inf)


def _alike(sizing: Sizing, kind: int) -> npt.NDArray[np.int64]:
    """Return the group of each site; piles of a type weigh alike in every row within a group."""
    sites, types = sizing.allowed.shape
    column = csc_array(sizing.row_piles[:, np.arange(sites) * types + kind])
    column.sum_duplicates()
    column.eliminate_zeros()
    filled, group = np.diff(column.indptr), np.zeros(sites, dtype=np.int64)
    # Columns alike have as many entries; those of one length are compared as short rows.
    for length in np.unique(filled[filled > 0]).tolist():
        alike = np.flatnonzero(filled == length)
        entry = column.indptr[alike][:, None] + np.arange(length)
        rows = np.hstack([column.indices[entry], column.data[entry]])
        _, number = np.unique(rows, axis=0, return_inverse=True)
        group[alike] = group.max() + 1 + number.ravel()
    return group


def _by_demand(
    sizing: Sizing,
    piles: npt.NDArray[np.int64],
    reached: npt.NDArray[np.float64],
    pool: tuple[int, int, npt.NDArray[np.float64]],
) -> npt.NDArray[np.int64]:
    """Hand out a pool of piles of one type, each next to the most demand a pile, within limits."""
    kind, count, most = pool
    peak = sizing.simultaneity * sizing.pile_kw
    land = sizing.max_piles - piles.sum(axis=1)
    grid = np.floor((sizing.kw_limit - piles @ peak) / max(peak[kind], 1e-12) + 1e-9)
    free = np.minimum(np.minimum(land, grid), most)
    room = np.where(sizing.allowed[:, kind] & (reached > 0), free, 0).clip(0, count)
    room = room.astype(np.int64)
    have = piles.sum(axis=1)
    low, high = (
        0.0,
        float((have + room).max(initial=0))
        / max(float(reached[room > 0].min(initial=np.inf)), 1e-12),
    )
    # Fill to one level of piles a unit of demand (water-filling by bisection).
    for _ in range(100):
        level = (low + high) / 2
        given = np.clip(np.floor(level * reached - have), 0, room)
        low, high = (level, high) if given.sum() <= count else (low, level)
    given = np.clip(np.floor(low * reached - have), 0, room).astype(np.int64)
    rest = count - int(given.sum())
    order = np.argsort(-np.where(given < room, reached / (have + given + 1.0), -1.0), kind="stable")
    while rest > 0:
        open_to = order[given[order] < room[order]][:rest]
        if not len(open_to):
            break
        given[open_to] += 1
        rest -= len(open_to)
    return np.asarray(given, dtype=np.int64)
