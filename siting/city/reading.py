"""What is planned on: a city's map and districts, checked against each other."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import shapely

from siting.city.sources import gather
from siting.datum import geodesic_length_m, metric_crs
from siting.errors import InputError
from siting.said import Said

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd
    import numpy.typing as npt
    from pyproj import CRS

    from siting.city.sources import Found
    from siting.frames import CityMap, Roads
    from siting.locks.matching import Match
    from siting.model.model import Hydrogen, Model
    from siting.model.roadside import Roadside

MARGIN_DEG = 0.02
"""Roads this far outside the districts (about 2 km) still carry traffic of the city."""
LEAST_ROAD_KM_PER_1000 = 0.3
"""
A district with fewer road km per 1,000 people than this isn't in the road file.

Planner's own: in the real central Jinan extract the districts it covers have 0.6 km and more, the
ones it only touches 0.12 km and less.
"""
LEAST_ROAD_KM_PER_KM2 = 0.2
"""The same test where there is no census."""
APPORTIONED = frozenset(
    {
        *("stations", "piles", "hydrogen_stations"),
        *("heavy_sites", "energy_stations", "residential_piles"),
        "test_road_km",
        "built_area_km2",
    }
)
"""Measures counted over the whole city, which a part of it takes its share of."""


@dataclass(frozen=True, slots=True)
class City:
    """
    The map and the districts to plan.

    Attributes
    ----------
    model
        The planning model, with fleets, targets and budget apportioned to `share`.
    map
        Roads, boundaries and facilities, cut to the districts.
    districts
        Districts that are planned, EPSG:4326, with census columns.
    crs
        Metric CRS of the area.
    share
        Share of the city's people that live in them; 1 when all districts are planned.
    notes
        Sentences for the user about what was read.
    target_notes
        Measure to a sentence printed with its target.
    inputs
        For each file: `path`, `kind`, `sha256`, `source`, `licence`, `datum`; `date` where known.
    layers
        Own layers by kind of source (`existing`, `sites`, `grid` and so on), as
        `siting.sources.read_layer` gives their frames; a kind that the model gives no file for
        isn't there, nor is a raster.
    locks
        What each lock of the model was matched to, in its order; see `siting.locks`.
    """

    model: Model
    map: CityMap
    districts: gpd.GeoDataFrame
    crs: CRS
    share: float
    notes: tuple[Said, ...]
    target_notes: dict[str, Said]
    inputs: tuple[dict[str, str], ...]
    layers: dict[str, gpd.GeoDataFrame] = field(default_factory=dict)
    locks: tuple[Match, ...] = ()

    @property
    def text(self) -> str:
        """What was read, one sentence for the user."""
        km = geodesic_length_m(self.map.roads.frame.geometry.to_numpy()).sum() / 1000
        return (
            f"{len(self.map.roads.frame):,} ways with {km:,.0f} km, "
            f"{len(self.map.facilities):,} facilities, {len(self.districts)} districts"
        )


def read_city(model: Model, *, cache: Path) -> City:
    """
    Read the map and the districts that a model asks for.

    Parameters
    ----------
    model
        The planning model.
    cache
        Folder for the sample city, which is written once a seed.

    Returns
    -------
    city
        Map and districts fitted together.

    Raises
    ------
    InputError
        A file can't be read, or the roads lie outside the districts.
    """
    found = gather(model, cache=cache)
    if found is None:
        raise InputError("there are no roads", where=model.sources.roads.file)
    return city_of(model, found)


def city_of(model: Model, found: Found) -> City:
    """Fit together what was read; see `join_city`."""
    city = join_city(model, found.map, found.districts, found.inputs)
    return replace(city, notes=(*found.notes, *city.notes), layers=found.layers)


def join_city(
    model: Model,
    city_map: CityMap,
    districts: gpd.GeoDataFrame,
    inputs: tuple[dict[str, str], ...] = (),
) -> City:
    """
    Fit a map and districts together.

    Parameters
    ----------
    model
        The planning model.
    city_map
        The map as read.
    districts
        All districts of the area asked for.
    inputs
        Records of the files read.

    Returns
    -------
    city
        Roads cut to the districts; districts that the roads don't reach are left out and named.

    Raises
    ------
    InputError
        No road lies in the districts.
    """
    lines = city_map.roads.frame.geometry.to_numpy()
    km_in = _km_by_district(lines, districts)
    if km_in.sum() <= 0:
        raise InputError(
            "the roads lie outside the district boundaries",
            where=city_map.source,
            value=f"roads {_extent(lines)}, districts {_extent(districts.geometry.to_numpy())}",
            cure="Give roads of this city, the right `area`, or `sources.districts: extent`",
        )
    reached = _reached(districts, km_in)
    people = districts.population.fillna(0.0).to_numpy(dtype=float)
    share = float(people[reached].sum() / people.sum()) if people.sum() > 0 else 1.0
    chosen = districts[reached].reset_index(drop=True)
    shares, notes, target_notes = _apportion(model, districts, reached, share)
    west, south, east, north = chosen.total_bounds
    return City(
        model=shares,
        map=_cut_map(city_map, chosen),
        districts=chosen,
        crs=metric_crs(west, south, east, north),
        share=share,
        notes=(*city_map.notes, *notes),
        target_notes=target_notes,
        inputs=inputs,
    )


def _cut_map(city_map: CityMap, districts: gpd.GeoDataFrame) -> CityMap:
    """Cut roads, facilities and buildings to the districts and a margin."""
    near = shapely.union_all(districts.geometry.to_numpy()).buffer(MARGIN_DEG)
    shapely.prepare(near)
    keep = shapely.intersects(near, city_map.roads.frame.geometry.to_numpy())
    at = shapely.intersects(near, city_map.facilities.geometry.to_numpy())
    facilities = city_map.facilities[at].reset_index(drop=True)
    buildings = city_map.buildings
    if buildings is not None:
        within = shapely.intersects(near, buildings.geometry.to_numpy())
        buildings = buildings[within].reset_index(drop=True)
    return replace(
        city_map,
        roads=select_roads(city_map.roads, keep),
        facilities=facilities,
        buildings=buildings,
    )


def _apportion(
    model: Model, districts: gpd.GeoDataFrame, reached: npt.NDArray[np.bool_], share: float
) -> tuple[Model, tuple[Said, ...], dict[str, Said]]:
    """Give the planned districts their share of the city's fleets, targets and budget."""
    if reached.all():
        return model, (), {}
    left = "、".join(districts.name[~reached])
    missing = int((~reached).sum())
    note = Said(
        f"因缺少道路未作规划：{len(districts)} 个区县中的 {missing} 个（{left}）",
        f"not planned, for want of roads: {missing} of {len(districts)} districts ({left})",
    )
    if model.area.partial == "whole":
        return model, (note,), {}
    fleets = {
        name: fleet.model_copy(
            update={
                "vehicles": fleet.vehicles.model_copy(
                    update={"value": fleet.vehicles.value * share}
                )
            }
        )
        for name, fleet in (
            ("private", model.demand.private),
            ("fleet", model.demand.fleet),
            ("heavy", model.demand.heavy),
        )
    }
    targets = tuple(
        target.model_copy(update={"at_least": float(math.ceil(target.at_least * share))})
        if target.measure in APPORTIONED
        else target
        for target in model.targets
    )
    budget = model.charging.budget_cny
    charging = model.charging.model_copy(
        update={"budget_cny": None if budget is None else budget * share}
    )
    zh, en = "按人口计，规划区县占全市", "the share of the planned districts by population"
    notes: dict[str, Said] = {
        target.measure: Said(
            f"{zh} {target.at_least:,.0f} 的 {share:.1%}",
            f"{en}, {share:.1%} of the city's {target.at_least:,.0f}",
        )
        for target in model.targets
        if target.measure in APPORTIONED
    }
    whole = Said(
        f"车队、目标与预算按人口取全市的 {share:.1%}",
        f"fleets, targets and budget are {share:.1%} of the city's, by population",
    )
    scaled = model.model_copy(
        update={
            "demand": model.demand.model_copy(update=fleets),
            "targets": targets,
            "charging": charging,
            "hydrogen": _hydrogen_share(model, share),
            "roadside": _roadside_share(model, share),
            "budget": model.budget and model.budget.scaled(share),
        }
    )
    return scaled, (note, whole), notes


