"""`siting diff`: what changed from one run to another."""

from __future__ import annotations

import math
from pathlib import Path  # noqa: TC003  (typer reads the annotation)
from typing import TYPE_CHECKING, Annotated, Any

import typer

from siting.units import money_text
from siting.wording import measure_name

if TYPE_CHECKING:
    from siting.compare.diff import Difference

MOST_ROWS = 40
"""Changes shown on screen; all are in `--out`."""


def diff(
    before: Annotated[Path, typer.Argument(help="The earlier run folder.")],
    after: Annotated[Path, typer.Argument(help="The later run folder.")],
    *,
    out: Annotated[
        Path | None, typer.Option(help="Folder for csv, xlsx, GeoPackage and GeoJSON.")
    ] = None,
    near: Annotated[
        float, typer.Option(min=0, help="Closed and opened this near, m, is one that moved.")
    ] = 500.0,
) -> None:
    """Say what changed between two runs, by id: opened, closed, moved, grew, shrank, rephased."""
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from siting.compare.changes import CHANGES, KINDS, counts, total_cny  # noqa: PLC0415
    from siting.compare.diff import diff as run  # noqa: PLC0415

    found = run(before, after, out=out, near_m=near)
    console = Console(highlight=False, markup=False)
    table = Table("变化 changes", *(f"{zh} {en}" for zh, en in CHANGES.values()), "投资 cost")
    numbers, money = counts(found.changes), total_cny(found.changes, list(KINDS))
    for (item, kind), cost in zip(KINDS.items(), money.tolist(), strict=True):
        row = numbers.loc[item]
        if row.sum():
            sign = "-" if cost < 0 else "+"
            cells = (f"{count:,}" if count else "" for count in row)
            table.add_row(f"{kind.zh} {kind.en}", *cells, f"{sign}{money_text(abs(cost), 'en')}")
    console.print(table)
    console.print(_items(found))
    for one in found.totals:
        console.print(
            f"{one.zh} {one.en}: {one.before:,.6g} -> {one.after:,.6g} {one.unit}", soft_wrap=True
        )
    for clause in found.clauses:
        console.print(
            f"{clause.clause or 'own'} {measure_name(clause.measure)[1]}: "
            f"{_value(clause.planned_before)} of {_value(clause.target_before)} "
            f"{clause.status_before} -> "
            f"{_value(clause.planned_after)} of {_value(clause.target_after)} "
            f"{clause.status_after}",
            soft_wrap=True,
        )
    for note in found.notes:
        console.print(f"note: {note}", soft_wrap=True)
    if found.folder is not None:
        console.print(f"changes: {found.folder / 'changes.xlsx'}", soft_wrap=True)


def _items(found: Difference) -> Any:  # noqa: ANN401  (whatever rich prints)
    """List the first changes."""
    from rich.table import Table  # noqa: PLC0415

    from siting.compare.changes import CHANGES  # noqa: PLC0415

    frame = found.changes
    if frame.empty:
        return "没有变化 nothing changed"
    table = Table("", "id", "name", "before", "after", "")
    for row in frame.head(MOST_ROWS).to_dict("records"):
        zh, en = CHANGES[row["change"]]
        if row["change"] == "phase":
            sides = [_value(row["phase_before"]), _value(row["phase_after"])]
        else:
            sides = [_value(row["size_before"]), _value(row["size_after"])]
        moved = f"{row['distance_m']:,.0f} m from {row['from_id']}" if row["from_id"] else ""
        unit = f" {row['unit']}" if row["change"] != "phase" else ""
        table.add_row(f"{zh} {en}", row["id"], row["name"], *sides, f"{moved}{unit}".strip())
    if len(frame) > MOST_ROWS:
        table.caption = f"{len(frame) - MOST_ROWS:,} more; give --out"
    return table


def _value(value: float) -> str:
    return "" if math.isnan(value) else f"{value:,.6g}"
