"""Whole piles at open stations: a greedy search that keeps the global rows."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np

from siting.core.sizing_bound import pile_limit
from siting.structures import segment_groups

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.structures import Sizing

TOLERANCE = 1e-9
"""Relative room that a row may be short by in whole numbers of piles and yuan."""


def lost_energy(
    sizing: Sizing, energy: npt.NDArray[np.float64], piles: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """
    Energy of a station's segments that its piles can't serve: the largest excess of a group.

    Parameters
    ----------
    sizing
        The instance.
    energy
        Energy of each group of segments, shape (..., G).
    piles
        Piles of each type, shape (..., K).
    """
    kinds = segment_groups(sizing.serves)[1]
    room = (piles * sizing.pile_kwh) @ kinds.T.astype(float)
    return np.asarray(np.maximum((energy - room).max(axis=-1, initial=0.0), 0.0))


def violation_of(sizing: Sizing, activity: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Sum of the relative violations of the global rows, activity of shape (..., R)."""
    scale = np.maximum(
        np.maximum(
            np.where(np.isfinite(sizing.row_lower), abs(sizing.row_lower), 0.0),
            np.where(np.isfinite(sizing.row_upper), abs(sizing.row_upper), 0.0),
        ),
        1.0,
    )
    short = np.maximum(sizing.row_lower - activity, 0.0) / scale
    over = np.maximum(activity - sizing.row_upper, 0.0) / scale
    worst = np.where(short > TOLERANCE, short, 0.0) + np.where(over > TOLERANCE, over, 0.0)
    return np.asarray(worst.sum(axis=-1))


def _moves(types: int) -> npt.NDArray[np.float64]:
    """List one more, one fewer, one for one, one for two and two for one, shape (M, K)."""
    one = np.eye(types)
    single = [*one, *(-one), *(one[b] - one[a] for a in range(types) for b in range(types))]
    pairs = list(combinations_with_replacement(range(types), 2))
    split = [one[b] + one[c] - one[a] for a in range(types) for b, c in pairs if a not in (b, c)]
    moves = np.array([*single, *split, *(-m for m in split)])
    return moves[np.any(moves != 0, axis=1)]


def mend_piles(
    sizing: Sizing,
    piles: npt.NDArray[np.int64],
    energy: npt.NDArray[np.float64],
    fixed: npt.NDArray[np.float64],
    *,
    rounds: int = 400,
) -> npt.NDArray[np.int64]:
    """
    Change piles one by one until the global rows hold, losing least energy; then gain what is left.

    Parameters
    ----------
    sizing
        Instance whose sites are all open.
    piles
        Whole piles, shape (J, K); site limits may be broken and are mended first.
    energy
        Energy of each group of segments that each site is to serve, kWh/day, shape (J, G).
    fixed
        Activity of the global rows that doesn't come from piles, shape (R,).
    rounds
        Most batches of moves.

    Returns
    -------
    piles
        Whole piles within the limits of each site; the rows may still be broken where no single
        move helps.
    """
    sites, types = piles.shape
    limit = pile_limit(sizing)
    peak = sizing.simultaneity * sizing.pile_kw
    held = _within_site(sizing, np.minimum(np.maximum(piles, 0), limit), energy)
    delta = _moves(types)
    rows = sizing.row_piles.toarray().reshape(-1, sites, types) if sizing.row_piles.shape[0] else (
        np.zeros((0, sites, types))
    )  # fmt: skip
    rows = rows[np.any(rows != 0, axis=(1, 2))]
    touched = np.diff(sizing.row_piles.indptr) > 0
    effect = np.einsum("rjk,mk->jmr", rows, delta)
    activity = fixed + sizing.row_piles @ held.ravel()
    for _ in range(rounds):
        trial = held[:, None, :] + delta
        count = trial.sum(axis=2)
        fits = ((trial >= 0) & (trial <= limit[:, None, :])).all(axis=2)
        fits &= (count >= sizing.min_piles[:, None]) & (count <= sizing.max_piles[:, None])
        fits &= trial @ peak <= sizing.kw_limit[:, None] + TOLERANCE
        now = lost_energy(sizing, energy, held)
        loss = lost_energy(sizing, energy[:, None, :], trial) - now[:, None]
        after = np.broadcast_to(activity, (*fits.shape, len(activity))).copy()
        after[:, :, touched] += effect
        broken = float(violation_of(sizing, activity))
        gain = broken - violation_of(sizing, after)
        chosen = _batch(sizing, (fits, loss, gain), broken, effect, (activity, touched))
        if chosen is None:
            break
        site, move = chosen
        held[site] += delta[move]
        activity = fixed + sizing.row_piles @ held.ravel()
    return np.rint(held).astype(np.int64)


