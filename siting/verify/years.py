"""Recompute the years of a joint plan: money, targets, smoothness, growth, and their bound."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from siting.verify.finding import Finding, none, same
from siting.verify.standing import counted_piles, piles_before

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    from siting.plan import Plan

    Settings = Mapping[str, Any]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

SPARED = 1e-6
"""Part of each year's money that the rows of the plan leave, as its note says."""


def year_findings(plan: Plan) -> Iterator[Finding]:
    """Recompute what is built and spent in each year, and the bound of the order."""
    budget, record = plan.run["settings"].get("budget"), plan.run.get("joint")
    if budget is None or record is None:
        return
    claimed, years = record["years"], [int(year["year"]) for year in budget["years"]]
    if not years or claimed is None:
        ok = not years and claimed is None
        yield Finding("years of a plan without any", ok, str(claimed), str(years))
        return
    if not {"year", "phase"} <= set(plan.stations.columns):
        yield Finding("stations have years", ok=False, claimed="years", recomputed="none")
        return
    yield from _check_years(plan, years)
    stated = [int(row["year"]) for row in claimed["by_year"]]
    yield Finding("years are the budget's", stated == years, str(stated), str(years))
    if stated == years:
        yield from _check_money(plan, budget, claimed)
        yield from _check_there(plan, budget, claimed)
        yield from _check_smooth(plan, budget)
    yield from _check_bound(plan, budget, claimed, years)


def _items(plan: Plan) -> npt.NDArray[np.bool_]:
    """Stations that are new or cost something: those get a year."""
    stations = plan.stations
    return np.asarray((stations.status == "new") | (stations.cost_cny > 0), dtype=bool)


def _check_years(plan: Plan, years: list[int]) -> Iterator[Finding]:
    """Everything built has a year of the budget; what stands already has none and stays."""
    stations, item = plan.stations, _items(plan)
    year = stations.year.to_numpy(dtype=np.int64)
    yield none("stations are built in a year", stations.site_id[item & ~np.isin(year, years)])
    yield none("stations in operation have no year", stations.site_id[~item & (year != 0)])
    names = np.array([0, *years])
    frames = [("stations", stations, "site_id")]
    if len(plan.hydrogen):
        frames.append(("hydrogen stations", plan.hydrogen, "site_id"))
        late = ~plan.hydrogen.year.isin(years)
        yield none("hydrogen stations are built in a year", plan.hydrogen.site_id[late])
    for name, frame, key in frames:
        phase = frame.phase.to_numpy(dtype=np.int64)
        known = (phase >= 0) & (phase < len(names))
        wrong = ~known | (names[np.where(known, phase, 0)] != frame.year.to_numpy())
        yield none(f"phases of {name} are their years", frame[key][wrong])
    for name, frame, key in (
        ("roadside sites", plan.rsus, "site_id"),
        ("edge nodes", plan.edge_nodes, "edge_node_id"),
        ("test roads", plan.test_roads, "corridor_id"),
    ):
        if len(frame):
            old = frame.opened.astype(bool) if "opened" in frame else False
            off = ~frame.year.isin(years) & ~(old & (frame.year == 0))
            yield none(f"{name} are built in a year of the budget", frame[key][off])
    if len(plan.test_roads):
        phases = plan.run["settings"]["testroads"]["phases"]
        given = np.array([0, *(int(phase["year"] or 0) for phase in phases)])
        off = given[plan.test_roads.phase.to_numpy(dtype=np.int64)] != plan.test_roads.year
        yield none("years of test roads are those of their phase", plan.test_roads.corridor_id[off])


def _spent(plan: Plan, year: int) -> dict[str, float]:
    """Sum what each programme costs in a year, from the layers."""

    def of(name: str, *columns: str) -> float:
        frame = getattr(plan, name)
        if not len(frame):
            return 0.0
        return float(frame.loc[frame.year == year, list(columns)].to_numpy().sum())

    platform = 0.0
    if len(plan.rsus) and year == int(plan.run["settings"]["roadside"]["batches"][0]["year"]):
        platform = round(float(plan.run["settings"]["roadside"]["edge_nodes"]["platform_cny"]))
    return {
        "charging": of("stations", "cost_cny"),
        "hydrogen": of("hydrogen", "cost_cny"),
        "roadside": of("rsus", "cost_cny", "fibre_cny") + of("edge_nodes", "cost_cny") + platform,
        "testroads": of("test_roads", "cost_cny"),
    }


def _check_money(plan: Plan, budget: Settings, claimed: Settings) -> Iterator[Finding]:
    whole = 0.0
    for asked, row in zip(budget["years"], claimed["by_year"], strict=True):
        year, spent = int(asked["year"]), _spent(plan, int(asked["year"]))
        for name, cny in spent.items():
            yield same(f"{year}: money of {name}", float(row["programmes"][name]), cny)
        total = sum(spent.values())
        whole += total
        yield same(f"{year}: money of all", float(row["spent_cny"]), total)
        if asked["most_cny"] is not None:
            over = max(0.0, total - float(asked["most_cny"]))
            yield same(f"{year}: money beyond its budget", 0.0, over)
        for fund in budget["funds"]:
            cost = sum(spent[name] for name in set(fund["programmes"]))
            name = fund["name"]
            yield same(f"{year}: money of fund {name}", float(row["funds"][name]), cost)
            most = float(asked["funds"].get(name, math.inf))
            over = max(0.0, cost - most)
            yield same(f"{year}: money of fund {name} beyond it", 0.0, over)
    yield same("years add up to the total cost", float(plan.run["totals"]["cost_cny"]), whole)


