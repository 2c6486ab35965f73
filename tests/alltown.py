"""A tiny town whose model asks for something of every programme, within one budget by year."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import osmium
import test_hydrogen
import test_testroads
import tiny
import yaml
from osmium.osm.mutable import Node

if TYPE_CHECKING:
    from pathlib import Path

ROADSIDE = {
    "least_cell_m": 600,
    "edge_nodes": {"capacity_sites": 3, "platform_cny": 200_000},
    "on_board": {
        "vehicles": 20, "routes": 7, "considered": 2, "origins": 5, "least_km": 1, "most_km": 4,
    },
    "batches": [{"year": 2023, "share": 0.5}, {"year": 2024, "share": 1}],
}  # fmt: skip
PHASES = [
    {"id": "a", "name": "2023年", "share": 0.4, "year": 2023},
    {"id": "b", "name": "2025年", "share": 1, "year": 2025},
]
BUDGET: dict[str, Any] = {
    "total_cny": 8.4e7,
    "funds": [
        {"name": "车路云专项资金", "programmes": ["roadside", "testroads"], "most_cny": 2.2e7}
    ],
    "years": [
        {
            "year": 2023,
            "most_cny": 4e7,
            "funds": {"车路云专项资金": 1.8e7},
            "targets": [
                {"measure": "stations", "at_least": 3},
                {"measure": "hydrogen_stations", "at_least": 1},
                {"measure": "built_area_km2", "at_least": 1},
                {"measure": "test_road_km", "at_least": 5},
            ],
        },
        {"year": 2024, "most_cny": 3e7, "targets": [{"measure": "piles", "at_least": 40}]},
        {"year": 2025, "most_cny": 3e7},
    ],
    "smooth": 0.5,
}
TIGHT = {**BUDGET, "total_cny": 3.5e7}
"""Less than would serve all demand, enough for the targets."""


def write_model(folder: Path, budget: dict[str, Any] | None = None) -> Path:
    """Write the town with test roads, hydrogen and roadside targets, and a budget of all."""
    path = test_testroads.write_model(folder)
    asked = yaml.safe_load(path.read_text(encoding="utf-8"))
    roads = folder / "all.osm.pbf"
    if not roads.exists():
        _with_hydrogen(folder / "roads.osm.pbf", roads)
    asked["name"] = "alltown"
    # Few demand points: most tests of this town wait for its charging programme.
    asked["demand"] |= {"urban_cell_m": 1200, "rural_cell_m": 1500}
    asked["sources"]["roads"] = str(roads)
    asked["testroads"]["phases"] = PHASES
    asked["roadside"] = ROADSIDE
    asked["hydrogen"] = {"spacing_m": 600, "radius_m": 1500}
    asked["targets"] += [
        {"measure": "built_area_km2", "at_least": 4},
        {"measure": "hydrogen_stations", "at_least": 2},
    ]
    del asked["charging"]["budget_cny"]
    asked["budget"] = BUDGET if budget is None else budget
    path.write_text(yaml.safe_dump(asked, allow_unicode=True), encoding="utf-8")
    return path


def _with_hydrogen(source: Path, target: Path) -> None:
    """Add the places of the hydrogen town to a map."""
    with osmium.SimpleWriter(str(target)) as writer:
        for entity in osmium.FileProcessor(str(source)):
            if entity.is_way() and entity.id == 1:
                for number, (key, value, cell, name) in enumerate(test_hydrogen.MORE):
                    row, column = divmod(cell, tiny.SIDE)
                    at = (
                        tiny.WEST + (column + 0.35) * tiny.STEP_DEG,
                        tiny.SOUTH + (row + 0.45) * tiny.STEP_DEG * 0.8,
                    )
                    tags = {key: value, "name": name}
                    writer.add_node(Node(id=40_000 + number, location=at, tags=tags))
            writer.add(entity)
