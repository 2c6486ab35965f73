"""Recompute waiting, transformers and the way to the nearest station from the layers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from scipy.stats import poisson

from siting.verify.finding import Finding, none

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    from siting.plan import Plan

METRES = 1.0
"""Largest difference between a stated and a recomputed distance."""
SHARE = 1e-6
MINUTES = 1e-6
"""Largest relative difference of a wait."""
LARGEST_KVA = 2500


def service_findings(plan: Plan) -> Iterator[Finding]:
    """Recompute transformers, waits, nearest stations and the table of service."""
    yield from _check_transformers(plan)
    yield from _check_waits(plan)
    nearest = _nearest_m(plan)
    stated = plan.demand.nearest_m.to_numpy(dtype=float)
    lost = np.isnan(stated)
    off = np.where(np.isinf(nearest), ~lost, ~(np.abs(nearest - stated) <= METRES))
    yield none("distances to the nearest station", plan.demand.demand_id[off])
    yield from _check_table(plan)


def _check_transformers(plan: Plan) -> Iterator[Finding]:
    """Hold that every transformer carries its load and that no smaller standard size does."""
    settings, stations = plan.run["settings"], plan.stations
    load = stations.installed_kw * settings["simultaneity"] / settings["power_factor"]
    right = [_least_kva(float(kva)) for kva in load]
    yield none("transformer sizes", stations.site_id[stations.transformer_kva.to_numpy() != right])


def _least_kva(load: float) -> int:
    """Return the rated power of the fewest equal transformers of the R10 series for a load."""
    if load <= 0:
        return 0
    units = max(1, math.ceil(load / LARGEST_KVA - 1e-9))
    sizes = [round(hundred * tens) for tens in (10, 100, 1000) for hundred in _R10]
    fitting = (s for s in sizes if 100 <= s <= LARGEST_KVA and s >= load / units - 1e-6)  # noqa: PLR2004
    return units * min(fitting, default=LARGEST_KVA)


_R10 = (1.0, 1.25, 1.6, 2.0, 2.5, 3.15, 4.0, 5.0, 6.3, 8.0)


def _check_waits(plan: Plan) -> Iterator[Finding]:
    arcs = plan.catchments.merge(plan.demand[["demand_id", "segment"]], on="demand_id")
    energy: dict[str, dict[str, float]] = {}
    columns = (arcs[name].tolist() for name in ("site_id", "segment", "kwh_day"))
    for site, segment, kwh in zip(*columns, strict=True):
        here = energy.setdefault(site, {})
        here[segment] = here.get(segment, 0.0) + kwh
    wrong, wrong_type = [], []
    for row in plan.stations.to_dict("records"):
        queues = _queues(row, energy.get(row["site_id"], {}), plan)
        worst = max(queues, key=lambda queue: queue[:2], default=(0.0, 0.0, ""))
        mine = [queue for queue in queues if queue[2] == row["wait_type"]]
        minutes, probability, _ = mine[0] if mine else (0.0, 0.0, "")
        if not (
            _alike(minutes, row["wait_minutes"])
            and _alike(worst[0], row["wait_minutes"])
            and _alike(probability, row["wait_probability"])
        ):
            wrong.append(row["site_id"])
        if bool(mine) != bool(queues):
            wrong_type.append(row["site_id"])
    yield none("waits in the peak hour", np.array(wrong, dtype=object))
    yield none("pile types of the longest wait", np.array(wrong_type, dtype=object))


def _alike(a: float, b: float) -> bool:
    return a == b or abs(a - b) <= MINUTES * max(1.0, abs(b))


def _queues(
    station: Mapping[Any, Any], energy: Mapping[str, float], plan: Plan
) -> list[tuple[float, float, str]]:
    """Return mean wait in minutes, probability of waiting and type id of each type in use."""
    rules = plan.run["settings"]["queueing"]
    types = [
        row for row in plan.pile_types.to_dict("records") if station[f"piles_{row['type_id']}"]
    ]
    left = {row["type_id"]: station[f"piles_{row['type_id']}"] * row["kwh_day"] for row in types}
    arrivals = dict.fromkeys(left, 0.0)
    hours = dict.fromkeys(left, 0.0)
    everywhere = {
        segment: sum(segment in str(text).split() for text in plan.pile_types.segments)
        for segment in ("private", "fleet", "heavy")
    }
    for segment in sorted(everywhere, key=lambda name: everywhere[name]):
        usable = [row for row in types if segment in str(row["segments"]).split()]
        room = {row["type_id"]: left[row["type_id"]] for row in usable}
        if sum(room.values()) <= 0:
            room = {
                row["type_id"]: station[f"piles_{row['type_id']}"] * row["kwh_day"]
                for row in usable
            }
        session = rules[f"{segment}_session_kwh"]
        for row in usable:
            name = row["type_id"]
            kwh = energy.get(segment, 0.0) * room[name] / sum(room.values())
            left[name] = max(0.0, left[name] - kwh)
            vehicles = kwh * rules["peak_hour_share"] / session
            arrivals[name] += vehicles
            hours[name] += vehicles * (session / row["kw"] + rules["changeover_minutes"] / 60)
    return [
        (*_wait(int(station[f"piles_{name}"]), arrivals[name], hours[name]), name)
        for name in arrivals
        if arrivals[name] > 0
    ]


def _wait(piles: int, arrivals: float, load: float) -> tuple[float, float]:
    """Return minutes and probability of waiting, Erlang B taken from the Poisson distribution."""
    if load >= piles:
        return math.inf, 1.0
    blocked = float(np.exp(poisson.logpmf(piles, load) - poisson.logcdf(piles, load)))
    busy = blocked / (1 - load / piles * (1 - blocked))
    # Little's law: mean queue length C a / (c - a) over the arrival rate.
    return 60 * busy * load / (piles - load) / arrivals, busy


def _nearest_m(plan: Plan) -> npt.NDArray[np.float64]:
    """Shortest way to a station with a pile type for the segment; `inf` where there is none."""
    roads, stations, demand = plan.roads, plan.stations, plan.demand
    ids = pd.Index(pd.concat([roads.tail_id, roads.head_id]).unique())
    tail, head = ids.get_indexer(roads.tail_id), ids.get_indexer(roads.head_id)
    both = roads.oneway.to_numpy() == 0
    edges = pd.DataFrame(
        {
            "to": np.concatenate([head, tail[both]]),
            "of": np.concatenate([tail, head[both]]),
            "m": np.concatenate([roads.length_m, roads.length_m[both]]),
        }
    )
    links = edges.sort_values("m").drop_duplicates(["to", "of"])
    found = np.full(len(demand), np.inf)
    for segment in demand.segment.unique():
        types = [
            f"piles_{row.type_id}"
            for row in plan.pile_types.itertuples()
            if segment in str(row.segments).split()
        ]
        open_here = stations[(stations[types].sum(axis=1) > 0) & (stations.node_id >= 0)]
        rows = np.flatnonzero((demand.segment == segment) & (demand.node_id >= 0))
        # One node more for each station, at the end of its access leg.
        count = len(ids) + len(open_here)
        graph = coo_array(
            (
                np.concatenate([links.m, np.maximum(open_here.access_m, 1e-6)]),
                (
                    np.concatenate([links["to"], np.arange(len(ids), count)]),
                    np.concatenate([links.of, ids.get_indexer(open_here.node_id)]),
                ),
            ),
            shape=(count, count),
        ).tocsr()
        if open_here.empty:
            continue
        tree = dijkstra(graph, indices=np.arange(len(ids), count), min_only=True)
        points = demand.iloc[rows]
        found[rows] = tree[ids.get_indexer(points.node_id)] + points.access_m.to_numpy()
    return found


def _check_table(plan: Plan) -> Iterator[Finding]:
    settings, demand, service = plan.run["settings"], plan.demand, plan.service
    limit = demand.urban.map({True: settings["urban_radius_m"], False: settings["rural_radius_m"]})
    limit = limit.mask(demand.segment == "heavy", settings["heavy_radius_m"])
    points = pd.DataFrame(demand.drop(columns="geometry"))
    points["inside"] = points.nearest_m.notna() & (points.nearest_m <= limit)
    wrong = []
    for row in service.to_dict("records"):
        part = points
        if row["district_id"] != "all":
            part = points[points.district_id == row["district_id"]]
        wrong += [f"{row['district_id']} {name}" for name in _differences(row, part)]
    yield none("service by district", np.array(wrong, dtype=object))
    expected = ["all", *plan.districts.district_id]
    yield Finding(
        "districts of the service table",
        list(service.district_id) == expected,
        f"{len(service)} rows",
        f"{len(expected)} rows",
    )
    yield from _check_record(plan)


def _differences(row: Mapping[Any, Any], part: pd.DataFrame) -> list[str]:
    country = part[~part.urban.astype(bool)]
    far = part.nearest_m.fillna(np.inf)
    values = {
        "kwh_day": part.kwh_day.sum(),
        "population": part.population.sum(),
        "rural_population": country.population.sum(),
        "kwh_share_within": _ratio(part, "kwh_day"),
        "people_share_within": _ratio(part, "population"),
        "rural_people_share_within": _ratio(country, "population"),
        "kwh_unreached": part.kwh_day[np.isinf(far)].sum(),
    }
    wrong = [name for name, value in values.items() if not _same(float(value), row[name])]
    return wrong + ([] if _is_quantile(row["distance_p95_m"], far, part.kwh_day) else ["p95"])


def _ratio(part: pd.DataFrame, column: str) -> float:
    total = part[column].sum()
    return float(part[column][part.inside].sum() / total) if total > 0 else math.nan


def _same(a: float, b: float) -> bool:
    return (math.isnan(a) and math.isnan(b)) or abs(a - b) <= SHARE * max(1.0, abs(a))


def _is_quantile(stated: float, far: pd.Series[Any], weight: pd.Series[Any]) -> bool:
    """Hold that 95 % of the weight lies within a distance, and less within any shorter one."""
    total = float(weight.sum())
    if math.isnan(stated):
        return total <= 0 or float(weight[np.isfinite(far)].sum()) <= total * (0.95 + 1e-9)
    below = float(weight[far < stated - 1e-6].sum())
    up_to = float(weight[far <= stated + 1e-6].sum())
    return below <= total * (0.95 + 1e-9) and up_to >= total * (0.95 - 1e-9)


def _check_record(plan: Plan) -> Iterator[Finding]:
    """Hold the record of the run to the table."""
    service, record = plan.service, plan.run["service"]
    rows = {row["district_id"]: row for row in service.to_dict("records")}
    shares = {
        name: row["kwh_share_within"]
        for name, row in rows.items()
        if name != "all" and not math.isnan(row["kwh_share_within"])
    }
    worst = record["worst_district"]
    least = min(shares.values(), default=math.nan)
    stated = math.nan if worst is None else float(shares.get(worst["district_id"], math.nan))
    yield Finding("worst served district", _same(stated, least), f"{stated:g}", f"{least:g}")
    said = [("all", record["all"])] + ([] if worst is None else [(worst["district_id"], worst)])
    wrong = [
        f"{key} {name}"
        for key, values in said
        for name, value in values.items()
        if not isinstance(value, str)
        and not _same(math.nan if value is None else float(value), float(rows[key][name]))
    ]
    yield none("service in the run record", np.array(wrong, dtype=object))
