"""Where the benchmarks watch: a simulated gateway in this program, or in a process of its own.

In a process of its own, the CPU time of this one is the client's alone. Both use the loop's time, which on Linux is one
clock for all processes. Run as a program, this file is that process: JSON lines in, JSON lines out.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from math import log
from pathlib import Path
from random import Random
from typing import Final, Protocol

from attrs import asdict, frozen

from mjwatch.testing import Family, SimulatedGateway

TOKEN: Final = "sk-simulated"  # noqa: S105 - of the simulated gateway
_STEPS: Final = (0, 15, 31, 46, 62, 78, 93)
_MEDIAN: Final = 45.0
"""Seconds a fast imagine takes: a step of progress each 6 s."""


@frozen
class Truth:
    """
    What the gateway says after a run.

    Attributes:
        requests: How often it was asked about tasks.
        shown: When it first could show the end of each task, in loop time.
    """

    requests: int
    shown: Mapping[str, float | None]


@frozen
class Scene:
    """A fresh gateway and the tasks it was given."""

    base_url: str
    ids: Sequence[str]


class World(Protocol):
    """Where gateways come from."""

    async def begin(self, count: int) -> Scene:
        """Open a gateway with *count* tasks."""
        ...

    async def truth(self) -> Truth:
        """Return what really happened."""
        ...


def place(gateway: SimulatedGateway, count: int) -> list[str]:
    """Start *count* tasks from one seed, each somewhere in its life, as in a service that runs all day."""
    rng = Random(1)
    ids = [f"{1_735_689_600_000_000 + number}" for number in range(count)]
    for task_id in ids:
        lasts = rng.lognormvariate(log(_MEDIAN), 0.45)
        behind = rng.uniform(0.0, lasts)
        script = gateway.task(task_id, prompt="a lighthouse in the fog, oil on canvas --ar 16:9").submitted()
        passed = 0.0
        for number, percent in enumerate(_STEPS, start=1):
            due = max(lasts * number / (len(_STEPS) + 1) - behind, 0.0)
            script.after(due - passed).progress(percent)
            passed = due
        script.after(lasts - behind - passed).success()
    return ids


class Here:
    """Opens gateways in this program, on its clock."""

    def __init__(self, *, latency: tuple[float, float]) -> None:
        self._latency = latency
        self._gateway: SimulatedGateway | None = None
        self._ids: Sequence[str] = ()

    async def begin(self, count: int) -> Scene:
        """Open a gateway in the place of the last one."""
        await self.aclose()
        self._gateway = SimulatedGateway(Family.TRUEAI, seed=1, token=TOKEN, latency=self._latency)
        await self._gateway.start()
        self._ids = place(self._gateway, count)
        return Scene(self._gateway.base_url, self._ids)

    async def truth(self) -> Truth:
        """Return what really happened."""
        gateway = self._gateway
        assert gateway is not None
        asked = sum(request.route in {"list", "fetch"} for request in gateway.requests)
        return Truth(asked, {task_id: gateway.shown_at(task_id) for task_id in self._ids})

    async def aclose(self) -> None:
        """Close the last one."""
        if self._gateway is not None:
            await self._gateway.aclose()


class Apart:
    """Opens gateways in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def begin(self, count: int) -> Scene:
        """Open a gateway in the place of the last one."""
        return Scene(**json.loads(await self._ask({"count": count})))

    async def truth(self) -> Truth:
        """Return what really happened."""
        return Truth(**json.loads(await self._ask({})))

    async def _ask(self, question: Mapping[str, int]) -> bytes:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        return await self._process.stdout.readline()


@asynccontextmanager
async def here() -> AsyncIterator[Here]:
    """Open gateways in this program, some way off."""
    world = Here(latency=(0.02, 0.08))
    try:
        yield world
    finally:
        await world.aclose()


@asynccontextmanager
async def apart() -> AsyncIterator[Apart]:
    """Open gateways in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.worlds"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=64 << 20,
        cwd=Path(__file__).parent.parent,
    )
    assert process.stdin is not None
    try:
        yield Apart(process)
    finally:
        process.stdin.close()  # it ends where its input does
        await process.wait()


async def _serve() -> None:
    world = Here(latency=(0.0, 0.0))
    while line := await asyncio.to_thread(sys.stdin.readline):
        question: dict[str, int] = json.loads(line)
        answer = await world.begin(question["count"]) if question else await world.truth()
        print(json.dumps(asdict(answer)), flush=True)
    await world.aclose()


if __name__ == "__main__":
    asyncio.run(_serve())
