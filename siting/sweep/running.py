"""A sweep: every scenario of a model, on local processes or a cluster, resumed where it stopped."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siting import __version__
from siting.errors import InputError, SitingError
from siting.files import folder_lock, replacing, sha256_of
from siting.model.model import load_model
from siting.sweep.apart import failed, run_apart
from siting.sweep.scenarios import scenarios_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from siting.sweep.scenarios import Scenario

    Task = Mapping[str, Any]
    Ended = tuple[Task, Mapping[str, Any]]

LEDGER, RESULTS, TABLE = "ledger.jsonl", "results.json", "results.csv"
CONNECT_S = 10
"""How long a cluster may take to answer."""
COLUMNS = ("scenario", "status", "objective", "bound", "gap", "short", "error")
"""First columns of `results.csv`; the totals of the runs follow."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """
    A finished sweep.

    Attributes
    ----------
    folder
        Where it lies: `ledger.jsonl`, `results.json`, `results.csv`, and `runs/` if they are kept.
    results
        A scenario each, in the model's order, without times.
    planned, failed
        How many scenarios have a plan, and how many ended with an error.
    resumed
        How many were there already from an earlier sweep of the same question.
    """

    folder: Path
    results: tuple[Mapping[str, Any], ...]
    planned: int
    failed: int
    resumed: int


def sweep(
    model: str | Path,
    *,
    out: Path,
    workers: int = 2,
    cluster: str = "",
    keep_runs: bool = True,
    told: Callable[[str, str, float], None] | None = None,
) -> Sweep:
    """
    Plan every scenario of a model, and go on where an earlier sweep was stopped.

    Each scenario is a process of its own; one that fails is reported and the rest is finished. What
    ends is appended to `ledger.jsonl` at once. `results.json` and `results.csv` are written from it
    at the end and hold no times, so that they are the same bytes however often the sweep was
    stopped and wherever the scenarios were planned.

    Parameters
    ----------
    model
        Name of a model or the path of a YAML file, with `scenarios:`.
    out
        Folder in which `<model>-sweep-<mark>` appears; the mark is of the model, its scenarios and
        its files, and a changed question is another sweep.
    workers
        Scenarios at once on this machine.
    cluster
        Address of a Dask scheduler (`tcp://host:8786`) whose workers plan them; they need siting
        and the same files under the same paths.
    keep_runs
        Whether the run folders are kept under `runs/`.
    told
        Told the name, the status and the seconds of each scenario that ends.

    Raises
    ------
    ModelError
        The model is wrong or has no scenarios.
    InputError
        The cluster can't be reached, or the extra isn't installed.
    BusyError
        Another process is at the same sweep.
    """
    question = load_model(model)
    scenarios = scenarios_of(model, question)
    marks = {one.name: _mark(model, one) for one in scenarios}
    whole = hashlib.sha256(json.dumps(marks).encode()).hexdigest()[:10]
    folder = out / f"{question.name}-sweep-{whole}"
    with folder_lock(folder):
        there = read_ledger(folder / LEDGER, marks)
        runs = str((folder / "runs").resolve()) if keep_runs else ""
        name = str(model.resolve()) if isinstance(model, Path) else _absolute(model)
        tasks = [
            {"scenario": one.name, "model": name, "overrides": dict(one.overrides), "out": runs}
            for one in scenarios
            if there.get(one.name, {}).get("status") != "planned"
        ]
        run = _on_cluster(tasks, cluster) if cluster else _on_threads(tasks, workers)
        for task, answer in run:
            line = {"scenario": task["scenario"], "mark": marks[task["scenario"]], **answer}
            _append(folder / LEDGER, line)
            there[task["scenario"]] = line
            if told is not None:
                told(task["scenario"], answer["status"], answer["seconds"])
        results = tuple(_result(one, there[one.name]) for one in scenarios)
        _publish(folder, results)
    planned = sum(one["status"] == "planned" for one in results)
    return Sweep(folder, results, planned, len(results) - planned, len(scenarios) - len(tasks))


def _absolute(model: str) -> str:
    """Return a model's path whole, for a worker stands elsewhere; a name stays one."""
    return str(Path(model).resolve()) if Path(model).is_file() else model


