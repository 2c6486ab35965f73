"""Write a published run in one of the forms that other tools open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
import pyogrio
import pyproj

from siting.datum import metric_crs
from siting.errors import InputError
from siting.export import drawing, files, shapefile
from siting.export.edition import Edition, edit
from siting.export.files import quiet_without_crs
from siting.files import publishing, replacing
from siting.store.dictionary import data_dictionary
from siting.store.geopackage import add_extras
from siting.store.runs import GPKG, LAYERS, OPTIONAL, read_record
from siting.text import slug

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import geopandas as gpd

    from siting.export.files import Pack

FORMATS = ("gpkg", "shp", "geojson", "parquet", "kml", "dxf", "csv", "ovital")
"""Forms of a file or folder; `postgis.upload` writes to a database."""


SHOWN = (
    *("stations", "hydrogen", "rsus", "edge_nodes", "zones", "test_road_catalogue"),
    *("districts", "places", "substations"),
)
"""Layers of a viewer's file; a base of roads and tens of thousands of points would choke it."""
DRAWN = (*SHOWN, "roads", "test_roads")
"""Layers of a drawing: what is planned over the roads, without the points that led to it."""


@dataclass(frozen=True, slots=True)
class _Form:
    """
    One form of export.

    Attributes
    ----------
    ending
        Of the file, "" for a folder.
    write
        What writes it.
    degrees
        Whether it takes degrees alone.
    shifts
        Whether it may hold shifted coordinates.
    most
        Layers that it holds unless others are named; empty: all.
    """

    ending: str
    write: Callable[[Pack, Path], None]
    degrees: bool = False
    shifts: bool = True
    most: tuple[str, ...] = ()


def export(
    folder: Path,
    form: str,
    *,
    out: Path,
    edition: Edition | None = None,
    encoding: str = "UTF-8",
    layers: tuple[str, ...] = (),
) -> Path:
    """
    Write a published run in another form.

    Parameters
    ----------
    folder
        A run folder.
    form
        One of `FORMATS`.
    out
        Folder in which the export appears, named after run, frame and form.
    edition
        Frame, precision, and whether it is for the public.
    encoding
        Of shapefile tables: `UTF-8` or `GBK`.
    layers
        Layers to take; empty: all that the form and the edition hold.

    Returns
    -------
    path
        The file or folder that was written.

    Raises
    ------
    InputError
        The folder isn't a run, or form, layer, frame and encoding don't go together.
    OutputError
        The disk refuses; nothing is left behind then.
    """
    writer = _form(form)
    edition = edition or Edition()
    if writer.degrees and edition.crs != "EPSG:4326":
        raise InputError(
            f"{form} is given in WGS-84 degrees",
            value=edition.crs,
            cure="Leave --crs out, or use gpkg, shp, dxf or csv",
        )
    if not writer.shifts and edition.datum != "wgs84":
        raise InputError(
            f"{form} says that its coordinates are WGS-84; a shifted file would be a false one",
            value=edition.datum,
            cure="Leave --datum out, or use csv, shp, gpkg or ovital",
        )
    pack = read_pack(folder, edition, encoding=encoding, layers=layers, most=writer.most)
    out.mkdir(parents=True, exist_ok=True)
    name = f"{pack.name}{edition.suffix}_{form}"
    if writer.ending:
        path = out / f"{name}.{writer.ending}"
        with replacing(path) as part:
            writer.write(pack, part)
        return path
    with publishing(out / name) as part:
        writer.write(pack, part)
    return out / name


def _form(form: str) -> _Form:
    forms = {
        "gpkg": _Form("gpkg", write_gpkg),
        "shp": _Form("zip", shapefile.write_shapefiles),
        "geojson": _Form("", files.write_geojson, degrees=True, shifts=False),
        "parquet": _Form("", files.write_parquet),
        "kml": _Form("kml", files.write_kml, degrees=True, shifts=False, most=SHOWN),
        "dxf": _Form("dxf", drawing.write_dxf, most=DRAWN),
        "csv": _Form("", files.write_csv),
        "ovital": _Form("txt", files.write_ovital, degrees=True),
    }
    if form not in forms:
        raise InputError("unknown form", value=form, cure=f"Use {', '.join(FORMATS)}")
    return forms[form]


def read_pack(
    folder: Path,
    edition: Edition,
    *,
    encoding: str = "UTF-8",
    layers: tuple[str, ...] = (),
    most: tuple[str, ...] = (),
) -> Pack:
    """
    Read the layers and tables of a run for an edition.

    Parameters
    ----------
    folder
        A run folder.
    edition
        Frame and exactness.
    encoding
        Of shapefile tables.
    layers
        Layers to take; empty: all that are there and in `most`.
    most
        Layers to take where `layers` is empty; empty: all.

    Raises
    ------
    InputError
        The folder isn't a run, or has no layer of a name asked for.
    """
    run = read_record(folder)
    path = folder / GPKG
    there = [str(name) for name in pyogrio.list_layers(path)[:, 0]]
    spatial = [name for name in LAYERS + OPTIONAL if name in there]
    unknown = sorted(set(layers) - set(spatial))
    if unknown:
        raise InputError(
            "the run has no such layer",
            where=path,
            value=", ".join(unknown),
            cure=f"Use {', '.join(spatial)}",
        )
    wanted = layers or [name for name in spatial if not most or name in most]
    frames = {name: _layer(path, name) for name in wanted}
    bounds = next(iter(frames.values())).total_bounds
    metric = metric_crs(*(float(value) for value in bounds))
    edited = edit(frames, edition, metric)
    clauses = pyogrio.read_dataframe(path, layer="clauses", read_geometry=False)
    piles = pyogrio.read_dataframe(path, layer="pile_types", read_geometry=False)
    return files.Pack(
        name=slug(f"{run['model']}-{run['run_id']}"),
        run=run,
        layers=edited,
        tables={"clauses": clauses, "pile_types": piles},
        dictionary=data_dictionary({**edited, "clauses": clauses}, piles),
        frame=edition.frame,
        encoding=encoding,
        degrees=edition.datum != "wgs84" or pyproj.CRS.from_user_input(edition.crs).is_geographic,
    )


def _layer(path: Path, name: str) -> gpd.GeoDataFrame:
    frame = pyogrio.read_dataframe(path, layer=name)
    for column in frame.columns:
        if column != "geometry" and not pd.api.types.is_numeric_dtype(frame[column]):
            frame[column] = frame[column].fillna("")
    return frame


def write_gpkg(pack: Pack, path: Path) -> None:
    """Write the layers with their QGIS styles, the data dictionary and the attribution."""
    for name, frame in pack.layers.items():
        with quiet_without_crs():
            pyogrio.write_dataframe(
                frame,
                path,
                layer=name,
                driver="GPKG",
                append=path.exists(),
                layer_metadata={
                    "IDENTIFIER": f"{name} {pack.run['run_id']}",
                    "DESCRIPTION": pack.text,
                },
                SPATIAL_INDEX="YES",
            )
    for name, table in pack.tables.items():
        pyogrio.write_dataframe(table, path, layer=name, driver="GPKG", append=True)
    add_extras(path, pack.layers, pack.dictionary, pack.run)
