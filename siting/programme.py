"""An integer programme as the formulations build it and the core solves it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt
    import pulp
    from scipy.sparse import csr_array


@dataclass(frozen=True, slots=True)
class Columns:
    """
    A block of variables too many for a modelling layer to hold one by one.

    Attributes
    ----------
    name
        Block name; variable k is written `name[k]`.
    lower, upper
        Bounds, shape (k,); `inf` allowed.
    cost
        Objective coefficient, in the sense of the problem, shape (k,).
    integer
        Whether the block's variables are integer.
    """

    name: str
    lower: npt.NDArray[np.float64]
    upper: npt.NDArray[np.float64]
    cost: npt.NDArray[np.float64]
    integer: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """
    A block of constraints `lower <= sum of terms <= upper`.

    Attributes
    ----------
    name
        Block name; row k is written `name[k]`; the name carries the number of its note's equation.
    lower, upper
        Bounds, shape (r,); `-inf` and `inf` allowed.
    terms
        Coefficients by column block name; the key `""` means the PuLP variables, in the order of
        `Programme.variables`. Each a CSR of shape (r, columns of that block).
    clause
        Clause id that the block serves, "" where none.
    """

    name: str
    lower: npt.NDArray[np.float64]
    upper: npt.NDArray[np.float64]
    terms: Mapping[str, csr_array]
    clause: str = ""


@dataclass(frozen=True, slots=True)
class Programme:
    """
    One integer programme.

    Attributes
    ----------
    name
        Name of the formulation.
    problem
        PuLP problem with its sense, objective, business variables and business rows.
    variables
        The PuLP variables in a fixed order, the `""` column block of `rows`.
    columns, rows
        Array blocks that go to HiGHS beside the PuLP problem.
    clauses
        Row name to clause id, for rows that come from a clause.
    structure
        The same programme as plain arrays for a special route of the core (`Covering`, `Sizing`,
        `Connected`, `Building`), or None: then the general route solves it.
    start
        A feasible start by block name (`""` for the PuLP variables), or empty.
    multipliers
        Multipliers of a like programme's bound (`Outcome.certificate`) to start from, or empty.
    """

    name: str
    problem: pulp.LpProblem
    variables: tuple[pulp.LpVariable, ...]
    columns: tuple[Columns, ...] = ()
    rows: tuple[Rows, ...] = ()
    clauses: Mapping[str, str] = field(default_factory=dict)
    structure: object | None = None
    start: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    multipliers: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)
