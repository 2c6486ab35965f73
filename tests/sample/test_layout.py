"""Where the sample city's people live and how its blocks are cut, filled and joined."""

from __future__ import annotations

import math

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.sample.blocks import CUT_KM2, Plat, chains, subdivide
from siting.sample.field import make_field, streamline
from siting.sample.local import local_streets
from siting.sample.region import relative_neighbours
from siting.sample.settle import URBAN_PER_KM2, Settlement, people_of, settle

seeds = st.integers(0, 2**32 - 1)


def _district(shape: shapely.Polygon, urban: float, rural: float) -> dict[str, object]:
    return {
        "name": "某区",
        "population": urban + rural,
        "urban_population": urban,
        "area_km2": shape.area / 1e6,
        "geometry": shape,
    }


def _settled(rows: list[dict[str, object]], seed: int = 0) -> Settlement:
    frame = gpd.GeoDataFrame(rows, geometry="geometry", crs="EPSG:32650")
    return settle(frame, tuple(frame.geometry.to_numpy()), np.random.default_rng(seed))


INNER = shapely.box(0, 0, 16_000, 16_000)
OUTER = shapely.box(16_000, -10_000, 60_000, 30_000)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_built_up_land_is_sized_by_urban_people(seed: int) -> None:
    settled = _settled([_district(INNER, 1.5e6, 0), _district(OUTER, 6e5, 4e5)], seed)
    built = sum(p.outline.area for p in settled.places) / 1e6
    assert built == pytest.approx(2.1e6 / URBAN_PER_KM2, rel=0.25)
    assert [p.kind for p in settled.places].count("core") == 1
    assert any(p.kind == "seat" and p.district == 1 for p in settled.places)


def test_built_up_places_lie_in_the_land_and_apart() -> None:
    settled = _settled([_district(INNER, 1.5e6, 0), _district(OUTER, 6e5, 4e5)])
    land = shapely.union_all([INNER, OUTER]).buffer(1)
    for k, place in enumerate(settled.places):
        assert land.covers(place.outline)
        assert all(place.outline.disjoint(p.outline) for p in settled.places[:k])


def test_villages_follow_rural_people_and_keep_out_of_towns() -> None:
    settled = _settled([_district(INNER, 1.5e6, 0), _district(OUTER, 2e5, 4.4e5)])
    assert 250 < len(settled.villages) <= 400
    assert (settled.village_district == 1).all()
    built = shapely.union_all([p.outline for p in settled.places])
    assert not shapely.contains_xy(built, *settled.villages.T).any()


def test_unknown_people_are_assumed_from_the_area() -> None:
    rows = [_district(INNER, math.nan, 0), _district(OUTER, 100.0, 50.0)]
    urban, rural = people_of(gpd.GeoDataFrame(rows, geometry="geometry", crs="EPSG:32650"))
    assert urban[0] + rural[0] == pytest.approx(250_000 + 350 * 256)
    assert (urban[1], rural[1]) == (100.0, 50.0)


@settings(max_examples=12, deadline=None)
@given(seeds, st.floats(1.0, 6.0))
def test_blocks_part_the_land_without_gap_or_overlap(seed: int, side_km: float) -> None:
    rng = np.random.default_rng(seed)
    outline = shapely.Point(0, 0).buffer(side_km * 500)
    plat = Plat()
    subdivide([outline], make_field(rng, 0.0), rng, plat)
    areas = shapely.area(np.array(plat.leaves, dtype=object))
    assert areas.sum() == pytest.approx(outline.area, rel=1e-3)
    assert shapely.union_all(plat.leaves).area == pytest.approx(outline.area, rel=1e-3)
    # Nothing is left far coarser than the finest class cuts.
    assert np.median(areas) / 1e6 < 3 * CUT_KM2[-1]


@settings(max_examples=4, deadline=None)
@given(seeds)
def test_streets_run_along_the_blocks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    plat = Plat()
    subdivide([shapely.box(0, 0, 5_000, 4_000)], make_field(rng, 0.1), rng, plat)
    rims = shapely.union_all([leaf.exterior for leaf in plat.leaves]).buffer(0.5)
    found = chains(plat)
    assert all(rims.covers(shapely.LineString(chain.line)) for chain in found)
    total = sum(shapely.LineString(c.line).length for c in plat.cuts)
    assert sum(shapely.LineString(c.line).length for c in found) == pytest.approx(total)


def test_coarse_streets_are_fewer_and_longer_than_fine_ones() -> None:
    rng = np.random.default_rng(0)
    plat = Plat()
    subdivide([shapely.box(0, 0, 16_000, 16_000)], make_field(rng, 0.0), rng, plat)
    found = chains(plat)
    count = [sum(c.level == level for c in found) for level in range(4)]
    mean = [
        np.mean([shapely.LineString(c.line).length for c in found if c.level == level])
        for level in range(4)
    ]
    assert count == sorted(count)
    assert mean == sorted(mean, reverse=True)


@settings(max_examples=30, deadline=None)
@given(seeds, st.floats(0, math.pi))
def test_a_streamline_follows_its_field(seed: int, turn: float) -> None:
    direction = make_field(np.random.default_rng(seed), 0.3)
    line = streamline(direction, (100.0, -50.0), turn, 3_000.0, 50.0)
    step = np.diff(line, axis=0)
    middle = (line[1:] + line[:-1]) / 2
    angle = np.array([direction.angle(x, y) for x, y in middle]) + turn
    drawn = np.arctan2(step[:, 1], step[:, 0])
    assert np.abs(np.sin(drawn - angle)).max() < 0.01
    assert np.linalg.norm(step, axis=1) == pytest.approx(50.0)


@settings(max_examples=40, deadline=None)
@given(seeds, st.floats(150, 900), st.floats(150, 900))
def test_local_streets_stay_in_their_block_and_reach_its_rim(
    seed: int, width: float, height: float
) -> None:
    rng = np.random.default_rng(seed)
    block = shapely.box(0, 0, width, height)
    streets = local_streets(block, rng)
    lines = [shapely.LineString(s.line) for s in streets]
    assert all(block.buffer(0.5).covers(line) for line in lines)
    joined = shapely.union_all([line.buffer(0.5) for line in lines])
    for part in shapely.get_parts(joined):
        assert part.intersects(block.exterior)


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(4, 30))
def test_the_relative_neighbourhood_graph_is_the_brute_force_one(seed: int, count: int) -> None:
    points = np.random.default_rng(seed).uniform(0, 1e4, (count, 2))
    gap = np.linalg.norm(points[:, None] - points[None], axis=2)
    expected = {
        (i, j)
        for i in range(count)
        for j in range(i + 1, count)
        if all(max(gap[i, k], gap[j, k]) >= gap[i, j] for k in range(count) if k not in {i, j})
    }
    a, b = relative_neighbours(points)
    assert set(zip(a.tolist(), b.tolist(), strict=True)) == expected
