"""Exports read back by other programmes are what the run holds."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import zipfile
from shutil import which
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely

from siting.datum import geodesic_area_km2, to_wgs84
from siting.errors import InputError
from siting.export import FORMATS, Edition, export
from siting.export.edition import COARSE_M, edit
from siting.store.runs import GPKG

if TYPE_CHECKING:
    from pathlib import Path

    from siting.pipeline import Published


def _layer(published: Published, name: str) -> gpd.GeoDataFrame:
    return pyogrio.read_dataframe(published.folder / GPKG, layer=name)


def _lonlat(frame: gpd.GeoDataFrame) -> np.ndarray:
    return shapely.get_coordinates(frame.geometry.to_numpy())


@pytest.mark.parametrize("form", FORMATS)
def test_every_form_is_written_whole_and_named_after_the_run(
    published: Published, tmp_path: Path, form: str
) -> None:
    path = export(published.folder, form, out=tmp_path)
    assert path.name.startswith(f"tiny-{published.plan.run['run_id']}_{form}")
    files = [path] if path.is_file() else sorted(path.iterdir())
    assert all(file.stat().st_size > 0 for file in files)
    assert list(tmp_path.iterdir()) == [path]


def test_geopackage_opens_in_gdal_with_styles_and_true_areas(
    published: Published, tmp_path: Path
) -> None:
    path = export(published.folder, "gpkg", out=tmp_path, edition=Edition("EPSG:4548"))
    districts = pyogrio.read_dataframe(path, layer="districts")
    assert districts.crs.to_epsg() == 4548
    true_km2 = geodesic_area_km2(districts.geometry.to_crs(4326).to_numpy())
    # The tiny town lies in the zone of EPSG:4548, whose scale is 1 at 117 degrees.
    assert districts.area.to_numpy() / 1e6 == pytest.approx(true_km2, rel=1e-3)
    ogrinfo = which("ogrinfo")
    if ogrinfo is None:
        pytest.skip("ogrinfo isn't installed")
    told = subprocess.run(  # noqa: S603
        [ogrinfo, "-ro", "-so", str(path), "stations"], capture_output=True, text=True, check=True
    ).stdout
    assert f"Feature Count: {len(_layer(published, 'stations'))}" in told
    styles = subprocess.run(  # noqa: S603
        [ogrinfo, "-ro", str(path), "layer_styles"], capture_output=True, text=True, check=True
    ).stdout
    assert "<renderer-v2" in styles


def test_geopackage_says_where_its_data_come_from(published: Published, tmp_path: Path) -> None:
    for path in (published.folder / GPKG, export(published.folder, "gpkg", out=tmp_path)):
        with sqlite3.connect(path) as base:
            texts = base.execute("SELECT metadata FROM gpkg_metadata").fetchall()
        base.close()
        assert len(texts) == 1
        assert published.plan.run["attribution"] in texts[0][0]
        assert published.plan.run["run_id"] in texts[0][0]


@pytest.mark.parametrize("encoding", ["GBK", "UTF-8"])
def test_shapefiles_come_back_with_chinese_names(
    published: Published, tmp_path: Path, encoding: str
) -> None:
    path = export(published.folder, "shp", out=tmp_path, encoding=encoding)
    with zipfile.ZipFile(path) as packed:
        packed.extractall(tmp_path / "unpacked")
    folder = tmp_path / "unpacked"
    assert (folder / "stations.cpg").read_text() == encoding
    back = pyogrio.read_dataframe(folder / "stations.shp")
    plan = _layer(published, "stations")
    assert back["district"].tolist() == plan["district"].tolist()
    assert any(not name.isascii() for name in back["district"])
    raw = (folder / "stations.dbf").read_bytes()
    assert plan["district"].iloc[0].encode(encoding) in raw
    assert back["cost_cny"].tolist() == plan["cost_cny"].tolist()
    assert np.allclose(_lonlat(back), _lonlat(plan), atol=1e-7)
    names = pd.read_csv(folder / "names.csv")
    assert set(back.columns) - {"geometry"} == set(names.loc[names.layer == "stations", "short"])


def test_text_longer_than_a_dbase_field_is_cut_at_a_character_and_told(
    published: Published, tmp_path: Path
) -> None:
    from siting.export.pack import read_pack  # noqa: PLC0415
    from siting.export.shapefile import write_shapefiles  # noqa: PLC0415

    pack = read_pack(published.folder, Edition(), encoding="GBK", layers=("stations",))
    pack.layers["stations"]["name"] = "a" + "站" * 200
    write_shapefiles(pack, tmp_path / "a.zip")
    back = pyogrio.read_dataframe(f"/vsizip/{tmp_path}/a.zip/stations.shp")
    assert set(back["name"]) == {"a" + "站" * 126}
    with zipfile.ZipFile(tmp_path / "a.zip") as packed, packed.open("names.csv") as file:
        names = pd.read_csv(file)
    assert names.set_index("field").loc["name", "cut_rows"] == len(back)


def test_a_character_that_gbk_lacks_is_named(published: Published, tmp_path: Path) -> None:
    from siting.export.pack import read_pack  # noqa: PLC0415
    from siting.export.shapefile import write_shapefiles  # noqa: PLC0415

    pack = read_pack(published.folder, Edition(), encoding="GBK", layers=("stations",))
    pack.layers["stations"].loc[0, "name"] = "𠮷站"
    with pytest.raises(InputError, match=r"stations\.name: GBK.*𠮷"):
        write_shapefiles(pack, tmp_path / "a.zip")


def test_geojson_is_rfc_7946(published: Published, tmp_path: Path) -> None:
    folder = export(published.folder, "geojson", out=tmp_path)
    districts = json.loads((folder / "districts.geojson").read_text(encoding="utf-8"))
    assert "crs" not in districts
    bounds = _layer(published, "districts").total_bounds
    assert districts["bbox"] == pytest.approx(bounds, abs=1e-6)
    for feature in districts["features"]:
        for polygon in feature["geometry"]["coordinates"]:
            assert shapely.LinearRing(polygon[0]).is_ccw
    back = gpd.read_file(folder / "stations.geojson")
    assert np.allclose(_lonlat(back), _lonlat(_layer(published, "stations")), atol=1e-7)


def test_geoparquet_comes_back_equal(published: Published, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="the extra gis isn't installed")
    folder = export(published.folder, "parquet", out=tmp_path, edition=Edition("EPSG:4490"))
    back = gpd.read_parquet(folder / "stations.parquet")
    plan = _layer(published, "stations")
    assert back.crs.to_epsg() == 4490
    pd.testing.assert_frame_equal(
        pd.DataFrame(back.drop(columns="geometry")), pd.DataFrame(plan.drop(columns="geometry"))
    )


def test_kml_has_a_folder_a_layer_and_every_station(published: Published, tmp_path: Path) -> None:
    path = export(published.folder, "kml", out=tmp_path)
    plan = _layer(published, "stations")
    back = pyogrio.read_dataframe(path, layer="stations")
    assert back["Name"].fillna("").tolist() == plan["name"].fillna("").tolist()
    assert np.allclose(_lonlat(back)[:, :2], _lonlat(plan), atol=1e-7)
    assert "roads" not in pyogrio.list_layers(path)[:, 0]


def test_dxf_draws_every_station_and_district(published: Published, tmp_path: Path) -> None:
    ezdxf = pytest.importorskip("ezdxf", reason="the extra gis isn't installed")
    path = export(published.folder, "dxf", out=tmp_path, edition=Edition("EPSG:4548"))
    drawing = ezdxf.readfile(path)
    space = drawing.modelspace()
    points = space.query('POINT[layer=="stations"]')
    plan = _layer(published, "stations").to_crs(4548)
    xy = np.array([(p.dxf.location.x, p.dxf.location.y) for p in points])
    assert np.allclose(xy, _lonlat(plan), atol=1e-3)
    names = {text.dxf.text for text in space.query('TEXT[layer=="stations"]')}
    assert names == set(plan["name"]) - {""}
    assert len(space.query('LWPOLYLINE[layer=="districts"]')) >= len(_layer(published, "districts"))
    assert not drawing.audit().errors
    drawn = {layer.dxf.name for layer in drawing.layers}
    assert "roads" in drawn
    assert not drawn & {"demand", "candidates", "road_points"}
    asked = export(published.folder, "dxf", out=tmp_path / "more", layers=("demand",))
    assert "demand" in {layer.dxf.name for layer in ezdxf.readfile(asked).layers}


def test_csv_opens_as_utf8_in_spreadsheets_and_runs_nothing(
    published: Published, tmp_path: Path
) -> None:
    from siting.export.files import write_csv  # noqa: PLC0415
    from siting.export.pack import read_pack  # noqa: PLC0415

    pack = read_pack(published.folder, Edition(), layers=("stations",))
    pack.layers["stations"].loc[0, "name"] = "=HYPERLINK(1)"
    (tmp_path / "csv").mkdir()
    write_csv(pack, tmp_path / "csv")
    raw = (tmp_path / "csv" / "stations.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    back = pd.read_csv(tmp_path / "csv" / "stations.csv")
    assert back["name"].iloc[0] == "'=HYPERLINK(1)"
    assert np.allclose(back[["lon", "lat"]], _lonlat(pack.layers["stations"]), atol=1e-7)


@pytest.mark.parametrize(("datum", "mark"), [("gcj02", "g"), ("bd09", "b")])
def test_shifted_coordinates_are_in_files_that_say_so_and_shift_back(
    published: Published, tmp_path: Path, datum: str, mark: str
) -> None:
    path = export(published.folder, "ovital", out=tmp_path, edition=Edition(datum=datum))
    assert f"_{datum}_" in path.name
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    assert all(line.endswith(f"\t{mark}") for line in lines)
    lon, lat = np.array([line.split("\t")[1:3] for line in lines], dtype=float).T
    back = np.column_stack(to_wgs84(lon, lat, datum))
    plan = _lonlat(_layer(published, "stations"))
    assert np.allclose(back[: len(plan)], plan, atol=2e-6)
    assert np.abs(lon[: len(plan)] - plan[:, 0]).min() > 0.003
    shapes = export(published.folder, "gpkg", out=tmp_path, edition=Edition(datum=datum))
    assert pyogrio.read_dataframe(shapes, layer="stations").crs != "EPSG:4326"


def test_notes_of_marks_are_chinese(published: Published, tmp_path: Path) -> None:
    path = export(published.folder, "ovital", out=tmp_path)
    notes = [line.split("\t")[3] for line in path.read_text("utf-8-sig").splitlines()]
    piles = _layer(published, "stations")["piles"]
    assert all("站点编号" in note for note in notes)
    assert f"桩数合计 {piles.iloc[0]}" in notes[0]
    assert not any("cost_cny" in note for note in notes)


@pytest.mark.parametrize("form", ["geojson", "kml"])
def test_forms_that_mean_wgs84_refuse_shifted_coordinates(
    published: Published, tmp_path: Path, form: str
) -> None:
    with pytest.raises(InputError, match="WGS-84"):
        export(published.folder, form, out=tmp_path, edition=Edition(datum="gcj02"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "asked",
    [
        {"crs": "EPSG:0"},
        {"datum": "wgs72"},
        {"crs": "EPSG:4548", "datum": "gcj02"},
        {"precision_m": 0.0},
    ],
)
def test_frames_that_cannot_be_are_refused(asked: dict[str, object]) -> None:
    with pytest.raises(InputError):
        Edition(**asked)  # type: ignore[arg-type]


def test_precision_rounds_and_moves_no_point_farther_than_that(
    published: Published, tmp_path: Path
) -> None:
    path = export(
        *(published.folder, "gpkg"), out=tmp_path, edition=Edition("EPSG:4548", precision_m=10)
    )
    back = _lonlat(pyogrio.read_dataframe(path, layer="stations"))
    plan = _lonlat(_layer(published, "stations").to_crs(4548))
    assert np.array_equal(back, np.round(back, -1))
    assert np.abs(back - plan).max() <= 5.001


def test_public_edition_gives_no_exact_place_of_sensitive_sites() -> None:
    rng = np.random.default_rng(0)
    points = shapely.points(rng.uniform((117.0, 36.6), (117.1, 36.7), (50, 2)))
    rsus = gpd.GeoDataFrame(
        {"name": "路口", "node_id": range(50), "edge_id": range(50)}, geometry=points, crs=4326
    )
    layers = {"rsus": rsus, "road_points": rsus, "stations": rsus}
    public = edit(layers, Edition(public=True), rsus.estimate_utm_crs())
    assert set(public) == {"rsus", "stations"}
    assert not {"node_id", "edge_id"} & set(public["rsus"].columns)
    metric = rsus.estimate_utm_crs()
    xy = _lonlat(public["rsus"].to_crs(metric))
    assert np.allclose(np.mod(xy, COARSE_M), COARSE_M / 2, atol=0.1)
    moved = np.hypot(*(xy - _lonlat(rsus.to_crs(metric))).T)
    assert moved.max() <= COARSE_M * np.sqrt(0.5) + 0.1
    assert np.median(moved) > 100


def test_what_is_no_run_or_no_layer_is_refused(published: Published, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run folder"):
        export(tmp_path, "gpkg", out=tmp_path)
    with pytest.raises(InputError, match="no such layer"):
        export(published.folder, "gpkg", out=tmp_path, layers=("moons",))
    with pytest.raises(InputError, match="unknown form"):
        export(published.folder, "pdf", out=tmp_path)
