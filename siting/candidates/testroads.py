"""What test roads grow from and serve: anchors, sections, the semi-open area, places, worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.sparse import coo_array, csr_array
from scipy.spatial import cKDTree

from siting.candidates.anchors import (
    district_anchors,
    known_sections,
    model_anchors,
    opened_anchors,
    reached_from,
)
from siting.own.dropping import LAND_REASON, dropped_rows, judge_roads, land_for
from siting.own.exclusions import no_exclusions

if TYPE_CHECKING:
    import numpy.typing as npt
    from pyproj import CRS

    from siting.candidates.corridors import Corridors
    from siting.model.testroads import TestRoads
    from siting.own.dropping import RoadLand
    from siting.said import Said

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RoadGround:
    """
    What test roads grow from and serve; e corridors as in `Corridors`.

    Attributes
    ----------
    group
        Index into `TestRoads.groups`, -1 where the class is in none, shape (e,).
    reason
        Why a corridor can't be chosen, "" where it can: `class`, `excluded_land`, `near`, `apart`
        (no anchor reaches it), or what the map or the planner says, shape (e,).
    places
        EPSG:4326 Points of all that matters beside the roads. `place_id`, `role` (`anchor`,
        `school`, `hospital`, or the id of a scenario), `tier` (of anchors: `closed`, `pilot`,
        `district`, `section`, `opened`), `name`, `source`, `extent_m`, `node` (graph node of an
        anchor, -1 for others), `corridor` (row of the corridor that serves a scenario's place, -1
        for none), `distance_m` (to that node or corridor, straight).
    section
        In a known expressway section, shape (e,).
    opened
        A test road already, shape (e,).
    semi_open
        In the semi-open area around a closed ground, shape (e,).
    near
        Near a school or a hospital, shape (e,).
    anchor_m
        Straight from its middle to the nearest anchor, shape (e,).
    long
        Length of the whole road over `long_road_km`, at most 1, shape (e,).
    served
        Places of each scenario that belong to each corridor, shape (scenarios, e).
    notes
        What isn't on the map, one sentence each.
    cost_factor
        What the land makes it dearer and, by kilometre, worth less; 1 for none, shape (e,).
    dropped
        Corridors that excluded land drops, as `Plan.dropped`.
    """

    group: npt.NDArray[np.int64]
    reason: npt.NDArray[np.object_]
    places: gpd.GeoDataFrame
    section: npt.NDArray[np.bool_]
    opened: npt.NDArray[np.bool_]
    semi_open: npt.NDArray[np.bool_]
    near: npt.NDArray[np.bool_]
    anchor_m: npt.NDArray[np.float64]
    long: npt.NDArray[np.float64]
    served: csr_array
    notes: tuple[Said, ...]
    cost_factor: npt.NDArray[np.float64]
    dropped: gpd.GeoDataFrame

    @property
    def usable(self) -> npt.NDArray[np.bool_]:
        """Corridors that can be chosen, shape (e,)."""
        return np.asarray(self.reason == "")

    def anchors(self, *tiers: str) -> npt.NDArray[np.int64]:
        """Graph nodes of the anchors of some tiers, of all where none is named; sorted."""
        rows = self.places[self.places["role"] == "anchor"]
        rows = rows[rows["tier"].isin(tiers)] if tiers else rows
        return np.unique(rows["node"].to_numpy(dtype=np.int64))


def road_ground(
    corridors: Corridors,
    crs: CRS,
    districts: gpd.GeoDataFrame,
    facilities: gpd.GeoDataFrame,
    settings: TestRoads,
    *,
    exclusions: gpd.GeoDataFrame | None = None,
) -> RoadGround:
    """
    Find what test roads grow from and serve.

    Parameters
    ----------
    corridors
        The road sections to choose from.
    crs
        Metric CRS of `corridors.node_xy`.
    districts
        The planned districts.
    facilities
        Places of the map, as `CityMap.facilities`.
    settings
        The model's part.
    exclusions
        Land that test roads can't be on or are worth less on, as `exclusions.exclusion_frame`.
    """
    frame = corridors.frame
    lines = frame.geometry.to_crs(crs).to_numpy()
    middle = shapely.get_coordinates(
        shapely.line_interpolate_point(_first(lines), 0.5, normalized=True)
    )
    group = _group(frame["highway"], settings)
    near = ((frame["schools"] > 0) | (frame["hospitals"] > 0)).to_numpy()
    opened = frame["opened"].to_numpy(dtype=bool)
    reason = frame["excluded"].to_numpy(dtype=object).copy()
    reason[(reason == "") & (group < 0)] = "class"
    land = no_exclusions() if exclusions is None else land_for(exclusions, "testroads")
    highway = frame["highway"].to_numpy(dtype=object)
    said = judge_roads(land, lines, highway, crs, settings.land_share.value)
    reason[(reason == "") & (said.cut >= 0)] = LAND_REASON
    if settings.near == "exclude":
        reason[(reason == "") & near] = "near"
    reason[opened] = ""
    section, existing, ends, notes = known_sections(corridors, crs, settings)
    reason[section] = ""
    cost_factor = np.where(opened | section, 1.0, said.cost_factor)
    out = np.flatnonzero(reason == LAND_REASON)
    anchors, more = model_anchors(corridors, crs, settings, reason == "")
    anchors += [*ends, *opened_anchors(corridors, opened)]
    if settings.district_anchors:
        anchors += district_anchors(corridors, districts, middle, reason == "", anchors)
    at = np.array([anchor["node"] for anchor in anchors], dtype=np.int64)
    reason[(reason == "") & ~reached_from(corridors, reason == "", at)] = "apart"
    served, places = _scenarios(lines, crs, facilities, settings, reason == "")
    closed = [a["node"] for a in anchors if a["tier"] == "closed"]
    return RoadGround(
        group=group,
        reason=reason,
        places=_places(corridors, crs, anchors, facilities, places),
        section=section,
        opened=opened | existing,
        semi_open=_semi_open(corridors, lines, closed, settings),
        near=near,
        anchor_m=_nearest_m(middle, corridors.node_xy[at]),
        long=_long(frame, settings),
        served=served,
        notes=(*notes, *more),
        cost_factor=cost_factor,
        dropped=_dropped(frame, said, out, land, crs),
    )


def _dropped(
    frame: gpd.GeoDataFrame, said: RoadLand, out: Ints, land: gpd.GeoDataFrame, crs: CRS
) -> gpd.GeoDataFrame:
    """List the corridors that the land drops, each by a point on it."""
    some = frame.iloc[out]
    ends = some["from_name"].astype(str) + " - " + some["to_name"].astype(str)
    places = pd.DataFrame(
        {
            "site_id": some["corridor_id"],
            "name": some["road"].astype(str) + " (" + ends + ")",
            "kind": some["highway"],
            "cut": said.cut[out],
        }
    )
    return dropped_rows("testroads", places, said.point[out], land, crs)


def _first(lines: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """Return each line, or the longest part of a line of several."""
    parts, owner = shapely.get_parts(lines, return_index=True)
    order = np.lexsort((-shapely.length(parts), owner))
    _, first = np.unique(owner[order], return_index=True)
    return np.asarray(parts[order[first]], dtype=object)


def _group(highway: pd.Series, settings: TestRoads) -> Ints:
    of = {name: k for k, group in enumerate(settings.groups) for name in group.classes}
    return np.asarray(highway.map(of).fillna(-1).to_numpy(dtype=np.int64))


def _long(frame: pd.DataFrame, settings: TestRoads) -> Floats:
    """Share of a long road that each corridor's whole road has, at most 1."""
    enough = 1000 * settings.long_road_km.value
    whole = frame.groupby("road")["length_m"].transform("sum").to_numpy(dtype=float)
    return np.minimum(whole / enough, 1.0) if enough > 0 else np.ones(len(frame))


