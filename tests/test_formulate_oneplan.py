"""The programme of years: rows as the note numbers them, brute force, and a bound that holds."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.core.lpfile import lp_lines
from siting.core.outcome import Outcome, Status
from siting.core.solve import solve
from siting.core.years import year_multipliers
from siting.errors import SolverError
from siting.formulate.oneplan import (
    SideRow,
    YearChoice,
    built_year,
    limits_broken,
    year_bound,
    year_programme,
    year_worth,
)

GOLDEN = Path(__file__).parent / "golden" / "oneplan.lp"
INF = float("inf")


def choice_of(seed: int, *, items: int = 5, money: float = 0.45) -> YearChoice:
    """Items of whole costs, money in each year, a target in the first, and even building."""
    rng = np.random.default_rng(seed)
    cost = rng.integers(2, 12, items).astype(float)
    rows = [
        SideRow(f"y3_money_{2023 + t}", cost, t, t, -INF, float(np.ceil(money * cost.sum())))
        for t in range(3)
    ]
    piles = rng.integers(1, 9, items).astype(float)
    rows.append(
        SideRow("y5_piles_2023", piles, 0, 0, float(np.ceil(piles.sum() / 4)), INF, "JN23-07")
    )
    rows += [
        SideRow(f"y6_smooth_charging_{2023 + t}", np.ones(items), t, t, -INF, np.ceil(items / 2))
        for t in range(3)
    ]
    return YearChoice((2023, 2024, 2025), rng.integers(0, 90, items).astype(float), tuple(rows))


def best_by_trying(choice: YearChoice) -> float | None:
    """Most worth over every order of building, None where none keeps its rows."""
    worth, items = year_worth(choice), np.arange(len(choice.worth))
    found = [
        float(worth[items, list(years)].sum())
        for years in product(range(len(choice.years)), repeat=len(items))
        if not limits_broken(choice, np.array(years))
    ]
    return max(found, default=None)


def test_rows_are_those_of_the_golden_file() -> None:
    found = [line.strip() for line in lp_lines(year_programme(choice_of(3, items=3)))]
    assert found == [line.strip() for line in GOLDEN.read_text(encoding="utf-8").splitlines()]


def test_a_row_of_a_clause_names_it() -> None:
    assert year_programme(choice_of(3, items=3)).clauses == {"y5_piles_2023": "JN23-07"}


@pytest.mark.parametrize("seed", range(6))
def test_the_order_is_the_best_of_all_orders(seed: int) -> None:
    choice = choice_of(seed)
    outcome = solve(year_programme(choice), gap=0, seconds=30)
    best = best_by_trying(choice)
    if best is None:
        assert outcome.status is Status.INFEASIBLE
        return
    when = built_year(choice, outcome)
    assert limits_broken(choice, when) == {}
    assert year_worth(choice)[np.arange(5), when].sum() == pytest.approx(best)
    assert year_bound(choice, year_multipliers(choice)) >= best * (1 - 1e-12)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.floats(-1e3, 1e3), min_size=7, max_size=7))
def test_any_multipliers_prove_a_bound(seed: int, multipliers: list[float]) -> None:
    choice = choice_of(seed % 40, items=4)
    best = best_by_trying(choice)
    if best is not None:
        assert year_bound(choice, np.array(multipliers)) >= best * (1 - 1e-12)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 200), st.integers(0, 2), st.floats(0, 20))
def test_more_money_in_a_year_never_serves_less(seed: int, year: int, more: float) -> None:
    choice = choice_of(seed, items=4)
    rows = list(choice.rows)
    row = rows[year]
    rows[year] = SideRow(row.name, row.amount, row.first, row.last, row.lower, row.upper + more)
    richer = YearChoice(choice.years, choice.worth, tuple(rows))
    before, after = best_by_trying(choice), best_by_trying(richer)
    assert before is None or (after is not None and after >= before)
    price = year_multipliers(choice)
    assert year_bound(richer, price) >= year_bound(choice, price) - 1e-9


def test_multipliers_of_the_relaxation_prove_more_than_none() -> None:
    choice = choice_of(1, items=40, money=0.35)
    plain = year_bound(choice, np.zeros(len(choice.rows)))
    assert year_bound(choice, year_multipliers(choice)) < plain
    assert plain == pytest.approx(3 * choice.worth.sum())


def test_multipliers_that_are_no_numbers_prove_the_plain_bound() -> None:
    choice = choice_of(1)
    plain = year_bound(choice, np.zeros(len(choice.rows)))
    assert year_bound(choice, np.full(len(choice.rows), np.nan)) == pytest.approx(plain)


def test_an_outcome_without_a_solution_is_refused() -> None:
    nan = float("nan")
    none = Outcome(Status.NO_ANSWER, nan, nan, nan, {}, 1.0, "highs")
    with pytest.raises(SolverError, match="got no_answer"):
        built_year(choice_of(0), none)
