"""
Connected selection: the search space divided by where the root is, and a bound of each part.

Without anchors the root could be anywhere, and a relaxation that leaves it open spreads it over all
rich places and pays for no connection between them. So with one component the nodes are divided
into regions: part k holds the choices that touch region k and no region before it. A region is one
patch of edges that are profitable at the marginal price: inside it connection is free anyway, so
that "the root is somewhere in the patch" says as much as a known root; and after the richest few
patches are out, little is left that could beat the best choice known.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from siting.core.connected.ascent import Ascent, Prices, ascend, best_prices, marginal_prices
from siting.core.connected.graph import distances
from siting.core.connected.master import Part, add_rows, empty_pool, part_of
from siting.core.connected.relax import Relaxation, advance, begin, rich_edges

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.core.connected.check import Duals
    from siting.structures import Connected

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

_MOST_PARTS = 6
_SMALL = 600
_POOL_ROWS = 250


@dataclass(slots=True)
class Bounded:
    """
    One part of the search space with what is known of it; renewed as more becomes known.

    Attributes
    ----------
    part
        The part.
    ascent
        Its best dual ascent.
    bound, duals
        Best safe bound and the multipliers that prove it.
    branched
        Bound by branch and bound, `inf` where none was done.
    tried
        Number of edges in the last branch and bound.
    relaxation
        Its linear relaxation, None until it is needed.
    """

    part: Part
    ascent: Ascent
    bound: float
    duals: Duals
    branched: float = np.inf
    tried: int = 2**31
    relaxation: Relaxation | None = None

    @property
    def best(self) -> float:
        """Best bound by any means."""
        return min(self.bound, self.branched)


def regions_of(connected: Connected, prices: Prices, known: float) -> Ints:
    """
    Divide the nodes into regions.

    Parameters
    ----------
    connected
        The instance.
    prices
        Prices at which profit is reckoned.
    known
        Value of the best choice known.

    Returns
    -------
    ndarray
        Region of each node, shape (N,); all 0 where a division would be of no use or too fine.
    """
    region = np.zeros(connected.nodes, dtype=np.int64)
    if len(connected.anchors) or connected.components > 1:
        return region
    if connected.forced.any():
        region[:] = 1
        region[connected.tail[np.argmax(connected.forced)]] = 0
        return region
    profit = connected.prize - prices.rows[0] * connected.length_m
    good = (profit > 0) & ~connected.banned
    shape = (connected.nodes, connected.nodes)
    tail, head = connected.tail[good], connected.head[good]
    count, label = connected_components(coo_array((np.ones(len(tail)), (tail, head)), shape))
    total = np.bincount(label[tail], profit[good], count)
    order = np.argsort(-total, kind="stable")
    left = prices.rows[0] * connected.most_m if prices.rows[0] > 0 else 0.0
    left = left + total.sum() - np.cumsum(total[order])
    needed = int(np.argmax(left < known)) + 1
    most = _MOST_PARTS if len(profit) > 2 * _SMALL else 3 * _MOST_PARTS
    if not (left < known).any() or not 1 <= needed <= min(most, count - 1):
        return region
    place = np.full(count, needed, dtype=np.int64)
    place[order[:needed]] = np.arange(needed)
    return place[label]


def bound_parts(connected: Connected, region: Ints, enough: float, until: float) -> list[Bounded]:
    """
    Bound every part by dual ascent; one whose bound falls below `enough` gets no more work.

    Parameters
    ----------
    connected, region
        The instance and its division.
    enough
        Bound that is as good as needed, `-inf` for none.
    until
        `time.monotonic()` to stop at; each part gets one ascent in any case.
    """
    found = []
    for k in range(int(region.max(initial=0)) + 1):
        part = part_of(connected, region, k)
        start = marginal_prices(part)
        ascent = ascend(part, start)
        if ascent.value >= enough:
            left = until - time.monotonic()
            stop = time.monotonic() + left / 2
            better = best_prices(part, start, until=stop, enough=enough)
            ascent = min(ascent, better, key=lambda one: one.value)
        found.append(Bounded(part, ascent, ascent.value, ascent.duals))
    return found


def edge_losses(bounded: Bounded) -> Floats:
    """
    Tell what touching both ends of each edge costs at least, shape (E,).

    A choice with this edge is worth at most the ascent's value less this.
    """
    part = bounded.part
    arcs = part.arcs
    loss = np.full(len(arcs.source), np.inf)
    loss[arcs.alive] = bounded.ascent.loss[arcs.place[arcs.alive]]
    away = distances(arcs, loss, arcs.nodes, back=False)[:-1]
    connected = part.connected
    return np.where(part.usable, np.maximum(away[connected.tail], away[connected.head]), np.inf)


def worth_keeping(bounded: Bounded, known: float) -> Bools:
    """Edges that a choice better than what is known could have, shape (E,)."""
    if not np.isfinite(known):
        return bounded.part.usable
    slack = bounded.ascent.value - known
    return edge_losses(bounded) <= slack + 1e-9 * max(1.0, abs(known))


def refine(bounded: Bounded, *, seconds: float) -> None:
    """Do one round of the linear relaxation of a part, started from its ascent's rows."""
    if bounded.relaxation is None:
        part = bounded.part
        small = len(part.connected.tail) <= _SMALL
        losses = edge_losses(bounded)
        near = (
            losses
            <= np.partition(losses, min(2 * _SMALL, len(losses) - 1))[
                min(2 * _SMALL, len(losses) - 1)
            ]
        )
        relaxation = begin(part, None if small else rich_edges(part) | near)
        duals = bounded.ascent.duals
        top = np.argsort(-duals.price, kind="stable")[:_POOL_ROWS]
        levels = list(duals.level[top].toarray()) if len(top) else []
        relaxation.pool = add_rows(part, empty_pool(part), levels, duals.target[top].tolist())
        bounded.relaxation = relaxation
    relaxation = bounded.relaxation
    advance(relaxation, seconds=seconds)
    if relaxation.duals is not None and relaxation.bound < bounded.bound:
        bounded.bound, bounded.duals = relaxation.bound, relaxation.duals
    elif relaxation.bound == -np.inf:
        bounded.branched = -np.inf
    if relaxation.last is not None:
        _ascend_again(bounded, relaxation)


