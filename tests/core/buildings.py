"""Small and middle-sized built-area instances, and their optimum by trying every set of sites."""

from __future__ import annotations

from collections import deque
from itertools import product
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from siting.structures import Building


def town(
    seed: int,
    *,
    side: int = 3,
    sites: int = 8,
    per_cell: int = 4,
    reach: float = 0.9,
    **changes: Any,
) -> Building:
    """Cells of a square, sites and groups of points strewn over it, hearing by distance."""
    rng = np.random.default_rng(seed)
    cells = side * side
    xy = np.stack(np.divmod(np.arange(cells), side), axis=1).astype(float)
    site_at = rng.random((sites, 2)) * side
    group_cell = np.repeat(np.arange(cells), per_cell)
    group_at = xy[group_cell] + rng.random((len(group_cell), 2))
    group_m = rng.integers(20, 90, len(group_cell)).astype(float)
    far = np.hypot(*(group_at[:, None] - site_at).transpose(2, 0, 1))
    hears = far <= reach
    at_cell = np.floor(site_at).astype(int) @ np.array([side, 1])
    is_key = rng.random(sites) < 0.4
    key = np.zeros((cells, sites), dtype=bool)
    key[at_cell[is_key], np.flatnonzero(is_key)] = True
    beside = np.abs(xy[:, None] - xy).sum(axis=2) == 1
    total = np.bincount(group_cell, group_m, minlength=cells)
    none = np.zeros(0, dtype=np.int64)
    fields: dict[str, Any] = {
        "cost": rng.integers(1, 9, sites).astype(float),
        "forced": np.zeros(sites, dtype=bool),
        "banned": np.zeros(sites, dtype=bool),
        "area_km2": rng.choice([0.25, 0.25, 0.2, 0.1], cells),
        "worth": rng.integers(0, 9, cells).astype(float),
        "wanted": np.zeros(cells, dtype=bool),
        "barred": np.zeros(cells, dtype=bool),
        "key": csr_array(key.astype(float)),
        "group_cell": group_cell.astype(np.int64),
        "group_m": group_m,
        "hears": csr_array(hears.astype(float)),
        "need_m": 0.6 * total,
        "backup_cell": none,
        "backup": csr_array((0, sites)),
        "backup_count": none,
        "neighbour": csr_array(beside.astype(float)),
        "least_neighbours": 1,
        "least_patch": 2,
        "target_km2": 0.9,
        "budget_cny": np.inf,
    }
    return Building(**{**fields, **changes})


def with_backups(building: Building) -> Building:
    """Ask that each key site of a cell has another site equipped at most one cell away."""
    key = building.key.toarray() > 0
    cell, site = np.nonzero(key)
    near = (building.neighbour.toarray() > 0) | np.eye(len(building.area_km2), dtype=bool)
    heard = (building.hears.toarray() > 0).T.astype(int) @ np.eye(len(building.group_m), dtype=int)
    by_cell = np.array([np.bincount(building.group_cell, row, len(near)) > 0 for row in heard])
    around = by_cell @ near.T
    backup = around.T[cell].copy()
    backup[np.arange(len(cell)), site] = False
    fields = {name: getattr(building, name) for name in Building.__dataclass_fields__}
    return Building(
        **{
            **fields,
            "backup_cell": cell.astype(np.int64),
            "backup": csr_array(backup.astype(float)),
            "backup_count": np.ones(len(cell), dtype=np.int64),
        }
    )


def best_by_trying(building: Building) -> float | None:
    """Value of the best of all sets of sites, by rules written out cell by cell; None for none."""
    key, hears = building.key.toarray() > 0, building.hears.toarray() > 0
    backup, beside = building.backup.toarray() > 0, building.neighbour.toarray() > 0
    best: float | None = None
    for choice in product((False, True), repeat=len(building.cost)):
        on = np.array(choice)
        if (building.forced & ~on).any() or (building.banned & on).any():
            continue
        cost = float(building.cost[on].sum())
        if cost > building.budget_cny + 1e-9:
            continue
        if best is not None and not building.maximise and cost >= best:
            continue
        built = _built(building, on, key, hears, backup, beside)
        if (building.wanted & ~built).any():
            continue
        if building.area_km2[built].sum() < building.target_km2 - 1e-9:
            continue
        value = float(building.worth[built].sum()) if building.maximise else cost
        if best is None or (value > best if building.maximise else value < best):
            best = value
    return best


def _built(building: Building, on: Any, key: Any, hears: Any, backup: Any, beside: Any) -> Any:
    heard_m = np.where(hears[:, on].any(axis=1), building.group_m, 0.0)
    metres = np.bincount(building.group_cell, heard_m, minlength=len(building.area_km2))
    built = ~building.barred & (on | ~key).all(axis=1) & (metres >= building.need_m - 1e-6)
    lacking = backup[:, on].sum(axis=1) < building.backup_count
    built[building.backup_cell[lacking]] = False
    while True:
        weak = [c for c in np.flatnonzero(built) if not _lasts(building, built, beside, c)]
        if not weak:
            return built
        built[weak] = False


def _lasts(building: Building, built: Any, beside: Any, cell: int) -> bool:
    if (beside[cell] & built).sum() < building.least_neighbours:
        return False
    seen, ahead = {cell}, deque([cell])
    while ahead:
        for k in np.flatnonzero(beside[ahead.popleft()] & built):
            if k not in seen:
                seen.add(k)
                ahead.append(k)
    return len(seen) >= building.least_patch
