"""Lists of roads found again among corridors, by name and by shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pytest
import shapely
from drawntown import CRS_M, corridors_of, lonlat, town, way

from siting.candidates.roadlists import mark_roads, match_roads, read_road_list
from siting.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from siting.candidates.corridors import Corridors


@pytest.fixture(scope="module")
def corridors() -> Corridors:
    """经十路 from west to east with five crossings 500 m apart, and a road beside it."""
    xs = [0.0, 500.0, 1000.0, 1500.0, 2000.0]
    ways = [way([(-400.0, 0.0), *((x, 0.0) for x in xs), (2400.0, 0.0)], "经十路", "primary")]
    ways += [
        way([(x, -600.0), (x, 0.0), (x, 600.0)], name)
        for x, name in zip(xs, ["甲路", "乙路", "丙路", "丁路", "甲路"], strict=True)
    ]
    return corridors_of(town(ways))[0]


def listed(corridors: Corridors, path: Path, text: str, encoding: str = "utf-8") -> tuple:
    path.write_text(text, encoding=encoding)
    rows, missed = match_roads(corridors, CRS_M, read_road_list(path))
    frame = corridors.frame[rows]
    found = set(zip(frame["road"], frame["from_name"], frame["to_name"], strict=True))
    return found, missed


def test_a_stretch_is_the_way_along_a_road_between_two_others(
    corridors: Corridors, tmp_path: Path
) -> None:
    found, missed = listed(
        corridors, tmp_path / "a.csv", "road,from_name,to_name\n经十路,乙路,丁路\n"
    )
    assert found == {("经十路", "乙路", "丙路"), ("经十路", "丙路", "丁路")}
    assert missed == ()


def test_of_two_meetings_with_a_road_the_nearer_one_ends_the_stretch(
    corridors: Corridors, tmp_path: Path
) -> None:
    found, _ = listed(corridors, tmp_path / "a.csv", "道路名称,起点,终点\n经十路,丁路,甲路\n")
    assert found == {("经十路", "丁路", "甲路")}


def test_chinese_tables_and_names_with_blanks_are_read(
    corridors: Corridors, tmp_path: Path
) -> None:
    text = "道路\t起点\t终点\n 经十路 \t乙路\t丙路 \n\t\t\n"
    found, missed = listed(corridors, tmp_path / "a.txt", text, "gb18030")
    assert found == {("经十路", "乙路", "丙路")}
    assert missed == ()


def test_a_road_without_ends_is_all_of_it(corridors: Corridors, tmp_path: Path) -> None:
    found, missed = listed(corridors, tmp_path / "a.csv", "road\n经十路\n")
    assert len(found) == 6
    assert missed == ()


def test_what_is_not_found_is_named_with_its_reason(corridors: Corridors, tmp_path: Path) -> None:
    text = (
        "road,from,to\n经十东路,乙路,丙路\n经十路,乙路,戊路\n经十路,乙路,乙路\n经十路,乙路,丙路\n"
    )
    found, missed = listed(corridors, tmp_path / "a.csv", text)
    assert found == {("经十路", "乙路", "丙路")}
    assert len(missed) == 3
    assert "no road of that name; is it 经十路?" in missed[0].en
    assert "it doesn't meet 戊路" in missed[1].en
    assert "don't hang together" in missed[2].en


def test_the_catalogue_of_a_plan_finds_its_own_corridors(
    corridors: Corridors, tmp_path: Path
) -> None:
    frame = corridors.frame
    some = frame[(frame["road"] == "经十路") | (frame["to_name"] == "路端")]
    path = tmp_path / "catalogue.csv"
    some[["road", "from_name", "to_name"]].to_csv(path, index=False)
    rows, missed = match_roads(corridors, CRS_M, read_road_list(path))
    assert missed == ()
    # Two roads are called 甲路, so that only ids tell their sections apart.
    clear = (some["road"] != "甲路").to_numpy()
    assert rows[some.index[clear]].all()
    some[["corridor_id", "road", "from_name", "to_name"]].to_csv(path, index=False)
    rows, missed = match_roads(corridors, CRS_M, read_road_list(path))
    assert missed == ()
    assert np.flatnonzero(rows).tolist() == some.index.tolist()


def test_drawn_lines_and_areas_hold_the_corridors_that_lie_on_them(
    corridors: Corridors, tmp_path: Path
) -> None:
    line = shapely.LineString(lonlat(np.array([(480.0, 12.0), (1620.0, 12.0)])))
    far = shapely.LineString(lonlat(np.array([(480.0, 300.0), (700.0, 400.0)])))
    path = tmp_path / "opened.gpkg"
    shapes = gpd.GeoDataFrame({"name": ["示范路", "远路"]}, geometry=[line, far], crs=4326)
    shapes.to_file(path, layer="opened")
    rows, missed = match_roads(corridors, CRS_M, read_road_list(path))
    frame = corridors.frame[rows]
    assert set(frame["from_name"]) == {"乙路", "丙路"}
    assert set(frame["road"]) == {"经十路"}
    assert tuple(map(str, missed)) == ("远路: no road of the map lies on it",)
    area = shapely.Polygon(lonlat(np.array([(900, 50), (1100, 50), (1100, 700), (900, 700)])))
    path = tmp_path / "area.geojson"
    gpd.GeoDataFrame({"name": ["校区"]}, geometry=[area], crs=4326).to_file(path)
    rows, missed = match_roads(corridors, CRS_M, read_road_list(path))
    assert corridors.frame.loc[rows, "road"].tolist() == ["丙路"]
    assert missed == ()


def test_opened_roads_stay_open_where_both_lists_have_them(
    corridors: Corridors, tmp_path: Path
) -> None:
    opened, excluded = tmp_path / "opened.csv", tmp_path / "excluded.csv"
    opened.write_text("road,from,to\n经十路,乙路,丙路\n", encoding="utf-8")
    excluded.write_text("road\n经十路\n己路\n", encoding="utf-8")
    marked, notes = mark_roads(corridors, CRS_M, opened=str(opened), excluded=str(excluded))
    frame = marked.frame
    assert frame["opened"].sum() == 1
    assert (frame.loc[frame["opened"], "excluded"] == "").all()
    assert (frame["excluded"] == "listed").sum() == 5
    assert len(notes) == 1
    assert notes[0].en.startswith("excluded roads: 己路")
    # The corridors that were given are as before.
    assert not corridors.frame["opened"].any()


def test_lists_that_cant_be_read_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match="no column"):
        read_road_list(path)
    with pytest.raises(InputError, match="can't be read"):
        read_road_list(tmp_path / "none.csv")
    path.write_bytes(b"road\n\xff\xff\xff\xff\n")
    with pytest.raises(InputError, match="neither UTF-8"):
        read_road_list(path)
