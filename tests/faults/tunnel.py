"""
A tunnel in front of a simulated gateway that mistreats bytes: what no gateway would answer, but a network does.

It forwards one request at a time, whole, and a *manner* decides what becomes of the reply. Nothing here judges.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random
from urllib.parse import urlsplit

from attrs import define, field, frozen

Rows = list[dict[str, object]]


@define(eq=False)
class Exchange:
    """One request on its way through the tunnel."""

    tunnel: Tunnel
    writer: asyncio.StreamWriter
    head: bytes
    body: bytes
    nth: int
    """On its connection, from 1."""

    @property
    def path(self) -> str:
        """What is asked for."""
        return self.head.split(b" ", 2)[1].decode()

    @property
    def ids(self) -> list[str]:
        """The ids of a list request, none for others."""
        return list(json.loads(self.body)["ids"]) if self.body else []

    async def reply(self) -> bytes:
        """Ask the gateway, and return its reply as bytes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.tunnel.gateway_port)
        head = re.sub(rb"\r\nConnection:[^\r]*", b"", self.head, flags=re.IGNORECASE)
        writer.write(head[:-2] + b"Connection: close\r\n\r\n" + self.body)
        try:
            answer = await reader.read(-1)
        finally:
            writer.close()
        return answer.replace(b"Connection: close\r\n", b"", 1)

    async def send(self, *pieces: bytes, apart: float = 0.0) -> None:
        """Send *pieces*, so many seconds apart."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            if apart:
                await asyncio.sleep(apart)

    def reset(self) -> None:
        """Reset the connection."""
        self.writer.transport.abort()


Manner = Callable[[Exchange], Awaitable[bool]]
"""What to do with an exchange; True where its connection lives on."""


async def passed_on(exchange: Exchange) -> bool:
    """Do nothing to it."""
    await exchange.send(await exchange.reply())
    return True


@define(eq=False)
class Tunnel:
    """
    A listener that stands for the gateway.

    Attributes:
        manner: What becomes of the requests that *touches* lets through to it; the others pass.
        log: When each request came, its path and its ids.
    """

    gateway_port: int
    manner: Manner = passed_on
    touches: Callable[[str], bool] = lambda _: True
    port: int = 0
    log: list[tuple[float, str, tuple[str, ...]]] = field(init=False, factory=list)
    _writers: set[asyncio.StreamWriter] = field(init=False, factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self._writers.add(writer)
        nth = 0
        try:
            is_open = True
            while is_open:
                nth += 1
                exchange = await self._read(reader, writer, nth)
                manner = self.manner if self.touches(exchange.path) else passed_on
                is_open = await manner(exchange)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            self._writers.discard(writer)

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, nth: int) -> Exchange:
        head = await reader.readuntil(b"\r\n\r\n")
        size = re.search(rb"(?i)content-length: *(\d+)", head)
        body = await reader.readexactly(int(size[1])) if size else b""
        exchange = Exchange(self, writer, head, body, nth)
        now = asyncio.get_running_loop().time()
        self.log.append((now, exchange.path, tuple(exchange.ids)))
        return exchange

    def hang_up(self) -> None:
        """Close every connection."""
        for writer in list(self._writers):
            writer.close()


@asynccontextmanager
async def tunnelled(base_url: str) -> AsyncIterator[Tunnel]:
    """Open a tunnel to the gateway at *base_url*."""
    tunnel = Tunnel(urlsplit(base_url).port or 80)
    server = await asyncio.start_server(tunnel.serve, "127.0.0.1")
    tunnel.port = server.sockets[0].getsockname()[1]
    try:
        yield tunnel
    finally:
        server.close()
        tunnel.hang_up()
        await asyncio.sleep(100)  # a manner may sleep between two bytes


def parted(reply: bytes) -> tuple[bytes, bytes]:
    """Return the head and the body of a reply."""
    head, _, body = reply.partition(b"\r\n\r\n")
    return head, body


def whole(head: bytes, body: bytes) -> bytes:
    """Return a reply of *head* and *body*, its length put right."""
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length")]
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"", body])


# --- manners


async def reset_in_the_middle(exchange: Exchange) -> bool:
    """Send a part of the reply, then a reset."""
    reply = await exchange.reply()
    await exchange.send(reply[: len(reply) * 2 // 3])
    await asyncio.sleep(0.1)
    exchange.reset()
    return False


async def hung_up_when_reused(exchange: Exchange) -> bool:
    """Close a connection as its second request comes: what an idle timeout looks like to who just wrote."""
    if exchange.nth > 1:
        return False
    return await passed_on(exchange)


async def dripped(exchange: Exchange) -> bool:
    """Send a byte a second."""
    reply = await exchange.reply()
    await exchange.send(*(reply[n : n + 1] for n in range(len(reply))), apart=1.0)
    return True


async def sliced(exchange: Exchange) -> bool:
    """Send each byte in a packet of its own."""
    reply = await exchange.reply()
    await exchange.send(*(reply[n : n + 1] for n in range(len(reply))))
    return True


@define
class Cut:
    """Cut each body at another place, over all of its length, and close."""

    _dice: Random = field(factory=lambda: Random(8))

    async def __call__(self, exchange: Exchange) -> bool:
        """Do it."""
        head, body = parted(await exchange.reply())
        await exchange.send(head + b"\r\n\r\n" + body[: self._dice.randrange(len(body))])
        return False


@define
class Flipped:
    """Flip one bit of each body."""

    _dice: Random = field(factory=lambda: Random(9))

    async def __call__(self, exchange: Exchange) -> bool:
        """Do it."""
        head, body = parted(await exchange.reply())
        place = self._dice.randrange(8 * len(body)) if body else 0
        flipped = bytearray(body)
        if flipped:
            flipped[place // 8] ^= 1 << place % 8
        await exchange.send(whole(head, bytes(flipped)))
        return True


@frozen
class Answered:
    """Answer each request with the next of some statuses, whatever it asks for."""

    statuses: Sequence[int]

    async def __call__(self, exchange: Exchange) -> bool:
        """Do it."""
        status = self.statuses[len(exchange.tunnel.log) % len(self.statuses)]
        await exchange.send(b"HTTP/1.1 %d Told\r\nContent-Length: 0\r\n\r\n" % status)
        return True


@frozen
class TooMany:
    """Refuse lists of more than so many ids."""

    most: int
    status: int

    async def __call__(self, exchange: Exchange) -> bool:
        """Do it."""
        if len(exchange.ids) <= self.most:
            return await passed_on(exchange)
        return await Answered([self.status])(exchange)


@frozen
class Poisoned:
    """Answer 500 whenever an id is among those asked for."""

    task_id: str

    async def __call__(self, exchange: Exchange) -> bool:
        """Do it."""
        if self.task_id in exchange.ids or f"/{self.task_id}/" in exchange.path:
            return await Answered([500])(exchange)
        return await passed_on(exchange)


@define
class Muddled:
    """Leave rows of a list out, double them, add a stranger's, and turn their order."""

    _dice: Random = field(factory=lambda: Random(16))
    _older: Rows = field(factory=list)

    async def __call__(self, exchange: Exchange) -> bool:
        """Do it."""
        head, body = parted(await exchange.reply())
        rows: Rows = json.loads(body)
        kept = [row for row in rows if self._dice.random() < 0.7]
        stray = [{**row, "id": "4711", "status": "SUCCESS"} for row in rows[:1]]
        muddled = [*kept, *self._older, *stray, *kept]
        self._dice.shuffle(muddled)
        self._older = rows
        await exchange.send(whole(head, json.dumps(muddled).encode()))
        return True


@define
class Lagging:
    """Let every second reply come from a replica that stands as it stood *lag* seconds ago."""

    lag: float
    _seen: dict[tuple[str, bytes], list[tuple[float, bytes]]] = field(factory=dict)
    _count: int = 0

    async def __call__(self, exchange: Exchange) -> bool:
        """Do it."""
        now = asyncio.get_running_loop().time()
        reply = await exchange.reply()
        seen = self._seen.setdefault((exchange.path, exchange.body), [])
        seen.append((now, reply))
        self._count += 1
        older = [old for at, old in seen if at <= now - self.lag]
        await exchange.send(older[-1] if older and self._count % 2 == 0 else reply)
        return True
