"""Square cells in which roadside equipment is complete or not: the zone reading of built area."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from scipy.sparse import csr_array


@dataclass(frozen=True, slots=True)
class Zones:
    """
    Cells of a square grid, cut to the planned districts.

    Attributes
    ----------
    zone_id
        `z<row>-<column>` from the origin of the CRS, shape (c,).
    geometry
        Polygons in `network.crs`, cut to the districts, shape (c,).
    area_km2
        On an equal-area CRS, shape (c,).
    district
        Row of the district that holds most of it, shape (c,).
    point
        Which road points lie in it, bool, shape (c, p).
    junction
        Candidate sites that are its key junctions, bool, shape (c, s).
    length_m
        Eligible road length, shape (c,); 0 for a cell that can't count.
    neighbour
        Cells with a side in common, symmetric, bool, shape (c, c).
    pilot
        Within a given pilot zone, shape (c,).
    """

    zone_id: npt.NDArray[np.object_]
    geometry: npt.NDArray[np.object_]
    area_km2: npt.NDArray[np.float64]
    district: npt.NDArray[np.int64]
    point: csr_array
    junction: csr_array
    length_m: npt.NDArray[np.float64]
    neighbour: csr_array
    pilot: npt.NDArray[np.bool_]
