"""`siting locks`: what each lock costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from siting.commands.overrides import LockDatumOption, LockOption, overrides_of
from siting.units import money_text

if TYPE_CHECKING:
    from siting.lockprices import Price


def locks(
    model: Annotated[str, typer.Argument(help="A model's name (jinan) or a YAML file.")],
    *,
    lock: LockOption = None,
    lock_datum: LockDatumOption = "",
    roads: Annotated[Path | None, typer.Option(help="Road file instead of the model's.")] = None,
    out: Annotated[Path, typer.Option(help="Folder in which the result appears.")] = Path("maps"),
    gap: Annotated[float | None, typer.Option(help="Proven gap to stop at, 0.01 for 1 %.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Longest solve.")] = None,
) -> None:
    """
    Price each lock: the plan is solved with all, and again without each of them.

    The price is an interval where the solves aren't proven; a smaller `--gap` narrows it.
    """
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from siting.commands.telling import stage_teller  # noqa: PLC0415
    from siting.joint.prices import joint_price_text  # noqa: PLC0415
    from siting.lockprices import locks as run  # noqa: PLC0415

    console = Console(highlight=False, soft_wrap=True)
    overrides = overrides_of(
        roads=roads, lock=lock, lock_datum=lock_datum, gap=gap, seconds=seconds
    )
    found = run(model, out=out, overrides=overrides, report=stage_teller(console))
    table = Table("", "what", "name or id", "price", "at least .. at most", "in", "cost", "joint")
    for one in found.prices:
        table.add_row(*_cells(one), joint_price_text(one.fields))
    console.print(table)
    console.print("price: how much worse the plan is with the lock; cost: of the two plans found")
    console.print("joint: what charging has without the lock, with the money that is then left")
    console.print(f"prices: {found.folder / 'locks.csv'}", markup=False)


def _cells(one: Price) -> tuple[str, ...]:
    fields = one.fields
    about = "proven" if one.proven else f"{one.low:,.6g} .. {one.high:,.6g}"
    cost = float(fields["cost_difference_cny"])
    sign = "-" if cost < 0 else "+"
    return (
        str(one.number),
        f"{fields['what']} {fields['item']}",
        str(fields["name"] or fields["ids"]),
        f"{one.price:,.6g}",
        about,
        str(fields["unit"]),
        f"{sign}{money_text(abs(cost), 'en')}",
    )
