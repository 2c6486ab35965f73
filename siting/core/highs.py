"""
HiGHS on arrays: one `passModel`, a start, streamed incumbents, an answer with HiGHS's own bound.

Runs inside the child process of `core.worker`; nothing here trusts a status without its numbers.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import highspy
import numpy as np

from siting.core.handover import FEASIBILITY, ArrayModel, objective_of, violation

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.core.worker import Stream

_ROWWISE = 2
_TICK_S = 0.2
_MOST_SEED = 2**31 - 1


class Listener(Protocol):
    """What hears of better plans and bounds while HiGHS runs."""

    def progress(self, objective: float, bound: float) -> None:
        """Hear of incumbent and bound; NaN where there is none."""

    def answer(self, answer: object) -> None:
        """Hear of a better solution: a pair of values, shape (n,), and bound."""


@dataclass(frozen=True, slots=True)
class HighsAnswer:
    """
    What HiGHS came to.

    Attributes
    ----------
    kind
        `solved` (within the tolerance asked), `limit`, `infeasible`, `unbounded` or `failed`.
    values
        Solution with integral integers, shape (n,), or None.
    objective, bound
        Objective of `values` and HiGHS's dual bound, NaN where there is none.
    message
        HiGHS's model status in words.
    version
        HiGHS's version.
    """

    kind: str
    values: npt.NDArray[np.float64] | None
    objective: float
    bound: float
    message: str
    version: str


@dataclass(frozen=True, slots=True)
class HighsTask:
    """Payload of a general solve: the model and how hard to try."""

    model: ArrayModel
    gap: float
    seconds: float
    seed: int


def solve_task(task: HighsTask, stream: Stream) -> HighsAnswer:
    """Entry point in the child: solve, streaming incumbents and bounds."""
    return solve_arrays(
        task.model, gap=task.gap, seconds=task.seconds, seed=task.seed, stream=stream
    )


def solve_arrays(
    model: ArrayModel,
    *,
    gap: float,
    seconds: float,
    seed: int = 0,
    abs_gap: float = 0.0,
    nodes: int | None = None,
    stream: Listener | None = None,
) -> HighsAnswer:
    """
    Solve a programme with HiGHS on one thread.

    Parameters
    ----------
    model
        The programme; its start is taken where it has one.
    gap
        Relative gap to stop at.
    seconds
        Time limit of HiGHS; it may overrun it, so the caller keeps a hard deadline of its own.
    seed
        Random seed.
    abs_gap
        Absolute gap to stop at as well.
    nodes
        Most nodes of branch and bound, None for no limit.
    stream
        Where incumbents and bounds go while it runs.

    Returns
    -------
    HighsAnswer
        Never a solution that breaks a row by more than the tolerance of `core.handover`.
    """
    highs = highs_of(model, seconds=seconds, seed=seed)
    highs.setOptionValue("mip_rel_gap", max(gap, 0.0))
    highs.setOptionValue("mip_abs_gap", max(abs_gap, 0.0 if gap > 0 else 1e-9))
    if nodes is not None:
        highs.setOptionValue("mip_max_nodes", nodes)
    if model.start is not None:
        _pass_start(highs, model.start)
    if stream is not None and model.integer.any():
        _subscribe(highs, model, stream)
    highs.run()
    status = highs.getModelStatus()
    names = highspy.HighsModelStatus
    if status in (names.kUnboundedOrInfeasible, names.kInfeasible, names.kUnbounded):
        return _no_solution(highs, model, status)
    return _read_answer(highs, model, status, seconds, seed)


def highs_of(model: ArrayModel, *, seconds: float = math.inf, seed: int = 0) -> highspy.Highs:
    """
    Hand a model over to a new HiGHS in one call, quiet and on one thread.

    Parameters
    ----------
    model
        The programme.
    seconds, seed
        Time limit and random seed.

    Returns
    -------
    highspy.Highs
        Ready to run.
    """
    highs = highspy.Highs()  # type: ignore[no-untyped-call]
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("threads", 1)
    highs.setOptionValue("parallel", "off")
    highs.setOptionValue("random_seed", seed % _MOST_SEED)
    highs.setOptionValue("time_limit", float(seconds))
    highs.setOptionValue("primal_feasibility_tolerance", 1e-7)
    highs.setOptionValue("mip_feasibility_tolerance", 1e-7)
    matrix = model.matrix
    highs.passModel(
        len(model.cost),
        len(model.row_lower),
        matrix.nnz,
        _ROWWISE,
        -1 if model.maximise else 1,
        model.offset,
        model.cost,
        np.where(np.isneginf(model.lower), -highspy.kHighsInf, model.lower),
        np.where(np.isposinf(model.upper), highspy.kHighsInf, model.upper),
        model.row_lower,
        model.row_upper,
        matrix.indptr[:-1].astype(np.int32),
        matrix.indices.astype(np.int32),
        matrix.data.astype(np.float64),
        model.integer.astype(np.int32),
    )
    return highs


def solution_of(highs: highspy.Highs) -> npt.NDArray[np.float64] | None:
    """Primal solution as an array, or None where HiGHS has none."""
    solution = highs.getSolution()
    if not solution.value_valid:
        return None
    return np.array(solution.col_value, dtype=np.float64)


def _pass_start(highs: highspy.Highs, start: npt.NDArray[np.float64]) -> None:
    given = np.flatnonzero(np.isfinite(start)).astype(np.int32)
    if len(given) == len(start):
        solution = highspy.HighsSolution()
        solution.col_value = start
        highs.setSolution(solution)
    elif len(given):
        highs.setSolution(len(given), given, start[given])


def _subscribe(highs: highspy.Highs, model: ArrayModel, stream: Listener) -> None:
    best = [math.nan, math.nan]
    last = [-math.inf]

    def improved(event: Any) -> None:  # noqa: ANN401
        data = event.data_out
        best[0] = float(data.objective_function_value)
        best[1] = _finite(data.mip_dual_bound)
        values = rounded(model, np.array(data.mip_solution, dtype=np.float64))
        if violation(model, values)[0] <= FEASIBILITY:
            stream.answer((values, best[1]))
        stream.progress(best[0], best[1])

    def polled(event: Any) -> None:  # noqa: ANN401
        now = time.monotonic()
        bound = _finite(event.data_out.mip_dual_bound)
        if now - last[0] >= _TICK_S and bound != best[1] and not math.isnan(bound):
            last[0] = now
            best[1] = bound
            stream.progress(best[0], bound)

    highs.cbMipImprovingSolution += improved
    # HiGHS logs nothing when it is quiet; it asks whether to stop all the time.
    highs.cbMipInterrupt += polled


def _finite(value: float) -> float:
    return float(value) if math.isfinite(value) and abs(value) < highspy.kHighsInf else math.nan


def rounded(model: ArrayModel, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Clip a solution to its bounds and round the integer columns."""
    clipped = np.clip(values, model.lower, model.upper)
    return np.where(model.integer, np.rint(clipped), clipped)


