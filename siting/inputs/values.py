"""Turn the columns of an own layer into ours: found, read, and everything wrong told at once."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from difflib import get_close_matches
from string import ascii_uppercase
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from siting.errors import InputError
from siting.inputs import columns as named
from siting.inputs.fields import text
from siting.text import clip

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from siting.inputs.columns import Column, Kind

PLACING: dict[str, tuple[str, ...]] = {
    "lon": named.LON,
    "lat": named.LAT,
    "x": named.EAST,
    "y": named.NORTH,
    "geometry": named.WKT,
}
"""Columns that place a row of a table, which a mapping may name too."""

_NUMBER = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*[^\d.]{0,8}")
_YEAR = re.compile(r"((?:19|20)\d\d)(?!\d)")
_SHOWN = 5
_DBF_BYTES = 10


@dataclass(frozen=True, slots=True)
class Labels:
    """What to call the file, its rows, and where in the model it was asked for."""

    path: str
    rows: Sequence[str]
    where: Callable[[str], str]
    """Key of the source in the model to file and line."""
    columns: Sequence[str] = ()
    """Columns of a table in their order, so that a cell can be found; empty for layers."""

    def column(self, name: str) -> str:
        """Return a column's name with its letter in a spreadsheet: `桩数 (column C)`."""
        if name not in self.columns:
            return name
        number, letters = list(self.columns).index(name) + 1, ""
        while number:
            number, digit = divmod(number - 1, len(ascii_uppercase))
            letters = ascii_uppercase[digit] + letters
        return f"{name} (column {letters})"


def match_columns(
    present: Sequence[str], kind: Kind, mapping: Mapping[str, str], labels: Labels
) -> dict[str, str]:
    """
    Find the column of the file for each of ours.

    Parameters
    ----------
    present
        Columns of the file.
    kind
        Ours.
    mapping
        Ours to the file's, as the model says.
    labels
        For messages.

    Returns
    -------
    found
        Ours to the file's; those that aren't there are left out.

    Raises
    ------
    InputError
        With every name of the mapping that is wrong and the columns that exist, or the required
        ones that aren't found.
    """
    refuse_wrong_fields(present, mapping, _ours(kind), labels, kind.more)
    by_fold = {_plain(name): name for name in reversed(present)}
    found = dict(mapping)
    for column in kind.columns:
        usual = _with_cut((column.name, *column.names))
        first = next((by_fold[name] for name in map(_plain, usual) if name in by_fold), None)
        if first is not None and first not in found.values():
            found.setdefault(column.name, first)
    for name in present:
        if _plain(name).startswith(kind.more) and kind.more:
            found.setdefault(_plain(name), name)
    missing = [c.name for c in kind.columns if c.required and c.name not in found]
    if missing:
        raise InputError(
            f"the layer has no column for {', '.join(missing)}",
            where=labels.path,
            value=_list(present),
            cure=f"Name it {_at(labels, 'fields')}: `fields: {{{missing[0]}: <column>}}`",
        )
    return found


def _with_cut(names: tuple[str, ...]) -> tuple[str, ...]:
    """Add names as a shapefile keeps them, cut to ten bytes."""
    cut = [
        name.encode(encoding)[:_DBF_BYTES].decode(encoding, "ignore")
        for name in names
        for encoding in ("utf-8", "gb18030")
    ]
    return (*names, *dict.fromkeys(cut))


def refuse_wrong_fields(
    present: Sequence[str],
    mapping: Mapping[str, str],
    ours: Sequence[str],
    labels: Labels,
    more: tuple[str, ...] = (),
) -> None:
    """
    Refuse a mapping of columns that aren't there, or that nothing asks for, all at once.

    Raises
    ------
    InputError
        Each wrong name with its line in the model, then the columns that exist.
    """
    wrong: list[str] = []
    for our, their in mapping.items():
        if our not in ours and not (more and our.startswith(more)):
            near = get_close_matches(our, ours, n=1)
            hint = f", did you mean {near[0]}" if near else f", known: {', '.join(ours)}"
            wrong.append(f"{_at(labels, f'fields.{our}')}: `{our}` is no field of ours{hint}")
        if their not in present:
            near = get_close_matches(their, list(present), n=1)
            hint = f", did you mean {near[0]}" if near else ""
            wrong.append(f"{_at(labels, f'fields.{our}')}: there is no column `{their}`{hint}")
    if wrong:
        raise InputError(
            f"{len(wrong)} wrong in `fields`: " + "; ".join(wrong),
            where=labels.path,
            cure=f"The file has the columns {_list(present)}",
        )


