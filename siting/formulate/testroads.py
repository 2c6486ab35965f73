"""The test-road programme: which corridors hang together, grow from anchors and are worth most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pulp
from scipy.sparse import coo_array, csr_array

from siting.errors import SolverError
from siting.programme import Columns, Programme, Rows
from siting.structures import Connected

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.core.outcome import Outcome

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

CHOOSE, ARC, TOUCH, ROOT, FLOW = "choose", "arc", "touch", "root", "flow"
"""
Column blocks: chosen corridors (E,); forest arcs, tail to head and then head to tail (2 E,);
touched nodes and roots (N,); nodes beyond each arc (2 E,).
"""


@dataclass(frozen=True, slots=True)
class SideRow:
    """
    A row `lower <= coefficient @ chosen <= upper` beside connectivity and length.

    Attributes
    ----------
    name
        With the number of its family in `models/formulations/testroads.md`.
    coefficient
        Shape (E,).
    lower, upper
        Bounds; `-inf` and `inf` allowed.
    clause
        Clause that it serves, "" for none.
    """

    name: str
    coefficient: npt.NDArray[np.float64]
    lower: float
    upper: float
    clause: str = ""


@dataclass(frozen=True, slots=True)
class RoadChoice:
    """
    The figures of a test-road programme; E corridors, N graph nodes.

    Attributes
    ----------
    nodes
        Number of graph nodes N.
    tail, head
        Node at both ends of each corridor, int64, shape (E,).
    length_m
        Geodesic length, shape (E,).
    points
        Worth, >= 0, shape (E,).
    cost_cny
        Opening and retrofit, >= 0, shape (E,).
    least_m, most_m
        Window of the length of all roads.
    anchors
        Anchor nodes, int64, shape (P,).
    components
        Most connected parts.
    forced, banned
        Bool, shape (E,).
    rows
        Side rows: sorts, grades, districts, tiers, scenarios, budget.
    objective
        `value`: most points; `cost`: least cost; `length`: most points, which are kilometres.
    clause
        Clause of the length.
    """

    nodes: int
    tail: npt.NDArray[np.int64]
    head: npt.NDArray[np.int64]
    length_m: npt.NDArray[np.float64]
    points: npt.NDArray[np.float64]
    cost_cny: npt.NDArray[np.float64]
    least_m: float
    most_m: float
    anchors: npt.NDArray[np.int64]
    components: int
    forced: npt.NDArray[np.bool_]
    banned: npt.NDArray[np.bool_]
    rows: tuple[SideRow, ...]
    objective: str = "value"
    clause: str = ""


def dearest_cny_m(choice: RoadChoice) -> float:
    """Return the cost of the dearest metre that can be chosen; least cost is written with it."""
    some = ~choice.banned & (choice.length_m > 0)
    rates = choice.cost_cny[some] / choice.length_m[some]
    return float(rates.max(initial=0.0))


def prize_of(choice: RoadChoice) -> Floats:
    """
    Return what the route maximises, shape (E,).

    Points, unless the objective is `cost`: then what each corridor costs less than as many of the
    dearest metres, which isn't negative, and for a given length is most where the cost is least.
    """
    if choice.objective != "cost":
        return choice.points
    saved = dearest_cny_m(choice) * choice.length_m - choice.cost_cny
    return np.asarray(np.maximum(saved, 0.0))


def connected_structure(choice: RoadChoice) -> Connected:
    """Write a choice as the arrays that the connected route solves."""
    edges = len(choice.tail)
    table = np.array([row.coefficient for row in choice.rows]).reshape(len(choice.rows), edges)
    return Connected(
        nodes=choice.nodes,
        tail=choice.tail,
        head=choice.head,
        length_m=choice.length_m,
        prize=prize_of(choice),
        least_m=choice.least_m,
        most_m=choice.most_m,
        anchors=choice.anchors,
        components=choice.components,
        forced=choice.forced,
        banned=choice.banned,
        row_name=tuple(row.name for row in choice.rows),
        row_edge=csr_array(table),
        row_lower=np.array([row.lower for row in choice.rows], dtype=np.float64),
        row_upper=np.array([row.upper for row in choice.rows], dtype=np.float64),
    )


def road_programme(choice: RoadChoice) -> Programme:
    """
    Formulate the test-road programme; see `models/formulations/testroads.md`.

    Parameters
    ----------
    choice
        Corridors, worth, costs and limits.

    Returns
    -------
    Programme
        Maximise `prize_of`; single-commodity flow from the roots makes connectivity a set of plain
        rows, the `Connected` in `structure` says the same for the route that needs no flow.
    """
    edges, nodes = len(choice.tail), choice.nodes
    loop = choice.tail == choice.head
    arcs = np.tile(np.where(loop, 0.0, 1.0), 2)
    may_root = np.zeros(nodes)
    may_root[choice.anchors if len(choice.anchors) else slice(None)] = 1.0
    chosen = Columns(
        CHOOSE,
        choice.forced.astype(np.float64),
        (~choice.banned).astype(np.float64),
        prize_of(choice),
        integer=True,
    )
    columns = (
        chosen,
        Columns(ARC, np.zeros(2 * edges), arcs, np.zeros(2 * edges), integer=True),
        Columns(TOUCH, np.zeros(nodes), np.ones(nodes), np.zeros(nodes), integer=True),
        Columns(ROOT, np.zeros(nodes), may_root, np.zeros(nodes), integer=True),
        Columns(FLOW, np.zeros(2 * edges), nodes * arcs, np.zeros(2 * edges)),
    )
    length = csr_array(choice.length_m[None, :])
    limits = Rows(
        "t2_length",
        np.array([choice.least_m]),
        np.array([choice.most_m]),
        {CHOOSE: length},
        choice.clause,
    )
    problem = pulp.LpProblem("testroads", pulp.LpMaximize)
    rows = (limits, *_forest_rows(choice), *(_side_row(row) for row in choice.rows))
    return Programme(
        name="testroads",
        problem=problem,
        variables=(),
        columns=columns,
        rows=rows,
        clauses={row.name: row.clause for row in rows if row.clause},
        structure=connected_structure(choice),
    )


def _matrix(value: Floats | float, row: Ints, column: Ints, shape: tuple[int, int]) -> csr_array:
    values = np.broadcast_to(np.asarray(value, dtype=np.float64), row.shape)
    return csr_array(coo_array((values, (row, column)), shape=shape))


def _forest_rows(choice: RoadChoice) -> tuple[Rows, ...]:
    """Rows (3) to (8): chosen corridors and their nodes are a forest's, and flow reaches each."""
    edges, nodes = len(choice.tail), choice.nodes
    edge, arc, node = np.arange(edges), np.arange(2 * edges), np.arange(nodes)
    begin = np.concatenate([choice.tail, choice.head])
    end = np.concatenate([choice.head, choice.tail])
    eye = _matrix(1.0, node, node, (nodes, nodes))
    into = _matrix(1.0, end, arc, (nodes, 2 * edges))
    out = _matrix(1.0, begin, arc, (nodes, 2 * edges))
    both = _matrix(1.0, arc % max(edges, 1), arc, (edges, 2 * edges))
    each = _matrix(1.0, arc, arc, (2 * edges, 2 * edges))
    pick = _matrix(1.0, edge, edge, (edges, edges))
    twice = _matrix(1.0, arc, arc % max(edges, 1), (2 * edges, edges))
    ends = _matrix(-1.0, arc, begin, (2 * edges, nodes))
    many = float(nodes)
    every = _matrix(1.0, np.zeros(nodes, dtype=np.int64), node, (1, nodes))
    return (
        _most("t3_link", edges, {ARC: both, CHOOSE: -pick}),
        _most("t4_ends", 2 * edges, {CHOOSE: twice, TOUCH: ends}),
        Rows("t5_supply", np.zeros(nodes), np.zeros(nodes), {ARC: into, ROOT: eye, TOUCH: -eye}),
        Rows("t6_parts", np.array([-np.inf]), np.array([float(choice.components)]), {ROOT: every}),
        _most("t7_capacity", 2 * edges, {FLOW: each, ARC: -many * each}),
        _most("t8_flow", nodes, {TOUCH: eye, FLOW: out - into, ROOT: -many * eye}),
    )


def _most(name: str, rows: int, terms: dict[str, csr_array]) -> Rows:
    """Rows of at most 0."""
    return Rows(name, np.full(rows, -np.inf), np.zeros(rows), terms)


def _side_row(row: SideRow) -> Rows:
    terms = {CHOOSE: csr_array(row.coefficient[None, :])}
    return Rows(row.name, np.array([row.lower]), np.array([row.upper]), terms, row.clause)


def chosen_corridors(programme: Programme, outcome: Outcome) -> Bools:
    """
    Read which corridors are chosen, shape (E,).

    Raises
    ------
    SolverError
        Where the outcome holds no solution.
    """
    if CHOOSE not in outcome.values:
        raise SolverError(
            outcome.message or "no test roads were found in the time given",
            where=programme.name,
            value=outcome.status,
            cure="Give it more seconds, more connected parts, or a lower target",
        )
    chosen: Bools = np.rint(outcome.values[CHOOSE]) > 0
    return chosen
