"""What serves each clause: the rows of the map's layers that count towards it, and their count."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.assemble.measures import counted_piles
from siting.own.existing import is_dedicated
from siting.webmap.pack import pack_points, vlq
from siting.webmap.servingroads import ROAD_RULES, ROADSIDE_RULES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from siting.plan import Plan

    Bools = npt.NDArray[np.bool_]

CITED = ("stations", "hydrogen", "rsus")
"""Layers whose `clauses` column names the clauses that they answer."""
_IDS = re.compile(r"[\s,;，；、]+")


@dataclass(frozen=True, slots=True)
class Serving:
    """
    What counts towards a clause.

    Attributes
    ----------
    members
        By layer of the map whether each of its rows counts, shape (rows,).
    value
        What they come to: a count, piles, kilometres ...
    whole
        What a share is of; None where the measure is no share.
    beside
        Part of the value that the map doesn't show (swap stations).
    missed
        EPSG:4326 Points of what the clause asks for and the plan doesn't reach.
    """

    members: Mapping[str, Bools]
    value: float
    whole: float | None = None
    beside: float = 0.0
    missed: gpd.GeoSeries = field(default_factory=lambda: gpd.GeoSeries([], crs="EPSG:4326"))

    @property
    def planned(self) -> float:
        """The figure of the ledger; NaN for a share of nothing."""
        if self.whole is None:
            return self.value
        return self.value / self.whole if self.whole else float("nan")


def serving(plan: Plan) -> list[Serving | None]:
    """
    Find what serves each row of the clause ledger.

    Parameters
    ----------
    plan
        The plan; members are rows of its `stations`, `hydrogen`, `rsus`, `test_road_catalogue`,
        `places`, `districts` and of its built `zones`.

    Returns
    -------
    found
        One a row; for a clause without a figure what names it in its `clauses`; None for nothing.
    """
    found: list[Serving | None] = []
    for row in plan.clauses.to_dict("records"):
        rule = RULES.get(str(row["measure"]))
        if rule is not None and pd.notna(row["target"]) and pd.notna(row["planned"]):
            found.append(rule(plan))
        else:
            found.append(_cited(plan, str(row["clause"])))
    return found


def packed_serving(plan: Plan) -> list[dict[str, Any] | None]:
    """Return what serves each clause as plain JSON: rows as steps, `*` for all of a layer."""
    return [None if one is None else _packed(one) for one in serving(plan)]


def _packed(one: Serving) -> dict[str, Any]:
    rows = {name: np.flatnonzero(inside) for name, inside in one.members.items()}
    return {
        "members": {
            name: "*" if len(some) == len(one.members[name]) else vlq(np.diff(some, prepend=0))
            for name, some in rows.items()
            if len(some)
        },
        "value": one.value,
        "whole": one.whole,
        "beside": one.beside,
        "missed": pack_points(one.missed),
    }


def _cited(plan: Plan, clause: str) -> Serving | None:
    """Find what names a clause without a figure among the clauses that it answers."""
    members: dict[str, Bools] = {}
    for name in CITED:
        frame = getattr(plan, name)
        if clause and "clauses" in frame:
            some = [clause in _IDS.split(str(text)) for text in frame["clauses"]]
            if any(some):
                members[name] = np.array(some, dtype=bool)
    count = sum(int(inside.sum()) for inside in members.values())
    return Serving(members, float(count)) if members else None


def _settings(plan: Plan) -> Mapping[str, Any]:
    found: Mapping[str, Any] = plan.run.get("settings", {})
    return found


def _counts_existing(plan: Plan) -> bool:
    return bool(_settings(plan).get("existing_count", True))


def _counting(plan: Plan) -> Bools:
    """Tell which stations count: all, or the new ones alone."""
    new = (plan.stations["status"] == "new").to_numpy(dtype=bool)
    return np.ones_like(new) if _counts_existing(plan) else new


def _counted(plan: Plan) -> npt.NDArray[np.float64]:
    names = [str(name) for name in plan.pile_types["type_id"]]
    return counted_piles(plan.stations, names, existing_count=_counts_existing(plan))


def _stations(plan: Plan) -> Serving:
    readings = _settings(plan).get("readings", {})
    swap = readings.get("station") == "charging_and_swap"
    beside = float(readings.get("swap_stations", 0.0)) if swap else 0.0
    inside = _counting(plan)
    return Serving({"stations": inside}, float(inside.sum()) + beside, beside=beside)


def _piles(plan: Plan) -> Serving:
    readings = _settings(plan).get("readings", {})
    public = np.ones(len(plan.stations), dtype=bool)
    if readings.get("access") == "public":
        public = ~is_dedicated(plan.stations, tuple(readings["dedicated_kinds"]))
    gun = readings.get("pile") == "gun"
    each = plan.pile_types["guns"].to_numpy(dtype=float) if gun else np.ones(len(plan.pile_types))
    piles = (_counted(plan) @ each) * public
    return Serving({"stations": piles > 0}, float(piles.sum()))


def _dc_share(plan: Plan) -> Serving:
    piles = _counted(plan)
    dc = piles[:, (plan.pile_types["current"] == "dc").to_numpy()].sum(axis=1)
    return Serving({"stations": dc > 0}, float(dc.sum()), float(max(1.0, piles.sum())))


def _open(plan: Plan, ids: pd.Series) -> Bools:
    return np.asarray(plan.stations["site_id"].isin(ids), dtype=bool)


def _sites_of(kind: str, *, nothing: float) -> Callable[[Plan], Serving]:
    """Count the candidate sites of a kind that are open; `nothing` is the share of none."""

    def rule(plan: Plan) -> Serving:
        sites = plan.candidates[plan.candidates["kind"] == kind]
        chosen = sites["chosen"].astype(bool)
        members = {"stations": _open(plan, sites["site_id"][chosen])}
        if not len(sites):
            return Serving(members, nothing, 1.0)
        return Serving(
            members, float(chosen.sum()), float(len(sites)), missed=sites.geometry[~chosen]
        )

    return rule


def _district_stations(plan: Plan) -> Serving:
    """Show the districts with the fewest stations."""
    counted = plan.stations["district_id"][_counting(plan)]
    each = counted.value_counts().reindex(plan.districts["district_id"], fill_value=0)
    least = float(each.min())
    return _worst(plan, (each == least).to_numpy(), least, _counting(plan))


def _worst(plan: Plan, worst: Bools, value: float, inside: Bools) -> Serving:
    ids = plan.districts["district_id"][worst]
    mine = plan.stations["district_id"].isin(ids).to_numpy(dtype=bool)
    return Serving({"districts": worst, "stations": inside & mine}, value)


def _served_share(plan: Plan) -> Serving:
    served = float(plan.demand["served_kwh_day"].sum())
    works = (plan.stations["served_kwh_day"] > 0).to_numpy(dtype=bool)
    return Serving({"stations": works}, served, float(plan.demand["kwh_day"].sum()))


def _district_served_share(plan: Plan) -> Serving:
    """Show the worst district, with the stations that serve demand in it."""
    asked = plan.districts["kwh_day"] > 0
    share = plan.districts["served_share"].where(asked)
    worst = (share == share.min()).to_numpy(dtype=bool)
    ids = plan.districts["district_id"][worst]
    points = plan.demand["demand_id"][plan.demand["district_id"].isin(ids)]
    flows = plan.catchments[plan.catchments["kwh_day"] > 0]
    at = flows["site_id"][flows["demand_id"].isin(points)]
    return Serving({"districts": worst, "stations": _open(plan, at)}, float(share.min()))


def _reached(measure: str) -> Callable[[Plan], Serving]:
    """Count the places of a measure that a station reaches."""

    def rule(plan: Plan) -> Serving:
        of = (plan.places["measure"] == measure).to_numpy(dtype=bool)
        reached = of & plan.places["reached"].to_numpy(dtype=bool)
        return Serving(
            {"places": reached, "stations": _open(plan, plan.places["station_id"][reached])},
            float(reached.sum()),
            float(of.sum()),
            missed=plan.places.geometry[of & ~reached],
        )

    return rule


def _zone_areas(plan: Plan) -> Serving:
    """Count the key areas in town with enough fast piles around them."""
    places, least = plan.places, _settings(plan)["rules"]["zone_piles"]
    of = ((places["measure"] == "key_areas") & places["urban"].astype(bool)).to_numpy()
    enough = of & (places["fast_piles"] >= least).to_numpy()
    return Serving(
        {"places": enough, "stations": _open(plan, places["station_id"][enough])},
        float(enough.sum()),
        float(of.sum()),
        missed=places.geometry[of & ~enough],
    )


def _test_fleets(plan: Plan) -> Serving:
    """Count the bases of test fleets with enough fast piles around them."""
    places, least = plan.places, _settings(plan)["rules"]["test_fleet_piles"]
    of = (places["measure"] == "test_fleets").to_numpy(dtype=bool)
    enough = of & (places["fast_piles"] >= least).to_numpy()
    return Serving(
        {"places": enough, "stations": _open(plan, places["station_id"][enough])},
        float(enough.sum()),
        float(of.sum()),
        missed=places.geometry[of & ~enough],
    )


def _heavy_sites(plan: Plan) -> Serving:
    rules, types = _settings(plan)["rules"], plan.pile_types
    strong = [f"piles_{t}" for t in types["type_id"][types["kw"] >= rules["heavy_kw"]]]
    stations = plan.stations
    enough = stations[strong].sum(axis=1) >= rules["heavy_piles"]
    inside = enough & stations["kind"].isin(rules["heavy_kinds"]) & (stations["status"] == "new")
    return Serving({"stations": inside.to_numpy(dtype=bool)}, float(inside.sum()))


def _energy_stations(plan: Plan) -> Serving:
    inside = (plan.stations["kind"] == "fuel").to_numpy(dtype=bool)
    return Serving({"stations": inside}, float(inside.sum()))


def _residential_piles(plan: Plan) -> Serving:
    types = plan.pile_types
    slow = [f"piles_{t}" for t in types["type_id"][types["current"] == "ac"]]
    home = (plan.stations["kind"] == "residential").to_numpy(dtype=bool)
    piles = plan.stations[slow].to_numpy(dtype=float).sum(axis=1) * home
    return Serving({"stations": piles > 0}, float(piles.sum()))


def _utilisation(plan: Plan) -> Serving:
    stations = plan.stations
    served, capacity = (float(stations[f"{n}_kwh_day"].sum()) for n in ("served", "capacity"))
    return Serving({"stations": np.ones(len(stations), dtype=bool)}, served, capacity)


def _hydrogen(plan: Plan) -> Serving:
    return Serving({"hydrogen": np.ones(len(plan.hydrogen), dtype=bool)}, float(len(plan.hydrogen)))


def _filled(rule: Callable[[Plan], dict[str, Any]]) -> Callable[[Plan], Serving]:
    """Make of a rule that finds fields one that finds what serves."""
    return lambda plan: Serving(**rule(plan))


RULES: Mapping[str, Callable[[Plan], Serving]] = {
    "stations": _stations,
    "piles": _piles,
    "dc_share": _dc_share,
    "service_areas": _sites_of("service_area", nothing=1.0),
    "rest_areas": _sites_of("rest_area", nothing=float("nan")),
    "district_stations": _district_stations,
    "served_share": _served_share,
    "district_served_share": _district_served_share,
    "townships": _reached("townships"),
    "key_areas": _reached("key_areas"),
    "zone_areas": _zone_areas,
    "test_fleets": _test_fleets,
    "heavy_sites": _heavy_sites,
    "energy_stations": _energy_stations,
    "residential_piles": _residential_piles,
    "utilisation": _utilisation,
    "hydrogen_stations": _hydrogen,
    **{measure: _filled(rule) for measure, rule in {**ROAD_RULES, **ROADSIDE_RULES}.items()},
}
"""By measure how to find what serves it."""
