"""Stations in operation: those of a city's own table and those of the map, each once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.datum import lonlat_to_metric
from siting.errors import InputError
from siting.model.land import Policy
from siting.own.matching import match_places
from siting.own.pilecounts import numbers_of, table_piles, texts, usual_type
from siting.said import Said

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from pyproj import CRS

    from siting.model.model import Charging

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]
    Bools = npt.NDArray[np.bool_]

KIND = "charging_station"
"""Kind of facility and of site that a station in operation is."""

KEPT = "kept_"
"""Prefix of the columns with the piles of each type that a station has."""

DEDICATED = frozenset(
    {"dedicated", "private", "专用", "自用", "内部", "专用站", "专用充电站", "非公共", "不对外"}
)
"""Words for stations that serve an operator's own vehicles."""

POLICIES: tuple[str, ...] = get_args(Policy)

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Existing:
    """
    Stations in operation.

    Attributes
    ----------
    frame
        EPSG:4326 Points, RangeIndex, sorted by `site_id`. Columns: `site_id` (str; of the map its
        facility id, of the table `existing/<id>`), `name`, `origin` (`table` | `map` | `both`),
        `map_id` (facility of the map that it is, "" for none), `match_m` (distance to it, NaN for
        none), `policy` (`kept` | `extendable` | `closable`), `access` (`public` | `dedicated`),
        `owner`, `year` (int, 0 unknown), `keep_cny` (float), `known` (bool, whether its piles are
        known), `capacity` (float, bays as the map gives them, NaN unknown).
    piles
        Piles of each type, int64, shape (stations, pile types) in the model's order; 0 where they
        aren't known.
    repeated
        Facilities of the map that only repeat a station, so that they are no sites of their own.
    notes
        Sentences for the user.
    """

    frame: gpd.GeoDataFrame
    piles: npt.NDArray[np.int64]
    repeated: tuple[str, ...]
    notes: tuple[Said, ...]


def existing_stations(
    table: gpd.GeoDataFrame | None,
    facilities: gpd.GeoDataFrame,
    charging: Charging,
    crs: CRS,
    *,
    where: str = "",
) -> Existing:
    """
    Put the stations of a table and of the map together.

    Parameters
    ----------
    table
        Rows of the city's own, EPSG:4326 Points, or None. Columns, all optional: `id`, `name`,
        `piles` (all), `piles_ac`, `piles_dc`, `piles_<type id>`, `kw` (installed), `policy`
        (`kept` | `extendable` | `closable`), `access` (one of `DEDICATED`, else public), `owner`,
        `year`, `keep_cny`.
    facilities
        `CityMap.facilities`; its charging stations count.
    charging
        Pile types, and how stations are matched and what may become of them.
    crs
        Metric CRS of the area.
    where
        The file of the table, for messages.

    Returns
    -------
    Existing
        A place that both know is one station, with the place, the piles and the name of the table.

    Raises
    ------
    InputError
        A row has a word or a number that can't be what its column means; all such rows at once.
    """
    shown = facilities[facilities["kind"] == KIND].reset_index(drop=True)
    drawn, drawn_piles = _of_map(shown, charging)
    if table is None or table.empty:
        return _joined([(drawn, drawn_piles)], (), _unknown_note(drawn))
    own, own_piles, notes = _of_table(table.reset_index(drop=True), charging, where)
    asked = charging.existing
    found = match_places(
        _metres(own, crs),
        own["name"].tolist(),
        _metres(drawn, crs),
        drawn["name"].tolist(),
        near_m=asked.near_m.value,
        match_m=asked.match_m.value,
    )
    best = np.flatnonzero(found.best)
    row = found.of_second[best]
    own.loc[row, "origin"] = "both"
    own.loc[row, "map_id"] = drawn["site_id"].to_numpy()[best]
    own.loc[row, "match_m"] = found.distance_m[best]
    own.loc[row, "capacity"] = drawn["capacity"].to_numpy()[best]
    unnamed = row[own["name"].to_numpy()[row] == ""]
    names = dict(zip(row.tolist(), drawn["name"].to_numpy()[best].tolist(), strict=True))
    own.loc[unnamed, "name"] = [names[number] for number in unnamed.tolist()]
    alone = found.of_second < 0
    again = tuple(drawn["site_id"].to_numpy()[~alone].tolist())
    told = Said(
        f"表中有 {len(own):,} 座现有站，地图上有 {len(drawn):,} 座；"
        f"{len(best):,} 座两处都有，地图上另有 {len(again) - len(best):,} 座与其他站重复",
        f"{len(own):,} stations in operation in the table and {len(drawn):,} on the map; "
        f"{len(best):,} are in both, {len(again) - len(best):,} more of the map repeat one",
    )
    parts = [(own, own_piles), (drawn[alone], drawn_piles[alone])]
    return _joined(parts, again, (told, *notes, *_unknown_note(drawn[alone])))


