"""The edge-node programme: rows as the note numbers them, and the optimum of brute force."""

from __future__ import annotations

import subprocess
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pulp.apis.coin_api import pulp_cbc_path

from siting.core.lpfile import lp_lines, write_lp
from siting.core.outcome import Outcome, Status
from siting.core.solve import solve
from siting.errors import SolverError
from siting.formulate.edgenodes import EdgeChoice, edge_programme, greedy_nodes, served_from

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden" / "edgenodes.lp"


def question(
    seed: int, *, sites: int = 6, capacity: int = 3, node_cny: float = 50_000, within: float = 1e9
) -> EdgeChoice:
    """Sites on a square of 3 km; fibre runs along the two axes."""
    at = np.random.default_rng(seed).integers(0, 3000, (sites, 2)).astype(float)
    metres = np.abs(at[:, None] - at[None]).sum(axis=2)
    site, host = np.nonzero((metres <= within) & ~np.eye(sites, dtype=bool))
    return EdgeChoice(
        site, host, metres[site, host], sites, capacity, node_cny, fibre_cny_per_m=25.0
    )


def cost_of(choice: EdgeChoice, host: np.ndarray) -> float:
    """Cost of a plan; infinite where a node is too full or an arc isn't there."""
    arcs = zip(choice.site.tolist(), choice.host.tolist(), strict=True)
    fibre = dict(zip(arcs, choice.fibre_m.tolist(), strict=True))
    total = 0.0
    for site, at in enumerate(host.tolist()):
        if site == at:
            total += choice.node_cny
        elif host[at] != at or (site, at) not in fibre:
            return float("inf")
        else:
            total += choice.fibre_cny_per_m * fibre[site, at]
    load = np.bincount(host, minlength=choice.sites)
    return float("inf") if (load > choice.capacity).any() else total


def brute_force(choice: EdgeChoice) -> float:
    every = product(range(choice.sites), repeat=choice.sites)
    return min(cost_of(choice, np.array(host)) for host in every)


def solved(choice: EdgeChoice) -> tuple[float, np.ndarray]:
    programme = edge_programme(choice)
    outcome = solve(programme, gap=0.0, seconds=30)
    assert outcome.status == Status.OPTIMAL
    host = served_from(programme, outcome, choice)
    assert cost_of(choice, host) == pytest.approx(outcome.objective)
    return outcome.objective, host


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("capacity", "within"), [(3, 1e9), (2, 1500.0), (6, 900.0)])
def test_the_optimum_is_that_of_brute_force(seed: int, capacity: int, within: float) -> None:
    choice = question(seed, sites=5, capacity=capacity, within=within)
    assert solved(choice)[0] == pytest.approx(brute_force(choice))


def test_cbc_finds_the_same_optimum(tmp_path: Path) -> None:
    choice = question(11, sites=9)
    write_lp(edge_programme(choice), tmp_path / "p.lp")
    out = tmp_path / "p.sol"
    subprocess.run(  # noqa: S603
        [pulp_cbc_path, str(tmp_path / "p.lp"), "ratio", "0", "solve", "solu", str(out)],
        check=True,
        capture_output=True,
    )
    head = out.read_text().splitlines()[0]
    assert head.startswith("Optimal"), head
    assert float(head.split()[-1]) == pytest.approx(solved(choice)[0])


def test_arcs_longer_than_a_node_is_worth_change_nothing() -> None:
    for seed in range(4):
        every = question(seed, sites=6, capacity=3, node_cny=30_000)
        short = question(seed, sites=6, capacity=3, node_cny=30_000, within=30_000 / 25)
        assert len(short.site) < len(every.site)
        assert solved(short)[0] == pytest.approx(solved(every)[0])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 5), st.floats(100, 4000))
def test_the_greedy_start_is_always_a_plan(
    seed: int, sites: int, capacity: int, within: float
) -> None:
    choice = question(seed, sites=sites, capacity=capacity, within=within)
    host, arcs = greedy_nodes(choice)
    assert np.isfinite(cost_of(choice, host))
    assert sorted(choice.site[arcs]) == sorted(np.flatnonzero(host != np.arange(sites)))
    assert (choice.host[arcs] == host[choice.site[arcs]]).all()
    assert cost_of(choice, host) <= sites * choice.node_cny + 1e-6


def test_dearer_fibre_never_makes_the_plan_cheaper() -> None:
    base = question(5)
    costs = []
    for each in (0.0, 10.0, 40.0, 200.0):
        choice = EdgeChoice(
            base.site, base.host, base.fibre_m, base.sites, base.capacity, base.node_cny, each
        )
        costs.append(solved(choice)[0])
    assert costs == sorted(costs)
    assert costs[0] == 2 * base.node_cny, "free fibre: as few nodes as the capacity allows"
    assert costs[-1] <= base.sites * base.node_cny


def test_the_written_programme_is_the_kept_one() -> None:
    text = "\n".join(lp_lines(edge_programme(question(2, sites=3, capacity=2)))) + "\n"
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_an_outcome_without_a_solution_is_refused() -> None:
    choice = question(1)
    nan = float("nan")
    nothing = Outcome(Status.NO_ANSWER, nan, nan, nan, {}, 1.0, "highs")
    with pytest.raises(SolverError, match="edge nodes"):
        served_from(edge_programme(choice), nothing, choice)
