"""What a city's own layers say beside its map: stations in operation, excluded land, people."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd

from siting.city.catalog import describe_file
from siting.inputs.sniff import table_kind_of
from siting.own.exclusions import exclusion_areas, exclusion_frame
from siting.own.existing import Existing, existing_frame, existing_stations, no_stations
from siting.own.raster import PeopleMap, covered_districts, people_of_layer, read_people_raster
from siting.sources import as_points, read_layer

if TYPE_CHECKING:
    from siting.city.reading import City
    from siting.said import Said

    Bounds = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class OwnLayers:
    """
    Own layers of a city.

    Attributes
    ----------
    existing
        Stations in operation, of the table and of the map.
    exclusions
        As `exclusions.exclusion_frame`.
    people
        Where people live, by a source that counts them; None: by streets and land use.
    """

    existing: Existing
    exclusions: gpd.GeoDataFrame
    people: PeopleMap | None


def read_own_layers(city: City) -> tuple[City, OwnLayers]:
    """
    Read the own layers that a model names.

    Parameters
    ----------
    city
        Map, districts and model.

    Returns
    -------
    city, layers
        The city with the files among its inputs and what was found among its notes; the layers.

    Raises
    ------
    InputError
        A file is wrong.
    """
    existing, some = _existing(city)
    land, more = _exclusions(city)
    people, rest = _people(city)
    known = {record["sha256"] for record in city.inputs}
    fresh = [record for record in _records(city) if record["sha256"] not in known]
    told = replace(
        city,
        inputs=(*city.inputs, *fresh),
        notes=(*city.notes, *existing.notes, *some, *more, *rest),
    )
    return told, OwnLayers(existing, land, people)


def _records(city: City) -> list[dict[str, str]]:
    """Describe the files for run.json; a city that was gathered has them among its inputs."""
    kinds = ("existing", "exclusions", "demand")
    specs = [(kind, city.model.sources.of(kind)) for kind in kinds]
    return [
        describe_file(kind, Path(spec.file), spec, "own layer").record
        for kind, spec in specs
        if spec.is_file
    ]


def _area(city: City) -> Bounds:
    """Return west, south, east and north of the districts."""
    west, south, east, north = city.districts.total_bounds.tolist()
    return west, south, east, north


def _existing(city: City) -> tuple[Existing, tuple[Said, ...]]:
    spec, charging = city.model.sources.existing, city.model.charging
    facilities = city.map.facilities
    if not spec.is_file:
        if spec.file == "none":
            return no_stations(charging), ()
        return existing_stations(None, facilities, charging, city.crs), ()
    layer = read_layer("existing", spec, _area(city))
    found = existing_stations(
        as_points(layer.frame), facilities, charging, city.crs, where=spec.file
    )
    return found, layer.notes


def _exclusions(city: City) -> tuple[gpd.GeoDataFrame, tuple[Said, ...]]:
    spec, facilities = city.model.sources.exclusions, city.map.facilities
    rules = city.model.exclusions
    if not spec.is_file:
        return exclusion_frame(rules, None, facilities), ()
    layer = read_layer("exclusions", spec, _area(city))
    return exclusion_frame(rules, layer.frame, facilities, where=spec.file), layer.notes


def _people(city: City) -> tuple[PeopleMap | None, tuple[Said, ...]]:
    spec = city.model.sources.demand
    if not spec.is_file:
        return None, ()
    path = Path(spec.file)
    notes: tuple[Said, ...] = ()
    if table_kind_of(path) == "tiff":
        people = read_people_raster(path, _area(city))
    else:
        layer = read_layer("demand", spec, _area(city))
        people, notes = people_of_layer(layer.frame, path.name), layer.notes
    return people, (*notes, covered_districts(people, city.districts)[1])


def own_frames(
    city: City,
    own: OwnLayers | None,
    considered: gpd.GeoDataFrame,
    stations: gpd.GeoDataFrame,
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """
    Describe the stations in operation and the excluded land of a plan.

    Parameters
    ----------
    city
        What is planned on.
    own
        The layers; None: there are none.
    considered, stations
        As `Plan.candidates` and `Plan.stations`.

    Returns
    -------
    existing, exclusions
        As in `Plan`.
    """
    if own is None:
        none = gpd.GeoDataFrame(geometry=[], crs="EPSG:4326")
        return none, none
    piles = dict.fromkeys(considered["site_id"], 0)
    piles |= dict(zip(stations["site_id"], stations["piles"].tolist(), strict=True))
    names = [pile.id for pile in city.model.charging.piles]
    land = exclusion_areas(own.exclusions, city.crs)
    return existing_frame(own.existing, names, piles), land
