"""Connected selection: the linear relaxation on a growing set of edges and connection rows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import highspy
import numpy as np
from scipy.sparse import coo_array, csr_array, hstack, vstack

from siting.core.connected.check import (
    Duals,
    column_gains,
    out_nodes,
    root_nodes,
    side_rows,
)
from siting.core.connected.graph import Arcs, rooted_arcs

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.structures import Connected

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

_ROWWISE = 2
_LEVEL_EPS = 1e-9


@dataclass(frozen=True, slots=True)
class Pool:
    """
    Connection rows found so far.

    Attributes
    ----------
    level
        Levels, CSR, shape (C, N).
    target
        Target nodes, shape (C,).
    weight
        Climb of the level along each arc and, for roots, the level itself, CSR (C, 2 E + B).
    idle
        Rounds since a row last had a multiplier, shape (C,).
    """

    level: csr_array
    target: Ints
    weight: csr_array
    idle: Ints


@dataclass(frozen=True, slots=True)
class Part:
    """
    One part of the search space, as the relaxation sees it.

    Attributes
    ----------
    connected
        The instance.
    arcs
        Its rooted graph.
    roots, out
        Nodes that may be roots, and nodes that stay untouched, shape (N,).
    sides
        `side_rows` of the instance.
    """

    connected: Connected
    arcs: Arcs
    roots: Bools
    out: Bools
    sides: tuple[csr_array, Floats, Floats]

    @property
    def usable(self) -> Bools:
        """Edges that may be chosen here, shape (E,)."""
        out = self.out
        return ~(self.connected.banned | out[self.connected.tail] | out[self.connected.head])


@dataclass(frozen=True, slots=True)
class Solved:
    """
    One solved relaxation.

    Attributes
    ----------
    edge, arc, node
        Values of x (E,), z and r together (2 E + B,), and y (N,).
    duals
        Multipliers, completed to edges outside the relaxation.
    climb
        Price times climb of the levels along each arc, shape (2 E,).
    state
        Status of the LP: `optimal`, `infeasible` or `stopped`.
    """

    edge: Floats
    arc: Floats
    node: Floats
    duals: Duals
    climb: Floats
    state: str


@dataclass(slots=True)
class Basis:
    """Statuses of the last simplex basis by column and row identity, to start the next one from."""

    column: npt.NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, np.int8))
    row: npt.NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, np.int8))


def part_of(connected: Connected, region: Ints, part: int) -> Part:
    """Describe one part of the search space."""
    roots, out = root_nodes(connected, region, part), out_nodes(connected, region, part)
    arcs = rooted_arcs(connected, roots, out)
    return Part(connected, arcs, roots & ~out, out, side_rows(connected))


def empty_pool(part: Part) -> Pool:
    """Make a pool without rows."""
    nodes, arcs = part.connected.nodes, len(part.arcs.source)
    nothing = np.zeros(0, dtype=np.int64)
    return Pool(csr_array((0, nodes)), nothing, csr_array((0, arcs)), nothing)


def add_rows(part: Part, pool: Pool, levels: list[Floats], targets: list[int]) -> Pool:
    """Add connection rows with the given levels (N,) and targets."""
    if not levels:
        return pool
    level = np.clip(np.array(levels), 0.0, 1.0)
    level[level < _LEVEL_EPS] = 0.0
    level[np.arange(len(targets)), targets] = 1.0
    padded = np.c_[level, np.zeros(len(level))]
    arcs = part.arcs
    weight = np.maximum(padded[:, arcs.sink] - padded[:, arcs.source], 0.0)
    weight[:, ~arcs.alive] = 0.0
    return Pool(
        csr_array(vstack([pool.level, csr_array(level)], format="csr")),
        np.r_[pool.target, np.array(targets, dtype=np.int64)],
        csr_array(vstack([pool.weight, csr_array(weight)], format="csr")),
        np.r_[pool.idle, np.zeros(len(targets), dtype=np.int64)],
    )


def keep_rows(pool: Pool, keep: Bools) -> Pool:
    """Keep only some rows."""
    return Pool(pool.level[keep], pool.target[keep], pool.weight[keep], pool.idle[keep])


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things stand in the matrix of one relaxation: chosen edges, nodes, roots."""

    edge: Ints
    node: Ints
    root: Ints
    column: Ints
    """Identity of each column: x, then z and r (by arc), then y."""
    row: Ints
    """Identity of each row: link, two ends, supply, roots, sides, pool."""


