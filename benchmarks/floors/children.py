"""Processes of the benchmark: each has its core, answers in JSON lines, and never outlives the one that started it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent.parent
PATIENCE: Final = 900.0
"""The longest any of them may take, seconds."""


class Broke(Exception):
    """A measuring process ended before it said what it had measured; what it met stands on stderr."""


def pin(place: int) -> None:
    """Stay on one core, if there are two: clients on the first, the gateway on the second."""
    if not hasattr(os, "sched_setaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, {cores[place]})


@contextmanager
def _deaf() -> Iterator[None]:
    """Let what is started here not hear Ctrl-C: this process does, and ends it."""
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, heard)


@contextmanager
def child(module: str, **spec: object) -> Iterator[subprocess.Popen[str]]:
    """Start *module* of this package as a program that is given *spec*, and end it."""
    with _deaf():
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-m", f"benchmarks.floors.{module}", json.dumps(spec)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
    try:
        yield process
        if process.stdin is not None:
            process.stdin.close()
        process.wait(timeout=10)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def heard(process: subprocess.Popen[str]) -> Any:
    """
    Return the next line that *process* says, decoded.

    Raises:
        Broke: it ended before.
    """
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise Broke(f"a measuring process ended early, with {process.wait()}")
    return json.loads(line)


def say(process: subprocess.Popen[str], line: str) -> None:
    """Tell *process* one line."""
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def result(module: str, **spec: object) -> Any:
    """Run *module* to its end, and return the one line it says."""
    with child(module, **spec) as process:
        return heard(process)


def given() -> Mapping[str, Any]:
    """Return what this process was given by `child`."""
    parent, until = os.getppid(), time.monotonic() + PATIENCE

    def check(_signal: int, _frame: object) -> None:
        if os.getppid() != parent or time.monotonic() > until:
            os._exit(1)  # whatever hangs, or was left behind, ends

    signal.signal(signal.SIGALRM, check)
    signal.setitimer(signal.ITIMER_REAL, 2.0, 2.0)
    spec: Mapping[str, Any] = json.loads(sys.argv[1])
    return spec


@contextmanager
def gateway() -> Iterator[int]:
    """Run the gateway in a process of its own; the port is what it is known by."""
    with child("server") as process:
        yield int(heard(process))
