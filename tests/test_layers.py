"""The layer readers against the OSM reader, osmnx, and layers made by hand."""

from __future__ import annotations

import json
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pytest
import shapely

from siting.datum import from_wgs84, geodesic_length_m
from siting.errors import InputError
from siting.layers import read_layers, read_map, read_polygons

if TYPE_CHECKING:
    from siting.frames import CityMap

DATA = Path(__file__).parents[1].parent / "shared" / "data"
SOURCES = ("jinan_drive.gpkg", "jinan_osm_roads_raw_shp.zip", "jinan_drive.osm.pbf")
A, B, C, D = (117.0, 36.6), (117.01, 36.6), (117.01, 36.61), (117.02, 36.61)


def shared(name: str) -> Path:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"real layer {name} isn't here")
    return path


def layer(rows: list[dict[str, object]], crs: str | None = "EPSG:4326") -> gpd.GeoDataFrame:
    """Make a layer; `line` of each row becomes its geometry."""
    shapes = [shapely.LineString(row["line"]) for row in rows]  # type: ignore[arg-type]
    columns = {key: [row.get(key) for row in rows] for key in rows[0] if key != "line"}
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=crs)


ROADS = layer(
    [
        {"line": [A, B], "highway": "primary", "name": "经十路", "oneway": "yes", "osm_id": 7},
        {"line": [B, C], "highway": "residential", "name": "", "oneway": "no", "osm_id": 8},
        {"line": [C, D], "highway": "footway", "name": "小径", "oneway": "no", "osm_id": 9},
    ]
)


def saved(folder: Path, frame: gpd.GeoDataFrame, name: str = "r.gpkg", **options: object) -> Path:
    path = folder / name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what GDAL says while writing isn't tested here
        frame.to_file(path, **options)
    return path


def km(city_map: CityMap) -> float:
    return float(geodesic_length_m(city_map.roads.frame.geometry.to_numpy()).sum() / 1000)


def ways(city_map: CityMap) -> list[list[int]]:
    roads = city_map.roads
    return [ids.tolist() for ids in np.split(roads.vertex_id, roads.vertex_start[1:-1])]


@pytest.mark.parametrize("name", ["r.gpkg", "r.shp", "r.geojson"])
def test_each_format_gives_the_same_roads(tmp_path: Path, name: str) -> None:
    city_map = read_layers(saved(tmp_path, ROADS, name))
    frame = city_map.roads.frame
    assert frame.road_id.tolist() == ["way/7", "way/8"]
    assert frame.highway.tolist() == ["primary", "residential"]
    assert frame.name.tolist() == ["经十路", ""]
    assert frame.oneway.tolist() == [1, 0]
    assert frame.crs.to_epsg() == 4326
    assert [note.en for note in city_map.notes] == ["1 lines that cars may not use were left out"]
    assert city_map.facilities.empty
    assert city_map.boundaries.empty
    first, second = ways(city_map)
    assert first[1] == second[0]
    assert len({*first, *second}) == 3


@pytest.mark.parametrize("name", SOURCES)
def test_central_jinan_is_the_same_from_every_source(name: str) -> None:
    city_map = read_map(shared(f"jinan/{name}"))
    frame = city_map.roads.frame
    assert km(city_map) == pytest.approx(3483.3, rel=1e-4)
    assert len(frame) == 18117
    assert (frame.oneway == 0).sum() == 10479
    length = geodesic_length_m(frame.geometry.to_numpy()) / 1000
    by_class = frame.assign(km=length).groupby("highway").km.sum()
    assert by_class["tertiary"] == pytest.approx(755, abs=0.51)
    assert by_class["motorway"] == pytest.approx(125, abs=0.51)
    assert city_map.attribution == "© OpenStreetMap contributors, ODbL 1.0"
    assert frame.road_id.is_unique
    starts = city_map.roads.vertex_start
    ends = np.r_[city_map.roads.vertex_id[starts[:-1]], city_map.roads.vertex_id[starts[1:] - 1]]
    assert len(np.unique(ends)) == pytest.approx(12_766, abs=1)