def _nearest_m(points: Floats, others: Floats) -> Floats:
    if not len(others):
        return np.zeros(len(points))
    return np.asarray(cKDTree(others).query(points)[0], dtype=np.float64)


def _semi_open(
    corridors: Corridors, lines: npt.NDArray[np.object_], closed: list[int], settings: TestRoads
) -> Bools:
    """Roads that aren't expressways, near the junction of a closed ground."""
    if not closed:
        return np.zeros(len(lines), dtype=bool)
    points = shapely.points(corridors.node_xy[np.array(closed)])
    gap = np.min([shapely.distance(lines, point) for point in points], axis=0)
    slow = ~corridors.frame["highway"].isin(["motorway", "trunk"]).to_numpy()
    return np.asarray(slow & (gap <= settings.semi_open_m.value))


def _scenarios(
    lines: npt.NDArray[np.object_],
    crs: CRS,
    facilities: gpd.GeoDataFrame,
    settings: TestRoads,
    usable: Bools,
) -> tuple[csr_array, list[pd.DataFrame]]:
    """Give each place of a scenario to the nearest usable corridor within its distance."""
    shape = (len(settings.scenarios), len(lines))
    rows = np.flatnonzero(usable)
    if not len(rows) or not len(facilities) or not settings.scenarios:
        return csr_array(shape), []
    points = facilities.geometry.to_crs(crs).to_numpy()
    tree = shapely.STRtree(lines[rows])
    kept, entries = [], []
    for number, scenario in enumerate(settings.scenarios):
        of_kind = facilities["kind"].isin(scenario.kinds).to_numpy()
        small = (facilities["capacity"] < scenario.least_bays).to_numpy()
        some = np.flatnonzero(of_kind & ~small)
        pair, metres = tree.query_nearest(
            points[some], max_distance=scenario.within_m.value, return_distance=True,
            all_matches=False,
        )  # fmt: skip
        at, corridor = some[pair[0]], rows[pair[1]]
        entries.append(np.column_stack([np.full(len(at), number), corridor]))
        part = facilities.iloc[at][["facility_id", "name"]].assign(
            role=scenario.id, corridor=corridor, distance_m=metres, row=at
        )
        kept.append(part)
    pairs = np.concatenate(entries).astype(np.int64)
    ones = np.ones(len(pairs))
    return csr_array(coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=shape)), kept


