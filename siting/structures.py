"""Programmes as plain arrays, for the special routes of the optimisation core."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    from scipy.sparse import csr_array


@dataclass(frozen=True, slots=True)
class Sizing:
    """
    Capacitated siting with integer piles: sites to open, piles of each type, who is served where.

    The mathematics is in `models/formulations/charging.md`; J sites, I demand points, A arcs,
    K pile types, S segments, R global rows.

    Attributes
    ----------
    demand_kwh
        Energy a day that each demand point asks for, kWh/day, shape (I,).
    weight
        Worth of one kWh served at each demand point, >= 0, shape (I,); 1 means plain energy.
    segment
        Segment of each demand point, int64 in [0, S), shape (I,).
    site, point
        Site and demand point of each arc, int64, shape (A,).
    fixed_cny
        Cost of opening each site, CNY, shape (J,).
    min_piles, max_piles
        Piles at an open site, int64, shape (J,); a site with `max_piles` 0 can't open.
    kw_limit
        Most kW at each site after simultaneity, shape (J,); `inf` where there is no limit.
    forced
        Sites that have to be open, bool, shape (J,).
    allowed
        Which types may stand at each site, bool, shape (J, K).
    pile_kw, pile_kwh, pile_cny
        Rated kW, kWh/day that a plan may count on, and CNY installed, of one pile, shape (K,).
    serves
        Which segments each type serves, bool, shape (K, S).
    simultaneity
        Peak kW of a site over its installed kW.
    least_of_type
        Fewest piles of each type at a site that has any of it, >= 1, int64, shape (K,).
    least_use
        Least share of what the piles of an open site can give that it has to serve, in [0, 1),
        shape (J,); 0 asks for nothing.
    kept
        Piles of each type that stand at a site already: fewest of that type while it is open,
        int64, shape (J, K). Their worth is in `fixed_cny` with a minus, so that they cost nothing.
        A site with kept piles that may close has a global row a type besides.
    row_name
        Name of each global row `lower <= sum <= upper`, as shown to the user.
    row_open, row_piles, row_served
        Its coefficients on opened sites (R, J), on piles in row-major (site, type) order (R, J K),
        and on the energy served at each demand point (R, I), CSR.
    row_lower, row_upper
        Its bounds, shape (R,); `-inf` and `inf` allowed.
    """

    demand_kwh: npt.NDArray[np.float64]
    weight: npt.NDArray[np.float64]
    segment: npt.NDArray[np.int64]
    site: npt.NDArray[np.int64]
    point: npt.NDArray[np.int64]
    fixed_cny: npt.NDArray[np.float64]
    min_piles: npt.NDArray[np.int64]
    max_piles: npt.NDArray[np.int64]
    kw_limit: npt.NDArray[np.float64]
    forced: npt.NDArray[np.bool_]
    allowed: npt.NDArray[np.bool_]
    pile_kw: npt.NDArray[np.float64]
    pile_kwh: npt.NDArray[np.float64]
    pile_cny: npt.NDArray[np.float64]
    serves: npt.NDArray[np.bool_]
    simultaneity: float
    least_of_type: npt.NDArray[np.int64]
    least_use: npt.NDArray[np.float64]
    kept: npt.NDArray[np.int64]
    row_name: tuple[str, ...]
    row_open: csr_array
    row_piles: csr_array
    row_served: csr_array
    row_lower: npt.NDArray[np.float64]
    row_upper: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Covering:
    """
    Open sites within a budget so that the weight of the demand they cover is greatest.

    The maximal covering location problem of Church and ReVelle (1974), with weights, unlike costs
    and decided sites: maximise the weight of the rows that have an open site in their cover set.

    Attributes
    ----------
    cover
        Which sites cover each demand row: the pattern of a CSR of shape (rows, sites); stored
        values are not read.
    weight
        Worth of covering each row, >= 0, shape (rows,).
    cost
        Cost of each site in the unit of the budget, >= 0, shape (sites,); ones for a plain number
        of sites.
    budget
        Most that the open sites may cost; the number of sites where costs are ones.
    fixed, banned
        Sites that have to be open and sites that can't be, bool, shape (sites,).
    blocks
        Names of the programme's column blocks of the sites and of the covered rows; `""` means the
        PuLP variables.
    """

    cover: csr_array
    weight: npt.NDArray[np.float64]
    cost: npt.NDArray[np.float64]
    budget: float
    fixed: npt.NDArray[np.bool_]
    banned: npt.NDArray[np.bool_]
    blocks: tuple[str, str] = ("", "covered")


def segment_groups(
    serves: npt.NDArray[np.bool_],
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """
    Find the groups of segments that share pile capacity: facets of a site's transport problem.

    The energy of the segments can be assigned to piles exactly when no set of segments asks for
    more than the piles that serve any of it (Gale 1957, Hall's condition). Of the sets with the
    same piles only the largest matters.

    Parameters
    ----------
    serves
        Which segments each type serves, shape (K, S).

    Returns
    -------
    segments, types
        Segments of each group, shape (G, S), and the types that serve any of them, shape (G, K).
    """
    count = serves.shape[1]
    largest: dict[bytes, npt.NDArray[np.bool_]] = {}
    for size in range(1, count + 1):
        for chosen in combinations(range(count), size):
            group = np.zeros(count, dtype=bool)
            group[list(chosen)] = True
            key = serves[:, group].any(axis=1).tobytes()
            largest[key] = largest.get(key, group) | group
    segments = np.array(list(largest.values()))
    types = np.array([np.frombuffer(key, dtype=bool) for key in largest])
    return segments, types


def least_standing(sizing: Sizing) -> npt.NDArray[np.int64]:
    """Return the fewest piles of each type where it stands, kept or least, shape (J, K)."""
    return np.asarray(np.where(sizing.kept > 0, sizing.kept, sizing.least_of_type), dtype=np.int64)


def some_or_none(sizing: Sizing) -> npt.NDArray[np.int64]:
    """
    Find the sites and types where a type stands in its least number or not at all.

    Returns
    -------
    pairs
        Positions in row-major (site, type) order where the least number is above one and none is
        kept, sorted.
    """
    may = sizing.allowed & (sizing.max_piles > 0)[:, None] & (sizing.least_of_type > 1)
    may &= sizing.kept == 0
    return np.flatnonzero(may.ravel()).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Connected:
    """
    Corridors to choose so that they hang together: most prize within a window of length.

    N nodes, E edges (corridors, undirected; parallel edges and loops allowed), R side rows. The
    chosen edges and their end nodes fall into at most `components` connected parts; where there are
    anchors, each part contains at least one.

    Attributes
    ----------
    nodes
        Number of nodes N.
    tail, head
        End nodes of each edge, int64 in [0, N), shape (E,).
    length_m
        Length of each edge, m, >= 0, shape (E,).
    prize
        Worth of each edge, >= 0, shape (E,).
    least_m, most_m
        Least and most total length of the chosen edges, m; 0 and `inf` for none.
    anchors
        Anchor nodes, int64, shape (P,); empty where a part needs none.
    components
        Most connected parts, >= 1.
    forced, banned
        Edges that have to be chosen and that can't be, bool, shape (E,).
    row_name
        Name of each side row `row_lower <= row_edge @ chosen <= row_upper`: budgets, class mixes,
        district floors.
    row_edge
        Coefficients of the side rows, CSR, shape (R, E).
    row_lower, row_upper
        Their bounds, shape (R,); `-inf` and `inf` allowed.
    """

    nodes: int
    tail: npt.NDArray[np.int64]
    head: npt.NDArray[np.int64]
    length_m: npt.NDArray[np.float64]
    prize: npt.NDArray[np.float64]
    least_m: float
    most_m: float
    anchors: npt.NDArray[np.int64]
    components: int
    forced: npt.NDArray[np.bool_]
    banned: npt.NDArray[np.bool_]
    row_name: tuple[str, ...]
    row_edge: csr_array
    row_lower: npt.NDArray[np.float64]
    row_upper: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Building:
    """
    Sites to equip so that the area built by them is large: least cost, or most worth in a budget.

    The mathematics is in `models/formulations/roadside.md`; S sites, C cells, G groups of road
    points, B backup rows. A built cell has all its key sites equipped, at least `need_m` of its
    groups heard by an equipped site, its backups, and built neighbours. In the footprint reading
    the cells are the faces that the sites' discs cut one another into, with one group each.

    Attributes
    ----------
    cost
        Cost of each site, CNY, >= 0, shape (S,).
    forced, banned
        Sites that have to be equipped and that can't be, bool, shape (S,).
    area_km2
        Area that each cell counts for once it is built, km2, >= 0, shape (C,).
    worth
        Worth of each built cell, >= 0, shape (C,); read where there is a budget to be used best.
    wanted, barred
        Cells that have to be built and that can't be, bool, shape (C,).
    key
        Sites that a built cell has to have equipped: the pattern of a CSR of shape (C, S).
    group_cell
        Cell of each group, int64 in [0, C), shape (G,).
    group_m
        Metres of road in each group, > 0, shape (G,).
    hears
        Sites that hear each group: the pattern of a CSR of shape (G, S).
    need_m
        Metres of a built cell's groups that have to be heard, shape (C,).
    backup_cell
        Cell of each backup row, int64 in [0, C), shape (B,).
    backup
        Other sites that hear a key junction of that cell: the pattern of a CSR of shape (B, S).
    backup_count
        How many of them a built cell has to have equipped, >= 1, shape (B,).
    neighbour
        Cells side by side, the pattern of a symmetric CSR of shape (C, C) without diagonal.
    least_neighbours
        Least number of built neighbours of a built cell; 0 where it is free.
    least_patch
        Least number of cells in a connected patch of built cells; 1 where it is free.
    target_km2
        Least area built, km2; 0 where it is free.
    budget_cny
        Most that the equipped sites may cost, CNY; `inf` where it is free.
    maximise
        Whether most worth is asked for, or else least cost.
    """

    cost: npt.NDArray[np.float64]
    forced: npt.NDArray[np.bool_]
    banned: npt.NDArray[np.bool_]
    area_km2: npt.NDArray[np.float64]
    worth: npt.NDArray[np.float64]
    wanted: npt.NDArray[np.bool_]
    barred: npt.NDArray[np.bool_]
    key: csr_array
    group_cell: npt.NDArray[np.int64]
    group_m: npt.NDArray[np.float64]
    hears: csr_array
    need_m: npt.NDArray[np.float64]
    backup_cell: npt.NDArray[np.int64]
    backup: csr_array
    backup_count: npt.NDArray[np.int64]
    neighbour: csr_array
    least_neighbours: int
    least_patch: int
    target_km2: float
    budget_cny: float
    maximise: bool = False
