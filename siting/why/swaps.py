"""Swaps: a site that was turned down in place of an open station near it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from siting.why.neighbourhood import local_transport, metres_apart, open_sites, within_reach
from siting.why.transport import Fresh, most_served

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.plan import Plan
    from siting.why.neighbourhood import Surroundings

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

MOST_SWAPS = 8
"""How many open stations, the nearest first, a site that was turned down is tried in place of."""
NOTHING_KWH = 1e-3
"""A change of less is rounding."""

SWAP_COLUMNS = [
    "site_id",
    "name",
    "distance_m",
    "served_change_kwh_day",
    "cost_change_cny",
    "piles",
    "sizes",
    "misses",
]


def reached(around: Surroundings, sites: Ints) -> Ints:
    """Return the rows of the demand points that any of some sites reaches, sorted."""
    _, points = within_reach(around, sites, np.arange(len(around.plan.demand)))
    return np.unique(points)


def kw_limit(candidate: pd.Series) -> float:
    """Return the kW that the grid gives a candidate site, `inf` where no limit is known."""
    limit = float(candidate["kw_limit"])
    return limit if np.isfinite(limit) else np.inf


def best_swaps(
    around: Surroundings, site: int, points: Ints, most: int
) -> tuple[pd.DataFrame, int]:
    """
    Try a site in place of each of the nearest new stations that share demand with it.

    Parameters
    ----------
    around
        The plan.
    site
        Row of the candidate site.
    points
        Rows of the demand points that it reaches.
    most
        How many stations are tried at most, the nearest in a straight line first.

    Returns
    -------
    swaps
        Columns `SWAP_COLUMNS`, as `why.RejectedSite` has them, the best first.
    passed_over
        How many of the tried stations it can't replace.

    Raises
    ------
    SolverError
        A local problem was not solved in time.
    """
    plan = around.plan
    _, near, _ = local_transport(around, points, np.zeros(0, dtype=np.int64))
    free = (plan.stations["status"] == "new") & ~plan.stations["mandatory"].astype(bool)
    if "lock" in plan.stations:
        free &= plan.stations["lock"] == ""
    near = near[free.to_numpy()[near]]
    metres = metres_apart(around, site, open_sites(around)[near])
    order = np.lexsort((near, metres))[:most]
    near, metres = near[order], metres[order]
    if not len(near):
        return pd.DataFrame(columns=SWAP_COLUMNS), 0
    everything = reached(around, np.append(open_sites(around)[near], site))
    problem, stations, _ = local_transport(around, everything, np.array([site]))
    base = most_served(problem)
    served = base.kwh_day if base is not None else 0.0
    rows = []
    for station, far in zip(near.tolist(), metres.tolist(), strict=True):
        fresh = _fresh(around, site, station, len(stations))
        gone = np.append(stations == station, False)
        closed = np.where(gone[:, None], 0.0, problem.capacity_kwh)
        load = np.where(gone[:, None], 0.0, problem.load_kwh)
        found = most_served(replace(problem, capacity_kwh=closed, load_kwh=load), fresh)
        if found is not None:
            rows.append(_swap(around, site, station, far, found.piles, found.kwh_day - served))
    table = pd.DataFrame(rows, columns=SWAP_COLUMNS)
    keys = ["served_change_kwh_day", "cost_change_cny", "site_id"]
    table = table.sort_values(keys, ascending=[False, True, True], ignore_index=True)
    return table, len(near) - len(rows)


def _fresh(around: Surroundings, site: int, station: int, row: int) -> Fresh:
    """Size the site for no more money than the station it replaces, and what is left over."""
    plan = around.plan
    candidate, types = plan.candidates.iloc[site], plan.pile_types
    settings, totals = plan.run["settings"], plan.run["totals"]
    budget = settings.get("budget_cny")
    spent = float(totals.get("charging_cost_cny", totals["cost_cny"]))
    left = 0.0 if budget is None else max(0.0, float(budget) - spent)
    allowance = float(plan.stations["cost_cny"].iloc[station]) + left
    worth, least_worth = _mix_needed(plan, station)
    return Fresh(
        site=row,
        pile_kwh=types["kwh_day"].to_numpy(dtype=float),
        pile_kw=types["kw"].to_numpy(dtype=float),
        pile_cny=types["cost_cny"].to_numpy(dtype=float),
        allowed=around.types_at[site],
        least_of_type=types["least"].to_numpy(dtype=np.int64),
        least=max(1, int(candidate["min_piles"]), _piles_needed(plan, station)),
        most=int(candidate["max_piles"]),
        kw=kw_limit(candidate) / float(settings["simultaneity"]),
        cny=allowance - float(candidate["fixed_cost_cny"]),
        worth=worth,
        least_worth=least_worth,
    )


def _piles_needed(plan: Plan, station: int) -> int:
    """Return how many piles a swapped-in station must have for the target of piles."""
    rows = plan.clauses[(plan.clauses["measure"] == "piles") & plan.clauses["target"].notna()]
    if rows.empty:
        return 0
    slack = float((rows["planned"] - rows["target"]).min())
    return int(np.ceil(float(plan.stations["piles"].iloc[station]) - slack - 1e-9))


def _mix_needed(plan: Plan, station: int) -> tuple[Floats, float]:
    """
    Return what a pile of each type adds to the share of fast piles, and how much a swap must add.

    A share a of fast piles in all piles means that the sum of (fast - a) over the piles isn't
    negative.
    """
    fast: Floats = np.where(plan.pile_types["current"] == "dc", 1.0, 0.0)
    rows = plan.clauses[(plan.clauses["measure"] == "dc_share") & plan.clauses["target"].notna()]
    if rows.empty:
        return np.zeros(len(fast)), 0.0
    worth: Floats = fast - float(rows["target"].max())
    return worth, -float(_counted_piles(plan, station) @ worth)


def _counted_piles(plan: Plan, station: int) -> Floats:
    """Sum the piles by type that count towards targets, without those of a station."""
    counted = plan.stations
    if not plan.run["settings"]["existing_count"]:
        counted = counted[counted["status"] == "new"]
    columns = [f"piles_{name}" for name in plan.pile_types["type_id"]]
    total = counted[columns].to_numpy(dtype=np.float64).sum(axis=0)
    left: Floats = total - plan.stations[columns].iloc[station].to_numpy(dtype=np.float64)
    return left


def _swap(
    around: Surroundings, site: int, station: int, metres: float, piles: Ints, change: float
) -> dict[str, object]:
    plan = around.plan
    gone, candidate = plan.stations.iloc[station], plan.candidates.iloc[site]
    names = [str(name) for name in plan.pile_types["type_id"]]
    price = plan.pile_types["cost_cny"].to_numpy(dtype=float)
    cost = float(candidate["fixed_cost_cny"]) + float(piles @ price)
    return {
        "site_id": str(gone["site_id"]),
        "name": str(gone["name"]),
        "distance_m": metres,
        "served_change_kwh_day": 0.0 if abs(change) < NOTHING_KWH else change,
        "cost_change_cny": cost - float(gone["cost_cny"]),
        "piles": int(piles.sum()),
        "sizes": ", ".join(f"{n} {name}" for n, name in zip(piles, names, strict=True) if n),
        "misses": "; ".join(_misses(plan, station, site, piles)),
    }


def _misses(plan: Plan, station: int, site: int, piles: Ints) -> list[str]:
    """Name the targets on stations by district and on fast piles that a swap would miss."""
    gone, candidate = plan.stations.iloc[station], plan.candidates.iloc[site]
    counted = plan.stations
    if not plan.run["settings"]["existing_count"]:
        counted = counted[counted["status"] == "new"]
    fast = (plan.pile_types["current"] == "dc").to_numpy()
    after = _counted_piles(plan, station) + piles
    moved = gone["district_id"] != candidate["district_id"]
    left = int((counted["district_id"] == gone["district_id"]).sum()) - int(moved)
    values = {
        "district_stations": float(left),
        "dc_share": float(after[fast].sum() / max(1.0, after.sum())),
    }
    targets = plan.clauses[plan.clauses["measure"].isin(values) & plan.clauses["target"].notna()]
    return [
        f"{row['clause'] or 'own'} {row['measure']}"
        for row in targets.to_dict("records")
        if values[row["measure"]] < float(row["target"]) * (1 - 1e-9)
    ]
