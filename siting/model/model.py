"""A planning model: the question, as frozen data read from YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from siting.errors import ModelError
from siting.model.budget import Budget  # noqa: TC001  (pydantic reads it)
from siting.model.checks import cross_problems
from siting.model.demand import Area, DemandSettings
from siting.model.figures import Figure, NotNegative, PartOfOne, Positive, Share, Words
from siting.model.figures import Part as _Part
from siting.model.file import DEFAULTS, Written, explain, find_model, read_model, resolve_file
from siting.model.land import Exclusion, Existing
from siting.model.locks import Lock  # noqa: TC001  (pydantic reads it)
from siting.model.piletypes import PileType, Queueing, distinct_piles
from siting.model.roadside import MEASURES as ROADSIDE_MEASURES
from siting.model.roadside import ROADSIDE_FILES, Roadside
from siting.model.rules import ClauseId, ClauseRules, Pilots, Readings
from siting.model.scenarios import Scenarios
from siting.model.sources import Sources, remember_lines, source_problems
from siting.model.testroads import MEASURES as TESTROADS_MEASURES
from siting.model.testroads import TESTROADS_FILES, TestRoads
from siting.model.yaml import Problem
from siting.said import Said, same
from siting.text import slug

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Charging(_Part):
    """The charging programme."""

    piles: Annotated[tuple[PileType, ...], AfterValidator(distinct_piles)]
    """Kinds of pile that a station may have."""
    urban_radius_m: Positive
    """Farthest, by network, that demand in town is served from."""
    rural_radius_m: Positive
    """The same in the country."""
    heavy_radius_m: Positive
    """The same of heavy vehicles, in town and country."""
    nearest_sites: int = Field(default=12, ge=1, le=100)
    """A demand point may be served by this many nearest sites within the radius."""
    station_fixed_cny: NotNegative
    """Opening a new station, beside its piles."""
    rural_grid_cny: NotNegative
    """Grid connection of a new station in the country, beside that."""
    grid_cny_per_kva: NotNegative
    """Grid connection and transformer, by its size."""
    simultaneity: PartOfOne
    """Share of the installed power that a station draws at its peak."""
    power_factor: PartOfOne
    """Active power by apparent power, for kVA of transformers."""
    queueing: Queueing
    budget_cny: float | None = Field(default=None, gt=0)
    """Most that the stations may cost; empty: no limit of their own."""
    objective: Literal["served", "worst_district"] = "served"
    """What is made best: the demand served, or first the served share of the worst-served district
    and then the demand served."""
    existing_count: bool = True
    """Whether existing stations count towards the targets."""
    existing: Existing = Existing()
    readings: Readings = Readings()
    rules: ClauseRules = ClauseRules()
    pilots: Pilots | None = None
    """Which stations feed back or carry a solar roof and a battery; empty: none."""
    substations: str = ""
    """CSV of substations with `substation_id`, `lon`, `lat` (WGS-84) and `headroom_kw`, the load
    that each can still take; empty: none are known."""

    @model_validator(mode="after")
    def _known_type(self) -> Charging:
        asked, known = self.existing.pile_type, [pile.id for pile in self.piles]
        if asked and asked not in known:
            raise ValueError(f"existing.pile_type {asked!r} is none of {', '.join(known)}")
        return self


class Hydrogen(_Part):
    """The hydrogen programme; stations are planned where a target asks for them."""

    combined_cny: NotNegative
    """A station added to a fuel station or a service area that has one (合建站)."""
    standalone_cny: NotNegative
    """A station of its own, without land."""
    land_cny: NotNegative
    """Land of a station of its own."""
    capacity_kg_day: Positive
    """What a station sells a day."""
    stored_kg: Positive
    """Hydrogen held on site; more than `level_1_kg` is a level-1 station."""
    level_1_kg: Positive
    """No level-1 station is built in the city centre, read as all built-up cells."""
    radius_m: Positive
    """Farthest that a heavy vehicle drives to a station, by network."""
    spacing_m: NotNegative
    """Least distance between two stations, straight."""
    public_building_m: NotNegative
    """Distance kept from important public buildings (重要公共建筑物)."""
    junction_m: NotNegative
    """Distance kept from junctions of arterial roads."""
    point_extent_m: NotNegative
    """How far a building reaches around its point where the map has no outline."""
    heavy_weight: NotNegative
    """Worth of covering all heavy-vehicle demand."""
    corridor_weight: NotNegative
    """Worth of covering all kilometres of motorways and trunk roads."""
    supply_weight: NotNegative
    """Worth of all stations standing at a hydrogen supply."""
    cost_weight: NotNegative
    """Worth of not spending what all stations would cost as stations of their own with land."""
    supply_range_m: Positive
    """Distance from a supply at which its worth has gone, straight."""
    existing_stations: int = Field(default=0, ge=0)
    """Stations in operation whose place isn't known."""
    existing_count: bool = False
    """Whether those count towards the target; then fewer are planned."""
    budget_cny: float | None = Field(default=None, gt=0)
    """Empty: as many stations as the target asks for and no more."""
    clauses: tuple[ClauseId, ...] = ()
    """Clauses without a number that the plan leans towards; the ledger calls them preferences."""


