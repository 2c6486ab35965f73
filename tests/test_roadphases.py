"""Phases grow outward and hang together; sections are paths of one road."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.model.testroads import RoadPhase
from siting.testroads.phases import grow, join_sections, phase_of, section_ends, section_order


def phases(*shares: float, budget: float | None = None) -> tuple[RoadPhase, ...]:
    return tuple(
        RoadPhase.model_validate(
            {"id": f"p{k}", "name": str(k), "share": share, "budget_cny": budget}
        )
        for k, share in enumerate(shares)
    )


def connected_edges(seed: int, nodes: int, more: int) -> tuple[np.ndarray, np.ndarray]:
    """Make a random tree and further edges."""
    rng = np.random.default_rng(seed)
    tree = [(int(rng.integers(0, node)), node) for node in range(1, nodes)]
    extra = rng.integers(0, nodes, (more, 2)).tolist()
    ends = np.array(tree + [tuple(pair) for pair in extra], dtype=np.int64)
    return ends[:, 0], ends[:, 1]


@given(seed=st.integers(0, 10_000), nodes=st.integers(2, 25), more=st.integers(0, 8))
@settings(max_examples=60, deadline=None)
def test_whatever_opens_by_a_phase_hangs_together_with_its_start(
    seed: int, nodes: int, more: int
) -> None:
    tail, head = connected_edges(seed, nodes, more)
    rng = np.random.default_rng(seed)
    metres = rng.uniform(50, 900, len(tail))
    opened = rng.random(len(tail)) < 0.1
    root = int(rng.integers(0, nodes))
    growth = grow((tail, head), metres, opened, np.array([root]), nodes)
    section = join_sections(
        (tail, head),
        rng.random((len(tail), 2)),
        rng.random((nodes, 2)),
        rng.integers(0, 2, len(tail)) + 2 * opened,
    )
    reached = section_order((tail, head), section, metres, growth.begin, nodes)
    assert np.isfinite(reached).all()
    count = section.max() + 1
    sums = np.bincount(section, weights=metres, minlength=count)
    old = np.zeros(count, dtype=bool)
    old[section[opened]] = True
    phase = phase_of(reached, sums, sums, old, phases(0.2, 0.6, 1.0))[section]
    begin = {root} | set(tail[opened].tolist()) | set(head[opened].tolist())
    for number in range(4):
        some = phase <= number
        graph: nx.MultiGraph[int] = nx.MultiGraph()
        graph.add_edges_from(zip(tail[some], head[some], strict=True))
        assert all(part & begin for part in nx.connected_components(graph))
    for number, share in ((1, 0.2), (2, 0.6), (3, 1.0)):
        assert metres[phase <= number].sum() >= share * metres.sum() * (1 - 1e-9)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_phases_keep_to_the_money_so_far(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 20))
    cost = rng.uniform(1, 9, count)
    budget = float(cost.sum()) / 3 + 1e-6
    found = phase_of(
        rng.random(count), rng.random(count), cost, np.zeros(count, dtype=bool),
        phases(0.5, 0.9, 1.0, budget=budget),
    )  # fmt: skip
    for number in (1, 2, 3):
        assert cost[found <= number].sum() <= number * budget + 1e-6


def test_distances_run_along_the_roads_from_the_first_anchor_of_a_part() -> None:
    #   0 -100- 1 -100- 2     3 -50- 4
    tail, head = np.array([0, 1, 3]), np.array([1, 2, 4])
    found = grow(
        (tail, head), np.array([100.0, 100.0, 50.0]), np.zeros(3, dtype=bool),
        np.array([2, 4, 0]), 6,
    )  # fmt: skip
    assert found.part.tolist() == [0, 0, 1]
    assert found.root.tolist() == [2, 4]
    assert found.away_m == pytest.approx([100.0, 0.0, 0.0])


def test_a_road_goes_on_straight_and_not_round_a_corner() -> None:
    #        4
    #        |
    #  0 --- 1 --- 2 --- 3      all of one road but the way up
    xy = np.array([[0.0, 0], [1, 0], [2, 0], [3, 0], [1, 1]])
    ends = (np.array([0, 1, 2, 1]), np.array([1, 2, 3, 4]))
    middle = (xy[ends[0]] + xy[ends[1]]) / 2
    section = join_sections(ends, middle, xy, np.zeros(4, dtype=np.int64))
    assert section.tolist() == [0, 0, 0, 1]
    apart = join_sections(ends, middle, xy, np.array([0, 1, 1, 0]))
    assert apart.tolist() == [0, 1, 1, 2]
    table = section_ends(ends, section, xy)
    assert table.iloc[0].tolist() == [0, True, 2, False]
    # The way up runs from north to south.
    assert table.iloc[1].tolist() == [3, False, 3, True]


def test_a_ring_is_one_section_that_ends_where_it_begins() -> None:
    xy = np.array([[np.cos(a), np.sin(a)] for a in np.arange(8) * np.pi / 4])
    ends = (np.arange(8), (np.arange(8) + 1) % 8)
    middle = (xy[ends[0]] + xy[ends[1]]) / 2
    section = join_sections(ends, middle, xy, np.zeros(8, dtype=np.int64))
    assert section.tolist() == [0] * 8
    row = section_ends(ends, section, xy).iloc[0]
    assert ends[0 if row.from_tail else 1][row.from_row] == 0
    assert ends[0 if row.to_tail else 1][row.to_row] == 0
