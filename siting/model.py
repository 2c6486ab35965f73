"""A planning model: the question, as frozen data read from YAML."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  (pydantic needs it at run time)
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class Figure(_Part):
    """A number with where it comes from; `confidence: memory` is shown as unsourced."""

    value: float
    unit: str = ""
    source: str = "set in the model"
    confidence: Literal["document", "found", "memory", "model"] = "model"


def _figure(value: object) -> object:
    """Accept a bare number, or the id of a row of `data/unit_costs.csv` such as `U060`."""
    if isinstance(value, str):
        from siting.facts import figure  # noqa: PLC0415

        return figure(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return {"value": float(value)}
    return value


AnyFigure = Annotated[Figure, BeforeValidator(_figure)]


class Area(_Part):
    """What is planned: a Chinese city, some of its districts, or the extent of the roads."""

    city: str = ""
    """Chinese city by name or six-digit adcode; empty: the extent of the roads is one district."""
    districts: tuple[str, ...] = ()
    """Names or adcodes of the districts to plan; empty: all."""
    population: float | None = Field(default=None, gt=0)
    """People in the area where no census covers it."""
    partial: Literal["apportion", "whole"] = "apportion"
    """When the roads reach only some districts: `apportion` gives them their share of the city's
    fleets, targets and budget by population; `whole` asks of them what is asked of the city."""


class Sources(_Part):
    """Where the inputs come from."""

    roads: str = "sample"
    """`sample`, or a file: OSM PBF or XML, gpkg, shp, shp in a zip, GeoJSON, OSMnx graphml."""
    districts: str = "cnmaps"
    """`cnmaps`, `osm` (boundaries in the road file), `extent`, or a polygon layer file."""
    districts_datum: Literal["wgs84", "gcj02", "bd09"] = "wgs84"
    """Frame of a polygon layer file; cnmaps is known to be GCJ-02 and always converted."""
    roads_datum: Literal["wgs84", "gcj02", "bd09"] = "wgs84"


class Fleet(_Part):
    """Vehicles of one segment and what they charge in public."""

    vehicles: AnyFigure
    kwh_day: AnyFigure
    """Energy a vehicle charges a day, all places, kWh."""
    public_share: AnyFigure
    """Share of that energy charged at public or dedicated piles."""


class DemandSettings(_Part):
    """How demand is spread."""

    private: Fleet
    fleet: Fleet
    heavy: Fleet
    urban_cell_m: float = Field(default=600, ge=100, le=5000)
    rural_cell_m: float = Field(default=2000, ge=200, le=20000)


class PileType(_Part):
    """One kind of pile."""

    id: str = Field(pattern=r"^[a-z][a-z0-9]{1,15}$")
    label_zh: str
    label_en: str
    current: Literal["ac", "dc"] = "dc"
    kw: float = Field(gt=0)
    utilisation: AnyFigure
    """Most share of the day at rated power that a plan may count on."""
    equipment_cny: AnyFigure
    installation_cny: AnyFigure
    segments: tuple[Literal["private", "fleet", "heavy"], ...]


class Charging(_Part):
    """The charging programme."""

    piles: tuple[PileType, ...]
    urban_radius_m: AnyFigure
    rural_radius_m: AnyFigure
    heavy_radius_m: AnyFigure
    nearest_sites: int = Field(default=12, ge=1, le=100)
    """A demand point may be served by this many nearest sites within the radius."""
    station_fixed_cny: AnyFigure
    rural_grid_cny: AnyFigure
    grid_cny_per_kva: AnyFigure
    simultaneity: AnyFigure
    power_factor: AnyFigure
    budget_cny: float | None = Field(default=None, gt=0)
    existing_count: bool = True
    """Whether existing stations count towards the targets."""


class Target(_Part):
    """One target, from a clause or of the planner's own."""

    clause: str = ""
    """Clause id in `data/clauses`; empty: the planner's own."""
    measure: Literal[
        "stations",
        "piles",
        "dc_share",
        "service_areas",
        "district_stations",
        "served_share",
        "district_served_share",
    ]
    at_least: float = Field(ge=0)
    reading: str = ""
    """How the text is read where it leaves it open; printed with the target."""


class Solve(_Part):
    """How hard to try."""

    gap: float = Field(default=0.01, ge=0, lt=1)
    seconds: float = Field(default=60, gt=0)
    memory_mb: float = Field(default=3000, ge=200)
    seed: int = 0


class Model(_Part):
    """A planning model."""

    name: str = Field(pattern=r"^[\w-]{1,64}$")
    title_zh: str = ""
    title_en: str = ""
    area: Area = Area()
    sources: Sources = Sources()
    demand: DemandSettings
    charging: Charging
    targets: tuple[Target, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences printed with the plan, for example that the documents set no charging target."""
    solve: Solve = Solve()


def load_model(model: str | Path) -> Model:
    """Read a model by name (`jinan`) or path; a key left out takes `models/defaults.yaml`."""
    raise NotImplementedError
