"""The library with a gateway inside its own process: all parts are real but the network, and what that costs is told.

The transport is a seam of the library (`mjwatch/_runtime/transport.py`); here it answers from a `Book`, 30 ms later.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Final

import msgspec
from attrs import define, field

import mjwatch
from benchmarks.floors.payloads import Book, Lot
from mjwatch._runtime import engine
from mjwatch._wire.messages import Reply, Request

LATENCY: Final = 0.03


class _Ids(msgspec.Struct):
    ids: list[str]


_BODY: Final = msgspec.json.Decoder(_Ids)


@define(eq=False)
class InnerGateway:
    """
    A `Transport` that is the gateway, too.

    Attributes:
        asked: Ids it was asked about.
        cpu: What making the replies cost, seconds: not the library's.
    """

    clock: Callable[[], float]
    lot: Lot
    asked: int = 0
    cpu: float = 0.0
    _book: Book = field(init=False)
    _target: int = field(init=False, default=0)
    _under_way: int = field(init=False, default=0)
    _reached: asyncio.Event = field(init=False, factory=asyncio.Event)

    def __attrs_post_init__(self) -> None:
        self._book = Book(self.lot, asyncio.get_running_loop().time())

    async def send(self, request: Request) -> Reply:
        """Answer a list request."""
        began_at = time.thread_time()
        ids = _BODY.decode(request.body or b"").ids
        self.asked += len(ids)
        if self.asked >= self._target:
            self._reached.set()
        body = self._book.reply(ids, asyncio.get_running_loop().time())
        self.cpu += time.thread_time() - began_at
        self._under_way += 1
        try:
            await asyncio.sleep(LATENCY)
        finally:
            self._under_way -= 1
        return Reply(200, body, None, self.clock())

    async def was_asked(self, looks: int) -> None:
        """Wait until it was asked about so many ids in all, and has answered."""
        self._target, self._reached = looks, asyncio.Event()
        if self.asked < looks:
            await self._reached.wait()
        await asyncio.sleep(2 * LATENCY)

    async def rested(self) -> None:
        """Wait until a while has passed without a request: no reply is on its way then, or held in memory."""
        before = -1
        while self._under_way or self.asked != before:
            before = self.asked
            await asyncio.sleep(2 * LATENCY)

    async def aclose(self) -> None:
        """Do nothing: there is no connection."""


@asynccontextmanager
async def inside(
    lot: Lot, count: int, pacing: mjwatch.Pacing
) -> AsyncIterator[tuple[mjwatch.Watcher, InnerGateway]]:
    """Open a watcher with room for *count* tasks whose gateway is in this process."""
    made: list[InnerGateway] = []

    def make(_gateway: mjwatch.Gateway, clock: Callable[[], float]) -> InnerGateway:
        made.append(InnerGateway(clock, lot))
        return made[-1]

    real = engine.AiohttpTransport  # type: ignore[attr-defined]  # whoever builds it imports it there
    engine.AiohttpTransport = make  # type: ignore[assignment, attr-defined]  # the seam
    try:
        limits = mjwatch.Limits(rate=None, max_watches=count)
        inner = mjwatch.Gateway(
            name="speed",
            base_url="http://127.0.0.1",
            credential="none",
            auth="raw",
            dialect=lot.family,
            limits=limits,
        )
        watcher = await mjwatch.Watcher(inner, pacing=pacing, rng=Random(0)).start()
    finally:
        engine.AiohttpTransport = real  # type: ignore[attr-defined]
    try:
        yield watcher, made[0]
    finally:
        await watcher.aclose()
