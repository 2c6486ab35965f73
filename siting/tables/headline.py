"""The figures that stand at the head of map, report and tables: all from the run record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Figure:
    """
    One headline figure.

    Attributes
    ----------
    key
        Name in `totals` of run.json.
    zh, en
        What it is.
    value
        Its value, as in run.json.
    unit_zh, unit_en
        Its unit.
    decimals
        Decimals that are shown.
    """

    key: str
    zh: str
    en: str
    value: float
    unit_zh: str
    unit_en: str
    decimals: int = 0


_FIGURES = (
    ("stations", "充换电站", "charging stations", "座", "", 0),
    ("piles", "充电桩", "charging piles", "台", "", 0),
    ("hydrogen_stations", "加氢站", "hydrogen stations", "座", "", 0),
    ("rsus", "路侧点位", "roadside sites", "处", "", 0),
    ("junctions", "网联路口", "equipped junctions", "个", "", 0),
    ("edge_nodes", "边缘计算节点", "edge nodes", "个", "", 0),
    ("built_area_zone_km2", "建成区域（网格口径）", "built area (cells)", "km²", "km²", 1),
    ("built_area_footprint_km2", "建成区域（覆盖口径）", "built area (discs)", "km²", "km²", 1),
    ("test_road_km", "测试道路", "test roads", "km", "km", 1),
    ("served_kwh_day", "日服务电量", "energy served a day", "kWh", "kWh", 0),
    ("cost_cny", "总投资", "total investment", "元", "CNY", 0),
)
ALWAYS = ("stations", "piles", "served_kwh_day", "cost_cny")
"""Figures that are shown also where they are 0."""


def headline(run: Mapping[str, Any]) -> tuple[Figure, ...]:
    """
    Return the figures at the head of a run, those of programmes that it hasn't left out.

    Parameters
    ----------
    run
        The run record.
    """
    totals = run["totals"]
    return tuple(
        Figure(key, zh, en, totals[key], unit_zh, unit_en, decimals)
        for key, zh, en, unit_zh, unit_en, decimals in _FIGURES
        if totals.get(key) or key in ALWAYS
    )
