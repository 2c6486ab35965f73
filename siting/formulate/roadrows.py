"""Side rows of the test-road programme: sorts, grades, districts, base tiers, scenarios, money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from siting.formulate.testroads import SideRow
from siting.said import Said

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt
    from scipy.sparse import csr_array

    from siting.model.testroads import TestRoads

    Floats = npt.NDArray[np.float64]

ROOM = 0.95
"""A share that the map can't hold is asked for as far as this part of what there is."""


@dataclass(frozen=True, slots=True)
class RoadFacts:
    """
    What the side rows count; e corridors.

    Attributes
    ----------
    metres
        Length, shape (e,).
    group
        Index into the model's sorts of roads, -1 for none, shape (e,).
    grade, district
        Grade of complexity and id of the district, shape (e,).
    low_speed, semi_open, section, closed
        Up to the low speed; in the semi-open area; in a known expressway section; touching a closed
        ground. Bool, shape (e,).
    expressway
        Of class motorway, bool, shape (e,).
    served
        Places of each scenario that belong to each corridor, shape (scenarios, e).
    cost_cny
        Opening and retrofit, shape (e,).
    usable, fixed
        What can be chosen; what has to be. Bool, shape (e,).
    """

    metres: npt.NDArray[np.float64]
    group: npt.NDArray[np.int64]
    grade: npt.NDArray[np.object_]
    district: npt.NDArray[np.object_]
    low_speed: npt.NDArray[np.bool_]
    semi_open: npt.NDArray[np.bool_]
    section: npt.NDArray[np.bool_]
    closed: npt.NDArray[np.bool_]
    expressway: npt.NDArray[np.bool_]
    served: csr_array
    cost_cny: npt.NDArray[np.float64]
    usable: npt.NDArray[np.bool_]
    fixed: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RoadAsked:
    """
    What the model's targets ask of test roads beside the length.

    Attributes
    ----------
    least_m
        Length asked for, m.
    districts
        Ids of the planned districts.
    low_speed_share
        Share of the districts that need low-speed roads, 0 for none.
    tiers
        Tiers of a test base, 0 to 3.
    sorts, grades, scenarios
        How many sorts of roads, grades and scenarios are to be there; those with most on the map
        are held to.
    clause
        Clause of each measure.
    """

    least_m: float
    districts: tuple[str, ...]
    low_speed_share: float
    tiers: int
    sorts: int
    grades: int
    scenarios: int
    clause: Mapping[str, str]


def road_rows(
    facts: RoadFacts, asked: RoadAsked, settings: TestRoads
) -> tuple[tuple[SideRow, ...], tuple[Said, ...]]:
    """
    Write the side rows; numbers as in `models/formulations/testroads.md`.

    Parameters
    ----------
    facts
        What is counted.
    asked
        What the targets ask.
    settings
        Floors, shares and money of the model.

    Returns
    -------
    rows, notes
        A floor above what the map holds is lowered to that, and a sentence says so: the ledger's
        line is short then.
    """
    rows: list[SideRow] = []
    notes: list[Said] = []
    for parts in (
        _sort_rows(facts, asked, settings),
        _grade_rows(facts, asked, settings),
        _district_rows(facts, asked, settings),
        _tier_rows(facts, asked, settings),
        _scenario_rows(facts, asked, settings),
        _money_rows(facts, settings),
    ):
        for part in parts:
            if isinstance(part, Said):
                notes.append(part)
            else:
                rows.append(part)
    return tuple(rows), tuple(notes)


def _held(
    name: str, what: Said, coefficient: Floats, least: float, facts: RoadFacts, clause: str
) -> Iterator[SideRow | Said]:
    """Ask for at least so much, or for all that there is."""
    there = float(coefficient[facts.usable].sum())
    if there < least:
        yield Said(
            f"{what.zh}：要求 {least:,.0f}，地图上只有 {there:,.0f}",
            f"{what.en}: the map has {there:,.0f} of the {least:,.0f} asked for",
        )
        least = there
    if least > 0:
        yield SideRow(name, coefficient, least, np.inf, clause)


def _most_of(there: Floats, count: int) -> set[int]:
    """Return the rows with the most, the first of equals."""
    return set(np.argsort(-there, kind="stable")[:count].tolist())


def _sort_rows(facts: RoadFacts, asked: RoadAsked, settings: TestRoads) -> Iterator[SideRow | Said]:
    """Rows (9): least kilometres and most share of a sort of roads."""
    metres = np.where(facts.usable, facts.metres, 0.0)
    there = np.array([metres[facts.group == k].sum() for k in range(len(settings.groups))])
    held = _most_of(there, asked.sorts)
    clause = asked.clause.get("test_road_sorts", "")
    for number, group in enumerate(settings.groups):
        mine = np.where(facts.group == number, facts.metres, 0.0)
        if number in held:
            least = max(1000 * group.at_least_km.value, 1.0)
            name = f"t9_least_{group.id}"
            what = Said(f"{group.label_zh}（m）", f"{group.label_en}, m")
            yield from _held(name, what, mine, least, facts, clause)
        # What is fixed is there whatever its share.
        mine = np.where(facts.fixed, 0.0, mine)
        most = group.at_most_share.value
        others = float(metres.sum() - there[number]) + float(metres[facts.fixed].sum())
        least = max(most, 1 - ROOM * others / max(asked.least_m, 1.0))
        if least > most:
            yield Said(
                f"{group.label_zh}：因缺少其他道路，可占里程的 {least:.1%}",
                f"{group.label_en}: up to {least:.1%} of the length, for want of other roads",
            )
        if least < 1 and mine.any():
            yield SideRow(f"t9_most_{group.id}", mine - least * facts.metres, -np.inf, 0.0)


