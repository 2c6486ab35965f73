"""The hydrogen programme: rows as the note numbers them, and the optimum of brute force."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from scipy.spatial.distance import pdist, squareform

from siting.candidates.hydrogendemand import HydrogenDemand
from siting.core.lpfile import lp_lines
from siting.core.outcome import Outcome, Status
from siting.core.solve import solve
from siting.errors import SolverError
from siting.formulate.hydrogen import (
    HydrogenChoice,
    hydrogen_choice,
    hydrogen_programme,
    opened_sites,
)
from siting.hydrogen.question import near_pairs
from siting.model.model import Hydrogen
from siting.reach.distance import Reach

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"
ALONE_CNY = 15e6


def hydrogen(**changes: float | None) -> Hydrogen:
    values: dict[str, float | None] = {
        "combined_cny": 5e6, "standalone_cny": 11e6, "land_cny": 4e6, "capacity_kg_day": 500,
        "stored_kg": 800, "level_1_kg": 5000, "radius_m": 350, "spacing_m": 200,
        "public_building_m": 50, "junction_m": 50, "point_extent_m": 30, "heavy_weight": 1,
        "corridor_weight": 0.5, "supply_weight": 0.2, "cost_weight": 0.3, "supply_range_m": 500,
    }  # fmt: skip
    return Hydrogen.model_validate({**values, **changes})


def question(
    seed: int, *, sites: int = 8, points: int = 20, stations: int = 3, **changes: float | None
) -> tuple[HydrogenChoice, Reach]:
    """Sites and points on a square of a kilometre; every third site is a combined one."""
    rng = np.random.default_rng(seed)
    site_at, point_at = rng.random((sites, 2)) * 1000, rng.random((points, 2)) * 1000
    asked = hydrogen(**changes)
    heavy = np.arange(points) < points * 2 // 3
    frame = gpd.GeoDataFrame(
        {
            "point_id": [f"p{i}" for i in range(points)],
            "purpose": np.where(heavy, "heavy", "corridor"),
            "kwh_day": np.where(heavy, rng.integers(10, 90, points), 0).astype(float),
            "corridor_km": np.where(heavy, 0, rng.integers(1, 5, points)).astype(float),
        },
        geometry=shapely.points(point_at),
        crs="EPSG:4326",
    )
    none = np.zeros(points)
    demand = HydrogenDemand(frame, none.astype(np.int64), none)
    metres = np.hypot(*(point_at[:, None] - site_at).transpose(2, 0, 1))
    point, site = np.nonzero(metres <= asked.radius_m.value)
    choice = hydrogen_choice(
        demand,
        np.where(np.arange(sites) % 3 == 0, 5e6, ALONE_CNY),
        rng.choice([-1.0, 0.0, 100.0, 900.0], sites),
        near_pairs(site_at, asked.spacing_m.value),
        asked,
        stations=stations,
        clause="JN23-08",
    )
    return choice, Reach(site, point, metres[point, site], sites, points)


def best_by_trying(choice: HydrogenChoice, reach: Reach) -> float | None:
    """Most points over every set of sites that the limits allow, None where there is none."""
    sites, points = len(choice.cost_cny), len(choice.worth)
    covers = np.zeros((sites, points), dtype=bool)
    covers[reach.site, reach.demand] = True
    near = {tuple(pair) for pair in choice.near.tolist()}
    most = choice.stations if choice.budget_cny is None else sites
    best: float | None = None
    for size in range(choice.stations, most + 1):
        for some in combinations(range(sites), size):
            rows = list(some)
            if any(pair in near for pair in combinations(rows, 2)):
                continue
            if choice.budget_cny is not None and choice.cost_cny[rows].sum() > choice.budget_cny:
                continue
            value = float(choice.worth[covers[rows].any(axis=0)].sum() + choice.bonus[rows].sum())
            best = value if best is None else max(best, value)
    return best


@pytest.mark.parametrize(
    ("seed", "changes"),
    [
        (0, {}),
        (1, {"spacing_m": 450}),
        (2, {"budget_cny": 4e7}),
        (3, {"budget_cny": 6e7, "cost_weight": 0.0}),
        (4, {"cost_weight": 5.0, "supply_weight": 0.0}),
        (5, {"spacing_m": 0, "corridor_weight": 0.0}),
    ],
)
def test_the_optimum_is_that_of_trying_every_set(seed: int, changes: dict[str, float]) -> None:
    choice, reach = question(seed, **changes)
    want = best_by_trying(choice, reach)
    assert want is not None
    programme = hydrogen_programme(choice, reach)
    outcome = solve(programme, gap=0.0, seconds=20)
    assert outcome.status is Status.OPTIMAL
    assert outcome.objective == pytest.approx(want, abs=1e-7)
    opened = np.flatnonzero(opened_sites(programme, outcome))
    assert len(opened) >= 3
    chosen = {tuple(pair) for pair in combinations(opened.tolist(), 2)}
    assert not chosen & {tuple(pair) for pair in choice.near.tolist()}


def test_stations_that_do_not_fit_are_infeasible_as_trying_says() -> None:
    choice, reach = question(1, spacing_m=900, stations=5)
    assert best_by_trying(choice, reach) is None
    outcome = solve(hydrogen_programme(choice, reach), gap=0.0, seconds=20)
    assert outcome.status is Status.INFEASIBLE
    with pytest.raises(SolverError):
        opened_sites(hydrogen_programme(choice, reach), outcome)


def test_an_outcome_without_a_solution_is_refused() -> None:
    choice, reach = question(0)
    nan = float("nan")
    empty = Outcome(Status.NO_ANSWER, nan, nan, nan, {}, 1.0, "none")
    with pytest.raises(SolverError, match="no hydrogen plan"):
        opened_sites(hydrogen_programme(choice, reach), empty)


def test_weights_mean_what_the_note_says() -> None:
    choice, _ = question(0, supply_weight=0.0)
    assert choice.worth.sum() == pytest.approx(1.5)
    # Three stations of their own with land cost all of the cost weight.
    assert 3 * choice.bonus[1] == pytest.approx(-0.3)
    assert choice.bonus[0] == pytest.approx(choice.bonus[1] / 3)
    here, _ = question(0, cost_weight=0.0)
    assert set(np.round(here.bonus * 3, 9)) <= {0.0, 0.2, 0.16}


@pytest.mark.parametrize(("name", "changes"), [("most", {}), ("budget", {"budget_cny": 3e7})])
def test_rows_are_those_of_the_golden_file(name: str, changes: dict[str, float]) -> None:
    choice, reach = question(
        7, sites=4, points=5, stations=2, radius_m=500, spacing_m=600, **changes
    )
    text = "\n".join(lp_lines(hydrogen_programme(choice, reach))) + "\n"
    assert text == (GOLDEN / f"hydrogen_{name}.lp").read_text(encoding="utf-8")


def test_row_numbers_are_those_of_the_note() -> None:
    note = (ROOT / "models" / "formulations" / "hydrogen.md").read_text(encoding="utf-8")
    for changes in ({}, {"budget_cny": 3e7}):
        programme = hydrogen_programme(*question(7, spacing_m=600, **changes))
        names = [row.name for row in programme.problem.constraints()]
        names += [rows.name for rows in programme.rows]
        assert "h5_spacing" in names
        for name in names:
            assert f"| {name[1]} | `{name}` |" in note, name
        assert programme.clauses == {"h3_stations": "JN23-08"}


@pytest.mark.parametrize("seed", range(3))
def test_pairs_closer_than_a_spacing_are_those_of_all_distances(seed: int) -> None:
    xy = np.random.default_rng(seed).random((40, 2)) * 1000
    apart = np.triu(squareform(pdist(xy)) < 200, 1)
    assert near_pairs(xy, 200).tolist() == np.argwhere(apart).tolist()
    exact = np.array([[0.0, 0.0], [0.0, 200.0]])
    assert len(near_pairs(exact, 200)) == 0
    assert len(near_pairs(xy[:1], 200)) == 0
