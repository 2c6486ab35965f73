"""Charging demand points by segment, from census population, urban share and land use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy as np
    import numpy.typing as npt

SEGMENTS = ("private", "fleet", "heavy")
"""Private cars; taxis, ride-hailing and delivery; heavy vehicles."""


@dataclass(frozen=True, slots=True)
class Demand:
    """
    Demand points; one row a cell and segment.

    Attributes
    ----------
    frame
        EPSG:4326 Points, RangeIndex. Columns: `demand_id` (str, stable: cell and segment), `cell_id`
        (str), `segment` (one of `SEGMENTS`), `kwh_day` (float, public charging energy a day),
        `population` (float; census people of the cell, on private rows, else 0), `district_id`
        (str), `urban` (bool).
    node
        Network node each point is snapped to, int64, shape (n,); -1 when farther than the limit.
    access_m
        Straight-line metres from the point to that node, shape (n,).
    """

    frame: gpd.GeoDataFrame
    node: npt.NDArray[np.int64]
    access_m: npt.NDArray[np.float64]
