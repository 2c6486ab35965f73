"""Own layers and tables: each format gives the same rows, and what is wrong is named at once."""

# ruff: noqa: E501  (a table of cases is read by the row)

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
import shapely

from siting.datum import from_wgs84
from siting.errors import InputError, ModelError
from siting.inputs.columns import KINDS
from siting.layers import read_map, read_polygons
from siting.model.model import load_model
from siting.model.sources import SOURCE_WORDS, Source, Sources
from siting.sources import read_layer, read_source

if TYPE_CHECKING:
    from pathlib import Path

AREA = (116.9, 36.5, 117.3, 36.9)
PLACES = [(117.0, 36.6), (117.1, 36.7), (117.2, 36.65)]
COLUMNS: dict[str, list[Any]] = {
    "编号": ["甲1", "甲2", "甲3"],
    "站名": ["泉城站", "趵突泉站", "大明湖站"],
    "桩数": [12, 8, 30],
    "性质": ["公用", "专用", ""],
    "投运时间": ["2021-05-01", "2023年", ""],
}


def layer(places: list[tuple[float, float]] | None = None, **columns: Any) -> gpd.GeoDataFrame:
    points = gpd.points_from_xy(*zip(*(places or PLACES), strict=True))
    return gpd.GeoDataFrame({**COLUMNS, **columns}, geometry=points, crs="EPSG:4326")


def table(places: list[tuple[float, float]] | None = None) -> pd.DataFrame:
    lon, lat = zip(*(places or PLACES), strict=True)
    return pd.DataFrame({**COLUMNS, "经度": lon, "纬度": lat})


def zipped(folder: Path, frame: gpd.GeoDataFrame, encoding: str, *, cpg: bool) -> Path:
    # Ten bytes have room for three Chinese characters of UTF-8.
    frame = frame.rename(columns={"投运时间": "ABCDEFGHIJ"})
    frame.to_file(folder / "层.shp", encoding=encoding)
    table = folder / "层.dbf"
    name = "投运时间".encode(encoding)[:10].ljust(10, b"\0")
    table.write_bytes(table.read_bytes().replace(b"ABCDEFGHIJ", name))
    path = folder / "层.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for part in folder.glob("层.*"):
            if part.suffix != ".zip" and (cpg or part.suffix != ".cpg"):
                archive.write(part, part.name)
    return path


def write(folder: Path, form: str) -> Path:
    path = folder / f"stations.{form.partition('-')[0]}"
    frame = layer()
    if form.startswith("zip"):
        _, encoding, cpg = form.split("-")
        return zipped(folder, frame, encoding.replace("utf8", "UTF-8"), cpg=cpg == "cpg")
    if form == "gpkg":
        frame.to_crs(4548).to_file(path)
    elif form == "parquet":
        frame.to_crs(4549).to_parquet(path)
    elif form == "xlsx":
        with pd.ExcelWriter(path) as writer:
            table().to_excel(writer, sheet_name="表1", startrow=2, index=False)
        book = openpyxl.load_workbook(path)
        book["表1"]["A1"] = "济南市充电站台账"
        book.create_sheet("空表")
        book.save(path)
    elif form.startswith("csv"):
        table().to_csv(path, index=False, encoding=form.partition("-")[2])
    else:
        frame.to_file(path, driver={"geojson": "GeoJSON", "kml": "KML"}[form])
    return path


