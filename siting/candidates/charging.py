"""Candidate charging sites: where they can be, how many piles fit, what they cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Candidates:
    """
    Candidate charging sites.

    Attributes
    ----------
    frame
        EPSG:4326 Points, RangeIndex, sorted by `site_id`. Columns: `site_id` (str, stable), `kind`
        (a `FACILITY_KINDS` value or `roadside` / `village`), `name` (str), `district_id` (str),
        `urban` (bool), `existing` (bool), `mandatory` (bool), `max_piles` (int, land),
        `min_piles` (int, when open), `kw_limit` (float, grid head-room on installed kW after
        simultaneity), `fixed_cost_cny` (float, opening), `clauses` (str, ids joined by a space that
        the site serves or comes from).
    allowed
        Which pile types may stand at each site, bool, shape (sites, pile types) in the model's order.
    node
        Network node each site is snapped to, shape (n,).
    access_m
        Straight-line metres from the site to that node, shape (n,).
    """

    frame: gpd.GeoDataFrame
    allowed: npt.NDArray[np.bool_]
    node: npt.NDArray[np.int64]
    access_m: npt.NDArray[np.float64]
