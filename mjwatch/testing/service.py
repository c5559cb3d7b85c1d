"""What a simulated gateway does with one request, sockets aside: logs it, waits, lets a fault befall it, or replies.

`gateway` puts HTTP around it; a test that wants none asks it directly. It reads time from the running loop alone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Final

from attrs import define, evolve, field, frozen

from .desk import Desk
from .families import Reply, Route
from .faults import Answer, CutBody, FaultPlan, Reset

_LOGGED: Final = 1_000_000
_BYTES: Final = "application/octet-stream"


@define
class LoggedRequest:
    """One request that reached the gateway. Headers and queries are never kept: they carry credentials."""

    at: float
    """The loop's time."""
    method: str
    path: str
    route: Route
    ids: tuple[str, ...] = ()
    status: int | None = None
    """None: no answer yet, or the connection was reset."""


@frozen
class Served:
    """What goes back: a reply, less what a fault takes of it."""

    reply: Reply
    headers: Mapping[str, str] = field(factory=dict)
    fault: CutBody | Reset | None = None


@define(eq=False)
class Service:
    """
    The inside of one gateway.

    Attributes:
        open: Gives the desk.
        latency: The shortest and longest time a request takes.
        replicas: How far each of them lags behind, seconds; the dice choose one for each look.
        faults: What befalls the requests to come.
        requests: The newest million, oldest first.
    """

    open: Callable[[], Desk]
    latency: tuple[float, float]
    rng: Random
    replicas: Sequence[float] = (0.0,)
    faults: FaultPlan = field(init=False, factory=FaultPlan)
    requests: deque[LoggedRequest] = field(init=False, factory=lambda: deque(maxlen=_LOGGED))

    async def serve(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Served:
        """Take one request."""
        at, desk = asyncio.get_running_loop().time(), self.open()
        wanted, ids = desk.look(method, path, body)
        logged = LoggedRequest(at, method, path, wanted.route, ids)
        self.requests.append(logged)
        delay, fault = self.faults.due(wanted.route, at)
        wait = self.rng.uniform(*self.latency) / 2
        await _sleep(wait)
        # behind an Answer or a Reset stands nobody: a submit has no effect
        if isinstance(fault, Answer):
            await _sleep(wait + delay)
            logged.status = fault.status
            kind = fault.headers.get("Content-Type", _BYTES)
            return Served(Reply(fault.status, fault.body, kind), fault.headers)
        if isinstance(fault, Reset):
            await _sleep(wait + delay)
            return Served(Reply(500), fault=fault)
        # half of the latency lies on each side of the look into the book, and all of a delay behind it
        now = asyncio.get_running_loop().time()
        if len(self.replicas) > 1 and wanted.route in {"fetch", "list"}:
            now -= self.rng.choice(self.replicas)
        reply = desk.reply(method, path, headers, body, wanted, now)
        await _sleep(wait + delay)
        logged.status = reply.status
        if fault is None:
            return Served(reply)
        return Served(evolve(reply, content_type=reply.content_type or _BYTES), fault=fault)


async def _sleep(seconds: float) -> None:
    if seconds > 0:
        await asyncio.sleep(seconds)
