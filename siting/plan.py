"""A plan as frames: stations, demand, catchments, districts, clauses and the base roads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Plan:
    """
    A solved plan; every frame with geometry is EPSG:4326.

    Attributes
    ----------
    stations
        Points. `site_id`, `name`, `kind`, `status` (`new` | `kept`), `mandatory` (bool),
        `district_id`, `district` (name), `urban` (bool), one int column a pile type
        (`piles_<type id>`), `piles` (int), `installed_kw`, `peak_kw`, `capacity_kwh_day`,
        `served_kwh_day`, `utilisation` (served / capacity), `cost_cny` (int), `clauses` (str),
        `node_id` (int, network node), `access_m`.
    demand
        Points. `demand_id`, `cell_id`, `segment`, `kwh_day`, `served_kwh_day`, `district_id`,
        `urban`, `population`, `node_id`, `access_m`.
    catchments
        Table. `demand_id`, `site_id`, `kwh_day`, `distance_m`; what each station serves.
    districts
        (Multi)Polygons. `district_id`, `name`, `name_en`, `population`, `area_km2`, `stations`,
        `piles`, `kwh_day`, `served_kwh_day`, `served_share`, `cost_cny`.
    clauses
        Table, the ledger. `clause`, `measure`, `relation` (`>=` ...), `target`, `planned`, `unit`,
        `status` (`met` | `short` | `preference` | `context` | `not_modelled`), `reading`, `quote`,
        `document`, `note`.
    roads
        LineStrings, the network's edges. `edge_id`, `name`, `highway`, `tail_id`, `head_id`,
        `length_m`, `oneway` (0 | 1), `twin` (bool).
    pile_types
        Table in the model's order. `type_id`, `label_zh`, `label_en`, `kw`, `kwh_day` (capacity
        of one pile a day), `cost_cny` (one pile, installed), `segments` (joined by a space).
    assumptions
        Table of every figure used. `key`, `value`, `unit`, `source`, `confidence`, `unsourced` (bool).
    run
        run.json as a mapping (design section 7), without what only the store knows.
    """

    stations: gpd.GeoDataFrame
    demand: gpd.GeoDataFrame
    catchments: pd.DataFrame
    districts: gpd.GeoDataFrame
    clauses: pd.DataFrame
    roads: gpd.GeoDataFrame
    pile_types: pd.DataFrame
    assumptions: pd.DataFrame
    run: Mapping[str, Any]