def test_an_osmnx_graph_has_the_length_that_osmnx_gives_it() -> None:
    osmnx = pytest.importorskip("osmnx")
    path = shared("shenzhen/shenzhen_futian_all.graphml")
    city_map = read_layers(path)
    frame = city_map.roads.frame
    edges = osmnx.graph_to_gdfs(osmnx.load_graphml(path), nodes=False)
    drawn = geodesic_length_m(edges.geometry.to_numpy())
    words = edges.highway.map(lambda word: word[0] if isinstance(word, list) else word)
    cars = words.isin(frame.highway.unique()).to_numpy()
    for column in {"access", "service"} & {*edges.columns}:
        shut = edges[column].astype(str).str.contains("private|parking_aisle|driveway|^no$")
        cars = cars & ~shut.to_numpy()
    both = np.where(frame.oneway == 0, 2, 1)
    ours = float((geodesic_length_m(frame.geometry.to_numpy()) * both).sum())
    assert ours == pytest.approx(float(drawn[cars].sum()), rel=0.005)
    assert city_map.roads.signals.kind.value_counts().to_dict() == {"traffic_signals": 3}
    assert (city_map.roads.signals.vertex_id >= 0).all()


def test_opposite_lines_become_one_two_way_road(tmp_path: Path) -> None:
    lines = [[A, B, C], [C, B, A], [C, D], [A, D], [D, A], [A, D]]
    frame = layer([{"line": line, "highway": "primary", "id": i} for i, line in enumerate(lines)])
    city_map = read_layers(saved(tmp_path, frame))
    assert city_map.roads.frame.oneway.tolist() == [0, 1, 0]
    assert city_map.roads.frame.road_id.tolist() == ["road/0", "road/2", "road/3"]
    assert "2 pairs of opposite lines became two-way roads" in map(str, city_map.notes)
    assert "1 lines that repeat another were left out" in map(str, city_map.notes)


def test_centrelines_without_direction_are_two_way_and_say_so(tmp_path: Path) -> None:
    frame = layer([{"line": [A, B], "class": "主干路"}, {"line": [B, C], "class": "快速路"}])
    city_map = read_layers(saved(tmp_path, frame, "roads.geojson"))
    assert city_map.roads.frame.oneway.tolist() == [0, 0]
    assert city_map.roads.frame.highway.tolist() == ["primary", "trunk"]
    assert list(map(str, city_map.notes)) == [
        "the layer doesn't say which roads are one-way; all count as two-way"
    ]
    assert city_map.attribution == "Roads: roads.geojson"


def test_geofabrik_letters_are_directions(tmp_path: Path) -> None:
    letters = ["B", "F", "T"]
    lines = [[A, B], [B, C], [C, D]]
    rows = [
        {"line": line, "fclass": "primary", "oneway": letter, "bridge": flag, "maxspeed": 0}
        for line, letter, flag in zip(lines, letters, "TFT", strict=True)
    ]
    frame = read_layers(saved(tmp_path, layer(rows), "gis_osm_roads_free_1.shp")).roads.frame
    assert frame.oneway.tolist() == [0, 1, -1]
    assert frame.bridge.tolist() == [True, False, True]
    assert frame.maxspeed_kmh.isna().all()


def test_words_that_are_not_known_are_kept_as_unclassified_and_named(tmp_path: Path) -> None:
    lines = [[A, B], [B, C], [C, D]]
    words = ["boulevard", "boulevard", "primary"]
    rows = [
        {"line": line, "highway": word, "oneway": 0}
        for line, word in zip(lines, words, strict=True)
    ]
    city_map = read_layers(saved(tmp_path, layer(rows)))
    assert city_map.roads.frame.highway.tolist() == ["unclassified", "unclassified", "primary"]
    assert "unclassified: boulevard (2)" in city_map.notes[0].en


def test_lists_of_osmnx_give_their_first_item(tmp_path: Path) -> None:
    rows = [
        {
            "line": [A, B], "highway": "['tertiary', 'service']", "name": "['甲路', '乙路']",
            "osmid": "[11, 12]", "oneway": True, "maxspeed": "['50', '60']", "access": None,
        },
        {
            "line": [B, C], "highway": "service", "name": None, "osmid": "13", "oneway": False,
            "maxspeed": None, "access": "private",
        },
    ]  # fmt: skip
    frame = read_layers(saved(tmp_path, layer(rows))).roads.frame
    row = frame.iloc[0]
    assert len(frame) == 1
    assert (row.road_id, row.highway, row["name"]) == ("way/11", "tertiary", "甲路")
    assert (row.oneway, row.maxspeed_kmh) == (1, 50)


