"""What one station gives to each target that counts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from siting.plan import Plan


def given_to_targets(plan: Plan, row: int) -> dict[str, float]:
    """
    List what a station gives to the measures of targets.

    Parameters
    ----------
    plan
        A plan.
    row
        Row of `plan.stations`.

    Returns
    -------
    gives
        Measure to stations, piles or a share in the measure's own unit; measures that don't count
        the station are left out. What is left of a measure without the station is `planned` less
        this, as nothing takes its place.

    Notes
    -----
    Shares of places (`townships`, `key_areas`) count the places of which it is the nearest open
    station and that no other one reaches, as far as the published distances tell: a place with one
    candidate site within reach. Piles for taxis and vans near key areas (`zone_areas`) and
    bases of test fleets (`test_fleets`) and the mean `utilisation` depend on all stations and are
    left out.
    """
    station, settings = plan.stations.iloc[row], plan.run["settings"]
    gives = {"served_share": _share(float(station["served_kwh_day"]), plan.demand["kwh_day"].sum())}
    if bool(settings["existing_count"]) or station["status"] == "new":
        gives |= {"stations": 1.0, "district_stations": 1.0, "piles": _piles(plan, station)}
    return gives | _by_kind(plan, station) | _places(plan, str(station["site_id"]))


def _share(part: float, whole: float) -> float:
    return part / float(whole) if whole else 0.0


def _piles(plan: Plan, station: pd.Series) -> float:
    """Piles as the readings count them."""
    readings = plan.run["settings"].get("readings")
    if readings is None:
        return float(station["piles"])
    if readings["access"] == "public" and station["kind"] in readings["dedicated_kinds"]:
        return 0.0
    counts = station[[f"piles_{name}" for name in plan.pile_types["type_id"]]].to_numpy(dtype=float)
    guns = plan.pile_types["guns"].to_numpy(dtype=float) if readings["pile"] == "gun" else 1.0
    return float((counts * guns).sum())


def _by_kind(plan: Plan, station: pd.Series) -> dict[str, float]:
    """List what a station gives to targets on kinds of sites."""
    kind, types, rules = str(station["kind"]), plan.pile_types, plan.run["settings"].get("rules")
    counts = station[[f"piles_{name}" for name in types["type_id"]]].to_numpy(dtype=float)
    gives: dict[str, float] = {}
    for name, one in (("service_areas", "service_area"), ("rest_areas", "rest_area")):
        if kind == one:
            gives[name] = _share(1.0, float((plan.candidates["kind"] == one).sum()))
    if kind == "fuel":
        gives["energy_stations"] = 1.0
    if kind == "residential":
        gives["residential_piles"] = float(counts[(types["current"] == "ac").to_numpy()].sum())
    if rules is not None and kind in rules["heavy_kinds"] and station["status"] == "new":
        strong = counts[(types["kw"] >= rules["heavy_kw"]).to_numpy()].sum()
        gives |= {"heavy_sites": 1.0} if strong >= rules["heavy_piles"] else {}
    return gives


def _places(plan: Plan, site_id: str) -> dict[str, float]:
    """Shares of townships and key areas that the station alone can reach."""
    places = plan.places
    if not len(places) or "sites" not in places:
        return {}
    gives: dict[str, float] = {}
    for measure in ("townships", "key_areas"):
        group = places[places["measure"] == measure]
        alone = (group["station_id"] == site_id) & (group["sites"] == 1)
        if np.any(alone):
            gives[measure] = float(np.mean(alone))
    return gives