def matrix_of(part: Part, pool: Pool, active: Bools) -> tuple[Layout, csr_array, Floats, Floats]:
    """
    Write the relaxation on the active edges.

    Returns
    -------
    layout, matrix, lower, upper
        Columns are x, z forth, z back, r, y; rows link, tail ends, head ends, supply, roots, length
        and side rows, connection rows.
    """
    connected, arcs = part.connected, part.arcs
    edges, nodes = len(connected.tail), connected.nodes
    edge = np.flatnonzero(active)
    tail, head = connected.tail[edge], connected.head[edge]
    node = np.unique(np.r_[tail, head, pool.target])
    seat = np.full(nodes, -1, dtype=np.int64)
    seat[node] = np.arange(len(node))
    root = np.flatnonzero(seat[arcs.root] >= 0)
    a, n, b = len(edge), len(node), len(root)
    x, forth, back, r = np.arange(a), a + np.arange(a), 2 * a + np.arange(a), 3 * a + np.arange(b)
    y = 3 * a + b + np.arange(n)
    rows, cols, data = [], [], []

    def put(row: Ints, col: Ints, value: float) -> None:
        rows.append(row)
        cols.append(col)
        data.append(np.full(len(row), value))

    each, supply = np.arange(a), 3 * a + np.arange(n)
    for columns, sign in ((forth, 1.0), (back, 1.0), (x, -1.0)):
        put(each, columns, sign)
    for block, ends in enumerate((tail, head), start=1):
        put(block * a + each, x, 1.0)
        put(block * a + each, y[seat[ends]], -1.0)
    put(supply[seat[head]], forth, 1.0)
    put(supply[seat[tail]], back, 1.0)
    put(supply[seat[arcs.root[root]]], r, 1.0)
    put(supply, y, -1.0)
    put(np.full(b, 3 * a + n), r, 1.0)
    total = 3 * a + n + 1
    shape = (total, 3 * a + b + n)
    base = coo_array((np.concatenate(data), (np.concatenate(rows), np.concatenate(cols))), shape)
    side, side_lower, side_upper = part.sides
    sides = hstack([side[:, edge], csr_array((side.shape[0], shape[1] - a))], format="csr")
    chosen = np.r_[edge, edges + edge, 2 * edges + root]
    links = pool.weight[:, chosen].tocoo()
    count = len(pool.target)
    shifted = np.r_[links.col + a, y[seat[pool.target]]]
    matrix = vstack(
        [
            base,
            sides,
            coo_array(
                (
                    np.r_[links.data, np.full(count, -1.0)],
                    (np.r_[links.row, np.arange(count)], shifted),
                ),
                (count, shape[1]),
            ),
        ],
        format="csr",
    )
    lower = np.r_[np.full(3 * a, -np.inf), np.zeros(n), -np.inf, side_lower, np.zeros(count)]
    upper = np.r_[np.zeros(3 * a + n), connected.components, side_upper, np.full(count, np.inf)]
    column = np.r_[edge, edges + edge, 2 * edges + edge, 3 * edges + root, 3 * edges + nodes + node]
    r1 = 3 * edges + nodes
    row = np.r_[
        edge, edges + edge, 2 * edges + edge, 3 * edges + node, r1 + np.arange(1 + len(side_lower))
    ]
    row = np.r_[row, r1 + 1 + len(side_lower) + np.arange(count)]
    return Layout(edge, node, root, column, row), csr_array(matrix), lower, upper


def passed(
    part: Part, pool: Pool, active: Bools, *, integer: bool = False
) -> tuple[highspy.Highs, Layout]:
    """Hand the relaxation (or, with `integer`, the programme) on the active edges to HiGHS."""
    connected = part.connected
    layout, matrix, lower, upper = matrix_of(part, pool, active)
    columns = matrix.shape[1]
    a, b = len(layout.edge), len(layout.root)
    cost = np.zeros(columns)
    cost[:a] = connected.prize[layout.edge]
    least, most = np.zeros(columns), np.ones(columns)
    least[:a] = connected.forced[layout.edge]
    most[:a] = part.usable[layout.edge]
    most[a : 3 * a] = part.arcs.alive[np.r_[layout.edge, len(connected.tail) + layout.edge]]
    most[3 * a + b :] = ~part.out[layout.node]
    whole = np.zeros(columns, dtype=np.int32)
    whole[:a] = integer
    highs = highspy.Highs()  # type: ignore[no-untyped-call]
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("threads", 1)
    highs.setOptionValue("parallel", "off")
    highs.passModel(
        columns,
        matrix.shape[0],
        matrix.nnz,
        _ROWWISE,
        1,
        0.0,
        -cost,
        least,
        most,
        np.where(np.isneginf(lower), -highspy.kHighsInf, lower),
        np.where(np.isposinf(upper), highspy.kHighsInf, upper),
        matrix.indptr[:-1].astype(np.int32),
        matrix.indices.astype(np.int32),
        matrix.data,
        whole,
    )
    return highs, layout


