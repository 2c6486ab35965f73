"""Connected selection: rounds of relaxation, new connection rows and new edges, to a safe bound."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from siting.core.connected.check import column_gains
from siting.core.connected.graph import UNITS, capacities, distances, least_cuts, paths_to
from siting.core.connected.master import (
    Basis,
    Part,
    Pool,
    Solved,
    add_rows,
    empty_pool,
    keep_rows,
    solve_relaxation,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.core.connected.check import Duals

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]

_EPS = 1e-3
_NIL = 1e-9
_IDLE_ROUNDS = 6


@dataclass(slots=True)
class Relaxation:
    """
    The relaxation of one part as it grows; the one mutable thing here.

    Attributes
    ----------
    part
        The part of the search space.
    active
        Edges that take part, shape (E,).
    pool
        Connection rows.
    basis
        Last simplex basis.
    bound, duals
        Best safe bound and the multipliers that prove it; `inf` and None before the first.
    last
        Last solved relaxation.
    done
        No violated row and no edge that could raise it: nothing left to do.
    """

    part: Part
    active: Bools
    pool: Pool
    basis: Basis = field(default_factory=Basis)
    bound: float = np.inf
    duals: Duals | None = None
    last: Solved | None = None
    done: bool = False


def begin(part: Part, active: Bools | None = None) -> Relaxation:
    """Start a relaxation; `active` edges default to all for small cases, else the rich ones."""
    usable = part.usable
    chosen = usable if active is None else active & usable
    return Relaxation(part, chosen | part.connected.forced, empty_pool(part))


def rich_edges(part: Part, share: float = 2.0) -> Bools:
    """
    Edges of the highest prize a metre, and least-cost paths from a root to them, shape (E,).

    Without the paths a relaxation on these edges would have rows that nothing can satisfy, and so
    multipliers without limit.

    Parameters
    ----------
    part
        The part of the search space.
    share
        How much of the most length the rich edges make up.
    """
    connected = part.connected
    length = np.maximum(connected.length_m, 1e-9)
    order = np.argsort(-connected.prize / length, kind="stable")
    order = order[part.usable[order]]
    total = np.cumsum(connected.length_m[order])
    rich = connected.forced.copy()
    rich[order[total <= share * min(connected.most_m, float(total[-1]))]] = True
    marginal = order[min(int(np.searchsorted(total, connected.most_m)), len(order) - 1)]
    price = connected.prize[marginal] / length[marginal]
    cost = np.maximum(price * connected.length_m - connected.prize, 0.0)
    wanted = np.zeros(connected.nodes, dtype=bool)
    wanted[connected.tail[rich]] = True
    wanted[connected.head[rich]] = True
    used = paths_to(part.arcs, np.r_[cost, cost, np.zeros(len(part.arcs.root))], wanted)
    edges = len(length)
    return rich | used[:edges] | used[edges : 2 * edges]


def safe_value(part: Part, duals: Duals, climb: Floats) -> tuple[float, Floats]:
    """
    Bound at given multipliers without the allowance for rounding, and the gains of the arcs.

    The certificate is recomputed at the end by `connected_check.connected_bound`; this is the same
    sum at the speed the rounds need.
    """
    connected = part.connected
    (edge, arc, node, root), _ = column_gains(connected, duals, climb)
    usable = part.usable
    _, lower, upper = part.sides
    priced = np.where(duals.rows > 0, upper, np.where(duals.rows < 0, lower, 0.0))
    finite = np.isfinite(priced)
    if (duals.rows[~finite] != 0).any():
        return np.inf, arc
    forced = connected.forced
    must = np.zeros(connected.nodes, dtype=bool)
    must[connected.tail[forced]] = True
    must[connected.head[forced]] = True
    value = (
        float(duals.rows[finite] @ priced[finite])
        + duals.roots * connected.components
        + float(np.where(forced, edge, np.where(usable, np.maximum(edge, 0), 0)).sum())
        + float(np.maximum(arc, 0)[part.arcs.alive[: len(arc)]].sum())
        + float(np.where(must, node, np.where(part.out, 0, np.maximum(node, 0))).sum())
        + float(np.maximum(root[part.arcs.root], 0).sum())
    )
    return value, arc


def advance(relaxation: Relaxation, *, seconds: float, rows: int = 150) -> None:
    """
    Do one round: solve, take the bound, add edges that price out and rows that are violated.

    Parameters
    ----------
    relaxation
        Renewed in place.
    seconds
        Time limit.
    rows
        Most connection rows to add.
    """
    until = time.monotonic() + seconds
    part = relaxation.part
    if not relaxation.active.any():
        # Without edges the ascent has said all there is to say.
        relaxation.done = True
        return
    solved = solve_relaxation(
        part,
        relaxation.pool,
        relaxation.active,
        seconds=seconds,
        basis=relaxation.basis,
    )
    if solved.state == "infeasible":
        _widen(relaxation)
        return
    relaxation.last = solved
    value, arc = safe_value(part, solved.duals, solved.climb)
    if value < relaxation.bound:
        relaxation.bound, relaxation.duals = value, solved.duals
    if solved.state == "stopped":
        return
    entered = _price(relaxation, solved, arc)
    levels, targets = loss_rows(part, solved, arc, most=rows // 2)
    if len(levels) < rows:
        more = cut_rows(part, solved, until=until, most=rows - len(levels))
        levels += more[0]
        targets += more[1]
    relaxation.done = not entered and not levels
    _age(relaxation, solved)
    relaxation.pool = add_rows(part, relaxation.pool, levels, targets)


def _widen(relaxation: Relaxation) -> None:
    """Let all edges in; if they are in already, there is no feasible choice in this part."""
    usable = relaxation.part.usable | relaxation.part.connected.forced
    if (relaxation.active == usable).all():
        relaxation.bound, relaxation.done = -np.inf, True
    relaxation.active = usable


def _price(relaxation: Relaxation, solved: Solved, arc: Floats) -> int:
    """Let edges in whose gain raises the bound; how many."""
    part = relaxation.part
    edges = len(part.connected.tail)
    (edge, _, _, _), _ = column_gains(part.connected, solved.duals, solved.climb)
    gain = np.maximum(edge, 0) + np.maximum(arc[:edges], 0) + np.maximum(arc[edges:], 0)
    gain[relaxation.active | ~part.usable] = 0.0
    found = np.flatnonzero(gain > 1e-9 * max(1.0, abs(relaxation.bound)))
    most = max(200, int(relaxation.active.sum()) // 2)
    found = found[np.argsort(-gain[found], kind="stable")[:most]]
    active = relaxation.active.copy()
    active[found] = True
    relaxation.active = active
    return len(found)


def _age(relaxation: Relaxation, solved: Solved) -> None:
    """Drop rows that have had no multiplier for some rounds."""
    pool = relaxation.pool
    idle = np.where(solved.duals.price > _NIL, 0, pool.idle + 1)
    pool = Pool(pool.level, pool.target, pool.weight, idle)
    keep = idle < _IDLE_ROUNDS
    if keep.sum() < 0.8 * len(keep):
        pool = keep_rows(pool, keep)
        relaxation.basis = Basis()
    relaxation.pool = pool


def targets_of(part: Part, solved: Solved) -> npt.NDArray[np.int64]:
    """Touched nodes that their own root doesn't explain, the most touched first."""
    edges = len(part.connected.tail)
    rooted = np.zeros(part.connected.nodes)
    rooted[part.arcs.root] = solved.arc[2 * edges :]
    found = np.flatnonzero((solved.node > _EPS) & (rooted < solved.node - _EPS))
    return found[np.argsort(-solved.node[found], kind="stable")]


