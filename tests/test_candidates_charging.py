"""Candidate sites: found on any map, thinned, sized, named, and the same every time."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
import yaml
from handtown import CRS_M, make_districts, make_map, make_network, town_lines
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.candidates.charging import (
    FACILITY_SPACING_M,
    ROADSIDE_SERVICES,
    RURAL_SPACING_M,
    URBAN_SPACING_M,
    Candidates,
    charging_candidates,
)
from siting.candidates.thinning import clear_of, preference, thin
from siting.errors import InputError
from siting.facts import models_folder, site_kinds
from siting.model.model import Charging

NAN = float("nan")
DEFAULTS = yaml.safe_load((models_folder() / "defaults.yaml").read_text(encoding="utf-8"))
CHARGING = Charging.model_validate(DEFAULTS["charging"])
PILES = [pile.id for pile in CHARGING.piles]
BARE = make_map()
NETWORK = make_network(BARE)
FACILITIES = [
    ("parking", "东停车场", 1000.0, 1000.0, NAN, 100.0),
    ("fuel", "近旁加油站", 1050.0, 1000.0, NAN, NAN),
    ("mall", "", 2010.0, 2010.0, 60_000.0, NAN),
    ("residential", "某小区", 3000.0, 3000.0, 40_000.0, NAN),
    ("charging_station", "老站", 1040.0, 1040.0, NAN, NAN),
    ("service_area", "甲服务区", 6000.0, 11_450.0, NAN, NAN),
    ("service_area", "乙服务区", 6000.0, 11_560.0, NAN, NAN),
    ("logistics", "物流园", 9000.0, 6000.0, 90_000.0, NAN),
    ("village", "村", 9500.0, 9500.0, NAN, NAN),
    ("school", "学校", 2600.0, 1000.0, NAN, NAN),
    ("parking", "远方", 40_000.0, 1000.0, NAN, NAN),
]


def sites(rows: list[tuple[str, str, float, float, float, float]] | None = None) -> Candidates:
    city_map = make_map(FACILITIES if rows is None else rows)
    return charging_candidates(NETWORK, make_districts(), city_map, CHARGING)


def by_name(candidates: Candidates) -> dict[str, dict[str, object]]:
    return {row["name"]: row for row in candidates.frame.to_dict("records")}


def test_columns_order_and_types_are_those_agreed() -> None:
    frame = sites().frame
    assert frame["site_id"].is_unique
    assert frame["site_id"].is_monotonic_increasing
    assert frame.crs.to_epsg() == 4326
    for name in ("urban", "existing", "mandatory"):
        assert frame[name].dtype == bool
    for name in ("min_piles", "max_piles"):
        assert frame[name].dtype == np.int64
    assert (frame["min_piles"] >= 1).all()
    assert (frame["min_piles"] <= frame["max_piles"]).all()
    assert frame["name"].str.len().min() > 0


def test_a_map_without_facilities_still_has_sites_everywhere() -> None:
    frame = sites([]).frame
    assert set(frame["kind"]) == {"roadside"}
    assert set(frame["district_id"]) == {"900101", "900102"}
    assert 10 <= frame["urban"].sum() <= 60
    assert (~frame["urban"]).sum() >= 4
    assert frame["site_id"].str.startswith("junction/").all()


def test_roadside_sites_keep_their_distance_from_every_site() -> None:
    frame = sites().frame
    xy = shapely.get_coordinates(frame.geometry.to_crs(CRS_M).to_numpy())
    gap = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1))
    np.fill_diagonal(gap, np.inf)
    roadside = (frame["kind"] == "roadside").to_numpy()
    urban = frame["urban"].to_numpy()
    assert gap[roadside & urban].min() >= URBAN_SPACING_M - 0.01
    assert gap[roadside & ~urban].min() >= min(URBAN_SPACING_M, RURAL_SPACING_M) - 0.01
    country = roadside & ~urban
    assert gap[np.ix_(country, country)].min() >= RURAL_SPACING_M - 0.01


def test_roadside_sites_stand_on_no_crossing_of_great_roads() -> None:
    lines = [
        ("primary" if kind == "tertiary" else kind, name, points)
        for kind, name, points in town_lines()
    ]
    city_map = make_map(lines=lines)
    network = make_network(city_map)
    candidates = charging_candidates(network, make_districts(), city_map, CHARGING)
    ends = np.concatenate([network.tail, network.head])
    classes = np.tile(network.highway, 2)
    fast = np.isin(classes, [0, 1, 9, 10, 11, 12, 13])
    assert not np.isin(candidates.node, ends[fast]).any()
    primary = np.bincount(ends[classes == 2], minlength=len(network.node_xy))
    assert primary[candidates.node].max() <= 2
    # Where there is a choice, the quieter junction is taken.
    urban = candidates.frame["urban"].to_numpy()
    assert (primary[candidates.node[urban]] == 0).mean() > 0.5


def test_of_near_facilities_the_better_stays_and_existing_and_mandatory_always() -> None:
    names = by_name(sites())
    assert "近旁加油站" not in names
    # The car park is 57 m from the existing station.
    assert "东停车场" not in names
    assert names["老站"]["existing"]
    assert names["甲服务区"]["mandatory"]
    assert names["乙服务区"]["mandatory"]
    apart = by_name(sites([FACILITIES[0], FACILITIES[1]]))
    assert "东停车场" in apart
    assert "近旁加油站" not in apart
    assert FACILITY_SPACING_M > 50


def test_rest_areas_are_sites_whatever_is_near_and_have_to_open() -> None:
    beside = ("rest_area", "停车区", FACILITIES[0][2] + 20.0, FACILITIES[0][3], NAN, NAN)
    found = by_name(sites([FACILITIES[0], beside]))
    assert found["停车区"]["mandatory"]
    assert FACILITIES[0][1] not in found


def test_no_two_sites_stand_on_top_of_each_other_but_those_that_have_to_be_there() -> None:
    rng = np.random.default_rng(3)
    crowd = [
        (kind, f"{kind}{n}", *rng.uniform(500, 9000, 2), NAN, NAN)
        for n in range(120)
        for kind in ("parking", "hotel", "village")
    ]
    frame = sites(crowd).frame
    xy = shapely.get_coordinates(frame.geometry.to_crs(CRS_M).to_numpy())
    gap = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1))
    np.fill_diagonal(gap, np.inf)
    free = ~(frame["existing"] | frame["kind"].isin(ROADSIDE_SERVICES)).to_numpy()
    assert free.sum() > 20
    assert gap[free].min() > FACILITY_SPACING_M


def test_villages_are_spaced_like_the_country_and_towns_before_they_give_way() -> None:
    villages = [("village", f"村{n}", 7000.0 + 900 * n, 9000.0, NAN, NAN) for n in range(5)]
    frame = sites(villages).frame
    xy = shapely.get_coordinates(frame.geometry.to_crs(CRS_M).to_numpy())
    village = (frame["kind"] == "village").to_numpy()
    gap = np.hypot(*(xy[village, None] - xy[None]).transpose(2, 0, 1))
    assert 1 <= village.sum() <= 2
    assert gap[gap > 0].min() >= RURAL_SPACING_M - 0.01
    fewer = charging_candidates(NETWORK, make_districts(), make_map(villages), CHARGING, most=20)
    assert (fewer.frame["kind"] == "village").sum() == village.sum()


def test_kinds_without_a_site_and_places_outside_the_districts_are_left_out() -> None:
    names = by_name(sites())
    assert "学校" not in names
    assert "远方" not in names


def test_land_and_grid_limit_a_site() -> None:
    kinds = site_kinds()
    names = by_name(sites([FACILITIES[0], *FACILITIES[3:4], *FACILITIES[7:9]]))
    # 100 bays x 0.3 a bay; 40,000 m2 / 60 m2 a bay x 0.01 = 6, but no fewer than the least.
    assert names["东停车场"]["max_piles"] == 30
    assert names["某小区"]["max_piles"] == kinds["min_piles"].to_dict()["residential"]
    assert names["村"]["max_piles"] == kinds["usual_piles"].to_dict()["village"]
    factor = CHARGING.power_factor.value
    assert names["东停车场"]["kw_limit"] == pytest.approx(1600 * factor)
    assert names["村"]["kw_limit"] == pytest.approx(250 * factor)


def test_opening_costs_more_in_the_country_and_nothing_where_it_stands() -> None:
    names = by_name(sites())
    fixed, rural = CHARGING.station_fixed_cny.value, CHARGING.rural_grid_cny.value
    assert names["某小区"]["fixed_cost_cny"] == fixed
    assert names["村"]["fixed_cost_cny"] == fixed + rural
    assert names["老站"]["fixed_cost_cny"] == 0


def test_pile_types_suit_the_kind() -> None:
    candidates = sites()
    allowed = dict(zip(candidates.frame["name"], candidates.allowed.tolist(), strict=True))

    def types(name: str) -> set[str]:
        return {pile for pile, yes in zip(PILES, allowed[name], strict=True) if yes}

    assert types("某小区") == {"ac7", "dc60"}
    assert types("物流园") == {"dc120", "dc240", "sc480"}
    assert types("甲服务区") == {"dc60", "dc120", "dc240", "sc480"}


def test_a_model_with_other_piles_may_still_use_every_site() -> None:
    lone = CHARGING.model_copy(update={"piles": CHARGING.piles[:1]})
    candidates = charging_candidates(NETWORK, make_districts(), make_map(FACILITIES), lone)
    assert candidates.allowed.all()


def test_service_areas_are_reached_from_their_side_of_the_expressway() -> None:
    candidates = sites()
    frame = candidates.frame
    node = dict(zip(frame["name"], candidates.node.tolist(), strict=True))
    north = {name: NETWORK.node_xy[node[name], 1] - 4_060_000 for name in ("甲服务区", "乙服务区")}
    assert north["甲服务区"] == pytest.approx(11_500, abs=1)
    assert north["乙服务区"] == pytest.approx(11_540, abs=1)


def test_unnamed_sites_are_named_by_roads_or_district() -> None:
    frame = sites([FACILITIES[2]]).frame
    mall = frame[frame["kind"] == "mall"]["name"].iloc[0]
    assert mall.endswith("路商场")
    roadside = frame[(frame["kind"] == "roadside") & frame["urban"]]["name"]
    assert roadside.str.fullmatch(r"[横纵]\d+路与[横纵]\d+路路口").any()
    country = frame[(frame["kind"] == "roadside") & ~frame["urban"]]["name"]
    assert country.str.fullmatch(r"[东西]区路侧场地\d+").any()
    assert frame["name"].is_unique


def test_where_all_is_one_district_names_leave_it_out() -> None:
    whole = make_districts().dissolve().assign(district_id="extent", name="范围", area_km2=144.0)
    frame = charging_candidates(NETWORK, whole, BARE, CHARGING).frame
    assert frame["name"].str.startswith("路侧场地").any()
    assert not frame["name"].str.contains("范围").any()


def test_a_known_city_brings_its_clauses_and_its_service_areas() -> None:
    districts = make_districts(city="济南市")
    city_map = make_map([FACILITIES[0], FACILITIES[3]])
    frame = charging_candidates(NETWORK, districts, city_map, CHARGING).frame
    clauses = frame.set_index("name")["clauses"]
    assert clauses["东停车场"] == "JN23-26"
    assert clauses["某小区"] == "JN23-30 JN23-31"
    assert (frame[frame["kind"] == "roadside"]["clauses"] == "").all()
    # Its known service areas lie outside this invented city and don't become sites.
    assert not frame["mandatory"].any()


def test_listed_service_areas_stand_in_where_the_map_shows_none() -> None:
    jinan_east = (117.36124, 36.80997)
    districts = make_districts(city="济南市")
    lon, lat = shapely.get_coordinates(shapely.centroid(districts.geometry.union_all()))[0]
    moved = BARE.roads.frame.geometry.translate(jinan_east[0] - lon, jinan_east[1] - lat)
    frame = BARE.roads.frame.set_geometry(moved)
    roads = type(BARE.roads)(
        frame, BARE.roads.vertex_id, BARE.roads.vertex_start, BARE.roads.signals
    )
    city_map = type(BARE)(
        roads, BARE.boundaries, BARE.facilities, BARE.source, BARE.attribution, synthetic=True
    )
    districts = districts.set_geometry(
        districts.geometry.translate(jinan_east[0] - lon, jinan_east[1] - lat)
    )
    found = charging_candidates(make_network(city_map), districts, city_map, CHARGING).frame
    areas = found[found["kind"] == "service_area"]
    assert areas["site_id"].tolist() == ["service_area/P002-1", "service_area/P002-2"]
    assert areas["mandatory"].all()
    assert set(areas["clauses"]) == {"JN23-27"}


def test_spacing_grows_until_there_are_few_enough() -> None:
    city_map = make_map(FACILITIES)
    few = charging_candidates(NETWORK, make_districts(), city_map, CHARGING, most=15).frame
    assert len(few) <= 15
    assert few["mandatory"].sum() == 2
    assert few["existing"].sum() == 1


def test_the_same_input_gives_the_same_sites() -> None:
    first, second = sites(), sites()
    assert first.frame.equals(second.frame)
    np.testing.assert_array_equal(first.allowed, second.allowed)
    np.testing.assert_array_equal(first.node, second.node)


def test_districts_away_from_the_roads_are_an_error() -> None:
    districts = make_districts()
    away = districts.set_geometry(districts.geometry.translate(3, 0))
    with pytest.raises(InputError, match="No place for a charging station"):
        charging_candidates(NETWORK, away, BARE, CHARGING)


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 60),
    spacing=st.floats(0.01, 0.6),
    kept=st.floats(0, 0.2),
    seed=st.integers(0, 10_000),
)
def test_thinning_equals_taking_points_one_by_one(
    count: int, spacing: float, kept: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    xy = random.random((count, 2))
    order = random.permutation(count)
    always = random.random(count) < kept
    expected = always.copy()
    for point in np.argsort(order):
        gap = np.hypot(*(xy[expected] - xy[point]).T)
        if not always[point] and (gap.size == 0 or gap.min() > spacing):
            expected[point] = True
    np.testing.assert_array_equal(thin(xy, spacing, order, always), expected)


def test_preference_puts_better_ranks_first_whatever_the_ids() -> None:
    rank = np.array([2, 1, 2, 1, 0])
    ids = np.array([5, 9, 1, 3, 7])
    place = preference(rank, ids)
    assert sorted(place.tolist()) == list(range(5))
    assert rank[np.argsort(place)].tolist() == [0, 1, 1, 2, 2]
    again = preference(rank[[4, 0, 1]], ids[[4, 0, 1]])
    assert (again.argsort() == np.argsort(place[[4, 0, 1]])).all()


def test_nothing_to_keep_clear_of_is_clear() -> None:
    xy = np.zeros((3, 2))
    assert clear_of(xy, np.empty((0, 2)), 10).all()
    assert not clear_of(xy, np.ones((1, 2)), 10).any()
