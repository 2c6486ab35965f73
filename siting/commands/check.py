"""`siting check`: everything wrong with a model and its inputs, and what they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def check(
    model: Annotated[str, typer.Argument(help="A model's name (jinan) or a YAML file.")],
    *,
    out: Annotated[
        Path, typer.Option(help="Folder that keeps the sample city between runs.")
    ] = Path("maps"),
) -> None:
    """Report everything wrong with a model and its inputs at once, and what they hold."""
    from rich.console import Console  # noqa: PLC0415

    from siting.city.survey import refuse_problems  # noqa: PLC0415
    from siting.pipeline import check as run  # noqa: PLC0415

    console = Console(highlight=False, soft_wrap=True)
    found = run(model, out=out)
    for line in found.lines:
        console.print(line, markup=False)
    refuse_problems(found, model)
