"""What the clauses leave open: readings, reaches and sizes that a planner chooses."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from siting.frames import FACILITY_KINDS
from siting.model.figures import Figure, NotNegative, Part, Positive, Share


def _known_kinds(kinds: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [kind for kind in kinds if kind not in FACILITY_KINDS]
    if unknown:
        known = ", ".join(FACILITY_KINDS)
        raise ValueError(f"{unknown[0]!r} is no kind of facility. Known: {known}")
    return kinds


def _known_clause(id_: str) -> str:
    if id_:
        from siting.clauses import clause  # noqa: PLC0415

        clause(id_)
    return id_


ClauseId = Annotated[str, AfterValidator(_known_clause)]
"""Id of a clause in `data/clauses`, or empty."""
Kinds = Annotated[tuple[str, ...], AfterValidator(_known_kinds)]
"""Kinds of facilities, values of `frames.FACILITY_KINDS`."""


class Readings(Part):
    """How words of the clauses are read where the text leaves it open; printed in the ledger."""

    station: Literal["charging", "charging_and_swap"] = "charging"
    """充换电站: `charging` counts the planned charging stations alone, `charging_and_swap` also
    the swap stations in `swap_stations`."""
    swap_stations: NotNegative = Figure(
        value=0, unit="stations", source="none are known", source_zh="没有已知的"
    )
    """Swap stations in use or planned elsewhere; they count under `charging_and_swap`."""
    pile: Literal["pile", "gun"] = "pile"
    """充电桩: `pile` counts cabinets, `gun` the vehicles that can charge at once."""
    access: Literal["public_and_dedicated", "public"] = "public_and_dedicated"
    """Whether piles of dedicated sites (`dedicated_kinds`) count among the piles."""
    dedicated_kinds: Kinds = ("bus_depot", "logistics", "port", "industrial")
    """Kinds of sites that serve an operator's own vehicles (专用)."""


class ClauseRules(Part):
    """Reaches and sizes that clauses without a number of their own are held with."""

    township_radius_m: Positive = Figure(
        value=5000,
        unit="m",
        source="low end of U068 (rural reach 5 to 20 km)",
        source_zh="U068 低值（农村可达 5 至 20 km）",
        confidence="memory",
    )
    """A township is reached by an open station within this network distance (村镇通)."""
    key_area_radius_m: Positive = Figure(
        value=2000,
        unit="m",
        source="middle of U067 (urban reach 2 km)",
        source_zh="U067 中值（城区可达 2 km）",
        confidence="memory",
    )
    """A key area is covered by an open station within this network distance."""
    key_area_kinds: Kinds = (
        "railway_station",
        "airport",
        "port",
        "bus_station",
        "logistics",
        "mall",
    )
    """What counts as a key area of use (重点应用区域): hubs, freight and core commerce."""
    zone_piles: int = Field(default=4, ge=1)
    """Piles for taxis and delivery vans within reach of each key area in town (绿色交通示范区)."""
    test_fleet_piles: int = Field(default=4, ge=1)
    """Piles for taxis and delivery vans within reach of each base of a test fleet."""
    test_fleet_radius_m: Positive = Figure(
        value=3000,
        unit="m",
        source="planner's own: five minutes' empty drive",
        source_zh="规划人员自定：空驶五分钟",
        confidence="memory",
    )
    """Test vehicles charge at stations within this network distance of their base."""
    test_fleet_tiers: Annotated[
        tuple[Literal["closed", "pilot", "district", "opened", "section"], ...], Field(min_length=1)
    ] = ("closed", "pilot", "district", "opened")
    """Anchors of test roads that are bases of a test fleet, by tier; the ends of an expressway
    section (`section`) are ramps where no fleet is kept."""
    heavy_kinds: Kinds = ("logistics", "port", "bus_depot")
    """Where heavy vehicles load, park or are kept; where a model asks for heavy sites, stations
    there are built of piles of `heavy_kw` and more alone."""
    heavy_kw: float = Field(default=240, gt=0)
    """Least power of a pile for heavy vehicles."""
    heavy_piles: int = Field(default=2, ge=1)
    """Piles of `heavy_kw` and more that make a station one for heavy vehicles."""
    station_use: Share = Figure(
        value=0, unit="share", source="nothing is asked of a station", source_zh="对单站不作要求"
    )
    """Least share of what its piles can give, at the utilisation that a plan may count on, that a
    new station serves which neither a clause nor the map demands."""


class Pilots(Part):
    """
    Stations that also feed back (V2G) or carry a solar roof and a battery (光储充).

    The clauses ask for them without a number: a preference after the solve, which moves no site and
    no pile. Its cost is stated apart and is not in the charging budget.
    """

    v2g_share: Share
    """Share of the stations of `v2g_kinds` with suitable piles that are V2G-ready, the ones that
    serve the most energy first."""
    v2g_kinds: Kinds
    """Where vehicles stand long."""
    v2g_most_kw: Positive
    """Piles up to this power are made to feed back."""
    v2g_cny_per_pile: NotNegative
    """What a pile that feeds back costs beyond a plain one."""
    v2g_clauses: tuple[ClauseId, ...] = ()
    """Clauses that the ledger then calls preferences."""
    storage_share: Share
    """Share of the stations of `storage_kinds` with land that get a solar roof and a battery, the
    ones that serve the most energy first."""
    storage_kinds: Kinds
    """Where there is room for a battery and bays to roof over."""
    storage_least_bays: int = Field(ge=1)
    """A site has land from this many bays for piles on."""
    pv_kw_per_bay: NotNegative
    """Solar roof over one bay; all bays that may hold a pile are roofed over."""
    pv_cny_per_kw: NotNegative
    """Price of the solar roof."""
    storage_kwh_per_peak_kw: NotNegative
    """Battery for each kW of the station's peak."""
    storage_cny_per_kwh: NotNegative
    """Price of the battery."""
    storage_clauses: tuple[ClauseId, ...] = ()
