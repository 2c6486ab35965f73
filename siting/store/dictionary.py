"""What the columns of a plan's layers mean: short names, units, Chinese and English."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIELDS = Path(__file__).with_name("fields.csv")
SHORT_LENGTH = 10
"""Bytes of a column name in a shapefile's dBASE table."""
_OF_TYPE = {"piles_": ("n_", "桩数", "piles"), "kept_": ("k_", "原有桩数", "piles there before")}
"""Starts of the columns of one pile type, with short name, Chinese and English of what they say."""


@cache
def field_names() -> dict[str, dict[str, str]]:
    """Return `short`, `unit`, `zh` and `en` of every column that `fields.csv` knows."""
    with _FIELDS.open(encoding="utf-8", newline="") as file:
        return {row.pop("field"): row for row in csv.DictReader(file)}


def data_dictionary(
    frames: Mapping[str, pd.DataFrame], pile_types: pd.DataFrame | None = None
) -> pd.DataFrame:
    """
    Describe every column of some layers and tables.

    Parameters
    ----------
    frames
        Layers and tables by name; geometry isn't a column of the dictionary.
    pile_types
        As `Plan.pile_types`, which the columns `piles_<type id>` are named after.

    Returns
    -------
    dictionary
        `layer`, `field`, `type` (`text` | `integer` | `real` | `boolean`), `short` (at most ten
        ASCII characters, distinct within a layer), `unit`, `zh`, `en`. A column that
        `fields.csv` doesn't know keeps its own name in `zh` and `en`.
    """
    known = field_names()
    labels = {} if pile_types is None else _labels(pile_types)
    rows = []
    for layer, frame in frames.items():
        taken: set[str] = set()
        for column in frame.columns:
            if column == frame.attrs.get("geometry", "geometry"):
                continue
            row = known.get(column) or _of_type(column, labels)
            short = _distinct(row["short"], taken)
            taken.add(short)
            kind = _kind(frame[column])
            rows.append({"layer": layer, "field": column, "type": kind} | row | {"short": short})
    columns = ["layer", "field", "type", "short", "unit", "zh", "en"]
    return pd.DataFrame(rows, columns=columns)


def _labels(pile_types: pd.DataFrame) -> dict[str, tuple[str, str]]:
    names = (pile_types[name].astype(str) for name in ("type_id", "label_zh", "label_en"))
    return {type_id: (zh, en) for type_id, zh, en in zip(*names, strict=True)}


def _of_type(column: str, labels: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Name a column of one pile type after that type, any other after itself."""
    start = next((start for start in _OF_TYPE if column.startswith(start)), "")
    label = labels.get(column.removeprefix(start)) if start else None
    if label is None:
        return {"short": column[:SHORT_LENGTH], "unit": "", "zh": column, "en": column}
    short, zh, en = _OF_TYPE[start]
    return {
        "short": f"{short}{column.removeprefix(start)}"[:SHORT_LENGTH],
        "unit": "piles",
        "zh": f"{label[0]}{zh}",
        "en": f"{en}, {label[1]}",
    }


def _distinct(short: str, taken: set[str]) -> str:
    """Return a name that isn't taken, still short enough."""
    name, number = short, 2
    while name in taken:
        tail = str(number)
        name, number = f"{short[: SHORT_LENGTH - len(tail)]}{tail}", number + 1
    return name


def _kind(column: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(column):
        return "boolean"
    if pd.api.types.is_integer_dtype(column):
        return "integer"
    return "real" if pd.api.types.is_numeric_dtype(column) else "text"
