"""A tiny town for tests: a street grid with facilities, written as an OSM file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import osmium
from osmium.osm.mutable import Node, Way

if TYPE_CHECKING:
    from pathlib import Path

    from siting.plan import Plan

WEST, SOUTH = 117.0, 36.65
STEP_DEG = 0.0022
SIDE = 24
HOSTILE = "<img src=x onerror=alert(1)> ${alert(2)} `</script>"

FACILITIES = (
    ("amenity", "parking", 5),
    ("amenity", "fuel", 37),
    ("shop", "mall", 101),
    ("tourism", "hotel", 150),
    ("amenity", "parking", 222),
    ("amenity", "parking", 280),
    ("highway", "services", 311),
    ("amenity", "charging_station", 400),
    ("amenity", "parking", 451),
    ("amenity", "fuel", 520),
)

MODEL = """\
name: tiny
area: {{population: 60000}}
sources: {{roads: "{roads}", districts: extent}}
demand:
  private: {{vehicles: 3000}}
  fleet: {{vehicles: 300}}
  heavy: {{vehicles: 20}}
charging: {{budget_cny: {budget}}}
targets:
  - {{measure: stations, at_least: {stations}}}
  - {{measure: piles, at_least: 60}}
solve: {{gap: 0.02, seconds: 120}}
"""


HOUSES = ((0.2, 0.2, 0.45, 0.45), (0.55, 0.2, 0.8, 0.4), (0.2, 0.6, 0.8, 0.8))
"""Buildings of a block: west, south, east, north as shares of it."""
FLATS = {"building": "apartments", "building:levels": "6"}


def write_town(path: Path, *, buildings: bool = False) -> Path:
    """Write the town as OSM XML or PBF, by the suffix of `path`, with three buildings a block."""
    with osmium.SimpleWriter(str(path)) as writer:
        for row in range(SIDE):
            for column in range(SIDE):
                at = (WEST + column * STEP_DEG, SOUTH + row * STEP_DEG * 0.8)
                signal = {"highway": "traffic_signals"} if row % 6 == column % 6 == 0 else {}
                writer.add_node(Node(id=_id(row, column), location=at, tags=signal))
        for number, (key, value, cell) in enumerate(FACILITIES):
            row, column = divmod(cell, SIDE)
            at = (WEST + (column + 0.3) * STEP_DEG, SOUTH + (row + 0.4) * STEP_DEG * 0.8)
            name = HOSTILE if number == 0 else f"设施{number}"
            tags = {key: value, "name": name}
            writer.add_node(Node(id=10_000 + number, location=at, tags=tags))
        if buildings:
            _write_buildings(writer)
        for line in range(SIDE):
            kind = {0: "primary", 3: "secondary"}.get(line % 6, "residential")
            tags = {"highway": kind, "name": f"第{line}路"}
            across = [_id(line, column) for column in range(SIDE)]
            along = [_id(row, line) for row in range(SIDE)]
            writer.add_way(Way(id=1 + 2 * line, nodes=across, tags=tags))
            writer.add_way(Way(id=2 + 2 * line, nodes=along, tags=tags))
    return path


def _write_buildings(writer: osmium.SimpleWriter) -> None:
    """Write flats of six storeys in the blocks of the western half, nodes before ways."""
    blocks = [(row, column) for row in range(SIDE - 1) for column in range(SIDE // 2)]
    ways = []
    for row, column in blocks:
        for number, (west, south, east, north) in enumerate(HOUSES):
            first = 100_000 + 100 * (row * SIDE + column) + 10 * number
            corners = [(west, south), (east, south), (east, north), (west, north)]
            for corner, (x, y) in enumerate(corners):
                at = (WEST + (column + x) * STEP_DEG, SOUTH + (row + y) * STEP_DEG * 0.8)
                writer.add_node(Node(id=first + corner, location=at))
            ring = [first, first + 1, first + 2, first + 3, first]
            ways.append(Way(id=first, nodes=ring, tags=FLATS))
    for way in ways:
        writer.add_way(way)


def write_model(folder: Path, *, budget: float = 4e7, stations: int = 8) -> Path:
    """Write the town and a model of it into a folder; returns the model's path."""
    roads = folder / "town.osm.pbf"
    if not roads.exists():
        write_town(roads)
    path = folder / "tiny.yaml"
    path.write_text(MODEL.format(roads=roads, budget=budget, stations=stations), encoding="utf-8")
    return path


def answered(model: Path, overrides: dict[str, Any] | None = None) -> Plan:
    """Plan a model and have it checked, without a run folder, where nothing reads one."""
    from siting.model.model import load_model  # noqa: PLC0415
    from siting.pipeline import answer, prepare  # noqa: PLC0415

    ground = prepare(load_model(model, overrides), out=model.parent / "maps", seconds={})
    return answer(ground, seconds={}).plan


def _id(row: int, column: int) -> int:
    return 1 + row * SIDE + column
