"""Damaged, mislabelled and hostile map files: one clear error each, never a hang or a crash."""

from __future__ import annotations

import bz2
import gzip
import json
import os
import random
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import osmium
import pytest
import shapely
from osmium.osm.mutable import Node, Way

from siting.errors import InputError
from siting.inputs import geojson, sniff, unpack
from siting.layers import read_layers, read_map, read_polygons
from siting.osm import read_osm

REPO = Path(__file__).parents[2]
LINE = [(117.0, 36.6), (117.1, 36.7)]


def pbf(folder: Path, ways: int = 300) -> Path:
    """Write a map with several blocks of nodes."""
    path = folder / "map.osm.pbf"
    rng = random.Random(4)  # noqa: S311  (a test map)
    with osmium.SimpleWriter(str(path), overwrite=True) as writer:
        for key in range(1, 20 * ways + 1):
            place = (117 + rng.random() / 10, 36 + rng.random() / 10)
            writer.add_node(Node(id=key, location=place))
        for key in range(ways):
            refs = range(20 * key + 1, 20 * key + 21)
            writer.add_way(Way(id=key + 1, nodes=refs, tags={"highway": "primary"}))
    return path


def roads(rows: int = 3, crs: str | None = "EPSG:4326") -> gpd.GeoDataFrame:
    columns = {"highway": ["primary"] * rows, "osm_id": range(rows)}
    return gpd.GeoDataFrame(columns, geometry=[shapely.LineString(LINE)] * rows, crs=crs)


