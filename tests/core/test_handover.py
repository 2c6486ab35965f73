"""Programmes as arrays: the same model by every way out, and every broken row found."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import highspy
import numpy as np
import pulp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pulp.apis.coin_api import pulp_cbc_path
from scipy.sparse import coo_array, csr_array, eye_array

from siting.core.handover import assign, flatten, join, objective_of, split, violation
from siting.core.highs import highs_of, solution_of, solve_arrays
from siting.core.lpfile import lp_lines, write_lp
from siting.errors import SolverError
from siting.programme import Columns, Programme, Rows

if TYPE_CHECKING:
    from pathlib import Path


def mixed(seed: int, *, maximise: bool = True, offset: float = 0.0) -> Programme:
    """Make a random bounded programme with PuLP variables, rows of all senses and blocks."""
    rng = np.random.default_rng(seed)
    sense = pulp.LpMaximize if maximise else pulp.LpMinimize
    problem = pulp.LpProblem("mixed", sense)
    variables = tuple(
        problem.add_variable(f"x_{k}", 0, int(rng.integers(1, 5)), cat=cat)
        for k, cat in enumerate(["Integer", "Continuous", "Integer", "Binary"])
    )
    weights = rng.integers(-5, 6, 4).tolist()
    problem += pulp.lpSum(w * v for w, v in zip(weights, variables, strict=True)) + offset
    problem += pulp.lpSum(variables) <= 7, "most"
    problem += variables[0] - 2 * variables[1] >= -6, "least"
    problem += variables[2] + variables[3] == 2, "exact"
    block = Columns(
        "y", np.array([-2.0, -np.inf, 0.0]), np.array([3.0, 4.0, np.inf]),
        rng.integers(-4, 5, 3).astype(float), integer=bool(rng.integers(2)),
    )  # fmt: skip
    rows = Rows(
        "link",
        np.array([-np.inf, -5.0, -4.0]),
        np.array([6.0, 5.0, np.inf]),
        {"": csr_array(rng.integers(-2, 3, (3, 4)).astype(float)),
         "y": csr_array(eye_array(3) * 1.0)},
    )  # fmt: skip
    return Programme("mixed", problem, variables, (block,), (rows,))


def optimum_by_file(programme: Programme, path: Path) -> tuple[str, float]:
    """Solve the LP text as HiGHS reads it; ("status", objective)."""
    write_lp(programme, path)
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    assert highs.readModel(str(path)) == highspy.HighsStatus.kOk
    highs.run()
    return highs.modelStatusToString(highs.getModelStatus()), highs.getObjectiveValue()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.booleans(), st.sampled_from([0.0, 3.5, -2.0]))
def test_arrays_and_lp_text_have_the_same_optimum(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    maximise: bool,  # noqa: FBT001
    offset: float,
) -> None:
    programme = mixed(seed, maximise=maximise, offset=offset)
    found = solve_arrays(flatten(programme), gap=0.0, seconds=20)
    words, objective = optimum_by_file(programme, tmp_path_factory.mktemp("lp") / "model.lp")
    if found.values is None:
        assert found.kind == "infeasible" if words == "Infeasible" else "unbounded"
        return
    assert words == "Optimal"
    assert found.objective == pytest.approx(objective, abs=1e-6)
    assert found.bound == pytest.approx(objective, abs=1e-6)
    assert violation(flatten(programme), found.values)[0] <= 1e-6


def test_cbc_reads_the_lp_text_and_agrees(tmp_path: Path) -> None:
    cbc = pulp.COIN_CMD(path=pulp_cbc_path, msg=False)
    if not cbc.available():
        pytest.skip("this PuLP has no CBC")
    import subprocess  # noqa: PLC0415

    for seed in range(6):
        programme = mixed(seed, offset=1.5)
        found = solve_arrays(flatten(programme), gap=0.0, seconds=20)
        path = tmp_path / f"{seed}.lp"
        write_lp(programme, path)
        out = tmp_path / f"{seed}.sol"
        subprocess.run(  # noqa: S603
            [cbc.path, str(path), "solve", "solution", str(out)],
            check=True, capture_output=True,
        )  # fmt: skip
        first = out.read_text().splitlines()[0]
        if found.values is None:
            assert first.startswith({"infeasible": "Infeasible"}.get(found.kind, "Unbounded"))
        else:
            assert abs(float(first.split()[-1])) == pytest.approx(abs(found.objective), abs=1e-6)


def test_solution_comes_back_by_variable_and_by_block() -> None:
    programme = mixed(3)
    model = flatten(programme)
    found = solve_arrays(model, gap=0.0, seconds=20)
    assert found.values is not None
    values = split(model.blocks, found.values)
    assert list(values) == ["", "y"]
    assert np.array_equal(join(model.blocks, values), found.values)
    assign(programme, values)
    assert [v.value() for v in programme.variables] == values[""].tolist()
    by_pulp = pulp.value(programme.problem.objective)
    block = float(programme.columns[0].cost @ values["y"])
    assert by_pulp + block == pytest.approx(objective_of(model, found.values))


def test_lp_text_names_pulp_rows_and_block_rows() -> None:
    text = "\n".join(lp_lines(mixed(0)))
    for name in ("most:", "least:", "exact:", "link_0:", "link_1_lo:", "link_1_up:", "y_2"):
        assert name in text
    assert "[" not in text


def test_violation_names_the_worst_offender() -> None:
    model = flatten(mixed(3))
    found = solve_arrays(model, gap=0.0, seconds=20)
    assert found.values is not None
    assert violation(model, found.values)[0] <= 1e-6
    for k in np.flatnonzero(np.isfinite(model.upper)):
        off = found.values.copy()
        off[k] += 100.0
        assert violation(model, off)[0] > 1e-6
    off = found.values.copy()
    off[1] = np.nan
    assert violation(model, off) == (np.inf, "column 1")
    off = found.values.copy()
    off[0] += 0.25
    assert violation(model, off)[0] >= 0.25


def test_infeasible_and_unbounded_are_told_apart() -> None:
    problem = pulp.LpProblem("open", pulp.LpMaximize)
    x = problem.add_variable("x", 0, cat="Integer")
    problem += x + 0
    programme = Programme("open", problem, (x,))
    assert solve_arrays(flatten(programme), gap=0.0, seconds=5).kind == "unbounded"
    problem += x <= -1, "never"
    assert solve_arrays(flatten(programme), gap=0.0, seconds=5).kind == "infeasible"


def test_a_start_is_taken() -> None:
    programme = covering(2_000, 60, 6, seed=0)
    chosen = np.zeros(60)
    chosen[:6] = 1.0
    covered = (programme.rows[0].terms[""] @ chosen > 0).astype(float)
    started = replace(programme, start={"": chosen, "z": covered})
    found = solve_arrays(flatten(started), gap=0.0, seconds=0.2)
    worth = float(programme.columns[0].cost @ covered)
    assert found.values is not None
    assert found.objective >= worth


def covering(rows: int, sites: int, each: int, seed: int) -> Programme:
    """Make a covering programme: sites in PuLP, rows as a block."""
    rng = np.random.default_rng(seed)
    place = (np.repeat(np.arange(rows), each), rng.integers(0, sites, rows * each))
    cover = csr_array(coo_array((np.ones(rows * each), place), shape=(rows, sites)))
    cover.data[:] = 1.0
    problem = pulp.LpProblem("covering", pulp.LpMaximize)
    x = tuple(problem.add_variable(f"x_{j}", cat="Binary") for j in range(sites))
    problem += pulp.lpSum(x) <= 6, "sites"
    z = Columns("z", np.zeros(rows), np.ones(rows), rng.integers(1, 100, rows).astype(float))
    linked = Rows(
        "cover",
        np.zeros(rows),
        np.full(rows, np.inf),
        {"": cover, "z": csr_array(-eye_array(rows))},
    )
    return Programme("covering", problem, x, (z,), (linked,))


def test_a_million_entries_are_handed_over_and_read_back_quickly() -> None:
    programme = covering(50_000, 1_000, 20, seed=1)
    started = time.perf_counter()
    model = flatten(programme)
    highs = highs_of(model, seconds=0.0)
    highs.run()
    solution_of(highs)
    split(model.blocks, np.zeros(len(model.cost)))
    assert model.matrix.nnz > 1_000_000
    assert (
        time.perf_counter() - started < 5.0
    )  # measured 0.25 s; benchmarks/handover.py has figures


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"columns": (Columns("y", np.zeros(2), np.ones(3), np.ones(3)),)}, "differ in length"),
        ({"columns": (Columns("y", np.zeros(3), np.ones(3), np.full(3, np.nan)),)}, "not a number"),
        ({"columns": ()}, "unknown column block"),
        ({"variables": ()}, "shape"),
        ({"start": {"y": np.zeros(5)}}, "does not fit"),
        ({"start": {"z": np.zeros(5)}}, "does not fit"),
    ],
)
def test_malformed_programmes_are_refused(change: dict[str, object], words: str) -> None:
    programme = replace(mixed(0), **change)  # type: ignore[arg-type]
    with pytest.raises(SolverError, match=words):
        flatten(programme)


def test_a_variable_that_is_not_listed_is_refused() -> None:
    problem = pulp.LpProblem("listed", pulp.LpMaximize)
    x, y = problem.add_variable("x", 0, 1), problem.add_variable("y", 0, 1)
    problem += x + y
    problem += x + y <= 1, "both"
    with pytest.raises(SolverError, match="not listed"):
        flatten(Programme("listed", problem, (x,)))


def test_names_used_twice_are_refused() -> None:
    programme = mixed(0)
    problem = pulp.LpProblem("twice", pulp.LpMaximize)
    twice = (problem.add_variable("y_0", 0, 1), *programme.variables[1:])
    with pytest.raises(SolverError, match="twice"):
        list(lp_lines(Programme("twice", problem, twice, programme.columns, ())))
