"""
The blocks of an OSM PBF file, so that its relations can be read without unpacking all of it.

A PBF file is a row of packed blocks; in a file that says `Sort.Type_then_ID` the relations lie in
the last ones (https://wiki.openstreetmap.org/wiki/PBF_Format).
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LENGTH = 4  # bytes of the length before each blob header
_MOST_HEADER = 64 * 1024
_MOST_BLOB = 32 * 1024 * 1024
_DELIMITED, _VARINT, _FIXED64, _FIXED32 = 2, 0, 1, 5  # wire types of protocol buffers
_RAW, _ZLIB = 1, 3  # fields of Blob
_GROUP, _RELATIONS = 2, 4  # fields of PrimitiveBlock and PrimitiveGroup
_VARINT_BYTES = 10


class _StrangeError(Exception):
    """The file isn't built as expected; libosmium then judges it."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a block lies: with its header from `start`, its blob from `blob` to `end`."""

    start: int
    blob: int
    end: int


def relation_blocks(path: Path) -> bytes | None:
    """
    Return the header and the blocks with relations of a sorted PBF file, as a PBF file.

    Parameters
    ----------
    path
        A PBF file whose header says that it is sorted by type.

    Returns
    -------
    file
        None where that can't be told: a packing other than zlib, or damage, which reading the
        whole file will name.
    """
    try:
        with path.open("rb") as file:
            places = list(_places(file))
            first = len(places)
            while first > 1 and _has_relations(file, places[first - 1]):
                first -= 1
            return b"".join(_bytes(file, p.start, p.end) for p in (*places[:1], *places[first:]))
    except (_StrangeError, zlib.error, struct.error, IndexError):
        return None


def _places(file: IO[bytes]) -> Iterator[_Place]:
    """Yield the blocks of a file, the first of which is its header."""
    start = 0
    while length := file.read(_LENGTH):
        (size,) = struct.unpack(">I", length)
        if size > _MOST_HEADER:
            raise _StrangeError
        header = dict(_fields(file.read(size)))
        blob = start + _LENGTH + size
        end = blob + int(header[3]) if isinstance(header.get(3), int) else blob
        if not blob < end <= blob + _MOST_BLOB:
            raise _StrangeError
        yield _Place(start, blob, end)
        start = end
        file.seek(start)


def _bytes(file: IO[bytes], start: int, end: int) -> bytes:
    file.seek(start)
    data = file.read(end - start)
    if len(data) != end - start:
        raise _StrangeError
    return data


def _has_relations(file: IO[bytes], place: _Place) -> bool:
    """Tell whether the last group of a block, or any other, holds relations."""
    blob = dict(_fields(_bytes(file, place.blob, place.end)))
    packed, raw = blob.get(_ZLIB), blob.get(_RAW)
    if isinstance(packed, memoryview):
        unpacker = zlib.decompressobj()
        raw = memoryview(unpacker.decompress(packed, _MOST_BLOB))
    if not isinstance(raw, memoryview):
        raise _StrangeError
    groups = (value for field, value in _fields(raw) if field == _GROUP)
    return any(
        field == _RELATIONS
        for group in groups
        if isinstance(group, memoryview)
        for field, _ in _first_field(group)
    )


def _first_field(group: memoryview) -> list[tuple[int, int | memoryview]]:
    """Return the first field of a group, which holds objects of one type only."""
    return [next(_fields(group))] if len(group) else []


def _fields(data: bytes | memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield number and value of each field of a message; values of fixed size are left out."""
    view = memoryview(data)
    at = 0
    while at < len(view):
        key, at = _varint(view, at)
        kind, field = key & 7, key >> 3
        if kind == _VARINT:
            value, at = _varint(view, at)
            yield field, value
        elif kind == _DELIMITED:
            size, at = _varint(view, at)
            if at + size > len(view):
                raise _StrangeError
            yield field, view[at : at + size]
            at += size
        elif kind in {_FIXED64, _FIXED32}:
            at += 8 if kind == _FIXED64 else 4
        else:
            raise _StrangeError


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    """Return a variable-length integer and where the next value begins."""
    value = 0
    for place in range(_VARINT_BYTES):
        byte = view[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:  # noqa: PLR2004  (the continuation bit)
            return value, at + place + 1
    raise _StrangeError
