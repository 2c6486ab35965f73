"""
The peer of connected selection: prize-collecting Steiner trees at a price, plus greedy growth.

Runs with any interpreter that has numpy and pcst_fast: arrays come in as an npz file, one JSON
object goes out. At a length price, edges that are profitable are contracted to terminals with their
profit as prize, the others cost their loss; the price that fits the window is found by bisection.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import pcst_fast


def components(tail: np.ndarray, head: np.ndarray, good: np.ndarray, nodes: int) -> np.ndarray:
    """Label nodes joined by good edges (union-find)."""
    parent = list(range(nodes))

    def find(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for edge in np.flatnonzero(good):
        parent[find(tail[edge])] = find(head[edge])
    return np.unique([find(node) for node in range(nodes)], return_inverse=True)[1]


def grown(
    chosen: np.ndarray,
    length: np.ndarray,
    ratio: np.ndarray,
    ends: tuple[np.ndarray, np.ndarray],
    room: float,
    nodes: int,
) -> np.ndarray:
    """Add the adjoining edge of the best ratio that fits, until none does."""
    tail, head = ends
    chosen, inside = chosen.copy(), np.zeros(nodes, dtype=bool)
    inside[tail[chosen]] = inside[head[chosen]] = True
    if not chosen.any():
        inside[tail[np.argmax(ratio)]] = True
    while True:
        near = np.flatnonzero(~chosen & (inside[tail] | inside[head]) & (length <= room))
        if not len(near):
            return chosen
        edge = near[np.argmax(ratio[near])]
        chosen[edge] = True
        room -= length[edge]
        inside[tail[edge]] = inside[head[edge]] = True


def at_price(case: dict[str, np.ndarray], price: float, nodes: int) -> np.ndarray:
    """Choose edges at one length price."""
    tail, head, length, prize = (case[name] for name in ("tail", "head", "length", "prize"))
    profit = prize - price * length
    good = profit > 0
    label = components(tail, head, good, nodes)
    worth = np.bincount(label[tail[good]], profit[good], label.max() + 1)
    rest = np.flatnonzero(~good & (label[tail] != label[head]))
    pairs = np.c_[label[tail[rest]], label[head[rest]]].astype(np.int64)
    vertices, used = pcst_fast.pcst_fast(pairs, worth, -profit[rest], -1, 1, "strong", 0)
    inside = np.zeros(len(worth), dtype=bool)
    inside[vertices] = True
    chosen = good & inside[label[tail]]
    chosen[rest[used]] = True
    return chosen


def main() -> None:
    """Solve the instance of the file given."""
    case = dict(np.load(sys.argv[1]))
    nodes, most = int(case["nodes"]), float(case["most"])
    length, prize = case["length"], case["prize"]
    ratio = prize / np.maximum(length, 1e-9)
    started, low, high, best = time.perf_counter(), 0.0, float(ratio.max()), 0.0
    for _ in range(40):
        price = (low + high) / 2
        chosen = at_price(case, price, nodes)
        if length[chosen].sum() > most:
            low = price
            continue
        high = price
        room = most - length[chosen].sum()
        full = grown(chosen, length, ratio, (case["tail"], case["head"]), room, nodes)
        best = max(best, float(prize[full].sum()))
    print(json.dumps({"objective": best, "seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main()
