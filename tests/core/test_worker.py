"""The child process: answers, limits, and an end whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest

from siting.core.worker import Report, run_in_child

if TYPE_CHECKING:
    from siting.core.outcome import TracePoint

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(HERE))


def call(name: str, payload: object, seconds: float = 20.0, memory_mb: float = 2000.0) -> Report:
    return run_in_child(f"child_functions:{name}", payload, seconds=seconds, memory_mb=memory_mb)


def test_answer_and_progress_come_back() -> None:
    seen: list[TracePoint] = []
    report = run_in_child(
        "child_functions:double",
        np.arange(1000.0),
        seconds=20,
        memory_mb=2000,
        progress=seen.append,
    )
    assert report.reason == "done"
    assert np.array_equal(report.answer, np.arange(1000.0) * 2)  # type: ignore[arg-type]
    assert [(point.objective, point.bound) for point in seen] == [(1.0, 2.0)]
    assert report.trace == tuple(seen)
    assert report.peak_memory_mb > 10


def test_what_the_child_prints_does_not_spoil_the_answer() -> None:
    assert call("shout", "payload").answer == "payload"


@pytest.mark.parametrize("name", ["sleep", "spin"])
def test_deadline_kills_and_keeps_the_best_so_far(name: str) -> None:
    started = time.monotonic()
    report = call(name, 60, seconds=2.0)
    assert time.monotonic() - started < 3.5
    assert (report.reason, report.answer) == ("deadline", "so far")


def test_an_exception_in_the_child_is_reported_with_its_place() -> None:
    report = call("fail", "no such luck")
    assert report.reason == "error"
    assert "ValueError: no such luck (child_functions.py:" in report.message


def test_a_child_that_dies_is_told_by_its_signal() -> None:
    report = call("abort", None)
    assert (report.reason, report.answer) == ("crashed", "so far")
    assert "SIGABRT" in report.message


def test_unknown_functions_are_errors_not_hangs() -> None:
    assert call("nowhere", None).reason == "error"
    assert run_in_child("no.module:name", 1, seconds=20, memory_mb=2000).reason == "error"


def test_memory_limit_ends_the_child() -> None:
    report = call("eat", 1500, memory_mb=300)
    assert report.reason == "memory"
    assert "300 MB" in report.message
    assert 300 < report.peak_memory_mb < 500
    assert call("eat", 100, memory_mb=600).answer == 5


def test_memory_of_the_childs_own_helpers_counts_and_they_end_with_it() -> None:
    report = call("feed_helper", 400, memory_mb=300)
    assert report.reason == "memory"
    assert report.peak_memory_mb > 300
    helper = report.answer
    assert isinstance(helper, int)
    until = time.monotonic() + 2.0
    while psutil.pid_exists(helper) and time.monotonic() < until:
        time.sleep(0.05)
    gone = not psutil.pid_exists(helper)
    assert gone or psutil.Process(helper).status() == psutil.STATUS_ZOMBIE


def interrupted() -> tuple[Report, float]:
    """Press Ctrl-C as soon as a child works; its report and how long it took to come."""
    ready = threading.Event()
    pressed = [0.0]

    def press() -> None:
        ready.wait(20)
        pressed[0] = time.monotonic()
        os.kill(os.getpid(), signal.SIGINT)

    def progress(point: TracePoint) -> None:
        del point
        ready.set()

    thread = threading.Thread(target=press)
    thread.start()
    try:
        report = run_in_child(
            "child_functions:sleep", 60, seconds=60, memory_mb=2000, progress=progress
        )
    except KeyboardInterrupt:
        pytest.fail("the interrupt was raised, not reported")
    finally:
        thread.join()
    return report, time.monotonic() - pressed[0]


def test_ctrl_c_ends_within_a_second_with_the_best_so_far() -> None:
    # A busy machine may hold one of them up.
    for _ in range(3):
        report, seconds = interrupted()
        assert (report.reason, report.answer) == ("interrupted", "so far")
        if seconds < 1.0:
            break
    assert seconds < 1.0


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_the_child_goes_when_its_parent_is_killed(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = (
        "from siting.core.worker import run_in_child, Stream\n"
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import siting.core.worker as w\n"
        "take = w._Watch._take\n"
        "def noting(self, kind, value):\n"
        "    if kind == 'answer': open(sys.argv[2], 'w').write(str(value))\n"
        "    return take(self, kind, value)\n"
        "w._Watch._take = noting\n"
        "run_in_child('child_functions:process_id', 60, seconds=60, memory_mb=2000)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(HERE), str(note)]) as parent:  # noqa: S603
        end = time.monotonic() + 20
        while not (note.exists() and note.read_text()) and time.monotonic() < end:
            time.sleep(0.05)
        child = psutil.Process(int(note.read_text()))
        parent.kill()
    assert psutil.wait_procs([child], timeout=3)[1] == []


def test_a_script_without_a_main_guard_can_solve(tmp_path: Path) -> None:
    script = tmp_path / "plain.py"
    script.write_text(
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from siting.core.worker import run_in_child\n"
        "print(run_in_child('child_functions:double', 4, seconds=20, memory_mb=2000).answer)\n"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, str(script), str(HERE)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "8\n"
