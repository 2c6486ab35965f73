"""Recompute the bound of built area from its multipliers, by arithmetic alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array, diags_array
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    Arrays = Mapping[str, npt.NDArray[Any]]
    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]

ROUNDING = 1e-9


def built_bound(a: Arrays) -> float:
    """
    Bound what any roadside plan costs (or is worth), from any multipliers.

    The rows of the whole (area, money) and of the cells (sites and cells without which a cell can't
    be built, neighbours, backups, metres heard) are priced into the objective; what is left is a
    sum over sites and cells between their bounds. A row whose claim doesn't hold gets no price.

    Parameters
    ----------
    a
        `evidence.building_evidence` without the prefix.

    Returns
    -------
    bound
        At least cost where least is asked for, most worth otherwise, with a margin for rounding;
        minus or plus infinity where arrays don't fit together.
    """
    most = bool(a["maximise"])
    try:
        value = _priced(a, most=most)
    except (KeyError, ValueError, IndexError):
        value = -np.inf
    return -value if most else value


def _priced(a: Arrays, *, most: bool) -> float:
    sites, cells = len(a["cost"]), len(a["area_km2"])
    cost, area = a["cost"].astype(float), a["area_km2"].astype(float)
    x = np.zeros(sites) if most else cost.copy()
    z = -a["worth"].astype(float) if most else np.zeros(cells)
    can = buildable(a)
    by_area, by_money = float(_price(a, "area")[0]), float(_price(a, "budget")[0])
    constant = by_area * float(a["target_km2"]) * (1 - 2 * ROUNDING)
    z -= by_area * area
    if np.isfinite(float(a["budget_cny"])):
        constant -= by_money * float(a["budget_cny"]) * (1 + 2 * ROUNDING)
        x += by_money * cost
    cuts = np.where(_cuts_hold(a, can), _price(a, "cut_price"), 0.0)
    rings = np.where(_rings_hold(a, can), _price(a, "ring_price"), 0.0)
    x -= _claims(a, "cut").T @ cuts
    z -= _claims(a, "ring").T @ rings
    z += np.bincount(_whole(a, "cut_cell"), cuts, minlength=cells)
    z += np.bincount(_whole(a, "ring_cell"), rings, minlength=cells)
    side, backup = _price(a, "side"), _price(a, "backup")
    z += float(a["least_neighbours"]) * side - _matrix(a, "neighbour", cells, cells).T @ side
    at = a["backup_cell"].astype(np.int64)
    x -= _matrix(a, "backup", len(at), sites).T @ backup
    z += np.bincount(at, backup * a["backup_count"], minlength=cells)
    _price_metres(a, x, z)
    on, off = np.where(a["forced"], 1.0, 0.0), np.where(a["banned"], 0.0, 1.0)
    must, may = np.where(a["wanted"], 1.0, 0.0), np.where(can, 1.0, 0.0)
    terms = np.r_[np.minimum(on * x, off * x), np.minimum(must * z, may * z)]
    return constant + float(terms.sum()) - ROUNDING * (abs(constant) + float(np.abs(terms).sum()))


def _price(a: Arrays, name: str) -> Floats:
    """Multipliers: nothing negative, nothing that isn't a number."""
    values: Floats = np.nan_to_num(a[f"dual_{name}"].astype(float), posinf=0.0, neginf=0.0)
    positive: Floats = np.maximum(values, 0.0)
    return positive


def _whole(a: Arrays, name: str) -> npt.NDArray[np.int64]:
    values: npt.NDArray[np.int64] = a[f"dual_{name}"].astype(np.int64)
    return values


def _matrix(a: Arrays, name: str, rows: int, columns: int) -> csr_array:
    """Return a pattern with the value 1 everywhere."""
    place = (a[f"{name}.indices"], a[f"{name}.indptr"])
    found = csr_array((np.ones(len(place[0])), *place), shape=(rows, columns))
    found.check_format(full_check=True)
    found.sum_duplicates()
    found.data[:] = 1.0
    return found


def _claims(a: Arrays, name: str) -> csr_array:
    """Sites of cuts, or cells of rings, row by row."""
    width = len(a["cost"] if name == "cut" else a["area_km2"])
    member, start = _whole(a, f"{name}_member"), _whole(a, f"{name}_start")
    rows = len(_whole(a, f"{name}_cell"))
    return _matrix({"m.indices": member, "m.indptr": start}, "m", rows, width)


def _enough(a: Arrays) -> Floats:
    need: Floats = a["need_m"].astype(float)
    enough: Floats = need - ROUNDING * np.maximum(1.0, np.abs(need))
    return enough


def _hears(a: Arrays) -> csr_array:
    return _matrix(a, "hears", len(a["group_m"]), len(a["cost"]))


def _keys(a: Arrays) -> csr_array:
    return _matrix(a, "key", len(a["area_km2"]), len(a["cost"]))


