"""The `joint` part of run.json: money by programme, fund and year, shortfalls, bound and years."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from siting.joint.years import fixed_cny, held_targets, items_of, roads_by, with_years
from siting.said import Said, joined, noted
from siting.units import gap_text, money_text
from siting.wording import short_said

if TYPE_CHECKING:
    from collections.abc import Mapping

    from siting.joint.charging import Within
    from siting.joint.money import Money
    from siting.model.budget import Budget
    from siting.model.model import Model
    from siting.plan import Plan

PROGRAMMES = {
    "charging": "charging_cost_cny",
    "hydrogen": "hydrogen_cost_cny",
    "roadside": "roadside_cost_cny",
    "testroads": "test_road_cost_cny",
}
"""Name in the totals of what each programme costs."""
MEANING = Said(
    "统一预算内各专项方案的服务电量（kWh/日）",
    "energy served, kWh a day, by plans of all programmes within one budget",
)


def with_joint(plan: Plan, model: Model, money: Money, within: Within) -> Plan:
    """
    Put the years and the joint record into a plan.

    Parameters
    ----------
    plan
        The assembled plan of all programmes.
    model
        The model as it was asked, with its budget.
    money
        How the budget was divided.
    within
        How charging was solved within it.

    Returns
    -------
    plan
        With `joint` and settings of the budget in the run record, and a note where it is short.

    Raises
    ------
    InfeasibleError, SolverError
        As `with_years`.
    """
    budget = model.budget
    assert budget is not None  # noqa: S101
    plan, years = with_years(plan, model, within.share)
    served = float(plan.run["totals"]["served_kwh_day"])
    bound = max(within.bound_kwh_day, served)
    short = _shortfall(plan, within)
    record: dict[str, Any] = {
        "status": "short" if short["clauses"] else "met",
        "objective": served,
        "objective_meaning": MEANING.en,
        "objective_meaning_zh": MEANING.zh,
        "bound": bound,
        "gap": (bound - served) / max(served, 1e-9),
        "shortfall": short,
        "money": _money(plan, budget, money),
        "years": years and {**years, "by_year": _by_year(plan, model, within.share)},
    }
    notes = [short_text(record)] if short["clauses"] else []
    settings = {**plan.run["settings"], "budget": plain_budget(model)}
    run = {**plan.run, "joint": record, "settings": settings}
    return replace(plan, run=noted(run, first=notes))


def plain_budget(model: Model) -> dict[str, Any]:
    """Return the budget of a model as JSON knows it, with the charging budget of its own."""
    budget = model.budget
    assert budget is not None  # noqa: S101
    plain: dict[str, Any] = budget.model_dump(mode="json")
    plain["smooth"] = None if budget.smooth is None else budget.smooth.value
    return {**plain, "charging_cny": model.charging.budget_cny}


def _shortfall(plan: Plan, within: Within) -> dict[str, Any]:
    """List the clauses that are short, each in its unit."""
    missed = plan.clauses[plan.clauses["status"] == "short"]
    return {
        "share": within.share,
        "most_share": within.most_share,
        "proven": within.proven,
        "clauses": [
            {
                "clause": str(row["clause"]),
                "measure": str(row["measure"]),
                "unit": str(row["unit"]),
                "at_least": float(row["target"]),
                "planned": float(row["planned"]),
                "short": float(row["target"]) - float(row["planned"]),
            }
            for row in missed.to_dict("records")
        ],
    }


def _money(plan: Plan, budget: Budget, money: Money) -> dict[str, Any]:
    spent = {name: int(plan.run["totals"][key]) for name, key in PROGRAMMES.items()}
    programmes = [
        {"programme": "charging", "spent_cny": spent["charging"]},
        *(
            {
                "programme": name,
                "spent_cny": spent[name],
                "held_cny": one.held_cny,
                "floor_cny": one.floor_cny,
                "least_cny": one.least_cny,
            }
            for name, one in money.taken.items()
        ),
    ]
    return {
        "total_cny": budget.total_cny,
        "spent_cny": int(plan.run["totals"]["cost_cny"]),
        "charging_cny": money.charging_cny,
        "charging_most_cny": money.charging_most_cny,
        "programmes": programmes,
        "funds": [
            {
                "name": fund.name,
                "most_cny": fund.most_cny,
                "spent_cny": sum(spent[name] for name in set(fund.programmes)),
            }
            for fund in budget.funds
        ],
    }


def _by_year(plan: Plan, model: Model, share: float) -> list[dict[str, Any]]:
    """Sum each year: money by programme and fund, and what is there at its end."""
    budget = model.budget
    assert budget is not None  # noqa: S101
    years = tuple(year.year for year in budget.years)
    fixed = fixed_cny(plan, years)
    items = items_of(plan, model.charging)
    stations, hydrogen = plan.stations, plan.hydrogen
    rows = []
    for t, year in enumerate(budget.years):
        spent = {
            "charging": int(stations["cost_cny"][stations["year"] == year.year].sum()),
            "hydrogen": int(hydrogen["cost_cny"][hydrogen["year"] == year.year].sum())
            if len(hydrogen)
            else 0,
            "roadside": int(fixed["roadside"][t]),
            "testroads": int(fixed["testroads"][t]),
        }
        there = _there(plan, items.there, items.count, year.year)
        there |= roads_by(plan, year.year)
        rows.append(
            {
                "year": year.year,
                "most_cny": year.most_cny,
                "spent_cny": sum(spent.values()),
                "programmes": spent,
                "funds": {
                    fund.name: sum(spent[name] for name in set(fund.programmes))
                    for fund in budget.funds
                },
                "in_all": there,
                "served_kwh_day": float(
                    stations["served_kwh_day"][stations["year"] <= year.year].sum()
                ),
                "targets": [
                    {**one.model_dump(), "held": held, "planned": there[one.measure]}
                    for one, held in zip(
                        year.targets, held_targets(budget, year, share), strict=True
                    )
                ],
            }
        )
    return rows


def _there(
    plan: Plan, before: Mapping[str, float], count: Mapping[str, Any], year: int
) -> dict[str, float]:
    """Return what counts at the end of a year, by measure."""
    stations, hydrogen = plan.stations, plan.hydrogen
    cost = stations["cost_cny"].to_numpy(dtype=float)
    item = (stations["status"] == "new").to_numpy() | (cost > 0)
    built = (stations["year"] <= year).to_numpy()[item]
    found = {
        name: before[name] + float(count[name][: len(built)][built].sum())
        for name in ("stations", "piles")
    }
    there = int((hydrogen["year"] <= year).sum()) if len(hydrogen) else 0
    return {**found, "hydrogen_stations": before["hydrogen_stations"] + there}


def joint_text(record: Mapping[str, Any]) -> str:
    """
    Say how the joint plan came out, one sentence.

    Parameters
    ----------
    record
        `joint` of run.json.
    """
    money = record["money"]
    parts = [f"joint plan: {money_text(float(money['spent_cny']), 'en')}"]
    if money["total_cny"] is not None:
        parts[0] += f" of {money_text(float(money['total_cny']), 'en')}"
    parts.append(
        f"{record['objective'] / 1000:,.0f} MWh a day served, at most "
        f"{record['bound'] / 1000:,.0f} by any plan, gap {gap_text(record['gap'], 'en')}"
    )
    if record["years"]:
        spent = ", ".join(
            f"{row['year']} {money_text(float(row['spent_cny']), 'en')}"
            for row in record["years"]["by_year"]
        )
        parts.append(f"by year: {spent}")
    if record["status"] == "short":
        parts.append(short_text(record).en)
    return "; ".join(parts)


def short_text(record: Mapping[str, Any]) -> Said:
    """Say which targets the money doesn't do for, and by how much."""
    short = record["shortfall"]
    missed = joined(
        short_said(str(one["clause"]), str(one["measure"]), float(one["short"]), str(one["unit"]))
        for one in short["clauses"]
    )
    zh, en = missed.zh, missed.en
    if short["share"] < 1:
        held, most = f"{short['share']:.1%}", f"{short['most_share']:.1%}"
        proven = short["proven"]
        none = "没有方案能达到" if proven else "未找到方案达到"
        how = "no plan holds" if proven else "no plan was found with"
        zh += f"（充换电目标按 {held} 执行；{none} {most}）"
        en += f" (targets of charging held at {held}; {how} {most})"
    return Said(f"缺口方案：{zh}", f"shortfall plan, the targets are not all met: {en}")
