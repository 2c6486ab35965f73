"""People by raster: read where they are, spread to the census exactly, refused where they can't."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from handtown import CRS_M, SOUTH_M, TOWN_M, WEST_M, make_districts, make_map, make_network
from test_demand import SETTINGS

from siting.demand.census import spread_people
from siting.demand.charging import charging_demand
from siting.errors import InputError
from siting.own.raster import PeopleMap, covered_districts, people_of_layer, read_people_raster

if TYPE_CHECKING:
    from pathlib import Path

rasterio = pytest.importorskip("rasterio", reason="the extra `raster` isn't installed")
CITY_MAP = make_map()
NETWORK = make_network(CITY_MAP)
DISTRICTS = make_districts()
BOUNDS = tuple(DISTRICTS.total_bounds.tolist())


def write(path: Path, values: np.ndarray, **options: Any) -> Path:
    """Write a raster over both districts, 200 m a pixel in metres, row 0 in the north."""
    from affine import Affine  # noqa: PLC0415

    shown = {
        "crs": CRS_M.to_wkt(),
        "transform": Affine(200, 0, WEST_M - 200, 0, -200, SOUTH_M + 12_200),
        "nodata": -99999.0,
    } | options
    with rasterio.open(
        path, "w", driver="GTiff", height=values.shape[0], width=values.shape[1], count=1,
        dtype=str(values.dtype), **shown,
    ) as opened:  # fmt: skip
        opened.write(values, 1)
    return path


def corner(people: float = 1000.0) -> np.ndarray:
    """People in the south-east quarter of the town alone, and a few in the east."""
    values = np.full((62, 62), -99999.0, dtype=np.float32)
    values[:, :] = 0.0
    values[51:61, 11:21] = people
    values[20, 50] = 7.0
    values[0, 0] = -99999.0
    return values


def test_pixels_stand_where_they_lie(tmp_path: Path) -> None:
    found = read_people_raster(write(tmp_path / "a.tif", corner()), BOUNDS)
    at = np.array([[WEST_M + 2100.0, SOUTH_M + 1900.0]])
    back = gpd.GeoSeries(shapely.points(found.lonlat), crs=4326).to_crs(CRS_M)
    gap = shapely.distance(shapely.points(at)[0], back.to_numpy())
    assert gap.min() < 1e-3
    assert found.people.sum() == pytest.approx(100 * 1000 + 7)
    assert len(found.people) == 101


def test_only_the_window_of_the_area_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", np.ones((62, 62), dtype=np.float32))
    west, south, east, north = BOUNDS
    half = (west, south, (west + east) / 2, (south + north) / 2)
    found = read_people_raster(path, half)
    assert 0.2 < len(found.people) / 62**2 < 0.3


def test_a_raster_in_degrees_gives_the_same_people(tmp_path: Path) -> None:
    from affine import Affine  # noqa: PLC0415

    values = np.arange(1, 2501, dtype=np.float64).reshape(50, 50)
    west, south, east, north = BOUNDS
    place = Affine((east - west) / 50, 0, west, 0, (south - north) / 50, north)
    found = read_people_raster(
        write(tmp_path / "a.tif", values, crs="EPSG:4326", transform=place), BOUNDS
    )
    assert found.people.sum() == values.sum()
    assert found.lonlat[0, 0] == pytest.approx(west + (east - west) / 100)
    assert found.lonlat[:, 1].max() < north


def test_people_follow_the_raster_and_sum_to_the_census(tmp_path: Path) -> None:
    people_map = read_people_raster(write(tmp_path / "a.tif", corner()), BOUNDS)
    found = charging_demand(NETWORK, DISTRICTS, CITY_MAP, SETTINGS, people_map=people_map).frame
    sums = found.groupby("district_id")["population"].sum()
    expected = DISTRICTS.set_index("district_id")["population"]
    assert np.abs(sums[expected.index] - expected).max() < 1e-6
    at = shapely.get_coordinates(found.geometry.to_crs(CRS_M).to_numpy()) - [WEST_M, SOUTH_M]
    inside = (at[:, 0] >= TOWN_M / 2 - 600) & (at[:, 0] <= TOWN_M + 600) & (at[:, 1] <= 2600)
    urban = found["urban"].to_numpy() & (found["district_id"] == "900101").to_numpy()
    assert found["population"][urban & inside].sum() == pytest.approx(90_000.0, rel=1e-9)
    assert found["population"][urban & ~inside].sum() == 0
    plain = charging_demand(NETWORK, DISTRICTS, CITY_MAP, SETTINGS).frame
    for segment in ("private", "fleet", "heavy"):
        total = plain["kwh_day"][plain["segment"] == segment].sum()
        assert found["kwh_day"][found["segment"] == segment].sum() == pytest.approx(total)


def test_a_district_that_the_raster_misses_is_spread_by_streets_and_named(tmp_path: Path) -> None:
    people_map = read_people_raster(write(tmp_path / "a.tif", corner()[:, :31]), BOUNDS)
    covered, note = covered_districts(people_map, DISTRICTS)
    assert covered.tolist() == [True, False]
    assert "东区" in note.zh
    assert "西区" not in note.zh
    some = charging_demand(NETWORK, DISTRICTS, CITY_MAP, SETTINGS, people_map=people_map).frame
    plain = charging_demand(NETWORK, DISTRICTS, CITY_MAP, SETTINGS).frame
    east = "900102"
    both = [
        frame[frame["district_id"] == east].set_index("demand_id")["population"]
        for frame in (some, plain)
    ]
    assert both[0].sum() == pytest.approx(22_000 + 3_000)
    np.testing.assert_allclose(both[0], both[1].reindex(both[0].index))


def test_sums_are_exact_to_a_millionth_of_a_person_for_a_city_of_millions() -> None:
    rng = np.random.default_rng(3)
    district = rng.integers(0, 12, 60_000)
    town, country = rng.random(60_000) * 1e3, rng.random(60_000) * 1e-3
    urban, rural = rng.random(12) * 1e7, rng.random(12) * 1e6
    people = spread_people(district, town, country, urban, rural)
    for row in range(12):
        assert abs(people[district == row].sum() - urban[row] - rural[row]) < 1e-6
    assert (people >= 0).all()


def test_a_layer_of_people_counts_as_well() -> None:
    squares = [shapely.box(x, 36.6, x + 0.01, 36.61) for x in (117.0, 117.01)]
    frame = gpd.GeoDataFrame({"population": [0, 12]}, geometry=squares, crs=4326)
    found = people_of_layer(frame, "blocks.gpkg")
    assert found.people.tolist() == [12.0]
    assert shapely.intersects_xy(squares[1], *found.lonlat[0])
    assert found.extent.symmetric_difference(shapely.box(117.0, 36.6, 117.02, 36.61)).area < 1e-12


def test_a_layer_without_people_is_refused() -> None:
    frame = gpd.GeoDataFrame({"a": [1]}, geometry=[shapely.Point(117, 36)], crs=4326)
    with pytest.raises(InputError, match="population"):
        people_of_layer(frame, "a.gpkg")
    with pytest.raises(InputError, match="nobody"):
        people_of_layer(frame.assign(population=-1), "a.gpkg")


@pytest.mark.parametrize(
    ("values", "options", "problem"),
    [
        (np.ones((62, 62), dtype=np.float32), {"crs": None}, "where it lies"),
        (np.zeros((62, 62), dtype=np.float32), {}, "counts nobody"),
        (np.full((62, 62), -1.0, dtype=np.float32), {}, "negative"),
        (np.full((62, 62), np.nan, dtype=np.float32), {}, "counts nobody"),
    ],
)
def test_a_raster_that_can_not_be_used_is_refused(
    tmp_path: Path, values: np.ndarray, options: dict[str, Any], problem: str
) -> None:
    path = write(tmp_path / "a.tif", values, **options)
    with pytest.raises(InputError, match=problem) as caught:
        read_people_raster(path, BOUNDS)
    assert caught.value.cure


def test_a_raster_elsewhere_is_refused_with_where_it_lies(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", corner())
    with pytest.raises(InputError, match="outside the area") as caught:
        read_people_raster(path, (100.0, 20.0, 100.1, 20.1))
    assert str(round(BOUNDS[1], 1)) in str(caught.value)


def test_what_is_no_raster_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(b"no raster")
    with pytest.raises(InputError, match="can't be read"):
        read_people_raster(path, BOUNDS)
    # GDAL's own virtual rasters may name any file or address.
    path.write_text(
        '<VRTDataset rasterXSize="1" rasterYSize="1"><VRTRasterBand dataType="Byte" band="1">'
        "<SimpleSource><SourceFilename>/etc/hostname</SourceFilename></SimpleSource>"
        "</VRTRasterBand></VRTDataset>"
    )
    with pytest.raises(InputError, match="can't be read"):
        read_people_raster(path, BOUNDS)


def test_too_large_an_area_of_a_raster_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("siting.own.raster.MOST_PIXELS", 100)
    with pytest.raises(InputError, match="too many pixels"):
        read_people_raster(write(tmp_path / "a.tif", corner()), BOUNDS)


def test_without_the_reader_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.tif", corner())
    monkeypatch.setitem(sys.modules, "rasterio", None)
    with pytest.raises(InputError, match=r"siting\[raster\]"):
        read_people_raster(path, BOUNDS)


def test_cover_is_measured_on_the_ground() -> None:
    half = shapely.intersection(DISTRICTS.geometry.iloc[0], shapely.box(116, 36, 117.02, 37.5))
    people = PeopleMap(np.array([[117.01, 36.7]]), np.ones(1), half, "x")
    covered, _ = covered_districts(people, DISTRICTS)
    assert not covered.any()
