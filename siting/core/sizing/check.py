"""Check a plan against every row of its capacitated siting instance, by numpy alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from siting.structures import least_standing, segment_groups

if TYPE_CHECKING:
    import numpy.typing as npt

    from siting.core.sizing.part import Siting
    from siting.structures import Sizing

TOLERANCE = 1e-7
"""Relative tolerance on energy; counts, land and openings are exact."""
USE_TOLERANCE = 1e-6
"""Relative tolerance on the least use of a site, whose flows are shaved to capacity afterwards."""


def check_sizing(sizing: Sizing, plan: Siting) -> tuple[str, ...]:
    """
    List every row that a plan breaks, one sentence each; empty when it keeps them all.

    Parameters
    ----------
    sizing
        The instance.
    plan
        Openings, whole piles, energy on each arc (any object with `opened`, `piles`, `serve`).
    """
    opened, piles, serve = plan.opened, plan.piles, plan.serve
    found: list[str] = []

    def hold(good: npt.NDArray[np.bool_], what: str) -> None:
        bad = np.flatnonzero(~good)
        if len(bad):
            found.append(f"{what}: {len(bad)}, first {bad[:3].tolist()}")

    energy = sizing.demand_kwh[sizing.point]
    hold(np.isfinite(serve) & (serve >= 0), "arcs with energy below zero")
    hold(serve <= energy * (1 + TOLERANCE), "arcs above their demand")
    hold(opened[sizing.site] | (serve == 0), "arcs to closed sites")
    load = np.bincount(sizing.point, serve, minlength=len(sizing.demand_kwh))
    hold(load <= sizing.demand_kwh * (1 + TOLERANCE), "demand points served twice")
    hold(opened | ~sizing.forced, "closed sites that have to be open")
    hold((piles >= 0).all(axis=1) & ((piles == 0) | sizing.allowed).all(axis=1), "pile types")
    count = piles.sum(axis=1)
    hold(count <= np.where(opened, sizing.max_piles, 0), "sites above their land")
    hold(count >= np.where(opened, sizing.min_piles, 0), "sites below their least piles")
    gone = opened[:, None] & (piles < sizing.kept)
    hold(np.asarray(~gone.any(axis=1)), "sites that lose kept piles")
    alone = (piles > 0) & (piles < least_standing(sizing))
    hold(np.asarray(~alone.any(axis=1)), "sites with too few piles of a type")
    given = np.bincount(sizing.site, serve, minlength=len(piles))
    hold(given >= least_served(sizing, piles) * (1 - USE_TOLERANCE), "sites used too little")
    peak = sizing.simultaneity * (piles @ sizing.pile_kw)
    hold(peak <= sizing.kw_limit + 1e-6, "sites above their grid limit")
    found.extend(_capacity(sizing, piles, serve))
    found.extend(_global(sizing, plan, load.astype(float)))
    return tuple(found)


def least_served(
    sizing: Sizing, piles: npt.NDArray[np.integer] | npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Energy that each site has to serve for its piles to be used enough, kWh/day, shape (J,)."""
    return np.asarray(sizing.least_use * (piles @ sizing.pile_kwh))


def _capacity(
    sizing: Sizing, piles: npt.NDArray[np.int64], serve: npt.NDArray[np.float64]
) -> list[str]:
    segments, kinds = segment_groups(sizing.serves)
    found = []
    for group, usable in zip(segments, kinds, strict=True):
        inside = group[sizing.segment[sizing.point]]
        load = np.bincount(sizing.site, serve * inside, minlength=len(piles))
        room = (piles * sizing.pile_kwh) @ usable.astype(float)
        bad = np.flatnonzero(load > room + TOLERANCE * np.maximum(room, 1.0))
        if len(bad):
            found.append(f"capacity for segments {np.flatnonzero(group).tolist()}: {bad[:3]}")
    return found


def _global(sizing: Sizing, plan: Siting, load: npt.NDArray[np.float64]) -> list[str]:
    activity = (
        sizing.row_open @ plan.opened.astype(float)
        + sizing.row_piles @ plan.piles.ravel().astype(float)
        + sizing.row_served @ load
    )
    found = []
    for name, value, low, high in zip(
        sizing.row_name, activity, sizing.row_lower, sizing.row_upper, strict=True
    ):
        slack = TOLERANCE * max(1.0, abs(low) if np.isfinite(low) else 0.0)
        over = TOLERANCE * max(1.0, abs(high) if np.isfinite(high) else 0.0)
        if value < low - slack or value > high + over:
            found.append(f"{name}: {value:.9g} not within [{low:.9g}, {high:.9g}]")
    return found
