"""Figures of a model: numbers that carry their unit, source and confidence."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from siting.said import Said


class Part(BaseModel):
    """A part of a planning model: frozen, without unknown keys, with every default checked."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


class Words(Part):
    """A sentence in both languages."""

    zh: str
    """In Chinese."""
    en: str
    """In English."""


SET = Said("模型中设定", "set in the model")
"""Source of a figure of which a model gives none."""


def source_of(figure: Figure) -> Said:
    """Return where a figure comes from; what is given in one language stands for the other."""
    plain = SET.zh if figure.source == SET.en else figure.source
    return Said(figure.source_zh or plain, figure.source)


_UNITS = {
    "share": "占比",
    "share of length": "占里程",
    "share of worth": "占得分",
    "share of stations": "占站数",
    "share of day": "占全天",
    "share of road length": "占道路里程",
    "share of land": "占用地",
    "share of installed power": "占装机功率",
    "share of floor": "占建筑面积",
    "share of cost": "占造价",
    "share of time": "占时间",
    "vehicles": "辆",
    "stations": "座",
    "storeys": "层",
    "points": "分",
    "points/place": "分/处",
    "points/km": "分/km",
    "times": "倍",
    "min": "分钟",
    "kWh/visit": "kWh/次",
    "kWh/vehicle/day": "kWh/车/日",
    "kg/day": "kg/日",
    "units/km": "台/km",
    "m2/person": "m2/人",
    "kW/bay": "kW/车位",
    "CNY": "元",
    "CNY/pile": "元/桩",
    "CNY/vehicle": "元/辆",
    "CNY/station": "元/站",
    "CNY/site": "元/处",
    "CNY/set": "元/套",
    "CNY/m": "元/m",
    "CNY/km": "元/km",
    "CNY/kW": "元/kW",
    "CNY/kVA": "元/kVA",
    "CNY/kWh storage": "元/kWh（储能）",
    "CNY/node": "元/节点",
    "CNY/intersection": "元/路口",
    "CNY/city": "元/市",
    "CNY/unit": "元/台",
}


def unit_of(figure: Figure) -> Said:
    """Return the unit of a figure; one without a Chinese word of its own is the same in both."""
    return Said(_UNITS.get(figure.unit, figure.unit), figure.unit)


class Figure(Part):
    """A number with where it comes from; `confidence: memory` is shown as unsourced."""

    value: float
    unit: str = ""
    source: str = SET.en
    source_zh: str = ""
    """The source in Chinese; left out: as `source`."""
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
