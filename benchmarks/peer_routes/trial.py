"""One row of the table, measured in a process that does nothing else: `python -m benchmarks.peer_routes.trial`.

Its CPU time is the client's alone, for the gateway has a process of its own. Clients are open, and the code is warm,
before the tasks are submitted; the clock runs from there until the last answer is in hand, or the time is up.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from statistics import fmean, quantiles
from typing import Final

import anyio
from attrs import asdict, frozen

from benchmarks.peer_routes.contest import Contestant
from benchmarks.peer_routes.cores import starved
from benchmarks.peer_routes.line_up import CONTESTANTS
from benchmarks.peer_routes.loopback import lock
from benchmarks.peer_routes.world import Order, World, apart

_WARM_UP: Final = 15.0
"""Seconds that the warm-up may take, at most."""


@frozen(kw_only=True)
class Heat:
    """
    Who waits for what.

    Attributes:
        key: The contestant.
        tasks: How many tasks a program waits for.
        clients: How many clients it shares them out to.
        repeats: How many such programs run side by side in the one process; the figures are those of one.
        scale: How long the tasks last, beside real ones.
        limit: Seconds after which the rest counts as unfinished.
    """

    key: str
    tasks: int
    clients: int = 1
    repeats: int = 1
    scale: float = 1
    limit: float = 45


@frozen(kw_only=True)
class Row:
    """
    One measurement.

    Attributes:
        requests: That came to the gateway.
        peak: The most of them within one second; None where repeats share the gateway.
        cpu: Seconds of this process.
        lag: Seconds from the instant an end was first shown to the answer in hand, on average; what is unfinished
            counts up to the stop.
        lag_p95: The same, 95th percentile.
        unfinished: Tasks whose answer had not come when the time was up.
        seconds: How long it took on the wall.
        starved: Seconds that client and gateway stood ready and got no core; None where nobody says so.
    """

    key: str
    tasks: int
    clients: int
    repeats: int
    requests: float
    peak: int | None
    cpu: float
    lag: float
    lag_p95: float
    unfinished: int
    seconds: float
    starved: float | None


@frozen
class _Clocks:
    """What is read before and after."""

    wall: float
    cpu: float
    starved: float | None

    @classmethod
    def read(cls, world: World) -> _Clocks:
        return cls(time.monotonic(), time.process_time(), starved(os.getpid(), world.pid))


class _Watch:
    """Notes when each answer came, and knows when all have."""

    def __init__(self, shown: Mapping[str, float]) -> None:
        self._shown = shown
        self._time = asyncio.get_running_loop().time
        self.told: dict[str, float] = {}
        self.all_told = anyio.Event()

    def tell(self, task_id: str) -> None:
        self.told[task_id] = self._time()
        if len(self.told) == len(self._shown):
            self.all_told.set()

    def lags(self, until: float) -> list[float]:
        """Return how late each answer was; one that has not come counts until now, if its end was shown."""
        if any(at < self._shown[task_id] for task_id, at in self.told.items()):
            raise AssertionError("an end was known before it was shown: the measurement is wrong")
        return [max(self.told.get(task_id, until) - at, 0.0) for task_id, at in self._shown.items()]


async def _warm_up(contestant: Contestant, world: World) -> None:
    """Go the whole way once, with a client that nobody uses again and tasks that have ended."""
    ids = list(world.begin(Order(2, 0)))
    async with contestant.waiting(world.urls) as wait:
        with anyio.fail_after(_WARM_UP):
            await wait(ids, lambda _task_id: None)


async def measure(contestant: Contestant, heat: Heat, world: World) -> None:
    """Let *contestant* wait for the tasks of *heat*, and print the row before anything is closed."""
    await _warm_up(contestant, world)
    async with AsyncExitStack() as clients:
        opened = (contestant.waiting(world.urls) for _ in range(heat.clients * heat.repeats))
        waits = [await clients.enter_async_context(one) for one in opened]
        order = Order(heat.tasks * heat.repeats, heat.scale)
        shown = await asyncio.to_thread(world.begin, order)
        watch, ids, each = _Watch(shown), list(shown), heat.tasks // heat.clients
        gc.collect()
        async with anyio.create_task_group() as group:
            before = _Clocks.read(world)
            for number, wait in enumerate(waits):
                group.start_soon(wait, ids[number * each :][:each], watch.tell)
            with anyio.move_on_after(heat.limit):
                await watch.all_told.wait()
            row = _row(heat, watch, before, _Clocks.read(world), world.asked())
            print(json.dumps(asdict(row)), flush=True)
            group.cancel_scope.cancel()


def _row(heat: Heat, watch: _Watch, before: _Clocks, after: _Clocks, asked: Sequence[float]) -> Row:
    lags = watch.lags(after.wall)
    return Row(
        key=heat.key,
        tasks=heat.tasks,
        clients=heat.clients,
        repeats=heat.repeats,
        requests=len(asked) / heat.repeats,
        peak=_peak(asked) if heat.repeats == 1 else None,
        cpu=(after.cpu - before.cpu) / heat.repeats,
        lag=fmean(lags),
        lag_p95=quantiles(lags, n=20, method="inclusive")[-1] if len(lags) > 1 else lags[0],
        unfinished=len(lags) - len(watch.told),
        seconds=after.wall - before.wall,
        starved=after.starved - before.starved
        if before.starved is not None and after.starved is not None
        else None,
    )


def _peak(asked: Sequence[float]) -> int:
    """Return the most requests within one second."""
    return max((bisect_left(asked, at + 1) - number for number, at in enumerate(asked)), default=0)


def main() -> None:
    """Measure one row; it goes to stdout as JSON."""
    parser = argparse.ArgumentParser(prog="benchmarks.peer_routes.trial")
    parser.add_argument("heat", help="a Heat as JSON")
    heat = Heat(**json.loads(parser.parse_args().heat))
    lock()
    with apart() as world:
        asyncio.run(measure(CONTESTANTS[heat.key], heat, world))


if __name__ == "__main__":
    main()
