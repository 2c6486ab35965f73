"""Frames, figures and sentences of a hydrogen plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.model.figures import Figure
from siting.said import Said, joined

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.candidates.hydrogen import HydrogenSites
    from siting.candidates.hydrogendemand import HydrogenDemand
    from siting.city.reading import City
    from siting.core.outcome import Outcome
    from siting.model.model import Hydrogen
    from siting.network import Network
    from siting.reach.distance import Reach


def protected_frame(sites: HydrogenSites) -> gpd.GeoDataFrame:
    """List important public buildings and hydrogen supplies, told apart by `role`."""
    parts = [
        sites.protected.assign(role="protected"),
        sites.supplies.assign(role="supply", kind="", extent_m=0.0),
    ]
    columns = ["place_id", "role", "kind", "name", "extent_m", "geometry"]
    some = [part[columns] for part in parts if len(part)] or [parts[0][columns]]
    return gpd.GeoDataFrame(pd.concat(some, ignore_index=True), crs="EPSG:4326")


def planned_text(
    sites: HydrogenSites,
    covered: gpd.GeoDataFrame,
    chosen: npt.NDArray[np.int64],
    hydrogen: Hydrogen,
) -> str:
    """Say what was planned in one sentence."""
    combined = int(sites.frame["combined"].to_numpy()[chosen].sum())
    asked = max(float(covered["kwh_day"].sum()), 1e-9)
    share = float(covered.loc[covered["site_id"] != "", "kwh_day"].sum()) / asked
    return (
        f"{len(chosen)} hydrogen stations, {combined} of them combined, from "
        f"{len(sites.eligible)} of {len(sites.frame)} places; {share:.1%} of heavy-vehicle demand "
        f"within {hydrogen.radius_m.value / 1000:,.0f} km by road"
    )


def covered_frame(
    network: Network,
    sites: HydrogenSites,
    points: HydrogenDemand,
    reach: Reach,
    chosen: npt.NDArray[np.int64],
) -> gpd.GeoDataFrame:
    """Give each point its nearest station within the radius, the lower row where two are equal."""
    site = sites.eligible[reach.site]
    arcs = np.flatnonzero(np.isin(site, chosen))
    arcs = arcs[np.lexsort((site[arcs], reach.distance_m[arcs], reach.demand[arcs]))]
    point, first = np.unique(reach.demand[arcs], return_index=True)
    nearest = np.full(len(points.node), "", dtype=object)
    distance = np.full(len(points.node), -1.0)
    nearest[point] = sites.frame["site_id"].to_numpy()[site[arcs[first]]]
    distance[point] = reach.distance_m[arcs[first]]
    on_road = points.node >= 0
    return points.frame.assign(
        site_id=nearest,
        distance_m=distance,
        node_id=np.where(on_road, network.node_id[points.node], -1),
        access_m=points.access_m,
    )


def stations_frame(
    city: City,
    network: Network,
    sites: HydrogenSites,
    covered: gpd.GeoDataFrame,
    chosen: npt.NDArray[np.int64],
) -> gpd.GeoDataFrame:
    """Describe the chosen sites with what each is nearest to."""
    frame = sites.frame.iloc[chosen].drop(columns="reason").reset_index(drop=True)
    names = city.districts.set_index("district_id")["name"]
    frame["district"] = frame["district_id"].map(names).fillna("")
    given = covered.groupby("site_id")[["kwh_day", "corridor_km"]].sum()
    for column, source in (("served_kwh_day", "kwh_day"), ("corridor_km", "corridor_km")):
        frame[column] = frame["site_id"].map(given[source]).fillna(0.0)
    frame["served_share"] = frame["served_kwh_day"] / max(float(covered["kwh_day"].sum()), 1e-9)
    frame["cost_cny"] = np.round(frame["cost_cny"]).astype(np.int64)
    frame["node_id"] = network.node_id[sites.node[chosen]]
    frame["access_m"] = sites.access_m[chosen]
    return frame


def record_of(outcome: Outcome) -> dict[str, Any]:
    """Return how the solve ended, for run.json."""
    return {
        "status": str(outcome.status),
        "objective": outcome.objective,
        "objective_meaning": "points for cover and supply, less those for cost",
        "objective_meaning_zh": "覆盖与氢源得分，减造价得分",
        "bound": outcome.bound,
        "gap": outcome.gap,
        "route": outcome.route,
        "seconds": round(outcome.seconds, 3),
    }


def settings_of(hydrogen: Hydrogen) -> dict[str, Any]:
    """Return the figures of the model's part as plain numbers."""
    values = {name: getattr(hydrogen, name) for name in type(hydrogen).model_fields}
    plain = {k: v.value if isinstance(v, Figure) else v for k, v in values.items()}
    return {name: list(v) if isinstance(v, tuple) else v for name, v in plain.items()}


def leanings_of(hydrogen: Hydrogen, sites: HydrogenSites) -> dict[str, Said]:
    """Say of each clause without a number how the plan leans towards it."""
    works = len(sites.supplies)
    supply = Said(
        "地图上没有标名的副产氢企业", "no works that give off hydrogen are named on the map"
    )
    if works:
        near = f"stations nearer to one of {works} works that give off hydrogen count more"
        supply = Said(f"距 {works} 处副产氢企业较近的站加分", near)
    first = Said(
        "加氢站：与加油站合建造价较低，优先选用",
        "hydrogen stations: combined ones on fuel stations cost less and so go first",
    )
    return dict.fromkeys(hydrogen.clauses, joined((first, supply)))
