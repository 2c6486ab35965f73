"""Candidate sites of roadside units, and the points that they are to cover."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import shapely
from handroads import Way, dual, make_map, make_network, make_roads, one_district
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.candidates.roadside import RoadsideSites, road_points, roadside_sites
from siting.candidates.roadsidekinds import KINDS, reach_m, site_table
from siting.candidates.stretches import even_places, places_along, stretches
from siting.errors import InputError
from siting.frames import ROAD_CLASSES
from siting.model.model import load_model
from siting.network import find_junctions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from siting.model.roadside import Roadside

DISTRICT = one_district(-6000.0, 6000.0)


@cache
def usual_part() -> Roadside:
    """Return the roadside part of a model, read once."""
    part = load_model("qingdao").roadside
    assert part is not None
    return part


def asked(**changes: Any) -> Roadside:
    """Return the usual part of a model, with some of it changed."""
    part = usual_part()
    usual: dict[str, Any] = {"kinds": "", "ranges": "", "must": (), "section": None}
    return type(part).model_validate(part.model_dump() | usual | changes)


def sites_of(
    ways: Sequence[Way],
    part: Roadside | None = None,
    *,
    signals: Sequence[tuple[float, float]] = (),
    facilities: Sequence[tuple[str, str, float, float]] = (),
    section: Sequence[int] = (),
) -> RoadsideSites:
    """Sites of hand-made roads; `section` are rows of ways that are the section."""
    city_map = make_map(make_roads(ways, signals), facilities)
    network = make_network(city_map.roads)
    junctions = find_junctions(network, city_map.roads)
    on = np.isin(network.road, section) if section else None
    return roadside_sites(network, junctions, DISTRICT, city_map, part or asked(), section=on)


def cross(far: float) -> list[Way]:
    """Two streets that cross in the middle, each as far to both sides."""
    return [
        Way([(-far, 0.0), (0.0, 0.0), (far, 0.0)], "secondary", name="东西路"),
        Way([(0.0, -far), (0.0, 0.0), (0.0, far)], "tertiary", name="南北路"),
    ]


def test_a_key_junction_is_a_site_with_the_equipment_of_its_kind() -> None:
    plain, lit = sites_of(cross(300.0)).frame, sites_of(cross(300.0), signals=[(0.0, 0.0)]).frame
    assert plain.kind.tolist() == lit.kind.tolist() == ["junction"]
    assert (plain.level[0], bool(plain.reuse[0])) == ("sensing", False)
    assert (lit.level[0], bool(lit.reuse[0])) == ("full", True)
    assert plain.name[0] == "东西路/南北路"
    assert plain.district_id[0] == "d1"
    part = asked()
    assert plain.cost_cny[0] == part.sensing_cny.value
    assert lit.cost_cny[0] == pytest.approx(part.full_cny.value * (1 - part.reuse_discount.value))


def test_no_site_stands_where_junctions_are_near_enough() -> None:
    streets = [
        Way([(x, 0.0) for x in (-500.0, 0.0, 500.0)], "secondary"),
        *[Way([(x, -300.0), (x, 0.0), (x, 300.0)], "tertiary") for x in (-500.0, 0.0, 500.0)],
    ]
    found = sites_of(streets).frame
    assert set(found.kind) == {"junction"}


@settings(max_examples=10, deadline=None)
@given(st.floats(100.0, 2000.0), st.sampled_from([150.0, 250.0, 400.0]))
def test_a_gap_gets_the_fewest_sites_that_reach_all_of_it(gap: float, radius: float) -> None:
    ways = [
        Way([(-400.0, 0.0), (0.0, 0.0), (gap, 0.0), (gap + 400.0, 0.0)], "primary"),
        Way([(0.0, -100.0), (0.0, 0.0), (0.0, 100.0)], "primary"),
        Way([(gap, -100.0), (gap, 0.0), (gap, 100.0)], "primary"),
    ]
    sites = sites_of(ways, asked(urban_radius_m=radius))
    x = sites.xy[:, 0] - 500_000.0
    within = (sites.frame.kind == "midblock").to_numpy() & (x > 0) & (x < gap)
    # Lengths are geodesic, the drawing is a projection: a tenth of a metre of doubt.
    least, most = np.ceil([(gap - 0.2) / (2 * radius), (gap + 0.2) / (2 * radius)]) - 1
    assert least <= within.sum() <= most
    along = np.sort(np.r_[0.0, x[within], gap])
    assert np.diff(along).max() <= 2 * radius + 0.2


def test_sites_along_an_expressway_keep_its_spacing() -> None:
    stops = tuple(np.arange(-5000.0, 5001.0, 500.0))
    sites = sites_of([*dual("x", 0.0, stops, highway="motorway")])
    assert set(sites.frame.kind) == {"expressway"}
    steps = np.diff(np.sort(sites.xy[:, 0]))
    assert steps.max() <= asked().expressway_spacing_m.value + 1.0
    assert len(sites.xy) == np.ceil(10_000 / asked().expressway_spacing_m.value)


def test_a_tunnel_has_a_site_at_each_portal_and_a_long_one_inside() -> None:
    ways = [
        Way([(-800.0, 0.0), (-500.0, 0.0)], "primary"),
        Way([(-500.0, 0.0), (0.0, 0.0), (500.0, 0.0)], "primary", tunnel=True),
        Way([(500.0, 0.0), (800.0, 0.0)], "primary"),
    ]
    sites = sites_of(ways)
    x = np.sort(sites.xy[(sites.frame.kind == "tunnel").to_numpy(), 0]) - 500_000.0
    assert x[[0, -1]] == pytest.approx([-500.0, 500.0], abs=0.5)
    assert np.diff(x).max() <= 2 * asked().tunnel_radius_m.value + 0.5


@pytest.mark.parametrize(("length", "expected"), [(30.0, 0), (99.0, 0), (400.0, 1), (1500.0, 2)])
def test_a_bridge_is_a_site_and_a_culvert_is_none(length: float, expected: int) -> None:
    ways = [
        Way([(-300.0, 0.0), (0.0, 0.0)], "primary"),
        Way([(0.0, 0.0), (length, 0.0)], "primary", bridge=True, name="黄河大桥"),
        Way([(length, 0.0), (length + 300.0, 0.0)], "primary"),
    ]
    found = sites_of(ways).frame
    assert (found.kind == "bridge").sum() == expected
    if expected == 1:
        assert found.name[found.kind == "bridge"].tolist() == ["黄河大桥"]


def test_both_halves_of_a_bridge_are_one() -> None:
    low, high = dual("x", 0.0, (-200.0, 200.0), highway="primary")
    assert len(sites_of([replace(low, bridge=True), replace(high, bridge=True)]).frame) == 1


def test_booths_of_one_toll_station_are_one_site_and_far_ones_none() -> None:
    ways = [*dual("x", 0.0, (-3000.0, 3000.0), highway="motorway")]
    booths = [("toll_booth", "济南东收费站", 10.0 * i, 30.0) for i in range(6)]
    found = sites_of(ways, facilities=[*booths, ("toll_booth", "远", 0.0, 2000.0)]).frame
    assert found.name[found.kind == "toll"].tolist() == ["济南东收费站"]


def test_a_toll_station_on_an_unnamed_ramp_has_a_name() -> None:
    ways = [
        *dual("x", 0.0, (-3000.0, 0.0, 3000.0), highway="motorway"),
        Way([(0.0, -10.0), (200.0, -400.0)], "motorway_link", oneway=1),
    ]
    found = sites_of(ways, facilities=[("toll_booth", "", 180.0, -380.0)]).frame
    assert found.name[found.kind == "toll"].tolist() == ["一区高速公路收费站"]


def test_both_sides_of_a_service_area_are_one_site_on_the_road() -> None:
    ways = [*dual("x", 0.0, (-3000.0, 3000.0), highway="motorway")]
    sides = [("service_area", "", 0.0, 150.0), ("service_area", "济南服务区", 40.0, -150.0)]
    sites = sites_of(ways, facilities=sides)
    on = (sites.frame.kind == "service_area").to_numpy()
    assert sites.frame.name[on].tolist() == ["济南服务区"]
    assert abs(sites.xy[on, 1][0] - 4_060_000.0) < 11.0


def test_what_must_be_is_mandatory_with_its_clauses() -> None:
    part = asked(
        must=(
            {"kind": "bridge", "clause": "ZB21-14"},
            {"kind": "section", "clause": "ZB21-49"},
        )
    )
    ways = [
        *dual("x", 0.0, (-3000.0, -1000.0), highway="motorway"),
        *dual("x", 2000.0, (-3000.0, 3000.0), highway="motorway"),
        Way([(0.0, -3000.0), (300.0, -3000.0)], "primary", bridge=True),
    ]
    found = sites_of(ways, part, section=[0, 1]).frame
    must = found[found.mandatory]
    assert set(must.kind) == {"bridge", "expressway"}
    assert dict(zip(must.kind, must.clauses, strict=True)) == {
        "bridge": "ZB21-14",
        "expressway": "ZB21-49",
    }
    assert (~found.mandatory).any()


def test_ids_stay_when_other_roads_come() -> None:
    more = [*cross(2000.0), Way([(3000.0, 3000.0), (3000.0, 5000.0)], "primary")]
    one, two = sites_of(cross(2000.0)), sites_of(more)
    # Vertex ids of the hand-made roads follow the order of places; those of a map don't change.
    assert len(two.frame) > len(one.frame)
    assert one.frame.site_id.is_unique
    assert one.frame.site_id.is_monotonic_increasing
    assert set(one.frame.kind[one.junction >= 0]) == {"junction"}


def test_places_outside_the_districts_are_no_sites() -> None:
    ways = [Way([(7000.0, 0.0), (9000.0, 0.0)], "primary"), *cross(300.0)]
    assert sites_of(ways).frame.kind.tolist() == ["junction"]


def test_roads_that_are_not_asked_for_have_no_sites() -> None:
    assert len(sites_of(cross(900.0), asked(classes=("primary",))).frame) == 0


def test_points_count_every_eligible_metre_once() -> None:
    ways = [*dual("x", 0.0, (-2000.0, 2000.0), highway="primary"), *cross(1000.0)[1:]]
    ways.append(Way([(0.0, 0.0), (500.0, 500.0)], "residential"))
    network = make_network(make_roads(ways))
    points = road_points(network, DISTRICT, asked())
    assert points.length_m.sum() == pytest.approx(6000.0, rel=2e-3)
    assert 45.0 < points.length_m.mean() < 55.0
    assert not np.isin(points.road_class, ROAD_CLASSES.index("residential")).any()
    away = shapely.distance(shapely.points(points.xy), network.geometry[points.edge])
    assert away.max() < 1e-6
    assert (points.traffic > 0).all()


def test_points_end_at_the_district() -> None:
    network = make_network(make_roads([Way([(0.0, 0.0), (12_000.0, 0.0)], "primary")]))
    points = road_points(network, DISTRICT, asked())
    assert points.length_m.sum() == pytest.approx(6000.0, abs=60.0)


def test_priority_and_class_weights_raise_the_traffic() -> None:
    network = make_network(make_roads(cross(1000.0)))
    plain = road_points(network, DISTRICT, asked(priority_districts=()))
    first = road_points(
        network,
        DISTRICT,
        asked(priority_districts=("一区",), priority_weight=1.5, class_weight={"secondary": 2.0}),
    )
    raised = first.traffic / plain.traffic
    level = ROAD_CLASSES.index("secondary")
    assert raised == pytest.approx(np.where(plain.road_class == level, 3.0, 1.5))


def test_measured_ranges_go_before_the_models(tmp_path: Path) -> None:
    table = tmp_path / "ranges.csv"
    table.write_text(
        "kind,highway,radius_m\n,primary,320\nsignal,,280\nsignal,primary,210\n", encoding="utf-8"
    )
    part = asked(ranges=str(table))
    kinds = np.array(["signal", "signal", "crossing", "crossing"], dtype=object)
    level = np.array([ROAD_CLASSES.index(name) for name in ("primary", "tertiary") * 2], np.int8)
    assert reach_m(kinds, level, part).tolist() == [210.0, 280.0, 320.0, part.urban_radius_m.value]


@pytest.mark.parametrize(
    "row", ["sgnal,,280", "signal,avenue,280", "signal,,near", "signal,,-5", "signal,,nan"]
)
def test_a_wrong_range_is_refused(tmp_path: Path, row: str) -> None:
    table = tmp_path / "ranges.csv"
    table.write_text(f"kind,highway,radius_m\n{row}\n", encoding="utf-8")
    with pytest.raises(InputError, match="measured range"):
        reach_m(np.array(["signal"], dtype=object), np.zeros(1, np.int8), asked(ranges=str(table)))


def test_a_models_own_kinds_are_read_and_checked(tmp_path: Path) -> None:
    table = tmp_path / "kinds.csv"
    usual = site_table(asked()).reset_index()
    columns = ["kind", "level", "arterial_level", "reach", "reuse"]
    usual["reuse"] = 1
    usual[columns].to_csv(table, index=False)
    own = site_table(asked(kinds=str(table)))
    assert own.reuse.all()
    assert own.index.tolist() == list(KINDS)
    assert own.label_zh["signal"] == "信号路口"
    usual.assign(level="best")[columns].to_csv(table, index=False)
    with pytest.raises(InputError, match="best"):
        site_table(asked(kinds=str(table)))
    usual[columns][1:].to_csv(table, index=False)
    with pytest.raises(InputError, match="no row for the kind 'signal'"):
        site_table(asked(kinds=str(table)))
    with pytest.raises(InputError, match="can't be read"):
        site_table(asked(kinds=str(tmp_path / "none.csv")))


def test_stretches_pass_through_forks_of_other_roads_and_close_rings() -> None:
    ways = [
        Way([(0.0, 0.0), (100.0, 0.0)], "primary", name="甲"),
        Way([(300.0, 0.0), (100.0, 0.0)], "primary", name="乙"),
        Way([(100.0, 0.0), (100.0, 90.0)], "residential"),
        Way([(600.0, 0.0), (700.0, 0.0), (700.0, 100.0), (600.0, 0.0)], "primary"),
    ]
    network = make_network(make_roads(ways))
    chosen = network.highway == ROAD_CLASSES.index("primary")
    chains = stretches(network, chosen, np.zeros(len(network.node_id), dtype=bool))
    lengths = sorted(chains.length_m.tolist())
    assert lengths == pytest.approx([300.0, 200.0 + 100.0 * np.sqrt(2)], rel=2e-3)
    straight = int(np.argmin(chains.length_m))
    at = np.array([0.0, 50.0, 150.0, 300.0])
    edge, share = places_along(network, chains, np.full(4, straight), at)
    on = shapely.line_interpolate_point(network.geometry[edge], share, normalized=True)
    begin = network.node_xy[chains.begins[straight]]
    away = np.hypot(*(shapely.get_coordinates(on) - begin).T)
    assert away == pytest.approx(at, abs=0.5)


@given(st.floats(1.0, 5000.0), st.floats(50.0, 900.0), st.booleans(), st.booleans())
def test_even_places_leave_no_gap_wider_than_the_spacing(
    length: float,
    spacing: float,
    open_begin: bool,  # noqa: FBT001
    open_end: bool,  # noqa: FBT001
) -> None:
    before, after = spacing / 2 * open_begin, spacing / 2 * open_end
    chain, at_m = even_places(
        np.array([length]), np.array([before]), np.array([after]), np.array([spacing])
    )
    stands = np.sort(np.r_[-before, at_m, length + after])
    assert (chain == 0).all()
    assert ((at_m >= 0) & (at_m <= length)).all()
    assert np.diff(stands).max() <= spacing * 1.5 + 1e-6 if open_begin or open_end else True
    if not open_begin and not open_end:
        assert np.diff(stands).max() <= spacing + 1e-6
        assert len(at_m) == max(0, int(np.ceil(length / spacing - 1e-9)) - 1)


def test_a_map_without_a_fork_or_an_eligible_road_is_no_trouble() -> None:
    lane = [Way([(0.0, 0.0), (900.0, 0.0)], "residential")]
    assert len(sites_of(lane).frame) == 0
    network = make_network(make_roads(lane))
    points = road_points(network, DISTRICT, asked())
    assert points.xy.shape == (0, 2)
    road = sites_of([Way([(0.0, 0.0), (900.0, 0.0)], "primary")])
    assert road.frame.kind.tolist() == ["midblock", "midblock"]
    assert road.junction.tolist() == [-1, -1]
