"""What a roadside site of each kind is equipped with, how far it reaches and what it costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from siting.errors import InputError
from siting.facts import data_folder
from siting.frames import ROAD_CLASSES

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.model.roadside import Roadside

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]

KINDS = (
    "signal",
    "crossing",
    "ramp",
    "interchange",
    "midblock",
    "expressway",
    "tunnel",
    "bridge",
    "toll",
    "service_area",
)
"""Rows of `data/roadside_kinds.csv`; the first three are all of the kind `junction`."""
LEVELS = ("rsu", "sensing", "full")
"""A unit alone; with cameras or radar; a whole junction with its computing."""
REACHES = ("urban", "open", "tunnel")
COLUMNS = ("kind", "level", "arterial_level", "reach", "reuse")


def site_table(settings: Roadside) -> pd.DataFrame:
    """
    Return the kinds of sites, from the project's table or the model's own.

    Parameters
    ----------
    settings
        The roadside part of a model.

    Returns
    -------
    DataFrame
        `level`, `arterial_level`, `reach`, `reuse` (bool) and the labels, indexed by kind.

    Raises
    ------
    InputError
        The model's table can't be read, lacks a kind or a column, or has an unknown value.
    """
    if not settings.kinds:
        table = _usual()
    else:
        table = _read(settings.kinds, COLUMNS)
        _check_kinds(table, settings.kinds)
        known = _usual().set_index("kind")
        for label in ("label_zh", "label_en"):
            usual = table["kind"].map(known[label])
            table[label] = table[label].fillna(usual) if label in table else usual
    table = table.set_index("kind").loc[list(KINDS)]
    table["reuse"] = table["reuse"].astype(int).astype(bool)
    return table


def _usual() -> pd.DataFrame:
    return _read(str(data_folder() / "roadside_kinds.csv"), COLUMNS)


def _check_kinds(table: pd.DataFrame, where: str) -> None:
    problems = [f"no row for the kind {kind!r}" for kind in KINDS if kind not in set(table["kind"])]
    problems += [f"{kind!r} has two rows" for kind in table["kind"][table["kind"].duplicated()]]
    allowed = {"level": LEVELS, "arterial_level": LEVELS, "reach": REACHES, "reuse": ("0", "1")}
    for column, values in allowed.items():
        wrong = table[column][~table[column].astype(str).isin(values)]
        problems += [f"{column} {value!r} is none of {', '.join(values)}" for value in wrong]
    if problems:
        raise InputError(
            "the table of roadside kinds is wrong",
            where=where,
            value="; ".join(problems),
            cure="Start from data/roadside_kinds.csv",
        )


def _read(path: str, columns: tuple[str, ...]) -> pd.DataFrame:
    try:
        table = pd.read_csv(Path(path), dtype=str, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(
            "a table can't be read", where=path, value=error, cure="Give a CSV file in UTF-8"
        ) from error
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise InputError(
            "a table lacks a column",
            where=path,
            value=", ".join(missing),
            cure=f"Give the columns {', '.join(columns)}",
        )
    return table


def reach_m(
    kind: npt.NDArray[np.object_], highway: npt.NDArray[np.int8], settings: Roadside
) -> Floats:
    """
    Give each site its reach along the road.

    Parameters
    ----------
    kind
        One of `KINDS` each, shape (s,).
    highway
        Index into `ROAD_CLASSES` of the site's highest road, shape (s,).
    settings
        Reaches of the model, and the table of measured ranges that goes before them.

    Returns
    -------
    radius_m
        The measured range of the kind and class where the table has one, else that of the kind,
        else that of the class, else the model's, shape (s,).

    Raises
    ------
    InputError
        The table of ranges can't be read or has an unknown kind, class or number.
    """
    reach = {
        "urban": settings.urban_radius_m.value,
        "open": settings.open_radius_m.value,
        "tunnel": settings.tunnel_radius_m.value,
    }
    usual = site_table(settings)["reach"].map(reach)
    radius = np.asarray(usual.reindex(kind).to_numpy(dtype=np.float64), dtype=np.float64).copy()
    if settings.ranges:
        names = np.array(ROAD_CLASSES)[highway]
        for row in _ranges(settings.ranges).itertuples(index=False):
            fits = np.ones(len(kind), dtype=bool)
            if row.kind:
                fits &= kind == row.kind
            if row.highway:
                fits &= names == row.highway
            radius[fits] = float(str(row.radius_m))
    return radius


def _ranges(path: str) -> pd.DataFrame:
    """Read measured ranges, the general rows first, so that the particular ones go last."""
    table = _read(path, ("kind", "highway", "radius_m"))
    table[["kind", "highway"]] = table[["kind", "highway"]].fillna("")
    metres = pd.to_numeric(table["radius_m"], errors="coerce")
    wrong = ~(metres > 0) | ~np.isfinite(metres)
    wrong |= ~table["kind"].isin(["", *KINDS]) | ~table["highway"].isin(["", *ROAD_CLASSES])
    if wrong.any():
        first = table[wrong].iloc[0]
        raise InputError(
            "a measured range is wrong",
            where=path,
            value=f"{first.kind!r}, {first.highway!r}, {first.radius_m!r}",
            cure=f"kind: empty or one of {', '.join(KINDS)}; highway: empty or a road class; "
            "radius_m: metres above 0",
        )
    table["radius_m"] = metres
    rank = 2 * (table["kind"] != "").astype(int) + (table["highway"] != "").astype(int)
    return table.iloc[np.argsort(rank.to_numpy(), kind="stable")]


def equipment(
    kind: npt.NDArray[np.object_], highway: npt.NDArray[np.int8], settings: Roadside
) -> tuple[npt.NDArray[np.object_], Bools, Floats]:
    """
    Give each site its equipment, and say what it costs.

    Parameters
    ----------
    kind
        One of `KINDS` each, shape (s,).
    highway
        Index into `ROAD_CLASSES` of the site's highest road, shape (s,).
    settings
        Costs by level, and the share that reuse saves.

    Returns
    -------
    level, reuse, cost_cny
        One of `LEVELS`; whether a pole with power is there; cost with the discount for it; shapes
        (s,).
    """
    table = site_table(settings)
    arterial = highway <= ROAD_CLASSES.index("secondary")
    plain = table["level"].reindex(kind).to_numpy(dtype=object)
    great = table["arterial_level"].reindex(kind).to_numpy(dtype=object)
    level = np.where(arterial, great, plain)
    cost = {
        "rsu": settings.rsu_cny.value,
        "sensing": settings.sensing_cny.value,
        "full": settings.full_cny.value,
    }
    reuse = table["reuse"].reindex(kind).to_numpy(dtype=bool)
    full = pd.Series(level).map(cost).to_numpy(dtype=np.float64)
    return level, reuse, np.where(reuse, full * (1 - settings.reuse_discount.value), full)
