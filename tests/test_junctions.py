"""Junctions: what a person counts as one, on small shapes and on real streets."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from handroads import Way, dual, make_network, make_roads
from scipy.spatial import cKDTree

from siting.datum import metric_crs
from siting.layers import read_map
from siting.network import Junctions, Network, build_network, find_junctions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from siting.frames import Roads

SHARED = Path(__file__).parents[1].parent / "shared"
ENDS = (-500.0, 500.0)
"""Where the roads of the small shapes end."""


def found(
    ways: Sequence[Way], signals: Sequence[tuple[float, float]] = ()
) -> tuple[Network, Junctions]:
    roads = make_roads(ways, signals)
    network = make_network(roads)
    return network, find_junctions(network, roads)


def crossing_of_duals() -> list[Way]:
    stops = (-500.0, -10.0, 10.0, 500.0)
    east = dual("x", 0.0, stops, name="经十路", highway="primary")
    north = dual("y", 0.0, stops, name="舜耕路")
    return [*east, *north]


def test_a_crossing_of_dual_carriageways_is_one_junction_with_four_legs() -> None:
    network, junctions = found(crossing_of_duals(), signals=[(10.0, 10.0), (-10.0, -10.0)])
    assert len(junctions.junction_id) == 1
    assert np.count_nonzero(junctions.of_node == 0) == 4
    assert (junctions.legs[0], junctions.signals[0], junctions.key[0]) == (4, 2, True)
    assert (junctions.kind[0], junctions.name[0]) == ("signal", "经十路/舜耕路")
    middle = network.node_xy[junctions.of_node == 0].mean(axis=0)
    assert np.hypot(*(junctions.xy[0] - middle)) < 0.01


def test_its_id_is_its_lowest_vertex() -> None:
    network, junctions = found(crossing_of_duals())
    lowest = network.node_id[junctions.of_node == 0].min()
    assert junctions.junction_id.tolist() == [f"j{lowest}"]


def test_a_side_street_into_a_dual_carriageway_is_one_junction_of_three_legs() -> None:
    east = dual("x", 0.0, (-500.0, 0.0, 500.0), gap=40.0, highway="primary")
    street = Way([(0.0, 500.0), (0.0, 20.0), (0.0, -20.0)], highway="tertiary")
    _, junctions = found([*east, street])
    assert junctions.kind.tolist() == ["crossing"]
    assert junctions.legs.tolist() == [3]


def test_streets_that_face_each_other_over_a_closed_median_are_one_junction() -> None:
    east = dual("x", 0.0, (-500.0, 0.0, 500.0), highway="primary", name="大街")
    south = Way([(0.0, -10.0), (0.0, -500.0)], highway="tertiary")
    north = Way([(0.0, 10.0), (0.0, 500.0)], highway="tertiary")
    _, junctions = found([*east, north, south])
    assert junctions.legs.tolist() == [4]


def test_an_opening_of_the_median_is_no_junction() -> None:
    east = dual("x", 0.0, (-500.0, 0.0, 500.0), highway="primary")
    _, junctions = found([*east, Way([(0.0, -10.0), (0.0, 10.0)], highway="primary_link")])
    assert len(junctions.junction_id) == 0


def test_where_a_road_becomes_dual_there_is_no_junction() -> None:
    ways = [
        Way([(-500.0, 0.0), (0.0, 0.0)]),
        Way([(0.0, 0.0), (40.0, -8.0), (500.0, -8.0)], oneway=1),
        Way([(500.0, 8.0), (40.0, 8.0), (0.0, 0.0)], oneway=1),
    ]
    network, junctions = found(ways)
    assert len(junctions.junction_id) == 0
    assert (junctions.of_node == -1).all()
    assert len(network.node_id) == 4


def test_slip_roads_and_their_islands_belong_to_the_crossing() -> None:
    stops = (-500.0, -60.0, -10.0, 10.0, 60.0, 500.0)
    ways = [*dual("x", 0.0, stops, highway="primary"), *dual("y", 0.0, stops)]
    turns = [
        Way([(-60.0, -10.0), (-22.0, -22.0), (-10.0, -60.0)], "primary_link", oneway=1),
        Way([(10.0, -60.0), (22.0, -22.0), (60.0, -10.0)], "secondary_link", oneway=1),
        Way([(60.0, 10.0), (22.0, 22.0), (10.0, 60.0)], "primary_link", oneway=1),
        Way([(-10.0, 60.0), (-22.0, 22.0), (-60.0, 10.0)], "secondary_link", oneway=1),
    ]
    _, junctions = found([*ways, *turns])
    assert junctions.legs.tolist() == [4]
    assert np.count_nonzero(junctions.of_node == 0) == 12


@pytest.mark.parametrize("tagged", [True, False])
def test_a_roundabout_is_one_junction(tagged: bool) -> None:  # noqa: FBT001
    turn = np.radians(np.arange(0, 360, 15))
    ring = [(35 * math.cos(a), 35 * math.sin(a)) for a in turn]
    ways = [Way([*ring, ring[0]], oneway=1, roundabout=tagged)]
    ways += [Way([ring[i], (ring[i][0] * 12, ring[i][1] * 12)]) for i in (0, 6, 12, 18)]
    _, junctions = found(ways)
    assert junctions.legs.tolist() == [4]
    assert junctions.kind.tolist() == ["crossing"]
    assert np.hypot(*(junctions.xy[0] - np.array([500_000.0, 4_060_000.0]))) < 1.0


@pytest.mark.parametrize("block", [60.0, 80.0, 120.0])
def test_short_blocks_keep_their_junctions_apart(block: float) -> None:
    at = [block * i for i in range(8)]
    ways = [Way([(x, y) for x in at], name=f"横{y}") for y in at]
    ways += [Way([(x, y) for y in at], name=f"纵{x}") for x in at]
    _, junctions = found(ways)
    assert len(junctions.junction_id) == 64 - 4


def test_a_one_way_block_is_four_junctions() -> None:
    ring = [(0.0, 0.0), (80.0, 0.0), (80.0, 80.0), (0.0, 80.0)]
    ways = [
        Way([(-300.0, 0.0), ring[0], ring[1], (380.0, 0.0)], oneway=1),
        Way([(80.0, -300.0), ring[1], ring[2], (80.0, 380.0)], oneway=1),
        Way([(380.0, 80.0), ring[2], ring[3], (-300.0, 80.0)], oneway=1),
        Way([(0.0, 380.0), ring[3], ring[0], (0.0, -300.0)], oneway=1),
    ]
    assert len(found(ways)[1].junction_id) == 4


def test_streets_every_70_m_along_a_dual_road_stay_apart() -> None:
    at = [70.0 * i for i in range(10)]
    main = dual("x", 0.0, (-300.0, *at, 930.0), highway="primary", name="大街")
    side = [Way([(x, -300.0), (x, -10.0), (x, 10.0), (x, 300.0)], "tertiary") for x in at]
    _, junctions = found([*main, *side])
    assert len(junctions.junction_id) == 10
    assert set(junctions.legs.tolist()) == {4}


def test_streets_a_little_askew_are_one_junction() -> None:
    ways = [
        Way([(-500.0, 0.0), (0.0, 0.0), (25.0, 0.0), (500.0, 0.0)]),
        Way([(0.0, 0.0), (0.0, 500.0)]),
        Way([(25.0, 0.0), (25.0, -500.0)]),
    ]
    _, junctions = found(ways)
    assert junctions.legs.tolist() == [4]


def test_stop_lines_before_a_junction_are_its_signals_and_crossings_between_are_none() -> None:
    ways = [
        Way([(-500.0, 0.0), (-200.0, 0.0), (-25.0, 0.0), (0.0, 0.0), (500.0, 0.0)]),
        Way([(0.0, -500.0), (0.0, 0.0), (0.0, 500.0)]),
    ]
    _, junctions = found(ways, signals=[(-25.0, 0.0), (-200.0, 0.0)])
    assert junctions.signals.tolist() == [1]
    assert junctions.kind.tolist() == ["signal"]


def test_lesser_streets_make_minor_junctions() -> None:
    ways = [
        Way([(-500.0, 0.0), (0.0, 0.0), (500.0, 0.0)], "secondary"),
        Way([(0.0, 0.0), (0.0, 500.0)], "residential"),
    ]
    _, junctions = found(ways)
    assert (junctions.kind.tolist(), junctions.key.tolist()) == (["minor"], [False])
    assert junctions.highest.tolist() == [3]


def test_a_road_that_splays_to_join_another_meets_it_once() -> None:
    east = dual("x", 0.0, (-500.0, -40.0, 40.0, 500.0), 16.0, highway="primary")
    ways = [
        Way([(0.0, -500.0), (0.0, -60.0)], "secondary"),
        Way([(0.0, -60.0), (40.0, -8.0)], "secondary", oneway=1),
        Way([(-40.0, -8.0), (0.0, -60.0)], "secondary", oneway=1),
    ]
    _, junctions = found([*east, *ways])
    assert junctions.legs.tolist() == [3]
    assert junctions.key.tolist() == [True]


@pytest.mark.parametrize("seed", range(4))
def test_junctions_are_the_same_however_the_roads_are_ordered(seed: int) -> None:
    ways = [*diamond(), *(_moved(way, 0.0, 3000.0) for way in crossing_of_duals())]
    one, first = found(ways)
    order = np.random.default_rng(seed).permutation(len(ways))
    two, second = found([ways[i] for i in order])
    assert first.junction_id.tolist() == second.junction_id.tolist()
    assert first.kind.tolist() == second.kind.tolist()
    assert first.name.tolist() == second.name.tolist()
    assert first.xy == pytest.approx(second.xy)
    assert one.node_id.tolist() == two.node_id.tolist()
    assert first.of_node.tolist() == second.of_node.tolist()


def _moved(way: Way, x: float, y: float) -> Way:
    return replace(way, points=[(a + x, b + y) for a, b in way.points])


def diamond() -> list[Way]:
    """Lay an expressway over a street, with an exit and an entrance on either side."""
    main = dual("x", 0.0, (-2000.0, -300.0, 300.0, 2000.0), name="绕城高速", highway="motorway")
    street = Way(
        [(0.0, -800.0), (0.0, -60.0), (0.0, 60.0), (0.0, 800.0)], "secondary", name="工业路"
    )
    ramps = [
        Way([(-300.0, -10.0), (-150.0, -45.0), (0.0, -60.0)], "motorway_link", oneway=1),
        Way([(0.0, -60.0), (150.0, -45.0), (300.0, -10.0)], "motorway_link", oneway=1),
        Way([(300.0, 10.0), (150.0, 45.0), (0.0, 60.0)], "motorway_link", oneway=1),
        Way([(0.0, 60.0), (-150.0, 45.0), (-300.0, 10.0)], "motorway_link", oneway=1),
    ]
    return [*main, street, *ramps]


def test_an_interchange_is_one_and_its_ramp_ends_are_junctions_of_their_own() -> None:
    network, junctions = found(diamond())
    kinds = sorted(junctions.kind.tolist())
    assert kinds == ["interchange", "ramp", "ramp"]
    big = int(np.flatnonzero(junctions.kind == "interchange")[0])
    assert np.count_nonzero(junctions.of_node == big) == 4
    assert np.hypot(*(junctions.xy[big] - np.array([500_000.0, 4_060_000.0]))) < 1.0
    assert junctions.name[big] == "绕城高速"
    for row in np.flatnonzero(junctions.kind == "ramp"):
        assert network.node_xy[junctions.of_node == row].shape == (1, 2)
        assert junctions.key[row]


def test_interchanges_down_the_road_stay_apart() -> None:
    _, junctions = found([*diamond(), *(_moved(way, 4000.0, 0.0) for way in diamond())])
    assert (junctions.kind == "interchange").sum() == 2
    assert (junctions.kind == "ramp").sum() == 4


def test_a_service_area_beside_an_expressway_is_no_interchange() -> None:
    main = dual("x", 0.0, (-2000.0, -300.0, 300.0, 2000.0), highway="motorway")
    ways = [
        Way([(-300.0, -10.0), (-100.0, -60.0)], "motorway_link", oneway=1),
        Way([(-100.0, -60.0), (100.0, -60.0)], "service"),
        Way([(100.0, -60.0), (300.0, -10.0)], "motorway_link", oneway=1),
        Way([(0.0, -150.0), (-100.0, -60.0)], "service"),
    ]
    assert not found([*main, *ways])[1].key.any()


def real(folder: str, file: str) -> tuple[Roads, Network]:
    path = SHARED / "data" / folder / file
    if not path.exists():
        pytest.skip(f"the extract {file} is not here")
    roads = read_map(path, "wgs84").roads
    return roads, build_network(roads, metric_crs(*roads.frame.total_bounds))


HAND_COUNT = {
    # Each checked by eye on a drawing of the streets: all vertices where roads part or cross
    # within the junction, and nodes of the next junctions, which are others.
    "共和新路/天目中路: dual by dual, a slip road and a lane that parts": (
        [109431506, 559812391, 559812401, 829787648, 829787649, 10235759614, 11416973346],
        [1845635922],
        4,
    ),
    "中山北路/共和新路: dual by dual, the carriageways of 共和新路 far apart": (
        [565170060, 565170203, 827637359, 827637374, 9809114511, 9856097249],
        [565170474],
        4,
    ),
    "世纪大道/浦东南路: dual with side roads by dual, eight crossings": (
        [
            *(85654851, 87739322, 115547719, 115547773, 476914699, 476914724),
            *(8836021688, 10235757611),
        ],
        [495771172, 554689606],
        4,
    ),
    "中山南路/陆家浜路: dual by dual, a double slip road in the south": (
        [476561865, 476561935, 476562078, 476562079, 4573378105, 5558596909, 7424601114],
        [482734042],
        4,
    ),
}


@pytest.mark.slow
def test_junctions_of_central_shanghai_are_what_a_person_counts() -> None:
    roads, network = real("shanghai", "shanghai_center_2025-08-09.osm.pbf")
    junctions = find_junctions(network, roads)
    of = dict(zip(network.node_id.tolist(), junctions.of_node.tolist(), strict=True))
    for place, (inside, others, legs) in HAND_COUNT.items():
        number = {of[vertex] for vertex in inside}
        assert len(number) == 1, place
        row = number.pop()
        members = set(network.node_id[junctions.of_node == row].tolist())
        assert members == set(inside), place
        assert junctions.kind[row] == "signal", place
        assert junctions.legs[row] == legs, place
        assert all(of[vertex] not in {row, -1} for vertex in others), place


@pytest.mark.slow
def test_signals_of_central_shanghai_stand_in_key_junctions_that_are_apart() -> None:
    roads, network = real("shanghai", "shanghai_center_2025-08-09.osm.pbf")
    junctions = find_junctions(network, roads)
    # The rest are crossings between junctions and signals where the extract ends.
    assert junctions.signals[junctions.key].sum() >= 0.9 * network.signal.sum()
    assert (junctions.signals[junctions.key] > 0).mean() > 0.7
    close = cKDTree(junctions.xy[junctions.key]).query_pairs(40.0)
    assert len(close) <= 0.005 * junctions.key.sum()


@pytest.mark.slow
def test_junctions_of_real_jinan_are_as_dense_as_a_city_and_found_in_two_seconds() -> None:
    roads, network = real("jinan", "jinan_drive.osm.pbf")
    start = time.perf_counter()
    junctions = find_junctions(network, roads)
    assert time.perf_counter() - start < 2.0
    # Beijing counts 2.6 a km2 and Wuxi 1.4 in their pilot areas; within 5 km of the centre:
    centre = np.median(network.node_xy, axis=0)
    near = junctions.key & (np.hypot(*(junctions.xy - centre).T) < 5000.0)
    assert 2.0 < near.sum() / (math.pi * 25) < 8.0
    level = junctions.key & (junctions.kind != "interchange")
    assert len(cKDTree(junctions.xy[level]).query_pairs(30.0)) == 0


def test_a_map_without_any_fork_has_no_junction() -> None:
    ring = [(0.0, 0.0), (90.0, 0.0), (40.0, 90.0), (0.0, 0.0)]
    for ways in ([Way(ring)], [Way([(0.0, 0.0), (500.0, 0.0)])], [Way(ring, oneway=1)]):
        network, junctions = found(ways)
        assert len(junctions.junction_id) == 0
        assert junctions.of_node.tolist() == [-1] * len(network.node_id)
        assert junctions.xy.shape == (0, 2)
