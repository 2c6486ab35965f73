"""Clauses as rows: each family as its note writes it, exact on small cities, recounted after."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.sparse import csr_array, dok_array
from scipy.sparse.csgraph import maximum_flow
from test_formulate_charging import GOLDEN, PILES, cbc, city, model_of, statements

from siting.core.lpfile import lp_lines
from siting.core.outcome import Status
from siting.core.sizing.part import keep_rows
from siting.core.solve import solve
from siting.errors import InputError
from siting.formulate.charging import charging_programme, decode
from siting.formulate.clauses import implied
from siting.model.model import Model, Target
from siting.model.rules import ClauseRules, Readings
from siting.piles import pile_table
from siting.reach.distance import Reach
from siting.reach.places import BASE, Places, place_frame, unreached_note
from siting.reach.substations import Substations, read_substations

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from siting.candidates.charging import Candidates
    from siting.demand.charging import Demand
    from siting.programme import Programme
    from siting.structures import Sizing

SITES, POINTS, BUDGET, SEED = 4, 8, 300_000, 1
KINDS = ("logistics", "residential", "fuel", "rest_area")
NEAR = (("townships", (1, 2)), ("townships", (3,)), ("key_areas", (0, 3)), ("townships", ()),
        ("test_fleets", (1, 2)), ("test_fleets", (0, 1)), ("test_fleets", ()))  # fmt: skip
"""Places of the hand-made city and the sites within reach of each; nothing reaches the last."""


@cache
def small_city() -> tuple[Candidates, Demand, Reach]:
    candidates, demand, reach = city(SITES, POINTS, seed=SEED)
    frame = candidates.frame.assign(
        kind=list(KINDS), existing=False, max_piles=2, min_piles=1, kw_limit=200.0
    )
    return replace(candidates, frame=frame, allowed=np.ones((SITES, 2), bool)), demand, reach


KIND = {"townships": "township", "key_areas": "mall", "test_fleets": BASE}


def hand_places(near_by: tuple[tuple[str, tuple[int, ...]], ...] = NEAR) -> Places:
    arcs = [(site, place) for place, (_, near) in enumerate(near_by) for site in near]
    site, place = (np.array(ends, dtype=np.int64) for ends in zip(*arcs, strict=True))
    frame = gpd.GeoDataFrame(
        {
            "place_id": [f"node/{n}" for n in range(len(near_by))],
            "name": [f"地方{n}" for n in range(len(near_by))],
            "kind": [KIND[m] for m, _ in near_by],
            "measure": [m for m, _ in near_by],
            "district_id": "370102",
            "urban": True,
            "radius_m": 1000.0,
        },
        geometry=shapely.points(np.zeros((len(near_by), 2))),
        crs="EPSG:4326",
    )
    zeros = np.zeros(len(near_by))
    reach = Reach(site, place, 100.0 * (1 + site), SITES, len(near_by))
    return Places(frame, zeros.astype(np.int64), zeros, reach)


def hand_substations() -> Substations:
    frame = gpd.GeoDataFrame(
        {"substation_id": ["A", "B"], "headroom_kw": [90.0, 500.0]},
        geometry=shapely.points(np.zeros((2, 2))),
        crs="EPSG:4326",
    )
    return Substations(frame, np.array([0, 0, 0, 1]))


RULES = ClauseRules(zone_piles=2, test_fleet_piles=2, heavy_kw=100, heavy_piles=1)


def question(*targets: Target, budget: float = BUDGET, **readings: object) -> Model:
    fleets = any(target.measure == "test_fleets" for target in targets)
    roads = (Target(measure="test_road_km", at_least=1),) if fleets else ()
    model = model_of(*targets, *roads, budget=budget)
    piles = tuple(pile.model_copy(update={"guns": n + 1}) for n, pile in enumerate(PILES))
    changes = {"rules": RULES, "piles": piles, "readings": Readings.model_validate(readings)}
    return model.model_copy(update={"charging": model.charging.model_copy(update=changes)})


@cache
def pile_types() -> pd.DataFrame:
    """Pile types of the question."""
    return pile_table(question().charging)


def programme_of(model: Model, *, feed: bool = False) -> Programme:
    candidates, demand, reach = small_city()
    fed = hand_substations() if feed else None
    return charging_programme(
        candidates, demand, reach, model, places=hand_places(), substations=fed
    )


MEASURES = (
    "townships",
    "key_areas",
    "zone_areas",
    "test_fleets",
    "heavy_sites",
    "energy_stations",
    "residential_piles",
    "rest_areas",
    "utilisation",
)
ASKED = {**dict.fromkeys(MEASURES, 1.0), "residential_piles": 2.0, "utilisation": 0.5}


def pairs_and_use(*targets: Target) -> Model:
    """Ask for fast piles in pairs and for some use of each new station."""
    model = question(*targets)
    slow, fast = model.charging.piles
    rules = model.charging.rules.model_copy(
        update={"station_use": model.charging.rules.station_use.model_copy(update={"value": 0.25})}
    )
    piles = (slow, fast.model_copy(update={"least": 2}))
    charging = model.charging.model_copy(update={"piles": piles, "rules": rules})
    return model.model_copy(update={"charging": charging})


def golden_programme(family: str) -> Programme:
    """Make the programme of a family of rows in the hand-made city."""
    if family == "substations":
        return programme_of(question(), feed=True)
    if family == "pairs_and_use":
        return programme_of(pairs_and_use())
    return programme_of(question(Target(measure=family, at_least=ASKED[family])))


GOLDEN_FAMILIES = (*MEASURES, "substations", "pairs_and_use")


@pytest.mark.parametrize("family", GOLDEN_FAMILIES)
def test_rows_of_each_clause_are_those_of_the_golden_file(family: str) -> None:
    text = "\n".join(lp_lines(golden_programme(family)))
    golden = (GOLDEN / f"charging_{family}.lp").read_text(encoding="utf-8")
    assert statements(text) == statements(golden)


ROWS = {
    "townships": ["c17_township_0: 1 open_1 + 1 open_2 >= 1", "c17_township_1: open_3 >= 1"],
    "key_areas": ["c18_key_area_2: 1 open_0 + 1 open_3 >= 1"],
    "zone_areas": ["c19_zone_2: 1 piles_0_dc120 + 1 piles_3_dc120 >= 2"],
    "test_fleets": [
        "c30_test_fleet_4: 1 piles_1_dc120 + 1 piles_2_dc120 >= 2",
        "c30_test_fleet_5: 1 piles_0_dc120 + 1 piles_1_dc120 >= 2",
    ],
    "heavy_sites": ["c20_heavy_sites: open_0 >= 1"],
    "energy_stations": ["c21_energy_stations: open_2 >= 1"],
    "residential_piles": ["c22_residential_piles: piles_1_ac7 >= 2"],
    "rest_areas": ["c23_rest_areas: open_3 >= 1"],
}


@pytest.mark.parametrize("measure", ROWS)
def test_golden_rows_of_each_clause_are_those_that_the_note_writes(measure: str) -> None:
    golden = (GOLDEN / f"charging_{measure}.lp").read_text(encoding="utf-8")
    prefix = ROWS[measure][0].partition(":")[0].rpartition("_")[0]
    found = {line for line in statements(golden) if prefix in line}
    assert found == statements("\n".join(ROWS[measure]))


def test_the_utilisation_row_sets_energy_against_capacity() -> None:
    programme = programme_of(question(Target(measure="utilisation", at_least=0.5)))
    rows = next(rows for rows in programme.rows if rows.name == "c24_utilisation")
    bought = rows.terms[""].toarray()[0]
    kwh = pile_table(question().charging)["kwh_day"].to_numpy()
    assert bought[:SITES].tolist() == [0] * SITES
    assert bought[SITES:] == pytest.approx(np.tile(-0.5 * kwh, SITES))
    assert rows.terms["serve"].toarray()[0].tolist() == [1] * len(small_city()[2].site)
    assert (rows.lower[0], rows.upper[0]) == (0.0, np.inf)


def test_each_substation_carries_the_peak_of_its_own_sites() -> None:
    programme = programme_of(question(), feed=True)
    lines = statements("\n".join(lp_lines(programme)))
    loads = [f"4.55 piles_{j}_ac7 + 78 piles_{j}_dc120" for j in range(SITES)]
    wanted = f"c25_substation_0: {' + '.join(loads[:3])} <= 90\nc25_substation_1: {loads[3]} <= 500"
    assert statements(wanted) <= lines


class Trial(NamedTuple):
    """A choice of sites and piles, and the most energy it can serve."""

    opened: np.ndarray
    piles: np.ndarray
    served: float

    @property
    def cost(self) -> float:
        """Works and piles, CNY."""
        frame, types = small_city()[0].frame, pile_types()
        piles = self.piles.sum(axis=0) @ types["cost_cny"].to_numpy()
        return float(self.opened @ frame["fixed_cost_cny"].to_numpy() + piles)

    @property
    def capacity(self) -> float:
        """Energy that the piles could give, kWh/day."""
        return float(self.piles.sum(axis=0) @ pile_types()["kwh_day"].to_numpy())

    def reaches(self, measure: str) -> bool:
        """Whether every place of a group that can be reached is."""
        return all(self.opened[list(near)].any() for name, near in NEAR if name == measure and near)


def most_served(sizing: Sizing, piles: np.ndarray) -> float:
    """Most energy that piles can give, as a maximum flow from points over piles, in 0.01 kWh."""
    points, (sites, types) = len(sizing.demand_kwh), piles.shape
    last = 1 + points + sites * types
    flow = dok_array((last + 1, last + 1), dtype=np.int32)
    for point, kwh in enumerate(sizing.demand_kwh):
        flow[0, 1 + point] = round(100 * kwh)
    for site, point in zip(sizing.site, sizing.point, strict=True):
        for kind in range(types):
            if sizing.serves[kind, sizing.segment[point]]:
                flow[1 + point, 1 + points + site * types + kind] = 10**7
    for site, kind in product(range(sites), range(types)):
        give = round(100 * sizing.pile_kwh[kind] * piles[site, kind])
        flow[1 + points + site * types + kind, last] = give
    return float(maximum_flow(csr_array(flow), 0, last).flow_value) / 100


@cache
def affordable() -> tuple[Trial, ...]:
    """Every choice of sites and piles within the sites' limits and the budget."""
    sizing = keep_rows(programme_of(question()).structure, np.zeros(0, dtype=np.int64))
    peak = sizing.simultaneity * sizing.pile_kw
    each = [
        [None, *(c for c in product(range(3), repeat=2) if 1 <= sum(c) <= 2 and c @ peak <= limit)]
        for limit in sizing.kw_limit
    ]
    found = []
    for chosen in product(*each):
        opened = np.array([c is not None for c in chosen])
        piles = np.array([c or (0, 0) for c in chosen])
        trial = Trial(opened, piles, 0.0)
        if trial.cost <= BUDGET:
            found.append(trial._replace(served=most_served(sizing, piles)))
    return tuple(found)


