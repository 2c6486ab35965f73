"""Named checks of geometry, ids and roads: what each finds, repairs and refuses."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from handtown import make_roads

from siting.errors import InputError
from siting.hygiene import (
    Hygiene,
    clean_shapes,
    disconnected_roads,
    distance_to_roads_m,
    far_from_roads,
    road_parts,
    unique_ids,
)

LENIENT, STRICT = Hygiene("a.gpkg"), Hygiene("a.gpkg", strict=True)
MAIN = ("primary", "", [(0.0, 0.0), (1000.0, 0.0), (2000.0, 0.0)])
ISLAND = ("residential", "", [(0.0, 900.0), (100.0, 900.0)])


@pytest.mark.parametrize(
    ("bad", "name"),
    [
        (None, "null_geometry"),
        (shapely.Point(), "null_geometry"),
        (shapely.Point(np.nan, 1.0), "nan_coordinates"),
        (shapely.Point(np.inf, 1.0), "nan_coordinates"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_rows_without_a_place_are_left_out_or_refused(bad: object, name: str) -> None:
    shapes = np.array([shapely.Point(1, 2), bad], dtype=object)
    kept, _, notes = clean_shapes(shapes, ["line 2", "line 3"], LENIENT)
    assert kept.tolist() == [True, False]
    assert "1 of 2 rows" in notes[0].en
    assert "line 3" in notes[0].en
    with pytest.raises(InputError, match=f"{name}: 1 of 2 rows .* .line 3"):
        clean_shapes(shapes, ["line 2", "line 3"], STRICT)


def test_clean_shapes_pass_untouched_in_both_modes() -> None:
    shapes = np.array([shapely.box(0, 0, 1, 1), shapely.Point(1, 2)], dtype=object)
    for hygiene in (LENIENT, STRICT):
        kept, same, notes = clean_shapes(shapes, ["a", "b"], hygiene)
        assert kept.all()
        assert (shapely.to_wkb(same) == shapely.to_wkb(shapes)).all()
        assert notes == ()


def test_a_bow_tie_is_refused_by_both_modes() -> None:
    bow_tie = np.array([shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])], dtype=object)
    for hygiene in (LENIENT, STRICT):
        with pytest.raises(InputError, match=r"invalid_rings: 1 .*\(line 2\)"):
            clean_shapes(bow_tie, ["line 2"], hygiene)


def test_a_line_of_no_length_is_no_invalid_ring() -> None:
    line = np.array([shapely.LineString([(1, 1), (1, 1)])], dtype=object)
    for hygiene in (LENIENT, STRICT):
        kept, _, notes = clean_shapes(line, ["line 2"], hygiene)
        assert kept.all()
        assert notes == ()


def test_repeated_ids_are_numbered_whatever_their_order() -> None:
    points = gpd.points_from_xy([1, 2, 3, 1], [1, 1, 1, 1])
    columns = {"id": ["a", "a", "b", "a"], "row": ["2", "3", "4", "5"]}
    frame = gpd.GeoDataFrame(columns, geometry=points, crs=4326)
    found, notes = unique_ids(frame, "id", LENIENT)
    assert found["id"].tolist() == ["a", "a/2", "b"], "the last row repeats the first"
    assert "1 ids are there more than once (a)" in notes[0].en
    with pytest.raises(InputError, match="duplicate_ids"):
        unique_ids(frame, "id", STRICT)


def test_roads_apart_are_counted_and_named() -> None:
    roads = make_roads([MAIN, ISLAND])
    part, km = road_parts(roads)
    assert part[0] != part[1]
    np.testing.assert_allclose(km, [2.0, 0.1], rtol=1e-3)
    (note,) = disconnected_roads(roads, LENIENT)
    assert "0.1 of 2.1 km of roads, 1 parts, don't join the main network (way/1)" in note.en
    with pytest.raises(InputError, match="disconnected_roads"):
        disconnected_roads(roads, STRICT)
    assert disconnected_roads(make_roads([MAIN]), STRICT) == ()


def test_places_far_from_roads_are_named_by_their_distance() -> None:
    roads = make_roads([MAIN])
    line = roads.frame.geometry.iloc[0]
    middle = shapely.line_interpolate_point(line, 0.4, normalized=True)
    north = 1 / 111_320.0
    at = [shapely.Point(middle.x, middle.y + metres * north) for metres in (0.0, 450.0, 600.0)]
    away = distance_to_roads_m(np.array(at, dtype=object), roads)
    np.testing.assert_allclose(away, [0.0, 450.0, 600.0], atol=26)
    frame = gpd.GeoDataFrame({"id": ["on", "near", "far"]}, geometry=at, crs=4326)
    (note,) = far_from_roads(frame, "id", roads, LENIENT)
    assert "1 of 3 places" in note.en
    assert "(far)" in note.en
    with pytest.raises(InputError, match="far_from_roads"):
        far_from_roads(frame, "id", roads, STRICT)
    assert far_from_roads(frame[:2], "id", roads, STRICT) == ()
