"""The table of one budget over all programmes: money and what is there, year by year."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from siting.tables.sheets import Column
from siting.units import gap_percent
from siting.wording import measure_name, shortfall_said, unit_name

if TYPE_CHECKING:
    from collections.abc import Mapping

PROGRAMMES = {
    "charging": "充换电",
    "hydrogen": "加氢",
    "roadside": "路侧",
    "testroads": "测试道路",
}
"""Programmes in Chinese."""
MET = "目标全部达到"
"""Whether the money does for the targets, in Chinese."""


def joint_lines(run: Mapping[str, Any]) -> list[list[object]]:
    """Return what the summary says of the joint plan; nothing where there is none."""
    joint = run.get("joint")
    if joint is None:
        return []
    short = shortfall_said(joint["shortfall"]["share"]).zh
    rows: list[list[object]] = [["统一预算方案", MET if joint["status"] == "met" else short, ""]]
    rows += [
        [
            f"缺口 {one['clause'] or '自定'} {measure_name(one['measure'])[0]}",
            round(one["short"], 6),
            unit_name(one["unit"])[0],
        ]
        for one in joint["shortfall"]["clauses"]
    ]
    if joint["money"]["total_cny"] is not None:
        rows.append(["总预算", round(float(joint["money"]["total_cny"])), "元"])
    return [*rows, ["统一预算方案已证明差距", gap_percent(float(joint["gap"])), "%"]]


def joint_table(run: Mapping[str, Any]) -> tuple[tuple[Column, ...], list[list[object]]] | None:
    """Return columns and rows of the table by year, the last row their sum; None without years."""
    joint = run.get("joint")
    if joint is None or joint["years"] is None:
        return None
    funds = [str(fund["name"]) for fund in joint["money"]["funds"]]
    years = joint["years"]["by_year"]
    columns = (
        Column("年份"),
        *(Column(f"{zh}（元）", kind="count") for zh in PROGRAMMES.values()),
        *(Column("合计（元）", kind="count"), Column("年度预算（元）", kind="count")),
        *(Column(f"{name}（元）", kind="count") for name in funds),
        *(Column("累计站数", kind="count"), Column("累计桩数", kind="count")),
        *(Column("累计加氢站", kind="count"), Column("累计建成区域（km²）", kind="figure")),
        *(Column("累计测试道路（km）", kind="figure"), Column("日服务电量（kWh）", kind="count")),
    )
    rows = [_row(row, funds) for row in years]
    spent = [sum(int(row["programmes"][name]) for row in years) for name in PROGRAMMES]
    of_funds = [sum(int(row["funds"][name]) for row in years) for name in funds]
    rows.append(["合计", *spent, sum(spent), None, *of_funds, *[None] * 6])
    return columns, rows


def _row(row: Mapping[str, Any], funds: list[str]) -> list[object]:
    there = row["in_all"]
    return [
        str(row["year"]),
        *(int(row["programmes"][name]) for name in PROGRAMMES),
        int(row["spent_cny"]),
        row["most_cny"],
        *(int(row["funds"][name]) for name in funds),
        *(there[name] for name in ("stations", "piles", "hydrogen_stations")),
        *(there[name] for name in ("built_area_km2", "test_road_km")),
        row["served_kwh_day"],
    ]
