"""
The whole programme as LP text, array blocks included, for golden files and second solvers.

`pulp.LpProblem.writeLP` knows only the PuLP part; this writer takes PuLP's names for that part and
`block_k` for column or row k of an array block. The dialect is the one that CBC, HiGHS and SCIP all
read: no range rows (a row with two bounds becomes two), no brackets in names, no constant in the
objective (a column fixed at one carries it).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from siting.core.handover import flatten
from siting.errors import SolverError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from siting.core.handover import ArrayModel
    from siting.programme import Programme

_WIDTH = 100
_CONSTANT = "objective_constant"
_EXACT = 2.0**53


def column_names(programme: Programme) -> list[str]:
    """
    Names of all columns in the order of `flatten`.

    Raises
    ------
    SolverError
        Where two columns share a name.
    """
    names = [variable.name for variable in programme.variables]
    for block in programme.columns:
        names.extend(f"{block.name}_{k}" for k in range(len(block.cost)))
    return _unique(programme, names)


def row_names(programme: Programme) -> list[str]:
    """
    Names of all rows in the order of `flatten`.

    Raises
    ------
    SolverError
        Where two rows share a name.
    """
    names = [row.name for row in programme.problem.constraints()]
    for block in programme.rows:
        names.extend(f"{block.name}_{k}" for k in range(len(block.lower)))
    return _unique(programme, names)


def write_lp(programme: Programme, path: Path) -> None:
    """
    Write the whole programme, blocks included, as LP text.

    Parameters
    ----------
    programme
        The programme.
    path
        File to write, UTF-8.

    Raises
    ------
    SolverError
        Where names clash or the programme is malformed.
    """
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for line in lp_lines(programme):
            file.write(line)
            file.write("\n")


def lp_lines(programme: Programme) -> Iterator[str]:
    """Lines of the LP text, without line ends; see `write_lp`."""
    model = flatten(programme)
    columns = column_names(programme)
    rows = row_names(programme)
    yield f"\\* {programme.name} *\\"
    yield "Maximize" if model.maximise else "Minimize"
    cost = np.flatnonzero(model.cost)
    terms = _terms(model.cost[cost].tolist(), [columns[k] for k in cost])
    if model.offset:
        terms.append(f"{_signed(model.offset)} {_CONSTANT}")
    yield from _wrap("OBJ:", terms or [f"0 {columns[0] if columns else _CONSTANT}"])
    yield "Subject To"
    yield from _row_lines(model, columns, rows)
    yield "Bounds"
    yield from _bound_lines(model, columns)
    if model.offset:
        yield f" {_CONSTANT} = 1"
    yield from _integer_lines(model, columns)
    yield "End"


def _unique(programme: Programme, names: list[str]) -> list[str]:
    if len(set(names)) != len(names):
        twice = [name for name, count in Counter(names).items() if count > 1]
        raise SolverError("names are used twice", where=programme.name, value=twice[:5])
    return names


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(value)


def _signed(value: float) -> str:
    return f"{'-' if value < 0 else '+'} {_number(abs(value))}"


def _terms(values: Sequence[float], names: Sequence[str]) -> list[str]:
    return [f"{_signed(v)} {name}" for v, name in zip(values, names, strict=True)]


def _wrap(head: str, terms: Sequence[str]) -> Iterator[str]:
    line = head
    for term in terms:
        if len(line) + len(term) > _WIDTH:
            yield line
            line = ""
        line += f" {term}"
    yield line


def _row_lines(model: ArrayModel, columns: list[str], rows: list[str]) -> Iterator[str]:
    matrix = model.matrix
    for k, name in enumerate(rows):
        part = slice(matrix.indptr[k], matrix.indptr[k + 1])
        terms = _terms(matrix.data[part].tolist(), [columns[j] for j in matrix.indices[part]])
        terms = terms or [f"0 {columns[0]}"]
        lower, upper = float(model.row_lower[k]), float(model.row_upper[k])
        if lower == upper:
            yield from _wrap(f"{name}:", [*terms, f"= {_number(lower)}"])
            continue
        both = bool(np.isfinite(lower) and np.isfinite(upper))
        if np.isfinite(lower):
            yield from _wrap(f"{name}{'_lo' * both}:", [*terms, f">= {_number(lower)}"])
        if np.isfinite(upper):
            yield from _wrap(f"{name}{'_up' * both}:", [*terms, f"<= {_number(upper)}"])


def _bound_lines(model: ArrayModel, columns: list[str]) -> Iterator[str]:
    for name, low, high in zip(columns, model.lower.tolist(), model.upper.tolist(), strict=True):
        if low == high:
            yield f" {name} = {_number(low)}"
        elif low == -np.inf and high == np.inf:
            yield f" {name} free"
        elif low == -np.inf:
            yield f" -inf <= {name} <= {_number(high)}"
        elif high == np.inf:
            if low != 0:
                yield f" {name} >= {_number(low)}"
        else:
            yield f" {_number(low)} <= {name} <= {_number(high)}"


def _integer_lines(model: ArrayModel, columns: list[str]) -> Iterator[str]:
    names = [columns[k] for k in np.flatnonzero(model.integer)]
    if names:
        yield "Generals"
        yield from _wrap("", names)
