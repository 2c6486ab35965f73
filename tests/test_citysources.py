"""Sources held against each other: frames, datums and hygiene of a whole city's inputs."""

from __future__ import annotations

import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from handtown import SOUTH_M, WEST_M, lonlat, make_map, make_network
from tiny import MODEL, answered, write_town

from siting.candidates.roadlists import Stretch, list_of
from siting.city.reading import read_city
from siting.datum import from_wgs84, to_wgs84
from siting.errors import InputError
from siting.layers import read_map
from siting.model.model import load_model
from siting.model.sources import Source
from siting.pipeline import check
from siting.reach.substations import substations_of
from siting.sources import read_source

if TYPE_CHECKING:
    from siting.city.reading import City

SHARED = Path(__file__).parents[1].parent / "shared" / "data"
M_PER_DEG = 111_320.0


def model(folder: Path, sources: str, **files: gpd.GeoDataFrame | pd.DataFrame) -> Path:
    """Write a tiny model with own sources; tables become csv, layers gpkg."""
    roads = folder / "town.osm.pbf"
    if not roads.exists():
        write_town(roads)
    for name, frame in files.items():
        if isinstance(frame, gpd.GeoDataFrame):
            frame.to_file(folder / f"{name}.gpkg")
        else:
            frame.to_csv(folder / f"{name}.csv", index=False)
    text = MODEL.format(roads=roads, budget=4e7, stations=8)
    begin = text.index("sources:")
    end = text.index("demand:")
    path = folder / "own.yaml"
    path.write_text(text[:begin] + f"sources:\n{sources}\n" + text[end:], encoding="utf-8")
    return path


def read(path: Path, folder: Path) -> City:
    return read_city(load_model(path), cache=folder)


def shuffled_town(folder: Path) -> gpd.GeoDataFrame:
    """Write streets at uneven distances: an even grid looks the same after many shifts."""
    rng = np.random.default_rng(3)
    east, north = (np.cumsum(rng.uniform(8e-4, 3e-3, 24)) for _ in "xy")
    lon, lat = 117.0 + east, 36.65 + north
    lines = [shapely.LineString([(x, y) for y in lat]) for x in lon]
    lines += [shapely.LineString([(x, y) for x in lon]) for y in lat]
    frame = gpd.GeoDataFrame({"highway": "residential"}, geometry=lines, crs=4326, index=range(48))
    frame.to_file(folder / "streets.gpkg")
    return frame


def beside_roads(folder: Path, count: int, datum: str = "wgs84") -> pd.DataFrame:
    """Place stations 25 m on both sides of streets, written in a datum."""
    rng = np.random.default_rng(7)
    lines = shuffled_town(folder).geometry.to_numpy()
    scale = M_PER_DEG * np.array([np.cos(np.radians(36.67)), 1.0])
    flat = shapely.transform(lines, lambda xy: xy * scale)
    line = flat[rng.integers(0, len(flat), count)]
    along = rng.uniform(0, shapely.length(line))
    here = shapely.get_coordinates(shapely.line_interpolate_point(line, along))
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(line, along - 1.0))
    way = here - ahead
    side = np.column_stack([-way[:, 1], way[:, 0]]) / np.linalg.norm(way, axis=1, keepdims=True)
    at = (here + rng.choice([-25.0, 25.0], (count, 1)) * side) / scale
    lon, lat = from_wgs84(at[:, 0], at[:, 1], datum)
    return pd.DataFrame({"id": [f"s{n}" for n in range(count)], "lon": lon, "lat": lat})


FRAMES = ("EPSG:4549", "EPSG:4548", "EPSG:4490", "EPSG:4326", "GBK")


def write_frame(folder: Path, frame: gpd.GeoDataFrame, name: str) -> Path:
    """Write a road layer in a CRS as GeoPackage, or as a GBK shapefile in a zip without .cpg."""
    if name != "GBK":
        path = folder / f"roads-{name[5:]}.gpkg"
        frame.to_crs(name).to_file(path)
        return path
    frame.to_crs(4548).to_file(folder / "道路.shp", encoding="GBK")
    path = folder / "道路.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for part in sorted(folder.glob("道路.*")):
            if part.suffix not in {".zip", ".cpg"}:
                archive.write(part, part.name)
    return path


