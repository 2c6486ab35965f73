"""Capacitated siting against brute force, other solvers, and its own certificates."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from spopt.locate import MCLP

from siting.core.handover import ArrayModel
from siting.core.highs import solve_arrays
from siting.core.pdhg import LinearProgram, maximise
from siting.core.sizing.part import Siting, array_model, keep_rows
from siting.core.sizing.relax import duals_of, relaxation
from siting.core.sizing.search import cost_of, energy_of
from siting.core.sizing.solve import SizingResult, check_sizing, sizing_bound, solve_sizing
from siting.core.sizing.tidy import idle_piles, tidy
from siting.structures import Sizing, segment_groups


def _module(path: Path) -> object:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


HERE = Path(__file__).parent
INSTANCES = _module(HERE / "sizing_instances.py")
CASES = _module(HERE.parents[1] / "benchmarks" / "sizing_cases.py")
FEW = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
GROUPS = 2


def plan_of(result: SizingResult) -> Siting:
    return Siting(result.opened, result.piles, result.serve)


def random_duals(sizing: Sizing, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    sites = len(sizing.fixed_cny)
    groups = len(segment_groups(sizing.serves)[0])

    def draw(*shape: int) -> np.ndarray:
        return rng.normal(0.3, 0.6, shape) * rng.choice([0.0, 1e-4, 1.0], shape)

    return {
        "demand": draw(len(sizing.demand_kwh)),
        "capacity": draw(sites, groups),
        "most": draw(sites),
        "least": draw(sites),
        "grid": draw(sites) * 0.1,
        "use": draw(sites),
        "rows": draw(len(sizing.row_name)) * 1e-3,
    }


@FEW
@given(seed=st.integers(0, 10**6))
def test_optimum_is_that_of_brute_force(seed: int) -> None:
    sizing = INSTANCES.random_sizing(seed)
    best = INSTANCES.brute_force(sizing)
    result = solve_sizing(sizing, gap=0.0, seconds=10)
    assert result.status == "solved"
    assert check_sizing(sizing, plan_of(result)) == ()
    assert result.objective == pytest.approx(best, rel=1e-6, abs=1e-6)
    assert result.bound >= best - 1e-6


@FEW
@given(seed=st.integers(0, 10**6), stations=st.integers(0, 5), piles=st.integers(0, 8))
def test_targets_hold_or_are_proven_impossible(seed: int, stations: int, piles: int) -> None:
    sizing = INSTANCES.with_rows(
        INSTANCES.random_sizing(seed, sites=3), stations=stations, piles=piles, served=30.0
    )
    best = INSTANCES.brute_force(sizing)
    result = solve_sizing(sizing, gap=0.0, seconds=10)
    assert (result.status == "infeasible") == np.isnan(best)
    if result.status == "solved":
        assert check_sizing(sizing, plan_of(result)) == ()
        assert result.objective == pytest.approx(best, rel=1e-6, abs=1e-6)


@FEW
@given(seed=st.integers(0, 10**6), duals=st.integers(0, 10**6))
def test_bound_from_any_multipliers_is_on_the_right_side(seed: int, duals: int) -> None:
    sizing = INSTANCES.random_sizing(seed)
    assert sizing_bound(sizing, random_duals(sizing, duals)) >= INSTANCES.brute_force(sizing)


def ruled(seed: int) -> Sizing:
    """Three sites that have to hold more piles than demand fills, with least numbers and use."""
    plain = INSTANCES.random_sizing(seed, sites=3)
    rich = replace(plain, row_upper=2 * plain.row_upper, demand_kwh=0.7 * plain.demand_kwh)
    return INSTANCES.with_site_rules(INSTANCES.with_rows(rich, piles=5), seed)


@FEW
@given(seed=st.integers(0, 10**6))
def test_optimum_with_least_numbers_and_use_is_that_of_brute_force(seed: int) -> None:
    sizing = ruled(seed)
    best = INSTANCES.brute_force(sizing)
    result = solve_sizing(sizing, gap=0.0, seconds=10)
    assert (result.status == "infeasible") == np.isnan(best)
    if np.isnan(best):
        return
    assert check_sizing(sizing, plan_of(result)) == ()
    assert result.objective == pytest.approx(best, rel=1e-5, abs=1e-5)
    assert sizing_bound(sizing, random_duals(sizing, seed)) >= best - 1e-6
    assert sizing_bound(sizing, result.duals) >= best - 1e-6


def test_least_numbers_and_use_cost_energy_in_these_instances() -> None:
    """They bind, so the test above can't pass without them."""
    both = [ruled(seed) for seed in range(20, 40)]
    free = [
        replace(s, least_of_type=np.ones_like(s.least_of_type), least_use=0.0 * s.least_use)
        for s in both
    ]
    pairs = [replace(s, least_use=0.0 * s.least_use) for s in both]
    best = [[INSTANCES.brute_force(s) for s in some] for some in (both, pairs, free)]
    lost = np.diff(np.nan_to_num(np.array(best)), axis=0)
    assert (lost >= -1e-6).all()
    assert ((lost > 1e-3).sum(axis=1) >= 3).all()