def _batch(
    sizing: Sizing,
    scored: tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64], npt.NDArray[np.float64]],
    broken: float,
    effect: npt.NDArray[np.float64],
    state: tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None:
    """Best move of each site, and the longest useful run of them in order of merit."""
    fits, loss, gain = scored
    activity, touched = state
    if broken > 0:
        merit = np.where(fits & (gain > 0), gain / (np.maximum(loss, 0.0) + 1.0), -np.inf)
    else:
        merit = np.where(fits & (gain >= 0) & (loss < -TOLERANCE), -loss, -np.inf)
    move = merit.argmax(axis=1)
    best = merit[np.arange(len(move)), move]
    order = np.argsort(-best, kind="stable")
    order = order[np.isfinite(best[order])]
    if not len(order):
        return None
    run = np.tile(activity, (len(order), 1))
    run[:, touched] += np.cumsum(effect[order, move[order]], axis=0)
    left = violation_of(sizing, run)
    if broken > 0:
        # Take the moves of like merit only: later ones are priced anew.
        like = best[order] >= 0.5 * best[order[0]]
        left = np.where(like, left, np.inf)
        length = int(left.argmin()) + 1
        if left[length - 1] >= broken:
            return None
    else:
        bad = np.flatnonzero(left > 0)
        length = int(bad[0]) if len(bad) else len(order)
        length = max(length, 1)
        if left[length - 1] > 0:
            return None
    return order[:length], move[order[:length]]


def _within_site(
    sizing: Sizing, piles: npt.NDArray[np.float64], energy: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Take piles off, or put the cheapest on, until land, grid and the least number hold."""
    peak = sizing.simultaneity * sizing.pile_kw
    limit = pile_limit(sizing)
    piles = piles.astype(float).copy()
    cheap = np.argsort(sizing.pile_cny, kind="stable")
    for _ in range(int(sizing.max_piles.max(initial=0)) + 1):
        over = (piles.sum(axis=1) > sizing.max_piles) | (piles @ peak > sizing.kw_limit + TOLERANCE)
        if not over.any():
            break
        one = np.eye(len(peak))
        trial = piles[over][:, None, :] - one
        loss = lost_energy(sizing, energy[over][:, None, :], trial)
        loss = np.where(trial.min(axis=2) < 0, np.inf, loss)
        relief = np.where(piles[over] @ peak > sizing.kw_limit[over] + TOLERANCE, 1.0, 0.0)
        merit = loss - relief[:, None] * peak * 1e-6
        piles[over] -= one[merit.argmin(axis=1)]
    for _ in range(int(sizing.min_piles.max(initial=0)) + 1):
        under = np.flatnonzero(piles.sum(axis=1) < sizing.min_piles)
        if not len(under):
            break
        for kind in cheap:
            room = (piles[under, kind] + 1 <= limit[under, kind]) & (
                piles[under] @ peak + peak[kind] <= sizing.kw_limit[under] + TOLERANCE
            )
            piles[under[room], kind] += 1
            under = under[~room]
    return piles
