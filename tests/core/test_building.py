"""The built-area route against brute force, and its certificates against mutation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pulp
import pytest
from buildings import best_by_trying, town, with_backups
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from siting.core.answer import Limits
from siting.core.building import cuts as building_cuts
from siting.core.building.area import (
    broken_rules,
    built_cells,
    check_building,
    lasting_cells,
    plan_of,
    plan_value,
)
from siting.core.building.check import Proof, packed, proven_bound, unpacked
from siting.core.building.cuts import minimal_blockers
from siting.core.building.relax import array_model, relaxation, solve_relaxation
from siting.core.building.route import Found, building_route
from siting.core.building.solve import BuildingResult, solve_building
from siting.core.building.tidy import tidied
from siting.core.building.windows import solve_part, stand_alone, window
from siting.core.certificate import recompute_bound
from siting.core.handover import flatten
from siting.core.outcome import Status
from siting.core.solve import solve
from siting.core.worker import Report
from siting.errors import SolverError, VerificationError
from siting.programme import Programme

if TYPE_CHECKING:
    from siting.structures import Building
SECONDS = 20.0
KINDS: tuple[dict[str, Any], ...] = (
    {},
    {"least_neighbours": 0, "least_patch": 1},
    {"least_neighbours": 2, "least_patch": 4, "target_km2": 0.8},
    {"least_patch": 5, "target_km2": 1.0},
    {"least_patch": 3, "target_km2": 0.5},
    {"maximise": True, "target_km2": 0.0, "budget_cny": 18.0},
    {"maximise": True, "target_km2": 0.5, "budget_cny": 22.0, "least_patch": 3},
    {"target_km2": 0.7, "banned": np.arange(8) == 2, "forced": np.arange(8) == 4},
    {"target_km2": 1.6, "banned": np.arange(8) == 3},
    {"wanted": np.arange(9) == 4, "barred": np.arange(9) == 0, "target_km2": 0.5},
)


def solved(building: Building, **changes: Any) -> BuildingResult:
    return solve_building(building, **{"gap": 0.0, "seconds": SECONDS, **changes})


def proof_of(building: Building) -> Proof:
    _, point = solve_relaxation(relaxation(building), seconds=SECONDS)
    assert point.proof is not None
    return point.proof


def programme_of(building: Building) -> Programme:
    """Only what the front needs: sites with their costs."""
    problem = pulp.LpProblem("town", pulp.LpMinimize)
    sites = tuple(
        problem.add_variable(f"equip_{j}", 0, 1, pulp.LpInteger) for j in range(len(building.cost))
    )
    terms = list(zip(sites, building.cost.tolist(), strict=True))
    problem.setObjective(pulp.LpAffineExpression(terms))
    return Programme("town", problem, sites, structure=building)


@pytest.mark.parametrize("kind", range(len(KINDS)))
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("backed", [False, True])
def test_the_optimum_is_that_of_trying_every_set(kind: int, seed: int, *, backed: bool) -> None:
    building = town(seed, **KINDS[kind])
    building = with_backups(building) if backed else building
    want = best_by_trying(building)
    found = solved(building)
    if want is None:
        assert found.equipped is None
        assert found.state == "infeasible"
        return
    assert found.objective == pytest.approx(want, abs=1e-9)
    assert found.bound == pytest.approx(want, rel=1e-6, abs=1e-6)
    assert found.equipped is not None
    assert found.built is not None
    assert broken_rules(building, found.equipped, found.built) == ()


def test_the_cases_above_are_not_all_one_kind() -> None:
    values = [best_by_trying(town(seed, **kind)) for kind in KINDS for seed in range(3)]
    assert sum(value is None for value in values) >= 2
    assert sum(value is not None for value in values) > 20


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), kind=st.integers(0, len(KINDS) - 1))
def test_a_plan_is_exact_where_blockers_are_found_as_they_are_needed(seed: int, kind: int) -> None:
    building = town(seed, **KINDS[kind])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building_cuts, "MOST_SITES", 1)
        found = solved(building)
    want = best_by_trying(building)
    assert (found.equipped is None) == (want is None)
    if want is not None:
        assert found.objective == pytest.approx(want, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    kind=st.integers(0, len(KINDS) - 1),
    spoil=st.integers(0, 10_000),
    scale=st.floats(0, 10),
)
def test_any_multipliers_bound_the_best_plan(
    seed: int, kind: int, spoil: int, scale: float
) -> None:
    building = with_backups(town(seed, **KINDS[kind]))
    want = best_by_trying(building)
    if want is None:
        return
    random = np.random.default_rng(spoil)
    arrays = {
        name: random.normal(size=values.shape) * scale
        if not name.endswith(("_cell", "_member", "_start"))
        else values
        for name, values in packed(proof_of(building)).items()
    }
    bound = proven_bound(building, unpacked(building, arrays))
    assert bound >= want - 1e-6 if building.maximise else bound <= want + 1e-6


@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_the_relaxation_is_proven_by_its_multipliers(kind: int) -> None:
    building = town(1, **KINDS[kind])
    if best_by_trying(building) is None:
        return
    relax, point = solve_relaxation(relaxation(building), seconds=SECONDS)
    assert point.proof is not None
    model = array_model(relax, whole=False)
    assert point.x is not None
    assert point.z is not None
    value = float(building.worth @ point.z if building.maximise else building.cost @ point.x)
    assert model.matrix.shape[0] == len(model.row_lower)
    assert proven_bound(building, point.proof) == pytest.approx(value, rel=1e-6, abs=1e-6)


def test_blockers_are_those_of_trying_every_set() -> None:
    rng = np.random.default_rng(3)
    for _ in range(30):
        sites, groups = int(rng.integers(1, 6)), int(rng.integers(1, 7))
        masks = rng.integers(1, 1 << sites, groups)
        metres = rng.integers(1, 9, groups).astype(float)
        need = float(rng.integers(1, 1 + int(metres.sum())))

        def enough(on: int, masks: Any = masks, metres: Any = metres, need: float = need) -> bool:
            return bool(metres[(masks & on) > 0].sum() >= need)

        every = (1 << sites) - 1
        blocks = [off for off in range(every + 1) if not enough(every & ~off)]
        minimal = [a for a in blocks if not any(b != a and b & a == b for b in blocks)]
        found = minimal_blockers(masks, metres, need, sites)
        assert sorted(found.astype(int) @ (1 << np.arange(sites))) == sorted(minimal)


def test_a_cut_that_a_plan_can_do_without_is_refused() -> None:
    building = town(0)
    proof = proof_of(building)
    assert len(proof.cut.cell)
    found = solved(building)
    assert found.equipped is not None
    assert found.built is not None
    on = np.flatnonzero(found.built)
    assert on.size
    off = np.flatnonzero(~found.equipped)
    false = replace(
        proof.cut,
        cell=np.r_[proof.cut.cell, on[:1]],
        member=csr_array(np.vstack([proof.cut.member.toarray(), ~found.equipped])),
        price=np.r_[proof.cut.price, 1.0],
    )
    assert off.size
    with pytest.raises(VerificationError, match="sites needed"):
        proven_bound(building, replace(proof, cut=false))


def test_a_ring_that_a_cell_can_do_without_is_refused() -> None:
    building = town(0, least_patch=2, target_km2=1.0)
    proof = proof_of(building)
    row = np.zeros((1, 9))
    row[0, 1] = 1.0
    false = replace(proof.ring, cell=np.array([4]), member=csr_array(row), price=np.array([1.0]))
    with pytest.raises(VerificationError, match="cells needed"):
        proven_bound(building, replace(proof, ring=false))


@pytest.mark.parametrize("lost", ["area", "cut_member", "side", "group", "ring_cell"])
def test_a_certificate_with_an_array_missing_or_cut_is_refused(lost: str) -> None:
    building = town(0)
    arrays = packed(proof_of(building))
    with pytest.raises(VerificationError):
        unpacked(building, {name: a for name, a in arrays.items() if name != lost})
    if lost != "area":
        with pytest.raises(VerificationError):
            unpacked(building, {**arrays, lost: np.r_[arrays[lost], 1e6]})


def test_zero_multipliers_prove_nothing() -> None:
    building = town(0)
    arrays = packed(proof_of(building))
    zero = {
        n: a if n.endswith(("_cell", "_member", "_start")) else 0 * a for n, a in arrays.items()
    }
    assert proven_bound(building, unpacked(building, zero)) == pytest.approx(0.0, abs=1e-9)
    assert recompute_bound(building, {}) == -np.inf
    assert recompute_bound(replace(building, maximise=True), {}) == np.inf


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_larger_reach_never_costs_more(seed: int) -> None:
    near, far = (best_of(town(seed, reach=reach)) for reach in (0.7, 1.0))
    assert far <= near + 1e-9


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_another_site_never_costs_more(seed: int) -> None:
    building = town(seed)
    # A last site that is no junction: leaving it out is banning it.
    plain = np.array(building.key.toarray() == 0).all(axis=0)
    last = np.zeros(8, dtype=bool)
    last[np.flatnonzero(plain)[-1:]] = True
    assert best_of(building) <= best_of(replace(building, banned=last)) + 1e-9


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), more=st.floats(0.0, 1.0))
def test_a_larger_target_is_never_cheaper(seed: int, more: float) -> None:
    building = town(seed, target_km2=0.5)
    assert best_of(building) <= best_of(replace(building, target_km2=0.5 + more)) + 1e-9


def best_of(building: Building) -> float:
    found = solved(building)
    assert found.state in ("solved", "infeasible")
    return found.objective if found.equipped is not None else np.inf


def test_tidying_only_takes_what_no_built_cell_needs() -> None:
    for seed in range(8):
        building = town(seed, target_km2=0.4)
        every = np.ones(8, dtype=bool)
        if plan_of(building, every) is None:
            continue
        less = tidied(building, every)
        assert (built_cells(building, less) == built_cells(building, every)).all()
        for site in np.flatnonzero(less):
            without = less.copy()
            without[site] = False
            assert (built_cells(building, without) != built_cells(building, less)).any()


def test_lasting_cells_peel_until_nothing_breaks() -> None:
    building = town(0, least_neighbours=2, least_patch=4)
    ring = np.array([1, 1, 1, 1, 0, 1, 1, 1, 1], dtype=bool)
    assert (lasting_cells(building, ring) == ring).all()
    assert not lasting_cells(building, ring & (np.arange(9) != 0)).any()


def test_the_front_solves_by_the_route_and_the_bound_is_recomputed() -> None:
    building = town(2)
    want = best_by_trying(building)
    assert want is not None
    outcome = solve(programme_of(building), gap=0.0, seconds=SECONDS)
    assert outcome.route == "building"
    assert outcome.status is Status.OPTIMAL
    assert outcome.objective == pytest.approx(want)
    assert recompute_bound(building, outcome.certificate) <= outcome.bound + 1e-6
    assert outcome.trace


def test_what_can_not_be_done_is_said() -> None:
    building = town(2, target_km2=100.0)
    outcome = solve(programme_of(building), gap=0.0, seconds=SECONDS)
    assert outcome.status is Status.INFEASIBLE
    assert "of 100.00 are built" in outcome.message
    tight = solve(programme_of(town(2, budget_cny=1.0)), gap=0.0, seconds=SECONDS)
    assert tight.status is Status.INFEASIBLE


def test_a_plan_left_by_a_child_that_was_ended_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    building = town(2)
    every = np.ones(8, dtype=bool)
    programme = programme_of(building)
    left = Report("deadline", Found(every, 1.0), (), 1.0, 1.0)
    monkeypatch.setattr("siting.core.building.route.run_in_child", lambda *_, **__: left)
    answer, _ = building_route(programme, flatten(programme), Limits())
    assert answer.objective == plan_value(building, every, built_cells(building, every))
    assert not answer.certificate
    proof = proof_of(building)
    proven = Report("deadline", Found(every, 1.0, proof), (), 1.0, 1.0)
    monkeypatch.setattr("siting.core.building.route.run_in_child", lambda *_, **__: proven)
    answer, _ = building_route(programme, flatten(programme), Limits())
    assert recompute_bound(building, answer.certificate) == proven_bound(building, proof)
    broken = Report("done", Found(~every, 1.0), (), 1.0, 1.0)
    monkeypatch.setattr("siting.core.building.route.run_in_child", lambda *_, **__: broken)
    with pytest.raises(SolverError, match="refuses"):
        building_route(programme, flatten(programme), Limits())


def test_malformed_instances_are_refused() -> None:
    building = town(0)
    with pytest.raises(SolverError, match="wrong shape"):
        check_building(replace(building, forced=np.zeros(3, dtype=bool)))
    with pytest.raises(SolverError, match=">= 0"):
        check_building(replace(building, cost=-building.cost))
    with pytest.raises(SolverError, match="outside"):
        check_building(replace(building, group_cell=building.group_cell + 9))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), most=st.booleans())
def test_a_part_with_all_sites_open_is_the_whole_and_none_worse_with_some(
    seed: int, *, most: bool
) -> None:
    rng = np.random.default_rng(seed)
    hears = rng.random((14, 8)) < 0.3
    alone = town(
        seed,
        least_neighbours=0,
        least_patch=1,
        key=csr_array((14, 8)),
        group_cell=np.arange(14),
        group_m=np.ones(14),
        need_m=np.ones(14),
        hears=csr_array(hears.astype(float)),
        neighbour=csr_array((14, 14)),
        area_km2=rng.random(14),
        worth=rng.random(14),
        wanted=np.zeros(14, dtype=bool),
        barred=np.zeros(14, dtype=bool),
        target_km2=0.0 if most else 2.0,
        budget_cny=14.0 if most else np.inf,
        maximise=most,
    )
    assert stand_alone(alone)
    assert not stand_alone(town(seed))
    want = best_by_trying(alone)
    none = np.zeros(8, dtype=bool)
    found = solve_part(alone, none, none, gap=0.0, seconds=10, seed=0)
    if want is None:
        assert found is None
        return
    assert found is not None
    assert plan_value(alone, found, built_cells(alone, found)) == pytest.approx(want)
    open_ = np.arange(8) < 4
    again = solve_part(alone, found & ~open_, ~found & ~open_, gap=0.0, seconds=10, seed=0)
    assert again is not None
    assert plan_value(alone, again, built_cells(alone, again)) == pytest.approx(want)


def test_a_window_grows_outwards_and_stops_where_nothing_hangs_together() -> None:
    beside = csr_array(np.eye(6) + np.eye(6, k=1) + np.eye(6, k=-1))
    rng = np.random.default_rng(0)
    assert sorted(window(beside, 2, 3, rng)) == [1, 2, 3]
    assert sorted(window(beside, 0, 99, rng)) == list(range(6))
    assert window(csr_array(np.eye(4)), 3, 9, rng).tolist() == [3]


def test_values_are_counted_in_a_unit_that_makes_them_whole() -> None:
    building = town(0)
    tens = replace(building, cost=np.array([70.0, 200, 200, 70, 70, 200, 70, 70]) * 1000)
    assert relaxation(tens).scale == 10_000
    assert relaxation(replace(tens, cost=tens.cost + 0.5)).scale == tens.cost.mean() + 0.5
    assert relaxation(replace(tens, cost=tens.cost * 1e4 + 1)).scale > 1e8
    assert relaxation(replace(tens, cost=0 * tens.cost)).scale == 1
