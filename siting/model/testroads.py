"""The part of a planning model on test roads: which roads may be some, and what is asked."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from siting.frames import ROAD_CLASSES
from siting.model.figures import NotNegative, Part, PartOfOne, Positive, Share
from siting.model.rules import ClauseId, Kinds

if TYPE_CHECKING:
    from collections.abc import Sequence

ClauseIds = tuple[ClauseId, ...]
Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
"""Short name of a part of a list, as it stands in row names and notes."""
TESTROADS_FILES = ("opened", "excluded")
"""Keys of the part that name a file."""
Lon = Annotated[float, Field(ge=-180, le=180)]
Lat = Annotated[float, Field(ge=-90, le=90)]


def _known_classes(classes: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [name for name in classes if name not in ROAD_CLASSES]
    if unknown:
        known = ", ".join(ROAD_CLASSES)
        raise ValueError(f"{unknown[0]!r} is no road class. Known: {known}")
    return classes


Classes = Annotated[tuple[str, ...], AfterValidator(_known_classes)]
"""Road classes, values of `frames.ROAD_CLASSES`."""


class Anchor(Part):
    """A place that test roads grow from: a closed test ground, a pilot zone, an interchange."""

    id: Id
    name: str
    lon: Lon
    lat: Lat
    """Degrees WGS-84."""
    tier: Literal["closed", "pilot"] = "pilot"
    """`closed`: a closed test ground (封闭测试场), the first tier of a test base."""
    existing: bool = True
    """Whether it is in use; an existing ground is extended before a new one is built."""
    source: str = "set in the model"
    """Where place and name are from; printed with the plan."""
    clause: ClauseId = ""


class Section(Part):
    """An expressway section for tests, known by its two ends."""

    id: Id
    name: str
    start_lon: Lon
    start_lat: Lat
    end_lon: Lon
    end_lat: Lat
    within_m: Positive
    """How far from an expressway on the map an end may lie; farther, it isn't on the map."""
    known_km: NotNegative
    """Length that the documents state, 0 where they state none; printed beside the map's."""
    existing: bool = True
    """Whether it is open for tests already."""
    source: str = "set in the model"
    """Where name and ends are from; printed with the plan."""
    clause: ClauseId = ""


class RoadGroup(Part):
    """Road classes that count as one sort, with a worth and limits of its length in the plan."""

    id: Id
    label_zh: str
    label_en: str
    classes: Classes
    """Its road classes."""
    worth: NotNegative
    """Points for a kilometre."""
    at_least_km: NotNegative
    """Kilometres that make the sort present in the measure `test_road_sorts`."""
    at_most_share: Share
    """Most share of all test-road length."""


class GradeFloor(Part):
    """Least share of a grade of complexity in all test-road length."""

    id: Id
    grade: str
    """A grade as `data/test_road_grades.csv` names it."""
    at_least_share: Share
    """Least share of all test-road length."""
    clause: ClauseId = ""


class Scenario(Part):
    """Places whose surroundings are test scenarios: ports, scenic areas, parks, car parks."""

    id: Id
    label_zh: str
    label_en: str
    kinds: Kinds
    """Kinds of facilities of the map."""
    within_m: Positive
    """A place belongs to the nearest road that may be a test road, at most this far."""
    worth: NotNegative
    """Points for each place that a test road serves."""
    at_least: int = Field(default=0, ge=0)
    """Least places served; fewer where the map shows fewer."""
    least_bays: int = Field(default=0, ge=0)
    """Places known to have fewer parking bays don't count; where the map has no number they do."""
    clauses: ClauseIds = ()


class RoadPhase(Part):
    """A step of opening."""

    id: Id
    name: str
    """As printed, for example the year."""
    share: PartOfOne
    """Share of all kilometres that are open at its end, from the first phase on."""
    budget_cny: float | None = Field(default=None, gt=0)
    """Money of this phase; what is left goes on to the next. Empty: no limit."""
    year: int | None = Field(default=None, ge=2000, le=2100)
    """Year of the phase, where the budget has years."""


def _distinct(items: Sequence[Part]) -> None:
    ids = [str(getattr(item, "id")) for item in items]  # noqa: B009  (every list's item has one)
    twice = [id_ for id_, times in Counter(ids).items() if times > 1]
    if twice:
        raise ValueError(f"the id {twice[0]} is there twice. Give each item its own id")


def _anchors(anchors: tuple[Anchor, ...]) -> tuple[Anchor, ...]:
    _distinct(anchors)
    return anchors


def _sections(sections: tuple[Section, ...]) -> tuple[Section, ...]:
    _distinct(sections)
    return sections


def _groups(groups: tuple[RoadGroup, ...]) -> tuple[RoadGroup, ...]:
    _distinct(groups)
    if not groups:
        raise ValueError("there has to be a sort of roads")
    twice = [name for name, n in Counter(c for g in groups for c in g.classes).items() if n > 1]
    if twice:
        raise ValueError(f"{twice[0]} is in two sorts of roads. Keep it in one")
    return groups


def _grades(grades: tuple[GradeFloor, ...]) -> tuple[GradeFloor, ...]:
    _distinct(grades)
    if sum(grade.at_least_share.value for grade in grades) > 1:
        raise ValueError("the shares of the grades are more than 1 together. Lower them")
    return grades


def _scenarios(scenarios: tuple[Scenario, ...]) -> tuple[Scenario, ...]:
    _distinct(scenarios)
    return scenarios


def _phases(phases: tuple[RoadPhase, ...]) -> tuple[RoadPhase, ...]:
    _distinct(phases)
    shares = [phase.share.value for phase in phases]
    if not shares or shares != sorted(set(shares)) or shares[-1] != 1:
        raise ValueError("shares of phases have to rise to 1. Give the last phase the share 1")
    return phases


