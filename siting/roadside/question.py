"""What the roadside programme of a model is written over: sites, points, cells, sight, rules."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
from scipy.sparse import csr_array

from siting.candidates.locked import with_levels
from siting.candidates.roadside import road_points, roadside_sites
from siting.candidates.roadsideland import off_land
from siting.candidates.section import complete_section, find_section
from siting.core.building.area import possible_cells
from siting.datum import equal_area_crs, geometry_to_metric, lonlat_to_metric
from siting.errors import ModelError
from siting.formulate.roadside import RoadsideAsked, roadside_programme
from siting.layers import read_polygons
from siting.model.roadside import MEASURES, Must
from siting.own.locked import locked_items
from siting.reach.faces import footprint_faces
from siting.reach.radio import heard
from siting.reach.sight import Surroundings, in_sight
from siting.reach.zones import build_zones
from siting.roadside.frames import Ground
from siting.roadside.result import flat_discs
from siting.structures import Building

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.candidates.roadside import RoadPoints, RoadsideSites
    from siting.candidates.section import FoundSection
    from siting.city.reading import City
    from siting.model.model import Model, Target
    from siting.model.roadside import Roadside
    from siting.network import Network
    from siting.network.junctions import Junctions
    from siting.programme import Programme
    from siting.reach.zones import Zones

    Bools = npt.NDArray[np.bool_]


AREA = "built_area_km2"
"""Measure of the targets that ask for built area."""


IMPLIED = {
    "bridges_tunnels": ("bridge", "tunnel"),
    "toll_stations": ("toll",),
    "expressway_section": ("section",),
}
"""Kinds that have to be equipped where a target has the measure."""


@dataclass(frozen=True, slots=True)
class RoadsideQuestion:
    """
    What the roadside programme of a model is written over.

    Attributes
    ----------
    ground
        Sites, road points, cells and settings.
    dropped
        Sites that the land dropped, as `Plan.dropped`.
    section
        The expressway section on the map, or None.
    area
        The target of built area, or None.
    programme
        The programme.
    """

    ground: Ground
    dropped: gpd.GeoDataFrame
    section: FoundSection | None
    area: Target | None
    programme: Programme


def roadside_question(
    city: City,
    network: Network,
    junctions: Junctions,
    *,
    exclusions: gpd.GeoDataFrame | None = None,
) -> RoadsideQuestion | None:
    """
    Formulate the roadside programme of a model; parameters as `plan_roadside`.

    Returns
    -------
    RoadsideQuestion
        None where no target asks for roadside units.

    Raises
    ------
    ModelError, InputError
        As `plan_roadside`.
    """
    model = city.model
    targets = tuple(target for target in model.targets if target.measure in MEASURES)
    if not targets:
        return None
    settings = roadside_settings(model)
    section = None
    if settings.section is not None:
        section = find_section(network, city.map.roads, settings.section)
    ground, dropped = _ground(city, network, junctions, settings, section, exclusions)
    area = max((t for t in targets if t.measure == AREA), key=lambda t: t.at_least, default=None)
    return RoadsideQuestion(ground, dropped, section, area, _programme(model, ground, area))


def roadside_settings(model: Model) -> Roadside:
    """Return the model's part with the kinds that targets ask for among those that must be."""
    targets = [target for target in model.targets if target.measure in MEASURES]
    settings = model.roadside
    if settings is None:
        raise ModelError(
            "a target asks for roadside units and the model doesn't say what they are",
            where=model.name,
            cure="Add a `roadside:` part, as in models/defaults.yaml",
        )
    known = {must.kind for must in settings.must}
    more = [
        Must.model_validate({"kind": kind, "clause": target.clause})
        for target in targets
        for kind in IMPLIED.get(target.measure, ())
        if target.at_least > 0 and kind not in known
    ]
    return settings.model_copy(update={"must": (*settings.must, *more)})


def _ground(
    city: City,
    network: Network,
    junctions: Junctions,
    settings: Roadside,
    section: FoundSection | None,
    exclusions: gpd.GeoDataFrame | None,
) -> tuple[Ground, gpd.GeoDataFrame]:
    edges = None if section is None else section.edges
    sites = roadside_sites(network, junctions, city.districts, city.map, settings, section=edges)
    sites, dropped = off_land(sites, exclusions, network.crs)
    points = road_points(network, city.districts, settings, section=edges)
    along = heard(sites, points, network)
    seen, buildings = _seen(city, network, sites, points, settings, along)
    hears = csr_array(along + seen)
    sites = _with_whole_section(sites, points, hears, settings)
    sites = with_levels(sites, settings, city.model.locks)
    pilot = read_polygons(Path(settings.pilot_zones)) if settings.pilot_zones else None
    zones = build_zones(network, city.districts, points, sites, settings, pilot=pilot)
    flat, planned = flat_discs(network, sites, city.districts)
    cells = roadside_programme(sites, points, hears, zones, _rules(settings, zones)).structure
    assert isinstance(cells, Building)  # noqa: S101
    ground = Ground(
        network, city.districts, settings, sites, points, zones, hears, seen, buildings, cells,
        flat, planned,
    )  # fmt: skip
    return ground, dropped


