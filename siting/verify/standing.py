"""Recompute what stands already, what it costs, and that no new site is on excluded land."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely
from pyproj import Geod

from siting.verify.finding import Finding, none, same

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


def standing_findings(plan: Plan) -> Iterator[Finding]:
    """Recompute kept stations and piles, opening costs, and what excluded land allows."""
    if "policy" not in plan.candidates.columns:
        return
    yield from _check_kept(plan)
    if len(plan.existing):
        yield from _check_existing(plan)
    yield from _check_opening(plan)
    yield from _check_split(plan)
    if len(plan.exclusions):
        yield from _check_land(plan)
    if len(plan.dropped):
        yield from _check_dropped(plan)


def piles_before(frame: pd.DataFrame, pile_types: pd.DataFrame) -> Floats:
    """Return the piles that stood at stations or sites before, shape (rows, types)."""
    columns = [f"kept_{name}" for name in pile_types["type_id"]]
    none_there = np.zeros(len(frame))
    kept = [frame[c].to_numpy(dtype=float) if c in frame else none_there for c in columns]
    return np.column_stack(kept)


def counted_piles(plan: Plan) -> Floats:
    """
    Return the piles of stations that count towards targets, shape (stations, types).

    Where stations in operation don't count, what is added to known piles does.
    """
    names = [f"piles_{name}" for name in plan.pile_types["type_id"]]
    piles: Floats = plan.stations[names].to_numpy(dtype=float)
    if plan.run["settings"]["existing_count"]:
        return piles
    before = piles_before(plan.stations, plan.pile_types)
    old = (plan.stations.status == "kept").to_numpy() & (before.sum(axis=1) == 0)
    return np.where(old[:, None], 0.0, piles - before)


def _rows(ids: pd.Series, wanted: pd.Series) -> npt.NDArray[np.int64]:
    """Return the first row of each id, -1 where it isn't there."""
    first = ids.reset_index(drop=True).drop_duplicates()
    at = pd.Index(first).get_indexer(pd.Index(wanted))
    return np.where(at >= 0, first.index.to_numpy(dtype=np.int64)[at], -1)