class TestRoads(Part):
    """The test roads; they are planned where a target asks for kilometres of them."""

    objective: Literal["value", "cost"] = "value"
    """What is made best: the points of the roads, or their cost."""
    groups: Annotated[tuple[RoadGroup, ...], AfterValidator(_groups)]
    """Sorts of roads; a class in none of them can't be a test road."""
    window: Share
    """How much longer than the target all roads may be together, as a share; existing test roads
    count. Under `objective: cost` a tenth of it, so that a cheaper road doesn't lengthen the plan.
    """
    components: int = Field(default=1, ge=1)
    """Most connected parts that the roads may fall into; each holds an anchor."""
    anchors: Annotated[tuple[Anchor, ...], AfterValidator(_anchors)] = ()
    anchor_reach_m: Positive
    """Farthest from an anchor to the junction where roads begin; a farther one is not on the map.
    """
    district_anchors: bool = True
    """Whether a district without an anchor gets one at its densest junction."""
    sections: Annotated[tuple[Section, ...], AfterValidator(_sections)] = ()
    grades: Annotated[tuple[GradeFloor, ...], AfterValidator(_grades)] = ()
    grade_least_share: Share
    """A grade counts as present in the measure `test_road_grades` from this share of length on."""
    scenarios: Annotated[tuple[Scenario, ...], AfterValidator(_scenarios)] = ()
    least_places: dict[str, int] = Field(default_factory=dict)
    """Least places by scenario id, in the place of the scenario's own number."""
    scenario_clauses: dict[str, ClauseIds] = Field(default_factory=dict)
    """Clauses by scenario id, beside the scenario's own."""
    low_speed_kmh: Positive
    """Roads up to this speed serve small low-speed vehicles."""
    low_speed_km: Positive
    """Low-speed kilometres that a district needs to count as open for them."""
    semi_open_m: Positive
    """Roads up to this far from a closed ground are the semi-open area."""
    semi_open_km: Positive
    """Kilometres that make a semi-open area."""
    semi_open_worth: NotNegative
    """Points more for a kilometre of the semi-open area."""
    expressway_km: Positive
    """Kilometres of expressway that make the third tier where no section is known."""
    near: Literal["exclude", "avoid", "allow"] = "exclude"
    """Roads near schools and hospitals: left out, worth less (`near_factor`), or like others.
    Existing test roads stay."""
    school_m: NotNegative
    """Distance within which a road is near a school."""
    hospital_m: NotNegative
    """The same of a hospital."""
    near_factor: Share
    """What is left of the worth of a road near a school or hospital under `near: avoid`."""
    land_share: Share
    """Share of a road's length on excluded land (`exclusions` that name `testroads`) from which on
    it counts as being there; a road that borders it or crosses a corner doesn't."""
    coverage_worth: NotNegative
    """How much more a kilometre that roadside equipment reaches is worth: 0.5 is half as much."""
    long_road_km: NotNegative
    """Length of a whole road from which on its kilometres count fully; a road half as long is worth
    half as much a kilometre, so that a catalogue isn't made of short streets. 0: all alike."""
    decay_m: NotNegative
    """Distance from the nearest anchor at which a kilometre is worth half; 0 for no difference."""
    opened: str = ""
    """Table or layer of test roads that are open already; empty: none are known."""
    excluded: str = ""
    """Table or layer of roads that can't be test roads."""
    signs_cny_per_km: NotNegative
    """Opening: signs, markings to repair, notices."""
    assessment_cny_per_km: NotNegative
    """Opening: safety assessment and review."""
    hd_map_cny_per_km: NotNegative
    """Retrofit: survey for the high-definition map."""
    rsu_per_km: NotNegative
    """Retrofit: roadside units a kilometre where the roadside plan doesn't reach."""
    rsu_cny: NotNegative
    """Retrofit: one roadside unit, mounted on poles that are there."""
    budget_cny: float | None = Field(default=None, gt=0)
    """Most that opening and retrofit may cost; empty: no limit."""
    phases: Annotated[tuple[RoadPhase, ...], AfterValidator(_phases)]
    """Steps of opening, in order; shares rise to 1."""
    explore: bool = True
    """Whether the length is a goal to explore (探索): where it can't be reached, as many kilometres
    as can be are planned and the clause is short; otherwise the plan is refused."""
    seconds: Positive
    """Wall time that the search may take."""
    gap: Share
    """Relative gap at which it stops."""
    clauses: ClauseIds = ()
    """Clauses without a number that the plan leans towards; the ledger calls them preferences."""

    @field_validator("least_places", "scenario_clauses")
    @classmethod
    def _known_scenarios(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        ids = [scenario.id for scenario in info.data.get("scenarios", ())]
        unknown = [name for name in value if name not in ids]
        if unknown and ids:
            raise ValueError(f"there is no scenario {unknown[0]!r}. Known: {', '.join(ids)}")
        return value

    def resolved(self) -> TestRoads:
        """Return the part with the numbers and clauses of its scenarios in their places."""
        scenarios = tuple(
            scenario.model_copy(
                update={
                    "at_least": self.least_places.get(scenario.id, scenario.at_least),
                    "clauses": (*scenario.clauses, *self.scenario_clauses.get(scenario.id, ())),
                }
            )
            for scenario in self.scenarios
        )
        return self.model_copy(update={"scenarios": scenarios})


MEASURES = (
    "test_road_km",
    "low_speed_districts",
    "test_road_sorts",
    "test_road_grades",
    "base_tiers",
    "test_road_scenarios",
)
"""Measures of targets on test roads."""
