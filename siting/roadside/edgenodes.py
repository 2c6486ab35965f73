"""Edge nodes of a roadside plan: which node serves each equipped site, along which fibre."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from siting.core.solve import solve
from siting.errors import InfeasibleError
from siting.formulate.edgenodes import EdgeChoice, edge_programme, served_from
from siting.reach.distance import network_reach
from siting.roadside.edgebound import price_sites

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.core.outcome import Outcome
    from siting.model.roadside import EdgeNodes
    from siting.network import Network
    from siting.own.locked import Locked

    Bools = npt.NDArray[np.bool_]
    Ints = npt.NDArray[np.int64]


AGREE = 1e-6
"""Relative difference below which two bounds are one."""


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
    price
        Prices of the sites that prove `priced_bound`, shape (I,).
    priced_bound
        CNY; branch and bound may have proven more, never what contradicts it.
    """

    host: npt.NDArray[np.int64]
    fibre_m: npt.NDArray[np.float64]
    outcome: Outcome | None
    price: npt.NDArray[np.float64]
    priced_bound: float

    @property
    def bound(self) -> float:
        """The better of both bounds, NaN without sites."""
        if self.outcome is None:
            return math.nan
        # Of two bounds that agree the plain one is told.
        tree = self.outcome.bound
        return tree if self.by_branches else min(self.priced_bound, self.outcome.objective)

    @property
    def by_branches(self) -> bool:
        """Whether branch and bound proved more than the prices do."""
        if self.outcome is None or not math.isfinite(self.outcome.bound):
            return False
        return self.outcome.bound > self.priced_bound + AGREE * abs(self.priced_bound)

    @property
    def gap(self) -> float:
        """Relative gap of the better bound."""
        if self.outcome is None:
            return math.nan
        objective = self.outcome.objective
        return max(0.0, objective - self.bound) / max(abs(objective), 1e-9)


def plan_edge_nodes(
    network: Network,
    node: npt.NDArray[np.int64],
    settings: EdgeNodes,
    *,
    gap: float,
    seconds: float,
    memory_mb: float,
    seed: int = 0,
    locked: Locked | None = None,
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
    locked
        What locks say of a node at each site.

    Returns
    -------
    EdgePlan
        Each site with its node.

    Raises
    ------
    SolverError
        No plan was found in the time given.
    InfeasibleError
        A site without a node of its own has no other within reach.
    """
    if not len(node):
        return EdgePlan(np.zeros(0, dtype=np.int64), np.zeros(0), None, np.zeros(0), 0.0)
    choice = edge_choice(network, node, settings, None if locked is None else locked.banned)
    if locked is not None:
        choice = replace(choice, fixed=locked.fixed, banned=locked.banned)
    programme = edge_programme(choice)
    outcome = solve(programme, gap=gap, seconds=seconds, memory_mb=memory_mb, seed=seed)
    if outcome.status == "infeasible":
        raise InfeasibleError(
            "the locks on edge nodes leave sites without one within fibre reach",
            where="locks",
            value=f"{settings.fibre_m.value:,.0f} m, {settings.capacity_sites} sites a node",
            cure="Lift a ban on an edge node, or raise `edge_nodes.fibre_m`",
        )
    host = served_from(programme, outcome, choice)
    fibre_m = np.zeros(len(node))
    at = choice.host == host[choice.site]
    fibre_m[choice.site[at]] = choice.fibre_m[at]
    each = settings.fibre_cny_per_m.value * fibre_m
    spent = choice.node_cny * (host == np.arange(len(node))) + each
    stars = np.bincount(host, weights=spent, minlength=len(node))[host]
    start = stars / np.bincount(host, minlength=len(node))[host]
    price, bound = price_sites(choice, start, outcome.objective)
    return EdgePlan(host, fibre_m, outcome, price, bound)


def edge_choice(
    network: Network,
    node: npt.NDArray[np.int64],
    settings: EdgeNodes,
    banned: Bools | None = None,
) -> EdgeChoice:
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
    banned
        Sites that can't have a node of their own, shape (I,): they use the whole reach.

    Returns
    -------
    EdgeChoice
        Arcs sorted by site and length.
    """
    reach_m = settings.fibre_m.value
    each_m = settings.fibre_cny_per_m.value
    if each_m > 0:
        reach_m = min(reach_m, settings.node_cny.value / each_m)
    far_m = np.full(len(node), reach_m)
    if banned is not None:
        far_m[banned] = settings.fibre_m.value
    access = np.zeros(len(node))
    reach = network_reach(
        replace(network, travel=both_ways(network)),
        node,
        access,
        node,
        access,
        far_m,
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
