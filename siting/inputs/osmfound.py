"""What is kept of an OpenStreetMap file, and what decides it: the tags of each object."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from sys import intern
from typing import TYPE_CHECKING

from siting.frames import ROAD_CLASSES
from siting.inputs import buildingtags, tags

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROAD_TEXT = ("name", "ref", "lanes", "maxspeed", "bridge", "tunnel", "junction")
_ROAD_WORDS = frozenset({*ROAD_CLASSES, "road"})
_HIGHWAY_PLACES = frozenset({"services", "rest_area"})
_PLACES_OR_NONE = frozenset({None, *_HIGHWAY_PLACES})
_BOTH = "toll_booth"  # a control point and a facility
NODE_TAGS = tuple(dict.fromkeys((*tags.CONTROL_TAGS, *tags.FACILITY_TAGS)))
"""Tags without one of which a node is nothing here."""
AREA_TAGS = (*tags.FACILITY_TAGS, ("boundary", "administrative"))
"""Tags without one of which a relation is nothing here."""
WAY_TAGS = tuple(dict.fromkeys((*(("highway", word) for word in sorted(_ROAD_WORDS)), *AREA_TAGS)))
"""Tags without one of which a way is at most a member of an area."""
BUILDING_TAGS = (("building", ""),)
"""Tags, of any value, without which a way or a relation is no building."""


@dataclass(frozen=True, slots=True)
class Ways:
    """Ways as they stream in: id, and the vertices of all in flat arrays."""

    way_id: array[int] = field(default_factory=lambda: array("q"))
    start: array[int] = field(default_factory=lambda: array("q", [0]))
    ref: array[int] = field(default_factory=lambda: array("q"))
    x: array[int] = field(default_factory=lambda: array("q"))
    y: array[int] = field(default_factory=lambda: array("q"))

    def add(self, way_id: int, refs: Sequence[int], x: Sequence[int], y: Sequence[int]) -> None:
        """Add a way with the ids and places of its vertices."""
        self.way_id.append(way_id)
        self.ref.extend(refs)
        self.x.extend(x)
        self.y.extend(y)
        self.start.append(len(self.ref))


@dataclass(frozen=True, slots=True)
class Described:
    """What is kept of a facility (`kind` set) or an administrative boundary (`kind` empty)."""

    key: str
    kind: str
    name: str
    capacity: float = float("nan")
    name_en: str = ""
    admin_level: int = 0
    adcode: str = ""


@dataclass(frozen=True, slots=True)
class Building:
    """What is kept of a building: use (`buildingtags.USES`), storeys, height; NaN: unknown."""

    key: str
    use: str
    levels: float
    height_m: float


@dataclass(frozen=True, slots=True)
class Buildings:
    """Buildings that are closed ways, and those that relations put together of several."""

    ways: Ways = field(default_factory=Ways)
    of_ways: list[Building] = field(default_factory=list)
    relations: list[tuple[Building, tuple[int, ...]]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Found:
    """
    All that is found; `areas` are ways, `members` the ways that `relations` are made of.

    `buildings` is None where they aren't asked for.
    """

    roads: Ways = field(default_factory=Ways)
    road_text: list[tuple[str, ...]] = field(default_factory=list)
    oneway: array[int] = field(default_factory=lambda: array("b"))
    sources: set[str] = field(default_factory=set)
    signal_id: array[int] = field(default_factory=lambda: array("q"))
    signal_xy: array[float] = field(default_factory=lambda: array("d"))
    signal_kind: list[str] = field(default_factory=list)
    areas: Ways = field(default_factory=Ways)
    area_tags: list[Described] = field(default_factory=list)
    points: list[Described] = field(default_factory=list)
    point_xy: array[float] = field(default_factory=lambda: array("d"))
    relations: list[tuple[Described, tuple[int, ...]]] = field(default_factory=list)
    members: Ways = field(default_factory=Ways)
    late_nodes: array[int] = field(default_factory=lambda: array("q"))
    buildings: Buildings | None = None

    @property
    def lists(self) -> tuple[Ways, ...]:
        """Every list of ways."""
        known = (self.roads, self.areas, self.members)
        return known if self.buildings is None else (*known, self.buildings.ways)

    @property
    def way_tags(self) -> tuple[tuple[str, str], ...]:
        """Tags without one of which a way is at most a member; "" stands for any value."""
        return WAY_TAGS if self.buildings is None else (*WAY_TAGS, *BUILDING_TAGS)

    @property
    def area_tags_wanted(self) -> tuple[tuple[str, str], ...]:
        """Tags without one of which a relation is nothing here; "" stands for any value."""
        return AREA_TAGS if self.buildings is None else (*AREA_TAGS, *BUILDING_TAGS)

    def member_ids(self) -> set[int]:
        """Return the ids of the ways that relations are made of."""
        some = [keys for _, keys in self.relations]
        if self.buildings is not None:
            some += [keys for _, keys in self.buildings.relations]
        return {key for keys in some for key in keys}


def take_node(node_id: int, lon: float, lat: float, get: tags.Get, found: Found) -> None:
    """Keep what a node is by its tags: a control point, a facility, both or nothing."""
    control = tags.control_kind(get)
    if control:
        found.signal_id.append(node_id)
        found.signal_kind.append(control)
        found.signal_xy.extend((lon, lat))
    # What stands on or beside a street is no facility, and there is much of it.
    if control != _BOTH and (get("barrier") or get("highway") not in _PLACES_OR_NONE):
        return
    kind = tags.facility_kind(get)
    if kind:
        found.points.append(_facility(f"node/{node_id}", kind, get))
        found.point_xy.extend((lon, lat))


def take_way(way_id: int, get: tags.Get, closed: Callable[[], bool], found: Found) -> Ways | None:
    """Keep what a way is by its tags; return where its vertices go, None for nowhere."""
    highway = get("highway") or ""
    if highway in _ROAD_WORDS:
        return _take_road(highway, get, found) if tags.for_cars(get) else None
    if highway and highway not in _HIGHWAY_PLACES:
        return None
    if get("boundary") == "administrative":
        if not closed():
            return None  # a piece of a relation's boundary
        found.area_tags.append(_boundary(f"way/{way_id}", get))
        return found.areas
    kind = tags.facility_kind(get)
    if not kind:
        return None
    found.area_tags.append(_facility(f"way/{way_id}", kind, get))
    return found.areas


def take_building(way_id: int, get: tags.Get, closed: Callable[[], bool], found: Found) -> bool:
    """Keep what a way is as a building; tell whether it is one, so that its vertices are kept."""
    if found.buildings is None or not buildingtags.stands(get) or not closed():
        return False
    found.buildings.of_ways.append(_building(f"way/{way_id}", get))
    return True


def _building(key: str, get: tags.Get) -> Building:
    levels, height_m = buildingtags.levels_of(get), buildingtags.height_of(get)
    return Building(key, buildingtags.use_of(get), levels, height_m)


def _take_road(highway: str, get: tags.Get, found: Found) -> Ways:
    # Values repeat from road to road; each is kept once.
    text = tuple([intern(get(key) or "") for key in ROAD_TEXT])
    found.road_text.append((intern(highway), *text))
    found.oneway.append(tags.direction(get("oneway") or "", highway, text[-1]))
    source = get("source")
    if source:
        found.sources.add(source)
    return found.roads


def take_relation(
    relation_id: int, get: tags.Get, ways: Callable[[], tuple[int, ...]], found: Found
) -> None:
    """Keep what a relation is by its tags, with the ids of its member ways."""
    if get("type") not in {"multipolygon", "boundary"}:
        return
    key = f"relation/{relation_id}"
    if found.buildings is not None and buildingtags.stands(get):
        found.buildings.relations.append((_building(key, get), ways()))
    if get("boundary") == "administrative":
        what = _boundary(key, get)
    else:
        kind = tags.facility_kind(get)
        if not kind:
            return
        what = _facility(key, kind, get)
    found.relations.append((what, ways()))


def _facility(key: str, kind: str, get: tags.Get) -> Described:
    return Described(key, kind, get("name") or "", tags.number(get("capacity")))


def _boundary(key: str, get: tags.Get) -> Described:
    level = get("admin_level") or ""
    return Described(
        key,
        "",
        get("name") or "",
        name_en=get("name:en") or "",
        admin_level=int(level) if level.isdecimal() else 0,
        adcode=tags.adcode(get),
    )
