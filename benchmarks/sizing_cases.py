"""Synthetic clustered instances of capacitated siting with integer piles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array, vstack
from scipy.spatial import cKDTree

from siting.structures import Sizing

if TYPE_CHECKING:
    import numpy.typing as npt

KW = np.array([7.0, 60, 120, 240, 480])
UTILISATION = np.array([0.12, 0.15, 0.15, 0.15, 0.15])
EQUIPMENT_CNY = np.array([4700.0, 50000, 73000, 120000, 345000])
SERVES = np.array([[1, 0, 0], [1, 1, 0], [1, 1, 0], [1, 1, 1], [0, 1, 1]], dtype=bool)
SHARE = np.array([0.25, 0.45, 0.30])
AC_KW = 10.0
CLUSTERED, RADIUS_KM = 0.75, 10.0
SUPER_SHARE, FAST_SHARE, FORCED_SHARE = 0.4, 0.7, 0.01


def _towns(
    rng: np.random.Generator, count: int, centres: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Points in km: three quarters in normal clusters, the rest uniform."""
    town = rng.integers(len(centres), size=count)
    spread = rng.normal(0, 3.5, (count, 2)) + centres[town]
    uniform = rng.uniform(0, 60, (count, 2))
    return np.where(rng.random(count)[:, None] < CLUSTERED, spread, uniform)


@dataclass(frozen=True, slots=True)
class Town:
    """
    What to make.

    Attributes
    ----------
    sites, cells, arcs
        Candidate sites, demand points, nearest sites that a demand point may use.
    budget_share
        Budget as a share of what serving all demand with 240 kW piles would cost.
    stations, piles, dc_share
        Targets; 0 for none.
    districts
        Strips with a floor of `stations / districts / 4` each.
    demand_kwh
        Total demand, kWh/day; 0 for 1,200 a site.
    seed
        Seed of everything random.
    """

    sites: int
    cells: int
    arcs: int
    budget_share: float
    stations: int = 0
    piles: int = 0
    dc_share: float = 0.0
    districts: int = 12
    demand_kwh: float = 0.0
    seed: int = 0


def clustered(town: Town) -> Sizing:
    """Make a city of 60 x 60 km with clustered sites and demand, whole yuan and piles."""
    rng = np.random.default_rng(town.seed)
    sites, cells, arcs = town.sites, town.cells, town.arcs
    demand_kwh = town.demand_kwh or 1200.0 * sites
    centres = rng.uniform(5, 55, (30, 2))
    site_xy, cell_xy = _towns(rng, sites, centres), _towns(rng, cells, centres)
    distance, near = cKDTree(site_xy).query(cell_xy, k=arcs)
    segment = rng.choice(3, size=cells, p=[0.5, 0.4, 0.1])
    demand = rng.lognormal(0, 1, cells)
    total = np.bincount(segment, demand, minlength=3)
    demand *= demand_kwh * (SHARE / total)[segment]
    inside = distance <= RADIUS_KM
    point = np.repeat(np.arange(cells), arcs)[inside.ravel()]
    site = near.ravel()[inside.ravel()].astype(np.int64)
    order = np.lexsort((site, point))
    point, site = point[order], site[order]
    kw_limit = rng.choice([250.0, 630, 1000, 1600, 2500], size=sites)
    max_piles = rng.integers(6, 61, size=sites)
    allowed = np.ones((sites, 5), dtype=bool)
    allowed[:, 4] = rng.random(sites) < SUPER_SHARE
    allowed[:, 3] = rng.random(sites) < FAST_SHARE
    pile_cny = EQUIPMENT_CNY + 400 * KW * 0.65 / 0.95
    fixed = rng.choice([200000.0, 320000.0], size=sites)
    pile_kwh = KW * 24 * UTILISATION
    mean = pile_cny[3] / pile_kwh[3]
    budget = town.budget_share * demand_kwh * mean * 1.25
    strip = (site_xy[:, 0].clip(0, 59.9) / 60 * town.districts).astype(np.int64)
    rows = _rows(town, strip, fixed, pile_cny, budget)
    return Sizing(
        demand_kwh=demand, weight=np.ones(cells), segment=segment.astype(np.int64), site=site,
        point=point, fixed_cny=fixed, min_piles=np.full(sites, 4), max_piles=max_piles,
        kw_limit=kw_limit, forced=rng.random(sites) < FORCED_SHARE, allowed=allowed, pile_kw=KW,
        pile_kwh=pile_kwh, pile_cny=pile_cny, serves=SERVES, simultaneity=0.65,
        least_of_type=np.ones(5, dtype=np.int64), least_use=np.zeros(sites),
        kept=np.zeros((sites, 5), dtype=np.int64),
        row_name=rows[0], row_open=rows[1], row_piles=rows[2],
        row_served=csr_array((len(rows[0]), cells)), row_lower=rows[3], row_upper=rows[4],
    )  # fmt: skip


def _rows(
    town: Town,
    district: npt.NDArray[np.int64],
    fixed: npt.NDArray[np.float64],
    pile_cny: npt.NDArray[np.float64],
    budget: float,
) -> tuple[tuple[str, ...], csr_array, csr_array, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Budget, station, pile, dc share and district rows."""
    sites = town.sites
    none, each = np.zeros(sites), np.ones(sites)
    table = [("budget", fixed, np.tile(pile_cny, sites), -np.inf, budget)]
    if town.stations:
        table.append(("stations", each, np.zeros(5 * sites), float(town.stations), np.inf))
        floor = town.stations // town.districts // 4
        for d in range(town.districts):
            inside = (district == d).astype(float)
            low = min(floor, int(inside.sum() // 3))
            table.append((f"district {d}", inside, np.zeros(5 * sites), float(low), np.inf))
    if town.piles:
        table.append(("piles", none, np.ones(5 * sites), float(town.piles), np.inf))
    if town.dc_share:
        share = np.tile((KW > AC_KW) - town.dc_share, sites)
        table.append(("dc share", none, share, 0.0, np.inf))
    return (
        tuple(t[0] for t in table),
        vstack([csr_array(t[1][None]) for t in table], format="csr"),
        vstack([csr_array(t[2][None]) for t in table], format="csr"),
        np.array([t[3] for t in table]),
        np.array([t[4] for t in table]),
    )
