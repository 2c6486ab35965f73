"""One scenario in a process of its own, so that no crash, leak or kill takes others with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siting.errors import SitingError

if TYPE_CHECKING:
    from collections.abc import Mapping

TRIES = 2
"""How often a scenario is begun whose process is killed."""
_ORPHAN_S, _POLL_S = 0.5, 0.05
_BOOT = "from siting.sweep.apart import child_main; child_main()"


def run_apart(task: Mapping[str, Any], stop: threading.Event | None = None) -> dict[str, Any]:
    """
    Plan one scenario in a child process.

    Parameters
    ----------
    task
        `model` (name or path), `overrides`, `out` (folder for the run, "" to throw it away).
    stop
        Ends the process when it is set.

    Returns
    -------
    answer
        `status` (`planned` | `failed`), `error` (None, or its `kind` and `text`), `result` (None,
        or what `summary` says), `run` (folder of the run, "" where it isn't kept) and `seconds`.
    """
    begin, ended = time.perf_counter(), 0
    for _ in range(TRIES):
        with tempfile.TemporaryDirectory(prefix="siting-") as folder:
            answer = Path(folder) / "answer.json"
            ended = _child({**task, "answer": str(answer), "parent": os.getpid()}, stop)
            if answer.exists():
                found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
                return {**found, "seconds": time.perf_counter() - begin}
        if ended >= 0 or (stop is not None and stop.is_set()):
            break
    how = f"killed by signal {-ended}" if ended < 0 else f"exit code {ended}"
    lost = failed("Killed" if ended < 0 else "Crashed", f"the process ended: {how}")
    return {**lost, "seconds": time.perf_counter() - begin}


def failed(kind: str, text: str) -> dict[str, Any]:
    """Return the answer of a scenario that gave no plan."""
    error = {"kind": kind, "text": text}
    return {"status": "failed", "error": error, "result": None, "run": ""}


def _child(task: Mapping[str, Any], stop: threading.Event | None) -> int:
    """Run a child to its end, or until it is stopped; its exit code."""
    paths = os.pathsep.join(path for path in sys.path if path)
    with subprocess.Popen(  # noqa: S603  (our own interpreter, our own module)
        [sys.executable, "-P", "-c", _BOOT],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": paths},
    ) as child:
        assert child.stdin is not None  # noqa: S101
        child.stdin.write(json.dumps(task).encode())
        child.stdin.close()
        while child.poll() is None:
            if stop is not None and stop.is_set():
                child.kill()
            time.sleep(_POLL_S)
    return child.returncode


def child_main() -> None:
    """Plan what is asked on standard input and leave the answer in its file."""
    task = json.loads(sys.stdin.buffer.read())
    threading.Thread(target=_end_with, args=(int(task["parent"]),), daemon=True).start()
    answer = Path(task["answer"])
    part = answer.with_suffix(".part")
    part.write_text(json.dumps(plan_scenario(task), ensure_ascii=False), encoding="utf-8")
    part.replace(answer)


def _end_with(parent: int) -> None:
    """End this process when its parent is gone."""
    while os.getppid() == parent:
        time.sleep(_ORPHAN_S)
    os._exit(1)


def plan_scenario(task: Mapping[str, Any]) -> dict[str, Any]:
    """Plan one scenario in this process; as `run_apart`."""
    from siting.pipeline import plan  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="siting-") as away:
        out = Path(task["out"] or away)
        try:
            published = plan(task["model"], out=out, overrides=task["overrides"])
        except SitingError as error:
            return failed(type(error).__name__, str(error))
        except Exception as error:  # noqa: BLE001  (the other scenarios go on)
            return failed(type(error).__name__, str(error))
        kept = str(published.folder) if task["out"] else ""
        run = published.plan.run
        return {"status": "planned", "error": None, "result": summary(run), "run": kept}


def summary(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a run's record is the same whenever and wherever it is planned."""
    clauses = [
        {name: clause[name] for name in ("id", "measure", "at_least", "planned", "status")}
        for clause in run["clauses"]
        if clause["status"] in {"met", "short"}
    ]
    kept = ("status", "objective", "objective_meaning", "bound", "gap", "totals")
    return {**{name: run[name] for name in kept}, "clauses": clauses}
