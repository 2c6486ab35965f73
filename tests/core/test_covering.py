"""Covering: exact against every oracle, bounds on the right side, nothing spoilt passes."""

from __future__ import annotations

import math
import os
import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pulp
import pytest
from coverings import brute_force, city, dense, programme_of, small_coverings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pulp.apis.coin_api import pulp_cbc_path
from scipy.sparse import csr_array

from siting.core.answer import Limits
from siting.core.certificate import read_certificate, recompute_bound, write_certificate
from siting.core.covering.aside import anneal_aside
from siting.core.covering.bound import covering_bound, fix_by_bound, improve_dual
from siting.core.covering.merge import merge
from siting.core.covering.problem import check_covering, check_opened, covered_rows, is_feasible
from siting.core.covering.run import CoveringTask
from siting.core.covering.search import (
    Schedule,
    anneal,
    anneal_fast,
    greedy,
    has_fast,
    tables,
)
from siting.core.covering.solve import solve_small
from siting.core.lpfile import write_lp
from siting.core.outcome import Status
from siting.core.shrink import shrink
from siting.core.solve import ROUTES, solve
from siting.core.worker import Stream
from siting.errors import InputError, SolverError, VerificationError
from siting.structures import Covering

if TYPE_CHECKING:
    from pathlib import Path

    from siting.core.outcome import TracePoint

QUIET = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def stream() -> Stream:
    return Stream(lambda kind, value: None, time.monotonic())  # noqa: ARG005


def optimum_here(covering: Covering) -> tuple[float, float]:
    """Shrink and solve without a child; (value, bound) of the whole."""
    shrunk = shrink(covering)
    small = shrunk.covering
    if not len(small.weight) or not len(small.cost):
        return shrunk.offset, shrunk.offset
    found = solve_small(CoveringTask(small, shrunk.offset, 0.0, 20.0, 0), stream())
    value = check_opened(covering, shrunk.lift(found.opened))
    assert value == pytest.approx(found.objective + shrunk.offset)
    return value, found.bound + shrunk.offset


@QUIET
@given(small_coverings())
def test_optimum_agrees_with_brute_force(covering: Covering) -> None:
    best = brute_force(covering)
    if best is None:
        assert not is_feasible(covering)
        return
    value, bound = optimum_here(covering)
    assert value == pytest.approx(best, abs=1e-7)
    assert best - 1e-9 <= bound <= best + 1e-5 * max(1.0, best)


@settings(max_examples=25, deadline=None)
@given(small_coverings(14))
def test_optimum_agrees_with_brute_force_at_fourteen_sites(covering: Covering) -> None:
    best = brute_force(covering)
    if best is not None:
        assert optimum_here(covering)[0] == pytest.approx(best, abs=1e-7)


@settings(max_examples=100, deadline=None)
@given(small_coverings(16, plain=True))
def test_optimum_agrees_with_cbc(
    tmp_path_factory: pytest.TempPathFactory, covering: Covering
) -> None:
    import subprocess  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("cbc")
    write_lp(programme_of(covering), folder / "model.lp")
    subprocess.run(  # noqa: S603
        [pulp_cbc_path, str(folder / "model.lp"), "solve", "solution", str(folder / "out")],
        check=True, capture_output=True,
    )  # fmt: skip
    first = (folder / "out").read_text().splitlines()[0]
    assert first.startswith("Optimal")
    assert abs(float(first.split()[-1])) == pytest.approx(optimum_here(covering)[0], abs=1e-6)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@settings(max_examples=100, deadline=None)
@given(small_coverings(12, plain=True))
def test_optimum_agrees_with_spopt(covering: Covering) -> None:
    locate = pytest.importorskip("spopt.locate", reason="spopt is not installed")
    table = covering.cover.toarray()
    facilities = max(1, min(int(covering.budget), table.shape[1]))
    model = locate.MCLP.from_cost_matrix(
        1.0 - table, covering.weight, 0.5, p_facilities=facilities
    ).solve(pulp.COIN_CMD(path=pulp_cbc_path, msg=False), results=False)
    covering = replace(covering, budget=float(facilities))
    theirs = np.array([(variable.varValue or 0.0) > 0.5 for variable in model.fac_vars])
    ours = optimum_here(covering)[0]
    assert check_opened(covering, theirs) == pytest.approx(ours, abs=1e-6)


