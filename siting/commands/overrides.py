"""Options of a command as values that replace those of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

LockOption = Annotated[
    Path | None,
    typer.Option(help="Locks (csv, xlsx, gpkg, GeoJSON) instead of `sources.locks`."),
]
LockDatumOption = Annotated[
    str, typer.Option(help="What its degrees are: wgs84, cgcs2000, gcj02, bd09.")
]
BudgetOption = Annotated[float | None, typer.Option(help="Budget of charging in yuan.")]
TotalOption = Annotated[
    float | None, typer.Option(help="Budget of all programmes together in yuan.")
]


def overrides_of(
    *,
    roads: Path | None = None,
    lock: Path | None = None,
    lock_datum: str = "",
    budget_cny: float | None = None,
    total_cny: float | None = None,
    gap: float | None = None,
    seconds: float | None = None,
    seed: int | None = None,
) -> dict[str, Any]:
    """
    Return what options replace in a model; an option that wasn't given replaces nothing.

    Parameters
    ----------
    roads
        Road file.
    lock, lock_datum
        File of locks, and the datum of its degrees where that is told.
    budget_cny, total_cny
        Money of charging, and of all programmes together, CNY.
    gap, seconds, seed
        How hard to try.
    """
    sources: dict[str, Any] = {}
    if roads is not None:
        sources["roads"] = str(roads.resolve())
    if lock is not None:
        datum = {"datum": lock_datum} if lock_datum else {}
        sources["locks"] = {"file": str(lock.resolve()), **datum}
    parts = {
        "sources": sources,
        "charging": {"budget_cny": budget_cny},
        "budget": {"total_cny": total_cny},
        "solve": {"gap": gap, "seconds": seconds, "seed": seed},
    }
    given = {
        part: {key: value for key, value in values.items() if value is not None}
        for part, values in parts.items()
    }
    return {part: values for part, values in given.items() if values}
