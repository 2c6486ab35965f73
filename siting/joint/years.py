"""The year in which each station is built, over the money that all programmes leave it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from siting.assemble.measures import counted_piles
from siting.charging.budgets import held_share
from siting.core.solve import solve
from siting.core.years import year_multipliers
from siting.errors import InfeasibleError, SolverError
from siting.formulate.oneplan import (
    SAFE,
    SideRow,
    YearChoice,
    built_year,
    limits_broken,
    year_bound,
    year_programme,
    year_worth,
)
from siting.model.budget import PROGRAMMES
from siting.own.existing import is_dedicated, kept_piles

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from siting.model.budget import Budget, BudgetYear
    from siting.model.model import Charging, Model
    from siting.plan import Plan

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

GAP = 0.0005
"""Relative gap at which the search for an order of building stops."""
SECONDS = 60.0
"""Wall time that it may take."""
MULTIPLIERS = "years/multipliers"
NAMES = "years/row_name"
"""Names of the evidence of the bound."""
STATION_MEASURES = ("stations", "piles", "hydrogen_stations")
"""Interim targets that the order of building decides; the others follow batches and phases."""


@dataclass(frozen=True, slots=True)
class Items:
    """
    What gets a year: stations that cost something or are new, then hydrogen stations.

    Attributes
    ----------
    station, hydrogen
        Rows of `Plan.stations` and `Plan.hydrogen`, shapes (a,) and (b,).
    worth
        kWh a day, shape (a + b,); hydrogen stations are no charging and have none.
    cost_cny
        Shape (a + b,).
    count
        By measure of an interim target what each adds, shape (a + b,).
    there
        By measure what counts before the first year.
    """

    station: npt.NDArray[np.int64]
    hydrogen: npt.NDArray[np.int64]
    worth: npt.NDArray[np.float64]
    cost_cny: npt.NDArray[np.float64]
    count: dict[str, npt.NDArray[np.float64]]
    there: dict[str, float]


def with_years(plan: Plan, model: Model, share: float = 1.0) -> tuple[Plan, dict[str, Any] | None]:
    """
    Give every station of a plan the year in which it is built.

    Parameters
    ----------
    plan
        The plan; roadside batches and phases of test roads have their years already.
    model
        Its model.
    share
        Share of the targets of charging that the plan holds; its interim targets are held to it
        too.

    Returns
    -------
    plan, record
        The plan with `year` and `phase` of stations, hydrogen stations and test roads and the
        evidence of the bound; the `years` of run.json. The plan as it is, and None, where the
        budget has no years.

    Raises
    ------
    InfeasibleError
        Money and interim targets don't fit together.
    SolverError
        No order of building was found in the time given.
    """
    budget = model.budget
    if budget is None or not budget.years:
        return plan, None
    plan, items, choice = year_question(plan, model, share)
    when, bound, price = _order(choice, budget, items, model)
    objective = float(year_worth(choice)[np.arange(len(when)), when].sum()) if len(when) else 0.0
    phase, at = np.zeros(len(plan.stations), dtype=np.int64), np.zeros(len(plan.hydrogen), int)
    phase[items.station] = when[: len(items.station)] + 1
    at[items.hydrogen] = when[len(items.station) :] + 1
    names = np.array([0, *choice.years], dtype=np.int64)
    found = replace(
        plan,
        stations=plan.stations.assign(phase=phase, year=names[phase]),
        hydrogen=plan.hydrogen.assign(phase=at, year=names[at]) if len(at) else plan.hydrogen,
        evidence={
            **plan.evidence,
            MULTIPLIERS: price,
            NAMES: np.array([row.name for row in choice.rows], dtype=np.str_),
        },
    )
    record = {
        "objective": objective,
        "objective_meaning": "energy served early: kWh a day of each station times years it serves",
        "objective_meaning_zh": "早服务的电量：各站 kWh/日乘以服务年数",
        "bound": max(bound, objective),
        "gap": max(0.0, bound - objective) / max(objective, 1e-9),
    }
    return found, record


def year_question(plan: Plan, model: Model, share: float = 1.0) -> tuple[Plan, Items, YearChoice]:
    """
    Write out what is to be built over the years of a budget; parameters as `with_years`.

    Returns
    -------
    plan, items, choice
        The plan with the years of its test roads, what gets a year, and the limits.

    Raises
    ------
    InfeasibleError
        Batches or phases alone break the money or an interim target of a year.
    """
    budget = model.budget
    assert budget is not None  # noqa: S101
    plan = _with_road_years(plan, model)
    items = items_of(plan, model.charging)
    years = tuple(year.year for year in budget.years)
    return plan, items, YearChoice(years, items.worth, side_rows(plan, budget, items, share))


def _with_road_years(plan: Plan, model: Model) -> Plan:
    """Give test roads the year of their phase; roads that are open already have 0."""
    if model.testroads is None or not len(plan.test_roads):
        return plan
    years = np.array([0, *(phase.year or 0 for phase in model.testroads.phases)], dtype=np.int64)
    return replace(plan, test_roads=plan.test_roads.assign(year=years[plan.test_roads["phase"]]))


def fixed_cny(plan: Plan, years: tuple[int, ...]) -> dict[str, Floats]:
    """Return what roadside units and test roads cost in each year, by programme, shape (T,)."""
    found = {"roadside": np.zeros(len(years)), "testroads": np.zeros(len(years))}
    for name, table in (("roadside", plan.batches), ("testroads", plan.test_roads)):
        if len(table):
            by_year = table.groupby("year")["cost_cny"].sum()
            found[name] = by_year.reindex(list(years), fill_value=0).to_numpy(dtype=float)
    return found


def items_of(plan: Plan, charging: Charging) -> Items:
    """
    Collect what gets a year.

    Parameters
    ----------
    plan
        The plan.
    charging
        Readings by which stations and piles count.
    """
    stations = plan.stations
    cost = stations["cost_cny"].to_numpy(dtype=float)
    station = np.flatnonzero((stations["status"] == "new").to_numpy() | (cost > 0))
    hydrogen = np.arange(len(plan.hydrogen))
    other = plan.hydrogen["cost_cny"].to_numpy(dtype=float) if len(hydrogen) else np.zeros(0)
    now, before = station_counts(stations, plan.pile_types, charging)
    none, each = np.zeros(len(hydrogen)), np.ones(len(hydrogen))
    count = {name: np.r_[(now[name] - before[name])[station], none] for name in now}
    there = {name: float(before[name].sum()) for name in before}
    if charging.readings.station == "charging_and_swap":
        there["stations"] += charging.readings.swap_stations.value
    counted = plan.clauses[plan.clauses["measure"] == "hydrogen_stations"]
    in_all = float(counted["planned"].max()) if len(counted) else float(len(hydrogen))
    count["hydrogen_stations"] = np.r_[np.zeros(len(station)), each]
    there["hydrogen_stations"] = in_all - len(hydrogen)
    served = stations["served_kwh_day"].to_numpy(dtype=float)[station]
    return Items(station, hydrogen, np.r_[served, none], np.r_[cost[station], other], count, there)


def station_counts(
    stations: pd.DataFrame, pile_types: pd.DataFrame, charging: Charging
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """
    Return what each station counts for the measures `stations` and `piles`, in the end and before.

    Parameters
    ----------
    stations, pile_types
        As in `Plan`.
    charging
        How stations and piles are counted.
    """
    names = [str(name) for name in pile_types["type_id"]]
    readings, existing = charging.readings, charging.existing_count
    each = np.ones(len(names))
    if readings.pile == "gun":
        each = pile_types["guns"].to_numpy(dtype=float)
    public = np.ones(len(stations))
    if readings.access == "public":
        public = (~is_dedicated(stations, readings.dedicated_kinds)).astype(float)
    old = (stations["status"] != "new").to_numpy()
    kept = kept_piles(stations, names) @ each * public if existing else np.zeros(len(stations))
    piles = counted_piles(stations, names, existing_count=existing) @ each * public
    before = {"stations": (old & existing).astype(float), "piles": np.asarray(kept, dtype=float)}
    now = {"stations": np.where(old, float(existing), 1.0), "piles": np.asarray(piles, dtype=float)}
    return now, before


def side_rows(plan: Plan, budget: Budget, items: Items, share: float = 1.0) -> tuple[SideRow, ...]:
    """
    Write the limits of the years out, as `models/formulations/oneplan.md` numbers them.

    Parameters
    ----------
    plan
        The plan, whose batches and phases have years.
    budget
        Money, targets and smoothness.
    items
        What gets a year.
    share
        Share of its targets that charging is held to.

    Raises
    ------
    InfeasibleError
        Batches or phases alone break the money or an interim target of a year.
    """
    years = tuple(year.year for year in budget.years)
    fixed = fixed_cny(plan, years)
    split = len(items.station)
    charging, every = np.arange(len(items.worth)) < split, np.ones(len(items.worth), dtype=bool)
    rows = []
    for t, year in enumerate(budget.years):
        groups: list[tuple[str, float | None, tuple[str, ...]]] = [
            ("y3_money", year.most_cny, PROGRAMMES)
        ]
        groups += [
            (f"y4_fund_{n}", year.funds.get(fund.name), fund.programmes)
            for n, fund in enumerate(budget.funds)
        ]
        for name, most, programmes in groups:
            if most is None:
                continue
            left = most - sum(float(fixed[p][t]) for p in programmes if p in fixed)
            _refuse_short(year, name, most, left)
            mine = (every & charging) * ("charging" in programmes)
            mine = mine | (~charging & ("hydrogen" in programmes))
            row = f"{name}_{year.year}"
            rows.append(SideRow(row, items.cost_cny * mine, t, t, -math.inf, left * (1 - SAFE)))
        rows += _interim(plan, year, t, items, held_targets(budget, year, share))
        rows += _smooth(budget, year, t, charging)
    return tuple(rows)


def _refuse_short(year: BudgetYear, name: str, most: float, left: float) -> None:
    if left < 0:
        what = "year" if name == "y3_money" else f"fund in {year.year}"
        raise InfeasibleError(
            f"roadside batches and test-road phases cost more than the {what} has",
            where=f"budget.years.{year.year}",
            value=f"{most - left:,.0f} CNY for {most:,.0f} CNY",
            cure="Raise its money, or lower the share of the batch or phase of that year",
        )


def held_targets(budget: Budget, year: BudgetYear, share: float) -> tuple[float, ...]:
    """Return what each interim target of a year is held at where charging is held to a share."""
    return tuple(
        target.at_least * held_share(share, budget.weights, target.measure)
        if target.measure in {"stations", "piles"}
        else target.at_least
        for target in year.targets
    )


def _interim(
    plan: Plan, year: BudgetYear, t: int, items: Items, held: tuple[float, ...]
) -> list[SideRow]:
    rows = []
    for target, least in zip(year.targets, held, strict=True):
        if target.measure in STATION_MEASURES:
            need = math.ceil(least - 1e-9) - items.there[target.measure]
            amount = items.count[target.measure]
            row = f"y5_{target.measure}_{year.year}"
            rows.append(SideRow(row, amount, 0, t, need, math.inf))
            if amount.sum() < need:
                _refuse_target(year, target.measure, least, items, amount)
            continue
        planned = roads_by(plan, year.year)[target.measure]
        if planned < target.at_least * (1 - 1e-9):
            raise InfeasibleError(
                f"batches or phases give less than the interim target of {target.measure}",
                where=f"budget.years.{year.year}",
                value=f"{planned:,.1f} of {target.at_least:,.1f}",
                cure="Raise the share of the batches or phases up to that year",
            )
    return rows


def _refuse_target(
    year: BudgetYear, measure: str, at_least: float, items: Items, amount: Floats
) -> None:
    raise InfeasibleError(
        f"the whole plan has less than the interim target of {measure}",
        where=f"budget.years.{year.year}",
        value=f"{items.there[measure] + amount.sum():,.0f} of {at_least:,.0f}",
        cure="Lower it, or raise the target of the whole plan",
    )


def roads_by(plan: Plan, year: int) -> dict[str, float]:
    """Return built area and kilometres of test roads at the end of a year."""
    area = km = 0.0
    if len(plan.batches):
        upto = plan.batches[plan.batches["year"] <= year]
        column = "built_area_zone_km2"
        if plan.run["settings"]["roadside"]["reading"] == "footprint":
            column = "built_area_footprint_km2"
        area = float(upto[column].max()) if len(upto) else 0.0
    if len(plan.test_roads):
        roads = plan.test_roads
        km = float(roads["length_m"][roads["year"] <= year].sum()) / 1000
    return {"built_area_km2": area, "test_road_km": km}


def _smooth(
    budget: Budget, year: BudgetYear, t: int, charging: npt.NDArray[np.bool_]
) -> list[SideRow]:
    if budget.smooth is None:
        return []
    rows = []
    for name, mine in (("charging", charging), ("hydrogen", ~charging)):
        if mine.any():
            most = math.ceil(budget.smooth.value * float(mine.sum()) - 1e-9)
            row = f"y6_smooth_{name}_{year.year}"
            rows.append(SideRow(row, mine.astype(float), t, t, -math.inf, float(most)))
    return rows


def _order(
    choice: YearChoice, budget: Budget, items: Items, model: Model
) -> tuple[Ints, float, Floats]:
    """Solve; return the year of each item, the bound and the multipliers behind it."""
    if not len(choice.worth):
        return np.zeros(0, dtype=np.int64), 0.0, np.zeros(len(choice.rows))
    price = year_multipliers(choice)
    outcome = solve(
        year_programme(choice),
        gap=GAP,
        seconds=SECONDS,
        memory_mb=model.solve.memory_mb,
        seed=model.solve.seed,
    )
    if outcome.status == "infeasible":
        raise InfeasibleError(
            "the stations can't be built within the years as they are",
            where="budget.years",
            value=_why_not(choice, budget, items),
            cure="Give the first years more money, lower interim targets, or raise `smooth`",
        )
    when = built_year(choice, outcome)
    broken = limits_broken(choice, when)
    if broken:
        raise SolverError("an order of building breaks its rows", where="years", value=broken)
    return when, year_bound(choice, price), price


def _why_not(choice: YearChoice, budget: Budget, items: Items) -> str:
    """Say what the stations cost, what the years have, and what the targets need."""
    cost = float(items.cost_cny.sum())
    most = [row.upper for row in choice.rows if row.name.startswith("y3_")]
    told = [f"stations cost {cost:,.0f} CNY"]
    if most:
        told.append(f"the years leave them {', '.join(f'{cny:,.0f}' for cny in most)} CNY")
    told += [
        f"{year.year} asks for {target.at_least:,.0f} {target.measure}"
        for year in budget.years
        for target in year.targets
    ]
    return "; ".join(told)
