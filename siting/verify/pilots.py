"""Recompute which stations are V2G-ready or carry a solar roof and a battery, and their cost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from siting.verify.finding import Finding, none, same

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from siting.plan import Plan


def pilot_findings(plan: Plan) -> Iterator[Finding]:
    """Recompute the marks, sizes and costs station by station, and their total."""
    rule = plan.run["settings"].get("pilots")
    rows = plan.stations.to_dict("records")
    for row in rows:
        row["slow"] = _slow_piles(plan, row, rule)
    ready, roofed = _ready(rows, rule), _roofed(rows, rule)
    total, marks, sizes, costs = 0, [], [], []
    for row in rows:
        site = row["site_id"]
        if (bool(row["v2g_ready"]), bool(row["solar_storage"])) != (site in ready, site in roofed):
            marks.append(site)
        kwh, kw = _size(row, rule) if site in roofed else (0, 0)
        if (row["storage_kwh"], row["pv_kw"]) != (kwh, kw):
            sizes.append(site)
        cny = 0.0
        if rule:
            cny += kwh * rule["storage_cny_per_kwh"] + kw * rule["pv_cny_per_kw"]
            cny += row["slow"] * rule["v2g_cny_per_pile"] * (site in ready)
        if abs(cny - row["preference_cost_cny"]) > 1:
            costs.append(site)
        total += int(row["preference_cost_cny"])
    yield none("V2G-ready and solar stations follow the rule", np.array(marks))
    yield none("sizes of batteries and solar roofs", np.array(sizes))
    yield none("cost of the preference by station", np.array(costs))
    yield same("cost of the preference", float(plan.run["totals"]["preference_cost_cny"]), total)


def _slow_piles(plan: Plan, row: Mapping[Any, Any], rule: Mapping[str, Any] | None) -> int:
    if not rule:
        return 0
    types = zip(plan.pile_types.type_id, plan.pile_types.kw, strict=True)
    return sum(int(row[f"piles_{name}"]) for name, kw in types if kw <= rule["v2g_most_kw"])


def _ready(rows: list[dict[Any, Any]], rule: Mapping[str, Any] | None) -> set[str]:
    if not rule:
        return set()
    fitting = [row for row in rows if row["kind"] in rule["v2g_kinds"] and row["slow"]]
    return _first(fitting, rule["v2g_share"])


def _roofed(rows: list[dict[Any, Any]], rule: Mapping[str, Any] | None) -> set[str]:
    if not rule:
        return set()
    least = rule["storage_least_bays"]
    fitting = [
        row for row in rows if row["kind"] in rule["storage_kinds"] and row["max_piles"] >= least
    ]
    return _first(fitting, rule["storage_share"])


def _first(rows: list[dict[Any, Any]], share: float) -> set[str]:
    """Site ids of a share of the rows, the most energy first."""
    ordered = sorted(rows, key=lambda row: (-round(row["served_kwh_day"]), row["site_id"]))
    return {row["site_id"] for row in ordered[: math.ceil(share * len(rows) - 1e-9)]}


def _size(row: Mapping[Any, Any], rule: Mapping[str, Any]) -> tuple[int, int]:
    """Battery in kWh and solar roof in kW."""
    return (
        math.ceil(row["peak_kw"] * rule["storage_kwh_per_peak_kw"] - 1e-9),
        math.ceil(row["max_piles"] * rule["pv_kw_per_bay"] - 1e-9),
    )
