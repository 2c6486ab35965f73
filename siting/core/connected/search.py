"""
Connected selection: better choices by shaken growth, recombination and fixing most of a choice.

Three moves, in turn and each from its own seed: grow again from shaken costs, keeping an elite of
different choices; solve exactly over the edges that the elite has between them; free two places
of the best choice, fix the rest, and solve exactly there.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from siting.core.connected.check import check_connected
from siting.core.connected.exact import branch
from siting.core.connected.grow import (
    Bias,
    Field,
    distance_from,
    field_of,
    filled,
    rooted_at,
    within_window,
)
from siting.core.connected.master import add_rows, empty_pool
from siting.core.connected.parts import edge_losses, fixed_part

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.core.connected.master import Part
    from siting.core.connected.parts import Bounded
    from siting.structures import Connected

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]

_ELITE = 12
_POOL_ROWS = 120
_TREE_NODES = 60
_NIL = 1e-9
_USED = 1e-3


@dataclass(slots=True)
class Search:
    """
    The best choice and the elite; renewed as the search goes.

    Attributes
    ----------
    connected
        The instance.
    fields
        Prepared for growing from each heart.
    best, value
        Best feasible choice (E,) and its prize; None and `-inf` before the first.
    elite
        Good choices, prize and edges, best first.
    near
        A choice that breaks the fewest side rows while none is feasible, (E,).
    """

    connected: Connected
    fields: tuple[Field, ...]
    best: Bools | None = None
    value: float = -np.inf
    elite: list[tuple[float, Bools]] = field(default_factory=list)
    near: Bools | None = None


def begin_search(connected: Connected, hearts: npt.NDArray[np.int64]) -> Search:
    """Prepare a search; with anchors or several components all hearts grow together."""
    whole = field_of(connected, hearts)
    if len(connected.anchors) or connected.components > 1:
        return Search(connected, (whole,))
    return Search(connected, tuple(rooted_at(whole, hearts[k : k + 1]) for k in range(len(hearts))))


def consider(search: Search, chosen: Bools) -> bool:
    """Take a choice in if it is feasible; whether it is the best so far."""
    if check_connected(search.connected, chosen):
        if search.near is None:
            search.near = chosen
        return False
    value = float(search.connected.prize @ chosen)
    if all((chosen != other).any() for _, other in search.elite):
        search.elite.append((value, chosen))
        search.elite.sort(key=lambda pair: -pair[0])
        del search.elite[_ELITE:]
    if value <= search.value:
        return False
    search.best, search.value = chosen, value
    return True


def grow_all(search: Search, rows: Floats, *, until: float) -> None:
    """Grow from every heart once, with cheap and with dear further roots."""
    dear = 1.0 + float(search.connected.prize.sum())
    if not len(search.connected.tail):
        return
    for prepared in search.fields:
        roots = (0.0, dear) if len(prepared.hearts) > 1 else (0.0,)
        for root_cost in roots:
            consider(search, _priced(prepared, rows, Bias(root_cost=root_cost)))
            if time.monotonic() > until:
                return


def _priced(prepared: Field, rows: Floats, bias: Bias, *, rounds: int = 12) -> Bools:
    """Grow; where side rows other than length are broken, move their prices and grow again."""
    matrix, lower, upper = prepared.sides
    prices = rows.copy()
    best, least = within_window(prepared, prices, bias), np.inf
    chosen = best
    size = np.maximum(np.abs(matrix).mean(axis=1), 1e-12)
    step = float(prepared.connected.prize.mean()) / size
    for _ in range(rounds):
        used = matrix @ chosen.astype(float)
        scale = np.maximum(1.0, np.abs(used))
        excess = np.where(np.isfinite(upper), np.maximum(used - upper, 0.0), 0.0) / scale
        lack = np.where(np.isfinite(lower), np.maximum(lower - used, 0.0), 0.0) / scale
        broken = float((excess + lack)[1:].sum())
        if broken < least:
            best, least = chosen, broken
        if len(matrix) == 1 or broken <= _NIL:
            break
        prices = prices + step * np.minimum(2.0 * (excess - lack), 1.0)
        prices[0] = max(prices[0], 0.0)
        chosen = within_window(prepared, prices, bias, steps=8)
    return best


def shake(search: Search, bounded: Bounded, *, rounds: int, seed: int, until: float) -> bool:
    """
    Grow from shaken costs; whether the best improved.

    Parameters
    ----------
    search, bounded
        The search, and the part whose prices, losses and relaxation guide it.
    rounds, seed, until
        How many growths, the seed, and `time.monotonic()` to stop at.
    """
    rng = np.random.default_rng(seed)
    better = False
    rows, losses = bounded.ascent.duals.rows, np.minimum(edge_losses(bounded), 1e9)
    for k in range(rounds):
        if time.monotonic() > until:
            break
        prepared, bias = _shaken(search, rows, k, rng)
        guide = _shares(bounded)
        if guide is not None and k % 5 in {1, 4}:
            bias = replace(bias, discount=bias.discount * (1.0 - 0.95 * guide))
        elif k % 2:
            share = float(rng.choice([0.05, 0.1, 0.3]))
            bias = replace(bias, losses=losses, share=share)
        price = rows.copy()
        if bias.away is not None:
            price[0] *= float(rng.uniform(0.72, 1.0))
        better |= consider(search, _priced(prepared, price, bias, rounds=4))
    return better


def _shares(bounded: Bounded) -> Floats | None:
    """Shares of the edges in the last relaxation, (E,), or None where there is none."""
    relaxation = bounded.relaxation
    if relaxation is None or relaxation.last is None:
        return None
    return np.clip(relaxation.last.edge, 0.0, 1.0)


def _shaken(search: Search, rows: Floats, k: int, rng: np.random.Generator) -> tuple[Field, Bias]:
    """Choose where to grow from and how, at random; every third growth has a centre."""
    connected = search.connected
    prepared = search.fields[int(rng.integers(len(search.fields)))]
    discount = rng.uniform(0.6, 1.4, len(connected.tail))
    if search.best is not None and rng.random() < 0.3:  # noqa: PLR2004
        discount = np.where(search.best, discount * 0.5, discount)
    free = not len(connected.anchors) and connected.components == 1
    dear = 0.0 if free or rng.random() < 0.5 else 1.0 + float(connected.prize.sum())  # noqa: PLR2004
    away = None
    if k % 3 == 0 and rows[0] > 0:
        heart = prepared.hearts[int(rng.integers(len(prepared.hearts)))]
        if free and search.best is not None and rng.random() < 0.5 and search.best.any():  # noqa: PLR2004
            ends = connected.tail[search.best]
            heart = ends[int(rng.integers(len(ends)))]
            prepared = rooted_at(prepared, np.array([heart]))
        away = distance_from(prepared, int(heart))
    return prepared, Bias(discount=discount, away=away, root_cost=dear)


def follow(search: Search, bounded: Bounded, *, seconds: float, gap: float, seed: int) -> bool:
    """
    Solve exactly over the edges that the relaxation uses; whether the best improved.

    Edges that both the relaxation and the best choice hold are fixed (Danna et al. 2005).
    """
    shares = _shares(bounded)
    if shares is None:
        return False
    active, fixed = shares > _USED, np.zeros(len(shares), dtype=bool)
    if search.best is not None:
        active |= search.best
        fixed = search.best & (shares > 1.0 - _USED)
    elif search.near is not None:
        active |= search.near
    return _solve_in(search, bounded, active, fixed, seconds=seconds, gap=gap, seed=seed)


def recombine(search: Search, bounded: Bounded, *, seconds: float, gap: float, seed: int) -> bool:
    """Solve exactly over the edges that the elite has between them; whether the best improved."""
    if search.best is None or len(search.elite) < 2:  # noqa: PLR2004
        return False
    # Choices that share little with the best lie elsewhere; together they make a hard programme.
    length = search.connected.length_m
    shared = [float(length @ (chosen & search.best)) for _, chosen in search.elite]
    most = max(*shared, 1e-9)
    near = [pair[1] for pair, part in zip(search.elite, shared, strict=True) if part > most / 2]
    union = np.logical_or.reduce(near)
    common = np.logical_and.reduce(near)
    if not common.any():
        counted = np.sum(near, axis=0)
        common = (counted == counted.max()) & search.best
        common[np.flatnonzero(common)[1:]] = False
    return _solve_in(search, bounded, union, common, seconds=seconds, gap=gap, seed=seed)


def free_places(
    search: Search, bounded: Bounded, *, size: int, seconds: float, gap: float, seed: int
) -> bool:
    """Free two places of the best choice and fix the rest; whether it improved."""
    if search.best is None:
        return False
    connected, best = search.connected, search.best
    rng = np.random.default_rng(seed)
    prepared = search.fields[0]
    open_edge = np.zeros(len(best), dtype=bool)
    touched = np.flatnonzero(
        np.bincount(np.r_[connected.tail[best], connected.head[best]], minlength=connected.nodes)
    )
    if not len(touched):
        return False
    for node in rng.choice(touched, size=min(2, len(touched)), replace=False).tolist():
        open_edge |= _ball(prepared, int(node), size)
    active = best | (open_edge & ~connected.banned)
    return _solve_in(
        search, bounded, active, best & ~open_edge, seconds=seconds, gap=gap, seed=seed
    )


def _ball(prepared: Field, node: int, size: int) -> Bools:
    """Edges nearest to a node by number of steps, about `size` of them."""
    found = np.zeros(len(prepared.connected.tail), dtype=bool)
    seen, queue, count = {node}, [node], 0
    for at in queue:
        for edge in prepared.edge[prepared.first[at] : prepared.first[at + 1]].tolist():
            if found[edge]:
                continue
            found[edge] = True
            count += 1
            far = int(prepared.connected.tail[edge] + prepared.connected.head[edge]) - at
            if far not in seen:
                seen.add(far)
                queue.append(far)
        if count >= size:
            break
    return found


def _solve_in(
    search: Search,
    bounded: Bounded,
    active: Bools,
    fixed: Bools,
    *,
    seconds: float,
    gap: float,
    seed: int,
) -> bool:
    connected = search.connected
    part = fixed_part(connected, fixed) if fixed.any() else bounded.part
    start = search.best
    if start is not None and not _inside(part, start):
        start = None
    # Levels are valid rows whatever the roots: a root inside pays its level.
    duals = bounded.ascent.duals
    top = np.argsort(-duals.price, kind="stable")[:_POOL_ROWS]
    levels = list(duals.level[top].toarray()) if len(top) else []
    pool = add_rows(part, empty_pool(part), levels, duals.target[top].tolist())
    found = branch(
        part,
        pool,
        active,
        start=start,
        gap=gap,
        seconds=seconds,
        nodes=_TREE_NODES,
        seed=seed,
    )
    if found.chosen is None:
        return False
    better = consider(search, found.chosen)
    return consider(search, filled(search.fields[0], found.chosen, duals.rows)) or better


def _inside(part: Part, chosen: Bools) -> bool:
    """Whether a choice lies in a part of the search space."""
    connected = part.connected
    touched = np.zeros(connected.nodes, dtype=bool)
    touched[connected.tail[chosen]] = True
    touched[connected.head[chosen]] = True
    return bool((touched & part.roots).any() and not (touched & part.out).any())
