"""Where nodes, ways and relations lie in a sorted PBF, and what is left to libosmium."""

from __future__ import annotations

from typing import TYPE_CHECKING

import osmium
import pytest

from siting.inputs.pbfblocks import DAMAGE, Layout, layout

if TYPE_CHECKING:
    from pathlib import Path

NODES = 9_000  # more than a block of 8,000


def _write(path: Path, relations: int, *, form: str = "pbf") -> Path:
    header = osmium.io.Header()
    header.set("sorting", "Type_then_ID")
    file = osmium.io.File(str(path), form)
    with osmium.SimpleWriter(file, header=header) as writer:
        for key in range(1, NODES):
            writer.add_node(
                osmium.osm.mutable.Node(id=key, location=(117 + key * 1e-5, 36.6), version=1)
            )
        for key in range(1, 100):
            writer.add_way(osmium.osm.mutable.Way(id=key, nodes=[key, key + 1], version=1))
        for key in range(1, relations + 1):
            members = [("w", key, "outer"), ("w", key + 1, "inner")]
            tags = {"type": "multipolygon", "landuse": "industrial", "name": f"区{key}"}
            relation = osmium.osm.mutable.Relation(id=key, members=members, tags=tags, version=1)
            writer.add_relation(relation)
    return path


def _layout(path: Path) -> Layout:
    with path.open("rb") as file:
        return layout(file)


def test_each_type_begins_where_the_one_before_ends(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.osm.pbf", 8_500)
    where = _layout(path)
    assert (len(where.nodes), len(where.ways), len(where.relations)) == (3, 2, 2)
    assert where.nodes[-1] == where.ways[0]  # the first block with ways
    assert where.ways[-1] == where.relations[0]
    assert where.relations[-1].end == path.stat().st_size


def _refused(path: Path) -> bool:
    try:
        _layout(path)
    except DAMAGE:
        return True
    return False


def test_a_packing_that_is_not_known_is_left_to_libosmium(tmp_path: Path) -> None:
    assert _refused(_write(tmp_path / "a.osm.pbf", 3, form="pbf,pbf_compression=lz4"))


@pytest.mark.parametrize("kept", [2, 10, 200, -1, -50])
def test_a_cut_file_is_left_to_libosmium(tmp_path: Path, kept: int) -> None:
    path = _write(tmp_path / "a.osm.pbf", 3)
    assert not _refused(path)
    path.write_bytes(path.read_bytes()[:kept])
    assert _refused(path)


def test_a_damaged_block_is_left_to_libosmium(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.osm.pbf", 3)
    data = bytearray(path.read_bytes())
    data[-30:-10] = b"\xff" * 20
    path.write_bytes(bytes(data))
    assert _refused(path)
