"""Unpack a zipped layer without trusting its names or sizes."""

from __future__ import annotations

import contextlib
import re
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from siting.errors import InputError, SitingError
from siting.inputs.sniff import MOST_RATIO, SMALL_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_TOTAL_BYTES = 4_000_000_000
"""Largest unpacked size of an archive."""
MOST_MEMBERS = 2_000
"""Most files in an archive."""
LAYER_SUFFIXES = (".gpkg", ".shp", ".geojson", ".json", ".graphml", ".kml")
"""Members that are layers."""
_SIDECARS = (".shx", ".dbf", ".prj", ".cpg")
_CHUNK = 1 << 20


@contextlib.contextmanager
def unpacked(path: Path) -> Iterator[dict[str, Path]]:
    """
    Unpack the layers of a zip into a folder that goes away afterwards.

    Parameters
    ----------
    path
        A zip file.

    Yields
    ------
    layers
        Member name of each layer -> where it lies now. Members are written under invented names,
        so no name of the archive reaches the disk.

    Raises
    ------
    InputError
        Not a zip, damaged, password-protected, unsafe names, too large, or no layer in it.
    """
    with tempfile.TemporaryDirectory() as folder:
        yield _unpack(path, Path(folder))


def _unpack(path: Path, folder: Path) -> dict[str, Path]:
    try:
        with zipfile.ZipFile(path) as archive:
            return _extract(archive, _checked(archive, path), folder, path)
    except SitingError:
        raise
    except Exception as error:
        # A damaged directory makes zipfile raise almost anything: struct, Unicode, zlib, overflow.
        raise InputError(
            "the zip file is damaged", where=path, value=error, cure="Fetch or pack it again"
        ) from error


def _checked(archive: zipfile.ZipFile, path: Path) -> list[zipfile.ZipInfo]:
    """Return the members to unpack, once all of the archive looks harmless."""
    members = [info for info in archive.infolist() if not info.is_dir()]
    refuse_bomb(members, path)
    for info in members:
        _refuse_unsafe(info, path)
    return [info for info in members if _suffix(info) in (*LAYER_SUFFIXES, *_SIDECARS)]


def refuse_bomb(members: list[zipfile.ZipInfo], path: Path) -> None:
    """
    Refuse an archive that unpacks to far more than it should.

    Raises
    ------
    InputError
        Too many members, or too large by what they state.
    """
    total = sum(info.file_size for info in members)
    packed = sum(info.compress_size for info in members)
    if len(members) > MOST_MEMBERS:
        raise InputError(
            f"the zip holds more than {MOST_MEMBERS} files", where=path, value=len(members)
        )
    if total > MOST_TOTAL_BYTES or total > max(SMALL_BYTES, MOST_RATIO * packed):
        raise InputError(
            "the zip unpacks to far more than a map layer would",
            where=path,
            value=f"{packed / 1e6:,.1f} MB into {total / 1e6:,.0f} MB",
            cure="Unpack it yourself if you trust it",
        )


def _refuse_unsafe(info: zipfile.ZipInfo, path: Path) -> None:
    name = info.filename.replace("\\", "/")
    if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in PurePosixPath(name).parts:
        raise InputError(
            "the zip holds a name that leads out of its folder",
            where=path,
            value=repr(info.filename[:80]),
            cure="Don't trust this file",
        )
    if info.flag_bits & 0x1:
        raise InputError("the zip is password-protected", where=path, cure="Unpack it first")


def _suffix(info: zipfile.ZipInfo) -> str:
    name = PurePosixPath(info.filename)
    # Resource forks that macOS adds look like layers and are none.
    return "" if name.name.startswith("._") else name.suffix.lower()


def _extract(
    archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], folder: Path, path: Path
) -> dict[str, Path]:
    """Write members under invented names; those of one layer keep a common stem."""
    stems: dict[str, str] = {}
    layers: dict[str, Path] = {}
    for info in members:
        suffix = _suffix(info)
        stem = str(PurePosixPath(info.filename).with_suffix("")).lower()
        target = folder / (stems.setdefault(stem, f"layer{len(stems)}") + suffix)
        _copy(archive, info, target, path)
        if suffix in LAYER_SUFFIXES:
            layers[info.filename] = target
    if not layers:
        raise InputError(
            "the zip holds no layer",
            where=path,
            value=", ".join(info.filename for info in archive.infolist()[:5]) or "nothing",
            cure=f"Pack a layer into it ({', '.join(LAYER_SUFFIXES)})",
        )
    return layers


def _copy(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, path: Path) -> None:
    written = 0
    with archive.open(info) as source, target.open("wb") as sink:
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > info.file_size:
                raise InputError(
                    "a member of the zip is larger than it says", where=path, value=info.filename
                )
            sink.write(chunk)
