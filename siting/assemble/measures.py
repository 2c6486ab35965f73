"""What a plan comes to by the measures of the clauses: places reached, kinds of sites, use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from siting.facts import site_kinds
from siting.own.existing import is_dedicated, kept_piles
from siting.said import Said, joined

if TYPE_CHECKING:
    from collections.abc import Iterable

    import geopandas as gpd
    import numpy.typing as npt
    import pandas as pd

    from siting.model.model import Charging

NOTHING = float("nan")
"""A measure of what the map doesn't show."""


def measure_clauses(
    stations: gpd.GeoDataFrame,
    candidates: gpd.GeoDataFrame,
    places: gpd.GeoDataFrame,
    pile_types: pd.DataFrame,
    charging: Charging,
) -> dict[str, float]:
    """
    Measure a plan for the targets that come from clauses.

    Parameters
    ----------
    stations, candidates, places, pile_types
        Frames as in `Plan`.
    charging
        Readings and rules.

    Returns
    -------
    measured
        Counts, and shares in 0..1; NaN where the map shows nothing to count: no township, no
        fuel station.
    """
    rules = charging.rules
    strong = [f"piles_{t}" for t in pile_types.type_id[pile_types.kw >= rules.heavy_kw]]
    slow = [f"piles_{t}" for t in pile_types.type_id[pile_types.current == "ac"]]
    enough = stations[strong].sum(axis=1) >= rules.heavy_piles
    heavy = stations.kind.isin(rules.heavy_kinds) & (stations.status == "new")
    residential = stations[stations.kind == "residential"]
    rest = candidates.chosen[candidates.kind == "rest_area"]
    zone = places[(places.measure == "key_areas") & places.urban]
    bases = places[places.measure == "test_fleets"]
    capacity = float(stations.capacity_kwh_day.sum())
    served = float(stations.served_kwh_day.sum())
    kinds = set(candidates.kind)
    return {
        **_counted(stations, pile_types, charging),
        "townships": _share(places.reached[places.measure == "townships"]),
        "key_areas": _share(places.reached[places.measure == "key_areas"]),
        "zone_areas": _share(zone.fast_piles >= rules.zone_piles),
        "test_fleets": _share(bases.fast_piles >= rules.test_fleet_piles),
        "heavy_sites": float((heavy & enough).sum()) if kinds & set(rules.heavy_kinds) else NOTHING,
        "energy_stations": float((stations.kind == "fuel").sum()) if "fuel" in kinds else NOTHING,
        "residential_piles": float(residential[slow].to_numpy().sum())
        if "residential" in kinds
        else NOTHING,
        "rest_areas": _share(rest),
        "utilisation": served / capacity if capacity else NOTHING,
    }


def _counted(
    stations: gpd.GeoDataFrame, pile_types: pd.DataFrame, charging: Charging
) -> dict[str, float]:
    """Stations and piles as the readings count them."""
    readings = charging.readings
    counted = stations if charging.existing_count else stations[stations.status == "new"]
    swap = readings.swap_stations.value if readings.station == "charging_and_swap" else 0.0
    public = np.ones(len(stations), dtype=bool)
    if readings.access == "public":
        public = ~is_dedicated(stations, readings.dedicated_kinds)
    names = [str(name) for name in pile_types.type_id]
    piles = counted_piles(stations, names, existing_count=charging.existing_count)[public]
    each = pile_types.guns.to_numpy(dtype=float)
    each = each if readings.pile == "gun" else np.ones(len(each))
    return {"stations": len(counted) + swap, "piles": float((piles @ each).sum())}


def counted_piles(
    stations: pd.DataFrame, type_ids: list[str], *, existing_count: bool
) -> npt.NDArray[np.float64]:
    """
    Return the piles of stations that count towards targets.

    Parameters
    ----------
    stations
        As `Plan.stations`.
    type_ids
        Pile types.
    existing_count
        Whether stations in operation count; else their added piles do where it is known what they
        had, and none of theirs where it isn't.

    Returns
    -------
    piles
        Shape (stations, types).
    """
    piles = stations[[f"piles_{name}" for name in type_ids]].to_numpy(dtype=float)
    if existing_count:
        return piles
    kept = kept_piles(stations, type_ids)
    unknown = (stations["status"] != "new").to_numpy() & (kept.sum(axis=1) == 0)
    return np.where(unknown[:, None], 0.0, piles - kept)


def _share(values: pd.Series) -> float:
    return float(values.mean()) if len(values) else NOTHING


