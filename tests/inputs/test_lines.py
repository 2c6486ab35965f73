"""Ragged lines against plain loops."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from siting.datum import geodesic_area_km2
from siting.inputs.lines import Lines, coordinate_ids, located_parts, take, two_way_pairs
from siting.inputs.tables import area_m2, numbered

IDS = st.lists(st.lists(st.integers(0, 4), min_size=2, max_size=5), max_size=12)


def lines_of(rows: list[list[int]], missing: frozenset[int] = frozenset()) -> Lines:
    """Lines whose vertex `k` lies at longitude k, or nowhere."""
    flat = np.array([key for row in rows for key in row], dtype=np.int64)
    lon = np.array([np.nan if key in missing else float(key) for key in flat.tolist()])
    start = np.r_[0, np.cumsum([len(row) for row in rows])].astype(np.int64)
    return Lines(np.column_stack([lon, lon]).reshape(-1, 2), flat, start)


def rows_of(lines: Lines) -> list[list[int]]:
    ids = lines.vertex_id.tolist()
    ends = lines.start.tolist()
    return [ids[a:b] for a, b in itertools.pairwise(ends)]


@given(IDS, st.frozensets(st.integers(0, 4), max_size=3))
def test_parts_are_the_runs_of_located_distinct_vertices(
    rows: list[list[int]], missing: frozenset[int]
) -> None:
    expected: list[tuple[int, list[int]]] = []
    for line, row in enumerate(rows):
        runs: list[list[int]] = [[]]
        for key in row:
            if key in missing:
                runs.append([])
            elif not runs[-1] or runs[-1][-1] != key:
                runs[-1].append(key)
        expected += [(line, run) for run in runs if len(run) > 1]
    parts, line_of = located_parts(lines_of(rows, missing))
    assert list(zip(line_of.tolist(), rows_of(parts), strict=True)) == expected
    assert parts.lonlat[:, 0].tolist() == parts.vertex_id.tolist()


@given(IDS)
def test_pairs_are_lines_whose_reverse_is_there(rows: list[list[int]]) -> None:
    kept, paired, twin = two_way_pairs(lines_of(rows))
    seen: list[list[int]] = []
    for index, row in enumerate(rows):
        new = row not in seen and row[::-1] not in seen
        reverse = row != row[::-1] and row[::-1] in rows
        assert kept[index] == new, row
        assert twin[index] == reverse, row
        assert paired[index] == (new and reverse), row
        seen.append(row)


@given(IDS, st.data())
def test_taking_rows_keeps_them_whole(rows: list[list[int]], data: st.DataObject) -> None:
    picked = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=8) if rows else st.just([]))
    taken = take(lines_of(rows), np.array(picked, dtype=np.int64))
    assert rows_of(taken) == [rows[index] for index in picked]


GRID = st.tuples(st.integers(-1_800_000_000, 1_800_000_000), st.integers(-900_000_000, 900_000_000))


@given(st.lists(GRID, min_size=1, max_size=20))
def test_places_share_an_id_exactly_when_they_are_equal(cells: list[tuple[int, int]]) -> None:
    lonlat = np.array(cells) / 1e7
    ids = coordinate_ids(lonlat)
    noisy = coordinate_ids(lonlat + 1e-13)
    assert ids.tolist() == noisy.tolist()
    assert (ids >= 0).all()
    for i, one in enumerate(cells):
        for j, other in enumerate(cells):
            assert (one == other) == (ids[i] == ids[j])


@pytest.mark.parametrize("lat", [-60.0, 0.0, 36.6, 75.0])
def test_areas_agree_with_geodesics(lat: float) -> None:
    shell = shapely.box(117.0, lat, 117.01, lat + 0.01)
    hole = shapely.box(117.002, lat + 0.002, 117.003, lat + 0.003)
    shapes = np.array([shell, shell.difference(hole)], dtype=object)
    assert area_m2(shapes) == pytest.approx(1e6 * geodesic_area_km2(shapes), rel=1e-6)


@given(st.lists(st.sampled_from(["way/1", "way/2", "row/3"])))
def test_numbered_ids_are_unique_and_keep_the_first(names: list[str]) -> None:
    ids = numbered(names)
    assert len(set(ids)) == len(ids)
    for name in set(names):
        assert ids[names.index(name)] == name
