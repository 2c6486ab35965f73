"""Recompute the claims of the roadside units from the layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from pyproj import Geod
from scipy.spatial import cKDTree

from siting.verify.batches import batch_findings
from siting.verify.builtarea import area_findings, footprint_km2
from siting.verify.edgenodes import edge_findings
from siting.verify.finding import Finding, none, same
from siting.verify.fleet import fleet_findings
from siting.verify.radio import heard_points, in_discs, radio_findings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from siting.plan import Plan

MEASURES = frozenset({"built_area_km2", "bridges_tunnels", "toll_stations", "expressway_section"})
"""Measures that are recomputed here."""
APART_M = 15.0
"""Two junctions nearer than this are one and would be equipped twice."""
GAP_TOLERANCE = 1e-4
AREA_TOLERANCE = 1e-3


def roadside_findings(plan: Plan) -> Iterator[Finding]:
    """Recompute sites, cost, coverage, built area, edge nodes, fleet, batches and targets."""
    totals, rsus = plan.run["totals"], plan.rsus
    yield same("roadside sites", float(totals["rsus"]), float(len(rsus)))
    junctions = int((rsus.junction_id != "").sum()) if len(rsus) else 0
    yield same("equipped junctions", float(totals["junctions"]), float(junctions))
    yield same("roadside cost", float(totals["roadside_cost_cny"]), _cost(plan))
    settings = plan.run["settings"].get("roadside")
    if settings is None:
        empty = max(len(rsus), len(plan.edge_nodes), len(plan.zones))
        yield same("roadside layers of a plan without any", 0.0, float(empty))
        return
    twice = np.array(rsus.site_id[rsus.site_id.duplicated()] if len(rsus) else (), dtype=object)
    yield none("roadside site ids occur once", twice)
    # What follows goes by id.
    if not len(rsus) or len(twice):
        return
    yield from _check_sites(plan, settings)
    yield from _check_costs(plan, settings)
    yield from radio_findings(plan, settings)
    yield from area_findings(plan, settings)
    yield from edge_findings(plan, settings)
    yield from batch_findings(plan, settings, lambda some: heard_points(plan, some))
    yield from fleet_findings(plan, settings)
    yield from _check_districts(plan)
    yield from _check_catalogue(plan)
    yield from _check_targets(plan, settings)
    yield from _check_objective(plan, settings)


def _cost(plan: Plan) -> float:
    """Sites, fibre, edge nodes and the platform."""
    settings = plan.run["settings"].get("roadside")
    if settings is None or not len(plan.rsus):
        return 0.0
    nodes = float(plan.edge_nodes.cost_cny.sum()) if len(plan.edge_nodes) else 0.0
    platform = round(float(settings["edge_nodes"]["platform_cny"]))
    return float(plan.rsus.cost_cny.sum() + plan.rsus.fibre_cny.sum()) + nodes + platform


def _check_sites(plan: Plan, settings: Mapping[str, Any]) -> Iterator[Finding]:
    rsus, sites = plan.rsus, plan.roadside_candidates
    yield none("roadside candidates occur once", sites.site_id[sites.site_id.duplicated()])
    chosen = sites.site_id[sites.chosen.astype(bool)]
    wrong = sorted(set(chosen) ^ set(rsus.site_id))
    yield none("chosen roadside sites are the equipped ones", np.array(wrong, dtype=object))
    same_as = sites.set_index("site_id").reindex(rsus.site_id)
    for column in ("kind", "level", "cost_cny", "radius_m", "zone_id", "junction_id"):
        differs = same_as[column].to_numpy() != rsus[column].to_numpy()
        yield none(f"{column} of sites is that of the candidate", rsus.site_id[differs])
    at_junction = rsus[rsus.junction_id != ""]
    again = at_junction.site_id[at_junction.junction_id.duplicated()]
    yield none("no junction is equipped twice", again)
    # An interchange may lie over a junction of the streets below: those are two.
    for kind, some in at_junction.groupby("kind"):
        yield none(f"no two equipped junctions are one place ({kind})", _too_near(some))
    must = {one["kind"] for one in settings["must"]}
    asked = sites.kind.isin(must) | sites.mandatory.astype(bool)
    bare = sites.site_id[asked & ~sites.site_id.isin(rsus.site_id)]
    yield none("mandatory roadside sites are equipped", bare)


def _too_near(sites: pd.DataFrame) -> np.ndarray[Any, np.dtype[Any]]:
    """Sites whose next neighbour is nearer than two junctions can be."""
    if len(sites) < 2:  # noqa: PLR2004  (a pair takes two)
        return np.zeros(0, dtype=object)
    lonlat = shapely.get_coordinates(sites.geometry.to_numpy())
    flat = lonlat * np.array([np.cos(np.radians(lonlat[:, 1].mean())), 1.0])
    pairs = cKDTree(flat).query_pairs(APART_M / 100_000, output_type="ndarray")
    a, b = lonlat[pairs[:, 0]], lonlat[pairs[:, 1]]
    metres = np.asarray(Geod(ellps="WGS84").inv(*a.T, *b.T)[2])
    near = np.unique(pairs[metres < APART_M].ravel())
    return np.asarray(sites.site_id.to_numpy()[near])


def _check_costs(plan: Plan, settings: Mapping[str, Any]) -> Iterator[Finding]:
    sites = plan.roadside_candidates
    price = sites.level.map({name: float(settings[f"{name}_cny"]) for name in _LEVELS})
    left = np.where(sites.reuse.astype(bool), 1 - float(settings["reuse_discount"]), 1.0)
    if "cost_factor" in sites:
        left = left * sites.cost_factor.to_numpy(dtype=float)
    off = ~(np.abs(price.to_numpy(dtype=float) * left - sites.cost_cny) <= 1)
    yield none("costs of roadside sites", sites.site_id[off])
    budget = settings["budget_cny"]
    if budget is not None:
        over = max(0.0, float(plan.rsus.cost_cny.sum()) - float(budget) - len(plan.rsus))
        yield same("roadside cost above budget", 0.0, over)


_LEVELS = ("rsu", "sensing", "full")


def _check_districts(plan: Plan) -> Iterator[Finding]:
    rsus, districts = plan.rsus, plan.districts
    shape = districts.set_index("district_id").geometry.reindex(rsus.district_id).to_numpy()
    # A site on the border may stand a street's width outside.
    outside = ~(shapely.distance(shape, rsus.geometry.to_numpy()) <= 1e-3)  # noqa: PLR2004
    yield none("roadside sites lie in their district", rsus.site_id[outside])
    count = rsus.district_id.value_counts().reindex(districts.district_id, fill_value=0)
    wrong = count.to_numpy() != districts.rsus.to_numpy()
    yield none("roadside sites of districts", districts.district_id[wrong])
    built = plan.zones[plan.zones.built.astype(bool)].groupby("district_id").area_km2.sum()
    built = built.reindex(districts.district_id, fill_value=0.0).to_numpy()
    off = np.abs(built - districts.built_area_km2.to_numpy(dtype=float)) > 1e-6  # noqa: PLR2004
    yield none("built area of districts", districts.district_id[off])


def _check_catalogue(plan: Plan) -> Iterator[Finding]:
    """Hold that the catalogue lists each equipped junction once, at its cost."""
    table, rsus = plan.junctions, plan.rsus[plan.rsus.junction_id != ""]
    listed = table["编号"] if len(table) else pd.Series(dtype=object)
    wrong = sorted(set(listed) ^ set(rsus.site_id))
    yield none("catalogue lists the equipped junctions", np.array(wrong, dtype=object))
    yield same("junctions of the catalogue", float(len(listed)), float(len(rsus)))
    money = float(table["投资_元"].sum()) if len(table) else 0.0
    yield same("cost of the catalogue", money, float(rsus.cost_cny.sum()))


def measured(plan: Plan, settings: Mapping[str, Any], measure: str) -> float:
    """Recompute a measure of the roadside programme; NaN where the map has nothing of it."""
    if measure == "built_area_km2":
        if settings["reading"] == "footprint":
            return footprint_km2(plan, plan.rsus)
        return float(plan.zones.area_km2[plan.zones.built.astype(bool)].sum())
    if measure == "expressway_section":
        some = plan.road_points[plan.road_points.section.astype(bool)]
        total = float(some.length_m.sum())
        covered = float(some.length_m[some.covered.astype(bool)].sum())
        return covered / total if total else float("nan")
    kinds = {"bridges_tunnels": ("bridge", "tunnel"), "toll_stations": ("toll",)}[measure]
    sites = plan.roadside_candidates
    asked = sites[sites.kind.isin(kinds)]
    return float(asked.site_id.isin(plan.rsus.site_id).mean()) if len(asked) else float("nan")


def _check_targets(plan: Plan, settings: Mapping[str, Any]) -> Iterator[Finding]:
    rows = plan.clauses[plan.clauses.measure.isin(MEASURES) & (plan.clauses.relation == ">=")]
    for row in rows.to_dict("records"):
        value = measured(plan, settings, str(row["measure"]))
        name = f"{row['clause'] or 'own target'} {row['measure']}"
        if np.isnan(value):
            status = "not_modelled"
        else:
            loose = settings["reading"] == "footprint" and row["measure"] == "built_area_km2"
            yield same(name, float(row["planned"]), value, AREA_TOLERANCE if loose else 1e-6)
            slack = AREA_TOLERANCE if loose else 1e-9
            status = "met" if value >= float(row["target"]) * (1 - slack) else "short"
        yield Finding(f"{name} status", row["status"] == status, str(row["status"]), status)


def _worth(plan: Plan, settings: Mapping[str, Any]) -> float:
    """Traffic of the points in built cells, or else in the discs of equipped sites."""
    points = plan.road_points
    if settings["reading"] == "zone":
        built = plan.zones.zone_id[plan.zones.built.astype(bool)]
        return float(points.traffic[points.zone_id.isin(built)].sum())
    return float(points.traffic[in_discs(plan, points)].sum())


def _check_objective(plan: Plan, settings: Mapping[str, Any]) -> Iterator[Finding]:
    record = plan.run["roadside"]
    objective = float(record["objective"])
    if settings["objective"] == "cost":
        cost = float(plan.rsus.cost_cny.sum())
        ok = abs(cost - objective) <= len(plan.rsus) + 1
        yield Finding("roadside objective", ok, f"{objective:,.0f}", f"{cost:,.0f}")
    else:
        yield same("roadside objective", objective, _worth(plan, settings), 1e-3)
    if record["bound"] is None:
        yield Finding("roadside gap without a bound", record["gap"] is None, "none", "none")
        return
    bound = float(record["bound"])
    beyond = bound - objective if settings["objective"] == "cost" else objective - bound
    ok = beyond <= 1e-6 * max(1.0, abs(objective))
    yield Finding("roadside bound", ok, f"{bound:,.6g}", f"{objective:,.6g}")
    gap = max(0.0, -beyond) / max(abs(objective), 1e-9)
    yield same("roadside gap", float(record["gap"]), gap, GAP_TOLERANCE)
