"""The OSM reader against hand-made extracts, GDAL's own OSM driver and published figures."""

from __future__ import annotations

import bz2
import gzip
import itertools
import math
from pathlib import Path

import numpy as np
import osmium
import pyogrio
import pytest
from pyproj import Geod

from siting.datum import geodesic_length_m
from siting.errors import InputError
from siting.frames import FACILITY_KINDS, ROAD_CLASSES, CityMap
from siting.inputs.tags import CONTROL_TAGS, FACILITY_TAGS
from siting.osm import read_osm

DATA = Path(__file__).parents[1].parent / "shared" / "data"


def shared(name: str) -> Path:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"real extract {name} isn't here")
    return path


class Xml:
    """Collects objects of an OSM XML file."""

    def __init__(self) -> None:
        self.nodes: list[str] = []
        self.others: list[str] = []

    def node(self, key: int, lon: float, lat: float, **tags: str) -> int:
        """Add a node."""
        self.nodes.append(f'<node id="{key}" lon="{lon}" lat="{lat}">{_tags(tags)}</node>')
        return key

    def way(self, key: int, refs: list[int], **tags: str) -> int:
        """Add a way."""
        nodes = "".join(f'<nd ref="{ref}"/>' for ref in refs)
        self.others.append(f'<way id="{key}">{nodes}{_tags(tags)}</way>')
        return key

    def relation(self, key: int, members: list[tuple[int, str]], **tags: str) -> None:
        """Add a relation of ways."""
        rows = "".join(f'<member type="way" ref="{ref}" role="{role}"/>' for ref, role in members)
        self.others.append(f'<relation id="{key}">{rows}{_tags(tags)}</relation>')

    def text(self, *, nodes_last: bool = False, generator: str = "test") -> str:
        """Return the XML."""
        parts = (self.others, self.nodes) if nodes_last else (self.nodes, self.others)
        body = "\n".join(itertools.chain(*parts))
        return f'<?xml version="1.0"?>\n<osm version="0.6" generator="{generator}">{body}</osm>'

    def read(self, folder: Path, *, nodes_last: bool = False, generator: str = "test") -> CityMap:
        """Write the XML and read it."""
        path = folder / "map.osm"
        text = self.text(nodes_last=nodes_last, generator=generator)
        path.write_text(text, encoding="utf-8")
        return read_osm(path)


def _tags(tags: dict[str, str]) -> str:
    return "".join(
        f'<tag k="{key.replace("__", ":")}" v="{value}"/>' for key, value in tags.items()
    )


def street(xml: Xml, key: int, **tags: str) -> None:
    """Add a way of two nodes of its own."""
    row = 36.0 + key / 1000
    refs = [xml.node(10 * key, 117.0, row), xml.node(10 * key + 1, 117.01, row)]
    xml.way(key, refs, **{"highway": "residential", **tags})


def square(xml: Xml, first: int, west: float, south: float, side: float) -> list[int]:
    corners = [(0, 0), (1, 0), (1, 1), (0, 1)]
    return [
        xml.node(first + i, west + x * side, south + y * side) for i, (x, y) in enumerate(corners)
    ]


def test_attributes_of_a_road_are_read_in_their_units(tmp_path: Path) -> None:
    xml = Xml()
    street(
        xml, 1, highway="primary", name="经十路", ref="G309", lanes="3", maxspeed="40 mph",
        bridge="viaduct", tunnel="no", junction="roundabout",
    )  # fmt: skip
    roads = xml.read(tmp_path).roads
    row = roads.frame.iloc[0]
    assert row.road_id == "way/1"
    assert (row.highway, row["name"], row.ref) == ("primary", "经十路", "G309")
    assert row.lanes == 3
    assert row.maxspeed_kmh == pytest.approx(64.374, abs=1e-3)
    assert row.bridge
    assert not row.tunnel
    assert row.roundabout
    assert row.oneway == 1
    assert roads.frame.crs.to_epsg() == 4326
    assert roads.vertex_id.tolist() == [10, 11]
    assert roads.vertex_start.tolist() == [0, 2]
    assert list(row.geometry.coords) == [(117.0, 36.001), (117.01, 36.001)]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"oneway": "yes"}, 1),
        ({"oneway": "-1"}, -1),
        ({"oneway": "no"}, 0),
        ({"oneway": "reversible"}, 0),
        ({}, 0),
        ({"highway": "motorway"}, 1),
        ({"highway": "motorway", "oneway": "no"}, 0),
        ({"highway": "motorway_link"}, 0),
        ({"junction": "roundabout"}, 1),
        ({"junction": "circular"}, 1),
        ({"junction": "jughandle"}, 0),
    ],
)
def test_direction_is_tagged_or_implied(
    tmp_path: Path, tags: dict[str, str], expected: int
) -> None:
    xml = Xml()
    street(xml, 1, **tags)
    assert xml.read(tmp_path).roads.frame.oneway.tolist() == [expected]


