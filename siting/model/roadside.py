"""The part of a planning model on roadside units: coverage, built area, edge nodes, batches."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from siting.frames import ROAD_CLASSES
from siting.model.figures import Figure, NotNegative, Part, PartOfOne, Positive, Share
from siting.model.rules import ClauseId  # noqa: TC001  (pydantic reads it)

MEASURES = ("built_area_km2", "bridges_tunnels", "toll_stations", "expressway_section")
"""Measures of the targets that ask for roadside units."""

ROADSIDE_FILES = ("kinds", "ranges", "pilot_zones")
"""Keys of the part that name a file."""


def _known_classes(classes: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [name for name in classes if name not in ROAD_CLASSES]
    if unknown:
        known = ", ".join(ROAD_CLASSES)
        raise ValueError(f"{unknown[0]!r} is no road class. Known: {known}")
    return classes


Classes = Annotated[tuple[str, ...], AfterValidator(_known_classes)]
"""Road classes, values of `frames.ROAD_CLASSES`."""


class Must(Part):
    """A kind of site that is equipped whatever it costs, and the clause that says so."""

    kind: Literal["tunnel", "bridge", "toll", "service_area", "interchange", "section"]
    """What has to be equipped."""
    clause: ClauseId = ""


class ExpresswaySection(Part):
    """A length of expressway that is a test section, found on the map by its road."""

    name: str
    """As printed."""
    roads: tuple[str, ...]
    """Names or refs of the road; a road belongs to it whose name holds one, or whose ref is one.
    """
    near_lon: float | None = Field(default=None, ge=-180, le=180)
    near_lat: float | None = Field(default=None, ge=-90, le=90)
    """Its middle, degrees WGS-84; empty: the middle of the road within the map."""
    length_km: Positive
    """Length along one carriageway."""
    within_m: Positive
    """A road farther than this from the middle isn't it; then a stand-in is chosen and named."""
    existing: bool = True
    """Whether it is in operation; its sites are equipped and checked in either case."""
    clause: ClauseId = ""


class EdgeNodes(Part):
    """Where the computing of the equipped sites stands."""

    capacity_sites: int = Field(ge=1)
    """Most sites that a node serves."""
    fibre_m: Positive
    """Farthest from a node to a site that it serves, along roads."""
    node_cny: NotNegative
    """One node."""
    fibre_cny_per_m: NotNegative
    """Fibre from node to site, in ducts that are there."""
    platform_cny: NotNegative
    """The one platform of the city."""
    clauses: tuple[ClauseId, ...] = ()


class OnBoard(Part):
    """Vehicles with on-board units, placed on routes to see how far the coverage carries."""

    vehicles: int = Field(ge=0)
    """Vehicles of the fleet."""
    routes: int = Field(ge=1)
    """Routes of the fleet; each carries an equal number of vehicles."""
    considered: int = Field(ge=1)
    """Routes drawn for each one kept: the fleet is taken whose routes lie most in coverage."""
    origins: int = Field(ge=1)
    """Depots that the routes start from, drawn by demand."""
    least_km: NotNegative
    """Shortest route, one way."""
    most_km: Positive
    """A route is as long as this, one way."""
    vehicle_cny: NotNegative
    """On-board unit in a vehicle; stated apart, the roadside budget doesn't pay for it."""
    clauses: tuple[ClauseId, ...] = ()


class Batch(Part):
    """A year of building."""

    year: int = Field(ge=2000, le=2100)
    """The year; years rise."""
    share: PartOfOne
    """Share of the built area, or else of the cost, that is there at its end."""
    budget_cny: float | None = Field(default=None, gt=0)
    """Money of this year; what is left goes on to the next. Empty: no limit."""


def _rising(batches: tuple[Batch, ...]) -> tuple[Batch, ...]:
    years = [batch.year for batch in batches]
    if years != sorted(set(years)):
        raise ValueError("the years of batches have to rise")
    shares = [batch.share.value for batch in batches]
    if not shares or shares != sorted(set(shares)) or shares[-1] != 1:
        raise ValueError("shares of batches have to rise to 1. Give the last batch the share 1")
    return batches


