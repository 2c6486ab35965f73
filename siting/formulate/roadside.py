"""The roadside programme: which sites are equipped so that enough area is built."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pulp
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.spatial import cKDTree

from siting.errors import SolverError
from siting.programme import Columns, Programme, Rows
from siting.reach.faces import same_rows
from siting.structures import Building

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.candidates.roadside import RoadPoints, RoadsideSites
    from siting.core.outcome import Outcome
    from siting.reach.faces import Faces
    from siting.reach.zones import Zones

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

BUILT, HEARD = "built", "heard"
"""Array blocks: cells or faces, and groups of road points."""


@dataclass(frozen=True, slots=True)
class RoadsideAsked:
    """
    What is asked of the roadside programme.

    Attributes
    ----------
    target_km2
        Least built area, km2; 0 where only a budget limits.
    covered_share
        Least share of a built cell's eligible length that is heard (zone reading).
    least_neighbours, least_patch
        Built side neighbours of a built cell, and cells of a connected patch (zone reading).
    redundancy
        Whether each key junction of a built cell is heard by another equipped site (zone reading).
    budget_cny
        Most that the sites may cost; `inf` for no limit.
    benefit
        Whether most traffic within the budget is asked for, or else least cost.
    clause
        Clause of the area.
    banned, forced
        Sites that can't be equipped and that have to be beside the mandatory ones, shape (s,), or
        None.
    wanted, barred
        Cells that have to be built and that can't be, shape (c,), or None (zone reading).
    faces
        The pieces of the sites' discs; given, the footprint reading is asked for.
    """

    target_km2: float
    covered_share: float = 0.8
    least_neighbours: int = 1
    least_patch: int = 1
    redundancy: bool = False
    budget_cny: float = math.inf
    benefit: bool = False
    clause: str = ""
    banned: Bools | None = None
    forced: Bools | None = None
    wanted: Bools | None = None
    barred: Bools | None = None
    faces: Faces | None = None


def roadside_programme(
    sites: RoadsideSites,
    points: RoadPoints,
    heard: csr_array,
    zones: Zones,
    asked: RoadsideAsked,
) -> Programme:
    """
    Formulate the roadside programme; see `models/formulations/roadside.md`.

    Parameters
    ----------
    sites, points, zones
        S candidate sites, P road points, C cells.
    heard
        Which site hears which point: the pattern of a CSR of shape (P, S).
    asked
        Target, reading and limits.

    Returns
    -------
    Programme
        `equip_j` in PuLP; the array blocks `built` of cells (faces in the footprint reading) and,
        in the zone reading, `heard` of the groups of points. Its structure is a `Building`.

    Raises
    ------
    SolverError
        Most benefit is asked for without a budget.
    """
    if asked.benefit and not math.isfinite(asked.budget_cny):
        raise SolverError(
            "most benefit is asked for without a limit on cost",
            where="roadside",
            cure="Give `roadside.budget_cny`, or ask for least cost",
        )
    if asked.faces is None:
        building = _zone_building(sites, points, heard, zones, asked)
    else:
        building = _face_building(sites, asked.faces, asked)
    return building_programme(building, clause=asked.clause, faces=asked.faces is not None)


def _sites_of(sites: RoadsideSites, asked: RoadsideAsked) -> tuple[Floats, Bools, Bools]:
    """Costs, forced and banned sites."""
    mandatory = sites.frame["mandatory"].to_numpy(dtype=bool)
    forced = mandatory if asked.forced is None else mandatory | asked.forced
    banned = np.zeros(len(forced), dtype=bool) if asked.banned is None else asked.banned
    return sites.frame["cost_cny"].to_numpy(dtype=float), forced, banned.astype(bool)


def _zone_building(
    sites: RoadsideSites,
    points: RoadPoints,
    heard: csr_array,
    zones: Zones,
    asked: RoadsideAsked,
) -> Building:
    cost, forced, banned = _sites_of(sites, asked)
    cells = len(zones.area_km2)
    none = np.zeros(cells, dtype=bool)
    barred = (zones.length_m <= 0) | (none if asked.barred is None else asked.barred)
    group_cell, group_m, hears = point_groups(points.length_m, heard, zones.point, ~barred)
    inside = _pattern(zones.point)
    backup_cell, backup = _backups(sites, points, heard, zones, asked)
    return Building(
        cost=cost,
        forced=forced,
        banned=banned,
        area_km2=zones.area_km2.astype(float),
        worth=np.asarray(inside @ points.traffic, dtype=float),
        wanted=none if asked.wanted is None else asked.wanted & ~barred,
        barred=barred,
        key=_pattern(zones.junction),
        group_cell=group_cell,
        group_m=group_m,
        hears=hears,
        need_m=asked.covered_share * zones.length_m.astype(float),
        backup_cell=backup_cell,
        backup=backup,
        backup_count=np.ones(len(backup_cell), dtype=np.int64),
        neighbour=_pattern(zones.neighbour),
        least_neighbours=asked.least_neighbours,
        least_patch=asked.least_patch,
        target_km2=asked.target_km2,
        budget_cny=asked.budget_cny,
        maximise=asked.benefit,
    )


def _pattern(matrix: csr_array) -> csr_array:
    """Give every entry that is not 0 the value 1.0."""
    found = matrix.copy()
    found.eliminate_zeros()
    values = np.ones(found.nnz)
    return csr_array((values, found.indices, found.indptr), shape=found.shape)


def point_groups(
    length_m: Floats, heard: csr_array, point: csr_array, counted: Bools
) -> tuple[Ints, Floats, csr_array]:
    """
    Join the points of a cell that the same sites hear.

    Parameters
    ----------
    length_m
        Metres of road of each point, shape (P,).
    heard
        CSR pattern of shape (P, S).
    point
        CSR pattern of shape (C, P): the points of each cell.
    counted
        Cells whose points matter, shape (C,).

    Returns
    -------
    cell, metres, hears
        Of each group, shapes (G,), (G,) and a CSR pattern (G, S); points that nobody hears are
        left out.
    """
    some = _pattern(point)
    cell = np.repeat(np.arange(some.shape[0]), np.diff(some.indptr))
    row = some.indices.astype(np.int64)
    hears = _pattern(heard)
    kept = counted[cell] & (np.diff(hears.indptr)[row] > 0) & (length_m[row] > 0)
    cell, row = cell[kept].astype(np.int64), row[kept]
    each = csr_array(hears[row])
    _, first, group = same_rows(each, beside=cell)
    metres = np.bincount(group, length_m[row], minlength=len(first)).astype(float)
    return cell[first], metres, csr_array(each[first])


def _backups(
    sites: RoadsideSites,
    points: RoadPoints,
    heard: csr_array,
    zones: Zones,
    asked: RoadsideAsked,
) -> tuple[Ints, csr_array]:
    """Other sites that hear the road point nearest to each key junction, row by cell."""
    key = _pattern(zones.junction)
    cell = np.repeat(np.arange(key.shape[0]), np.diff(key.indptr)).astype(np.int64)
    site = key.indices.astype(np.int64)
    if not asked.redundancy or not len(site) or not len(points.xy):
        return np.zeros(0, dtype=np.int64), csr_array((0, len(sites.xy)), dtype=np.float64)
    nearest = np.asarray(cKDTree(points.xy).query(sites.xy[site])[1], dtype=np.int64)
    others = coo_array(_pattern(heard)[nearest])
    other = others.col != site[others.row]
    rows = (others.row[other], others.col[other])
    return cell, csr_array(coo_array((np.ones(len(rows[0])), rows), shape=others.shape))


def _face_building(sites: RoadsideSites, faces: Faces, asked: RoadsideAsked) -> Building:
    cost, forced, banned = _sites_of(sites, asked)
    count, none = len(faces.area_km2), np.zeros(len(faces.area_km2), dtype=bool)
    return Building(
        cost=cost,
        forced=forced,
        banned=banned,
        area_km2=faces.area_km2,
        worth=faces.worth,
        wanted=none,
        barred=none,
        key=csr_array((count, len(cost)), dtype=np.float64),
        group_cell=np.arange(count, dtype=np.int64),
        group_m=np.ones(count),
        hears=_pattern(faces.cover),
        need_m=np.ones(count),
        backup_cell=np.zeros(0, dtype=np.int64),
        backup=csr_array((0, len(cost)), dtype=np.float64),
        backup_count=np.zeros(0, dtype=np.int64),
        neighbour=csr_array((count, count), dtype=np.float64),
        least_neighbours=0,
        least_patch=1,
        target_km2=asked.target_km2,
        budget_cny=asked.budget_cny,
        maximise=asked.benefit,
    )


def building_programme(building: Building, *, clause: str = "", faces: bool = False) -> Programme:
    """
    Write an instance out as rows.

    Parameters
    ----------
    building
        The instance.
    clause
        Clause of the area.
    faces
        Whether cells are faces, built where one of their sites is equipped: then they need no
        groups.

    Returns
    -------
    Programme
        Rows carry the numbers of the note. Patches are no rows: the route of the core keeps them.
    """
    sense = pulp.LpMaximize if building.maximise else pulp.LpMinimize
    problem = pulp.LpProblem("roadside", sense)
    equip = tuple(
        problem.add_variable(f"equip_{j}", float(on), float(not off), pulp.LpInteger)
        for j, (on, off) in enumerate(zip(building.forced, building.banned, strict=True))
    )
    money = pulp.LpAffineExpression(list(zip(equip, building.cost.tolist(), strict=True)))
    problem.setObjective(pulp.LpAffineExpression() if building.maximise else money)
    if math.isfinite(building.budget_cny):
        row = pulp.LpConstraint(money, pulp.LpConstraintLE, "r8_budget", building.budget_cny)
        problem.addConstraint(row)
    worth = building.worth if building.maximise else np.zeros(len(building.worth))
    built = Columns(
        BUILT,
        building.wanted.astype(float),
        (~building.barred).astype(float),
        worth,
        integer=True,
    )
    groups = len(building.group_m)
    heard = Columns(HEARD, np.zeros(groups), np.ones(groups), np.zeros(groups))
    return Programme(
        name="roadside",
        problem=problem,
        variables=equip,
        columns=(built,) if faces else (built, heard),
        rows=(_area_row(building, clause), *(_face_rows if faces else _zone_rows)(building)),
        clauses={"r2_area": clause} if clause else {},
        structure=building,
    )


def _area_row(building: Building, clause: str) -> Rows:
    area = csr_array(building.area_km2[None, :])
    least = np.array([building.target_km2])
    return Rows("r2_area", least, np.array([np.inf]), {BUILT: area}, clause)


def _face_rows(building: Building) -> tuple[Rows, ...]:
    """Rows (5): a face is built where a site whose disc holds it is equipped."""
    count = len(building.group_m)
    terms = {"": building.hears, BUILT: _picked(building.group_cell, count, -1.0)}
    return (_at_least("r5_heard", terms, count),)


def _zone_rows(building: Building) -> tuple[Rows, ...]:
    """Rows (3) to (7) of cells."""
    cells, groups = len(building.area_km2), len(building.group_m)
    key, sites = building.key, len(building.cost)
    of_cell = np.repeat(np.arange(cells), np.diff(key.indptr))
    metres = csr_array(
        coo_array((building.group_m, (building.group_cell, np.arange(groups))), (cells, groups))
    )
    asks = np.flatnonzero(~building.barred)
    owed = csr_array(diags_array(-building.need_m))[asks]
    rows = [
        _at_least(
            "r3_key",
            {"": _picked(key.indices, sites, 1.0), BUILT: _picked(of_cell, cells, -1.0)},
            len(of_cell),
        ),
        _at_least("r4_share", {HEARD: metres[asks], BUILT: owed}, len(asks)),
        _at_least(
            "r5_heard",
            {"": building.hears, HEARD: _picked(np.arange(groups), groups, -1.0)},
            groups,
        ),
    ]
    if len(building.backup_cell):
        due = diags_array(-building.backup_count.astype(float))
        owed = csr_array(due @ _picked(building.backup_cell, cells, 1.0))
        terms = {"": building.backup, BUILT: owed}
        rows.append(_at_least("r6_backup", terms, len(building.backup_cell)))
    if building.least_neighbours > 0:
        beside = building.neighbour - building.least_neighbours * diags_array(np.ones(cells))
        rows.append(_at_least("r7_neighbours", {BUILT: csr_array(beside)[asks]}, len(asks)))
    return tuple(rows)


def _at_least(name: str, terms: dict[str, csr_array], count: int) -> Rows:
    return Rows(name, np.zeros(count), np.full(count, np.inf), terms)


def _picked(column: npt.NDArray[np.integer], width: int, value: float) -> csr_array:
    """One row with a value in each given column."""
    values = np.full(len(column), value)
    return csr_array((values, column, np.arange(len(column) + 1)), shape=(len(column), width))


def decode_roadside(programme: Programme, outcome: Outcome) -> tuple[Bools, Bools]:
    """
    Read which sites are equipped and which cells (faces) are built.

    Returns
    -------
    equipped, built
        Shapes (S,) and (C,).

    Raises
    ------
    SolverError
        Where the outcome holds no solution.
    """
    if "" not in outcome.values:
        raise SolverError(
            outcome.message or "no roadside plan was found in the time given",
            where=programme.name,
            value=outcome.status,
            cure="Give it more seconds, a smaller area, or a lower share of covered road",
        )
    equipped: Bools = np.rint(outcome.values[""]) > 0
    built: Bools = np.rint(outcome.values[BUILT]) > 0
    return equipped, built
