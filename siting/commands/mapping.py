"""`siting map`: another map of a run, with other schemes to switch to, or with tiles under it."""

from __future__ import annotations

import os
from pathlib import Path  # noqa: TC003  (typer reads the annotation)
from string import ascii_uppercase
from typing import Annotated

import typer


def map_runs(
    runs: Annotated[
        list[Path], typer.Argument(help="A run folder; more of the same area to switch to.")
    ],
    *,
    tiles: Annotated[
        str, typer.Option(help="osm, tianditu, amap, or a folder of tiles {z}/{x}/{y}.png.")
    ] = "",
    approval: Annotated[
        str | None, typer.Option(help="审图号, the map approval number that you obtained.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The file; else beside the run folder.")] = None,
    show: Annotated[
        bool, typer.Option("--open", help="Open it, with the Tianditu key of the environment.")
    ] = False,
) -> None:
    """
    Map runs anew: schemes to switch between, or tiles under the layers.

    The map of a run asks for nothing; only a map with tiles does. Tianditu's key is never written:
    --open hands the key in SITING_TIANDITU_KEY to the browser, else the page asks for it.
    """
    from siting.errors import InputError  # noqa: PLC0415
    from siting.store.runs import read_run  # noqa: PLC0415
    from siting.webmap import write_map  # noqa: PLC0415
    from siting.webmap.tiles import KEY_VARIABLE, tile_source  # noqa: PLC0415

    first = runs[0].resolve()
    kind = tiles if tiles in {"", "osm", "tianditu", "amap"} else "tiles"
    # Coordinates that are shifted say so in the name.
    parts = ["map", *(["schemes"] if len(runs) > 1 else []), kind, "gcj02" * (kind == "amap")]
    name = "-".join([first.name, *(part for part in parts if part)])
    path = (out or first.parent / f"{name}.html").resolve()
    if path.is_relative_to(first):
        raise InputError(
            "a map can't be added to a published run", where=path, cure="Write it beside the folder"
        )
    source = tile_source(tiles, path) if tiles else None
    plans = [read_run(run) for run in runs]
    schemes = dict(zip(ascii_uppercase, plans, strict=False)) if len(plans) > 1 else {}
    write_map(plans[0], path, approval=approval, schemes=schemes, tiles=source)
    typer.echo(path)
    if show:
        import webbrowser  # noqa: PLC0415

        key = os.environ.get(KEY_VARIABLE, "") if source is not None and source.keyed else ""
        webbrowser.open(path.as_uri() + (f"#tk={key}" if key else ""))
