"""`siting schemes`: materially different plans that are nearly as good."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from siting.commands.overrides import overrides_of


def schemes(
    model: Annotated[str, typer.Argument(help="A model's name (jinan) or a YAML file.")],
    *,
    number: Annotated[int, typer.Option(min=2, max=4, help="How many plans.")] = 3,
    within: Annotated[float, typer.Option(help="How much less they may serve, as a share.")] = 0.05,
    differ: Annotated[
        float, typer.Option(help="Least share of the new sites of each earlier plan left out.")
    ] = 0.3,
    roads: Annotated[Path | None, typer.Option(help="Road file instead of the model's.")] = None,
    out: Annotated[Path, typer.Option(help="Folder in which the result appears.")] = Path("maps"),
) -> None:
    """Plan the best scheme and materially different ones nearly as good; set them side by side."""
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from siting.commands.telling import stage_teller  # noqa: PLC0415
    from siting.schemes.publishing import schemes as run  # noqa: PLC0415
    from siting.units import percent_text  # noqa: PLC0415

    overrides = overrides_of(roads=roads)
    console = Console(highlight=False, soft_wrap=True)
    found = run(
        model, out=out, number=number, within=within, differ=differ, overrides=overrides,
        report=stage_teller(console),
    )  # fmt: skip
    labels = [one.label for one in found.choice.schemes]
    table = Table("stations in common", *labels)
    for label, shares in zip(labels, found.overlap, strict=True):
        table.add_row(label, *(percent_text(float(share), "en") for share in shares))
    console.print(table)
    console.print(f"schemes: {found.folder}", markup=False)
