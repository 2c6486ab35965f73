"""Schemes published as runs, within the budget of all programmes where there is one."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from siting.charging.budgets import without_others
from siting.charging.fairness import Found
from siting.clock import Event, silent, stage
from siting.compare.runs import compare, overlap
from siting.core.outcome import Status
from siting.errors import InfeasibleError, ModelError, SolverError
from siting.files import replacing
from siting.joint.charging import joint_bound
from siting.joint.money import with_charging_budget
from siting.joint.solving import Others, Settled, solve_all
from siting.model.model import load_model
from siting.pipeline import WRITERS, pass_only_verified, prepare, put_together
from siting.said import Said, noted
from siting.schemes.choosing import Choice, Scheme, choose_schemes
from siting.store.runs import read_run, write_run
from siting.units import percent_text
from siting.webmap import write_map

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Any

    import numpy as np
    import numpy.typing as npt

    from siting.ground import Ground
    from siting.model.model import Model
    from siting.plan import Plan

    Bools = npt.NDArray[np.bool_]

MOST_SCHEMES = 4
"""Most schemes of a choice."""


@dataclass(frozen=True, slots=True)
class Schemes:
    """
    Published schemes.

    Attributes
    ----------
    folder
        `runs/` with a run each, `compare/` with them side by side, `schemes.html`, the map that
        switches between them, and `schemes.json`.
    runs
        The run folders.
    choice
        The schemes.
    overlap
        Share of the stations of two schemes that both have (Jaccard), shape (n, n).
    """

    folder: Path
    runs: tuple[Path, ...]
    choice: Choice
    overlap: npt.NDArray[np.float64]


def schemes(
    model: str | Path,
    *,
    out: Path,
    number: int = 3,
    within: float = 0.05,
    differ: float = 0.3,
    overrides: Mapping[str, Any] | None = None,
    report: Callable[[Event], None] = silent,
) -> Schemes:
    """
    Publish two to four materially different plans of a model, and set them side by side.

    Their stations differ. Where the model has a budget of all programmes, each scheme is a whole
    plan within it: the other programmes are planned once and are the same in all, and charging has
    what they leave. Otherwise the schemes are of charging alone.

    Parameters
    ----------
    model
        Name of a model or the path of a YAML file.
    out
        Folder in which `<model>-schemes-<moment>` appears.
    number, within, differ
        See `choose_schemes`.
    overrides
        Values that replace the model's.
    report
        Told what is going on.

    Returns
    -------
    schemes
        Each run is checked like any other.

    Raises
    ------
    ModelError, InputError, InfeasibleError, SolverError, VerificationError, OutputError
        As `pipeline.plan`.
    """
    if not (2 <= number <= MOST_SCHEMES and 0 < within < 1 and 0 < differ <= 1):  # noqa: PLR2004
        raise ModelError(
            "schemes can't be chosen so",
            value=f"number {number}, within {within}, differ {differ}",
            cure=f"Ask for 2 to {MOST_SCHEMES} schemes, and shares between 0 and 1",
        )
    seconds: dict[str, float] = {}
    ground = prepare(load_model(model, overrides), out=out, seconds=seconds, report=report)
    with stage("solve", seconds, report):
        way = _alone(ground) if ground.city.model.budget is None else _jointly(ground, report)
        plans: dict[str, Plan] = {}
        chosen: list[Scheme] = []

        def told(one: Scheme) -> str:
            report(Event("solve", _text(one)))
            chosen.append(one)
            try:
                found = way.build(one, _proven_by(chosen[0], one))
                plans[one.label] = _noted(found, one, way.note, differ)
            except (InfeasibleError, SolverError) as error:
                if one.label == "A":
                    raise
                return f"the stations of scheme {one.label} can't be built by year: {error}"
            return ""

        choice = choose_schemes(
            ground.charging, way.asked, number=number, within=within, differ=differ,
            first=way.first, told=told,
        )  # fmt: skip
        if choice.ending:
            report(Event("solve", choice.ending))
    folder = out / f"{way.asked.name}-schemes-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    with stage("publish", seconds, report):
        runs = tuple(_publish(plans[one.label], one, folder / "runs") for one in choice.schemes)
        ids = ground.candidates.frame["site_id"].astype(str).to_numpy()
        shared = overlap([set(ids[one.decision.opened]) for one in choice.schemes])
        if len(runs) > 1:
            compare(runs, out=folder / "compare")
            back = {one.label: read_run(run) for one, run in zip(choice.schemes, runs, strict=True)}
            write_map(back["A"], folder / "schemes.html", schemes=back)
        with replacing(folder / "schemes.json") as part:
            part.write_text(_record(choice, shared, plans), encoding="utf-8")
    return Schemes(folder, runs, choice, shared)


@dataclass(frozen=True, slots=True)
class _Way:
    """The model that schemes are asked of, the best if known, and how a plan is put together."""

    asked: Model
    first: Found | None
    build: Callable[[Scheme, Found], Plan]
    note: str


def _proven_by(first: Scheme, one: Scheme) -> Found:
    """
    Return a scheme as a plan of the first one's programme, with the bound that was proven there.

    Rows of difference only forbid plans; so that bound holds for every plan, and the scheme's own
    only for plans that differ as asked.
    """
    if one is first:
        return Found(one.programme, one.outcome)
    proof, served = first.outcome, one.outcome.objective
    bound = max(proof.bound, served)
    gap = abs(bound - served) / max(abs(served), 1e-9)
    outcome = replace(
        one.outcome, status=Status.FEASIBLE, bound=bound, gap=gap, certificate=proof.certificate
    )
    return Found(first.programme, outcome)


def _alone(ground: Ground) -> _Way:
    """Choose schemes of charging alone."""
    asked = without_others(ground.city.model, ground.city.model.charging.budget_cny)

    def build(one: Scheme, found: Found) -> Plan:
        at = _named(ground, asked, one)
        settled = Settled(Others(None, None, None), found, at.city.model, None)
        return put_together(at, settled, {"solve": one.outcome.seconds})

    return _Way(asked, None, build, "只含充换电 / charging alone")


def _jointly(ground: Ground, report: Callable[[Event], None]) -> _Way:
    """Choose schemes of one budget: the others planned once, charging with what they leave."""
    charging = ground.city.model.charging.model_copy(update={"objective": "served"})
    model = ground.city.model.model_copy(update={"charging": charging})
    ground = replace(ground, city=replace(ground.city, model=model))
    best = solve_all(ground, report)
    assert best.joint is not None  # noqa: S101
    money, kept = best.joint
    asked = without_others(model, money.charging_cny, kept.share)

    def build(one: Scheme, found: Found) -> Plan:
        at = _named(ground, model, one)
        bound = joint_bound(found.programme, found.outcome, money)
        within = replace(kept, found=found, bound_kwh_day=bound)
        given = with_charging_budget(at.city.model, money.charging_cny)
        settled = Settled(best.others, found, given, (money, within))
        return put_together(at, settled, {"solve": one.outcome.seconds})

    return _Way(
        asked, best.found, build,
        "同一总预算下的整体方案，充换电以外各专项各方案相同 / a whole plan within one budget; the "
        "programmes beside charging are the same in every scheme",
    )  # fmt: skip


def _named(ground: Ground, asked: Model, one: Scheme) -> Ground:
    """Return the ground with the model under the name of a scheme."""
    named = asked.model_copy(update={"name": f"{asked.name[:50]}-scheme-{one.label}"})
    return replace(ground, city=replace(ground.city, model=named))


def _text(one: Scheme) -> str:
    return (
        f"scheme {one.label}: {int(one.decision.opened.sum()):,} stations, "
        f"{one.outcome.objective / 1000:,.0f} MWh a day, "
        f"{percent_text(one.of_best, 'en')} of the best"
    )


def _noted(found: Plan, one: Scheme, note: str, differ: float) -> Plan:
    """Say in a run which scheme it is, and how it differs."""
    zh, en = note.split(" / ")
    zh, en = f"方案 {one.label}，{zh}", f"scheme {one.label}, {en}"
    if one.label != "A":
        zh += f"；不用此前各方案至少 {percent_text(differ)} 的新站址"
        en += (
            f"; at least {percent_text(differ, 'en')} of the free sites of every earlier scheme "
            "are closed"
        )
    return replace(found, run=noted(found.run, last=(Said(zh, en),)))


def _publish(found: Plan, one: Scheme, out: Path) -> Path:
    """Check a scheme and write its run folder."""
    seconds = {"solve": one.outcome.seconds}
    folder, _ = write_run(pass_only_verified(found), out, WRITERS, seconds)
    return folder


def _record(choice: Choice, shared: npt.NDArray[np.float64], plans: Mapping[str, Plan]) -> str:
    """Return the schemes as JSON."""
    rows = []
    for one in choice.schemes:
        run = plans[one.label].run
        joint = run.get("joint") or run
        rows.append(
            {
                "scheme": one.label,
                "served_kwh_day": one.outcome.objective,
                "bound_kwh_day": joint["bound"],
                "differing_bound_kwh_day": one.outcome.bound,
                "of_best": one.of_best,
                "stations": int(one.decision.opened.sum()),
                "cost_cny": int(run["totals"]["cost_cny"]),
                "charging_cost_cny": int(run["totals"]["charging_cost_cny"]),
            }
        )
    record = {"schemes": rows, "overlap": shared.tolist(), "ending": choice.ending}
    return json.dumps(record, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
