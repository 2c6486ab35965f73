"""The edge-node programme: where the computing of the equipped roadside sites stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pulp
from scipy.sparse import coo_array, csr_array

from siting.errors import SolverError
from siting.programme import Columns, Programme, Rows

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.core.outcome import Outcome

    Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class EdgeChoice:
    """
    The figures of an edge-node programme over I sites and A arcs.

    Attributes
    ----------
    site, host
        Site served and site whose cabinet serves it, of each arc, int64, shape (A,); never equal.
    fibre_m
        Along roads, shape (A,).
    sites
        Number of sites, I.
    capacity
        Most sites that a node serves, its own included.
    node_cny, fibre_cny_per_m
        Costs.
    fixed, banned
        Sites at which locks demand a node and forbid one, shape (I,), or None.
    """

    site: npt.NDArray[np.int64]
    host: npt.NDArray[np.int64]
    fibre_m: npt.NDArray[np.float64]
    sites: int
    capacity: int
    node_cny: float
    fibre_cny_per_m: float
    fixed: npt.NDArray[np.bool_] | None = None
    banned: npt.NDArray[np.bool_] | None = None


def edge_programme(choice: EdgeChoice) -> Programme:
    """
    Formulate the edge-node programme; see `models/formulations/edgenodes.md`.

    Parameters
    ----------
    choice
        Arcs, costs and capacity.

    Returns
    -------
    Programme
        Minimise the cost of nodes and fibre. `node_j` in PuLP: a node stands at site j and serves
        it; the array block `serve` follows the arcs. It starts from a greedy plan.
    """
    sites, arcs = choice.sites, len(choice.site)
    problem = pulp.LpProblem("edge_nodes", pulp.LpMinimize)
    free = np.zeros(sites, dtype=np.bool_)
    fixed, banned = (free if some is None else some for some in (choice.fixed, choice.banned))
    nodes = tuple(
        problem.add_variable(f"node_{j}", int(fixed[j]), int(not banned[j]), pulp.LpInteger)
        for j in range(sites)
    )
    terms = [(node, float(choice.node_cny)) for node in nodes]
    problem.setObjective(pulp.LpAffineExpression(terms))
    serve = Columns(
        "serve",
        np.zeros(arcs),
        np.ones(arcs),
        choice.fibre_cny_per_m * choice.fibre_m,
        integer=True,
    )
    at, one = np.arange(arcs), np.ones(arcs)
    itself = csr_array((np.ones(sites), (np.arange(sites), np.arange(sites))))
    served = csr_array(coo_array((one, (choice.site, at)), shape=(sites, arcs)))
    load = csr_array(coo_array((one, (choice.host, at)), shape=(sites, arcs)))
    at_host = csr_array(coo_array((-one, (at, choice.host)), shape=(arcs, sites)))
    each = csr_array((one, (at, at)), shape=(arcs, arcs))
    zero = np.zeros(sites)
    rows = (
        Rows("e2_served", np.ones(sites), np.ones(sites), {"": itself, "serve": served}),
        Rows(
            "e3_capacity",
            np.full(sites, -np.inf),
            zero,
            {"": itself * float(1 - choice.capacity), "serve": load},
        ),
        Rows("e4_at_node", np.full(arcs, -np.inf), np.zeros(arcs), {"": at_host, "serve": each}),
    )
    host, arc = greedy_nodes(choice)
    start = {"": (host == np.arange(sites)).astype(float), "serve": np.zeros(arcs)}
    start["serve"][arc] = 1.0
    return Programme(
        name="edge nodes",
        problem=problem,
        variables=nodes,
        columns=(serve,),
        rows=rows,
        # The greedy plan knows no locks.
        start={} if (fixed | banned).any() else start,
    )


def greedy_nodes(choice: EdgeChoice) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """
    Serve every site by stars taken greedily, the cheapest for each of its sites first.

    Parameters
    ----------
    choice
        Arcs, costs and capacity.

    Returns
    -------
    host, arc
        Host of each site, shape (I,), and the arcs in use.
    """
    sites, most = choice.sites, choice.capacity
    order = np.lexsort((choice.site, choice.fibre_m, choice.host))
    first = np.searchsorted(choice.host[order], np.arange(sites + 1))
    host = np.full(sites, -1, dtype=np.int64)
    used: list[Ints] = []

    def star(j: int) -> tuple[float, Ints]:
        """Find the best star at a site: cost for each site that it serves, and its arcs."""
        arcs = order[first[j] : first[j + 1]]
        arcs = arcs[host[choice.site[arcs]] < 0][: most - 1]
        cost = choice.node_cny + choice.fibre_cny_per_m * np.cumsum(
            np.r_[0.0, choice.fibre_m[arcs]]
        )
        each = cost / np.arange(1, len(arcs) + 2)
        best = int(np.argmin(each))
        return float(each[best]), arcs[:best]

    waiting = np.array([star(j)[0] for j in range(sites)])
    while len(open_to := np.flatnonzero(host < 0)):
        j = int(open_to[np.argmin(waiting[open_to])])
        each, arcs = star(j)
        # Stars only grow dearer as sites are taken: one that is as cheap as it was is the best.
        if each > waiting[j] + 1e-9:
            waiting[j] = each
            continue
        host[j] = j
        host[choice.site[arcs]] = j
        used.append(arcs)
    return host, np.concatenate([np.zeros(0, dtype=np.int64), *used])


def served_from(programme: Programme, outcome: Outcome, choice: EdgeChoice) -> Ints:
    """
    Read which site's node serves each site, shape (I,).

    Raises
    ------
    SolverError
        Where the outcome holds no solution.
    """
    if "" not in outcome.values:
        raise SolverError(
            outcome.message or "no plan of edge nodes was found in the time given",
            where=programme.name,
            value=outcome.status,
            cure="Give it more seconds",
        )
    host = np.where(np.rint(outcome.values[""]) > 0, np.arange(choice.sites), -1)
    arcs = np.flatnonzero(np.rint(outcome.values["serve"]) > 0)
    host[choice.site[arcs]] = choice.host[arcs]
    return host.astype(np.int64)
