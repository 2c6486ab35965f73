"""Explain a model: every programme analysed, told in sentences, written as JSON and a page."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siting.clock import Event, silent, stage
from siting.core.conflict.task import analysed
from siting.errors import InfeasibleError, LockError, SolverError
from siting.explain.asking import hydrogen_of, roadside_beside, roadside_of, testroads_of
from siting.explain.charging import charging_puzzle
from siting.explain.joint import binding, explain_joint, money_rows
from siting.explain.page import explain_page
from siting.explain.record import record_of
from siting.explain.telling import Explained, explained
from siting.explain.years import explain_years, year_facts, years_told
from siting.files import publishing, remove_stale
from siting.joint.solving import plan_for_less, plan_others, solve_within
from siting.model.model import load_model
from siting.pipeline import assembled, prepare
from siting.structures import Sizing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from siting.explain.parts import Puzzle
    from siting.ground import Ground
    from siting.joint.solving import Others
    from siting.model.model import Model


@dataclass(frozen=True, slots=True)
class Explanation:
    """
    What was found out about a model.

    Attributes
    ----------
    model
        Its name.
    titles
        Its Chinese and English title.
    programmes
        One a programme that the model asks for.
    notes
        What the user has to know, Chinese and English.
    folder
        Where `explain.json` and `explain.html` were written, or None.
    seconds
        Wall time by stage.
    """

    model: str
    titles: tuple[str, str]
    programmes: tuple[Explained, ...]
    notes: tuple[tuple[str, str], ...]
    folder: Path | None
    seconds: Mapping[str, float]

    @property
    def feasible(self) -> bool:
        """Whether a plan was found for every programme."""
        return all(one.verdict == "feasible" for one in self.programmes)


def explain(
    model: str | Path,
    *,
    cache: Path = Path("maps"),
    out: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    report: Callable[[Event], None] = silent,
) -> Explanation:
    """
    Say why a model can't be planned, and the least change that makes it possible.

    Parameters
    ----------
    model
        Name of a model or the path of a YAML file.
    cache
        Folder whose `.cache` keeps the sample city between runs.
    out
        Folder in which `<model>-explain-<moment>` appears; nothing is written without one.
    overrides
        Values that replace the model's; `solve.seconds` is the time of each question.
    report
        Told what is going on, stage by stage.

    Returns
    -------
    explanation
        Of a model that can be planned too: then with the slack of each clause and what it costs.

    Raises
    ------
    ModelError, InputError, SolverError, OutputError
        As `pipeline.plan`.
    """
    seconds: dict[str, float] = {}
    question = load_model(model, overrides)
    ground = prepare(question, out=cache, seconds=seconds, report=report)
    with stage("solve", seconds, report):
        found = explain_ground(ground, report)
    made = Explanation(
        question.name,
        (question.title_zh, question.title_en),
        found,
        _notes(ground),
        None,
        seconds,
    )
    if out is None:
        return made
    folder = out / f"{question.name}-explain-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    out.mkdir(parents=True, exist_ok=True)
    remove_stale(out)
    with publishing(folder) as place:
        write_explanation(made, place)
    return replace(made, folder=folder)


def explain_ground(
    ground: Ground, report: Callable[[Event], None] = silent
) -> tuple[Explained, ...]:
    """
    Explain every programme of a ground's model.

    Parameters
    ----------
    ground
        What is planned on, with the model.
    report
        Told the verdict on each programme.
    """
    others = _joint_others(ground, report)
    model = ground.city.model
    joint = others is not None and binding(model, money_rows(model, others)) is not None
    roadside = roadside_beside(ground) if others is None else others.roadside
    makers: list[Callable[[Ground], Puzzle | None]] = [
        hydrogen_of, partial(roadside_of, roadside), partial(testroads_of, roadside)
    ]  # fmt: skip
    # Where the joint plan limits charging it is explained within it, and not a second time alone.
    makers = makers if joint else [charging_puzzle, *makers]
    found = []
    for make in makers:
        puzzle = make(ground)
        if puzzle is not None:
            found.append(explain_puzzle(puzzle, model))
            _tell(found[-1], report)
    if others is not None:
        report(Event("solve", "joint plan: what collides, and the least money that works ..."))
        own = next((one for one in found if one.programme == "charging"), None)
        found.append(explain_joint(ground, others, own, lambda text: report(Event("solve", text))))
        _tell(found[-1], report)
        years = _years(ground, others, found, report)
        found += [] if years is None else [years]
    return tuple(found)


def _years(
    ground: Ground, others: Others, found: Sequence[Explained], report: Callable[[Event], None]
) -> Explained | None:
    """Explain the years, with the stations of a plan where money and targets have one."""
    model = ground.city.model
    assert model.budget is not None  # noqa: S101
    if not model.budget.years:
        return None
    sizing = ground.charging(model).structure
    assert isinstance(sizing, Sizing)  # noqa: S101
    facts = year_facts(model, sizing, others)
    if facts or any(one.verdict == "infeasible" for one in found):
        return years_told(facts)
    try:
        settled = solve_within(ground, others, report)
        if settled.joint is None or settled.joint[1].share < 1:
            return None
        years = explain_years(assembled(ground, settled, {}), model)
    except (InfeasibleError, LockError, SolverError) as error:
        report(Event("solve", f"no plan for the years: {error.what}"))
        return None
    _tell(years, report)
    return years


def _tell(one: Explained, report: Callable[[Event], None]) -> None:
    report(Event("solve", f"{one.programme}: {one.verdict}, {one.seconds:.0f} s"))


def _joint_others(ground: Ground, report: Callable[[Event], None]) -> Others | None:
    """Plan the programmes beside charging; None without one budget, or where one has no plan."""
    if ground.city.model.budget is None:
        return None
    try:
        return plan_for_less(ground, plan_others(ground, report))
    except (InfeasibleError, LockError) as error:
        report(Event("solve", f"no joint plan: {error.what}"))
        return None


def explain_puzzle(puzzle: Puzzle, model: Model) -> Explained:
    """
    Explain one programme.

    Parameters
    ----------
    puzzle
        The programme.
    model
        Its limits of time and memory are kept.
    """
    begin = time.monotonic()
    limits = model.solve
    analysis = analysed(
        puzzle.case, seconds=limits.seconds, memory_mb=limits.memory_mb, seed=limits.seed
    )
    return explained(puzzle, analysis, time.monotonic() - begin)


def _notes(ground: Ground) -> tuple[tuple[str, str], ...]:
    """Say what the explanation leaves as it is."""
    alone = (
        "各规划分别解释：一个规划放松后，其余规划不变",
        "each programme is explained by itself; what gives way in one leaves the others alone",
    )
    joint = (
        "统一预算下其余规划照其目标布设，充换电用其余下资金，缺口记在充换电",
        "within one budget the others meet their targets and charging falls short",
    )
    notes = [
        alone if ground.city.model.budget is None else joint,
        (
            "缺口按各目标的相对量相加；一个目标分到多个区县或多处的，取其均值",
            "shortfalls add up as shares of what is asked; those of many places as their mean",
        ),
    ]
    if ground.city.map.synthetic:
        notes.append(("道路与设施为合成示例", "roads and facilities are synthetic"))
    return tuple(notes)


def write_explanation(found: Explanation, folder: Path) -> None:
    """
    Write `explain.json` and `explain.html`.

    Parameters
    ----------
    found
        What was found out.
    folder
        Where to write; made when missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record = {
        "model": found.model,
        "title_zh": found.titles[0],
        "title_en": found.titles[1],
        "feasible": found.feasible,
        "notes": [{"zh": zh, "en": en} for zh, en in found.notes],
        "seconds": {name: round(value, 3) for name, value in found.seconds.items()},
        "programmes": [record_of(one) for one in found.programmes],
    }
    text = json.dumps(record, ensure_ascii=False, indent=1, allow_nan=False)
    (folder / "explain.json").write_text(text + "\n", encoding="utf-8")
    (folder / "explain.html").write_text(explain_page(record), encoding="utf-8")
