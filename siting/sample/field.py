"""A smooth field of street directions, and streamlines along it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

_WAVES = ((26_000.0, 0.16), (13_000.0, 0.13), (6_500.0, 0.10), (3_200.0, 0.05))
"""Wavelength in metres and amplitude in radians; chosen so that streets bend as in Jinan."""


@dataclass(frozen=True, slots=True)
class Field:
    """
    Directions of one family of streets; the other family is perpendicular.

    Attributes
    ----------
    base
        Mean direction, radians counter-clockwise from east.
    waves
        (kx, ky, phase, amplitude) of each sine wave.
    """

    base: float
    waves: tuple[tuple[float, float, float, float], ...]

    def angle(self, x: float, y: float) -> float:
        """Return the direction at a point, radians."""
        total = self.base
        for kx, ky, phase, amplitude in self.waves:
            total += amplitude * math.sin(kx * x + ky * y + phase)
        return total


def make_field(rng: np.random.Generator, base: float) -> Field:
    """Return a random smooth field around a mean direction."""
    waves = []
    for wavelength, amplitude in _WAVES:
        for _ in range(2):
            heading = rng.uniform(0, 2 * math.pi)
            k = 2 * math.pi / (wavelength * rng.uniform(0.8, 1.25))
            phase = rng.uniform(0, 2 * math.pi)
            waves.append((k * math.cos(heading), k * math.sin(heading), phase, amplitude / 1.4))
    return Field(base, tuple(waves))


def streamline(
    field: Field, seed: tuple[float, float], turn: float, reach_m: float, step_m: float
) -> npt.NDArray[np.float64]:
    """
    Return the line through a seed that follows the field turned by `turn`, both ways.

    Parameters
    ----------
    field
        Directions.
    seed
        Metres.
    turn
        0 for the first family of streets, pi/2 for the second.
    reach_m
        Length traced to either side.
    step_m
        Spacing of the vertices.
    """
    steps = max(int(reach_m / step_m), 2)
    halves = []
    for sign in (-1.0, 1.0):
        x, y = seed
        points = []
        for _ in range(steps):
            # Midpoint rule: the direction half a step ahead.
            a = field.angle(x, y) + turn
            half = sign * step_m / 2
            a = field.angle(x + half * math.cos(a), y + half * math.sin(a)) + turn
            x += sign * step_m * math.cos(a)
            y += sign * step_m * math.sin(a)
            points.append((x, y))
        halves.append(points)
    return np.array([*reversed(halves[0]), seed, *halves[1]])
