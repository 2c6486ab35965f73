"""Service quality against networkx, plain loops and a town small enough to see through."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import csr_array

from siting.charging.service import (
    nearest_station_m,
    service_record,
    service_table,
    weighted_quantile,
    worst_district,
)
from siting.network import Network
from siting.store.runs import read_run
from siting.verify import failures, verify_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from siting.pipeline import Published
    from siting.plan import Plan

RADII = {"urban_radius_m": 1000.0, "rural_radius_m": 3000.0, "heavy_radius_m": 5000.0}


def _network(graph: nx.DiGraph) -> Network:
    """Dress a digraph as a network of which only the travel graph counts."""
    size = len(graph)
    rows = {name: np.zeros(0) for name in Network.__dataclass_fields__}
    travel = csr_array(nx.to_scipy_sparse_array(graph, nodelist=range(size), weight="m"))
    return Network(**{**rows, "node_id": np.arange(size), "travel": travel})  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(8))
def test_nearest_stations_are_those_of_another_library(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = nx.gnp_random_graph(40, 0.05, seed=seed, directed=True)
    for a, b in graph.edges:
        graph.edges[a, b]["m"] = float(rng.uniform(10, 500))
    sites = np.r_[rng.integers(0, 40, 5), -1]
    legs = np.r_[rng.uniform(0, 300, 5), 0.0]
    legs[0] = 0.0
    points, access = np.r_[np.arange(40), -1], np.r_[rng.uniform(0, 200, 40), 1.0]
    found = nearest_station_m(_network(graph), sites, legs, points, access)
    assert np.isinf(found[-1])
    for point in range(40):
        ways = [
            nx.dijkstra_path_length(graph, point, site, weight="m") + leg
            for site, leg in zip(sites[:-1], legs[:-1], strict=True)
            if nx.has_path(graph, point, int(site))
        ]
        expected = min(ways, default=np.inf) + access[point]
        assert found[point] == pytest.approx(expected, abs=1e-3)


def test_without_a_station_nothing_is_near() -> None:
    network = _network(nx.DiGraph([(0, 1, {"m": 1.0})]))
    none, legs = np.array([-1]), np.zeros(1)
    assert np.isinf(nearest_station_m(network, none, legs, np.array([0]), np.zeros(1))).all()


@given(
    hnp.arrays(float, st.integers(1, 30), elements=st.integers(0, 20).map(float)),
    st.integers(0, 2**31),
    st.sampled_from([0.5, 0.9, 0.95, 1.0]),
)
def test_the_quantile_is_the_least_value_that_covers_its_share(
    values: Any, seed: int, quantile: float
) -> None:
    weights = np.random.default_rng(seed).integers(0, 9, len(values)).astype(float)
    found = weighted_quantile(values, weights, quantile)
    if weights.sum() == 0:
        assert np.isnan(found)
        return
    covering = [v for v in values if weights[values <= v].sum() >= quantile * weights.sum() - 1e-9]
    assert found == min(covering)


def _town() -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    columns = ["district_id", "segment", "urban", "kwh_day", "population", "nearest_m"]
    rows = [
        ("1", "private", True, 100.0, 1000.0, 900.0),
        ("1", "private", True, 50.0, 600.0, 1100.0),
        ("1", "heavy", True, 50.0, 0.0, 4000.0),
        ("2", "private", False, 30.0, 300.0, 2999.0),
        ("2", "private", False, 10.0, 100.0, np.nan),
    ]
    demand = gpd.GeoDataFrame(
        pd.DataFrame(rows, columns=columns), geometry=[shapely.Point(0, 0)] * 5, crs="EPSG:4326"
    )
    districts = gpd.GeoDataFrame(
        {"district_id": ["1", "2", "3"], "name": ["甲", "乙", "丙"]},
        geometry=[shapely.Point(0, 0)] * 3,
        crs="EPSG:4326",
    )
    return demand, districts


def test_a_town_seen_through_by_hand() -> None:
    service = service_table(*_town(), RADII).set_index("district_id")
    assert list(service.index) == ["all", "1", "2", "3"]
    assert service.kwh_share_within["all"] == pytest.approx((100 + 50 + 30) / 240)
    assert service.people_share_within["all"] == pytest.approx(1300 / 2000)
    assert service.rural_people_share_within["all"] == pytest.approx(0.75)
    assert service.kwh_share_within["1"] == pytest.approx(0.75)
    assert np.isnan(service.rural_people_share_within["1"])
    assert service.distance_p95_m["1"] == 4000.0
    assert np.isnan(service.distance_p95_m["2"]), "a quarter of its demand reaches no station"
    assert service.kwh_unreached["2"] == 10.0
    assert service.kwh_day["3"] == 0.0
    assert np.isnan(service.kwh_share_within["3"])


def test_of_equally_served_districts_the_one_with_the_longer_way_is_worst() -> None:
    service = service_table(*_town(), RADII)
    assert worst_district(service) == "2"
    record = service_record(service)
    assert record["worst_district"]["distance_p95_m"] is None
    assert record["all"]["population"] == 2000.0
    empty = service[service.district_id.isin(["all", "3"])]
    assert worst_district(empty) is None
    assert service_record(empty)["worst_district"] is None


def test_a_published_run_carries_its_service(published: Published) -> None:
    back = read_run(published.folder)
    rows = back.service.set_index("district_id")
    assert list(rows.index) == ["all", *back.districts.district_id]
    assert rows.kwh_day["all"] == pytest.approx(back.demand.kwh_day.sum())
    served = back.demand[back.demand.served_kwh_day > 0]
    assert (served.nearest_m > 0).all()
    shortest = back.catchments.groupby("demand_id").distance_m.min()
    nearest = served.set_index("demand_id").nearest_m
    assert (nearest <= shortest.reindex(nearest.index) + 0.5).all()
    assert back.run["service"]["all"]["kwh_share_within"] == rows.kwh_share_within["all"]
    assert (back.stations.transformer_kva * 0.95 >= back.stations.peak_kw - 1e-6).all()


def test_waits_that_never_settle_survive_the_run_folder(
    published: Published, tmp_path: Any
) -> None:
    from siting.store.runs import write_run  # noqa: PLC0415

    endless = published.plan.stations.assign(wait_minutes=np.inf)
    write = replace(published.plan, stations=endless)
    folder, _ = write_run(write, tmp_path, {"index.html": lambda _plan, path: path.touch()}, {})
    assert np.isinf(read_run(folder).stations.wait_minutes).all()


def _stations(plan: Plan, **columns: Any) -> Plan:
    return replace(plan, stations=plan.stations.assign(**columns))


def _smaller_transformer(plan: Plan) -> Plan:
    return _stations(plan, transformer_kva=100)


def _no_wait(plan: Plan) -> Plan:
    return _stations(plan, wait_minutes=plan.stations.wait_minutes + 1.0)


def _never_waits(plan: Plan) -> Plan:
    return _stations(plan, wait_probability=plan.stations.wait_probability / 2 - 0.1)


def _nobody_comes(plan: Plan) -> Plan:
    return _stations(plan, wait_type="")


def _nearer(plan: Plan) -> Plan:
    return replace(plan, demand=plan.demand.assign(nearest_m=plan.demand.nearest_m - 20))


def _everywhere(plan: Plan) -> Plan:
    return replace(plan, demand=plan.demand.assign(nearest_m=plan.demand.nearest_m.fillna(1.0) + 9))


def _better(plan: Plan) -> Plan:
    share = plan.service.people_share_within + 0.01
    return replace(plan, service=plan.service.assign(people_share_within=share))


def _shorter(plan: Plan) -> Plan:
    return replace(plan, service=plan.service.assign(distance_p95_m=1.0))


def _record(plan: Plan) -> Plan:
    everything = {**plan.run["service"]["all"], "kwh_share_within": 0.123}
    return replace(plan, run={**plan.run, "service": {**plan.run["service"], "all": everything}})


@pytest.mark.parametrize(
    ("lie", "check"),
    [
        (_smaller_transformer, "transformer sizes"),
        (_no_wait, "waits in the peak hour"),
        (_never_waits, "waits in the peak hour"),
        (_nobody_comes, "pile types of the longest wait"),
        (_nearer, "distances to the nearest station"),
        (_everywhere, "distances to the nearest station"),
        (_better, "service by district"),
        (_shorter, "service by district"),
        (_record, "service in the run record"),
    ],
)
def test_a_lie_about_service_is_caught(
    published: Published, lie: Callable[[Plan], Plan], check: str
) -> None:
    wrong = failures(verify_plan(lie(published.plan)))
    assert any(check in sentence for sentence in wrong), wrong
