"""Recompute the joint plan from the files: money by programme and fund, shortfalls, the bound."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from siting.verify.certificate import lagrangian_bound
from siting.verify.finding import Finding, none, same
from siting.verify.roadmeasures import MEASURES as ROADS
from siting.verify.roadside import MEASURES as ROADSIDE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import geopandas as gpd

    from siting.plan import Plan

    Settings = Mapping[str, Any]

CLOSE = 1e-9
"""Relative difference that two ways of summing the same money may have."""
LEFT = 0.001
"""Part of the money of the years that charging leaves, as `joint` says."""


def joint_findings(plan: Plan) -> Iterator[Finding]:
    """Recompute the joint record; a plan without a budget of all programmes has none."""
    budget, record = plan.run["settings"].get("budget"), plan.run.get("joint")
    if budget is None or record is None:
        ok = budget is None and record is None
        yield Finding("joint record of a plan without one", ok, str(record), str(budget))
        return
    spent = spent_cny(plan)
    yield from _check_spent(plan, budget, record, spent)
    taken = _taken(plan, spent)
    yield from _check_taken(record, taken)
    yield from _check_charging(plan, budget, record, spent, taken)
    yield from _check_bound(plan, record)
    yield from _check_short(plan, budget, record)


def spent_cny(plan: Plan) -> dict[str, float]:
    """Sum what each programme costs, from the layers."""
    platform = 0.0
    if len(plan.rsus):
        platform = round(float(plan.run["settings"]["roadside"]["edge_nodes"]["platform_cny"]))
    return {
        "charging": float(plan.stations.cost_cny.sum()),
        "hydrogen": _sum(plan.hydrogen, "cost_cny"),
        "roadside": _sum(plan.rsus, "cost_cny")
        + _sum(plan.rsus, "fibre_cny")
        + _sum(plan.edge_nodes, "cost_cny")
        + platform,
        "testroads": _sum(plan.test_roads, "cost_cny"),
    }


def _sum(frame: gpd.GeoDataFrame, column: str) -> float:
    return float(frame[column].sum()) if len(frame) else 0.0


def _check_spent(
    plan: Plan, budget: Settings, record: Settings, spent: Mapping[str, float]
) -> Iterator[Finding]:
    money = record["money"]
    for row in money["programmes"]:
        name = row["programme"]
        yield same(f"joint money of {name}", float(row["spent_cny"]), spent[name])
    listed = [row["programme"] for row in money["programmes"]]
    left_out = [name for name, cny in spent.items() if cny and name not in listed]
    yield none("programmes without joint money", np.array(left_out, dtype=object))
    whole = sum(spent.values())
    yield same("joint money in all", float(money["spent_cny"]), whole)
    yield same("joint total budget", _number(money["total_cny"]), _number(budget["total_cny"]))
    if budget["total_cny"] is not None:
        over = max(0.0, whole - float(budget["total_cny"]) - _rounding(plan))
        yield same("joint money beyond the total", 0.0, over)
    names = [fund["name"] for fund in budget["funds"]]
    stated = {fund["name"]: float(fund["spent_cny"]) for fund in money["funds"]}
    yield Finding("funds are the budget's", list(stated) == names, str(list(stated)), str(names))
    for fund in budget["funds"]:
        cost = sum(spent[name] for name in set(fund["programmes"]))
        yield same(f"money of fund {fund['name']}", stated.get(fund["name"], math.nan), cost)
        over = max(0.0, cost - float(fund["most_cny"]) - _rounding(plan))
        yield same(f"money of fund {fund['name']} beyond it", 0.0, over)


def _rounding(plan: Plan) -> float:
    """Each station, site and road is rounded to the yuan."""
    return float(len(plan.stations) + len(plan.hydrogen) + len(plan.rsus) + len(plan.test_roads))


def _number(value: float | None) -> float:
    return -1.0 if value is None else float(value)


def _taken(plan: Plan, spent: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Recompute what each programme beside charging takes, and at least takes in any plan."""
    settings, found = plan.run["settings"], {}
    if "hydrogen" in settings:
        may = plan.hydrogen_candidates[plan.hydrogen_candidates.reason == ""]
        cheapest = may.cost_cny.nsmallest(int(settings["hydrogen"]["stations"])).sum()
        found["hydrogen"] = _plain(spent["hydrogen"], float(cheapest))
    if "roadside" in settings:
        found["roadside"] = _roadside(plan, settings["roadside"], spent["roadside"])
    if "testroads" in settings:
        least = _cheapest_roads(plan, settings["testroads"])
        found["testroads"] = _plain(spent["testroads"], least)
    return found


