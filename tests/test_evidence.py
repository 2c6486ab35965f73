"""The evidence behind a bound: recomputed by other code, and no lie in it goes unnoticed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from siting.errors import InputError
from siting.evidence import read_evidence, write_evidence
from siting.store.runs import read_run
from siting.verify import failures, verify_plan
from siting.verify.certificate import certificate_findings, lagrangian_bound

if TYPE_CHECKING:
    from pathlib import Path

    from siting.pipeline import Published
    from siting.plan import Plan


def _wrong(plan: Plan, **arrays: Any) -> str:
    changed = replace(plan, evidence={**plan.evidence, **arrays})
    return "\n".join(failures(tuple(certificate_findings(changed))))


def test_the_bound_of_a_published_run_is_recomputed_from_its_file(published: Published) -> None:
    plan = read_run(published.folder)
    assert plan.evidence
    findings = {finding.check: finding for finding in verify_plan(plan)}
    assert any("multipliers" in check for check in findings)
    assert all(finding.ok for finding in findings.values())


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(0.0, 5.0))
def test_any_multipliers_bound_the_plan(published: Published, seed: int, scale: float) -> None:
    evidence = published.plan.evidence
    random = np.random.default_rng(seed)
    spoilt = {
        name: random.normal(size=values.shape) * scale
        for name, values in evidence.items()
        if name.startswith("dual_")
    }
    served = published.plan.run["objective"]
    assert lagrangian_bound({**evidence, **spoilt}) >= served * (1 - 1e-9)


def test_a_bound_better_than_its_multipliers_prove_is_caught(published: Published) -> None:
    plan = published.plan
    zero = {name: np.zeros_like(v) for name, v in plan.evidence.items() if name.startswith("dual_")}
    said = _wrong(plan, **zero)
    by_tree = "branch and bound" in f"{plan.run['route']} {plan.run['message']}"
    assert by_tree or "bound from the multipliers" in said


@pytest.mark.parametrize(
    ("name", "change", "check"),
    [
        ("demand_kwh", lambda a: a * 0.5, "demand"),
        ("fixed_cny", lambda a: a + 1e5, "opening costs"),
        ("max_piles", lambda a: a // 2, "pile counts"),
        ("pile_kwh", lambda a: a * 0.9, "pile energy"),
        ("pile_cny", lambda a: a * 2, "pile costs"),
        ("weight", lambda a: a * 2, "worth"),
        ("row_upper", lambda a: a * 0.5, "budget"),
        ("group_types", np.zeros_like, "groups"),
    ],
)
def test_an_array_that_is_not_the_layers_is_caught(
    published: Published, name: str, change: Any, check: str
) -> None:
    plan = published.plan
    assert check in _wrong(plan, **{name: change(plan.evidence[name])})


def test_arcs_left_out_of_the_evidence_are_caught(published: Published) -> None:
    a = published.plan.evidence
    kept = slice(None, None, 3)
    assert "choice of sites" in _wrong(published.plan, site=a["site"][kept], point=a["point"][kept])


def test_evidence_that_is_no_such_file_is_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "evidence.npz"
    path.write_bytes(b"not a zip")
    with pytest.raises(InputError, match="evidence"):
        read_evidence(path)


def test_evidence_comes_back_as_it_was_written(tmp_path: Path) -> None:
    arrays = {"a": np.arange(3), "b": np.ones((2, 2), dtype=bool)}
    write_evidence(tmp_path / "evidence.npz", arrays)
    back = read_evidence(tmp_path / "evidence.npz")
    assert all(np.array_equal(back[name], values) for name, values in arrays.items())
