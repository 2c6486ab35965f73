"""What changed between two plans is what was changed in them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from openpyxl import load_workbook
from plans import make_plan

from siting.compare.changes import changes, counts, total_cny
from siting.compare.diff import diff
from siting.errors import InputError, OutputError

if TYPE_CHECKING:
    from pathlib import Path

    from siting.pipeline import Published
    from siting.plan import Plan

EAST_100_M = 100 / (111_320 * np.cos(np.radians(36.6)))


def changed(plan: Plan) -> Plan:
    """Close one station, open one far off, move one by 100 m, grow one, shrink one."""
    frame = plan.stations.copy()
    ids = frame["site_id"].tolist()
    moved = frame.iloc[[1]].assign(site_id="node/new")
    moved = moved.set_geometry(moved.geometry.translate(EAST_100_M, 0.0))
    far = frame.iloc[[0]].assign(site_id="node/far")
    far = far.set_geometry(gpd.GeoSeries([shapely.Point(119.5, 38.5)], crs=4326))
    frame.loc[2, "piles"] += 3
    frame.loc[3, "piles"] -= 1
    kept = frame[~frame["site_id"].isin(ids[:2])]
    both = pd.concat([kept, moved, far], ignore_index=True)
    return replace(plan, stations=gpd.GeoDataFrame(both, crs=4326))


def test_each_change_is_found_once_by_id() -> None:
    before = make_plan(hostile=False)
    after = changed(before)
    ids = before.stations["site_id"].tolist()
    found = changes(before, after, near_m=200).set_index("change")
    assert found["id"].to_dict() == {
        "opened": "node/far", "closed": ids[0], "moved": "node/new", "grew": ids[2],
        "shrank": ids[3],
    }  # fmt: skip
    assert found.loc["moved", "from_id"] == ids[1]
    assert found.loc["moved", "distance_m"] == pytest.approx(100, rel=0.01)
    assert found.loc["grew", "size_after"] - found.loc["grew", "size_before"] == 3
    money = after.stations["cost_cny"].sum() - before.stations["cost_cny"].sum()
    found = found.reset_index()
    assert total_cny(found, ["charging"])[0] == pytest.approx(money)
    assert counts(found).loc["charging"].sum() == 5


def test_what_is_nearer_than_asked_moved_and_what_is_farther_did_not() -> None:
    before = make_plan(hostile=False)
    kinds = [set(changes(before, changed(before), near_m=m)["change"]) for m in (50, 200)]
    assert "moved" not in kinds[0]
    assert "moved" in kinds[1]


def test_the_way_back_is_the_opposite() -> None:
    before = make_plan(hostile=False)
    after = changed(before)
    there, back = changes(before, after, near_m=200), changes(after, before, near_m=200)
    swap = {"opened": "closed", "closed": "opened", "grew": "shrank", "shrank": "grew"}
    assert sorted(there["change"].replace(swap)) == sorted(back["change"])
    assert changes(before, before, near_m=200).empty


def test_levels_sizes_and_phases_of_other_programmes_are_compared() -> None:
    plan = make_plan(hostile=False)
    points = plan.stations.geometry.iloc[:3].to_numpy()
    units = gpd.GeoDataFrame(
        {
            "site_id": ["a", "b", "c"], "name": "", "district_id": "370102", "phase": [1, 1, 2],
            "level": ["rsu", "full", "rsu"], "cost_cny": [1, 3, 1],
        },
        geometry=points, crs=4326,
    )  # fmt: skip
    lines = [shapely.LineString([(117, 36), (117.01, 36)])]
    roads = gpd.GeoDataFrame(
        {"corridor_id": ["r"], "road": "经十路", "district_id": "", "length_m": 900.0,
         "cost_cny": 5, "phase": 1},
        geometry=lines, crs=4326,
    )  # fmt: skip
    one = replace(plan, rsus=units, test_roads=roads)
    other = units.assign(level=["sensing", "full", "rsu"], phase=[1, 1, 3])
    two = replace(plan, rsus=other, test_roads=roads.assign(phase=2))
    found = changes(one, two, near_m=200)
    rows = found[["item", "change", "id"]].to_numpy().tolist()
    assert rows == [
        ["roadside", "grew", "a"], ["roadside", "phase", "c"], ["test_road", "phase", "r"],
    ]  # fmt: skip
    assert changes(one, plan, near_m=200)["change"].tolist() == ["closed"] * 4


def test_tables_and_layers_hold_every_change(published: Published, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(published.folder, other)
    path = other / "plan.gpkg"
    stations = pyogrio.read_dataframe(path, layer="stations")
    gone = stations["site_id"].iloc[0]
    pyogrio.write_dataframe(stations.iloc[1:], path, layer="stations", driver="GPKG")
    run = json.loads((other / "run.json").read_text(encoding="utf-8"))
    run["totals"]["stations"] -= 1
    (other / "run.json").write_text(json.dumps(run), encoding="utf-8")
    found = diff(published.folder, other, out=tmp_path / "out")
    assert found.changes[["change", "id"]].to_numpy().tolist() == [["closed", gone]]
    assert [(one.key, one.after - one.before) for one in found.totals] == [("stations", -1)]
    table = pd.read_csv(tmp_path / "out" / "changes.csv")
    assert table["id"].tolist() == [gone]
    layer = gpd.read_file(tmp_path / "out" / "changes.gpkg", layer="changes")
    assert layer["id"].tolist() == [gone]
    assert gpd.read_file(tmp_path / "out" / "changes.geojson")["id"].tolist() == [gone]
    book = load_workbook(tmp_path / "out" / "changes.xlsx", read_only=True)
    assert book.sheetnames == ["变化", "指标", "条款"]
    assert next(book["变化"].iter_rows(min_row=2, values_only=True))[1] == "取消"
    with pytest.raises(OutputError):
        diff(published.folder, other, out=tmp_path / "out")


def test_runs_of_other_areas_are_refused(published: Published, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(published.folder, other)
    path = other / "plan.gpkg"
    areas = pyogrio.read_dataframe(path, layer="districts").assign(district_id="elsewhere")
    pyogrio.write_dataframe(areas, path, layer="districts", driver="GPKG", promote_to_multi=True)
    with pytest.raises(InputError, match="no district in common"):
        diff(published.folder, other)
    with pytest.raises(InputError):
        diff(published.folder, tmp_path)
