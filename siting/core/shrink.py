"""
Exact shrinking of a covering: a smaller problem with the same optimum, and the way back.

Rows with the same cover set become one (found by hash, confirmed by comparison), rows that nothing
or a fixed site covers become a constant, sites that another site dominates go, free sites open.
Repeated until nothing changes, since dropping a site makes more rows alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from siting.core.covering.problem import any_in_rows, covered_rows
from siting.structures import Covering

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

_CHUNK = 4_000_000
"""Cover entries hashed at a time; keeps working memory small beside the data."""
_MOST_OVERLAP = 300_000_000
"""Site pairs beyond which dominance is not looked for."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """
    A shrunk covering and the way back.

    Attributes
    ----------
    covering
        The small problem: no fixed or banned sites, budget less what fixed sites cost.
    offset
        Weight that is covered whatever is chosen.
    sites
        Site of the whole problem behind each small one, int64, shape (small sites,).
    opened
        Sites of the whole problem that are open in every lifted solution, bool, shape (sites,).
    group
        Small row of each whole row, int64; -1 covered anyway, -2 never counts; shape (rows,).
    dominator
        Site that stands in for each dropped dominated site, -1 elsewhere, int64, shape (sites,).
    effects
        Reduction name to (before, after).
    """

    covering: Covering
    offset: float
    sites: npt.NDArray[np.int64]
    opened: npt.NDArray[np.bool_]
    group: npt.NDArray[np.int64]
    dominator: npt.NDArray[np.int64]
    effects: Mapping[str, tuple[int, int]]

    def lift(self, opened: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Turn open sites of the small problem, shape (small sites,), into those of the whole."""
        whole = self.opened.copy()
        whole[self.sites[opened]] = True
        return whole


COVERED, NEVER = -1, -2


def shrink(covering: Covering) -> Shrunk:
    """
    Shrink a covering without losing its optimum.

    Parameters
    ----------
    covering
        A checked problem whose fixed sites fit the budget.

    Returns
    -------
    Shrunk
        Every optimal solution of the small problem lifts to an optimal one of the whole; any
        feasible one lifts to one of value `offset` + its own.
    """
    rows, sites = covering.cover.shape
    pattern = _canonical(covering.cover)
    opened = covering.fixed | ((covering.cost <= 0) & ~covering.banned)
    budget = covering.budget - float(covering.cost[covering.fixed].sum())
    usable = ~covering.banned & ~opened & (covering.cost <= budget * (1 + 1e-12) + 1e-12)
    whole = replace(covering, cover=pattern)
    already = covered_rows(whole, opened)
    live, group = _live_rows(pattern, covering.weight, usable, already)
    offset = float(covering.weight[already].sum())
    member, small, weight = aggregate(_columns(pattern, usable), covering.weight, live)
    group[live] = member[live]
    effects = {"rows": (rows, len(weight))}
    alike = len(weight)
    kept = np.flatnonzero(usable)
    dominator = np.full(sites, -1, dtype=np.int64)
    while True:
        better = dominating(small, covering.cost[kept])
        if not (better >= 0).any():
            break
        gone = better >= 0
        dominator[kept[gone]] = kept[better[gone]]
        kept = kept[~gone]
        again, small, weight = aggregate(
            _columns(small, ~gone), weight, np.ones(len(weight), dtype=np.bool_)
        )
        group[group >= 0] = again[group[group >= 0]]
    used = np.bincount(small.indices, minlength=len(kept)) > 0
    kept, small = kept[used], _columns(small, used)
    effects["sites"] = (sites, len(kept))
    effects["rows alike after dominance"] = (alike, len(weight))
    effects["cover entries"] = (int(covering.cover.nnz), int(small.nnz))
    effects["components"] = (1, component_count(small))
    nothing = np.zeros(len(kept), dtype=np.bool_)
    return Shrunk(
        covering=Covering(small, weight, covering.cost[kept], budget, nothing, nothing),
        offset=offset,
        sites=kept,
        opened=opened,
        group=group,
        dominator=_roots(dominator),
        effects=effects,
    )


