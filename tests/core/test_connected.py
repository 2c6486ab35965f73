"""Connected selection against brute force, and its certificates against mutation."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import networkx as nx
import numpy as np
import pulp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from siting.core.answer import Limits
from siting.core.connected.ascent import Prices, ascend, marginal_prices
from siting.core.connected.certificate import packed_bound
from siting.core.connected.check import (
    Certificate,
    Duals,
    check_connected,
    connected_bound,
    parts_of,
)
from siting.core.connected.exact import exact
from siting.core.connected.grow import hearts_of
from siting.core.connected.master import part_of
from siting.core.connected.parts import bound_parts
from siting.core.connected.route import Found, connected_route, forest_of
from siting.core.connected.selection import solve_connected
from siting.core.handover import flatten
from siting.core.outcome import Status, TracePoint
from siting.core.solve import solve
from siting.core.worker import Report
from siting.errors import SolverError, VerificationError
from siting.programme import Columns, Programme, Rows
from siting.structures import Connected

SECONDS = 20.0


def instance(  # noqa: PLR0913
    tail: list[int],
    head: list[int],
    length: list[float],
    prize: list[float],
    *,
    nodes: int,
    least: float = 0.0,
    most: float = np.inf,
    anchors: list[int] | None = None,
    components: int = 1,
    forced: list[int] | None = None,
    banned: list[int] | None = None,
    rows: list[tuple[list[float], float, float]] | None = None,
) -> Connected:
    edges = len(tail)
    rows = rows or []
    marks = [np.zeros(edges, dtype=bool), np.zeros(edges, dtype=bool)]
    marks[0][forced or []] = True
    marks[1][banned or []] = True
    table = np.array([row[0] for row in rows]) if rows else np.zeros((0, edges))
    return Connected(
        nodes=nodes,
        tail=np.array(tail, dtype=np.int64),
        head=np.array(head, dtype=np.int64),
        length_m=np.array(length, dtype=float),
        prize=np.array(prize, dtype=float),
        least_m=least,
        most_m=most,
        anchors=np.array(anchors or [], dtype=np.int64),
        components=components,
        forced=marks[0],
        banned=marks[1],
        row_name=tuple(f"row {k}" for k in range(len(rows))),
        row_edge=csr_array(table),
        row_lower=np.array([row[1] for row in rows], dtype=float),
        row_upper=np.array([row[2] for row in rows], dtype=float),
    )


def feasible(case: Connected, chosen: np.ndarray) -> bool:
    """Judge by networkx and plain sums, sharing nothing with the code under test."""
    if (case.forced & ~chosen).any() or (case.banned & chosen).any():
        return False
    if not case.least_m - 1e-9 <= case.length_m[chosen].sum() <= case.most_m + 1e-9:
        return False
    value = case.row_edge @ chosen
    if (value < case.row_lower - 1e-9).any() or (value > case.row_upper + 1e-9).any():
        return False
    graph: nx.MultiGraph[int] = nx.MultiGraph()
    graph.add_edges_from(zip(case.tail[chosen], case.head[chosen], strict=True))
    parts = list(nx.connected_components(graph))
    if len(parts) > case.components:
        return False
    anchors = set(case.anchors.tolist())
    return not anchors or all(part & anchors for part in parts)


def brute_force(case: Connected) -> float:
    """Best prize over all subsets of edges; `-inf` where none is feasible."""
    subsets = np.array(list(product((False, True), repeat=len(case.tail))), dtype=bool)
    # What is plainly too short or too long need not be asked of networkx.
    metres = subsets @ case.length_m
    subsets = subsets[(metres > case.least_m - 1e-6) & (metres < case.most_m + 1e-6)]
    dearest = np.argsort(-(subsets @ case.prize), kind="stable")
    for chosen in subsets[dearest]:
        if feasible(case, chosen):
            return float(case.prize[chosen].sum())
    return -np.inf


@st.composite
def cases(draw: st.DrawFn, most_edges: int = 9) -> Connected:
    nodes = draw(st.integers(2, 7))
    edges = draw(st.integers(1, most_edges))
    node = st.integers(0, nodes - 1)
    amount = st.integers(0, 6)

    def some(kind: st.SearchStrategy[int], least: int = edges) -> list[int]:
        return draw(st.lists(kind, min_size=least, max_size=edges))

    length, prize = some(amount), some(amount)
    total = sum(length)
    least = draw(st.integers(0, max(total // 2, 0)))
    rows = []
    if draw(st.booleans()):
        marks = draw(st.lists(st.integers(0, 2), min_size=edges, max_size=edges))
        low = draw(st.sampled_from([-np.inf, 0.0, 1.0, 2.0]))
        high = draw(st.sampled_from([np.inf, 3.0, 5.0]))
        rows.append(([float(mark) for mark in marks], low, high))
    return instance(
        some(node),
        some(node),
        [float(value) for value in length],
        [float(value) for value in prize],
        nodes=nodes,
        least=float(least),
        most=float(draw(st.sampled_from([least, least + 3, total, np.inf]))),
        anchors=draw(st.lists(node, max_size=3)),
        components=draw(st.integers(1, 3)),
        forced=draw(st.lists(st.integers(0, edges - 1), max_size=1)),
        banned=draw(st.lists(st.integers(0, edges - 1), max_size=2)),
        rows=rows,
    )


@pytest.mark.slow
@settings(max_examples=120, deadline=None)
@given(cases(most_edges=12))
def test_agrees_with_brute_force(case: Connected) -> None:
    best = brute_force(case)
    found = solve_connected(case, gap=0.0, seconds=SECONDS)
    assert found.certified >= best - 1e-9
    if np.isinf(best):
        assert found.chosen is None
        assert found.state == "infeasible"
        return
    assert found.state == "solved"
    assert found.chosen is not None
    assert feasible(case, found.chosen)
    assert found.objective == pytest.approx(best, abs=1e-7)
    assert best - 1e-7 <= found.bound <= best + 1e-6


@settings(max_examples=200, deadline=None)
@given(cases(most_edges=12))
def test_branch_and_bound_alone_agrees_with_brute_force(case: Connected) -> None:
    best = brute_force(case)
    found = exact(case, seconds=SECONDS)
    if np.isinf(best):
        assert found.chosen is None
        return
    assert found.chosen is not None
    assert case.prize[found.chosen].sum() == pytest.approx(best, abs=1e-7)
    assert found.bound == pytest.approx(best, abs=1e-5)


@settings(max_examples=100, deadline=None)
@given(cases(), st.integers(0, 10_000))
def test_any_multipliers_give_an_upper_bound(case: Connected, seed: int) -> None:
    rng = np.random.default_rng(seed)
    best = brute_force(case)
    count = int(rng.integers(0, 5))
    divided = not len(case.anchors) and case.components == 1
    parts = int(rng.integers(1, min(3, case.nodes) + 1)) if divided else 1
    region = rng.integers(0, parts, case.nodes)
    region[rng.integers(case.nodes)] = parts - 1

    def some(*shape: int) -> np.ndarray:
        return rng.normal(0, 3, shape) * (rng.random(shape) < 0.6)

    def duals() -> Duals:
        level = rng.random((count, case.nodes)) * (rng.random((count, case.nodes)) < 0.7)
        target = rng.integers(0, case.nodes, count)
        level[np.arange(count), target] = 1.0
        return Duals(
            link=some(len(case.tail)),
            ends=some(2 * len(case.tail)),
            supply=some(case.nodes),
            roots=float(some(1)[0]),
            rows=some(1 + len(case.row_name)),
            level=csr_array(level),
            target=target,
            price=some(count),
        )

    bound = connected_bound(case, Certificate(region, tuple(duals() for _ in range(parts))))
    assert bound >= best - 1e-9


@settings(max_examples=80, deadline=None)
@given(cases())
def test_checker_agrees_with_plain_graph_search(case: Connected) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        chosen = rng.random(len(case.tail)) < 0.5
        assert (check_connected(case, chosen) == ()) == feasible(case, chosen)
    graph: nx.MultiGraph[int] = nx.MultiGraph()
    graph.add_edges_from(zip(case.tail[chosen], case.head[chosen], strict=True))
    assert parts_of(case, chosen)[0] == nx.number_connected_components(graph)


@settings(max_examples=60, deadline=None)
@given(cases(), st.integers(0, 3))
def test_an_ascent_states_the_bound_that_its_multipliers_prove(case: Connected, seed: int) -> None:
    region = np.zeros(case.nodes, dtype=np.int64)
    part = part_of(case, region, 0)
    rows = marginal_prices(part).rows + np.random.default_rng(seed).normal(0, 0.3, 1)
    found = ascend(part, Prices(rows, 0.1 * seed), seed=seed)
    proven = connected_bound(case, Certificate(region, (found.duals,)))
    if np.isinf(found.value):
        assert np.isinf(proven)
    else:
        assert proven == pytest.approx(found.value, rel=1e-6, abs=1e-6)


def street_grid(side: int, seed: int, *, hot: bool = False, **changes: object) -> Connected:
    """Jittered square grid with uneven prizes; 6 % to 7 % of its length can be chosen."""
    rng = np.random.default_rng(seed)
    at = np.arange(side * side).reshape(side, side)
    tail = np.r_[at[:-1].ravel(), at[:, :-1].ravel()]
    head = np.r_[at[1:].ravel(), at[:, 1:].ravel()]
    kept = rng.random(len(tail)) < 0.85
    tail, head = tail[kept], head[kept]
    length = rng.uniform(80, 400, len(tail))
    across = (tail % side) / side - 0.3
    down = (tail // side) / side - 0.6
    rich = np.exp(-25 * (across**2 + down**2)) if hot else 0.5
    prize = length / 250 * (0.2 + rich) * rng.uniform(0.2, 1, len(tail))
    case = instance(
        tail.tolist(),
        head.tolist(),
        length.tolist(),
        prize.tolist(),
        nodes=side * side,
        least=0.06 * length.sum(),
        most=0.069 * length.sum(),
    )
    return replace(case, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def grid() -> Connected:
    return street_grid(14, 3)


@pytest.fixture(scope="module")
def hot_grid() -> Connected:
    return street_grid(14, 3, hot=True)


def test_streets_reach_two_per_cent_with_a_bound_that_recomputes(grid: Connected) -> None:
    found = solve_connected(grid, gap=0.02, seconds=SECONDS)
    assert found.chosen is not None
    assert feasible(grid, found.chosen)
    assert found.objective == pytest.approx(grid.prize[found.chosen].sum())
    assert found.gap <= 0.02
    assert found.certified == connected_bound(grid, found.certificate)
    assert found.certified >= found.objective


def test_same_seed_gives_the_same_choice_and_certificate(grid: Connected) -> None:
    first = solve_connected(grid, gap=0.02, seconds=SECONDS, seed=5)
    second = solve_connected(grid, gap=0.02, seconds=SECONDS, seed=5)
    assert first.chosen is not None
    assert second.chosen is not None
    assert first.chosen.tobytes() == second.chosen.tobytes()
    assert first.bound == second.bound
    assert len(first.certificate.parts) == len(second.certificate.parts)
    for one, other in zip(first.certificate.parts, second.certificate.parts, strict=True):
        assert one.price.tobytes() == other.price.tobytes()


def test_anchors_components_and_side_rows_hold_on_streets() -> None:
    base = street_grid(14, 1)
    district = (base.tail % 14 >= 7).astype(float)
    case = replace(
        base,
        anchors=np.array([0, 13, 100], dtype=np.int64),
        components=2,
        row_name=("east", "cost"),
        row_edge=csr_array(np.array([district * base.length_m, base.length_m * 0.001])),
        row_lower=np.array([0.3 * base.least_m, -np.inf]),
        row_upper=np.array([np.inf, 0.00099 * base.most_m]),
    )
    found = solve_connected(case, gap=0.02, seconds=SECONDS)
    assert found.chosen is not None
    assert feasible(case, found.chosen)
    assert found.gap <= 0.05


def test_progress_improves_and_ends_where_the_result_stands(grid: Connected) -> None:
    seen: list[tuple[float, float]] = []
    found = solve_connected(
        grid,
        gap=0.005,
        seconds=SECONDS,
        progress=lambda value, bound, _: seen.append((value, bound)),
    )
    values, bounds = zip(*seen, strict=True)
    assert list(values) == sorted(values)
    assert list(bounds) == sorted(bounds, reverse=True)
    assert values[-1] == found.objective


def test_a_start_is_taken_and_never_lost(grid: Connected) -> None:
    good = solve_connected(grid, gap=0.005, seconds=SECONDS)
    again = solve_connected(grid, gap=0.5, seconds=2.0, start=good.chosen)
    assert again.objective >= good.objective


def test_a_mutated_choice_is_caught(grid: Connected) -> None:
    found = solve_connected(grid, gap=0.05, seconds=SECONDS)
    assert found.chosen is not None
    rng = np.random.default_rng(0)
    for edge in rng.choice(len(found.chosen), 60, replace=False):
        mutated = found.chosen.copy()
        mutated[edge] = ~mutated[edge]
        assert (check_connected(grid, mutated) == ()) == feasible(grid, mutated)
    far = np.flatnonzero(~found.chosen & ~np.isin(grid.tail, grid.tail[found.chosen]))
    broken = found.chosen.copy()
    broken[far[:3]] = True
    assert any("part" in text for text in check_connected(grid, broken))


def test_a_mutated_certificate_never_proves_too_much(grid: Connected) -> None:
    found = solve_connected(grid, gap=0.002, seconds=SECONDS)
    best = found.objective
    duals = found.certificate.parts[0]
    rng = np.random.default_rng(1)
    changed = 0
    for name in ("link", "ends", "supply", "rows", "price"):
        for factor in (0.0, 0.5, -1.0, 3.0, np.nan):
            values = getattr(duals, name).copy()
            if not len(values):
                continue
            values[rng.random(len(values)) < 0.5] *= factor
            parts = (replace(duals, **{name: values}), *found.certificate.parts[1:])
            bound = connected_bound(grid, replace(found.certificate, parts=parts))
            assert bound >= best
            changed += bound != found.certified
    assert changed > 5
    lifted = duals.level.copy()
    lifted.data = np.minimum(lifted.data * 2.0, 50.0)
    parts = (replace(duals, level=lifted), *found.certificate.parts[1:])
    assert connected_bound(grid, replace(found.certificate, parts=parts)) >= best


def test_a_divided_certificate_proves_its_worst_part_and_nothing_with_one_left_out(
    hot_grid: Connected,
) -> None:
    best = solve_connected(hot_grid, gap=0.001, seconds=SECONDS).objective
    region = (np.arange(hot_grid.nodes) % 14 >= 7).astype(np.int64)
    bounded = bound_parts(hot_grid, region, -np.inf, np.inf)
    assert len(bounded) == 2
    parts = tuple(part.duals for part in bounded)
    proven = connected_bound(hot_grid, Certificate(region, parts))
    assert proven == pytest.approx(max(part.bound for part in bounded), rel=1e-6)
    assert best <= proven < 1.2 * best
    assert connected_bound(hot_grid, Certificate(region, parts[:-1])) == np.inf
    assert connected_bound(hot_grid, Certificate(region, ())) == np.inf
    assert connected_bound(hot_grid, Certificate(region[:-1], parts)) == np.inf
    for change in ({"anchors": np.array([0], dtype=np.int64)}, {"components": 2}):
        other = replace(hot_grid, **change)
        assert connected_bound(other, Certificate(region, parts)) == np.inf


def test_infeasible_cases_are_said_to_be() -> None:
    apart = instance([0, 2], [1, 3], [1, 1], [1, 1], nodes=4, forced=[0, 1])
    assert solve_connected(apart, seconds=SECONDS).state == "infeasible"
    long = instance([0, 1], [1, 2], [1, 1], [1, 1], nodes=3, least=5)
    assert solve_connected(long, seconds=SECONDS).state == "infeasible"
    unanchored = instance([0], [1], [1], [1], nodes=3, anchors=[2], least=1)
    assert solve_connected(unanchored, seconds=SECONDS).state == "infeasible"


def test_no_edges_and_all_banned_give_the_empty_choice() -> None:
    case = instance([0, 1], [1, 2], [1, 1], [1, 1], nodes=3, banned=[0, 1])
    found = solve_connected(case, seconds=SECONDS)
    assert found.state == "solved"
    assert found.objective == 0.0
    none = instance([], [], [], [], nodes=3)
    assert solve_connected(none, seconds=SECONDS).objective == 0.0


def test_hearts_are_the_anchors_or_lie_where_prizes_are() -> None:
    anchored = street_grid(10, 0, anchors=np.array([7, 3, 7], dtype=np.int64))
    assert hearts_of(anchored, 4).tolist() == [3, 7]
    rich = street_grid(10, 0)
    near = (rich.tail % 10 >= 6) & (rich.tail // 10 >= 6)
    heart = int(hearts_of(replace(rich, prize=np.where(near, 100.0, 0.0)), 1)[0])
    assert heart % 10 >= 6
    assert heart // 10 >= 6


def programme_of(case: Connected) -> Programme:
    """Write the instance as a programme: edges and length in rows, the rest in its structure."""
    problem = pulp.LpProblem("corridors", pulp.LpMaximize)
    edges = len(case.tail)
    length = Rows(
        "length",
        np.array([case.least_m]),
        np.array([case.most_m]),
        {"choose": csr_array(case.length_m[None, :])},
    )
    return Programme(
        name="corridors",
        problem=problem,
        variables=(),
        columns=(
            Columns("choose", np.zeros(edges), np.ones(edges), case.prize, integer=True),
            Columns("root", np.zeros(case.nodes), np.ones(case.nodes), np.zeros(case.nodes)),
        ),
        rows=(length,),
        structure=case,
    )


def test_the_route_fills_the_blocks_and_its_certificate_recomputes(hot_grid: Connected) -> None:
    programme = programme_of(hot_grid)
    limits = Limits(gap=0.01, seconds=SECONDS)
    answer, report = connected_route(programme, flatten(programme), limits)
    assert report.reason == "done"
    assert answer.values is not None
    chosen = answer.values["choose"] > 0.5
    assert feasible(hot_grid, chosen)
    assert answer.values["root"].sum() == 1
    assert answer.objective == pytest.approx(hot_grid.prize[chosen].sum())
    proven = packed_bound(hot_grid, answer.certificate)
    assert answer.objective <= answer.bound <= proven
    spoilt = {name: array for name, array in answer.certificate.items() if name != "0/price"}
    with pytest.raises(VerificationError, match="incomplete"):
        packed_bound(hot_grid, spoilt)


def test_the_front_dispatches_connected_programmes(hot_grid: Connected) -> None:
    outcome = solve(programme_of(hot_grid), gap=0.02, seconds=SECONDS)
    assert outcome.status in {Status.OPTIMAL, Status.FEASIBLE}
    assert outcome.gap <= 0.02
    assert outcome.route == "connected"
    assert feasible(hot_grid, outcome.values["choose"] > 0.5)


@settings(max_examples=80, deadline=None)
@given(cases(), st.integers(0, 1000))
def test_the_forest_of_a_choice_carries_one_unit_to_every_node(case: Connected, seed: int) -> None:
    rng = np.random.default_rng(seed)
    chosen = rng.random(len(case.tail)) < 0.6
    anchored = replace(case, anchors=np.arange(case.nodes), components=case.nodes)
    found = forest_of(anchored, chosen)
    arc, flow, root, touch = (found[name] for name in ("arc", "flow", "root", "touch"))
    assert root.sum() == parts_of(case, chosen)[0]
    assert (arc[: len(chosen)] + arc[len(chosen) :] <= chosen).all()
    assert ((flow > 0) == (arc > 0)).all()
    assert (flow <= case.nodes * arc).all()
    into = np.bincount(np.r_[case.head, case.tail], flow, case.nodes)
    out = np.bincount(np.r_[case.tail, case.head], flow, case.nodes)
    inner = (touch > 0) & (root == 0)
    assert (into - out)[inner] == pytest.approx(1.0)
    supply = np.bincount(np.r_[case.head, case.tail], arc, case.nodes) + root
    assert supply == pytest.approx(touch)


def test_the_best_so_far_of_an_ended_child_is_kept(
    hot_grid: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = solve_connected(hot_grid, gap=0.05, seconds=SECONDS)
    assert good.chosen is not None
    trace = (TracePoint(1.0, good.objective, good.bound),)
    report = Report("interrupted", Found(good.chosen, good.bound * 2), trace, 10.0, 1.0)
    monkeypatch.setattr("siting.core.connected.route.run_in_child", lambda *_, **__: report)
    programme = programme_of(hot_grid)
    answer, _ = connected_route(programme, flatten(programme), Limits())
    assert answer.objective == good.objective
    assert answer.bound == good.bound
    lost = replace(report, answer=None)
    monkeypatch.setattr("siting.core.connected.route.run_in_child", lambda *_, **__: lost)
    nothing, _ = connected_route(programme, flatten(programme), Limits())
    assert nothing.values is None
    assert nothing.status is Status.KILLED
    broken = replace(report, answer=Found(~good.chosen, good.bound))
    monkeypatch.setattr("siting.core.connected.route.run_in_child", lambda *_, **__: broken)
    with pytest.raises(SolverError, match="refuses"):
        connected_route(programme, flatten(programme), Limits())
