"""`siting frontier`: what each budget buys."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from siting.commands.overrides import overrides_of
from siting.units import gap_text, money_text, percent_text

if TYPE_CHECKING:
    from siting.frontier.points import FrontierPoint


def frontier(
    model: Annotated[str, typer.Argument(help="A model's name (jinan) or a YAML file.")],
    *,
    budget: Annotated[str, typer.Option(help="low:high:number of budgets in yuan, 1e9:3e9:9.")],
    of: Annotated[
        Literal["total", "charging"] | None,
        typer.Option(help="Of all programmes, or of charging. Default: total with a `budget:`."),
    ] = None,
    roads: Annotated[Path | None, typer.Option(help="Road file instead of the model's.")] = None,
    out: Annotated[Path, typer.Option(help="Folder in which the result appears.")] = Path("maps"),
    seconds: Annotated[
        float | None, typer.Option(help="Longest first solve; the rest share 2.5 times it.")
    ] = None,
) -> None:
    """Chart what each budget buys: energy with its bound, shortfall, cost, marginal value, knee."""
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from siting.commands.telling import stage_teller  # noqa: PLC0415
    from siting.frontier.tracing import frontier as run  # noqa: PLC0415

    overrides = overrides_of(roads=roads, seconds=seconds)
    console = Console(highlight=False, soft_wrap=True)
    found = run(model, budget, out=out, of=of, overrides=overrides, report=stage_teller(console))
    table = Table(box=None, padding=(0, 2, 0, 0))
    for head in ("budget", "cost", "MWh/day", "gap", "stations", "piles", "marginal"):
        table.add_column(head, justify="right")
    for head in ("targets", "limit"):
        table.add_column(head)
    for point in found.points:
        table.add_row(*_cells(point))
    console.print(table)
    console.print(
        "budget and cost: million CNY, * the knee; held: share of each target of charging"
    )
    console.print("marginal: kWh a day for 10,000 CNY more, difference of re-solved points")
    for point in found.points:
        if point.missing:
            money = money_text(point.budget_cny, "en")
            console.print(f"no plan for {money}: {point.missing}", markup=False)
    for note in found.notes:
        console.print(f"note: {note}", markup=False)
    console.print(f"chart: {found.folder / 'frontier.svg'}", markup=False)


def _cells(point: FrontierPoint) -> tuple[str, ...]:
    from rich.markup import escape  # noqa: PLC0415

    budget = f"{'* ' if point.knee else ''}{point.budget_cny / 1e6:,.1f}"
    if point.status == "none":
        return (budget, "", "", "", "", "", "", "no plan", "")
    known = point.marginal_kwh_per_wan
    return (
        budget,
        f"{point.cost_cny / 1e6:,.1f}",
        f"{point.served_kwh_day / 1000:,.1f}",
        gap_text(point.gap, "en"),
        f"{point.stations:,}",
        f"{point.piles:,}",
        f"{known:,.1f}" if isfinite(known) else "",
        "met" if point.status == "met" else f"held {percent_text(point.share, 'en')}",
        escape(point.limited_by),
    )
