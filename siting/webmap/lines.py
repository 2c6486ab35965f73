"""What the map page shows of test roads: their sections as lines, packed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import shapely

from siting.text import clip
from siting.webmap.pack import numbers, pack_chains, texts
from siting.webmap.when import built_when

if TYPE_CHECKING:
    from siting.plan import Plan

WORDS = ("section_id", "road", "from_name", "to_name", "district_id", "district", "sort", "grade")
TOLERANCE_DEG = 2e-5
"""Lines are generalised by about two metres."""


def road_sections(plan: Plan) -> dict[str, Any]:
    """Return the sections of the catalogue; `row` is the section of each line."""
    frame = plan.test_road_catalogue
    if not len(frame):
        empty: dict[str, Any] = {name: [] for name in (*WORDS, "phase_name", "note")}
        numeric = ("km", "phase", "covered", "opening_cny", "retrofit_cny", "row", "sorts")
        return {
            **empty,
            **{n: [] for n in numeric},
            "lines": pack_chains(frame.geometry.to_numpy()),
        }
    parts, row = shapely.get_parts(frame.geometry.to_numpy(), return_index=True)
    groups = plan.run.get("settings", {}).get("testroads", {}).get("groups", ())
    return {
        "lines": pack_chains(shapely.simplify(parts, TOLERANCE_DEG)),
        "row": row.tolist(),
        "when": built_when(frame),
        **{name: texts(frame[name]) for name in (*WORDS, "phase_name", "note")},
        "km": numbers(frame["km"], 3),
        "phase": numbers(frame["phase"]),
        "covered": numbers(frame["covered"], 4),
        "opening_cny": numbers(frame["opening_cny"]),
        "retrofit_cny": numbers(frame["retrofit_cny"]),
        "sorts": [
            {name: clip(str(group.get(name, "")), 60) for name in ("id", "label_zh", "label_en")}
            for group in groups
        ],
    }


def road_totals(plan: Plan) -> dict[str, float]:
    """Return kilometres and costs of the test roads, 0 where there are none."""
    frame = plan.test_road_catalogue
    names = {
        "km": "test_road_km",
        "opening_cny": "test_road_opening_cny",
        "retrofit_cny": "test_road_retrofit_cny",
        "cost_cny": "test_road_cost_cny",
    }
    return {key: float(frame[name].sum()) if len(frame) else 0.0 for name, key in names.items()}
