"""Explanations hold against networkx, maximum flow and a town with a known answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from siting.cli import app
from siting.errors import InputError
from siting.store.runs import read_run
from siting.verify.clauses import clause_measure
from siting.why.asking import ChosenSite, RejectedSite, explain_site, why
from siting.why.contributions import given_to_targets
from siting.why.text import why_lines

if TYPE_CHECKING:
    from siting.pipeline import Published
    from siting.plan import Plan

MILLI = 1000


@pytest.fixture(scope="module")
def plan(published: Published) -> Plan:
    """Read the tiny town's run back, as a user of the folder does."""
    return read_run(published.folder)


def _ways(plan: Plan) -> dict[str, dict[str, float]]:
    """Metres from each demand point to every candidate site, by another library."""
    graph = nx.DiGraph()
    for road in plan.roads.itertuples():
        ends = [(road.tail_id, road.head_id)]
        ends += [(road.head_id, road.tail_id)] if road.oneway == 0 else []
        for a, b in ends:
            known = graph.get_edge_data(a, b, {"m": np.inf})["m"]
            graph.add_edge(a, b, m=min(known, road.length_m))
    back = graph.reverse()
    points = plan.demand.set_index("demand_id")
    ways: dict[str, dict[str, float]] = {name: {} for name in points.index}
    for site in plan.candidates.itertuples():
        found = nx.single_source_dijkstra_path_length(back, site.node_id, weight="m")
        for name, node, leg in zip(points.index, points.node_id, points.access_m, strict=True):
            ways[name][site.site_id] = found.get(node, np.inf) + leg + site.access_m
    return ways


@pytest.fixture(scope="module")
def near(plan: Plan) -> dict[str, set[str]]:
    """List the candidate sites within the radius of each demand point."""
    rules = plan.run["settings"]
    ways = _ways(plan)
    found = {}
    for point in plan.demand.itertuples():
        radius = rules["urban_radius_m"] if point.urban else rules["rural_radius_m"]
        limit = rules["heavy_radius_m"] if point.segment == "heavy" else radius
        of = ways[point.demand_id]
        found[point.demand_id] = {site for site, metres in of.items() if metres <= limit + 1e-3}
    return found


def _piles(plan: Plan) -> dict[str, dict[str, int]]:
    names = list(plan.pile_types.type_id)
    return {
        row["site_id"]: {name: int(row[f"piles_{name}"]) for name in names}
        for row in plan.stations.to_dict("records")
    }


def _able(plan: Plan, piles: dict[str, dict[str, int]], segment: str) -> set[str]:
    types = plan.pile_types[[segment in text.split() for text in plan.pile_types.segments]].type_id
    return {site for site, counts in piles.items() if any(counts[name] for name in types)}


def _most(
    plan: Plan, near: dict[str, set[str]], piles: dict[str, dict[str, int]], points: set[str]
) -> float:
    """Most that stations serve of some points, the rest of their load kept, by maximum flow."""
    graph = nx.DiGraph()
    segment = dict(zip(plan.demand.demand_id, plan.demand.segment, strict=True))
    asked = dict(zip(plan.demand.demand_id, plan.demand.kwh_day, strict=True))
    for name in points:
        graph.add_edge("s", ("p", name), capacity=round(asked[name] * MILLI))
        for site in near[name] & piles.keys():
            graph.add_edge(("p", name), ("g", site, segment[name]))
    must = 0
    for arc in plan.catchments.itertuples():
        if arc.demand_id not in points and arc.site_id in piles:
            where = ("g", arc.site_id, segment[arc.demand_id])
            kwh = round(arc.kwh_day * MILLI)
            known = graph.get_edge_data("s", where, {"capacity": 0})["capacity"]
            graph.add_edge("s", where, capacity=known + kwh)
            must += kwh
    for site, counts in piles.items():
        for kind in plan.pile_types.itertuples():
            for name in str(kind.segments).split():
                graph.add_edge(("g", site, name), ("t", site, kind.type_id))
            room = round(counts[kind.type_id] * kind.kwh_day * MILLI)
            graph.add_edge(("t", site, kind.type_id), "e", capacity=room)
    return (nx.maximum_flow_value(graph, "s", "e") - must) / MILLI