HOLDS: dict[str, tuple[float, Callable[[Trial], bool]]] = {
    "townships": (1.0, lambda t: t.reaches("townships")),
    "key_areas": (1.0, lambda t: t.reaches("key_areas")),
    "zone_areas": (1.0, lambda t: t.piles[0, 1] + t.piles[3, 1] >= 2),
    "test_fleets": (1.0, lambda t: min(t.piles[1:3, 1].sum(), t.piles[:2, 1].sum()) >= 2),
    "heavy_sites": (1.0, lambda t: t.opened[0] and t.piles[0, 0] == 0),
    "energy_stations": (1.0, lambda t: t.opened[2]),
    "residential_piles": (2.0, lambda t: t.piles[1, 0] >= 2),
    "rest_areas": (1.0, lambda t: t.opened[3]),
    "utilisation": (0.9, lambda t: t.served >= 0.9 * t.capacity - 1e-9),
}


@pytest.mark.parametrize("measure", HOLDS)
def test_optimum_under_each_clause_is_that_of_trying_everything(measure: str) -> None:
    at_least, holds = HOLDS[measure]
    best = max(trial.served for trial in affordable() if holds(trial))
    programme = programme_of(question(Target(measure=measure, at_least=at_least)))
    special = solve(programme, gap=0.0, seconds=30)
    general = solve(replace(programme, structure=None), gap=0.0, seconds=30)
    assert special.status is general.status is Status.OPTIMAL
    assert special.objective == pytest.approx(best, rel=1e-6)
    assert general.objective == pytest.approx(best, rel=1e-6)
    decision = decode(programme, special)
    assert holds(Trial(decision.opened, decision.piles, special.objective))


