"""Hold every lock of a run to its layers: what is fixed is there, what is banned isn't."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from pyproj import Geod

from siting.verify.finding import Finding, none

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from siting.plan import Plan

LAYERS = {
    "charging": ("stations", "candidates", "site_id"),
    "hydrogen": ("hydrogen", "hydrogen_candidates", "site_id"),
    "roadside": ("rsus", "roadside_candidates", "site_id"),
    "edge_node": ("edge_nodes", "", "site_id"),
    "test_road": ("test_roads", "test_road_corridors", "corridor_id"),
}
"""Layer of what is built, of what was considered, and column of ids."""
POINTS = frozenset({"charging", "hydrogen", "roadside"})
"""What a place is matched with by distance to points."""
DISTANCE_TOLERANCE_M = 1.0


def lock_findings(plan: Plan) -> Iterator[Finding]:
    """Recompute what became of each lock, and the column `lock` of the layers."""
    locks = plan.run.get("locks", ())
    for lock in locks:
        yield from _check_lock(plan, lock)
    for item, (built, considered, column) in LAYERS.items():
        said = {i: lock["what"] for lock in locks if lock["item"] == item for i in lock["ids"]}
        for layer in filter(None, (built, considered)):
            frame = getattr(plan, layer)
            if "lock" not in frame:
                continue
            wanted = np.array([said.get(str(i), "") for i in frame[column]], dtype=object)
            wrong = frame[column][wanted != frame["lock"].to_numpy(dtype=object)]
            yield none(f"locks in the layer {layer} are those of the run", wrong)


def locked(plan: Plan, item: str, *deeds: str) -> set[str]:
    """Ids that locks of a run name, by what they are on and what they ask."""
    return {
        str(id_)
        for lock in plan.run.get("locks", ())
        if lock["item"] == item and lock["what"] in deeds
        for id_ in lock["ids"]
    }


def locked_piles(plan: Plan) -> dict[str, Mapping[str, Any]]:
    """Locks on charging sites that have a size, by site id."""
    return {
        str(id_): lock
        for lock in plan.run.get("locks", ())
        if lock["item"] == "charging" and lock["piles"] is not None
        for id_ in lock["ids"]
    }


def _check_lock(plan: Plan, lock: Mapping[str, Any]) -> Iterator[Finding]:
    built, considered, column = LAYERS[lock["item"]]
    frame = getattr(plan, built)
    name = f"lock {lock['number']} ({lock['what']} {lock['item']})"
    there = lock["item"] == "charging" or len(frame) > 0
    if not lock["planned"]:
        yield Finding(f"{name}: its programme isn't planned", not there, "none", f"{len(frame)}")
        return
    rows = frame[frame[column].isin(lock["ids"])] if there else frame
    if lock["what"] == "ban":
        yield none(f"{name}: nothing is built", rows[column] if there else np.zeros(0))
    else:
        ids = rows[column].tolist() if there else []
        missing = [id_ for id_ in lock["ids"] if id_ not in ids]
        yield none(f"{name}: all is built", np.array(missing, dtype=object))
        yield Finding(f"{name}: names something", bool(lock["ids"]), "an id", str(lock["ids"]))
        yield from _check_size(lock, rows, column, name)
    if considered and lock["ids"]:
        known = getattr(plan, considered)
        known = known[known[column].isin(lock["ids"])]
        ok = len(known) == len(set(lock["ids"]))
        yield Finding(f"{name}: names candidates", ok, str(len(lock["ids"])), str(len(known)))
        yield from _check_place(plan, lock, name)


def _check_size(
    lock: Mapping[str, Any], rows: pd.DataFrame, column: str, name: str
) -> Iterator[Finding]:
    if lock["piles"] is not None:
        wrong = rows[column][rows["piles"] != lock["piles"]]
        yield none(f"{name}: {lock['piles']} piles", wrong)
    types = lock["piles_by_type"]
    if types:
        off = np.zeros(len(rows), dtype=bool)
        for key in [c for c in rows.columns if c.startswith("piles_")]:
            off |= (rows[key] != types.get(key.removeprefix("piles_"), 0)).to_numpy()
        yield none(f"{name}: piles by type", rows[column][off])
    if lock["level"]:
        yield none(f"{name}: level {lock['level']}", rows[column][rows["level"] != lock["level"]])


def _check_place(plan: Plan, lock: Mapping[str, Any], name: str) -> Iterator[Finding]:
    """Hold that a place means the candidate that is nearest to it."""
    if lock["place"] is None or lock["item"] not in POINTS or lock["distance_m"] is None:
        return
    if lock["matched"] not in {"place", "facility"}:
        return
    _, considered, column = LAYERS[lock["item"]]
    frame = getattr(plan, considered)
    xy = shapely.get_coordinates(frame.geometry.to_numpy())
    lon, lat = (np.full(len(xy), value) for value in lock["place"])
    metres = np.asarray(Geod(ellps="WGS84").inv(lon, lat, xy[:, 0], xy[:, 1])[2])
    mine = float(metres[frame[column].isin(lock["ids"]).to_numpy()].min())
    slack = DISTANCE_TOLERANCE_M + 2e-3 * mine
    ok = abs(mine - lock["distance_m"]) <= slack
    yield Finding(
        f"{name}: distance to what it means", ok, f"{lock['distance_m']:.1f}", f"{mine:.1f}"
    )
    # A place beside it that became a candidate of its own is no better match.
    own = {i for other in plan.run["locks"] if other["matched"] == "own" for i in other["ids"]}
    free = ~frame[column].isin(own).to_numpy()
    least = float(metres[free].min(initial=np.inf))
    yield Finding(
        f"{name}: means the nearest candidate", mine <= least + slack, f"{mine:.1f}", f"{least:.1f}"
    )