def _reached(
    plan: Plan, near: dict[str, set[str]], piles: dict[str, dict[str, int]], sites: set[str]
) -> set[str]:
    """List the demand points that any of some sites can serve."""
    able = {name: _able(plan, piles, name) for name in set(plan.demand.segment)}
    return {
        row.demand_id
        for row in plan.demand.itertuples()
        if row.kwh_day > 0 and near[row.demand_id] & sites & able[row.segment]
    }


def test_what_a_site_alone_serves_and_what_closing_it_loses(
    plan: Plan, near: dict[str, set[str]]
) -> None:
    piles, lost_somewhere = _piles(plan), 0
    for site_id in plan.stations.site_id:
        answer = explain_site(plan, site_id)
        assert isinstance(answer, ChosenSite)
        points = _reached(plan, near, piles, {site_id})
        others = {site: counts for site, counts in piles.items() if site != site_id}
        alone = points - _reached(plan, near, others, set(others))
        assert set(answer.alone) == alone
        rows = plan.demand[plan.demand.demand_id.isin(alone)]
        assert answer.alone_kwh_day == pytest.approx(rows.kwh_day.sum())
        assert answer.alone_people == pytest.approx(rows.population.sum())
        lost = _most(plan, near, piles, points) - _most(plan, near, others, points)
        assert answer.lost_kwh_day == pytest.approx(lost, abs=1.0)
        assert answer.lost_kwh_day <= answer.served_kwh_day * 1.5 + 1.0
        lost_somewhere += lost > 1.0
    assert lost_somewhere, "the town is of no use to this test"


def test_a_kept_or_demanded_station_says_so_and_counts_towards_its_targets(plan: Plan) -> None:
    for row in plan.stations.to_dict("records"):
        answer = explain_site(plan, row["site_id"])
        assert isinstance(answer, ChosenSite)
        by_measure = answer.clauses.set_index("measure")
        assert by_measure.gives["piles"] == row["piles"]
        for measure in ("stations", "piles"):
            left = by_measure.planned[measure] - by_measure.gives[measure]
            assert by_measure.needed[measure] == (left < by_measure.target[measure])
        words = "\n".join(why_lines(answer))
        assert ("demands" in words) == row["mandatory"]
        assert "kWh a day are lost" in words


def test_what_stations_give_adds_up_to_what_the_ledger_plans(plan: Plan) -> None:
    """Recounted after closing a station, a measure has lost just what the station gave."""
    names = [f"piles_{name}" for name in plan.pile_types.type_id]
    rules = {**plan.run["settings"]["rules"], "heavy_kinds": ["parking"], "heavy_kw": 60.0}
    settings = {**plan.run["settings"], "rules": rules}
    kinds = ["residential", "fuel", "service_area", "parking"]
    varied = np.array(kinds)[np.arange(len(plan.stations)) % len(kinds)]
    chosen = dict(zip(plan.stations.site_id, varied, strict=True))
    sites = plan.candidates.assign(
        kind=plan.candidates.site_id.map(chosen).fillna(plan.candidates.kind)
    )
    made = replace(
        plan,
        stations=plan.stations.assign(kind=varied, status="new"),
        candidates=sites,
        run={**plan.run, "settings": settings},
    )
    gives = [given_to_targets(made, row) for row in range(len(made.stations))]
    measures = ("stations", "piles", "heavy_sites", "energy_stations", "residential_piles")
    for measure in measures:
        total = sum(some.get(measure, 0.0) for some in gives)
        assert total == pytest.approx(clause_measure(made, measure)), measure
        assert total > 0, measure
    areas = sites.kind == "service_area"
    open_areas = (varied == "service_area").sum()
    share = sum(some.get("service_areas", 0.0) for some in gives)
    assert share == pytest.approx(open_areas / areas.sum())
    assert made.stations[names].to_numpy().sum() == made.stations.piles.sum()


