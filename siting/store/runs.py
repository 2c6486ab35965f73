"""The run folder: a plan written as layers, map and run.json, and read back."""

from __future__ import annotations

import json
import os
import time
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyogrio

from siting.errors import InputError
from siting.evidence import read_evidence, write_evidence
from siting.files import publishing, remove_stale, replacing
from siting.plan import Plan
from siting.store.dictionary import data_dictionary
from siting.store.geopackage import add_extras

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import geopandas as gpd

LAYERS = ("stations", "candidates", "demand", "districts", "roads")
"""Layers with geometry in plan.gpkg."""
OPTIONAL = (
    *("places", "substations", "existing", "exclusions", "dropped"),
    *("hydrogen", "hydrogen_candidates", "hydrogen_demand", "protected"),
    *("rsus", "roadside_candidates", "edge_nodes", "zones", "road_points", "buildings"),
    *("test_roads", "test_road_catalogue", "test_road_corridors"),
    *("test_road_nodes", "test_road_places"),
)
"""Layers that are there only when the plan has something on them."""
TABLES = ("catchments", "clauses", "pile_types", "assumptions", "service")
"""Tables without geometry in plan.gpkg."""
OPTIONAL_TABLES = ("obu_routes", "junctions", "batches")
"""Tables that are there only when the plan has something in them."""
GPKG = "plan.gpkg"
EVIDENCE = "evidence.npz"
RUN = "run.json"


def write_run(
    plan: Plan,
    out: Path,
    writers: Mapping[str, Callable[[Plan, Path], None]],
    seconds: Mapping[str, float],
) -> tuple[Path, Plan]:
    """
    Publish a plan as a run folder, whole or not at all.

    Parameters
    ----------
    plan
        The plan; a caller verifies it first.
    out
        Folder in which `<model>-<run id>` appears; `<model>-latest` in it is pointed there.
    writers
        By file name what else a run holds (`index.html`, `tables.xlsx`): each writes the plan to
        a path.
    seconds
        Wall time by stage before this one; run.json adds `publish` (up to itself) and `total`.

    Returns
    -------
    folder, plan
        The published folder, and the plan with its finished run record.

    Raises
    ------
    OutputError
        The folder exists, or the disk refuses; nothing is left behind then.
    """
    begin = time.perf_counter()
    folder = out / f"{plan.run['model']}-{plan.run['run_id']}"
    out.mkdir(parents=True, exist_ok=True)
    remove_stale(out)
    with publishing(folder) as part:
        write_layers(plan, part / GPKG)
        for name, write in writers.items():
            write(plan, part / name)
        if plan.evidence:
            write_evidence(part / EVIDENCE, plan.evidence)
        spent = {**seconds, "publish": time.perf_counter() - begin}
        spent["total"] = sum(spent.values())
        run = {**plan.run, "seconds": {name: round(value, 3) for name, value in spent.items()}}
        text = json.dumps(run, ensure_ascii=False, indent=1, allow_nan=False)
        (part / RUN).write_text(text + "\n", encoding="utf-8")
    _point_latest(folder, str(run["model"]))
    return folder, replace(plan, run=run)


def _point_latest(folder: Path, model: str) -> None:
    """Point `<model>-latest` at a run; where links can't be made, there is none."""
    link = folder.parent / f"{model}-latest"
    fresh = folder.parent / f".{model}-latest-{os.getpid()}"
    try:
        fresh.symlink_to(folder.name, target_is_directory=True)
        fresh.replace(link)
    except OSError:
        fresh.unlink(missing_ok=True)


def write_layers(plan: Plan, path: Path) -> None:
    """
    Write the layers and tables of a plan as one GeoPackage.

    Parameters
    ----------
    plan
        The plan.
    path
        The file; replaced when it exists.
    """
    run = plan.run
    synthetic = "Synthetic roads and facilities. " if run["synthetic_roads"] else ""
    text = f"{run['attribution']}. {synthetic}Planned by siting {run['versions']['siting']}."
    with replacing(path) as part:
        for name in (*LAYERS, *(name for name in OPTIONAL if len(getattr(plan, name)))):
            frame = getattr(plan, name)
            pyogrio.write_dataframe(
                frame,
                part,
                layer=name,
                driver="GPKG",
                append=part.exists(),
                layer_metadata={"IDENTIFIER": f"{name} {run['run_id']}", "DESCRIPTION": text},
                SPATIAL_INDEX="YES",
                geometry_type="MultiPolygon" if name == "districts" else None,
                promote_to_multi=name == "districts",
            )
        for name in (*TABLES, *(name for name in OPTIONAL_TABLES if len(getattr(plan, name)))):
            pyogrio.write_dataframe(
                getattr(plan, name), part, layer=name, driver="GPKG", append=True
            )
        spatial = [name for name in LAYERS + OPTIONAL if len(getattr(plan, name))]
        more = [name for name in OPTIONAL_TABLES if len(getattr(plan, name))]
        frames = {name: getattr(plan, name) for name in (*spatial, *TABLES, *more)}
        layers = {name: frames[name] for name in spatial}
        add_extras(part, layers, data_dictionary(frames, plan.pile_types), run)


def read_run(folder: Path) -> Plan:
    """
    Read a published run back.

    Parameters
    ----------
    folder
        A run folder.

    Returns
    -------
    plan
        The plan as its files say.

    Raises
    ------
    InputError
        The folder isn't a run, or a file of it can't be read.
    """
    run = read_record(folder)
    path = folder / GPKG
    if not path.is_file():
        raise InputError("the run has no layers", where=path, cure="Plan again")
    frames: dict[str, Any] = {}
    try:
        there = set(pyogrio.list_layers(path)[:, 0])
        more = tuple(name for name in OPTIONAL + OPTIONAL_TABLES if name in there)
        for name in LAYERS + TABLES + more:
            frames[name] = _read_layer(path, name)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise InputError(f"the layers can't be read: {error}", where=path) from error
    free = {"run", "evidence", *OPTIONAL, *OPTIONAL_TABLES}
    wanted = {field.name for field in fields(Plan)} - free
    missing = wanted - frames.keys()
    if missing:
        raise InputError("layers are missing", where=path, value=", ".join(sorted(missing)))
    kept = folder / EVIDENCE
    return Plan(**frames, run=run, evidence=read_evidence(kept) if kept.exists() else {})


def _read_layer(path: Path, name: str) -> pd.DataFrame | gpd.GeoDataFrame:
    frame = pyogrio.read_dataframe(path, layer=name, read_geometry=name in LAYERS + OPTIONAL)
    text = [
        c for c in frame.columns if c != "geometry" and not pd.api.types.is_numeric_dtype(frame[c])
    ]
    for column in text:
        frame[column] = frame[column].fillna("")
    return frame


def read_record(folder: Path) -> Mapping[str, Any]:
    """
    Read the run.json of a published run.

    Raises
    ------
    InputError
        The folder isn't a run.
    """
    path = folder / RUN
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            "this isn't a run folder", where=path, cure="Give a folder that `siting plan` wrote"
        ) from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"run.json can't be read: {error}", where=path) from error
    if not isinstance(run, dict) or "run_id" not in run:
        raise InputError("run.json isn't a run's", where=path)
    return run
