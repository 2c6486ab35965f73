"""Real junctions: the crossing, roundabout or interchange that several nodes are one of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Junctions:
    """
    The real junctions of a network, sorted by `junction_id`'s vertex.

    A crossing of dual carriageways is one, a roundabout is one, an interchange is one with its
    ramps apart.

    Attributes
    ----------
    junction_id
        `j` and the lowest vertex id of its nodes, shape (k,).
    name
        Names of its roads, the greatest first, `经十路/舜耕路`; "" where none is known, shape (k,).
    kind
        `signal` (traffic lights), `interchange` (roads that meet on ramps), `ramp` (a ramp meets a
        surface road), `crossing` (tertiary or higher roads meet), or `minor`, shape (k,).
    key
        Key junction (关键路口): it has signals, or three legs of tertiary or higher roads meet,
        carriageways merged, shape (k,).
    xy
        Middle in `network.crs`, metres, shape (k, 2).
    lonlat
        Middle in degrees WGS-84, shape (k, 2).
    legs
        Road legs, carriageways merged, shape (k,).
    signals
        Nodes with a traffic signal, shape (k,).
    highest
        Index into `frames.ROAD_CLASSES` of its highest road, shape (k,).
    of_node
        Junction of every network node, -1 where a node is none (shape points, ends), shape (n,).
    """

    junction_id: npt.NDArray[np.object_]
    name: npt.NDArray[np.object_]
    kind: npt.NDArray[np.object_]
    key: npt.NDArray[np.bool_]
    xy: npt.NDArray[np.float64]
    lonlat: npt.NDArray[np.float64]
    legs: npt.NDArray[np.int64]
    signals: npt.NDArray[np.int64]
    highest: npt.NDArray[np.int8]
    of_node: npt.NDArray[np.int64]
