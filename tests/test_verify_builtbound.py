"""The bound of built area recomputed by other code: the same figure, and no lie goes unnoticed."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pulp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.core.building.check import packed, proven_bound
from siting.core.building.relax import relaxation, solve_relaxation
from siting.core.building.solve import solve_building
from siting.core.outcome import Outcome, Status
from siting.evidence import building_evidence
from siting.programme import Programme
from siting.verify import failures
from siting.verify.builtbound import built_bound
from siting.verify.builtproof import built_proof_findings

sys.path.insert(0, str(Path(__file__).parent / "core"))

from buildings import best_by_trying, town, with_backups

if TYPE_CHECKING:
    from siting.structures import Building

KINDS: tuple[dict[str, Any], ...] = (
    {},
    {"least_neighbours": 2, "least_patch": 4, "target_km2": 0.8},
    {"least_patch": 5, "target_km2": 1.0},
    {"maximise": True, "target_km2": 0.3, "budget_cny": 18.0},
    {"target_km2": 0.7, "banned": np.arange(8) == 2, "forced": np.arange(8) == 4},
    {"wanted": np.arange(9) == 4, "barred": np.arange(9) == 0, "target_km2": 0.5},
)


def arrays_of(building: Building) -> tuple[dict[str, Any], float]:
    _, point = solve_relaxation(relaxation(building), seconds=20)
    assert point.proof is not None
    nan = float("nan")
    outcome = Outcome(
        Status.FEASIBLE, nan, nan, nan, {}, 1.0, "building", certificate=packed(point.proof)
    )
    programme = Programme("town", pulp.LpProblem(), (), structure=building)
    named = building_evidence(programme, outcome)
    assert all(name.startswith("roadside/") for name in named)
    arrays = {name.removeprefix("roadside/"): values for name, values in named.items()}
    return arrays, proven_bound(building, point.proof)


@pytest.mark.parametrize("kind", range(len(KINDS)))
@pytest.mark.parametrize("seed", range(3))
def test_other_code_finds_the_same_bound(seed: int, kind: int) -> None:
    building = with_backups(town(seed, **KINDS[kind]))
    if best_by_trying(building) is None:
        building = town(seed, **KINDS[kind])
    arrays, want = arrays_of(building)
    assert built_bound(arrays) == pytest.approx(want, rel=1e-8, abs=1e-8)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), kind=st.integers(0, 5), scale=st.floats(0, 10))
def test_any_multipliers_and_any_claims_bound_the_best_plan(
    seed: int, kind: int, scale: float
) -> None:
    building = town(seed, **KINDS[kind])
    want = best_by_trying(building)
    if want is None:
        return
    arrays, _ = arrays_of(building)
    random = np.random.default_rng(seed)
    spoilt = dict(arrays)
    for name, values in arrays.items():
        if name.endswith("_member"):
            spoilt[name] = random.permutation(values)
        elif name.startswith("dual_") and not name.endswith(("_cell", "_start")):
            spoilt[name] = random.normal(size=values.shape) * scale
    bound = built_bound(spoilt)
    assert bound >= want - 1e-6 if building.maximise else bound <= want + 1e-6


def test_a_false_cut_gets_no_price() -> None:
    building = town(0, least_neighbours=0, least_patch=1)
    arrays, proven = arrays_of(building)
    false = {
        **arrays,
        "dual_cut_cell": np.r_[arrays["dual_cut_cell"], 4.0],
        "dual_cut_start": np.r_[arrays["dual_cut_start"], arrays["dual_cut_start"][-1]],
        "dual_cut_price": np.r_[arrays["dual_cut_price"], 100.0],
    }
    # No site at all is claimed to be needed by the cell in the middle.
    assert built_bound(false) == pytest.approx(proven, rel=1e-8)
    torn = {**arrays, "dual_side": arrays["dual_side"][:-1]}
    assert built_bound(torn) == -np.inf


def test_no_evidence_without_multipliers_or_building() -> None:
    nan = float("nan")
    outcome = Outcome(Status.FEASIBLE, nan, nan, nan, {}, 1.0, "building")
    programme = Programme("town", pulp.LpProblem(), (), structure=town(0))
    assert building_evidence(programme, outcome) == {}
    proven = replace(outcome, certificate={"area": np.ones(1)})
    assert building_evidence(replace(programme, structure=None), proven) == {}


def published(building: Building) -> Any:
    """Stand in for a published plan: the layers and records that the proof is held to."""
    arrays, bound = arrays_of(building)
    found = solve_building(building, gap=0.0, seconds=20)
    assert found.equipped is not None
    assert found.built is not None
    counted = building.need_m > 0
    heard = (building.hears @ found.equipped.astype(float)) > 0
    metres = np.bincount(building.group_cell, building.group_m * heard, minlength=9)
    names = np.array([f"s{j}" for j in range(8)], dtype=object)
    sites = pd.DataFrame(
        {"site_id": names, "cost_cny": building.cost, "mandatory": building.forced}
    )
    zones = pd.DataFrame(
        {
            "zone_id": np.arange(9),
            "area_km2": building.area_km2,
            "length_m": building.need_m / 0.6,
            "key_sites": np.diff(building.key.indptr),
            "covered_m": metres,
        }
    )[counted]
    record = {"objective": found.objective, "bound": bound, "message": "", "route": "building",
              "status": "feasible"}  # fmt: skip
    rules = {"reading": "zone", "covered_share": 0.6, "least_neighbours": 1, "least_patch_cells": 2}
    return SimpleNamespace(
        run={"settings": {"roadside": rules}, "roadside": record, "totals": {}},
        evidence={f"roadside/{name}": values for name, values in arrays.items()},
        roadside_candidates=sites,
        rsus=sites[found.equipped],
        zones=zones,
        clauses=pd.DataFrame({"measure": ["built_area_km2"], "target": [building.target_km2]}),
    )


def said(plan: Any, **arrays: Any) -> str:
    more = {f"roadside/{name.replace('__', '.')}": values for name, values in arrays.items()}
    plan = SimpleNamespace(**{**vars(plan), "evidence": {**plan.evidence, **more}})
    return "\n".join(failures(tuple(built_proof_findings(plan))))


def test_the_proof_of_a_plan_holds_and_each_lie_in_it_is_caught() -> None:
    building = town(0)
    plan = published(building)
    assert len(tuple(built_proof_findings(plan))) >= 10
    assert said(plan) == ""
    assert "costs are those" in said(plan, cost=building.cost * 2)
    assert "only mandatory" in said(plan, forced=np.ones(8, dtype=bool))
    assert "no site is kept out" in said(plan, banned=np.arange(8) == 1)
    assert "area asked for" in said(plan, target_km2=np.array(5.0))
    assert "areas of cells" in said(plan, area_km2=building.area_km2 / 2)
    assert "metres needed" in said(plan, need_m=building.need_m * 1.2)
    assert "metres heard" in said(plan, group_m=building.group_m / 2)
    assert "neighbours and patch" in said(plan, least_patch=np.array(9))
    zero = {n: 0 * v for n, v in arrays_of(building)[0].items() if n.endswith(("_price", "area"))}
    zero = {name: values for name, values in zero.items() if name.startswith("dual_")}
    assert "bound from the multipliers" in said(plan, **zero)


def test_a_bound_beyond_its_multipliers_is_caught_and_one_by_branches_is_not() -> None:
    plan = published(town(0))
    plan.run["roadside"]["bound"] *= 1.1
    assert "bound from the multipliers" in said(plan)
    plan.run["roadside"]["message"] = "bound by branch and bound"
    assert said(plan) == ""
    plan.run["roadside"]["objective"] *= 0.5
    assert "branch and bound" in said(plan)


def test_a_plan_that_claims_a_proof_keeps_its_evidence() -> None:
    plan = published(town(0))
    plan.evidence.clear()
    assert said(plan) == ""
    plan.run["roadside"]["status"] = "optimal"
    assert "evidence of the bound" in said(plan)
    plan.run["settings"]["roadside"] = None
    assert tuple(built_proof_findings(plan)) == ()
