"""The command line: one function a command; what a command says stands in `commands`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from siting import __version__
from siting.commands.check import check
from siting.commands.clauses import clauses
from siting.commands.compare import compare
from siting.commands.diff import diff
from siting.commands.explain import explain
from siting.commands.frontier import frontier
from siting.commands.locks import locks
from siting.commands.mapping import map_runs
from siting.commands.plan import plan
from siting.commands.printing import print_sheet
from siting.commands.schemes import schemes
from siting.commands.sweep import sweep
from siting.errors import SitingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from siting.fetch.client import Progress

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

app = typer.Typer(
    name="siting",
    help="Plan a city's charging and vehicle-road-cloud infrastructure.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ModelArgument = Annotated[str, typer.Argument(help="A model's name (jinan) or a YAML file.")]


def main() -> None:
    """Run the command line; errors a user can act on end with their exit code."""
    try:
        app()
    except SitingError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            f"error: {error}", style="red", markup=False
        )
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("stopped; nothing was written\n")
        sys.exit(INTERRUPTED)


def _version(show: bool) -> None:  # noqa: FBT001
    if show:
        typer.echo(f"siting {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[  # noqa: FBT002
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Plan a city's charging and vehicle-road-cloud infrastructure."""


def verify(
    run_folder: Annotated[Path, typer.Argument(help="A folder that `siting plan` wrote.")],
) -> None:
    """Recompute every claim of a run from its files."""
    from siting.pipeline import verify as run  # noqa: PLC0415

    table = Table("check", "claimed", "recomputed", "")
    findings = run(run_folder)
    for finding in findings:
        mark = "ok" if finding.ok else "WRONG"
        table.add_row(finding.check, finding.claimed, finding.recomputed, mark)
    console = Console(highlight=False)
    console.print(table)
    wrong = sum(not finding.ok for finding in findings)
    console.print(f"{len(findings)} checks, {wrong} wrong")
    if wrong:
        from siting.errors import VerificationError  # noqa: PLC0415

        raise VerificationError("the run does not hold", where=run_folder)


def why(
    run_folder: Annotated[Path, typer.Argument(help="A folder that `siting plan` wrote.")],
    site: Annotated[str, typer.Argument(help="A candidate site, by the id that the map shows.")],
    *,
    swaps: Annotated[
        int, typer.Option(min=1, help="How many stations a site is tried in place of.")
    ] = 8,
) -> None:
    """Explain why a site is open, or what it could replace."""
    from siting.why.asking import why as ask  # noqa: PLC0415
    from siting.why.text import why_lines  # noqa: PLC0415

    console = Console(highlight=False, soft_wrap=True)
    for line in why_lines(ask(run_folder, site, most=swaps)):
        console.print(line, markup=False)


def export(  # noqa: PLR0913
    run: Annotated[Path, typer.Argument(help="A run folder, for example maps/jinan-latest.")],
    form: Annotated[
        str,
        typer.Option(
            "--format", help="gpkg, shp, geojson, parquet, kml, dxf, csv, ovital or postgis."
        ),
    ] = "gpkg",
    *,
    out: Annotated[Path, typer.Option(help="Folder in which the export appears.")] = Path(
        "exports"
    ),
    crs: Annotated[str, typer.Option(help="For example EPSG:4548.")] = "EPSG:4326",
    datum: Annotated[str, typer.Option(help="wgs84, or the shifted gcj02 or bd09.")] = "wgs84",
    encoding: Annotated[str, typer.Option(help="Of shapefile tables: UTF-8 or GBK.")] = "UTF-8",
    precision_m: Annotated[
        float | None, typer.Option("--precision", help="Round coordinates to about so many metres.")
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="Leave out exact places of sensitive sites.")
    ] = False,
    layer: Annotated[
        list[str] | None, typer.Option(help="Layer to take, again for more; all when left out.")
    ] = None,
    dsn: Annotated[
        str, typer.Option(help="Connection of --format postgis, without the password.")
    ] = "",
    schema: Annotated[str, typer.Option(help="Schema of --format postgis.")] = "siting",
) -> None:
    """Write a published run for other tools: GIS, CAD, earth viewers, spreadsheets, PostGIS."""
    from siting.export import Edition  # noqa: PLC0415
    from siting.export import export as write  # noqa: PLC0415

    edition = Edition(crs, datum, precision_m, public)
    layers = tuple(layer or ())
    if form == "postgis":
        from siting.export.postgis import upload  # noqa: PLC0415

        rows = upload(run, dsn, schema=schema, edition=edition, layers=layers)
        for name, count in rows.items():
            typer.echo(f"{schema}.{name}: {count:,} rows")
        return
    typer.echo(write(run, form, out=out, edition=edition, encoding=encoding, layers=layers))