def test_a_place_that_one_site_alone_reaches_needs_its_station(plan: Plan) -> None:
    site_id = str(plan.stations.site_id.iloc[0])
    places = gpd.GeoDataFrame(
        {
            "measure": ["townships", "townships", "key_areas"],
            "station_id": [site_id, site_id, site_id],
            "sites": [1, 3, 2],
        },
        geometry=plan.stations.geometry.iloc[[0, 0, 0]].to_numpy(),
        crs="EPSG:4326",
    )
    row = plan.clauses.iloc[[0]].assign(measure="townships", target=1.0, planned=1.0)
    asked = pd.concat([plan.clauses, row], ignore_index=True)
    answer = explain_site(replace(plan, places=places, clauses=asked), site_id)
    assert isinstance(answer, ChosenSite)
    line = answer.clauses.set_index("measure").loc["townships"]
    assert line.gives == 0.5
    assert line.needed
    assert "key_areas" not in set(answer.clauses.measure)
    assert "counts 50.00% towards" in "\n".join(why_lines(answer))


def _without(plan: Plan, site_id: str) -> Plan:
    """Close a station of a plan and what it serves."""
    sites = plan.candidates.copy()
    sites.loc[sites.site_id == site_id, "chosen"] = False
    kept = plan.stations[plan.stations.site_id != site_id].reset_index(drop=True)
    arcs = plan.catchments[plan.catchments.site_id != site_id].reset_index(drop=True)
    served = plan.demand.demand_id.map(arcs.groupby("demand_id").kwh_day.sum()).fillna(0.0)
    return replace(
        plan,
        stations=kept,
        candidates=sites,
        catchments=arcs,
        demand=plan.demand.assign(served_kwh_day=served),
    )


def test_every_swap_is_worth_what_maximum_flow_says(plan: Plan, near: dict[str, set[str]]) -> None:
    piles = _piles(plan)
    closed = plan.candidates[~plan.candidates.chosen]
    assert len(closed)
    types = plan.pile_types.set_index("type_id")
    tried = 0
    for candidate in closed.head(3).itertuples():
        answer = explain_site(plan, candidate.site_id, most=3)
        assert isinstance(answer, RejectedSite)
        assert not answer.obstacles
        changes = answer.swaps.served_change_kwh_day.tolist()
        assert changes == sorted(changes, reverse=True)
        for swap in answer.swaps.to_dict("records"):
            sizes = dict.fromkeys(types.index, 0) | {
                name: int(count) for count, name in (x.split() for x in swap["sizes"].split(", "))
            }
            gone = plan.stations.set_index("site_id").loc[swap["site_id"]]
            after = {site: n for site, n in piles.items() if site != swap["site_id"]}
            after[candidate.site_id] = sizes
            points = set(plan.demand.demand_id[plan.demand.kwh_day > 0])
            change = _most(plan, near, after, points) - _most(plan, near, piles, points)
            # The town is one neighbourhood: everything local is everything.
            assert swap["served_change_kwh_day"] == pytest.approx(change, abs=1.0)
            spent = sum(n * types.cost_cny[name] for name, n in sizes.items())
            cost = spent + candidate.fixed_cost_cny - gone.cost_cny
            assert swap["cost_change_cny"] == pytest.approx(cost, abs=1.0)
            left = plan.run["settings"]["budget_cny"] - plan.run["totals"]["cost_cny"]
            assert cost <= max(0.0, left) + 1.0
            assert candidate.min_piles <= sum(sizes.values()) == swap["piles"]
            assert all(n >= types.least[name] for name, n in sizes.items() if n)
            assert swap["piles"] <= candidate.max_piles
            tried += 1
        assert "best swap" in "\n".join(why_lines(answer))
    assert tried


