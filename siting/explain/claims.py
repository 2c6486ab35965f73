"""What the programmes beside charging take of one budget at least, by the parts that ask for it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from siting.explain.locked import lock_part
from siting.explain.parts import BUDGET, LIMIT, TARGET, Part
from siting.joint.money import cheapest_roads_cny, hydrogen_money, roadside_money, testroad_money

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from siting.hydrogen.planning import HydrogenPlan
    from siting.joint.solving import Others
    from siting.model.budget import Fund
    from siting.model.model import Model
    from siting.roadside.planning import RoadsidePlan
    from siting.testroads.planning import TestRoadPlan

    Keys = frozenset[str]
    Floor = Callable[[Keys], float]
    Step = Callable[[Part, float, float], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Claim:
    """
    What a programme, or a fund kept for programmes, takes of one budget.

    Attributes
    ----------
    parts
        What asks for it.
    floor
        Least money, CNY, of any plan that keeps the parts with these keys, every coupling granted.
    held_cny
        What its plan takes.
    step
        By how much a part has to give way to save so much money by the floors, and by how much
        saves so much in the plan that is known; `inf` for never, and for not known.
    """

    parts: tuple[Part, ...]
    floor: Floor
    held_cny: float
    step: Step

    @property
    def keys(self) -> Keys:
        """Keys of its parts."""
        return frozenset(part.key for part in self.parts)

    @property
    def floor_cny(self) -> float:
        """Least money with all its parts."""
        return min(self.held_cny, self.floor(self.keys))


def claims_of(model: Model, others: Others, *, years: bool = False) -> dict[str, Claim]:
    """
    Return the claims of the programmes beside charging, by programme.

    Parameters
    ----------
    model
        The planning model.
    others
        Their plans.
    years
        For the money of the years, which pays what is built; a budget of their own that a
        programme holds whatever it leaves of it isn't paid.
    """
    found = {}
    if others.hydrogen is not None:
        found["hydrogen"] = _hydrogen(model, others.hydrogen)
    if others.roadside is not None:
        found["roadside"] = _roadside(model, others.roadside, years=years)
    if others.testroads is not None:
        found["testroads"] = _testroads(model, others.testroads)
    return found


def reserved_claim(number: int, fund: Fund, inside: Sequence[Claim]) -> Claim:
    """
    Return what a fund takes that keeps its money for its programmes.

    Parameters
    ----------
    number
        Position of the fund in the budget.
    fund
        The fund.
    inside
        Claims of its programmes.
    """
    part = Part(
        f"fund_{number}",
        LIMIT,
        "",
        f"{fund.name}（专款专用，整额预留）",
        f"fund {fund.name}, kept whole for its programmes",
        "cny",
        fund.most_cny,
        fund.most_cny,
    )
    least = sum(one.floor_cny for one in inside)
    held = sum(one.held_cny for one in inside)

    def floor(keys: Keys) -> float:
        if part.key in keys:
            return fund.most_cny
        return sum(one.floor(keys & one.keys) for one in inside)

    def step(asked: Part, low_cny: float, high_cny: float) -> tuple[float, float]:
        if asked.key != part.key:
            return math.inf, math.inf
        low = low_cny if low_cny <= fund.most_cny - least else math.inf
        return low, high_cny if high_cny <= fund.most_cny - held else math.inf

    inner = tuple(one for claim in inside for one in claim.parts)
    return Claim((part, *inner), floor, fund.most_cny, step)


def _clause(model: Model, measure: str) -> tuple[str, float]:
    """Clause and threshold of the largest target of a measure."""
    asked = [target for target in model.targets if target.measure == measure]
    best = max(asked, key=lambda target: target.at_least, default=None)
    return ("", 0.0) if best is None else (best.clause, best.at_least)


def _held(model: Model, items: Sequence[str]) -> dict[str, tuple[Part, Any]]:
    """Return the locks on a programme by the key of their part."""
    return {
        f"lock_{n}": (lock_part(n, lock), lock)
        for n, lock in enumerate(model.locks, 1)
        if lock.item in items and lock.ids
    }


def _dropped(claim_floor: Floor, keys: Keys) -> Step:
    """Return the step of parts that hold or don't."""

    def step(part: Part, low_cny: float, high_cny: float) -> tuple[float, float]:
        del high_cny
        saved = claim_floor(keys) - claim_floor(keys - {part.key})
        return (math.inf if saved < low_cny else 0.0), math.inf

    return step


