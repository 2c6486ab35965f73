"""Which stations feed back or carry a solar roof and a battery, and what that costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from siting.said import NOTHING, Said

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.model.rules import Pilots


def pilot_columns(
    stations: pd.DataFrame, pile_types: pd.DataFrame, pilots: Pilots | None
) -> pd.DataFrame:
    """
    Mark the V2G-ready stations and those with a solar roof and a battery, with their cost.

    Parameters
    ----------
    stations
        As `Plan.stations`: `site_id`, `kind`, `max_piles`, `peak_kw`, `served_kwh_day` and the
        piles by type.
    pile_types
        Table of pile types.
    pilots
        The rule; None marks none.

    Returns
    -------
    columns
        `v2g_ready` and `solar_storage` (bool), `storage_kwh`, `pv_kw` (whole numbers, rounded up)
        and `preference_cost_cny` (int), in the rows of `stations`.

    Notes
    -----
    Of the stations that qualify the share asked for, rounded up, is marked: those that serve the
    most energy first, among equals the lower `site_id`. V2G qualifies by kind of site and a pile of
    at most `v2g_most_kw`; the roof and battery by kind and `max_piles`, the bays that land allows.
    """
    if pilots is None:
        flat, none = np.zeros(len(stations)), np.zeros(len(stations), dtype=bool)
        return _columns(stations, none, none, flat, flat, flat)
    slow = _v2g_piles(stations, pile_types, pilots)
    ready = _largest(stations, _v2g_fits(stations, slow, pilots), pilots.v2g_share.value)
    roofed = _largest(stations, _storage_fits(stations, pilots), pilots.storage_share.value)
    bays = stations["max_piles"].to_numpy(dtype=float)
    peak = stations["peak_kw"].to_numpy(dtype=float)
    storage = _up(np.where(roofed, peak * pilots.storage_kwh_per_peak_kw.value, 0.0))
    pv = _up(np.where(roofed, bays * pilots.pv_kw_per_bay.value, 0.0))
    cost = (
        np.where(ready, slow, 0.0) * pilots.v2g_cny_per_pile.value
        + storage * pilots.storage_cny_per_kwh.value
        + pv * pilots.pv_cny_per_kw.value
    )
    return _columns(stations, ready, roofed, storage, pv, cost)


def pilot_leanings(
    stations: pd.DataFrame, pile_types: pd.DataFrame, pilots: Pilots | None
) -> dict[str, Said]:
    """
    Say for the clauses of the rule how the plan leans towards them.

    Parameters
    ----------
    stations
        With the columns of `pilot_columns`.
    pile_types
        Table of pile types.
    pilots
        The rule; None says nothing.

    Returns
    -------
    leanings
        Clause to a sentence with the numbers.
    """
    if pilots is None:
        return {}
    slow = _v2g_piles(stations, pile_types, pilots)
    fits, ready = _v2g_fits(stations, slow, pilots), stations["v2g_ready"].to_numpy(dtype=bool)
    piles = int(slow[ready].sum())
    most_kw, cny = pilots.v2g_most_kw.value, piles * pilots.v2g_cny_per_pile.value
    feeding = Said(
        f"{fits.sum():,} 座车辆停放时间长的站中，服务量最大的 {ready.sum():,} 座具备 V2G 条件："
        f"{piles:,} 台不超过 {most_kw:g} kW 的桩，预算外 {cny:,.0f} 元",
        f"{ready.sum():,} of {fits.sum():,} stations where vehicles stand long are V2G-ready, "
        f"those that serve the most: {piles:,} piles of up to {most_kw:g} kW, "
        f"CNY {cny:,.0f} beside the budget",
    )
    land, roofed = _storage_fits(stations, pilots), stations["solar_storage"].to_numpy(dtype=bool)
    kwh, kw = float(stations["storage_kwh"].sum()), float(stations["pv_kw"].sum())
    paid = kwh * pilots.storage_cny_per_kwh.value + kw * pilots.pv_cny_per_kw.value
    roof = Said(
        f"{land.sum():,} 座有场地的站中，服务量最大的 {roofed.sum():,} 座配光伏车棚与储能："
        f"{kwh:,.0f} kWh、{kw:,.0f} kW，预算外 {paid:,.0f} 元；换电与检测未作规划",
        f"{roofed.sum():,} of {land.sum():,} stations with land carry a solar roof and a battery, "
        f"those that serve the most: {kwh:,.0f} kWh and {kw:,.0f} kW, CNY {paid:,.0f} beside the "
        "budget; swapping and inspection are not planned",
    )
    return dict.fromkeys(pilots.v2g_clauses, feeding) | dict.fromkeys(pilots.storage_clauses, roof)


def pilot_note(stations: pd.DataFrame) -> Said:
    """Say what the marked stations cost beside the budget, if any is marked."""
    ready, roofed = int(stations["v2g_ready"].sum()), int(stations["solar_storage"].sum())
    if not ready + roofed:
        return NOTHING
    paid = f"{stations['preference_cost_cny'].sum():,}"
    return Said(
        f"{ready:,} 座站具备 V2G 条件、{roofed:,} 座配光伏车棚与储能，为求解后选定的偏好："
        f"{paid} 元，既不在充换电投资内，也不在预算内",
        f"{ready:,} stations V2G-ready and {roofed:,} with a solar roof and a battery are a "
        f"preference chosen after the solve: CNY {paid} that is "
        "neither in the charging cost nor in the budget",
    )


def _v2g_piles(
    stations: pd.DataFrame, pile_types: pd.DataFrame, pilots: Pilots
) -> npt.NDArray[np.float64]:
    """Piles of each station that can be made to feed back, shape (stations,)."""
    small = pile_types["kw"].to_numpy(dtype=float) <= pilots.v2g_most_kw.value
    names = [f"piles_{name}" for name in pile_types["type_id"][small]]
    return np.asarray(stations[names].to_numpy(dtype=float).sum(axis=1))


def _v2g_fits(
    stations: pd.DataFrame, piles: npt.NDArray[np.float64], pilots: Pilots
) -> npt.NDArray[np.bool_]:
    return np.asarray(stations["kind"].isin(pilots.v2g_kinds).to_numpy() & (piles > 0))


def _storage_fits(stations: pd.DataFrame, pilots: Pilots) -> npt.NDArray[np.bool_]:
    land = stations["max_piles"].to_numpy() >= pilots.storage_least_bays
    return np.asarray(stations["kind"].isin(pilots.storage_kinds).to_numpy() & land)


def _largest(
    stations: pd.DataFrame, fits: npt.NDArray[np.bool_], share: float
) -> npt.NDArray[np.bool_]:
    """Mark a share of those that fit, by energy served."""
    count = int(np.ceil(share * fits.sum() - 1e-9))
    # In whole kWh: the last digits of a flow must not decide.
    energy = np.rint(stations["served_kwh_day"].to_numpy(dtype=float))
    order = np.lexsort((stations["site_id"].to_numpy(dtype=str), -energy, ~fits))
    marked = np.zeros(len(stations), dtype=bool)
    marked[order[:count]] = True
    return marked


def _up(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.ceil(values - 1e-9) + 0.0)


def _columns(
    stations: pd.DataFrame,
    ready: npt.NDArray[np.bool_],
    roofed: npt.NDArray[np.bool_],
    storage: npt.NDArray[np.float64],
    pv: npt.NDArray[np.float64],
    cost: npt.NDArray[np.float64],
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "v2g_ready": ready,
            "solar_storage": roofed,
            "storage_kwh": storage,
            "pv_kw": pv,
            "preference_cost_cny": np.rint(cost).astype(np.int64),
        },
        index=stations.index,
    )
