"""
Odd cuts that a point of the relaxation breaks: three rows of demand that share sites by twos.

They are looked for by random pairs of overlapping rows, each with the best third row; the better
ones climb, exchanging one row at a time for the best beside the other two.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

if TYPE_CHECKING:
    import numpy.typing as npt

    Vector = npt.NDArray[np.float64]
    Whole = npt.NDArray[np.int64]

_LEAST_BREACH = 0.02
"""Violation from which a cut is worth its row."""
_NEAR, _FAR = 0.15, 0.85
"""Overlap of two rows, in open sites, between which a third can make them odd."""
_LEAST_MASS, _MOST_MASS = 0.5, 1.6
"""Open share of the sites of a row outside which no cut with it can be broken much."""
_LEAST_HOPE = 1e-3
"""Violation from which three rows are worth climbing from."""
_CLIMBS = 2
"""Exchanges of a row tried with each three; more find the same few deepest cuts again and again."""
_MOST_CLIMBING = 8_000
"""Threes that climb, the foremost; with compiled loops there are more than can."""
_MOST_USES = 6
"""New cuts a row takes part in, a round; they share its weight."""
_CHUNK_ENTRIES = 4_000_000
_SECONDS = 10
"""Second rows tried beside each first one where that is compiled."""
_SEEN = 1e-6
"""Open share of a site that counts as none."""


def find_cuts(
    cover: csr_array,
    opened: Vector,
    worth: Vector,
    tries: int,
    rng: np.random.Generator,
    deadline: float = float("inf"),
    *,
    fast: bool = False,
) -> Whole:
    """
    Find cuts that a point of the relaxation breaks.

    Parameters
    ----------
    cover
        Pattern, shape (rows, sites).
    opened
        Sites of the point, shape (sites,).
    worth
        Weight of each row, shape (rows,); of cuts broken alike the heavier go first.
    tries
        Most rows to start from, each with random overlapping rows and the best third one beside.
    rng
        Source of the choice.
    deadline
        `time.monotonic()` to stop at.
    fast
        Look by compiled loops; needs numba.

    Returns
    -------
    ndarray of int64
        Rows of each cut, ascending, shape (cuts, 3).
    """
    some = opened > _SEEN
    part = ones(cover)[:, np.flatnonzero(some)]
    mass = np.asarray(part @ opened[some])
    seen = np.flatnonzero((mass > _LEAST_MASS) & (mass < _MOST_MASS))
    part = part[seen]
    look = _Look(part, csr_array(part.T), opened[some], mass[seen])
    if not len(seen):
        return np.zeros((0, 3), dtype=np.int64)
    order = rng.permutation(len(seen))[:tries]
    search = _compiled if fast else _trios
    # A row reaches the rows of all its sites; so many entries a row are held at a time.
    reach = float((part @ np.diff(look.by_site.indptr).astype(np.float64)).mean())
    batch = max(int(_CHUNK_ENTRIES / max(2.0 * reach, 1.0)), 1)
    trios, depths = [np.zeros((0, 3), dtype=np.int64)], [np.zeros(0)]
    for first in range(0, len(order), batch):
        if time.monotonic() > deadline:
            break
        found, depth = search(look, order[first : first + batch], rng)
        trios.append(found)
        depths.append(depth)
    every, depth = _foremost(np.vstack(trios), np.concatenate(depths), worth[seen])
    climbing, height = every[:_MOST_CLIMBING], depth[:_MOST_CLIMBING]
    for _ in range(_CLIMBS):
        if time.monotonic() > deadline:
            break
        climbing, height = _climbed(look, climbing, height, batch)
        # The threes passed on the way are cuts too, and not as alike as those at the top.
        every, depth = np.vstack([every, climbing]), np.concatenate([depth, height])
    good = depth > _LEAST_BREACH
    return seen[_foremost(np.sort(every[good], axis=1), depth[good], worth[seen])[0]]


def _foremost(trios: Whole, depth: Vector, worth: Vector) -> tuple[Whole, Vector]:
    """Take trios by breach and weight while no row is in too many; with their breaches."""
    score = depth * worth[trios].min(axis=1)
    order = np.argsort(-score, kind="stable")
    taken = order[_spread_out(np.sort(trios[order], axis=1), len(worth))]
    return trios[taken], depth[taken]


def _climbed(look: _Look, trios: Whole, depth: Vector, batch: int) -> tuple[Whole, Vector]:
    """Exchange the first row of each trio for the best beside the other two, if that is better."""
    moved, deeper = trios[:, [1, 2, 0]], depth.copy()
    for first in range(0, len(trios), batch):
        part = slice(first, first + batch)
        third, breach = _thirds(look, moved[part, 0], moved[part, 1])
        better = breach > deeper[part]
        moved[part, 2] = np.where(better, third, moved[part, 2])
        deeper[part] = np.maximum(breach, deeper[part])
    return moved, deeper


@dataclass(frozen=True, slots=True)
class _Look:
    """Rows that matter and sites that are somewhat open: where cuts are looked for."""

    cover: csr_array
    by_site: csr_array
    opened: Vector
    mass: Vector


def has_compiled() -> bool:
    """Whether numba is there to look for cuts faster."""
    try:
        import siting.core.covering.fast  # noqa: F401, PLC0415
    except (ImportError, RuntimeError):  # not installed, or nowhere to keep what it compiles
        return False
    return True


def _compiled(look: _Look, rows: Whole, rng: np.random.Generator) -> tuple[Whole, Vector]:
    """Do as `_trios` by compiled loops, with several second rows a row."""
    from siting.core.covering.fast import trios  # noqa: PLC0415

    arrays = (
        *(look.by_site.indptr.astype(np.int64), look.by_site.indices),
        *(look.cover.indptr.astype(np.int64), look.cover.indices),
    )
    limits = (_SECONDS, _NEAR, _FAR, _LEAST_HOPE)
    found, depth = trios(arrays, look.opened, look.mass, rows, limits, int(rng.integers(2**31)))
    return found, depth


def _trios(look: _Look, rows: Whole, rng: np.random.Generator) -> tuple[Whole, Vector]:
    """For each row a random overlapping one and the best third: (k, 3), and breach."""
    overlap = csr_array(scaled(look.cover[rows], look.opened) @ look.by_site)
    inside = (overlap.data > _NEAR) & (overlap.data < _FAR)
    draw = np.where(inside, rng.random(overlap.nnz), 0.0)
    second, drawn = _best(overlap, draw)
    rows, second = rows[drawn > 0], second[drawn > 0]
    third, best = _thirds(look, rows, second)
    good = best > _LEAST_HOPE
    return np.column_stack([rows, second, third])[good], best[good]


def _thirds(look: _Look, rows: Whole, second: Whole) -> tuple[Whole, Vector]:
    """Find the best third row beside each pair, and the breach of the three; 0 without one."""
    both = csr_array(look.cover[rows] + look.cover[second])
    both.data[:] = both.data == 1.0
    odd = scaled(both, look.opened)
    odd.eliminate_zeros()
    apart = np.asarray(odd.sum(axis=1))
    shared = csr_array(odd @ look.by_site)
    full = np.minimum(look.mass, 1.0)
    of_pair = full[rows] + full[second] - 1.0 - 0.5 * (look.mass[rows] + look.mass[second] + apart)
    of_third = full - look.mass
    size = np.diff(shared.indptr)
    breach = np.repeat(of_pair, size) + of_third[shared.indices] + shared.data
    # A row of the pair itself counts its own sites not at all: it is no third row.
    owner = np.repeat(np.arange(len(rows)), size)
    breach[(shared.indices == rows[owner]) | (shared.indices == second[owner])] = 0.0
    return _best(shared, np.maximum(breach, 0.0))


def _best(table: csr_array, score: Vector) -> tuple[Whole, Vector]:
    """Column of the greatest score in each row of a table, and that score; 0 in empty rows."""
    count = table.shape[0]
    top = np.zeros(count)
    filled = np.diff(table.indptr) > 0
    if filled.any():
        top[filled] = np.maximum.reduceat(score, table.indptr[:-1][filled])
    owner = np.repeat(np.arange(count), np.diff(table.indptr))
    hit = np.flatnonzero(score == top[owner])
    column = np.zeros(count, dtype=np.int64)
    column[owner[hit]] = table.indices[hit]
    return column, top


def _spread_out(trios: Whole, rows: int) -> Whole:
    """Take trios in order while no row is in too many; their places."""
    used = np.zeros(rows, dtype=np.int64)
    taken = []
    _, first = np.unique(key_of(trios, rows), return_index=True)
    for k in np.sort(first).tolist():
        trio = trios[k]
        if used[trio].max() < _MOST_USES:
            used[trio] += 1
            taken.append(k)
    return np.array(taken, dtype=np.int64)


def key_of(trios: Whole, rows: int) -> Whole:
    """Return a number for each three rows of `rows`, the same only for the same three."""
    key: Whole = (trios[:, 0] * rows + trios[:, 1]) * rows + trios[:, 2]
    return key


def ones(pattern: csr_array) -> csr_array:
    """Return a pattern with ones."""
    return csr_array((np.ones(pattern.nnz), pattern.indices, pattern.indptr), shape=pattern.shape)


def scaled(table: csr_array, column: Vector) -> csr_array:
    """Multiply each column by a factor."""
    return csr_array((table.data * column[table.indices], table.indices, table.indptr), table.shape)
