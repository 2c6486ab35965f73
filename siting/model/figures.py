"""Figures of a model: numbers that carry their unit, source and confidence."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict


class Part(BaseModel):
    """A part of a planning model: frozen, without unknown keys, with every default checked."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


class Figure(Part):
    """A number with where it comes from; `confidence: memory` is shown as unsourced."""

    value: float
    unit: str = ""
    source: str = "set in the model"
    confidence: Literal["document", "found", "memory", "model"] = "model"


def _figure(value: object) -> object:
    """Accept a bare number, or the id of a row of `data/unit_costs.csv` such as `U060`."""
    if isinstance(value, str):
        from siting.facts import figure  # noqa: PLC0415

        return figure(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return {"value": float(value)}
    return value


def _share(figure: Figure) -> Figure:
    if not 0 <= figure.value <= 1:
        raise ValueError("has to be a share from 0 to 1. Write 35 % as 0.35")
    return figure


def _part_of_one(figure: Figure) -> Figure:
    if figure.value == 0:
        raise ValueError("has to be more than 0")
    return _share(figure)


def _positive(figure: Figure) -> Figure:
    if figure.value <= 0:
        raise ValueError("has to be more than 0")
    return figure


def _not_negative(figure: Figure) -> Figure:
    if figure.value < 0:
        raise ValueError("can't be less than 0")
    return figure


AnyFigure = Annotated[Figure, BeforeValidator(_figure, json_schema_input_type=float | str | Figure)]
"""A figure as a model may write it: a number, the id of a known figure, or all of it."""
Share = Annotated[AnyFigure, AfterValidator(_share)]
PartOfOne = Annotated[AnyFigure, AfterValidator(_part_of_one)]
Positive = Annotated[AnyFigure, AfterValidator(_positive)]
NotNegative = Annotated[AnyFigure, AfterValidator(_not_negative)]
