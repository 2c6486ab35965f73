"""What locks change of candidates: a thinned place is one again, a site gets its equipment."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from siting.own.locked import locked_items

if TYPE_CHECKING:
    from collections.abc import Sequence

    from siting.candidates.hydrogen import HydrogenSites
    from siting.candidates.roadside import RoadsideSites
    from siting.model.locks import Lock
    from siting.model.roadside import Roadside

THINNED = "thinned"
"""Reason of a hydrogen place that is none because a better one is near."""


def open_thinned(sites: HydrogenSites, locks: Sequence[Lock]) -> HydrogenSites:
    """Take fixed places among the sites that were left out for a better one near by."""
    fixed = locked_items(sites.frame["site_id"], locks, "hydrogen").fixed
    reason = sites.frame["reason"]
    again = fixed & (reason == THINNED).to_numpy()
    if not again.any():
        return sites
    return replace(sites, frame=sites.frame.assign(reason=reason.where(~again, "")))


def with_levels(sites: RoadsideSites, settings: Roadside, locks: Sequence[Lock]) -> RoadsideSites:
    """
    Give sites the equipment that locks say, at its cost.

    Parameters
    ----------
    sites
        Candidate sites.
    settings
        Costs by level and what reuse saves.
    locks
        Locks with their ids.
    """
    asked = locked_items(sites.frame["site_id"], locks, "roadside").level
    given = asked != ""
    if not given.any():
        return sites
    frame = sites.frame
    price = {
        "rsu": settings.rsu_cny.value,
        "sensing": settings.sensing_cny.value,
        "full": settings.full_cny.value,
    }
    level = np.where(given, asked, frame["level"].to_numpy(dtype=object))
    full = pd.Series(level).map(price).to_numpy(dtype=float)
    left = np.where(frame["reuse"], 1 - settings.reuse_discount.value, 1.0)
    cost = np.where(given, full * left, frame["cost_cny"].to_numpy(dtype=float))
    return replace(sites, frame=frame.assign(level=level, cost_cny=cost))
