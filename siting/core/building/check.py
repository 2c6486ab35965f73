"""
Built area: a bound from multipliers, by arithmetic alone.

Nothing here calls a solver or shares code with the search that it judges. With x for equipped
sites and z for built cells, every plan keeps these rows, whatever the multipliers on them:

    sum area z >= target                                            (area)
    sum cost x <= budget                                            (budget)
    sum_{s in T} x_s >= z_c         T such that c can't be built when all of T is off       (cut)
    sum_{d in D} z_d >= z_c         D such that c can't last when all of D is unbuilt       (ring)
    sum_{d beside c} z_d >= n z_c                                   (side)
    sum_{s in backup} x_s >= count z_c                              (backup)
    sum_g v_g sum_{s hears g} x_s >= (sum v_g - u_c (sum e_g - R_c)) z_c,   0 <= v_g <= u_c e_g
                                                                    (group)

In the last one R_c are the metres that a built cell needs beyond what its key sites and the forced
ones hear, the groups of c are those that none of these hears, and e_g their metres, at most R_c:
for z_c = 1 the groups that are not heard have at most sum e - R_c metres, each worth at most u_c.
What T and D are said to be is tested here, so that a spoilt certificate proves less or is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from siting.core.building.area import (
    least_m,
    ones,
    possible_cells,
)
from siting.errors import VerificationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from siting.structures import Building

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

ROUNDING = 1e-9
"""Relative margin of a bound for the rounding of its sums."""


@dataclass(frozen=True, slots=True)
class Family:
    """
    Rows `sum of the members >= what the cell is`: cuts over sites, or rings over cells.

    Attributes
    ----------
    cell
        Cell of each row, int64, shape (K,).
    member
        Pattern, CSR of shape (K, S) or (K, C).
    price
        Multipliers, >= 0, shape (K,).
    """

    cell: Ints
    member: csr_array
    price: Floats


@dataclass(frozen=True, slots=True)
class Proof:
    """
    Multipliers of the rows above; the sign of the wrong ones is cut off when used.

    Attributes
    ----------
    area, budget
        Of the two rows of the whole plan.
    cut, ring
        Rows with what they claim.
    side, backup, group
        Of the rows of each cell, backup row and group, shapes (C,), (B,) and (G,).
    """

    area: float
    budget: float
    cut: Family
    ring: Family
    side: Floats
    backup: Floats
    group: Floats


def packed(proof: Proof) -> dict[str, Floats]:
    """Lay a proof out as arrays by name, to be kept in a file."""
    arrays: dict[str, Floats] = {
        "area": np.array([proof.area]),
        "budget": np.array([proof.budget]),
        "side": proof.side,
        "backup": proof.backup,
        "group": proof.group,
    }
    for name, family in (("cut", proof.cut), ("ring", proof.ring)):
        arrays[f"{name}_cell"] = family.cell.astype(np.float64)
        arrays[f"{name}_price"] = family.price
        arrays[f"{name}_member"] = family.member.indices.astype(np.float64)
        arrays[f"{name}_start"] = family.member.indptr.astype(np.float64)
    return arrays


def unpacked(building: Building, arrays: Mapping[str, Floats]) -> Proof:
    """
    Read a proof back from its arrays.

    Raises
    ------
    VerificationError
        Where arrays are missing or don't fit together.
    """
    sites, cells = len(building.cost), len(building.area_km2)
    try:
        return Proof(
            float(arrays["area"][0]),
            float(arrays["budget"][0]),
            _family(arrays, "cut", cells, sites),
            _family(arrays, "ring", cells, cells),
            _sized(arrays, "side", cells),
            _sized(arrays, "backup", len(building.backup_cell)),
            _sized(arrays, "group", len(building.group_m)),
        )
    except (KeyError, ValueError, IndexError) as error:
        raise VerificationError("the certificate is incomplete", value=error) from error


def _family(arrays: Mapping[str, Floats], name: str, cells: int, width: int) -> Family:
    cell = arrays[f"{name}_cell"].astype(np.int64)
    member, start = (arrays[f"{name}_{part}"].astype(np.int64) for part in ("member", "start"))
    pattern = csr_array((np.ones(len(member)), member, start), shape=(len(cell), width))
    pattern.check_format(full_check=True)
    if start[-1] != len(member):
        raise VerificationError("rows of the certificate don't hold all members", value=name)
    if len(cell) and not (cell.min() >= 0 and cell.max() < cells):
        raise VerificationError("the certificate points outside the cells", value=name)
    return Family(cell, pattern, _sized(arrays, f"{name}_price", len(cell)))


def _sized(arrays: Mapping[str, Floats], name: str, size: int) -> Floats:
    array = np.asarray(arrays[name], dtype=np.float64)
    if array.shape != (size,):
        raise VerificationError(
            f"array {name!r} of the certificate should hold {size} values", value=array.shape
        )
    return array


def proven_bound(building: Building, proof: Proof) -> float:
    """
    Compute the bound that a proof gives.

    Parameters
    ----------
    building
        The instance.
    proof
        Multipliers, and what its rows claim.

    Returns
    -------
    bound
        At least what any plan costs at best (`maximise`: at most what any plan is worth), with a
        margin for rounding. Rows whose claim doesn't hold are refused.

    Raises
    ------
    VerificationError
        Where a cut or ring claims what the data contradicts.
    """
    _refuse_false_cuts(building, proof.cut)
    _refuse_false_rings(building, proof.ring)
    sign = -1.0 if building.maximise else 1.0
    x = np.zeros(len(building.cost)) if building.maximise else building.cost.copy()
    z = -building.worth.copy() if building.maximise else np.zeros(len(building.area_km2))
    least, worth = _priced_whole(building, proof, x, z)
    _price_rows(building, proof, x, z)
    on = np.where(building.forced, 1.0, 0.0), np.where(building.banned, 0.0, 1.0)
    can = possible_cells(building)
    up = np.where(building.wanted, 1.0, 0.0), np.where(can, 1.0, 0.0)
    terms = np.r_[np.minimum(x * on[0], x * on[1]), np.minimum(z * up[0], z * up[1])]
    bound = least + float(terms.sum())
    margin = ROUNDING * (worth + float(np.abs(terms).sum()))
    return sign * (bound - margin)


def _positive(price: Floats) -> Floats:
    """Multipliers of `>=` rows: nothing negative, nothing that isn't a number."""
    return np.maximum(np.nan_to_num(price, nan=0.0, posinf=0.0, neginf=0.0), 0.0)


