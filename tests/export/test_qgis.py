"""A run's GeoPackage opens in QGIS as it is meant to look: QGIS's own libraries say so."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pyogrio
import pytest

from siting.store.runs import GPKG

if TYPE_CHECKING:
    from siting.pipeline import Published

OPEN = Path(__file__).with_name("qgis_open.py")
CATEGORISED = {"stations", "roads"}
"""Layers whose default style tells kinds apart."""


def _python() -> str:
    """Return the interpreter that QGIS's libraries are installed for, or skip."""
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    if python is None:
        pytest.skip("no python3 of the system")
    probe = subprocess.run(  # noqa: S603
        [python, "-c", "import qgis.core"], capture_output=True, check=False, env=_plain()
    )
    if probe.returncode:
        pytest.skip("QGIS's libraries (python3-qgis) aren't installed")
    return python


def _plain() -> dict[str, str]:
    """Return the environment without the paths of this project's interpreter."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return {**kept, "QT_QPA_PLATFORM": "offscreen"}


def test_every_layer_opens_in_qgis_and_is_painted_by_its_stored_style(
    published: Published, tmp_path: Path
) -> None:
    python, path = _python(), published.folder / GPKG
    done = subprocess.run(  # noqa: S603
        [python, str(OPEN), str(path), str(tmp_path)],
        capture_output=True, check=True, text=True, env=_plain(), timeout=300,
    )  # fmt: skip
    told = json.loads(done.stdout)
    spatial = [name for name, kind in pyogrio.list_layers(path) if kind is not None]
    assert set(told) == set(spatial)
    for name, layer in told.items():
        assert layer["valid"], name
        assert layer["styled"], name
        assert layer["crs"] == "EPSG:4326", name
        assert layer["features"] == pyogrio.read_info(path, layer=name)["features"], name
        assert bool(layer["painted"]) == bool(layer["features"]), name
    assert all(told[name]["renderer"] == "categorizedSymbol" for name in CATEGORISED)
