"""People by the floors of mapped homes: nobody is heaped, nobody lost, the census exact."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import shapely
from handtown import CRS_M, TOWN_M, lonlat, make_districts, make_map, make_network
from hypothesis import given
from hypothesis import strategies as st

from siting.demand.charging import charging_demand
from siting.demand.housing import homes_of, housed
from siting.inputs.tables import make_buildings
from siting.model.demand import DemandSettings, Housing

if TYPE_CHECKING:
    import geopandas as gpd

    from siting.frames import CityMap

HOUSING = {
    "floor_m2_per_person": 40, "storey_m": 3, "house_levels": 2, "flats_levels": 6,
    "unmarked_levels": 3, "unmarked_share": 0.5,
}  # fmt: skip
FLEET = {"vehicles": 10_000, "kwh_day": 5, "public_share": 0.5}
SETTINGS = DemandSettings.model_validate(
    {"private": FLEET, "fleet": FLEET, "heavy": FLEET, "housing": HOUSING}
)
MAP = make_map()
NETWORK = make_network(MAP)
DISTRICTS = make_districts()


def blocks(places: list[tuple[float, float]], use: str = "flats", levels: float = 6) -> CityMap:
    """Put square blocks of 50 m at places in metres from the corner on the map."""
    corners = np.array([(0, 0), (50, 0), (50, 50), (0, 50)])
    rings = lonlat((np.array(places)[:, None, :] + corners).reshape(-1, 2)).reshape(-1, 4, 2)
    count = len(places)
    names = [f"way/{n}" for n in range(count)]
    unknown = [np.nan] * count
    shapes = list(shapely.polygons(rings))
    made = make_buildings(names, [use] * count, [levels] * count, unknown, shapes)
    return replace(MAP, buildings=made)


def people(city_map: CityMap) -> gpd.GeoDataFrame:
    found = charging_demand(NETWORK, DISTRICTS, city_map, SETTINGS)
    frame = found.frame[found.frame.segment == "private"].to_crs(CRS_M)
    return frame.assign(note=found.notes[0].en)


def test_three_mapped_houses_hold_three_houses_of_people() -> None:
    plain = people(MAP)
    some = people(blocks([(500, 500), (600, 500), (500, 600)], "house", 2))
    both = plain.merge(some, on="demand_id", suffixes=("", "_homes"))
    moved = (both.population_homes - both.population).abs().sum()
    room = 3 * 50 * 50 * 2 / 40
    assert 0 <= moved <= 2 * room
    assert len(both) == len(plain)
    assert "3 buildings taken for homes" in some.note.iloc[0]
    assert "the others by streets" in some.note.iloc[0]


def test_a_district_mapped_in_full_lives_where_its_homes_are() -> None:
    half = [(x, y) for x in np.arange(20, TOWN_M / 2, 60) for y in np.arange(20, TOWN_M - 60, 60)]
    found = people(blocks(half))
    town = found[found.urban & (found.district_id == "900101")]
    west = town.geometry.x < town.geometry.x.min() + TOWN_M / 2 + 300
    assert town.population[west].sum() > 0.99 * town.population.sum()
    assert town.population.sum() == pytest.approx(90_000)


def test_sums_stay_those_of_the_census_by_district() -> None:
    found = people(blocks([(x, 700) for x in range(0, 8000, 70)]))
    total = found.groupby("district_id").population.sum()
    expected = DISTRICTS.set_index("district_id").population
    assert total.to_dict() == pytest.approx(expected.to_dict(), abs=1e-6)


def test_offices_and_a_map_without_homes_change_nothing_but_say_so() -> None:
    plain, offices = people(MAP), people(blocks([(500, 500)], "other"))
    assert (plain.population == offices.population).all()
    assert "buildings weren't read" in plain.note.iloc[0]
    assert "no homes are known" in offices.note.iloc[0]


def test_floor_is_footprint_times_storeys_known_reckoned_or_usual() -> None:
    place = blocks([(0, 0)])
    assert place.buildings is not None
    square = place.buildings.geometry.iloc[0]
    rows = [
        ("flats", 11, np.nan, 11), ("flats", np.nan, 24, 8), ("flats", np.nan, np.nan, 6),
        ("house", np.nan, np.nan, 2), ("house", np.nan, 1, 1), ("unknown", np.nan, np.nan, 1.5),
        ("unknown", 10, 99, 5),
    ]  # fmt: skip
    use, levels, height, expected = zip(*rows, strict=True)
    made = make_buildings([f"w{n}" for n in range(len(rows))], use, levels, height, [square] * 7)
    found = homes_of(made, CRS_M, Housing.model_validate(HOUSING))
    assert found.floor_m2 / 2500 == pytest.approx(np.array(expected), rel=2e-3)


numbers = st.lists(st.floats(0, 1e6), min_size=6, max_size=6).map(np.array)


@given(numbers, numbers, st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)).map(np.array))
def test_weights_are_whole_people_of_the_district(
    weight: np.ndarray, floor: np.ndarray, count: np.ndarray
) -> None:
    district = np.array([0, 0, 0, 1, 1, 1])
    lived, held = housed(district, weight, floor, count, 40.0)
    assert (lived >= 0).all()
    assert (held <= count * (1 + 1e-12)).all()
    room = np.bincount(district, floor / 40.0)
    for row in np.flatnonzero(room > 0):
        assert lived[district == row].sum() == pytest.approx(count[row], rel=1e-6, abs=1e-6)
    for row in np.flatnonzero(room <= 0):
        assert (lived[district == row] == weight[district == row]).all()
    # While homes don't hold everyone, no piece has fewer people than its homes hold.
    for row in np.flatnonzero((room > 0) & (room < count)):
        mine = district == row
        assert (lived[mine] >= floor[mine] / 40.0 * (1 - 1e-9) - 1e-9).all()


@given(st.floats(0, 4000), st.floats(0, 4000))
def test_another_house_on_the_map_moves_no_more_people_than_it_holds(
    before: float, more: float
) -> None:
    district, weight = np.zeros(4, dtype=np.int64), np.array([4.0, 3.0, 2.0, 1.0])
    count, floor = np.array([100.0]), np.array([0.0, before, 0.0, 700.0])
    first, _ = housed(district, weight, floor, count, 40.0)
    second, _ = housed(district, weight, floor + np.array([0, 0, more, 0]), count, 40.0)
    moved = np.abs(second / second.sum() - first / first.sum()).sum() * 100 / 2
    assert moved <= more / 40.0 + 1e-6
