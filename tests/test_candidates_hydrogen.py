"""Where hydrogen stations may stand: distances by brute force, thinning, reasons."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from siting.candidates.hydrogen import SUPPLY, _edge_m, _nearest_m, _too_many


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 12), st.integers(0, 9), st.integers(0, 10**6))
def test_distance_to_the_nearest_edge_is_that_of_trying_all(
    places: int, buildings: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    xy, others = rng.random((places, 2)) * 3000, rng.random((buildings, 2)) * 3000
    extent = rng.choice([5.0, 30.0, 900.0], buildings)
    found = _edge_m(xy, others, extent)
    assert found.shape == (places,)
    for place, got in zip(xy, found, strict=True):
        gaps = np.hypot(*(others - place).T) - extent
        assert got == pytest.approx(max(gaps.min(), 0.0) if buildings else -1.0)
    nearest = _nearest_m(xy, others)
    for place, got in zip(xy, nearest, strict=True):
        want = np.hypot(*(others - place).T).min() if buildings else -1.0
        assert got == pytest.approx(want)


def test_too_many_places_give_way_to_fuel_stations() -> None:
    rng = np.random.default_rng(3)
    xy = rng.random((400, 2)) * 20_000
    kind = np.array(["fuel", "logistics", "roadside", "service_area"])[np.arange(400) % 4]
    reason = np.where(np.arange(400) % 10 == 9, "junction", "")
    places = pd.DataFrame(
        {"site_id": [f"node/{k}" for k in range(400)], "kind": kind, "reason": reason}
    )
    out = _too_many(places, xy, 150)
    left = np.setdiff1d(np.flatnonzero(reason == ""), out)
    assert 90 <= len(left) <= 150
    assert not set(out) & set(np.flatnonzero(reason != ""))
    assert not (kind[out] == "service_area").any()
    shares = {name: (kind[left] == name).sum() for name in ("fuel", "logistics", "roadside")}
    assert shares["fuel"] > shares["logistics"] >= shares["roadside"]
    # Whoever is out has a better or equal place nearer than the last spacing,
    # which those that stay keep from one another.
    better = {"fuel": 0, "service_area": 0, "logistics": 1, "roadside": 2}
    rank = np.array([better[k] for k in kind])
    farthest = max(np.hypot(*(xy[left[rank[left] <= rank[row]]] - xy[row]).T).min() for row in out)
    apart = pdist(xy[left[kind[left] != "service_area"]]).min()
    assert farthest < apart
    assert len(_too_many(places, xy, 400)) == 0


@pytest.mark.parametrize("name", ["山东泰山钢铁集团", "齐鲁石化", "东明化工厂", "鲁北氯碱"])
def test_works_that_give_off_hydrogen_are_told_by_their_name(name: str) -> None:
    assert SUPPLY.search(name)


@pytest.mark.parametrize("name", ["钢城区人民政府", "云化工业园", "凤达工业园", ""])
def test_other_names_are_no_supplies(name: str) -> None:
    assert not SUPPLY.search(name)
