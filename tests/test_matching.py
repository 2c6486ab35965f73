"""Which of two lists of places are one: as many as can be, the nearest and most alike of them."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.own.matching import ALIKE, UNLIKE, likeness, match_places


def match(
    first: list[tuple[float, float, str]], second: list[tuple[float, float, str]]
) -> list[tuple[int, bool]]:
    """Match by the usual distances; for each of the second its place and whether it is the best."""
    xy = [
        np.array([[x, y] for x, y, _ in rows], dtype=float).reshape(-1, 2)
        for rows in (first, second)
    ]
    names = [[name for _, _, name in rows] for rows in (first, second)]
    found = match_places(xy[0], names[0], xy[1], names[1], near_m=60, match_m=250)
    assert (np.isnan(found.distance_m) == (found.of_second < 0)).all()
    return list(zip(found.of_second.tolist(), found.best.tolist(), strict=True))


@pytest.mark.parametrize(
    ("one", "other", "at", "same"),
    [
        ("国家电网泉城广场充电站", "泉城广场充电桩", 200.0, True),
        ("国家电网泉城广场充电站", "泉城广场充电桩", 300.0, False),
        ("特来电泉城广场充电站", "星星充电奥体中心站", 40.0, False),
        ("", "星星充电奥体中心站", 40.0, True),
        ("", "星星充电奥体中心站", 100.0, False),
        ("", "", 0.0, True),
        ("Tesla Supercharger Jinan", "ＴＥＳＬＡ　Jinan Charging Station", 240.0, True),
        ("充电站", "公共充电站", 30.0, True),
        ("充电站", "公共充电站", 100.0, False),
    ],
)
def test_distance_and_name_tell_together(one: str, other: str, at: float, *, same: bool) -> None:
    assert match([(0, 0, one)], [(at, 0, other)]) == [(0 if same else -1, same)]


def test_two_stations_side_by_side_stay_two_and_find_their_own() -> None:
    table = [(0, 0, "特来电明湖站"), (30, 0, "国家电网明水站")]
    shown = [(25, 0, "特来电明湖充电站"), (5, 0, "国网明水")]
    assert match(table, shown) == [(0, True), (1, True)]


def test_a_chain_is_matched_with_as_many_pairs_as_can_be() -> None:
    # The nearest pair alone would leave two places without a partner.
    table, shown = [(0, 0, ""), (50, 0, "")], [(10, 0, ""), (-45, 0, "")]
    assert match(table, shown) == [(1, True), (0, True)]


def test_what_repeats_a_station_is_told_from_another_one() -> None:
    table = [(0, 0, "特来电明湖站")]
    shown = [(2, 0, ""), (10, 0, "特来电明湖"), (20, 0, ""), (30, 0, "特明水")]
    found = match(table, shown)
    assert [place for place, _ in found][:3] == [0, 0, 0]
    assert sum(best for _, best in found) == 1
    assert UNLIKE <= likeness("特来电明湖", "特明水") < ALIKE
    assert found[3] == (-1, False)


def test_nothing_matches_nothing() -> None:
    assert match([], [(0, 0, "")]) == [(-1, False)]
    assert match([(0, 0, "")], []) == []


@settings(max_examples=60, deadline=None)
@given(
    table=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 30)), max_size=5),
    shown=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 30)), max_size=5),
)
def test_the_best_pairs_are_those_of_trying_everything(
    table: list[tuple[int, int]], shown: list[tuple[int, int]]
) -> None:
    found = match([(x, y, "") for x, y in table], [(x, y, "") for x, y in shown])
    gap = np.array([[np.hypot(x - u, y - v) for u, v in shown] for x, y in table]).reshape(
        len(table), len(shown)
    )

    def worth(pairs: list[tuple[int, int]]) -> tuple[int, float]:
        return len(pairs), -sum(float(gap[i, j]) for i, j in pairs)

    size = max(len(table), len(shown))
    every = [
        [
            (i, j)
            for i, j in enumerate(order)
            if i < len(table) and j < len(shown) and gap[i, j] <= 60
        ]
        for order in permutations(range(size))
    ]
    best = max((worth(pairs) for pairs in every), default=(0, 0.0))
    got = worth([(place, j) for j, (place, is_best) in enumerate(found) if is_best])
    assert got[0] == best[0]
    assert got[1] == pytest.approx(best[1])
    taken = [place for place, is_best in found if is_best]
    assert len(taken) == len(set(taken))
