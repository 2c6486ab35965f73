"""Built area: leave out equipped sites that a plan doesn't need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from siting.core.building.area import built_cells, least_m, ones, plan_of, plan_value

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.structures import Building

    Bools = npt.NDArray[np.bool_]


def tidied(building: Building, equipped: Bools) -> Bools:
    """
    Switch off sites, the dearest first, that no built cell of a plan can't do without.

    Where cells stand for themselves (no neighbours, no patches), cells that the target can spare
    go too.

    Parameters
    ----------
    building
        The instance.
    equipped
        A plan that breaks no rule, shape (S,).

    Returns
    -------
    equipped
        A plan that breaks no rule and costs no more, shape (S,).
    """
    state = _State(building, equipped)
    optional = np.flatnonzero(equipped & ~building.forced)
    order = np.lexsort((optional, -building.cost[optional]))
    for site in optional[order].tolist():
        state.try_without(site)
    found = state.equipped
    before = plan_value(building, equipped, built_cells(building, equipped))
    built = plan_of(building, found)
    if built is None:
        return equipped
    after = plan_value(building, found, built)
    worse = after < before if building.maximise else after > before
    return equipped if worse else found


class _State:
    """What is heard, cell by cell, while sites go."""

    def __init__(self, building: Building, equipped: Bools) -> None:
        self.building = building
        self.equipped = equipped.copy()
        hears = ones(building.hears)
        on = equipped.astype(np.float64)
        self.groups = csr_array(hears.T)
        self.times = hears @ on
        self.metres = np.bincount(
            building.group_cell, building.group_m * (self.times > 0), minlength=len(building.need_m)
        ).astype(np.float64)
        self.least = least_m(building)
        self.built = built_cells(building, equipped)
        self.keyed = csr_array(ones(building.key).T)
        self.backups = csr_array(ones(building.backup).T)
        self.backed = ones(building.backup) @ on
        self.alone = building.least_neighbours <= 0 and building.least_patch <= 1
        self.area = float(building.area_km2[self.built].sum())

    def try_without(self, site: int) -> None:
        """Switch a site off where the plan can do without."""
        building = self.building
        mine = _row(self.groups, site)
        lost = mine[self.times[mine] == 1]
        cell = building.group_cell[lost]
        touched, place = np.unique(cell, return_inverse=True)
        metres = np.bincount(place.ravel(), building.group_m[lost], minlength=len(touched))
        gone = touched[(self.metres[touched] - metres < self.least[touched]) & self.built[touched]]
        keyed = _row(self.keyed, site)
        backup = _row(self.backups, site)
        short = backup[self.backed[backup] - 1 < building.backup_count[backup]]
        served = building.backup_cell[short]
        gone = np.unique(np.r_[gone, keyed[self.built[keyed]], served[self.built[served]]])
        if len(gone) and not self._spared(gone):
            return
        self.equipped[site] = False
        self.times[mine] -= 1
        self.metres[touched] -= metres
        self.backed[backup] -= 1
        self.built[gone] = False
        self.area -= float(building.area_km2[gone].sum())

    def _spared(self, gone: npt.NDArray[np.integer]) -> bool:
        building = self.building
        if building.maximise or not self.alone or building.wanted[gone].any():
            return False
        return self.area - float(building.area_km2[gone].sum()) >= building.target_km2


def _row(pattern: csr_array, row: int) -> npt.NDArray[np.integer]:
    found: npt.NDArray[np.integer] = pattern.indices[pattern.indptr[row] : pattern.indptr[row + 1]]
    return found
