"""Packing: what is unpacked is what was packed, and generalising says what it left out."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from plans import WGS84, make_plan

from siting.webmap.pack import (
    LINE_UNIT,
    MAP_CLASSES,
    POINT_UNIT,
    numbers,
    pack_chains,
    pack_outlines,
    pack_points,
    pack_roads,
    vlq,
)

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
WHOLE = st.integers(-(2**50), 2**50)
LON = st.integers(-1_790_000_000, 1_790_000_000).map(lambda value: value / 1e7)
LAT = st.integers(-800_000_000, 800_000_000).map(lambda value: value / 1e7)


def unvlq(text: str) -> list[int]:
    """Decode base64 VLQ one character at a time, as its definition reads."""
    values, value, shift = [], 0, 0
    for character in text:
        digit = DIGITS.index(character)
        value += (digit & 31) << shift
        shift += 5
        if digit < 32:
            values.append(-(value >> 1) if value & 1 else value >> 1)
            value, shift = 0, 0
    return values


def unchain(packed: dict[str, Any]) -> list[np.ndarray]:
    stream, at, lines = unvlq(packed["xy"]), 0, []
    here = np.array(packed["origin"])
    for _ in range(packed["count"]):
        count = stream[at]
        moves = np.array(stream[at + 1 : at + 1 + 2 * count]).reshape(-1, 2)
        points = here + np.cumsum(moves, axis=0)
        here, at = points[-1], at + 1 + 2 * count
        lines.append(points * packed["unit"])
    assert at == len(stream)
    return lines


@given(st.lists(WHOLE, max_size=60))
def test_integers_come_back_from_vlq(values: list[int]) -> None:
    assert unvlq(vlq(np.array(values, dtype=np.int64))) == values


def test_vlq_is_that_of_source_maps() -> None:
    # Values as the source-map revision 3 coding has them.
    assert vlq([0, 1, -1, 15, 16, -16, 511, 512]) == "ACDegBhB+fggB"


@given(st.lists(st.lists(st.tuples(LON, LAT), min_size=2, max_size=9), max_size=8))
def test_lines_come_back_within_half_a_step(lines: list[list[tuple[float, float]]]) -> None:
    shapes = np.array([shapely.LineString(line) for line in lines], dtype=object)
    back = unchain(pack_chains(shapes))
    assert len(back) == len(lines)
    for line, points in zip(lines, back, strict=True):
        assert np.allclose(points[0], line[0], atol=LINE_UNIT * 0.51, rtol=0)
        assert np.allclose(points[-1], line[-1], atol=LINE_UNIT * 0.51, rtol=0)
        drift = shapely.hausdorff_distance(shapely.LineString(line), shapely.LineString(points))
        assert drift <= LINE_UNIT


def test_points_come_back_within_half_a_step() -> None:
    frame = make_plan().stations
    packed = pack_points(frame.geometry)
    moves = np.array(unvlq(packed["xy"])).reshape(-1, 2)
    back = (np.array(packed["origin"]) + np.cumsum(moves, axis=0)) * packed["unit"]
    want = shapely.get_coordinates(frame.geometry)
    assert np.abs(back - want).max() <= POINT_UNIT * 0.51


def test_nothing_packs_to_nothing() -> None:
    none = gpd.GeoSeries([], crs=WGS84)
    assert pack_points(none)["xy"] == ""
    assert pack_chains(np.array([], dtype=object)) | {"unit": 0} == {
        "unit": 0,
        "origin": [0, 0],
        "count": 0,
        "xy": "",
    }


def test_every_class_keeps_its_length() -> None:
    roads = make_plan(streets=18).roads
    packed = pack_roads(roads)
    assert packed["dropped"] == []
    for part in packed["classes"]:
        members = roads.geometry[roads.highway.isin(MAP_CLASSES[part["id"]])]
        length = sum(shapely.LineString(line).length for line in unchain(part))
        assert length == pytest.approx(shapely.length(members.to_numpy()).sum(), rel=0.01)


def test_edges_that_only_continue_one_another_become_one_line() -> None:
    xs = np.linspace(117.0, 117.1, 21)
    edges = [shapely.LineString([(a, 36.6), (b, 36.6)]) for a, b in pairwise(xs)]
    frame = gpd.GeoDataFrame(
        {"highway": ["primary_link"] * 20, "name": ""}, geometry=edges, crs=WGS84
    )
    primary = next(part for part in pack_roads(frame)["classes"] if part["id"] == "primary")
    (line,) = unchain(primary)
    assert len(line) == 2


def test_roads_over_budget_lose_their_finest_classes_and_say_so() -> None:
    roads = make_plan(streets=18).roads
    whole = pack_roads(roads)
    size = {part["id"]: len(part["xy"]) for part in whole["classes"]}
    budget = sum(size.values()) // 3
    less = pack_roads(roads, budget=budget)
    kept = [part["id"] for part in less["classes"]]
    assert kept == list(MAP_CLASSES)[: len(kept)]
    assert less["dropped"] == [name for name in MAP_CLASSES if name not in kept]
    assert less["tolerance_m"] > whole["tolerance_m"]
    assert sum(len(part["xy"]) for part in less["classes"]) <= budget
    assert [part["id"] for part in pack_roads(roads, budget=1)["classes"]] == ["motorway"]


def test_road_names_read_upright_and_once_a_neighbourhood() -> None:
    packed = pack_roads(make_plan(streets=18, hostile=False).roads)["labels"]
    assert packed["text"]
    assert all(-90 <= angle <= 90 for angle in packed["angle"])
    moves = np.array(unvlq(packed["xy"])).reshape(-1, 2)
    at = (np.array(packed["origin"]) + np.cumsum(moves, axis=0)) * packed["unit"]
    inside = np.abs((at / 0.025 + 0.5) % 1 - 0.5).min(axis=1) > 1e-3
    rows = zip(packed["text"], at // 0.025, inside, strict=True)
    where = [(text, *cell) for text, cell, clear in rows if clear]
    assert len(where) > 100
    assert len(set(where)) == len(where)


def test_areas_keep_holes_parts_and_shared_borders() -> None:
    ring = shapely.box(0, 0, 3, 3).difference(shapely.box(1, 1, 2, 2))
    pair = shapely.MultiPolygon([shapely.box(3, 0, 5, 3), shapely.box(6, 0, 6.5, 1)])
    areas = gpd.GeoSeries([ring, pair], crs=WGS84)
    packed = pack_outlines(areas)
    rings = [shapely.Polygon(line) for line in unchain(packed["outline"])]
    assert packed["ring_of"] == [0, 0, 1, 1]
    assert rings[0].symmetric_difference(rings[1]).area == pytest.approx(8.0, abs=1e-3)
    assert sum(part.area for part in rings[2:]) == pytest.approx(6.5, abs=1e-3)
    moves = np.array(unvlq(packed["label"]["xy"])).reshape(-1, 2)
    at = (np.array(packed["label"]["origin"]) + np.cumsum(moves, axis=0)) * POINT_UNIT
    assert ring.contains(shapely.Point(at[0]))
    assert pair.geoms[0].contains(shapely.Point(at[1]))


def test_a_ragged_shared_border_is_simplified_alike_on_both_sides() -> None:
    rng = np.random.default_rng(3)
    border = np.column_stack([117.2 + rng.normal(0, 5e-5, 400), np.linspace(36.5, 36.7, 400)])
    west = shapely.Polygon([(117.0, 36.5), *border, (117.0, 36.7)])
    east = shapely.Polygon([(117.4, 36.7), *border[::-1], (117.4, 36.5)])
    packed = pack_outlines(gpd.GeoSeries([west, east], crs=WGS84))
    left, right = (shapely.Polygon(line) for line in unchain(packed["outline"]))
    assert shapely.get_num_coordinates(left) < 300
    assert left.intersection(right).area == pytest.approx(0, abs=1e-9)
    assert left.union(right).area == pytest.approx(0.08, rel=1e-3)


def test_numbers_are_plain_and_the_unknown_is_none() -> None:
    assert numbers(np.array([1.26, -0.04, np.nan, np.inf]), 1) == [1.3, 0.0, None, None]
    assert numbers(np.array([2.0, np.nan])) == [2, None]
    assert [type(value) for value in numbers(np.array([2.4, 7.0]))] == [int, int]