def _priced_whole(building: Building, proof: Proof, x: Floats, z: Floats) -> tuple[float, float]:
    """Price area and budget into the columns; (constant, its size)."""
    area, budget = (float(_positive(np.array([p]))[0]) for p in (proof.area, proof.budget))
    # A plan may be short of a row by the tolerance of the checks.
    least = building.target_km2 * (1 - 2 * ROUNDING)
    z -= area * building.area_km2
    constant = area * least
    if np.isfinite(building.budget_cny):
        x += budget * building.cost
        constant -= budget * building.budget_cny * (1 + 2 * ROUNDING)
    return constant, abs(constant)


def _price_rows(building: Building, proof: Proof, x: Floats, z: Floats) -> None:
    """Price the rows of cells into the columns; they have no constant."""
    cells = len(z)
    for family in (proof.cut, proof.ring):
        z += np.bincount(family.cell, _positive(family.price), minlength=cells)
    x -= ones(proof.cut.member).T @ _positive(proof.cut.price)
    z -= ones(proof.ring.member).T @ _positive(proof.ring.price)
    side = _positive(proof.side)
    z += building.least_neighbours * side - ones(building.neighbour).T @ side
    backup = _positive(proof.backup)
    x -= ones(building.backup).T @ backup
    z += np.bincount(building.backup_cell, backup * building.backup_count, minlength=cells)
    _price_groups(building, _positive(proof.group), x, z)


def beyond_keys(building: Building) -> tuple[Bools, Floats, Floats]:
    """
    Find what a built cell needs beyond its key sites and the forced ones.

    Parameters
    ----------
    building
        The instance.

    Returns
    -------
    open
        Groups that neither a key site of their cell nor a forced one hears, shape (G,).
    need_m
        Metres of them that a built cell needs, R_c, shape (C,); <= 0 where it needs none.
    metres
        Metres of each group, at most R_c of its cell, e_g, shape (G,).
    """
    cell = building.group_cell
    hears = ones(building.hears)
    given = np.asarray((hears * ones(building.key)[cell]).sum(axis=1)).ravel() > 0
    given |= (hears @ building.forced.astype(np.float64)) > 0
    sure = np.bincount(cell, building.group_m * given, minlength=len(building.need_m))
    need = least_m(building) - sure
    return ~given, need, np.minimum(building.group_m, np.maximum(need[cell], 0.0))


