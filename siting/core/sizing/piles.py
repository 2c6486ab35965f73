"""Whole piles at open stations: a greedy search that keeps the global rows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np

from siting.core.sizing.bound import pile_limit
from siting.structures import least_standing, segment_groups

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


def _row_scale(sizing: Sizing) -> npt.NDArray[np.float64]:
    """Return what the violation of each global row is relative to, shape (R,)."""
    low = np.where(np.isfinite(sizing.row_lower), abs(sizing.row_lower), 0.0)
    high = np.where(np.isfinite(sizing.row_upper), abs(sizing.row_upper), 0.0)
    return np.asarray(np.maximum(np.maximum(low, high), 1.0))


def violation_of(sizing: Sizing, activity: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Sum of the relative violations of the global rows, activity of shape (..., R)."""
    scale = _row_scale(sizing)
    short = np.maximum(sizing.row_lower - activity, 0.0) / scale
    over = np.maximum(activity - sizing.row_upper, 0.0) / scale
    worst = np.where(short > TOLERANCE, short, 0.0) + np.where(over > TOLERANCE, over, 0.0)
    return np.asarray(worst.sum(axis=-1))


@dataclass(frozen=True, slots=True)
class _Touched:
    """
    The global rows that a site's piles weigh in, few a site however many there are in all.

    Attributes
    ----------
    row
        Rows of each site, padded with R, shape (J, T).
    change
        What each move adds to them, shape (J, M, T).
    lower, upper, scale
        Bounds of the rows and what their violation is relative to, with a row R that holds always,
        shape (R + 1,).
    """

    row: npt.NDArray[np.int64]
    change: npt.NDArray[np.float64]
    lower: npt.NDArray[np.float64]
    upper: npt.NDArray[np.float64]
    scale: npt.NDArray[np.float64]

    def gain(self, activity: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """By how much each move lowers the violation of the rows, shape (J, M)."""
        now = np.append(activity, 0.0)[self.row][:, None, :]
        return np.asarray(self._broken(now).sum(axis=-1) - self._broken(now + self.change).sum(-1))

    def run(
        self,
        activity: npt.NDArray[np.float64],
        site: npt.NDArray[np.int64],
        move: npt.NDArray[np.int64],
    ) -> npt.NDArray[np.float64]:
        """Activity of the rows after the first 1, 2, ... moves, shape (moves, R)."""
        each = np.zeros((len(site), len(activity) + 1))
        each[np.arange(len(site))[:, None], self.row[site]] = self.change[site, move]
        return np.asarray(activity + np.cumsum(each[:, :-1], axis=0))

    def _broken(self, activity: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        lower, upper, scale = (bound[self.row][:, None, :] for bound in self._bounds())
        worst = np.maximum(lower - activity, activity - upper) / scale
        return np.where(worst > TOLERANCE, worst, 0.0)

    def _bounds(self) -> tuple[npt.NDArray[np.float64], ...]:
        return self.lower, self.upper, self.scale


def _touched(sizing: Sizing, delta: npt.NDArray[np.float64]) -> _Touched:
    sites, types = sizing.allowed.shape
    entries = sizing.row_piles.tocoo()
    row, column = (np.asarray(part, dtype=np.int64) for part in entries.coords)
    rows = len(sizing.row_name)
    pair, entry = np.unique((column // types) * rows + row, return_inverse=True)
    first = np.searchsorted(pair // max(rows, 1), np.arange(sites))
    slot = np.arange(len(pair)) - first[pair // max(rows, 1)]
    width = int(slot.max(initial=-1)) + 1
    weight = np.zeros((sites, width, types))
    weight[column // types, slot[entry], column % types] = entries.data
    index = np.full((sites, width), rows, dtype=np.int64)
    index[pair // max(rows, 1), slot] = pair % max(rows, 1)
    return _Touched(
        index,
        np.einsum("jtk,mk->jmt", weight, delta),
        np.append(sizing.row_lower, -np.inf),
        np.append(sizing.row_upper, np.inf),
        np.append(_row_scale(sizing), 1.0),
    )


def _moves(types: int, least: int = 1) -> npt.NDArray[np.float64]:
    """
    List one more, one fewer, one for one, one for two and two for one, shape (M, K).

    Where types stand in a least number, also as many more, fewer or for as many of another.
    """
    one = np.eye(types)
    group = least * one
    many = [*group, *(-group), *(group[b] - group[a] for a in range(types) for b in range(types))]
    single = [*one, *(-one), *(one[b] - one[a] for a in range(types) for b in range(types))]
    pairs = list(combinations_with_replacement(range(types), 2))
    split = [one[b] + one[c] - one[a] for a in range(types) for b, c in pairs if a not in (b, c)]
    moves = np.array([*single, *split, *(-m for m in split), *(many if least > 1 else [])])
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
    limit, least = pile_limit(sizing), least_standing(sizing)
    peak = sizing.simultaneity * sizing.pile_kw
    held = _within_site(sizing, np.minimum(np.maximum(piles, sizing.kept), limit), energy)
    delta = _moves(piles.shape[1], int(sizing.least_of_type.max(initial=1)))
    touched = _touched(sizing, delta)
    activity = fixed + sizing.row_piles @ held.ravel()
    for _ in range(rounds):
        trial = held[:, None, :] + delta
        count = trial.sum(axis=2)
        fits = ((trial >= sizing.kept[:, None, :]) & (trial <= limit[:, None, :])).all(axis=2)
        fits &= (count >= sizing.min_piles[:, None]) & (count <= sizing.max_piles[:, None])
        fits &= trial @ peak <= sizing.kw_limit[:, None] + TOLERANCE
        fits &= ((trial == 0) | (trial >= least[:, None, :])).all(axis=2)
        fits &= _used(sizing, trial, energy) | ((delta @ sizing.pile_kwh) <= 0)
        now = lost_energy(sizing, energy, held)
        loss = lost_energy(sizing, energy[:, None, :], trial) - now[:, None]
        broken = float(violation_of(sizing, activity))
        gain = touched.gain(activity)
        chosen = _batch(sizing, (fits, loss, gain), broken, activity, touched)
        if chosen is None:
            break
        site, move = chosen
        held[site] += delta[move]
        activity = fixed + sizing.row_piles @ held.ravel()
    return np.rint(held).astype(np.int64)


def _used(
    sizing: Sizing, piles: npt.NDArray[np.float64], energy: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    """Tell whether the energy uses piles of shape (J, M, K) enough, shape (J, M)."""
    # The largest group of segments is all of them.
    asked = sizing.least_use[:, None] * (piles @ sizing.pile_kwh)
    return np.asarray(asked <= energy.max(axis=1, initial=0.0)[:, None] * (1 + TOLERANCE))


def _batch(
    sizing: Sizing,
    scored: tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64], npt.NDArray[np.float64]],
    broken: float,
    activity: npt.NDArray[np.float64],
    touched: _Touched,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None:
    """Best move of each site, and the longest useful run of them in order of merit."""
    fits, loss, gain = scored
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
    left = violation_of(sizing, touched.run(activity, order, move[order]))
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
    least = least_standing(sizing)
    piles = piles.astype(float).copy()
    cheap = np.argsort(sizing.pile_cny, kind="stable")
    for _ in range(int(sizing.max_piles.max(initial=0)) + 1):
        over = (piles.sum(axis=1) > sizing.max_piles) | (piles @ peak > sizing.kw_limit + TOLERANCE)
        if not over.any():
            break
        one = np.eye(len(peak))
        trial = piles[over][:, None, :] - one
        loss = lost_energy(sizing, energy[over][:, None, :], trial)
        loss = np.where((trial < sizing.kept[over][:, None, :]).any(axis=2), np.inf, loss)
        relief = np.where(piles[over] @ peak > sizing.kw_limit[over] + TOLERANCE, 1.0, 0.0)
        merit = loss - relief[:, None] * peak * 1e-6
        # Where kept piles alone are too many nothing can go.
        goes = np.isfinite(merit.min(axis=1))
        piles[over] -= one[merit.argmin(axis=1)] * goes[:, None]
    for kind in cheap:
        few = (piles[:, kind] > 0) & (piles[:, kind] < least[:, kind])
        more = np.where(few, least[:, kind] - piles[:, kind], 0.0)
        room = (piles.sum(axis=1) + more <= sizing.max_piles) & (
            piles @ peak + more * peak[kind] <= sizing.kw_limit + TOLERANCE
        )
        piles[:, kind] = np.where(few, np.where(room, piles[:, kind] + more, 0.0), piles[:, kind])
    return _filled(sizing, piles, cheap)


def _filled(
    sizing: Sizing, piles: npt.NDArray[np.float64], cheap: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Put the cheapest piles on, for the largest where there is no room, up to the least number."""
    peak = sizing.simultaneity * sizing.pile_kw
    limit, least = pile_limit(sizing), least_standing(sizing)
    for _ in range(2 * int(sizing.min_piles.max(initial=0)) + 1):
        under = np.flatnonzero(piles.sum(axis=1) < sizing.min_piles)
        if not len(under):
            break
        for kind in cheap:
            more = np.where(piles[under, kind] > 0, 1.0, least[under, kind].astype(float))
            room = (piles[under, kind] + more <= limit[under, kind]) & (
                piles[under] @ peak + more * peak[kind] <= sizing.kw_limit[under] + TOLERANCE
            )
            room &= piles[under].sum(axis=1) + more <= sizing.max_piles[under]
            piles[under[room], kind] += more[room]
            under = under[~room]
        # One large pile can take the grid of the many that a site has to have.
        spare = piles[under] > sizing.kept[under]
        under, spare = under[spare.any(axis=1)], spare[spare.any(axis=1)]
        large = np.where(spare, peak, -1.0).argmax(axis=1)
        left = piles[under, large] - 1.0
        piles[under, large] = np.where(left >= least[under, large], left, sizing.kept[under, large])
    return piles
