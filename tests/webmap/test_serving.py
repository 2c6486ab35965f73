"""What serves a clause comes to the figure that the checker finds, on plans of every programme."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from plans import WEST, WGS84, make_plan

from siting.verify.charging import _measured as charging_measure
from siting.verify.roadmeasures import road_measure
from siting.verify.roadside import measured as roadside_measure
from siting.webmap.serving import RULES, packed_serving, serving

if TYPE_CHECKING:
    from siting.pipeline import Published
    from siting.plan import Plan
    from siting.webmap.serving import Serving

CHARGING = (
    *("stations", "piles", "dc_share", "service_areas", "district_stations", "served_share"),
    *("district_served_share", "heavy_sites", "energy_stations", "residential_piles"),
    *("rest_areas", "utilisation"),
)
ROADS = (
    *("test_road_km", "low_speed_districts", "test_road_sorts", "test_road_grades"),
    *("test_road_scenarios", "base_tiers"),
)
ROADSIDE = ("built_area_km2", "bridges_tunnels", "toll_stations", "expressway_section")


@pytest.fixture(scope="module")
def roads(road_town: Published) -> Plan:
    return road_town.plan


@pytest.fixture(scope="module")
def units(unit_town: Published) -> Plan:
    return unit_town.plan


def of(plan: Plan, measure: str) -> Serving:
    """Ask what serves a clause of one measure."""
    row = {"clause": "X-1", "measure": measure, "target": 1.0, "planned": 1.0}
    (found,) = serving(replace(plan, clauses=pd.DataFrame([row])))
    assert found is not None
    return found


def test_every_measure_that_can_be_asked_has_a_rule() -> None:
    places = {"townships", "key_areas", "zone_areas", "test_fleets", "hydrogen_stations"}
    assert set(RULES) == {*CHARGING, *ROADS, *ROADSIDE, *places}


@pytest.mark.parametrize("measure", CHARGING)
def test_charging_comes_to_what_the_checker_finds(published: Published, measure: str) -> None:
    found = of(published.plan, measure)
    want = charging_measure(published.plan, measure)
    assert found.planned == pytest.approx(want, rel=1e-6, nan_ok=True) or np.isnan(want)


@pytest.mark.parametrize("existing_count", [True, False])
@pytest.mark.parametrize("measure", ["stations", "piles", "dc_share", "district_stations"])
def test_existing_stations_count_as_the_model_says(
    published: Published, measure: str, *, existing_count: bool
) -> None:
    plan = published.plan
    stations = plan.stations.assign(
        status=np.where(np.arange(len(plan.stations)) < 2, "kept", "new")
    )
    settings = {**plan.run["settings"], "existing_count": existing_count}
    changed = replace(plan, stations=stations, run={**plan.run, "settings": settings})
    found = of(changed, measure)
    assert found.planned == pytest.approx(charging_measure(changed, measure), rel=1e-9)
    assert found.members["stations"][:2].any() == (existing_count or False)


@pytest.mark.parametrize("measure", ROADS)
def test_test_roads_come_to_what_the_checker_finds(roads: Plan, measure: str) -> None:
    found = of(roads, measure)
    want = road_measure(roads, roads.run["settings"]["testroads"], measure)
    assert found.planned == pytest.approx(want, rel=1e-6)
    assert found.members["testroads"].any() == (want > 0)


@pytest.mark.parametrize("measure", ROADSIDE)
def test_roadside_units_come_to_what_the_checker_finds(units: Plan, measure: str) -> None:
    found = of(units, measure)
    want = roadside_measure(units, units.run["settings"]["roadside"], measure)
    assert found.planned == pytest.approx(want, rel=1e-6, nan_ok=True)
    if want > 0:
        assert found.members["rsus"].any()


def test_sections_of_the_length_are_all_that_there_are(roads: Plan) -> None:
    found = of(roads, "test_road_km")
    assert found.members["testroads"].all()
    assert found.value == pytest.approx(roads.test_road_catalogue.km.sum(), rel=1e-6)


def with_places(plan: Plan) -> Plan:
    """Put four townships, one of them too far, and two key areas on a plan."""
    ids = plan.stations.site_id.to_numpy()
    frame = gpd.GeoDataFrame(
        {
            "place_id": list("abcdef"),
            "name": list("甲乙丙丁戊己"),
            "measure": ["townships"] * 4 + ["key_areas"] * 2,
            "urban": [False] * 4 + [True, True],
            "reached": [True, True, True, False, True, False],
            "station_id": [ids[0], ids[0], ids[5], "", ids[7], ""],
            "fast_piles": [0, 0, 0, 0, 9, 1],
        },
        geometry=shapely.points([WEST + 0.1 + 0.01 * k for k in range(6)], 36.6),
        crs=WGS84,
    )
    run = {**plan.run, "settings": {"rules": {"zone_piles": 4}}}
    return replace(plan, places=frame, run=run)


def test_places_are_served_by_their_stations_and_the_missed_ones_are_named() -> None:
    plan = with_places(make_plan())
    found = of(plan, "townships")
    assert (found.value, found.whole) == (3.0, 4.0)
    assert np.flatnonzero(found.members["stations"]).tolist() == [0, 5]
    assert np.flatnonzero(found.members["places"]).tolist() == [0, 1, 2]
    assert [point.x for point in found.missed] == [plan.places.geometry.x[3]]
    zones = of(plan, "zone_areas")
    assert (zones.value, zones.whole) == (1.0, 2.0)
    assert np.flatnonzero(zones.members["stations"]).tolist() == [7]


def test_a_clause_without_a_figure_is_served_by_what_cites_it() -> None:
    plan = make_plan()
    row = {"clause": "JN23-11", "measure": "", "target": np.nan, "planned": np.nan}
    other = {**row, "clause": "JN23-1"}
    found, none = serving(replace(plan, clauses=pd.DataFrame([row, other])))
    assert found is not None
    assert found.value == plan.stations.clauses.str.contains("JN23-11").sum()
    assert none is None


def test_swap_stations_are_counted_beside_the_map(published: Published) -> None:
    plan = published.plan
    settings = plan.run["settings"]
    swapped = {**settings["readings"], "station": "charging_and_swap", "swap_stations": 12.0}
    run = {**plan.run, "settings": {**settings, "readings": swapped}}
    found = of(replace(plan, run=run), "stations")
    assert found.beside == 12.0
    assert found.value == len(plan.stations) + 12.0


def test_packed_rows_are_few_characters_and_say_all_with_one() -> None:
    plan = make_plan(stations=300)
    packed = packed_serving(plan)
    assert packed[0] is not None
    assert packed[0]["members"] == {"stations": "*"}
    assert sum(len(str(one)) for one in packed) < 4_000
