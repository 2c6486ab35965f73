"""Locks laid out over items: which are fixed, which are banned, and in what size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from siting.model.locks import Item, Lock

    Bools = npt.NDArray[np.bool_]
    Ints = npt.NDArray[np.int64]

FREE = -1
"""Number of piles of a site whose number is free."""


@dataclass(frozen=True, slots=True)
class Locked:
    """
    What locks say of n items.

    Attributes
    ----------
    fixed, banned
        Items that have to be built and that can't be, shape (n,).
    total
        Piles in all, `FREE` where the number is free, shape (n,).
    typed
        Whether the piles are given by type, shape (n,).
    piles
        Piles of each type where they are, else 0, shape (n, K).
    level
        Equipment level, "" where it is free, shape (n,).
    """

    fixed: npt.NDArray[np.bool_]
    banned: npt.NDArray[np.bool_]
    total: npt.NDArray[np.int64]
    typed: npt.NDArray[np.bool_]
    piles: npt.NDArray[np.int64]
    level: npt.NDArray[np.object_]


def locked_items(
    ids: Sequence[str] | npt.NDArray[np.object_],
    locks: Sequence[Lock],
    item: Item,
    types: Sequence[str] = (),
) -> Locked:
    """
    Lay locks out over items.

    Parameters
    ----------
    ids
        Id of each item, shape (n,).
    locks
        Locks with the ids that they were matched to; those on other items are left aside.
    item
        What the items are.
    types
        Ids of the pile types.

    Returns
    -------
    Locked
    """
    names = pd.Index(np.asarray(ids, dtype=object))
    size = len(names)
    found = Locked(
        np.zeros(size, dtype=np.bool_),
        np.zeros(size, dtype=np.bool_),
        np.full(size, FREE, dtype=np.int64),
        np.zeros(size, dtype=np.bool_),
        np.zeros((size, len(types)), dtype=np.int64),
        np.full(size, "", dtype=object),
    )
    for lock in locks:
        if lock.item != item:
            continue
        at = names.get_indexer(pd.Index(lock.ids, dtype=object))
        at = at[at >= 0]
        if not lock.built:
            found.banned[at] = True
            continue
        found.fixed[at] = True
        found.level[at] = lock.level
        if lock.total is not None:
            found.total[at] = lock.total
        if lock.piles_by_type:
            found.typed[at] = True
            found.piles[at] = [lock.piles_by_type.get(name, 0) for name in types]
    return found
