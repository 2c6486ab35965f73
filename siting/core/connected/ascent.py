"""
Connected selection: dual ascent, which finds good multipliers of the connection rows in one sweep.

At prices of the side rows each edge has a profit (prize less what it pays to the rows). Profit is
offered half to each end node; an edge without profit costs its loss to use. A node t whose offer is
positive then buys its way towards the roots: with D the lesser of its offer and its distance from
the virtual root, the connection row with levels `1 - distance(v, t) / D` takes the multiplier D,
which lowers the bound by D and the losses of the arcs by what they climb (Wong 1984; for prizes
Rehfeldt and Koch 2021). What can't be bought is not worth connecting, and leaves the bound.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from siting.core.connected.check import Duals
from siting.core.connected.graph import at_ends, one_to_all

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from siting.core.connected.master import Part

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

_NIL = 1e-13
_GOLDEN = (5.0**0.5 - 1.0) / 2.0
_DOUBLINGS = 12
_SPANS = (1.35, 1.05)


@dataclass(frozen=True, slots=True)
class Prices:
    """
    Prices that an ascent starts from.

    Attributes
    ----------
    rows
        Of length window and side rows, signed as in `Duals`, shape (1 + R,).
    roots
        Of a root, >= 0.
    """

    rows: Floats
    roots: float


@dataclass(frozen=True, slots=True)
class Ascent:
    """
    What an ascent came to.

    Attributes
    ----------
    value
        The bound, without allowance for rounding; `inf` where the prices prove nothing.
    duals
        Its multipliers.
    loss
        Loss left on each merged arc of the part's graph, shape (stored entries,).
    """

    value: float
    duals: Duals
    loss: Floats


def ascend(part: Part, prices: Prices, *, seed: int | None = None) -> Ascent:
    """
    Run one dual ascent.

    Parameters
    ----------
    part
        The part of the search space.
    prices
        Prices of side rows and roots.
    seed
        None takes the nodes nearest to a root first; a seed shakes that order.
    """
    connected, arcs = part.connected, part.arcs
    matrix, lower, upper = part.sides
    rows = np.where(prices.rows > 0, np.where(np.isinf(upper), 0, prices.rows), prices.rows)
    rows = np.where((rows < 0) & np.isinf(lower), 0.0, rows)
    roots = max(prices.roots, 0.0)
    profit = connected.prize - rows @ matrix
    usable = part.usable
    free = usable & ~connected.forced
    link = np.where(connected.forced | ~usable, 0.0, np.maximum(-profit, 0.0))
    half = np.where(free, np.maximum(profit, 0.0), 0.0) / 2.0
    offer = at_ends(connected.nodes, connected.tail, connected.head, half)
    must = _touched(part)
    cost = np.r_[link, link, np.full(len(arcs.root), roots)]
    loss: Floats = np.full(len(arcs.indices), np.inf)
    np.minimum.at(loss, arcs.place[arcs.alive], cost[arcs.alive])
    levels, targets, climbs = _buy(part, offer, must, loss, seed)
    paid = np.bincount(targets, climbs, connected.nodes)
    side = np.where(rows > 0, upper, lower)
    value = (
        float(rows[rows != 0] @ side[rows != 0])
        + roots * connected.components
        + float(profit[connected.forced].sum())
        + float(np.where(must, offer - paid, np.maximum(offer - paid, 0.0)).sum())
    )
    if (connected.forced & ~usable).any():
        value = -np.inf
    duals = Duals(
        link=link,
        ends=np.r_[half, half],
        supply=np.zeros(connected.nodes),
        roots=roots,
        rows=rows,
        level=levels,
        target=targets,
        price=climbs,
    )
    return Ascent(value, duals, loss)


def _touched(part: Part) -> npt.NDArray[np.bool_]:
    connected = part.connected
    must = np.zeros(connected.nodes, dtype=bool)
    must[connected.tail[connected.forced]] = True
    must[connected.head[connected.forced]] = True
    return must


def _buy(
    part: Part,
    offer: Floats,
    must: npt.NDArray[np.bool_],
    loss: Floats,
    seed: int | None,
) -> tuple[csr_array, Ints, Floats]:
    """Let each node buy its way; `loss` is lowered in place. Levels, targets and multipliers."""
    arcs = part.arcs
    size = arcs.nodes + 1
    worth = np.where(must, np.inf, offer)
    shape = (size, size)
    forth = csr_array((np.maximum(loss, _NIL), arcs.indices, arcs.indptr), shape=shape)
    away = one_to_all(forth, arcs.nodes)[:-1]
    if seed is not None:
        away = away * np.random.default_rng(seed).uniform(0.7, 1.3, len(away))
    least = 1e-12 * max(1.0, float(offer.max(initial=0.0)))
    wanting = np.flatnonzero((worth > least) & ~part.out)
    wanting = wanting[np.argsort(away[wanting], kind="stable")]
    # Searches run from the target against the arcs; one graph is kept and its losses lowered.
    cost = np.maximum(loss[arcs.back], _NIL)
    back = csr_array((cost, arcs.back_indices, arcs.back_indptr), shape=shape)
    level = np.zeros(size)
    columns, data, targets, climbs = [], [], [], []
    for target in wanting.tolist():
        distance = one_to_all(back, target, float(worth[target]))
        paid = min(float(worth[target]), float(distance[-1]))
        if np.isinf(paid):
            # A forced edge with no way to a root: any price proves that it can't be.
            paid = 1e6 * (1.0 + float(offer.sum()))
        if not least < paid:
            continue
        near = np.flatnonzero(distance < paid)
        level[near] = 1.0 - distance[near] / paid
        level[target] = 1.0
        into = _entries(arcs.back_indptr, near)
        rise = np.repeat(level[near], np.diff(arcs.back_indptr)[near])
        rise -= level[arcs.back_indices[into]]
        back.data[into] = np.maximum(back.data[into] - paid * np.maximum(rise, 0.0), _NIL)
        columns.append(near)
        data.append(level[near])
        targets.append(target)
        climbs.append(paid)
        level[near] = 0.0
    loss[arcs.back] = np.where(back.data > _NIL, back.data, 0.0)
    indptr = np.r_[0, np.cumsum([len(near) for near in columns])].astype(np.int64)
    flat = (
        (np.concatenate(data), np.concatenate(columns)) if columns else (np.zeros(0), np.zeros(0))
    )
    levels = csr_array(
        (flat[0], flat[1].astype(np.int64), indptr), shape=(len(targets), arcs.nodes)
    )
    return levels, np.array(targets, dtype=np.int64), np.array(climbs)


def _entries(indptr: npt.NDArray[np.int32], rows: Ints) -> Ints:
    """Positions of the stored entries of some rows, row after row."""
    count = np.diff(indptr)[rows].astype(np.int64)
    ends = np.cumsum(count)
    shift = np.repeat(indptr[rows].astype(np.int64) - (ends - count), count)
    return shift + np.arange(len(shift))


def marginal_prices(part: Part) -> Prices:
    """Prices to start from: that of a metre at the best cut-off without connection, else 0."""
    connected = part.connected
    matrix = part.sides[0]
    rows = np.zeros(matrix.shape[0])
    # Edges without length need no price.
    length = np.maximum(connected.length_m, 1e-12)
    order = np.flatnonzero(part.usable & (connected.length_m > 0))
    order = order[np.argsort(-(connected.prize / length)[order], kind="stable")]
    total = np.cumsum(connected.length_m[order])
    if len(order) and total[-1] > connected.most_m:
        last = order[min(int(np.searchsorted(total, connected.most_m)), len(order) - 1)]
        rows[0] = connected.prize[last] / length[last]
    return Prices(rows, 0.0)


def best_prices(part: Part, start: Prices, *, until: float, enough: float = -np.inf) -> Ascent:
    """
    Search the prices of length and roots for the least bound.

    Doubling for the price of a root, then golden section on each price in turn. The bound as a
    function of the prices is only nearly convex, since an ascent is not the exact dual; the best
    seen counts.

    Parameters
    ----------
    part
        The part of the search space.
    start
        Prices to start from.
    until
        `time.monotonic()` to stop at; one ascent is always done.
    enough
        Stop when the bound falls below it.
    """
    found = {(1.0, start.roots): ascend(part, start)}

    def at(factor: float, roots: float) -> float:
        key = (factor, roots)
        if key not in found:
            found[key] = ascend(part, _scaled(start, factor, roots))
        return found[key].value

    def best() -> tuple[float, float]:
        return min(found, key=lambda key: (found[key].value, key))

    def stop() -> bool:
        return time.monotonic() > until or found[best()].value < enough

    priced = part.connected.components < len(part.arcs.root)
    if priced:
        unit = float(np.max(part.connected.prize, initial=0.0)) / 4.0 + 1e-12
        _double(lambda roots: at(1.0, roots), unit, found[best()].value, stop)
    for span in _SPANS:
        factor, roots = best()
        if start.rows[0] > 0:
            _golden(lambda value, r=roots: at(value, r), factor / span, factor * span, stop)  # type: ignore[misc]
        factor, roots = best()
        if priced and roots > 0:
            low, high = roots / span**2, roots * span**2
            _golden(lambda value, f=factor: at(f, value), low, high, stop)  # type: ignore[misc]
    return found[best()]


def _double(
    call: Callable[[float], float], value: float, least: float, stop: Callable[[], bool]
) -> None:
    """Double a price until it has done no good twice running; the caller keeps what was seen."""
    worse = 0
    for _ in range(_DOUBLINGS):
        if stop() or worse > 1:
            return
        found = call(value)
        worse = 0 if found < least else worse + 1
        least = min(least, found)
        value *= 2.0


def _scaled(prices: Prices, factor: float, roots: float) -> Prices:
    rows = prices.rows.copy()
    rows[0] *= factor
    return Prices(rows, roots)


def _golden(
    call: Callable[[float], float],
    low: float,
    high: float,
    stop: Callable[[], bool],
    tries: int = 7,
) -> None:
    """Golden section; the caller keeps what was seen."""
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    value_left, value_right = np.nan, np.nan
    for _ in range(tries):
        if stop():
            return
        if np.isnan(value_left):
            value_left = call(left)
        elif np.isnan(value_right):
            value_right = call(right)
        elif value_left <= value_right:
            high, right, value_right = right, left, value_left
            left, value_left = high - _GOLDEN * (high - low), np.nan
        else:
            low, left, value_left = left, right, value_right
            right, value_right = low + _GOLDEN * (high - low), np.nan
