"""The budget frontier: what each budget buys, with its bound, its marginal value and the knee."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from siting.charging.budgets import solve_budgets
from siting.clock import Event, silent, stage
from siting.errors import ModelError
from siting.files import publishing, remove_stale
from siting.frontier.joint import joint_points
from siting.frontier.notes import CHARGING_ALONE, ground_notes, joint_notes
from siting.frontier.points import Frontier, FrontierPoint, Of, frontier_points
from siting.frontier.writing import write_frontier
from siting.joint.money import taken_by
from siting.joint.solving import plan_others, saves_on_roads
from siting.joint.totals import solve_totals
from siting.model.model import load_model
from siting.pipeline import prepare
from siting.units import gap_text, money_text, percent_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from siting.charging.budgets import Bought
    from siting.ground import Ground
    from siting.model.model import Model

    Report = Callable[[Event], None]

MOST_POINTS = 101
"""Most points of a frontier."""


def parse_budgets(text: str) -> tuple[float, ...]:
    """
    Read `low:high:number` in CNY as budgets at equal steps, in whole yuan.

    Raises
    ------
    ModelError
        It is no such text.

    Examples
    --------
    >>> parse_budgets("1e8:3e8:3")
    (100000000.0, 200000000.0, 300000000.0)
    """
    found = re.fullmatch(r"([^:]+):([^:]+):(\d+)", text.strip())
    try:
        low, high, number = (float(part) for part in found.groups()) if found else (0.0, 0.0, 0.0)
    except ValueError:
        low = high = number = 0.0
    if not (0 < low < high < math.inf and 2 <= number <= MOST_POINTS):  # noqa: PLR2004
        raise ModelError(
            "the budgets of a frontier can't be read",
            where="--budget",
            value=text,
            cure=f"Write low:high:number in yuan, 1e9:3e9:9, with 2 to {MOST_POINTS} points",
        )
    return tuple(float(value) for value in np.rint(np.linspace(low, high, int(number))))


def frontier(
    model: str | Path,
    budget: str | Sequence[float],
    *,
    out: Path,
    of: Of | None = None,
    overrides: Mapping[str, Any] | None = None,
    report: Report = silent,
) -> Frontier:
    """
    Plan a model for several budgets, and chart what each buys.

    Everything up to the reach is read and built once. Where the budgets are totals, the programmes
    beside charging are planned once too, see `totals.solve_totals`; otherwise see
    `budgets.solve_budgets`.

    Parameters
    ----------
    model
        Name of a model or the path of a YAML file.
    budget
        `low:high:number` or the budgets themselves, CNY. Where the roads reach only some districts
        they get their share of each, as in a plan.
    out
        Folder in which `<model>-frontier-<moment>` appears.
    of
        Whether budgets are totals of all programmes or those of charging alone. Default: totals
        where the model has a `budget:`.
    overrides
        Values that replace the model's.
    report
        Told what is going on.

    Returns
    -------
    frontier
        With the folder.

    Raises
    ------
    ModelError, InputError, InfeasibleError, SolverError, OutputError
        As `pipeline.plan`; a budget that is too small for a plan is a point that says so.
    """
    budgets = parse_budgets(budget) if isinstance(budget, str) else tuple(sorted(set(budget)))
    if len(budgets) < 2 or not 0 < budgets[0] <= budgets[-1] < math.inf:  # noqa: PLR2004
        raise ModelError("a frontier needs two budgets above 0", where="budget", value=budgets)
    seconds: dict[str, float] = {}
    question = load_model(model, overrides)
    of = of or ("charging" if question.budget is None else "total")
    if of == "total" and question.budget is None:
        raise ModelError(
            "a frontier of totals needs a budget of all programmes",
            where="budget",
            cure="Add `budget:` to the model, or ask for `--of charging`",
        )
    trace = _of_total if of == "total" else _of_charging
    points, notes = trace(model, overrides or {}, budgets, _Run(out, seconds, report))
    with stage("publish", seconds, report):
        now = datetime.now(UTC)
        folder = out / f"{question.name}-frontier-{now:%Y%m%d-%H%M%S}"
        found = Frontier(folder, question.name, of, points, notes, seconds)
        out.mkdir(parents=True, exist_ok=True)
        remove_stale(out)
        with publishing(folder) as place:
            write_frontier(found, place, titles=(question.title_zh, question.title_en))
    return found


@dataclass(frozen=True, slots=True)
class _Run:
    out: Path
    seconds: dict[str, float]
    report: Report

    def tell(self, point: Bought) -> None:
        self.report(Event("solve", _text(point)))

    def prepare(self, question: Model) -> Ground:
        return prepare(question, out=self.out, seconds=self.seconds, report=self.report)


def _of_charging(
    model: str | Path, overrides: Mapping[str, Any], budgets: Sequence[float], run: _Run
) -> tuple[tuple[FrontierPoint, ...], tuple[str, ...]]:
    """Vary the budget of charging."""
    ground = run.prepare(load_model(model, {**overrides, "charging.budget_cny": budgets[-1]}))
    given = ground.city.model.charging.budget_cny
    assert given is not None  # noqa: S101
    part = given / budgets[-1]
    with stage("solve", run.seconds, run.report):
        each = [part * value for value in budgets]
        bought = solve_budgets(ground.charging, ground.city.model, each, run.tell)
        points = frontier_points(ground, bought)
    return points, (CHARGING_ALONE, *ground_notes(ground, part))


def _of_total(
    model: str | Path, overrides: Mapping[str, Any], budgets: Sequence[float], run: _Run
) -> tuple[tuple[FrontierPoint, ...], tuple[str, ...]]:
    """Vary the total of all programmes."""
    question = load_model(model, overrides)
    assert question.budget is not None  # noqa: S101
    spread = question.budget.total_cny
    if spread is None:
        question = load_model(model, {**overrides, "budget.total_cny": budgets[-1]})
    ground = run.prepare(question)
    asked = ground.city.model
    assert asked.budget is not None  # noqa: S101
    assert asked.budget.total_cny is not None  # noqa: S101
    part = asked.budget.total_cny / (spread or budgets[-1])
    if spread is None:
        bare = asked.budget.model_copy(update={"total_cny": None})
        asked = asked.model_copy(update={"budget": bare})
        ground = replace(ground, city=replace(ground.city, model=asked))
    with stage("solve", run.seconds, run.report):
        thrifty = saves_on_roads(asked)
        others = plan_others(ground, run.report, thrifty=thrifty)
        taken = taken_by(others.hydrogen, others.roadside, others.testroads)
        each = [part * value for value in budgets]
        purchases = solve_totals(ground.charging, asked, taken, each, run.tell)
        points = joint_points(ground, others, purchases)
    notes = joint_notes(points, taken, thrifty=thrifty)
    return points, (*notes, *ground_notes(ground, part))


def _text(point: Bought) -> str:
    """Say what a budget of charging buys, one line."""
    money = f"{money_text(point.budget_cny, 'en')} for charging"
    if point.decision is None:
        return f"{money}: no plan meets every target ({point.outcome.status})"
    gap = (point.bound_kwh_day - point.served_kwh_day) / max(point.served_kwh_day, 1e-9)
    held = "" if point.share >= 1 else f"; targets held at {percent_text(point.share, 'en')}"
    return (
        f"{money}: {point.served_kwh_day / 1000:,.0f} MWh a day, "
        f"gap {gap_text(gap, 'en')}{held}; {point.seconds:.1f} s"
    )
