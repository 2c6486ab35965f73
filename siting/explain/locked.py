"""Locks as parts of a programme: members of a conflict beside its clauses, and steps out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from siting.core.conflict.locks import FREE, SiteLock
from siting.explain.parts import LOCK, Part
from siting.locks.record import DEEDS, NAMES
from siting.locks.settling import lock_name, lock_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from siting.model.locks import Lock


@dataclass(frozen=True, slots=True)
class LockedPart:
    """
    A lock as a part, with what it holds.

    Attributes
    ----------
    part
        The part.
    at
        Rows of its items among those of the programme, int64, shape (n,).
    lock
        The lock.
    """

    part: Part
    at: npt.NDArray[np.int64]
    lock: Lock


def locked_parts(
    locks: Sequence[Lock], items: Sequence[str], ids: npt.NDArray[np.object_]
) -> tuple[LockedPart, ...]:
    """
    Make parts of the locks on one programme.

    Parameters
    ----------
    locks
        Locks of the model with the ids that they were matched to, in their order.
    items
        What the locks of the programme are on.
    ids
        Ids of its items, shape (n,).

    Returns
    -------
    parts
        Those that hold an item; a ban on what can't be built anyway holds nothing.
    """
    index = pd.Index(np.asarray(ids, dtype=object))
    found = []
    for number, lock in enumerate(locks, 1):
        if lock.item not in items:
            continue
        at = index.get_indexer(pd.Index(lock.ids, dtype=object))
        at = np.asarray(at[at >= 0], dtype=np.int64)
        if len(at):
            found.append(LockedPart(lock_part(number, lock), at, lock))
    return tuple(found)


def lock_part(number: int, lock: Lock) -> Part:
    """Describe a lock; its number, where it was written, what it asks of what."""
    size = float(lock.total or 1) * max(1, len(lock.ids))
    zh = f"{DEEDS[lock.what][0]}{NAMES[lock.item][0]} {lock_name(lock)}"
    if lock.total is not None:
        zh += f"，{lock.total} 台充电桩"
    return Part(
        key=f"lock_{number}",
        kind=LOCK,
        clause="",
        zh=f"锁定 {number}（{lock.origin}：{zh}）",
        en=lock_text(number, lock) + ("" if lock.total is None else f", {lock.total} piles"),
        unit="locks",
        asked=float("nan"),
        size=size,
    )


def site_locks(
    locked: Sequence[LockedPart], first: int, types: Sequence[str] = ()
) -> tuple[SiteLock, ...]:
    """
    Return what the locks hold as the core knows it.

    Parameters
    ----------
    locked
        The locks.
    first
        Number of the first of their parts.
    types
        Ids of the pile types.
    """
    found = []
    for n, one in enumerate(locked):
        lock, piles = one.lock, None
        if lock.piles_by_type:
            piles = np.array([lock.piles_by_type.get(name, 0) for name in types], dtype=np.int64)
        total = FREE if lock.total is None else lock.total
        found.append(SiteLock(first + n, one.at, lock.built, total, piles))
    return tuple(found)
