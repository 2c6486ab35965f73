"""What locks on charging sites collide with: land, grid, types, stations in operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from siting.formulate.clauses import allowed_types, least_piles
from siting.own.existing import kept_piles, stays_open
from siting.piles import pile_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt
    import pandas as pd

    from siting.candidates.charging import Candidates
    from siting.model.locks import Lock
    from siting.model.model import Model


def charging_collisions(lock: Lock, candidates: Candidates, model: Model) -> Iterator[str]:
    """
    Say what a lock on charging sites collides with, one sentence each.

    Parameters
    ----------
    lock
        With the ids of candidates.
    candidates
        The sites.
    model
        The planning model.
    """
    frame, types = candidates.frame, pile_table(model.charging)
    known = [str(name) for name in types["type_id"]]
    strange = sorted(set(lock.piles_by_type) - set(known))
    if strange:
        yield f"no type of pile is called {', '.join(strange)}; there are {', '.join(known)}"
        return
    if lock.level:
        yield "an equipment level is one of roadside sites"
    rows = np.flatnonzero(frame["site_id"].isin(lock.ids))
    allowed = allowed_types(candidates, model, types)
    least = least_piles(candidates, model, types)
    kept = kept_piles(frame, known)
    for j in rows.tolist():
        site = frame.iloc[j]
        if not lock.built:
            yield from _banned(site, bool(stays_open(frame.iloc[[j]])[0]))
        elif lock.total is not None:
            if float(site["min_piles"]) < least[j] and lock.total < least[j]:
                yield f"{site['site_id']} needs {least[j]:.0f} piles to be one for heavy vehicles"
            yield from _sized(lock, site, allowed[j], kept[j], types, model)


def _banned(site: pd.Series, stays: bool) -> Iterator[str]:  # noqa: FBT001
    if bool(site["existing"]) and stays:
        yield (
            f"{site['site_id']} is a station in operation that stays (policy {site['policy']}); "
            "a station that may close has the policy closable"
        )
    elif stays:
        yield f"{site['site_id']} has to be built: {site['kind']} {site['clauses']}".rstrip()


def _sized(
    lock: Lock,
    site: pd.Series,
    allowed: npt.NDArray[np.bool_],
    kept: npt.NDArray[np.int64],
    types: pd.DataFrame,
    model: Model,
) -> Iterator[str]:
    """Yield what the size exceeds or falls below."""
    total, name = lock.total or 0, site["site_id"]
    asked = np.array([lock.piles_by_type.get(str(t), 0) for t in types["type_id"]])
    by_type = bool(lock.piles_by_type)
    if total > int(site["max_piles"]):
        yield f"{total} piles at {name}, whose land holds {int(site['max_piles'])}"
    if kept.sum() > total or (by_type and (asked < kept).any()):
        yield f"{total} piles at {name}, where {int(kept.sum())} stand already"
    wrong = [
        str(t) for t, n, ok in zip(types["type_id"], asked, allowed, strict=True) if n and not ok
    ]
    if wrong:
        yield f"{name} takes no piles of the type {', '.join(wrong)}"
        return
    kw = types["kw"].to_numpy(dtype=float)
    # Of piles that are free the smallest are what the grid can carry at best.
    load = float(asked @ kw) if by_type else float(kw[allowed].min(initial=np.inf)) * total
    peak, limit = load * model.charging.simultaneity.value, float(site["kw_limit"])
    if np.isfinite(limit) and peak > limit + 1e-6:
        yield f"{total} piles at {name} need {peak:,.0f} kW, its grid gives {limit:,.0f} kW"
    fewest = types["least"].to_numpy(dtype=np.int64)[allowed].min(initial=total + 1)
    if not by_type and total < fewest and kept.sum() == 0:
        yield f"{total} piles at {name}, where no type stands in fewer than {fewest}"