def existing_frame(
    existing: Existing, type_ids: Sequence[str], piles: dict[str, int]
) -> gpd.GeoDataFrame:
    """
    Say what becomes of each station in operation.

    Parameters
    ----------
    existing
        The stations.
    type_ids
        Pile types in the model's order.
    piles
        Piles in the plan of each site that was considered, by site id.

    Returns
    -------
    frame
        As `Plan.existing`.
    """
    total = existing.piles.sum(axis=1)
    planned = existing.frame["site_id"].map(piles).to_numpy(dtype=float)
    outcome = np.select(
        [np.isnan(planned), planned == 0, (planned > total) & (total > 0)],
        ["outside", "closed", "extended"],
        "kept",
    )
    kept = {f"{KEPT}{name}": existing.piles[:, k] for k, name in enumerate(type_ids)}
    frame = existing.frame.drop(columns="capacity")
    return frame.assign(**kept, kept_piles=total, outcome=outcome.astype(object))


def kept_piles(frame: pd.DataFrame, type_ids: Sequence[str]) -> Ints:
    """
    Return the piles that stand at sites already.

    Parameters
    ----------
    frame
        Sites or stations, with a column `kept_<type id>` for each type that any of them has.
    type_ids
        Pile types.

    Returns
    -------
    array
        Shape (rows, types).
    """
    none = np.zeros(len(frame), dtype=np.int64)
    columns = [f"{KEPT}{name}" for name in type_ids]
    kept = [frame[name].to_numpy(dtype=np.int64) if name in frame else none for name in columns]
    return np.column_stack(kept) if kept else np.zeros((len(frame), 0), dtype=np.int64)


def stays_open(frame: pd.DataFrame) -> Bools:
    """Tell which sites have to be open: mandatory ones, and stations that may not close."""
    existing = frame["existing"].to_numpy(dtype=bool)
    if "policy" in frame:
        existing = existing & (frame["policy"] != "closable").to_numpy(dtype=bool)
    return np.asarray(existing | frame["mandatory"].to_numpy(dtype=bool), dtype=np.bool_)


def is_dedicated(frame: pd.DataFrame, kinds: Sequence[str]) -> Bools:
    """Tell which sites serve an operator's own vehicles, by their kind or by the table."""
    dedicated = frame["kind"].isin(list(kinds)).to_numpy(dtype=bool)
    if "access" in frame:
        dedicated = dedicated | (frame["access"] == "dedicated").to_numpy(dtype=bool)
    return np.asarray(dedicated, dtype=np.bool_)


def no_stations(charging: Charging) -> Existing:
    """Return no stations in operation."""
    frame, piles = _of_map(_nothing(), charging)
    return Existing(frame, piles, (), ())


def _joined(
    parts: list[tuple[gpd.GeoDataFrame, Ints]], again: tuple[str, ...], notes: tuple[Said, ...]
) -> Existing:
    frames = [frame for frame, _ in parts]
    joined = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
    frame = gpd.GeoDataFrame(joined, geometry="geometry", crs="EPSG:4326")
    order = np.argsort(frame["site_id"].to_numpy(dtype=object), kind="stable")
    piles = np.concatenate([piles for _, piles in parts])
    return Existing(frame.iloc[order].reset_index(drop=True), piles[order], again, notes)


def _nothing() -> gpd.GeoDataFrame:
    columns: dict[str, object] = {name: [] for name in ("facility_id", "kind", "name", "capacity")}
    return gpd.GeoDataFrame(columns, geometry=[], crs="EPSG:4326")


def _unknown_note(drawn: gpd.GeoDataFrame) -> tuple[Said, ...]:
    count = int((~drawn["known"].to_numpy(dtype=bool)).sum())
    if not count:
        return ()
    en = f"{count:,} stations in operation are known from the map alone, without their piles"
    return (Said(f"{count:,} 座现有站只见于地图，桩数不明", en),)


