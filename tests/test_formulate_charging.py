"""The charging programme: rows as the note numbers them, and the same optimum by every solver."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from pulp.apis.coin_api import pulp_cbc_path

from siting.candidates.charging import Candidates
from siting.core.lpfile import lp_lines, write_lp
from siting.core.outcome import Outcome, Status
from siting.core.solve import solve
from siting.demand.charging import SEGMENTS, Demand
from siting.errors import SolverError
from siting.formulate.charging import charging_programme, decode
from siting.model.demand import DemandSettings, Fleet
from siting.model.model import Charging, Model, Target, load_model
from siting.model.piletypes import PileType
from siting.reach.distance import Reach
from siting.structures import Sizing

if TYPE_CHECKING:
    from siting.programme import Programme

GOLDEN = Path(__file__).parent / "golden"
PILES = (
    PileType(
        id="ac7", label_zh="慢充", label_en="slow", current="ac", kw=7, utilisation=0.12,
        equipment_cny=2000, installation_cny=2500, segments=("private",),
    ),
    PileType(
        id="dc120", label_zh="快充", label_en="fast", kw=120, utilisation=0.15,
        equipment_cny=48000, installation_cny=25000, segments=("private", "fleet", "heavy"),
    ),
)  # fmt: skip


def model_of(*targets: Target, budget: float | None = 900000, existing: bool = True) -> Model:
    fleet = Fleet(vehicles=100, kwh_day=5, public_share=0.5)
    return Model(
        name="hand",
        demand=DemandSettings(private=fleet, fleet=fleet, heavy=fleet),
        charging=Charging(
            piles=PILES, urban_radius_m=3000, rural_radius_m=10000, heavy_radius_m=10000,
            station_fixed_cny=200000, rural_grid_cny=100000, grid_cny_per_kva=400,
            simultaneity=0.65, power_factor=0.95, budget_cny=budget, existing_count=existing,
            queueing=load_model("jinan").charging.queueing,
        ),
        targets=targets,
    )  # fmt: skip


def city(sites: int, points: int, seed: int) -> tuple[Candidates, Demand, Reach]:
    """Sites and demand in two districts; site 0 exists, site 1 is a service area."""
    rng = np.random.default_rng(seed)
    site_at, point_at = rng.random((sites, 2)), rng.random((points, 2))
    kinds = np.array(["parking", "service_area", "fuel", "mall"])
    frame = gpd.GeoDataFrame(
        {
            "site_id": [f"node/{j}" for j in range(sites)],
            "kind": kinds[np.arange(sites) % 4],
            "name": "",
            "district_id": np.where(site_at[:, 0] < 0.5, "370102", "370103"),
            "urban": True,
            "existing": np.arange(sites) == 0,
            "mandatory": False,
            "max_piles": rng.integers(4, 12, sites),
            "min_piles": 2,
            "kw_limit": rng.choice([200.0, 400.0, 630.0], sites),
            "fixed_cost_cny": np.where(np.arange(sites) == 0, 0.0, 50000.0),
            "clauses": "",
        },
        geometry=shapely.points(site_at),
        crs="EPSG:4326",
    )
    allowed = np.ones((sites, 2), dtype=bool)
    allowed[1 % sites, 0] = False
    node = np.zeros(sites, dtype=np.int64)
    candidates = Candidates(frame, allowed, node, np.zeros(sites))
    people = gpd.GeoDataFrame(
        {
            "demand_id": [f"c{i}" for i in range(points)],
            "cell_id": [f"c{i}" for i in range(points)],
            "segment": np.array(SEGMENTS)[np.arange(points) % 3],
            "kwh_day": rng.integers(20, 400, points).astype(float),
            "population": 0.0,
            "district_id": np.where(point_at[:, 0] < 0.5, "370102", "370103"),
            "urban": True,
        },
        geometry=shapely.points(point_at),
        crs="EPSG:4326",
    )
    demand = Demand(people, np.zeros(points, dtype=np.int64), np.zeros(points))
    metres = np.hypot(*(point_at[:, None] - site_at).transpose(2, 0, 1)) * 1000
    point, site = np.nonzero(metres < 450)
    reach = Reach(site, point, metres[point, site], sites, points)
    return candidates, demand, reach


FAMILIES = {
    "budget": (),
    "stations": (Target(measure="stations", at_least=2, clause="JN23-06"),),
    "piles": (Target(measure="piles", at_least=7, clause="JN23-07"),),
    "dc_share": (Target(measure="dc_share", at_least=0.46),),
    "service_areas": (Target(measure="service_areas", at_least=1.0),),
    "district_stations": (Target(measure="district_stations", at_least=1),),
    "served_share": (Target(measure="served_share", at_least=0.1),),
    "district_served_share": (Target(measure="district_served_share", at_least=0.05),),
}


def statements(text: str) -> set[str]:
    """Statements of an LP text, each with its terms in order of name: order-insensitive."""
    found = set()
    joined = re.sub(r"\n(?=\s*[+-] )", " ", text)
    for line in joined.splitlines():
        head, colon, body = line.partition(":")
        if not colon:
            found.add(" ".join(line.split()))
            continue
        match = re.search(r"(<=|>=|=)\s*(\S+)\s*$", body)
        left = body[: match.start()] if match else body
        terms = re.findall(r"([+-]?)\s*([\d.e+-]*)\s*([A-Za-z]\w*)", left)
        parts = sorted(f"{name}*{sign or '+'}{factor or '1'}" for sign, factor, name in terms)
        found.add(f"{head.strip()}: {' '.join(parts)} {match.group(0).strip() if match else ''}")
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_of_each_family_are_those_of_the_golden_file(family: str) -> None:
    candidates, demand, reach = city(3, 6, seed=4)
    programme = charging_programme(candidates, demand, reach, model_of(*FAMILIES[family]))
    text = "\n".join(lp_lines(programme)) + "\n"
    golden = (GOLDEN / f"charging_{family}.lp").read_text(encoding="utf-8")
    assert statements(text) == statements(golden)


def test_golden_comparison_sees_a_changed_coefficient_and_not_a_changed_order() -> None:
    golden = (GOLDEN / "charging_budget.lp").read_text(encoding="utf-8")
    row = next(line for line in golden.splitlines() if line.strip().startswith("c8_budget:"))
    assert "50000 open_1" in row
    assert statements(golden.replace("50000 open_1", "50001 open_1")) != statements(golden)
    turned = golden.replace("50000 open_1 + 50000 open_2", "50000 open_2 + 50000 open_1")
    assert turned != golden
    assert statements(turned) == statements(golden)


def cbc(programme: Programme, folder: Path) -> float:
    """Optimum of the LP text by CBC."""
    write_lp(programme, folder / "p.lp")
    out = folder / "p.sol"
    subprocess.run(  # noqa: S603
        [pulp_cbc_path, str(folder / "p.lp"), "ratio", "0", "solve", "solu", str(out)],
        check=True,
        capture_output=True,
    )
    head = out.read_text().splitlines()[0]
    assert head.startswith("Optimal"), head
    return abs(float(head.split()[-1]))


@pytest.mark.parametrize("seed", range(4))
def test_highs_cbc_and_the_sizing_route_find_one_optimum(seed: int, tmp_path: Path) -> None:
    candidates, demand, reach = city(7, 14, seed)
    targets = (
        Target(measure="stations", at_least=3),
        Target(measure="piles", at_least=12),
        Target(measure="dc_share", at_least=0.3),
        Target(measure="served_share", at_least=0.05),
    )
    programme = charging_programme(candidates, demand, reach, model_of(*targets))
    general = solve(replace(programme, structure=None), gap=0.0, seconds=30)
    special = solve(programme, gap=0.0, seconds=30)
    assert special.status is Status.OPTIMAL
    assert general.status is Status.OPTIMAL
    assert special.objective == pytest.approx(general.objective, rel=1e-6)
    assert special.objective == pytest.approx(cbc(programme, tmp_path), rel=1e-6)
    assert special.route != general.route


def test_solution_reads_back_in_the_terms_of_the_inputs() -> None:
    candidates, demand, reach = city(8, 20, seed=1)
    programme = charging_programme(candidates, demand, reach, model_of())
    decision = decode(programme, solve(programme, gap=0.0, seconds=20))
    served = np.bincount(reach.demand, decision.serve, minlength=20)
    assert decision.piles.shape == (8, 2)
    assert decision.opened[0]
    assert (served <= demand.frame["kwh_day"].to_numpy() + 1e-6).all()
    assert (decision.piles.sum(axis=1)[~decision.opened] == 0).all()
    assert (decision.piles[decision.opened].sum(axis=1) >= 2).all()
    assert decision.serve[~decision.opened[reach.site]].sum() == 0


def test_an_outcome_without_a_solution_is_refused() -> None:
    candidates, demand, reach = city(4, 6, seed=1)
    programme = charging_programme(candidates, demand, reach, model_of())
    nan = float("nan")
    with pytest.raises(SolverError, match="no plan"):
        decode(programme, Outcome(Status.NO_ANSWER, nan, nan, nan, {}, 1.0, "none"))


def test_colliding_targets_end_infeasible_and_named() -> None:
    candidates, demand, reach = city(6, 10, seed=2)
    targets = (Target(measure="piles", at_least=500, clause="JN23-07"),)
    outcome = solve(charging_programme(candidates, demand, reach, model_of(*targets)), seconds=10)
    assert outcome.status is Status.INFEASIBLE
    assert "piles" in outcome.message


def test_clauses_stand_by_the_rows_they_ask_for() -> None:
    candidates, demand, reach = city(4, 6, seed=3)
    targets = (
        Target(measure="stations", at_least=1, clause="JN23-06"),
        Target(measure="served_share", at_least=0.01, clause="JN23-27"),
    )
    programme = charging_programme(candidates, demand, reach, model_of(*targets))
    assert programme.clauses == {"c9_stations": "JN23-06", "c14_served": "JN23-27"}
    assert {rows.clause for rows in programme.rows if rows.name == "c14_served"} == {"JN23-27"}


def test_existing_stations_are_kept_and_count_only_when_the_model_says_so() -> None:
    candidates, demand, reach = city(5, 8, seed=5)
    target = Target(measure="stations", at_least=1)
    counted = charging_programme(candidates, demand, reach, model_of(target)).structure
    new_only = charging_programme(candidates, demand, reach, model_of(target, existing=False))
    assert isinstance(counted, Sizing)
    assert isinstance(new_only.structure, Sizing)
    assert counted.forced[0]
    assert counted.row_open.toarray()[1].tolist() == [1, 1, 1, 1, 1]
    assert new_only.structure.row_open.toarray()[1].tolist() == [0, 1, 1, 1, 1]


def test_a_target_given_twice_keeps_both_rows() -> None:
    candidates, demand, reach = city(4, 6, seed=3)
    targets = (Target(measure="stations", at_least=1), Target(measure="stations", at_least=2))
    programme = charging_programme(candidates, demand, reach, model_of(*targets, budget=None))
    names = [row.name for row in programme.problem.constraints()]
    assert len(names) == len(set(names)) == 2


def test_numbers_of_the_rows_are_those_of_the_note() -> None:
    note = Path(__file__).parents[1] / "models" / "formulations" / "charging.md"
    candidates, demand, reach = city(4, 6, seed=3)
    targets = [t for family in FAMILIES.values() for t in family]
    programme = charging_programme(candidates, demand, reach, model_of(*targets))
    names = [row.name for row in programme.problem.constraints()]
    names += [rows.name for rows in programme.rows]
    text = note.read_text(encoding="utf-8")
    for name in names:
        number, _, rest = name.removeprefix("c").partition("_")
        assert f"| {number} | `c{number}_{rest.split('_')[0]}" in text, name


def test_frames_are_left_as_they_were() -> None:
    candidates, demand, reach = city(4, 6, seed=3)
    before = candidates.frame.copy(), demand.frame.copy()
    charging_programme(candidates, demand, reach, model_of())
    pd.testing.assert_frame_equal(pd.DataFrame(before[0]), pd.DataFrame(candidates.frame))
    pd.testing.assert_frame_equal(pd.DataFrame(before[1]), pd.DataFrame(demand.frame))