def used_served(sizing: Sizing, piles: np.ndarray) -> float:
    """Most energy where each station serves its least, by a dense linear programme; NaN if none."""
    arcs = len(sizing.site)
    rows, upper = [], []
    for point, kwh in enumerate(sizing.demand_kwh):
        rows.append((sizing.point == point).astype(float))
        upper.append(kwh)
    for site in range(len(sizing.fixed_cny)):
        here = sizing.site == site
        for some in ({0}, {1, 2}, {0, 1, 2}):
            usable = sizing.serves[:, sorted(some)].any(axis=1)
            rows.append((here & np.isin(sizing.segment[sizing.point], sorted(some))).astype(float))
            upper.append(float(piles[site] @ (sizing.pile_kwh * usable)))
        rows.append(-here.astype(float))
        upper.append(-float(sizing.least_use[site] * (piles[site] @ sizing.pile_kwh)))
    found = linprog(-np.ones(arcs), A_ub=np.array(rows), b_ub=np.array(upper), bounds=(0, None))
    return -float(found.fun) if found.status == 0 else float("nan")


def test_optimum_with_pairs_and_use_is_that_of_trying_everything(tmp_path: Path) -> None:
    programme = programme_of(pairs_and_use(Target(measure="piles", at_least=4)))
    sizing = keep_rows(programme.structure, np.zeros(0, dtype=np.int64))
    many = [trial for trial in affordable() if trial.piles.sum() >= 4]
    pairs = [trial for trial in many if not (trial.piles[:, 1] == 1).any()]
    used, both = (
        np.nanmax([used_served(sizing, trial.piles) for trial in some]) for some in (many, pairs)
    )
    best = float(both)
    # Each rule costs energy here, so the optima below can't agree without its rows.
    assert best < used - 1.0 < max(trial.served for trial in pairs) - 2.0
    special = solve(programme, gap=0.0, seconds=30)
    assert special.objective == pytest.approx(best, rel=1e-5)
    general = solve(replace(programme, structure=None), gap=0.0, seconds=30)
    assert general.objective == pytest.approx(best, rel=1e-5)
    assert cbc(programme, tmp_path) == pytest.approx(best, rel=1e-5)


