"""Every column that a run publishes is explained, and styles are what QGIS reads."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import fromstring

import pandas as pd
import pyogrio
import pytest

from siting.store.dictionary import SHORT_LENGTH, data_dictionary, field_names
from siting.store.runs import GPKG, LAYERS, OPTIONAL, TABLES
from siting.store.styles import LOOKS

if TYPE_CHECKING:
    from siting.pipeline import Published


@pytest.fixture(scope="module")
def dictionary(published: Published) -> pd.DataFrame:
    path = published.folder / GPKG
    frame = pyogrio.read_dataframe(path, layer="data_dictionary", read_geometry=False)
    return frame.fillna("")


def test_a_run_explains_every_column_it_has(published: Published, dictionary: pd.DataFrame) -> None:
    path = published.folder / GPKG
    explained = set(zip(dictionary["layer"], dictionary["field"], strict=True))
    there = {
        (name, str(field))
        for name in pyogrio.list_layers(path)[:, 0]
        if name not in {"layer_styles", "data_dictionary"}
        for field in pyogrio.read_info(path, layer=name)["fields"]
    }
    assert there == explained
    own = dictionary[~dictionary["field"].str.startswith("piles_")]
    unknown = own[(own["zh"] == own["field"]) & (own["en"] == own["field"])]
    assert unknown.empty, f"add to siting/fields.csv: {sorted(set(unknown['field']))}"


def test_pile_columns_are_named_after_their_type(dictionary: pd.DataFrame) -> None:
    piles = dictionary[dictionary["field"].str.fullmatch(r"piles_[a-z]+\d+")]
    assert len(piles) > 1
    assert piles["zh"].str.endswith("桩数").all()
    assert (piles["unit"] == "piles").all()


def test_short_names_fit_a_dbase_table_and_differ() -> None:
    short = [row["short"] for row in field_names().values()]
    assert len(set(short)) == len(short)
    assert all(name.isascii() and 0 < len(name) <= SHORT_LENGTH for name in short)


def test_clashing_unknown_columns_get_short_names_of_their_own() -> None:
    frame = pd.DataFrame({f"a_very_long_column_{i}": [i] for i in range(12)})
    short = data_dictionary({"x": frame})["short"]
    assert short.is_unique
    assert (short.str.len() <= SHORT_LENGTH).all()


def test_every_layer_with_geometry_has_a_look() -> None:
    assert set(LAYERS + OPTIONAL) <= set(LOOKS)
    assert not set(TABLES) & set(LOOKS)


def test_default_styles_are_in_the_geopackage_and_parse(published: Published) -> None:
    path = published.folder / GPKG
    styles = pyogrio.read_dataframe(path, layer="layer_styles", read_geometry=False)
    layers = {name for name, kind in pyogrio.list_layers(path) if kind is not None}
    assert set(styles["f_table_name"]) == layers
    assert styles["useAsDefault"].all()
    for row in styles.itertuples(index=False):
        root = fromstring(row.styleQML.split("\n", 1)[1])  # noqa: S314  (our own text)
        renderer = root.find("renderer-v2")
        assert renderer is not None
        symbols = {symbol.get("name") for symbol in renderer.iter("symbol")}
        asked = {category.get("symbol") for category in renderer.iter("category")} or {"0"}
        assert asked == symbols
        fields = {alias.get("field") for alias in root.iter("alias")}
        assert fields == set(pyogrio.read_info(path, layer=row.f_table_name)["fields"])