def solve_relaxation(
    part: Part, pool: Pool, active: Bools, *, seconds: float, basis: Basis
) -> Solved:
    """
    Solve the relaxation on the active edges.

    Parameters
    ----------
    part, pool, active
        Part of the search space, connection rows, edges (E,) that take part.
    seconds
        Time limit.
    basis
        Last basis, from which the simplex method starts; renewed.
    """
    highs, layout = passed(part, pool, active)
    highs.setOptionValue("time_limit", max(seconds, 0.01))
    highs.setOptionValue("solver", "simplex")
    _start_from(highs, layout, basis)
    highs.run()
    status, names = highs.getModelStatus(), highspy.HighsModelStatus
    state = "optimal" if status == names.kOptimal else "stopped"
    if status in (names.kInfeasible, names.kUnboundedOrInfeasible):
        state = "infeasible"
    if state == "optimal":
        _remember(highs, layout, basis)
    return _read(part, pool, layout, highs, state)


def _start_from(highs: highspy.Highs, layout: Layout, basis: Basis) -> None:
    if not len(basis.column):
        return
    start = highspy.HighsBasis()
    names = (
        highspy.HighsBasisStatus.kLower,
        highspy.HighsBasisStatus.kBasic,
        highspy.HighsBasisStatus.kUpper,
        highspy.HighsBasisStatus.kZero,
        highspy.HighsBasisStatus.kNonbasic,
    )
    column, row = np.zeros(len(layout.column), np.int8), np.ones(len(layout.row), np.int8)
    known = layout.column < len(basis.column)
    column[known] = basis.column[layout.column[known]]
    known = layout.row < len(basis.row)
    row[known] = basis.row[layout.row[known]]
    start.col_status = [names[k] for k in column.tolist()]
    start.row_status = [names[k] for k in row.tolist()]
    start.valid = True
    start.alien = True
    highs.setBasis(start)


def _remember(highs: highspy.Highs, layout: Layout, basis: Basis) -> None:
    found = highs.getBasis()
    column = np.array([int(k) for k in found.col_status], dtype=np.int8)
    row = np.array([int(k) for k in found.row_status], dtype=np.int8)
    basis.column = np.zeros(int(layout.column.max(initial=-1)) + 1, np.int8)
    basis.column[layout.column] = column
    basis.row = np.ones(int(layout.row.max(initial=-1)) + 1, np.int8)
    basis.row[layout.row] = row


def _read(part: Part, pool: Pool, layout: Layout, highs: highspy.Highs, state: str) -> Solved:
    connected = part.connected
    edges, nodes = len(connected.tail), connected.nodes
    edge, arc, node = np.zeros(edges), np.zeros(len(part.arcs.source)), np.zeros(nodes)
    solution = highs.getSolution()
    values = np.array(solution.col_value)
    values = values if len(values) == len(layout.column) else np.zeros(len(layout.column))
    a, b, n = len(layout.edge), len(layout.root), len(layout.node)
    edge[layout.edge] = values[:a]
    arc[layout.edge] = values[a : 2 * a]
    arc[edges + layout.edge] = values[2 * a : 3 * a]
    arc[2 * edges + layout.root] = values[3 * a : 3 * a + b]
    node[layout.node] = values[3 * a + b :]
    # The LP is a minimisation of the negative prize.
    dual = -np.array(solution.row_dual)
    dual = dual if len(dual) == len(layout.row) else np.zeros(len(layout.row))
    link, ends, supply = np.zeros(edges), np.zeros(2 * edges), np.zeros(nodes)
    link[layout.edge] = dual[:a]
    ends[layout.edge] = dual[a : 2 * a]
    ends[edges + layout.edge] = dual[2 * a : 3 * a]
    supply[layout.node] = dual[3 * a : 3 * a + n]
    sides = 3 * a + n + 1
    pool_at = sides + part.sides[0].shape[0]
    price = np.maximum(-dual[pool_at:], 0.0)
    duals = Duals(
        link=np.maximum(link, 0),
        ends=np.maximum(ends, 0),
        supply=supply,
        roots=max(float(dual[sides - 1]), 0.0),
        rows=dual[sides:pool_at],
        level=pool.level,
        target=pool.target,
        price=price,
    )
    climb = (price @ pool.weight)[: 2 * edges]
    return Solved(edge, arc, node, completed(part, duals, climb), climb, state)


def completed(part: Part, duals: Duals, climb: Floats) -> Duals:
    """
    Move every loss onto the arcs, which also prices edges outside the relaxation.

    An edge or node whose gain is negative can hand the loss to the link or supply row above it
    without changing the bound; then the loss of an arc says what using it costs.
    """
    (_, _, node, _), _ = column_gains(part.connected, duals, climb)
    duals = replace(duals, supply=duals.supply + np.maximum(-node, 0.0))
    (edge, _, _, _), _ = column_gains(part.connected, duals, climb)
    return replace(duals, link=duals.link + np.maximum(-edge, 0.0))
