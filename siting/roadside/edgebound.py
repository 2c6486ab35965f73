"""A bound on the cost of edge nodes from prices on the sites, by arithmetic alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.formulate.edgenodes import EdgeChoice

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

STEPS = 600
"""Most steps of the ascent."""
PATIENCE = 15
"""Steps without a better bound after which they are halved."""
LEAST_STEP = 1e-3
"""Share of the gap below which steps no longer matter."""
CLOSE = 1e-9
"""Relative gap at which prices prove the plan."""


@dataclass(frozen=True, slots=True)
class _Stars:
    """Arcs of each host side by side, shape (I, widest); where there is none, one past the last."""

    choice: EdgeChoice
    arc: Ints
    most: int


def price_sites(choice: EdgeChoice, start: Floats, cost: float) -> tuple[Floats, float]:
    """
    Find prices that prove a high bound.

    Parameters
    ----------
    choice
        Arcs, costs and capacity.
    start
        First price of each site, for example its share of the cost of its node, shape (I,).
    cost
        Of the best plan known, which sets the length of steps.

    Returns
    -------
    price
        Shape (I,).
    bound
        What it proves, as `bound_of`.

    Notes
    -----
    Subgradient ascent with Polyak's steps. Its limit is the value of the linear relaxation, since
    a host's problem (take the node and the best of its arcs) has whole solutions (Geoffrion 1974).
    """
    stars = _stars(choice)
    price, share = start.astype(np.float64), 1.5
    best, bound, waited = price, -np.inf, 0
    for _ in range(STEPS):
        found, served = _priced(stars, price)
        if found > bound + CLOSE * abs(cost):
            best, bound, waited = price, found, 0
        else:
            waited += 1
        slope = 1.0 - served
        length = float(slope @ slope)
        if length == 0 or cost - bound <= CLOSE * abs(cost) or share < LEAST_STEP:
            break
        if waited >= PATIENCE:
            share, waited, price = share / 2, 0, best
            continue
        price = price + share * (cost - found) / length * slope
    return best, bound


def bound_of(choice: EdgeChoice, price: Floats) -> float:
    """
    Evaluate the bound of any prices.

    Row 2 is priced into the objective: a plan pays `price[i]` for serving site i at all. What is
    left falls apart by hosts, each of which takes its node with its best arcs or nothing.
    """
    return _priced(_stars(choice), price)[0]


def _stars(choice: EdgeChoice) -> _Stars:
    arcs, most = len(choice.site), choice.capacity - 1
    order = np.argsort(choice.host, kind="stable")
    count = np.bincount(choice.host, minlength=choice.sites)
    widest = max(int(count.max(initial=0)), most, 1)
    place = np.arange(arcs) - np.repeat(np.cumsum(count) - count, count)
    table = np.full((choice.sites, widest), arcs, dtype=np.int64)
    table[choice.host[order], place] = order
    return _Stars(choice, table, most)


def _priced(stars: _Stars, price: Floats) -> tuple[float, Floats]:
    """Bound of prices, and how often the plan behind it serves each site, shape (I,)."""
    choice, most = stars.choice, stars.most
    worth = choice.fibre_cny_per_m * choice.fibre_m - price[choice.site]
    worth = np.append(np.minimum(worth, 0.0), 0.0)[stars.arc]
    site = np.append(choice.site, -1)[stars.arc]
    own = choice.node_cny - price
    served = np.zeros(choice.sites + 1)
    if most:
        if most < worth.shape[1]:
            picked = np.argpartition(worth, most - 1, axis=1)[:, :most]
            worth = np.take_along_axis(worth, picked, axis=1)
            site = np.take_along_axis(site, picked, axis=1)
        own = own + worth.sum(axis=1)
    taken = own < 0
    if most:
        np.add.at(served, site[taken][worth[taken] < 0], 1.0)
    served[:-1] += taken
    return float(price.sum() + own[taken].sum()), served[:-1]
