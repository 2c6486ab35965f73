"""Stations in operation: each once, with the piles that table and power tell."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from handtown import CRS_M, lonlat, make_facilities

from siting.errors import InputError
from siting.model.model import Charging, load_model
from siting.own.existing import existing_stations, no_stations

NAN = float("nan")
TYPES = ("ac7", "dc60", "dc120", "dc240", "sc480")


@pytest.fixture(scope="module")
def charging() -> Charging:
    return load_model("jinan").charging


def asking(charging: Charging, **more: Any) -> Charging:
    """Change what is asked of stations in operation."""
    existing = charging.existing.model_validate(charging.existing.model_dump() | more)
    return charging.model_copy(update={"existing": existing})


def table(*rows: dict[str, Any]) -> gpd.GeoDataFrame:
    """Make a table of rows with `at` in metres from the corner, 0, 0 where it isn't given."""
    at = np.array([row.pop("at", (0.0, 0.0)) for row in rows], dtype=float)
    return gpd.GeoDataFrame(list(rows), geometry=shapely.points(lonlat(at)), crs=4326)


def found(charging: Charging, *rows: dict[str, Any], shown: list[Any] | None = None) -> Any:
    return existing_stations(table(*rows), make_facilities(shown or []), charging, CRS_M)


def test_the_types_are_those_of_the_tests(charging: Charging) -> None:
    assert tuple(pile.id for pile in charging.piles) == TYPES


@pytest.mark.parametrize(
    ("row", "piles"),
    [
        ({"piles": 20, "kw": 1200}, [0, 20, 0, 0, 0]),
        ({"piles": 20, "kw": 2500}, [0, 0, 20, 0, 0]),
        ({"piles": 10, "kw": 75}, [10, 0, 0, 0, 0]),
        ({"piles": 20, "kw": NAN}, [0, 20, 0, 0, 0]),
        ({"piles": 20}, [0, 20, 0, 0, 0]),
        ({"piles_ac7": 4, "piles_dc120": 6}, [4, 0, 6, 0, 0]),
        ({"piles_ac7": 4, "piles": 10, "kw": 28 + 6 * 240}, [4, 0, 0, 6, 0]),
        ({"piles_ac": 4, "piles_dc": 6, "piles": 10}, [4, 6, 0, 0, 0]),
        ({"piles_ac": 4, "piles_dc": 6, "kw": 28 + 6 * 120}, [4, 0, 6, 0, 0]),
        ({"kw": 500}, [0, 0, 0, 0, 0]),
        ({"name": "x"}, [0, 0, 0, 0, 0]),
    ],
)
def test_piles_are_told_by_type_by_power_or_by_the_usual_type(
    charging: Charging, row: dict[str, Any], piles: list[int]
) -> None:
    stations = found(charging, row)
    assert stations.piles.tolist() == [piles]
    assert stations.frame["known"].tolist() == [sum(piles) > 0]


def test_a_guessed_type_is_said_and_can_be_chosen(charging: Charging) -> None:
    stations = found(asking(charging, pile_type="dc240"), {"piles": 3})
    assert stations.piles.tolist() == [[0, 0, 0, 3, 0]]
    assert any("1 stations" in note.en and "dc240" in note.en for note in stations.notes)
    assert not any("type" in note.en for note in found(charging, {"piles_dc60": 3}).notes)


def test_what_a_row_does_not_say_the_model_says(charging: Charging) -> None:
    rows = ({"policy": "closable", "keep_cny": 9.0}, {"policy": "", "keep_cny": NAN})
    frame = found(asking(charging, policy="kept", keep_cny=5), *rows).frame
    assert frame["policy"].tolist() == ["closable", "kept"]
    assert frame["keep_cny"].tolist() == [9.0, 5.0]
    assert frame["site_id"].tolist() == ["existing/row 1", "existing/row 2"]


def test_a_station_of_the_table_and_of_the_map_is_one(charging: Charging) -> None:
    shown = [
        ("charging_station", "泉城广场", 100, 0, NAN, 12),
        ("charging_station", "", 2, 1, NAN, NAN),
        ("charging_station", "奥体中心", 5000, 0, NAN, 8),
        ("parking", "泉城广场", 100, 0, NAN, NAN),
    ]
    rows = (
        {"id": "A", "name": "国家电网泉城广场充电站", "piles": 6, "access": "专用"},
        {"id": "B", "name": "", "at": (5000, 30), "year": 2021, "owner": "国网"},
    )
    stations = found(charging, *rows, shown=shown)
    frame = stations.frame.set_index("site_id")
    assert frame.index.tolist() == ["existing/A", "existing/B"]
    assert frame["origin"].tolist() == ["both", "both"]
    # Two of the map can be A; the unnamed one is far nearer and the other is A by name.
    assert set(stations.repeated) == {"node/1", "node/2", "node/3"}
    assert frame.loc["existing/B", "name"] == "奥体中心"
    assert frame.loc["existing/B", "match_m"] == pytest.approx(30, abs=0.1)
    assert frame["access"].tolist() == ["dedicated", "public"]
    assert frame["year"].tolist() == [0, 2021]
    assert stations.piles.sum(axis=1).tolist() == [6, 0]


def test_stations_of_the_map_alone_keep_their_ids_and_their_piles_are_unknown(
    charging: Charging,
) -> None:
    shown = [("charging_station", "a", 0, 0, NAN, 12), ("charging_station", "b", 9000, 0, NAN, NAN)]
    facilities = make_facilities(shown)
    plain = existing_stations(None, facilities, charging, CRS_M)
    assert plain.frame["site_id"].tolist() == ["node/1", "node/2"]
    assert not plain.piles.any()
    assert any(note.en.startswith("2 stations") for note in plain.notes)
    counted = existing_stations(None, facilities, asking(charging, map_piles="capacity"), CRS_M)
    assert counted.piles.sum(axis=1).tolist() == [12, 0]
    assert not len(no_stations(charging).frame)


def test_all_that_is_wrong_is_said_at_once(charging: Charging) -> None:
    rows = (
        {"id": "A", "piles": 2.5, "piles_dc60": "", "policy": "kept"},
        {"id": "B", "piles": 2, "piles_dc60": 3, "policy": "gone"},
        {"id": "B", "piles": -1, "piles_dc60": "x", "policy": ""},
    )
    with pytest.raises(InputError) as caught:
        found(charging, *rows)
    text = str(caught.value)
    for part in ("A: piles 2.5", "B: policy gone", "there 2 times", "piles_dc60 x"):
        assert part in text
    assert text.startswith("sources.existing: ")


def test_an_unknown_type_of_piles_is_refused_with_the_model() -> None:
    from siting.errors import ModelError  # noqa: PLC0415

    with pytest.raises(ModelError, match="dc61"):
        load_model("jinan", {"charging.existing.pile_type": "dc61"})
