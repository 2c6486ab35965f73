"""Demand: exact sums, people where they live, stable rows, points on streets."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from handtown import (
    COUNTRY_M,
    CRS_M,
    TOWN_M,
    make_districts,
    make_facilities,
    make_map,
    make_network,
    town_lines,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.demand import cells as grid
from siting.demand.assumptions import demand_assumptions
from siting.demand.census import cars_per_person, district_people, spread_people
from siting.demand.charging import (
    DRAWN_KWH,
    FREIGHT_SHARE,
    SEGMENTS,
    SNAP_LIMIT_M,
    Demand,
    charging_demand,
)
from siting.errors import InputError
from siting.model.demand import DemandSettings

SETTINGS = DemandSettings.model_validate(
    {
        name: {"vehicles": vehicles, "kwh_day": kwh, "public_share": share}
        for name, vehicles, kwh, share in (
            ("private", 5000, 6, 0.4),
            ("fleet", 600, 30, 0.8),
            ("heavy", 50, 200, 0.7),
        )
    }
)
TOTAL = {"private": 12_000.0, "fleet": 14_400.0, "heavy": 7_000.0}
NAN = float("nan")
CITY_MAP = make_map()
NETWORK = make_network(CITY_MAP)


def plain(**more: object) -> Demand:
    return charging_demand(NETWORK, make_districts(), CITY_MAP, SETTINGS, **more)  # type: ignore[arg-type]


def metres(demand: Demand) -> np.ndarray:
    return shapely.get_coordinates(demand.frame.geometry.to_crs(CRS_M).to_numpy())


@settings(max_examples=8, deadline=None)
@given(
    urban=st.tuples(st.floats(0, 5e5), st.floats(0, 5e5)),
    rural=st.tuples(st.floats(1, 5e5), st.floats(1, 5e5)),
    share=st.floats(0.01, 1),
)
def test_sums_are_the_census_and_the_fleets_exactly(
    urban: tuple[float, float], rural: tuple[float, float], share: float
) -> None:
    districts = make_districts(urban, rural)
    frame = charging_demand(NETWORK, districts, CITY_MAP, SETTINGS, share=share).frame
    people = frame.groupby("district_id")["population"].sum()
    expected = districts.set_index("district_id")["population"]
    np.testing.assert_allclose(people[expected.index], expected, rtol=1e-9, atol=1e-6)
    energy = frame.groupby("segment")["kwh_day"].sum()
    for segment in SEGMENTS:
        assert energy[segment] == pytest.approx(TOTAL[segment] * share, rel=1e-9)
    assert (frame["kwh_day"] >= 0).all()


def test_urban_people_live_in_built_up_cells_and_rural_people_elsewhere() -> None:
    frame = plain().frame
    private = frame[frame["segment"] == "private"]
    people = private.groupby(["district_id", "urban"])["population"].sum()
    assert people["900101", True] == pytest.approx(90_000)
    assert people["900101", False] == pytest.approx(6_000)


def test_the_town_is_built_up_and_open_country_is_not() -> None:
    laid = grid.build_cells(NETWORK, make_districts(), CITY_MAP)
    middle = np.array([[500_000 + TOWN_M / 2, 4_060_000 + TOWN_M / 2]])
    country = np.array([[500_000 + COUNTRY_M - 800, 4_060_000 + TOWN_M + 800]])
    assert grid.is_urban(laid, middle).all()
    assert not grid.is_urban(laid, country).any()
    built = grid.built_up_km2(laid, 2)[0]
    assert 90_000 / grid.DENSE_PER_KM2 <= built <= 90_000 / grid.THIN_PER_KM2 + 0.36


def test_cells_are_fine_in_town_and_coarse_elsewhere() -> None:
    frame = plain().frame
    cells = frame.drop_duplicates("cell_id")
    assert cells.loc[cells["urban"], "cell_id"].str.startswith("u").all()
    assert cells.loc[~cells["urban"], "cell_id"].str.startswith("r").all()
    # 4 km x 4 km of town in 600 m cells, cut at its edges; 128 km2 of country in 1.8 km cells.
    assert 30 <= cells["urban"].sum() <= 81
    assert 20 <= (~cells["urban"]).sum() <= 100


def test_rows_are_unique_sorted_and_of_known_segments() -> None:
    frame = plain().frame
    assert frame["demand_id"].is_unique
    assert set(frame["segment"]) == set(SEGMENTS)
    order = frame.assign(s=frame["segment"].map(SEGMENTS.index))[["cell_id", "s"]]
    assert order.equals(order.sort_values(["cell_id", "s"]))
    assert (frame["demand_id"] == frame["cell_id"] + "-" + frame["segment"]).all()
    assert (frame.loc[frame["segment"] != "private", "population"] == 0).all()
    assert (frame["kwh_day"] > 0).all()


def test_the_same_input_gives_the_same_demand() -> None:
    first, second = plain(), plain()
    assert first.frame.equals(second.frame)
    np.testing.assert_array_equal(first.node, second.node)


def test_points_lie_in_their_district_and_on_roads_that_can_be_left() -> None:
    demand = plain()
    districts = make_districts().set_index("district_id")
    for district_id, rows in demand.frame.groupby("district_id"):
        # A straight border in degrees bends a few metres in the metric CRS.
        polygon = districts.geometry[district_id].buffer(5e-5)
        assert shapely.covers(polygon, rows.geometry.to_numpy()).all()
    streets = shapely.union_all(NETWORK.geometry)
    assert shapely.distance(shapely.points(metres(demand)), streets).max() < 1
    fast = np.isin(NETWORK.highway, [0, 9])
    bound = np.setdiff1d(
        NETWORK.tail[fast], np.concatenate([NETWORK.tail[~fast], NETWORK.head[~fast]])
    )
    assert not np.isin(demand.node, bound).any()


def test_access_is_the_distance_to_the_node() -> None:
    demand = plain()
    assert (demand.node >= 0).all()
    gap = np.hypot(*(metres(demand) - NETWORK.node_xy[demand.node]).T)
    np.testing.assert_allclose(demand.access_m, gap, atol=0.01)
    assert demand.access_m.max() <= SNAP_LIMIT_M


def test_hubs_draw_fleets_and_freight_draws_heavy_vehicles() -> None:
    at = (3000.0, 9000.0)
    city_map = make_map([("railway_station", "站", *at, NAN, NAN), ("port", "港", *at, 25e4, NAN)])
    where = (500_000 + at[0], 4_060_000 + at[1])
    near = []
    for each in (CITY_MAP, city_map):
        demand = charging_demand(NETWORK, make_districts(), each, SETTINGS)
        close = np.hypot(*(metres(demand) - where).T) < 2600
        near.append(demand.frame[close].groupby("segment")["kwh_day"].max())
    # A station pulls 10 units of 500 kWh; a port of 25 ha pulls 20 x 5 of 300, more than there is.
    fleet = near[1]["fleet"] - near[0].get("fleet", 0.0)
    assert fleet == pytest.approx(10 * DRAWN_KWH["hub"], rel=0.02)
    assert near[1]["heavy"] >= FREIGHT_SHARE * TOTAL["heavy"]


def test_villages_draw_rural_people() -> None:
    at = (9000.0, 9000.0)
    city_map = make_map([("village", "村", *at, NAN, NAN)])
    before, after = (
        charging_demand(NETWORK, make_districts(), each, SETTINGS) for each in (CITY_MAP, city_map)
    )
    where = (500_000 + at[0], 4_060_000 + at[1])
    shares = []
    for demand in (before, after):
        near = np.hypot(*(metres(demand) - where).T) < 1300
        shares.append(demand.frame["population"][near].sum())
    assert shares[1] > 1.3 * shares[0]


def test_land_beyond_the_roads_keeps_its_people_without_a_node() -> None:
    lines = [line for line in town_lines() if max(max(p) for p in line[2]) <= TOWN_M]
    city_map = make_map(lines=lines)
    network = make_network(city_map)
    demand = charging_demand(network, make_districts(), city_map, SETTINGS)
    private = demand.frame[demand.frame["segment"] == "private"]
    east = private[private["district_id"] == "900102"]
    assert east["population"].sum() == pytest.approx(25_000)
    assert (demand.node[east.index] == -1).any()


def test_without_a_census_the_models_population_is_spread_or_a_density_stands_in() -> None:
    districts = make_districts().assign(population=NAN, urban_population=NAN, rural_population=NAN)
    told = charging_demand(NETWORK, districts, CITY_MAP, SETTINGS, population=70_000)
    assert told.frame["population"].sum() == pytest.approx(70_000)
    untold = charging_demand(NETWORK, districts, CITY_MAP, SETTINGS)
    assert 20_000 < untold.frame["population"].sum() < 200_000
    town = untold.frame[untold.frame["urban"]]["population"].sum()
    assert town > 0.5 * untold.frame["population"].sum()


def test_the_census_leaves_only_the_rest_to_districts_without_one() -> None:
    districts = make_districts()
    districts.loc[1, ["population", "urban_population", "rural_population"]] = NAN
    urban, rural = district_people(districts, np.array([12.0, 1.0]), population=100_000)
    np.testing.assert_allclose(urban + rural, [96_000, 4_000])
    assert urban[0] == 90_000


def test_people_go_by_weight_and_fall_back_where_there_is_none() -> None:
    district = np.array([0, 0, 0, 1, 1, 2])
    town = np.array([1.0, 3.0, 0.0, 0.0, 0.0, 0.0])
    country = np.array([0.0, 0.0, 2.0, 1.0, 1.0, 0.0])
    urban, rural = np.array([40.0, 30.0, 5.0]), np.array([10.0, 10.0, 2.0])
    people = spread_people(district, town, country, urban, rural)
    np.testing.assert_allclose(people, [10, 30, 10, 20, 20, 7])


def test_car_ownership_comes_from_the_census_and_its_mean_fills_gaps() -> None:
    districts = make_districts()
    assert cars_per_person(districts).tolist() == [1.0, 1.0]
    real = cars_per_person(districts.assign(district_id=["370102", "900102"]))
    np.testing.assert_allclose(real, 0.6197 / 2.67)


def test_car_owning_districts_get_more_private_energy() -> None:
    # Lixia has 0.6197 car-owning households of 2.67 people, Laiwu 0.4364 of 2.49.
    districts = make_districts((50_000, 50_000), (1_000, 1_000))
    districts = districts.assign(district_id=["370102", "370116"])
    frame = charging_demand(NETWORK, districts, CITY_MAP, SETTINGS).frame
    private = frame[(frame["segment"] == "private") & ~frame["urban"]]
    per_person = private.groupby("district_id").apply(
        lambda rows: rows["kwh_day"].sum() / rows["population"].sum(), include_groups=False
    )
    expected = (0.6197 / 2.67) / (0.4364 / 2.49)
    assert per_person["370102"] / per_person["370116"] == pytest.approx(expected, rel=1e-6)


def test_no_districts_is_an_error() -> None:
    with pytest.raises(InputError, match="no districts"):
        charging_demand(NETWORK, make_districts().iloc[:0], CITY_MAP, SETTINGS)


def test_cell_names_stay_when_the_extent_grows() -> None:
    districts = make_districts()
    both = grid.build_cells(NETWORK, districts, CITY_MAP)
    east = grid.build_cells(NETWORK, districts.iloc[1:], CITY_MAP)
    xy = np.array([[500_000 + 9000.0, 4_060_000 + 9000.0], [500_000 + 7000.0, 4_060_000 + 11000.0]])
    names = [grid.cell_names(laid, grid.cell_key(laid, xy)).tolist() for laid in (both, east)]
    assert names[0] == names[1]


def test_housing_counts_by_its_area() -> None:
    facilities = make_facilities(
        [
            ("residential", "", 0, 0, 40_000, NAN),
            ("residential", "", 0, 0, NAN, NAN),
            ("fuel", "", 0, 0, NAN, NAN),
        ]
    )
    assert grid.land_use_metres(facilities).tolist() == [400.0, 400.0, 0.0]


def test_assumptions_name_source_and_confidence_of_every_factor() -> None:
    rows = demand_assumptions(SETTINGS)
    keys = [row["key"] for row in rows]
    assert len(set(keys)) == len(keys)
    assert {"demand.private.vehicles", "demand.home_share", "demand.hub"} <= set(keys)
    for row in rows:
        said = {"unit", "source", "unit_zh", "source_zh"}
        assert set(row) - {"value_zh"} == {"key", "value", "confidence", *said}
        assert row["confidence"] in {"document", "found", "memory", "model"}
        assert row["source"]
        assert row["source_zh"]