@pytest.mark.slow
def test_the_same_roads_in_any_frame_give_the_same_plan(tmp_path: Path) -> None:
    city_map = read_map(write_town(tmp_path / "town.osm.pbf"))
    roads = city_map.roads.frame[["road_id", "highway", "name", "geometry"]]
    roads = roads.rename(columns={"road_id": "编号", "highway": "道路等级", "name": "道路名称"})
    found = city_map.facilities[city_map.facilities.kind != "charging_station"]
    sites = found[["facility_id", "kind", "name", "geometry"]].rename(columns={"facility_id": "id"})
    answers = []
    for name in FRAMES:
        layer = write_frame(tmp_path, roads, name)
        sources = f"  roads: {layer}\n  districts: extent\n  sites: {{file: sites.gpkg}}"
        path = model(tmp_path, sources, sites=sites)
        answer = answered(path)
        stations = answer.stations.sort_values("site_id")
        totals = {k: v for k, v in answer.run["totals"].items() if k != "seconds"}
        answers.append((stations.site_id.tolist(), stations.piles.tolist(), totals["cost_cny"]))
        assert answer.run["verified"]
    assert len(answers[0][0]) >= 8
    assert all(answer == answers[0] for answer in answers[1:])


@pytest.mark.parametrize("datum", ["gcj02", "bd09"])
def test_stations_in_a_shifted_datum_are_named_with_shift_and_line(
    tmp_path: Path, datum: str
) -> None:
    stations = beside_roads(tmp_path, 400, datum)
    wrong = "  roads: streets.gpkg\n  districts: extent\n  existing:\n    file: stations.csv\n"
    path = model(tmp_path, wrong, stations=stations)
    with pytest.raises(InputError, match="stations look like") as caught:
        read(path, tmp_path)
    assert f"own.yaml:6: write `datum: {datum}`" in caught.value.cure
    words = str(caught.value.value).split()
    measured = np.array([float(words[1]), float(words[5])])
    lon, lat = to_wgs84(stations.lon, stations.lat, datum)
    scale = M_PER_DEG * np.array([np.cos(np.radians(36.67)), 1.0])
    true = (np.column_stack([stations.lon - lon, stations.lat - lat]) * scale).mean(axis=0)
    assert np.hypot(*(measured - np.abs(true))) < 30
    path = model(tmp_path, wrong + f"    datum: {datum}\n")
    city = read(path, tmp_path)
    assert len(city.layers["existing"]) == 400


def test_stations_in_the_stated_datum_pass_and_few_are_said_not_to_tell(tmp_path: Path) -> None:
    sources = "  roads: streets.gpkg\n  districts: extent\n  existing: stations.csv\n"
    city = read(model(tmp_path, sources, stations=beside_roads(tmp_path, 400)), tmp_path)
    assert not any("no `datum:`" in note.en for note in city.notes)
    few = beside_roads(tmp_path, 20, "gcj02")
    city = read(model(tmp_path, sources, stations=few), tmp_path)
    assert any("no `datum:` is stated" in note.en for note in city.notes)


def test_a_datum_that_is_stated_wrongly_is_told_too(tmp_path: Path) -> None:
    sources = (
        "  roads: streets.gpkg\n  districts: extent\n"
        "  existing: {file: stations.csv, datum: gcj02}\n"
    )
    path = model(tmp_path, sources, stations=beside_roads(tmp_path, 400))
    with pytest.raises(InputError, match="look like WGS-84, not GCJ-02"):
        read(path, tmp_path)


