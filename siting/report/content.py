"""What a report says: every figure from the run record or the layers, as plain values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from siting.city.catalog import said_of_input
from siting.locks.record import DEEDS, NAMES
from siting.report.drawing import Marks, bars, plan_map
from siting.said import Said, notes_of, same, told
from siting.tables.headline import headline
from siting.tables.investment import CATEGORIES, WHOLE_CITY, contingency_cny, investment
from siting.tables.sheets import STATUS
from siting.text import clip
from siting.units import count_text, gap_text, money_text, percent_text
from siting.wording import LEVELS, amount_text, measure_name, short_said, shortfall_said

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from siting.plan import Plan

LONGEST = 400
"""Rows of an appendix table; the workbook holds all."""
_ORDER = ("short", "met", "preference", "context", "not_modelled")
_STATUS_EN = {
    "met": "met",
    "short": "short",
    "preference": "preference",
    "context": "context",
    "not_modelled": "not modelled",
}
_RELATIONS = {">=": "≥", "<=": "≤", "==": "="}
_PROGRAMMES = {
    "hydrogen": ("加氢站", "hydrogen stations"),
    "roadside": ("路侧设施", "roadside units"),
    "edge_nodes": ("边缘计算节点", "edge nodes"),
    "testroads": ("测试道路", "test roads"),
}
_SOLVED = {
    "optimal": ("已证明最优", "proven optimal"),
    "feasible": ("可行，差距已证明", "feasible, with a proven gap"),
}


def report_content(plan: Plan) -> dict[str, Any]:
    """
    Return all that the template shows, as text, numbers and SVG made from numbers.

    Text of the data is given as it is; the template escapes it.
    """
    run = plan.run
    return {
        "run": run,
        "credit": told(run, "attribution"),
        "approval": clip(str(run.get("approval") or ""), 80),
        "title_zh": clip(str(run["title_zh"] or run["model"]), 120),
        "title_en": clip(str(run["title_en"] or run["model"]), 120),
        "figures": [_figure(figure) for figure in headline(run)],
        "answer": _answer(plan),
        "targets": _targets(plan.clauses),
        "map": plan_map(plan, _marks(plan)),
        "ledger": _ledger(plan.clauses),
        "counts": _counts(plan.clauses),
        "districts": _districts(plan),
        "charts": _charts(plan),
        "investment": _investment(plan),
        "joint": _joint(run),
        "assumptions": _assumptions(plan.assumptions),
        "method": _method(run),
        "certificates": _certificates(run),
        "inputs": _inputs(run),
        "stations": _stations(plan),
        "rsus": _rsus(plan),
        "roads": _roads(plan),
        "hydrogen": _hydrogen(plan),
        "locks": _locks(plan),
        "longest": LONGEST,
    }


def _figure(figure: Any) -> dict[str, str]:  # noqa: ANN401
    """Write one headline figure; its exact value goes along for machines."""
    money = figure.key == "cost_cny"
    plain = f"{figure.value:,.{figure.decimals}f}"
    return {
        "key": figure.key,
        "exact": repr(figure.value),
        "zh": figure.zh,
        "en": figure.en,
        "value_zh": money_text(figure.value) if money else f"{plain} {figure.unit_zh}",
        "value_en": money_text(figure.value, "en") if money else f"{plain} {figure.unit_en}",
    }


def _answer(plan: Plan) -> dict[str, Any]:
    """Say in a few sentences what came out."""
    run = plan.run
    statuses = plan.clauses["status"]
    asked = int(statuses.isin(["met", "short"]).sum())
    met = int((statuses == "met").sum())
    share = run["totals"]["served_kwh_day"] / max(float(plan.demand["kwh_day"].sum()), 1e-9)
    zh, en = _SOLVED.get(str(run["status"]), (str(run["status"]), str(run["status"])))
    return {
        "met": met,
        "asked": asked,
        "share_zh": percent_text(share),
        "share_en": percent_text(share, "en"),
        "gap_zh": gap_text(float(run["gap"])),
        "gap_en": gap_text(float(run["gap"]), "en"),
        "status_zh": zh,
        "status_en": en,
        "notes": notes_of(run),
    }


def _marks(plan: Plan) -> list[Marks]:
    kept = plan.stations["status"] == "kept"
    return [
        Marks("新建充换电站", "new charging stations", "#1a7f37", plan.stations[~kept], 2.4),
        Marks("现有充换电站", "existing charging stations", "#57606a", plan.stations[kept], 2.4),
        Marks("路侧点位", "roadside sites", "#bc4c00", plan.rsus, 1.6),
        Marks("边缘计算节点", "edge nodes", "#6639ba", plan.edge_nodes, 2.6),
        Marks("加氢站", "hydrogen stations", "#0550ae", plan.hydrogen, 4.0),
    ]


def _counts(clauses: pd.DataFrame) -> list[tuple[str, str, int]]:
    counts = clauses["status"].value_counts()
    return [(STATUS[s], _STATUS_EN[s], int(counts.get(s, 0))) for s in _ORDER if s in counts]


def _targets(clauses: pd.DataFrame) -> list[dict[str, Any]]:
    """List what was asked as a number and what the plan gives, those that are short first."""
    asked = clauses[clauses["status"].isin(["short", "met"]) & clauses["target"].notna()]
    return _ledger(asked)


def _ledger(clauses: pd.DataFrame) -> list[dict[str, Any]]:
    """List the clauses, those that are short first."""
    rank = {status: place for place, status in enumerate(_ORDER)}
    rows = sorted(
        clauses.to_dict("records"), key=lambda row: (rank[row["status"]], row["clause"] == "")
    )
    return [_clause(row) for row in rows]


def _clause(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Write one row of the ledger."""
    measure = measure_name(str(row["measure"]))
    sign = _RELATIONS.get(str(row["relation"]), str(row["relation"]))
    target = amount_text(float(row["target"]), str(row["unit"]))
    if row["target"] == row["target"]:  # NaN where the clause sets no number
        target = (f"{sign} {target[0]}", f"{sign} {target[1]}")
    planned = amount_text(float(row["planned"]), str(row["unit"]))
    return {
        "clause": str(row["clause"]),
        "measure_zh": measure[0],
        "measure_en": measure[1],
        "target_zh": target[0],
        "target_en": target[1],
        "planned_zh": planned[0],
        "planned_en": planned[1],
        "status": str(row["status"]),
        "status_zh": STATUS[row["status"]],
        "status_en": _STATUS_EN[row["status"]],
        "quote": str(row["quote"]),
        "reading": told(row, "reading"),
        "note": told(row, "note"),
    }


