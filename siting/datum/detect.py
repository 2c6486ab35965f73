"""Tripwire on the datum of a layer: how it lies on a reference known to be WGS-84."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import shapely

from siting.datum.shifts import to_wgs84

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DatumGuess:
    """
    The datum that a layer was found to be in.

    Attributes
    ----------
    datum
        `wgs84`, `gcj02` or `bd09`; None where the layer doesn't tell.
    shift_east_m, shift_north_m
        Mean displacement that this datum gives the layer as it stands, metres; 0 for WGS-84.
    residual_m
        Median distance of the layer's vertices to the reference in that datum (in WGS-84 where
        it is None), metres, at most `datum_of`'s 60 m.
    samples
        Number of vertices that were compared.
    significance
        Standard deviations by which the datum's score lies above that of arbitrary shifts.
    """

    datum: Literal["wgs84", "gcj02", "bd09"] | None
    shift_east_m: float
    shift_north_m: float
    residual_m: float
    samples: int
    significance: float


DATUMS: tuple[Literal["wgs84", "gcj02", "bd09"], ...] = ("wgs84", "gcj02", "bd09")
CLOSE_M = 10.0
FAR_M = 60.0
MOST_SAMPLES = 2000
LEAST_SAMPLES = 50
LEAST_SIGNIFICANCE = 5.0
LEAST_LEAD = 4.0
LEAST_RATIO = 1.15
LEAST_SPREAD = 1e-3
SEARCH_M, COARSE_M, FINE_M = 60.0, 20.0, 5.0
CONTROLS_M = (250.0, 450.0, 700.0, 1000.0)


def datum_of(layer: npt.ArrayLike, reference_wgs84: npt.ArrayLike) -> DatumGuess:
    """
    Find the datum of a layer from how well it lies on a reference known to be WGS-84.

    The layer's vertices are brought to WGS-84 as if they were WGS-84, GCJ-02 and BD-09. Each
    reading scores the mean of exp(-distance / 10 m) to the reference. District boundaries follow
    roads for a third of their length only, so the score is compared with that of 32 arbitrary
    shifts of 250 to 1000 m: the best reading has to lie 5 standard deviations above their mean,
    15 % above their best, and 4 standard deviations above the other readings.

    Parameters
    ----------
    layer
        Geometries in degrees, datum in doubt: district polygons, roads, points.
    reference_wgs84
        Lines or polygons in WGS-84 of the same area: OSM roads, or the same districts. Points
        among them count where they stand.

    Notes
    -----
    Measured with district boundaries in GCJ-02 and in WGS-84 against OSM roads: each of Jinan's
    five central districts is told alone (significance 5.4 to 9), six of central Shanghai's by
    7 to 12; a district whose boundary has few roads near gives None.
    """
    points = shapely.get_coordinates(np.asarray(layer, dtype=object))
    lines = pieces_of(reference_wgs84)
    if len(points) == 0 or len(lines) == 0:
        return DatumGuess(None, 0.0, 0.0, FAR_M, 0, 0.0)
    scale = 111_320.0 * np.array([np.cos(np.radians(points[:, 1].mean())), 1.0])
    points = sample_of(points, lines, scale)
    if len(points) < LEAST_SAMPLES:
        return DatumGuess(None, 0.0, 0.0, FAR_M, len(points), 0.0)
    near = np.asarray(
        shapely.linestrings(nearby_pieces(points * scale, lines * scale)), dtype=object
    )
    return _judge(points, scale, shapely.STRtree(near))


def measured_shift_m(
    layer: npt.ArrayLike, reference_wgs84: npt.ArrayLike, guess: DatumGuess
) -> tuple[float, float]:
    """
    Measure by how much a layer is displaced, around what its datum would give.

    The score of `datum_of` is searched on a grid within `SEARCH_M` of the guess, first every
    `COARSE_M`, then every `FINE_M` around the best: the measure says whether the layer really lies
    where the formula of its datum puts it.

    Parameters
    ----------
    layer, reference_wgs84
        As `datum_of`.
    guess
        What `datum_of` told.

    Returns
    -------
    east_m, north_m
        Displacement of the layer as it stands, metres.
    """
    points = shapely.get_coordinates(np.asarray(layer, dtype=object))
    lines = pieces_of(reference_wgs84)
    scale = 111_320.0 * np.array([np.cos(np.radians(points[:, 1].mean())), 1.0])
    points = sample_of(points, lines, scale)
    near = np.asarray(
        shapely.linestrings(nearby_pieces(points * scale, lines * scale)), dtype=object
    )
    tree, best = shapely.STRtree(near), np.array([guess.shift_east_m, guess.shift_north_m])
    for span, step in ((SEARCH_M, COARSE_M), (COARSE_M, FINE_M)):
        along = np.arange(-span, span + step / 2, step)
        tried = best + np.stack(np.meshgrid(along, along), axis=-1).reshape(-1, 2)
        scores = [_score(_distance(tree, points * scale - by)) for by in tried]
        best = tried[int(np.argmax(scores))]
    return float(best[0]), float(best[1])


def _judge(points: Floats, scale: Floats, tree: shapely.STRtree) -> DatumGuess:
    """Score the three readings of the sampled vertices against arbitrary shifts of them."""
    readings = {
        datum: np.column_stack(to_wgs84(points[:, 0], points[:, 1], datum)) for datum in DATUMS
    }
    away = {datum: _distance(tree, xy * scale) for datum, xy in readings.items()}
    score = {datum: _score(metres) for datum, metres in away.items()}
    best = max(DATUMS, key=lambda datum: score[datum])
    control = np.array([_score(_distance(tree, points * scale + by)) for by in controls_m()])
    spread = max(float(control.std()), LEAST_SPREAD)
    significance = (score[best] - float(control.mean())) / spread
    # GCJ-02 equals WGS-84 abroad: a reading that moves nothing is no rival.
    rivals = [
        score[datum]
        for datum, xy in readings.items()
        if np.abs((xy - readings[best]) * scale).max() > 1.0
    ]
    told = (
        significance >= LEAST_SIGNIFICANCE
        and score[best] >= LEAST_RATIO * float(control.max())
        and score[best] >= max(rivals, default=0.0) + LEAST_LEAD * spread
    )
    east, north = ((points - readings[best]) * scale).mean(axis=0) if told else (0.0, 0.0)
    return DatumGuess(
        datum=best if told else None,
        shift_east_m=float(east),
        shift_north_m=float(north),
        residual_m=float(np.median(away[best if told else "wgs84"])),
        samples=len(points),
        significance=float(significance),
    )


def _score(metres: Floats) -> float:
    return float(np.exp(-metres / CLOSE_M).mean())


def controls_m() -> Floats:
    """Arbitrary displacements, metres, shape (32, 2); off the axes, which streets follow."""
    radius, turn = np.meshgrid(CONTROLS_M, np.arange(8) * np.pi / 4 + 0.4)
    return np.column_stack([(radius * np.cos(turn)).ravel(), (radius * np.sin(turn)).ravel()])


def pieces_of(geometry: npt.ArrayLike) -> Floats:
    """Two-point pieces of all lines, rings and points, shape (n, 2, 2)."""
    parts = shapely.get_parts(np.asarray(geometry, dtype=object))
    dimension = shapely.get_dimensions(parts)
    rings = shapely.get_rings(parts[dimension == 2])  # noqa: PLR2004  (the dimension of an area)
    lines = np.concatenate([parts[dimension == 1], rings])
    xy, line = shapely.get_coordinates(lines, return_index=True)
    same = line[1:] == line[:-1]
    at = shapely.get_coordinates(parts[dimension == 0])
    pieces = np.stack([xy[:-1][same], xy[1:][same]], axis=1)
    return np.concatenate([pieces, np.stack([at, at], axis=1)])


def sample_of(points: Floats, lines: Floats, scale: Floats) -> Floats:
    """Vertices in 3 km cells that the reference reaches into, thinned evenly to `MOST_SAMPLES`."""
    cell_deg = 3000.0 / scale
    covered = np.floor(lines[:, 0] / cell_deg).astype(np.int64)
    mine = np.floor(points / cell_deg).astype(np.int64)
    width = 1 << 20
    inside = np.isin(mine @ [width, 1], np.unique(covered @ [width, 1]))
    points = points[inside]
    rows = np.linspace(0, len(points) - 1, min(len(points), MOST_SAMPLES)).astype(np.int64)
    return points[rows]


def nearby_pieces(points: Floats, lines: Floats) -> Floats:
    """Keep the reference pieces, metres, that a shifted point can come near."""
    reach = max(CONTROLS_M) + 1500.0
    low, high = points.min(axis=0) - reach, points.max(axis=0) + reach
    inside = (lines.max(axis=1) >= low).all(axis=1) & (lines.min(axis=1) <= high).all(axis=1)
    near: Floats = lines[inside]
    return near


def _distance(tree: shapely.STRtree, xy: Floats) -> Floats:
    """Distance of each point to the nearest line, metres, at most `FAR_M`."""
    found, metres = tree.query_nearest(
        shapely.points(xy), max_distance=FAR_M, return_distance=True, all_matches=False
    )
    distance = np.full(len(xy), FAR_M)
    distance[found[0]] = metres
    return distance
