"""The straight line from a planning model to a published, checked plan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from siting.assemble.assumptions import assumption_table
from siting.assemble.plan import Solved, assemble_plan
from siting.assemble.sharing import with_sharing
from siting.candidates.charging import charging_candidates
from siting.city.layers import read_own_layers
from siting.city.reading import read_city
from siting.city.survey import survey
from siting.clock import Event, silent, stage
from siting.demand.cells import build_cells
from siting.demand.charging import charging_demand
from siting.errors import VerificationError
from siting.evidence import evidence
from siting.formulate.charging import decode
from siting.ground import Ground
from siting.joint.record import joint_text, with_joint
from siting.joint.solving import solve_all
from siting.locks.settling import settle_locks
from siting.model.model import load_model
from siting.network import build_network, centreline_km, components_report
from siting.network.junctions import find_junctions
from siting.reach.catchment import charging_reach
from siting.reach.places import charging_places
from siting.reach.substations import substations_of
from siting.report import write_report
from siting.store.runs import read_run, write_run
from siting.tables.workbook import write_tables
from siting.testroads.bases import fleet_bases
from siting.verify import failures, verify_plan
from siting.webmap import write_map

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from siting.candidates.charging import Candidates
    from siting.city.survey import Survey
    from siting.core.outcome import Outcome
    from siting.demand.charging import Demand
    from siting.joint.solving import Settled
    from siting.model.model import Model
    from siting.network import Network
    from siting.plan import Plan
    from siting.reach.distance import Reach
    from siting.verify import Finding


WRITERS = {"index.html": write_map, "tables.xlsx": write_tables, "report.html": write_report}
"""What a run folder holds beside its layers and its record."""


@dataclass(frozen=True, slots=True)
class Published:
    """A published run: its folder, the plan and how the solve ended."""

    folder: Path
    plan: Plan
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Answered:
    """A checked plan that isn't published yet, and how the charging solve ended."""

    plan: Plan
    outcome: Outcome


def plan(
    model: str | Path,
    *,
    out: Path = Path("maps"),
    overrides: Mapping[str, Any] | None = None,
    report: Callable[[Event], None] = silent,
) -> Published:
    """
    Plan a city: read, build, solve, check, publish.

    Parameters
    ----------
    model
        Name of a model (`jinan`) or the path of a YAML file.
    out
        Folder in which the run folder appears.
    overrides
        Values that replace the model's, nested as in the YAML.
    report
        Told what is going on, stage by stage.

    Returns
    -------
    published
        The run.

    Raises
    ------
    ModelError, InputError
        The model or a file is wrong.
    InfeasibleError
        The targets can't be met together.
    SolverError
        No plan was found in the time given.
    VerificationError
        The checker disagrees with the plan; nothing was published.
    OutputError
        The result can't be written.
    """
    seconds: dict[str, float] = {}
    ground = prepare(load_model(model, overrides), out=out, seconds=seconds, report=report)
    found = answer(ground, seconds=seconds, report=report)
    with stage("publish", seconds, report):
        folder, published = write_run(found.plan, out, WRITERS, seconds)
    return Published(folder, published, found.outcome)


def prepare(
    question: Model,
    *,
    out: Path,
    seconds: dict[str, float],
    report: Callable[[Event], None] = silent,
) -> Ground:
    """
    Read and build what a city is planned on; budgets and targets play no part in it.

    Parameters
    ----------
    question
        The planning model.
    out
        Folder whose `.cache` keeps what can be kept.
    seconds
        Receives the wall time of the stages.
    report
        Told what is going on.

    Returns
    -------
    ground
        Answers of models that differ in budgets and targets alone may share it, as long as
        they ask for charging beside test fleets alike.

    Raises
    ------
    InputError
        A file is wrong.
    """
    with stage("read", seconds, report):
        city, own = read_own_layers(read_city(question, cache=out / ".cache"))
        report(Event("read", city.text))
    with stage("network", seconds, report):
        network = build_network(city.map.roads, city.crs)
        junctions = find_junctions(network, city.map.roads)
        report(Event("network", _network_text(network)))
    with stage("reach", seconds, report):
        asked = city.model.demand
        cells = build_cells(
            network,
            city.districts,
            city.map,
            urban_cell_m=asked.urban_cell_m,
            rural_cell_m=asked.rural_cell_m,
        )
        demand = charging_demand(
            network, city.districts, city.map, asked, cells=cells, people_map=own.people
        )
        candidates = charging_candidates(
            network,
            city.districts,
            city.map,
            city.model.charging,
            cells=cells,
            existing=own.existing,
            exclusions=own.exclusions,
        )
        city, candidates = settle_locks(city, network, junctions, cells, candidates, own)
        reach = charging_reach(network, candidates, demand, city.model.charging)
        rules = city.model.charging.rules
        bases = fleet_bases(city, network, junctions, own.exclusions)
        places = charging_places(
            network, city.districts, city.map, candidates, rules, cells=cells, bases=bases
        )
        fed = substations_of(city.model.charging, network, candidates, city.layers.get("grid"))
        report(Event("reach", _reach_text(demand, candidates, reach)))
    city = replace(city, notes=(*city.notes, *demand.notes))
    return Ground(city, network, junctions, cells, demand, candidates, reach, places, fed, own)