def _seen(
    city: City,
    network: Network,
    sites: RoadsideSites,
    points: RoadPoints,
    settings: Roadside,
    along: csr_array,
) -> tuple[csr_array, gpd.GeoDataFrame]:
    """
    Find what sites cover past the buildings of the map beside what they cover along the roads.

    Returns
    -------
    seen
        Pairs that `along` hasn't, bool, CSR of shape (p, s).
    buildings
        As `CityMap.buildings`, empty where there are none.
    """
    buildings = city.map.buildings
    if buildings is None or not len(buildings):
        none = gpd.GeoDataFrame({"building_id": []}, geometry=[], crs="EPSG:4326")
        return csr_array(along.shape, dtype=bool), none
    tunnel = city.map.roads.frame["tunnel"].to_numpy(dtype=bool)[network.road]
    around = Surroundings(
        geometry_to_metric(buildings.geometry.to_numpy(), network.crs),
        settings.sight_radius_m.value,
        settings.sight_least_built.value,
    )
    sight = in_sight(
        sites.xy,
        points.xy,
        around,
        site_open=(sites.frame["kind"] != "tunnel").to_numpy(),
        point_open=~tunnel[points.edge],
    )
    seen = csr_array((sight.astype(np.int8) - along.astype(np.int8)) > 0)
    seen.sort_indices()
    return seen, buildings


def _with_whole_section(
    sites: RoadsideSites, points: RoadPoints, hears: csr_array, settings: Roadside
) -> RoadsideSites:
    """Make the sites mandatory that the expressway section needs to be heard to its ends."""
    asked = next((must for must in settings.must if must.kind == "section"), None)
    if asked is None:
        return sites
    mandatory = sites.frame["mandatory"].to_numpy(dtype=bool)
    whole = complete_section(mandatory, points.section, hears)
    clauses = sites.frame["clauses"].where(~(whole & ~mandatory), asked.clause)
    return replace(sites, frame=sites.frame.assign(mandatory=whole, clauses=clauses))


def _rules(settings: Roadside, zones: Zones) -> RoadsideAsked:
    """Rules of cells, without a target."""
    barred = zones.length_m < settings.least_cell_m.value
    if settings.pilot_rule == "only" and settings.pilot_zones:
        barred |= ~zones.pilot
    return RoadsideAsked(
        target_km2=0.0,
        covered_share=settings.covered_share.value,
        least_neighbours=settings.least_neighbours,
        least_patch=settings.least_patch_cells,
        redundancy=settings.redundancy,
        barred=barred,
    )


def _programme(model: Model, ground: Ground, area: Target | None) -> Programme:
    settings, zones = ground.settings, ground.zones
    ids = ground.sites.frame["site_id"]
    locked = locked_items(ids, model.locks, "roadside")
    # An edge node stands in the cabinet of an equipped site.
    hosts = locked_items(ids, model.locks, "edge_node").fixed
    asked = replace(
        _rules(settings, zones),
        forced=locked.fixed | hosts,
        banned=locked.banned,
        target_km2=area.at_least if area else 0.0,
        clause=area.clause if area else "",
        budget_cny=settings.budget_cny or math.inf,
        benefit=settings.objective == "benefit",
    )
    if settings.reading == "footprint":
        faces = footprint_faces(
            ground.discs,
            ground.planned,
            points=_flat_points(ground),
            weight=ground.points.traffic,
        )
        asked = replace(asked, faces=faces, barred=None)
    elif settings.pilot_zones and settings.pilot_rule == "whole":
        asked = replace(asked, wanted=zones.pilot & possible_cells(ground.cells))
    return roadside_programme(ground.sites, ground.points, ground.heard, zones, asked)


def _flat_points(ground: Ground) -> npt.NDArray[np.float64]:
    """Road points on the equal-area plane of the discs, shape (p, 2)."""
    plane = equal_area_crs(*ground.districts.total_bounds)
    return lonlat_to_metric(ground.points.lonlat[:, 0], ground.points.lonlat[:, 1], plane)
