"""Built area of cells that stand for themselves: solve some of the sites, the rest as it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from siting.core.building.area import SLACK, ones
from siting.core.building.relax import array_model, relaxation
from siting.core.highs import solve_arrays
from siting.reach.faces import same_rows

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.structures import Building

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

LIFT = 1e-7
"""Relative rise of the area asked of a part, above the tolerance of the solver."""


@dataclass(frozen=True, slots=True)
class Part:
    """
    What is left of an instance when some sites are decided.

    Attributes
    ----------
    building
        The instance over the sites that are open to choice.
    sites
        Which sites these are, shape (k,).
    """

    building: Building
    sites: Ints


def stand_alone(building: Building) -> bool:
    """Whether each cell is built by any site of its one group, as the faces of discs are."""
    cells = len(building.area_km2)
    return (
        building.least_neighbours <= 0
        and building.least_patch <= 1
        and not building.key.nnz
        and not len(building.backup_cell)
        and not building.wanted.any()
        and len(building.group_cell) == cells
        and bool((building.group_cell == np.arange(cells)).all())
        and bool((building.need_m > 0).all() and (building.group_m >= building.need_m).all())
    )


def part_of(building: Building, on: Bools, off: Bools) -> Part:
    """
    Take the decided sites out of an instance whose cells stand alone.

    Parameters
    ----------
    building
        The instance.
    on, off
        Sites that are equipped and that are not, shape (S,).

    Returns
    -------
    Part
        Cells that a decided site builds are off the target; the others that the same open sites
        build are one.
    """
    sites = np.flatnonzero(~on & ~off)
    hears = ones(building.hears)
    built = (hears @ on.astype(np.float64)) > 0
    count = ~building.barred
    choice = csr_array(hears[:, sites])
    left = np.flatnonzero(count & ~built & (np.diff(choice.indptr) > 0))
    choice = csr_array(choice[left])
    choice.sort_indices()
    _, first, group = same_rows(choice)
    cells = len(first)
    sure = count & built
    target = building.target_km2 * (1 + LIFT) - float(building.area_km2[sure].sum())
    spent = float(building.cost[on].sum())
    none, few = np.zeros(cells, dtype=bool), np.zeros(len(sites), dtype=bool)
    small = replace(
        building,
        cost=building.cost[sites],
        forced=few,
        banned=few,
        area_km2=np.bincount(group, building.area_km2[left], minlength=cells).astype(float),
        worth=np.bincount(group, building.worth[left], minlength=cells).astype(float),
        wanted=none,
        barred=none,
        key=csr_array((cells, len(sites)), dtype=np.float64),
        group_cell=np.arange(cells, dtype=np.int64),
        group_m=np.ones(cells),
        hears=csr_array(choice[first]),
        need_m=np.ones(cells),
        backup=csr_array((0, len(sites)), dtype=np.float64),
        neighbour=csr_array((cells, cells), dtype=np.float64),
        target_km2=max(target, 0.0),
        budget_cny=building.budget_cny * (1 + SLACK) - spent,
    )
    return Part(small, sites)


def solve_part(
    building: Building, on: Bools, off: Bools, *, gap: float, seconds: float, seed: int
) -> Bools | None:
    """
    Solve for the sites that are open to choice.

    Returns
    -------
    equipped
        All equipped sites, shape (S,), or None where nothing was found.
    """
    part = part_of(building, on, off)
    model = array_model(relaxation(part.building), whole=True)
    found = solve_arrays(model, gap=gap, seconds=seconds, seed=seed)
    if found.values is None:
        return None
    equipped = on.copy()
    equipped[part.sites] = found.values[: len(part.sites)] > 0.5  # noqa: PLR2004
    return equipped


def window(beside: csr_array, start: int, size: int, rng: np.random.Generator) -> Ints:
    """
    Gather sites that share cells, outwards from one.

    Parameters
    ----------
    beside
        Sites that share a cell, CSR of shape (S, S).
    start
        The first.
    size
        How many, or fewer where no more hang together.
    rng
        Breaks the order within a ring.

    Returns
    -------
    sites
        Shape (k,).
    """
    seen, ring = np.zeros(beside.shape[0], dtype=bool), np.array([start])
    seen[start] = True
    taken = [ring]
    while sum(map(len, taken)) < size and len(ring):
        around = np.unique(beside[ring].indices)
        ring = rng.permutation(around[~seen[around]])
        seen[ring] = True
        taken.append(ring)
    return np.concatenate(taken)[:size].astype(np.int64)


def shared(building: Building) -> csr_array:
    """Find sites that share a cell, CSR of shape (S, S)."""
    hears = ones(building.hears)
    return csr_array(hears.T @ hears)