def test_a_swap_keeps_the_share_of_fast_piles_that_is_asked_for(plan: Plan) -> None:
    counts = plan.stations[[f"piles_{name}" for name in plan.pile_types.type_id]].sum()
    fast = (plan.pile_types.current == "dc").to_numpy()
    share = float(counts.to_numpy()[fast].sum() / counts.sum())
    row = plan.clauses.iloc[[0]].assign(measure="dc_share", target=share, planned=share)
    asked = replace(plan, clauses=pd.concat([plan.clauses, row], ignore_index=True))
    site_id = str(plan.candidates.site_id[~plan.candidates.chosen].iloc[0])
    answer, free = (explain_site(some, site_id, most=3) for some in (asked, plan))
    assert isinstance(answer, RejectedSite)
    assert isinstance(free, RejectedSite)
    assert len(answer.swaps) + answer.passed_over == len(free.swaps) + free.passed_over
    for swap in answer.swaps.to_dict("records"):
        sizes = {name: int(n) for n, name in (x.split() for x in swap["sizes"].split(", "))}
        gone = plan.stations.set_index("site_id").loc[swap["site_id"]]
        after = [
            counts[f"piles_{name}"] - gone[f"piles_{name}"] + sizes.get(name, 0)
            for name in plan.pile_types.type_id
        ]
        assert np.array(after)[fast].sum() / sum(after) >= share - 1e-9
        assert swap["misses"] == ""


def test_obstacles_are_named(plan: Plan) -> None:
    site_id = plan.candidates.site_id[~plan.candidates.chosen].iloc[0]

    def lines(**columns: Any) -> str:
        sites = plan.candidates.assign(
            **{
                name: plan.candidates[name].where(plan.candidates.site_id != site_id, value)
                for name, value in columns.items()
            }
        )
        return "\n".join(why_lines(explain_site(replace(plan, candidates=sites), site_id)))

    assert "no road" in lines(node_id=-1)
    assert "no pile type" in lines(pile_types="")
    assert "the land holds 1 piles" in lines(max_piles=1)
    assert "the grid gives 1 kW" in lines(kw_limit=1.0)
    assert "no demand lies within its reach" in lines(access_m=1e6)


def test_a_station_that_was_closed_is_worth_what_closing_it_lost(
    plan: Plan, near: dict[str, set[str]]
) -> None:
    """Swapped in for a neighbour, a closed station can't do better than both together."""
    new = plan.stations[(plan.stations.status == "new") & ~plan.stations.mandatory]
    site_id = str(new.site_id.iloc[0])
    without = _without(plan, site_id)
    answer = explain_site(without, site_id, most=2)
    assert isinstance(answer, RejectedSite)
    asked = plan.demand[plan.demand.demand_id.isin(_reached(plan, near, _piles(plan), {site_id}))]
    assert answer.reach_kwh_day >= asked.kwh_day.sum() - 1e-6
    assert answer.unserved_kwh_day >= plan.stations.set_index("site_id").served_kwh_day[site_id] - 1


def test_an_unknown_site_is_one_clear_error(published: Published) -> None:
    with pytest.raises(InputError, match="node/nowhere"):
        why(published.folder, "node/nowhere")


def test_the_answer_is_the_same_from_the_folder(published: Published, plan: Plan) -> None:
    site_id = str(plan.stations.site_id.iloc[0])
    once, again = why(published.folder, site_id), explain_site(plan, site_id)
    assert isinstance(once, ChosenSite)
    assert isinstance(again, ChosenSite)
    pd.testing.assert_frame_equal(once.clauses, again.clauses)
    assert once.lost_kwh_day == again.lost_kwh_day


def test_the_command_prints_the_answer(published: Published, plan: Plan) -> None:
    site_id = str(plan.candidates.site_id[~plan.candidates.chosen].iloc[0])
    done = CliRunner().invoke(app, ["why", str(published.folder), site_id, "--swaps", "2"])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == list(why_lines(explain_site(plan, site_id, most=2)))
