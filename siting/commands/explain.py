"""`siting explain`: why a model can't be planned, and the least change that makes it possible."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from siting.commands.overrides import (
    BudgetOption,
    LockDatumOption,
    LockOption,
    TotalOption,
    overrides_of,
)

if TYPE_CHECKING:
    from rich.console import Console

    from siting.explain.answering import Explanation
    from siting.units import Language


def explain(  # noqa: PLR0913
    model: Annotated[str, typer.Argument(help="A model's name (jinan) or a YAML file.")],
    *,
    roads: Annotated[Path | None, typer.Option(help="Road file instead of the model's.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder in which explain.json and a page appear.")
    ] = None,
    cache: Annotated[
        Path, typer.Option(help="Folder that keeps the sample city between runs.")
    ] = Path("maps"),
    budget_cny: BudgetOption = None,
    total_cny: TotalOption = None,
    lock: LockOption = None,
    lock_datum: LockDatumOption = "",
    seconds: Annotated[float | None, typer.Option(help="Longest time of each question.")] = None,
    zh: Annotated[bool, typer.Option("--zh", help="Print Chinese sentences.")] = False,
) -> None:
    """
    Explain why a model can't be planned, and the least change that makes it possible.

    Exit code 0 where every programme has a plan, 5 where one is proven to have none, 6 where
    neither was found in the time.
    """
    from rich.console import Console  # noqa: PLC0415

    from siting.commands.telling import stage_teller  # noqa: PLC0415
    from siting.errors import InfeasibleError, SolverError  # noqa: PLC0415
    from siting.explain.answering import explain as run  # noqa: PLC0415

    overrides = overrides_of(
        roads=roads,
        lock=lock,
        lock_datum=lock_datum,
        budget_cny=budget_cny,
        total_cny=total_cny,
        seconds=seconds,
    )
    console = Console(highlight=False, soft_wrap=True)
    found = run(model, cache=cache, out=out, overrides=overrides, report=stage_teller(console))
    _print(console, found, "zh" if zh else "en")
    verdicts = {one.verdict for one in found.programmes}
    if "infeasible" in verdicts:
        raise typer.Exit(InfeasibleError.exit_code)
    if "open" in verdicts:
        raise typer.Exit(SolverError.exit_code)


def _print(console: Console, found: Explanation, language: Language) -> None:
    """Print the sentences of every programme, the notes, and where the page is."""
    from siting.explain.sentences import sentences  # noqa: PLC0415

    for one in found.programmes:
        for line in sentences(one, language):
            console.print(line, markup=False)
    for note in found.notes:
        console.print(f"note: {note[0 if language == 'zh' else 1]}", markup=False)
    if found.folder is not None:
        console.print(f"page: {found.folder / 'explain.html'}", markup=False)