def _price_groups(building: Building, price: Floats, x: Floats, z: Floats) -> None:
    cell, cells = building.group_cell, len(z)
    free, need, metres = beyond_keys(building)
    use = free & (metres > 0)
    price = np.where(use, price, 0.0)
    most = np.zeros(cells)
    np.maximum.at(most, cell[use], price[use] / metres[use])
    missing = np.bincount(cell, metres * use, minlength=cells) - need
    x -= ones(building.hears).T @ price
    z += np.bincount(cell, price, minlength=cells) - most * missing


def _refuse_false_cuts(building: Building, cut: Family) -> None:
    """Confirm that no cell of a cut can be built when all the cut's sites are off."""
    if not len(cut.cell):
        return
    member = ones(cut.member)
    on = (~building.banned).astype(np.float64)
    # A key site that is off is enough, and a cell that can't be built needs no proof.
    keyed = np.asarray((ones(building.key)[cut.cell] * member).sum(axis=1)).ravel() > 0
    rest = np.flatnonzero(~keyed & possible_cells(building)[cut.cell])
    metres = _metres_without(building, cut.cell[rest], member[rest], on)
    weak = metres < least_m(building)[cut.cell[rest]]
    for at in np.flatnonzero(~weak):
        row = rest[at]
        sites = member.indices[member.indptr[row] : member.indptr[row + 1]]
        if not _lacks_backup(building, int(cut.cell[row]), sites):
            raise VerificationError(
                "the certificate calls sites needed that are not", value=f"cell {cut.cell[row]}"
            )


def _metres_without(building: Building, cell: Ints, off: csr_array, on: Floats) -> Floats:
    """Metres heard in cells when all sites but some are equipped, one row of `off` each."""
    order = np.argsort(building.group_cell, kind="stable")
    count = np.bincount(building.group_cell, minlength=len(building.need_m))
    first = np.cumsum(count) - count
    size = count[cell]
    row = np.repeat(np.arange(len(cell)), size)
    step = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
    group = order[np.repeat(first[cell], size) + step]
    hears = ones(building.hears)
    lost = np.asarray((hears[group] * (off[row] @ _diagonal(on))).sum(axis=1)).ravel()
    heard = (hears @ on)[group] - lost >= 1
    return np.bincount(row, building.group_m[group] * heard, minlength=len(cell)).astype(float)


def _diagonal(values: Floats) -> csr_array:
    at = np.arange(len(values) + 1)
    return csr_array((values, at[:-1], at), shape=(len(values), len(values)))


def _lacks_backup(building: Building, cell: int, off: npt.NDArray[np.integer]) -> bool:
    left = ~building.banned
    left[off] = False
    rows = np.flatnonzero(building.backup_cell == cell)
    held = ones(building.backup)[rows] @ left.astype(np.float64)
    return bool((held < building.backup_count[rows]).any())


def _refuse_false_rings(building: Building, ring: Family) -> None:
    """Confirm that no cell of a ring can last when all the ring's cells are unbuilt."""
    can = possible_cells(building)
    sides, member = ones(building.neighbour), ones(ring.member)
    for row, cell in enumerate(ring.cell.tolist()):
        ring_cells = set(member.indices[member.indptr[row] : member.indptr[row + 1]].tolist())
        if can[cell] and _can_last(building, sides, can, cell, ring_cells):
            raise VerificationError(
                "the certificate calls cells needed that are not", value=f"cell {cell}"
            )


def _can_last(building: Building, sides: csr_array, can: Bools, cell: int, out: set[int]) -> bool:
    """Whether a cell has neighbours and a patch left when some cells are unbuilt."""
    if cell in out:
        return False

    def around(at: int) -> list[int]:
        row = sides.indices[sides.indptr[at] : sides.indptr[at + 1]]
        return [k for k in row[can[row]].tolist() if k not in out]

    if len(around(cell)) < building.least_neighbours:
        return False
    seen, ahead = {cell}, [cell]
    while ahead and len(seen) < building.least_patch:
        for k in around(ahead.pop()):
            if k not in seen:
                seen.add(k)
                ahead.append(k)
    return len(seen) >= building.least_patch