def _places(
    corridors: Corridors,
    crs: CRS,
    anchors: list[dict[str, Any]],
    facilities: gpd.GeoDataFrame,
    scenarios: list[pd.DataFrame],
) -> gpd.GeoDataFrame:
    """List anchors, schools and hospitals, and the places of the scenarios."""
    columns = ["place_id", "role", "tier", "name", "source", "extent_m", "node", "corridor"]
    at = np.array([anchor["node"] for anchor in anchors], dtype=np.int64)
    own = pd.DataFrame(anchors).assign(role="anchor", extent_m=0.0, corridor=-1)
    points = gpd.GeoSeries(shapely.points(corridors.node_xy[at]), crs=crs).to_crs("EPSG:4326")
    own["geometry"] = points.to_numpy() if len(own) else []
    kept = facilities[facilities["kind"].isin(["school", "hospital"])]
    area = kept["area_m2"].fillna(0.0).to_numpy(dtype=float)
    protected = pd.DataFrame(
        {
            "place_id": kept["facility_id"].to_numpy(),
            "role": kept["kind"].to_numpy(),
            "name": kept["name"].to_numpy(),
            "extent_m": np.sqrt(area / np.pi),
            "corridor": -1,
            "distance_m": np.nan,
            "geometry": kept.geometry.to_numpy(),
        }
    ).assign(tier="", source="map", node=-1)
    parts = [own, protected]
    for part in scenarios:
        found = part.rename(columns={"facility_id": "place_id"}).assign(
            tier="", source="map", node=-1, extent_m=0.0
        )
        found["geometry"] = facilities.geometry.to_numpy()[found.pop("row").to_numpy()]
        parts.append(found)
    every = [part[[*columns, "distance_m", "geometry"]] for part in parts if len(part)]
    if not every:
        names = [*columns, "distance_m", "geometry"]
        return gpd.GeoDataFrame({name: [] for name in names}, crs="EPSG:4326")
    return gpd.GeoDataFrame(pd.concat(every, ignore_index=True), crs="EPSG:4326")


def road_points(ground: RoadGround, metres: Floats, covered: Floats, settings: TestRoads) -> Floats:
    """
    Say what each corridor is worth, in points.

    Parameters
    ----------
    ground
        What it belongs to and serves.
    metres
        Length of each corridor, shape (e,).
    covered
        Share of each that roadside equipment reaches, 0..1, shape (e,).
    settings
        Worths and distances.

    Returns
    -------
    points
        Kilometres times the worth of their sort (more in the semi-open area), times
        1 + `coverage_worth` x covered, times `long`, halved at `decay_m` from the nearest anchor,
        over the factor of dearer land, times `near_factor` near schools and hospitals that are
        avoided; and for each place served the worth of its scenario. Shape (e,), not negative.
    """
    worth = np.array([*(group.worth.value for group in settings.groups), 0.0])[ground.group]
    worth = worth + settings.semi_open_worth.value * ground.semi_open
    worth = worth * (1 + settings.coverage_worth.value * covered)
    worth = worth * ground.long / ground.cost_factor
    decay_m = settings.decay_m.value
    if decay_m > 0:
        worth = worth / (1 + ground.anchor_m / decay_m)
    if settings.near == "avoid":
        worth = np.where(ground.near, settings.near_factor.value, 1.0) * worth
    each = np.array([scenario.worth.value for scenario in settings.scenarios])
    places = each @ ground.served if len(each) else 0.0
    return np.asarray(worth * metres / 1000 + places, dtype=np.float64)


def road_costs(
    metres: Floats,
    covered: Floats,
    opened: Bools,
    settings: TestRoads,
    cost_factor: Floats | float = 1.0,
) -> tuple[Ints, Ints]:
    """
    Return what opening and what retrofit of each corridor cost, whole CNY, shape (e,) each.

    Opening is signs and assessment; retrofit the survey for the map, and roadside units where the
    roadside plan doesn't reach. Existing test roads cost nothing more, roads on dearer land
    `cost_factor` times as much.
    """
    km = np.where(opened, 0.0, metres / 1000) * cost_factor
    opening = km * (settings.signs_cny_per_km.value + settings.assessment_cny_per_km.value)
    units = settings.rsu_per_km.value * settings.rsu_cny.value * (1 - covered)
    retrofit = km * (settings.hd_map_cny_per_km.value + units)
    return np.rint(opening).astype(np.int64), np.rint(retrofit).astype(np.int64)