def _hydrogen_share(model: Model, share: float) -> Hydrogen | None:
    """Give the planned districts their share of the hydrogen budget and of existing stations."""
    hydrogen = model.hydrogen
    if hydrogen is None:
        return None
    budget = hydrogen.budget_cny
    # Rounded down: a station that may lie elsewhere doesn't spare one here.
    existing = math.floor(hydrogen.existing_stations * share + 1e-9)
    changes = {"existing_stations": existing, "budget_cny": budget and budget * share}
    return hydrogen.model_copy(update=changes)


def _roadside_share(model: Model, share: float) -> Roadside | None:
    """Give the planned districts their share of the roadside money and of the fleet."""
    roadside = model.roadside
    if roadside is None:
        return None
    batches = tuple(
        batch.model_copy(update={"budget_cny": batch.budget_cny and batch.budget_cny * share})
        for batch in roadside.batches
    )
    fleet = {"vehicles": math.ceil(roadside.on_board.vehicles * share - 1e-9)}
    changes = {
        "budget_cny": roadside.budget_cny and roadside.budget_cny * share,
        "batches": batches,
        "on_board": roadside.on_board.model_copy(update=fleet),
    }
    return roadside.model_copy(update=changes)


def _km_by_district(
    lines: npt.NDArray[np.object_], districts: gpd.GeoDataFrame
) -> npt.NDArray[np.float64]:
    """Road km in each district, a road counted where its middle lies."""
    middle = shapely.line_interpolate_point(lines, 0.5, normalized=True)
    tree = shapely.STRtree(middle)
    polygon, line = tree.query(districts.geometry.to_numpy(), predicate="intersects")
    km = geodesic_length_m(lines) / 1000
    total: npt.NDArray[np.float64] = np.bincount(
        polygon, weights=km[line], minlength=len(districts)
    ).astype(float)
    return total


