"""
Sorted OSM PBF files read as arrays: all that isn't wanted is never made an object of Python.

The ways come first, since they say which nodes are needed, then the nodes; both decode block by
block with numpy (https://wiki.openstreetmap.org/wiki/PBF_Format). A file that is built in another
way than the common writers do raises `StrangeError` and is read through libosmium.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from siting.inputs.pbfblocks import StrangeError, fields
from siting.inputs.pbfpacked import LOW, MORE, among, ragged, signed, varints, varints_at

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    import numpy.typing as npt

    Bytes = npt.NDArray[np.uint8]
    Ints = npt.NDArray[np.int64]
    Tags = dict[str, str]

_STRINGS, _GROUP, _GRANULARITY, _LAT_OFFSET, _LON_OFFSET = 1, 2, 17, 19, 20
_DENSE, _WAY, _RELATION = 2, 3, 4  # fields of PrimitiveGroup
_ID, _KEYS, _VALUES, _LAT, _LON, _KEYS_VALUES = 1, 2, 3, 8, 9, 10
_REFS, _MEMBERS, _TYPES, _WAY_TYPE = 8, 9, 10, 1  # of ways; of relations
_DELIMITED = 2  # wire type of lists
_NANO = 100  # nanodegrees in the 1e-7 degrees that libosmium and this project count in


@dataclass(frozen=True, slots=True)
class NodeBlock:
    """
    The nodes of a block.

    Attributes
    ----------
    node_id
        Ascending, shape (n,).
    x, y
        Units of 1e-7 degrees, shape (n,).
    tagged
        Rows of the nodes with a wanted tag, and all tags of each.
    """

    node_id: Ints
    x: Ints
    y: Ints
    tagged: list[tuple[int, Tags]]


@dataclass(frozen=True, slots=True)
class WayBlock:
    """
    The chosen ways of a block.

    Attributes
    ----------
    all_id
        Ids of all ways of the block.
    way_id
        Those chosen, shape (w,).
    tags
        All tags of each.
    refs, start
        Node ids, those of way i from `start[i]` to `start[i + 1]`.
    """

    all_id: Ints
    way_id: Ints
    tags: list[Tags]
    refs: Ints
    start: Ints


@dataclass(frozen=True, slots=True)
class RelationBlock:
    """
    The chosen relations of a block.

    Attributes
    ----------
    all_id
        Ids of all relations of the block.
    relation_id
        Those chosen, shape (r,).
    tags
        All tags of each.
    ways
        Ids of the member ways of each, in their order.
    """

    all_id: Ints
    relation_id: Ints
    tags: list[Tags]
    ways: list[tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Objects of a group: ids of all, rows and tags of those chosen, and their lists."""

    all_id: Ints
    rows: Ints
    tags: list[Tags]
    lists: list[tuple[Ints, Ints]]


@dataclass(frozen=True, slots=True)
class Block:
    """A block: its strings, its groups by field, and how its coordinates are coded."""

    strings: list[bytes]
    groups: list[tuple[int, memoryview]]
    granularity: int
    lat_offset: int
    lon_offset: int


def node_blocks(block: Block, wanted: Collection[tuple[str, str]]) -> Iterator[NodeBlock]:
    """
    Yield the nodes of a block, one item a group.

    Parameters
    ----------
    block
        The block.
    wanted
        Tags that make a node worth its tags.

    Raises
    ------
    StrangeError
        It is built in another way.
    """
    codes = _codes(block.strings, wanted)
    for field, group in block.groups:
        if field == _DENSE:
            yield _dense(block, group, codes)
        elif field < _WAY:
            raise StrangeError


def way_blocks(
    block: Block, wanted: Collection[tuple[str, str]], members: Ints
) -> Iterator[WayBlock]:
    """
    Yield the ways of a block that have a wanted tag or are members of an area.

    Parameters
    ----------
    block
        The block.
    wanted
        Tags that make a way worth reading.
    members
        Ids of ways that are read whatever their tags, ascending.

    Raises
    ------
    StrangeError
        It is built in another way.
    """
    codes = _codes(block.strings, wanted)
    for field, group in block.groups:
        if field == _WAY:
            yield _ways(block, group, codes, members)


def relation_blocks(block: Block, wanted: Collection[tuple[str, str]]) -> Iterator[RelationBlock]:
    """
    Yield the relations of a block that have a wanted tag.

    Parameters
    ----------
    block
        The block.
    wanted
        Tags that make a relation worth reading.

    Raises
    ------
    StrangeError
        It is built in another way.
    """
    codes = _codes(block.strings, wanted)
    for field, group in block.groups:
        if field == _RELATION:
            yield _relations(block, group, codes)