@pytest.mark.parametrize(
    ("tags", "driven"),
    [
        ({"access": "private"}, False),
        ({"access": "no"}, False),
        ({"access": "no", "motor_vehicle": "yes"}, True),
        ({"access": "yes", "motorcar": "no"}, False),
        ({"access": "customers"}, True),
        ({"area": "yes"}, False),
        ({"highway": "service"}, True),
        ({"highway": "service", "service": "alley"}, True),
        ({"highway": "service", "service": "parking_aisle"}, False),
        ({"highway": "service", "service": "driveway"}, False),
        ({"highway": "footway"}, False),
        ({"highway": "construction"}, False),
        ({"highway": "track"}, False),
        ({"highway": "living_street"}, True),
        ({"highway": "road"}, True),
    ],
)
def test_only_roads_that_the_public_may_drive_are_kept(
    tmp_path: Path, tags: dict[str, str], *, driven: bool
) -> None:
    xml = Xml()
    street(xml, 1, **tags)
    street(xml, 2, highway="primary")
    assert ("way/1" in xml.read(tmp_path).roads.frame.road_id.tolist()) is driven


def test_ways_meet_where_they_share_a_node(tmp_path: Path) -> None:
    xml = Xml()
    a, b, c = xml.node(1, 117.0, 36.0), xml.node(2, 117.1, 36.0), xml.node(3, 117.2, 36.0)
    d = xml.node(4, 117.1, 36.0)  # the same place, another level: a bridge
    xml.way(1, [a, b, c], highway="primary")
    xml.way(2, [b, xml.node(5, 117.1, 36.1)], highway="primary")
    xml.way(3, [d, xml.node(6, 117.1, 35.9)], highway="primary")
    roads = xml.read(tmp_path).roads
    ways = [set(ids.tolist()) for ids in np.split(roads.vertex_id, roads.vertex_start[1:-1])]
    assert ways[0] & ways[1] == {b}
    assert not ways[0] & ways[2]


def test_a_way_that_reaches_out_keeps_the_parts_inside(tmp_path: Path) -> None:
    xml = Xml()
    for key in (1, 2, 5, 6, 8):
        xml.node(key, 117 + key / 100, 36.0)
    xml.way(1, [1, 2, 3, 4, 5, 6, 7, 8], highway="primary", name="环路")
    city_map = xml.read(tmp_path)
    frame, vertex_id = city_map.roads.frame, city_map.roads.vertex_id
    assert frame.road_id.tolist() == ["way/1", "way/1/2"]
    assert frame.name.tolist() == ["环路", "环路"]
    assert vertex_id.tolist() == [1, 2, 5, 6]
    assert [note.en for note in city_map.notes] == [
        "1 roads reach out of the extract and were cut at its edge"
    ]


@pytest.mark.parametrize("nodes_last", [False, True])
@pytest.mark.parametrize("sign", [1, -1])
def test_order_and_sign_of_ids_do_not_matter(
    tmp_path: Path, sign: int, *, nodes_last: bool
) -> None:
    """As Overpass (ways first) and editors (negative ids) write."""
    xml = Xml()
    ring = square(xml, 100, 117.0, 36.0, 0.01)
    refs = [sign * xml.node(sign * key, 117 + key / 100, 36.0) for key in (1, 2, 3)]
    xml.way(sign * 5, [sign * ref for ref in refs], highway="primary")
    xml.way(sign * 7, [ring[0], ring[1], ring[2]])
    xml.way(sign * 8, [ring[2], ring[3], ring[0]])
    xml.relation(9, [(sign * 7, "outer"), (sign * 8, "outer")], type="multipolygon",
                 landuse="industrial")  # fmt: skip
    city_map = xml.read(tmp_path, nodes_last=nodes_last)
    assert city_map.roads.vertex_id.tolist() == [sign * key for key in (1, 2, 3)]
    assert city_map.facilities.kind.tolist() == ["industrial"]
    assert city_map.notes == ()


