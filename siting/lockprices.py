"""The price of each lock: the plan solved again without it, and the difference as an interval."""

from __future__ import annotations

import csv
import io
import json
import math
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from siting.charging.fairness import solve_charging
from siting.clock import Event, silent, stage
from siting.core.solve import solve
from siting.errors import ModelError, SolverError
from siting.files import publishing
from siting.formulate.charging import decode
from siting.hydrogen.planning import plan_hydrogen
from siting.joint.prices import (
    JOINT_COLUMNS,
    joint_fields,
    joint_price_text,
    joint_with_locks,
    joint_without,
    lock_start,
    row_names,
)
from siting.joint.solving import refuse_impossible
from siting.locks.blame import honour, without
from siting.locks.record import DEEDS, NAMES
from siting.locks.settling import lock_text
from siting.model.model import load_model
from siting.own.existing import kept_piles
from siting.piles import pile_table
from siting.pipeline import prepare
from siting.roadside.planning import plan_roadside
from siting.testroads.planning import plan_testroads
from siting.text import cell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from siting.city.reading import City
    from siting.core.outcome import Outcome
    from siting.ground import Ground
    from siting.joint.solving import Settled
    from siting.programme import Programme
    from siting.roadside.planning import RoadsidePlan
    from siting.testroads.planning import TestRoadPlan

MEANINGS = {
    "charging": ("日服务电量，kWh", "energy served, kWh a day"),
    "hydrogen": ("加氢方案得分", "points of the hydrogen plan"),
    "roadside": ("路侧方案目标值", "objective of the roadside plan"),
    "edge_node": ("边缘计算节点与光缆费用，元", "cost of edge nodes and fibre, CNY"),
    "test_road": ("测试道路目标值", "objective of the test roads"),
}
"""What a price is in, in Chinese and English."""
COLUMNS = (
    *("number", "item", "what", "ids", "name", "who", "reason", "unit", "price", "low", "high"),
    *("proven", "objective_with", "bound_with", "objective_without", "bound_without"),
    *("cost_with_cny", "cost_without_cny", "cost_difference_cny", "status_without", "seconds"),
    *JOINT_COLUMNS,
)
"""Columns of `locks.csv`; from `joint_price_kwh_day` on only where a model has one budget."""
TOLERANCE = 1e-5
"""An interval this narrow, relative to the objective, is a number."""


@dataclass(frozen=True, slots=True)
class Solved:
    """
    One programme, solved.

    Attributes
    ----------
    objective, bound
        What the plan comes to, and the proven bound on any plan.
    maximise
        Whether more is better.
    cost_cny
        What the plan costs.
    status
        How the solve ended.
    programme, outcome
        Of the charging programme, from which another solve can start; else None.
    """

    objective: float
    bound: float
    maximise: bool
    cost_cny: float
    status: str
    programme: Programme | None = None
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """
    What a lock costs.

    Attributes
    ----------
    number
        Position of the lock among the model's, from 1.
    text
        What it is called.
    fields
        The columns of `locks.csv` by name.
    price
        How much worse the plan is with the lock than the one found without it, in the objective of
        its programme; below zero where the solve without it ended with a worse plan.
    low, high
        What the difference of the two best plans is at least and at most, by the bounds of both.
    proven
        Whether the two are one.
    """

    number: int
    text: str
    fields: Mapping[str, Any]
    price: float
    low: float
    high: float
    proven: bool


@dataclass(frozen=True, slots=True)
class Prices:
    """The folder with `locks.csv` and `locks.json`, and the prices in it."""

    folder: Path
    prices: tuple[Price, ...]


def locks(
    model: str | Path,
    *,
    out: Path,
    overrides: Mapping[str, Any] | None = None,
    report: Callable[[Event], None] = silent,
) -> Prices:
    """
    Price each lock of a model: solve its programme with all locks, and again without it.

    Parameters
    ----------
    model
        Name of a model or the path of a YAML file.
    out
        Folder in which `<model>-locks-<moment>` appears.
    overrides
        Values that replace the model's; `sources.locks` is the file of locks.
    report
        Told what is going on.

    Returns
    -------
    prices
        One a lock, in their order.

    Raises
    ------
    ModelError
        The model has no locks, or is wrong.
    LockError
        Locks can't be honoured.
    InputError, InfeasibleError, SolverError, OutputError
        As `pipeline.plan`.
    """
    seconds: dict[str, float] = {}
    ground = prepare(load_model(model, overrides), out=out, seconds=seconds, report=report)
    if not ground.city.model.locks:
        raise ModelError(
            "the model has no locks to price",
            where=ground.city.model.name,
            cure="Give `--lock FILE`, `locks:` or `sources.locks`",
        )
    with stage("solve", seconds, report):
        found = price_locks(ground, lambda one: report(Event("solve", _sentence(one))))
    folder = out / f"{ground.city.model.name}-locks-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    out.mkdir(parents=True, exist_ok=True)
    with stage("publish", seconds, report), publishing(folder) as part:
        (part / "locks.csv").write_bytes(_table(found).encode("utf-8-sig"))
        rows = [dict(one.fields) for one in found]
        text = json.dumps(rows, ensure_ascii=False, indent=1, allow_nan=False)
        (part / "locks.json").write_text(text + "\n", encoding="utf-8")
    return Prices(folder, found)


