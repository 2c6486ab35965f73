"""What a plan comes to by the measures of the clauses: places reached, kinds of sites, use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from siting.own.existing import is_dedicated, kept_piles

if TYPE_CHECKING:
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


def reading_notes(charging: Charging) -> dict[str, str]:
    """
    Say how the open words of the clauses are read.

    Returns
    -------
    notes
        Measure to a sentence, as the ledger prints it.
    """
    readings, rules = charging.readings, charging.rules
    use = "stations in use count" if charging.existing_count else "new stations alone count"
    found = (
        "; where it isn't known how many piles a station in use has, those that the plan puts "
        "there are counted, and paid for, as new"
        if charging.existing_count
        else "; piles added to what stations in use have count"
    )
    swap = readings.swap_stations.value
    station = (
        f"charging stations and {swap:g} swap stations count"
        if readings.station == "charging_and_swap"
        else "charging stations alone count, no swap stations"
    )
    pile = "guns are counted" if readings.pile == "gun" else "piles are counted, not guns"
    access = "public piles alone" if readings.access == "public" else "public and dedicated piles"
    township, key = rules.township_radius_m.value, rules.key_area_radius_m.value
    near = f"an open station within {key:,.0f} m by road"
    fast = f"{rules.zone_piles} piles for taxis and vans"
    own, away = rules.test_fleet_piles, rules.test_fleet_radius_m.value
    return {
        "stations": f"{station}; {use}",
        "piles": f"{pile}, {access}; {use}{found}",
        "dc_share": f"share of piles, not of guns; {use}",
        "townships": f"an open station within {township:,.0f} m by road",
        "key_areas": f"{', '.join(rules.key_area_kinds)}: {near}",
        "zone_areas": f"{fast} within {key:,.0f} m by road of each key area in town",
        "test_fleets": f"{own} piles for taxis and vans within {away:,.0f} m by road of each base "
        f"that test roads can start at ({', '.join(rules.test_fleet_tiers)})",
        "heavy_sites": f"{rules.heavy_piles} piles of {rules.heavy_kw:g} kW and more at sites of "
        f"these kinds: {', '.join(rules.heavy_kinds)}",
        "energy_stations": "fuel stations that get charging piles",
        "residential_piles": "slow piles of residential compounds",
        "rest_areas": "rest areas of the map stand for stations of trunk roads; those that the "
        "map calls service areas are in the other line",
        "utilisation": "energy served over what the piles could give at the utilisation that a "
        "plan may count on",
    }


def standing_notes(stations: pd.DataFrame, existing: pd.DataFrame) -> dict[str, str]:
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
        "stations": f"{split['new_stations']:,} new and {split['kept_stations']:,} in use, "
        f"of which {grown:,} get more piles; {closed:,} close",
        "piles": f"{split['new_piles']:,} new and {split['kept_piles']:,} in use",
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
