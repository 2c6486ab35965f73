"""
What tags say of a building: whether it stands in the way, its storeys, and who uses it.

Source: the OpenStreetMap wiki pages Key:building, Key:building:levels, Key:height and Simple 3D
Buildings.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from siting.inputs.tags import Get

NO_WALLS = frozenset(
    {
        *("no", "none", "roof", "carport", "canopy", "bridge"),
        *("proposed", "planned", "demolished", "razed", "destroyed", "collapsed", "removed"),
    }
)
"""Values of `building` of what isn't there or can be seen through."""
HOUSES = frozenset(
    {
        *("house", "detached", "semidetached_house", "semi", "terrace", "bungalow", "villa"),
        *("farm", "cabin", "hut", "static_caravan", "houseboat", "ger"),
    }
)
"""Values of `building` in which one household lives, or a few."""
FLATS = frozenset({"apartments", "residential", "dormitory", "flats", "apartment"})
"""Values of `building` in which many live."""
UNSAID = frozenset({"yes", "true", "1", "construction", "unclassified", "undefined"})
"""Values of `building` that don't say what it is for."""
_OTHER_USES = (
    *(
        "amenity",
        "shop",
        "office",
        "tourism",
        "industrial",
        "railway",
        "aeroway",
        "public_transport",
    ),
    *("leisure", "military", "power", "craft", "healthcare", "government", "man_made", "historic"),
)
_HOUSE_WORDS = (*HOUSES, "别墅", "农房", "农村住宅", "自建房", "平房", "民房")
_FLATS_WORDS = (*FLATS, "住宅", "居住", "住宅楼", "居民楼", "公寓", "宿舍", "商住")
_UNSAID_WORDS = (*UNSAID, "", "unknown", "其他", "未知", "建筑物", "一般房屋")
OWN_WORDS = {
    **dict.fromkeys(_HOUSE_WORDS, "house"),
    **dict.fromkeys(_FLATS_WORDS, "flats"),
    **dict.fromkeys(_UNSAID_WORDS, "unknown"),
}
"""Words of own layers -> what a building is for; any other word names a use that is no home."""
USES = ("house", "flats", "other", "unknown")
"""What a building is for: one household or a few, many, no home, or unsaid."""

_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_FEET, _INCHES = 0.3048, 0.0254
_MOST_LEVELS, _MOST_M = 200.0, 1000.0


def use_of_word(word: str) -> str:
    """Return what a building of an own layer is for, one of `USES`."""
    return OWN_WORDS.get(word.strip().casefold(), "other")


def stands(get: Get) -> bool:
    """Tell whether tags are of a building with walls above the ground."""
    value = get("building")
    if value is None or value in NO_WALLS:
        return False
    return get("location") != "underground" and not (get("layer") or "").startswith("-")


def use_of(get: Get) -> str:
    """Return what a building is for, one of `USES`."""
    value = get("building") or ""
    if value in HOUSES:
        return "house"
    if value in FLATS:
        return "flats"
    unsaid = value in UNSAID and not any(get(key) for key in _OTHER_USES)
    return "unknown" if unsaid else "other"


def levels_of(get: Get) -> float:
    """Return storeys above the ground, the roof's among them; NaN where unknown."""
    storeys = _first(get("building:levels"))
    if not math.isfinite(storeys):
        return math.nan
    attic = _first(get("roof:levels"))
    whole = storeys + (attic if math.isfinite(attic) else 0.0)
    return whole if 0.0 < whole <= _MOST_LEVELS else math.nan


def height_of(get: Get) -> float:
    """Return the height in metres, NaN where unknown; reads `12`, `12 m`, `40 ft` and `40'6"`."""
    text = get("height") or get("building:height") or ""
    height = _first(text)
    if "ft" in text or "'" in text:
        _, _, inches = text.partition("'")
        more = _first(inches)
        height = height * _FEET + (more * _INCHES if math.isfinite(more) else 0.0)
    return height if 0.0 < height <= _MOST_M else math.nan


def _first(text: str | None) -> float:
    found = _NUMBER.search(text or "")
    return float(found.group().replace(",", ".")) if found else math.nan
