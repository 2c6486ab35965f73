"""Rows (2) to (7), (26) and (27) of the charging programme as array blocks: arcs, sites, use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array, csr_array, diags_array

from siting.programme import Columns, Rows
from siting.structures import segment_groups, some_or_none

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from siting.formulate.clauses import Row
    from siting.structures import Sizing


def _block(
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
    shape: tuple[int, int],
) -> csr_array:
    return csr_array(coo_array((values, (rows, columns)), shape=shape))


def site_rows(sizing: Sizing) -> tuple[Rows, ...]:
    """Rows (2) to (7): demand, strong links, capacity by segment group, land, grid."""
    sites, types = sizing.allowed.shape
    arcs, points = len(sizing.site), len(sizing.demand_kwh)
    width = sites * (1 + types)
    arc, site = np.arange(arcs), np.arange(sites)
    pile_site, pile_type = np.repeat(site, types), np.tile(np.arange(types), sites)
    pile = sites + np.arange(sites * types)
    energy = sizing.demand_kwh[sizing.point]
    one = np.ones(sites * types)

    def limits(name: str, terms: Mapping[str, csr_array], upper: npt.NDArray[np.float64]) -> Rows:
        return Rows(name, np.full(len(upper), -np.inf), upper, terms)

    served = _block(sizing.point, arc, np.ones(arcs), (points, arcs))
    link = _block(arc, sizing.site, -energy, (arcs, width))
    segments, group_types = segment_groups(sizing.serves)
    blocks = []
    count = _block(pile_site, pile, one, (sites, width))
    for group, kinds in zip(segments, group_types, strict=True):
        inside = np.flatnonzero(group[sizing.segment[sizing.point]])
        taken = _block(sizing.site[inside], inside, np.ones(len(inside)), (sites, arcs))
        give = -(sizing.pile_kwh * kinds)[pile_type]
        letters = "".join("pfh"[s] for s in np.flatnonzero(group))
        room = _block(pile_site, pile, give, (sites, width))
        blocks.append(limits(f"c4_capacity_{letters}", {"": room, "serve": taken}, np.zeros(sites)))
    most = count - _block(site, site, sizing.max_piles.astype(float), (sites, width))
    least = _block(site, site, sizing.min_piles.astype(float), (sites, width)) - count
    peak = (sizing.simultaneity * sizing.pile_kw)[pile_type]
    metered = np.isfinite(sizing.kw_limit)
    load = _block(pile_site, pile, peak, (sites, width)) - _block(
        site, site, np.where(metered, sizing.kw_limit, 0.0), (sites, width)
    )
    return (
        limits("c2_demand", {"serve": served}, sizing.demand_kwh),
        limits("c3_link", {"": link, "serve": csr_array(diags_array(np.ones(arcs)))}, 0.0 * energy),
        *blocks,
        limits("c5_most", {"": csr_array(most)}, np.zeros(sites)),
        limits("c6_least", {"": csr_array(least)}, np.zeros(sites)),
        limits("c7_grid", {"": csr_array(load)[metered]}, np.zeros(int(metered.sum()))),
    )


def stands_rows(sizing: Sizing) -> tuple[tuple[Columns, ...], tuple[Rows, ...]]:
    """Rows (26): each type in its least number or not at all, with a binary a site and type."""
    pair = some_or_none(sizing)
    if not len(pair):
        return (), ()
    sites, types = sizing.allowed.shape
    count, row = len(pair), np.arange(len(pair))
    pile = _block(row, sites + pair, np.ones(count), (count, sites * (1 + types)))
    most = csr_array(diags_array(-sizing.max_piles[pair // types].astype(float)))
    least = csr_array(diags_array(sizing.least_of_type[pair % types].astype(float)))
    low, high = np.full(count, -np.inf), np.zeros(count)
    stands = Columns("stands", np.zeros(count), np.ones(count), np.zeros(count), integer=True)
    return (stands,), (
        Rows("c26_stands_most", low, high, {"": pile, "stands": most}),
        Rows("c26_stands_least", low, high, {"": csr_array(-pile), "stands": least}),
    )


def use_rows(sizing: Sizing) -> tuple[Rows, ...]:
    """Rows (27): a share of what the piles of a new station can give is served."""
    held = np.flatnonzero(sizing.least_use > 0)
    if not len(held):
        return ()
    sites, types = sizing.allowed.shape
    row = np.full(sites, -1)
    row[held] = np.arange(len(held))
    pile = sites + (held[:, None] * types + np.arange(types)).ravel()
    asked = np.outer(sizing.least_use[held], sizing.pile_kwh).ravel()
    arc = np.flatnonzero(row[sizing.site] >= 0)
    shape = (len(held), sites * (1 + types))
    bought = _block(np.repeat(np.arange(len(held)), types), pile, asked, shape)
    shape = (len(held), len(sizing.site))
    served = _block(row[sizing.site[arc]], arc, -np.ones(len(arc)), shape)
    low, high = np.full(len(held), -np.inf), np.zeros(len(held))
    return (Rows("c27_use", low, high, {"": bought, "serve": served}),)


def served_rows(sizing: Sizing, rows: Sequence[Row]) -> tuple[Rows, ...]:
    """Rows (14), (15) and (24), on the energy served, one block a row."""
    arcs = len(sizing.site)
    point = _block(sizing.point, np.arange(arcs), np.ones(arcs), (len(sizing.demand_kwh), arcs))
    return tuple(
        Rows(
            row.name,
            np.array([row.lower]),
            np.array([row.upper]),
            {
                **({"": _bought(row)} if row.opened.any() or row.piles.any() else {}),
                "serve": csr_array(csr_array(row.served[None]) @ point),
            },
            row.clause,
        )
        for row in rows
        if row.served is not None
    )


def _bought(row: Row) -> csr_array:
    """Coefficients of a row on the PuLP variables."""
    return csr_array(np.concatenate([row.opened, row.piles.ravel()])[None])
