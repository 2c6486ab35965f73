"""Cells of built area: their grid, area, points, junctions and neighbours."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from handroads import CORNER, Way, make_map, make_network, make_roads, one_district, to_lonlat
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod
from test_candidates_roadside import asked

from siting.candidates.roadside import RoadPoints, RoadsideSites, road_points, roadside_sites
from siting.datum import geometry_to_lonlat
from siting.network import Network, find_junctions
from siting.reach.zones import Zones, build_zones

STREETS = [
    *[Way([(x, y) for x in range(-2000, 2001, 400)], "secondary") for y in range(-2000, 2001, 400)],
    *[Way([(x, y) for y in range(-2000, 2001, 400)], "tertiary") for x in range(-2000, 2001, 400)],
]


def square(low: float, high: float) -> gpd.GeoDataFrame:
    ring = to_lonlat([(low, low), (high, low), (high, high), (low, high)])
    return gpd.GeoDataFrame(geometry=[shapely.Polygon(ring)], crs=4326)


def laid(
    districts: gpd.GeoDataFrame, cell_m: float = 500.0, pilot: gpd.GeoDataFrame | None = None
) -> tuple[Network, RoadPoints, RoadsideSites, Zones]:
    city = make_map(make_roads(STREETS))
    network = make_network(city.roads)
    part = asked(cell_m=cell_m)
    points = road_points(network, districts, part)
    junctions = find_junctions(network, city.roads)
    sites = roadside_sites(network, junctions, districts, city, part)
    return network, points, sites, build_zones(network, districts, points, sites, part, pilot=pilot)


def test_every_point_and_every_key_junction_lies_in_one_cell() -> None:
    _, points, sites, zones = laid(one_district(-3000.0, 3000.0))
    assert (np.asarray(zones.point.sum(axis=0)).ravel() == 1).all()
    keys = np.asarray(zones.junction.sum(axis=0)).ravel()
    assert (keys == (sites.junction >= 0)).all()
    cell, point = zones.point.nonzero()
    gap = shapely.distance(zones.geometry[cell], shapely.points(points.xy[point]))
    assert gap.max() < 1e-6
    cell, site = zones.junction.nonzero()
    assert shapely.distance(zones.geometry[cell], shapely.points(sites.xy[site])).max() < 1e-6
    assert zones.length_m.sum() == pytest.approx(points.length_m.sum())


def test_cells_hang_on_multiples_of_their_size_whatever_the_extent() -> None:
    _, _, _, wide = laid(one_district(-3000.0, 3000.0))
    _, _, _, narrow = laid(one_district(-1000.0, 1000.0))
    assert set(narrow.zone_id) <= set(wide.zone_id)
    bounds = shapely.bounds(wide.geometry) / 500.0
    assert bounds == pytest.approx(np.round(bounds), abs=1e-9)
    row, column = (4_060_000 // 500, 500_000 // 500)
    at = wide.geometry[list(wide.zone_id).index(f"z{row}-{column}")]
    assert shapely.bounds(at).tolist() == [500_000.0, 4_060_000.0, 500_500.0, 4_060_500.0]


def test_cells_are_cut_to_the_districts_and_measured_truly() -> None:
    network, _, _, zones = laid(one_district(-1200.0, 1300.0))
    lonlat = geometry_to_lonlat(zones.geometry, network.crs)
    geod = Geod(ellps="WGS84")
    true = [abs(geod.geometry_area_perimeter(shape)[0]) / 1e6 for shape in lonlat]
    assert zones.area_km2 == pytest.approx(true, rel=1e-4)
    low, high = CORNER - 1200.0, CORNER + 1300.0
    bounds = shapely.bounds(zones.geometry)
    assert bounds[:, :2].min(axis=0) == pytest.approx(low, abs=2.0)
    assert bounds[:, 2:].max(axis=0) == pytest.approx(high, abs=2.0)
    assert zones.area_km2.max() == pytest.approx(0.25, rel=2e-3)
    assert zones.area_km2.min() < 0.2


def test_neighbours_have_a_side_in_common() -> None:
    _, _, _, zones = laid(one_district(-3000.0, 3000.0))
    shared = shapely.length(shapely.intersection(zones.geometry[:, None], zones.geometry[None, :]))
    np.fill_diagonal(shared, 0.0)
    assert (zones.neighbour.toarray() == (shared > 100.0)).all()


def test_a_border_puts_a_cell_with_the_district_that_holds_most_of_it() -> None:
    both = one_district(-3000.0, 3000.0)
    west = both.assign(
        geometry=[shapely.Polygon(to_lonlat([(-3e3, -3e3), (200, -3e3), (200, 3e3), (-3e3, 3e3)]))]
    )
    east = both.assign(
        geometry=[shapely.Polygon(to_lonlat([(200, -3e3), (3e3, -3e3), (3e3, 3e3), (200, 3e3)]))],
        district_id="d2",
        name="二区",
    )
    districts = gpd.GeoDataFrame(pd.concat([west, east], ignore_index=True), crs=4326)
    _, _, _, zones = laid(districts)
    middle = shapely.get_coordinates(shapely.centroid(zones.geometry))[:, 0] - CORNER[0]
    assert (zones.district == (middle > 200.0)).all()
    assert zones.area_km2.max() == pytest.approx(0.25, rel=2e-3)


def test_a_pilot_zone_holds_the_cells_that_lie_mostly_in_it() -> None:
    _, _, _, zones = laid(one_district(-3000.0, 3000.0), pilot=square(-10.0, 1120.0))
    middle = shapely.get_coordinates(shapely.centroid(zones.geometry)) - CORNER
    inside = ((middle > 0) & (middle < 1000)).all(axis=1)
    assert (zones.pilot == inside).all()
    assert inside.sum() == 4
    assert not laid(one_district(-3000.0, 3000.0))[3].pilot.any()


@settings(max_examples=5, deadline=None)
@given(st.floats(120.0, 1500.0))
def test_cells_of_any_size_never_overlap_and_hold_all_road(cell_m: float) -> None:
    _, points, _, zones = laid(one_district(-1500.0, 1500.0), cell_m)
    assert len(set(zones.zone_id)) == len(zones.zone_id)
    whole = shapely.area(shapely.union_all(zones.geometry))
    assert shapely.area(zones.geometry).sum() == pytest.approx(whole, rel=1e-9)
    assert zones.length_m.sum() == pytest.approx(points.length_m.sum())
    assert (zones.neighbour != zones.neighbour.T).nnz == 0
