"""Excluded land: which sites it cuts and which it makes dearer, and rows that can't be right."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from handtown import CRS_M, lonlat, make_facilities
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pyproj import Geod

from siting.errors import InputError
from siting.model.land import Exclusion
from siting.own.dropping import judge_roads, land_for
from siting.own.exclusions import cut_report, exclusion_frame, judge_places

CORNER = np.array([500_000.0, 4_060_000.0])
NOBODY = make_facilities([])


def layer(rows: list[dict[str, Any]]) -> gpd.GeoDataFrame:
    """Make a layer of rectangles (x0, y0, x1, y1), metres from the corner."""
    rings = [shapely.get_coordinates(shapely.box(*row.pop("box"))) for row in rows]
    shapes = [shapely.Polygon(lonlat(ring)) for ring in rings]
    return gpd.GeoDataFrame(rows, geometry=shapes, crs=4326)


def judged(
    frame: gpd.GeoDataFrame, at: list[tuple[float, float]], kinds: list[str]
) -> tuple[list[int], list[float]]:
    land = judge_places(
        frame, np.array(at, dtype=float) + CORNER, np.array(kinds, dtype=object), CRS_M
    )
    return land.cut.tolist(), land.cost_factor.tolist()


def test_a_layer_without_rules_cuts_every_site_on_it() -> None:
    frame = exclusion_frame((), layer([{"box": (0, 0, 100, 100), "name": "红线"}]), NOBODY)
    assert judged(frame, [(50, 50), (150, 50)], ["mall", "roadside"]) == ([0, -1], [1, 1])
    assert frame["reason"].tolist() == ["红线"]


def test_a_buffer_reaches_as_far_as_it_says() -> None:
    rules = (Exclusion(kind="water", buffer_m=30),)
    land = layer([{"box": (0, 0, 100, 100), "kind": "water"}, {"box": (0, 0, 9, 9), "kind": "x"}])
    frame = exclusion_frame(rules, land, NOBODY)
    assert len(frame) == 1
    # A corner is rounded: (125, 125) lies 35 m from it.
    at = [(129, 50), (131, 50), (120, 120), (125, 125)]
    assert judged(frame, at, ["mall"] * 4)[0] == [0, -1, 0, -1]


def test_only_the_named_kinds_of_sites_are_held() -> None:
    rules = (Exclusion(sites=("fuel", "roadside")),)
    frame = exclusion_frame(rules, layer([{"box": (0, 0, 100, 100)}]), NOBODY)
    kinds = ["fuel", "roadside", "mall", "charging_station"]
    assert judged(frame, [(50, 50)] * 4, kinds)[0] == [0, 0, -1, -1]


def test_the_dearest_of_several_counts_and_a_cut_goes_before() -> None:
    land = layer(
        [
            {"box": (0, 0, 100, 100), "effect": "dearer", "cost_factor": 1.5},
            {"box": (50, 0, 150, 100), "effect": "dearer", "cost_factor": 3.0},
            {"box": (140, 0, 200, 100), "effect": "", "cost_factor": np.nan},
        ]
    )
    frame = exclusion_frame((), land, NOBODY)
    at = [(10, 10), (60, 10), (145, 10), (160, 10), (300, 10)]
    assert judged(frame, at, ["mall"] * 5) == ([-1, -1, 2, 2, -1], [1.5, 3.0, 3.0, 1.0, 1.0])


def test_schools_and_hospitals_keep_their_distance_from_the_edge_of_their_ground() -> None:
    facilities = make_facilities(
        [
            ("school", "一中", 0, 0, np.pi * 40.0**2, np.nan),
            ("hospital", "", 1000, 0, np.nan, np.nan),
            ("mall", "", 500, 0, np.nan, np.nan),
        ]
    )
    rules = (Exclusion(near=("school", "hospital"), buffer_m=50),)
    frame = exclusion_frame(rules, None, facilities)
    at = [(89, 0), (91, 0), (1049, 0), (1051, 0), (500, 0)]
    assert judged(frame, at, ["fuel"] * 5)[0] == [0, -1, 1, -1, -1]
    assert frame["reason"].tolist() == ["50 m of 一中", "50 m of hospital"]


@settings(max_examples=40, deadline=None)
@given(
    box=st.tuples(
        st.integers(0, 900), st.integers(0, 900), st.integers(1, 400), st.integers(1, 400)
    ),
    reach=st.integers(0, 300),
    at=st.tuples(st.integers(-400, 1600), st.integers(-400, 1600)),
)
def test_distance_is_that_of_another_way_to_measure_it(
    box: tuple[int, int, int, int], reach: int, at: tuple[int, int]
) -> None:
    x, y, w, h = box
    frame = exclusion_frame(
        (Exclusion(buffer_m=reach),), layer([{"box": (x, y, x + w, y + h)}]), NOBODY
    )
    nearest = (min(max(at[0], x), x + w), min(max(at[1], y), y + h))
    ends = lonlat(np.array([at, nearest], dtype=float))
    metres = Geod(ellps="WGS84").inv(*ends[0], *ends[1])[2] if at != nearest else 0.0
    if abs(metres - reach) < 0.5:
        return
    assert (judged(frame, [at], ["mall"])[0] == [0]) == (metres < reach)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"effect": "forbid"}, "effect forbid"),
        ({"buffer_m": -3}, "buffer_m -3"),
        ({"buffer_m": "far"}, "buffer_m far"),
        ({"effect": "dearer"}, "cost_factor 1"),
        ({"sites": "mall、casino"}, "casino"),
    ],
)
def test_a_row_that_can_not_be_right_is_named(row: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError, match=problem) as caught:
        exclusion_frame((), layer([{"box": (0, 0, 1, 1), **row}]), NOBODY, where="red.gpkg")
    assert "red.gpkg" in str(caught.value)


def test_a_kind_that_the_layer_does_not_have_is_refused_with_those_it_has() -> None:
    with pytest.raises(InputError, match="湿地"):
        exclusion_frame(
            (Exclusion(kind="农田"),), layer([{"box": (0, 0, 1, 1), "kind": "湿地"}]), NOBODY
        )
    with pytest.raises(InputError, match=r"sources\.exclusions"):
        exclusion_frame((Exclusion(kind="农田"),), None, NOBODY)


@pytest.mark.parametrize(
    "rule",
    [
        {"near": ["school"]},
        {"near": ["school"], "kind": "water", "buffer_m": 5},
        {"effect": "dearer"},
        {"sites": ["casino"]},
        {"near": ["casino"], "buffer_m": 5},
        {"buffer_m": -1},
    ],
)
def test_a_rule_that_can_not_be_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Exclusion.model_validate(rule)


def test_the_report_counts_by_programme_and_reason_and_names_what_clauses_ask_for() -> None:
    rows = [
        ("charging", "x1", "mall", "红线"),
        ("charging", "x1", "service_area", "红线"),
        ("charging", "", "fuel", "farther than 1500 m from every road"),
        ("hydrogen", "x1", "fuel", "红线"),
        ("roadside", "x2", "bridge", "水域"),
    ]
    columns = ["programme", "exclusion_id", "kind", "reason"]
    dropped: Any = pd.DataFrame(rows, columns=columns)
    assert tuple(map(str, cut_report(dropped))) == (
        "2 candidate sites were dropped by excluded land: 红线 (2)",
        "1 of them that clauses ask for (service area, rest area) aren't counted",
        "1 places for hydrogen stations were dropped by excluded land: 红线 (1)",
        "1 sites of roadside units were dropped by excluded land: 水域 (1)",
        "1 of them that clauses ask for (tunnel, bridge, toll) aren't counted",
    )
    assert cut_report(dropped[2:3]) == ()
    assert cut_report(dropped[:0]) == ()


def test_a_rule_and_a_row_say_whom_they_touch() -> None:
    land = layer(
        [
            {"box": (0, 0, 9, 9)},
            {"box": (0, 0, 9, 9), "programmes": "路侧、测试道路"},
            {"box": (0, 0, 9, 9), "programmes": "全部"},
        ]
    )
    plain = exclusion_frame((), land, NOBODY)
    every = "charging hydrogen roadside testroads"
    assert plain["programmes"].tolist() == ["charging hydrogen", "roadside testroads", every]
    named = exclusion_frame((Exclusion(programmes=("roadside",)),), land, NOBODY)
    assert named["programmes"].tolist() == ["roadside", "roadside testroads", every]
    assert len(land_for(named, "hydrogen")) == 1
    with pytest.raises(InputError, match="programmes 水运"):
        exclusion_frame((), layer([{"box": (0, 0, 1, 1), "programmes": "水运"}]), NOBODY)
    with pytest.raises(ValidationError):
        Exclusion.model_validate({"programmes": []})


def test_roads_count_by_all_the_land_together_where_pieces_overlap_once() -> None:
    pieces = layer([{"box": (0, -5, 60, 5)}, {"box": (40, -5, 120, 5)}, {"box": (900, -5, 960, 5)}])
    frame = exclusion_frame((), pieces, NOBODY)
    xy = np.array([[0.0, 0.0], [1000.0, 0.0]]) + CORNER
    line = np.array([shapely.LineString(xy)], dtype=object)
    kinds = np.array(["primary"], dtype=object)
    # 120 m and 60 m of 1,000 m; pieces alone would be 60, 80 and 60.
    for least, row in ((0.17, 1), (0.19, -1)):
        said = judge_roads(frame, line, kinds, CRS_M, least)
        assert said.cut.tolist() == [row]
        assert (said.point[0] is None) == (row < 0)
    assert said.cost_factor.tolist() == [1.0]