@QUIET
@given(small_coverings(), st.integers(0, 2**32 - 1))
def test_any_multipliers_give_a_bound(covering: Covering, seed: int) -> None:
    best = brute_force(covering)
    if best is None:
        return
    rng = np.random.default_rng(seed)
    rows = len(covering.weight)
    for wild in (
        rng.normal(0, 50, rows),
        covering.weight * rng.random(rows),
        np.full(rows, np.nan),
    ):
        assert covering_bound(covering, wild) >= best


@QUIET
@given(small_coverings())
def test_shrinking_keeps_the_optimum_and_lifts_every_plan(covering: Covering) -> None:
    best = brute_force(covering)
    if best is None:
        return
    shrunk = shrink(covering)
    small = shrunk.covering
    check_covering(small)
    value = 0.0 if not len(small.cost) else brute_force(small)
    assert value is not None
    assert value + shrunk.offset == pytest.approx(best)
    rng = np.random.default_rng(0)
    for _ in range(5):
        opened = rng.random(len(small.cost)) < 0.5
        if small.cost[opened].sum() > small.budget:
            continue
        lifted = check_opened(covering, shrunk.lift(opened))
        # A lifted plan may cover more: rows that only a site without use would have covered.
        own = float(small.weight[covered_rows(small, opened)].sum()) if len(small.weight) else 0.0
        assert lifted == pytest.approx(own + shrunk.offset)


def test_shrinking_joins_and_drops_what_it_should() -> None:
    cover = [[1, 1, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0], [0, 1, 0, 1]]
    shrunk = shrink(dense(cover, [1, 2, 4, 8, 0], 1))
    # Row 3 can't be covered, row 4 weighs nothing, site 1 covers all that the others do.
    assert shrunk.sites.tolist() == [1]
    assert shrunk.covering.weight.tolist() == [7.0]
    assert shrunk.group.tolist() == [0, 0, 0, -2, -2]
    assert shrunk.dominator.tolist() == [1, -1, 1, -1]
    assert shrunk.effects["rows"] == (5, 2)
    assert shrunk.effects["sites"] == (4, 1)


def test_rows_that_fixed_and_free_sites_cover_become_a_constant() -> None:
    covering = dense(np.eye(3), [1, 2, 4], 2, cost=np.array([1.0, 0.0, 1.0]))
    shrunk = shrink(replace(covering, fixed=np.array([True, False, False])))
    assert shrunk.offset == 3.0
    assert shrunk.opened.tolist() == [True, True, False]
    assert shrunk.covering.budget == 1.0


@QUIET
@given(small_coverings())
def test_fixing_by_the_bound_keeps_every_better_plan(covering: Covering) -> None:
    small = shrink(covering).covering if is_feasible(covering) else None
    if small is None or not len(small.cost) or not len(small.weight):
        return
    best = brute_force(small)
    assert best is not None
    dual = improve_dual(small, iterations=80)
    for incumbent in (best, 0.9 * best, 0.0):
        fixed, banned = fix_by_bound(small, dual, incumbent)
        left = brute_force(replace(small, fixed=fixed, banned=banned & ~fixed))
        assert not (fixed & banned).any()
        if best > incumbent + 1e-6:
            assert left == pytest.approx(best)


def test_the_bound_reaches_the_linear_relaxation() -> None:
    from scipy.optimize import linprog  # noqa: PLC0415

    small = shrink(city(60, 400, 6, 8, seed=3)).covering
    rows, sites = small.cover.shape
    table = np.hstack([-small.cover.toarray(), np.eye(rows)])
    relaxed = linprog(
        np.concatenate([np.zeros(sites), -small.weight]),
        A_ub=np.vstack([table, np.concatenate([small.cost, np.zeros(rows)])]),
        b_ub=np.concatenate([np.zeros(rows), [small.budget]]),
        bounds=(0, 1),
    )
    dual = improve_dual(small, iterations=6000)
    assert -relaxed.fun <= dual.bound <= -relaxed.fun * (1 + 1e-4)


