"""What a GeoPackage carries beside its layers: QGIS styles, a data dictionary, attribution."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any

import pyogrio

from siting.store.styles import layer_styles

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import geopandas as gpd
    import pandas as pd

_METADATA = """
CREATE TABLE IF NOT EXISTS gpkg_metadata (
  id INTEGER CONSTRAINT m_pk PRIMARY KEY ASC NOT NULL,
  md_scope TEXT NOT NULL DEFAULT 'dataset', md_standard_uri TEXT NOT NULL,
  mime_type TEXT NOT NULL DEFAULT 'text/xml', metadata TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS gpkg_metadata_reference (
  reference_scope TEXT NOT NULL, table_name TEXT, column_name TEXT, row_id_value INTEGER,
  timestamp DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
  md_file_id INTEGER NOT NULL, md_parent_id INTEGER,
  CONSTRAINT crmr_mfi_fk FOREIGN KEY (md_file_id) REFERENCES gpkg_metadata(id),
  CONSTRAINT crmr_mpi_fk FOREIGN KEY (md_parent_id) REFERENCES gpkg_metadata(id)
);
"""
"""Tables of the metadata extension, GeoPackage 1.3 (OGC 12-128r18), annex F.8."""
_DEFINITION = "http://www.geopackage.org/spec131/#extension_metadata"


def add_extras(
    path: Path,
    layers: Mapping[str, gpd.GeoDataFrame],
    dictionary: pd.DataFrame,
    run: Mapping[str, Any],
) -> None:
    """
    Add QGIS styles, the data dictionary and the attribution to a GeoPackage.

    Parameters
    ----------
    path
        The GeoPackage.
    layers
        Its layers.
    dictionary
        As `dictionary.data_dictionary`.
    run
        The run record.
    """
    styles = layer_styles(layers, dictionary, stamp=str(run["created"]))
    for name, table in (("data_dictionary", dictionary), ("layer_styles", styles)):
        if len(table):
            pyogrio.write_dataframe(table, path, layer=name, driver="GPKG", append=True)
    with contextlib.closing(sqlite3.connect(path)) as base, base:
        _describe(base, run)


def _describe(base: sqlite3.Connection, run: Mapping[str, Any]) -> None:
    """Write source, licence note and run id as metadata of the whole file."""
    base.executescript(_METADATA)
    text = (
        f"{run['attribution']}. Run {run['run_id']} of the model {run['model']}, "
        f"siting {run['versions']['siting']}."
    )
    found = base.execute(
        "INSERT INTO gpkg_metadata (md_scope, md_standard_uri, mime_type, metadata)"
        " VALUES ('dataset', 'http://purl.org/dc/terms/', 'text/plain', ?)",
        (text,),
    )
    base.execute(
        "INSERT INTO gpkg_metadata_reference (reference_scope, timestamp, md_file_id)"
        " VALUES ('geopackage', strftime('%Y-%m-%dT%H:%M:%fZ', ?), ?)",
        (str(run["created"]), found.lastrowid),
    )
    base.execute(
        "CREATE TABLE IF NOT EXISTS gpkg_extensions (table_name TEXT, column_name TEXT,"
        " extension_name TEXT NOT NULL, definition TEXT NOT NULL, scope TEXT NOT NULL,"
        " CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name))"
    )
    tables = ("gpkg_metadata", "gpkg_metadata_reference")
    base.executemany(
        "INSERT INTO gpkg_extensions VALUES (?, NULL, 'gpkg_metadata', ?, 'read-write')",
        [(name, _DEFINITION) for name in tables],
    )
