"""
One solve in a child process: deadline, memory limit, streamed progress, and an end within a second.

The child is a fresh interpreter that runs this module, not a fork and not `multiprocessing`: it
needs no guard in the caller's main module, works inside the daemonic workers of a cluster, inherits
no threads, and leaves the caller's process free of solver libraries. Payload and answers are
pickled arrays on private pipes; what a solver prints goes nowhere near them.

Memory is watched as resident set (`psutil`), since a limit on address space counts what a solver
merely reserves and makes it crash where a kill is clean.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import psutil

from siting.core.outcome import TracePoint
from siting.errors import SolverError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_HEADER = struct.Struct("<Q")
_POLL_S = 0.02
_COUNT_S = 1.0
_MEGABYTE = 1024.0 * 1024.0
_BOOT = "from siting.core.worker import child_main; child_main()"


@dataclass(frozen=True, slots=True)
class Report:
    """
    What a child came to.

    Attributes
    ----------
    reason
        `done`, `interrupted` (Ctrl-C), `deadline`, `memory`, `error` (the function raised) or
        `crashed` (the process died of itself).
    answer
        What the function returned; where it did not return, the last answer it streamed, or None.
    trace
        Progress points that the function streamed, in order.
    peak_memory_mb
        Largest resident set seen, with those of the child's own helpers.
    seconds
        Wall time.
    message
        Text of the error, or of the way the process ended; "" where it is done.
    """

    reason: str
    answer: object
    trace: tuple[TracePoint, ...]
    peak_memory_mb: float
    seconds: float
    message: str = ""


@dataclass(frozen=True, slots=True)
class Stream:
    """
    The child's way back to its parent.

    Attributes
    ----------
    send
        Sends one (kind, value) frame.
    started
        `time.monotonic()` at the start of the call.
    """

    send: Callable[[str, object], None]
    started: float

    def progress(self, objective: float, bound: float) -> None:
        """Report incumbent and bound as of now (NaN where there is none)."""
        seconds = time.monotonic() - self.started
        self.send("progress", (seconds, float(objective), float(bound)))

    def answer(self, answer: object) -> None:
        """Leave a best-so-far answer with the parent, to be used if this process is ended."""
        self.send("answer", answer)


def run_in_child(
    function: str,
    payload: object,
    *,
    seconds: float,
    memory_mb: float,
    progress: Callable[[TracePoint], None] | None = None,
) -> Report:
    """
    Call `function(payload, stream)` in a child process.

    Parameters
    ----------
    function
        `package.module:name` of a function of (payload, `Stream`) that returns a picklable answer.
    payload
        What it is called with; pickled.
    seconds
        Hard deadline; the child is killed then. Give the function itself a little less.
    memory_mb
        Limit on the resident memory of the child and its helpers; they are ended above it.
    progress
        Called in this process with each progress point.

    Returns
    -------
    Report
        How it ended, with the answer or the last one streamed. Ctrl-C ends the child and is
        reported as `interrupted`, not raised.

    Raises
    ------
    SolverError
        Where the child can't be started.
    """
    started = time.monotonic()
    try:
        child = subprocess.Popen(  # noqa: S603  (our own interpreter, our own module)
            [sys.executable, "-P", "-c", _BOOT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=child_environment(),
        )
    except OSError as error:
        raise SolverError("the solver process can't be started", value=error) from error
    frames: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
    threads = (
        threading.Thread(target=_feed, args=(child.stdin, (function, payload)), daemon=True),
        threading.Thread(target=_read_frames, args=(child.stdout, frames), daemon=True),
    )
    for thread in threads:
        thread.start()
    watch = _Watch(child, frames, progress, started + seconds, memory_mb)
    try:
        with _interrupts(watch):
            reason, answer, message = watch.run()
    except KeyboardInterrupt:
        reason, answer, message = "interrupted", watch.best, "interrupted"
    finally:
        _end(child, threads)
    if reason == "crashed":
        message = _exit_text(child.returncode)
    seconds_spent = time.monotonic() - started
    return Report(reason, answer, tuple(watch.trace), watch.peak_mb, seconds_spent, message)


class _Watch:
    """Follows one child: frames, clock and memory."""

    def __init__(
        self,
        child: subprocess.Popen[bytes],
        frames: queue.SimpleQueue[tuple[str, Any]],
        progress: Callable[[TracePoint], None] | None,
        deadline: float,
        memory_mb: float,
    ) -> None:
        self.child = child
        self.frames = frames
        self.progress = progress
        self.deadline = deadline
        self.memory_mb = memory_mb
        self.interrupted = False
        self.best: object = None
        self.trace: list[TracePoint] = []
        self.peak_mb = 0.0
        self.process: psutil.Process | None = None
        self.helpers: list[psutil.Process] = []
        self.counted = -math.inf
        with contextlib.suppress(psutil.Error):
            self.process = psutil.Process(child.pid)

    def run(self) -> tuple[str, object, str]:
        """Wait for the end; (reason, answer, message)."""
        while True:
            with contextlib.suppress(queue.Empty):
                ended = self._take(*self.frames.get(timeout=_POLL_S))
                if ended is not None:
                    return ended
            if self.interrupted:
                return "interrupted", self.best, "interrupted"
            self._weigh()
            if self.peak_mb > self.memory_mb:
                text = f"needed more than the {self.memory_mb:.0f} MB allowed"
                return "memory", self.best, text
            if time.monotonic() > self.deadline:
                return "deadline", self.best, "stopped at the time limit"

    def _take(self, kind: str, value: Any) -> tuple[str, object, str] | None:  # noqa: ANN401
        if kind == "progress":
            point = TracePoint(*value)
            self.trace.append(point)
            if self.progress is not None:
                self.progress(point)
        elif kind == "answer":
            self.best = value
        elif kind == "done":
            answer, peak_mb = value
            self.peak_mb = max(self.peak_mb, peak_mb)
            return "done", answer, ""
        elif kind == "error":
            return "error", self.best, value
        elif kind == "end":
            # The process is gone or going; wait for its own exit code before anyone kills it.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.child.wait(timeout=1.0)
            return "crashed", self.best, ""
        return None

    def _weigh(self) -> None:
        if self.process is None:
            return
        with contextlib.suppress(psutil.Error):
            used = self.process.memory_info().rss
            # Looking for the child's own helpers goes through every process of the machine.
            if time.monotonic() - self.counted > _COUNT_S:
                self.counted = time.monotonic()
                self.helpers = self.process.children(recursive=True)
            for helper in self.helpers:
                with contextlib.suppress(psutil.Error):
                    used += helper.memory_info().rss
            self.peak_mb = max(self.peak_mb, used / _MEGABYTE)


@contextlib.contextmanager
def _interrupts(watch: _Watch) -> Iterator[None]:
    """Turn the first Ctrl-C into a flag, so that it can't strike half-way through anything else."""
    default = signal.default_int_handler
    here = threading.current_thread() is threading.main_thread()
    if not here or signal.getsignal(signal.SIGINT) is not default:
        yield
        return

    def note(number: int, frame: FrameType | None) -> None:
        if watch.interrupted:
            default(number, frame)
        watch.interrupted = True

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, default)


