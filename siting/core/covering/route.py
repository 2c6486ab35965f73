"""The covering route of the front: shrink here, solve in a child, lift, certify."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from siting.core.answer import Answer, Limits, ended
from siting.core.covering.problem import (
    check_covering,
    check_opened,
    covered_rows,
    is_feasible,
    load_of,
)
from siting.core.covering.run import CoveringAnswer, CoveringTask
from siting.core.outcome import Status
from siting.core.shrink import Shrunk, effects_text, shrink
from siting.core.worker import Report, run_in_child
from siting.structures import Covering

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.core.handover import ArrayModel
    from siting.programme import Programme

ROUTE = "covering"


def covering_route(
    programme: Programme, model: ArrayModel, limits: Limits
) -> tuple[Answer, Report]:
    """
    Solve a programme whose structure is a `Covering`.

    Parameters
    ----------
    programme
        The programme; its start, if any, is taken from the sites block.
    model
        The programme as arrays.
    limits
        How hard to try.

    Returns
    -------
    Answer, Report
        The solution by block name, its bound and certificate; how the child ended.
    """
    covering = programme.structure
    assert isinstance(covering, Covering)  # noqa: S101
    check_covering(covering)
    nothing = Report("done", None, (), 0.0, 0.0)
    if not is_feasible(covering):
        message = "the fixed sites cost more than the budget"
        return Answer(Status.INFEASIBLE, None, math.nan, math.nan, ROUTE, message), nothing
    shrunk = shrink(covering)
    small = shrunk.covering
    if not len(small.weight) or not len(small.cost):
        empty = np.zeros(len(small.cost), dtype=np.bool_)
        found = CoveringAnswer(empty, 0.0, 0.0, "multipliers", small.weight, 0.0, 0, 0)
        return _answer(covering, shrunk, found, model), nothing
    task = CoveringTask(
        small, shrunk.offset, limits.gap, limits.seconds, limits.seed, _start(programme, shrunk)
    )
    report = run_in_child(
        "siting.core.covering.solve:solve_small",
        task,
        seconds=limits.deadline_s,
        memory_mb=limits.memory_mb,
        progress=limits.progress,
    )
    if not isinstance(report.answer, CoveringAnswer):
        return ended(report, ROUTE), report
    return _answer(covering, shrunk, report.answer, model), report


def _start(programme: Programme, shrunk: Shrunk) -> npt.NDArray[np.bool_] | None:
    """Start in terms of the small problem, where it keeps the budget there."""
    covering = programme.structure
    assert isinstance(covering, Covering)  # noqa: S101
    given = programme.start.get(covering.blocks[0])
    if given is None:
        return None
    whole = np.asarray(given)[: len(covering.cost)] > 0.5  # noqa: PLR2004
    stand_in = np.where(shrunk.dominator >= 0, shrunk.dominator, np.arange(len(whole)))
    wanted = np.zeros(len(whole), dtype=np.bool_)
    wanted[stand_in[whole]] = True
    small = wanted[shrunk.sites]
    spent = float(shrunk.covering.cost[small].sum())
    return small if spent <= shrunk.covering.budget else None


def _answer(covering: Covering, shrunk: Shrunk, found: CoveringAnswer, model: ArrayModel) -> Answer:
    opened = shrunk.lift(found.opened)
    objective = check_opened(covering, opened)
    bound = found.bound + shrunk.offset if math.isfinite(found.bound) else math.nan
    by_name = {
        covering.blocks[0]: opened.astype(np.float64),
        covering.blocks[1]: covered_rows(covering, opened).astype(np.float64),
    }
    sizes = dict(model.blocks)
    values = {name: v for name, v in by_name.items() if sizes.get(name, len(v)) == len(v)}
    return Answer(
        status=Status.FEASIBLE,
        values={name: np.zeros(0) for name, size in model.blocks if not size} | values,
        objective=objective,
        bound=bound,
        route=ROUTE,
        message="; ".join(
            part for part in (f"bound by {found.bound_by}", effects_text(shrunk.effects)) if part
        ),
        load=load_of(covering),
        reductions=shrunk.effects,
        certificate=_certificate(shrunk, found),
        versions={"numpy": np.__version__} | ({"numba": found.numba} if found.numba else {}),
    )


def _certificate(shrunk: Shrunk, found: CoveringAnswer) -> dict[str, npt.NDArray[np.float64]]:
    """Multipliers as shares of each joined row's weight, and how whole rows and sites map to it."""
    weight = shrunk.covering.weight
    share = np.clip(found.multiplier / np.where(weight > 0, weight, 1.0), 0.0, 1.0)
    return {
        "share": share,
        "group": shrunk.group.astype(np.float64),
        "dominator": shrunk.dominator.astype(np.float64),
        **_cuts(found),
    }


def _cuts(found: CoveringAnswer) -> dict[str, npt.NDArray[np.float64]]:
    """State three joined rows and the multiplier of each odd cut; nothing without cuts."""
    used = found.cut.multiplier > 0
    if not used.any():
        return {}
    return {
        "trio": found.cut.members[used].ravel().astype(np.float64),
        "trio_multiplier": found.cut.multiplier[used],
    }
