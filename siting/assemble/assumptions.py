"""Every figure that a model rests on, with its source, or marked as unsourced."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from pydantic import BaseModel

from siting.demand.assumptions import demand_assumptions
from siting.model.figures import Figure, source_of, unit_of
from siting.model.roadside import MEASURES as ROADSIDE
from siting.model.testroads import MEASURES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from siting.model.model import Model


COLUMNS = (
    *("key", "value", "value_zh", "unit", "unit_zh"),
    *("source", "source_zh", "confidence", "unsourced"),
)
"""Columns of `Plan.assumptions`."""


def assumption_table(model: Model) -> pd.DataFrame:
    """
    List every figure of a model with its source.

    Parameters
    ----------
    model
        The planning model.

    Returns
    -------
    assumptions
        As `Plan.assumptions`; `unsourced` is True where the confidence is `memory`.
    """
    rows = demand_assumptions(model.demand)
    rows += [
        {
            "key": key,
            "value": figure.value,
            **_texts(figure),
            "confidence": figure.confidence,
        }
        for key, figure in _all_figures(model)
    ]
    table = pd.DataFrame(rows)
    # Some values are lists of weights: a column of text holds them all.
    table["value"] = [f"{v:,g}" if isinstance(v, float) else str(v) for v in table["value"]]
    for name in ("value", "unit", "source"):
        chinese = table.get(f"{name}_zh", table[name])
        table[f"{name}_zh"] = chinese.where(chinese.notna(), table[name])
    table["unsourced"] = table.confidence == "memory"
    return table[list(COLUMNS)]


def _texts(figure: Figure) -> dict[str, str]:
    unit, source = unit_of(figure), source_of(figure)
    return {"unit": unit.en, "unit_zh": unit.zh, "source": source.en, "source_zh": source.zh}


def _all_figures(model: Model) -> Iterator[tuple[str, Figure]]:
    """Yield the figures of the programmes that the model's targets ask for."""
    yield from _figures(model.charging, "charging")
    yield "contingency", model.contingency
    asked = any(target.measure == "hydrogen_stations" for target in model.targets)
    if asked and model.hydrogen is not None:
        yield from _figures(model.hydrogen, "hydrogen")
    if model.testroads is not None and any(t.measure in MEASURES for t in model.targets):
        yield from _figures(model.testroads, "testroads")
    if model.roadside is not None and any(t.measure in ROADSIDE for t in model.targets):
        yield from _figures(model.roadside, "roadside")


def _figures(part: BaseModel, path: str) -> Iterator[tuple[str, Figure]]:
    """Walk a model's part and yield each figure with its key."""
    for name in type(part).model_fields:
        value = getattr(part, name)
        if isinstance(value, Figure):
            yield f"{path}.{name}", value
        elif isinstance(value, tuple):
            for inner in value:
                if isinstance(inner, BaseModel) and hasattr(inner, "id"):
                    yield from _figures(inner, f"{path}.{name}.{inner.id}")
        elif isinstance(value, BaseModel):
            yield from _figures(value, f"{path}.{name}")
