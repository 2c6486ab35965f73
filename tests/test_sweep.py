"""Sweeps go on after anything, and come to the same bytes."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from tiny import write_model

from siting.errors import BusyError, InputError
from siting.files import folder_lock
from siting.sweep.apart import run_apart
from siting.sweep.running import LEDGER, RESULTS, TABLE, read_ledger, sweep

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from siting.sweep.running import Sweep

SCENARIOS = """
scenarios:
  overrides:
    poor: {charging: {budget_cny: 100000}}
    rich: {charging: {budget_cny: 5000000}}
    few: {targets: [{measure: stations, at_least: 3}]}
  runs: {impossible: [poor], rich: [rich], few: [few]}
"""
LINE = {"status": "planned", "error": None, "result": {}, "run": "", "seconds": 1.0}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = write_model(tmp_path_factory.mktemp("model"), budget=3e6)
    path.write_text(path.read_text(encoding="utf-8") + SCENARIOS, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def whole(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    return sweep(model, out=tmp_path_factory.mktemp("whole"), workers=2)


def _bytes(folder: Path) -> tuple[bytes, bytes]:
    return (folder / RESULTS).read_bytes(), (folder / TABLE).read_bytes()


def _lines(folder: Path) -> int:
    ledgers = list(folder.glob(f"*/{LEDGER}"))
    return ledgers[0].read_bytes().count(b"\n") if ledgers else 0


@pytest.mark.slow
def test_a_failing_scenario_is_reported_and_the_rest_is_finished(whole: Sweep) -> None:
    by_name = {one["scenario"]: one for one in whole.results}
    assert list(by_name) == ["base", "impossible", "rich", "few"]
    assert (whole.planned, whole.failed, whole.resumed) == (3, 1, 0)
    lost = by_name["impossible"]
    assert lost["status"] == "failed"
    assert lost["error"]["kind"] == "InfeasibleError"
    assert "budget" in lost["error"]["text"].lower()
    assert by_name["few"]["result"]["totals"]["stations"] >= 3
    assert by_name["base"]["result"]["clauses"][0]["status"] == "met"


@pytest.mark.slow
def test_the_table_says_what_the_results_say(whole: Sweep) -> None:
    with (whole.folder / TABLE).open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["scenario"] for row in rows] == [one["scenario"] for one in whole.results]
    for row, one in zip(rows, whole.results, strict=True):
        if one["result"] is not None:
            assert float(row["objective"]) == one["result"]["objective"]
            assert int(row["piles"]) == one["result"]["totals"]["piles"]
        assert bool(row["error"]) == (one["status"] == "failed")


@pytest.mark.slow
def test_runs_are_kept_and_hold(whole: Sweep) -> None:
    names = {path.name.removesuffix("-latest") for path in whole.folder.glob("runs/*-latest")}
    assert names == {"tiny-base", "tiny-rich", "tiny-few"}
    run = json.loads((whole.folder / "runs/tiny-rich-latest/run.json").read_text(encoding="utf-8"))
    assert run["verified"] is True


@pytest.mark.slow
def test_a_sweep_killed_in_the_middle_comes_to_the_same_bytes(
    model: Path, whole: Sweep, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "siting", "sweep", str(model), "--out", str(tmp_path)]
    going = subprocess.Popen([*command, "--workers", "1"], stdout=subprocess.DEVNULL)  # noqa: S603
    try:
        end = time.monotonic() + 200
        while _lines(tmp_path) < 2 and time.monotonic() < end:
            time.sleep(0.05)
    finally:
        os.kill(going.pid, signal.SIGKILL)
        going.wait()
    assert 2 <= _lines(tmp_path) < 4, "it was stopped in the middle"
    again = sweep(model, out=tmp_path, workers=1, keep_runs=False)
    assert again.resumed >= 1
    assert _bytes(again.folder) == _bytes(whole.folder)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Start a Dask scheduler and three workers, a process each."""
    pytest.importorskip("distributed", reason="the extra `cluster` isn't installed")
    where = tmp_path / "scheduler.json"
    python = [sys.executable, "-m"]
    common = ["--scheduler-file", str(where), "--no-dashboard"]
    scheduler = ["distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", *common]
    worker = ["distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny", *common]
    with ExitStack() as stack:

        def begin(arguments: list[str]) -> subprocess.Popen[bytes]:
            started = subprocess.Popen(  # noqa: S603
                [*python, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                cwd=tmp_path,
            )  # fmt: skip
            stack.callback(started.wait)
            stack.callback(started.kill)
            return started

        begin(scheduler)
        end = time.monotonic() + 60
        while not where.exists() and time.monotonic() < end:
            time.sleep(0.1)
        workers = [begin(worker) for _ in range(3)]
        yield json.loads(where.read_text(encoding="utf-8"))["address"], workers


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_comes_to_the_same_bytes(
    cluster: tuple[str, list[subprocess.Popen[bytes]]], model: Path, whole: Sweep, tmp_path: Path
) -> None:
    address, workers = cluster
    ended: list[str] = []

    def told(name: str, _status: str, _seconds: float) -> None:
        if not ended:
            workers[0].kill()
        ended.append(name)

    found = sweep(model, out=tmp_path / "out", cluster=address, keep_runs=False, told=told)
    assert workers[0].wait(timeout=10) == -signal.SIGKILL
    assert sorted(ended) == ["base", "few", "impossible", "rich"]
    assert _bytes(found.folder) == _bytes(whole.folder)


@pytest.mark.slow
def test_a_killed_process_is_begun_again_and_then_reported(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot = "import os, sys; sys.stdin.read(); os.kill(os.getpid(), 9)"
    monkeypatch.setattr("siting.sweep.apart._BOOT", boot)
    answer = run_apart({"scenario": "base", "model": str(model), "overrides": {}, "out": ""})
    assert answer["status"] == "failed"
    assert answer["error"] == {"kind": "Killed", "text": "the process ended: killed by signal 9"}


def test_the_last_word_of_the_ledger_counts_and_a_torn_line_does_not(tmp_path: Path) -> None:
    path = tmp_path / LEDGER
    entries: list[dict[str, Any]] = [
        {"scenario": "base", "mark": "1", **LINE, "status": "failed"},
        {"scenario": "base", "mark": "1", **LINE},
        {"scenario": "rich", "mark": "of another question", **LINE},
    ]
    text = "".join(json.dumps(entry) + "\n" for entry in entries) + '{"scenario": "few", "ma'
    path.write_text(text, encoding="utf-8")
    found = read_ledger(path, {"base": "1", "rich": "2", "few": "3"})
    assert {name: line["status"] for name, line in found.items()} == {"base": "planned"}
    assert read_ledger(tmp_path / "none", {}) == {}


def test_two_sweeps_of_one_question_are_kept_apart(model: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"can't be reached"):
        sweep(model, out=tmp_path, cluster="tcp://127.0.0.1:1")
    (folder,) = tmp_path.iterdir()
    with folder_lock(folder), pytest.raises(BusyError):
        sweep(model, out=tmp_path)
