"""A server that writes whatever bytes a test wants, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from attrs import Factory, define, field

Handler = Callable[["RawServer", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@define(eq=False)
class RawServer:
    """A server that writes whatever bytes a test wants."""

    handler: Handler
    port: int = 0
    heads: list[bytes] = field(init=False, factory=list, repr=False)  # they hold the credential
    connections: int = field(init=False, default=0)
    _writers: list[asyncio.StreamWriter] = Factory(list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.connections += 1
        self._writers.append(writer)
        try:
            await self.handler(self, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def read(self, reader: asyncio.StreamReader) -> None:
        """Read one request."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if length:
            await reader.readexactly(int(length[0].split(b":")[1]))

    def hang_up(self) -> None:
        """Close every connection."""
        for writer in self._writers:
            writer.close()


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[RawServer]:
    """Listen at a free port."""
    raw = RawServer(handler)
    server = await asyncio.start_server(raw.serve, "127.0.0.1")
    raw.port = server.sockets[0].getsockname()[1]
    try:
        yield raw
    finally:
        server.close()
        raw.hang_up()
        await asyncio.sleep(1)
