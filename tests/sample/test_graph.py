"""Streets to a graph: carriageways on the right, junctions where they meet, bridges elsewhere."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.sample.noding import MERGE_M, Graph, build_graph
from siting.sample.streets import (
    BRIDGE,
    EXPRESSWAY,
    LINK,
    POINT,
    TEE,
    TUNNEL,
    Street,
    carriageways,
    offset,
    smooth,
    wavy,
    with_points,
)

if TYPE_CHECKING:
    import numpy.typing as npt


def _line(*points: tuple[float, float]) -> npt.NDArray[np.float64]:
    return np.array(points, dtype=float)


def _graph(*streets: Street, passes: tuple[tuple[int, int], ...] = ()) -> Graph:
    return build_graph(list(streets), carriageways(list(streets)), list(passes))


def _degrees(graph: Graph) -> list[int]:
    """Return how many kept edges meet at each junction that has any, sorted."""
    degree: dict[int, int] = {}
    rows = np.flatnonzero(graph.keep)
    for row in rows:
        for at in (row, row + 1):
            # A shape vertex is its own point; only junctions are counted.
            if graph.node[at] >= 0:
                degree[int(graph.node[at])] = degree.get(int(graph.node[at]), 0) + 1
    return sorted(degree.values())


def _km(graph: Graph) -> float:
    step = np.linalg.norm(np.diff(graph.xy, axis=0), axis=1)
    return float(step[graph.keep[:-1]].sum() / 1e3)


EAST = _line((-500, 0), (500, 0))
NORTH = _line((0, -500), (0, 500))


def test_two_streets_that_cross_share_one_junction() -> None:
    graph = _graph(
        Street(EAST, "tertiary", start=POINT, end=POINT),
        Street(NORTH, "tertiary", start=POINT, end=POINT),
    )
    assert _degrees(graph) == [1, 1, 1, 1, 4]
    assert _km(graph) == pytest.approx(2.0)


def test_two_dual_carriageways_cross_at_four_junctions() -> None:
    graph = _graph(
        Street(EAST, "primary", width_m=20, start=POINT, end=POINT),
        Street(NORTH, "primary", width_m=24, start=POINT, end=POINT),
    )
    assert _degrees(graph).count(4) == 4
    # Each dual street begins and ends at a point that both carriageways share.
    assert _degrees(graph).count(2) == 4


def test_a_tee_into_a_dual_carriageway_crosses_both_sides_and_leaves_no_stub() -> None:
    side = Street(_line((0, -400), (0, 0)), "secondary", start=POINT, end=TEE)
    graph = _graph(Street(EAST, "primary", width_m=20, start=POINT, end=POINT), side)
    assert _degrees(graph) == [1, 2, 2, 3, 4]
    # 2 km of carriageways, their four pinched ends of 10 m, and the side street up to the far one.
    assert _km(graph) == pytest.approx(2.0 + 0.04 + 0.41)


def test_carriageways_are_driven_on_the_right() -> None:
    drawn = carriageways([Street(EAST, "primary", width_m=20, start=POINT, end=POINT)])
    for carriageway, side in zip(drawn, (-10.0, 10.0), strict=True):
        middle = carriageway.line[1:-1]
        assert carriageway.oneway
        np.testing.assert_allclose(middle[:, 1], side)
        assert (np.diff(middle[:, 0]) * -side > 0).all()


def test_an_expressway_passes_over_what_it_crosses() -> None:
    graph = _graph(
        Street(NORTH, "secondary", start=POINT, end=POINT),
        Street(EAST, "motorway", level=EXPRESSWAY, start=POINT, end=POINT, oneway=True),
        # Joins the two, so that neither is an island.
        Street(_line((-500, 0), (-300, 200), (0, 300)), "motorway_link", level=LINK, target=0,
               start=POINT, end=TEE),
        Street(_line((0, 400), (0, 300)), "service", key=9),
    )  # fmt: skip
    assert not any(_shared(graph, 0, 1))
    on_bridge = graph.structure[graph.line == 1] == BRIDGE
    spans = graph.xy[graph.line == 1][on_bridge]
    assert spans[:, 0].min() == pytest.approx(-35)


def _shared(graph: Graph, one: int, other: int) -> set[int]:
    own = {int(n) for n in graph.node[graph.line == one] if n >= 0}
    return own & {int(n) for n in graph.node[graph.line == other] if n >= 0}


def test_streets_that_pass_on_two_levels_share_nothing() -> None:
    one = Street(EAST, "trunk", key=0, start=POINT, end=POINT)
    other = Street(NORTH, "trunk", key=1, start=POINT, end=POINT)
    ramp = Street(_line((-200, 0), (0, -200)), "trunk_link", level=LINK, start=POINT, end=POINT)
    points = (_line((-200, 0)), _line((0, -200)))
    streets = (replace(one, welds=(points[0],)), replace(other, welds=(points[1],)), ramp)
    flat = _graph(*streets)
    split = _graph(*streets, passes=((0, 1),))
    assert len(_shared(flat, 0, 1)) == 1
    assert not _shared(split, 0, 1)
    assert len(_shared(split, 0, 2)) == len(_shared(split, 1, 2)) == 1
    assert (split.structure[split.line == 0] == BRIDGE).any()
    assert not (split.structure[split.line == 1] == BRIDGE).any()


def test_a_link_meets_only_the_street_it_is_for() -> None:
    main = Street(NORTH, "primary", key=7, start=POINT, end=POINT)
    lane = Street(_line((-150, -500), (-150, 500)), "residential", start=POINT, end=POINT)
    joint = Street(_line((-150, 400), (0, 400)), "residential", start=POINT, end=TEE)
    ramp = Street(_line((-400, 100), (0, 100)), "motorway_link", level=LINK, target=7, start=POINT)
    graph = _graph(main, lane, joint, ramp)
    assert len(_shared(graph, 3, 0)) == 1
    assert not _shared(graph, 3, 1)


def test_islands_and_slivers_go() -> None:
    graph = _graph(
        Street(EAST, "tertiary", start=POINT, end=POINT),
        Street(NORTH, "tertiary", start=POINT, end=POINT),
        Street(np.add(NORTH, (0.5, 0.0)), "tertiary", start=POINT, end=POINT),
        Street(np.add(EAST, (0.0, 5_000.0)), "tertiary", start=POINT, end=POINT),
    )
    assert graph.xy[graph.line == 3].size
    assert not graph.keep[graph.line == 3].any()


def test_a_tunnel_stays_a_tunnel_under_a_street() -> None:
    graph = _graph(
        Street(EAST, "trunk", start=POINT, end=POINT, spans=((300.0, 700.0, TUNNEL),)),
        Street(_line((-400, -500), (-400, 500)), "tertiary", start=POINT, end=POINT),
    )
    tunnel = graph.xy[(graph.line == 0) & (graph.structure == TUNNEL)]
    assert tunnel[:, 0].min() == pytest.approx(-200)
    assert tunnel[:, 0].max() < 200


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 4000)] * 4), min_size=2, max_size=8, unique=True))
def test_junctions_are_where_shapely_says_lines_cross(
    ends: list[tuple[int, int, int, int]],
) -> None:
    """Wherever two lines cross well inside both, and no third is near, both get one junction."""
    lines = [_line((a, b), (c, d)) for a, b, c, d in ends if np.hypot(a - c, b - d) > 200]
    if len(lines) < 2:
        return
    graph = _graph(*(Street(line, "tertiary", start=POINT, end=POINT) for line in lines))
    shapes = [shapely.LineString(line) for line in lines]
    crossings = [
        (i, j, a.intersection(b))
        for (i, a), (j, b) in itertools.combinations(enumerate(shapes), 2)
        if a.crosses(b)
    ]
    points = [shapely.Point(p) for line in lines for p in line]
    for i, j, at in crossings:
        others = [other for a, b, other in crossings if (a, b) != (i, j)]
        if any(at.distance(thing) < 5 * MERGE_M for thing in [*points, *others]):
            continue
        shared = _shared(graph, i, j)
        near = [
            n for n in shared if at.distance(shapely.Point(graph.xy[graph.node == n][0])) < 0.01
        ]
        assert len(near) == 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(5, 30))
def test_a_parallel_line_keeps_its_distance(seed: int, width: float) -> None:
    rng = np.random.default_rng(seed)
    line = wavy(_line((0, 0), (4000, 1000)), 0.01, rng)
    beside = shapely.LineString(offset(line, width))
    gap = shapely.distance(shapely.points(line[2:-2]), beside)
    np.testing.assert_allclose(gap, width, rtol=0.02)


def test_points_on_a_line_become_its_vertices_unchanged() -> None:
    line = _line((0, 0), (100, 0), (100, 100))
    points = _line((100, 40.1), (30.7, 0))
    drawn = with_points(line, points)
    assert drawn.tolist() == [[0, 0], [30.7, 0], [100, 0], [100, 40.1], [100, 100]]


def test_smoothing_keeps_ends_and_stays_inside_the_hull() -> None:
    line = _line((0, 0), (100, 0), (100, 100))
    soft = smooth(line, 3)
    assert soft[0].tolist() == [0, 0]
    assert soft[-1].tolist() == [100, 100]
    assert shapely.LineString(line).convex_hull.buffer(1e-9).covers(shapely.LineString(soft))
