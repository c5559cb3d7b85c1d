"""Two transports: one asks a simulated gateway without sockets, the other writes down what any transport sends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

import anyio
import msgspec
from attrs import define, evolve, field

from mjwatch._runtime.transport import Transport
from mjwatch._wire.messages import Reply, Request, Verb
from mjwatch.errors import GatewayBroken, GatewayError, GatewayUnreachable
from mjwatch.gateways import Gateway
from mjwatch.testing import CutBody, Reset, SimulatedGateway
from tests.simulation.history import Sent

READ_TIMEOUT = 10.0
"""As `aiohttp_transport` has it."""


class _Ids(msgspec.Struct):
    ids: list[str]


@define
class Weather:
    """What stands between us and one gateway."""

    is_black_hole: bool = False
    is_refusing: bool = False
    strays: bytes = b""
    """A row that is put into every list reply."""
    fired: Callable[[str], None] = field(default=lambda _: None)


@define(eq=False)
class InnerTransport:
    """A `Transport` that asks *sim* in this process; its connections fail as those of aiohttp do."""

    sim: SimulatedGateway
    gateway: Gateway
    clock: Callable[[], float]
    weather: Weather

    async def send(self, request: Request) -> Reply:
        """Ask."""
        name = self.gateway.name
        if self.weather.is_refusing:
            raise GatewayUnreachable("no connection", gateway=name)
        if self.weather.is_black_hole:
            await anyio.sleep(READ_TIMEOUT)
            raise GatewayUnreachable("no answer in time", gateway=name)
        path = f"{urlsplit(self.gateway.base_url).path}{request.path}"
        try:
            async with asyncio.timeout(READ_TIMEOUT):
                served = await self.sim.service.serve(
                    request.method, path, self._headers(), request.body or b""
                )
        except TimeoutError:
            raise GatewayUnreachable("no answer in time", gateway=name) from None
        if isinstance(served.fault, Reset):
            raise GatewayUnreachable("the connection was lost", gateway=name)
        if isinstance(served.fault, CutBody):
            raise GatewayBroken("the answer was cut", gateway=name)
        return Reply(served.reply.status, served.reply.body, served.headers.get("Retry-After"), self.clock())

    async def aclose(self) -> None:
        """Do nothing: there is no connection."""

    def _headers(self) -> dict[str, str]:
        secret = self.gateway.credential.reveal()
        if self.gateway.auth == "mj-api-secret":
            return {"mj-api-secret": secret}
        return {"Authorization": secret if self.gateway.auth == "raw" else f"Bearer {secret}"}


@define(eq=False)
class Recorder:
    """A `Transport` that writes down what another one sends, and puts strays into what it brings."""

    inner: Transport
    name: str
    life: int
    wire: list[Sent]
    weather: Weather

    async def send(self, request: Request) -> Reply:
        """Pass on."""
        loop = asyncio.get_running_loop()
        sent = Sent(self.name, self.life, loop.time(), *_read(request))
        self.wire.append(sent)
        try:
            reply = await self.inner.send(request)
        except GatewayError as error:
            sent.ended_at, sent.outcome = loop.time(), type(error).__name__
            raise
        except asyncio.CancelledError:
            sent.ended_at, sent.outcome = loop.time(), "cancelled"
            raise
        sent.ended_at, sent.outcome, sent.retry_after = loop.time(), str(reply.status), reply.retry_after
        sent.is_empty = not reply.body
        is_list = reply.body[:1] == b"[" and reply.status == 200
        sent.marks = "" if is_list else reply.body[:200].decode("utf-8", "replace")
        if self.weather.strays and is_list and len(reply.body) > 2:
            self.weather.fired("strays")
            return evolve(reply, body=b"%b,%b]" % (reply.body[:-1], self.weather.strays))
        return reply

    async def aclose(self) -> None:
        """Pass on."""
        await self.inner.aclose()


def _read(request: Request) -> tuple[str, tuple[str, ...]]:
    """Return by which route a request asks, and for what."""
    if request.verb is Verb.LOOK_MANY:
        ids = msgspec.json.decode(request.body or b"", type=_Ids).ids
        return request.path.rsplit("/", 1)[1], tuple(ids)
    *_, task_id, verb = request.path.split("/")
    return verb, (task_id,)