def _plain(spent: float, least: float) -> dict[str, float]:
    least = min(spent, least)
    return {"held_cny": spent, "floor_cny": least, "least_cny": least}


def _roadside(plan: Plan, settings: Settings, spent: float) -> dict[str, float]:
    platform = round(float(settings["edge_nodes"]["platform_cny"])) if len(plan.rsus) else 0.0
    sites, every = _sum(plan.rsus, "cost_cny"), plan.roadside_candidates
    forced = float(every.cost_cny[every.mandatory.astype(bool)].sum())
    if settings["objective"] == "benefit":
        # Money of its own: what it leaves of it is nobody else's.
        own = float(settings["budget_cny"])
        return {
            "held_cny": max(own, sites) + spent - sites,
            "floor_cny": own + platform,
            "least_cny": min(spent, forced + platform),
        }
    # The proof of this bound is recomputed with the roadside plan.
    bound = float(plan.run["roadside"]["bound"] or 0.0)
    return _plain(spent, max(forced, bound) + platform)


def _cheapest_roads(plan: Plan, settings: Settings) -> float:
    """Cost of the kilometres asked for where roadside coverage is everywhere."""
    every = plan.test_road_corridors
    old, fixed = every.opened.astype(bool), (every.opened | every.section).astype(bool)
    free = (every.reason == "") & ~fixed
    missing = max(0.0, float(settings["least_m"]) - float(every.length_m[fixed].sum()))
    metres = float(every.length_m[fixed & ~old].sum())
    metres += min(missing, float(every.length_m[free].sum()))
    each = settings["signs_cny_per_km"] + settings["assessment_cny_per_km"]
    return max(0.0, metres / 1000 * float(each + settings["hd_map_cny_per_km"]) - len(every))


def _check_taken(record: Settings, taken: Mapping[str, Mapping[str, float]]) -> Iterator[Finding]:
    stated = {row["programme"]: row for row in record["money"]["programmes"]}
    for name, figures in taken.items():
        for key, value in figures.items():
            claimed = float(stated.get(name, {}).get(key, math.nan))
            yield same(f"joint {key} of {name}", claimed, value, 1e-6)


def _left(budget: Settings, taken: Mapping[str, float], yearly: Mapping[str, float]) -> list[float]:
    """List what total, funds, own budget and (last) years leave to charging."""
    own = budget["charging_cny"]
    limits = [math.inf if own is None else float(own)]
    elsewhere = [f for f in budget["funds"] if f["reserved"] and "charging" not in f["programmes"]]
    inside = {name for fund in elsewhere for name in fund["programmes"]}
    if budget["total_cny"] is not None:
        rest = float(budget["total_cny"]) - sum(float(fund["most_cny"]) for fund in elsewhere)
        limits.append(rest - sum(cny for name, cny in taken.items() if name not in inside))
    years, of_years = budget["years"], [math.inf]
    if years and all(year["most_cny"] is not None for year in years):
        of_years.append(sum(float(y["most_cny"]) for y in years) - sum(yearly.values()))
    for fund in budget["funds"]:
        if "charging" not in fund["programmes"]:
            continue
        limits.append(float(fund["most_cny"]) - _some(taken, fund))
        if years and all(fund["name"] in year["funds"] for year in years):
            each = sum(float(year["funds"][fund["name"]]) for year in years)
            of_years.append(each - _some(yearly, fund))
    return [min(limits), min(of_years)]


def _some(cny: Mapping[str, float], fund: Settings) -> float:
    return sum(cny.get(name, 0.0) for name in fund["programmes"])


def _check_charging(
    plan: Plan,
    budget: Settings,
    record: Settings,
    spent: Mapping[str, float],
    taken: Mapping[str, Mapping[str, float]],
) -> Iterator[Finding]:
    """Hold the money of charging beside the plans of the others, and beside any plans."""
    now = {name: cny for name, cny in spent.items() if name in taken}
    held, years = _left(budget, {n: one["held_cny"] for n, one in taken.items()}, now)
    most = min(held, years * (1 - LEFT))
    money = record["money"]
    stated = _number(money["charging_cny"])
    wanted = most if math.isfinite(most) else -1.0
    yield same("joint money left to charging", stated, wanted, CLOSE)
    yield same("budget that charging was planned with", _number(_own(plan)), stated, CLOSE)
    floor = {name: one["floor_cny"] for name, one in taken.items()}
    least = {name: one["least_cny"] for name, one in taken.items()}
    best = max(most, min(_left(budget, floor, least)))
    wanted = best if math.isfinite(best) else -1.0
    yield same("most joint money of charging", _number(money["charging_most_cny"]), wanted, CLOSE)