def read_block(data: memoryview) -> Block:
    """
    Read the parts of an unpacked block.

    Raises
    ------
    StrangeError
        It is damaged.
    """
    strings: list[bytes] = []
    groups: list[tuple[int, memoryview]] = []
    numbers = {_GRANULARITY: _NANO, _LAT_OFFSET: 0, _LON_OFFSET: 0}
    for field, value in fields(data):
        if field == _STRINGS and isinstance(value, memoryview):
            strings = _strings(bytes(value))
        elif field == _GROUP and isinstance(value, memoryview) and len(value):
            groups.append((value[0] >> 3, value))
        elif field in numbers and isinstance(value, int):
            numbers[field] = value if value < 1 << 63 else value - (1 << 64)
    return Block(strings, groups, *numbers.values())


def _strings(table: bytes) -> list[bytes]:
    """Return the strings of a block; written out, for this is most of what a block costs."""
    found = []
    at, end = 0, len(table)
    while at < end:
        size = table[at + 1]
        start = at + 2
        if size >= MORE:
            size = (size & LOW) | (table[start] << 7)
            start += 1
            if table[start - 1] >= MORE:
                raise StrangeError  # OSM values have at most 255 characters
        at = start + size
        found.append(table[start:at])
    return found


def _codes(strings: list[bytes], wanted: Collection[tuple[str, str]]) -> Ints:
    """Return `key * strings + value` of the wanted tags that a block can spell; "" is any value."""
    number = {text: index for index, text in enumerate(strings)}
    codes: list[int] = []
    for key, value in wanted:
        k, v = number.get(key.encode()), number.get(value.encode())
        if k is not None and not value:
            codes.extend(range(k * len(strings), (k + 1) * len(strings)))
        elif k is not None and v is not None:
            codes.append(k * len(strings) + v)
    return np.array(sorted(set(codes)), dtype=np.int64)


def _tags(strings: list[bytes], keys: list[int], values: list[int]) -> Tags:
    return {
        strings[key].decode(): strings[value].decode()
        for key, value in zip(keys, values, strict=True)
    }


def _dense(block: Block, group: memoryview, codes: Ints) -> NodeBlock:
    """Decode a group of dense nodes."""
    _, message = next(fields(group))
    if not isinstance(message, memoryview):
        raise StrangeError
    packed = {
        field: np.frombuffer(value, dtype=np.uint8)
        for field, value in fields(message)
        if isinstance(value, memoryview)
    }
    node_id = np.cumsum(signed(varints(packed[_ID])))
    lat = np.cumsum(signed(varints(packed[_LAT])))
    lon = np.cumsum(signed(varints(packed[_LON])))
    if not len(node_id) == len(lat) == len(lon):
        raise StrangeError
    x = _units(lon, block.granularity, block.lon_offset)
    y = _units(lat, block.granularity, block.lat_offset)
    tagged: list[tuple[int, Tags]] = []
    if len(codes) and _KEYS_VALUES in packed:
        tagged = _dense_tags(block.strings, packed[_KEYS_VALUES], codes, len(node_id))
    return NodeBlock(node_id, x, y, tagged)