def _of_map(shown: gpd.GeoDataFrame, charging: Charging) -> tuple[gpd.GeoDataFrame, Ints]:
    """Describe the stations of the map."""
    count, asked = len(shown), charging.existing
    capacity = shown["capacity"].to_numpy(dtype=float)
    number = np.where(np.isfinite(capacity), np.floor(capacity), 0.0)
    number = number if asked.map_piles == "capacity" else np.zeros(count)
    piles = np.zeros((count, len(charging.piles)), dtype=np.int64)
    piles[:, usual_type(charging)] = np.maximum(number, 0)
    frame = gpd.GeoDataFrame(
        {
            "site_id": shown["facility_id"].astype(str).to_numpy(dtype=object),
            "name": shown["name"].fillna("").astype(str).to_numpy(dtype=object),
            "origin": np.full(count, "map", dtype=object),
            "map_id": shown["facility_id"].astype(str).to_numpy(dtype=object),
            "match_m": np.full(count, np.nan),
            "policy": np.full(count, asked.policy, dtype=object),
            "access": np.full(count, "public", dtype=object),
            "owner": np.full(count, "", dtype=object),
            "year": np.zeros(count, dtype=np.int64),
            "keep_cny": np.full(count, asked.keep_cny.value),
            "known": piles.sum(axis=1) > 0,
            "capacity": capacity,
        },
        geometry=shown.geometry.to_numpy(),
        crs="EPSG:4326",
    )
    return frame, piles


def _of_table(
    table: gpd.GeoDataFrame, charging: Charging, where: str
) -> tuple[gpd.GeoDataFrame, Ints, tuple[Said, ...]]:
    """Describe the stations of the city's own table."""
    asked, count = charging.existing, len(table)
    ids = texts(table, "id")
    ids = np.where(ids == "", [f"row {n + 1}" for n in range(count)], ids)
    problems = [*_repeated(ids)]
    policy = texts(table, "policy")
    policy = np.where(policy == "", asked.policy, policy)
    bad = ~np.isin(policy, POLICIES)
    problems += [f"{i}: policy {p}" for i, p in zip(ids[bad], policy[bad], strict=True)]
    own_use = [word.casefold() in DEDICATED for word in texts(table, "access")]
    access = np.where(own_use, "dedicated", "public").astype(object)
    piles, told, wrong = table_piles(table, charging, ids)
    problems += wrong
    keep = numbers_of(table, "keep_cny", ids, problems)
    year = numbers_of(table, "year", ids, problems)
    if problems:
        more = f" and {len(problems) - _SHOWN:,} more" if len(problems) > _SHOWN else ""
        raise InputError(
            f"{len(problems):,} values of the stations in operation can't be right",
            where=where or "sources.existing",
            value="; ".join(problems[:_SHOWN]) + more,
            cure="Correct the rows, or map the columns by `fields:`; "
            f"policies are {', '.join(POLICIES)}",
        )
    frame = gpd.GeoDataFrame(
        {
            "site_id": np.array([f"existing/{name}" for name in ids], dtype=object),
            "name": texts(table, "name"),
            "origin": np.full(count, "table", dtype=object),
            "map_id": np.full(count, "", dtype=object),
            "match_m": np.full(count, np.nan),
            "policy": policy.astype(object),
            "access": access,
            "owner": texts(table, "owner"),
            "year": np.nan_to_num(year).astype(np.int64),
            "keep_cny": np.where(np.isfinite(keep), keep, asked.keep_cny.value),
            "known": piles.sum(axis=1) > 0,
            "capacity": np.full(count, np.nan),
        },
        geometry=table.geometry.to_numpy(),
        crs="EPSG:4326",
    )
    return frame, piles, told


def _repeated(ids: npt.NDArray[np.object_]) -> list[str]:
    names, times = np.unique(ids.astype(str), return_counts=True)
    return [
        f"{name}: the id is there {n} times" for name, n in zip(names, times, strict=True) if n > 1
    ]


def _metres(frame: gpd.GeoDataFrame, crs: CRS) -> Floats:
    if frame.empty:
        return np.zeros((0, 2))
    return lonlat_to_metric(frame.geometry.x.to_numpy(), frame.geometry.y.to_numpy(), crs)
