"""Edge nodes of a roadside plan: which node serves each equipped site, along which fibre."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from siting.core.solve import solve
from siting.formulate.edgenodes import EdgeChoice, edge_programme, served_from
from siting.reach.distance import network_reach

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.core.outcome import Outcome
    from siting.model.roadside import EdgeNodes
    from siting.network import Network

    Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class EdgePlan:
    """
    Who is served from where.

    Attributes
    ----------
    host
        Row of the site at which the node of each site stands, shape (I,).
    fibre_m
        Fibre along roads from each site to its node, 0 at the node itself, shape (I,).
    outcome
        How the solve ended; None where there is no site.
    """

    host: npt.NDArray[np.int64]
    fibre_m: npt.NDArray[np.float64]
    outcome: Outcome | None


def plan_edge_nodes(
    network: Network,
    node: npt.NDArray[np.int64],
    settings: EdgeNodes,
    *,
    gap: float,
    seconds: float,
    memory_mb: float,
    seed: int = 0,
) -> EdgePlan:
    """
    Serve every equipped site by an edge node within fibre reach, at least cost.

    Parameters
    ----------
    network
        Fibre runs along its roads, in either direction.
    node
        Network node of each site, shape (I,).
    settings
        Capacity, reach and costs.
    gap, seconds, memory_mb, seed
        How hard to try.

    Returns
    -------
    EdgePlan
        Each site with its node.

    Raises
    ------
    SolverError
        No plan was found in the time given.
    """
    if not len(node):
        return EdgePlan(np.zeros(0, dtype=np.int64), np.zeros(0), None)
    choice = edge_choice(network, node, settings)
    programme = edge_programme(choice)
    outcome = solve(programme, gap=gap, seconds=seconds, memory_mb=memory_mb, seed=seed)
    host = served_from(programme, outcome, choice)
    fibre_m = np.zeros(len(node))
    at = choice.host == host[choice.site]
    fibre_m[choice.site[at]] = choice.fibre_m[at]
    return EdgePlan(host, fibre_m, outcome)


def edge_choice(network: Network, node: npt.NDArray[np.int64], settings: EdgeNodes) -> EdgeChoice:
    """
    List the arcs that a cheapest plan may use.

    A site farther from a node than the fibre that a node of its own would cost is better served
    by its own; such arcs are left out without loss (note, Reduction).

    Parameters
    ----------
    network
        Roads.
    node
        Network node of each site, shape (I,).
    settings
        Capacity, reach and costs.

    Returns
    -------
    EdgeChoice
        Arcs sorted by site and length.
    """
    reach_m = settings.fibre_m.value
    each_m = settings.fibre_cny_per_m.value
    if each_m > 0:
        reach_m = min(reach_m, settings.node_cny.value / each_m)
    access = np.zeros(len(node))
    reach = network_reach(
        replace(network, travel=both_ways(network)),
        node,
        access,
        node,
        access,
        np.full(len(node), reach_m),
        len(node),
    )
    other = reach.site != reach.demand
    if settings.capacity_sites == 1:
        other[:] = False
    return EdgeChoice(
        site=reach.demand[other],
        host=reach.site[other],
        fibre_m=reach.distance_m[other],
        sites=len(node),
        capacity=settings.capacity_sites,
        node_cny=settings.node_cny.value,
        fibre_cny_per_m=each_m,
    )


def both_ways(network: Network) -> csr_array:
    """Return the roads as links that run both ways, CSR of metres, shape (n, n)."""
    links = network.travel.tocoo()
    tail, head = np.r_[links.row, links.col], np.r_[links.col, links.row]
    metres = np.r_[links.data, links.data]
    order = np.lexsort((metres, head, tail))
    tail, head, metres = tail[order], head[order], metres[order]
    first = np.r_[True, (np.diff(tail) != 0) | (np.diff(head) != 0)] if len(tail) else order == 0
    return csr_array((metres[first], (tail[first], head[first])), shape=network.travel.shape)
