"""HTTP by aiohttp: the only file that imports its client, and the only place where its errors are seen.

aiohttp's errors carry the request's headers, and so the credential, in their repr: they are translated here, by
table, `from None`. Redirects are never followed, because `mj-api-secret` would follow them to another host.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

import aiohttp
import aiohttp.abc
from aiohttp.http_exceptions import HttpProcessingError
from attrs import define, field, frozen
from yarl import URL

from mjwatch._runtime.credential import Doorkeeper
from mjwatch._runtime.transport import LOOK_TIMEOUT, OverCap
from mjwatch._wire.messages import Reply, Request, Verb
from mjwatch.errors import GatewayBroken, GatewayError, GatewayRefused, GatewayUnreachable
from mjwatch.gateways import Gateway

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ConnectionKey
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace


@frozen
class _Terms:
    """How long a verb may take, in seconds, and how large its decompressed reply may be, in bytes."""

    total: float
    read: float
    cap: int
    timeout: aiohttp.ClientTimeout = field(init=False)

    @timeout.default
    def _timeout(self) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(
            total=self.total, connect=10, sock_connect=5, sock_read=self.read, ceil_threshold=1e9
        )


_TERMS: Final = {
    Verb.LOOK: _Terms(LOOK_TIMEOUT, 10, 4 << 20),
    Verb.LOOK_MANY: _Terms(LOOK_TIMEOUT, 10, 8 << 20),
    Verb.SEED: _Terms(75, 70, 64 << 10),  # the gateway holds it for up to a minute (`protocol.md` 3.7)
    Verb.CANCEL: _Terms(20, 10, 64 << 10),
    Verb.IMAGE: _Terms(120, 15, 64 << 20),
}

RESENDS: Final = 10.0
_EARNED: Final = 0.1
"""Requests that may go out twice, and how much of one each request earns: a tenth more than was asked for, at most. Where
they are used up, connections are used once only: such a server closes each of them while it is idle."""

STALE_WITHIN: Final = 1.0
"""A connection that was closed before we wrote to it shows so at once; later it is a fault, seconds."""

_CERTIFICATE: Final = "the certificate is not accepted: check base_url, or give Gateway(ssl_context=...)"
_ERRORS: Final[tuple[tuple[type[BaseException], type[GatewayError], str], ...]] = (
    # The first that fits; the more special ones stand above.
    (aiohttp.ClientConnectorCertificateError, GatewayRefused, _CERTIFICATE),
    (aiohttp.ClientSSLError, GatewayRefused, _CERTIFICATE),
    (aiohttp.ClientConnectorDNSError, GatewayUnreachable, "no such host: check base_url and the network"),
    (TimeoutError, GatewayUnreachable, "no answer in time"),
    (aiohttp.ClientConnectorError, GatewayUnreachable, "no connection: check base_url and the network"),
    (aiohttp.ServerDisconnectedError, GatewayUnreachable, "the connection was closed without an answer"),
    (aiohttp.ClientOSError, GatewayUnreachable, "the connection was lost"),
    (aiohttp.InvalidURL, GatewayRefused, "base_url makes no address"),
    (aiohttp.ClientError, GatewayBroken, "the answer was cut or is no HTTP"),
    (
        HttpProcessingError,
        GatewayBroken,
        "the answer was cut or is no HTTP",
    ),  # no ClientError: its Python parser lets it out
    (OSError, GatewayUnreachable, "the connection was lost"),
)


@define(eq=False)
class _Trip:
    """
    One request on its way.

    Attributes:
        is_reused: It went out on a connection that had been used before.
        is_stale: That one was closed as we wrote to it.
        is_resent: It went out twice, by us or by aiohttp, which does so with a GET.
    """

    is_reused: bool = False
    is_stale: bool = False
    is_resent: bool = False

    def failed(self, error: BaseException) -> None:
        """
        Take in how it failed: was an idle connection closed as we wrote to it?

        No byte came back then, and every verb that is sent here can be repeated. On a fresh connection it is a fault.
        """
        is_gone = isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError)
        self.is_stale = self.is_reused and is_gone and not isinstance(error, aiohttp.ClientConnectorError)


class _Resolver(aiohttp.ThreadedResolver):
    """The system's, but a name without an address is an error: aiohttp would trip over the empty list."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[aiohttp.abc.ResolveResult]:
        """Return the addresses of *host*, at least one."""
        try:
            found = await super().resolve(host, port, family)
        except UnicodeError:
            raise OSError("no name can be spelled like this") from None  # a part of it is empty, or too long
        if not found:
            raise OSError("the name has no address")
        return found


class _Connector(aiohttp.TCPConnector):
    """
    A pool that gives out no connection on which somebody spoke out of turn.

    aiohttp keeps a reply that comes while the connection is idle, and takes it for the answer to the next request.
    """

    is_wary = False
    """True where none is given out at all that was used before."""

    async def _get(self, key: ConnectionKey, traces: list[Trace]) -> Connection | None:
        while (found := await super()._get(key, traces)) is not None:
            if found.protocol is not None and not found.protocol.should_close and not self.is_wary:
                return found
            found.close()
        return None


