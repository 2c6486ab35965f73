"""Locks of a model: what has to be built, what can't be, and what has a size of its own."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, model_validator

from siting.model.figures import Part

Item = Literal["charging", "hydrogen", "roadside", "edge_node", "test_road"]
"""What a lock is on: a site of a programme, an edge node at a roadside site, or a road."""

Deed = Literal["fix", "ban", "size"]
"""`fix`: built; `ban`: not built; `size`: built in the size that is given."""


class Lock(Part):
    """One lock: an item of the plan by id, by place or by road, and what holds for it."""

    # An id may be written as a number.
    model_config = ConfigDict(coerce_numbers_to_str=True)

    what: Deed
    """`fix`: built; `ban`: not built; `size`: built in the size that is given."""
    item: Item = "charging"
    """Kind of item of the plan that it is about."""
    ids: tuple[str, ...] = ()
    """Ids of sites, facilities of the map or corridors; `id:` is short for one."""
    lon: float | None = Field(default=None, ge=-180, le=180)
    """Place instead of an id, degrees WGS-84; the nearest candidate is meant."""
    lat: float | None = Field(default=None, ge=-90, le=90)
    road: str = ""
    """Road instead of an id (test roads), from one road to another or all of it."""
    from_name: str = ""
    """Road where the stretch of `road` begins; empty: all of it."""
    to_name: str = ""
    """Road where it ends."""
    piles: int | None = Field(default=None, ge=1)
    """Piles in all (charging), exactly."""
    piles_by_type: dict[str, int] = Field(default_factory=dict)
    """Piles of each type (charging), exactly; types that aren't named have none."""
    level: Literal["", "rsu", "sensing", "full"] = ""
    """Equipment of a roadside site."""
    kind: str = ""
    """Kind of site that a fixed place is where no candidate is near; empty: `parking`."""
    name: str = ""
    """Name of the item, printed with the plan."""
    reason: str = ""
    """Why, printed with the plan."""
    who: str = ""
    """Who asks for it, printed with the plan."""
    origin: str = ""
    """Where the lock was written, for messages; filled in where it comes from a file."""

    @model_validator(mode="before")
    @classmethod
    def _one_id(cls, data: Any) -> Any:  # noqa: ANN401  (what a file may hold)
        if isinstance(data, dict) and "id" in data:
            data = dict(data)
            one = data.pop("id")
            data.setdefault("ids", (one,) if one not in (None, "") else ())
        return data

    @model_validator(mode="after")
    def _whole(self) -> Lock:
        if (self.lon is None) != (self.lat is None):
            raise ValueError("a place has both lon and lat")
        if not (self.ids or self.road or self.lon is not None):
            raise ValueError("a lock names an id, a place (lon, lat) or a road")
        sized = self.piles is not None or bool(self.piles_by_type) or bool(self.level)
        if self.what == "size" and not sized:
            raise ValueError("a lock on the size needs piles, piles_by_type or level")
        if self.what == "ban" and sized:
            raise ValueError("what is banned has no size")
        total = sum(self.piles_by_type.values())
        if self.piles_by_type and self.piles is not None and self.piles != total:
            raise ValueError(f"piles is {self.piles} and those by type sum to {total}")
        if any(count < 0 for count in self.piles_by_type.values()):
            raise ValueError("a number of piles can't be below 0")
        return self

    @property
    def total(self) -> int | None:
        """Piles in all that are asked for, None where the number is free."""
        if self.piles_by_type:
            return sum(self.piles_by_type.values())
        return self.piles

    @property
    def built(self) -> bool:
        """Whether the item has to be built."""
        return self.what != "ban"
