"""Instances of connected selection: street-like planar graphs, and the corridors of a real city."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import minimum_spanning_tree

from siting.structures import Connected

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

BLOCK_M = 250.0
SHARE = 0.06
SLACK = 1.15


def streets(edges: int, kind: str, seed: int = 0) -> Connected:
    """
    Make a jittered grid of uneven blocks with streets left out, connected, with `edges` edges.

    Parameters
    ----------
    edges
        Number of edges.
    kind
        `hotspots`: prizes a metre high around a few centres, with noise. `alike`: prizes a metre
        uniform in [0, 1] everywhere, so that no place is richer than another. `anchored`: hotspots,
        with seven anchors and at most three parts.
    seed
        Seed of everything random.
    """
    rng = np.random.default_rng(seed)
    side = int(np.ceil(np.sqrt(edges / 1.54))) + 1
    row, column = np.divmod(np.arange(side * side), side)
    steps = np.cumsum(rng.lognormal(0, 0.35, (2, side)), axis=1)
    xy = np.column_stack([steps[0][row], steps[1][column]]) * BLOCK_M
    xy += rng.normal(0, 0.12 * BLOCK_M, xy.shape)
    at = np.arange(side * side).reshape(side, side)
    tail = np.r_[at[:-1].ravel(), at[:, :-1].ravel()]
    head = np.r_[at[1:].ravel(), at[:, 1:].ravel()]
    kept = _kept(tail, head, side * side, edges, rng)
    tail, head = tail[kept], head[kept]
    length = np.hypot(*(xy[tail] - xy[head]).T) * (1 + rng.exponential(0.08, edges))
    rate = rng.uniform(0, 1, edges)
    if kind != "alike":
        rate = (0.3 + _hotspots((xy[tail] + xy[head]) / 2, edges, rng)) * rng.uniform(0.2, 1, edges)
    anchors = rng.choice(side * side, 7, replace=False) if kind == "anchored" else np.zeros(0)
    return _windowed(
        side * side,
        (tail, head),
        length,
        rate * length / BLOCK_M,
        least=SHARE * float(length.sum()),
        anchors=np.sort(anchors).astype(np.int64),
        components=3 if kind == "anchored" else 1,
    )


def _kept(tail: Ints, head: Ints, nodes: int, edges: int, rng: np.random.Generator) -> Ints:
    """Choose a random spanning tree and random further edges."""
    weight = rng.random(len(tail)) + 1e-9
    tree = minimum_spanning_tree(coo_array((weight, (tail, head)), shape=(nodes, nodes))).tocoo()
    in_tree = np.isin(tail * nodes + head, tree.row.astype(np.int64) * nodes + tree.col)
    further = rng.permutation(np.flatnonzero(~in_tree))[: edges - int(in_tree.sum())]
    return np.sort(np.r_[np.flatnonzero(in_tree), further])


def _hotspots(middle: Floats, edges: int, rng: np.random.Generator) -> Floats:
    count = round(5 * (edges / 1925) ** 0.75)
    low, span = middle.min(axis=0), np.ptp(middle, axis=0)
    centre = rng.random((count, 2)) * span + low
    width = rng.uniform(0.06, 0.15, count) * span.mean() * (1925 / edges) ** 0.25
    height = rng.uniform(0.3, 1, count)
    away = ((middle[:, None] - centre) ** 2).sum(axis=2)
    return np.asarray((height * np.exp(-away / (2 * width**2))).sum(axis=1))


def _windowed(
    nodes: int,
    ends: tuple[Ints, Ints],
    length: Floats,
    prize: Floats,
    *,
    least: float,
    anchors: Ints,
    components: int,
) -> Connected:
    edges = len(length)
    return Connected(
        nodes=nodes,
        tail=ends[0].astype(np.int64),
        head=ends[1].astype(np.int64),
        length_m=length,
        prize=prize,
        least_m=least,
        most_m=SLACK * least,
        anchors=anchors,
        components=components,
        forced=np.zeros(edges, dtype=bool),
        banned=np.zeros(edges, dtype=bool),
        row_name=(),
        row_edge=csr_array((0, edges)),
        row_lower=np.zeros(0),
        row_upper=np.zeros(0),
    )


def corridors(roads: Path, least_m: float = 1_000_000.0) -> Connected:
    """
    Take the corridors of a real city: roads between junctions, dual carriageways counted once.

    A metre is worth more on wider classes, near signals and near the centre of the network; five
    anchors lie far apart, and at most three parts are allowed.

    Parameters
    ----------
    roads
        OSM extract.
    least_m
        Least total length, m.
    """
    from siting.datum import metric_crs  # noqa: PLC0415
    from siting.frames import ROAD_CLASSES  # noqa: PLC0415
    from siting.network import build_network, cluster_junctions  # noqa: PLC0415
    from siting.osm import read_osm  # noqa: PLC0415

    found = read_osm(roads).roads
    west, south, east, north = found.frame.total_bounds
    network = build_network(found, metric_crs(west, south, east, north))
    junction = cluster_junctions(network)
    tail, head = junction[network.tail], junction[network.head]
    worth = {"trunk": 1.0, "primary": 1.0, "secondary": 0.8, "tertiary": 0.5}
    rate = np.array([worth.get(name, 0.2) for name in ROAD_CLASSES])[network.highway]
    middle = (network.node_xy[network.tail] + network.node_xy[network.head]) / 2
    centre = np.average(middle, axis=0, weights=network.length_m)
    away = np.hypot(*(middle - centre).T)
    signals = network.signal[network.tail].astype(float) + network.signal[network.head]
    prize = rate * (0.3 + np.exp(-away / 8000)) * network.length_m / 1000 + 0.05 * signals
    kept = ~network.twin & (tail != head)
    order = np.argsort(away[kept], kind="stable")
    anchors = tail[kept][order[np.linspace(0, 0.9 * len(order), 5).astype(int)]]
    return _windowed(
        int(junction.max()) + 1,
        (tail[kept], head[kept]),
        network.length_m[kept],
        prize[kept],
        least=least_m,
        anchors=np.unique(anchors),
        components=3,
    )
