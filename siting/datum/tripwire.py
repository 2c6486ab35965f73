"""Refuse a layer that lies a Chinese map shift away from what it should lie on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from siting.datum.detect import DatumGuess, datum_of, measured_shift_m
from siting.datum.points import datum_of_points, measured_shift_of_points_m
from siting.datum.shifts import from_wgs84, moved
from siting.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Objects = npt.NDArray[np.object_]

_SAME = {"cgcs2000": "wgs84"}
_NAMES = {"wgs84": "WGS-84", "gcj02": "GCJ-02", "bd09": "BD-09"}


def _plain_fix(key: str, value: str) -> str:
    return f"Write `{key}: {value}` for this source"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the model says of a layer: its name in messages, the datum, and how to change it."""

    path: str
    what: str
    datum: str = "wgs84"
    fix: Callable[[str, str], str] = _plain_fix
    """From key and value to what to write where."""


def refuse_shifted(shapes: npt.ArrayLike, reference: npt.ArrayLike, asked: Asked) -> DatumGuess:
    """
    Compare a layer with roads, and refuse it when it lies on them only in another datum.

    Parameters
    ----------
    shapes
        Points, lines or polygons as read: brought from `asked.datum` to WGS-84.
    reference
        Lines, polygons or points known to be WGS-84.
    asked
        What the model says.

    Returns
    -------
    guess
        What was found; `datum` is None where the layer doesn't tell.

    Raises
    ------
    InputError
        Names the datum that fits, the shift as measured on the reference, and the line that fixes
        it.
    """
    stated = _SAME.get(asked.datum, asked.datum)
    geometry = np.asarray(shapes, dtype=object)
    geometry = geometry[~shapely.is_missing(geometry)]
    # As the degrees stand in the file.
    raw = moved(geometry, lambda xy: np.column_stack(from_wgs84(xy[:, 0], xy[:, 1], stated)))
    only_points = bool((shapely.get_dimensions(raw) == 0).all())
    guess = (datum_of_points if only_points else datum_of)(raw, reference)
    if guess.datum is None or guess.datum == stated:
        return guess
    measure = measured_shift_of_points_m if only_points else measured_shift_m
    east, north = measure(raw, reference, guess)
    raise InputError(
        f"the {asked.what} look like {_NAMES[guess.datum]}, not {_NAMES[stated]}",
        where=asked.path,
        value=f"shifted {_way(east, 'east', 'west')} and {_way(north, 'north', 'south')} "
        "as measured on the roads",
        cure=asked.fix("datum", guess.datum),
    )


def _way(metres: float, forward: str, backward: str) -> str:
    return f"{abs(metres):.0f} m {forward if metres >= 0 else backward}"
