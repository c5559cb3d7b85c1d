"""The real transport, opened towards a raw server, and what such a server may answer."""

from __future__ import annotations

import asyncio
import ssl
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from mjwatch._runtime.aiohttp_transport import AiohttpTransport
from mjwatch._wire.messages import Request, Verb
from mjwatch.errors import GatewayError
from mjwatch.gateways import Auth, Gateway
from tests.runtime.rawserver import Handler, RawServer

TOKEN = "sk-canary-6f1d0b52c7e94a18"
LOOK = Request(Verb.LOOK, "GET", "/mj/task/1/fetch")
LIST = Request(Verb.LOOK_MANY, "POST", "/mj/task/list-by-ids", b'{"ids":["1"]}')
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@asynccontextmanager
async def opened(
    port: int,
    *,
    base_url: str | None = None,
    auth: Auth = "bearer",
    credential: str | Callable[[], str] = TOKEN,
    ssl_context: ssl.SSLContext | None = None,
) -> AsyncIterator[AiohttpTransport]:
    """Open a transport to *port*."""
    url = base_url or f"http://127.0.0.1:{port}/"
    gateway = Gateway(name="sim", base_url=url, credential=credential, auth=auth, ssl_context=ssl_context)
    transport = AiohttpTransport(gateway, asyncio.get_running_loop().time)
    try:
        yield transport
    finally:
        await transport.aclose()


def answering(*answers: bytes) -> Handler:
    """Answer each request of a connection with the next of *answers*, then hang up; the last repeats."""

    async def handle(raw: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers if len(answers) > 1 else answers * 100:
            await raw.read(reader)
            writer.write(answer)
            await writer.drain()
            if b"Content-Length: 2\r\n" not in answer:
                return

    return handle


async def silent(raw: RawServer, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Read, and never answer."""
    await raw.read(reader)
    await reader.read()


async def failure(transport: AiohttpTransport, request: Request = LIST) -> GatewayError:
    """Return the error that *request* runs into."""
    with pytest.raises(GatewayError) as caught:
        await transport.send(request)
    return caught.value


def told(error: BaseException) -> str:
    """Return all that may be printed of an error and its whole chain, local variables included."""
    lines: list[str] = []
    link: BaseException | None = error
    while link is not None:
        trace = traceback.TracebackException.from_exception(link, capture_locals=True)
        lines += [repr(link), str(link), repr(link.args), *trace.format()]
        link = link.__cause__ or link.__context__
    return "\n".join(lines)