@pytest.mark.parametrize("costs", [False, True])
def test_annealing_improves_on_greedy_within_the_budget(costs: bool) -> None:  # noqa: FBT001
    covering = city(150, 1500, 12, 10, seed=5)
    if costs:
        cost = np.random.default_rng(1).uniform(0.5, 3.0, 150)
        covering = replace(covering, cost=cost, budget=15.0)
    small = shrink(covering).covering
    table = tables(small)
    first = greedy(table)
    start = check_opened(small, first)
    unit = small.weight.sum() / first.sum()
    value, opened, _ = anneal(table, first, Schedule(6000, 0.05 * unit, 0.002 * unit, 0))
    assert value > start
    assert check_opened(small, opened) == pytest.approx(value)


def test_search_without_the_table_of_pairs_makes_the_same_moves() -> None:
    small = shrink(city(60, 300, 6, 8, seed=2)).covering
    table = tables(small)
    slow = replace(table, pairs=None)
    plan = Schedule(500, 50.0, 1.0, 4)
    assert np.array_equal(
        anneal(table, greedy(table), plan)[1], anneal(slow, greedy(slow), plan)[1]
    )


def test_the_front_solves_and_certifies_a_covering() -> None:
    covering = city(80, 600, 8, 9, seed=1)
    outcome = solve(programme_of(covering), gap=0.0, seconds=60)
    general = solve(programme_of(covering, structure=False), gap=0.0, seconds=60)
    assert outcome.status == general.status == Status.OPTIMAL
    assert outcome.objective == pytest.approx(general.objective)
    assert set(outcome.values) == {"", "covered"}
    proven = recompute_bound(covering, outcome.certificate)
    assert outcome.bound <= proven <= 1.2 * outcome.objective
    assert outcome.route == "covering"
    assert outcome.load == pytest.approx(8 * 9 / 80, rel=0.05)
    assert outcome.reductions["rows"][0] == 600
    assert outcome.trace
    assert math.isfinite(outcome.peak_memory_mb)


def test_merging_finds_the_best_plan_of_the_union() -> None:
    small = shrink(city(60, 400, 5, 8, seed=6)).covering
    rng = np.random.default_rng(0)
    sites = len(small.cost)
    for _ in range(10):
        plans = []
        for _ in range(2):
            plan = np.zeros(sites, dtype=bool)
            plan[rng.choice(sites, 5, replace=False)] = True
            plans.append(plan)
        merged = merge(small, plans[0], plans[1:], seconds=20, seed=0)
        union = plans[0] | plans[1]
        inside = replace(small, cover=csr_array(small.cover[:, union]), cost=small.cost[union],
                         fixed=small.fixed[union], banned=small.banned[union])  # fmt: skip
        assert check_opened(small, merged) == pytest.approx(brute_force(inside))


def test_annealing_in_a_process_of_its_own_gives_the_same_plan() -> None:
    covering = shrink(city(120, 800, 9, 10, seed=6)).covering
    first = greedy(tables(covering))
    schedule = Schedule(1500, 400.0, 5.0, 7)
    here = anneal(tables(covering), first, schedule)
    there = anneal_aside(covering, first, schedule, deadline=time.monotonic() + 60)
    assert there[0] == here[0] == check_opened(covering, there[1])
    assert np.array_equal(there[1], here[1])
    assert there[2] == 1500


def test_annealing_in_a_process_of_its_own_keeps_to_the_deadline() -> None:
    covering = shrink(city(120, 800, 9, 10, seed=6)).covering
    first = greedy(tables(covering))
    started = time.monotonic()
    value, opened, _ = anneal_aside(
        covering, first, Schedule(10**8, 400.0, 5.0, 7), deadline=started + 4
    )
    assert time.monotonic() - started < 8
    assert value in (0.0, pytest.approx(check_opened(covering, opened)))


