"""The worst-served district first: against enumeration, and told honestly."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.optimize import linprog
from test_formulate_charging import PILES, city, model_of
from tiny import answered, write_model

from siting.charging.fairness import STEP, district_shares, solve_charging
from siting.demand.charging import SEGMENTS
from siting.formulate.charging import charging_programme, decode
from siting.piles import pile_table
from siting.verify import failures, verify_plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from siting.candidates.charging import Candidates
    from siting.demand.charging import Demand
    from siting.model.model import Model
    from siting.reach.distance import Reach

SIMULTANEITY = 0.65


def small_city(seed: int) -> tuple[Candidates, Demand, Reach]:
    """Four sites of two or three piles and ten demand points in two districts."""
    candidates, demand, reach = city(4, 10, seed)
    return replace(candidates, frame=candidates.frame.assign(max_piles=3)), demand, reach


def asking(objective: str, budget: float) -> Model:
    model = model_of(budget=budget)
    charging = model.charging.model_copy(update={"objective": objective})
    return model.model_copy(update={"charging": charging})


def affordable(candidates: Candidates, budget: float) -> list[np.ndarray]:
    """Every choice of piles that land, grid and budget allow, shape (sites, types)."""
    kw = np.array([pile.kw for pile in PILES])
    cny = pile_table(model_of().charging).cost_cny.to_numpy()
    each = []
    for j, site in enumerate(candidates.frame.itertuples()):
        some = [np.array(n) for n in product(range(4), repeat=2) if 2 <= sum(n) <= 3]
        some = [n for n in some if SIMULTANEITY * kw @ n <= site.kw_limit + 1e-9]
        some = [n for n in some if not (n * ~candidates.allowed[j]).any()]
        each.append(some if site.existing else [np.zeros(2, dtype=int), *some])
    fixed = candidates.frame.fixed_cost_cny.to_numpy()
    return [
        np.array(choice)
        for choice in product(*each)
        if fixed @ (np.sum(choice, axis=1) > 0) + (np.array(choice) @ cny).sum() <= budget
    ]


def enumerated(
    choices: list[np.ndarray], demand: Demand, reach: Reach
) -> tuple[float, Callable[[float], float]]:
    """Best least share over all choices, and the most energy with a least share."""
    frame = demand.frame
    kwh, segment = frame.kwh_day.to_numpy(), frame.segment.to_numpy()
    district = frame.district_id.to_numpy()
    pairs = [
        (a, k)
        for a in range(len(reach.site))
        for k, pile in enumerate(PILES)
        if segment[reach.demand[a]] in pile.segments
    ]
    arc, kind = np.array(pairs).T
    point, site = reach.demand[arc], reach.site[arc]
    rate = np.array([24 * pile.kw * pile.utilisation.value for pile in PILES])
    asked = {name: kwh[district == name].sum() for name in np.unique(district)}
    demand_rows = (point[None] == np.arange(len(kwh))[:, None]).astype(float)
    cells = np.array(list(product(range(4), range(2))))
    room_rows = ((site[None] == cells[:, :1]) & (kind[None] == cells[:, 1:])).astype(float)
    floors = np.array([-(district[point] == n).astype(float) for n in asked])
    flows = np.vstack([demand_rows, room_rows, floors])
    lift = np.concatenate([np.zeros(len(kwh) + len(cells)), list(asked.values())])
    matrix = np.column_stack([flows, lift])

    def programme(choice: np.ndarray, cost: np.ndarray, least: float) -> float:
        room = (choice * rate).ravel()
        right = np.concatenate([kwh, room, np.zeros(len(asked))])
        bounds = [*[(0, None)] * len(arc), (least, 1)]
        found = linprog(-cost, A_ub=matrix, b_ub=right, bounds=bounds)
        return -found.fun if found.status == 0 else -np.inf

    share = np.append(np.zeros(len(arc)), 1.0)
    energy = np.append(np.ones(len(arc)), 0.0)
    shares = np.array([programme(choice, share, 0.0) for choice in choices])

    def most(least: float) -> float:
        some = [c for c, t in zip(choices, shares, strict=True) if t >= least - 1e-9]
        return max(programme(choice, energy, least) for choice in some)

    return float(shares.max()), most


@pytest.mark.parametrize("seed", [0, 5])
def test_the_worst_district_gets_what_enumeration_finds(seed: int) -> None:
    candidates, demand, reach = small_city(seed)
    budget = 300_000.0
    best, most = enumerated(affordable(candidates, budget), demand, reach)
    model = asking("worst_district", budget)
    found = solve_charging(
        lambda asked: charging_programme(candidates, demand, reach, asked), model, demand, reach
    )
    assert found.worst is not None
    decision = decode(found.programme, found.outcome)
    shares = district_shares(decision.serve, demand, reach)
    assert min(shares.values()) == pytest.approx(found.worst.share)
    assert best - STEP <= found.worst.share <= best + 1e-6
    assert found.worst.proven
    energy = most(found.worst.share - 1e-5)
    assert energy * (1 - model.solve.gap) - 1e-6 <= found.outcome.objective <= energy + 1e-6
    assert found.outcome.bound >= most(found.worst.share) - 1e-6
    assert best - 1e-5 <= found.worst.limit <= found.worst.share + STEP
    assert f"{found.worst.share:.2%}" in found.outcome.message
    plain = solve_charging(
        lambda asked: charging_programme(candidates, demand, reach, asked),
        asking("served", budget), demand, reach,
    )  # fmt: skip
    assert plain.worst is None
    served = decode(plain.programme, plain.outcome).serve
    assert min(district_shares(served, demand, reach).values()) <= found.worst.share + 1e-9
    assert plain.outcome.objective >= found.outcome.objective * (1 - model.solve.gap)


def test_shares_are_of_districts_with_demand() -> None:
    _, demand, reach = small_city(1)
    assert set(demand.frame.segment) <= set(SEGMENTS)
    none = demand.frame.assign(
        kwh_day=demand.frame.kwh_day * (demand.frame.district_id != "370103")
    )
    shares = district_shares(np.ones(len(reach.site)), replace(demand, frame=none), reach)
    inside = demand.frame.district_id.to_numpy()[reach.demand] == "370102"
    asked = none.kwh_day.sum()
    assert shares == {"370102": pytest.approx(inside.sum() / asked)}


@pytest.mark.slow
def test_a_run_says_both_and_its_checker_holds_the_share(tmp_path: Path) -> None:
    overrides = {"charging": {"objective": "worst_district"}, "solve": {"seconds": 8}}
    found = answered(write_model(tmp_path), overrides)
    worst = found.run["worst_district"]
    assert worst["share"] == pytest.approx(found.districts.served_share.min())
    assert "worst district" in found.run["message"]
    assert "worst district" in found.run["objective_meaning"]
    lie = {**found.run, "worst_district": {**worst, "share": worst["share"] + 0.1}}
    wrong = failures(verify_plan(replace(found, run=lie)))
    assert any("share of the worst district" in sentence for sentence in wrong)
