"""Dual carriageways: which one-way edges are the lesser half of a pair."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely
from scipy.spatial import cKDTree

from siting.frames import ROAD_CLASSES

if TYPE_CHECKING:
    import numpy.typing as npt

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

WIDTH_M = {
    "motorway": 80.0,
    "trunk": 70.0,
    "primary": 60.0,
    "secondary": 50.0,
    "tertiary": 40.0,
    "unclassified": 25.0,
    "residential": 25.0,
    "living_street": 25.0,
}
"""Most metres between the centrelines of two halves, by class: the legal width of such roads
(CJJ 37 arterials have red lines of 40 to 60 m) with some green between. Links and service roads
are left out: opposite ramps and parking aisles are roads of their own."""
SPACING_M = 25.0
PARALLEL_COS = np.cos(np.radians(25.0))


def lesser_halves(
    geometry: npt.NDArray[np.object_],
    length_m: Floats,
    *,
    highway: npt.NDArray[np.int8],
    name: Ints,
    dual: Bools,
) -> Bools:
    """
    Find the edges to leave out so that dual carriageways count once.

    Points every 25 m along one-way edges look for a point of another one-way edge of the same
    class (and the same name, where both have one) that lies across, not farther than `WIDTH_M`,
    runs the opposite way within 25 degrees, and is on the side where the country's traffic
    has the other carriageway (the side that most pairs agree on). An edge is paired when more
    than half of its points have found one. Of the two halves the one is dropped whose bearing
    lies in one half of the compass; the dividing axis is the direction that the fewest paired
    roads run in, so that both halves of a road decide alike also where it bends.

    Parameters
    ----------
    geometry
        LineStrings in a metric CRS, drawn in the direction of travel, shape (m,).
    length_m
        Their lengths, shape (m,).
    highway
        Index into `ROAD_CLASSES`, shape (m,).
    name
        Code of the road's name, -1 where it has none, shape (m,).
    dual
        Edges that can be half of a road: one-way and not a roundabout, shape (m,).

    Returns
    -------
    twin
        True for the dropped halves, shape (m,).

    Notes
    -----
    Measured on OSM: in central Jinan (1,838 km one-way) the dropped length is 726.3 km, half of
    the paired length 725.2 km; across from 98.8 % of the paired length exactly one half stays
    (both 0.4 %, none 0.2 %). In central Shanghai 192.7 against 192.9 km, 98.1 %.
    """
    twin = np.zeros(len(geometry), dtype=bool)
    width = np.array([WIDTH_M.get(road_class, 0.0) for road_class in ROAD_CLASSES])[highway]
    edges = np.flatnonzero(dual & (width > 0))
    if len(edges) == 0:
        return twin
    owner, xy, heading = sample_points(geometry[edges], length_m[edges])
    paired = _paired(
        xy, heading, owner, highway=highway[edges], name=name[edges], width_m=width[edges]
    )
    share = np.bincount(owner, weights=paired) / np.bincount(owner)
    side = np.where(paired, _compass_side(heading, paired), 0.0)
    twin[edges] = (share > 0.5) & (np.bincount(owner, weights=side) < 0)  # noqa: PLR2004  (half)
    return twin


def sample_points(
    geometry: npt.NDArray[np.object_], length_m: Floats
) -> tuple[Ints, Floats, Floats]:
    """
    Lay points every `SPACING_M` along lines, at least one each, in the middle of its stretch.

    Returns
    -------
    owner, xy, heading
        Line index, position and unit direction of each point, shapes (p,), (p, 2), (p, 2).
    """
    count = np.maximum(np.round(length_m / SPACING_M), 1).astype(np.int64)
    owner = np.repeat(np.arange(len(geometry)), count)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    share = (place + 0.5) / count[owner]
    plane_m = shapely.length(geometry)
    step = np.minimum(5.0, plane_m / 4)[owner]
    at = share * plane_m[owner]
    lines = geometry[owner]
    before = shapely.get_coordinates(shapely.line_interpolate_point(lines, at - step))
    after = shapely.get_coordinates(shapely.line_interpolate_point(lines, at + step))
    middle = shapely.get_coordinates(shapely.line_interpolate_point(lines, at))
    heading = after - before
    size = np.hypot(*heading.T)
    heading /= np.where(size > 0, size, 1.0)[:, None]
    return owner, middle, heading


def _paired(
    xy: Floats,
    heading: Floats,
    owner: Ints,
    *,
    highway: npt.NDArray[np.int8],
    name: Ints,
    width_m: Floats,
) -> Bools:
    """Which points have the opposite carriageway across from them."""
    pairs = cKDTree(xy).query_pairs(
        float(np.hypot(width_m.max(), SPACING_M)), output_type="ndarray"
    )
    i, j = pairs[:, 0], pairs[:, 1]
    one, two = owner[i], owner[j]
    alike = (one != two) & (highway[one] == highway[two])
    alike &= (name[one] == name[two]) | (name[one] < 0) | (name[two] < 0)
    alike &= (heading[i] * heading[j]).sum(axis=1) < -PARALLEL_COS
    i, j, one = i[alike], j[alike], one[alike]
    axis = heading[i] - heading[j]
    axis /= np.hypot(*axis.T)[:, None]
    between = xy[j] - xy[i]
    along = np.abs((axis * between).sum(axis=1))
    left = axis[:, 0] * between[:, 1] - axis[:, 1] * between[:, 0]
    across = (along <= 0.75 * SPACING_M) & (np.abs(left) <= width_m[one]) & (np.abs(left) > 1.0)
    # The other carriageway lies to the left where traffic keeps right; both ends see it so.
    driving = np.sign(np.sign(left[across]).sum()) or 1.0
    across &= left * driving > 0
    paired = np.zeros(len(xy), dtype=bool)
    paired[i[across]] = True
    paired[j[across]] = True
    return paired


def _compass_side(heading: Floats, paired: Bools) -> Floats:
    """Give +1 or -1 by the half of the compass, cut along the emptiest direction."""
    bins = 36
    angle = np.arctan2(heading[:, 1], heading[:, 0]) % np.pi
    used = np.bincount((angle[paired] / np.pi * bins).astype(np.int64) % bins, minlength=bins)
    smooth = used + np.roll(used, 1) + np.roll(used, -1)
    cut = (np.argmin(smooth) + 0.5) * np.pi / bins
    return np.asarray(np.sign(heading[:, 1] * np.cos(cut) - heading[:, 0] * np.sin(cut)))
