"""What changed between two plans, item by item: opened, closed, moved, grown, shrunk, rephased."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import Geod
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from siting.plan import Plan

CHANGES = {
    "opened": ("新增", "opened"),
    "closed": ("取消", "closed"),
    "moved": ("移位", "moved"),
    "grew": ("扩大", "grew"),
    "shrank": ("缩小", "shrank"),
    "phase": ("改期", "phase changed"),
}
"""Kinds of changes, in Chinese and English."""
LEVELS = {"rsu": 1.0, "sensing": 2.0, "full": 3.0}
"""Rank of roadside equipment."""
METRES_A_DEGREE = 111_195.0
COLUMNS = (
    *("item", "change", "id", "from_id", "name", "district_id", "size_before", "size_after"),
    *("unit", "phase_before", "phase_after", "cost_before_cny", "cost_after_cny", "distance_m"),
)
"""Columns of the changes besides the geometry."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Where items of a kind stand in a plan, and what their size is."""

    layer: str
    id_column: str
    size: str
    unit: str
    zh: str
    en: str
    moves: bool = True


KINDS = {
    "charging": Kind("stations", "site_id", "piles", "piles", "充换电站", "charging stations"),
    "hydrogen": Kind(
        "hydrogen", "site_id", "capacity_kg_day", "kg/day", "加氢站", "hydrogen stations"
    ),
    "roadside": Kind("rsus", "site_id", "level", "level", "路侧点位", "roadside sites"),
    "edge_node": Kind("edge_nodes", "site_id", "sites", "sites", "边缘计算节点", "edge nodes"),
    "test_road": Kind(
        "test_roads", "corridor_id", "length_m", "m", "测试道路", "test roads", moves=False
    ),
}
"""What is compared, by item."""


def changes(before: Plan, after: Plan, *, near_m: float) -> gpd.GeoDataFrame:
    """
    List what changed between two plans of one area.

    Parameters
    ----------
    before, after
        The plans.
    near_m
        What closed and what opened up to this far, straight, is one item that moved; the nearest
        pairs first, each item once.

    Returns
    -------
    changes
        EPSG:4326, sorted by item, change and id; columns `COLUMNS`. `size_before` and `size_after`
        are in `unit` (of equipment levels the rank in `LEVELS`), NaN where the item isn't there;
        an item can have a row for its size and one for its phase. The geometry is that of the
        second plan, of what closed that of the first. `distance_m` is how far an item moved.
    """
    parts = [_of_kind(item, kind, before, after, near_m) for item, kind in KINDS.items()]
    rows = [row for part in parts for row in part]
    columns = {name: [row[name] for row in rows] for name in COLUMNS}
    shapes = [row["geometry"] for row in rows]
    frame = gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4326")
    order = {name: n for n, name in enumerate((*KINDS, *CHANGES))}
    keys = [frame["id"], frame["change"].map(order), frame["item"].map(order)]
    return frame.iloc[np.lexsort([key.to_numpy() for key in keys])].reset_index(drop=True)


def _table(plan: Plan, kind: Kind) -> pd.DataFrame:
    """Return the items of a plan by id with size, phase, cost, name and geometry."""
    frame = getattr(plan, kind.layer)
    if not len(frame) or kind.id_column not in frame:
        names = ["name", "district_id", "size", "phase", "cost_cny", "geometry"]
        return pd.DataFrame({name: [] for name in names})
    size = frame[kind.size] if kind.size in frame else pd.Series(np.nan, index=frame.index)
    size = size.map(LEVELS) if kind.size == "level" else size
    none = pd.Series("", index=frame.index)
    name = next((frame[column] for column in ("name", "road") if column in frame), none)
    zero = pd.Series(0, index=frame.index)
    found = pd.DataFrame(
        {
            "name": name.astype(str),
            "district_id": frame.get("district_id", none).astype(str),
            "size": size.astype(float),
            "phase": frame["phase"].astype(float) if "phase" in frame else np.nan,
            "cost_cny": frame.get("cost_cny", zero).astype(float),
            "geometry": frame.geometry.to_numpy(),
        }
    )
    found.index = pd.Index(frame[kind.id_column].astype(str))
    return found


