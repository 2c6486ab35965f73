"""Which sites may serve which demand: the nearest that can hold the right piles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from siting.demand.charging import SEGMENTS
from siting.piles import pile_table
from siting.reach.distance import Reach, network_reach

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.candidates.charging import Candidates
    from siting.demand.charging import Demand
    from siting.model.model import Charging
    from siting.network import Network


def service_radius_m(demand: Demand, charging: Charging) -> npt.NDArray[np.float64]:
    """Return the farthest that each demand point may be served from, metres, shape (n,)."""
    frame = demand.frame
    by_place = np.where(frame.urban, charging.urban_radius_m.value, charging.rural_radius_m.value)
    radius: npt.NDArray[np.float64] = np.where(
        frame.segment == "heavy", charging.heavy_radius_m.value, by_place
    ).astype(float)
    return radius


def charging_reach(
    network: Network, candidates: Candidates, demand: Demand, charging: Charging
) -> Reach:
    """
    Reach each demand point from the nearest sites that can serve its segment.

    Parameters
    ----------
    network
        Road network that both sides are snapped to.
    candidates, demand
        Sites and demand points.
    charging
        Radii, pile types and `nearest_sites`.

    Returns
    -------
    reach
        Arcs sorted by demand point, distance and site. The nearest sites are counted among those
        where a pile type that serves the segment may stand, so that a heavy vehicle isn't offered
        twelve car parks.
    """
    limit_m = service_radius_m(demand, charging)
    segment = demand.frame.segment.to_numpy()
    serves = [set(text.split()) for text in pile_table(charging).segments]
    parts = []
    for name in SEGMENTS:
        types = np.array([name in some for some in serves])
        sites = np.flatnonzero(candidates.allowed[:, types].any(axis=1))
        points = np.flatnonzero(segment == name)
        found = network_reach(
            network,
            candidates.node[sites],
            candidates.access_m[sites],
            demand.node[points],
            demand.access_m[points],
            limit_m[points],
            charging.nearest_sites,
        )
        parts.append((sites[found.site], points[found.demand], found.distance_m))
    site, point, distance_m = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((site, distance_m, point))
    return Reach(
        site=site[order],
        demand=point[order],
        distance_m=distance_m[order],
        sites=len(candidates.frame),
        demands=len(demand.frame),
    )
