"""Recompute a plan's bound from its multipliers, and hold the arrays behind it to the layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from siting.verify.finding import Finding, none, same
from siting.verify.locks import locked, locked_piles
from siting.verify.roads import road_graph
from siting.verify.standing import piles_before

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    from siting.plan import Plan

    Arrays = Mapping[str, npt.NDArray[Any]]
    Floats = npt.NDArray[np.float64]

SAMPLED_POINTS = 60
"""Demand points whose whole choice of sites is searched again on the roads."""
BY_BRANCHES = "branch and bound"
"""What the route of a run says where the solver's own tree proved more than the multipliers."""


def certificate_findings(plan: Plan) -> Iterator[Finding]:
    """Recompute the bound and hold its arrays to the published layers."""
    # Names with a slash are evidence of other programmes.
    arrays = {name: values for name, values in plan.evidence.items() if "/" not in name}
    if not arrays:
        claims_proof = plan.run["status"] == "optimal" and BY_BRANCHES not in plan.run["route"]
        yield Finding("evidence of the bound", not claims_proof, plan.run["route"], "none kept")
        return
    yield from _check_arrays(plan, arrays)
    yield from _check_choice(plan, arrays)
    yield from _check_groups(arrays)
    bound, claimed = lagrangian_bound(arrays), float(plan.run["bound"])
    if BY_BRANCHES in f"{plan.run['route']} {plan.run['message']}":
        # The multipliers prove less than the tree: they must not contradict it.
        served = float(plan.catchments.kwh_day.sum())
        yield Finding(
            f"multipliers allow what {BY_BRANCHES} claims",
            bound >= max(claimed, served) * (1 - 1e-9),
            f"{claimed:,.6g} by {BY_BRANCHES}",
            f"{bound:,.6g}",
        )
        return
    yield Finding(
        "bound from the multipliers",
        claimed >= bound * (1 - 1e-9),
        f"{claimed:,.6g}",
        f"{bound:,.6g}",
    )


def _check_arrays(plan: Plan, a: Arrays) -> Iterator[Finding]:
    """Hold demand, sites, pile types and budget in the evidence to the layers."""
    demand, sites, types = plan.demand, plan.candidates, plan.pile_types
    before = piles_before(sites, types)
    worth = before @ types.cost_cny.to_numpy(dtype=float)
    largest, held = _with_locks(plan, before)
    pairs = (
        ("demand", a["demand_kwh"], demand.kwh_day, demand.demand_id),
        ("opening costs", a["fixed_cny"], sites.fixed_cost_cny - worth, sites.site_id),
        ("kept piles", kept_piles(a).sum(axis=1), held, sites.site_id),
        ("largest pile counts", a["max_piles"], largest, sites.site_id),
        ("pile kW", a["pile_kw"], types.kw, types.type_id),
        ("pile energy", a["pile_kwh"], types.kwh_day, types.type_id),
        ("pile costs", a["pile_cny"], types.cost_cny, types.type_id),
        ("least numbers of piles", a["least_of_type"], types.least, types.type_id),
    )
    for name, proof, layer, ids in pairs:
        if len(proof) != len(layer):
            yield same(f"evidence: number of {name}", len(proof), len(layer))
            return
        wrong = ~np.isclose(proof.astype(float), layer.to_numpy(dtype=float), rtol=1e-9)
        yield none(f"evidence: {name} are those of the layers", ids[wrong])
    yield none(
        "evidence: only sites that have to be open are forced",
        sites.site_id[a["forced"].astype(bool) & ~_has_to(plan)],
    )
    yield same("evidence: worth of a kWh", 1.0, float(a["weight"].max(initial=1.0)))
    free = sites.site_id[(a["least_use"] > 0) & (sites.existing | sites.mandatory).astype(bool)]
    yield none("evidence: least use is asked of new stations alone", free)
    asked = float(plan.run["settings"]["rules"]["station_use"])
    most = float(a["least_use"].max(initial=0.0))
    yield Finding("evidence: least use", most <= asked * (1 + 1e-9), f"{most:g}", f"{asked:g}")
    budget = plan.run["settings"].get("budget_cny")
    if budget is not None:
        money = np.isclose(a["row_upper"].astype(float), float(budget), rtol=1e-12)
        yield Finding(
            "evidence: budget row", bool(money.any()), f"{budget:,.0f}", f"{money.sum()} rows"
        )


