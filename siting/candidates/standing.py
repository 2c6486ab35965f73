"""Stations in operation and excluded land among the candidate charging sites."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.own.exclusions import judge_places
from siting.own.existing import KEPT, KIND

if TYPE_CHECKING:
    import numpy.typing as npt
    from pyproj import CRS

    from siting.model.model import Charging
    from siting.own.existing import Existing

    Bools = npt.NDArray[np.bool_]

FAR = "farther than {:g} m from every road"
"""Reason of a place that no road reaches."""


def with_stations(facilities: gpd.GeoDataFrame, existing: Existing) -> gpd.GeoDataFrame:
    """
    Put the stations in operation in the place of those that the map shows.

    Parameters
    ----------
    facilities
        `CityMap.facilities`.
    existing
        Stations in operation, those of the map among them.
    """
    others = facilities[facilities["kind"] != KIND]
    frame = existing.frame
    stations = gpd.GeoDataFrame(
        {
            "facility_id": frame["site_id"],
            "kind": KIND,
            "name": frame["name"],
            "area_m2": np.nan,
            "capacity": frame["capacity"],
        },
        geometry=frame.geometry.to_numpy(),
        crs="EPSG:4326",
    )
    parts = [part for part in (others, stations) if len(part)]
    return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True)) if parts else others


def judged(places: pd.DataFrame, exclusions: gpd.GeoDataFrame, crs: CRS) -> pd.DataFrame:
    """
    Say of places what the land says: `cut` (row of the exclusion, -1 for none), `cost_factor`.

    Stations in operation stay and cost no more.
    """
    kinds = places["kind"].to_numpy(dtype=object)
    land = judge_places(exclusions, places[["x", "y"]].to_numpy(dtype=float), kinds, crs)
    stands = kinds == KIND
    return places.assign(
        cut=np.where(stands, -1, land.cut), cost_factor=np.where(stands, 1.0, land.cost_factor)
    )


def dropped_frame(
    places: pd.DataFrame, exclusions: gpd.GeoDataFrame, crs: CRS, far_m: float
) -> gpd.GeoDataFrame:
    """
    List places that are no sites, each with its reason.

    Parameters
    ----------
    places
        With `site_id`, `name`, `kind`, `x`, `y` and `cut`, as `judged`.
    exclusions
        The land.
    crs
        Metric CRS of the places.
    far_m
        Distance to a road that the places not cut are beyond.
    """
    cut = places["cut"].to_numpy(dtype=np.int64)
    ids = np.append(exclusions["exclusion_id"].to_numpy(dtype=object), "")
    reasons = np.append(exclusions["reason"].to_numpy(dtype=object), FAR.format(far_m))
    frame = gpd.GeoDataFrame(
        {
            "programme": "charging",
            "site_id": places["site_id"].to_numpy(dtype=object),
            "name": places["name"].to_numpy(dtype=object),
            "kind": places["kind"].to_numpy(dtype=object),
            "exclusion_id": ids[cut],
            "reason": reasons[cut],
        },
        geometry=shapely.points(places[["x", "y"]].to_numpy(dtype=float)),
        crs=crs,
    ).to_crs("EPSG:4326")
    return frame.sort_values("site_id", ignore_index=True)


def standing(
    frame: gpd.GeoDataFrame, allowed: Bools, existing: Existing, charging: Charging
) -> tuple[gpd.GeoDataFrame, Bools]:
    """
    Give the sites that are stations in operation what they have.

    A station that stays as it is, or closes, holds exactly its piles; one that may grow holds at
    least them and at most what its land holds. Its grid connection carries what it has. Where the
    piles aren't known the site is sized as any other.

    Parameters
    ----------
    frame
        Sites, as `Candidates.frame`, with the sizes of their kinds.
    allowed
        Types that suit each site, shape (sites, types).
    existing
        Stations in operation.
    charging
        Pile types and the simultaneity.

    Returns
    -------
    frame, allowed
        With `policy`, `access` and `kept_<type id>`.
    """
    row = pd.Index(existing.frame["site_id"]).get_indexer(pd.Index(frame["site_id"]))
    there = row >= 0
    piles = np.zeros((len(frame), len(charging.piles)), dtype=np.int64)
    piles[there] = existing.piles[row[there]]
    total = piles.sum(axis=1)
    known = there & (total > 0)
    policy = np.full(len(frame), "", dtype=object)
    policy[there] = existing.frame["policy"].to_numpy(dtype=object)[row[there]]
    access = np.full(len(frame), "public", dtype=object)
    access[there] = existing.frame["access"].to_numpy(dtype=object)[row[there]]
    kinds = frame["kind"].isin(list(charging.readings.dedicated_kinds)).to_numpy()
    access[kinds & ~there] = "dedicated"
    keep = np.zeros(len(frame))
    keep[there] = existing.frame["keep_cny"].to_numpy(dtype=float)[row[there]]
    peak = charging.simultaneity.value * (piles @ np.array([pile.kw for pile in charging.piles]))
    grows = known & (policy == "extendable")
    most = frame["max_piles"].to_numpy(dtype=np.int64)
    least = frame["min_piles"].to_numpy(dtype=np.int64)
    changed = frame.assign(
        policy=policy,
        access=access,
        **{f"{KEPT}{pile.id}": piles[:, k] for k, pile in enumerate(charging.piles)},
        max_piles=np.where(known, np.where(grows, np.maximum(most, total), total), most),
        min_piles=np.where(known, total, least),
        kw_limit=np.maximum(frame["kw_limit"].to_numpy(dtype=float), peak),
        fixed_cost_cny=np.where(there, keep, frame["fixed_cost_cny"].to_numpy(dtype=float)),
    )
    fits = np.where((known & ~grows)[:, None], piles > 0, allowed | (piles > 0))
    return gpd.GeoDataFrame(changed), np.asarray(fits, dtype=np.bool_)
