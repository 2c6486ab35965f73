"""The built-area route of the front: solve in a child, check, hand over plan and certificate."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from siting.core.answer import Answer, Limits, ended
from siting.core.building.area import broken_rules, built_cells, ones, plan_value
from siting.core.building.check import Proof, packed, proven_bound
from siting.core.building.solve import BuildingResult, impossible, solve_building
from siting.core.outcome import Status
from siting.core.worker import Report, Stream, run_in_child
from siting.errors import SolverError
from siting.structures import Building

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.core.handover import ArrayModel
    from siting.programme import Programme

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]

ROUTE = "building"
BUILT, HEARD = "built", "heard"
"""Column blocks that the route fills where the programme has them: cells (C,) and groups (G,)."""


@dataclass(frozen=True, slots=True)
class BuildingTask:
    """Payload of a built-area solve: the instance, a start, and how hard to try."""

    building: Building
    start: Bools | None
    gap: float
    seconds: float
    seed: int


@dataclass(frozen=True, slots=True)
class Found:
    """A plan, a bound and its proof that a child leaves while it works."""

    equipped: Bools
    bound: float
    proof: Proof | None = None


def solve_task(task: BuildingTask, stream: Stream) -> BuildingResult:
    """Entry point in the child: solve, streaming plans and bounds."""
    last: list[object] = [None, None]

    def tell(value: float, bound: float, equipped: Bools | None, proof: Proof | None) -> None:
        stream.progress(value, bound)
        if equipped is not None and (equipped is not last[0] or proof is not last[1]):
            last[:] = [equipped, proof]
            stream.answer(Found(equipped, bound, proof))

    return solve_building(
        task.building,
        gap=task.gap,
        seconds=task.seconds,
        seed=task.seed,
        start=task.start,
        tell=tell,
    )


def building_route(
    programme: Programme, model: ArrayModel, limits: Limits
) -> tuple[Answer, Report]:
    """
    Solve a programme whose structure is a `Building`.

    Parameters
    ----------
    programme
        The programme; its PuLP variables are the sites; its start, if any, is taken from them.
    model
        The programme as arrays; its blocks are filled by name, see `BUILT`.
    limits
        How hard to try.

    Returns
    -------
    Answer, Report
        The solution by block name, its bound and certificate; how the child ended.
    """
    building = programme.structure
    assert isinstance(building, Building)  # noqa: S101
    hopeless = impossible(building)
    if hopeless:
        answer = Answer(Status.INFEASIBLE, None, math.nan, math.nan, ROUTE, hopeless)
        return answer, Report("done", None, (), 0.0, 0.0)
    given = programme.start.get("")
    start = None if given is None else np.asarray(given) > 0.5  # noqa: PLR2004
    report = run_in_child(
        "siting.core.building.route:solve_task",
        BuildingTask(building, start, limits.gap, limits.seconds, limits.seed),
        seconds=limits.deadline_s,
        memory_mb=limits.memory_mb,
        progress=limits.progress,
    )
    found = report.answer
    if isinstance(found, Found):
        bounds = [point.bound for point in report.trace if math.isfinite(point.bound)]
        pick = min if building.maximise else max
        bound = pick(bounds) if bounds else math.nan
        proven = math.nan if found.proof is None else proven_bound(building, found.proof)
        by = "multipliers" if math.isclose(bound, proven, rel_tol=1e-9) else "branch and bound"
        text = f"best until it was ended, bound by {by}"
        answer = _answer(building, model, found.equipped, bound, text)
        return _with(answer, found.proof), report
    if not isinstance(found, BuildingResult):
        return ended(report, ROUTE), report
    if found.equipped is None:
        status = Status.INFEASIBLE if found.state == "infeasible" else Status.NO_ANSWER
        return Answer(status, None, math.nan, found.bound, ROUTE, found.message), report
    answer = _answer(building, model, found.equipped, found.bound, found.message)
    return _with(answer, found.proof), report


def _with(answer: Answer, proof: Proof | None) -> Answer:
    return replace(answer, certificate={} if proof is None else packed(proof))


def _answer(
    building: Building, model: ArrayModel, equipped: Bools, bound: float, message: str
) -> Answer:
    built = built_cells(building, equipped)
    wrong = broken_rules(building, equipped, built)
    if wrong:
        raise SolverError(
            "the building route returned a plan that its checker refuses",
            value="; ".join(wrong),
            cure="Please report this programme",
        )
    filled = {
        "": equipped.astype(np.float64),
        BUILT: built.astype(np.float64),
        HEARD: ((ones(building.hears) @ equipped.astype(np.float64)) > 0).astype(np.float64),
    }
    values = {name: filled.get(name, np.zeros(size)) for name, size in model.blocks}
    return Answer(
        status=Status.FEASIBLE,
        values=values,
        objective=plan_value(building, equipped, built),
        bound=bound,
        route=ROUTE,
        message=message,
        load=float(equipped.mean()) if len(equipped) else math.nan,
        versions={"numpy": np.__version__},
    )
