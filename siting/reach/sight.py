"""Which road points a roadside unit covers off its road, past the buildings of the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from siting.reach.radio import discs

if TYPE_CHECKING:
    import numpy.typing as npt

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Objects = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """
    What stands around the roads.

    Attributes
    ----------
    buildings
        Footprints, (Multi)Polygons in the network's CRS, shape (b,).
    radius_m
        Reach where nothing stands between.
    least_built
        Share of the disc of that radius around a site that has to be built on, by the map, for the
        view from there to be known.
    """

    buildings: npt.NDArray[np.object_]
    radius_m: float
    least_built: float


def built_share(xy: Floats, around: Surroundings) -> Floats:
    """
    Say how much of the land within reach of places is built on by the map.

    Parameters
    ----------
    xy
        Places in metres, shape (s, 2).
    around
        The buildings.

    Returns
    -------
    share
        Area of the parts of buildings in the disc over that of the disc, shape (s,).
    """
    count = len(xy)
    if not count or not len(around.buildings):
        return np.zeros(count)
    rounds = discs(xy, np.full(count, around.radius_m))
    site, building = shapely.STRtree(around.buildings).query(rounds, predicate="intersects")
    inside = shapely.area(shapely.intersection(rounds[site], around.buildings[building]))
    total = np.bincount(site, weights=inside, minlength=count)
    share: Floats = total / (np.pi * around.radius_m**2)
    return share


def in_sight(
    sites: Floats, points: Floats, around: Surroundings, *, site_open: Bools, point_open: Bools
) -> csr_array:
    """
    Tell which site covers which road point in a straight line that no building cuts.

    A map on which few buildings are drawn shows no open land: only sites count around which the
    share `least_built` of the land is built on.

    Parameters
    ----------
    sites, points
        Places in metres, shapes (s, 2) and (p, 2).
    around
        Buildings and reach.
    site_open, point_open
        Which of them lie under the sky, shapes (s,) and (p,).

    Returns
    -------
    seen
        Bool, CSR of shape (p, s).
    """
    shape = (len(points), len(sites))
    if 0 in shape or not len(around.buildings):
        return csr_array(shape, dtype=bool)
    known = np.flatnonzero(site_open & (built_share(sites, around) >= around.least_built))
    under = np.flatnonzero(point_open)
    if not len(known) or not len(under):
        return csr_array(shape, dtype=bool)
    pairs = cKDTree(points[under]).sparse_distance_matrix(
        cKDTree(sites[known]), around.radius_m, output_type="coo_matrix"
    )
    point, site = under[pairs.row], known[pairs.col]
    ends = np.stack([sites[site], points[point]], axis=1)
    lines = np.asarray(shapely.linestrings(ends), dtype=object)
    hidden = np.zeros(len(lines), dtype=bool)
    hidden[shapely.STRtree(around.buildings).query(lines, predicate="intersects")[0]] = True
    ones = np.ones(int((~hidden).sum()), dtype=bool)
    return csr_array((ones, (point[~hidden], site[~hidden])), shape=shape)
