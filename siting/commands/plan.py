"""`siting plan`: the whole line from the map to a checked, mapped plan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from siting.commands.overrides import (
    BudgetOption,
    LockDatumOption,
    LockOption,
    TotalOption,
    overrides_of,
)
from siting.commands.telling import PlanTeller
from siting.units import gap_text, money_text, percent_text
from siting.wording import measure_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from rich.console import Console


def plan(  # noqa: PLR0913
    model: Annotated[str, typer.Argument(help="A model's name (jinan) or a YAML file.")],
    *,
    roads: Annotated[
        Path | None, typer.Option(help="Road file instead of the model's: OSM PBF, gpkg, shp zip.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder in which the run folder appears.")] = Path(
        "maps"
    ),
    budget_cny: BudgetOption = None,
    total_cny: TotalOption = None,
    gap: Annotated[float | None, typer.Option(help="Proven gap to stop at, 0.01 for 1 %.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Longest solve.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the search and the sample.")] = None,
    lock: LockOption = None,
    lock_datum: LockDatumOption = "",
) -> None:
    """
    Plan a city: the whole line from the map to a checked, mapped plan.

    Ctrl-C while it solves publishes the best plan so far with its proven gap; where there is none
    yet, or at any other moment, nothing is written, and the exit code is 130 or the solver's.
    """
    from rich.console import Console  # noqa: PLC0415

    from siting.pipeline import plan as run  # noqa: PLC0415

    overrides = overrides_of(
        roads=roads,
        lock=lock,
        lock_datum=lock_datum,
        budget_cny=budget_cny,
        total_cny=total_cny,
        gap=gap,
        seconds=seconds,
        seed=seed,
    )
    console = Console(highlight=False, soft_wrap=True)
    published = run(model, out=out, overrides=overrides, report=PlanTeller(console))
    _print_plan(console, published.plan.clauses, published.plan.run)
    console.print(f"map: {published.folder / 'index.html'}", markup=False)


def _print_plan(console: Console, clauses: pd.DataFrame, run: Mapping[str, Any]) -> None:
    """Print the clause table and the plan's figures."""
    from rich.table import Table  # noqa: PLC0415

    table = Table("clause", "measure", "target", "planned", "status")
    for row in clauses[clauses.status.isin(["met", "short"])].to_dict("records"):
        as_text = percent_text if row["unit"] == "share" else _count
        table.add_row(
            row["clause"] or "own",
            measure_name(str(row["measure"]))[1],
            as_text(row["target"]),
            as_text(row["planned"]),
            row["status"],
        )
    console.print(table)
    totals = run["totals"]
    console.print(
        f"{totals['stations']:,} stations, {totals['piles']:,} piles, "
        f"{money_text(totals['cost_cny'], 'en')}; "
        f"{totals['served_kwh_day'] / 1000:,.0f} MWh a day served; {run['status']}, "
        f"gap {gap_text(run['gap'], 'en')}; "
        f"{'verified' if run['verified'] else 'NOT verified'}; {run['seconds']['total']:.0f} s",
        markup=False,
    )
    if run["synthetic_roads"]:
        console.print("roads and facilities are synthetic", markup=False)


def _count(value: float) -> str:
    return f"{value:,.0f}"
