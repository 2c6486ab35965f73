"""Why a site was chosen or not: what it alone serves, and the best swap for one turned down."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from siting.errors import InputError
from siting.store.runs import read_run
from siting.why.contributions import given_to_targets
from siting.why.neighbourhood import (
    Surroundings,
    local_transport,
    open_sites,
    surroundings,
)
from siting.why.swaps import MOST_SWAPS, SWAP_COLUMNS, best_swaps, kw_limit, reached
from siting.why.transport import most_served

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from siting.plan import Plan

    Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ChosenSite:
    """
    Why a site is open.

    Attributes
    ----------
    site_id, name
        Which.
    status, mandatory
        `new` or `kept`; whether the model demands it.
    served_kwh_day
        What it serves in the plan.
    alone
        Ids of the demand points that have no other open station within their radius.
    alone_kwh_day, alone_people
        Their demand, and the people among them.
    lost_kwh_day
        Demand that nobody serves if it closes: its neighbours take over what their spare capacity
        allows, what they give to points out of this site's reach stays as it is.
    neighbours
        How many other stations reach a demand point that it reaches.
    cost_cny, cost_per_kwh_cny
        Its cost, and that over the energy served a day (NaN where it serves none).
    clauses
        Targets that it counts towards: `clause`, `measure`, `gives`, `planned`, `target`, and
        `needed` (the target is missed without it and with nothing in its place).
    named_clauses
        Ids of the clauses that its kind of site comes from.
    lock
        `fix` or `size` where a lock demands it, else "".
    """

    site_id: str
    name: str
    status: str
    mandatory: bool
    served_kwh_day: float
    alone: tuple[str, ...]
    alone_kwh_day: float
    alone_people: float
    lost_kwh_day: float
    neighbours: int
    cost_cny: float
    cost_per_kwh_cny: float
    clauses: pd.DataFrame
    named_clauses: str
    lock: str = ""


@dataclass(frozen=True, slots=True)
class RejectedSite:
    """
    Why a site is not open.

    Attributes
    ----------
    site_id, name
        Which.
    obstacles
        What keeps any station from standing there, one sentence each; empty where one could.
    reach_kwh_day, unserved_kwh_day
        Demand within its reach, and the part of it that the plan leaves unserved.
    swaps
        Stations that it could replace, the best first: `site_id`, `name`, `distance_m` (straight),
        `served_change_kwh_day`, `cost_change_cny`, `piles` (of the swapped-in station), `sizes`
        (piles by type), `misses` (targets that the swap would miss, "" for none).
    passed_over
        How many of the tried stations it can't replace within land, power, cost and the targets
        of piles and of fast piles.
    """

    site_id: str
    name: str
    obstacles: tuple[str, ...]
    reach_kwh_day: float
    unserved_kwh_day: float
    swaps: pd.DataFrame
    passed_over: int


def why(folder: Path, site_id: str, *, most: int = MOST_SWAPS) -> ChosenSite | RejectedSite:
    """
    Explain why a site of a run is open or not.

    Parameters
    ----------
    folder
        A run folder.
    site_id
        A candidate site.
    most
        How many swaps are tried at most for a site that is not open.

    Returns
    -------
    answer
        By whether the site is open.

    Raises
    ------
    InputError
        The folder isn't a run, or no candidate has that id.
    SolverError
        A local problem was not solved in time.
    """
    return explain_site(read_run(folder), site_id, most=most)


def explain_site(plan: Plan, site_id: str, *, most: int = MOST_SWAPS) -> ChosenSite | RejectedSite:
    """
    Explain a site of a plan, as `why` does.

    Notes
    -----
    Demand may go to any open station within its radius here, also where the programme offered it
    only its nearest sites. Both sides of a comparison are solved anew to their optimum (HiGHS), so
    that a change is the site's, not slack of the plan; they are exact for the neighbourhood: all
    demand points that the site (and, for swaps, any station tried) reaches, and all stations that
    reach one of these, with what these give to others as published.
    """
    known = plan.candidates["site_id"].to_numpy(dtype=object)
    found = np.flatnonzero(known == site_id)
    if not len(found):
        like = [name for name in known if site_id and site_id in str(name)]
        raise InputError(
            "the run has no such candidate site",
            where="candidates",
            value=site_id,
            cure=f"Give an id such as {', '.join((like or list(known))[:3])}",
        )
    site = int(found[0])
    around = surroundings(plan)
    if site_id in set(plan.stations["site_id"]):
        return _chosen(around, site)
    return _rejected(around, site, most)


def _served(around: Surroundings, points: Ints) -> float:
    return float(around.plan.demand["served_kwh_day"].to_numpy(dtype=float)[points].sum())


def _chosen(around: Surroundings, site: int) -> ChosenSite:
    plan = around.plan
    row = int(np.flatnonzero(open_sites(around) == site)[0])
    station = plan.stations.iloc[row]
    points = reached(around, np.array([site]))
    problem, stations, count = local_transport(around, points, np.zeros(0, dtype=np.int64))
    lost = 0.0
    if len(points):
        closed = np.where(stations[:, None] == row, 0.0, problem.capacity_kwh)
        whole, without = most_served(problem), most_served(replace(problem, capacity_kwh=closed))
        if whole is not None and without is not None:
            lost = max(0.0, whole.kwh_day - without.kwh_day)
    alone = points[count == 1]
    demand = plan.demand
    served = float(station["served_kwh_day"])
    return ChosenSite(
        site_id=str(station["site_id"]),
        name=str(station["name"]),
        status=str(station["status"]),
        mandatory=bool(station["mandatory"]),
        served_kwh_day=served,
        alone=tuple(demand["demand_id"].to_numpy()[alone]),
        alone_kwh_day=float(demand["kwh_day"].to_numpy()[alone].sum()),
        alone_people=float(demand["population"].to_numpy()[alone].sum()),
        lost_kwh_day=lost,
        neighbours=len(stations) - int(row in stations),
        cost_cny=float(station["cost_cny"]),
        cost_per_kwh_cny=float(station["cost_cny"]) / served if served > 0 else float("nan"),
        clauses=_counted(plan, row),
        named_clauses=str(station["clauses"]),
        lock=str(station.get("lock", "")),
    )


def _counted(plan: Plan, row: int) -> pd.DataFrame:
    """List the targets that a station counts towards, with what it gives to each."""
    station = plan.stations.iloc[row]
    same = plan.stations["district_id"] == station["district_id"]
    counted = given_to_targets(plan, row)
    rows = []
    for clause in plan.clauses.to_dict("records"):
        measure = str(clause["measure"])
        if measure not in counted or not np.isfinite(clause["target"]):
            continue
        planned = float(same.sum()) if measure == "district_stations" else float(clause["planned"])
        left = planned - counted[measure]
        rows.append(
            {
                "clause": str(clause["clause"]),
                "measure": measure,
                "gives": counted[measure],
                "planned": planned,
                "target": float(clause["target"]),
                "needed": left < float(clause["target"]) * (1 - 1e-9),
            }
        )
    columns = ["clause", "measure", "gives", "planned", "target", "needed"]
    return pd.DataFrame(rows, columns=columns)


def _rejected(around: Surroundings, site: int, most: int) -> RejectedSite:
    plan = around.plan
    candidate = plan.candidates.iloc[site]
    points = reached(around, np.array([site]))
    asked = float(plan.demand["kwh_day"].to_numpy(dtype=float)[points].sum())
    obstacles = _obstacles(around, site, points)
    swaps, passed = pd.DataFrame(columns=SWAP_COLUMNS), 0
    if not obstacles:
        swaps, passed = best_swaps(around, site, points, most)
    return RejectedSite(
        site_id=str(candidate["site_id"]),
        name=str(candidate["name"]),
        obstacles=obstacles,
        reach_kwh_day=asked,
        unserved_kwh_day=max(0.0, asked - _served(around, points)),
        swaps=swaps,
        passed_over=passed,
    )


def _obstacles(around: Surroundings, site: int, points: Ints) -> tuple[str, ...]:
    candidate, plan = around.plan.candidates.iloc[site], around.plan
    may, found = around.types_at[site], []
    if candidate.get("lock", "") == "ban":
        found.append("a lock bans it")
    least, most = int(candidate["min_piles"]), int(candidate["max_piles"])
    if around.site_node[site] < 0:
        found.append("no road of the network is near")
    if not may.any():
        found.append("no pile type of the model may stand there")
    if most < least or most < 1:
        found.append(f"the land holds {most} piles, and a station there has at least {least}")
    smallest = plan.pile_types["kw"].to_numpy(dtype=float)[may].min(initial=np.inf)
    peak_kw = max(1, least) * smallest * float(plan.run["settings"]["simultaneity"])
    if may.any() and peak_kw > kw_limit(candidate):
        found.append(
            f"the grid gives {kw_limit(candidate):,.0f} kW, and {max(1, least)} of the smallest "
            f"piles draw {peak_kw:,.0f} kW"
        )
    if not found and not len(points):
        found.append("no demand lies within its reach")
    return tuple(found)
