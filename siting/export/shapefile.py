"""Exports as a zip of shapefiles, in the encoding that the reader's tools expect."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyogrio
import shapely

from siting.errors import InputError
from siting.export.files import quiet_without_crs, write_table

if TYPE_CHECKING:
    import geopandas as gpd

    from siting.export.files import Pack

ENCODINGS = ("UTF-8", "GBK")
TEXT_BYTES = 254
"""Longest text of a dBASE table."""
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_shapefiles(pack: Pack, path: Path) -> None:
    """
    Write a zip with one shapefile a layer, a name table and what was cut short.

    Column names are the short ones of the data dictionary; text longer than a dBASE field is cut
    at a character, and `names.csv` says in how many rows.

    Raises
    ------
    InputError
        Unknown encoding, or text that it can't hold.
    """
    if pack.encoding not in ENCODINGS:
        raise InputError(
            "unknown encoding of shapefiles",
            value=pack.encoding,
            cure=f"Use {' or '.join(ENCODINGS)}",
        )
    names = pack.dictionary[pack.dictionary["layer"].isin(pack.layers)].copy()
    names["cut_rows"] = 0
    with tempfile.TemporaryDirectory() as folder:
        for layer, frame in pack.layers.items():
            rows = names["layer"] == layer
            short = dict(zip(names.loc[rows, "field"], names.loc[rows, "short"], strict=True))
            table, cut = _fitted(frame, layer, pack.encoding)
            names.loc[rows, "cut_rows"] = names.loc[rows, "field"].map(cut).fillna(0).astype(int)
            _write(table.rename(columns=short), Path(folder) / f"{layer}.shp", pack.encoding)
        write_table(names, Path(folder) / "names.csv")
        (Path(folder) / "README.txt").write_text(pack.text + "\n", encoding="utf-8")
        _zip(Path(folder), path)


def _fitted(
    frame: gpd.GeoDataFrame, layer: str, encoding: str
) -> tuple[gpd.GeoDataFrame, dict[str, int]]:
    """Make a layer fit a dBASE table: text by bytes, flags as 0 and 1, one kind of shape."""
    table = frame.copy()
    cut: dict[str, int] = {}
    for column in table.columns.drop("geometry"):
        values = table[column]
        if pd.api.types.is_bool_dtype(values):
            table[column] = values.astype(np.int32)
        elif not pd.api.types.is_numeric_dtype(values):
            fitted = [_fit(str(text), encoding, f"{layer}.{column}") for text in values]
            cut[column] = sum(a != b for a, b in zip(fitted, values.astype(str), strict=True))
            table[column] = fitted
        else:
            table[column] = values.replace([np.inf, -np.inf], np.nan)
    return table, cut


def _fit(text: str, encoding: str, where: str) -> str:
    try:
        raw = text.encode(encoding)
    except UnicodeEncodeError as error:
        raise InputError(
            f"{encoding} has no such character",
            where=where,
            value=repr(text[error.start : error.end]),
            cure="Use --encoding UTF-8",
        ) from error
    return text if len(raw) <= TEXT_BYTES else raw[:TEXT_BYTES].decode(encoding, "ignore")


def _write(table: gpd.GeoDataFrame, path: Path, encoding: str) -> None:
    kinds = np.unique(shapely.get_type_id(table.geometry.to_numpy()))
    with quiet_without_crs():
        pyogrio.write_dataframe(
            table,
            path,
            driver="ESRI Shapefile",
            encoding=encoding,
            promote_to_multi=len(kinds) > 1,
        )
    path.with_suffix(".cpg").write_text(encoding, encoding="ascii")


def _zip(folder: Path, path: Path) -> None:
    """Pack a folder's files in the order of their names, with one date: same data, same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted(folder.iterdir()):
            entry = zipfile.ZipInfo(file.name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, file.read_bytes())
