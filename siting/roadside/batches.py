"""The order of building: what is equipped in which year, each year's work of use by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array, csr_array

from siting.errors import InfeasibleError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from siting.model.roadside import Batch

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

TINY = 1e-9
MOST_SEEDS = 20
"""Starts of a patch that are tried when money is short."""


@dataclass(frozen=True, slots=True)
class Units:
    """
    What is built whole or not at all: the built cells, or else the sites themselves.

    Attributes
    ----------
    need
        Sites without which a unit is not complete, bool, shape (U, S); see `needed_sites`.
    beside
        Units side by side, symmetric, bool, shape (U, U).
    worth
        Worth of each unit; the most for its money goes first, shape (U,).
    ahead
        Units of pilot zones and of districts that go first, shape (U,).
    amount
        What a unit adds to the share of a batch: its area, or else its cost, shape (U,).
    least_patch
        Units in the least connected patch.
    """

    need: csr_array
    beside: csr_array
    worth: npt.NDArray[np.float64]
    ahead: npt.NDArray[np.bool_]
    amount: npt.NDArray[np.float64]
    least_patch: int


@dataclass(frozen=True, slots=True)
class Works:
    """
    What is to be built and what it costs.

    Attributes
    ----------
    site_cny
        Cost of each chosen site with its fibre, shape (S,).
    node_of
        Edge node of each site, -1 for none, shape (S,); a node is built with its first site.
    node_cny
        Cost of each edge node, shape (N,).
    first_cny
        Cost that falls in the first batch whatever is built: the city platform.
    mandatory
        Sites that go before all others, shape (S,).
    units
        What is built whole.
    """

    site_cny: npt.NDArray[np.float64]
    node_of: npt.NDArray[np.int64]
    node_cny: npt.NDArray[np.float64]
    first_cny: float
    mandatory: npt.NDArray[np.bool_]
    units: Units


@dataclass(slots=True)
class _Built:
    """What is built so far: phase of each site and unit (0: none), and the money spent."""

    site: Ints
    unit: Ints
    node: Bools
    spent_cny: float


def needed_sites(
    key: csr_array,
    hears: csr_array,
    group_unit: npt.NDArray[np.int64],
    group_m: npt.NDArray[np.float64],
    need_m: npt.NDArray[np.float64],
) -> csr_array:
    """
    Choose for each unit the sites that complete it, whatever else is built.

    Key sites are needed; then the sites that hear most of what is left, until enough is heard. A
    site that no unit needs is given to the unit of which it hears most.

    Parameters
    ----------
    key
        Key sites of each unit, bool, shape (U, S).
    hears
        Chosen sites that hear each group of road points, bool, shape (G, S).
    group_unit, group_m
        Unit and metres of each group, shape (G,).
    need_m
        Metres of each unit that have to be heard, shape (U,).

    Returns
    -------
    need
        Bool, shape (U, S).
    """
    order = np.argsort(group_unit, kind="stable")
    ends = np.searchsorted(group_unit[order], np.arange(1, key.shape[0]))
    chosen = [
        _complete(_row(key, unit), hears[groups], group_m[groups], float(need_m[unit]))
        for unit, groups in enumerate(np.split(order, ends))
    ]
    sites = np.concatenate([np.zeros(0, dtype=np.int64), *chosen])
    units = np.repeat(np.arange(key.shape[0]), [len(some) for some in chosen])
    idle = np.setdiff1d(np.arange(key.shape[1]), sites)
    owner, heard = _most_heard(hears[:, idle], group_unit, group_m, key.shape[0])
    units, sites = np.r_[units, owner[heard]], np.r_[sites, idle[heard]]
    table = coo_array((np.ones(len(units), dtype=bool), (units, sites)), shape=key.shape)
    return csr_array(table)


def _row(matrix: csr_array, row: int) -> Ints:
    found: Ints = matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]].astype(np.int64)
    return found


def _most_heard(
    hears: csr_array, group_unit: Ints, group_m: Floats, units: int
) -> tuple[Ints, Bools]:
    """Return the unit of which each site hears most, and whether it hears of any."""
    links = hears.tocoo()
    shape = (hears.shape[1], units)
    metres = csr_array(coo_array((group_m[links.row], (links.col, group_unit[links.row])), shape))
    metres.sum_duplicates()
    site = np.repeat(np.arange(shape[0]), np.diff(metres.indptr))
    order = np.lexsort((metres.indices, -metres.data, site))
    some, first = np.unique(site[order], return_index=True)
    owner = np.zeros(shape[0], dtype=np.int64)
    owner[some] = metres.indices[order[first]]
    heard = np.zeros(shape[0], dtype=bool)
    heard[some] = True
    return owner, heard


def _complete(keys: Ints, hears: csr_array, metres: Floats, need_m: float) -> Ints:
    """Key sites of a unit and those that it needs beside them, by most metres heard."""
    columns = np.unique(np.r_[hears.indices, keys]).astype(np.int64)
    block = np.asarray(hears[:, columns].toarray(), dtype=bool)
    taken = np.isin(columns, keys)
    heard = np.asarray(block[:, taken].any(axis=1), dtype=bool)
    while metres[heard].sum() < need_m - 1e-6:
        gain = (block & ~heard[:, None]).T @ metres
        best = int(np.argmax(gain)) if len(gain) else -1
        if best < 0 or gain[best] <= 0:
            break
        taken[best] = True
        heard |= block[:, best]
    return columns[taken]


def plan_batches(
    works: Works, batches: Sequence[Batch]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """
    Order sites and units by batch.

    Mandatory sites go first. Then units grow outwards: beside what is built, the most worth for
    its money first; a new patch begins with as many units as a patch has at least. A unit is built
    whole or not at all, a batch ends when its share is reached or its money spent, and what is
    left of the money goes on.

    Parameters
    ----------
    works
        What is to be built.
    batches
        Shares and budgets.

    Returns
    -------
    site, unit
        Batch of each, from 1, shapes (S,) and (U,).

    Raises
    ------
    InfeasibleError
        All budgets together don't pay for the whole.
    """
    limits = _limits(works, batches)
    built = _Built(
        np.zeros(len(works.site_cny), dtype=np.int64),
        np.zeros(works.units.need.shape[0], dtype=np.int64),
        np.zeros(len(works.node_cny), dtype=bool),
        works.first_cny,
    )
    # The last batch takes the sites that no unit needs too.
    total = max(float(works.units.amount.sum()), TINY)
    for number, (batch, limit) in enumerate(zip(batches, limits, strict=True), start=1):
        last = number == len(batches)
        _mandatory(works, built, number, limit)
        asked = np.inf if last else batch.share.value * total
        _grow(works, built, number, limit, asked)
        if last:
            _build(works, built, np.flatnonzero(built.site == 0), number)
    return built.site, built.unit


def _limits(works: Works, batches: Sequence[Batch]) -> list[float]:
    """Money that may be spent by the end of each batch; the last pays for all that is left."""
    whole = works.first_cny + float(works.site_cny.sum() + works.node_cny.sum())
    money = [np.inf if batch.budget_cny is None else batch.budget_cny for batch in batches]
    if whole > sum(money) * (1 + TINY):
        raise InfeasibleError(
            "the budgets of the batches don't pay for the roadside plan",
            value=f"{whole:,.0f} CNY for {sum(money):,.0f}",
            cure="Raise `budget_cny` of a batch, leave one of them empty, or lower the target",
        )
    return [float(value) for value in np.cumsum(money)]


def _cost(works: Works, built: _Built, sites: Ints) -> float:
    nodes = np.unique(works.node_of[sites])
    nodes = nodes[nodes >= 0]
    fresh = nodes[~built.node[nodes]]
    return float(works.site_cny[sites].sum() + works.node_cny[fresh].sum())


def _build(works: Works, built: _Built, sites: Ints, number: int) -> None:
    fresh = sites[built.site[sites] == 0]
    built.spent_cny += _cost(works, built, fresh)
    built.site[fresh] = number
    nodes = works.node_of[fresh]
    built.node[nodes[nodes >= 0]] = True


def _mandatory(works: Works, built: _Built, number: int, limit: float) -> None:
    """Equip mandatory sites in their order as far as the money goes."""
    for site in np.flatnonzero(works.mandatory & (built.site == 0)):
        one = np.array([site])
        if built.spent_cny + _cost(works, built, one) <= limit * (1 + TINY):
            _build(works, built, one, number)


def _grow(works: Works, built: _Built, number: int, limit: float, asked: float) -> None:
    """Build units until the share is reached, the money is spent or nothing is left."""
    need = works.units.need.astype(np.float64)
    nodes = _unit_nodes(works)
    done = float(works.units.amount[built.unit > 0].sum())
    while done < asked - TINY and (built.unit == 0).any():
        cost = need @ np.where(built.site > 0, 0.0, works.site_cny)
        cost = cost + nodes @ np.where(built.node, 0.0, works.node_cny)
        block = _next(works, built, cost, limit)
        if block is None:
            return
        sites = np.unique(works.units.need[block].indices).astype(np.int64)
        _build(works, built, sites, number)
        built.unit[block] = number
        done += float(works.units.amount[block].sum())


def _unit_nodes(works: Works) -> csr_array:
    """Edge nodes of the sites that each unit needs, shape (U, N)."""
    has = np.flatnonzero(works.node_of >= 0)
    size = (len(works.node_of), len(works.node_cny))
    at = coo_array((np.ones(len(has)), (has, works.node_of[has])), shape=size)
    return csr_array(
        (csr_array(works.units.need.astype(np.float64) @ csr_array(at)) > 0).astype(float)
    )


def _next(works: Works, built: _Built, cost: Floats, limit: float) -> Ints | None:
    """Return the units to build next: one beside what is built, or the start of a patch."""
    left = built.unit == 0
    value = works.units.worth / np.maximum(cost, 1.0)
    beside = (works.units.beside @ (~left).astype(np.float64) > 0) & left
    room = limit * (1 + TINY) - built.spent_cny
    for group in (left & works.units.ahead, left):
        near = np.flatnonzero(beside & group & (cost <= room))
        if len(near):
            return near[[np.argmax(value[near])]]
        seeds = np.flatnonzero(group & ~beside)
        for seed in seeds[np.argsort(-value[seeds], kind="stable")][:MOST_SEEDS].tolist():
            block = _patch(works, left, value, seed)
            sites = np.unique(works.units.need[block].indices).astype(np.int64)
            fresh = sites[built.site[sites] == 0]
            if _cost(works, built, fresh) <= room:
                return block
    return None


def _patch(works: Works, left: Bools, value: Floats, seed: int) -> Ints:
    """Return the least patch around a unit, the most worth for its money first."""
    block = [seed]
    inside = np.zeros(len(left), dtype=np.float64)
    inside[seed] = 1.0
    while len(block) < works.units.least_patch:
        around = (works.units.beside @ inside > 0) & (inside == 0) & left
        first = around & works.units.ahead
        rim = np.flatnonzero(first if first.any() else around)
        if not len(rim):
            break
        best = int(rim[np.argmax(value[rim])])
        block.append(best)
        inside[best] = 1.0
    return np.array(block, dtype=np.int64)
