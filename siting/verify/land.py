"""Recompute what excluded land drops or makes dearer, of every programme, from the layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely
from pyproj import Geod

from siting.verify.finding import Finding, none

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd
    import numpy.typing as npt

    from siting.plan import Plan

    Floats = npt.NDArray[np.float64]
    Bools = npt.NDArray[np.bool_]

EDGE_DEG = 2e-5
"""Places this near to the edge of land (2 m) may be told to lie on either side."""
ROUND_SHARE = 0.01
"""A drawn circle may lack this share of its area."""
SHARE_SLACK, LENGTH_SLACK_M = 2e-3, 2.0
"""Largest difference of what of a road is on land: the plan cuts it on another plane."""
PROGRAMMES = ("charging", "hydrogen", "roadside", "testroads")
OUT = "excluded_land"
"""Reason of candidates that the land drops, in the layers that list reasons."""


def land_findings(plan: Plan) -> Iterator[Finding]:
    """Hold that what is built keeps off land that cuts, pays for dearer land, drops the rest."""
    land = plan.exclusions.reset_index(drop=True)
    if len(land):
        odd = [any(word not in PROGRAMMES for word in text.split()) for text in _programmes(land)]
        yield none("land names programmes that there are", land.exclusion_id[odd])
        yield from _check_reach(land)
        yield from _check_charging(plan, land)
        yield from _check_hydrogen(plan, land)
        yield from _check_roadside(plan, land)
        yield from _check_roads(plan, land)
    else:
        yield from _check_plain(plan)
    yield from _check_dropped(plan, land)


def _programmes(land: gpd.GeoDataFrame) -> list[str]:
    """Return the programmes of each exclusion; runs before there were several: charging."""
    if "programmes" not in land:
        return ["charging"] * len(land)
    return [str(text) for text in land.programmes]


def _of(land: gpd.GeoDataFrame, programme: str) -> gpd.GeoDataFrame:
    mine = [programme in text.split() for text in _programmes(land)]
    return land[np.array(mine, dtype=bool)].reset_index(drop=True)


def _check_reach(land: gpd.GeoDataFrame) -> Iterator[Finding]:
    """Hold that polygons are as wide as their buffers."""
    margin = land.margin_m.to_numpy(dtype=float)
    area = np.array([abs(Geod(ellps="WGS84").geometry_area_perimeter(g)[0]) for g in land.geometry])
    narrow = area < np.pi * margin**2 * (1 - ROUND_SHARE)
    circle = (land.origin == "map").to_numpy()
    narrow |= circle & (area > np.pi * margin**2 * (1 + ROUND_SHARE))
    yield none("land reaches as far as it says", land.exclusion_id[narrow])


def _named(land: gpd.GeoDataFrame, kinds: npt.NDArray[np.object_]) -> Bools:
    """Tell which pairs of land and kind (n,) hold, by the kinds that the land names."""
    named = land.site_kinds.fillna("").astype(str)
    pairs = zip(named, kinds, strict=True)
    return np.array([not text or kind in text.split() for text, kind in pairs], dtype=bool)


def _on_land(frame: gpd.GeoDataFrame, land: gpd.GeoDataFrame) -> tuple[pd.DataFrame, Bools]:
    """List (place, land) pairs that hold by kind; also which places are at an edge of land."""
    polygons, points = land.geometry.to_numpy(), frame.geometry.to_numpy()
    row, place = shapely.STRtree(points).query(polygons, predicate="dwithin", distance=EDGE_DEG)
    inside = shapely.intersects(polygons[row], points[place])
    edge = shapely.dwithin(shapely.boundary(polygons[row]), points[place], EDGE_DEG)
    holds = _named(land.iloc[row], frame.kind.to_numpy(dtype=object)[place])
    at_edge = np.zeros(len(frame), dtype=bool)
    at_edge[place[edge & holds]] = True
    pairs = pd.DataFrame({"place": place, "row": row})[inside & ~edge & holds]
    return pairs, at_edge


def _barred(frame: gpd.GeoDataFrame, land: gpd.GeoDataFrame) -> Bools:
    """Tell which places lie on land that cuts."""
    pairs, _ = _on_land(frame, land)
    cuts = (land.effect == "cut").to_numpy()
    found = np.zeros(len(frame), dtype=bool)
    found[pairs.place[cuts[pairs.row.to_numpy()]]] = True
    return found


def _wrong_factor(frame: gpd.GeoDataFrame, land: gpd.GeoDataFrame, free: Bools) -> Bools:
    """Tell the places whose factor isn't the largest of the dearer land that they lie on."""
    pairs, edge = _on_land(frame, land)
    row = pairs.row.to_numpy()
    dear = (land.effect != "cut").to_numpy()[row]
    factor = np.ones(len(frame))
    values = land.cost_factor.to_numpy(dtype=float)[row[dear]]
    np.maximum.at(factor, pairs.place.to_numpy()[dear], values)
    factor = np.where(free, 1.0, factor)
    stated = frame.cost_factor.to_numpy(dtype=float)
    return np.asarray(~edge & ~np.isclose(factor, stated))


