"""A sorted PBF read as arrays says what libosmium says of the same file."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np
import osmium
import pytest
from fetchserver import BOUNDARY_TAGS, write_region
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from osmium.osm.mutable import Node, Relation, Way

from siting.inputs import osmstream, pbfarrays, pbfpacked
from siting.inputs.osmfound import NODE_TAGS, WAY_TAGS, Found, Ways
from siting.inputs.pbfblocks import StrangeError
from siting.osm import read_osm

if TYPE_CHECKING:
    from pathlib import Path

NEEDED = ("highway=primary", "building=office", "landuse=industrial", "crossing=traffic_signals")
TEXTS = ("经十路", "a", "é" * 120, "yes", "-1", "no", "50", "", "🚗")
KEYS = ("name", "oneway", "access", "lanes", "source", "capacity", "addr:street", "ref")


def _flat(found: Found) -> dict[str, str]:
    """Return what was found as text, NaN equal to NaN."""
    flat = {}
    for item in fields(found):
        value = getattr(found, item.name)
        if isinstance(value, Ways):
            value = tuple(list(getattr(value, part.name)) for part in fields(value))
        flat[item.name] = repr(sorted(value) if isinstance(value, set) else value)
    return flat


def _both(path: Path) -> tuple[Found | None, Found]:
    arrays, streamed = Found(), Found()
    done = osmstream._read_sorted(path, arrays)
    file = osmium.io.File(str(path))
    osmstream._collect_relations(file, streamed)
    osmstream._collect(file, streamed)
    return (arrays if done else None), streamed


def _writer(path: Path, form: str = "pbf") -> osmium.SimpleWriter:
    header = osmium.io.Header()
    header.set("sorting", "Type_then_ID")
    path.unlink(missing_ok=True)
    return osmium.SimpleWriter(osmium.io.File(str(path), form), header=header)


def test_a_region_is_read_as_libosmium_reads_it(tmp_path: Path) -> None:
    arrays, streamed = _both(write_region(tmp_path / "a.osm.pbf"))
    assert arrays is not None
    assert _flat(arrays) == _flat(streamed)
    assert len(arrays.roads.way_id) == 96
    assert len(arrays.members.way_id) == 4
    assert len(arrays.relations) == 2


TAGS = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(TEXTS), max_size=4)
WANTED = st.sampled_from([("", ""), *(tuple(word.split("=")) for word in NEEDED)])
IDS = st.lists(st.integers(1, 2**40), min_size=3, max_size=30, unique=True)


@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(data=st.data(), node_ids=IDS, way_ids=IDS)
@pytest.mark.parametrize(
    "form",
    ["pbf", "pbf,pbf_compression=none", "pbf,add_metadata=true", "pbf,locations_on_ways=true"],
)
def test_any_sorted_file_is_read_as_libosmium_reads_it(
    tmp_path: Path, form: str, data: st.DataObject, node_ids: list[int], way_ids: list[int]
) -> None:
    path = tmp_path / "a.osm.pbf"
    place = st.tuples(st.floats(-180, 180), st.floats(-90, 90))
    missing = [7, 2**40 + 3]
    with _writer(path, form) as writer:
        for key in sorted(node_ids):
            tags = {**data.draw(TAGS), **dict([data.draw(WANTED)])}
            tags.pop("", None)
            writer.add_node(Node(id=key, location=data.draw(place), tags=tags, version=3))
        for key in sorted(way_ids):
            tags = {**data.draw(TAGS), **dict([data.draw(WANTED)])}
            tags.pop("", None)
            nodes = data.draw(st.lists(st.sampled_from(node_ids + missing), max_size=9))
            writer.add_way(Way(id=key, nodes=nodes, tags=tags, version=1))
        kinds = st.tuples(st.sampled_from("nwr"), st.sampled_from(way_ids), st.just("outer"))
        for key in range(1, 6):
            members = data.draw(st.lists(kinds, max_size=6))
            tags = {"type": "multipolygon", "landuse": "industrial", **data.draw(TAGS)}
            tags |= data.draw(st.sampled_from([{}, {"landuse": "grass"}, BOUNDARY_TAGS]))
            writer.add_relation(Relation(id=key, members=members, tags=tags))
    arrays, streamed = _both(path)
    assert arrays is not None
    assert _flat(arrays) == _flat(streamed)


def test_a_file_of_nodes_that_stand_alone_is_left_to_libosmium(tmp_path: Path) -> None:
    path = tmp_path / "a.osm.pbf"
    with _writer(path, "pbf,pbf_dense_nodes=false") as writer:
        writer.add_node(Node(id=1, location=(117.0, 36.6)))
        writer.add_node(Node(id=2, location=(117.0, 36.7)))
        writer.add_way(Way(id=1, nodes=[1, 2], tags={"highway": "primary"}))
    assert _both(path)[0] is None
    assert len(read_osm(path).roads.frame) == 1


@pytest.mark.parametrize("order", ["nwnw", "wn", "nwrw", "NW", "nW"])
def test_a_file_that_only_claims_to_be_sorted_loses_nothing(tmp_path: Path, order: str) -> None:
    """Letters are blocks of one type; capitals hold ids that descend."""
    path = tmp_path / "a.osm.pbf"
    with _writer(path) as writer:
        for block, letter in enumerate(order):
            _block(writer, letter, block * 10_000)
    arrays, streamed = _both(path)
    assert arrays is None
    assert len(streamed.roads.way_id) == 8_000 * order.lower().count("w")


def _block(writer: osmium.SimpleWriter, letter: str, base: int) -> None:
    """Write as many objects as fill a block."""
    keys = range(base + 8_000, base, -1) if letter.isupper() else range(base + 1, base + 8_001)
    for key in keys:
        if letter in "nN":
            writer.add_node(Node(id=key, location=(117 + key * 1e-6, 36.6)))
        elif letter in "wW":
            writer.add_way(Way(id=key, nodes=[1, 2], tags={"highway": "primary"}))
        else:
            writer.add_relation(Relation(id=key, members=[("w", 1, "")], tags={"type": "route"}))


def test_a_damaged_block_is_named_by_libosmium(tmp_path: Path) -> None:
    path = write_region(tmp_path / "a.osm.pbf")
    data = bytearray(path.read_bytes())
    middle = len(data) // 3
    data[middle : middle + 20] = b"\xff" * 20
    path.write_bytes(bytes(data))
    assert not osmstream._read_sorted(path, Found())
    with pytest.raises(Exception, match="can't be read to its end"):
        read_osm(path)


def _varint(value: int) -> bytes:
    """Encode an integer as protocol buffers do, by the text of their documentation."""
    out = bytearray()
    while value > 0x7F:
        out.append((value & 0x7F) | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


@given(st.lists(st.integers(0, 2**64 - 1), max_size=50))
def test_variable_length_integers_come_back(values: list[int]) -> None:
    packed = np.frombuffer(b"".join(map(_varint, values)), dtype=np.uint8)
    assert pbfpacked.varints(packed).tolist() == values


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=50))
def test_signed_integers_come_back(values: list[int]) -> None:
    zigzag = [2 * value if value >= 0 else -2 * value - 1 for value in values]
    assert pbfpacked.signed(np.array(zigzag, dtype=np.uint64)).tolist() == values


@pytest.mark.parametrize("data", [b"\x80", b"\x01\xff", b"\xff" * 11 + b"\x01"])
def test_an_integer_without_end_is_strange(data: bytes) -> None:
    with pytest.raises(StrangeError):
        pbfpacked.varints(np.frombuffer(data, dtype=np.uint8))


@given(st.integers(-(2**31), 2**31), st.sampled_from([1, 100, 1000]), st.integers(-(10**9), 10**9))
def test_coordinates_are_cut_off_as_libosmium_does(value: int, step: int, offset: int) -> None:
    (unit,) = pbfarrays._units(np.array([value]), step, offset).tolist()
    nano = value * step + offset
    assert unit == int(nano / 100)


def test_wanted_tags_cover_what_decides() -> None:
    """A tag that makes an object something has to be among those that let it through."""
    assert ("highway", "motorway_link") in WAY_TAGS
    assert ("boundary", "administrative") in WAY_TAGS
    assert {("highway", "traffic_signals"), ("barrier", "toll_booth")} <= set(NODE_TAGS)
