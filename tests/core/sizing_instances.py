"""Small random instances of capacitated siting, and brute force over them."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

from siting.structures import Sizing, segment_groups

if TYPE_CHECKING:
    import numpy.typing as npt


def rows_of(
    table: list[tuple[str, npt.NDArray, npt.NDArray, npt.NDArray, float, float]],
    shape: tuple[int, int, int],
) -> dict[str, object]:
    """Global rows of a Sizing from (name, open, piles, served, lower, upper)."""
    sites, types, points = shape
    return {
        "row_name": tuple(t[0] for t in table),
        "row_open": csr_array(np.array([t[1] for t in table]).reshape(-1, sites)),
        "row_piles": csr_array(
            np.array([np.ravel(t[2]) for t in table]).reshape(-1, sites * types)
        ),
        "row_served": csr_array(np.array([t[3] for t in table]).reshape(-1, points)),
        "row_lower": np.array([t[4] for t in table], dtype=float),
        "row_upper": np.array([t[5] for t in table], dtype=float),
    }


def random_sizing(
    seed: int, *, sites: int = 4, points: int = 6, types: int = 2, most: int = 3
) -> Sizing:
    """Instance with a budget, every count whole, some demand out of reach."""
    rng = np.random.default_rng(seed)
    arcs = np.argwhere(rng.random((points, sites)) < 0.6)
    serves = np.ones((types, 2), dtype=bool)
    serves[0, 1] = False
    fixed = rng.integers(2, 9, sites) * 10000.0
    pile_cny = np.sort(rng.integers(1, 9, types)) * 5000.0
    budget = float(rng.integers(4, 30)) * 10000.0
    none = np.zeros(points)
    table = [("budget", fixed, np.tile(pile_cny, sites), none, -np.inf, budget)]
    least = rng.integers(1, 3, sites)
    return Sizing(
        demand_kwh=rng.integers(0, 90, points).astype(float),
        weight=rng.choice([0.0, 1.0, 1.0, 2.0], points),
        segment=rng.integers(0, 2, points),
        site=arcs[:, 1].astype(np.int64),
        point=arcs[:, 0].astype(np.int64),
        fixed_cny=fixed,
        min_piles=least,
        max_piles=least + rng.integers(0, most - 1, sites),
        kw_limit=rng.choice([60.0, 120.0, np.inf], sites),
        forced=np.zeros(sites, dtype=bool),
        allowed=rng.random((sites, types)) < 0.8,
        pile_kw=np.array([7.0, 60.0, 120.0])[:types],
        pile_kwh=np.array([20.0, 70.0, 130.0])[:types],
        pile_cny=pile_cny,
        serves=serves,
        simultaneity=0.65,
        least_of_type=np.ones(types, dtype=np.int64),
        least_use=np.zeros(sites),
        kept=np.zeros((sites, types), dtype=np.int64),
        **rows_of(table, (sites, types, points)),  # type: ignore[arg-type]
    )


def with_site_rules(sizing: Sizing, seed: int) -> Sizing:
    """Ask for two of a type or none, and for some use at some sites that may stay closed."""
    rng = np.random.default_rng(seed)
    sites, types = sizing.allowed.shape
    return replace(
        sizing,
        least_of_type=rng.integers(1, 3, types),
        least_use=np.where(rng.random(sites) < 0.7, rng.choice([0.3, 0.7, 0.95], sites), 0.0),
        max_piles=sizing.max_piles + 1,
        forced=np.zeros(sites, dtype=bool),
    )


def with_kept(sizing: Sizing, seed: int) -> Sizing:
    """
    Let piles stand at half of the sites already, one or two of some types.

    Of these every other may close: a row a type holds its piles while it is open. What stands
    costs nothing, by a minus in the cost of opening.
    """
    rng = np.random.default_rng(seed)
    sites, types = sizing.allowed.shape
    there = np.arange(sites) % 2 == 0
    kept = np.where(there[:, None], rng.integers(0, 3, (sites, types)), 0)
    kept[there, rng.integers(0, types, int(there.sum()))] = 1
    stays = there & (np.arange(sites) % 4 == 0)
    peak = sizing.simultaneity * (kept @ sizing.pile_kw)
    fixed = np.where(there, 0.0, sizing.fixed_cny) - kept @ sizing.pile_cny
    closable = [
        (f"kept {j} {k}", np.where(np.arange(sites) == j, -kept[j, k], 0.0),
         np.arange(sites * types) == j * types + k, np.zeros(len(sizing.demand_kwh)), 0.0, np.inf)
        for j, k in np.argwhere((kept > 0) & (there & ~stays)[:, None]).tolist()
    ]  # fmt: skip
    rows = [
        (name, sizing.row_open[[r]].toarray().ravel(), sizing.row_piles[[r]].toarray().ravel(),
         sizing.row_served[[r]].toarray().ravel(), sizing.row_lower[r], sizing.row_upper[r])
        for r, name in enumerate(sizing.row_name)
    ]  # fmt: skip
    rows[0] = (rows[0][0], fixed, *rows[0][2:])
    total = kept.sum(axis=1)
    return replace(
        sizing,
        fixed_cny=fixed,
        min_piles=np.where(there, total, sizing.min_piles),
        max_piles=np.where(there, total + rng.integers(0, 2, sites), sizing.max_piles),
        kw_limit=np.where(there, np.maximum(sizing.kw_limit, peak), sizing.kw_limit),
        forced=stays,
        allowed=sizing.allowed | (kept > 0),
        kept=kept,
        least_use=np.where(there, 0.0, sizing.least_use),
        **rows_of(rows + closable, (sites, types, len(sizing.demand_kwh))),  # type: ignore[arg-type]
    )


def with_rows(
    sizing: Sizing, *, stations: float = 0, piles: float = 0, served: float = 0
) -> Sizing:
    """Add targets to an instance with a budget."""
    sites, types = sizing.allowed.shape
    points = len(sizing.demand_kwh)
    table = [
        (
            "budget",
            sizing.fixed_cny,
            np.tile(sizing.pile_cny, sites),
            np.zeros(points),
            -np.inf,
            float(sizing.row_upper[0]),
        ),
        ("stations", np.ones(sites), np.zeros(sites * types), np.zeros(points), stations, np.inf),
        ("piles", np.zeros(sites), np.ones(sites * types), np.zeros(points), piles, np.inf),
        ("served", np.zeros(sites), np.zeros(sites * types), np.ones(points), served, np.inf),
    ]
    return replace(sizing, **rows_of(table, (sites, types, points)))  # type: ignore[arg-type]


def most_served(sizing: Sizing, opened: npt.NDArray, piles: npt.NDArray) -> float:
    """Most weighted energy with given piles, by a dense linear programme; NaN where rows fail."""
    arcs, points = len(sizing.site), len(sizing.demand_kwh)
    base = sizing.row_open @ opened + sizing.row_piles @ piles.ravel()
    onto = np.zeros((points, arcs))
    onto[sizing.point, np.arange(arcs)] = 1.0
    served = sizing.row_served.toarray() @ onto
    rows, upper = [onto], [sizing.demand_kwh]
    for group, kinds in zip(*segment_groups(sizing.serves), strict=True):
        take = np.zeros((len(opened), arcs))
        take[sizing.site, np.arange(arcs)] = group[sizing.segment[sizing.point]]
        rows.append(take)
        upper.append((piles * sizing.pile_kwh) @ kinds)
    taken = np.zeros((len(opened), arcs))
    taken[sizing.site, np.arange(arcs)] = 1.0
    rows.append(-taken)
    upper.append(-sizing.least_use * (piles @ sizing.pile_kwh))
    for sign, bound in ((1.0, sizing.row_upper - base), (-1.0, base - sizing.row_lower)):
        finite = np.isfinite(bound)
        rows.append(sign * served[finite])
        upper.append(bound[finite])
    if not arcs:
        return 0.0 if (np.concatenate(upper) >= -1e-9).all() else float("nan")
    found = linprog(
        -sizing.weight[sizing.point],
        A_ub=np.vstack(rows),
        b_ub=np.concatenate(upper),
        bounds=[
            (0.0, q * o)
            for q, o in zip(sizing.demand_kwh[sizing.point], opened[sizing.site], strict=True)
        ],
    )
    return -float(found.fun) if found.status == 0 else float("nan")


def brute_force(sizing: Sizing) -> float:
    """Best weighted energy over every choice of sites and piles; NaN where none keeps the rows."""
    sites, types = sizing.allowed.shape
    options = []
    for j in range(sites):
        counts = [
            range(int(sizing.max_piles[j]) + 1 if sizing.allowed[j, k] else 1) for k in range(types)
        ]
        fits = [
            c for c in product(*counts)
            if sizing.min_piles[j] <= sum(c) <= sizing.max_piles[j]
            and sizing.simultaneity * float(np.dot(c, sizing.pile_kw)) <= sizing.kw_limit[j] + 1e-9
            and all(n >= k for n, k in zip(c, sizing.kept[j], strict=True))
            and all(
                n == 0 or k > 0 or n >= least
                for n, k, least in zip(c, sizing.kept[j], sizing.least_of_type, strict=True)
            )
        ]  # fmt: skip
        closed = [] if sizing.forced[j] else [None]
        options.append(closed + fits)
    best = float("nan")
    for plan in product(*options):
        opened = np.array([p is not None for p in plan], dtype=float)
        piles = np.array([p or (0,) * types for p in plan])
        counted = sizing.row_open @ opened + sizing.row_piles @ piles.ravel()
        unserved = np.diff(sizing.row_served.indptr) == 0
        good = (counted >= sizing.row_lower - 1e-9) & (counted <= sizing.row_upper + 1e-9)
        if not good[unserved].all():
            continue
        value = most_served(sizing, opened, piles)
        if not np.isnan(value) and not value <= best:
            best = value
    return best