class AiohttpTransport:
    """
    One session with one gateway. Built inside a running loop.

    Args:
        gateway: Where to, and as whom.
        clock: Epoch seconds, for `Reply.at`.
    """

    def __init__(self, gateway: Gateway, clock: Callable[[], float]) -> None:
        _keep_memory()
        self._gateway = gateway
        self._clock = clock
        self._base = URL(gateway.base_url, encoded=True)
        self._doorkeeper = Doorkeeper(gateway)
        self._resends = RESENDS
        self._connector = _Connector(
            limit=0,  # the gate bounds what leaves; a seed that is held for a minute must not block a look
            keepalive_timeout=10,  # below what servers allow an idle connection
            ttl_dns_cache=30,
            resolver=_Resolver(),
            ssl=gateway.ssl_context or True,  # True: certificates are checked, and nothing below TLS 1.2
        )
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": user_agent(), "Accept-Encoding": "gzip"},
            trust_env=False,
            trace_configs=[_reuse_tracer(), *gateway.trace_configs],
            middlewares=(self._doorkeeper,),
            max_headers=64,
        )

    async def send(self, request: Request) -> Reply:
        """Send *request*; a stale keep-alive connection is replaced once, unseen."""
        trip, begun = _Trip(), self._clock()
        outcome = await self._tried(request, trip)
        if trip.is_stale and self._clock() < begun + STALE_WITHIN:
            trip.is_resent = True
            outcome = await self._tried(request, _Trip())
        self._resends = min(RESENDS, self._resends + _EARNED - trip.is_resent)
        self._connector.is_wary = self._resends < 1.0
        if isinstance(outcome, GatewayError):
            # Raised out here, so that the foreign error, which holds the credential, is not even its context.
            raise outcome
        return outcome

    async def aclose(self) -> None:
        """Close the session, and give its connections the loop turns they need to be gone."""
        await self._session.close()
        await asyncio.sleep(0)

    async def _tried(self, request: Request, trip: _Trip) -> Reply | GatewayError:
        try:
            return await self._send(request, trip)
        except GatewayError as error:
            # From the doorkeeper, through aiohttp's frames: told anew, without them.
            return type(error)(error.message, gateway=error.gateway)
        except (aiohttp.ClientError, HttpProcessingError, OSError) as error:
            trip.failed(error)
            return self._translated(error)

    async def _send(self, request: Request, trip: _Trip) -> Reply:
        terms = _TERMS[request.verb]
        headers = {} if request.body is None else {"Content-Type": "application/json"}
        async with self._session.request(
            request.method,
            URL(f"{self._base}{request.path}", encoded=True),
            data=request.body,
            headers=headers,
            allow_redirects=False,
            timeout=terms.timeout,
            trace_request_ctx=trip,
        ) as response:
            body = await _read(response, terms.cap)
            body = self._doorkeeper.hide(body, response.request_info.headers, response.status)
            return Reply(response.status, body, response.headers.get("Retry-After"), self._clock())

    def _translated(self, error: BaseException) -> GatewayError:
        for foreign, own, message in _ERRORS:
            if isinstance(error, foreign):
                return own(message, gateway=self._gateway.name)
        return GatewayBroken(f"an unforeseen {type(error).__name__}", gateway=self._gateway.name)


async def _read(response: aiohttp.ClientResponse, cap: int) -> bytes:
    """Read the body in pieces and stop past *cap*: half a megabyte of gzip can hold half a gigabyte."""
    pieces: list[bytes] = []
    size = 0
    async for piece in response.content.iter_any():
        size += len(piece)
        if size > cap:
            response.close()
            raise OverCap
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


@cache
def _keep_memory() -> None:
    """
    Let the memory of one reply be kept for the next.

    glibc gives large blocks back to the system, and what is free at the end of its heap, and each page comes anew for
    the next reply: 200 for one of 500 tasks, a tenth of all that a look costs. How much it keeps follows from the largest
    block that was ever freed: with one as large as any reply may be, up to 16 MiB. That block is never touched, so it
    takes no memory itself; elsewhere than on glibc nothing happens.
    """
    bytes(_TERMS[Verb.LOOK_MANY].cap)


@cache
def user_agent(package: str = "mjwatch") -> str:
    """Return who we say that we are; a copy inside of somebody's own tree has no version."""
    try:
        return f"{package}/{version(package)}"
    except PackageNotFoundError:
        return package


def _reuse_tracer() -> aiohttp.TraceConfig:
    async def reused(
        session: aiohttp.ClientSession,  # noqa: ARG001 - aiohttp's signature
        context: object,
        params: aiohttp.TraceConnectionReuseconnParams,  # noqa: ARG001
    ) -> None:
        trip = getattr(context, "trace_request_ctx", None)
        if isinstance(trip, _Trip):
            trip.is_reused = True

    async def created(
        session: aiohttp.ClientSession,  # noqa: ARG001
        context: object,
        params: aiohttp.TraceConnectionCreateStartParams,  # noqa: ARG001
    ) -> None:
        # aiohttp itself resends a GET: what counts is its last connection.
        trip = getattr(context, "trace_request_ctx", None)
        if isinstance(trip, _Trip):
            trip.is_resent |= trip.is_reused
            trip.is_reused = False

    tracer = aiohttp.TraceConfig()
    tracer.on_connection_reuseconn.append(reused)
    tracer.on_connection_create_start.append(created)
    return tracer
