"""The budget frontier: what each budget buys, with its bound, its marginal value and the knee."""

from __future__ import annotations

import csv
import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from siting.charging.budgets import solve_budgets
from siting.clock import Event, silent, stage
from siting.errors import ModelError
from siting.files import publishing, remove_stale
from siting.frontier.chart import frontier_chart
from siting.frontier.points import COLUMNS, MARGINAL, SHORT, FrontierPoint, frontier_points
from siting.model.model import load_model
from siting.pipeline import prepare
from siting.units import money_text, percent_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from siting.charging.budgets import Bought
    from siting.pipeline import Ground

MOST_POINTS = 101
"""Most points of a frontier."""


@dataclass(frozen=True, slots=True)
class Frontier:
    """
    A budget frontier and where it was written.

    Attributes
    ----------
    folder
        `frontier.svg`, `frontier.csv` and `frontier.json`.
    model
        Name of the model.
    points
        In ascending order of the budgets.
    notes
        What the user has to know, one sentence each.
    seconds
        Wall time by stage.
    """

    folder: Path
    model: str
    points: tuple[FrontierPoint, ...]
    notes: tuple[str, ...]
    seconds: Mapping[str, float]


def parse_budgets(text: str) -> tuple[float, ...]:
    """
    Read `low:high:number` in CNY as budgets at equal steps.

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
    return tuple(float(value) for value in np.linspace(low, high, int(number)))


def frontier(
    model: str | Path,
    budget: str | Sequence[float],
    *,
    out: Path,
    overrides: Mapping[str, Any] | None = None,
    report: Callable[[Event], None] = silent,
) -> Frontier:
    """
    Solve the charging programme of a model for several budgets, and chart what each buys.

    Everything up to the reach is read and built once; see `budgets.solve_budgets`.

    Parameters
    ----------
    model
        Name of a model or the path of a YAML file.
    budget
        `low:high:number` or the budgets themselves, CNY. Where the roads reach only some districts
        they get their share of each, as in a plan.
    out
        Folder in which `<model>-frontier-<moment>` appears.
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
    ModelError, InputError, SolverError, OutputError
        As `pipeline.plan`.
    """
    budgets = parse_budgets(budget) if isinstance(budget, str) else tuple(sorted(set(budget)))
    if len(budgets) < 2 or not 0 < budgets[0] <= budgets[-1] < math.inf:  # noqa: PLR2004
        raise ModelError("a frontier needs two budgets above 0", where="budget", value=budgets)
    seconds: dict[str, float] = {}
    question = load_model(model, {**(overrides or {}), "charging.budget_cny": budgets[-1]})
    ground = prepare(question, out=out, seconds=seconds, report=report)
    given = ground.city.model.charging.budget_cny
    assert given is not None  # noqa: S101
    part = given / budgets[-1]
    with stage("solve", seconds, report):
        bought = solve_budgets(
            ground.charging,
            ground.city.model,
            [part * value for value in budgets],
            lambda point: report(Event("solve", _text(point))),
        )
    points = frontier_points(ground, bought)
    notes = _notes(ground, part)
    with stage("publish", seconds, report):
        now = datetime.now(UTC)
        folder = out / f"{question.name}-frontier-{now:%Y%m%d-%H%M%S}"
        found = Frontier(folder, question.name, points, notes, seconds)
        out.mkdir(parents=True, exist_ok=True)
        remove_stale(out)
        with publishing(folder) as place:
            write_frontier(found, place, titles=(question.title_zh, question.title_en))
    return found


def _text(point: Bought) -> str:
    """Say what a budget buys, one line."""
    money = money_text(point.budget_cny, "en")
    if point.decision is None:
        return f"{money}: no plan meets every target ({point.outcome.status})"
    gap = (point.bound_kwh_day - point.served_kwh_day) / max(point.served_kwh_day, 1e-9)
    held = "" if point.share >= 1 else f"; targets held at {percent_text(point.share, 'en')}"
    return (
        f"{money}: {point.served_kwh_day / 1000:,.0f} MWh a day, "
        f"gap {percent_text(gap, 'en', 2)}{held}; {point.seconds:.1f} s"
    )


def _notes(ground: Ground, part: float) -> tuple[str, ...]:
    """Say what the frontier leaves as it is."""
    model = ground.city.model
    notes = ["budgets are those of the charging programme; others keep their own"]
    if part < 1:
        notes.append(f"the planned districts get {percent_text(part, 'en')} of each budget")
    if model.charging.objective != "served":
        notes.append("plans serve the most energy, whatever objective the model asks for")
    if ground.city.map.synthetic:
        notes.append("roads and facilities are synthetic")
    return tuple(notes)


def write_frontier(found: Frontier, folder: Path, *, titles: tuple[str, str] = ("", "")) -> None:
    """
    Write `frontier.svg`, `frontier.csv` (UTF-8 with a mark, for Excel) and `frontier.json`.

    Parameters
    ----------
    found
        The frontier.
    folder
        Where to write; made when missing.
    titles
        Chinese and English title of the model.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "frontier.svg").write_text(frontier_chart(found.points, titles), encoding="utf-8")
    with (folder / "frontier.csv").open("w", encoding="utf-8-sig", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        rows.writerows(_cells(point) for point in found.points)
    record = {
        "model": found.model,
        "meaning": {"marginal": MARGINAL, "share": SHORT},
        "notes": list(found.notes),
        "seconds": {name: round(value, 3) for name, value in found.seconds.items()},
        "points": [_record(point) for point in found.points],
    }
    text = json.dumps(record, ensure_ascii=False, indent=1, allow_nan=False)
    (folder / "frontier.json").write_text(text + "\n", encoding="utf-8")


def _record(point: FrontierPoint) -> dict[str, Any]:
    """Return a point as JSON knows it: no NaN."""
    values = {name: getattr(point, name) for name in (*COLUMNS, "seconds")}
    plain = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }
    missed = [
        {name: getattr(one, name) for name in ("clause", "measure", "at_least", "planned")}
        for one in point.short
    ]
    return {**plain, "short": missed}


def _cells(point: FrontierPoint) -> list[object]:
    """Return a row of the table; nothing where there is no number."""
    row = _record(point)
    row["short"] = "; ".join(
        f"{one.clause or 'own'} {one.measure} {one.planned:g} < {one.at_least:g}"
        for one in point.short
    )
    return ["" if row[name] is None else row[name] for name in COLUMNS]
