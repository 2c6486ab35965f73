"""Exports to a PostGIS database: one table a layer, rows replaced run by run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyproj
import shapely

from siting.errors import InputError, OutputError
from siting.export.edition import Edition
from siting.export.pack import read_pack

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

_TYPES = {
    "text": "text",
    "integer": "bigint",
    "real": "double precision",
    "boolean": "boolean",
}


def upload(
    folder: Path,
    dsn: str,
    *,
    schema: str = "siting",
    edition: Edition | None = None,
    layers: tuple[str, ...] = (),
) -> dict[str, int]:
    """
    Put a published run into a PostGIS database.

    Every layer and table of the run becomes a table of the schema with the columns `run_id` and
    `model` before its own; the rows of a run that is there already are replaced, those of other
    runs stay. All in one transaction: the database holds the whole run or none of it.

    Parameters
    ----------
    folder
        A run folder.
    dsn
        Connection string of libpq; the password may come from `PGPASSWORD` or `~/.pgpass`.
    schema
        Schema, made when missing.
    edition
        Frame, precision and whether it is public; a shifted datum isn't taken.
    layers
        Layers to take; empty: all.

    Returns
    -------
    dict
        Rows by table.

    Raises
    ------
    InputError
        The folder isn't a run, psycopg isn't installed, or the frame has no EPSG code.
    OutputError
        The database refuses.
    """
    try:
        import psycopg  # noqa: PLC0415
    except ImportError as error:
        raise InputError(
            "PostGIS needs a package that isn't installed",
            value="psycopg",
            cure="Install siting with its extra `gis`: pip install 'siting[gis]'",
        ) from error
    edition = edition or Edition()
    srid = _srid(edition)
    pack = read_pack(folder, edition, layers=layers)
    run = (str(pack.run["run_id"]), str(pack.run["model"]))
    kinds = {(row.layer, row.field): row.type for row in pack.dictionary.itertuples(index=False)}
    rows = {}
    try:
        with psycopg.connect(dsn) as base:
            _prepare(base, schema)
            for name, frame in {**pack.layers, "clauses": pack.tables["clauses"]}.items():
                types = {
                    column: _TYPES[str(kinds[name, column])]
                    for column in frame.columns.drop("geometry", errors="ignore")
                }
                rows[name] = _load(base, (schema, name), frame, types, srid, run)
    except psycopg.Error as error:
        raise OutputError(
            f"the database refuses: {str(error).strip()}",
            where=schema,
            cure="Check the connection string and that the user may create in the schema",
        ) from error
    return rows


def _srid(edition: Edition) -> int:
    code = pyproj.CRS.from_user_input(edition.crs).to_epsg()
    if edition.datum != "wgs84" or code is None:
        raise InputError(
            "a database takes a frame with an EPSG code",
            value=edition.frame,
            cure="Use a --crs such as EPSG:4490, without --datum",
        )
    return int(code)


def _prepare(base: psycopg.Connection[Any], schema: str) -> None:
    from psycopg import sql  # noqa: PLC0415

    base.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    base.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))


def _load(
    base: psycopg.Connection[Any],
    place: tuple[str, str],
    frame: pd.DataFrame,
    types: dict[str, str],
    srid: int,
    run: tuple[str, str],
) -> int:
    """Make the table where it is missing, replace the run's rows, and index it."""
    from psycopg import sql  # noqa: PLC0415

    table = sql.Identifier(*place)
    columns = {"run_id": "text", "model": "text", **types}
    spatial = "geometry" in frame.columns
    if spatial:
        columns["geom"] = f"geometry(Geometry, {srid})"
    parts = [
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind))
        for name, kind in columns.items()
    ]
    base.execute(
        sql.SQL("CREATE TABLE IF NOT EXISTS {} ({})").format(table, sql.SQL(", ").join(parts))
    )
    # A later run may know columns that an earlier one hadn't.
    for part in parts:
        base.execute(sql.SQL("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {}").format(table, part))
    index = sql.Identifier(f"{place[1]}_run_id")
    base.execute(sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} (run_id)").format(index, table))
    if spatial:
        index = sql.Identifier(f"{place[1]}_geom")
        base.execute(
            sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} USING gist (geom)").format(index, table)
        )
    base.execute(sql.SQL("DELETE FROM {} WHERE run_id = %s").format(table), (run[0],))
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    with base.cursor() as cursor:
        copy = sql.SQL("COPY {} ({}) FROM STDIN").format(table, names)
        with cursor.copy(copy) as rows:
            for row in _rows(frame, list(types), srid, spatial=spatial):
                rows.write_row((*run, *row))
    return len(frame)


def _rows(
    frame: pd.DataFrame, fields: list[str], srid: int, *, spatial: bool
) -> list[tuple[object, ...]]:
    """Return the rows as the database takes them: None for nothing, geometry as hex EWKB."""
    columns = [_values(frame[name]) for name in fields]
    if spatial:
        shapes = shapely.set_srid(frame["geometry"].to_numpy(), srid)
        columns.append(list(shapely.to_wkb(shapes, hex=True, include_srid=True)))
    return list(zip(*columns, strict=True))


def _values(column: pd.Series) -> list[object]:
    if pd.api.types.is_numeric_dtype(column):
        plain: list[object] = column.tolist()
        return [None if isinstance(v, float) and not np.isfinite(v) else v for v in plain]
    # The database has no character zero.
    return [str(value).replace("\x00", "") for value in column]
