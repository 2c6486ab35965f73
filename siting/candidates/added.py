"""Charging sites that are added to the candidates: places that a planner names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.candidates.charging import city_of_sites, described, snapped
from siting.candidates.standing import standing
from siting.datum import lonlat_to_metric
from siting.demand import cells as grid
from siting.facts import site_clauses, site_kinds
from siting.own.exclusions import judge_places
from siting.own.existing import no_stations

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.candidates.charging import Candidates
    from siting.frames import CityMap
    from siting.model.model import Charging
    from siting.network import Network


def judged_places(
    places: pd.DataFrame,
    network: Network,
    districts: gpd.GeoDataFrame,
    cells: grid.Cells,
    exclusions: gpd.GeoDataFrame,
) -> pd.DataFrame:
    """
    Say of places where they lie.

    Parameters
    ----------
    places
        `site_id`, `kind`, `name`, `lon`, `lat`.
    network, districts, cells, exclusions
        What they lie in.

    Returns
    -------
    places
        With `x`, `y`, `district` (row, -1 outside), `node` (-1 where no road is near), `access_m`,
        `urban`, `cut` (row of the excluded land, -1 for none) and `cost_factor`.
    """
    xy = lonlat_to_metric(places["lon"], places["lat"], network.crs)
    found = places.assign(x=xy[:, 0], y=xy[:, 1])
    found["district"] = grid.district_of(districts.geometry.to_crs(network.crs).to_numpy(), xy)
    node, access_m = snapped(network, found)
    land = judge_places(exclusions, xy, found["kind"].to_numpy(dtype=object), network.crs)
    return found.assign(
        node=node,
        access_m=access_m,
        urban=grid.is_urban(cells, xy),
        cut=land.cut,
        cost_factor=land.cost_factor,
        area_m2=np.nan,
        capacity=np.nan,
    )


def with_added(
    candidates: Candidates,
    places: pd.DataFrame,
    network: Network,
    districts: gpd.GeoDataFrame,
    city_map: CityMap,
    charging: Charging,
) -> Candidates:
    """
    Add places to the candidates.

    Parameters
    ----------
    candidates
        Those that the map gave.
    places
        As `judged_places`, each in a district and near a road.
    network, districts, city_map, charging
        What they are described by. Such a place holds as many piles as the largest of its kind:
        who names it vouches for the land.

    Returns
    -------
    Candidates
        Sorted by `site_id`.
    """
    kinds = site_kinds()
    clauses = site_clauses(city_of_sites(districts))
    found = described(places, network, districts, city_map, charging, kinds, clauses)
    most = kinds["max_piles"].loc[places["kind"]].to_numpy(dtype=np.int64)
    frame, allowed = standing(
        gpd.GeoDataFrame(found.frame.assign(max_piles=most)),
        found.allowed,
        no_stations(charging),
        charging,
    )
    both = pd.concat([candidates.frame, frame], ignore_index=True)
    order = np.argsort(both["site_id"].to_numpy(dtype=object), kind="stable")

    def joined(one: npt.NDArray[np.generic], other: npt.NDArray[np.generic]) -> npt.NDArray[Any]:
        return np.concatenate([one, other])[order]

    return replace(
        candidates,
        frame=gpd.GeoDataFrame(both.iloc[order].reset_index(drop=True), crs="EPSG:4326"),
        allowed=joined(candidates.allowed, allowed),
        node=joined(candidates.node, found.node),
        access_m=joined(candidates.access_m, found.access_m),
    )
