"""The gateway's process: one simulated gateway, and beside it the same tasks on the paths of the peers.

Run as a program it takes JSON lines and answers each with one; `apart` is the other end. What it begins is the same
for everybody: how long tasks last comes from a seed, and all start on a whole period of the gateway's saves. Instants
are the loop's time, which on Linux is one clock for all processes.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import log
from pathlib import Path
from random import Random
from typing import Final

from aiohttp import web
from attrs import asdict, frozen

from benchmarks.peer_routes import fal_queue, legnext_jobs
from benchmarks.peer_routes.contest import TOKEN, Urls
from benchmarks.peer_routes.shown import LATENCY, Shown
from mjwatch.testing import Family, SimulatedGateway

SAVES: Final = 3.0
"""The simulated trueai gateway saves what it shows each so many seconds."""
_MEDIAN: Final = 20.0
_SPREAD: Final = 0.42
_SHORTEST: Final = 8.0
_LONGEST: Final = 26.0
"""Seconds a turbo task takes: a lognormal, of which the tails are left out for the sake of the benchmark's length."""
_STEPS: Final = (0, 15, 31, 46, 62, 78, 93)


@frozen
class Order:
    """
    Tasks to submit; how long each lasts follows from their number alone.

    Attributes:
        count: How many.
        scale: 1 for tasks that last as long as turbo tasks do; 0 for tasks that have ended when they are submitted.
    """

    count: int
    scale: float


class World:
    """
    A gateway in a process of its own, as seen from the outside. Its methods block.

    Attributes:
        urls: Where to find it.
        pid: Its process.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = process.pid
        self.urls = Urls(**json.loads(self._read()))

    def begin(self, order: Order) -> dict[str, float]:
        """Submit tasks, all at once, and forget the requests so far; return when the end of each will be shown."""
        shown: dict[str, float] = json.loads(self._ask(asdict(order)))
        return shown

    def asked(self) -> Sequence[float]:
        """Return when each request came since `begin`, in order."""
        instants: list[float] = json.loads(self._ask({}))
        return instants

    def _ask(self, question: Mapping[str, float]) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextmanager
def apart() -> Iterator[World]:
    """Open a gateway in a process of its own. It ends where its input does, also if we are killed."""
    with subprocess.Popen(
        (sys.executable, "-m", "benchmarks.peer_routes.world"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        yield World(process)


class _Inside:
    """The same from the inside."""

    def __init__(self, gateway: SimulatedGateway, shown: Shown) -> None:
        self._gateway = gateway
        self._shown = shown

    async def begin(self, order: Order) -> dict[str, float | None]:
        loop, rng = asyncio.get_running_loop(), Random(order.count)
        prefix = "1" if order.scale else "9"  # the tasks of a warm-up are others
        ids = [f"{prefix}735689600{number:06}" for number in range(order.count)]
        if order.scale:
            await asyncio.sleep(SAVES - loop.time() % SAVES)
        for task_id in ids:
            _submit(self._gateway, task_id, order.scale * _draw(rng))
        self._gateway.requests.clear()
        self._shown.asked.clear()
        return {task_id: self._gateway.shown_at(task_id) for task_id in ids}

    def asked(self) -> list[float]:
        return sorted([request.at for request in self._gateway.requests] + self._shown.asked)


def _draw(rng: Random) -> float:
    """Return how long a turbo task takes, within bounds."""
    while not _SHORTEST <= (seconds := rng.lognormvariate(log(_MEDIAN), _SPREAD)) <= _LONGEST:
        pass
    return seconds


def _submit(gateway: SimulatedGateway, task_id: str, lasts: float) -> None:
    script = gateway.task(task_id, mode="TURBO", prompt="a lighthouse in the fog, oil on canvas --ar 16:9")
    script.submitted()
    gap = lasts / (len(_STEPS) + 1)
    for percent in _STEPS if lasts else ():
        script.after(gap).progress(percent)
    script.after(gap).success()


async def _serve() -> None:
    gateway = SimulatedGateway(Family.TRUEAI, seed=1, token=TOKEN, latency=LATENCY, refresh=SAVES)
    async with gateway:
        shown = Shown(gateway)
        app = web.Application()
        app.add_routes([*fal_queue.routes(shown), *legnext_jobs.routes(shown)])
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
            host, port = runner.addresses[0][:2]
            print(json.dumps(asdict(Urls(gateway.base_url, f"http://{host}:{port}"))), flush=True)
            await _answer(_Inside(gateway, shown))
        finally:
            await runner.cleanup()


async def _answer(inside: _Inside) -> None:
    while line := await asyncio.to_thread(sys.stdin.readline):
        question: dict[str, float] = json.loads(line)
        if question:
            order = Order(int(question["count"]), question["scale"])
            print(json.dumps(await inside.begin(order)), flush=True)
        else:
            print(json.dumps(inside.asked()), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve())
