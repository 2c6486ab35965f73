"""Schemes: plans that serve nearly as much as the best from materially different sites."""

from __future__ import annotations

from dataclasses import dataclass, replace
from string import ascii_uppercase
from typing import TYPE_CHECKING

import numpy as np
import pulp
from scipy.sparse import csr_array, vstack

from siting.core.solve import solve
from siting.formulate.charging import decode
from siting.joint.solving import refuse_impossible
from siting.structures import Sizing
from siting.units import percent_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from siting.charging.fairness import Found
    from siting.core.outcome import Outcome
    from siting.formulate.charging import Decision
    from siting.model.model import Model
    from siting.programme import Programme

    Bools = npt.NDArray[np.bool_]


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
        Energy served over that of the scheme that serves most, by a gap more than A at times.
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
        known = [outcome.objective] if outcome.values else []
        best = max([*known, *(one.outcome.objective for one in found)])
        floor = (1 - within) * best if found else -np.inf
        if found and not outcome.objective >= floor:
            ending = _ending(label, outcome, floor, within, differ)
            break
        decision = decode(programme, outcome)
        scheme = Scheme(label, programme, outcome, decision, outcome.objective / max(best, 1e-9))
        ending = "" if told is None else told(scheme)
        if ending:
            break
        found.append(scheme)
    best = max((one.outcome.objective for one in found), default=0.0)
    return Choice(
        tuple(replace(s, of_best=s.outcome.objective / max(best, 1e-9)) for s in found), ending
    )


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