def test_own_sites_and_junctions_join_the_map_and_files_are_recorded(tmp_path: Path) -> None:
    sites = pd.DataFrame(
        {
            "id": ["p1", "p2"],
            "类型": ["公共停车场", ""],
            "车位": [80, 40],
            "lon": [117.011, 117.021],
            "lat": [36.661, 36.666],
        }
    )
    junctions = pd.DataFrame(
        {"id": ["j1", "far"], "lon": [117.0 + 0.0022, 117.0011], "lat": [36.65 + 0.00176, 36.6509]}
    )
    sources = (
        "  roads: town.osm.pbf\n  districts: extent\n"
        "  sites: {file: sites.csv, source: 停车办, licence: internal, date: 2025}\n"
        "  junctions: {file: junctions.csv, datum: wgs84}\n"
    )
    path = model(tmp_path, sources, sites=sites, junctions=junctions)
    plain = read(model(tmp_path, "  roads: town.osm.pbf\n  districts: extent\n"), tmp_path)
    path = model(tmp_path, sources)
    city = read(path, tmp_path)
    own = city.map.facilities[city.map.facilities.facility_id.str.startswith("site/")]
    assert own[["facility_id", "kind", "capacity"]].to_numpy().tolist() == [
        ["site/p1", "parking", 80.0],
        ["site/p2", "parking", 40.0],
    ]
    assert len(city.map.roads.signals) == len(plain.map.roads.signals) + 1
    assert any("1 junctions are farther than 40 m" in note.en for note in city.notes)
    record = next(r for r in city.inputs if r["path"] == "sites.csv")
    assert (record["source"], record["licence"], record["date"]) == ("停车办", "internal", "2025")
    assert len(record["sha256"]) == 64


def test_sites_of_no_known_kind_and_far_ones_are_named(tmp_path: Path) -> None:
    sites = pd.DataFrame({"id": ["a"], "kind": ["火箭场"], "lon": [117.01], "lat": [36.66]})
    sources = (
        "  roads: town.osm.pbf\n  districts: extent\n  sites: {file: sites.csv, datum: wgs84}\n"
    )
    with pytest.raises(InputError, match=r"火箭场.*line 2"):
        read(model(tmp_path, sources, sites=sites), tmp_path)
    far = sites.assign(kind="parking", lat=36.72)
    city = read(model(tmp_path, sources, sites=far), tmp_path)
    assert any("more than 500 m from any road (a)" in note.en for note in city.notes)
    strict = sources.replace("datum: wgs84", "datum: wgs84, checks: strict")
    with pytest.raises(InputError, match="far_from_roads"):
        read(model(tmp_path, strict), tmp_path)


def test_check_tells_all_that_is_wrong_and_what_was_read(tmp_path: Path) -> None:
    stations = pd.DataFrame({"桩数": ["很多"], "lon": [117.01], "lat": [36.66]})
    grid = pd.DataFrame({"name": ["甲"], "lon": [117.01], "lat": [36.66]})
    sources = (
        "  roads: town.osm.pbf\n  districts: extent\n"
        "  existing: stations.csv\n  grid: grid.csv\n"
        "  junctions: {file: j.csv, fields: {kind: 型}}\n"
    )
    junctions = pd.DataFrame({"id": ["j"], "lon": [117.0], "lat": [36.65]})
    path = model(tmp_path, sources, stations=stations, grid=grid, j=junctions)
    found = check(path, out=tmp_path)
    wrong = "\n".join(found.problems)
    assert len(found.problems) == 3
    for words in ("line 2 '很多'", "headroom_kw", "own.yaml:8: there is no column `型`"):
        assert words in wrong
    text = "\n".join(found.lines)
    for words in ("km of ways by class: primary", "parking 4", "people: 60,000", "town.osm.pbf"):
        assert words in text


def test_a_road_file_that_is_missing_is_told_beside_the_rest(tmp_path: Path) -> None:
    sources = "  roads: roads.gpkg\n  districts: extent\n  existing: stations.csv\n"
    roads = gpd.GeoDataFrame({"highway": []}, geometry=[], crs=4326)
    stations = pd.DataFrame({"name": ["x"]})
    found = check(model(tmp_path, sources, roads=roads, stations=stations), out=tmp_path)
    assert len(found.problems) == 2
    assert "road layer is empty" in found.problems[0]
    assert "no columns that place its rows" in found.problems[1]


