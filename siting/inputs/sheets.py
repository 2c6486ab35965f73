"""Read tables: csv in UTF-8 or GB 18030, and sheets of a workbook, all cells as text."""

from __future__ import annotations

import codecs
import csv
import io
import zipfile
from typing import TYPE_CHECKING

import pandas as pd

from siting.errors import InputError, SitingError
from siting.inputs.fields import text
from siting.inputs.unpack import refuse_bomb

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MOST_BYTES = 500_000_000
"""Largest csv that is read."""
MOST_ROWS = 1_048_576
"""Rows of a sheet, the limit of the format."""
MOST_COLUMNS = 1_000
LINE = "_line"
"""Column of a table that holds the line of the file, or the row of the sheet, from 1."""

_ENCODINGS = ("utf-8-sig", "gb18030")
_MARKS = (",", "\t", ";", "|")
_LEAST_HEADINGS = 2


def read_csv(path: Path, encoding: str = "") -> pd.DataFrame:
    """
    Read a table of text.

    Parameters
    ----------
    path
        Fields parted by comma, tab, semicolon or bar, headings in the first line.
    encoding
        Its encoding; empty: UTF-8, and where that doesn't decode GB 18030 (which holds GBK).

    Returns
    -------
    table
        Text columns as headed, and `LINE`. Blank lines are left out.

    Raises
    ------
    InputError
        It doesn't decode, a line has more fields than headings, or headings repeat.
    """
    if path.stat().st_size > MOST_BYTES:
        raise InputError(f"a table of over {MOST_BYTES / 1e6:,.0f} MB isn't read", where=path)
    content = _decoded(path, encoding)
    first = content[: content.find("\n") if "\n" in content else None]
    mark = max(_MARKS, key=first.count)
    rows: list[list[str]] = []
    lines: list[int] = []
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=mark, strict=True)
    end = 0
    try:
        for row in reader:
            begin, end = end + 1, reader.line_num
            if any(field.strip() for field in row):
                rows.append(row)
                lines.append(begin)
    except csv.Error as error:
        raise InputError(
            f"line {reader.line_num} isn't csv", where=path, value=error, cure="Save it again"
        ) from error
    return _table(rows, lines, path)


def read_xlsx(path: Path, sheet: str = "") -> pd.DataFrame:
    """
    Read a sheet of a workbook.

    Parameters
    ----------
    path
        An xlsx file; formulas count as their last saved value.
    sheet
        Its name; empty: the only sheet that holds anything.

    Returns
    -------
    table
        Text columns as headed in the first row with two or more cells, and `LINE`. A title above
        the headings and empty rows are left out.

    Raises
    ------
    InputError
        The workbook is damaged, has no such sheet, or several that could be meant.
    """
    import openpyxl  # noqa: PLC0415  (only for this format)

    try:
        with zipfile.ZipFile(path) as archive:
            refuse_bomb(archive.infolist(), path)
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            found = {tab.title: _cells(tab, path) for tab in book.worksheets}
        finally:
            book.close()
    except SitingError:
        raise
    except Exception as error:
        # A damaged workbook makes openpyxl raise almost anything.
        raise InputError(
            "the workbook can't be read", where=path, value=error, cure="Save it again as xlsx"
        ) from error
    rows, lines = found[_sheet(found, sheet, path)]
    return _table(rows, lines, path)


def _sheet(found: dict[str, tuple[list[list[str]], list[int]]], sheet: str, path: Path) -> str:
    """Return the sheet that is meant."""
    filled = [name for name, (rows, _) in found.items() if len(rows) > 1]
    if sheet in found:
        return sheet
    if sheet or len(filled) != 1:
        what = "the workbook has no such sheet" if sheet else "more than one sheet may be meant"
        raise InputError(
            what if sheet or filled else "the workbook is empty",
            where=path,
            value=sheet or ", ".join(filled),
            cure=f"Give `layer:` as one of {', '.join(found)}",
        )
    return filled[0]


def _cells(tab: object, path: Path) -> tuple[list[list[str]], list[int]]:
    """Return the rows of a sheet from its headings on, as text, with their numbers."""
    rows: list[list[str]] = []
    lines: list[int] = []
    # A wrong size that the file states would cut the sheet.
    tab.reset_dimensions()  # type: ignore[attr-defined]
    for line, cells in enumerate(tab.iter_rows(values_only=True), start=1):  # type: ignore[attr-defined]
        row = text(cells)
        if line > MOST_ROWS or len(row) > MOST_COLUMNS:
            raise InputError("the sheet is too large", where=path, value=f"row {line}")
        filled = sum(value != "" for value in row)
        if filled >= _LEAST_HEADINGS or (rows and filled):
            rows.append(row)
            lines.append(line)
    return rows, lines


def _decoded(path: Path, encoding: str) -> str:
    raw = path.read_bytes()
    if encoding:
        try:
            codecs.lookup(encoding)
        except LookupError as error:
            raise InputError(
                "this encoding isn't known", where=path, value=encoding, cure="Write utf-8 or gbk"
            ) from error
    for name in (encoding,) if encoding else _ENCODINGS:
        try:
            return raw.decode(name)
        except UnicodeDecodeError:
            continue
    raise InputError(
        "the table is in another encoding",
        where=path,
        value=encoding or "neither UTF-8 nor GB 18030",
        cure="Give its `encoding:`, or save it as UTF-8",
    )


def _table(rows: Sequence[list[str]], lines: list[int], path: Path) -> pd.DataFrame:
    """Build a frame of text under the headings of the first row."""
    if not rows:
        raise InputError("the table is empty", where=path, cure="Give a table with headings")
    headings = [heading.strip().removeprefix("\ufeff") for heading in rows[0]]
    while headings and not headings[-1]:
        headings.pop()
    width = len(headings)
    again = [name for name in headings if name and headings.count(name) > 1]
    if again:
        raise InputError("a heading is there twice", where=path, value=again[0], cure="Rename one")
    for row, line in zip(rows, lines, strict=True):
        if any(value.strip() for value in row[width:]):
            raise InputError(
                f"line {line} has more fields than there are headings",
                where=path,
                value=f"{len(row)} fields, {width} headings",
                cure="Quote fields that hold the separator",
            )
    body = [[*row[:width], *[""] * (width - len(row))] for row in rows[1:]]
    table = pd.DataFrame(body, columns=headings, dtype="str")
    table = pd.DataFrame({name: table[name].str.strip() for name in headings if name})
    table[LINE] = lines[1:]
    return table
