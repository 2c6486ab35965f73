"""The expressway section of a clause: found by its road, else a stand-in that is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from handroads import Way, make_network, make_roads, to_lonlat
from scipy.sparse import csr_array

from siting.candidates.section import complete_section, find_section
from siting.model.roadside import ExpresswaySection

STEPS = np.arange(0, 40_001, 1000.0)


def along(y: float, **more: Any) -> list[Way]:
    """Both carriageways of an expressway of 40 km."""
    there = [(float(x), y) for x in STEPS]
    back = [(x, y + 30) for x, _ in reversed(there)]
    return [Way(there, "motorway", oneway=1, **more), Way(back, "motorway", oneway=1, **more)]


ROADS = make_roads(
    [
        *along(0, name="滨莱高速", ref="G2516"),
        *along(9000, name="济青高速", ref="G20;G35"),
        Way([(0.0, 0.0), (0.0, 9000.0)], "primary", name="滨莱路"),
    ]
)
NETWORK = make_network(ROADS)


def asked(near: tuple[float, float] | None, **changes: Any) -> ExpresswaySection:
    lon, lat = (None, None) if near is None else to_lonlat([near])[0].tolist()
    usual = {"name": "测试段", "roads": ["滨莱"], "length_km": 10, "within_m": 3000}
    return ExpresswaySection.model_validate({**usual, "near_lon": lon, "near_lat": lat, **changes})


def span(edges: np.ndarray) -> tuple[float, float]:
    x = np.r_[NETWORK.node_xy[NETWORK.tail[edges], 0], NETWORK.node_xy[NETWORK.head[edges], 0]]
    return float(x.min() - NETWORK.node_xy[:, 0].min()), float(
        x.max() - NETWORK.node_xy[:, 0].min()
    )


def test_the_section_lies_around_its_middle_on_both_carriageways() -> None:
    found = find_section(NETWORK, ROADS, asked((20_000, 500)))
    assert not found.stand_in
    low, high = span(found.edges)
    assert (low, high) == (pytest.approx(15_000, abs=1500), pytest.approx(25_000, abs=1500))
    assert found.km == pytest.approx(10, abs=1.01)
    names = set(ROADS.frame["name"].to_numpy()[NETWORK.road[found.edges]])
    assert names == {"滨莱高速"}, "a primary road of a like name is none"
    assert np.unique(NETWORK.node_xy[NETWORK.tail[found.edges], 1].round(-1)).size == 2
    assert "10 km stated" in found.note.en


def test_a_ref_finds_the_road_too_and_no_place_means_its_middle() -> None:
    found = find_section(NETWORK, ROADS, asked(None, roads=["G35"]))
    low, high = span(found.edges)
    assert (low + high) / 2 == pytest.approx(20_000, abs=1500)
    assert set(ROADS.frame["name"].to_numpy()[NETWORK.road[found.edges]]) == {"济青高速"}


def test_another_expressway_stands_for_one_that_isnt_there() -> None:
    found = find_section(NETWORK, ROADS, asked((20_000, 4000), roads=["京沪"]))
    assert found.stand_in
    assert "not on this map" in found.note.en
    assert found.km == pytest.approx(10, abs=1.01)


def test_the_road_itself_stands_for_a_section_that_lies_elsewhere() -> None:
    found = find_section(NETWORK, ROADS, asked((20_000, 4000), within_m=10))
    assert found.stand_in
    assert "4 km from the stated middle" in found.note.en
    assert set(ROADS.frame["name"].to_numpy()[NETWORK.road[found.edges]]) == {"滨莱高速"}
    assert found.km == pytest.approx(10, abs=1.01)


def test_carriageways_that_meet_at_their_ends_are_both_in() -> None:
    ends = [Way([(x, 0.0), (x, 30.0)], "motorway", name="滨莱高速") for x in (0.0, 40_000.0)]
    roads = make_roads([*along(0, name="滨莱高速"), *ends])
    network = make_network(roads)
    found = find_section(network, roads, asked((20_000, 0)))
    assert found.km == pytest.approx(10, abs=1.01), "the lesser half counts nothing"
    assert network.twin[found.edges].any()
    assert not network.twin[found.edges].all()


def test_a_map_without_expressways_has_no_section() -> None:
    roads = make_roads([Way([(0.0, 0.0), (5000.0, 0.0)], "primary")])
    network = make_network(roads)
    found = find_section(network, roads, asked((0, 0)))
    assert not found.edges.any()
    assert found.km == 0
    assert "no expressway" in found.note.en


def test_a_section_is_heard_to_its_ends_by_the_site_beside_it() -> None:
    heard = csr_array(np.array([[1, 0, 0], [1, 1, 0], [0, 1, 1], [0, 0, 0], [0, 0, 1]]))
    section = np.array([True, True, True, True, False])
    whole = complete_section(np.array([True, False, False]), section, heard)
    assert whole.tolist() == [True, True, False], "point 2 needs one more, point 3 has none"
    again = complete_section(whole, section, heard)
    assert again.tolist() == whole.tolist()
    assert not complete_section(np.zeros(3, dtype=bool), np.zeros(5, dtype=bool), heard).any()
