"""Read a sorted PBF file as arrays, block by block: relations, then ways, then nodes."""

from __future__ import annotations

from functools import partial
from typing import IO, TYPE_CHECKING

import numpy as np

from siting.inputs.osmfound import (
    NODE_TAGS,
    Found,
    take_building,
    take_node,
    take_relation,
    take_way,
)
from siting.inputs.pbfarrays import node_blocks, read_block, relation_blocks, way_blocks
from siting.inputs.pbfblocks import StrangeError, unpacked
from siting.inputs.pbfpacked import among

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy.typing as npt

    from siting.inputs.pbfarrays import Block, NodeBlock, RelationBlock, WayBlock
    from siting.inputs.pbfblocks import Layout, Place

    Ints = npt.NDArray[np.int64]

NOWHERE = 2_147_483_647
"""Coordinate of a vertex that isn't in the file; libosmium's own value."""
_PER_DEGREE = 10_000_000
_MOST_X, _MOST_Y = 180 * _PER_DEGREE, 90 * _PER_DEGREE


def read_sorted(file: IO[bytes], where: Layout, found: Found) -> None:
    """
    Find what is kept of a file.

    Parameters
    ----------
    file
        The file, open.
    where
        Its blocks.
    found
        Filled.

    Raises
    ------
    StrangeError
        Ids don't ascend, or as `siting.inputs.pbfarrays`.
    """
    last = 0
    for block in _blocks(file, where.relations):
        for part in relation_blocks(block, found.area_tags_wanted):
            last = _ascending(part.all_id, last)
            _take_relations(part, found)
    members = np.array(sorted(found.member_ids()), np.int64)
    last = 0
    for block in _blocks(file, where.ways):
        for some in way_blocks(block, found.way_tags, members):
            last = _ascending(some.all_id, last)
            _take_ways(some, members, found)
    lists = found.lists
    needed = np.unique(np.concatenate([np.array(ways.ref, dtype=np.int64) for ways in lists]))
    xy = np.full((2, len(needed)), NOWHERE, dtype=np.int64)
    last = 0
    for block in _blocks(file, where.nodes):
        for nodes in node_blocks(block, NODE_TAGS):
            last = _ascending(nodes.node_id, last)
            _locate(nodes, needed, xy)
            _take_nodes(nodes, found)
    for ways in lists:
        at = np.searchsorted(needed, np.array(ways.ref, dtype=np.int64))
        ways.x.frombytes(xy[0, at].tobytes())
        ways.y.frombytes(xy[1, at].tobytes())


def _blocks(file: IO[bytes], places: Iterable[Place]) -> Iterator[Block]:
    """Yield blocks, sure that types don't go back to an earlier one from block to block."""
    last = 0
    for place in places:
        block = read_block(unpacked(file, place))
        for field, _ in block.groups:
            if field < last:
                raise StrangeError
            last = field
        yield block


def _ascending(ids: Ints, last: int) -> int:
    """Return the last id; a file that isn't sorted though it says so is read in another way."""
    if not len(ids):
        return last
    if ids[0] <= last or (np.diff(ids) <= 0).any():
        raise StrangeError
    return int(ids[-1])


def _take_relations(block: RelationBlock, found: Found) -> None:
    rows = zip(block.relation_id.tolist(), block.tags, block.ways, strict=True)
    for key, values, ways in rows:
        take_relation(key, values.get, partial(tuple, ways), found)


def _take_ways(block: WayBlock, members: Ints, found: Found) -> None:
    member = among(block.way_id, members).tolist()
    start = block.start.tolist()
    refs = block.refs.tolist()
    for row, (key, values) in enumerate(zip(block.way_id.tolist(), block.tags, strict=True)):
        mine = refs[start[row] : start[row + 1]]
        if member[row]:
            found.members.add(key, mine, (), ())
        closed = partial(_closed, mine)
        ways = take_way(key, values.get, closed, found)
        if ways is not None:
            ways.add(key, mine, (), ())
        if take_building(key, values.get, closed, found) and found.buildings is not None:
            found.buildings.ways.add(key, mine, (), ())


def _closed(refs: list[int]) -> bool:
    return bool(refs) and refs[0] == refs[-1]


def _locate(nodes: NodeBlock, needed: Ints, xy: Ints) -> None:
    """Note the places of the nodes that are needed; both lists of ids ascend."""
    low, high = np.searchsorted(needed, nodes.node_id[[0, -1]]) if len(nodes.node_id) else (0, 0)
    wanted = needed[low : high + 1]
    row = np.minimum(np.searchsorted(nodes.node_id, wanted), len(nodes.node_id) - 1)
    here = np.flatnonzero(nodes.node_id[row] == wanted)
    xy[0, low + here] = nodes.x[row[here]]
    xy[1, low + here] = nodes.y[row[here]]


def _take_nodes(nodes: NodeBlock, found: Found) -> None:
    for row, values in nodes.tagged:
        x, y = int(nodes.x[row]), int(nodes.y[row])
        if abs(x) <= _MOST_X and abs(y) <= _MOST_Y:
            key = int(nodes.node_id[row])
            take_node(key, x / _PER_DEGREE, y / _PER_DEGREE, values.get, found)
