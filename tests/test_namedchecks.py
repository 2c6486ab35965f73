"""Every named check through whole inputs, strict and lenient: the name, how many and which."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from test_citysources import model, read

from siting.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = Path(__file__).parents[1] / "docs" / "own-layers.md"
WEST = shapely.box(116.99, 36.64, 117.025, 36.70)
EAST = shapely.box(117.02, 36.64, 117.06, 36.70)
# A spike of no width: the ring isn't valid, and its area is clear.
SPIKED = shapely.Polygon(
    [(117.01, 36.66), (117.02, 36.66), (117.03, 36.66), (117.02, 36.66), (117.02, 36.67),
     (117.01, 36.67)]
)  # fmt: skip


def stations(**columns: Any) -> pd.DataFrame:
    table = {"id": ["a", "b"], "lon": ["117.011", "117.0132"], "lat": ["36.6606", "36.6606"]}
    return pd.DataFrame({**table, **columns})


def nan_layer() -> gpd.GeoDataFrame:
    with np.errstate(invalid="ignore"):
        places = [shapely.Point(117.011, 36.6606), shapely.Point(np.nan, 36.66)]
    return gpd.GeoDataFrame({"id": ["a", "b"]}, geometry=places, crs=4326)


def land() -> gpd.GeoDataFrame:
    box = shapely.box(117.03, 36.67, 117.04, 36.68)
    return gpd.GeoDataFrame({"name": ["甲", "乙"]}, geometry=[box, SPIKED], crs=4326)


def apart() -> gpd.GeoDataFrame:
    lines = [[(117, 36.65), (117.05, 36.65)], [(117.03, 36.65), (117.03, 36.69)]]
    island = [(117.01, 36.68), (117.02, 36.68)]
    shapes = [shapely.LineString(line) for line in (*lines, island)]
    crossing = shapely.node(shapely.MultiLineString(shapes[:2]))
    columns = {"highway": ["primary", "primary", "primary"]}
    return gpd.GeoDataFrame(columns, geometry=[*crossing.geoms][:1] + shapes[1:], crs=4326)


def overlapping() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"name": ["西区", "东区"]}, geometry=[WEST, EAST], crs=4326)


CASES: dict[str, tuple[str, str, Callable[[], Any], tuple[str, ...]]] = {
    "null_geometry": (
        "existing", "a.csv", lambda: stations(lon=["117.011", ""], lat=["36.6606", ""]),
        ("1 of 2 rows have no geometry (line 3)",),
    ),
    "nan_coordinates": (
        "existing", "a.gpkg", nan_layer,
        ("1 of 2 rows have NaN or infinite coordinates (feature 2)",),
    ),
    "invalid_rings": (
        "exclusions", "a.gpkg", land, ("1 of 2 rows have invalid rings (feature 2)",),
    ),
    "duplicate_ids": (
        "existing", "a.csv", lambda: stations(id=["a", "a"]),
        ("1 ids are there more than once (a)",),
    ),
    "overlapping_or_gappy_districts": (
        "districts", "a.gpkg", overlapping, ("西区 and 东区 overlap by 2.9",),
    ),
    "disconnected_roads": (
        "roads", "a.gpkg", apart,
        ("0.9 of 8.0 km of roads, 1 parts, don't join the main network (row/3)",),
    ),
    "far_from_roads": (
        "existing", "a.csv", lambda: stations(lat=["36.6606", "36.72"]),
        ("1 of 2 places are more than 500 m from any road (b)",),
    ),
}  # fmt: skip


def city(folder: Path, name: str, checks: str) -> Any:
    """Read the tiny town with one odd input."""
    kind, file, make, _ = CASES[name]
    own = {"roads": "town.osm.pbf", "districts": "extent"}
    own[kind] = f"{{file: {file}, checks: {checks}}}"
    sources = "".join(f"  {key}: {value}\n" for key, value in own.items())
    return read(model(folder, sources, a=make()), folder)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("name", CASES)
def test_strict_refuses_with_the_name_the_count_and_the_ids(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError) as caught:
        city(tmp_path, name, "strict")
    text = str(caught.value)
    assert f"{name}: " in text
    assert CASES[name][1] in text
    assert "set `checks: lenient`" in text
    for words in CASES[name][3]:
        assert words in text


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("name", CASES)
def test_lenient_goes_on_and_notes_the_count_and_the_ids(tmp_path: Path, name: str) -> None:
    from siting.city.layers import read_own_layers  # noqa: PLC0415

    found = read_own_layers(city(tmp_path, name, "lenient"))[0]
    for words in CASES[name][3]:
        assert any(words in note.en for note in found.notes), found.notes


def test_every_named_check_of_the_docs_has_its_case() -> None:
    listed = re.search(
        r"\*\*Geometry and ids\.\*\*(.*?)With `checks", DOCS.read_text("utf-8"), re.DOTALL
    )
    assert listed is not None
    assert set(re.findall(r"`(\w+)`", listed[1])) == set(CASES)
