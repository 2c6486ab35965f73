"""What a plan costs, by category, district and year; the parts sum to the total of run.json."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from siting.own.existing import kept_piles

if TYPE_CHECKING:
    from siting.plan import Plan

CATEGORIES = {
    "charging_site": ("充换电站土建与接入", "charging stations: works and grid connection"),
    "charging_piles": ("充电设备及安装", "charging piles, installed"),
    "hydrogen": ("加氢站", "hydrogen stations"),
    "roadside": ("路侧设备", "roadside equipment"),
    "fibre": ("光缆", "fibre"),
    "edge_nodes": ("边缘计算节点", "edge nodes"),
    "platform": ("市级云控平台", "platform of the city"),
    "test_road_opening": ("测试道路开放", "test roads: opening"),
    "test_road_retrofit": ("测试道路改造", "test roads: retrofit"),
}
"""Categories of investment with their Chinese and English names, in the order of the table."""

WHOLE_CITY = "全市"
_COLUMNS = ["category", "district_id", "district", "year", "items", "cost_cny"]


def investment(plan: Plan) -> pd.DataFrame:
    """
    Sum what a plan costs by category, district and year.

    Returns
    -------
    table
        `category` (key of `CATEGORIES`), `district_id`, `district`, `year` (0 where the plan sets
        none), `items` (stations, piles, sites ...), `cost_cny` (int). The costs sum to
        `totals.cost_cny` of the run; contingency, V2G and storage aren't in it.
    """
    parts = [*_charging(plan), *_hydrogen(plan), *_roadside(plan), *_test_roads(plan)]
    there = [part for part in parts if len(part)]
    if not there:
        return pd.DataFrame(columns=_COLUMNS)
    table = pd.concat(there, ignore_index=True)
    table["district"] = table["district_id"].map(_districts(plan)).fillna(WHOLE_CITY)
    keys = ["category", "district_id", "district", "year"]
    summed = table.groupby(keys, as_index=False)[["items", "cost_cny"]].sum()
    order = {name: place for place, name in enumerate(CATEGORIES)}
    summed = summed.sort_values(
        ["category", "year", "district_id"],
        key=lambda column: column.map(order) if column.name == "category" else column,
        ignore_index=True,
    )
    return summed[summed["cost_cny"] != 0].reset_index(drop=True)[_COLUMNS]


def contingency_cny(cost_cny: int, share: float) -> int:
    """Return the contingency (预备费) of a cost, to the yuan."""
    return round(cost_cny * share)


def _districts(plan: Plan) -> dict[str, str]:
    ids, names = plan.districts["district_id"].astype(str), plan.districts["name"].astype(str)
    return dict(zip(ids, names, strict=True))


def _part(
    category: str, frame: pd.DataFrame, cost: pd.Series, items: pd.Series | int = 1
) -> pd.DataFrame:
    years = frame["year"] if "year" in frame.columns else pd.Series(0, index=frame.index)
    return pd.DataFrame(
        {
            "category": category,
            "district_id": frame["district_id"].astype(str),
            "year": years.fillna(0).astype(np.int64),
            "items": items,
            "cost_cny": cost.astype(np.int64),
        }
    )


def _charging(plan: Plan) -> list[pd.DataFrame]:
    """Split stations into piles and the rest, so that the two sum to what a station costs."""
    stations = plan.stations
    prices = dict(zip(plan.pile_types["type_id"], plan.pile_types["cost_cny"], strict=True))
    names = [str(name) for name in plan.pile_types["type_id"]]
    # What stood there before costs nothing.
    bought = stations[[f"piles_{name}" for name in names]] - kept_piles(stations, names)
    piles_cny = sum(
        (bought[f"piles_{name}"] * float(price) for name, price in prices.items()),
        pd.Series(0.0, index=stations.index),
    )
    rounded = np.minimum(piles_cny.round().astype(np.int64), stations["cost_cny"])
    return [
        _part("charging_site", stations, stations["cost_cny"] - rounded),
        _part("charging_piles", stations, rounded, bought.sum(axis=1).astype(np.int64)),
    ]


def _hydrogen(plan: Plan) -> list[pd.DataFrame]:
    found = plan.hydrogen
    return [_part("hydrogen", found, found["cost_cny"])] if len(found) else []


def _roadside(plan: Plan) -> list[pd.DataFrame]:
    if not len(plan.rsus):
        return []
    sites, nodes = plan.rsus, plan.edge_nodes
    parts = [_part("roadside", sites, sites["cost_cny"]), _part("fibre", sites, sites["fibre_cny"])]
    if len(nodes):
        parts.append(_part("edge_nodes", nodes, nodes["cost_cny"]))
    known = sum(int(part["cost_cny"].sum()) for part in parts)
    rest = int(plan.run["totals"].get("roadside_cost_cny", known)) - known
    years = plan.batches["year"].min() if len(plan.batches) else 0
    row = pd.DataFrame({"district_id": [""], "year": [years]})
    return [*parts, _part("platform", row, pd.Series([rest]))]


def _test_roads(plan: Plan) -> list[pd.DataFrame]:
    roads = plan.test_roads
    if not len(roads):
        return []
    return [
        _part(f"test_road_{name}", roads, roads[f"{name}_cny"]) for name in ("opening", "retrofit")
    ]
