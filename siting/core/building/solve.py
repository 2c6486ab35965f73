"""Built area: a proven bound, a plan rounded from it, and branch and bound on the tight rows."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from siting.core.building.area import (
    built_cells,
    check_building,
    plan_of,
    plan_value,
    possible_cells,
)
from siting.core.building.check import Proof, proven_bound
from siting.core.building.relax import (
    LARGE,
    Point,
    Relaxation,
    array_model,
    relaxation,
    solve_relaxation,
    with_broken_rows,
)
from siting.core.building.tidy import tidied
from siting.core.building.windows import shared, solve_part, stand_alone, window
from siting.core.highs import solve_arrays

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from siting.core.handover import ArrayModel
    from siting.structures import Building

    Bools = npt.NDArray[np.bool_]
    Floats = npt.NDArray[np.float64]
    Tell = Callable[[float, float, "Bools | None", "Proof | None"], None]

WHOLE = 1e-6
"""How far from 0 or 1 a value of the relaxation still counts as decided."""
LIFT = 1e-6
"""Relative rise of the area asked for where a plan missed it by the solver's tolerance."""
RELAX_SHARE = 0.7
"""Share of the time that the relaxation may take."""
ROUND_SHARE = 0.4
"""Share of what is left that rounding may take."""
ROUND_AT = (0.5, 0.3, 0.1, 1e-6)
"""Least values of the relaxation at which sites are taken, one plan each."""
WINDOW = 250
"""Sites of a window."""
IDLE = 6
"""Windows by which no plan got better, for every window's worth of sites, after which they end."""
MOST_ROUNDS = 30
"""Most times that a whole solve is repeated with the rings that its plan broke."""


@dataclass(frozen=True, slots=True)
class BuildingResult:
    """
    What a solve came to.

    Attributes
    ----------
    equipped, built
        The plan, shapes (S,) and (C,), or None.
    objective, bound
        Its value and the bound on every plan's, NaN where there is none.
    proof
        Multipliers, or None.
    certified
        What the multipliers alone prove; `bound` may be better by branch and bound.
    state
        `solved`, `infeasible` or `limit`.
    message
        One sentence.
    """

    equipped: Bools | None
    built: Bools | None
    objective: float
    bound: float
    proof: Proof | None
    certified: float
    state: str
    message: str = ""


def solve_building(
    building: Building,
    *,
    gap: float,
    seconds: float,
    seed: int = 0,
    start: Bools | None = None,
    tell: Tell | None = None,
) -> BuildingResult:
    """
    Choose sites so that enough area is built at least cost, or most worth within a budget.

    Parameters
    ----------
    building
        The instance.
    gap
        Relative gap to stop at.
    seconds
        Wall time allowed.
    seed
        Random seed of branch and bound.
    start
        A plan to begin with, shape (S,); used where it breaks no rule.
    tell
        Told value and bound with the best plan and proof so far, None where there is none.

    Returns
    -------
    BuildingResult
        The plan breaks no rule (`building.broken_rules`); the bound is that of the multipliers, or
        of branch and bound where that is better.
    """
    check_building(building)
    hopeless = impossible(building)
    if hopeless:
        return BuildingResult(
            None, None, math.nan, math.nan, None, math.nan, "infeasible", hopeless
        )
    search = _Search(building, gap, time.monotonic() + seconds, seed, tell)
    for plan in (start, ~building.banned, building.forced):
        if plan is not None:
            search.offer(np.asarray(plan, dtype=bool))
    relax, point = solve_relaxation(
        relaxation(building), seconds=RELAX_SHARE * seconds, tell=search.hear
    )
    if point.state == "infeasible":
        search.state = "infeasible"
        return search.result("no choice of sites keeps all rules together")
    if point.x is not None:
        search.round(point.x)
    if point.x is not None and not search.done:
        relax = search.near(relax, point)
    if not search.done and search.left > 0:
        search.branch(relax)
    by = "branch and bound" if search.by_tree else "multipliers"
    return search.result(f"bound by {by}")