def _hydrogen(model: Model, plan: HydrogenPlan) -> Claim:
    """Return the cheapest places, those that locks fix among them."""
    clause = _clause(model, "hydrogen_stations")[0]
    asked = int(plan.settings["stations"])
    target = Part(
        "h3_stations", TARGET, clause, "新建加氢站数", "new hydrogen stations", "stations",
        float(asked), max(1.0, float(asked)),
    )  # fmt: skip
    locks = _held(model, ("hydrogen",))
    there = plan.candidates[plan.candidates["reason"] == ""]
    ids, cost = there["site_id"].astype(str), there["cost_cny"].to_numpy(dtype=float)

    def least(keys: Keys, stations: int) -> float:
        fixed, banned = np.zeros(len(cost), dtype=bool), np.zeros(len(cost), dtype=bool)
        for key in keys & set(locks):
            lock = locks[key][1]
            (fixed if lock.built else banned)[ids.isin(lock.ids).to_numpy()] = True
        more = max(0, stations - int(fixed.sum()))
        rest = np.sort(cost[~fixed & ~banned])[:more]
        # The cost of each is rounded to the yuan.
        return float(cost[fixed].sum() + rest.sum()) - float(stations + fixed.sum())

    def floor(keys: Keys) -> float:
        return least(keys, asked if target.key in keys else 0)

    parts = (target, *(part for part, _ in locks.values()))
    keys = frozenset(part.key for part in parts)
    built = np.cumsum(np.sort(plan.stations["cost_cny"].to_numpy(dtype=float))[::-1])
    drop = _dropped(floor, keys)

    def step(part: Part, low_cny: float, high_cny: float) -> tuple[float, float]:
        if part.key != target.key:
            return drop(part, low_cny, high_cny)
        fewer = (n for n in range(1, asked + 1) if floor(keys) - least(keys, asked - n) >= low_cny)
        # Which of its stations a plan has left is free where none is fixed.
        enough = np.flatnonzero(built >= high_cny) if not locks else np.zeros(0)
        return float(next(fewer, math.inf)), float(enough[0] + 1) if len(enough) else math.inf

    return Claim(parts, floor, hydrogen_money(plan).held_cny, step)


def _roadside(model: Model, plan: RoadsidePlan, *, years: bool) -> Claim:
    """Return the certified least of the sites, or the budget that is theirs whatever they leave."""
    money, settings = roadside_money(plan), plan.settings
    every, locks = plan.frames.roadside_candidates, _held(model, ("roadside", "edge_node"))
    locks = {key: pair for key, pair in locks.items() if pair[1].built}
    must = every["mandatory"].to_numpy(dtype=bool)
    cost = every["cost_cny"].to_numpy(dtype=float)
    platform = float(round(settings["edge_nodes"]["platform_cny"])) * bool(len(plan.frames.rsus))
    parts = [part for part, _ in locks.values()]
    benefit = settings["objective"] == "benefit"
    clause, area = _clause(model, "built_area_km2")
    if benefit and not years:
        own = float(settings["budget_cny"])
        parts.append(
            Part("r8_held", LIMIT, "", "路侧自有预算（按效益规划，整额占用）",
                 "budget of roadside units, theirs whatever they leave of it", "cny", own, own)
        )  # fmt: skip
    if area > 0 and not benefit:
        parts.append(
            Part("r2_area", TARGET, clause, "路侧建成区域", "built area", "km2", area, area)
        )
    if must.any():
        count = float(must.sum())
        parts.append(
            Part("must", LIMIT, "", f"必须布设的 {count:,.0f} 处路侧点位",
                 f"{count:,.0f} roadside sites that have to be equipped", "sites", math.nan, count)
        )  # fmt: skip
    keys = frozenset(part.key for part in parts)
    whole = money.least_cny if years else money.floor_cny

    def floor(held: Keys) -> float:
        if keys and (held == keys or "r8_held" in held):
            return whole
        forced = must & ("must" in held)
        for key in held & set(locks):
            forced |= every["site_id"].isin(locks[key][1].ids).to_numpy()
        return float(cost[forced].sum()) + platform * bool(forced.any()) - float(forced.sum())

    held_cny = money.spent_cny if years else money.held_cny
    return Claim(tuple(parts), floor, held_cny, _dropped(floor, keys))


def _testroads(model: Model, plan: TestRoadPlan) -> Claim:
    """Return the cheapest kilometres with roadside coverage everywhere."""
    clause = _clause(model, "test_road_km")[0]
    settings, every = plan.settings, plan.frames.corridors
    km = float(settings["least_m"]) / 1000
    length = Part("t2_length", TARGET, clause, "测试道路里程", "length of test roads", "km", km,
                  max(km, 1e-3))  # fmt: skip
    parts = [length]
    section = every["section"].to_numpy(dtype=bool) & ~every["opened"].to_numpy(dtype=bool)
    if section.any():
        count = float(section.sum())
        parts.append(
            Part("section", LIMIT, "", f"指定的 {count:,.0f} 段测试路段",
                 f"{count:,.0f} test roads that are named", "roads", math.nan, count)
        )  # fmt: skip

    def floor(keys: Keys) -> float:
        asked: Mapping[str, Any] = {
            **settings,
            "least_m": float(settings["least_m"]) if length.key in keys else 0.0,
        }
        fixed = every if "section" in keys else every.assign(section=False)
        return cheapest_roads_cny(fixed, asked)

    keys = frozenset(part.key for part in parts)
    drop = _dropped(floor, keys)
    each = sum(
        float(settings[name])
        for name in ("signs_cny_per_km", "assessment_cny_per_km", "hd_map_cny_per_km")
    )

    def step(part: Part, low_cny: float, high_cny: float) -> tuple[float, float]:
        low, high = drop(part, low_cny, high_cny)
        if part.key != length.key or math.isinf(low) or each <= 0:
            return low, high
        return low_cny / each, high

    return Claim(tuple(parts), floor, testroad_money(plan).held_cny, step)


def money_part(key: str, zh: str, en: str, most_cny: float) -> Part:
    """Describe money of several programmes."""
    return Part(key, BUDGET, "", zh, en, "cny", most_cny, most_cny)
