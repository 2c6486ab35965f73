"""Two windows of a plan solved side by side: one here, one in a helper process."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from functools import partial
from typing import IO, TYPE_CHECKING, Any

from siting.core.sizing.window import Window, solve_window
from siting.core.worker import child_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from siting.core.sizing.part import Siting

    Solve = Callable[[list[Window]], list[Siting | None]]

_BOOT = "from siting.core.sizing.crew import helper_main; helper_main()"


@contextlib.contextmanager
def crew() -> Iterator[Solve]:
    """
    Give a function that solves windows, the second of each two in a helper process.

    Without a second processor, or where the helper can't be started or dies, the windows are
    solved here one after another, with the same answers: effort is counted in nodes, not in time.
    The helper ends when its input does, so it never outlives this process, however that ends.
    """
    helper = _hire() if _processors() > 1 else None
    try:
        yield partial(_solve, helper)
    finally:
        _dismiss(helper)


def _processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _hire() -> subprocess.Popen[bytes] | None:
    with contextlib.suppress(OSError):
        return subprocess.Popen(  # noqa: S603  (our own interpreter, our own module)
            [sys.executable, "-P", "-c", _BOOT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=child_environment(),
        )
    return None


def _dismiss(helper: subprocess.Popen[bytes] | None) -> None:
    if helper is None:
        return
    helper.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        helper.wait(timeout=5.0)
    for pipe in (helper.stdin, helper.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _solve(helper: subprocess.Popen[bytes] | None, windows: list[Window]) -> list[Siting | None]:
    """Solve windows; the helper takes the second while the first is solved here."""
    sent = len(windows) > 1 and helper is not None and _send(helper, windows[1])
    answers: list[Siting | None] = []
    for number, window in enumerate(windows):
        if sent and number == 1 and helper is not None:
            answers.append(_receive(helper, window))
        else:
            answers.append(solve_window(window))
    return answers


def _send(helper: subprocess.Popen[bytes], window: Window) -> bool:
    """Hand a window to the helper; whether that worked."""
    assert helper.stdin is not None  # noqa: S101
    try:
        pickle.dump(window, helper.stdin, protocol=pickle.HIGHEST_PROTOCOL)
        helper.stdin.flush()
    except (OSError, ValueError):
        return False
    return True


def _receive(helper: subprocess.Popen[bytes], window: Window) -> Siting | None:
    """Take the helper's answer, or solve the window here where the helper is gone."""
    assert helper.stdout is not None  # noqa: S101
    try:
        found: Siting | None = pickle.load(helper.stdout)  # noqa: S301  (our own helper wrote it)
    except (OSError, EOFError, pickle.UnpicklingError):
        return solve_window(window)
    return found


def helper_main() -> None:
    """Solve one window after another until the input ends. The entry point of the helper."""
    # Whatever prints to standard output from here on must not reach the answers.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    windows: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, windows), daemon=True).start()
    while True:
        found = solve_window(windows.get())
        pickle.dump(found, out, protocol=pickle.HIGHEST_PROTOCOL)
        out.flush()


def _listen(pipe: IO[bytes], windows: queue.SimpleQueue[Any]) -> None:
    """Queue the windows that come in; when the other end is gone, so is this process."""
    with contextlib.suppress(OSError, EOFError, ValueError, pickle.UnpicklingError):
        while True:
            windows.put(pickle.load(pipe))  # noqa: S301  (our own parent wrote it)
    os._exit(0)