def _grade_rows(
    facts: RoadFacts, asked: RoadAsked, settings: TestRoads
) -> Iterator[SideRow | Said]:
    """Rows (10): least share of a grade of complexity."""
    floors = {grade.grade: (grade.at_least_share.value, grade.clause) for grade in settings.grades}
    names = np.unique(facts.grade[facts.usable].astype(str))
    of = {str(name): np.where(facts.grade == name, facts.metres, 0.0) for name in names}
    there = np.array([mine[facts.usable].sum() for mine in of.values()])
    for number in sorted(_most_of(there, asked.grades)):
        share, clause = floors.get(str(names[number]), (0.0, ""))
        least = settings.grade_least_share.value
        own = asked.clause.get("test_road_grades", "")
        floors[str(names[number])] = (max(share, least), clause or own)
    for name, (wanted, clause) in sorted(floors.items()):
        mine = of.get(name, np.zeros(len(facts.metres)))
        room = ROOM * float(mine[facts.usable].sum()) / max(asked.least_m, 1.0)
        if room < wanted:
            yield Said(
                f"复杂度 {name} 级：要求 {wanted:.1%}，地图上只有 {room:.1%}",
                f"grade {name}: the map holds {room:.1%} of the {wanted:.1%} asked for",
            )
        share = min(room, wanted)
        if share > 0:
            yield SideRow(f"t10_grade_{name}", mine - share * facts.metres, 0.0, np.inf, clause)


def _district_rows(
    facts: RoadFacts, asked: RoadAsked, settings: TestRoads
) -> Iterator[SideRow | Said]:
    """Rows (11): low-speed kilometres in the districts, those with most of them first."""
    wanted = int(np.ceil(asked.low_speed_share * len(asked.districts) - 1e-9))
    slow = np.where(facts.low_speed, facts.metres, 0.0)
    each = {id_: np.where(facts.district == id_, slow, 0.0) for id_ in asked.districts}
    held = sorted(each, key=lambda id_: (-float(each[id_][facts.usable].sum()), id_))
    least = 1000 * settings.low_speed_km.value
    clause = asked.clause.get("low_speed_districts", "")
    for id_ in sorted(held[:wanted]):
        what = Said(f"{id_} 区县的低速道路（m）", f"low-speed roads of district {id_}, m")
        yield from _held(f"t11_low_speed_{id_}", what, each[id_], least, facts, clause)


def _tier_rows(facts: RoadFacts, asked: RoadAsked, settings: TestRoads) -> Iterator[SideRow | Said]:
    """Rows (12): a closed ground, a semi-open area, an expressway section."""
    clause = asked.clause.get("base_tiers", "")
    if asked.tiers >= 1:
        touching = facts.closed.astype(np.float64)
        what = Said("封闭测试场", "closed test grounds")
        yield from _held("t12_closed", what, touching, 1.0, facts, clause)
    if asked.tiers >= 2:  # noqa: PLR2004  (the second tier)
        some = np.where(facts.semi_open, facts.metres, 0.0)
        least = 1000 * settings.semi_open_km.value
        what = Said("半开放区域（m）", "semi-open area, m")
        yield from _held("t12_semi_open", what, some, least, facts, clause)
    if asked.tiers >= 3:  # noqa: PLR2004  (the third)
        some = np.where(facts.expressway, facts.metres, 0.0)
        least = 1000 * settings.expressway_km.value
        if facts.section.any():
            least = min(least, float(facts.metres[facts.section].sum()))
        what = Said("高速公路（m）", "expressway, m")
        yield from _held("t12_expressway", what, some, least, facts, clause)


def _scenario_rows(
    facts: RoadFacts, asked: RoadAsked, settings: TestRoads
) -> Iterator[SideRow | Said]:
    """Rows (13): least places of a scenario that test roads serve."""
    there = np.asarray(facts.served.sum(axis=1), dtype=np.float64).ravel()
    held = _most_of(there, asked.scenarios)
    for number, scenario in enumerate(settings.scenarios):
        served = facts.served[[number]].toarray()[0]
        clause = next(iter(scenario.clauses), "")
        least = float(max(scenario.at_least, int(number in held)))
        name = f"t13_{scenario.id}"
        what = Said(scenario.label_zh, scenario.label_en)
        yield from _held(name, what, served, least, facts, clause)


def _money_rows(facts: RoadFacts, settings: TestRoads) -> Iterator[SideRow | Said]:
    """Row (14): the budget, or the sum of those of the phases."""
    budgets = [phase.budget_cny for phase in settings.phases]
    limits = [settings.budget_cny] if settings.budget_cny is not None else []
    if None not in budgets:
        limits.append(float(sum(budget for budget in budgets if budget is not None)))
    if limits:
        yield SideRow("t14_budget", facts.cost_cny, -np.inf, float(min(limits)))
