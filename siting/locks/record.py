"""Say in a plan what its locks are and what became of them: run record and layers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from siting.text import clip
from siting.wording import LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from siting.city.reading import City
    from siting.locks.matching import Match
    from siting.model.locks import Lock
    from siting.plan import Plan

BUILT = {
    "charging": ("stations", "site_id"),
    "hydrogen": ("hydrogen", "site_id"),
    "roadside": ("rsus", "site_id"),
    "edge_node": ("edge_nodes", "site_id"),
    "test_road": ("test_roads", "corridor_id"),
}
"""Layer of what is built and its column of ids, by what a lock is on."""
CONSIDERED = {
    "charging": ("candidates", "site_id"),
    "hydrogen": ("hydrogen_candidates", "site_id"),
    "roadside": ("roadside_candidates", "site_id"),
    "test_road": ("test_road_corridors", "corridor_id"),
}
"""The same of what was considered."""
NAMES = {
    "charging": ("充换电站", "charging station"),
    "hydrogen": ("加氢站", "hydrogen station"),
    "roadside": ("路侧点位", "roadside site"),
    "edge_node": ("边缘计算节点", "edge node"),
    "test_road": ("测试道路", "test road"),
}
"""What a lock is on, in Chinese and English."""
DEEDS = {"fix": ("必建", "fix"), "ban": ("禁建", "ban"), "size": ("定规模", "size")}
"""What a lock asks, in Chinese and English."""


def with_locks(plan: Plan, city: City) -> Plan:
    """
    Add the locks to a plan: a column `lock` to layers that locks are on, and `locks` in run.json.

    Parameters
    ----------
    plan
        The plan with all its programmes.
    city
        The city with the locks of its model.

    Returns
    -------
    plan
        `lock` is `fix`, `ban` or `size`, "" for none. A lock on a programme that isn't in the plan
        is recorded as such.
    """
    locks = city.model.locks
    layers: dict[str, Any] = {}
    for table in (BUILT, CONSIDERED):
        for item, (layer, column) in table.items():
            frame = getattr(plan, layer)
            if column not in frame:
                continue
            deeds = {id_: one.what for one in locks if one.item == item for id_ in one.ids}
            layers[layer] = _marked(frame, column, deeds)
    marked = replace(plan, **layers)
    matches: tuple[Match | None, ...] = city.locks or (None,) * len(locks)
    records = [
        _record(number, lock, match, marked)
        for number, (lock, match) in enumerate(zip(locks, matches, strict=True), 1)
    ]
    return replace(marked, run={**marked.run, "locks": records})


def _marked(frame: pd.DataFrame, column: str, deeds: Mapping[str, str]) -> pd.DataFrame:
    """Add the column before the geometry."""
    said = pd.Series([deeds.get(i, "") for i in frame[column]], index=frame.index, dtype=object)
    changed = frame.assign(lock=said)
    geometry = str(changed.geometry.name) if hasattr(changed, "geometry") else ""
    order = [name for name in changed.columns if name != geometry]
    return changed[[*order, geometry]] if geometry else changed


def _record(number: int, lock: Lock, match: Match | None, plan: Plan) -> dict[str, Any]:
    layer, column = BUILT[lock.item]
    frame = getattr(plan, layer)
    planned = lock.item == "charging" or len(frame) > 0
    rows = frame[frame[column].isin(lock.ids)] if planned else frame
    place = None if match is None or match.place is None else match.place
    far = np.nan if match is None else match.distance_m
    zh, en = _did(lock, rows, planned=planned)
    return {
        "number": number,
        "item": lock.item,
        "what": lock.what,
        "ids": list(lock.ids),
        "name": clip(lock.name, 80) if lock.name else "",
        "origin": lock.origin,
        "reason": clip(lock.reason, 200) if lock.reason else "",
        "who": clip(lock.who, 80) if lock.who else "",
        "piles": lock.total,
        "piles_by_type": dict(lock.piles_by_type),
        "level": lock.level,
        "matched": "id" if match is None else match.how,
        "place": None if place is None else [round(float(value), 7) for value in place],
        "distance_m": round(float(far), 1) if np.isfinite(far) else None,
        "planned": planned,
        "built": len(rows) if planned else 0,
        "cost_cny": int(rows["cost_cny"].sum()) if planned and "cost_cny" in rows else 0,
        "did_zh": zh,
        "did_en": en,
    }


def _did(lock: Lock, rows: pd.DataFrame, *, planned: bool) -> tuple[str, str]:
    """Say what became of a lock, in Chinese and English."""
    zh, en = NAMES[lock.item]
    if not planned:
        return f"本次方案未规划{zh}", f"this plan has no {en}s"
    if not lock.built:
        count = len(lock.ids)
        return f"{count} 处{zh}未建", f"{count} {en}s not built"
    told_zh, told_en = f"已建 {len(rows)} 处{zh}", f"{len(rows)} {en}s built"
    if lock.total is not None and "piles" in rows:
        piles = int(rows["piles"].sum())
        return f"{told_zh}，{piles} 台充电桩", f"{told_en} with {piles} piles"
    if lock.level:
        return f"{told_zh}，配置{LEVELS[lock.level][0]}", f"{told_en}, level {lock.level}"
    return told_zh, told_en