def refuse(path: Path) -> str:
    """Return the message with which a file is refused; it names the file."""
    with pytest.raises(InputError) as caught:
        read_map(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 900
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "web page"),
        (b"<html lang='zh'>", "web page"),
        (b"\xef\xbb\xbf\n <HTML>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "Git LFS"),
        (b"<OGRVRTDataSource><OGRVRTLayer/></OGRVRTDataSource>", "XML is no map"),
        (b"<?xml version='1.0'?><!-- x --><kml/>", "road layer is empty"),
        (b"<?xml version='1.0'?><!-- x --><gpx/>", r"no map \(got gpx\)"),
        (b"<!DOCTYPE osm [<!ENTITY a 'b'>]><osm/>", "document type"),
        (b"<osm version='0.6'><node id='1'", "can't be read to its end"),
        (b"<osm version='0.6'/>", "no road that cars may use"),
        (b"<osm version='0.6'><node id='x' lat='a' lon='b'/></osm>", "can't be read to its end"),
        (b"<osm version='9'/>", "can't be read to its end"),
        (b"<graphml><graph>", "GraphML is damaged"),
        (b"<graphml><graph/></graphml>", "road layer is empty"),
        (b"\x00\x00\x00\x0d\x0a\x09OSMData\x18\x05", "no map file"),
        (b"\xff\xff\xff\xff\x0a\x09OSMHeader", "no map file"),
        (b"SQLite format 3\x00" + bytes(100), "no map file"),
        (b"\x00\x00\x27\x0a" + bytes(96), "can't be read"),
        (b"PK\x03\x04" + bytes(50), "zip file is damaged"),
        (b"\x1f\x8b" + bytes(50), "packed file is damaged"),
        (b"BZh9" + bytes(50), "packed file is damaged"),
        (gzip.compress(b"hello", mtime=0), "no map file"),
        (gzip.compress(b"<graphml/>", mtime=0), "no OSM XML"),
        (bz2.compress(b"<osm version='0.6'>" * 1000)[:-20], "packed file is damaged"),
        (b"{", "JSON"),
        (b"{}", "no GeoJSON"),
        (b'{"type": "Topology"}', r"no GeoJSON FeatureCollection \(got Topology\)"),
        (b'{"type": "gdal_streamed_alg", "command_line": "x"}', "no GeoJSON"),
        (b'{"type": "FeatureCollection", "features": []}', "road layer is empty"),
        (b'{"type": "FeatureCollection", "features": [1]}', "no GeoJSON"),
        (b'{"type": "FeatureCollection", "features": {"a": 1}}', "no GeoJSON"),
        (b'{"a":' * 100_000, "JSON"),
        (b"\x89PNG\r\n\x1a\n", "no map file"),
    ],
)
def test_what_is_no_map_is_refused_by_what_it_is(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "map.osm.pbf"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_map(path)
    refuse(path)


def test_missing_files_folders_and_pipes_are_refused(tmp_path: Path) -> None:
    assert "No such file" in refuse(tmp_path / "nowhere.pbf")
    assert "folder" in refuse(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "not a plain file" in refuse(tmp_path / "pipe")


@pytest.mark.parametrize(
    "name", ["/vsicurl/http://127.0.0.1/a.gpkg", "http://127.0.0.1/a.gpkg", "/vsizip/a.zip"]
)
def test_addresses_are_no_files(name: str) -> None:
    refuse(Path(name))


def test_a_pbf_cut_anywhere_is_refused(tmp_path: Path) -> None:
    path = pbf(tmp_path)
    raw = path.read_bytes()
    for end in np.linspace(1, len(raw) - 1, 40).astype(int).tolist():
        path.write_bytes(raw[:end])
        refuse(path)


def test_random_bytes_are_refused(tmp_path: Path) -> None:
    rng = random.Random(5)  # noqa: S311  (noise)
    path = tmp_path / "noise.osm.pbf"
    for size in (1, 3, 4, 20, 1000, 100_000):
        path.write_bytes(rng.randbytes(size))
        refuse(path)


FLIPS = """
import random, sys
from pathlib import Path
from siting.errors import InputError
from siting.layers import read_map
path = Path(sys.argv[1])
raw, rng, refused = path.read_bytes(), random.Random(6), 0
for _ in range(120):
    data = bytearray(raw)
    data[rng.randrange(rng.choice((200, len(data))))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    try:
        read_map(path)
    except InputError:
        refused += 1
print(refused)
"""


def test_flipped_bits_neither_hang_nor_crash(tmp_path: Path) -> None:
    """In a process of its own, so that a hang ends the test and not the run."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", FLIPS, str(pbf(tmp_path))],
        cwd=REPO, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 80  # the rest hit free text in the header


@pytest.mark.parametrize("name", ["r.gpkg", "r.geojson", "r.zip", "r.shp"])
def test_a_layer_cut_short_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    frame = roads(2000)
    if name == "r.zip":
        frame.to_file(tmp_path / "r.shp")
        _zip(
            path,
            {f"r.{end}": (tmp_path / f"r.{end}").read_bytes() for end in ("shp", "shx", "dbf")},
        )
    else:
        frame.to_file(path)
    raw = path.read_bytes()
    for share in (0.1, 0.4, 0.7):
        path.write_bytes(raw[: int(share * len(raw))])
        refuse(path)


def _zip(path: Path, members: dict[str, bytes], level: int = 6) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_a_shapefile_without_its_index_names_the_cure(tmp_path: Path) -> None:
    roads().to_file(tmp_path / "r.shp")
    (tmp_path / "r.shx").unlink()
    assert "best zipped" in refuse(tmp_path / "r.shp")


def test_zips_without_a_layer_are_refused(tmp_path: Path) -> None:
    assert "no layer (got a.txt)" in refuse(_zip(tmp_path / "a.zip", {"a.txt": b"hello"}))
    inner = _zip(tmp_path / "b.zip", {"r.shp": b""}).read_bytes()
    assert "no layer" in refuse(_zip(tmp_path / "c.zip", {"inner.zip": inner}))


@pytest.mark.parametrize(
    "name", ["../r.shp", "/etc/r.shp", "a/../../r.shp", "C:\\r.shp", "..\\r.shp"]
)
def test_zip_names_that_lead_out_are_refused_and_write_nothing(tmp_path: Path, name: str) -> None:
    path = _zip(tmp_path / "a.zip", {name: b"x"})
    assert "leads out of its folder" in refuse(path)
    assert [file.name for file in tmp_path.iterdir()] == ["a.zip"]
    assert not (tmp_path.parent / "r.shp").exists()


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = _zip(tmp_path / "a.zip", {"r.dbf": bytes(80_000_000), "r.shp": b"x"}, level=9)
    assert path.stat().st_size < 200_000
    assert "far more than a map layer would" in refuse(path)


def test_a_zip_of_many_files_is_refused(tmp_path: Path) -> None:
    members = {f"{i}.txt": b"" for i in range(unpack.MOST_MEMBERS + 1)}
    assert f"more than {unpack.MOST_MEMBERS} files" in refuse(_zip(tmp_path / "a.zip", members))


def test_a_packed_osm_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.osm.gz"
    text = b"<osm version='0.6'>" + b" " * (sniff.SMALL_BYTES + 3_000_000)
    path.write_bytes(gzip.compress(text, mtime=0))
    assert f"more than {sniff.MOST_RATIO} times its size" in refuse(path)


def test_xml_entities_are_not_expanded(tmp_path: Path) -> None:
    laughs = "".join(f"<!ENTITY l{i} '{f'&l{i - 1};' * 10}'>" for i in range(1, 10))
    for root in ("osm", "graphml"):
        path = tmp_path / f"a.{root}"
        path.write_text(
            f"<?xml version='1.0'?><!DOCTYPE {root} [<!ENTITY l0 'x'>{laughs}]><{root}/>"
        )
        assert "document type" in refuse(path)


def test_a_geojson_makes_no_connection(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(0.2)
        link = {"href": f"http://127.0.0.1:{listener.getsockname()[1]}/crs", "type": "proj4"}
        feature = {"type": "Feature", "properties": {}, "geometry": None}
        document = {
            "type": "FeatureCollection",
            "crs": {"type": "link", "properties": link},
            "features": [feature],
        }
        path = tmp_path / "a.geojson"
        path.write_text(json.dumps(document))
        assert "isn't an EPSG name" in refuse(path)
        with pytest.raises(TimeoutError):
            listener.accept()


@pytest.mark.parametrize(
    "shape",
    [
        {"type": "LineString", "coordinates": [[1]]},
        {"type": "LineString", "coordinates": [["a", "b"], ["c", "d"]]},
        {"type": "LineString", "coordinates": [[1, 2], [3]]},
        {"type": "LineString"},
        {"type": "Spline", "coordinates": [[1, 2], [3, 4]]},
        {"coordinates": []},
        {"type": "LineString", "coordinates": None},
        {"type": "Polygon", "coordinates": []},
        "LINESTRING (1 2, 3 4)",
    ],
)
def test_malformed_geometries_are_named_by_feature(tmp_path: Path, shape: object) -> None:
    path = tmp_path / "a.geojson"
    good = {"type": "LineString", "coordinates": LINE}
    features = [{"type": "Feature", "geometry": item} for item in (good, shape)]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    assert "feature 2: a geometry is malformed" in refuse(path)


def test_a_geojson_too_large_for_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(geojson, "MOST_BYTES", 100)
    roads().to_file(tmp_path / "a.geojson")
    assert "isn't read" in refuse(tmp_path / "a.geojson")


def test_bad_geometries_are_counted_and_the_first_named(tmp_path: Path) -> None:
    frame = roads(9)
    with np.errstate(invalid="ignore"):
        bad = [None, shapely.LineString(), shapely.LineString([(117, 36), (np.nan, 36)])]
    frame.geometry = [*bad, *bad, *frame.geometry[6:]]
    frame.to_file(tmp_path / "a.gpkg")
    text = refuse(tmp_path / "a.gpkg")
    assert "6 of 9 lines have no geometry or NaN coordinates" in text
    assert "got way/0, way/1, way/2, way/3, way/4 ..." in text


def test_nan_in_a_geojson_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    shape = '{"type": "LineString", "coordinates": [[117, 36], [NaN, 36]]}'
    feature = f'{{"type": "Feature", "id": 3, "geometry": {shape}}}'
    path.write_text(f'{{"type": "FeatureCollection", "features": [{feature}]}}')
    assert "1 of 1 lines have no geometry or NaN coordinates (got road/3)" in refuse(path)


def test_layers_without_lines_are_refused(tmp_path: Path) -> None:
    points = gpd.GeoDataFrame(geometry=[shapely.Point(117, 36)], crs="EPSG:4326")
    for name, words in (
        ("a.gpkg", "no line layer"),
        ("a.geojson", "no lines"),
        ("a.shp", "no lines"),
    ):
        points.to_file(tmp_path / name)
        assert words in refuse(tmp_path / name)
    roads(3).iloc[:0].to_file(tmp_path / "b.gpkg", geometry_type="LineString")
    assert "road layer is empty" in refuse(tmp_path / "b.gpkg")
    with pytest.raises(InputError, match="no polygon layer"):
        read_polygons(tmp_path / "b.gpkg")


def test_a_layer_of_footpaths_alone_is_refused(tmp_path: Path) -> None:
    roads().assign(highway="footway").to_file(tmp_path / "a.gpkg")
    assert "no road that cars may use" in refuse(tmp_path / "a.gpkg")


def test_swapped_axes_are_named(tmp_path: Path) -> None:
    swapped = roads().set_geometry([shapely.LineString([(y, x) for x, y in LINE])] * 3)
    swapped.to_file(tmp_path / "a.gpkg")
    assert "longitude and latitude are swapped" in refuse(tmp_path / "a.gpkg")
    districts = gpd.GeoDataFrame(geometry=[shapely.box(36, 117, 37, 118)], crs="EPSG:4326")
    districts.to_file(tmp_path / "d.gpkg")
    with pytest.raises(InputError, match="swapped"):
        read_polygons(tmp_path / "d.gpkg")


@pytest.mark.parametrize("name", ["a.geojson", "a.gpkg", "a.shp"])
def test_metres_without_or_with_a_wrong_label_are_named(tmp_path: Path, name: str) -> None:
    metres = roads().to_crs("EPSG:3857").set_crs("EPSG:4326", allow_override=True)
    metres.to_file(tmp_path / name)
    (tmp_path / "a.prj").unlink(missing_ok=True)
    text = refuse(tmp_path / name)
    assert ("has no CRS" if name == "a.shp" else "are degrees (WGS 84)") in text
    assert "look like metres" in text
    assert "as Web Mercator (EPSG:3857) around 117.050, 36.650" in text


def test_degrees_labelled_metres_are_named(tmp_path: Path) -> None:
    roads().set_crs("EPSG:3857", allow_override=True).to_file(tmp_path / "a.gpkg")
    assert "look like degrees" in refuse(tmp_path / "a.gpkg")


def test_coordinates_outside_their_crs_are_refused(tmp_path: Path) -> None:
    far = shapely.LineString([(9e9, 9e9), (9.1e9, 9.1e9)])
    frame = roads(crs="EPSG:32650").set_geometry([far] * 3)
    frame.to_file(tmp_path / "a.gpkg")
    assert "outside the area of their CRS" in refuse(tmp_path / "a.gpkg")


def test_an_unknown_datum_is_refused(tmp_path: Path) -> None:
    roads().to_file(tmp_path / "a.gpkg")
    with pytest.raises(InputError, match="datum is not known"):
        read_layers(tmp_path / "a.gpkg", "nad27")


def test_each_reader_names_the_other(tmp_path: Path) -> None:
    roads().to_file(tmp_path / "a.gpkg")
    with pytest.raises(InputError, match="no OSM extract"):
        read_osm(tmp_path / "a.gpkg")
    with pytest.raises(InputError, match="no vector layer"):
        read_layers(pbf(tmp_path))
    with pytest.raises(InputError, match="no vector layer"):
        read_polygons(pbf(tmp_path))


def test_a_reader_leaves_the_environment_as_it_was(tmp_path: Path) -> None:
    before = dict(os.environ)
    read_osm(pbf(tmp_path))
    assert dict(os.environ) == before


def test_a_layer_is_read_without_leaving_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roads().to_file(tmp_path / "r.shp")
    members = {f"r.{end}": (tmp_path / f"r.{end}").read_bytes() for end in ("shp", "shx", "dbf")}
    path = _zip(tmp_path / "r.zip", members)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    assert len(read_map(path).roads.frame) == 1
    assert not list(scratch.iterdir())