def _with_locks(plan: Plan, before: Floats) -> tuple[pd.Series[Any], pd.Series[Any]]:
    """Most piles of each site, and piles that it has to hold of given types, with the locks."""
    sites, sizes = plan.candidates, locked_piles(plan)
    most = sites.max_piles.where(~sites.site_id.isin(locked(plan, "charging", "ban")), 0)
    asked = {i: float(lock["piles"]) for i, lock in sizes.items()}
    total = pd.Series([asked.get(i, np.nan) for i in sites.site_id], index=sites.index)
    typed = [i for i, lock in sizes.items() if lock["piles_by_type"]]
    held = pd.Series(before.sum(axis=1), index=sites.index)
    return total.fillna(most), held.where(~sites.site_id.isin(typed), total)


def _has_to(plan: Plan) -> npt.NDArray[np.bool_]:
    """Sites that a clause, the map or a lock has open, shape (sites,)."""
    sites = plan.candidates
    stays = sites.existing.astype(bool)
    if "policy" in sites:
        stays &= sites.policy != "closable"
    fixed = sites.site_id.isin(locked(plan, "charging", "fix", "size"))
    return np.asarray((stays | sites.mandatory.astype(bool) | fixed).to_numpy(dtype=bool))


def _check_choice(plan: Plan, a: Arrays) -> Iterator[Finding]:
    """
    Search a sample of demand points' sites again: an arc left out would make the bound too good.

    The nearest sites within the radius that may hold a fitting pile must all be there.
    """
    demand, sites, settings = plan.demand, plan.candidates, plan.run["settings"]
    on_road = np.flatnonzero(demand.node_id.to_numpy() >= 0)
    some = on_road[:: max(1, len(on_road) // SAMPLED_POINTS)]
    radius = np.where(demand.urban, settings["urban_radius_m"], settings["rural_radius_m"])
    radius = np.where(demand.segment == "heavy", settings["heavy_radius_m"], radius)
    fits = a["allowed"].astype(bool) @ a["serves"].astype(bool)
    nodes, metres = road_graph(plan.roads)
    at_site = nodes.get_indexer(pd.Index(sites.node_id))
    at_point = nodes.get_indexer(pd.Index(demand.node_id.iloc[some]))
    trees = dijkstra(metres, indices=at_point, limit=float(radius.max(initial=0.0)))
    missing = []
    for row, point in enumerate(some):
        able = np.flatnonzero(fits[:, a["segment"][point]] & (at_site >= 0))
        far = trees[row, at_site[able]] + sites.access_m.to_numpy()[able]
        far += demand.access_m.iloc[point]
        order = np.argsort(far, kind="stable")[: settings["nearest_sites"]]
        reached = able[order][far[order] < radius[point] - 1.0]
        known = a["site"][a["point"] == point]
        # Ties at the last place may fall either way: one site of difference is no contradiction.
        if len(np.setdiff1d(reached, known)) > 1 or len(reached) > len(known):
            missing.append(demand.demand_id.iloc[point])
    yield none(f"evidence: choice of sites of {len(some)} demand points", np.array(missing))


def _check_groups(a: Arrays) -> Iterator[Finding]:
    """Hold that each group's piles are all those that serve any of its segments."""
    serves, groups = a["serves"].astype(bool), a["groups"].astype(bool)
    wanted = groups @ serves.T
    ok = bool((a["group_types"].astype(bool) | ~wanted).all())
    yield Finding(
        "evidence: groups of segments share all their piles", ok, "all", str(wanted.sum())
    )


def lagrangian_bound(a: Arrays) -> float:
    """
    Bound the energy that any plan can serve, from any multipliers.

    Demand, capacity, pile-count, grid and global rows are priced into the objective; what is left
    is solved site by site in closed form (Geoffrion 1974). Multipliers of the wrong sign are cut.

    Parameters
    ----------
    a
        Evidence, see `evidence.evidence`.

    Returns
    -------
    bound
        kWh a day, with a margin for the rounding of its sums.
    """
    u, rows = _positive(a, "demand"), _row_prices(a)
    lam, most, least, use = (_positive(a, n) for n in ("capacity", "most", "least", "use"))
    kw_limit = a["kw_limit"].astype(float)
    grid = np.where(np.isfinite(kw_limit), _positive(a, "grid"), 0.0)
    sites, types = a["allowed"].shape
    point, site = a["point"], a["site"]
    kwh = a["demand_kwh"].astype(float)
    worth = a["weight"] - _priced(a, "row_served", rows, len(kwh)) - u
    toll = lam @ a["groups"].astype(float)
    margin = worth[point] - toll[site, a["segment"][point]] + use[site]
    energy = np.bincount(site, kwh[point] * np.maximum(margin, 0.0), minlength=sites)
    peak = float(a["simultaneity"]) * a["pile_kw"]
    earned = (lam @ a["group_types"].astype(float)) * a["pile_kwh"]
    priced = _priced(a, "row_piles", rows, sites * types).reshape(sites, types)
    each = earned + least[:, None] - most[:, None] - grid[:, None] * peak - priced
    each = each - (use * a["least_use"])[:, None] * a["pile_kwh"]
    kept = kept_piles(a)
    room = np.where(a["allowed"], _room(a, peak, kw_limit), 0.0)
    # What stands there already stands while the site is open, worth it or not.
    piles = (room * np.maximum(each, 0.0) - kept * np.maximum(-each, 0.0)).sum(axis=1)
    head = np.where(np.isfinite(kw_limit), kw_limit, 0.0) * grid
    opened = energy + piles + a["max_piles"] * most + head - a["min_piles"] * least
    opened = opened - _priced(a, "row_open", rows, sites)
    opened = np.where(_can_be_used(a, room, kwh), opened, 0.0)
    best = np.where(a["forced"].astype(bool), opened, np.maximum(opened, 0.0))
    rest = np.where(rows > 0, a["row_upper"], np.where(rows < 0, a["row_lower"], 0.0))
    constant = float((u * kwh).sum() + (rows * np.where(rows == 0, 0.0, rest)).sum())
    # Far above the rounding of these sums, far below what a gap of 1 % means.
    return (constant + float(best.sum())) * (1 + 1e-9)


def _can_be_used(a: Arrays, room: Floats, kwh: Floats) -> npt.NDArray[np.bool_]:
    """Tell at which sites demand in reach can use the fewest and smallest piles enough."""
    reached = np.bincount(a["site"], kwh[a["point"]], minlength=len(room))
    smallest = np.where(room > 0, a["pile_kwh"].astype(float), np.inf).min(axis=1)
    fewest = np.maximum(a["min_piles"], 1) * np.where(np.isfinite(smallest), smallest, 0.0)
    used = reached >= a["least_use"] * fewest * (1 - 1e-6)
    return np.asarray(used & (a["max_piles"] >= np.maximum(a["min_piles"], 1)))


def _room(a: Arrays, peak: Floats, kw_limit: Floats) -> Floats:
    """
    Most piles of each type at each site by land and grid, shape (sites, types).

    None where a type may only stand in a greater number.
    """
    by_grid = np.floor(kw_limit[:, None] / np.where(peak > 0, peak, np.inf) + 1e-9)
    by_grid = np.where(peak > 0, by_grid, np.inf)
    room: Floats = np.minimum(a["max_piles"].astype(float)[:, None], by_grid)
    kept = kept_piles(a)
    return np.where(room >= np.where(kept > 0, kept, a["least_of_type"]), room, 0.0)


def kept_piles(a: Arrays) -> npt.NDArray[np.int64]:
    """Return the piles that stand at each site already, shape (sites, types)."""
    found = a.get("kept")
    return np.zeros(a["allowed"].shape, dtype=np.int64) if found is None else found.astype(np.int64)


def _positive(a: Arrays, name: str) -> Floats:
    """Return multipliers of `<=` rows: not negative, nothing that isn't a number."""
    values: Floats = np.nan_to_num(a[f"dual_{name}"].astype(float), posinf=0.0, neginf=0.0)
    return np.maximum(values, 0.0)


def _row_prices(a: Arrays) -> Floats:
    """Return prices of the global rows: only where the bound that they price is finite."""
    prices: Floats = np.nan_to_num(a["dual_rows"].astype(float), posinf=0.0, neginf=0.0)
    prices = np.where(np.isfinite(a["row_upper"]), prices, np.minimum(prices, 0.0))
    return np.where(np.isfinite(a["row_lower"]), prices, np.maximum(prices, 0.0))


def _priced(a: Arrays, name: str, prices: Floats, width: int) -> Floats:
    """Price the columns of a block of global rows, shape (width,)."""
    block = csr_array(
        (a[f"{name}.data"], a[f"{name}.indices"], a[f"{name}.indptr"]), shape=(len(prices), width)
    )
    total: Floats = np.asarray(block.T @ prices, dtype=float)
    return total