def reading_notes(charging: Charging) -> dict[str, Said]:
    """
    Say how the open words of the clauses are read.

    Returns
    -------
    notes
        Measure to a sentence, as the ledger prints it.
    """
    rules = charging.rules
    use = (
        Said("现有站计入", "stations in use count")
        if charging.existing_count
        else Said("只计新建站", "new stations alone count")
    )
    township, key = rules.township_radius_m.value, rules.key_area_radius_m.value
    kinds, heavy = _kinds(rules.key_area_kinds), _kinds(rules.heavy_kinds)
    own, away = rules.test_fleet_piles, rules.test_fleet_radius_m.value
    tiers = ", ".join(rules.test_fleet_tiers)
    return {
        "stations": joined((_station_reading(charging), use)),
        "piles": joined((_pile_reading(charging), use, _standing_reading(charging))),
        "dc_share": joined((Said("按桩计占比，不按枪", "share of piles, not of guns"), use)),
        "townships": Said(
            f"沿道路 {township:,.0f} m 内有已开通的站",
            f"an open station within {township:,.0f} m by road",
        ),
        "key_areas": Said(
            f"{kinds.zh}：沿道路 {key:,.0f} m 内有已开通的站",
            f"{kinds.en}: an open station within {key:,.0f} m by road",
        ),
        "zone_areas": Said(
            f"城区内每处重点区域沿道路 {key:,.0f} m 内有 {rules.zone_piles} 台供出租与配送车的桩",
            f"{rules.zone_piles} piles for taxis and vans within {key:,.0f} m by road of each key "
            "area in town",
        ),
        "test_fleets": Said(
            f"测试道路可由其延伸的每个基地（{tiers}）沿道路 {away:,.0f} m 内有 {own} 台"
            "供出租与配送车的桩",
            f"{own} piles for taxis and vans within {away:,.0f} m by road of each base that test "
            f"roads can start at ({tiers})",
        ),
        "heavy_sites": Said(
            f"在{heavy.zh}设有 {rules.heavy_piles} 台 {rules.heavy_kw:g} kW 及以上的桩",
            f"{rules.heavy_piles} piles of {rules.heavy_kw:g} kW and more at sites of "
            f"these kinds: {heavy.en}",
        ),
        "energy_stations": Said("增设充电桩的加油站", "fuel stations that get charging piles"),
        "residential_piles": Said("居住小区的慢充桩", "slow piles of residential compounds"),
        "rest_areas": Said(
            "地图上的停车区代表普通干线公路服务站；地图标为服务区的计入另一项",
            "rest areas of the map stand for stations of trunk roads; those that the "
            "map calls service areas are in the other line",
        ),
        "utilisation": Said(
            "服务电量与各桩在规划利用率下可供电量之比",
            "energy served over what the piles could give at the utilisation that a "
            "plan may count on",
        ),
    }


def _kinds(kinds: Iterable[str]) -> Said:
    """Name kinds of sites."""
    labels = site_kinds()["label_zh"].to_dict()
    return joined((Said(str(labels.get(kind, kind)), kind) for kind in kinds), zh="、", en=", ")


def _station_reading(charging: Charging) -> Said:
    readings = charging.readings
    swap = readings.swap_stations.value
    if readings.station == "charging_and_swap":
        return Said(
            f"充电站与 {swap:g} 座换电站计入", f"charging stations and {swap:g} swap stations count"
        )
    return Said("只计充电站，不计换电站", "charging stations alone count, no swap stations")


def _pile_reading(charging: Charging) -> Said:
    readings = charging.readings
    guns, public = readings.pile == "gun", readings.access == "public"
    pile = (
        Said("按枪计", "guns are counted")
        if guns
        else Said("按桩计，不按枪", "piles are counted, not guns")
    )
    access = (
        Said("只计公共桩", "public piles alone")
        if public
        else Said("公共与专用桩均计", "public and dedicated piles")
    )
    return joined((pile, access), zh="，", en=", ")


def _standing_reading(charging: Charging) -> Said:
    """Say how the piles of stations in use count."""
    if charging.existing_count:
        return Said(
            "现有站桩数不明的，规划在该处设置的桩按新建计数并计投资",
            "where it isn't known how many piles a station in use has, those that the plan puts "
            "there are counted, and paid for, as new",
        )
    return Said("现有站上增设的桩计入", "piles added to what stations in use have count")


def standing_notes(stations: pd.DataFrame, existing: pd.DataFrame) -> dict[str, Said]:
    """
    Say how many stations and piles are new and how many stand already.

    Parameters
    ----------
    stations, existing
        As `Plan.stations` and `Plan.existing`.

    Returns
    -------
    notes
        Measure to a sentence; empty where nothing is in operation.
    """
    if existing.empty:
        return {}
    split = standing_totals(stations)
    closed = int((existing["outcome"] == "closed").sum())
    grown = int((existing["outcome"] == "extended").sum())
    return {
        "stations": Said(
            f"新建 {split['new_stations']:,} 座、现有 {split['kept_stations']:,} 座，"
            f"其中扩建 {grown:,} 座；关闭 {closed:,} 座",
            f"{split['new_stations']:,} new and {split['kept_stations']:,} in use, "
            f"of which {grown:,} get more piles; {closed:,} close",
        ),
        "piles": Said(
            f"新建 {split['new_piles']:,} 台、现有 {split['kept_piles']:,} 台",
            f"{split['new_piles']:,} new and {split['kept_piles']:,} in use",
        ),
    }


def standing_totals(stations: pd.DataFrame) -> dict[str, int]:
    """Count stations and piles that are new and that stand already."""
    kept = int(stations["kept_piles"].sum()) if "kept_piles" in stations else 0
    new = int((stations["status"] == "new").sum())
    return {
        "new_stations": new,
        "kept_stations": len(stations) - new,
        "new_piles": int(stations["piles"].sum()) - kept,
        "kept_piles": kept,
    }
