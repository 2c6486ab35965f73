"""Measures and units as a planner reads them, in Chinese and English."""

from __future__ import annotations

import json
import math
from functools import cache
from importlib import resources

from siting.units import UNKNOWN, percent_text

_UNITS = {
    "share": ("占比", "share"),
    "stations": ("座", "stations"),
    "piles": ("台", "piles"),
    "vehicles": ("辆", "vehicles"),
    "people": ("人", "people"),
    "km": ("km", "km"),
    "km2": ("km²", "km²"),
    "sorts": ("类", "sorts"),
    "grades": ("级", "grades"),
    "scenarios": ("个", "scenarios"),
    "tiers": ("级", "tiers"),
    "districts": ("个区县", "districts"),
    "parks": ("个", "parks"),
    "sites": ("处", "sites"),
}
_DECIMALS = 2


@cache
def measure_names() -> dict[str, tuple[str, str]]:
    """Return the Chinese and English name of every measure, those that the map shows."""
    text = resources.files("siting").joinpath("assets/strings.json").read_text("utf-8")
    return {
        key.removeprefix("measure."): (str(zh), str(en))
        for key, (zh, en) in json.loads(text).items()
        if key.startswith("measure.")
    }


def measure_name(measure: str) -> tuple[str, str]:
    """Return the Chinese and English name of a measure; one that has none is named by its key."""
    return measure_names().get(measure, (measure, measure.replace("_", " ")))


def unit_name(unit: str) -> tuple[str, str]:
    """Return a unit in Chinese and English; one that isn't known is returned as it is."""
    return _UNITS.get(unit, (unit, unit))


def amount_text(value: float, unit: str) -> tuple[str, str]:
    """
    Return an amount with its unit, in Chinese and English; shares as percentages.

    Examples
    --------
    >>> amount_text(22000.0, "piles"), amount_text(0.46, "share")
    (('22,000 台', '22,000 piles'), ('46.0%', '46.0 %'))
    """
    if not math.isfinite(value):
        return UNKNOWN, UNKNOWN
    if unit == "share":
        return percent_text(value), percent_text(value, "en")
    plain = f"{round(value, _DECIMALS):,.10g}"
    zh, en = unit_name(unit)
    return f"{plain} {zh}".rstrip(), f"{plain} {en}".rstrip()