def _units(value: Ints, granularity: int, offset: int) -> Ints:
    """Return coordinates in units of 1e-7 degrees, cut off towards zero as libosmium does."""
    if granularity == _NANO and not offset:
        return value
    nano: Ints = value * granularity + offset
    units: Ints = np.sign(nano) * (np.abs(nano) // _NANO)
    return units


def _dense_tags(
    strings: list[bytes], packed: Bytes, codes: Ints, count: int
) -> list[tuple[int, Tags]]:
    """Return row and tags of nodes with a wanted tag; each node's tags end with a zero."""
    flat = varints(packed).astype(np.int64)
    if not len(flat):
        return []
    ends = np.flatnonzero(flat == 0)
    start = np.r_[0, ends[:-1] + 1]
    size = ends - start
    if len(ends) != count or ends[-1] != len(flat) - 1 or (size % 2).any():
        raise StrangeError
    place = np.arange(len(flat)) - np.repeat(start, size + 1)
    key = np.flatnonzero((place % 2 == 0) & (flat != 0))
    hit = key[among(flat[key] * len(strings) + flat[key + 1], codes)]
    rows = np.unique(np.searchsorted(ends, hit))
    found = []
    for row in rows.tolist():
        pairs = flat[start[row] : ends[row]].tolist()
        found.append((row, _tags(strings, pairs[::2], pairs[1::2])))
    return found


def _ways(block: Block, group: memoryview, codes: Ints, members: Ints) -> WayBlock:
    """Decode the chosen ways of a group."""
    found = _choose(block, group, (_WAY, _REFS), codes, members)
    raw, start = found.lists[0]
    refs = _summed(raw, start)
    return WayBlock(found.all_id, found.all_id[found.rows], found.tags, refs, start)


def _relations(block: Block, group: memoryview, codes: Ints) -> RelationBlock:
    """Decode the chosen relations of a group."""
    none = np.zeros(0, dtype=np.int64)
    found = _choose(block, group, (_RELATION, _MEMBERS, _TYPES), codes, none)
    (raw, start), (kind, other) = found.lists
    if (start != other).any():
        raise StrangeError
    ids = _summed(raw, start)
    ways = [
        tuple(ids[begin:end][kind[begin:end] == _WAY_TYPE].tolist())
        for begin, end in zip(start[:-1].tolist(), start[1:].tolist(), strict=True)
    ]
    return RelationBlock(found.all_id, found.all_id[found.rows], found.tags, ways)


def _choose(
    block: Block, group: memoryview, wanted: tuple[int, ...], codes: Ints, members: Ints
) -> _Chosen:
    """Decode the objects of a group that have a wanted tag or id, with the lists asked for."""
    kind, *lists = wanted
    data = np.frombuffer(group, dtype=np.uint8)
    begin, end = _messages(bytes(group), kind)
    all_id, parts = _message_fields(data, begin, end, lists)
    keys, key_start = ragged(data, *parts[_KEYS])
    values, value_start = ragged(data, *parts[_VALUES])
    if (key_start != value_start).any():
        raise StrangeError
    owner = np.repeat(np.arange(len(all_id)), np.diff(key_start))
    hit = among(keys * len(block.strings) + values, codes)
    chosen = among(all_id, members)
    chosen[owner[hit]] = True
    rows = np.flatnonzero(chosen)
    tags = [
        _tags(
            block.strings,
            keys[key_start[row] : key_start[row + 1]].tolist(),
            values[key_start[row] : key_start[row + 1]].tolist(),
        )
        for row in rows.tolist()
    ]
    some = [ragged(data, *(part[rows] for part in parts[field])) for field in lists]
    return _Chosen(all_id, rows, tags, some)


def _summed(raw: Ints, start: Ints) -> Ints:
    """Return lists of ids from the steps between them."""
    total = np.cumsum(signed(raw.view(np.uint64)))
    before = np.r_[0, total][start[:-1]]
    ids: Ints = total - np.repeat(before, np.diff(start))
    return ids


def _messages(data: bytes, kind: int) -> tuple[Ints, Ints]:
    """Return where each object of a group begins and ends."""
    begin, end = [], []
    mark = kind << 3 | _DELIMITED
    at, whole = 0, len(data)
    while at < whole:
        if data[at] != mark:
            raise StrangeError
        size, shift, at = 0, 0, at + 1
        while data[at] >= MORE:
            size |= (data[at] & LOW) << shift
            shift, at = shift + 7, at + 1
        size |= data[at] << shift
        begin.append(at + 1)
        at += 1 + size
        end.append(at)
    if at != whole:
        raise StrangeError
    return np.array(begin, dtype=np.int64), np.array(end, dtype=np.int64)


def _message_fields(
    data: Bytes, begin: Ints, end: Ints, lists: Sequence[int]
) -> tuple[Ints, dict[int, tuple[Ints, Ints]]]:
    """Walk all objects of a group at once, by field; return ids, and place and size of lists."""
    count = len(begin)
    ids = np.zeros(count, dtype=np.int64)
    parts = {field: np.zeros((2, count), dtype=np.int64) for field in (_KEYS, _VALUES, *lists)}
    at = begin.copy()
    rows = np.flatnonzero(at < end)
    while len(rows):
        key = data[at[rows]]
        value, after = varints_at(data, at[rows] + 1)
        field, kind = key >> 3, key & 7
        known = (kind == 0) | (kind == _DELIMITED)
        if not known.all() or (key >= MORE).any():
            raise StrangeError  # neither number nor list, or a field that isn't of this format
        named = (field == _ID) & (kind == 0)
        ids[rows[named]] = value[named]
        for number, part in parts.items():
            mine = field == number
            if (kind[mine] == 0).any() or part[1, rows[mine]].any():
                raise StrangeError  # a list in pieces
            part[0, rows[mine]], part[1, rows[mine]] = after[mine], value[mine]
        at[rows] = after + np.where(kind == _DELIMITED, value, 0)
        if (at[rows] > end[rows]).any():
            raise StrangeError
        rows = rows[at[rows] < end[rows]]
    return ids, {field: (part[0], part[1]) for field, part in parts.items()}
