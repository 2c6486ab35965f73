"""`siting compare`: published runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Two to six folders of `siting plan`.")],
    *,
    out: Annotated[Path, typer.Option(help="Folder that shall appear.")] = Path("compare"),
) -> None:
    """Set runs side by side: figures, clauses, districts, maps, on one page and as csv."""
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from siting.compare.runs import compare as run  # noqa: PLC0415

    found = run(runs, out=out)
    table = Table("", *found.labels)
    for line in found.lines:
        if line.part != "district":
            marks = (
                f"{value:,.4g} {note}" for value, note in zip(line.values, line.notes, strict=True)
            )
            table.add_row(f"{line.en if line.part == 'figure' else line.key}", *marks)
    console = Console(highlight=False)
    console.print(table)
    console.print(f"page: {found.folder / 'compare.html'}", markup=False, soft_wrap=True)