def test_ctrl_c_returns_the_best_plan_within_a_second() -> None:
    covering = city(400, 4000, 30, 14, seed=9)
    pressed: list[float] = []

    def press(point: TracePoint) -> None:
        if not pressed and point.objective > 0:
            pressed.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)

    # A busy machine may hold one of them up.
    for _ in range(3):
        pressed.clear()
        outcome = solve(programme_of(covering), gap=0.0, seconds=60, progress=press)
        seconds = time.monotonic() - pressed[0]
        if seconds < 1.0:
            break
    assert seconds < 1.0
    assert outcome.status == Status.FEASIBLE
    assert "interrupted" in outcome.message
    assert outcome.objective <= outcome.bound or math.isnan(outcome.bound)


@pytest.mark.parametrize("seed", range(3))
def test_compiled_moves_keep_exact_books_and_find_the_optimum(seed: int) -> None:
    pytest.importorskip("numba")
    small = shrink(city(14, 120, 4, 5, seed=seed)).covering
    table = tables(small)
    walk = Schedule(3_000, float(small.weight.sum()) / 40, 0.5, seed)
    seen: list[float] = []
    value, opened, made = anneal_fast(
        table, greedy(table), walk, improved=lambda value, _: seen.append(value)
    )
    assert made == 3_000
    assert value == pytest.approx(check_opened(small, opened))
    assert value == pytest.approx(brute_force(small))
    again = anneal_fast(table, greedy(table), walk)
    assert again[0] == value
    assert np.array_equal(again[1], opened)
    assert seen == sorted(seen)


def test_compiled_moves_are_for_equal_costs_alone() -> None:
    small = shrink(city(14, 120, 4, 5, seed=1)).covering
    uneven = replace(small, cost=np.arange(1.0, 1.0 + len(small.cost)))
    assert not has_fast(uneven)


def test_same_seed_same_bytes() -> None:
    covering = city(300, 3000, 20, 12, seed=7)
    first, second = (solve(programme_of(covering), gap=0.03, seconds=60, seed=5) for _ in range(2))
    assert first.gap <= 0.03
    assert first.objective == second.objective
    assert first.bound == second.bound
    assert first.values[""].tobytes() == second.values[""].tobytes()
    assert first.certificate["share"].tobytes() == second.certificate["share"].tobytes()


def test_a_start_is_never_made_worse() -> None:
    covering = city(300, 3000, 20, 12, seed=8)
    good = solve(programme_of(covering), gap=0.02, seconds=20)
    started = replace(programme_of(covering), start={"": good.values[""]})
    again = solve(started, gap=0.5, seconds=20)
    assert again.objective >= good.objective


@pytest.mark.parametrize(
    "covering",
    [
        dense([[0, 0], [0, 0]], [1, 2], 1),
        dense([[1, 0], [0, 1]], [0, 0], 1),
        dense([[1, 0], [0, 1]], [1, 2], 0),
        dense([[1, 0], [0, 1]], [1, 2], 9),
        dense([[1, 0], [0, 1]], [1, 2], 1, banned=np.array([True, True])),
    ],
)
def test_trivial_coverings_are_solved_to_the_end(covering: Covering) -> None:
    outcome = solve(programme_of(covering), gap=0.0, seconds=10)
    assert outcome.status == Status.OPTIMAL
    assert outcome.objective == brute_force(covering)


def test_fixed_sites_over_the_budget_are_infeasible() -> None:
    covering = dense(np.eye(3), [1, 2, 4], 1, fixed=np.array([True, True, False]))
    assert solve(programme_of(covering), seconds=10).status == Status.INFEASIBLE


def certified() -> tuple[Covering, float, dict[str, np.ndarray]]:
    covering = city(60, 500, 6, 8, seed=4)
    outcome = solve(programme_of(covering), gap=0.0, seconds=30)
    assert outcome.status == Status.OPTIMAL
    return covering, outcome.objective, dict(outcome.certificate)