def sample(
    city: Annotated[str, typer.Argument(help="A Chinese city by name or adcode.")],
    out: Annotated[Path, typer.Option(help="The OSM PBF to write.")] = Path("sample.osm.pbf"),
    seed: Annotated[int, typer.Option(help="Another seed, another city.")] = 0,
) -> None:
    """Write the offline sample city as an ordinary OSM PBF."""
    from siting.sample import write_sample  # noqa: PLC0415

    typer.echo(f"sample city: {write_sample(city, out, seed=seed)}")


def fetch(
    model: ModelArgument,
    *,
    source: Annotated[
        str, typer.Option(help="`overpass`, or the https address of an OSM extract.")
    ] = "overpass",
    out: Annotated[
        Path | None, typer.Option(help="The OSM PBF to write; else data/raw/MODEL.osm.pbf.")
    ] = None,
    sha256: Annotated[str, typer.Option(help="What the extract has to hash to.")] = "",
    box: Annotated[
        str, typer.Option(help="west,south,east,north in degrees instead of the districts.")
    ] = "",
    config: Annotated[
        Path | None, typer.Option(help="Your rules; else ~/.config/siting/fetch.yaml.")
    ] = None,
) -> None:
    """
    Fetch a model's roads, boundaries and facilities; the only command that uses the network.

    After Ctrl-C or a cut the same command goes on where it stopped.
    """
    from siting.fetch.fetching import fetch as run  # noqa: PLC0415
    from siting.fetch.fetching import parse_box  # noqa: PLC0415

    console = Console(highlight=False, soft_wrap=True)
    corners = parse_box(box) if box else None
    try:
        fetched = run(
            model,
            source=source,
            out=out,
            sha256=sha256,
            box=corners,
            config=config,
            tell=_BytesTeller(console),
        )
    except KeyboardInterrupt:
        sys.stderr.write("stopped; what came is kept, the same command goes on from there\n")
        raise typer.Exit(INTERRUPTED) from None
    record = fetched.record
    console.print(
        f"{fetched.path.stat().st_size / 1e6:,.1f} MB, state {record.date}, {record.licence}",
        markup=False,
    )
    console.print(f"map: {fetched.path}", markup=False)
    console.print(f"next: siting plan {model} --roads {fetched.path}", markup=False)


class _BytesTeller:
    """Print what a fetch is doing: a line a step, and one for every tenth or 5 MB that came."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._text = ""
        self._last = 0

    def __call__(self, progress: Progress) -> None:
        if progress.text != self._text:
            self._text, self._last = progress.text, 0
            self._console.print(f"{progress.text} ...", markup=False)
        step = progress.total / 10 or 5e6
        if progress.done - self._last >= step or 0 < progress.total == progress.done > self._last:
            self._last = progress.done
            whole = f" of {progress.total / 1e6:,.1f}" if progress.total else ""
            self._console.print(f"  {progress.done / 1e6:,.1f}{whole} MB", markup=False)


PANELS: Mapping[str, Mapping[str, Callable[..., None]]] = {
    "Plan": {"plan": plan, "fetch": fetch, "sample": sample},
    "Check": {"check": check, "verify": verify, "explain": explain},
    "Understand": {"clauses": clauses, "why": why, "locks": locks},
    "Compare": {
        "compare": compare,
        "diff": diff,
        "schemes": schemes,
        "frontier": frontier,
        "sweep": sweep,
    },
    "Hand over": {"export": export, "print": print_sheet, "map": map_runs},
}
"""The commands as the help lists them, and the README."""
for _panel, _commands in PANELS.items():
    for _name, _command in _commands.items():
        app.command(_name, rich_help_panel=_panel)(_command)