def child_environment() -> dict[str, str]:
    """Give the child our import path, and one thread so that results repeat."""
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return {**os.environ, **single, "PYTHONHASHSEED": "0", "PYTHONPATH": path}


def _feed(pipe: IO[bytes], message: object) -> None:
    """Write the payload; the pipe stays open, since its end tells the child that we are gone."""
    with contextlib.suppress(OSError):
        _write_frame(pipe, message)


def _read_frames(pipe: IO[bytes], frames: queue.SimpleQueue[tuple[str, Any]]) -> None:
    """Move frames from the child's pipe into the queue until the pipe ends."""
    with contextlib.suppress(OSError, EOFError, pickle.UnpicklingError, ValueError):
        while True:
            frames.put(_read_frame(pipe))
    frames.put(("end", None))


def _write_frame(pipe: IO[bytes], message: object) -> None:
    data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.write(_HEADER.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def _read_frame(pipe: IO[bytes]) -> Any:  # noqa: ANN401
    header = pipe.read(_HEADER.size)
    if len(header) < _HEADER.size:
        raise EOFError
    (size,) = _HEADER.unpack(header)
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError
    return pickle.loads(data)  # noqa: S301  (written by our own child or parent)


def _end(child: subprocess.Popen[bytes], threads: tuple[threading.Thread, ...]) -> None:
    """Let the child go, by force where it has not gone by itself, and reap it."""
    if child.poll() is None:
        child.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(timeout=5.0)
    for thread in threads:
        thread.join(timeout=5.0)
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _exit_text(code: int | None) -> str:
    if code is not None and code < 0:
        try:
            return f"the solver process died of {signal.Signals(-code).name}"
        except ValueError:
            return f"the solver process died of signal {-code}"
    return f"the solver process ended with code {code}"


def child_main() -> None:
    """Run the one call that the parent asks for. The entry point of the child process."""
    # Whatever prints to standard output from here on must not reach the frames.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lock = threading.Lock()

    def send(kind: str, value: object) -> None:
        with lock:
            _write_frame(out, (kind, value))

    function, payload = _read_frame(sys.stdin.buffer)
    threading.Thread(target=_die_with_parent, args=(sys.stdin.buffer,), daemon=True).start()
    try:
        module, _, name = function.partition(":")
        call = getattr(importlib.import_module(module), name)
        answer = call(payload, Stream(send, time.monotonic()))
        send("done", (answer, _peak_memory_mb()))
    except MemoryError:
        send("error", "out of memory")
    except Exception as error:  # noqa: BLE001  (everything must reach the parent)
        send("error", _error_text(error))
    os._exit(0)


def _error_text(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({os.path.basename(frame.filename)}:{frame.lineno})"  # noqa: PTH119


def _die_with_parent(pipe: IO[bytes]) -> None:
    """End this process when the parent's end of the pipe closes."""
    with contextlib.suppress(OSError, ValueError):
        pipe.read(1)
    os._exit(1)


def _peak_memory_mb() -> float:
    """Peak resident memory of this process (`getrusage` would include the parent's)."""
    with contextlib.suppress(OSError, ValueError), open("/proc/self/status", "rb") as file:  # noqa: PTH123
        for line in file:
            if line.startswith(b"VmHWM"):
                return float(line.split()[1]) / 1024.0
    return float(psutil.Process().memory_info().rss / _MEGABYTE)
