"""Kinds of pile, and how vehicles come to them."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from pydantic import Field

from siting.model.figures import NotNegative, Part, PartOfOne, Positive


class PileType(Part):
    """One kind of pile."""

    id: str = Field(pattern=r"^[a-z][a-z0-9]{1,15}$")
    label_zh: str
    label_en: str
    current: Literal["ac", "dc"] = "dc"
    """Whether it gives alternating or direct current."""
    kw: float = Field(gt=0)
    """Rated power."""
    utilisation: PartOfOne
    """Most share of the day at rated power that a plan may count on."""
    equipment_cny: NotNegative
    """Price of one."""
    installation_cny: NotNegative
    """Installing one."""
    segments: tuple[Literal["private", "fleet", "heavy"], ...]
    """Fleets that it can serve."""
    least: int = Field(default=1, ge=1)
    """Fewest of them at a station that has any; 2 keeps a vehicle from queueing at the only one."""
    guns: int = Field(default=1, ge=1)
    """Vehicles that charge at it at once."""


def distinct_piles(piles: tuple[PileType, ...]) -> tuple[PileType, ...]:
    """Refuse an empty list, and an id that is there twice."""
    if not piles:
        raise ValueError("there has to be a kind of pile")
    twice = [id_ for id_, times in Counter(pile.id for pile in piles).items() if times > 1]
    if twice:
        raise ValueError(f"the id {twice[0]} is there twice. Give each kind of pile its own id")
    return piles


class Queueing(Part):
    """How vehicles come to piles in the busiest hour, for the waiting times of a plan."""

    private_session_kwh: Positive
    """Energy that a private car takes a visit, kWh."""
    fleet_session_kwh: Positive
    """The same of a taxi or delivery van."""
    heavy_session_kwh: Positive
    """The same of a heavy vehicle."""
    peak_hour_share: PartOfOne
    """Share of a day's energy that is charged in the busiest hour."""
    changeover_minutes: NotNegative
    """Time that a pile is held beside charging: to park, plug in, pay and leave."""
    longest_wait_minutes: Positive
    """Stations with a longer mean wait are named in the notes."""