def price_locks(ground: Ground, told: Callable[[Price], None] | None = None) -> tuple[Price, ...]:
    """
    Price the locks of a ground's model.

    Each is lifted alone, the others stay. The charging programme starts from the plan and the
    multipliers with all locks, which is a plan without one of them too. Where the model has one
    budget, the joint plan is solved instead: what a lock on another programme costs there is told
    in what charging serves with the money that is then left, too.

    Parameters
    ----------
    ground
        What is planned on.
    told
        Told of each price.
    """
    if ground.city.model.budget is not None:
        return _joint_prices(ground, told)
    city = ground.city
    with_all: dict[str, Solved] = {}
    prices = []
    for number, lock in enumerate(city.model.locks, 1):
        if lock.item not in with_all:
            with_all[lock.item] = honour(partial(_solve, ground, lock.item), city, (lock.item,))
        base = with_all[lock.item]
        begin = time.monotonic()
        rest = [one for n, one in enumerate(city.model.locks, 1) if n != number]
        free = solve_item(ground, without(city, rest), lock.item, base)
        prices.append(_price(number, lock, base, free, time.monotonic() - begin))
        if told is not None:
            told(prices[-1])
    return tuple(prices)


def _joint_prices(ground: Ground, told: Callable[[Price], None] | None) -> tuple[Price, ...]:
    """Price locks in the joint plan."""
    base = joint_with_locks(ground)
    prices = []
    for number, lock in enumerate(ground.city.model.locks, 1):
        begin = time.monotonic()
        free = joint_without(ground, number, base)
        seconds = time.monotonic() - begin
        mine, other = (_of_item(ground, one, lock.item) for one in (base, free))
        price = _price(number, lock, mine, other, seconds)
        prices.append(replace(price, fields={**price.fields, **joint_fields(base, free)}))
        if told is not None:
            told(prices[-1])
    return tuple(prices)


def _of_item(ground: Ground, settled: Settled, item: str) -> Solved:
    """Return how the programme that a lock is on came out of a joint plan."""
    others = settled.others
    if item == "charging":
        return _served(ground, settled.found.programme, settled.found.outcome)
    if item == "hydrogen":
        hydrogen = others.hydrogen
        assert hydrogen is not None  # noqa: S101
        return _recorded(hydrogen.record, float(hydrogen.stations["cost_cny"].sum()), maximise=True)
    if item == "test_road":
        assert others.testroads is not None  # noqa: S101
        return _of_roads(others.testroads)
    assert others.roadside is not None  # noqa: S101
    return _of_roadside(others.roadside, item)


def _solve(ground: Ground, item: str, city: City) -> Solved:
    return solve_item(ground, city, item)


def solve_item(ground: Ground, city: City, item: str, start: Solved | None = None) -> Solved:
    """
    Solve the programme that a lock is on.

    Parameters
    ----------
    ground
        What is planned on.
    city
        The city with the locks to hold.
    item
        What the lock is on.
    start
        The same programme solved with more locks.
    """
    if item == "charging":
        return _charging(ground, city, start)
    if item == "hydrogen":
        hydrogen = plan_hydrogen(
            city, ground.network, ground.demand, ground.candidates, ground.cells
        )
        assert hydrogen is not None  # noqa: S101
        return _recorded(hydrogen.record, float(hydrogen.stations["cost_cny"].sum()), maximise=True)
    roadside = plan_roadside(city, ground.network, ground.junctions, ground.demand)
    if item == "test_road":
        covered = None if roadside is None else roadside.frames.road_points
        roads = plan_testroads(city, ground.network, ground.junctions, covered)
        assert roads is not None  # noqa: S101
        return _of_roads(roads)
    assert roadside is not None  # noqa: S101
    return _of_roadside(roadside, item)


def _of_roads(roads: TestRoadPlan) -> Solved:
    most = roads.settings["objective"] != "cost"
    return _recorded(roads.record, roads.totals["test_road_cost_cny"], maximise=most)


