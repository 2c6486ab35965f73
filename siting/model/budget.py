"""The part of a planning model on money over all programmes: total, funds, years."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from pydantic import Field, model_validator

from siting.model.figures import Part, PartOfOne

Programme = Literal["charging", "hydrogen", "roadside", "testroads"]
"""A programme that money is given to."""
PROGRAMMES: tuple[Programme, ...] = ("charging", "hydrogen", "roadside", "testroads")
"""All of them, in the order of the tables."""


class Fund(Part):
    """Money for some programmes (专项资金)."""

    name: str = Field(min_length=1, max_length=60)
    """As printed."""
    programmes: tuple[Programme, ...] = Field(min_length=1)
    """Whom it pays; a programme is in one fund at most."""
    most_cny: float = Field(gt=0)
    """Most that its programmes may cost together."""
    reserved: bool = True
    """Whether what its programmes leave stays in it; otherwise the others may have the rest."""


class Interim(Part):
    """What has to be there at the end of a year."""

    measure: Literal["stations", "piles", "hydrogen_stations", "built_area_km2", "test_road_km"]
    """What is counted."""
    at_least: float = Field(ge=0)
    """Counted as the target of the same measure is."""


class BudgetYear(Part):
    """A year of building."""

    year: int = Field(ge=2000, le=2100)
    """The year; years rise."""
    most_cny: float | None = Field(default=None, gt=0)
    """Most that all programmes may cost in this year; what is left lapses. Empty: no limit."""
    funds: dict[str, float] = Field(default_factory=dict)
    """Most of a fund in this year, by its name."""
    targets: tuple[Interim, ...] = ()
    """What has to be there at its end."""


class Budget(Part):
    """
    Money of all programmes together, and the years that they are built in.

    The budgets of the programmes themselves stay: each limits its own programme.
    """

    total_cny: float | None = Field(default=None, gt=0)
    """Most that all programmes may cost together; empty: no limit."""
    funds: tuple[Fund, ...] = ()
    """Money for some programmes."""
    years: tuple[BudgetYear, ...] = ()
    """Empty: no year is set for charging and hydrogen stations."""
    smooth: PartOfOne | None = None
    """Most share of the charging and hydrogen stations that is built in one year."""
    weights: dict[str, float] = Field(default_factory=dict)
    """How much a shortfall of a measure weighs beside 1, by measure: where the money doesn't do for
    every target, one that weighs 2 is missed by half the share."""

    @model_validator(mode="after")
    def _fits(self) -> Budget:
        names = Counter(fund.name for fund in self.funds)
        owners = Counter(name for fund in self.funds for name in set(fund.programmes))
        for what, counts in (("fund", names), ("programme", owners)):
            twice = [name for name, times in counts.items() if times > 1]
            if twice:
                raise ValueError(f"the {what} {twice[0]} is in two funds. Keep it in one")
        years = [year.year for year in self.years]
        if years != sorted(set(years)):
            raise ValueError("the years of the budget have to rise")
        unknown = sorted({name for year in self.years for name in year.funds} - set(names))
        if unknown:
            known = ", ".join(names) or "none"
            raise ValueError(f"there is no fund {unknown[0]!r}. Funds: {known}")
        if self.smooth is not None and self.years and self.smooth.value * len(self.years) < 1:
            raise ValueError("`smooth` times the number of years is less than 1. Raise it")
        light = [name for name, weight in self.weights.items() if not weight > 0]
        if light:
            raise ValueError(f"the weight of {light[0]} has to be more than 0")
        return self

    def scaled(self, share: float) -> Budget:
        """Return the budget of a part of the city, every amount and count times `share`."""
        funds = [fund.model_copy(update={"most_cny": fund.most_cny * share}) for fund in self.funds]
        years = [_part_of_year(year, share) for year in self.years]
        total = self.total_cny and self.total_cny * share
        return self.model_copy(
            update={"total_cny": total, "funds": tuple(funds), "years": tuple(years)}
        )


def _part_of_year(year: BudgetYear, share: float) -> BudgetYear:
    """Give a part of the city its share of a year; counts are rounded up later, by their rows."""
    targets = tuple(
        target.model_copy(update={"at_least": target.at_least * share}) for target in year.targets
    )
    funds = {name: most * share for name, most in year.funds.items()}
    most = year.most_cny and year.most_cny * share
    return year.model_copy(update={"most_cny": most, "funds": funds, "targets": targets})
