"""Recompute what makes a road worth something: coverage, places, surroundings, points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from siting.verify.finding import Finding, none
from siting.verify.planes import plane_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import geopandas as gpd
    import numpy.typing as npt

    from siting.plan import Plan

    Floats = npt.NDArray[np.float64]
    Settings = Mapping[str, Any]

PLANE = 2e-3
"""Largest relative difference of a straight distance: the plan measures on another plane."""
SHARE_TOLERANCE = 1e-6


def road_worth_findings(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Recompute coverage, marks, places served and points of every corridor."""
    yield from _check_coverage(plan)
    yield from _check_marks(plan, settings)
    yield from _check_places(plan, settings)
    yield from _check_points(plan, settings)


def _check_coverage(plan: Plan) -> Iterator[Finding]:
    """Recompute from the road points how much of each test road equipment reaches."""
    roads, points = plan.test_roads, plan.road_points
    stated = roads.covered.to_numpy(dtype=float)
    if not len(points):
        yield none("coverage without a roadside plan", roads.corridor_id[stated != 0])
        return
    edges = roads.edge_ids.str.split()
    table = pd.DataFrame(
        {
            "road": np.repeat(np.arange(len(roads)), edges.str.len()),
            "edge_id": np.array(" ".join(roads.edge_ids).split(), dtype=np.int64),
        }
    )
    length = points.length_m.astype(float)
    sums = pd.DataFrame(
        {"all": length, "some": length * points.covered.astype(bool), "edge_id": points.edge_id}
    )
    each = table.merge(sums.groupby("edge_id").sum(), on="edge_id").groupby("road")
    both = each[["all", "some"]].sum().reindex(np.arange(len(roads))).fillna(0.0)
    share = np.where(both["all"] > 0, both["some"] / both["all"].where(both["all"] > 0, 1.0), 0.0)
    yield none("coverage of roads", roads.corridor_id[np.abs(share - stated) > SHARE_TOLERANCE])