def loss_rows(
    part: Part, solved: Solved, arc: Floats, *, most: int
) -> tuple[list[Floats], list[int]]:
    """
    Find rows whose levels fall with the losses on the way from a node that is too dear to reach.

    For a target t at distance D > 0 from the virtual root in terms of losses, the level
    `1 - distance(v, t) / D` prices each arc in proportion to what it loses anyway, so that the row
    can take a multiplier D at no cost: one step of dual ascent (Wong 1984) as a single row. Losses
    are lowered by what each row uses before the next target.
    """
    edges = len(part.connected.tail)
    (_, _, _, root), _ = column_gains(part.connected, solved.duals, solved.climb)
    loss = np.maximum(-np.r_[arc, root[part.arcs.root]], 0.0)
    loss[: 2 * edges][~part.arcs.alive[: 2 * edges]] = 0.0
    scale = max(1e-12, float(part.connected.prize.max(initial=0.0)))
    done = np.zeros(part.connected.nodes, dtype=bool)
    levels: list[Floats] = []
    targets: list[int] = []
    for target in targets_of(part, solved).tolist():
        if done[target]:
            continue
        away = distances(part.arcs, loss, target, back=True)
        far = away[-1]
        done |= away[:-1] < 1e-7 * scale
        done[target] = True
        if not 1e-5 * scale < far:
            continue
        if np.isinf(far):
            far = 10.0 * scale + 2.0 * float(away[np.isfinite(away)].max())
        level = np.maximum(1.0 - away / far, 0.0)
        levels.append(level[:-1])
        targets.append(target)
        used = far * np.maximum(level[part.arcs.sink] - level[part.arcs.source], 0.0)
        loss = np.maximum(loss - used, 0.0)
        if len(levels) >= most:
            break
    return levels, targets


def cut_rows(
    part: Part, solved: Solved, *, until: float, most: int, nest: int = 2
) -> tuple[list[Floats], list[int]]:
    """
    Find violated cuts by maximum flow, two a step, nested by closing each before the next step.

    Parameters
    ----------
    part, solved
        Where to look.
    until
        `time.monotonic()` to stop at.
    most
        Most rows.
    nest
        Steps a target.
    """
    capacity = capacities(part.arcs, solved.arc)
    done = np.zeros(part.connected.nodes, dtype=bool)
    levels: list[Floats] = []
    targets: list[int] = []
    for target in targets_of(part, solved).tolist():
        if done[target]:
            continue
        for step in range(nest):
            cuts = least_cuts(part.arcs, capacity, target, float(solved.node[target]) - _EPS)
            if not cuts:
                break
            if step == 0:
                done |= cuts[0][:-1]
            for inside in cuts:
                levels.append(inside[:-1].astype(np.float64))
                targets.append(target)
                capacity[inside[part.arcs.indices] & ~inside[part.arcs.origin]] = UNITS
        if len(levels) >= most or time.monotonic() > until:
            break
    return levels, targets
