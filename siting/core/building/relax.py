"""Built area: the relaxation as rows, solved by HiGHS with rows added as they are broken."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array, csr_array, diags_array, hstack, vstack

from siting.core.building.area import ones, possible_cells
from siting.core.building.check import Family, Proof
from siting.core.building.cuts import (
    Cuts,
    joined,
    more_rings,
    more_site_cuts,
    neighbour_rings,
    residue,
    site_cuts,
)
from siting.core.handover import ArrayModel
from siting.core.highs import highs_of, solution_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from siting.core.building.cuts import Residue
    from siting.structures import Building

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

ROUNDS = 12
"""Most rounds of adding broken rows."""
LARGE = 20_000
"""Rows from which the interior-point method is faster than the dual simplex on these programmes."""


MOST_UNITS = 1e4
"""Largest value, in units that make all values whole."""


@dataclass(frozen=True, slots=True)
class Relaxation:
    """
    Rows over sites x, cells z, and the heard share y of the groups of hard cells.

    Attributes
    ----------
    building, can, rest
        The instance, the cells that can be built, and what they need.
    hard, group
        Cells with groups of their own as columns, shape (C,), and these groups, shape (L,).
    cuts, rings
        Rows found so far.
    scale, scale_cny
        One unit of the objective and of the budget row in the instance's own.
    """

    building: Building
    can: Bools
    rest: Residue
    hard: Bools
    group: Ints
    cuts: Cuts
    rings: Cuts
    scale: float
    scale_cny: float


@dataclass(frozen=True, slots=True)
class Point:
    """
    Where the relaxation stands.

    Attributes
    ----------
    x, z
        A fractional optimum, shapes (S,) and (C,); None where there is no point at all.
    proof
        Multipliers behind it.
    state
        `solved`, `infeasible` or `limit`.
    """

    x: Floats | None
    z: Floats | None
    proof: Proof | None
    state: str


def relaxation(building: Building) -> Relaxation:
    """Lay the first rows of an instance out."""
    can = possible_cells(building)
    rest = residue(building, can)
    cuts, hard = site_cuts(building, can, rest)
    group = rest.group[hard[building.group_cell[rest.group]]]
    cny = _unit(building.cost)
    scale = _unit(building.worth) if building.maximise else cny
    rings = neighbour_rings(building, can)
    return Relaxation(building, can, rest, hard, group, cuts, rings, scale, cny)


def _unit(values: Floats) -> float:
    """Return a unit in which values are small, and whole where they share a divisor for that."""
    some = values[values > 0]
    if not len(some):
        return 1.0
    if (some == np.rint(some)).all() and some.max() < 2.0**53:
        # HiGHS rounds bounds up where it sees that every objective is whole.
        divisor = float(np.gcd.reduce(some.astype(np.int64)))
        if some.max() <= MOST_UNITS * divisor:
            return divisor
    return float(some.mean())


def array_model(relax: Relaxation, *, whole: bool) -> ArrayModel:
    """
    Give the rows found so far as a programme to be minimised.

    Parameters
    ----------
    relax
        The relaxation.
    whole
        Whether sites and cells are whole numbers.

    Returns
    -------
    ArrayModel
        Columns x, z, y; the rows of `named_rows`.
    """
    building = relax.building
    sites, cells, hard = len(building.cost), len(relax.can), len(relax.group)
    cost = np.zeros(sites + cells + hard)
    if building.maximise:
        cost[sites : sites + cells] = -building.worth / relax.scale
    else:
        cost[:sites] = building.cost / relax.scale
    lower = np.r_[building.forced.astype(float), building.wanted.astype(float), np.zeros(hard)]
    upper = np.r_[(~building.banned).astype(float), relax.can.astype(float), np.ones(hard)]
    matrix, least = _rows(relax)
    return ArrayModel(
        maximise=False,
        offset=0.0,
        cost=cost,
        lower=np.minimum(lower, upper),
        upper=upper,
        integer=np.r_[np.full(sites + cells, whole), np.zeros(hard, dtype=bool)],
        matrix=matrix,
        row_lower=least,
        row_upper=np.full(len(least), np.inf),
        blocks=(("", sites), ("built", cells), ("heard", hard)),
    )


def _rows(relax: Relaxation) -> tuple[csr_array, Floats]:
    blocks, least = zip(*named_rows(relax).values(), strict=True)
    return csr_array(vstack(blocks, format="csr")), np.concatenate(least)


def named_rows(relax: Relaxation) -> dict[str, tuple[csr_array, Floats]]:
    """Give the rows `block @ (x, z, y) >= least` by name, in the order of the programme."""
    building, cells = relax.building, len(relax.can)
    key, groups = relax.group, len(relax.group)
    sides = sided_cells(relax)
    beside = ones(building.neighbour)[sides] - building.least_neighbours * _at(sides, cells)
    owed = diags_array(building.backup_count.astype(float)) @ _at(building.backup_cell, cells)
    _, need, metres = _hard_needs(relax)
    hard = np.flatnonzero(relax.hard)
    place = (np.searchsorted(hard, building.group_cell[key]), np.arange(groups))
    heard = csr_array(coo_array((metres, place), shape=(len(hard), groups)))
    each, cell = _at(np.arange(groups), groups), _at(building.group_cell[key], cells)
    wide = _Widths(len(building.cost), cells, groups)
    rows = {
        "cut": wide.block(relax.cuts.member, -_at(relax.cuts.cell, cells), None),
        "side": wide.block(None, beside, None),
        "backup": wide.block(ones(building.backup), -owed, None),
        "metres": wide.block(None, -diags_array(need[hard]) @ _at(hard, cells), heard),
        "cap": wide.block(None, cell, -each),
        "group": wide.block(relax.rest.hears[key], None, -each),
        "ring": wide.block(None, relax.rings.member - _at(relax.rings.cell, cells), None),
    }
    whole = {}
    if building.target_km2 > 0:
        area = csr_array(building.area_km2[None, :] / building.target_km2)
        whole["area"] = (wide.block(None, area, None), np.ones(1))
    if np.isfinite(building.budget_cny):
        money = csr_array(-building.cost[None, :] / relax.scale_cny)
        whole["budget"] = (
            wide.block(money, None, None),
            np.array([-building.budget_cny / relax.scale_cny]),
        )
    return whole | {name: (block, np.zeros(block.shape[0])) for name, block in rows.items()}


@dataclass(frozen=True, slots=True)
class _Widths:
    """Numbers of columns of x, z and y."""

    x: int
    z: int
    y: int

    def block(self, x: csr_array | None, z: csr_array | None, y: csr_array | None) -> csr_array:
        """Put the parts of rows side by side, zeros for None."""
        parts = (x, z, y)
        rows = next(part.shape[0] for part in parts if part is not None)
        widths = (self.x, self.z, self.y)
        filled = [
            csr_array((rows, width), dtype=np.float64) if part is None else part
            for part, width in zip(parts, widths, strict=True)
        ]
        return csr_array(hstack(filled, format="csr"))


def _at(column: npt.NDArray[np.integer], width: int) -> csr_array:
    """One row with a 1 in each given column."""
    start = np.arange(len(column) + 1)
    return csr_array((np.ones(len(column)), column, start), shape=(len(column), width))


def sided_cells(relax: Relaxation) -> Ints:
    """Cells that can be built and need built neighbours."""
    if relax.building.least_neighbours < 1:
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(relax.can).astype(np.int64)


def _hard_needs(relax: Relaxation) -> tuple[Ints, Floats, Floats]:
    """Return cells of the groups of hard cells, needs of all cells, and metres up to them."""
    cell = relax.building.group_cell[relax.group]
    need = relax.rest.need_m
    return cell, need, np.minimum(relax.building.group_m[relax.group], need[cell])


def solve_relaxation(
    relax: Relaxation,
    *,
    seconds: float,
    tell: Callable[[Point], None] | None = None,
) -> tuple[Relaxation, Point]:
    """
    Solve the linear relaxation, adding broken rows until none is found.

    Parameters
    ----------
    relax
        Rows to begin with.
    seconds
        Wall time allowed.
    tell
        Told each round's point.

    Returns
    -------
    relax, point
        With the rows that were found; the last solved point.
    """
    end = time.monotonic() + seconds
    point = Point(None, None, None, "limit")
    for round_ in range(ROUNDS):
        left = end - time.monotonic()
        if round_ and left <= 0:
            break
        now = _solved(relax, max(left, 1.0))
        if now.state == "infeasible":
            return relax, now
        if now.proof is None:
            break
        point = now
        if tell is not None:
            tell(point)
        grown = with_broken_rows(relax, point)
        if grown is relax:
            break
        relax = grown
    return relax, point


def with_broken_rows(relax: Relaxation, point: Point) -> Relaxation:
    """Add the rows that a point breaks; the same relaxation where none is found."""
    assert point.x is not None  # noqa: S101
    assert point.z is not None  # noqa: S101
    cuts = more_site_cuts(relax.building, relax.rest, relax.hard, point.x, point.z)
    rings = more_rings(relax.building, relax.can, point.z)
    if not len(cuts.cell) and not len(rings.cell):
        return relax
    return replace(relax, cuts=joined(relax.cuts, cuts), rings=joined(relax.rings, rings))


def _solved(relax: Relaxation, seconds: float) -> Point:
    model = array_model(relax, whole=False)
    highs = highs_of(model, seconds=seconds)
    if len(model.row_lower) > LARGE:
        # Presolve takes longer than it saves on rows that are all alike.
        highs.setOptionValue("solver", "ipm")
        highs.setOptionValue("presolve", "off")
    highs.run()
    words = highs.modelStatusToString(highs.getModelStatus())
    if words in ("Infeasible", "Primal infeasible or unbounded"):
        return Point(None, None, None, "infeasible")
    values, solution = solution_of(highs), highs.getSolution()
    if values is None or not solution.dual_valid or words != "Optimal":
        return Point(None, None, None, "limit")
    sites, cells = len(relax.building.cost), len(relax.can)
    dual = np.maximum(np.array(solution.row_dual, dtype=np.float64), 0.0)
    return Point(values[:sites], values[sites : sites + cells], _proof(relax, dual), "solved")


def _proof(relax: Relaxation, dual: Floats) -> Proof:
    """Name the multipliers of the rows in the units of the instance."""
    building, at, price = relax.building, 0, {}
    for name, (_, least) in named_rows(relax).items():
        price[name] = dual[at : at + len(least)] * relax.scale
        at += len(least)
    area = float(price["area"][0]) / building.target_km2 if "area" in price else 0.0
    budget = float(price["budget"][0]) / relax.scale_cny if "budget" in price else 0.0
    side, group = np.zeros(len(relax.can)), np.zeros(len(building.group_m))
    side[sided_cells(relax)] = price["side"]
    group[relax.group] = price["group"]
    used = {name: price[name] > 0 for name in ("cut", "ring")}
    cuts, rings = relax.cuts, relax.rings
    return Proof(
        area,
        budget,
        Family(cuts.cell[used["cut"]], cuts.member[used["cut"]], price["cut"][used["cut"]]),
        Family(rings.cell[used["ring"]], rings.member[used["ring"]], price["ring"][used["ring"]]),
        side,
        price["backup"],
        group,
    )