def effects_text(effects: Mapping[str, tuple[int, int]]) -> str:
    """Say what each reduction changed, `rows 50,000 to 28,918, ...`; "" where nothing did."""
    changed = [(name, pair) for name, pair in effects.items() if pair[0] != pair[1]]
    return ", ".join(f"{name} {before:,} to {after:,}" for name, (before, after) in changed)


def aggregate(
    pattern: csr_array, weight: npt.NDArray[np.float64], live: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int64], csr_array, npt.NDArray[np.float64]]:
    """
    Join rows with the same cover set.

    Parameters
    ----------
    pattern
        Canonical CSR (sorted, no duplicates), shape (rows, sites).
    weight
        Shape (rows,).
    live
        Rows to keep, shape (rows,).

    Returns
    -------
    member
        Joined row of each row, -1 for rows not live, int64, shape (rows,).
    joined
        CSR, one row a distinct cover set, in the order of their first rows.
    weight
        Summed weights, shape (joined rows,).
    """
    salt = 0
    while True:
        keys = _row_hashes(pattern, salt)
        rows = np.flatnonzero(live)
        _, first, inverse = np.unique(keys[rows], return_index=True, return_inverse=True)
        order = np.argsort(first, kind="stable")
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = np.arange(len(order))
        leader = rows[first[order]]
        member = np.full(pattern.shape[0], -1, dtype=np.int64)
        member[rows] = rank[inverse]
        if _same_sets(pattern, rows, leader[member[rows]]):
            break
        salt += 1  # two sets collided in 64 bits: hash again with other keys
    sums = np.bincount(member[rows], weights=weight[rows], minlength=len(leader))
    total = sums.astype(np.float64, copy=False)
    return member, _take_rows(pattern, leader), total