def read_columns(
    table: pd.DataFrame, kind: Kind, found: Mapping[str, str], labels: Labels
) -> pd.DataFrame:
    """
    Read the values of our columns.

    Parameters
    ----------
    table
        The file's columns.
    kind
        Ours.
    found
        As `match_columns` gives it.
    labels
        For messages.

    Returns
    -------
    ours
        One column each: text ("" where missing) or float64 (NaN where missing). The id is that of
        the file, else the row's.

    Raises
    ------
    InputError
        With the rows whose values can't be, of all columns at once.
    """
    problems: list[str] = []
    read: dict[str, object] = {}
    columns = [*kind.columns]
    known = {column.name for column in columns}
    columns += [named.Column(name, holds="count") for name in found if _is_more(name, kind, known)]
    for column in columns:
        their = found.get(column.name)
        raw = text(table[their].tolist()) if their is not None else [""] * len(table)
        read[column.name] = _values(raw, column, their or column.name, labels, problems)
    if problems:
        raise InputError(
            "values can't be read: " + "; ".join(problems),
            where=labels.path,
            cure="Correct these cells, or map another column",
        )
    ours = pd.DataFrame(read, index=pd.RangeIndex(len(table)))
    first = kind.columns[0].name
    filled = ours[first].to_numpy(dtype=object)
    fallback = np.array([f"{first.removesuffix('_id')}/{n + 1}" for n in range(len(ours))])
    ours[first] = pd.Series(np.where(filled == "", fallback, filled), dtype="str")
    return ours


def _is_more(name: str, kind: Kind, known: set[str]) -> bool:
    return bool(kind.more) and name.startswith(kind.more) and name not in known


def _values(
    raw: list[str], column: Column, their: str, labels: Labels, problems: list[str]
) -> pd.Series | npt.NDArray[np.float64]:
    if column.words:
        known = dict(column.words)
        folded = [value.strip().casefold() for value in raw]
        bad = [row for row, value in enumerate(folded) if value and value not in known]
        _note(
            bad,
            raw,
            f"{labels.column(their)} has to be one of {', '.join(known)}",
            labels,
            problems,
        )
        return pd.Series([known.get(value, "") for value in folded], dtype="str")
    if column.holds == "text":
        return pd.Series(raw, dtype="str")
    pattern = _YEAR if column.holds == "year" else _NUMBER
    numbers = np.array([_number(value, pattern) for value in raw])
    filled = np.array([value.strip() != "" for value in raw], dtype=np.bool_)
    bad = np.flatnonzero(filled & ~(numbers >= 0)).tolist()
    what = f"{labels.column(their)} has to be a number of 0 and more"
    _note(bad, raw, what, labels, problems)
    return numbers


def _number(value: str, pattern: re.Pattern[str]) -> float:
    plain = unicodedata.normalize("NFKC", value).strip().replace(",", "")
    found = pattern.match(plain) if pattern is _YEAR else pattern.fullmatch(plain)
    return float(found.group(1)) if found else np.nan


def numbers(raw: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return text as numbers, NaN for what is none, shape (n,)."""
    return np.array([_number(value, _NUMBER) for value in raw], dtype=np.float64)


def _note(bad: list[int], raw: list[str], what: str, labels: Labels, problems: list[str]) -> None:
    if bad:
        shown = ", ".join(f"{labels.rows[row]} {clip(raw[row], 20)!r}" for row in bad[:_SHOWN])
        more = f" and {len(bad) - _SHOWN:,} more" if len(bad) > _SHOWN else ""
        problems.append(f"{what} ({shown}{more})")


def _ours(kind: Kind) -> list[str]:
    return [*(column.name for column in kind.columns), *PLACING]


def _plain(name: str) -> str:
    return unicodedata.normalize("NFKC", str(name)).strip().casefold()


def _at(labels: Labels, key: str) -> str:
    return labels.where(key) or "in the model"


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(clip(str(name), 40) for name in names[:40])
    return shown if len(names) <= 40 else f"{shown} and {len(names) - 40} more"  # noqa: PLR2004
