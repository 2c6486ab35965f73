"""The simplified network, held against graph libraries and against shapes of known size."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import CRS, Geod
from scipy.sparse.csgraph import dijkstra

from siting.datum import geodesic_length_m
from siting.errors import InputError
from siting.frames import ROAD_CLASSES, Roads
from siting.network import (
    Network,
    build_network,
    centreline_km,
    cluster_junctions,
    components_report,
    main_nodes,
    snap,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SHARED = Path(__file__).parents[1].parent / "shared"
UTM = CRS.from_epsg(4548)
GEOD = Geod(ellps="WGS84")
ORIGIN = (117.0, 36.6)
M = 1 / 111_000
"""About a metre, in degrees of latitude."""


def roads_of(
    places: Mapping[int, tuple[float, float]],
    ways: Sequence[Sequence[int]],
    signals: Sequence[int] = (),
    **columns: Sequence[Any],
) -> Roads:
    """Roads through vertices given in metres from `ORIGIN`."""
    wide = M / math.cos(math.radians(ORIGIN[1]))
    at = {i: (ORIGIN[0] + x * wide, ORIGIN[1] + y * M) for i, (x, y) in places.items()}
    plain: dict[str, Any] = {
        "road_id": [f"way/{i}" for i in range(len(ways))],
        "highway": "residential",
        "name": "",
        "ref": "",
        "oneway": 0,
        "lanes": np.nan,
        "maxspeed_kmh": np.nan,
        "bridge": False,
        "tunnel": False,
        "roundabout": False,
    }
    table = pd.DataFrame(plain | columns, index=range(len(ways)))
    table["oneway"] = table["oneway"].astype("int8")
    lines = [shapely.LineString([at[v] for v in way]) for way in ways]
    points = gpd.GeoDataFrame(
        {
            "vertex_id": np.array(signals, dtype=np.int64),
            "kind": ["traffic_signals"] * len(signals),
        },
        geometry=[shapely.Point(at[v]) for v in signals],
        crs=4326,
    )
    return Roads(
        frame=gpd.GeoDataFrame(table, geometry=lines, crs=4326),
        vertex_id=np.concatenate([np.array(way, dtype=np.int64) for way in ways]),
        vertex_start=np.r_[0, np.cumsum([len(way) for way in ways])].astype(np.int64),
        signals=points,
    )


def network_of(roads: Roads, longest_m: float = math.inf) -> Network:
    return build_network(roads, UTM, longest_m=longest_m)


def raw_graph(roads: Roads) -> nx.DiGraph[int]:
    """Every vertex a node, by plain loops."""
    graph: nx.DiGraph[int] = nx.DiGraph()
    for row, line in enumerate(roads.frame.geometry):
        ids = roads.vertex_id[roads.vertex_start[row] : roads.vertex_start[row + 1]]
        oneway = roads.frame["oneway"].iloc[row]
        for k in range(len(ids) - 1):
            (x, y), (x2, y2) = line.coords[k], line.coords[k + 1]
            metres = GEOD.inv(x, y, x2, y2)[2]
            if oneway >= 0:
                graph.add_edge(int(ids[k]), int(ids[k + 1]), length=metres)
            if oneway <= 0:
                graph.add_edge(int(ids[k + 1]), int(ids[k]), length=metres)
    return graph


@st.composite
def street_maps(draw: st.DrawFn) -> Roads:
    """Walk ways over a small grid; they may touch, cross, close and turn back."""
    side = 4
    places = {
        10 + i * side + j: (i * 90.0 + 7 * ((i * 3 + j * 5) % 4), j * 110.0 + 5 * (i % 3))
        for i in range(side)
        for j in range(side)
    }
    moves = [(1, 0), (-1, 0), (0, 1), (0, -1)]
    ways = []
    for _ in range(draw(st.integers(1, 5))):
        i, j = draw(st.integers(0, side - 1)), draw(st.integers(0, side - 1))
        way = [10 + i * side + j]
        for di, dj in draw(st.lists(st.sampled_from(moves), min_size=1, max_size=9)):
            if 0 <= i + di < side and 0 <= j + dj < side:
                i, j = i + di, j + dj
                way.append(10 + i * side + j)
        if len(way) > 1:
            ways.append(way)
    if not ways:
        ways = [[10, 11]]
    pick = {
        "oneway": st.sampled_from([0, 0, 1, -1]),
        "highway": st.sampled_from(["residential", "residential", "primary"]),
        "name": st.sampled_from(["", "", "经十路"]),
        "bridge": st.sampled_from([False, False, True]),
    }
    columns = {
        key: draw(st.lists(kind, min_size=len(ways), max_size=len(ways)))
        for key, kind in pick.items()
    }
    return roads_of(places, ways, **columns)


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(roads=street_maps(), longest_m=st.sampled_from([math.inf, 250.0, 100.0]))
def test_travel_distances_are_those_of_the_unsimplified_graph(
    roads: Roads, longest_m: float
) -> None:
    network = network_of(roads, longest_m)
    graph = raw_graph(roads)
    expected = dict(nx.all_pairs_dijkstra_path_length(graph, weight="length"))
    found = dijkstra(network.travel)
    ids = network.node_id.tolist()
    for a, source in enumerate(ids):
        for b, target in enumerate(ids):
            assert found[a, b] == pytest.approx(expected[source].get(target, math.inf), abs=1e-6), (
                source,
                target,
            )


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(roads=street_maps())
def test_edges_hold_every_metre_once_and_one_kind_only(roads: Roads) -> None:
    network = network_of(roads)
    undirected = raw_graph(roads).to_undirected()
    total = sum(d["length"] for _, _, d in undirected.edges(data=True))
    assert network.length_m.sum() == pytest.approx(total)
    lonlat = gpd.GeoSeries(network.geometry, crs=UTM).to_crs(4326)
    assert geodesic_length_m(lonlat.to_numpy()) == pytest.approx(network.length_m, rel=1e-6)
    ends = shapely.get_coordinates(shapely.get_point(network.geometry, 0))
    assert ends == pytest.approx(network.node_xy[network.tail])
    ends = shapely.get_coordinates(shapely.get_point(network.geometry, -1))
    assert ends == pytest.approx(network.node_xy[network.head])
    assert (
        roads.frame["highway"].iloc[network.road] == np.array(ROAD_CLASSES)[network.highway]
    ).all()


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(roads=street_maps())
def test_nodes_are_those_that_osmnx_keeps(roads: Roads) -> None:
    osmnx = pytest.importorskip("osmnx")
    plain = Roads(
        roads.frame.assign(highway="residential", name="", bridge=False),
        roads.vertex_id,
        roads.vertex_start,
        roads.signals,
    )
    graph = nx.MultiDiGraph(raw_graph(plain), crs="epsg:4326")
    lonlat = dict(
        zip(plain.vertex_id.tolist(), shapely.get_coordinates(plain.frame.geometry), strict=True)
    )
    for node, data in graph.nodes(data=True):
        data["x"], data["y"] = lonlat[node]
    simple = osmnx.simplify_graph(graph, remove_rings=False)
    # A ring that touches nothing else keeps all its vertices there and one here.
    ringed = {
        node
        for part in nx.weakly_connected_components(graph)
        if all(
            graph.degree(n) in (2, 4) and len({*graph.pred[n], *graph.succ[n]}) == 2 for n in part
        )
        for node in part
    }
    network = network_of(plain)
    assert set(network.node_id.tolist()) - ringed == set(simple.nodes) - ringed
    directed = len(network.tail) + int((network.oneway == 0).sum())
    if not ringed:
        assert directed == simple.number_of_edges()


def test_ways_that_only_continue_each_other_are_one_edge() -> None:
    places = {i: (100.0 * i, 10.0 * (i % 2)) for i in range(1, 7)}
    network = network_of(roads_of(places, [[4, 3], [1, 2, 3], [4, 5, 6]]))
    assert sorted(network.node_id.tolist()) == [1, 6]
    assert len(network.tail) == 1
    assert network.road.tolist() == [1]  # of the two equally long ones, the first
    assert shapely.get_num_points(network.geometry).tolist() == [6]


@pytest.mark.parametrize(
    "columns",
    [
        {"highway": ["primary", "secondary"]},
        {"oneway": [0, 1]},
        {"bridge": [True, False]},
        {"tunnel": [False, True]},
        {"name": ["泉城路", "经四路"]},
        {"oneway": [1, -1]},
    ],
)
def test_an_edge_ends_where_the_road_changes(columns: dict[str, list[Any]]) -> None:
    places = {1: (0.0, 0.0), 2: (100.0, 0.0), 3: (200.0, 0.0)}
    network = network_of(roads_of(places, [[1, 2], [2, 3]], **columns))
    assert network.node_id.tolist() == [1, 2, 3]


def test_lines_of_one_way_roads_run_with_the_traffic() -> None:
    places = {1: (0.0, 0.0), 2: (100.0, 0.0), 3: (200.0, 0.0)}
    network = network_of(roads_of(places, [[1, 2, 3]], oneway=[-1]))
    assert network.node_id[network.tail].tolist() == [3]
    assert network.oneway.tolist() == [1]
    assert network.travel.toarray()[1, 0] == pytest.approx(network.length_m[0])
    assert network.travel.toarray()[0, 1] == 0


def test_directed_edges_drawn_both_ways_are_one_two_way_road() -> None:
    places = {1: (0.0, 0.0), 2: (100.0, 5.0), 3: (200.0, 0.0)}
    network = network_of(roads_of(places, [[1, 2, 3], [3, 2, 1]], oneway=[1, 1]))
    assert network.oneway.tolist() == [0]
    assert network.length_m.sum() == pytest.approx(200.4, rel=5e-3)


def test_rings_loops_and_parallel_roads_are_kept() -> None:
    places = {
        1: (0.0, 0.0),
        2: (100.0, 0.0),
        3: (100.0, 100.0),
        4: (50.0, -40.0),
        5: (900.0, 0.0),
        6: (950.0, 0.0),
        7: (950.0, 50.0),
        8: (-90.0, 0.0),
    }
    ways = [[1, 2], [1, 4, 2], [2, 3], [5, 6, 7, 5], [1, 8]]
    network = network_of(roads_of(places, ways))
    assert sorted(network.node_id.tolist()) == [1, 2, 3, 5, 8]
    assert int((network.tail == network.head).sum()) == 1
    straight = network.travel.toarray()[0, 1]
    assert straight == pytest.approx(100, rel=5e-3)  # of the two parallel ones, the shorter


@pytest.mark.parametrize("longest_m", [400.0, 250.0, 90.0])
def test_long_edges_are_divided_at_their_vertices(longest_m: float) -> None:
    places = {i: (100.0 * i, 3.0 * (i % 2)) for i in range(31)}
    network = network_of(roads_of(places, [list(range(31))]), longest_m)
    segment_m = 100.5
    assert network.length_m.max() <= max(longest_m, segment_m)
    assert network.length_m.sum() == pytest.approx(
        network_of(roads_of(places, [list(range(31))])).length_m.sum()
    )
    assert len(network.tail) <= 2 * math.ceil(30 * segment_m / longest_m)


def test_components_are_numbered_by_length_and_reported() -> None:
    places = {1: (0.0, 0.0), 2: (100.0, 0.0), 3: (0.0, 500.0), 4: (900.0, 500.0), 5: (901.0, 900.0)}
    network = network_of(roads_of(places, [[1, 2], [3, 4], [4, 5]]))
    report = components_report(network)
    assert [(c.component, c.nodes) for c in report] == [(0, 2), (1, 2)]
    assert [c.km for c in report] == pytest.approx([1.3, 0.1], rel=5e-3)
    assert network.component[network.node_id == 1].tolist() == [1]


def test_signals_mark_the_node_they_belong_to() -> None:
    places = {
        1: (0.0, 0.0),
        2: (480.0, 0.0),  # stop line, 20 m before the junction
        3: (500.0, 0.0),  # junction
        4: (500.0, 300.0),
        5: (700.0, 0.0),  # crossing far from any junction
        6: (1000.0, 0.0),
        7: (500.0, -300.0),
    }
    ways = [[1, 2, 3, 5, 6], [4, 3, 7]]

    def lit(*signals: int) -> list[int]:
        network = network_of(roads_of(places, ways, signals=signals))
        return network.node_id[network.signal].tolist()

    assert lit(2) == [3]
    assert lit(3) == [3]
    assert lit(5) == []
    assert lit(1, 2, 5) == [1, 3]


def carriageway(
    points: np.ndarray, offset_m: float, pieces: int, first_id: int
) -> tuple[dict[int, tuple[float, float]], list[list[int]]]:
    """One half of a road, beside the given line, cut into ways of equal vertex counts."""
    line = shapely.LineString(points)
    half = shapely.LineString(
        shapely.get_coordinates(shapely.offset_curve(line, offset_m, quad_segs=16))
    )
    along = np.linspace(0, half.length, 12 * pieces + 1)
    xy = shapely.get_coordinates(shapely.line_interpolate_point(half, along))
    ids = list(range(first_id, first_id + len(xy)))
    places = {i: (float(x), float(y)) for i, (x, y) in zip(ids, xy, strict=True)}
    return places, [ids[12 * k : 12 * k + 13] for k in range(pieces)]


def dual_carriageway(points: np.ndarray, gap_m: float, **columns: Any) -> tuple[Roads, float]:
    """Both halves, cut at different places by name changes of bridges; and the mean length."""
    right, right_ways = carriageway(points, -gap_m / 2, 7, 1000)
    left, left_ways = carriageway(points, gap_m / 2, 5, 5000)
    left_ways = [way[::-1] for way in left_ways]
    ways = right_ways + left_ways
    bridge = [k % 2 == 0 for k in range(7)] + [k % 2 == 0 for k in range(5)]
    plain: dict[str, Any] = {"highway": "trunk", "oneway": 1, "bridge": bridge}
    roads = roads_of(right | left, ways, **(plain | columns))
    return roads, float(geodesic_length_m(roads.frame.geometry.to_numpy()).sum()) / 2


@settings(deadline=None, max_examples=15)
@given(
    bearing=st.floats(0, 360),
    gap_m=st.floats(8, 45),
    traffic=st.sampled_from([1, -1]),
    bend=st.floats(-1, 1),
)
def test_dual_carriageways_count_once_in_any_direction_and_on_either_side(
    bearing: float, gap_m: float, traffic: int, bend: float
) -> None:
    along = np.linspace(0, 4000, 60)
    turn = math.radians(bearing) + bend * along / 4000
    step = np.column_stack([np.cos(turn), np.sin(turn)]) * (4000 / 59)
    roads, half_m = dual_carriageway(np.cumsum(step, axis=0), gap_m * traffic)
    network = network_of(roads, 1000.0)
    assert network.length_m[~network.twin].sum() == pytest.approx(half_m, rel=0.02)


def test_both_halves_of_a_ring_road_are_told_apart_all_the_way_round() -> None:
    turn = np.linspace(0, 2 * np.pi, 200)
    circle = 5000 * np.column_stack([np.cos(turn), np.sin(turn)])
    roads, half_m = dual_carriageway(circle, 30.0)
    network = network_of(roads, 1000.0)
    assert network.length_m[~network.twin].sum() == pytest.approx(half_m, rel=0.03)


@pytest.mark.parametrize(
    ("gap_m", "columns"),
    [
        (150.0, {}),  # a block apart
        (20.0, {"highway": ["trunk"] * 7 + ["primary"] * 5}),
        (20.0, {"highway": "trunk_link"}),
        (20.0, {"highway": "service"}),
        (20.0, {"oneway": 0}),
        (20.0, {"name": ["经十路"] * 7 + ["经十一路"] * 5}),
        (20.0, {"roundabout": True}),
        (20.0, {"oneway": [1] * 7 + [-1] * 5}),  # both run the same way
    ],
)
def test_roads_that_are_no_pair_count_in_full(gap_m: float, columns: dict[str, Any]) -> None:
    line = np.column_stack([np.linspace(0, 3000, 50), np.zeros(50)])
    roads, _ = dual_carriageway(line, gap_m, **columns)
    assert not network_of(roads, 1000.0).twin.any()


def test_halves_of_which_one_has_no_name_are_a_pair() -> None:
    line = np.column_stack([np.linspace(0, 3000, 50), np.zeros(50)])
    roads, half_m = dual_carriageway(line, 20.0, name=["经十路"] * 7 + [""] * 5)
    network = network_of(roads, 1000.0)
    assert centreline_km(network) == {"trunk": pytest.approx(half_m / 1000, rel=0.02)}


def test_snapping_takes_the_nearest_node_that_others_can_reach() -> None:
    places = {
        1: (0.0, 0.0),
        2: (500.0, 0.0),
        3: (500.0, 500.0),
        4: (200.0, 10.0),  # a fragment of its own, nearer
        5: (210.0, 10.0),
        6: (500.0, 900.0),  # the end of a one-way exit
    }
    ways = [[1, 2], [2, 3], [3, 1], [4, 5], [3, 6], [1, 2, 3]]
    roads = roads_of(
        places, ways, oneway=[0, 0, 0, 0, 1, 0], highway=["primary", "trunk"] + ["tertiary"] * 4
    )
    network = network_of(roads)
    index = {int(i): k for k, i in enumerate(network.node_id)}
    assert set(network.node_id[main_nodes(network, 0.5)].tolist()) == {1, 2, 3}
    points = network.node_xy[[index[4], index[6], index[3]]]
    main = main_nodes(network, 0.5)
    node, distance = snap(network, points, 300.0, nodes=main)
    assert node.tolist() == [index[1], -1, index[3]]
    assert distance == pytest.approx([math.hypot(200, 10), 400.0, 0.0], rel=5e-3)
    anywhere, _ = snap(network, points, 300.0, nodes=np.ones(len(index), dtype=bool))
    assert anywhere.tolist() == [index[4], index[6], index[3]]
    # By default a third of the nodes is an island worth keeping, a single node never is.
    assert snap(network, points, 300.0)[0].tolist() == [index[4], -1, index[3]]


def test_snapping_no_points_or_to_no_nodes_gives_none() -> None:
    network = network_of(roads_of({1: (0.0, 0.0), 2: (90.0, 0.0)}, [[1, 2]]))
    assert len(snap(network, np.zeros((0, 2)), 100.0)[0]) == 0
    node, distance = snap(network, [[0.0, 0.0]], math.inf, nodes=np.zeros(2, dtype=bool))
    assert (node.tolist(), distance.tolist()) == ([-1], [math.inf])


def test_a_lone_ring_is_a_network_of_one_node() -> None:
    places = {7: (0.0, 0.0), 3: (90.0, 0.0), 5: (40.0, 90.0)}
    network = network_of(roads_of(places, [[7, 3, 5, 7]]))
    assert network.node_id.tolist() == [3]
    assert network.travel.nnz == 0
    assert snap(network, network.node_xy, 1.0)[0].tolist() == [0]
    assert len(network_of(roads_of(places, [[7, 3, 5, 7]]), 210.0).tail) == 2


def test_a_crossing_of_dual_carriageways_is_one_junction() -> None:
    places = {
        1: (-500.0, -10.0), 2: (-10.0, -10.0), 3: (10.0, -10.0), 4: (500.0, -10.0),
        5: (500.0, 10.0), 6: (10.0, 10.0), 7: (-10.0, 10.0), 8: (-500.0, 10.0),
        9: (-10.0, 500.0), 10: (-10.0, -500.0), 11: (10.0, -500.0), 12: (10.0, 500.0),
    }  # fmt: skip
    ways = [[1, 2, 3, 4], [5, 6, 7, 8], [9, 7, 2, 10], [11, 3, 6, 12]]
    network = network_of(roads_of(places, ways, oneway=[1, 1, 1, 1], highway="primary"))
    junction = dict(zip(network.node_id.tolist(), cluster_junctions(network).tolist(), strict=True))
    assert len({junction[i] for i in (2, 3, 6, 7)}) == 1
    assert len(set(junction.values())) == 9


def test_a_row_of_short_blocks_is_many_junctions() -> None:
    spine = {i: (25.0 * i, 0.0) for i in range(20)}
    stubs = {100 + i: (25.0 * i, 200.0) for i in range(20)}
    ways = [list(spine)] + [[i, 100 + i] for i in spine]
    network = network_of(roads_of(spine | stubs, ways))
    junction = cluster_junctions(network, 30.0)
    on_spine = junction[network.node_id < 100]
    assert 5 <= len(set(on_spine.tolist())) <= 10
    for number in set(on_spine.tolist()):
        assert np.ptp(network.node_xy[junction == number], axis=0).max() <= 91


def test_roads_whose_vertices_dont_match_are_refused() -> None:
    good = roads_of({1: (0.0, 0.0), 2: (9.0, 0.0)}, [[1, 2]])
    bad = Roads(good.frame, good.vertex_id[:-1], good.vertex_start, good.signals)
    with pytest.raises(InputError, match="don't match"):
        network_of(bad)


def test_roads_without_length_or_of_unknown_class_are_refused() -> None:
    with pytest.raises(InputError, match="no road has a length"):
        network_of(roads_of({1: (0.0, 0.0)}, [[1, 1]]))
    with pytest.raises(InputError, match="footway"):
        network_of(roads_of({1: (0.0, 0.0), 2: (9.0, 0.0)}, [[1, 2]], highway="footway"))


def jinan() -> Roads:
    """Centreline of the Jinan extract, vertices shared where coordinates are equal."""
    file = SHARED / "data" / "jinan" / "jinan_drive.gpkg"
    if not file.exists():
        pytest.skip("the Jinan extract is not here")
    edges = gpd.read_file(file, layer="edges")
    lonlat, row = shapely.get_coordinates(edges.geometry.to_numpy(), return_index=True)
    ids = np.unique(np.round(lonlat, 7), axis=0, return_inverse=True)[1].ravel()
    frame = gpd.GeoDataFrame(
        {
            "road_id": edges["osm_way_id"].astype(str),
            "highway": edges["highway"],
            "name": "",
            "ref": "",
            "oneway": np.int8(1),
            "lanes": np.nan,
            "maxspeed_kmh": np.nan,
            "bridge": False,
            "tunnel": False,
            "roundabout": False,
        },
        geometry=edges.geometry,
        crs=4326,
    )
    start = np.r_[0, np.cumsum(np.bincount(row))].astype(np.int64)
    none = gpd.GeoDataFrame({"vertex_id": np.zeros(0, np.int64), "kind": []}, geometry=[], crs=4326)
    return Roads(frame, ids.astype(np.int64), start, none)


def test_the_directed_edges_of_jinan_give_its_known_centreline_and_halves() -> None:
    network = build_network(jinan(), UTM)
    assert network.length_m.sum() / 1000 == pytest.approx(3483, rel=0.002)
    report = components_report(network)
    assert len(report) == 26
    assert report[0].km == pytest.approx(3452, rel=0.005)
    km = centreline_km(network)
    # Expressways are dual throughout: half of the 125 and 399 km that a two-way line gives.
    assert km["motorway"] == pytest.approx(125 / 2, rel=0.06)
    assert km["trunk"] == pytest.approx(399 / 2, rel=0.06)
    assert km["residential"] > 700
