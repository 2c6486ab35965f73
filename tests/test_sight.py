"""Lines of sight past a town's buildings, from its map to the checker's own count of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
import tiny
from test_roadside import SMALL, write_model

from siting.city.buildings import map_buildings_wanted
from siting.city.reading import read_city
from siting.datum import from_wgs84
from siting.errors import InputError
from siting.model.model import load_model
from siting.pipeline import plan
from siting.store.runs import read_run
from siting.verify import failures, verify_plan
from siting.verify.roadside import roadside_findings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from siting.plan import Plan

SIGHT = f"sight_radius_m: 280, {SMALL}"
"""So far that a unit at a crossing looks over to the next street."""


@pytest.fixture(scope="module")
def back(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """Plan the tiny town with buildings in its western half; tests only read the run."""
    folder = tmp_path_factory.mktemp("sight")
    tiny.write_town(folder / "town.osm.pbf", buildings=True)
    # Little money for charging, which is not in question here and is quickly spent.
    model = write_model(folder, area=6, part=SIGHT)
    found = plan(model, out=folder / "maps", overrides={"charging": {"budget_cny": 3e6}})
    return read_run(found.folder)


def test_a_town_with_buildings_is_planned_past_them_and_holds(back: Plan) -> None:
    assert failures(verify_plan(back)) == ()
    seen = back.road_points.seen_by != ""
    assert seen.sum() > 10
    assert (back.road_points.covered | ~seen).all()
    assert len(back.buildings) > 100
    assert (back.buildings.use == "flats").all()
    row = back.assumptions.set_index("key").loc["roadside.line_of_sight"]
    assert row.source == "building footprints"
    assert any(note.startswith("line of sight: ") for note in back.run["notes"])


def test_nobody_sees_through_a_building_as_geometry_alone_has_it(back: Plan) -> None:
    metric = back.rsus.estimate_utm_crs()
    at = back.rsus.set_index("site_id").geometry.to_crs(metric)
    points = back.road_points.to_crs(metric)
    walls = shapely.union_all(back.buildings.geometry.to_crs(metric).buffer(-0.5).to_numpy())
    lines = [
        shapely.LineString([point.geometry, at[name]])
        for point in points[points.seen_by != ""].itertuples()
        for name in point.seen_by.split()
    ]
    assert len(lines) > 10
    assert not shapely.intersects(walls, lines).any()
    assert shapely.length(lines).max() <= 280.5


def test_without_buildings_the_run_says_that_the_kinds_reach_is_taken(tmp_path: Path) -> None:
    from test_roadside import planned  # noqa: PLC0415

    found = planned(tmp_path, area=2, part=SIGHT)
    assert (found.frames.road_points.seen_by == "").all()
    assert found.frames.buildings.empty
    assert "the map has no building" in found.warnings[-1].en
    assert str(found.assumption["source"]).startswith("no building footprints")


def _wall_in_a_line(found: Plan) -> Plan:
    """Move a building into the line between a site and a point that it sees."""
    point = found.road_points[found.road_points.seen_by != ""].iloc[0]
    site = found.rsus.set_index("site_id").loc[point.seen_by.split()[0]]
    x = (point.geometry.x + site.geometry.x) / 2
    y = (point.geometry.y + site.geometry.y) / 2
    shapes = found.buildings.geometry.to_numpy().copy()
    shapes[0] = shapely.box(x - 1e-4, y - 1e-4, x + 1e-4, y + 1e-4)
    return replace(found, buildings=found.buildings.set_geometry(gpd.GeoSeries(shapes, crs=4326)))


def _points(change: Callable[[Any], Any]) -> Callable[[Plan], Plan]:
    def lie(found: Plan) -> Plan:
        points = found.road_points
        return replace(found, road_points=points.assign(seen_by=change(points)))

    return lie


def _setting(name: str, value: float) -> Callable[[Plan], Plan]:
    def lie(found: Plan) -> Plan:
        settings = found.run["settings"]
        roadside = {**settings["roadside"], name: value}
        return replace(found, run={**found.run, "settings": {**settings, "roadside": roadside}})

    return lie


def _buildings(change: Callable[[gpd.GeoDataFrame], gpd.GeoDataFrame]) -> Callable[[Plan], Plan]:
    return lambda found: replace(found, buildings=change(found.buildings))


LIES = (
    ("no building hides what is seen", _wall_in_a_line),
    ("points that are seen are heard", _points(lambda f: f.heard_by.iloc[0])),
    ("points are seen by equipped", _points(lambda f: f.seen_by.where(f.seen_by == "", "nobody"))),
    ("points are seen within", _setting("sight_radius_m", 200.0)),
    ("buildings are mapped around", _setting("sight_least_built", 0.9)),
    ("buildings are mapped around", _buildings(lambda f: f.iloc[::5])),
    ("buildings are mapped around", _buildings(lambda f: f.iloc[:0])),
    ("buildings occur once", _buildings(lambda f: f.assign(building_id="way/1"))),
)


@pytest.mark.parametrize(("check", "lie"), LIES)
def test_a_lie_about_sight_is_caught_by_its_check(back: Plan, check: str, lie: Any) -> None:
    wrong = [finding.check for finding in roadside_findings(lie(back)) if not finding.ok]
    assert any(name.startswith(check) for name in wrong), wrong


def test_buildings_of_the_map_are_read_where_something_needs_them(tmp_path: Path) -> None:
    tiny.write_town(tmp_path / "town.osm.pbf", buildings=True)
    people = tmp_path / "people.geojson"
    people.write_text("{}", encoding="utf-8")
    plain = tiny.write_model(tmp_path)
    assert map_buildings_wanted(load_model(plain)), "people are spread by them"
    counted = {"sources": {"demand": str(people)}}
    assert not map_buildings_wanted(load_model(plain, counted))
    assert not map_buildings_wanted(load_model(plain, {"sources": {"buildings": "none"}}))
    roadside = write_model(tmp_path, area=2)
    assert map_buildings_wanted(load_model(roadside, counted)), "units look past them"
    unread = load_model(roadside, {"sources": {"buildings": "none"}})
    assert read_city(unread, cache=tmp_path).map.buildings is None


@pytest.mark.parametrize("datum", ["wgs84", "gcj02"])
def test_an_own_layer_of_buildings_goes_before_the_maps(tmp_path: Path, datum: str) -> None:
    tiny.write_town(tmp_path / "town.osm.pbf", buildings=True)
    city = read_city(load_model(write_model(tmp_path)), cache=tmp_path)
    assert city.map.buildings is not None
    shapes = shapely.transform(
        city.map.buildings.geometry.to_numpy(),
        lambda xy: np.column_stack(from_wgs84(xy[:, 0], xy[:, 1], datum)),
    )
    own = gpd.GeoDataFrame(
        {"楼栋编号": [f"栋{n}" for n in range(len(shapes))], "层数": 18, "用途": "住宅"},
        geometry=shapes,
        crs="EPSG:4326",
    )
    own.to_file(tmp_path / "own.gpkg", layer="建筑")
    source = {"file": str(tmp_path / "own.gpkg"), "datum": datum}
    again = read_city(
        load_model(write_model(tmp_path), {"sources": {"buildings": source}}), cache=tmp_path
    )
    found = again.map.buildings
    assert found is not None
    assert len(found) == len(city.map.buildings)
    assert found.building_id.str.startswith("building/栋").all()
    assert ((found.levels == 18) & (found.use == "flats")).all()
    assert any(record["path"] == "own.gpkg" for record in again.inputs)


def test_buildings_in_gcj02_that_say_nothing_of_it_are_refused(tmp_path: Path) -> None:
    tiny.write_town(tmp_path / "town.osm.pbf", buildings=True)
    city = read_city(load_model(write_model(tmp_path)), cache=tmp_path)
    assert city.map.buildings is not None
    shifted = shapely.transform(
        city.map.buildings.geometry.to_numpy(),
        lambda xy: np.column_stack(from_wgs84(xy[:, 0], xy[:, 1], "gcj02")),
    )
    own = gpd.GeoDataFrame({"层数": [6] * len(shifted)}, geometry=shifted, crs="EPSG:4326")
    own.to_file(tmp_path / "own.gpkg", layer="建筑")
    asked = load_model(
        write_model(tmp_path), {"sources": {"buildings": str(tmp_path / "own.gpkg")}}
    )
    with pytest.raises(InputError, match="look like GCJ02") as caught:
        read_city(asked, cache=tmp_path)
    assert "gcj02" in str(caught.value.cure)
