"""Recompute what stands already and what it costs; with what excluded land allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from siting.verify.finding import Finding, none, same
from siting.verify.land import land_findings

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from siting.plan import Plan

    Floats = npt.NDArray[np.float64]
    Bools = npt.NDArray[np.bool_]


def standing_findings(plan: Plan) -> Iterator[Finding]:
    """Recompute kept stations and piles, opening costs, and what excluded land allows."""
    if "policy" not in plan.candidates.columns:
        return
    yield from _check_kept(plan)
    if len(plan.existing):
        yield from _check_existing(plan)
    yield from _check_opening(plan)
    yield from _check_split(plan)
    yield from land_findings(plan)


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