def test_a_spoilt_certificate_is_refused_or_proves_less(tmp_path: Path) -> None:
    covering, optimum, certificate = certified()
    write_certificate(tmp_path / "proof.npz", certificate)
    read = read_certificate(tmp_path / "proof.npz")
    proven = recompute_bound(covering, read)
    assert proven == recompute_bound(covering, certificate)
    rng = np.random.default_rng(0)
    for _ in range(30):
        spoilt = {name: array.copy() for name, array in certificate.items()}
        name = ["share", "group", "dominator"][rng.integers(3)]
        k = rng.integers(len(spoilt[name]))
        spoilt[name][k] = rng.choice([-1.0, -2.0, 0.0, 1.0, 5.0, np.nan, 1e9])
        try:
            assert recompute_bound(covering, spoilt) >= optimum
        except VerificationError:
            continue
    # Claims that sites may be left out have to be true.
    lie = {**certificate, "dominator": np.where(np.arange(60) > 0, 0.0, -1.0)}
    with pytest.raises(VerificationError, match="dominated"):
        recompute_bound(covering, lie)
    with pytest.raises(VerificationError, match="lacks"):
        recompute_bound(covering, {"share": certificate["share"]})


def test_a_certificate_file_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "proof.npz"
    for content in (b"", b"PK\x03\x04 torn", b"text"):
        path.write_bytes(content)
        with pytest.raises(InputError, match="certificate"):
            read_certificate(path)
    with pytest.raises(InputError, match="certificate"):
        read_certificate(tmp_path / "none.npz")


def test_a_mutated_solution_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    covering = city(60, 500, 6, 8, seed=4)
    true = ROUTES[Covering]

    def lying(programme, model, limits):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        answer, report = true(programme, model, limits)
        values = {name: array.copy() for name, array in answer.values.items()}
        values["covered"][:] = 1.0
        return replace(answer, values=values), report

    monkeypatch.setitem(ROUTES, Covering, lying)
    with pytest.raises(SolverError, match="breaks row"):
        solve(programme_of(covering), seconds=10)

    def boasting(programme, model, limits):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        answer, report = true(programme, model, limits)
        return replace(answer, bound=0.9 * answer.objective), report

    monkeypatch.setitem(ROUTES, Covering, boasting)
    with pytest.raises(SolverError, match="contradicts"):
        solve(programme_of(covering), seconds=10)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weight": np.array([-1.0, 1.0])}, "negative"),
        ({"weight": np.array([np.nan, 1.0])}, "not a number"),
        ({"cost": np.ones(3)}, "shape"),
        ({"budget": math.inf}, "budget"),
        ({"fixed": np.ones(2, bool), "banned": np.ones(2, bool)}, "both"),
    ],
)
def test_malformed_coverings_are_refused(change: dict[str, object], words: str) -> None:
    covering = replace(dense(np.eye(2), [1, 1], 1), **change)  # type: ignore[arg-type]
    with pytest.raises(SolverError, match=words):
        check_covering(covering)


def test_duplicate_and_unsorted_entries_of_cover_do_not_count_twice() -> None:
    messy = csr_array((np.ones(5), np.array([1, 0, 1, 1, 0]), np.array([0, 3, 5])), shape=(2, 2))
    tidy = dense([[1, 1], [1, 1]], [3, 4], 1)
    outcome = solve(programme_of(replace(tidy, cover=messy)), gap=0.0, seconds=10)
    assert outcome.objective == 7.0


def test_too_little_memory_is_refused_cleanly() -> None:
    covering = city(60, 500, 6, 8, seed=4)
    outcome = solve(programme_of(covering), seconds=10, memory_mb=20)
    assert outcome.status in {Status.KILLED, Status.FEASIBLE}
    assert "20 MB" in outcome.message


def test_limits_have_to_be_positive() -> None:
    with pytest.raises(SolverError, match="positive"):
        solve(programme_of(dense([[1]], [1], 1)), seconds=0)
    assert Limits(seconds=100).deadline_s == 110
