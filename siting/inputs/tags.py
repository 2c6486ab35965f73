"""
What tag values mean: road classes, directions, lanes, speeds, access and facility kinds.

Sources: the OpenStreetMap wiki pages Key:highway, Key:oneway, Key:access, Key:maxspeed and
Map_Features; the drivable network follows OSMnx's `drive_service` filter.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, TypeVar

from siting.frames import ROAD_CLASSES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Get = Callable[[str], str | None]

T = TypeVar("T")

ROAD_ALIASES = {
    "road": "unclassified",
    "高速公路": "motorway",
    "高速": "motorway",
    "城市快速路": "trunk",
    "快速路": "trunk",
    "expressway": "trunk",
    "国道": "trunk",
    "主干路": "primary",
    "主干道": "primary",
    "省道": "primary",
    "次干路": "secondary",
    "次干道": "secondary",
    "县道": "secondary",
    "支路": "tertiary",
    "乡道": "tertiary",
    "村道": "unclassified",
    "街巷": "residential",
    "居住区道路": "residential",
    "内部道路": "service",
    "匝道": "motorway_link",
}
"""Other words for a road class; Chinese ones after GB/T 51328 urban and JTG B01 rural grades."""

NOT_FOR_CARS = frozenset(
    {
        "abandoned",
        "bridleway",
        "bus_guideway",
        "bus_stop",
        "busway",
        "construction",
        "corridor",
        "crossing",
        "cycleway",
        "demolished",
        "disused",
        "elevator",
        "emergency_bay",
        "escalator",
        "escape",
        "footway",
        "ladder",
        "no",
        "path",
        "pedestrian",
        "planned",
        "platform",
        "proposed",
        "raceway",
        "razed",
        "rest_area",
        "services",
        "steps",
        "track",
        "trailhead",
        "track_grade1",
        "track_grade2",
        "track_grade3",
        "track_grade4",
        "track_grade5",
        "via_ferrata",
    }
)
"""Values of `highway` (or Geofabrik's `fclass`) that cars don't use."""

UNKNOWN_CLASS = "unclassified"
"""Class of a road whose class a layer doesn't give, or gives in words that aren't known."""

_SHUT = frozenset(
    {"no", "private", "military", "emergency", "agricultural", "forestry", "agricultural;forestry"}
)
_ACCESS_KEYS = ("motorcar", "motor_vehicle", "vehicle", "access")  # the most specific one rules
_SIDE_SERVICE = frozenset(
    {"parking_aisle", "driveway", "parking", "private", "emergency_access", "drive-through"}
)
_FALSE = frozenset({"", "no", "false", "f", "0", "0.0", "none", "nan", "n", "否"})
_FORWARD = frozenset({"yes", "true", "t", "1", "1.0", "ft", "from", "forward", "y", "是"})
_BACKWARD = frozenset({"-1", "-1.0", "reverse", "tf", "backward"})
_ROUND = frozenset({"roundabout", "circular"})

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_MOST_LANES = 20.0
_MOST_KMH = 200.0
_KMH = {"mph": 1.609344, "knots": 1.852}
_ZONE_KMH = {"urban": 50.0, "rural": 90.0, "trunk": 100.0, "motorway": 120.0, "living_street": 20.0}
"""Where a country's own limit isn't listed: the commonest values of Speed_limits."""
_COUNTRY_KMH = {
    # Regulation on the Implementation of the Road Traffic Safety Law of China, articles 45 and 78.
    "CN:rural": 70.0,
    "DE:rural": 100.0,
    "FI:rural": 80.0,
    "FR:rural": 80.0,
    "GB:nsl_single": 96.56064,
    "GB:nsl_dual": 112.65408,
}


def parse_all(values: Iterable[str], parse: Callable[[str], T]) -> list[T]:
    """Parse each distinct value once; columns of tags repeat a few values."""
    column = list(values)
    known = {value: parse(value) for value in set(column)}
    return [known[value] for value in column]


def road_class(value: str) -> str | None:
    """
    Return the class of `ROAD_CLASSES` that a value means.

    Returns
    -------
    highway
        The class, "" for a way that cars don't use, None for a word that isn't known.
    """
    word = value.strip()
    for candidate in (word, word.lower(), word.lower().replace(" ", "_")):
        if candidate in ROAD_CLASSES:
            return candidate
        if candidate in ROAD_ALIASES:
            return ROAD_ALIASES[candidate]
        if candidate in NOT_FOR_CARS:
            return ""
    return None


def for_cars(get: Get) -> bool:
    """
    Tell whether the public may drive a road, from its tags.

    As OSMnx's `drive_service`: private roads, areas, parking aisles and emergency accesses are
    out; beyond it, driveways and `access=no` are out, unless a more specific key lets cars in.
    """
    if get("area") == "yes" or (get("service") or "") in _SIDE_SERVICE:
        return False
    for key in _ACCESS_KEYS:
        rule = get(key)
        if rule:
            return rule not in _SHUT
    return True


def direction(oneway: str, highway: str = "", junction: str = "") -> int:
    """
    Return 0 for both ways, 1 along the line, -1 against it.

    Motorways and roundabouts are one way unless tagged otherwise; a reversible road counts as
    both ways, since each is driven at some time.
    """
    word = oneway.strip().lower()
    if word in _BACKWARD:
        return -1
    if word in _FORWARD:
        return 1
    if word:
        return 0
    return int(highway == "motorway" or is_round(junction))


def geofabrik_direction(oneway: str) -> int:
    """Return the direction in Geofabrik's letters: F forward, T backward, B both."""
    return {"F": 1, "T": -1}.get(oneway.strip().upper(), 0)


def is_round(junction: str) -> bool:
    """Tell whether `junction` is a roundabout."""
    return junction in _ROUND


def is_set(value: str) -> bool:
    """Tell whether a flag such as `bridge` or `tunnel` is set (`yes`, `viaduct`, `T`, `1`)."""
    return value.strip().lower() not in _FALSE


def lanes(value: str) -> float:
    """Return the number of lanes, NaN where unknown; of several the first."""
    found = _NUMBER.search(value)
    count = float(found.group()) if found else 0.0
    return count if 0.0 < count <= _MOST_LANES else math.nan


def speed_kmh(value: str) -> float:
    """
    Return a speed limit in km/h, NaN where unknown or not limited.

    Reads `60`, `40 mph`, `CN:urban`, `60;80` (the first) and `walk`.
    """
    word = value.strip()
    found = _NUMBER.search(word)
    if found:
        unit = next((factor for name, factor in _KMH.items() if name in word.lower()), 1.0)
        speed = float(found.group()) * unit
        return speed if 0.0 < speed <= _MOST_KMH else math.nan
    if word == "walk":
        return 5.0
    if word in _COUNTRY_KMH:
        return _COUNTRY_KMH[word]
    return _ZONE_KMH.get(word.rpartition(":")[2], math.nan) if ":" in word else math.nan


_OFFICES = (
    "administrative",
    "association",
    "company",
    "consulting",
    "coworking",
    "diplomatic",
    "energy_supplier",
    "engineer",
    "financial",
    "insurance",
    "it",
    "logistics",
    "newspaper",
    "ngo",
    "research",
    "telecommunication",
    "union",
    "yes",
)

FACILITY_TAGS: dict[tuple[str, str], str] = {
    ("highway", "services"): "service_area",
    ("highway", "rest_area"): "rest_area",
    ("barrier", "toll_booth"): "toll_booth",
    ("amenity", "charging_station"): "charging_station",
    ("amenity", "fuel"): "fuel",
    ("amenity", "parking"): "parking",
    ("amenity", "bus_station"): "bus_station",
    ("amenity", "bus_depot"): "bus_depot",
    ("amenity", "ferry_terminal"): "port",
    ("amenity", "school"): "school",
    ("amenity", "college"): "university",
    ("amenity", "university"): "university",
    ("amenity", "hospital"): "hospital",
    ("amenity", "townhall"): "government",
    ("aeroway", "aerodrome"): "airport",
    ("railway", "station"): "railway_station",
    ("harbour", "yes"): "port",
    ("industrial", "port"): "port",
    ("industrial", "logistics"): "logistics",
    ("industrial", "warehouse"): "logistics",
    ("industrial", "distributor"): "logistics",
    ("industrial", "bus_depot"): "bus_depot",
    ("tourism", "hotel"): "hotel",
    ("tourism", "motel"): "hotel",
    ("tourism", "attraction"): "scenic",
    ("tourism", "theme_park"): "scenic",
    ("tourism", "zoo"): "scenic",
    ("shop", "mall"): "mall",
    ("shop", "department_store"): "mall",
    ("shop", "supermarket"): "supermarket",
    ("shop", "wholesale"): "supermarket",
    ("office", "government"): "government",
    **{("office", value): "office" for value in _OFFICES},
    ("building", "office"): "office",
    ("building", "government"): "government",
    ("building", "hotel"): "hotel",
    ("building", "warehouse"): "logistics",
    ("landuse", "port"): "port",
    ("landuse", "harbour"): "port",
    ("landuse", "depot"): "bus_depot",
    ("landuse", "industrial"): "industrial",
    ("landuse", "residential"): "residential",
    ("place", "town"): "township",
    ("place", "village"): "village",
}
"""OSM tag -> facility kind; of an object with several tags the first in this order counts."""

FACILITY_KEYS = tuple(dict.fromkeys(key for key, _ in FACILITY_TAGS))
_METRO = frozenset({"subway", "light_rail", "monorail"})


def facility_kind(get: Get) -> str:
    """Return the kind of `FACILITY_KINDS` that an object's tags make it, "" for none."""
    for key in FACILITY_KEYS:
        value = get(key)
        if value is not None and (key, value) in FACILITY_TAGS:
            return _refined(FACILITY_TAGS[key, value], get)
    return ""


def _refined(kind: str, get: Get) -> str:
    """Tell metro from rail, logistics from industry, and leave out what the public can't enter."""
    if kind == "railway_station":
        metro = get("station") in _METRO or get("subway") == "yes"
        return "metro_station" if metro else kind
    if kind == "industrial":
        return "logistics" if "物流" in (get("name") or "") else kind
    if kind == "airport":
        return "" if "military" in (get("aerodrome:type"), get("aerodrome")) else kind
    if kind == "parking":
        return "" if get("access") in {"no", "private"} else kind
    return kind


CONTROL_TAGS: dict[tuple[str, str], str] = {
    ("highway", "traffic_signals"): "traffic_signals",
    ("highway", "motorway_junction"): "motorway_junction",
    ("barrier", "toll_booth"): "toll_booth",
    ("crossing", "traffic_signals"): "crossing_signals",
}
"""OSM tag of a node -> kind of control point; the first in this order counts."""
_CONTROL_KEYS = tuple(dict.fromkeys(key for key, _ in CONTROL_TAGS))


def control_kind(get: Get) -> str:
    """Return the kind of control point that a node's tags make it, "" for none."""
    for key in _CONTROL_KEYS:
        value = get(key)
        if value is not None and (key, value) in CONTROL_TAGS:
            return CONTROL_TAGS[key, value]
    return ""


_ADCODE_KEYS = ("adcode", "ref:adcode", "ref:GB2260", "gb2260", "ref:cn:gb2260", "ref")
_ADCODE = re.compile(r"\d{6}(\d{3}|\d{6})?")


def adcode(get: Get) -> str:
    """Return the code of administrative divisions (GB/T 2260, six to twelve digits) or ""."""
    found = (get(key) or "" for key in _ADCODE_KEYS)
    return next((value for value in found if _ADCODE.fullmatch(value)), "")


def number(value: str | None) -> float:
    """Return the first number of a text, NaN where there is none."""
    found = _NUMBER.search(value or "")
    return float(found.group()) if found else math.nan
