"""Odd cuts: they keep every plan, the bound with them holds against brute force, and is tighter."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from coverings import brute_force, city, dense, small_coverings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from siting.core.certificate import recompute_bound
from siting.core.covering.bound import (
    Cut,
    covering_bound,
    cut_rows,
    fix_by_bound,
    improve_dual,
)
from siting.core.covering.cuts import first_tight, tighten, with_cuts
from siting.core.covering.problem import as_model, check_opened, covered_rows
from siting.core.covering.route import _certificate
from siting.core.covering.run import CoveringAnswer
from siting.core.covering.trios import find_cuts, has_compiled
from siting.core.highs import solve_arrays
from siting.core.shrink import shrink
from siting.errors import VerificationError

if TYPE_CHECKING:
    from siting.core.covering.bound import Dual
    from siting.core.shrink import Shrunk
    from siting.structures import Covering

QUIET = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
TRIANGLE = [[1, 1, 0], [0, 1, 1], [1, 0, 1]]
"""Three rows that three sites cover two by two."""


def triangles(count: int) -> np.ndarray:
    """Put triangles side by side: 3 rows and 3 sites each."""
    return np.kron(np.eye(count, dtype=np.int8), np.array(TRIANGLE, dtype=np.int8))


def tightened(covering: Covering, rounds: int = 3, *, steps: int = 600) -> Dual:
    """Bound a small covering with cuts."""
    tight = first_tight(covering, improve_dual(covering, iterations=200))
    for _ in range(rounds):
        tight = tighten(covering, tight, tries=100, iterations=steps, seed=0)
    return tight.dual


def wild_cut(rows: int, rng: np.random.Generator) -> Cut:
    """Draw any three rows, with any multipliers."""
    trios = np.array(list(itertools.combinations(range(rows), 3)), dtype=np.int64).reshape(-1, 3)
    chosen = trios[rng.random(len(trios)) < 5 / max(len(trios), 1)]
    size = rng.choice([0.1, 1.0, 30.0])
    multiplier = rng.exponential(size, len(chosen))
    multiplier[rng.random(len(chosen)) < 0.1] = rng.choice([np.nan, np.inf, -5.0])
    return Cut(chosen, multiplier)


@QUIET
@given(small_coverings(), st.integers(0, 2**32 - 1))
def test_any_cuts_with_any_multipliers_give_a_bound(covering: Covering, seed: int) -> None:
    best = brute_force(covering)
    rng = np.random.default_rng(seed)
    rows = len(covering.weight)
    for _ in range(3):
        wild = covering.weight * rng.uniform(-0.2, 1.2, rows)
        bound = covering_bound(covering, wild, wild_cut(rows, rng))
        assert best is None or bound >= best


@QUIET
@given(small_coverings(8), st.integers(0, 2**32 - 1))
def test_no_plan_breaks_a_cut(covering: Covering, seed: int) -> None:
    members = wild_cut(len(covering.weight), np.random.default_rng(seed)).members
    member, site = cut_rows(covering.cover, members)
    for choice in itertools.product([False, True], repeat=len(covering.cost)):
        opened = np.array(choice)
        assert (member @ covered_rows(covering, opened) <= 1.0 + site @ opened).all()


@pytest.mark.parametrize("fast", [False, True])
def test_the_cuts_found_are_broken_by_the_point(fast: bool) -> None:  # noqa: FBT001
    if fast and not has_compiled():
        pytest.skip("numba is not installed")
    covering = shrink(city(80, 600, 8, 9, seed=4)).covering
    relaxed = improve_dual(covering, iterations=2000).relaxed
    found = find_cuts(
        covering.cover, relaxed, covering.weight, 500, np.random.default_rng(0), fast=fast
    )
    assert len(found) >= 5
    assert (np.diff(found, axis=1) > 0).all()
    assert len(np.unique(found, axis=0)) == len(found)
    member, site = cut_rows(covering.cover, found)
    covered = np.minimum((covering.cover != 0).astype(float) @ relaxed, 1.0)
    assert (member @ covered - 1.0 - site @ relaxed > 0.0199).all()


def test_climbing_finds_deeper_cuts_from_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    covering = shrink(city(80, 600, 8, 9, seed=4)).covering
    relaxed = improve_dual(covering, iterations=2000).relaxed
    covered = np.minimum((covering.cover != 0).astype(float) @ relaxed, 1.0)
    breach = []
    for climbs in (0, 2):
        monkeypatch.setattr("siting.core.covering.trios._CLIMBS", climbs)
        found = find_cuts(covering.cover, relaxed, covering.weight, 40, np.random.default_rng(0))
        member, site = cut_rows(covering.cover, found)
        depth = np.asarray(member @ covered - 1.0 - site @ relaxed)
        breach.append(float(depth @ covering.weight[found].min(axis=1)))
    assert breach[1] > 1.1 * breach[0] > 0


def test_only_the_foremost_climb_and_the_rest_stay_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    covering = shrink(city(80, 600, 8, 9, seed=4)).covering
    relaxed = improve_dual(covering, iterations=2000).relaxed
    covered = np.minimum((covering.cover != 0).astype(float) @ relaxed, 1.0)
    monkeypatch.setattr("siting.core.covering.trios._MOST_CLIMBING", 5)
    found = find_cuts(covering.cover, relaxed, covering.weight, 500, np.random.default_rng(0))
    member, site = cut_rows(covering.cover, found)
    assert len(found) > 5
    assert (np.diff(found, axis=1) > 0).all()
    assert (member @ covered - 1.0 - site @ relaxed > 0.0199).all()


@pytest.mark.parametrize("count", [2, 4])
def test_cuts_close_the_gap_of_triangles(count: int) -> None:
    # One and a half sites cover a triangle in the relaxation; whole sites need two.
    covering = dense(triangles(count), np.ones(3 * count), 1.5 * count)
    optimum = 2.5 * count
    assert brute_force(covering) == optimum
    assert improve_dual(covering, iterations=2000).bound == pytest.approx(3.0 * count, rel=1e-3)
    assert optimum <= tightened(covering).bound <= optimum * (1 + 1e-3)


def test_cuts_close_much_of_the_gap_of_a_small_city() -> None:
    covering = shrink(city(80, 600, 8, 9, seed=4)).covering
    true = solve_arrays(as_model(covering), gap=1e-9, seconds=60).objective
    relaxed = improve_dual(covering, iterations=4000).bound
    dual = tightened(covering, 5, steps=1500)
    assert true <= dual.bound
    # The search for cuts takes another order without numba and then closes 44 %.
    assert dual.bound - true <= 0.6 * (relaxed - true)
    assert dual.bound == covering_bound(covering, dual.multiplier, dual.cut)


@settings(max_examples=60, deadline=None)
@given(small_coverings())
def test_the_bound_with_cuts_holds_and_decides_no_better_plan_away(covering: Covering) -> None:
    if brute_force(covering) is None:
        return
    small = shrink(covering).covering
    if not len(small.weight) or not len(small.cost):
        return
    best = brute_force(small)
    assert best is not None
    dual = tightened(small, 2, steps=150)
    assert dual.bound >= best
    incumbent = 0.7 * best
    fixed, banned = fix_by_bound(small, dual, incumbent)
    for choice in itertools.product([False, True], repeat=len(small.cost)):
        opened = np.array(choice)
        if small.cost[opened].sum() > small.budget:
            continue
        if check_opened(small, opened) > incumbent + 1e-6:
            assert not (fixed & ~opened).any()
            assert not (banned & opened).any()


def test_cuts_leave_the_optimum_of_branch_and_bound_alone() -> None:
    for seed in (3, 5):
        covering = shrink(city(60, 500, 6, 8, seed=seed)).covering
        dual = tightened(covering, 3)
        assert len(dual.cut.members)
        plain = solve_arrays(as_model(covering), gap=1e-9, seconds=30)
        model = with_cuts(as_model(covering), covering, dual.cut)
        assert model.matrix.shape[0] > len(covering.weight) + 1
        cut = solve_arrays(model, gap=1e-9, seconds=30)
        assert plain.kind == cut.kind == "solved"
        assert cut.objective == pytest.approx(plain.objective)


def proof(covering: Covering) -> tuple[Shrunk, Dual, dict[str, np.ndarray]]:
    """Prove a bound with cuts on a covering, as a certificate."""
    shrunk = shrink(covering)
    dual = tightened(shrunk.covering)
    opened = np.zeros(len(shrunk.covering.cost), dtype=np.bool_)
    answer = CoveringAnswer(
        opened, 0.0, dual.bound, "multipliers", dual.multiplier, dual.bound, 0, 0, cut=dual.cut
    )
    return shrunk, dual, dict(_certificate(shrunk, answer))


def test_a_certificate_with_cuts_proves_the_bound_again() -> None:
    covering = city(60, 500, 6, 8, seed=3)
    site = np.arange(60)
    decided = [replace(covering, fixed=site == k, banned=site == k + 1) for k in (3, 20, 40)]
    with_trios = 0
    for case in (covering, city(60, 500, 6, 8, seed=5), *decided):
        shrunk, dual, certificate = proof(case)
        proven = recompute_bound(case, certificate)
        assert proven == pytest.approx(dual.bound + shrunk.offset, rel=1e-9)
        if "trio" in certificate:
            with_trios += 1
            assert len(certificate["trio"]) == 3 * len(certificate["trio_multiplier"]) > 0
            plain = {name: certificate[name] for name in ("share", "group", "dominator")}
            assert recompute_bound(case, plain) > proven
    assert with_trios >= 3


def test_a_spoilt_cut_is_refused_or_proves_less() -> None:
    covering = dense(triangles(4), np.ones(12), 6.0)
    optimum = brute_force(covering)
    _, _, certificate = proof(covering)
    assert optimum is not None
    assert len(certificate["trio"])
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(200):
        spoilt = {name: array.copy() for name, array in certificate.items()}
        name = rng.choice(["trio", "trio_multiplier", "group", "share"])
        spoilt[name][rng.integers(len(spoilt[name]))] = rng.choice(
            [-3.0, -1.0, 0.0, 1.0, 5.0, 7.0, 1e9, np.nan]
        )
        try:
            assert recompute_bound(covering, spoilt) >= optimum
        except VerificationError:
            refused += 1
    assert refused > 0
    with pytest.raises(VerificationError, match="lacks"):
        recompute_bound(covering, {k: v for k, v in certificate.items() if k != "trio_multiplier"})
    with pytest.raises(VerificationError, match="twice"):
        recompute_bound(covering, {**certificate, "trio": certificate["trio"] * 0.0})
    with pytest.raises(VerificationError, match="three rows"):
        recompute_bound(covering, {**certificate, "trio": certificate["trio"][:-1]})


def test_no_trust_in_how_rows_were_joined() -> None:
    # Whatever rows a certificate joins, the bound has to hold.
    rng = np.random.default_rng(3)
    for seed in range(40):
        covering = dense(
            np.random.default_rng(seed).random((9, 6)) < 0.35,
            np.random.default_rng(seed + 100).integers(1, 9, 9),
            2.0,
        )
        optimum = brute_force(covering)
        assert optimum is not None
        for _ in range(10):
            wild = {
                "share": rng.random(4),
                "group": rng.integers(-2, 4, 9).astype(float),
                "dominator": np.full(6, -1.0),
                "trio": np.array([0.0, 1.0, 2.0, 1.0, 2.0, 3.0]),
                "trio_multiplier": rng.exponential(3.0, 2),
            }
            assert recompute_bound(covering, wild) >= optimum


def test_same_seed_same_cuts() -> None:
    covering = shrink(city(60, 500, 6, 8, seed=3)).covering
    first, second = tightened(covering), tightened(covering)
    assert first.bound == second.bound
    assert np.array_equal(first.cut.members, second.cut.members)
    assert np.array_equal(first.cut.multiplier, second.cut.multiplier)
