"""Instances of maximal covering by name, as `covering.py` runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from siting.core.covering.problem import plain_covering

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from siting.structures import Covering

EARTH_M = 6_378_100.0
BEST = {
    "NewYork": {
        50: 1153640, 60: 1288174, 70: 1396333, 80: 1481434, 90: 1539992, 100: 1574256,
    },
    "Bronx": {
        50: 1205051, 60: 1290635, 70: 1348232, 80: 1376061, 90: 1384376, 100: 1385099,
    },
}  # fmt: skip
"""Best known values (Maximo, Cordeau and Nascimento 2023)."""
RADIUS_M = {"NewYork": 400.0, "Bronx": 600.0}


def pattern_of(neighbours: list[list[int]], sites: int) -> csr_array:
    """Make a CSR pattern of lists of sites, one a row."""
    ends = np.cumsum([0, *(len(row) for row in neighbours)])
    parts = [np.sort(np.asarray(row, dtype=np.int32)) for row in neighbours if row]
    indices = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32)
    return csr_array(
        (np.ones(len(indices), dtype=np.int8), indices, ends), shape=(len(neighbours), sites)
    )


def cordeau(customers: int, *, radius: float = 5.75, open_sites: int = 10) -> Covering:
    """Make 100 sites and customers uniform on a 30 x 30 square (Cordeau et al. 2019)."""
    rng = np.random.default_rng(1)
    site, demand = rng.uniform(0, 30, (100, 2)), rng.uniform(0, 30, (customers, 2))
    weight = rng.integers(1, 101, customers).astype(float)
    sizes, indices = [], []
    for first in range(0, customers, 100_000):
        gaps = demand[first : first + 100_000, None] - site
        near = (gaps**2).sum(axis=2) <= radius**2
        sizes.append(near.sum(axis=1))
        indices.append(np.nonzero(near)[1].astype(np.int32))
    ends = np.concatenate([[0], np.cumsum(np.concatenate(sizes))])
    places = np.concatenate(indices)
    cover = csr_array((np.ones(len(places), dtype=np.int8), places, ends), shape=(customers, 100))
    return plain_covering(cover, weight, open_sites)


def city(sites: int, rows: int, open_sites: int, mean_cover: float) -> Covering:
    """Make sites and demand in 30 normal clusters plus a quarter uniform on 60 x 60 km."""
    rng = np.random.default_rng(1)
    centres = rng.uniform(0, 60, (30, 2))

    def points(count: int) -> npt.NDArray[np.float64]:
        alone = count // 4
        at = centres[rng.integers(0, 30, count - alone)]
        clustered = at + rng.normal(size=(count - alone, 2)) * 5.0
        return np.vstack([clustered, rng.uniform(0, 60, (alone, 2))])

    site, demand = cKDTree(points(sites)), cKDTree(points(rows))
    weight = rng.integers(1, 54, rows).astype(float)
    low, high = 0.01, 20.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        more = demand.count_neighbors(site, middle) / rows > mean_cover
        low, high = (low, middle) if more else (middle, high)
    near = demand.query_ball_tree(site, low)
    return plain_covering(pattern_of(near, sites), weight, open_sites)


def real(folder: Path, name: str, open_sites: int) -> Covering:
    """Read a real instance; every node is a site."""
    lines = (folder / f"{name}.txt").read_text().split("\n")
    count = int(lines[3].split()[-1])
    degrees = np.array([line.split()[:2] for line in lines[5 : 5 + count]], dtype=float)
    weight = np.array(lines[6 + count : 6 + 2 * count], dtype=float)
    lat, lon = np.radians(degrees).T
    flat = np.cos(lat)
    xyz = EARTH_M * np.column_stack([flat * np.cos(lon), flat * np.sin(lon), np.sin(lat)])
    chord = 2 * EARTH_M * np.sin(RADIUS_M[name] / (2 * EARTH_M))
    near = cKDTree(xyz).query_ball_point(xyz, chord).tolist()
    return plain_covering(pattern_of(near, count), weight, open_sites)


CITIES = {
    "city-a": (2_000, 50_000, 100, 20.0),
    "city-b": (5_000, 100_000, 200, 20.0),
    "city-c": (10_000, 200_000, 800, 10.0),
}
"""Sites, demand points, sites to open and mean cover of the clustered cities."""
CUSTOMERS = {"10k": 10_000, "100k": 100_000, "1m": 10**6, "10m": 10**7}


def names() -> list[str]:
    """Names of all cases, from the cheapest on."""
    real_ones = [f"{name.lower()}-{count}" for name, best in BEST.items() for count in best]
    return [*(f"cordeau-{size}" for size in CUSTOMERS), *CITIES, *real_ones]


def make(case: str, folder: Path | None) -> Covering:
    """
    Make a case by its name.

    Parameters
    ----------
    case
        One of `names`.
    folder
        Where `NewYork.txt` and `Bronx.txt` are; needed for those alone.
    """
    kind, _, size = case.partition("-")
    if kind == "cordeau":
        return cordeau(CUSTOMERS[size])
    if kind == "city":
        return city(*CITIES[case])
    if folder is None:
        raise SystemExit(f"{case} is read from a file: give its folder with --data")
    return real(folder, place_of(kind), int(size))


def place_of(kind: str) -> str:
    """Give the file's name of a real case."""
    return next(name for name in BEST if name.lower() == kind)


def best_known(case: str) -> float | None:
    """Best value on record, for the real cases."""
    kind, _, size = case.partition("-")
    return next((best[int(size)] for name, best in BEST.items() if name.lower() == kind), None)
