"""The roadside programme: rows as the note numbers them, and the optimum of CBC and brute force."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pulp.apis.coin_api import pulp_cbc_path
from scipy.sparse import csr_array

from siting.candidates.roadside import RoadPoints, RoadsideSites
from siting.core.building.area import broken_rules
from siting.core.certificate import recompute_bound
from siting.core.lpfile import lp_lines
from siting.core.outcome import Outcome, Status
from siting.core.solve import solve
from siting.errors import SolverError
from siting.formulate.roadside import (
    RoadsideAsked,
    decode_roadside,
    point_groups,
    roadside_programme,
)
from siting.reach.faces import footprint_faces
from siting.reach.zones import Zones
from siting.structures import Building

sys.path.insert(0, str(Path(__file__).parent / "core"))

from buildings import best_by_trying

if TYPE_CHECKING:
    from siting.programme import Programme

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"
CELL_M = 500.0
Town = tuple[RoadsideSites, RoadPoints, csr_array, Zones]


def town(
    seed: int, *, side: int = 2, count: int = 8, radius_m: float = 400.0, points: int = 40
) -> Town:
    """Strew road points and sites over a square of cells."""
    rng = np.random.default_rng(seed)
    site_at = rng.random((count, 2)) * side * CELL_M
    point_at = rng.random((points, 2)) * side * CELL_M
    sites = RoadsideSites(
        gpd.GeoDataFrame(
            {
                "site_id": [f"s{j}" for j in range(count)],
                "cost_cny": rng.integers(10, 70, count) * 1e4,
                "radius_m": np.full(count, radius_m),
                "mandatory": np.zeros(count, dtype=bool),
            },
            geometry=shapely.points(site_at),
        ),
        site_at,
        np.zeros(count, dtype=np.int64),
        np.where(np.arange(count) < count // 2, np.arange(count), -1),
    )
    road = _points(point_at, rng)
    far = np.hypot(*(point_at[:, None] - site_at).transpose(2, 0, 1))
    return sites, road, csr_array((far <= radius_m).astype(float)), _zones(side, sites, road)


def _points(at: np.ndarray, rng: np.random.Generator) -> RoadPoints:
    none = np.zeros(len(at), dtype=np.int64)
    return RoadPoints(
        at, at, rng.integers(40, 60, len(at)).astype(float), none.astype(np.int8), none, none,
        none.astype(bool), rng.integers(1, 9, len(at)).astype(float), none.astype(bool),
    )  # fmt: skip


def _zones(side: int, sites: RoadsideSites, points: RoadPoints) -> Zones:
    cells = side * side
    row, column = np.divmod(np.arange(cells), side)
    place = np.floor(points.xy / CELL_M).astype(int) @ np.array([side, 1])
    home = np.floor(sites.xy / CELL_M).astype(int) @ np.array([side, 1])
    inside = place == np.arange(cells)[:, None]
    key = (home == np.arange(cells)[:, None]) & (sites.junction >= 0)
    xy = np.stack([row, column], axis=1)
    beside = np.abs(xy[:, None] - xy).sum(axis=2) == 1
    corner = xy * CELL_M
    return Zones(
        zone_id=np.array([f"z{r}-{c}" for r, c in xy], dtype=object),
        geometry=shapely.box(corner[:, 0], corner[:, 1], *(corner + CELL_M).T),
        area_km2=np.full(cells, 0.25),
        district=np.zeros(cells, dtype=np.int64),
        point=csr_array(inside),
        junction=csr_array(key),
        length_m=inside @ points.length_m,
        neighbour=csr_array(beside),
        pilot=np.zeros(cells, dtype=bool),
    )


def solved(programme: Programme) -> Outcome:
    return solve(programme, gap=0.0, seconds=20)


def building_of(programme: Programme) -> Building:
    assert isinstance(programme.structure, Building)
    return programme.structure


def by_cbc(programme: Programme, folder: Path) -> float | None:
    """Solve the rows as they are written by CBC; None where there is no plan."""
    text, out = folder / "p.lp", folder / "p.sol"
    text.write_text("\n".join(lp_lines(programme)) + "\n", encoding="utf-8")
    subprocess.run(  # noqa: S603  (CBC as PuLP ships it)
        [pulp_cbc_path, str(text), "ratio", "0", "solve", "solu", str(out)],
        check=True,
        capture_output=True,
    )
    head = out.read_text(encoding="utf-8").splitlines()[0]
    if not head.startswith("Optimal"):
        return None
    return float(head.split()[-1])


ZONE: tuple[dict[str, Any], ...] = (
    {},
    {"least_neighbours": 0},
    {"least_neighbours": 2, "target_km2": 1.0},
    {"redundancy": True},
    {"benefit": True, "target_km2": 0.0, "budget_cny": 1.5e6},
    {"covered_share": 0.95, "forced": np.arange(8) == 5},
    {"wanted": np.arange(4) == 2, "barred": np.arange(4) == 1},
)


@pytest.mark.parametrize("kind", range(len(ZONE)))
@pytest.mark.parametrize("seed", range(2))
def test_a_zone_plan_is_that_of_cbc_and_of_trying_every_set(
    kind: int, seed: int, tmp_path: Path
) -> None:
    asked = RoadsideAsked(**{"target_km2": 0.5, "covered_share": 0.6, **ZONE[kind]})
    programme = roadside_programme(*town(seed), asked)
    building = building_of(programme)
    want, cbc = best_by_trying(building), by_cbc(programme, tmp_path)
    outcome = solved(programme)
    assert (want is None) == (cbc is None) == (outcome.status is Status.INFEASIBLE)
    if want is None:
        return
    assert outcome.status is Status.OPTIMAL
    assert outcome.objective == pytest.approx(want)
    assert cbc == pytest.approx(want)
    equipped, built = decode_roadside(programme, outcome)
    assert broken_rules(building, equipped, built) == ()
    proven = recompute_bound(building, outcome.certificate)
    assert proven >= want * (1 - 1e-6) if building.maximise else proven <= want * (1 + 1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_a_footprint_plan_is_that_of_cbc_and_of_trying_every_set(seed: int, tmp_path: Path) -> None:
    sites, points, heard, zones = town(seed)
    discs = shapely.buffer(shapely.points(sites.xy), 200.0, quad_segs=16)
    planned = shapely.box(0, 0, 1000, 1000)
    faces = footprint_faces(discs, planned, points=points.xy, weight=points.traffic)
    asked = RoadsideAsked(target_km2=0.4, faces=faces)
    programme = roadside_programme(sites, points, heard, zones, asked)
    want = best_by_trying(building_of(programme))
    assert want is not None
    assert by_cbc(programme, tmp_path) == pytest.approx(want)
    outcome = solved(programme)
    assert outcome.objective == pytest.approx(want)
    equipped, _ = decode_roadside(programme, outcome)
    union = shapely.intersection(shapely.union_all(discs[equipped]), planned)
    assert union.area / 1e6 >= 0.4 * (1 - 1e-9)
    most = replace(asked, benefit=True, budget_cny=8e5, target_km2=0.0)
    within = roadside_programme(sites, points, heard, zones, most)
    best = best_by_trying(building_of(within))
    assert solved(within).objective == pytest.approx(best)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), more=st.floats(0, 200))
def test_a_larger_radius_never_costs_more(seed: int, more: float) -> None:
    asked = RoadsideAsked(target_km2=0.5, covered_share=0.7)
    near, far = (
        best_by_trying(building_of(roadside_programme(*town(seed, radius_m=r), asked)))
        for r in (300.0, 300.0 + more)
    )
    assert near is None or (far is not None and far <= near + 1e-6)


def test_groups_hold_all_metres_that_somebody_hears() -> None:
    _, points, heard, zones = town(4)
    counted = np.array([True, False, True, True])
    cell, metres, hears = point_groups(points.length_m, heard, zones.point, counted)
    place = zones.point.toarray().argmax(axis=0)
    for c in range(4):
        on = (place == c) & (heard.toarray() > 0).any(axis=1) & counted[c]
        assert metres[cell == c].sum() == pytest.approx(points.length_m[on].sum())
    pairs = {(c, row.tobytes()) for c, row in zip(cell, hears.toarray() > 0, strict=True)}
    assert len(pairs) == len(cell)


def test_cells_without_counted_road_are_not_built() -> None:
    sites, points, heard, zones = town(1)
    short = replace(zones, length_m=zones.length_m * (np.arange(4) != 3))
    asked = RoadsideAsked(target_km2=0.25, covered_share=0.6, least_neighbours=0)
    building = building_of(roadside_programme(sites, points, heard, short, asked))
    assert building.barred.tolist() == [False, False, False, True]


def test_mandatory_sites_are_equipped_and_banned_ones_never() -> None:
    sites, points, heard, zones = town(1)
    frame = sites.frame.assign(mandatory=np.arange(8) == 7)
    asked = RoadsideAsked(target_km2=0.25, covered_share=0.4, banned=np.arange(8) == 6)
    programme = roadside_programme(replace(sites, frame=frame), points, heard, zones, asked)
    equipped, _ = decode_roadside(programme, solved(programme))
    assert equipped[7]
    assert not equipped[6]


def test_most_benefit_needs_a_budget_and_an_outcome_a_plan() -> None:
    with pytest.raises(SolverError, match="without a limit"):
        roadside_programme(*town(0), RoadsideAsked(0.0, benefit=True))
    programme = roadside_programme(*town(0), RoadsideAsked(0.25))
    nan = float("nan")
    with pytest.raises(SolverError, match="no roadside plan"):
        decode_roadside(programme, Outcome(Status.NO_ANSWER, nan, nan, nan, {}, 1.0, "none"))


GOLDENS = {
    "zone": {"target_km2": 0.5, "redundancy": True},
    "benefit": {"target_km2": 0.0, "benefit": True, "budget_cny": 9e5},
}


@pytest.mark.parametrize("name", GOLDENS)
def test_rows_are_those_of_the_golden_file(name: str) -> None:
    asked = RoadsideAsked(**{"covered_share": 0.6, "clause": "QD25-01", **GOLDENS[name]})
    text = "\n".join(lp_lines(roadside_programme(*town(9, count=5, points=14), asked))) + "\n"
    assert text == (GOLDEN / f"roadside_{name}.lp").read_text(encoding="utf-8")


def test_row_numbers_are_those_of_the_note() -> None:
    note = (ROOT / "models" / "formulations" / "roadside.md").read_text(encoding="utf-8")
    names: set[str] = set()
    for changes in ({"redundancy": True}, {"benefit": True, "budget_cny": 9e5}):
        asked = RoadsideAsked(**{"target_km2": 0.5, "clause": "QD25-01", **changes})
        programme = roadside_programme(*town(7), asked)
        names |= {row.name for row in programme.problem.constraints()}
        names |= {rows.name for rows in programme.rows}
        assert programme.clauses == {"r2_area": "QD25-01"}
    assert len(names) == 7
    for name in names:
        assert f"| {name[1]} | `{name}` |" in note, name
