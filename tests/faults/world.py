"""
The world of one cell of the fault matrix: a gateway that can be struck, and a watcher on it whose reader is stubborn.

An *endpoint* says by which verb the fault is met: F fetch, I list-by-ids, C list-by-condition, S image-seed, G image.
"""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from itertools import cycle, islice
from typing import Literal

import anyio
from attrs import define, evolve, field

import mjwatch
from mjwatch import Event, Gateway, GatewayError, Pacing, Watcher
from mjwatch.testing import Answer, Family, Network, SimulatedGateway, current_loop
from mjwatch.testing.families import Route
from tests.faults.tunnel import Manner, Tunnel, passed_on, tunnelled
from tests.runtime.rig import LogBook
from tests.watcher.stage import EPOCH, TOKEN, now, preset

Endpoint = Literal["F", "I", "C", "S", "G"]

FAMILY: dict[Endpoint, Family] = {
    "F": Family.ENVELOPED,  # has no lists
    "I": Family.TRUEAI,
    "C": Family.PLUS,
    "S": Family.PLUS,
    "G": Family.NEW_API,  # the only one that passes pictures on
}
ROUTE: dict[Endpoint, Route] = {"F": "fetch", "I": "list", "C": "list", "S": "seed", "G": "image"}
PATH: dict[Endpoint, str] = {
    "F": "/fetch",
    "I": "/list-by-ids",
    "C": "/list-by-condition",
    "S": "/image-seed",
    "G": "/image/",
}
HOST = "gateway.test"
NEW_TOKEN = "sk-rotated"


@define(eq=False)
class World:
    """
    A gateway with a task "1" that succeeds, "2" that fails, and "done", which is.

    Attributes:
        token: What our side shows; may be rotated.
        calls: What a call of the endpoint's verb came to while the fault stood, and how long it took.
    """

    endpoint: Endpoint
    sim: SimulatedGateway
    tunnel: Tunnel | None
    is_named: bool = False
    every: float = 5.0
    token: str = TOKEN
    log: LogBook = field(factory=LogBook)
    calls: list[tuple[object, float]] = field(factory=list)

    @property
    def network(self) -> Network:
        """The weather."""
        return current_loop().network

    @property
    def is_watched(self) -> bool:
        """True where the fault befalls the looks, and not a call beside them."""
        return self.endpoint in {"F", "I", "C"}

    def gateway(self) -> Gateway:
        """Return the gateway as the watcher knows it."""
        gateway = preset(self.sim)
        base_url = gateway.base_url
        if self.tunnel is not None:
            base_url = base_url.replace(f":{self.tunnel.gateway_port}", f":{self.tunnel.port}")
        if self.is_named:
            base_url = base_url.replace("127.0.0.1", HOST)
        return evolve(gateway, base_url=base_url, credential=mjwatch.Secret(lambda: self.token))

    @asynccontextmanager
    async def watcher(self) -> AsyncIterator[Watcher]:
        """Open a watcher on it."""
        dice = current_loop().rng
        watcher = Watcher(
            self.gateway(), pacing=Pacing.every(self.every), rng=dice, wall=lambda: EPOCH, logger=self.log
        )
        async with watcher:
            yield watcher

    async def call(self, watcher: Watcher) -> object:
        """Call the endpoint's verb for the finished task; return its value or its error, and note both."""
        begun = now()
        result: object
        try:
            if self.endpoint == "S":
                result = await watcher.client.image_seed("done")
            else:
                result = await watcher.client.image("done")
        except GatewayError as error:
            result = error
        self.calls.append((result, now() - begun))
        return result

    # --- ways to strike

    def answers(self, *answers: Answer) -> None:
        """Answer the endpoint's requests with these in turn."""
        for answer in islice(cycle(answers), 60):
            self.sim.fault(answer, route=ROUTE[self.endpoint])

    def silence(self) -> None:
        """Never answer the endpoint's requests."""
        self.sim.fault(mjwatch.testing.Delay(3_600), times=1_000, route=ROUTE[self.endpoint])

    def well(self) -> None:
        """Undo every fault."""
        self.sim.service.faults._rules.clear()
        loop = current_loop()
        loop.network = Network()
        vars(loop).pop("getaddrinfo", None)
        if self.tunnel is not None:
            self.tunnel.manner = passed_on

    def mistreat(self, manner: Manner) -> None:
        """Let the tunnel mistreat the endpoint's requests."""
        assert self.tunnel is not None
        self.tunnel.touches = lambda path: PATH[self.endpoint] in path
        self.tunnel.manner = manner

    @staticmethod
    def drop_connections() -> None:
        """Reset every connection that there is."""
        for transport in list(current_loop().open_transports):
            transport.abort()

    @staticmethod
    def stand_still(seconds: float) -> None:
        """Let time pass without a turn of the loop: the machine was suspended, or its host blocked the loop."""
        current_loop()._clock.now += seconds


@asynccontextmanager
async def world_of(
    endpoint: Endpoint,
    *,
    every: float = 5.0,
    is_tunnelled: bool = False,
    is_named: bool = False,
    is_whole: bool = True,
) -> AsyncIterator[World]:
    """Open a world; where *is_whole* is False, the success never gets its address, and settles without."""
    async with SimulatedGateway(FAMILY[endpoint]) as sim:
        for task_id in ("1", "2"):
            task = sim.task(task_id).after(1).submitted().after(6).progress(31).after(6).progress(62)
            task = task.after(6).progress(93).after(3)
            ending = task.success() if task_id == "1" else task.failure("banned")
            if not is_whole and task_id == "1":
                ending.without_url()
        sim.task("done").success()
        if not is_tunnelled:
            yield World(endpoint, sim, None, is_named, every)
            return
        async with tunnelled(sim.base_url) as tunnel:
            yield World(endpoint, sim, tunnel, is_named, every)


@define(eq=False)
class StubbornReader:
    """
    Reads tasks to their end; where a standing fault is raised, it comes back until it is mended.

    Attributes:
        histories: What each of its streams got.
        errors: What they raised.
    """

    watcher: Watcher
    ids: Sequence[str]
    histories: list[list[Event]] = field(factory=list)
    errors: list[Exception] = field(factory=list)
    has_all: anyio.Event = field(factory=anyio.Event)

    async def read(self) -> None:
        """Read to the end of all."""
        while not self.has_all.is_set():
            got: list[Event] = []
            self.histories.append(got)
            try:
                async for event in self.watcher.watch(*self.ids):
                    got.append(event)  # noqa: PERF401 - it shows what came before an error
            except GatewayError as error:
                self.errors.append(error)
                await anyio.sleep(10)
            except mjwatch.WatcherClosed as error:
                self.errors.append(error)
                return
            else:
                self.has_all.set()


@cache
def bomb(size: int) -> bytes:
    """Return gzip that unpacks to so many zeros."""
    return gzip.compress(bytes(size))