def counts(plan: Plan) -> tuple[dict[str, Floats], dict[str, float]]:
    """Return what each station adds to stations and piles as they count, and what was there."""
    settings, stations, types = plan.run["settings"], plan.stations, plan.pile_types
    readings, existing = settings["readings"], bool(settings["existing_count"])
    each = np.ones(len(types))
    if readings["pile"] == "gun":
        each = types.guns.to_numpy(dtype=float)
    mask = np.ones(len(stations))
    if readings["access"] == "public":
        own = stations.kind.isin(readings["dedicated_kinds"])
        if "access" in stations:
            own = own | (stations.access != "public")
        mask = (~own).to_numpy(dtype=float)
    old = (stations.status != "new").to_numpy()
    before = piles_before(stations, types) @ each * mask * existing
    piles = counted_piles(plan) @ each if len(stations) else np.zeros(0)
    # Where access counts, dedicated stations are out already.
    piles = piles * mask
    swap = float(readings["swap_stations"]) if readings["station"] == "charging_and_swap" else 0.0
    adds = {"stations": (~old).astype(float), "piles": np.asarray(piles - before, dtype=float)}
    there = {"stations": float(old.sum()) * existing + swap, "piles": float(before.sum())}
    return adds, there


def _hydrogen_there(plan: Plan) -> float:
    settings = plan.run["settings"].get("hydrogen")
    if settings is None or not settings["existing_count"]:
        return 0.0
    return float(settings["existing_stations"])


def _check_there(plan: Plan, budget: Settings, claimed: Settings) -> Iterator[Finding]:
    """Recount what is there at the end of each year: it only grows, and meets interim targets."""
    adds, there = counts(plan)
    built = plan.stations.year.to_numpy(dtype=np.int64)
    last: dict[str, float] = {}
    for asked, row in zip(budget["years"], claimed["by_year"], strict=True):
        year, stated = int(asked["year"]), row["in_all"]
        upto = built <= year
        found = {name: there[name] + float(values[upto].sum()) for name, values in adds.items()}
        hydrogen = int((plan.hydrogen.year <= year).sum()) if len(plan.hydrogen) else 0
        found["hydrogen_stations"] = _hydrogen_there(plan) + hydrogen
        found |= _roads(plan, year)
        for name, value in found.items():
            yield same(f"{year}: {name} in all", float(stated[name]), value, 1e-6)
        served = float(plan.stations.served_kwh_day[upto].sum())
        yield same(f"{year}: energy served", float(row["served_kwh_day"]), served, 1e-6)
        fewer = [name for name, value in found.items() if value < last.get(name, 0.0) - 1e-6]
        yield none(f"{year}: nothing is built back", np.array(fewer, dtype=object))
        last = found
        held = _held(plan, budget, asked)
        stated_held = [float(target["held"]) for target in row["targets"]]
        close = len(held) == len(stated_held) and np.allclose(held, stated_held, rtol=1e-9)
        yield Finding(f"{year}: interim targets", close, str(stated_held), str(held))
        for target, least in zip(asked["targets"], held, strict=True):
            value = found[target["measure"]]
            ok = value >= least * (1 - 1e-6)
            name = f"{year}: interim target of {target['measure']}"
            yield Finding(name, ok, f"at least {least:,g}", f"{value:,.6g}")


def _held(plan: Plan, budget: Settings, asked: Settings) -> list[float]:
    """Interim targets of a year, those of charging at the share that its targets are held at."""
    share = float(plan.run["joint"]["shortfall"]["share"])
    weights = {str(name): float(weight) for name, weight in budget["weights"].items()}
    heaviest, found = max([1.0, *weights.values()]), []
    for target in asked["targets"]:
        less = (1 - share) * heaviest / weights.get(target["measure"], 1.0)
        part = max(0.0, 1 - less) if target["measure"] in {"stations", "piles"} else 1.0
        found.append(part * float(target["at_least"]))
    return found


def _roads(plan: Plan, year: int) -> dict[str, float]:
    """Built area by the end of a year as batches have it, and kilometres of test roads."""
    area = km = 0.0
    if len(plan.batches):
        reading = plan.run["settings"]["roadside"]["reading"]
        upto = plan.batches[plan.batches.year <= year]
        area = float(upto[f"built_area_{reading}_km2"].max()) if len(upto) else 0.0
    if len(plan.test_roads):
        km = float(plan.test_roads.length_m[plan.test_roads.year <= year].sum()) / 1000
    return {"built_area_km2": area, "test_road_km": km}