def impossible(building: Building) -> str:
    """Say why no plan can exist, "" where none of the simple reasons holds."""
    can = possible_cells(building)
    most = float(building.area_km2[can].sum())
    if (building.forced & building.banned).any():
        return "a site is both forced and banned"
    if (building.wanted & ~can).any():
        count = int((building.wanted & ~can).sum())
        return f"{count} cells that have to be built can't be, whatever is equipped"
    if most < building.target_km2 * (1 - 1e-9):
        return f"with every site equipped {most:.2f} km2 of {building.target_km2:.2f} are built"
    cost = float(building.cost[building.forced].sum())
    if cost > building.budget_cny * (1 + 1e-9):
        return f"the forced sites alone cost {cost:,.0f} CNY"
    return ""


def _near(building: Building, point: Point) -> tuple[Bools, Bools]:
    """Sites that the relaxation decides: those that it takes and those that it leaves."""
    assert point.x is not None  # noqa: S101
    return (point.x >= 1 - WHOLE) & ~building.banned, (point.x <= WHOLE) & ~building.forced


class _Search:
    """The best plan, the best bound, and the clock."""

    def __init__(
        self, building: Building, gap: float, end: float, seed: int, tell: Tell | None
    ) -> None:
        self.building = building
        self.gap, self.end, self.seed, self.tell = gap, end, seed, tell
        self.equipped: Bools | None = None
        self.value = math.nan
        self.bound = math.nan
        self.proof: Proof | None = None
        self.certified = math.nan
        self.by_tree = False
        self.state = "limit"

    @property
    def left(self) -> float:
        return self.end - time.monotonic()

    @property
    def done(self) -> bool:
        return abs(self.bound - self.value) <= self.gap * max(abs(self.value), 1e-9)

    def better(self, a: float, b: float) -> bool:
        """Whether plan value a beats b, of which either may be missing."""
        if math.isnan(a) or math.isnan(b):
            return math.isnan(b)
        return a > b if self.building.maximise else a < b

    def tighter(self, a: float, b: float) -> bool:
        """Whether bound a proves more than bound b, of which either may be missing."""
        if math.isnan(a) or math.isnan(b):
            return math.isnan(b) and not math.isnan(a)
        return a < b if self.building.maximise else a > b

    def offer(self, equipped: Bools) -> bool:
        """Keep a plan where it breaks no rule and is the best; whether it breaks none."""
        if plan_of(self.building, equipped) is None:
            return False
        tidy = tidied(self.building, equipped)
        value = plan_value(self.building, tidy, built_cells(self.building, tidy))
        if self.better(value, self.value):
            self.equipped, self.value = tidy, value
            self.say()
        return True

    def hear(self, point: Point) -> None:
        """Take a point of the relaxation: its proof, if it proves more."""
        assert point.proof is not None  # noqa: S101
        bound = proven_bound(self.building, point.proof)
        if not self.tighter(bound, self.certified):
            return
        self.proof, self.certified = point.proof, bound
        self.raise_bound(bound, by_tree=False)

    def raise_bound(self, bound: float, *, by_tree: bool) -> None:
        if not self.tighter(bound, self.bound):
            return
        self.bound, self.by_tree = bound, by_tree
        self.say()

    def say(self) -> None:
        if self.tell is not None:
            self.tell(self.value, self.bound, self.equipped, self.proof)

    def round(self, x: Floats) -> None:
        """Offer the sites that the relaxation takes for the most part."""
        for least in ROUND_AT:
            if self.done:
                break
            self.offer((x >= least) & ~self.building.banned | self.building.forced)

    def near(self, relax: Relaxation, point: Point) -> Relaxation:
        """Search near the relaxation's point, then window by window where cells stand alone."""
        on, off = _near(self.building, point)
        if not stand_alone(self.building):
            return self.whole(relax, (on, off), ROUND_SHARE * self.left)[0]
        found = self._part(on, off, ROUND_SHARE * self.left)
        if found is not None:
            self.offer(found)
        # Branch and bound on this many alike rows gets nowhere; windows go on to the end.
        if len(relax.cuts.cell) > LARGE:
            self.windows(self.left, math.inf)
            return relax
        free = int((~self.building.banned & ~self.building.forced).sum())
        # One window with every site in it is branch and bound of the whole, which comes next.
        if free > WINDOW:
            self.windows(ROUND_SHARE * self.left, IDLE * math.ceil(free / WINDOW))
        return relax

    def windows(self, seconds: float, idle: float) -> None:
        """Solve the sites around one with the rest as it is, until so many better nothing."""
        end, rng = time.monotonic() + seconds, np.random.default_rng(self.seed)
        stale = 0
        if self.equipped is None:
            return
        beside = shared(self.building)
        while not self.done and time.monotonic() < end and stale < idle:
            before = self.value
            open_ = np.zeros(len(self.equipped), dtype=bool)
            open_[window(beside, int(rng.integers(len(open_))), WINDOW, rng)] = True
            open_ &= ~self.building.banned & ~self.building.forced
            found = self._part(
                self.equipped & ~open_, ~self.equipped & ~open_, end - time.monotonic()
            )
            if found is not None:
                self.offer(found)
            stale = 0 if self.better(self.value, before) else stale + 1

    def _part(self, on: Bools, off: Bools, seconds: float) -> Bools | None:
        seconds = max(seconds, 0.1)
        return solve_part(self.building, on, off, gap=self.gap / 4, seconds=seconds, seed=self.seed)

    def branch(self, relax: Relaxation) -> None:
        """Solve the whole programme, its bound with it."""
        _, bound = self.whole(relax, None, self.left)
        self.raise_bound(bound, by_tree=True)

    def whole(
        self, relax: Relaxation, near: tuple[Bools, Bools] | None, seconds: float
    ) -> tuple[Relaxation, float]:
        """Branch and bound, near a point or everywhere, until its plan breaks no ring."""
        end, bound, lift = time.monotonic() + seconds, math.nan, 0.0
        for _ in range(MOST_ROUNDS):
            left = end - time.monotonic()
            if left <= 0:
                break
            model = self._model(relax, near, lift)
            listener = _Listener(self, relax.scale, everywhere=near is None)
            found = solve_arrays(
                model, gap=self.gap / 2, seconds=left, seed=self.seed, stream=listener
            )
            if lift <= 0 and math.isfinite(found.bound):
                bound = self._signed(found.bound * relax.scale)
            if found.kind == "infeasible" and near is None and lift <= 0:
                self.state = "infeasible"
            if found.values is None or self.offer(self._sites(found.values)):
                break
            sites, cells = len(self.building.cost), len(relax.can)
            x, z = found.values[:sites], found.values[sites : sites + cells]
            grown = with_broken_rows(relax, Point(x, z, None, "limit"))
            lift += LIFT if grown is relax else 0.0
            relax = grown
        return relax, bound

    def _sites(self, values: Floats) -> Bools:
        chosen: Bools = values[: len(self.building.cost)] > 0.5  # noqa: PLR2004
        return chosen

    def _signed(self, value: float) -> float:
        return -value if self.building.maximise else value

    def _model(
        self, relax: Relaxation, near: tuple[Bools, Bools] | None, lift: float
    ) -> ArrayModel:
        model = array_model(relax, whole=True)
        sites = len(self.building.cost)
        lower, upper, least = model.lower.copy(), model.upper.copy(), model.row_lower.copy()
        if near is not None:
            lower[:sites][near[0]] = 1.0
            upper[:sites][near[1]] = 0.0
        elif self.equipped is not None:
            start = np.full(len(model.cost), np.nan)
            start[:sites] = self.equipped
            start[sites : sites + len(relax.can)] = built_cells(self.building, self.equipped)
            model = replace(model, start=start)
        if self.building.target_km2 > 0:
            least[0] += lift
        return replace(model, lower=lower, upper=upper, row_lower=least)

    def result(self, message: str) -> BuildingResult:
        built = None if self.equipped is None else built_cells(self.building, self.equipped)
        state = "solved" if built is not None else self.state
        bound = self.bound
        if built is not None and self.tighter(bound, self.value):
            # Beyond the plan by the rounding of a solver only: the plan itself is the best.
            bound = self.value if abs(bound - self.value) <= WHOLE * abs(self.value) else bound
        return BuildingResult(
            self.equipped, built, self.value, bound, self.proof, self.certified, state, message
        )


@dataclass(slots=True)
class _Listener:
    """Hears of branch and bound's plans and bounds while it runs."""

    search: _Search
    scale: float
    everywhere: bool

    def progress(self, objective: float, bound: float) -> None:
        """Take a bound that holds everywhere."""
        del objective
        if self.everywhere and math.isfinite(bound):
            self.search.raise_bound(self.search._signed(bound * self.scale), by_tree=True)  # noqa: SLF001

    def answer(self, answer: object) -> None:
        """Take a plan."""
        assert isinstance(answer, tuple)  # noqa: S101
        self.search.offer(self.search._sites(answer[0]))  # noqa: SLF001
