"""What the map page shows of a plan, packed, as plain JSON values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from siting.city.catalog import said_of_input
from siting.errors import OutputError
from siting.said import Said, notes_of, told
from siting.text import clip
from siting.webmap.dropped import dropped_places
from siting.webmap.joint import joint_summary
from siting.webmap.lines import road_sections, road_totals
from siting.webmap.pack import (
    numbers,
    pack_outlines,
    pack_points,
    pack_roads,
    texts,
    vlq,
)
from siting.webmap.roadside import roadside_layers, roadside_totals
from siting.webmap.serving import packed_serving
from siting.webmap.when import built_when

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt

    from siting.plan import Plan

NOTE_LENGTH = 400
"""Longest note of a run on the page."""
_TENTH = 10.0
"""Energies of catchments are packed in tenths of a kWh."""


def map_data(plan: Plan) -> dict[str, Any]:
    """
    Return what the page shows of a plan, packed, as plain JSON values.

    Raises
    ------
    OutputError
        A catchment names a station or demand point that the plan doesn't have.
    """
    cells = _cells(plan)
    return {
        "bounds": _bounds(plan),
        "roads": pack_roads(plan.roads),
        "districts": _districts(plan),
        "demand": cells["packed"],
        "stations": _stations(plan),
        "hydrogen": _hydrogen(plan),
        "testroads": road_sections(plan),
        "roadside": roadside_layers(plan),
        "unchosen": pack_points(plan.candidates.geometry[~plan.candidates["chosen"].astype(bool)]),
        "dropped": dropped_places(plan),
        "catchments": _catchments(plan, cells["of"]),
        "pile_types": _pile_types(plan),
        "clauses": _clauses(plan),
        "serving": packed_serving(plan),
        "places": _places(plan),
        "locks": _locks(plan),
        "assumptions": _assumptions(plan),
        "totals": _totals(plan),
        "service": _service(plan),
        "joint": joint_summary(plan.run),
        "run": _run(plan.run),
    }


def _bounds(plan: Plan) -> list[float]:
    """Return west, south, east and north of the first frame that has something."""
    for frame in (plan.districts, plan.stations, plan.roads, plan.demand):
        if len(frame):
            return [float(value) for value in np.round(frame.total_bounds, 6)]
    raise OutputError("the plan is empty, there is nothing to draw")


def _coded(column: pd.Series) -> tuple[list[int], list[str]]:
    """Return a text column as codes and the texts they stand for."""
    codes, values = pd.factorize(pd.Series(texts(column), dtype=object))
    return codes.tolist(), [str(value) for value in values]


def _stations(plan: Plan) -> dict[str, Any]:
    frame = plan.stations
    kind, kinds = _coded(frame["kind"])
    clauses, clause_sets = _coded(frame["clauses"])
    district, district_ids = _coded(frame["district_id"])
    named = dict(zip(texts(frame["district_id"]), texts(frame["district"]), strict=True))
    return {
        **pack_points(frame.geometry),
        "site_id": texts(frame["site_id"]),
        "name": texts(frame["name"]),
        "kind": kind,
        "kinds": kinds,
        "kept": [int(status == "kept") for status in frame["status"]],
        "mandatory": frame["mandatory"].astype(int).tolist(),
        "urban": frame["urban"].astype(int).tolist(),
        "district": district,
        "district_ids": district_ids,
        "districts": [named[identifier] for identifier in district_ids],
        "by_type": [numbers(frame[f"piles_{name}"]) for name in plan.pile_types["type_id"]],
        "piles": numbers(frame["piles"]),
        "installed_kw": numbers(frame["installed_kw"], 1),
        "peak_kw": numbers(frame["peak_kw"], 1),
        "capacity_kwh_day": numbers(frame["capacity_kwh_day"], 1),
        "served_kwh_day": numbers(frame["served_kwh_day"], 1),
        "utilisation": numbers(frame["utilisation"], 6),
        "transformer_kva": numbers(frame["transformer_kva"]),
        "wait_minutes": numbers(frame["wait_minutes"], 2),
        "wait_probability": numbers(frame["wait_probability"], 6),
        "cost_cny": numbers(frame["cost_cny"]),
        "v2g_ready": frame["v2g_ready"].astype(int).tolist(),
        "storage_kwh": numbers(frame["storage_kwh"]),
        "pv_kw": numbers(frame["pv_kw"]),
        "preference_cost_cny": numbers(frame["preference_cost_cny"]),
        "access_m": numbers(frame["access_m"]),
        "clauses": clauses,
        "clause_sets": clause_sets,
        "when": built_when(frame),
        **_standing(frame),
    }


def _standing(frame: gpd.GeoDataFrame) -> dict[str, Any]:
    """Return what the plan may say of the site of each station, of the columns that it has."""
    found: dict[str, Any] = {}
    for name in ("policy", "access", "wait_type", "substation_id"):
        if name in frame:
            found[name], found[f"{name}_texts"] = _coded(frame[name])
    for name in ("kept_piles", "max_piles", "kw_limit", "fixed_cost_cny"):
        if name in frame:
            found[name] = numbers(frame[name])
    if "cost_factor" in frame:
        found["cost_factor"] = numbers(frame["cost_factor"], 2)
    return found


def _places(plan: Plan) -> dict[str, Any]:
    """Return townships and key areas that clauses ask to be reached."""
    frame = plan.places
    packed = pack_points(frame.geometry)
    if not len(frame):
        return {**packed, "name": [], "measure": [], "reached": []}
    return {
        **packed,
        **{name: texts(frame[name]) for name in ("name", "measure")},
        "reached": frame["reached"].astype(int).tolist(),
    }


def _hydrogen(plan: Plan) -> dict[str, Any]:
    """Return the hydrogen stations; a distance of -1 stands for none."""
    frame = plan.hydrogen
    packed = pack_points(frame.geometry)
    if not len(frame):
        return {**packed, "site_id": [], "name": []}
    known = {
        name: numbers(frame[name].where(frame[name] >= 0), 1)
        for name in ("nearest_protected_m", "nearest_junction_m", "supply_m")
    }
    return {
        **packed,
        **{name: texts(frame[name]) for name in ("site_id", "name", "kind", "district", "clauses")},
        **known,
        "district_id": texts(frame["district_id"]),
        "when": built_when(frame),
        "combined": frame["combined"].astype(int).tolist(),
        "urban": frame["urban"].astype(int).tolist(),
        "capacity_kg_day": numbers(frame["capacity_kg_day"], 1),
        "cost_cny": numbers(frame["cost_cny"]),
        "served_kwh_day": numbers(frame["served_kwh_day"], 1),
        "served_share": numbers(frame["served_share"], 6),
        "corridor_km": numbers(frame["corridor_km"], 1),
        "access_m": numbers(frame["access_m"]),
    }


def _cells(plan: Plan) -> dict[str, Any]:
    """Return demand summed over the segments of each cell, and the cell of each demand point."""
    frame = plan.demand
    of, _ = pd.factorize(frame["cell_id"])
    first = np.flatnonzero(~pd.Series(of).duplicated().to_numpy())
    sums = {
        name: np.bincount(of, weights=frame[name].fillna(0.0), minlength=len(first))
        for name in ("kwh_day", "served_kwh_day")
    }
    packed = {
        **pack_points(frame.geometry.iloc[first]),
        "kwh": vlq(np.rint(sums["kwh_day"])),
        # Less than all must not round up to all.
        "served": vlq(np.floor(np.minimum(sums["served_kwh_day"], sums["kwh_day"]) + 0.5)),
    }
    return {"packed": packed, "of": of}


def _catchments(plan: Plan, cell_of: npt.NDArray[np.int64]) -> dict[str, str]:
    """Return, station by station, the cells it serves with energy and mean network distance."""
    table = plan.catchments
    station = pd.Index(plan.stations["site_id"]).get_indexer(table["site_id"])
    point = pd.Index(plan.demand["demand_id"]).get_indexer(table["demand_id"])
    lost = (station < 0) | (point < 0)
    if lost.any():
        raise OutputError(
            "a catchment names a station or demand point that the plan doesn't have",
            where="catchments",
            value=tuple(table.loc[lost, ["demand_id", "site_id"]].iloc[0]),
        )
    kwh = table["kwh_day"].to_numpy(dtype=np.float64)
    rows = pd.DataFrame(
        {
            "station": station,
            "cell": np.asarray(cell_of)[point],
            "kwh": kwh,
            "moment": kwh * table["distance_m"].to_numpy(dtype=np.float64),
        }
    )
    sums = rows[rows["kwh"] > 0].groupby(["station", "cell"], as_index=False).sum()
    count = np.bincount(sums["station"], minlength=len(plan.stations))
    return {
        "count": vlq(count),
        "cell": vlq(sums["cell"]),
        "kwh": vlq(np.rint(sums["kwh"] * _TENTH)),
        "distance_m": vlq(np.rint(sums["moment"] / sums["kwh"])),
    }


def _districts(plan: Plan) -> dict[str, Any]:
    frame = plan.districts
    return {
        **pack_outlines(frame.geometry),
        "district_id": texts(frame["district_id"]),
        "name": texts(frame["name"]),
        "name_en": texts(frame["name_en"]),
        "population": numbers(frame["population"]),
        "area_km2": numbers(frame["area_km2"], 2),
        "stations": numbers(frame["stations"]),
        "piles": numbers(frame["piles"]),
        "kwh_day": numbers(frame["kwh_day"], 1),
        "served_share": numbers(frame["served_share"], 6),
        "cost_cny": numbers(frame["cost_cny"]),
    }


def _pile_types(plan: Plan) -> list[dict[str, Any]]:
    return [
        {
            "type_id": str(row.type_id),
            "label_zh": clip(str(row.label_zh)),
            "label_en": clip(str(row.label_en)),
            "piles": int(plan.stations[f"piles_{row.type_id}"].sum()),
        }
        for row in plan.pile_types.itertuples()
    ]


def _records(frame: pd.DataFrame, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    return [
        {name: _plain(value) for name, value in zip(columns, row, strict=True)}
        for row in frame[list(columns)].itertuples(index=False, name=None)
    ]


def _clauses(plan: Plan) -> list[dict[str, Any]]:
    words = ("clause", "measure", "relation", "unit", "status", "reading", "quote")
    rows = _records(plan.clauses, (*words, "document", "note", "target", "planned"))
    said = plan.clauses.to_dict("records")
    for row, full in zip(rows, said, strict=True):
        row.update({name: row[name] or "" for name in words})
        row.update({name: _said(told(full, name)) for name in ("reading", "document", "note")})
    return rows


def _said(said: Said) -> list[str]:
    """Return a sentence as the page picks its language from: Chinese, English."""
    return [clip(said.zh, 2000), clip(said.en, 2000)] if said.zh or said.en else []


def _locks(plan: Plan) -> list[dict[str, Any]]:
    """Return locks by the ids that cards have: test roads by section, edge nodes by their own."""
    found = []
    for lock in plan.run.get("locks", ()):
        ids = [str(id_) for id_ in lock["ids"]]
        frame, own, shown = {
            "test_road": (plan.test_roads, "corridor_id", "section_id"),
            "edge_node": (plan.edge_nodes, "site_id", "edge_node_id"),
        }.get(lock["item"], (None, "", ""))
        if frame is not None:
            rows = frame[frame[own].isin(ids)] if len(frame) else frame
            ids = sorted(set(rows[shown])) if len(rows) else []
        words = {name: clip(str(lock[name]), 120) for name in ("item", "what", "who", "reason")}
        found.append({"number": int(lock["number"]), "ids": texts(ids), **words})
    return found


def _assumptions(plan: Plan) -> list[dict[str, Any]]:
    rows = _records(plan.assumptions, ("key", "value", "unit", "source", "unsourced"))
    for row, full in zip(rows, plan.assumptions.to_dict("records"), strict=True):
        row["key"] = row["key"] or ""
        row.update({name: _said(told(full, name)) for name in ("unit", "source")})
        if isinstance(row["value"], str):
            row["value"] = _said(told(full, "value"))
    return rows


def _totals(plan: Plan) -> dict[str, Any]:
    stations, demand = plan.stations, plan.demand
    return {
        "stations": len(stations),
        "kept": int((stations["status"] == "kept").sum()),
        "piles": int(stations["piles"].sum()),
        "cost_cny": int(stations["cost_cny"].sum()),
        "hydrogen_stations": len(plan.hydrogen),
        "hydrogen_cost_cny": int(plan.hydrogen["cost_cny"].sum()) if len(plan.hydrogen) else 0,
        **road_totals(plan),
        **roadside_totals(plan),
        "installed_kw": float(stations["installed_kw"].sum()),
        "peak_kw": float(stations["peak_kw"].sum()),
        "capacity_kwh_day": float(stations["capacity_kwh_day"].sum()),
        "station_served_kwh_day": float(stations["served_kwh_day"].sum()),
        "kwh_day": float(demand["kwh_day"].sum()),
        "served_kwh_day": float(demand["served_kwh_day"].sum()),
    }


def _service(plan: Plan) -> list[dict[str, Any]]:
    """Return service in all, then by district; what has no value is None."""
    return _records(
        plan.service,
        (
            "district_id",
            "kwh_share_within",
            "people_share_within",
            "rural_people_share_within",
            "distance_p95_m",
        ),
    )


def _run(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page says of the run; of input paths only the file's name."""
    seconds = run.get("seconds")
    if isinstance(seconds, Mapping):
        seconds = seconds.get("total", sum(seconds.values()))
    kept = ("model", "run_id", "status", "objective", "objective_meaning", "bound", "gap")
    plain = {name: _plain(run.get(name)) for name in (*kept, "peak_memory_mb")}
    inputs = [
        {
            "name": clip(PurePath(str(item.get("path", "")).replace("\\", "/")).name, 120),
            **{
                key: _said(said_of_input(clip(str(item.get(key) or ""), 200)))
                for key in ("source", "licence", "datum")
            },
        }
        for item in run.get("inputs") or ()
    ]
    return {
        **plain,
        "verified": run.get("verified") if isinstance(run.get("verified"), bool) else None,
        "seconds": _plain(seconds),
        "notes": [
            [clip(note.zh, NOTE_LENGTH), clip(note.en, NOTE_LENGTH)] for note in notes_of(run)
        ],
        "inputs": inputs,
    }


def _plain(value: object) -> object:
    """Return a cell as a JSON value: clean text, a finite number, a truth value or None."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return None if value is None or value is pd.NA else clip(str(value), 2000)