def _check_charging(plan: Plan, land: gpd.GeoDataFrame) -> Iterator[Finding]:
    """Hold that new charging stations and sites keep off; stations in operation stay."""
    land = _of(land, "charging")
    for name, frame in (("stations", plan.stations), ("sites", plan.candidates)):
        old = frame.status == "kept" if name == "stations" else frame.existing.astype(bool)
        barred = _barred(frame, land) & ~old.to_numpy()
        yield none(f"no new {name} on excluded land", frame.site_id[barred])
    sites = plan.candidates
    off = _wrong_factor(sites, land, sites.existing.to_numpy(dtype=bool))
    yield none("cost factors are those of the land", sites.site_id[off])


def _check_hydrogen(plan: Plan, land: gpd.GeoDataFrame) -> Iterator[Finding]:
    sites = plan.hydrogen_candidates
    if not len(sites) or "cost_factor" not in sites:
        return
    land = _of(land, "hydrogen")
    if len(plan.hydrogen):
        barred = _barred(plan.hydrogen, land)
        yield none("no hydrogen stations on excluded land", plan.hydrogen.site_id[barred])
    barred = _barred(sites, land) & (sites.reason != OUT).to_numpy()
    yield none("no hydrogen sites on excluded land", sites.site_id[barred])
    off = _wrong_factor(sites, land, np.zeros(len(sites), dtype=bool))
    yield none("cost factors of hydrogen are those of the land", sites.site_id[off])


def _check_roadside(plan: Plan, land: gpd.GeoDataFrame) -> Iterator[Finding]:
    """Units, the sites that were considered, and the edge nodes beside units keep off."""
    sites = plan.roadside_candidates
    if not len(sites) or "cost_factor" not in sites:
        return
    land = _of(land, "roadside")
    yield none("no roadside sites on excluded land", sites.site_id[_barred(sites, land)])
    if len(plan.rsus):
        yield none(
            "no roadside units on excluded land", plan.rsus.site_id[_barred(plan.rsus, land)]
        )
    if len(plan.edge_nodes):
        kinds = plan.rsus.drop_duplicates("site_id").set_index("site_id").kind
        nodes = plan.edge_nodes.assign(kind=plan.edge_nodes.site_id.map(kinds).fillna(""))
        yield none("no edge nodes on excluded land", nodes.edge_node_id[_barred(nodes, land)])
    off = _wrong_factor(sites, land, np.zeros(len(sites), dtype=bool))
    yield none("cost factors of roadside sites are those of the land", sites.site_id[off])


def _check_plain(plan: Plan) -> Iterator[Finding]:
    """Without excluded land nothing is dearer."""
    layers = {
        "sites": plan.candidates,
        "hydrogen": plan.hydrogen_candidates,
        "roadside sites": plan.roadside_candidates,
        "roads": plan.test_road_corridors,
    }
    for name, frame in layers.items():
        if len(frame) and "cost_factor" in frame:
            off = frame.iloc[np.flatnonzero(frame.cost_factor != 1)]
            yield none(f"no {name} dearer without excluded land", off.iloc[:, 0])


def _share_on(roads: gpd.GeoDataFrame, land: gpd.GeoDataFrame) -> Floats:
    """Share of each road's length on any of the land that names its class, shape (roads,)."""
    share = np.zeros(len(roads))
    lines = roads.geometry.to_numpy()
    kinds = roads.highway.to_numpy(dtype=object)
    squeeze = float(np.cos(np.radians(roads.total_bounds[[1, 3]].mean()))) if len(roads) else 1.0
    flat = shapely.transform(lines, lambda xy: xy * [squeeze, 1.0])
    whole = np.maximum(shapely.length(flat), 1e-12)
    for kind in sorted(set(kinds)):
        rows = np.flatnonzero(kinds == kind)
        some = land[_named(land, np.full(len(land), kind, dtype=object))]
        if not len(some):
            continue
        area = shapely.union_all(some.geometry.to_numpy())
        on = shapely.intersection(lines[rows], area)
        share[rows] = shapely.length(shapely.transform(on, lambda xy: xy * [squeeze, 1.0]))
    return np.asarray(share / whole, dtype=np.float64)