def _of_roadside(roadside: RoadsidePlan, item: str) -> Solved:
    cost = roadside.totals["roadside_cost_cny"]
    if item == "edge_node":
        none = {"objective": 0.0, "bound": 0.0, "status": "optimal"}
        return _recorded(roadside.record["edge_nodes"] or none, cost, maximise=False)
    return _recorded(roadside.record, cost, maximise=roadside.settings["objective"] == "benefit")


def _recorded(record: Mapping[str, Any], cost_cny: float, *, maximise: bool) -> Solved:
    bound = record["bound"]
    known = math.nan if bound is None else float(bound)
    status = str(record.get("status", ""))
    return Solved(float(record["objective"]), known, maximise, cost_cny, status)


def _charging(ground: Ground, city: City, start: Solved | None) -> Solved:
    """Solve the charging programme, from another plan where that is one."""
    model = city.model
    if model.charging.objective != "served":
        found = solve_charging(ground.charging, model, ground.demand, ground.reach)
        refuse_impossible(found.outcome)
        return _served(ground, found.programme, found.outcome)
    programme = ground.charging(model)
    if start is not None and start.programme is not None and start.outcome is not None:
        programme = replace(programme, start=lock_start(programme, start.outcome))
        if row_names(programme) == row_names(start.programme):
            programme = replace(programme, multipliers=start.outcome.certificate)
    limits = model.solve
    outcome = solve(
        programme,
        gap=limits.gap,
        seconds=limits.seconds,
        memory_mb=limits.memory_mb,
        seed=limits.seed,
    )
    if outcome.message.endswith("interrupted"):
        raise KeyboardInterrupt
    refuse_impossible(outcome)
    return _served(ground, programme, outcome)


def _served(ground: Ground, programme: Programme, outcome: Outcome) -> Solved:
    piles = decode(programme, outcome).piles
    frame, types = ground.candidates.frame, pile_table(ground.city.model.charging)
    bought = piles - kept_piles(frame, [str(name) for name in types["type_id"]])
    opened = piles.sum(axis=1) > 0
    each = bought @ types["cost_cny"].to_numpy(dtype=float)
    cost = np.round(frame["fixed_cost_cny"].to_numpy(dtype=float) + each)[opened].sum()
    return Solved(
        outcome.objective, outcome.bound, True, float(cost), str(outcome.status), programme, outcome
    )


def _price(number: int, lock: Any, base: Solved, free: Solved, seconds: float) -> Price:  # noqa: ANN401
    """Set the two solves beside each other."""
    if not math.isfinite(free.objective):
        raise SolverError("no plan was found without a lock", where="locks", value=number)
    sign = 1.0 if base.maximise else -1.0
    price = sign * (free.objective - base.objective)
    low, high = sign * (free.objective - base.bound), sign * (free.bound - base.objective)
    scale = max(1.0, abs(base.objective))
    proven = bool(high - low <= TOLERANCE * scale)
    fields = {
        "number": number,
        "item": lock.item,
        "what": lock.what,
        "ids": " ".join(lock.ids),
        "name": lock.name,
        "who": lock.who,
        "reason": lock.reason,
        "unit": MEANINGS[lock.item][1],
        "price": price,
        "low": low if math.isfinite(low) else None,
        "high": high if math.isfinite(high) else None,
        "proven": proven,
        "objective_with": base.objective,
        "bound_with": base.bound if math.isfinite(base.bound) else None,
        "objective_without": free.objective,
        "bound_without": free.bound if math.isfinite(free.bound) else None,
        "cost_with_cny": base.cost_cny,
        "cost_without_cny": free.cost_cny,
        "cost_difference_cny": base.cost_cny - free.cost_cny,
        "status_without": free.status,
        "seconds": round(seconds, 3),
    }
    return Price(number, lock_text(number, lock), fields, price, low, high, proven)


def _sentence(one: Price) -> str:
    zh, en = NAMES[str(one.fields["item"])]
    deed = DEEDS[str(one.fields["what"])]
    about = f"{one.price:,.6g}" if one.proven else f"{one.low:,.6g} to {one.high:,.6g}"
    text = f"{one.text}: {deed[0]}{zh} costs {about}, {one.fields['unit']} ({en})"
    joint = joint_price_text(one.fields)
    return f"{text}; {joint}" if joint else text


def _table(prices: tuple[Price, ...]) -> str:
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(COLUMNS)
    for one in prices:
        values = (one.fields.get(name) for name in COLUMNS)
        rows.writerow(["" if v is None else cell(v) for v in values])
    return text.getvalue()
