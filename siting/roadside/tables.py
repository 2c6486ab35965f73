"""The catalogue of roadside junctions and the table of batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    import numpy.typing as npt

    from siting.candidates.roadside import RoadsideSites
    from siting.model.roadside import Batch
    from siting.network.junctions import Junctions

    Bools = npt.NDArray[np.bool_]

LEVELS_ZH = {
    "rsu": "路侧单元（RSU）",
    "sensing": "路侧单元（RSU）＋摄像机或雷达",
    "full": "路侧单元（RSU）＋摄像机＋雷达＋边缘计算接入＋信号机联动",
}
"""Equipment (设备配置) of a level, as the catalogue names it."""
KINDS_ZH = {
    "signal": "信号灯路口",
    "crossing": "平面交叉口",
    "interchange": "互通立交",
    "ramp": "匝道口",
    "minor": "次要路口",
}
"""Kind (类型) of a junction, as the catalogue names it."""


def junction_table(
    rsus: gpd.GeoDataFrame, sites: RoadsideSites, junctions: Junctions, equipped: Bools
) -> pd.DataFrame:
    """
    List the equipped junctions (路口目录) under the headings of a Chinese catalogue.

    Returns
    -------
    table
        As `Plan.junctions`, one row a junction, in the order of district and name.
    """
    junction = sites.junction[equipped]
    at = junction >= 0
    some, rows = rsus[at].reset_index(drop=True), junction[at]
    lonlat = shapely.get_coordinates(some.geometry.to_numpy())
    kind = pd.Series(junctions.kind[rows], dtype=object).map(KINDS_ZH).fillna("路口")
    unnamed = some["district"].astype(str) + "无名路口"
    table = pd.DataFrame(
        {
            "编号": some["site_id"],
            "路口名": some["name"].where(some["name"] != "", unnamed),
            "类型": kind.to_numpy(),
            "设备配置": some["level"].map(LEVELS_ZH).to_numpy(),
            "复用杆件": np.where(some["reuse"].to_numpy(dtype=bool), "是", "否"),
            "区县": some["district"],
            "批次": some["phase"],
            "年份": some["year"],
            "边缘节点": some["edge_node_id"],
            "投资_元": some["cost_cny"],
            "经度": lonlat[:, 0],
            "纬度": lonlat[:, 1],
        }
    )
    return table.sort_values(["区县", "路口名", "编号"], ignore_index=True)


def batch_table(
    rsus: gpd.GeoDataFrame,
    edge_nodes: gpd.GeoDataFrame,
    zones: gpd.GeoDataFrame,
    footprint_km2: Sequence[float],
    batches: Sequence[Batch],
    platform_cny: int,
) -> pd.DataFrame:
    """Sum each batch and all up to it, as `Plan.batches`."""
    rows = []
    spent = 0
    for number, batch in enumerate(batches, start=1):
        now, upto = rsus[rsus["phase"] == number], rsus[rsus["phase"] <= number]
        nodes = edge_nodes[edge_nodes["phase"] == number]
        cost = int(now["cost_cny"].sum() + now["fibre_cny"].sum() + nodes["cost_cny"].sum())
        cost += platform_cny if number == 1 else 0
        spent += cost
        cells = zones[zones["built"].astype(bool) & (zones["phase"] <= number)]
        rows.append(
            {
                "phase": number,
                "year": batch.year,
                "rsus": len(now),
                "rsus_in_all": len(upto),
                "edge_nodes": len(nodes),
                "built_zones_in_all": len(cells),
                "built_area_zone_km2": float(cells["area_km2"].sum()),
                "built_area_footprint_km2": float(footprint_km2[number - 1]),
                "cost_cny": cost,
                "cost_in_all_cny": spent,
                "budget_cny": float("nan") if batch.budget_cny is None else batch.budget_cny,
            }
        )
    return pd.DataFrame(rows)