SHARES = (
    *("_share", "_areas", "townships", "test_fleets", "utilisation"),
    *("bridges_tunnels", "toll_stations", "expressway_section"),
    "low_speed_districts",
)
"""How the names of measures end that are shares of one."""


class Target(_Part):
    """One target, from a clause or of the planner's own."""

    clause: ClauseId = ""
    """Clause id in `data/clauses`; empty: the planner's own."""
    measure: Literal[
        "stations",
        "piles",
        "dc_share",
        "service_areas",
        "district_stations",
        "served_share",
        "district_served_share",
        "townships",
        "key_areas",
        "zone_areas",
        "test_fleets",
        "heavy_sites",
        "energy_stations",
        "residential_piles",
        "rest_areas",
        "utilisation",
        "hydrogen_stations",
        "built_area_km2",
        "bridges_tunnels",
        "toll_stations",
        "expressway_section",
        "test_road_km",
        "low_speed_districts",
        "test_road_sorts",
        "test_road_grades",
        "test_road_scenarios",
        "base_tiers",
    ]
    """What is counted."""
    at_least: float = Field(ge=0)
    """Least value; a share from 0 to 1 where the measure is one."""
    reading: str = ""
    """How the text is read where it leaves it open; printed with the target."""
    reading_zh: str = ""
    """The same in Chinese; left out: as `reading`."""

    @field_validator("at_least")
    @classmethod
    def _possible(cls, value: float, info: ValidationInfo) -> float:
        measure = str(info.data.get("measure", ""))
        if value > 1 and measure.endswith(SHARES):
            raise ValueError("this measure is a share, at most 1. Write 35 % as 0.35")
        return value


class Solve(_Part):
    """How hard to try."""

    gap: float = Field(default=0.01, ge=0, lt=1)
    """Proven relative gap at which the search stops."""
    seconds: float = Field(default=60, gt=0)
    """Longest time of a solve."""
    memory_mb: float = Field(default=3000, ge=200)
    """Most memory of the solving process."""
    seed: int = 0
    """Seed of the search and of the sample city."""


class Model(_Part):
    """A planning model."""

    name: str = Field(pattern=r"^[\w-]{1,64}$")
    """Name of the model, which run folders carry; left out: that of the file."""
    title_zh: str = ""
    title_en: str = ""
    approval: str = Field(default="", max_length=80)
    """Map approval number (审图号) that the user obtained, shown on map and sheets."""
    area: Area = Area()
    sources: Sources = Sources()
    demand: DemandSettings
    charging: Charging
    contingency: Share = Figure(value=0.0, unit="share")
    """Share of the investment that is set aside for what can't be foreseen (预备费)."""
    hydrogen: Hydrogen | None = None
    roadside: Roadside | None = None
    testroads: TestRoads | None = None
    exclusions: tuple[Exclusion, ...] = ()
    """What excluded land does to sites; empty: polygons of `sources.exclusions` cut all of them."""
    targets: tuple[Target, ...] = ()
    budget: Budget | None = None
    """Money of all programmes together, by fund and by year; empty: each has its own alone."""
    locks: tuple[Lock, ...] = ()
    """What has to be built, can't be, or has a size; a path is short for `sources.locks`."""
    lock_near_m: Positive = Figure(
        value=150,
        unit="m",
        source="planner's own: the spacing of sites",
        source_zh="规划人员自定：站址间距",
        confidence="memory",
    )
    """A lock by place means the nearest candidate up to this far."""
    notes: tuple[str | Words, ...] = ()
    """Sentences printed with the plan, `zh` and `en` each or one text for both languages."""
    solve: Solve = Solve()
    scenarios: Scenarios = Scenarios()
    """What `siting sweep` plans beside the model as it is."""

    @property
    def said_notes(self) -> tuple[Said, ...]:
        """The notes in both languages."""
        return tuple(
            same(note) if isinstance(note, str) else Said(note.zh, note.en) for note in self.notes
        )

    @model_validator(mode="after")
    def _years_of_budget(self) -> Model:
        """Batches and phases are built in years that the budget has."""
        years = [] if self.budget is None else [year.year for year in self.budget.years]
        asked = {target.measure for target in self.targets}
        given: list[tuple[str, int | None]] = []
        if self.roadside is not None and asked & set(ROADSIDE_MEASURES):
            given += [("roadside.batches", batch.year) for batch in self.roadside.batches]
        if self.testroads is not None and asked & set(TESTROADS_MEASURES):
            given += [("testroads.phases", phase.year) for phase in self.testroads.phases]
        wrong = [(where, year) for where, year in given if years and year not in years]
        if wrong:
            where, year = wrong[0]
            known = ", ".join(map(str, years))
            said = "no year" if year is None else f"the year {year}"
            raise ValueError(f"{where} has {said}, and the budget has {known}. Give it one of them")
        return self

    @model_validator(mode="after")
    def _fleets_of_test_roads(self) -> Model:
        """Test fleets are based where test roads begin."""
        asked = {target.measure for target in self.targets}
        if "test_fleets" in asked and not asked & set(TESTROADS_MEASURES):
            raise ValueError(
                "a target asks for charging beside test fleets, and none for test roads that they "
                "drive on. Add a target with `measure: test_road_km`"
            )
        return self


