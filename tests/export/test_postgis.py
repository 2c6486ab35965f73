"""A run in a real PostGIS database is the run, and replaces itself alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyogrio
import pytest
import shapely

from siting.errors import InputError, OutputError
from siting.export import Edition
from siting.export.postgis import upload
from siting.store.runs import GPKG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from siting.pipeline import Published

psycopg = pytest.importorskip("psycopg", reason="the extra gis isn't installed")


def _programs() -> Path | None:
    """Folder of the server's programmes, where the PostGIS extension is there too."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    for program in found:
        version = program.parent.parent.name
        if Path(f"/usr/share/postgresql/{version}/extension/postgis.control").exists():
            return program.parent
    return None


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Start a server of its own on a socket; give its connection string."""
    programs = _programs()
    if programs is None:
        pytest.skip("no PostgreSQL with PostGIS is installed")
    as_user: list[str] = []
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    if os.geteuid() == 0:
        # The server refuses to run as root.
        if shutil.which("runuser") is None:
            pytest.skip("root can't become another user here")
        as_user = ["runuser", "-u", "nobody", "--"]
        shutil.chown(folder, "nobody")
    data = str(folder / "data")
    _run(*as_user, str(programs / "initdb"), "-D", data, "-U", "siting", "-A", "trust", "-N")
    control = [*as_user, str(programs / "pg_ctl"), "-D", data, "-w"]
    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    _run(*control, "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield f"host={folder} user=siting dbname=postgres"
    finally:
        _run(*control, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _run(*command: str) -> None:
    # The server keeps its output open: a pipe would never end.
    subprocess.run(  # noqa: S603
        command, check=True, cwd="/", timeout=120, stdout=subprocess.DEVNULL
    )


def _all(dsn: str, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as base:
        return list(base.execute(query, values).fetchall())


def test_rows_and_geometry_are_those_of_the_run(server: str, published: Published) -> None:
    rows = upload(published.folder, server, schema="one", edition=Edition("EPSG:4490"))
    path = published.folder / GPKG
    spatial = [name for name, kind in pyogrio.list_layers(path) if kind is not None]
    assert set(rows) == {*spatial, "clauses"}
    for name in spatial:
        plan = pyogrio.read_dataframe(path, layer=name)
        found = _all(server, f"SELECT count(*), min(ST_SRID(geom)) FROM one.{name}")  # noqa: S608
        assert found == [(len(plan), 4490)]
    plan = pyogrio.read_dataframe(path, layer="stations").set_index("site_id")
    there = _all(server, "SELECT site_id, cost_cny, district, ST_AsBinary(geom) FROM one.stations")
    for site_id, cost_cny, district, geom in there:
        assert cost_cny == plan.loc[site_id, "cost_cny"]
        assert district == plan.loc[site_id, "district"]
        at = shapely.get_coordinates(shapely.from_wkb(geom))
        assert np.allclose(at, shapely.get_coordinates(plan.loc[site_id, "geometry"]), atol=1e-7)
    area = _all(server, "SELECT sum(ST_Area(geom::geography)) / 1e6 FROM one.districts")[0][0]
    km2 = pyogrio.read_dataframe(path, layer="districts")["area_km2"].sum()
    assert area == pytest.approx(km2, rel=1e-3)


def test_a_run_replaces_itself_and_no_other(server: str, published: Published) -> None:
    upload(published.folder, server, schema="two", layers=("stations",))
    with psycopg.connect(server) as base:
        base.execute("UPDATE two.stations SET run_id = 'another'")
    upload(published.folder, server, schema="two", layers=("stations",))
    upload(published.folder, server, schema="two", layers=("stations",))
    count = len(published.plan.stations)
    found = dict(_all(server, "SELECT run_id, count(*) FROM two.stations GROUP BY run_id"))
    assert found == {"another": count, published.plan.run["run_id"]: count}


def test_geometry_has_a_spatial_index(server: str, published: Published) -> None:
    upload(published.folder, server, schema="three", layers=("stations",))
    query = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'three'"
    assert any("gist" in row[0] for row in _all(server, query))


def test_names_that_look_like_sql_stay_names(server: str, published: Published) -> None:
    upload(published.folder, server, schema='x"; DROP SCHEMA one; --', layers=("stations",))
    schemas = [row[0] for row in _all(server, "SELECT nspname FROM pg_namespace")]
    assert 'x"; DROP SCHEMA one; --' in schemas


def test_a_refusing_database_is_one_error(published: Published, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="refuses"):
        upload(published.folder, f"host={tmp_path} connect_timeout=2 dbname=none")
    with pytest.raises(InputError, match="EPSG"):
        upload(published.folder, "", edition=Edition(datum="gcj02"))
