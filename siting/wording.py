"""Measures and units as a planner reads them, in Chinese and English."""

from __future__ import annotations

import json
import math
from functools import cache
from importlib import resources

from siting.said import Said
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
    "scenarios": ("类场景", "scenarios"),
    "tiers": ("级", "tiers"),
    "districts": ("个区县", "districts"),
    "parks": ("个", "parks"),
    "sites": ("处", "sites"),
}
LEVELS = {
    "rsu": ("RSU", "RSU"),
    "sensing": ("RSU＋感知", "RSU and sensing"),
    "full": ("全要素路口（RSU＋感知＋边缘计算）", "whole junction (RSU, sensing, edge computing)"),
}
"""Equipment of a roadside site, in Chinese and English."""
_DECIMALS = 2
_WHOLE_FROM = 1000.0
"""From here on a missing amount is written without decimals."""
OWN_EN = "planner's own"
"""What stands for the clause of a target that no document asks for."""


@cache
def _page_words(part: str) -> dict[str, tuple[str, str]]:
    """Return the Chinese and English words of a part of the map page, by what follows its dot."""
    text = resources.files("siting").joinpath("assets/strings.json").read_text("utf-8")
    return {
        key.removeprefix(f"{part}."): (str(zh), str(en))
        for key, (zh, en) in json.loads(text).items()
        if key.startswith(f"{part}.")
    }


def measure_names() -> dict[str, tuple[str, str]]:
    """Return the Chinese and English name of every measure, those that the map shows."""
    return _page_words("measure")


def kind_name(kind: str) -> tuple[str, str]:
    """Return the Chinese and English name of a kind of place; one that has none is its key."""
    return _page_words("kind").get(kind, (kind, kind.replace("_", " ")))


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


def shortfall_said(share: float) -> Said:
    """
    Say at the head of a joint plan that it isn't whole; only charging gives way for money.

    Parameters
    ----------
    share
        Share of their amounts at which the targets of charging were held, 1 in full.
    """
    if share < 1:
        en = "Shortfall plan: the money doesn't do for every target"
        return Said("缺口方案：资金不足以达到全部目标", en)
    return Said("缺口方案：未达到全部目标", "Shortfall plan: not every target is met")


def short_said(clause: str, measure: str, short: float, unit: str) -> Said:
    """
    Say by how much a target is short.

    Parameters
    ----------
    clause
        Id of the clause; empty for a target of the planner's own.
    measure
        Key of the measure.
    short
        Amount that is missing, in `unit`; of a share in points, not per cent of it.
    unit
        Of the measure.

    Examples
    --------
    >>> short_said("JN23-07", "piles", 1200.0, "piles").zh
    'JN23-07 充电桩数量差 1,200 台'
    >>> short_said("", "served_share", 0.021, "share").en
    "planner's own, Share of demand served: short by 2.1 percentage points"
    """
    zh, en = measure_name(measure)
    share = unit == "share"
    amount = 100 * short if share else short
    plain = f"{amount:,.0f}" if abs(amount) >= _WHOLE_FROM else f"{amount:.4g}"
    units = ("个百分点", "percentage points") if share else unit_name(unit)
    return Said(
        f"{clause or '自定'} {zh}差 {plain} {units[0]}",
        f"{clause or OWN_EN}, {en}: short by {plain} {units[1]}",
    )