@pytest.mark.parametrize(
    "form",
    [
        *("gpkg", "parquet", "geojson", "kml", "xlsx"),
        *("csv-utf-8", "csv-utf-8-sig", "csv-gbk"),
        *("zip-utf8-cpg", "zip-utf8-none", "zip-GBK-cpg", "zip-GBK-none"),
    ],
)
def test_each_format_gives_the_same_stations(tmp_path: Path, form: str) -> None:
    found = read_source("existing", Source(file=str(write(tmp_path, form))), AREA)
    assert found.crs == "EPSG:4326"
    assert found["id"].tolist() == ["甲1", "甲2", "甲3"]
    assert found["name"].tolist() == ["泉城站", "趵突泉站", "大明湖站"]
    assert found["piles"].tolist() == [12.0, 8.0, 30.0]
    assert found["access"].tolist() == ["公用", "专用", ""]
    np.testing.assert_array_equal(found["year"], [2021, 2023, np.nan])
    at = shapely.get_coordinates(found.geometry.to_numpy())
    np.testing.assert_allclose(at, PLACES, atol=1e-7)


@pytest.mark.parametrize("datum", ["wgs84", "cgcs2000", "gcj02", "bd09"])
def test_tables_come_to_wgs84_from_the_datum_that_is_stated(tmp_path: Path, datum: str) -> None:
    lon, lat = from_wgs84(*np.array(PLACES).T, datum)
    table(list(zip(lon, lat, strict=True))).to_csv(tmp_path / "a.csv", index=False)
    spec = Source.model_validate({"file": str(tmp_path / "a.csv"), "datum": datum})
    found = read_source("existing", spec, AREA)
    at = shapely.get_coordinates(found.geometry.to_numpy())
    np.testing.assert_allclose(at, PLACES, atol=1e-9)


def test_metres_in_a_table_are_read_by_its_crs(tmp_path: Path) -> None:
    metric = layer().to_crs(4548)
    rows = metric.drop(columns="geometry").assign(
        东坐标=metric.geometry.x, 北坐标=metric.geometry.y
    )
    rows.to_csv(tmp_path / "a.csv", index=False)
    found = read_source("existing", Source(file=str(tmp_path / "a.csv"), crs="EPSG:4548"), AREA)
    np.testing.assert_allclose(shapely.get_coordinates(found.geometry), PLACES, atol=1e-7)


def test_a_mapping_goes_before_usual_names(tmp_path: Path) -> None:
    table().assign(total=[1, 2, 3]).to_csv(tmp_path / "a.csv", index=False)
    spec = Source(file=str(tmp_path / "a.csv"), fields={"piles": "total", "name": "编号"})
    found = read_source("existing", spec, AREA)
    assert found["piles"].tolist() == [1, 2, 3]
    assert found["name"].tolist() == ["甲1", "甲2", "甲3"]


def test_all_wrong_fields_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    table().to_csv(tmp_path / "a.csv", index=False)
    model = tmp_path / "m.yaml"
    model.write_text(
        "area: {population: 1000}\n"
        "sources:\n"
        "  roads: {file: r.csv}\n"
        "  existing:\n"
        "    file: a.csv\n"
        "    fields:\n"
        "      piles: 桩\n"
        "      nam: 站名\n"
        "      kw: 功率\n"
        "demand:\n  private: {vehicles: 1}\n  fleet: {vehicles: 1}\n  heavy: {vehicles: 1}\n",
        encoding="utf-8",
    )
    (tmp_path / "r.csv").write_text("x", encoding="utf-8")
    spec = load_model(model).sources.existing
    with pytest.raises(InputError) as caught:
        read_source("existing", spec, AREA)
    text = str(caught.value)
    for line, words in (
        (7, "no column `桩`, did you mean 桩数"),
        (8, "`nam` is no field"),
        (9, "功率"),
    ):
        assert f"m.yaml:{line}: " in text
        assert words in text
    assert "编号, 站名, 桩数, 性质, 投运时间, 经度, 纬度" in caught.value.cure


def text_file(name: str, text: str | bytes) -> Any:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return make


def frame_file(places: list[tuple[float, float]], crs: int | None = 4326, **columns: Any) -> Any:
    def make(folder: Path) -> Path:
        frame = layer(places, **columns)
        frame = (
            frame.set_crs(crs, allow_override=True)
            if crs
            else frame.set_crs(None, allow_override=True)
        )
        frame.to_file(folder / "a.gpkg")
        return folder / "a.gpkg"

    return make


