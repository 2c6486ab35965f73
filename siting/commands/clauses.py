"""`siting clauses`: the whole clause ledger of a run."""

from __future__ import annotations

import math
from pathlib import Path  # noqa: TC003  (typer reads the annotation)
from typing import Annotated, Any

import typer

from siting.wording import measure_name, unit_name


def clauses(
    run: Annotated[Path, typer.Argument(help="A run folder, for example maps/jinan-latest.")],
    *,
    status: Annotated[
        str, typer.Option(help="Only met, short, preference, context or not_modelled.")
    ] = "",
) -> None:
    """Print every clause of a run: met, short by how much, preference, context, or why not."""
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from siting.store.runs import read_run  # noqa: PLC0415

    ledger = read_run(run).clauses
    chosen = ledger[ledger["status"] == status] if status else ledger
    table = Table("clause", "status", "measure", "target", "planned", "reading or reason")
    for row in chosen.to_dict("records"):
        said = "; ".join(str(row[name]) for name in ("reading", "note") if row[name])
        figures = (_figure(row["target"]), _figure(row["planned"]))
        name = str(row["clause"]) or "own"
        measure = measure_name(str(row["measure"]))[1]
        table.add_row(name, _verdict(row), measure, *figures, said)
    console = Console(highlight=False, markup=False)
    console.print(table)
    counts = ledger["status"].value_counts()
    console.print(", ".join(f"{name} {count}" for name, count in counts.items()))


def _verdict(row: dict[Any, Any]) -> str:
    """Say the status, and of a target that isn't met by how much."""
    if row["status"] != "short":
        return str(row["status"])
    return f"short by {_figure(row['target'] - row['planned'])} {unit_name(str(row['unit']))[1]}"


def _figure(value: float) -> str:
    return "" if math.isnan(value) else f"{value:,.6g}"
