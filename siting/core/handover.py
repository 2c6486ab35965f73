"""
Hand-over: one programme as arrays, from PuLP's business rows and the array blocks together.

PuLP stays what a reader sees; blocks of columns and rows too large for a modelling layer go beside
it. Both end in one `ArrayModel`, which pickles, is checked row by row, and is what the solver gets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array, csr_array

from siting.errors import SolverError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt
    import pulp

    from siting.programme import Programme, Rows

    Entries = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]

FEASIBILITY = 1e-6
"""Largest violation of a row or bound, relative to `max(1, |bound|)`, that counts as met."""


@dataclass(frozen=True, slots=True)
class ArrayModel:
    """
    A mixed-integer programme as arrays: `row_lower <= matrix @ x <= row_upper`.

    Attributes
    ----------
    maximise
        Sense of the objective `cost @ x + offset`.
    offset
        Constant of the objective.
    cost, lower, upper
        Objective coefficients and bounds, float64, shape (n,).
    integer
        Which columns are integer, shape (n,).
    matrix
        Coefficients, CSR of shape (m, n), no duplicates.
    row_lower, row_upper
        Row bounds, shape (m,).
    blocks
        Column blocks in order as (name, number of columns); `""` holds the PuLP variables.
    start
        Values of a start, shape (n,), NaN where there is none; or None.
    """

    maximise: bool
    offset: float
    cost: npt.NDArray[np.float64]
    lower: npt.NDArray[np.float64]
    upper: npt.NDArray[np.float64]
    integer: npt.NDArray[np.bool_]
    matrix: csr_array
    row_lower: npt.NDArray[np.float64]
    row_upper: npt.NDArray[np.float64]
    blocks: tuple[tuple[str, int], ...]
    start: npt.NDArray[np.float64] | None = None


def flatten(programme: Programme) -> ArrayModel:
    """
    Turn a programme into arrays.

    Parameters
    ----------
    programme
        PuLP problem and array blocks.

    Returns
    -------
    ArrayModel
        Columns: the PuLP variables in the order of `programme.variables`, then the blocks in order.
        Rows: PuLP's in order of insertion, then the blocks in order.

    Raises
    ------
    SolverError
        Where a block has the wrong shape, an unknown name or a value that is not a number, or where
        a row uses a PuLP variable that `programme.variables` does not list.
    """
    blocks = (("", len(programme.variables)), *((c.name, len(c.cost)) for c in programme.columns))
    _check_blocks(programme, blocks)
    offsets = dict(
        zip((b[0] for b in blocks), np.cumsum([0, *(b[1] for b in blocks[:-1])]), strict=True)
    )
    width = sum(size for _, size in blocks)
    position = {id(variable): k for k, variable in enumerate(programme.variables)}
    cost, offset = _pulp_objective(programme, position)
    pulp_lower, pulp_upper, pulp_integer = _pulp_columns(programme.variables)
    entries, row_lower, row_upper = _pulp_rows(programme, position)
    parts = [entries]
    lowers, uppers = [row_lower], [row_upper]
    first = len(row_lower)
    for rows in programme.rows:
        parts.extend(_block_entries(rows, offsets, first))
        lowers.append(np.asarray(rows.lower, dtype=np.float64))
        uppers.append(np.asarray(rows.upper, dtype=np.float64))
        first += len(rows.lower)
    row, column, value = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    columns = programme.columns
    return ArrayModel(
        maximise=programme.problem.sense == -1,
        offset=offset,
        cost=np.concatenate([cost, *(c.cost for c in columns)], dtype=np.float64),
        lower=np.concatenate([pulp_lower, *(c.lower for c in columns)], dtype=np.float64),
        upper=np.concatenate([pulp_upper, *(c.upper for c in columns)], dtype=np.float64),
        integer=np.concatenate([pulp_integer, *(np.full(len(c.cost), c.integer) for c in columns)]),
        matrix=csr_array(coo_array((value, (row, column)), shape=(first, width))),
        row_lower=np.concatenate(lowers),
        row_upper=np.concatenate(uppers),
        blocks=blocks,
        start=_start(programme, blocks),
    )


def split(
    blocks: Sequence[tuple[str, int]], values: npt.NDArray[np.float64]
) -> dict[str, npt.NDArray[np.float64]]:
    """Cut a solution vector of shape (n,) into its column blocks by name."""
    ends = np.cumsum([size for _, size in blocks])
    return {name: values[end - size : end] for (name, size), end in zip(blocks, ends, strict=True)}


def join(
    blocks: Sequence[tuple[str, int]], values: Mapping[str, npt.NDArray[np.float64]]
) -> npt.NDArray[np.float64]:
    """Put block values together as one vector, NaN where a block has none."""
    return np.concatenate(
        [
            np.asarray(values[name], dtype=np.float64) if name in values else np.full(size, np.nan)
            for name, size in blocks
        ]
    )


def assign(programme: Programme, values: Mapping[str, npt.NDArray[np.float64]]) -> None:
    """
    Write a solution into the PuLP variables, so that `variable.value()` and PuLP's rows speak.

    Parameters
    ----------
    programme
        The programme that was solved.
    values
        Solution by block name; only `""` is used.
    """
    for variable, value in zip(programme.variables, values[""], strict=True):
        variable.varValue = float(value)


def objective_of(model: ArrayModel, values: npt.NDArray[np.float64]) -> float:
    """Objective of a solution vector, the constant included."""
    return float(model.cost @ values) + model.offset


def violation(model: ArrayModel, values: npt.NDArray[np.float64]) -> tuple[float, str]:
    """
    Measure the worst broken bound, row or integrality of a solution.

    Parameters
    ----------
    model
        The programme.
    values
        Solution, shape (n,).

    Returns
    -------
    worst
        Largest violation, relative to `max(1, |bound|)`; 0 where everything is met, infinite where
        a value is not a number.
    where
        `column 12`, `row 7` or `integrality of column 3`; "" where nothing is broken.
    """
    if not np.isfinite(values).all():
        return float("inf"), f"column {int(np.argmin(np.isfinite(values)))}"
    activity = model.matrix @ values
    checks = (
        ("column", _outside(values, model.lower, model.upper)),
        ("row", _outside(activity, model.row_lower, model.row_upper)),
        ("integrality of column", np.where(model.integer, np.abs(values - np.rint(values)), 0.0)),
    )
    worst, where = 0.0, ""
    for label, excess in checks:
        if len(excess) and excess.max() > worst:
            worst = float(excess.max())
            where = f"{label} {int(excess.argmax())}"
    return worst, where


def _outside(
    values: npt.NDArray[np.float64],
    lower: npt.NDArray[np.float64],
    upper: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """How far values lie outside their bounds, relative to `max(1, |bound|)`."""
    below = np.maximum(lower - values, 0.0) / np.where(
        np.isfinite(lower), np.maximum(np.abs(lower), 1.0), 1.0
    )
    above = np.maximum(values - upper, 0.0) / np.where(
        np.isfinite(upper), np.maximum(np.abs(upper), 1.0), 1.0
    )
    return np.maximum(below, above)


def _check_blocks(programme: Programme, blocks: tuple[tuple[str, int], ...]) -> None:
    names = [name for name, _ in blocks]
    if len(set(names)) != len(names):
        raise SolverError("two column blocks share a name", where=programme.name, value=names)
    for column in programme.columns:
        shapes = {len(column.lower), len(column.upper), len(column.cost)}
        if len(shapes) != 1:
            raise SolverError(
                "bounds and costs of a column block differ in length",
                where=f"{programme.name}.{column.name}",
                value=sorted(shapes),
            )
        if not np.isfinite(column.cost).all() or np.isnan([column.lower, column.upper]).any():
            raise SolverError(
                "a column block holds a cost or bound that is not a number",
                where=f"{programme.name}.{column.name}",
            )
    sizes = dict(blocks)
    for rows in programme.rows:
        _check_rows(programme, rows, sizes)
    if programme.problem.sos1 or programme.problem.sos2:
        raise SolverError("special ordered sets are not supported", where=programme.name)


def _check_rows(programme: Programme, rows: Rows, sizes: Mapping[str, int]) -> None:
    where = f"{programme.name}.{rows.name}"
    if len(rows.lower) != len(rows.upper) or np.isnan([rows.lower, rows.upper]).any():
        raise SolverError("row bounds differ in length or are not numbers", where=where)
    for name, terms in rows.terms.items():
        if name not in sizes:
            raise SolverError("unknown column block in a row block", where=where, value=name)
        if terms.shape != (len(rows.lower), sizes[name]):
            raise SolverError(
                f"terms of block {name!r} should have shape {(len(rows.lower), sizes[name])}",
                where=where,
                value=terms.shape,
            )
        if not np.isfinite(terms.data).all():
            raise SolverError(f"terms of block {name!r} hold a value not finite", where=where)


def _pulp_columns(
    variables: Sequence[pulp.LpVariable],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    lower = [-np.inf if v.lowBound is None else v.lowBound for v in variables]
    upper = [np.inf if v.upBound is None else v.upBound for v in variables]
    integer = [v.cat == "Integer" for v in variables]
    return (
        np.array(lower, dtype=np.float64),
        np.array(upper, dtype=np.float64),
        np.array(integer, dtype=np.bool_),
    )


def _pulp_objective(
    programme: Programme, position: Mapping[int, int]
) -> tuple[npt.NDArray[np.float64], float]:
    cost = np.zeros(len(programme.variables))
    objective = programme.problem.objective
    if objective is None:
        return cost, 0.0
    for variable, coefficient in objective.items():
        cost[_position_of(variable, position, programme.name, "objective")] = coefficient
    return cost, float(objective.constant)


def _position_of(
    variable: pulp.LpVariable, position: Mapping[int, int], where: str, row: str
) -> int:
    k = position.get(id(variable))
    if k is None:
        raise SolverError(
            "a PuLP variable is not listed in the programme",
            where=f"{where}.{row}",
            value=variable.name,
            cure="List it in Programme.variables",
        )
    return k


def _pulp_rows(
    programme: Programme, position: Mapping[int, int]
) -> tuple[Entries, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Coordinates and bounds of PuLP's own rows."""
    index: list[int] = []
    column: list[int] = []
    value: list[float] = []
    lower: list[float] = []
    upper: list[float] = []
    for k, row in enumerate(programme.problem.constraints()):
        terms = row.expr
        index.extend([k] * len(terms))
        column.extend(_position_of(v, position, programme.name, row.name) for v in terms)
        value.extend(terms.values())
        lower.append(-row.constant if row.sense >= 0 else -np.inf)
        upper.append(-row.constant if row.sense <= 0 else np.inf)
    entries = (
        np.array(index, dtype=np.int64),
        np.array(column, dtype=np.int64),
        np.array(value, dtype=np.float64),
    )
    return entries, np.array(lower, dtype=np.float64), np.array(upper, dtype=np.float64)


def _block_entries(rows: Rows, offsets: Mapping[str, int], first: int) -> list[Entries]:
    """Coordinates of a row block, shifted to its place in the whole matrix."""
    parts = []
    for name, terms in rows.terms.items():
        per_row = np.diff(terms.indptr)
        parts.append(
            (
                np.repeat(np.arange(first, first + len(per_row), dtype=np.int64), per_row),
                terms.indices.astype(np.int64) + offsets[name],
                terms.data.astype(np.float64),
            )
        )
    return parts


def _start(
    programme: Programme, blocks: tuple[tuple[str, int], ...]
) -> npt.NDArray[np.float64] | None:
    if not programme.start:
        return None
    sizes = dict(blocks)
    for name, values in programme.start.items():
        if sizes.get(name) != len(values):
            raise SolverError(
                "a start does not fit its block",
                where=f"{programme.name}.{name or 'variables'}",
                value=f"{len(values)} values for {sizes.get(name)} columns",
            )
    return join(blocks, programme.start)
