"""Hold the evidence behind the bound of the roadside plan to the layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

from siting.verify.builtbound import built_bound
from siting.verify.finding import Finding, none, same
from siting.verify.locks import locked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    from siting.plan import Plan

    Arrays = Mapping[str, npt.NDArray[Any]]
    Settings = Mapping[str, Any]

PREFIX = "roadside/"
"""What the names of the evidence begin with."""
BY_BRANCHES = "branch and bound"
AREA_TOLERANCE = 1e-3
METRES_TOLERANCE = 1e-6


def built_proof_findings(plan: Plan) -> Iterator[Finding]:
    """Recompute the roadside bound and hold the arrays behind it to the layers."""
    settings = plan.run["settings"].get("roadside")
    if settings is None or "roadside" not in plan.run:
        return
    record = plan.run["roadside"]
    arrays = {
        name.removeprefix(PREFIX): values
        for name, values in plan.evidence.items()
        if name.startswith(PREFIX)
    }
    if not arrays:
        proven = record["status"] == "optimal" and BY_BRANCHES not in record["message"]
        yield Finding("roadside evidence of the bound", not proven, record["route"], "none kept")
        return
    yield from _check_sites(plan, arrays)
    yield from _check_target(plan, arrays)
    if settings["reading"] == "footprint":
        yield from _check_faces(plan, arrays)
    else:
        yield from _check_cells(plan, settings, arrays)
    yield _check_bound(record, arrays)


def _check_sites(plan: Plan, a: Arrays) -> Iterator[Finding]:
    sites = plan.roadside_candidates
    if len(a["cost"]) != len(sites):
        yield same("roadside evidence: number of sites", float(len(a["cost"])), float(len(sites)))
        return
    wrong = ~np.isclose(a["cost"], sites.cost_cny.to_numpy(dtype=float), rtol=1e-9, atol=0.51)
    yield none("roadside evidence: costs are those of the layer", sites.site_id[wrong])
    fixed = sites.site_id.isin(
        locked(plan, "roadside", "fix", "size") | locked(plan, "edge_node", "fix")
    ).to_numpy()
    odd = a["forced"].astype(bool) & ~sites.mandatory.to_numpy(dtype=bool) & ~fixed
    yield none("roadside evidence: only mandatory or locked sites are forced", sites.site_id[odd])
    out = sites.site_id.isin(locked(plan, "roadside", "ban")).to_numpy()
    kept = a["banned"].astype(bool) & ~out
    yield none("roadside evidence: no site is kept out but by a lock", sites.site_id[kept])


def _check_target(plan: Plan, a: Arrays) -> Iterator[Finding]:
    rows = plan.clauses[plan.clauses.measure == "built_area_km2"]
    asked = float(rows.target.max()) if len(rows) else 0.0
    proof = float(a["target_km2"])
    ok = proof <= asked * (1 + 1e-9)
    yield Finding("roadside evidence: area asked for", ok, f"{proof:g}", f"{asked:g}")


def _heard_m(plan: Plan, a: Arrays) -> npt.NDArray[np.float64]:
    """Metres of each cell that the published sites hear by the evidence."""
    groups, sites = len(a["group_m"]), len(a["cost"])
    place = (np.ones(len(a["hears.indices"])), a["hears.indices"], a["hears.indptr"])
    on = plan.roadside_candidates.site_id.isin(plan.rsus.site_id).to_numpy(dtype=float)
    heard = csr_array(place, shape=(groups, sites)) @ on > 0
    return np.bincount(
        a["group_cell"].astype(np.int64), a["group_m"] * heard, minlength=len(a["area_km2"])
    ).astype(float)


def _check_faces(plan: Plan, a: Arrays) -> Iterator[Finding]:
    """Hold that the pieces in the equipped discs add up to the footprint."""
    if len(a["cost"]) != len(plan.roadside_candidates):
        return
    area = float(a["area_km2"][_heard_m(plan, a) > 0].sum())
    stated = float(plan.run["totals"]["built_area_footprint_km2"])
    yield same("roadside evidence: pieces of discs", area, stated, AREA_TOLERANCE)


def _check_cells(plan: Plan, settings: Settings, a: Arrays) -> Iterator[Finding]:
    """Hold areas, needs, key sites and metres heard to the layer of cells."""
    zones, counted = plan.zones, a["need_m"] > 0
    if int(counted.sum()) != len(zones):
        yield same("roadside evidence: number of cells", float(counted.sum()), float(len(zones)))
        return
    keys = np.diff(a["key.indptr"])[counted]
    need = float(settings["covered_share"]) * zones.length_m.to_numpy(dtype=float)
    pairs = (
        ("areas", a["area_km2"][counted], zones.area_km2),
        ("metres needed", a["need_m"][counted], need),
        ("key sites", keys, zones.key_sites),
    )
    for name, proof, layer in pairs:
        wrong = ~np.isclose(proof, np.asarray(layer, dtype=float), rtol=METRES_TOLERANCE)
        yield none(f"roadside evidence: {name} of cells", zones.zone_id[wrong])
    if len(a["cost"]) == len(plan.roadside_candidates):
        apart = np.abs(_heard_m(plan, a)[counted] - zones.covered_m.to_numpy(dtype=float))
        open_ = ~a["barred"].astype(bool)[counted]
        far = open_ & (apart > METRES_TOLERANCE * np.maximum(1.0, zones.length_m.to_numpy()))
        yield none("roadside evidence: metres heard in cells", zones.zone_id[far])
    least = (int(a["least_neighbours"]), int(a["least_patch"]))
    asked = (int(settings["least_neighbours"]), int(settings["least_patch_cells"]))
    ok = least[0] <= asked[0] and least[1] <= asked[1]
    yield Finding("roadside evidence: neighbours and patch", ok, str(least), str(asked))


def _check_bound(record: Mapping[str, Any], a: Arrays) -> Finding:
    """Compare the bound of the multipliers with what the record states."""
    found, claimed = built_bound(a), float(record["bound"])
    sign = -1.0 if bool(a["maximise"]) else 1.0
    slack = 1e-6 * max(1.0, abs(claimed))
    if BY_BRANCHES in record["message"]:
        # The multipliers prove less than the tree: they must not contradict it.
        ok = sign * (float(record["objective"]) - found) >= -slack
        name = f"roadside multipliers allow what {BY_BRANCHES} claims"
        return Finding(name, bool(ok), f"{claimed:,.6g}", f"{found:,.6g}")
    ok = sign * (found - claimed) >= -slack
    return Finding(
        "roadside bound from the multipliers", bool(ok), f"{claimed:,.6g}", f"{found:,.6g}"
    )