def _districts(plan: Plan) -> list[dict[str, Any]]:
    return [
        {
            "name": str(row["name"]),
            "population": count_text(row["population"]),
            "stations": count_text(row["stations"]),
            "piles": count_text(row["piles"]),
            "share": percent_text(row["served_share"]),
            "cost": _money(row["cost_cny"]),
        }
        for row in plan.districts.to_dict("records")
    ]


def _money(cny: float) -> Said:
    return Said(money_text(cny), money_text(cny, "en"))


def _charts(plan: Plan) -> list[dict[str, str]]:
    by_piles = plan.districts.sort_values("piles", ascending=False)
    piles = [
        (
            same(clip(str(row["name"]), 12)),
            float(row["piles"]),
            same(count_text(row["piles"])),
        )
        for row in by_piles.to_dict("records")
    ]
    table = investment(plan).groupby("category")["cost_cny"].sum()
    cost = [
        (Said(*CATEGORIES[name]), float(table[name]), _money(float(table[name])))
        for name in CATEGORIES
        if name in table.index
    ]
    return [
        {"zh": "各区县充电桩", "en": "Piles by district", "svg": bars(piles)},
        {"zh": "投资构成", "en": "Investment by category", "svg": bars(cost, color="#0550ae")},
    ]


def _investment(plan: Plan) -> dict[str, Any]:
    table = investment(plan)
    total = int(plan.run["totals"]["cost_cny"])
    share = float(plan.run["settings"].get("contingency_share", 0.0))
    spare = contingency_cny(total, share)
    items = table.groupby("category")["items"].sum().to_dict()
    costs = table.groupby("category")["cost_cny"].sum().to_dict()
    rows = [
        (*names, count_text(items[key]), _wan(costs[key]))
        for key, names in CATEGORIES.items()
        if key in costs
    ]
    years = table.groupby("year")["cost_cny"].sum()
    districts = table.groupby("district", sort=False)["cost_cny"].sum().sort_values()[::-1]
    return {
        "rows": rows,
        "total": _wan(total),
        "share": percent_text(share),
        "spare": _wan(spare),
        "whole": _wan(total + spare),
        "years": [(int(y), _wan(v)) for y, v in zip(years.index.to_numpy(), years, strict=True)],
        "districts": [
            (_place(str(name)), _wan(v), percent_text(v / max(total, 1)))
            for name, v in districts.items()
        ],
        "sharing": _sharing(plan.run),
        "preference": _wan(int(plan.run["totals"].get("preference_cost_cny", 0))),
    }


