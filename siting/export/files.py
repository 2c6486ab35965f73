"""Exports as plain files: GeoJSON, GeoParquet, KML, csv, and text for Ovital."""

from __future__ import annotations

import json
import math
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyogrio
import shapely

from siting.errors import InputError
from siting.text import cell, clip

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import geopandas as gpd

TEXT_LAYERS = ("stations", "hydrogen", "rsus", "edge_nodes")
"""Layers of marks that go to a list of places; the others are context."""


@dataclass(frozen=True, slots=True)
class Pack:
    """
    What an export writes.

    Attributes
    ----------
    name
        Safe file name of the run.
    run
        The run record.
    layers
        Layers in the frame of the edition.
    tables
        Tables without geometry.
    dictionary
        As `dictionary.data_dictionary`.
    frame
        Name of the frame, for people.
    encoding
        Of shapefile tables.
    degrees
        Whether coordinates are degrees.
    """

    name: str
    run: Mapping[str, Any]
    layers: Mapping[str, gpd.GeoDataFrame]
    tables: Mapping[str, pd.DataFrame]
    dictionary: pd.DataFrame
    frame: str
    encoding: str
    degrees: bool

    @property
    def text(self) -> str:
        """What a reader has to know of the file, one paragraph."""
        roads = "Synthetic roads and facilities. " if self.run["synthetic_roads"] else ""
        return (
            f"{self.run['attribution']}. {roads}Run {self.run['run_id']}. Coordinates: "
            f"{self.frame}. Internal working data, 内部工作用图."
        )


@contextmanager
def quiet_without_crs() -> Iterator[None]:
    """Let layers pass that carry no CRS: those are shifted ones, on purpose."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
        yield


def write_notes(pack: Pack, folder: Path) -> None:
    """Write what the layers and columns are beside them."""
    (folder / "README.txt").write_text(pack.text + "\n", encoding="utf-8")
    write_table(pack.dictionary, folder / "data_dictionary.csv")


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a csv that spreadsheets open as UTF-8 and never run a cell of."""
    safe = table.copy()
    for column in safe.columns:
        if safe[column].dtype == object or pd.api.types.is_string_dtype(safe[column]):
            safe[column] = safe[column].map(cell)
    safe.to_csv(path, index=False, encoding="utf-8-sig", lineterminator="\r\n")


def write_geojson(pack: Pack, folder: Path) -> None:
    """Write one RFC 7946 file a layer: degrees of WGS-84, rings wound as the standard asks."""
    for name, frame in pack.layers.items():
        pyogrio.write_dataframe(
            frame,
            folder / f"{name}.geojson",
            driver="GeoJSON",
            RFC7946="YES",
            WRITE_NAME="NO",
            WRITE_BBOX="YES",
        )
    write_notes(pack, folder)


def write_parquet(pack: Pack, folder: Path) -> None:
    """
    Write one GeoParquet 1.1 file a layer.

    Raises
    ------
    InputError
        The optional pyarrow isn't installed.
    """
    try:
        import_module("pyarrow")
    except ImportError as error:
        raise _missing("GeoParquet", "pyarrow") from error
    for name, frame in pack.layers.items():
        path = folder / f"{name}.parquet"
        frame.to_parquet(path, index=False, schema_version="1.1.0", write_covering_bbox=True)
    write_notes(pack, folder)


def _missing(what: str, package: str) -> InputError:
    return InputError(
        f"{what} needs a package that isn't installed",
        value=package,
        cure="Install siting with its extra `gis`: pip install 'siting[gis]'",
    )


def write_kml(pack: Pack, path: Path) -> None:
    """Write one KML document with a folder a layer, for earth viewers and Ovital."""
    for name, frame in pack.layers.items():
        fields = pack.dictionary[pack.dictionary["layer"] == name].set_index("field")
        plain = frame.rename(
            columns={field: str(zh) for field, zh in fields["zh"].items() if field != "name"}
        ).rename(columns={"name": "Name"})
        for column in plain.columns:
            if column != "geometry" and plain[column].dtype == object:
                plain[column] = plain[column].map(lambda text: clip(str(text), 500))
        pyogrio.write_dataframe(plain, path, layer=name, driver="LIBKML", append=path.exists())


def write_csv(pack: Pack, folder: Path) -> None:
    """
    Write one csv a layer: points with their coordinates, lines and areas as WKT.

    Coordinates stand in `lon`, `lat`, or in `x`, `y` where the frame is metric.
    """
    across, up = ("lon", "lat") if pack.degrees else ("x", "y")
    decimals = 7 if pack.degrees else 3
    for name, frame in pack.layers.items():
        table = pd.DataFrame(frame.drop(columns="geometry"))
        shapes = frame.geometry.to_numpy()
        if (shapely.get_type_id(shapes) == shapely.GeometryType.POINT).all():
            table[across] = np.round(shapely.get_x(shapes), decimals)
            table[up] = np.round(shapely.get_y(shapes), decimals)
        else:
            table["wkt"] = shapely.to_wkt(shapes, rounding_precision=decimals)
        write_table(table, folder / f"{name}.csv")
    for name, frame in pack.tables.items():
        write_table(frame, folder / f"{name}.csv")
    write_notes(pack, folder)


def write_ovital(pack: Pack, path: Path) -> None:
    """
    Write places as text that Ovital (奥维互动地图) takes in: name, longitude, latitude, note.

    One place a line, separated by tabs; shifted coordinates carry Ovital's mark `g` (GCJ-02) or
    `b` (BD-09) as a last column, those of WGS-84 and CGCS2000 none.

    Raises
    ------
    InputError
        There is no layer of places to list.
    """
    mark = {"GCJ": "\tg", "BD-": "\tb"}.get(pack.frame[:3], "")
    lines = []
    for name in (name for name in TEXT_LAYERS if name in pack.layers):
        frame = pack.layers[name]
        lon, lat = frame.geometry.x.to_numpy(), frame.geometry.y.to_numpy()
        titles = frame["name"] if "name" in frame.columns else frame.iloc[:, 0]
        labels = _labels(pack, name)
        notes = [_note(row, labels) for row in frame.drop(columns="geometry").to_dict("records")]
        lines += [
            f"{clip(str(title)) or name}\t{x:.7f}\t{y:.7f}\t{note}{mark}"
            for title, x, y, note in zip(titles, lon, lat, notes, strict=True)
        ]
    if not lines:
        raise InputError("there is no place to list", value=", ".join(pack.layers))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8-sig")


def _labels(pack: Pack, layer: str) -> dict[str, str]:
    """Return the Chinese names of a layer's columns."""
    rows = pack.dictionary[pack.dictionary["layer"] == layer]
    return dict(zip(rows["field"].astype(str), rows["zh"].astype(str), strict=True))


def _note(row: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    """Say the few things of a place that fit on a mark, in Chinese."""
    shown = ("site_id", "kind", "level", "district", "piles", "installed_kw", "cost_cny", "phase")
    parts = [
        f"{labels.get(key, key)} {_plain(row[key])}"
        for key in shown
        if key in row and row[key] != ""
    ]
    return clip("; ".join(parts), 200)


def _plain(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.10g}"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else str(value)
