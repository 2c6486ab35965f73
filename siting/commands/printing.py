"""`siting print`: a run as a sheet of paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def print_sheet(
    run: Annotated[Path, typer.Argument(help="A run folder, for example maps/jinan-latest.")],
    *,
    form: Annotated[str, typer.Option("--format", help="pdf, svg or png.")] = "pdf",
    size: Annotated[str, typer.Option(help="A3 or A4.")] = "A3",
    lang: Annotated[str, typer.Option(help="zh or en.")] = "zh",
    district: Annotated[str, typer.Option(help="One district alone, by name or id.")] = "",
    approval: Annotated[
        str, typer.Option(help="审图号, the map approval number that you obtained.")
    ] = "",
    out: Annotated[Path | None, typer.Option(help="The file; else beside you, by run.")] = None,
) -> None:
    """Print a run on A3 or A4: map at a true scale, legend, figures, targets, sources."""
    from siting.printing import FORMATS, print_plan  # noqa: PLC0415
    from siting.store.runs import read_run  # noqa: PLC0415
    from siting.text import slug  # noqa: PLC0415

    plan = read_run(run)
    if out is None:
        part = f"-{slug(district)}" if district else ""
        name = f"{slug(str(plan.run['model']))}-{plan.run['run_id']}{part}-{size}-{lang}"
        out = Path(f"{name}.{form}")
    elif out.suffix.lstrip(".").lower() not in FORMATS:
        out = out.with_name(f"{out.name}.{form}")
    print_plan(plan, out, size=size, language=lang, approval=approval, district=district)
    typer.echo(out)
