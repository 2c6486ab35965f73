"""What totals buy: an exact solver agrees, more never buys less, bounds hold for any joint plan."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_formulate_charging import city, model_of

from siting.charging.budgets import without_others
from siting.core.outcome import Status
from siting.core.solve import solve
from siting.errors import InfeasibleError
from siting.formulate.charging import charging_programme, decode
from siting.frontier import joint
from siting.joint.money import PACKING, Taken
from siting.joint.totals import least_charging_cny, purse_of, solve_totals, with_total
from siting.model.budget import Budget
from siting.model.model import Model, Target
from siting.structures import Sizing

if TYPE_CHECKING:
    from siting.joint.solving import Settled
    from siting.joint.totals import Purchase
    from siting.programme import Programme

HAND = city(7, 14, seed=1)
TARGETS = (Target(measure="stations", at_least=3), Target(measure="piles", at_least=12))
TAKEN = {
    "hydrogen": Taken(200_000.0, 200_000.0, 120_000.0, 120_000.0),
    "roadside": Taken(250_000.0, 250_000.0, 250_000.0, 250_000.0),
}
"""Beside this hydrogen plan there is one for 120,000 CNY."""
FUND = {"name": "路侧", "programmes": ["roadside"], "most_cny": 300_000.0}
MONEY = {
    "total_cny": 1_500_000.0,
    "funds": [FUND],
    "years": [{"year": 2024, "most_cny": 900_000.0}, {"year": 2025, "most_cny": 900_000.0}],
}
TOTALS = (2e5, 6e5, 9e5, 1.2e6, 1.5e6, 2e6)


def asked(budget: dict[str, object], *targets: Target, own: float | None = None) -> Model:
    model = model_of(*(targets or TARGETS), budget=own)
    limits = model.solve.model_copy(update={"gap": 1e-4, "seconds": 20.0})
    money = Budget.model_validate(budget)
    return model.model_copy(update={"budget": money, "solve": limits})


def formulate(model: Model) -> Programme:
    return charging_programme(*HAND, model)


def exact(model: Model, cny: float, share: float = 1.0) -> float:
    """Optimum of charging within an amount by branch and bound; `-inf` where nothing fits."""
    programme = replace(formulate(without_others(model, cny, share)), structure=None)
    found = solve(programme, gap=0.0, seconds=30)
    assert found.status in {Status.OPTIMAL, Status.INFEASIBLE}
    return found.objective if found.values else -math.inf


@pytest.fixture(scope="module")
def bought() -> tuple[Purchase, ...]:
    return solve_totals(formulate, asked(MONEY), TAKEN, TOTALS[::-1])


def test_yearly_money_keeps_its_shares_of_a_total_and_funds_stay() -> None:
    budget = with_total(Budget.model_validate(MONEY), 750_000.0)
    assert budget.total_cny == 750_000.0
    assert [year.most_cny for year in budget.years] == [450_000.0, 450_000.0]
    assert budget.funds[0].most_cny == 300_000.0
    bare = with_total(Budget.model_validate({"years": MONEY["years"]}), 750_000.0)
    assert [year.most_cny for year in bare.years] == [900_000.0, 900_000.0]


def test_the_model_s_own_total_is_divided_as_a_plan_divides_it() -> None:
    model = asked(MONEY)
    assert model.budget is not None
    assert with_total(model.budget, 1_500_000.0) == model.budget


ONE_YEAR = {**MONEY, "years": [{"year": 2024, "most_cny": 1e6}]}
ELECTRIC = {"funds": [{"name": "电", "programmes": ["charging", "hydrogen"], "most_cny": 5e5}]}


@pytest.mark.parametrize(
    ("budget", "own", "total", "left", "name"),
    [
        (MONEY, None, 1.5e6, 1.5e6 - 3e5 - 2e5, "total"),
        (MONEY, 4e5, 1.5e6, 4e5, "own"),
        (ONE_YEAR, None, 1.5e6, (1e6 - 4.5e5) * (1 - PACKING), "years"),
        (ELECTRIC, None, 1.5e6, 3e5, "fund 电"),
    ],
)
def test_what_limits_charging_is_named(
    budget: dict[str, object], own: float | None, total: float, left: float, name: str
) -> None:
    purse = purse_of(asked(budget, own=own), TAKEN, total)
    assert purse.charging_cny == pytest.approx(left)
    assert purse.limited_by == name
    assert purse.does


def test_a_total_below_what_the_others_cost_says_what_is_missing(
    bought: tuple[Purchase, ...],
) -> None:
    poor = bought[0]
    assert not poor.planned
    (over,) = poor.purse.overruns
    assert (over.name, over.cost_cny, over.least_cny, over.most_cny) == ("total", 4.5e5, 3.7e5, 2e5)
    assert poor.proven
    between = purse_of(asked(MONEY), TAKEN, 4e5)
    assert between.overruns[0].least_cny < 4e5 < between.overruns[0].cost_cny
    (unsure,) = solve_totals(formulate, asked(MONEY), TAKEN, [4e5])
    assert not unsure.planned
    # The reserved fund alone leaves 100,000 of it, and a hydrogen plan costs 120,000.
    assert unsure.proven


def test_every_point_serves_what_exact_solves_say_and_its_bound_is_no_lower(
    bought: tuple[Purchase, ...],
) -> None:
    model = asked(MONEY)
    seen = 0
    for point in bought:
        if point.bought is None or point.share < 1:
            continue
        seen += 1
        best = exact(model, point.purse.charging_cny)
        assert point.bought.served_kwh_day == pytest.approx(best, rel=2e-4)
        # With the other hydrogen plan charging has more.
        assert point.purse.most_cny > point.purse.charging_cny
        assert point.bound_kwh_day >= exact(model, point.purse.most_cny) * (1 - 1e-7)
    assert seen >= 3


def test_shares_that_do_not_fit_are_exact_and_proven_of_every_joint_plan(
    bought: tuple[Purchase, ...],
) -> None:
    model = asked(MONEY)
    short = [point for point in bought if point.planned and point.share < 1]
    assert short
    for point in short:
        assert point.bought is not None
        assert exact(model, point.purse.charging_cny, point.share) > -math.inf
        if point.proven:
            assert exact(model, point.purse.most_cny, point.most_share) == -math.inf
        top = exact(model, point.purse.most_cny, point.share)
        assert point.bound_kwh_day >= top * (1 - 1e-7)


def test_totals_come_in_ascending_order_and_buy_no_less(bought: tuple[Purchase, ...]) -> None:
    assert tuple(point.purse.total_cny for point in bought) == TOTALS
    hold_monotone(bought)


def test_an_amount_that_several_totals_leave_is_solved_once() -> None:
    told: list[float] = []
    capped = asked(MONEY, own=6e5)
    found = solve_totals(
        formulate, capped, TAKEN, (1.5e6, 2e6, 3e6), lambda one: told.append(one.budget_cny)
    )
    assert told == [6e5]
    assert [point.purse.limited_by for point in found] == ["own"] * 3
    assert len({id(point.bought) for point in found}) == 1


def hold_monotone(found: tuple[Purchase, ...]) -> None:
    for before, point in pairwise(found):
        assert point.share >= before.share
        if not before.planned:
            continue
        assert point.bought is not None
        assert before.bought is not None
        assert point.bound_kwh_day >= point.bought.served_kwh_day
        if point.share == before.share:
            assert point.bought.served_kwh_day >= before.bought.served_kwh_day
        if min(point.share, before.share) >= 1:
            assert point.bound_kwh_day >= before.bound_kwh_day


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(
    totals=st.lists(st.integers(3, 30), min_size=3, max_size=5, unique=True),
    slack=st.integers(0, 2),
    own=st.sampled_from([None, 700_000.0]),
)
def test_more_money_never_serves_less(totals: list[int], slack: int, own: float | None) -> None:
    low = 200_000.0 - 50_000.0 * slack
    taken = {**TAKEN, "hydrogen": Taken(200_000.0, 200_000.0, low, low)}
    model = asked({"funds": [FUND]}, own=own)
    found = solve_totals(formulate, model, taken, [1e5 * total for total in totals])
    hold_monotone(found)
    for point in found:
        if point.planned and point.share >= 1:
            assert point.bound_kwh_day >= exact_once(point.purse.most_cny) * (1 - 1e-7)


@cache
def exact_once(cny: float) -> float:
    return exact(asked({}), cny)


def test_forced_sites_cost_at_least_what_is_said() -> None:
    programme = formulate(asked({}))
    sizing = programme.structure
    assert isinstance(sizing, Sizing)
    forced = replace(sizing, forced=np.arange(7) < 4)
    least = least_charging_cny(forced)
    # The cheapest plan of all: most energy is worth nothing, so money decides.
    found = solve(replace(programme, structure=replace(forced)), gap=0.0, seconds=20)
    assert found.values
    piles = decode(programme, found).piles
    cost = forced.fixed_cny[piles.sum(axis=1) > 0].sum() + (piles @ forced.pile_cny).sum()
    assert 0 < least <= cost
    (site,) = np.flatnonzero(forced.forced)[:1]
    cheap = min(forced.pile_cny[forced.allowed[site]])
    one = replace(sizing, forced=np.arange(7) == site)
    assert least_charging_cny(one) == forced.fixed_cny[site] + 2 * cheap


def test_a_plan_that_its_years_do_not_hold_gives_way_to_the_best_of_smaller_totals(
    monkeypatch: pytest.MonkeyPatch, bought: tuple[Purchase, ...]
) -> None:
    """Years are left out: a plan is put together where it serves less than its total allows."""
    whole = [point for point in bought if point.share >= 1]
    assert len(whole) >= 3
    served = [point.bought.served_kwh_day for point in whole if point.bought is not None]
    assert served[0] < served[1] < served[2]
    # By total, the most energy whose stations its years would hold.
    holds = {whole[0].purse.total_cny: 0.0, whole[1].purse.total_cny: served[0]}

    def put_together(ground: SimpleNamespace, settled: Settled, _seconds: object) -> object:
        total = ground.city.model.budget.total_cny
        energy = settled.found.outcome.objective
        if energy > holds.get(total, math.inf):
            raise InfeasibleError("the stations can't be built within the years as they are")
        assert settled.joint is not None
        money = {"programmes": []}
        joint = {"objective": energy, "bound": settled.joint[1].bound_kwh_day, "money": money}
        joint |= {"status": "met", "shortfall": {"clauses": []}}
        totals = {"cost_cny": 0, "stations": 0, "piles": 0}
        return SimpleNamespace(run={"joint": joint, "totals": totals})

    @dataclass
    class City:
        model: Model

    @dataclass
    class Ground:
        city: City
        demand: object

    monkeypatch.setattr(joint, "put_together", put_together)
    demand = SimpleNamespace(frame=HAND[1].frame)
    points = joint.joint_points(Ground(City(asked(MONEY)), demand), None, whole)  # type: ignore[arg-type]
    assert [point.status for point in points[:3]] == ["none", "met", "met"]
    assert "years" in points[0].missing
    assert points[1].served_kwh_day == served[0]
    assert points[2].served_kwh_day == served[2]
    assert points[1].bound_kwh_day == whole[1].bound_kwh_day
