"""A plan as frames: stations, demand, catchments, districts, clauses and the base roads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping


def _no_points() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(geometry=[], crs="EPSG:4326")


@dataclass(frozen=True, slots=True)
class Plan:
    """
    A solved plan; every frame with geometry is EPSG:4326.

    Attributes
    ----------
    stations
        Points. `site_id`, `name`, `kind`, `status` (`new` | `kept`), `policy` (of kept ones `kept`
        | `extendable` | `closable`), `access` (`public` | `dedicated`), `kept_<type id>` and
        `kept_piles` (int, piles that stood there before, which cost nothing), `cost_factor` (what
        the land makes opening dearer), `mandatory` (bool),
        `district_id`, `district` (name), `urban` (bool), one int column a pile type
        (`piles_<type id>`), `piles` (int), `min_piles`, `max_piles`, `kw_limit`, `installed_kw`,
        `peak_kw`, `capacity_kwh_day`, `served_kwh_day`, `utilisation` (served / capacity),
        `fixed_cost_cny`, `cost_cny` (int), `clauses` (str), `node_id` (int, network node),
        `access_m`, `transformer_kva` (int), `wait_minutes` (mean wait in the peak hour of the worst
        pile type; `inf` where the queue never settles), `wait_probability`, `wait_type` (that pile
        type, "" where nobody comes), `v2g_ready` and `solar_storage` (bool), `storage_kwh`, `pv_kw`
        and `preference_cost_cny` (int): what the station costs more for them, not in `cost_cny`.
    candidates
        Points, all sites that were considered. `site_id`, `name`, `kind`, `district_id`,
        `existing`, `mandatory`, `max_piles`, `kw_limit`, `fixed_cost_cny`, `chosen` (bool),
        `urban`, `min_piles`, `clauses`, `pile_types` (ids of those that may stand there, joined by
        a space), `node_id` (int), `access_m`, and `policy`, `access`, `kept_<type id>` and
        `cost_factor` as of stations.
    demand
        Points. `demand_id`, `cell_id`, `segment`, `kwh_day`, `served_kwh_day`, `district_id`,
        `urban`, `population`, `node_id`, `access_m`, `nearest_m` (network distance to the nearest
        open station with a pile type for the segment, NaN where none can be reached).
    catchments
        Table. `demand_id`, `site_id`, `kwh_day`, `distance_m`; what each station serves.
    districts
        (Multi)Polygons. `district_id`, `name`, `name_en`, `population`, `area_km2`, `stations`,
        `piles`, `kwh_day`, `served_kwh_day`, `served_share`, `cost_cny` (of the stations), `rsus`
        and `built_area_km2` (cells that count as built; 0 where none are planned).
    clauses
        Table, the ledger. `clause`, `measure`, `relation` (`>=` ...), `target`, `planned`, `unit`,
        `status` (`met` | `short` | `preference` | `context` | `not_modelled`), `reading`,
        `reading_zh`, `quote`, `document`, `document_zh`, `note`, `note_zh` (each in English and in
        Chinese).
    roads
        LineStrings, the network's edges. `edge_id`, `name`, `highway`, `tail_id`, `head_id`,
        `length_m`, `oneway` (0 | 1), `twin` (bool).
    pile_types
        Table in the model's order, as `piles.pile_table` gives it.
    assumptions
        Table of every figure used. `key`, `value`, `value_zh`, `unit`, `unit_zh`, `source`,
        `source_zh`, `confidence`, `unsourced` (bool).
    run
        run.json as a mapping (`docs/run.schema.json`), without what only the store knows.
    places
        Points, townships, key areas and bases of test fleets that targets ask to be reached.
        `place_id` (of a base `anchor/` and the `place_id` of the anchor), `name`, `kind`, `measure`
        (`townships` | `key_areas` | `test_fleets`), `district_id`, `urban`, `radius_m`,
        `access_m`, `sites` (candidate sites within the radius by road), `reached` (bool),
        `station_id` (nearest open station within the radius, "" for none), `distance_m` (to it, NaN
        for none), `fast_piles` (piles for taxis and vans at open stations within the radius),
        `node_id`.
    substations
        Points. `substation_id`, `headroom_kw`, `load_kw` (peak of the stations that it feeds);
        stations then have `substation_id` too.
    hydrogen
        Points, the hydrogen stations; empty where no target asks for them, as are the next three.
        `site_id`, `name`, `kind`, `combined` (bool, on a fuel station or service area),
        `district_id`, `district`, `urban` (bool), `capacity_kg_day`, `cost_cny` (int),
        `nearest_protected_m` (to the edge of the nearest important public building, -1 where there
        is none), `nearest_junction_m` (of arterial roads), `supply_m` (to a hydrogen supply),
        `served_kwh_day` and `served_share` (heavy-vehicle demand that it is the nearest station
        of), `corridor_km`, `clauses`, `node_id`, `access_m`.
    hydrogen_candidates
        Points, every place that was looked at, with the columns of `hydrogen` up to `supply_m`,
        `reason` (why it is no site, "" for one) and `chosen` (bool).
    hydrogen_demand
        Points to be covered. `point_id`, `purpose` (`heavy` | `corridor`), `kwh_day`,
        `corridor_km`, `district_id`, `site_id` (nearest station within the radius, "" for none),
        `distance_m` (-1 for none), `node_id`, `access_m`.
    protected
        Points that the exclusion distances run from. `place_id`, `role` (`protected` | `supply`),
        `kind`, `name`, `extent_m`.
    rsus
        Points, the equipped roadside sites; empty where no target asks for any, as are the next
        eight. `site_id`, `name`, `kind`, `level` (`rsu` | `sensing` | `full`), `reuse` (bool),
        `district_id`, `district`, `cost_cny` (int), `radius_m`, `mandatory` (bool), `clauses`,
        `junction_id`, `road`, `benefit`, `zone_id` (cell whose key junction it is, "" for none),
        `node_id`, `edge_id` (of the road that it stands on, -1 at a junction), `node_ids` (of its
        junction, joined by a space), `edge_node_id` ("" where it needs none), `fibre_m`,
        `fibre_cny` (int), `phase` (batch, from 1), `year`; where the model shares poles and power
        `shared_station` (site_id of the charging station, "" for none), `shared_m` (NaN for none)
        and `shared_saving_cny` (int, not taken off the cost).
    roadside_candidates
        Points, every site that was considered, with the columns of `rsus` up to `node_ids` and
        `chosen` (bool).
    edge_nodes
        Points. `edge_node_id`, `site_id` (whose cabinet it stands in), `name`, `district_id`,
        `district`, `node_id`, `sites` (that it serves), `fibre_m`, `fibre_cny`, `cost_cny` (of the
        node alone), `phase`, `year`.
    zones
        Polygons, the cells that can count as built area. `zone_id`, `district_id`, `area_km2` (on
        an equal-area plane), `length_m` (eligible road), `covered_m`, `covered_share`,
        `key_sites`, `key_equipped`, `built` (bool), `pilot` (bool), `phase` (0: not built), `year`.
    road_points
        Points along eligible roads. `point_id`, `zone_id`, `district_id`, `edge_id`, `highway`,
        `length_m` (of road that it stands for), `expressway`, `section` (bool), `traffic`,
        `covered` (bool), `heard_by` (ids of the equipped sites that hear it, joined by a space),
        `seen_by` (those among them that hear it in line of sight alone, not along the roads).
    buildings
        (Multi)Polygons, the buildings within sight of the equipped sites that cover points in line
        of sight, and so all that could hide them; empty where no site does. `building_id`, `use`
        (`house` | `flats` | `other` | `unknown`), `levels`, `height_m` (NaN: unknown).
    obu_routes
        Table, routes of vehicles with on-board units. `route_id`, `vehicles`, `origin_id`,
        `target_id` (nodes), `length_m`, `covered_m`, `covered_share`, `edges` (ids joined by a
        space).
    junctions
        Table, the catalogue of equipped junctions: 编号, 路口名, 类型, 设备配置, 复用杆件, 区县,
        批次, 年份, 边缘节点, 投资_元, 经度, 纬度.
    batches
        Table, a row a year. `phase`, `year`, `rsus`, `rsus_in_all`, `edge_nodes`,
        `built_zones_in_all`, `built_area_zone_km2` and `built_area_footprint_km2` (of all so far),
        `cost_cny`, `cost_in_all_cny`, `budget_cny` (NaN: none).
    test_roads
        Lines, the corridors that are to be test roads; empty where no target asks for any, as are
        the next four. `corridor_id`, `section_id` (in the catalogue), `road`, `from_name`,
        `to_name`, `length_m` (centreline, geodesic), `highway`, `sort` (of the model), `grade`
        (complexity), `district_id`, `district`, `lanes`, `speed_kmh`, `curvature`,
        `signals_per_km`, `schools`, `hospitals` (near), `bridge`, `tunnel`, `named`, `low_speed`,
        `near`, `semi_open`, `section`, `opened` (bool), `anchor_m` (straight to the nearest
        anchor), `long` (share of a long road), `cost_factor` (of dearer land),
        `covered` (share that roadside equipment reaches), `places` (that it serves), `points`
        (worth), `opening_cny`, `retrofit_cny`, `cost_cny` (int), `tail_id`, `head_id` (graph
        nodes), `part` (connected part, from 1), `away_m` (along test roads from where its part
        begins), `phase` (0: open already), `phase_name`, `edge_ids` (network edges, both
        carriageways, joined by a space), `note`.
    test_road_catalogue
        Lines, the catalogue (目录): named sections. `section_id`, `road`, `from_name`, `to_name`,
        `km`, `district_id`, `district`, `highway`, `sort`, `sort_zh`, `grade` (the most complex of
        its corridors), `phase`, `phase_name`, `part`, `corridors` (number), `opening_cny`,
        `retrofit_cny`, `cost_cny` (int), `covered`, `note`.
    test_road_corridors
        Lines, every corridor, with the columns of `test_roads` up to `head_id` but those of the
        plan, `reason` (why it can't be chosen, "" where it can) and `chosen` (bool).
    test_road_nodes
        Points, the junctions that corridors meet at. `node_id`, `anchor` (bool), `reach_m` (from
        the point to the farthest end of a road in it).
    test_road_places
        Points. `place_id`, `role` (`anchor`, `school`, `hospital`, or a scenario of the model),
        `tier` (of anchors), `name`, `source`, `extent_m`, `node_id` (of anchors, else -1),
        `corridor_id` (that a scenario's place belongs to), `distance_m`, `served` (bool).
    evidence
        Arrays that the bound can be recomputed from, see `evidence.evidence`; empty where the
        route left none.
    existing
        Points, stations in operation before the plan, each once; empty where there are none.
        `site_id`, `name`, `origin` (`table` | `map` | `both`), `map_id`, `match_m` (between the
        place in the table and on the map), `policy`, `access`, `owner`, `year` (0 unknown),
        `keep_cny`, `known` (bool, its piles), `kept_<type id>`, `kept_piles` (int), `outcome`
        (`kept` | `extended` | `closed` | `outside`: of the districts or of every road's reach).
    exclusions
        (Multi)Polygons, land that sites can't be on or are dearer on; empty where there is none.
        `exclusion_id`, `name`, `kind`, `origin` (`layer` | `map`), `effect` (`cut` | `dearer`),
        `margin_m` (buffer that is in the polygon), `cost_factor`, `site_kinds` (that it holds for,
        joined by a space, "" for all), `programmes` (that it touches, joined by a space), `reason`.
    dropped
        Points, candidates that are none because of the land or the roads. `programme`
        (`charging` | `hydrogen` | `roadside` | `testroads`), `site_id` (of test roads the
        corridor's, at a point of it on the land), `name`, `kind` (of test roads the class),
        `exclusion_id` ("" for none), `reason`.
    service
        Table of service quality; the first row, `all`, sums the rows of the districts.
        `district_id`, `name`, `kwh_day`, `population`, `rural_population`, `kwh_share_within`,
        `people_share_within`, `rural_people_share_within` (0..1 within the radius of the nearest
        station, whatever its capacity; NaN of nothing), `distance_p95_m` (weighted by demand, NaN
        where more than 5 % reach none), `kwh_unreached` (kWh a day that reach no station).
    """

    stations: gpd.GeoDataFrame
    candidates: gpd.GeoDataFrame
    demand: gpd.GeoDataFrame
    catchments: pd.DataFrame
    districts: gpd.GeoDataFrame
    clauses: pd.DataFrame
    roads: gpd.GeoDataFrame
    pile_types: pd.DataFrame
    assumptions: pd.DataFrame
    run: Mapping[str, Any]
    places: gpd.GeoDataFrame = field(default_factory=_no_points)
    substations: gpd.GeoDataFrame = field(default_factory=_no_points)
    hydrogen: gpd.GeoDataFrame = field(default_factory=_no_points)
    hydrogen_candidates: gpd.GeoDataFrame = field(default_factory=_no_points)
    hydrogen_demand: gpd.GeoDataFrame = field(default_factory=_no_points)
    protected: gpd.GeoDataFrame = field(default_factory=_no_points)
    rsus: gpd.GeoDataFrame = field(default_factory=_no_points)
    roadside_candidates: gpd.GeoDataFrame = field(default_factory=_no_points)
    edge_nodes: gpd.GeoDataFrame = field(default_factory=_no_points)
    zones: gpd.GeoDataFrame = field(default_factory=_no_points)
    road_points: gpd.GeoDataFrame = field(default_factory=_no_points)
    buildings: gpd.GeoDataFrame = field(default_factory=_no_points)
    obu_routes: pd.DataFrame = field(default_factory=pd.DataFrame)
    junctions: pd.DataFrame = field(default_factory=pd.DataFrame)
    batches: pd.DataFrame = field(default_factory=pd.DataFrame)
    test_roads: gpd.GeoDataFrame = field(default_factory=_no_points)
    test_road_catalogue: gpd.GeoDataFrame = field(default_factory=_no_points)
    test_road_corridors: gpd.GeoDataFrame = field(default_factory=_no_points)
    test_road_nodes: gpd.GeoDataFrame = field(default_factory=_no_points)
    test_road_places: gpd.GeoDataFrame = field(default_factory=_no_points)
    existing: gpd.GeoDataFrame = field(default_factory=_no_points)
    exclusions: gpd.GeoDataFrame = field(default_factory=_no_points)
    dropped: gpd.GeoDataFrame = field(default_factory=_no_points)
    service: pd.DataFrame = field(default_factory=pd.DataFrame)
    evidence: Mapping[str, Any] = field(default_factory=dict)