def test_parts_of_a_line_become_roads_with_their_own_ids(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame(
        {"highway": ["primary"], "osm_id": [5]},
        geometry=[shapely.MultiLineString([[A, B], [C, D]])],
        crs="EPSG:4326",
    )
    read = read_layers(saved(tmp_path, frame)).roads.frame
    assert read.road_id.tolist() == ["way/5", "way/5/2"]
    assert read.geometry.geom_type.tolist() == ["LineString", "LineString"]


def test_vertices_closer_than_a_centimetre_are_one(tmp_path: Path) -> None:
    near = (B[0] + 2e-8, B[1])
    frame = layer(
        [{"line": [A, B], "highway": "primary"}, {"line": [near, C], "highway": "primary"}]
    )
    first, second = ways(read_layers(saved(tmp_path, frame)))
    assert first[1] == second[0]


@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:32650", "EPSG:4490", "EPSG:4547"])
def test_any_stated_crs_is_brought_to_wgs84(tmp_path: Path, crs: str) -> None:
    city_map = read_layers(saved(tmp_path, ROADS.to_crs(crs)))
    assert km(city_map) == pytest.approx(
        km(read_layers(saved(tmp_path, ROADS, "w.gpkg"))), rel=1e-6
    )
    assert city_map.roads.frame.geometry.iloc[0].coords[0] == pytest.approx(A, abs=1e-6)
    first, second = ways(city_map)
    assert first[1] == second[0]


@pytest.mark.parametrize("datum", ["gcj02", "bd09"])
def test_shifted_datums_are_brought_back(tmp_path: Path, datum: str) -> None:
    shifted = ROADS.set_geometry(
        shapely.transform(
            ROADS.geometry.to_numpy(), lambda xy: np.column_stack(from_wgs84(*xy.T, datum))
        ),
        crs="EPSG:4326",
    )
    path = saved(tmp_path, shifted)
    assert read_layers(path).roads.frame.geometry.iloc[0].coords[0] != pytest.approx(A, abs=1e-3)
    assert read_layers(path, datum).roads.frame.geometry.iloc[0].coords[0] == pytest.approx(
        A, abs=1e-7
    )
    assert read_map(path, datum).roads.frame.geometry.iloc[0].coords[0] == pytest.approx(
        A, abs=1e-7
    )


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8", "gbk"])
@pytest.mark.parametrize("cpg", ["right", "missing", "wrong"])
def test_chinese_names_survive_with_and_without_a_cpg(
    tmp_path: Path, encoding: str, cpg: str
) -> None:
    path = saved(tmp_path, ROADS, "r.shp", encoding=encoding)
    side = path.with_suffix(".cpg")
    if cpg == "missing":
        side.unlink(missing_ok=True)
    elif cpg == "wrong":
        side.write_text("UTF-8" if encoding != "utf-8" else "GBK")
    names = read_layers(path).roads.frame.name.tolist()
    assert names[0] == "经十路"


def test_a_zip_is_read_whatever_its_names(tmp_path: Path) -> None:
    saved(tmp_path, ROADS, "r.shp", encoding="gb18030")
    (tmp_path / "r.cpg").unlink()
    (tmp_path / "r.prj").unlink()
    path = tmp_path / "道路.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for suffix in ("shp", "shx", "dbf"):
            archive.write(tmp_path / f"r.{suffix}", f"城市/道路 (1).{suffix.upper()}")
        archive.writestr("__MACOSX/城市/._道路 (1).shp", b"junk")
        archive.writestr("readme.txt", "hello")
    city_map = read_map(path)
    assert city_map.roads.frame.name.tolist() == ["经十路", ""]
    assert city_map.source == str(path)


def test_the_road_layer_is_found_among_others(tmp_path: Path) -> None:
    path = saved(tmp_path, ROADS, layer="rivers")
    ROADS.iloc[:1].to_file(path, layer="edges")
    points = gpd.GeoDataFrame(
        {"highway": ["traffic_signals", None]}, geometry=shapely.points([B, D]), crs="EPSG:4326"
    )
    points.to_file(path, layer="nodes")
    city_map = read_layers(path)
    assert len(city_map.roads.frame) == 1
    assert city_map.roads.signals.kind.tolist() == ["traffic_signals"]
    assert city_map.roads.signals.vertex_id.tolist() == [ways(city_map)[0][1]]
    assert len(read_layers(path, layer="rivers").roads.frame) == 2
    with pytest.raises(InputError, match="no such layer"):
        read_layers(path, layer="lakes")


def test_two_layers_with_unknown_names_are_not_guessed_between(tmp_path: Path) -> None:
    path = saved(tmp_path, ROADS, layer="rivers")
    ROADS.to_file(path, layer="rails")
    with pytest.raises(InputError, match=r"more than one line layer \(got rivers .*rails"):
        read_layers(path)


def test_geojson_with_heights_and_an_old_crs_is_read(tmp_path: Path) -> None:
    mercator = gpd.GeoSeries([shapely.LineString([A, B])], crs=4326).to_crs(3857).iloc[0]
    heights = [[x, y, 30.0] if i else [x, y] for i, (x, y) in enumerate(mercator.coords)]
    document = {
        "features": [
            {
                "geometry": {"type": "LineString", "coordinates": heights},
                "properties": {"highway": "primary"},
                "id": 4,
                "type": "Feature",
            }
        ],
        "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3857"}},
        "type": "FeatureCollection",
    }
    path = tmp_path / "r.json"
    path.write_text(json.dumps(document), encoding="utf-8-sig")
    frame = read_layers(path).roads.frame
    assert frame.road_id.tolist() == ["road/4"]
    assert frame.geometry.iloc[0].coords[1] == pytest.approx(B, abs=1e-9)


