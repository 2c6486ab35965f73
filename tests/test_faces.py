"""Pieces of discs: their areas add up to the union of any of them."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from siting.reach.faces import footprint_faces, same_rows


def circles(seed: int, count: int, *, radius: float = 220.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    xy = rng.random((count, 2)) * 2000
    return xy, shapely.buffer(shapely.points(xy), radius * rng.uniform(0.5, 1.2, count))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(0, 40), keep=st.floats(0, 1))
def test_faces_of_some_discs_add_up_to_their_union(seed: int, count: int, keep: float) -> None:
    _, discs = circles(seed, count)
    faces = footprint_faces(discs)
    some = np.random.default_rng(seed + 1).random(count) < keep
    within = (faces.cover @ some.astype(float)) > 0
    union = shapely.area(shapely.union_all(discs[some])) / 1e6
    assert faces.area_km2[within].sum() == pytest.approx(union, rel=1e-9, abs=1e-12)


def test_faces_are_cut_to_the_planned_area() -> None:
    _, discs = circles(3, 30)
    planned = shapely.Polygon([(0, 0), (1500, 200), (1200, 1800), (300, 900)])
    faces = footprint_faces(discs, planned)
    union = shapely.intersection(shapely.union_all(discs), planned)
    assert faces.area_km2.sum() == pytest.approx(shapely.area(union) / 1e6, rel=1e-9)
    assert (faces.area_km2 > 0).all()


def test_pieces_in_the_same_discs_are_one() -> None:
    # A bar across a ring of two discs leaves two pieces that lie in the bar alone.
    disc = shapely.Point(0, 0).buffer(100)
    bar = shapely.box(-300, -20, 300, 20)
    faces = footprint_faces([disc, bar])
    sets = sorted(map(tuple, faces.cover.toarray().astype(int).tolist()))
    assert sets == [(0, 1), (1, 0), (1, 1)]
    assert faces.area_km2.sum() * 1e6 == pytest.approx(shapely.union(disc, bar).area)


def test_same_discs_twice_and_tangent_discs_are_no_trouble() -> None:
    disc = shapely.Point(0, 0).buffer(100)
    tangent = shapely.Point(200, 0).buffer(100)
    faces = footprint_faces([disc, disc, tangent])
    assert faces.area_km2.sum() * 1e6 == pytest.approx(2 * disc.area)
    assert (faces.cover.toarray()[:, 0] == faces.cover.toarray()[:, 1]).all()


def test_weights_of_points_go_to_their_pieces() -> None:
    _, discs = circles(5, 25)
    spots = np.random.default_rng(8).random((400, 2)) * 2000
    weight = np.arange(400.0)
    faces = footprint_faces(discs, points=spots, weight=weight)
    some = np.arange(25) % 3 == 0
    within = (faces.cover @ some.astype(float)) > 0
    union = shapely.union_all(discs[some])
    want = weight[shapely.intersects(union, shapely.points(spots))].sum()
    assert faces.worth[within].sum() == pytest.approx(want)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_rows_are_grouped_by_their_columns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    dense = rng.random((40, 4)) < 0.4
    beside = rng.integers(0, 3, 40)
    _, first, group = same_rows(csr_array(dense.astype(float)), beside=beside)
    for row in range(40):
        same = (dense == dense[row]).all(axis=1) & (beside == beside[row])
        assert (group == group[row])[same].all()
        assert not (group == group[row])[~same].any()
        assert first[group[row]] == np.flatnonzero(same)[0]
