"""The run record of a plan: what was asked, how it ended, on what, in which versions."""

from __future__ import annotations

import hashlib
import json
import math
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from siting import __version__
from siting.assemble.measures import standing_totals
from siting.assemble.pilots import pilot_note
from siting.assemble.settings import model_settings
from siting.charging.queueing import waiting_note
from siting.charging.service import service_record
from siting.city.catalog import credit_line
from siting.clock import peak_memory_mb
from siting.said import NOTHING, Said

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from siting.city.reading import City
    from siting.core.outcome import Outcome
    from siting.model.model import Model

SERVED = Said("服务的充电需求（kWh/日）", "demand served, kWh a day")
"""What a plan of charging stations is to have most of."""
LIBRARIES = (
    "numpy",
    "scipy",
    "pandas",
    "geopandas",
    "shapely",
    "pyproj",
    "osmium",
    "pulp",
    "highspy",
    "folium",
)
"""Libraries whose versions a run records."""


def run_record(
    city: City,
    outcome: Outcome,
    question: Model,
    stations: pd.DataFrame,
    ledger: pd.DataFrame,
    service: pd.DataFrame,
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """
    Fill run.json; its schema is `docs/run.schema.json`.

    Parameters
    ----------
    city
        What was planned on, with the model as the charging programme had it.
    outcome
        How the charging programme ended.
    question
        The model as it was asked.
    stations, ledger, service
        Tables of the plan.
    seconds
        Wall time by stage so far.

    Returns
    -------
    record
        That of charging; the programmes beside it add theirs.
    """
    model = city.model
    now = datetime.now(UTC).replace(microsecond=0)
    served = float(stations.served_kwh_day.sum())
    gap = max(0.0, outcome.bound - served) / max(served, 1e-9)
    queues = waiting_note(stations, model.charging.queueing.longest_wait_minutes.value)
    said = (*model.said_notes, *city.notes, queues, pilot_note(stations))
    told = [one for one in said if one != NOTHING]
    credit = credit_line(city.map.attribution, city.inputs)
    return {
        "model": model.name,
        "run_id": f"{now:%Y%m%d-%H%M%S}-{_question_hash(question, city)}",
        "created": now.isoformat(),
        "title_zh": model.title_zh,
        "title_en": model.title_en,
        "approval": model.approval,
        "synthetic_roads": city.map.synthetic,
        "attribution": credit.en,
        "attribution_zh": credit.zh,
        "status": str(outcome.status),
        "objective": served,
        "objective_meaning": SERVED.en,
        "objective_meaning_zh": SERVED.zh,
        "bound": outcome.bound,
        "gap": gap,
        "route": outcome.route,
        "message": outcome.message,
        "trace": [
            [round(p.seconds, 3), _number(p.objective), _number(p.bound)] for p in outcome.trace
        ],
        "seconds": dict(seconds),
        "peak_memory_mb": round(max(peak_memory_mb(), _number(outcome.peak_memory_mb) or 0.0), 1),
        "verified": False,
        "totals": _totals(stations),
        "clauses": [_clause_record(row) for row in ledger.to_dict("records")],
        "service": service_record(service),
        "settings": model_settings(model),
        "notes": [one.en for one in told],
        "notes_zh": [one.zh for one in told],
        "inputs": list(city.inputs),
        "versions": {
            "siting": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in LIBRARIES},
            **outcome.versions,
        },
        "seed": model.solve.seed,
    }


def _totals(stations: pd.DataFrame) -> dict[str, Any]:
    """Sum the stations; what the programmes beside charging fill is nothing so far."""
    return {
        "stations": len(stations),
        "piles": int(stations.piles.sum()),
        **standing_totals(stations),
        "hydrogen_stations": 0,
        "rsus": 0,
        "junctions": 0,
        "edge_nodes": 0,
        "built_area_zone_km2": 0,
        "built_area_footprint_km2": 0,
        "roadside_cost_cny": 0,
        "test_road_km": 0,
        "test_road_opening_cny": 0,
        "test_road_retrofit_cny": 0,
        "test_road_cost_cny": 0,
        "served_kwh_day": float(stations.served_kwh_day.sum()),
        "charging_cost_cny": int(stations.cost_cny.sum()),
        "hydrogen_cost_cny": 0,
        "cost_cny": int(stations.cost_cny.sum()),
        "preference_cost_cny": int(stations.preference_cost_cny.sum()),
    }


def _clause_record(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "id": row["clause"],
        "measure": row["measure"],
        "at_least": _number(row["target"]),
        "planned": _number(row["planned"]),
        "unit": row["unit"],
        "status": row["status"],
        "note": row["note"],
        "note_zh": row["note_zh"],
    }


def _number(value: float) -> float | None:
    """Return a finite float, or None: JSON knows no NaN."""
    return float(value) if math.isfinite(value) else None


def _question_hash(model: Model, city: City) -> str:
    """Hash the model and its inputs: equal questions carry equal marks."""
    question = model.model_dump_json() + json.dumps(city.inputs, sort_keys=True) + __version__
    return hashlib.sha256(question.encode()).hexdigest()[:8]