def _of_kind(item: str, kind: Kind, before: Plan, after: Plan, near_m: float) -> list[Any]:
    one, other = _table(before, kind), _table(after, kind)
    closed, opened = one[~one.index.isin(other.index)], other[~other.index.isin(one.index)]
    pairs = _moved(closed, opened, near_m) if kind.moves else []
    rows = [
        _row(item, kind, "moved", b, _at(closed, a), _at(opened, b), from_id=a, distance_m=metres)
        for a, b, metres in pairs
    ]
    gone, come = {a for a, _, _ in pairs}, {b for _, b, _ in pairs}
    rows += [
        _row(item, kind, "closed", id_, closed.loc[id_], None)
        for id_ in closed.index
        if id_ not in gone
    ]
    rows += [
        _row(item, kind, "opened", id_, None, opened.loc[id_])
        for id_ in opened.index
        if id_ not in come
    ]
    both = one.index[one.index.isin(other.index)]
    a, b = one.loc[both], other.loc[both]
    step = b["size"].to_numpy() - a["size"].to_numpy()
    # Metres and kilograms are rounded when they are written.
    slack = 1e-6 * np.maximum(1.0, np.abs(a["size"].to_numpy()))
    for change, which in (("grew", step > slack), ("shrank", step < -slack)):
        rows += [_row(item, kind, change, i, one.loc[i], other.loc[i]) for i in both[which]]
    late = (a["phase"].to_numpy() != b["phase"].to_numpy()) & np.isfinite(
        a["phase"].to_numpy() + b["phase"].to_numpy()
    )
    rows += [_row(item, kind, "phase", i, one.loc[i], other.loc[i]) for i in both[late]]
    return rows


def _at(table: pd.DataFrame, id_: str) -> pd.Series:
    return table.iloc[int(np.flatnonzero(table.index == id_)[0])]


def _moved(
    closed: pd.DataFrame, opened: pd.DataFrame, near_m: float
) -> list[tuple[str, str, float]]:
    """Pair what closed with what opened near by, the nearest first."""
    if not len(closed) or not len(opened) or near_m <= 0:
        return []
    here, there = (shapely.get_coordinates(f["geometry"].to_numpy()) for f in (closed, opened))
    flat = np.array([np.cos(np.radians(here[:, 1].mean())), 1.0]) * METRES_A_DEGREE
    found = cKDTree(here * flat).sparse_distance_matrix(
        cKDTree(there * flat), 1.05 * near_m, output_type="coo_matrix"
    )
    a, b = here[found.row], there[found.col]
    metres = np.asarray(Geod(ellps="WGS84").inv(*a.T, *b.T)[2]) if len(a) else np.zeros(0)
    order = np.lexsort((found.col, found.row, metres))
    used: tuple[set[int], set[int]] = (set(), set())
    pairs = []
    for n in order[metres[order] <= near_m].tolist():
        row, column = int(found.row[n]), int(found.col[n])
        if row in used[0] or column in used[1]:
            continue
        used[0].add(row)
        used[1].add(column)
        pairs.append((str(closed.index[row]), str(opened.index[column]), float(metres[n])))
    return pairs


def _row(
    item: str,
    kind: Kind,
    change: str,
    id_: str,
    one: pd.Series | None,
    other: pd.Series | None,
    *,
    from_id: str = "",
    distance_m: float = np.nan,
) -> dict[str, Any]:
    known = one if other is None else other
    assert known is not None  # noqa: S101

    def value(side: pd.Series | None, column: str) -> float:
        return float("nan") if side is None else float(side[column])

    return {
        "item": item,
        "change": change,
        "id": id_,
        "from_id": from_id,
        "name": str(known["name"]),
        "district_id": str(known["district_id"]),
        "size_before": value(one, "size"),
        "size_after": value(other, "size"),
        "unit": kind.unit,
        "phase_before": value(one, "phase"),
        "phase_after": value(other, "phase"),
        "cost_before_cny": value(one, "cost_cny"),
        "cost_after_cny": value(other, "cost_cny"),
        "distance_m": distance_m,
        "geometry": known["geometry"],
    }


def counts(found: gpd.GeoDataFrame) -> pd.DataFrame:
    """Count changes: items down, kinds of changes across, in the order of `KINDS`."""
    table = pd.crosstab(found["item"], found["change"])
    return table.reindex(index=list(KINDS), columns=list(CHANGES), fill_value=0)


def total_cny(found: gpd.GeoDataFrame, names: Sequence[str]) -> npt.NDArray[np.float64]:
    """Sum what the changes of each item cost more, CNY; a phase changes no cost."""
    some = found[found["change"] != "phase"]
    more = some["cost_after_cny"].fillna(0.0) - some["cost_before_cny"].fillna(0.0)
    sums = more.groupby(some["item"]).sum()
    money: npt.NDArray[np.float64] = sums.reindex(list(names), fill_value=0.0).to_numpy(float)
    return money
