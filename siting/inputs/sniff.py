"""What a file is, told from its first bytes: names lie, and downloads are often error pages."""

from __future__ import annotations

import bz2
import gzip
import re
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, Literal

from siting.errors import InputError
from siting.files import require_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Kind = Literal[
    "pbf",
    "osm",
    "osm.gz",
    "osm.bz2",
    "o5m",
    "gpkg",
    "shp",
    "zip",
    "geojson",
    "graphml",
    "kml",
    "parquet",
    "tiff",
    "xlsx",
    "csv",
]
"""A file kind that can be read."""

OSM_KINDS = ("pbf", "osm", "osm.gz", "osm.bz2", "o5m")
"""Kinds that hold OpenStreetMap objects; the words are libosmium's format names."""

MOST_BYTES = 8_000_000_000
"""Largest file that is opened at all; a city's extract is far smaller."""
MOST_RATIO = 100
"""Largest expansion of a packed file; OSM XML packs about 10 to 20 times."""
SMALL_BYTES = 64_000_000
"""Below this unpacked size the ratio doesn't matter."""

_HEAD = 8192
_BLOB_HEADER_LIMIT = 64 * 1024  # of the PBF format
_GPKG_MAGIC = b"SQLite format 3\x00"
_SHP_MAGIC = struct.pack(">i", 9994)
_PROLOGUE = re.compile(rb"\s*(<\?.*?\?>|<!--.*?-->)", re.DOTALL)
_ROOT = re.compile(rb"\s*<([A-Za-z_][\w.:-]*)")
_GET_DATA = "Give an OSM extract (.osm.pbf, .osm), a GeoPackage, shapefile, GeoJSON or graphml"
_OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_WORKBOOK = "xl/workbook.xml"
_DOWNLOAD_AGAIN = "The download probably failed; fetch the file again"


def kind_of(path: Path) -> Kind:
    """
    Tell the kind of a map file by its content.

    Parameters
    ----------
    path
        A file.

    Returns
    -------
    kind
        One of `Kind`.

    Raises
    ------
    InputError
        Missing, a folder, empty, too large, a web page, or no map file at all.
    """
    require_file(path, most_bytes=MOST_BYTES)
    with path.open("rb") as file:
        head = file.read(_HEAD)
    packed = _packed_kind(path, head)
    if packed is not None:
        return packed
    binary = _binary_kind(head)
    if binary is not None:
        return binary
    return _text_kind(path, head.removeprefix(b"\xef\xbb\xbf").lstrip())


def table_kind_of(path: Path) -> Kind:
    """
    Tell the kind of a file that may also be a table or a raster.

    Returns
    -------
    kind
        As `kind_of`; `xlsx` for a workbook, `tiff` for a raster, `csv` for other text.

    Raises
    ------
    InputError
        As `kind_of`; a workbook of the old format.
    """
    require_file(path, most_bytes=MOST_BYTES)
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head.startswith(_OLD_EXCEL):
        raise InputError(
            "this is a workbook of the old format (.xls)", where=path, cure="Save it as .xlsx"
        )
    if head.startswith((b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")):
        return "tiff"
    if head.startswith(b"PK\x03\x04") and _is_workbook(path):
        return "xlsx"
    plain = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    marked = plain.startswith((b"<", b"{", b"version https://git-lfs"))
    binary = b"\0" in head or _binary_kind(head) or head.startswith((b"\x1f\x8b", b"BZh"))
    return kind_of(path) if marked or binary else "csv"


def _is_workbook(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return _WORKBOOK in archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return False


def _binary_kind(head: bytes) -> Kind | None:
    if _is_pbf(head):
        return "pbf"
    if head.startswith(_GPKG_MAGIC) and head[68:72] in {b"GPKG", b"GP10", b"GP11"}:
        return "gpkg"
    starts: tuple[tuple[bytes, Kind], ...] = (
        (_SHP_MAGIC, "shp"),
        (b"PK\x03\x04", "zip"),
        (b"PAR1", "parquet"),
        (b"\xff\xe0\x04o5m2", "o5m"),
    )
    return next((kind for magic, kind in starts if head.startswith(magic)), None)


def _is_pbf(head: bytes) -> bool:
    """Tell whether the first blob header names an OSM header block."""
    if len(head) < 4:  # noqa: PLR2004  (bytes of the length field)
        return False
    (length,) = struct.unpack(">I", head[:4])
    return length < _BLOB_HEADER_LIMIT and b"OSMHeader" in head[4 : 4 + length]


def _packed_kind(path: Path, head: bytes) -> Kind | None:
    openers: tuple[tuple[bytes, Kind, Callable[[Path], gzip.GzipFile | bz2.BZ2File]], ...] = (
        (b"\x1f\x8b", "osm.gz", gzip.GzipFile),
        (b"BZh", "osm.bz2", bz2.BZ2File),
    )
    for magic, kind, opener in openers:
        if head.startswith(magic):
            _check_packed(path, opener)
            return kind
    return None


def _check_packed(path: Path, opener: Callable[[Path], gzip.GzipFile | bz2.BZ2File]) -> None:
    """Unpack once without keeping anything: it has to be OSM XML of a sane size."""
    most = max(SMALL_BYTES, MOST_RATIO * path.stat().st_size)
    try:
        with opener(path) as file:
            inner = file.read(_HEAD)
            total = len(inner)
            while chunk := file.read(1 << 20):
                total += len(chunk)
                if total > most:
                    raise InputError(
                        f"the file unpacks to more than {MOST_RATIO} times its size",
                        where=path,
                        value=f"over {total / 1e6:,.0f} MB",
                        cure="Unpack it yourself if you trust it",
                    )
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            "the packed file is damaged", where=path, value=error, cure=_DOWNLOAD_AGAIN
        ) from error
    if _text_kind(path, inner.removeprefix(b"\xef\xbb\xbf").lstrip()) != "osm":
        raise InputError("the packed file holds no OSM XML", where=path, cure=_GET_DATA)


def _text_kind(path: Path, head: bytes) -> Kind:
    if head.startswith(b"<"):
        return _xml_kind(path, head)
    if head.startswith(b"{"):
        return "geojson"
    if head.startswith(b"version https://git-lfs"):
        raise InputError(
            "this is a Git LFS pointer, not the file itself", where=path, cure="Run git lfs pull"
        )
    raise InputError(
        "this is no map file that can be read",
        where=path,
        value=f"a file that starts with {head[:12]!r}",
        cure=_GET_DATA,
    )


def _xml_kind(path: Path, head: bytes) -> Kind:
    lower = head[:2000].lower()
    if b"<html" in lower or b"<!doctype html" in lower:
        raise InputError("this is a web page (HTML)", where=path, cure=_DOWNLOAD_AGAIN)
    while (prologue := _PROLOGUE.match(head)) is not None:
        head = head[prologue.end() :]
    root = _ROOT.match(head)
    name = "a document type" if root is None else root.group(1).decode("ascii", "replace")
    known: dict[str, Kind] = {"osm": "osm", "graphml": "graphml", "kml": "kml"}
    if name not in known:
        raise InputError("this XML is no map", where=path, value=name, cure=_GET_DATA)
    return known[name]