def _check_smooth(plan: Plan, budget: Settings) -> Iterator[Finding]:
    share = budget["smooth"]
    if share is None:
        return
    built = plan.stations.year.to_numpy(dtype=np.int64)[_items(plan)]
    other = plan.hydrogen.year.to_numpy(dtype=np.int64) if len(plan.hydrogen) else np.zeros(0)
    for name, years in (("charging", built), ("hydrogen", other)):
        most = math.ceil(float(share) * len(years) - 1e-9)
        for asked in budget["years"]:
            count = int((years == int(asked["year"])).sum())
            text = f"at most {most}"
            yield Finding(
                f"{asked['year']}: smooth building of {name}", count <= most, text, str(count)
            )


def _check_bound(
    plan: Plan, budget: Settings, claimed: Settings, years: list[int]
) -> Iterator[Finding]:
    """Price the rows by their multipliers; what is left is each station's best year."""
    item = _items(plan)
    worth = plan.stations.served_kwh_day.to_numpy(dtype=float)[item]
    left = np.arange(len(years), 0, -1, dtype=float)
    at = np.searchsorted(years, plan.stations.year.to_numpy(dtype=np.int64)[item])
    objective = float((worth * left[np.minimum(at, len(left) - 1)]).sum())
    yield same("energy served early", float(claimed["objective"]), objective, 1e-6)
    names = [str(name) for name in plan.evidence.get("years/row_name", ())]
    prices = np.nan_to_num(np.asarray(plan.evidence.get("years/multipliers", ()), dtype=float))
    if len(names) != len(prices):
        yield same("multipliers of the years", float(len(prices)), float(len(names)))
        return
    rows = _rows(plan, budget, years)
    profit = np.outer(np.r_[worth, np.zeros(len(plan.hydrogen))], left)
    constant, unknown = 0.0, []
    for name, price in zip(names, prices.tolist(), strict=True):
        if name not in rows:
            unknown.append(name)
            continue
        amount, first, last, sense, limit = rows[name]
        value = max(0.0, price) if sense > 0 else min(0.0, price)
        constant += value * limit
        profit[:, first : last + 1] -= (value * amount)[:, None]
    yield none("rows of the years", np.array(unknown, dtype=object))
    bound = constant + float(profit.max(axis=1, initial=-np.inf).sum()) if len(profit) else 0.0
    stated = float(claimed["bound"])
    ok = stated >= max(bound * (1 - 1e-9), objective * (1 - 1e-6))
    yield Finding("bound of energy served early", ok, f"{stated:,.9g}", f"{bound:,.9g}")
    gap = max(0.0, stated - objective) / max(objective, 1e-9)
    yield same("gap of energy served early", float(claimed["gap"]), gap, 1e-6)


Row = tuple["Floats", int, int, int, float]
"""Amount of each item, first and last year, 1 for at most and -1 for at least, limit."""


def _rows(plan: Plan, budget: Settings, years: list[int]) -> dict[str, Row]:
    """Write the rows of the years again, from the settings."""
    item, hydrogen = _items(plan), len(plan.hydrogen)
    some = np.r_[np.ones(int(item.sum()), dtype=bool), np.zeros(hydrogen, dtype=bool)]
    cost = plan.stations.cost_cny.to_numpy(dtype=float)[item]
    cost = np.r_[cost, plan.hydrogen.cost_cny.to_numpy(dtype=float) if hydrogen else np.zeros(0)]
    adds, there = counts(plan)
    amounts = {name: np.r_[values[item], np.zeros(hydrogen)] for name, values in adds.items()}
    amounts["hydrogen_stations"] = (~some).astype(float)
    there["hydrogen_stations"] = _hydrogen_there(plan)
    rows: dict[str, Row] = {}
    for t, asked in enumerate(budget["years"]):
        year, spent = years[t], _spent(plan, years[t])
        groups = [("y3_money", asked["most_cny"], list(spent))]
        groups += [
            (f"y4_fund_{n}", asked["funds"].get(fund["name"]), fund["programmes"])
            for n, fund in enumerate(budget["funds"])
        ]
        for name, most, programmes in groups:
            if most is not None:
                mine = some * ("charging" in programmes) + ~some * ("hydrogen" in programmes)
                left = float(most)
                left -= sum(spent[p] for p in ("roadside", "testroads") if p in programmes)
                rows[f"{name}_{year}"] = (cost * mine, t, t, 1, left * (1 - SPARED))
        for target, held in zip(asked["targets"], _held(plan, budget, asked), strict=True):
            name = target["measure"]
            if name in amounts:
                need = math.ceil(held - 1e-9) - there[name]
                rows[f"y5_{name}_{year}"] = (amounts[name], 0, t, -1, need)
        if budget["smooth"] is not None:
            for name, mine in (("charging", some), ("hydrogen", ~some)):
                most = math.ceil(float(budget["smooth"]) * float(mine.sum()) - 1e-9)
                rows[f"y6_smooth_{name}_{year}"] = (mine.astype(float), t, t, 1, float(most))
    return rows
