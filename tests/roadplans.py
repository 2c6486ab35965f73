"""Test roads on the invented plans of `plans`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import geopandas as gpd
import shapely
from plans import HOSTILE, WEST, WGS84

if TYPE_CHECKING:
    from siting.plan import Plan


def with_testroads(plan: Plan) -> Plan:
    """Put three sections on a plan: two of the first phase, one with a hostile name and a gap."""
    whole = [shapely.LineString([(WEST + 0.05, y), (WEST + 0.35, y)]) for y in (36.6, 36.7)]
    parts = [[(WEST + 0.05, 36.8), (WEST + 0.1, 36.8)], [(WEST + 0.2, 36.8), (WEST + 0.35, 36.8)]]
    frame = gpd.GeoDataFrame(
        {
            "section_id": ["T0001", "T0002", "T0003"],
            "road": ["经十路", "旅游路", HOSTILE[0]],
            "from_name": ["舜耕路", "纬二路", "甲路"],
            "to_name": ["千佛山路", HOSTILE[1], ""],
            "km": [26.8127, 26.77, 17.5],
            "district_id": plan.districts.district_id.to_numpy()[[0, 1, 2]],
            "district": plan.districts.name.to_numpy()[[0, 1, 2]],
            "sort": ["arterial", "arterial", "fast"],
            "grade": ["II", "III", "II"],
            "phase": [1, 1, 2],
            "phase_name": ["2025年", "2025年", "2026年"],
            "covered": [0.25, 0.0, 1.0],
            "opening_cny": [804_381, 803_100, 0],
            "retrofit_cny": [4_000_001, 4_100_000, 87_500],
            "cost_cny": [4_804_382, 4_903_100, 87_500],
            "note": ["低速", "", "桥梁、隧道"],
        },
        geometry=[*whole, shapely.MultiLineString(parts)],
        crs=WGS84,
    )
    groups = [{"id": "arterial", "label_zh": "主次干路", "label_en": "arterial"}]
    settings = {**plan.run.get("settings", {}), "testroads": {"groups": groups}}
    return replace(plan, test_road_catalogue=frame, run={**plan.run, "settings": settings})
