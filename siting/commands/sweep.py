"""`siting sweep`: every scenario of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def sweep(
    model: Annotated[str, typer.Argument(help="A model with `scenarios:`, its name or YAML file.")],
    *,
    out: Annotated[Path, typer.Option(help="Folder in which the sweep appears.")] = Path("maps"),
    workers: Annotated[int, typer.Option(min=1, help="Scenarios at once on this machine.")] = 2,
    cluster: Annotated[
        str, typer.Option(help="Dask scheduler that plans them instead: tcp://host:8786.")
    ] = "",
    runs: Annotated[bool, typer.Option(help="Keep the run folder of each scenario.")] = True,
) -> None:
    """
    Plan every scenario of a model; the same command goes on where it was stopped.

    Scenarios that fail are reported, the rest is finished, and the exit code is 1.
    """
    from rich.console import Console  # noqa: PLC0415

    from siting.sweep.running import RESULTS  # noqa: PLC0415
    from siting.sweep.running import sweep as run  # noqa: PLC0415

    console = Console(highlight=False, soft_wrap=True)

    def told(name: str, status: str, seconds: float) -> None:
        console.print(f"  {seconds:6.0f} s  {name}: {status}", markup=False)

    found = run(model, out=out, workers=workers, cluster=cluster, keep_runs=runs, told=told)
    for one in found.results:
        if one["error"] is not None:
            console.print(f"  {one['scenario']}: {one['error']['text']}", markup=False)
    console.print(
        f"{found.planned} planned, {found.failed} failed, {found.resumed} were there: "
        f"{found.folder / RESULTS}",
        markup=False,
    )
    if found.failed:
        raise typer.Exit(1)
