"""The programme of years: in which year each station is built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pulp

from siting.errors import SolverError
from siting.programme import Programme

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from siting.core.outcome import Outcome

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

SAFE = 1e-6
"""Money is held this much below its limit, so that no rounding of the solver exceeds it."""


@dataclass(frozen=True, slots=True)
class SideRow:
    """
    A limit on what is built from one year to another.

    Attributes
    ----------
    name
        Row name; it carries the number of the note.
    amount
        What each item adds, shape (n,).
    first, last
        Years that count, from 0, both included.
    lower, upper
        Limits; infinite where there is none.
    clause
        Clause of the row, "" where none.
    """

    name: str
    amount: npt.NDArray[np.float64]
    first: int
    last: int
    lower: float
    upper: float
    clause: str = ""


@dataclass(frozen=True, slots=True)
class YearChoice:
    """
    What is to be built over some years.

    Attributes
    ----------
    years
        Years, rising, T of them.
    worth
        Energy that each item serves from its year on, kWh a day, shape (n,).
    rows
        Money, interim targets and smoothness.
    """

    years: tuple[int, ...]
    worth: npt.NDArray[np.float64]
    rows: tuple[SideRow, ...]


def year_worth(choice: YearChoice) -> npt.NDArray[np.float64]:
    """Worth of building each item in each year, kWh a day times years, shape (n, T)."""
    left = np.arange(len(choice.years), 0, -1, dtype=float)
    return np.outer(choice.worth, left)


def year_programme(choice: YearChoice) -> Programme:
    """
    Formulate the programme of years; see `models/formulations/oneplan.md`.

    Parameters
    ----------
    choice
        Items, years and limits.

    Returns
    -------
    Programme
        Maximise energy served early. `build_i_t` in PuLP, item by item.
    """
    count, years = len(choice.worth), len(choice.years)
    problem = pulp.LpProblem("years", pulp.LpMaximize)
    build = [
        [problem.add_variable(f"build_{i}_{year}", 0, 1, pulp.LpInteger) for year in choice.years]
        for i in range(count)
    ]
    worth = year_worth(choice)
    terms = [(build[i][t], float(worth[i, t])) for i in range(count) for t in range(years)]
    problem.setObjective(pulp.LpAffineExpression(terms))
    for i, item in enumerate(build):
        once = pulp.LpAffineExpression([(variable, 1.0) for variable in item])
        problem.addConstraint(pulp.LpConstraint(once, pulp.LpConstraintEQ, f"y2_once_{i}", 1.0))
    for row in choice.rows:
        _add(problem, row, build)
    return Programme(
        name="years",
        problem=problem,
        variables=tuple(variable for item in build for variable in item),
        clauses={row.name: row.clause for row in choice.rows if row.clause},
    )


def _add(problem: pulp.LpProblem, row: SideRow, build: list[list[pulp.LpVariable]]) -> None:
    span = range(row.first, row.last + 1)
    some = np.flatnonzero(row.amount)
    terms = [(build[i][t], float(row.amount[i])) for i in some.tolist() for t in span]
    if not terms:
        return
    for sense, limit in ((pulp.LpConstraintLE, row.upper), (pulp.LpConstraintGE, row.lower)):
        if np.isfinite(limit):
            expression = pulp.LpAffineExpression(terms)
            problem.addConstraint(pulp.LpConstraint(expression, sense, row.name, float(limit)))


def built_year(choice: YearChoice, outcome: Outcome) -> npt.NDArray[np.int64]:
    """
    Read in which year each item is built, from 0, shape (n,).

    Raises
    ------
    SolverError
        Where the outcome holds no solution.
    """
    if "" not in outcome.values:
        raise SolverError(
            outcome.message or "no order of building was found in the time given",
            where="years",
            value=outcome.status,
            cure="Give it more seconds, more money in the first years, or lower interim targets",
        )
    chosen = outcome.values[""].reshape(len(choice.worth), len(choice.years))
    return np.asarray(np.argmax(chosen, axis=1), dtype=np.int64)


def year_bound(choice: YearChoice, multipliers: npt.NDArray[np.float64]) -> float:
    """
    Upper bound on the worth of any order of building, valid for every choice of multipliers.

    The side rows are priced into the objective; what is left is each item's best year.

    Parameters
    ----------
    choice
        Items, years and limits.
    multipliers
        One a row: above 0 prices its upper limit, below 0 the lower one; those of limits that there
        are none are cut off. Shape (R,).
    """
    price = clean_multipliers(choice.rows, multipliers)
    profit = year_worth(choice)
    size = float(np.abs(profit).sum())
    constant = 0.0
    for row, value in zip(choice.rows, price, strict=True):
        if value:
            taken = value * row.amount
            profit[:, row.first : row.last + 1] -= taken[:, None]
            constant += value * (row.upper if value > 0 else row.lower)
            size += float(np.abs(taken).sum()) * (row.last + 1 - row.first) + abs(constant)
    total = constant + float(profit.max(axis=1, initial=-np.inf).sum())
    return total + size * 2.0**-52 * (len(choice.worth) + 32)


def clean_multipliers(
    rows: tuple[SideRow, ...], multipliers: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Multipliers with the signs that make the bound valid; not-a-number becomes 0."""
    clean = np.nan_to_num(np.asarray(multipliers, dtype=float), posinf=0.0, neginf=0.0)
    upper = np.array([np.isfinite(row.upper) for row in rows], dtype=bool)
    lower = np.array([np.isfinite(row.lower) for row in rows], dtype=bool)
    clean = np.where(upper, clean, np.minimum(clean, 0.0))
    found: Floats = np.where(lower, clean, np.maximum(clean, 0.0))
    return found


def limits_broken(
    choice: YearChoice, year: npt.NDArray[np.int64]
) -> Mapping[str, tuple[float, float]]:
    """Rows that an order of building breaks, with what it comes to and the limit."""
    found = {}
    for row in choice.rows:
        value = float(row.amount[(year >= row.first) & (year <= row.last)].sum())
        if value > row.upper * (1 + SAFE) + SAFE:
            found[row.name] = (value, row.upper)
        elif value < row.lower * (1 - SAFE) - SAFE:
            found[row.name] = (value, row.lower)
    return found