class Sharing(Part):
    """
    Poles and power that a roadside site shares with a charging station (多杆合一、共用电源).

    Matched after the solve; the saving is stated beside the cost, which doesn't count on it.
    """

    within_m: Positive = Figure(
        value=100,
        unit="m",
        source="planner's own: a low-voltage cable",
        source_zh="规划人员自定：一段低压电缆",
        confidence="memory",
    )
    """Farthest from a station, straight, that a roadside site takes its power from."""
    power_cny: NotNegative = Figure(
        value=15_000,
        unit="CNY/site",
        source="planner's own",
        source_zh="规划人员自定",
        confidence="memory",
    )
    """A connection to the grid and its meter, which a site fed from a station needs no more."""
    cable_cny_per_m: NotNegative = Figure(
        value=120,
        unit="CNY/m",
        source="planner's own",
        source_zh="规划人员自定",
        confidence="memory",
    )
    """Cable in a duct from the station to the site."""
    pole_m: NotNegative = Figure(
        value=20,
        unit="m",
        source="planner's own: within a junction",
        source_zh="规划人员自定：同一路口内",
        confidence="memory",
    )
    """Up to this distance both stand on one pole."""
    pole_cny: NotNegative = Figure(
        value=10_000,
        unit="CNY/pole",
        source="planner's own",
        source_zh="规划人员自定",
        confidence="memory",
    )
    """A pole with its foundation, which is then not built."""


class Roadside(Part):
    """The roadside programme; it is planned where a target asks for something of it."""

    # What is asked.
    reading: Literal["zone", "footprint"] = "zone"
    """What built area (建成区域) is: cells whose key junctions and roads are equipped, or the
    union of the sites' discs. The other is computed and printed too."""
    objective: Literal["cost", "benefit"] = "cost"
    """Least cost for what the targets ask, or most traffic served within `budget_cny`."""
    budget_cny: float | None = Field(default=None, gt=0)
    """Most that the sites may cost; edge nodes, fibre and platform come on top."""
    clauses: tuple[ClauseId, ...] = ()
    """Clauses without a number on cheap sites, reuse and equipment by levels; the ledger calls
    them preferences, as it does the other lists of clauses here."""

    # Roads and the points on them.
    classes: Classes
    """Roads that are to be covered."""
    point_step_m: Positive
    """One road point stands for about this length."""
    class_weight: dict[str, float] = Field(default_factory=dict)
    """Worth of traffic by road class beside 1, for example `{motorway: 2}`."""
    class_clauses: tuple[ClauseId, ...] = ()
    priority_districts: tuple[str, ...] = ()
    """Districts, by name or id, whose traffic weighs `priority_weight`, and that go first."""
    priority_weight: Positive
    """Worth of traffic there beside 1."""
    priority_clauses: tuple[ClauseId, ...] = ()

    # Sites.
    kinds: str = ""
    """CSV in the place of `data/roadside_kinds.csv`: equipment and size by kind of site."""
    urban_radius_m: Positive
    """Reach along the road of a unit at a junction or in a street."""
    open_radius_m: Positive
    """Reach of a unit on an expressway, a bridge, at a toll or a service area."""
    tunnel_radius_m: Positive
    """Reach of a unit at a tunnel portal."""
    sight_radius_m: Positive
    """Reach off the road where no building stands between, used where the map has buildings."""
    sight_least_built: Share
    """Share of the land within that reach that the map has to show as built on; around a site with
    less, the map is taken to lack buildings and its reach is along the road alone."""
    ranges: str = ""
    """CSV of measured ranges with `kind`, `highway` (either may be empty) and `radius_m`."""
    expressway_spacing_m: Positive
    """Distance between sites along an expressway."""
    bridge_m: Positive
    """A shorter bridge is none."""
    tunnel_m: Positive
    """A shorter tunnel is none."""
    rsu_cny: NotNegative
    """A unit alone (RSU), on a pole of its own."""
    sensing_cny: NotNegative
    """A unit with cameras or radar."""
    full_cny: NotNegative
    """A whole junction: units, cameras, radar or lidar, computing and signal link."""
    reuse_discount: Share
    """Share of the cost saved where a pole, power and fibre are there (多利旧)."""
    must: tuple[Must, ...] = ()
    section: ExpresswaySection | None = None

    # Cells of the zone reading.
    cell_m: Positive
    """Side of a cell."""
    covered_share: PartOfOne
    """Least share of a built cell's eligible road length that is covered."""
    least_cell_m: NotNegative
    """A cell with less eligible road can't count."""
    least_neighbours: int = Field(default=1, ge=0, le=4)
    """Built side neighbours that a built cell has."""
    least_patch_cells: int = Field(default=4, ge=1)
    """Cells in a connected patch of built cells."""
    redundancy: bool = False
    """Whether each key junction of a built cell is heard by two sites."""
    pilot_zones: str = ""
    """Polygon layer of zones to be built in; empty: none are given."""
    pilot_rule: Literal["first", "only", "whole"] = "first"
    """`first`: they go first in the batches; `only`: no cell is built outside them; `whole`: every
    cell in them that can be built is."""

    sharing: Sharing | None = None
    """Poles and power shared with charging stations; empty: nothing is shared."""
    edge_nodes: EdgeNodes
    on_board: OnBoard
    batches: Annotated[tuple[Batch, ...], AfterValidator(_rising)]
    batch_clauses: tuple[ClauseId, ...] = ()