def test_the_check_sees_a_type_alone_and_a_station_used_too_little() -> None:
    sizing = INSTANCES.random_sizing(5, sites=3)
    sizing = replace(sizing, least_of_type=np.full(2, 2), least_use=np.full(3, 0.99))
    result = solve_sizing(replace(sizing, least_use=np.zeros(3)), gap=0.0, seconds=10)
    lonely = replace(plan_of(result), piles=np.minimum(result.piles, 1))
    assert any("too few piles of a type" in text for text in check_sizing(sizing, lonely))
    idle = replace(plan_of(result), serve=0.5 * result.serve)
    assert any("used too little" in text for text in check_sizing(sizing, idle))


@pytest.mark.parametrize("seed", range(6))
def test_whole_line_keeps_least_numbers_and_use(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = INSTANCES.random_sizing(seed, sites=12, points=60, types=3, most=9)
    sizing = INSTANCES.with_site_rules(plain, seed)
    exact = solve_arrays(array_model(sizing, saving=0.0), gap=0.0, seconds=20)
    monkeypatch.setattr("siting.core.sizing.solve.SMALL", 0)
    monkeypatch.setattr("siting.core.sizing.solve.MEDIUM", 0)
    result = solve_sizing(sizing, gap=1e-4, seconds=2)
    assert result.status == "solved"
    assert check_sizing(sizing, plan_of(result)) == ()
    assert result.bound >= exact.objective * (1 - 1e-6) - 1e-6
    assert exact.objective * 0.95 <= result.objective <= exact.objective * (1 + 1e-5) + 1e-5


def standing(seed: int, **more: int) -> Sizing:
    """Sites of which half have piles already, with least numbers, and use of the new ones."""
    sizing = INSTANCES.with_site_rules(INSTANCES.random_sizing(seed, **more), seed)
    return INSTANCES.with_kept(sizing, seed)


@FEW
@given(seed=st.integers(0, 10**6))
def test_optimum_beside_kept_piles_is_that_of_brute_force(seed: int) -> None:
    sizing = standing(seed, sites=3)
    best = INSTANCES.brute_force(sizing)
    result = solve_sizing(sizing, gap=0.0, seconds=10)
    assert (result.status == "infeasible") == np.isnan(best)
    if np.isnan(best):
        return
    assert check_sizing(sizing, plan_of(result)) == ()
    assert result.objective == pytest.approx(best, rel=1e-5, abs=1e-5)
    assert sizing_bound(sizing, random_duals(sizing, seed)) >= best - 1e-6
    assert sizing_bound(sizing, result.duals) >= best - 1e-6


def test_kept_piles_change_the_optimum_of_these_instances() -> None:
    """They bind, so the test above can't pass without them."""
    some = [standing(seed, sites=3) for seed in range(12)]
    # A type that is kept may stand alone, one that isn't may not.
    some = [replace(s, least_of_type=np.ones_like(s.least_of_type)) for s in some]
    free = [replace(s, kept=0 * s.kept, forced=np.zeros(3, dtype=bool)) for s in some]
    rows = [np.array(["kept" not in name for name in s.row_name]) for s in some]
    free = [keep_rows(s, np.flatnonzero(held)) for s, held in zip(free, rows, strict=True)]
    best = np.array([[INSTANCES.brute_force(s) for s in each] for each in (some, free)])
    assert (best[1] >= np.nan_to_num(best[0]) - 1e-6).all()
    assert (best[1] > np.nan_to_num(best[0]) + 1e-3).sum() >= 3


@pytest.mark.parametrize("seed", range(6))
def test_whole_line_keeps_what_stands(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sizing = standing(seed, sites=12, points=60, types=3, most=9)
    exact = solve_arrays(array_model(sizing, saving=0.0), gap=0.0, seconds=20)
    monkeypatch.setattr("siting.core.sizing.solve.SMALL", 0)
    monkeypatch.setattr("siting.core.sizing.solve.MEDIUM", 0)
    result = solve_sizing(sizing, gap=1e-4, seconds=2)
    assert result.status == "solved"
    assert check_sizing(sizing, plan_of(result)) == ()
    assert (result.piles >= sizing.kept * result.opened[:, None]).all()
    assert result.bound >= exact.objective * (1 - 1e-6) - 1e-6
    assert exact.objective * 0.95 <= result.objective <= exact.objective * (1 + 1e-5) + 1e-5


def test_the_check_sees_kept_piles_go() -> None:
    sizing = standing(4)
    result = solve_sizing(sizing, gap=0.0, seconds=10)
    assert result.status == "solved"
    fewer = replace(plan_of(result), piles=np.where(sizing.kept > 0, sizing.kept - 1, result.piles))
    assert any("lose kept piles" in text for text in check_sizing(sizing, fewer))


def test_bound_ignores_multipliers_that_are_not_numbers() -> None:
    sizing = INSTANCES.random_sizing(3)
    duals = random_duals(sizing, 1)
    duals["demand"][0], duals["rows"][0] = np.nan, np.inf
    bound = sizing_bound(sizing, duals)
    assert np.isfinite(bound)
    assert bound >= INSTANCES.brute_force(sizing)


@FEW
@given(seed=st.integers(0, 10**6), more=st.integers(1, 10))
def test_more_budget_never_serves_less(seed: int, more: int) -> None:
    sizing = INSTANCES.random_sizing(seed)
    richer = replace(sizing, row_upper=sizing.row_upper + 10000.0 * more)
    poor = solve_sizing(sizing, gap=0.0, seconds=10)
    rich = solve_sizing(richer, gap=0.0, seconds=10)
    assert rich.objective >= poor.objective - 1e-6 * max(1.0, poor.objective)


@pytest.mark.parametrize("seed", range(6))
def test_whole_line_agrees_with_branch_and_bound(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The route for large instances, forced on small ones, stays within its own bound."""
    sizing = INSTANCES.random_sizing(seed, sites=12, points=60, types=3, most=9)
    exact = solve_arrays(array_model(sizing, saving=0.0), gap=0.0, seconds=20)
    monkeypatch.setattr("siting.core.sizing.solve.SMALL", 0)
    monkeypatch.setattr("siting.core.sizing.solve.MEDIUM", 0)
    result = solve_sizing(sizing, gap=1e-4, seconds=2)
    assert result.status == "solved"
    assert check_sizing(sizing, plan_of(result)) == ()
    assert result.bound_by == "multipliers"
    assert result.objective <= exact.objective * (1 + 1e-6) + 1e-6
    assert result.bound >= exact.objective * (1 - 1e-6) - 1e-6
    assert result.objective >= 0.97 * exact.objective


@pytest.mark.filterwarnings("ignore:.*PuLP 4.0.*:DeprecationWarning")
@pytest.mark.parametrize("seed", range(4))
def test_without_capacity_it_is_maximal_covering(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sites, points, p = 9, 40, 3
    distance = rng.random((points, sites))
    demand = rng.integers(1, 100, points).astype(float)
    problem = MCLP.from_cost_matrix(distance, demand, 0.3, p_facilities=p)
    covered = problem.solve(__import__("pulp").PULP_CBC_CMD(msg=False)).problem.objective.value()
    arcs = np.argwhere(distance <= 0.3)
    rows = [("stations", np.ones(sites), np.zeros(sites), np.zeros(points), -np.inf, float(p))]
    sizing = Sizing(
        demand_kwh=demand, weight=np.ones(points), segment=np.zeros(points, np.int64),
        site=arcs[:, 1], point=arcs[:, 0], fixed_cny=np.ones(sites),
        min_piles=np.ones(sites, np.int64), max_piles=np.ones(sites, np.int64),
        kw_limit=np.full(sites, np.inf), forced=np.zeros(sites, dtype=bool),
        allowed=np.ones((sites, 1), dtype=bool), pile_kw=np.array([1.0]),
        pile_kwh=np.array([1e6]), pile_cny=np.array([1.0]), serves=np.ones((1, 1), dtype=bool),
        simultaneity=1.0, least_of_type=np.ones(1, np.int64), least_use=np.zeros(sites),
        kept=np.zeros((sites, 1), dtype=np.int64),
        **INSTANCES.rows_of(rows, (sites, 1, points)),
    )  # fmt: skip
    result = solve_sizing(sizing, gap=0.0, seconds=10)
    assert result.objective == pytest.approx(covered)


@pytest.fixture(scope="module")
def town() -> Sizing:
    return CASES.clustered(
        CASES.Town(200, 900, 10, budget_share=0.9, stations=60, piles=1500, dc_share=0.3, seed=2)
    )


@pytest.fixture(scope="module")
def town_plan(town: Sizing) -> SizingResult:
    return solve_sizing(town, gap=0.02, seconds=60)


def test_town_is_planned_within_the_gap(town: Sizing, town_plan: SizingResult) -> None:
    assert town_plan.status == "solved"
    assert check_sizing(town, plan_of(town_plan)) == ()
    assert town_plan.bound - town_plan.objective <= 0.02 * town_plan.objective
    assert sizing_bound(town, town_plan.duals) == pytest.approx(town_plan.bound, rel=1e-12)


def test_bounds_fall_and_incumbents_rise(town_plan: SizingResult) -> None:
    bounds = [t.bound for t in town_plan.trace if np.isfinite(t.bound)]
    assert all(a >= b for a, b in pairwise(bounds))
    assert len(bounds) > 1


def test_same_seed_gives_the_same_plan(town: Sizing, town_plan: SizingResult) -> None:
    again = solve_sizing(town, gap=0.02, seconds=60)
    assert again.objective == town_plan.objective
    assert np.array_equal(again.piles, town_plan.piles)
    assert np.array_equal(again.serve, town_plan.serve)


def test_certificate_survives_a_file(town: Sizing, town_plan: SizingResult, tmp_path: Path) -> None:
    np.savez(tmp_path / "certificate.npz", **town_plan.duals)
    with np.load(tmp_path / "certificate.npz") as duals:
        assert sizing_bound(town, duals) == pytest.approx(town_plan.bound, rel=1e-12)


def _arc(result: SizingResult) -> int:
    return int(result.serve.argmax())


@pytest.mark.parametrize(
    "change",
    ["energy", "closed", "pile", "negative", "surplus", "nan"],
)
def test_a_mutated_plan_is_caught(town: Sizing, town_plan: SizingResult, change: str) -> None:
    opened, piles = town_plan.opened.copy(), town_plan.piles.copy()
    serve = town_plan.serve.copy()
    arc = _arc(town_plan)
    site = town.site[arc]
    if change == "energy":
        serve[arc] = town.demand_kwh[town.point[arc]] * 1.001
    elif change == "closed":
        opened[site] = False
    elif change == "pile":
        piles[site] = 0
    elif change == "negative":
        serve[arc] = -1.0
    elif change == "surplus":
        piles[site, 0] += town.max_piles[site]
    else:
        serve[arc] = np.nan
    assert check_sizing(town, Siting(opened, piles, serve))


def test_no_pile_stands_idle_but_for_the_targets(town: Sizing, town_plan: SizingResult) -> None:
    plan = plan_of(town_plan)
    spare = plan.piles.sum() - 1500
    idle = sum(idle_piles(town, plan, plan.piles, k).sum() for k in range(5))
    assert spare >= 0
    # Beyond the pile target, an idle pile is only kept where the fast share leans on it.
    free = replace(town, row_lower=np.where(town.row_lower > 0, -np.inf, town.row_lower))
    assert spare == 0 or idle == 0 or tidy(free, plan).piles.sum() < plan.piles.sum()


def test_tidying_keeps_energy_and_rows_and_costs_no_more(
    town: Sizing, town_plan: SizingResult
) -> None:
    plan = plan_of(town_plan)
    room = (town.max_piles - plan.piles.sum(axis=1)).clip(0)
    wasteful = replace(plan, piles=plan.piles.copy())
    grid = np.floor(
        (town.kw_limit - town.simultaneity * plan.piles @ town.pile_kw) / (7.0 * 0.65) + 1e-9
    )
    extra = np.where(plan.opened & town.allowed[:, 0], np.minimum(room, grid), 0).astype(int)
    wasteful.piles[:, 0] += extra
    loose = replace(town, row_upper=np.full(len(town.row_upper), np.inf))
    neat = tidy(loose, wasteful)
    assert extra.sum() > 0
    assert check_sizing(loose, neat) == ()
    assert energy_of(town, neat) == energy_of(town, plan)
    assert cost_of(town, neat) <= cost_of(town, wasteful) - 0.9 * extra.sum() * town.pile_cny[0]


def test_equal_service_takes_the_cheaper_plan() -> None:
    """Two sites reach the same demand; the one that costs less opens."""
    points, sites = 3, 2
    arcs = np.array([(i, j) for i in range(points) for j in range(sites)])
    rows = [("stations", np.ones(sites), np.zeros(sites), np.zeros(points), -np.inf, 2.0)]
    sizing = Sizing(
        demand_kwh=np.array([10.0, 20.0, 15.0]), weight=np.ones(points),
        segment=np.zeros(points, np.int64), site=arcs[:, 1], point=arcs[:, 0],
        fixed_cny=np.array([5000.0, 4000.0]), min_piles=np.ones(sites, np.int64),
        max_piles=np.full(sites, 9), kw_limit=np.full(sites, np.inf),
        forced=np.zeros(sites, dtype=bool), allowed=np.ones((sites, 1), dtype=bool),
        pile_kw=np.array([7.0]), pile_kwh=np.array([20.0]), pile_cny=np.array([900.0]),
        serves=np.ones((1, 1), dtype=bool), simultaneity=1.0,
        least_of_type=np.ones(1, np.int64), least_use=np.zeros(sites),
        kept=np.zeros((sites, 1), dtype=np.int64),
        **INSTANCES.rows_of(rows, (sites, 1, points)),
    )  # fmt: skip
    result = solve_sizing(sizing, gap=0.0, seconds=5)
    assert result.objective == pytest.approx(45.0)
    assert result.opened.tolist() == [False, True]
    assert result.piles.sum() == 3


def test_a_start_that_breaks_rows_is_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("siting.core.sizing.solve.SMALL", 0)
    monkeypatch.setattr("siting.core.sizing.solve.MEDIUM", 0)
    town = CASES.clustered(CASES.Town(60, 250, 8, budget_share=0.9, stations=15, seed=3))
    start = plan_of(solve_sizing(town, gap=0.1, seconds=20))
    row = town.row_name.index("stations")
    more = start.opened.sum() + 4.0
    lower = np.where(np.arange(len(town.row_lower)) == row, more, town.row_lower)
    asked = replace(town, row_lower=lower)
    assert check_sizing(asked, start) != ()
    result = solve_sizing(asked, gap=100.0, seconds=20, start=start)
    assert result.status == "solved"
    assert check_sizing(asked, plan_of(result)) == ()
    assert result.opened.sum() >= more


def test_targets_beyond_the_land_are_named() -> None:
    town = CASES.clustered(
        CASES.Town(60, 200, 6, budget_share=3.0, stations=20, piles=10**6, seed=1)
    )
    result = solve_sizing(town, gap=0.01, seconds=10)
    assert result.status == "infeasible"
    assert result.colliding == ("piles",)
    assert "piles" in result.message


def test_a_budget_that_is_too_small_is_named_with_what_it_collides_with() -> None:
    town = CASES.clustered(CASES.Town(60, 200, 6, budget_share=0.05, stations=40, seed=1))
    result = solve_sizing(town, gap=0.01, seconds=10)
    assert result.status == "infeasible"
    assert set(result.colliding) == {"budget", "stations"}


def test_service_that_money_cannot_buy_is_proven_impossible(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The rows can hold but for the share served: only multipliers show that it is too much."""
    monkeypatch.setattr("siting.core.sizing.solve.SMALL", 0)
    town = CASES.clustered(CASES.Town(60, 200, 6, budget_share=0.3, seed=1))
    points = len(town.demand_kwh)
    served = csr_array(np.vstack([np.zeros(points), np.ones(points)]))
    town = replace(
        town,
        row_name=(*town.row_name, "served"),
        row_open=csr_array(np.vstack([town.row_open.toarray(), np.zeros(60)])),
        row_piles=csr_array(np.vstack([town.row_piles.toarray(), np.zeros(300)])),
        row_served=served,
        row_lower=np.append(town.row_lower, 0.95 * town.demand_kwh.sum()),
        row_upper=np.append(town.row_upper, np.inf),
    )
    result = solve_sizing(town, gap=0.01, seconds=20)
    assert result.status == "infeasible"
    assert set(result.colliding) == {"budget", "served"}


@pytest.mark.parametrize("seed", range(3))
def test_multipliers_of_the_relaxation_give_its_value(seed: int) -> None:
    """The safe bound at the best multipliers is the strong linear relaxation, HiGHS agreeing."""
    sizing = INSTANCES.random_sizing(seed, sites=10, points=40, types=3, most=8)
    relaxed = relaxation(sizing)
    exact = solve_arrays(array_model(sizing, saving=0.0, whole=False), gap=0.0, seconds=10)
    point = maximise(relaxed.program, most=20000, every=20000, stop=lambda _: False)
    bound = sizing_bound(sizing, duals_of(sizing, relaxed, point.y))
    assert bound == pytest.approx(exact.objective, rel=1e-5, abs=1e-3)
    assert bound >= exact.objective * (1 - 1e-7) - 1e-6


@pytest.mark.parametrize("seed", range(5))
def test_first_order_steps_reach_the_optimum_of_a_linear_programme(seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = csr_array(rng.normal(size=(15, 25)) * (rng.random((15, 25)) < 0.4))
    inside = rng.random(25)
    level = matrix @ inside
    program = LinearProgram(
        cost=rng.normal(size=25), lower=np.zeros(25), upper=np.ones(25), matrix=matrix,
        row_lower=np.where(rng.random(15) < 0.5, level - 0.1, -np.inf), row_upper=level + 0.1,
    )  # fmt: skip
    model = ArrayModel(
        True, 0.0, program.cost, program.lower, program.upper, np.zeros(25, dtype=bool), matrix,
        program.row_lower, program.row_upper, (("", 25),), None,
    )  # fmt: skip
    exact = solve_arrays(model, gap=0.0, seconds=5)
    found = maximise(program, most=20000, every=20000, stop=lambda _: False)
    assert program.cost @ found.x == pytest.approx(exact.objective, abs=1e-5)
    assert (matrix @ found.x <= program.row_upper + 1e-5).all()
