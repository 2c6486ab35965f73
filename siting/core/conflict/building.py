"""Least shortages of built area: how much can be built for the money, and for how little money."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from siting.core.building.area import built_cells, plan_of, possible_cells
from siting.core.building.solve import impossible, solve_building
from siting.core.conflict.elastic import TINY, Ask, Weighed, nothing
from siting.core.conflict.locks import SiteLock, locked_building
from siting.core.conflict.rows import TREE

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.core.building.solve import BuildingResult
    from siting.structures import Building

    Bools = npt.NDArray[np.bool_]

AREA, BUDGET, MUST, WANTED = range(4)
"""Parts: built area, budget, sites and cells that have to be; also the order of `Weighed.level`.

Locks come after them."""
GAP = 0.005
"""Relative gap of a question."""
SOME = 2 * TINY
"""Shortage told where several parts give way at once and all that is known is that one has to."""


@dataclass(frozen=True, slots=True)
class KnownPlan:
    """
    A plan of an instance that was solved before, with what is proven of it.

    Attributes
    ----------
    equipped
        Its sites, bool, shape (S,).
    least_cny
        No plan that keeps every part costs less, CNY; NaN where nothing is proven.
    proof
        What that rests on, as `Weighed.proof`.
    """

    equipped: Bools
    least_cny: float
    proof: str


@dataclass(frozen=True, slots=True)
class BuildingWeigher:
    """
    Answers questions on one instance with its own route.

    One part that gives way is measured (built area, budget) or left out (what has to be); where
    several do, only whether any has to is told, as `SOME`.

    Attributes
    ----------
    building
        The instance with its target, budget, forced sites and wanted cells.
    seconds, seed
        Wall time of a question and random seed.
    locks
        Locks, which the instance is without.
    known
        A plan from a solve of all parts, None for none. What it answers isn't solved again.
    """

    building: Building
    seconds: float
    seed: int = 0
    locks: tuple[SiteLock, ...] = ()
    known: KnownPlan | None = None

    @property
    def parts(self) -> int:
        """Number of parts."""
        return WANTED + 1 + len(self.locks)

    def __call__(self, ask: Ask) -> Weighed:
        """Answer one question."""
        soft = np.flatnonzero(np.isfinite(ask.price) & (ask.price > 0)).tolist()
        if soft == [BUDGET]:
            return self._cost(ask)
        if soft == [AREA]:
            return self._area(ask)
        if len(soft) == 1:
            without = self._holds(np.isinf(ask.price))
            return without if np.isinf(without.low) else replace(without, high=ask.price[soft[0]])
        found = self._holds(ask.price > 0)
        return replace(found, low=SOME) if soft and np.isinf(found.low) else found

    def _with(self, held: Bools) -> Building:
        """Keep some of the parts."""
        building = locked_building(self.building, [k for k in self.locks if held[k.part]])
        free = building.forced & ~self.building.forced
        return replace(
            building,
            target_km2=building.target_km2 if held[AREA] else 0.0,
            budget_cny=building.budget_cny if held[BUDGET] else math.inf,
            forced=(self.building.forced & held[MUST]) | free,
            wanted=building.wanted & held[WANTED],
        )

    def _solve(self, building: Building) -> BuildingResult:
        return solve_building(building, gap=GAP, seconds=self.seconds, seed=self.seed)

    def _least(self, held: Bools) -> tuple[BuildingResult | None, Weighed]:
        """Solve for the least cost of the parts that are kept; the budget plays no part."""
        free = held.copy()
        free[BUDGET] = False
        building = replace(self._with(free), maximise=False)
        if impossible(building):
            return None, self._refused(free, "multipliers")
        result = self._solve(building)
        if result.state == "infeasible":
            return None, self._refused(free, TREE)
        return result, self._read(result, free)

    def _already(self, held: Bools) -> tuple[KnownPlan, Bools] | None:
        """Return the known plan and its built cells where it keeps these parts."""
        if self.known is None:
            return None
        built = plan_of(self._with(held), self.known.equipped)
        return None if built is None else (self.known, built)

    def _known_cost(self, ask: Ask) -> Weighed | None:
        """Read the least cost off the known plan where it was solved for that, all parts kept."""
        every = np.ones(self.parts, dtype=bool)
        already = self._already(every)
        if already is None or not np.isinf(np.delete(ask.price, BUDGET)).all():
            return None
        plan, built = already
        if not math.isfinite(plan.least_cny):
            return None
        spent = float(self.building.cost[plan.equipped].sum())
        start = 0.0 if ask.from_zero == BUDGET else 1.0
        levels = (min(plan.least_cny, spent), spent)
        low, high = (max(0.0, one / self.building.budget_cny - start) for one in levels)
        found = self._level(replace(nothing(self.parts), leans=every), plan.equipped, built)
        return self._ranged(found, BUDGET, float(ask.price[BUDGET]), (low, high), plan.proof)

    def _holds(self, held: Bools) -> Weighed:
        """Tell whether parts hold together."""
        result, found = self._least(held)
        budget = self.building.budget_cny
        if result is None or not held[BUDGET]:
            return found
        if result.bound > budget * (1 + TINY):
            return self._refused(held, _word(result))
        over = result.equipped is None or result.objective > budget * (1 + TINY)
        return replace(found, high=np.inf) if over else found

    def _cost(self, ask: Ask) -> Weighed:
        """Measure the budget: least cost, from nothing or beyond the budget."""
        known = self._known_cost(ask)
        if known is not None:
            return known
        result, found = self._least(np.isinf(ask.price))
        if result is None:
            return found
        price = float(ask.price[BUDGET])
        start = 0.0 if ask.from_zero == BUDGET else 1.0
        budget = self.building.budget_cny
        low = max(0.0, result.bound / budget - start) if math.isfinite(result.bound) else 0.0
        high = math.inf
        if result.equipped is not None:
            high = max(0.0, result.objective / budget - start)
        return self._ranged(found, BUDGET, price, (low, high), _word(result))

    def _area(self, ask: Ask) -> Weighed:
        """Measure the area: most that is built within the other parts that hold."""
        held = np.isinf(ask.price)
        every = held.copy()
        every[AREA] = True
        already = self._already(every)
        if already is not None:
            found = replace(nothing(self.parts), high=0.0)
            return self._level(found, already[0].equipped, already[1])
        building = self._with(held)
        target = self.building.target_km2
        most = float(building.area_km2[possible_cells(building)].sum())
        if impossible(building):
            return self._refused(held, "multipliers")
        building = replace(building, maximise=True, worth=building.area_km2)
        if not math.isfinite(building.budget_cny):
            everything = ~building.banned
            built = built_cells(building, everything)
            lack = max(0.0, 1 - most / target)
            found = self._level(nothing(self.parts), everything, built)
            return self._ranged(found, AREA, float(ask.price[AREA]), (lack, lack), "multipliers")
        result = self._solve(building)
        if result.state == "infeasible":
            return self._refused(held, TREE)
        bound = min(most, float(result.bound)) if math.isfinite(result.bound) else most
        low = max(0.0, 1 - bound / target)
        high = math.inf
        if result.equipped is not None:
            high = max(0.0, 1 - result.objective / target)
        found = self._read(result, held)
        return self._ranged(found, AREA, float(ask.price[AREA]), (low, high), _word(result))

    def _ranged(
        self, found: Weighed, part: int, price: float, range_: tuple[float, float], word: str
    ) -> Weighed:
        low, high = (0.0 if value <= TINY else value for value in range_)
        short = np.zeros(self.parts)
        short[part] = high
        proof = word if low > 0 else ""
        leans = found.leans.copy()
        leans[part] = True
        low, high = price * low, price * high
        return replace(found, low=low, high=high, short=short, proof=proof, leans=leans)

    def _refused(self, held: Bools, word: str) -> Weighed:
        return replace(nothing(self.parts), low=np.inf, proof=word, leans=held.copy())

    def _read(self, result: BuildingResult, held: Bools) -> Weighed:
        found = replace(nothing(self.parts), leans=held.copy())
        if result.equipped is None or result.built is None:
            return found
        return self._level(replace(found, high=0.0), result.equipped, result.built)

    def _level(self, found: Weighed, equipped: Bools, built: Bools) -> Weighed:
        building = self.building
        level = np.array(
            [
                building.area_km2[built].sum(),
                building.cost[equipped].sum(),
                (building.forced & equipped).sum(),
                (building.wanted & built).sum(),
                *(math.nan for _ in self.locks),
            ],
            dtype=float,
        )
        short = np.zeros(self.parts)
        return replace(found, level=level, values=equipped.astype(float), short=short)


def _word(result: BuildingResult) -> str:
    """Say what a bound rests on."""
    same = math.isclose(result.bound, result.certified, rel_tol=1e-9)
    return "multipliers" if same else TREE
