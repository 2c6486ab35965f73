"""Sparse site x demand reach within a network distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from siting.network import Network


@dataclass(frozen=True, slots=True)
class Reach:
    """
    Which demand points each site can serve, as a coordinate list sorted by (demand, distance, site).

    Attributes
    ----------
    site, demand
        Row index of the site and of the demand point of each arc, int64, shape (arcs,).
    distance_m
        Network distance from demand point to site, access legs included, shape (arcs,).
    sites, demands
        Numbers of sites and demand points (some may have no arc).
    """

    site: npt.NDArray[np.int64]
    demand: npt.NDArray[np.int64]
    distance_m: npt.NDArray[np.float64]
    sites: int
    demands: int


def network_reach(
    network: Network,
    site_node: npt.NDArray[np.int64],
    site_access_m: npt.NDArray[np.float64],
    demand_node: npt.NDArray[np.int64],
    demand_access_m: npt.NDArray[np.float64],
    limit_m: npt.NDArray[np.float64],
    most: int,
) -> Reach:
    """Reach by travel distance from demand point to site, at most `most` nearest sites each; `limit_m` is per demand point."""
    raise NotImplementedError