def dominating(pattern: csr_array, cost: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """
    Find, for each site, one that covers all it covers for no more money.

    Of sites that dominate each other the lowest index stays. Sites that cover nothing are dominated
    only where some site exists that covers something for no more; they go anyhow.

    Parameters
    ----------
    pattern
        CSR, shape (rows, sites).
    cost
        Shape (sites,).

    Returns
    -------
    ndarray of int64
        A dominating site that is itself not dominated, or -1; shape (sites,).
    """
    rows, sites = pattern.shape
    found = np.full(sites, -1, dtype=np.int64)
    size = np.diff(pattern.indptr).astype(np.int64)
    if not rows or not sites or int((size**2).sum()) > _MOST_OVERLAP:
        return found
    ones = csr_array(
        (np.ones(pattern.nnz, dtype=np.int32), pattern.indices, pattern.indptr), shape=(rows, sites)
    )
    common = csr_array(ones.T @ ones).tocoo()
    count = np.bincount(pattern.indices, minlength=sites)
    small, big = common.coords[0].astype(np.int64), common.coords[1].astype(np.int64)
    holds = (common.data == count[small]) & (small != big) & (cost[small] >= cost[big])
    small, big = small[holds], big[holds]
    mutual = (count[small] == count[big]) & (cost[small] == cost[big])
    keep = ~mutual | (big < small)
    found[small[keep]] = big[keep]
    return _roots(found)


def component_count(pattern: csr_array) -> int:
    """Count the parts of the problem that share no row (they still share the budget)."""
    rows, sites = pattern.shape
    if not rows:
        return 0
    ones = np.ones(pattern.nnz, dtype=np.int8)
    both = csr_array(
        (ones, pattern.indices + rows, np.concatenate([pattern.indptr, [pattern.nnz] * sites])),
        shape=(rows + sites, rows + sites),
    )
    count, _ = connected_components(both, directed=False)
    return int(count)


def _canonical(pattern: csr_array) -> csr_array:
    """Sorted indices without duplicates; a copy only where needed."""
    if pattern.has_canonical_format:
        return pattern
    tidy = csr_array(
        (np.ones(pattern.nnz, dtype=np.int8), pattern.indices.copy(), pattern.indptr.copy()),
        shape=pattern.shape,
    )
    tidy.sum_duplicates()
    return tidy


def _live_rows(
    pattern: csr_array,
    weight: npt.NDArray[np.float64],
    usable: npt.NDArray[np.bool_],
    already: npt.NDArray[np.bool_],
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    live = any_in_rows(pattern, usable) & ~already & (weight > 0)
    return live, np.where(already, COVERED, NEVER).astype(np.int64)


def _columns(pattern: csr_array, keep: npt.NDArray[np.bool_]) -> csr_array:
    """Take some columns, keeping the order; the pattern stays canonical."""
    if keep.all():
        return pattern
    number = np.cumsum(keep) - 1
    entries = keep[pattern.indices]
    ends = np.concatenate([[0], np.cumsum(entries, dtype=np.int64)])
    indices = number[pattern.indices[entries]].astype(np.int32)
    return csr_array(
        (np.ones(len(indices), dtype=np.int8), indices, ends[pattern.indptr]),
        shape=(pattern.shape[0], int(keep.sum())),
    )


def _take_rows(pattern: csr_array, rows: npt.NDArray[np.int64]) -> csr_array:
    size = np.diff(pattern.indptr)[rows].astype(np.int64)
    indptr = np.concatenate([[0], np.cumsum(size)])
    position = np.repeat(pattern.indptr[rows] - indptr[:-1], size) + np.arange(indptr[-1])
    indices = pattern.indices[position].astype(np.int32)
    return csr_array(
        (np.ones(len(indices), dtype=np.int8), indices, indptr),
        shape=(len(rows), pattern.shape[1]),
    )


def _row_hashes(pattern: csr_array, salt: int) -> npt.NDArray[np.uint64]:
    """Sum of one random 64-bit key a site, modulo 2**64; chunked so that memory stays small."""
    keys = np.random.default_rng([20, salt]).integers(
        0, 2**64, size=max(pattern.shape[1], 1), dtype=np.uint64, endpoint=False
    )
    hashes = np.zeros(pattern.shape[0], dtype=np.uint64)
    indptr = pattern.indptr
    first = 0
    while first < pattern.shape[0]:
        last = int(np.searchsorted(indptr, indptr[first] + _CHUNK, side="right")) - 1
        last = min(max(last, first + 1), pattern.shape[0])
        part = keys[pattern.indices[indptr[first] : indptr[last]]]
        total = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(part, dtype=np.uint64)])
        ends = indptr[first : last + 1] - indptr[first]
        hashes[first:last] = total[ends[1:]] - total[ends[:-1]]
        first = last
    return hashes


def _same_sets(
    pattern: csr_array, rows: npt.NDArray[np.int64], leaders: npt.NDArray[np.int64]
) -> bool:
    """Confirm that each row has the cover set of its leader, entry by entry."""
    size = np.diff(pattern.indptr)
    if not np.array_equal(size[rows], size[leaders]):
        return False
    differ = rows != leaders
    rows, leaders = rows[differ], leaders[differ]
    ends = np.concatenate([[0], np.cumsum(size[rows], dtype=np.int64)])
    first = 0
    while first < len(rows):
        last = int(np.searchsorted(ends, ends[first] + _CHUNK, side="right")) - 1
        last = min(max(last, first + 1), len(rows))
        part = slice(first, last)
        mine, theirs = _entries(pattern, rows[part]), _entries(pattern, leaders[part])
        if not np.array_equal(mine, theirs):
            return False
        first = last
    return True


def _entries(pattern: csr_array, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    size = np.diff(pattern.indptr)[rows].astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(size)])
    position = np.repeat(pattern.indptr[rows] - starts[:-1], size) + np.arange(starts[-1])
    return np.asarray(pattern.indices[position], dtype=np.int32)


def _roots(parent: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Follow each chain of dominators to the one that stays."""
    root = parent.copy()
    while True:
        chained = root >= 0
        onward = np.where(chained, root[np.where(chained, root, 0)], -1)
        if not (onward >= 0).any():
            return root
        root = np.where(onward >= 0, onward, root)
