"""What can give way in a programme: clauses, budgets and limits, with their words and units."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from siting.core.conflict.analyse import Parts
from siting.units import UNKNOWN, energy_text, money_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt
    import pandas as pd

    from siting.core.conflict.task import Case
    from siting.units import Language

TARGET, BUDGET, LIMIT, LOCK = "target", "budget", "limit", "lock"
"""What a part is."""
PLAIN = {
    "stations": ("座", "station", "stations"),
    "piles": ("台", "pile", "piles"),
    "places": ("处", "place", "places"),
    "sites": ("处", "site", "sites"),
    "cells": ("格", "cell", "cells"),
    "parts": ("片", "connected part", "connected parts"),
    "pairs": ("对站", "pair of stations", "pairs of stations"),
    "roads": ("段路", "corridor", "corridors"),
    "locks": ("项锁定", "lock", "locks"),
    "km": ("km", "km", "km"),
    "km2": ("km²", "km²", "km²"),
    "kw": ("kW", "kW", "kW"),
}
"""Units that follow their number: Chinese, English for one, English; money and energy scale."""
WHOLE = frozenset(
    {"stations", "piles", "places", "sites", "cells", "parts", "pairs", "roads", "locks"}
)
"""Units that are counted."""


@dataclass(frozen=True, slots=True)
class Part:
    """
    A clause, a budget or a limit of one programme.

    Attributes
    ----------
    key
        Row of the formulation, `c9_stations`.
    kind
        `target`, `budget`, `limit` or `lock`.
    clause
        Clause id, "" for none.
    zh, en
        What it speaks of, with the district or place where it is of one.
    unit
        A key of `PLAIN`, or `cny` or `kwh`.
    asked
        What it asks for, in that unit; NaN where what it asks isn't an amount.
    size
        Amount by which a shortage is called one whole, in that unit, > 0.
    scale
        Units in one unit of the rows.
    family
        Parts of one family are one target asked of several districts or places.
    district
        Name of its district, "" for none.
    """

    key: str
    kind: str
    clause: str
    zh: str
    en: str
    unit: str
    asked: float
    size: float
    scale: float = 1.0
    family: str = ""
    district: str = ""

    def words(self, language: Language) -> str:
        """Return what it speaks of."""
        return self.zh if language == "zh" else self.en

    def named(self, language: Language) -> str:
        """Return its clause, what it speaks of and what it asks for."""
        head = f"{self.clause} " if self.clause else ""
        text = f"{head}{self.words(language)}"
        if not math.isfinite(self.asked):
            return text
        amount = amount_text(self.asked, self.unit, language)
        most = self.kind != TARGET
        if language == "zh":
            return f"{text}（{'不超过' if most else '不少于'} {amount}）"
        return f"{text} ({'at most' if most else 'at least'} {amount})"


def district_names(districts: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Return the Chinese and English name of each district by its id; Chinese for both if alone."""
    return {
        str(row["district_id"]): (str(row["name"]), str(row["name_en"]) or str(row["name"]))
        for row in districts.to_dict("records")
    }


@dataclass(frozen=True, slots=True)
class Puzzle:
    """
    One programme as something to be explained.

    Attributes
    ----------
    programme
        `charging`, `hydrogen`, `roadside`, `testroads`, `joint` or `years`.
    parts
        Its parts, in the order of the case.
    case
        The instance.
    facts
        What arithmetic alone says is impossible, Chinese and English.
    level
        Turns `Weighed.level` into the level of each part, in its unit, shape (P,).
    """

    programme: str
    parts: tuple[Part, ...]
    case: Case
    facts: tuple[tuple[str, str], ...]
    level: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]


PROGRAMMES = {
    "charging": ("充换电", "charging"),
    "hydrogen": ("加氢", "hydrogen"),
    "roadside": ("路侧设施", "roadside units"),
    "testroads": ("测试道路", "test roads"),
    "joint": ("统一预算方案", "joint plan"),
    "years": ("分年建设", "building by year"),
}
"""Chinese and English of the programmes, and of all of them within one budget."""


def amount_text(value: float, unit: str, language: Language) -> str:
    """
    Return an amount with its unit.

    Parameters
    ----------
    value, unit
        The amount in the unit of a `Part`.
    language
        `zh` or `en`.

    Examples
    --------
    >>> amount_text(1200, "stations", "en"), amount_text(2.5e8, "cny", "zh")
    ('1,200 stations', '2.50亿元')
    """
    if not math.isfinite(value):
        return UNKNOWN
    if unit == "cny":
        return money_text(value, language)
    if unit == "kwh":
        return energy_text(value, language) + ("/日" if language == "zh" else " a day")
    zh, one, many = PLAIN[unit]
    whole = unit in WHOLE or abs(value) >= 1000  # noqa: PLR2004
    number = f"{value:,.0f}" if whole else f"{value:,.2f}"
    return f"{number} {zh if language == 'zh' else one if number == '1' else many}"


def unit_word(unit: str, language: Language) -> str:
    """Return the word for one unit; a MWh a day for energy."""
    if unit in PLAIN:
        return PLAIN[unit][0 if language == "zh" else 1]
    words = {"kwh": ("MWh/日", "MWh a day"), "cny": ("元", "CNY")}
    return words[unit][0 if language == "zh" else 1]


def whole_up(value: float, unit: str) -> float:
    """Raise a proven least shortage to the next whole number where the unit is counted."""
    if unit in WHOLE and math.isfinite(value):
        return float(math.ceil(value - 1e-6))
    return value


def parts_of(parts: Sequence[Part]) -> Parts:
    """
    Say which parts are targets and which is the budget, and what each weighs.

    A family's shortage is the mean of its members': "three of 146 townships" weighs as much as the
    same share of any other target.
    """
    families = [part.family or part.key for part in parts]
    count = {name: families.count(name) for name in set(families)}
    budget = [n for n, part in enumerate(parts) if part.kind == BUDGET]
    return Parts(
        target=np.array([part.kind == TARGET for part in parts], dtype=bool),
        weight=np.array([1.0 / count[name] for name in families]),
        budget=budget[0] if budget else -1,
    )