def test_repeated_nodes_and_one_node_ways_vanish(tmp_path: Path) -> None:
    xml = Xml()
    xml.node(1, 117.0, 36.0)
    xml.node(2, 117.1, 36.0)
    xml.way(1, [1, 1, 2, 2], highway="primary")
    xml.way(2, [1, 1], highway="primary")
    roads = xml.read(tmp_path).roads
    assert roads.vertex_id.tolist() == [1, 2]
    assert roads.frame.road_id.tolist() == ["way/1"]


def test_a_way_merged_in_twice_counts_once(tmp_path: Path) -> None:
    xml = Xml()
    street(xml, 1)
    xml.others *= 2
    assert xml.read(tmp_path).roads.frame.road_id.tolist() == ["way/1"]


def test_control_points_know_their_vertex(tmp_path: Path) -> None:
    xml = Xml()
    for i, (key, value) in enumerate(CONTROL_TAGS):
        xml.node(i + 1, 117 + i / 100, 36.0, **{key: value})
    xml.node(50, 118.0, 36.0, highway="traffic_signals")
    xml.way(1, [1, 2, 3, 4], highway="primary")
    signals = xml.read(tmp_path).roads.signals
    assert signals.kind.tolist() == [*CONTROL_TAGS.values(), "traffic_signals"]
    assert signals.vertex_id.tolist() == [1, 2, 3, 4, -1]
    assert signals.geometry.iloc[1].x == 117.01


@pytest.mark.parametrize(("tag", "kind"), FACILITY_TAGS.items())
def test_each_facility_tag_gives_its_kind(tmp_path: Path, tag: tuple[str, str], kind: str) -> None:
    xml = Xml()
    street(xml, 1)
    xml.node(500, 117.0, 36.5, name="甲", **{tag[0]: tag[1]})
    facilities = xml.read(tmp_path).facilities
    assert facilities.kind.tolist() == [kind]
    assert facilities.facility_id.tolist() == ["node/500"]
    assert facilities.name.tolist() == ["甲"]
    assert math.isnan(facilities.area_m2.iloc[0])


def test_tables_name_only_agreed_words() -> None:
    assert set(FACILITY_TAGS.values()) <= set(FACILITY_KINDS)
    # Told apart by more than one tag; every other kind has a tag of its own.
    assert set(FACILITY_KINDS) - set(FACILITY_TAGS.values()) == {"metro_station"}


@pytest.mark.parametrize(
    ("tags", "kinds"),
    [
        ({"railway": "station", "station": "subway"}, ["metro_station"]),
        ({"railway": "station", "subway": "yes"}, ["metro_station"]),
        ({"railway": "station"}, ["railway_station"]),
        ({"landuse": "industrial", "name": "盖家沟物流园"}, ["logistics"]),
        ({"landuse": "industrial", "industrial": "port"}, ["port"]),
        ({"amenity": "parking", "access": "private"}, []),
        ({"amenity": "parking", "access": "customers"}, ["parking"]),
        ({"aeroway": "aerodrome", "aerodrome": "military"}, []),
        ({"amenity": "restaurant", "tourism": "hotel"}, ["hotel"]),
        ({"highway": "services", "amenity": "fuel"}, ["service_area"]),
        ({"amenity": "restaurant"}, []),
    ],
)
def test_kinds_are_refined_by_further_tags(
    tmp_path: Path, tags: dict[str, str], kinds: list[str]
) -> None:
    xml = Xml()
    street(xml, 1)
    xml.node(500, 117.0, 36.5, **tags)
    assert xml.read(tmp_path).facilities.kind.tolist() == kinds