def _own(plan: Plan) -> float | None:
    own: float | None = plan.run["settings"]["budget_cny"]
    return own


def _check_bound(plan: Plan, record: Settings) -> Iterator[Finding]:
    """Evaluate the multipliers at the most money that charging could have."""
    served = float(plan.catchments.kwh_day.sum())
    claimed, money = float(record["bound"]), record["money"]
    yield same("joint objective", float(record["objective"]), served, 1e-6)
    gap = max(0.0, claimed - served) / max(served, 1e-9)
    yield same("joint gap", float(record["gap"]), gap, 1e-6)
    now, most = money["charging_cny"], money["charging_most_cny"]
    if now is None or most is None or most <= now:
        yield same("joint bound", claimed, max(float(plan.run["bound"]), served), CLOSE)
        return
    bound = float(plan.demand.kwh_day.sum())
    arrays = {name: values for name, values in plan.evidence.items() if "/" not in name}
    if arrays:
        upper = arrays["row_upper"].astype(float)
        row = np.flatnonzero(np.isclose(upper, float(now), rtol=1e-12))
        row = row[[_is_money(arrays, int(one)) for one in row]]
        one = len(row) == 1
        yield Finding("evidence: one row of money", one, "1", str(len(row)))
        if one:
            upper[row] = float(most)
            bound = min(bound, lagrangian_bound({**arrays, "row_upper": upper}))
    yield Finding(
        "joint bound from the multipliers",
        claimed >= bound * (1 - CLOSE),
        f"{claimed:,.6g}",
        f"{bound:,.6g}",
    )


def _is_money(arrays: Mapping[str, Any], row: int) -> bool:
    """Tell whether a global row sums opening costs and pile costs."""
    low, high = (int(at) for at in arrays["row_open.indptr"][row : row + 2])
    opening = np.zeros(len(arrays["fixed_cny"]))
    opening[arrays["row_open.indices"][low:high]] = arrays["row_open.data"][low:high]
    low, high = (int(at) for at in arrays["row_piles.indptr"][row : row + 2])
    piles = np.zeros(arrays["allowed"].size)
    piles[arrays["row_piles.indices"][low:high]] = arrays["row_piles.data"][low:high]
    prices = np.tile(arrays["pile_cny"], len(opening))
    return bool(np.allclose(opening, arrays["fixed_cny"]) and np.allclose(piles, prices))


def _check_short(plan: Plan, budget: Settings, record: Settings) -> Iterator[Finding]:
    """Hold that what is short is named, and that charging's targets are held at their share."""
    short, ledger = record["shortfall"], plan.clauses
    missed = ledger[ledger.status == "short"]
    named = [(row["clause"], row["measure"], round(row["short"], 6)) for row in short["clauses"]]
    found = [
        (row["clause"], row["measure"], round(float(row["target"]) - float(row["planned"]), 6))
        for row in missed.to_dict("records")
    ]
    yield Finding("joint shortfalls are the ledger's", named == found, str(named), str(found))
    status = "short" if found else "met"
    yield Finding("joint status", record["status"] == status, str(record["status"]), status)
    share, most = float(short["share"]), float(short["most_share"])
    yield Finding("share of targets", 0 <= share <= most <= 1, f"{share:g}", f"to {most:g}")
    weights = {str(name): float(weight) for name, weight in budget["weights"].items()}
    heaviest = max([1.0, *weights.values()])
    asked = ledger[(ledger.relation == ">=") & ~ledger.measure.isin({*ROADS, *ROADSIDE})]
    asked = asked[asked.measure != "hydrogen_stations"]
    less = (1 - share) * heaviest / np.array([weights.get(m, 1.0) for m in asked.measure])
    held = np.maximum(0.0, 1 - less) * asked.target.to_numpy(dtype=float)
    low = asked.planned.to_numpy(dtype=float) < held * (1 - 1e-6) - CLOSE
    yield none(f"targets of charging held at {share:.1%}", asked.measure[low])
