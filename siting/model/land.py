"""What a model says of stations in operation and of land that can't or had better not be used."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from siting.frames import FACILITY_KINDS, ROAD_CLASSES
from siting.model.figures import Figure, NotNegative, Part, Positive
from siting.model.rules import Kinds  # noqa: TC001  (pydantic reads it)

Policy = Literal["kept", "extendable", "closable"]
"""What may become of a station in operation."""

UNIT_KINDS = ("junction", "interchange", "midblock", "expressway", "tunnel", "bridge", "toll")
"""What a site of roadside units can be, beside a service area."""

SITE_KINDS = tuple(dict.fromkeys((*FACILITY_KINDS, "roadside", *UNIT_KINDS, *ROAD_CLASSES)))
"""What a candidate can be: a place, a site of roadside units, or a class of road."""

ProgrammeName = Literal["charging", "hydrogen", "roadside", "testroads"]
"""A programme that excluded land can touch."""

TAKES_LAND: tuple[ProgrammeName, ...] = ("charging", "hydrogen")
"""Programmes that build on plots of their own. Roadside units hang on poles along roads that are
there, and test roads are roads that are there: land touches them only where a rule says so."""

PROGRAMMES = {
    **{name: name for name in ("charging", "hydrogen", "roadside", "testroads")},
    "充电": "charging",
    "充电站": "charging",
    "加氢": "hydrogen",
    "加氢站": "hydrogen",
    "路侧": "roadside",
    "路侧设备": "roadside",
    "测试道路": "testroads",
    "all": "charging hydrogen roadside testroads",
    "全部": "charging hydrogen roadside testroads",
}
"""Words for programmes in the rows of a layer -> ours, joined by a space."""


def _known_sites(kinds: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [kind for kind in kinds if kind not in SITE_KINDS]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no kind of site. Known: {', '.join(SITE_KINDS)}")
    return kinds


SiteKinds = Annotated[tuple[str, ...], AfterValidator(_known_sites)]
"""Kinds of candidate sites, values of `SITE_KINDS`."""


class Existing(Part):
    """Stations in operation (`sources.existing`): what may become of them, what they hold."""

    policy: Policy = "extendable"
    """Where a row of the table doesn't say: `kept` stays as it is, `extendable` stays and may get
    more piles, `closable` stays as it is or closes."""
    pile_type: str = ""
    """Type of piles of which neither the row nor its power tells the type; empty: the model's first
    DC type."""
    map_piles: Literal["unknown", "capacity"] = "unknown"
    """Piles of a station that only the map shows: `unknown`, so that the plan puts piles there as
    if new; `capacity` takes the vehicles that charge at once, OSM's `capacity`, as piles."""
    keep_cny: NotNegative = Figure(
        value=0, unit="CNY", source="keeping a station costs nothing", source_zh="保留站点不计费用"
    )
    """What the plan pays to keep a station, which closing it saves; a row may say its own."""
    near_m: Positive = Figure(
        value=60,
        unit="m",
        source="planner's own: one forecourt",
        source_zh="规划人员自定：一处场地",
        confidence="memory",
    )
    """A station of the table and one of the map this near to each other are one, unless their names
    contradict it."""
    match_m: Positive = Figure(
        value=250,
        unit="m",
        source="planner's own: one block",
        source_zh="规划人员自定：一个街区",
        confidence="memory",
    )
    """The same up to this distance where their names are alike."""


class Exclusion(Part):
    """Land on which sites of some kinds can't be, or are dearer."""

    kind: str = ""
    """Polygons of this kind in `sources.exclusions` (永久基本农田); empty: all of them."""
    near: Kinds = ()
    """Instead of polygons: around facilities of these kinds on the map (`school`, `hospital`)."""
    buffer_m: NotNegative = Figure(
        value=0, unit="m", source="no distance is kept", source_zh="不留间距"
    )
    """Distance kept beyond the polygon, or beyond the edge of the facility."""
    effect: Literal["cut", "dearer"] = "cut"
    """`cut`: no new site there; `dearer`: opening one costs `cost_factor` times as much, and a
    kilometre of test road is worth as many times less."""
    cost_factor: float = Field(default=1.0, ge=1.0, le=100.0)
    """How many times as much a site costs there under `dearer`; more than 1."""
    sites: SiteKinds = ()
    """Kinds of sites (of roads: their classes) that it holds for; empty: all. Stations in operation
    and existing test roads stay whatever it says."""
    programmes: Annotated[tuple[ProgrammeName, ...], Field(min_length=1)] = TAKES_LAND
    """Whose candidates it drops or makes dearer. Left out: `charging` and `hydrogen`, which take
    plots of their own; `roadside` (units and the edge nodes beside them) and `testroads` use roads
    that are there and are touched where a rule names them."""
    reason: str = ""
    """What is said of a site that it drops; empty: the name or kind of the land."""

    @model_validator(mode="after")
    def _possible(self) -> Exclusion:
        if self.near and self.kind:
            raise ValueError("`near` takes facilities of the map and `kind` polygons. Keep one")
        if self.effect == "dearer" and self.cost_factor <= 1:
            raise ValueError("`dearer` needs a cost_factor above 1")
        if self.near and self.buffer_m.value <= 0:
            raise ValueError("`near` needs a buffer_m above 0")
        return self