def _read_answer(
    highs: highspy.Highs,
    model: ArrayModel,
    status: highspy.HighsModelStatus,
    seconds: float,
    seed: int,
) -> HighsAnswer:
    words = highs.modelStatusToString(status)
    names = highspy.HighsModelStatus
    solved = status in (names.kOptimal, names.kModelEmpty)
    info = highs.getInfo()
    bound = _finite(info.mip_dual_bound) if model.integer.any() else math.nan
    values = solution_of(highs)
    usable = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    if status == names.kModelEmpty:
        values, usable, bound = np.zeros(0), True, model.offset
    if values is None or not (usable or solved):
        return HighsAnswer("limit", None, math.nan, bound, words, highs.version())
    if not model.integer.any() and solved:
        bound = objective_of(model, values)
    values = _repaired(model, values, seconds, seed)
    if values is None:
        return HighsAnswer(
            "failed", None, math.nan, bound, "rounding the integers breaks a row", highs.version()
        )
    objective = objective_of(model, values)
    return HighsAnswer(
        "solved" if solved else "limit", values, objective, bound, words, highs.version()
    )


def _repaired(
    model: ArrayModel, values: npt.NDArray[np.float64], seconds: float, seed: int
) -> npt.NDArray[np.float64] | None:
    """Round the integers; where that breaks a row, solve for the other columns again."""
    candidate = rounded(model, values)
    if violation(model, candidate)[0] <= FEASIBILITY:
        return candidate
    if model.integer.all() or not model.integer.any():
        return None
    highs = highs_of(_fixed(model, candidate), seconds=max(10.0, seconds), seed=seed)
    highs.run()
    again = solution_of(highs)
    if again is None:
        return None
    candidate = rounded(model, np.where(model.integer, candidate, again))
    return candidate if violation(model, candidate)[0] <= FEASIBILITY else None


def _fixed(model: ArrayModel, values: npt.NDArray[np.float64]) -> ArrayModel:
    """Fix the integer columns at given values and leave an LP of the rest."""
    return ArrayModel(
        model.maximise,
        model.offset,
        model.cost,
        np.where(model.integer, values, model.lower),
        np.where(model.integer, values, model.upper),
        np.zeros(len(model.cost), dtype=np.bool_),
        model.matrix,
        model.row_lower,
        model.row_upper,
        model.blocks,
    )


def _no_solution(
    highs: highspy.Highs, model: ArrayModel, status: highspy.HighsModelStatus
) -> HighsAnswer:
    """Tell infeasible from unbounded where presolve left it open, by a solve with no objective."""
    names = highspy.HighsModelStatus
    if status == names.kInfeasible:
        kind = "infeasible"
    elif status == names.kUnbounded:
        kind = "unbounded"
    else:
        columns = np.arange(len(model.cost), dtype=np.int32)
        highs.changeColsCost(len(columns), columns, np.zeros(len(columns)))
        highs.run()
        feasible = highs.getModelStatus() in (names.kOptimal, names.kModelEmpty)
        kind = "unbounded" if feasible else "infeasible"
    words = highs.modelStatusToString(status)
    return HighsAnswer(kind, None, math.nan, math.nan, words, highs.version())