def _by_site(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop_duplicates("site_id").set_index("site_id")


def _check_kept(plan: Plan) -> Iterator[Finding]:
    """Hold the piles that stood before against the layer of stations in operation."""
    sites, types, known = plan.candidates, plan.pile_types, plan.existing
    before = piles_before(sites, types)
    there = _rows(known.site_id, sites.site_id) if len(known) else np.zeros(0, dtype=np.int64)
    wanted = np.zeros_like(before)
    if len(known):
        wanted = np.where((there >= 0)[:, None], piles_before(known, types)[there], 0.0)
        yield none(
            "sites in operation are those of their layer",
            sites.site_id[(there >= 0) != sites.existing.astype(bool)],
        )
    yield none(
        "kept piles are those of stations in operation",
        sites.site_id[(before != wanted).any(axis=1)],
    )
    stations = plan.stations
    at = _rows(sites.site_id, stations.site_id)
    own = piles_before(stations, types)
    off = (at < 0) | (own != before[at]).any(axis=1)
    yield none("kept piles of stations are those of their sites", stations.site_id[off])
    piles = stations[[f"piles_{name}" for name in types.type_id]].to_numpy(dtype=float)
    yield none("open stations keep their piles", stations.site_id[(piles < own).any(axis=1)])
    fixed = (own.sum(axis=1) > 0) & (stations.policy != "extendable").to_numpy()
    yield none(
        "stations that aren't extendable get no piles",
        stations.site_id[fixed & (piles != own).any(axis=1)],
    )


def _check_existing(plan: Plan) -> Iterator[Finding]:
    """Recompute what becomes of the stations in operation."""
    known, sites, stations = plan.existing, plan.candidates, plan.stations
    yield none("stations in operation are there once", known.site_id[known.site_id.duplicated()])
    considered = known.site_id.isin(sites.site_id).to_numpy()
    opened = known.site_id.isin(stations.site_id).to_numpy()
    stay = considered & (known.policy != "closable").to_numpy()
    yield none("stations that may not close are open", known.site_id[stay & ~opened])
    total = piles_before(known, plan.pile_types).sum(axis=1)
    yield none("kept piles add up", known.site_id[total != known.kept_piles])
    piles = known.site_id.map(_by_site(stations).piles).fillna(0).to_numpy(dtype=float)
    wanted = np.where(
        ~considered,
        "outside",
        np.where(~opened, "closed", np.where((total > 0) & (piles > total), "extended", "kept")),
    )
    yield none("outcome of stations in operation", known.site_id[known.outcome != wanted])
    for column in ("policy", "access"):
        stated = _by_site(sites)[column]
        off = considered & (known.site_id.map(stated) != known[column]).to_numpy()
        yield none(f"{column} of stations in operation", known.site_id[off])


def _check_opening(plan: Plan) -> Iterator[Finding]:
    """Recompute what opening or keeping each site costs, and whom new ones serve."""
    sites, settings = plan.candidates, plan.run["settings"]
    new = ~sites.existing.astype(bool)
    rural = np.where(sites.urban, 0.0, float(settings["rural_grid_cny"]))
    cost = (float(settings["station_fixed_cny"]) + rural) * sites.cost_factor.to_numpy(dtype=float)
    if len(plan.existing):
        keep = _by_site(plan.existing).keep_cny
        cost = np.where(new, cost, sites.site_id.map(keep).fillna(0.0))
    else:
        cost = np.where(new, cost, 0.0)
    off = np.abs(cost - sites.fixed_cost_cny) > 1.0
    yield none("opening costs", sites.site_id[off])
    dedicated = sites.kind.isin(settings["readings"]["dedicated_kinds"])
    wrong = new & ((sites.access == "dedicated") != dedicated)
    yield none("new sites are dedicated by their kind", sites.site_id[wrong])


def _check_split(plan: Plan) -> Iterator[Finding]:
    """Count new and kept stations and piles apart."""
    totals, stations = plan.run["totals"], plan.stations
    if "kept_piles" not in totals:
        return
    names = [f"piles_{name}" for name in plan.pile_types["type_id"]]
    before = float(piles_before(stations, plan.pile_types).sum())
    new = float((stations.status == "new").sum())
    yield same("new stations", float(totals["new_stations"]), new)
    yield same("kept stations", float(totals["kept_stations"]), len(stations) - new)
    yield same("kept piles", float(totals["kept_piles"]), before)
    bought = float(stations[names].to_numpy(dtype=float).sum()) - before
    yield same("new piles", float(totals["new_piles"]), bought)


def _on_land(frame: gpd.GeoDataFrame, land: gpd.GeoDataFrame) -> tuple[pd.DataFrame, Bools]:
    """List (place, land) pairs that hold by kind; also which places are at an edge of land."""
    polygons, points = land.geometry.to_numpy(), frame.geometry.to_numpy()
    row, place = shapely.STRtree(points).query(polygons, predicate="dwithin", distance=EDGE_DEG)
    inside = shapely.intersects(polygons[row], points[place])
    edge = shapely.dwithin(shapely.boundary(polygons[row]), points[place], EDGE_DEG)
    kinds = frame.kind.to_numpy(dtype=object)[place]
    named = land.site_kinds.fillna("").astype(str).to_numpy(dtype=object)[row]
    holds = np.array(
        [not text or kind in text.split() for text, kind in zip(named, kinds, strict=True)],
        dtype=bool,
    )
    at_edge = np.zeros(len(frame), dtype=bool)
    at_edge[place[edge & holds]] = True
    pairs = pd.DataFrame({"place": place, "row": row})[inside & ~edge & holds]
    return pairs, at_edge


def _check_land(plan: Plan) -> Iterator[Finding]:
    """Hold that new sites keep off land that cuts, and pay for land that is dearer."""
    land = plan.exclusions.reset_index(drop=True)
    cuts = (land.effect == "cut").to_numpy()
    for name, frame in (("stations", plan.stations), ("sites", plan.candidates)):
        old = frame.status == "kept" if name == "stations" else frame.existing.astype(bool)
        pairs, _ = _on_land(frame, land)
        barred = pairs.place[cuts[pairs.row.to_numpy()]].unique()
        barred = barred[~old.to_numpy()[barred]]
        ids = frame.site_id.to_numpy(dtype=object)
        yield none(f"no new {name} on excluded land", ids[barred])
    sites = plan.candidates
    pairs, edge = _on_land(sites, land)
    pairs = pairs[~cuts[pairs.row.to_numpy()]]
    factor = np.ones(len(sites))
    dear = land.cost_factor.to_numpy(dtype=float)[pairs.row.to_numpy()]
    np.maximum.at(factor, pairs.place.to_numpy(), dear)
    factor = np.where(sites.existing.astype(bool), 1.0, factor)
    off = ~edge & ~np.isclose(factor, sites.cost_factor.to_numpy(dtype=float))
    yield none("cost factors are those of the land", sites.site_id[off])
    margin = land.margin_m.to_numpy(dtype=float)
    area = np.array([abs(Geod(ellps="WGS84").geometry_area_perimeter(g)[0]) for g in land.geometry])
    narrow = area < np.pi * margin**2 * (1 - ROUND_SHARE)
    circle = (land.origin == "map").to_numpy()
    narrow |= circle & (area > np.pi * margin**2 * (1 + ROUND_SHARE))
    yield none("land reaches as far as it says", land.exclusion_id[narrow])


def _check_dropped(plan: Plan) -> Iterator[Finding]:
    """Hold that each dropped place has a reason that is true, and is no site."""
    dropped, land = plan.dropped, plan.exclusions
    yield none(
        "dropped places are no sites",
        dropped.site_id[dropped.site_id.isin(plan.candidates.site_id)],
    )
    yield none("dropped places have a reason", dropped.site_id[dropped.reason == ""])
    cut = dropped[dropped.exclusion_id != ""].reset_index(drop=True)
    if cut.empty:
        return
    named = land.drop_duplicates("exclusion_id").set_index("exclusion_id") if len(land) else land
    lost = ~cut.exclusion_id.isin(named.index)
    yield none("dropped places name excluded land", cut.site_id[lost])
    cut = cut[~lost]
    own = named.loc[cut.exclusion_id]
    far = ~shapely.dwithin(
        own.geometry.to_numpy(),
        cut.geometry.to_numpy(),
        EDGE_DEG + ROUND_SHARE * own.margin_m.to_numpy(dtype=float) / 1e5,
    )
    kinds = zip(own.site_kinds.fillna("").astype(str), cut.kind, strict=True)
    other = np.array([bool(text) and kind not in text.split() for text, kind in kinds], dtype=bool)
    wrong = far | other | (own.effect != "cut").to_numpy()
    yield none("dropped places lie on the land that cuts them", cut.site_id[wrong])
