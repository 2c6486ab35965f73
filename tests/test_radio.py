"""What a roadside unit covers: distances along drawn streets, walls in sight, footprints."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

import geopandas as gpd
import networkx as nx
import numpy as np
import pytest
import shapely
from handroads import CORNER, Way, dual, make_map, make_network, make_roads, one_district
from hypothesis import given, settings
from hypothesis import strategies as st
from test_candidates_roadside import asked

from siting.candidates.roadside import RoadPoints, RoadsideSites, road_points, roadside_sites
from siting.datum import metric_crs
from siting.districts import district_of_extent
from siting.layers import read_map
from siting.network import Network, build_network, find_junctions
from siting.reach.radio import discs, heard
from siting.reach.sight import Surroundings, in_sight
from siting.reach.zones import build_zones

SHARED = Path(__file__).parents[1].parent / "shared"
DISTRICT = one_district(-6000.0, 6000.0)


def site_at(
    network: Network, places: list[tuple[float, float]], radius_m: float, edge: int = -1
) -> RoadsideSites:
    """Sites at places in metres from the corner, at their nearest node or on an edge."""
    xy = np.array(places, dtype=float) + CORNER
    node = np.array([int(np.argmin(np.hypot(*(network.node_xy - at).T))) for at in xy])
    frame = gpd.GeoDataFrame({"radius_m": np.full(len(xy), radius_m)})
    on = np.full(len(xy), edge)
    return RoadsideSites(frame, xy, node, np.full(len(xy), -1), on)


def grid(step: float = 200.0, count: int = 6) -> Network:
    """Streets every `step` metres both ways."""
    at = [step * i for i in range(count)]
    ways = [Way([(x, y) for x in at], "secondary") for y in at]
    return make_network(make_roads([*ways, *[Way([(x, y) for y in at], "tertiary") for x in at]]))


def covers(network: Network, sites: RoadsideSites) -> np.ndarray:
    return heard(sites, road_points(network, DISTRICT, asked()), network).toarray()


def sees(
    network: Network, sites: RoadsideSites, *walls: shapely.Polygon, least: float = 0.0
) -> np.ndarray:
    points = road_points(network, DISTRICT, asked())
    buildings = np.array([shapely.transform(w, lambda c: c + CORNER) for w in walls], dtype=object)
    around = Surroundings(buildings, asked().sight_radius_m.value, least)
    site_open, point_open = (np.ones(len(some.xy), dtype=bool) for some in (sites, points))
    found = in_sight(sites.xy, points.xy, around, site_open=site_open, point_open=point_open)
    return found.toarray()


@pytest.mark.parametrize("radius", [60.0, 250.0, 430.0])
def test_on_a_grid_the_reach_is_the_way_round_the_corners(radius: float) -> None:
    network = grid()
    found = covers(network, site_at(network, [(400.0, 400.0)], radius))[:, 0]
    points = road_points(network, DISTRICT, asked())
    # From a crossing of a grid the way along the streets is the sum of both sides.
    away = np.abs(points.xy - CORNER - 400.0).sum(axis=1)
    sure = np.abs(away - radius) > 1.0
    assert sure.sum() > 0.9 * len(sure)
    assert (found[sure] == (away <= radius)[sure]).all()


def test_the_reach_is_what_a_graph_library_finds() -> None:
    network = grid(170.0, 5)
    points = road_points(network, DISTRICT, asked())
    graph = nx.Graph()
    edges = zip(network.tail, network.head, network.length_m, strict=True)
    graph.add_weighted_edges_from((int(a), int(b), float(m)) for a, b, m in edges)
    edge = int(np.argmax(network.length_m))
    middle = network.geometry[edge].interpolate(0.3, normalized=True)
    place = (middle.x - CORNER[0], middle.y - CORNER[1])
    sites = site_at(network, [place], 400.0, edge)
    share = 0.3 * network.length_m[edge]
    graph.add_edge("site", int(network.tail[edge]), weight=share)
    graph.add_edge("site", int(network.head[edge]), weight=network.length_m[edge] - share)
    away = nx.single_source_dijkstra_path_length(graph, "site")
    share = shapely.line_locate_point(
        network.geometry[points.edge], shapely.points(points.xy), normalized=True
    )
    metres = network.length_m[points.edge]
    by_tail = np.array([away[int(a)] for a in network.tail[points.edge]]) + share * metres
    by_head = np.array([away[int(b)] for b in network.head[points.edge]]) + (1 - share) * metres
    expected = np.minimum(by_tail, by_head)
    own = points.edge == edge
    expected[own] = np.minimum(expected[own], np.abs(share[own] - 0.3) * metres[own])
    found = heard(sites, points, network).toarray()[:, 0]
    sure = np.abs(expected - 400.0) > 1e-3
    assert (found[sure] == (expected <= 400.0)[sure]).all()
    assert 0 < found.sum() < len(found)


@settings(max_examples=12, deadline=None)
@given(st.floats(20.0, 900.0), st.floats(0.0, 400.0), st.integers(0, 10_000))
def test_a_larger_radius_never_covers_fewer_points(radius: float, more: float, seed: int) -> None:
    network, points = small_grid()
    places = [tuple(at) for at in np.random.default_rng(seed).uniform(0, 600, (3, 2))]
    near, far = (
        heard(site_at(network, places, reach), points, network).toarray()
        for reach in (radius, radius + more)
    )
    assert (far | ~near).all()
    assert (far.sum(axis=0) > near.sum(axis=0)).any() or more < 200.0 or near.all()


@cache
def small_grid() -> tuple[Network, RoadPoints]:
    network = grid(150.0, 5)
    return network, road_points(network, DISTRICT, asked())


def test_both_carriageways_are_one_road_even_where_the_counted_half_changes() -> None:
    turn = np.radians(np.linspace(-170, 170, 60))
    ring = [(800 * np.cos(a), 800 * np.sin(a)) for a in turn]
    inner = [(780 * np.cos(a), 780 * np.sin(a)) for a in turn]
    ways = [Way(ring, "primary", oneway=1), Way(inner[::-1], "primary", oneway=1)]
    network = make_network(make_roads(ways))
    points = road_points(network, DISTRICT, asked())
    assert len(np.unique(network.twin[network.highway >= 0])) == 2
    flips = len(np.unique(np.sign(np.hypot(*(points.xy - CORNER).T) - 790.0)))
    assert flips == 2, "the counted half should change sides on a ring"
    found = heard(site_at(network, [ring[30]], 10_000.0), points, network)
    assert found.toarray().all()


def test_a_junctions_site_reaches_from_all_its_nodes() -> None:
    stops = (-500.0, -20.0, 20.0, 500.0)
    ways = [*dual("x", 0.0, stops, 40.0, highway="primary"), *dual("y", 0.0, stops, 40.0)]
    city = make_map(make_roads(ways))
    network = make_network(city.roads)
    junctions = find_junctions(network, city.roads)
    sites = roadside_sites(network, junctions, DISTRICT, city, asked())
    points = road_points(network, DISTRICT, asked())
    found = heard(sites, points, network).toarray()
    at = int(np.flatnonzero(sites.frame.kind == "junction")[0])
    away = np.hypot(*(points.xy - CORNER).T)
    radius = asked().urban_radius_m.value
    assert found[away < radius - 25, at].all()
    assert not found[away > radius + 1, at].any()


def test_walls_hide_what_an_open_view_shows() -> None:
    ways = [
        Way([(0.0, 0.0), (1000.0, 0.0)], "primary"),
        Way([(0.0, 100.0), (1000.0, 100.0)], "primary"),
    ]
    network = make_network(make_roads(ways))
    edge = int(np.argmin(network.node_xy[network.tail, 1]))
    sites = site_at(network, [(500.0, 0.0)], 250.0, edge)
    points = road_points(network, DISTRICT, asked())
    other = points.xy[:, 1] > CORNER[1] + 50.0
    wall = shapely.box(0.0, 40.0, 1000.0, 60.0)
    far = shapely.box(3000.0, 3000.0, 3010.0, 3010.0)
    plain = covers(network, sites)[:, 0]
    seen = sees(network, sites, far)[:, 0]
    hidden = sees(network, sites, far, wall)[:, 0]
    assert not plain[other].any()
    sight = np.hypot(*(points.xy - CORNER - [500.0, 0.0]).T) <= asked().sight_radius_m.value
    assert (seen == sight).all()
    assert seen[other].any()
    assert not hidden[other].any()
    assert (hidden[~other] == seen[~other]).all()


def test_where_few_buildings_are_drawn_nothing_is_taken_for_open_land() -> None:
    network = make_network(make_roads([Way([(0.0, 0.0), (1000.0, 0.0)], "primary")]))
    sites = site_at(network, [(200.0, 0.0), (800.0, 0.0)], 250.0)
    radius = asked().sight_radius_m.value
    # A block beside the first site that fills an eighth of its disc and stands off the road.
    side = np.sqrt(np.pi * radius**2 / 8)
    block = shapely.box(200.0 - side / 2, 5.0, 200.0 + side / 2, 5.0 + side)
    assert sees(network, sites, block, least=0.12)[:, 0].any()
    assert not sees(network, sites, block, least=0.13).any()
    assert not sees(network, sites, block, least=0.12)[:, 1].any()
    assert not sees(network, sites, least=0.0).any(), "no building, no view"


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_lines_of_sight_are_those_that_a_check_of_every_pair_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    network, points = small_grid()
    sites = site_at(network, [tuple(at) for at in rng.uniform(0, 600, (3, 2))], 250.0)
    corner = rng.uniform(0, 600, (8, 2))
    walls = [shapely.box(x, y, x + 60, y + 40) for x, y in corner]
    found = sees(network, sites, *walls)
    here = [shapely.transform(w, lambda c: c + CORNER) for w in walls]
    for row, column in np.ndindex(found.shape):
        line = shapely.LineString([points.xy[row], sites.xy[column]])
        free = line.length <= asked().sight_radius_m.value
        assert found[row, column] == (free and not any(line.intersects(wall) for wall in here))


@given(st.floats(1.0, 2000.0), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_a_footprint_has_the_area_of_its_disc(radius: float, x: float, y: float) -> None:
    (shape,) = discs(np.array([[x, y]]), np.array([radius]))
    assert shapely.area(shape) == pytest.approx(np.pi * radius**2, rel=1e-4)
    assert shapely.get_num_coordinates(shape) == 65
    assert shapely.centroid(shape).distance(shapely.Point(x, y)) < 1e-3 * radius + 1e-4


def test_nothing_is_heard_where_nothing_is() -> None:
    network = grid()
    points = road_points(network, DISTRICT, asked())
    none = _no_sites()
    assert heard(none, points, network).shape == (len(points.xy), 0)
    assert heard(none, points, network).nnz == 0


def _no_sites() -> RoadsideSites:
    frame = gpd.GeoDataFrame({"radius_m": np.zeros(0)})
    empty = np.zeros(0, dtype=np.int64)
    return RoadsideSites(frame, np.zeros((0, 2)), empty, empty)


@pytest.mark.slow
def test_the_candidates_of_real_jinan_reach_nearly_all_its_roads_in_ten_seconds() -> None:
    path = SHARED / "data" / "jinan" / "jinan_drive.osm.pbf"
    if not path.exists():
        pytest.skip("the Jinan extract is not here")
    city = read_map(path, "wgs84")
    network = build_network(city.roads, metric_crs(*city.roads.frame.total_bounds))
    junctions = find_junctions(network, city.roads)
    districts = district_of_extent(city.roads, "济南")
    sites = roadside_sites(network, junctions, districts, city, asked())
    points: RoadPoints = road_points(network, districts, asked())
    start = time.perf_counter()
    found = heard(sites, points, network)
    assert time.perf_counter() - start < 10.0
    reached = np.asarray(found.sum(axis=1)).ravel() > 0
    assert points.length_m[reached].sum() > 0.99 * points.length_m.sum()
    assert found.nnz < 30 * len(points.xy)


def test_sites_without_points_hear_nothing_and_make_no_cell() -> None:
    network = make_network(make_roads([Way([(0.0, 0.0), (900.0, 0.0)], "residential")]))
    points = road_points(network, DISTRICT, asked())
    sites = site_at(network, [(0.0, 0.0)], 250.0)
    assert heard(sites, points, network).shape == (0, 1)
    zones = build_zones(network, DISTRICT, points, sites, asked())
    assert zones.zone_id.shape == zones.area_km2.shape == (0,)
    assert zones.junction.shape == (0, 1)