def _check_roads(plan: Plan, land: gpd.GeoDataFrame) -> Iterator[Finding]:
    """Corridors keep off by the share of their length; existing test roads stay."""
    every, settings = plan.test_road_corridors, plan.run["settings"].get("testroads")
    if not len(every) or settings is None or "land_share" not in settings:
        return
    land, least = _of(land, "testroads"), float(settings["land_share"])
    cuts = (land.effect == "cut").to_numpy()
    slack = SHARE_SLACK + LENGTH_SLACK_M / np.maximum(every.length_m.to_numpy(dtype=float), 1.0)
    share = _share_on(every, land[cuts])
    free = (every.opened | every.section).to_numpy(dtype=bool)
    out = (every.reason == OUT).to_numpy()
    on = share > least + slack
    on &= (every.reason == "").to_numpy() | every.chosen.to_numpy(dtype=bool)
    yield none("no test roads on excluded land", every.corridor_id[on & ~free])
    short = out & (share < least - slack)
    yield none("roads that the land drops lie on it", every.corridor_id[short])
    dear = land[~cuts]
    known = [1.0, *dear.cost_factor.astype(float)]
    stated = every.cost_factor.to_numpy(dtype=float)
    strange = ~np.isin(stated, known)
    yield none("factors of roads are ones of the land", every.corridor_id[strange])
    at = _share_on(every, dear)
    wrong = (stated > 1) & ((at < least - slack) | free)
    wrong |= (stated == 1) & (at > least + slack) & ~free
    yield none("roads are dearer where the land is", every.corridor_id[wrong])


def _candidates(plan: Plan, programme: str) -> npt.NDArray[np.object_]:
    """Ids that may be built of a programme."""
    if programme == "hydrogen":
        frame = plan.hydrogen_candidates
        ids = frame.site_id[frame.reason == ""] if len(frame) else ()
    elif programme == "roadside":
        ids = plan.roadside_candidates.site_id if len(plan.roadside_candidates) else ()
    elif programme == "testroads":
        frame = plan.test_road_corridors
        ids = frame.corridor_id[frame.reason == ""] if len(frame) else ()
    else:
        ids = plan.candidates.site_id
    return np.asarray(ids, dtype=object)


def _listed_out(plan: Plan) -> dict[str, set[str]]:
    """Ids that a programme's own layer says the land dropped."""
    hydrogen, roads = plan.hydrogen_candidates, plan.test_road_corridors
    return {
        "hydrogen": set(hydrogen.site_id[hydrogen.reason == OUT]) if len(hydrogen) else set(),
        "testroads": set(roads.corridor_id[roads.reason == OUT]) if len(roads) else set(),
    }


def _check_dropped(plan: Plan, land: gpd.GeoDataFrame) -> Iterator[Finding]:
    """Hold that each dropped place has a reason that is true, and is no site."""
    dropped = plan.dropped
    if "programme" not in dropped:
        dropped = dropped.assign(programme="charging") if len(dropped) else dropped
    listed = _listed_out(plan)
    for programme in PROGRAMMES:
        some = dropped[dropped.programme == programme] if len(dropped) else dropped
        if len(some):
            there = some.site_id.isin(_candidates(plan, programme))
            yield none(f"dropped places are no sites ({programme})", some.site_id[there])
        if programme in listed:
            ids = set(some.site_id) if len(some) else set()
            wrong = np.array(sorted(ids ^ listed[programme]), dtype=object)
            yield none(f"what the land drops is listed ({programme})", wrong)
    if not len(dropped):
        return
    yield none(
        "dropped places name a programme", dropped.site_id[~dropped.programme.isin(PROGRAMMES)]
    )
    yield none("dropped places have a reason", dropped.site_id[dropped.reason == ""])
    cut = dropped[dropped.exclusion_id != ""].reset_index(drop=True)
    if len(cut):
        yield from _check_cut(cut, land)


def _check_cut(cut: gpd.GeoDataFrame, land: gpd.GeoDataFrame) -> Iterator[Finding]:
    """Hold that what the land drops lies on the land that is named, which says so."""
    named = land.assign(programmes=_programmes(land)) if len(land) else land
    named = named.drop_duplicates("exclusion_id").set_index("exclusion_id") if len(land) else land
    lost = ~cut.exclusion_id.isin(named.index)
    yield none("dropped places name excluded land", cut.site_id[lost])
    cut = cut[~lost]
    own = named.loc[cut.exclusion_id] if len(cut) else named
    if not len(cut):
        return
    far = ~shapely.dwithin(
        own.geometry.to_numpy(),
        cut.geometry.to_numpy(),
        EDGE_DEG + ROUND_SHARE * own.margin_m.to_numpy(dtype=float) / 1e5,
    )
    wrong = far | ~_named(own, cut.kind.to_numpy(dtype=object)) | (own.effect != "cut").to_numpy()
    yield none("dropped places lie on the land that cuts them", cut.site_id[wrong])
    pairs = zip(own.programmes.astype(str), cut.programme, strict=True)
    other = np.array([programme not in text.split() for text, programme in pairs], dtype=bool)
    yield none("dropped places are of programmes that the land touches", cut.site_id[other])
    said = own.reason.to_numpy(dtype=object) != cut.reason.to_numpy(dtype=object)
    yield none("reasons of dropped places are those of the land", cut.site_id[said])
