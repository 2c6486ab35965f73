"""Functions for the worker's tests to run in a child process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from siting.core.worker import Stream


def double(payload: object, stream: Stream) -> object:
    stream.progress(1.0, 2.0)
    return np.asarray(payload) * 2


def shout(payload: object, stream: Stream) -> object:
    """Print to standard output, from Python and below it."""
    del stream
    print("hello")  # noqa: T201
    os.write(1, b"bytes that are no frame\n")
    return payload


def sleep(payload: object, stream: Stream) -> object:
    """Stream one answer, then sleep."""
    stream.answer("so far")
    stream.progress(5.0, 7.0)
    time.sleep(float(str(payload)))
    return "slept"


def spin(payload: object, stream: Stream) -> object:
    """Hold the interpreter without a pause."""
    stream.answer("so far")
    end = time.monotonic() + float(str(payload))
    while time.monotonic() < end:
        pass
    return "spun"


def fail(payload: object, stream: Stream) -> object:
    del stream
    raise ValueError(payload)


def abort(payload: object, stream: Stream) -> object:
    del payload
    stream.answer("so far")
    os.abort()


def eat(payload: object, stream: Stream) -> object:
    """Take memory in steps of 20 MB up to the given MB."""
    del stream
    kept = []
    for _ in range(int(str(payload)) // 20):
        kept.append(np.ones(20 * 131_072))
        time.sleep(0.01)
    return len(kept)


def process_id(payload: object, stream: Stream) -> object:
    stream.answer(os.getpid())
    time.sleep(float(str(payload)))
    return None


def feed_helper(payload: object, stream: Stream) -> object:
    """Let a process of our own take the given MB, then wait for it."""
    code = f"import sys; kept = bytearray({int(str(payload))} << 20); sys.stdin.read()"
    helper = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)  # noqa: S603
    stream.answer(helper.pid)
    time.sleep(15)
    return "slept"