@pytest.mark.parametrize("measure", MEASURES)
def test_cbc_finds_the_same_optimum_under_each_clause(measure: str, tmp_path: Path) -> None:
    programme = golden_programme(measure)
    special = solve(programme, gap=0.0, seconds=30)
    assert special.objective == pytest.approx(cbc(programme, tmp_path), rel=1e-6)


def test_clauses_bind_in_this_city() -> None:
    """They cost energy here, so the test above can't pass without their rows."""
    free = max(trial.served for trial in affordable())
    bound = {
        name: max(trial.served for trial in affordable() if holds(trial))
        for name, (_, holds) in HOLDS.items()
    }
    assert sum(value < free - 1e-6 for value in bound.values()) >= 5, (free, bound)


def test_head_room_of_substations_is_kept_at_the_optimum() -> None:
    peak = 0.65 * np.array([7.0, 120.0])

    def holds(trial: Trial) -> bool:
        load = trial.piles @ peak
        return bool(load[:3].sum() <= 90 and load[3] <= 500)

    best = max(trial.served for trial in affordable() if holds(trial))
    outcome = solve(programme_of(question(), feed=True), gap=0.0, seconds=30)
    assert outcome.objective == pytest.approx(best, rel=1e-6)
    assert best < max(trial.served for trial in affordable())


def test_readings_change_what_counts() -> None:
    target = Target(measure="piles", at_least=3)

    def weights(**readings: object) -> list[float]:
        sizing = programme_of(question(target, **readings)).structure
        return sizing.row_piles.toarray()[1].tolist()

    assert weights() == [1.0] * 8
    assert weights(pile="gun") == [1.0, 2.0] * 4
    assert weights(access="public") == [0.0, 0.0, *[1.0] * 6]
    stations = Target(measure="stations", at_least=3)
    swap = {"station": "charging_and_swap", "swap_stations": 2}
    assert programme_of(question(stations, **swap)).structure.row_lower[1] == 1
    assert programme_of(question(stations)).structure.row_lower[1] == 3


def test_a_share_below_one_asks_for_the_places_with_most_choice() -> None:
    target = Target(measure="townships", at_least=1 / 3)
    names = [row.name for row in programme_of(question(target)).problem.constraints()]
    assert [name for name in names if name.startswith("c17")] == ["c17_township_0"]


def test_asking_for_more_than_the_map_has_asks_for_all_of_it() -> None:
    target = Target(measure="energy_stations", at_least=30)
    sizing = programme_of(question(target)).structure
    assert sizing.row_lower[sizing.row_name.index("integrated energy stations")] == 1


