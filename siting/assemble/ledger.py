"""The clause ledger: what each clause asks, what the plan gives, and what isn't modelled."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from siting.assemble.measures import counted_piles
from siting.facts import clause_status
from siting.said import NOTHING, Said, joined, same

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import geopandas as gpd

    from siting.clauses import Clause
    from siting.model.model import Target

UNITS = {
    "stations": "stations",
    "piles": "piles",
    "dc_share": "share",
    "service_areas": "share",
    "district_stations": "stations",
    "served_share": "share",
    "district_served_share": "share",
    "townships": "share",
    "key_areas": "share",
    "zone_areas": "share",
    "test_fleets": "share",
    "heavy_sites": "stations",
    "energy_stations": "stations",
    "residential_piles": "piles",
    "rest_areas": "share",
    "utilisation": "share",
    "hydrogen_stations": "stations",
    "test_road_km": "km",
    "low_speed_districts": "share",
    "test_road_sorts": "sorts",
    "test_road_grades": "grades",
    "test_road_scenarios": "scenarios",
    "base_tiers": "tiers",
    "built_area_km2": "km2",
    "bridges_tunnels": "share",
    "toll_stations": "share",
    "expressway_section": "share",
}
"""Unit of each measure."""

PARAMETER_NOTE = Said(
    "需求测算的依据，不是规划目标", "a figure that the demand is built on, not a target of the plan"
)
NOTHING_NOTE = Said("地图上没有此类设施", "the map shows nothing of the kind")
LATER_NOTE = Said("不是充换电规划的约束", "not a constraint of the charging programme")
OWN_TARGET = Said("规划人员自定目标", "the planner's own target")


def measure_plan(
    stations: gpd.GeoDataFrame,
    candidates: gpd.GeoDataFrame,
    demand: gpd.GeoDataFrame,
    districts: gpd.GeoDataFrame,
    pile_types: pd.DataFrame,
    *,
    existing_count: bool,
) -> dict[str, float]:
    """
    Measure a plan for its targets.

    Parameters
    ----------
    stations, candidates, demand, districts, pile_types
        Frames as in `Plan`.
    existing_count
        Whether existing stations count towards the targets.

    Returns
    -------
    measured
        Shares are in 0..1; the worst district for the district measures. A share of nothing (no
        service areas in the map) is 1.
    """
    counted = stations if existing_count else stations[stations.status == "new"]
    names = [str(name) for name in pile_types.type_id]
    piles = counted_piles(stations, names, existing_count=existing_count)
    dc = piles[:, (pile_types.current == "dc").to_numpy()].sum()
    areas = candidates.chosen[candidates.kind == "service_area"]
    per_district = counted.district_id.value_counts().reindex(districts.district_id, fill_value=0)
    with_demand = districts[districts.kwh_day > 0]
    asked = float(demand.kwh_day.sum())
    return {
        "stations": float(len(counted)),
        "piles": float(piles.sum()),
        "dc_share": float(dc / max(1.0, piles.sum())),
        "service_areas": float(areas.mean()) if len(areas) else 1.0,
        "district_stations": float(per_district.min()),
        "served_share": float(demand.served_kwh_day.sum()) / asked if asked else 1.0,
        "district_served_share": float(with_demand.served_share.min()),
    }


def clause_ledger(
    targets: Sequence[Target],
    measured: Mapping[str, float],
    clauses: Sequence[Clause],
    notes: Mapping[str, Said],
    leanings: Mapping[str, Said] = MappingProxyType({}),
) -> pd.DataFrame:
    """
    Set each clause against the plan.

    Parameters
    ----------
    targets
        The model's targets as they bound the programme.
    measured
        What the plan comes to.
    clauses
        Every clause of the city's documents.
    notes
        Measure to a sentence printed with its target, for example how it was apportioned.
    leanings
        Clause without a number to a sentence on how the plan leans towards it.

    Returns
    -------
    ledger
        As `Plan.clauses`: the targets in the model's order, then every other clause. A clause is
        `context` where the documents only describe, `preference` where a plan may lean towards it,
        and else `not_modelled`; `data/clause_status.csv` gives status and reason where it can.
    """
    by_id = {clause.id: clause for clause in clauses}
    rows = [_target_row(t, measured, by_id.get(t.clause), notes) for t in targets]
    bound = {target.clause for target in targets}
    rest = [clause for clause in clauses if clause.id not in bound]
    rows += [_other_row(clause, leanings.get(clause.id)) for clause in rest]
    return pd.DataFrame(rows, columns=_COLUMNS)


_COLUMNS = [
    "clause",
    "measure",
    "relation",
    "target",
    "planned",
    "unit",
    "status",
    "reading",
    "reading_zh",
    "quote",
    "document",
    "document_zh",
    "note",
    "note_zh",
]


def _target_row(
    target: Target, measured: Mapping[str, float], clause: Clause | None, notes: Mapping[str, Said]
) -> dict[str, object]:
    planned = measured[target.measure]
    met = planned >= target.at_least * (1 - 1e-9)
    nothing = bool(np.isnan(planned))
    here = notes.get(target.measure, NOTHING)
    note = joined((NOTHING_NOTE, here)) if nothing else here
    known = NOTHING if clause is None else Said(clause.reading_zh, clause.reading)
    own = Said(target.reading_zh or target.reading, target.reading)
    reading = own if target.reading else known
    document = OWN_TARGET if clause is None else same(clause.document.title)
    return {
        "clause": target.clause,
        "measure": target.measure,
        "relation": ">=",
        "target": target.at_least,
        "planned": planned,
        "unit": UNITS[target.measure],
        "status": "not_modelled" if nothing else "met" if met else "short",
        **_both("reading", reading),
        "quote": clause.quote if clause else "",
        **_both("document", document),
        **_both("note", note),
    }


def _other_row(clause: Clause, leaning: Said | None) -> dict[str, object]:
    stated = clause_status().get(clause.id)
    if leaning is not None:
        status, note = "preference", leaning
    elif stated is not None:
        status, note = stated
    elif clause.use == "parameter":
        status, note = "context", PARAMETER_NOTE
    elif clause.use in {"context", "report", "phasing"}:
        status, note = "context", NOTHING
    else:
        status, note = "not_modelled", LATER_NOTE
    return {
        "clause": clause.id,
        "measure": str(clause.metric.get("indicator", "")),
        "relation": "",
        "target": np.nan,
        "planned": np.nan,
        "unit": str(clause.metric.get("unit", "") or ""),
        "status": status,
        **_both("reading", Said(clause.reading_zh, clause.reading)),
        "quote": clause.quote,
        **_both("document", same(clause.document.title)),
        **_both("note", note),
    }


def _both(name: str, said: Said) -> dict[str, object]:
    """Put a sentence into the two columns of the ledger."""
    return {name: said.en, f"{name}_zh": said.zh}
