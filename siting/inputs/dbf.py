"""Tell the text encoding of a shapefile's table, which Chinese files often don't state."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

import numpy as np

from siting.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

CANDIDATES = ("utf-8", "gb18030", "big5")
"""Encodings tried, in this order; GB 18030 includes GBK and GB 2312."""

_HEADER_BYTES = 32
_NAME_BYTES = 11
_FOREIGN = 0x80  # the first byte beyond ASCII
_FIRST_CJK = "\u2e80"
_MOST_CELLS = 5_000
_GOOD_ENOUGH = 0.02
_CODEPAGES = {"gbk": "gb18030", "gb2312": "gb18030", "936": "gb18030", "cp936": "gb18030"}


def encoding_of(shapefile: Path) -> str:
    """
    Return the Python name of a shapefile's text encoding.

    Parameters
    ----------
    shapefile
        The `.shp`; `.cpg` and `.dbf` are looked for beside it.

    Returns
    -------
    encoding
        What fits the cells: UTF-8 where they decode to Chinese in it, whatever the `.cpg` says,
        for the bytes of other encodings practically never do; else the encoding of the `.cpg`, else
        the first of `CANDIDATES` in which nearly all cells decode, else ISO 8859-1, which takes
        any byte.
    """
    cells = _cells(_beside(shapefile, ".dbf"))
    stated = _stated(_beside(shapefile, ".cpg"))
    if not cells:
        return stated or "utf-8"
    if _fits(cells, "utf-8") and _is_chinese(cells):
        return "utf-8"
    tried = (stated, *CANDIDATES) if stated else CANDIDATES
    return next((encoding for encoding in tried if _fits(cells, encoding)), "iso-8859-1")


def mend_names(dbf: Path, encoding: str) -> None:
    """
    Take off the half characters at the ends of field names, which have eleven bytes.

    Parameters
    ----------
    dbf
        A table, written in place.
    encoding
        That of its text.
    """
    with dbf.open("r+b") as file:
        header = file.read(_HEADER_BYTES)
        begin = int.from_bytes(header[8:10], "little")
        for at in range(_HEADER_BYTES, begin - 1, 32):
            file.seek(at)
            raw = file.read(_NAME_BYTES)
            if raw[:1] in {b"\r", b""}:
                break
            name = raw.partition(b"\0")[0].decode(encoding, "ignore").encode(encoding)
            file.seek(at)
            file.write(name.ljust(_NAME_BYTES, b"\0"))


def _beside(shapefile: Path, suffix: str) -> Path | None:
    """Return a side file, whatever the case of its suffix."""
    names = (shapefile.with_suffix(suffix), shapefile.with_suffix(suffix.upper()))
    return next((name for name in names if name.is_file()), None)


def _stated(cpg: Path | None) -> str:
    if cpg is None:
        return ""
    with cpg.open("rb") as file:
        word = file.read(64).decode("ascii", "ignore").strip().lower()
    word = _CODEPAGES.get(word, word)
    for name in (word, f"cp{word}"):
        try:
            return codecs.lookup(name).name
        except LookupError:
            continue
    return ""


def _cells(dbf: Path | None) -> list[bytes]:
    """Return distinct text cells that aren't plain ASCII."""
    if dbf is None or dbf.stat().st_size < _HEADER_BYTES:
        return []
    data = np.memmap(dbf, dtype=np.uint8, mode="r")
    header = data[:_HEADER_BYTES].tobytes()
    records = int.from_bytes(header[4:8], "little")
    begin, width = (int.from_bytes(header[i : i + 2], "little") for i in (8, 10))
    if width == 0 or begin < _HEADER_BYTES:
        raise InputError("the table of the shapefile is damaged", where=dbf)
    records = min(records, (len(data) - begin) // width)
    if records <= 0:
        return []
    table = data[begin : begin + records * width].reshape(records, width)
    found: set[bytes] = set()
    for start, size in _text_fields(data, begin):
        found.update(_distinct(table[:, start : start + size]))
    return sorted(found)[:_MOST_CELLS]


def _text_fields(data: npt.NDArray[np.uint8], begin: int) -> list[tuple[int, int]]:
    """Return offset and width of the character fields in a record."""
    fields: list[tuple[int, int]] = []
    offset = 1  # the deletion mark comes first
    for at in range(_HEADER_BYTES, begin - 1, 32):
        field = data[at : at + 32].tobytes()
        if field[:1] == b"\r" or len(field) < 17:  # noqa: PLR2004  (up to the field's width)
            break
        if field[11:12] == b"C":
            fields.append((offset, field[16]))
        offset += field[16]
    return fields


def _distinct(column: npt.NDArray[np.uint8]) -> set[bytes]:
    foreign = column[(column >= _FOREIGN).any(axis=1)][: 4 * _MOST_CELLS]
    return {row.tobytes().rstrip(b" \x00") for row in foreign}


def _fits(cells: list[bytes], encoding: str) -> bool:
    """Tell whether nearly all cells decode; one cut off in the middle of a character does."""
    failed = 0
    for cell in cells:
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            decoder.decode(cell, final=False)
        except UnicodeDecodeError:
            failed += 1
    return failed <= _GOOD_ENOUGH * len(cells)


def _is_chinese(cells: list[bytes]) -> bool:
    """Tell whether what isn't ASCII is mostly Chinese when read as UTF-8."""
    text = b"".join(cells).decode("utf-8", "ignore")
    foreign = [letter for letter in text if ord(letter) >= _FOREIGN]
    return 2 * sum(letter >= _FIRST_CJK for letter in foreign) > len(foreign)