def _ascend_again(bounded: Bounded, relaxation: Relaxation) -> None:
    """Run an ascent at the relaxation's prices: they suit all side rows together."""
    assert relaxation.last is not None  # noqa: S101
    duals = relaxation.last.duals
    ascent = ascend(bounded.part, Prices(duals.rows, duals.roots))
    if ascent.value < bounded.ascent.value:
        bounded.ascent = ascent
        if ascent.value < bounded.bound:
            bounded.bound, bounded.duals = ascent.value, ascent.duals


def shaken_ascent(bounded: Bounded, seed: int) -> None:
    """Try another order of the ascent at its best prices."""
    duals = bounded.ascent.duals
    ascent = ascend(bounded.part, Prices(duals.rows, duals.roots), seed=seed)
    if ascent.value < bounded.ascent.value:
        bounded.ascent = ascent
        if ascent.value < bounded.bound:
            bounded.bound, bounded.duals = ascent.value, ascent.duals


def fixed_part(connected: Connected, fixed: Bools) -> Part:
    """
    Take some edges as chosen, and put the root at one of them where it may be anywhere.

    Parameters
    ----------
    connected
        The instance.
    fixed
        Edges to choose, at least one, shape (E,).
    """
    forced = replace(connected, forced=connected.forced | fixed)
    region = regions_of(forced, Prices(np.zeros(1 + len(connected.row_name)), 0.0), -np.inf)
    return part_of(forced, region, 0)
