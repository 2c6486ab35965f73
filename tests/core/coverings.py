"""Coverings for tests: random small ones, their true optima, and programmes made of them."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pulp
from hypothesis import strategies as st
from scipy.sparse import csr_array, eye_array

from siting.core.covering.problem import check_opened, plain_covering
from siting.errors import SolverError
from siting.programme import Columns, Programme, Rows

if TYPE_CHECKING:
    from siting.structures import Covering


def dense(cover: object, weight: object, budget: float, **other: object) -> Covering:
    """Make a covering from a dense 0/1 table of rows and sites."""
    table = np.atleast_2d(np.asarray(cover, dtype=np.int8))
    return plain_covering(csr_array(table), np.asarray(weight, dtype=float), budget, **other)


@st.composite
def small_coverings(draw: st.DrawFn, most_sites: int = 10, *, plain: bool = False) -> Covering:
    """Draw coverings with zero weights, uncoverable rows, ties, and decided sites."""
    sites = draw(st.integers(1, most_sites))
    rows = draw(st.integers(1, 24))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    cover = rng.random((rows, sites)) < draw(st.sampled_from([0.0, 0.1, 0.3, 0.6, 1.0]))
    weight = rng.integers(0, draw(st.sampled_from([2, 5, 100])), rows).astype(float)
    if not plain and draw(st.booleans()):
        weight = weight * rng.random(rows)
    covering = dense(cover, weight, float(draw(st.integers(0, sites + 2))))
    if plain:
        return covering
    if draw(st.booleans()):
        covering = replace(covering, cost=rng.integers(0, 4, sites).astype(float))
    decided = rng.integers(0, draw(st.sampled_from([1, 4])) + 1, sites)
    if draw(st.booleans()):
        covering = replace(covering, fixed=decided == 1, banned=decided == 3)
    return covering


def brute_force(covering: Covering) -> float | None:
    """Try every set of sites; None where none is feasible."""
    best: float | None = None
    for choice in itertools.product([False, True], repeat=len(covering.cost)):
        try:
            value = check_opened(covering, np.array(choice))
        except SolverError:
            continue
        best = value if best is None else max(best, value)
    return best


def programme_of(covering: Covering, *, structure: bool = True) -> Programme:
    """Write the textbook programme with PuLP sites, and rows as a block."""
    rows, sites = covering.cover.shape
    problem = pulp.LpProblem("covering", pulp.LpMaximize)
    x = tuple(
        problem.add_variable(
            f"open_{j}", int(covering.fixed[j]), 1 - int(covering.banned[j]), cat="Integer"
        )
        for j in range(sites)
    )
    spent = pulp.lpSum(float(c) * v for c, v in zip(covering.cost, x, strict=True))
    problem += spent <= covering.budget, "budget"
    pattern = csr_array(covering.cover, dtype=np.float64)
    pattern.data[:] = 1.0
    covered = Columns("covered", np.zeros(rows), np.ones(rows), covering.weight)
    links = Rows(
        "cover",
        np.zeros(rows),
        np.full(rows, np.inf),
        {"": pattern, "covered": csr_array(-eye_array(rows))},
    )
    return Programme(
        "covering", problem, x, (covered,), (links,), structure=covering if structure else None
    )


def city(sites: int, rows: int, open_sites: int, cover: float, seed: int) -> Covering:
    """Scatter sites and demand in clusters on a square; each row has about `cover` sites."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(0, 1, (6, 2))

    def points(count: int) -> np.ndarray:
        return centres[rng.integers(0, 6, count)] + rng.normal(0, 0.12, (count, 2))

    site, demand = points(sites), points(rows)
    distance = np.linalg.norm(demand[:, None] - site[None], axis=2)
    radius = np.quantile(distance, cover / sites)
    weight = rng.integers(1, 54, rows).astype(float)
    return dense(distance <= radius, weight, open_sites)