def answer(
    ground: Ground, *, seconds: dict[str, float], report: Callable[[Event], None] = silent
) -> Answered:
    """
    Solve every programme of a model on its ground, and check the plan.

    Parameters
    ----------
    ground
        What is planned on, with the model.
    seconds
        Receives the wall time of the stages.
    report
        Told what is going on.

    Returns
    -------
    answered
        The checked plan.

    Raises
    ------
    InfeasibleError, SolverError, VerificationError
        As `plan`.
    """
    with stage("solve", seconds, report):
        settled = solve_all(ground, report)
        found = put_together(ground, settled, seconds)
        if settled.joint is not None:
            report(Event("solve", joint_text(found.run["joint"])))
        found = with_sharing(found, ground.city.model)
    with stage("check", seconds, report):
        checked = pass_only_verified(found)
    return Answered(checked, settled.found.outcome)


def put_together(ground: Ground, settled: Settled, seconds: Mapping[str, float]) -> Plan:
    """
    Put what was decided for every programme together as a plan, with its years and joint record.

    Parameters
    ----------
    ground
        What was planned on, with the model.
    settled
        Every programme, solved.
    seconds
        Wall time by stage so far.

    Returns
    -------
    plan
        Not yet checked.

    Raises
    ------
    InfeasibleError, SolverError
        The stations can't be built within the years of the budget.
    """
    found = assembled(ground, settled, seconds)
    return found if settled.joint is None else with_joint(found, ground.city.model, *settled.joint)


def assembled(ground: Ground, settled: Settled, seconds: Mapping[str, float]) -> Plan:
    """
    Make a plan of solved programmes, without the years and the record of one budget.

    Parameters
    ----------
    ground
        What is planned on, with the model.
    settled
        Every programme, solved.
    seconds
        Wall time of the stages.
    """
    programme, outcome = settled.found.programme, settled.found.outcome
    others, proof = settled.others, evidence(programme, outcome)
    solved = Solved(
        decode(programme, outcome), outcome, others.hydrogen, ground.places,
        ground.substations, proof, settled.found.worst, others.testroads, others.roadside,
        ground.own, ground.city.model,
    )  # fmt: skip
    city = replace(ground.city, model=settled.asked)
    return assemble_plan(
        city, ground.network, ground.demand, ground.candidates, ground.reach, solved, seconds
    )


def _network_text(network: Network) -> str:
    """Say what was built, with the parts that the largest component doesn't reach."""
    parts = components_report(network)
    apart = sum(part.km for part in parts[1:])
    km = sum(centreline_km(network).values())
    return (
        f"{len(network.node_id):,} nodes, {len(network.tail):,} edges, {km:,.0f} centreline km; "
        f"{len(parts):,} components, {apart:,.0f} km apart from the largest"
    )


def _reach_text(demand: Demand, candidates: Candidates, reach: Reach) -> str:
    """Say what is to be served and from where, with the demand that nothing reaches."""
    kwh = demand.frame.kwh_day.to_numpy()
    reached = np.zeros(len(kwh), dtype=bool)
    reached[reach.demand] = True
    return (
        f"{len(kwh):,} demand points with {kwh.sum() / 1000:,.0f} MWh a day, "
        f"{len(candidates.frame):,} candidate sites, {len(reach.site):,} arcs; "
        f"{kwh[~reached].sum() / 1000:,.1f} MWh a day out of reach"
    )


def pass_only_verified(found: Plan) -> Plan:
    """
    Let a plan through that the independent checker agrees with.

    Raises
    ------
    VerificationError
        What the checker finds against it.
    """
    wrong = failures(verify_plan(found))
    if wrong:
        raise VerificationError("the checker disagrees with the plan", value="; ".join(wrong[:5]))
    return replace(found, run={**found.run, "verified": True})


def check(model: str | Path, *, out: Path = Path("maps")) -> Survey:
    """
    Check a model and its inputs, and say what it asks and what they hold.

    Parameters
    ----------
    model
        Name of a model or the path of a YAML file.
    out
        Folder that keeps the sample city between runs.

    Returns
    -------
    survey
        What the model asks with its unsourced figures, and what was read, one sentence each; and
        everything that is wrong with the inputs, together.

    Raises
    ------
    ModelError
        Everything wrong with the model itself, at once.
    """
    question = load_model(model)
    figures = assumption_table(question)
    unsourced = figures.key[figures.unsourced]
    asked = (
        f"{question.name}: {question.title_zh} {question.title_en}".rstrip(),
        f"area: {question.area.city or 'the extent of the roads'}",
        f"roads: {question.sources.roads.file}; districts: {question.sources.districts.file}",
        *(f"target: {t.clause or 'own'} {t.measure} >= {t.at_least:g}" for t in question.targets),
        *(f"note: {note}" for note in question.said_notes),
        f"{len(figures)} figures, {len(unsourced)} unsourced: {', '.join(unsourced)}",
    )
    found = survey(question, cache=out / ".cache")
    return replace(found, lines=(*asked, *found.lines))


def verify(folder: Path) -> tuple[Finding, ...]:
    """
    Recompute every claim of a published run from its files.

    Parameters
    ----------
    folder
        A run folder.

    Returns
    -------
    findings
        One a claim; the run holds when all are ok.

    Raises
    ------
    InputError
        The folder isn't a run.
    """
    return verify_plan(read_run(folder))