def _place(district: str) -> Said:
    """Name a district; what belongs to the whole city has a word of its own."""
    return Said(WHOLE_CITY, "whole city") if district == WHOLE_CITY else same(district)


def _sharing(run: Mapping[str, Any]) -> dict[str, Any] | None:
    """Say what shared poles and power could save; None where nothing is shared."""
    shared = run.get("sharing")
    if not shared or not shared["pairs"]:
        return None
    return {"pairs": count_text(shared["pairs"]), "saving": _wan(int(shared["saving_cny"]))}


def _joint(run: Mapping[str, Any]) -> dict[str, Any] | None:
    """Say how one budget of all programmes came out, by year; None where there is none."""
    joint = run.get("joint")
    if joint is None:
        return None
    money, years = joint["money"], joint["years"] or {"by_year": ()}
    total = money["total_cny"]
    return {
        "short": joint["status"] == "short",
        "head": shortfall_said(float(joint["shortfall"]["share"])),
        "spent": _wan(money["spent_cny"]),
        "total": "" if total is None else _wan(total),
        "gap_zh": gap_text(float(joint["gap"])),
        "gap_en": gap_text(float(joint["gap"]), "en"),
        "missed": [
            short_said(one["clause"], one["measure"], float(one["short"]), one["unit"])
            for one in joint["shortfall"]["clauses"]
        ],
        "funds": [
            (clip(str(fund["name"]), 60), _wan(fund["spent_cny"]), _wan(fund["most_cny"]))
            for fund in money["funds"]
        ],
        "years": [
            (
                *(str(row["year"]), _wan(row["spent_cny"])),
                "" if row["most_cny"] is None else _wan(row["most_cny"]),
                *(count_text(row["in_all"]["stations"]), count_text(row["in_all"]["piles"])),
                *(f"{row['in_all'][name]:,.1f}" for name in ("built_area_km2", "test_road_km")),
            )
            for row in years["by_year"]
        ],
    }


def _wan(cny: float) -> str:
    return f"{cny / 1e4:,.2f}"


def _assumptions(table: pd.DataFrame) -> dict[str, Any]:
    rows = [
        {
            "key": str(row["key"]),
            **{name: told(row, name) for name in ("value", "unit", "source")},
            "unsourced": bool(row["unsourced"]),
        }
        for row in table.sort_values("unsourced", ascending=False, kind="stable").to_dict("records")
    ]
    return {"rows": rows, "unsourced": sum(bool(row["unsourced"]) for row in rows)}


def _method(run: Mapping[str, Any]) -> dict[str, str]:
    return {
        "objective": f"{run['objective']:,.6g}",
        "bound": f"{run['bound']:,.6g}",
        "route": str(run["route"]),
        "message": str(run["message"]),
        "seconds": f"{run['seconds'].get('solve', math.nan):,.1f}",
        "memory": f"{run['peak_memory_mb']:,.0f}",
        "versions": ", ".join(f"{name} {value}" for name, value in run["versions"].items()),
    }


