"""The curated tables in `data/`: census, unit costs, kinds and classes, service areas."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from siting.errors import InputError
from siting.said import Said


def _folder(name: str) -> Path:
    package = Path(__file__).resolve().parent
    places = (package.parent / name, package / "_bundle" / name)
    marker = "catalog.yaml" if name == "data" else "defaults.yaml"
    for place in places:
        if (place / marker).is_file():
            return place
    raise InputError(
        f"The {name} folder of the project is missing",
        where=places[0],
        cure="Install the package again, or run it from a complete checkout",
    )


@cache
def data_folder() -> Path:
    """
    Return the folder of the curated facts.

    Returns
    -------
    Path
        `data/` of a checkout, or the copy that a wheel carries.

    Raises
    ------
    InputError
        When neither is there.
    """
    return _folder("data")


@cache
def models_folder() -> Path:
    """
    Return the folder of the planning models.

    Returns
    -------
    Path
        `models/` of a checkout, or the copy that a wheel carries.

    Raises
    ------
    InputError
        When neither is there.
    """
    return _folder("models")


@cache
def _table(name: str) -> pd.DataFrame:
    path = data_folder() / name
    try:
        return pd.read_csv(path, dtype={"adcode": str, "id": str}, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(
            "A table of facts can't be read", where=path, value=error, cure="Restore the file"
        ) from error


def district_table() -> pd.DataFrame:
    """
    Return the 2020 census by county-level unit of Shandong.

    Returns
    -------
    DataFrame
        The columns of `data/districts.csv`; `adcode` is text; people, households, shares of
        households in [0, 1], areas in km2.
    """
    return _table("districts.csv").copy()


def unit_costs() -> pd.DataFrame:
    """
    Return costs and technical parameters, low, mid and high.

    Returns
    -------
    DataFrame
        The columns of `data/unit_costs.csv`, indexed by RangeIndex; `unit` names the unit.
    """
    return _table("unit_costs.csv").copy()


def baseline() -> pd.DataFrame:
    """
    Return what exists: vehicle stock, stations, piles, fleets, expressway kilometres.

    Returns
    -------
    DataFrame
        The columns of `data/baseline.csv`; `value` is NaN where only a band (`low`, `high`) is
        known.
    """
    return _table("baseline.csv").copy()


def demand_weights(reason: str) -> dict[str, float]:
    """
    Return the weights by which demand is spread for one reason.

    Parameters
    ----------
    reason
        A value of `reason` in `data/demand_weights.csv`, for example `hub`.

    Returns
    -------
    dict
        Weight by road class or facility kind, in the unit that the table names.
    """
    table = _table("demand_weights.csv")
    rows = table[table["reason"] == reason]
    names = rows["name"].tolist()
    return {str(name): float(w) for name, w in zip(names, rows["weight"], strict=True)}


def site_kinds() -> pd.DataFrame:
    """
    Return what a charging site of each kind can hold.

    Returns
    -------
    DataFrame
        The columns of `data/site_kinds.csv`, indexed by `kind`.
    """
    return _table("site_kinds.csv").set_index("kind")


def road_classes() -> pd.DataFrame:
    """
    Return what a road of each class has where the map doesn't say.

    Returns
    -------
    DataFrame
        The columns of `data/road_classes.csv`, indexed by `highway`.
    """
    return _table("road_classes.csv").set_index("highway")


def road_grades() -> pd.DataFrame:
    """
    Return the rule by which test roads are graded.

    Returns
    -------
    DataFrame
        The columns of `data/test_road_grades.csv`: steps of indicators and the grades.
    """
    return _table("test_road_grades.csv")


def site_clauses(city: str) -> dict[str, tuple[str, ...]]:
    """
    Return the clauses that speak of each kind of charging site in a city.

    Parameters
    ----------
    city
        Name or adcode of the city; a city without documents gives an empty mapping.

    Returns
    -------
    dict
        Clause ids by site kind, from `data/site_clauses.csv`.
    """
    table = _table("site_clauses.csv")
    rows = table[table["city"] == english_city(city)]
    return {str(kind): tuple(group) for kind, group in rows.groupby("kind")["clause"]}


def clause_status() -> dict[str, tuple[str, Said]]:
    """
    Return what a plan makes of clauses that are no target.

    Returns
    -------
    dict
        Clause id to status (`preference`, `context` or `not_modelled`) and the reason, from
        `data/clause_status.csv`; a clause that isn't there has no reason of its own.
    """
    rows = _table("clause_status.csv")[["clause", "status", "note_zh", "note"]].to_numpy()
    return {clause: (status, Said(*note)) for clause, status, *note in rows}


def figure(id_: str) -> dict[str, Any]:
    """
    Return the middle value of a row of `data/unit_costs.csv`, as the model takes figures.

    Parameters
    ----------
    id_
        Row id such as `U012`.

    Returns
    -------
    dict
        `value`, `unit`, `source` and `source_zh` (row id, item and origin), `confidence`.

    Raises
    ------
    ValueError
        When there is no such row; names the nearest ids.
    """
    table = _table("unit_costs.csv")
    rows = table[table["id"] == id_.strip()]
    if rows.empty or pd.isna(rows["mid"].iloc[0]):
        near = get_close_matches(id_.strip().upper(), table["id"].tolist(), n=3, cutoff=0.4)
        hint = f"; near ones are {', '.join(near)}" if near else ""
        raise ValueError(f"{id_!r} is not the id of a figure in data/unit_costs.csv{hint}")
    row = rows.iloc[0]
    return {
        "value": float(row["mid"]),
        "unit": str(row["unit"]),
        "source": f"{row['id']} {row['item']}: {row['source']}",
        "source_zh": f"{row['id']} {row['item_zh']}：{row['source_zh']}",
        "confidence": str(row["confidence"]),
    }


@cache
def english_city(city: str) -> str:
    """
    Return the English name of a city as the facts use it.

    Parameters
    ----------
    city
        `济南`, `济南市`, `Jinan` or an adcode of the city or of one of its districts.

    Returns
    -------
    str
        For example `Jinan`; empty when the facts don't know the city.
    """
    table = _table("districts.csv")
    text = city.strip()
    if text.isdigit() and len(text) >= 4:  # noqa: PLR2004  (first four digits name the city)
        rows = table[table["adcode"].str[:4] == text[:4]]
    else:
        plain = text.removesuffix("市")
        chinese = table["city_zh"].str.removesuffix("市") == plain
        rows = table[chinese | (table["city_en"].str.lower() == text.lower())]
    return "" if rows.empty else str(rows["city_en"].iloc[0])


def service_areas(city: str) -> pd.DataFrame:
    """
    Return the expressway service areas of a city, one row a side of the road.

    Parameters
    ----------
    city
        Name or adcode of the city.

    Returns
    -------
    DataFrame
        Columns `service_area_id` (`P001-1`), `name`, `road`, `lon`, `lat` (degrees WGS-84),
        `accuracy_m`, `source`, `confidence`; areas without a position are left out, areas known
        at one point only have one row.
    """
    columns = ["service_area_id", "name", "road", "lon", "lat", "accuracy_m", "source"]
    columns.append("confidence")
    table = _table("service_areas.csv")
    name = english_city(city)
    rows = table[(table["city"] == name) & (table["type"] == "expressway_service_area")]
    rows = rows[rows["lon_wgs84"].notna()]
    sides: list[dict[str, Any]] = []
    for row in rows.to_dict("records"):
        text = row["side_positions_wgs84"]
        whole = f"{row['lon_wgs84']},{row['lat_wgs84']}"
        positions = (text if isinstance(text, str) and text else whole).split(";")
        for number, position in enumerate(positions, start=1):
            lon, lat = position.split(",")
            side: dict[str, Any] = {str(key): value for key, value in row.items()}
            side["service_area_id"] = f"{row['id']}-{number}"
            side["name"] = row["name_zh"]
            side["lon"], side["lat"] = float(lon), float(lat)
            sides.append(side)
    return pd.DataFrame(sides, columns=columns)