def _check_marks(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Recompute what rows and worth go by: sort, low speed, long road, semi-open area."""
    every = plan.test_road_corridors
    sort = {name: group["id"] for group in settings["groups"] for name in group["classes"]}
    yield none("sorts", every.corridor_id[every.highway.map(sort).fillna("") != every.sort])
    slow = every.speed_kmh <= settings["low_speed_kmh"]
    yield none("low-speed roads", every.corridor_id[slow != every.low_speed.astype(bool)])
    near = (every.schools > 0) | (every.hospitals > 0)
    yield none("roads near schools", every.corridor_id[near != every.near.astype(bool)])
    enough = 1000 * float(settings["long_road_km"])
    whole = every.groupby("road").length_m.transform("sum")
    long = np.minimum(whole / enough, 1.0) if enough > 0 else np.ones(len(every))
    off = np.abs(long - every.long) > SHARE_TOLERANCE
    yield none("lengths of whole roads", every.corridor_id[off])
    yield from _check_semi_open(plan, settings)


def _check_semi_open(plan: Plan, settings: Settings) -> Iterator[Finding]:
    places, every = plan.test_road_places, plan.test_road_corridors
    closed = places[(places.role == "anchor") & (places.tier == "closed")]
    stated = every.semi_open.to_numpy(dtype=bool)
    if not len(closed):
        yield none("semi-open roads without a closed ground", every.corridor_id[stated])
        return
    crs = plane_of(every)
    lines = every.geometry.to_crs(crs).to_numpy()
    points = closed.geometry.to_crs(crs).to_numpy()
    gap = np.min([shapely.distance(lines, point) for point in points], axis=0)
    limit = float(settings["semi_open_m"])
    slow = ~every.highway.isin(["motorway", "trunk"]).to_numpy()
    inside = slow & (gap <= limit)
    edge = np.abs(gap - limit) <= PLANE * limit + 1.0
    yield none("semi-open roads", every.corridor_id[(inside != stated) & ~edge])


def _check_places(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Hold that places of scenarios lie at their road, and are served where it is chosen."""
    places, every = plan.test_road_places, plan.test_road_corridors
    limits = {item["id"]: float(item["within_m"]) for item in settings["scenarios"]}
    some = places[places.role.isin(limits)]
    served = some.corridor_id.isin(plan.test_roads.corridor_id) != some.served.astype(bool)
    yield none("places that test roads serve", some.place_id[served])
    once = some[some.duplicated(["place_id", "role"])]
    yield none("places count once a scenario", once.place_id)
    gap = _gap_m(some, every)
    far = gap > some.role.map(limits).to_numpy() * (1 + PLANE) + 1.0
    yield none("places lie at their road", some.place_id[far])
    count = some.corridor_id.value_counts().reindex(every.corridor_id).fillna(0).to_numpy()
    yield none("places of each road", every.corridor_id[count != every.places.to_numpy()])


def _gap_m(places: gpd.GeoDataFrame, every: gpd.GeoDataFrame) -> Floats:
    """Metres from each place to its road; infinite where there is no such road."""
    if not len(places):
        return np.zeros(0)
    crs = plane_of(every)
    row = pd.Index(every.corridor_id).get_indexer(places.corridor_id)
    lines = every.geometry.to_crs(crs).to_numpy()[np.maximum(row, 0)]
    gap = shapely.distance(lines, places.geometry.to_crs(crs).to_numpy())
    return np.where(row >= 0, gap, np.inf)


def road_points_of(plan: Plan, settings: Settings) -> Floats:
    """
    Recompute the points of every corridor from its published columns.

    Parameters
    ----------
    plan
        The plan.
    settings
        Worths of the model.
    """
    every, places = plan.test_road_corridors, plan.test_road_places
    worth = {group["id"]: float(group["worth"]) for group in settings["groups"]}
    rate = every.sort.map(worth).fillna(0.0).to_numpy(dtype=float)
    rate = rate + float(settings["semi_open_worth"]) * every.semi_open.to_numpy(dtype=bool)
    rate *= 1 + float(settings["coverage_worth"]) * every.covered.to_numpy(dtype=float)
    rate *= every.long.to_numpy(dtype=float)
    if "cost_factor" in every:
        rate /= every.cost_factor.to_numpy(dtype=float)
    decay = float(settings["decay_m"])
    if decay > 0:
        rate /= 1 + every.anchor_m.to_numpy(dtype=float) / decay
    if settings["near"] == "avoid":
        rate *= np.where(every.near.astype(bool), float(settings["near_factor"]), 1.0)
    each = {item["id"]: float(item["worth"]) for item in settings["scenarios"]}
    some = places[places.role.isin(each)]
    bonus = some.role.map(each).groupby(some.corridor_id).sum()
    extra = bonus.reindex(every.corridor_id).fillna(0.0).to_numpy(dtype=float)
    return np.asarray(rate * every.length_m.to_numpy(dtype=float) / 1000 + extra)


def _check_points(plan: Plan, settings: Settings) -> Iterator[Finding]:
    """Recompute points of every corridor, and how far it is from the nearest anchor."""
    every, places = plan.test_road_corridors, plan.test_road_places
    found = road_points_of(plan, settings)
    off = np.abs(found - every.points) > SHARE_TOLERANCE * (1 + found)
    yield none("points of roads", every.corridor_id[off])
    anchors = places[places.role == "anchor"]
    if not len(anchors):
        return
    crs = plane_of(every)
    lines = every.geometry.to_crs(crs).to_numpy()
    points = anchors.geometry.to_crs(crs).to_numpy()
    least = np.min([shapely.distance(lines, point) for point in points], axis=0)
    stated = every.anchor_m.to_numpy(dtype=float)
    # From the road's middle: not nearer than its nearest part, not farther than that and itself.
    slack = PLANE * stated + 1.0
    low, high = np.split(shapely.bounds(lines), 2, axis=1)
    across = np.hypot(*(high - low).T)
    far = stated > least + np.maximum(across, every.length_m.to_numpy(dtype=float)) + slack
    yield none("distances to anchors", every.corridor_id[far | (stated < least - slack)])
