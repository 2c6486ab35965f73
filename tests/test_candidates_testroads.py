"""What test roads grow from and serve: anchors, sections, places, worth and costs by hand."""

from __future__ import annotations

import numpy as np
import pytest
from handroads import (
    CRS_M,
    Way,
    make_map,
    make_network,
    make_roads,
    one_district,
    to_lonlat,
)

from siting.candidates.corridors import CorridorRules, Corridors, find_corridors
from siting.candidates.testroads import RoadGround, road_costs, road_ground, road_points
from siting.model.model import load_model
from siting.model.testroads import TestRoads as Settings
from siting.network.junctions import find_junctions

FAR = (0.0, 2000.0, 4000.0, 6000.0)
WAYS = [
    *(Way([(x, y) for x in FAR], "secondary" if y else "primary", f"横{y:.0f}路") for y in FAR),
    *(Way([(x, y) for y in FAR], "tertiary", f"纵{x:.0f}路") for x in FAR),
    Way([(0, 9000), (3000, 9000), (6000, 9000)], "motorway", "环城高速"),
    Way([(20_000, 0), (22_000, 0)], "secondary", "远路"),
    Way([(20_000, 0), (20_000, 2000)], "tertiary", "更远路"),
]
PLACES = [
    ("school", "小学", 1000.0, 2050.0),
    ("port", "港口", 3000.0, 4300.0),
    ("parking", "停车场", 1000.0, 30.0),
]


def settings(**changes: object) -> Settings:
    """Return the project's defaults without district anchors, and changes to them."""
    part = load_model("jinan").testroads
    assert part is not None
    base = {
        "district_anchors": False, "anchors": [], "sections": [], "scenario_clauses": {},
        "least_places": {}, "anchor_reach_m": 500,
    }  # fmt: skip
    return Settings.model_validate({**part.model_dump(), **base, **changes})


def anchor(id_: str, x: float, y: float, tier: str = "pilot") -> dict[str, object]:
    lon, lat = to_lonlat([(x, y)])[0].tolist()
    return {"id": id_, "name": id_, "lon": lon, "lat": lat, "tier": tier}


def ground(asked: Settings, opened: str = "") -> tuple[Corridors, RoadGround]:
    """Find corridors and what they grow from; roads of a name can be open already."""
    roads = make_roads(WAYS)
    network, city_map = make_network(roads), make_map(roads, PLACES)
    districts = one_district(-1000, 25_000)
    corridors = find_corridors(
        network, find_junctions(network, roads), districts, city_map,
        CorridorRules(("motorway", "primary", "secondary", "tertiary"), 100.0, 100.0),
    )  # fmt: skip
    corridors.frame["opened"] = corridors.frame["road"] == opened
    return corridors, road_ground(corridors, CRS_M, districts, city_map.facilities, asked)


def test_anchors_snap_to_the_nearest_junction_or_are_said_to_be_missing() -> None:
    asked = settings(anchors=[anchor("a", 100, -200, "closed"), anchor("b", 9000, 9000)])
    corridors, found = ground(asked)
    assert found.places.place_id[found.places.role == "anchor"].tolist() == ["a"]
    at = corridors.node_xy[found.anchors("closed")[0]] - [500_000, 4_060_000]
    assert at == pytest.approx([0, 0], abs=1.0)
    assert found.places.distance_m.iloc[0] == pytest.approx(np.hypot(100, 200), rel=1e-3)
    assert any("b is not on the map" in note.en for note in found.notes)


def test_what_no_anchor_reaches_is_apart_and_what_is_near_a_school_is_out() -> None:
    corridors, found = ground(settings(anchors=[anchor("a", 0, 0)]))
    reason = dict(zip(corridors.frame["road"], found.reason, strict=True))
    assert reason["远路"] == reason["更远路"] == "apart"
    row = corridors.frame[found.reason == "near"]
    assert row.road.tolist() == ["横2000路"]
    assert row.schools.tolist() == [1]
    _, avoided = ground(settings(anchors=[anchor("a", 0, 0)], near="avoid"))
    assert "near" not in set(avoided.reason)
    assert avoided.near.sum() == 1