def _certificates(run: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List what was proven of each programme: charging first, then those that were asked for."""
    solves = [(("充换电站", "charging stations"), run)]
    for key, names in _PROGRAMMES.items():
        part = run.get("roadside", {}).get(key) if key == "edge_nodes" else run.get(key)
        if part and "gap" in part:
            solves.append((names, part))
    return [
        {
            "zh": names[0],
            "en": names[1],
            "meaning": told({"objective_meaning": "", **solve}, "objective_meaning"),
            "objective": f"{solve['objective']:,.7g}",
            "bound": f"{solve['bound']:,.7g}",
            "gap_zh": gap_text(float(solve["gap"])),
            "gap_en": gap_text(float(solve["gap"]), "en"),
            "status_zh": _SOLVED.get(str(solve["status"]), (str(solve["status"]),) * 2)[0],
            "status_en": _SOLVED.get(str(solve["status"]), (str(solve["status"]),) * 2)[1],
        }
        for names, solve in solves
    ]


def _inputs(run: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List what was read, with where it comes from."""
    return [
        {
            "path": str(record["path"]),
            **{
                name: said_of_input(str(record.get(name) or "—"))
                for name in ("source", "licence", "date", "datum")
            },
            "sha256": str(record.get("sha256") or "")[:16],
        }
        for record in run["inputs"]
    ]


def _stations(plan: Plan) -> list[tuple[str, ...]]:
    ordered = plan.stations.sort_values("piles", ascending=False).head(LONGEST)
    return [
        (
            *(str(row["site_id"]), str(row["name"]), str(row["district"])),
            *(count_text(row["piles"]), count_text(row["installed_kw"])),
            *(percent_text(row["utilisation"]), str(row.get("year") or ""), _wan(row["cost_cny"])),
            str(row["clauses"]),
        )
        for row in ordered.to_dict("records")
    ]


def _rsus(plan: Plan) -> list[tuple[Said | str, ...]]:
    return [
        (
            *(str(row["name"]), str(row["district"])),
            Said(*LEVELS.get(row["level"], (str(row["level"]),) * 2)),
            Said("是", "yes") if row["reuse"] else Said("否", "no"),
            *(str(row["year"]), _wan(row["cost_cny"])),
        )
        for row in plan.rsus.head(LONGEST).to_dict("records")
    ]


def _roads(plan: Plan) -> list[tuple[str, ...]]:
    return [
        (
            *(str(row["road"]), str(row["from_name"]), str(row["to_name"])),
            *(f"{row['km']:.2f}", str(row["district"]), str(row["grade"])),
            str(row["phase_name"]),
        )
        for row in plan.test_road_catalogue.head(LONGEST).to_dict("records")
    ]


def _locks(plan: Plan) -> list[tuple[Said | str, ...]]:
    """List the locks with what became of them."""
    return [
        (
            str(lock["number"]),
            Said(*NAMES.get(lock["item"], (str(lock["item"]),) * 2)),
            Said(*DEEDS.get(lock["what"], (str(lock["what"]),) * 2)),
            str(lock["name"]) or " ".join(lock["ids"][:3]),
            Said(str(lock["did_zh"]), str(lock["did_en"])),
            " ".join(filter(None, (str(lock["reason"]), str(lock["who"])))),
        )
        for lock in plan.run.get("locks", ())[:LONGEST]
    ]


def _hydrogen(plan: Plan) -> list[tuple[Said | str, ...]]:
    return [
        (
            *(str(row["name"]), str(row["district"])),
            Said("合建", "combined") if row["combined"] else Said("新建", "new"),
            *(count_text(row["capacity_kg_day"]), str(row.get("year") or "")),
            _wan(row["cost_cny"]),
        )
        for row in plan.hydrogen.to_dict("records")
    ]
