"""
Connected selection: checks of a choice and of a bound, by graph search and arithmetic alone.

Nothing here calls a solver or shares code with the search that it judges.

The bound prices a relaxation of the directed formulation. A feasible choice of edges is oriented as
a forest: each connected part grows from one root (an anchor where there are anchors). With x_e = 1
for chosen edges, z_ij = 1 for forest arcs, y_v = 1 for touched nodes and r_v = 1 for roots,

    z_ij + z_ji <= x_e              (link)
    x_e <= y_i,  x_e <= y_j         (ends)
    sum_i z_iv + r_v = y_v          (supply)
    sum_v r_v <= components         (roots)
    lower <= rows x <= upper        (length window and side rows)
    sum_ij max(0, phi_j - phi_i) z_ij + sum_v phi_v r_v >= y_t   for levels 0 <= phi <= 1, phi_t = 1

hold. The last family holds since along the arcs from the root to t the level climbs from 0 to 1:
r pays phi at the root and the arcs pay at least the rest. With phi the indicator of a node set S it
is the directed cut z(into S) + r(S) >= y_t (Wong 1984); other levels are non-negative combinations
of nested cuts, so that a whole dual ascent around t is one row.

Any multipliers of the right sign give a bound: what is left is a sum over columns in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array, csr_array, vstack
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.structures import Connected

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]

TOLERANCE = 1e-7
"""Relative breach of a length or side row that still counts as kept."""


@dataclass(frozen=True, slots=True)
class Duals:
    """
    Multipliers of one part of the search space; signs that prove nothing are cut off when used.

    Attributes
    ----------
    link
        Of the link rows, >= 0, shape (E,).
    ends
        Of `x <= y_tail` (first E) and `x <= y_head` (last E), >= 0, shape (2 E,).
    supply
        Of the supply equations, any sign, shape (N,).
    roots
        Of the number of roots, >= 0.
    rows
        Of length window and side rows: > 0 prices the upper bound, < 0 the lower, shape (1 + R,).
    level
        Levels phi of the connection rows, CSR, shape (C, N).
    target
        Target node t of each, int64, shape (C,).
    price
        Their multipliers, >= 0, shape (C,).
    """

    link: Floats
    ends: Floats
    supply: Floats
    roots: float
    rows: Floats
    level: csr_array
    target: npt.NDArray[np.int64]
    price: Floats


@dataclass(frozen=True, slots=True)
class Certificate:
    """
    A proof of an upper bound.

    Without anchors and with one component the search space is divided by regions of nodes: part k
    holds the choices that touch region k and none of the regions before it, so its root can be
    taken in region k. Otherwise there is one part and `region` is 0 everywhere.

    Attributes
    ----------
    region
        Region of each node, int64 in [0, len(parts)), shape (N,).
    parts
        Multipliers of each part.
    """

    region: npt.NDArray[np.int64]
    parts: tuple[Duals, ...]


def side_rows(connected: Connected) -> tuple[csr_array, Floats, Floats]:
    """Length window and side rows together: coefficients (1 + R, E), lower and upper bounds."""
    length = csr_array(connected.length_m[None, :])
    matrix = vstack([length, connected.row_edge], format="csr")
    lower = np.r_[connected.least_m if connected.least_m > 0 else -np.inf, connected.row_lower]
    return csr_array(matrix), lower, np.r_[connected.most_m, connected.row_upper]


def parts_of(connected: Connected, chosen: Bools) -> tuple[int, npt.NDArray[np.int64]]:
    """Count the connected parts of a choice; label of each node, -1 where untouched."""
    tail, head = connected.tail[chosen], connected.head[chosen]
    touched = np.zeros(connected.nodes, dtype=bool)
    touched[tail] = True
    touched[head] = True
    shape = (connected.nodes, connected.nodes)
    _, label = connected_components(coo_array((np.ones(len(tail)), (tail, head)), shape=shape))
    names, renumbered = np.unique(label[touched], return_inverse=True)
    labels = np.full(connected.nodes, -1, dtype=np.int64)
    labels[touched] = renumbered
    return len(names), labels


def check_connected(connected: Connected, chosen: Bools) -> tuple[str, ...]:
    """
    Say what is wrong with a choice of edges.

    Parameters
    ----------
    connected
        The instance.
    chosen
        Chosen edges, shape (E,).

    Returns
    -------
    tuple of str
        One sentence for each breach; empty where the choice is feasible.
    """
    wrong = []
    if (missing := int((connected.forced & ~chosen).sum())) > 0:
        wrong.append(f"{missing} forced edges are not chosen")
    if (extra := int((connected.banned & chosen).sum())) > 0:
        wrong.append(f"{extra} banned edges are chosen")
    matrix, lower, upper = side_rows(connected)
    value = matrix @ chosen.astype(float)
    scale = TOLERANCE * np.maximum(1.0, abs(matrix) @ chosen.astype(float))
    for k, name in enumerate(("length", *connected.row_name)):
        if not lower[k] - scale[k] <= value[k] <= upper[k] + scale[k]:
            wrong.append(f"{name} is {value[k]:.6g}, outside [{lower[k]:.6g}, {upper[k]:.6g}]")
    count, label = parts_of(connected, chosen)
    if count > connected.components:
        wrong.append(f"{count} connected parts, at most {connected.components} allowed")
    if len(connected.anchors):
        held = np.unique(label[connected.anchors])
        loose = count - int((held >= 0).sum())
        if loose:
            wrong.append(f"{loose} connected parts touch no anchor")
    return tuple(wrong)


def root_nodes(connected: Connected, region: npt.NDArray[np.int64], part: int) -> Bools:
    """Nodes that may be a root in a part of the search space, shape (N,)."""
    if len(connected.anchors):
        allowed = np.zeros(connected.nodes, dtype=bool)
        allowed[connected.anchors] = True
        return allowed
    return np.asarray(region == part)


def out_nodes(connected: Connected, region: npt.NDArray[np.int64], part: int) -> Bools:
    """Nodes that a part of the search space leaves untouched, shape (N,)."""
    if len(connected.anchors) or connected.components > 1:
        return np.zeros(connected.nodes, dtype=bool)
    return np.asarray(region < part)


def connected_bound(connected: Connected, certificate: Certificate) -> float:
    """
    Upper bound on the prize of any feasible choice, valid for every choice of multipliers.

    Rounding is covered: the sum of the magnitudes of all terms times the unit round-off and the
    number of terms is added (Higham 2002, eq. 4.4).

    Parameters
    ----------
    connected
        The instance.
    certificate
        Multipliers.

    Returns
    -------
    float
        The bound; `inf` where the certificate doesn't cover the search space.
    """
    region, parts = certificate.region, certificate.parts
    divided = not len(connected.anchors) and connected.components == 1
    if not parts or region.shape != (connected.nodes,):
        return np.inf
    if connected.nodes and (region.min() < 0 or region.max() >= len(parts)):
        return np.inf
    if not divided and (len(parts) > 1 or region.any()):
        return np.inf
    return max(part_bound(connected, region, k, duals) for k, duals in enumerate(parts))


def part_bound(
    connected: Connected, region: npt.NDArray[np.int64], part: int, duals: Duals
) -> float:
    """Bound of one part of the search space, see `connected_bound`."""
    out = out_nodes(connected, region, part)
    usable = ~(connected.banned | out[connected.tail] | out[connected.head])
    if (connected.forced & ~usable).any():
        return -np.inf
    clean = _clean(connected, duals)
    if clean is None:
        return np.inf
    gains, size = column_gains(connected, clean)
    forced = connected.forced
    roots = root_nodes(connected, region, part) & ~out
    edge, arc, node, root = gains
    loop = connected.tail == connected.head
    usable_arc = np.tile(usable & ~loop, 2)
    must = np.zeros(connected.nodes, dtype=bool)
    must[connected.tail[forced]] = True
    must[connected.head[forced]] = True
    _, lower, upper = side_rows(connected)
    # A side that is infinite has a zero multiplier by now.
    priced = np.where(clean.rows > 0, upper, np.where(clean.rows < 0, lower, 0.0))
    constant = float(clean.rows @ priced) + clean.roots * connected.components
    terms = (
        np.where(forced, edge, np.where(usable, np.maximum(edge, 0), 0)),
        np.where(usable_arc, np.maximum(arc, 0), 0),
        np.where(must, node, np.where(out, 0, np.maximum(node, 0))),
        np.where(roots, np.maximum(root, 0), 0),
    )
    value = constant + float(sum(term.sum() for term in terms))
    size += float(np.abs(clean.rows * priced).sum()) + clean.roots * connected.components
    count = clean.level.nnz + sum(len(term) for term in terms)
    return value + (count + 64) * 2.0**-52 * size


def column_gains(
    connected: Connected, duals: Duals, climb: Floats | None = None
) -> tuple[tuple[Floats, Floats, Floats, Floats], float]:
    """
    Price every column.

    Parameters
    ----------
    connected
        The instance.
    duals
        Clean multipliers: right signs, levels in [0, 1] with 1 at the target.
    climb
        `level_climb` where it is known, shape (2 E,).

    Returns
    -------
    gains
        Gain of each edge (E,), arc (2 E,), node (N,) and root (N,) at the multipliers.
    size
        Sum of the magnitudes of all terms in them.
    """
    edges, tail, head = len(connected.tail), connected.tail, connected.head
    matrix, _, _ = side_rows(connected)
    edge = connected.prize + duals.link - duals.ends[:edges] - duals.ends[edges:]
    edge = edge - duals.rows @ matrix
    if climb is None:
        climb = level_climb(connected, duals)
    into = np.r_[head, tail]
    arc = climb - np.tile(duals.link, 2) - duals.supply[into]
    node = duals.supply.copy()
    np.add.at(node, tail, duals.ends[:edges])
    np.add.at(node, head, duals.ends[edges:])
    np.subtract.at(node, duals.target, duals.price)
    root = duals.price @ duals.level - duals.supply - duals.roots
    size = float(
        connected.prize.sum()
        + 3 * duals.link.sum()
        + 2 * duals.ends.sum()
        + np.abs(duals.supply) @ (2 + np.bincount(into, minlength=connected.nodes))
        + np.abs(duals.rows) @ (abs(matrix) @ np.ones(edges))
        + 2 * climb.sum()
        + duals.price.sum()
        + (duals.price @ duals.level).sum()
        + connected.nodes * duals.roots
    )
    return (edge, arc, node, root), size


def level_climb(connected: Connected, duals: Duals) -> Floats:
    """Sum over connection rows of price times the climb of the level along each arc, (2 E,)."""
    columns = duals.level.tocsc()
    total = np.zeros(2 * len(connected.tail))
    step = max(1, 4_000_000 // max(1, duals.level.shape[0]))
    for begin in range(0, len(connected.tail), step):
        part = slice(begin, begin + step)
        rise = columns[:, connected.head[part]] - columns[:, connected.tail[part]]
        up = rise.maximum(0)
        down = (-rise).maximum(0)
        total[: len(connected.tail)][part] = duals.price @ up
        total[len(connected.tail) :][part] = duals.price @ down
    return total


def _clean(connected: Connected, duals: Duals) -> Duals | None:
    """Cut off what would make the bound invalid; None where shapes or numbers make no sense."""
    edges, nodes = len(connected.tail), connected.nodes
    count = len(duals.price)
    shapes = (
        (duals.link, (edges,)),
        (duals.ends, (2 * edges,)),
        (duals.supply, (nodes,)),
        (duals.rows, (1 + len(connected.row_name),)),
        (duals.target, (count,)),
        (duals.price, (count,)),
    )
    if any(array.shape != shape or not np.isfinite(array).all() for array, shape in shapes):
        return None
    if duals.level.shape != (count, nodes) or not np.isfinite(duals.level.data).all():
        return None
    if count and (duals.target.min() < 0 or duals.target.max() >= nodes):
        return None
    level = csr_array(duals.level, copy=True)
    level.sum_duplicates()
    level.data = np.clip(level.data, 0.0, 1.0)
    at_target = np.asarray(level[np.arange(count), duals.target]).ravel() if count else np.zeros(0)
    # A row that doesn't reach level 1 at its target proves less than it says.
    price = np.where(at_target == 1.0, np.maximum(duals.price, 0.0), 0.0)
    _, lower, upper = side_rows(connected)
    rows = np.where((duals.rows > 0) & np.isinf(upper), 0.0, duals.rows)
    rows = np.where((rows < 0) & np.isinf(lower), 0.0, rows)
    return Duals(
        link=np.maximum(duals.link, 0.0),
        ends=np.maximum(duals.ends, 0.0),
        supply=duals.supply,
        roots=max(float(duals.roots), 0.0) if np.isfinite(duals.roots) else 0.0,
        rows=rows,
        level=level,
        target=duals.target,
        price=price,
    )