def test_an_open_road_stays_whatever_is_near_and_is_an_anchor() -> None:
    corridors, found = ground(settings(anchors=[anchor("a", 0, 0)]), opened="横2000路")
    mine = (corridors.frame["road"] == "横2000路").to_numpy()
    assert (found.reason[mine] == "").all()
    assert found.opened[mine].all()
    assert len(found.anchors("opened")) == 1


def test_a_place_belongs_to_its_nearest_usable_road() -> None:
    corridors, found = ground(settings(anchors=[anchor("a", 0, 0)]))
    port = found.places[found.places.role == "freight"].iloc[0]
    assert corridors.frame["road"].iloc[port.corridor] == "横4000路"
    assert port.distance_m == pytest.approx(300, abs=2)
    assert found.served.sum() == 2
    # No place of a scenario is taken farther than its distance.
    near = settings(anchors=[anchor("a", 0, 0)])
    less = [item.model_dump() | {"within_m": 100} for item in near.scenarios]
    _, fewer = ground(settings(anchors=[anchor("a", 0, 0)], scenarios=less))
    assert fewer.served.sum() == 1


def test_a_section_is_the_expressway_between_its_ends() -> None:
    ends = to_lonlat([(0, 9300), (6000, 9300)]).tolist()
    section = {
        "id": "s", "name": "测试段", "start_lon": ends[0][0], "start_lat": ends[0][1],
        "end_lon": ends[1][0], "end_lat": ends[1][1], "within_m": 500, "known_km": 6,
    }  # fmt: skip
    corridors, found = ground(settings(anchors=[anchor("a", 0, 0)], sections=[section]))
    rows = corridors.frame[found.section]
    assert set(rows.highway) == {"motorway"}
    assert rows.length_m.sum() == pytest.approx(6000, rel=0.01)
    assert found.opened[found.section].all()
    assert len(found.anchors("section")) == 2
    far = {**section, "within_m": 100}
    _, none = ground(settings(anchors=[anchor("a", 0, 0)], sections=[far]))
    assert not none.section.any()
    assert any("not on the map" in note.en for note in none.notes)


def test_each_district_without_an_anchor_gets_one_at_its_densest_roads() -> None:
    corridors, found = ground(settings(district_anchors=True))
    (node,) = found.anchors("district")
    at = corridors.node_xy[node] - [500_000, 4_060_000]
    assert (at >= -1).all()
    assert (at <= 6001).all()


def test_worth_is_the_sum_that_the_note_writes() -> None:
    asked = settings(anchors=[anchor("a", 0, 0, "closed")], long_road_km=12, decay_m=4000)
    corridors, found = ground(asked)
    metres = corridors.frame["length_m"].to_numpy()
    covered = np.full(len(metres), 0.4)
    points = road_points(found, metres, covered, asked)
    row = int(np.flatnonzero(found.served.toarray().sum(axis=0) * (found.reason == ""))[0])
    sort = {name: g.worth.value for g in asked.groups for name in g.classes}
    rate = sort[corridors.frame["highway"].iloc[row]] + 0.5 * found.semi_open[row]
    rate *= 1 + 0.5 * 0.4
    rate *= min(1.0, 6000 / 12_000) / (1 + found.anchor_m[row] / 4000)
    worth = [item.worth.value for item in asked.scenarios] @ found.served[:, [row]]
    assert points[row] == pytest.approx(rate * metres[row] / 1000 + worth[0], rel=1e-3)


def test_costs_are_whole_yuan_and_nothing_for_open_roads() -> None:
    asked = settings(
        signs_cny_per_km=1000, assessment_cny_per_km=500, hd_map_cny_per_km=200, rsu_per_km=2,
        rsu_cny=100,
    )  # fmt: skip
    opening, retrofit = road_costs(
        np.array([1234.5, 1000.0]), np.array([0.25, 0.0]), np.array([False, True]), asked
    )
    assert opening.tolist() == [round(1.2345 * 1500), 0]
    assert retrofit.tolist() == [round(1.2345 * (200 + 2 * 100 * 0.75)), 0]
