"""
The blocks of a sorted OSM PBF file: where its nodes, ways and relations lie.

A PBF file is a row of packed blocks; in a file that says `Sort.Type_then_ID` the nodes come first
and the relations last (https://wiki.openstreetmap.org/wiki/PBF_Format).
"""

from __future__ import annotations

import struct
import zlib
from bisect import bisect_left
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LENGTH = 4  # bytes of the length before each blob header
_MOST_HEADER = 64 * 1024
_MOST_BLOB = 32 * 1024 * 1024
_DELIMITED, _VARINT, _FIXED64, _FIXED32 = 2, 0, 1, 5  # wire types of protocol buffers
_RAW, _ZLIB = 1, 3  # fields of Blob
_GROUP, _WAYS, _RELATIONS = 2, 3, 4  # fields of PrimitiveBlock and PrimitiveGroup
_VARINT_BYTES = 10


class StrangeError(Exception):
    """The file isn't built as expected; libosmium then judges it."""


DAMAGE = (StrangeError, zlib.error, struct.error, IndexError, KeyError, UnicodeDecodeError)
"""What reading blocks of a file raises that is damaged or built in another way."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a block lies: with its header from `start`, its blob from `blob` to `end`."""

    start: int
    blob: int
    end: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The blocks of a file: its header, those with nodes, with ways, and with relations."""

    header: Place
    nodes: tuple[Place, ...]
    ways: tuple[Place, ...]
    relations: tuple[Place, ...]


def layout(file: IO[bytes]) -> Layout:
    """
    Find where nodes, ways and relations lie, by halving: few blocks are unpacked.

    Parameters
    ----------
    file
        A PBF file whose header says that it is sorted by type, open at its start.

    Raises
    ------
    StrangeError, zlib.error, struct.error, IndexError
        It is damaged or built in another way (`DAMAGE`).
    """
    header, *blocks = _places(file)
    way = bisect_left(blocks, 1, key=lambda place: _last_group(file, place) >= _WAYS)
    relation = bisect_left(blocks, 1, key=lambda place: _last_group(file, place) >= _RELATIONS)
    # The block in which one type begins may still hold the last of the type before.
    return Layout(
        header,
        tuple(blocks[: way + 1]),
        tuple(blocks[way : relation + 1]),
        tuple(blocks[relation:]),
    )


def unpacked(file: IO[bytes], place: Place) -> memoryview:
    """
    Return what a block holds.

    Raises
    ------
    StrangeError, zlib.error
        Another packing than zlib, or damage.
    """
    blob = dict(fields(_bytes(file, place.blob, place.end)))
    packed, raw = blob.get(_ZLIB), blob.get(_RAW)
    if isinstance(packed, memoryview):
        unpacker = zlib.decompressobj()
        raw = memoryview(unpacker.decompress(packed, _MOST_BLOB))
        if not unpacker.eof:
            raise StrangeError
    if not isinstance(raw, memoryview):
        raise StrangeError
    return raw


def _places(file: IO[bytes]) -> Iterator[Place]:
    """Yield the blocks of a file, the first of which is its header."""
    start = 0
    while length := file.read(_LENGTH):
        (size,) = struct.unpack(">I", length)
        if size > _MOST_HEADER:
            raise StrangeError
        header = dict(fields(file.read(size)))
        blob = start + _LENGTH + size
        end = blob + int(header[3]) if isinstance(header.get(3), int) else blob
        if not blob < end <= blob + _MOST_BLOB:
            raise StrangeError
        yield Place(start, blob, end)
        start = end
        file.seek(start)


def _bytes(file: IO[bytes], start: int, end: int) -> bytes:
    file.seek(start)
    data = file.read(end - start)
    if len(data) != end - start:
        raise StrangeError
    return data


def _last_group(file: IO[bytes], place: Place) -> int:
    """Return the field of the last group of a block, which tells the type of its objects."""
    groups = [value for field, value in fields(unpacked(file, place)) if field == _GROUP]
    kinds = [group[0] >> 3 for group in groups if isinstance(group, memoryview) and len(group)]
    return max(kinds, default=0)


def fields(data: bytes | memoryview) -> Iterator[tuple[int, int | memoryview]]:
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
                raise StrangeError
            yield field, view[at : at + size]
            at += size
        elif kind in {_FIXED64, _FIXED32}:
            at += 8 if kind == _FIXED64 else 4
        else:
            raise StrangeError


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    """Return a variable-length integer and where the next value begins."""
    value = 0
    for place in range(_VARINT_BYTES):
        byte = view[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:  # noqa: PLR2004  (the continuation bit)
            return value, at + place + 1
    raise StrangeError