def test_heavy_sites_hold_heavy_piles_alone_and_only_where_asked_for() -> None:
    plain = programme_of(question()).structure
    asked = programme_of(question(Target(measure="heavy_sites", at_least=1))).structure
    assert plain.allowed.all()
    assert asked.allowed.tolist() == [[False, True], *[[True, True]] * 3]


def test_places_that_nothing_reaches_are_named() -> None:
    note = unreached_note(hand_places(), "townships", "key_areas").en
    assert note == "1 townships or key areas have no candidate site within reach: 地方3"
    note = unreached_note(hand_places(), "test_fleets").en
    assert note == "1 bases of test fleets have no candidate site within reach: 地方6"


@pytest.mark.parametrize(("measure", "row"), [("test_fleets", "c30"), ("zone_areas", "c19")])
def test_room_for_few_piles_at_one_place_takes_nothing_from_another(measure: str, row: str) -> None:
    """A site with room for two of the three piles asked for doesn't stand for three elsewhere."""
    group = "key_areas" if measure == "zone_areas" else measure
    asked = question(Target(measure=measure, at_least=1))
    rules = RULES.model_copy(update={"zone_piles": 3, "test_fleet_piles": 3})
    charging = asked.charging.model_copy(update={"rules": rules})
    near = hand_places(((group, (1,)), (group, (0, 1, 2))))
    programme = charging_programme(
        *small_city(), asked.model_copy(update={"charging": charging}), places=near
    )
    lines = statements("\n".join(lp_lines(programme)))
    found = {line for line in lines if line.startswith(row) or f"{row}_" in line}
    wanted = [
        "_0: piles_1_dc120 >= 2",
        "_1: 1 piles_0_dc120 + 1 piles_1_dc120 + 1 piles_2_dc120 >= 3",
    ]
    name = {"c30": "c30_test_fleet", "c19": "c19_zone"}[row]
    assert found == statements("\n".join(name + text for text in wanted))


def test_place_frame_gives_the_nearest_open_station_and_fast_piles() -> None:
    types = pile_table(question().charging)
    piles = np.array([[1, 0], [0, 0], [0, 2], [0, 1]])
    frame = place_frame(hand_places(), piles, types, small_city()[0].frame["site_id"])
    assert frame["station_id"].tolist() == [
        "node/2",
        "node/3",
        "node/0",
        "",
        "node/2",
        "node/0",
        "",
    ]
    assert frame["reached"].tolist() == [True, True, True, False, True, True, False]
    assert frame["distance_m"].tolist()[:3] == [300.0, 400.0, 100.0]
    assert frame["fast_piles"].tolist() == [2, 1, 1, 0, 2, 0, 0]
    assert frame["sites"].tolist() == [2, 1, 2, 0, 2, 2, 0]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), rows=st.integers(1, 6), sites=st.integers(1, 5))
def test_rows_left_out_follow_from_those_kept(seed: int, rows: int, sites: int) -> None:
    rng = np.random.default_rng(seed)
    cover = rng.random((rows, sites)) < 0.5
    forced = rng.random(sites) < 0.2
    left = implied(csr_array(cover.astype(float)), forced)
    for chosen in product([False, True], repeat=sites):
        opened = np.array(chosen) | forced
        kept = (cover[~left] & opened).any(axis=1).all()
        assert kept == (cover & opened).any(axis=1).all()


def test_substations_are_read_from_a_table(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("substation_id,lon,lat,headroom_kw\nA,117.1,36.6,1200\n", encoding="utf-8")
    frame = read_substations(path)
    assert frame["headroom_kw"].tolist() == [1200.0]
    assert frame.geometry.x.tolist() == [117.1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("substation_id,lon,lat\nA,117,36\n", "lacks columns"),
        ("substation_id,lon,lat,headroom_kw\n", "no substations"),
        ("substation_id,lon,lat,headroom_kw\nA,117,36,lots\n", "line 2: headroom_kw"),
        ("substation_id,lon,lat,headroom_kw\nA,117,36,5\nB,117,96,5\n", "line 3: lat"),
        ("substation_id,lon,lat,headroom_kw\nA,117,36,-5\n", "line 2: headroom_kw"),
        ("substation_id,lon,lat,headroom_kw\nA,1,3,5\nA,1,3,5\n", "line 3: the substation"),
    ],
)
def test_a_wrong_table_of_substations_is_refused_with_its_line(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "s.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        read_substations(path)
