"""What tag values mean."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siting.frames import ROAD_CLASSES
from siting.inputs import tags


@pytest.mark.parametrize(
    ("value", "kmh"),
    [
        ("60", 60), ("60 km/h", 60), ("40 mph", 64.37376), ("40mph", 64.37376), ("10 knots", 18.52),
        ("60;80", 60), ("walk", 5), ("CN:urban", 50), ("CN:rural", 70), ("DE:rural", 100),
        ("RU:urban", 50), ("CN:motorway", 120), ("GB:nsl_dual", 112.65408),
    ],
)  # fmt: skip
def test_speed_limits_are_km_per_hour(value: str, kmh: float) -> None:
    assert tags.speed_kmh(value) == pytest.approx(kmh)


@pytest.mark.parametrize("value", ["", "none", "signals", "0", "999", "variable", "CN:nonsense"])
def test_no_number_is_made_up_for_a_speed(value: str) -> None:
    assert math.isnan(tags.speed_kmh(value))


@pytest.mark.parametrize(
    ("value", "count"), [("2", 2), ("3;2", 3), ("1.5", 1.5), ("2.0", 2), ("4 lanes", 4)]
)
def test_lanes_are_counted(value: str, count: float) -> None:
    assert tags.lanes(value) == count


@pytest.mark.parametrize("value", ["", "yes", "0", "99", "-"])
def test_lanes_that_cannot_be_are_unknown(value: str) -> None:
    assert math.isnan(tags.lanes(value))


@given(st.text(max_size=20))
def test_any_text_is_survived(value: str) -> None:
    speed, count = tags.speed_kmh(value), tags.lanes(value)
    assert math.isnan(speed) or 0 < speed <= 200
    assert math.isnan(count) or 0 < count <= 20
    assert tags.direction(value, value, value) in {-1, 0, 1}
    assert tags.road_class(value) in {None, "", *ROAD_CLASSES}
    assert tags.is_set(value) in {True, False}
    assert tags.facility_kind({"amenity": value, "building": value}.get) in {
        "", *tags.FACILITY_TAGS.values(),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("primary", "primary"), ("Primary", "primary"), ("living street", "living_street"),
        ("主干路", "primary"), ("高速公路", "motorway"), ("footway", ""), ("track_grade3", ""),
        ("boulevard", None), ("", None),
    ],
)  # fmt: skip
def test_road_classes_are_known_by_several_words(value: str, expected: str | None) -> None:
    assert tags.road_class(value) == expected


def test_every_alias_means_a_road_class() -> None:
    assert set(tags.ROAD_ALIASES.values()) <= set(ROAD_CLASSES)
    assert not tags.NOT_FOR_CARS & {*ROAD_CLASSES, *tags.ROAD_ALIASES}


@pytest.mark.parametrize(
    ("given_tags", "code"),
    [
        ({"ref": "370102"}, "370102"), ({"adcode": "370102001"}, "370102001"),
        ({"ref": "G309"}, ""), ({"ref": "37010"}, ""), ({}, ""),
    ],
)  # fmt: skip
def test_division_codes_have_their_digits(given_tags: dict[str, str], code: str) -> None:
    assert tags.adcode(given_tags.get) == code
