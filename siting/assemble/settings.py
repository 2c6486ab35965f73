"""Figures of a model that a run records for the checker, beside its layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from siting.candidates.charging import FACILITY_SPACING_M, ROADSIDE_SERVICES
from siting.model.figures import Figure

if TYPE_CHECKING:
    from pydantic import BaseModel

    from siting.model.model import Model


def model_settings(model: Model) -> dict[str, Any]:
    """Return the figures of a model that the checker needs beside the layers."""
    charging = model.charging
    return {
        "urban_radius_m": charging.urban_radius_m.value,
        "rural_radius_m": charging.rural_radius_m.value,
        "heavy_radius_m": charging.heavy_radius_m.value,
        "nearest_sites": charging.nearest_sites,
        "station_spacing_m": FACILITY_SPACING_M,
        "spacing_free_kinds": list(ROADSIDE_SERVICES),
        "simultaneity": charging.simultaneity.value,
        "power_factor": charging.power_factor.value,
        "queueing": {name: figure.value for name, figure in charging.queueing},
        "existing_count": charging.existing_count,
        "station_fixed_cny": charging.station_fixed_cny.value,
        "rural_grid_cny": charging.rural_grid_cny.value,
        "readings": _plain(charging.readings),
        "rules": _plain(charging.rules),
        "pilots": None if charging.pilots is None else _plain(charging.pilots),
        "budget_cny": charging.budget_cny,
        "contingency_share": model.contingency.value,
        "gap": model.solve.gap,
        "seconds": model.solve.seconds,
    }


def _plain(part: BaseModel) -> dict[str, Any]:
    """Return a part of the model as JSON knows it, each figure as its value."""
    values = {name: getattr(part, name) for name in type(part).model_fields}
    return {n: v.value if isinstance(v, Figure) else v for n, v in values.items()}