def load_model(model: str | Path, overrides: Mapping[str, Any] | None = None) -> Model:
    """
    Read a planning model.

    Parameters
    ----------
    model
        Name of a model of the project (`jinan`), or the path of a YAML file. A key left out takes
        the value of `models/defaults.yaml`; a name left out is that of the file.
    overrides
        Values that replace the model's, nested as in the YAML or with dots
        (`{"sources.roads": "a.osm.pbf"}`); their paths start from the working folder.

    Returns
    -------
    Model
        With absolute paths in `sources`; in the file they start from its own folder.

    Raises
    ------
    ModelError
        There is no such model, or it is wrong; `problems` lists all that was found, each with file
        and line, key, value and cure.
    InputError
        The file can't be read.
    """
    from siting.facts import models_folder  # noqa: PLC0415

    path = find_model(model, models_folder())
    written = read_model(path, models_folder() / f"{DEFAULTS}.yaml", overrides or {})
    if not isinstance(written.model.data, dict):
        _refuse(written, [])
    written.data.setdefault("name", slug(path.stem))
    problems = [
        *_lock_file(written),
        *source_problems(written),
        *resolve_file(written, ("charging", "substations"), ("",)),
        *(p for k in ROADSIDE_FILES for p in resolve_file(written, ("roadside", k), ("",))),
        *(p for k in TESTROADS_FILES for p in resolve_file(written, ("testroads", k), ("",))),
        *cross_problems(written),
    ]
    try:
        made = Model.model_validate(written.data)
    except ValidationError as error:
        _refuse(written, explain(error.errors(), model_schema(), written) + problems)
    _refuse(written, problems)
    remember_lines(made.sources, written)
    return made


def _lock_file(written: Written) -> list[Problem]:
    """Put the file that `locks:` may be in the place of `sources.locks`."""
    if not isinstance(written.value(("locks",)), str):
        return []
    problems = list(resolve_file(written, ("locks",), ()))
    path, sources = written.data.pop("locks"), written.data.setdefault("sources", {})
    if not problems and isinstance(sources, dict):
        sources.setdefault("locks", path)
    return problems


def model_schema() -> dict[str, Any]:
    """
    Return the JSON schema of a model's file, for editors that complete and check YAML.

    Keys that `models/defaults.yaml` fills needn't be written, so none is required but in the items
    of lists and in figures.
    """
    schema = Model.model_json_schema()
    parts = schema.pop("$defs")
    filled = (
        *("DemandSettings", "Fleet", "Charging", "Queueing", "Pilots", "Hydrogen"),
        *("Roadside", "EdgeNodes", "OnBoard", "TestRoads"),
    )
    for part in (schema, *(parts[name] for name in filled)):
        part.pop("required", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "$defs": {name: parts[name] for name in sorted(parts)},
    }


def _refuse(written: Written, found: list[Problem]) -> None:
    """Raise a ModelError with all problems, those of the YAML itself first; pass if none."""
    yaml = (*written.defaults.problems, *written.model.problems)
    known = {problem.where for problem in yaml}
    rest = [problem for problem in found if problem.where not in known]
    if not isinstance(written.model.data, dict) and not yaml:
        rest = [Problem(f"{written.model.path}:1", (), "this is no mapping of keys to values")]
    texts = tuple(dict.fromkeys(map(str, (*yaml, *sorted(rest, key=_line)))))
    if texts:
        number = "a mistake" if len(texts) == 1 else f"{len(texts)} mistakes"
        raise ModelError(f"the model has {number}", where=written.model.path, problems=texts)


def _line(problem: Problem) -> tuple[str, int]:
    file, _, line = problem.where.rpartition(":")
    return file, int(line) if line.isdigit() else 0
