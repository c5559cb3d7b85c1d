"""Weeks of watching in virtual time: what is there at noon must be there at the next noon, and no more."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from pathlib import Path
from random import Random
from time import process_time
from typing import Final

import anyio
from attrs import define, field, frozen

import mjwatch
from mjwatch import Watcher
from mjwatch._runtime import engine
from mjwatch._runtime.transport import Transport
from mjwatch.gateways import Gateway
from mjwatch.testing import SATURATED, Answer, Family, Reset, SimulatedGateway, current_loop, simulate
from tests.simulation.wire import InnerTransport, Weather

_HOUR: Final = 3_600.0
_WARM: Final = 180.0
"""Hours until all that is bounded is full: what has ended is kept for a week, or ten thousand of it."""
_EVERY: Final = 6.0
"""Hours between two samples."""
_COMES_EVERY: Final = 60.0
"""Seconds between two tasks, in the mean: six or so are open."""
_QUIET: Final = 900.0
"""Seconds before a sample in which no task comes, so that two samples are alike."""
_MAX_GROWTH: Final = 8e6
"""Bytes that the process may grow after that. The simulated gateway keeps its own books, which are emptied."""


@frozen
class Sample:
    """What is there at one moment."""

    hours: float
    resident: int
    objects: int
    tasks: int
    timers: int
    transports: int
    descriptors: int

    def told(self) -> str:
        """Return it as a row."""
        return (
            f"{self.hours:8.0f}{self.resident / 1e6:11.1f}{self.objects:11}{self.tasks:8}{self.timers:8}"
            f"{self.transports:8}{self.descriptors:8}"
        )


HEAD: Final = f"{'hours':>8}{'MB':>11}{'objects':>11}{'tasks':>8}{'timers':>8}{'sockets':>8}{'files':>8}   read: ended/begun"


@define
class Tally:
    """What readers were told."""

    begun: int = 0
    ended: int = 0
    wrong: list[str] = field(factory=list)


async def read(watcher: Watcher, task_id: str, temper: int, tally: Tally) -> None:
    """Watch one task in one of a few ways, to its end."""
    tally.begun += 1
    last: mjwatch.Event
    if temper == 0:
        last = [event async for event in watcher.watch(task_id)][-1]
    elif temper == 1:
        last = [event async for event in watcher.as_completed([task_id])][-1]
    elif temper == 2:
        async with watcher.watch(task_id, throttle=5) as events:
            last = [await _slowly(event) async for event in events][-1]
    else:
        with suppress(mjwatch.TaskFailed, mjwatch.TaskLost):
            await watcher.wait(task_id)
        tally.ended += 1
        return
    if isinstance(last, mjwatch.Final):
        tally.ended += 1
    else:
        tally.wrong.append(f"{task_id}: the last event is {last!r:.80}")


async def _slowly(event: mjwatch.Event) -> mjwatch.Event:
    await anyio.sleep(20)
    return event


async def come_and_go(
    sim: SimulatedGateway, watcher: Watcher, until: float, rng: Random, tally: Tally
) -> None:
    """Let tasks come until then, and weak faults with them; return when all readers have had their ends."""
    numbers = range(tally.begun + 1, tally.begun + 10**6)
    async with anyio.create_task_group() as readers:
        for number in numbers:
            await anyio.sleep(rng.expovariate(1 / _COMES_EVERY))
            if anyio.current_time() >= until:
                break
            task_id = f"{10**15 + number}"
            sim.random_task(task_id, mode=rng.choice(("FAST", "RELAX", "TURBO")))
            readers.start_soon(read, watcher, task_id, number % 4, tally)
            if rng.random() < 0.2:
                sim.fault(rng.choice((Answer(502), SATURATED, Reset(), Answer(200, b"<html>"))))
            if rng.random() < 0.01:
                sim.down(rng.uniform(20, 300))


def sampled(began_at: float) -> Sample:
    """Look around."""
    gc.collect()
    loop = current_loop()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    timers = [timer for timer in loop._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]
    return Sample(
        round((loop.time() - began_at) / _HOUR, 1),
        pages * os.sysconf("SC_PAGE_SIZE"),
        len(gc.get_objects()),
        len(asyncio.all_tasks()),
        len(timers),
        len(loop.open_transports),
        len(list(Path("/proc/self/fd").iterdir())),
    )


@contextmanager
def seam(sim: SimulatedGateway) -> Iterator[None]:
    """Let watchers ask *sim* without sockets."""
    real = engine.AiohttpTransport  # type: ignore[attr-defined]  # whoever builds it imports it there

    def make(gateway: Gateway, clock: object) -> Transport:
        return InnerTransport(sim, gateway, clock, Weather())  # type: ignore[arg-type]  # epoch seconds

    engine.AiohttpTransport = make  # type: ignore[assignment, attr-defined]  # the seam
    try:
        yield
    finally:
        engine.AiohttpTransport = real  # type: ignore[attr-defined]


@asynccontextmanager
async def staged(*, is_http: bool) -> AsyncIterator[tuple[SimulatedGateway, Watcher]]:
    """Open a gateway and a watcher with a hook on it."""
    sim = SimulatedGateway(Family.TRUEAI, latency=(0.05, 0.4))
    async with sim:
        gateway = mjwatch.gateways.trueai(sim.base_url, sim.token)
        with nullcontext() if is_http else seam(sim):
            async with Watcher(gateway, rng=Random(0), wall=lambda: 1.7e9) as watcher:
                watcher.on(mjwatch.Success | mjwatch.Failure, hook)
                yield sim, watcher


async def hook(_event: mjwatch.Event) -> None:
    """Take an end, slowly."""
    await anyio.sleep(1)


async def live(days: float, *, is_http: bool) -> list[Sample]:
    """Watch for so long; return the samples."""
    samples: list[Sample] = []
    rng, tally = Random(7), Tally()
    async with staged(is_http=is_http) as (sim, watcher):
        began_at = anyio.current_time()
        while anyio.current_time() < began_at + days * 24 * _HOUR:
            until = began_at + (len(samples) + 1) * _EVERY * _HOUR
            await come_and_go(sim, watcher, until - _QUIET, rng, tally)
            await anyio.sleep(max(0.0, until - anyio.current_time()))
            sim.requests.clear()
            sim._book.tasks.clear()
            samples.append(sampled(began_at))
            print(f"{samples[-1].told()}   {tally.ended}/{tally.begun}", flush=True)  # noqa: T201
    if tally.wrong or tally.ended != tally.begun:
        print(f"ends were lost: {tally.wrong[:3]}")  # noqa: T201
        return []
    return samples


def growth(samples: list[Sample]) -> list[str]:
    """Return what grew once all was full, in words."""
    warm = [one for one in samples if one.hours >= _WARM] or samples[-1:]
    first, last = warm[0], warm[-1]
    grown = [
        f"{name}: {getattr(first, name)} -> {getattr(last, name)}"
        for name in ("tasks", "timers", "transports", "descriptors")
        if getattr(last, name) > getattr(first, name) + 2
    ]
    if last.objects > 1.02 * first.objects + 2_000:
        grown.append(f"objects: {first.objects} -> {last.objects}")
    if last.resident > first.resident + _MAX_GROWTH:
        grown.append(f"memory: {first.resident / 1e6:.1f} -> {last.resident / 1e6:.1f} MB")
    return grown


def run(days: float, *, is_http: bool) -> bool:
    """Print the samples; return True where nothing grew and no end was lost."""
    print(f"\n{days:g} virtual days, {'over HTTP' if is_http else 'without sockets'}\n{HEAD}")  # noqa: T201
    began_at = process_time()
    samples = simulate(lambda: live(days, is_http=is_http))
    grown = growth(samples) if samples else ["an end was lost"]
    print(f"{process_time() - began_at:.0f} s of CPU; {'; '.join(grown) or 'nothing grew'}")  # noqa: T201
    return not grown
