"""Built area: what a set of equipped sites builds, and whether a plan keeps every rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from siting.errors import SolverError

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.structures import Building

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]

SLACK = 1e-9
"""Relative breach of metres, area or money that still counts as kept: rounding of sums."""


def check_building(building: Building) -> None:
    """
    Refuse a malformed instance.

    Raises
    ------
    SolverError
        Where shapes don't fit, a value is not a number, or an index points outside.
    """
    sites, cells, groups = len(building.cost), len(building.area_km2), len(building.group_m)
    backups = len(building.backup_cell)
    shapes = (
        ("forced", building.forced.shape, (sites,)),
        ("banned", building.banned.shape, (sites,)),
        ("worth", building.worth.shape, (cells,)),
        ("wanted", building.wanted.shape, (cells,)),
        ("barred", building.barred.shape, (cells,)),
        ("need_m", building.need_m.shape, (cells,)),
        ("key", building.key.shape, (cells, sites)),
        ("group_cell", building.group_cell.shape, (groups,)),
        ("hears", building.hears.shape, (groups, sites)),
        ("backup", building.backup.shape, (backups, sites)),
        ("backup_count", building.backup_count.shape, (backups,)),
        ("neighbour", building.neighbour.shape, (cells, cells)),
    )
    for name, found, wanted in shapes:
        if found != wanted:
            raise SolverError("array has the wrong shape", where=f"building {name}", value=found)
    for name in ("cost", "area_km2", "worth", "group_m"):
        values = getattr(building, name)
        if not (np.isfinite(values).all() and (values >= 0).all()):
            raise SolverError("values have to be numbers >= 0", where=f"building {name}")
    for name in ("group_cell", "backup_cell"):
        place = getattr(building, name)
        if len(place) and not (place.min() >= 0 and place.max() < cells):
            raise SolverError("index points outside the cells", where=f"building {name}")


def ones(pattern: csr_array) -> csr_array:
    """Give every stored entry of a pattern the value 1, entries of one place joined."""
    shape = pattern.shape
    copy = csr_array((np.ones(pattern.nnz), pattern.indices, pattern.indptr), shape=shape)
    copy.sum_duplicates()
    copy.data[:] = 1.0
    return copy


def least_m(building: Building) -> Floats:
    """Metres that count as enough in each cell, shape (C,)."""
    least: Floats = building.need_m - SLACK * np.maximum(1.0, np.abs(building.need_m))
    return least


def served_cells(building: Building, equipped: Bools) -> Bools:
    """
    Find the cells whose own rules a set of sites keeps: key sites, metres heard, backups.

    Parameters
    ----------
    building
        The instance.
    equipped
        Shape (S,).

    Returns
    -------
    served
        Shape (C,); barred cells are none.
    """
    on = equipped.astype(np.float64)
    heard = (ones(building.hears) @ on) > 0
    metres = np.bincount(
        building.group_cell, building.group_m * heard, minlength=len(building.need_m)
    )
    served = ~building.barred & (metres >= least_m(building))
    served &= (ones(building.key) @ (1.0 - on)) == 0
    short = (ones(building.backup) @ on) < building.backup_count
    served[building.backup_cell[short]] = False
    return served


def lasting_cells(building: Building, cells: Bools) -> Bools:
    """
    Find the largest subset of cells that keeps the rules on neighbours and patches.

    The union of two such subsets is one, so that there is a largest; it is what is left when cells
    that break a rule are taken away until none does.

    Parameters
    ----------
    building
        The instance.
    cells
        Shape (C,).

    Returns
    -------
    lasting
        Shape (C,).
    """
    kept = cells.copy()
    if building.least_neighbours <= 0 and building.least_patch <= 1:
        return kept
    sides = ones(building.neighbour)
    while True:
        beside = sides @ kept.astype(np.float64)
        now = kept & (beside >= building.least_neighbours)
        if building.least_patch > 1 and now.any():
            at = np.flatnonzero(now)
            _, label = connected_components(sides[at][:, at], directed=False)
            now[at[np.bincount(label)[label] < building.least_patch]] = False
        if (now == kept).all():
            return kept
        kept = now


def built_cells(building: Building, equipped: Bools) -> Bools:
    """Find all cells that a set of equipped sites, shape (S,), builds: shape (C,)."""
    return lasting_cells(building, served_cells(building, equipped))


def possible_cells(building: Building) -> Bools:
    """Find the cells that are built when every site that may be is equipped, shape (C,)."""
    return built_cells(building, ~building.banned)


def plan_value(building: Building, equipped: Bools, built: Bools) -> float:
    """Worth of the built cells, or cost of the equipped sites, as the instance asks."""
    if building.maximise:
        return float(building.worth[built].sum())
    return float(building.cost[equipped].sum())


def broken_rules(building: Building, equipped: Bools, built: Bools) -> tuple[str, ...]:
    """
    Name every rule that a plan breaks.

    Parameters
    ----------
    building
        The instance.
    equipped, built
        Shapes (S,) and (C,).

    Returns
    -------
    broken
        Empty where the plan holds.
    """
    area = float(building.area_km2[built].sum())
    spent = float(building.cost[equipped].sum())
    checks = (
        ("a forced site is not equipped", (building.forced & ~equipped).any()),
        ("a banned site is equipped", (building.banned & equipped).any()),
        ("a cell that has to be built is not", (building.wanted & ~built).any()),
        (
            "a built cell lacks key sites, metres or backups",
            (built & ~served_cells(building, equipped)).any(),
        ),
        (
            "a built cell lacks neighbours or its patch is too small",
            (built & ~lasting_cells(building, built)).any(),
        ),
        (f"{area:.6f} km2 are built", area < building.target_km2 * (1 - SLACK)),
        (f"the sites cost {spent:,.2f} CNY", spent > building.budget_cny * (1 + SLACK)),
    )
    return tuple(text for text, wrong in checks if wrong)


def plan_of(building: Building, equipped: Bools) -> Bools | None:
    """
    Built cells of a set of sites where they make a plan that breaks no rule, or None.

    Building all cells that the sites serve is never worse than building some of them.
    """
    built = built_cells(building, equipped)
    return None if broken_rules(building, equipped, built) else built