def _reached(districts: gpd.GeoDataFrame, km_in: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Tell the districts that the road file covers from those that it only touches."""
    people = districts.population.to_numpy(dtype=float)
    by_people = km_in >= LEAST_ROAD_KM_PER_1000 * np.nan_to_num(people) / 1000
    by_area = km_in >= LEAST_ROAD_KM_PER_KM2 * districts.area_km2.to_numpy(dtype=float)
    reached: npt.NDArray[np.bool_] = np.where(people > 0, by_people, by_area) & (km_in > 0)
    # A thin network everywhere is still the best there is: then plan where there is any road.
    return reached if reached.any() else km_in > 0


def _extent(shapes: npt.NDArray[np.object_]) -> str:
    west, south, east, north = shapely.total_bounds(shapes)
    return f"{west:.3f},{south:.3f} to {east:.3f},{north:.3f}"


def select_roads(roads: Roads, keep: npt.NDArray[np.bool_]) -> Roads:
    """
    Keep some rows of roads, with their vertices.

    Parameters
    ----------
    roads
        The roads.
    keep
        Which rows to keep, shape (rows,).

    Returns
    -------
    roads
        The kept rows in their order; signals stay.
    """
    sizes = np.diff(roads.vertex_start)
    vertices = np.repeat(keep, sizes)
    start = np.concatenate([[0], np.cumsum(sizes[keep])]).astype(np.int64)
    frame = roads.frame[keep].reset_index(drop=True)
    return replace(roads, frame=frame, vertex_id=roads.vertex_id[vertices], vertex_start=start)