def test_an_area_is_a_point_inside_it_with_its_geodesic_area(tmp_path: Path) -> None:
    xml = Xml()
    street(xml, 1)
    ring = square(xml, 100, 117.0, 36.6, 0.004)
    xml.way(7, [*ring, ring[0]], amenity="parking", capacity="240")
    row = xml.read(tmp_path).facilities.iloc[0]
    lon, lat = [117.0, 117.004, 117.004, 117.0], [36.6, 36.6, 36.604, 36.604]
    area_m2 = Geod(ellps="WGS84").polygon_area_perimeter(lon, lat)[0]
    assert row.facility_id == "way/7"
    assert row.capacity == 240
    assert row.area_m2 == pytest.approx(area_m2, rel=1e-6)
    assert 117 < row.geometry.x < 117.004
    assert 36.6 < row.geometry.y < 36.604


def test_a_multipolygon_takes_its_hole_off_and_its_islands_on(tmp_path: Path) -> None:
    xml = Xml()
    street(xml, 1)
    outer, hole = square(xml, 100, 117.0, 36.0, 0.01), square(xml, 200, 117.004, 36.004, 0.002)
    island = square(xml, 300, 117.02, 36.0, 0.001)
    xml.way(10, [outer[0], outer[1], outer[2]])
    xml.way(11, [outer[0], outer[3], outer[2]])  # the other way round
    xml.way(12, [*hole, hole[0]])
    xml.way(13, [*island, island[0]], building="yes")
    members = [(10, "outer"), (11, "outer"), (12, "inner"), (13, "outer")]
    xml.relation(1, members, type="multipolygon", shop="mall", name="和谐广场")
    row = xml.read(tmp_path).facilities.iloc[0]
    cell_m2 = 0.001**2 * math.cos(math.radians(36.005)) * 110_965 * 111_320
    assert row.facility_id == "relation/1"
    assert row.area_m2 == pytest.approx((100 - 4 + 1) * cell_m2, rel=2e-3)


def test_boundaries_come_from_relations_and_closed_ways(tmp_path: Path) -> None:
    xml = Xml()
    big, small = square(xml, 100, 117.0, 36.0, 0.1), square(xml, 200, 117.2, 36.0, 0.1)
    # A street along the border belongs to the border and stays a street.
    xml.way(10, [big[0], big[1], big[2]], highway="residential", boundary="administrative")
    xml.way(11, [big[2], big[3], big[0]], boundary="administrative")
    xml.relation(
        3, [(10, "outer"), (11, "outer")], type="boundary", boundary="administrative",
        admin_level="6", name="历下区", name__en="Lixia", ref="370102",
    )  # fmt: skip
    xml.way(12, [*small, small[0]], boundary="administrative", admin_level="x", name="市中区")
    city_map = xml.read(tmp_path)
    boundaries = city_map.boundaries.set_index("boundary_id")
    assert boundaries.index.tolist() == ["way/12", "relation/3"]
    lixia = boundaries.loc["relation/3"]
    assert (lixia["name"], lixia.name_en, lixia.admin_level, lixia.adcode) == (
        "历下区", "Lixia", 6, "370102",
    )  # fmt: skip
    assert lixia.geometry.bounds == (117.0, 36.0, 117.1, 36.1)
    assert boundaries.loc["way/12"].admin_level == 0
    assert city_map.roads.frame.road_id.tolist() == ["way/10"]


def test_an_area_cut_by_the_extract_is_left_out_and_reported(tmp_path: Path) -> None:
    xml = Xml()
    street(xml, 1)
    ring = square(xml, 100, 117.0, 36.0, 0.1)
    xml.way(10, ring[:3])
    xml.relation(3, [(10, "outer"), (99, "outer")], type="boundary", boundary="administrative")
    city_map = xml.read(tmp_path)
    assert city_map.boundaries.empty
    assert [note.en for note in city_map.notes] == [
        "1 areas reach out of the extract and were left out"
    ]


def test_a_bow_tie_area_is_repaired(tmp_path: Path) -> None:
    xml = Xml()
    street(xml, 1)
    a, b, c, d = square(xml, 100, 117.0, 36.0, 0.01)
    xml.way(7, [a, b, d, c, a], landuse="residential")
    row = xml.read(tmp_path).facilities.iloc[0]
    assert row.area_m2 > 100_000