def test_own_substations_feed_the_nearest_sites(tmp_path: Path) -> None:
    grid = pd.DataFrame(
        {
            "变电站编号": ["w", "e"],
            "可开放容量": ["500", "800 kW"],
            "x": [0.0, 3000.0],
            "y": [0.0, 0.0],
        }
    )
    grid[["x", "y"]] += [WEST_M, SOUTH_M]
    grid.to_csv(tmp_path / "grid.csv", index=False)
    frame = read_source("grid", Source(file=str(tmp_path / "grid.csv"), crs="EPSG:4548"))
    network = make_network(make_map(lines=[("primary", "", [(0.0, 0.0), (3000.0, 0.0)])]))
    at = shapely.points(lonlat(np.array([[100.0, 50.0], [2900.0, 10.0], [1600.0, 0.0]])))
    sites: Any = SimpleNamespace(frame=gpd.GeoDataFrame(geometry=at, crs=4326))
    charging: Any = SimpleNamespace(substations="")
    found = substations_of(charging, network, sites, frame)
    assert found is not None
    assert found.of_site.tolist() == [0, 1, 1]
    assert found.frame[["substation_id", "headroom_kw"]].to_numpy().tolist() == [
        ["w", 500.0],
        ["e", 800.0],
    ]
    charging.substations = "s.csv"
    with pytest.raises(InputError, match="given twice"):
        substations_of(charging, network, sites, frame)
    empty: Any = SimpleNamespace(substations="")
    with pytest.raises(InputError, match=r"no head-room.*line 2"):
        substations_of(empty, network, sites, frame.assign(headroom_kw=[np.nan, 1.0]))


def test_opened_roads_are_listed_by_name_and_by_line(tmp_path: Path) -> None:
    rows = pd.DataFrame(
        {
            "道路": ["经十路", "纬二路"],
            "起点": ["纬一路", ""],
            "wkt": ["", "LINESTRING(117 36.6,117.1 36.6)"],
        }
    )
    rows.to_csv(tmp_path / "opened.csv", index=False)
    listed = list_of(read_source("opened", Source(file=str(tmp_path / "opened.csv"))))
    assert listed.stretches == (Stretch("经十路", "纬一路"),)
    assert listed.labels == ("纬二路",)
    assert listed.shapes[0].equals(shapely.LineString([(117, 36.6), (117.1, 36.6)]))


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the real stations beside the checkout")
def test_real_stations_set_beside_jinan_roads_are_told_to_be_gcj02(tmp_path: Path) -> None:
    """Shenzhen's stations, their layout moved beside Jinan's roads: synthetic use."""
    rows = pd.read_csv(SHARED / "shenzhen" / "urbanev_stations_gcj02.csv")
    lon, lat = to_wgs84(rows.longitude, rows.latitude, "gcj02")
    at = np.column_stack(
        [117.02 + (lon - np.median(lon)) * 0.35, 36.67 + (lat - np.median(lat)) * 0.35]
    )
    roads = SHARED / "jinan" / "jinan_drive.osm.pbf"
    scale = M_PER_DEG * np.array([np.cos(np.radians(36.67)), 1.0])
    lines = read_map(roads).roads.frame.geometry.to_numpy()
    flat = shapely.transform(lines, lambda xy: xy * scale)
    near = flat[shapely.STRtree(flat).nearest(shapely.points(at * scale))]
    foot = shapely.get_coordinates(
        shapely.line_interpolate_point(
            near, shapely.line_locate_point(near, shapely.points(at * scale))
        )
    )
    away = at * scale - foot
    away /= np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-9)
    rng = np.random.default_rng(3)
    set_back = (foot + away * rng.uniform(10, 60, (len(foot), 1))) / scale
    lon, lat = from_wgs84(set_back[:, 0], set_back[:, 1], "gcj02")
    rows.assign(longitude=lon, latitude=lat).to_csv(tmp_path / "stations.csv", index=False)
    sources = f"  roads: {roads}\n  districts: extent\n  existing:\n    file: stations.csv\n"
    with pytest.raises(InputError, match="stations look like GCJ-02") as caught:
        read(model(tmp_path, sources), tmp_path)
    assert "own.yaml:6: write `datum: gcj02`" in caught.value.cure
    words = str(caught.value.value).split()
    true = ((np.column_stack([lon, lat]) - set_back) * scale).mean(axis=0)
    assert np.hypot(float(words[1]) - true[0], float(words[5]) - true[1]) < 30
    city = read(model(tmp_path, sources + "    datum: gcj02\n"), tmp_path)
    placed = shapely.get_coordinates(city.layers["existing"].geometry)
    np.testing.assert_allclose(placed, set_back, atol=1e-6)
