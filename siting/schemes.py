"""Schemes: plans that serve nearly as much as the best from materially different sites."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from string import ascii_uppercase
from typing import TYPE_CHECKING

import numpy as np
import pulp
from scipy.sparse import csr_array, vstack

from siting.charging.budgets import without_others
from siting.charging.fairness import Found
from siting.clock import Event, silent, stage
from siting.compare.runs import compare, overlap
from siting.core.solve import solve
from siting.errors import InfeasibleError, ModelError, SolverError
from siting.files import replacing
from siting.formulate.charging import decode
from siting.joint.charging import joint_bound
from siting.joint.money import with_charging_budget
from siting.joint.solving import Others, Settled, refuse_impossible, solve_all
from siting.model.model import load_model
from siting.pipeline import WRITERS, pass_only_verified, prepare, put_together
from siting.store.runs import read_run, write_run
from siting.structures import Sizing
from siting.units import percent_text
from siting.webmap import write_map

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    import numpy.typing as npt

    from siting.core.outcome import Outcome
    from siting.formulate.charging import Decision
    from siting.model.model import Model
    from siting.pipeline import Ground
    from siting.plan import Plan
    from siting.programme import Programme

    Bools = npt.NDArray[np.bool_]

MOST_SCHEMES = 4
"""Most schemes of a choice."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """
    One plan of a choice.

    Attributes
    ----------
    label
        `A` for the best plan, then `B` ...
    programme, outcome, decision
        The programme with its rows of difference, how it ended, and the plan.
    of_best
        Energy served over that of scheme A.
    """

    label: str
    programme: Programme
    outcome: Outcome
    decision: Decision
    of_best: float


@dataclass(frozen=True, slots=True)
class Choice:
    """
    Schemes and why there aren't more.

    Attributes
    ----------
    schemes
        The best plan first.
    ending
        Why the search ended before the number asked, "" where it didn't.
    """

    schemes: tuple[Scheme, ...]
    ending: str


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


def with_differences(programme: Programme, chosen: Sequence[Bools], differ: float) -> Programme:
    """
    Add a row for each earlier plan: of its free open sites at most a share may be open again.

    That is a least Hamming distance on the sites that a plan is free to open; sites that have to be
    open are no difference between plans.

    Parameters
    ----------
    programme
        The charging programme, whose PuLP problem gets the rows too.
    chosen
        Open sites of each earlier plan, shape (J,).
    differ
        Least share of them that has to be elsewhere, in (0, 1].
    """
    sizing = programme.structure
    assert isinstance(sizing, Sizing)  # noqa: S101
    if not chosen:
        return programme
    rows = np.array([one & ~sizing.forced for one in chosen], dtype=float)
    most = np.floor((1 - differ) * rows.sum(axis=1) + 1e-9)
    names = tuple(f"difference from scheme {ascii_uppercase[n]}" for n in range(len(rows)))
    for n, row in enumerate(rows):
        terms = pulp.LpAffineExpression(
            [(programme.variables[j], 1.0) for j in np.flatnonzero(row)]
        )
        limit = pulp.LpConstraint(terms, pulp.LpConstraintLE, f"difference_{n}", float(most[n]))
        programme.problem.addConstraint(limit)
    count = len(rows)
    wide = replace(
        sizing,
        row_name=(*sizing.row_name, *names),
        row_open=csr_array(vstack([sizing.row_open, csr_array(rows)], format="csr")),
        row_piles=_longer(sizing.row_piles, count),
        row_served=_longer(sizing.row_served, count),
        row_lower=np.append(sizing.row_lower, np.full(count, -np.inf)),
        row_upper=np.append(sizing.row_upper, most),
    )
    return replace(programme, structure=wide)


def _longer(rows: csr_array, more: int) -> csr_array:
    """Append empty rows."""
    return csr_array(vstack([rows, csr_array((more, rows.shape[1]))], format="csr"))


def choose_schemes(
    formulate: Callable[[Model], Programme],
    model: Model,
    *,
    number: int,
    within: float,
    differ: float,
    first: Found | None = None,
    told: Callable[[Scheme], str] | None = None,
) -> Choice:
    """
    Find plans that differ materially and serve nearly as much as the best that was found.

    Parameters
    ----------
    formulate
        Makes the charging programme of a model.
    model
        The planning model.
    number
        How many schemes, the best plan among them.
    within
        How much less than the best plan a scheme may serve, as a share.
    differ
        Least share of the free sites of every earlier scheme that a scheme doesn't open.
    first
        The best plan, where it was found already.
    told
        Told of each scheme; says why it is none, "" where it is one.

    Raises
    ------
    InfeasibleError, SolverError
        There is no plan at all.
    """
    ending = ""
    found: list[Scheme] = []
    for label in ascii_uppercase[:number]:
        earlier = [one.decision.opened for one in found]
        programme, outcome = _differing(formulate, model, earlier, differ, first)
        if not found:
            refuse_impossible(outcome)
        floor = (1 - within) * found[0].outcome.objective if found else -np.inf
        if found and not outcome.objective >= floor:
            ending = _ending(label, outcome, floor, within, differ)
            break
        decision = decode(programme, outcome)
        of_best = outcome.objective / max(found[0].outcome.objective, 1e-9) if found else 1.0
        scheme = Scheme(label, programme, outcome, decision, of_best)
        ending = "" if told is None else told(scheme)
        if ending:
            break
        found.append(scheme)
    return Choice(tuple(found), ending)


def _differing(
    formulate: Callable[[Model], Programme],
    model: Model,
    earlier: Sequence[Bools],
    differ: float,
    first: Found | None,
) -> tuple[Programme, Outcome]:
    """Solve with the rows of difference from the earlier schemes."""
    if not earlier and first is not None:
        return first.programme, first.outcome
    limits = model.solve
    programme = with_differences(formulate(model), earlier, differ)
    outcome = solve(
        programme,
        gap=limits.gap,
        seconds=limits.seconds,
        memory_mb=limits.memory_mb,
        seed=limits.seed,
    )
    return programme, outcome


def _ending(label: str, outcome: Outcome, floor: float, within: float, differ: float) -> str:
    """Say why there is no further scheme, and whether that is proven."""
    proven = outcome.status == "infeasible" or outcome.bound < floor
    how = "there is no" if proven else "no plan was found in the time for"
    return (
        f"{how} scheme {label}: within {percent_text(within, 'en')} of the best, with "
        f"{percent_text(differ, 'en')} of the sites of every earlier scheme elsewhere"
    )


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

        def told(one: Scheme) -> str:
            report(Event("solve", _text(one)))
            try:
                plans[one.label] = _noted(way.build(one), one, way.note, differ)
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
    build: Callable[[Scheme], Plan]
    note: str


def _alone(ground: Ground) -> _Way:
    """Choose schemes of charging alone."""
    asked = without_others(ground.city.model, ground.city.model.charging.budget_cny)

    def build(one: Scheme) -> Plan:
        at = _named(ground, asked, one)
        found = Found(one.programme, one.outcome)
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

    def build(one: Scheme) -> Plan:
        at = _named(ground, model, one)
        found = Found(one.programme, one.outcome)
        bound = joint_bound(one.programme, one.outcome, money)
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
    """Say in a run which scheme it is, and what its bound is on."""
    zh, en = note.split(" / ")
    zh, en = f"方案 {one.label}，{zh}", f"scheme {one.label}, {en}"
    if one.label != "A":
        zh += f"；不用此前各方案至少 {percent_text(differ)} 的新站址，上界仅对如此之方案而言"
        en += (
            f"; at least {percent_text(differ, 'en')} of the free sites of every earlier scheme "
            "are closed, and its bound is on plans of which that holds"
        )
    return replace(found, run={**found.run, "notes": [*found.run["notes"], f"{zh} / {en}"]})


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
        joint = run.get("joint") or {"bound": one.outcome.bound, "status": "met"}
        rows.append(
            {
                "scheme": one.label,
                "served_kwh_day": one.outcome.objective,
                "bound_kwh_day": joint["bound"],
                "of_best": one.of_best,
                "stations": int(one.decision.opened.sum()),
                "status": joint["status"],
                "cost_cny": int(run["totals"]["cost_cny"]),
                "charging_cost_cny": int(run["totals"]["charging_cost_cny"]),
            }
        )
    record = {"schemes": rows, "overlap": shared.tolist(), "ending": choice.ending}
    return json.dumps(record, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
