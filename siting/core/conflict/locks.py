"""Locks on sites as parts that hold or are lifted: as rows, and as bounds of the sites."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array, csr_array, vstack

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from siting.structures import Building, Sizing

    Bools = npt.NDArray[np.bool_]
    Ints = npt.NDArray[np.int64]

FREE = -1
"""Number of piles of a site whose number is free."""


@dataclass(frozen=True, slots=True)
class SiteLock:
    """
    One lock on sites of an instance.

    Attributes
    ----------
    part
        Its part.
    site
        Its sites, int64, shape (n,).
    built
        Whether they have to be built; else they can't be.
    total
        Piles in all, `FREE` where the number is free.
    piles
        Piles of each type where they are given, shape (K,), else None.
    """

    part: int
    site: npt.NDArray[np.int64]
    built: bool
    total: int = FREE
    piles: npt.NDArray[np.int64] | None = None


def locked_sizing(sizing: Sizing, locks: Sequence[SiteLock]) -> Sizing:
    """Lay locks on the sites of an instance without them, as the formulation does."""
    least, most = sizing.min_piles.copy(), sizing.max_piles.copy()
    forced, use = sizing.forced.copy(), sizing.least_use.copy()
    allowed, kept = sizing.allowed.copy(), sizing.kept.copy()
    for lock in locks:
        if not lock.built:
            most[lock.site] = 0
            continue
        forced[lock.site], use[lock.site] = True, 0.0
        if lock.total != FREE:
            least[lock.site] = most[lock.site] = lock.total
        if lock.piles is not None:
            allowed[lock.site], kept[lock.site] = lock.piles > 0, lock.piles
    return replace(
        sizing,
        min_piles=least,
        max_piles=most,
        forced=forced,
        least_use=use,
        allowed=allowed,
        kept=kept,
    )


def with_lock_rows(sizing: Sizing, part: Ints, locks: Sequence[SiteLock]) -> tuple[Sizing, Ints]:
    """
    Write locks as global rows of an instance without them.

    Parameters
    ----------
    sizing, part
        The instance, and the part of each global row.
    locks
        The locks.

    Returns
    -------
    sizing, part
        With the rows of the locks last; sites that are locked are as wide as either way needs.
    """
    if not locks:
        return sizing, part
    sites, types = sizing.allowed.shape
    opened: list[tuple[int, int]] = []
    piles: list[tuple[int, int]] = []
    names: list[str] = []
    bounds: list[tuple[float, float]] = []
    parts: list[int] = []

    def row(lock: SiteLock, lower: float, upper: float) -> int:
        names.append(f"lock {lock.part}")
        bounds.append((lower, upper))
        parts.append(lock.part)
        return len(names) - 1

    for lock in locks:
        for j in lock.site.tolist():
            lower, upper = (1.0, np.inf) if lock.built else (-np.inf, 0.0)
            opened.append((row(lock, lower, upper), j))
            if lock.piles is not None:
                for k, n in enumerate(lock.piles.tolist()):
                    piles.append((row(lock, n, n), j * types + k))
            elif lock.total != FREE:
                n = row(lock, lock.total, lock.total)
                piles += [(n, j * types + k) for k in range(types)]
    count = len(names)
    bound = np.array(bounds, dtype=float).reshape(-1, 2)
    wide = replace(
        _wide(sizing, locks),
        row_name=(*sizing.row_name, *names),
        row_open=_below(sizing.row_open, _ones(opened, (count, sites))),
        row_piles=_below(sizing.row_piles, _ones(piles, (count, sites * types))),
        row_served=_below(sizing.row_served, csr_array((count, sizing.row_served.shape[1]))),
        row_lower=np.concatenate([sizing.row_lower, bound[:, 0]]),
        row_upper=np.concatenate([sizing.row_upper, bound[:, 1]]),
    )
    return wide, np.concatenate([part, np.array(parts, dtype=np.int64)])


def _wide(sizing: Sizing, locks: Sequence[SiteLock]) -> Sizing:
    """Let the sites be as a lock has them and as they are without it."""
    least, use, kept = sizing.min_piles.copy(), sizing.least_use.copy(), sizing.kept.copy()
    for lock in locks:
        if not lock.built:
            continue
        use[lock.site] = 0.0
        if lock.total != FREE:
            least[lock.site] = np.minimum(least[lock.site], lock.total)
        if lock.piles is not None:
            # What is kept at a site that may close is the least of its type while it stands.
            few = (lock.piles > 0) & (lock.piles < sizing.least_of_type)
            kept[lock.site] = np.where(few & (kept[lock.site] == 0), lock.piles, kept[lock.site])
    return replace(sizing, min_piles=least, least_use=use, kept=kept)


def locked_building(building: Building, locks: Sequence[SiteLock]) -> Building:
    """Lay locks on the sites of a built area without them."""
    forced, banned = building.forced.copy(), building.banned.copy()
    for lock in locks:
        (forced if lock.built else banned)[lock.site] = True
    return replace(building, forced=forced, banned=banned)


def _ones(place: Sequence[tuple[int, int]], shape: tuple[int, int]) -> csr_array:
    row, column = np.array(place, dtype=np.int64).reshape(-1, 2).T
    return csr_array(coo_array((np.ones(len(row)), (row, column)), shape=shape))


def _below(rows: csr_array, more: csr_array) -> csr_array:
    return csr_array(vstack([rows, more], format="csr"))
