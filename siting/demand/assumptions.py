"""What the demand for charging rests on, figure by figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from siting.demand import cells as grid
from siting.demand.census import DEFAULT_RURAL_PER_KM2, DEFAULT_URBAN_PER_KM2
from siting.demand.charging import (
    DRAWN_KWH,
    FREIGHT_SHARE,
    HOME_SHARE,
    RESIDENT_SHARE,
    SEGMENTS,
)
from siting.facts import demand_weights
from siting.model.figures import source_of, unit_of
from siting.said import Said, same

if TYPE_CHECKING:
    from siting.model.demand import DemandSettings
    from siting.model.figures import Figure

WEIGHTS = {
    "street": Said("建成网格内每米道路旁人数", "people beside a metre of road in built-up cells"),
    "street_m": Said(
        "建成网格内一处设施相当的街道米数", "street metres a facility stands for in built-up cells"
    ),
    "rural_street": Said("其他网格每米道路旁人数", "people beside a metre of road elsewhere"),
    "rural_place_m": Said(
        "其他网格一处地点相当的道路米数", "road metres a place stands for elsewhere"
    ),
    "arterial": Said(
        "每米道路，地图上没有目的地或枢纽处",
        "metre of road, where no destination or hub is on the map",
    ),
    "destination": Said("吸引的私家车（相对值）", "private cars drawn, relative"),
    "hub": Said(
        "吸引的出租、网约与配送车（相对值）", "taxis, ride-hailing and delivery drawn, relative"
    ),
    "freight": Said("吸引的重型车（相对值）", "heavy vehicles drawn, relative"),
    "freight_road": Said("每米道路上的重型车", "heavy vehicles on a metre of road"),
}
"""The reasons in `data/demand_weights.csv` and what their weights stand for."""
_OWN = Said("规划人员自定", "planner's own")
_PULL = Said("kWh/日·单位吸引量", "kWh/day a unit of pull")
_DENSITY = Said("人/km2", "people/km2")


def demand_assumptions(settings: DemandSettings) -> list[dict[str, object]]:
    """
    List what the demand rests on.

    Parameters
    ----------
    settings
        As given to `demand.charging.charging_demand`.

    Returns
    -------
    list of dict
        Rows `key`, `value`, `unit`, `source`, `confidence`; `memory` means unsourced.
    """
    rows: list[dict[str, object]] = []
    for segment in SEGMENTS:
        fleet = getattr(settings, segment)
        for name in ("vehicles", "kwh_day", "public_share"):
            figure = getattr(fleet, name)
            rows.append(_of_figure(f"demand.{segment}.{name}", figure))
    for name in type(settings.housing).model_fields if settings.housing is not None else ():
        figure = getattr(settings.housing, name)
        rows.append(_of_figure(f"demand.housing.{name}", figure))
    census = Said(
        "2020 年分县普查，data/districts.csv", "2020 census by county, data/districts.csv"
    )
    by_district = Said("按区县", "by district")
    people, each = Said("人", "people"), Said("辆/人", "1/person")
    rows.append(_row("demand.population", by_district, people, census, "found"))
    rows.append(_row("demand.cars_per_person", by_district, each, census, "found"))
    own = (
        ("home_share", HOME_SHARE, Said("占私人电量", "share of private energy")),
        ("resident_share", RESIDENT_SHARE, Said("占车队电量", "share of fleet energy")),
        ("freight_share", FREIGHT_SHARE, Said("占重型车电量", "share of heavy energy")),
        *((f"{reason}_kwh", kwh, _PULL) for reason, kwh in DRAWN_KWH.items()),
        ("built_up_streets", grid.BUILT_UP_KM_PER_KM2, same("km/km2")),
        ("built_up_densest", grid.DENSE_PER_KM2, _DENSITY),
        ("built_up_thinnest", grid.THIN_PER_KM2, _DENSITY),
        ("no_census_urban", DEFAULT_URBAN_PER_KM2, _DENSITY),
        ("no_census_rural", DEFAULT_RURAL_PER_KM2, _DENSITY),
    )
    rows += [_row(f"demand.{key}", value, unit, _OWN, "memory") for key, value, unit in own]
    for reason, what in WEIGHTS.items():
        listed = ", ".join(f"{name} {w:g}" for name, w in demand_weights(reason).items())
        rows.append(_row(f"demand.{reason}", same(listed), what, _OWN, "memory"))
    return rows


def _of_figure(key: str, figure: Figure) -> dict[str, object]:
    return _row(key, figure.value, unit_of(figure), source_of(figure), figure.confidence)


def _row(
    key: str, value: float | Said, unit: Said, source: Said, confidence: str
) -> dict[str, object]:
    texts = {"unit": unit, "source": source} | ({"value": value} if isinstance(value, Said) else {})
    both = {name: said.en for name, said in texts.items()}
    both |= {f"{name}_zh": said.zh for name, said in texts.items()}
    return {"key": key, "value": value, "confidence": confidence, **both}
