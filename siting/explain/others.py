"""Hydrogen, roadside units and test roads as something to be explained."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array, vstack

from siting.core.building.area import possible_cells
from siting.core.conflict.elastic import Elastic
from siting.core.conflict.task import Case
from siting.core.handover import ArrayModel, flatten
from siting.core.lpfile import row_names
from siting.explain.arithmetic import ROUNDING, cheapest_cny, too_dear, too_few
from siting.explain.locked import LockedPart, site_locks
from siting.explain.parts import BUDGET, LIMIT, TARGET, Part, Puzzle, parts_of
from siting.formulate.hydrogen import hydrogen_programme
from siting.formulate.testroads import road_programme

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from siting.core.conflict.building import KnownPlan
    from siting.formulate.hydrogen import HydrogenChoice
    from siting.formulate.testroads import RoadChoice, SideRow
    from siting.model.testroads import TestRoads
    from siting.reach.distance import Reach
    from siting.structures import Building

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

NONE = float("nan")


def hydrogen_puzzle(
    choice: HydrogenChoice,
    reach: Reach,
    spacing_m: float,
    locked: Sequence[LockedPart] = (),
) -> Puzzle:
    """
    Make a hydrogen programme explainable.

    Parameters
    ----------
    choice, reach
        As for `hydrogen_programme`.
    spacing_m
        Least distance between stations, m.
    locked
        Its locks.
    """
    programme = hydrogen_programme(replace(choice, fixed=None, banned=None), reach)
    parts = [
        Part(
            "h3_stations",
            TARGET,
            choice.clause,
            "新建加氢站数",
            "new hydrogen stations",
            "stations",
            float(choice.stations),
            max(1.0, float(choice.stations)),
        ),
        Part(
            "h5_spacing",
            LIMIT,
            "",
            f"加氢站间距不小于 {spacing_m / 1000:,.1f} km",
            f"hydrogen stations {spacing_m / 1000:,.1f} km and more apart",
            "pairs",
            NONE,
            1.0,
        ),
    ]
    if choice.budget_cny is not None:
        parts.append(
            Part(
                "h4_budget",
                BUDGET,
                "",
                "加氢预算",
                "budget of hydrogen",
                "cny",
                choice.budget_cny,
                max(1.0, choice.budget_cny),
            )
        )
    parts += [one.part for one in locked]
    model, names = _with_column_rows(flatten(programme), row_names(programme), _locks_of(locked))
    elastic = elastic_of(model, names, parts)
    return Puzzle(
        "hydrogen",
        tuple(parts),
        Case(parts_of(parts), elastic),
        _station_facts(choice, parts),
        levels_of(elastic, parts),
    )


def _station_facts(choice: HydrogenChoice, parts: Sequence[Part]) -> tuple[tuple[str, str], ...]:
    """Check the number of stations against the places and against the budget."""
    places, asked = float(len(choice.cost_cny)), float(choice.stations)
    if places < asked:
        return (too_few(parts[0], places),)
    if choice.budget_cny is None:
        return ()
    least = cheapest_cny(np.ones(len(choice.cost_cny)), choice.cost_cny, asked)
    dear = least > choice.budget_cny * (1 + ROUNDING)
    return (too_dear(parts[0], least, choice.budget_cny),) if dear else ()


def elastic_of(model: ArrayModel, names: Sequence[str], parts: Sequence[Part]) -> Elastic:
    """Give rows to parts by name; a block of rows is named `part_k`, its two sides `part+`."""
    lower = np.full(len(names), -1, dtype=np.int64)
    upper = np.full(len(names), -1, dtype=np.int64)
    by_key = {part.key: n for n, part in enumerate(parts)}
    for row, name in enumerate(names):
        stem = name if name in by_key else name.rpartition("_")[0]
        lower[row] = by_key.get(stem, -1)
        upper[row] = by_key.get(f"{stem}+", lower[row])
    size = np.array([part.size / part.scale for part in parts])
    return Elastic(model, lower, upper, size)


def levels_of(elastic: Elastic, parts: Sequence[Part]) -> Callable[[Floats], Floats]:
    """Return what reads the level of each part that is one row, NaN for the others."""
    scale = np.array([part.scale for part in parts])
    row = np.full(len(parts), -1)
    for of_row in (elastic.upper, elastic.lower):
        count = np.bincount(of_row[of_row >= 0], minlength=len(parts))
        single = np.flatnonzero((of_row >= 0) & (count[of_row] == 1))
        row[of_row[single]] = single

    def level(activity: Floats) -> Floats:
        return np.asarray(np.where(row >= 0, activity[row], np.nan) * scale)

    return level


def roadside_puzzle(
    building: Building,
    clause: str,
    locked: Sequence[LockedPart] = (),
    known: KnownPlan | None = None,
) -> Puzzle:
    """
    Make a roadside programme explainable.

    Parameters
    ----------
    building
        The instance, without locks.
    clause
        Clause of the built area.
    locked
        Its locks.
    known
        A plan from a solve of all of it with its locks, None for none.
    """
    money = math.isfinite(building.budget_cny)
    forced, wanted = float(building.forced.sum()), float(building.wanted.sum())
    target = building.target_km2
    parts: tuple[Part, ...] = (
        Part("r2_area", TARGET, clause, "路侧建成区域", "built area", "km2", target,
             max(target, 1e-3)),
        Part("r8_budget", BUDGET if money else LIMIT, "", "路侧预算", "budget of roadside units",
             "cny", building.budget_cny if money else NONE,
             max(1.0, building.budget_cny) if money else 1.0),
        Part("must", LIMIT, "", f"必须布设的 {forced:,.0f} 处点位",
             f"{forced:,.0f} sites that have to be equipped", "sites", NONE, max(1.0, forced)),
        Part("wanted", LIMIT, "", f"必须建成的 {wanted:,.0f} 个先导区网格",
             f"{wanted:,.0f} cells of pilot zones that have to be built", "cells", NONE,
             max(1.0, wanted)),
    )  # fmt: skip
    locks = site_locks(locked, len(parts))
    parts = (*parts, *(one.part for one in locked))
    facts = []
    most = float(building.area_km2[possible_cells(building)].sum())
    if most < target * (1 - ROUNDING):
        facts.append(too_few(parts[0], most))
    least = float(building.cost[building.forced].sum())
    if least > building.budget_cny * (1 + ROUNDING):
        asked = Part("must", TARGET, "", "必须布设的点位", "sites that have to be equipped",
                     "sites", forced, 1.0)  # fmt: skip
        facts.append(too_dear(asked, least, building.budget_cny))
    case = Case(parts_of(parts), building, locks=locks, known=known)
    return Puzzle("roadside", parts, case, tuple(facts), _as_it_is)


def _as_it_is(activity: Floats) -> Floats:
    return activity


SORTS = {
    "t9_least": ("道路类别里程：{name}", "road sort {name}", "km"),
    "t9_most": ("道路类别占比上限：{name}", "most share of road sort {name}", "km"),
    "t10_grade": ("复杂度等级占比：{name}", "share of grade {name}", "km"),
    "t11_low_speed": ("{name}低速测试道路", "low-speed roads in {name}", "km"),
    "t12_closed": ("封闭测试场", "closed test grounds", "sites"),
    "t12_semi_open": ("半开放测试道路", "semi-open roads", "km"),
    "t12_expressway": ("高速测试路段", "expressway section", "km"),
    "t13": ("测试场景：{name}", "scenario {name}", "places"),
    "t14_budget": ("测试道路预算", "budget of test roads", "cny"),
}
"""Chinese, English and unit of each family of side rows."""


def road_puzzle(
    choice: RoadChoice,
    settings: TestRoads | None = None,
    districts: dict[str, tuple[str, str]] | None = None,
    plan: Mapping[str, Floats] | None = None,
    locked: Sequence[LockedPart] = (),
) -> Puzzle:
    """
    Make a test-road programme explainable.

    Parameters
    ----------
    choice
        The figures of the programme.
    settings
        Names of sorts and scenarios, or None.
    districts
        Chinese and English name by district id, or None.
    plan
        Columns of a known plan by block, or None.
    locked
        Its locks, which `choice` is without.
    """
    words = _road_words(settings, districts or {})
    programme = road_programme(choice)
    rows = [_road_part(row, words) for row in choice.rows]
    metre = 1e-3
    parts = [
        Part("t2_length", TARGET, choice.clause, "测试道路里程", "length of test roads", "km",
             choice.least_m * metre, max(choice.least_m * metre, 1e-3), metre),
        Part("t2_length+", LIMIT, "", "测试道路里程上限", "most length of test roads", "km",
             choice.most_m * metre, max(choice.most_m * metre, 1e-3), metre),
        Part("t6_parts", LIMIT, "", "连片数", "connected parts of test roads", "parts",
             float(choice.components), float(choice.components)),
        *rows,
        Part("fixed", LIMIT, "", "已开放或指定的道路必须保留", "roads that are open or named stay",
             "roads", NONE, max(1.0, float(choice.forced.sum()))),
        Part("banned", LIMIT, "", "学校、医院周边等不得选的道路",
             "roads near schools and hospitals, and others that may not be chosen", "roads", NONE,
             max(1.0, float(choice.banned.sum()))),
        *(one.part for one in locked),
    ]  # fmt: skip
    held = (
        ("fixed", np.flatnonzero(choice.forced), True),
        ("banned", np.flatnonzero(choice.banned), False),
        *_locks_of(locked),
    )
    model, names = _with_column_rows(flatten(programme), row_names(programme), held)
    elastic = elastic_of(model, names, parts)
    known: tuple[Floats, ...] = ()
    if plan is not None:
        known = (np.concatenate([plan[name] for name, _ in model.blocks if name]),)
    case = Case(parts_of(parts), elastic, plans=known)
    facts = _road_facts(choice, parts)
    return Puzzle("testroads", tuple(parts), case, facts, levels_of(elastic, parts))


def _road_words(
    settings: TestRoads | None, districts: dict[str, tuple[str, str]]
) -> dict[str, tuple[str, str]]:
    """Names by the last part of the name of a row."""
    words = dict(districts)
    if settings is not None:
        words |= {one.id: (one.label_zh, one.label_en) for one in settings.groups}
        words |= {one.id: (one.label_zh, one.label_en) for one in settings.scenarios}
    return words


def _road_part(row: SideRow, words: dict[str, tuple[str, str]]) -> Part:
    """Describe a side row."""
    family = next(key for key in SORTS if row.name.startswith(key))
    last = row.name.removeprefix(family).strip("_")
    zh, en, unit = SORTS[family]
    own, english = words.get(last, (last, last))
    least = math.isfinite(row.lower)
    bound = row.lower if least else row.upper
    # A row of a share weighs a sort against the whole: it asks for no amount.
    share = family in ("t9_most", "t10_grade")
    scale = 1e-3 if unit == "km" else 1.0
    whole = float(np.abs(row.coefficient).max(initial=1.0)) if share else abs(bound)
    kind = BUDGET if family == "t14_budget" else TARGET if least else LIMIT
    return Part(
        row.name,
        kind,
        row.clause,
        zh.format(name=own),
        en.format(name=english),
        unit,
        NONE if share else bound * scale,
        max(whole * scale, 1e-3),
        scale,
        family,
        own if family == "t11_low_speed" else "",
    )


Held = tuple[str, "Ints", bool]
"""Key of a part, the columns that it holds, and whether at 1 or at 0."""


def _locks_of(locked: Sequence[LockedPart]) -> tuple[Held, ...]:
    return tuple((one.part.key, one.at, one.lock.built) for one in locked)


def _with_column_rows(
    model: ArrayModel, names: Sequence[str], held: Sequence[Held]
) -> tuple[ArrayModel, tuple[str, ...]]:
    """Say as rows what has to be and what can't be chosen, so that it may give way."""
    column = np.concatenate([np.zeros(0, dtype=np.int64), *(at for _, at, _ in held)])
    built = np.concatenate([np.zeros(0, dtype=bool), *(np.full(len(at), b) for _, at, b in held)])
    count, width = len(column), len(model.cost)
    eye = csr_array((np.ones(count), column, np.arange(count + 1)), shape=(count, width))
    lower, upper = model.lower.copy(), model.upper.copy()
    lower[column], upper[column] = 0.0, 1.0
    wide = replace(
        model,
        lower=lower,
        upper=upper,
        matrix=csr_array(vstack([model.matrix, eye], format="csr")),
        row_lower=np.concatenate([model.row_lower, np.where(built, 1.0, -np.inf)]),
        row_upper=np.concatenate([model.row_upper, np.where(built, np.inf, 0.0)]),
        start=None,
    )
    return wide, (*names, *(f"{key}_{n}" for key, at, _ in held for n in range(len(at))))


def _road_facts(choice: RoadChoice, parts: Sequence[Part]) -> tuple[tuple[str, str], ...]:
    """Check each floor against all roads that may be chosen, and the length against the money."""
    facts = []
    some = ~choice.banned
    metres = choice.length_m[some]
    if float(metres.sum()) < choice.least_m * (1 - ROUNDING):
        facts.append(too_few(parts[0], float(metres.sum()) / 1000))
    by_key = {part.key: part for part in parts}
    budget = math.inf
    for row in choice.rows:
        part = by_key[row.name]
        budget = row.upper if part.kind == BUDGET else budget
        there = float(np.maximum(row.coefficient[some], 0.0).sum())
        if part.kind == TARGET and there < row.lower * (1 - ROUNDING):
            facts.append(too_few(part, there * part.scale))
    real = metres > 0
    if math.isfinite(budget) and not facts:
        rate = choice.cost_cny[some][real] / metres[real]
        least = cheapest_cny(metres[real], rate, choice.least_m)
        if least > budget * (1 + ROUNDING):
            facts.append(too_dear(parts[0], least, budget))
    return tuple(facts)