def buildable(a: Arrays) -> Bools:
    """Find the cells that are built when every site that may be is equipped, shape (C,)."""
    cells, cell = len(a["area_km2"]), a["group_cell"].astype(np.int64)
    off = a["banned"].astype(float)
    metres = np.bincount(cell, a["group_m"] * ((_hears(a) @ (1 - off)) > 0), minlength=cells)
    can: Bools = ~a["barred"].astype(bool) & (metres >= _enough(a)) & (_keys(a) @ off == 0)
    at = a["backup_cell"].astype(np.int64)
    spare = _matrix(a, "backup", len(at), len(off)) @ (1 - off)
    can[at[spare < a["backup_count"]]] = False
    sides = _matrix(a, "neighbour", cells, cells)
    least, patch = int(a["least_neighbours"]), int(a["least_patch"])
    while True:
        among = csr_array(diags_array(can.astype(float)) @ sides @ diags_array(can.astype(float)))
        among.eliminate_zeros()
        part = connected_components(among, directed=False)[1]
        size = np.bincount(part)[part]
        stays = can & (np.diff(among.indptr) >= least) & (size >= patch)
        if (stays == can).all():
            return can
        can = stays


def _cuts_hold(a: Arrays, can: Bools) -> Bools:
    """Whether each cut's cell can't be built with all the cut's sites off."""
    cell, off = _whole(a, "cut_cell"), _claims(a, "cut")
    holds: Bools = ~can[cell]
    holds |= np.asarray((_keys(a)[cell] * off).sum(axis=1)).ravel() > 0
    rows = np.flatnonzero(~holds)
    sites, cells = len(a["cost"]), len(can)
    free = diags_array(1.0 - a["banned"].astype(float))
    off = csr_array(off[rows] @ free)
    row, group = _pairs(cell[rows], a["group_cell"].astype(np.int64), cells)
    left = _left(csr_array(_hears(a) @ free), off, row, group) > 0
    metres = np.bincount(row, a["group_m"][group] * left, minlength=len(rows))
    holds[rows] = metres < _enough(a)[cell[rows]]
    at = a["backup_cell"].astype(np.int64)
    row, line = _pairs(cell[rows], at, cells)
    spare = _left(csr_array(_matrix(a, "backup", len(at), sites) @ free), off, row, line)
    holds[rows[row[spare < a["backup_count"][line]]]] = True
    return holds


def _pairs(
    cell: npt.NDArray[np.int64], home: npt.NDArray[np.int64], cells: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Pair each given cell, by its place, with all things whose home it is."""
    order = np.argsort(home, kind="stable")
    count = np.bincount(home, minlength=cells)
    size = count[cell]
    row = np.repeat(np.arange(len(cell)), size)
    first = (np.cumsum(count) - count)[cell] - (np.cumsum(size) - size)
    return row, order[np.arange(len(row)) + first[row]]


def _left(
    members: csr_array,
    off: csr_array,
    row: npt.NDArray[np.int64],
    thing: npt.NDArray[np.int64],
) -> Floats:
    """How many members of each thing are left when the sites of a row are off."""
    lost = np.asarray((members[thing] * off[row]).sum(axis=1)).ravel()
    left: Floats = np.asarray(members.sum(axis=1)).ravel()[thing] - lost
    return left


def _rings_hold(a: Arrays, can: Bools) -> Bools:
    """Whether each ring's cell can't last with all the ring's cells unbuilt."""
    cells = len(can)
    cell, out = _whole(a, "ring_cell"), _claims(a, "ring")
    sides = _matrix(a, "neighbour", cells, cells)
    row = np.split(sides.indices, sides.indptr[1:-1])
    beside = [set(some[can[some]].tolist()) for some in row]
    holds = ~can[cell]
    for at in np.flatnonzero(~holds).tolist():
        gone = set(out.indices[out.indptr[at] : out.indptr[at + 1]].tolist())
        patch = {int(cell[at])} - gone
        weak = len(beside[cell[at]] - gone) < int(a["least_neighbours"])
        while not weak and len(patch) < int(a["least_patch"]):
            wider = patch.union(*(beside[c] for c in patch)) - gone
            weak = wider == patch
            patch = wider
        holds[at] = weak or not patch
    return holds


def _price_metres(a: Arrays, x: Floats, z: Floats) -> None:
    """Price the metres of groups that neither key sites of their cell nor forced ones hear."""
    cell, hears = a["group_cell"].astype(np.int64), _hears(a)
    sure = np.asarray((hears * _keys(a)[cell]).sum(axis=1)).ravel() > 0
    sure |= hears @ a["forced"].astype(float) > 0
    metres = a["group_m"].astype(float)
    need = _enough(a) - np.bincount(cell, metres * sure, minlength=len(z))
    useful = np.where(sure, 0.0, np.minimum(metres, np.maximum(need[cell], 0.0)))
    price = np.where(useful > 0, _price(a, "group"), 0.0)
    each = np.zeros(len(z))
    np.maximum.at(each, cell, price / np.where(useful > 0, useful, 1.0))
    x -= hears.T @ price
    z += np.bincount(cell, price, minlength=len(z))
    z -= each * (np.bincount(cell, useful, minlength=len(z)) - need)
