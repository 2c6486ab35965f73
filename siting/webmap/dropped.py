"""The dropped candidates of a plan as the map page shows them, packed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from siting.webmap.pack import pack_points, texts

if TYPE_CHECKING:
    from siting.plan import Plan


def dropped_places(plan: Plan) -> dict[str, Any]:
    """
    Return what the land and the roads dropped, each with its reason.

    Parameters
    ----------
    plan
        The plan; one of a run before programmes were told apart has charging sites alone.
    """
    frame = plan.dropped
    packed = pack_points(frame.geometry)
    columns = ("site_id", "name", "kind", "exclusion_id")
    if not len(frame):
        coded: dict[str, list[int | str]] = {
            "programme": [],
            "programmes": [],
            "reason": [],
            "reasons": [],
        }
        return {**packed, **{column: [] for column in columns}, **coded}
    if "programme" not in frame:
        frame = frame.assign(programme="charging")
    found: dict[str, Any] = {column: texts(frame[column]) for column in columns}
    for column in ("programme", "reason"):
        codes, values = pd.factorize(pd.Series(texts(frame[column]), dtype=object))
        found |= {column: codes.tolist(), f"{column}s": [str(value) for value in values]}
    return {**packed, **found}
