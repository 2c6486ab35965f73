"""Clover leaves and turning lanes where trunk roads meet other streets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import shapely

from siting.sample.express import Expressway, expressway
from siting.sample.ramps import clover_ramp
from siting.sample.streets import lengths

if TYPE_CHECKING:
    import numpy.typing as npt
    from shapely.geometry.base import BaseGeometry

    from siting.sample.streets import Street

    Floats = npt.NDArray[np.float64]

LINK_KM_PER_KM2 = 0.36
"""Ramps and turning lanes in the core: measured in central Jinan (OSM 2020, densest 256 km2)."""

SCALE = 0.74
"""Size of a leaf beside an expressway's: Jinan's inner interchanges are about 400 m wide."""

TURN_SCALE = 0.27
"""Size of those lanes beside an expressway's ramp: they leave some 150 m before the crossing."""

APART_M = 1_500.0
TURN_APART_M = 600.0
_CLEAR_M = 700.0


def interchanges(
    streets: list[Street], core: BaseGeometry, built_m: float, rng: np.random.Generator
) -> tuple[list[Street], list[Street], list[tuple[int, int]]]:
    """
    Return the streets with their ramps' points, the ramps, and which street passes over which.

    Where trunk roads cross each other there is a clover leaf, where they cross primary and
    secondary streets there are lanes of their own for turning right.

    Parameters
    ----------
    streets
        Streets with keys; trunk roads with two carriageways take part, and what they cross.
    core
        Where ramps are added up to `LINK_KM_PER_KM2`; none are elsewhere.
    built_m
        Length of expressway ramps that is already there.
    rng
        Source of chance.
    """
    trunk = [k for k, s in enumerate(streets) if s.highway == "trunk" and s.width_m > 0]
    main = [k for k, s in enumerate(streets) if s.highway in {"trunk", "primary", "secondary"}]
    if not trunk:
        return streets, [], []
    lines = {k: shapely.LineString(streets[k].line) for k in main}
    tree = shapely.STRtree([lines[k] for k in main])
    first, second = tree.query([lines[k] for k in trunk], predicate="crosses")
    wanted_m = max(LINK_KM_PER_KM2 * 1e-3 * core.area - built_m, 0.0)
    roads: dict[int, Expressway] = {}
    ramps: list[Street] = []
    passes: list[tuple[int, int]] = []
    places: list[Floats] = []
    pairs = [(trunk[i], main[j]) for i, j in zip(first.tolist(), second.tolist(), strict=True)]
    pairs = [pairs[k] for k in rng.permutation(len(pairs))]
    pairs.sort(key=lambda pair: streets[pair[1]].highway != "trunk")
    for a, b in pairs:
        both = streets[b].highway == "trunk" and streets[b].width_m > 0
        if both and a > b:
            continue
        for xy in shapely.get_coordinates(shapely.intersection(lines[a], lines[b])):
            scale = SCALE if both else TURN_SCALE
            here = wanted_m > 0 and shapely.contains_xy(core, xy[0], xy[1])
            if not here or not _room(xy, (lines[a], lines[b]), places, scale):
                continue
            pair = [roads.setdefault(k, _road(streets[k])) for k in (a, b)]
            made = _leaves(pair[0], pair[1], xy, scale, loops=both)
            if made:
                places.append(xy)
                ramps += made
                wanted_m -= sum(float(lengths(ramp.line)[-1]) for ramp in made)
                passes += [(streets[a].key, streets[b].key)] if both else []
    done = list(streets)
    for row, road in roads.items():
        done[row] = replace(streets[row], welds=_welds(streets[row], road))
    return done, ramps, passes


def _road(street: Street) -> Expressway:
    return expressway(street.line, street.name, "", street.width_m)


def _welds(street: Street, road: Expressway) -> tuple[Floats, ...]:
    if street.width_m > 0:
        return road.points(0), road.points(1)
    return (np.vstack([road.points(0), road.points(1)]),)


def _room(
    xy: Floats, lines: tuple[shapely.LineString, ...], places: list[Floats], scale: float
) -> bool:
    here = shapely.Point(xy)
    for line in lines:
        at = line.project(here)
        if not _CLEAR_M * scale < at < line.length - _CLEAR_M * scale:
            return False
    apart = APART_M if scale == SCALE else TURN_APART_M
    return all(np.hypot(*(xy - other)) > apart for other in places)


def _leaves(
    one: Expressway, other: Expressway, xy: Floats, scale: float, *, loops: bool
) -> list[Street]:
    ramps = []
    for a, b in ((one, other), (other, one)):
        for i in (0, 1):
            for j in (0, 1):
                ramp = clover_ramp((a, i), (b, j), xy, "trunk_link", scale, loops=loops)
                if ramp is not None:
                    ramps.append(ramp)
    return ramps
