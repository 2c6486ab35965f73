"""The test-road programme: exact small optima, literal rows, numbers of the note."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.core.connected.selection import solve_connected
from siting.core.lpfile import lp_lines
from siting.core.solve import solve
from siting.errors import SolverError
from siting.formulate.roadstart import road_start
from siting.formulate.testroads import (
    CHOOSE,
    RoadChoice,
    SideRow,
    chosen_corridors,
    connected_structure,
    dearest_cny_m,
    prize_of,
    road_programme,
)

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"


def question(seed: int, *, edges: int = 9, nodes: int = 7, **changes: object) -> RoadChoice:
    """Corridors of whole lengths on a random multigraph, one of them forced, one banned."""
    rng = np.random.default_rng(seed)
    length = rng.integers(2, 9, edges) * 100.0
    forced, banned = np.zeros(edges, dtype=bool), np.zeros(edges, dtype=bool)
    forced[0], banned[1] = True, True
    tail, head = rng.integers(0, nodes, (2, edges))
    sort = rng.random(edges) < 0.5
    rows = (
        SideRow("t9_most_fast", np.where(sort, length, 0) - 0.7 * length, -np.inf, 0.0),
        SideRow("t11_low_speed_a", np.where(~sort, length, 0.0), 200.0, np.inf, "QD25-03"),
    )
    found = RoadChoice(
        nodes=nodes,
        tail=tail.astype(np.int64),
        head=head.astype(np.int64),
        length_m=length,
        points=rng.integers(0, 9, edges).astype(float),
        cost_cny=rng.integers(1, 9, edges) * length,
        least_m=1000.0,
        most_m=2200.0,
        anchors=np.array([int(tail[0]), (int(tail[0]) + 3) % nodes], dtype=np.int64),
        components=2,
        forced=forced,
        banned=banned,
        rows=rows,
        clause="QD25-02",
    )
    return replace(found, **changes)  # type: ignore[arg-type]


def feasible(choice: RoadChoice, chosen: np.ndarray) -> bool:
    """Judge a subset by networkx and plain sums."""
    if (choice.forced & ~chosen).any() or (choice.banned & chosen).any():
        return False
    if not choice.least_m <= choice.length_m[chosen].sum() <= choice.most_m:
        return False
    for row in choice.rows:
        if not row.lower - 1e-9 <= row.coefficient[chosen].sum() <= row.upper + 1e-9:
            return False
    graph: nx.MultiGraph[int] = nx.MultiGraph()
    graph.add_edges_from(zip(choice.tail[chosen], choice.head[chosen], strict=True))
    parts = list(nx.connected_components(graph))
    anchors = set(choice.anchors.tolist())
    return len(parts) <= choice.components and all(part & anchors for part in parts)


def every_plan(choice: RoadChoice) -> list[np.ndarray]:
    """List every connected choice that keeps all rules."""
    picks = (np.array(p, dtype=bool) for p in product((False, True), repeat=len(choice.tail)))
    return [chosen for chosen in picks if feasible(choice, chosen)]


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_the_best_of_all_connected_subsets_is_found(seed: int) -> None:
    choice = question(seed, edges=8)
    plans = every_plan(choice)
    found = solve_connected(connected_structure(choice), gap=0.0, seconds=20)
    if not plans:
        assert found.state == "infeasible"
        return
    best = max(choice.points[chosen].sum() for chosen in plans)
    assert found.objective == pytest.approx(best)
    assert found.bound == pytest.approx(best)
    assert found.chosen is not None
    assert feasible(choice, found.chosen)


@pytest.mark.parametrize("seed", [3, 7, 12])
def test_rows_alone_say_the_same_to_a_general_solver(seed: int) -> None:
    """Without its structure the programme is solved by branch and bound on the flow rows."""
    choice = question(seed)
    programme = replace(road_programme(choice), structure=None)
    plans = every_plan(choice)
    found = solve(programme, gap=0.0, seconds=20)
    if not plans:
        assert found.status == "infeasible"
        return
    assert found.route.startswith("highs")
    best = max(choice.points[chosen].sum() for chosen in plans)
    assert found.objective == pytest.approx(best)


@pytest.mark.parametrize("seed", [3, 7, 12])
def test_least_cost_is_proven_from_the_dearest_metre(seed: int) -> None:
    choice = question(seed, objective="cost", least_m=1000.0, most_m=1000.0)
    plans = every_plan(choice)
    outcome = solve(road_programme(choice), gap=0.0, seconds=20)
    if not plans:
        assert outcome.status == "infeasible"
        return
    least = min(choice.cost_cny[chosen].sum() for chosen in plans)
    chosen = chosen_corridors(road_programme(choice), outcome)
    assert choice.cost_cny[chosen].sum() == pytest.approx(least)
    assert dearest_cny_m(choice) * choice.least_m - outcome.bound == pytest.approx(least)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_a_bound_on_the_prize_is_one_on_the_cost_of_every_plan(seed: int) -> None:
    choice = question(seed, objective="cost")
    prize, dearest = prize_of(choice), dearest_cny_m(choice)
    assert (prize >= 0).all()
    for chosen in every_plan(choice):
        floor = dearest * choice.least_m - prize[chosen].sum()
        assert choice.cost_cny[chosen].sum() >= floor - 1e-6


def test_a_first_choice_keeps_every_rule_and_is_mostly_found() -> None:
    built, there = 0, 0
    for seed in range(60):
        choice = question(seed, edges=8)
        chosen = road_start(choice)
        there += bool(every_plan(choice))
        if chosen is not None:
            assert feasible(choice, chosen), seed
            built += 1
    assert there > 20
    assert built >= 0.6 * there


def test_rows_are_those_of_the_golden_file() -> None:
    choice = question(6, edges=3, nodes=3)
    text = "\n".join(lp_lines(road_programme(choice))) + "\n"
    assert text == (GOLDEN / "testroads.lp").read_text(encoding="utf-8")


def test_row_numbers_are_those_of_the_note() -> None:
    note = (ROOT / "models" / "formulations" / "testroads.md").read_text(encoding="utf-8")
    lines = dict(re.findall(r"^\| (\d+) \| (.*) \|$", note, flags=re.MULTILINE))
    programme = road_programme(question(5))
    for rows in programme.rows:
        number, family = re.match(r"t(\d+)_([a-z]+)", rows.name).groups()  # type: ignore[union-attr]
        assert f"`t{number}_{family}" in lines[number], rows.name
    assert programme.clauses == {"t2_length": "QD25-02", "t11_low_speed_a": "QD25-03"}


def test_the_structure_says_what_the_rows_say() -> None:
    choice = question(9)
    structure = connected_structure(choice)
    assert structure.row_name == ("t9_most_fast", "t11_low_speed_a")
    for number, row in enumerate(choice.rows):
        assert structure.row_edge[[number]].toarray()[0] == pytest.approx(row.coefficient)
    blocks = {block.name: block for block in road_programme(choice).columns}
    assert blocks[CHOOSE].lower.astype(bool).tolist() == choice.forced.tolist()
    assert (blocks[CHOOSE].upper == 0).tolist() == choice.banned.tolist()
    roots = np.flatnonzero(blocks["root"].upper)
    assert roots.tolist() == sorted(set(choice.anchors.tolist()))
    loop = choice.tail == choice.head
    assert (blocks["arc"].upper[: len(loop)] == 0).tolist() == loop.tolist()


def test_no_solution_is_an_error_that_says_what_to_do() -> None:
    programme = road_programme(question(3))
    outcome = replace(
        solve(programme, gap=0.5, seconds=10), values={}, message="", status="no_answer"
    )
    with pytest.raises(SolverError, match="more seconds"):
        chosen_corridors(programme, outcome)


def test_a_start_leaves_a_long_road_that_a_ceiling_has_no_room_for() -> None:
    """An expressway of 9 km lies nearest; a fifth of at most 12 km leaves room for one of 2 km."""
    # 0 is the anchor; 0-1 the long expressway; the short one is at the end of four arterials.
    tail, head = np.array([0, 0, 2, 3, 4, 5, 0]), np.array([1, 2, 3, 4, 5, 6, 7])
    metres = np.array([9000.0, 2000.0, 2000.0, 2000.0, 2000.0, 2000.0, 2000.0])
    fast = np.array([True, False, False, False, False, True, False])
    none = np.zeros(7, dtype=bool)
    rows = (
        SideRow("t9_least_expressway", metres * fast, 2000.0, np.inf),
        SideRow("t9_most_expressway", metres * (fast - 0.2), -np.inf, 0.0),
    )
    choice = RoadChoice(
        nodes=8, tail=tail, head=head, length_m=metres, points=metres, cost_cny=metres,
        least_m=10_000.0, most_m=12_000.0, anchors=np.array([0]), components=1,
        forced=none, banned=none, rows=rows,
    )  # fmt: skip
    chosen = road_start(choice)
    assert chosen is not None
    assert metres[chosen & fast].sum() == 2000.0
    assert 10_000.0 <= metres[chosen].sum() <= 12_000.0
