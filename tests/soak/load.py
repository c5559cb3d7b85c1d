"""A minute under load, in real time: 10,000 open tasks, three readers of all of them, a gateway in another process.

Loopback only, bounded in count and time, and it stops by itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import anyio
from attrs import define, field

import mjwatch
from mjwatch import Pacing, Watcher
from mjwatch.testing import Family, SimulatedGateway

ROOT: Final = Path(__file__).parents[2]
_EVERY: Final = 5.0
_BEAT: Final = 0.01
_LATE: Final = 3 * _EVERY
"""Seconds after which an end that the gateway shows must have been told, whatever this machine is busy with."""
_LIMITS: Final = {"p99 of the loop's lag, ms": 50.0, "share of a core, %": 50.0, "memory, MB": 250.0}


@define
class Seen:
    """
    What the readers were told.

    Attributes:
        ends: For each reader, the tasks whose end it was told.
        lags: Of the loop, seconds.
    """

    ends: dict[str, set[str]] = field(factory=lambda: {"watch": set(), "events": set(), "hook": set()})
    events: int = 0
    lags: list[float] = field(factory=list)


def serve(count: int) -> None:
    """Be the gateway: print the address, wait for a line, print when each end was shown, by the wall clock."""

    async def main() -> None:
        async with SimulatedGateway(Family.TRUEAI) as sim:
            ids = [sim.random_task(f"{10**15 + number}") for number in range(count)]
            print(json.dumps([sim.base_url, sim.token, ids]), flush=True)  # noqa: T201
            await asyncio.to_thread(sys.stdin.readline)
            offset = time.time() - asyncio.get_running_loop().time()  # noqa: TID251 - two processes share no other
            shown = {id_: at + offset for id_ in ids if (at := sim.shown_at(id_)) is not None}
            print(json.dumps(shown), flush=True)  # noqa: T201

    asyncio.run(main())


@asynccontextmanager
async def gateway(count: int) -> AsyncIterator[subprocess.Popen[str]]:
    """Start the gateway's process; it ends with us."""
    command = [sys.executable, "-c", f"from tests.soak.load import serve; serve({count})"]
    process = subprocess.Popen(  # noqa: S603, ASYNC220 - our own module, before the clock runs
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def beat(seen: Seen) -> None:
    """Find out how late the loop is."""
    while True:
        due = asyncio.get_running_loop().time() + _BEAT
        await anyio.sleep(_BEAT)
        seen.lags.append(asyncio.get_running_loop().time() - due)


async def watch_all(watcher: Watcher, ids: list[str], seen: Seen) -> None:
    """Read all tasks in one stream."""
    async for event in watcher.watch(*ids):
        seen.events += 1
        if isinstance(event, mjwatch.Final):
            seen.ends["watch"].add(event.task_id)


async def read_all(watcher: Watcher, seen: Seen) -> None:
    """Read everything."""
    async for event in watcher.events():
        if isinstance(event, mjwatch.Final):
            seen.ends["events"].add(event.task_id)


async def held(base_url: str, token: str, ids: list[str], seconds: float) -> tuple[Seen, float, float]:
    """Watch for so long; return what was seen, when that ended by the wall clock, and the share of a core."""
    seen = Seen()

    async def hooked(event: mjwatch.Event) -> None:
        if isinstance(event, mjwatch.Final):
            seen.ends["hook"].add(event.task_id)

    limits = mjwatch.Limits(max_watches=2 * len(ids))
    target = mjwatch.Gateway(
        name="load", base_url=base_url, credential=token, auth="raw", dialect="trueai", limits=limits
    )
    async with Watcher(target, pacing=Pacing.every(_EVERY)) as watcher, anyio.create_task_group() as readers:
        watcher.on(mjwatch.Success | mjwatch.Failure, hooked, concurrency=100)
        readers.start_soon(read_all, watcher, seen)
        readers.start_soon(watch_all, watcher, ids, seen)
        await anyio.sleep(2)
        began_at, cpu = time.monotonic(), time.process_time()
        readers.start_soon(beat, seen)
        await anyio.sleep(seconds)
        share = (time.process_time() - cpu) / (time.monotonic() - began_at)
        ended_at = time.time()  # noqa: TID251 - see above
        readers.cancel_scope.cancel()
    return seen, ended_at, share


def run(count: int, seconds: float) -> bool:
    """Hold the load, print the figures; return True where nothing was lost and no limit broken."""
    print(f"\n{count:,} open tasks, {seconds:g} s of real time, three readers of all of them")  # noqa: T201

    async def main() -> bool:
        async with gateway(count) as process:
            assert process.stdout is not None
            assert process.stdin is not None
            base_url, token, ids = json.loads(process.stdout.readline())
            seen, ended_at, share = await held(base_url, token, ids, seconds)
            process.stdin.write("\n")
            process.stdin.flush()
            shown = json.loads(process.stdout.readline())
        return told(seen, ended_at, share, shown)

    return asyncio.run(main())


def told(seen: Seen, ended_at: float, share: float, shown: dict[str, float]) -> bool:
    """Print what came of it; return True where all is well."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    lags = sorted(seen.lags)
    figures = {
        "p99 of the loop's lag, ms": 1000 * lags[int(0.99 * len(lags))],
        "share of a core, %": 100 * share,
        "memory, MB": pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
    }
    is_well = True
    for name, figure in figures.items():
        is_met = figure <= _LIMITS[name]
        is_well &= is_met
        print(f"  {name:<28}{figure:8.1f}   at most {_LIMITS[name]:g}{'' if is_met else '   MISSED'}")  # noqa: T201
    due = {task_id for task_id, at in shown.items() if at <= ended_at - _LATE}
    print(f"  {seen.events} events in one stream; {len(due)} ends were due")  # noqa: T201
    for reader, ends in seen.ends.items():
        lost = due - ends
        is_well &= not lost
        print(f"  {reader:<28}{len(ends):8} ends, {len(lost)} lost")  # noqa: T201
    return is_well
