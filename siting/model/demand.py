"""What a model says of its area and of the vehicles that charge there."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from siting.model.figures import NotNegative, Positive, Share
from siting.model.figures import Part as _Part


class Area(_Part):
    """What is planned: a Chinese city, some of its districts, or the extent of the roads."""

    # An adcode is written as a number.
    model_config = ConfigDict(coerce_numbers_to_str=True)

    city: str = ""
    """Chinese city by name or six-digit adcode; empty: the extent of the roads is one district."""
    districts: tuple[str, ...] = ()
    """Names or adcodes of the districts to plan; empty: all."""
    population: float | None = Field(default=None, gt=0)
    """People in the area where no census covers it."""
    partial: Literal["apportion", "whole"] = "apportion"
    """When the roads reach only some districts: `apportion` gives them their share of the city's
    fleets, targets and budget by population; `whole` asks of them what is asked of the city."""


class Fleet(_Part):
    """Vehicles of one segment and what they charge in public."""

    vehicles: NotNegative
    """Vehicles that are charged in the area."""
    kwh_day: NotNegative
    """Energy a vehicle charges a day, all places, kWh."""
    public_share: Share
    """Share of that energy charged at public or dedicated piles."""


class Housing(_Part):
    """How many people mapped buildings hold, where no source counts people."""

    floor_m2_per_person: Positive
    """Floor of homes that one person takes."""
    storey_m: Positive
    """Height of a storey, where the map gives a height alone."""
    house_levels: Positive
    """Storeys of a house of which the map tells neither storeys nor height."""
    flats_levels: Positive
    """The same of flats."""
    unmarked_levels: Positive
    """The same of a building that doesn't say what it is for."""
    unmarked_share: Share
    """Share of the floor of such buildings that is homes."""


class DemandSettings(_Part):
    """How demand is spread."""

    private: Fleet
    fleet: Fleet
    heavy: Fleet
    housing: Housing | None = None
    """What mapped buildings hold; `null`: people are spread by streets and land use alone."""
    urban_cell_m: float = Field(default=600, ge=100, le=5000)
    """Side of a cell of demand in town."""
    rural_cell_m: float = Field(default=2000, ge=200, le=20000)
    """Side of a cell of demand in the country."""
