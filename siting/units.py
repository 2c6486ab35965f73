"""Money, energy, counts and shares as text, in Chinese and English."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Literal

Language = Literal["zh", "en"]

CNY_PER_WAN = 10_000
CNY_PER_YI = 100_000_000
UNKNOWN = "—"
"""Shown where there is no number."""

_HUNDREDTH = 1e-4
"""A hundredth of a per cent."""

_Step = tuple[float, int, str]
# Largest first: (from which size, decimals, unit).
_MONEY_ZH: tuple[_Step, ...] = ((1e8, 2, " 亿元"), (1e4, 1, " 万元"), (1.0, 0, " 元"))
_MONEY_EN: tuple[_Step, ...] = ((1e9, 2, " billion"), (1e6, 1, " million"), (1.0, 0, ""))
_ENERGY_ZH: tuple[_Step, ...] = ((1e8, 2, " 亿 kWh"), (1e4, 1, " 万 kWh"), (1.0, 0, " kWh"))
_ENERGY_EN: tuple[_Step, ...] = ((1e6, 2, " GWh"), (1e3, 1, " MWh"), (1.0, 0, " kWh"))


def money_text(cny: float, language: Language = "zh") -> str:
    """
    Return an amount as a planner writes it.

    Examples
    --------
    >>> money_text(1_234_560_000), money_text(25_000), money_text(800)
    ('12.35 亿元', '2.5 万元', '800 元')
    >>> money_text(1_234_560_000, "en"), money_text(25_000, "en")
    ('CNY 1.23 billion', 'CNY 25,000')
    """
    if language == "zh":
        return _scaled(cny, _MONEY_ZH)
    text = _scaled(cny, _MONEY_EN)
    return text if text == UNKNOWN else f"CNY {text}"


def wan_yuan(cny: float) -> float:
    """Return CNY in 万元 (10,000 CNY), the unit of investment tables; exact to the fen."""
    return round(cny / CNY_PER_WAN, 6)


def energy_text(kwh: float, language: Language = "zh") -> str:
    """Return an energy given in kWh, as kWh, 万 kWh, 亿 kWh or kWh, MWh, GWh."""
    return _scaled(kwh, _ENERGY_ZH if language == "zh" else _ENERGY_EN)


def count_text(number: float) -> str:
    """Return a count with thousands separated."""
    return f"{round(number) + 0:,d}" if math.isfinite(number) else UNKNOWN


def percent_text(share: float, language: Language = "zh", decimals: int = 1) -> str:
    """
    Return a share as a percentage that doesn't flatter.

    Less than all is never shown as 100 %, and more than nothing never as 0 %.

    Examples
    --------
    >>> percent_text(0.99999), percent_text(0.00001), percent_text(0.5, "en")
    ('>99.9%', '<0.1%', '50.0 %')
    """
    if not math.isfinite(share):
        return UNKNOWN
    unit = "%" if language == "zh" else " %"
    step = 10.0**-decimals
    percent = 100 * share
    if percent > 0 and round(percent, decimals) == 0:
        return f"<{step:.{decimals}f}{unit}"
    if percent < 100 and round(percent, decimals) >= 100:  # noqa: PLR2004
        return f">{100 - step:.{decimals}f}{unit}"
    return f"{round(percent, decimals) + 0.0:.{decimals}f}{unit}"


def gap_text(gap: float, language: Language = "zh") -> str:
    """
    Return a proven gap as a percentage, rounded up so that what it claims stays true.

    Examples
    --------
    >>> gap_text(0.009744), gap_text(0.01, "en"), gap_text(0.00002)
    ('0.98%', '1.00 %', '<0.01%')
    """
    if not math.isfinite(gap):
        return UNKNOWN
    return percent_text(gap if gap < _HUNDREDTH else gap_percent(gap) / 100, language, 2)


def gap_percent(gap: float) -> float:
    """Return a proven gap in per cent, rounded up to a hundredth; no number stays none."""
    if not math.isfinite(gap):
        return gap
    return math.ceil(gap / _HUNDREDTH - 1e-9) / 100


def _scaled(value: float, steps: tuple[_Step, ...]) -> str:
    """Return a value in the largest unit in which it is at least one once rounded."""
    if not math.isfinite(value):
        return UNKNOWN
    size, decimals, unit = steps[-1]
    for (step, places, label), (finer, finer_places, _) in pairwise(steps):
        # Rounding in the finer unit decides: 99,999,999 CNY is 1.00 亿元, not 10,000.0 万元.
        if abs(round(value / finer, finer_places)) * finer >= step:
            size, decimals, unit = step, places, label
            break
    return f"{round(value / size, decimals) + 0.0:,.{decimals}f}{unit}"