def test_an_overpass_export_mixes_lines_points_and_areas(tmp_path: Path) -> None:
    rows = [
        ("way/7", "primary", shapely.LineString([A, B])),
        ("node/8", "traffic_signals", shapely.Point(B)),
        ("node/9", None, shapely.Point(D)),
        ("way/10", "pedestrian", shapely.box(117.0, 36.6, 117.1, 36.7)),
    ]
    ids, words, shapes = zip(*rows, strict=True)
    frame = gpd.GeoDataFrame({"@id": ids, "highway": words}, geometry=list(shapes), crs=4326)
    city_map = read_layers(saved(tmp_path, frame, "export.geojson"))
    assert city_map.roads.frame.road_id.tolist() == ["way/7"]
    assert city_map.roads.signals.kind.tolist() == ["traffic_signals"]
    assert city_map.roads.signals.vertex_id.tolist() == [ways(city_map)[0][1]]
    assert "OpenStreetMap" in city_map.attribution
    assert not any("unknown" in note.en or "left out" in note.en for note in city_map.notes)


@pytest.mark.parametrize("name", ["d.gpkg", "d.shp", "d.geojson"])
def test_polygon_layers_keep_their_columns(tmp_path: Path, name: str) -> None:
    frame = gpd.GeoDataFrame(
        {"adcode": ["370102"], "name": ["历下区"]},
        geometry=[shapely.box(117.0, 36.6, 117.1, 36.7)],
        crs="EPSG:4326",
    )
    read = read_polygons(saved(tmp_path, frame.to_crs("EPSG:4326"), name))
    assert read["name"].tolist() == ["历下区"]
    assert read["adcode"].tolist() == ["370102"]
    assert read.geometry.iloc[0].bounds == pytest.approx((117.0, 36.6, 117.1, 36.7))
    assert read.crs.to_epsg() == 4326


def test_polygons_in_metres_and_shifted_come_to_wgs84(tmp_path: Path) -> None:
    box = shapely.box(117.0, 36.6, 117.1, 36.7)
    shifted = shapely.transform(box, lambda xy: np.column_stack(from_wgs84(*xy.T, "gcj02")))
    frame = gpd.GeoDataFrame({"name": ["甲"]}, geometry=[shifted], crs="EPSG:4326")
    path = saved(tmp_path, frame.to_crs("EPSG:3857"))
    corner = shapely.get_coordinates(read_polygons(path, "gcj02").geometry.to_numpy())
    assert corner == pytest.approx(shapely.get_coordinates(box), abs=1e-7)


def test_an_osm_map_on_shifted_coordinates_is_brought_back(tmp_path: Path) -> None:
    lon, lat = from_wgs84(np.array([A[0], B[0]]), np.array([A[1], B[1]]), "gcj02")
    nodes = "".join(
        f'<node id="{i + 1}" lon="{x:.7f}" lat="{y:.7f}">'
        '<tag k="highway" v="traffic_signals"/><tag k="amenity" v="fuel"/></node>'
        for i, (x, y) in enumerate(zip(lon, lat, strict=True))
    )
    way = '<way id="1"><nd ref="1"/><nd ref="2"/><tag k="highway" v="primary"/></way>'
    path = tmp_path / "m.osm"
    path.write_text(f"<osm version='0.6'>{nodes}{way}</osm>", encoding="utf-8")
    city_map = read_map(path, "gcj02")
    assert city_map.roads.frame.geometry.iloc[0].coords[0] == pytest.approx(A, abs=2e-7)
    assert city_map.roads.signals.geometry.iloc[1].x == pytest.approx(B[0], abs=2e-7)
    assert city_map.roads.vertex_id.tolist() == [1, 2]