def _mark(model: str | Path, scenario: Scenario) -> str:
    """Hash a scenario's question: the whole model and the bytes of its files."""
    try:
        asked = load_model(model, scenario.overrides)
    except SitingError as error:
        return hashlib.sha256(f"{scenario.overrides}{error}".encode()).hexdigest()
    # The scenarios beside this one don't change it.
    text = asked.model_dump_json(exclude={"scenarios"})
    files = sorted({value for value in _texts(json.loads(text)) if value.startswith(os.sep)})
    hashes = [sha256_of(Path(file)) for file in files if Path(file).is_file()]
    return hashlib.sha256(json.dumps([__version__, text, hashes]).encode()).hexdigest()


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def read_ledger(path: Path, marks: Mapping[str, str]) -> dict[str, Mapping[str, Any]]:
    """
    Read what a sweep has come to, the last word on each scenario.

    Parameters
    ----------
    path
        The ledger; it may be missing, and its last line may be cut off.
    marks
        Mark of each scenario; lines of another question are passed over.
    """
    found: dict[str, Mapping[str, Any]] = {}
    if not path.exists():
        return found
    for line in path.read_bytes().splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and marks.get(str(entry.get("scenario"))) == entry.get("mark"):
            found[str(entry["scenario"])] = entry
    return found


def _append(path: Path, entry: Mapping[str, Any]) -> None:
    """Append a line and force it to disk; after a line that was cut off it begins a new one."""
    with path.open("ab+") as file:
        torn = b""
        if file.tell():
            file.seek(-1, os.SEEK_END)
            torn = b"" if file.read(1) == b"\n" else b"\n"
        file.write(torn + json.dumps(entry, ensure_ascii=False).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _on_threads(tasks: Sequence[Task], workers: int) -> Iterator[Ended]:
    """Plan on this machine: a thread waits for each process."""
    stop = threading.Event()
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        futures = {pool.submit(run_apart, task, stop): task for task in tasks}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)


def _on_cluster(tasks: Sequence[Task], address: str) -> Iterator[Ended]:
    """Plan on the workers of a Dask cluster; it gives the tasks of a dead worker to another."""
    try:
        from distributed import Client  # noqa: PLC0415
        from distributed import as_completed as completed  # noqa: PLC0415
    except ImportError as error:
        raise InputError(
            "a cluster needs Dask", where=address, cure="pip install siting[cluster]"
        ) from error
    try:
        client = Client(address, timeout=CONNECT_S)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise InputError(
            "the cluster can't be reached",
            where=address,
            value=error,
            cure="Give the address that `dask scheduler` prints, tcp://host:8786",
        ) from error
    with client:
        futures = {client.submit(run_apart, task, pure=False): task for task in tasks}
        for future in completed(list(futures)):  # type: ignore[no-untyped-call]
            lost = future.exception()
            if lost is None:
                yield futures[future], future.result()
            else:
                yield futures[future], {**failed(type(lost).__name__, str(lost)), "seconds": 0.0}


def _result(scenario: Scenario, line: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a scenario came to, without times and places."""
    kept = {name: line[name] for name in ("status", "error", "result")}
    return {"scenario": scenario.name, "parts": list(scenario.parts), **kept}


def _publish(folder: Path, results: Sequence[Mapping[str, Any]]) -> None:
    """Write the results as JSON and as a table, each whole or not at all."""
    text = json.dumps(list(results), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    with replacing(folder / RESULTS) as part:
        part.write_text(text, encoding="utf-8")
    with replacing(folder / TABLE) as part:
        part.write_bytes(_table(results).encode("utf-8-sig"))


def _table(results: Sequence[Mapping[str, Any]]) -> str:
    """Return the results as csv, a row a scenario."""
    totals = list(
        dict.fromkeys(k for one in results for k in (one["result"] or {}).get("totals", {}))
    )
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow((*COLUMNS, *totals))
    for one in results:
        found = one["result"] or {}
        missed = [c for c in found.get("clauses", ()) if c["status"] == "short"]
        rows.writerow(
            (
                one["scenario"],
                one["status"],
                *(found.get(name, "") for name in ("objective", "bound", "gap")),
                "; ".join(f"{c['id'] or 'own'} {c['measure']}" for c in missed),
                "" if one["error"] is None else one["error"]["text"],
                *(found.get("totals", {}).get(name, "") for name in totals),
            )
        )
    return text.getvalue()
