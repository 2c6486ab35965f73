"""The years of building as something to be explained: money, funds and interim targets."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import numpy as np

from siting.core.conflict.task import Case, analysed
from siting.core.handover import flatten
from siting.core.lpfile import row_names
from siting.errors import InfeasibleError
from siting.explain.arithmetic import cheapest_cny, offers
from siting.explain.others import elastic_of, levels_of
from siting.explain.parts import LIMIT, TARGET, Part, Puzzle, amount_text, parts_of
from siting.explain.telling import Explained, explained
from siting.formulate.oneplan import year_programme
from siting.joint.money import cheapest_roads_cny
from siting.joint.years import year_question

if TYPE_CHECKING:
    from siting.formulate.oneplan import SideRow, YearChoice
    from siting.joint.solving import Others
    from siting.model.budget import Budget, BudgetYear, Fund
    from siting.model.model import Model
    from siting.plan import Plan
    from siting.structures import Sizing

MEASURES = {
    "stations": ("充换电站数", "stations", "stations"),
    "piles": ("充电桩数", "piles", "piles"),
    "hydrogen_stations": ("加氢站数", "hydrogen stations", "stations"),
    "built_area_km2": ("路侧建成区域", "built area", "km2"),
    "test_road_km": ("测试道路里程", "length of test roads", "km"),
}
"""Chinese, English and unit of each measure of an interim target."""
ROWS = frozenset({"stations", "piles"})
"""Interim targets that rows of the charging programme count, by the titles of the rows."""


def explain_years(plan: Plan, model: Model) -> Explained:
    """
    Explain whether the stations of a plan can be built within the years of its budget.

    Parameters
    ----------
    plan
        A plan of all programmes within one budget, without years.
    model
        Its model, whose budget has years.

    Returns
    -------
    Explained
        A conflict is one for these stations, batches and phases, not for all that could be planned.
    """
    begin = time.monotonic()
    try:
        _, _, choice = year_question(plan, model)
    except InfeasibleError as error:
        en = f"{error.where}: {error.what} ({error.value})"
        zh = f"{error.where}：批次、阶段或全部站点本身达不到该年的资金或阶段目标（{error.value}）"
        found = years_told(((zh, en),))
        assert found is not None  # noqa: S101
        return found
    assert model.budget is not None  # noqa: S101
    puzzle = year_puzzle(choice, model.budget)
    limits = model.solve
    analysis = analysed(
        puzzle.case, seconds=limits.seconds, memory_mb=limits.memory_mb, seed=limits.seed
    )
    return explained(puzzle, analysis, time.monotonic() - begin)


def years_told(facts: tuple[tuple[str, str], ...]) -> Explained | None:
    """Return what facts alone tell of the years; None where they tell nothing."""
    if not facts:
        return None
    return Explained(
        "years", "infeasible", facts, 0.0, math.inf, "", True, (), (), None, (), 0.0
    )  # fmt: skip


def year_puzzle(choice: YearChoice, budget: Budget) -> Puzzle:
    """
    Make the programme of years explainable.

    Parameters
    ----------
    choice
        What is to be built over the years.
    budget
        Its money, funds and interim targets.
    """
    programme = year_programme(choice)
    names = row_names(programme)
    parts = [_part(row, budget) for row in choice.rows if row.name in names]
    elastic = elastic_of(flatten(programme), names, parts)
    return Puzzle(
        "years",
        tuple(parts),
        Case(parts_of(parts), elastic),
        (),
        levels_of(elastic, parts),
    )


def _part(row: SideRow, budget: Budget) -> Part:
    """Describe the money, an interim target or the smoothness of a year."""
    year = next(one for one in budget.years if row.name.endswith(f"_{one.year}"))
    if row.name.startswith("y3_money"):
        return money_of_year(year)
    if row.name.startswith("y4_fund"):
        return _fund_of_year(budget.funds[int(row.name.split("_")[2])], year, row.name)
    if row.name.startswith("y5_"):
        return interim_part(row.name.removeprefix("y5_").removesuffix(f"_{year.year}"), year)
    what = ("充换电站", "stations") if "charging" in row.name else ("加氢站", "hydrogen stations")
    zh, en = f"{year.year} 年建设{what[0]}上限（均衡）", f"most {what[1]} built in {year.year}"
    return Part(row.name, LIMIT, "", zh, en, "stations", row.upper, max(1.0, row.upper))


def money_of_year(year: BudgetYear) -> Part:
    """Describe the money of a year."""
    most = year.most_cny or 0.0
    name = f"y3_money_{year.year}"
    return Part(
        name, LIMIT, "", f"{year.year} 年资金", f"money of {year.year}", "cny", most, max(1.0, most)
    )


def _fund_of_year(fund: Fund, year: BudgetYear, key: str) -> Part:
    most = year.funds[fund.name]
    zh, en = f"{fund.name} {year.year} 年资金", f"fund {fund.name} in {year.year}"
    return Part(key, LIMIT, "", zh, en, "cny", most, max(1.0, most))


def interim_part(measure: str, year: BudgetYear) -> Part:
    """Describe an interim target."""
    asked = max(one.at_least for one in year.targets if one.measure == measure)
    zh, en, unit = MEASURES[measure]
    return Part(
        f"y5_{measure}_{year.year}", TARGET, "", f"{year.year} 年末{zh}",
        f"{en} at the end of {year.year}", unit, asked, max(asked, 1e-3),
    )  # fmt: skip


def year_facts(model: Model, sizing: Sizing, others: Others) -> tuple[tuple[str, str], ...]:
    """
    Check the money up to each year against the cheapest way to its interim targets.

    Parameters
    ----------
    model
        The model, with a budget.
    sizing
        Its charging programme.
    others
        Plans of the other programmes, for their candidates and prices.

    Returns
    -------
    facts
        One sentence a year that no plan can pay for, Chinese and English.
    """
    budget = model.budget
    assert budget is not None  # noqa: S101
    facts, money, readings = [], 0.0, model.charging.readings
    for n, year in enumerate(budget.years):
        money += math.inf if year.most_cny is None else year.most_cny
        asked = _up_to(budget.years[: n + 1])
        counted = dict(asked)
        if "stations" in asked and readings.station == "charging_and_swap":
            counted["stations"] = max(0.0, asked["stations"] - readings.swap_stations.value)
        least = {name: _least_cny(name, most, sizing, others) for name, most in counted.items()}
        # A station holds piles: the dearer of the two is what both cost at least.
        both = max(least.pop("stations", 0.0), least.pop("piles", 0.0))
        cost = both + sum(least.values())
        if cost > money:
            facts.append(_fact(year, asked, cost, money))
    return tuple(facts)


def _up_to(years: tuple[BudgetYear, ...]) -> dict[str, float]:
    """Return the largest interim target of each measure up to a year."""
    found: dict[str, float] = {}
    for year in years:
        for one in year.targets:
            found[one.measure] = max(found.get(one.measure, 0.0), one.at_least)
    return found


def _least_cny(measure: str, asked: float, sizing: Sizing, others: Others) -> float:
    """Return the least cost of an interim target by itself; 0 where none is known."""
    if measure in ROWS:
        if measure not in sizing.row_name:
            return 0.0
        gain, cost = offers(sizing, sizing.row_name.index(measure))
        return cheapest_cny(gain, cost, min(asked, float(gain.sum())))
    if measure == "hydrogen_stations" and others.hydrogen is not None:
        there = others.hydrogen.candidates
        cost = np.sort(there["cost_cny"][there["reason"] == ""].to_numpy(dtype=float))
        new = max(0, math.ceil(asked) - int(others.hydrogen.settings["existing"]))
        return float(cost[:new].sum())
    if measure == "test_road_km" and others.testroads is not None:
        plan = others.testroads
        every = plan.frames.corridors.assign(section=False)
        return cheapest_roads_cny(every, {**plan.settings, "least_m": 1000 * asked})
    return 0.0


def _fact(year: BudgetYear, asked: dict[str, float], cost: float, money: float) -> tuple[str, str]:
    told = []
    for language in ("zh", "en"):
        names = [
            f"{MEASURES[name][0 if language == 'zh' else 1]} "
            f"{amount_text(most, MEASURES[name][2], language)}"
            for name, most in asked.items()
        ]
        told.append(("、" if language == "zh" else ", ").join(names))
    zh, en = (amount_text(cost, "cny", language) for language in ("zh", "en"))
    had = [amount_text(money, "cny", language) for language in ("zh", "en")]
    text = f"the interim targets up to {year.year} ({told[1]}) cost {en} at least"
    return (
        f"到 {year.year} 年末的阶段目标（{told[0]}）最省也要 {zh}，到该年的资金合计只有 {had[0]}",
        f"{text}, the money up to then is {had[1]}",
    )
