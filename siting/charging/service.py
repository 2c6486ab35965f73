"""How well demand and people are served: the way to the nearest open station."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import dijkstra

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd
    import numpy.typing as npt

    from siting.candidates.charging import Candidates
    from siting.demand.charging import Demand
    from siting.network import Network

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

ALL = "all"
"""`district_id` of the row of the table that sums all districts."""
QUANTILE = 0.95
DECIMALS = 3
"""Distances are rounded to the millimetre, as those of catchments are."""
RAMP_M = 1.0
"""Added to the legs from the extra node, since sparse graphs take 0 for no edge."""


def nearest_station_m(
    network: Network, site_node: Ints, site_access_m: Floats, node: Ints, access_m: Floats
) -> Floats:
    """
    Network distance from points to the nearest of some sites.

    Parameters
    ----------
    network
        Network that both are snapped to.
    site_node, site_access_m
        Node and access leg of each site, shape (sites,); sites with node -1 are left out.
    node, access_m
        Node and access leg of each point, shape (points,).

    Returns
    -------
    distance_m
        Both access legs included, along one-way rules from point to site; `inf` where there is no
        way, shape (points,).

    Notes
    -----
    One shortest-path tree (Dijkstra) grows against the direction of travel from an extra node that
    is linked to every site by its access leg.
    """
    size = len(network.node_id)
    on_road = site_node >= 0
    found: Floats = np.full(len(node), np.inf)
    if not on_road.any():
        return found
    back = csr_array(network.travel.T).tocoo()
    legs = pd.Series(site_access_m[on_road]).groupby(site_node[on_road]).min()
    graph = coo_array(
        (
            np.concatenate([back.data, legs.to_numpy() + RAMP_M]),
            (
                np.concatenate([back.row, np.full(len(legs), size)]),
                np.concatenate([back.col, legs.index.to_numpy()]),
            ),
        ),
        shape=(size + 1, size + 1),
    )
    tree = dijkstra(csr_array(graph), indices=[size])[0, :size] - RAMP_M
    known = node >= 0
    found[known] = np.round(tree[node[known]] + access_m[known], DECIMALS)
    return found


def nearest_by_segment(
    network: Network,
    demand: Demand,
    candidates: Candidates,
    piles: Ints,
    pile_types: pd.DataFrame,
) -> Floats:
    """
    Network distance from each demand point to the nearest open station that can serve it.

    Parameters
    ----------
    network, demand, candidates
        What was planned on.
    piles
        Piles by site and type, shape (sites, types).
    pile_types
        As `piles.pile_table` gives them.

    Returns
    -------
    distance_m
        NaN where no station can be reached, shape (demand points,).
    """
    segment = demand.frame["segment"].to_numpy(dtype=object)
    serves = [set(str(text).split()) for text in pile_types["segments"]]
    nearest: Floats = np.full(len(segment), np.nan)
    for name in sorted(set(segment)):
        types = np.array([name in some for some in serves])
        sites = np.flatnonzero(piles[:, types].sum(axis=1) > 0)
        rows = np.flatnonzero(segment == name)
        found = nearest_station_m(
            network,
            candidates.node[sites],
            candidates.access_m[sites],
            demand.node[rows],
            demand.access_m[rows],
        )
        nearest[rows] = np.where(np.isfinite(found), found, np.nan)
    return nearest


def service_limit_m(demand: pd.DataFrame, settings: Mapping[str, Any]) -> Floats:
    """Return how far each demand point may be from a station: by place, heavy vehicles farther."""
    place = np.where(
        demand["urban"].astype(bool), settings["urban_radius_m"], settings["rural_radius_m"]
    )
    limit: Floats = np.where(
        demand["segment"] == "heavy", settings["heavy_radius_m"], place
    ).astype(np.float64)
    return limit


def service_table(
    demand: gpd.GeoDataFrame, districts: gpd.GeoDataFrame, settings: Mapping[str, Any]
) -> pd.DataFrame:
    """
    Sum up service by district and in all.

    Parameters
    ----------
    demand
        As `Plan.demand`, with `nearest_m` (NaN or `inf` where no station can be reached).
    districts
        As `Plan.districts`.
    settings
        `urban_radius_m`, `rural_radius_m`, `heavy_radius_m`.

    Returns
    -------
    service
        As `Plan.service`; the first row is `ALL`, then the districts in their order.
    """
    points = pd.DataFrame(
        {
            "district_id": demand["district_id"].to_numpy(dtype=object),
            "kwh": demand["kwh_day"].to_numpy(dtype=np.float64),
            "people": demand["population"].to_numpy(dtype=np.float64),
            "rural": ~demand["urban"].to_numpy(dtype=bool),
            "metres": demand["nearest_m"].fillna(np.inf).to_numpy(dtype=np.float64),
        }
    )
    points["within"] = points["metres"].to_numpy() <= service_limit_m(demand, settings)
    known = zip(districts["district_id"], districts["name"], strict=True)
    rows = [{"district_id": ALL, "name": "", **_served(points)}]
    rows += [
        {"district_id": identifier, "name": name, **_served(part)}
        for identifier, name in known
        for part in (points[points["district_id"] == identifier],)
    ]
    return pd.DataFrame(rows)


def _served(points: pd.DataFrame) -> dict[str, float]:
    """Sum up the service of some demand points."""
    rural = points[points["rural"]]
    return {
        "kwh_day": float(points["kwh"].sum()),
        "population": float(points["people"].sum()),
        "rural_population": float(rural["people"].sum()),
        "kwh_share_within": _share(points, "kwh"),
        "people_share_within": _share(points, "people"),
        "rural_people_share_within": _share(rural, "people"),
        "distance_p95_m": weighted_quantile(
            points["metres"].to_numpy(), points["kwh"].to_numpy(), QUANTILE
        ),
        "kwh_unreached": float(points["kwh"][np.isinf(points["metres"])].sum()),
    }


def _share(points: pd.DataFrame, column: str) -> float:
    """Share of a column within reach; NaN of nothing."""
    total = float(points[column].sum())
    return float(points.loc[points["within"], column].sum()) / total if total > 0 else float("nan")


def weighted_quantile(values: Floats, weights: Floats, quantile: float) -> float:
    """
    Return the least value that at least a share of the weight doesn't exceed.

    Parameters
    ----------
    values, weights
        Shapes (n,); weights not negative.
    quantile
        The share, (0, 1].

    Returns
    -------
    value
        NaN where there is no weight, and where the value is `inf`: tables hold finite numbers.
    """
    order = np.argsort(values, kind="stable")
    grown = np.cumsum(weights[order])
    if not len(grown) or grown[-1] <= 0:
        return float("nan")
    # What rounding adds up wrongly must not reach for the next value.
    at = int(np.searchsorted(grown, quantile * grown[-1] * (1 - 1e-12)))
    value = float(values[order[min(at, len(order) - 1)]])
    return value if np.isfinite(value) else float("nan")


def worst_district(service: pd.DataFrame) -> str | None:
    """
    Name the district with the least share of demand within reach.

    Parameters
    ----------
    service
        As `service_table` gives it.

    Returns
    -------
    district_id
        Of equals, the one whose 95th percentile is longer, then the first; None where no district
        has demand.
    """
    rows = service[(service["district_id"] != ALL) & service["kwh_share_within"].notna()]
    if rows.empty:
        return None
    far = rows["distance_p95_m"].fillna(np.inf).to_numpy()
    order = np.lexsort((np.arange(len(rows)), -far, rows["kwh_share_within"].to_numpy()))
    return str(rows["district_id"].iloc[order[0]])


def service_record(service: pd.DataFrame) -> dict[str, Any]:
    """Return the service of all and of the worst district, as run.json holds it."""
    worst = worst_district(service)
    return {
        "all": _record(service[service["district_id"] == ALL]),
        "worst_district": None
        if worst is None
        else _record(service[service["district_id"] == worst]),
    }


def _record(row: pd.DataFrame) -> dict[str, Any]:
    values = row.iloc[0].to_dict()
    return {
        str(name): value if isinstance(value, str) else float(value) if np.isfinite(value) else None
        for name, value in values.items()
    }
