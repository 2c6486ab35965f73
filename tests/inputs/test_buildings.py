"""Buildings of an OSM file: which are kept, the same by every way of reading, none unasked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import osmium
import pytest
import shapely
from osmium.osm.mutable import Node, Relation, Way

from siting.inputs import buildingtags
from siting.inputs.osmstream import stream
from siting.osm import read_osm

NANSHAN = Path(__file__).parents[3] / "shared/data/shenzhen/shenzhen_nanshan_2021-03-17.osm.pbf"
LON, LAT = 117.0, 36.6

WAYS = {
    10: {"building": "apartments", "building:levels": "6", "roof:levels": "1"},
    20: {"building": "yes", "height": "24.5 m"},
    30: {"building": "hotel", "name": "宾馆"},
    40: {"building": "roof"},
    50: {"building": "yes", "amenity": "school"},
    60: {"building": "detached", "layer": "-1"},
    70: {"building": "house", "building:levels": "none"},
    80: {},
    90: {"building": "yes"},
}
"""Closed ways, squares of about 20 m; 80 and 90 are rings of the relation."""


def write(path: Path, *, said_sorted: bool) -> Path:
    """Write a road and buildings, sorted, saying so or not."""
    header = osmium.io.Header()
    if said_sorted:
        header.set("sorting", "Type_then_ID")
    with osmium.SimpleWriter(str(path), header=header) as writer:
        for node in (1, 2):
            writer.add_node(Node(id=node, location=(LON + 0.001 * node, LAT)))
        ways = [Way(id=1, nodes=[1, 2], tags={"highway": "primary"})]
        for number, (key, tags) in enumerate(WAYS.items()):
            # The ring of way 90 lies in that of way 80.
            size, x = (0.0004, 0.01) if key == 80 else (0.0002, 0.01 if key == 90 else 0.0)
            x += 0.001 * (number if key < 80 else 0) + (0.0001 if key == 90 else 0.0)
            for corner, (a, b) in enumerate(((0, 0), (1, 0), (1, 1), (0, 1))):
                at = (LON + x + a * size, LAT + 0.001 + b * size + (0.0001 if key == 90 else 0.0))
                writer.add_node(Node(id=100 + key + corner, location=at))
            ring = [100 + key + corner for corner in (0, 1, 2, 3, 0)]
            ways.append(Way(id=key, nodes=ring, tags=tags))
        ways.append(Way(id=99, nodes=[110, 111, 112], tags={"building": "yes"}))
        for way in ways:
            writer.add_way(way)
        members = [("w", 80, "outer"), ("w", 90, "inner")]
        tags = {"type": "multipolygon", "building": "residential", "building:levels": "11"}
        writer.add_relation(Relation(id=5, members=members, tags=tags))
    return path


@pytest.fixture(params=["sorted.osm.pbf", "plain.osm.pbf", "plain.osm"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return write(tmp_path / request.param, said_sorted=request.param.startswith("sorted"))


def test_buildings_with_walls_are_kept_with_what_is_known_of_them(path: Path) -> None:
    found = read_osm(path, buildings=True).buildings
    assert found is not None
    found = found.set_index("building_id")
    expected = {
        "way/10": ("flats", 7.0, np.nan),
        "way/20": ("unknown", np.nan, 24.5),
        "way/30": ("other", np.nan, np.nan),
        "way/50": ("other", np.nan, np.nan),
        "way/70": ("house", np.nan, np.nan),
        "relation/5": ("flats", 11.0, np.nan),
    }
    assert set(found.index) == set(expected), "no roof, nothing underground, no open way, no ring"
    for key, (use, levels, height) in expected.items():
        row = found.loc[key]
        assert row.use == use
        assert np.array_equal([row.levels, row.height_m], [levels, height], equal_nan=True)
    court = found.geometry["relation/5"]
    assert court.area == pytest.approx(0.0004**2 - 0.0002**2)
    assert shapely.is_valid(found.geometry).all()


def test_a_building_can_be_a_place_too(path: Path) -> None:
    found = read_osm(path, buildings=True)
    assert set(found.facilities.facility_id) == {"way/30", "way/50"}
    plain = read_osm(path)
    assert plain.facilities.equals(found.facilities)
    assert plain.roads.frame.equals(found.roads.frame)


def test_unasked_no_building_is_kept_nor_any_of_its_corners(path: Path) -> None:
    assert read_osm(path).buildings is None
    found = stream(path, "xml" if path.suffix == ".osm" else "pbf").found
    assert found.buildings is None
    assert set(found.members.way_id) == set()
    assert set(found.areas.way_id) == {30, 50}


def test_real_buildings_are_those_that_a_plain_count_finds() -> None:
    if not NANSHAN.exists():
        pytest.skip("the Shenzhen extract is not here")
    found = read_osm(NANSHAN, buildings=True).buildings
    assert found is not None
    expected, rings = set(), set()
    for item in osmium.FileProcessor(str(NANSHAN)).with_locations():
        if item.is_node() or not buildingtags.stands(item.tags.get):
            continue
        if item.is_way() and item.is_closed() and all(n.location.valid() for n in item.nodes):
            expected.add(f"way/{item.id}")
        if item.is_relation() and item.tags.get("type") == "multipolygon":
            expected.add(f"relation/{item.id}")
            rings |= {f"way/{member.ref}" for member in item.members}
    assert set(found.building_id) == expected - rings
    assert len(found) > 400
    assert (found.levels.dropna() >= 1).all()


@pytest.mark.parametrize(
    ("text", "metres"),
    [("12", 12.0), ("12.5 m", 12.5), ("40 ft", 12.192), ("40'6\"", 12.3444), ("high", np.nan)],
)
def test_heights_are_read_as_they_are_written(text: str, metres: float) -> None:
    found = buildingtags.height_of({"height": text}.get)
    assert found == pytest.approx(metres, nan_ok=True)


@pytest.mark.parametrize(
    ("word", "use"),
    [("住宅", "flats"), ("别墅", "house"), ("工业", "other"), ("yes", "unknown"), ("", "unknown")],
)
def test_words_of_own_layers_say_what_a_building_is_for(word: str, use: str) -> None:
    assert buildingtags.use_of_word(word) == use
