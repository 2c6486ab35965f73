"""A safe bound for capacitated siting, from any multipliers, by numpy alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from siting.structures import least_standing, segment_groups

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from siting.structures import Sizing

MULTIPLIERS = ("demand", "capacity", "most", "least", "grid", "use", "rows")
"""Names of the multiplier arrays: shapes (I,), (J, G), (J,), (J,), (J,), (J,), (R,)."""


def pile_limit(sizing: Sizing) -> npt.NDArray[np.float64]:
    """
    Most piles of each type that land and grid leave room for at each site, shape (J, K).

    None where that is fewer than the type's least number.
    """
    peak = sizing.simultaneity * sizing.pile_kw
    grid = np.floor(sizing.kw_limit[:, None] / np.where(peak > 0, peak, 1e-300) + 1e-9)
    most = np.minimum(sizing.max_piles[:, None], np.where(peak > 0, grid, np.inf))
    return np.where(sizing.allowed & (most >= least_standing(sizing)), most, 0.0)


def can_open(sizing: Sizing) -> npt.NDArray[np.bool_]:
    """
    Sites at which the least number of piles fits, shape (J,).

    Within land and grid, and where demand in reach could use the smallest of them enough.
    """
    limit = pile_limit(sizing)
    least = np.maximum(sizing.min_piles, 1)
    fits = (limit.max(axis=1, initial=0.0) >= least) & (sizing.max_piles >= least)
    energy = sizing.demand_kwh[sizing.point]
    asked = np.bincount(sizing.site, energy, minlength=len(least))
    smallest = np.where(limit > 0, sizing.pile_kwh, np.inf).min(axis=1, initial=np.inf)
    smallest = np.where(np.isfinite(smallest), smallest, 0.0)
    used = asked >= sizing.least_use * least * smallest * (1 - 1e-6)
    return np.asarray(fits & used, dtype=bool)


def sizing_bound(sizing: Sizing, duals: Mapping[str, npt.NDArray[np.float64]]) -> float:
    """
    Upper bound on the weighted energy served by any plan, valid for every choice of multipliers.

    Demand rows, site rows and global rows are priced into the objective; what remains separates by
    site, where the strong links `serve <= demand open` and the box of each pile count are kept, so
    the best multipliers give the bound of the strong linear relaxation (Geoffrion 1974). Signs that
    would make the bound invalid are cut off first. The sum of the magnitudes of all terms times the
    unit round-off and the number of terms is added, which covers the error of any order of
    summation (Higham 2002, eq. 4.4).

    Parameters
    ----------
    sizing
        The instance.
    duals
        Multipliers by name, see `MULTIPLIERS`: `demand` kWh worth a kWh at each point; `capacity`
        by site and group of `segment_groups`; `most`, `least`, `grid`, `use` by site; `rows` > 0
        where the upper bound of the row is priced, < 0 where the lower one is.

    Returns
    -------
    float
        The bound, kWh/day times weight; `-inf` never, `inf` where the multipliers prove nothing.
    """
    value, size, terms = _lagrangian(sizing, duals)
    return value + (terms + 32) * 2.0**-52 * size


def site_values(
    sizing: Sizing, duals: Mapping[str, npt.NDArray[np.float64]]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """
    Worth of opening each site at the multipliers, and the magnitude of its terms, shape (J,) each.

    Multipliers have to be clean (`clean_duals`).
    """
    sites = len(sizing.fixed_cny)
    segments, types = segment_groups(sizing.serves)
    u, lam, rows = duals["demand"], duals["capacity"], duals["rows"]
    worth = sizing.weight - rows @ sizing.row_served
    price = lam @ segments.astype(float)
    use = duals["use"]
    profit = (worth - u)[sizing.point] - price[sizing.site, sizing.segment[sizing.point]]
    profit += use[sizing.site]
    energy = sizing.demand_kwh[sizing.point]
    value = np.bincount(sizing.site, energy * np.maximum(profit, 0), minlength=sites) + 0.0
    scale = (abs(sizing.weight) + abs(rows) @ abs(sizing.row_served) + u)[sizing.point]
    scale += price[sizing.site, sizing.segment[sizing.point]] + use[sizing.site]
    size = np.bincount(sizing.site, energy * scale, minlength=sites) + 0.0
    limit = pile_limit(sizing)
    peak = sizing.simultaneity * sizing.pile_kw
    earn = (lam @ types.astype(float)) * sizing.pile_kwh
    pay = (rows @ sizing.row_piles).reshape(sites, -1)
    rent = duals["most"][:, None] + duals["grid"][:, None] * peak
    rent = rent + (use * sizing.least_use)[:, None] * sizing.pile_kwh
    each = earn + duals["least"][:, None] - pay - rent
    # Kept piles stand whether they are worth it or not.
    value += (limit * np.maximum(each, 0) - sizing.kept * np.maximum(-each, 0)).sum(axis=1)
    paid = (abs(rows) @ abs(sizing.row_piles)).reshape(sites, -1)
    size += (limit * (earn + duals["least"][:, None] + paid + rent)).sum(axis=1)
    head = np.where(np.isfinite(sizing.kw_limit), sizing.kw_limit, 0.0)
    gain = sizing.max_piles * duals["most"] + head * duals["grid"]
    loss = sizing.min_piles * duals["least"]
    value += gain - loss - rows @ sizing.row_open
    size += gain + loss + abs(rows) @ abs(sizing.row_open)
    return value.astype(float), size.astype(float)


def clean_duals(
    sizing: Sizing, duals: Mapping[str, npt.NDArray[np.float64]]
) -> dict[str, npt.NDArray[np.float64]]:
    """Multipliers with the signs that make the bound valid; not-a-number becomes 0."""
    clean = {
        name: np.nan_to_num(np.asarray(duals[name], dtype=float), posinf=0.0, neginf=0.0)
        for name in MULTIPLIERS
    }
    for name in ("demand", "capacity", "most", "least", "grid", "use"):
        clean[name] = np.maximum(clean[name], 0.0)
    clean["grid"] = np.where(np.isfinite(sizing.kw_limit), clean["grid"], 0.0)
    clean["use"] = np.where(sizing.least_use > 0, clean["use"], 0.0)
    rows = clean["rows"]
    rows = np.where(np.isfinite(sizing.row_upper), rows, np.minimum(rows, 0.0))
    clean["rows"] = np.where(np.isfinite(sizing.row_lower), rows, np.maximum(rows, 0.0))
    return clean


def plain_duals(sizing: Sizing) -> dict[str, npt.NDArray[np.float64]]:
    """Multipliers of the plainest bound: every demand point within reach is served in full."""
    sites, groups = len(sizing.fixed_cny), len(segment_groups(sizing.serves)[0])
    reached = np.bincount(sizing.point, minlength=len(sizing.demand_kwh)) > 0
    return {
        "demand": np.where(reached, sizing.weight, 0.0),
        "capacity": np.zeros((sites, groups)),
        "most": np.zeros(sites),
        "least": np.zeros(sites),
        "grid": np.zeros(sites),
        "use": np.zeros(sites),
        "rows": np.zeros(len(sizing.row_name)),
    }


def is_cost(sizing: Sizing, row: int) -> bool:
    """Whether a global row is what a plan costs, with an upper bound alone."""
    money = sizing.row_open[[row]].toarray().ravel(), sizing.row_piles[[row]].toarray().ravel()
    piles = np.tile(sizing.pile_cny, len(sizing.fixed_cny))
    same = np.array_equal(money[0], sizing.fixed_cny) and np.array_equal(money[1], piles)
    return bool(same and not sizing.row_served[[row]].nnz and sizing.row_lower[row] == -np.inf)


def budget_row(sizing: Sizing) -> int:
    """Return the global row that caps what plans cost, the tightest of several; -1 for none."""
    capped = np.flatnonzero(np.isfinite(sizing.row_upper)).tolist()
    rows = [row for row in capped if is_cost(sizing, row)]
    return min(rows, key=lambda row: float(sizing.row_upper[row]), default=-1)


def with_saving(
    sizing: Sizing, duals: Mapping[str, npt.NDArray[np.float64]], saving: float
) -> dict[str, npt.NDArray[np.float64]]:
    """
    Move a worth of money from the objective to the budget row.

    Multipliers of a relaxation whose objective counts `saving` kWh for each CNY not spent fit the
    plain objective once the price of the budget is raised by as much.

    Parameters
    ----------
    sizing
        The instance.
    duals
        Multipliers.
    saving
        Worth of one CNY, kWh/day.
    """
    rows, row = np.array(duals["rows"], dtype=float), budget_row(sizing)
    if row >= 0:
        rows[row] += saving
    return {**duals, "rows": rows}


def _lagrangian(
    sizing: Sizing, duals: Mapping[str, npt.NDArray[np.float64]]
) -> tuple[float, float, int]:
    """Value, sum of magnitudes and number of terms of the Lagrangian."""
    clean = clean_duals(sizing, duals)
    value, size = site_values(sizing, clean)
    usable = can_open(sizing)
    value = np.where(sizing.forced, value, np.maximum(value, 0.0))
    value, size = np.where(usable, value, 0.0), np.where(usable, size, 0.0)
    served = clean["demand"] * sizing.demand_kwh
    up = np.where(np.isfinite(sizing.row_upper), sizing.row_upper, 0.0)
    low = np.where(np.isfinite(sizing.row_lower), sizing.row_lower, 0.0)
    priced = np.where(clean["rows"] > 0, clean["rows"] * up, clean["rows"] * low)
    total = float(value.sum() + served.sum() + priced.sum())
    magnitude = float(size.sum() + served.sum() + abs(priced).sum())
    terms = 2 * len(sizing.site) + 9 * sizing.allowed.size + len(served) + 2 * sizing.row_piles.nnz
    return total, magnitude, terms + sizing.row_served.nnz + sizing.row_open.nnz