def test_the_sample_says_that_it_is_invented(tmp_path: Path) -> None:
    xml = Xml()
    street(xml, 1)
    real = xml.read(tmp_path)
    assert not real.synthetic
    assert real.attribution == "© OpenStreetMap contributors, ODbL 1.0"
    sample = xml.read(tmp_path, generator="siting sample 0.1")
    assert sample.synthetic
    assert "OpenStreetMap" not in sample.attribution
    street(xml, 2, source="siting sample")
    assert xml.read(tmp_path, generator="osmium/1.16").synthetic


def test_all_packings_of_one_map_read_the_same(tmp_path: Path) -> None:
    xml = Xml()
    street(xml, 1, name="泉城路")
    text = xml.text().encode()
    (tmp_path / "a.osm").write_bytes(text)
    # Names lie: the content decides.
    (tmp_path / "gz.osm.pbf").write_bytes(gzip.compress(text))
    (tmp_path / "bz2.txt").write_bytes(bz2.compress(text))
    with osmium.SimpleWriter(str(tmp_path / "b.osm.pbf")) as writer:
        for item in osmium.FileProcessor(str(tmp_path / "a.osm")):
            writer.add(item)
    read = [read_osm(path).roads for path in sorted(tmp_path.iterdir())]
    assert len(read) == 4
    for roads in read:
        assert roads.frame.drop(columns="geometry").equals(read[0].frame.drop(columns="geometry"))
        assert roads.frame.geometry.geom_equals(read[0].frame.geometry).all()
        assert roads.vertex_id.tolist() == read[0].vertex_id.tolist()


def test_a_file_without_drivable_roads_is_refused(tmp_path: Path) -> None:
    xml = Xml()
    street(xml, 1, highway="footway")
    with pytest.raises(InputError, match="no road that cars may use"):
        xml.read(tmp_path)
    xml = Xml()
    xml.way(1, [1, 2], highway="primary")
    with pytest.raises(InputError, match="1 road ways, none with located nodes"):
        xml.read(tmp_path)


def test_a_change_file_is_refused(tmp_path: Path) -> None:
    xml = Xml()
    street(xml, 1)
    xml.read(tmp_path)
    path = str(tmp_path / "h.osm.pbf")
    file = osmium.io.File(path)
    file.has_multiple_object_versions = True
    with osmium.SimpleWriter(file) as writer:
        for item in osmium.FileProcessor(str(tmp_path / "map.osm")):
            writer.add(item.replace(version=1) if hasattr(item, "replace") else item)
    with pytest.raises(InputError, match="history or change file"):
        read_osm(Path(path))


PROVENANCE_KM = {
    "residential": 709, "tertiary": 755, "secondary": 627, "primary": 451, "trunk": 399,
    "service": 159, "motorway": 125, "unclassified": 62, "trunk_link": 97, "living_street": 48,
    "motorway_link": 36,
}  # fmt: skip


def test_central_jinan_has_the_published_length_in_every_class() -> None:
    frame = read_osm(shared("jinan/jinan_drive.osm.pbf")).roads.frame
    km = geodesic_length_m(frame.geometry.to_numpy()) / 1000
    assert km.sum() == pytest.approx(3483, abs=1)
    by_class = frame.assign(km=km).groupby("highway").km.sum()
    for highway, expected in PROVENANCE_KM.items():
        assert by_class[highway] == pytest.approx(expected, abs=0.51), highway
    assert set(frame.highway) <= set(ROAD_CLASSES)
    assert frame.road_id.is_unique


def test_central_shanghai_agrees_with_gdal_way_by_way() -> None:
    path = shared("shanghai/shanghai_center_2025-08-09.osm.pbf")
    roads = read_osm(path).roads
    lines = pyogrio.read_dataframe(path, layer="lines").set_index("osm_id")
    ours = roads.frame.set_index(roads.frame.road_id.str.removeprefix("way/"))
    both = ours.index.intersection(lines.index)
    assert len(both) > 0.99 * len(ours)
    theirs = lines.loc[both]
    assert (ours.loc[both, "highway"] == theirs.highway).all()
    assert (ours.loc[both, "name"] == theirs.name.fillna("")).all()
    length = geodesic_length_m(ours.loc[both].geometry.to_numpy())
    assert length == pytest.approx(geodesic_length_m(theirs.geometry.to_numpy()), abs=1e-6)
    signals = roads.signals
    assert (signals.kind == "traffic_signals").sum() == 1384
    assert np.isin(signals.vertex_id, roads.vertex_id).mean() > 0.99