def in_metres(code: int, *, labelled: int) -> Any:
    def make(folder: Path) -> Path:
        layer().to_crs(code).set_crs(labelled, allow_override=True).to_file(folder / "a.gpkg")
        return folder / "a.gpkg"

    return make


def workbook(*sheets: str) -> Any:
    def make(folder: Path) -> Path:
        with pd.ExcelWriter(folder / "a.xlsx") as writer:
            for name in sheets:
                table().to_excel(writer, sheet_name=name, index=False)
        return folder / "a.xlsx"

    return make


HEAD = "编号,桩数,经度,纬度\n"
ROW = "a,3,117.1,36.6\n"
SWAPPED = [(lat, lon) for lon, lat in PLACES]
SQUARE = "POLYGON((117 36.6,117.1 36.6,117.1 36.7,117 36.7,117 36.6))"
BOW_TIE = "POLYGON((117 36.6,117.1 36.7,117.1 36.6,117 36.7,117 36.6))"

MALFORMED: list[tuple[str, str, Any, dict[str, Any], tuple[str, ...]]] = [
    ("empty file", "existing", text_file("a.csv", ""), {}, ("empty",)),
    ("headings alone", "existing", text_file("a.csv", HEAD), {}, ("empty",)),
    ("web page", "existing", text_file("a.csv", "<html>404</html>"), {}, ("web page",)),
    ("LFS pointer", "existing", text_file("a.csv", "version https://git-lfs.x"), {}, ("LFS",)),
    ("old workbook", "existing", text_file("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), {}, (".xlsx",)),
    ("torn workbook", "existing", text_file("a.xlsx", b"PK\x03\x04" + bytes(80)), {}, ("damaged",)),
    ("cut GeoJSON", "sites", text_file("a.geojson", '{"type": "FeatureColl'), {}, ("JSON",)),
    ("cut KML", "sites", text_file("a.kml", "<kml><Placemark>"), {}, ("KML is damaged",)),
    ("entities in KML", "sites", text_file("a.kml", "<!DOCTYPE k [<!ENTITY a 'b'>]><kml/>"), {}, ("document type",)),
    ("cut parquet", "sites", text_file("a.parquet", b"PAR1" + bytes(40)), {}, ("can't be read",)),
    ("UTF-16 text", "existing", text_file("a.csv", (HEAD + ROW).encode("utf-16")), {}, ("no map file",)),
    ("unknown encoding", "existing", text_file("a.csv", HEAD + ROW), {"encoding": "gkb"}, ("gkb", "gbk")),
    ("wrong encoding", "existing", text_file("a.csv", HEAD + ROW), {"encoding": "ascii"}, ("encoding",)),
    ("ragged row", "existing", text_file("a.csv", HEAD + ROW + "b,3,117,36,5\n"), {}, ("line 3", "5 fields")),
    ("open quote", "existing", text_file("a.csv", HEAD + '"a,3,117,36\n'), {}, ("isn't csv",)),
    ("heading twice", "existing", text_file("a.csv", "桩数,桩数,经度,纬度\n1,2,117,36\n"), {}, ("twice", "桩数")),
    ("no place columns", "existing", text_file("a.csv", "编号,桩数\na,3\n"), {}, ("编号, 桩数", "lon")),
    ("words for numbers", "existing", text_file("a.csv", HEAD + "a,许多,117.1,36.6\nb,-4,117.1,36.6\n"), {}, ("line 2 '许多'", "line 3 '-4'")),
    ("degrees as text", "existing", text_file("a.csv", HEAD + "a,3,117°6',36.6\n"), {}, ("line 2", "117°6'")),
    ("unknown word", "existing", text_file("a.csv", "处置,经度,纬度\n炸掉,117.1,36.6\n"), {}, ("炸掉", "closable")),
    ("missing column", "grid", text_file("a.csv", "名称,经度,纬度\n甲,117.1,36.6\n"), {}, ("headroom_kw", "名称")),
    ("two sheets", "existing", workbook("一", "二"), {}, ("一, 二", "layer:")),
    ("no such sheet", "existing", workbook("一"), {"layer": "三"}, ("三", "一")),
    ("swapped axes", "existing", frame_file(SWAPPED), {}, ("longitude and latitude are swapped",)),
    ("metres called degrees", "existing", in_metres(3857, labelled=4326), {}, ("look like metres", "Web Mercator", "`crs: EPSG:3857`")),
    ("degrees called metres", "existing", frame_file(PLACES, 4548), {}, ("look like degrees", "`crs: EPSG:4326`")),
    ("another zone", "existing", in_metres(4548, labelled=4549), {}, ("`crs: EPSG:4548`",)),
    ("zone in the easting", "existing", in_metres(4527, labelled=4548), {}, ("`crs: EPSG:4527`",)),
    ("no CRS, metres", "existing", text_file("a.csv", "x,y\n500000,4060000\n"), {}, ("`crs: EPSG:45",)),
    ("northing first", "existing", text_file("a.csv", "x,y\n4060000,500000\n4050000,510000\n"), {"crs": "EPSG:4548"}, ("northing and easting are swapped",)),
    ("another city", "existing", frame_file([(121.5, 31.2)] * 3), {}, ("outside the area",)),
    ("lines for points", "existing", text_file("a.csv", 'id,wkt\n1,"LINESTRING(117 36.6,117.1 36.7)"\n'), {}, ("holds lines", "points or polygons")),
    ("no WKT", "sites", text_file("a.csv", "id,wkt\n1,POINT(117\n"), {}, ("isn't WKT", "line 2")),
    ("bow-tie", "exclusions", text_file("a.csv", f'id,wkt\n1,"{BOW_TIE}"\n'), {}, ("invalid_rings", "line 2")),
    ("no place, strict", "existing", text_file("a.csv", HEAD + ROW + "b,3,,\n"), {"checks": "strict"}, ("null_geometry", "line 3")),
    ("id twice, strict", "existing", text_file("a.csv", HEAD + ROW + ROW.replace("36.6", "36.7")), {"checks": "strict"}, ("duplicate_ids", "a")),
    ("no place at all", "existing", text_file("a.csv", HEAD + "b,3,,\n"), {}, ("no row of the layer has a place",)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "make", "options", "words"),
    [case[1:] for case in MALFORMED],
    ids=[case[0] for case in MALFORMED],
)
def test_malformed_layers_are_refused_by_what_is_wrong(
    tmp_path: Path, kind: str, make: Any, options: dict[str, Any], words: tuple[str, ...]
) -> None:
    path = make(tmp_path)
    with pytest.raises(InputError) as caught:
        read_source(kind, Source.model_validate({"file": str(path), **options}), AREA)
    assert str(path) in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_lenient_checks_leave_out_what_has_no_place_and_number_ids(tmp_path: Path) -> None:
    rows = HEAD + ROW + ROW + ROW.replace("36.6", "36.7") + "b,3,,\nc,3,117.2,36.6\n"
    (tmp_path / "a.csv").write_text(rows, encoding="utf-8")
    found = read_layer("existing", Source(file=str(tmp_path / "a.csv")), AREA)
    assert found.frame["id"].tolist() == ["a", "a/2", "c"]
    assert found.frame["row"].tolist() == ["line 2", "line 4", "line 6"]
    notes = "\n".join(note.en for note in found.notes)
    assert "1 of 5 rows have no geometry (line 5)" in notes
    assert "1 ids are there more than once (a)" in notes
    assert "1 rows repeat another" in notes


def test_rings_that_keep_their_area_are_rebuilt_and_noted(tmp_path: Path) -> None:
    # A spike of no width: invalid, but its area is clear.
    spike = SQUARE.replace("117.1 36.7", "117.1 36.7,117.2 36.7,117.1 36.7")
    (tmp_path / "a.csv").write_text(f'id,wkt\n1,"{spike}"\n', encoding="utf-8")
    found = read_layer("exclusions", Source(file=str(tmp_path / "a.csv")), AREA)
    assert found.frame.geometry.iloc[0].equals(shapely.from_wkt(SQUARE))
    assert "invalid rings (line 2)" in found.notes[0].en


def test_columns_of_piles_by_type_are_kept(tmp_path: Path) -> None:
    table().assign(piles_dc=[1, 2, 3]).to_csv(tmp_path / "a.csv", index=False)
    found = read_source("existing", Source(file=str(tmp_path / "a.csv")), AREA)
    assert found["piles_dc"].tolist() == [1, 2, 3]


def test_every_kind_of_source_has_its_columns() -> None:
    assert set(KINDS) == set(SOURCE_WORDS) - {"roads", "districts"}
    for kind, rules in KINDS.items():
        names = [name for column in rules.columns for name in (column.name, *column.names)]
        assert all(name == name.lower() for name in names), kind
        assert len({column.name for column in rules.columns}) == len(rules.columns)


def test_roads_and_districts_take_mapped_columns_and_crs(tmp_path: Path) -> None:
    line = shapely.LineString(PLACES)
    columns = {"DLDJ": ["主干路"], "MC": ["经十路"], "name": ["错"]}
    roads = gpd.GeoDataFrame(columns, geometry=[line], crs=4326).to_crs(4548)
    roads.set_crs(4326, allow_override=True).to_file(tmp_path / "r.gpkg")
    fields = {"highway": "DLDJ", "name": "MC"}
    spec = Source(file=str(tmp_path / "r.gpkg"), fields=fields, crs="EPSG:4548")
    found = read_map(tmp_path / "r.gpkg", spec=spec, area=AREA).roads.frame
    assert found[["highway", "name"]].to_numpy().tolist() == [["primary", "经十路"]]
    np.testing.assert_allclose(shapely.get_coordinates(found.geometry), PLACES, atol=1e-7)
    square = gpd.GeoDataFrame({"QHDM": ["1"]}, geometry=[shapely.from_wkt(SQUARE)], crs=4326)
    square.to_file(tmp_path / "d.gpkg")
    own = Source(file=str(tmp_path / "d.gpkg"), fields={"district_id": "QHDM"})
    assert read_polygons(tmp_path / "d.gpkg", spec=own)["district_id"].tolist() == ["1"]
    wrong = own.model_copy(update={"fields": {"name": "QHMC"}})
    with pytest.raises(InputError, match="no column `QHMC`"):
        read_polygons(tmp_path / "d.gpkg", spec=wrong)


def test_the_short_form_and_the_long_form_are_one() -> None:
    short = Sources.model_validate({"roads": "a.pbf", "roads_datum": "gcj02"})
    long = Sources.model_validate({"roads": {"file": "a.pbf", "datum": "gcj02"}})
    assert short.roads == long.roads
    with pytest.raises(ValueError, match="differ"):
        Sources.model_validate({"roads": {"file": "a", "datum": "bd09"}, "roads_datum": "gcj02"})


def test_words_and_missing_files_of_sources_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(
        "sources:\n  roads: {file: nowhere.pbf}\n  existing: osmm\n"
        "demand:\n  private: {vehicles: 1}\n  fleet: {vehicles: 1}\n  heavy: {vehicles: 1}\n",
        encoding="utf-8",
    )
    with pytest.raises(ModelError) as caught:
        load_model(path)
    first, second = caught.value.problems
    assert "m.yaml:2: sources.roads.file: there is no such file" in first
    assert "m.yaml:3: sources.existing: there is no such file" in second
    assert "Did you mean osm" in second
